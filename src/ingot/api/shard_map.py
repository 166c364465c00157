"""shard_map: a function of the parts of arrays, each part for a device of a mesh."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from ingot.api.arguments import check_callable, function_name
from ingot.api.pmap import pmap
from ingot.core.interpreter import to_array
from ingot.core.mesh import abstract_mesh
from ingot.core.specs import PartitionSpec, names_of
from ingot.primitives.movement import reshape, transpose
from ingot.tree import broadcast_prefix, tree_flatten, tree_unflatten
from ingot.util import wraps

Names = tuple[Any, ...]


def _is_spec(x: Any) -> bool:
    return x is None or isinstance(x, PartitionSpec)


class Partitioning:
    """How parts of one array make the whole: for each of its axes, the mesh axes that divide it."""

    def __init__(self, spec: Any, sizes: dict[Any, int], ndim: int, title: str):
        entries = [names_of(e) for e in (spec or ())]
        if len(entries) > ndim:
            raise ValueError(f"{title}: {spec} is for {len(entries)} axes, but an array has {ndim}")
        self.entries = [*entries, *[()] * (ndim - len(entries))]
        used = [n for names in self.entries for n in names]
        unknown = [n for n in used if n not in sizes]
        if unknown or len(set(used)) < len(used):
            raise ValueError(f"{title}: {spec} must name axes of the mesh {tuple(sizes)}, each at"
                             " most once")
        self.sizes, self.title = sizes, title
        self.mesh_axes = [n for n in sizes if n in used]

    def split(self, x: Any) -> Any:
        """The parts along new leading axes, one for each name in `over`."""
        shape: list[int] = []
        where: dict[Any, int] = {}
        rest: list[int] = []
        for length, names in zip(x.shape, self.entries, strict=True):
            count = math.prod(self.sizes[n] for n in names)
            if length % count:
                raise ValueError(f"{self.title}: an axis of length {length} cannot be divided into"
                                 f" {count} equal parts over {names}")
            where |= {n: len(shape) + k for k, n in enumerate(names)}
            shape += [*(self.sizes[n] for n in names), length // count]
            rest.append(len(shape) - 1)
        return transpose(reshape(x, shape), [*(where[n] for n in self.mesh_axes), *rest])

    def join(self, x: Any) -> Any:
        """The whole from its parts along all mesh axes; where they are equal, the first."""
        for axis, n in enumerate(self.sizes):
            if n not in self.mesh_axes:
                x = _first(x, axis)
        lead = len(self.sizes)
        order, shape = [], []
        for k, names in enumerate(self.entries):
            order += [*(list(self.sizes).index(n) for n in names), lead + k]
            shape.append(x.shape[lead + k] * math.prod(self.sizes[n] for n in names))
        order += [i for i, n in enumerate(self.sizes) if n not in self.mesh_axes]
        return reshape(transpose(x, order), shape)


def _first(x: Any, axis: int) -> Any:
    return x[(slice(None),) * axis + (slice(0, 1),)]


class _Mapped:
    """A function of leaves, mapped over the mesh axes; knows the structure of its result."""

    out_tree: Any

    def __init__(self, f: Callable[..., Any], in_tree: Any, sizes: dict[Any, int],
                 mesh_axes: Sequence[Sequence[Any]]):
        def flat(*leaves: Any) -> list[Any]:
            outs, self.out_tree = tree_flatten(f(*tree_unflatten(in_tree, leaves)))
            return outs

        mapped: Callable[..., Any] = flat
        for name, size in reversed(sizes.items()):
            axes = tuple(0 if name in o else None for o in mesh_axes)
            mapped = pmap(mapped, name, in_axes=axes, axis_size=size)
        self.call = mapped


def _sizes(title: str, mesh: Any, axis_names: Any) -> dict[Any, int]:
    """The axes over which a function is mapped, and their sizes."""
    if mesh.empty:
        raise ValueError(f"{title}: which mesh it is for must be said, by mesh= or by set_mesh")
    return {n: s for n, s in mesh.shape.items() if not axis_names or n in axis_names}


def shard_map(f: Callable[..., Any] | None = None, /, *, out_specs: Any = None,
              in_specs: Any = None, mesh: Any = None, axis_names: Any = frozenset(),
              check_vma: bool = True, check_rep: bool = True, auto: Any = frozenset()) -> Any:
    """Map a function over the devices of a mesh; each gets its part of the arguments.

    in_specs, out_specs: PartitionSpecs, or trees of them, that say which mesh axes divide which
    axes of arrays; f may refer to the mesh's axes (or `axis_names`) in collectives. Parts without
    collectives run on threads. Without `mesh`, it is the one that `set_mesh` has set when the
    result is called. Raises ValueError if there is none, or where sizes do not divide.

    >>> import numpy as np
    >>> from ingot.sharding import PartitionSpec, make_mesh
    >>> p, mesh = PartitionSpec("x"), make_mesh((2,), "x")
    >>> shard_map(lambda x: x - x[0], mesh=mesh, in_specs=p, out_specs=p)(np.arange(4))
    Array([0, 1, 0, 1], dtype=int64)
    """
    if f is None:
        return functools.partial(shard_map, out_specs=out_specs, in_specs=in_specs, mesh=mesh,
                                 axis_names=axis_names, check_vma=check_vma)
    check_callable("shard_map", f)
    title = f"shard_map of {function_name(f)}"
    function, known = f, dict[Any, _Mapped]()

    def mapped(*args: Any) -> Any:
        sizes = _sizes(title, abstract_mesh() if mesh is None else mesh, axis_names)
        leaves, tree = tree_flatten(args)
        leaves = [to_array(x) for x in leaves]
        specs = broadcast_prefix(in_specs, args, is_leaf=_is_spec)
        partitionings = [Partitioning(s, sizes, x.ndim, title) for s,
                         x in zip(specs, leaves, strict=True)]
        key = tree, tuple(sizes.items()), *[tuple(w.mesh_axes) for w in partitionings]
        if key not in known:
            known[key] = _Mapped(function, tree, sizes, [w.mesh_axes for w in partitionings])
        outs = known[key].call(*[w.split(x) for w, x in zip(partitionings, leaves, strict=True)])
        result = tree_unflatten(known[key].out_tree, outs)
        specs = broadcast_prefix(out_specs, result, is_leaf=_is_spec)
        return tree_unflatten(known[key].out_tree, [
            Partitioning(s, sizes, x.ndim - len(sizes), title).join(x)
            for s, x in zip(specs, outs, strict=True)])

    return wraps(f)(mapped)
