"""Writes random programs: each statement is tried eagerly, so that its results have known types.

What is drawn depends on the seed alone. Values stay of order one and finite: a statement that gives
others is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import ingot
import ingot.numpy as jnp
from fuzz.blocks import PRELUDE, Function, Statement
from ingot.config import config
from ingot.core.jaxpr import subjaxprs
from ingot.errors import UnexpectedTracerError

SIZES = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 66, 100, 127, 129, 255, 257, 500, 513,
         1023, 1025, 2047, 2050, 4095, 4097]
LARGE_SIZES = [8191, 16_385, 20_000, 65_537, 131_073]
MOST_ELEMENTS = 300_000
MOST_WITHIN = 20_000_000
"""Elements that an array may have on the way to a result: the updates of a scatter, say."""
FLOATS = ["float64", "float32", "float16", "bfloat16"]
INTEGERS = ["int64", "int32", "int16", "int8", "uint8", "uint32", "uint64", "uint16"]
CLOSED_OVER = ("closes over a value that is being transformed", "transformation (a derivative")
"""What is said of custom rules that do so: where they are traced, or when they are applied."""
NAMESPACE: dict[str, Any] = {}
exec(PRELUDE, NAMESPACE)


class Draw:
    """Random choices from a seed."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def below(self, n: int) -> int:
        """A number from 0 to n - 1."""
        return int(self.rng.integers(n))

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return bool(self.rng.random() < p)

    def one(self, options: Any, weights: Any = None) -> Any:
        """One of the options."""
        if weights is not None:
            weights = np.asarray(weights, float) / np.sum(weights)
        return options[int(self.rng.choice(len(options), p=weights))]


class Retry(Exception):
    """What was drawn does not fit the values there are."""


class Scope:
    """The names that statements of one function see, with sample values."""

    def __init__(self, outer: dict[str, Any], own: dict[str, Any]):
        self.values = {**outer, **own}
        self.own = dict(own)
        self.statements: list[Statement] = []


class Generator:
    """Writes one program. `reversible`: it has a derivative in reverse mode."""

    def __init__(self, seed: int, vocabulary: Any, reversible: bool = False, large: bool = False):
        self.draw = Draw(seed)
        self.vocabulary = vocabulary
        self.reversible = reversible
        self.count = 0
        self.depth = 0
        self.n = self.draw.one(LARGE_SIZES if large else SIZES)
        if self.draw.chance(0.02):
            self.n = 0
        self.m = self.draw.one([1, 2, 3, 4, 5, 8, 16, 17, 64, 65])
        while self.n * self.m > MOST_ELEMENTS // 4 and self.m > 1:
            self.m //= 2
        self.dtype = self.draw.one(["float64", "float32", "float16", "bfloat16"], [6, 5, 1, 1])
        self.scope = Scope({}, {})
        self.most = MOST_ELEMENTS  # that an array may have; less in functions that are mapped

    # ---- names and values ----
    def name(self, prefix: str = "v") -> str:
        """A name that is new."""
        self.count += 1
        return f"{prefix}{self.count}"

    def find(self, accept: Callable[[Any], bool], recent: float = 0.5) -> str:
        """The name of a value that is accepted, rather a recent one; Retry if there is none."""
        names = [n for n, v in self.scope.values.items() if accept(v)]
        if not names:
            raise Retry
        if self.draw.chance(recent):
            names = names[-3:]
        return self.draw.one(names)

    def value(self, name: str) -> Any:
        """The sample value of a name."""
        return self.scope.values[name]

    def floating(self, ndim: int | None = None, least: int = 0) -> str:
        """The name of a real floating array."""
        return self.find(lambda v: is_float(v) and (ndim is None or v.ndim == ndim)
                         and v.ndim >= least and v.size > 0)

    def alike(self, x: Any, strict: bool = True) -> str:
        """The name of an array of the type of `x`."""
        return self.find(lambda v: v.shape == x.shape and (v.dtype == x.dtype or not strict))

    # ---- statements ----
    def run(self, functions: list[Function], expression: str) -> Any:
        """The value of an expression, computed eagerly; Retry if it is large, or made of much."""
        space = {**NAMESPACE, **self.scope.values}
        for function in functions:
            exec(function.text(), space)
        program = ingot.make_jaxpr(lambda values: eval(expression, {**space, **values}))(
            self.scope.values).jaxpr
        if any(aval.size > self.most for aval in program.out_avals) or any(
                aval.size > MOST_WITHIN for aval in every_result(program)):
            raise Retry
        with config.override("backend", "reference"):
            return eval(expression, space)

    def add(self, expression: str, functions: list[Function] | None = None) -> list[str]:
        """Append a statement; Retry if its values are not of order one."""
        functions = functions or []
        out = self.run(functions, expression)
        outs = list(out) if isinstance(out, (tuple, list)) else [out]
        if not outs or not all(acceptable(x) for x in outs):
            raise Retry
        targets = [self.name() for _ in outs]
        self.scope.statements.append(Statement(
            targets if isinstance(out, (tuple, list)) and len(outs) > 1 else
            [targets[0] + ("," if isinstance(out, (tuple, list)) else "")],
            expression, [(tuple(x.shape), x.dtype.name) for x in outs], functions))
        for target, x in zip(targets, outs, strict=True):
            # A NumPy array stays one, so that no statement asks it for what only ours has.
            sample = x if isinstance(x, np.ndarray) else jnp.asarray(x)
            self.scope.values[target] = self.scope.own[target] = sample
        return targets

    def step(self) -> None:
        """One more statement, of whichever kind fits."""
        for _ in range(40):
            kinds, weights = self.vocabulary(self)
            try:
                self.draw.one(kinds, weights)(self)
                return
            except Retry:
                continue
            except (TypeError, ValueError, OverflowError, IndexError):
                continue  # a combination that users may not write either
            except UnexpectedTracerError as error:
                if not any(text in str(error) for text in CLOSED_OVER):
                    raise
                continue  # a custom rule may not, in JAX either
            except AttributeError as error:
                if not isinstance(error.obj, np.ndarray):
                    raise
                continue  # of a constant of NumPy's, what only ours have

    def steps(self, most: int) -> None:
        """A few statements."""
        for _ in range(1 + self.draw.below(most)):
            self.step()

    @contextmanager
    def function(self, prefix: str, arguments: dict[str, Any]) -> Any:
        """Write a function: statements go into it; its text is complete once `returns` is set."""
        outer, self.scope = self.scope, Scope(self.scope.values, arguments)
        self.depth += 1
        written = Function(self.name(prefix), list(arguments), self.scope.statements, "")
        try:
            yield written
        finally:
            self.scope = outer
            self.depth -= 1


