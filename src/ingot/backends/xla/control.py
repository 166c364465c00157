"""Control flow in StableHLO: calls, loops, branches; ordered side effects pass a token along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.rules import (
    RULES,
    call_jaxpr,
    is_ordered,
    lower_jaxpr,
    rule,
    unreduced_as_told,
    value_of,
)
from ingot.backends.xla.stablehlo import TOKEN, Builder, Token, Value
from ingot.backends.xla.types import tensor_of
from ingot.core.avals import ShapedArray
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import NoRule
from ingot.core.symbolic import is_symbolic
from ingot.util import split_list

COUNT = np.dtype(np.int32)
LONG = np.dtype(np.int64)


# ---- calls ---------------------------------------------------------------------------------------
@rule("jit")
def _jit(b: Builder, *args: Value, out: Any, jaxpr: Jaxpr, name: str, **_: Any) -> list[Value]:
    return call_jaxpr(b, jaxpr, args, name)


@rule("custom_jvp_call", "custom_vjp_call", "custom_vmap_call")
def _custom_call(b: Builder, *args: Value, out: Any, call_jaxpr: Jaxpr, **_: Any) -> list[Value]:
    return lower_jaxpr(b, call_jaxpr, args)


@rule("remat2")
def _checkpoint(b: Builder, *args: Value, out: Any, jaxpr: Jaxpr, prevent_cse: bool,
                differentiated: bool, **_: Any) -> list[Value]:
    if prevent_cse and differentiated and args:  # else what is recomputed would be kept after all
        args = tuple(b.ops("stablehlo.optimization_barrier", args,
                           [(x.shape, x.dtype) for x in args]))
    return lower_jaxpr(b, jaxpr, args)


RULES["linear_call"] = lambda b, *args, out, callee, **_: lower_jaxpr(b, callee, args)
RULES.update(dict.fromkeys(("preduced", "pvary", "reduced_vary_cast", "vary_unreduced_cast"),
                           lambda b, x, out, **_: x))
RULES["select_branches"] = lambda b, *args, out, jaxpr, **_: lower_jaxpr(b, jaxpr, args)


@rule("custom_linear_solve")
def _linear_solve(b: Builder, *args: Value, out: Any, const_lengths: Any, jaxprs: Any
                  ) -> list[Value]:
    *consts, right = split_list(args, list(const_lengths))
    solve = dict(zip(const_lengths._fields, consts, strict=True))["solve"]
    return lower_jaxpr(b, jaxprs.solve, [*solve, *right])


# ---- loops ---------------------------------------------------------------------------------------
Body = Callable[[Builder, Sequence[Value]], Sequence[Value]]


def loop(b: Builder, init: Sequence[Value], condition: Body, body: Body, ordered: bool = False,
         shardings: Sequence[Any] = ()) -> list[Value]:
    """Append a loop over values: body(builder, values) -> values while condition(...) -> [truth].

    shardings: of the last values, as types say them. In each turn XLA is told of unreduced ones,
    else it would take the sum of their parts as the part of each device.
    """
    shardings = [*[None] * (len(init) - len(shardings)), *shardings]
    init = unreduced_as_told(b, init, shardings, True)
    first: list[Any] = [b.ordering_token()] if ordered else []
    types: list[Any] = [TOKEN] * ordered + [(v.shape, v.dtype) for v in init]

    def inside(fun: Body, returns_token: bool) -> Callable[..., Sequence[Any]]:
        def region(inner: Builder, *values: Any) -> Sequence[Any]:
            inner.token = values[0] if ordered else None
            outs = fun(inner, unreduced_as_told(inner, values[ordered:], shardings, True))
            if len(outs) == len(shardings):
                outs = unreduced_as_told(inner, outs, shardings, True)
            return [inner.token, *outs] if ordered and returns_token else outs

        return region

    names = b.raw("stablehlo.while", [*first, *init], [x.type for x in [*first, *init]],
                  regions=[b.region(types, inside(condition, False)),
                           b.region(types, inside(body, True))])
    if ordered:
        b.token = Token(names[0])
    return [Value(n, v.shape, v.dtype) for n, v in zip(names[ordered:], init, strict=True)]


@rule("while")
def _while(b: Builder, *args: Value, out: Any, cond_jaxpr: Jaxpr, cond_nconsts: int,
           body_jaxpr: Jaxpr, body_nconsts: int, **_: Any) -> list[Value]:
    tests, consts, init = split_list(args, [cond_nconsts, body_nconsts])
    shardings = [a._sharding for a in out]

    def holds(inner: Builder, carry: Sequence[Value]) -> list[Value]:
        return lower_jaxpr(inner, cond_jaxpr, [*tests, *carry])

    def turn(inner: Builder, carry: Sequence[Value]) -> list[Value]:
        own = unreduced_as_told(inner, consts, [a._sharding for a in body_jaxpr.in_avals], True)
        return lower_jaxpr(inner, body_jaxpr, [*own, *carry])

    if not is_ordered(cond_jaxpr):
        return loop(b, init, holds, turn, is_ordered(body_jaxpr), shardings)

    # A condition that prints gives no token back: its truth is computed in the body instead.
    def both(inner: Builder, carry: Sequence[Value]) -> list[Value]:
        after = turn(inner, carry[1:])
        return [*holds(inner, after), *after]

    return loop(b, [*holds(b, init), *init], lambda _, carry: carry[:1], both, True,
                shardings)[1:]


@rule("scan")
def _scan(b: Builder, *args: Value, out: Any, jaxpr: Jaxpr, length: int, reverse: bool,
          num_consts: int, num_carry: int, **_: Any) -> list[Value]:
    consts, init, xs = split_list(args, [num_consts, num_carry])
    wholes = [a._sharding for a in b.avals[num_consts + num_carry:]]
    stacked = [b.full(a.shape, 0, v.dtype) for a, v in (
        (a, value_of("", a)) for a in out[num_carry:])]
    if not is_symbolic(length) and length == 0:
        return [*init, *stacked]
    count = b.full((), 0, COUNT if is_symbolic(length) or length < 2**31 else LONG)

    def number(inner: Builder, n: Any) -> Value:
        return inner.length(n) if is_symbolic(n) else inner.full_like(count, n)

    def more(inner: Builder, carry: Sequence[Value]) -> list[Value]:
        return [inner.compare("LT", carry[0], number(inner, length))]

    def turn(inner: Builder, carry: Sequence[Value]) -> list[Value]:
        (k, *state), made = carry[:1 + num_carry], carry[1 + num_carry:]
        place = inner.same("subtract", number(inner, length - 1), k) if reverse else k
        entries = [entry(inner, x, place, s) for x, s in zip(xs, wholes, strict=True)]
        outs = lower_jaxpr(inner, jaxpr, unreduced_as_told(
            inner, [*consts, *state, *entries], [a._sharding for a in jaxpr.in_avals], True))
        rows = [with_entry(inner, y, row, place, a._sharding)
                for y, row, a in zip(made, outs[num_carry:], out[num_carry:], strict=True)]
        return [inner.same("add", k, inner.full_like(k, 1)), *outs[:num_carry], *rows]

    return loop(b, [count, *init, *stacked], more, turn, is_ordered(jaxpr),
                [a._sharding for a in out])[1:]


def entry(b: Builder, x: Value, place: Value, sharding: Any = None) -> Value:
    """Append the entry of an array, divided as told, at a place along its first axis."""
    zero, sizes = b.full_like(place, 0), (1, *x.shape[1:])
    apply: Any = RULES["dynamic_slice"]
    (x,) = unreduced_as_told(b, [x], [sharding], True)
    found = apply(b, x, place, *[zero] * (len(sizes) - 1), slice_sizes=sizes,
                                   out=ShapedArray(sizes, x.dtype))
    (found,) = unreduced_as_told(b, [found], [_of_entry(sharding)], True)
    return b.reshape(found, x.shape[1:])


def with_entry(b: Builder, x: Value, new: Value, place: Value, sharding: Any = None) -> Value:
    """Append an array, divided as told, with another entry at a place along its first axis."""
    zero, row = b.full_like(place, 0), b.reshape(new, (1, *new.shape))
    (row,) = unreduced_as_told(b, [row], [_of_entry(sharding)], True)
    return b.same("dynamic_update_slice", x, row, place, *[zero] * len(new.shape))


def _of_entry(sharding: Any) -> Any:
    """How an entry of an array divided as told is divided, with its first axis."""
    return sharding and sharding.update(
        spec=sharding.spec.update(partitions=(None, *sharding.spec.partitions[1:])))


# ---- branches ------------------------------------------------------------------------------------
@rule("cond")
def _cond(b: Builder, index: Value, *args: Value, out: Any, branches: Sequence[Jaxpr], **_: Any
          ) -> list[Value]:
    if len(branches) == 1:
        return lower_jaxpr(b, branches[0], args)
    which = b.convert(index, COUNT) if dtypes.kind(index.dtype) == "b" else index
    which = b.convert(b.same("clamp", b.full_like(which, 0), which,
                             b.full_like(which, len(branches) - 1)), COUNT)
    ordered = any(is_ordered(j) for j in branches)
    token = b.ordering_token() if ordered else None

    def branch(jaxpr: Jaxpr) -> Callable[[Builder], list[Any]]:
        def region(inner: Builder) -> list[Any]:
            inner.token = token
            outs: list[Any] = lower_jaxpr(inner, jaxpr, args)
            return [inner.token, *outs] if ordered else outs

        return region

    names = b.raw("stablehlo.case", [which], [TOKEN] * ordered + [tensor_of(a) for a in out],
                  regions=[b.region([], branch(j)) for j in branches])
    if ordered:
        b.token = Token(names[0])
    return [value_of(n, a) for n, a in zip(names[ordered:], out, strict=True)]


# ---- what programs that are compiled do not have -------------------------------------------------
RULES["custom_lin"] = NoRule("a function that brings its derivative backwards has none forwards")
