"""The rules by which primitives become StableHLO, in one table, and programs lowered by them.

A rule is `rule(builder, *values, out, **params) -> value`, with lists of types and values where
the primitive has several results. Families fill the table: one line an operation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.backends.xla.host import evaluated_on_host
from ingot.backends.xla.sharding_text import constrained, unreduced_here
from ingot.backends.xla.stablehlo import TOKEN, Builder, Module, Token, Value
from ingot.backends.xla.types import device_dtype, tensor_of
from ingot.config import config
from ingot.core.array import fetch
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import to_array
from ingot.core.jaxpr import Eqn, Jaxpr, Literal
from ingot.core.primitive import REGISTRY, NoRule, Primitive, PythonFallback
from ingot.core.sharding import NamedSharding
from ingot.core.source_info import line_of
from ingot.core.specs import PartitionSpec
from ingot.errors import UndefinedRuleError
from ingot.kernel.values import Unsupported
from ingot.transforms.stage import stage

Rule = Callable[..., Any]
RULES: dict[str, Rule | PythonFallback | NoRule] = {}
"""The rule of each primitive by name, or why the host evaluates it, or why there is none."""


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


def on_host(primitive: Primitive) -> Rule:
    """Return the rule by which the host evaluates a primitive without side effects."""
    return lambda b, *args, out, **params: evaluated_on_host(primitive, b, args, out, params)


def of_package(primitive: Primitive) -> Rule:
    """Return the rule of a primitive that a package has defined: what its `kernel` slot inlines, or
    the host evaluates it."""

    def apply(b: Builder, *args: Value, out: Any, **params: Any) -> Any:
        if not isinstance(primitive.kernel, NoRule | PythonFallback):
            with contextlib.suppress(Unsupported):
                return primitive.kernel(_Inlining(b), *args, out=out, **params)
        return on_host(primitive)(b, *args, out=out, **params)

    return apply


def _rule_of(eqn: Eqn) -> Rule:
    name = eqn.primitive.name
    if REGISTRY.get(name) is not eqn.primitive:
        return of_package(eqn.primitive)
    found = RULES.get(name, NoRule("nothing is known of it; enter one in `backends/xla`"))
    if isinstance(found, NoRule):
        raise UndefinedRuleError(f"{name}: no rule for XLA: {found.reason}; use the back end 'llvm'"
                                 " for this function: jit(..., backend='llvm')")
    if isinstance(found, PythonFallback):
        return on_host(eqn.primitive)
    return found


def _location(eqn: Eqn) -> str:
    """Return the user's line of an equation, as MLIR writes it after an operation."""
    if eqn.source is None:
        return ""
    file = eqn.source[0].co_filename.replace("\\", "\\\\").replace('"', r"\22")
    return f' loc("{eqn.primitive.name}"("{file}":{line_of(eqn.source)}:0))'


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
        b.avals, b.equation = [x.aval for x in eqn.invars], (jaxpr, eqn)
        if b.module.located:
            b.location = _location(eqn)
        if eqn.primitive.multiple_results:
            found = apply(b, *values, out=out, **eqn.params)
        else:
            found = [apply(b, *values, out=out[0], **eqn.params)]
        if not eqn.primitive.divides:  # what types say of Explicit axes, XLA is told
            mesh = next((v.aval._sharding.mesh for v in (*eqn.outvars, *eqn.invars)
                         if v.aval._sharding is not None), None)
            if mesh is not None:
                found = [constrained(b, x, a._sharding or NamedSharding(mesh, PartitionSpec()),
                                     by_type=True)
                         for x, a in zip(found, out, strict=True)]
        env.update(zip(eqn.outvars, found, strict=True))
    return [read(x) for x in jaxpr.outvars]


def unreduced_as_told(b: Builder, values: Sequence[Value], shardings: Sequence[Any],
                      by_type: bool = False) -> list[Value]:
    """Return arguments or results of a function or a loop, of which those that are unreduced are
    constrained: XLA takes no note of a function's attributes alone, and keeps or gives all devices
    the whole sum."""
    return [constrained(b, x, s, by_type)
            if isinstance(s, NamedSharding) and unreduced_here(s.spec) else x
            for x, s in zip(values, [*shardings, *[None] * len(values)], strict=False)]


# ---- side effects in order -----------------------------------------------------------------------
def is_ordered(jaxpr: Jaxpr) -> bool:
    """Return whether a program has side effects that keep their order."""
    return any(e.ordered for e in jaxpr.effects)



