"""Stages of compilation: what jit(f).trace, .lower and .compile return."""

from ingot.api.stages import ArgInfo, Compiled, Lowered, Traced, Wrapped
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of

__all__ = ["ArgInfo", "Compiled", "Lowered", "Traced", "Wrapped"]

_hide_frames_of(__name__)
