"""Profiles: traces that Perfetto opens, and tables of where the time of a function goes."""

from __future__ import annotations

import functools
import gzip
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingot.api.profile_report import Report, report
from ingot.config import fast_path_guard
from ingot.core.array import is_deleted, live_arrays
from ingot.core.source_info import here
from ingot.core.spans import RECORDINGS, Span, span
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.util import update_wrapper

PLACE = Path("plugins", "profile")
"""Where TensorBoard looks for profiles in a folder."""


@dataclass
class ProfileOptions:
    """What a profile holds; those of JAX that say more about its own tracers have no effect.

    host_tracer_level, python_tracer_level: 0 leaves out what is told by ingot, and by annotations.

    >>> ingot.profiler.ProfileOptions().host_tracer_level
    2
    """

    host_tracer_level: int = 2
    python_tracer_level: int = 1
    device_tracer_level: int = 1
    enable_hlo_proto: bool = True
    include_dataset_ops: bool = False
    duration_ms: int = 0
    start_timestamp_ns: int = 0
    repository_path: str = ""
    session_id: str = ""
    raise_error_on_start_failure: bool = False
    advanced_configuration: Any = None


@dataclass
class _Session:
    """A profile that is being taken."""

    folder: Path
    spans: list[Span]
    options: ProfileOptions
    start: float


_sessions: list[_Session] = []


def start_trace(log_dir: str | os.PathLike[str], create_perfetto_link: bool = False,
                create_perfetto_trace: bool = False,
                profiler_options: ProfileOptions | None = None) -> None:
    """Begin to record what runs: calls of functions under `jit` with the line that calls, tracing,
    passes of the compiler by name, LLVM, loading, each run of a program, and annotations.

    log_dir: a folder. profiler_options: ProfileOptions. create_perfetto_link,
    create_perfetto_trace: without effect, the file is always one that Perfetto opens. Meanwhile all
    calls go through Python, and some microseconds are added to each. Raises RuntimeError if a
    profile is being taken already.

    >>> ingot.profiler.start_trace("/tmp/profile")  # doctest: +SKIP
    """
    if _sessions:
        raise RuntimeError("start_trace: a profile is being taken already, into"
                           f" {_sessions[0].folder}; only one profile may be taken at a time: call"
                           " stop_trace first")
    session = _Session(Path(log_dir), [], profiler_options or ProfileOptions(),
                       time.perf_counter())
    _sessions.append(session)
    fast_path_guard.append(None)  # native calls do not come by here
    RECORDINGS.append(session.spans)


def stop_trace() -> None:
    """End the recording, and write `plugins/profile/<time>/<host>.trace.json.gz` in the folder.

    Raises RuntimeError if no profile is being taken.

    >>> ingot.profiler.stop_trace()
    Traceback (most recent call last):
    RuntimeError: stop_trace: no profile is being taken; call start_trace first
    """
    if not _sessions:
        raise RuntimeError("stop_trace: no profile is being taken; call start_trace first")
    session = _sessions.pop()
    RECORDINGS[:] = [r for r in RECORDINGS if r is not session.spans]
    fast_path_guard.pop()
    folder = session.folder / PLACE / time.strftime("%Y_%m_%d_%H_%M_%S")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{socket.gethostname()}.trace.json.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        json.dump(_chrome_trace(session), file)


@contextmanager
def trace(log_dir: str | os.PathLike[str], create_perfetto_link: bool = False,
          create_perfetto_trace: bool = False, profiler_options: ProfileOptions | None = None
          ) -> Iterator[None]:
    """Record what runs within a context; see `start_trace`.

    log_dir, create_perfetto_link, create_perfetto_trace, profiler_options: those of `start_trace`
    -> a context manager.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, ingot.profiler.trace(folder):
    ...     y = ingot.jit(jnp.sin)(1.0)
    """
    start_trace(log_dir, create_perfetto_link, create_perfetto_trace, profiler_options)
    try:
        yield
    finally:
        stop_trace()


