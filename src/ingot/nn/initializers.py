"""Initial values of parameters: constant, random, orthogonal, scaled by fan-in and fan-out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ingot import dtypes, random
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import canonical_shape
from ingot.numpy.creation import full, ones as ones_, zeros as zeros_
from ingot.numpy.linalg import qr
from ingot.numpy.manipulation import moveaxis
from ingot.numpy.promotion import user_dtype
from ingot.numpy.triangles import diagonal
from ingot.primitives.out_sharding import takes_out_sharding

__all__ = ["Initializer", "constant", "delta_orthogonal", "glorot_normal", "glorot_uniform",
           "he_normal", "he_uniform", "kaiming_normal", "kaiming_uniform", "lecun_normal",
           "lecun_uniform", "normal", "ones", "orthogonal", "truncated_normal", "uniform",
           "variance_scaling", "xavier_normal", "xavier_uniform", "zeros"]

Axes = int | Sequence[int]


class Initializer(Protocol):
    """The type of initializers: functions of a key, a shape and a dtype that make an array.

    >>> init = nn.initializers.normal()
    >>> init(random.key(0), (2, 3), "float32").shape
    (2, 3)
    """

    def __call__(self, key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> Any:
        """An array of this shape and dtype, drawn with the key."""
        ...


def _dtype(dtype: Any, default: Any = None) -> Any:
    return user_dtype("initializer", dtype) or user_dtype("initializer", default) \
        or dtypes.default_float()


@takes_out_sharding
def zeros(key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> Any:
    """Zeros of a shape, an initializer itself.

    key: not used. shape: a tuple of integers. dtype: by default the default float. out_sharding:
    how Explicit axes divide the result -> [*shape].

    >>> nn.initializers.zeros(None, (2,))
    Array([0., 0.], dtype=float64)
    """
    return zeros_(shape, _dtype(dtype))


@takes_out_sharding
def ones(key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> Any:
    """Ones of a shape, an initializer itself.

    key: not used. shape: a tuple of integers. dtype: by default the default float. out_sharding:
    how Explicit axes divide the result -> [*shape].

    >>> nn.initializers.ones(None, (2,))
    Array([1., 1.], dtype=float64)
    """
    return ones_(shape, _dtype(dtype))


def constant(value: Any, dtype: Any = None) -> Initializer:
    """An initializer of one value.

    value: a number, or an array that broadcasts to the shape asked for. dtype: by default the
    default float; the initializer's own argument goes first -> an `Initializer`.

    >>> nn.initializers.constant(2.0)(None, (2,))
    Array([2., 2.], dtype=float64)
    """

    @takes_out_sharding
    def init(key: Any, shape: Any, dtype: Any = dtype, out_sharding: Any = None) -> Any:
        return full(shape, value, _dtype(dtype))

    return init


def uniform(scale: Any = 1e-2, dtype: Any = None) -> Initializer:
    """An initializer of uniform numbers in [0, scale).

    scale: a number. dtype: by default the default float; the initializer's own argument goes first
    -> an `Initializer`.

    >>> nn.initializers.uniform(2.0)(random.key(0), (2,), "float32")
    Array([1.895334 , 1.9571598], dtype=float32)
    """

    @takes_out_sharding
    def init(key: Any, shape: Any, dtype: Any = dtype, out_sharding: Any = None) -> Any:
        dtype = _dtype(dtype)
        return random.uniform(key, shape, dtype) * ones_((), dtype) * full((), scale, dtype)

    return init


def normal(stddev: Any = 1e-2, dtype: Any = None) -> Initializer:
    """An initializer of normal numbers with mean 0.

    stddev: their standard deviation. dtype: floating or complex, by default the default float; the
    initializer's own argument goes first -> an `Initializer`.

    >>> nn.initializers.normal(0.1)(random.key(0), (2,), "float32")
    Array([0.16226421, 0.20252648], dtype=float32)
    """

    @takes_out_sharding
    def init(key: Any, shape: Any, dtype: Any = dtype, out_sharding: Any = None) -> Any:
        dtype = _dtype(dtype)
        return random.normal(key, shape, dtype) * full((), stddev, dtype)

    return init


def truncated_normal(stddev: Any = 1e-2, dtype: Any = None, lower: Any = -2.0,
                     upper: Any = 2.0) -> Initializer:
    """An initializer of normal numbers with mean 0 that lie between two bounds.

    stddev: the standard deviation before truncation. dtype: by default the default float. lower,
    upper: the bounds, in standard deviations -> an `Initializer`.

    >>> nn.initializers.truncated_normal(1.0, lower=0.0)(random.key(0), (2,), "float32")
    Array([1.6673133, 1.8387917], dtype=float32)
    """

    @takes_out_sharding
    def init(key: Any, shape: Any, dtype: Any = dtype, out_sharding: Any = None) -> Any:
        dtype = _dtype(dtype)
        return random.truncated_normal(key, lower, upper, shape, dtype) * full((), stddev, dtype)

    return init


def _axes(axis: Axes, ndim: int) -> tuple[int, ...]:
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    return tuple(i % ndim for i in given)


def _fans(shape: Sequence[int], in_axis: Axes, out_axis: Axes, batch_axis: Axes
          ) -> tuple[float, float]:
    """Numbers of inputs and outputs of a unit: a receptive field times the channels."""
    ndim = len(shape)
    if not ndim or sum(1 if isinstance(a, int) else len(a) for a in (in_axis, out_axis)) > ndim:
        raise ValueError("variance_scaling: an axis of inputs and one of outputs are needed, got"
                         f" shape {tuple(shape)}; for vectors one of them may be ()")
    ins, outs, batch = (_axes(a, ndim) for a in (in_axis, out_axis, batch_axis))
    n_in, n_out, n_batch = (math.prod(shape[i] for i in a) for a in (ins, outs, batch))
    field = math.prod(shape) / n_in / n_out / n_batch
    return n_in * field, n_out * field


def variance_scaling(scale: Any, mode: str, distribution: str, in_axis: Axes = -2,
                     out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """An initializer of random numbers whose variance is `scale` / n, n a number of connections.

    mode: n is the number of inputs ('fan_in') or outputs ('fan_out'), or their arithmetic or
    geometric mean ('fan_avg', 'fan_geo_avg'). distribution: 'truncated_normal', 'normal' or
    'uniform', for complex dtypes in the plane. in_axis, out_axis: axes of inputs and outputs;
    batch_axis: axes of independent arrays; others are a receptive field. dtype: by default the
    default float. -> an `Initializer`. Raises ValueError for other modes and distributions, and
    shapes without these axes.

    >>> init = nn.initializers.variance_scaling(3.0, "fan_in", "uniform")
    >>> float(abs(init(random.key(0), (4, 100))).max()) < 1.5
    True
    """

    @takes_out_sharding
    def init(key: Any, shape: Any, dtype: Any = dtype, out_sharding: Any = None) -> Any:
        shape, dtype = canonical_shape("variance_scaling", shape), _dtype(dtype)
        fan_in, fan_out = _fans(shape, in_axis, out_axis, batch_axis)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2,
                "fan_geo_avg": math.sqrt(fan_in * fan_out)}
        if mode not in fans:
            raise ValueError(
                f"variance_scaling: mode must be one of {', '.join(fans)}, got {mode!r}")
        variance = full((), scale / max(1.0, fans[mode]), dtype)
        return _drawn(distribution, key, shape, dtype, variance)

    return init


def _drawn(distribution: str, key: Any, shape: Any, dtype: Any, variance: Any) -> Any:
    """Random numbers of mean 0 and this variance, for complex dtypes in the plane."""
    is_complex = dtypes.kind(dtype) == "c"
    if distribution == "normal":
        return random.normal(key, shape, dtype) * lax.sqrt(variance)
    if distribution == "uniform":
        if is_complex:
            return _complex_disk(key, shape, dtype) * lax.sqrt(variance)
        return random.uniform(key, shape, dtype, -1) * lax.sqrt(3 * variance)
    if distribution == "truncated_normal":
        if is_complex:
            # Standard deviation of the complex normal with modulus below 2.
            stddev = lax.sqrt(variance) / 0.95311164380491208
            return _complex_truncated(key, 2.0, shape, dtype) * stddev
        # Standard deviation of the normal truncated to [-2, 2].
        stddev = lax.sqrt(variance) / 0.87962566103423978
        return random.truncated_normal(key, -2.0, 2.0, shape, dtype) * stddev
    raise ValueError("variance_scaling: distribution must be one of truncated_normal, normal,"
                     f" uniform, got {distribution!r}")


def _polar(radius: Any, angle: Any, dtype: Any) -> Any:
    return lax.complex(radius * lax.cos(angle), radius * lax.sin(angle))


def _complex_disk(key: Any, shape: Any, dtype: Any) -> Any:
    """Uniform in the unit disk."""
    radius_key, angle_key = random.split(key)
    part = dtypes.real_of(dtype)
    radius = lax.sqrt(random.uniform(radius_key, shape, part))
    return _polar(radius, 2 * math.pi * random.uniform(angle_key, shape, part), dtype)


def _complex_truncated(key: Any, upper: float, shape: Any, dtype: Any) -> Any:
    """Complex normal with modulus below `upper`."""
    radius_key, angle_key = random.split(key)
    part = dtypes.real_of(dtype)
    share = (1 - math.exp(-(upper**2))) * random.uniform(radius_key, shape, part)
    return _polar(lax.sqrt(-lax.log1p(-share)),
                  2 * math.pi * random.uniform(angle_key, shape, part), dtype)


SCALED = """An initializer of {} numbers with variance {:g} / n, n the {}.

