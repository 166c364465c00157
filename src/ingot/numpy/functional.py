"""Functional programming: vectorize, apply_along_axis, apply_over_axes, piecewise."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from ingot.api.vmap import vmap
from ingot.calls import called
from ingot.core.interpreter import typeof
from ingot.core.tracebacks import api_boundary
from ingot.numpy import primitives as lax
from ingot.numpy.creation import asarray, broadcast_to
from ingot.numpy.families import truth
from ingot.numpy.indexing import getitem
from ingot.numpy.logic import where
from ingot.numpy.promotion import as_array, broadcast_shapes, convert
from ingot.numpy.reductions import axes_of
from ingot.util import wraps

_CORE = r"\((?:[^(),]+(?:,[^(),]+)*)?\)"
_SIGNATURE = re.compile(rf"^{_CORE}(?:,{_CORE})*->{_CORE}(?:,{_CORE})*$")


def _parse(signature: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Names of the core axes of arguments and results: '(n,m),(m)->(n)'."""
    text = re.sub(r"\s", "", signature)
    if not _SIGNATURE.match(text):
        raise ValueError(f"vectorize: not a signature such as '(n,m),(m)->(n)': {signature!r}")
    sides = [re.findall(r"\(([^()]*)\)", side) for side in text.split("->")]
    inputs, outputs = ([tuple(t.split(",")) if t else () for t in side] for side in sides)
    return inputs, outputs


def vectorize(pyfunc: Callable[..., Any], *, excluded: Collection[int | str] = frozenset(),
              signature: str | None = None) -> Callable[..., Any]:
    """Make a function of scalars, or of arrays with certain axes, broadcast over other axes.

    pyfunc: the function, which is traced under `vmap`; excluded: positions and names of arguments
    passed on as they are; signature: core axes of arguments and results, as in "(n,m),(m)->(n)", by
    default none -> a function of arrays. Raises ValueError for what is no signature and axes that
    do not fit, TypeError for other numbers of arguments or results.

    >>> jnp.vectorize(jnp.dot, signature="(n),(n)->()")(np.ones((3, 2)), np.array([1, 2]))
    Array([3., 3., 3.], dtype=float64)
    """
    if any(not isinstance(e, (str, int)) for e in excluded):
        raise TypeError(f"vectorize: excluded must hold positions and names, got {excluded!r}")
    if any(isinstance(e, int) and e < 0 for e in excluded):
        raise ValueError(f"vectorize: positions in excluded must not be negative, got {excluded!r}")
    cores = None if signature is None else _parse(signature)

    @api_boundary
    @wraps(pyfunc)
    def vectorized(*args: Any, **kwargs: Any) -> Any:
        fixed = {i: x for i, x in enumerate(args) if i in excluded or x is None}
        named = {k: x for k, x in kwargs.items() if k in excluded}
        names = [k for k in kwargs if k not in excluded]
        mapped = [as_array("vectorize", x) for i, x in enumerate(args) if i not in fixed]
        mapped += [as_array("vectorize", kwargs[k]) for k in names]

        def call(*values: Any) -> Any:
            given = iter(values)
            whole = [fixed[i] if i in fixed else next(given) for i in range(len(args))]
            return called("vectorize", pyfunc, whole, named | dict(zip(names, given, strict=True)))

        return _over_leading_axes(call, mapped, cores)

    return vectorized


def _over_leading_axes(call: Callable[..., Any], args: list[Any], cores: Any) -> Any:
    inputs = [()] * len(args) if cores is None else cores[0]
    if len(inputs) != len(args):
        raise TypeError(f"vectorize: the signature has {len(inputs)} arguments, got {len(args)}")
    sizes: dict[str, int] = {}
    for x, core in zip(args, inputs, strict=True):
        if x.aval.ndim < len(core):
            raise ValueError(f"vectorize: axes {core} are missing in {x.aval}")
        for axis, n in zip(core, x.aval.shape[x.aval.ndim - len(core):], strict=True):
            if sizes.setdefault(axis, n) != n:
                raise ValueError(f"vectorize: axis {axis!r} has lengths {sizes[axis]} and {n}")
    leads = [x.aval.shape[:x.aval.ndim - len(core)] for x, core in zip(args, inputs, strict=True)]
    shape = broadcast_shapes(*leads)
    mapped = _check_result(call, cores, sizes) if cores is not None else call
    # An argument is mapped over the axes it has; where it has length 1 it broadcasts.
    values, own = [], []
    for x, lead in zip(args, leads, strict=True):
        full = (1,) * (len(shape) - len(lead)) + lead
        mine = [n != 1 or m == 1 for n, m in zip(full, shape, strict=True)]
        kept = [n for n, m in zip(full, mine, strict=True) if m]
        values.append(lax.reshape(x, (*kept, *x.aval.shape[len(lead):])))
        own.append(mine)
    for axis in reversed(range(len(shape))):
        mapped = vmap(mapped, in_axes=tuple(0 if mine[axis] else None for mine in own))
    return mapped(*values)


