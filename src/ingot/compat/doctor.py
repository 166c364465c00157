"""The doctor: imports a package under the hook and says which names of JAX it missed."""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import TextIO

from ingot.compat.hook import Miss, install


def _modules(package: ModuleType, deep: bool) -> Iterator[str]:
    yield package.__name__
    if deep and hasattr(package, "__path__"):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".",
                                           onerror=lambda name: None):
            yield found.name


def _tests(name: str) -> bool:
    return any(part in ("tests", "test", "testing") or part.endswith("_test")
               for part in name.split("."))


def examine(package: str, deep: bool = False) -> tuple[list[Miss], dict[str, BaseException]]:
    """Import a package (with `deep`, all its modules): names missed, and imports that failed."""
    finder = install()
    finder.misses.clear()
    failed: dict[str, BaseException] = {}
    try:
        root = importlib.import_module(package)
    except Exception as error:
        return list(finder.misses), {package: error}
    for name in _modules(root, deep):
        if _tests(name):
            continue
        try:
            importlib.import_module(name)
        except Exception as error:
            failed[name] = error
    return list(finder.misses), failed


def doctor(package: str, out: TextIO, deep: bool = False) -> int:
    """Print what a package missed; 0 if it could be imported."""
    misses, failed = examine(package, deep)
    seen: dict[str, Miss] = {}
    for miss in misses:
        seen.setdefault(miss.name, miss)
    if seen:
        out.write(f"{package} asked for {len(seen)} names that are not here:\n")
        for name, miss in sorted(seen.items()):
            out.write(f"  {name}  ({miss.asked_at})\n")
            if miss.why:
                out.write(f"      {miss.why}\n")
    for name, error in failed.items():
        out.write(f"import {name} failed:\n")
        out.write("".join(traceback.format_exception_only(error)))
        last = traceback.extract_tb(error.__traceback__)[-1:]
        out.write("".join(traceback.format_list(last)))
    if not failed:
        out.write(f"{package} can be imported"
                  f"{'' if seen else '; it missed no name'}.\n")
    return 1 if failed else 0


__all__ = ["doctor", "examine"]
