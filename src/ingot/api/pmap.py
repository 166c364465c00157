"""pmap: map a function over devices, each of which gets a slice of the arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ingot.api.arguments import ArgumentSelector, check_callable
from ingot.api.devices import check_devices, devices as all_devices
from ingot.api.jit import jit
from ingot.api.vmap import check_axis_spec, flat_axes, map_over
from ingot.calls import called
from ingot.control.shard_map import parts_program, shard_map_p
from ingot.core.axis_env import Axis
from ingot.core.interpreter import is_number, typeof
from ingot.core.mesh import Mesh
from ingot.core.specs import PartitionSpec
from ingot.core.tracebacks import api_boundary
from ingot.errors import IndivisibleError
from ingot.primitives.movement import reshape
from ingot.transforms.stage import hoist_traced_constants
from ingot.tree import tree_unflatten
from ingot.util import update_wrapper, wraps

_UNNAMED = "_internal_pmap_axis_name"


def _spec(dim: int | None, name: Any) -> PartitionSpec:
    """The spec of an array with a part for each device along an axis, or the same for all."""
    return PartitionSpec() if dim is None else PartitionSpec(*[None] * dim, name)


def _without_axis(x: Any, dim: int | None) -> Any:
    shape = typeof(x).shape
    return x if dim is None else reshape(x, (*shape[:dim], *shape[dim + 1:]))


def _with_axis(x: Any, dim: int | None) -> Any:
    shape = typeof(x).shape
    return x if dim is None else reshape(x, (*shape[:dim], 1, *shape[dim:]))


def _mesh(devices: Sequence[Any] | None, axis: Axis, name: Any) -> Mesh:
    """A mesh with a device for each slice; ValueError unless there are as many."""
    found = list(all_devices() if devices is None else devices)
    if len(found) != axis.size and devices is not None:
        raise ValueError(f"pmap: devices must have an entry for each of {axis.size} slices of the"
                         f" mapped axis, got {len(found)}")
    if len(found) < axis.size:
        raise IndivisibleError(
            f"pmap: compiling a computation that requires {axis.size} logical devices, one for each"
            f" slice of the mapped axis, but only {len(found)} devices are available; the"
            " flag num_cpu_devices gives the CPU more names, and vmap needs none")
    return Mesh(np.array(found[:axis.size], dtype=object), (name,))


def _on_devices(devices: Sequence[Any] | None, out_axes: Any, flat: Any, axis: Axis,
                args: Sequence[Any], dims: Sequence[int | None]
                ) -> tuple[list[Any], list[int | None]]:
    """Run a function of flat slices on each device by its own slice: `shard_map` of it."""
    name = _UNNAMED if axis.name is None else axis.name
    mesh = _mesh(devices, axis, name)
    fixed = [d is None and is_number(x) for x, d in zip(args, dims, strict=True)]
    given = [(x, d) for x, d, f in zip(args, dims, fixed, strict=True) if not f]
    wanted: list[int | None] = []

    def part(*slices: Any) -> list[Any]:
        rest = iter([_without_axis(x, d) for x, (_, d) in zip(slices, given, strict=True)])
        outs = flat(*[x if f else next(rest) for x, f in zip(args, fixed, strict=True)])
        result = tree_unflatten(flat.out_tree, outs)
        axes = tuple(out_axes) if isinstance(out_axes, list) and isinstance(result, tuple) else (
            out_axes)
        places = flat_axes("pmap", "out_axes", axes, result, "the result")
        wanted[:] = [d if d is None else _placed(d, x) for d, x in zip(places, outs, strict=True)]
        return [_with_axis(x, d) for x, d in zip(outs, wanted, strict=True)]

    params: Any = {"mesh": mesh, "newly_manual_axes": frozenset([name]), "check_vma": False}
    in_specs = tuple(_spec(d, name) for _, d in given)
    jaxpr, out_specs = parts_program(
        part, [typeof(x) for x, _ in given], "pmap", in_specs=in_specs, **params,
        out_specs_of=lambda avals: [_spec(d, name) for d in wanted])
    jaxpr, consts = hoist_traced_constants(jaxpr)
    outs = shard_map_p.bind(
        *consts, *(x for x, _ in given), jaxpr=jaxpr, **params, out_specs=out_specs,
        in_specs=(*[PartitionSpec()] * len(consts), *in_specs))
    return list(outs), list(wanted)


def _placed(axis: int, x: Any) -> int:
    """An axis of a result, counted from the front; ValueError if it cannot have it."""
    ndim = typeof(x).ndim + 1
    if not -ndim <= axis < ndim:
        raise ValueError(f"pmap: out_axes asks for axis {axis} of a result of {ndim} axes with the"
                         f" mapped one, whose slices are of type {typeof(x)}")
    return axis % ndim


def pmap(fun: Callable[..., Any] | None = None, axis_name: Any = None, *, in_axes: Any = 0,
         out_axes: Any = 0, static_broadcasted_argnums: int | Iterable[int] = (),
         devices: Sequence[Any] | None = None, backend: str | None = None,
         axis_size: int | None = None, donate_argnums: int | Iterable[int] = (),
         global_arg_shapes: Any = None) -> Any:
    """Compile a function mapped over an axis of its arguments, each slice for a device.

    fun, in_axes, out_axes, axis_name, axis_size: those of `vmap`, axis 0 of all arguments by
    default; with out_axes None a result is that of the first device. static_broadcasted_argnums,
    backend, donate_argnums: static_argnums, backend, donate_argnums of `jit`. devices: as many as
    there are slices, by default the first ones. global_arg_shapes: without effect. -> a function
    of the same arguments, `jit` of a `shard_map` without checks, whose results lie on the devices.
    It raises ValueError if axes or devices are missing or sizes disagree.

    >>> ingot.pmap(lambda x: 2 * x)(np.arange(3.0)).tolist()
    [0.0, 2.0, 4.0]
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
    if devices is not None and not devices:
        raise ValueError("pmap: 'devices' argument to pmap must be non-empty, or None.")
    static = jit(fun, static_argnums=static_broadcasted_argnums)._statics
    how = functools.partial(_on_devices, devices, out_axes)
    mapped = _map_dynamic(fun, static, in_axes, out_axes, axis_name, axis_size, how)
    found = jit(mapped, static_argnums=static_broadcasted_argnums or None,
                donate_argnums=donate_argnums or None)
    found.__wrapped__ = fun
    return found


def _map_dynamic(fun: Callable[..., Any], static: ArgumentSelector, in_axes: Any, out_axes: Any,
                 axis_name: Any, axis_size: int | None, how: Callable[..., Any]
                 ) -> Callable[..., Any]:
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
        return map_over("pmap", call, axes, out_axes, axis_name, axis_size, dynamic, named, how)

    return mapped

