"""Continuous distributions that are functions of uniform and normal numbers."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ingot import dtypes, numpy as jnp
from ingot.config import config
from ingot.control.cond import cond
from ingot.core.interpreter import typeof
from ingot.primitives.complex import complex
from ingot.primitives.convert import convert_element_type
from ingot.primitives.movement import full_like, reshape
from ingot.primitives.out_sharding import takes_out_sharding
from ingot.primitives.shape import stop_gradient
from ingot.primitives.special import erf, erf_inv
from ingot.random.arguments import (
    Shape,
    check_broadcast,
    check_casts,
    common_shape,
    drawn_in_single,
    dtype_of_kind,
    fitting_shape,
    float_dtype,
    is_half,
    one_key,
    shape_of,
)
from ingot.random.uniform import pair, rademacher, uniform_between, unit
from ingot.scipy.special_primitives import erfcx_p
from ingot.transforms.stage import known_array


def prepared(name: str, key: Any, shape: Any, dtype: Any, *parameters: Any
             ) -> tuple[Any, Shape, Any, list[Any]]:
    """Key, shape, dtype, and parameters in that dtype and shape."""
    key, dtype = one_key(name, key), float_dtype(name, dtype)
    shape = common_shape(name, shape, *parameters)
    check_casts(name, dtype, *parameters)
    return key, shape, dtype, [
        jnp.broadcast_to(convert_element_type(p, dtype), shape) for p in parameters]


# ---- normal --------------------------------------------------------------------------------------
def standard_normal(key: Any, shape: Shape, dtype: Any) -> Any:
    """Standard normal numbers: the quantile function of uniform ones."""
    if dtypes.kind(dtype) == "c":
        part = dtypes.real_of(dtype)
        halves = [standard_normal(k, shape, part) for k in pair(key)]
        return complex(*halves) / np.asarray(math.sqrt(2), dtype)
    low = np.nextafter(np.asarray(-1, dtype), np.asarray(0, dtype), dtype=dtype)
    drawn = uniform_between(key, shape, dtype, low, np.asarray(1, dtype))
    return np.asarray(math.sqrt(2), dtype) * erf_inv(drawn)


@drawn_in_single
@takes_out_sharding
def normal(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Standard normal numbers, of density exp(-x^2 / 2) / sqrt(2 pi).

    key, out_sharding: those of `uniform`. shape: a tuple of integers. dtype: floating, the default
    float if None, or complex, with E |x|^2 = 1 -> [*shape]. Raises ValueError for other dtypes.

    >>> random.normal(random.key(0), (2,), "float32")
    Array([1.622642 , 2.0252647], dtype=float32)
    """
    key = one_key("normal", key)
    dtype = dtype_of_kind("normal", dtype, "fc", float)
    return standard_normal(key, shape_of("normal", shape), dtype)


@takes_out_sharding
def truncated_normal(key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = None, *,
                     out_sharding: Any = None) -> Any:
    """Standard normal numbers conditioned to lie in (lower, upper).

    key, dtype, out_sharding: those of `uniform`. lower, upper: bounds [...], which broadcast.
    shape: by default theirs -> floating [*shape]; nan where lower > upper. Right in both tails up
    to where floats in the interval end; under the flag match_jax JAX's numbers, which are the
    bounds from some 5 (float32) or 8 (float64) on. Raises ValueError for other dtypes and shapes.

    >>> random.truncated_normal(random.key(0), 1.0, 2.0, dtype="float32")
    Array(1.8828187, dtype=float32)
    """
    key, dtype = one_key("truncated_normal", key), float_dtype("truncated_normal", dtype)
    shape = common_shape("truncated_normal", shape, lower, upper)
    lower, upper = (convert_element_type(v, dtype) for v in (lower, upper))
    work = dtypes.float32 if is_half(dtype) else dtype
    a, b = convert_element_type(lower, work), convert_element_type(upper, work)
    root = np.asarray(math.sqrt(2), work)
    at_a, at_b = erf(a / root), erf(b / root)
    floats = unit(key, shape, work)
    drawn = jnp.maximum(at_a, reshape(floats * (at_b - at_a) + at_a, shape))
    if not config.match_jax:  # 0 among the floats is a number greater than 0, rounded
        inner = np.nextafter(np.asarray(-1, work), np.asarray(0, work), dtype=work)
        drawn = jnp.maximum(drawn, inner)
    out = root * erf_inv(drawn)
    if not config.match_jax:
        out = jnp.where(a <= b, _with_tails(a, b, floats, out), full_like(out, np.nan))
    infinity = np.asarray(np.inf, dtype)
    # Rounding must not leave the open interval.
    out = jnp.clip(convert_element_type(out, dtype), jnp.nextafter(stop_gradient(lower), infinity),
                   jnp.nextafter(stop_gradient(upper), -infinity))
    return out if config.match_jax else jnp.where(lower == upper, lower, out)


