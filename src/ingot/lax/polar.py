"""The polar decomposition by an iteration of products and factorizations alone.

QR-based dynamically weighted Halley iteration: Y. Nakatsukasa, Z. Bai and F. Gygi, SIAM J. Matrix
Anal. Appl. 31 (2010), 2700; weights as in section 3, the choice between QR and Cholesky in 5.
"""

from __future__ import annotations

from typing import Any

from ingot import dtypes
from ingot.control.cond import cond
from ingot.control.while_loop import while_loop
from ingot.core.interpreter import to_array
from ingot.primitives.arithmetic import abs, add, div, max, mul, sub
from ingot.primitives.bits import bitwise_and, bitwise_or
from ingot.primitives.compare import gt, lt
from ingot.primitives.complex import conj
from ingot.primitives.convert import convert_element_type
from ingot.primitives.dot import dot_general
from ingot.primitives.linalg import cholesky, triangular_solve
from ingot.primitives.movement import full_like, transpose
from ingot.primitives.powers import cbrt, sqrt, square
from ingot.primitives.qr import qr
from ingot.primitives.reduce import reduce_max, reduce_sum
from ingot.primitives.select import select
from ingot.primitives.shape import broadcast, broadcasted_iota, full
from ingot.primitives.slicing import concatenate, slice_in_dim

MANY_STEPS = 10
"""In double precision six are enough for any matrix whose condition is below 1 / eps."""

QR_ABOVE = 100.0
"""Up to this weight of X^H X the Cholesky factor of I + c X^H X is as accurate."""


def qdwh(x: Any, *, is_hermitian: bool = False, max_iterations: int | None = None,
         eps: float | None = None, dynamic_shape: tuple[Any, Any] | None = None
         ) -> tuple[Any, Any, Any, Any]:
    """The polar decomposition x = u h by an iteration without singular values.

    x: inexact [m, n], m >= n, of full rank. is_hermitian: without effect. max_iterations: how many
    steps at most. eps: it ends when a step changes u by less than (4 eps)^(1/3) of it.
    dynamic_shape: how many rows and columns count, integers or scalars -> (u [m, n], h [n, n],
    int32 number of steps, whether it came to its end). Raises ValueError for fewer rows than
    columns. There is a derivative in forward mode; that of `scipy.linalg.polar` is exact.

    >>> u, h, _, done = lax.linalg.qdwh(np.array([[0.0, -2.0], [3.0, 0.0]]))
    >>> done, abs(h - np.diag([3.0, 2.0])).max() < 1e-14
    (Array(True, dtype=bool), Array(True, dtype=bool))
    """
    x = to_array(x)
    if x.aval.ndim != 2 or x.aval.shape[0] < x.aval.shape[1]:
        raise ValueError(f"qdwh: a matrix with at least as many rows as columns is needed, got"
                         f" {x.aval}; take the adjoint of a wide one")
    if dynamic_shape is not None:
        for axis, count in enumerate(dynamic_shape):
            places = broadcasted_iota("int32", x.aval.shape, axis)
            count = broadcast(convert_element_type(to_array(count), "int32"), x.aval.shape)
            x = select(lt(places, count), x, full_like(x, 0))
    unitary, steps, done = _iterated(x, eps, max_iterations)
    h = _product(_adjoint(unitary), x)
    return unitary, mul(add(h, _adjoint(h)), full_like(h, 0.5)), steps, done