def every_result(program: Any) -> Iterator[Any]:
    """The types of what each equation of a program computes, those of inner programs too."""
    for eqn in program.eqns:
        yield from (v.aval for v in eqn.outvars)
        for inner in subjaxprs(eqn):
            yield from every_result(inner)


def is_float(x: Any) -> bool:
    """Whether an array has real floating numbers."""
    return jnp.issubdtype(x.dtype, jnp.floating)


def is_integer(x: Any) -> bool:
    """Whether an array has integers."""
    return jnp.issubdtype(x.dtype, jnp.integer)


def acceptable(x: Any) -> bool:
    """Whether a value is finite, not too large in number or size."""
    if not hasattr(x, "dtype") or jnp.issubdtype(x.dtype, ingot.dtypes.prng_key):
        return False
    if 0 in x.shape and len(x.shape) > 3:
        return False
    if jnp.issubdtype(x.dtype, jnp.inexact):
        y = np.abs(np.asarray(x).astype("complex128"))
        return bool(np.all(np.isfinite(y)) and np.all(y < 1e3))
    return True


def inputs(seed: int, types: list[tuple[tuple[int, ...], str]]) -> list[np.ndarray]:
    """Random arguments of the types."""
    rng = np.random.default_rng([seed, 77])
    out = []
    for shape, dtype in types:
        if np.dtype(dtype).kind in "iu":
            out.append(rng.integers(0, 100, shape).astype(dtype))
        elif np.dtype(dtype).kind == "b":
            out.append(rng.random(shape) < 0.5)
        else:
            x = rng.uniform(-1, 1, shape)
            if rng.random() < 0.3:
                x = np.round(x * 4) / 4  # with ties
            out.append(x.astype(dtype))
    return out


def write(seed: int, vocabulary: Any, reversible: bool = False, large: bool = False) -> tuple[
        Function, list[tuple[tuple[int, ...], str]]]:
    """A program `main` of a few arguments, and the types of these."""
    g = Generator(seed, vocabulary, reversible, large)
    draw, n, m = g.draw, g.n, g.m
    shapes = [(n,), (n,), draw.one([(n, m), (m, n), (n,), ()]), draw.one([(n,), (m,), ()])]
    types = [(s, g.dtype if i < 2 or draw.chance(0.5) else draw.one(FLOATS, [5, 4, 1, 1]))
             for i, s in enumerate(shapes[: 2 + draw.below(3)])]
    types.append(((n,), draw.one(INTEGERS)))
    if draw.chance(0.2):
        types.append((types[0][0][::-1], types[0][1]))
    if draw.chance(0.2):
        types.append(((n, m), types[0][1]))
        types.append(((m, n), types[0][1]))
    samples = {f"a{i}": jnp.asarray(x) for i, x in enumerate(inputs(seed, types))}
    with g.function("main", samples) as main:
        main.name = "main"
        g.steps(7)
        own = [k for k in g.scope.own if k not in samples]
        chosen = [k for k in own if draw.chance(0.6)] or own[-1:] or ["a0"]
        if draw.chance(0.2):
            chosen.append(draw.one(list(samples)))  # handed back as it came
        main.returns = f"({', '.join(chosen)},)"
    return main, types
