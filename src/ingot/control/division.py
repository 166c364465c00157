"""How results of calls, branches and loops are divided over a mesh, from their programs."""

from __future__ import annotations

from collections.abc import Sequence

from ingot.control import call, checkpoint, cond, scan, while_loop
from ingot.core.division import Operands, Spec
from ingot.core.jaxpr import Jaxpr
from ingot.core.program_division import divide_program
from ingot.core.specs import names_of
from ingot.util import split_list


def _call(given: Operands) -> list[Spec]:
    return divide_program(given.params["jaxpr"], given.specs, given.sizes)


def _agreed(first: Sequence[Spec], second: Sequence[Spec]) -> list[Spec]:
    """Return what both say, axis by axis; where they differ, the axis is whole."""
    return [tuple(a if a == b else None for a, b in zip(x, y, strict=True))
            for x, y in zip(first, second, strict=True)]


def _divided_more(spec: Spec, other: Spec) -> Spec:
    """Return a spec with another's entries in place of whole axes, as far as they are free."""
    taken = {name for entry in spec for name in names_of(entry)}
    return tuple(o if e is None and not taken.intersection(names_of(o)) else e
                 for e, o in zip(spec, other, strict=True))


def _cond(given: Operands) -> list[Spec]:
    first, *rest = [divide_program(b, given.specs[1:], given.sizes)
                    for b in given.params["branches"]]
    for other in rest:
        first = _agreed(first, other)
    return first


def _carried(body: Jaxpr, consts: Sequence[Spec], carry: Sequence[Spec], xs: Sequence[Spec],
             given: Operands) -> tuple[list[Spec], list[Spec]]:
    """Return how a loop's carry stays divided from one iteration to the next, and its other
    results. Axes that are whole at first are divided as the first iteration divides them."""
    n = len(carry)
    first = divide_program(body, [*consts, *carry, *xs], given.sizes)[:n]
    carry = [_divided_more(c, out) for c, out in zip(carry, first, strict=True)]
    while True:
        out, ys = split_list(divide_program(body, [*consts, *carry, *xs], given.sizes), [n])
        agreed = _agreed(carry, out)
        if agreed == carry:
            return carry, ys
        carry = agreed


def _scan(given: Operands) -> list[Spec]:
    params = given.params
    consts, carry, xs = split_list(given.specs, [params["num_consts"], params["num_carry"]])
    carry, ys = _carried(params["jaxpr"], consts, carry, [s[1:] for s in xs], given)
    return [*carry, *((None, *y) for y in ys)]


def _while(given: Operands) -> list[Spec]:
    params = given.params
    _, consts, carry = split_list(given.specs, [params["cond_nconsts"], params["body_nconsts"]])
    return _carried(params["body_jaxpr"], consts, carry, (), given)[0]


call.jit_p.division = checkpoint.checkpoint_p.division = _call
cond.cond_p.division = _cond
scan.scan_p.division = _scan
while_loop.while_p.division = _while
