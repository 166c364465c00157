"""Random bits: the counter-based generators Threefry-2x32 and Philox-4x32, bit for bit as JAX's."""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.division import like_leading_axes
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, ZERO, Primitive, PythonFallback
from ingot.core.symbolic import length
from ingot.kernel.rules import ArrayValue, Buffer, Index, LazyArray, Lowering
from ingot.primitives.movement import full, move_axis, reshape
from ingot.primitives.out_sharding import divided
from ingot.primitives.slicing import concatenate, slice_in_dim
from ingot.util import size_of

Shape = tuple[int, ...]
WORD = dtypes.uint32
UINTS = {8: dtypes.uint8, 16: dtypes.uint16, 32: dtypes.uint32, 64: dtypes.uint64}
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
BLOCK = 1 << 15  # elements hashed at a time, so that they stay in cache


# ---- Threefry-2x32, on arrays, Python integers, and scalars of a kernel --------------------------
def rounds(keys: Sequence[Any], x0: Any, x1: Any, add: Callable[[Any, Any], Any],
            mix: Callable[[Any, Any, int], tuple[Any, Any]]) -> tuple[Any, Any]:
    """20 rounds; mix(x0, x1, n) is x0 + x1 and that sum xor x1 rotated left by n bits."""
    x0, x1 = add(x0, keys[0]), add(x1, keys[1])
    for group in range(5):
        for turn in ROTATIONS[group % 2]:
            x0, x1 = mix(x0, x1, turn)
        x0 = add(x0, keys[(group + 1) % 3])
        x1 = add(add(x1, keys[(group + 2) % 3]), group + 1)
    return x0, x1


def threefry(k0: Any, k1: Any, x0: Any, x1: Any) -> tuple[np.ndarray, np.ndarray]:
    """Hash counters with keys: Threefry-2x32 on uint32 arrays that broadcast."""
    arrays = np.broadcast_arrays(k0, k1, x0, x1)
    shape, size = arrays[0].shape, arrays[0].size
    y0, y1 = (np.array(x, order="C").reshape(-1) for x in arrays[2:])
    if size <= 8:
        rows = zip(*(a.reshape(-1).tolist() for a in arrays), strict=True)
        for i, row in enumerate(rows):
            y0[i], y1[i] = _hash_integers(*row)
    else:
        scalar_key = np.size(k0) == np.size(k1) == 1
        keys = [k.reshape(-1)[:1] if scalar_key else k.reshape(-1) for k in arrays[:2]]
        for start in range(0, size, BLOCK):
            part = slice(start, start + BLOCK)
            _hash_arrays(*(k if scalar_key else k[part] for k in keys), x0=y0[part], x1=y1[part])
    return y0.reshape(shape), y1.reshape(shape)


def _hash_arrays(k0: np.ndarray, k1: np.ndarray, x0: np.ndarray, x1: np.ndarray) -> None:
    scratch = np.empty_like(x0)

    def mix(x0: np.ndarray, x1: np.ndarray, turn: int) -> tuple[np.ndarray, np.ndarray]:
        x0 += x1
        np.left_shift(x1, turn, out=scratch)
        np.right_shift(x1, 32 - turn, out=x1)
        x1 |= scratch
        x1 ^= x0
        return x0, x1

    rounds((k0, k1, k0 ^ k1 ^ np.uint32(PARITY)), x0, x1, operator.iadd, mix)


def _hash_integers(k0: int, k1: int, x0: int, x1: int) -> tuple[int, int]:
    mask = 0xFFFFFFFF

    def mix(x0: int, x1: int, turn: int) -> tuple[int, int]:
        x0 = (x0 + x1) & mask
        return x0, ((x1 << turn | x1 >> 32 - turn) & mask) ^ x0

    return rounds((k0, k1, k0 ^ k1 ^ PARITY), x0, x1, lambda a, b: (a + b) & mask, mix)


def threefry_packed(build: Lowering, k0: Any, k1: Any, x0: Any, x1: Any) -> Any:
    """The same hash of four uint32 scalars in a kernel, as a uint64: the first word below."""
    return build.op("threefry", k0, k1, x0, x1, dtype=dtypes.uint64)


