"""Uniform numbers and bits, integers, and what is drawn from a given set: shuffles and choices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot import dtypes, numpy as jnp
from ingot.config import config
from ingot.core.interpreter import Tracer, to_array, typeof
from ingot.primitives.bits import shift_right_logical
from ingot.primitives.convert import bitcast_convert_type, convert_element_type
from ingot.primitives.movement import full_like, reshape
from ingot.primitives.out_sharding import takes_out_sharding
from ingot.primitives.random_bits import UINTS
from ingot.primitives.random_keys import random_bits, random_fold_in, random_split, random_unwrap
from ingot.primitives.shape import broadcasted_iota
from ingot.primitives.slicing import slice_in_dim
from ingot.primitives.sort import sort_key_val, top_k
from ingot.random.arguments import (
    Shape,
    at_least_single,
    common_shape,
    drawn_in_single,
    dtype_of_kind,
    float_dtype,
    is_half,
    one_key,
    shape_of,
)
from ingot.util import canonicalize_axis


def pair(key: Any, num: int = 2) -> list[Any]:
    """A key split into several."""
    if counts(key):
        return [random_fold_in(key, np.uint32(i)) for i in range(num)]
    keys = random_split(key, (num,))
    return [reshape(slice_in_dim(keys, i, i + 1), ()) for i in range(num)]


def counts(key: Any) -> bool:
    """Whether key k of a split, however many there are, is the key with k folded in.

    Likewise, the words of that key make number k of the bits drawn from it.
    """
    return typeof(key).dtype.impl == "threefry2x32" and config.threefry_partitionable


def bits_at(key: Any, place: Any, width: int) -> Any:
    """Number `place` (u32 []) of the bits drawn from a key that `counts`."""
    words = random_unwrap(random_fold_in(key, place))
    first, second = (reshape(slice_in_dim(words, i, i + 1), ()) for i in range(2))
    if width == 64:
        first, second = (convert_element_type(w, UINTS[64]) for w in (first, second))
        return first << np.uint64(32) | second
    return convert_element_type(first ^ second, UINTS[width])


# ---- bits ----------------------------------------------------------------------------------------
@takes_out_sharding
def bits(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Uniformly random bits as unsigned integers.

    key, out_sharding: those of `uniform`. shape: a tuple of integers. dtype: uint8, uint16, uint32
    or uint64, by default uint64 (uint32 without 64-bit types) -> [*shape]. Raises ValueError for
    other dtypes.

    >>> random.bits(random.key(0), (2,), "uint8")
    Array([167, 146], dtype=uint8)
    """
    key = one_key("bits", key)
    dtype = dtype_of_kind("bits", dtype, "u", dtypes.default_uint())
    return random_bits(key, dtypes.itemsize_bits(dtype), shape_of("bits", shape))


# ---- uniform -------------------------------------------------------------------------------------
def unit(key: Any, shape: Shape, dtype: Any) -> Any:
    """Uniform floats in [0, 1): random mantissas of numbers in [1, 2), minus 1."""
    return unit_of(random_bits(key, bits_of_unit(dtype), shape), dtype)


def unit_at(key: Any, place: Any, dtype: Any) -> Any:
    """Number `place` (u32 []) of the uniform floats drawn from a key that `counts`."""
    return unit_of(bits_at(key, place, bits_of_unit(dtype)), dtype)


def bits_of_unit(dtype: Any) -> int:
    """How many random bits a uniform float is made of."""
    limits = dtypes.finfo(dtype)
    return 8 if limits.nmant < 8 else limits.bits


def unit_of(drawn: Any, dtype: Any) -> Any:
    """Uniform floats in [0, 1) made of random bits."""
    limits, width = dtypes.finfo(dtype), bits_of_unit(dtype)
    word = UINTS[limits.bits]
    drawn = convert_element_type(drawn, word)
    mantissa = shift_right_logical(drawn, full_like(drawn, width - limits.nmant))
    exponent = np.ones((), dtype).view(word)
    return bitcast_convert_type(mantissa | exponent, dtype) - np.ones((), dtype)


