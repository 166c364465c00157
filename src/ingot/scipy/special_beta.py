"""The sign of gamma, beta functions, and the quotients of gamma functions that follow from them."""

from __future__ import annotations

import math
from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy import primitives as lax
from ingot.numpy.families import like
from ingot.scipy.special_table import no_slope, real as _real


def gammasgn(x: Any) -> Any:
    """Sign of the gamma function, 1 or -1.

    x: [...] real -> [...] floating; nan at the poles -1, -2, ... and the sign of the zero at 0.
    Raises TypeError for complex numbers.

    >>> special.gammasgn(np.array([-0.5, 0.5]))
    Array([-1.,  1.], dtype=float64)
    """
    (x,) = _real("gammasgn", x)
    low = lax.floor(x)
    odd = lax.ne(lax.rem(low, like(x, 2)), like(x, 0))
    negative = lax.select(odd, like(x, -1), like(x, 1))
    pole = lax.bitwise_and(lax.eq(low, x), lax.lt(x, like(x, 0)))
    negative = lax.select(lax.bitwise_or(pole, lax.ne(x, x)), like(x, math.nan), negative)
    one = like(x, 1)
    zero = lax.select(lax.lt(lax.div(one, x), like(x, 0)), like(x, -1), one)
    return lax.select(lax.eq(x, like(x, 0)), zero, lax.select(lax.gt(x, like(x, 0)), one, negative))


def betaln(a: Any, b: Any) -> Any:
    """Logarithm of the absolute value of the beta function, without overflow.

    a, b: real numbers that broadcast -> the broadcast shape, floating. Raises TypeError for complex
    numbers.

    >>> special.betaln(1e5, 1.0) + np.log(1e5)
    Array(0., dtype=float64)
    """
    first, second = _real("betaln", a, b)
    a, b, pole = _reflect(first, second)[:3]
    zero, inf = like(a, 0), like(a, math.inf)
    vanishes = lax.bitwise_and(lax.eq(lax.max(a, b), inf), lax.gt(lax.min(a, b), zero))
    special = lax.bitwise_or(pole, vanishes)
    value = _betaln(*(lax.select(special, like(x, 1), x) for x in (a, b)))
    value = lax.select(pole, inf, lax.select(vanishes, lax.neg(inf), value))
    _, limit_a, limit_b = _alone(first, second, pole)
    return lax.add(value, lax.add(no_slope(first, lax.bitwise_or(pole, limit_b)),
                                  no_slope(second, lax.bitwise_or(pole, limit_a))))


def _alone(a: Any, b: Any, pole: Any) -> tuple[Any, Any, Any]:
    """Where gamma(a + b) alone is infinite; and where a or b is a pole as well, that stands for the
    limit along it with the other one held, so that there is no derivative in the other."""
    total = lax.bitwise_and(_is_pole(lax.add(a, b)), lax.bitwise_not(pole))
    limit_a, limit_b = (lax.bitwise_and(total, _is_pole(x)) for x in (a, b))
    alone = lax.bitwise_and(total, lax.bitwise_not(lax.bitwise_or(limit_a, limit_b)))
    return alone, limit_a, limit_b


def _reflect(a: Any, b: Any) -> tuple[Any, Any, Any, Any]:
    """B(-n, m) = (-1)^m B(n + 1 - m, m) for whole m in [1, n], in whichever order: both arguments,
    whether there is a pole instead, and the sign."""
    zero, one, two = like(a, 0), like(a, 1), like(a, 2)

    def whole(x: Any) -> Any:
        return lax.eq(lax.floor(x), x)

    whole_a, whole_b = whole(a), whole(b)
    first, second = (lax.bitwise_and(w, lax.le(x, zero)) for w, x in ((whole_a, a), (whole_b, b)))
    inside = lax.bitwise_and(lax.bitwise_and(whole_a, whole_b), lax.le(lax.add(a, b), zero))
    turn_a = lax.bitwise_and(inside, lax.gt(b, zero))
    turn_b = lax.bitwise_and(inside, lax.gt(a, zero))
    turned = lax.bitwise_or(turn_a, turn_b)
    pole = lax.bitwise_and(lax.bitwise_or(first, second), lax.bitwise_not(turned))
    pole = lax.bitwise_and(pole, lax.eq(lax.add(a, b), lax.add(a, b)))
    other = lax.sub(one, lax.add(a, b))
    m = lax.select(turn_a, b, a)
    odd = lax.bitwise_and(turned, lax.ne(lax.rem(lax.select(turned, m, zero), two), zero))
    return (lax.select(turn_a, other, a), lax.select(turn_b, other, b), pole,
            lax.select(odd, lax.neg(one), one))


