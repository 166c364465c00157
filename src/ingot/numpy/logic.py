"""Logic functions, elementwise: comparison, truth values, finiteness, closeness, choice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.config import config
from ingot.core.interpreter import typeof
from ingot.errors import ShapeError
from ingot.numpy import primitives as lax
from ingot.numpy.creation import asarray
from ingot.numpy.families import binary, kind_of, like, named, truth, with_loop
from ingot.numpy.nonzero import nonzero
from ingot.numpy.promotion import (
    as_array,
    aval_of,
    constant,
    convert,
    promote,
    promote_shapes,
    unsupported,
)

# ---- comparison ----


def _comparison(name: str, op: Callable[..., Any], doc: str, loop: np.ufunc) -> Callable[..., Any]:
    """Comparison of arrays, also with integers beyond the range of their dtype."""
    compare = binary(name, op, doc)

    def function(x: Any, y: Any, /) -> Any:
        if type(y) is int:
            x, y = _in_order(name, x, y)
        elif type(x) is int:
            y, x = _in_order(name, y, x)
        elif not config.match_jax:
            signs = [_signed_64(x), _signed_64(y)]
            if sorted(signs) == [0, 1]:
                return _across_signs(name, op, x, y, signs.index(1))
        return compare(x, y)

    return with_loop(function, name, loop, doc)


_SIGNED_64: dict[Any, int] = {np.dtype(f"i{n}"): 1 for n in (1, 2, 4, 8)} | {np.dtype("u8"): 0}


def _signed_64(x: Any) -> int:
    """1 for signed integers, 0 for unsigned ones of 64 bits, -1 for others: no dtype holds both."""
    return _SIGNED_64.get(getattr(x, "dtype", None), -1)


def _across_signs(name: str, op: Callable[..., Any], x: Any, y: Any, signed: int) -> Any:
    """A comparison of signed integers, of which negative ones are less than all others."""
    pair = promote_shapes(name, x, y)
    other = pair[signed]
    below = lax.lt(other, like(other, 0))
    pair[signed] = convert(lax.max(other, like(other, 0)), np.dtype("u8"))
    ends = [like(pair[0], int(i != signed)) for i in range(2)]
    return lax.select(below, op(*ends), op(*pair))


def _in_order(name: str, x: Any, number: int) -> tuple[Any, Any]:
    """The same two; other ones in the same order if the array's dtype cannot hold the number."""
    aval = aval_of(name, x)
    if dtypes.kind(aval.dtype) not in "iu":
        return x, number
    limits = dtypes.iinfo(aval.dtype)
    if limits.min <= number <= limits.max:
        return x, number
    return constant(0, np.dtype("int8"), shape=aval.shape), 1 if number > 0 else -1


def _compare(name: str, op: Callable[..., Any], doc: str, loop: np.ufunc) -> Callable[..., Any]:
    """Comparison of numbers; complex ones in lexicographic order."""

    def compare(x: Any, y: Any) -> Any:
        if kind_of(x) != "c":
            return op(x, y)
        a, b = lax.real(x), lax.real(y)
        return lax.select(lax.eq(a, b), op(lax.imag(x), lax.imag(y)), op(a, b))

    return _comparison(name, compare, doc, loop)


equal = _comparison("equal", lax.eq, """Return whether elements are equal.

    {x, y: truth} Integers are compared by value, whatever their dtypes; nan equals nothing.

    >>> jnp.equal(np.array([1, 2]), 1.0)
    Array([ True, False], dtype=bool)
    """, loop=np.equal)
not_equal = _comparison("not_equal", lax.ne, """Return whether elements differ.

    {x, y: truth} Integers are compared by value, whatever their dtypes; nan differs from itself.

    >>> jnp.not_equal(np.array([1, 2]), 1.0)
    Array([False,  True], dtype=bool)
    """, loop=np.not_equal)
less = _compare("less", lax.lt, """Return whether x < y, elementwise.

    {x, y: truth} Complex numbers are ordered by real, then imaginary part; with nan it is False.

    >>> jnp.less(np.array([1, 2, 3]), 2)
    Array([ True, False, False], dtype=bool)
    """, loop=np.less)
less_equal = _compare("less_equal", lax.le, """Return whether x <= y, elementwise.

    {x, y: truth} Complex numbers are ordered by real, then imaginary part; with nan it is False.

    >>> jnp.less_equal(np.array([1, 2, 3]), 2)
    Array([ True,  True, False], dtype=bool)
    """, loop=np.less_equal)