Source: {}. in_axis, out_axis, batch_axis, dtype -> result: those of `variance_scaling`.

>>> init = nn.initializers.{}()
>>> init(random.key(0), (100, 300), "float32").var().round(3)
Array({:g}, dtype=float32)
"""


def _scaled(name: str, scale: float, mode: str, distribution: str, source: str
            ) -> Callable[..., Initializer]:
    def make(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (),
             dtype: Any = None) -> Initializer:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    number, fan = {"fan_in": ("number of inputs", 100),
                   "fan_avg": ("mean of the numbers of inputs and outputs", 200)}[mode]
    make.__name__ = make.__qualname__ = name
    make.__doc__ = SCALED.format(distribution.replace("_", " "), scale, number, source, name,
                                 scale / fan)
    return make


glorot_uniform = _scaled(
    "glorot_uniform", 1, "fan_avg", "uniform", "Glorot and Bengio, 2010")
glorot_normal = _scaled(
    "glorot_normal", 1, "fan_avg", "truncated_normal", "Glorot and Bengio, 2010")
lecun_uniform = _scaled("lecun_uniform", 1, "fan_in", "uniform", "LeCun et al., 1998")
lecun_normal = _scaled("lecun_normal", 1, "fan_in", "truncated_normal", "LeCun et al., 1998")
he_uniform = _scaled("he_uniform", 2, "fan_in", "uniform", "He et al., 2015")
he_normal = _scaled("he_normal", 2, "fan_in", "truncated_normal", "He et al., 2015")
xavier_uniform, xavier_normal = glorot_uniform, glorot_normal
kaiming_uniform, kaiming_normal = he_uniform, he_normal


def orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """An initializer of matrices with orthonormal rows or columns, whichever are fewer.

    scale: a factor. column_axis: the axis of columns; all others together are the rows. dtype: by
    default the default float -> an `Initializer`. It raises ValueError for shapes of less than two
    axes.

    >>> q = nn.initializers.orthogonal()(random.key(0), (3, 2))
    >>> (q.T @ q).round(6)
    Array([[ 1., -0.],
           [-0.,  1.]], dtype=float64)
    """

    @takes_out_sharding
    def init(key: Any, shape: Any, dtype: Any = dtype, out_sharding: Any = None) -> Any:
        shape, dtype = canonical_shape("orthogonal", shape), _dtype(dtype)
        if len(shape) < 2:
            raise ValueError(f"orthogonal: rank 2 at least is needed, got shape {shape}")
        if not math.prod(shape):
            return full(shape, 0, dtype)
        columns = shape[column_axis]
        rows = math.prod(shape) // columns
        size = (rows, columns) if rows > columns else (columns, rows)
        q, r = qr(random.normal(key, size, dtype))
        d = diagonal(r)
        q = q * lax.broadcast_in_dim(d / lax.abs(d) if dtypes.kind(dtype) == "c" else lax.sign(d),
                                     q.aval.shape, (1,))
        q = q.T if rows < columns else q
        rest = tuple(n for i, n in enumerate(shape) if i != column_axis % len(shape))
        return full((), scale, dtype) * moveaxis(lax.reshape(q, (*rest, columns)), -1, column_axis)

    return init


def delta_orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """An initializer of convolution kernels: an orthogonal matrix in the middle, else zeros.

    scale: a factor. column_axis: the axis of outputs. dtype: by default the default float -> an
    `Initializer` for shapes [*window, inputs, outputs] (Xiao et al., 2018). It raises ValueError
    for more inputs than outputs, and for less than 3 or more than 5 axes.

    >>> kernel = nn.initializers.delta_orthogonal()(random.key(0), (3, 2, 2))
    >>> bool((kernel[0] == 0).all() & (kernel[2] == 0).all())
    True
    """

    @takes_out_sharding
    def init(key: Any, shape: Any, dtype: Any = dtype, out_sharding: Any = None) -> Any:
        shape, dtype = canonical_shape("delta_orthogonal", shape), _dtype(dtype)
        if len(shape) not in (3, 4, 5):
            raise ValueError(f"delta_orthogonal: rank 3, 4 or 5 is needed, got shape {shape}")
        if shape[-1] < shape[-2]:
            raise ValueError(f"delta_orthogonal: no more inputs than outputs, got shape {shape}")
        q = orthogonal(1.0, column_axis, dtype)(key, (shape[-1], shape[-1]))[:shape[-2], :]
        middle = tuple((n - 1) // 2 for n in shape[:-2])
        return zeros_(shape, dtype).at[middle].set(full((), scale, dtype) * q)

    return init

_hide_frames_of(__name__)
