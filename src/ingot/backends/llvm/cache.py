"""Machine code on disk: a second run of a script compiles nothing.

An entry is an object file named by the digest of the program's text, the processor's features, the
tier and the versions. Entries are written to a temporary name and renamed, so that processes may
share the folder; the least recently used go first when the folder is found to have outgrown its
limit.
"""

from __future__ import annotations

import functools
import os
import random
import threading
import warnings
from pathlib import Path

from ingot.config import config
from ingot.util import blake2b

MAGIC = b"ingot object 1\n"
PRUNE_TO = 0.8
LOOKS = 64
"""The folder, which may be long, is looked through after one in so many entries on average, and
more often after large ones: what it has too much is a 64th of the limit, or 64 entries."""


def folder() -> Path:
    """Where entries lie: the flag `cache_dir`, or `ingot` in the user's cache folder."""
    return _folder(config.cache_dir, os.environ.get("XDG_CACHE_HOME"), os.environ.get("HOME"))


@functools.lru_cache(8)
def _folder(chosen: str | None, caches: str | None, home: str | None) -> Path:
    return Path(chosen) if chosen else Path(caches or Path.home() / ".cache") / "ingot"


def is_empty() -> bool:
    """Whether nothing can be found, so that the next program has to be compiled."""
    try:
        with os.scandir(folder()) as entries:
            return not config.cache or next(entries, None) is None
    except OSError:
        return True


def digest(*parts: str) -> str:
    """The name of an entry."""
    whole = blake2b(digest_size=20)
    for part in parts:
        whole.update(str(len(part)).encode())
        whole.update(part.encode())
    return whole.hexdigest()


def load(name: str) -> bytes | None:
    """An entry's object file; a damaged one is dropped with a warning."""
    if not config.cache:
        return None
    path = folder() / name
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head, code = data[: len(MAGIC) + 20], data[len(MAGIC) + 20 :]
    if head != MAGIC + _check(code):
        warnings.warn(f"dropped the damaged cache entry {path}", stacklevel=2)
        path.unlink(missing_ok=True)
        return None
    try:
        os.utime(path)
    except OSError:
        pass  # a folder that may only be read still serves entries
    return code


def _check(code: bytes) -> bytes:
    return blake2b(code, digest_size=20).digest()


def store(name: str, code: bytes) -> None:
    """Keep an object file; a folder that cannot be written is no error."""
    if not config.cache:
        return
    try:
        place = folder()
        place.mkdir(parents=True, exist_ok=True)
        fresh = place / f"new-{os.getpid()}-{threading.get_ident()}-{name}"
        fresh.write_bytes(MAGIC + _check(code) + code)
        os.replace(fresh, place / name)
        if random.random() < max(1 / LOOKS, LOOKS * len(code) / max(config.cache_bytes, 1)):
            _prune(place)
    except OSError as error:
        warnings.warn(f"compiled code is not cached: {error}", stacklevel=2)


def _prune(place: Path) -> None:
    """Remove the entries used longest ago while the folder is larger than `cache_bytes`."""
    entries = []
    for path in place.iterdir():
        try:
            status = path.stat()
        except OSError:
            continue
        entries.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in entries)
    if total <= config.cache_bytes:
        return
    for _, size, path in sorted(entries, key=lambda e: e[0]):
        path.unlink(missing_ok=True)
        total -= size
        if total <= PRUNE_TO * config.cache_bytes:
            return
