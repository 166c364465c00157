"""The functions that are `ufunc` objects, with what their methods are made of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.vmap import vmap
from ingot.control.scan import scan
from ingot.core.interpreter import to_array
from ingot.core.tracebacks import api_boundary
from ingot.numpy import (
    arithmetic,
    elementary,
    integers,
    logic,
    means,
    nanreductions,
    primitives as lax,
    reductions,
    rounding,
)
from ingot.numpy.indexing import getitem
from ingot.numpy.manipulation import moveaxis, ravel
from ingot.numpy.promotion import as_array, broadcast_shapes, convert, user_dtype
from ingot.numpy.reductions import axes_of
from ingot.numpy.ufunc import generic, ufunc
from ingot.util import wraps

# ---- the general methods ----


@generic("reduce")
def _reduce(self: ufunc, a: Any, *, axis: int | None, dtype: Any, keepdims: bool, initial: Any,
           where: Any) -> Any:
    """A fold along the axis, from the first element to the last."""
    a = _convert_elements(self, a, dtype)
    shape = a.aval.shape
    axes = axes_of(f"{self.__name__}.reduce", axis, len(shape))
    if where is not None and self.identity is None and initial is None:
        raise ValueError(f"{self.__name__}.reduce: with `where` an identity or `initial` is needed")
    start = initial
    if start is None and self.identity is not None:
        start = _neutral(self, a.aval.dtype)
    front = moveaxis(a, axes, range(len(axes)))
    rest = front.aval.shape[len(axes):]
    flat = lax.reshape(front, (int(np.prod([shape[i] for i in axes])), *rest))
    if where is not None:
        mask = logic.where(where, True, False)
        last = range(len(shape) - mask.aval.ndim, len(shape))
        mask = moveaxis(lax.broadcast_in_dim(mask, shape, last), axes, range(len(axes)))
        mask = lax.reshape(mask, flat.aval.shape)
        flat = logic.where(mask, flat, convert(start, flat.aval.dtype))
    if start is None:
        if not flat.aval.shape[0]:
            raise ValueError(f"{self.__name__}.reduce: no identity for a zero-size axis")
        start, flat = getitem(flat, 0), getitem(flat, slice(1, None))
    else:
        start = lax.broadcast_in_dim(convert(start, flat.aval.dtype), rest, ())
    out = scan(lambda c, x: (convert(self(c, x), c.aval.dtype), None), start, flat)[0]
    if not keepdims:
        return out
    return lax.reshape(out, [1 if i in axes else n for i, n in enumerate(shape)])


@generic("accumulate")
def _accumulate(self: ufunc, a: Any, *, axis: int, dtype: Any) -> Any:
    """A scan along the axis."""
    a = moveaxis(_convert_elements(self, a, dtype), axis, 0)
    if not a.aval.shape[0]:
        return moveaxis(a, 0, axis)

    def step(c: Any, x: Any) -> tuple[Any, Any]:
        new = convert(self(c, x), c.aval.dtype)
        return new, new

    first = getitem(a, 0)
    _, rest = scan(step, first, getitem(a, slice(1, None)))
    return moveaxis(lax.concatenate([lax.expand_dims(first, (0,)), rest], 0), 0, axis)


@generic("outer")
def _outer(self: ufunc, A: Any, B: Any) -> Any:
    """All pairs, by broadcasting."""
    A, B = as_array(self.__name__, A), as_array(self.__name__, B)
    return self(lax.reshape(A, A.aval.shape + (1,) * B.aval.ndim), B)


@generic("at")
def _at(self: ufunc, a: Any, indices: Any, b: Any) -> Any:
    """Elements taken, combined and put back one after the other, as indices may repeat."""
    a = as_array(self.__name__, a)
    if self.nin == 1:
        return a.at[indices].apply(self)
    places = getitem(lax.reshape(lax.iota(np.dtype("int64"), a.aval.size), a.aval.shape), indices)
    values = as_array(self.__name__, b)
    shape = broadcast_shapes(places.aval.shape, values.aval.shape)
    values = lax.broadcast_in_dim(values, shape, range(len(shape) - values.aval.ndim, len(shape)))
    places = lax.broadcast_in_dim(places, shape, range(len(shape) - places.aval.ndim, len(shape)))

    def step(flat: Any, pair: Any) -> tuple[Any, None]:
        i, v = pair
        return flat.at[i].set(convert(self(getitem(flat, i), v), flat.aval.dtype)), None

    out = scan(step, ravel(a), (ravel(places), ravel(values)))[0]
    return lax.reshape(out, a.aval.shape)


@generic("reduceat")
def _reduceat(self: ufunc, a: Any, indices: Any, *, axis: int, dtype: Any) -> Any:
    """Folds over [i, j) for consecutive indices, or the element i alone if j <= i. Truth values are
    numbers of the operand's dtype, as in JAX."""
    found = _convert_elements(self, a, dtype)
    if dtype is None and found.aval.dtype == np.bool_:
        found = as_array(self.__name__, a)
    a = moveaxis(found, axis, 0)
    starts = as_array(self.__name__, indices)
    n = a.aval.shape[0]
    stops = lax.concatenate([getitem(starts, slice(1, None)),
                             lax.reshape(convert(n, starts.aval.dtype), (1,))], 0)

    def one(start: Any, stop: Any) -> Any:
        def step(c: Any, pair: Any) -> tuple[Any, None]:
            i, x = pair
            inside = lax.bitwise_and(lax.gt(i, start), lax.lt(i, stop))
            return tuple(logic.where(inside, convert(new, old.aval.dtype), old)
                         for new, old in zip(combine(c, x), c, strict=True)), None

        first = getitem(a, start)
        carry = (first, lax.sub(first, first)) if sums else (first,)
        out = scan(step, carry, (lax.iota(starts.aval.dtype, n), a))[0]
        return logic.where(lax.is_finite(out[0]), lax.add(*out), out[0]) if sums else out[0]

    if not starts.aval.size:
        return moveaxis(lax.slice_in_dim(a, 0, 0), 0, axis)
    if self == add and dtypes.kind(a.aval.dtype) == "c":
        return moveaxis(lax.complex(*(_reduceat(self, part(a), starts, axis=0, dtype=None)
                                      for part in (lax.real, lax.imag))), 0, axis)
    sums = self == add and dtypes.kind(a.aval.dtype) == "f"
    result, a = a.aval.dtype, means.widened(a) if sums else a
    combine = _two_sum if sums else lambda c, x: (self(*c, x),)
    return convert(moveaxis(vmap(one)(starts, stops), 0, axis), result)


