"""The logarithm of the gamma function, and its derivative.

Stirling's series for arguments from 8 on and its derivative (M. Abramowitz and I. A. Stegun,
Handbook of Mathematical Functions, 6.1.41 and 6.3.18); below, the recurrences (6.1.15, 6.3.5) to an
interval where a polynomial is multiplied by what is zero at the roots. Those of floats are
computed in double precision. Negative arguments are reflected (6.1.17, 6.3.7); the library has the
logarithm of those of doubles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ingot.backends.llvm.functions import coefficients as table
from ingot.backends.llvm.functions.assembler import (
    F64,
    Value,
    copysign,
    estrin,
    fabs,
    fma,
    horner,
    trunc,
    two_product,
    where,
)
from ingot.backends.llvm.functions.exponential import log_limits, log_of, split_float
from ingot.backends.llvm.functions.slow_path import with_libm_fallback
from ingot.backends.llvm.functions.trigonometric import cos_pair, sin_pair

STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400,
            43867 / 244188)
SLOPE = tuple((2 * k + 1) * c for k, c in enumerate(STIRLING))
SINE = tuple((-1) ** k * math.pi ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(9))
HALF_LOG_2PI = math.log(2 * math.pi) / 2
SHIFT = 8


def _log(x: Value) -> Value:
    k, m, _ = split_float(x)
    return log_limits(x, log_of(k, m - 1.0))


def _stirling(x: Value, log: Value, inverse: Value) -> Value:
    """The logarithm of the gamma function from 8 on."""
    series = inverse * horner(inverse * inverse, STIRLING)
    return fma(x - 0.5, log, -x) + (series + HALF_LOG_2PI)


def _wide(x: Value) -> Value:
    """A float in double precision."""
    return x.code.new(F64.kind, f"fpext {x.typed} to {x.code.types[F64.kind]}")


def _narrow(x: Value, like: Value) -> Value:
    return like.code.new(like.kind, f"fptrunc {x.typed} to {like.code.types[like.kind]}")


# ---- the recurrence ------------------------------------------------------------------------------
def _reduce(x: Value) -> tuple[Value, Value, Value, Value]:
    """(y - 1, y - 2, p, n) for x < 8: y in [1, 3) differs from x by an integer, p is the product of
    the factors from y to x - 1, and n / p the sum of their reciprocals; below 1 y is x + 1."""
    below = x < 1.0
    y, product, numerator = x, x.constant(1.0), x.constant(0.0)
    for _ in range(SHIFT - 3):
        take, less = y >= 3.0, y - 1.0
        numerator = where(take, fma(numerator, less, product), numerator)
        product = where(take, product * less, product)
        y = where(take, less, y)
    from_one = where(below, x, y - 1.0)
    return from_one, from_one - 1.0, product, numerator


def _polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """c0 + c1 x + c2 x^2 ..., whose last steps are one after the other, for the last digit."""
    first, second, *rest = coefficients
    return fma(x, fma(x, estrin(x, rest), second), first)


# ---- the logarithm -------------------------------------------------------------------------------
def lgamma(x: Value) -> Value:
    """At most 2 units in the last place for floats, 3 for doubles."""
    return _lgamma_of_double(x) if x.format is F64 else _lgamma_of_float(x)


def _lgamma_of_double(x: Value) -> Value:
    large, below = x >= float(SHIFT), x < 1.0
    from_one, from_two, product, _ = _reduce(x)
    near = from_one * (from_two * _polynomial(from_two, table.LGAMMA[0]))
    log = _log(where(large | below, x, product))
    out = where(large, _stirling(x, log, 1.0 / x), near + where(below, -log, log))
    out = where(x.equals(float("inf")), x, out)
    return with_libm_fallback("lgamma", x, x <= 0.0, out)


def _positive(z: Value) -> Value:
    """The logarithm for z > 0, as precise as floats need."""
    product = z
    for k in range(1, SHIFT):
        product = product * (z + float(k))
    small = z < float(SHIFT)
    w = where(small, z + float(SHIFT), z)
    out = _stirling(w, _log(w), 1.0 / w)
    out = out - _log(where(small, product, 1.0))
    return where(z.equals(1.0) | z.equals(2.0), 0.0, out)


def _lgamma_of_float(x: Value) -> Value:
    wide = _wide(x)
    size = fabs(wide)
    part = size - trunc(size)
    part = where(part > 0.5, 1.0 - part, part)  # |sin pi| of this is that of the argument
    sine = part * horner(part * part, SINE)
    out = _positive(size)
    reflected = math.log(math.pi) - _log(size * sine) - out
    out = where(wide < 0.0, reflected, out)
    infinite = size.equals(float("inf")) | size.equals(0.0)
    return _narrow(where(infinite, float("inf"), out), x)


# ---- its derivative ------------------------------------------------------------------------------
def digamma(x: Value) -> Value:
    """At most 2 units in the last place for floats, 4 for doubles, but near negative roots."""
    wide = x if x.format is F64 else _wide(x)
    negative = wide <= 0.0
    out = _digamma(where(negative, 1.0 - wide, wide))
    out = where(negative, out - _pi_cotangent(wide), out)
    out = where(wide.equals(0.0), copysign(wide.constant(float("inf")), -wide), out)
    return out if x.format is F64 else _narrow(out, x)


def _digamma(x: Value) -> Value:
    """For x > 0."""
    large, below = x >= float(SHIFT), x < 1.0
    from_one, from_two, product, numerator = _reduce(x)
    first, second, third = table.PSI_ROOT[0]
    from_root = ((from_one - (first - 1.0)) - second) - third
    fraction = where(large, 1.0, where(below, -1.0, numerator)) / where(large | below, x, product)
    near = fma(from_root, _polynomial(from_two, table.DIGAMMA[0]), fraction)
    square = fraction * fraction
    tail = _log(x) - fma(square, horner(square, SLOPE), 0.5 * fraction)
    return where(large, tail, near)


def _pi_cotangent(x: Value) -> Value:
    """pi / tan(pi x) of a double; nan at integers."""
    part = x - trunc(x)
    part = where(fabs(part) > 0.5, part - copysign(part.constant(1.0), part), part)
    steep = fabs(part) > 0.25
    turn = where(steep, copysign(0.5 - fabs(part), part), part)
    pi, pi_low = table.PI[0]
    angle, low = two_product(turn, pi)
    low = fma(turn, pi_low, low)
    sine, cosine = (a + b for a, b in (sin_pair(angle, low), cos_pair(angle, low)))
    ratio = where(steep, sine, cosine) / where(steep, cosine, sine)
    return where(part.equals(0.0), float("nan"), ratio * pi)
