"""Where equations come from: the user's line, by the names packages look for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ingot.compat.attributes import NameStack, SourceInfo
from ingot.core.source_info import here
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of


def register_exclusion(path: str) -> None:
    """Ask that a package's frames be left out; it has no effect, as only ingot's own are.

    path: of its files.

    >>> from ingot.extend import source_info_util
    >>> source_info_util.register_exclusion("package")
    """


def current() -> SourceInfo:
    """Return the user's line now.

    -> a SourceInfo.

    >>> from ingot.extend import source_info_util
    >>> type(source_info_util.current()).__name__
    'SourceInfo'
    """
    return SourceInfo(line=here())


def new_source_info() -> SourceInfo:
    """Make a SourceInfo that says nothing.

    -> a SourceInfo.

    >>> from ingot.extend import source_info_util
    >>> source_info_util.new_source_info().line
    'unknown location'
    """
    return SourceInfo()


def new_name_stack(name: str = "") -> NameStack:
    """Make a stack of one name, or an empty one.

    name: a string -> a NameStack.

    >>> from ingot.extend import source_info_util
    >>> source_info_util.new_name_stack().stack
    ()
    """
    return NameStack((name,) if name else ())


current_name_stack = NameStack


def summarize(source_info: SourceInfo, num_frames: int = 1) -> str:
    """Write the line of a SourceInfo as text.

    source_info: one. num_frames: without effect -> a string.

    >>> from ingot.extend import source_info_util
    >>> source_info_util.summarize(source_info_util.new_source_info())
    'unknown location'
    """
    return source_info.line


@contextmanager
def user_context(*_: Any, **__: Any) -> Iterator[None]:
    """Do nothing for the time of a context: lines are always those of the user.

    -> a context manager.

    >>> from ingot.extend import source_info_util
    >>> with source_info_util.extend_name_stack("layer"): pass
    """
    yield


extend_name_stack = set_name_stack = reset_name_stack = transform_name_stack = user_context

__all__ = ["NameStack", "SourceInfo", "current", "current_name_stack", "extend_name_stack",
           "new_name_stack", "new_source_info", "register_exclusion", "reset_name_stack",
           "set_name_stack", "summarize", "transform_name_stack", "user_context"]

_hide_frames_of(__name__)
