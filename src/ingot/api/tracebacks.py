"""Tracebacks without our frames: what a user sees is the user's own code."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from ingot.config import config

F = TypeVar("F", bound=Callable[..., Any])
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def hide_frames(error: BaseException) -> None:
    """Drop ingot's frames from the traceback of an error, and from those it was raised from."""
    seen: set[int] = set()
    this: BaseException | None = error
    while this is not None and id(this) not in seen:
        seen.add(id(this))
        this.__traceback__ = _filtered(this.__traceback__)
        this = this.__cause__ or this.__context__


def _filtered(traceback: TracebackType | None) -> TracebackType | None:
    frames: list[TracebackType] = []
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_filename.startswith(_HERE):
            frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for tb in reversed(frames):
        kept = TracebackType(kept, tb.tb_frame, tb.tb_lasti, tb.tb_lineno)
    return kept


def hidden(fun: F) -> F:
    """Decorate an entry point: errors leave it without our frames, unless the flag
    `traceback_filtering` is 'off'."""

    @functools.wraps(fun)
    def entry(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            return fun(*args, **kwargs)
        except Exception as error:
            if config.traceback_filtering != "off":
                hide_frames(error)
            raise

    return entry  # type: ignore[return-value]
