"""What operations on stacks of matrices share: triangles, diagonals, products, calls of LAPACK."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import Primitive
from ingot.kernel.rules import Lowering, Unsupported, elementwise
from ingot.kernel.schedule import SCHEDULE
from ingot.primitives.arithmetic import add, div, mul, neg
from ingot.primitives.compare import eq, ge
from ingot.primitives.complex import conj
from ingot.primitives.dot import batch_matmul
from ingot.primitives.families import INEXACT, binary, is_linear
from ingot.primitives.gather import GatherDimensionNumbers, GatherScatterMode, gather
from ingot.primitives.movement import (
    broadcast_in_dim,
    full_like,
    move_axis,
    reduce_sum,
    transpose,
)
from ingot.primitives.select import select
from ingot.primitives.shape import broadcasted_iota, expand_dims
from ingot.util import load_extension_alone

LAPACK_DTYPES = (dtypes.float32, dtypes.float64, dtypes.complex64, dtypes.complex128)


# ---- types ---------------------------------------------------------------------------------------
def check_matrix(name: str, x: ShapedArray, square: bool = False) -> None:
    """TypeError, ValueError unless `x` is a stack of (square) matrices in a dtype of LAPACK's."""
    if x.dtype not in LAPACK_DTYPES:
        raise TypeError(f"{name}: the operand must be f32, f64, c64 or c128, got {x}; convert it"
                        " first, e.g. x.astype(float)")
    if x.ndim < 2:
        raise TypeError(f"{name}: the operand must have rank 2 or more, got {x}")
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name}: the last two axes must be equal, got {x}")


