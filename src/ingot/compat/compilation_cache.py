"""`jax.experimental.compilation_cache`: where compiled programs are kept on disk."""

from __future__ import annotations

from typing import Any

from ingot.config import config


def set_cache_dir(path: Any) -> None:
    """Keep compiled programs in a folder.

    path: a string or a path -> None.

    >>> from ingot.compat.compilation_cache import set_cache_dir
    >>> set_cache_dir(ingot.config.cache_dir)
    """
    config.update("cache_dir", str(path))


def reset_cache() -> None:
    """Look at the flags again before the next program is compiled, as happens anyway.

    -> None.

    >>> from ingot.compat.compilation_cache import reset_cache
    >>> reset_cache()
    """


__all__ = ["reset_cache", "set_cache_dir"]
