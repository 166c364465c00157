"""Convolutions and their gradients, alone and in networks, with PyTorch's oneDNN beside.

Each row of `CASES` is measured forward, and for the gradients of the operand and of the weights, in
both layouts. `python benchmarks/run.py conv --only NAME` measures some.
"""

import math
from dataclasses import dataclass

import numpy as np

from harness import Program

LAYOUTS = {"NCHW": ("NCDHW", "OIDHW"), "NHWC": ("NDHWC", "DHWIO")}
"""Letters of the operand's and the weights' axes, for up to three spatial ones."""


@dataclass(frozen=True)
class Case:
    """A convolution: `padding` is that before and after each axis, half of the window by default.
    """

    name: str
    batch: int
    features: int
    outs: int
    sizes: tuple[int, ...]
    window: tuple[int, ...]
    stride: int = 1
    dilation: int = 1
    groups: int = 1

    @property
    def padding(self):
        return [(k - 1) * self.dilation // 2 for k in self.window]

    @property
    def out_sizes(self):
        return [
            (n + 2 * p - (k - 1) * self.dilation - 1) // self.stride + 1
            for n, p, k in zip(self.sizes, self.padding, self.window, strict=True)
        ]

    @property
    def work(self):
        """Floating-point operations, each product and each sum counted."""
        terms = self.features // self.groups * math.prod(self.window)
        return 2 * self.batch * self.outs * math.prod(self.out_sizes) * terms


CASES = [
    Case("3x3, 3 to 32, 32^2, batch 32", 32, 3, 32, (32, 32), (3, 3)),
    Case("5x5, 1 to 32, 28^2, batch 32", 32, 1, 32, (28, 28), (5, 5)),
    Case("5x5, 32 to 64, 14^2, batch 32", 32, 32, 64, (14, 14), (5, 5)),
    Case("7x7/2, 3 to 64, 224^2, batch 2", 2, 3, 64, (224, 224), (7, 7), stride=2),
    Case("3x3, 64 to 64, 56^2, batch 4", 4, 64, 64, (56, 56), (3, 3)),
    Case("3x3, 64 to 64, 56^2, batch 1", 1, 64, 64, (56, 56), (3, 3)),
    Case("3x3, 128 to 128, 28^2, batch 4", 4, 128, 128, (28, 28), (3, 3)),
    Case("3x3, 256 to 256, 14^2, batch 4", 4, 256, 256, (14, 14), (3, 3)),
    Case("3x3, 512 to 512, 7^2, batch 4", 4, 512, 512, (7, 7), (3, 3)),
    Case("3x3/2, 64 to 128, 56^2, batch 4", 4, 64, 128, (56, 56), (3, 3), stride=2),
    Case("3x3, 16 to 16, 32^2, batch 128", 128, 16, 16, (32, 32), (3, 3)),
    Case("3x3, 8 to 8, 64^2, batch 1", 1, 8, 8, (64, 64), (3, 3)),
    Case("3x3, 1 to 1, 256^2, batch 1", 1, 1, 1, (256, 256), (3, 3)),
    Case("1x1, 64 to 256, 56^2, batch 4", 4, 64, 256, (56, 56), (1, 1)),
    Case("1x1, 256 to 64, 56^2, batch 4", 4, 256, 64, (56, 56), (1, 1)),
    Case("1x1/2, 256 to 512, 28^2, batch 4", 4, 256, 512, (28, 28), (1, 1), stride=2),
    Case("3x3, dilation 2, 64 to 64, 28^2, batch 4", 4, 64, 64, (28, 28), (3, 3), dilation=2),
    Case("3x3, depthwise, 64, 56^2, batch 4", 4, 64, 64, (56, 56), (3, 3), groups=64),
    Case("3x3, 32 groups, 128 to 128, 28^2, batch 4", 4, 128, 128, (28, 28), (3, 3), groups=32),
    Case("3 taps, 1 to 1, 100000", 1, 1, 1, (100_000,), (3,)),
    Case("31 taps, 1 to 1, 100000", 1, 1, 1, (100_000,), (31,)),
    Case("1001 taps, 1 to 1, 100000", 1, 1, 1, (100_000,), (1001,)),
    Case("9 taps, 16 to 32, 10000, batch 4", 4, 16, 32, (10_000,), (9,)),
    Case("3x3x3, 8 to 16, 16^3, batch 2", 2, 8, 16, (16, 16, 16), (3, 3, 3)),
]

KINDS = ("forward", "operand's gradient", "weights' gradient")
FLOAT64 = ("5x5, 1 to 32", "5x5, 32 to 64", "3x3, 64 to 64, 56^2, batch 4", "1x1, 64", "depthwise")
"""Beginnings or parts of the names of cases that are measured in float64 too."""


def operands(case, dtype):
    """Operand, weights and a cotangent of the result, with features in front of spatial axes."""
    rng = np.random.default_rng(0)
    shapes = (
        (case.batch, case.features, *case.sizes),
        (case.outs, case.features // case.groups, *case.window),
        (case.batch, case.outs, *case.out_sizes),
    )
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def arranged(arrays, layout):
    """The same with their axes as in a layout."""
    if layout == "NCHW":
        return arrays
    x, w, ct = arrays
    return [np.ascontiguousarray(a) for a in (
        np.moveaxis(x, 1, -1), np.moveaxis(w, (0, 1), (-1, -2)), np.moveaxis(ct, 1, -1))]


def dimension_numbers(case, layout):
    spatial = "DHW"[-len(case.sizes) :]
    operand, weights = (
        "".join(c for c in spec if c in "NCOI" + spatial) for spec in LAYOUTS[layout]
    )
    return operand, weights, operand


def make(case, kind, layout, dtype):
    """The program of a row."""

    def build(jax, jnp, lax):
        axes = len(case.sizes)
        x, w, ct = map(jnp.asarray, arranged(operands(case, dtype), layout))

        def convolved(x, w):
            return lax.conv_general_dilated(
                x, w, (case.stride,) * axes, [(p, p) for p in case.padding],
                rhs_dilation=(case.dilation,) * axes, feature_group_count=case.groups,
                dimension_numbers=dimension_numbers(case, layout))

        def operand_gradient(x, w, ct):
            return jax.vjp(lambda x: convolved(x, w), x)[1](ct)[0]

        def weights_gradient(x, w, ct):
            return jax.vjp(lambda w: convolved(x, w), w)[1](ct)[0]

        if kind == "forward":
            return jax.jit(convolved), (x, w)
        gradient = operand_gradient if kind == "operand's gradient" else weights_gradient
        return jax.jit(gradient), (x, w, ct)

    return build


def torch_call(case, kind, layout, dtype):
    """The same by PyTorch, with its memory format for the layout."""
    import torch

    x, w, ct = map(torch.from_numpy, operands(case, dtype))
    if layout == "NHWC" and len(case.sizes) > 1:
        form = torch.channels_last if len(case.sizes) == 2 else torch.channels_last_3d
        x, w, ct = (a.contiguous(memory_format=form) for a in (x, w, ct))
    axes = len(case.sizes)
    settings = ([case.stride] * axes, case.padding, [case.dilation] * axes)
    if kind == "forward":
        return lambda: torch.convolution(x, w, None, *settings, False, [0] * axes, case.groups)
    mask = [kind == "operand's gradient", kind == "weights' gradient", False]
    return lambda: torch.ops.aten.convolution_backward(
        ct, x, w, None, *settings, False, [0] * axes, case.groups, mask)


def row(case, kind, layout, dtype):
    """A program of one convolution."""
    name = f"{case.name}: {kind}, {layout}, {dtype}"
    return Program(name, make(case, kind, layout, dtype),
                   {"PyTorch": lambda: torch_call(case, kind, layout, dtype)})


PROGRAMS = [
    row(case, kind, layout, dtype)
    for case in CASES
    for dtype in ("float32", "float64")
    if dtype == "float32" or any(part in case.name for part in FLOAT64)
    for kind in KINDS
    for layout in LAYOUTS
]


# ---- networks ------------------------------------------------------------------------------------
def lenet_operands(rng):
    """Images of 28 x 28, in channels last: two convolutions with pooling, two dense layers."""
    shapes = [(5, 5, 1, 32), (32,), (5, 5, 32, 64), (64,), (3136, 128), (128,), (128, 10), (10,)]
    parameters = [
        (rng.normal(size=s) / np.sqrt(math.prod(s[:-1]))).astype(np.float32) for s in shapes
    ]
    x = rng.normal(size=(32, 28, 28, 1)).astype(np.float32)
    return parameters, x, rng.integers(0, 10, 32)


def lenet(jax, jnp, lax):
    """Value and gradient of a small network for digits."""
    parameters, x, y = lenet_operands(np.random.default_rng(0))

    def convolved(x, w, b):
        out = lax.conv_general_dilated(x, w, (1, 1), "SAME",
                                       dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return pooled(jax.nn.relu(out + b))

    def pooled(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def loss(parameters, x, y):
        w1, b1, w2, b2, w3, b3, w4, b4 = parameters
        x = convolved(convolved(x, w1, b1), w2, b2)
        x = jax.nn.relu(x.reshape(x.shape[0], -1) @ w3 + b3)
        logits = jax.nn.log_softmax(x @ w4 + b4)
        return -jnp.mean(jnp.take_along_axis(logits, y[:, None], 1))

    return jax.jit(jax.value_and_grad(loss)), (
        [jnp.asarray(p) for p in parameters], jnp.asarray(x), jnp.asarray(y))


def torch_lenet():
    """The same by PyTorch, in its layout."""
    import torch
    from torch.nn import functional as F

    parameters, x, y = lenet_operands(np.random.default_rng(0))
    tensors = []
    for p in parameters:
        p = np.moveaxis(p, (-1, -2), (0, 1)) if p.ndim == 4 else p.T if p.ndim == 2 else p
        tensors.append(torch.tensor(np.ascontiguousarray(p), requires_grad=True))
    x, y = torch.tensor(np.moveaxis(x, -1, 1).copy()), torch.tensor(y)

    def step():
        w1, b1, w2, b2, w3, b3, w4, b4 = tensors
        h = F.max_pool2d(F.relu(F.conv2d(x, w1, b1, padding=2)), 2)
        h = F.max_pool2d(F.relu(F.conv2d(h, w2, b2, padding=2)), 2)
        h = F.relu(F.linear(h.flatten(1), w3, b3))
        return torch.autograd.grad(F.cross_entropy(F.linear(h, w4, b4), y), tensors)

    return step


def block_operands(rng):
    """Images of 28 x 28 with 64 channels, in channels last; two convolutions and norms."""
    weights = [(rng.normal(size=(3, 3, 64, 64)) / 24).astype(np.float32) for _ in range(2)]
    norms = [np.ones(64, np.float32) for _ in range(4)]
    return weights, norms, rng.normal(size=(8, 28, 28, 64)).astype(np.float32)


def residual_block(jax, jnp, lax):
    """Value and gradient of a residual block with batch norms."""
    weights, norms, x = block_operands(np.random.default_rng(0))

    def convolved(x, w):
        return lax.conv_general_dilated(x, w, (1, 1), "SAME",
                                        dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def norm(x, scale, shift):
        return (x - x.mean((0, 1, 2))) * lax.rsqrt(x.var((0, 1, 2)) + 1e-5) * scale + shift

    def loss(weights, norms, x):
        (w1, w2), (s1, b1, s2, b2) = weights, norms
        h = jax.nn.relu(norm(convolved(x, w1), s1, b1))
        return jnp.sum(jax.nn.relu(norm(convolved(h, w2), s2, b2) + x) ** 2)

    return jax.jit(jax.value_and_grad(loss, (0, 1, 2))), tuple(
        [jnp.asarray(p) for p in part] for part in (weights, norms)) + (jnp.asarray(x),)


def torch_residual_block():
    """The same by PyTorch, in channels last."""
    import torch
    from torch.nn import functional as F

    weights, norms, x = block_operands(np.random.default_rng(0))
    form = torch.channels_last
    w1, w2 = (torch.tensor(np.moveaxis(w, (-1, -2), (0, 1)).copy()).contiguous(
        memory_format=form).requires_grad_() for w in weights)
    s1, b1, s2, b2 = (torch.tensor(n, requires_grad=True) for n in norms)
    x = torch.tensor(np.moveaxis(x, -1, 1).copy()).contiguous(memory_format=form).requires_grad_()

    def step():
        h = F.relu(F.batch_norm(F.conv2d(x, w1, padding=1), None, None, s1, b1, True))
        h = F.batch_norm(F.conv2d(h, w2, padding=1), None, None, s2, b2, True)
        return torch.autograd.grad((F.relu(h + x) ** 2).sum(), (w1, w2, s1, b1, s2, b2, x))

    return step


PROGRAMS += [
    Program("network: two convolutions, 28^2, batch 32: gradient", lenet, {"PyTorch": torch_lenet}),
    Program("network: residual block, 64, 28^2, batch 8: gradient", residual_block,
            {"PyTorch": torch_residual_block}),
]
