"""Spectra of sampled signals from Fourier transforms of their overlapping segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot import dtypes
from ingot.numpy.families import kind_of
from ingot.numpy.promotion import inexact, promote_dtypes
from ingot.util import warn

_BORDERS = {"even": {"mode": "reflect"}, "odd": {"mode": "reflect", "reflect_type": "odd"},
            "constant": {"mode": "edge"}, "zeros": {"mode": "constant"}}


def _window(name: str, window: Any, nperseg: int | None, length: int) -> tuple[np.ndarray, int]:
    """The window's values, and its length."""
    if isinstance(window, (str, tuple)):
        from scipy.signal import get_window

        size = length if nperseg is None else int(nperseg)
        if size > length:
            warn(f"{name}: nperseg={size} is greater than the length {length} of the"
                          " signal, which is used instead", UserWarning)
            size = length
        return get_window(window, size), size
    values = np.asarray(window)
    if values.ndim != 1 or values.size > length:
        raise ValueError(f"{name}: window must be a vector not longer than the signal of length"
                         f" {length}, got shape {values.shape}")
    if nperseg is not None and int(nperseg) != values.size:
        raise ValueError(f"{name}: nperseg={nperseg} is not the length {values.size} of the window")
    return values, values.size


def _trend(detrend: Any) -> Callable[[Any], Any]:
    """What takes the trend from segments [..., time]."""
    if not detrend:
        return lambda x: x
    if callable(detrend):
        return detrend
    if detrend == "constant":
        return lambda x: x - jnp.mean(x, -1, keepdims=True)
    if detrend != "linear":
        raise ValueError(f"detrend: type must be 'constant' or 'linear', got {detrend!r}")

    def straight(x: Any) -> Any:
        n = x.shape[-1]
        line = np.linalg.qr(np.stack([np.ones(n), np.arange(1, n + 1) / n]).T)[0]
        line = jnp.asarray(line, jnp.real(x).dtype)
        return x - (x @ line) @ line.T

    return straight


def _segments(x: Any, length: int, step: int) -> Any:
    """[..., time] -> [..., segment, time]."""
    starts = np.arange(0, x.shape[-1] - length + 1, step)
    return x[..., starts[:, None] + np.arange(length)]


def _check_lengths(name: str, length: int, overlap: int, size: int) -> None:
    if overlap >= length or size < length or length < 1:
        raise ValueError(f"{name}: noverlap must be less than nperseg, and nfft not, got"
                         f" nperseg={length}, noverlap={overlap}, nfft={size}")


def _of_one_length(name: str, x: Any, y: Any, axis: int) -> list[Any]:
    """Two signals with the axis of time last, the shorter one padded with zeros."""
    pair = [jnp.moveaxis(v, axis, -1) for v in promote_dtypes(name, x, y, kind="inexact")]
    n = max(v.shape[-1] for v in pair)
    return [jnp.pad(v, [(0, 0)] * (v.ndim - 1) + [(0, n - v.shape[-1])]) for v in pair]


