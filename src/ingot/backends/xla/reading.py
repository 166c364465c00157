"""StableHLO read back into jaxprs: functions, control flow, and the evaluation of operations."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.backends.xla.client import context
from ingot.backends.xla.types import ELEMENTS
from ingot.control.call import call_jaxpr
from ingot.control.cond import switch
from ingot.control.while_loop import while_loop
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.mesh import AbstractMesh, AxisType
from ingot.primitives.compare import lt
from ingot.primitives.movement import broadcast_in_dim
from ingot.primitives.select import select_n
from ingot.transforms.stage import stage

DTYPES = {text: dtype for dtype, text in ELEMENTS.items()}
OPERATIONS: dict[str, Callable[..., Any]] = {}
"""How an operation is evaluated: rule(reader, op, *values) -> value or list of values."""


class Unreadable(NotImplementedError):
    """An operation that has no counterpart among our primitives."""


def operation(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: the function evaluates these operations."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        OPERATIONS.update(dict.fromkeys(names, function))
        return function

    return enter


def aval_of(mlir_type: Any) -> ShapedArray:
    """Return the type of arrays that a tensor type with known lengths means."""
    ir = context().ir
    tensor = ir.RankedTensorType(mlir_type)
    return ShapedArray(tuple(tensor.shape), dtype_of(str(tensor.element_type)))


def dtype_of(text: str) -> np.dtype:
    """Return the dtype of an element type."""
    try:
        return DTYPES[text]
    except KeyError:
        raise Unreadable(f"there are no arrays of {text}") from None


def is_token(mlir_type: Any) -> bool:
    """Return whether a type is that of what orders side effects."""
    return str(mlir_type) == "!stablehlo.token"


class Reader:
    """Evaluates the functions of a module by our primitives."""

    def __init__(self, module: Any):
        self._module = module
        self.functions = {str(op.attributes["sym_name"]).strip('"'): op
                          for op in self._module.body.operations
                          if op.operation.name == "func.func"}
        self._programs: dict[str, Jaxpr] = {}
        self.meshes = {text_of(op, "sym_name"): _mesh_of(str(op.attributes["mesh"]))
                       for op in self._module.body.operations
                       if op.operation.name == "sdy.mesh"}

    def program(self, name: str) -> Jaxpr:
        """Return a function as a jaxpr; tokens are left out of arguments and results."""
        if name not in self._programs:
            block = self.functions[name].regions[0].blocks[0]
            avals = [aval_of(a.type) for a in block.arguments if not is_token(a.type)]

            def evaluate(*args: Any) -> list[Any]:
                given = iter(args)
                values = [None if is_token(a.type) else next(given) for a in block.arguments]
                return [x for x in self.block(block, values, {}) if x is not None]

            self._programs[name] = stage(evaluate, avals, name)
        return self._programs[name]

    def block(self, block: Any, args: Sequence[Any], outer: dict[Any, Any]) -> list[Any]:
        """Evaluate the operations of a block; return what it returns."""
        env = {**outer, **dict(zip(block.arguments, args, strict=True))}
        for op in block.operations:
            op = op.operation
            values = [env[x] for x in op.operands]
            if op.name in ("func.return", "stablehlo.return", "sdy.return"):
                return values
            rule = OPERATIONS.get(op.name)
            if rule is None:
                raise Unreadable(f"{op.name} has no counterpart")
            found = rule(self, op, *values, env=env) if op.name in WITH_REGIONS else rule(
                self, op, *values)
            if len(op.results) == 1 and not isinstance(found, list):
                found = [found]
            env.update(zip(op.results, found, strict=True))
        return []

    def region(self, op: Any, k: int, env: dict[Any, Any]) -> Callable[..., list[Any]]:
        """Return a region of an operation as a function of its arguments."""
        block = op.regions[k].blocks[0]
        return lambda *args: self.block(block, args, env)


def _mesh_of(text: str) -> AbstractMesh:
    """The mesh without devices that a module defines."""
    axes = re.findall(r'"(.*?)"=(\d+)', text)
    return AbstractMesh(tuple(int(n) for _, n in axes), tuple(name for name, _ in axes),
                        (AxisType.Auto,) * len(axes))


# ---- calls ---------------------------------------------------------------------------------------
def _call(reader: Reader, op: Any, symbol: str, values: Sequence[Any]) -> list[Any]:
    outs = iter(call_jaxpr(reader.program(symbol), *[x for x in values if x is not None],
                           name=symbol))
    return [None if is_token(r.type) else next(outs) for r in op.results]


def text_of(op: Any, name: str) -> str:
    """Return a string or symbol among the attributes."""
    return str(op.attributes[name]).strip('"@')


@operation("func.call")
def _func_call(reader: Reader, op: Any, *values: Any) -> list[Any]:
    return _call(reader, op, text_of(op, "callee"), values)


@operation("stablehlo.composite")
def _composite(reader: Reader, op: Any, *values: Any) -> list[Any]:
    rule = OPERATIONS.get(text_of(op, "name"))
    if rule is not None:
        found = rule(reader, op, *values)
        return found if isinstance(found, list) else [found]
    return _call(reader, op, text_of(op, "decomposition"), values)


# ---- control flow --------------------------------------------------------------------------------
@operation("stablehlo.while")
def _while(reader: Reader, op: Any, *values: Any, env: dict[Any, Any]) -> list[Any]:
    holds, turn = reader.region(op, 0, env), reader.region(op, 1, env)
    return list(while_loop(lambda carry: holds(*carry)[0], lambda carry: turn(*carry),
                           list(values)))


@operation("stablehlo.case", "stablehlo.if")
def _case(reader: Reader, op: Any, which: Any, env: dict[Any, Any]) -> list[Any]:
    branches = [reader.region(op, k, env) for k in range(len(op.regions))]
    if op.name == "stablehlo.if":
        index = select_n(which, np.int32(1), np.int32(0))
    else:  # what is out of range chooses the last one
        index = select_n(lt(which, np.int32(0)), which, np.int32(len(branches) - 1))
    return list(switch(index, branches))


WITH_REGIONS = {"stablehlo.while", "stablehlo.case", "stablehlo.if", "stablehlo.reduce",
                "stablehlo.reduce_window", "stablehlo.sort", "stablehlo.scatter"}
"""Operations whose regions may use values of the function around them."""


def level(*values: Any) -> list[Any]:
    """Return arrays of one shape: scalars are repeated, as where a function of two elements is
    applied to arrays."""
    shapes = [typeof(x).shape for x in values]
    shape = max(shapes, key=len)
    return [x if s == shape else broadcast_in_dim(x, shape, ())
            for x, s in zip(values, shapes, strict=True)]
