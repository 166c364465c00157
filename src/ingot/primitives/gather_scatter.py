"""What gather and scatter have in common: dimension numbers, modes, and which element is which."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.kernel.rules import INT, ArrayValue, Index, Lowering, RegisterArray
from ingot.util import memoize

Shape = tuple[int, ...]


class GatherScatterMode(enum.Enum):
    """What becomes of slices that leave the array: moved inside, filled or dropped, or undefined.

    With PROMISE_IN_BOUNDS such slices are moved inside when read and dropped when written.
    """

    CLIP = enum.auto()
    FILL_OR_DROP = enum.auto()
    PROMISE_IN_BOUNDS = enum.auto()

    @staticmethod
    def from_any(s: str | GatherScatterMode | None) -> GatherScatterMode:
        """A mode by its name: clip; fill or drop (also None); promise_in_bounds.

        Raises ValueError for other names.

        >>> lax.GatherScatterMode.from_any("clip")
        <GatherScatterMode.CLIP: 1>
        """
        if isinstance(s, GatherScatterMode):
            return s
        if s not in _MODES:
            raise ValueError(f"unknown gather or scatter mode {s!r}; use 'clip', 'fill', 'drop' or"
                             " 'promise_in_bounds'")
        return _MODES[s]


CLIP = GatherScatterMode.CLIP
FILL = GatherScatterMode.FILL_OR_DROP
PROMISE = GatherScatterMode.PROMISE_IN_BOUNDS
_MODES = {"clip": CLIP, "fill": FILL, "drop": FILL, None: FILL, "promise_in_bounds": PROMISE}


class GatherDimensionNumbers(NamedTuple):
    """Which axes of operand, indices and result of a gather correspond.

    offset_dims: axes of the result that lie within a slice. collapsed_slice_dims: axes of the
    operand of slice size 1 that the result lacks. start_index_map: the operand's axis of each
    component of an index. operand_batching_dims, start_indices_batching_dims: axes of both that go
    together.

    >>> rows = lax.GatherDimensionNumbers((1,), (0,), (0,))
    >>> lax.gather(np.eye(3), np.array([[2]]), rows, (1, 3))
    Array([[0., 0., 1.]], dtype=float64)
    """

    offset_dims: Shape
    collapsed_slice_dims: Shape
    start_index_map: Shape
    operand_batching_dims: Shape = ()
    start_indices_batching_dims: Shape = ()


class ScatterDimensionNumbers(NamedTuple):
    """Which axes of operand, indices and updates of a scatter correspond.

    update_window_dims: axes of the updates that lie within a slice. inserted_window_dims: axes of
    the operand that the updates lack. scatter_dims_to_operand_dims: the operand's axis of each
    component of an index. operand_batching_dims, scatter_indices_batching_dims: axes that go
    together.

    >>> rows = lax.ScatterDimensionNumbers((1,), (0,), (0,))
    >>> lax.scatter_add(np.zeros((2, 2)), np.array([[1]]), np.ones((1, 2)), rows)
    Array([[0., 0.],
           [1., 1.]], dtype=float64)
    """

    update_window_dims: Sequence[int]
    inserted_window_dims: Sequence[int]
    scatter_dims_to_operand_dims: Sequence[int]
    operand_batching_dims: Sequence[int] = ()
    scatter_indices_batching_dims: Sequence[int] = ()


def gather_dims(d: ScatterDimensionNumbers) -> GatherDimensionNumbers:
    """The gather that reads what a scatter writes."""
    return GatherDimensionNumbers(*(tuple(map(int, field)) for field in d))


def scatter_dims(d: GatherDimensionNumbers) -> ScatterDimensionNumbers:
    """The scatter that writes what a gather reads."""
    return ScatterDimensionNumbers(*(tuple(map(int, field)) for field in d))


def _check(ok: bool, name: str, rule: str, d: Any, *avals: ShapedArray) -> None:
    if not ok:
        types = ", ".join(map(str, avals))
        raise TypeError(f"{name}: {rule}, got {types} with {d}")


def check_dims(name: str, d: GatherDimensionNumbers, x: ShapedArray, indices: ShapedArray,
               rank: int) -> None:
    """Raise TypeError unless the dimension numbers fit operand, indices and the slices' rank."""
    def sorted_in(axes: Shape, ndim: int) -> bool:
        return list(axes) == sorted(set(axes)) and all(0 <= a < ndim for a in axes)

    def check(ok: bool, rule: str) -> None:
        _check(ok, name, rule, d, x, indices)

    if not dtypes.issubdtype(indices.dtype, np.integer):
        raise TypeError(f"{name}: indices must be integers, got {indices}")
    check(indices.ndim >= 1, "indices need a last axis for the components of an index")
    check(len(d.start_index_map) == indices.shape[-1], "each component of an index needs an axis")
    check(len(set(d.start_index_map)) == len(d.start_index_map)
          and all(0 <= a < x.ndim for a in d.start_index_map),
          "components of an index need distinct axes of the operand")
    check(sorted_in(d.offset_dims, rank), "axes within slices must be sorted axes of the result")
    removed = (*d.collapsed_slice_dims, *d.operand_batching_dims)
    check(sorted_in(d.collapsed_slice_dims, x.ndim) and sorted_in(d.operand_batching_dims, x.ndim)
          and len(set(removed)) == len(removed),
          "collapsed and batching axes must be sorted, distinct axes of the operand")
    check(not set(d.operand_batching_dims) & set(d.start_index_map),
          "batching axes must not be indexed as well")
    check(len(d.offset_dims) == x.ndim - len(removed),
          "each axis of the operand must lie within slices, be collapsed, or be a batching axis")
    batching = d.start_indices_batching_dims
    check(len(batching) == len(d.operand_batching_dims) and len(set(batching)) == len(batching)
          and all(0 <= a < indices.ndim - 1 for a in batching)
          and all(x.shape[a] == indices.shape[b]
                  for a, b in zip(d.operand_batching_dims, batching, strict=True)),
          "batching axes of operand and indices must pair up with equal lengths")


