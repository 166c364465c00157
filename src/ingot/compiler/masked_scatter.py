"""Masked scatters: select(mask, x, scatter(x, ...)) becomes a scatter that the mask restricts.

A mapped loop or branch computes `select(done, x, scatter(x, indices, updates))`, one `done` a lane.
Taken literally, it copies all of x for each element written. Here the lanes that are done get
indices out of bounds, whose updates are dropped, and x is written in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.core.interpreter import to_array
from ingot.core.jaxpr import Eqn, Jaxpr, Literal, Var
from ingot.core.rewrite import Environment, bind_equation, primitives_of, use_counts
from ingot.primitives.gather_scatter import CLIP, FILL, PROMISE
from ingot.primitives.movement import broadcast_in_dim, broadcast_in_dim_p
from ingot.primitives.scatter import WRITES
from ingot.primitives.select import clamp, select_n, select_n_p
from ingot.transforms.stage import stage


@dataclass(frozen=True)
class WriteMask:
    """The lanes in which a write counts: `mask` over axes `lanes` of the operand, or not `mask`."""

    mask: Var
    lanes: tuple[int, ...]
    inverse: bool


class _Uses:
    """Where a program's variables are made, and how often they are read."""

    def __init__(self, jaxpr: Jaxpr):
        self.made = {v: i for i, eqn in enumerate(jaxpr.eqns) for v in eqn.outvars}
        self.read = use_counts(jaxpr)


def mask_scatters(jaxpr: Jaxpr) -> Jaxpr:
    """The program with writes guarded where whole arrays were chosen between."""
    primitives = primitives_of(jaxpr)
    if select_n_p not in primitives or primitives.isdisjoint(WRITES):
        return jaxpr
    return jaxpr.memo("mask_scatters", lambda: _rewrite(jaxpr))


def _rewrite(jaxpr: Jaxpr) -> Jaxpr:
    uses = _Uses(jaxpr)
    guards: dict[int, list[WriteMask]] = {}  # by the place of the write
    chosen: dict[int, Any] = {}  # by the place of the choice: what it now always takes
    for position, eqn in enumerate(jaxpr.eqns):
        if eqn.primitive is select_n_p and len(eqn.invars) == 3:
            for inverse in (False, True):
                old, new = eqn.invars[1:] if not inverse else reversed(eqn.invars[1:])
                found = _writes(jaxpr, uses, chosen, eqn, old, new)
                if found is not None:
                    mask, lanes, places = found
                    for place in places:
                        guards.setdefault(place, []).append(WriteMask(mask, lanes, inverse))
                    chosen[position] = new
                    break
    return _rebuilt(jaxpr, guards, chosen) if guards else jaxpr


def _writes(jaxpr: Jaxpr, uses: _Uses, chosen: dict[int, Any], choice: Eqn, old: Any, new: Any
            ) -> tuple[Var, tuple[int, ...], list[int]] | None:
    """The mask of a choice, its lanes, and the writes by which `new` was made from `old`.

    None if it was not made by writes alone.
    """
    found = _lanes(jaxpr, uses, choice.invars[0])
    if found is None:
        return None
    mask, lanes = found
    places: list[int] = []
    while new is not old:
        place = uses.made.get(new) if type(new) is not Literal else None
        if place is None or uses.read[new] != 1:  # type: ignore[index]
            return None
        if place in chosen:
            new = chosen[place]
            continue
        eqn = jaxpr.eqns[place]
        if eqn.primitive not in WRITES or not _guardable(eqn, lanes) \
                or uses.made.get(mask, -1) > place:
            return None
        places.append(place)
        new = eqn.invars[0]
    return (mask, lanes, places) if places else None


def _lanes(jaxpr: Jaxpr, uses: _Uses, mask: Any) -> tuple[Var, tuple[int, ...]] | None:
    """What a mask of whole arrays was broadcast from, and over which axes it varies."""
    place = uses.made.get(mask) if type(mask) is not Literal else None
    if place is None or jaxpr.eqns[place].primitive is not broadcast_in_dim_p:
        return None
    eqn = jaxpr.eqns[place]
    (source,), lanes = eqn.invars, tuple(eqn.params["broadcast_dimensions"])
    if type(source) is Literal or source.aval.dtype != np.bool_ or any(
            source.aval.shape[i] != mask.aval.shape[a] for i, a in enumerate(lanes)):
        return None
    return source, lanes  # type: ignore[return-value]


def _guardable(eqn: Eqn, lanes: Sequence[int]) -> bool:
    """Whether each index of a write belongs to one lane, and can be out of bounds."""
    d, indices = eqn.params["dimension_numbers"], eqn.invars[1].aval
    place = dict(zip(d.operand_batching_dims, d.scatter_indices_batching_dims, strict=True))
    axes = [place.get(a, -1) for a in lanes]
    return (-1 not in axes and axes == sorted(axes) and indices.shape[-1] > 0
            and np.issubdtype(indices.dtype, np.signedinteger)
            and eqn.params["mode"] in (CLIP, FILL, PROMISE))


def _rebuilt(jaxpr: Jaxpr, guards: dict[int, list[WriteMask]], chosen: dict[int, Any]) -> Jaxpr:
    """The program staged again, with the guarded writes and without the choices."""
    def fun(*args: Any) -> list[Any]:
        env = Environment(jaxpr, args)
        for position, eqn in enumerate(jaxpr.eqns):
            if position in chosen:
                env.define(eqn.outvars, [env.read(chosen[position])])
                continue
            values, params = env.read_all(eqn.invars), eqn.params
            if position in guards:
                values[1] = _inside(eqn, values[1])
                for guard in guards[position]:
                    values[1] = _mask_indices(eqn, values[1], env.read(guard.mask), guard)
                params = {**params, "mode": FILL, "indices_are_sorted": False}
            env.define(eqn.outvars, bind_equation(eqn, values, params))
        return env.read_all(jaxpr.outvars)

    return stage(fun, jaxpr.in_avals, jaxpr.debug_name)


def _inside(eqn: Eqn, indices: Any) -> Any:
    """Indices of a write moved inside, if it moves them itself."""
    if eqn.params["mode"] is not CLIP:
        return indices
    aval = indices.aval
    low, high = (to_array(np.broadcast_to(b, aval.shape).astype(aval.dtype))
                 for b in (0, _last(eqn)))
    return clamp(low, indices, high)


def _mask_indices(eqn: Eqn, indices: Any, mask: Any, guard: WriteMask) -> Any:
    """Indices that are out of bounds in the lanes where nothing must be written."""
    d, aval = eqn.params["dimension_numbers"], indices.aval
    place = dict(zip(d.operand_batching_dims, d.scatter_indices_batching_dims, strict=True))
    mask = broadcast_in_dim(mask, aval.shape, tuple(place[a] for a in guard.lanes))
    outside = broadcast_in_dim(to_array(np.array(-1, aval.dtype)), aval.shape, ())
    return select_n(mask, *((indices, outside) if guard.inverse else (outside, indices)))


def _last(eqn: Eqn) -> np.ndarray:
    """The last index at which a window of updates still lies inside, for each component."""
    d, operand, updates = eqn.params["dimension_numbers"], eqn.invars[0].aval, eqn.invars[2].aval
    removed = {*d.inserted_window_dims, *d.operand_batching_dims}
    window = dict(zip([a for a in range(operand.ndim) if a not in removed],
                      (updates.shape[a] for a in d.update_window_dims), strict=True))
    return np.array([operand.shape[a] - window.get(a, 1)
                     for a in d.scatter_dims_to_operand_dims])


__all__ = ["mask_scatters"]
