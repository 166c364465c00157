"""Polynomials by their coefficients, highest power first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.control.scan import scan
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import divide, multiply
from ingot.numpy.concrete import concrete, concrete_int
from ingot.numpy.creation import asarray, broadcast_to
from ingot.numpy.editing import trim_zeros
from ingot.numpy.families import like
from ingot.numpy.indexing import getitem
from ingot.numpy.joining import concatenate
from ingot.numpy.linalg import eigvals, inv, lstsq
from ingot.numpy.logic import where
from ingot.numpy.manipulation import atleast_1d
from ingot.numpy.products import dot
from ingot.numpy.promotion import as_array, broadcast_shapes, convert, inexact, promote_dtypes
from ingot.numpy.rearranging import roll
from ingot.numpy.reductions import argmax, sum as sum_
from ingot.numpy.signal import convolve
from ingot.numpy.sorting import argsort
from ingot.numpy.triangles import diag


def _check_coefficients(name: str, *polynomials: Any) -> None:
    for p in polynomials:
        if not p.aval.ndim:
            raise ValueError(f"{name}: a vector of coefficients is needed, got {p.aval}; use"
                             " jnp.atleast_1d")


def polyval(p: Any, x: Any, *, unroll: int = 16) -> Any:
    """Evaluate a polynomial by Horner's rule.

    p: [n] coefficients, that of the highest power first; x: [...] numbers, or another polynomial's
    values; unroll: up to twice as many coefficients, no loop is compiled -> [...] of the dtype they
    promote to. Raises ValueError if p is a scalar.

    >>> jnp.polyval(np.array([1, 0, -2]), np.array([1, 3]))
    Array([-1,  7], dtype=int64)
    """
    p, x = promote_dtypes("polyval", p, x)
    _check_coefficients("polyval", p)
    p, x = convert(p, p.aval.dtype), convert(x, x.aval.dtype)
    shape = broadcast_shapes(x.aval.shape, p.aval.shape[1:])
    x = lax.broadcast_in_dim(x, shape, range(len(shape) - x.aval.ndim, len(shape)))
    zero = like(x, 0)
    if p.aval.shape[0] > 2 * unroll:
        return scan(lambda y, c: (y * x + c, None), zero, p, unroll=unroll)[0]
    y = zero
    for i in range(p.aval.shape[0]):
        y = y * x + getitem(p, i)
    return y


def polyadd(a1: Any, a2: Any) -> Any:
    """Add two polynomials.

    a1, a2: [n], [m] coefficients, that of the highest power first -> [max(n, m)] of the dtype they
    promote to; scalars are polynomials of degree 0.

    >>> jnp.polyadd(np.array([1, 2, 3]), np.array([5]))
    Array([1, 2, 8], dtype=int64)
    """
    a, b = _same_length("polyadd", a1, a2)
    return a + b


def polysub(a1: Any, a2: Any) -> Any:
    """Subtract two polynomials.

    a1, a2: [n], [m] coefficients, that of the highest power first -> [max(n, m)] of the dtype they
    promote to; scalars are polynomials of degree 0.

    >>> jnp.polysub(np.array([1, 2, 3]), np.array([5]))
    Array([ 1,  2, -2], dtype=int64)
    """
    a, b = _same_length("polysub", a1, a2)
    return a - b


def _same_length(name: str, a1: Any, a2: Any) -> tuple[Any, Any]:
    a, b = map(atleast_1d, promote_dtypes(name, a1, a2))
    n = max(a.aval.shape[0], b.aval.shape[0])
    zero = convert(0, a.aval.dtype, a.aval.weak_type)
    pad = [(0, 0, 0)]
    return tuple(lax.pad(x, zero, [(n - x.aval.shape[0], 0, 0), *pad * (x.aval.ndim - 1)])
                 for x in (a, b))


def polymul(a1: Any, a2: Any, *, trim_leading_zeros: bool = False) -> Any:
    """Multiply two polynomials.

    a1, a2: [n], [m] coefficients, that of the highest power first; trim_leading_zeros: whether
    leading zeros are dropped before, which traced code cannot -> [n + m - 1] of the float or
    complex dtype they promote to. Raises ValueError for other ranks.

    >>> jnp.polymul(np.array([1, 2]), np.array([1, -2]))
    Array([ 1.,  0., -4.], dtype=float64)
    """
    a, b = promote_dtypes("polymul", a1, a2, kind="inexact")
    if a.aval.ndim != 1 or b.aval.ndim != 1:
        raise ValueError(f"polymul: vectors of coefficients are needed, got {a.aval}, {b.aval}")
    if trim_leading_zeros and (a.aval.size > 1 or b.aval.size > 1):
        a, b = trim_zeros(a, "f"), trim_zeros(b, "f")
    a = a if a.aval.size else asarray(np.zeros(1, a.aval.dtype))
    b = b if b.aval.size else asarray(np.zeros(1, b.aval.dtype))
    return convolve(a, b)


def polydiv(u: Any, v: Any, *, trim_leading_zeros: bool = False) -> tuple[Any, Any]:
    """Divide two polynomials.

    u, v: [n], [m] coefficients, that of the highest power first; trim_leading_zeros: whether the
    remainder is shortened, which traced code cannot -> quotient [max(n - m + 1, 1)] and remainder
    [n] of the float or complex dtype they promote to. Raises ValueError for scalars.

    >>> jnp.polydiv(np.array([1, 3, 5]), np.array([1, 1]))
    (Array([1., 2.], dtype=float64), Array([0., 0., 3.], dtype=float64))
    """
    u, v = promote_dtypes("polydiv", u, v, kind="inexact")
    _check_coefficients("polydiv", u, v)
    m, n = u.aval.shape[0] - 1, v.aval.shape[0] - 1
    quotient = asarray(np.zeros(max(m - n + 1, 1), u.aval.dtype))
    for k in range(m - n + 1):
        d = divide(u[k], v[0])
        quotient = quotient.at[k].set(d)
        u = u.at[k:k + n + 1].add(-d * v)
    return quotient, trim_zeros(u, "f") if trim_leading_zeros else u


def polyder(p: Any, m: int = 1) -> Any:
    """Differentiate a polynomial m times.

    p: [n] coefficients, that of the highest power first; m: a static number -> [max(n - m, 0)]
    floats or complex. Raises ValueError for scalars and a negative m.

    >>> jnp.polyder(np.array([1, 2, 3]))
    Array([2., 2.], dtype=float64)
    """
    p = inexact("polyder", p)
    _check_coefficients("polyder", p)
    m = concrete_int("polyder", m, "m")
    if m < 0:
        raise ValueError(f"polyder: m must not be negative, got {m}")
    if m == 0:
        return p
    n = p.aval.shape[0]
    k = np.arange(n)[::-1]
    factor = np.prod([k - i for i in range(m)], axis=0)[:max(n - m, 0)]
    return multiply(p[:max(n - m, 0)], convert(factor, p.aval.dtype))


def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Integrate a polynomial m times.

    p: [n] coefficients, that of the highest power first; m: a static number; k: [m] constants of
    integration, or one for all, by default 0 -> [n + m] floats or complex. Raises ValueError for
    scalars, a negative m and another number of constants.

    >>> jnp.polyint(np.array([6, 2]), k=5)
    Array([3., 2., 5.], dtype=float64)
    """
    m = concrete_int("polyint", m, "m")
    p, k = promote_dtypes("polyint", p, 0 if k is None else k, kind="inexact")
    _check_coefficients("polyint", p)
    if m < 0:
        raise ValueError(f"polyint: m must not be negative, got {m}")
    k = atleast_1d(k)
    if k.aval.shape[0] == 1:
        k = lax.broadcast_in_dim(lax.reshape(k, ()), (m,), ())
    if k.aval.shape != (m,):
        raise ValueError(f"polyint: {m} constants are needed, got {k.aval}")
    for i in range(m):
        n = p.aval.shape[0]
        p = concatenate([divide(p, convert(np.arange(n, 0, -1), p.aval.dtype)), k[i:i + 1]])
    return p


