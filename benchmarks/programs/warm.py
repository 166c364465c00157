"""The first call in a second process, with the caches that the first one left."""

from programs.cold import PROGRAMS

__all__ = ["PROGRAMS"]
