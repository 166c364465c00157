"""The plan of an index: its entries, and the slices and index arrays that they stand for."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.array import Array, ArrayBase, fetch
from ingot.core.interpreter import Tracer, to_array
from ingot.core.source_info import here
from ingot.core.symbolic import is_symbolic, length, max_dim, min_dim
from ingot.errors import NonConcreteBooleanIndexError
from ingot.numpy import primitives as lax
from ingot.numpy.promotion import broadcast_shapes, convert

Mode = Any


# ---- entries ----


@dataclass
class Entry:
    """One entry of an index: its kind, value, and the axis of the operand it consumes.

    kind: 'int' (static), 'slice' (static start, stop, step), 'array' (static or traced integers),
    'new'.
    """

    kind: str
    value: Any
    axis: int = -1


def _is_bool(x: Any) -> bool:
    return isinstance(x, (bool, np.bool_)) or (
        isinstance(x, (ArrayBase, np.ndarray)) and x.dtype == dtypes.bool_)  # type: ignore[union-attr]


def _consumed_axes(x: Any) -> int:
    """Number of axes an entry of a raw index uses up."""
    if x is None or x is Ellipsis or isinstance(x, (bool, np.bool_)):
        return 0
    return x.ndim if _is_bool(x) else 1


def _concrete_mask(x: Any) -> np.ndarray:
    if isinstance(x, Tracer):
        known = x.concrete()
        if known is None:
            raise NonConcreteBooleanIndexError(
                f"index: a boolean mask must be known while tracing, got {x.aval} at {here()};\n"
                "the result's shape depends on it. Use jnp.where(mask, x, 0), or"
                " x[jnp.nonzero(mask, size=n)] with a static size")
        x = known
    return np.asarray(fetch(x) if type(x) is Array else x)


def _check_entry(x: Any) -> Any:
    """An entry of a raw index, arrays in place of what stands for them; errors for the rest."""
    if x is None or x is Ellipsis or isinstance(
            x, (slice, ArrayBase, np.ndarray, np.generic, bool)):
        pass
    elif isinstance(x, int):
        return operator.index(x)
    elif isinstance(x, str):
        raise TypeError(f"index: strings do not index arrays, got {x!r}; use integers, slices or"
                        " arrays")
    elif isinstance(x, (list, tuple)):
        raise TypeError("index: a non-tuple sequence does not index arrays; use"
                        " x[jnp.array(sequence)] instead of x[sequence]")
    elif hasattr(x, "__jax_array__"):
        return _check_entry(x.__jax_array__())
    elif hasattr(x, "__index__"):
        return operator.index(x)
    elif hasattr(x, "__array__") or isinstance(x, float):
        x = np.asarray(x)
    else:
        raise TypeError(f"index: expected integers, slices, arrays, None or ..., got {x!r:.60}")
    if isinstance(x, (ArrayBase, np.ndarray, np.generic)) and dtypes.kind(
            dtypes.canonicalize_dtype(x.dtype)) not in "biu":
        raise TypeError(f"index: arrays that index must be integers or booleans, got"
                        f" {dtypes.short_name(dtypes.canonicalize_dtype(x.dtype))}{list(x.shape)};"
                        " convert it, e.g. by astype(int)")
    if isinstance(x, (np.integer, np.ndarray)) and x.ndim == 0 and x.dtype != bool:
        return int(x)
    return x


def _sequence(x: Any) -> Any:
    """An entry of a tuple that is a sequence of integers or booleans, as an array."""
    if not isinstance(x, (list, tuple)):
        return x
    rows = [_sequence(e) for e in x]
    if not any(isinstance(e, ArrayBase) for e in rows):
        return np.asarray(rows) if rows else np.zeros(0, np.int64)
    rows = [convert(e, dtypes.default_int()) for e in rows]
    return lax.concatenate([lax.expand_dims(e, (0,)) for e in rows], 0)


def _entries(index: Any, shape: tuple[int, ...]) -> list[Entry]:
    raw = [_check_entry(_sequence(x)) for x in index] if isinstance(index, tuple) \
        else [_check_entry(index)]
    dots = [i for i, x in enumerate(raw) if x is Ellipsis]
    if len(dots) > 1:
        raise IndexError("index: more than one ellipsis (...)")
    used = sum(map(_consumed_axes, raw))
    if used > len(shape):
        raise IndexError(f"index: too many indices: {used} for an array of shape {shape}; give at"
                         f" most {len(shape)}")
    fill: list[Any] = [slice(None)] * (len(shape) - used)
    at = dots[0] if dots else len(raw)
    raw = raw[:at] + fill + raw[at + 1:]
    out: list[Entry] = []
    axis = 0
    for x in raw:
        entry, n = _entry(x, axis, shape)
        out += entry
        axis += n
    return out


def _entry(x: Any, axis: int, shape: tuple[int, ...]) -> tuple[list[Entry], int]:
    if x is None:
        return [Entry("new", None)], 0
    if isinstance(x, (bool, np.bool_)):  # a mask of rank 0: a new axis, of length 0 or 1
        return [Entry("array", np.zeros(int(x), np.int64))], 0
    if _is_bool(x):
        mask = _concrete_mask(x)
        have = shape[axis:axis + mask.ndim]
        if len(mask.shape) != len(have) or any(m not in (0, n) for m, n in zip(
                mask.shape, have, strict=True)):  # masks without elements select nothing
            raise IndexError(f"index: a boolean mask must have the shape of the axes it selects"
                             f" from, got {mask.shape} for {have}")
        if mask.ndim == 0:
            return [Entry("array", np.zeros(int(mask), np.int64))], 0
        return [Entry("array", i, axis + k) for k, i in enumerate(np.nonzero(mask))], mask.ndim
    if isinstance(x, slice):
        return [_slice_entry(x, axis, shape[axis])], 1
    if isinstance(x, int):
        return [Entry("int", x, axis)], 1
    return [Entry("array", x, axis)], 1


def _slice_entry(x: slice, axis: int, n: int) -> Entry:
    bounds = []
    for part in (x.start, x.stop, x.step):
        if isinstance(part, Tracer) and part.concrete() is None:
            raise IndexError(
                f"index: bounds of slices must be static, got {part.aval} at {here()};\nuse"
                " lax.dynamic_slice(x, starts, sizes) for a slice of static size at a traced start")
        bounds.append(None if part is None else _bound(part))
    if any(map(is_symbolic, (*bounds, n))):
        return Entry("slice", _symbolic_indices(bounds, n), axis)
    return Entry("slice", slice(*bounds).indices(n), axis)


def _bound(x: Any) -> Any:
    try:
        return length(x)
    except TypeError:
        raise TypeError(f"index: bounds of slices must be integers, got {x!r:.40}; convert them"
                        " with int()") from None


def _symbolic_indices(bounds: list[Any], n: Any) -> tuple[Any, Any, Any]:
    """What `slice.indices` returns, where bounds or the length are symbolic."""
    start, stop, step = bounds
    step = 1 if step is None else step
    low, high = (0, n) if step > 0 else (-1, n - 1)

    def place(i: Any, default: Any) -> Any:
        if i is None:
            return default
        return min_dim(i, high) if i >= 0 else max_dim(i + n, low)

    return (place(start, low if step > 0 else high), place(stop, high if step > 0 else low), step)


def out_of_bounds(i: int, axis: int, shape: tuple[int, ...]) -> None:
    """Raise IndexError for an index that is known to be, unless it may be moved inside."""
    if config.check_static_indices or not shape[axis]:
        raise IndexError(
            f"index: {i} is out of bounds for axis {axis} of an array of shape {shape}, which has"
            f" length {shape[axis]}; use x.at[i].get(mode='fill') or mode='clip' if this is meant")


# ---- the plan of an index ----


@dataclass
class IndexPlan:
    """An index in three steps: slice statically, gather along `arrays`, shape the result."""

    starts: list[int]
    stops: list[int]
    steps: list[int]
    reverse: list[int]
    steps_after: dict[int, Any]
    """Steps along axes, after these are reversed."""
    arrays: list[tuple[int, Any]]
    """Axes that arrays index, with the arrays."""
    joint: int
    """Place of the joint axes of the arrays among the remaining axes."""
    joint_shape: tuple[int, ...]
    squeeze: list[int]
    new_axes: list[int]
    scalar: bool
    """Whether the arrays are all of rank 0."""


def plan_of(index: Any, shape: tuple[int, ...], mode: Mode) -> IndexPlan:
    """What an index means for an operand of this shape."""
    entries = _entries(index, shape)
    arrays = [e for e in entries if e.kind == "array"]
    if arrays and any(np.ndim(e.value) or e.axis < 0 for e in arrays):
        # Integers beside arrays are arrays too.
        for e in entries:
            if e.kind == "int":
                _check_static(e, shape, mode)
                e.kind, e.value = "array", np.asarray(_wrap(e.value, shape[e.axis]))
        arrays = [e for e in entries if e.kind == "array"]
    plan = IndexPlan([0] * len(shape), list(shape), [1] * len(shape), [], {}, [], 0, (), [], [],
                     False)
    positions = [i for i, e in enumerate(entries) if e.kind == "array"]
    for e in entries:
        if e.kind == "int":
            _check_static(e, shape, mode)
            i = _wrap(e.value, shape[e.axis])
            if not 0 <= i < shape[e.axis]:  # with a mode: as the array index it would be
                return plan_of(_as_arrays(index, shape), shape, mode)
            plan.starts[e.axis], plan.stops[e.axis] = i, i + 1
            plan.squeeze.append(e.axis)
        elif e.kind == "slice":
            _plan_slice(plan, e)
    if arrays:
        for e in arrays:
            if e.axis >= 0:
                plan.arrays.append((e.axis, e.value))
        plan.joint_shape = broadcast_shapes(*(np.shape(e.value) if not isinstance(
            e.value, ArrayBase) else e.value.aval.shape for e in arrays))
        plan.scalar = all(not (e.value.aval.shape if isinstance(e.value, ArrayBase) else
                               np.shape(e.value)) for e in arrays)
        together = positions == list(range(positions[0], positions[-1] + 1))
        before = entries[:positions[0]] if together else []
        plan.joint = sum(e.kind in ("slice", "new") for e in before)
    _plan_new_axes(plan, entries, positions)
    return plan


def _plan_new_axes(plan: IndexPlan, entries: list[Entry], positions: list[int]) -> None:
    """Places of new axes in the result."""
    kept, place = [], 0
    for e in entries:
        if e.kind in ("slice", "new"):
            kept.append((place, e.kind))
            place += 1
    rank = len(plan.joint_shape)
    for place, kind in kept:
        if kind == "new":
            plan.new_axes.append(place + (rank if positions and place >= plan.joint else 0))


def _as_arrays(index: Any, shape: tuple[int, ...]) -> Any:
    """Static integers as arrays of rank 0, to be gathered where they may be out of bounds."""
    items = index if isinstance(index, tuple) else (index,)
    return tuple(Array(np.asarray(i), to_array(0).aval.strip_weak_type()) if isinstance(
        i, (int, np.integer)) and not isinstance(i, bool) else i for i in items)


def _wrap(i: int, n: int) -> int:
    return i + n if i < 0 else i


def _check_static(e: Entry, shape: tuple[int, ...], mode: Mode) -> None:
    if mode is None and not -shape[e.axis] <= e.value < shape[e.axis]:
        out_of_bounds(e.value, e.axis, shape)


def _maybe_empty(plan: IndexPlan, axis: int, start: Any, stop: Any, step: Any
                 ) -> tuple[Any, Any, Any]:
    """A slice of which it is not known whether it takes anything, as start, stop and step of one
    that ends where it starts if not. Steps backwards are taken after the axis is reversed."""
    if step > 0:
        return start, max_dim(start, stop), step
    plan.reverse.append(axis)
    if step != -1:
        plan.steps_after[axis] = -step
    return min_dim(stop + 1, start + 1), start + 1, 1


def _plan_slice(plan: IndexPlan, e: Entry) -> None:
    start, stop, step = e.value
    way, stride = (stop - start, step) if step > 0 else (start - stop, -step)
    count = max_dim(0, (way + stride - 1) // stride)
    if is_symbolic(count) and count.scope.bounds(count)[0] < 1:
        start, stop, step = _maybe_empty(plan, e.axis, start, stop, step)
    elif step < 0:
        plan.reverse.append(e.axis)
        last = start + (count - 1) * step
        start, stop, step = (last, start + 1, -step) if count != 0 else (0, 0, 1)
    elif count == 0:
        start = stop = 0
        step = 1
    plan.starts[e.axis], plan.stops[e.axis], plan.steps[e.axis] = start, stop, step
