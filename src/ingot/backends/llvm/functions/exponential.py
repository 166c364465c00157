"""Exponentials, logarithms and powers.

Reductions and the form of log1p follow P. T. P. Tang (ACM TOMS 15, 1989; 16, 1990) and W. J. Cody
and W. Waite (Software Manual for the Elementary Functions, 1980); pairs follow T. J. Dekker
(Numer. Math. 18, 1971).
"""

from __future__ import annotations

from ingot.backends.llvm.functions import coefficients as table
from ingot.backends.llvm.functions.assembler import (
    F32,
    F64,
    Format,
    Pair,
    Value,
    bits,
    copysign,
    estrin,
    fabs,
    fast_two_sum,
    fma,
    from_bits,
    maximum,
    minimum,
    trunc,
    two_product,
    two_sum,
    where,
)

INF = float("inf")


def chosen(pair: tuple[tuple[float, ...], tuple[float, ...]], format: Format) -> tuple[float, ...]:
    """The constants of a format."""
    return pair[format is F32]


# ---- scaling by powers of two --------------------------------------------------------------------
def power_of_two(shifted: Value) -> Value:
    """2^n in the range of normal numbers; the shifter and a bias were added to n."""
    return from_bits(bits(shifted) << shifted.format.mantissa)


def scale(x: Value, shifted: Value) -> Value:
    """x * 2^n, rounded once: by two factors, as 2^n may not be a normal number; the shifter and two
    biases were added to n."""
    f, both = shifted.format, bits(shifted)
    first = both >> 1
    second = both - first
    return x * from_bits(first << f.mantissa) * from_bits(second << f.mantissa)


# ---- exponentials --------------------------------------------------------------------------------
def reduce_exp(x: Value, added: int, low: Value | float = 0.0) -> tuple[Value, Value, Value]:
    """n as a float, the shifter and an integer added, and r + r_low = x + low - n log 2, where
    |r| <= log(2) / 2."""
    f = x.format
    ln2_high, ln2_low = chosen(table.LN2, f)
    shifted = fma(x, chosen(table.LOG2E, f)[0], f.shifter + added)
    n = shifted - (f.shifter + added)
    high = fma(n, -ln2_high, x)  # exact
    rest = n * -ln2_low if isinstance(low, float) else fma(n, -ln2_low, low)
    return shifted, *fast_two_sum(high, rest)


def exp_bounds(f: Format) -> tuple[float, float]:
    """Beyond them exp(x) is 0 or infinite, with room for exp(x) / 2."""
    return (-746.0, 711.0) if f is F64 else (-104.5, 90.0)


def exp_pair(x: Value, low: Value | float = 0.0, extra: int = 0) -> tuple[Value, Value, Value]:
    """exp(x + low) * 2^extra as 2^n (1 + a + b): n as `scale` wants it, |a| < 1/2, b less."""
    f = x.format
    lowest, highest = exp_bounds(f)
    limited = maximum(minimum(x, highest), lowest)
    shifted, r, r_low = reduce_exp(limited, 2 * f.bias + extra, low)
    return shifted, r, fma(r * r, estrin(r, chosen(table.EXP, f)), r_low)


def scaled_exp(x: Value, low: Value | float = 0.0, extra: int = 0) -> Value:
    """exp(x + low) * 2^extra, where low is much less than 1."""
    shifted, a, b = exp_pair(x, low, extra)
    return scale((a + b) + 1.0, shifted)


def exp(x: Value) -> Value:
    return scaled_exp(x)


def exp2(x: Value) -> Value:
    f = x.format
    x = maximum(minimum(x, float(f.bias + 1)), -float(f.bias + f.mantissa + 1))
    center = f.shifter + 2 * f.bias
    shifted = x + center
    r = x - (shifted - center)
    return scale(fma(r, estrin(r, chosen(table.EXP2, f)), 1.0), shifted)


def expm1(x: Value) -> Value:
    """2^n (r + q) + 2^n - 1, in halves as 2^n may be too large."""
    f = x.format
    limited = maximum(minimum(x, exp_bounds(f)[1]), -60.0)
    shifted, r, r_low = reduce_exp(limited, f.bias - 1)
    q = fma(r * r, estrin(r, chosen(table.EXP, f)), r_low)
    half = power_of_two(minimum(shifted, f.shifter + 2 * f.bias))
    out = fma(half, q, fma(half, r, half - 0.5)) * 2.0
    out = where(x > exp_bounds(f)[1] - 1, INF, out)
    return where(fabs(x) < f.tiny, x, out)


# ---- logarithms ----------------------------------------------------------------------------------
def split_float(x: Value) -> tuple[Value, Value, Value]:
    """k and m with x = 2^k m, sqrt(1/2) <= m < sqrt(2), and k + bias as an integer; for x > 0."""
    f = x.format
    subnormal = x < f.smallest_normal
    i = bits(where(subnormal, x * 2.0**f.mantissa, x))
    root = f.bits(0.5**0.5)
    moved = i + (f.bits(1.0) - root)
    biased = moved >> f.mantissa
    m = from_bits((moved & ((1 << f.mantissa) - 1)) + root)
    two = 2.0**f.mantissa
    offset = where(subnormal, x.constant(two + f.bias + f.mantissa), two + f.bias)
    k = from_bits(biased | f.bits(two)) - offset
    return k, m, biased


def log_of(k: Value, x: Value, low: Value | None = None) -> Value:
    """k log 2 + log(1 + x + low)."""
    f = x.format
    ln2_high, ln2_low = chosen(table.LN2, f)
    half_square = x * x * 0.5
    s = x / (x + 2.0)
    z = s * s
    tail = s * fma(z, estrin(z, chosen(table.LOG, f)), half_square)
    if low is not None:
        tail = tail + low
    return fma(k, ln2_high, x - (half_square - fma(k, ln2_low, tail)))


