"""A line search for the strong Wolfe conditions, and what minimizers return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ingot import dtypes
from ingot.control.while_loop import while_loop
from ingot.numpy import primitives as lax
from ingot.numpy.families import like
from ingot.numpy.logic import where
from ingot.numpy.products import dot
from ingot.numpy.promotion import convert


class OptimizeResults(NamedTuple):
    """What `minimize` found.

    x: the minimizer. success: whether it converged. status: 0 converged, 1 maxiter reached, 3 line
    search failed. fun, jac: value and gradient there. hess_inv: the inverse of the Hessian,
    estimated, or None. nfev, njev, nit: numbers of evaluations and iterations.

    >>> found = optimize.minimize(lambda x: ((x - 1) ** 2).sum(), np.zeros(2), method="BFGS")
    >>> found.success, found.status
    (Array(True, dtype=bool), Array(0, dtype=int64, weak_type=True))
    """

    x: Any
    success: Any
    status: Any
    fun: Any
    jac: Any
    hess_inv: Any
    nfev: Any
    njev: Any
    nit: Any


class _Search(NamedTuple):
    """State of a line search: a bracket [lo, hi] with values and slopes, and the trial found."""

    i: Any
    zooming: Any
    done: Any
    step: Any
    a_lo: Any
    f_lo: Any
    d_lo: Any
    a_hi: Any
    f_hi: Any
    d_hi: Any
    best: Any
    f_best: Any
    g_best: Any


def _interpolate(s: _Search) -> Any:
    """The minimum of the cubic through both ends of the bracket, or its middle."""
    width = s.a_hi - s.a_lo
    d1 = s.d_lo + s.d_hi - 3 * (s.f_lo - s.f_hi) / where(width == 0, 1, -width)
    root = d1 * d1 - s.d_lo * s.d_hi
    d2 = lax.sign(width) * lax.sqrt(where(root > 0, root, 0))
    below = s.d_hi - s.d_lo + 2 * d2
    trial = s.a_hi - width * (s.d_hi + d2 - d1) / where(below == 0, 1, below)
    low, high = lax.min(s.a_lo, s.a_hi), lax.max(s.a_lo, s.a_hi)
    margin = 0.1 * (high - low)
    good = (root > 0) & (below != 0) & (trial > low + margin) & (trial < high - margin)
    return where(good, trial, 0.5 * (s.a_lo + s.a_hi))


def line_search(fun: Callable[[Any], Any], x: Any, p: Any, f0: Any, g0: Any, before: Any,
                c1: float = 1e-4, c2: float = 0.9, maxiter: int = 20) -> tuple[Any, ...]:
    """A step along p that satisfies the strong Wolfe conditions (Nocedal and Wright, 2006, ch. 3).

    fun: x -> (value, gradient); before: the value one step ago, from which the first trial follows.
    -> (step, value, gradient, evaluations, whether it was found).
    """
    d0 = dot(g0, p)
    trial = 2.02 * (f0 - before) / where(d0 == 0, 1, d0)
    trial = where((trial > 0) & (trial < 1), trial, like(f0, 1))

    def body(s: _Search) -> _Search:
        a = where(s.zooming, _interpolate(s), s.step)
        f, g = fun(x + a * p)
        d = dot(g, p)
        too_high = (f > f0 + c1 * a * d0) | ((f >= s.f_lo) & (s.zooming | (s.i > 0))) | (f != f)
        wolfe = ~too_high & (lax.abs(d) <= -c2 * d0)
        uphill = where(s.zooming, d * (s.a_hi - s.a_lo) >= 0, d >= 0)
        # Too high: the trial is the new far end. Else it is the near end, and the far end is the
        # old near end if the slope changed its sign.
        flip = ~too_high & uphill
        keep_hi = ~too_high & ~uphill
        choose = [where(too_high, n, where(flip, lo, hi)) for n, lo, hi in (
            (a, s.a_lo, s.a_hi), (f, s.f_lo, s.f_hi), (d, s.d_lo, s.d_hi))]
        lo = [where(too_high, old, n) for old, n in ((s.a_lo, a), (s.f_lo, f), (s.d_lo, d))]
        better = wolfe | (~too_high & (f < s.f_best))
        far = s.zooming | ~keep_hi
        return _Search(
            s.i + 1, s.zooming | too_high | (flip & ~wolfe), wolfe, where(far, s.step, 2 * s.step),
            *lo, *choose, best=where(better, a, s.best), f_best=where(better, f, s.f_best),
            g_best=where(better, g, s.g_best))

    zero, no = like(f0, 0), lax.ne(f0, f0) & False
    start = _Search(convert(0, dtypes.int32), no, no, trial, zero, f0, d0, zero, f0, d0, zero,
                    f0, g0)
    out = while_loop(lambda s: (s.i < maxiter) & ~s.done, body, start)
    return out.best, out.f_best, out.g_best, out.i, out.done | (out.f_best < f0)
