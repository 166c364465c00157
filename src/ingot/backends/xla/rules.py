"""The rules by which primitives become StableHLO, in one table, and programs lowered by them.

A rule is `rule(builder, *values, out, **params) -> value`, with lists of types and values where
the primitive has several results. Families fill the table: one line an operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.backends.xla.stablehlo import Builder, Module, Value
from ingot.backends.xla.types import device_dtype, tensor_of
from ingot.core.array import fetch
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import to_array
from ingot.core.jaxpr import Eqn, Jaxpr, Literal
from ingot.core.primitive import NoRule
from ingot.errors import UndefinedRuleError
from ingot.transforms.stage import stage

Rule = Callable[..., Any]
RULES: dict[str, Rule | NoRule] = {}
"""The rule of each primitive by name, or why there is none."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """A decorator: the function is the rule of these primitives."""

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


def value_of(name: str, aval: ShapedArray) -> Value:
    """Return the value of a name that holds arrays of a type."""
    return Value(name, aval.shape, device_dtype(aval.dtype))


def on_device(x: np.ndarray, dtype: Any) -> np.ndarray:
    """Return elements as a device holds them."""
    stored = device_dtype(dtype)
    return np.zeros(x.shape, stored) if x.dtype.itemsize == 0 else x.view(stored)


def constant(b: Builder, x: Any) -> Value:
    """Append an array of the host as a constant."""
    array = to_array(x)
    return b.constant(on_device(np.asarray(fetch(array)), array.aval.dtype))


def _rule_of(eqn: Eqn) -> Rule:
    found = RULES.get(eqn.primitive.name)
    if found is None or isinstance(found, NoRule):
        why = "it is not written yet" if found is None else found.reason
        raise UndefinedRuleError(f"{eqn.primitive.name}: no rule for XLA: {why}; use the back end"
                                 " 'llvm' for this function: jit(..., backend='llvm')")
    return found


def lower_jaxpr(b: Builder, jaxpr: Jaxpr, args: Sequence[Value]) -> list[Value]:
    """Append a program applied to values; return its results."""
    env: dict[Any, Value] = dict(zip(jaxpr.constvars, [constant(b, c) for c in jaxpr.consts],
                                     strict=True))
    env.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> Value:
        return constant(b, atom.val) if type(atom) is Literal else env[atom]

    for eqn in jaxpr.eqns:
        out = [v.aval for v in eqn.outvars]
        apply = _rule_of(eqn)
        values = [read(x) for x in eqn.invars]
        if eqn.primitive.multiple_results:
            env.update(zip(eqn.outvars, apply(b, *values, out=out, **eqn.params), strict=True))
        else:
            env[eqn.outvars[0]] = apply(b, *values, out=out[0], **eqn.params)
    return [read(x) for x in jaxpr.outvars]


def call_jaxpr(b: Builder, jaxpr: Jaxpr, args: Sequence[Value], name: str = "") -> list[Value]:
    """Append a call of a program, which becomes a function of the module."""
    types = [tensor_of(a) for a in jaxpr.in_avals]

    def body(inner: Builder, *names: str) -> list[Value]:
        return lower_jaxpr(inner, jaxpr, [value_of(n, a) for n, a in zip(
            names, jaxpr.in_avals, strict=True)])

    function = b.module.once((id(jaxpr), "function"), lambda: (b.module.function(
        name or jaxpr.debug_name, types, body), jaxpr))[0]
    return [value_of(n, a) for n, a in zip(b.call(function, args), jaxpr.out_avals, strict=True)]


def program(fun: Callable[..., Any]) -> Rule:
    """Return the rule of a primitive that is a program of other primitives.

    fun(*arrays, **params) -> array or list of arrays. It is traced once for arguments of the same
    types, and called as a function of the module.
    """

    def apply(b: Builder, *args: Value, out: Any, **params: Any) -> Any:
        several = isinstance(out, list)

        def traced() -> Jaxpr:
            def flat(*xs: Any) -> list[Any]:
                found = fun(*xs, **params)
                return list(found) if several else [found]

            return stage(flat, [ShapedArray(x.shape, x.dtype) for x in args])

        key = (fun, tuple((x.shape, x.dtype) for x in args), repr(sorted(params.items())))
        outs = call_jaxpr(b, b.module.once(key, traced), args, fun.__name__.strip("_<>"))
        return outs if several else outs[0]

    return apply


def lowered(jaxpr: Jaxpr, platform: str, attributes: Sequence[str] = ()) -> Module:
    """Return a program as a module whose function `main` takes its arguments."""
    module = Module(jaxpr.debug_name, platform)

    def body(b: Builder, *names: str) -> list[Value]:
        return lower_jaxpr(b, jaxpr, [value_of(n, a) for n, a in zip(
            names, jaxpr.in_avals, strict=True)])

    module.function("main", [tensor_of(a) for a in jaxpr.in_avals], body, public=True,
                    attributes=attributes)
    return module
