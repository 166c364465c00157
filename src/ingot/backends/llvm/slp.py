"""SLP vectorization of elementary functions: calls for several scalars become one for a vector.

LLVM makes vectors of scalar code too, but long formulas that were written out once for each scalar
take it long, and whether it succeeds is luck. Straight-line code is put in another order here: what
does not depend on a function's result comes first, then calls that wait for nothing are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.backends.llvm import functions
from ingot.backends.llvm.functions.target import vector_bytes
from ingot.backends.llvm.scalar import is_float, is_narrow, llvm_type
from ingot.kernel import ir

FEWEST = 2
"""RegisterArray from which a vector is worthwhile."""


@dataclass
class CallBundle:
    """Calls of one function, at most as many as there are lanes."""

    calls: Sequence[ir.Value]
    lanes: int


def pack_math_calls(nodes: Sequence[Any]) -> Sequence[Any]:
    """The nodes of a block, calls of elementary functions together where that is possible."""
    calls = [node for node in nodes
             if type(node) is ir.Value and node.op in functions.FORMULAS and _is_call(node)]
    if len(calls) - len({_function(node) for node in calls}) < FEWEST - 1:
        return nodes
    out: list[Any] = []
    straight: list[Any] = []
    for node in nodes:
        if type(node) is ir.Value or type(node) is ir.Store:
            straight.append(node)
        else:
            out += [*_order_by_level(straight), node]
            straight = []
    return [*out, *_order_by_level(straight)]


def _is_call(node: ir.Value) -> bool:
    return is_float(node.dtype) and not is_narrow(node.dtype) \
        and functions.available(node.op, llvm_type(node.dtype))


def _function(node: ir.Value) -> Any:
    return node.op, node.dtype


def _order_by_level(nodes: Sequence[Any]) -> Iterator[Any]:
    """Straight-line code by its level: how many calls must come before."""
    level: dict[int, int] = {}
    at: dict[int, list[Any]] = {}
    groups: dict[int, dict[Any, list[ir.Value]]] = {}
    stored = accessed = 0  # levels of the last store, and of the last access
    for node in nodes:
        if type(node) is ir.Store:
            here = accessed = stored = max(
                accessed, *(level.get(id(x), 0) for x in (node.index, node.value)))
        else:
            here = max((level.get(id(x), 0) for x in node.args), default=0)
            if node.op == "load":
                here = max(here, stored)
                accessed = max(accessed, here)
            elif node.op in functions.FORMULAS and _is_call(node):
                groups.setdefault(here, {}).setdefault(_function(node), []).append(node)
                level[id(node)] = here + 1
                continue
            level[id(node)] = here
        at.setdefault(here, []).append(node)
    for here in sorted({*at, *groups}):
        yield from at.get(here, ())
        for calls in groups.get(here, {}).values():
            yield from _together(calls)


def _together(calls: Sequence[ir.Value]) -> Iterator[Any]:
    most = max(vector_bytes()) // (8 if llvm_type(calls[0].dtype) == "double" else 4)
    for first in range(0, len(calls), most):
        some = calls[first : first + most]
        if len(some) < FEWEST:
            yield from some
        else:
            yield CallBundle(some, 1 << (len(some) - 1).bit_length())