HASH_COST = 120
"""Instructions of one hash: it is not computed twice, nor unrolled over many elements."""


def hashed(build: Lowering, shape: Shape, dtype: Any, at: Callable[..., Any],
            sources: Sequence[ArrayValue]) -> ArrayValue:
    """An array of hashes: small ones computed now in a loop, large ones where they are used."""
    size = size_of(shape)
    lazy = LazyArray(shape, dtype, at, sources, HASH_COST)
    if size <= 4 or size > 64:
        return lazy
    target = build.allocate(shape, dtype)
    flat = Buffer(target.memory, (size,), dtype, target.offset)
    with build.loop(size, vector=True) as i:
        build.store(flat, (i,), at(build, unravel(build, i, shape)))
    return target


def ravel(build: Lowering, index: Sequence[Index], shape: Sequence[int]) -> Index:
    """Row-major position of an index."""
    flat: Index = 0
    for i, n in zip(index, shape, strict=True):
        flat = build.index_add(build.index_mul(flat, n), i)
    return flat


def unravel(build: Lowering, flat: Index, shape: Sequence[int]) -> list[Index]:
    """The index at a row-major position."""
    out: list[Index] = []
    for n in reversed(shape):
        out.append(build.index_rem(flat, n) if len(out) + 1 < len(shape) else flat)
        flat = build.index_div(flat, n)
    return out[::-1]


def half_word(build: Lowering, x: Any, position: int) -> Any:
    """The low (0) or high (1) half of a 64-bit scalar."""
    if position:
        x = build.op("shift_right_logical", x, build.const(32, x.dtype))
    return build.op("convert", x, dtype=WORD)


def join_words(build: Lowering, low: Any, high: Any) -> Any:
    """Two 32-bit scalars as the halves of a 64-bit one."""
    low, high = (build.op("convert", w, dtype=dtypes.uint64) for w in (low, high))
    return build.op("or", low, build.op("shift_left", high, build.const(32, dtypes.uint64)))


def counter_words(build: Lowering, place: Index, size: int) -> tuple[Any, Any]:
    """High and low word of a position in an array of a size."""
    if isinstance(place, int):
        return build.const(place >> 32, WORD), build.const(place & 0xFFFFFFFF, WORD)
    if size <= 1 << 32:
        return build.const(0, WORD), build.op("convert", place, dtype=WORD)
    wide = build.op("convert", place, dtype=dtypes.uint64)
    return half_word(build, wide, 1), half_word(build, wide, 0)