def log_limits(x: Value, out: Value) -> Value:
    """The logarithm at 0, below and at infinity."""
    out = where(x < INF, out, x)
    return where(x > 0.0, out, where(x.equals(0.0), -INF, x.nan()))


def log(x: Value) -> Value:
    k, m, _ = split_float(x)
    return log_limits(x, log_of(k, m - 1.0))


def log2(x: Value) -> Value:
    """k + log(m) / log(2): exact at powers of two, where m is 1."""
    k, m, _ = split_float(x)
    rest = log_of(x.constant(0.0), m - 1.0)
    high, low = chosen(table.LOG2E, x.format)
    return log_limits(x, fma(rest, high, fma(rest, low, k)))


def log1p(x: Value) -> Value:
    """log(u) + low / u, where u + low = 1 + x exactly."""
    f = x.format
    u, low = two_sum(x, x.constant(1.0))
    k, m, biased = split_float(u)
    y = m - 1.0
    low = low * from_bits((2 * f.bias - biased) << f.mantissa)
    low = low * fma(y, y - 1.0, 1.0)  # about low / m
    near = k.equals(0.0)
    out = log_of(k, where(near, x, y), where(near | (u > 2.0 ** (f.mantissa + 4)), 0.0, low))
    return where(fabs(x) < f.tiny, x, log_limits(u, out))


# ---- powers --------------------------------------------------------------------------------------
def log_pair(x: Value) -> Pair:
    """log(x) as a pair, 10 bits more precise than a float; x > 0 and finite."""
    f = x.format
    k, m, _ = split_float(x)
    y = m - 1.0
    # s = y / (2 + y)
    d, d_low = fast_two_sum(x.constant(2.0), y)
    inverse = 1.0 / d
    s = y * inverse
    s_low = fma(-s, d_low, fma(-s, d, y)) * inverse
    # 2 s + s^3 (2/3 + z P(z)), which grows by 2 + 2 z times as much as s
    z, z_low = two_product(s, s)
    cube, cube_low = two_product(z, s)
    third, third_low = chosen(table.TWO_THIRDS, f)
    double = s + s
    high = fma(cube, third, double)
    low = fma(cube, third, double - high)
    low = fma(cube, fma(z, estrin(z, chosen(table.LOG_TAIL, f)), third_low), low)
    low = fma(fma(z_low, s, cube_low), third, low)
    low = fma(s_low, fma(z, 2.03, 2.0), low)
    # k log(2), of which the first product is exact and larger than the rest, or 0
    ln2_high, ln2_low = chosen(table.LN2, f)
    total = fma(k, ln2_high, high)
    rest = fma(k, ln2_high, -total) + high
    return fast_two_sum(total, rest + fma(k, ln2_low, low))


def pow(x: Value, y: Value) -> Value:
    """C's rules: x^0 and 1^y are 1 whatever the other; NaN for x < 0 unless y is an integer."""
    f, size = x.format, fabs(x)
    y_size = minimum(fabs(y), 2.0 ** (f.mantissa + 1))  # all from there on are even
    part = fma(trunc(y_size * 0.5), -2.0, y_size)
    odd = part.equals(1.0)
    broken = ~(odd | part.equals(0.0))
    finite = size < INF
    high, low = log_pair(size)
    high = where(finite, high, size)  # infinity and NaN go through
    high = where(size.equals(0.0), -INF, high)
    exponent = where(size.equals(1.0), 0.0, y)
    product, rest = two_product(exponent, high)
    rest = fma(exponent, low, rest)
    rest = where(rest < 0.25, rest, 0.25)  # what is more, or NaN, belongs to 0 or infinity
    out = scaled_exp(product, where(rest > -0.25, rest, -0.25))
    out = where(odd, copysign(out, x), out)
    out = where((x < 0.0) & broken & finite, x.nan(), out)
    return where(y.equals(0.0), 1.0, out)


def cbrt(x: Value) -> Value:
    """From an approximation of m^(-1/3), by one step of third order and one of Newton."""
    f = x.format
    size = fabs(x)
    small = size < f.smallest_normal
    i = bits(where(small, size * 2.0 ** (3 * (f.mantissa // 3 + 1)), size))
    two = 2.0**f.mantissa
    e = from_bits((i >> f.mantissa) | f.bits(two)) - (two + f.bias)
    m = from_bits((i & ((1 << f.mantissa) - 1)) | f.bits(1.0))
    center = f.shifter + f.bias
    shifted = fma(e - 1.0, 1 / 3, center)  # the floor of e / 3
    rest = e - 3.0 * (shifted - center)
    one, two_ = rest.equals(1.0), rest.equals(2.0)
    t = m * where(one, 2.0, where(two_, x.constant(4.0), 1.0))
    y = estrin(m, chosen(table.CBRT, f)) * where(
        one, 2 ** (-1 / 3), where(two_, x.constant(2 ** (-2 / 3)), 1.0))
    error = fma(-(t * y), y * y, 1.0)
    y = fma(y * error, fma(error, 2 / 9, 1 / 3), y)
    c = t * y * y
    square, square_low = two_product(c, c)
    c = fma(fma(-square, c, t) - square_low * c, y * y * (1 / 3), c)
    out = c * power_of_two(shifted)
    out = where(small, out * 2.0 ** -(f.mantissa // 3 + 1), out)
    special = size.equals(0.0) | (size.equals(INF)) | x.is_nan()
    return where(special, x, copysign(out, x))
