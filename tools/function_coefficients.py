"""Computes the polynomials of elementary functions and writes functions/coefficients.py.

Minimax polynomials by the Remez exchange algorithm in 50 digits (W. Fraser, A Survey of Methods of
Computing Minimax Approximations, J. ACM 12 (1965)), of the least degree that meets the target.
Run: python tools/function_coefficients.py [names]; needs mpmath.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf

mp.dps = 50
TARGET = Path(__file__).parent.parent / "src/ingot/backends/llvm/functions/coefficients.py"
HEADER = '''"""Polynomials and split constants of elementary functions.

Written by tools/function_coefficients.py. Each is a pair: for float64 and for float32.
Polynomials begin with the constant.
"""

'''


@dataclass
class Fit:
    """p(x) near `function` on an interval so that weight * |p - function| < 2^-bits."""

    function: Callable[[Any], Any]
    low: Any
    high: Any
    weight: Callable[[Any], Any] = lambda x: 1
    bits: tuple[float, float] = (56.5, 27.0)
    high32: Any = None
    points: int = 500
    floor: float = 1e-9
    only64: bool = False
    only32: bool = False
    cache: dict[str, Any] = field(default_factory=dict)

    def interval(self, single: bool) -> tuple[mpf, mpf]:
        """Where a format needs it."""
        high = self.high32 if single and self.high32 is not None else self.high
        return mpf(self.low), mpf(high)


def chebyshev(low: mpf, high: mpf, n: int) -> list[mpf]:
    """The extremes of the Chebyshev polynomial of degree n - 1."""
    return [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / (n - 1)) for k in range(n)]


def polynomial(coefficients: list[mpf], x: mpf) -> mpf:
    """Its value at x."""
    return mp.polyval(coefficients[::-1], x)


def level(fit: Fit, nodes: list[mpf], degree: int) -> list[mpf]:
    """The polynomial whose weighted errors at degree + 2 nodes are equal and alternate."""
    values = [fit.function(x) for x in nodes]
    weights = [max(fit.weight(x), mpf(fit.floor)) for x in nodes]
    matrix = mp.matrix(degree + 2, degree + 2)
    for i, x in enumerate(nodes):
        for j in range(degree + 1):
            matrix[i, j] = x**j
        matrix[i, degree + 1] = (-1) ** i / weights[i]
    return list(mp.lu_solve(matrix, mp.matrix(values)))[:-1]


def remez(fit: Fit, single: bool, degree: int) -> tuple[list[mpf], mpf]:
    """The minimax polynomial of a degree, and its largest weighted error."""
    low, high = fit.interval(single)
    if single not in fit.cache:
        grid = chebyshev(low, high, fit.points)
        fit.cache[single] = (grid, [fit.function(x) for x in grid],
                             [max(fit.weight(x), mpf(fit.floor)) for x in grid])
    grid, values, weights = fit.cache[single]
    nodes = chebyshev(low, high, degree + 2)
    best: tuple[list[mpf], mpf] | None = None
    for _ in range(8):
        coefficients = level(fit, nodes, degree)
        errors = [w * (polynomial(coefficients, x) - v)
                  for x, v, w in zip(grid, values, weights, strict=True)]
        worst = max(abs(e) for e in errors)
        if best is None or worst < best[1]:
            best = coefficients, worst
        found = extremes(grid, errors)
        if len(found) < degree + 2:
            break
        while len(found) > degree + 2:
            found.pop(0 if abs(found[0][1]) < abs(found[-1][1]) else -1)
        if worst < mpf("1.02") * min(abs(e) for _, e in found):
            break
        nodes = [x for x, _ in found]
    assert best is not None
    return best


def extremes(grid: list[mpf], errors: list[mpf]) -> list[tuple[mpf, mpf]]:
    """The largest error of each run of one sign."""
    found: list[tuple[mpf, mpf]] = []
    for x, e in zip(grid, errors, strict=True):
        if found and (e > 0) == (found[-1][1] > 0):
            if abs(e) > abs(found[-1][1]):
                found[-1] = (x, e)
        else:
            found.append((x, e))
    return found


def least_degree(fit: Fit, single: bool) -> int:
    """The least degree that meets the target."""
    target = mpf(2) ** -fit.bits[single]
    for degree in range(1, 40):
        if remez(fit, single, degree)[1] < target:
            return degree
    raise ValueError("no polynomial is good enough")


def rounded(coefficients: list[mpf], single: bool) -> list[float]:
    """To the format."""
    kind = np.float32 if single else np.float64
    return [float(kind(float(c)) if single else float(c)) for c in coefficients]


def split(value: mpf, parts: int, free: tuple[int, int]) -> tuple[list[float], list[float]]:
    """A number as a sum of floats; all but the last end in `free` zeros."""
    both = []
    for precision, zeros in ((53, free[0]), (24, free[1])):
        rest, out = value, []
        for k in range(parts):
            keep = precision - (zeros if k < parts - 1 else 0)
            scale = mpf(2) ** (mpmath.frexp(rest)[1] - keep)
            part = mp.nint(rest / scale) * scale
            out.append(float(part))
            rest = rest - part
        both.append(out)
    return both[0], both[1]


# ---- what is approximated ------------------------------------------------------------------------
def odd(function: Callable[[Any], Any], first: Any = 1) -> Callable[[Any], Any]:
    """(f(x) / x - first) / x^2 as a function of z = x^2, continued to z = 0."""
    def of_square(z: Any) -> Any:
        z = max(z, mpf(10) ** -14)
        x = mp.sqrt(z)
        return (function(x) / x - first) / z
    return of_square


def log_tail(z: Any) -> Any:
    """What remains of log((1 + s) / (1 - s)) = 2 s + s^3 (2/3 + z P(z)), z = s^2."""
    z = max(z, mpf(10) ** -12)
    x = mp.sqrt(z)
    return ((2 * mp.atanh(x) / x - 2) / z - mpf(2) / 3) / z


def cos_tail(z: Any) -> Any:
    """What remains of cos(x) = 1 - z / 2 + z^2 P(z), z = x^2."""
    z = max(z, mpf(10) ** -12)
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def exp_tail(r: Any) -> Any:
    """What remains of exp(r) = 1 + r + r^2 P(r)."""
    r = r if abs(r) > mpf(10) ** -12 else mpf(10) ** -12
    return (mp.expm1(r) - r) / r**2


def exp2_tail(r: Any) -> Any:
    """What remains of 2^r = 1 + r P(r)."""
    r = r if abs(r) > mpf(10) ** -12 else mpf(10) ** -12
    return mp.expm1(r * mp.ln2) / r


def erf_tail(z: Any) -> Any:
    """What remains of erf(x) = x + x P(z), z = x^2."""
    x = mp.sqrt(max(z, mpf(10) ** -30))
    return mp.erf(x) / x - 1


def erfc_log_tail(x: Any) -> Any:
    """What remains of log(erfc(x)) = x (P(x) - 9/8)."""
    x = max(x, mpf(10) ** -12)
    return mp.log(mp.erfc(x)) / x + mpf(9) / 8


def scaled_erfc(t: Any) -> Any:
    """(1 + 2 x) exp(x^2) erfc(x), t = (x - 4) / (x + 4)."""
    x = 4 * (1 + t) / (1 - t)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def erf_inv_of(w: Any) -> Any:
    """erf_inv(x) / x where w = -log(1 - x^2)."""
    w = max(w, mpf(10) ** -25)
    x = mp.sqrt(-mp.expm1(-w))
    rest = mp.exp(-w) / (1 + x)  # 1 - x
    if rest > 0.4:
        return mp.erfinv(x) / x
    y = mp.sqrt(-mp.log(rest * mp.sqrt(mp.pi) * mp.sqrt(-mp.log(rest))))
    for _ in range(8):
        step = (mp.erfc(y) - rest) * mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
        y += step / (1 - y * step)
    return y / x


def lgamma_of(u: Any) -> Any:
    """log(gamma(y)) / ((y - 1) (y - 2)), y = u + 2."""
    y = u + 2
    y = y if min(abs(y - 1), abs(y - 2)) > mpf(10) ** -20 else y + mpf(10) ** -20
    return mp.loggamma(y) / ((y - 1) * (y - 2))


def digamma_of(u: Any) -> Any:
    """digamma(y) / (y - root), y = u + 2."""
    y = u + 2
    y = y if abs(y - PSI_ROOT) > mpf(10) ** -20 else y + mpf(10) ** -20
    return mp.digamma(y) / (y - PSI_ROOT)


PSI_ROOT = mp.findroot(mp.digamma, 1.46)
HALF_LN2 = mp.ln2 / 2 * mpf("1.0001")
QUARTER_PI = (mp.pi / 4 * mpf("1.0001")) ** 2
Z_LOG = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf("1.0001")

ERF_INV: dict[str, Any] = {"bits": (56, 26.5), "points": 150}

FITS = {
    "EXP": Fit(exp_tail, -HALF_LN2, HALF_LN2, lambda r: r * r * mp.exp(-r)),
    "EXP2": Fit(exp2_tail, -0.5001, 0.5001, lambda r: abs(r)),
    "LOG": Fit(odd(lambda x: 2 * mp.atanh(x), 2), 0, Z_LOG, lambda z: z / 2),
    "LOG_TAIL": Fit(log_tail, 0, Z_LOG, lambda z: z * z / 2, (68, 36)),
    "SIN": Fit(odd(mp.sin), 0, QUARTER_PI, lambda z: z),
    "COS": Fit(cos_tail, 0, QUARTER_PI, lambda z: z * z),
    "ATAN": Fit(odd(mp.atan), 0, 1, lambda z: z),
    "ASIN": Fit(odd(mp.asin), 0, 0.25, lambda z: z),
    "TANH": Fit(odd(mp.tanh), 0, (HALF_LN2 / 2) ** 2, lambda z: z),
    "SINH": Fit(odd(mp.sinh), 0, 1, lambda z: z),
    "ERF": Fit(erf_tail, 0, 1, lambda z: 1 - z / 4),
    "LOG_ERFC": Fit(lambda x: -mp.log(mp.erfc(x)), 1, 6, mp.erfc, (56, 27), 4, 400, only64=True),
    "LOG_ERFC_WHOLE": Fit(erfc_log_tail, 0, 4, lambda x: x * mp.erfc(x) / mp.erf(x) if x > 1e-9
                          else mp.sqrt(mp.pi) / 2, points=400, only32=True),
    "ERFCX": Fit(scaled_erfc, -0.685, 0.75, high32=0.45, bits=(56, 27), points=300),
    "ERF_INV_LOW": Fit(lambda t: erf_inv_of(t + 3.125), -3.125, 3.125, **ERF_INV),
    "ERF_INV_MIDDLE": Fit(lambda t: erf_inv_of((t + 3.25) ** 2), -0.75, 0.75, high32=0.9,
                          **ERF_INV),
    "ERF_INV_HIGH": Fit(lambda t: erf_inv_of((t + 5) ** 2), -1, 1.05, only64=True, **ERF_INV),
    "LGAMMA": Fit(lgamma_of, -1, 1, lambda u: 1 / abs(lgamma_of(u)), (55, 0), points=300,
                  only64=True),
    "DIGAMMA": Fit(digamma_of, -1, 1, lambda u: 1 / abs(digamma_of(u)), (55, 0), points=300,
                   only64=True),
    "CBRT": Fit(lambda m: m ** (-mpf(1) / 3), 1, 2, bits=(15, 11)),
}

SPLITS = {
    "LN2": split(mp.ln2, 2, (12, 9)),
    "LN2_FULL": split(mp.ln2, 2, (0, 0)),
    "HALF_PI": split(mp.pi / 2, 3, (0, 0)),
    "PI": split(mp.pi, 2, (0, 0)),
    "TWO_THIRDS": split(mpf(2) / 3, 2, (0, 0)),
    "PSI_ROOT": split(PSI_ROOT, 3, (27, 0)),
    "LOG2E": split(1 / mp.ln2, 2, (0, 0)),
    "TWO_OVER_PI": split(2 / mp.pi, 1, (0, 0)),
}


def write(name: str, pair: Any) -> str:
    """Python's text of a pair."""
    lines = [f"{name} = ("]
    for values in pair:
        line = "    ("
        for v in values:
            item = f"{v!r}, "
            if len(line) + len(item) > 98:
                lines.append(line.rstrip())
                line = "     "
            line += item
        lines.append(line.rstrip() + ")," if values else "    (),")
    return "\n".join([*lines, ")"])


def main() -> None:
    """Compute the polynomials named, or all, and write the file."""
    chosen = sys.argv[1:] or list(FITS)
    done = {}
    if sys.argv[1:] and TARGET.exists():
        exec(TARGET.read_text(), done)  # the others stay as they are
    parts = [write(name, pair) for name, pair in SPLITS.items()]
    for name, fit in FITS.items():
        if name in chosen:
            pair = []
            for single in (False, True):
                if fit.only64 if single else fit.only32:
                    pair.append([])
                    continue
                degree = least_degree(fit, single)
                coefficients, error = remez(fit, single, degree)
                print(f"{name:14} {'f32' if single else 'f64'} degree {degree:2}"
                      f" error 2^{float(mp.log(error, 2)):.1f}", flush=True)
                pair.append(rounded(coefficients, single))
        else:
            pair = done[name]
        parts.append(write(name, pair))
    TARGET.write_text(HEADER + "\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
