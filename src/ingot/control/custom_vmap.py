"""custom_vmap: functions that bring their own batching rule."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ingot.control.custom_common import (
    FlatCall,
    axes_of_call,
    call_kernel,
    call_transpose,
    call_type,
    call_user,
    check_same_structure,
    positional,
    split_arguments,
    staged,
)
from ingot.control.mapping import map as lax_map
from ingot.control.tracing import check_callable, flatten_arrays, function_name
from ingot.core.axis_env import Axis
from ingot.core.primitive import Primitive
from ingot.core.tracebacks import api_boundary
from ingot.errors import UnexpectedTracerError
from ingot.transforms.batch import batch, matchaxis
from ingot.transforms.jvp import instantiate, jvp
from ingot.tree import (
    PyTreeDef,
    broadcast_prefix,
    tree_flatten,
    tree_leaves,
    tree_unflatten,
)
from ingot.util import update_wrapper

FlatRule = Callable[[int, Sequence[bool], Sequence[Any]], tuple[list[Any], list[bool]]]
"""(size, which arguments are batched, arguments) -> results, and which of them are batched."""


# ---- custom_vmap_call ---------------------------------------------------------------------------
def _batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, call_jaxpr: Any,
           rule: FlatRule, num_consts: int, **params: Any) -> Any:
    if any(d is not None for d in dims[:num_consts]):
        raise UnexpectedTracerError(
            f"custom_vmap: {function_name(rule)} closes over a value that is mapped, and its rule"
            " says nothing about that; pass the value as an argument")
    dims = dims[num_consts:]
    placed = [matchaxis(x, d, None if d is None else 0, axis)
              for x, d in zip(args[num_consts:], dims, strict=True)]
    outs, batched = rule(axis.size, [d is not None for d in dims], placed)
    return outs, [0 if b else None for b in batched]


def _pad_tangents(nonzero: Sequence[bool], ts: Sequence[Any]) -> list[Any]:
    """The values of nonzero tangents in their places, None in those of the others."""
    rest = iter(ts)
    return [next(rest) if nz else None for nz in nonzero]


def _tangents(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
              ) -> list[Any]:
    """Tangents of all results of a function, zeros included."""
    outs, ts = jvp(fun, primals, tangents)
    return [instantiate(t, x) for t, x in zip(ts, outs, strict=True)]


def _record_mapped(rule: FlatRule, num_consts: int, size: int, batched: Sequence[bool]
                   ) -> tuple[Callable[..., Any], list[bool]]:
    """A rule as a function of flat arguments, and a list that then says which results it mapped."""
    mapped: list[bool] = []

    def run(*xs: Any) -> list[Any]:
        outs, mapped[:] = rule(size, batched[num_consts:], xs[num_consts:])
        return outs

    return run, mapped


def _map_derivative(rule: FlatRule, num_consts: int, nonzero: Sequence[bool], size: int,
                    batched: Sequence[bool], args: Sequence[Any]) -> Any:
    """The derivative of the rule for arguments none of which is mapped, itself mapped; right where
    no argument is mapped together with its tangent. None if the rule maps results all the same."""
    n = len(nonzero)
    run, mapped = _record_mapped(rule, num_consts, size, [False] * n)
    dims = [0 if b else None for b in batched]
    outs, out_dims = batch(lambda *xs: _tangents(run, xs[:n], _pad_tangents(nonzero, xs[n:])),
                           Axis(None, size), args, dims)
    if any(mapped):
        return None
    placed = [matchaxis(x, d, None if d is None else 0, size)
              for x, d in zip(outs, out_dims, strict=True)]
    return placed, [d is not None for d in out_dims]


def _derivative_of_rule(rule: FlatRule, num_consts: int, nonzero: Sequence[bool], size: int,
                        batched: Sequence[bool], args: Sequence[Any]) -> Any:
    """The derivative of the rule for arguments that are mapped where they or their tangents are."""
    n = len(nonzero)
    ts, ts_batched = _pad_tangents(nonzero, args[n:]), _pad_tangents(nonzero, batched[n:])
    either = [bool(b or t) for b, t in zip(batched[:n], ts_batched, strict=True)]
    values = [matchaxis(x, 0 if b else None, 0 if e else None, size)
              for x, b, e in zip(args[:n], batched[:n], either, strict=True)]
    ts = [None if t is None else matchaxis(t, 0 if b else None, 0 if e else None, size)
          for t, b, e in zip(ts, ts_batched, either, strict=True)]
    run, mapped = _record_mapped(rule, num_consts, size, either)
    return _tangents(run, values, ts), mapped


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, call_jaxpr: Any, rule: FlatRule,
         num_consts: int, **params: Any) -> Any:
    """The tangents are a call of their own: derivative of the function, derivative of the rule."""
    outs = custom_vmap_call_p.bind(*primals, call_jaxpr=call_jaxpr, rule=rule,
                                   num_consts=num_consts, **params)
    n = len(primals)
    nonzero = [t is not None for t in tangents]

    def call(*args: Any) -> list[Any]:
        return _tangents(lambda *xs: call_jaxpr(*xs), args[:n], _pad_tangents(nonzero, args[n:]))

    @functools.wraps(rule, assigned=("__name__",), updated=())
    def derivative(size: int, batched: Sequence[bool], args: Sequence[Any]) -> Any:
        mapped = _pad_tangents(nonzero, batched[n:])
        if not any(b and m for b, m in zip(batched[:n], mapped, strict=True)):
            found = _map_derivative(rule, num_consts, nonzero, size, batched, args)
            if found is not None:
                return found
        return _derivative_of_rule(rule, num_consts, nonzero, size, batched, args)

    call.__name__ = derivative.__name__
    out_ts = custom_vmap_call_p.bind(*primals, *(t for t in tangents if t is not None),
                                     call_jaxpr=call, rule=derivative, num_consts=0, **params)
    return outs, out_ts


custom_vmap_call_p = Primitive(
    "custom_vmap_call", multiple_results=True, higher_order=True, type=call_type,
    eval=lambda *args, call_jaxpr, **params: call_jaxpr(*args), jvp=_jvp, batch=_batch,
    transpose=call_transpose, kernel=call_kernel, stage=staged, axes_of=axes_of_call)


# ---- custom_vmap --------------------------------------------------------------------------------
def _flat_rule(fun: Any, rule: Any, in_tree: PyTreeDef, trees: list[PyTreeDef]) -> FlatRule:
    name = function_name(fun)

    def flat(size: int, batched: Sequence[bool], leaves: Sequence[Any]) -> Any:
        pair = call_user(f"custom_vmap: the rule of {name}", rule, size,
                         list(tree_unflatten(in_tree, batched)),
                         *tree_unflatten(in_tree, leaves),
                         given="(axis_size, in_batched, *arguments)")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"custom_vmap: the rule of {name} must return a pair (result, which of"
                            f" it is batched), got {pair!r:.80}")
        outs, tree = flatten_arrays(f"custom_vmap of {name}", "the result of its rule", pair[0])
        if trees:
            check_same_structure(f"custom_vmap: the rule of {name} must return a result of the"
                                 f" structure that {name} returns", trees[-1], tree, "result")
        trees.append(tree)
        flags = _flags(name, tree, pair)
        for x, b in zip(outs, flags, strict=True):
            if b and (not x.shape or x.shape[0] != size):
                raise ValueError(f"custom_vmap: the rule of {name} must return batched results with"
                                 f" a leading axis of length {size}, got {x.aval}")
        return outs, flags

    flat.__name__ = name
    return flat


def _flags(name: str, tree: PyTreeDef, pair: Any) -> list[bool]:
    try:
        return [bool(b) for b in broadcast_prefix(pair[1], pair[0])]
    except ValueError as e:
        raise TypeError(f"custom_vmap: the rule of {name} must say of each result whether it is"
                        f" batched, in the structure of the results: {e}") from None


class custom_vmap:  # noqa: N801 - a decorator
    """A function whose behavior under vmap is given by a rule.

    After `f.def_vmap(rule)`: rule(axis_size, in_batched, *args) -> (result, out_batched), where
    batched arguments and results have the mapped axis first and the flags have their structure.

    >>> from ingot.custom_batching import custom_vmap
    >>> @custom_vmap
    ... def double(x):
    ...     return 2 * x
    >>> @double.def_vmap
    ... def rule(axis_size, in_batched, x):
    ...     return 2 * x, in_batched[0]
    """

    def __init__(self, fun: Callable[..., Any]):
        check_callable("custom_vmap", "fun", fun)
        update_wrapper(self, fun)
        self.fun = fun
        self.vmap_rule: Callable[..., Any] | None = None

    def def_vmap(self, vmap_rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule; returns it."""
        check_callable("custom_vmap", "vmap_rule", vmap_rule)
        self.vmap_rule = vmap_rule
        return vmap_rule

    @api_boundary
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value of the function."""
        name = function_name(self.fun)
        if self.vmap_rule is None:
            raise AttributeError(f"custom_vmap: no rule is defined for {name}; give one with"
                                 f" {name}.def_vmap")
        split, rest = split_arguments(
            self.fun, positional("custom_vmap", self.fun, args, kwargs), ())
        leaves, in_tree = flatten_arrays(name, "its arguments", rest)
        call = FlatCall(self.fun, split, in_tree, "custom_vmap")
        rule = _flat_rule(self.fun, self.vmap_rule, in_tree, call.trees)
        outs = custom_vmap_call_p.bind(*leaves, call_jaxpr=call, rule=rule, num_consts=0)
        return tree_unflatten(call.trees[-1], outs)


def sequential_vmap(f: Callable[..., Any]) -> custom_vmap:
    """Make a function that vmap runs for one entry after another, with `lax.map`.

    f: arrays or pytrees -> the same -> a function of the same values.

    >>> ingot.custom_batching.sequential_vmap(lambda x: x + 1)(1)
    Array(2, dtype=int64, weak_type=True)
    """
    mapped = custom_vmap(f)

    @mapped.def_vmap
    def rule(axis_size: int, in_batched: Sequence[Any], *args: Any) -> Any:
        leaves, tree = tree_flatten(args)
        flags = tree_leaves(list(in_batched))
        entries = [x for x, b in zip(leaves, flags, strict=True) if b]

        def one(xs: Any) -> Any:
            rest = iter(xs)
            return f(*tree_unflatten(tree, [next(rest) if b else x
                                            for x, b in zip(leaves, flags, strict=True)]))

        out = lax_map(one, entries)
        return out, tree_unflatten(tree_flatten(out)[1], [True] * len(tree_leaves(out)))

    return mapped
