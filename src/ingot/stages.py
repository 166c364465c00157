"""Stages of compilation: what jit(f).trace, .lower and .compile return."""

from ingot.api.stages import Compiled, Lowered, Traced, Wrapped

__all__ = ["Compiled", "Lowered", "Traced", "Wrapped"]
