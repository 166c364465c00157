"""`jax._src.config`: options as objects that have a value and are contexts when called."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from ingot.compat.flags import config, context


class State:
    """One option: `state.value` reads it, `with state(value):` sets it for a while."""

    def __init__(self, name: str):
        self._name = name

    @property
    def value(self) -> Any:
        """What it is now."""
        return config.read(self._name)

    def set_local(self, value: Any) -> None:
        """Set it; an empty mesh is none."""
        config.update(self._name, None if getattr(value, "empty", False) else value)

    def __call__(self, value: Any = True) -> AbstractContextManager[None]:
        """A context in which it has this value."""
        return context(self._name)(value)

    def __repr__(self) -> str:
        return f"State({self._name}={self.value!r})"


_OTHER_NAMES = {"device_context": "mesh", "abstract_mesh_context_manager": "abstract_mesh"}


def __getattr__(name: str) -> Any:
    name = _OTHER_NAMES.get(name, name)
    full = name if name.startswith("jax_") else f"jax_{name}"
    if not name.startswith("__") and full in config.values:
        return State(full)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["State"]