def _check_result(call: Callable[..., Any], cores: Any, sizes: dict[str, int]) -> Callable[...,
                                                                                           Any]:
    def checked(*args: Any) -> Any:
        out = call(*args)
        results = out if isinstance(out, tuple) else (out,)
        if len(results) != len(cores[1]):
            raise TypeError(f"vectorize: the signature has {len(cores[1])} results, got"
                            f" {len(results)}")
        known = dict(sizes)
        for x, core in zip(results, cores[1], strict=True):
            aval = typeof(x)
            if aval.ndim != len(core) or any(known.setdefault(a, n) != n for a, n in zip(
                    core, aval.shape, strict=True)):
                raise ValueError(f"vectorize: a result of type {aval} does not have the axes {core}"
                                 f" of lengths {known}")
        return out

    return checked


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any,
                     **kwargs: Any) -> Any:
    """Apply a function of vectors along an axis; the axes of its result take its place.

    func1d: called with a vector [n], `args` and `kwargs`, and traced under `vmap`; axis: the axis;
    arr: [..., n, ...] -> [..., *shape of the result, ...]. Raises ValueError for an axis out of
    bounds.

    >>> jnp.apply_along_axis(lambda v: v[::-1], 1, np.array([[1, 2], [3, 4]]))
    Array([[2, 1],
           [4, 3]], dtype=int64)
    """
    arr = as_array("apply_along_axis", arr)
    (axis,) = axes_of("apply_along_axis", axis, arr.aval.ndim)

    def fun(v: Any) -> Any:
        return called("apply_along_axis", func1d, (v, *args), kwargs)

    for i in range(1, arr.aval.ndim - axis):
        fun = vmap(fun, in_axes=i, out_axes=-1)
    for _ in range(axis):
        fun = vmap(fun)
    return fun(arr)


def apply_over_axes(func: Callable[..., Any], a: Any, axes: int | Sequence[int]) -> Any:
    """Apply a reduction over several axes, one after the other.

    func: called with (array, axis), keeps or drops the axis; a: [...]; axes: an axis or several ->
    as many axes as `a`, those reduced with length 1. Raises ValueError for results of other ranks.

    >>> jnp.apply_over_axes(jnp.sum, np.array([[1, 2], [3, 4]]), (0, 1))
    Array([[10]], dtype=int64)
    """
    a = as_array("apply_over_axes", a)
    for axis in (axes,) if isinstance(axes, (int, np.integer)) else axes:
        b = as_array("apply_over_axes", called(
            "apply_over_axes", func, (a, axis), given="(array, axis)"))
        if b.aval.ndim == a.aval.ndim - 1:
            b = lax.expand_dims(b, axes_of("apply_over_axes", axis, a.aval.ndim))
        elif b.aval.ndim != a.aval.ndim:
            raise ValueError(f"apply_over_axes: the function must keep or drop the axis, it made"
                             f" {b.aval} of {a.aval}")
        a = b
    return a


def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """Choose the function of the first condition that holds for each element.

    x: [...]; condlist: booleans [...], each; funclist: functions of x, `args` and `kw`, or numbers;
    one more than conditions is for the rest, which is otherwise 0; all are computed -> [...] of the
    dtype of x. Raises ValueError for another number of functions.

    >>> x = np.array([-2.0, 3.0])
    >>> jnp.piecewise(x, [x < 0], [0, lambda x: x * x])
    Array([0., 9.], dtype=float64)
    """
    x = as_array("piecewise", x)
    if not isinstance(condlist, (list, tuple)):
        whole = asarray(condlist)
        condlist = [getitem(whole, i) for i in range(whole.aval.shape[0])] \
            if whole.aval.ndim > x.aval.ndim else [whole]
    conditions = [truth("piecewise", asarray(c)) for c in condlist]
    functions = list(funclist)
    if len(functions) == len(conditions):
        functions.append(0)
    if len(functions) != len(conditions) + 1:
        raise ValueError(f"piecewise: {len(conditions)} conditions need as many functions, or one"
                         f" more, got {len(functions)}")

    def value(f: Any) -> Any:
        out = called("piecewise", f, (x, *args), kw) if callable(f) else f
        return broadcast_to(convert(asarray(out), x.aval.dtype), x.aval.shape)

    out = value(functions[-1])
    for condition, f in zip(conditions[::-1], functions[-2::-1], strict=True):
        out = where(condition, value(f), out)
    return out

