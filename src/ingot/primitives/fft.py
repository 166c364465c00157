"""Fast Fourier transforms over the last axes, complex and real."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.division import Operands, Spec, along_leading_axes
from ingot.core.interpreter import typeof
from ingot.core.primitive import LINEAR, Primitive
from ingot.kernel.rules import (
    ArrayValue,
    Buffer,
    Complex,
    Index,
    Lowering,
    Unsupported,
    numpy_fft,
    real_dtype,
)
from ingot.primitives.arithmetic import mul
from ingot.primitives.complex import conj, real
from ingot.primitives.convert import convert_element_type
from ingot.primitives.movement import broadcast_in_dim, move_axis
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
    if not x.size or not aval.size:
        return np.zeros(aval.shape, aval.dtype)
    *others, last = range(x.ndim - len(fft_lengths), x.ndim)
    back = fft_type in (FftType.IFFT, FftType.IRFFT)
    name, n = numpy_fft.IFFT if back else numpy_fft.FFT, fft_lengths[-1]
    out = x
    if x.dtype.kind == "f":
        out = numpy_fft.transformed(numpy_fft.of_real(n), out, last, n // 2 + 1)
    elif fft_type is not FftType.IRFFT:
        out = numpy_fft.transformed(name, out, last, n, back)
    for axis in others:
        out = numpy_fft.transformed(name, out, axis, x.shape[axis], back)
    if fft_type is FftType.IRFFT:
        return numpy_fft.transformed(numpy_fft.IRFFT, out, last, n, divided=True)
    return out if out.shape == aval.shape else _both_halves(out, aval.shape, others)


def _both_halves(half: np.ndarray, shape: Sequence[int], others: Sequence[int]) -> np.ndarray:
    """The spectrum of real numbers, of which half is given; no imaginary part is -0 by symmetry,
    which would turn an angle to -pi."""
    out = np.empty(shape, half.dtype)
    n, known = shape[-1], half.shape[-1]
    rest = half[..., (n - 1) // 2 : 0 : -1]
    for axis in others:
        rest = np.roll(np.flip(rest, axis), 1, axis)
    out[..., :known] = half
    np.real(out)[..., known:] = np.real(rest)
    np.subtract(0, np.imag(rest), out=np.imag(out)[..., known:])
    return out


def _fft_kernel(build: Lowering, x: ArrayValue, *, out: Any, fft_type: FftType,
                fft_lengths: Sequence[int]) -> Buffer:
    """By NumPy's loops, as in `eval`."""
    if not x.size or not out.size or not numpy_fft.available(build, dtypes.real_of(x.dtype)):
        raise Unsupported("empty arrays, and NumPy without its loops")
    source = x if isinstance(x, Buffer) else build.contiguous(x)
    result = build.allocate(out.shape, out.storage)
    *others, last = range(x.ndim - len(fft_lengths), x.ndim)
    back = fft_type in (FftType.IFFT, FftType.IRFFT)
    name = numpy_fft.IFFT if back else numpy_fft.FFT
    n = fft_lengths[-1]
    if fft_type is FftType.IRFFT:
        if others:
            among = build.allocate(x.shape, x.dtype)
            for axis in others:
                numpy_fft.transform(build, name, source, among, axis, divided=True)
                source = among
        numpy_fft.transform(build, numpy_fft.IRFFT, source, result, last, divided=True)
        return result
    half = Buffer(result.memory, (*out.shape[:-1], n // 2 + 1), result.dtype, result.offset,
                  result.strides) if x.dtype.kind == "f" else result
    first = name if half is result else numpy_fft.of_real(n)
    numpy_fft.transform(build, first, source, half, last, back)
    for axis in others:
        numpy_fft.transform(build, name, half, half, axis, back)
    if half.shape != result.shape:
        _reflect(build, result, len(others))
    return result


def _reflect(build: Lowering, x: Buffer, others: int) -> None:
    """The second half of the lines, from the first one; so many other axes were transformed."""
    n, known = x.shape[-1], x.shape[-1] // 2 + 1
    rest = Buffer(x.memory, (*x.shape[:-1], n - known), x.dtype, build.index_add(x.offset, known),
                  x.strides)
    zero = build.const(0, real_dtype(x.dtype))

    def store(index: Sequence[Index]) -> None:
        source = [*index[:-1], build.index_sub(n - known, index[-1])]
        for a in range(x.ndim - 1 - others, x.ndim - 1):
            source[a] = build.index_rem(build.index_sub(x.shape[a], index[a]), x.shape[a])
        value = x.at(build, source)
        build.store(rest, index, Complex(value.real, build.op("sub", zero, value.imag), x.dtype))

    build.nest(rest.shape, store, vector=True, cost=2)


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


def _fft_division(given: Operands) -> list[Spec]:
    return along_leading_axes(len(given.params["fft_lengths"]))(given)


fft_p = Primitive("fft", type=_fft_type, eval=_fft_eval, jvp=LINEAR, transpose=_fft_transpose,
                  batch=_fft_batch,
                  kernel=_fft_kernel)


def fft(x: Any, fft_type: FftType | str, fft_lengths: Sequence[int]) -> Any:
    """Discrete Fourier transform over the last `len(fft_lengths)` axes.

    x: number [..., *fft_lengths]; for IRFFT the last axis has length n // 2 + 1. fft_type: an
    FftType or its name; real input is made complex where only that is transformed. fft_lengths:
    numbers of points -> complex [...], floating for IRFFT; inverses divide by the number of points.
    Raises ValueError for lengths that do not fit and for complex input of RFFT.

    >>> lax.fft(np.array([1., 0., 0., 0.]), "rfft", (4,))
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
