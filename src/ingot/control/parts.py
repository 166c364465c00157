"""Programs of the parts of arrays, and those of whole arrays that stand for them.

In the latter, parts lie along leading axes, and collectives are operations along these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ingot.config import config
from ingot.control.scan import scan
from ingot.control.tracing import evaluate
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis, named_axis
from ingot.core.effects import NamedAxisEffect
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.mesh import AbstractMesh, AxisType, BaseMesh
from ingot.core.sharding import NamedSharding
from ingot.core.specs import PartitionSpec, UnreducedKind, names_of
from ingot.primitives.movement import broadcast_in_dim, reduce_sum, reshape, scalar, transpose
from ingot.primitives.out_sharding import undivided
from ingot.primitives.reduce import reduce_max, reduce_min
from ingot.primitives.slicing import concatenate, slice_in_dim
from ingot.transforms.batch import batch_jaxpr
from ingot.transforms.stage import stage


# ---- the scope of a program ----------------------------------------------------------------------
def manual_sizes(mesh: BaseMesh, newly_manual_axes: Any) -> dict[Any, int]:
    """Return the sizes of the Manual axes, in the order of the mesh."""
    return {n: s for n, s in mesh.shape.items() if n in newly_manual_axes}


@contextmanager
def scope(mesh: BaseMesh, newly_manual_axes: Any, check_vma: bool) -> Iterator[None]:
    """A context in which programs of parts are traced: axes have names, and types of their own."""
    inner = _inner_mesh(mesh, newly_manual_axes)
    with ExitStack() as stack:
        stack.enter_context(config.override("abstract_mesh", inner))
        for name, size in manual_sizes(mesh, newly_manual_axes).items():
            stack.enter_context(named_axis(Axis(name, size), check_vma))
        yield


def local_type(aval: ShapedArray, spec: PartitionSpec, mesh: BaseMesh, newly_manual_axes: Any,
               check_vma: bool) -> ShapedArray:
    """Return the type of one part."""
    sizes = mesh.shape
    shape = tuple(n // math.prod(sizes[m] for m in names_of(e))
                  for n, e in zip(aval.shape, spec.padded(aval.ndim), strict=True))
    mat, sharding = aval.mat, None
    if check_vma:
        kind = spec.unreduced_kind if spec.unreduced else mat.unreduced_kind
        names = [n for n in spec.names()
                 if sizes[n] > 1 or not config.remove_size_one_mesh_axis_from_type]
        mat = mat.update(varying=mat.varying.union(names), unreduced_kind=kind,
                         unreduced=mat.unreduced | spec.unreduced,
                         reduced=mat.reduced | spec.reduced)
    if aval._sharding is not None:
        inner = _inner_mesh(mesh, newly_manual_axes)
        rest = _without(aval._sharding.spec, newly_manual_axes)
        sharding = NamedSharding(inner, rest)
    return ShapedArray(shape, aval.dtype, aval.weak_type, manual_axis_type=mat, sharding=sharding)


def _inner_mesh(mesh: BaseMesh, newly_manual_axes: Any) -> AbstractMesh:
    types = dict.fromkeys(newly_manual_axes, AxisType.Manual)
    return mesh.abstract_mesh.update_axis_types(types)


def _without(spec: PartitionSpec, axes: Any) -> PartitionSpec:
    """Return the spec without these mesh axes."""
    kept = [tuple(n for n in names_of(e) if n not in axes) for e in spec.partitions]
    unreduced = spec.unreduced.difference(axes)
    return PartitionSpec(*kept, unreduced=unreduced, reduced=spec.reduced.difference(axes),
                         unreduced_kind=spec.unreduced_kind if unreduced else None)


def global_type(aval: ShapedArray, spec: PartitionSpec, mesh: BaseMesh, newly_manual_axes: Any
                ) -> ShapedArray:
    """Return the type of the whole whose parts have this type."""
    sizes = mesh.shape
    spec = spec.padded(aval.ndim)
    shape = tuple(n * math.prod(sizes[m] for m in names_of(e))
                  for n, e in zip(aval.shape, spec, strict=True))
    inner = PartitionSpec() if aval._sharding is None else aval._sharding.spec
    if aval._sharding is not None:
        spec = PartitionSpec(
            *((*names_of(e), *names_of(i)) for e, i in zip(spec, inner, strict=True)),
            unreduced=spec.unreduced | inner.unreduced, reduced=spec.reduced | inner.reduced,
            unreduced_kind=spec.unreduced_kind or inner.unreduced_kind)
    rest = aval.mat.vur.difference(newly_manual_axes)
    return ShapedArray(shape, aval.dtype, aval.weak_type, manual_axis_type=aval.mat.within(rest),
                       sharding=NamedSharding(mesh.abstract_mesh, spec))


# ---- parts along leading axes --------------------------------------------------------------------
def stacked_axes(spec: PartitionSpec) -> set[Any]:
    """Return the mesh axes along which parts of arrays differ: those that divide it, and those over
    which parts are still to be summed. All parts may be the maximum of them all."""
    summed = spec.unreduced if spec.unreduced_kind is UnreducedKind.sum else ()
    return {*spec.names(), *summed}


def split(x: Any, spec: PartitionSpec, sizes: dict[Any, int]) -> Any:
    """Return the parts along new leading axes, one for each mesh axis along which they differ. Of
    parts that are to be summed, the first is the array."""
    summed = [n for n in sizes if n in stacked_axes(spec) and n not in spec.names()]
    for name in summed:
        x = reshape(x, (1, *x.shape))
        x = concatenate([x, broadcast_in_dim(
            scalar(0, x.dtype), (sizes[name] - 1, *x.shape[1:]), ())], 0)
    shape: list[int] = list(x.shape[:len(summed)])
    where: dict[Any, int] = {n: k for k, n in enumerate(reversed(summed))}
    rest: list[int] = []
    for length, entry in zip(x.shape[len(summed):], spec.padded(x.ndim - len(summed)), strict=True):
        names = names_of(entry)
        count = math.prod(sizes[n] for n in names)
        where |= {n: len(shape) + k for k, n in enumerate(names)}
        shape += [*(sizes[n] for n in names), length // count]
        rest.append(len(shape) - 1)
    return transpose(reshape(x, shape), [*(where[n] for n in sizes if n in where), *rest])


_COMBINED: dict[Any, Any] = {UnreducedKind.sum: reduce_sum, UnreducedKind.max: reduce_max,
                             UnreducedKind.min: reduce_min}


def join(x: Any, spec: PartitionSpec, sizes: dict[Any, int]) -> Any:
    """Return the whole from its parts along all mesh axes; where they are equal, the first."""
    used = spec.names()
    for axis, n in enumerate(sizes):
        if n in spec.unreduced:
            whole = _COMBINED[spec.unreduced_kind](x, (axis,))
            x = reshape(whole, (*x.shape[:axis], 1, *x.shape[axis + 1:]))
        elif n not in used:
            x = slice_in_dim(x, 0, 1, axis=axis)
    lead, order, shape = len(sizes), [], []
    own = typeof(x)._sharding
    if own is not None and any(own.spec.padded(x.ndim).partitions[lead:]):
        x = undivided(x)  # as axes that divide parts come after those that parts lie along
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
            out_specs: Sequence[PartitionSpec], newly_manual_axes: Any) -> Jaxpr:
    """Return a program of whole arrays in place of one of parts: these lie along leading axes, and
    collectives are operations along them."""
    sizes = manual_sizes(mesh, newly_manual_axes)

    def make() -> Jaxpr:
        with scope(mesh, newly_manual_axes, False):
            return made()

    def made() -> Jaxpr:
        program = _unplaced(jaxpr)
        for name, size in reversed(sizes.items()):
            mapped = [name in stacked_axes(s) for s in in_specs]
            program = _mapped(program, Axis(name, size), mapped)

        def whole(*args: Any) -> list[Any]:
            parts = [split(x, s, sizes) for x, s in zip(args, in_specs, strict=True)]
            return [join(o, s, sizes)
                    for o, s in zip(evaluate(program, *parts), out_specs, strict=True)]

        avals = [global_type(a, s, mesh, newly_manual_axes).unplaced()
                 for a, s in zip(jaxpr.in_avals, in_specs, strict=True)]
        return stage(whole, avals, jaxpr.debug_name)

    return jaxpr.memo(("stacked", *sizes.items(), tuple(in_specs), tuple(out_specs)), make)


def _unplaced(jaxpr: Jaxpr) -> Jaxpr:
    """Return the program for arguments whose types say nothing of a mesh."""
    return stage(lambda *xs: evaluate(jaxpr, *xs), [a.unplaced() for a in jaxpr.in_avals],
                 jaxpr.debug_name)
