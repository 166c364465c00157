"""Memory of large results: recycled, so that a call in a loop does not pay for fresh pages.

A result's buffer comes from the pool and returns to it when the last array on it is gone. Small
buffers are left to NumPy, whose allocator recycles these itself.
"""

from __future__ import annotations

import math
import sys
import threading
from collections import OrderedDict
from typing import Any

import numpy as np

from ingot.config import config
from ingot.util import register_cache

POOLED_BYTES = 1 << 17
"""Size from which allocators ask the system for each buffer anew."""

ALIGNMENT = 64


def is_pooled(nbytes: int) -> bool:
    """Whether an array of this size comes from the pool."""
    return nbytes >= POOLED_BYTES


class _Block(np.ndarray):
    """Memory that belongs to the pool. A class of its own, for NumPy makes an array refer to the
    first owner of its memory of the same class, and must stop at the loan."""


class PooledArray(np.ndarray):
    """A block that is in use: the base of all arrays on it."""

    def __del__(self) -> None:
        if type(self.base) is _Block:  # not so for slices of a loan
            pool.release(self.base)


class BufferPool:
    """Free blocks by size; the sizes unused for longest are emptied when there are too many.

    Blocks come and go by single operations on dictionaries and lists, without a lock, as it would
    be a good part of the cost. `held` may miss what several threads do at once, until it is counted
    anew.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a collection in here may end another loan
        self._free: OrderedDict[int, list[np.ndarray]] = OrderedDict()
        self.held = 0
        register_cache(self)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An uninitialized array, aligned for vectors if it is large."""
        nbytes = math.prod(shape) * dtype.itemsize
        if not is_pooled(nbytes):
            return np.empty(shape, dtype)
        return self.acquire(shape, dtype, size_class(nbytes))

    def acquire(self, shape: tuple[int, ...], dtype: np.dtype, size: int) -> np.ndarray:
        """A large array, on a block of a size class."""
        return np.ndarray(shape, dtype, self._take(size).view(PooledArray))

    def _take(self, size: int) -> np.ndarray:
        try:
            block = self._free[size].pop()
        except LookupError:
            return self._new(size)
        self.held -= size
        return block

    def _new(self, size: int) -> np.ndarray:
        try:
            return _new_block(size)
        except MemoryError:
            self.clear()
            return _new_block(size)

    def release(self, block: np.ndarray) -> None:
        """Take a block back."""
        size = block.nbytes
        try:
            self._free[size].append(block)
            self._free.move_to_end(size)
        except KeyError:  # also if the size is emptied just now
            self._free.setdefault(size, []).append(block)
        self.held += size
        if self.held > config.buffer_bytes:
            self._trim()

    def _trim(self) -> None:
        with self._lock:
            self.held = sum([size * len(blocks) for size, blocks in list(self._free.items())])
            while self.held > config.buffer_bytes and self._free:
                oldest, blocks = next(iter(self._free.items()))
                if blocks:
                    del blocks[0]
                    self.held -= oldest
                else:
                    del self._free[oldest]

    def clear(self) -> None:
        """Return all free blocks to the system."""
        with self._lock:
            self._free.clear()
            self.held = 0


def size_class(nbytes: int) -> int:
    """The size of block that serves so many bytes: the next of eight steps between powers of 2."""
    step = 1 << max(nbytes.bit_length() - 4, 0)
    return -(-nbytes // step) * step


class _Holder:
    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = np.empty(1)


_holder = _Holder()
ONE = sys.getrefcount(_holder._data) if sys.implementation.name == "cpython" else -1
"""What Python counts for a buffer that only an attribute refers to."""


def is_unshared(x: Any) -> bool:
    """Whether an Array has the only reference to its buffer, and that to its memory.

    False where reference counts are unknown, and for arrays that are deleted or elsewhere.
    """
    if sys.getrefcount(x._data) != ONE or type(x._data) is not np.ndarray:
        return False
    if x._data.base is None:
        return x._data.flags.owndata
    return type(x._data.base) is PooledArray and sys.getrefcount(x._data.base) == ONE


def _new_block(size: int) -> np.ndarray:
    memory: Any = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(_Block)


pool = BufferPool()
