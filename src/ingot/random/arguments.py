"""Checks of what samplers are given: keys, shapes, dtypes, and parameters that broadcast."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.array import ArrayBase
from ingot.core.interpreter import typeof
from ingot.core.static import items
from ingot.core.symbolic import length
from ingot.errors import TypePromotionError
from ingot.primitives.convert import convert_element_type
from ingot.primitives.random_keys import random_wrap
from ingot.primitives.shape import broadcast_shapes
from ingot.util import warn

Shape = tuple[int, ...]


# ---- keys ----------------------------------------------------------------------------------------
def default_impl() -> Any:
    """The key dtype of the generator that the flag `default_prng_impl` names."""
    return dtypes.KEY_DTYPES[config.default_prng_impl]


def typed_key(name: str, key: Any, many: bool = False) -> tuple[Any, bool]:
    """The key as a typed key, and whether it was raw words; one key unless `many`.

    Raises TypeError for what is no key, ValueError for several keys where one is expected.
    """
    raw = False
    if not isinstance(key, (ArrayBase, np.ndarray, np.generic)):
        raise TypeError(f"{name}: expected a PRNG key, got {key!r:.60} of type"
                        f" {type(key).__name__}; make one with random.key(seed)")
    if not dtypes.is_key_dtype(typeof(key).dtype):
        if config.enable_custom_prng:
            warn(f"{name}: raw words as a key are deprecated; make keys with random.key",
                          FutureWarning)
        impl, aval = default_impl(), typeof(key)
        if aval.dtype != np.uint32 or aval.shape[-1:] != impl.key_shape:
            raise TypeError(f"{name}: expected a PRNG key, or the words of one as"
                            f" u32[{impl.key_shape[0]}], got {aval}; make one with"
                            " random.key(seed)")
        key, raw = random_wrap(key, impl), True
    shape = typeof(key).shape
    if shape and not many:
        raise ValueError(f"{name}: expected one key, got an array of keys {typeof(key)}; map"
                         " over them with vmap")
    return key, raw


def one_key(name: str, key: Any) -> Any:
    """A single typed key."""
    return typed_key(name, key)[0]


# ---- shapes and dtypes ---------------------------------------------------------------------------
def shape_of(name: str, shape: Any) -> Shape:
    """A shape given as integers or one integer; TypeError, ValueError for anything else."""
    try:
        out = tuple(length(n) for n in items(shape))
    except TypeError:
        raise TypeError(f"{name}: shape must consist of known integers, got"
                        f" {shape!r:.80}") from None
    if any(n < 0 for n in out):
        raise ValueError(f"{name}: shape must not be negative, got {out}")
    return out


def common_shape(name: str, shape: Any, *parameters: Any) -> Shape:
    """The shape asked for, or that of all parameters together; parameters must broadcast to it."""
    return fitting_shape(name, shape, *(np.shape(p) for p in parameters))


def fitting_shape(name: str, shape: Any, *shapes: Shape) -> Shape:
    """The same for the parameters' shapes."""
    if shape is None:
        return broadcast_shapes(*shapes) if shapes else ()
    shape = shape_of(name, shape)
    try:
        fits = not shapes or broadcast_shapes(shape, *shapes) == shape
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError(f"{name}: parameters of shapes {', '.join(map(str, shapes))} must"
                         f" broadcast to the shape asked for, {shape}")
    return shape


def check_broadcast(name: str, shape: Shape, *parameters: Any) -> None:
    """ValueError unless the shape asked for and those of parameters have a common one."""
    shapes = [np.shape(p) for p in parameters]
    try:
        broadcast_shapes(shape, *shapes)
    except ValueError:
        raise ValueError(f"{name}: parameters of shapes {', '.join(map(str, shapes))} must"
                         f" broadcast with the shape asked for, {shape}") from None


def dtype_of_kind(name: str, dtype: Any, kinds: str, default: Any) -> Any:
    """The canonical form of a dtype of certain kinds (letters as in `dtypes.kind`)."""
    dtype = dtypes.as_user_dtype(default if dtype is None else dtype, name)
    if dtypes.kind(dtype) not in kinds:
        wanted = {"f": "a float", "fc": "a float or complex", "iu": "an integer",
                  "u": "an unsigned integer"}[kinds]
        error = TypeError if name == "randint" else ValueError
        raise error(f"{name}: dtype must be {wanted} dtype, got {dtypes.short_name(dtype)}")
    return dtype


def float_dtype(name: str, dtype: Any) -> Any:
    """A float dtype, the default one for None; ValueError for others."""
    return dtype_of_kind(name, dtype, "f", float)


def is_half(dtype: Any) -> bool:
    """Whether numbers of a dtype are drawn in float32 and rounded: not if JAX's are wanted."""
    return dtype in (dtypes.float16, dtypes.bfloat16) and not config.match_jax


def at_least_single(x: Any) -> Any:
    """Parameters in 16 bits as float32, so that a sampler has random bits enough."""
    return convert_element_type(x, dtypes.float32) if is_half(typeof(x).dtype) else x


def drawn_in_single(sampler: Callable[..., Any]) -> Callable[..., Any]:
    """A sampler whose numbers in 16 bits are its float32 numbers, rounded to nearest."""
    place = list(inspect.signature(sampler).parameters).index("dtype")

    @functools.wraps(sampler)
    def draw(*args: Any, **kwargs: Any) -> Any:
        dtype = args[place] if len(args) > place else kwargs.get("dtype")
        if dtype is None or not is_half(dtypes.as_user_dtype(dtype, sampler.__name__)):
            return sampler(*args, **kwargs)
        if len(args) > place:
            args = (*args[:place], dtypes.float32, *args[place + 1 :])
        else:
            kwargs["dtype"] = dtypes.float32
        return convert_element_type(sampler(*args, **kwargs), dtypes.as_user_dtype(dtype))

    return draw


def check_casts(name: str, dtype: Any, *parameters: Any) -> None:
    """Raise TypePromotionError if a parameter would lose precision in `dtype`."""
    for p in parameters:
        if not dtypes.safe_to_cast(p, dtype):
            raise TypePromotionError(
                f"{name}: a parameter of type {typeof(p)} does not fit in"
                f" {dtypes.short_name(dtype)}; convert it first, or ask for a wider dtype")