# ---- calls ---------------------------------------------------------------------------------------
def call_jaxpr(b: Builder, jaxpr: Jaxpr, args: Sequence[Value], name: str = "") -> list[Value]:
    """Append a call of a program, which becomes a function of the module; inside a program of
    parts, where it may refer to the own place, the program itself."""
    if b.manual is not None:
        return lower_jaxpr(b, jaxpr, args)
    ordered = is_ordered(jaxpr)
    types = [TOKEN] * ordered + [tensor_of(a) for a in jaxpr.in_avals]

    def body(inner: Builder, *names: str) -> list[Any]:
        inner.token = Token(names[0]) if ordered else None
        outs: list[Any] = lower_jaxpr(inner, jaxpr, [value_of(n, a) for n, a in zip(
            names[ordered:], jaxpr.in_avals, strict=True)])
        return [inner.token, *outs] if ordered else outs

    # The key holds the program, so that no other one takes its place in memory.
    function = b.module.once((id(jaxpr), "function"), lambda: (b.module.function(
        name or jaxpr.debug_name, types, body), jaxpr))[0]
    outs = b.call(function, [b.ordering_token(), *args] if ordered else args)
    if ordered:
        b.token = Token(outs[0])
    return [value_of(n, a) for n, a in zip(outs[ordered:], jaxpr.out_avals, strict=True)]


def program(fun: Callable[..., Any], wide: bool = False) -> Rule:
    """Return the rule of a primitive that is a program of other primitives.

    fun(*arrays, **params) -> array or list of arrays. It is traced once for arguments of the same
    types, and called as a function of the module. Keys come and go as integers of 64 bits, which
    `wide` programs have whatever the flag `enable_x64` says.
    """

    def apply(b: Builder, *args: Value, out: Any, **params: Any) -> Any:
        several, avals = isinstance(out, list), [ShapedArray(x.shape, x.dtype) for x in args]

        def traced() -> Jaxpr:
            def flat(*xs: Any) -> list[Any]:
                found = fun(*xs, **params)
                return list(found) if several else [found]

            with config.override("enable_x64", wide or config.enable_x64):
                found = stage(flat, avals)
            if [a.dtype for a in found.out_avals] == wanted:
                return found
            with config.override("enable_x64", not config.enable_x64):
                return stage(flat, avals)

        wanted = [device_dtype(a.dtype) for a in (out if several else [out])]
        key = (fun, *avals, repr(sorted(params.items())))
        outs = call_jaxpr(b, b.module.once(key, traced), args, fun.__name__.strip("_<>"))
        return outs if several else outs[0]

    return apply


class _Inlining:
    """Stands for the builder of kernels in rules that do no more than to call a program, which may
    depend on the platforms it is for."""

    def __init__(self, b: Builder):
        self._builder, self.for_export = b, b.module.for_export
        self.platforms = b.module.platforms

    def inline(self, jaxpr: Jaxpr, args: Sequence[Value]) -> list[Value]:
        """Append the program."""
        return lower_jaxpr(self._builder, jaxpr, args)


def as_kernel(name: str) -> Rule:
    """Return the rule of a primitive whose `kernel` slot calls a program of others."""
    return lambda b, *args, out, **params: REGISTRY[name].rule("kernel")(
        _Inlining(b), *args, out=out, **params)


def expanded_on_tpus(name: str, expand: Rule) -> None:
    """Enter a rule for what the host computes where programs can call it, and XLA on TPUs."""

    @rule(name)
    def _(b: Builder, *args: Value, out: Any, **params: Any) -> Any:
        if b.module.platform == "tpu":
            return expand(b, *args, out=out, **params)
        return evaluated_on_host(REGISTRY[name], b, args, out, params)


def lowered(jaxpr: Jaxpr, platform: str, attributes: Sequence[str], results: Sequence[str],
            header: Sequence[str], ins: Sequence[Any] = (), outs: Sequence[Any] = (),
            located: bool = False) -> Module:
    """Return a program as a module whose function `main` takes its arguments.

    attributes, results: what is noted at arguments and results; header: lines before functions;
    ins, outs: how these are divided; located: whether operations know the user's lines that they
    come from.
    """
    module = Module(jaxpr.debug_name, platform)
    module.located = located
    module.header.extend(header)

    def body(b: Builder, *names: str) -> list[Value]:
        args = [value_of(n, a) for n, a in zip(names, jaxpr.in_avals, strict=True)]
        outs_there = lower_jaxpr(b, jaxpr, unreduced_as_told(b, args, ins))
        return unreduced_as_told(b, outs_there, outs)

    module.function("main", [tensor_of(a) for a in jaxpr.in_avals], body, public=True,
                    attributes=attributes, results=results)
    return module
