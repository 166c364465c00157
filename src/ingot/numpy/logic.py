"""Logic functions and bitwise operations: comparison, truth values, closeness, shifts, gcd."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import replayed
from ingot.config import config
from ingot.control.while_loop import fori_loop
from ingot.core.interpreter import typeof
from ingot.errors import ShapeError
from ingot.numpy import primitives as lax
from ingot.numpy.creation import asarray
from ingot.numpy.families import (
    alias,
    binary,
    kind_of,
    like,
    named,
    truth,
    unary,
    with_loop,
)
from ingot.numpy.nonzero import nonzero
from ingot.numpy.promotion import (
    as_array,
    aval_of,
    constant,
    convert,
    promote,
    promote_shapes,
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


def _ordered(name: str, op: Callable[..., Any], doc: str, loop: np.ufunc) -> Callable[..., Any]:
    """Comparison of numbers; complex ones in lexicographic order."""

    def compare(x: Any, y: Any) -> Any:
        if kind_of(x) != "c":
            return op(x, y)
        a, b = lax.real(x), lax.real(y)
        return lax.select(lax.eq(a, b), op(lax.imag(x), lax.imag(y)), op(a, b))

    return _comparison(name, compare, doc, loop)


equal = _comparison("equal", lax.eq, """Whether elements are equal.

    >>> jnp.equal(1, 1.0)
    Array(True, dtype=bool)
    """, loop=np.equal)
not_equal = _comparison("not_equal", lax.ne, """Whether elements differ.

    >>> jnp.not_equal(1, 1.0)
    Array(False, dtype=bool)
    """, loop=np.not_equal)
less = _ordered("less", lax.lt, """Whether x < y, elementwise.

    >>> jnp.less(1, 2)
    Array(True, dtype=bool)
    """, loop=np.less)
less_equal = _ordered("less_equal", lax.le, "Whether x <= y, elementwise.", loop=np.less_equal)
greater = _ordered("greater", lax.gt, "Whether x > y, elementwise.", loop=np.greater)
greater_equal = _ordered("greater_equal", lax.ge, "Whether x >= y, elementwise.",
                         loop=np.greater_equal)


# ---- truth values ----


def _logical(name: str, op: Callable[..., Any], doc: str) -> Callable[..., Any]:
    def function(x: Any, y: Any, /) -> Any:
        return op(*promote_shapes(name, truth(name, x), truth(name, y)))

    return named(function, name, doc)


logical_and = _logical("logical_and", lax.bitwise_and, """Whether both are nonzero.

    >>> jnp.logical_and(1, 0)
    Array(False, dtype=bool)
    """)
logical_or = _logical("logical_or", lax.bitwise_or, "Whether one of two is nonzero.")
logical_xor = _logical("logical_xor", lax.bitwise_xor, "Whether exactly one of two is nonzero.")


def logical_not(x: Any, /) -> Any:
    """Whether an element is zero.

    >>> jnp.logical_not(0)
    Array(True, dtype=bool)
    """
    return lax.bitwise_not(truth("logical_not", x))


# ---- bits ----

bitwise_and = binary("bitwise_and", lax.bitwise_and, "Bitwise and of integers or booleans.",
                      loop=np.bitwise_and)
bitwise_or = binary("bitwise_or", lax.bitwise_or, "Bitwise or of integers or booleans.",
                     loop=np.bitwise_or)
bitwise_xor = binary(
    "bitwise_xor", lax.bitwise_xor, "Bitwise exclusive or of integers or booleans.",
    loop=np.bitwise_xor)
bitwise_not = unary("bitwise_not", lax.bitwise_not, "Bitwise complement of integers or booleans.",
                    loop=np.bitwise_not)
invert = unary("invert", lax.bitwise_not, "Bitwise complement of integers or booleans.",
               loop=np.invert)
bitwise_invert = alias(invert, "bitwise_invert")
left_shift = binary("left_shift", lax.shift_left, "Shift bits left; 0 beyond the width.", "numeric")
bitwise_left_shift = alias(left_shift, "bitwise_left_shift")


def right_shift(x1: Any, x2: Any, /) -> Any:
    """Shift bits right, copies of the sign bit come in for signed integers.

    >>> jnp.right_shift(-8, 1)
    Array(-4, dtype=int64, weak_type=True)
    """
    x, y = promote("right_shift", x1, x2, kind="numeric")
    return (lax.shift_right_logical if kind_of(x) == "u" else lax.shift_right_arithmetic)(x, y)


bitwise_right_shift = alias(right_shift, "bitwise_right_shift")


def bitwise_count(x: Any, /) -> Any:
    """Number of ones in the binary form of the absolute value, as uint8.

    >>> jnp.bitwise_count(7)
    Array(3, dtype=uint8)
    """
    x = as_array("bitwise_count", x)
    if kind_of(x) not in "biu":
        raise TypeError(f"bitwise_count: the argument must be of integer dtype, got {x.aval}")
    x = convert(x, dtypes.uint8) if kind_of(x) == "b" else lax.abs(x) if kind_of(x) == "i" else x
    return convert(lax.population_count(x), dtypes.uint8)


# ---- finite or not ----


def isfinite(x: Any, /) -> Any:
    """Whether an element is neither infinite nor nan.

    >>> jnp.isfinite(1.0)
    Array(True, dtype=bool)
    """
    x = as_array("isfinite", x)
    if kind_of(x) == "c":
        return lax.bitwise_and(lax.is_finite(lax.real(x)), lax.is_finite(lax.imag(x)))
    return lax.is_finite(x) if kind_of(x) == "f" else lax.eq(x, x)


def isnan(x: Any, /) -> Any:
    """Whether an element is nan.

    >>> jnp.isnan(float("nan"))
    Array(True, dtype=bool)
    """
    x = as_array("isnan", x)
    return lax.ne(x, x)


def isposinf(x: Any, /, out: None = None) -> Any:
    """Whether an element is +inf. Raises ValueError for complex numbers.

    >>> jnp.isposinf(1.0)
    Array(False, dtype=bool)
    """
    return _is_infinity("isposinf", x, math.inf)


def isneginf(x: Any, /, out: None = None) -> Any:
    """Whether an element is -inf. Raises ValueError for complex numbers.

    >>> jnp.isneginf(-float("inf"))
    Array(True, dtype=bool)
    """
    return _is_infinity("isneginf", x, -math.inf)


def _is_infinity(name: str, x: Any, infinity: float) -> Any:
    x = as_array(name, x)
    if kind_of(x) == "c":
        raise ValueError(f"{name}: the argument must be real, got {x.aval}")
    return lax.eq(x, like(x, infinity)) if kind_of(x) == "f" else lax.ne(x, x)


def iscomplex(x: Any) -> Any:
    """Whether the imaginary part is not zero.

    >>> jnp.iscomplex(1 + 0j)
    Array(False, dtype=bool)
    """
    x = as_array("iscomplex", x)
    part = lax.imag(x) if kind_of(x) == "c" else None
    return lax.ne(x, x) if part is None and kind_of(x) != "f" else (
        convert(like(x, 0), dtypes.bool_) if part is None else lax.ne(part, like(part, 0)))


def isreal(x: Any) -> Any:
    """Whether the imaginary part is zero.

    >>> jnp.isreal(1 + 0j)
    Array(True, dtype=bool)
    """
    return lax.bitwise_not(iscomplex(x))


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None,
               neginf: Any = None) -> Any:
    """nan and infinities replaced by numbers, by default 0 and the largest and smallest ones.

    Infinities that take the place of nan are replaced as well, as in JAX.

    >>> jnp.nan_to_num(float("nan"))
    Array(0., dtype=float64)
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
    """Whether |a - b| <= atol + rtol |b|, elementwise; equal infinities are close.

    >>> jnp.isclose(1.0, 1.0 + 1e-9)
    Array(True, dtype=bool)
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
    """Whether all elements are close in the sense of `isclose`.

    >>> jnp.allclose(1.0, 1.1)
    Array(False, dtype=bool)
    """
    close = isclose(a, b, rtol, atol, equal_nan)
    return lax.reduce_and(close, tuple(range(close.aval.ndim)))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Whether shapes and all elements are equal.

    >>> jnp.array_equal([1, 2], [1, 2])
    Array(True, dtype=bool)
    """
    x, y = _arrays(a1), _arrays(a2)
    if x is None or y is None or x.aval.shape != y.aval.shape:
        return asarray(False)
    return _all_equal(x, y, equal_nan)


