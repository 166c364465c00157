"""Array creation routines: from data, from a shape and a value, grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.devices import put_as_asked
from ingot.calls import called
from ingot.core.array import Array, ArrayBase, fetch, from_numpy
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import to_array, typeof
from ingot.core.placement import copied
from ingot.dlpack import from_dlpack as _from_dlpack
from ingot.dtypes.types import instead_of
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import canonical_shape, concrete_int
from ingot.numpy.promotion import (
    aval_of,
    broadcast,
    constant,
    convert,
    promote_shapes,
    user_dtype,
)
from ingot.primitives.out_sharding import takes_out_sharding

_NUMBERS = (bool, int, float, complex)

# ---- from data ----
def _leaves(x: Any) -> list[Any]:
    if isinstance(x, (list, tuple)):
        return [leaf for element in x for leaf in _leaves(element)]
    return [x]


def _from_sequence(x: Any, dtype: Any) -> Any:
    leaves = _leaves(x)
    if all(type(leaf) in _NUMBERS for leaf in leaves):
        return to_array(_of_numbers(x, dtype if leaves else dtype or dtypes.default_float()))
    if any(leaf is None for leaf in leaves):
        raise ValueError("array: None is not a number; write nan for what is missing")
    leaves = [leaf.__jax_array__() if hasattr(leaf, "__jax_array__") else leaf for leaf in leaves]
    if dtype is None:
        found = [leaf if isinstance(leaf, (ArrayBase, *_NUMBERS)) else np.asarray(leaf)
                 for leaf in leaves]
        dtype = dtypes.result_type(*found)
    return _stacked(x, dtype)


def _of_numbers(x: Any, dtype: Any) -> np.ndarray:
    """Nested sequences of Python's numbers as NumPy's array, integers in the default dtype."""
    try:
        made = np.array(x, dtype)
    except ValueError:
        raise ValueError("array: all elements of a sequence must have one shape, got"
                         f" {x!r:.60}") from None
    if dtype is None and made.dtype.kind in "Oiu":
        return np.array(x, dtype=dtypes.default_int())
    return made


def _stacked(x: Any, dtype: Any) -> Any:
    if not isinstance(x, (list, tuple)):
        return convert(_construct(x, None), dtype)
    if not x:
        return from_numpy(np.zeros((0,), dtype))
    rows = [_stacked(element, dtype) for element in x]
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
        remedy = instead_of(data.dtype) if isinstance(x, np.ndarray) else ""
        raise TypeError(f"array: arrays hold numbers, got {type(x).__name__} with dtype"
                        f" {data.dtype}{remedy}")
    if dtype is not None and data.dtype != dtype:
        with np.errstate(all="ignore"):
            data = data.astype(dtype)
    return to_array(data)


def array(object: Any, dtype: Any = None, copy: bool = True, order: str | None = "K",
          ndmin: int = 0, *, device: Any = None, out_sharding: Any = None) -> Any:
    """Make an array of numbers, nested sequences, NumPy arrays or buffers.

    object: anything array-like; dtype: by default the one its elements promote to; copy: whether an
    array of that dtype is copied; order: "K" or "C", without effect; ndmin: least number of axes,
    new ones come first; device: a device or a sharding; out_sharding: how Explicit axes divide the
    result -> [...] of `dtype`. Raises TypeError for what is no number, ValueError for None and
    ragged sequences, OverflowError for integers that do not fit, NotImplementedError for other
    orders.

    >>> jnp.array([[1, 2.5], [3, 4]], "float32")
    Array([[1. , 2.5],
           [3. , 4. ]], dtype=float32)
    """
    if order not in (None, "K", "C"):
        raise NotImplementedError(f"array: arrays are stored in order 'C', got order={order!r}")
    out = _construct(object, user_dtype("array", dtype))
    if ndmin > out.aval.ndim:
        out = lax.reshape(out, (1,) * (ndmin - out.aval.ndim) + out.aval.shape)
    out = copied(out) if copy and out is object and type(out) is Array else out
    return put_as_asked(out, device, out_sharding)


def asarray(a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None,
            device: Any = None, out_sharding: Any = None) -> Any:
    """Make an array of anything array-like, without a copy of arrays of that dtype.

    a, dtype, order: as for `array`, with the same errors; copy: True copies always; device: a
    device or a sharding; out_sharding: how Explicit axes divide the result -> [...] of `dtype`, of
    a Python number with a weak type.

    >>> jnp.asarray(1.0), jnp.asarray([1, 2])
    (Array(1., dtype=float64, weak_type=True), Array([1, 2], dtype=int64))
    """
    if type(a) is Array and dtype is None and not copy:
        return put_as_asked(a, device, out_sharding)
    if isinstance(a, np.ma.MaskedArray):
        return from_numpy(a)  # raises
    return array(a, dtype, copy=bool(copy), order=order, device=device, out_sharding=out_sharding)


def copy(a: Any, order: str | None = None) -> Any:
    """Copy an array.

    a: [...] of any dtype; order: "K" or "C", without effect -> [...] of the same dtype. Raises
    TypeError for lists.

    >>> jnp.copy(np.array([1, 2]))
    Array([1, 2], dtype=int64)
    """
    aval_of("copy", a)
    return array(a, copy=True, order=order)


def astype(x: Any, dtype: Any, /, *, copy: bool = False, device: Any = None) -> Any:
    """Convert an array to a dtype.

    x: [...] of any dtype; dtype: None is the default float; copy, device: without effect -> [...]
    of `dtype`. Floats become integers by truncation; of complex numbers the imaginary part is
    dropped, with a ComplexWarning. Raises TypeError for lists.

    >>> jnp.astype(np.array([1.7, -1.7]), "int32")
    Array([ 1, -1], dtype=int32)
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
    """Make an array of another library's array, as `ingot.dlpack.from_dlpack`.

    x: anything with `__dlpack__`; device: None or the CPU; copy: False forbids a copy -> [...] of
    the same dtype.

    >>> jnp.from_dlpack(np.zeros(2))
    Array([0., 0.], dtype=float64)
    """
    return _from_dlpack(x, device, copy)


