"""Helpers for writing kernel rules, in one namespace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.core.primitive import PythonFallback as PythonFallback
from ingot.kernel import ir as ir, numpy_fft as numpy_fft, numpy_sort as numpy_sort
from ingot.kernel.builder import Builder as Builder
from ingot.kernel.complex_functions import COMPLEX as COMPLEX, COSTS as COMPLEX_COSTS
from ingot.kernel.ir import Index as Index, Value as Value
from ingot.kernel.lowering import Lowering as Lowering
from ingot.kernel.numpy_sort import (
    along as along,
    argsort_rows as argsort_rows,
    sort_rows as sort_rows,
)
from ingot.kernel.radix_sort import radix_order as radix_order
from ingot.kernel.reduce import (
    arg_reduction as arg_reduction,
    reduction as reduction,
)
from ingot.kernel.rows import RowReduction as RowReduction, repeat as repeat
from ingot.kernel.schedule import SCHEDULE
from ingot.kernel.strips import STRIP as STRIP, in_strips as in_strips
from ingot.kernel.summation import (
    LEAF as LEAF,
    is_inexact as is_inexact,
    line_sum as line_sum,
    nest_sum as nest_sum,
    pairwise as pairwise,
    rounded as rounded,
    two_sum as two_sum,
)
from ingot.kernel.top_k import small_top_k as small_top_k
from ingot.kernel.values import (
    BOOL as BOOL,
    COSTS as COSTS,
    INT as INT,
    NATIVE_DTYPES as NATIVE_DTYPES,
    ArrayValue as ArrayValue,
    Buffer as Buffer,
    Complex as Complex,
    LazyArray as LazyArray,
    RegisterArray as RegisterArray,
    Unsupported as Unsupported,
    check_native_dtypes as check_native_dtypes,
    flatten_scalars as flatten_scalars,
    index_of as index_of,
    indices as indices,
    real_dtype as real_dtype,
    row_major as row_major,
)
from ingot.util import size_of

ScalarRule = str | Callable[..., Any]


def elementwise(rule: ScalarRule, cost: int | None = None) -> Callable[..., Any]:
    """Apply a scalar operation at every index.

    `rule` is the name of one in `ir.SCALAR_OPS`, or `rule(build, *scalars, out_dtype, **params)`.
    Operands of rank 0 are broadcast.
    """
    price = cost if cost is not None else COSTS.get(rule, 1) if isinstance(rule, str) else 4

    def kernel(build: Lowering, *xs: ArrayValue, out: Any, **params: Any) -> ArrayValue:
        dtype = out.storage
        check_native_dtypes(*[x.dtype for x in xs], dtype)
        if isinstance(rule, str) and rule not in COMPLEX and "c" in (dtype.kind, xs[0].dtype.kind):
            raise Unsupported(f"{rule} of complex numbers")
        work = price
        if isinstance(rule, str) and xs[0].dtype.kind == "c":
            work = max(price, COMPLEX_COSTS.get(rule, 1))
        columns = _columns(xs, out.shape, work)
        if not isinstance(rule, str) and (columns is None or "c" in (dtype.kind, xs[0].dtype.kind)):
            _try_types(build, rule, xs, out_dtype=dtype, **params)

        if columns is not None:  # written out, for most of what small programs do comes here
            return RegisterArray(out.shape, dtype, [
                build.op(rule, *scalars, dtype=dtype) if isinstance(rule, str)
                else rule(build, *scalars, out_dtype=dtype, **params)
                for scalars in zip(*columns, strict=True)])

        def apply(build: Lowering, scalars: Sequence[Any]) -> Any:
            return (build.op(rule, *scalars, dtype=dtype) if isinstance(rule, str)
                    else rule(build, *scalars, out_dtype=dtype, **params))

        if out.shape and None not in (single := [_repeated(x) for x in xs]):
            value = apply(build, [x.at(build, ()) for x in single if x])  # once for all
            return repeat_of(RegisterArray((), dtype, [value]), out.shape)

        def at(build: Lowering, index: Sequence[Index]) -> Any:
            return apply(build, [x.at(build, index if x.shape else ()) for x in xs])

        return LazyArray(out.shape, dtype, at, xs, work)

    return kernel


def _try_types(build: Lowering, rule: Callable[..., Any], xs: Sequence[ArrayValue],
               **params: Any) -> None:
    """Let a rule refuse types before anything is built, and not when it is applied later."""
    with build.inside(ir.Block()):
        rule(build, *(build.const(0, x.dtype) for x in xs), **params)


def repeat_of(x: RegisterArray, shape: Sequence[int]) -> LazyArray:
    """An array of a shape, each element of which is the one of `x`."""
    array = LazyArray(shape, x.dtype, lambda build, index: x.at(build, ()), [x])
    array.repeated = x
    return array


def _repeated(x: ArrayValue) -> RegisterArray | None:
    if type(x) is RegisterArray:
        return None if x.shape else x
    return x.repeated if type(x) is LazyArray else None


def _columns(xs: Sequence[ArrayValue], shape: Sequence[int], price: int) -> list[Any] | None:
    """The elements of operands that are all at hand, each as many as the result has; else None."""
    count = size_of(shape)
    if count > SCHEDULE.max_scalars or (count > 1 and price * count > SCHEDULE.max_unrolled_work):
        return None
    columns = []
    for x in xs:
        if type(x) is not RegisterArray or (x.shape and x.shape != shape):
            return None
        columns.append(x.elements if x.shape == shape else x.elements * count)
    return columns


def index_map(rule: Callable[..., Sequence[Index]]) -> Callable[..., Any]:
    """Move elements: `rule(build, index, x, **params)` is where in `x` the element comes from."""

    def kernel(build: Lowering, x: ArrayValue, *, out: Any, **params: Any) -> LazyArray:
        return LazyArray(out.shape, x.dtype,
                         lambda build, index: x.at(build, rule(build, index, x, **params)), [x])

    return kernel
