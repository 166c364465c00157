"""The error function, its complement and its inverse.

erfc is exp(-x^2) times a smooth function of (x - 4) / (x + 4), after M. M. Shepherd and J. G.
Laframboise (Math. Comp. 36, 1981); erf_inv is x times a function of log(1 - x^2), after M. Giles
(Approximating the erfinv function, GPU Computing Gems, 2011).
"""

from __future__ import annotations

from ingot.backends.llvm.functions import coefficients as table
from ingot.backends.llvm.functions.assembler import (
    F64,
    Value,
    copysign,
    estrin,
    fabs,
    fast_two_sum,
    fma,
    minimum,
    sqrt,
    two_product,
    where,
)
from ingot.backends.llvm.functions.exponential import (
    chosen,
    exp_pair,
    log_of,
    power_of_two,
    scale,
    split_float,
)


def _small_erf(x: Value) -> Value:
    """erf(x) for |x| <= 1."""
    return fma(x, estrin(x * x, chosen(table.ERF, x.format)), x)


def erf(x: Value) -> Value:
    """1 - exp(log(erfc(|x|))); in float32, one polynomial for that logarithm serves near 0 too."""
    f, size = x.format, fabs(x)
    bounded = minimum(size, 6.0 if f is F64 else 4.0)
    if f is F64:
        log = -estrin(bounded, chosen(table.LOG_ERFC, f))
    else:
        log = fma(bounded, -1.125, bounded * estrin(bounded, chosen(table.LOG_ERFC_WHOLE, f)))
    # n log 2 need not be more precise: where n is not 0, neither is the result
    center = f.shifter + f.bias
    shifted = fma(log, chosen(table.LOG2E, f)[0], center)
    r = fma(shifted - center, -chosen(table.LN2_FULL, f)[0], log)
    power = power_of_two(shifted)
    out = fma(-power, fma(r * r, estrin(r, chosen(table.EXP, f)), r), 1.0 - power)
    out = copysign(out, x)
    return where(size < 1.0, _small_erf(x), out) if f is F64 else out


def erfc(x: Value) -> Value:
    """At most 4 units in the last place, of which the polynomial and its argument make most."""
    f = x.format
    size = minimum(fabs(x), 28.0 if f is F64 else 10.4)
    smooth = estrin((size - 4.0) / (size + 4.0), chosen(table.ERFCX, f))
    # smooth / (1 + 2 |x|), the rounding of both operations corrected
    double = size + size
    below = double + 1.0
    below_low = double - (below - 1.0)
    inverse = 1.0 / below
    q = smooth * inverse
    q = fma(fma(-q, below_low, fma(-q, below, smooth)), inverse, q)
    square, rest = two_product(size, size)
    shifted, a, b = exp_pair(-square, -rest)
    a, a_low = fast_two_sum(a, b)
    one, one_low = fast_two_sum(x.constant(1.0), a)
    large = scale(fma(one, q, (one_low + a_low) * q), shifted)
    large = where(x < 0.0, 2.0 - large, large)
    return where(size < 0.75, 1.0 - _small_erf(x), large)


def erf_inv(x: Value) -> Value:
    f = x.format
    k, m, _ = split_float(fma(-x, x, 1.0))
    w = -log_of(k, m - 1.0)
    root = sqrt(w)
    out = where(w < 6.25, estrin(w - 3.125, chosen(table.ERF_INV_LOW, f)),
                estrin(root - 3.25, chosen(table.ERF_INV_MIDDLE, f)))
    if f is F64:
        out = where(root < 4.0, out, estrin(root - 5.0, chosen(table.ERF_INV_HIGH, f)))
    size = fabs(x)
    out = where(size.equals(1.0), copysign(x.constant(float("inf")), x), out * x)
    return where(size > 1.0, x.nan(), out)
