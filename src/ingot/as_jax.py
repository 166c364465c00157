"""`import ingot.as_jax` first, and `import jax` gives ingot, whether or not JAX is installed."""

from __future__ import annotations

from typing import Any

from ingot.compat.hook import install, installed

__all__ = ["install", "installed", "load_ipython_extension"]


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext ingot.as_jax` calls; importing the module has done all."""
    install()


install()
