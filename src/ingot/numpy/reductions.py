"""Sums, products, extrema and truth values over axes, and where extrema are."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.core.interpreter import Tracer
from ingot.core.static import items
from ingot.errors import AxisError, ShapeError
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete_int
from ingot.numpy.families import alias, kind_of, like, truth
from ingot.numpy.promotion import (
    as_array,
    broadcast,
    convert,
    promote_shapes,
    unsupported,
    user_dtype,
)
from ingot.util import axis_range

Axis = None | int | Sequence[int]

# ---- axes ----


def axes_of(name: str, axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes meant by None, an axis or several, as distinct numbers in [0, ndim)."""
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if type(axis) is int else tuple(_integer_axis(name, i) for i in items(axis))
    for i in given:
        if not -ndim <= i < ndim:
            raise AxisError(f"{name}: axis {i} is out of bounds for an array of dimension {ndim};"
                            f" {axis_range(ndim)}")
    out = tuple(i % ndim for i in given)
    if len(set(out)) != len(out):
        raise ShapeError(f"{name}: duplicate value in axis {given}; name each of the"
                         " axes once")
    return out


def one_axis(name: str, axis: Any, ndim: int) -> int:
    """The axis that is meant, in [0, ndim)."""
    return axes_of(name, _integer_axis(name, axis), ndim)[0]


def _integer_axis(name: str, axis: Any) -> int:
    try:
        return operator.index(axis)
    except TypeError:
        if isinstance(axis, Tracer) and not axis.aval.ndim:
            concrete_int(name, axis, "axis")  # says that it must be static
        got = str(axis.aval) if hasattr(axis, "aval") else f"{axis!r:.40}"
        raise TypeError(f"{name}: an axis is an integer, got {got}; several arrays are passed as"
                        " one list or tuple") from None