def batched(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Batch rule of operations of one stack of matrices: the mapped axis becomes the first."""

    def batch(args: Any, dims: Any, **params: Any) -> Any:
        out = primitive().bind(move_axis(args[0], dims[0], 0), **params)
        return (out, [0] * len(out)) if primitive().multiple_results else (out, 0)

    return batch


# ---- calls of LAPACK -----------------------------------------------------------------------------
_NANS: dict[str, Any] = {"f": np.nan, "c": complex(np.nan, np.nan)}


def each_matrix(fun: Callable[..., Sequence[np.ndarray]], outs: Sequence[ShapedArray],
                *args: np.ndarray, finite: bool = False) -> list[np.ndarray]:
    """Apply a function of matrices to all in a stack; where it fails, the results are NaN.

    `outs` are the types of the results; with `finite`, matrices with NaN or inf count as failures.
    """
    lead = args[0].shape[:-2]
    results = [np.empty(o.shape, o.dtype) for o in outs]
    for index in np.ndindex(*lead):
        matrices = [a[index] for a in args]
        try:
            if finite and not all(np.isfinite(a).all() for a in matrices):
                raise np.linalg.LinAlgError
            values = fun(*matrices)
        except np.linalg.LinAlgError:
            values = [_NANS.get(dtypes.kind(r.dtype), 0) for r in results]
        for result, value in zip(results, values, strict=True):
            result[index] = value
    return results


def lapack(name: str, dtype: Any) -> Callable[..., Any]:
    """SciPy's wrapper of a LAPACK routine, e.g. lapack("getrf", float32) is sgetrf."""
    library = load_extension_alone("scipy.linalg._flapack")
    return getattr(library, "sdcz"[LAPACK_DTYPES.index(np.dtype(dtype))] + name)


# ---- in terms of other operations ----------------------------------------------------------------
def matrix_transpose(x: Any) -> Any:
    """Each matrix transposed."""
    rank = typeof(x).ndim
    return transpose(x, (*range(rank - 2), rank - 1, rank - 2))


def adjoint(x: Any) -> Any:
    """Each matrix conjugated and transposed."""
    return conj(matrix_transpose(x)) if dtypes.kind(typeof(x).dtype) == "c" else matrix_transpose(x)


def matmul(*factors: Any) -> Any:
    """Product of stacks of matrices from left to right."""
    out = factors[0]
    for factor in factors[1:]:
        out = batch_matmul(out, factor)
    return out


def _offsets(shape: Sequence[int]) -> tuple[Any, Any]:
    rank = len(shape)
    return tuple(broadcasted_iota(dtypes.int32, tuple(shape), rank - 2 + i) for i in range(2))


def tril(x: Any, k: int = 0) -> Any:
    """Zeros above diagonal k."""
    rows, columns = _offsets(typeof(x).shape)
    return select(ge(add(rows, full_like(rows, k)), columns), x, full_like(x, 0))


def triu(x: Any, k: int = 0) -> Any:
    """Zeros below diagonal k."""
    rows, columns = _offsets(typeof(x).shape)
    return select(ge(columns, add(rows, full_like(rows, k))), x, full_like(x, 0))


def on_diagonal(x: Any) -> Any:
    """Boolean matrices of the shape of `x`, true on the diagonal."""
    rows, columns = _offsets(typeof(x).shape)
    return eq(rows, columns)


def eye_like(x: Any) -> Any:
    """Identity matrices of the type of `x`."""
    return select(on_diagonal(x), full_like(x, 1), full_like(x, 0))


def diagonal(x: Any) -> Any:
    """The diagonals of square matrices."""
    kept = select(on_diagonal(x), x, full_like(x, 0))
    return reduce_sum(kept, (typeof(x).ndim - 1,))


def rows(x: Any, like: Any) -> Any:
    """Vectors [..., n] repeated as the rows of matrices of the shape of `like` [..., m, n]."""
    shape = typeof(like).shape
    return broadcast_in_dim(x, shape, (*range(len(shape) - 2), len(shape) - 1))


def columns(x: Any, like: Any) -> Any:
    """Vectors [..., m] repeated as the columns of matrices of the shape of `like` [..., m, n]."""
    shape = typeof(like).shape
    return broadcast_in_dim(x, shape, tuple(range(len(shape) - 1)))


def halved(x: Any) -> Any:
    """Half of every element."""
    return div(x, full_like(x, 2))


def hermitian_part(x: Any) -> Any:
    """The mean of each matrix and its adjoint."""
    return halved(add(x, adjoint(x)))


def from_triangle(x: Any, lower: bool) -> Any:
    """The Hermitian matrices of which `x` has one triangle; the other one is not read."""
    strict = tril(x, -1) if lower else triu(x, 1)
    middle = select(on_diagonal(x), x, full_like(x, 0))
    if dtypes.kind(typeof(x).dtype) == "c":
        middle = halved(add(middle, conj(middle)))
    return add(add(strict, adjoint(strict)), middle)



def permuted_rows(x: Any, permutation: Any) -> Any:
    """Rows of each matrix in the given order: x [..., m, n], integers [..., m]."""
    *lead, m, n = typeof(x).shape
    if m > SCHEDULE.max_unrolled_rows:
        lead = tuple(range(len(lead)))
        row = len(lead)
        numbers = GatherDimensionNumbers((row + 1,), (row,), (row,), lead, lead)
        return gather(x, expand_dims(permutation, (row + 1,)), numbers,
                      (1,) * (row + 1) + (n,), unique_indices=True,
                      mode=GatherScatterMode.PROMISE_IN_BOUNDS)
    shape = (*typeof(permutation).shape, m)
    chosen = broadcast_in_dim(permutation, shape, tuple(range(len(shape) - 1)))
    places = broadcasted_iota(typeof(permutation).dtype, shape, len(shape) - 1)
    one = ShapedArray(shape, typeof(x).dtype)
    return matmul(select(eq(chosen, places), full_like(one, 1), full_like(one, 0)), x)


# ---- divide_by_gap -------------------------------------------------------------------------------
def _by_gap_eval(x: np.ndarray, gap: np.ndarray) -> np.ndarray:
    tie = gap == 0
    nan = np.where(x == 0, x, x.dtype.type(np.nan))
    return np.where(tie, nan, x / np.where(tie, gap.dtype.type(1), gap))


def _by_gap_scalar(build: Lowering, x: Any, gap: Any, *, out_dtype: np.dtype) -> Any:
    if out_dtype.kind == "c":
        raise Unsupported("quotients of complex numbers")
    zero = build.const(0, out_dtype)
    nan = build.select(build.op("eq", x, zero), zero, build.const(np.nan, out_dtype))
    return build.select(build.op("eq", gap, zero), nan, build.op("div", x, gap))


divide_by_gap_p = binary(
    "divide_by_gap", INEXACT, eval=_by_gap_eval, kernel=elementwise(_by_gap_scalar, cost=10),
    jvp=[lambda t, out, x, gap: divide_by_gap(t, gap),
         lambda t, out, x, gap: neg(mul(t, divide_by_gap(out, gap)))],
    transpose=lambda ct, x, gap: [divide_by_gap(ct, gap) if is_linear(x) else None, None])


def divide_by_gap(x: Any, gap: Any) -> Any:
    """x / gap; where the gap is 0, 0 if x is 0 and otherwise nan.

    How vectors turn that belong to values with such gaps: within equal ones a turn that something
    asks for is undefined, and nothing else is.
    """
    return divide_by_gap_p.bind(x, gap)
