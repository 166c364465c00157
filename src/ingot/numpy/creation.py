"""Array creation routines: from data, from a shape and a value, grids."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.calls import called
from ingot.core.array import Array, ArrayBase, fetch, from_numpy
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import Tracer, to_array, typeof
from ingot.core.source_info import here
from ingot.core.static import items
from ingot.dlpack import from_dlpack as _from_dlpack
from ingot.errors import ConcretizationTypeError, ShapeError
from ingot.numpy import primitives as lax
from ingot.numpy.promotion import (
    aval_of,
    broadcast,
    broadcast_shapes,
    constant,
    convert,
    user_dtype,
)

_NUMBERS = (bool, int, float, complex)


# ---- from data ----


def _leaves(x: Any) -> list[Any]:
    if isinstance(x, (list, tuple)):
        return [leaf for element in x for leaf in _leaves(element)]
    return [x]


def _from_sequence(x: Any, dtype: Any) -> Any:
    leaves = _leaves(x)
    if all(type(leaf) in _NUMBERS for leaf in leaves):
        made = np.array(x) if leaves else np.array(x, dtype=dtypes.default_float())
        if made.dtype.kind in "Oiu" or dtype is not None:
            made = np.array(x, dtype=dtype or dtypes.default_int())
        return from_numpy(made)
    if any(leaf is None for leaf in leaves):
        raise ValueError("array: None is not a number")
    leaves = [leaf.__jax_array__() if hasattr(leaf, "__jax_array__") else leaf for leaf in leaves]
    if dtype is None:
        found = [leaf if isinstance(leaf, (ArrayBase, *_NUMBERS)) else np.asarray(leaf)
                 for leaf in leaves]
        dtype = dtypes.result_type(*found)
    return _stack(x, dtype)


def _stack(x: Any, dtype: Any) -> Any:
    if not isinstance(x, (list, tuple)):
        return convert(_construct(x, None), dtype)
    if not x:
        return from_numpy(np.zeros((0,), dtype))
    rows = [_stack(element, dtype) for element in x]
    shape = rows[0].aval.shape
    if any(row.aval.shape != shape for row in rows):
        raise ValueError(f"array: all elements of a sequence must have one shape, got"
                         f" {', '.join(str(row.aval) for row in rows[:8])}")
    if all(type(row) is Array for row in rows):
        return Array(np.stack([fetch(row) for row in rows]), rows[0].aval.update(
            shape=(len(rows), *shape)))
    return lax.concatenate([lax.reshape(row, (1, *shape)) for row in rows], 0)


def _construct(x: Any, dtype: Any) -> Any:
    """Any array-like, sequence or buffer as an array; `dtype` is canonical or None."""
    if isinstance(x, ArrayBase):
        return x if dtype is None else convert(x, dtype)
    if type(x) in _NUMBERS:
        if dtype is None:
            return to_array(x)
        if dtypes.kind(dtype) in "iu":  # integers that do not fit are refused, also by JAX
            dtypes.coerce_python_scalar(x, dtype)
        return convert(x, dtype)
    if isinstance(x, (list, tuple)):
        return _from_sequence(x, dtype)
    if hasattr(x, "__jax_array__"):
        return _construct(x.__jax_array__(), dtype)
    if x is None:
        raise ValueError("array: None is not an array; give numbers or an array")
    if isinstance(x, str):
        raise TypeError(f"array: arrays hold numbers, got the string {x!r:.40}")
    data = np.asarray(x)
    if data.dtype.kind not in "biufcV":
        raise TypeError(
            f"array: arrays hold numbers, got {type(x).__name__} with dtype {data.dtype}")
    if dtype is not None and data.dtype != dtype:
        with np.errstate(all="ignore"):
            data = data.astype(dtype)
    return from_numpy(data)


def array(object: Any, dtype: Any = None, copy: bool = True, order: str | None = "K",
          ndmin: int = 0, *, device: Any = None, out_sharding: Any = None) -> Any:
    """An array from numbers, nested sequences, NumPy arrays or buffers.

    object: anything array-like -> array of `dtype`, or of the dtype its elements promote to,
    with at least `ndmin` axes. Raises TypeError for what is no number, ValueError for None and
    ragged sequences.

    >>> jnp.array([1, 2.5])
    Array([1. , 2.5], dtype=float64)
    """
    if order not in (None, "K", "C"):
        raise NotImplementedError(f"array: arrays are stored in order 'C', got order={order!r}")
    out = _construct(object, user_dtype("array", dtype))
    if ndmin > out.aval.ndim:
        out = lax.reshape(out, (1,) * (ndmin - out.aval.ndim) + out.aval.shape)
    if copy and out is object and type(out) is Array:
        out = Array(out._data, out.aval)
    return out


def asarray(a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None,
            device: Any = None, out_sharding: Any = None) -> Any:
    """An array from anything array-like, without a copy if it is an array of that dtype.

    a: as for `array` -> array.

    >>> jnp.asarray(1.0)
    Array(1., dtype=float64, weak_type=True)
    """
    if type(a) is Array and dtype is None and not copy:
        return a
    if isinstance(a, np.ma.MaskedArray):
        return from_numpy(a)  # raises
    return array(a, dtype, copy=bool(copy), order=order)


def copy(a: Any, order: str | None = None) -> Any:
    """A copy of an array.

    >>> jnp.copy(jnp.asarray(2.0))
    Array(2., dtype=float64, weak_type=True)
    """
    aval_of("copy", a)
    return array(a, copy=True, order=order)


def astype(x: Any, dtype: Any, /, *, copy: bool = False, device: Any = None) -> Any:
    """An array converted to a dtype; complex to real drops the imaginary part,
    with a ComplexWarning.

    >>> jnp.astype(jnp.asarray([1.7]), "int32")
    Array([1], dtype=int32)
    """
    aval = aval_of("astype", x)
    x = to_array(x)
    dtype = dtypes.default_float() if dtype is None else user_dtype("astype", dtype)
    if dtypes.kind(aval.dtype) == "c" and dtypes.kind(dtype) in "biuf":
        if dtypes.kind(dtype) == "b":
            return lax.ne(x, lax.broadcast_in_dim(convert(0, aval.dtype), aval.shape, ()))
        return lax.convert_element_type(x, dtype)  # with a warning
    return convert(x, dtype)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """An array with the elements of another library's array, as `ingot.dlpack.from_dlpack`.

    >>> jnp.from_dlpack(np.zeros(2))
    Array([0., 0.], dtype=float64)
    """
    return _from_dlpack(x, device, copy)


def frombuffer(buffer: Any, dtype: Any = float, count: int = -1, offset: int = 0) -> Any:
    """A one-dimensional array of the bytes of a buffer.

    >>> jnp.frombuffer(bytes(8))
    Array([0.], dtype=float64)
    """
    held = np.asarray(buffer) if isinstance(buffer, Array) else buffer
    return from_numpy(np.frombuffer(held, user_dtype("frombuffer", dtype), count, offset))


def fromfile(*args: Any, **kwargs: Any) -> Any:
    """Refused: reading a file is an effect; use `asarray(np.fromfile(...))`."""
    raise NotImplementedError("fromfile: use jnp.asarray(np.fromfile(...)) outside of traced code")


def fromiter(*args: Any, **kwargs: Any) -> Any:
    """Refused: consuming an iterator is an effect; use `asarray(np.fromiter(...))`."""
    raise NotImplementedError("fromiter: use jnp.asarray(np.fromiter(...)) outside of traced code")


def fromstring(string: str, dtype: Any = float, count: int = -1, *, sep: str) -> Any:
    """A one-dimensional array of the numbers in a text.

    >>> jnp.fromstring("1 2", sep=" ")
    Array([1., 2.], dtype=float64)
    """
    return from_numpy(np.fromstring(string, dtype, count, sep=sep))


def fromfunction(function: Any, shape: Any, *, dtype: Any = float, **kwargs: Any) -> Any:
    """The array whose elements are a function of their indices, one array per axis.

    >>> jnp.fromfunction(lambda i, j: i + j, (2, 2))
    Array([[0., 1.],
           [1., 2.]], dtype=float64)
    """
    shape = canonical_shape("fromfunction", shape)
    dtype = user_dtype("fromfunction", dtype)
    indices = [lax.broadcasted_iota(dtype, shape, i) for i in range(len(shape))]
    return called("fromfunction", function, indices, kwargs, "the indices along each axis")


# ---- from a shape and a value ----


_STATIC = "pass a Python number or mark the argument static (static_argnums)"


def concrete(name: str, x: Any, what: str, remedy: str = _STATIC) -> Any:
    """A Python or NumPy value for something that must be known while tracing."""
    if isinstance(x, Tracer):
        known = x.concrete()
        if known is None:
            raise ConcretizationTypeError(
                f"{name}: {what} must be known while tracing, got {x.aval} at {here()};\nthe"
                f" result's shape depends on it: {remedy}")
        x = known
    return fetch(x) if type(x) is Array else x


def concrete_int(name: str, x: Any, what: str) -> int:
    """A Python int; errors name the function and what the number is for."""
    try:
        return operator.index(x)
    except TypeError:
        if isinstance(x, Tracer) and x.concrete() is None:
            raise ConcretizationTypeError(
                f"{name}: {what} must be known while tracing, got {x.aval} at {here()};\nshapes are"
                " static: use x.shape, a Python int, or mark the argument static (static_argnums)"
            ) from None
        raise TypeError(f"{name}: {what} must be an integer, got {x!r:.60}") from None


def canonical_shape(name: str, shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of non-negative Python ints."""
    out = tuple(n if type(n) is int else concrete_int(name, n, "shape") for n in items(shape))
    if any(n < 0 for n in out):
        raise ShapeError(f"{name}: lengths must not be negative, got shape {out}")
    return out


