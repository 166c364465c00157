"""What `shard_map` asks of meshes, specs, arguments and results, and the errors it raises."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.api.arguments import argument_names, function_name
from ingot.core.avals import ShapedArray, restricted, shown_axes
from ingot.core.axis_env import mapped_mesh_axes
from ingot.core.mesh import AbstractMesh, AxisType, BaseMesh, Mesh, abstract_mesh
from ingot.core.sharding import NamedSharding
from ingot.core.specs import PartitionSpec, names_of
from ingot.tree import (
    PyTreeDef,
    broadcast_prefix,
    keystr,
    prefix_errors,
    tree_flatten_with_path,
    tree_unflatten,
)


class Infer:
    """Stands for `in_specs` where arguments' types say how they are divided; there is one."""

    def __repr__(self) -> str:
        return "jax.sharding.Infer"


INFER = Infer()


def is_none(x: Any) -> bool:
    """Whether a spec says that its argument is no array, but static."""
    return x is None


# ---- the mesh ------------------------------------------------------------------------------------
def checked_mesh(title: str, given: Any) -> BaseMesh:
    """Return the mesh that is meant: the one given, else the one in force; they must agree.

    Raises TypeError for what is no mesh, ValueError if there is none.
    """
    context = abstract_mesh()
    if given is None:
        if context.empty:
            raise ValueError(f"{title}: The context mesh cannot be empty; which mesh it is for must"
                             " be said, by mesh= or by set_mesh")
        return context
    if not isinstance(given, (Mesh, AbstractMesh)):
        raise TypeError(f"{title}: shard_map requires a `Mesh` or an `AbstractMesh` instance for"
                        f" its mesh, got {given!r:.80}")
    if given.empty:
        raise ValueError(f"{title}: shard_map requires a non-empty mesh, got {given}")
    if not context.empty and given.abstract_mesh != context:
        raise ValueError(f"{title}: The context mesh {context} should match the mesh passed to"
                         f" shard_map {given}; leave mesh= out")
    return given


def manual_axes(title: str, mesh: BaseMesh, axis_names: Any) -> frozenset[Any]:
    """Return the axes that become Manual: those named, by default all that are not yet, but for
    Explicit ones that divide an axis that is mapped.

    Raises TypeError unless they are a set, ValueError for axes that the mesh does not have.
    """
    if not isinstance(axis_names, (set, frozenset)):
        raise TypeError(f"{title}: `axis_names` argument of shard_map should be of type `frozenset`"
                        f" or `set`, got {axis_names!r} of type {type(axis_names)}")
    known = set(mesh.axis_names) - mapped_mesh_axes()
    names = frozenset(axis_names or known)
    if not names <= known:
        raise ValueError(f"{title}: jax.shard_map requires axis_names={set(names)} to be a subset"
                         f" of mesh.axis_names={known}")
    return names.difference(mesh.manual_axes)


def are_explicit(mesh: BaseMesh, axes: Any) -> bool:
    """Whether types say how these axes divide arrays."""
    return all(mesh._name_to_type[n] is AxisType.Explicit for n in axes)


# ---- specs ---------------------------------------------------------------------------------------
def check_specs(title: str, what: str, specs: Any, manual: frozenset[Any]) -> None:
    """Raise TypeError for leaves that are no specs, ValueError for axes that are not Manual."""
    for path, spec in tree_flatten_with_path(specs)[0]:
        place = f"{what}{keystr(path)}"
        if not isinstance(spec, PartitionSpec):
            raise TypeError(f"{title}: shard_map {what} argument must be a pytree of"
                            f" `PartitionSpec` instances, but {place} is {spec!r:.60} of type"
                            f" {type(spec).__name__}")
        for name in (*spec.names(), *spec.unreduced, *spec.reduced):
            if name not in manual:
                raise ValueError(f"{title}: shard_map {what} argument must refer to an axis marked"
                                 f" as manual ({set(manual)}), but {place} refers to {name!r}")


