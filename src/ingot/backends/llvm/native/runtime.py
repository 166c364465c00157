"""Loads the native entry once calls are frequent, and keeps the records that it reads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.backends.llvm import cache, engine
from ingot.backends.llvm.buffers import Loan
from ingot.backends.llvm.host import raise_error
from ingot.backends.llvm.native.abi import PORTABLE, empty_array
from ingot.backends.llvm.native.entry import library
from ingot.backends.llvm.native.spare import install, spares
from ingot.backends.llvm.native.words import Words
from ingot.backends.llvm.worker import WorkerError
from ingot.compiler.fingerprint import source_digest
from ingot.config import config, settled
from ingot.core.array import DELETED, Array
from ingot.core.tracebacks import hide_frames

FREQUENT = 2000
"""Microseconds, about, that calls took in Python after which the native entry is worth loading."""


class Runtime:
    """The native entry: its address, 0 until it is loaded, and the global record."""

    def __init__(self) -> None:
        self.entry = 0
        self.functions: dict[str, int] = {}
        self.on_load: list[Callable[[Words], None]] = []
        self._lock = threading.Lock()
        self._asked = 0
        self._begun = False
        self._keep: list[Any] = []

    def ready(self, cost: int) -> bool:
        """Whether the entry is there; starts to load it once this was asked often.

        `cost`: microseconds, about, that a call takes without it.
        """
        if self.entry:
            return True
        self._asked += cost
        if PORTABLE is None and not self._begun and self._asked >= FREQUENT:
            self._begun = True
            # From the cache it takes two milliseconds here; a thread would first have to wait
            # several times until this one lets go of the interpreter.
            self.load(_cached)
            if not self.entry:
                threading.Thread(target=self.load).start()
        return self.entry != 0

    def load(self, find: Callable[[], engine.Code | None] | None = None) -> None:
        """Make the entry of its code, which is compiled unless `find` gives it, or else nothing."""
        with self._lock:
            if self.entry or PORTABLE is not None:
                return
            try:
                code = (find or _compiled)()
            except WorkerError:
                return  # the process ends, or somebody stopped the worker
            if code is None:
                return
            objects = [Array, np.ndarray, tuple, list, dict, float, int, bool, None, True, settled,
                       DELETED, _raise_host_error, Loan]
            record = Words([*map(id, objects), spares.table.address, empty_array(), 0], objects)
            self._keep += [code, record]
            self.functions = library.start(code.address, record.address)
            install(self.functions)
            for tell in self.on_load:
                tell(record)
            self.entry = self.functions["vectorcall"]


def _raise_host_error() -> None:
    """Raise what a host function raised while a native call ran."""
    try:
        raise_error()
    except Exception as error:
        if config.traceback_filtering != "off":
            hide_frames(error)
        raise


def _name() -> str:
    """The entry's name in the cache of machine code."""
    return cache.digest("native entry", source_digest(), sys.version, np.__version__,
                        engine.llvm_identity(), engine.processor_identity())


def _cached() -> engine.Code | None:
    """The entry's machine code, if the cache has it."""
    code = cache.load(_name()) if config.cache else None
    if code is None:
        return None
    return engine.link(code, library.symbols(), engine.FULL, cached=True)


def _compiled() -> engine.Code:
    """The entry's machine code from the cache, or compiled."""
    linked = _cached()
    if linked is not None:
        return linked
    code = engine.object_code(library.text(), engine.FULL, background=True)
    if config.cache:
        cache.store(_name(), code)
    return engine.link(code, library.symbols(), engine.FULL, cached=False)


runtime = Runtime()