def _iterated(x: Any, eps: float | None, most: int | None) -> tuple[Any, Any, Any]:
    """The unitary factor, the number of steps, and whether they were enough."""
    real = dtypes.real_of(x.aval.dtype)
    smallest = float(dtypes.finfo(real).eps)
    limit = (4 * (smallest if eps is None else eps)) ** (1 / 3)
    size = sqrt(mul(_largest_sum(x, 0), _largest_sum(x, 1)))  # no singular value is larger
    size = select(gt(size, full_like(size, 0)), size, full_like(size, 1))
    start = div(x, _like(size, x))

    def going(state: Any) -> Any:
        _, low, change, k = state
        unfinished = bitwise_or(gt(change, full_like(change, limit)),
                                lt(low, full_like(low, 1 - 10 * smallest)))
        return bitwise_and(unfinished, lt(k, full_like(k, MANY_STEPS if most is None else most)))

    def step(state: Any) -> Any:
        u, low, _, k = state
        a, b, c = _weights(low)
        new = cond(gt(c, full_like(c, QR_ABOVE)), _step_by_qr, _step_by_cholesky, u, a, b, c)
        change = div(_norm(sub(new, u)), max(_norm(new), full_like(low, smallest)))
        grown = div(mul(low, add(a, mul(b, square(low)))),
                    add(full_like(low, 1), mul(c, square(low))))
        return new, grown, change, add(k, full_like(k, 1))

    first = start, full((), smallest, real), full((), 2 * limit + 1, real), full((), 0, "int32")
    unitary, _, change, steps = while_loop(going, step, first)
    return unitary, steps, lt(change, full_like(change, limit))


def _weights(low: Any) -> tuple[Any, Any, Any]:
    """The weights of a step that takes singular values in [low, 1] nearest to 1."""
    one = full_like(low, 1)
    square_low = square(low)
    d = cbrt(div(mul(full_like(low, 4), sub(one, square_low)), square(square_low)))
    root = sqrt(add(one, d))
    rest = div(mul(full_like(low, 8), sub(full_like(low, 2), square_low)), mul(square_low, root))
    inner = add(sub(full_like(low, 8), mul(full_like(low, 4), d)), rest)
    a = add(root, mul(full_like(low, 0.5), sqrt(max(inner, full_like(low, 0)))))
    b = mul(square(sub(a, one)), full_like(low, 0.25))
    return a, b, sub(add(a, b), one)


def _step_by_qr(u: Any, a: Any, b: Any, c: Any) -> Any:
    """b/c u + (a - b/c) / sqrt(c) Q1 Q2^H, where [sqrt(c) u; 1] = [Q1; Q2] R."""
    m, n = u.aval.shape
    eye = _eye(u)
    q, _ = qr(concatenate([mul(_like(sqrt(c), u), u), eye], 0), full_matrices=False)
    top, bottom = slice_in_dim(q, 0, m), slice_in_dim(q, m, m + n)
    ratio = div(b, c)
    return add(mul(_like(ratio, u), u),
               mul(_like(div(sub(a, ratio), sqrt(c)), u), _product(top, _adjoint(bottom))))


def _step_by_cholesky(u: Any, a: Any, b: Any, c: Any) -> Any:
    """The same by L L^H = 1 + c u^H u: b/c u + (a - b/c) u L^-H L^-1."""
    eye = _eye(u)
    factor = cholesky(add(eye, mul(_like(c, eye), _product(_adjoint(u), u))))
    half = triangular_solve(factor, u, lower=True, transpose_a=True, conjugate_a=True)
    whole = triangular_solve(factor, half, lower=True)
    ratio = div(b, c)
    return add(mul(_like(ratio, u), u), mul(_like(sub(a, ratio), u), whole))


# ---- matrices ------------------------------------------------------------------------------------
def _adjoint(x: Any) -> Any:
    turned = transpose(x, (1, 0))
    return conj(turned) if dtypes.kind(x.aval.dtype) == "c" else turned


def _product(x: Any, y: Any) -> Any:
    return dot_general(x, y, (((1,), (0,)), ((), ())))


def _like(scalar: Any, x: Any) -> Any:
    """A real scalar as an array of the type of `x`."""
    return broadcast(convert_element_type(scalar, x.aval.dtype), x.aval.shape)


def _eye(x: Any) -> Any:
    n = x.aval.shape[1]
    rows, columns = (broadcasted_iota("int32", (n, n), axis) for axis in (0, 1))
    return convert_element_type(sub(rows, columns) == 0, x.aval.dtype)


def _largest_sum(x: Any, axis: int) -> Any:
    sums = reduce_sum(abs(x), (axis,))
    return reduce_max(sums, (0,))


def _norm(x: Any) -> Any:
    return sqrt(reduce_sum(square(abs(x)), (0, 1)))


__all__ = ["qdwh"]
