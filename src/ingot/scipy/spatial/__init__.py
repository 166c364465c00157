"""Geometry under the names of scipy.spatial: rotations, in `transform`."""

from ingot.scipy.spatial import transform as transform

__all__ = ["transform"]
