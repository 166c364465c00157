"""Factorizations and solvers of linear systems: cholesky, triangular_solve, lu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.division import along_leading_axes
from ingot.core.interpreter import typeof
from ingot.core.primitive import (
    INTEGER_ONLY,
    NOT_LINEAR,
    ZERO,
    Primitive,
    PythonFallback,
    is_linear,
)
from ingot.kernel.rules import (
    ArrayValue,
    Buffer,
    Index,
    Lowering,
    RegisterArray,
    Unsupported,
    check_native_dtypes,
    indices,
)
from ingot.primitives import lapack as routines
from ingot.primitives.arithmetic import add, mul, neg
from ingot.primitives.complex import conj
from ingot.primitives.convert import convert_element_type
from ingot.primitives.matrices import (
    batched,
    check_matrix,
    each_matrix,
    eye_like,
    from_triangle,
    hermitian_part,
    lapack,
    matmul,
    matrix_transpose,
    on_diagonal,
    permuted_rows,
    tril,
    triu,
)
from ingot.primitives.movement import (
    all_to_front,
    broadcast_in_dim,
    explicit_batch,
    full_like,
    move_axis,
    reshape,
)
from ingot.primitives.select import select
from ingot.primitives.slicing import concatenate, slice_in_dim
from ingot.util import load_extension_alone, size_of


def nest_batch(build: Lowering, lead: Sequence[int],
               body: Callable[[Sequence[Index]], None]) -> None:
    """Run `body` for each index of the leading axes, in loops."""

    def level(depth: int, index: tuple[Index, ...]) -> None:
        if depth == len(lead):
            body(index)
            return
        with build.loop(lead[depth], independent=True) as i:
            level(depth + 1, (*index, i))

    if size_of(lead):
        level(0, ())


# ---- cholesky ------------------------------------------------------------------------------------
def _cholesky_type(x: ShapedArray) -> ShapedArray:
    check_matrix("cholesky", x, square=True)
    return x


def _cholesky_eval(x: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        out, = each_matrix(lambda a: [np.linalg.cholesky(a)], [ShapedArray(x.shape, x.dtype)], x)
        return np.tril(out)


def _cholesky_jvp(primals: Any, tangents: Any) -> Any:
    factor = cholesky_p.bind(primals[0])
    change = from_triangle(tangents[0], lower=True)
    # L^-1 dA L^-H = X + X^H with X = L^-1 dL lower triangular: half of the diagonal is X's.
    right = triangular_solve(factor, change, left_side=False, lower=True, transpose_a=True,
                             conjugate_a=True)
    both = triangular_solve(factor, right, left_side=True, lower=True)
    half = select(on_diagonal(both), full_like(both, 0.5), full_like(both, 1))
    return factor, matmul(factor, tril(mul(both, half)))


def _cholesky_kernel(build: Lowering, x: ArrayValue, *, out: Any) -> ArrayValue:
    check_native_dtypes(x.dtype)
    n = x.shape[-1]
    if not routines.callable_for(x):
        raise Unsupported("nothing to factor")
    if x.dtype.kind == "c" or n > build.schedule.max_unrolled_order:
        return routines.cholesky(build, x)
    x = build.materialize(x) if x.cost else x
    if x.ndim == 2 and n <= 8:
        return RegisterArray(out.shape, x.dtype, _cholesky_scalars(build, x, ()))
    target = build.allocate(out.shape, x.dtype)

    def body(index: Sequence[Index]) -> None:
        elements = _cholesky_scalars(build, x, index)
        for place, element in zip(indices((n, n)), elements, strict=True):
            build.store(target, (*index, *place), element)

    nest_batch(build, x.shape[:-2], body)
    return target


def _cholesky_scalars(build: Lowering, x: ArrayValue, index: Sequence[Index]) -> list[Any]:
    """The factor's elements in row-major order; NaN in the lower triangle if there is none."""
    op, n = build.op, x.shape[-1]
    factor: dict[tuple[int, int], Any] = {}
    valid: Any = None
    for j in range(n):
        for i in range(j, n):
            value = x.at(build, (*index, i, j))
            for k in range(j):
                value = op("sub", value, op("mul", factor[i, k], factor[j, k]))
            if i == j:
                positive = op("gt", value, build.const(0, x.dtype))
                valid = positive if valid is None else op("and", valid, positive)
                factor[i, j] = op("sqrt", value)
            else:
                factor[i, j] = op("div", value, factor[j, j])
    nan, zero = build.const(np.nan, x.dtype), build.const(0, x.dtype)
    return [build.select(valid, factor[i, j], nan) if i >= j else zero
            for i in range(n) for j in range(n)]


