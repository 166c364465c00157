"""Common array operations in both precisions at three sizes, with NumPy or SciPy beside.

Sizes are such that operands fit the first cache, the second, or neither. Rivals write to memory
that exists already where their function allows it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg
import scipy.special

from harness import Program

SIZES = {"L1": 1_024, "L2": 65_536, "memory": 2_097_152}


# ---- operands ----
def shape_of(size):
    """A matrix of `size` elements, at most twice as wide as high."""
    rows = 1 << (size.bit_length() - 1) // 2
    return rows, size // rows


def vectors(count, low=None):
    """`count` vectors of normal numbers, or of numbers between `low` and 2."""

    def build(rng, size):
        draw = rng.normal if low is None else lambda size: rng.uniform(low, 2, size)
        return tuple(draw(size=size) for _ in range(count))

    return build


def matrix(rng, size):
    return (rng.normal(size=shape_of(size)),)


def matrices(kind, flops=16):
    """Two matrices to multiply; `kind` says which shape, `flops` how much smaller than vectors."""

    def build(rng, size):
        n = 2 * int(np.sqrt(size / flops))
        shapes = {
            "square": ((n, n), (n, n)),
            "vector": (shape_of(size), shape_of(size)[1:]),
            "thin": ((size // 16, 16), (16, 16)),
            "left": ((16, size // 16), (size // 16, 16)),
        }[kind]
        return tuple(rng.normal(size=shape) for shape in shapes)

    return build


def stacks(n, definite=False, right=0):
    """A stack of n x n matrices, positive definite if so wanted, and as many right-hand sides."""

    def build(rng, size):
        count = max(size // (n * n), 1)
        a = rng.normal(size=(count, n, n))
        if definite:
            a = a @ a.swapaxes(-1, -2) + n * np.eye(n)
        return (a, rng.normal(size=(count, n, right))) if right else (a,)

    return build


def one_matrix(right=0):
    """A positive definite matrix, smaller than `size`, and right-hand sides."""

    def build(rng, size):
        n = 2 * int(np.sqrt(size / 16))
        a = rng.normal(size=(n, n))
        a = a @ a.T + n * np.eye(n)
        return (a, rng.normal(size=(n, right))) if right else (a,)

    return build


def with_places(kind):
    """Values and int32 places among them, or segments: sorted numbers of a tenth of the size."""

    def build(rng, size):
        x = rng.normal(size=size)
        if kind == "rows":
            rows, columns = size // 16, 16
            return x.reshape(rows, columns), rng.integers(0, rows, rows).astype(np.int32)
        if kind == "segments":
            return x, np.sort(rng.integers(0, size // 10, size)).astype(np.int32)
        return x, rng.integers(0, size, size).astype(np.int32)

    return build


def images(rng, size):
    """8 channels in NCHW, and a 3 x 3 kernel to 8 channels."""
    side = int(np.sqrt(size / 8))
    return rng.normal(size=(1, 8, side, side)), rng.normal(size=(8, 8, 3, 3))


def signal(rng, size):
    return rng.normal(size=size), rng.normal(size=15)


# ---- operations ----
@dataclass(frozen=True)
class Library:
    """What an expression may use: jax, jax.numpy, jax.lax, or NumPy and SciPy under these names."""

    jax: Any
    np: Any
    lax: Any


@dataclass(frozen=True)
class Op:
    """An operation: its operands, the expression, and its rival (operands..., out) or None."""

    operands: Callable
    run: Callable
    rival: Callable | None = None


def ufunc(name, count=1, low=None):
    """A universal function of NumPy's name."""
    return Op(
        vectors(count, low),
        lambda lib, *xs: getattr(lib.np, name)(*xs),
        lambda *xs: getattr(np, name)(*xs[:-1], out=xs[-1]),
    )


def reducer(name, axis):
    """A reduction of a matrix."""
    return Op(
        matrix,
        lambda lib, x: getattr(lib.np, name)(x, axis=axis),
        lambda x, out: getattr(np, name)(x, axis=axis, out=out),
    )


def special(name, low):
    return Op(
        vectors(1, low),
        lambda lib, x: getattr(lib.jax.scipy.special, name)(x),
        lambda x, out: getattr(scipy.special, name)(x, out=out),
    )


def chain(lib, x, y):
    z = x * y + 2 * x - y
    return z * z / (1 + lib.np.abs(z)) + x


def layer_norm(lib, x):
    mean = lib.np.mean(x, axis=-1, keepdims=True)
    variance = lib.np.mean((x - mean) ** 2, axis=-1, keepdims=True)
    return (x - mean) / lib.np.sqrt(variance + 1e-5)


