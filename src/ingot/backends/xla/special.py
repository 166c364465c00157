"""Special functions: products that are 0 where a factor is, and what only the host computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.backends.xla.reduction import accumulator_dtype
from ingot.backends.xla.rules import RULES, expanded_on_tpus, rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.core.primitive import PythonFallback

HOST = (
    "bessel_i0e", "bessel_iv", "bessel_ive", "beta_tail", "ci", "dawsn", "digamma_complex",
    "erfcx", "exp1", "expi", "expn", "fresnel_c", "fresnel_s", "gamma", "gamma_hazard",
    "gamma_tail", "hyp1f1", "hyp1f1_derivative", "hyp2f1", "hyp2f1_derivative", "igamma",
    "igamma_grad_a", "igammac", "log_betainc", "log_gammainc", "log_gammaincc", "log_ndtr",
    "loggamma", "ndtri", "normal_hazard", "owens_t", "regularized_incomplete_beta",
    "scipy_function", "si", "spence", "wofz", "zeta_derivative",
)  # fmt: skip
RULES.update(dict.fromkeys(HOST, PythonFallback("SciPy computes it")))


for _name in ("polygamma", "zeta"):
    expanded_on_tpus(_name, lambda b, x, y, out, op=f"chlo.{_name}": b.same(op, x, y))


def _zero_where(value: Callable[..., Value], y_is: Callable[..., Value]) -> Any:
    """The rule of a function of x and y that is 0 where x is 0 and y such that it would be nan."""

    def apply(b: Builder, x: Value, y: Value, out: Any) -> Value:
        zero = b.full_like(x, 0)
        none = b.same("and", b.compare("EQ", x, zero), y_is(b, y))
        return b.select(none, zero, value(b, x, b.select(none, b.full_like(y, 1), y)))

    return apply


# ---- lgamma --------------------------------------------------------------------------------------
def _root_series() -> list[float]:
    """Taylor's coefficients of the logarithm of gamma at its root 2, the highest order first."""
    from scipy.special import zetac

    orders = np.arange(26, 1, -1)
    return [*(zetac(orders) * (-1.0) ** orders / orders).tolist(), 1 - np.euler_gamma, 0.0]


@rule("lgamma")
def _lgamma(b: Builder, x: Value, out: Any) -> Value:
    """XLA's, but near the roots 1 and 2, where it loses all digits, Taylor's series."""
    wide = b.convert(x, accumulator_dtype(x.dtype))
    one, two, half = (b.full_like(wide, v) for v in (1, 2, 0.5))
    low = b.compare("LT", wide, b.full_like(wide, 1.5))
    step = b.same("subtract", wide, b.select(low, one, two))
    near = b.compare("LT", b.same("abs", step), half)
    step = b.select(near, step, b.full_like(wide, 0))
    series = b.full_like(wide, 0)
    for c in _root_series():
        series = b.same("add", b.same("multiply", series, step), b.full_like(wide, c))
    shift = b.select(low, b.same("log_plus_one", step), b.full_like(wide, 0))
    return b.convert(b.select(near, b.same("subtract", series, shift),
                              b.same("chlo.lgamma", wide)), x.dtype)


# ---- products ------------------------------------------------------------------------------------
def _is_number(b: Builder, y: Value) -> Value:
    return b.compare("EQ", y, y)


RULES.update({
    "share": _zero_where(lambda b, x, y: b.same("divide", x, y),
                         lambda b, y: b.compare("EQ", y, b.full_like(y, 0))),
    "xlogy": _zero_where(lambda b, x, y: b.same("multiply", x, b.same("log", y)), _is_number),
    "xlog1py": _zero_where(lambda b, x, y: b.same("multiply", x, b.same("log_plus_one", y)),
                           _is_number)})
