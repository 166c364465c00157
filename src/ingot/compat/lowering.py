"""`jax.interpreters.mlir`, as far as there is something to compile without MLIR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

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
        avals = [ShapedArray(v.shape, v.dtype) for v in values]
        return _inline(ctx, lambda *xs: self.fun(*xs, **params), avals, values)


def lower_fun(fun: Rule, multiple_results: bool = True) -> LoweredFunction:
    """A Python function as a lowering rule."""
    return LoweredFunction(fun, multiple_results)


def _inline(ctx: LoweringRuleContext, fun: Rule, avals: Sequence[ShapedArray],
            values: Sequence[Any]) -> list[Any]:
    jaxpr = stage(lambda *xs: listed(fun(*xs)), avals)
    if not all(a.same_type(o) for a, o in zip(jaxpr.out_avals, ctx.avals_out, strict=True)):
        raise Unsupported("weakly typed arguments or keys")
    return ctx.build.inline(jaxpr, list(values))


# ---- rules with a context ------------------------------------------------------------------------
@dataclass
class ModuleContext:
    """What rules ask of the module under construction: to keep something alive."""

    keepalives: list[Any] = field(default_factory=list)
    platforms: tuple[str, ...] = ("cpu",)

    def add_keepalive(self, thing: Any) -> None:
        """Callbacks are kept by the program that calls them."""
        self.keepalives.append(thing)


@dataclass
class LoweringRuleContext:
    """What a lowering rule is told: the types, and (`build`) where the code goes."""

    build: Any
    primitive: Any
    avals_in: list[ShapedArray]
    avals_out: list[ShapedArray]
    module_context: ModuleContext = field(default_factory=ModuleContext)


def kernel_of(primitive: Any, rule: Rule) -> Rule:
    """The `kernel` slot that follows a lowering rule of JAX's form.

    A rule that asks for MLIR fails, whatever the error, and the operation is a host call.
    """
    def kernel(build: Any, *values: Any, out: Any, **params: Any) -> Any:
        outs = listed(out)
        ctx = LoweringRuleContext(build, primitive, [ShapedArray(v.shape, v.dtype) for v in values],
                                  outs)
        try:
            found = listed(rule(ctx, *values, **params))
        except Unsupported:
            raise
        except Exception as error:
            if isinstance(rule, LoweredFunction):  # the error is the function's own
                raise
            raise Unsupported("its lowering rule builds MLIR") from error
        return found if isinstance(out, (list, tuple)) else found[0]

    return kernel


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

__all__ = ["LoweredFunction", "LoweringRuleContext", "emit_python_callback", "kernel_of", "listed",
           "lower_fun"]
