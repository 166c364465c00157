"""Casts between types that say how parts along the Manual axes of a mesh belong together.

They change no value. A value that is equal along an axis may be used as one that varies, or as one
that is reduced, whose cotangents stay unreduced; one that varies may be taken as unreduced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingot.core.axis_env import axis_size as size_in_scope, checked_axes
from ingot.core.interpreter import trace_state_clean, typeof
from ingot.core.manual import ManualAxisType
from ingot.core.mesh import abstract_mesh
from ingot.core.primitive import LINEAR, Primitive
from ingot.tree import tree_map


def as_names(axis_name: Any) -> tuple[Any, ...]:
    """One axis name or several as a tuple."""
    return tuple(axis_name) if isinstance(axis_name, (tuple, list)) else (axis_name,)


def check_names(name: str, axis_name: Any) -> tuple[Any, ...]:
    """The axis names in a tuple; NameError unless all are mapped."""
    names = as_names(axis_name)
    for n in names:
        size_in_scope(n, name)
    return names


def state(name: str, x: Any, names: tuple[Any, ...]) -> str:
    """What the type of a value says of all of these axes: "varying", "unreduced", "reduced" or
    "invarying"; ValueError if it says different things of them."""
    mat = typeof(x).mat
    found = {next((s for s in ("varying", "unreduced", "reduced") if n in getattr(mat, s)),
                  "invarying") for n in names}
    if len(found) > 1:
        raise ValueError(f"{name} can only accept axis_name which corresponds to one of varying,"
                         f" unreduced, reduced or invarying state of the input, got input type"
                         f" {typeof(x)}, axes {names} and input state {found}; cast or sum over"
                         " one axis after the other")
    return found.pop()


def _cast(name: str, change: Callable[[ManualAxisType, frozenset[Any]], ManualAxisType]
          ) -> Primitive:
    """A primitive that changes what types say of some axes, but no value. What its transpose is,
    follows from the types: see `as_cotangent`."""
    def batch(args: Any, dims: Any, *, axes: tuple[Any, ...]) -> Any:
        return primitive.bind(*args, axes=axes), dims[0]

    primitive = Primitive(
        name, type=lambda x, *, axes: x, eval=lambda x, *, axes: x, jvp=LINEAR,
        transpose=lambda ct, x, *, axes: [ct], batch=batch, kernel=lambda build, x, *, out, axes: x)
    primitive.manual = lambda mat, *, axes: change(mat, frozenset(axes))
    return primitive


pvary_p = _cast("pvary", lambda mat, axes: mat.update(
    varying=mat.varying | axes, reduced=mat.reduced - axes))
preduced_p = _cast("preduced", lambda mat, axes: mat.update(reduced=mat.reduced | axes))
vary_unreduced_cast_p = _cast("vary_unreduced_cast", lambda mat, axes: mat.update(
    varying=mat.varying - axes, unreduced=mat.unreduced | axes))
reduced_vary_cast_p = _cast("reduced_vary_cast", lambda mat, axes: mat.update(
    varying=mat.varying | axes, reduced=mat.reduced - axes))

_CASTS = {("invarying", "varying"): pvary_p, ("invarying", "reduced"): preduced_p,
          ("varying", "unreduced"): vary_unreduced_cast_p,
          ("reduced", "varying"): reduced_vary_cast_p}


def in_mesh_order(names: Any) -> tuple[Any, ...]:
    """The names in the order of the mesh in force, others last."""
    known = abstract_mesh().axis_names
    return (*(n for n in known if n in names), *sorted(set(names).difference(known), key=str))


def varied(x: Any, names: Any) -> Any:
    """The same value as one that varies over these axes, as far as types say it."""
    mat = typeof(x).mat
    missing = checked_axes().intersection(names) - mat.varying
    if not missing:
        return x
    if missing & mat.unreduced:
        raise ValueError(f"{typeof(x)} is unreduced over {set(missing & mat.unreduced)}, and cannot"
                         " be used as it is; sum over these axes by lax.psum first")
    for primitive, axes in ((reduced_vary_cast_p, missing & mat.reduced),
                            (pvary_p, missing - mat.reduced)):
        if axes:
            x = primitive.bind(x, axes=in_mesh_order(axes))
    return x


def pvary(x: Any, axis_name: Any) -> Any:
    """The same values, with a type that says that they vary over mapped axes.

    x: pytree of arrays; axis_name: one name or several. Inside `shard_map`, which checks of what
    varies where, both branches of a `cond` must vary over the same axes, and a loop's carry over
    those of its last value. The derivative sums over the axes. -> x. Raises NameError if there is
    no such axis, ValueError for values that vary over it already.

    >>> lax.pvary(1.5, ())
    1.5
    """
    return pcast(x, tuple(as_names(axis_name)), to="varying")


def pcast(x: Any, axis_name: Any, *, to: str) -> Any:
    """Return the same values, with a type that says something else of mapped axes.

    x: pytree of arrays. axis_name: the axes, of which its type must say the same. to: "varying",
    for equal and reduced values; "reduced", for equal ones; "unreduced", for varying ones -> x.
    Raises ValueError for other casts and outside of programs, TypeError for a set of axes,
    NameError if there is no such axis.

    >>> lax.pcast(1.0, (), to="varying")
    1.0
    """
    if isinstance(axis_name, (set, frozenset)):
        raise TypeError(f"pcast: axis_name must be a tuple or a str, got {axis_name}")
    if to not in ("varying", "reduced", "unreduced"):
        raise ValueError(f"pcast: unexpected `to`, allowed values are 'varying', 'reduced' and"
                         f" 'unreduced', got {to!r}; psum makes values equal along an axis")
    if as_names(axis_name) and trace_state_clean():
        raise ValueError("pcast: pvary should be called under jax.shard_map, where types say of"
                         f" axes what varies, got {axis_name!r}; leave it out")
    names = in_mesh_order(check_names("pcast", axis_name))
    names = tuple(n for n in names if n in checked_axes())

    def one(leaf: Any) -> Any:
        given = state("jax.lax.pcast", leaf, names)
        primitive = _CASTS.get((given, to))
        if primitive is None:
            raise ValueError(f"Unsupported pcast from={given}, to={to!r} of {typeof(leaf)} over"
                             f" {names}; name other axes alone")
        return primitive.bind(leaf, axes=names)

    return tree_map(one, x) if names else x


__all__ = ["pcast", "pvary"]
