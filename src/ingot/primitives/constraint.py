"""Constraints on where the parts of an array lie, inside programs: the values stay the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.core.avals import ShapedArray
from ingot.core.division import Operands, Spec
from ingot.core.placement import type_at
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
sharding_constraint_p.division = _division

__all__ = ["sharding_constraint_p"]
