"""Reductions that skip nan."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.config import config
from ingot.core.division import require_whole
from ingot.numpy import means, primitives as lax, reductions as full
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
    """Sum the elements over axes that are not nan.

    a, axis, dtype, out, keepdims, initial, where: as for `sum`, with the same errors -> [other
    axes] of `dtype`; 0 where all are nan.

    >>> jnp.nansum(np.array([[1.0, np.nan], [3.0, 4.0]]), axis=0)
    Array([4., 4.], dtype=float64)
    """
    return full.sum(_without_nan("nansum", a, 0), axis, dtype, out, keepdims, initial, where)


def nanprod(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
            initial: Any = None, where: Any = None) -> Any:
    """Multiply the elements over axes that are not nan.

    a, axis, dtype, out, keepdims, initial, where: as for `sum`, with the same errors -> [other
    axes] of `dtype`; 1 where all are nan.

    >>> jnp.nanprod(np.array([[2.0, np.nan], [3.0, 4.0]]), axis=0)
    Array([6., 4.], dtype=float64)
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
    """Return the largest element over axes that is not nan.

    a, axis, out, keepdims, initial, where: as for `max`, with the same errors -> [other axes] of
    the same dtype; nan where all are nan and no `initial` is given.

    >>> jnp.nanmax(np.array([[1.0, np.nan], [3.0, np.nan]]), axis=0)
    Array([ 3., nan], dtype=float64)
    """
    return _extremum("nanmax", full.max, lowest, a, axis, out, keepdims, initial, where)


@trace_cached
def nanmin(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None,
           where: Any = None) -> Any:
    """Return the smallest element over axes that is not nan.

    a, axis, out, keepdims, initial, where: as for `min`, with the same errors -> [other axes] of
    the same dtype; nan where all are nan and no `initial` is given.

    >>> jnp.nanmin(np.array([[1.0, np.nan], [3.0, np.nan]]), axis=0)
    Array([ 1., nan], dtype=float64)
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
    """Return the index of the first largest element that is not nan.

    a, axis, out, keepdims: as for `argmax`, with the same errors -> [other axes] of the default
    integer; -1 where all are nan.

    >>> jnp.nanargmax(np.array([[np.nan, 5.0], [np.nan, np.nan]]), axis=1)
    Array([ 1, -1], dtype=int64)
    """
    return _arg("nanargmax", full.argmax, lowest, a, axis, out, keepdims)


def nanargmin(a: Any, axis: int | None = None, out: None = None, keepdims: bool | None = None
              ) -> Any:
    """Return the index of the first smallest element that is not nan.

    a, axis, out, keepdims: as for `argmin`, with the same errors -> [other axes] of the default
    integer; -1 where all are nan.

    >>> jnp.nanargmin(np.array([[np.nan, 5.0], [np.nan, np.nan]]), axis=1)
    Array([ 1, -1], dtype=int64)
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
    """Compute the mean over axes of the elements that are not nan.

    a, axis, dtype, out, keepdims, where: as for `mean`, with the same errors -> [other axes] of
    `dtype`; nan where all are nan.

    >>> jnp.nanmean(np.array([[1.0, np.nan], [3.0, 4.0]]), axis=0)
    Array([2., 4.], dtype=float64)
    """
    a = as_array("nanmean", a)
    if kind_of(a) not in "fc":
        return means.mean(a, axis, dtype, out, keepdims, where=where)
    return means.mean(a, axis, dtype, out, keepdims, where=_valid("nanmean", a, where))


def nanvar(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
           keepdims: bool = False, where: Any = None, mean: Any = None) -> Any:
    """Compute the variance over axes of the elements that are not nan.

    a, axis, dtype, out, ddof, keepdims, where, mean: as for `var`, with the same errors -> [other
    axes], real; n counts the elements that are not nan.

    >>> jnp.nanvar(np.array([1.0, np.nan, 3.0]))
    Array(1., dtype=float64)
    """
    a = as_array("nanvar", a)
    valid = _valid("nanvar", a, where)
    safe = choose(valid, a, like(a, 0)) if where is None else a
    if mean is None:
        return means.var(safe, axis, dtype, out, ddof, keepdims, where=valid)
    return means.var(safe, axis, dtype, out, ddof, keepdims, where=valid, mean=mean)


