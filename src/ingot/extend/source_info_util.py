"""Where equations come from: the user's line, by the names packages look for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ingot.compat.attributes import NameStack, SourceInfo
from ingot.core.source_info import here
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of


def register_exclusion(path: str) -> None:
    """Ask that a package's frames be left out; only ingot's own are."""


def current() -> SourceInfo:
    """The user's line now."""
    return SourceInfo(line=here())


def new_source_info() -> SourceInfo:
    """One that says nothing."""
    return SourceInfo()


def new_name_stack(name: str = "") -> NameStack:
    """A stack of one name, or empty."""
    return NameStack((name,) if name else ())


current_name_stack = NameStack


def summarize(source_info: SourceInfo, num_frames: int = 1) -> str:
    """The line as text."""
    return source_info.line


@contextmanager
def user_context(*_: Any, **__: Any) -> Iterator[None]:
    """Lines are always those of the user; nothing changes within."""
    yield


extend_name_stack = set_name_stack = reset_name_stack = transform_name_stack = user_context

__all__ = ["NameStack", "SourceInfo", "current", "current_name_stack", "extend_name_stack",
           "new_name_stack", "new_source_info", "register_exclusion", "reset_name_stack",
           "set_name_stack", "summarize", "transform_name_stack", "user_context"]

_hide_frames_of(__name__)
