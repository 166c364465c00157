"""Functional updates: `x.at[index].set(y)` and its companions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.control.while_loop import while_loop
from ingot.core.tracebacks import api_boundary
from ingot.errors import TypePromotionError
from ingot.numpy import primitives as lax
from ingot.numpy.creation import asarray
from ingot.numpy.families import like
from ingot.numpy.indexing import getitem, scatter
from ingot.numpy.promotion import as_array, convert
from ingot.primitives.out_sharding import divided
from ingot.util import warn


class IndexUpdateHelper:
    """What `x.at` is: indexed, it says which elements an update is about.

    array: [...] -> an object to index: `x.at[i]` is an `IndexUpdateRef`. Raises TypeError if it is
    called or assigned to.

    >>> jnp.array([1, 2, 3]).at[0].set(9)
    Array([9, 2, 3], dtype=int64)
    """

    __slots__ = ("array",)

    def __init__(self, array: Any):
        self.array = array

    def __getitem__(self, index: Any) -> IndexUpdateRef:
        return IndexUpdateRef(self.array, index)

    @api_boundary
    def __call__(self, *index: Any) -> Any:
        """Say that it is indexed."""
        raise TypeError("x.at is indexed, not called: write x.at[i].set(y) instead of x.at(i)")

    @api_boundary
    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("x.at[i] = y cannot change x, for arrays are immutable: write"
                        " x = x.at[i].set(y), and x = x.at[i].add(y) for x.at[i] += y")

    @api_boundary
    def __getattr__(self, name: str) -> Any:
        if hasattr(IndexUpdateRef, name) and not name.startswith("_"):
            raise AttributeError(f"x.at is indexed first: write x.at[i].{name}(...), or"
                                 f" x.at[:].{name}(...) for all elements")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.array!r})"


class IndexUpdateRef:
    """What `x.at[index]` is: its methods return new arrays, updated at the index.

    index: as in x[index]; mode: out of bounds "drop" (updates are lost; default), "clip", "fill" or
    "promise_in_bounds"; indices_are_sorted, unique_indices: promises; wrap_negative_indices:
    whether negative ones count from the end; out_sharding: how Explicit axes divide the result ->
    [...] of the type of x. Raises IndexError for static integers out of bounds without a mode,
    ValueError for other modes and values that do not broadcast.

    >>> x = jnp.zeros(3)
    >>> x.at[jnp.array([0, 0, 7])].add(1.0)
    Array([2., 0., 0.], dtype=float64)
    """

    __slots__ = ("array", "index")

    def __init__(self, array: Any, index: Any):
        self.array, self.index = array, index

    @api_boundary
    def __getattr__(self, name: str) -> Any:
        text = f"{type(self).__name__!r} object has no attribute {name!r}"
        if not name.startswith("_"):
            methods = {n for n in dir(type(self)) if n[0] != "_"}.difference(self.__slots__)
            text += f"; the methods are {', '.join(sorted(methods))}"
        raise AttributeError(text)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.array!r}, {self.index!r})"

    def _update(self, name: str, op: Callable[..., Any], values: Any, indices_are_sorted: bool,
                unique_indices: bool, mode: Any, wrap_negative_indices: bool,
                out_sharding: Any) -> Any:
        x = self.array
        check_mode(mode)
        if type(values) is int and _only_unsigned(values, x.aval.dtype):
            values = convert(values, x.aval.dtype)
        values = fitting(f"at[].{name}", x, values)
        return divided(f"at[].{name}", lambda x, index, values: scatter(
            op, x, index, values, mode, indices_are_sorted, unique_indices, wrap_negative_indices),
            out_sharding, x, self.index, values)

    @api_boundary
    def get(self, *, indices_are_sorted: bool = False, unique_indices: bool = False,
            mode: Any = None, fill_value: Any = None, out_sharding: Any = None,
            wrap_negative_indices: bool = True) -> Any:
        """Return the elements at the index.

        fill_value: for elements out of bounds with mode="fill", by default nan or the extreme
        integer; other arguments: as for the class -> x[index].

        >>> jnp.array([1.0, 2.0]).at[jnp.array([1, 5])].get(mode="fill", fill_value=0.0)
        Array([2., 0.], dtype=float64)
        """
        check_mode(mode)
        return divided("at[].get", getitem, out_sharding, self.array, self.index, mode, fill_value,
                       indices_are_sorted, unique_indices, wrap_negative_indices)

    @api_boundary
    def set(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False,
            mode: Any = None, out_sharding: Any = None, wrap_negative_indices: bool = True) -> Any:
        """Return the array with the elements replaced by values.

        values: broadcast with x[index], converted to the dtype of x; other arguments and errors: as
        for the class -> the shape and dtype of x. Of several values for one element any may win.

        >>> jnp.array([1, 2, 3]).at[1:].set(0)
        Array([1, 0, 0], dtype=int64)
        """
        return self._update("set", lax.scatter, values, indices_are_sorted, unique_indices, mode,
                            wrap_negative_indices, out_sharding)

    @api_boundary
    def add(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False,
            mode: Any = None, out_sharding: Any = None, wrap_negative_indices: bool = True) -> Any:
        """Return the array with values added; each of several for one element counts.

        values, other arguments and errors: as for `set` -> the shape and dtype of x.

        >>> jnp.array([1, 2]).at[jnp.array([0, 0])].add(jnp.array([10, 20]))
        Array([31,  2], dtype=int64)
        """
        return self._update("add", lax.scatter_add, values, indices_are_sorted, unique_indices,
                            mode, wrap_negative_indices, out_sharding)

    @api_boundary
    def subtract(self, values: Any, *, indices_are_sorted: bool = False,
                 unique_indices: bool = False, mode: Any = None, out_sharding: Any = None,
                 wrap_negative_indices: bool = True) -> Any:
        """Return the array with values subtracted from the elements.

        values, other arguments and errors: as for `set` -> the shape and dtype of x.

        >>> jnp.array([1, 2]).at[jnp.array([0, 0])].subtract(10)
        Array([-19,   2], dtype=int64)
        """
        return self._update("subtract", lax.scatter_sub, values, indices_are_sorted,
                            unique_indices, mode, wrap_negative_indices, out_sharding)

    @api_boundary
    def multiply(self, values: Any, *, indices_are_sorted: bool = False,
                 unique_indices: bool = False, mode: Any = None, out_sharding: Any = None,
                 wrap_negative_indices: bool = True) -> Any:
        """Return the array with the elements multiplied by values.

        values, other arguments and errors: as for `set` -> the shape and dtype of x.

        >>> jnp.array([1, 2]).at[jnp.array([0, 0])].multiply(10)
        Array([100,   2], dtype=int64)
        """
        return self._update("multiply", lax.scatter_mul, values, indices_are_sorted,
                            unique_indices, mode, wrap_negative_indices, out_sharding)

    mul = multiply

    @api_boundary
    def min(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False,
            mode: Any = None, out_sharding: Any = None, wrap_negative_indices: bool = True) -> Any:
        """Return the array with the elements replaced by values where these are smaller.

        values, other arguments and errors: as for `set` -> the shape and dtype of x.

        >>> jnp.array([1, 9]).at[:].min(5)
        Array([1, 5], dtype=int64)
        """
        return self._update("min", lax.scatter_min, values, indices_are_sorted, unique_indices,
                            mode, wrap_negative_indices, out_sharding)

    @api_boundary
    def max(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False,
            mode: Any = None, out_sharding: Any = None, wrap_negative_indices: bool = True) -> Any:
        """Return the array with the elements replaced by values where these are larger.

        values, other arguments and errors: as for `set` -> the shape and dtype of x.

        >>> jnp.array([1, 9]).at[:].max(5)
        Array([5, 9], dtype=int64)
        """
        return self._update("max", lax.scatter_max, values, indices_are_sorted, unique_indices,
                            mode, wrap_negative_indices, out_sharding)

    @api_boundary
    def divide(self, values: Any, *, indices_are_sorted: bool = False,
               unique_indices: bool = False, mode: Any = None, out_sharding: Any = None,
               wrap_negative_indices: bool = True) -> Any:
        """Return the array with the elements divided by values.

        values, other arguments and errors: as for `set` -> the shape of x, integers become floats.

        >>> jnp.array([1.0, 2.0]).at[1].divide(4)
        Array([1. , 0.5], dtype=float64)
        """
        divisor = self._ones().at[self.index].multiply(
            values, indices_are_sorted=indices_are_sorted, unique_indices=unique_indices,
            mode=mode, wrap_negative_indices=wrap_negative_indices)
        return self.array / divisor

    @api_boundary
    def power(self, values: Any, *, indices_are_sorted: bool = False,
              unique_indices: bool = False, mode: Any = None, out_sharding: Any = None,
              wrap_negative_indices: bool = True) -> Any:
        """Return the array with the elements raised to powers.

        values: the exponents; other arguments and errors: as for `set` -> the shape and dtype of x.

        >>> jnp.array([2, 3]).at[1].power(2)
        Array([2, 9], dtype=int64)
        """
        exponent = self._ones().at[self.index].multiply(
            values, indices_are_sorted=indices_are_sorted, unique_indices=unique_indices,
            mode=mode, wrap_negative_indices=wrap_negative_indices)
        return self.array ** exponent

    @api_boundary
    def apply(self, func: Callable[[Any], Any], *, indices_are_sorted: bool = False,
              unique_indices: bool = False, mode: Any = None, out_sharding: Any = None,
              wrap_negative_indices: bool = True) -> Any:
        """Return the array with a function applied to the elements, as many times as each is named.

        func: an elementwise function; other arguments and errors: as for the class -> the shape and
        dtype of x.

        >>> jnp.array([1.0, 4.0]).at[1].apply(jnp.sqrt)
        Array([1., 2.], dtype=float64)
        """
        if not unique_indices and _recurs(self.index):
            named = lax.full(self.array.aval.shape, 0, dtypes.int32).at[self.index].add(
                1, mode=mode, wrap_negative_indices=wrap_negative_indices)
            return while_loop(
                lambda c: lax.reduce_or(lax.gt(c[1], like(c[1], 0)), tuple(range(c[1].ndim))),
                lambda c: (lax.select(lax.gt(c[1], like(c[1], 0)), func(c[0]), c[0]),
                           lax.sub(c[1], like(c[1], 1))), (self.array, named))[0]

        def scatter_apply(x: Any, indices: Any, updates: Any, numbers: Any, **flags: Any) -> Any:
            return lax.scatter_apply(x, indices, func, numbers,
                                     update_shape=updates.aval.shape, **flags)

        return scatter(scatter_apply, self.array, self.index, convert(0, self.array.aval.dtype),
                       mode, indices_are_sorted, unique_indices, wrap_negative_indices)

    def _ones(self) -> Any:
        return like(self.array, 1)


def check_mode(mode: Any) -> None:
    """Raise ValueError for an unknown mode."""
    if mode is not None:
        lax.GatherScatterMode.from_any(mode)


def _only_unsigned(value: int, dtype: Any) -> bool:
    """Whether an integer fits into an unsigned dtype, and not into the default one."""
    limits = dtypes.iinfo(dtypes.default_int())
    return dtypes.kind(dtype) == "u" and limits.max < value <= dtypes.iinfo(dtype).max


def _recurs(index: Any) -> bool:
    """Whether an index may name elements more than once."""
    entries = index if isinstance(index, tuple) else (index,)
    return any(np.ndim(i) > 0 and not (hasattr(i, "dtype") and i.dtype == bool)
               for i in entries if not isinstance(i, slice))


def fitting(name: str, x: Any, values: Any) -> Any:
    """Values in the dtype of the array they go to; FutureWarning where that may lose something."""
    array = asarray(values) if isinstance(values, (list, tuple)) else as_array(name, values)
    if dtypes.is_key_dtype(x.aval.dtype) or dtypes.is_key_dtype(array.aval.dtype):
        if x.aval.dtype != array.aval.dtype:
            raise TypeError(f"{name}: cannot put {array.aval} into {x.aval}")
        return array
    if not _fits(values, array.aval.dtype, x.aval.dtype):
        shown = values if type(values) is int else array.aval
        warn(f"{name}: {shown} cannot become {dtypes.short_name(x.aval.dtype)}, the dtype of"
             f" {x.aval}, without loss; this will be an error in future: convert it first, as in"
             " values.astype(x.dtype)", FutureWarning)
    if dtypes.kind(array.aval.dtype) == "c" and dtypes.kind(x.aval.dtype) != "c":
        array = lax.real(array)
    return convert(array, x.aval.dtype, x.aval.weak_type)


def _fits(values: Any, have: Any, want: Any) -> bool:
    """Whether promotion with a dtype leads to it, and numbers of Python lie in its range."""
    if type(values) is int and dtypes.kind(want) in "iu":
        limits = dtypes.iinfo(want)
        return limits.min <= values <= limits.max
    try:
        return have == want or dtypes.safe_to_cast(values, want)
    except TypePromotionError:
        return "biufc".index(dtypes.kind(have)) <= "biufc".index(dtypes.kind(want))
