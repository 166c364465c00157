"""shard_map: a function of the parts of arrays, each part for a device of a mesh."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from ingot.api.arguments import argument_names, check_callable, function_name
from ingot.config import config
from ingot.control.shard_map import parts_program, shard_map_p
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import axis_sizes
from ingot.core.interpreter import Tracer, to_array
from ingot.core.mesh import AbstractMesh, BaseMesh, Mesh, abstract_mesh, concrete_mesh
from ingot.core.sharding import NamedSharding
from ingot.core.specs import PartitionSpec, names_of
from ingot.transforms.stage import hoist_traced_constants
from ingot.tree import PyTreeDef, broadcast_prefix, tree_flatten, tree_leaves, tree_unflatten
from ingot.util import wraps


class Infer:
    """Stands for `in_specs` where arguments' types say how they are divided; there is one."""

    def __repr__(self) -> str:
        return "Infer"


INFER = Infer()


def _is_spec(x: Any) -> bool:
    return x is None or isinstance(x, PartitionSpec)


def _check_specs(title: str, what: str, specs: Any, manual: frozenset[Any]) -> None:
    """Raise TypeError for leaves that are no specs, ValueError for axes that are not Manual."""
    for spec in tree_leaves(specs, is_leaf=_is_spec):
        if not _is_spec(spec):
            raise TypeError(f"{title}: {what} argument must be a pytree of `PartitionSpec`"
                            f" instances, got {spec!r:.60} of type {type(spec).__name__}")
        for name in () if spec is None else (*spec.names(), *spec.unreduced, *spec.reduced):
            if name not in manual:
                raise ValueError(f"{title}: {what} argument must refer to an axis marked as manual"
                                 f" ({set(manual)}), but {spec!r} refers to {name!r}")


def _prefix(title: str, what: str, specs: Any, values: Any) -> list[Any]:
    try:
        return broadcast_prefix(specs, values, is_leaf=_is_spec)
    except ValueError as error:
        raise ValueError(f"pytree structure error: {title}: {what} must be a prefix of the"
                         f" structure of what it is for: {error}") from None


