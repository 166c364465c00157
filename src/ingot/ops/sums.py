"""Sums in NumPy that keep their digits, along any axis and in any layout of memory.

NumPy adds in pairs along the axis that lies closest in memory, and in order along others; running
sums and products of arrays without strides it adds in order too. Here the error stays below
4 eps log2(n) times the sum of the absolute values: see `docs/numerics.md`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ingot import dtypes
from ingot.util import memoize

BLOCK = 32
"""Elements that are added in order."""

MANY = 256
"""Blocks from which on an element of all is added at a time: NumPy accumulates slowly."""

TERMS = 4096
"""Terms of a product of matrices that BLAS adds up, some hundred in order."""

DOT_TERMS = 1024
"""The same for two vectors, which BLAS adds up in 16 parts at least."""

LANES = 960
"""Bytes of a row that BLAS multiplies with a vector: it reads 32 bytes at a time, or 16 where fewer
than four rows are left, and adds these in order."""

IN_ORDER = 48
"""Rows that BLAS adds up, multiplied with the elements of a vector: in order."""

PIECE = 1 << 14
"""Elements of a running sum that are computed at a time, in the nearest caches."""


def is_narrow(dtype: np.dtype) -> bool:
    """Whether sums of a floating dtype are formed in float32."""
    return dtype.itemsize <= 2 and dtypes.kind(dtype) == "f"


# ---- sums over axes ------------------------------------------------------------------------------
def summed(x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """The sum over axes, in the dtype of `x`."""
    if x.dtype.kind == "V" or is_narrow(x.dtype):
        return summed(x.astype(np.float32), axes).astype(x.dtype)
    axes = tuple(axes)
    if x.dtype.kind not in "fc" or _in_pairs(x, axes):
        return np.add.reduce(x, axes, x.dtype)
    for axis in sorted(axes, reverse=True):
        x = _along(x, axis)
    return x


def _in_pairs(x: np.ndarray, axes: tuple[int, ...]) -> bool:
    """Whether NumPy adds in pairs, or so few that it does not matter."""
    count = 1
    for a in axes:
        count *= x.shape[a]
    if count <= BLOCK:
        return True
    if x.flags.c_contiguous:
        return len(axes) == x.ndim or axes == tuple(range(x.ndim - len(axes), x.ndim))
    return x.flags.f_contiguous and (len(axes) == x.ndim or axes == tuple(range(len(axes))))


def _along(x: np.ndarray, axis: int) -> np.ndarray:
    """The sum over one axis."""
    n = x.shape[axis]
    if n <= BLOCK or _is_closest(x, axis):
        return np.add.reduce(x, axis, x.dtype)
    whole = n - n % BLOCK
    before, after = (slice(None),) * axis, x.shape[axis + 1 :]
    blocks = x[(*before, slice(0, whole))].reshape(*x.shape[:axis], n // BLOCK, BLOCK, *after)
    total = _along(np.add.reduce(blocks, axis + 1), axis)
    return total + np.add.reduce(x[(*before, slice(whole, n))], axis) if whole < n else total


def _is_closest(x: np.ndarray, axis: int) -> bool:
    """Whether an axis lies closest in memory, so that NumPy's inner loop runs along it."""
    step = abs(x.strides[axis])
    return x.ndim == 1 or (step > 0 and all(
        abs(s) > step for a, (s, n) in enumerate(zip(x.strides, x.shape, strict=True))
        if a != axis and n > 1))