def _betaln(a: Any, b: Any) -> Any:
    """The logarithm where it is finite."""
    plain = lax.sub(lax.add(lax.lgamma(a), lax.lgamma(b)), lax.lgamma(lax.add(a, b)))
    # Where one is large its logarithms cancel: Stirling's formula, with the remainders.
    swap = lax.gt(a, b)
    small, large = lax.select(swap, b, a), lax.select(swap, a, b)
    eight = like(a, 8)
    use = lax.bitwise_and(lax.ge(large, eight), lax.bitwise_or(
        lax.ge(small, like(a, 0)), lax.ge(lax.add(a, b), eight)))
    a, b = lax.select(use, small, like(a, 1)), lax.select(use, large, like(a, 8))
    total = lax.add(a, b)
    ratio, half = lax.div(a, b), like(a, 0.5)
    rest = lax.sub(_stirling(b), _stirling(total))
    both = lax.ge(a, like(a, 8))
    c = lax.select(both, a, like(a, 8))
    share = lax.div(lax.select(both, ratio, like(a, 1)), lax.add(
        lax.select(both, ratio, like(a, 1)), like(a, 1)))
    near = lax.add(lax.mul(lax.sub(c, half), lax.log(share)), lax.sub(
        like(a, 0.5 * math.log(2 * math.pi)), lax.mul(half, lax.log(b))))
    near = lax.sub(lax.add(near, lax.add(_stirling(c), rest)), lax.mul(b, lax.log1p(ratio)))
    far = lax.sub(a, lax.add(lax.mul(lax.sub(total, half), lax.log1p(ratio)),
                             lax.mul(a, lax.log(b))))
    far = lax.add(lax.add(far, rest), lax.lgamma(a))
    return lax.select(use, lax.select(both, near, far), plain)


def _stirling(x: Any) -> Any:
    """lgamma(x) - ((x - 1/2) log(x) - x + log(2 pi) / 2) for x >= 8, a series in 1 / x."""
    terms = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156,
             -3617 / 122400)
    y = lax.div(like(x, 1), x)
    square, out = lax.mul(y, y), like(x, terms[-1])
    for term in terms[-2::-1]:
        out = lax.add(lax.mul(out, square), like(x, term))
    return lax.mul(out, y)


def beta(a: Any, b: Any) -> Any:
    """Beta function, gamma(a) gamma(b) / gamma(a + b), DLMF 5.12.1.

    a, b: real numbers that broadcast -> the broadcast shape, floating; nan or inf at the poles of
    gamma. Raises TypeError for complex numbers.

    >>> special.beta(2.0, 3.0) * 12
    Array(1., dtype=float64, weak_type=True)
    """
    a, b = _real("beta", a, b)
    pole = _reflect(a, b)[2]
    crossing, limit_a, limit_b = _alone(a, b, pole)
    one, half = like(a, 1), like(a, 0.5)
    value = _beta(*(lax.select(crossing, one, x) for x in (a, b)))
    value = lax.add(value, lax.add(no_slope(b, limit_a), no_slope(a, limit_b)))
    # Where gamma(a + b) is infinite, the value is 0, and the derivative is not.
    p, q = (lax.select(crossing, x, half) for x in (a, b))
    total = lax.select(crossing, lax.add(p, q), like(a, 0))
    product = lax.mul(lax.mul(_gamma(p), _gamma(q)), reciprocal_gamma(total))
    return _crossed(crossing, product, value, a, b)


def _crossed(crossing: Any, product: Any, value: Any, *args: Any) -> Any:
    """The product, which is 0, where gamma is infinite below; where it overflows on the way, 0 of
    which no derivative is known. Elsewhere the value."""
    lost = lax.bitwise_and(crossing, lax.ne(product, product))
    out = lax.select(crossing, lax.select(lost, like(value, 0), product), value)
    for x in args:
        out = lax.add(out, no_slope(x, lost))
    return out


def _beta(a: Any, b: Any) -> Any:
    """The beta function by its logarithm."""
    turned_a, turned_b, pole, turn = _reflect(a, b)
    sign = lax.mul(lax.mul(gammasgn(turned_a), gammasgn(turned_b)),
                   gammasgn(lax.add(turned_a, turned_b)))
    known = lax.bitwise_and(lax.eq(sign, sign), lax.bitwise_not(pole))
    sign = lax.select(known, lax.mul(sign, turn), like(a, 1))
    return lax.mul(sign, lax.exp(betaln(a, b)))


def _is_pole(x: Any) -> Any:
    """Whether x is a number at which the gamma function is infinite."""
    whole = lax.bitwise_and(lax.is_finite(x), lax.eq(lax.floor(x), x))
    return lax.bitwise_and(whole, lax.le(x, like(x, 0)))


def _gamma(x: Any) -> Any:
    return lax.mul(gammasgn(x), lax.exp(lax.lgamma(x)))


def reciprocal_gamma(x: Any) -> Any:
    """1 / gamma(x) for x < 1 by reflection, so that its zeros have the derivatives they have."""
    near = lax.round(x)
    odd = lax.ne(lax.rem(near, like(x, 2)), like(x, 0))
    wave = lax.sin(lax.mul(lax.sub(x, near), like(x, math.pi)))
    wave = lax.div(lax.select(odd, lax.neg(wave), wave), like(x, math.pi))
    return lax.mul(wave, lax.exp(lax.lgamma(lax.sub(like(x, 1), x))))