cholesky_p = Primitive(
    "cholesky", type=_cholesky_type, eval=_cholesky_eval, jvp=_cholesky_jvp,
    transpose=NOT_LINEAR, batch=batched(lambda: cholesky_p), kernel=_cholesky_kernel)
cholesky_p.division = along_leading_axes(2)


def cholesky(x: Any, *, symmetrize_input: bool = True) -> Any:
    """Lower triangular L with L L^H = x; NaN where x is not positive definite.

    x: number [..., n, n] -> the same type; with `symmetrize_input` the mean of x and its adjoint
    is taken first, otherwise the upper triangle is not read. Raises TypeError, ValueError.
    >>> lax.linalg.cholesky(np.array([[4., 2.], [2., 5.]]))
    Array([[2., 0.],
           [1., 2.]], dtype=float64)
    """
    x = convert_element_type(x, dtypes.to_inexact_dtype(typeof(x).dtype))
    _cholesky_type(typeof(x))
    return cholesky_p.bind(hermitian_part(x) if symmetrize_input else x)


# ---- triangular_solve ----------------------------------------------------------------------------
def _solve_type(a: ShapedArray, b: ShapedArray, *, left_side: bool, **params: Any) -> ShapedArray:
    check_matrix("triangular_solve", a, square=True)
    check_matrix("triangular_solve", b)
    if a.dtype != b.dtype:
        raise TypeError(f"triangular_solve: dtypes must match, got {a} and {b}; convert one first")
    if a.shape[:-2] != b.shape[:-2]:
        raise TypeError(f"triangular_solve: leading axes must match, got {a} and {b}; broadcast"
                        " one of them first")
    if a.shape[-1] != b.shape[-2 if left_side else -1]:
        raise ValueError(f"triangular_solve: sizes must match, got {a} and {b} with"
                         f" left_side={left_side}")
    return b


def _solve_eval(a: np.ndarray, b: np.ndarray, *, left_side: bool, lower: bool, transpose_a: bool,
                conjugate_a: bool, unit_diagonal: bool) -> np.ndarray:
    blas = load_extension_alone("scipy.linalg._fblas")

    if not b.size:
        return b
    routine = getattr(blas, "sdcz"["fdFD".index(a.dtype.char)] + "trsm")
    if conjugate_a and not transpose_a:
        a = np.conj(a)
    op = (2 if conjugate_a else 1) if transpose_a else 0
    out, = each_matrix(
        lambda a, b: [routine(1, a, b, side=not left_side, lower=lower, trans_a=op,
                              diag=unit_diagonal)], [ShapedArray(b.shape, b.dtype)], a, b)
    return out


def _solve_partial(t: Any, out: Any, a: Any, b: Any, **params: Any) -> Any:
    lower, unit = params["lower"], params["unit_diagonal"]
    change = (tril if lower else triu)(t, (-1 if lower else 1) if unit else 0)
    if params["transpose_a"]:
        change = matrix_transpose(change)
    if params["conjugate_a"]:
        change = conj(change)
    product = matmul(change, out) if params["left_side"] else matmul(out, change)
    return triangular_solve_p.bind(a, neg(product), **params)


def _solve_transpose(ct: Any, a: Any, b: Any, **params: Any) -> list[Any]:
    params["transpose_a"] = not params["transpose_a"]
    return [None, triangular_solve_p.bind(a, ct, **params) if is_linear(b) else None]


def _solve_batch(args: Any, dims: Any, *, left_side: bool, **params: Any) -> Any:
    (a, b), (a_dim, b_dim) = args, dims
    if a_dim is not None or typeof(a).ndim > 2 or explicit_batch(args, dims) is not None:
        a, b = all_to_front(args, dims)
        return triangular_solve_p.bind(a, b, left_side=left_side, **params), 0
    # One matrix for all: the mapped axis joins the right-hand sides.
    size = typeof(b).shape[b_dim]
    b = move_axis(b, b_dim, 1 if left_side else 0)
    shape = typeof(b).shape
    wide = (shape[0], size * shape[2]) if left_side else (size * shape[1], shape[2])
    out = triangular_solve_p.bind(a, reshape(b, wide), left_side=left_side, **params)
    return reshape(out, shape), 1 if left_side else 0


