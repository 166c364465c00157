"""Convolution, correlation and trends of sampled signals; spectra are in `spectra.py`."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot import lax
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.families import kind_of
from ingot.numpy.promotion import inexact, promote_dtypes
from ingot.numpy.reductions import axes_of
from ingot.numpy.signal import sliding_sums
from ingot.scipy.spectra import csd, istft, stft, welch

_MODES = ("full", "same", "valid")


def _pair(name: str, in1: Any, in2: Any, mode: str) -> tuple[Any, Any]:
    """Both arguments in one dtype; the larger one first where mode is 'valid'."""
    x, y = promote_dtypes(name, in1, in2, kind="inexact")
    if x.ndim != y.ndim:
        raise ValueError(f"{name}: the arguments must have one number of axes, got {x.aval} and"
                         f" {y.aval}")
    if mode not in _MODES:
        raise ValueError(f"{name}: mode must be one of {_MODES}, got {mode!r}")
    if x.size == 0 or y.size == 0:
        raise ValueError(f"{name}: the arguments must not be empty, got {x.aval} and {y.aval}")
    return x, y


def _in_order(name: str, x: Any, y: Any, axes: Sequence[int]) -> bool:
    """Whether x is as large as y along all axes, for mode 'valid'; else y must be."""
    if all(x.shape[a] >= y.shape[a] for a in axes):
        return True
    if all(x.shape[a] <= y.shape[a] for a in axes):
        return False
    raise ValueError(f"{name}: for mode 'valid' one of the arguments must be as large as the other"
                     f" along each axis, got {x.aval} and {y.aval}")


def _direct(name: str, x: Any, y: Any, mode: str, precision: Any) -> Any:
    if mode == "valid" and not _in_order(name, x, y, range(x.ndim)):
        x, y = y, x
    if mode == "full":
        padding = [(n - 1, n - 1) for n in y.shape]
    elif mode == "same":
        padding = [(n - 1 - (n - 1) // 2, (n - 1) // 2) for n in y.shape]
    else:
        padding = [(0, 0)] * x.ndim
    kernel = jnp.flip(y)[None, None]
    if x.ndim == 0:
        return x * y
    return sliding_sums(x[None, None], kernel, padding, precision)[0, 0]


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Convolve by Fourier transforms, which is faster for long arguments.

    in1, in2: [...] of one number of axes. mode: 'full', 'same' (the size of in1) or 'valid' (where
    both overlap entirely). axes: to convolve along, all of them by default; the others broadcast ->
    an array of the promoted floating or complex dtype. Raises ValueError for shapes that do not fit
    and other modes.

    >>> signal.fftconvolve(np.ones(2), np.ones(2)).round(6)
    Array([1., 2., 1.], dtype=float64)
    """
    x, y = (inexact("fftconvolve", v) for v in _pair("fftconvolve", in1, in2, mode))
    if x.ndim == 0:
        return x * y
    along = sorted(axes_of("fftconvolve", axes, x.ndim))
    others = [a for a in range(x.ndim) if a not in along]
    if any(x.shape[a] != y.shape[a] and 1 not in (x.shape[a], y.shape[a]) for a in others):
        raise ValueError(f"fftconvolve: axes that are not convolved must broadcast, got {x.aval}"
                         f" and {y.aval}")
    if not along:
        return x * y
    if mode == "valid" and not _in_order("fftconvolve", x, y, along):
        x, y = y, x
    full = [_fast_length(x.shape[a] + y.shape[a] - 1) for a in along]
    forward, back = (jnp.fft.fftn, jnp.fft.ifftn) if kind_of(x) == "c" else (
        jnp.fft.rfftn, jnp.fft.irfftn)
    out = back(forward(x, full, along) * forward(y, full, along), full, along)
    for a in along:
        if mode == "same":
            start, length = (y.shape[a] - 1) // 2, x.shape[a]
        elif mode == "valid":
            start, length = y.shape[a] - 1, x.shape[a] - y.shape[a] + 1
        else:
            start, length = 0, x.shape[a] + y.shape[a] - 1
        out = lax.slice_in_dim(out, start, start + length, axis=a)
    return out.astype(x.dtype)


