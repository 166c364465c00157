"""Times of a script's phases, printed as one line of JSON."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

START = time.perf_counter()


class Phases:
    """Seconds of the import, of the first call (tracing, compiling, running), of a later one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"import": time.perf_counter() - START}

    def measure(self, run: Callable[[], Any], repeat: int = 3) -> Any:
        """Run once cold and `repeat` times warm; returns the first result."""
        times = []
        first = None
        for i in range(repeat + 1):
            start = time.perf_counter()
            out = run()
            times.append(time.perf_counter() - start)
            first = out if i == 0 else first
        self.seconds |= {"cold": times[0], "warm": statistics.median(times[1:])}
        return first

    def print(self, **results: Any) -> None:
        """One line: the seconds, and numbers by which results are compared."""
        print(json.dumps({"seconds": self.seconds, "results": results}))
