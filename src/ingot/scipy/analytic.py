"""Square roots, logarithms, powers, signs, sines of matrices, differentiable as often as asked for.

The derivative of an analytic function f at A in direction E is the upper right block of f of the
block matrix [[A, E], [0, A]], and its transpose is the derivative at the transpose of A
(Higham, Functions of Matrices, 2008, chapter 3).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot import dtypes
from ingot.control.custom_gradient import linear_call
from ingot.control.custom_jvp import custom_jvp
from ingot.control.while_loop import while_loop
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.families import kind_of
from ingot.numpy.functional import vectorize
from ingot.numpy.linalg import inv, matrix_power, solve
from ingot.numpy.linalg.factorizations import adjoint, matrices
from ingot.primitives.quadrature import gauss_legendre
from ingot.scipy.eigenvalues import schur
from ingot.scipy.factorizations import solve_triangular
from ingot.scipy.matrix_functions import expm, solve_sylvester, triangular_sqrt


def _analytic(fun: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of one square matrix, which is of its type, with derivatives of every order."""
    value = custom_jvp(fun)

    def along(A: Any, E: Any) -> Any:
        n = A.shape[-1]
        return value(jnp.block([[A, E], [jnp.zeros_like(A), A]]))[:n, n:]

    def rule(primals: Any, tangents: Any) -> Any:
        (A,), (E,) = primals, tangents
        return value(A), linear_call(along, lambda A, ct: along(A.T, ct), A, E)

    value.defjvp(rule)
    return vectorize(value, signature="(n,n)->(n,n)")


def _complex(name: str, A: Any) -> Any:
    A = matrices(name, A)
    return A.astype(dtypes.complex_of(A.dtype))


# ---- roots, logarithms and powers ----
@_analytic
def _sqrtm(A: Any) -> Any:
    T, Z = schur(A, output="complex")
    return Z @ triangular_sqrt(T) @ adjoint(Z)


def sqrtm(A: Any, blocksize: int = 1) -> Any:
    """Principal square root of matrices, complex.

    A: inexact [..., n, n] -> complex [..., n, n]. Raises NotImplementedError for a blocksize
    other than 1.

    >>> linalg.sqrtm(np.array([[4.0]]))
    Array([[2.+0.j]], dtype=complex128)
    """
    if blocksize != 1:
        raise NotImplementedError(f"sqrtm: blocksize must be 1, got {blocksize}")
    return _sqrtm(_complex("sqrtm", A))


_NODES, _WEIGHTS = gauss_legendre(8)


@_analytic
def _logm(A: Any) -> Any:
    """By inverse scaling and squaring, with Gauss-Legendre quadrature near 1 (Padé's fractions)."""
    if not A.shape[-1]:
        return A
    T, Z = schur(A, output="complex")
    one = jnp.eye(A.shape[-1], dtype=T.dtype)

    def far(state: Any) -> Any:
        root, count = state
        return (abs(root - one).sum(0).max() > 0.25) & (count < 60)

    root, count = while_loop(far, lambda s: (triangular_sqrt(s[0]), s[1] + 1), (T, 0))
    scale = 2.0 ** count.astype(dtypes.real_of(T.dtype))
    diagonal = jnp.log(jnp.diagonal(T))
    # The diagonal less 1 would cancel, and is known from the logarithms.
    rest = jnp.triu(root, 1) + jnp.diag(jnp.expm1(diagonal / scale))
    total = jnp.zeros_like(rest)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        shifted = one + float(node + 1) / 2 * rest
        total = total + float(weight) / 2 * solve_triangular(shifted, rest)
    return Z @ (jnp.triu(total * scale, 1) + jnp.diag(diagonal)) @ adjoint(Z)


def logm(A: Any) -> Any:
    """Principal logarithm of matrices, complex; nan or infinite for singular ones.

    A: inexact [..., n, n] -> complex [..., n, n].

    >>> linalg.logm(np.eye(1))
    Array([[0.+0.j]], dtype=complex128)
    """
    return _logm(_complex("logm", A))


def fractional_matrix_power(A: Any, t: Any) -> Any:
    """Raise a matrix to a real power.

    A: [..., n, n]. t: a real scalar -> [..., n, n], of A's floating or complex type for a whole
    number t, else exp(t log(A)), complex. Raises ValueError unless A is square.

    >>> linalg.fractional_matrix_power(np.array([[4.0]]), 0.5).real
    Array([[2.]], dtype=float64)
    """
    if isinstance(t, (int, float)) and t == int(t):
        return matrix_power(matrices("fractional_matrix_power", A), operator.index(int(t)))
    return expm(t * logm(A))


@_analytic
def _signm(A: Any) -> Any:
    """Newton's iteration X = (c X + (c X)^-1) / 2, scaled by norms while it is far."""
    def step(state: Any) -> Any:
        X, _, count = state
        other = inv(X)
        c = jnp.where(count < 12, jnp.sqrt(abs(other).sum(0).max() / abs(X).sum(0).max()), 1)
        new = (c * X + other / c) / 2
        return new, abs(new - X).sum(0).max() / abs(new).sum(0).max(), count + 1

    eps = float(dtypes.finfo(dtypes.real_of(A.dtype)).eps)
    far = jnp.array(np.inf, dtypes.real_of(A.dtype))
    X, _, _ = while_loop(lambda s: (s[1] > 4 * eps) & (s[2] < 60), step, (A, far, 0))
    return X


