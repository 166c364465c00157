"""Functions that say themselves how they are divided over the devices of a mesh."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ingot.api.arguments import check_callable, function_name, to_arrays
from ingot.api.shapes import ShapeDtypeStruct
from ingot.control.custom_partitioning import Partitioning, custom_partitioning_p
from ingot.core.interpreter import Tracer
from ingot.core.sharding_rules import (
    BATCHING,
    ArrayMapping,
    CompoundFactor,
    SdyShardingRule,
    parse_rule,
)
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.errors import UnexpectedTracerError
from ingot.transforms.stage import hoist_traced_constants, stage
from ingot.tree import PyTreeDef, tree_flatten, tree_leaves, tree_unflatten
from ingot.util import wraps


class custom_partitioning:  # noqa: N801 - a decorator
    """Make a function whose program on several devices is what `def_partition` says.

    fun: from pytrees of arrays to the same; static_argnums: positions of arguments that are passed
    as they are. On one device, and where it is not known how its arguments lie, it is `fun`.

    >>> from ingot.experimental.custom_partitioning import custom_partitioning
    >>> f = custom_partitioning(jnp.sin)
    >>> def partition(mesh, args, out):
    ...     return mesh, jnp.sin, out.sharding, (args[0].sharding,)
    >>> f.def_partition(partition, sharding_rule="... -> ...") is partition
    True
    >>> f(0.0)
    Array(0., dtype=float64, weak_type=True)
    """

    def __init__(self, fun: Callable[..., Any], static_argnums: Any = ()):
        check_callable("custom_partitioning", fun)
        self.fun = fun
        nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
        self.static_argnums = nums
        self.partition: Callable[..., Any] | None = None
        wraps(fun)(self)

    def def_partition(self, partition: Callable[..., Any],
                      infer_sharding_from_operands: Callable[..., Any] | None = None,
                      propagate_user_sharding: Callable[..., Any] | None = None,
                      decode_shardings: bool = True, sharding_rule: Any = None,
                      **options: Any) -> Callable[..., Any]:
        """Say how the function is divided.

        partition: partition(*static, mesh, args, results) -> (mesh, function of the parts,
        shardings of results, shardings of args), given trees of ShapeDtypeStruct with shardings.
        sharding_rule: which axes are the same, an `SdyShardingRule`, its text with its `options`,
        or a function like `partition` that returns one -> partition. Rules of XLA's older
        partitioner, the other arguments, stay unused.
        """
        self.partition, self._options = partition, options
        self._only_older = sharding_rule is None and (
            infer_sharding_from_operands or propagate_user_sharding) is not None
        self.sharding_rule = sharding_rule
        if isinstance(sharding_rule, str):
            self.sharding_rule = parse_rule(sharding_rule, **options)
        return partition

    def _rule(self, static: tuple[Any, ...], *given: Any) -> SdyShardingRule | None:
        rule, options = self.sharding_rule, {}
        if callable(rule):
            rule = rule(*static, *given)
            rule, options = rule if isinstance(rule, tuple) else (rule, {})
            rule = parse_rule(rule, **options) if isinstance(rule, str) else rule
        if not isinstance(rule, SdyShardingRule | None):
            raise ValueError("sharding_rule callable must produce either an SdyShardingRule object"
                             f" or an Einsum-like notation string, got {rule!r:.80}")
        return rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the function."""
        title = f"custom_partitioning of {function_name(self.fun)}"
        if self.partition is None:
            raise ValueError(f"{title}: it is not said how it is divided; call def_partition")
        if self._only_older:
            raise NotImplementedError(
                f"{title}: Shardy is used, but only sharding propagation callbacks are given:"
                " provide sharding_rule to migrate to Shardy")
        bound = inspect.signature(self.fun).bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.args
        static = tuple(given[k] for k in self.static_argnums)
        if any(isinstance(x, Tracer) for x in tree_leaves(static)):
            raise UnexpectedTracerError(f"{title}: a static argument is traced; leave its position"
                                        " out of static_argnums")
        places = [k for k in range(len(given)) if k not in self.static_argnums]
        leaves, tree = tree_flatten(tuple(given[k] for k in places))
        leaves = to_arrays("custom_partitioning", self.fun, given, {}, leaves)
        return self._bind(title, given, static, places, leaves, tree)

    def _bind(self, title: str, given: tuple[Any, ...], static: tuple[Any, ...],
              places: list[int], leaves: list[Any], tree: PyTreeDef) -> Any:
        out_trees: list[PyTreeDef] = []

        def flat(*values: Any) -> list[Any]:
            full = list(given)
            for k, x in zip(places, tree_unflatten(tree, values), strict=True):
                full[k] = x
            outs, out_tree = tree_flatten(self.fun(*full))
            out_trees.append(out_tree)
            return to_arrays("custom_partitioning", self.fun, (), {}, outs)

        call, traced = hoist_traced_constants(
            stage(flat, [x.aval for x in leaves], function_name(self.fun)))
        if traced:
            raise UnexpectedTracerError(f"{title}: it closes over a traced value of type"
                                        f" {traced[0].aval}; pass it as an argument")
        partition: Any = self.partition
        outs = custom_partitioning_p.bind(*leaves, call=call, partitioning=Partitioning(
            lambda *about: partition(*static, *about), lambda *about: self._rule(static, *about),
            ShapeDtypeStruct, tree, out_trees[-1]))
        return tree_unflatten(out_trees[-1], outs)


__all__ = ["BATCHING", "ArrayMapping", "CompoundFactor", "SdyShardingRule", "custom_partitioning",
           "custom_partitioning_p"]

_hide_frames_of(__name__)
