"""Discrete Fourier transforms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import from_numpy
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import divide
from ingot.numpy.concrete import concrete_int
from ingot.numpy.families import kind_of, like
from ingot.numpy.manipulation import moveaxis
from ingot.numpy.promotion import aval_of, convert, inexact, user_dtype
from ingot.numpy.rearranging import roll
from ingot.numpy.reductions import axes_of
from ingot.numpy.rounding import conjugate
from ingot.util import size_of

__all__ = ["fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn",
           "ifftshift", "ihfft", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn"]

Shape = Sequence[int] | None


def _transform(name: str, kind: str, a: Any, s: Shape, axes: Sequence[int] | None,
               norm: str | None) -> Any:
    """One transform over several axes, the last of which is halved in real ones."""
    a = inexact(name, a)
    if axes is None:
        axes = range(a.aval.ndim) if s is None else range(a.aval.ndim - len(s), a.aval.ndim)
    places = axes_of(name, axes, a.aval.ndim)
    if len(places) == 0:
        return a if kind in ("RFFT", "IRFFT") else convert(a, dtypes.to_complex(a.aval.dtype))
    if s is not None and len(s) != len(places):
        raise ValueError(f"{name}: as many lengths as axes are needed, got {s} for {tuple(axes)}")
    lengths = ([a.aval.shape[i] for i in places] if s is None else
               [concrete_int(name, n, "a length") for n in s])
    if s is None and kind == "IRFFT":
        lengths[-1] = max(2 * (lengths[-1] - 1), 0)
    if kind in ("FFT", "IFFT") and s is None and not a.aval.size:
        return convert(a, dtypes.to_complex(a.aval.dtype))
    if any(n <= 0 for n in lengths):
        raise ValueError(f"{name}: lengths must be positive, got {lengths} for {a.aval}")
    if kind == "RFFT":
        if kind_of(a) == "c":
            raise ValueError(f"{name}: the argument must be real, got {a.aval}")
        a = convert(a, dtypes.at_least(a.aval.dtype, dtypes.float32))
    elif kind != "FFT" or len(lengths) > 3 or a.aval.dtype not in (dtypes.float32, dtypes.float64):
        a = convert(a, dtypes.to_complex(a.aval.dtype))
    need = list(lengths)
    if kind == "IRFFT":
        need[-1] = lengths[-1] // 2 + 1
    a = _resize(a, places, need)
    last = range(a.aval.ndim - len(places), a.aval.ndim)
    a = moveaxis(a, places, last)
    for chunk, out_lengths in _chunks(kind, lengths):
        a = _apply(a, chunk, out_lengths, len(lengths))
    a = moveaxis(a, last, places)
    factor = _factor(name, norm, lengths, kind in ("FFT", "RFFT"))
    return a if factor == 1 else lax.mul(a, like(a, factor))


def _chunks(kind: str, lengths: list[int]) -> list[tuple[tuple[str, int, int], list[int]]]:
    """At most three axes at once; of a real transform the last axes come first, or last back."""
    groups = []
    stop = len(lengths)
    while stop:
        start = max(stop - 3, 0)
        groups.append((start, stop))
        stop = start
    complex_kind = "FFT" if kind in ("FFT", "RFFT") else "IFFT"
    out = [((kind if stop == len(lengths) else complex_kind, start, stop), lengths[start:stop])
           for start, stop in groups]
    return out[::-1] if kind == "IRFFT" else out


def _apply(a: Any, chunk: tuple[str, int, int], lengths: list[int], count: int) -> Any:
    kind, start, stop = chunk
    base = a.aval.ndim - count
    if stop == count:
        return lax.fft(a, getattr(lax.FftType, kind), tuple(lengths))
    places = range(base + start, base + stop)
    last = range(a.aval.ndim - (stop - start), a.aval.ndim)
    moved = lax.fft(moveaxis(a, places, last), getattr(lax.FftType, kind), tuple(lengths))
    return moveaxis(moved, last, places)


def _resize(a: Any, places: Sequence[int], lengths: Sequence[int]) -> Any:
    """The array cut, or padded with zeros, to the lengths."""
    limits = list(a.aval.shape)
    for i, n in zip(places, lengths, strict=True):
        limits[i] = min(limits[i], n)
    if tuple(limits) != a.aval.shape:
        a = lax.slice(a, (0,) * a.aval.ndim, limits)
    pads = [(0, 0, 0)] * a.aval.ndim
    for i, n in zip(places, lengths, strict=True):
        pads[i] = (0, n - a.aval.shape[i], 0)
    return lax.pad(a, convert(0, a.aval.dtype), pads) if any(p[1] for p in pads) else a


def _factor(name: str, norm: str | None, lengths: list[int], forward: bool) -> float:
    """What to multiply by: the inverse transform itself divides by n."""
    n = size_of(lengths)
    if norm in (None, "backward"):
        return 1
    if norm == "ortho":
        return 1 / math.sqrt(n) if forward else math.sqrt(n)
    if norm == "forward":
        return 1 / n if forward else n
    raise ValueError(f"{name}: norm must be None, 'backward', 'ortho' or 'forward', got {norm!r}")


def _single(name: str, kind: str, a: Any, n: int | None, axis: int, norm: str | None) -> Any:
    if isinstance(axis, (tuple, list)):
        raise ValueError(f"{name}: one axis is transformed, got {axis}; use the n-dimensional form")
    return _transform(name, kind, a, None if n is None else (n,), (axis,), norm)


def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Compute the discrete Fourier transform along an axis, sum_j a[j] exp(-2 pi i j k / n).

    a: [..., m, ...] of any dtype, cut or padded with zeros to length n, by default m; axis: the
    axis; norm: the transform is divided by 1 (None, "backward"), sqrt(n) ("ortho") or n
    ("forward"), the inverse one by the rest of n -> [..., n, ...] complex64 or complex128. Raises
    ValueError for n < 1, other norms, several axes and one out of bounds.

    >>> jnp.fft.fft(np.array([1, 2, 3, 4]))
    Array([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j], dtype=complex128)
    """
    return _single("fft", "FFT", a, n, axis, norm)


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Compute the inverse discrete Fourier transform along an axis.

    a, n, axis, norm: as for `fft`, with the same errors -> [..., n, ...] complex64 or complex128.

    >>> jnp.fft.ifft(np.array([4, 0, 0, 0]))
    Array([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex128)
    """
    return _single("ifft", "IFFT", a, n, axis, norm)


def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Compute the Fourier transform of real numbers along an axis, without its redundant half.

    a: [..., m, ...] real; n, axis, norm: as for `fft`, with the same errors -> [..., n // 2 + 1,
    ...] complex64 or complex128. Raises ValueError for complex numbers.

    >>> jnp.fft.rfft(np.array([1, 2, 3, 4]))
    Array([10.+0.j, -2.+2.j, -2.+0.j], dtype=complex128)
    """
    return _single("rfft", "RFFT", a, n, axis, norm)


def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Compute the inverse of `rfft` along an axis.

    a: [..., m, ...]; n: length of the result, by default 2 (m - 1); axis, norm: as for `fft`, with
    the same errors -> [..., n, ...] float32 or float64.

    >>> jnp.fft.irfft(jnp.fft.rfft(np.array([1, 2, 3])), 3)
    Array([1., 2., 3.], dtype=float64)
    """
    return _single("irfft", "IRFFT", a, n, axis, norm)


def fftn(a: Any, s: Shape = None, axes: Sequence[int] | None = None, norm: str | None = None
         ) -> Any:
    """Compute the discrete Fourier transform over several axes.

    a: [...] of any dtype; s: lengths of these axes, by default as they are; axes: by default all,
    or the last len(s); norm: as for `fft` -> [...] complex64 or complex128. Raises ValueError for
    lengths below 1 and other norms, axes out of bounds or not as many as lengths.

    >>> jnp.fft.fftn(np.array([[1, 2], [3, 4]]))
    Array([[10.+0.j, -2.+0.j],
           [-4.+0.j,  0.+0.j]], dtype=complex128)
    """
    return _transform("fftn", "FFT", a, s, axes, norm)


def ifftn(a: Any, s: Shape = None, axes: Sequence[int] | None = None, norm: str | None = None
          ) -> Any:
    """Compute the inverse discrete Fourier transform over several axes.

    a, s, axes, norm: as for `fftn`, with the same errors -> [...] complex64 or complex128.

    >>> jnp.fft.ifftn(np.array([[10, -2], [-4, 0]]))
    Array([[1.+0.j, 2.+0.j],
           [3.+0.j, 4.+0.j]], dtype=complex128)
    """
    return _transform("ifftn", "IFFT", a, s, axes, norm)


def rfftn(a: Any, s: Shape = None, axes: Sequence[int] | None = None, norm: str | None = None
          ) -> Any:
    """Compute the Fourier transform of real numbers over several axes, the last of them halved.

    a: [...] real; s, axes, norm: as for `fftn`, with the same errors -> [..., n // 2 + 1] complex64
    or complex128. Raises ValueError for complex numbers.

    >>> jnp.fft.rfftn(np.array([[1, 2], [3, 4]]))
    Array([[10.+0.j, -2.+0.j],
           [-4.+0.j,  0.+0.j]], dtype=complex128)
    """
    return _transform("rfftn", "RFFT", a, s, axes, norm)


def irfftn(a: Any, s: Shape = None, axes: Sequence[int] | None = None,
           norm: str | None = None) -> Any:
    """Compute the inverse of `rfftn`.

    a: [...]; s: lengths of the result, the last by default 2 (m - 1); axes, norm: as for `fftn`,
    with the same errors -> [*s] float32 or float64.

    >>> jnp.fft.irfftn(np.array([[10, -2], [-4, 0]]))
    Array([[1., 2.],
           [3., 4.]], dtype=float64)
    """
    return _transform("irfftn", "IRFFT", a, s, axes, norm)


def fft2(a: Any, s: Shape = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """Compute the discrete Fourier transform over two axes.

    a, s, norm: as for `fftn`, with the same errors; axes: by default the last two -> [...]
    complex64 or complex128. Raises ValueError for another number of axes.

    >>> jnp.fft.fft2(np.array([[1, 2], [3, 4]]))
    Array([[10.+0.j, -2.+0.j],
           [-4.+0.j,  0.+0.j]], dtype=complex128)
    """
    return _transform("fft2", "FFT", a, s, _two("fft2", axes), norm)


def ifft2(a: Any, s: Shape = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """Compute the inverse discrete Fourier transform over two axes.

    a, s, axes, norm: as for `fft2`, with the same errors -> [...] complex64 or complex128.

    >>> jnp.fft.ifft2(np.array([[10, -2], [-4, 0]]))
    Array([[1.+0.j, 2.+0.j],
           [3.+0.j, 4.+0.j]], dtype=complex128)
    """
    return _transform("ifft2", "IFFT", a, s, _two("ifft2", axes), norm)


def rfft2(a: Any, s: Shape = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """Compute the Fourier transform of real numbers over two axes, the last of them halved.

    a: [...] real; s, axes, norm: as for `fft2`, with the same errors -> [..., n // 2 + 1] complex64
    or complex128. Raises ValueError for complex numbers.

    >>> jnp.fft.rfft2(np.array([[1, 2], [3, 4]]))
    Array([[10.+0.j, -2.+0.j],
           [-4.+0.j,  0.+0.j]], dtype=complex128)
    """
    return _transform("rfft2", "RFFT", a, s, _two("rfft2", axes), norm)


def irfft2(a: Any, s: Shape = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """Compute the inverse of `rfft2`.

    a: [...]; s: lengths of the result, the last by default 2 (m - 1); axes, norm: as for `fft2`,
    with the same errors -> [..., *s] float32 or float64.

    >>> jnp.fft.irfft2(np.array([[10, -2], [-4, 0]]))
    Array([[1., 2.],
           [3., 4.]], dtype=float64)
    """
    return _transform("irfft2", "IRFFT", a, s, _two("irfft2", axes), norm)


def _two(name: str, axes: Sequence[int]) -> Sequence[int]:
    if len(axes) != 2:
        raise ValueError(f"{name}: two axes are needed, got {axes}")
    return axes


def _opposite_norm(norm: str | None) -> str | None:
    """The normalization of the opposite direction."""
    return {None: "forward", "backward": "forward", "forward": "backward"}.get(norm, norm)


def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Compute the Fourier transform of numbers with Hermitian symmetry, which is real.

    a: [..., m, ...], the half with non-negative indices; n: length of the result, by default 2 (m -
    1); axis, norm: as for `fft`, with the same errors -> [..., n, ...] float32 or float64.

    >>> jnp.fft.hfft(np.array([1, 1j]), 3)
    Array([ 1.        ,  2.73205081, -0.73205081], dtype=float64)
    """
    return _single("hfft", "IRFFT", conjugate(a), n, axis, _opposite_norm(norm))


def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """Compute the inverse of `hfft`.

    a: [..., m, ...] real; n, axis, norm: as for `fft`, with the same errors -> [..., n // 2 + 1,
    ...] complex64 or complex128.

    >>> jnp.fft.ihfft(np.array([3, 0, 0]))
    Array([1.-0.j, 1.-0.j], dtype=complex128)
    """
    return conjugate(_single("ihfft", "RFFT", a, n, axis, _opposite_norm(norm)))


def _frequencies(name: str, k: np.ndarray, n: int, d: Any, dtype: Any) -> Any:
    if n == 0:
        raise ValueError(f"{name}: n must not be zero")
    dtype = user_dtype(name, dtype) or dtypes.to_inexact_dtype(dtypes.result_type(
        dtypes.default_float(), aval_of(name, d).dtype))
    return divide(from_numpy(k.astype(dtype)), convert(d * n if isinstance(d, (int, float)) else
                                                       d * float(n), dtype))


def fftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Any:
    """Return the frequencies of the elements of `fft`, in cycles per unit of d.

    n: the transform's length; d: distance of the samples; dtype: the default float if None; device:
    without effect -> [n] of `dtype`, negative ones behind. Raises ValueError for n = 0, TypeError
    for others than integers.

    >>> jnp.fft.fftfreq(4, d=0.5)
    Array([ 0. ,  0.5, -1. , -0.5], dtype=float64)
    """
    n = concrete_int("fftfreq", n, "n")
    k = np.arange(n)
    return _frequencies("fftfreq", np.where(k < (n + 1) // 2, k, k - n), n, d, dtype)


def rfftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Any:
    """Return the frequencies of the elements of `rfft`, in cycles per unit of d.

    n: the length of what is transformed; d: distance of the samples; dtype: the default float if
    None; device: without effect -> [n // 2 + 1] of `dtype`. Raises ValueError for n = 0, TypeError
    for others than integers.

    >>> jnp.fft.rfftfreq(4, d=0.5)
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    n = concrete_int("rfftfreq", n, "n")
    return _frequencies("rfftfreq", np.arange(n // 2 + 1), n, d, dtype)


def _shift(x: Any, axes: Any, sign: int) -> Any:
    aval = aval_of("fftshift", x)
    places = axes_of("fftshift", axes, aval.ndim)
    by = [aval.shape[i] // 2 if sign > 0 else -(aval.shape[i] // 2) for i in places]
    return roll(x, by, places) if places else x


def fftshift(x: Any, axes: Any = None) -> Any:
    """Move frequency 0 to the middle of axes.

    x: [...] of any dtype; axes: an axis or several, by default all -> the same shape and dtype.
    Raises ValueError for axes out of bounds.

    >>> jnp.fft.fftshift(jnp.fft.fftfreq(4))
    Array([-0.5 , -0.25,  0.  ,  0.25], dtype=float64)
    """
    return _shift(x, axes, 1)


def ifftshift(x: Any, axes: Any = None) -> Any:
    """Move frequency 0 from the middle of axes to their beginning: the inverse of `fftshift`.

    x: [...] of any dtype; axes: an axis or several, by default all -> the same shape and dtype.
    Raises ValueError for axes out of bounds.

    >>> jnp.fft.ifftshift(np.array([-2, -1, 0, 1]))
    Array([ 0,  1, -2, -1], dtype=int64)
    """
    return _shift(x, axes, -1)

_hide_frames_of(__name__)
