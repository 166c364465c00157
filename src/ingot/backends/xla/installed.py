"""Modules of the installed jaxlib, also where ingot's hook has put its own under that name."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = "jaxlib"
BY_NAME = "jaxlib.mlir"
"""What C++ imports by name when it is called."""
_lock = threading.RLock()
_found: dict[str, ModuleType] = {}


def root_spec() -> ModuleSpec | None:
    """Return where jaxlib is installed; None if it is not."""
    for folder in sys.path:
        spec = PathFinder.find_spec(ROOT, [folder])
        if spec is not None and spec.origin is not None and (
                Path(spec.origin).with_name("xla_client.py").exists()):
            return spec
    return None


def is_installed() -> bool:
    """Return whether jaxlib is installed."""
    return root_spec() is not None


def module(name: str) -> ModuleType:
    """Return a module of the installed jaxlib: `jaxlib.xla_client`.

    Where other modules are in its place, as ingot's hook serves some, those stay there for
    everybody else. Raises ImportError if there is none.
    """
    found = _found.get(name)
    if found is None:
        with _lock:
            found = _found[name] = _imported(name)
    return found


def set_aside() -> None:
    """Keep what is imported of the installed jaxlib for this back end alone.

    Others may then put modules of their own in its place.
    """
    spec = root_spec()
    if spec is None or ROOT not in sys.modules or not _is_plain(spec):
        return
    with _lock:
        _found.update({n: m for n, m in sys.modules.items() if _is_named(n)})
        _hide()


def _hide() -> None:
    for name in _found:
        if not name.startswith(BY_NAME):
            sys.modules.pop(name, None)


def _imported(name: str) -> ModuleType:
    spec = root_spec()
    if spec is None:
        raise ImportError(f"{ROOT} is not installed")
    if _is_plain(spec):
        return importlib.import_module(name)
    others = {n: m for n, m in sys.modules.items() if _is_named(n) and m is not _found.get(n)}
    finder: Any = _Finder(spec)
    for n in others:
        del sys.modules[n]
    sys.modules.update(_found)
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(name)
    finally:
        sys.meta_path.remove(finder)
        _found.update({n: m for n, m in sys.modules.items() if _is_named(n)})
        _hide()
        sys.modules.update(others)


def _is_named(name: str) -> bool:
    return name.partition(".")[0] == ROOT


def _is_plain(spec: ModuleSpec) -> bool:
    """Whether an ordinary import finds the installed package."""
    root = sys.modules.get(ROOT)
    if root is not None:
        return getattr(root, "__file__", None) == spec.origin
    found = importlib.util.find_spec(ROOT)
    return found is not None and found.origin == spec.origin


class _Finder:
    """Finds jaxlib and what is in it where it is installed, before all other finders."""

    def __init__(self, root: ModuleSpec):
        self._root = root

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the spec of a module of jaxlib; None for others. Raises ModuleNotFoundError if
        jaxlib has no such module."""
        if not _is_named(name):
            return None
        where = path or [str(Path(str(self._root.origin)).parent.parent)]
        found = PathFinder.find_spec(name, where)
        if found is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return found
