"""Calls of exported programs in StableHLO: the functions of their modules, under other names."""

from __future__ import annotations

import re
from typing import Any

from ingot.backends.xla.client import context, deserialized, parsed, targets
from ingot.backends.xla.rules import as_kernel, rule, value_of
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
        ("exported", id(exported)), lambda: (*_embedded(
            b, deserialized(exported.mlir_module_serialized), exported.fun_name), exported))[:3]
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


def _embedded(b: Builder, module: Any, label: str) -> tuple[str, list[str], list[str]]:
    """Append the functions of a module of MLIR, and its meshes, under other names; return the name
    of its main function, and its types."""
    ir, number = context().ir, b.module.fresh()
    symbols = ir.SymbolTable(module.operation)
    main, main_type, meshes = "", None, dict[str, str]()
    label = "".join(c if c.isalnum() or c in "_." else "_" for c in label)
    operations = [op.operation for op in module.body.operations]
    for op in operations:
        name = str(op.attributes["sym_name"]).strip('"')
        if op.name == "sdy.mesh":
            meshes[name] = _mesh(b, op.get_asm(use_local_scope=True), name, number)
            continue
        fresh = f"call_exported_{label}_{number}" if name == "main" else f"{name}_{number}"
        if name == "main":
            main, main_type = fresh, ir.TypeAttr(op.attributes["function_type"]).value
        ir.SymbolTable.replace_all_symbol_uses(name, fresh, module.operation)
        symbols.set_symbol_name(op, fresh)
        op.attributes["sym_visibility"] = ir.StringAttr.get("private", context().mlir)
    for op in operations:
        if op.name == "func.func":
            text = op.get_asm(use_local_scope=True)
            for name, fresh in meshes.items():
                text = re.sub(rf"@{re.escape(name)}(?![\w.$-])", f"@{fresh}", text)
            b.module.functions.append(f"  {text}")
    function = ir.FunctionType(main_type)
    return main, [str(t) for t in function.inputs], [str(t) for t in function.results]


def _mesh(b: Builder, text: str, name: str, number: int) -> str:
    """Append a mesh, unless it is there already; return its name, another one if it is taken."""
    line = f"  {text}"
    if line in b.module.header:
        return name
    if any(known.startswith(f"  sdy.mesh @{name} ") for known in b.module.header):
        name, line = f"{name}_{number}", line.replace(f"@{name} ", f"@{name}_{number} ", 1)
    b.module.header.append(line)
    return name


# ---- programs that cannot be read ----------------------------------------------------------------
@rule("run_by_xla")
def _whole(b: Builder, *args: Value, out: list[Any], data: bytes, devices: int, **_: Any
           ) -> list[Value]:
    """On XLA such a program is a part of the one that calls it: the host could not run it, whose
    devices are taken."""
    module = parsed(data)
    b.module.calls_lapack |= any(t.startswith("lapack_") for t in targets(module))
    symbol, _, results = b.module.once(("whole", data), lambda: _embedded(b, module, "whole"))
    names = b.raw("func.call", args, results, f"callee = @{symbol}")
    return [value_of(n, a) for n, a in zip(names, out, strict=True)]


__all__: list[str] = []
