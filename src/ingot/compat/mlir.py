"""`jax.interpreters.mlir` and `jax.extend.mlir`: what rules that build MLIR are written with.

MLIR itself, its dialects and their operations are those of the installed jaxlib.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.client import INSTALL, context
from ingot.backends.xla.installed import is_installed, module
from ingot.backends.xla.types import ELEMENTS, dense, device_dtype, tensor, tensor_of
from ingot.core.avals import ShapedArray

_DIALECTS = {"hlo": "stablehlo", "func_dialect": "func"}
_OFFERED = ("builtin", "chlo", "func", "sdy", "stablehlo")


def __getattr__(name: str) -> Any:
    """The module `ir` of MLIR, and its dialects: `hlo`, `func`, `chlo`, `sdy`."""
    dialect = _DIALECTS.get(name, name)
    if name != "ir" and dialect not in _OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not is_installed():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}: it is jaxlib's, which"
                             f" is not installed; install it with: {INSTALL['xla']}")
    context()  # which knows the dialects
    return module("jaxlib.mlir.ir" if name == "ir" else f"jaxlib.mlir.dialects.{dialect}")


def _ir() -> Any:
    return context().ir


# ---- types ---------------------------------------------------------------------------------------
def aval_to_ir_type(aval: ShapedArray) -> Any:
    """The type of tensors that stands for a type of arrays."""
    return _ir().Type.parse(tensor_of(aval), context().mlir)


def dtype_to_ir_type(dtype: Any) -> Any:
    """The type of elements that stands for a dtype."""
    return _ir().Type.parse(ELEMENTS[device_dtype(np.dtype(dtype))], context().mlir)


# ---- constants and attributes --------------------------------------------------------------------
def ir_constant(val: Any, *, canonicalize_types: bool = True) -> Any:
    """An array or a number as a constant of the function that is built."""
    array: Any = np.asarray(val)
    if canonicalize_types:
        array = array.astype(dtypes.canonicalize_dtype(array.dtype))
    stored = array.view(device_dtype(array.dtype))
    kind = tensor(stored.shape, stored.dtype)
    made = _ir().Operation.parse(  # attributes of complex numbers cannot be had apart
        f"%0 = stablehlo.constant {dense(stored)} : {kind}", context=context().mlir)
    _ir().InsertionPoint.current.insert(made)
    return made.results[0]


def ir_constants(val: Any) -> Any:
    """The same as `ir_constant`: arrays have one value each."""
    return ir_constant(val)


def dense_int_elements(xs: Sequence[int]) -> Any:
    """Integers of 64 bits as an attribute of elements."""
    return _ir().DenseIntElementsAttr.get(np.asarray(xs, np.int64))


def dense_int_array(xs: Sequence[int]) -> Any:
    """Integers of 64 bits as an attribute."""
    return _ir().DenseI64ArrayAttr.get([int(x) for x in xs])


def dense_bool_array(xs: Sequence[bool]) -> Any:
    """Booleans as an attribute."""
    return _ir().DenseBoolArrayAttr.get([bool(x) for x in xs])


def i32_attr(i: int) -> Any:
    """An integer of 32 bits as an attribute."""
    return _ir().IntegerAttr.get(_ir().IntegerType.get_signless(32), i)


def i64_attr(i: int) -> Any:
    """An integer of 64 bits as an attribute."""
    return _ir().IntegerAttr.get(_ir().IntegerType.get_signless(64), i)


def shape_tensor(sizes: Sequence[int], ctx: Any = None) -> Any:
    """The lengths of axes as a constant vector of integers of 32 bits."""
    return ir_constant(np.asarray(sizes, np.int32))


# ---- custom calls --------------------------------------------------------------------------------
def _attribute(value: Any) -> Any:
    """A value of Python as an attribute; attributes as they are."""
    ir = _ir()
    if isinstance(value, bool):
        return ir.BoolAttr.get(value)
    if isinstance(value, int):
        return i64_attr(value)
    if isinstance(value, float):
        return ir.FloatAttr.get_f64(value)
    if isinstance(value, (str, bytes)):
        return ir.StringAttr.get(value)
    return value


def _layouts(layouts: Sequence[Sequence[int]]) -> Any:
    ir = _ir()
    return ir.ArrayAttr.get([ir.DenseIntElementsAttr.get(
        np.asarray(x, np.int64), type=ir.IndexType.get()) for x in layouts])


def custom_call(call_target_name: str, *, result_types: Sequence[Any], operands: Sequence[Any],
                backend_config: Any = None, has_side_effect: bool = False,
                api_version: int = 2, operand_output_aliases: Mapping[int, int] | None = None,
                operand_layouts: Any = None, result_layouts: Any = None,
                extra_attributes: Mapping[str, Any] | None = None, **refused: Any) -> Any:
    """A call of a function that is registered with XLA by name; an operation with `results`.

    backend_config: a string, or for api_version 4 a dictionary of attributes.
    """
    if any(refused.values()):
        raise TypeError(f"custom_call: {sorted(refused)} are not known")
    ir, hlo = _ir(), module("jaxlib.mlir.dialects.stablehlo")
    config = {k: _attribute(v) for k, v in (backend_config or {}).items()} if (
        api_version == 4) else backend_config or ""
    attributes = {
        "call_target_name": ir.StringAttr.get(call_target_name),
        "has_side_effect": ir.BoolAttr.get(has_side_effect), "api_version": i32_attr(api_version),
        "backend_config": ir.DictAttr.get(config) if api_version == 4 else _attribute(config)}
    if operand_output_aliases:
        attributes["output_operand_aliases"] = ir.ArrayAttr.get([hlo.OutputOperandAlias.get(
            [] if len(result_types) == 1 else [o], i, []) for i, o in
            operand_output_aliases.items()])
    if operand_layouts is not None:
        attributes["operand_layouts"] = _layouts(operand_layouts)
    if result_layouts is not None:
        attributes["result_layouts"] = _layouts(result_layouts)
    attributes.update(extra_attributes or {})
    return ir.Operation.create("stablehlo.custom_call", results=list(result_types),
                               operands=list(operands), attributes=attributes)


# ---- tokens --------------------------------------------------------------------------------------
class TokenSet:
    """What orders side effects, by effect; here programs order them by themselves."""

    def __init__(self, tokens: Mapping[Any, Any] | None = None):
        self._tokens = dict(tokens or {})

    def get(self, effect: Any) -> Any:
        """The token of an effect; None if there is none."""
        return self._tokens.get(effect)

    def effects(self) -> set[Any]:
        """The effects that have tokens."""
        return set(self._tokens)


__all__ = ["TokenSet", "aval_to_ir_type", "custom_call", "dense_bool_array", "dense_int_array",
           "dense_int_elements", "dtype_to_ir_type", "i32_attr", "i64_attr", "ir_constant",
           "ir_constants", "shape_tensor"]
