"""Values of a function of parts while it runs outside of compiled programs: for `if`, and print.

The function is traced in any case. Where Python asks for a value, what has been traced so far is
run on the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.config import config
from ingot.control.parts import manual_sizes
from ingot.control.shard_map import shard_map_p, with_leading_axes
from ingot.core.array import Array, fetch
from ingot.core.axis_env import no_axes
from ingot.core.interpreter import EVAL, Tracer, current, interpreting
from ingot.core.jaxpr import Jaxpr, Literal, lasting_effects
from ingot.core.mesh import BaseMesh, Mesh
from ingot.core.specs import PartitionSpec
from ingot.transforms.jvp import JVPInterpreter
from ingot.transforms.stage import JaxprTracer, StagingInterpreter


def values_at_hand(xs: Sequence[Any]) -> list[Array] | None:
    """Return the values of arguments outside of programs, also below derivatives; None where they
    are not known."""
    interpreter = current()
    while interpreter is not EVAL:
        if not isinstance(interpreter, JVPInterpreter):
            return None
        interpreter = interpreter.parent
    found = [x.concrete() if isinstance(x, Tracer) else x for x in xs]
    return found if all(type(x) is Array for x in found) else None


class EagerParts:
    """What gives the values of the traced parts of arrays; `used` tells whether it had to, so that
    the program holds for these arguments alone."""

    def __init__(self, mesh: BaseMesh, in_specs: Sequence[PartitionSpec], arrays: Sequence[Array],
                 newly_manual_axes: Any, check_vma: bool):
        self.used = False
        self._params = {"mesh": mesh, "newly_manual_axes": newly_manual_axes}
        self._in_specs, self._arrays, self._checked = tuple(in_specs), arrays, check_vma
        self._invars: list[Any] = []
        self._around = config.abstract_mesh

    def attach(self, interpreter: Any, args: Sequence[JaxprTracer]) -> None:
        """Let the tracers of an interpreter have values, given those of its arguments."""
        if type(interpreter) is StagingInterpreter:
            self._invars = [x.atom for x in args]
            interpreter.values = self

    def value(self, tracer: JaxprTracer) -> Array | None:
        """Return the value of a tracer if it is the same in all parts, as its type says."""
        if not self._checked or tracer.aval.vma:
            return None
        parts = self._parts(tracer)
        return None if parts is None else Array(np.asarray(parts[0]), tracer.aval.unplaced())

    def text(self, tracer: JaxprTracer) -> str | None:
        """Return the parts of a value as text, each with the device that has it."""
        parts = self._parts(tracer)
        if parts is None:
            return None
        mesh, sizes = self._params["mesh"], manual_sizes(**self._params)
        names = ", ".join(map(str, sizes))
        lines = []
        for k, place in enumerate(np.ndindex(*sizes.values())):
            at = dict(zip(sizes, place, strict=True))
            on = "" if not isinstance(mesh, Mesh) else "On " + repr(
                mesh.devices[tuple(at.get(n, 0) for n in mesh.axis_names)]) + " at"
            where = ", ".join(map(str, place))
            lines.append(f"{on} mesh coordinates ({names}) = ({where}):\n{parts[k]}")
        return "\n".join(lines)

    def _parts(self, tracer: JaxprTracer) -> np.ndarray | None:
        """All parts of a value, on the host, along a leading axis; None where it waits for a side
        effect."""
        jaxpr = self._so_far(tracer._interpreter, tracer.atom)
        if jaxpr is None:
            return None
        self.used = True
        axes = tuple(manual_sizes(**self._params))
        with interpreting(EVAL), no_axes(), config.override("abstract_mesh", self._around):
            found = shard_map_p.bind(
                *self._arrays, jaxpr=with_leading_axes(jaxpr, **self._params),
                in_specs=self._in_specs, out_specs=(PartitionSpec(axes),), check_vma=False,
                **self._params)
        return fetch(found[0])

    def _so_far(self, interpreter: Any, wanted: Any) -> Jaxpr | None:
        """The equations that a value needs."""
        used, kept = {wanted}, []
        for eqn in reversed(interpreter.eqns):
            if used.isdisjoint(eqn.outvars):
                continue
            if lasting_effects(eqn.effects):
                return None
            kept.append(eqn)
            used.update(v for v in eqn.invars if type(v) is not Literal)
        consts = [(v, c) for v, c, _ in interpreter.constants.values() if v in used]
        if not all(type(c) is Array for _, c in consts):
            return None
        return Jaxpr([v for v, _ in consts], self._invars, [wanted], kept[::-1],
                     [c for _, c in consts])


__all__ = ["EagerParts", "values_at_hand"]
