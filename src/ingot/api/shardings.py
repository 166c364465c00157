"""Shardings of a compiled function's arguments and results: those told, and those that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.api.arguments import function_name
from ingot.api.devices import named
from ingot.config import config
from ingot.core.array import Array
from ingot.core.backend import Backend, backend_at, chosen_backend
from ingot.core.devices import Device
from ingot.core.interpreter import Tracer
from ingot.core.jaxpr import Jaxpr, subjaxprs
from ingot.core.mesh import Mesh
from ingot.core.placement import (
    argument,
    check_divisible,
    client_of,
    common_sharding,
    is_committed,
    on_mesh_in_force,
    place,
    places_of_results,
    settled,
    sharding_of,
)
from ingot.core.program_division import divide_program
from ingot.core.rewrite import used_arguments
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import PartitionSpec
from ingot.primitives.constraint import sharding_constraint_p
from ingot.tree import PyTreeDef, broadcast_prefix, tree_leaves, tree_unflatten


def _is_leaf(x: Any) -> bool:
    return x is None or isinstance(x, (Sharding, PartitionSpec))


def check_leaves(title: str, shardings: Any) -> None:
    """Raise TypeError unless all leaves are shardings, specs or None."""
    for leaf in tree_leaves(shardings, is_leaf=_is_leaf):
        if not _is_leaf(leaf):
            raise TypeError(f"One of {title} is of type {type(leaf).__name__}; it should be a"
                             " Sharding, a PartitionSpec for the mesh that is set, or None")


@dataclass(frozen=True)
class CallShardings:
    """What `jit` was told of the shardings of a function's arguments and results; None: nothing."""

    fun: Any
    ins: Any = None
    outs: Any = None

    @property
    def given(self) -> bool:
        """Whether something was told."""
        return self.ins is not None or self.outs is not None

    def __reduce__(self) -> Any:
        return CallShardings, (self.fun, self.ins, self.outs)

    # ---- arguments -------------------------------------------------------------------------------
    def arguments(self, tree: PyTreeDef, leaves: Sequence[Any]) -> list[Any]:
        """Return the leaves of the arguments (args, kwargs) where they were told to be.

        Raises ValueError for keyword arguments, for committed arrays that lie elsewhere, and where
        shardings do not fit the structure or do not divide an array into equal parts.
        """
        if self.ins is None:
            return list(leaves)
        name = function_name(self.fun)
        args, kwargs = tree_unflatten(tree, leaves)
        if kwargs:
            raise ValueError(f"jit of {name}: pjit does not support kwargs when in_shardings is"
                             f" specified, got {sorted(kwargs)}; pass them by position")
        places = self._resolved("in_shardings", self.ins, args)
        return [x if s is None else self._argument(f"argument {k} of {name}", x, s)
                for k, (x, s) in enumerate(zip(leaves, places, strict=True))]

    def _resolved(self, what: str, shardings: Any, values: Any) -> list[Sharding | None]:
        title = f"{what} of jit of {function_name(self.fun)}"
        try:
            found = broadcast_prefix(shardings, values, is_leaf=_is_leaf)
        except ValueError as error:
            raise ValueError(f"{title}: pytree prefix error: it must be a prefix of the values'"
                             f" structure: {error}") from None
        return [None if s is None else named(title, s) for s in found]

    def _argument(self, title: str, x: Any, sharding: Sharding) -> Any:
        check_divisible(f"One of pjit arguments: {title}", x.aval, sharding)
        if isinstance(x, Tracer):
            return sharding_constraint_p.bind(x, sharding=sharding)
        if is_committed(x) and not sharding_of(x).is_equivalent_to(sharding, x.ndim):
            raise ValueError(
                "Received incompatible devices for jitted computation, or: Sharding passed to jit"
                f" does not match the sharding on the respective arg. Got sharding {sharding} for"
                f" {title}, which lies as {sharding_of(x)}; move it with device_put first")
        return x if is_committed(x) else place(x, sharding)

    # ---- results ---------------------------------------------------------------------------------
    def results(self, out_tree: PyTreeDef, outs: Sequence[Any]) -> list[Any]:
        """Return the leaves of the result where they were told to be; ValueError if shardings do
        not fit."""
        if self.outs is None:
            return list(outs)
        places = self._resolved("out_shardings", self.outs, tree_unflatten(out_tree, outs))
        return [x if s is None else self._result(x, s)
                for x, s in zip(outs, places, strict=True)]

    def _result(self, x: Any, sharding: Sharding) -> Any:
        check_divisible("One of pjit outputs", x.aval, sharding)
        if isinstance(x, Tracer):
            return sharding_constraint_p.bind(x, sharding=sharding)
        return place(x, sharding)