greater = _compare("greater", lax.gt, """Return whether x > y, elementwise.

    {x, y: truth} Complex numbers are ordered by real, then imaginary part; with nan it is False.

    >>> jnp.greater(np.array([1, 2, 3]), 2)
    Array([False, False,  True], dtype=bool)
    """, loop=np.greater)
greater_equal = _compare("greater_equal", lax.ge, """Return whether x >= y, elementwise.

    {x, y: truth} Complex numbers are ordered by real, then imaginary part; with nan it is False.

    >>> jnp.greater_equal(np.array([1, 2, 3]), 2)
    Array([False,  True,  True], dtype=bool)
    """, loop=np.greater_equal)


# ---- truth values ----


def _logical(name: str, op: Callable[..., Any], doc: str) -> Callable[..., Any]:
    def function(x: Any, y: Any, /) -> Any:
        return op(*promote_shapes(name, truth(name, x), truth(name, y)))

    return named(function, name, doc)


logical_and = _logical("logical_and", lax.bitwise_and, """Return whether both are nonzero.

    {x, y: truth}

    >>> jnp.logical_and(np.array([0, 1, 2]), True)
    Array([False,  True,  True], dtype=bool)
    """)
logical_or = _logical("logical_or", lax.bitwise_or, """Return whether one or both are nonzero.

    {x, y: truth}

    >>> jnp.logical_or(np.array([0, 1, 2]), False)
    Array([False,  True,  True], dtype=bool)
    """)
logical_xor = _logical("logical_xor", lax.bitwise_xor, """Return whether exactly one is nonzero.

    {x, y: truth}

    >>> jnp.logical_xor(np.array([0, 1, 2]), True)
    Array([ True, False, False], dtype=bool)
    """)


def logical_not(x: Any, /) -> Any:
    """Return whether elements are zero.

    x: [...] of any dtype -> booleans [...]; nan is not zero.

    >>> jnp.logical_not(np.array([0.0, -0.0, np.nan]))
    Array([ True,  True, False], dtype=bool)
    """
    return lax.bitwise_not(truth("logical_not", x))


# ---- finite or not ----


def isfinite(x: Any, /) -> Any:
    """Return whether numbers are neither infinite nor nan, elementwise.

    x: [...] of any dtype -> booleans [...]; of a complex number, whether both parts are finite.

    >>> jnp.isfinite(np.array([1.0, np.inf, np.nan]))
    Array([ True, False, False], dtype=bool)
    """
    x = as_array("isfinite", x)
    if kind_of(x) == "c":
        return lax.bitwise_and(lax.is_finite(lax.real(x)), lax.is_finite(lax.imag(x)))
    return lax.is_finite(x) if kind_of(x) == "f" else lax.eq(x, x)


def isnan(x: Any, /) -> Any:
    """Return whether numbers are nan, elementwise.

    x: [...] of any dtype -> booleans [...]; of a complex number, whether either part is.

    >>> jnp.isnan(np.array([1.0, np.inf, np.nan]))
    Array([False, False,  True], dtype=bool)
    """
    x = as_array("isnan", x)
    return lax.ne(x, x)


def isposinf(x: Any, /, out: None = None) -> Any:
    """Return whether numbers are +inf, elementwise.

    x: [...] real; out: must be None -> booleans [...]. Raises ValueError for complex numbers.

    >>> jnp.isposinf(np.array([1.0, np.inf, -np.inf]))
    Array([False,  True, False], dtype=bool)
    """
    unsupported("isposinf", out=out)
    return _is_infinity("isposinf", x, math.inf)


def isneginf(x: Any, /, out: None = None) -> Any:
    """Return whether numbers are -inf, elementwise.

    x: [...] real; out: must be None -> booleans [...]. Raises ValueError for complex numbers.

    >>> jnp.isneginf(np.array([1.0, np.inf, -np.inf]))
    Array([False, False,  True], dtype=bool)
    """
    unsupported("isneginf", out=out)
    return _is_infinity("isneginf", x, -math.inf)


def _is_infinity(name: str, x: Any, infinity: float) -> Any:
    x = as_array(name, x)
    if kind_of(x) == "c":
        raise ValueError(f"{name}: the argument must be real, got {x.aval}")
    return lax.eq(x, like(x, infinity)) if kind_of(x) == "f" else lax.ne(x, x)


def iscomplex(x: Any) -> Any:
    """Return whether the imaginary part is not zero, elementwise.

    x: [...] of any dtype -> booleans [...], False for real arrays; `iscomplexobj` tells of the
    dtype.

    >>> jnp.iscomplex(np.array([1 + 0j, 2j]))
    Array([False,  True], dtype=bool)
    """
    x = as_array("iscomplex", x)
    part = lax.imag(x) if kind_of(x) == "c" else None
    return lax.ne(x, x) if part is None and kind_of(x) != "f" else (
        convert(like(x, 0), dtypes.bool_) if part is None else lax.ne(part, like(part, 0)))


