"""Layers as pairs of functions: init(key, input shape) -> (output shape, parameters), and apply."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import ingot.numpy as jnp
from ingot import lax, nn, random
from ingot.api.make_jaxpr import eval_shape
from ingot.api.shapes import ShapeDtypeStruct
from ingot.nn import (
    elu as elu,
    gelu as gelu,
    leaky_relu as leaky_relu,
    log_softmax as log_softmax,
    relu as relu,
    selu as selu,
    sigmoid as sigmoid,
    softmax as softmax,
    softplus as softplus,
    standardize as standardize,
)
from ingot.nn.initializers import glorot_normal, normal, ones, zeros

Layer = tuple[Callable[..., Any], Callable[..., Any]]

logsoftmax, glorot, randn = log_softmax, glorot_normal, normal
_WEIGHTS, _BIAS, _SMALL_BIAS = glorot_normal(), normal(), normal(1e-6)


def Dense(out_dim: int, W_init: Any = _WEIGHTS, b_init: Any = _BIAS) -> Layer:
    """x W + b."""
    def init(rng: Any, input_shape: Sequence[int]) -> Any:
        k1, k2 = random.split(rng)
        return (*input_shape[:-1], out_dim), (
            W_init(k1, (input_shape[-1], out_dim)), b_init(k2, (out_dim,)))

    return init, lambda params, inputs, **kwargs: jnp.dot(inputs, params[0]) + params[1]


def _window(dims: str, values: Sequence[int], spatial: str) -> tuple[int, ...]:
    """One value for each of `dims`: those given for spatial axes, 1 for the others."""
    rest = iter(values)
    return tuple(next(rest) if c in spatial else 1 for c in dims)


def GeneralConv(dimension_numbers: Any, out_chan: int, filter_shape: Sequence[int],
                strides: Any = None, padding: str = "VALID", W_init: Any = None,
                b_init: Any = _SMALL_BIAS) -> Layer:
    """A convolution with axes in any order."""
    _, rhs, _ = dimension_numbers
    steps = tuple(strides or (1,) * len(filter_shape))
    units = (1,) * len(steps)

    def product(inputs: Any, W: Any) -> Any:
        return lax.conv_general_dilated(inputs, W, steps, padding, units, units,
                                        dimension_numbers=dimension_numbers)

    weights = W_init or glorot_normal(rhs.index("I"), rhs.index("O"))
    return _convolution(dimension_numbers, out_chan, filter_shape, weights, b_init, product)


def _convolution(dimension_numbers: Any, out_chan: int, filter_shape: Sequence[int], weights: Any,
                 b_init: Any, product: Callable[..., Any]) -> Layer:
    """The layer of a product of inputs and weights, plus a bias."""
    lhs, rhs, out = dimension_numbers

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        W, b = params
        return product(inputs, W) + b

    def init(rng: Any, input_shape: Sequence[int]) -> Any:
        rest = iter(filter_shape)
        kernel = [out_chan if c == "O" else input_shape[lhs.index("C")] if c == "I"
                  else next(rest) for c in rhs]
        k1, k2 = random.split(rng)
        params = (weights(k1, kernel), b_init(k2, [out_chan if c == "C" else 1 for c in out]))
        # A batch of unknown size is written -1: it stays what it is.
        shape = [1 if n < 0 else n for n in input_shape]
        found = _shape_of(apply, params, shape)
        return tuple(-1 if out[i] == "N" and input_shape[lhs.index("N")] < 0 else n
                     for i, n in enumerate(found)), params

    return init, apply


def _shape_of(apply: Callable[..., Any], params: Any, shape: Sequence[int]) -> tuple[int, ...]:
    return eval_shape(apply, params, ShapeDtypeStruct(shape, params[0].dtype)).shape


Conv = functools.partial(GeneralConv, ("NHWC", "HWIO", "NHWC"))


def GeneralConvTranspose(dimension_numbers: Any, out_chan: int, filter_shape: Sequence[int],
                         strides: Any = None, padding: str = "VALID", W_init: Any = None,
                         b_init: Any = _SMALL_BIAS) -> Layer:
    """A transposed convolution with axes in any order."""
    _, rhs, _ = dimension_numbers
    steps = tuple(strides or (1,) * len(filter_shape))

    def product(inputs: Any, W: Any) -> Any:
        return lax.conv_transpose(inputs, W, steps, padding, dimension_numbers=dimension_numbers)

    weights = W_init or glorot_normal(rhs.index("I"), rhs.index("O"))
    return _convolution(dimension_numbers, out_chan, filter_shape, weights, b_init, product)


Conv1DTranspose = functools.partial(GeneralConvTranspose, ("NHC", "HIO", "NHC"))
ConvTranspose = functools.partial(GeneralConvTranspose, ("NHWC", "HWIO", "NHWC"))


def BatchNorm(axis: Any = (0, 1, 2), epsilon: float = 1e-5, center: bool = True,
              scale: bool = True, beta_init: Any = zeros, gamma_init: Any = ones) -> Layer:
    """Zero mean and unit variance over some axes, then a scale and a shift."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)

    def init(rng: Any, input_shape: Sequence[int]) -> Any:
        shape = tuple(n for i, n in enumerate(input_shape) if i not in axes)
        k1, k2 = random.split(rng)
        return input_shape, (beta_init(k1, shape) if center else (),
                             gamma_init(k2, shape) if scale else ())

    def apply(params: Any, x: Any, **kwargs: Any) -> Any:
        beta, gamma = params
        where = tuple(None if i in axes else slice(None) for i in range(jnp.ndim(x)))
        z = nn.standardize(x, axes, epsilon=epsilon)
        z = z * gamma[where] if scale else z
        return z + beta[where] if center else z

    return init, apply


