"""What distributions share: promotion of arguments, functions that follow from a logarithm."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from operator import gt, lt
from typing import Any

from ingot.control.while_loop import while_loop
from ingot.dtypes import finfo
from ingot.numpy import primitives as lax
from ingot.numpy.creation import full_like
from ingot.numpy.elementary import log, log1p
from ingot.numpy.families import kind_of, like
from ingot.numpy.logic import where
from ingot.numpy.promotion import promote_dtypes
from ingot.numpy.reductions import all as all_
from ingot.numpy.rounding import floor
from ingot.scipy.special_table import real as real, zero_of_slope
from ingot.util import call_of, wraps

INF, NAN = math.inf, math.nan
LOG_2PI = math.log(2 * math.pi)


def exp(x: Any) -> Any:
    """Exponential of an array."""
    return lax.exp(x)


def real_dtypes(name: str, *args: Any) -> list[Any]:
    """Arguments as floats of one dtype, each in its shape; TypeError for complex numbers."""
    out = promote_dtypes(name, *args, kind="inexact")
    if kind_of(out[0]) == "c":
        raise TypeError(f"{name}: the arguments must be real, got {out[0].aval}")
    return out


LIMITS = {"pdf": (0, 0), "logpdf": (-INF, -INF), "cdf": (0, 1), "logcdf": (-INF, 0), "sf": (1, 0),
          "logsf": (0, -INF)}
"""Values below and above the support of a continuous distribution, by the function's name."""

QUANTILES = ("ppf", "isf")
LINE, HALF_LINE, UNIT = (-INF, INF, 1.0), (0.0, INF, 1.0), (0.0, 1.0, 0.5)
"""Supports: their ends, and a point inside."""


def defined_where(valid: Callable[..., Any] | None = None, *, support: Any = None,
                  index: Callable[..., Any] | None = None
                  ) -> Callable[[Callable[..., Any]], Any]:
    """A decorator for functions (x, *shape parameters, loc, scale) of a distribution: they get
    floats of one dtype and shape. The result is nan, and so are derivatives in x, where an argument
    is nan, `valid(*shape parameters)` is false, the scale is not positive, or a probability is not
    in [0, 1]; those functions need not care.

    support: of continuous distributions, at loc 0 and scale 1: its ends and a point inside, or a
    function of the shape parameters that gives them. Outside of it, and at infinities with a finite
    limit, values are the limits and derivatives 0: there, functions see the point inside.

    index: of shape parameters, the number a for which tails are like x^-a: logarithms of tails at
    infinities change with the scale as a log(scale), and infinitely fast with shape parameters.
    """
    def decorate(fun: Callable[..., Any]) -> Any:
        signature, name = inspect.signature(fun), fun.__name__
        title = f"{fun.__module__.rpartition('.')[2]}.{name}"
        limits = LIMITS.get(name) if support is not None else None

        @wraps(fun)
        def defined(*args: Any, **kwargs: Any) -> Any:
            given = _bind(title, fun, signature, args, kwargs)
            x, *rest = real(title, *given.values())
            shapes = rest[:len(rest) - (2 if "scale" in given else 1)]
            places = rest[len(shapes):]
            good = _good(x, shapes, *places, valid=valid, quantile=name in QUANTILES)
            factor = where(good, 1, like(x, NAN))
            ends: Any = support(*shapes) if callable(support) else support
            beyond = _beyond(x, limits, ends, places, index and index(*shapes)) if limits else []
            steep = good & _endless(x, limits, ends) if index and limits else None
            x = x * factor
            for there, _ in beyond:
                x = where(there, places[0] + places[1] * ends[2], x)
            out = _limited(fun(x, *rest) * factor, good, beyond)
            return out if steep is None else _falling(out, shapes, x, steep)

        return defined

    return decorate


def _limited(out: Any, good: Any, beyond: Sequence[tuple[Any, Any]]) -> Any:
    """`out`, but the limits where they are known."""
    for there, limit in beyond:
        out = where(there & good, limit, out)
    return out


def _falling(out: Any, shapes: Sequence[Any], x: Any, there: Any) -> Any:
    """`out`, with the slope -inf in shape parameters somewhere."""
    slope = where(there, like(x, -INF), 0)
    for shape in shapes:
        out = out + zero_of_slope(shape, slope)
    return out


