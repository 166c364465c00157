"""How eigenvalues and singular values change with a matrix, and their vectors: ties among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import Primitive, is_linear
from ingot.kernel.rules import elementwise
from ingot.primitives.arithmetic import abs, add, div, max, mul, neg, sub
from ingot.primitives.bits import bitwise_and, bitwise_or
from ingot.primitives.compare import eq, gt, lt
from ingot.primitives.complex import conj, real
from ingot.primitives.convert import convert_element_type
from ingot.primitives.cumulative import cummax, cummin
from ingot.primitives.families import FLOAT, INEXACT, check_kind, unary
from ingot.primitives.matrices import (
    adjoint,
    columns,
    divide_by_gap,
    halved,
    matmul,
    matrix_transpose,
    on_diagonal,
    rows,
)
from ingot.primitives.movement import broadcast_in_dim, full_like, move_axis, reduce_sum
from ingot.primitives.reduce import reduce_max
from ingot.primitives.select import select
from ingot.primitives.shape import broadcasted_iota, rev, stop_gradient
from ingot.primitives.slicing import concatenate, slice_in_dim


def turn_by(inner: Any, values: Any) -> Any:
    """The turn of vectors by a change `inner` of the matrix in their basis: over the differences of
    values. Undefined for the vectors of equal values, and so is whatever depends on them."""
    gaps = sub(rows(values, inner), columns(values, inner))
    others = reduce_sum(convert_element_type(eq(gaps, full_like(gaps, 0)), dtypes.int32),
                        (typeof(gaps).ndim - 2,))
    lone = bitwise_and(on_diagonal(gaps), rows(eq(others, full_like(others, 1)), gaps))
    return divide_by_gap(select(lone, full_like(inner, 0), inner),
                         select(lone, full_like(gaps, 1), gaps))


# ---- untied --------------------------------------------------------------------------------------
def _step(values: Any) -> Any:
    """By how much equal values are moved apart: the root of the precision of the largest one."""
    aval = typeof(values)
    axis = aval.ndim - 1
    size = reduce_max(abs(values), (axis,))
    step = mul(select(eq(size, full_like(size, 0)), full_like(size, 1), size),
               full_like(size, float(dtypes.finfo(aval.dtype).eps) ** 0.5))
    return broadcast_in_dim(step, aval.shape, tuple(range(axis)))


def _apart(values: Any) -> Any:
    aval = typeof(values)
    axis = aval.ndim - 1
    places = mul(_step(values), _places(values))
    lowered = sub(values, places)
    return halved(add(add(cummax(lowered, axis), places),
                      add(cummin(lowered, axis, reverse=True), places)))


def _places(values: Any) -> Any:
    """0, 1, 2, ... along the last axis."""
    aval = typeof(values)
    return convert_element_type(
        broadcasted_iota(dtypes.int32, aval.shape, aval.ndim - 1), aval.dtype)


def apart(values: Any, mirrored: bool = False) -> Any:
    """Ascending values with equal ones moved apart, by the root of the precision.

    For second derivatives: those of a symmetric function at equal values are limits of quotients of
    differences. What is symmetric changes by no more than the precision. With `mirrored`, for
    singular values, which descend, the negative ones count too: each x is one of a pair x, -x.
    The derivative is that of the values themselves.
    """
    axis = typeof(values).ndim - 1
    k = typeof(values).shape[axis]
    if not k:
        return values
    fixed = stop_gradient(values)
    if mirrored:
        both = _apart(concatenate([neg(fixed), rev(fixed, (axis,))], axis))
        moved = neg(slice_in_dim(both, 0, k, axis=axis))
    else:
        moved = _apart(fixed)
    return add(values, sub(moved, fixed))


def _untied_jvp(primals: Any, tangents: Any, *, mirrored: bool) -> Any:
    return apart(primals[0], mirrored), tangents[0]


untied_p = unary("untied", FLOAT, eval=lambda x, *, mirrored: x, jvp=_untied_jvp,
                 kernel=lambda build, x, *, mirrored, out: x)


def untied(values: Any, mirrored: bool = False) -> Any:
    """Values in order; those that somebody differentiates again have no ties, see `apart`."""
    return untied_p.bind(values, mirrored=mirrored)


# ---- basis_product -------------------------------------------------------------------------------
# Sums of u x along the columns are changes of values w, where x is the change of the matrix times
# its vectors. Transposed, x is the cotangent of the values, repeated. The derivative in u needs the
# turn of vectors of equal values, which has a limit only where what is computed from these values
# is symmetric: cotangents of equal values are equal then, and those of singular values that are 0
# are 0.
def _basis_product_type(u: ShapedArray, x: ShapedArray, w: ShapedArray, *, mirrored: bool,
                        transposed: bool) -> ShapedArray:
    check_kind("basis_product", INEXACT, u)
    if u.shape != x.shape or u.dtype != x.dtype or w.shape != (*u.shape[:-2], u.shape[-1]):
        raise TypeError(f"basis_product: types do not fit, got {u}, {x} and {w}")
    return x


def _basis_product_jvp(t: Any, out: Any, u: Any, x: Any, w: Any, *, mirrored: bool,
                       transposed: bool) -> Any:
    turn = matmul(adjoint(u), t)
    equal = _ties(w, turn, 1)
    opposite = _ties(w, turn, -1) if mirrored else None
    if transposed:
        lost = bitwise_and(equal, _unlike(x, turn, 1))
        if opposite is not None:
            lost = bitwise_or(lost, bitwise_and(opposite, _unlike(x, turn, -1)))
        return add(mul(t, x), matmul(u, _nan_where(lost, turn)))
    inner = abs(matmul(matrix_transpose(u), x))
    change = mul(turn,
                 convert_element_type(add(inner, matrix_transpose(inner)), typeof(turn).dtype))
    lost = equal if opposite is None else bitwise_or(equal, opposite)
    return add(mul(t, x), matmul(full_like(u, 1), _nan_where(lost, change)))


def _nan_where(chosen: Any, x: Any) -> Any:
    """nan where chosen and x is not 0, else 0; linear in x."""
    return divide_by_gap(x, select(chosen, full_like(x, 0), full_like(x, np.inf)))


def _pairs(values: Any, like: Any) -> tuple[Any, Any]:
    """For each element of a matrix like `like`, the values of its column and of its row."""
    like = full_like(ShapedArray(typeof(like).shape, typeof(values).dtype), 0)
    return rows(values, like), columns(values, like)


def _ties(w: Any, like: Any, sign: int) -> Any:
    """Which pairs, of a value and another one times the sign, `apart` has to move."""
    (one, other), (i, j) = _pairs(w, like), _pairs(_places(w), like)
    step, _ = _pairs(_step(w), like)
    if sign > 0:
        return lt(abs(sub(one, other)), mul(abs(sub(i, j)), step))
    last = full_like(i, 2 * typeof(w).shape[-1] - 1)
    return lt(add(one, other), mul(sub(last, add(i, j)), step))


def _unlike(x: Any, like: Any, sign: int) -> Any:
    """Which pairs of cotangents, one of them times the sign, differ by more than those of a smooth
    symmetric function do, at values that were moved apart. Each row of x has them."""
    axis = typeof(x).ndim - 2
    ct = reduce_sum(x, (axis,))
    ct = real(ct) if dtypes.kind(typeof(ct).dtype) == "c" else ct
    one, other = _pairs(div(ct, full_like(ct, typeof(x).shape[axis])), like)
    eps = float(dtypes.finfo(typeof(ct).dtype).eps)
    if sign < 0:
        return gt(abs(add(one, other)), full_like(one, 64 * eps**0.5))
    bound = max(mul(max(abs(one), abs(other)), full_like(one, eps**0.25)),
                full_like(one, 64 * eps**0.5))
    return gt(abs(sub(one, other)), bound)


def _basis_product_transpose(ct: Any, u: Any, x: Any, w: Any, *, mirrored: bool, transposed: bool
                             ) -> list[Any]:
    params = {"mirrored": mirrored, "transposed": not transposed}
    return [mul(ct, x) if is_linear(u) else None,
            basis_product_p.bind(u, ct, w, **params) if is_linear(x) else None, None]


def _basis_product_batch(args: Sequence[Any], dims: Sequence[Any], **params: Any) -> Any:
    size = next(typeof(x).shape[d] for x, d in zip(args, dims, strict=True) if d is not None)
    moved = [broadcast_in_dim(x, (size, *typeof(x).shape), range(1, typeof(x).ndim + 1))
             if d is None else move_axis(x, d, 0) for x, d in zip(args, dims, strict=True)]
    return basis_product_p.bind(*moved, **params), 0


basis_product_p = Primitive(
    "basis_product", type=_basis_product_type, eval=lambda u, x, w, **params: u * x,
    jvp=[_basis_product_jvp,
         lambda t, out, u, x, w, **params: basis_product_p.bind(u, t, w, **params), None],
    transpose=_basis_product_transpose, batch=_basis_product_batch,
    kernel=lambda build, u, x, w, *, out, **params: elementwise("mul")(build, u, x, out=out))


def lost_at_ties(inner: Any, w: Any, mirrored: bool = False) -> Any:
    """nan in the columns of ties of w whose values or vectors a change `inner` moves, else 0.

    For third derivatives, of which nothing is left where values are moved apart for second ones.
    """
    tied = _ties(w, inner, 1)
    if mirrored:
        tied = bitwise_or(tied, _ties(w, inner, -1))
    count = reduce_sum(convert_element_type(tied, typeof(w).dtype), (typeof(inner).ndim - 2,))
    lost, _ = _pairs(count, inner)
    return matmul(full_like(inner, 1), _nan_where(gt(lost, full_like(lost, 0)), inner))


def value_tangents(u: Any, change: Any, v: Any, w: Any, mirrored: bool = False) -> Any:
    """The diagonal of u^H change v, which is the change of values w with vectors u and v.

    u: [..., m, k]; change: [..., m, n]; v: [..., n, k]; w: real [..., k]; `mirrored` for singular
    values -> type of w. Second derivatives at ties of w are limits in reverse mode, for symmetric
    functions of equal values; nan for others, and in forward mode.
    """
    product = basis_product_p.bind(conj(u) if dtypes.kind(typeof(u).dtype) == "c" else u,
                                   matmul(change, v), w, mirrored=mirrored, transposed=False)
    out = reduce_sum(product, (typeof(product).ndim - 2,))
    return real(out) if dtypes.kind(typeof(out).dtype) == "c" else out
