"""Constraints on where the parts of an array lie, inside programs: the values stay the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis
from ingot.core.division import Operands, Spec, like_first
from ingot.core.interpreter import typeof
from ingot.core.placement import type_at
from ingot.core.primitive import LINEAR, Primitive
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import UNCONSTRAINED, PartitionSpec, UnreducedKind, filled, names_of


# ---- sharding_constraint -------------------------------------------------------------------------
def _type(x: ShapedArray, *, sharding: Sharding, **_: Any) -> ShapedArray:
    """told_by: what a user wrote that has the constraint, if that is another function."""
    sharding.check_compatible_aval(x.shape)
    return type_at(x, sharding)


def _transpose(ct: Any, x: Any, *, sharding: Sharding, source: Sharding | None = None, **_: Any
               ) -> list[Any]:
    """The cotangent lies as the result; from other devices it goes back to those of the argument.
    """
    back = {} if source is None else {"source": sharding}
    return [sharding_constraint_p.bind(ct, sharding=source or sharding, **back)]


def _batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, sharding: Any,
           source: Any = None, **told: Any) -> Any:
    """Without `source`: the mapped array lies on one mesh only."""
    (x,), (dim,) = args, dims
    spmd = names_of(axis.spmd_name)
    if not isinstance(sharding, NamedSharding):
        if spmd:
            raise ValueError(
                "with_sharding_constraint: only a NamedSharding can say that the mapped axis is"
                f" divided over {spmd}. If you are using spmd_axis_name parameter of jax.vmap,"
                " please make sure to run your jitted function inside the mesh context manager, and"
                f" pass a PartitionSpec or a NamedSharding; got {sharding}")
        return sharding_constraint_p.bind(x, sharding=sharding, **told), dim
    if set(spmd).intersection(sharding.spec.names()):
        raise ValueError(f"vmap spmd_axis_name {spmd} cannot appear in with_sharding_constraint"
                         f" spec, but got spec {sharding.spec!r}")
    entries = list(sharding.spec.padded(x.ndim - 1))
    mapped = axis.spmd_name or axis.explicit or (
        UNCONSTRAINED if sharding.mesh.auto_axes else None)
    batched = sharding.update(spec=PartitionSpec(*entries[:dim], mapped, *entries[dim:]))
    return sharding_constraint_p.bind(x, sharding=batched, **told), dim


def _division(given: Operands) -> list[Spec]:
    sharding = given.params["sharding"]
    if not isinstance(sharding, NamedSharding):
        return list(given.specs)
    (spec,) = given.specs
    return [filled(sharding.spec.padded(len(spec)).partitions, spec)]


sharding_constraint_p = Primitive(
    "sharding_constraint", type=_type, eval=lambda x, **_: x, jvp=LINEAR, transpose=_transpose,
    batch=_batch, kernel=lambda build, x, *, out, **_: x, axes_of=lambda **_: ())
sharding_constraint_p.division, sharding_constraint_p.divides = _division, "sharding"


# ---- layout_constraint ---------------------------------------------------------------------------
def _layout_transpose(ct: Any, x: Any, *, major_to_minor: tuple[int, ...]) -> list[Any]:
    return [layout_constraint_p.bind(ct, major_to_minor=major_to_minor)]


def _layout_batch(args: Sequence[Any], dims: Sequence[Any], *, major_to_minor: tuple[int, ...]
                  ) -> Any:
    """The mapped axis is the slowest one."""
    (x,), (dim,) = args, dims
    inner = [a + (a >= dim) for a in major_to_minor]
    return layout_constraint_p.bind(x, major_to_minor=(dim, *inner)), dim


layout_constraint_p = Primitive(
    "layout_constraint", type=lambda x, *, major_to_minor: x,
    eval=lambda x, *, major_to_minor: x, jvp=LINEAR, transpose=_layout_transpose,
    batch=_layout_batch, kernel=lambda build, x, *, out, major_to_minor: x)


# ---- reshard -------------------------------------------------------------------------------------
def _reshard_type(x: ShapedArray, *, dst_sharding: NamedSharding) -> ShapedArray:
    dst_sharding.check_compatible_aval(x.shape)
    return x.update(sharding=dst_sharding)


def _reshard_transpose(ct: Any, x: Any, *, dst_sharding: NamedSharding) -> list[Any]:
    return [reshard(ct, _sharding_of(x.aval.to_ct_aval(), dst_sharding))]


def _sharding_of(aval: ShapedArray, other: NamedSharding) -> NamedSharding:
    """Return the sharding of a type; if Explicit axes do not divide it, over the other's mesh."""
    return other.update(spec=PartitionSpec()) if aval._sharding is None else aval._sharding


