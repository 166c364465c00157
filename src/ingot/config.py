"""Every flag of ingot in one table: name, type, default, sentence, environment variable."""

from __future__ import annotations

import difflib
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Flag:
    """One switch; `traced` flags change what tracing produces: they are part of cache keys. What is
    `fixed` is read when ingot is imported, and stays."""

    name: str
    type: type
    default: Any
    sentence: str
    traced: bool = False
    choices: Sequence[Any] | None = None
    fixed: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "INGOT_" + self.name.upper()

    def parse(self, value: Any) -> Any:
        """The value as the flag's type; ValueError if it is not one of the choices."""
        if self.type is bool and isinstance(value, str):
            if value.lower() not in ("0", "1", "true", "false", "on", "off", "yes", "no", ""):
                raise ValueError(f"{self.name}: expected a boolean, got {value!r}")
            value = value.lower() in ("1", "true", "on", "yes")
        elif value is not None and self.type is not object:
            value = self.type(value)
        if self.choices is not None and value not in self.choices:
            raise ValueError(f"{self.name}: expected one of {tuple(self.choices)}, got {value!r}")
        return value

    def check_settable(self, before: Any, after: Any) -> None:
        """Raise ValueError if the flag has to stay as it is."""
        if self.fixed and after != before:
            raise ValueError(f"{self.name}: it is read when ingot is imported; set the environment"
                             f" variable {self.variable} before that")


BACKENDS = ["llvm", "reference", "xla", "cuda", "tpu"]
"""Names that the flag `backend` may have; `core.backend.register_backend` adds to them."""

TABLE = [
    Flag("enable_x64", bool, True, "Allow 64-bit types, and make them the default.", True),
    Flag("numpy_dtype_promotion", str, "standard",
         "'standard' promotes mixed dtypes by the lattice, 'strict' refuses.", True,
         ("standard", "strict")),
    Flag("numpy_rank_promotion", str, "allow",
         "What happens where shapes of different ranks are broadcast.", True,
         ("allow", "warn", "raise")),
    Flag("default_matmul_precision", str, None,
         "What `precision` contractions are given where none is named; results on the CPU are the"
         " same for all, with all digits of the dtype.", True,
         (None, "default", "high", "highest", "bfloat16", "tensorfloat32", "float32", "fastest",
          "bfloat16_3x", "F16_F16_F16", "F16_F16_F32", "BF16_BF16_BF16", "BF16_BF16_F32",
          "BF16_BF16_F32_X3", "BF16_BF16_F32_X6", "BF16_BF16_F32_X9", "TF32_TF32_F32",
          "TF32_TF32_F32_X3", "F32_F32_F32", "F64_F64_F64")),
    Flag("default_prng_impl", str, "threefry2x32", "Generator behind new PRNG keys.", True,
         ("threefry2x32", "rbg", "unsafe_rbg")),
    Flag("threefry_partitionable", bool, True,
         "Draw each random number from its index alone, so that it does not depend on the shape.",
         True),
    Flag("enable_custom_prng", bool, False, "`random.PRNGKey` makes typed keys.", True),
    Flag("disable_jit", bool, False, "Run functions under jit op by op.", True),
    Flag("debug_nans", bool, False, "Raise FloatingPointError at the first NaN.", True),
    Flag("debug_infs", bool, False, "Raise FloatingPointError at the first infinity.", True),
    Flag("enable_checks", bool, False, "Type-check programs after every pass.", True),
    Flag("check_memory", bool, False,
         "Raise when compiled code touches memory that it may not; slow, for work on ingot.", True),
    Flag("passes", str, "", "Passes of the compiler that are left out, for work on ingot: names"
         " with a minus in front, as '-fuse-loops,-outline'; `compiler/pipeline.py` lists them.",
         True),
    Flag("check_tracer_leaks", bool, False, "Raise when a tracer outlives its transformation.",
         True),
    Flag("check_static_indices", bool, True,
         "Raise IndexError for Python integers out of bounds; else reads clamp, writes are lost.",
         True),
    Flag("match_jax", bool, False,
         "Draw JAX's random numbers, and give JAX's result types, where better ones exist.", True),
    *(Flag(f"transfer_guard_{direction}", str, None,
           f"Whether arrays may move from {words}: 'log' and 'disallow' act on what operations do"
           " by themselves, 'log_explicit' and 'disallow_explicit' also on `device_put` and"
           " `device_get`.", True,
           (None, "allow", "log", "disallow", "log_explicit", "disallow_explicit"))
      for direction, words in (("host_to_device", "the host to a device"),
                               ("device_to_device", "one device to another"),
                               ("device_to_host", "a device to the host, unless both have one"
                                " memory"))),
    Flag("num_cpu_devices", int, -1, "How many names `devices` has for the CPU;"
         " -1: the greatest power of two up to the number of cores, but at least four."),
    Flag("log_compiles", bool, False,
         "Log what is traced and compiled, for which types, from which line, and how long it took,"
         " as warnings of the logger 'ingot'."),
    Flag("explain_cache_misses", bool, False,
         "Log why a function under jit is traced again: what differs from the nearest earlier"
         " call."),
    Flag("progress", str, "auto",
         "What draws bars of `ingot.progress`: 'rich', 'tqdm', 'plain' lines, nothing ('off');"
         " 'auto' takes what is installed, and lines where there is no terminal.", False,
         ("auto", "rich", "tqdm", "plain", "off")),
    Flag("traceback_filtering", str, "auto", "How tracebacks hide our frames.", False,
         ("auto", "off", "remove_frames", "tracebackhide", "quiet_remove_frames")),
    Flag("backend", str, "llvm",
         "Which back end runs compiled programs: 'llvm', 'reference', 'xla', or one that was"
         " registered.",
         True, BACKENDS),
    Flag("platforms", str, None,
         "Names of back ends or platforms in order of preference, as 'cuda,cpu': the first that"
         " starts runs compiled programs, in place of `backend`.", True),
    Flag("default_device", object, None,
         "Device, or name of a platform, on which arrays are and programs run that nothing else"
         " places; by default the first of the chosen back end.", True),
    Flag("cache", bool, True, "Keep machine code on disk for later processes."),
    Flag("cache_dir", str, None, "Folder of that cache; by default `ingot` in the user's."),
    Flag("cache_bytes", int, 2**30, "Size of that cache above which old entries are removed."),
    Flag("buffer_bytes", int, 2**28,
         "Memory of dead results kept for new ones, above which the longest unused is freed."),
    Flag("optimize", str, "auto",
         "LLVM tier: 'fast' compiles soonest, 'full' runs fastest, 'auto' moves from one to the"
         " other.", True, ("auto", "fast", "full")),
    Flag("mesh", object, None, "Mesh to which shardings without a mesh refer; `set_mesh` sets it.",
         True),
    Flag("abstract_mesh", object, None, "Mesh without devices that programs see in its place;"
         " `use_abstract_mesh` sets it.", True),
    Flag("export_calling_convention_version", int, 10,
         "Version of the calling convention of exported programs: 9 or 10."),
    Flag("auto_pcast", bool, True, "In shard_map, values that are equal along an axis of the mesh"
         " may meet others that vary over it; otherwise pcast must say so.", True),
    Flag("remove_size_one_mesh_axis_from_type", bool, False,
         "Types do not name Explicit axes of a mesh that have one device.", True),
    Flag("export_platforms", object, None,
         "Platforms for which a function is exported, while it is traced for that.", True),
    Flag("portable", bool, False,
         "Rely on public interfaces alone: no layouts of objects, own loader, threads.",
         fixed=True),
]


