"""Compiled functions as bytes, which another process on a machine of the same kind loads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ingot.api.devices import Device
from ingot.api.stages import Compiled
from ingot.core.backend import Backend, get_backend
from ingot.core.executable_bytes import from_bytes, to_bytes
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.tree import PyTreeDef

_KIND = "serialize_executable"


def serialize(compiled: Compiled) -> tuple[bytes, PyTreeDef, PyTreeDef]:
    """Return a compiled function as bytes, and the structures of its arguments and result.

    compiled: what `jit(f).lower(...).compile()` gives -> (bytes, in_tree, out_tree). Raises
    NotImplementedError if it calls Python or uses values of a transformation around it. For other
    machines and versions, see `export`.

    >>> from ingot.experimental.serialize_executable import deserialize_and_load, serialize
    >>> compiled = ingot.jit(lambda x: 2 * x).lower(1.0).compile()
    >>> deserialize_and_load(*serialize(compiled))(3.0)
    Array(6., dtype=float64, weak_type=True)
    """
    if compiled._consts:
        raise NotImplementedError(f"serialize: {compiled.fun_name} uses values of a transformation"
                                  " around it; pass them as arguments")
    backend = get_backend(compiled._backend).name
    shardings = compiled._shardings
    known = replace(shardings, call=replace(shardings.call, fun=None))
    around = to_bytes(_KIND, (compiled.fun_name, compiled._options, known))
    return (to_bytes(_KIND, (backend, compiled._executable.serialize(), around)),
            compiled.in_tree, compiled.out_tree)


def deserialize_and_load(serialized: bytes, in_tree: PyTreeDef, out_tree: PyTreeDef,
                         backend: str | Backend | None = None,
                         execution_devices: Sequence[Device] | None = None) -> Compiled:
    """Return the compiled function that `serialize` wrote; bytes must come from a trusted source.

    serialized, in_tree, out_tree: what it returned. backend: a name or platform, by default the one
    it was compiled for; execution_devices: those that its devices' numbers mean, by default all of
    the back end. Raises ValueError for bytes of another version, back end or kind.

    >>> from ingot.experimental.serialize_executable import deserialize_and_load
    >>> deserialize_and_load(b"", None, None)
    Traceback (most recent call last):
    ...
    ValueError: deserialize: ...
    """
    name, data, around = from_bytes(_KIND, serialized, {})
    asked: Any = name if backend is None else getattr(backend, "name", backend)
    owner = get_backend(asked)
    executable = owner.deserialize(data, execution_devices)
    devices = {d.id: d for d in execution_devices or owner.devices()}
    fun_name, options, shardings = from_bytes(_KIND, around, devices)
    fun = _named(fun_name)
    return Compiled(
        executable.jaxpr, (), in_tree, out_tree, fun, owner.name, options,
        replace(shardings, call=replace(shardings.call, fun=fun)), executable=executable)


def _named(name: str) -> Callable[..., Any]:
    """A function that has the name of the one that was compiled."""
    def fun(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"{name} is not here: it was compiled in another process")

    fun.__name__ = name
    return fun


__all__ = ["deserialize_and_load", "serialize"]

_hide_frames_of(__name__)