def _solve_kernel(build: Lowering, a: ArrayValue, b: ArrayValue, *, out: Any, left_side: bool,
                  lower: bool, transpose_a: bool, conjugate_a: bool, unit_diagonal: bool
                  ) -> ArrayValue:
    check_native_dtypes(a.dtype, b.dtype)
    n, sides = a.shape[-1], b.shape[-1 if left_side else -2]
    if not routines.callable_for(b) or (conjugate_a and not transpose_a):
        raise Unsupported("BLAS conjugates what it transposes")
    if a.dtype.kind == "c" or n > build.schedule.max_unrolled_order:
        return routines.triangular_solve(
            build, a, b, left_side=left_side, lower=lower, transpose_a=transpose_a,
            conjugate_a=conjugate_a, unit_diagonal=unit_diagonal)
    a, b = (build.materialize(v) if v.cost else v for v in (a, b))
    flipped = transpose_a == left_side  # whether row i of the system is column i of `a`
    forward = lower != flipped

    def solve(index: Sequence[Index], side: Index) -> list[Any]:
        """One column (or row) of the result by substitution."""
        x: dict[int, Any] = {}
        for i in range(n) if forward else reversed(range(n)):
            value = b.at(build, (*index, i, side) if left_side else (*index, side, i))
            for j in x:
                factor = a.at(build, (*index, j, i) if flipped else (*index, i, j))
                value = build.op("sub", value, build.op("mul", factor, x[j]))
            x[i] = value if unit_diagonal else build.op("div", value, a.at(build, (*index, i, i)))
        return [x[i] for i in range(n)]

    if b.ndim == 2 and n * n * sides <= 256 and b.size <= 64:
        found = [solve((), side) for side in range(sides)]
        elements = [found[r][i] for i in range(n) for r in range(sides)] if left_side else [
            element for row in found for element in row]
        return RegisterArray(out.shape, out.dtype, elements)
    target = build.allocate(out.shape, out.dtype)

    def body(index: Sequence[Index]) -> None:
        for i, element in enumerate(solve(index[:-1], index[-1])):
            place = (*index[:-1], i, index[-1]) if left_side else (*index, i)
            build.store(target, place, element)

    nest_batch(build, (*b.shape[:-2], sides), body)
    return target


triangular_solve_p = Primitive(
    "triangular_solve", type=_solve_type, eval=_solve_eval, transpose=_solve_transpose,
    jvp=[_solve_partial,
         lambda t, out, a, b, **params: triangular_solve_p.bind(a, t, **params)],
    batch=_solve_batch, kernel=_solve_kernel)
triangular_solve_p.division = along_leading_axes(2, 2)


def triangular_solve(a: Any, b: Any, *, left_side: bool = False, lower: bool = False,
                     transpose_a: bool = False, conjugate_a: bool = False,
                     unit_diagonal: bool = False) -> Any:
    """Solve op(a) x = b, or x op(a) = b unless `left_side`, for triangular a.

    a: [..., n, n], of which one triangle is read; b: [..., n, m] ([..., m, n] unless left_side), or
    vectors [..., n]; op conjugates and transposes as told; lower: which triangle; unit_diagonal:
    whether its diagonal counts as ones; transpose_a, conjugate_a: what op does -> x of the type of
    b; inf and NaN where a is singular. Raises TypeError, ValueError for types that do not match.

    >>> lax.linalg.triangular_solve(np.array([[2., 0.], [1., 4.]]), np.array([2., 9.]),
    ...                             left_side=True, lower=True)
    Array([1., 2.], dtype=float64)
    """
    x, y = typeof(a), typeof(b)
    vector = y.ndim == x.ndim - 1
    if vector:
        shape = (*y.shape, 1) if left_side else (*y.shape[:-1], 1, *y.shape[-1:])
        b = reshape(b, shape)
    out = triangular_solve_p.bind(
        a, b, left_side=bool(left_side), lower=bool(lower), transpose_a=bool(transpose_a),
        conjugate_a=bool(conjugate_a) and dtypes.kind(x.dtype) == "c",
        unit_diagonal=bool(unit_diagonal))
    return reshape(out, y.shape) if vector else out


