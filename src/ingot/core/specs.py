"""Partition specs: for each axis of an array, the mesh axes over which it is divided."""

from __future__ import annotations

import enum
import weakref
from collections.abc import Iterator
from typing import Any


class UnreducedKind(enum.Enum):
    """By which operation the parts over unreduced axes are combined into the array."""

    sum = enum.auto()
    max = enum.auto()
    min = enum.auto()


class _Unconstrained:
    """The entry of an axis that the compiler may divide in any way; there is one."""

    def __repr__(self) -> str:
        return "UNCONSTRAINED"

    def __reduce__(self) -> str:
        return "UNCONSTRAINED"


UNCONSTRAINED = _Unconstrained()


def names_of(entry: Any) -> tuple[Any, ...]:
    """Return the mesh axes that an entry of a spec names."""
    if entry is None or entry is UNCONSTRAINED:
        return ()
    return entry if isinstance(entry, tuple) else (entry,)


def filled(wanted: tuple[Any, ...], own: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the entries of a spec with those of another one, as far as they are free, in place of
    unconstrained ones."""
    taken = {name for entry in wanted for name in names_of(entry)}
    return tuple(
        (None if taken.intersection(names_of(o)) else o) if w is UNCONSTRAINED else w
        for w, o in zip(wanted, own, strict=True))


def _entry(entry: Any) -> Any:
    """Return the entry in its one form: a name, a tuple of several, None for none."""
    if isinstance(entry, (tuple, list)):
        for name in entry:
            if isinstance(name, (tuple, list)):
                raise ValueError("A tuple inside PartitionSpec cannot contain a nested tuple, got"
                                 f" {entry!r}; name each mesh axis in one tuple")
        return entry[0] if len(entry) == 1 else tuple(entry) or None
    return entry


def _mesh_axes(what: str, names: Any) -> frozenset[Any]:
    if not isinstance(names, (set, frozenset)):
        raise TypeError(f"{what} argument of PartitionSpec should be of type `frozenset` or `set`,"
                        f" got type {type(names)}")
    if None in names:
        raise ValueError(f"{what} cannot contain None. All elements in {what} should refer to the"
                         " mesh axes.")
    return frozenset(names)


class PartitionSpec:
    """For each axis of an array, the mesh axes over which it is divided: a name, several, None.
    Equal specs are one object.

    unreduced: mesh axes over which parts are still to be combined, by `unreduced_kind`; reduced:
    mesh axes over which the cotangent is unreduced. Raises ValueError where the same mesh axis is
    in several of these.

    >>> ingot.P("x", None)
    P('x', None)
    """

    UNCONSTRAINED = UNCONSTRAINED

    __slots__ = ("__weakref__", "_hash", "partitions", "reduced", "unreduced", "unreduced_kind")

    partitions: tuple[Any, ...]
    unreduced: frozenset[Any]
    reduced: frozenset[Any]
    unreduced_kind: UnreducedKind | None
    _hash: int
    _known: weakref.WeakValueDictionary[Any, PartitionSpec] = weakref.WeakValueDictionary()

    def __new__(cls, *partitions: Any, unreduced: Any = frozenset(), reduced: Any = frozenset(),
                unreduced_kind: UnreducedKind | None = None) -> PartitionSpec:
        unreduced, reduced = _mesh_axes("unreduced", unreduced), _mesh_axes("reduced", reduced)
        if unreduced_kind is not None and not isinstance(unreduced_kind, UnreducedKind):
            raise TypeError("Expected unreduced_kind to be of type `UnreducedKind` but got"
                            f" {type(unreduced_kind)}")
        kind = (unreduced_kind or UnreducedKind.sum) if unreduced else None
        key = tuple([_entry(p) for p in partitions]), unreduced, reduced, kind
        found = cls._known.get(key)
        return found if found is not None else cls._make(key)

    @classmethod
    def _make(cls, key: Any) -> PartitionSpec:
        self = object.__new__(cls)
        self.partitions, self.unreduced, self.reduced, self.unreduced_kind = key
        self._hash = hash(key)
        if self.unreduced or self.reduced:
            self._check_overlaps()
        return cls._known.setdefault(key, self)

    def __init_subclass__(cls) -> None:
        raise TypeError("Subclassing `jax.P` is prohibited: equal specs are one object")

    def _check_overlaps(self) -> None:
        used = frozenset(self.names())
        for name in ("unreduced", "reduced"):
            axes = getattr(self, name)
            if used & axes:
                raise ValueError(f"partitions cannot overlap with {name} axes passed to"
                                 f" PartitionSpec. Got partitions: {self.partitions} and {name}"
                                 f" axes: {axes}")
        if self.unreduced & self.reduced:
            raise ValueError("`unreduced` and `reduced` argument to PartitionSpec cannot overlap."
                             f" Got unreduced: {self.unreduced} and reduced: {self.reduced}")

    def names(self) -> list[Any]:
        """Return the mesh axes that divide the array, in the order of its axes."""
        return [n for p in self.partitions for n in names_of(p)]

    def update(self, **changes: Any) -> PartitionSpec:
        """A copy with some fields replaced."""
        return PartitionSpec(*changes.get("partitions", self.partitions),
                             unreduced=changes.get("unreduced", self.unreduced),
                             reduced=changes.get("reduced", self.reduced),
                             unreduced_kind=changes.get("unreduced_kind", self.unreduced_kind))

    def to_tangent_spec(self) -> PartitionSpec:
        """The spec of tangents: the same."""
        return self

    def to_ct_spec(self) -> PartitionSpec:
        """The spec of cotangents: what is reduced in one is unreduced in the other."""
        return PartitionSpec(*self.partitions, unreduced=self.reduced, reduced=self.unreduced)

    def padded(self, ndim: int) -> PartitionSpec:
        """Return the spec with an entry for each of `ndim` axes."""
        return self.update(partitions=self.partitions + (None,) * (ndim - len(self.partitions)))

    _normalized_spec_for_aval = padded

    def index(self, entry: Any) -> int:
        """The position of an entry; ValueError if it is not there."""
        return self.partitions.index(_entry(entry))

    def count(self, entry: Any) -> int:
        """How many entries are this one."""
        return self.partitions.count(_entry(entry))

    def __getitem__(self, i: Any) -> Any:
        return self.partitions[i]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.partitions)

    def __len__(self) -> int:
        return len(self.partitions)

    def __add__(self, other: Any) -> PartitionSpec:
        if isinstance(other, PartitionSpec):
            if self.unreduced_kind is not other.unreduced_kind:
                raise TypeError("PartitionSpec can't be added if the unreduced_kind differs in self"
                                f" and other. Got self={self!r} and other={other!r}")
            return self.update(partitions=self.partitions + other.partitions,
                               unreduced=self.unreduced | other.unreduced,
                               reduced=self.reduced | other.reduced)
        if not isinstance(other, tuple):
            return NotImplemented
        return self._join("__add__", self.partitions + other, other)

    def __radd__(self, other: Any) -> PartitionSpec:
        if not isinstance(other, tuple):
            return NotImplemented
        return self._join("__radd__", other + self.partitions, other)

    def _join(self, method: str, partitions: tuple[Any, ...], other: tuple[Any, ...]
              ) -> PartitionSpec:
        for name in ("unreduced", "reduced"):
            if getattr(self, name):
                raise TypeError(f"other {other} cannot be of instance `tuple` when self {self!r}"
                                f" has {name} in `{method}` of PartitionSpec")
        return PartitionSpec(*partitions)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, PartitionSpec)
            and self._hash == other._hash
            and self.partitions == other.partitions
            and self.unreduced == other.unreduced
            and self.reduced == other.reduced
            and self.unreduced_kind is other.unreduced_kind
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        if not self.unreduced and not self.reduced:
            return f"P{self.partitions!r}"
        entries = list(map(repr, self.partitions))
        entries += [f"{name}={{{', '.join(sorted(map(repr, axes)))}}}" for name, axes in (
            ("unreduced", self.unreduced), ("reduced", self.reduced)) if axes]
        if self.unreduced_kind is not None:
            entries.append(f"unreduced_kind={self.unreduced_kind.name}")
        return f"P({', '.join(entries)})"

    def __reduce__(self) -> Any:
        return _spec, (self.partitions, self.unreduced, self.reduced, self.unreduced_kind)


def _spec(partitions: Any, unreduced: Any, reduced: Any, kind: Any) -> PartitionSpec:
    return PartitionSpec(*partitions, unreduced=unreduced, reduced=reduced, unreduced_kind=kind)