def flat_specs(title: str, what: str, specs: Any, values: Any, is_leaf: Any = None) -> list[Any]:
    """Return a spec for each leaf; ValueError unless they are a prefix of the values."""
    errors = prefix_errors(specs, values, is_leaf)
    if errors:
        text = str(errors[0](f"shard_map {what}")).removeprefix("pytrees must match: ")
        raise ValueError(f"pytree structure error: {title}: {what} must be a prefix of the"
                         f" structure of what it is for: {text}")
    return broadcast_prefix(specs, values, is_leaf)


def spec_paths(specs: Any, values: Any, is_leaf: Any = None) -> list[str]:
    """Return where the spec of each leaf stands, as text."""
    pairs, tree = tree_flatten_with_path(specs, is_leaf)
    return broadcast_prefix(tree_unflatten(tree, [keystr(path) for path, _ in pairs]), values)


def manual_spec(title: str, spec: PartitionSpec, manual: frozenset[Any]) -> PartitionSpec:
    """Return what a type says of the axes that become Manual; ValueError where another axis
    divides an axis of the array before one of them."""
    entries = []
    for entry in spec.partitions:
        names = names_of(entry)
        kept = tuple(n for n in names if n in manual)
        if kept != names[:len(kept)]:
            raise ValueError(f"{title}: Invalid spec: {spec!r} has axes that are not manual before"
                             f" others that are ({set(manual)}); reshard the argument first")
        entries.append(kept)
    unreduced = spec.unreduced & manual
    return PartitionSpec(*entries, unreduced=unreduced, reduced=spec.reduced & manual,
                         unreduced_kind=spec.unreduced_kind if unreduced else None)


# ---- arguments -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class ArgumentChecks:
    """What the arguments of one call must be like."""

    title: str
    fun: Callable[..., Any]
    mesh: BaseMesh
    manual: frozenset[Any]
    args: tuple[Any, ...]
    in_specs: Any

    def name(self, k: int) -> str:
        """What a message calls a leaf of the arguments."""
        return argument_names(self.fun, self.args, {})[k]

    def place(self, k: int) -> str:
        """Where the spec of a leaf stands."""
        if self.in_specs is INFER:
            return "in_specs"
        return "in_specs" + spec_paths(self.in_specs, self.args, is_none)[k]

    def __call__(self, k: int, aval: ShapedArray, spec: PartitionSpec) -> None:
        """Raise ValueError unless a spec fits the type of leaf k."""
        if len(spec) > aval.ndim:
            hint = "" if aval.ndim else "; consider using an in_specs entry of `P()` for scalars"
            raise ValueError(
                f"{self.title} was given an in_specs entry which is too long to be compatible with"
                f" the input: {self.place(k)} is {spec!r}, which has length {len(spec)}, but"
                f" {self.name(k)} is of type {aval}, which has rank {aval.ndim}{hint}")
        NamedSharding(self.mesh, spec)  # raises if an axis of the mesh divides two axes
        self._check_divisible(k, aval, spec)
        self._check_type(k, aval, spec)

    def _check_divisible(self, k: int, aval: ShapedArray, spec: PartitionSpec) -> None:
        for axis, (n, entry) in enumerate(zip(aval.shape, spec.padded(aval.ndim), strict=True)):
            count = math.prod(self.mesh.shape[m] for m in names_of(entry))
            if n % count:
                raise ValueError(
                    f"{self.title} was given argument arrays with axis sizes that are not evenly"
                    f" divisible by the corresponding mesh axis sizes: axis {axis} of"
                    f" {self.name(k)}, of type {aval}, of length {n} cannot be divided into {count}"
                    f" equal parts over {names_of(entry)}, as {self.place(k)} says; pad the array")

    def _check_type(self, k: int, aval: ShapedArray, spec: PartitionSpec) -> None:
        """What the type of an argument says of Explicit axes is what its spec says."""
        if not are_explicit(self.mesh, self.manual):
            return
        said = aval.sharding.spec
        for field in ("unreduced", "reduced", "unreduced_kind"):
            part = manual_spec(self.title, said.update(partitions=()), self.manual)
            if getattr(part, field) != getattr(spec, field):
                raise ValueError(f"{self.title}: in_specs containing {field} passed to shard_map"
                                 f" should be equal to that of the input: {self.place(k)} is"
                                 f" {spec!r}, but {self.name(k)} is of type {aval}")
        whole = set(self.mesh.axis_names) - self.manual
        theirs = manual_spec(self.title, said, self.manual) if whole else said
        shown = shown_axes(self.mesh)
        if theirs.padded(aval.ndim) != restricted(spec, shown).padded(aval.ndim):
            raise ValueError(f"{self.title}: in_specs passed to shard_map: {spec!r} does not match"
                             f" the specs of the input: {said!r} for {self.name(k)} of type {aval};"
                             " leave in_specs out, or reshard the argument first")


