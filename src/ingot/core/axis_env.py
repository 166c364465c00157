"""Named axes: which ones are in scope while a mapped function is traced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Axis:
    """A mapped axis: its name (None if it has none), its size, and the mesh axes that divide it:
    those named as such, and Explicit ones, which the mapped arrays' types name, with their mesh."""

    name: Any
    size: int
    spmd_name: Any = None
    explicit: tuple[Any, ...] = ()
    mesh: Any = None

    @property
    def division(self) -> tuple[Any, Any] | None:
        """The mesh and the names of the Explicit axes that divide it; None if none does."""
        return (self.mesh, self.explicit) if self.explicit else None


class _Scope(threading.local):
    def __init__(self) -> None:
        self.sizes: dict[Any, int] = {}
        self.checked: frozenset[Any] = frozenset()
        self.spmd: frozenset[Any] = frozenset()
        self.explicit: frozenset[Any] = frozenset()


_scope = _Scope()


@contextmanager
def named_axis(axis: Axis, checked: bool = False) -> Iterator[None]:
    """Bind the axis name for collectives inside this context; types say whether values vary along
    a `checked` one."""
    before = _scope.sizes, _scope.checked, _scope.spmd, _scope.explicit
    if axis.spmd_name is not None:
        named = axis.spmd_name if isinstance(axis.spmd_name, tuple) else (axis.spmd_name,)
        _scope.spmd = _scope.spmd.union(named)
    if axis.explicit:
        _scope.explicit = _scope.explicit.union(axis.explicit)
    if axis.name is not None:
        _scope.sizes = {**_scope.sizes, axis.name: axis.size}
        _scope.checked = (_scope.checked | {axis.name}) if checked else (
            _scope.checked - {axis.name})
    try:
        yield
    finally:
        _scope.sizes, _scope.checked, _scope.spmd, _scope.explicit = before


@contextmanager
def no_axes() -> Iterator[None]:
    """A context without named axes, as outside of all mapped functions."""
    before = dict(_scope.__dict__)
    _scope.__init__()  # type: ignore[misc]
    try:
        yield
    finally:
        _scope.__dict__.update(before)


def axis_sizes() -> dict[Any, int]:
    """Sizes of the named axes in scope."""
    return _scope.sizes


def checked_axes() -> frozenset[Any]:
    """Named axes in scope of which types say whether values vary along them."""
    return _scope.checked


def spmd_axes() -> frozenset[Any]:
    """The mesh axes that divide mapped axes in scope, as `spmd_axis_name` says."""
    return _scope.spmd


def mapped_mesh_axes() -> frozenset[Any]:
    """The Explicit axes of a mesh that divide mapped axes in scope."""
    return _scope.explicit


def axis_size(name: Any, asked_by: str = "it") -> int:
    """Size of an axis by name, a product for several; NameError if one is not in scope."""
    if isinstance(name, (tuple, list)):
        product = 1
        for n in name:
            product *= axis_size(n, asked_by)
        return product
    if name not in _scope.sizes:
        raise NameError(
            f"Found an unbound axis name: {name}. To fix this, please call {asked_by} under"
            " `jax.shard_map`, pmap or vmap(..., axis_name=...); axes in scope:"
            f" {list(_scope.sizes) or 'none'}")
    return _scope.sizes[name]
