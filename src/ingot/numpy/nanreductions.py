"""Reductions that skip nan."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.config import config
from ingot.numpy import primitives as lax, reductions as full
from ingot.numpy.families import kind_of, like, truth
from ingot.numpy.logic import isnan, where as choose
from ingot.numpy.promotion import (
    as_array,
    broadcast,
    convert,
    promote_shapes,
    unsupported,
    user_dtype,
)
from ingot.numpy.reductions import Axis, axes_of, highest, lowest


def _without_nan(name: str, a: Any, value: Any) -> Any:
    a = as_array(name, a)
    return choose(isnan(a), like(a, value), a) if kind_of(a) in "fc" else a


def nansum(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
           initial: Any = None, where: Any = None) -> Any:
    """Sum over axes of the elements that are not nan.

    >>> jnp.nansum(float("nan"))
    Array(0., dtype=float64)
    """
    return full.sum(_without_nan("nansum", a, 0), axis, dtype, out, keepdims, initial, where)


def nanprod(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
            initial: Any = None, where: Any = None) -> Any:
    """Product over axes of the elements that are not nan.

    >>> jnp.nanprod(float("nan"))
    Array(1., dtype=float64)
    """
    return full.prod(_without_nan("nanprod", a, 1), axis, dtype, out, keepdims, initial, where)


def _extremum(name: str, reduce: Callable[..., Any], identity: Callable[[Any], Any], a: Any,
              axis: Axis, out: None, keepdims: bool, initial: Any, where: Any) -> Any:
    a = as_array(name, a)
    found = reduce(_without_nan(name, a, identity(a.aval.dtype)), axis, out, keepdims, initial,
                   where)
    if kind_of(a) not in "fc":
        return found
    missing = isnan(a) if where is None else choose(where, isnan(a), True)
    empty = full.all(missing, axis, keepdims=keepdims)
    if initial is not None:
        return found
    return choose(empty, like(found, math.nan), found)


@trace_cached
def nanmax(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None,
           where: Any = None) -> Any:
    """Largest element over axes that is not nan; nan if there is none.

    >>> jnp.nanmax(2.0)
    Array(2., dtype=float64)
    """
    return _extremum("nanmax", full.max, lowest, a, axis, out, keepdims, initial, where)


@trace_cached
def nanmin(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None,
           where: Any = None) -> Any:
    """Smallest element over axes that is not nan; nan if there is none.

    >>> jnp.nanmin(2.0)
    Array(2., dtype=float64)
    """
    return _extremum("nanmin", full.min, highest, a, axis, out, keepdims, initial, where)


def _arg(name: str, find: Callable[..., Any], identity: Callable[[Any], Any], a: Any,
         axis: int | None, out: None, keepdims: bool | None) -> Any:
    a = as_array(name, a)
    found = find(_without_nan(name, a, identity(a.aval.dtype)), axis, out, keepdims)
    if kind_of(a) not in "fc":
        return found
    return choose(full.all(isnan(a), axis, keepdims=bool(keepdims)), like(found, -1), found)


def nanargmax(a: Any, axis: int | None = None, out: None = None, keepdims: bool | None = None
              ) -> Any:
    """Index of the first largest element that is not nan; -1 if there is none.

    >>> jnp.nanargmax(2.0)
    Array(0, dtype=int64)
    """
    return _arg("nanargmax", full.argmax, lowest, a, axis, out, keepdims)


def nanargmin(a: Any, axis: int | None = None, out: None = None, keepdims: bool | None = None
              ) -> Any:
    """Index of the first smallest element that is not nan; -1 if there is none.

    >>> jnp.nanargmin(2.0)
    Array(0, dtype=int64)
    """
    return _arg("nanargmin", full.argmin, highest, a, axis, out, keepdims)


def _valid(name: str, a: Any, where: Any) -> Any:
    """Which elements count: those that are not nan and that the mask lets pass."""
    valid = lax.bitwise_not(isnan(a))
    if where is None:
        return valid
    return lax.bitwise_and(*promote_shapes(name, valid, full.chosen(name, where)))


def nanmean(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
            where: Any = None) -> Any:
    """Mean over axes of the elements that are not nan; nan if there is none.

    >>> jnp.nanmean(2.0)
    Array(2., dtype=float64)
    """
    a = as_array("nanmean", a)
    if kind_of(a) not in "fc":
        return full.mean(a, axis, dtype, out, keepdims, where=where)
    return full.mean(a, axis, dtype, out, keepdims, where=_valid("nanmean", a, where))


def nanvar(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
           keepdims: bool = False, where: Any = None, mean: Any = None) -> Any:
    """Variance over axes of the elements that are not nan, with divisor n - ddof.

    >>> jnp.nanvar(2.0)
    Array(0., dtype=float64)
    """
    a = as_array("nanvar", a)
    valid = _valid("nanvar", a, where)
    safe = choose(valid, a, like(a, 0)) if where is None else a
    if mean is None:
        return full.var(safe, axis, dtype, out, ddof, keepdims, where=valid)
    return full.var(safe, axis, dtype, out, ddof, keepdims, where=valid, mean=mean)


def nanstd(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
           keepdims: bool = False, where: Any = None, mean: Any = None) -> Any:
    """Standard deviation over axes of the elements that are not nan, with divisor n - ddof.

    >>> jnp.nanstd(2.0)
    Array(0., dtype=float64)
    """
    return lax.sqrt(nanvar(a, axis, dtype, out, ddof, keepdims, where, mean))


# ---- cumulative ----


def _cumulative(name: str, op: Callable[..., Any], a: Any, axis: int | None, dtype: Any) -> Any:
    a = as_array(name, a)
    if axis is None:
        a, axis = lax.reshape(a, (a.aval.size,)), 0
    (axis,) = axes_of(name, axis, a.aval.ndim)
    want = user_dtype(name, dtype)
    if want is None:
        widened = kind_of(a) == "b" or not config.match_jax
        want = full.sum_dtype(a.aval.dtype) if widened else a.aval.dtype
    return _accumulate(op, a, want, axis)


def _accumulate(op: Callable[..., Any], a: Any, dtype: Any, axis: int) -> Any:
    """A running sum or product; booleans, which no addition is defined for, are counted."""
    if dtype != dtypes.bool_:
        return op(convert(a, dtype), axis)
    return truth("cumulative", op(convert(truth("cumulative", a), dtypes.int32), axis))


@trace_cached
def cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    """Running sums along an axis, or of the flat array.

    dtype: by default that of `sum`: integers get the default width at least (under the flag
    match_jax, as in JAX, only booleans are widened).

    >>> jnp.cumsum(2.0)
    Array([2.], dtype=float64)
    """
    unsupported("cumsum", out=out)
    return _cumulative("cumsum", lax.cumsum, a, axis, dtype)


@trace_cached
def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    """Running products along an axis, or of the flat array; `dtype` as for `cumsum`.

    >>> jnp.cumprod(2.0)
    Array([2.], dtype=float64)
    """
    unsupported("cumprod", out=out)
    return _cumulative("cumprod", lax.cumprod, a, axis, dtype)


def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    """Running sums with nan counted as 0.

    >>> jnp.nancumsum(float("nan"))
    Array([0.], dtype=float64)
    """
    return cumsum(_without_nan("nancumsum", a, 0), axis, dtype, out)


def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    """Running products with nan counted as 1.

    >>> jnp.nancumprod(float("nan"))
    Array([1.], dtype=float64)
    """
    return cumprod(_without_nan("nancumprod", a, 1), axis, dtype, out)


def _with_initial(name: str, op: Callable[..., Any], initial: int, x: Any, axis: int | None,
                  dtype: Any, include_initial: bool) -> Any:
    x = as_array(name, x)
    if x.aval.ndim == 0:
        raise ValueError(f"{name}: an array of rank 1 at least is needed, got {x.aval}")
    if axis is None:
        if x.aval.ndim > 1:
            raise ValueError(f"{name}: give an axis, as the array has rank {x.aval.ndim}")
        axis = 0
    (axis,) = axes_of(name, axis, x.aval.ndim)
    small = config.match_jax and op is lax.cumprod and kind_of(x) in "iu"  # JAX widens only sums
    want = user_dtype(name, dtype) or (x.aval.dtype if small else full.sum_dtype(x.aval.dtype))
    out = _accumulate(op, x, want, axis)
    if not include_initial:
        return out
    shape = [1 if i == axis else n for i, n in enumerate(x.aval.shape)]
    return lax.concatenate([broadcast(convert(initial, want), tuple(shape)), out], axis)


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None,
                   include_initial: bool = False) -> Any:
    """Running sums along an axis, beginning with 0 if `include_initial`.

    >>> import ingot.numpy as jnp
    >>> jnp.cumulative_sum(jnp.asarray([2.0]), include_initial=True)
    Array([0., 2.], dtype=float64)
    """
    return _with_initial("cumulative_sum", lax.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None,
                    include_initial: bool = False) -> Any:
    """Running products along an axis, beginning with 1 if `include_initial`.

    >>> jnp.cumulative_prod(jnp.cumsum(2.0), include_initial=True)
    Array([1., 2.], dtype=float64)
    """
    return _with_initial("cumulative_prod", lax.cumprod, 1, x, axis, dtype, include_initial)


