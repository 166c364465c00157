"""Named axes: which ones are in scope while a mapped function is traced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Axis:
    """A mapped axis: its name (None if it has none) and its size."""

    name: Any
    size: int


class _Scope(threading.local):
    def __init__(self) -> None:
        self.sizes: dict[Any, int] = {}


_scope = _Scope()


@contextmanager
def named_axis(axis: Axis) -> Iterator[None]:
    """Bind the axis name for collectives inside this context."""
    before = _scope.sizes
    if axis.name is not None:
        _scope.sizes = {**before, axis.name: axis.size}
    try:
        yield
    finally:
        _scope.sizes = before


def axis_sizes() -> dict[Any, int]:
    """Sizes of the named axes in scope."""
    return _scope.sizes


def axis_size(name: Any) -> int:
    """Size of an axis by name, a product for several; NameError if one is not in scope."""
    if isinstance(name, (tuple, list)):
        product = 1
        for n in name:
            product *= axis_size(n)
        return product
    if name not in _scope.sizes:
        raise NameError(
            f"unbound axis name: {name!r}; axes in scope: {list(_scope.sizes) or 'none'}."
            " Collectives work inside vmap(..., axis_name=...), pmap or shard_map"
        )
    return _scope.sizes[name]