def frombuffer(buffer: Any, dtype: Any = float, count: int = -1, offset: int = 0) -> Any:
    r"""Read the bytes of a buffer as numbers.

    buffer: bytes, or anything with the buffer protocol; count: how many numbers, -1 for all;
    offset: bytes to skip -> [count] of `dtype`. Raises ValueError if the bytes are no whole number
    of elements, or too few.

    >>> jnp.frombuffer(b"\x01\x00\x02\x00", "int16")
    Array([1, 2], dtype=int16)
    """
    held = np.asarray(buffer) if isinstance(buffer, Array) else buffer
    user_dtype("frombuffer", dtype)  # bytes are of the type itself, also where 64 bits are off
    return from_numpy(np.frombuffer(held, np.dtype(dtype), count, offset))


def fromfile(*args: Any, **kwargs: Any) -> Any:
    """Refuse to read a file, which is a side effect: raises NotImplementedError.

    Write `jnp.asarray(np.fromfile(...))` -> [n], outside of traced code.

    >>> jnp.fromfile("data.bin")
    Traceback (most recent call last):
        ...
    NotImplementedError: fromfile: use jnp.asarray(np.fromfile(...)) outside of traced code
    """
    raise NotImplementedError("fromfile: use jnp.asarray(np.fromfile(...)) outside of traced code")


def fromiter(*args: Any, **kwargs: Any) -> Any:
    """Refuse to consume an iterator, which is a side effect: raises NotImplementedError.

    Write `jnp.asarray(np.fromiter(...))` -> [n], outside of traced code.

    >>> jnp.fromiter(iter([1]), int)
    Traceback (most recent call last):
        ...
    NotImplementedError: fromiter: use jnp.asarray(np.fromiter(...)) outside of traced code
    """
    raise NotImplementedError("fromiter: use jnp.asarray(np.fromiter(...)) outside of traced code")


def fromstring(string: str, dtype: Any = float, count: int = -1, *, sep: str) -> Any:
    """Read the numbers in a text.

    string: numbers separated by `sep`; count: how many, -1 for all -> [count] of `dtype`. Raises
    ValueError for what is no number.

    >>> jnp.fromstring("1, 2.5", sep=",")
    Array([1. , 2.5], dtype=float64)
    """
    return from_numpy(np.fromstring(string, dtype, count, sep=sep))


