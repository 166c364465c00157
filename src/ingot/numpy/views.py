"""The bits of an array read in another dtype."""

from __future__ import annotations

from typing import Any

from ingot import dtypes
from ingot.numpy import primitives as lax
from ingot.numpy.families import kind_of, like
from ingot.numpy.promotion import as_array, convert, user_dtype


def view(self: Any, dtype: Any = None, type: None = None) -> Any:
    """Read the bits of an array as another dtype.

    self: [..., n] of any dtype; dtype: the default float if None; type: must be None -> [..., n
    times old width / new width] of `dtype`. Raises ValueError if that is no whole number, and for a
    scalar whose width changes.

    >>> jnp.array([1.0, 2.0], "float32").view("int32")
    Array([1065353216, 1073741824], dtype=int32)
    """
    if type is not None:
        raise NotImplementedError("view: the argument 'type' is not supported")
    x = as_array("view", self)
    dtype = user_dtype("view", dtype) or dtypes.default_float()
    have = x.aval.dtype
    if have == dtype:
        return convert(x, dtype)
    if kind_of(x) == "b":
        return view(convert(x, dtypes.uint8), dtype)
    if dtypes.kind(dtype) == "b":
        return lax.ne(*(lambda bits: (bits, like(bits, 0)))(view(x, dtypes.uint8)))
    if kind_of(x) == "c":
        return view(_parts(x), dtype)
    if dtypes.kind(dtype) == "c":
        return _of_parts(view(x, dtypes.real_of(dtype)))
    wide, narrow = dtypes.itemsize_bits(have), dtypes.itemsize_bits(dtype)
    if wide == narrow:
        return lax.bitcast_convert_type(x, dtype)
    if x.aval.ndim == 0:
        raise ValueError(f"view: a scalar {x.aval} cannot change its width to {dtype}")
    if wide > narrow:
        return _merged(lax.bitcast_convert_type(x, dtype))
    ratio, n = narrow // wide, x.aval.shape[-1]
    if n % ratio:
        raise ValueError(f"view: the last axis of {x.aval} must be a multiple of {ratio} to be read"
                         f" as {dtypes.short_name(dtype)}")
    return lax.bitcast_convert_type(
        lax.reshape(x, (*x.aval.shape[:-1], n // ratio, ratio)), dtype)


def _parts(x: Any) -> Any:
    """Real and imaginary parts in turn, along the last axis."""
    return _merged(lax.concatenate(
        [lax.reshape(p, (*x.aval.shape, 1)) for p in (lax.real(x), lax.imag(x))], x.aval.ndim))


def _of_parts(parts: Any) -> Any:
    n = parts.aval.shape[-1]
    split = lax.reshape(parts, (*parts.aval.shape[:-1], n // 2, 2))
    return lax.complex(*(lax.squeeze(lax.slice_in_dim(split, i, i + 1, axis=-1),
                                     (split.aval.ndim - 1,)) for i in (0, 1)))


def byteswap(self: Any, inplace: bool = False) -> Any:
    """Reverse the bytes of each element.

    self: [...] of any dtype; inplace: must be False -> [...] of the same dtype. Raises
    NotImplementedError for `inplace`.

    >>> jnp.array([1, 256], "int32").byteswap()
    Array([16777216,    65536], dtype=int32)
    """
    if inplace:
        raise NotImplementedError("byteswap: arrays are immutable, so inplace must be False")
    x = as_array("byteswap", self)
    if x.aval.dtype.itemsize == 1:
        return convert(x, x.aval.dtype)
    if kind_of(x) == "c":
        return lax.complex(byteswap(lax.real(x)), byteswap(lax.imag(x)))
    pieces = lax.bitcast_convert_type(x, dtypes.uint8)
    return lax.bitcast_convert_type(lax.rev(pieces, (pieces.aval.ndim - 1,)), x.aval.dtype)


def _merged(x: Any) -> Any:
    """The last two axes as one."""
    shape = x.aval.shape
    return lax.reshape(x, (*shape[:-2], shape[-2] * shape[-1]) if len(shape) > 1 else shape)