def _chrome_trace(session: _Session) -> dict[str, Any]:
    """Spans in the format of Chrome's traces: complete events, in microseconds."""
    process = os.getpid()
    events: list[dict[str, Any]] = [
        {"ph": "M", "pid": process, "name": "process_name", "args": {"name": "ingot"}}]
    names = {t.native_id: t.name for t in threading.enumerate()}
    for thread in dict.fromkeys(s.thread for s in session.spans):
        events.append({"ph": "M", "pid": process, "tid": thread, "name": "thread_name",
                       "args": {"name": names.get(thread, f"thread {thread}")}})
    for s in session.spans:
        annotation = s.kind in ("annotation", "step")
        level = session.options.python_tracer_level if annotation else (
            session.options.host_tracer_level)
        if level:
            events.append({"ph": "X", "pid": process, "tid": s.thread, "cat": s.kind,
                           "name": s.name, "ts": 1e6 * (s.start - session.start),
                           "dur": 1e6 * s.seconds,
                           "args": {k: str(v) for k, v in s.details.items()}})
    return {"displayTimeUnit": "ms", "traceEvents": events}


# ---- annotations ---------------------------------------------------------------------------------
class TraceAnnotation:
    """A context that is a span of its own in profiles.

    name: what it is called. kwargs: details.

    >>> with ingot.profiler.TraceAnnotation("load data"):
    ...     data = np.arange(3)
    """

    kind = "annotation"

    def __init__(self, name: str, **kwargs: Any):
        self.name, self._details = name, kwargs

    def __enter__(self) -> TraceAnnotation:
        """Begin the span."""
        self._span = span(self.kind, self.name, line=here() if RECORDINGS else "", **self._details)
        self._span.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        """End the span."""
        self._span.__exit__(*error)


class StepTraceAnnotation(TraceAnnotation):
    """The span of one step of a training loop.

    name: what it is called. kwargs: details, as step_num.

    >>> with ingot.profiler.StepTraceAnnotation("train", step_num=3):
    ...     loss = 0.0
    """

    kind = "step"


def annotate_function(func: Callable[..., Any] | None = None, name: str | None = None,
                      **decorator_kwargs: Any) -> Any:
    """Make each call of a function a span in profiles.

    func: a function; without it, a decorator. name: of the span, by default the function's.
    decorator_kwargs: details -> a function of the same arguments and results.

    >>> ingot.profiler.annotate_function(len)([1, 2])
    2
    """
    if func is None:
        return functools.partial(annotate_function, name=name, **decorator_kwargs)
    called = name or getattr(func, "__qualname__", type(func).__name__)

    def annotated(*args: Any, **kwargs: Any) -> Any:
        with TraceAnnotation(called, **decorator_kwargs):
            return func(*args, **kwargs)

    return update_wrapper(annotated, func)


# ---- memory --------------------------------------------------------------------------------------
def device_memory_profile(backend: str | None = None) -> bytes:
    """List the arrays that are in memory: one line per type, the largest first, then the sum.

    backend: without effect -> text, as bytes; JAX's is for pprof instead.

    >>> ingot.profiler.device_memory_profile().decode().splitlines()[-1].endswith("arrays")
    True
    """
    del backend
    held: dict[str, list[int]] = {}
    for x in live_arrays():
        if not is_deleted(x):
            held.setdefault(str(x.aval), []).append(x.aval.nbytes)
    rows = sorted(held.items(), key=lambda row: -sum(row[1]))
    lines = [f"{sum(sizes):>15,} bytes  {len(sizes):>6} x {name}" for name, sizes in rows]
    everything = [n for _, sizes in rows for n in sizes]
    lines.append(f"{sum(everything):>15,} bytes  in {len(everything)} arrays")
    return "\n".join(lines).encode()


def save_device_memory_profile(filename: str | os.PathLike[str], backend: str | None = None
                               ) -> None:
    """Write what `device_memory_profile` returns to a file.

    filename: where to. backend: without effect.

    >>> ingot.profiler.save_device_memory_profile("/dev/null")
    """
    Path(filename).write_bytes(device_memory_profile(backend))


def start_server(port: int) -> None:
    """Do nothing: profiles are not taken from outside of the process.

    port: without effect.

    >>> ingot.profiler.start_server(9999)
    """
    sys.stderr.write(f"ingot: no profiler listens at port {port}; use profiler.trace(folder)\n")


def stop_server() -> None:
    """Do nothing, as there is no server.

    >>> ingot.profiler.stop_server()
    """


__all__ = ["ProfileOptions", "Report", "StepTraceAnnotation", "TraceAnnotation",
           "annotate_function", "device_memory_profile", "report", "save_device_memory_profile",
           "start_server", "start_trace", "stop_server", "stop_trace", "trace"]

_hide_frames_of(__name__)