fast_path_guard: list[Any] = [None]
"""One entry, the trace key of all threads, while every thread is in its ordinary state. Whoever
leaves it (a transformation, a flag set for one thread) appends an entry and pops it in the end, so
that one look at this list tells whether the short cuts of native code apply; it reads the list in
place, and no lock is needed, as appending and popping are atomic."""

IN_NUMPY = ("llvm", "reference")
"""Back ends whose operations outside of programs are NumPy's, on the first name of the CPU."""


def _elsewhere(values: dict[str, Any]) -> bool:
    """Whether arrays about which nothing is said may lie elsewhere than in NumPy's memory, on the
    first name of the CPU: one look at it tells each operation."""
    first = (values["platforms"] or "cpu").partition(",")[0]
    named = values["backend"] if first == "cpu" else first
    return values["default_device"] is not None or named not in IN_NUMPY


_lock = threading.Lock()
_keys: dict[tuple[Any, ...], tuple[Any, ...]] = {}
_defaults: dict[str, Any] = {}
_chosen: set[str] = set()  # flags that were set since the start
_threads: list[tuple[weakref.ref[threading.Thread], dict[str, Any]]] = []


class Config(threading.local):
    """Values of all flags, as plain attributes; `update` is for all threads, `override` for this.

    Every thread has its own copy, because flags are read on the path of every operation; so has
    it what follows from them: `elsewhere`.
    """

    elsewhere: bool

    def __init__(self) -> None:
        with _lock:
            self.__dict__.update(_defaults, elsewhere=_elsewhere(_defaults))
            self._overridden: dict[str, int] = {}
            self._key: tuple[Any, ...] | None = None
            _threads.append((weakref.ref(threading.current_thread()), self.__dict__))

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise AttributeError(f"flags are set by config.update({name!r}, {value!r}), or in a"
                                 " context of their own")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        """All flags: their values, and what they do."""
        lines = [f"{f.name} = {self.__dict__[f.name]!r}  # {f.sentence}" for f in TABLE]
        return "ingot.config, set by config.update(name, value) or INGOT_NAME:\n" + "\n".join(lines)

    def __getattr__(self, name: str) -> Any:
        return self.__dict__[self.flag(name).name]  # a flag under its JAX name

    def flag(self, name: str) -> Flag:
        """The row of the table for this name, with or without `jax_` in front; AttributeError if
        there is none."""
        flag = _rows.get(name.removeprefix("jax_"))
        if flag is None:
            near = difflib.get_close_matches(name.removeprefix("jax_"), _rows, 3)
            raise AttributeError(f"ingot has no flag named {name!r}; " + (
                f"did you mean {' or '.join(near)}?" if near else "print(ingot.config) lists all"))
        return flag

    def update(self, name: str, value: Any) -> None:
        """Set a flag for all threads that do not override it."""
        flag = self.flag(name)
        name, value = flag.name, flag.parse(value)
        flag.check_settable(_defaults[name], value)
        _chosen.add(name)
        self.set_default(name, value)

    def set_default(self, name: str, value: Any) -> None:
        """Set a flag for all threads as something that the user has not chosen."""
        with _lock:
            _defaults[name] = value
            fast_path_guard[0] = None
            _threads[:] = [(t, values) for t, values in _threads if t() is not None]
            for _, values in _threads:
                if not values["_overridden"].get(name):
                    values[name] = value
                    values["elsewhere"] = _elsewhere(values)
                    values["_key"] = None

    @contextmanager
    def override(self, name: str, value: Any) -> Iterator[None]:
        """Set a flag in this thread while the context lasts."""
        flag = self.flag(name)
        name, value = flag.name, flag.parse(value)
        flag.check_settable(_defaults[name], value)
        values, depth = self.__dict__, self._overridden
        fast_path_guard.append(None)
        before = values[name]
        values[name], self._key = value, None
        values["elsewhere"] = _elsewhere(values)
        depth[name] = depth.get(name, 0) + 1
        try:
            yield
        finally:
            depth[name] -= 1
            values[name] = before if depth[name] else _defaults[name]
            values["elsewhere"] = _elsewhere(values)
            self._key = None
            fast_path_guard.pop()

    def snapshot(self) -> dict[str, Any]:
        """Values of all flags in this thread, for `adopt`."""
        return {name: self.__dict__[name] for name in _rows}

    def adopt(self, values: dict[str, Any]) -> None:
        """Let this thread, which works for another one, see that one's flags from now on."""
        self.__dict__.update(values, elsewhere=_elsewhere(values), _key=None,
                             _overridden=dict.fromkeys(values, 1))

    def chosen(self, name: str) -> bool:
        """Whether a flag was set for all threads, by `update` or its environment variable."""
        return name in _chosen or self.flag(name).variable in os.environ

    def trace_key(self) -> tuple[Any, ...]:
        """Values of all flags that change what tracing produces; equal keys are one object."""
        key = self._key
        if key is None:
            with _lock:
                key = tuple(getattr(self, f.name) for f in TABLE if f.traced)
                self._key = key = _keys.setdefault(key, key)
                if not any(self._overridden.values()):
                    fast_path_guard[0] = key
        return key


