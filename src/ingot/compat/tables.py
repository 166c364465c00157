"""Rules in JAX's forms: its tables as views of primitives' slots, its zeros, its helpers.

A rule written for JAX is stored in the slot behind an adapter; a rule read from a table is the
slot's, in JAX's form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.compat.lowering import HOST, listed
from ingot.compat.mlir_rules import kernel_of, program_of
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import eval_jaxpr
from ingot.core.primitive import (
    REGISTRY,
    NoRule,
    Primitive as OurPrimitive,
    UndefinedPrimal as OurUndefinedPrimal,
)
from ingot.primitives.arithmetic import add_any_p
from ingot.primitives.movement import add_axis, move_axis, zeros
from ingot.transforms.batch import batch as batch_flat, mapped_aval as our_mapped_aval
from ingot.transforms.jvp import jvp as jvp_flat
from ingot.tree import register_pytree_node

Rule = Callable[..., Any]
not_mapped = None


# ---- zeros ---------------------------------------------------------------------------------------
class Zero:
    """A tangent or cotangent that is zero; ours is None."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray):
        self.aval = aval

    def __repr__(self) -> str:
        return f"Zero({self.aval})"

    @staticmethod
    def from_primal_value(x: Any) -> Zero:
        """The zero tangent of a value."""
        return Zero(typeof(x).to_tangent_aval())


class UndefinedPrimal:
    """An argument of a transpose rule whose cotangent is asked for; ours is in `core.primitive`."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray):
        self.aval = aval

    def __repr__(self) -> str:
        return f"UndefinedPrimal({self.aval})"


for _cls in (Zero, UndefinedPrimal):
    register_pytree_node(_cls, lambda x: ((), x.aval), lambda aval, _, cls=_cls: cls(aval))


def is_undefined_primal(x: Any) -> bool:
    """Whether a transpose rule is asked for this argument's cotangent."""
    return type(x) is UndefinedPrimal


def instantiate_zeros(x: Any) -> Any:
    """An array in place of a symbolic zero."""
    return zeros(x.aval) if type(x) is Zero else x


def zeros_like_aval(aval: ShapedArray) -> Any:
    """Zeros of a type."""
    return zeros(aval)


def add_tangents(x: Any, y: Any) -> Any:
    """The sum of two tangents, either of which may be a symbolic zero."""
    if type(x) is Zero or type(y) is Zero:
        return y if type(x) is Zero else x
    return add_any_p.bind(x, y)


def _nonzero(x: Any) -> Any:
    """A tangent or cotangent in our form: None for every kind of zero."""
    return None if x is None or x is Zero or type(x) is Zero else x


def _zero(t: Any, primal: Any) -> Any:
    return Zero.from_primal_value(primal) if t is None else t


# ---- adapters ------------------------------------------------------------------------------------
def _own_jvp(rule: Rule, primitive: OurPrimitive) -> Rule:
    def jvp(primals: Any, tangents: Any, **params: Any) -> Any:
        given = [_zero(t, x) for t, x in zip(tangents, primals, strict=True)]
        out, tangent = rule(tuple(primals), tuple(given), **params)
        if primitive.multiple_results:
            return list(out), [_nonzero(t) for t in tangent]
        return out, _nonzero(tangent)

    return jvp


def _jax_jvp(primitive: OurPrimitive) -> Rule:
    def rule(primals: Any, tangents: Any, **params: Any) -> Any:
        outs, found = jvp_flat(lambda *xs: listed(primitive.bind(*xs, **params)), list(primals),
                               [_nonzero(t) for t in tangents])
        found = [_zero(t, x) for t, x in zip(found, outs, strict=True)]
        return (outs, found) if primitive.multiple_results else (outs[0], found[0])

    return rule


def _own_transpose(rule: Rule, primitive: OurPrimitive) -> Rule:
    def transpose(ct: Any, *args: Any, **params: Any) -> list[Any]:
        given = [UndefinedPrimal(x.aval) if type(x) is OurUndefinedPrimal else x for x in args]
        if primitive.multiple_results:
            avals = primitive.out_avals([x.aval if type(x) is OurUndefinedPrimal else typeof(x)
                                         for x in args],
                                        params) if any(c is None for c in ct) else ct
            ct = [Zero(a) if c is None else c for c, a in zip(ct, avals, strict=True)]
        found = rule(ct, *given, **params)
        if found is Zero or found is None:
            return [None] * len(args)
        return [_nonzero(x) for x in found]

    return transpose


def _jax_transpose(primitive: OurPrimitive) -> Rule:
    def rule(ct: Any, *args: Any, **params: Any) -> list[Any]:
        given = [OurUndefinedPrimal(x.aval) if type(x) is UndefinedPrimal else x for x in args]
        ct = [_nonzero(c) for c in ct] if primitive.multiple_results else _nonzero(ct)
        return list(primitive.rule("transpose")(ct, *given, **params))

    return rule


