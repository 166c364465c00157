"""Stages of compilation: what jit(f).trace, .lower and .compile return."""

from ingot.api.stages import ArgInfo, Compiled, Lowered, Traced, Wrapped

__all__ = ["ArgInfo", "Compiled", "Lowered", "Traced", "Wrapped"]