def _reshard_batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, dst_sharding: Any
                   ) -> Any:
    (x,), (dim,) = args, dims
    mapped = axis.explicit or None
    spec = dst_sharding.spec.padded(typeof(x).ndim - 1)
    entries = (*spec[:dim], mapped, *spec[dim:])
    batched = dst_sharding.update(spec=spec.update(partitions=entries))
    return reshard_p.bind(x, dst_sharding=batched), dim


def _reshard_division(given: Operands) -> list[Spec]:
    """Explicit axes divide as told; Auto ones, which are not told, go on where they can."""
    sharding = given.params["dst_sharding"]
    wanted = sharding.spec.padded(given.outs[0].ndim).partitions
    free = {*sharding.mesh.auto_axes}.difference(sharding.spec.names())
    return [tuple((*names_of(w), *(n for n in names_of(e) if n in free)) or None
                  for w, e in zip(wanted, given.specs[0], strict=True))]


reshard_p = Primitive(
    "reshard", type=_reshard_type, eval=lambda x, *, dst_sharding: x, jvp=LINEAR,
    transpose=_reshard_transpose, batch=_reshard_batch,
    kernel=lambda build, x, *, out, dst_sharding: x, axes_of=lambda **_: ())
reshard_p.division, reshard_p.divides = _reshard_division, "dst_sharding"


def reshard(x: Any, sharding: NamedSharding) -> Any:
    """Return an array divided in another way over Explicit axes of the mesh, or of the same mesh
    with Auto axes in place of these."""
    aval = typeof(x)
    spec = sharding.spec.padded(aval.ndim)
    kind = spec.unreduced_kind
    own = PartitionSpec() if aval._sharding is None else aval._sharding.spec
    if kind not in (None, UnreducedKind.sum) and spec.unreduced - own.unreduced:
        raise ValueError(f"reshard: out_sharding {spec!r} cannot be more unreduced than the input,"
                         f" {aval}, unless parts are summed")
    if kind and own.unreduced and own.unreduced_kind is not kind:
        raise ValueError("reshard: The unreduced_kind of input and output sharding passed to"
                         f" `jax.reshard` should be the same, got {own!r} and {spec!r}")
    return reshard_p.bind(x, dst_sharding=sharding.update(spec=spec))


# ---- own_part ------------------------------------------------------------------------------------
def _own_part_batch(args: Sequence[Any], dims: Sequence[Any], *, sharding: NamedSharding,
                    **params: Any) -> Any:
    (x,), (dim,) = args, dims
    spec = sharding.spec.padded(typeof(x).ndim - 1)
    batched = spec.update(partitions=(*spec[:dim], None, *spec[dim:]))
    return own_part_p.bind(x, sharding=sharding.update(spec=batched), **params), dim


own_part_p = Primitive(
    "own_part", type=lambda x, **_: x, eval=lambda x, **_: x,
    jvp=[lambda t, out, x, **params: own_part_p.bind(t, **{**params, "fill": 0})],
    transpose=lambda ct, x, **_: [ct], batch=_own_part_batch,
    kernel=lambda build, x, *, out, **_: x)
own_part_p.division, own_part_p.marks = like_first, lambda given: given.marks[0]


def own_part(x: Any, out_sharding: Any, fill: Any = 0) -> Any:
    """Return an argument of an operation whose result is unreduced: the same array, but where each
    device of a mesh axis keeps a part of the result, it sees the others' elements as `fill`."""
    aval, spec = typeof(x), getattr(out_sharding, "spec", out_sharding)
    if aval._sharding is None or not getattr(spec, "unreduced", None):
        return x
    axes = tuple(n for n in aval._sharding.mesh.axis_names
                 if n in spec.unreduced and n in aval._sharding.spec.names())
    if not axes:
        return x
    return own_part_p.bind(x, axes=axes, sharding=aval._sharding, kind=spec.unreduced_kind,
                           fill=fill)


__all__ = ["own_part_p", "layout_constraint_p", "reshard_p", "sharding_constraint_p"]