FROM_TAIL = 3.0
"""The bound from which on normal numbers are drawn by their survival function."""


def _with_tails(a: Any, b: Any, floats: Any, inner: Any) -> Any:
    """`inner`, but where all of [a, b] is in one tail."""
    right, left = a >= FROM_TAIL, b <= -FROM_TAIL

    def replaced(inner: Any) -> Any:
        near, far = jnp.where(left, -b, a), jnp.where(left, -a, b)
        share = jnp.where(left, 1 - floats, floats)
        near, far = (jnp.where(right | left, x, safe) for x, safe in (
            (near, FROM_TAIL), (far, np.inf)))
        tail = _normal_tail(near, far, share, inner.shape)
        return jnp.where(left, -tail, jnp.where(right, tail, inner))

    known = known_array(right | left)
    if known is None:
        return cond((right | left).any(), replaced, lambda inner: inner, inner)
    return replaced(inner) if known.any() else inner


def _normal_tail(a: Any, b: Any, share: Any, shape: Shape) -> Any:
    """The normal number in [a, b), a > 0, below which this share of [a, b) lies.

    Newton's method for log(Q(x) / Q(a)) = log(v), where Q(x) is exp(-x**2 / 2) times a function
    that falls slowly: without that function, x would be the start, which is beyond the solution.
    The first steps are constants for derivatives, and so the last one has that of the solution.
    """
    def scaled(x: Any) -> Any:
        return erfcx_p.bind(x * np.asarray(math.sqrt(0.5), x.dtype))

    a, b = jnp.broadcast_to(a, shape), jnp.broadcast_to(b, shape)
    at_a, finite = scaled(a), jnp.where(jnp.isinf(b), a + 1, b)
    left = jnp.where(jnp.isinf(b), 0, jnp.exp(-(finite - a) * (finite + a) / 2) * scaled(finite)
                     / at_a)  # Q(b) / Q(a)
    tiny = np.asarray(dtypes.finfo(share.dtype).tiny, share.dtype)
    log_v = jnp.log(jnp.maximum(1 - share * (1 - left), tiny))
    excess = stop_gradient(-2 * log_v / (a + jnp.sqrt(a * a - 2 * log_v)))
    for last in (False, False, False, True):
        x = stop_gradient(a) + excess
        ratio = scaled(x) / at_a
        wrong = jnp.log(ratio) - (x - a) * (x + a) / 2 - log_v
        step = wrong * scaled(x) * np.asarray(math.sqrt(math.pi / 2), x.dtype)
        step = jnp.where(jnp.isfinite(step), step, 0)
        excess = excess + step if last else stop_gradient(excess + step)
    return stop_gradient(a) + excess


@drawn_in_single
@takes_out_sharding
def lognormal(key: Any, sigma: Any = 1.0, shape: Any = None, dtype: Any = None, *,
              out_sharding: Any = None) -> Any:
    """Log-normal numbers exp(sigma z) for standard normal z.

    key, dtype, out_sharding: those of `uniform`. sigma: [...] real. shape: by default that of
    sigma, which must broadcast to it -> floating [*shape]. Raises ValueError for other dtypes and
    shapes.

    >>> random.lognormal(random.key(0), 1.0, dtype="float32")
    Array(5.066458, dtype=float32)
    """
    key = one_key("lognormal", key)
    dtype = dtype_of_kind("lognormal", dtype, "fc", float)
    shape = common_shape("lognormal", shape, sigma)
    check_casts("lognormal", dtype, sigma)
    return jnp.exp(standard_normal(key, shape, dtype) * convert_element_type(sigma, dtype))


