"""Calls of programs with functions that say how they are divided over a mesh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.api.shardings import ResultPlaces
from ingot.control.custom_partitioning import partitioned
from ingot.control.inspection import is_inspected, uninspected
from ingot.core.array import Array
from ingot.core.jaxpr import Jaxpr
from ingot.core.placement import default_sharding, spec_in
from ingot.core.sharding import NamedSharding, Sharding


class DividedCalls:
    """The calls of a program with functions that say how they are divided, one for each way in
    which the arguments may lie on a mesh."""

    def __init__(self, places: ResultPlaces, compiled: Callable[[Jaxpr], Any]):
        self._places, self._compiled = places, compiled
        self._known: dict[Any, Any] = {}

    def __call__(self, arrays: Sequence[Array]) -> Any:
        """Return the call for arguments that lie where these do; None if they are not divided."""
        common = self._places.meeting(arrays)
        if not isinstance(common, NamedSharding) or common.num_devices == 1:
            self._tell_once(common)
            return None
        mesh: Any = common.mesh
        key = (mesh, *[spec_in(x, mesh) for x in arrays])
        if key not in self._known:
            self._known[key] = self._compiled(partitioned(self._places.jaxpr, key[1:], mesh))
        return self._known[key]

    def _tell_once(self, common: Sharding | None) -> None:
        """Tell those who inspect arrays that these lie on one device, the first time they do."""
        jaxpr, where = self._places.jaxpr, common or default_sharding()
        if is_inspected(jaxpr) and where not in self._known:
            self._known[where] = None
            uninspected(jaxpr, lambda callback: callback(where))


__all__ = ["DividedCalls"]
