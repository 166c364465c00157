"""The protocol of back ends and their registry: who compiles jaxprs, runs them, and owns memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ingot.config import BACKENDS, config
from ingot.core.array import CHOOSERS, OWNERS, Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.devices import Device
from ingot.core.interpreter import EVAL, interpreting
from ingot.core.jaxpr import Eqn, Jaxpr, eval_jaxpr
from ingot.core.logs import compiling
from ingot.core.nan_check import checking, found_in
from ingot.core.native_calls import NativeCalls, register_native_calls
from ingot.core.placement import (
    argument,
    client_of,
    common_sharding,
    default_device,
    is_committed,
)
from ingot.core.sharding import Sharding, SingleDeviceSharding
from ingot.core.source_info import describe, user_source
from ingot.util import gc_disabled, warn

Buffer = Any
"""What holds the elements of an array: an object of the back end, or an ndarray."""

REFERENCE = "reference"
"""The name of the back end that defines what programs mean."""


@dataclass(frozen=True)
class CompileOptions:
    """What a compilation depends on besides the jaxpr and the flags; hashable.

    donated: numbers of the arguments whose memory results may take. devices: on which to run, by
    default the first. in_shardings, out_shardings: one per argument and result, None where the back
    end may choose. committed: whether results have to stay where they are though no argument has
    to. compiler_options: names and values that the back end defines.
    """

    donated: tuple[int, ...] = ()
    devices: tuple[Device, ...] = ()
    in_shardings: tuple[Sharding | None, ...] | None = None
    out_shardings: tuple[Sharding | None, ...] | None = None
    committed: bool = False
    compiler_options: tuple[tuple[str, Any], ...] = ()


DEFAULTS = CompileOptions()


ELSEWHERE = object()
"""What `Executable.caller` returns for arrays that it cannot take."""


class Executable(Protocol):
    """A compiled jaxpr."""

    jaxpr: Jaxpr
    options: CompileOptions

    native_calls: NativeCalls | None
    """The native call path that can run it; None if calls go through Python."""

    def __call__(self, *buffers: Buffer) -> Sequence[Buffer]:
        """Run on buffers of the back end, none of which is given up; return new ones.

        What a host function raised is raised here, or by `Backend.wait` if the back end is
        asynchronous, as HostCallError; where the back end interprets, it may be raised as it is.
        """
        ...

    def run(self, arrays: Sequence[Array], consume: bool = False) -> Sequence[Buffer]:
        """Run on arrays, which are moved to the back end's memory if they are elsewhere.

        With `consume` the caller gives up the donated ones, and deletes them afterwards. After an
        error those that were written to are deleted.
        """
        ...

    def caller(self, out_avals: Sequence[ShapedArray], rebuild: Callable[[Iterator[Array]], Any]
               ) -> Callable[[Sequence[Array]], Any] | None:
        """Return a shorter way from arrays to what `rebuild` makes of the results; None if there is
        no such way. It returns ELSEWHERE, and runs nothing, for arrays that lie elsewhere than
        those it was last run on by `run`, and for traced ones."""
        ...

    def as_text(self, stage: str | None = None) -> str:
        """Return the program at a stage of compilation, by default the last one with a text.

        Raises ValueError for a stage that does not exist; the message names those that do.
        """
        ...

    def cost_analysis(self) -> dict[str, float]:
        """Return estimates of the compiler by name."""
        ...

    def memory_analysis(self) -> dict[str, int]:
        """Return sizes in bytes by name."""
        ...

    def serialize(self) -> bytes:
        """Return what `Backend.deserialize` takes in another process.

        Raises NotImplementedError if the back end has no such form.
        """
        ...

    @property
    def host_functions(self) -> Sequence[Eqn]:
        """The equations that run in Python, called from compiled code."""
        ...


class Backend(Protocol):
    """Compiles jaxprs for its devices, and owns the memory of their arrays."""

    name: str
    """What `config.backend` and `jit(backend=...)` choose it by."""

    platform: str
    """'cpu', 'cuda', 'tpu'...: `jit(backend=...)` and `devices(...)` take this too."""

    buffer_type: type
    """The type of its buffers, by which the owner of an array's memory is found."""

    interprets: bool
    """Whether it evaluates equation by equation, so that loops are Python's."""

    native_calls: NativeCalls | None
    """The native call path that it offers, if any."""

    def devices(self) -> Sequence[Device]:
        """Return all devices, in the order of their numbers."""
        ...

    def prepare(self) -> None:
        """Start one-time initialization; called once, when ingot has been imported."""
        ...

    # ---- memory ----
    def put(self, data: np.ndarray | Buffer, sharding: Sharding | None = None,
            committed: bool = True) -> Buffer:
        """Return a buffer with these elements, on the first device if there is no sharding;
        `committed`: operations have to follow it there."""
        ...

    def fetch(self, buffer: Buffer) -> np.ndarray:
        """Return the elements as an ndarray in row-major order; waits until they are there."""
        ...

    def copy(self, buffer: Buffer) -> Buffer:
        """Return a buffer with the same elements that shares no memory with this one."""
        ...

    def delete(self, buffer: Buffer) -> None:
        """Free the memory as soon as no program under way reads it."""
        ...

    def ready(self, buffer: Buffer) -> bool:
        """Return whether the elements have been computed."""
        ...

    def wait(self, buffers: Sequence[Buffer]) -> None:
        """Wait until the elements have been computed; raise what the computation raised."""
        ...

    def sharding_of(self, buffer: Buffer) -> Sharding:
        """Return where the parts of a buffer are."""
        ...

    def is_committed(self, buffer: Buffer) -> bool:
        """Return whether operations have to follow a buffer to where it is."""
        ...

    # ---- programs ----
    def evaluate(self, primitive: Any, arrays: Sequence[Array], params: dict[str, Any]) -> Any:
        """Run one operation outside of programs where the arrays lie, or by default do; return its
        result, or the list of them. Called only where buffers are other than NumPy's."""
        ...

    def compile(self, jaxpr: Jaxpr, options: CompileOptions) -> Executable:
        """Compile a jaxpr whose constants are concrete."""
        ...

    def deserialize(self, data: bytes, devices: Sequence[Device] | None = None) -> Executable:
        """Return an executable that `Executable.serialize` wrote; trusted data only.

        devices: which the program's are by their numbers, by default all. Raises ValueError for
        bytes of another back end or version.
        """
        ...

    def lowered(self, jaxpr: Jaxpr, options: CompileOptions, dialect: str, located: bool = False
                ) -> Any:
        """Return a jaxpr in the form in which the compiler takes it: a module of MLIR that prints
        itself in 'stablehlo', or an object with `as_hlo_text` in 'hlo'; None if it takes jaxprs.
        Operations know the user's lines that they come from if `located`."""
        ...

    def wait_for_effects(self) -> None:
        """Wait until host functions of programs under way have returned; raise what they raised."""
        ...


