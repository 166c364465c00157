"""Random programs over the operations: lists of steps on a stack of float64[3,2] arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np

from ingot.api.jit import jit
from ingot.control.cond import cond
from ingot.control.scan import scan
from ingot.control.while_loop import fori_loop
from ingot.primitives.arithmetic import add, div, max, mul, neg, sub
from ingot.primitives.compare import gt
from ingot.primitives.dot import dot_general
from ingot.primitives.exponential import exp, log1p, logistic
from ingot.primitives.movement import broadcast_in_dim, reduce_sum, reshape, transpose
from ingot.primitives.powers import integer_pow, sqrt, square
from ingot.primitives.select import select
from ingot.primitives.trig import atan2, cos, sin, tanh

SHAPE = (3, 2)


def full(value: float) -> Any:
    return broadcast_in_dim(value, SHAPE, ())


def total(x: Any) -> Any:
    return reduce_sum(x, (0, 1))


def spread(x: Any, dims: tuple[int, ...]) -> Any:
    return broadcast_in_dim(x, SHAPE, dims)


UNARY: dict[str, Callable[[Any], Any]] = {
    "sin": sin, "cos": cos, "tanh": tanh, "logistic": logistic, "neg": neg,
    "exp": lambda x: exp(tanh(x)),
    "log1p": lambda x: log1p(square(tanh(x))),
    "sqrt": lambda x: sqrt(add(square(x), full(1.0))),
    "cube": lambda x: integer_pow(tanh(x), 3),
    "transpose": lambda x: reshape(transpose(x, (1, 0)), SHAPE),
    "ravel": lambda x: reshape(mul(reshape(x, (6,)), np.arange(6.0)), SHAPE),
    "row_sums": lambda x: spread(reduce_sum(x, (1,)), (0,)),
    "column_sums": lambda x: spread(reduce_sum(x, (0,)), (1,)),
    "mean": lambda x: spread(div(total(x), 6.0), ()),
    "gram": lambda x: tanh(dot_general(dot_general(x, x, (((1,), (1,)), ((), ()))), x,
                                       (((1,), (0,)), ((), ())))),
    "loop": lambda x: fori_loop(0, 2, lambda i, c: sin(add(c, x)), x),
    "running_sum": lambda x: scan(lambda c, r: (add(c, r), mul(c, r)), np.full(2, 0.5), x)[1],
    "jit": lambda x: jit(lambda v: sin(mul(v, v)))(x),
    "kink": lambda x: cond(gt(total(x), 0.25), sin, lambda v: mul(v, v), x),
}

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": add, "sub": sub, "mul": lambda x, y: mul(tanh(x), y), "max": max,
    "div": lambda x, y: div(x, add(square(y), full(1.0))),
    "atan2": lambda x, y: atan2(x, add(square(y), full(1.0))),
    "select": lambda x, y: select(gt(x, y), sin(x), y),
    "weights": lambda x, y: scan(lambda c, r: (tanh(add(mul(c, r[0]), r[1])), c),
                                 np.array([0.3, -0.2]), (x, y))[1],
    "choose": lambda x, y: cond(gt(total(y), 0.1), lambda a, b: mul(sin(a), b),
                                lambda a, b: sub(b, a), x, y),
}


@dataclass(frozen=True)
class Program:
    """Steps (name, operands): each appends a value made of earlier ones; the last is the result."""

    steps: tuple[tuple[str, int, int], ...]

    def __call__(self, x: Any, y: Any) -> Any:
        values = [x, y]
        for name, i, j in self.steps:
            a, b = values[-1 - i % len(values)], values[-1 - j % len(values)]
            values.append(UNARY[name](a) if name in UNARY else BINARY[name](a, b))
        return values[-1]


def programs(most: int = 6) -> st.SearchStrategy[Program]:
    """Programs of up to so many steps."""
    step = st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 2), st.integers(0, 3))
    return st.lists(step, min_size=1, max_size=most).map(lambda s: Program(tuple(s)))


def points(seed: int, *lead: int) -> np.ndarray:
    """A random argument, or a stack of them."""
    return np.random.default_rng(seed).normal(size=(*lead, *SHAPE))
