"""Error functions and the normal distribution under the names of scipy.special."""

from __future__ import annotations

import math
from typing import Any

from ingot import dtypes
from ingot.numpy import primitives as lax
from ingot.numpy.families import kind_of, like
from ingot.numpy.promotion import as_array, convert
from ingot.scipy import special_primitives as more
from ingot.scipy.special_table import of_reals, real

erf = of_reals("erf", "x", """
    Error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, DLMF 7.2.1.
    x: real numbers.
    >>> special.erf(1.0)
    Array(0.84270079, dtype=float64, weak_type=True)
    """, lax.erf)
erfc = of_reals("erfc", "x", """
    Complementary error function, 1 - erf(x), accurate where that is small.
    x: real numbers.
    >>> special.erfc(10.0)
    Array(2.08848758e-45, dtype=float64, weak_type=True)
    """, lax.erfc)
erfinv = of_reals("erfinv", "x", """
    Inverse of the error function: the y at which erf(y) is x.
    x: numbers in [-1, 1]; -inf and inf at the ends, nan beyond.
    >>> special.erfinv(np.array([0.5, 1.0]))
    Array([0.47693628,        inf], dtype=float64)
    """, lax.erf_inv)
dawsn = of_reals("dawsn", "x", """
    Dawson's integral, exp(-x^2) times the integral of exp(t^2) from 0 to x, DLMF 7.2.5.
    x: real numbers.
    >>> special.dawsn(1.0)
    Array(0.53807951, dtype=float64, weak_type=True)
    """, more.dawsn_p.bind)
ndtri = of_reals("ndtri", "p", """
    Quantile of the standard normal distribution: the x at which ndtr(x) is p.
    p: numbers in [0, 1]; -inf and inf at the ends, nan beyond.
    >>> special.ndtri(0.975)
    Array(1.95996398, dtype=float64, weak_type=True)
    """, more.ndtri_p.bind)
owens_t = of_reals("owens_t", "h a", """
    Owen's T function: the probability of X > h and 0 < Y < a X, both standard normal.
    h, a: real numbers.
    >>> special.owens_t(0.0, 1.0)
    Array(0.125, dtype=float64, weak_type=True)
    """, more.owens_t_p.bind)


def erfcx(x: Any) -> Any:
    """Scaled complementary error function, exp(x^2) erfc(x), which does not underflow.

    x: [...] real or complex -> [...] floating or complex; inf where it overflows, at x < -26 in
    float64.

    >>> special.erfcx(1e8)
    Array(5.64189584e-09, dtype=float64, weak_type=True)
    """
    x = as_array("erfcx", x)
    if kind_of(x) != "c":
        return more.erfcx_p.bind(*real("erfcx", x))
    return more.wofz_p.bind(lax.complex(lax.neg(lax.imag(x)), lax.real(x)))


def ndtr(x: Any) -> Any:
    """Distribution function of the standard normal distribution, accurate in both tails.

    x: [...] real -> [...] floating, in [0, 1]. Raises TypeError for complex numbers.

    >>> special.ndtr(np.array([-30.0, 0.0]))
    Array([4.90671393e-198, 5.00000000e-001], dtype=float64)
    """
    (x,) = real("ndtr", x)
    if dtypes.itemsize_bits(x.aval.dtype) < 32:
        return convert(ndtr(convert(x, dtypes.float32)), x.aval.dtype, x.aval.weak_type)
    t = lax.mul(x, like(x, -math.sqrt(0.5)))
    # A relative error of t is one of the result that is 2 t^2 times as large.
    usual = lax.bitwise_and(lax.gt(t, like(t, 0.5)), lax.lt(t, like(t, 100)))
    near = lax.select(usual, t, like(t, 0))
    growth = lax.add(near, lax.sqrt(lax.add(lax.mul(near, near), like(t, 2))))
    error = lax.mul(_product_error(lax.select(usual, x, like(x, 0)), -math.sqrt(0.5),
                                   4.833646656726457e-17), growth)
    tail = lax.mul(like(x, 0.5), lax.erfc(t))
    return lax.sub(tail, lax.mul(tail, lax.stop_gradient(error)))


def _product_error(x: Any, c: float, rest: float) -> Any:
    """What rounding takes off x (c + rest), by halves of both factors, whose products are exact."""
    dtype = x.aval.dtype
    factor = 2.0 ** (dtypes.finfo(dtype).nmant // 2 + 1) + 1
    rounded = dtype.type(c)
    wide = rounded * dtype.type(factor)
    c_high = wide - (wide - rounded)
    scaled = lax.mul(x, like(x, factor))
    high = lax.sub(scaled, lax.sub(scaled, x))
    low = lax.sub(x, high)
    error = lax.sub(lax.mul(high, like(x, float(c_high))), lax.mul(x, like(x, float(rounded))))
    for a, b in ((high, rounded - c_high), (low, c_high), (low, rounded - c_high),
                 (x, c - float(rounded) + rest)):
        error = lax.add(error, lax.mul(a, like(x, float(b))))
    return error


def log_ndtr(x: Any, series_order: int = 3) -> Any:
    """Logarithm of the normal distribution function, accurate where `ndtr` underflows.

    x: [...] real. series_order: without effect; no asymptotic series is cut -> [...] floating.
    Raises TypeError for complex numbers.

    >>> special.log_ndtr(np.array([-1000.0, 0.0]))
    Array([-5.00007827e+05, -6.93147181e-01], dtype=float64)
    """
    return more.log_ndtr_p.bind(*real("log_ndtr", x))


def wofz(z: Any) -> Any:
    """Faddeeva's function exp(-z^2) erfc(-i z), DLMF 7.2.3.

    z: [...] real or complex -> [...] complex.

    >>> special.wofz(np.array([0.0, 1.0]))
    Array([1.        +0.j        , 0.36787944+0.60715771j], dtype=complex128)
    """
    z = as_array("wofz", z)
    return more.wofz_p.bind(convert(z, dtypes.to_complex(z.aval.dtype)))
