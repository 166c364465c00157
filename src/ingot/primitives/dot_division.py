"""How contractions and convolutions of divided arrays are divided over a mesh."""

from __future__ import annotations

from ingot.core.division import Marks, Operands, Spec, merged, without_repeats
from ingot.core.specs import names_of
from ingot.errors import ShardingTypeError


def dot_division(given: Operands) -> list[Spec]:
    """Batch axes agree, the others follow their argument; contracted axes may be divided in one of
    the two."""
    (contracted_x, contracted_y), (batch_x, batch_y) = given.params["dimension_numbers"]
    x, y = given.specs
    left, right = (tuple(s[a] for a in axes) for s, axes in ((x, contracted_x), (y, contracted_y)))
    batches = [tuple(x[a] for a in batch_x), tuple(y[a] for a in batch_y)]
    if batches[0] != batches[1] and given.strict:
        given.refuse("dot_general requires lhs batch dimensions and rhs batch dimensions to have"
                     f" the same sharding, got {batches[0]} and {batches[1]}")
    if any(a and b for a, b in zip(left, right, strict=True)):
        given.refuse("Contracting dimensions are sharded, so that it is ambiguous how the result is"
                     f" divided, with lhs_contracting_spec={left} and"
                     f" rhs_contracting_spec={right}", "give out_sharding=, or reshard one first")
    batch = merged(given, batches)
    rest = [tuple(e for a, e in enumerate(s) if a not in {*c, *b})
            for s, c, b in ((x, contracted_x, batch_x), (y, contracted_y, batch_y))]
    spec = (*batch, *rest[0], *rest[1])
    names = [n for e in spec for n in names_of(e)]
    if given.strict and len(set(names)) < len(names):
        raise ShardingTypeError(
            f"dot_general operation with inputs {given.types()} produces an illegally sharded"
            f" result, {spec}, where an axis of the mesh is named twice; reshard an argument first,"
            " or give out_sharding=")
    return [without_repeats(given, spec, [x, y])]


def dot_marks(given: Operands) -> Marks:
    """Neither argument may be unreduced; what they are reduced over, the result is not."""
    if any(m.unreduced for m in given.marks):
        raise ShardingTypeError(f"lhs or rhs passed to {given.name} cannot be unreduced, got"
                                f" {given.types()}; reshard it first")
    return Marks()


def conv_division(given: Operands) -> list[Spec]:
    """Batch and space follow the first argument, if the filter and the features are whole."""
    numbers = given.params["dimension_numbers"]
    (x, filters), out = given.specs, given.outs[0]
    if any(map(names_of, filters)) or names_of(x[numbers.lhs_spec[1]]):
        given.refuse("it is ambiguous how the result is divided", "Please specify out_sharding=")
        return [(None,) * out.ndim]
    entries = [None] * out.ndim
    for source, target in zip(numbers.lhs_spec, numbers.out_spec, strict=True):
        length, entry = out.shape[target], x[source]
        if source == numbers.lhs_spec[1] or not names_of(entry):
            continue
        if length % given.parts(entry):
            given.refuse("conv_general_dilated on sharded dims needs lengths that stay divisible,"
                         f" and {length} is not by {given.parts(entry)}")
            continue
        entries[target] = entry
    return [tuple(entries)]
