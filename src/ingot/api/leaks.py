"""Search for tracers that outlive their transformation (`check_tracer_leaks`)."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ingot.config import config
from ingot.control.tracing import function_name
from ingot.core.interpreter import Tracer, leaked_tracer_error
from ingot.errors import LeakChecked


def _dead_tracers() -> list[Tracer]:
    gc.collect()
    return [x for x in gc.get_objects() if issubclass(type(x), Tracer)
            and not x._interpreter.alive]


@contextmanager
def leaks_checked(transform: str, fun: Any) -> Iterator[None]:
    """Raise LeakChecked if a tracer of a transformation that ended meanwhile is still held."""
    if not config.check_tracer_leaks:
        yield
        return
    before = _dead_tracers()
    yield
    leaked = [x for x in _dead_tracers() if not any(x is y for y in before)]
    if leaked:
        name = function_name(fun)
        raise LeakChecked(f"{transform} of {name} leaked {len(leaked)} tracers. "
                          f"{leaked_tracer_error(leaked[0])}{_holder(leaked[0], leaked)}")


def _holder(tracer: Any, others: list[Any]) -> str:
    """A sentence about what refers to a tracer."""
    for holder in gc.get_referrers(tracer):
        if holder is not others and isinstance(holder, (dict, list, tuple, set)):
            keys = [k for k, v in holder.items() if v is tracer] if isinstance(holder, dict) else []
            under = f" under {keys[0]!r}" if keys else ""
            return f"\nA {type(holder).__name__} refers to it{under}."
    return ""
