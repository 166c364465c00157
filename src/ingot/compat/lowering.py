"""`jax.interpreters.mlir`: what lowering rules are told, functions as rules, calls of Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ingot.compat.mlir import TokenSet
from ingot.control.callback import FlatCallback, io_callback_p, pure_callback_p
from ingot.core.avals import ShapedArray
from ingot.core.primitive import PythonFallback
from ingot.kernel.rules import Unsupported
from ingot.transforms.stage import stage
from ingot.tree import tree_structure

Rule = Callable[..., Any]


def listed(out: Any) -> list[Any]:
    """One result or several, as a list."""
    return list(out) if isinstance(out, (list, tuple)) else [out]


# ---- lower_fun -----------------------------------------------------------------------------------
class LoweredFunction:
    """What `mlir.lower_fun` returns: a Python function to be compiled in an operation's place."""

    def __init__(self, fun: Rule, multiple_results: bool = True):
        self.fun, self.multiple_results = fun, multiple_results

    def __call__(self, ctx: LoweringRuleContext, *values: Any, **params: Any) -> Any:
        """The results of the function, compiled for these operands."""
        avals = [ctx.aval_of(v) for v in values]
        return _inline(ctx, lambda *xs: self.fun(*xs, **params), avals, values)


def lower_fun(fun: Rule, multiple_results: bool = True) -> LoweredFunction:
    """A Python function as a lowering rule."""
    return LoweredFunction(fun, multiple_results)


def _inline(ctx: LoweringRuleContext, fun: Rule, avals: Sequence[ShapedArray],
            values: Sequence[Any]) -> list[Any]:
    jaxpr = stage(lambda *xs: listed(fun(*xs)), avals)
    if not all(a.same_type(o) for a, o in zip(jaxpr.out_avals, ctx.avals_out, strict=True)):
        raise Unsupported("weakly typed arguments or keys")
    return ctx.inline(jaxpr, list(values))


# ---- rules with a context ------------------------------------------------------------------------
@dataclass(frozen=True)
class LoweringParameters:
    """What rules may ask about the purpose of a module."""

    for_export: bool = False
    export_ignore_forward_compatibility: bool = False
    hoist_constants_as_args: bool = False


@dataclass
class ModuleContext:
    """What rules ask of the module under construction: to keep something alive, MLIR's objects."""

    keepalives: list[Any] = field(default_factory=list)
    platforms: tuple[str, ...] = ("cpu",)
    lowering_parameters: LoweringParameters = LoweringParameters()
    module: Any = None
    context: Any = None

    def add_keepalive(self, thing: Any) -> None:
        """Callbacks are kept by the program that calls them."""
        self.keepalives.append(thing)


def _type_of(value: Any) -> ShapedArray:
    return ShapedArray(value.shape, value.dtype)


@dataclass
class LoweringRuleContext:
    """What a lowering rule is told: the types, and where programs go that are parts of it."""

    build: Any
    primitive: Any
    avals_in: list[ShapedArray]
    avals_out: list[ShapedArray]
    module_context: ModuleContext = field(default_factory=ModuleContext)
    inline: Rule = Unsupported
    aval_of: Rule = _type_of
    tokens_in: TokenSet = field(default_factory=TokenSet)

    def set_tokens_out(self, tokens: Any) -> None:
        """Side effects are ordered by the program that has them."""

    def replace(self, **changes: Any) -> LoweringRuleContext:
        """The same with some things replaced."""
        return replace(self, **changes)


def emit_python_callback(ctx: LoweringRuleContext, callback: Rule, token: Any,
                         operands: Sequence[Any], operand_avals: Sequence[ShapedArray],
                         result_avals: Sequence[ShapedArray], *, has_side_effect: bool,
                         **options: Any) -> tuple[list[Any], Any, None]:
    """A call of a Python function on arrays from compiled code: (results, token, None)."""
    avals = tuple(result_avals)
    flat = FlatCallback("emit_python_callback", lambda *xs: tuple(callback(*xs)),
                        tree_structure((tuple(operand_avals), {})), tree_structure(avals))
    call = io_callback_p if has_side_effect else pure_callback_p
    own = {"ordered": token is not None} if has_side_effect else {"vmap_method": None}
    results = _inline(ctx, lambda *xs: call.bind(
        *xs, callback=flat, result_avals=avals, sharding=None, **own), operand_avals, operands)
    return results, token, None


HOST = PythonFallback("no lowering by mlir.lower_fun or to a callback is registered for it",
                      retains_inputs=True)

__all__ = ["LoweredFunction", "LoweringParameters", "LoweringRuleContext", "ModuleContext",
           "emit_python_callback", "listed", "lower_fun"]
