"""Programs in which parts of unreduced arrays are kept apart, as each device of a mesh has its own.

Parts lie along leading axes of arrays, one for each mesh axis over which these are unreduced, in
the order of the mesh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ingot.control.call import jit_p
from ingot.control.parts import scope
from ingot.control.shard_map import shard_map_p
from ingot.control.tracing import evaluate
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis
from ingot.core.backend import CompileOptions, compile_jaxpr, get_backend
from ingot.core.interpreter import to_array, typeof
from ingot.core.jaxpr import Eqn, Jaxpr, Literal, subjaxprs
from ingot.core.placement import PlacedBuffer, parts_of
from ingot.core.specs import PartitionSpec, UnreducedKind
from ingot.core.unreduced import combined, own_positions, unreduced_axes
from ingot.primitives.constraint import own_part_p, reshard_p
from ingot.primitives.movement import broadcast_in_dim, full_like, reduce_sum, reshape
from ingot.primitives.reduce import reduce_max, reduce_min
from ingot.primitives.select import select_n
from ingot.transforms.batch import batch_jaxpr
from ingot.transforms.stage import stage

_COMBINED: dict[Any, Any] = {UnreducedKind.sum: reduce_sum, UnreducedKind.max: reduce_max,
                             UnreducedKind.min: reduce_min}


# ---- calls ---------------------------------------------------------------------------------------
def keeps_parts(jaxpr: Jaxpr, backend: str | None) -> bool:
    """Whether a program has unreduced arguments or results, and runs in the memory of the host."""
    return jaxpr.memo("unreduced", lambda: any(
        unreduced_axes(a._sharding) for a in (*jaxpr.in_avals, *jaxpr.out_avals))) and (
            get_backend(backend).buffer_type is np.ndarray)


def compile_apart(jaxpr: Jaxpr, backend: str | None, options: CompileOptions
                  ) -> tuple[Any, bool]:
    """Compile `parts_program` where parts are kept, else the program itself; return which it is."""
    if keeps_parts(jaxpr, backend):
        return compile_jaxpr(parts_program(jaxpr), backend, replace(options, donated=())), True
    return compile_jaxpr(jaxpr, backend, options), False


def parts_program(jaxpr: Jaxpr) -> Jaxpr:
    """Return a program that has the parts of unreduced arguments and results in place of these."""
    return jaxpr.memo("parts kept apart", lambda: _parts_program(jaxpr))


def run_apart(executable: Any, jaxpr: Jaxpr, arrays: Sequence[Array], apart: bool,
              consume: bool = False) -> tuple[Sequence[Any], Sequence[Any]]:
    """Run what `compile_apart` has made of a program; return its results, and its results with the
    parts of unreduced ones in their place, if these are kept apart."""
    if not apart:
        return executable.run(arrays, consume), ()
    parts = executable.run([parts_of(x, a._sharding) if unreduced_axes(a._sharding) else x
                            for x, a in zip(arrays, jaxpr.in_avals, strict=True)])
    return [combined(o, a._sharding) if unreduced_axes(a._sharding) else o
            for o, a in zip(parts, jaxpr.out_avals, strict=True)], parts


def keep_parts(results: Sequence[Array], parts: Sequence[Any]) -> None:
    """Let the placed results of a program keep the parts that `run_apart` has returned, if any."""
    for x, found in zip(results, parts, strict=False):
        if type(x._data) is PlacedBuffer and unreduced_axes(x.aval._sharding):
            x._data.parts = found


# ---- programs ------------------------------------------------------------------------------------
class _Parts:
    """A value whose parts lie along leading axes, by the mesh axes `names`; combined as `kind`."""

    def __init__(self, value: Any, names: tuple[Any, ...] = (), kind: Any = UnreducedKind.sum):
        self.value, self.names, self.kind = value, names, kind

    def without(self, gone: Any) -> _Parts:
        """The value with the parts along some axes combined."""
        axes = tuple(k for k, n in enumerate(self.names) if n in gone)
        if not axes:
            return self
        rest = tuple(n for n in self.names if n not in gone)
        return _Parts(_COMBINED[self.kind](self.value, axes), rest, self.kind)

    def split(self, name: Any, mesh: Any, spec: PartitionSpec, kind: Any, fill: Any) -> _Parts:
        """The value with parts along one mesh axis more: each device has what it had of an array
        divided as told, and `fill` elsewhere; without `fill`, all have all of it."""
        if name in self.names:
            return self
        names = tuple(n for n in mesh.axis_names if n in (*self.names, name))
        at, lead, shape = names.index(name), len(self.names), typeof(self.value).shape
        new = (*shape[:at], mesh.shape[name], *shape[at:])
        value = broadcast_in_dim(self.value, new, [k + (k >= at) for k in range(len(shape))])
        if fill is not None:
            mask, axes = own_positions(name, mesh, spec, shape[lead:])
            mine = broadcast_in_dim(to_array(mask), new, [at, *(lead + 1 + a for a in axes)])
            value = select_n(mine, full_like(value, fill), value)
        return _Parts(value, names, kind)


def _parts_program(jaxpr: Jaxpr) -> Jaxpr:
    marked = [a for a in (*jaxpr.in_avals, *jaxpr.out_avals) if unreduced_axes(a._sharding)]
    mesh = marked[0].sharding.mesh

    def fun(*args: Any) -> list[Any]:
        given = [_Parts(x, unreduced_axes(a._sharding), _kind(a))
                 for x, a in zip(args, jaxpr.in_avals, strict=True)]
        outs = [x.without(set(x.names).difference(unreduced_axes(a._sharding)))
                for x, a in zip(_run(jaxpr, given, mesh), jaxpr.out_avals, strict=True)]
        return [_as_typed(x, a, PartitionSpec()).value
                for x, a in zip(outs, jaxpr.out_avals, strict=True)]

    avals = [ShapedArray((*(mesh.shape[n] for n in unreduced_axes(a._sharding)), *a.shape),
                         a.dtype, a.weak_type) for a in jaxpr.in_avals]
    return stage(fun, avals, jaxpr.debug_name)


def _kind(aval: ShapedArray) -> Any:
    return aval.sharding.spec.unreduced_kind or UnreducedKind.sum


def _as_typed(x: _Parts, aval: ShapedArray, before: PartitionSpec) -> _Parts:
    """The value with parts along all axes over which its type is unreduced."""
    kind = _kind(aval)
    for name in unreduced_axes(aval._sharding):
        x = x.split(name, aval.sharding.mesh, before, kind,
                    0 if kind is UnreducedKind.sum else None)
    return x


def _run(jaxpr: Jaxpr, args: Sequence[_Parts], mesh: Any) -> list[_Parts]:
    """Evaluate a program equation by equation."""
    known: dict[Any, _Parts] = dict(zip(jaxpr.invars, args, strict=True))
    known.update(zip(jaxpr.constvars, (_Parts(to_array(c)) for c in jaxpr.consts), strict=True))

    def read(atom: Any) -> _Parts:
        return _Parts(to_array(atom.val)) if type(atom) is Literal else known[atom]

    for eqn in jaxpr.eqns:
        outs = _equation(eqn, list(map(read, eqn.invars)), mesh)
        known.update(zip(eqn.outvars, outs, strict=True))
    return list(map(read, jaxpr.outvars))


def _equation(eqn: Eqn, args: list[_Parts], mesh: Any) -> list[_Parts]:
    """What an equation gives of parts. Loops and branches in which arrays become unreduced, or
    unreduced ones whole, see whole arrays: of their results, the first device has it all."""
    if eqn.primitive is reshard_p:
        (given,), (x,) = eqn.invars, args
        aval, own = eqn.outvars[0].aval, given.aval.sharding.spec
        gone = own.unreduced.difference(unreduced_axes(aval._sharding))
        return [_as_typed(x.without(gone), aval, own)]
    if eqn.primitive is own_part_p:
        sharding, x = eqn.params["sharding"], args[0]
        for name in eqn.params["axes"]:
            x = x.split(name, sharding.mesh, sharding.spec, eqn.params["kind"], eqn.params["fill"])
        return [x]
    if eqn.primitive is jit_p:
        return _run(eqn.params["jaxpr"], args, mesh)
    if eqn.primitive is shard_map_p:
        return _shard_map(eqn, args, mesh)
    if any(map(_marks, subjaxprs(eqn))):
        args = [x.without(x.names) for x in args]
    return _mapped(eqn, args, mesh)


def _shard_map(eqn: Eqn, args: Sequence[_Parts], mesh: Any) -> list[_Parts]:
    """A program of the parts of arrays: it gets and gives the parts of unreduced arrays along
    leading axes, which the mesh divides to the length 1."""
    params, jaxpr = eqn.params, eqn.params["jaxpr"]
    apart_in, apart_out = ([tuple(n for n in mesh.axis_names if n in s.unreduced) for s in specs]
                           for specs in (params["in_specs"], params["out_specs"]))

    def fun(*xs: Any) -> list[Any]:
        outs = evaluate(jaxpr, *(reshape(x, x.shape[len(names):])
                                 for x, names in zip(xs, apart_in, strict=True)))
        return [reshape(o, (*[1] * len(names), *o.shape))
                for o, names in zip(outs, apart_out, strict=True)]

    with scope(params["mesh"], params["newly_manual_axes"], params["check_vma"]):
        program = stage(fun, [a.update(shape=(*[1] * len(names), *a.shape))
                              for a, names in zip(jaxpr.in_avals, apart_in, strict=True)],
                        jaxpr.debug_name)
    values = [_as_typed(x.without(set(x.names).difference(names)), a.aval, PartitionSpec()).value
              for x, names, a in zip(args, apart_in, eqn.invars, strict=True)]
    outs = shard_map_p.bind(*values, **{
        **params, "jaxpr": program,
        **{what: tuple(PartitionSpec(*names, *s.partitions)
                       for s, names in zip(params[what], apart, strict=True))
           for what, apart in (("in_specs", apart_in), ("out_specs", apart_out))}})
    return [_Parts(o, names, s.unreduced_kind or UnreducedKind.sum)
            for o, names, s in zip(outs, apart_out, params["out_specs"], strict=True)]


def _marks(jaxpr: Jaxpr) -> bool:
    """Whether arrays become unreduced in a program, or unreduced ones whole."""
    return jaxpr.memo("marks", lambda: any(
        e.primitive in (reshard_p, own_part_p) or any(map(_marks, subjaxprs(e)))
        for e in jaxpr.eqns))


def _mapped(eqn: Eqn, args: Sequence[_Parts], mesh: Any) -> list[_Parts]:
    """An operation on each of the parts."""
    names = [n for n in mesh.axis_names if any(n in x.names for x in args)]

    def fun(*xs: Any) -> Any:
        out = eqn.primitive.bind(*xs, **eqn.params)
        return list(out) if eqn.primitive.multiple_results else [out]

    values = [x.value for x in args]
    if not names:
        return list(map(_Parts, fun(*values)))
    avals = [typeof(x.value) for x in args]
    program = stage(fun, [a.update(shape=a.shape[len(x.names):])
                          for a, x in zip(avals, args, strict=True)], eqn.primitive.name)
    for name in reversed(names):
        program, _ = batch_jaxpr(program, Axis(None, mesh.shape[name]),
                                 [0 if name in x.names else None for x in args], True)
    kind = next(x.kind for x in args if x.names)
    return [_Parts(o, tuple(names), kind) for o in evaluate(program, *values)]


__all__ = ["compile_apart", "keep_parts", "keeps_parts", "parts_program", "run_apart"]
