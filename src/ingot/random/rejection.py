"""Rejection loops: samplers draw again for the rejected elements until all are accepted.

A loop over whole arrays draws for every element in every turn, and the stream is that of such a
loop. Where keys count, number i of what a key gives can be drawn alone, and so each element has a
loop of its own, which draws what the common one would, and ends as soon as its value is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import numpy as jnp
from ingot.api.vmap import vmap
from ingot.control.while_loop import while_loop
from ingot.core.interpreter import typeof
from ingot.primitives.casts import varied
from ingot.primitives.dynamic_slice import dynamic_index_in_dim, dynamic_update_index_in_dim
from ingot.random.arguments import Shape
from ingot.random.uniform import counts, pair, unit, unit_at
from ingot.tree import tree_map
from ingot.util import size_of

WINDOW = 40
"""Turns whose keys are kept at a time, at most: too many for registers, in which they are slow."""

FEW = 12
"""Turns that are tried at a time; less than one element of a hundred million needs more."""

COUNT = np.dtype(np.uint8)
"""The type of numbers of turns within a window."""


def supports_independent_loops(key: Any, shape: Shape) -> bool:
    """Whether elements can have a loop of their own."""
    return counts(key) and 1 < size_of(shape) < 1 << 32


def each(shape: Shape, fun: Callable[..., Any], *parameters: Any) -> Any:
    """Apply `fun(place, *parameters)` to each element; `place` is its number as u32."""
    size = size_of(shape)
    flat = [jnp.broadcast_to(p, shape).reshape(size) for p in parameters]
    return vmap(fun)(jnp.arange(size, dtype=np.uint32), *flat)


def _varied(start: Any, *sources: Any) -> Any:
    """The start of a loop, varying over the axes of `shard_map` over which these values vary."""
    names = frozenset().union(*(typeof(x).vma for x in sources))
    return tree_map(lambda x: varied(x, names), start) if names else start


def _counter(limit: Any) -> tuple[Any, Any]:
    """The number of the first turn, and one that is not reached but by endless loops."""
    return np.zeros((), np.int32), jnp.minimum(limit, 2**31 - 1).astype(np.int32)


def repeated(key: Any, shape: Shape, dtype: Any, start: Sequence[Any], parameters: Sequence[Any],
             limit: Any, which: int, step: Callable[..., Any], goes_on: Callable[..., Any]) -> Any:
    """The state of each element after as many steps as it goes on; further steps change nothing.

    In each turn the key is split in two, of which `which` draws and the other one follows.
    """
    def turn(key: Any, draw: Callable[[Any], Any], state: Any, *parameters: Any) -> Any:
        keys = pair(key)
        return keys[1 - which], step(state, [draw(keys[which])], *parameters)

    index, limit = _counter(limit)
    start = _varied(tuple(start), key, *parameters)
    if supports_independent_loops(key, shape):
        def element(place: Any, *parameters: Any) -> Any:
            def body(state: Any) -> Any:
                i, key, own = state
                return i + 1, *turn(key, lambda k: unit_at(k, place, dtype), own, *parameters)

            return while_loop(lambda s: goes_on(s[2], *parameters) & (s[0] < limit), body,
                              (index, key, start))[2]

        return [x.reshape(shape) for x in each(shape, element, *parameters)]

    def body(state: Any) -> Any:
        i, key, own = state
        return i + 1, *turn(key, lambda k: unit(k, shape, dtype), own, *parameters)

    whole = tuple(jnp.broadcast_to(x, shape) for x in start)
    return while_loop(lambda s: goes_on(s[2], *parameters).any() & (s[0] < limit), body,
                      (index, key, whole))[2]


def accepted(key: Any, shape: Shape, dtype: Any, parameters: Sequence[Any], limit: Any,
             propose: Callable[..., Any], kept: Any = None) -> Any:
    """`propose(u, v, *parameters) -> good, value` for uniform u and v until all elements have a
    good value; each has its last one, as all are drawn until the last element is done. -1 if none.
    u and v are of `dtype`, values of the dtype `kept`, by default the same.

    In each turn the key is split in three: the next one, and those of u and v.
    """
    kept = dtype if kept is None else kept
    if supports_independent_loops(key, shape):
        return _last_accepted(key, shape, dtype, parameters, limit, propose, kept)
    index, limit = _counter(limit)

    def body(state: Any) -> Any:
        i, found, done, key = state
        key, *both = pair(key, 3)
        good, value = propose(*(unit(k, shape, dtype) for k in both), *parameters)
        return i + 1, jnp.where(good, value, found), done | good, key

    none = jnp.full(shape, np.asarray(-1, kept)), jnp.zeros(shape, bool)
    start = index, *_varied(none, key, *parameters), key
    return while_loop(lambda s: (~s[2]).any() & (s[0] < limit), body, start)[1]


def _last_accepted(key: Any, shape: Shape, dtype: Any, parameters: Sequence[Any], limit: Any,
                   propose: Callable[..., Any], kept: Any) -> Any:
    """Forwards until each element has a good value, which tells how many turns there are; then
    backwards from the last one until each has one again: one loop, whose body is compiled once."""
    zero, limit = _counter(limit)

    def window(state: Any) -> Any:
        start, stop, backwards, turned, _, taken, found = state
        keys = _keys_of_turns(key, stop)

        def element(place: Any, taken: Any, found: Any, *parameters: Any) -> Any:
            def body(state: Any) -> Any:
                i, _, _ = state
                turn = jnp.where(backwards, stop - 1 - i, start + i)
                both = dynamic_index_in_dim(keys, turn % WINDOW, keepdims=False)
                good, value = propose(*(unit_at(k, place, dtype) for k in both), *parameters)
                return (i + 1, jnp.where(good, i + 1, 0).astype(COUNT),
                        jnp.where(good, value, np.asarray(-1, kept)))

            # The turns taken in windows before must not count as turns of this one.
            before = jnp.where(turned, COUNT.type(0), jnp.minimum(taken, COUNT.type(1)))
            return while_loop(lambda s: (s[1] == 0) & (s[0] < stop - start), body,
                              (zero, before, found))[1:]

        taken, found = each(shape, element, taken.reshape(shape), found.reshape(shape),
                            *parameters)
        most = jnp.where(taken == 0, COUNT.type(WINDOW + 1), taken).max().astype(np.int32)
        done = most <= WINDOW
        turns_back = ~backwards & (done | (stop >= limit))
        last = jnp.where(turns_back, start + jnp.minimum(most, stop - start), start)
        following = (jnp.where(backwards | turns_back, jnp.maximum(last - WINDOW, 0), stop),
                     jnp.where(backwards | turns_back, last, jnp.minimum(stop + FEW, limit)))
        ends = backwards & (done | (start == 0))
        return (*following, backwards | turns_back, turns_back, ends, taken, found)

    size = size_of(shape)
    none = jnp.zeros(size, COUNT), jnp.full(size, np.asarray(-1, kept))
    state = (zero, jnp.minimum(limit, FEW), np.False_, np.False_, limit <= 0, *none)
    state = _varied(state, key, *parameters)
    return while_loop(lambda s: ~s[4], window, state)[-1].reshape(shape)


def _keys_of_turns(key: Any, stop: Any) -> Any:
    """The keys of u and v in the last turns before `stop`, turn i at place i % WINDOW."""
    def body(state: Any) -> Any:
        i, key, table = state
        key, *both = pair(key, 3)
        return i + 1, key, dynamic_update_index_in_dim(table, jnp.stack(both), i % WINDOW, 0)

    table = jnp.broadcast_to(key, (WINDOW, 2))
    return while_loop(lambda s: s[0] < stop, body, (np.zeros((), np.int32), key, table))[2]
