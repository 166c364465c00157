"""Sums in NumPy that keep their digits, along any axis and in any layout of memory.

NumPy adds in pairs along the axis that lies closest in memory, and in order along others; running
sums and products of arrays without strides it adds in order too. Here the error stays below
4 eps log2(n) times the sum of the absolute values: see `docs/numerics.md`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.util import memoize

BLOCK = 32
"""Elements that are added in order; up to `MOST` where that leaves none over."""

MOST = 40
"""Elements that may be added in order, with a few more additions of their sums."""

SHORT = 1024
"""Numbers of which the running sum is made of blocks and the running sum of their sums."""

PIECE = 1 << 15
"""Elements of a running sum that are computed at a time, in the nearest caches."""

RADIX = 16
"""Elements of a block of a running sum, and blocks whose sums make a block of the next level."""

SPARSE = 16
"""How many times as many places as updates there are where sorting these is the fastest way to
count how often places are named."""

TERMS = 4096
"""Terms of a product of matrices that BLAS adds up, some hundred in order."""

DOT_TERMS = {"f": 1024, "c": 512}
"""The same for two vectors, real or complex, which BLAS adds up in 16 or 8 parts at least."""

LANES = 960
"""Bytes of a row that BLAS multiplies with a vector: it reads 32 bytes at a time, or 16 where fewer
than four rows are left, and adds these in order."""

IN_ORDER = 50
"""Rows that BLAS adds up, multiplied with the elements of a vector: in order."""

WIDE: dict[Any, np.dtype] = {
    **dict.fromkeys((dtypes.float16, dtypes.bfloat16, dtypes.float32), dtypes.float64),
    dtypes.complex64: dtypes.complex128}
"""The dtypes in which numbers are added up in order, where there are such."""


def is_narrow(dtype: np.dtype) -> bool:
    """Whether sums of a floating dtype are formed in float32."""
    return dtype.itemsize <= 2 and dtypes.kind(dtype) == "f"


@memoize()
def part_size(n: int, least: int, most: int) -> int:
    """A size of parts within limits, of which n elements leave few over."""
    return min(range(most, least - 1, -1), key=lambda size: n % size)


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
    if count <= MOST:
        return True
    if x.flags.c_contiguous:
        return len(axes) == x.ndim or axes == tuple(range(x.ndim - len(axes), x.ndim))
    return x.flags.f_contiguous and (len(axes) == x.ndim or axes == tuple(range(len(axes))))


def _along(x: np.ndarray, axis: int) -> np.ndarray:
    """The sum over one axis."""
    n = x.shape[axis]
    if n <= MOST or _is_closest(x, axis):
        return np.add.reduce(x, axis, x.dtype)
    size = part_size(n, BLOCK // 2, MOST)
    whole = n - n % size
    before, after = (slice(None),) * axis, x.shape[axis + 1 :]
    parts = x if whole == n else x[(*before, slice(0, whole))]
    parts = parts.reshape(*x.shape[:axis], n // size, size, *after)
    total = _along(np.add.reduce(parts, axis + 1), axis)
    return total + np.add.reduce(x[(*before, slice(whole, n))], axis) if whole < n else total


def _is_closest(x: np.ndarray, axis: int) -> bool:
    """Whether an axis lies closest in memory, so that NumPy's inner loop runs along it."""
    step = abs(x.strides[axis])
    return x.ndim == 1 or (step > 0 and all(
        abs(s) > step for a, (s, n) in enumerate(zip(x.strides, x.shape, strict=True))
        if a != axis and n > 1))


# ---- running sums --------------------------------------------------------------------------------
def longer(x: np.ndarray) -> np.ndarray:
    """The array in a dtype in which products of its elements keep the digits of its own; itself
    where there is none."""
    narrow = np.dtype(np.float32) if is_narrow(x.dtype) else x.dtype
    return x.astype(WIDE.get(x.dtype, narrow), copy=False)


