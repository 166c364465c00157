"""Fast Fourier transforms over the last axes, complex and real."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import LINEAR, Host, Primitive
from ingot.ops.arithmetic import mul
from ingot.ops.complex import conj
from ingot.ops.convert import convert_element_type
from ingot.ops.movement import broadcast_in_dim, move_axis
from ingot.util import size_of


class FftType(enum.IntEnum):
    """Which transform: FFT and IFFT complex to complex, RFFT from real, IRFFT to real."""

    FFT = 0
    IFFT = 1
    RFFT = 2
    IRFFT = 3


# ---- fft -----------------------------------------------------------------------------------------
def _fft_type(x: ShapedArray, *, fft_type: FftType, fft_lengths: Sequence[int]) -> ShapedArray:
    name, rank = fft_type.name, len(fft_lengths)
    wanted = (np.floating if fft_type is FftType.RFFT else np.complexfloating)
    if not dtypes.issubdtype(x.dtype, wanted) or x.dtype.itemsize < 4:
        accepted = "f32 or f64" if fft_type is FftType.RFFT else "c64 or c128"
        raise ValueError(f"fft: {name} needs {accepted}, got {x}; convert it first")
    if rank > x.ndim:
        raise ValueError(f"fft: {x} has fewer axes than the {rank} lengths {tuple(fft_lengths)}")
    inner = rank - 1 if fft_type is FftType.IRFFT else rank
    first = x.ndim - rank
    if x.shape[first : first + inner] != tuple(fft_lengths[:inner]):
        raise ValueError(f"fft: the last axes of {x} must have the lengths {tuple(fft_lengths)} for"
                         f" {name}; pad or slice it first")
    if fft_type is FftType.RFFT:
        shape = (*x.shape[:-1], fft_lengths[-1] // 2 + 1)
        return ShapedArray(shape, dtypes.to_complex(x.dtype))
    if fft_type is FftType.IRFFT:
        return ShapedArray((*x.shape[:-1], fft_lengths[-1]), dtypes.real_of(x.dtype))
    return ShapedArray(x.shape, x.dtype)


def _fft_eval(x: np.ndarray, *, fft_type: FftType, fft_lengths: Sequence[int]) -> np.ndarray:
    from scipy import fft as library

    axes = tuple(range(x.ndim - len(fft_lengths), x.ndim))
    if size_of(x.shape) == 0 or 0 in fft_lengths:
        aval = _fft_type(ShapedArray(x.shape, x.dtype), fft_type=fft_type, fft_lengths=fft_lengths)
        return np.zeros(aval.shape, aval.dtype)
    transform: Any = {FftType.FFT: library.fftn, FftType.IFFT: library.ifftn,
                 FftType.RFFT: library.rfftn, FftType.IRFFT: library.irfftn}[fft_type]
    return transform(x, s=tuple(fft_lengths), axes=axes)


def _fft_transpose(ct: Any, x: Any, *, fft_type: FftType, fft_lengths: Sequence[int]) -> list[Any]:
    params = {"fft_type": fft_type, "fft_lengths": fft_lengths}
    if fft_type in (FftType.FFT, FftType.IFFT):
        return [fft_p.bind(ct, **params)]
    size = size_of(fft_lengths)
    if fft_type is FftType.RFFT:
        # Inverse over the half spectrum counts its inner part twice; undo that beforehand.
        params["fft_type"] = FftType.IRFFT
        weights = size / _multiplicity(fft_lengths[-1])
        return [fft_p.bind(_scale(conj(ct), weights), **params)]
    params["fft_type"] = FftType.RFFT
    return [conj(_scale(fft_p.bind(ct, **params), _multiplicity(fft_lengths[-1]) / size))]


def _multiplicity(n: int) -> np.ndarray:
    """How often each entry of a half spectrum of length n // 2 + 1 occurs in the full one."""
    counts = np.full(n // 2 + 1, 2.0)
    counts[0] = 1.0
    if n % 2 == 0:
        counts[-1] = 1.0
    return counts


def _scale(x: Any, weights: np.ndarray) -> Any:
    aval = typeof(x)
    row = weights.astype(aval.dtype)
    return mul(x, broadcast_in_dim(row, aval.shape, (aval.ndim - 1,)))


def _fft_batch(args: Any, dims: Any, **params: Any) -> Any:
    return fft_p.bind(move_axis(args[0], dims[0], 0), **params), 0


fft_p = Primitive("fft", type=_fft_type, eval=_fft_eval, jvp=LINEAR, transpose=_fft_transpose,
                  batch=_fft_batch, kernel=Host("pocketfft plans are made at run time"))


def fft(x: Any, fft_type: FftType | str, fft_lengths: Sequence[int]) -> Any:
    """Discrete Fourier transform over the last `len(fft_lengths)` axes.

    x: number [..., *fft_lengths]; for IRFFT the last axis has length n // 2 + 1. Real input is
    made complex, except for RFFT. Inverses divide by the number of points. Raises ValueError for
    lengths that do not fit and for complex input of RFFT.
    >>> fft(np.array([1., 0., 0., 0.]), "rfft", (4,))
    Array([1.+0.j, 1.+0.j, 1.+0.j], dtype=complex128)
    """
    if isinstance(fft_type, str):
        if fft_type.upper() not in FftType.__members__:
            raise ValueError(f"fft: no transform {fft_type!r}; use one of"
                             f" {', '.join(FftType.__members__)}")
        fft_type = FftType[fft_type.upper()]
    elif not isinstance(fft_type, FftType):
        raise TypeError(f"fft: fft_type must be an FftType or its name, got {fft_type!r}")
    dtype = typeof(x).dtype
    if fft_type is FftType.RFFT:
        if dtypes.kind(dtype) == "c":
            raise ValueError(f"fft: RFFT needs real input, got {typeof(x)}; use FFT")
        x = convert_element_type(x, dtypes.to_inexact_dtype(dtype))
    else:
        x = convert_element_type(x, dtypes.to_complex(dtype))
    if not len(fft_lengths):
        return x
    return fft_p.bind(x, fft_type=fft_type, fft_lengths=tuple(int(n) for n in fft_lengths))


__all__ = ["FftType", "fft", "fft_p"]
