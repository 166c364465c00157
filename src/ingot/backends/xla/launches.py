"""Launches of programs over several CPU devices: one after the other, in the order of calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Execute = Callable[[list[Any], bool], Any]


class Launches:
    """Lets a program over several CPU devices begin when the one before it has ended.

    XLA runs the parts of such programs in one pool of threads, where those that wait for others, in
    a collective, keep the threads that others need: with many programs under way they wait for
    ever. Processes, too, have to come to their collectives in the same order.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: Any = None

    def in_turn(self, execute: Execute) -> Execute:
        """Return the function that runs a loaded program, as one that waits for its turn."""
        def run(buffers: list[Any], with_tokens: bool) -> Any:
            with self._lock:
                if self._last is not None:
                    with suppress(RuntimeError):  # whoever reads that program's results hears of it
                        self._last.block_until_ready()
                    self._last = None
                found = execute(buffers, True)
                if not with_tokens:
                    self._last = found.consume_token()
            return found

        return run