def elementwise(fun: Callable[..., Any], **fun_kwargs: Any) -> Layer:
    """A function of each element as a layer."""
    return (lambda rng, input_shape: (input_shape, ()),
            lambda params, inputs, **kwargs: fun(inputs, **fun_kwargs))


Tanh, Relu, Exp = elementwise(jnp.tanh), elementwise(nn.relu), elementwise(jnp.exp)
LogSoftmax = elementwise(nn.log_softmax, axis=-1)
Softmax = elementwise(nn.softmax, axis=-1)
Softplus, Sigmoid, Elu = elementwise(nn.softplus), elementwise(nn.sigmoid), elementwise(nn.elu)
LeakyRelu, Selu, Gelu = elementwise(nn.leaky_relu), elementwise(nn.selu), elementwise(nn.gelu)
Identity: Layer = (lambda rng, input_shape: (input_shape, ()),
                   lambda params, inputs, **kwargs: inputs)


def _pooling_layer(reducer: Any, start: Any, finish: Callable[..., Any]) -> Callable[..., Layer]:
    def layer(window_shape: Sequence[int], strides: Any = None, padding: str = "VALID",
              spec: str = "NHWC") -> Layer:
        spatial = spec.replace("N", "").replace("C", "")
        window = _window(spec, window_shape, spatial)
        steps = _window(spec, strides or (1,) * len(window_shape), spatial)

        def reduce(x: Any) -> Any:
            return lax.reduce_window(x, jnp.asarray(start, x.dtype), reducer, window, steps,
                                     padding)

        def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
            return finish(reduce, inputs)

        def init(rng: Any, input_shape: Sequence[int]) -> Any:
            pads = lax.padtype_to_pads(input_shape, window, steps, padding)
            return tuple((n + sum(p) - w) // s + 1 for n, p, w, s in
                         zip(input_shape, pads, window, steps, strict=True)), ()

        return init, apply

    return layer


MaxPool = _pooling_layer(lax.max, -jnp.inf, lambda reduce, x: reduce(x))
SumPool = _pooling_layer(lax.add, 0.0, lambda reduce, x: reduce(x))
AvgPool = _pooling_layer(lax.add, 0.0, lambda reduce, x: reduce(x) / reduce(jnp.ones_like(x)))


def _flatten_init(rng: Any, input_shape: Sequence[int]) -> Any:
    size = 1
    for n in input_shape[1:]:
        size *= n
    return (input_shape[0], size), ()


Flatten: Layer = (_flatten_init,
                  lambda params, inputs, **kwargs: jnp.reshape(inputs, (inputs.shape[0], -1)))
FanInSum: Layer = (lambda rng, input_shape: (input_shape[0], ()),
                   lambda params, inputs, **kwargs: sum(inputs))


def FanOut(num: int) -> Layer:
    """The input several times."""
    return (lambda rng, input_shape: ([input_shape] * num, ()),
            lambda params, inputs, **kwargs: [inputs] * num)


def FanInConcat(axis: int = -1) -> Layer:
    """Several inputs joined along an axis."""
    def init(rng: Any, input_shape: Sequence[Any]) -> Any:
        out = list(input_shape[0])
        out[axis] = sum(shape[axis] for shape in input_shape)
        return tuple(out), ()

    return init, lambda params, inputs, **kwargs: jnp.concatenate(inputs, axis)


def Dropout(rate: float, mode: str = "train") -> Layer:
    """Keeps each element with probability `rate` (then scaled by its inverse), in training."""
    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        if mode != "train":
            return inputs
        if kwargs.get("rng") is None:
            raise ValueError("Dropout: apply needs a key, apply(params, inputs, rng=key)")
        keep = random.bernoulli(kwargs["rng"], rate, inputs.shape)
        return jnp.where(keep, inputs / rate, 0)

    return (lambda rng, input_shape: (input_shape, ())), apply


# ---- combinations --------------------------------------------------------------------------------
def _keys(rng: Any, count: int) -> Any:
    return random.split(rng, count) if rng is not None else [None] * count


def serial(*layers: Layer) -> Layer:
    """Layers one after another."""
    def init(rng: Any, input_shape: Any) -> Any:
        params = []
        for layer_init, _ in layers:
            rng, key = random.split(rng)
            input_shape, param = layer_init(key, input_shape)
            params.append(param)
        return input_shape, params

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        keys = _keys(kwargs.pop("rng", None), len(layers))
        for (_, layer), param, key in zip(layers, params, keys, strict=True):
            inputs = layer(param, inputs, rng=key, **kwargs)
        return inputs

    return init, apply


def parallel(*layers: Layer) -> Layer:
    """Layers side by side, each with its own input."""
    def init(rng: Any, input_shape: Any) -> Any:
        found = [layer_init(key, shape) for (layer_init, _), key, shape in
                 zip(layers, _keys(rng, len(layers)), input_shape, strict=True)]
        return [shape for shape, _ in found], [params for _, params in found]

    def apply(params: Any, inputs: Any, **kwargs: Any) -> Any:
        keys = _keys(kwargs.pop("rng", None), len(layers))
        return [layer(p, x, rng=k, **kwargs) for (_, layer), p, x, k in
                zip(layers, params, inputs, keys, strict=True)]

    return init, apply


def shape_dependent(make_layer: Callable[[Any], Layer]) -> Layer:
    """A layer made for the shape of its input."""
    return (lambda rng, input_shape: make_layer(input_shape)[0](rng, input_shape),
            lambda params, inputs, **kwargs: make_layer(inputs.shape)[1](params, inputs, **kwargs))
