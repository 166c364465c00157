"""Functions outside of compiled code: traced once for each type of arguments, then replayed.

What a function of arrays does before it reaches its operations (promotion, axes, broadcasting)
takes ten times longer than NumPy takes for the operations. A function that meets the same types
again is traced, and from then on the `eval` of each equation is all that runs: the same operations
in the same order, so the results are the same to the last bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ingot import dtypes
from ingot.config import config, fast_path_guard
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import check_eval_result, to_array, without_fp_warnings
from ingot.core.jaxpr import Eqn, Jaxpr, Literal
from ingot.transforms.stage import stage
from ingot.util import register_cache, update_wrapper


class _TraceCache(dict[Any, Any]):
    """What is known of each form of call; cleared with all caches."""

    __hash__ = object.__hash__  # type: ignore[assignment]


MAX_TRACES = 512
"""Forms of call of one function that are remembered; a form is traced when it is met again."""

STATIC = frozenset([int, bool, str, type(None), type])
_NOTHING: dict[str, Any] = {}


class CachedTrace:
    """What a form of call does: operations on the arrays, constants and earlier results."""

    __slots__ = ("aval", "avals", "constants", "untraceable", "out", "steps")

    def __init__(self, avals: list[ShapedArray]):
        self.avals = avals
        self.untraceable = False
        self.steps: Any = None
        self.constants: list[Any] = []
        self.out = 0
        self.aval: Any = None


def trace_cached(function: Callable[..., Any]) -> Any:
    """Decorate a function so that its trace is cached for each type of arguments.

    For functions of arrays to one array that look at types only, as staging requires it.
    """
    traces = _TraceCache()
    register_cache(traces)

    def eager(*args: Any, **kwargs: Any) -> Any:
        # A transformation is under way, a flag is overridden, or NumPy is not to compute.
        if len(fast_path_guard) > 1 or config.elsewhere:
            return function(*args, **kwargs)
        arrays: list[Any] = []
        key: list[Any] = [config.trace_key()]
        for x in args:
            if type(x) is Array:
                key.append(id(x.aval))
                if type(x._data) is not ndarray:  # results follow it to where it lies
                    return function(*args, **kwargs)
                arrays.append(x._data)
            elif not _describe(x, key, arrays):
                return function(*args, **kwargs)
        for name in kwargs:
            key.append(name)
            if not _describe(kwargs[name], key, arrays):
                return function(*args, **kwargs)
        trace = traces.get(tuple(key))
        if trace is None or trace.steps is None:
            _learn(traces, tuple(key), function, args, kwargs)
            return function(*args, **kwargs)
        return Array(without_fp_warnings(_run, (trace, arrays), _NOTHING), trace.aval)

    return update_wrapper(eager, function)


def _describe(x: Any, key: list[Any], arrays: list[Any]) -> bool:
    """Append to the key what a value is, and to the arrays its data; False for values that can be
    neither compared nor traced."""
    kind = type(x)
    if kind is Array:
        if type(x._data) is not ndarray:
            return False  # results follow it to where it lies
        key.append(id(x.aval))  # its plan keeps the type alive, so that no other one is there
        arrays.append(x._data)
    elif kind in STATIC:
        key += (kind, x)
    elif kind is float:
        key.append(kind)
        arrays.append(dtypes.coerce_python_scalar(x))
    elif kind is tuple or kind is list:
        key += (kind, len(x))
        return all([_describe(item, key, arrays) for item in x])
    else:
        return False
    return True


# ---- plans ---------------------------------------------------------------------------------------
def _learn(traces: _TraceCache, key: Any, function: Callable[..., Any], args: Any,
           kwargs: Any) -> None:
    """Note that a form of call was met; if for the second time, trace it."""
    trace = traces.get(key)
    if trace is None:
        if len(traces) >= MAX_TRACES:
            traces.clear()
        avals: list[ShapedArray] = []
        _types((args, tuple(kwargs.values())), avals)
        traces[key] = CachedTrace(avals)
    elif not (trace.untraceable or config.debug_nans or config.debug_infs
              or config.mesh is not None):  # results lie on it
        trace.untraceable = True
        try:
            jaxpr = stage(_flat(function, args, kwargs), trace.avals, "eager")
        except Exception:  # what the function says of it, it says when it is called
            return
        if not jaxpr.effects:
            _fill(trace, jaxpr)


def _flat(function: Callable[..., Any], args: Any, kwargs: Any) -> Callable[..., list[Any]]:
    def flat(*tracers: Any) -> list[Any]:
        given = iter(tracers)
        filled = _fill_leaves(args, given)
        named = {name: _fill_leaves(x, given) for name, x in kwargs.items()}
        return [function(*filled, **named)]

    return flat


def _types(x: Any, avals: list[ShapedArray]) -> None:
    """Append the types of all arrays, and of numbers that are traced."""
    if type(x) in (tuple, list):
        for item in x:
            _types(item, avals)
    elif type(x) in (Array, float):
        avals.append(to_array(x).aval)


def _fill_leaves(x: Any, tracers: Any) -> Any:
    """The same nesting with tracers in place of arrays."""
    if type(x) in (tuple, list):
        return type(x)([_fill_leaves(item, tracers) for item in x])
    return next(tracers) if type(x) in (Array, float) else x


def _fill(trace: CachedTrace, jaxpr: Jaxpr) -> None:
    """Write down the equations as they are run, constants, and where the result is found."""
    places: dict[Any, int] = {v: k for k, v in enumerate(jaxpr.invars)}
    constants: list[Any] = []

    def give(atom: Any, value: Any) -> None:
        places[atom] = len(places)
        constants.append(fetch(to_array(value)))

    for var, value in zip(jaxpr.constvars, jaxpr.consts, strict=True):
        give(var, value)
    for atom in [*[a for e in jaxpr.eqns for a in e.invars], *jaxpr.outvars]:
        if type(atom) is Literal and atom not in places:
            give(atom, atom.val)
    steps: list[Any] = []
    for eqn in jaxpr.eqns:
        reads = [places[a] for a in eqn.invars]
        for var in eqn.outvars:
            places[var] = len(places)
        steps.append((_step(eqn), reads, eqn.outvars[0].aval, eqn.primitive.multiple_results,
                      [v.aval for v in eqn.outvars]))
    (out,) = jaxpr.outvars
    trace.constants, trace.out, trace.aval, trace.steps = constants, places[out], out.aval, steps


def _step(eqn: Eqn) -> Callable[..., Any]:
    """The `eval` of an equation on NumPy arrays."""
    rule = functools.partial(eqn.primitive.rule("eval"), **eqn.params)
    if not eqn.primitive.higher_order:
        return rule
    avals = [a.aval for a in eqn.invars]
    return lambda *data: [fetch(x) for x in rule(*map(Array, data, avals))]


def _run(trace: CachedTrace, arrays: list[Any]) -> Any:
    values = arrays + trace.constants
    for step, reads, aval, multiple, avals in trace.steps:
        data = step(*[values[k] for k in reads])
        if multiple:
            values += map(check_eval_result, data, avals)
        elif type(data) is np.ndarray and data.dtype == aval.storage:
            values.append(data)
        else:
            values.append(check_eval_result(data, aval))
    return values[trace.out]