def uniform_between(key: Any, shape: Shape, dtype: Any, low: Any, high: Any) -> Any:
    """Uniform floats in [low, high), for bounds that broadcast to the shape."""
    floats = unit(key, shape, dtype)
    if type(low) in (int, float) and type(high) in (int, float) and (low, high) == (0, 1):
        return floats
    low, high = (convert_element_type(v, dtype) for v in (low, high))
    return jnp.maximum(low, reshape(floats * (high - low) + low, shape))


@takes_out_sharding
def uniform(key: Any, shape: Any = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0, *,
            out_sharding: Any = None) -> Any:
    """Uniform floats in [minval, maxval).

    key: a PRNG key, typed or raw words. shape: a tuple of integers. dtype: floating, the default
    float if None. minval, maxval: numbers that broadcast to the shape. out_sharding: how Explicit
    axes divide the result -> floating [*shape]. Raises TypeError for what is no key, ValueError for
    several keys, other dtypes, negative shapes, and bounds that do not broadcast.

    >>> random.uniform(random.key(0), (2,), "float32")
    Array([0.947667 , 0.9785799], dtype=float32)
    """
    key = one_key("uniform", key)
    dtype = float_dtype("uniform", dtype)
    shape = common_shape("uniform", shape, minval, maxval)
    if dtypes.finfo(dtype).bits not in UINTS:
        raise TypeError(f"uniform: needs a dtype of 8, 16, 32 or 64 bits, got"
                        f" {dtypes.short_name(dtype)}")
    if is_half(dtype):
        return _rounded_down(uniform_between(key, shape, dtypes.float32, *(
            convert_element_type(v, dtype) for v in (minval, maxval))), dtype)
    return uniform_between(key, shape, dtype, minval, maxval)


def _rounded_down(x: Any, dtype: Any) -> Any:
    """Floats in a narrower dtype, none larger than it was: an interval [low, high) stays one."""
    near = convert_element_type(x, dtype)
    below = jnp.nextafter(near, np.asarray(-np.inf, dtype))
    return jnp.where(convert_element_type(near, typeof(x).dtype) > x, below, near)


# ---- randint -------------------------------------------------------------------------------------
@takes_out_sharding
def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = None, *,
            out_sharding: Any = None) -> Any:
    """Uniform integers in [minval, maxval); minval where that is empty.

    key, out_sharding: those of `uniform`. shape: a tuple of integers. minval, maxval: integers that
    broadcast to it. dtype: an integer dtype -> [*shape]. Twice its bits are drawn: no value is more
    than 1 + 2^-32 times as likely as another (32 bits and less; 2^-64 for 64). Under the flag
    match_jax, JAX's values, which are so for spans up to 2^16 (2^32 for 64 bits) and for powers of
    two; others are up to twice as likely as the rest. Raises TypeError for other dtypes.

    >>> random.randint(random.key(0), (3,), 0, 10)
    Array([5, 1, 5], dtype=int64)
    """
    key = one_key("randint", key)
    dtype = dtype_of_kind("randint", dtype, "iu", int)
    shape = common_shape("randint", shape, minval, maxval)
    limits = dtypes.iinfo(dtype)
    if limits.bits < 32:  # drawn with 32 bits, to keep the bias small
        low, high = int(limits.min), int(limits.max)
        minval = jnp.clip(jnp.asarray(minval).astype(np.int32), low, high)
        maxval = jnp.clip(jnp.asarray(maxval).astype(np.int32), low, high + 1)
        return _integers(key, shape, minval, maxval, dtypes.int32).astype(dtype)
    return _integers(key, shape, _integral(minval), _integral(maxval), dtype)


def _integral(x: Any) -> Any:
    x = jnp.asarray(x)
    return x if dtypes.kind(x.dtype) in "iu" else x.astype(int)


def _clip(x: Any, dtype: Any) -> Any:
    """Integers moved into the range of another integer dtype, and converted to it."""
    here, there = dtypes.iinfo(x.dtype), dtypes.iinfo(dtype)
    low, high = max(here.min, there.min), min(here.max, there.max)
    return jnp.clip(x, int(low), int(high)).astype(dtype)


