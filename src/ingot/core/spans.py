"""Spans: what ran when, recorded while a profile is taken, and at no cost otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

NOTHING: AbstractContextManager[None] = nullcontext()


class Span(NamedTuple):
    """One thing that ran: its kind, name and details, the thread, and from when to when."""

    kind: str
    name: str
    details: dict[str, Any]
    thread: int
    start: float
    seconds: float


RECORDINGS: list[list[Span]] = []
"""The lists into which spans go, one for each profile that is being taken."""


def span(kind: str, name: str, **details: Any) -> AbstractContextManager[None]:
    """A context: what happens in it is a span, if anybody records."""
    return _recorded(kind, name, details) if RECORDINGS else NOTHING


@contextmanager
def _recorded(kind: str, name: str, details: dict[str, Any]) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        found = Span(kind, name, details, threading.get_native_id(), start,
                     time.perf_counter() - start)
        for recording in list(RECORDINGS):
            recording.append(found)