# ---- which elements ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Windows:
    """Slices of an operand, one for each index, as a gather and its scatter see them."""

    dims: GatherDimensionNumbers
    operand: Shape
    indices: Shape
    sizes: Shape

    @property
    def inside(self) -> list[int]:
        """Axes of the operand that results have."""
        removed = {*self.dims.collapsed_slice_dims, *self.dims.operand_batching_dims}
        return [a for a in range(len(self.operand)) if a not in removed]

    @property
    def shape(self) -> Shape:
        """Shape of all slices together: of a gather's result, of a scatter's updates."""
        inner, outer = iter(self.sizes[a] for a in self.inside), iter(self.indices[:-1])
        rank = len(self.indices) - 1 + len(self.dims.offset_dims)
        return tuple(next(inner) if a in self.dims.offset_dims else next(outer)
                     for a in range(rank))

    @property
    def high(self) -> Shape:
        """The last place at which a slice may start, for each axis."""
        return tuple(n - m for n, m in zip(self.operand, self.sizes, strict=True))

    # ---- in NumPy --------------------------------------------------------------------------------
    def starts(self, indices: np.ndarray) -> dict[int, np.ndarray]:
        """First place of each slice along the axes where it varies."""
        if indices.dtype == np.uint64:
            indices = np.minimum(indices, np.uint64(np.iinfo(np.int64).max))
        indices = indices.astype(np.int64, copy=False)
        found = {a: indices[..., j] for j, a in enumerate(self.dims.start_index_map)}
        outer = self.indices[:-1]
        for a, b in zip(self.dims.operand_batching_dims, self.dims.start_indices_batching_dims,
                        strict=True):
            along = np.arange(outer[b]).reshape([-1 if i == b else 1 for i in range(len(outer))])
            found[a] = np.broadcast_to(along, outer)
        return found

    def all_valid(self, indices: np.ndarray) -> bool:
        """Whether all slices lie inside the operand."""
        return all(_within(start, self.high[a]) for a, start in self.starts(indices).items())

    def valid(self, indices: np.ndarray) -> np.ndarray:
        """Which slices lie inside the operand."""
        ok = np.ones(self.indices[:-1], bool)
        for a, start in self.starts(indices).items():
            ok &= (start >= 0) & (start <= self.high[a])
        return ok

    def locate(self, x: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, Any, list[int]]:
        """A view of the operand, index arrays into its first axes, and an order of axes.

        `view[index]` has first the axes of the indices, then those within slices; transposed by the
        order it is what a gather returns.
        """
        starts, outer = self.starts(indices), len(self.indices) - 1
        inside = self.inside
        varying = [a for a in range(x.ndim) if a in starts or a not in inside]
        rest = [a for a in range(x.ndim) if a not in varying]
        sliced = [a for a in varying if a in inside]
        index = []
        for a in varying:
            start = starts.get(a, np.zeros(self.indices[:-1], int))
            start = start if _within(start, self.high[a]) else np.clip(start, 0, self.high[a])
            start = start.reshape(self.indices[:-1] + (1,) * len(sliced))
            if a in sliced:
                shape = [-1 if b == a else 1 for b in sliced]
                start = start + np.arange(self.sizes[a]).reshape(shape)
            index.append(start)
        view = x.transpose(varying + rest)
        view = view[(*(slice(None) for _ in varying), *(slice(0, self.sizes[a]) for a in rest))]
        if not varying:
            view, index = view[None], [np.zeros(self.indices[:-1], int)]
        labels = [*range(-outer, 0), *sliced, *rest]
        within, without = iter(inside), iter(range(-outer, 0))
        order = [labels.index(next(within) if d in self.dims.offset_dims else next(without))
                 for d in range(outer + len(inside))]
        return view, tuple(index), order

    # ---- in a kernel -----------------------------------------------------------------------------
    def place(self, build: Lowering, indices: ArrayValue, index: Sequence[Index]
              ) -> tuple[list[Index], Any]:
        """Where in the operand an element of the result comes from; whether its slice is inside.

        The place is always inside the operand; the truth is a Python bool where it is known.
        """
        outer = [i for d, i in enumerate(index) if d not in self.dims.offset_dims]
        inner = [i for d, i in enumerate(index) if d in self.dims.offset_dims]
        place: list[Index] = [0] * len(self.operand)
        for a, b in zip(self.dims.operand_batching_dims, self.dims.start_indices_batching_dims,
                        strict=True):
            place[a] = outer[b]
        ok: Any = True
        for j, a in enumerate(self.dims.start_index_map):
            start = start_index(build, indices.at(build, (*outer, j)))
            ok = both(build, ok, within(build, start, self.high[a]))
            place[a] = build.iclamp(start, self.high[a])
        for a, i in zip(self.inside, inner, strict=True):
            place[a] = build.index_add(place[a], i)
        return place, ok