def filled(shape: tuple[int, ...], value: Any, dtype: Any) -> Any:
    """An array of this shape and dtype with the same number everywhere."""
    if dtype == dtypes.float0:
        return lax.zeros(ShapedArray(shape, dtype))
    if type(value) in _NUMBERS:
        return constant(value, dtype, False, shape)
    return lax.broadcast_in_dim(convert(value, dtype), shape, ())


def zeros(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """An array of zeros.

    >>> jnp.zeros(2)
    Array([0., 0.], dtype=float64)
    """
    dtype = user_dtype("zeros", dtype) or dtypes.default_float()
    return filled(canonical_shape("zeros", shape), 0, dtype)


def ones(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """An array of ones.

    >>> jnp.ones(2, "int32")
    Array([1, 1], dtype=int32)
    """
    dtype = user_dtype("ones", dtype) or dtypes.default_float()
    return filled(canonical_shape("ones", shape), 1, dtype)


def empty(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """An array of zeros: arrays are immutable, so uninitialized ones are of no use.

    >>> jnp.empty(1)
    Array([0.], dtype=float64)
    """
    return zeros(shape, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None, *, device: Any = None,
         out_sharding: Any = None) -> Any:
    """An array of one value, or of values that broadcast to the shape.

    >>> jnp.full(2, 3.0, "float32")
    Array([3., 3.], dtype=float32)
    """
    aval = aval_of("full", fill_value)
    dtype = user_dtype("full", dtype)
    value = to_array(fill_value) if dtype is None else convert(fill_value, dtype)
    shape = canonical_shape("full", shape)
    if aval.ndim == 0:
        return lax.broadcast_in_dim(value, shape, ())
    return broadcast_to(value, shape)


def _like(name: str, a: Any, dtype: Any, shape: Any) -> tuple[tuple[int, ...], Any, bool]:
    """Shape, dtype and weakness of an array like `a`, which is anything with shape and dtype."""
    if not (hasattr(a, "shape") and hasattr(a, "dtype")):
        aval_of(name, a)
    have = typeof(a) if not hasattr(a, "shape") or isinstance(a, ArrayBase) else ShapedArray(
        a.shape, dtypes.canonicalize_dtype(a.dtype), bool(getattr(a, "weak_type", False)))
    weak = dtype is None and have.weak_type
    dtype = have.dtype if dtype is None else user_dtype(name, dtype)
    return (have.shape if shape is None else canonical_shape(name, shape)), dtype, weak


def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None, *,
              device: Any = None, out_sharding: Any = None) -> Any:
    """An array of one value, with the shape and dtype of another unless they are given.

    >>> jnp.full_like(jnp.asarray([1, 2]), 7)
    Array([7, 7], dtype=int64)
    """
    aval = aval_of("full_like", fill_value, 1)
    shape, dtype, weak = _like("full_like", a, dtype, shape)
    value = astype(fill_value, dtype) if aval.ndim else convert(fill_value, dtype, weak)
    return broadcast_to(value, shape)


def zeros_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None,
               out_sharding: Any = None) -> Any:
    """Zeros with the shape and dtype of another array unless they are given.

    >>> jnp.zeros_like(jnp.asarray([1, 2]))
    Array([0, 0], dtype=int64)
    """
    shape, dtype, weak = _like("zeros_like", a, dtype, shape)
    if dtypes.is_key_dtype(dtype):
        raise TypeError(f"zeros_like: {dtypes.short_name(dtype)} has no zero; use random.key")
    return filled(shape, 0, dtype) if dtype == dtypes.float0 else constant(0, dtype, weak, shape)


def ones_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None,
              out_sharding: Any = None) -> Any:
    """Ones with the shape and dtype of another array unless they are given.

    >>> jnp.ones_like(jnp.asarray([1, 2]))
    Array([1, 1], dtype=int64)
    """
    shape, dtype, weak = _like("ones_like", a, dtype, shape)
    return filled(shape, 1, dtype) if dtype == dtypes.float0 else constant(1, dtype, weak, shape)


