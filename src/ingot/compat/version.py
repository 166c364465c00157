"""The version of JAX whose names are served, as `jax`, `jax.version` and `jaxlib` state it."""

from __future__ import annotations

__version__ = "0.10.2"
__version_info__ = tuple(map(int, __version__.split(".")))
_minimum_jaxlib_version = __version__
_minimum_jaxlib_version_info = __version_info__
