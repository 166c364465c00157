"""Functions that bring their own batching: custom_vmap and sequential_vmap."""

from ingot.control.custom_vmap import custom_vmap, sequential_vmap

__all__ = ["custom_vmap", "sequential_vmap"]
