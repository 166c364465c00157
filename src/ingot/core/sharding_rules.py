"""Sharding rules: which axes of operands and results are the same, by names of their factors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingot.core.specs import PartitionSpec, names_of

BATCHING = "…"
"""The first entry of an `ArrayMapping` that stands for any number of leading axes."""


class CompoundFactor(tuple[str, ...]):
    """The factors of an axis whose length is their product, the major one first.

    factors: two names or more; ValueError for fewer.

    >>> CompoundFactor("i", "j")
    ('i', 'j')
    """

    def __new__(cls, *factors: str) -> CompoundFactor:
        if len(factors) < 2:
            raise ValueError("A compound factor should contain at least two factors")
        ArrayMapping(*factors)
        return super().__new__(cls, factors)


class ArrayMapping(tuple[Any, ...]):
    """The factors of the axes of one array: a name, or a `CompoundFactor`, for each.

    dim_mappings: these, after `BATCHING` for any leading axes. Raises ValueError for others.

    >>> ArrayMapping("i", CompoundFactor("j", "k"))
    ('i', ('j', 'k'))
    """

    def __new__(cls, *dim_mappings: Any) -> ArrayMapping:
        for k, entry in enumerate(dim_mappings):
            if not isinstance(entry, (str, CompoundFactor)):
                raise ValueError("Each element of ArrayMapping must be a str or CompoundFactor, but"
                                 f" got {type(entry)}")
            if isinstance(entry, str) and entry.startswith(BATCHING):
                if k:
                    raise ValueError("Ellipsis can only be used at the beginning of a dimension")
            elif isinstance(entry, str) and not entry[:1].isalpha():
                raise ValueError(f"Factor names have to start with a letter, but got {entry!r}")
        return super().__new__(cls, dim_mappings)


def _mappings(given: Any) -> tuple[ArrayMapping, ...]:
    return tuple(m if isinstance(m, ArrayMapping) else ArrayMapping(*m) for m in given)


class SdyShardingRule:
    """How a function's results are divided, given how its operands are.

    operand_mappings, result_mappings: an `ArrayMapping` for each array. reduction_factors: those
    over which results are sums; need_replication_factors: those that no axis of a mesh may divide;
    permutation_factors: those along which devices exchange parts; factor_sizes: lengths of the
    factors in compound ones. Raises ValueError for factors that do not occur.

    >>> SdyShardingRule((("i", "j"),), (("i",),), reduction_factors=("j",))
    SdyShardingRule((('i', 'j'),), (('i',),), {} reduction_factors=('j',))
    """

    _KINDS = ("reduction_factors", "need_replication_factors", "permutation_factors")

    def __init__(self, operand_mappings: Any, result_mappings: Any, *,
                 reduction_factors: tuple[str, ...] = (),
                 need_replication_factors: tuple[str, ...] = (),
                 permutation_factors: tuple[str, ...] = (), **factor_sizes: int):
        self.operand_mappings = _mappings(operand_mappings)
        self.result_mappings = _mappings(result_mappings)
        self.factor_sizes = factor_sizes
        self.reduction_factors = reduction_factors
        self.need_replication_factors = need_replication_factors
        self.permutation_factors = permutation_factors
        self._check()

    def _check(self) -> None:
        entries = [e for m in (*self.operand_mappings, *self.result_mappings) for e in m]
        alone = {e for e in entries if isinstance(e, str)}
        used = alone.union(*(e for e in entries if not isinstance(e, str)))
        for name in self.factor_sizes:
            if name not in used:
                raise ValueError(f"Factor {name} is not used in the rule, but size is provided")
            if name in alone:
                raise ValueError(f"Factor {name} represents a whole dimension; do not specify its"
                                 " size")
        seen: set[str] = set()
        for kind in self._KINDS:
            for name in getattr(self, kind):
                if name not in used:
                    raise ValueError(f"Factor {name} in {kind} is not used in the rule")
                if name in seen:
                    raise ValueError(f"Factor {name} can only be in one of the reduction, need"
                                     " replication, or permutation factor sets.")
                seen.add(name)

    def __repr__(self) -> str:
        kinds = "".join(f" {k}={getattr(self, k)}" for k in self._KINDS if getattr(self, k))
        return (f"SdyShardingRule({self.operand_mappings}, {self.result_mappings},"
                f" {self.factor_sizes}{kinds})")


# ---- rules as text -------------------------------------------------------------------------------
def parse_rule(rule: Any, **options: Any) -> SdyShardingRule:
    """Return the rule that a text like "i j, (j k) -> i k" describes.

    rule: names of factors, compound ones in brackets, "..." for leading axes. options: those of
    `SdyShardingRule`. Raises TypeError for what is no text, ValueError for another form.

    >>> parse_rule("... i, i -> ...", reduction_factors=("i",)).result_mappings
    (('…0',),)
    """
    if not isinstance(rule, str):
        raise TypeError(f"rule must be a str, but got {type(rule)}")
    sides = rule.split("->")
    if len(sides) != 2:
        raise ValueError(f"There is no -> in rule: {rule!r}")
    operands, results = ([ArrayMapping(*_entries(text)) for text in side.split(",")]
                         for side in sides)
    return SdyShardingRule(operands, results, **options)


def _entries(text: str) -> Iterator[Any]:
    for group, word in re.findall(r"\(([^()]*)\)|([^\s()]+)", text):
        if word:
            yield f"{BATCHING}{word[3:] or 0}" if word.startswith("...") else word
        elif len(group.split()) < 2:
            raise ValueError("Brackets should contain at least two factors")
        else:
            yield CompoundFactor(*group.split())


# ---- how arrays are divided ----------------------------------------------------------------------
Dim = list[tuple[str, int | None]]
"""The factors of an axis with their lengths, where these are known."""


def _dims(mapping: ArrayMapping, shape: Sequence[int], sizes: Mapping[str, int]) -> list[Dim]:
    entries: list[Any] = list(mapping)
    if entries and isinstance(entries[0], str) and entries[0].startswith(BATCHING):
        extra = len(shape) - len(entries) + 1
        entries[:1] = [f"{entries[0]}.{k}" for k in range(extra)]
    if len(entries) != len(shape):
        raise ValueError(f"sharding_rule: {mapping} has {len(entries)} axes, the array"
                         f" {len(shape)}")
    return [[(e, n)] if isinstance(e, str) else [(f, sizes.get(f)) for f in e]
            for e, n in zip(entries, shape, strict=True)]


def propagate(rule: SdyShardingRule, specs: Sequence[PartitionSpec],
              shapes: Sequence[tuple[int, ...]], result_shapes: Sequence[tuple[int, ...]],
              mesh_sizes: Mapping[Any, int]) -> tuple[list[PartitionSpec], list[PartitionSpec]]:
    """Return how operands are to be divided, and how results are: factors are divided as in the
    first operand that divides them, each axis of the mesh divides one."""
    operands, results = ([_dims(m, s, rule.factor_sizes) for m, s in zip(ms, ss, strict=True)]
                         for ms, ss in ((rule.operand_mappings, shapes),
                                        (rule.result_mappings, result_shapes)))
    lengths = {f: n for dims in (*operands, *results) for dim in dims for f, n in dim
               if n is not None}
    found: dict[str, tuple[Any, ...]] = dict.fromkeys(rule.need_replication_factors, ())
    used: set[Any] = set()
    for dims, spec in zip(operands, specs, strict=True):
        for dim, entry in zip(dims, spec.padded(len(dims)).partitions, strict=True):
            _assign(dim, [n for n in names_of(entry) if n not in used], lengths, mesh_sizes, found)
        used.update(n for names in found.values() for n in names)
    return ([_spec(dims, found, lengths, mesh_sizes) for dims in operands],
            [_spec(dims, found, lengths, mesh_sizes) for dims in results])


def _assign(dim: Dim, names: list[Any], lengths: Mapping[str, int], sizes: Mapping[Any, int],
            found: dict[str, tuple[Any, ...]]) -> None:
    """Let axes of the mesh divide the factors of an axis of an array, the major one first."""
    for factor, _ in dim:
        left, taken = lengths.get(factor, 0), list[Any]()
        while names and left and left % sizes[names[0]] == 0:
            left //= sizes[names[0]]
            taken.append(names.pop(0))
        if taken and found.setdefault(factor, tuple(taken)) != tuple(taken) or left > 1:
            return  # what is minor to a factor that is not divided through cannot be divided


def _spec(dims: Sequence[Dim], found: Mapping[str, tuple[Any, ...]], lengths: Mapping[str, int],
          sizes: Mapping[Any, int]) -> PartitionSpec:
    entries = []
    for dim in dims:
        names: list[Any] = []
        for factor, _ in dim:
            names += found.get(factor, ())
            left = lengths.get(factor, 0)
            for n in found.get(factor, ()):
                left //= sizes[n]
            if left != 1:
                break
        entries.append(None if not names else names[0] if len(names) == 1 else tuple(names))
    return PartitionSpec(*entries)


__all__ = ["BATCHING", "ArrayMapping", "CompoundFactor", "SdyShardingRule", "parse_rule",
           "propagate"]