class DeviceBackend(Backend, Protocol):
    """A back end whose buffers are other than NumPy's: each has parts on devices."""

    def put_parts(self, aval: ShapedArray, sharding: Sharding, parts: dict[Device, np.ndarray]
                  ) -> Buffer:
        """Return the buffer of which the devices of this process hold these parts."""
        ...

    def part(self, buffer: Buffer, device: Device) -> Buffer:
        """Return the part of a buffer that a device of this process holds, as a buffer there."""
        ...


# ---- registry ------------------------------------------------------------------------------------
_backends: dict[str, Backend] = {}
_modules: dict[str, str] = {}  # of back ends that start when they are first asked for
_ALIASES = {"gpu": "cuda", "xla_cpu": "xla"}


def register_backend(backend: Backend) -> None:
    """Make a back end available under its name, in place of one that had the name before.

    A native call path is used by modules that are imported later.
    """
    _backends[backend.name] = backend
    if backend.name not in BACKENDS:
        BACKENDS.append(backend.name)
    if backend.buffer_type is not np.ndarray:
        OWNERS[backend.buffer_type] = backend
    if backend.native_calls is not None:
        register_native_calls(backend.native_calls)


def register_later(name: str, module: str) -> None:
    """Make a back end available that starts when it is first asked for by its name.

    module: its name; start(name) in it returns the back end.
    """
    _modules[name] = module


def backends() -> dict[str, Backend]:
    """Return all back ends that have started, by name."""
    return dict(_backends)


def get_backend(name: str | None = None) -> Backend:
    """Return the back end of a name or a platform, by default the one that `config.backend` names.

    For a platform it is the chosen back end if that is of this platform, else the first one
    registered. Without a name, the flag `platforms` decides if it is given. Raises RuntimeError if
    there is none, or if it does not start; but for an accelerator that nobody asked for, without
    which programs run on the CPU.
    """
    if name is None and config.platforms:
        return _first_that_starts(config.platforms)
    if name is None and config.backend in _modules and config.backend not in _backends:
        _start_unless_found_missing()
    wanted = name or config.backend
    wanted = _ALIASES.get(wanted, wanted)
    found = _backends.get(wanted)
    if found is None and wanted in _modules:
        return _started(wanted, asked=name or wanted)
    if found is None:
        if config.backend in _modules:
            get_backend(config.backend)
        chosen = _backends.get(config.backend)
        of_platform = [b for b in (chosen, *_backends.values()) if b and b.platform == name]
        if not of_platform:
            platforms = sorted({b.platform for b in _backends.values()})
            raise RuntimeError(
                f"Unknown backend {name or config.backend!r}: the back ends are"
                f" {', '.join(map(repr, _backends))}, for {', '.join(map(repr, platforms))}")
        found = of_platform[0]
    return found


def _start_unless_found_missing() -> None:
    """Start the chosen back end; if nobody has chosen it and it does not start, choose LLVM."""
    name = config.backend
    try:
        _started(name, asked=name)
    except RuntimeError as error:
        if config.chosen("backend"):
            raise
        config.set_default("backend", "llvm")
        warn(f"{error}. Programs run on the CPU", RuntimeWarning)


