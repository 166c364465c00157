"""Operations of StableHLO by our primitives: the reverse of the table of rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.xla.client import context
from ingot.backends.xla.elementwise import SAME
from ingot.backends.xla.reading import (
    OPERATIONS,
    Reader,
    Unreadable,
    aval_of,
    dtype_of,
    level,
    operation,
    text_of,
)
from ingot.core.array import fetch
from ingot.core.backend import evaluating
from ingot.core.interpreter import to_array, typeof
from ingot.core.primitive import REGISTRY
from ingot.core.sharding import NamedSharding
from ingot.core.specs import UNCONSTRAINED, PartitionSpec
from ingot.dtypes import real_of
from ingot.primitives.arithmetic import add, max, min, mul
from ingot.primitives.bits import bitwise_not
from ingot.primitives.compare import ne
from ingot.primitives.constraint import sharding_constraint_p
from ingot.primitives.conv import ConvDimensionNumbers, conv_general_dilated
from ingot.primitives.convert import bitcast_convert_type, convert_element_type, reduce_precision
from ingot.primitives.dot import dot_general
from ingot.primitives.dynamic_slice import dynamic_slice, dynamic_update_slice
from ingot.primitives.fft import fft
from ingot.primitives.gather import gather, scatter_params
from ingot.primitives.gather_scatter import GatherDimensionNumbers, ScatterDimensionNumbers
from ingot.primitives.linalg import cholesky, triangular_solve
from ingot.primitives.movement import broadcast_in_dim, full_like, reshape
from ingot.primitives.reduce import reduce
from ingot.primitives.rounding import RoundingMethod, round
from ingot.primitives.select import select_n
from ingot.primitives.shape import broadcasted_iota, pad, rev
from ingot.primitives.sort import sort
from ingot.primitives.window import reduce_window

CLIP, DROP = "clip", "fill"


# ---- attributes ----------------------------------------------------------------------------------
def ints(op: Any, name: str, default: Sequence[int] | None = None) -> list[int]:
    """Return a list of integers among the attributes."""
    if name not in op.attributes:
        return list(default or ())
    return [int(n) for n in context().ir.DenseI64ArrayAttr(op.attributes[name])]


def integer(op: Any, name: str) -> int:
    """Return an integer among the attributes."""
    return context().ir.IntegerAttr(op.attributes[name]).value


def truth(op: Any, name: str) -> bool:
    """Return a truth among the attributes; false if it is not given."""
    return name in op.attributes and str(op.attributes[name]) == "true"


def word(op: Any, name: str) -> str:
    """Return the last word of an attribute like #stablehlo<transpose ADJOINT>."""
    return str(op.attributes[name]).rstrip(">").split()[-1]


def numbers(op: Any, name: str, *fields: str) -> tuple[tuple[int, ...], ...]:
    """Return lists of integers in an attribute: #stablehlo.gather<offset_dims = [1], ...>."""
    text = str(op.attributes[name])
    found = []
    for field in fields:
        match = re.search(rf"\b{field} = \[([\d, ]*)\]", text)
        found.append(tuple(int(n) for n in match[1].split(",") if n.strip()) if match else ())
    return tuple(found)


# ---- constants -----------------------------------------------------------------------------------
@operation("stablehlo.constant")
def _constant(reader: Reader, op: Any) -> Any:
    aval = aval_of(op.results[0].type)
    if aval.dtype.isbuiltin == 1 and aval.dtype.kind != "c":
        found = np.array(op.attributes["value"]).astype(aval.dtype, copy=False)
        return to_array(found.reshape(aval.shape))
    return to_array(_from_text(str(op), aval.shape, aval.dtype))