@dataclass(frozen=True)
class AxisData:
    """The mapped axis, as batching rules of JAX get it."""

    name: Any
    size: int
    spmd_name: Any = None
    explicit_mesh_axis: Any = None


def _takes_axis(primitive: OurPrimitive) -> bool:
    return primitive.higher_order or primitive.axes_of is not None


def _own_batch(rule: Rule, primitive: OurPrimitive) -> Rule:
    """`rule` takes the axis first."""
    def with_axis(axis: Axis, args: Any, dims: Any, **params: Any) -> Any:
        out, dim = rule(AxisData(axis.name, axis.size), tuple(args), tuple(dims), **params)
        if not primitive.multiple_results:
            return out, dim
        return list(out), list(dim) if isinstance(dim, (list, tuple)) else [dim] * len(out)

    if _takes_axis(primitive):
        return with_axis
    return lambda args, dims, **params: with_axis(_axis_of(args, dims), args, dims, **params)


def _axis_of(args: Any, dims: Any) -> Axis:
    return Axis(None, next(x.shape[d] for x, d in zip(args, dims, strict=True) if d is not None))


def _jax_batch(primitive: OurPrimitive) -> Rule:
    def rule(axis: AxisData, args: Any, dims: Any, **params: Any) -> Any:
        outs, out_dims = batch_flat(lambda *xs: listed(primitive.bind(*xs, **params)),
                                    Axis(axis.name, axis.size), list(args), list(dims))
        return (outs, out_dims) if primitive.multiple_results else (outs[0], out_dims[0])

    return rule


