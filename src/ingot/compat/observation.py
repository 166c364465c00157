"""`jax.monitoring` and `jax.profiler`: tracing and compiling are events, nothing is profiled."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ingot.core.logs import LISTENERS


# ---- monitoring ----------------------------------------------------------------------------------
class Listeners:
    """Functions to be called with an event's name."""

    def __init__(self, found: list[Callable[..., Any]] | None = None) -> None:
        self.found: list[Callable[..., Any]] = [] if found is None else found

    def register(self, callback: Callable[..., Any]) -> None:
        """Add one."""
        self.found.append(callback)

    def unregister(self, callback: Callable[..., Any]) -> None:
        """Take one away."""
        self.found.remove(callback)

    def record(self, event: str, *args: Any, **kwargs: Any) -> None:
        """Call all of them."""
        for callback in list(self.found):
            callback(event, *args, **kwargs)


_events, _durations, _spans, _scalars = (
    Listeners(), Listeners(LISTENERS), Listeners(), Listeners())
record_event, record_scalar = _events.record, _scalars.record
record_event_duration_secs, record_event_time_span = _durations.record, _spans.record
register_event_listener, register_scalar_listener = _events.register, _scalars.register
register_event_duration_secs_listener = _durations.register
register_event_time_span_listener = _spans.register
unregister_event_listener, unregister_scalar_listener = _events.unregister, _scalars.unregister
unregister_event_duration_listener = _durations.unregister
unregister_event_time_span_listener = _spans.unregister


def clear_event_listeners() -> None:
    """Forget all listeners."""
    for kind in (_events, _durations, _spans, _scalars):
        kind.found.clear()


# ---- profiler ------------------------------------------------------------------------------------
class TraceAnnotation:
    """A named span in a profile; there is no profile."""

    def __init__(self, name: str, **_: Any):
        self.name = name

    def __enter__(self) -> TraceAnnotation:
        return self

    def __exit__(self, *_: Any) -> None:
        """End of the span."""


class StepTraceAnnotation(TraceAnnotation):
    """The span of one step."""


def annotate_function(func: Any = None, name: str | None = None, **_: Any) -> Any:
    """The function itself, for there is no profile."""
    return functools.partial(annotate_function, name=name) if func is None else func


@contextmanager
def trace(log_dir: Any, *_: Any, **__: Any) -> Iterator[None]:
    """No profile is written; use a sampling profiler of Python."""
    yield


def start_trace(log_dir: Any, *_: Any, **__: Any) -> None:
    """No profile is written; use a sampling profiler of Python."""


def stop_trace() -> None:
    """No profile is written."""