@drawn_in_single
@takes_out_sharding
def maxwell(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Maxwell numbers, the norms of standard normal vectors in three dimensions.

    key, shape, dtype, out_sharding: those of `uniform` -> floating [*shape]. Raises ValueError for
    other dtypes.

    >>> random.maxwell(random.key(0), dtype="float32")
    Array(2.6310966, dtype=float32)
    """
    key, shape, dtype, _ = prepared("maxwell", key, shape, dtype)
    drawn = standard_normal(key, (*shape, 3), dtype)
    return jnp.sqrt((drawn * drawn).sum(-1))


@drawn_in_single
def double_sided_maxwell(key: Any, loc: Any, scale: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers loc + scale s m for Maxwell numbers m and random signs s.

    key, dtype: those of `uniform`. loc, scale: numbers that broadcast. shape: a tuple of integers
    -> floating [*shape, *their common shape]. Raises ValueError for other dtypes.

    >>> random.double_sided_maxwell(random.key(0), 0.0, 1.0, dtype="float32").shape
    ()
    """
    name = "double_sided_maxwell"
    key, dtype = one_key(name, key), float_dtype(name, dtype)
    parameters = common_shape(name, None, loc, scale)
    shape = (*(shape_of(name, shape) or parameters), *parameters)
    first, second = pair(key)
    drawn = maxwell(first, shape, dtype)
    return rademacher(second, shape, dtype) * drawn * scale + loc


@drawn_in_single
@takes_out_sharding
def wald(key: Any, mean: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
         ) -> Any:
    """Wald (inverse Gaussian) numbers of scale 1.

    Their density is sqrt(1 / (2 pi x^3)) exp(-(x - mean)^2 / (2 mean^2 x)). key, dtype,
    out_sharding: those of `uniform`. mean: [...] real, above 0; nan else. shape: by default that of
    mean, which must broadcast to it -> floating [*shape]. Raises ValueError for other dtypes and
    shapes.

    >>> random.wald(random.key(0), 1.0, dtype="float32")
    Array(0.38059747, dtype=float32)
    """
    key, shape, dtype, (mean,) = prepared("wald", key, shape, dtype, mean)
    first, second = pair(key)
    square = standard_normal(first, shape, dtype) ** 2
    root = jnp.sqrt(4 * mean * square + mean**2 * square**2)
    small = mean + mean**2 * square / 2 - mean / 2 * root
    drawn = unit(second, shape, dtype)
    return jnp.where(drawn <= mean / (mean + small), small, mean**2 / small)


# ---- of one uniform number -----------------------------------------------------------------------
@drawn_in_single
@takes_out_sharding
def exponential(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Exponential numbers of mean 1, of density exp(-x).

    key, shape, dtype, out_sharding: those of `uniform` -> floating [*shape]. Raises ValueError for
    other dtypes.

    >>> random.exponential(random.key(0), dtype="float32")
    Array(2.950128, dtype=float32)
    """
    key, shape, dtype, _ = prepared("exponential", key, shape, dtype)
    return -jnp.log1p(-unit(key, shape, dtype))


@drawn_in_single
@takes_out_sharding
def pareto(key: Any, b: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
           ) -> Any:
    """Pareto numbers, of density b / x^(b + 1) for x >= 1.

    key, dtype, out_sharding: those of `uniform`. b: [...] real, above 0. shape: by default that of
    b, which must broadcast to it -> floating [*shape]. Raises ValueError for other dtypes and
    shapes.

    >>> random.pareto(random.key(0), 2.0, dtype="float32")
    Array(4.3713155, dtype=float32)
    """
    key, shape, dtype, (b,) = prepared("pareto", key, shape, dtype, b)
    return jnp.exp(exponential(key, shape, dtype) / b)


@drawn_in_single
@takes_out_sharding
def laplace(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Laplace numbers, of density exp(-|x|) / 2.

    key, shape, dtype, out_sharding: those of `uniform` -> floating [*shape]. Raises ValueError for
    other dtypes.

    >>> random.laplace(random.key(0), dtype="float32")
    Array(-2.2569816, dtype=float32)
    """
    key, shape, dtype, _ = prepared("laplace", key, shape, dtype)
    low = np.asarray(-1 + np.asarray(dtypes.finfo(dtype).epsneg, dtype), dtype)
    drawn = uniform_between(key, shape, dtype, low, 1.0)
    return jnp.sign(drawn) * jnp.log1p(-jnp.abs(drawn))


@drawn_in_single
@takes_out_sharding
def logistic(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Logistic numbers, of density exp(-x) / (1 + exp(-x))^2.

    key, shape, dtype, out_sharding: those of `uniform` -> floating [*shape]. Raises ValueError for
    other dtypes.

    >>> random.logistic(random.key(0), dtype="float32")
    Array(2.896376, dtype=float32)
    """
    key, shape, dtype, _ = prepared("logistic", key, shape, dtype)
    drawn = uniform_between(key, shape, dtype, np.asarray(dtypes.finfo(dtype).tiny, dtype), 1.0)
    return jnp.log(drawn) - jnp.log1p(-drawn)


@drawn_in_single
@takes_out_sharding
def cauchy(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Cauchy numbers, of density 1 / (pi (1 + x^2)).

    key, shape, dtype, out_sharding: those of `uniform` -> floating [*shape]. Raises ValueError for
    other dtypes.

    >>> random.cauchy(random.key(0), dtype="float32")
    Array(6.0274944, dtype=float32)
    """
    key, shape, dtype, _ = prepared("cauchy", key, shape, dtype)
    drawn = uniform_between(key, shape, dtype, np.asarray(dtypes.finfo(dtype).eps, dtype), 1.0)
    return jnp.tan(np.asarray(np.pi, dtype) * (drawn - np.asarray(0.5, dtype)))


@drawn_in_single
@takes_out_sharding
def rayleigh(key: Any, scale: Any, shape: Any = None, dtype: Any = None, *,
             out_sharding: Any = None) -> Any:
    """Rayleigh numbers, of density x / scale^2 exp(-x^2 / (2 scale^2)).

    key, dtype, out_sharding: those of `uniform`. scale: [...] real. shape: by default that of
    scale, which must broadcast to it -> floating [*shape]. Raises ValueError for other dtypes and
    shapes.

    >>> random.rayleigh(random.key(0), 1.0, dtype="float32")
    Array(0.32787833, dtype=float32)
    """
    key, shape, dtype, (scale,) = prepared("rayleigh", key, shape, dtype, scale)
    return scale * jnp.sqrt(-2 * jnp.log(unit(key, shape, dtype)))


@drawn_in_single
def weibull_min(key: Any, scale: Any, concentration: Any, shape: Any = (), dtype: Any = None
                ) -> Any:
    """Weibull numbers, of density c / s (x / s)^(c - 1) exp(-(x / s)^c).

    key, dtype: those of `uniform`. scale s, concentration c: [...] real, above 0. shape: a tuple of
    integers -> floating, of `shape` broadcast with both. Raises ValueError for other dtypes and
    shapes.

    >>> random.weibull_min(random.key(0), 1.0, 2.0, dtype="float32")
    Array(1.7175937, dtype=float32)
    """
    key, shape, dtype, _ = prepared("weibull_min", key, shape, dtype)
    check_broadcast("weibull_min", shape, scale, concentration)
    drawn = -jnp.log1p(-unit(key, shape, dtype))
    return jnp.power(drawn, 1.0 / concentration) * scale


@drawn_in_single
@takes_out_sharding
def triangular(key: Any, left: Any, mode: Any, right: Any, shape: Any = None, dtype: Any = None, *,
               out_sharding: Any = None) -> Any:
    """Numbers in [left, right] whose density rises linearly to `mode` and then falls.

    key, dtype, out_sharding: those of `uniform`. left, mode, right: real, in this order, which
    broadcast. shape: by default their common shape, which must broadcast to it -> floating
    [*shape]. Raises ValueError for other dtypes and shapes.

    >>> random.triangular(random.key(0), 0.0, 1.0, 2.0, dtype="float32")
    Array(1.6764787, dtype=float32)
    """
    key, shape, dtype, (left, mode, right) = prepared(
        "triangular", key, shape, dtype, left, mode, right)
    drawn = unit(key, shape, dtype)
    rising = left + jnp.sqrt(drawn * (right - left) * (mode - left))
    falling = right - jnp.sqrt((1 - drawn) * (right - left) * (right - mode))
    return jnp.where(drawn < (mode - left) / (right - left), rising, falling)


# ---- vectors and matrices ------------------------------------------------------------------------
@drawn_in_single
@takes_out_sharding
def multivariate_normal(key: Any, mean: Any, cov: Any, shape: Any = None, dtype: Any = None,
                        method: str = "cholesky", *, out_sharding: Any = None) -> Any:
    """Normal vectors with a mean and a covariance matrix.

    key, dtype, out_sharding: those of `uniform`. mean: [..., n]. cov: [..., n, n]. shape: of the
    vectors, by default their common leading axes. method: the factorization, 'cholesky', 'eigh' or
    'svd' -> floating [*shape, n]; nan for a covariance without Cholesky factor. Raises ValueError
    for other methods and shapes that do not fit.

    >>> random.multivariate_normal(random.key(0), np.zeros(2), np.eye(2)).shape
    (2,)
    """
    name = "multivariate_normal"
    key = one_key(name, key)
    if method not in ("svd", "eigh", "cholesky"):
        raise ValueError(f"{name}: method must be 'cholesky', 'eigh' or 'svd', got {method!r}")
    both = dtypes.to_inexact_dtype(dtypes.result_type(mean, cov))
    mean, cov = (convert_element_type(v, both) for v in (mean, cov))
    dtype = dtype_of_kind(name, dtype, "f", both)
    if mean.ndim < 1 or cov.shape[-2:] != (mean.shape[-1],) * 2 or cov.ndim < 2:
        raise ValueError(f"{name}: mean must be [..., n] and cov [..., n, n], got {typeof(mean)}"
                         f" and {typeof(cov)}")
    shape = fitting_shape(name, shape, mean.shape[:-1], cov.shape[:-2])
    if method == "cholesky":
        factor = jnp.linalg.cholesky(cov)
    elif method == "eigh":
        values, vectors = jnp.linalg.eigh(cov)
        factor = vectors * jnp.sqrt(values[..., None, :])
    else:
        vectors, values, _ = jnp.linalg.svd(cov)
        factor = vectors * jnp.sqrt(values[..., None, :])
    drawn = standard_normal(key, (*shape, mean.shape[-1]), dtype)
    return mean + jnp.einsum("...ij,...j->...i", factor, drawn)


@drawn_in_single
@takes_out_sharding
def orthogonal(key: Any, n: int, shape: Any = (), dtype: Any = None, m: int | None = None, *,
               out_sharding: Any = None) -> Any:
    """Uniformly random orthogonal (for complex dtypes unitary) matrices.

    key, out_sharding: those of `uniform`. n, m: numbers of rows and columns, Python integers, m = n
    by default. shape: a tuple of integers. dtype: floating or complex -> [*shape, n, m], with
    orthonormal columns (rows if n < m). Raises ValueError for other dtypes and negative sizes.

    >>> q = random.orthogonal(random.key(0), 2)
    >>> bool(abs(q.T @ q - np.eye(2)).max() < 1e-15)
    True
    """
    key, shape = one_key("orthogonal", key), shape_of("orthogonal", shape)
    dtype = dtype_of_kind("orthogonal", dtype, "fc", float)
    n = operator.index(n)
    m = n if m is None else operator.index(m)
    shape_of("orthogonal", (n, m))
    q, r = jnp.linalg.qr(standard_normal(key, (*shape, max(n, m), min(n, m)), dtype))
    out = q * jnp.sign(jnp.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    return jnp.swapaxes(out, -1, -2) if n < m else out
