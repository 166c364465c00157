"""The import hook: modules named `jax` and `jaxlib` whose attributes are ingot's."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ingot.backends.xla.installed import BY_NAME, set_aside
from ingot.compat.flags import apply_environment
from ingot.compat.missing_names import why_missing, why_no_module
from ingot.compat.names import ABSENT, MODULES, NAMES, Missing
from ingot.compat.version import __version__
from ingot.config import config as ours
from ingot.core.logs import LOGGERS
from ingot.util import user_frame, warn

SERVED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "served")
"""A folder whose packages `jax` and `jaxlib` install the hook: how child processes get it."""

ROOTS = ("jax", "jaxlib")
JAX_LOGGERS = {"tracing": "jax._src.dispatch", "compiling": "jax._src.interpreters.pxla",
               "finished": "jax._src.dispatch", "miss": "jax._src.pjit",
               "debug": "jax._src.debugging"}
_SERVED_DUNDERS = ("__version__", "__version_info__", "__array_api_version__",
                   "__array_namespace_info__")


@dataclass(frozen=True)
class Miss:
    """A name that was asked for and is not here: which, why, and who asked."""

    name: str
    why: str
    asked_at: str


class Served(ModuleType):
    """A module under JAX's name. Attributes are looked up in ingot when they are first read, then
    kept, so that assigning to one (as `mock.patch` does) changes what everybody reads."""

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [n for n in dir(self) if not n.startswith("_")]
        if name.startswith("__") and name not in _SERVED_DUNDERS:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = self.__dict__[name] = resolve(self.__name__, name)
        return value

    def __dir__(self) -> list[str]:
        own = self.__name__
        names = {n for n in self.__dict__ if not n.startswith("__")}
        for source in _sources(own):
            module = importlib.import_module(source)
            names.update(n for n in dir(module) if not n.startswith("_")
                         and not isinstance(module.__dict__.get(n), ModuleType))
        for full, target in NAMES.items():
            module_name, _, name = full.rpartition(".")
            if module_name == own and not isinstance(target, Missing):
                names.add(name)
        names.update(m.rpartition(".")[2] for m in MODULES if m.rpartition(".")[0] == own)
        return sorted(names)

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} served by ingot>"

    def __reduce__(self) -> Any:
        return importlib.import_module, (self.__name__,)


def _sources(module: str) -> tuple[str, ...]:
    found = MODULES[module]
    return (found,) if isinstance(found, str) else found


def resolve(module: str, name: str) -> Any:
    """What a served module has under a name; AttributeError with the reason if it has nothing."""
    full = f"{module}.{name}"
    target = NAMES.get(full)
    if isinstance(target, str):
        source, _, attribute = target.partition(":")
        value: Any = importlib.import_module(source)
        for part in attribute.split(".") if attribute else ():
            value = getattr(value, part)
        return value
    if target is None:
        if full in MODULES:
            return importlib.import_module(full)
        found, value = _from_sources(module, name)
        if found:
            return value
        why = value or why_missing(module, name)
    else:
        why = target.why
    _record(full, why)
    raise AttributeError(f"module {module!r} (served by ingot) has no attribute {name!r}"
                         f"{f': {why}' if why else ''}")


def _from_sources(module: str, name: str) -> tuple[bool, Any]:
    """(True, value), or (False, why not)."""
    why = ""
    for source in _sources(module):
        try:
            value = getattr(importlib.import_module(source), name)
        except AttributeError as error:
            why = why or getattr(error, "why", "")
            continue
        if not isinstance(value, ModuleType):  # ours are no part of the served names
            return True, value
    return False, why


def _record(name: str, why: str) -> None:
    finder = installed()
    if finder is not None and name not in ABSENT:
        finder.misses.append(Miss(name, why, _asker()))


def _asker() -> str:
    frame = user_frame()
    return "unknown location" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


class Finder(MetaPathFinder, Loader):
    """Finds and makes the served modules; remembers names that were asked for in vain."""

    def __init__(self) -> None:
        self.misses: list[Miss] = []

    def find_spec(self, fullname: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname in MODULES:
            return _spec(fullname, self)
        if fullname.partition(".")[0] not in ROOTS:
            return None
        missing = NAMES.get(fullname)
        why = missing.why if isinstance(missing, Missing) else why_no_module(fullname)
        _record(fullname, why)
        if why:
            raise ModuleNotFoundError(f"No module named {fullname!r} (served by ingot): {why}",
                                      name=fullname)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Served(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        for source in _sources(module.__name__):
            importlib.import_module(source)
        # The root has the file that child processes find; all others have that of their source,
        # but no path, or Python would import the files there a second time under JAX's names.
        if module.__name__ in ROOTS:
            folder = os.path.join(SERVED, module.__name__)
            module.__file__, module.__path__ = os.path.join(folder, "__init__.py"), [folder]
        else:
            first = sys.modules[_sources(module.__name__)[0]]
            module.__file__ = getattr(first, "__file__", None)


def _spec(name: str, finder: Finder) -> ModuleSpec:
    spec = ModuleSpec(name, finder, is_package=True)
    spec.origin = "ingot"
    return spec


def installed() -> Finder | None:
    """The finder, if the hook is installed."""
    return next((f for f in sys.meta_path if isinstance(f, Finder)), None)


def _refuse_real(module: ModuleType) -> None:
    file = getattr(module, "__file__", None) or ""
    if isinstance(module, Served) or file.startswith(SERVED):
        return
    raise ImportError(
        f"ingot.as_jax: {module.__name__} {getattr(module, '__version__', '')} from {file or '?'}"
        " is already imported, and both cannot be `jax` in one process; make `import ingot.as_jax`"
        " the first line of the program, or start it with `python -m ingot`",
        name=module.__name__)


def _used_before() -> bool:
    """Whether a module that is not ingot's has imported ingot already."""
    modules = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] != "ingot"]
    return any(isinstance(value, ModuleType) and value.__name__.partition(".")[0] == "ingot"
               for module in modules if isinstance(module, ModuleType)
               for value in list(vars(module).values()))


