"""Strict zip and map, list splitting, clearable caches: helpers that know nothing of ingot."""

from __future__ import annotations

import functools
import gc
import importlib.util
import inspect
import math
import os
import re
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import EXTENSION_SUFFIXES
from types import FrameType, FunctionType, MappingProxyType
from typing import Any

from ingot.errors import AxisError
from ingot.names import MissingNameError

try:
    from _blake2 import blake2b as blake2b  # which hashlib gives too, with OpenSSL: 3 ms to load
except ImportError:
    from hashlib import blake2b as blake2b

_caches: weakref.WeakSet[Any] = weakref.WeakSet()


def update_wrapper(wrapper: Any, wrapped: Any) -> Any:
    """`functools.update_wrapper` for any callable: objects may have odd attributes, or none."""
    for name in functools.WRAPPER_ASSIGNMENTS:
        if hasattr(wrapped, name):
            with suppress(TypeError):
                setattr(wrapper, name, getattr(wrapped, name))
    wrapper.__dict__.update(getattr(wrapped, "__dict__", {}))
    wrapper.__wrapped__ = wrapped
    return wrapper


def wraps(wrapped: Any) -> Callable[[Any], Any]:
    """`functools.wraps` for any callable."""
    return lambda wrapper: update_wrapper(wrapper, wrapped)


def renamed(function: Any, name: str, module: str | None = None) -> Any:
    """A plain function that does the same as another, and says that it is called `name`."""
    out = FunctionType(function.__code__, function.__globals__, name, function.__defaults__,
                       function.__closure__)
    update_wrapper(out, function)
    out.__kwdefaults__, out.__name__, out.__qualname__ = function.__kwdefaults__, name, name
    out.__module__ = module or function.__module__
    if function.__doc__ is not None:  # the example calls it by its new name
        inside = function.__module__.startswith(out.__module__)
        before = r"\b" if inside else r"(?<![\w.])"
        out.__doc__ = re.sub(rf"{before}{function.__name__}\(", f"{name}(", function.__doc__)
    del out.__wrapped__
    return out


