"""Discrete cosine transforms of type 2 and their inverses, by complex transforms of one length."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import fft as transforms
from ingot.numpy.creation import asarray
from ingot.numpy.manipulation import concatenate, moveaxis, stack
from ingot.numpy.padding import pad
from ingot.numpy.promotion import inexact
from ingot.numpy.rearranging import flip
from ingot.numpy.rounding import real


def _input(name: str, x: Any, type: int, norm: str | None) -> Any:
    if type != 2:
        raise ValueError(f"{name}: type must be 2, got {type!r}")
    if norm not in (None, "backward", "ortho"):
        raise ValueError(f"{name}: norm must be None, 'backward' or 'ortho', got {norm!r}")
    x = inexact(name, x)
    if dtypes.issubdtype(x.dtype, np.complexfloating):
        raise TypeError(f"{name}: the argument must be real, got {x.aval}; transform real and"
                        " imaginary parts")
    if x.ndim == 0:
        raise ValueError(f"{name}: the argument must have an axis, got {x.aval}")
    return x


def _resized(name: str, x: Any, n: int | None) -> Any:
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


def _scale(n: int, dtype: Any) -> Any:
    """What makes the transform orthogonal."""
    scale = np.full(n, np.sqrt(1 / (2 * n)))
    scale[0] = np.sqrt(1 / (4 * n))
    return asarray(scale.astype(dtype))


def _forward(x: Any, norm: str | None) -> Any:
    n, dtype = x.shape[-1], x.dtype
    folded = concatenate([x[..., ::2], flip(x[..., 1::2], -1)], -1)
    out = 2 * real(transforms.fft(folded) * _phases(n, dtype, -1))
    return out * _scale(n, dtype) if norm == "ortho" else out


def _inverse(x: Any, norm: str | None) -> Any:
    n, dtype = x.shape[-1], x.dtype
    if norm == "ortho":
        x = x / _scale(n, dtype)
    mirrored = pad(flip(x[..., 1:], -1), [(0, 0)] * (x.ndim - 1) + [(1, 0)])
    folded = real(transforms.ifft((x - 1j * mirrored) * (_phases(n, dtype, 1) / 2)))
    half = (n + 1) // 2
    odds = flip(folded[..., half:], -1)
    if n % 2:
        odds = pad(odds, [(0, 0)] * (x.ndim - 1) + [(0, 1)])
    pairs = stack([folded[..., :half], odds], -1)
    return pairs.reshape((*x.shape[:-1], 2 * half))[..., :n]


def _along(name: str, one: Callable[..., Any], x: Any, n: int | None, axis: int, norm: str | None
           ) -> Any:
    moved = _resized(name, moveaxis(x, axis, -1), n)
    return moveaxis(one(moved, norm).astype(x.dtype), -1, axis)


def _over(name: str, one: Callable[..., Any], x: Any, s: Sequence[int] | None,
          axes: Sequence[int] | None, norm: str | None) -> Any:
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    if s is not None and len(s) > x.ndim:
        raise ValueError(f"{name}: {len(s)} lengths are too many for {x.aval}")
    lengths = [None] * len(axes) if s is None else list(s)
    if len(lengths) != len(axes):
        raise ValueError(f"{name}: as many lengths as axes are needed, got {s} for {tuple(axes)}")
    for n, axis in zip(lengths, axes, strict=True):
        x = _along(name, one, x, n, axis, norm)
    return x


def dct(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None
        ) -> Any:
    """The discrete cosine transform along an axis, cut off or filled with zeros to length n.

    x: real [...] -> its dtype. norm: None, 'backward' (the same) or 'ortho'. Raises ValueError for
    types other than 2.

    >>> dct(np.array([1.0, 1.0]))
    Array([4., 0.], dtype=float64)
    """
    return _along("dct", _forward, _input("dct", x, type, norm), n, axis, norm)


def idct(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None
         ) -> Any:
    """The inverse of `dct`.

    >>> idct(np.array([4.0, 0.0]))
    Array([1., 1.], dtype=float64)
    """
    return _along("idct", _inverse, _input("idct", x, type, norm), n, axis, norm)


def dctn(x: Any, type: int = 2, s: Sequence[int] | None = None,
         axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """`dct` over several axes, by default all.

    >>> dctn(np.array([[1.0, 1.0]]))
    Array([[8., 0.]], dtype=float64)
    """
    return _over("dctn", _forward, _input("dctn", x, type, norm), s, axes, norm)


def idctn(x: Any, type: int = 2, s: Sequence[int] | None = None,
          axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """The inverse of `dctn`.

    >>> idctn(np.array([[8.0, 0.0]]))
    Array([[1., 1.]], dtype=float64)
    """
    return _over("idctn", _inverse, _input("idctn", x, type, norm), s, axes, norm)


__all__ = ["dct", "dctn", "idct", "idctn"]

_hide_frames_of(__name__)
