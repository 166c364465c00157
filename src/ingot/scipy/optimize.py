"""Minimization of smooth functions by BFGS, with a full matrix or a limited memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ingot import dtypes
from ingot.api.grad import value_and_grad
from ingot.calls import called
from ingot.control.while_loop import while_loop
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.creation import eye
from ingot.numpy.linalg import norm
from ingot.numpy.logic import where
from ingot.numpy.products import dot
from ingot.numpy.promotion import as_array, convert
from ingot.scipy.lbfgs import minimize_lbfgs
from ingot.scipy.line_search import OptimizeResults, line_search


class _State(NamedTuple):
    converged: Any
    failed: Any
    k: Any
    nfev: Any
    x: Any
    f: Any
    g: Any
    H: Any
    before: Any


def minimize_bfgs(fun: Callable[[Any], Any], x0: Any, maxiter: int | None = None,
                  norm_ord: float = math.inf, gtol: float = 1e-5, line_search_maxiter: int = 10
                  ) -> OptimizeResults:
    """Minimize a function of a vector by BFGS until the norm of its gradient is below gtol."""
    n = x0.aval.size
    limit = n * 200 if maxiter is None else maxiter
    differentiated = value_and_grad(fun)
    f, g = differentiated(x0)
    identity = eye(n, dtype=x0.aval.dtype)
    start = _State(norm(g, norm_ord) < gtol, lax.ne(f, f), convert(0, dtypes.int32),
                   convert(1, dtypes.int32), x0, f, g, identity, f + norm(g) / 2)

    def body(s: _State) -> _State:
        p = -dot(s.H, s.g)
        step, f, g, calls, found = line_search(differentiated, s.x, p, s.f, s.g, s.before,
                                               maxiter=2 * line_search_maxiter)
        move, change = step * p, g - s.g
        curvature = dot(change, move)
        usable = curvature > 0
        rho = where(usable, 1 / where(usable, curvature, 1), 0)
        left = identity - rho * move[:, None] * change[None, :]
        # Beside a second derivative larger than 1 / eps, what the first step teaches would be lost
        # to rounding: there the first guess gets its size.
        size = dot(change, change)
        scale = curvature / where(size > 0, size, 1)
        lost = (s.k == 0) & usable & (scale < float(dtypes.finfo(scale.dtype).eps))
        guess = where(lost, scale, 1) * s.H
        H = dot(dot(left, guess), left.T) + rho * move[:, None] * move[None, :]
        H = where(usable & lax.is_finite(rho), H, s.H)
        return _State(
            norm(g, norm_ord) < gtol, ~found, s.k + 1, s.nfev + calls, s.x + move, f, g, H, s.f)

    s = while_loop(lambda s: ~s.converged & ~s.failed & (s.k < limit), body, start)
    status = where(s.converged, 0, where(s.failed, 3, 1))
    return OptimizeResults(s.x, s.converged, status, s.f, s.g, s.H, s.nfev, s.nfev, s.k)


_OPTIONS = {"bfgs": {"maxiter", "norm_ord", "gtol", "line_search_maxiter"},
            "l-bfgs-experimental-do-not-rely-on-this": {
                "maxiter", "norm_ord", "gtol", "ftol", "maxcor", "maxfun", "maxgrad", "maxls"}}


def minimize(fun: Callable[..., Any], x0: Any, args: tuple[Any, ...] = (), *, method: str,
             tol: float | None = None, options: Mapping[str, Any] | None = None) -> OptimizeResults:
    """Minimize a scalar function of a vector, by derivatives; it works under jit and vmap.

    fun: fun(x, *args) -> a real scalar. x0: [n] floating, for L-BFGS complex as well. args: passed
    on. method: 'BFGS', with options maxiter, norm (order), gtol, line_search_maxiter; or
    'l-bfgs-experimental-do-not-rely-on-this', with maxiter, norm, gtol, ftol, maxcor, maxfun,
    maxgrad, maxls. tol: in place of gtol. options: these, by name. -> an OptimizeResults. Raises
    ValueError for another method, TypeError for other options.

    >>> found = optimize.minimize(lambda x: ((x - 1) ** 2).sum(), np.zeros(2), method="BFGS")
    >>> found.x.round(6)
    Array([1., 1.], dtype=float64)
    """
    if not isinstance(args, tuple):
        raise TypeError(f"minimize: args must be a tuple, got {type(args).__name__}")
    name = method.lower()
    if name not in _OPTIONS:
        raise ValueError(f"minimize: the method must be one of {sorted(_OPTIONS)}, got {method!r};"
                         " scipy.optimize.minimize has others, and takes functions of ingot")
    x0 = as_array("minimize", x0)
    kinds = dtypes.FLOAT if name == "bfgs" else (*dtypes.FLOAT, *dtypes.COMPLEX)
    if x0.aval.ndim != 1 or x0.aval.dtype not in kinds:
        raise TypeError(f"minimize: x0 must be a vector of floats, got {x0.aval}")
    given = dict(options or {})
    if tol is not None:
        given.setdefault("gtol", tol)
    if "norm" in given:
        given["norm_ord"] = given.pop("norm")
    unknown = set(given) - _OPTIONS[name]
    if unknown:
        raise TypeError(f"minimize: unknown options {', '.join(sorted(unknown))}")
    chosen = minimize_bfgs if name == "bfgs" else minimize_lbfgs
    return chosen(lambda x: called("minimize", fun, (x, *args), given="(x, *args)"),
                  convert(x0, x0.aval.dtype), **given)


__all__ = ["OptimizeResults", "minimize"]

_hide_frames_of(__name__)