# ---- lu ------------------------------------------------------------------------------------------
def _lu_type(x: ShapedArray) -> list[ShapedArray]:
    check_matrix("lu", x)
    *lead, m, n = x.shape
    return [x, ShapedArray((*lead, min(m, n)), dtypes.int32), ShapedArray((*lead, m), dtypes.int32)]


def _lu_eval(x: np.ndarray) -> list[np.ndarray]:
    routine = lapack("getrf", x.dtype)

    def factor(a: np.ndarray) -> list[np.ndarray]:
        if not a.size:
            return [a, np.arange(0), np.arange(a.shape[0])]
        lu, pivots, _ = routine(a)
        return [lu, pivots, permutation_of(pivots, a.shape[0])]

    return each_matrix(factor, _lu_type(ShapedArray(x.shape, x.dtype)), x)


def permutation_of(pivots: np.ndarray, size: int) -> np.ndarray:
    """The order of rows after the exchanges i <-> pivots[i]."""
    order = np.arange(size, dtype=np.int32)
    for i, j in enumerate(pivots):
        order[[i, j]] = order[[j, i]]
    return order


def _lu_jvp(primals: Any, tangents: Any) -> Any:
    """P dA = dL U + L dU: L^-1 P dA U^-1 is strictly lower and upper parts, once L and U are
    completed to square matrices by an identity."""
    lu, pivots, permutation = lu_p.bind(*primals)
    *lead, m, n = typeof(lu).shape
    lower, upper = _complete(tril(lu, -1), m), _complete(triu(lu), n)
    identity = eye_like(lower)
    lower = add(lower, identity)
    if n > m:
        upper = add(upper, tril_identity(upper, m))
    change = permuted_rows(tangents[0], permutation)
    change = triangular_solve(lower, change, left_side=True, lower=True, unit_diagonal=True)
    change = triangular_solve(upper, change)
    tangent = add(matmul(lower, tril(change, -1)), matmul(triu(change), upper))
    return [lu, pivots, permutation], [tangent, None, None]


def tril_identity(x: Any, first: int) -> Any:
    """Ones on the diagonal of square matrices from index `first` on."""
    n = typeof(x).shape[-1]
    late = np.zeros((n, n), bool)
    late[range(first, n), range(first, n)] = True
    mask = broadcast_in_dim(late, typeof(x).shape, (typeof(x).ndim - 2, typeof(x).ndim - 1))
    return select(mask, full_like(x, 1), full_like(x, 0))


def _complete(x: Any, size: int) -> Any:
    """Matrices [..., m, n] cut or filled with zeros to [..., size, size]."""
    for axis in (-2, -1):
        aval = typeof(x)
        have, place = aval.shape[axis], aval.ndim + axis
        if have > size:
            x = slice_in_dim(x, 0, size, axis=place)
        elif have < size:
            shape = list(aval.shape)
            shape[axis] = size - have
            x = concatenate([x, full_like(ShapedArray(shape, aval.dtype), 0)], place)
    return x


def _lu_kernel(build: Lowering, x: ArrayValue, *, out: Any) -> list[ArrayValue]:
    check_native_dtypes(x.dtype)
    m, n = x.shape[-2:]
    if not routines.callable_for(x):
        raise Unsupported("nothing to factor")
    if x.dtype.kind == "c" or max(m, n) > build.schedule.max_unrolled_order:
        return routines.lu(build, x, out[1].storage)
    factors = build.allocate(x.shape, x.dtype)
    build.write(factors, x)
    pivots, order = (build.allocate(a.shape, a.storage) for a in out[1:])

    def body(lead: Sequence[Index]) -> None:
        with build.loop(m) as i:
            build.store(order, (*lead, i), build.op("convert", build.index(i), dtype=np.int32))
        for k in range(min(m, n)):
            _lu_step(build, factors, pivots, order, lead, k)

    nest_batch(build, x.shape[:-2], body)
    return [factors, pivots, order]


