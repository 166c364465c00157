"""Rows of random bits and keys, against Threefry-2x32 in Python integers."""

import numpy as np

from examples import Bad, Example, normal
from ingot import dtypes
from ingot.core.axis_env import Axis
from ingot.primitives import random_bits as b, random_keys as k
from ingot.transforms.batch import batch, matchaxis

FRY, RBG, URBG = (dtypes.KEY_DTYPES[n] for n in ("threefry2x32", "rbg", "unsafe_rbg"))
M = 0xFFFFFFFF


def hash_pair(k0, k1, x0, x1):
    """Threefry-2x32 with 20 rounds (Salmon et al. 2011)."""
    keys = [k0, k1, k0 ^ k1 ^ 0x1BD11BDA]
    x0, x1 = (x0 + k0) & M, (x1 + k1) & M
    for block in range(5):
        for r in ((13, 15, 26, 6), (17, 29, 16, 24))[block % 2]:
            x0 = (x0 + x1) & M
            x1 = ((x1 << r | x1 >> (32 - r)) & M) ^ x0
        x0 = (x0 + keys[(block + 1) % 3]) & M
        x1 = (x1 + keys[(block + 2) % 3] + block + 1) & M
    return x0, x1


def words(*shape, seed=0):
    rng = np.random.default_rng([7, *shape, seed])
    return rng.integers(0, 2**32, shape, np.uint32)


def hashed(*xs):
    xs = np.broadcast_arrays(*xs)
    pairs = [hash_pair(*map(int, v)) for v in zip(*(x.flat for x in xs), strict=True)]
    return [np.array([p[i] for p in pairs], np.uint32).reshape(xs[0].shape) for i in range(2)]


def on_words(fun, impl=FRY):
    """A function of keys as one of their words, so that rows hold plain arrays."""
    def op(raw, *rest, **params):
        out = fun(k.random_wrap(raw, impl), *rest, **params)
        return k.random_unwrap(out) if dtypes.is_key_dtype(out.dtype) else out
    return op


def _hash_each(raw, shape):
    """The hash of each position of `shape` with each key: raw [..., 2] -> two [..., *shape]."""
    size = int(np.prod(shape))
    flat = [[hash_pair(int(a), int(c), 0, i) for i in range(size)] for a, c in raw.reshape(-1, 2)]
    both = np.array(flat, np.uint32).reshape(*raw.shape[:-1], *shape, 2)
    return both[..., 0], both[..., 1]


def split(raw, shape):
    return np.stack(_hash_each(raw, shape), -1)


def bits(raw, bit_width, shape):
    first, second = _hash_each(raw, shape)
    if bit_width == 64:
        return first.astype(np.uint64) << np.uint64(32) | second
    return (first ^ second).astype(f"u{bit_width // 8}")


def fold_in(raw, data):
    return np.stack(hashed(raw[..., 0], raw[..., 1], np.zeros_like(data), data), -1)


def seed_words(seeds):
    wide = np.array([int(s) % 2**64 for s in seeds.flat], np.uint64).reshape(seeds.shape)
    return np.stack([wide >> np.uint64(32), wide & np.uint64(M)], -1).astype(np.uint32)


def seeded(seeds):
    return k.random_unwrap(k.random_seed(seeds, FRY))


def _keys(name, op, *args, impl=FRY, ref=None, **params):
    return Example(on_words(op, impl), args, params, ref=ref, name=name, jax=False)


def _generators():
    rows = []
    for impl in (RBG, URBG):
        # vmap lets the first key draw for all, as JAX does: not a loop, so it is not mapped.
        tag = impl.tag
        only = lambda op, *args, tag=tag, impl=impl, **params: Example(
            on_words(op, impl), args, params, maps=(), name=f"{op.__name__}_{tag}", jax=False)
        rows += [only(k.random_split, words(4), shape=(2,)),
                 only(k.random_bits, words(4), bit_width=32, shape=(3,)),
                 only(k.random_bits, words(2, 4), bit_width=64, shape=(3,)),
                 only(k.random_fold_in, words(4), np.uint32(7))]
    return rows


def philox(c, k0, k1):
    """Philox-4x32 with 10 rounds (Salmon et al. 2011) of a counter of four words."""
    for _ in range(10):
        a, d = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(d >> 32) ^ c[1] ^ k0, d & M, (a >> 32) ^ c[3] ^ k1, a & M]
        k0, k1 = (k0 + 0x9E3779B9) & M, (k1 + 0xBB67AE85) & M
    return c


