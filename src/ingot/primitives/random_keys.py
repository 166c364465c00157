"""Operations on PRNG keys: random_seed, random_split, random_fold_in, random_bits, wrap and unwrap.

A key array has one element for each key; `impl`, its dtype, says what the words in it mean. The
words of a Threefry key are its low and high half; an rbg key is two of them side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.division import like_leading_axes
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, ZERO, Primitive
from ingot.kernel.rules import (
    ArrayValue,
    Index,
    LazyArray,
    Lowering,
    Unsupported,
    check_native_dtypes,
)
from ingot.primitives.movement import move_axis
from ingot.primitives.random_bits import (
    UINTS,
    WORD,
    broadcast_shape,
    counter_words,
    counters,
    generate,
    half_word,
    hashed,
    join_words,
    ravel,
    same_rank_batch,
    threefry,
    threefry_packed,
)
from ingot.util import size_of

Shape = tuple[int, ...]


# ---- what the generators do with keys, as arrays of words [..., words] ---------------------------
def words_of(keys: np.ndarray, dtype: Any) -> np.ndarray:
    """The words of keys: storage [...] -> uint32 [..., words]."""
    return np.ascontiguousarray(keys).reshape(*keys.shape, 1).view(np.uint32).reshape(
        *keys.shape, *dtype.key_shape)


def keys_of(words: np.ndarray, dtype: Any) -> np.ndarray:
    """Keys made of words: uint32 [..., words] -> storage [...]."""
    shape = words.shape[: words.ndim - 1]
    return np.ascontiguousarray(words).view(dtype.storage).reshape(shape)


def _seed_words(seeds: np.ndarray) -> np.ndarray:
    wide = seeds.astype(np.int64).view(np.uint64)
    high = wide >> np.uint64(32) if seeds.dtype.itemsize == 8 else np.zeros_like(wide)
    return np.stack([high, wide & np.uint64(0xFFFFFFFF)], axis=-1).astype(np.uint32)


def _halves(keys: np.ndarray) -> np.ndarray:
    """An rbg key as two Threefry keys: [..., 4] -> [..., 2, 2]."""
    return keys.reshape(*keys.shape[:-1], 2, 2)


def _threefry_flat(keys: np.ndarray, count: int) -> np.ndarray:
    """Hash the counters below `count`, the first half paired with the second, with each key:
    [..., 2] -> [..., count]."""
    half = (count + 1) // 2
    second = np.zeros(half, np.uint32)
    second[: count - half] = np.arange(half, count, dtype=np.uint32)
    k0, k1 = _columns(keys, 1)
    words = threefry(k0, k1, np.arange(half, dtype=np.uint32), second)
    return np.concatenate(words, axis=-1)[..., :count]


def _columns(keys: np.ndarray, rank: int) -> list[np.ndarray]:
    """First and second words of keys, with `rank` axes of length 1 after the keys' own."""
    shape = (*keys.shape[:-1], *[1] * rank)
    return [keys[..., i].reshape(shape) for i in range(2)]


def _split_threefry(keys: np.ndarray, shape: Shape, partitionable: bool) -> np.ndarray:
    if not partitionable:
        return _threefry_flat(keys, 2 * size_of(shape)).reshape(*keys.shape[:-1], *shape, 2)
    high, low = counters(shape)
    k0, k1 = _columns(keys, len(shape))
    return np.stack(threefry(k0, k1, high, low), axis=-1)


def _split_rbg(keys: np.ndarray, shape: Shape, partitionable: bool) -> np.ndarray:
    halves = _split_threefry(_halves(keys), shape, partitionable)
    return np.moveaxis(halves, keys.ndim - 1, -2).reshape(*keys.shape[:-1], *shape, 4)


def _split_unsafe(keys: np.ndarray, shape: Shape, partitionable: bool) -> np.ndarray:
    num = size_of(shape)
    bits = _bits_rbg(keys, 32, (10 * num, 4), partitionable)
    return bits[..., ::10, :].reshape(*keys.shape[:-1], *shape, 4)


