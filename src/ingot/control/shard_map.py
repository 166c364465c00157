"""The primitive of shard_map: a program of the parts of arrays, each part for a device of a mesh.

Its program sees arrays of the parts' shapes, and refers to the Manual axes of the mesh by name.
Where `check_vma` holds, types say over which of these axes values vary; that is what makes its
derivatives cheap: a cotangent is summed over an axis just where a value did not vary over it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ingot.control.parts import global_type, local_type, manual_sizes, scope, stacked
from ingot.control.tracing import evaluate, run_whole
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis, spmd_axes
from ingot.core.backend import get_backend, run
from ingot.core.division import Operands, Spec, whole
from ingot.core.effects import NamedAxisEffect
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.mesh import BaseMesh
from ingot.core.placement import place_over
from ingot.core.primitive import Primitive, is_linear
from ingot.core.program_division import divide_program
from ingot.core.specs import PartitionSpec, names_of
from ingot.primitives.arithmetic import div
from ingot.primitives.casts import varied
from ingot.primitives.collective import sum_over
from ingot.primitives.movement import full_like, reshape
from ingot.transforms.batch import batch_jaxpr
from ingot.transforms.jvp import jvp_jaxpr
from ingot.transforms.linearize import linearize_jaxpr
from ingot.transforms.residuals import PrunedLinearization, prune_residuals
from ingot.transforms.stage import stage
from ingot.transforms.transpose import transpose_jaxpr


# ---- shard_map -----------------------------------------------------------------------------------
def _type(*avals: ShapedArray, jaxpr: Jaxpr, mesh: BaseMesh, out_specs: Any, newly_manual_axes: Any,
          **params: Any) -> list[ShapedArray]:
    return [global_type(a, s, mesh, newly_manual_axes)
            for a, s in zip(jaxpr.out_avals, out_specs, strict=True)]


def _eval(*args: Any, **params: Any) -> Any:
    if not get_backend().interprets:
        return run_whole(shard_map_p, params["jaxpr"], args, params)
    outs = run(stacked(*(params[n] for n in (
        "jaxpr", "mesh", "in_specs", "out_specs", "newly_manual_axes"))), args)
    return [Array(o._data, a) for o, a in zip(outs, _type(**params), strict=True)]


def _places(outs: Sequence[Any], *, mesh: BaseMesh, out_specs: Any, newly_manual_axes: Any,
            **params: Any) -> list[Any]:
    """Return results where the specs say, and other Explicit axes, which divide the parts."""
    if set(mesh.explicit_axes) - newly_manual_axes:
        out_specs = [s if o.aval._sharding is None else o.aval._sharding.spec
                     for o, s in zip(outs, out_specs, strict=True)]
    return place_over(mesh, out_specs, outs)


def _kernel(build: Any, *args: Any, out: Any, jaxpr: Jaxpr, mesh: BaseMesh, in_specs: Any,
            out_specs: Any, newly_manual_axes: Any, **params: Any) -> Any:
    return build.inline(stacked(jaxpr, mesh, in_specs, out_specs, newly_manual_axes), args)


def _scope(params: dict[str, Any]) -> Any:
    return scope(params["mesh"], params["newly_manual_axes"], params["check_vma"])


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    nonzero = [t is not None for t in tangents]
    with _scope(params):
        program, has = jvp_jaxpr(params["jaxpr"], nonzero)
    in_specs, out_specs = params["in_specs"], params["out_specs"]
    in_tangents = [s.to_tangent_spec() for s, n in zip(in_specs, nonzero, strict=True) if n]
    given = [t for t in tangents if t is not None]
    outs = shard_map_p.bind(*primals, *given, **{
        **params, "jaxpr": program,
        "in_specs": (*in_specs, *in_tangents),
        "out_specs": (*out_specs, *(s for s, h in zip(out_specs, has, strict=True) if h))})
    n = len(out_specs)
    rest = iter(outs[n:])
    return outs[:n], [next(rest) if h else None for h in has]


def _residual_spec(aval: ShapedArray, params: dict[str, Any]) -> PartitionSpec:
    """Return how residuals are kept: parts along a new leading axis, for each axis over which they
    vary, or may vary."""
    manual = manual_sizes(params["mesh"], params["newly_manual_axes"] - spmd_axes())
    names = tuple(n for n in manual if n in aval.vma or not params["check_vma"])
    mat = aval.mat.within(manual)
    return PartitionSpec(names or None, unreduced=mat.unreduced, reduced=mat.reduced,
                         unreduced_kind=mat.unreduced_kind)


def _linearize(nonzero: Sequence[bool], *primals: Any, **params: Any) -> Any:
    jaxpr, in_specs, out_specs = params["jaxpr"], params["in_specs"], params["out_specs"]
    n = len(out_specs)
    with _scope(params):
        split = linearize_jaxpr(jaxpr, nonzero)
        parts = jaxpr.memo(("known parts", tuple(nonzero)),
                           lambda: _kept_apart(prune_residuals(split, n), params))
        specs = [_residual_spec(a, params) for a in parts.known.out_avals[n:]]
        known = parts.known.memo("leading axes", lambda: _with_leading_axes(parts.known, n))
        kept, fresh = [], []
        for kind, i in parts.sources:
            kept.append({"argument": in_specs, "result": out_specs, "kept": specs}[kind][i])
            fresh.append(kind == "kept")
        linear = jaxpr.memo(("linear parts", tuple(nonzero)),
                            lambda: _without_leading_axes(parts.linear, fresh))
    outs = shard_map_p.bind(*primals, **{**params, "jaxpr": known,
                                         "out_specs": (*out_specs, *specs)})
    residuals = parts.residuals(primals, outs[:n], outs[n:])
    in_tangents = [s.to_tangent_spec() for s, z in zip(in_specs, nonzero, strict=True) if z]
    out_tangents = [s.to_tangent_spec() for s, h in zip(out_specs, split.has, strict=True) if h]

    def apply(*tangents: Any) -> list[Any]:
        return shard_map_p.bind(*residuals, *tangents, **{
            **params, "jaxpr": linear, "in_specs": (*kept, *in_tangents),
            "out_specs": tuple(out_tangents)})

    return outs[:n], split.has, apply


def _kept_apart(parts: PrunedLinearization, params: dict[str, Any]) -> PrunedLinearization:
    """Without checked types, results may differ along axes that specs do not name; those that are
    residuals as well are kept with all their parts."""
    axes = manual_sizes(params["mesh"], params["newly_manual_axes"])
    n = len(params["out_specs"])
    outvars, sources = list(parts.known.outvars), []
    for kind, i in parts.sources:
        if kind == "result" and not params["check_vma"] and not (
                axes.keys() <= {*params["out_specs"][i].names()}):
            outvars.append(outvars[i])
            kind, i = "kept", len(outvars) - 1 - n
        sources.append((kind, i))
    return replace(parts, known=parts.known.replace(outvars=outvars), sources=sources)


def _with_leading_axes(jaxpr: Jaxpr, count: int) -> Jaxpr:
    """Return the program whose results from `count` on have a leading axis of length 1."""
    def fun(*args: Any) -> list[Any]:
        outs = evaluate(jaxpr, *args)
        return [*outs[:count], *(reshape(r, (1, *r.shape)) for r in outs[count:])]

    return stage(fun, jaxpr.in_avals, jaxpr.debug_name)


def with_leading_axes(jaxpr: Jaxpr, mesh: BaseMesh, newly_manual_axes: Any) -> Jaxpr:
    """Return a program of parts whose results have a leading axis of length 1, along which a spec
    puts all parts side by side."""
    with scope(mesh, newly_manual_axes, False):
        return _with_leading_axes(jaxpr, 0)


def _without_leading_axes(jaxpr: Jaxpr, fresh: Sequence[bool]) -> Jaxpr:
    """Return the program some of whose first arguments have a leading axis of length 1."""
    n = len(fresh)

    def fun(*args: Any) -> list[Any]:
        residuals = [reshape(r, r.shape[1:]) if f else r
                     for r, f in zip(args[:n], fresh, strict=True)]
        return evaluate(jaxpr, *residuals, *args[n:])

    avals = [a.update(shape=(1, *a.shape)) if f else a
             for a, f in zip(jaxpr.in_avals[:n], fresh, strict=True)]
    return stage(fun, [*avals, *jaxpr.in_avals[n:]], jaxpr.debug_name)


def _transpose(cts: Sequence[Any], *args: Any, **params: Any) -> list[Any]:
    jaxpr, in_specs, out_specs = params["jaxpr"], params["in_specs"], params["out_specs"]
    linear = [is_linear(x) for x in args]
    nonzero = [ct is not None for ct in cts]
    key = ("transposed parts", tuple(linear), tuple(nonzero), in_specs, out_specs, spmd_axes())
    with _scope(params):
        program, has = jaxpr.memo(key, lambda: _transposed(params, linear, nonzero))
    known = [x for x in args if not is_linear(x)]
    wanted = [s.to_ct_spec() for s, lin in zip(in_specs, linear, strict=True) if lin]
    outs = iter(shard_map_p.bind(*known, *(ct for ct in cts if ct is not None), **{
        **params, "jaxpr": program,
        "in_specs": (*(s for s, lin in zip(in_specs, linear, strict=True) if not lin),
                     *(s.to_ct_spec() for s, nz in zip(out_specs, nonzero, strict=True) if nz)),
        "out_specs": tuple(s for s, h in zip(wanted, has, strict=True) if h)}))
    found = iter([next(outs) if h else None for h in has])
    return [next(found) if lin else None for lin in linear]


def _transposed(params: dict[str, Any], linear: Sequence[bool], nonzero: Sequence[bool]
                ) -> tuple[Jaxpr, list[bool]]:
    """Return the transposed program, and which linear arguments have cotangents.

    Without checked types, each device has its share of the cotangent of an equal result, and the
    cotangents of an argument that all devices have are summed.
    """
    program, has = transpose_jaxpr(params["jaxpr"], linear, nonzero)
    if params["check_vma"]:
        return program, has
    sizes = manual_sizes(params["mesh"], params["newly_manual_axes"] - spmd_axes())
    given = [s for s, nz in zip(params["out_specs"], nonzero, strict=True) if nz]
    wanted = [s for s, lin in zip(params["in_specs"], linear, strict=True) if lin]
    wanted = [s for s, h in zip(wanted, has, strict=True) if h]
    first = len(program.in_avals) - len(given)

    def fun(*args: Any) -> list[Any]:
        shares = [_share(ct, _equal_along(s.to_ct_spec(), sizes))
                  for ct, s in zip(args[first:], given, strict=True)]
        outs = evaluate(program, *args[:first], *shares)
        return [sum_over(o, _equal_along(s.to_ct_spec(), sizes))
                for o, s in zip(outs, wanted, strict=True)]

    return stage(fun, program.in_avals, program.debug_name), has


def _equal_along(spec: PartitionSpec, sizes: dict[Any, int]) -> dict[Any, int]:
    """Return the sizes of the axes along which all parts are the same."""
    return {n: s for n, s in sizes.items() if n not in spec.names() and n not in spec.unreduced}


def _share(ct: Any, sizes: dict[Any, int]) -> Any:
    count = math.prod(sizes.values())
    return ct if count == 1 else div(ct, full_like(ct, count))


def _batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
    names = names_of(axis.spmd_name)
    for what in ("in_specs", "out_specs"):
        _check_unused("vmap spmd_axis_name", names, what, params[what])
        _check_unused("vmapped away explicit mesh axis", axis.explicit, what, params[what])
    local = replace(axis, size=axis.size // math.prod(params["mesh"].shape[n] for n in names))
    with _scope(params):
        program, out_dims = batch_jaxpr(params["jaxpr"], local, dims, bool(names))
    outs = shard_map_p.bind(*args, **{
        **params, "jaxpr": program,
        "in_specs": tuple(_with_entry(s, d, axis.spmd_name) for s, d in zip(
            params["in_specs"], dims, strict=True)),
        "out_specs": tuple(_with_entry(s, d, axis.spmd_name) for s, d in zip(
            params["out_specs"], out_dims, strict=True))})
    return outs, out_dims


def _check_unused(title: str, names: tuple[Any, ...], what: str, specs: Sequence[PartitionSpec]
                  ) -> None:
    """Raise ValueError if a spec names an axis that divides the mapped axis."""
    for spec in specs:
        used = {*spec.names(), *spec.unreduced, *spec.reduced}.intersection(names)
        if used:
            raise ValueError(f"{title} cannot appear in shard_map {what}, got {names} and {spec!r};"
                             f" leave {used} out of one of them")


def _with_entry(spec: PartitionSpec, dim: int | None, entry: Any) -> PartitionSpec:
    """Return the spec of an array with an axis more at `dim`."""
    if dim is None:
        return spec
    entries = [*spec.partitions, *[None] * (dim - len(spec))]
    return spec.update(partitions=(*entries[:dim], entry, *entries[dim:]))


def _axes(*, jaxpr: Jaxpr, newly_manual_axes: Any, **params: Any) -> frozenset[Any]:
    """Return the named axes of the surroundings that a program refers to."""
    return frozenset(e.name for e in jaxpr.effects
                     if isinstance(e, NamedAxisEffect) and e.name not in newly_manual_axes)


def _effects(*, jaxpr: Jaxpr, newly_manual_axes: Any, **params: Any) -> frozenset[Any]:
    return frozenset(e for e in jaxpr.effects
                     if not (isinstance(e, NamedAxisEffect) and e.name in newly_manual_axes))


def _division(given: Operands) -> list[Spec]:
    """Results are divided as their specs say, and over the other axes of the mesh as parts are, if
    arguments meet on a mesh with such axes."""
    mesh, jaxpr = given.params["mesh"], given.params["jaxpr"]
    if not set(mesh.axis_names) <= set(given.sizes):
        return [whole(a.ndim) for a in given.outs]
    specs = [s.padded(a.ndim).partitions
             for s, a in zip(given.params["out_specs"], given.outs, strict=True)]
    rest = {n: s for n, s in given.sizes.items() if n not in given.params["newly_manual_axes"]}
    if not rest:
        return specs
    own = [tuple(tuple(n for n in names_of(e) if n in rest) or None for e in spec)
           for spec in given.specs]
    return [tuple((*names_of(e), *names_of(o)) or None for e, o in zip(spec, inner, strict=True))
            for spec, inner in zip(specs, divide_program(jaxpr, own, rest), strict=True)]


shard_map_p = Primitive(
    "shard_map", multiple_results=True, higher_order=True, type=_type, eval=_eval, jvp=_jvp,
    transpose=_transpose, batch=_batch, kernel=_kernel, linearize=_linearize, axes_of=_axes,
    effects=_effects)
shard_map_p.division, shard_map_p.places = _division, _places


def parts_program(fun: Any, avals: Sequence[ShapedArray], name: str, *, mesh: BaseMesh,
                  in_specs: Sequence[PartitionSpec], newly_manual_axes: Any, check_vma: bool,
                  out_specs_of: Any) -> tuple[Jaxpr, Any]:
    """Trace a function of parts, for whole arguments of these types.

    out_specs_of: from the types of the parts of results to their specs, with checks. Returns the
    program and the specs; results vary over the axes that their specs name.
    """
    specs: list[PartitionSpec] = []

    def flat(*args: Any) -> list[Any]:
        outs = fun(*args)
        specs[:] = out_specs_of([typeof(o) for o in outs])
        if not check_vma:
            return outs
        return [varied(o, s.names()) for o, s in zip(outs, specs, strict=True)]

    local = [local_type(a, s, mesh, newly_manual_axes, check_vma)
             for a, s in zip(avals, in_specs, strict=True)]
    with scope(mesh, newly_manual_axes, check_vma):
        return stage(flat, local, name), tuple(specs)


__all__ = ["parts_program", "shard_map_p", "with_leading_axes"]
