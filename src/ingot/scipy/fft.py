"""Discrete cosine and sine transforms of types 1 to 4, by complex transforms."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import fft as transforms
from ingot.numpy.creation import asarray
from ingot.numpy.families import kind_of
from ingot.numpy.joining import concatenate, stack
from ingot.numpy.manipulation import moveaxis
from ingot.numpy.padding import pad
from ingot.numpy.promotion import inexact
from ingot.numpy.rearranging import flip
from ingot.numpy.rounding import imag, real

NORMS = (None, "backward", "ortho", "forward")


def _input(name: str, x: Any, type: int, norm: str | None) -> Any:
    if type not in (1, 2, 3, 4):
        raise ValueError(f"{name}: type must be 1, 2, 3 or 4, got {type!r}")
    if norm not in NORMS:
        raise ValueError(f"{name}: norm must be one of {NORMS}, got {norm!r}")
    x = inexact(name, x)
    if x.ndim == 0:
        raise ValueError(f"{name}: the argument must have an axis, got {x.aval}")
    return x


def _resize(name: str, x: Any, n: int | None) -> Any:
    """Cut off or filled with zeros to length n along the last axis."""
    length = x.shape[-1] if n is None else operator.index(n)
    if length < 1:
        raise ValueError(f"{name}: the length must be positive, got {length}")
    if length <= x.shape[-1]:
        return x[..., :length]
    return pad(x, [(0, 0)] * (x.ndim - 1) + [(0, length - x.shape[-1])])


def _phases(n: int, dtype: Any, sign: int) -> Any:
    angles = np.arange(n) * (np.pi / (2 * n))
    return asarray(np.exp(sign * 1j * angles).astype(dtypes.complex_of(dtype)))


# ---- cosine transforms without scale ----
def _cosine1(x: Any) -> Any:
    """The transform of the even extension."""
    if x.shape[-1] < 2:
        raise ValueError(f"dct: type 1 needs a length of at least 2, got {x.aval}")
    return real(transforms.rfft(concatenate([x, flip(x[..., 1:-1], -1)], -1)))


def _cosine2(x: Any) -> Any:
    n, dtype = x.shape[-1], x.dtype
    folded = concatenate([x[..., ::2], flip(x[..., 1::2], -1)], -1)
    return 2 * real(transforms.fft(folded) * _phases(n, dtype, -1))


def _cosine3(x: Any) -> Any:
    """2 n times the inverse of type 2."""
    n, dtype = x.shape[-1], x.dtype
    mirrored = pad(flip(x[..., 1:], -1), [(0, 0)] * (x.ndim - 1) + [(1, 0)])
    folded = real(transforms.ifft((x - 1j * mirrored) * (_phases(n, dtype, 1) * n)))
    half = (n + 1) // 2
    odds = flip(folded[..., half:], -1)
    if n % 2:
        odds = pad(odds, [(0, 0)] * (x.ndim - 1) + [(0, 1)])
    pairs = stack([folded[..., :half], odds], -1)
    return pairs.reshape((*x.shape[:-1], 2 * half))[..., :n]


def _both4(x: Any) -> Any:
    """sum x_j exp(-i pi (2 k + 1) (2 j + 1) / (4 n)), by a transform of length 2 n."""
    n = x.shape[-1]
    turn = np.exp(-1j * np.pi / (4 * n)) * 2
    out = transforms.fft(x * _phases(n, x.dtype, -1), 2 * n)[..., :n]
    return out * (_phases(n, x.dtype, -1) * asarray(turn.astype(dtypes.complex_of(x.dtype))))


# ---- sine transforms without scale ----
def _signs(x: Any) -> Any:
    return x * asarray((1 - 2 * (np.arange(x.shape[-1]) % 2)).astype(x.dtype))


def _sine1(x: Any) -> Any:
    """The transform of the odd extension."""
    zero = x[..., :1] * 0
    odd = concatenate([zero, x, zero, -flip(x, -1)], -1)
    return -imag(transforms.rfft(odd))[..., 1:-1]


_KINDS: dict[tuple[str, int], Callable[[Any], Any]] = {
    ("c", 1): _cosine1, ("c", 2): _cosine2, ("c", 3): _cosine3, ("c", 4): lambda x: real(_both4(x)),
    ("s", 1): _sine1, ("s", 2): lambda x: flip(_cosine2(_signs(x)), -1),
    ("s", 3): lambda x: _signs(_cosine3(flip(x, -1))), ("s", 4): lambda x: -imag(_both4(x))}
_INVERSE_TYPE = {1: 1, 2: 3, 3: 2, 4: 4}


def _ends(kind: str, type: int, n: int, dtype: Any, entering: bool) -> Any:
    """Factors at the ends, before the transform or after it, that make it orthogonal."""
    factors = np.ones(n)
    root = np.sqrt(2) if entering else np.sqrt(0.5)
    if type == 1 and kind == "c":
        factors[0] = factors[-1] = root
    elif type == (3 if entering else 2):
        factors[0 if kind == "c" else -1] = root
    return asarray(factors.astype(dtype))


def _transform(kind: str, type: int, norm: str | None, inverse: bool) -> Callable[[Any], Any]:
    """A transform of the last axis with its scale."""
    norm = norm or "backward"
    type = _INVERSE_TYPE[type] if inverse else type

    def transform(x: Any) -> Any:
        n = x.shape[-1]
        period = 2 * (n if type > 1 else n - 1 if kind == "c" else n + 1)
        if norm == "ortho":
            out = _KINDS[kind, type](x * _ends(kind, type, n, x.dtype, True))
            return out * (_ends(kind, type, n, x.dtype, False) * float(np.sqrt(1 / period)))
        out = _KINDS[kind, type](x)
        return out / period if inverse == (norm == "backward") else out

    return transform


def _along(name: str, one: Callable[[Any], Any], x: Any, n: int | None, axis: int) -> Any:
    moved = _resize(name, moveaxis(x, axis, -1), n)
    if kind_of(x) == "c":
        out = one(real(moved)) + 1j * one(imag(moved))
    else:
        out = one(moved)
    return moveaxis(out.astype(x.dtype), -1, axis)


def _listed(value: int | Sequence[int] | None) -> Any:
    """A number as a list of one; what else there is unchanged."""
    return value if value is None or np.ndim(value) else [value]


def _over(name: str, one: Callable[[Any], Any], x: Any, s: Any, axes: Any) -> Any:
    s, axes = _listed(s), _listed(axes)
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    if s is not None and len(s) > x.ndim:
        raise ValueError(f"{name}: {len(s)} lengths are too many for {x.aval}")
    lengths = [None] * len(axes) if s is None else list(s)
    if len(lengths) != len(axes):
        raise ValueError(f"{name}: as many lengths as axes are needed, got {s} for {tuple(axes)}")
    for n, axis in zip(lengths, axes, strict=True):
        x = _along(name, one, x, n, axis)
    return x


def dct(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None
        ) -> Any:
    """The discrete cosine transform along an axis, cut off or filled with zeros to length n.

    x: [...] real, or complex, whose parts are transformed one by one -> its dtype. type: 1 to 4.
    norm: None or 'backward' (unscaled), 'forward' (its inverse unscaled), 'ortho'. As in scipy.fft.
    Raises ValueError for other types and norms.

    >>> fft.dct(np.array([1.0, 1.0]))
    Array([4., 0.], dtype=float64)
    """
    x = _input("dct", x, type, norm)
    return _along("dct", _transform("c", type, norm, False), x, n, axis)


def idct(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None
         ) -> Any:
    """Inverse of the discrete cosine transform `dct`.

    x, type, n, axis, norm, errors: those of `dct` -> [..., n, ...] floating or complex.

    >>> fft.idct(np.array([4.0, 0.0]))
    Array([1., 1.], dtype=float64)
    """
    x = _input("idct", x, type, norm)
    return _along("idct", _transform("c", type, norm, True), x, n, axis)


def dst(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None
        ) -> Any:
    """The discrete sine transform along an axis, cut off or filled with zeros to length n.

    x: [...] real, or complex, whose parts are transformed one by one -> its dtype. type: 1 to 4.
    norm: None or 'backward' (unscaled), 'forward' (its inverse unscaled), 'ortho'. As in scipy.fft.
    Raises ValueError for other types and norms.

    >>> fft.dst(np.array([1.0]))
    Array([2.], dtype=float64)
    """
    x = _input("dst", x, type, norm)
    return _along("dst", _transform("s", type, norm, False), x, n, axis)


def idst(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None
         ) -> Any:
    """Inverse of the discrete sine transform `dst`.

    x, type, n, axis, norm, errors: those of `dst` -> [..., n, ...] floating or complex.

    >>> fft.idst(fft.dst(np.array([1.0, 2.0]))).round(6)
    Array([1., 2.], dtype=float64)
    """
    x = _input("idst", x, type, norm)
    return _along("idst", _transform("s", type, norm, True), x, n, axis)


def dctn(x: Any, type: int = 2, s: int | Sequence[int] | None = None,
         axes: int | Sequence[int] | None = None, norm: str | None = None) -> Any:
    """Discrete cosine transform over several axes.

    x: [...] real or complex. type, norm, errors: those of `dct`. s: lengths to which axes are cut
    or padded. axes: by default all, or the last len(s). Each may be a number -> [...] floating or
    complex.

    >>> fft.dctn(np.array([[1.0, 1.0]]))
    Array([[8., 0.]], dtype=float64)
    """
    x = _input("dctn", x, type, norm)
    return _over("dctn", _transform("c", type, norm, False), x, s, axes)


def idctn(x: Any, type: int = 2, s: int | Sequence[int] | None = None,
          axes: int | Sequence[int] | None = None, norm: str | None = None) -> Any:
    """Inverse of the discrete cosine transform over several axes `dctn`.

    x, type, s, axes, norm, errors: those of `dctn` -> [...] floating or complex.

    >>> fft.idctn(np.array([[8.0, 0.0]]))
    Array([[1., 1.]], dtype=float64)
    """
    x = _input("idctn", x, type, norm)
    return _over("idctn", _transform("c", type, norm, True), x, s, axes)


def dstn(x: Any, type: int = 2, s: int | Sequence[int] | None = None,
         axes: int | Sequence[int] | None = None, norm: str | None = None) -> Any:
    """Discrete sine transform over several axes.

    x: [...] real or complex. type, norm, errors: those of `dst`. s: lengths to which axes are cut
    or padded. axes: by default all, or the last len(s). Each may be a number -> [...] floating or
    complex.

    >>> fft.dstn(np.array([[1.0]]))
    Array([[4.]], dtype=float64)
    """
    x = _input("dstn", x, type, norm)
    return _over("dstn", _transform("s", type, norm, False), x, s, axes)


def idstn(x: Any, type: int = 2, s: int | Sequence[int] | None = None,
          axes: int | Sequence[int] | None = None, norm: str | None = None) -> Any:
    """Inverse of the discrete sine transform over several axes `dstn`.

    x, type, s, axes, norm, errors: those of `dstn` -> [...] floating or complex.

    >>> fft.idstn(np.array([[4.0]]))
    Array([[1.]], dtype=float64)
    """
    x = _input("idstn", x, type, norm)
    return _over("idstn", _transform("s", type, norm, True), x, s, axes)


__all__ = ["dct", "dctn", "dst", "dstn", "idct", "idctn", "idst", "idstn"]

_hide_frames_of(__name__)
