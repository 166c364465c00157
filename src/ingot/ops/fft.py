"""Fast Fourier transforms over the last axes, complex and real."""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import LINEAR, Host, Primitive
from ingot.ops.arithmetic import mul
from ingot.ops.complex import conj, real
from ingot.ops.convert import convert_element_type
from ingot.ops.movement import broadcast_in_dim, move_axis
from ingot.util import lone_extension, size_of


class FftType(enum.IntEnum):
    """Which transform: FFT and IFFT complex to complex, RFFT from real, IRFFT to real."""

    FFT = 0
    IFFT = 1
    RFFT = 2
    IRFFT = 3


# ---- fft -----------------------------------------------------------------------------------------
def _fft_type(x: ShapedArray, *, fft_type: FftType, fft_lengths: Sequence[int]) -> ShapedArray:
    name, rank = fft_type.name, len(fft_lengths)
    wanted = {FftType.RFFT: np.floating, FftType.FFT: np.inexact}.get(fft_type, np.complexfloating)
    if not dtypes.issubdtype(x.dtype, wanted) or x.dtype.itemsize < 4:
        accepted = {FftType.RFFT: "f32 or f64", FftType.FFT: "f32, f64, c64 or c128"}.get(
            fft_type, "c64 or c128")
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
    return ShapedArray(x.shape, dtypes.to_complex(x.dtype))


def _fft_eval(x: np.ndarray, *, fft_type: FftType, fft_lengths: Sequence[int]) -> np.ndarray:
    aval = _fft_type(ShapedArray(x.shape, x.dtype), fft_type=fft_type, fft_lengths=fft_lengths)
    out = np.empty(aval.shape, aval.dtype)
    _fft_into([out], x, fft_type=fft_type, fft_lengths=fft_lengths)
    return out


@functools.cache
def _pocketfft() -> Any:
    """SciPy's library, which writes where it is told to."""
    return lone_extension("scipy.fft._pocketfft.pypocketfft")


_DIVIDED = 2
"""Pocketfft's name for division by the number of points."""


def _fft_into(outs: Sequence[np.ndarray], x: np.ndarray, *, fft_type: FftType,
              fft_lengths: Sequence[int]) -> None:
    out, = outs
    axes = range(x.ndim - len(fft_lengths), x.ndim)
    if not x.size or not out.size:
        out[...] = 0
    elif fft_type is FftType.RFFT:
        _pocketfft().r2c(x, axes, True, 0, out)
    elif fft_type is FftType.IRFFT:
        _pocketfft().c2r(x, axes, fft_lengths[-1], False, _DIVIDED, out)
    else:
        forward = fft_type is FftType.FFT
        _pocketfft().c2c(x, axes, forward, 0 if forward else _DIVIDED, out)
        if x.dtype.kind == "f":  # what is real has the imaginary part -0, and so the angle -pi
            np.imag(out)[...] += 0.0


def _fft_transpose(ct: Any, x: Any, *, fft_type: FftType, fft_lengths: Sequence[int]) -> list[Any]:
    params = {"fft_type": fft_type, "fft_lengths": fft_lengths}
    if fft_type in (FftType.FFT, FftType.IFFT):
        out = fft_p.bind(ct, **params)
        return [real(out) if dtypes.kind(x.dtype) == "f" else out]
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
                  batch=_fft_batch,
                  kernel=Host("pocketfft plans are made at run time", into=_fft_into))


def fft(x: Any, fft_type: FftType | str, fft_lengths: Sequence[int]) -> Any:
    """Discrete Fourier transform over the last `len(fft_lengths)` axes.

    x: number [..., *fft_lengths]; for IRFFT the last axis has length n // 2 + 1. Real input is
    made complex where only that is transformed. Inverses divide by the number of points. Raises
    ValueError for lengths that do not fit and for complex input of RFFT.
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
    elif fft_type is FftType.FFT and dtype in (dtypes.float32, dtypes.float64):
        pass  # half the work, as half of the results are conjugates of others
    else:
        x = convert_element_type(x, dtypes.to_complex(dtype))
    if not len(fft_lengths):
        return x
    return fft_p.bind(x, fft_type=fft_type, fft_lengths=tuple(int(n) for n in fft_lengths))


__all__ = ["FftType", "fft", "fft_p"]
