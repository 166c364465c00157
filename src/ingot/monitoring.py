"""Listeners that are told of events: how long tracing and compiling took, and what users record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingot.core.logs import LISTENERS
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of


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


__all__ = ["clear_event_listeners", "record_event", "record_event_duration_secs",
           "record_event_time_span", "record_scalar", "register_event_duration_secs_listener",
           "register_event_listener", "register_event_time_span_listener",
           "register_scalar_listener", "unregister_event_duration_listener",
           "unregister_event_listener", "unregister_event_time_span_listener",
           "unregister_scalar_listener"]

_hide_frames_of(__name__)
