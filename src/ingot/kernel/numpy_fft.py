"""NumPy's Fourier transforms as routines that native code calls, for some rows of an array at once.

They are the inner loops of NumPy's generalized universal functions: C functions over pointers,
sizes and strides in bytes, which keep their plans and need Python only to say that memory ran out.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.kernel.ir import Index
from ingot.kernel.lowering import Lowering
from ingot.kernel.values import Buffer, real_dtype

PREFIX = "numpy.fft:"
FFT, IFFT, IRFFT = "fft", "ifft", "irfft"
EVEN_RFFT, ODD_RFFT = "rfft_n_even", "rfft_n_odd"
_TYPES = {FFT: "Dd->D", IFFT: "Dd->D", IRFFT: "Dd->d", EVEN_RFFT: "dd->D", ODD_RFFT: "dd->D"}
_SINGLE = str.maketrans("Dd", "Ff")

PADDING = 4
"""Numbers between the lines of a tile."""

DIMENSIONS = 3  # of a loop: lines, numbers of a line before and after


def routine_of(symbol: str) -> tuple[np.ufunc, str]:
    """The function 'numpy.fft:NAME DTYPE', and the types of the loop that the routine is."""
    name, dtype = symbol.removeprefix(PREFIX).split()
    return _function(name), _TYPES[name].translate(_SINGLE if dtype == "float32" else {})


def _function(name: str) -> Any:
    """The universal function, over (lines, factor); imported when it is first asked for."""
    return getattr(np.fft._pocketfft_umath, name)  # type: ignore[attr-defined]


def of_real(n: int) -> str:
    """The name of the transform of n real numbers to half of its spectrum."""
    return ODD_RFFT if n % 2 else EVEN_RFFT


def _factor(dtype: np.dtype, n: int, divided: bool) -> np.floating:
    """What the loops multiply by; of the dtype of the parts, as it chooses the loop."""
    real = (real_dtype(dtype) if dtype.kind == "c" else dtype).type
    return real(1) / real(n if divided else 1)


def transformed(name: str, x: np.ndarray, axis: int, n: int, divided: bool = False) -> np.ndarray:
    """The transform of an array along an axis, n numbers long."""
    kind = real_dtype(x.dtype) if name == IRFFT else np.result_type(x.dtype, np.complex64)
    out = np.empty((*x.shape[:axis], n, *x.shape[axis + 1 :]), kind)
    return _function(name)(x, _factor(x.dtype, n, divided), axes=[(axis,), (), (axis,)], out=out)


def symbol(name: str, dtype: np.dtype) -> str:
    """The name by which programs refer to a routine for numbers of a real dtype."""
    return f"{PREFIX}{name} {dtype.name}"


def available(build: Lowering, dtype: np.dtype) -> bool:
    """Whether there are routines for numbers of a real dtype."""
    return all(build.has_routine(symbol(name, dtype)) for name in _TYPES)


@dataclass(frozen=True)
class _Lines:
    """Lines in memory: where the first begins, and how far apart lines and their numbers are."""

    memory: Any
    dtype: np.dtype
    begin: Index
    across: int
    along: int

    def after(self, build: Lowering, first: Index) -> _Lines:
        """The lines from one on."""
        begin = build.index_add(self.begin, build.index_mul(first, self.across))
        return dataclasses.replace(self, begin=begin)

    def place(self, build: Lowering, line: Index, k: Index) -> Buffer:
        """Number k of a line."""
        begin = build.index_add(self.after(build, line).begin, build.index_mul(k, self.along))
        return Buffer(self.memory, (), self.dtype, begin, ())


@dataclass(frozen=True)
class _Transform:
    """A transform of lines of n numbers to lines of `n_out`."""

    name: str
    factor: np.floating
    n: int
    n_out: int

    @property
    def work(self) -> int:
        """Instructions for a line."""
        return 4 * self.n_out * self.n_out.bit_length()

    def call(self, build: Lowering, x: _Lines, out: _Lines, count: Index, most: int) -> None:
        """Transform so many lines, at most `most`."""
        steps = [(step, lines.dtype.itemsize) for step, lines in (
            (x.across, x), (0, x), (out.across, out), (x.along, x), (out.along, out))]
        build.call_routine(symbol(self.name, self.factor.dtype), [
            ("pointer", x.memory, x.begin), ("float", self.factor),
            ("pointer", out.memory, out.begin), ("char", chr(self.name != IFFT)),  # forwards
            *(("size", n) for n in (count, self.n, self.n_out)),
            *(("size", step * item) for step, item in steps)],
            self.work * most, dimensions=DIMENSIONS)


def transform(build: Lowering, name: str, x: Buffer, out: Buffer, axis: int, divided: bool = False
              ) -> None:
    """Transform the lines of `x` along an axis into those of `out`, which may be the same."""
    n, n_out = x.shape[axis], out.shape[axis]
    kind = _Transform(name, _factor(x.dtype, n_out, divided), n, n_out)
    *outer, (lines, across, across_out) = _groups(x, out, axis)
    span = n * x.strides[axis] * x.dtype.itemsize
    columns = name in (FFT, IFFT) and across == across_out == 1 \
        and span >= build.schedule.fft_column_span

    def level(k: int, source: Index, target: Index) -> None:
        if k == len(outer):
            (_by_tiles if columns else _by_blocks)(
                build, kind, lines,
                _Lines(x.memory, x.dtype, source, across, x.strides[axis]),
                _Lines(out.memory, out.dtype, target, across_out, out.strides[axis]))
            return
        size, step, step_out = outer[k]
        with build.loop(size, independent=True) as i:
            level(k + 1, build.index_add(source, build.index_mul(i, step)),
                  build.index_add(target, build.index_mul(i, step_out)))

    level(0, x.offset, out.offset)


def _by_blocks(build: Lowering, kind: _Transform, lines: int, x: _Lines, out: _Lines) -> None:
    """The lines where they are, shared by threads in blocks that depend on the shapes alone."""
    unit = build.schedule.fft_lines_at_once
    most = max(build.schedule.fft_block_work // (kind.work * unit), 1) * unit
    blocks = -(-lines // most)
    with build.loop(blocks, independent=True) as j:
        first = build.index_mul(j, most)
        count = build.iclamp(build.index_sub(lines, first), most) if blocks > 1 else lines
        kind.call(build, x.after(build, first), out.after(build, first), count, min(most, lines))


def _by_tiles(build: Lowering, kind: _Transform, lines: int, x: _Lines, out: _Lines) -> None:
    """Columns, some at a time, as lines of memory of their own: read one by one each would have a
    line of cache for itself, which holds numbers of its neighbours."""
    side = 2 * build.schedule.fft_lines_at_once
    whole, rest = divmod(lines, side)
    for begin, width, tiles in ((0, side, whole), (whole * side, rest, 1)):
        if not width or not tiles:
            continue
        # of this nest alone, so that each thread has its own; lines are no power of two apart
        tile = build.allocate((side, kind.n + PADDING), out.dtype)
        with build.holding(tile), build.loop(tiles, independent=True) as j:
            first = build.index_add(begin, build.index_mul(j, side))
            source, target = x.after(build, first), out.after(build, first)
            with build.loop(kind.n) as k, build.loop(width, vector=True) as i:
                value = source.place(build, i, k).at(build, ())
                build.store(tile, (i, k), value)
            inside = _Lines(tile.memory, tile.dtype, tile.offset, kind.n + PADDING, 1)
            kind.call(build, inside, inside, width, width)
            with build.loop(kind.n) as k, build.loop(width, vector=True) as i:
                build.store(target.place(build, i, k), (), tile.at(build, (i, k)))


def _groups(x: Buffer, out: Buffer, axis: int) -> list[tuple[int, int, int]]:
    """The axes beside one, as sizes and distances in both arrays; several are one where both step
    evenly. At least one group, the last one the innermost."""
    groups: list[tuple[int, int, int]] = []
    for a in reversed(range(x.ndim)):
        n, step, step_out = x.shape[a], x.strides[a], out.strides[a]
        if a == axis or n == 1:
            continue
        if groups:
            inner, least, least_out = groups[0]
            if (step, step_out) == (inner * least, inner * least_out):
                groups[0] = n * inner, least, least_out
                continue
        groups.insert(0, (n, step, step_out))
    return groups or [(1, 0, 0)]