def _two_sum(c: Any, x: Any) -> tuple[Any, Any]:
    """A sum and its rounding errors so far, with one more number: Knuth, *The Art of Computer
    Programming*, volume 2, 4.2.2."""
    total, errors = c
    new = lax.add(total, x)
    added = lax.sub(new, total)
    lost = lax.add(lax.sub(total, lax.sub(new, added)), lax.sub(x, added))
    errors = lax.add(errors, lost)
    errors = logic.where(lax.is_finite(errors), errors, 0)  # an infinite sum stays infinite
    whole = lax.add(new, errors)  # so that the errors stay small, and theirs are negligible
    return whole, lax.sub(errors, lax.sub(whole, new))


def _convert_elements(self: ufunc, a: Any, dtype: Any) -> Any:
    """The elements in the dtype asked for, else in that of results: logical functions' are
    booleans. A function of the user's is taken to stay in the dtype of its arguments."""
    a = as_array(self.__name__, a)
    want = user_dtype(self.__name__, dtype)
    if want is None and self._call is self._func:
        none = lax.broadcast_in_dim(convert(False, a.aval.dtype), (0,), ())
        want = self(none, none).aval.dtype
    return a if want is None else convert(a, want)


def _neutral(self: ufunc, dtype: np.dtype) -> Any:
    """The identity in a dtype: -1, all bits of which are set, is the largest unsigned integer."""
    if isinstance(self.identity, int) and dtypes.kind(dtype) == "u":
        return to_array(np.asarray(self.identity).astype(dtype))
    return convert(self.identity, dtype)


