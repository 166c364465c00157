"""Machine code on disk: a second run of a script compiles nothing.

An entry is an object file named by the digest of the program's text, the processor's features, the
tier and the versions. Entries are written to a temporary name and renamed, so that processes may
share the folder; the least recently used go first when the folder is found to have outgrown its
limit. Code runs with all rights of the user, so only what the user has written is read (or the
administrator), wherever the folder is; and an entry that was renamed is not taken for another one.
Without a folder that can be written, programs are compiled each time: that is no error.
"""

from __future__ import annotations

import functools
import os
import random
from contextlib import suppress
from pathlib import Path

from ingot.config import config
from ingot.util import blake2b, warn

MAGIC = b"ingot object 2\n"
PRUNE_TO = 0.8
LOOKS = 64
"""The folder is pruned after one in LOOKS stores on average, sooner after large ones: it exceeds
the limit by a 64th, or by 64 entries."""
OTHERS_MAY_WRITE = 0o022


def folder() -> Path | None:
    """Where entries lie: the flag `cache_dir`, or `ingot` in the user's cache folder; None without
    a cache, as for a user who has no home."""
    if not config.cache:
        return None
    return _folder(config.cache_dir, os.environ.get("XDG_CACHE_HOME"), os.environ.get("HOME"))


@functools.lru_cache(8)
def _folder(chosen: str | None, caches: str | None, home: str | None) -> Path | None:
    if chosen:
        return Path(chosen)
    if caches and os.path.isabs(caches):  # others are to be ignored, says its standard
        return Path(caches) / "ingot"
    try:
        return Path.home() / ".cache" / "ingot"
    except RuntimeError:
        return None


@functools.lru_cache(8)
def _tell(message: str) -> None:
    """Warn once, and never as an error: programs run as well without this cache."""
    with suppress(UserWarning):
        warn(message)


def is_empty() -> bool:
    """Whether nothing can be found, so that the next program has to be compiled."""
    place = folder()
    if place is None:
        return True
    try:
        with os.scandir(place) as entries:
            return next(entries, None) is None
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
    place = folder()
    data = None if place is None else _read(place / name)
    if place is None or data is None:
        return None
    path = place / name
    head, code = data[: len(MAGIC) + 20], data[len(MAGIC) + 20 :]
    if head != MAGIC + _check(name, code):
        _tell(f"dropped the damaged cache entry {path}")
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    with suppress(OSError):  # a folder that may only be read still serves entries
        os.utime(path)
    return code


def _read(path: Path) -> bytes | None:
    """What the user, or the administrator, has written to a file that nobody else can write to."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if hasattr(os, "geteuid") and (status.st_uid not in (os.geteuid(), 0)
                                           or status.st_mode & OTHERS_MAY_WRITE):
                return None
            return file.read()
    except OSError:
        return None


def _check(name: str, code: bytes) -> bytes:
    return blake2b(name.encode() + code, digest_size=20).digest()


def store(name: str, code: bytes) -> None:
    """Keep an object file; a folder that cannot be written is no error."""
    place = folder()
    if place is None:
        return
    fresh = place / f"new-{os.urandom(8).hex()}-{name}"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(fresh, MAGIC + _check(name, code) + code)
        os.replace(fresh, place / name)
        if random.random() < max(1 / LOOKS, LOOKS * len(code) / max(config.cache_bytes, 1)):
            _prune(place)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        _tell(f"compiled code is not cached in {place}: {error.strerror or error}")


def _write(path: Path, data: bytes) -> None:
    """A new file that only the user can write to."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0),
                         0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


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
