"""The first call in a second process, with the caches that the first one left."""

from programs.cold import PROGRAMS

ASKED = {"jax": (None, 0.1)}

__all__ = ["PROGRAMS"]