# ---- tables --------------------------------------------------------------------------------------
class RuleTable(MutableMapping[Any, Rule]):
    """One slot of all primitives, as a mapping from primitives to rules in JAX's form."""

    def __init__(self, slot: str, read: Callable[[OurPrimitive], Rule],
                 adapt: Callable[[Rule, OurPrimitive], Rule]):
        self._slot, self._read, self._adapt = slot, read, adapt

    def __setitem__(self, primitive: OurPrimitive, rule: Rule) -> None:
        setattr(primitive, self._slot, self._adapt(rule, primitive))

    def __getitem__(self, primitive: OurPrimitive) -> Rule:
        if primitive not in self:
            raise KeyError(primitive)
        return self._read(primitive)

    def __delitem__(self, primitive: OurPrimitive) -> None:
        if primitive not in self:
            raise KeyError(primitive)
        setattr(primitive, self._slot, NoRule("its rule was deleted"))

    def __contains__(self, primitive: object) -> bool:
        slot = getattr(primitive, self._slot, None)
        return isinstance(primitive, OurPrimitive) and not isinstance(slot, NoRule)

    def __iter__(self) -> Iterator[OurPrimitive]:
        return (p for p in REGISTRY.values() if p in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


primitive_jvps = RuleTable("jvp", _jax_jvp, _own_jvp)
primitive_transposes = RuleTable("transpose", _jax_transpose, _own_transpose)
fancy_primitive_batchers = RuleTable("batch", _jax_batch, _own_batch)
primitive_batchers = RuleTable(
    "batch", lambda p: lambda args, dims, **params: _jax_batch(p)(
        AxisData(None, _axis_of(args, dims).size), args, dims, **params),
    lambda rule, p: _own_batch(
        lambda axis, args, dims, **params: rule(args, dims, **params), p))
axis_primitive_batchers = RuleTable(
    "batch", lambda p: lambda size, name, trace, args, dims, **params: _jax_batch(p)(
        AxisData(name, size), args, dims, **params),
    lambda rule, p: _own_batch(
        lambda axis, args, dims, **params: rule(axis.size, axis.name, None, args, dims, **params),
        p))


def get_primitive_transpose(primitive: OurPrimitive) -> Rule:
    """The transpose rule of a primitive; NotImplementedError if it has none."""
    primitive.rule("transpose")
    return primitive_transposes[primitive]


def register_lowering(primitive: Any, rule: Any, platform: str | None = None,
                      inline: bool = True, cacheable: bool = True) -> Any:
    """Say how an operation is compiled, on one platform or on all: `mlir.lower_fun(f)` compiles f
    in its place; a rule may build MLIR, or call `mlir.emit_python_callback`; None takes one back.

    What it builds is read as a program of our primitives, or run by XLA where it is none. A rule
    that fails leaves the operation to a host call of its `impl`.
    """
    known = {**getattr(primitive, "lowerings", {}), platform: rule}
    primitive.lowerings = {p: r for p, r in known.items() if r is not None}
    primitive.kernel = kernel_of(primitive) if primitive.lowerings else HOST
    if isinstance(primitive.eval, NoRule):
        primitive.eval = lambda *xs, **params: evaluated_as_lowered(primitive, xs, params)
    return rule


def evaluated_as_lowered(primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """Return the results of what the lowering rules of a primitive say."""
    jaxpr = program_of(primitive, [typeof(x) for x in args], params)
    return eval_jaxpr(jaxpr, jaxpr.consts, *args)


# ---- helpers that define whole rules -------------------------------------------------------------
def defjvp(primitive: OurPrimitive, *partials: Rule | None) -> None:
    """The derivative with respect to each argument: partial(t, *args, **params)."""
    defjvp2(primitive, *[None if f is None else
                         lambda t, out, *args, f=f, **params: f(t, *args, **params)
                         for f in partials])


def defjvp2(primitive: OurPrimitive, *partials: Rule | None) -> None:
    """The same for partial(t, out, *args, **params)."""
    def rule(primals: Any, tangents: Any, **params: Any) -> Any:
        out = primitive.bind(*primals, **params)
        total: Any = Zero.from_primal_value(out)
        for f, t in zip(partials, tangents, strict=True):
            if f is not None and type(t) is not Zero:
                total = add_tangents(total, f(t, out, *primals, **params))
        return out, total

    primitive_jvps[primitive] = rule


def deflinear2(primitive: OurPrimitive, transpose: Rule) -> None:
    """An operation that is linear in all its arguments: transpose(ct, *args, **params)."""
    def rule(primals: Any, tangents: Any, **params: Any) -> Any:
        out = primitive.bind(*primals, **params)
        if all(type(t) is Zero for t in tangents):
            return out, Zero.from_primal_value(out)
        return out, primitive.bind(*map(instantiate_zeros, tangents), **params)

    primitive_jvps[primitive] = rule
    primitive_transposes[primitive] = transpose


def deflinear(primitive: OurPrimitive, transpose: Rule) -> None:
    """The same for transpose(ct, **params)."""
    deflinear2(primitive, lambda ct, *args, **params: transpose(ct, **params))


def defbilinear(primitive: OurPrimitive, left: Rule, right: Rule) -> None:
    """A product: left(ct, x, y, **params) is the cotangent of x, right that of y."""
    defjvp(primitive, lambda t, x, y, **params: primitive.bind(t, y, **params),
           lambda t, x, y, **params: primitive.bind(x, t, **params))

    def transpose(ct: Any, x: Any, y: Any, **params: Any) -> Any:
        if is_undefined_primal(x):
            return [left(ct, x, y, **params), None]
        return [None, right(ct, x, y, **params)]

    primitive_transposes[primitive] = transpose


def defvectorized(primitive: OurPrimitive) -> None:
    """Batching of an operation that works elementwise on one argument."""
    primitive_batchers[primitive] = lambda args, dims, **params: (
        primitive.bind(*args, **params), dims[0])


def defbroadcasting(primitive: OurPrimitive) -> None:
    """Batching of an operation that works elementwise on several arguments of one shape."""
    def rule(args: Any, dims: Any, **params: Any) -> Any:
        size = _axis_of(args, dims).size
        return primitive.bind(*[bdim_at_front(x, d, size) for x, d in zip(args, dims, strict=True)],
                              **params), 0

    primitive_batchers[primitive] = rule


def bdim_at_front(x: Any, dim: int | None, size: int) -> Any:
    """The value with its mapped axis first; repeated if it has none."""
    return add_axis(x, 0, size) if dim is None else move_axis(x, dim, 0)


def broadcast(x: Any, size: int, dim: int, mesh_axis: Any = None) -> Any:
    """The value repeated along a new axis."""
    return add_axis(x, dim, size)


# ---- types of slices -----------------------------------------------------------------------------
def mapped_aval(size: int, axis: int | None, aval: ShapedArray) -> ShapedArray:
    """Return the type of one element along an axis.

    size: the axis' length. axis: the axis, or None for the type itself. aval: a type -> a type.

    >>> from ingot.extend import core
    >>> core.mapped_aval(3, 0, core.ShapedArray((3, 4), "float32")).str_short(True)
    'f32[4]'
    """
    return aval if axis is None else our_mapped_aval(aval, axis)


def unmapped_aval(size: int, axis: int | None, aval: ShapedArray, *_: Any) -> ShapedArray:
    """Return a type with an axis added.

    size: the axis' length. axis: where it goes, or None for the type itself. aval: a type -> a
    type.

    >>> from ingot.extend import core
    >>> core.unmapped_aval(3, 0, core.ShapedArray((4,), "float32")).str_short(True)
    'f32[3,4]'
    """
    if axis is None:
        return aval
    return aval.update(shape=(*aval.shape[:axis], size, *aval.shape[axis:]))
