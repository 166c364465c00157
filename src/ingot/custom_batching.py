"""Functions that bring their own batching: custom_vmap and sequential_vmap."""

from ingot.control.custom_vmap import custom_vmap, sequential_vmap
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of

__all__ = ["custom_vmap", "sequential_vmap"]

_hide_frames_of(__name__)
