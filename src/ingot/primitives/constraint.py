"""Constraints on where the parts of an array lie, inside programs: the values stay the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.division import Operands, Spec
from ingot.core.interpreter import typeof
from ingot.core.mesh import AxisType, concrete_mesh
from ingot.core.placement import check_divisible, type_at
from ingot.core.primitive import LINEAR, Primitive
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import UNCONSTRAINED, PartitionSpec


# ---- sharding_constraint -------------------------------------------------------------------------
def _type(x: ShapedArray, *, sharding: Sharding) -> ShapedArray:
    sharding.check_compatible_aval(x.shape)
    return type_at(x, sharding)


def _batch(args: Sequence[Any], dims: Sequence[Any], *, sharding: Any) -> Any:
    (x,), (dim,) = args, dims
    if not isinstance(sharding, NamedSharding):
        return sharding_constraint_p.bind(x, sharding=sharding), dim
    entries = list(sharding.spec.padded(x.ndim - 1))
    free = UNCONSTRAINED if sharding.mesh.auto_axes else None
    batched = sharding.update(spec=PartitionSpec(*entries[:dim], free, *entries[dim:]))
    return sharding_constraint_p.bind(x, sharding=batched), dim


def _division(given: Operands) -> list[Spec]:
    sharding = given.params["sharding"]
    if not isinstance(sharding, NamedSharding):
        return list(given.specs)
    (spec,) = given.specs
    wanted = sharding.spec.padded(len(spec)).partitions
    return [tuple(e if w is UNCONSTRAINED else w for w, e in zip(wanted, spec, strict=True))]


sharding_constraint_p = Primitive(
    "sharding_constraint", type=_type, eval=lambda x, *, sharding: x, jvp=LINEAR,
    transpose=lambda ct, x, *, sharding: [sharding_constraint_p.bind(ct, sharding=sharding)],
    batch=_batch, kernel=lambda build, x, *, out, sharding: x)
sharding_constraint_p.division, sharding_constraint_p.divides = _division, True


# ---- results divided as told ---------------------------------------------------------------------
def over_mesh(title: str, spec: PartitionSpec) -> NamedSharding:
    """Return the sharding that a spec stands for, over the mesh in force; ValueError if there is
    none."""
    mesh = concrete_mesh() if config.abstract_mesh is None else config.abstract_mesh
    if mesh.empty:
        raise ValueError(f"{title}: a PartitionSpec is for the mesh that is set, and none is, got"
                         f" {spec!r}; use set_mesh, or pass a NamedSharding")
    return NamedSharding(mesh, spec)


def divided(title: str, fun: Callable[..., Any], out_sharding: Any, *args: Any) -> Any:
    """Return `fun(*args)` divided as told, whatever its operations say of Explicit axes.

    Raises TypeError unless `out_sharding` is a NamedSharding, a PartitionSpec for the mesh that is
    set, or None, which lets the operations say it; ValueError where axes are not divisible.
    """
    if out_sharding is None:
        return fun(*args)
    if isinstance(out_sharding, PartitionSpec):
        out_sharding = over_mesh(title, out_sharding)
    if not isinstance(out_sharding, NamedSharding):
        raise TypeError(f"{title}: `out_sharding` must be a NamedSharding or a PartitionSpec, got"
                        f" {out_sharding!r:.80} of type {type(out_sharding)}")
    auto = dict.fromkeys(out_sharding.mesh.explicit_axes, AxisType.Auto)
    mesh = out_sharding.mesh.abstract_mesh.update_axis_types(auto)
    out = fun(*[_let_compiler_divide(x, mesh) for x in args])
    aval = typeof(out)
    check_divisible(title, aval, out_sharding)
    spec = out_sharding.spec.padded(aval.ndim)
    return sharding_constraint_p.bind(out, sharding=out_sharding.update(spec=spec))


def _let_compiler_divide(x: Any, mesh: Any) -> Any:
    """Return an array whose type does not say how axes divide it."""
    aval = typeof(x)
    if aval._sharding is None:
        return x
    return sharding_constraint_p.bind(x, sharding=NamedSharding(mesh, aval._sharding.spec))


__all__ = ["sharding_constraint_p"]
