"""`jax._src.random.prng`, `threefry2x32`, `rbg`: generators as objects, here the key dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.core.interpreter import to_array
from ingot.dtypes import KEY_DTYPES
from ingot.primitives import random_keys as keys
from ingot.primitives.random_keys import random_bits, random_wrap
from ingot.random.keys import resolve_impl

threefry_prng_impl = KEY_DTYPES["threefry2x32"]
rbg_prng_impl = KEY_DTYPES["rbg"]
unsafe_rbg_prng_impl = KEY_DTYPES["unsafe_rbg"]


def random_seed(seeds: Any, impl: Any) -> Any:
    """Keys of a generator from integers, of the same shape."""
    return keys.random_seed(seeds if type(seeds) is int else to_array(seeds), resolve_impl(impl))


def threefry_random_bits(key: Any, bit_width: int, shape: Sequence[int]) -> Any:
    """Uniformly random unsigned integers of a raw key: u32 [2] -> u`bit_width` [*shape]."""
    return random_bits(random_wrap(to_array(key), threefry_prng_impl), bit_width, shape)


__all__ = ["random_bits", "random_wrap"]
