"""Gamma numbers by rejection, and the distributions made of them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ingot import dtypes, numpy as jnp
from ingot.config import config
from ingot.control.mapping import map as map_entries
from ingot.control.while_loop import while_loop
from ingot.core.array import Array, to_host
from ingot.core.avals import ShapedArray
from ingot.core.backend import compile_jaxpr
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import NOT_LINEAR, Primitive
from ingot.primitives.convert import convert_element_type
from ingot.primitives.movement import all_to_front, reshape
from ingot.primitives.out_sharding import takes_out_sharding
from ingot.primitives.random_keys import random_fold_in, random_split
from ingot.primitives.shape import stop_gradient
from ingot.primitives.special import random_gamma_grad
from ingot.random.arguments import (
    Shape,
    common_shape,
    drawn_in_single,
    fitting_shape,
    float_dtype,
    one_key,
    shape_of,
)
from ingot.random.continuous import exponential, prepared, standard_normal
from ingot.random.uniform import counts, pair, rademacher, unit
from ingot.transforms.stage import stage
from ingot.util import memoize, size_of


# ---- random_gamma --------------------------------------------------------------------------------
def _one(key: Any, alpha: Any, log_space: bool) -> Any:
    """One gamma number (Marsaglia and Tsang 2000): d v with v = (1 + c x)**3 for normal x, accepted
    with a probability that corrects its density. For alpha < 1: that of alpha + 1, scaled."""
    dtype = alpha.dtype

    def const(value: float) -> Any:
        return np.asarray(value, dtype)

    large = alpha >= const(1)
    d = jnp.where(large, alpha, alpha + const(1)) - const(1 / 3)
    c = const(1 / 3) / jnp.sqrt(d)

    def rejected(state: Any) -> Any:
        _, _, x, root, drawn = state
        square, v = x * x, root * root * root
        return (root <= const(0)) | (
            (drawn >= const(1) - const(0.0331) * (square * square)) & (
                jnp.log(drawn) >= square * const(0.5) + d * (const(1) - v + jnp.log(v))))

    def propose(state: Any) -> Any:
        key, walk, _, root, drawn = state
        again = root <= const(0)  # another normal number, for the same uniform one
        key, walk, for_uniform = _next_keys(key, walk, again)
        x = standard_normal(pair(walk)[1], (), dtype)
        drawn = jnp.where(again, drawn, unit(for_uniform, (), dtype))
        return key, walk, x, const(1) + x * c, drawn

    first, subkey = pair(key)
    start = key if counts(key) else first
    *_, root, _ = while_loop(rejected, propose, (start, start, const(0), const(1), const(2)))
    v = root * root * root
    if log_space:
        drawn = -exponential(subkey, (), dtype)
        boost = jnp.where(large | (drawn == const(0)), const(0), drawn * (const(1) / alpha))
        return jnp.log(d) + jnp.log(v) + boost
    drawn = const(1) - unit(subkey, (), dtype)
    return d * v * jnp.where(large, const(1), jnp.power(drawn, const(1) / alpha))


def _next_keys(key: Any, walk: Any, again: Any) -> tuple[Any, Any, Any]:
    """The keys of a proposal: of its successors, of its normal numbers, of its uniform number.

    Of `key`, which is split into these three, or where `again` holds, all but the second as they
    are. Where keys count, the first of any split is the same: that step is delayed to here.
    """
    if counts(key):
        key = jnp.where(again, key, random_fold_in(key, np.uint32(0)))
        which = jnp.where(again, np.uint32(0), np.uint32(1))
        return key, random_fold_in(jnp.where(again, walk, key), which), random_fold_in(
            key, np.uint32(2))
    following, first, for_uniform = pair(key, 3)
    return (jnp.where(again, key, following), jnp.where(again, pair(walk)[0], first), for_uniform)


def _gamma_type(keys: ShapedArray, alpha: ShapedArray, *, log_space: bool, impl: Any
                ) -> ShapedArray:
    if dtypes.kind(alpha.dtype) != "f":
        raise TypeError(f"random_gamma: alpha must be of floating dtype, got {alpha}")
    if alpha.shape[: keys.ndim] != keys.shape:
        raise TypeError(f"random_gamma: keys must be for the leading axes of alpha, got {keys} and"
                        f" {alpha}")
    return alpha


def _program(keys: Shape, alpha: ShapedArray, log_space: bool, impl: Any) -> Jaxpr:
    """A loop over all elements; each key is split for the elements it is for. Types in it say
    nothing of a mesh: the keys' would say something else than alpha's."""
    return _stage(ShapedArray(keys, impl), alpha.unplaced(), log_space, config.trace_key())


@memoize()
def _stage(keys: ShapedArray, alpha: ShapedArray, log_space: bool, flags: Any) -> Jaxpr:
    size, each = alpha.size, size_of(alpha.shape[keys.ndim :])

    def fun(keys: Any, alpha: Any) -> list[Any]:
        flat = reshape(random_split(keys, (each,)), (size,))
        entries = flat, reshape(alpha, (size,))
        out = map_entries(lambda xs: _one(*xs, log_space=log_space), entries)
        return [reshape(out, typeof(alpha).shape)]

    return stage(fun, [keys, alpha], "random_gamma")


def _gamma_eval(keys: np.ndarray, alpha: np.ndarray, **params: Any) -> np.ndarray:
    program = _program(keys.shape, ShapedArray(alpha.shape, alpha.dtype), **params)
    args = [Array(x, v.aval) for x, v in zip((keys, alpha), program.invars, strict=True)]
    return to_host(compile_jaxpr(program).run(args)[0])


def _gamma_kernel(build: Any, keys: Any, alpha: Any, *, out: ShapedArray, **params: Any) -> Any:
    return build.inline(_program(keys.shape, out.strip_weak_type(), **params), [keys, alpha])[0]


def _gamma_partial(t: Any, out: Any, keys: Any, alpha: Any, *, log_space: bool, impl: Any) -> Any:
    if not log_space:
        return t * random_gamma_grad(alpha, out)
    sample = jnp.exp(out)
    tiny = np.asarray(dtypes.finfo(sample.dtype).tiny, sample.dtype)
    sample = jnp.where(sample == 0, tiny, sample)
    return t * (random_gamma_grad(alpha, sample) / sample)


def _gamma_batch(args: Any, dims: Any, **params: Any) -> Any:
    return random_gamma_p.bind(*all_to_front(args, dims), **params), 0


random_gamma_p = Primitive(
    "random_gamma", type=_gamma_type, eval=_gamma_eval, jvp=[None, _gamma_partial],
    transpose=NOT_LINEAR, batch=_gamma_batch, kernel=_gamma_kernel)


def _gamma(name: str, key: Any, a: Any, shape: Any, dtype: Any, log_space: bool) -> Any:
    key, dtype = one_key(name, key), float_dtype(name, dtype)
    shape = common_shape(name, shape, a)
    alpha = jnp.broadcast_to(convert_element_type(a, dtype), shape)
    if size_of(shape) == 0:
        return alpha
    return random_gamma_p.bind(key, alpha, log_space=log_space, impl=typeof(key).dtype)


@drawn_in_single
@takes_out_sharding
def gamma(key: Any, a: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
          ) -> Any:
    """Gamma numbers of shape parameter a, of density x^(a - 1) exp(-x) / Gamma(a).

    key, dtype, out_sharding: those of `uniform`. a: [...] real, above 0. shape: by default that of
    a, which must broadcast to it -> floating [*shape], by rejection (Marsaglia and Tsang, 2000).
    Differentiable with respect to a, by the implicit derivative at a fixed quantile. For small a,
    use `loggamma`. Raises ValueError for other dtypes and shapes.

    >>> random.gamma(random.key(0), 2.0, dtype="float32").shape
    ()
    """
    return _gamma("gamma", key, a, shape, dtype, False)


@drawn_in_single
@takes_out_sharding
def loggamma(key: Any, a: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
             ) -> Any:
    """Logarithms of gamma numbers, exact where gamma numbers underflow.

    key, a, shape, dtype, out_sharding: those of `gamma` -> floating [*shape]; -inf where a is 0.
    Raises ValueError for other dtypes and shapes.

    >>> bool(random.loggamma(random.key(0), 1e-5) < -745)  # log of the smallest float
    True
    """
    return _gamma("loggamma", key, a, shape, dtype, True)


# ---- made of gamma numbers -----------------------------------------------------------------------
@drawn_in_single
@takes_out_sharding
def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: Any = None, *,
         out_sharding: Any = None) -> Any:
    """Beta numbers, of density proportional to x^(a - 1) (1 - x)^(b - 1) on [0, 1].

    key, dtype, out_sharding: those of `uniform`. a, b: real, above 0, which broadcast. shape: by
    default their common shape, which must broadcast to it -> floating [*shape]. Raises ValueError
    for other dtypes and shapes.

    >>> random.beta(random.key(0), 2.0, 3.0, (4,)).shape
    (4,)
    """
    key, shape, dtype, (a, b) = prepared("beta", key, shape, dtype, a, b)
    first, second = pair(key)
    x, y = loggamma(first, a, shape, dtype), loggamma(second, b, shape, dtype)
    largest = jnp.maximum(x, y)
    x, y = jnp.exp(x - largest), jnp.exp(y - largest)
    return x / (x + y)


@drawn_in_single
@takes_out_sharding
def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: Any = None, *,
              out_sharding: Any = None) -> Any:
    """Vectors of positive numbers that sum to 1, of density proportional to prod x^(alpha - 1).

    key, dtype, out_sharding: those of `uniform`. alpha: [..., n] real, above 0. shape: of the
    vectors, by default that of alpha without its last axis -> floating [*shape, n]. Raises
    ValueError for scalars, other dtypes and shapes.

    >>> random.dirichlet(random.key(0), np.ones(3)).sum().round(6)
    Array(1., dtype=float64)
    """
    key, dtype = one_key("dirichlet", key), float_dtype("dirichlet", dtype)
    if np.ndim(alpha) < 1:
        raise ValueError(f"dirichlet: alpha must have rank 1 or more, got {typeof(alpha)}")
    shape = fitting_shape("dirichlet", shape, np.shape(alpha)[:-1])
    x = loggamma(key, alpha, (*shape, np.shape(alpha)[-1]), dtype)
    x = jnp.exp(x - stop_gradient(x.max(-1, keepdims=True)))
    return x / x.sum(-1, keepdims=True)


@drawn_in_single
@takes_out_sharding
def chisquare(key: Any, df: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
              ) -> Any:
    """Chi-square numbers, sums of squares of df standard normal ones.

    key, dtype, out_sharding: those of `uniform`. df: degrees of freedom, real, above 0. shape: by
    default that of df, which must broadcast to it -> floating [*shape]. Raises ValueError for other
    dtypes and shapes.

    >>> random.chisquare(random.key(0), 3.0, (4,)).shape
    (4,)
    """
    key, shape, dtype, (df,) = prepared("chisquare", key, shape, dtype, df)
    return jnp.exp(loggamma(key, df / 2, shape, dtype)) * 2


@drawn_in_single
@takes_out_sharding
def f(key: Any, dfnum: Any, dfden: Any, shape: Any = None, dtype: Any = None, *,
      out_sharding: Any = None) -> Any:
    """F numbers: quotients of chi-square numbers, each divided by its degrees of freedom.

    key, dtype, out_sharding: those of `uniform`. dfnum, dfden: degrees of freedom of numerator and
    denominator, real, above 0. shape: by default their common shape -> floating [*shape]. Raises
    ValueError for other dtypes and shapes.

    >>> random.f(random.key(0), 3.0, 4.0, (4,)).shape
    (4,)
    """
    key, shape, dtype, (dfnum, dfden) = prepared("f", key, shape, dtype, dfnum, dfden)
    below, above = pair(key)
    numerator = chisquare(above, dfnum, shape, dtype) / dfnum
    return numerator / (chisquare(below, dfden, shape, dtype) / dfden)


@drawn_in_single
@takes_out_sharding
def t(key: Any, df: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Student-t numbers: normal numbers divided by root mean squares of df other ones.

    key, dtype, out_sharding: those of `uniform`. df: degrees of freedom, real, above 0; nan else.
    shape: by default that of df, which must broadcast to it -> floating [*shape]. Raises ValueError
    for other dtypes and shapes.

    >>> random.t(random.key(0), 3.0, (4,)).shape
    (4,)
    """
    key, shape, dtype, (df,) = prepared("t", key, shape, dtype, df)
    first, second = pair(key)
    half = df / 2
    return standard_normal(first, shape, dtype) * jnp.sqrt(
        half / gamma(second, half, shape, dtype))


