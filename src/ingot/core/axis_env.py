"""Named axes: which ones are in scope while a mapped function is traced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Axis:
    """A mapped axis: its name (None if it has none), its size, and the mesh axes that divide it."""

    name: Any
    size: int
    spmd_name: Any = None


class _Scope(threading.local):
    def __init__(self) -> None:
        self.sizes: dict[Any, int] = {}
        self.checked: frozenset[Any] = frozenset()


_scope = _Scope()


@contextmanager
def named_axis(axis: Axis, checked: bool = False) -> Iterator[None]:
    """Bind the axis name for collectives inside this context; types say whether values vary along
    a `checked` one."""
    before = _scope.sizes, _scope.checked
    if axis.name is not None:
        _scope.sizes = {**_scope.sizes, axis.name: axis.size}
        _scope.checked = (_scope.checked | {axis.name}) if checked else (
            _scope.checked - {axis.name})
    try:
        yield
    finally:
        _scope.sizes, _scope.checked = before


def axis_sizes() -> dict[Any, int]:
    """Sizes of the named axes in scope."""
    return _scope.sizes


def checked_axes() -> frozenset[Any]:
    """Named axes in scope of which types say whether values vary along them."""
    return _scope.checked


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
