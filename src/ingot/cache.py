"""The cache of machine code on disk: where it is, how large, and how it is emptied."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ingot.backends import cache
from ingot.config import config
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of

_ENTRY = re.compile(r"(new-[0-9a-f]{16}-)?[0-9a-f]{40}")
"""Names of entries, and of those that a process began to write; other files are not ours."""


@dataclass(frozen=True)
class CacheInfo:
    """The cache on disk: its folder (None without one), whether it is used and can be written, how
    many entries it has and how many bytes, and the limit in bytes; `info` returns it.

    >>> ingot.cache.info().limit == ingot.config.cache_bytes
    True
    """

    folder: Path | None
    enabled: bool
    writable: bool
    entries: int
    nbytes: int
    limit: int

    def __str__(self) -> str:
        """The same in a sentence."""
        if self.folder is None:
            return "no cache on disk: " + ("there is no home to keep it in, set INGOT_CACHE_DIR"
                                           if self.enabled else "the flag cache is False")
        rights = "" if self.writable else ", which can only be read"
        return (f"{self.entries} programs, {self.nbytes / 2**20:.1f} of at most"
                f" {self.limit / 2**20:.0f} MiB, in {self.folder}{rights}")


def _entries(folder: Path | None) -> list[tuple[Path, int]]:
    """Entries and their sizes; none where the folder is not there or cannot be read."""
    found: list[tuple[Path, int]] = []
    try:
        with os.scandir(folder if folder is not None else os.devnull) as entries:
            for entry in entries:
                if _ENTRY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    found.append((Path(entry.path), entry.stat(follow_symlinks=False).st_size))
    except OSError:
        pass
    return found


def info() -> CacheInfo:
    """Tell where compiled programs are kept for later processes, how many, and how large.

    -> a CacheInfo, which prints as a sentence.

    >>> print(ingot.cache.info())  # doctest: +SKIP
    12 programs, 0.4 of at most 1024 MiB, in /home/me/.cache/ingot
    """
    folder = cache.folder()
    found = _entries(folder)
    writable = folder is not None and os.access(
        next(p for p in (folder, *folder.parents) if p.exists()), os.W_OK)
    return CacheInfo(folder, config.cache, writable, len(found), sum(size for _, size in found),
                     config.cache_bytes)


def clear() -> int:
    """Remove all entries of the cache on disk, whatever process wrote them.

    -> how many were removed: none in a folder that can only be read, and other files stay. Programs
    in memory stay too, see `clear_caches`; processes that run are not disturbed.

    >>> ingot.cache.clear()  # doctest: +SKIP
    12
    """
    removed = 0
    for path, _ in _entries(cache.folder()):
        try:
            path.unlink()
            removed += 1
        except OSError:
            continue
    return removed


__all__ = ["CacheInfo", "clear", "info"]

_hide_frames_of(__name__)
