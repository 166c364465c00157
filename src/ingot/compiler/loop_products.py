"""Sums of products that a loop makes in steps of few terms: one product after the loop.

`total + x.T @ y` with few rows reads and writes all of `total` in each step. The rows are kept
instead, in arrays along the loop, and multiplied at once. What has many rows stays in the loop,
where BLAS adds it in place (`add_dots.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.control.scan import scan_p
from ingot.core.array import fetch
from ingot.core.jaxpr import DropVar, Eqn, Jaxpr, Literal, Var
from ingot.core.rewrite import definitions, primitives_of, use_counts
from ingot.kernel.schedule import SCHEDULE
from ingot.primitives.arithmetic import add_any_p, add_p
from ingot.primitives.dot import dot_general_p
from ingot.primitives.dot_loops import sizes
from ingot.primitives.dot_types import DimensionNumbers
from ingot.primitives.movement import broadcast_in_dim_p
from ingot.transforms.stage import live_equations


@dataclass
class _Sum:
    """What a loop adds up: the place among its carry, and the product of a step."""

    place: int
    dot: Eqn


def multiply_after_loops(jaxpr: Jaxpr) -> Jaxpr:
    """The program in which sums of products of few terms follow the loops that made them."""
    if scan_p not in primitives_of(jaxpr):
        return jaxpr
    maker, eqns = definitions(jaxpr.eqns), list[Eqn]()
    for eqn in jaxpr.eqns:
        sums = _sums(eqn) if eqn.primitive is scan_p else []
        eqns += _rewritten(eqn, sums, maker) if sums else [eqn]
    return jaxpr if len(eqns) == len(jaxpr.eqns) else jaxpr.replace(eqns=eqns)


# ---- which sums ----------------------------------------------------------------------------------
def _sums(eqn: Eqn) -> list[_Sum]:
    """The sums of a loop that are made of products, as far as memory allows to keep their factors.
    """
    body, length = eqn.params["jaxpr"], eqn.params["length"]
    if dot_general_p not in primitives_of(body) or length < SCHEDULE.min_loop_products:
        return []
    first, count = eqn.params["num_consts"], eqn.params["num_carry"]
    maker, uses = definitions(body.eqns), use_counts(body)
    elements = {*body.invars[first + count :]}
    free = sum(v.aval.nbytes for v in (*eqn.invars[first + count :], *eqn.outvars[count:]))
    kept: set[Any] = set()
    found: list[_Sum] = []
    for k, (total, out) in enumerate(zip(body.invars[first : first + count],
                                         body.outvars[:count], strict=True)):
        dot = _product_added(total, out, maker, uses)
        if dot is None or isinstance(eqn.outvars[k], DropVar):
            continue
        new = {v for v in dot.invars if v not in elements} - kept
        size = sum(v.aval.size for v in new)
        nbytes = length * sum(v.aval.nbytes for v in new)
        if nbytes <= free and SCHEDULE.loop_product_ratio * size <= out.aval.size:
            found.append(_Sum(k, dot))
            kept |= new
            free -= nbytes
    return found


def _product_added(total: Var, out: Any, maker: dict[Var, Eqn], uses: Any) -> Eqn | None:
    """The product that a step adds to what the loop carries, if nothing else reads either."""
    last = None if type(out) is Literal else maker.get(out)
    if last is None or last.primitive not in (add_p, add_any_p) or total not in last.invars \
            or uses[total] != 1 or uses[out] != 1:
        return None
    (atom,) = [a for a in last.invars if a is not total]
    dot = None if type(atom) is Literal else maker.get(atom)  # type: ignore[arg-type]
    if dot is None or dot.primitive is not dot_general_p or uses[atom] != 1 or any(  # type: ignore
            type(v) is Literal or v.aval.dtype != out.aval.dtype for v in dot.invars):
        return None
    x, y = dot.invars
    return dot if _fits(x.aval, y.aval, dot.params["dimension_numbers"]) else None


def _fits(x: Any, y: Any, dimension_numbers: DimensionNumbers) -> bool:
    """Whether a product is large, of few terms, and its factors lie well when they are stacked."""
    contract, (batch, _) = dimension_numbers
    _, rows, columns, terms = sizes(x.shape, y.shape, dimension_numbers)
    leading = not batch and all(axes == tuple(range(len(axes))) for axes in contract)
    return (terms < SCHEDULE.loop_product_terms and (terms == 1 or leading)
            and rows * columns > SCHEDULE.max_scalars and min(rows, columns) > 1)


# ---- the program without them --------------------------------------------------------------------
def _rewritten(eqn: Eqn, sums: list[_Sum], maker: dict[Var, Eqn]) -> list[Eqn]:
    """The loop that keeps the factors, and the products."""
    params = eqn.params
    body, first, count = params["jaxpr"], params["num_consts"], params["num_carry"]
    gone = {s.place for s in sums}
    stacks: dict[Any, Any] = dict(zip(body.invars[first + count :], eqn.invars[first + count :],
                                      strict=True))
    new = list(dict.fromkeys(v for s in sums for v in s.dot.invars if v not in stacks))
    stacks.update((v, Var(v.aval.with_axis(0, params["length"]))) for v in new)

    def without(items: Any, start: int) -> list[Any]:
        return [x for k, x in enumerate(items) if k - start not in gone]

    results = [*without(body.outvars, 0), *new]
    inner = body.replace(invars=without(body.invars, first), outvars=results,
                         eqns=live_equations(body.eqns, results)[0])
    loop = eqn.replace(
        invars=without(eqn.invars, first),
        outvars=[*without(eqn.outvars, 0), *(stacks[v] for v in new)],
        params={**params, "jaxpr": inner, "num_carry": count - len(gone),
                "linear": tuple(without(params["linear"], first))})
    eqns = [loop]
    for s in sums:
        start, total = eqn.invars[first + s.place], eqn.outvars[s.place]
        zero = _is_zero(start, maker)
        out = total if zero else Var(total.aval)
        eqns.append(s.dot.replace(
            invars=[stacks[v] for v in s.dot.invars], outvars=[out],
            params={**s.dot.params, "dimension_numbers": _along_the_loop(
                s.dot.params["dimension_numbers"])}))
        if not zero:
            eqns.append(Eqn(add_any_p, [start, out], [total], {}, source=s.dot.source))
    return eqns


def _along_the_loop(dimension_numbers: DimensionNumbers) -> Any:
    """The same contraction of stacks, whose first axis is contracted too."""
    contract, batch = dimension_numbers
    return (tuple((0, *(a + 1 for a in axes)) for axes in contract),
            tuple(tuple(a + 1 for a in axes) for axes in batch))


def _is_zero(atom: Any, maker: dict[Var, Eqn]) -> bool:
    made = None if type(atom) is Literal else maker.get(atom)
    if made is None or made.primitive is not broadcast_in_dim_p:
        return False
    (value,) = made.invars
    return type(value) is Literal and not np.any(fetch(value.val))


__all__ = ["multiply_after_loops"]