def _fast_length(n: int) -> int:
    """A length not less than n whose Fourier transform is fast."""
    import scipy.fft

    return scipy.fft.next_fast_len(n, real=True)


DIRECT = 1_000_000
"""Products that are always summed directly: they take milliseconds, and each sum is accurate."""


def _by_transforms(x: Any, y: Any, mode: str) -> bool:
    """Whether Fourier transforms take less time than direct sums, for floats.

    Their error is relative to the largest sum, so integers, whose sums are exact, are left out.
    """
    if kind_of(x) not in "fc" or x.dtype.itemsize < 4:
        return False
    sizes = zip(x.shape, y.shape, strict=True)
    lengths = {"full": lambda n, m: n + m - 1, "same": lambda n, m: n,
               "valid": lambda n, m: abs(n - m) + 1}[mode]
    direct = math.prod(lengths(n, m) * min(n, m) for n, m in sizes)
    full = math.prod(n + m - 1 for n, m in zip(x.shape, y.shape, strict=True))
    return direct > max(DIRECT, 5 * full * math.log2(max(full, 2)))


def _sums(name: str, x: Any, y: Any, mode: str, precision: Any, exact: bool) -> Any:
    """Convolution by the faster method, or directly."""
    if not exact and _by_transforms(x, y, mode):
        return fftconvolve(x, y, mode)
    return _direct(name, x, y, mode, precision)


def _integral(*xs: Any) -> bool:
    return all(kind_of(jnp.asarray(x)) in "biu" for x in xs)


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto", precision: Any = None
             ) -> Any:
    """Convolve along all axes.

    in1, in2: [...] of one number of axes. mode: that of `fftconvolve`. method: 'direct' (sums of
    products), 'fft' or 'auto', the faster one by their sizes, but 'direct' for integers and 16
    bits. precision: without effect -> an array of the promoted floating or complex dtype. Raises
    ValueError for shapes that do not fit, other modes and methods.

    >>> signal.convolve(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    Array([1., 3., 2.], dtype=float64)
    """
    if method == "fft":
        return fftconvolve(in1, in2, mode)
    if method not in ("auto", "direct"):
        raise ValueError(f"convolve: method must be 'auto', 'direct' or 'fft', got {method!r}")
    exact = method == "direct" or _integral(in1, in2)
    return _sums("convolve", *_pair("convolve", in1, in2, mode), mode, precision, exact)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto", precision: Any = None
              ) -> Any:
    """Correlate along all axes: convolve with the reversed conjugate of in2.

    in1, in2, mode, method, precision, errors: those of `convolve` -> an array of the promoted
    floating or complex dtype.

    >>> signal.correlate(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    Array([1., 2., 0.], dtype=float64)
    """
    return convolve(in1, jnp.flip(jnp.conj(jnp.asarray(in2))), mode, method, precision)


_BOUNDARIES = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def _planes(name: str, in1: Any, in2: Any, mode: str) -> tuple[Any, Any]:
    x, y = _pair(name, in1, in2, mode)
    if x.ndim != 2:
        raise ValueError(f"{name}: the arguments must be matrices, got {x.aval} and {y.aval}")
    return x, y


