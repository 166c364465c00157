"""`jax.experimental.hijax`: classes for types of one's own, which can be defined, not used."""

from __future__ import annotations

from typing import Any, NoReturn

from ingot.compat.facades import AbstractValue
from ingot.compat.tables import Zero, instantiate_zeros, is_undefined_primal
from ingot.core.avals import ShapedArray

__all__ = ["AbstractValue", "AvalMutableQDD", "AvalQDD", "HiPrimitive", "HiType", "MutableHiType",
           "ShapedArray", "VJPHiPrimitive", "Zero", "aval_method", "aval_property",
           "control_flow_allowed_effects", "instantiate_zeros", "is_undefined_primal",
           "register_hitype"]


def _unavailable(what: str) -> NoReturn:
    raise NotImplementedError(
        f"jax.experimental.hijax: {what}: programs have arrays alone; make the type a pytree"
        " (register_dataclass), and the operation a function with custom_vjp")


class HiType:
    """A type of values other than arrays."""


class MutableHiType(HiType):
    """A type of values that change."""


class AvalQDD:
    """A type and what is known of the value now."""

    def __init__(self, aval: Any, qdd: Any):
        _unavailable(f"a value of type {aval}")


class AvalMutableQDD(AvalQDD):
    """The same for a value that changes."""


class HiPrimitive:
    """An operation on such values; it can be defined, and applying it raises."""

    multiple_results = False

    def __init__(self, name: str):
        self.name = name

    def bind(self, *args: Any, **params: Any) -> Any:
        """Raises NotImplementedError: there are none here."""
        _unavailable(f"the operation {self.name}")


class VJPHiPrimitive(HiPrimitive):
    """An operation with rules in its class; it can be defined, and making one raises."""

    def __init__(self) -> None:
        _unavailable(f"the operation {type(self).__name__}")


class aval_method:  # noqa: N801 (JAX's name)
    """A method of a type that its tracers have."""

    def __init__(self, fun: Any):
        self.fun = fun


class aval_property:  # noqa: N801 (JAX's name)
    """A property of a type that its tracers have."""

    def __init__(self, fget: Any):
        self.fget = fget


class _Effects:
    def add_type(self, effect: type) -> None:
        """Allow an effect in loops and branches: no operation has it."""


class Effect:
    """What an operation of a package does besides compute; ours are of other types."""


control_flow_allowed_effects = lowerable_effects = ordered_effects = _Effects()
remat_allowed_effects = custom_derivatives_allowed_effects = _Effects()


def register_hitype(value_type: type, type_of: Any) -> None:
    """Say which type values have; where one is met, the usual error says that it is no array."""
