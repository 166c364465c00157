"""Random programs as text: blocks of statements, to write a program from and to cut it down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

PRELUDE = """\
import numpy as np
import ingot
import ingot.numpy as jnp
from ingot import lax

def with_jvp(f):
    g = ingot.custom_jvp(f)
    g.defjvp(lambda p, t: ingot.jvp(f, p, t))
    return g

def with_vjp(f):
    g = ingot.custom_vjp(f)
    g.defvjp(lambda *p: (f(*p), p), lambda p, c: ingot.vjp(f, *p)[1](c))
    return g
"""

ROUNDED = re.compile(r"sin|cos|tan|exp|sqrt|log|erf|cbrt|hypot|sum|mean|var|prod|norm|vdot|einsum|@"
                     r"|linalg|fft|convolve|interp|polyval| [*/] |\*\*|power|softmax|gelu|\.add\("
                     r"|conv_|segment|bincount|arc|logistic|rsqrt|astype\('b?float")
"""Expressions whose results are rounded, so that another order of operations gives others."""

CANCELLED = re.compile(r"sum|mean|var|vdot|einsum|@|solve|inv\(|fft|convolve|conv_|segment|bincount"
                       r"|at\[")
"""Those of them that add up terms which may cancel: where one order gives zero, others may not."""


@dataclass
class Statement:
    """Assigns `expression` to `targets`, after the functions that it calls are defined.

    `types` are the shapes and dtypes that the targets have. A statement can be made a filler:
    constants of the same types, which nothing can be wrong with.
    """

    targets: list[str]
    expression: str
    types: list[tuple[tuple[int, ...], str]]
    functions: list[Function] = field(default_factory=list)
    filler: bool = False

    def lines(self, noisy: bool = False) -> Iterator[str]:
        """The text, a line at a time; `noisy`: results that are rounded differ in the last bits."""
        if not self.filler:
            for function in self.functions:
                yield from function.lines(noisy)
        constants = [constant(*t) for t in self.types]
        expression = ", ".join(constants) if self.filler else self.expression
        yield f"{', '.join(self.targets)} = {expression}"
        if noisy and not self.filler and ROUNDED.search(expression):
            cancelled = bool(CANCELLED.search(expression))
            yield from (f"{name} = noisy({name}, {cancelled})" for name in
                        (target.strip(", ") for target in self.targets))


@dataclass
class Function:
    """A function of the program: its arguments, statements and what it returns."""

    name: str
    arguments: list[str]
    statements: list[Statement]
    returns: str

    def lines(self, noisy: bool = False) -> Iterator[str]:
        """The text, a line at a time."""
        yield f"def {self.name}({', '.join(self.arguments)}):"
        for statement in self.statements:
            yield from (f"    {line}" for line in statement.lines(noisy))
        cancelled = bool(CANCELLED.search(self.returns))
        yield f"    return noisy({self.returns}, {cancelled})" if noisy else (
            f"    return {self.returns}")

    def every(self) -> Iterator[Statement]:
        """All statements, those of inner functions included."""
        for statement in self.statements:
            yield statement
            if not statement.filler:
                for function in statement.functions:
                    yield from function.every()

    def text(self, noisy: bool = False) -> str:
        """The text of the function."""
        return "\n".join(self.lines(noisy)) + "\n"


def constant(shape: tuple[int, ...], dtype: str) -> str:
    """An array of one number, as an expression."""
    value = {"b": "True", "c": "0.5 + 0.25j", "f": "0.5"}.get(np.dtype(dtype).kind, "1") \
        if dtype != "bfloat16" else "0.5"
    return f"jnp.full({shape}, {value}, {dtype!r})"