def scatter_add(lib, x, places):
    return lib.np.zeros_like(x).at[places].add(x)


def segment_sum(lib, x, segments):
    return lib.np.zeros(x.size // 10, x.dtype).at[segments].add(x, indices_are_sorted=True)


def fft(name):
    return Op(
        vectors(1),
        lambda lib, x: getattr(lib.np.fft, name)(x),
        lambda x, out: getattr(scipy.fft, name)(x),
    )


def batched(n):
    """Products, factors and solutions of stacks of n x n matrices."""
    return {
        f"matmul of {n}x{n} stacks": Op(
            stacks(n), lambda lib, a: a @ a, lambda a, out: np.matmul(a, a, out=out)
        ),
        f"cholesky of {n}x{n} stacks": Op(
            stacks(n, definite=True),
            lambda lib, a: lib.np.linalg.cholesky(a),
            lambda a, out: np.linalg.cholesky(a),
        ),
        f"solve of {n}x{n} stacks": Op(
            stacks(n, definite=True, right=1),
            lambda lib, a, b: lib.np.linalg.solve(a, b),
            lambda a, b, out: np.linalg.solve(a, b),
        ),
    }


def convolve2d(lib, x, kernel):
    return lib.lax.conv_general_dilated(x, kernel, (1, 1), "SAME")


ELEMENTWISE = {
    "copy": Op(vectors(1), lambda lib, x: lib.np.copy(x), lambda x, out: np.copyto(out, x)),
    "x + y": ufunc("add", 2),
    "x / y": ufunc("divide", 2, 0.5),
    "sqrt": ufunc("sqrt", 1, 0.5),
    "exp": ufunc("exp"),
    "log": ufunc("log", 1, 0.5),
    "sin": ufunc("sin"),
    "tanh": ufunc("tanh"),
    "pow": ufunc("power", 2, 0.5),
    "erf": special("erf", -2),
    "lgamma": special("gammaln", 0.1),
    "chain of 8": Op(
        vectors(2),
        chain,
        lambda x, y, out: chain(Library(None, np, None), x, y),
    ),
    "exp(-x*x/2)": Op(
        vectors(1),
        lambda lib, x: lib.np.exp(-x * x / 2),
        lambda x, out: np.exp(-x * x / 2, out=out),
    ),
    "where": Op(
        vectors(2),
        lambda lib, x, y: lib.np.where(x > y, x, 2 * y),
        lambda x, y, out: np.where(x > y, x, 2 * y),
    ),
    "clip": Op(
        vectors(1),
        lambda lib, x: lib.np.clip(x, -1, 1),
        lambda x, out: np.clip(x, -1, 1, out=out),
    ),
    "softmax": Op(
        matrix,
        lambda lib, x: lib.jax.nn.softmax(x),
        lambda x, out: scipy.special.softmax(x, -1),
    ),
    "layer norm": Op(matrix, layer_norm, lambda x, out: layer_norm(Library(None, np, None), x)),
}

REDUCTIONS = {
    **{
        f"{name}, axis {axis}": reducer(name, axis)
        for name in ("sum", "mean", "var", "max", "argmax")
        for axis in (None, 0, -1)
    },
    "logsumexp, axis -1": Op(
        matrix,
        lambda lib, x: lib.jax.scipy.special.logsumexp(x, axis=-1),
        lambda x, out: scipy.special.logsumexp(x, axis=-1),
    ),
    "norm": Op(vectors(1), lambda lib, x: lib.np.linalg.norm(x), lambda x, out: np.linalg.norm(x)),
    "cumsum": Op(vectors(1), lambda lib, x: lib.np.cumsum(x), lambda x, out: np.cumsum(x, out=out)),
    "cumsum, axis 0": reducer("cumsum", 0),
}

ORDER = {
    "sort": Op(vectors(1), lambda lib, x: lib.np.sort(x), lambda x, out: np.sort(x)),
    "sort, axis -1": Op(matrix, lambda lib, x: lib.np.sort(x), lambda x, out: np.sort(x)),
    "argsort": Op(
        vectors(1),
        lambda lib, x: lib.np.argsort(x),
        lambda x, out: np.argsort(x, kind="stable"),
    ),
    "top_k": Op(
        matrix,
        lambda lib, x: lib.lax.top_k(x, 10)[0],
        lambda x, out: np.partition(x, -10)[:, :-11:-1],
    ),
    "median": reducer("median", None),
    "searchsorted": Op(
        lambda rng, size: (np.sort(rng.normal(size=size)), rng.normal(size=size)),
        lambda lib, x, y: lib.np.searchsorted(x, y),
        lambda x, y, out: np.searchsorted(x, y),
    ),
}
PRODUCTS = {
    **{
        f"matmul, {kind}": Op(
            matrices(kind), lambda lib, a, b: a @ b, lambda a, b, out: np.matmul(a, b, out=out)
        )
        for kind in ("square", "vector", "thin", "left")
    },
    "einsum ij,kj->ik": Op(
        matrices("square"),
        lambda lib, a, b: lib.np.einsum("ij,kj->ik", a, b),
        lambda a, b, out: np.matmul(a, b.T, out=out),
    ),
    "outer": Op(
        lambda rng, size: tuple(rng.normal(size=n) for n in shape_of(size)),
        lambda lib, x, y: lib.np.outer(x, y),
        lambda x, y, out: np.outer(x, y, out=out),
    ),
    "cholesky": Op(
        one_matrix(),
        lambda lib, a: lib.np.linalg.cholesky(a),
        lambda a, out: np.linalg.cholesky(a),
    ),
    "solve": Op(
        one_matrix(2),
        lambda lib, a, b: lib.np.linalg.solve(a, b),
        lambda a, b, out: np.linalg.solve(a, b),
    ),
    **batched(3),
    **batched(8),
}

MOVEMENT = {
    "transpose": Op(matrix, lambda lib, x: x.T, lambda x, out: np.copyto(out, x.T)),
    "reshape and add": Op(
        vectors(2),
        lambda lib, x, y: x.reshape(-1, 64) + y.reshape(-1, 64),
        lambda x, y, out: np.add(x.reshape(-1, 64), y.reshape(-1, 64), out=out),
    ),
    "concatenate": Op(
        vectors(2),
        lambda lib, x, y: lib.np.concatenate([x, y]),
        lambda x, y, out: np.concatenate([x, y], out=out),
    ),
    "pad": Op(matrix, lambda lib, x: lib.np.pad(x, 1), lambda x, out: np.pad(x, 1)),
    "roll": Op(vectors(1), lambda lib, x: lib.np.roll(x, 5), lambda x, out: np.roll(x, 5)),
    "take": Op(
        with_places("elements"),
        lambda lib, x, i: x[i],
        lambda x, i, out: np.take(x, i, out=out, mode="clip"),
    ),
    "take rows": Op(
        with_places("rows"),
        lambda lib, x, i: x[i],
        lambda x, i, out: np.take(x, i, axis=0, out=out, mode="clip"),
    ),
    "scatter add": Op(
        with_places("elements"),
        scatter_add,
        lambda x, i, out: np.bincount(i, x, minlength=x.size),
    ),
    "segment sum": Op(
        with_places("segments"),
        segment_sum,
        lambda x, i, out: np.bincount(i, x, minlength=x.size // 10),
    ),
    "convolve, 15 taps": Op(
        signal,
        lambda lib, x, y: lib.np.convolve(x, y, mode="same"),
        lambda x, y, out: np.convolve(x, y, mode="same"),
    ),
    "conv2d, 3x3": Op(images, convolve2d),
    "fft": fft("fft"),
    "rfft": fft("rfft"),
}

OPS = ELEMENTWISE | REDUCTIONS | ORDER | PRODUCTS | MOVEMENT


# ---- programs ----
def operands(op, dtype, size):
    """The operands of an operation; floats in the dtype wanted."""
    arrays = op.operands(np.random.default_rng(size), size)
    return [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]


def make(op, dtype, size):
    def build(jax, jnp, lax):
        lib = Library(jax, jnp, lax)
        return jax.jit(lambda *xs: op.run(lib, *xs)), tuple(
            map(jnp.asarray, operands(op, dtype, size))
        )

    return build


def rival(op, dtype, size):
    """The rival on the same operands, writing into a result of its first run where it can."""

    def build():
        arrays = operands(op, dtype, size)
        try:
            out = np.array(op.rival(*arrays, None))
        except TypeError:  # copyto, which has no result
            out = np.empty(arrays[0].T.shape, dtype)
        return lambda: op.rival(*arrays, out)

    return build


ASKED = {"jax": (0.6, 1.1), "numpy/scipy": (None, 1.3)}

PROGRAMS = [
    Program(
        f"{name}, {dtype}, {level}",
        make(op, dtype, size),
        {"numpy/scipy": rival(op, dtype, size)} if op.rival else {},
    )
    for name, op in OPS.items()
    for dtype in ("float32", "float64")
    for level, size in SIZES.items()
]