def _bordered(name: str, in1: Any, in2: Any, mode: str, boundary: str, fillvalue: Any,
              precision: Any) -> Any:
    """The convolution of matrices, the first of which goes on beyond its ends."""
    if boundary not in _BOUNDARIES:
        raise ValueError(f"{name}: boundary must be 'fill', 'wrap' or 'symm', got {boundary!r}")
    x, y = _planes(name, in1, in2, mode)
    exact = _integral(in1, in2)
    plain = boundary == "fill" and isinstance(fillvalue, (int, float)) and fillvalue == 0
    if plain or mode == "valid":
        return _sums(name, x, y, mode, precision, exact)
    border = [(k - 1, k - 1) for k in y.shape]
    options = {"constant_values": fillvalue} if boundary == "fill" else {}
    whole = _sums(name, jnp.pad(x, border, _BOUNDARIES[boundary], **options), y, "full", precision,
                  exact)
    start = [k - 1 + ((k - 1) // 2 if mode == "same" else 0) for k in y.shape]
    size = [n if mode == "same" else n + k - 1 for n, k in zip(x.shape, y.shape, strict=True)]
    return whole[tuple(slice(i, i + n) for i, n in zip(start, size, strict=True))]


def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0,
               precision: Any = None) -> Any:
    """Convolve matrices.

    in1, in2: [m, n] and [k, l]. mode: that of `fftconvolve`. boundary: what is beyond the ends of
    in1: 'fill', fillvalue; 'wrap', in1 again; 'symm', its mirror image. precision: without effect
    -> a matrix of the promoted floating or complex dtype, [m + k - 1, n + l - 1] for 'full'. Raises
    ValueError for other boundaries, and shapes that do not fit.

    >>> signal.convolve2d(np.ones((1, 2)), np.ones((1, 2)))
    Array([[1., 2., 1.]], dtype=float64)
    """
    return _bordered("convolve2d", in1, in2, mode, boundary, fillvalue, precision)


def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0,
                precision: Any = None) -> Any:
    """Correlate matrices: convolve with the reversed conjugate of in2.

    in1, in2, mode, boundary, fillvalue, precision, errors: those of `convolve2d` -> a matrix of the
    promoted floating or complex dtype.

    >>> signal.correlate2d(np.ones((1, 2)), np.array([[1.0, 2.0]]))
    Array([[2., 3., 1.]], dtype=float64)
    """
    x, y = _planes("correlate2d", in1, in2, mode)
    sums = functools.partial(_bordered, "correlate2d", mode=mode, boundary=boundary,
                             fillvalue=fillvalue, precision=precision)
    if mode == "same":  # the middle of correlations lies on the other side of even lengths
        return jnp.flip(sums(jnp.flip(jnp.asarray(in1)), jnp.conj(jnp.asarray(in2))))
    out = sums(in1, jnp.flip(jnp.conj(jnp.asarray(in2))))
    # As in SciPy: the correlation of the smaller with the larger is not conjugated.
    swapped = mode == "valid" and not _in_order("correlate2d", x, y, range(2))
    return jnp.conj(out) if swapped else out


def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0,
            overwrite_data: Any = None) -> Any:
    """Take off the mean or a line of least squares along an axis.

    data: [..., n, ...]. axis: an integer. type: 'constant' for the mean, 'linear' for lines. bp:
    for lines, the indices at which new ones begin. overwrite_data: without effect -> the same
    shape, floating or complex. Raises ValueError for another type, or break points out of range.

    >>> signal.detrend(np.array([1.0, 3.0, 8.0])).round(6)
    Array([ 0.5, -1. ,  0.5], dtype=float64)
    """
    if overwrite_data is not None:
        raise NotImplementedError("detrend: arrays are immutable, so overwrite_data must be None")
    if type not in ("constant", "linear"):
        raise ValueError(f"detrend: type must be 'constant' or 'linear', got {type!r}")
    x = inexact("detrend", data)
    if type == "constant":
        return x - jnp.mean(x, axis, keepdims=True)
    n = x.shape[axis]
    breaks = np.unique(np.r_[0, np.atleast_1d(bp), n])
    if breaks.min() < 0 or breaks.max() > n:
        raise ValueError(f"detrend: break points must lie in the {n} samples, got {bp}")
    x = jnp.moveaxis(x, axis, 0)
    parts = []
    for start, stop in zip(breaks[:-1], breaks[1:], strict=True):
        part = x[start:stop]
        basis = np.stack([np.ones(stop - start), np.arange(1, stop - start + 1) / (stop - start)])
        line, _ = np.linalg.qr(basis.T)
        line = jnp.asarray(line, jnp.real(part).dtype)
        flat = part.reshape(part.shape[0], -1)
        parts.append((flat - line @ (line.T @ flat)).reshape(part.shape))
    return jnp.moveaxis(jnp.concatenate(parts), 0, axis)


__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "csd", "detrend", "fftconvolve",
           "istft", "stft", "welch"]

_hide_frames_of(__name__)
