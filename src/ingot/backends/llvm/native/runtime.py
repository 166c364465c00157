"""Loads the fast path once calls are frequent, and keeps the records that it reads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.backends import cache
from ingot.backends.llvm import engine
from ingot.backends.llvm.buffers import PooledArray
from ingot.backends.llvm.host import raise_error
from ingot.backends.llvm.native.abi import PORTABLE, empty_array
from ingot.backends.llvm.native.fast_path import library
from ingot.backends.llvm.native.free_list import free_lists, install
from ingot.backends.llvm.native.structs import NativeStruct
from ingot.backends.llvm.worker import WorkerError
from ingot.compiler.fingerprint import source_digest
from ingot.config import config, fast_path_guard
from ingot.core.array import DELETED_BUFFER, Array
from ingot.core.tracebacks import filter_traceback

FREQUENT = 2000
"""Microseconds, about, that calls took in Python after which the fast path is worth loading."""


class Runtime:
    """The fast path: its address, 0 until it is loaded, and the global record."""

    def __init__(self) -> None:
        self.fast_path = 0
        self.functions: dict[str, int] = {}
        self.on_load: list[Callable[[NativeStruct], None]] = []
        self._lock = threading.Lock()
        self._asked = 0
        self._begun = False
        self._keep: list[Any] = []

    def ready(self, cost: int) -> bool:
        """Whether the entry is there; starts to load it once this was asked often.

        `cost`: microseconds, about, that a call takes without it.
        """
        if self.fast_path:
            return True
        self._asked += cost
        if PORTABLE is None and not self._begun and self._asked >= FREQUENT:
            self._begun = True
            # From the cache it takes two milliseconds here; a thread would first have to wait
            # several times until this one lets go of the interpreter.
            self.load(_load_cached)
            if not self.fast_path:
                threading.Thread(target=self.load).start()
        return self.fast_path != 0

    def load(self, find: Callable[[], engine.Code | None] | None = None) -> None:
        """Make the entry of its code, which is compiled unless `find` gives it, or else nothing."""
        with self._lock:
            if self.fast_path or PORTABLE is not None:
                return
            try:
                code = (find or _compile)()
            except WorkerError:
                return  # the process ends, or somebody stopped the worker
            if code is None:
                return
            objects = [Array, np.ndarray, tuple, list, dict, float, int, bool, None, True,
                       fast_path_guard,
                       DELETED_BUFFER, _raise_host_error, PooledArray]
            record = NativeStruct([*map(id, objects), free_lists.table.address, empty_array(), 0],
                                  objects)
            self._keep += [code, record]
            self.functions = library.start(code.address, record.address)
            install(self.functions)
            for tell in self.on_load:
                tell(record)
            self.fast_path = self.functions["vectorcall"]


def _raise_host_error() -> None:
    """Raise what a host function raised while a native call ran."""
    try:
        raise_error()
    except Exception as error:
        if config.traceback_filtering != "off":
            filter_traceback(error)
        raise


def _name() -> str:
    """The entry's name in the cache of machine code."""
    return cache.digest("fast path", source_digest(), sys.version, np.__version__,
                        engine.llvm_identity(), engine.processor_identity())


def _load_cached() -> engine.Code | None:
    """The entry's machine code, if the cache has it."""
    code = cache.load(_name()) if config.cache else None
    if code is None:
        return None
    return engine.link(code, library.symbols(), engine.FULL, True, library.text)


def _compile() -> engine.Code:
    """The entry's machine code from the cache, or compiled."""
    linked = _load_cached()
    if linked is not None:
        return linked
    code = engine.object_code(library.text(), engine.FULL, background=True)
    if config.cache:
        cache.store(_name(), code)
    return engine.link(code, library.symbols(), engine.FULL, False, library.text)


runtime = Runtime()