# ---- results -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ResultChecks:
    """What the results of a traced function must be like."""

    title: str
    mesh: BaseMesh
    manual: frozenset[Any]
    check_vma: bool
    out_specs: Any

    def __call__(self, tree: PyTreeDef, avals: Sequence[ShapedArray]) -> list[PartitionSpec]:
        """Return a spec for each result; ValueError unless it fits the type of its part."""
        values = tree_unflatten(tree, avals)
        specs = flat_specs(self.title, "out_specs", self.out_specs, values)
        paths: Iterator[str] | list[str] = spec_paths(self.out_specs, values)
        for path, spec, aval in zip(paths, specs, avals, strict=True):
            self._check(f"out_specs{path}", spec, aval)
        return specs

    def _check(self, place: str, spec: PartitionSpec, aval: ShapedArray) -> None:
        if len(spec) > aval.ndim:
            hint = "" if aval.ndim else "; consider using an out_specs entry of `P()` for scalars"
            raise ValueError(
                f"{self.title} was given an out_specs entry which is too long to be compatible with"
                f" the output: {place} is {spec!r}, which has length {len(spec)}, but a result is"
                f" of type {aval}, which has rank {aval.ndim}{hint}")
        if self.check_vma:
            self._check_unreduced(place, spec, aval)
            self._check_varying(place, spec, aval)
        NamedSharding(self.mesh, spec)

    def _check_unreduced(self, place: str, spec: PartitionSpec, aval: ShapedArray) -> None:
        mat = aval.mat.within(self.manual)
        for field in ("unreduced", "unreduced_kind", "reduced"):
            if getattr(spec, field) != getattr(mat, field):
                raise ValueError(f"{self.title}: out_specs passed to shard_map should be equal to"
                                 f" the {field} present on the result: {place} is {spec!r}, and the"
                                 f" result is of type {aval}; lax.psum or lax.pcast it")

    def _check_varying(self, place: str, spec: PartitionSpec, aval: ShapedArray) -> None:
        extra = (aval.vma & self.manual) - frozenset(spec.names())
        if extra:
            raise ValueError(
                f"{self.title} was given out_specs which require replication which can't be"
                f" statically inferred given the mesh {self.mesh}: {place} is {spec!r} which"
                " implies that the corresponding output value is only varying across mesh axes"
                f" {self._set(spec.names())} and not {self._set(extra)}, but it was inferred to be"
                f" possibly varying over {self._set(aval.vma)}: it is of type {aval}; name these"
                " axes in out_specs, psum over them, or set check_vma=False")

    def _set(self, names: Any) -> str:
        return "{" + ",".join(str(n) for n in self.mesh.axis_names if n in names) + "}"


def title_of(fun: Callable[..., Any]) -> str:
    """What messages call a call of `shard_map`."""
    return f"shard_map applied to the function '{function_name(fun)}'"
