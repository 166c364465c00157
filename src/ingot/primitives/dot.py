"""Contractions: dot_general with any batch, free and contracted axes, and its public forms."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import Primitive, is_linear
from ingot.primitives.convert import convert_element_type_p
from ingot.primitives.dot_division import dot_division, dot_marks
from ingot.primitives.dot_loops import dot_kernel
from ingot.primitives.dot_types import (
    Axes,
    DimensionNumbers,
    accumulator,
    contraction_dtype,
    free_axes,
)
from ingot.primitives.movement import transpose
from ingot.primitives.out_sharding import check_contracted, divided, own_parts
from ingot.primitives.sums import inner, product
from ingot.util import memoize, size_of


# ---- precision -----------------------------------------------------------------------------------
class Precision(enum.Enum):
    """How exact contractions must be. A CPU computes in the operands' dtype, whatever is asked."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __str__(self) -> str:
        return self.name


class DotAlgorithm(NamedTuple):
    """How an accelerator computes a contraction; a CPU computes no less precisely.

    lhs_precision_type, rhs_precision_type: to what operands may be rounded. accumulation_type: of
    sums. The others: of how many parts operands and products consist, and whether sums may lose
    digits.

    >>> lax.DotAlgorithm("float32", "float32", "float32").num_primitive_operations
    1
    """

    lhs_precision_type: Any
    rhs_precision_type: Any
    accumulation_type: Any
    lhs_component_count: int = 1
    rhs_component_count: int = 1
    num_primitive_operations: int = 1
    allow_imprecise_accumulation: bool = False


DotAlgorithmPreset = enum.Enum("DotAlgorithmPreset", (  # names: operands, sums, parts
    "DEFAULT ANY_F8_ANY_F8_F32 ANY_F8_ANY_F8_F32_FAST_ACCUM ANY_F8_ANY_F8_ANY"
    " ANY_F8_ANY_F8_ANY_FAST_ACCUM F16_F16_F16 F16_F16_F32 BF16_BF16_BF16 BF16_BF16_F32"
    " BF16_BF16_F32_X3 BF16_BF16_F32_X6 BF16_BF16_F32_X9 TF32_TF32_F32 TF32_TF32_F32_X3 F32_F32_F32"
    " F64_F64_F64"), module=__name__)
DotAlgorithmPreset.__doc__ = """Names of algorithms by which accelerators compute contractions.

    >>> lax.dot(np.ones(2), np.ones(2), precision=lax.DotAlgorithmPreset.F32_F32_F32)
    Array(2., dtype=float64)
    """


_PRECISIONS = {
    "default": Precision.DEFAULT, "bfloat16": Precision.DEFAULT, "fastest": Precision.DEFAULT,
    "high": Precision.HIGH, "tensorfloat32": Precision.HIGH, "bfloat16_3x": Precision.HIGH,
    "highest": Precision.HIGHEST, "float32": Precision.HIGHEST,
}  # fmt: skip


def canonicalize_precision(precision: Any) -> tuple[Precision, Precision] | None:
    """The precisions of both operands, or None; ValueError for what names no precision."""
    if precision is None:
        precision = config.default_matmul_precision
        if precision is None:
            return None
    if isinstance(precision, str) and precision in DotAlgorithmPreset.__members__:
        precision = DotAlgorithmPreset[precision]
    if isinstance(precision, (DotAlgorithm, DotAlgorithmPreset)):
        default = precision is DotAlgorithmPreset.DEFAULT
        precision = Precision.DEFAULT if default else Precision.HIGHEST
    pair = precision if isinstance(precision, (tuple, list)) else (precision, precision)
    found = [p if isinstance(p, Precision) or p is None else
             _PRECISIONS.get(p) if isinstance(p, str) else p for p in pair]
    if len(found) != 2 or not all(p is None or isinstance(p, Precision) for p in found) or (
            None in found and None not in pair):
        raise ValueError(
            f"precision: expected None, a Precision, one of {sorted(_PRECISIONS)}, or a pair of"
            f" these, got {precision!r}")
    left, right = (p or Precision.DEFAULT for p in found)
    return left, right


