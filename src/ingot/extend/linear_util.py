"""Functions with transformations around them: WrappedFun and the decorators that make one."""

from ingot.compat.linear_util import (
    Store,
    StoreException,
    WrappedFun,
    cache,
    merge_linear_aux,
    transformation,
    transformation2,
    transformation_with_aux,
    transformation_with_aux2,
    wrap_init,
)
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of

__all__ = ["Store", "StoreException", "WrappedFun", "cache", "merge_linear_aux", "transformation",
           "transformation2", "transformation_with_aux", "transformation_with_aux2", "wrap_init"]

_hide_frames_of(__name__)
