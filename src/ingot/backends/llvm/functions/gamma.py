"""The logarithm of the gamma function of floats, computed in double precision.

Stirling's series for arguments from 8 on (M. Abramowitz and I. A. Stegun, Handbook of Mathematical
Functions, 6.1.41), the recurrence below, and reflection for negative ones (6.1.17).
"""

from __future__ import annotations

import math

from ingot.backends.llvm.functions.assembler import (
    F64,
    Value,
    fabs,
    fma,
    horner,
    trunc,
    where,
)
from ingot.backends.llvm.functions.exponential import log_limits, log_of, split_float

STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
SINE = tuple((-1) ** k * math.pi ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(9))
SHIFT = 8


def _log(x: Value) -> Value:
    k, m, _ = split_float(x)
    return log_limits(x, log_of(k, m - 1.0))


def _positive(z: Value) -> Value:
    """For z > 0."""
    product = z
    for k in range(1, SHIFT):
        product = product * (z + float(k))
    small = z < float(SHIFT)
    w = where(small, z + float(SHIFT), z)
    inverse = 1.0 / w
    series = inverse * horner(inverse * inverse, STIRLING)
    out = fma(w - 0.5, _log(w), -w) + (series + math.log(2 * math.pi) / 2)
    out = out - _log(where(small, product, 1.0))
    return where(z.equals(1.0) | z.equals(2.0), 0.0, out)


def lgamma(x: Value) -> Value:
    """At most 2 units in the last place."""
    wide = x.code.new(F64.kind, f"fpext {x.typed} to {x.code.type(F64.kind)}")
    size = fabs(wide)
    part = size - trunc(size)
    part = where(part > 0.5, 1.0 - part, part)  # |sin pi| of this is that of the argument
    sine = part * horner(part * part, SINE)
    out = _positive(size)
    reflected = math.log(math.pi) - _log(size * sine) - out
    out = where(wide < 0.0, reflected, out)
    infinite = size.equals(float("inf")) | size.equals(0.0)
    out = where(infinite, float("inf"), out)
    return x.code.new(x.kind, f"fptrunc {out.typed} to {x.code.type(x.kind)}")
