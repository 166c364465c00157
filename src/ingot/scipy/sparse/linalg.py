"""Krylov methods for linear systems given as functions: cg, bicgstab, gmres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import ingot.numpy as jnp
from ingot import dtypes, lax
from ingot.config import config
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.flatten_util import ravel_pytree
from ingot.tree import tree_flatten, tree_map

__all__ = ["bicgstab", "cg", "gmres"]

Function = Callable[[Any], Any]


def _operator(name: str, A: Any) -> Function:
    """A linear function from what may be one already, or has a product with vectors."""
    if callable(A):
        return A
    if not hasattr(A, "__matmul__"):
        raise TypeError(f"{name}: the operator must be a function or a matrix, got {A!r:.80}")
    if getattr(A, "ndim", 2) != 2 or (hasattr(A, "shape") and A.shape[0] != A.shape[1]):
        raise ValueError(f"{name}: the operator must be a function or a square matrix, got"
                         f" {A!r:.80}")
    return lambda x: A @ x


def _solve_differentiably(name: str, method: Callable[..., Any], A: Any, b: Any, x0: Any,
                          tol: float,
                          atol: float, maxiter: int | None, M: Any, symmetric: bool) -> tuple[Any,
                                                                                              Any]:
    """x with A(x) = b, whose derivatives are solutions by the same method."""
    b = tree_map(jnp.asarray, b)
    x0 = tree_map(jnp.zeros_like, b) if x0 is None else tree_map(jnp.asarray, x0)
    (ours, tree), (theirs, other) = tree_flatten(x0), tree_flatten(b)
    if tree != other:
        raise ValueError(f"{name}: x0 and b must have one structure, got {tree} and {other}")
    if [x.shape for x in ours] != [x.shape for x in theirs]:
        raise ValueError(f"{name}: x0 and b must have the same shapes, got"
                         f" {[x.aval for x in ours]} and {[x.aval for x in theirs]}")
    size = sum(x.size for x in theirs)
    limit = 10 * size if maxiter is None else maxiter
    matrix, precondition = _operator(name, A), None if M is None else _operator(name, M)

    def solve(linear: Function, right: Any, guess: Any) -> Any:
        b, back = ravel_pytree(right)
        start = ravel_pytree(guess)[0].astype(b.dtype)

        def flat(f: Function) -> Function:
            return lambda v: ravel_pytree(f(back(v)))[0].astype(b.dtype)

        goal = jnp.maximum(tol * jnp.linalg.norm(b), atol)
        return back(method(flat(linear), b, start, goal, limit,
                           flat(precondition) if precondition else lambda v: v))

    zero = tree_map(jnp.zeros_like, x0)
    real = all(dtypes.kind(x.dtype) != "c" for x in theirs)
    x = lax.custom_linear_solve(
        matrix, b, lambda f, b: solve(f, b, lax.stop_gradient(x0)), lambda f, b: solve(f, b, zero),
        symmetric=symmetric and real)
    return x, None if config.match_jax else _info(
        matrix, precondition if name == "gmres" else None, b, x, tol, atol, limit)


def _info(matrix: Function, precondition: Function | None, b: Any, x: Any, tol: float,
          atol: float, limit: Any) -> Any:
    """0 if x solves the system as well as was asked for, give or take a factor of 2, else limit."""
    right = lax.stop_gradient(ravel_pytree(b)[0])
    left = lax.stop_gradient(ravel_pytree(matrix(lax.stop_gradient(x)))[0])
    back = ravel_pytree(b)[1]
    goal = jnp.maximum(tol * jnp.linalg.norm(right), atol)
    rest = right - left.astype(right.dtype)
    if precondition is not None:
        scaled, size = ravel_pytree(precondition(back(right)))[0], jnp.linalg.norm(right)
        goal = goal * jnp.linalg.norm(scaled) / jnp.where(size > 0, size, 1)
        rest = ravel_pytree(precondition(back(rest)))[0]
    return jnp.where(jnp.linalg.norm(rest) <= 2 * goal, 0, limit)


# ---- cg ----
def _cg(A: Function, b: Any, x: Any, goal: Any, limit: Any, M: Function) -> Any:
    def going(state: Any) -> Any:
        _, r, _, _, k = state
        return (jnp.vdot(r, r).real > goal**2) & (k < limit)

    def body(state: Any) -> Any:
        x, r, p, gamma, k = state
        Ap = A(p)
        alpha = (gamma / jnp.vdot(p, Ap).real.astype(gamma.dtype)).astype(p.dtype)
        x, r = x + alpha * p, r - alpha * Ap
        z = M(r)
        new = jnp.vdot(r, z).real
        return x, r, z + (new / gamma).astype(p.dtype) * p, new, k + 1

    r = b - A(x)
    z = M(r)
    return lax.while_loop(going, body, (x, r, z, jnp.vdot(r, z).real, 0))[0]


def cg(A: Any, b: Any, x0: Any = None, *, tol: float = 1e-5, atol: float = 0.0,
       maxiter: int | None = None, M: Any = None) -> tuple[Any, Any]:
    """Solve A x = b for a positive definite A by conjugate gradients.

    A: a linear function of trees like b, or a matrix; x0: where to start; M: likewise the
    preconditioner, an approximate inverse. It stops when |b - A x| <= max(tol |b|, atol), or after
    maxiter steps (by default 10 per unknown). -> (x, info): info is 0 if it has arrived, maxiter
    if it is more than a factor of 2 away from there; None under the flag match_jax, as in JAX.
    Raises ValueError for shapes that do not fit. Derivatives with respect to b and what A closes
    over are solutions as well.

    >>> from ingot.scipy.sparse.linalg import cg
    >>> cg(lambda x: 2.0 * x, np.array([2.0, 4.0]))[0]
    Array([1., 2.], dtype=float64)
    """
    return _solve_differentiably("cg", _cg, A, b, x0, tol, atol, maxiter, M, True)


# ---- bicgstab ----
class _Stab(NamedTuple):
    x: Any
    r: Any
    p: Any
    q: Any
    rho: Any
    alpha: Any
    omega: Any
    k: Any  # negative once the method has broken down


def _bicgstab(A: Function, b: Any, x: Any, goal: Any, limit: Any, M: Function) -> Any:
    shadow = b - A(x)

    def going(s: _Stab) -> Any:
        return (jnp.vdot(s.r, s.r).real > goal**2) & (s.k < limit) & (s.k >= 0)

    def body(s: _Stab) -> _Stab:
        rho = jnp.vdot(shadow, s.r)
        p = s.r + rho / s.rho * s.alpha / s.omega * (s.p - s.omega * s.q)
        direction = M(p)
        q = A(direction)
        alpha = rho / jnp.vdot(shadow, q)
        half = s.r - alpha * q
        early = jnp.vdot(half, half).real < goal**2
        step = M(half)
        t = A(step)
        omega = jnp.vdot(t, half) / jnp.vdot(t, t)
        x = s.x + alpha * direction
        x = jnp.where(early, x, x + omega * step)
        r = jnp.where(early, half, half - omega * t)
        broken = (rho == 0) | (~early & ((omega == 0) | (alpha == 0)))
        return _Stab(x, r, p, q, rho, alpha, omega, jnp.where(broken, -1, s.k + 1))

    one = jnp.ones((), shadow.dtype)
    start = _Stab(x, shadow, shadow, shadow, one, one, one, jnp.asarray(0))
    return lax.while_loop(going, body, start).x


def bicgstab(A: Any, b: Any, x0: Any = None, *, tol: float = 1e-5, atol: float = 0.0,
             maxiter: int | None = None, M: Any = None) -> tuple[Any, Any]:
    """Solve A x = b for a general A by stabilized biconjugate gradients.

    A, x0, M, tol, atol, maxiter: as for `cg`. -> (x, info), as for `cg`.

    >>> from ingot.scipy.sparse.linalg import bicgstab
    >>> bicgstab(lambda x: 2.0 * x, np.array([2.0, 4.0]))[0]
    Array([1., 2.], dtype=float64)
    """
    return _solve_differentiably("bicgstab", _bicgstab, A, b, x0, tol, atol, maxiter, M, False)


# ---- gmres ----
def _orthogonal(V: Any, w: Any) -> tuple[Any, Any]:
    """`w` without its components along the rows of V, and these; twice, against rounding."""
    total = jnp.zeros(V.shape[0], w.dtype)
    for _ in range(2):
        h = V.conj() @ w
        w, total = w - h @ V, total + h
    return w, total


def _arnoldi(A: Function, r: Any, size: Any, restart: int) -> Any:
    """What to add to x: the best combination of r, A r, A A r..."""
    eps = dtypes.finfo(r.dtype).eps
    V = jnp.zeros((restart + 1, r.shape[0]), r.dtype).at[0].set(r / jnp.where(size > 0, size, 1))
    # Columns that a breakdown leaves out are those of the identity: they add nothing.
    H = jnp.eye(restart + 1, restart, dtype=r.dtype)

    def body(state: Any) -> Any:
        V, H, k, _ = state
        w = A(V[k])
        before = jnp.linalg.norm(w)
        w, h = _orthogonal(V, w)
        length = jnp.linalg.norm(w)
        broken = length <= eps * before
        V = V.at[k + 1].set(jnp.where(broken, 0, w / jnp.where(broken, 1, length)))
        h = h.at[k + 1].set(jnp.where(broken, 0, length).astype(h.dtype))
        return V, H.at[:, k].set(h), k + 1, broken

    def going(state: Any) -> Any:
        return (state[2] < restart) & ~state[3]

    V, H, _, _ = lax.while_loop(going, body, (V, H, 0, size == 0))
    Q, R = jnp.linalg.qr(H)
    y = lax.linalg.triangular_solve(R, (Q[0].conj() * size)[:, None], left_side=True)[:, 0]
    return jnp.where(jnp.isfinite(y).all(), y, 0) @ V[:-1]


def gmres(A: Any, b: Any, x0: Any = None, *, tol: float = 1e-5, atol: float = 0.0,
          restart: int = 20, maxiter: int | None = None, M: Any = None,
          solve_method: str = "batched") -> tuple[Any, Any]:
    """Solve A x = b for a general A by generalized minimal residuals.

    A, x0, M, tol, atol: as for `cg`; restart: the vectors kept before it starts again, which
    happens at most maxiter times; solve_method: 'batched' or 'incremental', which is the same
    here. -> (x, info), as for `cg`. Raises ValueError for another method.

    >>> from ingot.scipy.sparse.linalg import gmres
    >>> gmres(lambda x: 2.0 * x, np.array([2.0, 4.0]))[0]
    Array([1., 2.], dtype=float64)
    """
    if solve_method not in ("batched", "incremental"):
        raise ValueError("gmres: solve_method must be 'batched' or 'incremental', got"
                         f" {solve_method!r}")

    def method(A: Function, b: Any, x: Any, goal: Any, limit: Any, M: Function) -> Any:
        vectors = min(restart, b.shape[0])
        scaled = jnp.linalg.norm(b)
        wanted = goal * jnp.linalg.norm(M(b)) / jnp.where(scaled > 0, scaled, 1)

        def residual(x: Any) -> tuple[Any, Any]:
            r = M(b - A(x))
            return r, jnp.linalg.norm(r)

        def body(state: Any) -> Any:
            x, r, size, k = state
            x = x + _arnoldi(lambda v: M(A(v)), r, size, vectors)
            return x, *residual(x), k + 1

        def going(state: Any) -> Any:
            return (state[2] > wanted) & (state[3] < limit)

        return lax.while_loop(going, body, (x, *residual(x), 0))[0]

    return _solve_differentiably("gmres", method, A, b, x0, tol, atol, maxiter, M, False)

_hide_frames_of(__name__)
