"""How many floating-point operations a program asks for, counted as by hand."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.avals import is_inexact
from ingot.core.jaxpr import Eqn, Jaxpr, subjaxprs

# One operation for each element of the result.
_ELEMENTWISE = frozenset("""
    abs acos acosh add add_any asin asinh atan atan2 atanh bessel_i0e bessel_i1e bessel_iv
    bessel_ive cbrt ceil clamp cos cosh digamma div erf erf_inv erfc exp exp2 expm1 floor igamma
    igamma_grad_a igammac integer_pow lgamma log log1p log2 logistic max min mul neg nextafter
    one_minus_square polygamma pow regularized_incomplete_beta rem round rsqrt sign sin sinh sqrt
    square sub tan tanh zeta
    """.split())
# One for each element of the operand, but for the first of each result.
_REDUCTIONS = frozenset("reduce_max reduce_min reduce_prod reduce_sum".split())
_CUMULATIVE = frozenset("cummax cummin cumprod cumsum".split())


def count_flops(jaxpr: Jaxpr) -> float:
    """Additions, multiplications and elementary functions of real or complex numbers.

    A product of matrices [m, k] and [k, n] has 2 m k n. Of a `cond` the branch with most counts,
    and a `while_loop`, whose length is not known, as one turn. What moves numbers is free, and so
    are decompositions, sorting and random bits.
    """
    return jaxpr.memo("flops", lambda: sum(map(_of_equation, jaxpr.eqns)))


def _of_equation(eqn: Eqn) -> float:
    name, programs = eqn.primitive.name, subjaxprs(eqn)
    if programs:
        counts = [count_flops(program) for program in programs]
        if name == "cond":
            return max(counts)
        return sum(counts) * (eqn.params["length"] if name == "scan" else 1)
    if not any(is_inexact(v.aval) for v in eqn.outvars):
        return 0.0
    (out, *_), size = eqn.outvars, eqn.invars[0].aval.size if eqn.invars else 0
    if name in _ELEMENTWISE:
        return out.aval.size
    if name in _REDUCTIONS:
        return max(size - out.aval.size, 0)
    if name in _CUMULATIVE:
        return size
    products = _PRODUCTS.get(name)
    return 0.0 if products is None else 2.0 * out.aval.size * products(eqn.params, *eqn.invars)


def _contraction_cost(params: dict[str, Any], lhs: Any, rhs: Any) -> int:
    (axes, _), _ = params["dimension_numbers"]
    return math.prod(lhs.aval.shape[i] for i in axes)


def _window(params: dict[str, Any], lhs: Any, rhs: Any) -> int:
    outs = params["dimension_numbers"].rhs_spec[0]
    return math.prod(n for i, n in enumerate(rhs.aval.shape) if i != outs)


# Products in the sum that each element of the result is.
_PRODUCTS = {"dot_general": _contraction_cost, "conv_general_dilated": _window}

__all__ = ["count_flops"]