def fromfunction(function: Any, shape: Any, *, dtype: Any = float, **kwargs: Any) -> Any:
    """Call a function with the indices of a grid, one array for each axis.

    function: called with len(shape) arrays of `shape` and `dtype`, and `kwargs` -> whatever it
    returns.

    >>> jnp.fromfunction(lambda i, j: 10 * i + j, (2, 3), dtype=int)
    Array([[ 0,  1,  2],
           [10, 11, 12]], dtype=int64)
    """
    shape = canonical_shape("fromfunction", shape)
    dtype = user_dtype("fromfunction", dtype)
    indices = [lax.broadcasted_iota(dtype, shape, i) for i in range(len(shape))]
    return called("fromfunction", function, indices, kwargs, "the indices along each axis")


# ---- from a shape and a value ----


def filled(shape: tuple[int, ...], value: Any, dtype: Any) -> Any:
    """An array of this shape and dtype with the same number everywhere."""
    if dtype == dtypes.float0:
        return lax.zeros(ShapedArray(shape, dtype))
    if type(value) in _NUMBERS:
        return constant(value, dtype, False, shape)
    return lax.broadcast_in_dim(convert(value, dtype), shape, ())


def zeros(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """Make an array of zeros.

    shape: a length or a tuple of lengths; dtype: the default float if None; device: a device or a
    sharding; out_sharding: how Explicit axes divide the result -> [*shape] of `dtype`. Raises
    ValueError for negative lengths, TypeError for no integers, ConcretizationTypeError for traced.

    >>> jnp.zeros((2, 3), "int32")
    Array([[0, 0, 0],
           [0, 0, 0]], dtype=int32)
    """
    dtype = user_dtype("zeros", dtype) or dtypes.default_float()
    return put_as_asked(filled(canonical_shape("zeros", shape), 0, dtype), device, out_sharding)


def ones(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """Make an array of ones.

    shape, dtype, device, out_sharding: as for `zeros`, with the same errors -> [*shape] of `dtype`.

    >>> jnp.ones(2, "int32")
    Array([1, 1], dtype=int32)
    """
    dtype = user_dtype("ones", dtype) or dtypes.default_float()
    return put_as_asked(filled(canonical_shape("ones", shape), 1, dtype), device, out_sharding)


def empty(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """Make an array of zeros: arrays are immutable, so uninitialized ones would be of no use.

    shape, dtype, device, out_sharding: as for `zeros`, with the same errors -> [*shape] of `dtype`.

    >>> jnp.empty(2)
    Array([0., 0.], dtype=float64)
    """
    return zeros(shape, dtype, device=device, out_sharding=out_sharding)


def full(shape: Any, fill_value: Any, dtype: Any = None, *, device: Any = None,
         out_sharding: Any = None) -> Any:
    """Make an array of one value, or of values that broadcast to the shape.

    shape: as for `zeros`, with the same errors; fill_value: a number or an array; dtype: that of
    `fill_value` if None; device: a device or a sharding; out_sharding: how Explicit axes divide the
    result -> [*shape] of `dtype`. Raises ValueError if the values do not broadcast.

    >>> jnp.full((2, 2), np.array([3.0, 4.0]), "float32")
    Array([[3., 4.],
           [3., 4.]], dtype=float32)
    """
    aval = aval_of("full", fill_value)
    dtype = user_dtype("full", dtype)
    value = to_array(fill_value) if dtype is None else convert(fill_value, dtype)
    shape = canonical_shape("full", shape)
    out = lax.broadcast_in_dim(value, shape, ()) if aval.ndim == 0 else broadcast_to(value, shape)
    return put_as_asked(out, device, out_sharding)


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
    """Make an array of one value with the shape and dtype of another.

    a: anything with shape and dtype, or a number; fill_value: a number, or values that broadcast;
    dtype, shape: in place of those of `a`; device: a device or a sharding; out_sharding: how
    Explicit axes divide the result -> [*shape] of `dtype`. Raises ValueError if the values do not
    broadcast.

    >>> jnp.full_like(np.array([1, 2]), 7)
    Array([7, 7], dtype=int64)
    """
    aval = aval_of("full_like", fill_value, 1)
    shape, dtype, weak = _like("full_like", a, dtype, shape)
    value = astype(fill_value, dtype) if aval.ndim else convert(fill_value, dtype, weak)
    return put_as_asked(broadcast_to(value, shape), device, out_sharding, a)


def zeros_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None,
               out_sharding: Any = None) -> Any:
    """Make an array of zeros with the shape and dtype of another.

    a: anything with shape and dtype, or a number; dtype, shape: in place of those of `a`; device: a
    device or a sharding; out_sharding: how Explicit axes divide the result -> [*shape] of `dtype`.
    Raises TypeError for PRNG keys.

    >>> jnp.zeros_like(np.array([1, 2]), shape=3)
    Array([0, 0, 0], dtype=int64)
    """
    shape, dtype, weak = _like("zeros_like", a, dtype, shape)
    if dtypes.is_key_dtype(dtype):
        raise TypeError(f"zeros_like: {dtypes.short_name(dtype)} has no zero; use random.key")
    out = filled(shape, 0, dtype) if dtype == dtypes.float0 else constant(0, dtype, weak, shape)
    return put_as_asked(out, device, out_sharding, a)


def ones_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None,
              out_sharding: Any = None) -> Any:
    """Make an array of ones with the shape and dtype of another.

    a: anything with shape and dtype, or a number; dtype, shape: in place of those of `a`; device: a
    device or a sharding; out_sharding: how Explicit axes divide the result -> [*shape] of `dtype`.

    >>> jnp.ones_like(np.array([1, 2]), "float32")
    Array([1., 1.], dtype=float32)
    """
    shape, dtype, weak = _like("ones_like", a, dtype, shape)
    out = filled(shape, 1, dtype) if dtype == dtypes.float0 else constant(1, dtype, weak, shape)
    return put_as_asked(out, device, out_sharding, a)


def empty_like(prototype: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Any:
    """Make an array of zeros with the shape and dtype of another, as `zeros_like`.

    prototype: anything with shape and dtype, or a number; dtype, shape: in place of its own;
    device: without effect -> [*shape] of `dtype`.

    >>> jnp.empty_like(np.array([1.5, 2.5]))
    Array([0., 0.], dtype=float64)
    """
    return zeros_like(prototype, dtype, shape)


@takes_out_sharding
def broadcast_to(array: Any, shape: Any, *, out_sharding: Any = None) -> Any:
    """Repeat an array to a shape: axes are aligned from the last, those of length 1 are repeated.

    array: [...] of any dtype; shape: a length or a tuple; out_sharding: how Explicit axes divide
    the result -> [*shape] of the same dtype. Raises ValueError if it does not fit.

    >>> jnp.broadcast_to(np.array([1, 2]), (2, 2))
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


def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """Repeat arrays to their common shape.

    args: arrays of any dtypes -> a tuple of arrays of one shape, each of its own dtype. Raises
    ValueError if the shapes do not broadcast.

    >>> jnp.broadcast_arrays(np.array([1, 2]), 3)
    (Array([1, 2], dtype=int64), Array([3, 3], dtype=int64, weak_type=True))
    """
    return tuple(promote_shapes("broadcast_arrays", *args))


# ---- grids ----


def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = None, *, device: Any = None) -> Any:
    """Make a matrix with ones on a diagonal and zeros elsewhere.

    N, M: rows and columns, M = N if None; k: the diagonal, 0 the main one, positive ones above,
    which may be traced; dtype: the default float if None; device: without effect -> [N, M] of
    `dtype`. Raises TypeError for others than integers, ValueError for negative lengths.

    >>> jnp.eye(2, 3, k=1, dtype=int)
    Array([[0, 1, 0],
           [0, 0, 1]], dtype=int64)
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
    """Make the square identity matrix.

    n: rows and columns; dtype: the default float if None -> [n, n] of `dtype`. Raises as `eye`.

    >>> jnp.identity(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    return eye(n, dtype=dtype)


def indices(dimensions: Sequence[int], dtype: Any = None, sparse: bool = False) -> Any:
    """Make the indices of all elements of a grid.

    dimensions: lengths of the axes; dtype: the default integer if None; sparse: whether each axis
    has its indices alone -> [len(dimensions), *dimensions] of `dtype`, or if sparse a tuple of
    arrays that broadcast to `dimensions`. Raises ValueError for negative lengths.

    >>> jnp.indices((2, 3))[1]
    Array([[0, 1, 2],
           [0, 1, 2]], dtype=int64)
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