def _spectra(name: str, x: Any, y: Any, fs: Any, window: Any, nperseg: int | None,
             noverlap: int | None, nfft: int | None, detrend: Any, onesided: bool, scaling: str,
             axis: int, mode: str, boundary: Any, padded: bool) -> tuple[Any, Any, Any]:
    """Frequencies, times, and products of the transforms of segments, [..., segment, frequency]."""
    same = y is None or y is x
    x, y = _of_one_length(name, x, x if same else y, axis)
    n = x.shape[-1]
    values, length = _window(name, window, nperseg, n)
    overlap = length // 2 if noverlap is None else int(noverlap)
    size = length if nfft is None else int(nfft)
    _check_lengths(name, length, overlap, size)
    if boundary is not None and boundary not in _BORDERS:
        raise ValueError(f"{name}: boundary must be None or one of {sorted(_BORDERS)}, got"
                         f" {boundary!r}")
    before = length // 2 if boundary is not None else 0
    step = length - overlap
    after = -(n + 2 * before - length) % step % length if padded else 0

    def transformed(v: Any) -> Any:
        widths = [(0, 0)] * (v.ndim - 1)
        if boundary is not None:
            v = jnp.pad(v, [*widths, (before, before)], **_BORDERS[boundary])
        v = _trend(detrend)(_segments(jnp.pad(v, [*widths, (0, after)]), length, step))
        v = v * jnp.asarray(values, jnp.real(v).dtype)
        return jnp.fft.rfft(v, size) if half else jnp.fft.fft(v, size)

    half = onesided and kind_of(x) != "c"
    out = transformed(x)
    scale = _scale(name, scaling, fs, values)
    if mode == "stft":
        out = out * np.sqrt(scale)
    else:
        out = jnp.conj(out) * (out if same else transformed(y)) * scale
        if half:
            out = out.at[..., 1 : None if size % 2 else -1].multiply(2)
    times = np.arange(length / 2, n + 2 * before + after - length / 2 + 1, step)
    times = times - (length / 2 if boundary is not None else 0)
    frequencies = (np.fft.rfftfreq if half else np.fft.fftfreq)(size, 1 / float(fs))
    times, frequencies = (jnp.asarray(v, jnp.real(x).dtype) for v in (times / fs, frequencies))
    return frequencies, times, out.astype(dtypes.complex_of(times.dtype))


def _scale(name: str, scaling: str, fs: Any, values: np.ndarray) -> float:
    if scaling == "density":
        return 1 / (float(fs) * float((values * values).sum()))
    if scaling == "spectrum":
        return 1 / float(values.sum()) ** 2
    raise ValueError(f"{name}: scaling must be 'density' or 'spectrum', got {scaling!r}")


def csd(x: Any, y: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None,
        noverlap: int | None = None, nfft: int | None = None, detrend: Any = "constant",
        return_onesided: bool = True, scaling: str = "density", axis: int = -1,
        average: str = "mean") -> tuple[Any, Any]:
    """Estimate the cross spectral density of two signals by Welch's method.

    x, y: [..., time], along `axis`. fs: samples per unit of time. window: a name or tuple that
    SciPy knows, or its values. nperseg, noverlap, nfft: lengths of segments (by default all),
    overlaps (by default half), transforms. detrend: what is taken off segments, a type of
    `detrend`, a function, or False. return_onesided: for real signals, whether negative frequencies
    are left out. scaling: 'density' or 'spectrum'. average: 'mean' or 'median' over segments. ->
    (frequencies, [..., frequency]), in units of x y per unit of frequency for 'density'. Raises
    ValueError for lengths that do not fit.

    >>> signal.csd(np.ones(8), np.ones(8), nperseg=4)[0]
    Array([0.  , 0.25, 0.5 ], dtype=float64)
    """
    f, _, p = _spectra("csd", x, y, fs, window, nperseg, noverlap, nfft, detrend, return_onesided,
                       scaling, axis, "psd", None, False)
    if average == "median":
        n = p.shape[-2]
        bias = 1 + float(np.sum(1 / np.arange(3, n + 1, 2) - 1 / np.arange(2, n, 2)))
        parts = (jnp.median(v, axis=-2) / bias for v in (jnp.real(p), jnp.imag(p)))
        p = jnp.asarray(next(parts) + 1j * next(parts), p.dtype)
    elif average == "mean":
        p = jnp.mean(p, axis=-2)
    else:
        raise ValueError(f"csd: average must be 'mean' or 'median', got {average!r}")
    return f, jnp.moveaxis(p, -1, axis)


def welch(x: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None,
          noverlap: int | None = None, nfft: int | None = None, detrend: Any = "constant",
          return_onesided: bool = True, scaling: str = "density", axis: int = -1,
          average: str = "mean") -> tuple[Any, Any]:
    """Estimate the power spectral density of a signal by Welch's method.

    x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average,
    errors: those of `csd` -> (frequencies, [..., frequency]) floating.

    >>> signal.welch(np.ones(8), nperseg=4, detrend=False)[1].round(3)
    Array([2.667, 1.333, 0.   ], dtype=float64)
    """
    x = inexact("welch", x)
    f, p = csd(x, x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis,
               average)
    return f, jnp.real(p)


