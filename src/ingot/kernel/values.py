"""Array values of a program being compiled: scalars, memory, or functions of an index.

An array value answers `at(build, index)`: the scalar at an index, computed on demand. So an
elementwise chain is one function of the index, and the loop around it is made where a value is
stored. `RegisterArray` holds few elements as scalars, `Buffer` is memory, `LazyArray` is anything
else.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from ingot.kernel import ir
from ingot.kernel.ir import Index, Value
from ingot.kernel.schedule import SCHEDULE
from ingot.util import size_of

INT = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)
# Cost of recomputing a value, in units of a simple arithmetic instruction.
COSTS = dict.fromkeys(ir.TRANSCENDENTAL, 20) | {"sqrt": 6, "div": 6, "rem": 10, "cbrt": 20,
                                                "threefry": 120}


NATIVE_DTYPES = frozenset(
    np.dtype(d) for d in
    ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
     "float16", "float32", "float64", "complex64", "complex128")
) | {np.dtype(ml_dtypes.bfloat16)}


def check_native_dtypes(*dtypes: np.dtype) -> None:
    """Raise Unsupported unless scalars of all these dtypes exist in native code."""
    for d in dtypes:
        if d not in NATIVE_DTYPES:
            raise Unsupported(f"{d} has no native scalar type")


class Unsupported(Exception):
    """A kernel rule cannot handle these types; the compiler falls back to a host call."""


class ArrayValue:
    """An array of a program being compiled."""

    shape: tuple[int, ...]
    dtype: np.dtype
    cost: int = 0
    memories: frozenset[ir.Memory] = frozenset()
    is_transposed: bool = False  # computed from an operand whose axes were reordered

    @property
    def size(self) -> int:
        return size_of(self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def at(self, build: Any, index: Sequence[Index]) -> Any:
        raise TypeError("abstract")  # pragma: no cover


class LazyArray(ArrayValue):
    """An array given as a function from index to scalar."""

    repeated: RegisterArray | None = None
    """The array of rank 0 that each of its elements is, where that is known."""

    def __init__(
        self,
        shape: Sequence[int],
        dtype: np.dtype,
        at: Callable[[Any, Sequence[Index]], Any],
        sources: Sequence[ArrayValue] = (),
        cost: int = 0,
    ):
        self.shape, self.dtype, self._at = tuple(shape), dtype, at
        for source in sources:
            cost += source.cost
            self.is_transposed |= source.is_transposed
            if source.memories:
                self.memories = self.memories | source.memories
        self.cost = cost

    def at(self, build: Any, index: Sequence[Index]) -> Any:
        return self._at(build, index)

    @property
    def expanded(self) -> bool:
        """Whether it is large, and much larger than its operands, as all pairs of points are.

        Then it is computed anew for each use, in memory of the order of the operands.
        """
        nbytes = self.size * self.dtype.itemsize
        sources = sum(m.nbytes for m in self.memories)
        return (nbytes >= SCHEDULE.out_of_cache_bytes and self.cost <= SCHEDULE.recompute_max_cost
                and SCHEDULE.recompute_expansion * sources <= nbytes)


class RegisterArray(ArrayValue):
    """A small array whose elements are scalars, in row-major order."""

    def __init__(self, shape: Sequence[int], dtype: np.dtype, elements: list[Any]):
        self.shape, self.dtype, self.elements = tuple(shape), dtype, elements
        self.block: ir.Block | None = None  # where the elements were computed
        self.spilled: Buffer | None = None

    def at(self, build: Any, index: Sequence[Index]) -> Any:
        flat = 0
        for i, n in zip(index, self.shape, strict=True):
            if n == 1:
                i = 0
            if not isinstance(i, int):
                return build.spill(self).at(build, index)
            flat = flat * n + i
        return self.elements[flat]


class Buffer(ArrayValue):
    """A strided view of memory; offset and strides count elements."""

    def __init__(self, memory: Any, shape: Sequence[int], dtype: np.dtype, offset: Index = 0,
                 strides: Sequence[int] | None = None):
        self.memory, self.shape, self.dtype, self.offset = memory, tuple(shape), dtype, offset
        self.strides = row_major(self.shape) if strides is None else tuple(strides)
        self.memories = memory.roots | {memory}

    @property
    def contiguous(self) -> bool:
        return all(n == 1 or s == t for n, s, t in
                   zip(self.shape, self.strides, row_major(self.shape), strict=True))

    def position(self, build: Any, index: Sequence[Index]) -> Index:
        """Where the element at an index lies, in elements from the start of the memory."""
        place = self.offset
        for i, n, stride in zip(index, self.shape, self.strides, strict=True):
            if n != 1:
                place = build.index_add(place, build.index_mul(i, stride))
        return place

    def at(self, build: Any, index: Sequence[Index]) -> Any:
        return build.load(self.memory, self.position(build, index), self.dtype)


class Complex:
    """A complex scalar: two real ones."""

    __slots__ = ("dtype", "imag", "real")

    def __init__(self, real: Value, imag: Value, dtype: np.dtype):
        self.real, self.imag, self.dtype = real, imag, dtype


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides in elements of a contiguous array."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(strides[::-1])


def index_of(ndim: int, *parts: tuple[Sequence[int], Sequence[Index]]) -> list[Index]:
    """An index from pairs of axes and the places along them; 0 along other axes."""
    full: list[Index] = [0] * ndim
    for axes, places in parts:
        for a, i in zip(axes, places, strict=True):
            full[a] = i
    return full


def indices(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All indices of an array in row-major order."""
    return itertools.product(*map(range, shape))


def real_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of a complex dtype's parts."""
    return np.dtype(np.float32 if dtype == np.complex64 else np.float64)


def flatten_scalars(xs: Sequence[Any]) -> tuple[list[Value], Callable[[list[Any]], list[Any]]]:
    """Complex scalars split into parts, and the function that puts them together again."""
    flat: list[Value] = []
    dtypes = [x.dtype if type(x) is Complex else None for x in xs]
    for x in xs:
        flat.extend((x.real, x.imag) if type(x) is Complex else (x,))

    def rebuild(parts: list[Any]) -> list[Any]:
        source = iter(parts)
        return [next(source) if d is None else Complex(next(source), next(source), d)
                for d in dtypes]

    return flat, rebuild
