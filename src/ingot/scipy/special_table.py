"""Functions of scipy.special as one primitive: a table of names with their derivatives.

A function is an entry in the table: what SciPy calls it, and its derivative in each argument.
Native code calls SciPy's C function where there is one over doubles, and the host otherwise.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.control.custom_jvp import custom_jvp
from ingot.errors import UndefinedRuleError
from ingot.kernel.rules import Lowering, Unsupported, elementwise
from ingot.numpy import primitives as lax
from ingot.numpy.families import kind_of, like, named
from ingot.numpy.promotion import promote
from ingot.primitives.families import INEXACT, nary
from ingot.primitives.numerics import DOUBLE
from ingot.transforms.jvp import jvp


@dataclass(frozen=True)
class Function:
    """One function of the table.

    partials  derivative(out, *args) in each argument; None where it is not known in closed form
    evaluate  the function on NumPy's float64 or complex128 arrays; None: SciPy's of this name
    native    whether SciPy exports a C function of this name over doubles
    scalar    the function in native code, scalar(build, *doubles); None: SciPy's
    complex   whether it is defined for complex numbers
    orders    how many of the first arguments are real even then
    """

    name: str
    partials: tuple[Callable[..., Any] | None, ...]
    evaluate: Callable[..., Any] | None
    native: bool
    complex: bool
    orders: int
    scalar: Callable[..., Any] | None = None


TABLE: dict[str, Function] = {}

# What most functions return, in docstrings; {} stands for the shape.
REAL = "{}, in the promoted floating dtype"
INEXACT_RESULT = "{}, in the promoted floating or complex dtype"
BY_SCIPY = ", computed in float64 by SciPy"


def _eval(*xs: np.ndarray, name: str) -> np.ndarray:
    import scipy.special

    fun = TABLE[name].evaluate or getattr(scipy.special, name)
    wide = np.dtype(complex) if xs[0].dtype.kind == "c" else DOUBLE
    orders = TABLE[name].orders
    args = [np.real(x).astype(DOUBLE) if i < orders else x.astype(wide) for i, x in enumerate(xs)]
    return np.asarray(fun(*args)).astype(xs[0].dtype)


def _scalar(build: Lowering, *xs: Any, out_dtype: np.dtype, name: str) -> Any:
    entry = TABLE[name]
    if out_dtype.kind == "c" or not (entry.native or entry.scalar):
        raise Unsupported(f"{name}: SciPy exports no C function of these types")
    wide = [build.op("convert", x, dtype=DOUBLE) for x in xs]
    out = entry.scalar(build, *wide) if entry.scalar else of_scipy(build, name, *wide)
    return build.op("convert", out, dtype=out_dtype)


def of_scipy(build: Lowering, name: str, *doubles: Any) -> Any:
    """A call of SciPy's C function of a name in native code."""
    return build.external(f"scipy.special.cython_special:{name}", *doubles, dtype=DOUBLE)


def _partial(t: Any, out: Any, *args: Any, name: str, argument: int = 0) -> Any:
    derivative = TABLE[name].partials[argument]
    if derivative is None:
        raise UndefinedRuleError(
            f"{name}: no derivative in argument {argument} is implemented; hold it fixed with"
            " lax.stop_gradient")
    return t * derivative(out, *args)


scipy_function_p = nary("scipy_function", INEXACT, eval=_eval, jvp=[_partial],
                        kernel=elementwise(_scalar, cost=100))


def real(name: str, *args: Any) -> list[Any]:
    """Arguments as floats of one dtype and shape; TypeError for complex numbers."""
    out = promote(name, *args, kind="inexact")
    if kind_of(out[0]) == "c":
        raise TypeError(f"{name}: the arguments must be real, got {out[0].aval}")
    return out


@custom_jvp
def zero_of_slope(x: Any, slope: Any) -> Any:
    """0, with `slope` as its derivative in x: to be added where a formula knows the value alone."""
    return like(x, 0)


zero_of_slope.defjvps(
    lambda t, out, x, slope: lax.select(lax.eq(slope, like(slope, 0)), like(t, 0),
                                        lax.mul(t, slope)), None)


def no_slope(x: Any, there: Any) -> Any:
    """0, with the derivative nan in x where `there` holds, as there is none."""
    return zero_of_slope(x, lax.select(there, like(x, math.nan), like(x, 0)))


