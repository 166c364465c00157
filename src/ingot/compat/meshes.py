"""`jax.experimental` for several devices: meshes, shard_map, pjit."""

from __future__ import annotations

from typing import Any

from ingot.api.axis_types import reshard
from ingot.api.pjit import pjit
from ingot.api.shard_map import shard_map_auto as shard_map
from ingot.core.avals import restricted, shown_axes
from ingot.core.interpreter import typeof
from ingot.core.mesh import EMPTY_ABSTRACT_MESH, EMPTY_MESH, abstract_mesh, entered_mesh
from ingot.core.specs import names_of
from ingot.primitives.out_sharding import explicit_sharding
from ingot.sharding import Mesh, PartitionSpec
from ingot.tree import broadcast_prefix, tree_flatten, tree_unflatten


def top_level_all_gather(xs: Any, out_sharding: Any, *, multi_dim: bool = False) -> Any:
    """Reshard a pytree of arrays where that gathers parts along one axis of each, or along any if
    `multi_dim`. ValueError where it does anything else, and unless all axes of the mesh are
    Explicit."""
    if not abstract_mesh().are_all_axes_explicit:
        raise ValueError("top_level_all_gather: all axes of the mesh must be Explicit, got"
                         f" {abstract_mesh()}")
    leaves, tree = tree_flatten(xs)
    places = broadcast_prefix(out_sharding, xs)
    for x, place in zip(leaves, places, strict=True):
        _check_gathers(x, explicit_sharding("top_level_all_gather", place), multi_dim)
    return reshard(xs, tree_unflatten(tree, places))


def _check_gathers(x: Any, sharding: Any, multi_dim: bool) -> None:
    """Raise ValueError unless resharding gathers an array's parts, whose elements keep their order.
    """
    aval = typeof(x)
    title, gathered = f"top_level_all_gather of {aval} to {sharding.spec!r}", 0
    shown = restricted(sharding.spec.padded(aval.ndim), shown_axes(sharding.mesh))
    for k, (have, want) in enumerate(zip(aval.sharding.spec, shown, strict=True)):
        had, wanted = names_of(have), names_of(want)
        if had == wanted:
            continue
        if not had:
            raise ValueError(f"{title}: it doesn't allow the input to be unsharded on axis {k}")
        if had[:len(wanted)] != wanted:
            raise ValueError(f"{title}: it maintains the property that values stay as they are,"
                             f" so that out_sharding on axis {k} must be a prefix of in_spec")
        gathered += 1
        if gathered > 1 and not multi_dim:
            raise ValueError(f"{title}: multiple dimensions cannot be all_gathered; pass"
                             " multi_dim=True")


class _Environment:
    """What JAX keeps of the meshes that are entered as contexts."""

    @property
    def physical_mesh(self) -> Mesh:
        """The mesh that is entered, else the one that is set."""
        return entered_mesh()


class _ThreadResources:
    env = _Environment()


class EMPTY_ENV:
    """What JAX keeps while no mesh is entered."""

    physical_mesh = EMPTY_MESH


thread_resources = _ThreadResources()
empty_abstract_mesh, empty_concrete_mesh = EMPTY_ABSTRACT_MESH, EMPTY_MESH

__all__ = ["Mesh", "PartitionSpec", "pjit", "shard_map"]