def comb(N: Any, k: Any, *, repetition: bool = False) -> Any:
    """Number of ways to choose k of N things, with repetition if asked.

    N, k: real numbers that broadcast; 0 where k > N or one is negative. repetition: whether a thing
    may be chosen again -> the broadcast shape, floating. Raises TypeError for complex numbers.

    >>> special.comb(4.0, 2.0, repetition=True).round(6)
    Array(10., dtype=float64, weak_type=True)
    """
    N, k = _real("comb", N, k)
    one, zero = like(N, 1), like(N, 0)
    nothing = lax.bitwise_and(lax.eq(N, zero), lax.eq(k, zero))  # one way, also with repetition
    if repetition:
        N = lax.sub(lax.add(N, k), one)
    wrong = lax.bitwise_or(lax.bitwise_or(lax.lt(k, zero), lax.lt(N, zero)), lax.gt(k, N))
    n, m = lax.select(wrong, one, N), lax.select(wrong, one, k)
    rest = lax.sub(n, m)
    exponent = lax.neg(lax.add(lax.log1p(n), betaln(lax.add(m, one), lax.add(rest, one))))
    return lax.select(nothing, one, lax.select(wrong, zero, lax.exp(exponent)))


def _stays(z: Any, m: Any) -> Any:
    """Whether no step is made from a pole of gamma, an infinity or nan; elsewhere a formula has the
    derivative, too."""
    no_number = lax.bitwise_not(lax.is_finite(z))
    return lax.bitwise_and(lax.eq(m, like(m, 0)), lax.bitwise_or(_is_pole(z), no_number))


def _poch_far_out(z: Any, m: Any, near: Any) -> Any:
    """The limits of Pochhammer's symbol at infinities, where there is one; near elsewhere."""
    backwards = lax.bitwise_and(lax.is_finite(m), lax.lt(m, like(m, 0)))
    vanishes = lax.bitwise_and(lax.eq(z, like(z, math.inf)), backwards)
    unknown = lax.bitwise_or(lax.ne(m, m), lax.eq(m, like(m, -math.inf)))
    return lax.select(unknown, like(z, math.nan), lax.select(vanishes, like(z, 0), near))


def poch(z: Any, m: Any) -> Any:
    """Pochhammer's symbol, the rising factorial gamma(z + m) / gamma(z), DLMF 5.2(iii).

    z, m: real numbers that broadcast -> the broadcast shape, floating. Raises TypeError for complex
    numbers.

    >>> special.poch(1.0, 3.0).round(6)
    Array(6., dtype=float64, weak_type=True)
    """
    z, m = _real("poch", z, m)
    start, steps = z, m
    crossing = lax.bitwise_and(_is_pole(z), lax.bitwise_not(_is_pole(lax.add(z, m))))
    crossing = lax.bitwise_and(crossing, lax.ne(lax.abs(m), like(m, math.inf)))
    z, m = (lax.select(crossing, like(x, 1), x) for x in (z, m))
    # (-n)_m = (-1)^m (n - m + 1)_m for whole m up to n.
    turn = lax.bitwise_and(lax.eq(lax.floor(z), z), lax.eq(lax.floor(m), m))
    turn = lax.bitwise_and(turn, lax.bitwise_and(
        lax.le(z, like(z, 0)), lax.le(lax.add(z, m), like(z, 0))))
    odd = lax.bitwise_and(turn, lax.ne(lax.rem(lax.select(turn, m, like(m, 0)), like(m, 2)),
                                       like(m, 0)))
    z = lax.select(turn, lax.sub(like(z, 1), lax.add(z, m)), z)
    top = lax.add(z, m)
    # For positive arguments by the beta function, whose logarithm does not cancel.
    both = lax.bitwise_and(lax.gt(z, like(z, 0)), lax.gt(m, like(m, 0)))
    a, b = lax.select(both, z, like(z, 1)), lax.select(both, m, like(m, 1))
    size = lax.exp(lax.select(both, lax.sub(lax.lgamma(b), betaln(a, b)),
                              lax.sub(lax.lgamma(top), lax.lgamma(z))))
    out = lax.mul(lax.mul(gammasgn(z), gammasgn(top)), size)
    pole, other = (lax.bitwise_and(lax.le(x, like(z, 0)), lax.eq(lax.floor(x), x))
                   for x in (z, top))
    out = lax.select(lax.bitwise_and(pole, lax.bitwise_not(other)), like(z, 0), out)
    out = lax.select(lax.bitwise_and(other, lax.bitwise_not(pole)), like(z, math.inf), out)
    out = lax.select(odd, lax.neg(out), out)
    out = _poch_far_out(start, steps, lax.select(_stays(z, m), like(m, 1), out))
    # From a pole of gamma(z) to a place that is none the value is 0, yet not the derivative.
    x, y = lax.select(crossing, start, like(z, 0)), lax.select(crossing, steps, like(z, 0.5))
    product = lax.mul(_gamma(lax.add(x, y)), reciprocal_gamma(x))
    out = _crossed(crossing, product, out, start, steps)
    return lax.add(out, no_slope(steps, lax.bitwise_and(
        _is_pole(start), lax.bitwise_not(crossing))))


_hide_frames_of(__name__)
