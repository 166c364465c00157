"""NumPy's Fourier transforms as routines that native code calls, for some rows of an array at once.

They are the inner loops of NumPy's generalized universal functions: C functions over pointers,
sizes and strides in bytes, which keep their plans and need Python only to say that memory ran out.
"""

from __future__ import annotations

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


def transform(build: Lowering, name: str, x: Buffer, out: Buffer, axis: int, divided: bool = False
              ) -> None:
    """Transform the lines of `x` along an axis into those of `out`, which may be the same.

    The lines are shared by threads in blocks that depend on the shapes alone.
    """
    factor = _factor(x.dtype, out.shape[axis], divided)
    *outer, (lines, across, across_out) = _groups(x, out, axis)
    work = 4 * out.shape[axis] * out.shape[axis].bit_length()
    unit = build.schedule.fft_lines_at_once
    most = max(build.schedule.fft_block_work // (work * unit), 1) * unit
    blocks, along, along_out = -(-lines // most), x.strides[axis], out.strides[axis]

    def call(source: Index, target: Index) -> None:
        with build.loop(blocks, independent=True) as j:
            first = build.index_mul(j, most)
            count = build.iclamp(build.index_sub(lines, first), most) if blocks > 1 else lines
            build.call_routine(
                symbol(name, factor.dtype), [
                    ("pointer", x.memory, build.index_add(source, build.index_mul(first, across))),
                    ("float", factor),
                    ("pointer", out.memory,
                     build.index_add(target, build.index_mul(first, across_out))),
                    ("char", chr(name != IFFT)),  # forwards
                    *(("size", n) for n in (count, x.shape[axis], out.shape[axis])),
                    *(("size", step * item) for step, item in (
                        (across, x.dtype.itemsize), (0, 0), (across_out, out.dtype.itemsize),
                        (along, x.dtype.itemsize), (along_out, out.dtype.itemsize)))],
                work * min(most, lines), dimensions=DIMENSIONS)

    def level(k: int, source: Index, target: Index) -> None:
        if k == len(outer):
            call(source, target)
            return
        n, step, step_out = outer[k]
        with build.loop(n, independent=True) as i:
            level(k + 1, build.index_add(source, build.index_mul(i, step)),
                  build.index_add(target, build.index_mul(i, step_out)))

    level(0, x.offset, out.offset)


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