def empty_like(prototype: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Any:
    """Zeros with the shape and dtype of another array unless they are given.

    >>> jnp.empty_like(jnp.asarray([1.0]))
    Array([0.], dtype=float64)
    """
    return zeros_like(prototype, dtype, shape)


def broadcast_to(array: Any, shape: Any, *, out_sharding: Any = None) -> Any:
    """An array repeated to a shape by NumPy's rules.

    array: any dtype [...] -> same dtype, that shape. Raises ValueError if it does not fit.

    >>> jnp.broadcast_to(jnp.asarray([1, 2]), (2, 2))
    Array([[1, 2],
           [1, 2]], dtype=int64)
    """
    aval = aval_of("broadcast_to", array)
    shape = canonical_shape("broadcast_to", shape)
    if aval.shape == shape:
        return to_array(array)
    if aval.ndim > len(shape) or any(
            n not in (1, m) for n, m in zip(aval.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(f"broadcast_to: {aval} cannot be broadcast to shape {shape}; axes are"
                         " aligned from the last one, and each must have that length or 1")
    return broadcast(to_array(array), shape)


def broadcast_arrays(*args: Any) -> list[Any]:
    """Arrays broadcast to their common shape.

    >>> [x.shape for x in jnp.broadcast_arrays(jnp.asarray([1, 2]), 3)]
    [(2,), (2,)]
    """
    shape = broadcast_shapes(*(aval_of("broadcast_arrays", x, i).shape for i, x in enumerate(args)))
    return [broadcast_to(x, shape) for x in args]


# ---- grids ----


def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = None, *, device: Any = None) -> Any:
    """A matrix with ones on diagonal `k` and zeros elsewhere.

    >>> jnp.eye(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    rows = concrete_int("eye", N, "N")
    shape = canonical_shape("eye", (rows, rows if M is None else M))
    if isinstance(k, int):  # beyond the corners there is nothing to see
        k = max(-shape[0], min(k, shape[1]))
    dtype = user_dtype("eye", dtype) or dtypes.default_float()
    offset = filled(shape, convert(k, dtypes.int32), dtypes.int32)
    row = lax.add(lax.broadcasted_iota(dtypes.int32, shape, 0), offset)
    return convert(lax.eq(row, lax.broadcasted_iota(dtypes.int32, shape, 1)), dtype)


def identity(n: Any, dtype: Any = None) -> Any:
    """The square identity matrix.

    >>> jnp.identity(1)
    Array([[1.]], dtype=float64)
    """
    return eye(n, dtype=dtype)


def indices(dimensions: Sequence[int], dtype: Any = None, sparse: bool = False) -> Any:
    """The indices of all elements of a grid, one array per axis.

    >>> jnp.indices((2, 1)).shape
    (2, 2, 1)
    """
    shape = canonical_shape("indices", dimensions)
    dtype = user_dtype("indices", dtype) or dtypes.default_int()
    if sparse:
        return tuple(
            lax.reshape(lax.iota(dtype, n), [n if j == i else 1 for j in range(len(shape))])
            for i, n in enumerate(shape))
    grids = [lax.reshape(lax.broadcasted_iota(dtype, shape, i), (1, *shape))
             for i in range(len(shape))]
    return lax.concatenate(grids, 0) if grids else zeros((0,), dtype)