@drawn_in_single
@takes_out_sharding
def generalized_normal(key: Any, p: Any, shape: Any = (), dtype: Any = None, *,
                       out_sharding: Any = None) -> Any:
    """Generalized normal numbers, of density proportional to exp(-|x|^p).

    key, shape, dtype, out_sharding: those of `uniform`. p: real, above 0, which broadcasts to the
    shape -> floating [*shape]. Raises ValueError for other dtypes and shapes.

    >>> random.generalized_normal(random.key(0), 3.0, (4,)).shape
    (4,)
    """
    return _generalized_normal("generalized_normal", key, p, shape, dtype)


def _generalized_normal(name: str, key: Any, p: Any, shape: Any, dtype: Any) -> Any:
    key, dtype = one_key(name, key), float_dtype(name, dtype)
    shape = common_shape(name, shape_of(name, shape), p)
    first, second = pair(key)
    size = gamma(first, 1 / p, shape, dtype)
    return rademacher(second, shape, dtype) * size ** (1 / p)


@drawn_in_single
@takes_out_sharding
def ball(key: Any, d: int, p: Any = 2, shape: Any = (), dtype: Any = None, *,
         out_sharding: Any = None) -> Any:
    """Uniformly random points of the unit ball of the p-norm in d dimensions.

    key, dtype, out_sharding: those of `uniform`. d: a Python integer. p: real, above 0. shape: a
    tuple of integers -> floating [*shape, d]. Raises ValueError for other dtypes and several p.

    >>> bool((np.linalg.norm(random.ball(random.key(0), 3, shape=(4,)), axis=-1) <= 1).all())
    True
    """
    key, shape, dtype = one_key("ball", key), shape_of("ball", shape), float_dtype("ball", dtype)
    if np.ndim(p):
        raise ValueError(f"ball: p must be one number, got {typeof(p)}; map over several with vmap")
    first, second = pair(key)
    x = _generalized_normal("ball", first, p, (*shape, operator.index(d)), dtype)
    size = (jnp.abs(x) ** p).sum(-1) + exponential(second, shape, dtype)
    return x / (size ** (1 / p))[..., None]
