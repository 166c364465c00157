"""vmap: map a function over axes of its arguments."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ingot.api.arguments import (
    FlatFunction,
    argument_names,
    check_callable,
    function_name,
    to_arrays,
)
from ingot.api.leaks import leaks_checked
from ingot.core.axis_env import Axis
from ingot.core.interpreter import typeof
from ingot.core.references import Ref, is_reference
from ingot.core.tracebacks import api_boundary
from ingot.transforms.batch import batch, mapped_axis, matchaxis
from ingot.tree import (
    broadcast_prefix,
    keystr,
    prefix_errors,
    tree_flatten,
    tree_flatten_with_path,
    tree_leaves,
    tree_unflatten,
)
from ingot.util import wraps


def _is_none(x: Any) -> bool:
    return x is None


def check_axis_spec(transform: str, name: str, axes: Any) -> None:
    """Raise TypeError unless the leaves of in_axes or out_axes are ints or None."""
    bad = [x for x in tree_leaves(axes) if not hasattr(x, "__index__")]
    if bad:
        raise TypeError(f"{transform}: {name} must be an int, None or a pytree of these,"
                        f" got {bad[0]!r:.60} in it")


def flat_axes(transform: str, name: str, axes: Any, full: Any, what: str) -> list[int | None]:
    """One axis for each leaf of `full`, of which `axes` is a prefix."""
    errors = prefix_errors(axes, full, _is_none)
    if errors:
        text = str(errors[0](name)).removeprefix("pytrees must match: ")
        raise ValueError(f"{transform}: {name} must be a prefix of {what}; {text}")
    return [a if a is None else a.__index__() for a in broadcast_prefix(axes, full, _is_none)]


def _normalize(transform: str, fun: Any, leaves: Sequence[Any], dims: Sequence[int | None],
               names: Callable[[], list[str]]) -> list[int | None]:
    """Axes counted from the front; ValueError names an argument that has no such axis."""
    out: list[int | None] = []
    for i, (x, d) in enumerate(zip(leaves, dims, strict=True)):
        if d is None:
            out.append(None)
            continue
        aval = typeof(x)
        if not -aval.ndim <= d < aval.ndim:
            raise ValueError(
                f"{transform}: in_axes asks for axis {d} of {names()[i]}, which is {aval} and has"
                f" {aval.ndim} axes; use None for arguments that are not mapped")
        out.append(d % aval.ndim)
    return out


def mapped_size(transform: str, fun: Any, leaves: Sequence[Any], dims: Sequence[int | None],
                axis_size: int | None, names: Callable[[], list[str]]) -> int:
    """The common length of the mapped axes; ValueError lists who has which otherwise."""
    sizes = [None if d is None else typeof(x).shape[d] for x, d in zip(leaves, dims, strict=True)]
    known = Counter(s for s in sizes if s is not None)
    if axis_size is not None:
        known[int(axis_size)] += 1
    if not known:
        raise ValueError(
            f"{transform}: at least one argument of {function_name(fun)} must be mapped, but every"
            " entry of in_axes is None; map one, or give axis_size")
    if len(known) > 1:
        lines = [f"  {name}: {typeof(x)}, axis {d} has size {s}" for name, x, d, s in
                 zip(names(), leaves, dims, sizes, strict=True) if s is not None]
        if axis_size is not None:
            lines.append(f"  axis_size: {axis_size}")
        if len(lines) > 10:
            lines = [*lines[:10], f"  and {len(lines) - 10} more"]
        raise ValueError(f"{transform}: mapped axes must have the same size, got\n"
                         + "\n".join(lines) + "\nuse None in in_axes for what is not mapped")
    return next(iter(known))


def map_over(transform: str, fun: Callable[..., Any], in_axes: Any, out_axes: Any, axis_name: Any,
             axis_size: int | None, args: tuple[Any, ...], kwargs: dict[str, Any],
             how: Callable[..., Any] = batch, spmd_axis_name: Any = None) -> Any:
    """Call `fun` on every slice of the arguments at once, or as `how` says."""
    leaves, tree = tree_flatten((args, kwargs))

    def names() -> list[str]:
        return argument_names(fun, args, kwargs)

    axes = tuple(in_axes) if isinstance(in_axes, list) else in_axes
    if isinstance(axes, tuple) and len(axes) != len(args):
        raise ValueError(
            f"{transform}: in_axes must have an entry for each positional argument, got"
            f" {len(axes)} entries, {in_axes}, for {len(args)} arguments of {function_name(fun)};"
            " each argument passed by keyword is mapped over its axis 0")
    dims = flat_axes(transform, "in_axes", axes, args, "the positional arguments")
    dims += [0] * (len(leaves) - len(dims))
    # What is not mapped reaches the function as it is given: a Python number stays one.
    mapped = [d is not None for d in dims]
    refs = {i: x for i, x in enumerate(leaves) if mapped[i] and is_reference(x)}
    leaves = [refs[i][...] if i in refs else x for i, x in enumerate(leaves)] if refs else leaves
    leaves = to_arrays(transform, fun, args, kwargs, leaves, mapped)
    dims = _normalize(transform, fun, leaves, dims, names)
    size = mapped_size(transform, fun, leaves, dims, axis_size, names)
    flat = FlatFunction(transform, fun, tree)
    with leaks_checked(transform, fun):
        axis = mapped_axis(axis_name, size, leaves, dims, spmd_axis_name)
        outs, out_dims = how(_with_references(flat, refs) if refs else flat, axis, leaves, dims)
        outs, out_dims = _write_back(refs, outs, out_dims, dims, axis)
    return _place_results(transform, fun, flat, out_axes, outs, out_dims, axis)


def _with_references(flat: FlatFunction, refs: dict[int, Any]) -> Callable[..., list[Any]]:
    """The function with references to entries as arguments, whose last results are their values."""
    def run(*leaves: Any) -> list[Any]:
        made = {i: Ref(leaves[i]) for i in refs}
        outs = flat(*(made.get(i, x) for i, x in enumerate(leaves)))
        return [*outs, *(ref[...] for ref in made.values())]

    return run


def _write_back(refs: dict[int, Any], outs: Sequence[Any], dims: Sequence[int | None],
                in_dims: Sequence[int | None], axis: Axis) -> tuple[Sequence[Any], Sequence[Any]]:
    """References get the values that their entries have at the end; the other results."""
    if not refs:
        return outs, dims
    n = len(outs) - len(refs)
    for (i, ref), x, dim in zip(refs.items(), outs[n:], dims[n:], strict=True):
        ref[...] = matchaxis(x, dim, in_dims[i], axis)
    return outs[:n], dims[:n]


def _place_results(transform: str, fun: Any, flat: FlatFunction, out_axes: Any,
                   outs: Sequence[Any], dims: Sequence[int | None], axis: Axis) -> Any:
    result = tree_unflatten(flat.out_tree, outs)
    axes = tuple(out_axes) if isinstance(out_axes, list) and isinstance(result, tuple) else out_axes
    wanted = flat_axes(transform, "out_axes", axes, result, "the result")
    placed = []
    for i, (x, d, want) in enumerate(zip(outs, dims, wanted, strict=True)):
        ndim = typeof(x).ndim + (d is None)
        bad = want is None and d is not None
        if bad or (want is not None and not -ndim <= want < ndim):
            path = tree_flatten_with_path(result)[0][i][0]
            where = f"result{keystr(path)} of {function_name(fun)}"
            rule = (f"out_axes is None for {where}, but its value depends on the mapped axis; give"
                    " an axis, or reduce over the mapped one" if bad else
                    f"out_axes asks for axis {want} of {where}, which has {ndim} axes with the"
                    " mapped one")
            raise ValueError(f"{transform}: {rule}")
        placed.append(matchaxis(x, d, want if want is None else want % ndim, axis))
    return tree_unflatten(flat.out_tree, placed)


def vmap(fun: Callable[..., Any] | None = None, in_axes: Any = 0, out_axes: Any = 0,
         axis_name: Any = None, axis_size: int | None = None, spmd_axis_name: Any = None,
         sum_match: bool = False) -> Callable[..., Any]:
    """Map a function over an axis of its arguments, without a loop.

    fun: arrays or pytrees -> the same. in_axes, out_axes: int, None (not mapped), or pytrees of
    these that are prefixes of the positional arguments and the result; keyword arguments are mapped
    over axis 0. axis_name: what collectives call the axis. axis_size: its length, where no argument
    has it. spmd_axis_name: the axes of a mesh that divide it. sum_match: without effect. -> a
    function of the same arguments with one axis more. It raises ValueError if axes are missing or
    sizes disagree.

    >>> ingot.vmap(lambda x, y: x * y, in_axes=(0, None))(np.arange(3.0), 2.0)
    Array([0., 2., 4.], dtype=float64)
    """
    if fun is None:
        return functools.partial(vmap, in_axes=in_axes, out_axes=out_axes, axis_name=axis_name,  # type: ignore[return-value]
                                 axis_size=axis_size, spmd_axis_name=spmd_axis_name)
    check_callable("vmap", fun)
    check_axis_spec("vmap", "in_axes", in_axes)
    check_axis_spec("vmap", "out_axes", out_axes)
    if not (in_axes is None or isinstance(in_axes, (tuple, list)) or hasattr(in_axes, "__index__")):
        raise TypeError(f"vmap: in_axes must be an int, None, or a tuple with an entry for each"
                        f" positional argument, got {type(in_axes).__name__}; write"
                        " in_axes=(axes_of_the_argument,)")
    spec = fun, in_axes, out_axes, axis_name, axis_size

    @wraps(fun)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        return map_over("vmap", *spec, args, kwargs, spmd_axis_name=spmd_axis_name)

    return api_boundary(mapped)