# ---- dot_general ---------------------------------------------------------------------------------
def _check_axes(x: ShapedArray, side: str, contract: Axes, batch: Axes) -> None:
    if any(not 0 <= a < x.ndim for a in (*contract, *batch)):
        raise TypeError(f"dot_general: {side} axes must be nonnegative and below its rank, got"
                        f" contracting {contract} and batch {batch} for {x}")
    if len({*contract, *batch}) != len(contract) + len(batch):
        raise TypeError(f"dot_general: {side} axes must be distinct, got contracting {contract}"
                        f" and batch {batch} for {x}")


def _dot_type(x: ShapedArray, y: ShapedArray, *, dimension_numbers: DimensionNumbers,
              precision: Any, preferred_element_type: Any) -> ShapedArray:
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    _check_axes(x, "lhs", x_contract, x_batch)
    _check_axes(y, "rhs", y_contract, y_batch)
    for what, x_axes, y_axes in (("batch", x_batch, y_batch),
                                 ("contracting", x_contract, y_contract)):
        x_sizes, y_sizes = [x.shape[a] for a in x_axes], [y.shape[a] for a in y_axes]
        if x_sizes != y_sizes:
            raise TypeError(
                f"dot_general: {what} axes must have the same sizes, got lhs {x} axes {x_axes} of"
                f" sizes {x_sizes} and rhs {y} axes {y_axes} of sizes {y_sizes}; transpose one"
                " operand or name other axes")
    shape = [x.shape[a] for a in (*x_batch, *free_axes(x.ndim, x_contract, x_batch))]
    shape += [y.shape[a] for a in free_axes(y.ndim, y_contract, y_batch)]
    dtype = contraction_dtype("dot_general", x, y, preferred_element_type)
    return ShapedArray(shape, dtype, x.weak_type and y.weak_type)


@memoize()
def _dot_forms(x: tuple[int, ...], y: tuple[int, ...], dimension_numbers: DimensionNumbers) -> Any:
    """What makes stacks of matrices of the operands (axes in order, shape; None for what is so),
    and the shape of the result."""
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    x_free = free_axes(len(x), x_contract, x_batch)
    y_free = free_axes(len(y), y_contract, y_batch)
    batch, rows, columns = ([x[a] for a in x_batch], [x[a] for a in x_free],
                            [y[a] for a in y_free])
    terms = size_of([x[a] for a in x_contract])
    left = (*x_batch, *x_free, *x_contract), (*batch, size_of(rows), terms)
    right = (*y_batch, *y_contract, *y_free), (*batch, terms, size_of(columns))
    forms = [(None if axes == tuple(range(len(axes))) else axes,
              None if new == tuple(old[a] for a in axes) else new)
             for (axes, new), old in ((left, x), (right, y))]
    return *forms, (*batch, *rows, *columns)


def _formed(x: np.ndarray, axes: Axes | None, shape: Axes | None) -> np.ndarray:
    x = x if axes is None else x.transpose(axes)
    return x if shape is None else x.reshape(shape)


@memoize()
def _dot_dtypes(x: Any, y: Any, preferred: Any) -> tuple[Any, Any]:
    """The dtypes of the result and of the sums."""
    out = contraction_dtype("dot_general", ShapedArray((), x), ShapedArray((), y), preferred)
    return out, accumulator(x, y, out)


