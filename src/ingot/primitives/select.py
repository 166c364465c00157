"""Choosing elements: select_n by a boolean or an integer, clamp into an interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.division import UNMARKED, Marks, Operands, Spec, merged, nonlinear
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, Primitive, is_linear
from ingot.core.specs import names_of
from ingot.errors import ShardingTypeError
from ingot.kernel.rules import Lowering, elementwise
from ingot.primitives.arithmetic import max_p, min_p
from ingot.primitives.bits import bitwise_and
from ingot.primitives.compare import gt, lt
from ingot.primitives.convert import convert_element_type
from ingot.primitives.families import check_kind, check_same
from ingot.primitives.movement import (
    add_axis,
    batch_size,
    broadcast_in_dim,
    explicit_batch,
    full_like,
    move_axis,
    zeros,
)

INT32 = np.dtype(np.int32)
REAL = (np.floating, np.integer, np.bool_)


# ---- select_n ------------------------------------------------------------------------------------
def _select_type(which: ShapedArray, *cases: ShapedArray) -> ShapedArray:
    first = next(iter(cases), None)
    if first is None:
        raise TypeError("select_n: at least one case is needed")
    if which.dtype != np.bool_ and which.dtype != INT32:
        raise TypeError(f"select_n: the predicate must be boolean or int32, got {which}; compare it"
                        " or convert it first")
    if which.dtype == np.bool_ and len(cases) > 2:
        raise TypeError(f"select_n: a boolean predicate chooses between 2 cases, got {len(cases)};"
                        " convert it to int32")
    check_same("select_n", *cases)
    if which.shape and which.shape != first.shape:
        raise TypeError(f"select_n: the predicate must be a scalar or have the shape of the cases,"
                        f" got {which} and {first}; broadcast it first")
    return first.update(weak_type=all(c.weak_type for c in cases))


def _select_eval(which: np.ndarray, *cases: np.ndarray) -> np.ndarray:
    out, *others = cases
    for k, case in enumerate(others, 1):
        out = np.where(which if which.dtype == np.bool_ else which >= k, case, out)
    return out


def _select_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    which = primals[0]
    return select_n_p.bind(*primals), select_n_p.bind(which, *tangents[1:])


def _select_transpose(ct: Any, which: Any, *cases: Any) -> list[Any]:
    zero = zeros(typeof(ct))
    return [None] + [
        select_n(which, *(ct if j == i else zero for j in range(len(cases))))
        if is_linear(case) else None for i, case in enumerate(cases)]


def _align_scalars(args: Sequence[Any], dims: Sequence[Any], rank: int) -> tuple[list[Any], int]:
    """Operands of one shape with the mapped axis at one place; scalars without it stay scalars."""
    whole = [typeof(x).ndim - (d is not None) == rank for x, d in zip(args, dims, strict=True)]
    dim = next((d for d, w in zip(dims, whole, strict=True) if w and d is not None), 0)
    size, explicit = batch_size(args, dims), explicit_batch(args, dims)
    out = [x if not w else add_axis(x, dim, size, explicit) if d is None else move_axis(x, d, dim)
           for x, d, w in zip(args, dims, whole, strict=True)]
    shape = next(typeof(x).shape for x, w in zip(out, whole, strict=True) if w)
    return [x if w or d is None else broadcast_in_dim(x, shape, (dim,))
            for x, d, w in zip(out, dims, whole, strict=True)], dim


def _select_batch(args: Sequence[Any], dims: Sequence[Any]) -> Any:
    args, dim = _align_scalars(args, dims, typeof(args[1]).ndim - (dims[1] is not None))
    return select_n_p.bind(*args), dim


def _select_scalar(build: Lowering, which: Any, *cases: Any, out_dtype: np.dtype) -> Any:
    out = cases[0]
    for k, case in enumerate(cases[1:], 1):
        chosen = which if which.dtype == np.bool_ else build.op(
            "ge", which, build.const(k, INT32))
        out = build.select(chosen, case, out)
    return out


def _select_division(given: Operands) -> list[Spec]:
    ndim = given.outs[0].ndim
    cases = [s for s in given.specs[1:] if len(s) == ndim]
    if given.strict and any(len({e for e in entries if names_of(e)}) > 1
                            for entries in zip(*cases, strict=True)):
        given.refuse("select cases must have the same shardings, got"
                     f" {', '.join(map(str, cases))}")
    return [merged(given, [s for s in given.specs if len(s) == ndim])]


def _select_marks(given: Operands) -> Marks:
    said = {m for m in given.marks[1:] if m != UNMARKED}
    if len(said) != 1:
        raise ShardingTypeError(f"select cases must have the same shardings, got {given.types()};"
                                " reshard one of them first")
    return said.pop()


select_n_p = Primitive(
    "select_n", type=_select_type, eval=_select_eval, jvp=_select_jvp,
    transpose=_select_transpose, batch=_select_batch, kernel=elementwise(_select_scalar, cost=1),
    recompute_cost=1)
select_n_p.division, select_n_p.marks = _select_division, _select_marks


def select_n(which: Any, *cases: Any) -> Any:
    """Element by element the case whose number `which` gives; all cases are computed.

    which: bool (False: the first of two) or integer (moved into range), a scalar or [...];
    cases: any dtype [...], all of one type -> that type. Raises TypeError.

    >>> lax.select_n(True, 1.0, 2.0)
    Array(2., dtype=float64, weak_type=True)
    """
    if dtypes.issubdtype(typeof(which).dtype, np.integer):
        which = convert_element_type(which, INT32)
    return select_n_p.bind(which, *cases)


def select(pred: Any, on_true: Any, on_false: Any) -> Any:
    """`on_true` where `pred` holds, `on_false` elsewhere; both are computed.

    pred: bool, a scalar or [...]; on_true, on_false: any dtype [...] of one type -> that type.
    Raises TypeError.

    >>> lax.select(True, 1.0, 2.0)
    Array(1., dtype=float64, weak_type=True)
    """
    return select_n(pred, on_false, on_true)


# ---- clamp ---------------------------------------------------------------------------------------
def _clamp_type(low: ShapedArray, x: ShapedArray, high: ShapedArray) -> ShapedArray:
    check_kind("clamp", REAL, low, x, high)
    for bound in (low, high):
        check_same("clamp", x, bound.update(shape=bound.shape or x.shape))
    return x.update(weak_type=low.weak_type and x.weak_type and high.weak_type)


def _clamp_eval(low: np.ndarray, x: np.ndarray, high: np.ndarray) -> np.ndarray:
    return min_p.eval(max_p.eval(x, low), high)  # type: ignore[operator]


def _where(condition: Any, t: Any) -> Any:
    t = _whole(t, condition)
    return select(condition, t, full_like(t, 0))


def _whole(bound: Any, x: Any) -> Any:
    return bound if typeof(bound).ndim else broadcast_in_dim(bound, typeof(x).shape, ())


_CLAMP_JVP = [
    lambda t, out, low, x, high: _where(
        bitwise_and(gt(_whole(low, x), x), lt(_whole(low, x), _whole(high, x))), t),
    lambda t, out, low, x, high: _where(
        bitwise_and(gt(x, _whole(low, x)), lt(x, _whole(high, x))), t),
    lambda t, out, low, x, high: _where(lt(_whole(high, x), x), t),
]


def _clamp_batch(args: Sequence[Any], dims: Sequence[Any]) -> Any:
    args, dim = _align_scalars(args, dims, typeof(args[1]).ndim - (dims[1] is not None))
    return clamp_p.bind(*args), dim


def _clamp_scalar(build: Lowering, low: Any, x: Any, high: Any, *, out_dtype: np.dtype) -> Any:
    lower, upper = ("and", "or") if out_dtype == np.bool_ else ("min", "max")
    return build.op(lower, build.op(upper, x, low), high)


def _clamp_division(given: Operands) -> list[Spec]:
    return [given.specs[1]]


def _clamp_marks(given: Operands) -> Marks:
    if any(m.unreduced for m in given.marks):
        return nonlinear(given)
    return Marks(reduced=given.marks[1].reduced)


clamp_p = Primitive(
    "clamp", type=_clamp_type, eval=_clamp_eval, jvp=_CLAMP_JVP, transpose=NOT_LINEAR,
    batch=_clamp_batch, kernel=elementwise(_clamp_scalar, cost=2))
clamp_p.division, clamp_p.marks = _clamp_division, _clamp_marks


def clamp(min: Any, x: Any, max: Any) -> Any:
    """`x` moved into the interval from `min` to `max`; `max` where these are out of order.

    x: real or boolean [...]; min, max: the same dtype, scalars or [...] -> type of `x`; nan where
    one of them is nan. The derivative is 0 outside and at the ends. Raises TypeError.

    >>> lax.clamp(0.0, 2.5, 1.0)
    Array(1., dtype=float64, weak_type=True)
    """
    return clamp_p.bind(min, x, max)


__all__ = ["clamp", "clamp_p", "select", "select_n", "select_n_p"]
