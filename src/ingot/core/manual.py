"""What types say of the Manual axes of a mesh: along which of them the parts differ, and how."""

from __future__ import annotations

from typing import Any

from ingot.core.specs import UnreducedKind

NOWHERE: frozenset[Any] = frozenset()


class ManualAxisType:
    """How the parts of an array along the Manual axes of a mesh belong together.

    varying: axes along which they differ; unreduced: those along which their sum (or what
    `unreduced_kind` says) is the value; reduced: those along which they are equal, and their
    cotangents unreduced. They are equal along all other axes. Raises TypeError unless these are
    sets, ValueError for an axis that is varying and one of the others.

    >>> ManualAxisType(varying={"x"}).varying
    frozenset({'x'})
    """

    __slots__ = ("_hash", "reduced", "unreduced", "unreduced_kind", "varying")

    def __init__(self, *, varying: Any = NOWHERE, unreduced: Any = NOWHERE,
                 reduced: Any = NOWHERE, unreduced_kind: UnreducedKind | None = None):
        self._set("varying", _axes("varying", varying))
        self._set("unreduced", _axes("unreduced", unreduced))
        self._set("reduced", _axes("reduced", reduced))
        for name in ("unreduced", "reduced"):
            if self.varying & getattr(self, name):
                raise ValueError(f"varying and {name} cannot have common mesh axes, got"
                                 f" varying={self.varying} and {name}={getattr(self, name)}")
        if unreduced_kind is not None and not isinstance(unreduced_kind, UnreducedKind):
            raise TypeError("Expected unreduced_kind to be of type `jax.sharding.UnreducedKind` but"
                            f" got {type(unreduced_kind)}")
        if unreduced_kind is not None and not self.unreduced:
            raise ValueError("`unreduced_kind` should be `None` when `unreduced` is an empty set,"
                             f" got {unreduced_kind}")
        self._set("unreduced_kind", (unreduced_kind or UnreducedKind.sum) if self.unreduced
                  else None)
        self._set("_hash", hash((self.varying, self.unreduced, self.reduced, self.unreduced_kind)))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"ManualAxisType cannot be changed, to {name}={value}; use update")

    def update(self, **changes: Any) -> ManualAxisType:
        """A copy with some fields replaced; what is nowhere unreduced has no kind."""
        fields = {n: changes.get(n, getattr(self, n)) for n in (
            "varying", "unreduced", "reduced", "unreduced_kind")}
        if not fields["unreduced"]:
            fields["unreduced_kind"] = None
        return ManualAxisType(**fields)

    def to_ct_mat(self) -> ManualAxisType:
        """The type of cotangents: what is reduced in one is unreduced in the other."""
        if not (self.unreduced or self.reduced):
            return self
        return ManualAxisType(varying=self.varying, unreduced=self.reduced, reduced=self.unreduced)

    @property
    def vur(self) -> frozenset[Any]:
        """All axes of which it says something."""
        return self.varying | self.unreduced | self.reduced

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        return not self

    def __bool__(self) -> bool:
        return bool(self.varying or self.unreduced or self.reduced)

    def invarying(self, mesh: Any) -> frozenset[Any]:
        """The Manual axes of a mesh along which parts are equal."""
        return frozenset(mesh.manual_axes) - self.vur

    def within(self, axes: Any) -> ManualAxisType:
        """What it says of some axes alone."""
        return self.update(varying=self.varying.intersection(axes),
                           unreduced=self.unreduced.intersection(axes),
                           reduced=self.reduced.intersection(axes))

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is ManualAxisType and self._hash == other._hash
            and self.varying == other.varying and self.unreduced == other.unreduced
            and self.reduced == other.reduced and self.unreduced_kind is other.unreduced_kind)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return (f"ManualAxisType(varying={self.varying}, unreduced={self.unreduced},"
                f" reduced={self.reduced}, unreduced_kind={self.unreduced_kind})")

    def __reduce__(self) -> Any:
        return _rebuild, (self.varying, self.unreduced, self.reduced, self.unreduced_kind)


def _rebuild(varying: Any, unreduced: Any, reduced: Any, kind: Any) -> ManualAxisType:
    return ManualAxisType(varying=varying, unreduced=unreduced, reduced=reduced,
                          unreduced_kind=kind)


def _axes(name: str, axes: Any) -> frozenset[Any]:
    if not isinstance(axes, (set, frozenset)):
        raise TypeError(f"{name} argument of ManualAxisType should be of type `frozenset` or `set`,"
                        f" got type {type(axes)}")
    return frozenset(axes)


EVERYWHERE_EQUAL = ManualAxisType()