def _integers(key: Any, shape: Shape, minval: Any, maxval: Any, dtype: Any) -> Any:
    width = int(dtypes.iinfo(dtype).bits)
    top = jnp.asarray(np.asarray(dtypes.iinfo(dtype).max, dtype))
    beyond = maxval > _clip(top, maxval.dtype)
    minval, maxval = _clip(minval, dtype), _clip(maxval, dtype)
    high, low = (random_bits(k, width, shape) for k in pair(key))
    span = convert_element_type(maxval - minval, UINTS[width])
    span = jnp.where(maxval <= minval, jnp.ones_like(span), span)
    # One more where maxval does not fit in the dtype. A span of 2**width wraps to 0, for which
    # remainders change nothing: just what is wanted.
    span = jnp.where(beyond & (maxval > minval), span + jnp.ones_like(span), span)
    span = jnp.broadcast_to(span, shape)
    offset = _modulo(high, low, span, width)
    if not config.match_jax:
        simple = (span <= full_like(span, 2 ** (width // 2))) | (
            span & (span - jnp.ones_like(span)) == 0)
        offset = jnp.where(simple, offset, _share(high, low, span, width))
    return jnp.broadcast_to(minval, shape) + convert_element_type(offset, dtype)


def _modulo(high: Any, low: Any, span: Any, width: int) -> Any:
    """high * 2**width + low, modulo span: for spans up to 2**(width // 2), and powers of two."""
    half = _remainder(full_like(span, 2 ** (width // 2)), span)
    scale = _remainder(half * half, span)
    return _remainder(_remainder(high, span) * scale + _remainder(low, span), span)


def _share(high: Any, low: Any, span: Any, width: int) -> Any:
    """(high * 2**width + low) * span // 2**(2 * width) (Lemire 2019), for any span but 0."""
    upper, lower = _product(high, span, width)
    carried = _product(low, span, width)[0]
    overflows = lower + carried < lower
    return upper + convert_element_type(overflows, upper.dtype)


def _product(x: Any, y: Any, width: int) -> tuple[Any, Any]:
    """Both words of a product of words, made of products of half words."""
    bits = full_like(x, width // 2)
    mask = full_like(x, 2 ** (width // 2) - 1)
    (a, b), (c, d) = ((shift_right_logical(v, bits), v & mask) for v in (x, y))
    low, cross = b * d, a * d
    middle = b * c + (cross & mask) + shift_right_logical(low, bits)
    return (a * c + shift_right_logical(cross, bits) + shift_right_logical(middle, bits), x * y)


def _remainder(x: Any, y: Any) -> Any:
    """x % y for unsigned integers, and x where y is 0."""
    return jnp.where(y == jnp.zeros_like(y), x, x % jnp.maximum(y, jnp.ones_like(y)))


# ---- permutation ---------------------------------------------------------------------------------
@takes_out_sharding
def permutation(key: Any, x: Any, axis: int = 0, independent: bool = False, *,
                out_sharding: Any = None) -> Any:
    """A random order of 0 .. x - 1, or of the entries of an array along an axis.

    key, out_sharding: those of `uniform`. x: an integer or an array. axis: that whose entries move.
    independent: whether each line along it is shuffled by itself -> an array of the type of x, for
    an integer n [n]. Raises TypeError for other scalars.

    >>> random.permutation(random.key(0), 4)
    Array([0, 1, 3, 2], dtype=int64)
    """
    key = one_key("permutation", key)
    x = to_array(x)
    axis = canonicalize_axis(axis, x.ndim or 1)
    if not x.ndim:
        return convert_element_type(_order(key, _count("permutation", x)), dtypes.default_int())
    if independent and x.ndim > 1:
        return _sort_by_random_keys(key, x, axis)
    return jnp.take(x, _order(key, x.shape[axis]), axis)


def _count(name: str, x: Any) -> int:
    if isinstance(x, Tracer) and x.concrete() is None:
        raise TypeError(f"{name}: the number of elements must be known while tracing, got {x}")
    if dtypes.kind(typeof(x).dtype) not in "iu":
        raise TypeError(f"{name}: expected an integer or an array, got {typeof(x)}")
    return int(x)


def _sort_by_random_keys(key: Any, x: Any, axis: int) -> Any:
    """Sort by random 32-bit keys, in as many rounds as make ties in all of them unlikely."""
    for subkey in _keys_of_rounds(key, x.size):
        _, x = sort_key_val(random_bits(subkey, 32, x.shape), x, axis)
    return x


def _keys_of_rounds(key: Any, size: int) -> list[Any]:
    keys = []
    for _ in range(math.ceil(3 * np.log(max(1, size)) / np.log(2**32 - 1))):
        key, subkey = pair(key)
        keys.append(subkey)
    return keys


def _order(key: Any, n: int) -> Any:
    """What shuffles 0 .. n - 1: the rounds are independent of each other, and so sorted at once."""
    place = np.dtype(np.int32 if n < 1 << 31 else np.int64)
    keys = _keys_of_rounds(key, n)
    if not keys:
        return jnp.arange(n, dtype=place)
    bits = jnp.stack([random_bits(k, 32, (n,)) for k in keys])
    places = broadcasted_iota(place, (len(keys), n), 1)
    out, *rest = sort_key_val(bits, places)[1]
    for following in rest:
        out = jnp.take(out, following, mode="clip")
    return out


# ---- choice --------------------------------------------------------------------------------------
def choice(key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0,
           mode: Any = None) -> Any:
    """Random entries of an array along an axis, or of 0 .. a - 1.

    key: that of `uniform`. a: an integer or an array. shape: a tuple of integers. replace: whether
    an entry may be drawn again. p: probabilities [n], uniform by default. axis: that of the
    entries. mode: that of `gumbel`, for p without replacement. -> [*shape] for an integer, else `a`
    with the axis replaced by `shape`. Raises ValueError for more draws than entries, and for p of
    another length.

    >>> random.choice(random.key(0), 5, (3,), replace=False)
    Array([0, 1, 4], dtype=int64)
    """
    key = one_key("choice", key)
    if hasattr(shape, "__index__") and np.ndim(shape) == 0:
        raise TypeError(f"choice: shape must be a sequence, got {shape!r}")
    shape, a = shape_of("choice", shape), to_array(a)
    axis = canonicalize_axis(axis, a.ndim) if a.ndim else 0
    n = a.shape[axis] if a.ndim else _count("choice", a)
    draws = math.prod(shape)
    full_shape = (*a.shape[:axis], *shape, *a.shape[axis + 1 :])
    if draws == 0:
        return jnp.zeros(full_shape, a.dtype)
    if n <= 0:
        raise ValueError("choice: cannot draw from an empty array")
    if not replace and draws > n:
        raise ValueError(f"choice: cannot draw {draws} of {n} entries without replacement")
    if p is None and not replace:
        shuffled = permutation(key, n if not a.ndim else a, axis)
        return reshape(slice_in_dim(shuffled, 0, draws, axis=axis), full_shape)
    index = _chosen(key, n, draws, shape, replace, p, mode)
    if not a.ndim:
        return reshape(convert_element_type(index, a.dtype) if p is not None else index, shape)
    return reshape(jnp.take(a, index, axis), full_shape)


def _chosen(key: Any, n: int, draws: int, shape: Shape, replace: bool, p: Any, mode: Any) -> Any:
    if p is None:
        return randint(key, shape, 0, n)
    p = jnp.asarray(p)
    p = at_least_single(convert_element_type(p, dtypes.to_inexact_dtype(p.dtype)))
    if p.shape != (n,):
        raise ValueError(f"choice: p must have one entry for each of the {n} that are drawn from,"
                         f" got {typeof(p)}")
    if replace:
        total = jnp.cumsum(p)
        drawn = total[-1] * (1 - unit(key, shape, total.dtype))
        return jnp.searchsorted(total, drawn).astype(int)
    return top_k(gumbel(key, (n,), p.dtype, mode) + jnp.log(p), draws)[1].astype(int)


# ---- bernoulli, rademacher -----------------------------------------------------------------------
@takes_out_sharding
def bernoulli(key: Any, p: Any = 0.5, shape: Any = None, mode: str = "low", *,
              out_sharding: Any = None) -> Any:
    """True with probability p.

    key, out_sharding: those of `uniform`. p: floating [...]. shape: by default that of p, which
    must broadcast to it. mode: 'low', or 'high' for twice the bits, for very small p -> bool
    [*shape]. Raises TypeError for integers, ValueError for other modes.

    >>> random.bernoulli(random.key(0), 0.5, (3,))
    Array([ True,  True, False], dtype=bool)
    """
    if mode not in ("high", "low"):
        raise ValueError(f"bernoulli: mode must be 'high' or 'low', got {mode!r}")
    key, p = one_key("bernoulli", key), to_array(p)
    if dtypes.kind(p.dtype) != "f":
        raise TypeError(f"bernoulli: the probability must be a float, got {typeof(p)}")
    shape, p = common_shape("bernoulli", shape, p), at_least_single(p)
    if mode == "low":
        return unit(key, shape, p.dtype) < p
    drawn = unit(key, (2, *shape), p.dtype)
    return drawn[1] * 2.0 ** -dtypes.finfo(p.dtype).nmant < p - drawn[0]


@takes_out_sharding
def rademacher(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """1 or -1 with equal probability.

    key, shape, out_sharding: those of `uniform`. dtype: integers by default, or any other numeric
    dtype -> [*shape].

    >>> random.rademacher(random.key(0), (3,))
    Array([ 1,  1, -1], dtype=int64)
    """
    key = one_key("rademacher", key)
    dtype = dtypes.as_user_dtype(int if dtype is None else dtype, "rademacher")
    signs = unit(key, shape_of("rademacher", shape), dtypes.default_float()) < 0.5
    return (2 * signs.astype(dtype) - 1).astype(dtype)


# ---- gumbel --------------------------------------------------------------------------------------
@drawn_in_single
@takes_out_sharding
def gumbel(key: Any, shape: Any = (), dtype: Any = None, mode: Any = None, *,
           out_sharding: Any = None) -> Any:
    """Standard Gumbel numbers, of density exp(-x - exp(-x)).

    key, shape, dtype, out_sharding: those of `uniform`. mode: 'low' (default), or 'high' and
    'highest' for twice the bits, where large values matter -> floating [*shape]. Raises ValueError
    for other modes and dtypes.

    >>> random.gumbel(random.key(0), (2,), "float32")
    Array([2.9233725, 3.8326175], dtype=float32)
    """
    key = one_key("gumbel", key)
    dtype = float_dtype("gumbel", dtype)
    mode = "low" if mode is None else mode
    if mode not in ("highest", "high", "low"):
        raise ValueError(f"gumbel: mode must be 'low', 'high' or 'highest', got {mode!r}")
    limits, shape = dtypes.finfo(dtype), shape_of("gumbel", shape)
    if mode == "low":
        tiny = float(limits.tiny)
        return -jnp.log(-jnp.log(uniform_between(key, shape, dtype, tiny, 1.0)))
    if mode == "highest" and dtype == dtypes.float32:
        return _gumbel_of_64_bits(random_bits(key, 32, (2, *shape)))
    drawn = unit(key, (2, *shape), dtype)
    high, low = drawn[0], drawn[1]
    fine = high + np.asarray(2.0**-limits.nmant, dtype) * low + np.asarray(limits.tiny, dtype)
    return -jnp.log(-jnp.log1p(-jnp.where(high >= 0.5, high, fine)))



def _gumbel_of_64_bits(drawn: Any) -> Any:
    """Gumbel numbers from 64-bit fixed-point numbers v in [0, 1), as two words: -log(-log(1 - v)).

    Of v and 1 - v the smaller one is made a float, which then has a full mantissa.
    """
    high, low = drawn[0], drawn[1]
    small = high < np.uint32(1 << 31)
    zero = jnp.zeros_like(low)
    high = jnp.where(small, high, ~high + (low == zero).astype(low.dtype))
    low = jnp.where(small, low, zero - low)
    high, low = high.astype(np.float32), low.astype(np.float32)
    x = high * np.float32(2.0**-32) + low * np.float32(2.0**-64)
    return -jnp.log(-jnp.where(small, jnp.log1p(-x), jnp.log(x)))
