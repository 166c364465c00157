"""Resizing of images, and their scaling and translation, by kernels of interpolation."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.concrete import canonical_shape
from ingot.numpy.promotion import inexact


class ResizeMethod(enum.Enum):
    """How values between samples are made."""

    NEAREST = 0
    LINEAR = 1
    LANCZOS3 = 2
    LANCZOS5 = 3
    CUBIC = 4

    @staticmethod
    def from_string(s: str) -> ResizeMethod:
        """The method of a name; ValueError if there is none."""
        if s not in _NAMES:
            raise ValueError(f"resize: method must be one of {sorted(_NAMES)}, got {s!r}")
        return _NAMES[s]


_NAMES = {"nearest": ResizeMethod.NEAREST, "lanczos3": ResizeMethod.LANCZOS3,
          "lanczos5": ResizeMethod.LANCZOS5,
          **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), ResizeMethod.LINEAR),
          **dict.fromkeys(("cubic", "bicubic", "tricubic"), ResizeMethod.CUBIC)}


def _triangle(x: Any) -> Any:
    return jnp.maximum(0, 1 - x)


def _lanczos(radius: int, x: Any) -> Any:
    near = x > 1e-3
    safe = jnp.pi * jnp.where(near, x, 1)
    value = radius * jnp.sin(safe) * jnp.sin(safe / radius) / (safe * safe)
    return jnp.where(x > radius, 0, jnp.where(near, value, 1))


def _cubic(x: Any) -> Any:
    """The kernel of Keys (1981) with a = -1/2."""
    inner = (1.5 * x - 2.5) * x * x + 1
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return jnp.where(x >= 2, 0, jnp.where(x >= 1, outer, inner))


_KERNELS: dict[ResizeMethod, Callable[[Any], Any]] = {
    ResizeMethod.LINEAR: _triangle, ResizeMethod.CUBIC: _cubic,
    ResizeMethod.LANCZOS3: lambda x: _lanczos(3, x),
    ResizeMethod.LANCZOS5: lambda x: _lanczos(5, x)}


def _method(method: str | ResizeMethod) -> ResizeMethod:
    return ResizeMethod.from_string(method) if isinstance(method, str) else method


def _weights(size: int, out: int, scale: Any, translation: Any, kernel: Callable[[Any], Any],
             antialias: bool, dtype: Any) -> Any:
    """Matrix [size, out] from samples along one axis to new ones; 0 for those outside."""
    scale, translation = (jnp.asarray(v, dtype) for v in (scale, translation))
    step = 1 / scale
    places = (jnp.arange(out, dtype=dtype) + 0.5) * step - translation * step - 0.5
    width = jnp.maximum(step, 1) if antialias else jnp.ones((), dtype)
    distance = jnp.abs(places[None] - jnp.arange(size, dtype=dtype)[:, None])
    weights = kernel(distance / width)
    total = jnp.sum(weights, axis=0, keepdims=True)
    enough = jnp.abs(total) > 1000 * float(np.finfo(np.float32).eps)
    weights = jnp.where(enough, weights / jnp.where(total != 0, total, 1), 0)
    inside = (places >= -0.5) & (places <= size - 0.5)
    return jnp.where(inside[None], weights, 0)


def scale_and_translate(image: Any, shape: Sequence[int], spatial_dims: Sequence[int], scale: Any,
                        translation: Any, method: str | ResizeMethod, antialias: bool = True,
                        precision: Any = None) -> Any:
    """Scale, then translate the axes of an image, into one of another shape.

    image: real or complex [...]. shape: of the result. spatial_dims: the axes that change. scale,
    translation: a number for each of them, in units of the result, may be traced. method: that of
    `resize`, but 'nearest'. antialias: whether the kernel is wider where the image shrinks.
    precision: without effect -> [*shape] floating or complex, 0 where there was no image. Raises
    ValueError for other methods, or shapes that do not fit.

    >>> ingot.image.scale_and_translate(np.ones((2, 2)), (2, 2), (0,), [1.0], [1.0], "linear")
    Array([[0., 0.],
           [1., 1.]], dtype=float64)
    """
    shape = canonical_shape("scale_and_translate", shape)
    image = inexact("scale_and_translate", image)
    if len(shape) != image.ndim:
        raise ValueError(f"scale_and_translate: shape must have {image.ndim} entries, as"
                         f" {image.aval}, got {shape}")
    kind = _method(method)
    if kind is ResizeMethod.NEAREST:
        raise ValueError("scale_and_translate: method 'nearest' is that of resize alone")
    scale, translation = jnp.asarray(scale), jnp.asarray(translation)
    return _contract(image, shape, tuple(d % image.ndim for d in spatial_dims), scale,
                     translation, _KERNELS[kind], antialias, precision)


def _contract(image: Any, shape: Sequence[int], dims: Sequence[int], scale: Any,
              translation: Any, kernel: Any, antialias: bool, precision: Any) -> Any:
    dtype = jnp.real(image).dtype
    for i, d in enumerate(dims):
        weights = _weights(image.shape[d], shape[d], scale[i], translation[i], kernel, antialias,
                           dtype).astype(image.dtype)
        product = jnp.tensordot(image, weights, (d, 0), precision=precision)
        image = jnp.moveaxis(product, -1, d)
    return image


def resize(image: Any, shape: Sequence[int], method: str | ResizeMethod, antialias: bool = True,
           precision: Any = None) -> Any:
    """Change the lengths of the axes of an image.

    image: [...]. shape: of the result. method: a ResizeMethod or 'nearest', 'linear', 'cubic',
    'lanczos3', 'lanczos5'. antialias: whether the kernel is wider where the image shrinks.
    precision: without effect -> [*shape] floating ('nearest' keeps the dtype). Raises ValueError
    for another method, or shapes of another rank.

    >>> ingot.image.resize(np.array([0.0, 1.0]), (4,), "linear")
    Array([0.  , 0.25, 0.75, 1.  ], dtype=float64)
    """
    shape, image = canonical_shape("resize", shape), jnp.asarray(image)
    if len(shape) != image.ndim:
        raise ValueError(f"resize: shape must have {image.ndim} entries, as {image.aval}, got"
                         f" {shape}")
    kind = _method(method)
    dims = [d for d in range(image.ndim) if shape[d] != image.shape[d]]
    if kind is ResizeMethod.NEAREST:
        for d in dims:
            # The nearest sample is found in float32, as JAX does.
            places = (np.arange(shape[d], dtype=np.float32) + np.float32(0.5)) * np.float32(
                image.shape[d]) / np.float32(shape[d])
            image = jnp.take(image, np.floor(places).astype(np.int32), axis=d)
        return image
    image = inexact("resize", image)
    scale = [shape[d] / image.shape[d] if shape[d] and image.shape[d] else math.inf for d in dims]
    return _contract(image, shape, dims, scale, [0.0] * len(dims), _KERNELS[kind], antialias,
                     precision)


__all__ = ["ResizeMethod", "resize", "scale_and_translate"]

_hide_frames_of(__name__)
