"""Modules whose lengths and platform are known when they are compiled: written, and refined.

The calling convention is that of JAX's export: `main` takes the number of the platform, if there
are several, and the arrays; it computes the dimension variables from their shapes, asserts what
must hold, and calls `_wrapped_jax_export_main` with the platform, the variables and the arrays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ingot.backends.xla.client import bytecode, context, parsed
from ingot.backends.xla.installed import module as jaxlib_module
from ingot.backends.xla.rules import lower_jaxpr, value_of
from ingot.backends.xla.sharding_text import devices_of, mesh_text, meshes_of, note
from ingot.backends.xla.stablehlo import LENGTH, PLATFORM, Builder, Module, Value
from ingot.backends.xla.types import tensor, tensor_of
from ingot.core.jaxpr import Jaxpr
from ingot.core.symbolic import variables_of

WRAPPED = "_wrapped_jax_export_main"
MAX_INPUTS = 32  # of the message of an assertion


def lower_for_export(jaxpr: Jaxpr, platforms: Sequence[str], solution: Any,
                     ins: Sequence[Any], outs: Sequence[Any]) -> Module:
    """Return a jaxpr as a module for these platforms; its `refined` says whether it is to be
    refined before it is compiled.

    ins, outs: shardings of arguments and results, or None. Raises NotImplementedError where
    platforms need programs that differ by more than what `platform_dependent` chooses.
    """
    first, *others = (_lowered(jaxpr, p, platforms, solution, ins, outs) for p in (
        *platforms[:1], *(["tpu"] if "tpu" in platforms[1:] else [])))
    if any(first.text() != other.text() for other in others):
        raise NotImplementedError(
            f"export: {jaxpr.debug_name} has operations that become others on tpu than on"
            f" {platforms[0]}; export it for each of the platforms {tuple(platforms)} by itself")
    return first


def _lowered(jaxpr: Jaxpr, platform: str, platforms: Sequence[str], solution: Any,
             ins: Sequence[Any], outs: Sequence[Any]) -> Module:
    variables = variables_of(a.shape for a in jaxpr.in_avals)
    several = [PLATFORM] if len(platforms) > 1 else []
    module = Module(jaxpr.debug_name, platform, [*several, *variables])
    module.for_export = True
    meshes = meshes_of(jaxpr, [*ins, *outs])
    module.header += [mesh_text(m, name) for m, name in meshes.items()]
    notes = [_braces(note(s, a.ndim, meshes)) for s, a in zip(ins, jaxpr.in_avals, strict=True)]
    results = [_braces(note(s, a.ndim, meshes), f'jax.result_info = "result[{k}]"')
               for k, (s, a) in enumerate(zip(outs, jaxpr.out_avals, strict=True))]
    module.platforms = tuple(platforms)

    def body(b: Builder, *names: str) -> list[Value]:
        return lower_jaxpr(b, jaxpr, [value_of(n, a) for n, a in zip(
            names, jaxpr.in_avals, strict=True)])

    types = [tensor_of(a) for a in jaxpr.in_avals]
    if variables:
        wrapped = module.function(WRAPPED, types, body, symbol=WRAPPED)
        _write_main(module, jaxpr, types, wrapped, solution, bool(several), notes, results)
    else:
        module.function("main", types, body, symbol="main", visibility="public", attributes=notes,
                        results=results)
    module.refined |= bool(module.variables)
    module.attributes = (f"jax.uses_shape_polymorphism = {json.dumps(module.refined)},"
                         f" mhlo.num_partitions = {devices_of(meshes)} : i32,"
                         " mhlo.num_replicas = 1 : i32")
    return module


def _write_main(module: Module, jaxpr: Jaxpr, types: Sequence[str], wrapped: Any, solution: Any,
                several: bool, notes: list[str], results: Sequence[str]) -> None:
    """Write the function that computes the variables and calls the one that takes them."""

    def body(b: Builder, *names: str) -> list[Value]:
        arrays = [value_of(n, a) for n, a in zip(names[several:], jaxpr.in_avals, strict=True)]
        for name, i, k in solution.lengths:
            b.lengths[name] = b.op("stablehlo.get_dimension_size", [arrays[i]], (), LENGTH,
                                   f"dimension = {k} : i64")
        for condition in solution.conditions:
            _assert(b, condition)
        values = {v: b.length(n) for v, n in solution.variables.items()}
        if several:
            values[PLATFORM] = Value(names[0], (), LENGTH)
        b.lengths.update(values)
        outs = b.call(wrapped, arrays)
        return [value_of(n, a) for n, a in zip(outs, jaxpr.out_avals, strict=True)]

    inputs = list(types)
    if several:
        inputs = [tensor((), LENGTH), *inputs]
        notes = [f'{{jax.global_constant = "{PLATFORM}"}}', *notes]
    module.function("main", inputs, body, public=True, attributes=notes, results=results)


def _braces(*notes: str) -> str:
    text = ", ".join(n for n in notes if n)
    return text and f"{{{text}}}"


def _assert(b: Builder, condition: Any) -> None:
    """Append the check of a condition on lengths."""
    left, zero = b.length(condition.left), b.length(0)
    holds = b.compare("EQ" if condition.equal else "GE", left, zero)
    inputs: list[Any] = []
    text = ""
    for part in condition.message:
        if isinstance(part, str):
            text += part
        elif part in inputs or len(inputs) < MAX_INPUTS:
            inputs += [] if part in inputs else [part]
            text += f"{{{inputs.index(part)}}}"
        else:
            text += "N/A"
    b.raw("stablehlo.custom_call", [holds, *map(b.length, inputs)], [],
          'call_target_name = "shape_assertion", has_side_effect = true, api_version = 2 : i32,'
          f" error_message = {json.dumps(text)}")


# ---- refinement ----------------------------------------------------------------------------------
def refine(module: Any, types: Sequence[str], outs: Sequence[str], index: int | None) -> Any:
    """Return a module for arguments and results of these types, on the platform of a number.

    Raises ValueError for what the module asserts of lengths.
    """
    ir, main = context().ir, main_of(module)
    inputs, results = types_of(main)
    main.operation.attributes["sym_visibility"] = ir.StringAttr.get("private", context().mlir)
    symbols = ir.SymbolTable(module.operation)
    symbols.set_symbol_name(main, "_exported_main")
    text = str(module).rstrip().removesuffix("}")
    return refined(parsed(text + _wrapper(inputs, results, types, outs, index) + "}"))


def main_of(module: Any) -> Any:
    """Return the function `main` of a module."""
    return next(op for op in module.body.operations if "sym_name" in op.attributes
                and str(op.attributes["sym_name"]) == '"main"')


def types_of(function: Any) -> tuple[list[str], list[str]]:
    """Return the types of a function's arguments and results."""
    found = context().ir.FunctionType(context().ir.TypeAttr(
        function.operation.attributes["function_type"]).value)
    return [str(t) for t in found.inputs], [str(t) for t in found.results]


