"""NumPy indexing: what `x[...]` and `x.at[...]` mean in slices, gathers and scatters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ingot import dtypes
from ingot.core.array import Array, fetch
from ingot.core.interpreter import EVAL, current, to_array
from ingot.core.symbolic import is_symbolic
from ingot.numpy import primitives as lax
from ingot.numpy.families import like
from ingot.numpy.index_plan import IndexPlan, Mode, out_of_bounds, plan_of
from ingot.numpy.promotion import broadcast, convert


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
            out_of_bounds(index, 0, shape)
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
    except (IndexError, TypeError):
        plan_of(index, x.aval.shape, None)  # raises our errors
        return None
    return Array(np.asarray(data), x.aval.update(shape=data.shape))


_BASIC = (int, slice, type(None), type(Ellipsis))


def _static_part(x: Any, plan: IndexPlan) -> Any:
    shape = x.aval.shape
    if any(plan.starts) or tuple(plan.stops) != shape or any(s != 1 for s in plan.steps):
        steps = None if all(s == 1 for s in plan.steps) else plan.steps
        x = lax.slice(x, plan.starts, plan.stops, steps)
    x = lax.rev(x, plan.reverse) if plan.reverse else x
    if plan.steps_after:
        shape = x.aval.shape
        x = lax.slice(x, [0] * len(shape), shape,
                      [plan.steps_after.get(a, 1) for a in range(len(shape))])
    return x


def as_index(i: Any, n: int, wrap: bool = True) -> Any:
    """An integer array as an index into an axis of length n; negative ones count from the end."""
    i = to_array(i)
    i = convert(i, i.aval.dtype)
    if dtypes.kind(i.aval.dtype) == "u" or not wrap:
        return i
    if i.aval.dtype.itemsize < 4:
        i = convert(i, dtypes.int32)
    if is_symbolic(n):
        from_end = lax.add(i, convert(n.__jax_array__(), i.aval.dtype))
        return lax.select(lax.lt(i, like(i, 0)), from_end, i)
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


def _stack_indices(plan: IndexPlan, shape: tuple[int, ...], wrap: bool) -> Any:
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
    return lax.gather(x, _stack_indices(plan, shape, wrap), numbers, tuple(sizes), mode=mode,
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


def _scatter_indices(shape: tuple[int, ...], plan: IndexPlan, strided: list[int],
                     index_shape: tuple[int, ...], wrap: bool) -> tuple[Any, list[int]]:
    """Where windows start, [*index_shape, k], along the k axes that are returned too."""
    joint = plan.joint_shape
    columns, axes = [], []
    for a, n in enumerate(shape):
        if a in dict(plan.arrays):
            array = broadcast(as_index(dict(plan.arrays)[a], n, wrap), joint)
            column = lax.broadcast_in_dim(array, index_shape, range(len(joint)))
        elif a in strided:
            axis = len(joint) + strided.index(a)
            run = np.arange(index_shape[axis]) * plan.steps[a] + plan.starts[a]
            column = lax.broadcast_in_dim(to_array(run), index_shape, (axis,))
        elif a in plan.squeeze or plan.starts[a] or plan.stops[a] != n:
            column = lax.broadcast_in_dim(convert(plan.starts[a], dtypes.int32), index_shape, ())
        else:
            continue
        axes.append(a)
        columns.append(column)
    dtype = dtypes.int64 if any(c.aval.dtype.itemsize > 4 for c in columns) else dtypes.int32
    columns = [lax.reshape(convert(c, dtype), (*index_shape, 1)) for c in columns]
    indices = (lax.concatenate(columns, len(index_shape)) if columns else
               broadcast(convert(0, dtypes.int32), (*index_shape, 0)))
    return indices, axes


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
    indices, axes = _scatter_indices(shape, plan, strided, index_shape, wrap)
    inserted = sorted([*array_axes, *strided, *plan.squeeze])
    numbers = lax.ScatterDimensionNumbers(
        update_window_dims=tuple(range(len(index_shape), len(index_shape) + len(windows))),
        inserted_window_dims=tuple(inserted), scatter_dims_to_operand_dims=tuple(axes))
    static = not plan.arrays
    return op(x, indices, values, numbers, indices_are_sorted=is_sorted or static,
              unique_indices=unique or static, mode=mode)