class _Call:
    """A function with the mesh over which, and the specs by which, its arguments are divided."""

    def __init__(self, fun: Callable[..., Any], mesh: Any, in_specs: Any, out_specs: Any,
                 axis_names: Any, check_vma: bool):
        self.fun, self.given_mesh, self.check_vma = fun, mesh, check_vma
        self.in_specs, self.out_specs, self.axis_names = in_specs, out_specs, axis_names
        self.title = f"shard_map of {function_name(fun)}"
        self._known: dict[Any, Any] = {}
        if mesh is not None:
            self._check(mesh)

    # ---- the mesh --------------------------------------------------------------------------------
    def _mesh(self) -> BaseMesh:
        if self.given_mesh is not None:
            return self.given_mesh
        context = abstract_mesh()
        if context.empty:
            raise ValueError(f"{self.title}: The context mesh cannot be empty; which mesh it is for"
                             " must be said, by mesh= or by set_mesh")
        mesh = concrete_mesh()
        return mesh if mesh.abstract_mesh == context else context

    def _manual(self, mesh: BaseMesh) -> frozenset[Any]:
        names = frozenset(self.axis_names or mesh.axis_names)
        if not names <= set(mesh.axis_names):
            raise ValueError(f"{self.title}: shard_map requires axis_names={set(names)} to be a"
                             f" subset of mesh.axis_names={set(mesh.axis_names)}")
        taken = [n for n in names if n in mesh.manual_axes]
        return names.difference(taken) if not self.axis_names else names

    def _check(self, mesh: BaseMesh) -> frozenset[Any]:
        if not isinstance(mesh, (Mesh, AbstractMesh)):
            raise TypeError(f"{self.title}: shard_map requires a `Mesh` or an `AbstractMesh`"
                            f" instance for its mesh, got {mesh!r:.80}")
        manual = self._manual(mesh)
        if self.in_specs is not INFER:
            _check_specs(self.title, "in_specs", self.in_specs, manual)
        _check_specs(self.title, "out_specs", self.out_specs, manual)
        return manual

    # ---- specs of arguments and results ----------------------------------------------------------
    def _specs(self, mesh: BaseMesh, args: Any, leaves: Sequence[Any]) -> list[PartitionSpec]:
        if self.in_specs is INFER:
            return [self._inferred(mesh, x) for x in leaves]
        given = self.in_specs
        if isinstance(given, list):
            given = tuple(given)
        specs = [s or PartitionSpec() for s in _prefix(self.title, "in_specs", given, args)]
        for k, (x, spec) in enumerate(zip(leaves, specs, strict=True)):
            self._check_argument(mesh, args, k, x.aval, spec)
        return specs

    def _inferred(self, mesh: BaseMesh, x: Any) -> PartitionSpec:
        sharding = x.aval.sharding if isinstance(x, Tracer) else x.sharding
        if isinstance(sharding, NamedSharding) and sharding.mesh.axis_names == mesh.axis_names:
            return sharding.spec
        return PartitionSpec()

    def _check_argument(self, mesh: BaseMesh, args: Any, k: int, aval: ShapedArray,
                        spec: PartitionSpec) -> None:
        def name() -> str:
            return argument_names(self.fun, args, {})[k]

        if len(spec) > aval.ndim:
            raise ValueError(f"{self.title}: got an in_specs entry which is too long to be"
                             f" compatible with the input: {spec!r} is for {len(spec)} axes, but"
                             f" an array has {aval.ndim}: {name()} of type {aval}")
        NamedSharding(mesh, spec)  # raises if an axis of the mesh divides two axes
        for axis, (n, entry) in enumerate(zip(aval.shape, spec.padded(aval.ndim), strict=True)):
            count = math.prod(mesh.shape[m] for m in names_of(entry))
            if n % count:
                raise ValueError(
                    f"{self.title}: argument arrays have axis sizes that are not evenly divisible"
                    f" by the corresponding mesh axis sizes: axis {axis} of {name()}, of type"
                    f" {aval}, of length {n} cannot be divided into {count} equal parts over"
                    f" {names_of(entry)}; pad the array")
        said = aval.sharding.spec if aval._sharding is not None else None
        if said is not None and said.partitions != spec.padded(aval.ndim).partitions:
            raise ValueError(f"{self.title}: in_specs passed to shard_map: {spec!r} does not match"
                             f" the specs of the input: {said!r} for {name()} of type {aval}; leave"
                             " in_specs out, or reshard the argument first")

    def _results(self, mesh: BaseMesh, manual: frozenset[Any], out_tree: PyTreeDef,
                 avals: Sequence[ShapedArray]) -> list[PartitionSpec]:
        values = tree_unflatten(out_tree, avals)
        specs = [s or PartitionSpec()
                 for s in _prefix(self.title, "out_specs", self.out_specs, values)]
        for aval, spec in zip(avals, specs, strict=True):
            if len(spec) > aval.ndim:
                raise ValueError(f"{self.title}: got an out_specs entry which is too long to be"
                                 f" compatible with the output: {spec!r} is for {len(spec)} axes,"
                                 f" but a result has {aval.ndim}: it is of type {aval}")
            extra = (aval.vma & manual) - frozenset(spec.names())
            if self.check_vma and extra:
                raise ValueError(
                    f"{self.title}: got out_specs which require replication which can't be"
                    f" statically inferred given the mesh {mesh}: {spec!r} implies that a result is"
                    f" equal along {set(extra)}, but it may vary: it is of type {aval}; name these"
                    " axes in out_specs, psum over them, or set check_vma=False")
            NamedSharding(mesh, spec)
        return specs

    # ---- calls -----------------------------------------------------------------------------------
    def __call__(self, *args: Any) -> Any:
        mesh = self._mesh()
        manual = self._check(mesh)
        leaves, tree = tree_flatten(args)
        leaves = [to_array(x) for x in leaves]
        specs = self._specs(mesh, args, leaves)
        params = {"mesh": mesh, "manual_axes": manual, "check_vma": self.check_vma}
        key = (tree, tuple(specs), *[x.aval for x in leaves], mesh, manual, config.trace_key(),
               tuple(axis_sizes().items()))
        known = self._known.get(key)
        if known is None:
            known = self._trace(tree, leaves, specs, params)
            if not known[1]:
                self._known[key] = known
        jaxpr, consts, out_specs, out_tree = known
        outs = shard_map_p.bind(
            *consts, *leaves, jaxpr=jaxpr, **params, out_specs=out_specs,
            in_specs=(*[PartitionSpec()] * len(consts), *specs))
        return tree_unflatten(out_tree, outs)

    def _trace(self, tree: PyTreeDef, leaves: Sequence[Any], specs: Sequence[PartitionSpec],
               params: dict[str, Any]) -> Any:
        out_trees: list[PyTreeDef] = []

        def flat(*parts: Any) -> list[Any]:
            outs, out_tree = tree_flatten(self.fun(*tree_unflatten(tree, parts)))
            out_trees.append(out_tree)
            return [to_array(o) for o in outs]

        jaxpr, out_specs = parts_program(
            flat, [x.aval for x in leaves], function_name(self.fun), in_specs=specs,
            out_specs_of=lambda avals: self._results(params["mesh"], params["manual_axes"],
                                                     out_trees[-1], avals), **params)
        jaxpr, consts = hoist_traced_constants(jaxpr)
        return jaxpr, consts, out_specs, out_trees[-1]


def shard_map(f: Callable[..., Any] | None = None, /, *, out_specs: Any = None,
              in_specs: Any = INFER, mesh: Any = None, axis_names: Any = frozenset(),
              check_vma: bool = True, check_rep: bool = True, auto: Any = frozenset()) -> Any:
    """Map a function over the devices of a mesh; each gets its part of the arguments.

    in_specs, out_specs: PartitionSpecs, or trees of them, that say which mesh axes divide which
    axes of arrays, by default as the arguments' types say; mesh: by default the one that is set;
    axis_names: the Manual axes, by default all, to which collectives in f may refer; check_vma:
    types say what varies where; check_rep, auto: older spellings of check_vma, and of all axes but
    axis_names -> the mapped function. Raises ValueError where specs do not fit or sizes do not
    divide.

    >>> p, mesh = ingot.P("x"), ingot.make_mesh((2,), "x")
    >>> ingot.shard_map(lambda x: x - x[0], mesh=mesh, in_specs=p, out_specs=p)(np.arange(4))
    Array([0, 1, 0, 1], dtype=int64)
    """
    if f is None:
        return functools.partial(shard_map, out_specs=out_specs, in_specs=in_specs, mesh=mesh,
                                 axis_names=axis_names, check_vma=check_vma,
                                 check_rep=check_rep, auto=auto)
    check_callable("shard_map", f)
    if auto and isinstance(mesh, BaseMesh):
        axis_names = frozenset(mesh.axis_names) - frozenset(auto)
    call = _Call(f, mesh, in_specs, out_specs, frozenset(axis_names), check_vma and check_rep)
    return wraps(f)(lambda *args: call(*args))

