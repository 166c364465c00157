"""Orthogonal polynomials at points, and Legendre functions, under the names of scipy.special.

Derivatives in x are polynomials of one degree less, so that the ends of intervals are no exception
(DLMF 18.9). Degrees may be any real numbers where SciPy's are; integers are exact recurrences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot.scipy.special_table import define


def _polynomial(name: str, parameters: str, derivative: Callable[..., Any]) -> Callable[..., Any]:
    """`derivative(n, *parameters, x)`; there is none in degrees and parameters."""
    whole = name in ("eval_hermite", "eval_hermitenorm")

    def evaluate(n: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        import scipy.special

        if whole or (n == np.rint(n)).all():
            n = n.astype(np.int64)
        return getattr(scipy.special, name)(n, *rest)

    names = ["n", *parameters.split(), "x"]
    return define(name, f"Value of a polynomial of degree n: {name}({', '.join(names)}).",
                  *[None] * (len(names) - 1), lambda out, *xs: derivative(*xs), evaluate=evaluate)


def _below(n: Any, polynomial: Callable[..., Any], *rest: Any) -> Any:
    """A polynomial of degree n - 1, and 0 for n = 0."""
    none = n == 0
    return jnp.where(none, 0, polynomial(jnp.where(none, 0, n - 1), *rest))


eval_jacobi = _polynomial("eval_jacobi", "alpha beta", lambda n, a, b, x: (
    (n + a + b + 1) / 2 * _below(n, eval_jacobi, a + 1, b + 1, x)))
eval_sh_jacobi = _polynomial("eval_sh_jacobi", "p q", lambda n, p, q, x: (
    n * _below(n, eval_sh_jacobi, p + 2, q + 1, x)))
eval_gegenbauer = _polynomial("eval_gegenbauer", "alpha", lambda n, a, x: (
    2 * a * _below(n, eval_gegenbauer, a + 1, x)))
eval_legendre = _polynomial("eval_legendre", "", lambda n, x: (
    (n + 1) / 2 * _below(n, eval_jacobi, 1, 1, x)))
eval_sh_legendre = _polynomial("eval_sh_legendre", "", lambda n, x: (
    (n + 1) * _below(n, eval_jacobi, 1, 1, 2 * x - 1)))
eval_chebyt = _polynomial("eval_chebyt", "", lambda n, x: n * _below(n, eval_chebyu, x))
eval_chebyu = _polynomial("eval_chebyu", "", lambda n, x: 2 * _below(n, eval_gegenbauer, 2, x))
eval_chebyc = _polynomial("eval_chebyc", "", lambda n, x: n * _below(n, eval_chebys, x))
eval_chebys = _polynomial("eval_chebys", "", lambda n, x: _below(n, eval_gegenbauer, 2, x / 2))
eval_sh_chebyt = _polynomial("eval_sh_chebyt", "", lambda n, x: (
    2 * n * _below(n, eval_sh_chebyu, x)))
eval_sh_chebyu = _polynomial("eval_sh_chebyu", "", lambda n, x: (
    4 * _below(n, eval_gegenbauer, 2, 2 * x - 1)))
eval_genlaguerre = _polynomial("eval_genlaguerre", "alpha", lambda n, a, x: (
    -_below(n, eval_genlaguerre, a + 1, x)))
eval_laguerre = _polynomial("eval_laguerre", "", lambda n, x: -_below(n, eval_genlaguerre, 1, x))
eval_hermite = _polynomial("eval_hermite", "", lambda n, x: 2 * n * _below(n, eval_hermite, x))
eval_hermitenorm = _polynomial("eval_hermitenorm", "", lambda n, x: (
    n * _below(n, eval_hermitenorm, x)))

lpmv = define("lpmv", "Associated Legendre function of integer order m and real degree v, |x| <= 1:"
              " lpmv(m, v, x).", None, None, lambda out, m, v, x: (
                  v * x * out - (v + m) * lpmv(m, v - 1, x)) / (x * x - 1))