def running(x: np.ndarray, axis: int) -> np.ndarray:
    """The running sum along an axis, in the dtype of `x`."""
    n = x.shape[axis]
    if x.dtype.kind not in "fcV" or (n <= MOST and not is_narrow(x.dtype)):
        return np.add.accumulate(x, axis, x.dtype)
    if x.size <= SHORT and x.dtype in WIDE:
        return np.add.accumulate(x.astype(WIDE[x.dtype]), axis).astype(x.dtype)
    if x.size <= SHORT and x.flags.c_contiguous:
        out = x.copy()
        _run(_last(out, axis))
        return out
    out = np.empty(x.shape, x.dtype)
    source, target = _last(x, axis), _last(out, axis)
    size = max(PIECE * n // max(x.size, 1), SHORT)
    total = lost = np.full(source.shape[:-1], -0.0, WIDE.get(x.dtype, x.dtype))
    memory = np.empty_like(source[..., :size], total.dtype)  # in the layout of the array
    for first in range(0, n, size):
        piece = memory[..., : n - first]
        piece[...] = source[..., first : first + size]
        _run(piece)
        last = piece[..., -1].copy()
        if first:
            piece += (total + lost)[..., None]
        target[..., first : first + size] = piece
        new = total + last
        lost = np.where(np.isfinite(new), lost + (last - (new - total)), 0)
        total = new
    return out


def _last(x: np.ndarray, axis: int) -> np.ndarray:
    """The array with this axis last."""
    return x if axis == x.ndim - 1 else np.moveaxis(x, axis, -1)


def _run(x: np.ndarray) -> None:
    """The running sum along the last axis, in place: short blocks begin with the running sum of the
    sums of those before them. NumPy's own waits for each sum to come back from memory."""
    n = x.shape[-1]
    if n <= MOST:
        np.add.accumulate(x, -1, out=x)
        return
    size = part_size(n, BLOCK - 8, MOST) if x.size <= SHORT else RADIX
    whole = n - n % size
    blocks = x[..., :whole].reshape(*x.shape[:-1], whole // size, size)
    if x.size <= SHORT:
        np.add.accumulate(blocks, -1, out=blocks)
    else:
        for k in range(1, size):
            blocks[..., k] += blocks[..., k - 1]
    starts = blocks[..., -1].copy()
    _run(starts)
    blocks[..., 1:, :] += starts[..., :-1, None]
    if whole < n:
        x[..., whole] += x[..., whole - 1]
        np.add.accumulate(x[..., whole:], -1, out=x[..., whole:])


# ---- sums at places ------------------------------------------------------------------------------
def added_at(x: np.ndarray, places: np.ndarray, updates: np.ndarray) -> np.ndarray:
    """A contiguous array with numbers added to it at places of its flat form, in its dtype."""
    crowded = _crowded(places, x.size)
    out = np.array(x, WIDE.get(x.dtype) if crowded else None, order="C")
    flat, updates = out.reshape(-1), updates.astype(out.dtype, copy=False)
    if crowded and out.dtype == x.dtype:
        _add_many_at(flat, places, updates)
    else:
        np.add.at(flat, places, updates)
    return out.astype(x.dtype, copy=False)


def _crowded(places: np.ndarray, size: int) -> bool:
    """Whether one of so many places is named more than `MOST` times."""
    n = len(places)
    if n <= MOST or n > MOST * size:
        return n > MOST
    if n < size // SPARSE:
        places = np.sort(places)
        return bool((places[MOST:] == places[:-MOST]).any())
    return bool(np.bincount(places).max() > MOST)


def _add_many_at(out: np.ndarray, places: np.ndarray, updates: np.ndarray) -> None:
    """Add numbers to elements of a vector, in place, some of which get many."""
    counts = np.bincount(places, minlength=len(out))
    often = counts > MOST
    if often.all():
        out += _totals(places, updates, counts)
        return
    there = often[places]
    np.add.at(out, places[~there], updates[~there])
    renamed = np.cumsum(often) - 1
    out[often] += _totals(renamed[places[there]], updates[there], counts[often])


def _totals(places: np.ndarray, updates: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The sum of the updates at each place, given how many each gets.

    They are dealt out to parts in turn, a prime number of them: so each part gets its share, unless
    the places follow a pattern of that very length. Where one gets too many, or there were more
    parts than updates, these are sorted by their places.
    """
    n, size = len(places), len(counts)
    parts = _prime(-3 * int(counts.max()) // -MOST)
    if parts * size <= n:
        slots, part = places * parts, np.arange(parts)
        slots[: n - n % parts].reshape(-1, parts)[...] += part
        slots[n - n % parts :] += part[: n % parts]
        if np.bincount(slots).max() <= MOST:
            total = np.full(size * parts, -0.0, updates.dtype)
            np.add.at(total, slots, updates)
            return np.add.reduce(total.reshape(size, parts), 1, initial=-0.0)
    order = np.argsort(places.astype(np.min_scalar_type(size)), kind="stable")
    firsts = np.searchsorted(places[order], np.arange(size))
    return np.add.reduceat(updates[order], firsts)


@memoize()
def _prime(n: int) -> int:
    """The least prime number that is not below n."""
    while any(n % k == 0 for k in range(2, math.isqrt(n) + 1)):
        n += 1
    return n


# ---- products of matrices ------------------------------------------------------------------------
def inner(x: np.ndarray, y: np.ndarray) -> Any:
    """The sum of products of the elements of two vectors, in their dtype."""
    if x.dtype.kind not in "fc" or len(x) <= BLOCK:
        return np.dot(x, y)
    if not (x.flags.c_contiguous and y.flags.c_contiguous):
        x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    n, most = len(x), DOT_TERMS[x.dtype.kind]
    if n <= most + most // 8:
        return np.dot(x, y)
    size = part_size(n, most // 2, most)
    whole = n - n % size
    total = np.add.reduce(_dots(x[:whole], y[:whole], size), None)
    return total + np.dot(x[whole:], y[whole:]) if whole < n else total


def _dots(x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """BLAS's dot of parts of vectors: [..., k] and [..., k] to [..., k / size, 1, 1]."""
    return np.matmul(x.reshape(*x.shape[:-1], -1, 1, size), y.reshape(*y.shape[:-1], -1, size, 1))


def product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Stacks of matrices multiplied, [..., m, k] by [..., k, n], in their dtype.

    BLAS, which NumPy calls for operands that lie in memory as it wants them, adds up some hundred
    terms in order, and long sums in part; so long ones are made of products of pieces.
    """
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    if k <= BLOCK or x.dtype.kind not in "fc":
        return np.matmul(x, y)
    x, y = (a if a.flags.c_contiguous or _suits_blas(a) else np.ascontiguousarray(a)
            for a in (x, y))
    if m == 1:
        return _vector_matrix(y.swapaxes(-1, -2), x.swapaxes(-1, -2)).swapaxes(-1, -2)
    return _vector_matrix(x, y) if n == 1 else _pieces(x, y, TERMS)


def _vector_matrix(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A matrix [..., m, k] multiplied with a vector [..., k, 1]."""
    m, k = x.shape[-2:]
    if k <= IN_ORDER:
        return np.matmul(x, y)
    if x.strides[-1] != x.itemsize:
        return _pieces(x, y, part_size(k, IN_ORDER // 2, IN_ORDER))
    most = DOT_TERMS[x.dtype.kind]
    size = LANES * (2 if m % 4 < 2 <= m else 1) // x.itemsize
    if x.dtype.kind == "f" and k < max(size + 1, most // 2) and m > 1:
        return _in_cuts(x, y, -(-k // size))
    size = k if k <= most else part_size(k, most // 2, most)
    whole = k - k % size
    vector = y.swapaxes(-1, -2)
    total = np.add.reduce(_dots(x[..., :whole], vector[..., :whole], size), -3)[..., 0]
    return total + np.matmul(x[..., whole:], y[..., whole:, :]) if whole < k else total


def _in_cuts(x: np.ndarray, y: np.ndarray, parts: int) -> np.ndarray:
    """The product as a sum of few products of nearly as many terms."""
    cuts = [x.shape[-1] * j // parts for j in range(parts + 1)]
    total = np.matmul(x[..., : cuts[1]], y[..., : cuts[1], :])
    for first, last in itertools.pairwise(cuts[1:]):
        total += np.matmul(x[..., first:last], y[..., first:last, :])
    return total


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
    (m, n), (row, column), size = x.shape[-2:], x.strides[-2:], x.itemsize
    if 1 in (m, n):
        return (column if m == 1 else row) == size
    return (column == size and row >= n * size and row % size == 0) or (
        row == size and column >= m * size and column % size == 0)