def _dot_eval(x: np.ndarray, y: np.ndarray, *, dimension_numbers: DimensionNumbers,
              precision: Any, preferred_element_type: Any) -> np.ndarray:
    out, dtype = _dot_dtypes(x.dtype, y.dtype, preferred_element_type)
    if not x.dtype == y.dtype == dtype:
        x, y = x.astype(dtype, copy=False), y.astype(dtype, copy=False)
    if x.ndim == y.ndim == 1 and dimension_numbers[0][0]:
        total = inner(x, y)
    else:
        left, right, shape = _dot_forms(x.shape, y.shape, dimension_numbers)
        total = product(_formed(x, *left), _formed(y, *right)).reshape(shape)
    return total if out is dtype else total.astype(out, copy=False)


def _dot_transpose(ct: Any, x: Any, y: Any, *, dimension_numbers: DimensionNumbers, precision: Any,
                   preferred_element_type: Any) -> list[Any]:
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    kwargs = {"precision": precision, "preferred_element_type": preferred_element_type}
    rank_x, rank_y = typeof_or(x).ndim, typeof_or(y).ndim
    x_free, y_free = free_axes(rank_x, x_contract, x_batch), free_axes(rank_y, y_contract, y_batch)
    first = len(x_batch)
    batch = tuple(range(first))
    rows = tuple(range(first, first + len(x_free)))
    columns = tuple(range(first + len(x_free), first + len(x_free) + len(y_free)))
    if is_linear(x):
        return [_cotangent(ct, y, ((columns, y_free), (batch, y_batch)), kwargs, x,
                           (*x_batch, *x_free), x_contract, y_contract), None]
    return [None, _cotangent(ct, x, ((rows, x_free), (batch, x_batch)), kwargs, y,
                             (*y_batch, *y_free), y_contract, x_contract)]


def typeof_or(x: Any) -> ShapedArray:
    """The type of an argument of a transpose rule, linear or not."""
    return x.aval if is_linear(x) else typeof(x)


def _cotangent(ct: Any, other: Any, dimensions: DimensionNumbers, kwargs: dict[str, Any],
               linear: Any, leading: Axes, contract: Axes, other_contract: Axes) -> Any:
    out = dot_general(ct, other, dimensions, **kwargs)
    # The axes contracted with `other` come last, in the order in which they stand in it.
    order = sorted(range(len(contract)), key=lambda i: other_contract[i])
    places = (*leading, *(contract[i] for i in order))
    out = transpose(out, tuple(places.index(a) for a in range(len(places))))
    if typeof(out).dtype == linear.dtype:
        return out
    return convert_element_type_p.bind(out, new_dtype=linear.dtype, weak_type=False, sharding=None)


def _dot_batch(args: Any, dims: Any, *, dimension_numbers: DimensionNumbers, **params: Any) -> Any:
    (x, y), (x_dim, y_dim) = args, dims
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    if x_dim is not None:
        x_contract, x_batch = _make_room(x_contract, x_dim), _make_room(x_batch, x_dim)
    if y_dim is not None:
        y_contract, y_batch = _make_room(y_contract, y_dim), _make_room(y_batch, y_dim)
    if x_dim is not None and y_dim is not None:
        x_batch, y_batch = (x_dim, *x_batch), (y_dim, *y_batch)
        out_dim = 0
    elif x_dim is not None:
        out_dim = len(x_batch) + free_axes(typeof(x).ndim, x_contract, x_batch).index(x_dim)
    else:
        x_rows = typeof(x).ndim - len(x_contract)
        out_dim = x_rows + free_axes(typeof(y).ndim, y_contract, y_batch).index(y_dim)
    dimensions = ((x_contract, y_contract), (x_batch, y_batch))
    return dot_general_p.bind(x, y, dimension_numbers=dimensions, **params), out_dim


def _make_room(axes: Axes, dim: int) -> Axes:
    return tuple(a + (a >= dim) for a in axes)


def _dot_partial(position: int) -> Any:
    def partial(t: Any, out: Any, x: Any, y: Any, **params: Any) -> Any:
        return dot_general_p.bind(*((t, y) if position == 0 else (x, t)), **params)

    return partial


