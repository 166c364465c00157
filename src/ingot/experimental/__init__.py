"""What JAX calls experimental: checks as values, io_callback, sparse matrices, dtypes."""

from typing import Any

from ingot.config import context
from ingot.control.callback import io_callback
from ingot.core.avals import ShapedArray
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of

enable_x64 = context("enable_x64")


def disable_x64() -> Any:
    """A context in which 64-bit types are off."""
    return enable_x64(False)


def primal_tangent_dtype(primal_dtype: Any, tangent_dtype: Any = None) -> Any:
    """The dtype of tangents of values of a dtype."""
    return tangent_dtype or ShapedArray((), primal_dtype).to_tangent_aval().dtype


__all__ = ["disable_x64", "enable_x64", "io_callback", "primal_tangent_dtype"]

_hide_frames_of(__name__)