def _within(start: np.ndarray, high: int) -> bool:
    """Whether no number is negative or above a limit."""
    return start.size == 0 or bool(start.min() >= 0 and start.max() <= high)


@memoize()
def windows(d: GatherDimensionNumbers, operand: Shape, indices: Shape, sizes: Shape) -> Windows:
    """Slices of given sizes."""
    return Windows(d, operand, indices, sizes)


def start_index(build: Lowering, x: Any) -> Index:
    """An integer scalar as an index; those beyond int64 become its largest number."""
    if x.dtype == np.uint64:
        x = build.op("min", x, build.const(np.iinfo(np.int64).max, np.uint64))
    return build.as_index(x)


def within(build: Lowering, i: Index, high: int) -> Any:
    """Whether 0 <= i <= high."""
    if isinstance(i, int):
        return 0 <= i <= high
    return build.op("and", build.op("ge", i, build.const(0, INT)),
                    build.op("le", i, build.const(high, INT)))


def both(build: Lowering, a: Any, b: Any) -> Any:
    """Conjunction of truths, each a scalar or a Python bool."""
    if a is True or b is False:
        return b
    if b is True or a is False:
        return a
    return build.op("and", a, b)


def chosen(build: Lowering, ok: Any, on_true: Any, on_false: Any) -> Any:
    """One of two scalars, by a scalar or a Python bool."""
    if isinstance(ok, bool):
        return on_true if ok else on_false
    return build.select(ok, on_true, on_false)


def known(build: Lowering, indices: ArrayValue) -> bool:
    """Whether all indices are constants."""
    return isinstance(indices, RegisterArray) and all(s.op == "const" for s in indices.elements)


# ---- batching ------------------------------------------------------------------------------------
def batched_dims(d: GatherDimensionNumbers, operand: bool, indices: bool
                 ) -> GatherDimensionNumbers:
    """Dimension numbers when operand, indices or both get a new first axis; so do the slices."""
    def up(axes: Shape, by: bool = True) -> Shape:
        return tuple(a + by for a in axes)

    new = (0,)
    return GatherDimensionNumbers(
        up(d.offset_dims) if indices else new + up(d.offset_dims),
        up(d.collapsed_slice_dims, operand),
        up(d.start_index_map, operand),
        (new if operand and indices else ()) + up(d.operand_batching_dims, operand),
        (new if operand and indices else ()) + up(d.start_indices_batching_dims, indices))


__all__ = ["GatherDimensionNumbers", "GatherScatterMode", "ScatterDimensionNumbers"]