def _from_environment() -> dict[str, Any]:
    found = {
        f.name: f.parse(os.environ[f.variable]) if f.variable in os.environ else f.default
        for f in TABLE
    }
    if found["platforms"] is None:  # JAX's variable for the same thing
        found["platforms"] = os.environ.get("JAX_PLATFORMS") or None
    return found


_rows = {flag.name: flag for flag in TABLE}
_defaults.update(_from_environment())
config = Config()


def context(name: str) -> Callable[[Any], Any]:
    """A context manager factory for one flag: `with context("debug_nans")(True): ...`."""

    def manager(new_value: Any = True, **named: Any) -> Any:
        # JAX calls the argument by the flag's verb: disable_jit(disable=True).
        (value,) = named.values() or (new_value,)
        return config.override(name, value)

    manager.__name__ = manager.__qualname__ = name
    manager.__doc__ = _explained(config.flag(name))
    return manager


def _explained(flag: Flag) -> str:
    """The docstring of the context manager for one flag, with an example that changes it."""
    other = flag.choices[-1] if flag.choices else not flag.default
    values = f"one of {', '.join(map(repr, flag.choices))}" if flag.choices else "a boolean"
    return f"""{flag.sentence}

new_value: {values}; (named) any one keyword may stand for it.
-> a context manager: the flag {flag.name} has this value within it, in this thread.
Raises ValueError for other values.

>>> with ingot.{flag.name}({other!r}):
...     ingot.config.{flag.name}
{other!r}
"""