# ---- faster methods ----


def _reduction(function: Callable[..., Any], typed: bool) -> Callable[..., Any]:
    def reduce_with(a: Any, *, axis: Any, dtype: Any, keepdims: bool, initial: Any, where: Any
                    ) -> Any:
        if typed:
            return function(a, axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)
        if dtype is not None:
            a = convert(a, user_dtype("reduce", dtype))
        return function(a, axis, keepdims=keepdims, initial=initial, where=where)

    return reduce_with


def _truth(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduce_with(a: Any, *, axis: Any, dtype: Any, keepdims: bool, initial: Any, where: Any
                    ) -> Any:
        return function(a, axis, keepdims=keepdims, where=where)

    return reduce_with


def _scatter(method: str) -> Callable[..., Any]:
    return lambda a, indices, b: getattr(to_array(a).at[indices], method)(b)


def _object(function: Callable[..., Any], identity: Any = None, **methods: Any) -> ufunc:
    nin = 1 if function is arithmetic.negative else 2
    return ufunc(function, nin, 1, identity=identity, methods=methods)


add = _object(arithmetic.add, 0, reduce=_reduction(reductions.sum, True), at=_scatter("add"),
              accumulate=nanreductions.cumsum)
subtract = _object(arithmetic.subtract, at=_scatter("subtract"))
multiply = _object(arithmetic.multiply, 1, reduce=_reduction(reductions.prod, True),
                   at=_scatter("multiply"), accumulate=nanreductions.cumprod)
negative = _object(arithmetic.negative)
maximum = _object(rounding.maximum, reduce=_reduction(reductions.max, False), at=_scatter("max"))
minimum = _object(rounding.minimum, reduce=_reduction(reductions.min, False), at=_scatter("min"))
logaddexp = _object(elementary.logaddexp, float("-inf"))
logaddexp2 = _object(elementary.logaddexp2, float("-inf"))
logical_and = _object(logic.logical_and, True, reduce=_truth(reductions.all))
logical_or = _object(logic.logical_or, False, reduce=_truth(reductions.any))
logical_xor = _object(logic.logical_xor, False)
bitwise_and = _object(integers.bitwise_and, -1)
bitwise_or = _object(integers.bitwise_or, 0)
bitwise_xor = _object(integers.bitwise_xor, 0)


def frompyfunc(func: Callable[..., Any], /, nin: int, nout: int, *, identity: Any = None) -> ufunc:
    """Make a `ufunc` of a function of scalars, which is traced under `vmap`.

    func: the function; nin, nout: how many arguments and results it has; identity: what `reduce`
    starts from -> a `ufunc`. Raises TypeError if `func` is no function.

    >>> add3 = jnp.frompyfunc(lambda x, y: x + y + 3, 2, 1)
    >>> add3.outer(np.array([1, 2]), np.array([10, 20]))
    Array([[14, 24],
           [15, 25]], dtype=int64)
    """
    if not callable(func):
        raise TypeError(f"frompyfunc: a function is needed, got {func!r}")

    @api_boundary
    @wraps(func)
    def broadcast(*args: Any) -> Any:
        arrays = [as_array(func.__name__, x) for x in args]
        shape = broadcast_shapes(*(x.aval.shape for x in arrays))
        flat = [ravel(lax.broadcast_in_dim(x, shape, range(len(shape) - x.aval.ndim, len(shape))))
                for x in arrays]
        out = vmap(func)(*flat) if shape else func(*arrays)
        restore = functools.partial(lax.reshape, new_sizes=shape)
        return tuple(map(restore, out)) if isinstance(out, tuple) else restore(out)

    return ufunc(func, nin, nout, identity=identity, call=broadcast)
