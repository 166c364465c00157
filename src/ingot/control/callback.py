"""Calls of Python functions from programs: pure_callback, io_callback, debug callbacks."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.calls import check_call
from ingot.control.custom_common import leaves_and_statics
from ingot.control.mapping import map as lax_map
from ingot.control.tracing import (
    check_callable,
    flatten_arrays,
    function_name,
    leaf_paths,
    tree_differences,
)
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.effects import (
    DEBUG,
    IO,
    ORDERED_DEBUG,
    ORDERED_IO,
    Effect,
)
from ingot.core.interpreter import to_array, typeof
from ingot.core.primitive import NoRule, Primitive, PythonFallback
from ingot.core.tracebacks import api_boundary
from ingot.errors import HostCallError, UndefinedRuleError
from ingot.primitives.movement import add_axis, move_axis
from ingot.primitives.slicing import index_in_dim, stack
from ingot.transforms.batch import matchaxis
from ingot.tree import PyTreeDef, tree_flatten, tree_unflatten

VMAP_METHODS = ("sequential", "sequential_unrolled", "expand_dims", "broadcast_all")
PYTHON = PythonFallback("runs a Python function", retains_inputs=True)
NO_TRANSPOSE = NoRule("it runs a Python function, of which nothing is known")


# ---- flat callbacks -----------------------------------------------------------------------------
class FlatCallback:
    """A Python function on flat lists of NumPy arrays, checked against the types promised."""

    def __init__(self, what: str, callback: Callable[..., Any], in_tree: PyTreeDef,
                 out_tree: PyTreeDef):
        self.what, self.callback_func = what, callback
        self.in_tree, self.out_tree = in_tree, out_tree
        self.__name__ = function_name(callback)

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """The leaves of what the function returns; what it raises is the cause of HostCallError."""
        args, kwargs = tree_unflatten(self.in_tree, [_readonly(x) for x in arrays])
        try:
            result = self.callback_func(*args, **kwargs)
        except (HostCallError, FloatingPointError):  # the caller knows them, see `raise_error`
            raise
        except Exception as error:
            raise HostCallError.of(f"{self.what}: {self.__name__}", error) from error
        leaves, tree = tree_flatten(result)
        if len(leaves) != self.out_tree.num_leaves:  # only that matters, as in JAX
            raise TypeError(
                f"{self.what}: {self.__name__} must return the structure of result_shape_dtypes:\n"
                f"{tree_differences(self.out_tree, tree, 'result')}")
        return leaves

    def results(self, arrays: Sequence[np.ndarray], avals: Sequence[ShapedArray]
                ) -> list[np.ndarray]:
        """Results of the types promised; TypeError names the one that is not."""
        outs = []
        for i, (x, aval) in enumerate(zip(self(*arrays), avals, strict=True)):
            known = isinstance(x, Array) or not hasattr(x, "__array__")
            data = fetch(to_array(x if known else np.asarray(x)))
            if data.shape != aval.shape or not _fits(data.dtype, aval.dtype):
                raise TypeError(
                    f"{self.what}: {self.__name__} must return the types of result_shape_dtypes: at"
                    f" result{leaf_paths(self.out_tree)[i]} expected {aval}, got"
                    f" {ShapedArray(data.shape, data.dtype)}")
            outs.append(data.astype(aval.storage))
        return outs


def _fits(found: Any, promised: Any) -> bool:
    canonical = dtypes.canonicalize_dtype
    return found == promised or canonical(found) == canonical(promised)


def _readonly(x: np.ndarray) -> np.ndarray:
    view = x.view()
    view.flags.writeable = False
    return view


def _result_types(what: str, result_shape_dtypes: Any) -> tuple[tuple[ShapedArray, ...], PyTreeDef]:
    """Types and structure of the results."""
    leaves, tree = tree_flatten(result_shape_dtypes)
    avals = []
    for i, leaf in enumerate(leaves):
        if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
            try:
                leaf = typeof(leaf)
            except TypeError:
                raise TypeError(
                    f"{what}: result_shape_dtypes must hold objects with a shape and a dtype, such"
                    f" as ShapeDtypeStruct, got {leaf!r:.60} at result{leaf_paths(tree)[i]}"
                ) from None
        dtype = leaf.dtype if isinstance(leaf.dtype, dtypes.KeyDType) \
            else dtypes.canonicalize_dtype(leaf.dtype)
        avals.append(ShapedArray(leaf.shape, dtype))
    return tuple(avals), tree


# ---- batching -----------------------------------------------------------------------------------
def _one_by_one(primitive: Primitive, args: Sequence[Any], dims: Sequence[Any], params: Any) -> Any:
    """One call for each entry, in order, in a loop."""
    mapped = [d is not None for d in dims]
    entries = [move_axis(x, d, 0) for x, d in zip(args, dims, strict=True) if d is not None]

    def one(xs: Sequence[Any]) -> list[Any]:
        rest = iter(xs)
        return primitive.bind(*(next(rest) if m else x
                                for x, m in zip(args, mapped, strict=True)), **params)

    outs = lax_map(one, entries)
    return outs, [0] * len(outs)


def _unroll(primitive: Primitive, args: Sequence[Any], dims: Sequence[Any], params: Any) -> Any:
    size = next(typeof(x).shape[d] for x, d in zip(args, dims, strict=True) if d is not None)
    rows = [primitive.bind(*(x if d is None else index_in_dim(x, i, d, keepdims=False)
                             for x, d in zip(args, dims, strict=True)), **params)
            for i in range(size)]
    if not rows:
        return _one_by_one(primitive, args, dims, params)
    outs = [stack(column, 0) for column in zip(*rows, strict=True)]
    return outs, [0] * len(outs)


def _pure_batch(args: Sequence[Any], dims: Sequence[Any], *, vmap_method: str | None,
                result_avals: Sequence[ShapedArray], **params: Any) -> Any:
    params |= {"vmap_method": vmap_method, "result_avals": result_avals}
    if vmap_method is None:
        raise UndefinedRuleError(
            f"pure_callback: {params['callback'].__name__} cannot be mapped without vmap_method;"
            f" give one of {VMAP_METHODS}, e.g. 'sequential' to call it once for each entry")
    if vmap_method == "sequential":
        return _one_by_one(pure_callback_p, args, dims, params)
    if vmap_method == "sequential_unrolled":
        return _unroll(pure_callback_p, args, dims, params)
    size = next(typeof(x).shape[d] for x, d in zip(args, dims, strict=True) if d is not None)
    if vmap_method == "broadcast_all":
        placed = [matchaxis(x, d, 0, size) for x, d in zip(args, dims, strict=True)]
    else:
        placed = [add_axis(x, 0, 1) if d is None else move_axis(x, d, 0)
                  for x, d in zip(args, dims, strict=True)]
    avals = tuple(a.update(shape=(size, *a.shape)) for a in result_avals)
    outs = pure_callback_p.bind(*placed, **{**params, "result_avals": avals})
    return outs, [0] * len(outs)


# ---- pure_callback ------------------------------------------------------------------------------
def _results(*arrays: np.ndarray, callback: FlatCallback, result_avals: Sequence[ShapedArray],
             **params: Any) -> list[np.ndarray]:
    return callback.results(arrays, result_avals)


def _no_derivative(what: str) -> Callable[..., Any]:
    def rule(primals: Any, tangents: Any, *, callback: Any, **params: Any) -> Any:
        raise UndefinedRuleError(
            f"{what}: {callback.__name__} is a Python function whose derivative is not known; wrap"
            " the call in a function with custom_jvp or custom_vjp, or use stop_gradient")

    return rule


pure_callback_p = Primitive(
    "pure_callback", multiple_results=True,
    type=lambda *avals, result_avals, **params: list(result_avals), eval=_results,
    jvp=_no_derivative("pure_callback"), transpose=NO_TRANSPOSE, batch=_pure_batch, kernel=PYTHON)


def pure_callback(callback: Callable[..., Any], result_shape_dtypes: Any, *args: Any,
                  sharding: Any = None, vmap_method: str | None = None, **kwargs: Any) -> Any:
    """Call a Python function without side effects, also from compiled code.

    callback: gets read-only NumPy arrays, returns what has the structure, shapes and dtypes of
    `result_shape_dtypes`; it may be called any number of times, or not at all. args, kwargs:
    pytrees of arrays. sharding: without effect. vmap_method: how vmap calls it: 'sequential' once
    for each entry, 'expand_dims' and 'broadcast_all' once with a leading axis in all arguments (of
    length 1 in those not mapped, or repeated); by default not. -> arrays of these types. Raises
    TypeError when the results have others.

    >>> ingot.jit(lambda x: ingot.pure_callback(np.sin, x, x))(0.0)
    Array(0., dtype=float64)
    """
    check_callable("pure_callback", "callback", callback)
    check_call("pure_callback", callback, args, kwargs)
    if vmap_method is not None and vmap_method not in VMAP_METHODS:
        raise ValueError(f"pure_callback: vmap_method must be one of {VMAP_METHODS} or None, got"
                         f" {vmap_method!r}")
    leaves, in_tree = flatten_arrays("pure_callback", "the arguments", (args, kwargs))
    avals, out_tree = _result_types("pure_callback", result_shape_dtypes)
    outs = pure_callback_p.bind(
        *leaves, callback=FlatCallback("pure_callback", callback, in_tree, out_tree),
        result_avals=avals, sharding=sharding, vmap_method=vmap_method)
    return tree_unflatten(out_tree, outs)


# ---- io_callback --------------------------------------------------------------------------------
def _io_batch(args: Sequence[Any], dims: Sequence[Any], *, ordered: bool, **params: Any) -> Any:
    if ordered:
        raise UndefinedRuleError("io_callback: ordered callbacks cannot be mapped by vmap; use"
                                 " ordered=False, or lax.map")
    return _one_by_one(io_callback_p, args, dims, {**params, "ordered": ordered})


io_callback_p = Primitive(
    "io_callback", multiple_results=True,
    type=lambda *avals, result_avals, **params: list(result_avals), eval=_results,
    jvp=_no_derivative("io_callback"), transpose=NO_TRANSPOSE, batch=_io_batch, kernel=PYTHON,
    effects=lambda *, ordered, **params: frozenset([ORDERED_IO if ordered else IO]))


def io_callback(callback: Callable[..., Any], result_shape_dtypes: Any, *args: Any,
                sharding: Any = None, ordered: bool = False, **kwargs: Any) -> Any:
    """Call a Python function with side effects, also from compiled code; exactly once.

    callback: gets NumPy arrays, returns what has the structure, shapes and dtypes of
    `result_shape_dtypes`. args, kwargs: pytrees of arrays. sharding: without effect. ordered:
    whether calls keep the order of the program -> arrays of these types. Raises TypeError when the
    results have others.

    >>> ingot.experimental.io_callback(print, None, 3)
    3
    """
    check_callable("io_callback", "callback", callback)
    check_call("io_callback", callback, args, kwargs)
    leaves, in_tree = flatten_arrays("io_callback", "the arguments", (args, kwargs))
    avals, out_tree = _result_types("io_callback", result_shape_dtypes)
    outs = io_callback_p.bind(
        *leaves, callback=FlatCallback("io_callback", callback, in_tree, out_tree),
        result_avals=avals, sharding=sharding, ordered=bool(ordered))
    return tree_unflatten(out_tree, outs)


# ---- debug callbacks ----------------------------------------------------------------------------
def _debug_eval(*arrays: np.ndarray, callback: Any, **params: Any) -> list[Any]:
    callback(*[_readonly(x) for x in arrays])
    return []


def _debug_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    return debug_callback_p.bind(*primals, **params), []


debug_callback_p = Primitive(
    "debug_callback", multiple_results=True, type=lambda *avals, **params: [], eval=_debug_eval,
    jvp=_debug_jvp, batch=lambda args, dims, **params: _one_by_one(
        debug_callback_p, args, dims, params),
    transpose=NoRule("what a linear function prints has no transpose; print in the backward rule"
                     " of a custom_vjp"),
    kernel=PYTHON, effects=lambda *, effect, **params: frozenset([effect]))


@api_boundary
def debug_callback(callback: Callable[..., Any] | None = None, *args: Any, ordered: bool = False,
                   partitioned: bool = False, **kwargs: Any) -> Any:
    """Call a Python function for its side effect, also from compiled and differentiated code.

    callback: gets NumPy arrays for the arrays among its arguments, other things as they are; its
    result is ignored; without it, `debug.callback(ordered=True)(callback, ...)` names the options
    first. args, kwargs: its arguments. ordered: whether calls keep the order of the program.
    partitioned: whether, in programs over a mesh, each device calls it with its parts -> None.
    Under vmap it is called for each entry.

    >>> debug.callback(print, 3)
    3
    """
    if callback is None:
        check_options_alone("debug_callback", args, kwargs)
        return functools.partial(debug_callback, ordered=ordered, partitioned=partitioned)
    check_callable("debug.callback", "callback", callback)
    check_call("debug.callback", callback, args, kwargs)
    leaves, rebuild = leaves_and_statics((args, kwargs))
    function: Callable[..., Any] = callback

    direct = not kwargs and len(leaves) == len(args) and all(map(operator.is_, leaves, args))

    def flat(*arrays: np.ndarray) -> None:
        if direct:  # it may be called at each step of a loop
            function(*arrays)
            return
        positional, named = rebuild(arrays)
        function(*positional, **named)

    flat.__name__ = function_name(callback)
    effect: Effect = ORDERED_DEBUG if ordered else DEBUG
    debug_callback_p.bind(*map(to_array, leaves), callback=flat, effect=effect,
                          partitioned=bool(partitioned))
    return None


def check_options_alone(name: str, args: Any, kwargs: Any) -> None:
    """Raise TypeError if a call that only names options has arguments as well."""
    if args or kwargs:
        raise TypeError(f"{name} received unexpected arguments in the two-call form: {args} and"
                        f" {kwargs}; they belong into the second call")


__all__ = ["FlatCallback", "debug_callback", "debug_callback_p", "io_callback", "io_callback_p",
           "pure_callback", "pure_callback_p"]