def isreal(x: Any) -> Any:
    """Return whether the imaginary part is zero, elementwise.

    x: [...] of any dtype -> booleans [...], True for real arrays; `isrealobj` tells of the dtype.

    >>> jnp.isreal(np.array([1 + 0j, 2j]))
    Array([ True, False], dtype=bool)
    """
    return lax.bitwise_not(iscomplex(x))


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None,
               neginf: Any = None) -> Any:
    """Replace nan and infinities by numbers.

    x: [...] of any dtype; copy: without effect; nan, posinf, neginf: the numbers, or arrays of them
    that broadcast, by default 0 and the largest and lowest numbers of the dtype; infinities that
    stand for nan are replaced as well, as in JAX -> [...] of the dtype of x, integers unchanged.

    >>> jnp.nan_to_num(np.array([np.nan, np.inf, 1.0]), posinf=9.0)
    Array([0., 9., 1.], dtype=float64)
    """
    x = as_array("nan_to_num", x)
    x = convert(x, x.aval.dtype)
    if kind_of(x) == "c":
        return lax.complex(*(nan_to_num(part, copy, nan, posinf, neginf)
                             for part in (lax.real(x), lax.imag(x))))
    if kind_of(x) != "f":
        return x
    info = dtypes.finfo(x.aval.dtype)
    high = float(info.max) if posinf is None else posinf
    low = float(info.min) if neginf is None else neginf
    for test, value in ((lambda x: lax.ne(x, x), nan), (isposinf, high), (isneginf, low)):
        x = where(test(x), convert(asarray(value), x.aval.dtype, x.aval.weak_type), x)
    return x


# ---- closeness ----