# ---- running sums --------------------------------------------------------------------------------
def running(x: np.ndarray, axis: int) -> np.ndarray:
    """The running sum along an axis, in the dtype of `x`."""
    if is_narrow(x.dtype):
        return running(x.astype(np.float32), axis).astype(x.dtype)
    n = x.shape[axis]
    if x.dtype.kind not in "fc" or n <= BLOCK:
        return np.add.accumulate(x, axis, x.dtype)
    source = np.moveaxis(x, axis, -1)
    size = min(max(PIECE * n // max(x.size, 1) // BLOCK, 1), -(-n // BLOCK)) * BLOCK
    piece = np.empty((*source.shape[:-1], size), x.dtype)
    out = np.empty(x.shape, x.dtype)
    target, last = np.moveaxis(out, axis, -1), np.zeros((*source.shape[:-1], 1), x.dtype)
    for first in range(0, n, size):
        here = slice(first, first + size)
        count = min(size, n - first)
        piece[..., :count] = source[..., here]
        piece[..., count:] = 0
        _running_blocks(piece)
        piece += last
        last = np.array(piece[..., -1:])
        target[..., here] = piece[..., :count]
    return out


def _running_blocks(x: np.ndarray) -> None:
    """The running sum along the last axis of contiguous memory, in place: blocks begin with the
    running sum of the sums of those before them."""
    lines = x.reshape(-1, BLOCK)
    if len(lines) < MANY:
        np.add.accumulate(lines, -1, out=lines)
    else:
        for k in range(1, BLOCK):
            lines[:, k] += lines[:, k - 1]
    count = x.shape[-1] // BLOCK
    if count == 1:
        return
    starts = np.zeros((*x.shape[:-1], count if count <= BLOCK else -(-count // BLOCK) * BLOCK),
                      x.dtype)
    blocks = x.reshape(*x.shape[:-1], count, BLOCK)
    starts[..., : count - 1] = blocks[..., : count - 1, -1]
    if count <= BLOCK:
        np.add.accumulate(starts, -1, out=starts)
    else:
        _running_blocks(starts)
    blocks[..., 1:, :] += starts[..., : count - 1, None]


# ---- products of matrices ------------------------------------------------------------------------
def product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Stacks of matrices multiplied, [..., m, k] by [..., k, n], in their dtype.

    BLAS, which NumPy calls for operands that lie in memory as it wants them, adds up some hundred
    terms in order, and long sums in part; so long ones are made of products of pieces.
    """
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    if k <= BLOCK or x.dtype.kind not in "fc":
        return np.matmul(x, y)
    if x.dtype.kind == "c" and min(m, n) == 1:
        terms = x * y.swapaxes(-1, -2)  # [..., m or n, k]
        return summed(np.ascontiguousarray(terms), (terms.ndim - 1,)).reshape(*x.shape[:-1], n)
    x, y = (a if _suits_blas(a) else np.ascontiguousarray(a) for a in (x, y))
    if m == 1 < n:
        return _vector_matrix(y.swapaxes(-1, -2), x.swapaxes(-1, -2)).swapaxes(-1, -2)
    if n == 1 < m:
        return _vector_matrix(x, y)
    return _pieces(x, y, TERMS if m > 1 else DOT_TERMS)


def _vector_matrix(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A matrix [..., m, k] multiplied with a vector [..., k, 1]."""
    m, k = x.shape[-2:]
    if x.strides[-1] != x.itemsize:
        return _pieces(x, y, _whole_size(k, IN_ORDER))
    size = LANES * (2 if m % 4 < 2 <= m else 1) // x.itemsize
    if k <= size:
        return np.matmul(x, y)
    if k < DOT_TERMS:
        parts = -(-k // size)
        cuts = [k * j // parts for j in range(parts + 1)]
        total = np.matmul(x[..., : cuts[1]], y[..., : cuts[1], :])
        for first, last in itertools.pairwise(cuts[1:]):
            total += np.matmul(x[..., first:last], y[..., first:last, :])
        return total
    return _pieces(x[..., None, :], y[..., None, :, :], DOT_TERMS)[..., 0]


@memoize()
def _whole_size(k: int, size: int) -> int:
    """A size of pieces up to the one given, of which k terms leave few over."""
    return min(range(size, size - size // 4, -1), key=lambda size: k % size)


def _pieces(x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """The product as a sum of products of so many terms."""
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    if k < size + size // (1 if min(m, n) > 1 else 8):
        return np.matmul(x, y)
    whole = k - k % size
    left, right = x, y
    if whole < k:
        left, right = x[..., :whole], y[..., :whole, :]
    left = left.reshape(*x.shape[:-1], k // size, size)
    right = right.reshape(*y.shape[:-2], k // size, size, n)
    if m * n * (k // size) <= m * k + k * n:
        parts = np.matmul(left.swapaxes(-2, -3), right)
        total = np.add.reduce(parts, -3) if k // size <= BLOCK else summed(parts, (parts.ndim - 3,))
    else:
        total = np.zeros((*x.shape[:-2], m, n), x.dtype)
        for j in range(k // size):
            total += np.matmul(left[..., j, :], right[..., j, :, :])
    return total + np.matmul(x[..., whole:], y[..., whole:, :]) if whole < k else total


def _suits_blas(x: np.ndarray) -> bool:
    """Whether NumPy gives a stack of matrices to BLAS as it is."""
    if x.flags.c_contiguous:
        return True
    (m, n), (row, column), size = x.shape[-2:], x.strides[-2:], x.itemsize
    if 1 in (m, n):
        return (column if m == 1 else row) == size
    return (column == size and row >= n * size and row % size == 0) or (
        row == size and column >= m * size and column % size == 0)
