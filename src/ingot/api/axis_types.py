"""Arrays divided anew over Explicit axes, and functions in which axes of the mesh change type."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ingot.config import config
from ingot.core.interpreter import to_array, typeof
from ingot.core.mesh import AbstractMesh, AxisType, abstract_mesh
from ingot.core.sharding import NamedSharding
from ingot.primitives.constraint import reshard as bind_reshard, reshard_p
from ingot.primitives.out_sharding import check_divides, explicit_sharding
from ingot.tree import broadcast_prefix, tree_flatten, tree_leaves, tree_map, tree_unflatten
from ingot.util import update_wrapper


def reshard(x: Any, out_shardings: Any) -> Any:
    """Return the same pytree of arrays, divided in another way over Explicit axes, as types say.

    out_shardings: a NamedSharding, a PartitionSpec for the mesh that is set, or a pytree of them
    that is a prefix of x -> the pytree. Raises ValueError for None, for a spec where no mesh is
    set, for axes that are not Explicit, and where an axis cannot be divided into equal parts.

    >>> place = ingot.NamedSharding(ingot.make_mesh((2,), "x"), ingot.P("x"))
    >>> ingot.reshard(np.arange(4), place).aval
    ShapedArray(int64[4@x])
    """
    leaves, tree = tree_flatten(x)
    places = broadcast_prefix(out_shardings, x, is_leaf=lambda s: s is None)
    return tree_unflatten(tree, [_reshard(to_array(leaf), place)
                                 for leaf, place in zip(leaves, places, strict=True)])


def _reshard(x: Any, place: Any) -> Any:
    if place is None or (isinstance(place, NamedSharding) and place.mesh.empty):
        raise ValueError("reshard: it should only be used with out_shardings that have a mesh, got"
                         f" {place}; pass a NamedSharding or a PartitionSpec")
    sharding = explicit_sharding("reshard", place, check_mesh=False)
    check_divides("reshard", x.aval, sharding)
    return bind_reshard(x, sharding)


# ---- axes of another type ------------------------------------------------------------------------
def auto_axes(fun: Callable[..., Any] | None = None, /, *, axes: Any = None,
              out_sharding: Any = None) -> Any:
    """Let the compiler divide arrays in a function: axes of the mesh are Auto in it.

    fun: arrays -> arrays; without it, a decorator. axes: names, by default all. out_sharding: how
    results are divided by Explicit axes again, a NamedSharding, a PartitionSpec, or a prefix of the
    results' tree; else a keyword argument of the calls. Raises TypeError if it is not given,
    ValueError where it does not fit the mesh, NotImplementedError if an axis is Manual.

    >>> with ingot.set_mesh(ingot.make_mesh((2,), "x")):
    ...     ingot.sharding.auto_axes(lambda x: x[::-1], out_sharding=ingot.P("x"))(np.arange(2))
    Array([1, 0], dtype=int64)
    """
    if fun is None:
        return functools.partial(auto_axes, axes=axes, out_sharding=out_sharding)

    def automatic(*args: Any, **kwargs: Any) -> Any:
        places = _sharding_of_call("out_sharding", out_sharding, kwargs)
        before, inside = _meshes("auto_axes", axes, AxisType.Auto, places)
        if before.empty or before == inside:
            return fun(*args, **kwargs)
        with config.override("abstract_mesh", inside):
            out = fun(*tree_map(lambda x: _retyped(x, inside), args), **kwargs)
        return reshard(out, places)

    return update_wrapper(automatic, fun)


def explicit_axes(fun: Callable[..., Any] | None = None, /, *, axes: Any = None,
                  in_sharding: Any = None) -> Any:
    """Let types say how arrays are divided in a function: axes of the mesh are Explicit in it.

    fun: arrays -> arrays; without it, a decorator. axes: names, by default all. in_sharding: how
    arguments are divided, a NamedSharding, a PartitionSpec, or a prefix of the arguments' tuple;
    else a keyword argument of the calls. Raises TypeError if it is not given, ValueError if no mesh
    is set.

    >>> mesh = ingot.make_mesh((2,), "x", axis_types=ingot.sharding.AxisType.Auto)
    >>> with ingot.set_mesh(mesh):
    ...     ingot.sharding.explicit_axes(lambda x: -x, in_sharding=ingot.P("x"))(np.arange(2))
    Array([ 0, -1], dtype=int64)
    """
    if fun is None:
        return functools.partial(explicit_axes, axes=axes, in_sharding=in_sharding)

    def explicit(*args: Any, **kwargs: Any) -> Any:
        places = _sharding_of_call("in_sharding", in_sharding, kwargs)
        before, inside = _meshes("explicit_axes", axes, AxisType.Explicit, places)
        if before.empty:
            raise ValueError("explicit_axes: Context mesh cannot be empty; use set_mesh")
        with config.override("abstract_mesh", inside):
            out = fun(*reshard(args, places), **kwargs)
        return tree_map(lambda x: _retyped(x, before), out)

    return update_wrapper(explicit, fun)


def _sharding_of_call(name: str, given: Any, kwargs: dict[str, Any]) -> Any:
    if given is not None:
        return given
    if name not in kwargs:
        raise TypeError(f"Missing required keyword argument: {name!r}; give it to the call or the"
                        " decorator")
    return kwargs.pop(name)


def _meshes(title: str, axes: Any, kind: AxisType, shardings: Any
            ) -> tuple[AbstractMesh, AbstractMesh]:
    """Return the mesh in force, else that of the shardings, and that with axes of another type."""
    mesh = abstract_mesh()
    for sharding in tree_leaves(shardings):
        if isinstance(sharding, NamedSharding):
            if not mesh.empty and mesh != sharding.mesh.abstract_mesh:
                raise ValueError(f"{title}: Context mesh {mesh} must match the mesh passed to"
                                 f" shardings, {sharding.mesh}; use set_mesh")
            mesh = sharding.mesh.abstract_mesh
    names = mesh.axis_names if axes is None else axes if isinstance(axes, tuple) else (axes,)
    for name in names:
        if mesh._name_to_type[name] is AxisType.Manual:
            raise NotImplementedError(f"{title}: Going from `Manual` AxisType to `Auto` or"
                                      f" `Explicit` AxisType is not allowed, got axis {name!r} of"
                                      f" {mesh}; do it outside of shard_map")
    return mesh, mesh.update_axis_types(dict.fromkeys(names, kind))


def _retyped(x: Any, mesh: AbstractMesh) -> Any:
    """Return an array whose type says what the axes of this mesh that are Explicit divide."""
    x = to_array(x)
    aval = typeof(x)
    if aval._sharding is None:
        return x
    spec = aval._sharding.spec
    explicit = frozenset(mesh.explicit_axes)
    marks = {"unreduced": spec.unreduced & explicit, "reduced": spec.reduced & explicit}
    return reshard_p.bind(x, dst_sharding=NamedSharding(mesh, spec.update(**marks)))

