"""Types of JAX that are built or subclassed otherwise than ours, yet must recognize ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.api.global_arrays import check_parts_fit, make_array_from_single_device_arrays
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.jaxpr import Eqn, Jaxpr as OurJaxpr, Var
from ingot.core.placement import place, sharding_of
from ingot.core.sharding import Sharding
from ingot.core.source_info import Source


class Facade(type):
    """Metaclass: `class X(metaclass=Facade, stands_for=Y)` has the instances of Y as its own."""

    stands_for: type | None

    def __new__(mcs, name: str, bases: tuple[type, ...], space: dict[str, Any],
                stands_for: type | None = None, **kwargs: Any) -> Any:
        cls = super().__new__(mcs, name, bases, space, **kwargs)
        cls.stands_for = stands_for
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any],
                 stands_for: type | None = None, **kwargs: Any) -> None:
        super().__init__(name, bases, space, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        found = cls.stands_for
        return type.__instancecheck__(cls, instance) or (
            found is not None and isinstance(instance, found))

    def __subclasscheck__(cls, subclass: type) -> bool:
        found = cls.stands_for
        return type.__subclasscheck__(cls, subclass) or (
            found is not None and issubclass(subclass, found))


class AbstractValue(metaclass=Facade, stands_for=ShapedArray):
    """What is known of a value before it is computed; ours are all `ShapedArray`s.

    >>> from ingot.extend import core
    >>> isinstance(ingot.typeof(1.0), core.AbstractValue)
    True
    """

    __slots__ = ()


class ClosedJaxpr(metaclass=Facade, stands_for=OurJaxpr):
    """Attaches constants to a program.

    >>> from ingot.extend import core
    >>> isinstance(ingot.make_jaxpr(lambda x: x)(1.0), core.ClosedJaxpr)
    True
    """

    def __new__(cls, jaxpr: OurJaxpr, consts: Sequence[Any] = ()) -> Any:
        if len(consts) == len(jaxpr.constvars):
            return jaxpr.replace(consts=list(consts))
        if not consts:  # ours have theirs attached
            return jaxpr
        raise ValueError(f"ClosedJaxpr: the program has {len(jaxpr.constvars)} constant variables,"
                         f" got {len(consts)} values")


class Jaxpr(metaclass=Facade, stands_for=OurJaxpr):
    """Makes a program from its parts.

    >>> from ingot.extend import core
    >>> isinstance(ingot.make_jaxpr(lambda x: x)(1.0).jaxpr, core.Jaxpr)
    True
    """

    def __new__(cls, constvars: Sequence[Var], invars: Sequence[Var], outvars: Sequence[Any],
                eqns: Sequence[Eqn], effects: Any = None, debug_info: Any = None,
                is_high: bool = False) -> Any:
        if constvars:
            raise ValueError("Jaxpr: constants are attached to their variables here; make them"
                             " arguments, or give them to ClosedJaxpr")
        return OurJaxpr([], invars, outvars, eqns)


class ArrayImpl(metaclass=Facade, stands_for=Array):
    """Makes an array from its parts on the devices of a sharding; all arrays count as its.

    >>> isinstance(jnp.ones(3), ArrayImpl)
    True
    """

    def __new__(cls, aval: ShapedArray, sharding: Sharding, arrays: Sequence[Array],
                committed: bool = True, _skip_checks: bool = False) -> Any:
        check_parts_fit(sharding, [d for x in arrays for d in sharding_of(x)._device_assignment])
        for x in arrays:
            if x.dtype != aval.dtype:
                raise ValueError("Input buffers to `Array` must have matching dtypes. Got"
                                 f" {x.dtype}, expected {aval.dtype} for buffer {x!r:.80}")
        whole = make_array_from_single_device_arrays(aval.shape, sharding, list(arrays))
        return place(whole, sharding, committed)


def new_jaxpr_eqn(invars: Sequence[Any], outvars: Sequence[Var], primitive: Any,
                  params: dict[str, Any], effects: Any = frozenset(),
                  source_info: Source | None = None, ctx: Any = None) -> Eqn:
    """Make an equation from its parts.

    invars, outvars: variables and literals. primitive, params: the operation. effects: its side
    effects. source_info: where it is from. ctx: without effect -> an equation.

    >>> from ingot.extend import core
    >>> x = core.gensym()(ingot.typeof(1.0))
    >>> core.new_jaxpr_eqn([x], [x], lax.sin_p, {}).primitive.name
    'sin'
    """
    return Eqn(primitive, invars, outvars, params, frozenset(effects))


__all__ = ["AbstractValue", "ArrayImpl", "ClosedJaxpr", "Facade", "Jaxpr", "new_jaxpr_eqn"]
