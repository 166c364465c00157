"""Box-Cox transforms and their inverses, with derivatives in the exponent where it is 0 too."""

from __future__ import annotations

from typing import Any

import ingot.numpy as jnp
from ingot.control.custom_jvp import custom_jvp
from ingot.scipy.log_excess import exprel_derivative, log1p_excess
from ingot.scipy.special_table import real


def _box(log: Any, exponent: Any) -> Any:
    """(exp(exponent log) - 1) / exponent, and its limit at exponent 0."""
    # Powers that are 1 to all digits: the logarithm itself, also where its product underflows.
    tiny = float(jnp.finfo(exponent.dtype).tiny)
    zero = (abs(exponent * log) < tiny) | (exponent == 0)
    safe = jnp.where(zero, 1, exponent)
    return jnp.where(zero, log, jnp.expm1(safe * log) / safe)


def _box_slope(log: Any, exponent: Any) -> Any:
    """Its derivative in the exponent."""
    return log * log * exprel_derivative(None, exponent * log)


@custom_jvp
def _boxcox(x: Any, lmbda: Any) -> Any:
    return _box(jnp.log(x), lmbda)


_boxcox.defjvps(lambda t, out, x, lmbda: t * x ** (lmbda - 1),
                lambda t, out, x, lmbda: t * _box_slope(jnp.log(x), lmbda))


@custom_jvp
def _boxcox1p(x: Any, lmbda: Any) -> Any:
    return _box(jnp.log1p(x), lmbda)


_boxcox1p.defjvps(lambda t, out, x, lmbda: t * (1 + x) ** (lmbda - 1),
                  lambda t, out, x, lmbda: t * _box_slope(jnp.log1p(x), lmbda))


def boxcox(x: Any, lmbda: Any) -> Any:
    """Box-Cox transform: (x^lmbda - 1) / lmbda, and its limit log(x) where lmbda is 0.

    x: numbers from 0 on; nan below. lmbda: real exponent -> the broadcast shape, floating. Raises
    TypeError for complex numbers.

    >>> special.boxcox(3.0, np.array([1.0, 0.0]))
    Array([2.        , 1.09861229], dtype=float64)
    """
    return _boxcox(*real("boxcox", x, lmbda))


def boxcox1p(x: Any, lmbda: Any) -> Any:
    """Box-Cox transform of 1 + x, accurate near x = 0.

    x: numbers from -1 on; nan below. lmbda: real exponent -> the broadcast shape, floating. Raises
    TypeError for complex numbers.

    >>> special.boxcox1p(1e-20, 2.0)
    Array(1.e-20, dtype=float64, weak_type=True)
    """
    return _boxcox1p(*real("boxcox1p", x, lmbda))


def inv_boxcox(y: Any, lmbda: Any) -> Any:
    """Inverse of the Box-Cox transform: (lmbda y + 1)^(1 / lmbda), and exp(y) where lmbda is 0.

    y: real numbers; nan where lmbda y < -1. lmbda: real exponent -> the broadcast shape, floating.
    Raises TypeError for complex numbers.

    >>> special.inv_boxcox(2.0, 1.0).round(6)
    Array(3., dtype=float64, weak_type=True)
    """
    return jnp.exp(_log_inverse(*real("inv_boxcox", y, lmbda)))


def inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    """Inverse of the Box-Cox transform less 1, accurate near y = 0: the inverse of `boxcox1p`.

    y: real numbers; nan where lmbda y < -1. lmbda: real exponent -> the broadcast shape, floating.
    Raises TypeError for complex numbers.

    >>> special.inv_boxcox1p(1e-20, 2.0)
    Array(1.e-20, dtype=float64, weak_type=True)
    """
    return jnp.expm1(_log_inverse(*real("inv_boxcox1p", y, lmbda)))


@custom_jvp
def _log_inverse(y: Any, lmbda: Any) -> Any:
    """log(1 + lmbda y) / lmbda, and its limit y at lmbda 0."""
    zero = lmbda == 0
    safe = jnp.where(zero, 1, lmbda)
    return jnp.where(zero, y, jnp.log1p(safe * jnp.where(zero, 0, y)) / safe)


_log_inverse.defjvps(lambda t, out, y, lmbda: t / (1 + lmbda * y),
                     lambda t, out, y, lmbda: -t * y * y * log1p_excess(lmbda * y))
