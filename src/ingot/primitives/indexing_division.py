"""How the results of gathers and scatters are divided over a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.core.division import Marks, Operands, Spec, whole
from ingot.core.specs import names_of
from ingot.errors import ShardingTypeError


def gather_division(given: Operands) -> list[Spec]:
    """Axes that are taken whole and batch axes keep their division; axes into which slices point
    must be whole, and the indices' other axes too."""
    numbers, sizes = given.params["dimension_numbers"], given.params["slice_sizes"]
    x, (spec, indices) = given.avals[0], given.specs[:2]
    out = given.outs[0]
    if not any(map(names_of, (*spec, *indices))):
        return [whole(out.ndim)]
    batching = list(zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims,
                        strict=True))
    fits = all(sizes[a] == x.shape[a] or not names_of(spec[a]) for a in numbers.start_index_map)
    agree = all(spec[a] == indices[b] or not (names_of(spec[a]) and names_of(indices[b]))
                for a, b in batching)
    others = any(names_of(e) for b, e in enumerate(indices)
                 if b not in numbers.start_indices_batching_dims)
    if not (fits and agree) or others:
        given.refuse("it is ambiguous how the result of indexing is divided",
                     "Use `.at[...].get(out_sharding=)`, or reshard an argument first")
    along_indices = list(indices[:-1])
    for a, b in batching:
        along_indices[b] = along_indices[b] or spec[a]
    gone = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    kept = iter([spec[a] if sizes[a] == x.shape[a] else None
                 for a in range(x.ndim) if a not in gone])
    rest = iter(along_indices)
    entries = [next(kept) if k in numbers.offset_dims else next(rest) for k in range(out.ndim)]
    return [_once(entries)]


def _once(entries: Sequence[Any]) -> Spec:
    """Return the entries, those that name an axis of the mesh again left out."""
    used: set[Any] = set()
    kept = []
    for entry in entries:
        names = names_of(entry)
        kept.append(None if used.intersection(names) else entry)
        used.update(names)
    return tuple(kept)


def gather_marks(given: Operands) -> Marks:
    """The array may be reduced, if the indices are whole; nothing may be unreduced."""
    if any(m.unreduced for m in given.marks):
        raise NotImplementedError(f"{given.name} of {given.types()}: there is no rule for unreduced"
                                  " arguments; reshard them first")
    if given.marks[1].reduced:
        raise ShardingTypeError(f"{given.name}: indices cannot be reduced, got {given.types()};"
                                " reshard them first")
    reduced = given.marks[0].reduced
    if reduced and any(map(names_of, given.specs[1])):
        raise NotImplementedError(f"{given.name} of {given.types()}: the indices of a reduced array"
                                  " must be whole; reshard them first")
    return Marks(reduced=reduced)


# ---- scatter -------------------------------------------------------------------------------------
def scatter_division(given: Operands) -> list[Spec]:
    """The result is divided as the array: axes that updates fill wholly and batch axes agree with
    these, the others and the indices must be whole."""
    numbers = given.params["dimension_numbers"]
    x, updates = given.avals[0], given.avals[2]
    spec, indices, given_updates = given.specs[:3]
    out = list(spec)
    gone = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    windows = zip([a for a in range(x.ndim) if a not in gone], numbers.update_window_dims,
                  strict=True)
    clear = True
    for axis, where in windows:
        full = x.shape[axis] == updates.shape[where]
        said = [e for e in (spec[axis], given_updates[where]) if names_of(e)]
        clear &= len(set(said)) <= 1 and (full or not said)
        out[axis] = said[0] if full and said else spec[axis]
    batches = [k for k in range(updates.ndim) if k not in numbers.update_window_dims]
    for k, where in enumerate(batches):
        entries = [given_updates[where], indices[k]]
        if k in numbers.scatter_indices_batching_dims:
            axis = numbers.operand_batching_dims[numbers.scatter_indices_batching_dims.index(k)]
            said = [e for e in (spec[axis], *entries) if names_of(e)]
            clear &= len(set(said)) <= 1
            out[axis] = said[0] if said else None
        else:
            clear &= not any(map(names_of, entries))
    clear &= not names_of(indices[-1])
    clear &= not any(names_of(spec[a]) for a in numbers.inserted_window_dims)
    if not clear:
        given.refuse("it is ambiguous how the result is divided",
                     "Use `.at[...].set(out_sharding=)` or the like, or reshard an argument first")
        return [tuple(spec)]
    return [tuple(out)]


def scatter_marks(given: Operands) -> Marks:
    """Array and updates may be unreduced over the same axes, if the indices are whole."""
    x, indices, updates = given.marks[:3]
    if any(m.reduced for m in given.marks):
        raise NotImplementedError(f"{given.name} of {given.types()}: there is no rule for reduced"
                                  " arguments; reshard them first")
    if indices.unreduced or x.unreduced != updates.unreduced:
        raise ShardingTypeError(f"{given.name}: operand and updates must be unreduced along the"
                                f" same axes, and indices not at all, got {given.types()}; reshard"
                                " them first")
    if x.unreduced and any(map(names_of, given.specs[1])):
        raise NotImplementedError(f"{given.name} of {given.types()}: the indices must be whole if"
                                  " the array is unreduced; reshard them first")
    return x