# ---- results that follow arguments ---------------------------------------------------------------
class ResultPlaces:
    """Where the results of a compiled program lie, found once for each placing of its arguments."""

    def __init__(self, jaxpr: Jaxpr, names: Sequence[str]):
        self.jaxpr, self.names = jaxpr, names
        self._known: dict[Any, list[Sharding]] = {}
        self._used = used_arguments(jaxpr)
        self.own = jaxpr.memo("placed", lambda: _own_sharding(jaxpr)) or on_mesh_in_force()

    def __call__(self, arrays: Sequence[Array], outs: Sequence[Array]) -> list[Array]:
        """Return the results, which are in the host's memory, where they lie."""
        common = self._common(arrays) or self.own
        if common is None or not isinstance(client_of(common), Device):
            return list(map(settled, outs))
        key = (common, *[sharding_of(x) for x in arrays])
        places = self._known.get(key)
        if places is None:
            places = self._known[key] = places_of_results(
                common, arrays, self.jaxpr.out_avals,
                lambda specs: divide_program(self.jaxpr, specs, common.mesh.shape))  # type: ignore[attr-defined]
        fixed = self.own is not None or any(map(is_committed, arrays))
        return [place(x, s, fixed) for x, s in zip(outs, places, strict=True)]

    def _common(self, arrays: Sequence[Array]) -> Sharding | None:
        """Where the arguments meet that the program uses; ValueError if they do not."""
        xs = [x if used else None for x, used in zip(arrays, self._used, strict=True)]
        return common_sharding(xs, lambda k: self._name(k, arrays[k]))

    def backend(self, arrays: Sequence[Array]) -> Backend:
        """Return the back end that runs the program: that of the devices where its arguments have
        to be, or of its own mesh, else the chosen one."""
        if not (config.elsewhere or any_placed(arrays) or self.own is not None):
            return chosen_backend()
        found = self._common(arrays)
        if found is None or not any(map(is_committed, arrays)):
            found = self.own
        return chosen_backend() if found is None else backend_at(found)

    def _name(self, k: int, x: Array) -> str:
        name = self.names[k] if k < len(self.names) else str(k)
        return argument(name, x, self.jaxpr.debug_name)


def _own_sharding(jaxpr: Jaxpr) -> Sharding | None:
    """Return the sharding by which a program's own mesh holds whole arrays: that of the first
    constraint or shard_map in it; None if there is none."""
    for eqn in jaxpr.eqns:
        sharding = eqn.params.get("sharding")
        if isinstance(sharding, NamedSharding) and sharding._is_concrete:
            return sharding.update(spec=PartitionSpec())
        mesh = eqn.params.get("mesh")
        if isinstance(mesh, Mesh):
            return NamedSharding(mesh, PartitionSpec())
        for inner in subjaxprs(eqn) if eqn.primitive.higher_order else ():
            found = inner.memo("placed", lambda inner=inner: _own_sharding(inner))
            if found is not None:
                return found
    return None


def any_placed(arrays: Sequence[Array]) -> bool:
    """Return whether some of the arrays lie elsewhere than where arrays do by default."""
    for x in arrays:
        if type(x._data) is not np.ndarray:
            return True
    return False