def generated(key, shape, dtype):
    """Philox with the counter and key words of XLA: a 64-bit counter below the 64-bit key."""
    k0, k1, low, high = map(int, key)
    start, size = low | high << 32, int(np.prod(shape))
    width = max(1, np.dtype(dtype).itemsize // 4)
    blocks = -(-size * width // 4)
    stream = [w for i in range(blocks) for w in philox(
        [(start + i) & M, (start + i) >> 32, k0, k1], k0, k1)]
    if width == 2:
        stream = [a | b << 32 for a, b in zip(stream[::2], stream[1::2], strict=True)]
    end = start + blocks
    bits = np.array(stream[:size], np.uint64).astype(dtype).reshape(shape)
    return [np.array([k0, k1, end & M, end >> 32], np.uint32), bits]


def _generate(key, **params):
    return b.rng_bit_generator(key, **params)


def mapped_generator(keys):
    """Under vmap the first key draws for all, as in JAX."""
    outs, dims = batch(lambda key: b.rng_bit_generator(key, (3,)), Axis(None, 2), [keys], [0])
    return [matchaxis(o, dim, 0, 2) for o, dim in zip(outs, dims, strict=True)]


def mapped_ref(keys):
    new, bits = generated(keys[0], (2, 3), np.uint32)
    return [np.stack([new, keys[1]]), bits]


EXAMPLES = [
    Example(lambda *xs: b.threefry2x32_p.bind(*xs), tuple(words(3, seed=i) for i in range(4)),
            ref=lambda *xs: hashed(*xs), name="threefry2x32", jax=False),
    Example(lambda *xs: b.threefry2x32_p.bind(*xs),
            (words(), words(seed=1), words(2, 3), words(1, 3)), ref=hashed, name="threefry2x32",
            jax=False),
    Example(lambda *xs: b.threefry2x32_p.bind(*xs),
            (words(), words(seed=1), words(0), words(0)), ref=lambda *xs: [xs[2], xs[3]],
            name="threefry2x32", jax=False),
    Example(seeded, (np.array([0, 1, -1, 2**40, -2**62]),), ref=seed_words, name="random_seed",
            jax=False),
    Example(seeded, (np.array([5, -5], np.int32),), name="random_seed", jax=False,
            ref=lambda s: np.stack([0 * s, s], -1).astype(np.uint32)),
    _keys("random_split", k.random_split, words(2), shape=(3,), ref=split),
    _keys("random_split", k.random_split, words(3, 2), shape=(2, 2), ref=split),
    _keys("random_split", k.random_split, words(3, 2), shape=(40,), ref=split),
    _keys("random_split", k.random_split, words(2), shape=(0,),
          ref=lambda w, shape: np.zeros((0, 2), np.uint32)),
    *(_keys("random_bits", k.random_bits, words(2, 2), shape=(3,), bit_width=width, ref=bits)
      for width in (8, 16, 32, 64)),
    _keys("random_bits", k.random_bits, words(2), shape=(50, 3), bit_width=32, ref=bits),
    _keys("random_fold_in", k.random_fold_in, words(3, 2), words(3, seed=9), ref=fold_in),
    _keys("random_fold_in", k.random_fold_in, words(2), words(seed=9), ref=fold_in),
    _keys("random_clone", k.random_clone, words(3, 2), ref=lambda w: w),
    *_generators(),
    Example(_generate, (words(4),), dict(shape=(5,), dtype=np.uint32), maps=(), ref=generated,
            name="rng_bit_generator", jax="rng_bit_generator"),
    Example(_generate, (words(4),), dict(shape=(3, 2), dtype=np.uint64), maps=(), ref=generated,
            name="rng_bit_generator", jax="rng_bit_generator"),
    Example(mapped_generator, (words(2, 4),), ref=mapped_ref, maps=(), jax=False,
            name="rng_bit_generator_mapped"),
    Example(_generate, (words(4),), dict(shape=(3, 2), dtype=np.uint64, algorithm=1), maps=(),
            name="rng_bit_generator", jax="rng_bit_generator"),
    Example(_generate, (words(4),), dict(shape=(3,), dtype=np.uint8, algorithm=1), maps=(),
            name="rng_bit_generator", jax="rng_bit_generator"),
]

BAD = [
    Bad(lambda: b.threefry2x32_p.bind(1, 2, 3, 4), (), error="threefry2x32: .*i64"),
    Bad(k.random_split, (words(2), (3,)), error=r"random_split: expected PRNG keys, got u32\[2\]"),
    Bad(k.random_wrap, (words(3), FRY), error="random_wrap: .*u32"),
    Bad(lambda w: k.random_bits(k.random_wrap(w, FRY), 7, (2,)), (words(2),),
        error="random_bits: bit_width"),
    Bad(lambda w, d: k.random_fold_in(k.random_wrap(w, FRY), d), (words(2), np.int64(3)),
        error="random_fold_in: data must be u32"),
    Bad(lambda x: k.random_seed(x, FRY), (normal(3),), error="random_seed: .*f64"),
    Bad(lambda w: b.rng_bit_generator(w, (3,)), (words(3),), error="rng_bit_generator: the key"),
]
