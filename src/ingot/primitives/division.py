"""How results of the primitives are divided over a mesh: the slot `division` of each family."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ingot.core.division import Operands, Rule, Spec, merged, whole, without_repeats
from ingot.core.primitive import REGISTRY
from ingot.core.specs import names_of
from ingot.primitives import (  # noqa: F401  (they define what is named below)
    cumulative,
    dot,
    dynamic_slice,
    gather,
    movement,
    reduce,
    scatter,
    select,
    shape,
    slicing,
    sort,
)


def _broadcast_in_dim(given: Operands) -> list[Spec]:
    (x,), (spec,), (out,) = given.avals[:1], given.specs[:1], given.outs
    entries: list[Any] = [None] * out.ndim
    for axis, where in enumerate(given.params["broadcast_dimensions"]):
        if x.shape[axis] == out.shape[where]:
            entries[where] = spec[axis]
    return [tuple(entries)]


def _transpose(given: Operands) -> list[Spec]:
    return [tuple(given.specs[0][axis] for axis in given.params["permutation"])]


def _without(name: str) -> Rule:
    """The rule of operations that take away the axes in a parameter."""

    def rule(given: Operands) -> list[Spec]:
        gone = {axis % given.avals[0].ndim for axis in given.params[name]}
        kept = tuple(e for axis, e in enumerate(given.specs[0]) if axis not in gone)
        return [kept] * len(given.outs)

    return rule


def _along(name: str) -> Rule:
    """The rule of operations that need the axis in a parameter whole."""

    def rule(given: Operands) -> list[Spec]:
        axes = given.params[name]
        axes = axes if isinstance(axes, tuple) else (axes,)
        ndim = given.outs[0].ndim
        spec = merged(given, [s for s, a in zip(given.specs, given.avals, strict=True)
                              if a.ndim == ndim])
        if any(names_of(spec[axis]) for axis in axes):
            given.refuse(f"axis {axes[0]} is divided, along which it works")
        return [tuple(None if k in {a % ndim for a in axes} else e
                      for k, e in enumerate(spec))] * len(given.outs)

    return rule


def _first_operand(given: Operands) -> list[Spec]:
    """The rule of operations whose result has the first argument's axes, some of other lengths."""
    (out,), x, spec = given.outs[:1], given.avals[0], given.specs[0]
    entries = [e if n == m else None for e, n, m in zip(spec, x.shape, out.shape, strict=True)]
    if any(names_of(e) for e, k in zip(spec, entries, strict=True) if k is None):
        given.refuse("an axis is divided whose length it changes")
    return [tuple(entries)] * len(given.outs)


def _dot_general(given: Operands) -> list[Spec]:
    (contracted_x, contracted_y), (batch_x, batch_y) = given.params["dimension_numbers"]
    x, y = given.specs
    left, right = (tuple(s[a] for a in axes) for s, axes in ((x, contracted_x), (y, contracted_y)))
    if any(left) and left == right:
        given.refuse("contracted axes are divided, so that it is ambiguous how the result is"
                     f" divided, with lhs_contracting_spec={left} and"
                     f" rhs_contracting_spec={right}")
    if any(a and b and a != b for a, b in zip(left, right, strict=True)):
        given.refuse(f"contracted axes are divided in different ways, {left} and {right}")
    batch = merged(given, [tuple(x[a] for a in batch_x), tuple(y[a] for a in batch_y)])
    rest = [tuple(e for a, e in enumerate(s) if a not in {*c, *b})
            for s, c, b in ((x, contracted_x, batch_x), (y, contracted_y, batch_y))]
    return [without_repeats(given, (*batch, *rest[0], *rest[1]), [x, y])]


def _groups(old: Sequence[int], new: Sequence[int]) -> Iterable[tuple[list[int], list[int]]]:
    """Divide the axes of two shapes of one size into the least groups of equal products."""
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = [], []
        a = b = 1
        while True:
            if a <= b and i < len(old) and (a < b or not left):
                a, left, i = a * old[i], [*left, i], i + 1
            elif j < len(new) and (b < a or not right):
                b, right, j = b * new[j], [*right, j], j + 1
            else:
                break
        yield left, right


def _reshape(given: Operands) -> list[Spec]:
    (x,), (spec,), (out,) = given.avals[:1], given.specs[:1], given.outs
    entries: list[Any] = [None] * out.ndim
    if 0 in x.shape:
        return [whole(out.ndim)]
    for left, right in _groups(x.shape, out.shape):
        divided = [(a, names_of(spec[a])) for a in left if names_of(spec[a])]
        if not divided:
            continue
        axis, names = divided[0]
        count = math.prod(given.sizes[n] for n in names)
        first = next((a for a in left if x.shape[a] > 1), axis)
        target = next((a for a in right if out.shape[a] > 1), None)
        fits = axis == first and target is not None and out.shape[target] % count == 0
        if len(divided) > 1 or not fits:
            given.refuse(f"an axis that is divided is split or merged, to {out}")
        if fits and target is not None:
            entries[target] = spec[axis]
    return [tuple(entries)]


def _agreed(given: Operands) -> list[Spec]:
    return [merged(given, given.specs)]


def _select_n(given: Operands) -> list[Spec]:
    ndim = given.outs[0].ndim
    return [merged(given, [s for s in given.specs if len(s) == ndim])]


def _gather(given: Operands) -> list[Spec]:
    given.refuse("it is ambiguous how the result of indexing is divided; use"
                 " .at[...].get(out_sharding=)")
    numbers = given.params["dimension_numbers"]
    sizes, x, spec = given.params["slice_sizes"], given.avals[0], given.specs[0]
    gone = {*numbers.collapsed_slice_dims, *getattr(numbers, "operand_batching_dims", ())}
    kept = [a for a in range(x.ndim) if a not in gone]
    entries: list[Any] = [None] * given.outs[0].ndim
    for where, axis in zip(numbers.offset_dims, kept, strict=True):
        if sizes[axis] == x.shape[axis]:
            entries[where] = spec[axis]
    return [tuple(entries)]


def _split(given: Operands) -> list[Spec]:
    axis = given.params["axis"]
    if names_of(given.specs[0][axis]):
        given.refuse(f"axis {axis} is divided, along which it splits")
    return [tuple(None if k == axis else e for k, e in enumerate(given.specs[0]))
            ] * len(given.outs)


def _scatter(given: Operands) -> list[Spec]:
    return [given.specs[0]]


def _unchanged(given: Operands) -> list[Spec]:
    return list(given.specs)


_REDUCE = ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_and", "reduce_or",
           "reduce_xor", "argmax", "argmin")
_CUMULATIVE = ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
_SCATTER = ("scatter", "scatter-add", "scatter-sub", "scatter-mul", "scatter-min", "scatter-max")

RULES: dict[str, Rule] = {
    "broadcast_in_dim": _broadcast_in_dim, "transpose": _transpose, "reshape": _reshape,
    "squeeze": _without("dimensions"), "dot_general": _dot_general, "concatenate": _agreed,
    "select_n": _select_n, "clamp": _select_n, "gather": _gather, "split": _split,
    "slice": _first_operand, "pad": _first_operand, "dynamic_slice": _first_operand,
    "dynamic_update_slice": _scatter, "rev": _along("dimensions"), "sort": _along("dimension"),
    "top_k": _along("axis"), "optimization_barrier": _unchanged,
    **dict.fromkeys(_REDUCE, _without("axes")), **dict.fromkeys(_SCATTER, _scatter),
    **{name: _along("axis") for name in _CUMULATIVE},
}

for _name, _rule in RULES.items():
    REGISTRY[_name].division = _rule
