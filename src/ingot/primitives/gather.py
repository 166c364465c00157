"""gather and scatter_add, each of which is the other's transpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import Primitive, is_linear
from ingot.kernel.rules import (
    LEAF,
    ArrayValue,
    Index,
    LazyArray,
    Lowering,
    RegisterArray,
    check_native_dtypes,
    indices as all_indices,
    is_inexact,
    row_major,
)
from ingot.primitives.families import NUMBER, check_kind, check_same
from ingot.primitives.gather_scatter import (
    CLIP,
    FILL,
    PROMISE,
    GatherDimensionNumbers as GatherDimensionNumbers,
    GatherScatterMode as GatherScatterMode,
    ScatterDimensionNumbers as ScatterDimensionNumbers,
    Shape,
    Windows,
    batched_dims,
    check_dims,
    chosen,
    gather_dims,
    known,
    scatter_dims,
    windows,
)
from ingot.primitives.indexing_division import (
    gather_division,
    gather_marks,
    scatter_division,
    scatter_marks,
)
from ingot.primitives.movement import batch_size, move_axis, move_to_front, zeros
from ingot.primitives.scatter_sums import added, may_lose_digits
from ingot.primitives.slicing import integers
from ingot.primitives.sums import added_at
from ingot.util import size_of


# ---- gather --------------------------------------------------------------------------------------
def _gather_type(x: ShapedArray, indices: ShapedArray, *, dimension_numbers: GatherDimensionNumbers,
                 slice_sizes: Shape, **_: Any) -> ShapedArray:
    d = dimension_numbers
    check_dims("gather", d, x, indices, indices.ndim - 1 + len(d.offset_dims))
    ok = len(slice_sizes) == x.ndim and all(
        0 <= m <= n or a in d.operand_batching_dims
        for a, (m, n) in enumerate(zip(slice_sizes, x.shape, strict=True)))
    if not ok:
        raise TypeError(f"gather: one slice size per axis, within the operand, is needed, got"
                        f" {slice_sizes} for {x}")
    if any(slice_sizes[a] != 1 for a in (*d.collapsed_slice_dims, *d.operand_batching_dims)):
        raise TypeError(f"gather: collapsed and batching axes need slice size 1, got {slice_sizes}"
                        f" with {d}")
    return x.update(shape=windows(d, x.shape, indices.shape, slice_sizes).shape)


def fill_element(dtype: np.dtype, value: Any) -> Any:
    """What stands for elements outside: nan, the least signed or largest unsigned integer, True."""
    if value is not None:
        return np.asarray(value).astype(dtype)
    if dtype not in dtypes.ANY:
        return np.zeros((), dtype)
    kind = dtypes.kind(dtype)
    if kind in "iu":
        limits = dtypes.iinfo(dtype)
        return np.asarray(limits.min if kind == "i" else limits.max, dtype)
    return np.asarray(True if kind == "b" else np.nan).astype(dtype)


def _gather_eval(x: np.ndarray, indices: np.ndarray, *, dimension_numbers: GatherDimensionNumbers,
                 slice_sizes: Shape, mode: Any, fill_value: Any, **_: Any) -> np.ndarray:
    w = windows(dimension_numbers, x.shape, indices.shape, slice_sizes)
    view, index, order = w.locate(x, indices)
    found = view[index]
    if mode is FILL and not w.all_valid(indices):
        found = np.array(found)  # a single index gives a view of the operand
        found[~w.valid(indices)] = fill_element(x.dtype, fill_value)
    return found.transpose(order)


def _gather_tangent(t: Any, out: Any, x: Any, indices: Any, **params: Any) -> Any:
    if params["mode"] is FILL:
        params = {**params, "fill_value": 0}
    return gather_p.bind(t, indices, **params)


def _gather_transpose(ct: Any, x: Any, indices: Any, *, dimension_numbers: GatherDimensionNumbers,
                      unique_indices: bool, indices_are_sorted: bool, mode: Any, **_: Any
                      ) -> list[Any]:
    # What a gather that promises too much reads is inside: so the cotangents go there too.
    mode = CLIP if mode is PROMISE else mode
    return [scatter_add_p.bind(
        zeros(x.aval), indices, ct, dimension_numbers=scatter_dims(dimension_numbers),
        unique_indices=unique_indices, indices_are_sorted=indices_are_sorted, mode=mode,
        update_jaxpr=None, update_consts=()), None]


def _gather_batch(args: Any, dims: Any, *, dimension_numbers: GatherDimensionNumbers,
                  slice_sizes: Shape, **params: Any) -> Any:
    (x, indices), (x_dim, i_dim) = args, dims
    size = batch_size(args, dims)
    if x_dim is not None:
        x = move_axis(x, x_dim, 0)
        slice_sizes = (1 if i_dim is not None else size, *slice_sizes)
    if i_dim is not None:
        indices = move_axis(indices, i_dim, 0)
    d = batched_dims(dimension_numbers, x_dim is not None, i_dim is not None)
    return gather_p.bind(x, indices, dimension_numbers=d, slice_sizes=slice_sizes, **params), 0


def _gather_kernel(build: Lowering, x: ArrayValue, indices: ArrayValue, *, out: Any,
                   dimension_numbers: GatherDimensionNumbers, slice_sizes: Shape, mode: Any,
                   fill_value: Any, **_: Any) -> ArrayValue:
    check_native_dtypes(x.dtype, indices.dtype)
    w = windows(dimension_numbers, x.shape, indices.shape, slice_sizes)
    indices = build.materialize(indices)
    if x.cost > build.schedule.inline_max_cost and out.size > x.size:
        x = build.materialize(x)
    filling = build.const(fill_element(x.dtype, fill_value), x.dtype) if mode is FILL else None

    def at(build: Lowering, index: Sequence[Index]) -> Any:
        place, ok = w.place(build, indices, index)
        element = x.at(build, place)
        return element if filling is None else chosen(build, ok, element, filling)

    return LazyArray(out.shape, x.dtype, at, [x, indices],
                     3 * len(dimension_numbers.start_index_map))


gather_p = Primitive(
    "gather", type=_gather_type, eval=_gather_eval, jvp=[_gather_tangent, None],
    transpose=_gather_transpose, batch=_gather_batch, kernel=_gather_kernel)
gather_p.division, gather_p.marks = gather_division, gather_marks


def gather(operand: Any, start_indices: Any, dimension_numbers: GatherDimensionNumbers,
           slice_sizes: Sequence[int], *, unique_indices: bool = False,
           indices_are_sorted: bool = False, mode: str | GatherScatterMode | None = None,
           fill_value: Any = None) -> Any:
    """Slices of an array, one for each index.

    operand: any dtype; start_indices: integers [..., k]; slice_sizes: lengths of a slice, one for
    each axis; mode: None or 'clip' to move slices inside, 'fill' to fill those that leave the
    operand with `fill_value` (nan; the least signed or largest unsigned integer; True);
    dimension_numbers: which axes correspond; unique_indices, indices_are_sorted: promises, for
    speed alone -> dtype of the operand. Raises TypeError when axes or sizes do not fit.

    >>> d = lax.GatherDimensionNumbers((), (0,), (0,))
    >>> lax.gather(np.arange(3.0), np.array([[2], [0]]), d, (1,))
    Array([2., 0.], dtype=float64)
    """
    parsed = PROMISE if mode is None else GatherScatterMode.from_any(mode)
    if isinstance(fill_value, np.generic | np.ndarray):
        fill_value = fill_value.item()
    return gather_p.bind(
        operand, start_indices, slice_sizes=integers("gather", "slice_sizes", slice_sizes),
        dimension_numbers=GatherDimensionNumbers(*(tuple(map(int, f)) for f in dimension_numbers)),
        unique_indices=bool(unique_indices), indices_are_sorted=bool(indices_are_sorted),
        mode=parsed, fill_value=fill_value if parsed is FILL else None)


# ---- what all scatters share ---------------------------------------------------------------------
def scatter_windows(x: Any, indices: Any, updates: Any, d: ScatterDimensionNumbers) -> Windows:
    """The slices that a scatter writes; their sizes are those of the updates."""
    dims = gather_dims(d)
    removed = {*dims.collapsed_slice_dims, *dims.operand_batching_dims}
    lengths = iter(updates.shape[a] for a in dims.offset_dims)
    sizes = tuple(1 if a in removed else next(lengths) for a in range(len(x.shape)))
    return windows(dims, tuple(x.shape), tuple(indices.shape), sizes)


def scatter_type(name: str, kinds: Any) -> Callable[..., ShapedArray]:
    """Type rule: that of the operand; the updates have its dtype and the shape of the slices."""

    def rule(x: ShapedArray, indices: ShapedArray, updates: ShapedArray, *,
             dimension_numbers: ScatterDimensionNumbers, **_: Any) -> ShapedArray:
        if kinds is not None:
            check_kind(name, kinds, x)
        check_same(name, x, updates.update(shape=x.shape))
        d = gather_dims(dimension_numbers)
        rank = indices.ndim - 1 + len(d.offset_dims)
        if updates.ndim != rank:
            raise TypeError(f"{name}: updates must be of rank {rank} for {x} and {indices}, got"
                            f" {updates} with {dimension_numbers}")
        check_dims(name, d, x, indices, rank)
        w = scatter_windows(x, indices, updates, dimension_numbers)
        if w.shape != updates.shape or any(w.sizes[a] > w.operand[a] for a in w.inside):
            raise TypeError(f"{name}: updates must have the indices' shape outside of windows and"
                            f" fit into the operand {x}, got {updates} for indices {indices}")
        return x

    return rule


def scatter_eval(combine: Callable[..., None], sign: int = 0) -> Callable[..., np.ndarray]:
    """`combine(view, index, updates)` writes updates into a copy of the operand; `sign` is 1 or -1
    where it adds or subtracts them."""

    def evaluate(x: np.ndarray, indices: np.ndarray, updates: np.ndarray, *,
                 dimension_numbers: ScatterDimensionNumbers, mode: Any, **_: Any) -> np.ndarray:
        w = scatter_windows(x, indices, updates, dimension_numbers)
        many = sign != 0 and is_inexact(x.dtype) and size_of(indices.shape[:-1]) > LEAF
        out = np.ascontiguousarray(x) if many else np.array(x, order="C")
        if out.size == 0:
            return out
        view, index, order = w.locate(out, indices)
        updates = updates.transpose(np.argsort(order)) if order else updates
        if mode is not CLIP and not w.all_valid(indices):
            valid = w.valid(indices)
            sliced = updates.shape[valid.ndim:index[0].ndim]
            index = tuple(np.broadcast_to(i, (*valid.shape, *sliced))[valid] for i in index)
            updates = updates[valid]
        if many:
            return added_at(out, _places(w, view, index, indices),
                            updates.ravel() if sign > 0 else -updates.ravel())
        combine(view, index, updates)
        return out

    return evaluate


def _places(w: Windows, view: np.ndarray, index: tuple[np.ndarray, ...], indices: np.ndarray
            ) -> np.ndarray:
    """Where in the flat operand the elements are that an index of its view stands for."""
    if view.shape == w.operand and view.ndim == 1:
        return index[0].ravel()
    numbers = np.arange(size_of(w.operand)).reshape(w.operand)
    return w.locate(numbers, indices)[0][index].ravel()


def scatter_batch(primitive: Callable[[], Primitive]) -> Callable[..., Any]:
    """Batching rule of a scatter."""

    def rule(args: Any, dims: Any, *, dimension_numbers: ScatterDimensionNumbers, **params: Any
             ) -> Any:
        size = batch_size(args, dims)
        x, updates = (move_to_front(args[k], dims[k], size) for k in (0, 2))
        indices = args[1] if dims[1] is None else move_axis(args[1], dims[1], 0)
        d = batched_dims(gather_dims(dimension_numbers), True, dims[1] is not None)
        out = primitive().bind(x, indices, updates, dimension_numbers=scatter_dims(d), **params)
        return out, 0

    return rule


def scatter_kernel(combine: Callable[..., Any], price: int = 1, neutral: float | None = None,
                   sums: str | None = None) -> Callable[..., Any]:
    """`combine(build, old, new)` is the scalar to write; `neutral` is new where it is old; `sums`
    the name of the operation where it is their sum or difference."""

    def kernel(build: Lowering, x: ArrayValue, indices: ArrayValue, updates: ArrayValue, *,
               out: Any, dimension_numbers: ScatterDimensionNumbers, mode: Any,
               unique_indices: bool, **_: Any) -> ArrayValue:
        check_native_dtypes(x.dtype, indices.dtype)
        if out.size == 0:
            return x
        w = scatter_windows(x, indices, updates, dimension_numbers)
        limits = build.schedule
        new = _combination(build, combine, neutral, mode is not CLIP)
        if max(out.size, updates.size) <= limits.max_scalars and known(build, indices):
            return _written_out(build, w, x, indices, build.scalars(updates), new)
        read_repeatedly = updates.size * w.indices[-1] > indices.size
        if indices.cost > limits.inline_max_cost or read_repeatedly:
            indices = build.materialize(indices)
        if updates.cost > limits.inline_max_cost and size_of(w.indices[:-1]) > 1 \
                and not known(build, indices):  # else it would be computed outside of vectors
            updates = build.materialize(updates)
        if sums and not unique_indices and may_lose_digits(x, w.indices[:-1]):
            return added(build, w, x, indices, updates, mode is not CLIP, sums)
        target, indices, updates = build.copy_of(  # type: ignore[attr-defined]
            x, indices, updates)

        def write(index: Sequence[Index]) -> None:
            place, ok = w.place(build, indices, index)
            build.store(target, place, new(target.at(build, place), updates.at(build, index), ok))

        build.nest(updates.shape, write, cost=updates.cost + price + 4 * w.indices[-1])
        return target

    return kernel


def _combination(build: Lowering, combine: Callable[..., Any], neutral: float | None, drops: bool
                 ) -> Callable[[Any, Any, Any], Any]:
    """The scalar to write, from the old one, the update and whether its slice is inside."""

    def new(old: Any, update: Any, ok: Any) -> Any:
        if not drops:
            return combine(build, old, update)
        if neutral is None:
            return chosen(build, ok, combine(build, old, update), old)
        # sums at one place wait for each other, but not for this choice
        both_parts = update.dtype.kind == "c"
        nothing = build.const(complex(neutral, neutral) if both_parts else neutral, update.dtype)
        return combine(build, old, chosen(build, ok, update, nothing))

    return new


def _written_out(build: Lowering, w: Windows, x: ArrayValue, indices: ArrayValue,
                 updates: ArrayValue, new: Callable[[Any, Any, Any], Any]) -> RegisterArray:
    """Few scalars, written to places that are known."""
    elements = list(build.scalars(x).elements)
    for index in all_indices(updates.shape):
        place, ok = w.place(build, indices, index)
        flat = sum(int(i) * n for i, n in  # type: ignore[arg-type]
                   zip(place, row_major(x.shape), strict=True))
        elements[flat] = new(elements[flat], updates.at(build, index), ok)
    return RegisterArray(x.shape, x.dtype, elements)


def operation(name: str) -> Callable[..., Any]:
    """The scalar operation that writes: by its name in the kernel language."""
    return lambda build, old, new: build.op(name, old, new)


def scatter_params(d: ScatterDimensionNumbers, indices_are_sorted: bool,
                   unique_indices: bool, mode: Any) -> dict[str, Any]:
    """Parameters of a scatter from the arguments of its public function."""
    return dict(
        dimension_numbers=scatter_dims(gather_dims(ScatterDimensionNumbers(*d))),
        indices_are_sorted=bool(indices_are_sorted), unique_indices=bool(unique_indices),
        mode=GatherScatterMode.from_any(mode), update_jaxpr=None, update_consts=())


def gather_updates(x: Any, indices: Any, updates: Any, params: dict[str, Any]) -> Any:
    """What a scatter of such updates would overwrite in `x`; 0 where it would be dropped."""
    w = scatter_windows(typeof(x), typeof(indices), typeof(updates), params["dimension_numbers"])
    clip = params["mode"] is CLIP
    return gather_p.bind(
        x, indices, dimension_numbers=w.dims, slice_sizes=w.sizes,
        unique_indices=params["unique_indices"], indices_are_sorted=params["indices_are_sorted"],
        mode=CLIP if clip else FILL, fill_value=None if clip else 0)


# ---- scatter_add ---------------------------------------------------------------------------------
def _add_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    return (scatter_add_p.bind(*primals, **params),
            scatter_add_p.bind(tangents[0], primals[1], tangents[2], **params))


def _add_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    return [ct if is_linear(x) else None, None,
            gather_updates(ct, indices, updates, params) if is_linear(updates) else None]


scatter_add_p = Primitive(
    "scatter-add", type=scatter_type("scatter_add", NUMBER), eval=scatter_eval(np.add.at, 1),
    jvp=_add_jvp, transpose=_add_transpose, batch=scatter_batch(lambda: scatter_add_p),
    kernel=scatter_kernel(operation("add"), neutral=-0.0, sums="add"), in_place=True)
scatter_add_p.division, scatter_add_p.marks = scatter_division, scatter_marks


def scatter_add(operand: Any, scatter_indices: Any, updates: Any,
                dimension_numbers: ScatterDimensionNumbers, *, indices_are_sorted: bool = False,
                unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """Add updates to slices of an array; those with the same index add up.

    operand: number [...]. scatter_indices: integers [..., k]. updates: the same dtype.
    dimension_numbers: which axes correspond. indices_are_sorted, unique_indices: promises, for
    speed alone. mode: None, 'fill' or 'drop' to leave out slices that leave the operand, 'clip' to
    move them inside -> type of the operand. Raises TypeError when axes or sizes do not fit.

    >>> d = lax.ScatterDimensionNumbers((), (0,), (0,))
    >>> lax.scatter_add(np.zeros(2), np.array([[1], [1]]), np.ones(2), d)
    Array([0., 2.], dtype=float64)
    """
    return scatter_add_p.bind(operand, scatter_indices, updates, **scatter_params(
        dimension_numbers, indices_are_sorted, unique_indices, mode))


__all__ = ["gather", "gather_p", "scatter_add", "scatter_add_p"]
