"""How broadcast, transposed and reshaped arrays are divided over a mesh."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ingot.core.division import Operands, Spec, whole
from ingot.core.specs import names_of


def broadcast_division(given: Operands) -> list[Spec]:
    """Axes keep their division where they keep their length."""
    (x,), (spec,), (out,) = given.avals[:1], given.specs[:1], given.outs
    entries: list[Any] = [None] * out.ndim
    for axis, where in enumerate(given.params["broadcast_dimensions"]):
        if x.shape[axis] == out.shape[where]:
            entries[where] = spec[axis]
    return [tuple(entries)]


def transpose_division(given: Operands) -> list[Spec]:
    """Axes take their division with them."""
    return [tuple(given.specs[0][axis] for axis in given.params["permutation"])]


def tile_division(given: Operands) -> list[Spec]:
    """Only whole axes are repeated."""
    for axis, (count, entry) in enumerate(zip(given.params["reps"], given.specs[0], strict=True)):
        if count != 1 and names_of(entry):
            given.refuse(f"the operand cannot be sharded on dimension {axis} when the tiling is"
                         " non-trivial")
    return [tuple(e if n == 1 else None
                  for n, e in zip(given.params["reps"], given.specs[0], strict=True))]


# ---- reshape -------------------------------------------------------------------------------------
def _groups(old: Sequence[int], new: Sequence[int]) -> Iterable[tuple[list[int], list[int]]]:
    """Divide the axes of two shapes of one size, those of length 1 left out, into the least groups
    of equal products."""
    olds, news = ([a for a, n in enumerate(shape) if n != 1] for shape in (old, new))
    i = j = 0
    while i < len(olds):
        left, right = [olds[i]], [news[j]]
        a, b, i, j = old[olds[i]], new[news[j]], i + 1, j + 1
        while a != b:
            if a < b:
                a, left, i = a * old[olds[i]], [*left, olds[i]], i + 1
            else:
                b, right, j = b * new[news[j]], [*right, news[j]], j + 1
        yield left, right


def reshape_division(given: Operands) -> list[Spec]:
    """An axis that is split divides its leading parts, axes that are merged divide the whole, if
    those before the last are divided as far as they go; where both happens, or to several axes, it
    is ambiguous."""
    x, spec, out = given.avals[0], given.specs[0], given.outs[0]
    if not any(map(names_of, spec)) or not x.size:
        return [whole(out.ndim)]
    entries: list[Any] = [None] * out.ndim
    groups = list(_groups(x.shape, out.shape))
    changed = [(left, right) for left, right in groups if len(left) > 1 or len(right) > 1]
    if len(changed) > 1 or any(len(left) > 1 < len(right) for left, right in changed):
        _refuse(given)
    for left, right in groups:
        names = _names_of_merged(given, [(x.shape[a], spec[a]) for a in left])
        for axis, entry in zip(right, _split(given, names, [out.shape[a] for a in right]),
                               strict=True):
            entries[axis] = entry
    if changed:  # an axis of length 1 stays, with its division, where it is
        for axis in range(min(x.ndim, out.ndim)):
            if x.shape[axis] == out.shape[axis] == 1:
                entries[axis] = spec[axis]
    return [tuple(entries)]


def _names_of_merged(given: Operands, axes: Sequence[tuple[int, Any]]) -> list[Any]:
    """Return the mesh axes that divide the axes of a group, first axis first."""
    found: list[Any] = []
    whole_before = False
    for length, entry in axes:
        names = names_of(entry)
        if names and whole_before:
            _refuse(given)
            break
        found += names
        whole_before = not names
        if not given.strict and given.parts(entry) < length:
            break  # parts of later axes are not next to each other
    return found


def _split(given: Operands, names: Sequence[Any], lengths: Sequence[int]) -> list[Any]:
    """Give each axis as many mesh axes as divide it wholly, then the next one."""
    left, entries = list(names), []
    for length in lengths:
        taken: list[Any] = []
        while length > 1 and left:
            length, rest = divmod(length, given.sizes[left[0]])
            if rest:
                _refuse(given)
                left.clear()
                break
            taken.append(left.pop(0))
        entries.append(tuple(taken) if len(taken) > 1 else taken[0] if taken else None)
    return entries


def _refuse(given: Operands) -> None:
    given.refuse(f"This reshape is not supported, to {given.outs[0]}: it is ambiguous how the"
                 " result is divided", "give out_sharding=, or reshard the argument first")