dot_general_p = Primitive(
    "dot_general", type=_dot_type, eval=_dot_eval, jvp=[_dot_partial(0), _dot_partial(1)],
    transpose=_dot_transpose, batch=_dot_batch, kernel=dot_kernel)
dot_general_p.division, dot_general_p.marks = dot_division, dot_marks


def _axes(axes: Any) -> Axes:
    return tuple(int(a) for a in axes) if isinstance(axes, (Sequence, np.ndarray)) else (int(axes),)


def dot_general(lhs: Any, rhs: Any, dimension_numbers: Any, precision: Any = None,
                preferred_element_type: Any = None, *, out_sharding: Any = None) -> Any:
    """Sum products over contracted axes, once for each index of the batch axes.

    dimension_numbers: ((lhs contracting, rhs contracting), (lhs batch, rhs batch)); precision:
    without effect; out_sharding: how Explicit axes divide the result -> array [batch, lhs free, rhs
    free] of `preferred_element_type` or the operands' dtype. Floats below 32 bits are summed in
    float32. Raises TypeError when axes or dtypes do not fit.

    >>> lax.dot_general(np.ones((2, 3)), np.ones((2, 3)), (((1,), (1,)), ((0,), (0,))))
    Array([3., 3.], dtype=float64)
    """
    preferred = None if preferred_element_type is None else dtypes.as_user_dtype(
        preferred_element_type, "dot_general")
    contracted, batch = (tuple(map(_axes, pair)) for pair in dimension_numbers)
    check_contracted("dot_general", out_sharding, (lhs, contracted[0]), (rhs, contracted[1]))
    return divided("dot_general", dot_general_p.bind, out_sharding,
                   *own_parts([lhs, rhs], out_sharding), dimension_numbers=(contracted, batch),
                   preferred_element_type=preferred, precision=canonicalize_precision(precision))


def dot(lhs: Any, rhs: Any, *, dimension_numbers: Any = None, precision: Any = None,
        preferred_element_type: Any = None, out_sharding: Any = None) -> Any:
    """Product of matrices or vectors; with `dimension_numbers`, the same as `dot_general`.

    lhs: [(m,) k], rhs: [k (, n)]; precision: without effect; preferred_element_type: the dtype of
    the result; out_sharding: how Explicit axes divide the result -> [(m,) (n)]. Raises ValueError
    for other ranks or sizes.

    >>> lax.dot(np.array([1., 2.]), np.array([3., 4.]))
    Array(11., dtype=float64)
    """
    if dimension_numbers is None:
        x, y = typeof(lhs), typeof(rhs)
        if not (1 <= x.ndim <= 2 and 1 <= y.ndim <= 2 and x.shape[-1] == y.shape[0]):
            raise ValueError(f"dot: expected [(m,) k] and [k (, n)], got {x} and {y}; give"
                             " dimension_numbers for other products")
        dimension_numbers = (((x.ndim - 1,), (0,)), ((), ()))
    return dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type,
                       out_sharding=out_sharding)


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Any:
    """Products of stacks of matrices.

    lhs: [..., m, k], rhs: [..., k, n] with equal leading axes; precision: without effect, all
    digits of the dtype count -> [..., m, n]. Raises ValueError for other ranks.

    >>> lax.batch_matmul(np.ones((2, 1, 3)), np.ones((2, 3, 1))).shape
    (2, 1, 1)
    """
    x, y = typeof(lhs), typeof(rhs)
    if min(x.ndim, y.ndim) < 2 or x.ndim != y.ndim:
        raise ValueError(f"batch_matmul: arguments must have one rank of at least 2, got {x} and"
                         f" {y}")
    batch = tuple(range(x.ndim - 2))
    return dot_general(lhs, rhs, (((x.ndim - 1,), (x.ndim - 2,)), (batch, batch)), precision)


__all__ = ["DotAlgorithm", "DotAlgorithmPreset", "Precision", "batch_matmul", "dot",
           "dot_general", "dot_general_p"]
