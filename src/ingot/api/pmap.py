"""pmap: map a function over devices; here over an axis of any length, its slices on threads."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ingot.api.arguments import ArgumentSelector, check_callable
from ingot.api.devices import check_devices
from ingot.api.jit import jit
from ingot.api.vmap import check_axis_spec, map_over
from ingot.calls import called
from ingot.control.scan import scan
from ingot.core.axis_env import Axis, named_axis
from ingot.core.effects import NamedAxisEffect
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import eval_jaxpr
from ingot.core.tracebacks import api_boundary
from ingot.primitives.movement import move_axis
from ingot.transforms.batch import batch, mapped_aval
from ingot.transforms.stage import stage
from ingot.tree import tree_leaves
from ingot.util import update_wrapper, wraps


def _each_slice(fun: Callable[..., Sequence[Any]], axis: Axis, args: Sequence[Any],
                dims: Sequence[int | None]) -> tuple[list[Any], list[int | None]]:
    """One program for all slices, run on each by itself, so that threads can share them out.

    Slices that communicate are one batch instead, as vmap makes it.
    """
    avals = [typeof(x) if d is None else mapped_aval(typeof(x), d)
             for x, d in zip(args, dims, strict=True)]
    with named_axis(axis):
        jaxpr = stage(fun, avals, "pmap")

    def each(*xs: Any) -> list[Any]:
        return eval_jaxpr(jaxpr, jaxpr.consts, *xs)

    if any(isinstance(e, NamedAxisEffect) and e.name == axis.name for e in jaxpr.effects):
        return batch(each, axis, args, dims)
    mapped = [move_axis(x, d, 0) for x, d in zip(args, dims, strict=True) if d is not None]

    def step(carry: tuple[()], xs: Sequence[Any]) -> Any:
        rest = iter(xs)
        return carry, each(*(x if d is None else next(rest)
                             for x, d in zip(args, dims, strict=True)))

    _, outs = scan(step, (), mapped, length=axis.size,
                   _at_once=not any(e.ordered for e in jaxpr.effects))
    return outs, [0] * len(outs)


def pmap(fun: Callable[..., Any] | None = None, axis_name: Any = None, *, in_axes: Any = 0,
         out_axes: Any = 0, static_broadcasted_argnums: int | Iterable[int] = (),
         devices: Sequence[Any] | None = None, backend: str | None = None,
         axis_size: int | None = None, donate_argnums: int | Iterable[int] = (),
         global_arg_shapes: Any = None) -> Any:
    """Compile a function mapped over an axis of its arguments, as if each slice had a device.

    fun, in_axes, out_axes, axis_name, axis_size: those of `vmap`, axis 0 of all arguments by
    default. static_broadcasted_argnums, backend, donate_argnums: static_argnums, backend,
    donate_argnums of `jit`. devices: checked alone. global_arg_shapes: without effect. -> a
    function of the same arguments. The axis may have any length; slices without collectives and
    ordered callbacks run on threads. It raises ValueError if axes are missing or sizes disagree.

    >>> ingot.pmap(lambda x: 2 * x)(np.arange(3.0))
    Array([0., 2., 4.], dtype=float64)
    """
    if fun is None:
        return functools.partial(
            pmap, axis_name=axis_name, in_axes=in_axes, out_axes=out_axes, devices=devices,
            static_broadcasted_argnums=static_broadcasted_argnums, axis_size=axis_size,
            donate_argnums=donate_argnums)
    check_callable("pmap", fun)
    check_axis_spec("pmap", "in_axes", in_axes)
    check_axis_spec("pmap", "out_axes", out_axes)
    check_devices("pmap", devices)
    static = jit(fun, static_argnums=static_broadcasted_argnums)._statics
    mapped = _map_dynamic(fun, static, in_axes, out_axes, axis_name, axis_size)
    return jit(mapped, static_argnums=static_broadcasted_argnums or None)


def _map_dynamic(fun: Callable[..., Any], static: ArgumentSelector, in_axes: Any, out_axes: Any,
                 axis_name: Any, axis_size: int | None) -> Callable[..., Any]:
    """Return the function of all arguments that maps `fun` over the dynamic ones."""
    @api_boundary
    @wraps(fun)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        dynamic, named, values = static.split(args, kwargs)

        def call(*xs: Any, **more: Any) -> Any:
            positional, keywords = static.join(xs, more, values)
            return called("pmap", fun, positional, keywords)

        axes = in_axes
        if isinstance(axes, (tuple, list)) and len(axes) == len(args):
            axes = tuple(a for i, a in enumerate(axes) if i not in static.nums)
        update_wrapper(call, fun)
        shared = any(a is None for a in tree_leaves(out_axes, lambda a: a is None))
        return map_over("pmap", call, axes, out_axes, axis_name, axis_size, dynamic, named,
                        batch if shared else _each_slice)

    return mapped

