"""Calls of exported programs in StableHLO: the functions of their modules, under other names."""

from __future__ import annotations

from typing import Any

from ingot.backends.xla.client import context, deserialized
from ingot.backends.xla.rules import as_kernel, rule
from ingot.backends.xla.stablehlo import LENGTH, PLATFORM, Builder, Value
from ingot.backends.xla.types import device_dtype, tensor_of
from ingot.core.symbolic import is_symbolic

_inline = as_kernel("call_exported")


@rule("call_exported")
def _call(b: Builder, *args: Value, out: Any, exported: Any) -> list[Value]:
    shapes = [n for a in args for n in a.shape]
    if not b.module.for_export and not any(map(is_symbolic, shapes)):
        return _inline(b, *args, out=out, exported=exported)
    symbol, inputs, results = b.module.once(
        ("exported", id(exported)), lambda: (*_embedded(b, exported), exported))[:3]
    b.module.refined |= exported.uses_global_constants
    operands: list[Any] = []
    numbers = [exported.platform_index(p) for p in b.module.platforms]
    if len(exported.platforms) > 1:
        operands.append(_as(b, _platform(b, numbers), inputs[0]))
    kept = [args[k] for k in exported.module_kept_var_idx]
    operands += [_as(b, x, t) for x, t in zip(kept, inputs[len(operands):], strict=True)]
    names = b.raw("func.call", operands, results, f"callee = @{symbol}")
    return [_back(b, n, t, a) for n, t, a in zip(names, results, out, strict=True)]


def _platform(b: Builder, numbers: list[int]) -> Value:
    """The number of the platform among those of the called program."""
    if len(numbers) == 1:
        return b.full((), numbers[0], LENGTH)
    here, found = b.lengths[PLATFORM], b.full((), numbers[0], LENGTH)
    for k, number in enumerate(numbers[1:], 1):
        is_k = b.compare("EQ", here, b.full((), k, LENGTH))
        found = b.select(is_k, b.full((), number, LENGTH), found)
    return found


class _Typed(Value):
    """A value whose type is given as text."""

    text = ""

    @property
    def type(self) -> str:
        """The type."""
        return self.text


def _typed(name: str, text: str, like: Value) -> _Typed:
    found = _Typed(name, like.shape, like.dtype)
    found.text = text
    return found


def _as(b: Builder, x: Value, text: str) -> Value:
    """A value as one of another type: lengths that the other function does not know are forgotten.
    """
    if x.type == text:
        return x
    (name,) = b.raw("stablehlo.convert", [x], [text])
    return _typed(name, text, x)


def _back(b: Builder, name: str, text: str, aval: Any) -> Value:
    """A result with what is known of its lengths."""
    value = Value(name, aval.shape, device_dtype(aval.dtype))
    wanted = tensor_of(aval)
    if text == wanted:
        return value
    (name,) = b.raw("stablehlo.convert", [_typed(name, text, value)], [wanted])
    return Value(name, value.shape, value.dtype)


def _embedded(b: Builder, exported: Any) -> tuple[str, list[str], list[str]]:
    """Append the functions of a module; return the name of its main one, and its types."""
    module, ir = deserialized(exported.mlir_module_serialized), context().ir
    symbols, number = ir.SymbolTable(module.operation), b.module.fresh()
    main, main_type = "", None
    operations = [op.operation for op in module.body.operations]
    for op in operations:
        name = str(op.attributes["sym_name"]).strip('"')
        if op.name == "sdy.mesh":
            line = f"  {op.get_asm(use_local_scope=True)}"
            if line not in b.module.header:
                b.module.header.append(line)
            continue
        label = "".join(c if c.isalnum() or c in "_." else "_" for c in exported.fun_name)
        fresh = f"call_exported_{label}_{number}" if name == "main" else f"{name}_{number}"
        if name == "main":
            main, main_type = fresh, ir.TypeAttr(op.attributes["function_type"]).value
        ir.SymbolTable.replace_all_symbol_uses(name, fresh, module.operation)
        symbols.set_symbol_name(op, fresh)
        op.attributes["sym_visibility"] = ir.StringAttr.get("private", context().mlir)
    for op in operations:
        if op.name == "func.func":
            b.module.functions.append(f"  {op.get_asm(use_local_scope=True)}")
    function = ir.FunctionType(main_type)
    return main, [str(t) for t in function.inputs], [str(t) for t in function.results]


__all__: list[str] = []