def signm(A: Any) -> Any:
    """Sign of matrices: eigenvalues become the signs of their real parts, by Newton's iteration.

    A: inexact [..., n, n] -> its type; nan where an eigenvalue is 0 or imaginary.

    >>> linalg.signm(np.array([[-2.0]]))
    Array([[-1.]], dtype=float64)
    """
    return _signm(matrices("signm", A))


# ---- trigonometric and hyperbolic functions, by exponentials ----
def _trigonometric(name: str, A: Any) -> tuple[Any, Any]:
    """Cosine and sine."""
    A = matrices(name, A)
    forward = expm(1j * A)
    if kind_of(A) != "c":
        return jnp.real(forward), jnp.imag(forward)
    back = expm(-1j * A)
    return (forward + back) / 2, (forward - back) / 2j


def _hyperbolic(name: str, A: Any) -> tuple[Any, Any]:
    A = matrices(name, A)
    forward, back = expm(A), expm(-A)
    return (forward + back) / 2, (forward - back) / 2


def cosm(A: Any) -> Any:
    """Cosine of matrices, (exp(i A) + exp(-i A)) / 2.

    A: [..., n, n] -> [..., n, n] floating or complex. Raises ValueError unless A is square.

    >>> linalg.cosm(np.array([[np.pi]]))
    Array([[-1.]], dtype=float64)
    """
    return _trigonometric("cosm", A)[0]


def sinm(A: Any) -> Any:
    """Sine of matrices, (exp(i A) - exp(-i A)) / (2 i).

    A: [..., n, n] -> [..., n, n] floating or complex. Raises ValueError unless A is square.

    >>> linalg.sinm(np.array([[np.pi / 2]]))
    Array([[1.]], dtype=float64)
    """
    return _trigonometric("sinm", A)[1]


def tanm(A: Any) -> Any:
    """Tangent of matrices, the solution of cosm(A) X = sinm(A).

    A: [..., n, n] -> [..., n, n] floating or complex. Raises ValueError unless A is square.

    >>> linalg.tanm(np.array([[np.pi / 4]]))
    Array([[1.]], dtype=float64)
    """
    return solve(*_trigonometric("tanm", A))


def coshm(A: Any) -> Any:
    """Hyperbolic cosine of matrices, (exp(A) + exp(-A)) / 2.

    A: [..., n, n] -> [..., n, n] floating or complex. Raises ValueError unless A is square.

    >>> linalg.coshm(np.zeros((1, 1)))
    Array([[1.]], dtype=float64)
    """
    return _hyperbolic("coshm", A)[0]


def sinhm(A: Any) -> Any:
    """Hyperbolic sine of matrices, (exp(A) - exp(-A)) / 2.

    A: [..., n, n] -> [..., n, n] floating or complex. Raises ValueError unless A is square.

    >>> linalg.sinhm(np.zeros((1, 1)))
    Array([[0.]], dtype=float64)
    """
    return _hyperbolic("sinhm", A)[1]


def tanhm(A: Any) -> Any:
    """Hyperbolic tangent of matrices, the solution of coshm(A) X = sinhm(A).

    A: [..., n, n] -> [..., n, n] floating or complex. Raises ValueError unless A is square.

    >>> linalg.tanhm(np.zeros((1, 1)))
    Array([[0.]], dtype=float64)
    """
    return solve(*_hyperbolic("tanhm", A))


# ---- Lyapunov's equations ----
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """Solve a X + X a^H = q.

    a, q: [n, n] -> X [n, n]; nan where eigenvalues of a and -a^H coincide. Raises ValueError for
    shapes that do not fit.

    >>> linalg.solve_continuous_lyapunov(np.eye(1), np.eye(1))
    Array([[0.5]], dtype=float64)
    """
    return solve_sylvester(a, adjoint(matrices("solve_continuous_lyapunov", a)), q)


solve_lyapunov = solve_continuous_lyapunov


def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Any:
    """Solve X = a X a^H + q.

    a, q: [n, n]. method: 'direct', a linear system of n^2 unknowns, the default for n < 10; or
    'bilinear', which fails if -1 is an eigenvalue of a -> X [n, n]. Raises ValueError for other
    methods and shapes.

    >>> linalg.solve_discrete_lyapunov(np.eye(1) / 2, np.eye(1)).round(6)
    Array([[1.333333]], dtype=float64)
    """
    a, q = matrices("solve_discrete_lyapunov", a), matrices("solve_discrete_lyapunov", q)
    n = a.shape[-1]
    method = method or ("direct" if n < 10 else "bilinear")
    if method not in ("direct", "bilinear"):
        raise ValueError(f"solve_discrete_lyapunov: method must be 'direct' or 'bilinear', got"
                         f" {method!r}")
    one = jnp.eye(n, dtype=a.dtype)
    if method == "direct":
        system = jnp.eye(n * n, dtype=a.dtype) - jnp.kron(a, a.conj())
        return solve(system, q.reshape(n * n, 1)).reshape(n, n)
    right = inv(adjoint(a) + one)
    b = (adjoint(a) - one) @ right
    return solve_continuous_lyapunov(adjoint(b), -2 * inv(a + one) @ q @ right)


_hide_frames_of(__name__)
