"""vmap: each value carries the index of its batch axis, or None."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.core.avals import ShapedArray, shown_axes
from ingot.core.axis_env import Axis, named_axis
from ingot.core.interpreter import (
    Interpreter,
    Tracer,
    current,
    interpreting,
    typeof,
)
from ingot.core.jaxpr import Jaxpr, eval_jaxpr
from ingot.core.primitive import Primitive
from ingot.core.specs import names_of
from ingot.core.typecheck import checked
from ingot.errors import UnexpectedTracerError
from ingot.primitives.movement import add_axis, move_axis
from ingot.transforms.stage import stage


class BatchTracer(Tracer):
    """A value one of whose axes is mapped; its type is without that axis."""

    __slots__ = ("dim", "value")
    _interpreter: BatchInterpreter

    def __init__(self, interpreter: BatchInterpreter, value: Any, dim: int):
        Tracer.__init__(self, interpreter, mapped_aval(typeof(value), dim))
        self.value, self.dim = value, dim
        self._source = getattr(value, "_source", None)


class BatchInterpreter(Interpreter):
    """Applies the `batch` slot to values with a mapped axis, the primitive itself to others.

    Each vmap has an Axis of its own. A function with custom rules is run again, by another
    interpreter of the same Axis; what it closes over may come from the first one.
    """

    def __init__(self, parent: Interpreter, axis: Axis):
        self.parent: Interpreter = parent
        self.axis = axis

    def name(self) -> str:
        return "vmap"

    def owns(self, x: Any) -> bool:
        """Whether a value is mapped over this axis."""
        return isinstance(x, BatchTracer) and x._interpreter.axis is self.axis

    def split(self, x: Any) -> tuple[Any, int | None]:
        return (x.value, x.dim) if self.owns(x) else (x, None)

    def join(self, value: Any, dim: int | None) -> Any:
        if dim is None:
            return value
        return BatchTracer(self, value, dim)

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        pairs = [self.split(x) for x in args]
        values = [v for v, _ in pairs]
        dims = [d for _, d in pairs]
        named = (primitive.axes_of is not None and self.axis.name is not None
                 and self.axis.name in primitive.axes_of(**params))
        with interpreting(self.parent):
            if all(d is None for d in dims) and not named:
                try:
                    return primitive.bind(*values, **params)
                except UnexpectedTracerError as error:
                    if not primitive.higher_order or not self.owns(error.tracer):
                        raise  # else a function closes over a mapped value
            rule = primitive.rule("batch")
            if primitive.higher_order or primitive.axes_of is not None:
                out, dim = rule(self.axis, values, dims, **params)
            else:
                out, dim = rule(values, dims, **params)
        if primitive.multiple_results:
            return [self.join(o, d) for o, d in zip(out, dim, strict=True)]
        return self.join(out, dim)


def mapped_aval(aval: ShapedArray, dim: int) -> ShapedArray:
    """The type of one element along an axis; Explicit axes divide its other axes as before."""
    return aval.without_axis(dim)


def unmapped_aval(aval: ShapedArray, dim: int | None, axis: Axis | int) -> ShapedArray:
    """The type with a mapped axis added at `dim` (None: as it is)."""
    if dim is None:
        return aval
    if isinstance(axis, Axis):
        return aval.with_axis(dim, axis.size, axis.division)
    return aval.with_axis(dim, axis)


def _shown(names: tuple[Any, ...], found: dict[Any, Any]) -> tuple[Any, ...]:
    """The names that types show, over the mesh of one of the shardings."""
    sharding = next((s for s in found.values() if s is not None), None)
    return names if sharding is None else tuple(
        n for n in names if n in shown_axes(sharding.mesh))


def mapped_axis(name: Any, size: int, args: Sequence[Any], dims: Sequence[int | None],
                spmd_name: Any = None) -> Axis:
    """The mapped axis of these arguments, with the Explicit axes that divide it in their types.

    Raises ValueError if they differ, or if axes of a mesh are named as well.
    """
    mapped = [(typeof(x)._sharding, dim) for x, dim in zip(args, dims, strict=True)
              if dim is not None]
    found: dict[Any, Any] = {}
    if any(sharding is not None for sharding, _ in mapped):
        for sharding, dim in mapped:
            found[() if sharding is None else names_of(sharding.spec[dim])] = sharding
    if list(found) == [()]:
        found = {}
    _check_unmapped(found, args, dims)
    if not found or list(found) == [_shown(names_of(spmd_name), found)]:
        return Axis(name, size, spmd_name)
    if spmd_name is not None:
        raise ValueError("vmap: Only one of spmd_axis_name or arrays sharded on `Explicit` mesh"
                         f" axis type is allowed, got spmd_axis_name={spmd_name!r} and arrays whose"
                         f" mapped axis is divided over {list(found)}; leave it out")
    if len(found) > 1:
        raise ValueError("vmap: Mapped away dimension of inputs passed to vmap should be sharded"
                         f" the same, got {list(found)}; reshard one of the arguments first")
    [(names, sharding)] = found.items()
    return Axis(name, size, None, names, sharding.mesh)


def _check_unmapped(found: Any, args: Sequence[Any], dims: Sequence[int | None]) -> None:
    """Raise ValueError if axes that divide the mapped one divide what is not mapped."""
    used = {n for names in found for n in names}
    for x, dim in zip(args, dims, strict=True):
        sharding = getattr(getattr(x, "aval", None), "_sharding", None)  # x may be anything
        if dim is None and sharding is not None and used.intersection(sharding.spec.names()):
            raise ValueError("vmap: Unmapped values passed to vmap cannot be sharded along the axes"
                             f" that divide mapped ones, {sorted(used, key=str)}, got {typeof(x)};"
                             " reshard it first")


def matchaxis(x: Any, dim: int | None, want: int | None, axis: Axis | int) -> Any:
    """Move the batch axis to `want`, broadcasting if there is none; `x` as it is for None."""
    if want is None:
        return x
    if dim is None:
        if isinstance(axis, Axis):
            return add_axis(x, want, axis.size, axis.division)
        return add_axis(x, want, axis)
    return move_axis(x, dim, want)


def batch(fun: Callable[..., Sequence[Any]], axis: Axis, args: Sequence[Any],
          dims: Sequence[int | None]) -> tuple[list[Any], list[int | None]]:
    """Map a function on flat lists over an axis of its arguments; says where results have it."""
    interpreter = BatchInterpreter(current(), axis)
    try:
        with interpreting(interpreter), named_axis(axis):
            outs = fun(*[interpreter.join(x, d) for x, d in zip(args, dims, strict=True)])
            pairs = [interpreter.split(o) for o in outs]
    finally:
        interpreter.alive = False
    return [v for v, _ in pairs], [d for _, d in pairs]


def batch_jaxpr(jaxpr: Jaxpr, axis: Axis, dims: Sequence[int | None],
                force: Sequence[bool] | bool = False) -> tuple[Jaxpr, list[int | None]]:
    """The program mapped over an axis of some arguments; results have it first, or not at all.

    `force` (a bool, or one for each result) asks for the axis even where it is not needed.
    """
    forced = [force] * len(jaxpr.outvars) if isinstance(force, bool) else list(force)
    key = ("batch", axis, tuple(dims), tuple(forced))
    return jaxpr.memo(key, lambda: _batch_jaxpr(jaxpr, axis, dims, forced))


def _batch_jaxpr(jaxpr: Jaxpr, axis: Axis, dims: Sequence[int | None], forced: Sequence[bool]
                 ) -> tuple[Jaxpr, list[int | None]]:
    out_dims: list[int | None] = []

    def fun(*args: Any) -> list[Any]:
        outs, found = batch(lambda *xs: eval_jaxpr(jaxpr, jaxpr.consts, *xs), axis, args, dims)
        want = [0 if f or d is not None else None for f, d in zip(forced, found, strict=True)]
        out_dims[:] = want
        return [matchaxis(o, d, w, axis)
                for o, d, w in zip(outs, found, want, strict=True)]

    avals = [unmapped_aval(a, d, axis) for a, d in zip(jaxpr.in_avals, dims, strict=True)]
    out = stage(fun, avals, f"vmap_{jaxpr.debug_name}")
    return checked(out, "batch_jaxpr"), list(out_dims)