def _bind(title: str, fun: Callable[..., Any], signature: inspect.Signature, args: Any,
          kwargs: Any) -> dict[str, Any]:
    """All arguments of a call by name."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{title}: {error}; the arguments are {call_of(fun)}") from None
    bound.apply_defaults()
    return bound.arguments


def _good(x: Any, shapes: Sequence[Any], loc: Any, scale: Any = None, *, valid: Any, quantile: bool
          ) -> Any:
    """Whether a function is defined, element by element."""
    good = (x >= 0) & (x <= 1) if quantile else x == x
    if valid is not None:
        good = good & valid(*shapes)
    for other in (*shapes, loc):
        good = good & (other == other)
    return good if scale is None else good & (scale > 0)


def _beyond(x: Any, limits: tuple[float, float], ends: tuple[Any, Any, Any],
            places: Sequence[Any], power: Any) -> list[tuple[Any, Any]]:
    """Where x is outside of the support, or infinite, and the limits there: below and above."""
    loc, scale = places[0], places[1] if len(places) > 1 else 1.0
    z, out = (x - loc) / scale, []
    for end, limit, outside, infinite in (
            (ends[0], limits[0], lt, -INF), (ends[1], limits[1], gt, INF)):
        endless = type(end) is float and end == infinite
        if limit != -INF:
            out.append((x == infinite, limit))
        elif power is not None and endless:
            out.append((x == infinite, power * log(scale) - INF))
        if not endless:
            out.append((outside(z, end), limit))
    return out


def _endless(x: Any, limits: tuple[float, float], ends: tuple[Any, Any, Any]) -> Any:
    """Where x is an infinite end of the support at which the limit is -inf."""
    return ((x == -INF) & (ends[0] == -INF) & (limits[0] == -INF)
            | (x == INF) & (ends[1] == INF) & (limits[1] == -INF))


def log1p_square(z: Any) -> Any:
    """log(1 + z^2), also where the square overflows."""
    far = abs(z) > 1
    near, large = where(far, 0, z), where(far, z, 1)
    small = 1 / large
    return where(far, 2 * log(abs(large)) + log1p(small * small), log1p(near * near))


def first_integer(holds: Callable[[Any], Any], q: Any) -> Any:
    """The smallest whole number from 0 on at which a monotone condition holds, by bisection.

    q, the probability asked for: [...] -> the number as a float; inf where the condition does not
    hold up to 2^62, -1 where it holds before 0, nan for a nan. It is constant, as derivatives go.
    """
    q = lax.stop_gradient(q)

    def doubled(state: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = state
        missing = ~holds(high) & (high < 2.0**62)
        return where(missing, high, low), where(missing, 2 * high + 1, high)

    def halved(state: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = state
        middle = floor((low + high) / 2)
        low_side = ~holds(middle)
        return where(low_side, middle, low), where(low_side, high, middle)

    def open_(state: tuple[Any, Any]) -> Any:
        low, high = state
        middle = floor((low + high) / 2)
        return ~all_((middle <= low) | (middle >= high))

    start = (full_like(q, -1), full_like(q, 0))
    low, high = while_loop(lambda s: ~all_(holds(s[1]) | (s[1] >= 2.0**62) | (q != q)),
                           doubled, start)
    _, high = while_loop(open_, halved, (low, high))
    high = where(holds(full_like(q, -1)), -1, where(holds(high), high, INF))
    return where(q == q, high, NAN)


def discrete_quantile(cdf: Callable[[Any], Any], sf: Callable[[Any], Any], q: Any, upper: bool
                      ) -> Any:
    """The smallest whole number k with cdf(k) >= q, or sf(k) <= q for `upper`; q in [0, 1].

    Of the two functions that is asked which is small there, with some units of rounding, so that
    the quantile of a probability as it is computed is where that probability is from.
    """
    unit = float(finfo(q.dtype).eps)
    own, rest = 4 * unit * q, 2 * unit
    small = q < 0.5
    if upper:
        return first_integer(lambda k: where(
            small, sf(k) <= q + own, cdf(k) >= 1 - q - rest), q)
    return first_integer(lambda k: where(small, cdf(k) >= q - own, sf(k) <= 1 - q + rest), q)


def log_of_parts(value: Any, rest: Any) -> Any:
    """log(value) for value + rest = 1, from whichever is small."""
    small = value < 0.5
    return where(small, log(where(small, value, 1)), log1p(-where(small, 0, rest)))