def stft(x: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = 256,
         noverlap: int | None = None, nfft: int | None = None, detrend: Any = False,
         return_onesided: bool = True, boundary: str | None = "zeros", padded: bool = True,
         axis: int = -1) -> tuple[Any, Any, Any]:
    """Short-time Fourier transform.

    x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, axis, errors: those of `csd`.
    boundary: how it goes on at both ends: 'zeros', 'even', 'odd', 'constant', or None for not at
    all. padded: whether zeros fill the last segment -> (frequencies, times of segments, complex
    [..., frequency, segment]).

    >>> signal.stft(np.ones(8), nperseg=4)[2].shape
    (3, 5)
    """
    f, t, z = _spectra("stft", x, None, fs, window, nperseg, noverlap, nfft, detrend,
                       return_onesided, "spectrum", axis, "stft", boundary, padded)
    z = jnp.moveaxis(z, -1, -2)
    place = axis if axis >= 0 else axis + z.ndim - 1
    return f, t, jnp.moveaxis(z, -2, place)


def _overlap_add(segments: Any, weights: np.ndarray, step: int) -> Any:
    """The sum [..., time] of segments [..., segment, time] that start `step` samples apart, divided
    by that of their weights [time]."""
    *outer, count, length = segments.shape
    places = (np.arange(count)[:, None] * step + np.arange(length)).ravel()
    total = length + (count - 1) * step
    x = jnp.zeros((*outer, total), segments.dtype).at[..., places].add(
        segments.reshape(*outer, -1))
    norm = np.zeros(total)
    np.add.at(norm, places, np.tile(weights, count))
    return x / jnp.asarray(np.where(norm > 1e-10, norm, 1), jnp.real(segments).dtype)


def istft(Zxx: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None,
          noverlap: int | None = None, nfft: int | None = None, input_onesided: bool = True,
          boundary: bool = True, time_axis: int = -1, freq_axis: int = -2) -> tuple[Any, Any]:
    """Inverse short-time Fourier transform, by overlapping and adding.

    Zxx: complex [..., frequency, segment]. fs, window, nperseg, noverlap, nfft: those of `stft`.
    input_onesided: whether negative frequencies were left out. boundary: whether both ends were
    extended. time_axis, freq_axis: axes of Zxx -> (times, [..., time]), real where input_onesided.
    Raises ValueError for lengths that do not fit.

    >>> signal.istft(signal.stft(np.ones(8), nperseg=4)[2], nperseg=4)[1].round(6)
    Array([1., 1., 1., 1., 1., 1., 1., 1.], dtype=float64)
    """
    z = jnp.asarray(Zxx)
    z = z if kind_of(z) == "c" else z.astype(dtypes.complex_of(inexact("istft", z).dtype))
    if z.ndim < 2 or time_axis % z.ndim == freq_axis % z.ndim:
        raise ValueError(f"istft: Zxx must have an axis of time and another of frequency, got"
                         f" {z.aval}, time_axis={time_axis}, freq_axis={freq_axis}")
    z = jnp.moveaxis(z, (freq_axis, time_axis), (-2, -1))
    usual = 2 * (z.shape[-2] - 1) if input_onesided else z.shape[-2]
    length = usual if nperseg is None else int(nperseg)
    size = (length if input_onesided and length == usual + 1 else usual) if nfft is None else nfft
    overlap = length // 2 if noverlap is None else int(noverlap)
    _check_lengths("istft", length, overlap, size)
    values, length = _window("istft", window, length, length)
    step = length - overlap
    parts = (jnp.fft.irfft if input_onesided else jnp.fft.ifft)(z, size, axis=-2)[..., :length, :]
    win = jnp.asarray(values, jnp.real(parts).dtype)
    parts = jnp.moveaxis(parts, -1, -2) * (win * win.sum())
    x = _overlap_add(parts, values * values, step)
    if boundary:
        x = x[..., length // 2 : x.shape[-1] - length // 2]
    times = jnp.arange(x.shape[-1], dtype=win.dtype) / fs
    if x.ndim > 1 and time_axis % z.ndim != z.ndim - 1:
        place = time_axis % z.ndim - (freq_axis % z.ndim < time_axis % z.ndim)
        x = jnp.moveaxis(x, -1, place)
    return times, x
