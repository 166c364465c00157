"""NumPy indexing: what `x[...]` and `x.at[...]` mean in slices, gathers and scatters."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from ingot import dtypes
from ingot.config import config
from ingot.core.array import Array, ArrayBase, fetch
from ingot.core.interpreter import EVAL, Tracer, current, to_array
from ingot.core.source_info import here
from ingot.errors import NonConcreteBooleanIndexError
from ingot.numpy import primitives as lax
from ingot.numpy.families import like
from ingot.numpy.promotion import broadcast, broadcast_shapes, convert

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


def _consumed(x: Any) -> int:
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
    used = sum(map(_consumed, raw))
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
        bounds.append(None if part is None else operator.index(part))
    return Entry("slice", slice(*bounds).indices(n), axis)


def _out_of_bounds(i: int, axis: int, shape: tuple[int, ...]) -> None:
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
                e.kind, e.value = "array", np.asarray(_wrapped(e.value, shape[e.axis]))
        arrays = [e for e in entries if e.kind == "array"]
    plan = IndexPlan([0] * len(shape), list(shape), [1] * len(shape), [], [], 0, (), [], [], False)
    positions = [i for i, e in enumerate(entries) if e.kind == "array"]
    for e in entries:
        if e.kind == "int":
            _check_static(e, shape, mode)
            i = _wrapped(e.value, shape[e.axis])
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


def _wrapped(i: int, n: int) -> int:
    return i + n if i < 0 else i


def _check_static(e: Entry, shape: tuple[int, ...], mode: Mode) -> None:
    if mode is None and not -shape[e.axis] <= e.value < shape[e.axis]:
        _out_of_bounds(e.value, e.axis, shape)


def _plan_slice(plan: IndexPlan, e: Entry) -> None:
    start, stop, step = e.value
    count = len(range(start, stop, step))
    if step < 0:
        plan.reverse.append(e.axis)
        last = start + (count - 1) * step
        start, stop, step = (last, start + 1, -step) if count else (0, 0, 1)
    elif not count:
        start = stop = 0
        step = 1
    plan.starts[e.axis], plan.stops[e.axis], plan.steps[e.axis] = start, stop, step


# ---- reading ----
def getitem(x: Any, index: Any, mode: Mode = None, fill_value: Any = None,
            indices_are_sorted: bool = False, unique_indices: bool = False,
            wrap_negative_indices: bool = True) -> Any:
    """`x[index]`; mode says what happens out of bounds: 'clip', 'fill', 'promise_in_bounds'."""
    shape = x.aval.shape
    if (type(x) is Array and mode is None and type(x._data) is ndarray and current() is EVAL
            and _is_basic(index)):
        if (view := _view(x, index)) is not None:
            return view
    if type(index) is int and mode is None and shape:  # the commonest case, without a plan
        n = shape[0]
        if not -n <= index < n:
            _out_of_bounds(index, 0, shape)
        i = min(max(index + n if index < 0 else index, 0), n - 1)
        rest = shape[1:]
        return lax.squeeze(lax.slice(x, (i, *(0,) * len(rest)), (i + 1, *rest)), (0,))
    plan = plan_of(index, shape, mode if mode is not None or fill_value is None else "fill")
    dynamic = bool(plan.arrays) and plan.scalar and mode is None and fill_value is None
    fixed = {a: plan.starts[a] for a in plan.squeeze} if dynamic else {}
    for a in fixed:  # one dynamic slice takes static integers along
        plan.starts[a], plan.stops[a] = 0, shape[a]
    x = _static_part(x, plan)
    if plan.arrays:
        if dynamic:
            x = _dynamic(x, plan, fixed)
        else:
            x = _gather(x, plan, mode, fill_value, indices_are_sorted, unique_indices,
                        wrap_negative_indices)
    elif plan.squeeze:
        x = lax.squeeze(x, plan.squeeze)
    if plan.joint_shape and not plan.arrays:  # masks of rank 0 alone
        kept = x.aval.shape
        x = lax.broadcast_in_dim(x, kept[:plan.joint] + plan.joint_shape + kept[plan.joint:],
                                 [i + (i >= plan.joint) * len(plan.joint_shape)
                                  for i in range(len(kept))])
    return lax.expand_dims(x, plan.new_axes) if plan.new_axes else x


def _is_basic(index: Any) -> bool:
    kind = type(index)
    if kind is tuple:
        return all(type(i) in _BASIC for i in index)
    return kind in _BASIC


def _view(x: Array, index: Any) -> Any:
    """A view by a basic index, as nobody can write to eager arrays; None if it is out of bounds."""
    try:
        data = x._data[index]
    except IndexError:
        plan_of(index, x.aval.shape, None)  # raises our errors
        return None
    return Array(np.asarray(data), x.aval.update(shape=data.shape))


_BASIC = (int, slice, type(None), type(Ellipsis))


def _static_part(x: Any, plan: IndexPlan) -> Any:
    shape = x.aval.shape
    if any(plan.starts) or tuple(plan.stops) != shape or any(s != 1 for s in plan.steps):
        steps = None if all(s == 1 for s in plan.steps) else plan.steps
        x = lax.slice(x, plan.starts, plan.stops, steps)
    return lax.rev(x, plan.reverse) if plan.reverse else x


def as_index(i: Any, n: int, wrap: bool = True) -> Any:
    """An integer array as an index into an axis of length n; negative ones count from the end."""
    i = to_array(i)
    i = convert(i, i.aval.dtype)
    if dtypes.kind(i.aval.dtype) == "u" or not wrap:
        return i
    if i.aval.dtype.itemsize < 4:
        i = convert(i, dtypes.int32)
    if type(i) is Array:
        data = np.where(fetch(i) < 0, fetch(i) + i.aval.dtype.type(n), fetch(i))
        return Array(np.asarray(data, i.aval.dtype), i.aval)
    return lax.select(lax.lt(i, like(i, 0)), lax.add(i, like(i, n)), i)


def _dynamic(x: Any, plan: IndexPlan, fixed: dict[int, int]) -> Any:
    """Scalar array indices: one dynamic slice."""
    shape = x.aval.shape
    by_axis = {axis: to_array(i) for axis, i in plan.arrays}
    if any(shape[axis] == 0 for axis in by_axis):
        raise IndexError(f"index: no element to take from an empty axis of {x.aval}")
    wide = any(i.aval.dtype.itemsize > 4 for i in by_axis.values())
    dtype = dtypes.int64 if wide else dtypes.int32
    weak = all(i.aval.weak_type for i in by_axis.values())
    starts = [convert(by_axis.get(a, fixed.get(a, 0)), dtype, weak) for a in range(len(shape))]
    sizes = [1 if a in by_axis or a in fixed else n for a, n in enumerate(shape)]
    out = lax.dynamic_slice(x, starts, sizes)
    return lax.squeeze(out, sorted([*by_axis, *plan.squeeze]))


def _stacked(plan: IndexPlan, shape: tuple[int, ...], wrap: bool) -> Any:
    """The array indices as one array [*joint, k] of one dtype."""
    arrays = [as_index(i, shape[axis], wrap) for axis, i in plan.arrays]
    wide = any(i.aval.dtype.itemsize > 4 or dtypes.kind(i.aval.dtype) == "u" for i in arrays)
    dtype = dtypes.int64 if wide and dtypes.default_int() == dtypes.int64 else dtypes.int32
    joint = plan.joint_shape
    columns = [lax.reshape(broadcast(convert(i, dtype), joint), (*joint, 1)) for i in arrays]
    return columns[0] if len(columns) == 1 else lax.concatenate(columns, len(joint))


def _gather(x: Any, plan: IndexPlan, mode: Mode, fill_value: Any, is_sorted: bool, unique: bool,
            wrap: bool) -> Any:
    shape = x.aval.shape
    axes = [axis for axis, _ in plan.arrays]
    collapsed = sorted([*axes, *plan.squeeze])
    sizes = [1 if a in collapsed else n for a, n in enumerate(shape)]
    rank = len(plan.joint_shape)
    place = plan.joint - sum(1 for a in plan.new_axes if a < plan.joint)
    kept = len(shape) - len(collapsed)
    offset = [i for i in range(kept + rank) if not place <= i < place + rank]
    if any(shape[a] == 0 for a in collapsed):
        result = [n for a, n in enumerate(shape) if a not in collapsed]
        result[place:place] = plan.joint_shape
        if 0 in result:
            return lax.reshape(x, tuple(result))
        if mode is None:
            raise IndexError(f"index: no element to take from an empty axis of {x.aval}")
    numbers = lax.GatherDimensionNumbers(
        offset_dims=tuple(offset), collapsed_slice_dims=tuple(collapsed),
        start_index_map=tuple(axes))
    if mode is None:
        mode = "clip" if fill_value is None else "fill"
    return lax.gather(x, _stacked(plan, shape, wrap), numbers, tuple(sizes), mode=mode,
                      fill_value=fill_value, indices_are_sorted=is_sorted, unique_indices=unique)


# ---- writing ----


def scatter(op: Any, x: Any, index: Any, values: Any, mode: Mode, indices_are_sorted: bool,
            unique_indices: bool, wrap_negative_indices: bool = True) -> Any:
    """`x` with `values` combined into the elements at `index` by a scatter operation."""
    shape = x.aval.shape
    if not shape:  # as an array of one element
        inner = (0, *index) if isinstance(index, tuple) else (0, index)
        return lax.reshape(scatter(op, lax.reshape(x, (1,)), inner, values, mode,
                                   indices_are_sorted, unique_indices), ())
    plan = plan_of(index, shape, mode)
    values = to_array(values)
    slices = [a for a in range(len(shape)) if a not in plan.squeeze
              and all(a != axis for axis, _ in plan.arrays)]
    kept = [len(range(plan.starts[a], plan.stops[a], plan.steps[a])) for a in slices]
    values = _window(values, plan, kept)
    static = all(s == 1 for s in plan.steps) and not plan.arrays and not plan.joint_shape
    if static and op is lax.scatter:
        values = convert(values, x.aval.dtype, x.aval.weak_type)
        starts = [convert(a, dtypes.int32) for a in plan.starts]
        values = lax.expand_dims(values, plan.squeeze) if plan.squeeze else values
        return lax.dynamic_update_slice(x, values, starts)
    return _scatter(op, x, plan, values, slices, kept, mode, indices_are_sorted, unique_indices,
                    wrap_negative_indices)


def _window(values: Any, plan: IndexPlan, kept: Sequence[int]) -> Any:
    """Values broadcast to what the index selects, without its new axes, in the operand's order."""
    result = list(kept)
    joint = plan.joint - sum(a < plan.joint for a in plan.new_axes)
    result[joint:joint] = plan.joint_shape
    for a in plan.new_axes:
        result.insert(a, 1)
    target = tuple(result)
    have = values.aval.shape
    extra = len(have) - len(target)
    if extra > 0 and all(n == 1 for n in have[:extra]):
        values = lax.reshape(values, have[extra:])
        have = have[extra:]
    if extra > 0 and len(have) > len(target) or any(
            n not in (1, m) for n, m in zip(have[::-1], target[::-1], strict=False)):
        raise ValueError(f"index update: values of shape {values.aval.shape} do not broadcast to"
                         f" the shape {target} that the index selects")
    values = broadcast(values, target)
    values = lax.squeeze(values, plan.new_axes) if plan.new_axes else values
    if plan.reverse:
        gone = set(plan.squeeze) | {a for a, _ in plan.arrays}
        axes = [a - sum(g < a for g in gone) for a in plan.reverse]
        rank = len(plan.joint_shape)
        values = lax.rev(values, [a + (rank if a >= joint else 0) for a in axes])
    return values


