"""Taylor series through functions: derivatives of high order along a curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import ingot.numpy as jnp
from ingot.api.grad import jvp
from ingot.core.avals import is_inexact
from ingot.core.interpreter import typeof
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.tree import tree_flatten, tree_map, tree_unflatten


def jet(fun: Callable[..., Any], primals: Sequence[Any], series: Sequence[Any],
        factorial_scaled: bool = True, **_: Any) -> tuple[Any, Any]:
    """The value of a function along a curve, and the derivatives of that.

    fun: arrays or pytrees -> the same. primals: the arguments at the start, pytrees. series: for
    each argument the list of its first derivatives along the curve, all equally many.
    factorial_scaled: if false, these are Taylor coefficients -> (result, in its structure the lists
    of its derivatives). Raises ValueError if numbers of terms differ.

    >>> from ingot.experimental.jet import jet
    >>> y, terms = jet(jnp.sin, (0.0,), ([1.0, 0.0, 0.0],))
    >>> y, [float(term) for term in terms]
    (Array(0., dtype=float64), [1.0, 0.0, -1.0])
    """
    leaves, tree = tree_flatten(tuple(primals))
    terms = [c for x, s in zip(primals, series, strict=True) for c in _columns(x, s)]
    counts = {len(c) for c in terms}
    if len(counts) > 1:
        raise ValueError(f"jet: all arguments need equally many terms, got {sorted(counts)}")
    count = counts.pop() if counts else 0

    def curve(t: Any) -> Any:
        return fun(*tree_unflatten(tree, [
            _polynomial(x, c, t, factorial_scaled) for x, c in zip(leaves, terms, strict=True)]))

    derivatives = _nest(curve, count)(0.0)
    first, out_tree = tree_flatten(derivatives[0])
    rest = [tree_flatten(d)[0] for d in derivatives[1:]]
    scales = [1 if factorial_scaled else math.factorial(k) for k in range(1, count + 1)]
    lists = [[(column[i] / s).astype(typeof(x).dtype) if is_inexact(typeof(x)) else column[i]
              for column, s in zip(rest, scales, strict=True)] for i, x in enumerate(first)]
    return derivatives[0], tree_unflatten(out_tree, lists)


def _columns(x: Any, terms: Sequence[Any]) -> list[list[Any]]:
    """The terms of an argument for each of its leaves."""
    rows = [tree_flatten(term)[0] for term in terms]
    count = len(tree_flatten(x)[0])
    if any(len(row) != count for row in rows):
        raise ValueError("jet: terms must have the structure of their argument")
    return [[row[i] for row in rows] for i in range(count)]


def _polynomial(x: Any, terms: Sequence[Any], t: Any, scaled: bool) -> Any:
    """x + terms[0] t + terms[1] t^2 / 2 + ..., in the dtype of x."""
    x = jnp.asarray(x)
    if not is_inexact(typeof(x)):
        return x
    total, t = jnp.zeros_like(x), jnp.asarray(t, jnp.real(x).dtype)
    for k, term in reversed(list(enumerate(terms, 1))):
        coefficient = jnp.asarray(term, x.dtype) / (math.factorial(k) if scaled else 1)
        total = (total + coefficient) * t
    return x + total


def _nest(f: Callable[[Any], Any], count: int) -> Callable[[Any], list[Any]]:
    """The function that gives f and its first derivatives."""
    if not count:
        return lambda t: [f(t)]
    inner = _nest(f, count - 1)

    def outer(t: Any) -> list[Any]:
        values, tangents = jvp(inner, (t,), (1.0,))
        last = tree_map(lambda v, d: d if is_inexact(typeof(v)) else jnp.zeros_like(v), values[-1],
                        tangents[-1])
        return [*values, last]

    return outer


__all__ = ["jet"]

_hide_frames_of(__name__)