def nanstd(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: int = 0,
           keepdims: bool = False, where: Any = None, mean: Any = None) -> Any:
    """Compute the standard deviation over axes of the elements that are not nan.

    a, axis, dtype, out, ddof, keepdims, where, mean: as for `var`, with the same errors -> [other
    axes], real; n counts the elements that are not nan.

    >>> jnp.nanstd(np.array([1.0, np.nan, 3.0]))
    Array(1., dtype=float64)
    """
    return lax.sqrt(nanvar(a, axis, dtype, out, ddof, keepdims, where, mean))


# ---- cumulative ----


def _cumulative(name: str, op: Callable[..., Any], a: Any, axis: int | None, dtype: Any) -> Any:
    a = as_array(name, a)
    if axis is None:
        require_whole(f"{name}: The input should be fully replicated when axis is not specified",
                      a.aval, range(a.aval.ndim))
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
    """Compute running sums along an axis.

    a: [...] of any dtype; axis: None flattens `a`; dtype: by default that of `sum`, at least the
    default integer (under the name `jax.numpy` only booleans are widened); out: must be None -> the
    shape of `a`, or [size], of `dtype`. Raises ValueError for an axis out of bounds.

    >>> jnp.cumsum(np.array([[1, 2], [3, 4]]), axis=1)
    Array([[1, 3],
           [3, 7]], dtype=int64)
    """
    unsupported("cumsum", out=out)
    return _cumulative("cumsum", lax.cumsum, a, axis, dtype)


@trace_cached
def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    """Compute running products along an axis.

    a, axis, dtype, out: as for `cumsum`, with the same errors -> the shape of `a`, or [size], of
    `dtype`.

    >>> jnp.cumprod(np.array([[1, 2], [3, 4]]))
    Array([ 1,  2,  6, 24], dtype=int64)
    """
    unsupported("cumprod", out=out)
    return _cumulative("cumprod", lax.cumprod, a, axis, dtype)


def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    """Compute running sums in which nan count as 0.

    a, axis, dtype, out: as for `cumsum`, with the same errors -> the shape of `a`, or [size], of
    `dtype`.

    >>> jnp.nancumsum(np.array([1.0, np.nan, 3.0]))
    Array([1., 1., 4.], dtype=float64)
    """
    return cumsum(_without_nan("nancumsum", a, 0), axis, dtype, out)


def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
    """Compute running products in which nan count as 1.

    a, axis, dtype, out: as for `cumsum`, with the same errors -> the shape of `a`, or [size], of
    `dtype`.

    >>> jnp.nancumprod(np.array([2.0, np.nan, 3.0]))
    Array([2., 2., 6.], dtype=float64)
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
    """Compute running sums along an axis (array API standard).

    x: [..., n, ...] of any dtype; axis: needed unless x is a vector; dtype: by default that of
    `sum`; include_initial: whether a 0 comes first -> [..., n, ...] or [..., n + 1, ...] of
    `dtype`. Raises ValueError for scalars, a missing axis and one out of bounds.

    >>> import ingot.numpy as jnp
    >>> jnp.cumulative_sum(jnp.array([1.0, 2.0]), include_initial=True)
    Array([0., 1., 3.], dtype=float64)
    """
    return _with_initial("cumulative_sum", lax.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None,
                    include_initial: bool = False) -> Any:
    """Compute running products along an axis.

    x: [..., n, ...] of any dtype; axis: needed unless x is a vector; dtype: by default that of
    `prod`; include_initial: whether a 1 comes first -> [..., n, ...] or [..., n + 1, ...] of
    `dtype`. Raises ValueError for scalars, a missing axis and one out of bounds.

    >>> jnp.cumulative_prod(np.array([2.0, 3.0]), include_initial=True)
    Array([1., 2., 6.], dtype=float64)
    """
    return _with_initial("cumulative_prod", lax.cumprod, 1, x, axis, dtype, include_initial)


