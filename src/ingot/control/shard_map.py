"""The primitive of shard_map: a program of the parts of arrays, each part for a device of a mesh.

Its program sees arrays of the parts' shapes, and refers to the Manual axes of the mesh by name.
Where `check_vma` holds, types say over which of these axes values vary; that is what makes its
derivatives cheap: a cotangent is summed over an axis just where a value did not vary over it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from ingot.config import config
from ingot.control.scan import scan
from ingot.control.tracing import evaluate
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis, named_axis
from ingot.core.backend import run
from ingot.core.division import Operands, Spec
from ingot.core.effects import NamedAxisEffect
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.mesh import AxisType, BaseMesh
from ingot.core.placement import place_over
from ingot.core.primitive import Primitive, is_linear
from ingot.core.sharding import NamedSharding
from ingot.core.specs import PartitionSpec, names_of
from ingot.primitives.arithmetic import div
from ingot.primitives.collective import psum_p, pvary
from ingot.primitives.movement import full_like, reshape, transpose
from ingot.primitives.slicing import slice_in_dim
from ingot.transforms.batch import batch_jaxpr
from ingot.transforms.jvp import jvp_jaxpr
from ingot.transforms.linearize import linearize_jaxpr
from ingot.transforms.stage import stage
from ingot.transforms.transpose import transpose_jaxpr


# ---- the scope of a program ----------------------------------------------------------------------
def manual_sizes(mesh: BaseMesh, manual_axes: Any) -> dict[Any, int]:
    """Return the sizes of the Manual axes, in the order of the mesh."""
    return {n: s for n, s in mesh.shape.items() if n in manual_axes}


@contextmanager
def scope(mesh: BaseMesh, manual_axes: Any, check_vma: bool) -> Iterator[None]:
    """A context in which programs of parts are traced: axes have names, and types of their own."""
    inner = mesh.abstract_mesh.update_axis_types(dict.fromkeys(manual_axes, AxisType.Manual))
    with ExitStack() as stack:
        stack.enter_context(config.override("abstract_mesh", inner))
        for name, size in manual_sizes(mesh, manual_axes).items():
            stack.enter_context(named_axis(Axis(name, size), check_vma))
        yield


def local_type(aval: ShapedArray, spec: PartitionSpec, mesh: BaseMesh, check_vma: bool
               ) -> ShapedArray:
    """Return the type of one part."""
    sizes = mesh.shape
    shape = tuple(n // math.prod(sizes[m] for m in names_of(e))
                  for n, e in zip(aval.shape, spec.padded(aval.ndim), strict=True))
    vma = aval.vma | (frozenset(spec.names()) if check_vma else frozenset())
    return ShapedArray(shape, aval.dtype, aval.weak_type, vma=vma)


def global_type(aval: ShapedArray, spec: PartitionSpec, mesh: BaseMesh, manual_axes: Any
                ) -> ShapedArray:
    """Return the type of the whole whose parts have this type."""
    sizes = mesh.shape
    shape = tuple(n * math.prod(sizes[m] for m in names_of(e))
                  for n, e in zip(aval.shape, spec.padded(aval.ndim), strict=True))
    return ShapedArray(shape, aval.dtype, aval.weak_type, vma=aval.vma - frozenset(manual_axes),
                       sharding=NamedSharding(mesh.abstract_mesh, spec))


# ---- parts along leading axes --------------------------------------------------------------------
def split(x: Any, spec: PartitionSpec, sizes: dict[Any, int]) -> Any:
    """Return the parts along new leading axes, one for each mesh axis that divides the array."""
    shape: list[int] = []
    where: dict[Any, int] = {}
    rest: list[int] = []
    for length, entry in zip(x.shape, spec.padded(x.ndim), strict=True):
        names = names_of(entry)
        count = math.prod(sizes[n] for n in names)
        where |= {n: len(shape) + k for k, n in enumerate(names)}
        shape += [*(sizes[n] for n in names), length // count]
        rest.append(len(shape) - 1)
    return transpose(reshape(x, shape), [*(where[n] for n in sizes if n in where), *rest])


def join(x: Any, spec: PartitionSpec, sizes: dict[Any, int]) -> Any:
    """Return the whole from its parts along all mesh axes; where they are equal, the first."""
    used = spec.names()
    for axis, n in enumerate(sizes):
        if n not in used:
            x = slice_in_dim(x, 0, 1, axis=axis)
    lead, order, shape = len(sizes), [], []
    for k, entry in enumerate(spec.padded(x.ndim - lead)):
        names = names_of(entry)
        order += [*(list(sizes).index(n) for n in names), lead + k]
        shape.append(x.shape[lead + k] * math.prod(sizes[n] for n in names))
    order += [i for i, n in enumerate(sizes) if n not in used]
    return reshape(transpose(x, order), shape)


def _mapped(jaxpr: Jaxpr, axis: Axis, mapped: Sequence[bool]) -> Jaxpr:
    """Return the program for all positions along an axis: one batch if they communicate, else one
    after the other, which threads share out."""
    if any(isinstance(e, NamedAxisEffect) and e.name == axis.name for e in jaxpr.effects):
        return batch_jaxpr(jaxpr, axis, [0 if m else None for m in mapped], True)[0]

    def each(*args: Any) -> list[Any]:
        def step(carry: tuple[()], xs: Sequence[Any]) -> Any:
            rest = iter(xs)
            return carry, evaluate(jaxpr, *(next(rest) if m else x
                                            for x, m in zip(args, mapped, strict=True)))

        xs = [x for x, m in zip(args, mapped, strict=True) if m]
        return scan(step, (), xs, length=axis.size,
                    _at_once=not any(e.ordered for e in jaxpr.effects))[1]

    avals = [a.update(shape=(axis.size, *a.shape)) if m else a
             for a, m in zip(jaxpr.in_avals, mapped, strict=True)]
    return stage(each, avals, jaxpr.debug_name)


def stacked(jaxpr: Jaxpr, mesh: BaseMesh, in_specs: Sequence[PartitionSpec],
            out_specs: Sequence[PartitionSpec], manual_axes: Any) -> Jaxpr:
    """Return a program of whole arrays in place of one of parts: these lie along leading axes, and
    collectives are operations along them."""
    sizes = manual_sizes(mesh, manual_axes)

    def make() -> Jaxpr:
        with scope(mesh, manual_axes, False):
            return made()

    def made() -> Jaxpr:
        program = _unplaced(jaxpr)
        for name, size in reversed(sizes.items()):
            program = _mapped(program, Axis(name, size), [name in s.names() for s in in_specs])

        def whole(*args: Any) -> list[Any]:
            parts = [split(x, s, sizes) for x, s in zip(args, in_specs, strict=True)]
            return [join(o, s, sizes)
                    for o, s in zip(evaluate(program, *parts), out_specs, strict=True)]

        avals = [global_type(a, s, mesh, manual_axes).unplaced()
                 for a, s in zip(jaxpr.in_avals, in_specs, strict=True)]
        return stage(whole, avals, jaxpr.debug_name)

    return jaxpr.memo(("stacked", *sizes.items(), tuple(in_specs), tuple(out_specs)), make)


def _unplaced(jaxpr: Jaxpr) -> Jaxpr:
    """Return the program for arguments whose types say nothing of a mesh."""
    return stage(lambda *xs: evaluate(jaxpr, *xs), [a.unplaced() for a in jaxpr.in_avals],
                 jaxpr.debug_name)


# ---- shard_map -----------------------------------------------------------------------------------
def _type(*avals: ShapedArray, jaxpr: Jaxpr, mesh: BaseMesh, out_specs: Any, manual_axes: Any,
          **params: Any) -> list[ShapedArray]:
    return [global_type(a, s, mesh, manual_axes)
            for a, s in zip(jaxpr.out_avals, out_specs, strict=True)]


def _eval(*args: Any, jaxpr: Jaxpr, mesh: BaseMesh, in_specs: Any, out_specs: Any,
          manual_axes: Any, **params: Any) -> Any:
    outs = run(stacked(jaxpr, mesh, in_specs, out_specs, manual_axes), args)
    avals = _type(jaxpr=jaxpr, mesh=mesh, out_specs=out_specs, manual_axes=manual_axes)
    return place_over(mesh, out_specs, [Array(o._data, a.unplaced())
                                        for o, a in zip(outs, avals, strict=True)])


def _kernel(build: Any, *args: Any, out: Any, jaxpr: Jaxpr, mesh: BaseMesh, in_specs: Any,
            out_specs: Any, manual_axes: Any, **params: Any) -> Any:
    return build.inline(stacked(jaxpr, mesh, in_specs, out_specs, manual_axes), args)


def _scope(params: dict[str, Any]) -> Any:
    return scope(params["mesh"], params["manual_axes"], params["check_vma"])


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    nonzero = [t is not None for t in tangents]
    with _scope(params):
        program, has = jvp_jaxpr(params["jaxpr"], nonzero)
    in_specs, out_specs = params["in_specs"], params["out_specs"]
    given = [t for t in tangents if t is not None]
    outs = shard_map_p.bind(*primals, *given, **{
        **params, "jaxpr": program,
        "in_specs": (*in_specs, *(s for s, n in zip(in_specs, nonzero, strict=True) if n)),
        "out_specs": (*out_specs, *(s for s, h in zip(out_specs, has, strict=True) if h))})
    n = len(out_specs)
    rest = iter(outs[n:])
    return outs[:n], [next(rest) if h else None for h in has]


def _residual_spec(aval: ShapedArray, params: dict[str, Any]) -> PartitionSpec:
    """Return how residuals are kept: parts along a new leading axis, for each axis over which they
    vary, or may vary."""
    names = tuple(n for n in manual_sizes(params["mesh"], params["manual_axes"])
                  if n in aval.vma or not params["check_vma"])
    return PartitionSpec(names or None)


def _linearize(nonzero: Sequence[bool], *primals: Any, **params: Any) -> Any:
    jaxpr, in_specs, out_specs = params["jaxpr"], params["in_specs"], params["out_specs"]
    n = len(out_specs)
    with _scope(params):
        parts = linearize_jaxpr(jaxpr, nonzero)
        specs = [_residual_spec(a, params) for a in parts.known.out_avals[n:]]
        known = jaxpr.memo(("known parts", tuple(nonzero)),
                           lambda: _with_leading_axes(parts.known, n))
        fresh = [f is None for f in parts.forwarded]
        linear = jaxpr.memo(("linear parts", tuple(nonzero)),
                            lambda: _without_leading_axes(parts.linear, fresh, specs, params))
    outs = shard_map_p.bind(*primals, **{**params, "jaxpr": known,
                                         "out_specs": (*out_specs, *specs)})
    residuals = parts.residuals(primals, outs[n:])
    rest = iter(specs)
    kept = [next(rest) if f is None else in_specs[f] for f in parts.forwarded]

    def apply(*tangents: Any) -> list[Any]:
        return shard_map_p.bind(*residuals, *tangents, **{
            **params, "jaxpr": linear,
            "in_specs": (*kept, *(s for s, z in zip(in_specs, nonzero, strict=True) if z)),
            "out_specs": tuple(s for s, h in zip(out_specs, parts.has, strict=True) if h)})

    return outs[:n], parts.has, apply


def _with_leading_axes(jaxpr: Jaxpr, count: int) -> Jaxpr:
    """Return the program whose results from `count` on have a leading axis of length 1."""
    def fun(*args: Any) -> list[Any]:
        outs = evaluate(jaxpr, *args)
        return [*outs[:count], *(reshape(r, (1, *r.shape)) for r in outs[count:])]

    return stage(fun, jaxpr.in_avals, jaxpr.debug_name)


def _without_leading_axes(jaxpr: Jaxpr, fresh: Sequence[bool], specs: Sequence[PartitionSpec],
                          params: dict[str, Any]) -> Jaxpr:
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
    key = ("transposed parts", tuple(linear), tuple(nonzero))
    with _scope(params):
        program, has = jaxpr.memo(key, lambda: _transposed(params, linear, nonzero))
    known = [x for x in args if not is_linear(x)]
    wanted = [s for s, lin in zip(in_specs, linear, strict=True) if lin]
    outs = iter(shard_map_p.bind(*known, *(ct for ct in cts if ct is not None), **{
        **params, "jaxpr": program,
        "in_specs": (*(s for s, lin in zip(in_specs, linear, strict=True) if not lin),
                     *(s for s, nz in zip(out_specs, nonzero, strict=True) if nz)),
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
    sizes = manual_sizes(params["mesh"], params["manual_axes"])
    given = [s for s, nz in zip(params["out_specs"], nonzero, strict=True) if nz]
    wanted = [s for s, lin in zip(params["in_specs"], linear, strict=True) if lin]
    wanted = [s for s, h in zip(wanted, has, strict=True) if h]
    first = len(program.in_avals) - len(given)

    def fun(*args: Any) -> list[Any]:
        shares = [_share(ct, s, sizes) for ct, s in zip(args[first:], given, strict=True)]
        outs = evaluate(program, *args[:first], *shares)
        return [_sum_over(o, [n for n in sizes if n not in s.names()])
                for o, s in zip(outs, wanted, strict=True)]

    return stage(fun, program.in_avals, program.debug_name), has


def _share(ct: Any, spec: PartitionSpec, sizes: dict[Any, int]) -> Any:
    count = math.prod(s for n, s in sizes.items() if n not in spec.names())
    return ct if count == 1 else div(ct, full_like(ct, count))


def _sum_over(x: Any, names: Sequence[Any]) -> Any:
    return psum_p.bind(x, axes=tuple(names), axis_index_groups=None) if names else x


def _batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
    names = names_of(axis.spmd_name)
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


def _with_entry(spec: PartitionSpec, dim: int | None, entry: Any) -> PartitionSpec:
    """Return the spec of an array with an axis more at `dim`."""
    if dim is None:
        return spec
    entries = [*spec.partitions, *[None] * (dim - len(spec))]
    return spec.update(partitions=(*entries[:dim], entry, *entries[dim:]))


def _axes(*, jaxpr: Jaxpr, manual_axes: Any, **params: Any) -> frozenset[Any]:
    """Return the named axes of the surroundings that a program refers to."""
    return frozenset(e.name for e in jaxpr.effects
                     if isinstance(e, NamedAxisEffect) and e.name not in manual_axes)


def _effects(*, jaxpr: Jaxpr, manual_axes: Any, **params: Any) -> frozenset[Any]:
    return frozenset(e for e in jaxpr.effects
                     if not (isinstance(e, NamedAxisEffect) and e.name in manual_axes))


def _division(given: Operands) -> list[Spec]:
    return [s.padded(a.ndim).partitions
            for s, a in zip(given.params["out_specs"], given.outs, strict=True)]


shard_map_p = Primitive(
    "shard_map", multiple_results=True, higher_order=True, type=_type, eval=_eval, jvp=_jvp,
    transpose=_transpose, batch=_batch, kernel=_kernel, linearize=_linearize, axes_of=_axes,
    effects=_effects)
shard_map_p.division = _division


def parts_program(fun: Any, avals: Sequence[ShapedArray], name: str, *, mesh: BaseMesh,
                  in_specs: Sequence[PartitionSpec], manual_axes: Any, check_vma: bool,
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
        return [pvary(o, tuple(n for n in s.names() if n not in typeof(o).vma))
                for o, s in zip(outs, specs, strict=True)]

    with scope(mesh, manual_axes, check_vma):
        local = [local_type(a, s, mesh, check_vma) for a, s in zip(avals, in_specs, strict=True)]
        return stage(flat, local, name), tuple(specs)


__all__ = ["parts_program", "scope", "shard_map_p", "stacked"]
