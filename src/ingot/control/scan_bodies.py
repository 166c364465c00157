"""Bodies of scans: derivative, linearization, transposition of one turn of the loop."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from ingot.control.loop_residuals import ClassifiedResiduals, classify_residuals
from ingot.control.tracing import permuted
from ingot.core.avals import is_inexact
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import UndefinedPrimal
from ingot.core.rewrite import primitives_of
from ingot.primitives.movement import zeros
from ingot.transforms.jvp import add_tangents, jvp_jaxpr
from ingot.transforms.linearize import linearize_jaxpr
from ingot.transforms.partial_eval import partial_eval_jaxpr
from ingot.transforms.stage import dce_jaxpr, stage
from ingot.transforms.transpose import transpose, transpose_jaxpr
from ingot.util import partition_list, split_list


def groups(xs: Sequence[Any], num_consts: int, num_carry: int) -> tuple[list[Any], ...]:
    """Constants, carry and the rest."""
    return tuple(split_list(xs, [num_consts, num_carry]))


def carry_fixpoint(start: Sequence[bool], step: Callable[[list[bool]], Sequence[bool]]
                   ) -> list[bool]:
    """Grow a property of the carry until a turn of the body adds nothing to it."""
    now = list(start)
    while True:
        after = [a or b for a, b in zip(now, step(now), strict=True)]
        if after == now:
            return now
        now = after


# ---- forward derivative -------------------------------------------------------------------------
def _interleave(body: Jaxpr, jvp: Jaxpr, nonzero: Sequence[bool], has: Sequence[bool],
                num_consts: int, num_carry: int) -> Jaxpr:
    """The program of a derivative in the order of scan: each group followed by its tangents."""
    n_in, n_out = len(body.invars), len(body.outvars)
    counts = [sum(nonzero[:num_consts]), sum(nonzero[num_consts : num_consts + num_carry])]
    primals = groups(jvp.invars[:n_in], num_consts, num_carry)
    tangents = split_list(jvp.invars[n_in:], counts)
    ins = [v for p, t in zip(primals, tangents, strict=True) for v in (*p, *t)]
    outs, out_ts = jvp.outvars[:n_out], jvp.outvars[n_out:]
    n = sum(has[:num_carry])
    return permuted(jvp, ins, [*outs[:num_carry], *out_ts[:n], *outs[num_carry:], *out_ts[n:]])


def jvp_body(jaxpr: Jaxpr, nonzero: Sequence[bool], num_consts: int, num_carry: int
                   ) -> tuple[Jaxpr, list[bool], list[bool]]:
    """Body of the derivative; which arguments, and which results, have tangents."""
    consts, carry, xs = groups(nonzero, num_consts, num_carry)
    num_ys = len(jaxpr.outvars) - num_carry

    def step(now: list[bool]) -> list[bool]:
        return jvp_jaxpr(jaxpr, [*consts, *now, *xs], [*now, *[False] * num_ys])[1][:num_carry]

    carry = carry_fixpoint(carry, step)
    flags = [*consts, *carry, *xs]
    program, has = jvp_jaxpr(jaxpr, flags, [*carry, *[False] * num_ys])
    return _interleave(jaxpr, program, flags, has, num_consts, num_carry), flags, has


# ---- linearization ------------------------------------------------------------------------------
@dataclass
class Linearized:
    """`known.body` computes results and residuals; `linear` maps (constant residuals, tangents of
    consts; tangents of carry; other residuals, tangents of xs) to tangents."""

    known: ClassifiedResiduals
    linear: Jaxpr
    nonzero: list[bool]
    has: list[bool]


def _linear_order(program: Jaxpr, constant: Sequence[bool], num_tangents: Sequence[int]) -> Jaxpr:
    """Arguments (residuals, tangents) of a linear body in the order of scan."""
    residuals, rest = split_list(program.invars, [len(constant)])
    stacked, fixed = partition_list(constant, residuals)
    consts, carry, xs = split_list(rest, num_tangents)
    return permuted(program, [*fixed, *consts, *carry, *stacked, *xs], program.outvars)


def linearize_body(jaxpr: Jaxpr, nonzero: Sequence[bool], num_consts: int, num_carry: int
                   ) -> Linearized:
    """Split a body by the tangents of its arguments."""
    consts, carry, xs = groups(nonzero, num_consts, num_carry)
    num_outs = len(jaxpr.outvars)
    rest = [False] * (num_outs - num_carry)

    def step(now: list[bool]) -> list[bool]:
        return linearize_jaxpr(jaxpr, [*consts, *now, *xs], [*now, *rest]).has[:num_carry]

    carry = carry_fixpoint(carry, step)
    flags = [*consts, *carry, *xs]
    split = linearize_jaxpr(jaxpr, flags, [*carry, *rest])
    computed = iter(split.known.outvars[num_outs:])
    residuals = [next(computed) if f is None else split.known.invars[f] for f in split.forwarded]
    known = permuted(split.known, split.known.invars, [*split.known.outvars[:num_outs], *residuals])
    placed = classify_residuals(known, num_outs, num_consts, num_carry)
    linear = _linear_order(split.linear, placed.constant, [sum(consts), sum(carry)])
    return Linearized(placed, linear, flags, split.has)


# ---- transposition ------------------------------------------------------------------------------
@dataclass
class PartialEvalBody:
    """A body split by dependence on linear arguments. `known.body` runs forwards first; `unknown`
    takes (residuals, linear arguments) in the order of scan and has a linear carry alone."""

    known: ClassifiedResiduals
    unknown: Jaxpr
    linear: list[bool]
    out_linear: list[bool]


def partial_eval_body(jaxpr: Jaxpr, linear: Sequence[bool], num_consts: int,
                      num_carry: int) -> PartialEvalBody:
    """Split a body by the arguments it is linear in."""
    consts, carry, xs = groups(linear, num_consts, num_carry)
    rest = [False] * (len(jaxpr.outvars) - num_carry)

    def step(now: list[bool]) -> list[bool]:
        return partial_eval_jaxpr(jaxpr, [*consts, *now, *xs],
                                  [*now, *rest]).out_unknown[:num_carry]

    carry = carry_fixpoint(carry, step)
    split = partial_eval_jaxpr(jaxpr, [*consts, *carry, *xs], [*carry, *rest])
    num_outs = len(split.known.outvars) - split.num_residuals
    known = classify_residuals(split.known, num_outs, num_consts - sum(consts),
                               num_carry - sum(carry))
    unknown = _linear_order(split.unknown, known.constant, [sum(consts), sum(carry)])
    return PartialEvalBody(known, unknown, [*consts, *carry, *xs], split.out_unknown)


@dataclass
class TransposedBody:
    """A transposed body: (known consts; sums of cotangents of consts, cotangents of carry; known
    xs, cotangents of ys) -> (sums, cotangents of carry, cotangents of xs). The flags say which of
    the linear constants, the carry and the linear xs have cotangents."""

    jaxpr: Jaxpr
    consts: list[bool]
    carry: list[bool]
    xs: list[bool]


def _with_cotangents(body: Jaxpr, linear: Sequence[bool], cts: Sequence[bool]) -> list[bool]:
    """Which linear arguments get a cotangent: those on which results that have one depend. Of
    programs inside of equations only their transposes tell that."""
    if any([p.higher_order for p in primitives_of(body)]):
        return transpose_jaxpr(body, linear, cts)[1]
    has = map(operator.and_, dce_jaxpr(body, cts)[1], map(is_inexact, body.in_avals))
    return list(compress(has, linear))


def transpose_body(body: Jaxpr, known: Sequence[int], linear: Sequence[int],
                   ct_carry: Sequence[bool], ct_ys: Sequence[bool]) -> TransposedBody:
    """`known` and `linear` count the constants and xs of a body all of whose carry is linear."""
    num_carry = len(ct_carry)
    fixed_avals, const_avals, carry_avals, element_avals, x_avals = split_list(
        body.in_avals, [known[0], linear[0], num_carry, known[1]])

    is_linear = [*[False] * known[0], *[True] * (linear[0] + num_carry), *[False] * known[1],
                 *[True] * linear[1]]

    def reached(now: list[bool]) -> list[bool]:
        return _with_cotangents(body, is_linear, [*now, *ct_ys])

    carry = carry_fixpoint(ct_carry, lambda now: reached(now)[linear[0] :][:num_carry])
    has_consts, _, has_xs = split_list(reached(carry), [linear[0], num_carry])
    sums = list(compress(const_avals, has_consts))
    carried = list(compress(carry_avals, carry))
    ys = list(compress(body.out_avals[num_carry:], ct_ys))

    def fun(*args: Any) -> list[Any]:
        fixed, totals, cts, elements, ct_y = split_list(
            args, [known[0], len(sums), len(carried), known[1]])
        given = iter([*cts, *ct_y])
        found = transpose(
            body, body.consts, [*fixed, *map(UndefinedPrimal, (*const_avals, *carry_avals)),
                                *elements, *map(UndefinedPrimal, x_avals)],
            [next(given) if nz else None for nz in (*carry, *ct_ys)])
        _, dc, dcarry, _, dx = split_list(found, [known[0], linear[0], num_carry, known[1]])
        rest = zip([*dcarry, *dx], [*carry_avals, *x_avals], strict=True)
        return [*map(add_tangents, totals, compress(dc, has_consts)),
                *(zeros(a) if d is None else d for d, a in compress(rest, [*carry, *has_xs]))]

    avals = [*fixed_avals, *sums, *carried, *element_avals, *ys]
    return TransposedBody(stage(fun, avals, f"transpose_{body.debug_name}"), has_consts, carry,
                          has_xs)