def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Return whether |a - b| <= atol + rtol |b|, elementwise.

    a, b: [...] of any dtype, broadcast; rtol, atol: numbers or arrays that broadcast; equal_nan:
    whether nan are close to each other -> booleans [...]. Infinities are close if they are equal.
    Raises ValueError if the shapes do not broadcast.

    >>> jnp.isclose(np.array([1.0, np.inf, np.nan]), np.array([1.0 + 1e-9, np.inf, np.nan]))
    Array([ True,  True, False], dtype=bool)
    """
    x, y = promote("isclose", a, b)
    if dtypes.is_key_dtype(x.aval.dtype):
        return lax.eq(x, y)
    if kind_of(x) not in "fc":
        x, y = promote("isclose", x, y, kind="inexact")
    real = dtypes.real_of(x.aval.dtype)
    size = lax.abs(y)
    bound = lax.add(_of(atol, size, real), lax.mul(_of(rtol, size, real), size))
    close = lax.le(lax.abs(lax.sub(x, y)), bound)
    finite = lax.bitwise_and(isfinite(x), isfinite(y))
    out = lax.select(finite, close, lax.eq(x, y))
    if equal_nan:
        out = lax.bitwise_or(out, lax.bitwise_and(lax.ne(x, x), lax.ne(y, y)))
    return out


def _of(tolerance: Any, like_: Any, dtype: Any) -> Any:
    value = convert(tolerance, dtype, like_.aval.weak_type)
    return promote_shapes("isclose", value, like_)[0]


def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Return whether all elements are close in the sense of `isclose`.

    a, b, rtol, atol, equal_nan: as for `isclose`, with the same errors -> a boolean [].

    >>> jnp.allclose(np.array([1.0, 2.0]), np.array([1.0, 2.1]), atol=0.2)
    Array(True, dtype=bool)
    """
    close = isclose(a, b, rtol, atol, equal_nan)
    return lax.reduce_and(close, tuple(range(close.aval.ndim)))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Return whether two arrays have the same shape and equal elements.

    a1, a2: arrays or sequences of any dtype; equal_nan: whether nan are equal to each other -> a
    boolean []; False for what is no array.

    >>> jnp.array_equal([1, 2], np.array([1.0, 2.0]))
    Array(True, dtype=bool)
    """
    x, y = _arrays(a1), _arrays(a2)
    if x is None or y is None or x.aval.shape != y.aval.shape:
        return asarray(False)
    return _all_equal(x, y, equal_nan)


def array_equiv(a1: Any, a2: Any) -> Any:
    """Return whether all elements of two arrays are equal after broadcasting.

    a1, a2: arrays or sequences of any dtype -> a boolean []; False for what is no array, and if the
    shapes do not broadcast.

    >>> jnp.array_equiv([1, 1], 1)
    Array(True, dtype=bool)
    """
    x, y = _arrays(a1), _arrays(a2)
    if x is None or y is None:
        return asarray(False)
    try:
        x, y = promote_shapes("array_equiv", x, y)
    except ValueError:
        return asarray(False)
    return _all_equal(x, y, False)


def _arrays(x: Any) -> Any:
    try:
        return asarray(x)
    except (TypeError, ValueError):
        return None


def _all_equal(x: Any, y: Any, equal_nan: bool) -> Any:
    same = equal(x, y)
    if equal_nan:
        same = lax.bitwise_or(same, lax.bitwise_and(lax.ne(x, x), lax.ne(y, y)))
    return lax.reduce_and(same, tuple(range(same.aval.ndim)))


# ---- choice ----


@trace_cached
def where(condition: Any, x: Any = None, y: Any = None, /, *, size: Any = None,
          fill_value: Any = None) -> Any:
    """Choose elements of x where the condition holds, else of y.

    condition: [...] booleans, or numbers, of which nonzero ones hold; x, y: [...] of any dtype,
    broadcast with it -> [...] of the dtype x and y promote to. Without x and y it is
    `nonzero(condition, size=size, fill_value=fill_value)`. Raises ValueError if the shapes do not
    broadcast, for one of x and y alone, and for `size` or `fill_value` beside them.

    >>> jnp.where(np.array([True, False]), np.array([1, 2]), 0.5)
    Array([1. , 0.5], dtype=float64, weak_type=True)
    """
    if x is None and y is None:
        return nonzero(condition, size=size, fill_value=fill_value)
    if x is None or y is None:
        raise ValueError("where: give both x and y, or neither")
    if size is not None or fill_value is not None:
        raise ValueError("where: size and fill_value belong to where(condition) alone")
    test = truth("where", condition)
    x, y = promote("where", x, y)
    if test.aval.shape != x.aval.shape:
        try:
            test, x, y = promote_shapes("where", test, x, y)
        except ValueError:
            raise ShapeError(
                f"where: shapes must broadcast, got {test.aval} for the condition and {x.aval} for"
                " what is chosen from; align axes with reshape, expand_dims or None in an index"
            ) from None
    return lax.select(test, x, y)


@trace_cached
def clip(arr: Any = None, /, min: Any = None, max: Any = None) -> Any:
    """Limit elements to [min, max].

    arr, min, max: [...] real, broadcast; a bound that is None does not limit -> [...] of the dtype
    they promote to, `max` where the bounds cross; nan stays. Raises ValueError without `arr`, for
    complex numbers, and if the shapes do not broadcast.

    >>> jnp.clip(np.array([-1, 2, 5]), 0, 3)
    Array([0, 2, 3], dtype=int64)
    """
    if arr is None:
        raise ValueError("clip: an array must be given")
    if any(dtypes.kind(aval_of("clip", v).dtype) == "c" for v in (arr, min, max) if v is not None):
        raise ValueError("clip: complex numbers have no order; clip real and imaginary parts")
    arr = as_array("clip", arr)
    if kind_of(arr) in "iu":  # a bound beyond all numbers of the dtype does not limit
        limits = dtypes.iinfo(arr.aval.dtype)
        min = None if type(min) is int and min < limits.min else min
        max = None if type(max) is int and max > limits.max else max
    if min is not None:
        arr = lax.max(*promote("clip", min, arr))
    if max is not None:
        arr = lax.min(*promote("clip", max, arr))
    return arr


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Choose each element from the first choice whose condition holds, else the default.

    condlist: a list of booleans [...]; choicelist: as many arrays [...]; default: a number or an
    array; all broadcast -> [...] of the dtype choices and default promote to. Raises ValueError for
    no conditions, for as many choices as there are not conditions, and if the shapes do not
    broadcast, TypeError for conditions that are not booleans.

    >>> x = np.array([-2, 0, 3])
    >>> jnp.select([x < 0, x > 0], [-x, 10 * x], 7)
    Array([ 2,  7, 30], dtype=int64)
    """
    if len(condlist) != len(choicelist):
        raise ValueError(f"select: as many conditions as choices are needed, got {len(condlist)}"
                         f" and {len(choicelist)}")
    if not len(condlist):
        raise ValueError("select: at least one condition is needed")
    *choices, out = promote("select", *choicelist, default)
    for test, choice in zip(reversed(condlist), reversed(choices), strict=True):
        if typeof(test).dtype != dtypes.bool_:
            raise TypeError(f"select: conditions must be boolean, got {typeof(test)}")
        out = where(test, choice, out)
    return out