def prepare() -> None:
    """Let the chosen back end initialize what it can, unless it starts when it is first used."""
    if not config.elsewhere:
        get_backend().prepare()


def prefer(name: str) -> None:
    """Make a back end the chosen one if the user has chosen none."""
    if not config.chosen("backend"):
        config.set_default("backend", name)


def _started(name: str, asked: str) -> Backend:
    try:
        backend = importlib.import_module(_modules[name]).start(name)
    except (ImportError, RuntimeError) as error:
        raise RuntimeError(f"Unknown backend {asked!r}: it does not start: {error}") from None
    register_backend(backend)
    return backend


_first: dict[tuple[str, str], Backend] = {}  # of those of a list, that started


def _first_that_starts(platforms: str) -> Backend:
    """The first back end of a list of names, separated by commas, that starts."""
    why, key = [], (platforms, config.backend)
    if key in _first and _first[key] is _backends.get(_first[key].name):
        return _first[key]
    for name in platforms.split(","):
        try:
            found = _first[key] = get_backend(name.strip())
            return found
        except RuntimeError as error:
            why.append(str(error))
    raise RuntimeError(f"none of the platforms {platforms!r} starts: {'; '.join(why)}")


def owner_of(x: Array) -> Backend:
    """Return the back end that owns the memory of an array; for ndarrays any on the CPU does."""
    owner = OWNERS.get(type(x._data))
    return owner if owner is not None else get_backend("cpu")


CHOOSERS.append(get_backend)


def backend_at(sharding: Sharding) -> Backend:
    """Return the back end that runs programs on the devices of a sharding."""
    client = client_of(sharding)
    if not isinstance(client, Device):
        return client
    if config.backend in _backends and _backends[config.backend].buffer_type is np.ndarray:
        return _backends[config.backend]
    return next(b for b in _backends.values() if b.buffer_type is np.ndarray)


def backend_for(arrays: Sequence[Array], title: str) -> Backend:
    """Return the back end on whose devices arrays have to be, else the chosen one.

    Raises ValueError, with `title`, if they have to be on different devices.
    """
    if not config.elsewhere and all([type(x._data) is np.ndarray for x in arrays]):
        return get_backend()
    found = common_sharding(arrays, lambda k: argument(str(k), arrays[k], title))
    if found is not None and any(map(is_committed, arrays)):
        return backend_at(found)
    return chosen_backend()


def chosen_backend() -> Backend:
    """Return the back end of what nothing places: that of the default device."""
    if config.default_device is None:
        return get_backend()
    return backend_at(SingleDeviceSharding(default_device()))


# ---- programs ------------------------------------------------------------------------------------
def compile_jaxpr(jaxpr: Jaxpr, backend: str | None = None, options: CompileOptions = DEFAULTS
                  ) -> Any:
    """Compile a jaxpr whose constants are concrete, once for each back end, options and flags.

    backend: a name or a platform, by default the one chosen. Raises RuntimeError if there is no
    such back end.
    """
    chosen = get_backend(backend)
    key = ("executable", chosen.name, config.trace_key(), options)

    def compiled() -> Executable:
        return compiling(jaxpr.debug_name, jaxpr.in_avals, lambda: chosen.compile(jaxpr, options))

    with gc_disabled():
        return jaxpr.memo(key, compiled)


def run(jaxpr: Jaxpr, arrays: Sequence[Array], backend: str | None = None) -> list[Array]:
    """Compile a jaxpr (once) and run it; `debug_nans` and `debug_infs` check the results."""
    if backend is None:
        backend = backend_for(arrays, jaxpr.debug_name).name
    outs = compile_jaxpr(jaxpr, backend).run(arrays)
    results = [Array(o, v.aval) for o, v in zip(outs, jaxpr.outvars, strict=True)]
    if checking():
        check_results(jaxpr, arrays, results)
    return results


def check_results(jaxpr: Jaxpr, args: Sequence[Array], results: Sequence[Array]) -> None:
    """Raise FloatingPointError if results of a jaxpr have what `debug_nans` or `debug_infs` forbid.

    Which operation made it is found by evaluating the jaxpr again, equation by equation.
    """
    found = found_in([fetch(x) for x in results])
    if found is None:
        return
    with evaluating():
        eval_jaxpr(jaxpr, jaxpr.consts, *args)
    raise FloatingPointError(
        f"invalid value ({found}) encountered in the compiled function {jaxpr.debug_name}, called"
        f" at {describe(user_source())}; run op by op, no operation makes one of other numbers: it"
        " is among the arguments or constants, or comes from a function of Python that is called")


@contextmanager
def evaluating() -> Iterator[None]:
    """A context in which operations are evaluated eagerly, and programs by the reference."""
    with computing_on_host(REFERENCE), interpreting(EVAL):
        yield


@contextmanager
def computing_on_host(backend: str = "llvm") -> Iterator[None]:
    """A context in which what nothing places is computed in the host's memory."""
    wanted = {"backend": backend, "platforms": None, "default_device": None}
    with ExitStack() as stack:
        for name, value in wanted.items():
            if getattr(config, name) != value:
                stack.enter_context(config.override(name, value))
        yield