def safe_zip(*sequences: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Zip that refuses sequences of different lengths."""
    return list(zip(*sequences, strict=True))


def safe_map(fun: Callable[..., Any], *sequences: Sequence[Any]) -> list[Any]:
    """Map to a list that refuses sequences of different lengths."""
    if len(sequences) == 1:
        return [fun(x) for x in sequences[0]]
    return [fun(*xs) for xs in zip(*sequences, strict=True)]


def unzip2(pairs: Iterable[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    """Split a sequence of pairs into two lists."""
    first: list[Any] = []
    second: list[Any] = []
    for a, b in pairs:
        first.append(a)
        second.append(b)
    return first, second


def split_list(xs: Sequence[Any], sizes: Sequence[int]) -> list[list[Any]]:
    """Split into lists of the given sizes and the rest."""
    xs = list(xs)
    out, start = [], 0
    for n in sizes:
        out.append(xs[start : start + n])
        start += n
    out.append(xs[start:])
    return out


def partition_list(mask: Sequence[bool], xs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Split into the elements where the mask is False and those where it is True."""
    out: tuple[list[Any], list[Any]] = ([], [])
    for m, x in zip(mask, xs, strict=True):
        out[bool(m)].append(x)
    return out


def merge_lists(mask: Sequence[bool], false: Sequence[Any], true: Sequence[Any]) -> list[Any]:
    """Undo `partition_list`."""
    sources = (iter(false), iter(true))
    return [next(sources[bool(m)]) for m in mask]


def once(fun: Callable[[], Any]) -> Callable[[], Any]:
    """A function whose value is computed at its first call, by one thread while others wait."""
    lock, values = threading.RLock(), []

    @functools.wraps(fun)
    def value() -> Any:
        if not values:
            with lock:
                if not values:
                    values.append(fun())
        return values[0]

    return value


def memoize(maxsize: int | None = 4096) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Least-recently-used cache that `clear_caches` empties."""

    def decorate(fun: Callable[..., Any]) -> Callable[..., Any]:
        cached = functools.lru_cache(maxsize)(fun)
        _caches.add(cached)
        return cached

    return decorate


def caches() -> list[Any]:
    """Return the caches that `clear_caches` empties."""
    return list(_caches)


def register_cache(cache: Any) -> None:
    """Let `clear_caches` call `cache.cache_clear()` (or `clear()`) as well."""
    _caches.add(cache)


def clear_caches() -> None:
    """Empty every cache of traced and compiled programs; the next calls trace and compile again.

    The cache on disk stays.

    >>> ingot.clear_caches()
    """
    for cache in list(_caches):
        (getattr(cache, "cache_clear", None) or cache.clear)()


@contextmanager
def gc_disabled() -> Iterator[None]:
    """Without cyclic garbage collection, which would walk a growing program again and again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def axis_range(ndim: int) -> str:
    """Which axes an array has, in words."""
    return f"its axes are 0 to {ndim - 1}, or -{ndim} to -1" if ndim else "it has no axes"


def canonicalize_axis(axis: int, ndim: int, what: str = "axis") -> int:
    """Turn a possibly negative axis into one in [0, ndim)."""
    axis = axis.__index__()
    if not -ndim <= axis < ndim:
        raise AxisError(f"{what} {axis} is out of bounds for an array of dimension {ndim};"
                        f" {axis_range(ndim)}")
    return axis % ndim if ndim else 0


def call_of(fun: Callable[..., Any]) -> str:
    """How a function is called: its name and its arguments, without their types."""
    plain = [p.replace(annotation=p.empty) for p in inspect.signature(fun).parameters.values()]
    return f"{fun.__name__}{inspect.Signature(plain)}"


def moved(xs: Sequence[Any], src: int, dst: int) -> list[Any]:
    """The list with the element at `src` moved to position `dst`."""
    xs = list(xs)
    xs.insert(dst, xs.pop(src))
    return xs


size_of: Callable[[Sequence[int]], int] = math.prod
"""Number of elements of an array of this shape."""


def lazily(package: str, modules: Sequence[str],
           names: Mapping[str, str] = MappingProxyType({})) -> tuple[Any, Any]:
    """`__getattr__` and `__dir__` of a package whose modules are imported when asked for.

    names: further names of the package, and the module of the package that defines each, as
    `module` or `module:name there`.
    """
    return (functools.partial(_find_lazily, package, modules, names),
            functools.partial(_all_names, package, (*modules, *names)))


def _find_lazily(package: str, modules: Sequence[str], names: Mapping[str, str],
                 name: str) -> Any:
    if name in modules:
        return importlib.import_module(f"{package}.{name}")
    if name in names:
        module, _, attribute = names[name].partition(":")
        value = getattr(importlib.import_module(f"{package}.{module}"), attribute or name)
        setattr(sys.modules[package], name, value)
        return value
    raise MissingNameError(package, name)


def _all_names(package: str, names: Sequence[str]) -> list[str]:
    return sorted({*getattr(sys.modules[package], "__all__", ()), *names})


def lazily_from(package: str, modules: Sequence[str], entry: Callable[[Any], Any]
                ) -> tuple[Any, Any]:
    """`__getattr__` and `__dir__` of a module that offers the functions of further modules too.

    These are imported when a name is asked for that it does not define; `entry` makes the function
    that users call of one.
    """
    @functools.cache
    def functions() -> dict[str, Any]:
        return {name: entry(value) for module in modules
                for name, value in vars(importlib.import_module(module)).items()
                if not name.startswith("_") and getattr(value, "__module__", "") in (
                    package, module)}

    def find(name: str) -> Any:
        if not name.startswith("_") and name in functions():
            return functions()[name]
        raise MissingNameError(package, name)

    def names() -> list[str]:
        return sorted({*sys.modules[package].__all__, *functions()})

    return find, names


def extension_path(name: str) -> str | None:
    """The file of an extension module, found without importing the package it belongs to."""
    top, *inner = name.split(".")
    spec = importlib.util.find_spec(top)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        for suffix in EXTENSION_SUFFIXES:
            path = os.path.join(root, *inner) + suffix
            if os.path.exists(path):
                return path
    return None


@functools.cache
def load_extension_alone(name: str) -> Any:
    """An extension module without the package it belongs to, which may be slow to import.

    It does not stay in `sys.modules`, so that importing the package later goes its usual way.
    """
    path = None if name in sys.modules else extension_path(name)
    found = importlib.util.spec_from_file_location(name, path) if path else None
    if found is None or found.loader is None:
        return importlib.import_module(name)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    sys.modules.pop(name, None)
    return module


# ---- whose code is it ----------------------------------------------------------------------------
HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
"""The folder of ingot: what lies in it is ours, whatever the folders around it are called."""

_ARRAY_LIBRARIES = tuple(f"{os.sep}{kind}-packages{os.sep}{name}{os.sep}"
                         for kind in ("site", "dist") for name in ("numpy", "scipy"))
"""Users call their functions as they call ours: the line that matters is that of the call."""

_ours: dict[str, bool] = {}  # by file: hashing code objects takes longer than all else here


def _is_ours(name: str) -> bool:
    ours = _ours[name] = name.startswith((HERE, "<frozen")) or name.endswith(
        (os.sep + "contextlib.py", os.sep + "functools.py")) or any(
            part in name for part in _ARRAY_LIBRARIES)
    return ours


def user_frame() -> FrameType | None:
    """The innermost frame that is not ingot's."""
    frame: FrameType | None = sys._getframe(1)
    known = _ours.get
    while frame is not None:
        name = frame.f_code.co_filename
        ours = known(name)
        if ours is None:
            ours = _is_ours(name)
        if not ours:
            return frame
        frame = frame.f_back
    return None


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the user's line, however deep in ingot that is."""
    user = user_frame()
    if user is None:
        warnings.warn(message, category, stacklevel=2)
        return
    names = user.f_globals
    warnings.warn_explicit(
        message, category, user.f_code.co_filename, user.f_lineno,
        names.get("__name__") or "<string>", names.setdefault("__warningregistry__", {}))


# ---- the machine ---------------------------------------------------------------------------------
def available_cpus() -> int:
    """How many threads this process may run at once: its affinity and its share of the machine."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    return max(1, min(cores, _quota(cores)))


def _quota(cores: int) -> int:
    """The CPUs that the control group of the process may use."""
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            limit, period = file.read().split()
        return cores if limit == "max" else -(-int(limit) // int(period))
    except (OSError, ValueError):
        return cores