def _from_text(text: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The elements of a constant whose attribute NumPy cannot read, from its text."""
    match = re.search(r"dense<(.*)> : tensor", text, re.DOTALL)
    inside = match[1] if match else ""
    if inside.startswith('"0x'):
        return np.frombuffer(bytes.fromhex(inside[3:-1]), dtype).reshape(shape)
    part = real_of(dtype) if dtype.kind == "c" else dtype  # complex numbers are pairs
    items = np.array([_element(t, part) for t in re.findall(r"[^\s,\[\]()]+", inside)], part)
    items = items.view(dtype)
    return np.broadcast_to(items.reshape(() if items.size == 1 else shape), shape)


def _element(text: str, dtype: np.dtype) -> Any:
    """An element of a dtype that NumPy does not have, by its bits or in decimals."""
    if text.startswith("0x"):
        bits = np.array(int(text, 16), f"u{dtype.itemsize}")
        return bits.view(dtype)
    return np.asarray(float(text)).astype(dtype)


# ---- element by element --------------------------------------------------------------------------
def _elementwise(name: str) -> Any:
    return lambda reader, op, *values: REGISTRY[name].bind(*level(*values))


# What has several names in ours is read as the first one.
OPERATIONS.update({theirs if "." in theirs else f"stablehlo.{theirs}": _elementwise(ours)
                   for ours, theirs in SAME.items() if ours != "add_any"})
OPERATIONS.update({f"stablehlo.{theirs}": _elementwise(ours) for theirs, ours in {
    "maximum": "max", "minimum": "min", "abs": "abs", "sign": "sign", "is_finite": "is_finite",
    "complex": "complex", "real": "real", "imag": "imag", "power": "pow"}.items()})
OPERATIONS.update({f"chlo.{theirs}": _elementwise(ours) for theirs, ours in {
    "lgamma": "lgamma", "atanh": "atanh", "square": "square", "polygamma": "polygamma",
    "zeta": "zeta"}.items()})
TOTAL = {"EQ": ("eq_to", False, False), "NE": ("eq_to", False, True), "LT": ("lt_to", False, False),
         "GT": ("lt_to", True, False), "LE": ("le_to", False, False), "GE": ("le_to", True, False)}
"""Comparisons in the total order: by which of ours, whether with operands exchanged, negated."""


@operation("stablehlo.compare")
def _compare(reader: Reader, op: Any, x: Any, y: Any) -> Any:
    direction, (x, y) = word(op, "comparison_direction"), level(x, y)
    if "compare_type" in op.attributes and word(op, "compare_type") == "TOTALORDER":
        name, exchanged, negated = TOTAL[direction]
        found = REGISTRY[name].bind(*((y, x) if exchanged else (x, y)))
        return bitwise_not(found) if negated else found
    return REGISTRY[direction.lower()].bind(x, y)


@operation("stablehlo.select")
def _select(reader: Reader, op: Any, which: Any, x: Any, y: Any) -> Any:
    which, x, y = level(which, x, y)
    return select_n(which, y, x)


@operation("stablehlo.clamp")
def _clamp(reader: Reader, op: Any, low: Any, x: Any, high: Any) -> Any:
    return REGISTRY["clamp"].bind(low, x, high)


@operation("stablehlo.convert")
def _convert(reader: Reader, op: Any, x: Any) -> Any:
    dtype = dtype_of(str(context().ir.RankedTensorType(op.results[0].type).element_type))
    if dtype == np.bool_ and typeof(x).dtype != np.bool_:
        return ne(x, full_like(x, 0))
    return x if typeof(x).dtype == dtype else convert_element_type(x, dtype)


@operation("stablehlo.bitcast_convert")
def _bitcast(reader: Reader, op: Any, x: Any) -> Any:
    return bitcast_convert_type(x, aval_of(op.results[0].type).dtype)


@operation("stablehlo.reduce_precision")
def _reduce_precision(reader: Reader, op: Any, x: Any) -> Any:
    return reduce_precision(x, integer(op, "exponent_bits"), integer(op, "mantissa_bits"))


OPERATIONS["stablehlo.round_nearest_even"] = lambda reader, op, x: round(
    x, RoundingMethod.TO_NEAREST_EVEN)
OPERATIONS["stablehlo.round_nearest_afz"] = lambda reader, op, x: round(
    x, RoundingMethod.AWAY_FROM_ZERO)


# ---- movement ------------------------------------------------------------------------------------
@operation("stablehlo.reshape")
def _reshape(reader: Reader, op: Any, x: Any) -> Any:
    return reshape(x, aval_of(op.results[0].type).shape)


@operation("stablehlo.broadcast_in_dim")
def _broadcast(reader: Reader, op: Any, x: Any) -> Any:
    return broadcast_in_dim(x, aval_of(op.results[0].type).shape,
                            ints(op, "broadcast_dimensions"))


OPERATIONS["stablehlo.transpose"] = lambda reader, op, x: REGISTRY["transpose"].bind(
    x, permutation=tuple(ints(op, "permutation")))
OPERATIONS["stablehlo.reverse"] = lambda reader, op, x: rev(x, ints(op, "dimensions"))
OPERATIONS["stablehlo.concatenate"] = lambda reader, op, *xs: REGISTRY["concatenate"].bind(
    *xs, dimension=integer(op, "dimension"))
OPERATIONS["stablehlo.slice"] = lambda reader, op, x: REGISTRY["slice"].bind(
    x, start_indices=tuple(ints(op, "start_indices")),
    limit_indices=tuple(ints(op, "limit_indices")), strides=tuple(ints(op, "strides")))
OPERATIONS["stablehlo.dynamic_slice"] = lambda reader, op, x, *starts: dynamic_slice(
    x, starts, ints(op, "slice_sizes"), allow_negative_indices=False)
OPERATIONS["stablehlo.dynamic_update_slice"] = lambda reader, op, x, update, *starts: (
    dynamic_update_slice(x, update, starts, allow_negative_indices=False))
OPERATIONS["stablehlo.optimization_barrier"] = lambda reader, op, *xs: list(
    REGISTRY["optimization_barrier"].bind(*xs))


@operation("stablehlo.iota")
def _iota(reader: Reader, op: Any) -> Any:
    aval = aval_of(op.results[0].type)
    return broadcasted_iota(aval.dtype, aval.shape, integer(op, "iota_dimension"))


@operation("stablehlo.pad")
def _pad(reader: Reader, op: Any, x: Any, value: Any) -> Any:
    config = zip(*(ints(op, f"{name}_padding{end}") for name, end in (
        ("edge", "_low"), ("edge", "_high"), ("interior", ""))), strict=True)
    return pad(x, value, list(config))


# ---- gather and scatter --------------------------------------------------------------------------
def _last(indices: Any, op: Any, name: str) -> Any:
    """Indices with their components along the last axis."""
    rank = typeof(indices).ndim
    match = re.search(r"index_vector_dim = (\d+)", str(op.attributes[name]))
    axis = int(match[1]) if match else 0
    if axis == rank:
        return reshape(indices, (*typeof(indices).shape, 1))
    order = (*(a for a in range(rank) if a != axis), axis)
    return REGISTRY["transpose"].bind(indices, permutation=order)


@operation("stablehlo.gather")
def _gather(reader: Reader, op: Any, x: Any, indices: Any) -> Any:
    offset, collapsed, batching, starts, index_map = numbers(
        op, "dimension_numbers", "offset_dims", "collapsed_slice_dims", "operand_batching_dims",
        "start_indices_batching_dims", "start_index_map")
    return gather(x, _last(indices, op, "dimension_numbers"), GatherDimensionNumbers(
        offset, collapsed, index_map, batching, starts), ints(op, "slice_sizes"),
        indices_are_sorted=truth(op, "indices_are_sorted"), mode=CLIP)


@operation("stablehlo.scatter")
def _scatter(reader: Reader, op: Any, *values: Any, env: dict[Any, Any]) -> Any:
    if len(values) != 3:
        raise Unreadable("a scatter of several arrays together")
    x, indices, updates = values
    name = {None: "scatter", "add": "scatter-add", "subtract": "scatter-sub",
            "multiply": "scatter-mul", "and": "scatter-mul", "maximum": "scatter-max",
            "minimum": "scatter-min"}.get(_pair(op, allow_second=True), "")
    if not name:
        raise Unreadable("a scatter that combines elements by a program")
    window, inserted, batching, starts, index_map = numbers(
        op, "scatter_dimension_numbers", "update_window_dims", "inserted_window_dims",
        "input_batching_dims", "scatter_indices_batching_dims", "scatter_dims_to_operand_dims")
    dims = ScatterDimensionNumbers(window, inserted, index_map, batching, starts)
    return REGISTRY[name].bind(
        x, _last(indices, op, "scatter_dimension_numbers"), updates, **scatter_params(
            dims, truth(op, "indices_are_sorted"), truth(op, "unique_indices"), DROP))


# ---- reductions ----------------------------------------------------------------------------------
def _pair(op: Any, allow_second: bool = False) -> str | None:
    """The operation that combines two elements, if the region is one; '' if it is a program, None
    if it returns the second element."""
    block = op.regions[0].blocks[0]
    ops = [o.operation for o in block.operations]
    returned = list(ops[-1].operands)
    if allow_second and len(ops) == 1 and returned == [block.arguments[1]]:
        return None
    if len(ops) == 2 and set(ops[0].operands) == set(block.arguments) and (
            returned == list(ops[0].results)):
        return ops[0].name.removeprefix("stablehlo.")
    return ""


REDUCTIONS = {"add": ("sum", "add"), "multiply": ("prod", "mul"), "maximum": ("max", "max"),
              "minimum": ("min", "min"), "and": ("and", "and"), "or": ("or", "or"),
              "xor": ("xor", "xor")}
"""For an operation of two elements: the name of our reduction, and of the operation."""


@operation("stablehlo.reduce")
def _reduce(reader: Reader, op: Any, *values: Any, env: dict[Any, Any]) -> list[Any]:
    half = len(values) // 2
    xs, inits, axes = values[:half], values[half:], tuple(ints(op, "dimensions"))
    known = REDUCTIONS.get(_pair(op) or "") if half == 1 else None
    if known is not None:
        found = REGISTRY[f"reduce_{known[0]}"].bind(xs[0], axes=axes)
        return [REGISTRY[known[1]].bind(*level(found, inits[0]))]
    body = reader.region(op, 0, env)
    return list(reduce(tuple(xs), tuple(inits), lambda a, b: tuple(body(*a, *b)), axes))


@operation("stablehlo.reduce_window")
def _reduce_window(reader: Reader, op: Any, *values: Any, env: dict[Any, Any]) -> list[Any]:
    half = len(values) // 2
    xs, inits = values[:half], values[half:]
    sizes = ints(op, "window_dimensions")
    ones, rank = [1] * len(sizes), len(sizes)
    padding = np.zeros((rank, 2), int) if "padding" not in op.attributes else np.array(
        op.attributes["padding"]).reshape(rank, 2)
    known, body = REDUCTIONS.get(_pair(op) or "") if half == 1 else None, reader.region(op, 0, env)

    def both(a: Any, b: Any) -> Any:
        return tuple(body(*a, *b))

    rest = (sizes, ints(op, "window_strides", ones), [tuple(p) for p in padding.tolist()],
            ints(op, "base_dilations", ones), ints(op, "window_dilations", ones))
    if known is not None:
        combine = {"add": add, "max": max, "min": min, "mul": mul}.get(known[1])
        if combine is not None:
            return [reduce_window(xs[0], inits[0], combine, *rest)]
    return list(reduce_window(tuple(xs), tuple(inits), both, *rest))


# ---- sorting -------------------------------------------------------------------------------------
@operation("stablehlo.sort")
def _sort(reader: Reader, op: Any, *xs: Any, env: dict[Any, Any]) -> list[Any]:
    axis, keys = integer(op, "dimension"), _keys(reader.region(op, 0, env), xs)
    directions = set(keys)
    if not keys or len(directions) != 1:
        raise Unreadable("a sort whose keys are not all ascending or all descending")
    if directions == {1}:
        return list(sort(tuple(xs), axis, True, len(keys)))
    turned = sort(tuple(rev(x, (axis,)) for x in xs), axis, True, len(keys))
    return [rev(x, (axis,)) for x in turned]


def _keys(before: Any, xs: Sequence[Any]) -> list[int]:
    """By which of the arrays a comparator orders, the leading ones: 1 ascending, -1 descending."""
    keys = []
    with evaluating():
        for k, x in enumerate(xs):
            less = [(np.zeros((), typeof(y).dtype),) * 2 for y in xs]
            small, large = (np.asarray(v).astype(typeof(x).dtype) for v in (0, 1))
            more = list(less)
            less[k], more[k] = (small, large), (large, small)
            up, down = (bool(fetch(before(*[to_array(v) for pair in pairs for v in pair])[0]))
                        for pairs in (less, more))
            if up == down:
                break
            keys.append(1 if up else -1)
    return keys


# ---- contractions --------------------------------------------------------------------------------
@operation("stablehlo.dot_general")
def _dot_general(reader: Reader, op: Any, x: Any, y: Any) -> Any:
    xb, yb, xc, yc = numbers(
        op, "dot_dimension_numbers", "lhs_batching_dimensions", "rhs_batching_dimensions",
        "lhs_contracting_dimensions", "rhs_contracting_dimensions")
    dtype = aval_of(op.results[0].type).dtype
    return dot_general(x, y, ((xc, yc), (xb, yb)),
                       preferred_element_type=None if dtype == typeof(x).dtype else dtype)


def _spec(text: str, first: str, second: str) -> tuple[int, ...]:
    """Places of the axes in a layout: [b, f, 0, 1]."""
    names = [n.strip() for n in text.strip("[] ").split(",")]
    return tuple(names.index(n) for n in (first, second, *map(str, range(len(names) - 2))))


@operation("stablehlo.convolution")
def _convolution(reader: Reader, op: Any, x: Any, kernel: Any) -> Any:
    text = str(op.attributes["dimension_numbers"])
    match = re.search(r"(\[[^\]]*\])x(\[[^\]]*\])->(\[[^\]]*\])", text)
    if match is None or "true" in str(op.attributes.get("window_reversal", "")):
        raise Unreadable("a convolution with reversed windows")
    lhs, out = _spec(match[1], "b", "f"), _spec(match[3], "b", "f")
    rhs = _spec(match[2], "o", "i")
    rank = len(lhs) - 2
    ones = [1] * rank
    padding = np.array(op.attributes["padding"]).reshape(rank, 2).tolist() if (
        "padding" in op.attributes) else [(0, 0)] * rank
    return conv_general_dilated(
        x, kernel, ints(op, "window_strides", ones), [tuple(p) for p in padding],
        ints(op, "lhs_dilation", ones), ints(op, "rhs_dilation", ones),
        ConvDimensionNumbers(lhs, rhs, out), integer(op, "feature_group_count"),
        integer(op, "batch_group_count"),
        preferred_element_type=aval_of(op.results[0].type).dtype)


# ---- linear algebra ------------------------------------------------------------------------------
@operation("stablehlo.cholesky")
def _cholesky(reader: Reader, op: Any, x: Any) -> Any:
    if not truth(op, "lower"):
        raise Unreadable("an upper factor of Cholesky")
    return cholesky(x, symmetrize_input=False)


@operation("stablehlo.triangular_solve")
def _triangular_solve(reader: Reader, op: Any, a: Any, right: Any) -> Any:
    form = word(op, "transpose_a")
    return triangular_solve(
        a, right, left_side=truth(op, "left_side"), lower=truth(op, "lower"),
        transpose_a=form != "NO_TRANSPOSE", conjugate_a=form == "ADJOINT",
        unit_diagonal=truth(op, "unit_diagonal"))


@operation("stablehlo.fft")
def _fft(reader: Reader, op: Any, x: Any) -> Any:
    return fft(x, word(op, "fft_type"), ints(op, "fft_length"))


# ---- what orders and places ----------------------------------------------------------------------
OPERATIONS["stablehlo.create_token"] = lambda reader, op: [None]
OPERATIONS["stablehlo.after_all"] = lambda reader, op, *tokens: [None]


@operation("sdy.sharding_constraint")
def _constrained(reader: Reader, op: Any, x: Any) -> Any:
    mesh, spec = str(op.attributes["sharding"]).removeprefix("#sdy.sharding<@").split(", ", 1)
    entries = re.findall(r"\{(.*?)\}", spec.partition("]")[0])
    parts = [tuple(re.findall(r'"(.*?)"', e)) or (UNCONSTRAINED if "?" in e else None)
             for e in entries]
    if mesh not in reader.meshes or ":(" in spec or "unreduced" in spec:
        return x  # where an array lies changes nothing of its elements
    return sharding_constraint_p.bind(x, sharding=NamedSharding(
        reader.meshes[mesh], PartitionSpec(*parts)))


@operation("stablehlo.custom_call")
def _custom_call(reader: Reader, op: Any, *values: Any) -> Any:
    target = text_of(op, "call_target_name")
    if target in ("Sharding", "annotate_device_placement", "xla.sdy.FuncResultSharding"):
        return values[0]
    if target == "shape_assertion":  # which the refinement of shapes has checked
        return []
    raise Unreadable(f"the custom call {target}")


__all__ = ["OPERATIONS"]
