"""What JAX calls experimental: checks as values, io_callback, sparse matrices, dtypes."""

from typing import Any

from ingot.config import context
from ingot.control.callback import io_callback
from ingot.core.avals import ShapedArray
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of

enable_x64 = context("enable_x64")


def disable_x64() -> Any:
    """Make a context in which 64-bit types are off.

    -> a context manager.

    >>> from ingot.experimental import disable_x64
    >>> with disable_x64():
    ...     jnp.ones(2).dtype
    dtype('float32')
    """
    return enable_x64(False)


def primal_tangent_dtype(primal_dtype: Any, tangent_dtype: Any = None) -> Any:
    """Return the dtype of tangents of values of a dtype.

    primal_dtype: whatever stands for a dtype. tangent_dtype: must be None, or this dtype -> a
    dtype, float0 for integers and booleans.

    >>> ingot.experimental.primal_tangent_dtype("float32")
    dtype('float32')
    """
    return tangent_dtype or ShapedArray((), primal_dtype).to_tangent_aval().dtype


__all__ = ["disable_x64", "enable_x64", "io_callback", "primal_tangent_dtype"]

_hide_frames_of(__name__)
