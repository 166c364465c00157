"""Making, splitting and opening PRNG keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.array import ArrayBase
from ingot.core.interpreter import to_array, typeof
from ingot.primitives import random_keys as ops
from ingot.primitives.convert import convert_element_type
from ingot.random.arguments import default_impl, shape_of, typed_key


def resolve_impl(impl: Any) -> Any:
    """The key dtype for a generator given by name, key dtype or None (the default)."""
    if impl is None:
        return default_impl()
    if dtypes.is_key_dtype(impl):
        return impl
    if isinstance(impl, str):
        if impl in dtypes.KEY_DTYPES:
            return dtypes.KEY_DTYPES[impl]
        raise ValueError(f"unknown PRNG implementation {impl!r}; use one of"
                         f" {', '.join(map(repr, dtypes.KEY_DTYPES))}")
    raise TypeError(f"a PRNG implementation is given by name or key dtype, got {impl!r:.60}")


def key_dtype(impl_spec: Any = None) -> Any:
    """Return the dtype of keys of a generator.

    impl_spec: its name, by default that of `random.key` -> a key dtype. Raises ValueError if there
    is none of this name.

    >>> random.key_dtype("rbg")
    key<rbg>
    """
    return resolve_impl(impl_spec)


def _chosen(name: str, impl: Any, dtype: Any) -> Any:
    if dtype is not None and impl is not None:
        raise ValueError(f"{name}: give impl or dtype, not both")
    return resolve_impl(impl if dtype is None else dtype)


def _seed_key(name: str, seed: Any, impl: Any) -> Any:
    if isinstance(seed, ArrayBase) and dtypes.is_key_dtype(typeof(seed).dtype):
        raise TypeError(f"{name}: expected an integer seed, got a PRNG key {typeof(seed)}")
    if isinstance(seed, int) and not isinstance(seed, bool):
        if not -(2**63) <= seed < 2**63:
            raise OverflowError(f"{name}: seed {seed} does not fit in 64 bits; use seed % 2**63")
        # A 64-bit integer even where 64-bit types are off: then the upper half is dropped.
        return ops.random_seed(np.int64(seed), impl)
    if isinstance(seed, str):
        raise TypeError(f"{name}: the seed must be an integer, got {seed!r:.40}")
    aval = typeof(to_array(seed))
    if aval.shape:
        raise TypeError(f"{name}: expected one integer seed, got {aval}; map over seeds with vmap")
    if dtypes.kind(aval.dtype) not in "iu":
        raise TypeError(f"{name}: the seed must be an integer, got {aval}")
    return ops.random_seed(seed, impl)


def key(seed: Any, *, impl: Any = None, dtype: Any = None) -> Any:
    """A PRNG key made from an integer.

    seed: integer of up to 64 bits; impl: 'threefry2x32' (default), 'rbg' or 'unsafe_rbg', or the
    key dtype as `dtype` -> key[]. Raises TypeError for other seeds.
    >>> random.key_data(random.key(7))
    Array([0, 7], dtype=uint32)
    """
    return _seed_key("key", seed, _chosen("key", impl, dtype))


def PRNGKey(seed: Any, *, impl: Any = None) -> Any:  # noqa: N802 (JAX's name)
    """Make a PRNG key of raw words from a seed; new code should use `key`.

    seed: an integer scalar. impl: the generator, by default that of the flag default_prng_impl ->
    uint32 [words], which are 2 for threefry2x32, or a typed key under the flag enable_custom_prng.
    Raises TypeError for seeds that are no integers, ValueError for unknown generators.

    >>> random.PRNGKey(7)
    Array([0, 7], dtype=uint32)
    """
    return _like_argument(_seed_key("PRNGKey", seed, resolve_impl(impl)), True)


def _like_argument(key: Any, raw: bool) -> Any:
    """Raw words for raw words."""
    return ops.random_unwrap(key) if raw and not config.enable_custom_prng else key


def split(key: Any, num: int | Sequence[int] = 2) -> Any:
    """New keys that are independent of each other and of the given one.

    key: key[] or words u32[2]; num: a number or a shape -> keys [num] (or words [num, 2]).
    Raises TypeError, ValueError for what is not one key.
    >>> random.split(random.key(0), 3).shape
    (3,)
    """
    typed, raw = typed_key("split", key)
    return _like_argument(ops.random_split(typed, shape_of("split", num)), raw)


def fold_in(key: Any, data: Any) -> Any:
    """A new key that depends on an integer as well.

    key: key[] or words u32[2]; data: integer, of which 32 bits count -> key of the same form.
    Raises TypeError for other data, OverflowError for Python integers outside 0 .. 2**32 - 1.
    >>> random.key_data(random.fold_in(random.key(0), 1))
    Array([ 928981903, 3453687069], dtype=uint32)
    """
    typed, raw = typed_key("fold_in", key)
    if isinstance(data, int):
        data = dtypes.coerce_python_scalar(int(data), dtypes.uint32)
    aval = typeof(to_array(data))
    if aval.shape or dtypes.kind(aval.dtype) not in "iub":
        raise TypeError(f"fold_in: expected one integer, got {aval}; map over several with vmap")
    return _like_argument(ops.random_fold_in(typed, convert_element_type(data, dtypes.uint32)), raw)


def key_data(keys: Any) -> Any:
    """The words of keys: keys [...] -> u32 [..., words]. Raises TypeError for what is no key.

    >>> random.key_data(random.key(1))
    Array([0, 1], dtype=uint32)
    """
    return ops.random_unwrap(typed_key("key_data", keys, many=True)[0])


def wrap_key_data(key_bits_array: Any, *, impl: Any = None, dtype: Any = None) -> Any:
    """Make keys of their words, the inverse of `key_data`.

    key_bits_array: uint32 [..., words]. impl: the generator, by default that of `random.key`.
    dtype: a key dtype in its place -> keys [...]. Raises TypeError for other words, ValueError for
    unknown generators.

    >>> random.wrap_key_data(np.array([0, 7], "uint32")).shape
    ()
    """
    return ops.random_wrap(key_bits_array, _chosen("wrap_key_data", impl, dtype))


def key_impl(keys: Any) -> str:
    """Return the name of the generator that keys belong to.

    keys: keys, typed or as raw words -> a string. Raises TypeError for other arrays.

    >>> random.key_impl(random.key(0))
    'threefry2x32'
    """
    return typeof(typed_key("key_impl", keys, many=True)[0]).dtype.impl


def clone(key: Any) -> Any:
    """Return the same key, marked as fresh where the reuse of keys is checked.

    key: keys of any shape -> the same keys. Raises TypeError for other arrays.

    >>> random.key_data(random.clone(random.key(3)))
    Array([0, 3], dtype=uint32)
    """
    typed, raw = typed_key("clone", key, many=True)
    return _like_argument(ops.random_clone(typed), raw)