def define(name: str, parameters: str, doc: str, *partials: Callable[..., Any] | None,
           native: bool = True, evaluate: Callable[..., Any] | None = None,
           scalar: Callable[..., Any] | None = None, complex: bool = False, orders: int = 0,
           far: tuple[Callable[..., Any], Callable[..., Any]] | None = None) -> Callable[..., Any]:
    """A public function, now in the table; its derivatives are `partials`, one a parameter.

    far: where a formula takes the place of SciPy's function, and that formula, which is finite at
    0 and a last argument of 1.
    """
    TABLE[name] = Function(name, partials, evaluate, native and evaluate is None, complex,
                           orders, scalar)
    names = parameters.split()

    def function(*args: Any) -> Any:
        check_count(name, names, args)
        same = promote(name, *args, kind="inexact") if complex else real(name, *args)
        if far is None:
            return scipy_function_p.bind(*same, name=name)
        there, formula = far[0](*same), far[1]
        near = [lax.select(there, like(x, 1), x) for x in same]
        away = [lax.select(there, x, like(x, i == len(same) - 1)) for i, x in enumerate(same)]
        return lax.select(there, formula(*away), scipy_function_p.bind(*near, name=name))

    return described(function, name, parameters, doc, complex=complex,
                     result=(INEXACT_RESULT if complex else REAL) + BY_SCIPY,
                     derivatives=[n for n, p in zip(names, partials, strict=True) if p])


def of_reals(name: str, parameters: str, doc: str, op: Callable[..., Any],
             derivatives: Sequence[str] | None = None) -> Callable[..., Any]:
    """A public function that is `op` of reals of one type and shape; calls may name arguments."""
    names = parameters.split()

    def function(*args: Any, **named: Any) -> Any:
        if named:
            args += tuple(named.pop(n) for n in names[len(args):] if n in named)
        check_count(name, names, (*args, *named))
        if named:
            raise TypeError(f"{name}: has no argument {', '.join(named)}, but {', '.join(names)}")
        return op(*real(name, *args))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__signature__ = inspect.Signature([  # type: ignore[attr-defined]
        inspect.Parameter(n, kind) for n in names])
    return described(function, name, parameters, doc, derivatives=derivatives)


def check_count(name: str, names: Sequence[str], args: Sequence[Any]) -> None:
    """Raise TypeError unless there is an argument for each of the parameters that are named."""
    if len(args) != len(names):
        plural = "s" * (len(names) != 1)
        raise TypeError(f"{name}: takes {len(names)} argument{plural} ({', '.join(names)}),"
                        f" got {len(args)}")


def described(function: Callable[..., Any], name: str, parameters: str, doc: str, *,
              derivatives: Sequence[str] | None = None, complex: bool = False,
              result: str = REAL) -> Callable[..., Any]:
    """The function with its name, its parameters and a docstring.

    doc: a line that says what it is, lines about the arguments, an example. What it returns is said
    between them: `result`. derivatives: the parameters in which there are some, by default all.
    """
    names = parameters.split()
    text, _, example = inspect.cleandoc(doc).partition("\n>>>")
    sentence, _, arguments = text.partition("\n")
    shape = "the broadcast shape" if len(names) > 1 else f"the shape of {names[0]}"
    known = names if derivatives is None else derivatives
    notes = f"-> {result.format(shape)}. "
    if len(known) == len(names):
        notes += "It has derivatives in all arguments." if len(names) > 1 else "It has derivatives."
    else:
        notes += f"Derivatives are known in {' and '.join(known) or 'no argument'}; others raise"
        notes += " UndefinedRuleError."
    notes += "" if complex else " Raises TypeError for complex numbers."
    if "__signature__" not in vars(function):
        function.__signature__ = inspect.Signature([  # type: ignore[attr-defined]
            inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names])
    function.__module__ = "ingot.scipy.special"  # where pickles find it
    return named(function, name, "\n".join(
        [sentence, "", arguments, textwrap.fill(notes, 96), "", f">>>{example}", ""]))


def slope(fun: Callable[..., Any], argument: int, *args: Any) -> Any:
    """The derivative of an elementwise function in one of its arguments."""
    tangents = [like(x, 1) if i == argument else None for i, x in enumerate(args)]
    return jvp(lambda *xs: [fun(*xs)], args, tangents)[1][0]
