"""shard_map: a function of the parts of arrays, each part for a device of a mesh."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ingot.api.arguments import check_callable, function_name, to_arrays
from ingot.api.shard_map_checks import (
    INFER,
    ArgumentChecks,
    ResultChecks,
    are_explicit,
    check_specs,
    checked_mesh,
    flat_specs,
    is_none,
    manual_axes,
    manual_spec,
    title_of,
)
from ingot.config import config
from ingot.control.eager_parts import EagerParts, values_at_hand
from ingot.control.shard_map import parts_program, shard_map_p
from ingot.core.array import Array
from ingot.core.axis_env import axis_sizes
from ingot.core.interpreter import current, trace_state_clean, typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.mesh import AbstractMesh, AxisType, BaseMesh, concrete_mesh
from ingot.core.placement import sharding_of
from ingot.core.sharding import NamedSharding
from ingot.core.specs import PartitionSpec
from ingot.transforms.stage import hoist_traced_constants
from ingot.tree import PyTreeDef, tree_flatten, tree_leaves, tree_map, tree_unflatten
from ingot.util import wraps


class _Call:
    """A function with the mesh over which, and the specs by which, its arguments are divided."""

    def __init__(self, fun: Callable[..., Any], mesh: Any, in_specs: Any, out_specs: Any,
                 axis_names: Any, check_vma: bool):
        self.fun, self.given_mesh, self.check_vma = fun, mesh, check_vma
        self.in_specs, self.out_specs, self.axis_names = in_specs, out_specs, axis_names
        self.title = title_of(fun)
        self._known: dict[Any, Any] = {}

    # ---- the mesh --------------------------------------------------------------------------------
    def _check(self, mesh: BaseMesh) -> frozenset[Any]:
        manual = manual_axes(self.title, mesh, self.axis_names)
        if self.in_specs is INFER:
            if not are_explicit(mesh, manual):
                raise TypeError(
                    f"{self.title}: shard_map in_specs argument must be a pytree of `PartitionSpec`"
                    " instances, but in_specs was not specified when the axes"
                    f" {set(manual)} are of types {mesh.axis_types}; only Explicit axes are part of"
                    " the arguments' types")
        elif self.in_specs is not None:
            check_specs(self.title, "in_specs", self.in_specs, manual)
        check_specs(self.title, "out_specs", self.out_specs, manual)
        return manual

    def _devices(self, mesh: BaseMesh, leaves: Sequence[Any]) -> BaseMesh:
        """Return the mesh with devices: outside of programs, those where the arguments lie."""
        if not isinstance(mesh, AbstractMesh) or not trace_state_clean():
            return mesh
        known: BaseMesh = mesh
        if concrete_mesh().abstract_mesh == mesh:
            known = concrete_mesh()
        for x in leaves:
            sharding = sharding_of(x) if type(x) is Array else None
            if not isinstance(sharding, NamedSharding) or sharding.mesh.empty:
                continue
            if sharding.mesh.shape_tuple != mesh.shape_tuple:
                raise ValueError(f"{self.title}: Mesh shape of the input"
                                 f" {sharding.mesh.shape_tuple} does not match the mesh shape"
                                 f" passed to shard_map {mesh.shape_tuple}, for an argument of"
                                 f" type {x.aval}")
            known = sharding.mesh
        if isinstance(known, AbstractMesh):
            raise ValueError(f"{self.title}: Please pass `jax.Array`s with a `NamedSharding` as"
                             " input to `shard_map` when passing `AbstractMesh` to the mesh"
                             f" argument, got {mesh}; device_put says where they lie")
        return known

    # ---- calls -----------------------------------------------------------------------------------
    def __call__(self, *args: Any) -> Any:
        mesh = checked_mesh(self.title, self.given_mesh)
        manual = self._check(mesh)
        leaves, tree = tree_flatten(args)
        if self.in_specs is INFER:
            leaves = to_arrays("shard_map", self.fun, args, {}, leaves)
            specs = [manual_spec(self.title, typeof(x).sharding.spec, manual) for x in leaves]
        else:
            given = tuple(self.in_specs) if isinstance(self.in_specs, list) else self.in_specs
            specs = flat_specs(self.title, "in_specs", given, args, is_none)
            leaves = to_arrays("shard_map", self.fun, args, {}, leaves,
                               [s is not None for s in specs])
        check = ArgumentChecks(self.title, self.fun, mesh, manual, args, self.in_specs)
        for k, (x, spec) in enumerate(zip(leaves, specs, strict=True)):
            if spec is not None:
                check(k, x.aval, spec)
        mesh = self._devices(mesh, leaves)
        params = {"mesh": mesh, "newly_manual_axes": manual, "check_vma": self.check_vma}
        jaxpr, consts, out_specs, out_tree = self._program(tree, leaves, specs, params)
        arrays = [x for x, s in zip(leaves, specs, strict=True) if s is not None]
        outs = shard_map_p.bind(
            *consts, *arrays, jaxpr=jaxpr, **params, out_specs=out_specs,
            in_specs=(*[PartitionSpec()] * len(consts), *(s for s in specs if s is not None)))
        return tree_unflatten(out_tree, outs)

    def _program(self, tree: PyTreeDef, leaves: Sequence[Any], specs: Sequence[Any],
                 params: dict[str, Any]) -> Any:
        """Return the program of parts, its closed-over tracers, specs and structure of results; it
        is kept where these are none, and all arguments are arrays."""
        if None in specs:
            return self._trace(tree, leaves, specs, params)
        key = (tree, tuple(specs), *[x.aval for x in leaves], *params.values(),
               config.trace_key(), tuple(axis_sizes().items()))
        known = self._known.get(key)
        if known is None:
            arrays = values_at_hand(leaves)
            eager = None if arrays is None else EagerParts(in_specs=specs, arrays=arrays, **params)
            known = self._trace(tree, leaves, specs, params, eager)
            if not known[1] and not (eager and eager.used):
                self._known[key] = known
        return known

    def _trace(self, tree: PyTreeDef, leaves: Sequence[Any], specs: Sequence[Any],
               params: dict[str, Any], eager: EagerParts | None = None) -> Any:
        """Trace the program that `_program` returns. Outside of other programs `eager` holds the
        values of its tracers."""
        out_trees: list[PyTreeDef] = []
        dynamic = [s is not None for s in specs]
        results = ResultChecks(self.title, params["mesh"], params["newly_manual_axes"],
                               self.check_vma, self.out_specs)

        def flat(*parts: Any) -> list[Any]:
            if eager is not None:
                eager.attach(current(), parts)
            rest = iter(parts)
            values = [next(rest) if d else x for d, x in zip(dynamic, leaves, strict=True)]
            outs, out_tree = tree_flatten(self.fun(*tree_unflatten(tree, values)))
            out_trees.append(out_tree)
            return to_arrays("shard_map", self.fun, (), {}, outs)

        jaxpr, out_specs = parts_program(
            flat, [x.aval for x, d in zip(leaves, dynamic, strict=True) if d],
            function_name(self.fun), in_specs=[s for s in specs if s is not None],
            out_specs_of=lambda avals: results(out_trees[-1], avals), **params)
        self._check_closed_over(jaxpr, params["newly_manual_axes"])
        jaxpr, consts = hoist_traced_constants(jaxpr)
        return jaxpr, consts, out_specs, out_trees[-1]

    def _check_closed_over(self, jaxpr: Jaxpr, manual: frozenset[Any]) -> None:
        """Raise NotImplementedError for constants whose types name axes that are Manual now."""
        for x in jaxpr.consts:
            where = sharding_of(x) if type(x) is Array else None
            on_mesh = isinstance(where, NamedSharding) and manual.intersection(
                where.mesh.explicit_axes)
            spec = typeof(x).sharding.spec
            if on_mesh or manual.intersection([*spec.names(), *spec.unreduced, *spec.reduced]):
                raise NotImplementedError(
                    f"{self.title}: Closing over inputs to shard_map where the input is sharded on"
                    f" `Explicit` axes is not implemented, got a value of type {typeof(x)}; pass it"
                    " as an argument")


def shard_map(f: Callable[..., Any] | None = None, /, *, out_specs: Any,
              in_specs: Any = INFER, mesh: Any = None, axis_names: Any = frozenset(),
              check_vma: bool = True) -> Any:
    """Map a function over the devices of a mesh; each gets its part of the arguments.

    in_specs, out_specs: PartitionSpecs, or trees of them, that say which mesh axes divide which
    axes of arrays, by default as the arguments' types say (None: not an array, but static); mesh:
    by default the one that is set; axis_names: the Manual axes, by default all, to which
    collectives in f may refer; check_vma: types say what varies where -> the mapped function.
    Raises ValueError where specs do not fit or sizes do not divide.

    >>> p, mesh = ingot.P("x"), ingot.make_mesh((2,), "x")
    >>> x = ingot.device_put(np.arange(4), ingot.NamedSharding(mesh, p))
    >>> ingot.shard_map(lambda x: x - x[0], mesh=mesh, out_specs=p)(x).tolist()
    [0, 1, 0, 1]
    """
    if f is None:
        return functools.partial(shard_map, out_specs=out_specs, in_specs=in_specs, mesh=mesh,
                                 axis_names=axis_names, check_vma=check_vma)
    check_callable("shard_map", f)
    call = _Call(f, mesh, in_specs, out_specs, axis_names, check_vma)
    return wraps(f)(lambda *args: call(*args))


def shard_map_auto(f: Callable[..., Any] | None = None, mesh: Any = None, in_specs: Any = INFER,
                   out_specs: Any = None, check_rep: bool = True, auto: Any = frozenset()) -> Any:
    """`shard_map` in its older form, in which the axes that stay Auto are named.

    f, mesh, in_specs, out_specs, check_rep: those of `shard_map`, check_rep being check_vma; auto:
    the axes of the mesh that are not Manual -> the mapped function, with the same errors.

    >>> p, mesh = ingot.P(), ingot.make_mesh((1,), "x")
    >>> shard_map_auto(lambda x: 2 * x, mesh, p, p)(np.int64(3))
    Array(6, dtype=int64)
    """
    if f is None:
        return functools.partial(shard_map_auto, mesh=mesh, in_specs=in_specs, out_specs=out_specs,
                                 check_rep=check_rep, auto=auto)
    names = frozenset(mesh.axis_names) - frozenset(auto) if auto else frozenset()
    return shard_map(f, mesh=mesh, in_specs=in_specs, out_specs=out_specs, axis_names=names,
                     check_vma=check_rep)


# ---- smap ----------------------------------------------------------------------------------------
def smap(f: Callable[..., Any] | None = None, /, *, in_axes: Any = INFER, out_axes: Any,
         axis_name: Any) -> Any:
    """Map a function over one axis of the mesh that is set.

    f: of parts. in_axes, out_axes: which axis of each argument or result the mesh axis divides,
    None for those that all devices have; trees of these; in_axes by default as the arguments' types
    say. axis_name: the axis of the mesh -> the mapped function. Raises TypeError for other axes,
    ValueError as `shard_map` does.

    >>> mesh = ingot.make_mesh((1,), "x", ingot.sharding.AxisType.Auto)
    >>> with ingot.set_mesh(mesh):
    ...     ingot.smap(lambda x: x + 1, in_axes=0, out_axes=0, axis_name="x")(np.arange(2)).tolist()
    [1, 2]
    """
    if f is None:
        return functools.partial(smap, in_axes=in_axes, out_axes=out_axes, axis_name=axis_name)
    if isinstance(axis_name, (list, tuple)):
        raise TypeError(f"smap: axis_name must be one name of an axis of the mesh, got {axis_name};"
                        " nest the calls")
    if not (in_axes is INFER or in_axes is None or isinstance(in_axes, (int, tuple))):
        raise TypeError("smap: in_axes must be an int, None, or a tuple with an entry for each"
                        f" positional argument, got {in_axes!r}")
    for name, axes in (("in_axes", in_axes), ("out_axes", out_axes)):
        if axes is not INFER and not all(isinstance(a, int) for a in tree_leaves(axes)):
            raise TypeError(f"smap: {name} must be an int, None, or a tree of these, got {axes!r}")
    in_specs = INFER if in_axes is INFER else _axis_specs(in_axes, axis_name)
    call = _Call(f, None, in_specs, _axis_specs(out_axes, axis_name), {axis_name}, True)

    def mapped(*args: Any) -> Any:
        mesh = checked_mesh(call.title, None)
        if in_axes is INFER and mesh._name_to_type.get(axis_name) is not AxisType.Explicit:
            raise TypeError(f"smap: in_axes was not specified when axis_name={axis_name!r} was of"
                            f" type {mesh._name_to_type.get(axis_name)}; give in_axes")
        return call(*args)

    return wraps(f)(mapped)


def _axis_specs(axes: Any, name: Any) -> Any:
    return tree_map(
        lambda a: PartitionSpec() if a is None else PartitionSpec(*[None] * a, name), axes,
        is_leaf=is_none)


__all__ = ["INFER", "shard_map", "shard_map_auto", "smap"]
