"""Results that are divided over Explicit axes as `out_sharding=` tells."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.mesh import AxisType, abstract_mesh, concrete_mesh
from ingot.core.placement import check_divisible
from ingot.core.sharding import NamedSharding
from ingot.core.specs import PartitionSpec, UnreducedKind, names_of
from ingot.errors import ShardingTypeError
from ingot.primitives.constraint import own_part, reshard, reshard_p
from ingot.tree import tree_map
from ingot.util import update_wrapper


def over_mesh(title: str, spec: PartitionSpec, why: str = "") -> NamedSharding:
    """Return the sharding that a spec stands for, over the mesh in force; ValueError if there is
    none, which may say why."""
    mesh = concrete_mesh() if config.abstract_mesh is None else config.abstract_mesh
    if mesh.empty:
        raise ValueError(why or f"{title}: Using PartitionSpec when you are not under a mesh"
                         f" context is not allowed, got {spec!r}; use set_mesh, or pass a"
                         " NamedSharding")
    return NamedSharding(mesh, spec)


def says_nothing(out_sharding: Any) -> bool:
    """Return whether `out_sharding=` leaves the result to the operations: None, or the sharding of
    a type outside of all meshes."""
    return out_sharding is None or (isinstance(out_sharding, NamedSharding)
                                    and out_sharding.mesh.empty)


def explicit_sharding(title: str, given: Any, check_mesh: bool = True) -> NamedSharding:
    """Return what `out_sharding=` says as a sharding over Explicit axes.

    Raises TypeError unless it is a NamedSharding or a PartitionSpec, ValueError for a spec without
    a mesh, for another mesh than that in force, and if it names other axes.
    """
    sharding = over_mesh(title, given) if isinstance(given, PartitionSpec) else given
    if not isinstance(sharding, NamedSharding):
        raise TypeError(f"{title}: `out_sharding` must be a NamedSharding or a PartitionSpec, got"
                        f" {given!r:.80} of type {type(given)}")
    if sharding._memory_kind not in (None, "device"):
        raise ValueError(f"{title}: sharding with memory_kind is not allowed, got {sharding}; use"
                         " device_put to move the result to another memory")
    mesh, known = sharding.mesh.abstract_mesh, abstract_mesh()
    if check_mesh and mesh != known and not known.empty and not (
            mesh.are_all_axes_auto and known.are_all_axes_auto):
        raise ValueError(f"{title}: Context mesh {known} should match the mesh of sharding {mesh};"
                         " use set_mesh, or a PartitionSpec")
    spec = sharding.spec
    for name in (*spec.names(), *spec.unreduced, *spec.reduced):
        if mesh._name_to_type[name] is not AxisType.Explicit:
            raise ValueError(
                f"PartitionSpec passed to {title} cannot contain axis names that are of type Auto"
                f" or Manual, got {spec!r} with {name!r} of type {mesh._name_to_type[name]}; leave"
                " it out, or use with_sharding_constraint")
    return sharding


def divided(title: str, fun: Callable[..., Any], out_sharding: Any, *args: Any, **kwargs: Any
            ) -> Any:
    """Return `fun(*args, **kwargs)` divided as told, whatever its operations say of Explicit axes.

    Raises TypeError unless `out_sharding` is a NamedSharding, a PartitionSpec for the mesh that is
    set, or None, which lets the operations say it; ValueError where axes are not divisible.
    """
    if says_nothing(out_sharding):
        return fun(*args, **kwargs)
    sharding = explicit_sharding(title, out_sharding)
    args, kwargs = tree_map(let_compiler_divide, (args, kwargs), is_leaf=lambda x: x is None)
    with config.override("abstract_mesh", automatic(sharding.mesh)):
        out = fun(*args, **kwargs)
    if title == "at[].get":  # the sharding may be that of the array, which has more axes
        sharding = _without_spare_entries(sharding, typeof(out).ndim)
    check_divides(title, typeof(out), sharding)
    return reshard(out, sharding)


def _without_spare_entries(sharding: NamedSharding, ndim: int) -> NamedSharding:
    """The sharding without entries for axes that an array has not, if they name none."""
    spec = sharding.spec
    if len(spec) <= ndim or any(map(names_of, spec.partitions[ndim:])):
        return sharding
    return sharding.update(spec=spec.update(partitions=spec.partitions[:ndim]))


def check_divides(title: str, aval: ShapedArray, sharding: NamedSharding) -> None:
    """Raise ValueError unless a sharding has no more entries than an array has axes, and divides
    these into equal parts."""
    if len(sharding.spec) > aval.ndim:
        raise ValueError(f"{title}: Length of sharding.spec ({len(sharding.spec)}) must not exceed"
                         f" the number of axes of {aval}, got {sharding.spec!r}")
    check_divisible(title, aval, sharding)


def takes_out_sharding(fun: Callable[..., Any], sums: bool = True,
                       fill: Callable[[Any], Any] | None = None) -> Any:
    """Decorate a function of arrays to one array that has a keyword argument `out_sharding`: its
    result is divided as that says. The function itself does not look at it. One that does not sum
    has no unreduced results: NotImplementedError. Of one that sums over its first argument, `fill`
    says by its dtype which elements do not count."""

    def told(*args: Any, **kwargs: Any) -> Any:
        out_sharding = kwargs.pop("out_sharding", None)
        if says_nothing(out_sharding):
            return fun(*args, **kwargs)
        if not sums and getattr(out_sharding, "spec", out_sharding).unreduced:
            raise NotImplementedError(f"{fun.__name__}: unreduced results are not supported where"
                                      f" parts are not summed, got {out_sharding!r}")
        if fill is not None and args and hasattr(args[0], "aval"):
            args = (own_part(args[0], out_sharding, fill(args[0].dtype)), *args[1:])
        return divided(fun.__name__, fun, out_sharding, *args, **kwargs)

    return update_wrapper(told, fun)


def divided_like(x: Any, aval: ShapedArray) -> Any:
    """Return an array divided as a type says, if it has its shape; never unreduced."""
    if aval._sharding is None or typeof(x).shape != aval.shape:
        return x
    spec = aval._sharding.spec
    return reshard(x, aval._sharding.update(spec=PartitionSpec(
        *spec.partitions, reduced=spec.reduced)))


def divided_reduction(primitive: Any, kind: UnreducedKind, out_sharding: Any, x: Any,
                      axes: tuple[int, ...]) -> Any:
    """Return a reduction over some axes, divided as told: it may be unreduced over mesh axes that
    divide these, and over which the array is unreduced."""
    title, aval = primitive.name, typeof(x)
    spec = explicit_sharding(title, out_sharding).spec
    if spec.reduced:
        raise ValueError(f"{title}: out_sharding cannot be reduced, got {spec!r}")
    if spec.unreduced:
        if spec.unreduced_kind is not kind:
            raise ShardingTypeError(f"{title} requires out_sharding's unreduced_kind to be"
                                    f" {kind.name}, got {spec!r}")
        given = aval.sharding.spec
        used = {n for a in axes for n in names_of(given.padded(aval.ndim)[a])} | given.unreduced
        if not spec.unreduced <= used:
            raise ShardingTypeError("out_sharding's unreduced axes should be in operand's specs"
                                    f" that were {title} over, got {aval}, {axes=} and {spec!r}")
    if not spec.unreduced or kind is UnreducedKind.sum:
        return divided(title, primitive.bind, out_sharding, undivided(own_part(x, spec)), axes=axes)
    sharding = explicit_sharding(title, out_sharding)
    least = end_of(aval.dtype, lowest=kind is UnreducedKind.max)
    out = primitive.bind(undivided(own_part(x, spec, least)), axes=axes)
    check_divides(title, typeof(out), sharding)
    return reshard_p.bind(out, dst_sharding=sharding.update(spec=spec.padded(typeof(out).ndim)))


def end_of(dtype: Any, lowest: bool) -> Any:
    """Return the lowest or the highest value of a dtype."""
    if dtypes.issubdtype(dtype, np.inexact):
        return -math.inf if lowest else math.inf
    if dtypes.kind(dtype) == "b":
        return not lowest
    return int(dtypes.iinfo(dtype).min if lowest else dtypes.iinfo(dtype).max)


def automatic(mesh: Any) -> Any:
    """Return the mesh without devices, with Auto axes in place of Explicit ones."""
    return mesh.abstract_mesh.update_axis_types(dict.fromkeys(mesh.explicit_axes, AxisType.Auto))


def let_compiler_divide(x: Any) -> Any:
    """Return an array whose type does not say how axes divide it, for they are Auto now; anything
    else as it is. ShardingTypeError if it is unreduced."""
    aval = getattr(x, "aval", None)
    if type(aval) is not ShapedArray or aval._sharding is None:
        return x
    if aval._sharding.spec.unreduced:
        raise ShardingTypeError(f"an argument is unreduced, {aval}, where another operation than a"
                                " sum may follow; reshard it first")
    return _cast(x, aval)


def _cast(x: Any, aval: ShapedArray) -> Any:
    sharding: Any = aval._sharding
    spec = PartitionSpec(*sharding.spec.partitions)
    return reshard_p.bind(x, dst_sharding=NamedSharding(automatic(sharding.mesh), spec))


def undivided(x: Any) -> Any:
    """Return an argument of a linear operation whose type says nothing of Explicit axes."""
    aval = typeof(x)
    return x if aval._sharding is None else _cast(x, aval)


# ---- contractions --------------------------------------------------------------------------------
def own_parts(xs: Sequence[Any], out_sharding: Any) -> list[Any]:
    """Return arguments whose product is unreduced: the first one that is divided by its own part.
    """
    marked = [own_part(x, out_sharding) for x in xs]
    first = next((k for k, (x, m) in enumerate(zip(xs, marked, strict=True)) if x is not m), 0)
    return [*xs[:first], *marked[first:first + 1], *xs[first + 1:]]


def check_contracted(title: str, out_sharding: Any, *operands: tuple[Any, Sequence[int]]) -> None:
    """Raise ShardingTypeError unless a contraction of arrays over some axes of each can give the
    result that is told: unreduced over those mesh axes alone that divide the contracted axes."""
    if says_nothing(out_sharding):
        return
    given = [typeof(x) for x, _ in operands]
    types = ", ".join(map(str, given))
    if any(a._sharding is not None and a._sharding.spec.unreduced for a in given):
        raise ShardingTypeError("lhs or rhs passed to dot_general cannot be unreduced, got"
                                f" {title} of {types}; reshard it first")
    spec = explicit_sharding(title, out_sharding).spec
    if not spec.unreduced:
        return
    if spec.unreduced_kind is not UnreducedKind.sum:
        raise ValueError("`out_sharding` passed to `dot_general` can only contain unreduced of kind"
                         f" `sum`, got {title} with {spec!r}")
    contracted = [tuple(a.sharding.spec.padded(a.ndim)[k] for k in axes)
                  for a, (_, axes) in zip(given, operands, strict=True)]
    if len(set(contracted)) > 1:
        raise ShardingTypeError("lhs and rhs contracting dims should be sharded identically where"
                                f" out_sharding is unreduced, got {title} of {types}; reshard one")
    if spec.unreduced != {n for e in contracted[0] for n in names_of(e)}:
        raise ShardingTypeError("out_sharding's unreduced axes should be equal to the contracting"
                                f" specs {contracted[0]}, got {title} of {types} and {spec!r}")