def _tell_of_64_bits() -> None:
    if not (ours.chosen("enable_x64") or "JAX_ENABLE_X64" in os.environ):
        warn("ingot.as_jax: 64-bit types are off from now on in the whole process, as in JAX, also"
             " for ingot.numpy, which was imported before; to choose, call"
             " ingot.config.update('enable_x64', True) or False before importing ingot.as_jax, or"
             " set JAX_ENABLE_X64")


def install() -> Finder:
    """Make `import jax` give ingot from now on, here and in child processes.

    Flags get JAX's defaults (64-bit types off) and what the JAX_* environment variables say, but
    for those that the program has set itself; if it has used ingot already, a warning says so.
    Raises ImportError if JAX itself is already imported.
    """
    found = installed()
    if found is not None:
        return found
    if "jax" not in sys.modules:  # what the back end of XLA has imported stays with it
        set_aside()
    for name in [n for n in sys.modules if n.partition(".")[0] in ROOTS]:
        if not name.startswith(BY_NAME):
            _refuse_real(sys.modules[name])
    finder = Finder()
    for name in [n for n in sys.modules if n.partition(".")[0] in ROOTS]:
        if not name.startswith(BY_NAME):
            del sys.modules[name]
    sys.meta_path.insert(0, finder)
    if ours.enable_x64 and _used_before():
        _tell_of_64_bits()
    apply_environment(os.environ)
    LOGGERS.update(JAX_LOGGERS)
    # The folder carries the distributions' metadata; multiprocessing hands sys.path to its
    # children, PYTHONPATH reaches all others.
    if SERVED not in sys.path:
        sys.path.insert(min(1, len(sys.path)), SERVED)
    paths = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    if SERVED not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([SERVED, *paths])
    return finder


__all__ = ["SERVED", "Finder", "Miss", "Served", "install", "installed", "resolve", "__version__"]
