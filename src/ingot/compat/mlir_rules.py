"""Lowering rules as programs of our primitives, also those that build MLIR, and their kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ingot import dtypes
from ingot.backends.xla.client import context
from ingot.backends.xla.installed import is_installed, module
from ingot.backends.xla.reading import aval_of
from ingot.compat.flags import config as flags
from ingot.compat.lowering import (
    LoweredFunction,
    LoweringParameters,
    LoweringRuleContext,
    ModuleContext,
    listed,
)
from ingot.compat.mlir import aval_to_ir_type
from ingot.config import config
from ingot.control.cond import switch
from ingot.core.avals import ShapedArray
from ingot.core.backend import CompileOptions, get_backend
from ingot.core.jaxpr import Eqn, Jaxpr, eval_jaxpr
from ingot.core.primitive import NoRule
from ingot.core.rewrite import bind_equation, interpret_jaxpr
from ingot.core.symbolic import is_symbolic
from ingot.errors import UndefinedRuleError
from ingot.export.checks import portable
from ingot.export.primitive import run_by_xla_p
from ingot.kernel.rules import Unsupported
from ingot.primitives.dimensions import platform_index_p
from ingot.transforms.stage import stage

Rule = Callable[..., Any]
_GPUS = ("cuda", "rocm")


def program_of(primitive: Any, avals: Sequence[ShapedArray], params: dict[str, Any],
               platforms: Sequence[str] = ("cpu",), for_export: bool = False) -> Jaxpr:
    """Return what the lowering rules of a primitive say for arguments of these types, on these
    platforms.

    Operations of MLIR that have no counterpart among our primitives are run by XLA. Raises
    UndefinedRuleError where a rule is missing, or needs what is not there.
    """
    rules = [_rule_for(primitive, p) for p in platforms]
    if len(set(map(id, rules))) == 1:
        return _program(primitive, rules[0], avals, params, platforms, for_export)

    def chosen(*args: Any) -> list[Any]:
        branches = [lambda *xs, p=p: eval_jaxpr(*_for_platform(primitive, avals, params, p,
                                                               for_export), *xs) for p in platforms]
        return switch(platform_index_p.bind(), branches, *args)

    return stage(chosen, avals, primitive.name)


def _rule_for(primitive: Any, platform: str) -> Rule:
    rules = primitive.lowerings
    for name in (platform, *(["gpu"] if platform in _GPUS else []), None):
        if name in rules:
            return rules[name]
    raise UndefinedRuleError(f"{primitive.name}: no lowering rule is registered for {platform},"
                             f" only for {sorted(map(str, rules))}; register one with"
                             f" mlir.register_lowering(primitive, rule, platform={platform!r})")


def _for_platform(primitive: Any, avals: Sequence[ShapedArray], params: dict[str, Any],
                  platform: str, for_export: bool) -> tuple[Jaxpr, Sequence[Any]]:
    """The program on one of several platforms, in which the rules of other primitives of packages
    are those for it, too."""
    def rule(eqn: Eqn, args: list[Any]) -> Sequence[Any]:
        if not getattr(eqn.primitive, "lowerings", None):
            return bind_equation(eqn, args)
        return eval_jaxpr(*_for_platform(eqn.primitive, [v.aval for v in eqn.invars], eqn.params,
                                         platform, for_export), *args)

    found = program_of(primitive, avals, params, (platform,), for_export)
    whole = stage(lambda *xs: interpret_jaxpr(found, xs, rule), avals, primitive.name)
    return whole, whole.consts


def _program(primitive: Any, rule: Rule, avals: Sequence[ShapedArray], params: dict[str, Any],
             platforms: Sequence[str], for_export: bool) -> Jaxpr:
    if isinstance(rule, LoweredFunction):
        return stage(lambda *xs: listed(rule.fun(*xs, **params)), avals, primitive.name)
    outs = listed(primitive.type(*avals, **params))
    kinds = [isinstance(a.dtype, dtypes.KeyDType) or any(map(is_symbolic, a.shape))
             for a in (*avals, *outs)]
    if not is_installed() or any(kinds):
        raise UndefinedRuleError(
            f"{primitive.name}: its lowering rule builds MLIR, which"
            f"{' is for arrays of known lengths that are no keys' if any(kinds) else ''}"
            f"{'' if is_installed() else ' needs jaxlib'}; register mlir.lower_fun(f)")
    parameters = LoweringParameters(
        for_export=for_export,
        export_ignore_forward_compatibility=for_export and flags.read(
            "jax_export_ignore_forward_compatibility"))
    built = _module(primitive, rule, avals, outs, params, ModuleContext(
        platforms=tuple(platforms), lowering_parameters=parameters))
    with config.override("enable_x64", True):  # the module says which types there are
        try:
            return portable().jaxpr(built)
        except NotImplementedError:
            data = portable().whole(built)
            return stage(lambda *xs: run_by_xla_p.bind(*xs, data=data, outs=tuple(outs),
                                                       devices=1), avals, primitive.name)


# ---- kernels -------------------------------------------------------------------------------------
def kernel_of(primitive: Any) -> Rule:
    """Return the `kernel` slot that follows the lowering rules of a primitive.

    A rule that fails leaves the operation to a host call where it has an `impl`.
    """
    def kernel(build: Any, *values: Any, out: Any, **params: Any) -> Any:
        outs, avals = listed(out), [ShapedArray(v.shape, v.dtype) for v in values]
        platforms = getattr(build, "platforms", ("cpu",))
        found = _calls_python(primitive, build, values, avals, outs, params, platforms)
        if found is None:
            try:
                jaxpr = program_of(primitive, avals, params, platforms,
                                   getattr(build, "for_export", False))
            except Exception as error:
                if isinstance(primitive.eval, NoRule):
                    raise
                raise Unsupported("its lowering rule fails") from error
            if [(a.shape, a.dtype) for a in jaxpr.out_avals] != [(a.shape, a.dtype) for a in outs]:
                raise Unsupported("weakly typed arguments or keys")
            found = build.inline(jaxpr, list(values))
        return found if isinstance(out, (list, tuple)) else found[0]

    return kernel


def _calls_python(primitive: Any, build: Any, values: Sequence[Any], avals: Sequence[ShapedArray],
                  outs: Sequence[ShapedArray], params: dict[str, Any], platforms: Sequence[str]
                  ) -> list[Any] | None:
    """What a rule gives that builds no MLIR, but calls `emit_python_callback`; None if it is not
    one."""
    rule = _rule_for(primitive, platforms[0])
    if isinstance(rule, LoweredFunction) or len(platforms) > 1:
        return None
    ctx = LoweringRuleContext(build, primitive, list(avals), list(outs), inline=build.inline)
    try:
        return listed(rule(ctx, *values, **params))
    except Unsupported:
        raise
    except Exception:  # whatever MLIR says of what is none of its values
        return None


# ---- modules -------------------------------------------------------------------------------------
def _module(primitive: Any, rule: Rule, avals: Sequence[ShapedArray], outs: Sequence[ShapedArray],
            params: dict[str, Any], around: ModuleContext) -> Any:
    """A module whose function `main` is what a rule builds."""
    here, func = context(), module("jaxlib.mlir.dialects.func")
    ir = here.ir
    with here.mlir, ir.Location.unknown():
        around.module, around.context = ir.Module.create(), here.mlir
        with ir.InsertionPoint(around.module.body):
            types = [aval_to_ir_type(a) for a in outs]
            main = func.FuncOp("main", (list(map(aval_to_ir_type, avals)), types),
                               visibility="public")
        with ir.InsertionPoint(main.add_entry_block()):
            ctx = LoweringRuleContext(None, primitive, list(avals), list(outs), around,
                                      inline=lambda jaxpr, xs: _call(around.module, jaxpr, xs),
                                      aval_of=lambda x: aval_of(x.type))
            found = list(_values(ir, rule(ctx, *main.arguments, **params)))
            if [x.type for x in found] != types:
                raise TypeError(f"{primitive.name}: its lowering rule returned"
                                f" {[str(x.type) for x in found]}, and its abstract evaluation"
                                f" says {[str(t) for t in types]}")
            func.ReturnOp(found)
        around.module.operation.verify()
    return around.module


def _values(ir: Any, found: Any) -> Iterable[Any]:
    """The values among what a rule returns: values, operations, and sequences of these."""
    if isinstance(found, ir.Value):
        yield found
    elif isinstance(found, (ir.OpView, ir.Operation)):
        yield from found.results
    else:
        for x in found:
            yield from _values(ir, x)


def _call(into: Any, jaxpr: Jaxpr, values: Sequence[Any]) -> list[Any]:
    """Append a call of a program, which becomes a function of a module."""
    here, func = context(), module("jaxlib.mlir.dialects.func")
    ir, taken = here.ir, len(into.body.operations)
    lowered = get_backend("xla").lowered(jaxpr, CompileOptions(), "stablehlo", False)
    symbols, symbol = ir.SymbolTable(lowered.operation), ""
    for op in [op.operation for op in lowered.body.operations]:
        name = str(op.attributes["sym_name"]).strip('"')
        fresh = f"{name}_{taken}"
        ir.SymbolTable.replace_all_symbol_uses(name, fresh, lowered.operation)
        symbols.set_symbol_name(op, fresh)
        op.attributes["sym_visibility"] = ir.StringAttr.get("private")
        symbol = fresh if name == "main" else symbol
    for op in [op.operation for op in lowered.body.operations]:
        into.body.append(op.detach_from_parent())
    types = [aval_to_ir_type(a) for a in jaxpr.out_avals]
    return list(func.CallOp(types, ir.FlatSymbolRefAttr.get(symbol), list(values)).results)


__all__ = ["kernel_of", "program_of"]