@trace_cached
def poly(seq_of_zeros: Any) -> Any:
    """Return the coefficients of the polynomial with given zeros.

    seq_of_zeros: [n], or a matrix [n, n], whose eigenvalues are taken -> [n + 1], that of the
    highest power, 1, first; floats or complex. Raises ValueError for other shapes.

    >>> jnp.poly(np.array([1, 2]))
    Array([ 1., -3.,  2.], dtype=float64)
    """
    zeros = atleast_1d(inexact("poly", seq_of_zeros))
    if zeros.aval.ndim == 2 and zeros.aval.shape[0] == zeros.aval.shape[1]:
        zeros = eigvals(zeros)
    if zeros.aval.ndim != 1:
        raise ValueError(f"poly: a vector or a square matrix is needed, got {zeros.aval}")
    out = asarray(np.ones(1, zeros.aval.dtype))
    for i in range(zeros.aval.shape[0]):
        out = concatenate([out, asarray(np.zeros(1, out.aval.dtype))]) - concatenate(
            [asarray(np.zeros(1, out.aval.dtype)), out * zeros[i]])
    return out


def roots(p: Any, *, strip_zeros: bool = True) -> Any:
    """Find the complex zeros of a polynomial, the eigenvalues of its companion matrix.

    p: [n] coefficients, that of the highest power first; strip_zeros: whether leading and trailing
    zeros are dropped before; where False, nan at the end stand for what leading zeros leave out ->
    [number of zeros], or [n - 1], complex, in no order. Raises ValueError for other ranks,
    ConcretizationTypeError for traced p unless strip_zeros=False.

    >>> jnp.roots(np.array([1.0, -2.0, 0.0]))
    Array([2.+0.j, 0.+0.j], dtype=complex128)
    """
    p = atleast_1d(inexact("roots", p))
    if p.aval.ndim != 1:
        raise ValueError(f"roots: a vector is needed, got {p.aval}")
    trailing = 0
    if strip_zeros:
        data = concrete("roots", p, "the polynomial (with strip_zeros=True)",
                        "give strip_zeros=False if no coefficient at the ends is 0")
        found = np.flatnonzero(data)
        if not found.size:
            return asarray(np.zeros(0, dtypes.to_complex(p.aval.dtype)))
        trailing = len(data) - 1 - int(found[-1])
        p = p[int(found[0]):int(found[-1]) + 1]
    n = p.aval.shape[0]
    if n < 2:
        out = asarray(np.zeros(0, dtypes.to_complex(p.aval.dtype)))
    else:
        leading = argmax(p != 0) if not strip_zeros else 0
        p = p if strip_zeros else roll(p, -leading)
        companion = diag(asarray(np.ones(n - 2, p.aval.dtype)), -1)
        companion = companion.at[0].set(divide(-p[1:], p[0]))
        out = eigvals(companion)
        if not strip_zeros:  # as many zeros as were rolled to the end are no roots
            surplus = argsort(argsort(abs(out))) < leading
            out = where(surplus, math.nan, out)[argsort(surplus)]
    return concatenate([out, asarray(np.zeros(trailing, out.aval.dtype))]) if trailing else out


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Return powers of a vector as columns: a Vandermonde matrix.

    x: [m]; N: how many powers, by default m; increasing: whether the power 0 comes first -> [m, N]
    of the same dtype. Raises ValueError for other ranks and a negative N.

    >>> jnp.vander(np.array([2, 3]), 3)
    Array([[4, 2, 1],
           [9, 3, 1]], dtype=int64)
    """
    x = as_array("vander", x)
    if x.aval.ndim != 1:
        raise ValueError(f"vander: a vector is needed, got {x.aval}")
    n = x.aval.shape[0] if N is None else concrete_int("vander", N, "N")
    if n < 0:
        raise ValueError(f"vander: N must not be negative, got {n}")
    powers = concatenate([lax.reshape(lax.integer_pow(x, k) if k else like(x, 1), (x.aval.size, 1))
                          for k in range(n)], 1) if n else broadcast_to(x[:0], (x.aval.size, 0))
    return powers if increasing else lax.rev(powers, (1,))


def polyfit(x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False,
            w: Any = None, cov: bool | str = False) -> Any:
    """Fit a polynomial to points by least squares.

    x: [m]; y: [m], or [m, k] for k polynomials; deg: a static degree; rcond: as for `linalg.lstsq`,
    by default m eps; w: [m] weights of y; full: also residuals, rank, singular values and rcond;
    cov: also the covariance of the coefficients, unscaled if "unscaled" -> [deg + 1] or [deg + 1,
    k], that of the highest power first. Raises ValueError for a negative degree, TypeError for
    points and weights that do not fit.

    >>> jnp.polyfit(np.array([0, 1, 2]), np.array([1, 3, 7]), 2).round(6)
    Array([1., 1., 1.], dtype=float64)
    """
    x, y = _points(x, y)
    order = concrete_int("polyfit", deg, "deg") + 1
    if order < 1:
        raise ValueError(f"polyfit: the degree must not be negative, got {deg}")
    if rcond is None:
        rcond = x.aval.size * float(dtypes.finfo(x.aval.dtype).eps)
    left, right = vander(x, order), y
    if w is not None:
        (w,) = promote_dtypes("polyfit", w, kind="inexact")
        w = convert(w, x.aval.dtype)
        if w.aval.shape != x.aval.shape:
            raise TypeError(f"polyfit: one weight for each point is needed, got {w.aval}")
        column = lax.reshape(w, (w.aval.size, 1))
        left, right = left * column, right * (column if y.aval.ndim == 2 else w)
    scale = lax.sqrt(sum_(left * left, 0))
    c, residuals, rank, s = lstsq(left / scale, right, rcond)
    c = c / (lax.reshape(scale, (order, 1)) if c.aval.ndim == 2 else scale)
    if full:
        return c, residuals, rank, s, asarray(rcond)
    if not cov:
        return c
    base = inv(dot((left / scale).T, left / scale)) / outer_scale(scale)
    factor = 1 if cov == "unscaled" else residuals / (x.aval.size - order)
    if y.aval.ndim == 1:
        return c, base * factor
    return c, lax.reshape(base, (order, order, 1)) * factor


def _points(x: Any, y: Any) -> list[Any]:
    x, y = promote_dtypes("polyfit", x, y, kind="inexact")
    if x.aval.ndim != 1 or not x.aval.size:
        raise TypeError(f"polyfit: x must be a non-empty vector, got {x.aval}")
    if y.aval.ndim not in (1, 2) or y.aval.shape[0] != x.aval.shape[0]:
        raise TypeError(f"polyfit: y must be a vector or matrix of as many rows, got {y.aval}")
    return [x, y]


def outer_scale(scale: Any) -> Any:
    """Products of all pairs of elements of a vector."""
    n = scale.aval.size
    return lax.reshape(scale, (n, 1)) * lax.reshape(scale, (1, n))

