"""Where in the user's code an equation or an error comes from."""

from __future__ import annotations

import threading
from types import CodeType

from ingot.util import user_frame

Source = tuple[CodeType, int]
"""A code object and the offset of its last instruction: cheap to record, resolved on demand."""


class Derivative(tuple[CodeType, int]):
    """The source of equations that come from the derivative of an operation."""

    operation = ""


def derivative_of(operation: str, source: Source) -> Source:
    """A source, marked as that of an operation's derivative; a mark that it has already stays."""
    if type(source) is Derivative:
        return source
    marked = Derivative(source)
    marked.operation = operation
    return marked


class _State(threading.local):
    """Where the equation comes from that is being evaluated or differentiated, if that is known;
    else new equations come from the user's line."""

    origin: Source | None = None


source_context = _State()


def user_source() -> Source | None:
    """The innermost frame that is not ingot's, as (code, instruction offset)."""
    frame = user_frame()
    return None if frame is None else (frame.f_code, frame.f_lasti)


def line_of(source: Source) -> int:
    """Line number of a recorded source."""
    code, offset = source
    for start, stop, line in code.co_lines():
        if start <= offset < stop and line is not None:
            return line
    return code.co_firstlineno


def describe(source: Source | None) -> str:
    """`file.py:12 (function)`, or 'unknown location'."""
    if source is None:
        return "unknown location"
    code = source[0]
    return f"{code.co_filename}:{line_of(source)} ({code.co_name})"


def here() -> str:
    """The user's current line, for error messages."""
    return describe(user_source())
