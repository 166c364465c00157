"""Rows of select_n and clamp."""

import numpy as np

from examples import Bad, Example, booleans, complex_normal, distinct, integers, normal
from ingot.primitives import select as s

X, Y, W = normal(3, 2), normal(3, 2, seed=1), normal(3, 2, seed=2)
B = booleans(3, 2)
I = integers(0, 3, 3, 2, dtype=np.int32)


def selected(which, *cases):
    index = np.broadcast_to(np.clip(which.astype(int), 0, len(cases) - 1), cases[0].shape)
    return np.choose(index, cases)


def clamped(low, x, high):
    return np.minimum(np.maximum(low, x), high)


SPREAD = distinct(3, 2)
NAN = np.array([np.nan, 1.0, 5.0, -np.inf, 2.0])

EXAMPLES = [
    Example(s.select_n, (B, X, Y), ref=selected, ulps=0),
    Example(s.select_n, (I, X, Y, W), ref=selected, ulps=0),
    Example(s.select_n, (I * 3 - 2, X, Y, W), ref=selected, ulps=0, maps=(1, 2, 3)),
    Example(s.select_n, (np.array(True), X, Y), ref=selected, ulps=0),
    Example(s.select_n, (np.array(2, np.int32), X, Y, W), ref=selected, ulps=0),
    Example(s.select_n, (B, complex_normal(3, 2), complex_normal(3, 2, seed=3)), ref=selected,
            ulps=0),
    Example(s.select_n, (B, I, I + 3), ref=selected), Example(s.select_n, (B, B, ~B), ref=selected),
    Example(lambda x, y, which: s.select_n(which, x, y), (X, Y, B), accepts="biufc", ulps=0,
            name="select_dtypes", jax=False),
    Example(s.select_n, (I, X), ref=selected, ulps=0),
    Example(s.select, (B, X, Y), ref=np.where, ulps=0),
    Example(s.select_n, (np.zeros((0, 2), bool), np.zeros((0, 2)), np.ones((0, 2))), ref=selected),
    Example(s.select_n, (booleans(7, 30), normal(7, 30), normal(7, 30, seed=1)), ref=selected,
            ulps=0, maps=(), diff=()),
    Example(s.clamp, (np.array(-0.4), SPREAD, np.array(0.5)), ref=clamped, ulps=0, accepts="biuf"),
    Example(s.clamp, (np.full((3, 2), -0.4) + 0.01 * X, SPREAD, np.full((3, 2), 0.5) + 0.01 * Y),
            ref=clamped, ulps=0),
    Example(s.clamp, (np.array(1.0), SPREAD, np.array(-1.0)), ref=clamped, ulps=0),
    Example(s.clamp, (np.array(2), integers(-5, 9, 3, 2), np.array(6)), ref=clamped),
    Example(s.clamp, (np.zeros(5), NAN, NAN[::-1]), ref=clamped, ulps=0, diff=(), maps=()),
    Example(s.clamp, (np.array(0.0), normal(7, 30), np.array(1.0)), ref=clamped, ulps=0, maps=(),
            diff=()),
]

BAD = [
    Bad(s.select_n, (X, X, Y), error=r"select_n: .*f64\[3,2\]"),
    Bad(s.select_n, (B, X, normal(2, 3)), error="select_n: "),
    Bad(s.select_n, (booleans(3), X, Y), error="select_n: "),
    Bad(s.select_n, (B, X, Y, W), error="select_n: "),
    Bad(s.select_n, (B,), error="select_n: "),
    Bad(s.clamp, (normal(3), X, np.array(1.0)), error="clamp: "),
    Bad(s.clamp, (complex_normal(), complex_normal(3), complex_normal()), error="clamp: .*c128"),
]
