"""Where an array is not zero: the indices, as many as there are or a static number of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import from_numpy
from ingot.core.interpreter import to_array
from ingot.numpy import primitives as lax
from ingot.numpy.concrete import concrete, concrete_int
from ingot.numpy.families import like, truth
from ingot.numpy.promotion import as_array, broadcast, convert


def nonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> tuple[Any, ...]:
    """Return the indices of nonzero elements, row by row.

    a: [...] of any dtype; size: how many indices, needed in traced code: surplus ones are dropped,
    missing ones `fill_value` (a number, or one for each axis), by default 0 -> a tuple of arrays
    [size] of the default integer, one for each axis. Raises ValueError for scalars and another
    number of fill values, ConcretizationTypeError in traced code without `size`.

    >>> jnp.nonzero(np.array([[0, 5], [7, 0]]))
    (Array([0, 1], dtype=int64), Array([1, 0], dtype=int64))
    """
    a = as_array("nonzero", a)
    if a.aval.ndim == 0:
        raise ValueError("nonzero: an array of rank 1 at least is needed, got a scalar;"
                        " use jnp.atleast_1d(x) first")
    if size is None:
        data = concrete("nonzero", a, "the array (without a static `size`)",
                        "give size=n, the length to which the result is filled up or cut")
        return tuple(from_numpy(i.astype(dtypes.default_int())) for i in np.nonzero(data))
    size = concrete_int("nonzero", size, "size")
    int_ = dtypes.default_int()
    shape = a.aval.shape
    if not a.aval.size or not size:
        flat, found = broadcast(convert(0, int_), (size,)), convert(0, int_)
    else:
        flat, found = _flat_indices(truth("nonzero", a), size)
    missing = lax.ge(lax.iota(int_, size), broadcast(found, (size,)))
    fills = fill_value if isinstance(fill_value, tuple) else (fill_value or 0,) * len(shape)
    if len(fills) != len(shape):
        raise ValueError(f"nonzero: {len(fills)} fill values for an array of rank {len(shape)}")
    out = []
    for i, n in enumerate(shape):
        stride = max(int(np.prod(shape[i + 1:])), 1)
        index = lax.rem(lax.div(flat, like(flat, stride)), like(flat, max(n, 1)))
        fill = broadcast(convert(to_array(fills[i]), int_), (size,))
        out.append(lax.select(missing, fill, index))
    return tuple(out)


def _flat_indices(mask: Any, size: int) -> tuple[Any, Any]:
    """The first `size` flat indices where the mask holds, and how many it holds at."""
    int_ = dtypes.default_int()
    n = mask.aval.size
    count = lax.cumsum(convert(lax.reshape(mask, (n,)), int_), 0)
    # Element j goes to slot count[j] - 1; what the mask excludes goes out of bounds, and is lost.
    slot = lax.select(lax.reshape(mask, (n,)), lax.sub(count, like(count, 1)), like(count, size))
    numbers = lax.ScatterDimensionNumbers((), (0,), (0,))
    flat = lax.scatter(broadcast(convert(0, int_), (size,)), lax.reshape(slot, (n, 1)),
                       lax.iota(int_, n), numbers, mode="drop", unique_indices=False)
    last = lax.reshape(lax.slice(count, (n - 1,), (n,)), ())
    return flat, last


def flatnonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Return the indices of nonzero elements in the flattened array.

    a, size, fill_value: as for `nonzero`, with the same errors -> [size] of the default integer.

    >>> jnp.flatnonzero(np.array([[0, 5], [7, 0]]))
    Array([1, 2], dtype=int64)
    """
    a = as_array("flatnonzero", a)
    return nonzero(lax.reshape(a, (a.aval.size,)), size=size, fill_value=fill_value)[0]


def argwhere(a: Any, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Return the indices of nonzero elements, one row for each.

    a, size, fill_value: as for `nonzero`, with the same errors, scalars allowed -> [size, a.ndim]
    of the default integer.

    >>> jnp.argwhere(np.array([[0, 5], [7, 0]]))
    Array([[0, 1],
           [1, 0]], dtype=int64)
    """
    a = as_array("argwhere", a)
    rank = a.aval.ndim
    found = nonzero(a if rank else lax.reshape(a, (1,)), size=size, fill_value=fill_value)
    n = found[0].aval.shape[0]
    if not rank:
        return broadcast(convert(0, dtypes.default_int()), (n, 0))
    return lax.concatenate([lax.reshape(i, (n, 1)) for i in found], 1)