def refined(module: Any) -> Any:
    """Return a module whose main function has known lengths with all others inferred."""
    try:
        data = jaxlib_module("jaxlib._jax").mlir.refine_polymorphic_shapes(
            bytecode(module), True, True)
    except Exception as error:
        raise ValueError(f"lengths of an exported program cannot be inferred: {error}") from None
    return parsed(data)


def _wrapper(inputs: Sequence[str], results: Sequence[str], types: Sequence[str],
             outs: Sequence[str], index: int | None) -> str:
    """A main function with known lengths that calls the exported one."""
    lines, operands = [], []
    if index is not None:
        lines.append(f"    %p = stablehlo.constant dense<{index}> : {inputs[0]}")
        operands.append("%p")
    for k, (want, have) in enumerate(zip(inputs[index is not None:], types, strict=True)):
        name = f"%arg{k}"
        if want != have:
            lines.append(f"    %c{k} = stablehlo.convert {name} : ({have}) -> {want}")
            name = f"%c{k}"
        operands.append(name)
    made = f"%r:{len(results)} = " if results else ""
    lines.append(f"    {made}func.call @_exported_main({', '.join(operands)}) :"
                 f" ({', '.join(inputs)}) -> ({', '.join(results)})")
    returned = []
    for k, (have, want) in enumerate(zip(results, outs, strict=True)):
        name = f"%r#{k}"
        if want != have:
            lines.append(f"    %o{k} = stablehlo.convert {name} : ({have}) -> {want}")
            name = f"%o{k}"
        returned.append(name)
    head = ", ".join(f"%arg{k}: {t}" for k, t in enumerate(types))
    tail = f" {', '.join(returned)} : {', '.join(outs)}" if outs else ""
    return "\n".join([f"  func.func public @main({head}) -> ({', '.join(outs)}) {{", *lines,
                      f"    func.return{tail}", "  }", ""])


__all__ = ["PLATFORM", "lower_for_export", "main_of", "refine", "refined", "types_of"]
