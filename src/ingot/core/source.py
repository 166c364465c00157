"""Where in the user's code an equation or an error comes from."""

from __future__ import annotations

import os
import sys
import threading
from types import CodeType, FrameType

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_ours: dict[str, bool] = {}  # by file: hashing code objects takes longer than all else here

Source = tuple[CodeType, int]
"""A code object and the offset of its last instruction: cheap to record, resolved on demand."""


class _State(threading.local):
    """Where the equation comes from that is being evaluated or differentiated, if that is known;
    else new equations come from the user's line."""

    origin: Source | None = None


evaluated = _State()


def _is_ours(name: str) -> bool:
    ours = _ours[name] = name.startswith((_HERE, "<frozen")) or name.endswith(
        (os.sep + "contextlib.py", os.sep + "functools.py"))
    return ours


def user_source() -> Source | None:
    """The innermost frame that is not ingot's, as (code, instruction offset)."""
    frame: FrameType | None = sys._getframe(1)
    known = _ours.get
    while frame is not None:
        name = frame.f_code.co_filename
        ours = known(name)
        if ours is None:
            ours = _is_ours(name)
        if not ours:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


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