def _lu_step(build: Lowering, x: Buffer, pivots: Buffer, order: Buffer, lead: Sequence[Index],
             k: int) -> None:
    """Exchange row k with that of the largest pivot, and eliminate below it."""
    m, n = x.shape[-2:]

    def candidate(r: Index, carry: Sequence[Any]) -> list[Any]:
        i = build.index_add(r, k + 1)
        size = build.op("abs", x.at(build, (*lead, i, k)))
        better = build.op("gt", size, carry[0])
        return [build.select(better, size, carry[0]),
                build.select(better, build.index(i), carry[1])]

    carry = [build.op("abs", x.at(build, (*lead, k, k))), build.index(k)]
    pivot = (build.accumulate(m - k - 1, carry, candidate) if m - k > 1 else carry)[1]
    build.store(pivots, (*lead, k), build.op("convert", pivot, dtype=np.int32))
    _exchange(build, order, (*lead, k), (*lead, pivot))
    with build.loop(n) as j:
        _exchange(build, x, (*lead, k, j), (*lead, pivot, j))
    divisor = x.at(build, (*lead, k, k))
    zero = build.op("eq", divisor, build.const(0, x.dtype))
    divisor = build.select(zero, build.const(1, x.dtype), divisor)
    with build.loop(m - k - 1) as r:
        i = build.index_add(r, k + 1)
        factor = build.op("div", x.at(build, (*lead, i, k)), divisor)
        build.store(x, (*lead, i, k), factor)
        with build.loop(n - k - 1, vector=True) as c:
            j = build.index_add(c, k + 1)
            product = build.op("mul", factor, x.at(build, (*lead, k, j)))
            value = x.at(build, (*lead, i, j))
            build.store(x, (*lead, i, j), build.op("sub", value, product))


def _exchange(build: Lowering, x: Buffer, one: Sequence[Index], other: Sequence[Index]) -> None:
    first, second = x.at(build, one), x.at(build, other)
    build.store(x, one, second)
    build.store(x, other, first)


lu_p = Primitive(
    "lu", type=_lu_type, eval=_lu_eval, jvp=_lu_jvp, transpose=NOT_LINEAR,
    batch=batched(lambda: lu_p), kernel=_lu_kernel, multiple_results=True)
lu_p.division = along_leading_axes(2)


def lu(x: Any) -> list[Any]:
    """LU factorization with row exchanges: x[permutation] = L U.

    x: [..., m, n] -> [L and U in one matrix (L without its unit diagonal), the row each row was
    exchanged with i32[..., min(m, n)], the permutation i32[..., m]]. Raises TypeError.
    >>> lax.linalg.lu(np.array([[1., 2.], [4., 4.]]))[0]
    Array([[4.  , 4.  ],
           [0.25, 1.  ]], dtype=float64)
    """
    return lu_p.bind(x)


# ---- lu_pivots_to_permutation --------------------------------------------------------------------
def _permutation_type(pivots: ShapedArray, *, permutation_size: int) -> ShapedArray:
    if pivots.dtype != dtypes.int32 or pivots.ndim < 1:
        raise TypeError(f"lu_pivots_to_permutation: pivots must be i32[..., k], got {pivots}")
    if permutation_size < pivots.shape[-1]:
        raise ValueError(f"lu_pivots_to_permutation: permutation_size {permutation_size} must be at"
                         f" least the number of pivots of {pivots}")
    return ShapedArray((*pivots.shape[:-1], permutation_size), dtypes.int32)


def _permutation_eval(pivots: np.ndarray, *, permutation_size: int) -> np.ndarray:
    flat = pivots.reshape(-1, pivots.shape[-1])
    orders = [permutation_of(p, permutation_size) for p in flat]
    return np.array(orders, np.int32).reshape(*pivots.shape[:-1], permutation_size)


lu_pivots_to_permutation_p = Primitive(
    "lu_pivots_to_permutation", type=_permutation_type, eval=_permutation_eval, jvp=ZERO,
    transpose=INTEGER_ONLY, batch=batched(lambda: lu_pivots_to_permutation_p),
    kernel=PythonFallback("exchanges one after the other"))
lu_pivots_to_permutation_p.division = along_leading_axes(1)


def lu_pivots_to_permutation(pivots: Any, permutation_size: int) -> Any:
    """The permutation that a list of row exchanges amounts to.

    pivots: i32[..., k] -> i32[..., permutation_size]. Raises TypeError, ValueError.
    >>> lax.linalg.lu_pivots_to_permutation(np.array([2, 2], "int32"), 3)
    Array([2, 0, 1], dtype=int32)
    """
    return lu_pivots_to_permutation_p.bind(pivots, permutation_size=int(permutation_size))