def _scatter(op: Any, x: Any, plan: IndexPlan, values: Any, slices: list[int], kept: list[int],
             mode: Mode, is_sorted: bool, unique: bool, wrap: bool) -> Any:
    shape = x.aval.shape
    # Strided slices become arrays of indices; slices from an offset become starts of windows.
    strided = [a for a, s in enumerate(plan.steps) if s != 1]
    array_axes = [a for a, _ in plan.arrays]
    new_before = sum(a < plan.joint for a in plan.new_axes)
    joint_at, joint = plan.joint - new_before, plan.joint_shape
    places = [i + (len(joint) if i >= joint_at else 0) for i in range(len(slices))]
    batch = [places[slices.index(a)] for a in strided]
    joint_places = list(range(joint_at, joint_at + len(joint)))
    windows = [p for a, p in zip(slices, places, strict=True) if a not in strided]
    # Index arrays have the axes: joint, then one for each strided slice.
    values = lax.transpose(values, [*joint_places, *batch, *windows])
    index_shape = (*joint, *(kept[slices.index(a)] for a in strided))
    columns, axes = [], []
    for a in range(len(shape)):
        if a in array_axes:
            array = as_index(dict(plan.arrays)[a], shape[a], wrap)
            array = broadcast(array, joint)
            column = lax.broadcast_in_dim(array, index_shape, range(len(joint)))
        elif a in strided:
            count = kept[slices.index(a)]
            run = np.arange(count) * plan.steps[a] + plan.starts[a]
            column = lax.broadcast_in_dim(to_array(run), index_shape,
                                          (len(joint) + strided.index(a),))
        elif a in plan.squeeze or plan.starts[a] or plan.stops[a] != shape[a]:
            column = lax.broadcast_in_dim(convert(plan.starts[a], dtypes.int32), index_shape, ())
        else:
            continue
        axes.append(a)
        columns.append(column)
    dtype = dtypes.int64 if any(c.aval.dtype.itemsize > 4 for c in columns) else dtypes.int32
    columns = [lax.reshape(convert(c, dtype), (*index_shape, 1)) for c in columns]
    indices = (lax.concatenate(columns, len(index_shape)) if columns else
               broadcast(convert(0, dtypes.int32), (*index_shape, 0)))
    inserted = sorted([*array_axes, *strided, *plan.squeeze])
    numbers = lax.ScatterDimensionNumbers(
        update_window_dims=tuple(range(len(index_shape), len(index_shape) + len(windows))),
        inserted_window_dims=tuple(inserted), scatter_dims_to_operand_dims=tuple(axes))
    static = not plan.arrays
    return op(x, indices, values, numbers, indices_are_sorted=is_sorted or static,
              unique_indices=unique or static, mode=mode)