def keep_dims(reduced: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """A reduced array with its axes back, of length 1."""
    return lax.reshape(reduced, [1 if i in axes else n for i, n in enumerate(shape)])


def lowest(dtype: Any) -> Any:
    """The identity of max."""
    kind = dtypes.kind(dtype)
    return -math.inf if kind in "fc" else False if kind == "b" else int(dtypes.iinfo(dtype).min)


def highest(dtype: Any) -> Any:
    """The identity of min."""
    kind = dtypes.kind(dtype)
    return math.inf if kind in "fc" else True if kind == "b" else int(dtypes.iinfo(dtype).max)


def sum_dtype(dtype: Any) -> Any:
    """The dtype of sums and products: integers get the default width at least."""
    kind = dtypes.kind(dtype)
    if kind == "b":
        return dtypes.default_int()
    if kind not in "iu":
        return dtype
    default = dtypes.default_int() if kind == "i" else dtypes.default_uint()
    return default if dtypes.itemsize_bits(dtype) < dtypes.itemsize_bits(default) else dtype


def chosen(name: str, where: Any) -> Any:
    """The argument `where` of a reduction, an array of booleans."""
    mask = as_array(name, where)
    if mask.aval.dtype != dtypes.bool_:
        raise ValueError(f"{name}: where must be None or an array of booleans, got {mask.aval};"
                         " compare first, as in x != 0")
    return mask


def masked(name: str, a: Any, mask: Any, identity: Any) -> Any:
    """`a` with the identity of the reduction where the mask is False."""
    if mask is None:
        return a
    mask, a = promote_shapes(name, chosen(name, mask), a)
    return lax.select(mask, a, like(a, identity))


def _reduce(name: str, op: Callable[..., Any], a: Any, axis: Axis, keepdims: bool, initial: Any,
            combine: Callable[..., Any]) -> Any:
    axes = axes_of(name, axis, a.aval.ndim)
    if not axes and kind_of(a) == "K":
        raise TypeError(f"{name}: numbers and booleans only, got {a.aval}; random.key_data gives"
                        " the bits of keys")
    out = op(a, axes) if axes else a
    if initial is not None:
        start = convert(initial, out.aval.dtype)
        if start.aval.ndim:
            raise ValueError(f"{name}: initial must be a scalar, got {start.aval}")
        out = combine(out, broadcast(start, out.aval.shape))
    return keep_dims(out, a.aval.shape, axes) if keepdims else out


# ---- sums and products ----


@trace_cached
def sum(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
        initial: Any = None, where: Any = None, promote_integers: bool = True) -> Any:
    """Sum elements over axes.

    a: [...] of any dtype; axis: None (all), an axis or several; dtype: by default that of `a`, of
    integers and booleans at least the default integer (unless promote_integers=False); out: must be
    None; keepdims: whether reduced axes stay, with length 1; initial: a number to start from;
    where: booleans, which elements count -> [other axes] of `dtype`; 0 if there are none. Raises
    ValueError for axes out of bounds, and for `initial` or `where` of a wrong kind.

    >>> import ingot.numpy as jnp
    >>> jnp.sum(jnp.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Array([4., 6.], dtype=float64)
    """
    if out is not None:
        unsupported("sum", out=out)
    a = _summand("sum", a, dtype, promote_integers)
    a = masked("sum", a, where, 0)
    if kind_of(a) == "b":
        return _reduce("sum", lax.reduce_or, a, axis, keepdims, initial, lax.bitwise_or)
    return _reduce("sum", lax.reduce_sum, a, axis, keepdims, initial, lax.add)


def _summand(name: str, a: Any, dtype: Any, promote_integers: bool) -> Any:
    a = as_array(name, a)
    have = a.aval.dtype
    want = user_dtype(name, dtype)
    if want is None:
        want = sum_dtype(have) if promote_integers or have == dtypes.bool_ else have
    return convert(a, want)


@trace_cached
def prod(a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False,
         initial: Any = None, where: Any = None, promote_integers: bool = True) -> Any:
    """Multiply elements over axes.

    a, axis, dtype, out, keepdims, initial, where, promote_integers: as for `sum`, with the same
    errors -> [other axes] of `dtype`; 1 if there are no elements.

    >>> jnp.prod(np.array([[1, 2], [3, 4]]), axis=1)
    Array([ 2, 12], dtype=int64)
    """
    if out is not None:
        unsupported("prod", out=out)
    a = _summand("prod", a, dtype, promote_integers)
    a = masked("prod", a, where, 1)
    if kind_of(a) == "b":
        return _reduce("prod", lax.reduce_and, a, axis, keepdims, initial, lax.bitwise_and)
    return _reduce("prod", lax.reduce_prod, a, axis, keepdims, initial, lax.mul)


# ---- extrema ----


def _extremum(name: str, op: Callable[..., Any], combine: Callable[..., Any],
              identity: Callable[[Any], Any], a: Any, axis: Axis, out: None, keepdims: bool,
              initial: Any, where: Any) -> Any:
    if out is not None:
        unsupported(name, out=out)
    a = as_array(name, a)
    a = convert(a, a.aval.dtype)
    if where is not None and initial is None:
        raise ValueError(f"{name}: there is no identity, so with `where` give `initial` too")
    axes = axes_of(name, axis, a.aval.ndim)
    if initial is None and builtins.any(a.aval.shape[i] == 0 for i in axes):
        raise ValueError(f"{name}: zero-size array has no {name}: {a.aval} over axes {axes};"
                         " give `initial`")
    a = a if where is None else masked(name, a, where, identity(a.aval.dtype))
    out = _reduce(name, op, a, axes, keepdims, initial, combine)
    if kind_of(a) != "c":
        return out
    wrong = _reduce(name, lax.reduce_or, lax.ne(a, a), axes, keepdims, None, combine)
    return lax.select(wrong, like(out, math.nan), out)


@trace_cached
def max(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None,
        where: Any = None) -> Any:
    """Return the largest element over axes, nan if there is one.

    a: [...] of any dtype, complex numbers ordered by real, then imaginary part; axis, out,
    keepdims, where: as for `sum`; initial: a number to start from -> [other axes] of the same
    dtype. Raises ValueError for no elements and for `where` without `initial`, and for axes out of
    bounds.

    >>> jnp.max(np.array([[1, 5], [3, 4]]), axis=0)
    Array([3, 5], dtype=int64)
    """
    return _extremum("max", lax.reduce_max, lax.max, lowest, a, axis, out, keepdims, initial, where)


@trace_cached
def min(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None,
        where: Any = None) -> Any:
    """Return the smallest element over axes, nan if there is one.

    a: [...] of any dtype, complex numbers ordered by real, then imaginary part; axis, out,
    keepdims, where: as for `sum`; initial: a number to start from -> [other axes] of the same
    dtype. Raises ValueError for no elements and for `where` without `initial`, and for axes out of
    bounds.

    >>> jnp.min(np.array([[1, 5], [3, 4]]), axis=0)
    Array([1, 4], dtype=int64)
    """
    return _extremum(
        "min", lax.reduce_min, lax.min, highest, a, axis, out, keepdims, initial, where)


amax, amin = alias(max, "amax"), alias(min, "amin")


def minmax(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False,
           initial: Any = None, where: Any = None) -> tuple[Any, Any]:
    """Return the smallest and the largest element over axes.

    a, axis, out, keepdims, where: as for `min`, with the same errors; initial: a number to start
    both from, or a pair of numbers -> a pair of [other axes] of the same dtype.

    >>> jnp.minmax(np.array([[1, 5], [3, 4]]), axis=0)
    (Array([1, 4], dtype=int64), Array([3, 5], dtype=int64))
    """
    least, greatest = initial if isinstance(initial, tuple) else (initial, initial)
    return (min(a, axis, out, keepdims, least, where), max(a, axis, out, keepdims, greatest, where))


def ptp(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Any:
    """Return the largest minus the smallest element over axes.

    a, axis, keepdims: as for `max`, with the same errors; out: must be None -> [other axes] of the
    same dtype.

    >>> jnp.ptp(np.array([[1, 5], [3, 4]]), axis=1)
    Array([4, 1], dtype=int64)
    """
    unsupported("ptp", out=out)
    return lax.sub(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


# ---- truth ----


@trace_cached
def all(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, *,
        where: Any = None) -> Any:
    """Return whether all elements over axes are nonzero.

    a: [...] of any dtype; axis, out, keepdims, where: as for `sum`, with the same errors ->
    booleans [other axes]; True if there are no elements.

    >>> jnp.all(np.array([[1, 0], [3, 4]]), axis=1)
    Array([False,  True], dtype=bool)
    """
    if out is not None:
        unsupported("all", out=out)
    a = masked("all", truth("all", a), where, True)
    return _reduce("all", lax.reduce_and, a, axis, keepdims, None, lax.bitwise_and)


@trace_cached
def any(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, *,  # noqa: A001
        where: Any = None) -> Any:
    """Return whether some element over axes is nonzero.

    a: [...] of any dtype; axis, out, keepdims, where: as for `sum`, with the same errors ->
    booleans [other axes]; False if there are no elements.

    >>> jnp.any(np.array([[1, 0], [0, 0]]), axis=1)
    Array([ True, False], dtype=bool)
    """
    if out is not None:
        unsupported("any", out=out)
    a = masked("any", truth("any", a), where, False)
    return _reduce("any", lax.reduce_or, a, axis, keepdims, None, lax.bitwise_or)


def count_nonzero(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Count the nonzero elements over axes.

    a: [...] of any dtype; axis, keepdims: as for `sum`, with the same errors -> [other axes] of the
    default integer; nan is not zero.

    >>> jnp.count_nonzero(np.array([[1, 0], [3, 4]]), axis=1)
    Array([1, 2], dtype=int64)
    """
    return sum(truth("count_nonzero", a), axis, keepdims=keepdims)


# ---- arg extrema ----


def _arg(name: str, op: Callable[..., Any], a: Any, axis: int | None, out: None,
         keepdims: bool | None) -> Any:
    unsupported(name, out=out)
    a = as_array(name, a)
    shape = a.aval.shape
    if axis is None:
        a, axis_ = lax.reshape(a, (a.aval.size,)), 0
    else:
        if not shape:
            a = lax.reshape(a, (1,))
        axis_ = one_axis(name, axis, a.aval.ndim)
    if a.aval.shape[axis_] == 0:
        raise ValueError(f"{name}: attempt to get {name} of an empty sequence: {a.aval}")
    found = op(a, axis_, dtypes.default_int())
    if not shape:
        return lax.reshape(found, ())
    if keepdims:
        return keep_dims(found, shape, tuple(range(len(shape))) if axis is None else (axis_,))
    return found


@trace_cached
def argmax(a: Any, axis: int | None = None, out: None = None, keepdims: bool | None = None) -> Any:
    """Return the index of the first largest element, or of the first nan.

    a: [...] of any real dtype; axis: an axis, or None for the flattened array; out: must be None;
    keepdims: whether the axis stays, with length 1 -> [other axes] of the default integer. Raises
    ValueError for no elements and an axis out of bounds.

    >>> jnp.argmax(np.array([[1, 5], [7, 4]]), axis=1)
    Array([1, 0], dtype=int64)
    """
    return _arg("argmax", lax.argmax, a, axis, out, keepdims)


@trace_cached
def argmin(a: Any, axis: int | None = None, out: None = None, keepdims: bool | None = None) -> Any:
    """Return the index of the first smallest element, or of the first nan.

    a: [...] of any real dtype; axis: an axis, or None for the flattened array; out: must be None;
    keepdims: whether the axis stays, with length 1 -> [other axes] of the default integer. Raises
    ValueError for no elements and an axis out of bounds.

    >>> jnp.argmin(np.array([[1, 5], [7, 4]]), axis=1)
    Array([0, 1], dtype=int64)
    """
    return _arg("argmin", lax.argmin, a, axis, out, keepdims)

