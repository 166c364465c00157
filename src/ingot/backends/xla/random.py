"""Random bits in StableHLO, those of `eval` bit for bit; keys are integers of 64 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.elementwise import key_halves, key_of_halves
from ingot.backends.xla.rules import RULES, as_kernel, program, rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.core.interpreter import typeof
from ingot.primitives.arithmetic import add
from ingot.primitives.bits import bitwise_or, bitwise_xor, shift_left, shift_right_logical
from ingot.primitives.convert import convert_element_type
from ingot.primitives.movement import broadcast_in_dim, full_like, reshape
from ingot.primitives.random_bits import PARITY, UINTS, WORD, rounds
from ingot.primitives.shape import iota
from ingot.primitives.slicing import concatenate, pad, slice_in_dim
from ingot.util import size_of

LONG = dtypes.uint64


# ---- hashes, as programs -------------------------------------------------------------------------
def _word(x: Any, position: int) -> Any:
    """The low (0) or high (1) half of integers of 64 bits."""
    return convert_element_type(
        shift_right_logical(x, full_like(x, 32)) if position else x, WORD)


def _joined(low: Any, high: Any) -> Any:
    """Words as the halves of integers of 64 bits."""
    low, high = convert_element_type(low, LONG), convert_element_type(high, LONG)
    return bitwise_or(low, shift_left(high, full_like(high, 32)))


def _hash(k0: Any, k1: Any, x0: Any, x1: Any) -> tuple[Any, Any]:
    """Threefry-2x32 of arrays of one shape."""

    def plus(x: Any, y: Any) -> Any:
        return add(x, full_like(x, y) if type(y) is int else y)

    def mix(x0: Any, x1: Any, turn: int) -> tuple[Any, Any]:
        x0 = add(x0, x1)
        turned = bitwise_or(shift_left(x1, full_like(x1, turn)),
                            shift_right_logical(x1, full_like(x1, 32 - turn)))
        return x0, bitwise_xor(turned, x0)

    keys = k0, k1, bitwise_xor(bitwise_xor(k0, k1), full_like(k0, PARITY))
    return rounds(keys, x0, x1, plus, mix)


def _spread(x: Any, shape: Any) -> Any:
    """An array with axes of length 1, or none, repeated to a shape."""
    given = typeof(x).shape
    axes = [a for a, n in enumerate(given) if n != 1]
    return broadcast_in_dim(reshape(x, [given[a] for a in axes]), shape, axes)


def _threefry2x32(*xs: Any) -> list[Any]:
    shape = np.broadcast_shapes(*(typeof(x).shape for x in xs))
    return list(_hash(*(_spread(x, shape) for x in xs)))


RULES["threefry2x32"] = program(_threefry2x32, wide=True)


def _of_places(keys: Any, shape: Any) -> tuple[Any, Any]:
    """The hashes of the places in `shape` with each key: two words [*keys, *shape]."""
    given = typeof(keys).shape
    full, size = (*given, *shape), size_of(shape)
    places = reshape(iota(LONG, size), shape)
    own = [broadcast_in_dim(_word(keys, k), full, range(len(given))) for k in (0, 1)]
    counters = [broadcast_in_dim(_word(places, k), full, range(len(given), len(full)))
                for k in (1, 0)]
    return _hash(*own, *counters)


def _listed(keys: Any, count: int) -> Any:
    """Words numbered through, the first half paired with the second: [*keys, count]; what there
    is where `threefry_partitionable` is off."""
    given, half = typeof(keys).shape, (count + 1) // 2
    full = (*given, half)
    first = iota(WORD, half)
    second = pad(slice_in_dim(add(first, full_like(first, half)), 0, count - half),
                 np.zeros((), WORD), [(0, 2 * half - count, 0)])
    own = [broadcast_in_dim(_word(keys, k), full, range(len(given))) for k in (0, 1)]
    words = _hash(*own, *(broadcast_in_dim(c, full, [len(given)]) for c in (first, second)))
    return slice_in_dim(concatenate(words, len(given)), 0, count, axis=len(given))


# ---- operations on keys --------------------------------------------------------------------------
def _split(keys: Any, *, shape: Any, partitionable: bool) -> Any:
    if partitionable:
        return _joined(*_of_places(keys, shape))
    given = typeof(keys).shape
    pairs = reshape(_listed(keys, 2 * size_of(shape)), (*given, *shape, 2))
    axis = len(given) + len(shape)
    low, high = (reshape(slice_in_dim(pairs, k, k + 1, axis=axis), (*given, *shape))
                 for k in (0, 1))
    return _joined(low, high)


def _bits(keys: Any, *, bit_width: int, shape: Any, partitionable: bool) -> Any:
    dtype = UINTS[bit_width]
    if partitionable:
        first, second = _of_places(keys, shape)
        return _joined(second, first) if bit_width == 64 else convert_element_type(
            bitwise_xor(first, second), dtype)
    given, size = typeof(keys).shape, size_of(shape)
    axis, words = len(given), _listed(keys, -(-bit_width * size // 32))
    if bit_width == 64:
        high, low = (slice_in_dim(words, k * size, (k + 1) * size, axis=axis) for k in (0, 1))
        return reshape(_joined(low, high), (*given, *shape))
    if bit_width < 32:
        parts = [convert_element_type(shift_right_logical(words, full_like(words, at)), dtype)
                 for at in range(0, 32, bit_width)]
        rows = [reshape(p, (*typeof(p).shape, 1)) for p in parts]
        words = reshape(concatenate(rows, axis + 1), (*given, len(parts) * typeof(words).shape[-1]))
    return reshape(slice_in_dim(words, 0, size, axis=axis), (*given, *shape))


def _fold_in(keys: Any, data: Any) -> Any:
    shape = np.broadcast_shapes(typeof(keys).shape, typeof(data).shape)
    keys, data = _spread(keys, shape), _spread(data, shape)
    return _joined(*_hash(_word(keys, 0), _word(keys, 1), full_like(data, 0), data))


split, bits, fold_in = (program(f, wide=True) for f in (_split, _bits, _fold_in))


def _each_half(apply: Any, b: Builder, keys: Value, *args: Value, out: Any, **params: Any) -> Value:
    """What an operation makes of Threefry keys, or of the two that an rbg key is made of."""
    half = out.update(dtype=LONG)
    if keys.dtype == LONG:
        return apply(b, keys, *args, out=half, **params)
    return key_of_halves(b, *(apply(b, k, *args, out=half, **params) for k in key_halves(b, keys)))


def _drawn(b: Builder, keys: Value, shape: Any, dtype: np.dtype) -> Value:
    """Bits that the first of some rbg keys draws for all."""
    count = size_of(keys.shape)
    if not count:
        return b.full(shape, 0, dtype)
    first = b.slice(b.reshape(keys, (count,)), [0], [1])
    return generate(b, b.concatenate(key_halves(b, first), 0), shape, dtype, "PHILOX")[1]


@rule("random_split")
def _random_split(b: Builder, keys: Value, out: Any, shape: Any, impl: Any,
                  partitionable: bool = True) -> Value:
    if impl.impl == "unsafe_rbg":
        count, rank = size_of(shape), len(keys.shape)
        words = _drawn(b, keys, (*keys.shape, 10 * count, 4), WORD)
        limits, steps = (*keys.shape, 10 * count, 4), (*[1] * rank, 10, 1)
        chosen = b.slice(words, [0] * (rank + 2), limits, steps)
        return _wrapped(b, b.reshape(chosen, (*out.shape, 4)))
    return _each_half(split, b, keys, out=out, shape=shape, partitionable=partitionable)


@rule("random_bits")
def _random_bits(b: Builder, keys: Value, out: Any, bit_width: int, shape: Any, impl: Any,
                 partitionable: bool = True) -> Value:
    if keys.dtype != LONG:
        return _drawn(b, keys, out.shape, UINTS[bit_width])
    return bits(b, keys, out=out, bit_width=bit_width, shape=shape, partitionable=partitionable)


@rule("random_fold_in")
def _random_fold_in(b: Builder, keys: Value, data: Value, out: Any, impl: Any) -> Value:
    if impl.impl == "unsafe_rbg":
        seed = _seed(b, data, out=out, impl=impl)
        rank = len(data.shape)
        words = _drawn(b, seed, (*data.shape, 10, 4), WORD)
        last = b.slice_axis(words, rank, 9, 10)
        drawn = key_halves(b, _wrapped(b, b.reshape(last, (*data.shape, 4))))
        given, drawn = ([b.broadcast(k, out.shape, range(len(k.shape))) for k in pair]
                        for pair in (key_halves(b, keys), drawn))
        return key_of_halves(b, *(b.same("xor", k, d) for k, d in zip(given, drawn, strict=True)))
    return _each_half(fold_in, b, keys, data, out=out)


def _wrapped(b: Builder, words: Value) -> Value:
    """Keys made of words [..., 2] or [..., 4]."""
    *lead, count = words.shape
    if count == 2:
        return b.bitcast(words, tuple(lead), LONG)
    halves = b.bitcast(b.reshape(words, (*lead, 2, 2)), (*lead, 2), LONG)
    first, second = (b.reshape(b.slice_axis(halves, len(lead), k, k + 1), tuple(lead))
                     for k in (0, 1))
    return key_of_halves(b, first, second)


@rule("random_unwrap")
def _random_unwrap(b: Builder, keys: Value, out: Any, impl: Any) -> Value:
    if keys.dtype == LONG:
        return b.bitcast(keys, out.shape, WORD)
    rows = [b.bitcast(k, (*keys.shape, 2), WORD) for k in key_halves(b, keys)]
    return b.concatenate(rows, len(keys.shape))


RULES["random_clone"] = lambda b, keys, out: keys
RULES["random_wrap"] = lambda b, words, out, impl: _wrapped(b, words)
RULES["random_gamma"] = as_kernel("random_gamma")


@rule("random_seed")
def _seed(b: Builder, seeds: Value, out: Any, impl: Any) -> Value:
    wide = b.convert(b.convert(seeds, np.dtype(np.int64)), LONG)
    half = b.full_like(wide, 32)
    key = b.same("shift_left", wide, half)  # the low word of a seed is the second of its key
    if seeds.dtype.itemsize == 8:
        key = b.same("or", key, b.same("shift_right_logical", wide, half))
    return key if impl.key_shape == (2,) else key_of_halves(b, key, key)


# ---- rng_bit_generator ---------------------------------------------------------------------------
def generate(b: Builder, state: Value, shape: Any, dtype: Any, algorithm: str) -> list[Value]:
    """Append the next state of a generator, u64[2], and bits."""
    drawn = dtype if np.dtype(dtype).itemsize >= 4 else WORD
    after, words = b.ops(
        "stablehlo.rng_bit_generator", [state], [((2,), LONG), (tuple(shape), np.dtype(drawn))],
        f"rng_algorithm = #stablehlo<rng_algorithm {algorithm}>")
    return [after, b.convert(words, np.dtype(dtype))]


@rule("rng_bit_generator")
def _generator(b: Builder, key: Value, out: Any, shape: Any, dtype: Any, algorithm: Any
               ) -> list[Value]:
    state = key if key.dtype == LONG else b.bitcast(b.reshape(key, (2, 2)), (2,), LONG)
    name = "THREE_FRY" if int(algorithm) == 1 else "PHILOX"
    after, words = generate(b, state, shape, dtype, name)
    if key.dtype != LONG:
        after = b.reshape(b.bitcast(after, (2, 2), WORD), (4,))
    return [after, words]
