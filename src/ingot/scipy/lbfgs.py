"""Minimization with a limited memory of past steps (L-BFGS)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import ingot.numpy as jnp
from ingot import dtypes
from ingot.api.grad import value_and_grad
from ingot.control.scan import scan
from ingot.control.while_loop import while_loop
from ingot.numpy.families import kind_of
from ingot.scipy.line_search import OptimizeResults, line_search


class _State(NamedTuple):
    """Steps and changes of the gradient, newest last; rho is 0 where there is none yet."""

    status: Any  # -1: going on
    k: Any
    nfev: Any
    x: Any
    f: Any
    g: Any
    before: Any
    steps: Any
    changes: Any
    rho: Any
    scale: Any


def _direction(s: _State) -> Any:
    """Minus the inverse Hessian times the gradient (Nocedal and Wright, 2006, algorithm 7.4)."""
    def down(q: Any, past: Any) -> Any:
        step, change, rho = past
        alpha = rho * jnp.dot(step, q)
        return q - alpha * change, alpha

    q, alphas = scan(down, s.g, (s.steps, s.changes, s.rho), reverse=True)

    def up(r: Any, past: Any) -> Any:
        step, change, rho, alpha = past
        return r + (alpha - rho * jnp.dot(change, r)) * step, None

    r, _ = scan(up, s.scale * q, (s.steps, s.changes, s.rho, alphas))
    return -r


def _advance(s: _State, move: Any, f: Any, g: Any) -> _State:
    """The state after a step to where the function has this value and gradient; its pair of
    changes becomes the last one of the history."""
    change = g - s.g
    curvature, size = jnp.dot(change, move), jnp.dot(change, change)
    usable = curvature > 0
    rho = jnp.where(usable, 1 / jnp.where(usable, curvature, 1), 0)
    scale = jnp.where(usable, curvature / jnp.where(size > 0, size, 1), s.scale)

    def appended(old: Any, new: Any) -> Any:
        return jnp.concatenate([old[1:], new[None]])

    return s._replace(x=s.x + move, f=f, g=g, before=s.f, steps=appended(s.steps, move),
                      changes=appended(s.changes, change), rho=appended(s.rho, rho), scale=scale)


def minimize_lbfgs(fun: Callable[[Any], Any], x0: Any, maxiter: int | None = None,
                   norm_ord: float = math.inf, maxcor: int = 10, ftol: float = 1e7 * 2.0**-52,
                   gtol: float = 1e-5, maxfun: float | None = None, maxgrad: float | None = None,
                   maxls: int = 20) -> OptimizeResults:
    """Minimize a function of a real or complex vector.

    status: 0 the gradient is below gtol, 1 maxiter, 2 maxfun, 3 maxgrad, 4 no gain of more than
    ftol, 5 the line search failed.
    """
    if kind_of(x0) == "c":
        return _complex(fun, x0, maxiter=maxiter, norm_ord=norm_ord, maxcor=maxcor, ftol=ftol,
                        gtol=gtol, maxfun=maxfun, maxgrad=maxgrad, maxls=maxls)
    n = x0.shape[0]
    limit = n * 200 if maxiter is None else maxiter
    calls = math.inf if maxfun is None else maxfun
    gradients = math.inf if maxgrad is None else maxgrad
    differentiated = value_and_grad(fun)
    f, g = differentiated(x0)
    history = jnp.zeros((maxcor, n), x0.dtype)
    small = jnp.linalg.norm(g, norm_ord) < gtol
    start = _State(
        jnp.where(small, 0, -1).astype("int32"), jnp.asarray(0, "int32"), jnp.asarray(1, "int32"),
        x0, f, g, f + jnp.linalg.norm(g) / 2, history, history, jnp.zeros(maxcor, x0.dtype),
        jnp.ones((), x0.dtype))

    def body(s: _State) -> _State:
        p = _direction(s)
        step, f, g, used, found = line_search(differentiated, s.x, p, s.f, s.g, s.before,
                                              maxiter=maxls)
        k, nfev = s.k + 1, s.nfev + used
        status = jnp.asarray(-1, "int32")
        for code, holds in ((4, s.f - f < ftol), (3, nfev >= gradients), (2, nfev >= calls),
                            (1, k >= limit), (5, ~found),
                            (0, jnp.linalg.norm(g, norm_ord) < gtol)):
            status = jnp.where(holds, code, status).astype("int32")
        return _advance(s, step * p, f, g)._replace(status=status, k=k, nfev=nfev)

    s = while_loop(lambda s: (s.status == -1) & (s.k < limit), body, start)
    status = jnp.where(s.status == -1, 1, s.status)
    return OptimizeResults(s.x, status == 0, status, s.f, s.g, None, s.nfev, s.nfev, s.k)


def _complex(fun: Callable[[Any], Any], x0: Any, **options: Any) -> OptimizeResults:
    """The same for real and imaginary parts side by side."""
    n = x0.shape[0]

    def joined(parts: Any) -> Any:
        return (parts[:n] + 1j * parts[n:]).astype(dtypes.complex_of(parts.dtype))

    found = minimize_lbfgs(lambda parts: fun(joined(parts)),
                           jnp.concatenate([jnp.real(x0), jnp.imag(x0)]), **options)
    return found._replace(x=joined(found.x), jac=jnp.conj(joined(found.jac)))
