"""The primitive of functions that say themselves how they are divided over a mesh.

Where it is not known how arguments lie, or they lie on one device, it is the function itself. Once
it is known, `partitioned` puts a `shard_map` of what the user's `partition` returns in its place.
It then calls those of the parts that were to be called with parts, and tells how arrays lie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ingot.control.call import jit_p
from ingot.control.callback import debug_callback_p
from ingot.control.inspection import inspect_sharding_p, is_inspected
from ingot.control.parts import local_type
from ingot.control.program_primitive import ProgramPrimitive
from ingot.control.scan import scan, scan_p
from ingot.control.shard_map import parts_program, shard_map_p
from ingot.control.tracing import axes_of_programs, evaluate
from ingot.core.division import Operands, divide, whole
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Eqn, Jaxpr, Literal
from ingot.core.mesh import Mesh
from ingot.core.primitive import NoRule
from ingot.core.rewrite import bind_equation, primitives_of
from ingot.core.sharding import NamedSharding
from ingot.core.sharding_rules import SdyShardingRule, propagate
from ingot.core.specs import PartitionSpec, names_of
from ingot.primitives.constraint import sharding_constraint_p
from ingot.transforms.stage import stage
from ingot.tree import PyTreeDef, broadcast_prefix, tree_flatten, tree_unflatten


class Partitioning(NamedTuple):
    """How one function is divided: `partition(mesh, operands, results) -> (mesh, function of the
    parts, shardings of results, shardings of operands)`, with what both are, and where, in trees;
    `rule(mesh, operands, results)` gives the sharding rule, or None; `struct` describes arrays."""

    partition: Callable[..., Any]
    rule: Callable[..., SdyShardingRule | None]
    struct: Callable[..., Any]
    in_tree: PyTreeDef
    out_tree: PyTreeDef


_WHY = "it is not known of the parts how they are {}; wrap the function in custom_{} which does"
custom_partitioning_p = ProgramPrimitive(
    "custom_partitioning", close=lambda args, params: (args, params),
    type=lambda *avals, call, **params: call.out_avals,
    eval=lambda *args, call, **params: evaluate(call, *args),
    jvp=NoRule(_WHY.format("differentiated", "jvp or custom_vjp")),
    transpose=NoRule(_WHY.format("transposed", "vjp")),
    batch=NoRule(_WHY.format("mapped", "vmap")),
    kernel=lambda build, *args, out, call, **params: build.inline(call, args),
    axes_of=axes_of_programs)


# ---- programs of parts ---------------------------------------------------------------------------
def is_partitioned(jaxpr: Jaxpr) -> bool:
    """Whether a program, or one that it calls, has such a function."""
    def find() -> bool:
        return custom_partitioning_p in primitives_of(jaxpr) or is_inspected(jaxpr) or any(
            _is_called_with_parts(e) or (
                e.primitive is jit_p and is_partitioned(e.params["jaxpr"])) for e in jaxpr.eqns)

    return jaxpr.memo("partitioned", find)


def partitioned(jaxpr: Jaxpr, specs: Sequence[Any], mesh: Mesh) -> Jaxpr:
    """Return the program with programs of parts, for arguments that a mesh divides so."""
    return stage(lambda *args: _run(jaxpr, args, specs, mesh)[0], jaxpr.in_avals, jaxpr.debug_name)


def _run(jaxpr: Jaxpr, args: Sequence[Any], specs: Sequence[Any], mesh: Mesh
         ) -> tuple[list[Any], list[Any]]:
    """Evaluate a program; return results and how they are divided."""
    inputs = [*jaxpr.constvars, *jaxpr.invars]
    env: dict[Any, Any] = dict(zip(inputs, [*jaxpr.consts, *args], strict=True))
    known: dict[Any, Any] = dict(zip(jaxpr.invars, specs, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if type(atom) is Literal else env[atom]

    def spec(atom: Any) -> Any:
        return known.get(atom, whole(atom.aval.ndim)) if type(atom) is not Literal else whole(
            atom.aval.ndim)

    for eqn in jaxpr.eqns:
        values, given = list(map(read, eqn.invars)), list(map(spec, eqn.invars))
        if eqn.primitive is custom_partitioning_p:
            outs, found = _in_parts(values, given, mesh, **eqn.params)
        elif eqn.primitive is inspect_sharding_p:
            eqn.params["callback"](NamedSharding(mesh, _shortest(given[0])))
            outs, found = [], []
        elif _is_called_with_parts(eqn):
            outs, found = _called_with_parts(eqn, values, given, mesh), []
        elif eqn.primitive is jit_p and is_partitioned(eqn.params["jaxpr"]):
            outs, found = _run(eqn.params["jaxpr"], values, given, mesh)
        else:
            outs, found = _bound(eqn, values, given, mesh)
        env.update(zip(eqn.outvars, outs, strict=True))
        known.update(zip(eqn.outvars, found, strict=True))
    return list(map(read, jaxpr.outvars)), list(map(spec, jaxpr.outvars))


def _is_called_with_parts(eqn: Eqn) -> bool:
    """Whether an equation calls functions for their side effects, each device with its parts: also
    in a loop over the entries of arrays, which a mapped call is."""
    if eqn.primitive is debug_callback_p:
        return bool(eqn.params["partitioned"])
    return eqn.primitive is scan_p and not eqn.outvars and all(
        map(_is_called_with_parts, eqn.params["jaxpr"].eqns))


def _called_with_parts(eqn: Eqn, values: Sequence[Any], given: Sequence[Any], mesh: Mesh
                       ) -> list[Any]:
    """Call it with the parts; arrays are whole along the axis over whose entries it loops."""
    looped = len(values) - eqn.params["num_consts"] if eqn.primitive is scan_p else 0
    specs = [PartitionSpec(*(g if k < len(values) - looped else (None, *g[1:])))
             for k, g in enumerate(given)]
    axes = frozenset(mesh.axis_names)

    def flat(*parts: Any) -> list[Any]:
        _call(eqn, parts)
        return []

    program, _ = parts_program(flat, [typeof(x) for x in values], "parts", mesh=mesh,
                               in_specs=specs, newly_manual_axes=axes, check_vma=False,
                               out_specs_of=lambda avals: [])
    return shard_map_p.bind(*values, jaxpr=program, mesh=mesh, newly_manual_axes=axes,
                            check_vma=False, in_specs=tuple(specs), out_specs=())


def _call(eqn: Eqn, parts: Sequence[Any]) -> None:
    """Do what an equation does, with arguments of other lengths."""
    if eqn.primitive is debug_callback_p:
        debug_callback_p.bind(*parts, **{**eqn.params, "partitioned": False})
        return
    jaxpr, n = eqn.params["jaxpr"], eqn.params["num_consts"]

    def step(carry: tuple[()], xs: Sequence[Any]) -> Any:
        env = dict(zip(jaxpr.invars, [*parts[:n], *xs], strict=True))
        for inner in jaxpr.eqns:
            _call(inner, [a.val if type(a) is Literal else env[a] for a in inner.invars])
        return carry, ()

    scan(step, (), list(parts[n:]), length=eqn.params["length"])


def _shortest(entries: Sequence[Any]) -> PartitionSpec:
    """A spec without entries at its end that say nothing."""
    count = max((k + 1 for k, e in enumerate(entries) if names_of(e)), default=0)
    return PartitionSpec(*entries[:count])


def _bound(eqn: Eqn, values: Sequence[Any], given: Sequence[Any], mesh: Mesh) -> Any:
    found = divide(eqn.primitive, Operands(
        eqn.primitive.name, eqn.params, [a.aval for a in eqn.invars], given,
        [v.aval for v in eqn.outvars], mesh.shape))
    return bind_equation(eqn, values), found


def _in_parts(values: Sequence[Any], given: Sequence[Any], mesh: Mesh, *, call: Jaxpr,
              partitioning: Partitioning) -> tuple[list[Any], list[Any]]:
    """Run a function on parts, as its `partition` says; return results and their division."""
    p, avals, outs = partitioning, [typeof(x) for x in values], call.out_avals

    def described(tree: PyTreeDef, types: Sequence[Any], specs: Sequence[PartitionSpec]) -> Any:
        return tree_unflatten(tree, [
            p.struct(a.shape, a.dtype, sharding=NamedSharding(mesh, s))
            for a, s in zip(types, specs, strict=True)])

    specs, results = [PartitionSpec(*g) for g in given], [PartitionSpec()] * len(outs)
    rule = p.rule(mesh, described(p.in_tree, avals, specs), described(p.out_tree, outs, results))
    if rule is not None:
        specs, results = propagate(rule, specs, [a.shape for a in avals],
                                   [a.shape for a in outs], mesh.shape)
    arguments = described(p.in_tree, avals, specs)
    where = described(p.out_tree, outs, results)
    mesh, fun, out_shardings, in_shardings = p.partition(mesh, arguments, where)
    specs, results = _specs(in_shardings, arguments), _specs(out_shardings, where)
    program = _program(fun, p, avals, outs, mesh, specs, results)
    moved = [sharding_constraint_p.bind(x, sharding=NamedSharding(mesh, s))
             for x, s in zip(values, specs, strict=True)]
    found = shard_map_p.bind(
        *moved, jaxpr=program, mesh=mesh, newly_manual_axes=frozenset(mesh.axis_names),
        check_vma=False, in_specs=tuple(specs), out_specs=tuple(results))
    return found, [s.padded(a.ndim).partitions for s, a in zip(results, outs, strict=True)]


def _specs(shardings: Any, values: Any) -> list[PartitionSpec]:
    found = broadcast_prefix(shardings, values)
    if not all(isinstance(s, NamedSharding) for s in found):
        raise ValueError("Custom Partitioning rules must return Sharding: custom_partitioning:"
                         f" partition returned {shardings}; return NamedShardings")
    return [s.spec for s in found]


def _program(fun: Callable[..., Any], p: Partitioning, avals: Sequence[Any], outs: Sequence[Any],
             mesh: Mesh, specs: Sequence[PartitionSpec], results: Sequence[PartitionSpec]) -> Jaxpr:
    """Trace a function of parts; ValueError unless its results are parts of the whole ones."""
    axes = frozenset(mesh.axis_names)
    wanted = [local_type(a, s, mesh, axes, False) for a, s in zip(outs, results, strict=True)]

    def flat(*parts: Any) -> list[Any]:
        return tree_flatten(fun(*tree_unflatten(p.in_tree, parts)))[0]

    def checked(found: Sequence[Any]) -> Sequence[PartitionSpec]:
        if [(a.shape, a.dtype) for a in found] != [(a.shape, a.dtype) for a in wanted]:
            raise ValueError(f"Mismatch in result shapes. custom_partitioning: the function of"
                             f" parts returns {list(found)} vs {wanted}, the parts by {results}")
        return results

    return parts_program(flat, avals, "partitioned", mesh=mesh, in_specs=specs,
                         newly_manual_axes=axes, check_vma=False, out_specs_of=checked)[0]


__all__ = ["Partitioning", "custom_partitioning_p", "is_partitioned", "partitioned"]