def _bits_threefry(keys: np.ndarray, width: int, shape: Shape, partitionable: bool) -> np.ndarray:
    dtype = UINTS[width]
    if not partitionable:
        return _bits_sequential(keys, width, shape)
    high, low = counters(shape)
    k0, k1 = _columns(keys, len(shape))
    first, second = threefry(k0, k1, high, low)
    if width == 64:
        return first.astype(dtype) << np.uint64(32) | second
    return (first ^ second).astype(dtype, copy=False)


def _bits_sequential(keys: np.ndarray, width: int, shape: Shape) -> np.ndarray:
    """Bits where each depends on the number drawn (threefry_partitionable off)."""
    size = size_of(shape)
    count = -(-width * size // 32)
    if count >= 2**32 - 1:
        raise ValueError(f"random_bits: {count} words at once need threefry_partitionable on")
    bits, full = _threefry_flat(keys, count), (*keys.shape[:-1], *shape)
    if width == 64:
        high, low = bits[..., : count // 2].astype(np.uint64), bits[..., count // 2 :]
        return (high << np.uint64(32) | low).reshape(full)
    return np.ascontiguousarray(bits).view(UINTS[width])[..., :size].reshape(full)


def _bits_rbg(keys: np.ndarray, width: int, shape: Shape, partitionable: bool) -> np.ndarray:
    # As under vmap in JAX: the first key draws for all.
    full = (*keys.shape[:-1], *shape)
    if not keys.size:
        return np.zeros(full, UINTS[width])
    return generate(keys.reshape(-1, 4)[0], full, UINTS[width], 0)[1]


def _fold_threefry(keys: np.ndarray, data: np.ndarray) -> np.ndarray:
    words = _seed_words(data)
    return np.stack(threefry(keys[..., 0], keys[..., 1], words[..., 0], words[..., 1]), axis=-1)


def _fold_rbg(keys: np.ndarray, data: np.ndarray) -> np.ndarray:
    halves = _fold_threefry(_halves(keys), data[..., None])
    return halves.reshape(*halves.shape[:-2], 4)


def _fold_unsafe(keys: np.ndarray, data: np.ndarray) -> np.ndarray:
    half = _seed_words(data)
    bits = _bits_rbg(np.concatenate([half, half], axis=-1), 32, (10, 4), True)
    return keys ^ bits[..., -1, :]


_SPLIT = {"threefry2x32": _split_threefry, "rbg": _split_rbg, "unsafe_rbg": _split_unsafe}
_BITS = {"threefry2x32": _bits_threefry, "rbg": _bits_rbg, "unsafe_rbg": _bits_rbg}
_FOLD = {"threefry2x32": _fold_threefry, "rbg": _fold_rbg, "unsafe_rbg": _fold_unsafe}


def _check_keys(name: str, keys: ShapedArray) -> Any:
    if not dtypes.is_key_dtype(keys.dtype):
        raise TypeError(f"{name}: expected PRNG keys, got {keys}; make them with random.key, or"
                        " wrap raw words with random.wrap_key_data")
    return keys.dtype


def _how() -> dict[str, bool]:
    """Return what equations say of the flag `threefry_partitionable`, which holds while a program
    is traced: nothing where it is on, as it mostly is."""
    return {} if config.threefry_partitionable else {"partitionable": False}


def _native(words: int, partitionable: bool, keys: ArrayValue) -> None:
    check_native_dtypes(keys.dtype)
    if not partitionable and words >= 2**32 - 1:
        raise Unsupported("threefry_partitionable is off, and so many words are not counted")


def _word_of_list(build: Lowering, key: Any, place: Index, count: int) -> Any:
    """The word at a place of `_threefry_flat` with a key."""
    half = build.const((count + 1) // 2, WORD)
    place = build.const(place, WORD) if isinstance(place, int) else build.op(
        "convert", place, dtype=WORD)
    upper = build.op("ge", place, half)
    low = build.op("select", upper, build.op("sub", place, half), place)
    high = build.op("add", low, half)
    if count % 2:
        none = build.op("ge", high, build.const(count, WORD))
        high = build.op("select", none, build.const(0, WORD), high)
    both = threefry_packed(build, half_word(build, key, 0), half_word(build, key, 1), low, high)
    return build.op("select", upper, half_word(build, both, 1), half_word(build, both, 0))


# ---- random_seed ---------------------------------------------------------------------------------
def _seed_type(seeds: ShapedArray, *, impl: Any) -> ShapedArray:
    if dtypes.kind(seeds.dtype) not in "iu":
        raise TypeError(f"random_seed: seeds must be integers, got {seeds}; convert them first")
    return ShapedArray(seeds.shape, impl)


def _seed_eval(seeds: np.ndarray, *, impl: Any) -> np.ndarray:
    words = _seed_words(seeds)
    return keys_of(np.concatenate([words] * (impl.key_shape[0] // 2), axis=-1), impl)


def _seed_kernel(build: Lowering, seeds: ArrayValue, *, out: Any, impl: Any) -> LazyArray:
    check_native_dtypes(seeds.dtype, out.storage)

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        seed = build.op("convert", seeds.at(build, index), dtype=dtypes.int64)
        wide = build.op("convert", seed, dtype=dtypes.uint64)
        high = half_word(build, wide, 1) if seeds.dtype.itemsize == 8 else build.const(0, WORD)
        return join_words(build, high, half_word(build, wide, 0))

    return LazyArray(out.shape, out.storage, at, [seeds], 4)


random_seed_p = Primitive(
    "random_seed", type=_seed_type, eval=_seed_eval, jvp=ZERO, transpose=NOT_LINEAR,
    batch=lambda args, dims, *, impl: (random_seed_p.bind(args[0], impl=impl), dims[0]),
    kernel=_seed_kernel)


def random_seed(seeds: Any, impl: Any) -> Any:
    """Keys of the generator `impl` (a key dtype) from integers of up to 64 bits; same shape."""
    if type(seeds) is int:
        # As a 64-bit integer first: large seeds are welcome while 64-bit types are off.
        seeds = np.int64(seeds)
    return random_seed_p.bind(seeds, impl=impl)


# ---- random_split --------------------------------------------------------------------------------
def _split_type(keys: ShapedArray, *, shape: Shape, impl: Any, partitionable: bool = True
                ) -> ShapedArray:
    _check_keys("random_split", keys)
    return ShapedArray((*keys.shape, *shape), keys.dtype)


def _split_kernel(build: Lowering, keys: ArrayValue, *, out: Any, shape: Shape, impl: Any,
                  partitionable: bool = True) -> ArrayValue:
    words = 2 * size_of(shape)
    _native(words, partitionable, keys)

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        if partitionable:
            return _hash_at(build, keys, index, shape)
        key, first = keys.at(build, index[: keys.ndim]), build.index_mul(
            ravel(build, index[keys.ndim :], shape), 2)
        return join_words(build, *(_word_of_list(build, key, place, words)
                                   for place in (first, build.index_add(first, 1))))

    return hashed(build, out.shape, out.storage, at, [keys])


def _hash_at(build: Lowering, keys: ArrayValue, index: Sequence[Index], shape: Shape) -> Any:
    """The hash of a position in `shape` with its key, as `threefry_packed` gives it."""
    key = keys.at(build, index[: keys.ndim])
    place = ravel(build, index[keys.ndim :], shape)
    high, low = counter_words(build, place, size_of(shape))
    return threefry_packed(build, half_word(build, key, 0), half_word(build, key, 1), high, low)


def _split_eval(keys: np.ndarray, *, shape: Shape, impl: Any, partitionable: bool = True
                ) -> np.ndarray:
    return keys_of(_SPLIT[impl.impl](words_of(keys, impl), shape, partitionable), impl)


random_split_p = Primitive(
    "random_split", type=_split_type, jvp=ZERO, transpose=NOT_LINEAR, eval=_split_eval,
    batch=lambda args, dims, **params: (random_split_p.bind(*args, **params), dims[0]),
    kernel=_split_kernel)
random_split_p.division = like_leading_axes


def random_split(keys: Any, shape: Sequence[int]) -> Any:
    """New keys: keys [...] -> keys [..., *shape]."""
    impl = _check_keys("random_split", typeof(keys))
    return random_split_p.bind(keys, shape=tuple(shape), impl=impl, **_how())


# ---- random_fold_in ------------------------------------------------------------------------------
def _fold_type(keys: ShapedArray, data: ShapedArray, *, impl: Any) -> ShapedArray:
    _check_keys("random_fold_in", keys)
    if data.dtype != WORD:
        raise TypeError(f"random_fold_in: data must be u32, got {data}; convert it first")
    return ShapedArray(broadcast_shape("random_fold_in", keys, data), keys.dtype)


def _fold_kernel(build: Lowering, keys: ArrayValue, data: ArrayValue, *, out: Any, impl: Any
                 ) -> ArrayValue:
    check_native_dtypes(keys.dtype)

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        key, word = (v.at(build, [0 if n == 1 else i for n, i in zip(v.shape, index, strict=True)]
                          if v.shape else ()) for v in (keys, data))
        return threefry_packed(build, half_word(build, key, 0), half_word(build, key, 1),
                               build.const(0, WORD), word)

    return hashed(build, out.shape, out.storage, at, [keys, data])


random_fold_in_p = Primitive(
    "random_fold_in", type=_fold_type, jvp=ZERO, transpose=NOT_LINEAR, kernel=_fold_kernel,
    eval=lambda keys, data, *, impl: keys_of(_FOLD[impl.impl](words_of(keys, impl), data), impl),
    batch=same_rank_batch(lambda *xs, impl: (random_fold_in_p.bind(*xs, impl=impl), 0)))


def random_fold_in(keys: Any, data: Any) -> Any:
    """Keys that depend on `data` as well: keys [...], u32 [...] -> keys [...]."""
    return random_fold_in_p.bind(keys, data, impl=_check_keys("random_fold_in", typeof(keys)))


# ---- random_bits ---------------------------------------------------------------------------------
def _bits_type(keys: ShapedArray, *, bit_width: int, shape: Shape, impl: Any,
               partitionable: bool = True) -> ShapedArray:
    _check_keys("random_bits", keys)
    if bit_width not in UINTS:
        raise TypeError(f"random_bits: bit_width must be 8, 16, 32 or 64, got {bit_width}")
    return ShapedArray((*keys.shape, *shape), UINTS[bit_width])


def _list_bits(build: Lowering, keys: ArrayValue, index: Sequence[Index], shape: Shape, width: int,
               words: int, dtype: Any) -> Any:
    """The bits at an index as `_bits_sequential` gives them."""
    key, place = keys.at(build, index[: keys.ndim]), ravel(build, index[keys.ndim :], shape)
    if width == 64:
        low = _word_of_list(build, key, build.index_add(place, words // 2), words)
        return join_words(build, low, _word_of_list(build, key, place, words))
    if width == 32:
        return _word_of_list(build, key, place, words)
    wide = build.const(place, WORD) if isinstance(place, int) else build.op(
        "convert", place, dtype=WORD)
    per = build.const(32 // width, WORD)
    word = _word_of_list(build, key, build.op("div", wide, per), words)
    shift = build.op("mul", build.op("rem", wide, per), build.const(width, WORD))
    return build.op("convert", build.op("shift_right_logical", word, shift), dtype=dtype)


def _bits_kernel(build: Lowering, keys: ArrayValue, *, out: Any, bit_width: int, shape: Shape,
                 impl: Any, partitionable: bool = True) -> ArrayValue:
    words = -(-bit_width * size_of(shape) // 32)
    _native(words, partitionable, keys)

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        if not partitionable:
            return _list_bits(build, keys, index, shape, bit_width, words, out.dtype)
        both = _hash_at(build, keys, index, shape)
        first, second = (half_word(build, both, half) for half in range(2))
        if bit_width == 64:
            return join_words(build, second, first)
        return build.op("convert", build.op("xor", first, second), dtype=out.dtype)

    return hashed(build, out.shape, out.dtype, at, [keys])


def _bits_eval(keys: np.ndarray, *, bit_width: int, shape: Shape, impl: Any,
               partitionable: bool = True) -> np.ndarray:
    return _BITS[impl.impl](words_of(keys, impl), bit_width, shape, partitionable)


random_bits_p = Primitive(
    "random_bits", type=_bits_type, jvp=ZERO, transpose=NOT_LINEAR, eval=_bits_eval,
    batch=lambda args, dims, **params: (random_bits_p.bind(*args, **params), dims[0]),
    kernel=_bits_kernel)
random_bits_p.division = like_leading_axes


def random_bits(keys: Any, bit_width: int, shape: Sequence[int]) -> Any:
    """Uniformly random unsigned integers: keys [...] -> u`bit_width` [..., *shape]."""
    impl = _check_keys("random_bits", typeof(keys))
    return random_bits_p.bind(keys, bit_width=bit_width, shape=tuple(shape), impl=impl, **_how())


# ---- random_wrap, random_unwrap, random_clone ----------------------------------------------------
def _wrap_type(words: ShapedArray, *, impl: Any) -> ShapedArray:
    rank = len(impl.key_shape)
    if words.shape[words.ndim - rank :] != impl.key_shape or words.dtype != WORD:
        expected = ",".join(map(str, impl.key_shape))
        raise TypeError(f"random_wrap: a {impl} is made of u32[...,{expected}], got {words}")
    return ShapedArray(words.shape[: words.ndim - rank], impl)


def _wrap_kernel(build: Lowering, words: ArrayValue, *, out: Any, impl: Any) -> LazyArray:
    check_native_dtypes(out.storage)
    return LazyArray(out.shape, out.storage, lambda b, index: join_words(
        b, words.at(b, (*index, 0)), words.at(b, (*index, 1))), [words], 2)


def _wrap_batch(args: Any, dims: Any, *, impl: Any) -> Any:
    return random_wrap(move_axis(args[0], dims[0], 0), impl), 0


random_wrap_p = Primitive(
    "random_wrap", type=_wrap_type, eval=lambda words, *, impl: keys_of(words, impl), jvp=ZERO,
    transpose=NOT_LINEAR, batch=_wrap_batch, kernel=_wrap_kernel)
random_wrap_p.division = like_leading_axes


def random_wrap(words: Any, impl: Any) -> Any:
    """Keys made of raw words: u32 [..., words] -> keys [...] of the dtype `impl`."""
    return random_wrap_p.bind(words, impl=impl)


def _unwrap_type(keys: ShapedArray, *, impl: Any) -> ShapedArray:
    _check_keys("random_unwrap", keys)
    return ShapedArray((*keys.shape, *keys.dtype.key_shape), WORD)


def _unwrap_kernel(build: Lowering, keys: ArrayValue, *, out: Any, impl: Any) -> LazyArray:
    check_native_dtypes(keys.dtype)

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        key = keys.at(build, index[: keys.ndim])
        which = index[-1]
        if isinstance(which, int):
            return half_word(build, key, which)
        shift = build.op("convert", build.index_mul(which, 32), dtype=keys.dtype)
        return build.op("convert", build.op("shift_right_logical", key, shift), dtype=WORD)

    return LazyArray(out.shape, WORD, at, [keys], 2)


random_unwrap_p = Primitive(
    "random_unwrap", type=_unwrap_type, eval=lambda keys, *, impl: words_of(keys, impl), jvp=ZERO,
    transpose=NOT_LINEAR, kernel=_unwrap_kernel,
    batch=lambda args, dims, *, impl: (random_unwrap_p.bind(args[0], impl=impl), dims[0]))
random_unwrap_p.division = like_leading_axes


def random_unwrap(keys: Any) -> Any:
    """The raw words of keys: keys [...] -> u32 [..., words]."""
    return random_unwrap_p.bind(keys, impl=_check_keys("random_unwrap", typeof(keys)))


random_clone_p = Primitive(
    "random_clone", type=lambda keys: keys, eval=lambda keys: keys, jvp=ZERO, transpose=NOT_LINEAR,
    batch=lambda args, dims: (random_clone_p.bind(*args), dims[0]),
    kernel=lambda build, keys, *, out: keys)


def random_clone(keys: Any) -> Any:
    """The same keys, marked as fresh."""
    _check_keys("random_clone", typeof(keys))
    return random_clone_p.bind(keys)
