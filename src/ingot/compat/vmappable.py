"""`jax.interpreters.batching`: types that packages register to be mapped over as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

vmappables: dict[type, tuple[type, type]] = {}
"""For each registered type the types of its axis specifications and of its axis sizes."""

spec_types: set[type] = set()
to_elt_handlers: dict[type, Callable[..., Any]] = {}
from_elt_handlers: dict[type, Callable[..., Any]] = {}
make_iota_handlers: dict[type, Callable[..., Any]] = {}


def register_vmappable(data_type: type, spec_type: type, axis_size_type: type,
                       to_elt: Callable[..., Any], from_elt: Callable[..., Any],
                       make_iota: Callable[..., Any] | None) -> None:
    """Say how to take elements from values of a type, and how to put them together."""
    vmappables[data_type] = (spec_type, axis_size_type)
    spec_types.add(spec_type)
    to_elt_handlers[data_type] = to_elt
    from_elt_handlers[data_type] = from_elt
    if make_iota is not None:
        make_iota_handlers[axis_size_type] = make_iota


def unregister_vmappable(data_type: type) -> None:
    """Forget a registered type."""
    spec_type, axis_size_type = vmappables.pop(data_type)
    spec_types.discard(spec_type)
    del to_elt_handlers[data_type], from_elt_handlers[data_type]
    make_iota_handlers.pop(axis_size_type, None)


def is_vmappable(x: Any) -> bool:
    """Whether a value is of a registered type."""
    return type(x) in vmappables