def array_equiv(a1: Any, a2: Any) -> Any:
    """Whether all elements are equal after broadcasting.

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


@replayed
def where(condition: Any, x: Any = None, y: Any = None, /, *, size: Any = None,
          fill_value: Any = None) -> Any:
    """`x` where the condition holds, else `y`; with the condition alone, `nonzero(condition)`.

    condition, x, y: broadcast to one shape -> the dtype x and y promote to.

    >>> jnp.where(True, 1.0, 2.0)
    Array(1., dtype=float64, weak_type=True)
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


@replayed
def clip(arr: Any = None, /, min: Any = None, max: Any = None) -> Any:
    """Elements limited to [min, max]; a bound that is None does not limit.

    >>> jnp.clip(5, 0, 3)
    Array(3, dtype=int64, weak_type=True)
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
    """For each element the choice of the first condition that holds, or the default.

    >>> jnp.select([np.array([True, False])], [np.array([1, 2])], 9)
    Array([1, 9], dtype=int64)
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


# ---- number theory ----


def gcd(x1: Any, x2: Any) -> Any:
    """Greatest common divisor of integers.

    >>> jnp.gcd(12, 18)
    Array(6, dtype=int64, weak_type=True)
    """
    x, y = promote("gcd", x1, x2)
    if kind_of(x) not in "iu":
        raise ValueError(f"gcd: the arguments must be of integer dtype, got {x.aval}")
    if kind_of(x) == "i":
        x, y = lax.abs(x), lax.abs(y)

    # Euclid's worst case, consecutive Fibonacci numbers, takes 1.44 steps a bit.
    def step(_: Any, pair: Any) -> Any:
        a, b = pair
        zero = lax.eq(b, like(b, 0))
        return (lax.select(zero, a, b),
                lax.select(zero, b, lax.rem(a, lax.select(zero, like(b, 1), b))))

    return fori_loop(0, int(1.45 * dtypes.itemsize_bits(x.aval.dtype)) + 2, step, (x, y))[0]


def lcm(x1: Any, x2: Any) -> Any:
    """Least common multiple of integers; 0 if one is 0.

    >>> jnp.lcm(4, 6)
    Array(12, dtype=int64, weak_type=True)
    """
    x, y = promote("lcm", x1, x2)
    divisor = gcd(x, y)
    if kind_of(x) == "i":
        x, y = lax.abs(x), lax.abs(y)
    none = lax.eq(divisor, like(divisor, 0))
    return lax.mul(x, lax.div(y, lax.select(none, like(divisor, 1), divisor)))