def counters(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """High and low words of the positions 0, 1, ... of an array."""
    places = np.arange(size_of(shape), dtype=np.uint64).reshape(shape)
    return (places >> np.uint64(32)).astype(np.uint32), places.astype(np.uint32)


# ---- threefry2x32 --------------------------------------------------------------------------------
def _threefry_type(*avals: ShapedArray) -> list[ShapedArray]:
    if any(a.dtype != WORD for a in avals):
        raise TypeError(f"threefry2x32: arguments must be u32, got {', '.join(map(str, avals))}")
    shape = broadcast_shape("threefry2x32", *avals)
    return [ShapedArray(shape, WORD)] * 2


def broadcast_shape(name: str, *avals: ShapedArray) -> Shape:
    """The common shape of arrays of one rank (or rank 0); TypeError if there is none."""
    ranks = {a.ndim for a in avals if a.ndim}
    try:
        if len(ranks) <= 1:
            return np.broadcast_shapes(*(a.shape for a in avals))
    except ValueError:
        pass
    raise TypeError(f"{name}: shapes must broadcast, got {', '.join(map(str, avals))}")


def same_rank_batch(primitive: Callable[..., Any]) -> Any:
    """Batch rule of what broadcasts arrays of one rank: mapped axes first, others of length 1."""

    def batch(args: Any, dims: Any, **params: Any) -> Any:
        ranks = [typeof(x).ndim - (d is not None) for x, d in zip(args, dims, strict=True)]
        rank = max(ranks)
        out = []
        for x, d, r in zip(args, dims, ranks, strict=True):
            if d is not None:
                x = move_axis(x, d, 0)
            shape = typeof(x).shape
            if d is None and r:
                x = reshape(x, (1, *shape))
            elif d is not None and r < rank:
                x = reshape(x, (*shape, *[1] * (rank - r)))
            out.append(x)
        return primitive(*out, **params)

    return batch


def _threefry_kernel(build: Lowering, *xs: ArrayValue, out: Any) -> list[ArrayValue]:
    shape = out[0].shape
    targets = [build.allocate(shape, WORD) for _ in range(2)]

    def element(v: ArrayValue, index: Sequence[Index]) -> Any:
        return v.at(build, [0 if n == 1 else i for n, i in zip(v.shape, index, strict=True)]
                    if v.shape else ())

    def body(index: Sequence[Index]) -> None:
        both = threefry_packed(build, *(element(v, index) for v in xs))
        for half, target in enumerate(targets):
            build.store(target, index, half_word(build, both, half))

    size = size_of(shape)
    if size:
        with build.loop(size, vector=True) as i:
            body(unravel(build, i, shape))
    return list(targets)


threefry2x32_p = Primitive(
    "threefry2x32", type=_threefry_type, eval=lambda *xs: list(threefry(*xs)), jvp=ZERO,
    transpose=NOT_LINEAR, kernel=_threefry_kernel, multiple_results=True,
    batch=same_rank_batch(lambda *xs: (threefry2x32_p.bind(*xs), [0, 0])))


# ---- Philox-4x32 and rng_bit_generator -----------------------------------------------------------
class RandomAlgorithm(enum.IntEnum):
    """The generator of `rng_bit_generator`; the default is Philox."""

    RNG_DEFAULT = 0
    RNG_THREE_FRY = 1
    RNG_PHILOX = 2


def philox(words: Sequence[np.ndarray], k0: int, k1: int) -> list[np.ndarray]:
    """Hash counters of four uint32 words: 10 rounds of Philox-4x32."""
    x0, x1, x2, x3 = (w.astype(np.uint64) for w in words)
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        p0, p1 = x0 * np.uint64(0xD2511F53), x2 * np.uint64(0xCD9E8D57)
        x0, x1, x2, x3 = ((p1 >> half) ^ x1 ^ np.uint64(k0), p1 & low,
                          (p0 >> half) ^ x3 ^ np.uint64(k1), p0 & low)
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return [x.astype(np.uint32) for x in (x0, x1, x2, x3)]


def generate(state: np.ndarray, shape: Shape, dtype: Any, algorithm: int
             ) -> tuple[np.ndarray, np.ndarray]:
    """The next state and bits of a generator whose state is four uint32 words: key, counter."""
    dtype = np.dtype(dtype)
    halved = _word_axis(shape) if algorithm == RandomAlgorithm.RNG_THREE_FRY else None
    words_each = max(1, dtype.itemsize // 4)
    if halved is not None:
        blocks = size_of(shape if words_each == 2 else halved[1])
    else:
        blocks = -(-size_of(shape) * words_each // 4)
    start = int(state[2]) | int(state[3]) << 32
    counter = np.arange(blocks, dtype=np.uint64) + np.uint64(start)
    low, high = counter.astype(np.uint32), (counter >> np.uint64(32)).astype(np.uint32)
    if halved is not None:
        words: Sequence[np.ndarray] = threefry(state[0], state[1], low, high)
    else:
        # The key serves as the upper half of the 128-bit counter as well.
        upper = np.full(blocks, int(state[0]) | int(state[1]) << 32, np.uint64)
        upper += counter < np.uint64(start)
        words = philox((low, high, upper.astype(np.uint32),
                        (upper >> np.uint64(32)).astype(np.uint32)), int(state[0]), int(state[1]))
    after = (start + blocks) & (1 << 64) - 1
    new = np.array([state[0], state[1], after & 0xFFFFFFFF, after >> 32], np.uint32)
    if halved is not None and words_each == 1:
        dim, half = halved
        both = np.stack([w.reshape(half) for w in words], axis=dim + 1)
        doubled = both.reshape([2 * n if i == dim else n for i, n in enumerate(half)])
        bits = doubled[(slice(None),) * dim + (slice(0, shape[dim] if shape else 1),)]
        return new, bits.astype(dtype).reshape(shape)
    bits = np.stack(words, axis=-1).reshape(-1)
    bits = bits.view(np.uint64) if words_each == 2 else bits
    return new, bits.astype(dtype, copy=False)[: size_of(shape)].reshape(shape)


def _word_axis(shape: Shape) -> tuple[int, Shape]:
    """The axis along which both words of a block alternate, and the shape of the blocks.

    XLA takes the first axis of even length, else the first of the longest ones.
    """
    sizes = shape or (1,)
    even = [i for i, n in enumerate(sizes) if n % 2 == 0]
    dim = even[0] if even else sizes.index(max(sizes))
    return dim, tuple(-(-n // 2) if i == dim else n for i, n in enumerate(sizes))


def _generator_type(key: ShapedArray, *, shape: Shape, dtype: Any, algorithm: int
                    ) -> list[ShapedArray]:
    if (key.shape, key.dtype) not in (((4,), WORD), ((2,), dtypes.uint64)):
        raise TypeError(f"rng_bit_generator: the key must be u32[4] or u64[2], got {key}")
    if dtype not in UINTS.values():
        raise TypeError("rng_bit_generator: dtype must be uint8, uint16, uint32 or uint64, got"
                        f" {dtypes.short_name(dtype)}")
    return [key, ShapedArray(shape, dtype)]


def _generator_batch(args: Any, dims: Any, *, shape: Shape, **params: Any) -> Any:
    # The whole batch is drawn with the first key: that is what JAX does, and streams are JAX's.
    keys = move_axis(args[0], dims[0], 0)
    size = typeof(keys).shape[0]
    if size == 0:
        return [keys, full((0, *shape), 0, params["dtype"])], [0, 0]
    first = slice_in_dim(keys, 0, 1)
    new, bits = rng_bit_generator_p.bind(reshape(first, typeof(keys).shape[1:]),
                                         shape=(size, *shape), **params)
    rest = slice_in_dim(keys, 1, size)
    return [concatenate([reshape(new, typeof(first).shape), rest], 0), bits], [0, 0]


def _generator_eval(key: np.ndarray, *, shape: Shape, dtype: Any, algorithm: int
                    ) -> list[np.ndarray]:
    new, bits = generate(np.ascontiguousarray(key).view(np.uint32), shape, dtype, algorithm)
    return [new.view(key.dtype), bits]


rng_bit_generator_p = Primitive(
    "rng_bit_generator", type=_generator_type, eval=_generator_eval, jvp=ZERO,
    transpose=NOT_LINEAR, batch=_generator_batch, multiple_results=True,
    kernel=PythonFallback("Philox needs 32 x 32 -> 64 bit products of whole blocks"))
rng_bit_generator_p.division = like_leading_axes


def rng_bit_generator(key: Any, shape: Sequence[int], dtype: Any = np.uint32,
                      algorithm: Any = RandomAlgorithm.RNG_DEFAULT, *, out_sharding: Any = None
                      ) -> list[Any]:
    """Draw random bits from a counter-based generator, Philox-4x32 by default.

    key: u32[4] or u64[2], key words then counter words. shape: integers. dtype: unsigned integers.
    algorithm: a RandomAlgorithm. out_sharding: how Explicit axes divide the result -> [state after,
    of the type of key; bits of dtype [*shape]]. Raises TypeError for other keys and dtypes.

    >>> lax.rng_bit_generator(np.array([0, 7, 0, 7], "uint32"), (1,))[1]
    Array([3109483441], dtype=uint32)
    """
    state, drawn = rng_bit_generator_p.bind(
        key, shape=tuple(length(n) for n in shape), dtype=dtypes.as_user_dtype(dtype),
        algorithm=RandomAlgorithm(algorithm))
    return [state, divided("rng_bit_generator", lambda x: x, out_sharding, drawn)]


__all__ = ["RandomAlgorithm", "rng_bit_generator", "rng_bit_generator_p"]
