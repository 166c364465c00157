"""Times of a script's phases and its results with their errors, printed as one line of JSON."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

STARTED = float(os.environ.get("PROCESS_STARTED", time.time()))
BATCHES = 20


class Phases:
    """Seconds from the start of the process to the first result, and for a later one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def measure(self, run: Callable[[], Any], repeat: int = 3) -> Any:
        """Run once cold and `repeat` times warm; returns the first result."""
        first = run()
        self.seconds["first"] = time.time() - STARTED
        times = []
        for _ in range(repeat):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        self.seconds["later"] = statistics.median(times)
        return first

    def print(self, **results: Any) -> None:
        """One line: the seconds, and results to compare: numbers, or pairs with an error."""
        print(json.dumps({"seconds": self.seconds, "results": results}))


def estimate(draws: Any) -> tuple[float, float]:
    """The mean of a chain and its standard error, from the means of batches."""
    draws = np.asarray(draws, np.float64)
    means = draws[: len(draws) // BATCHES * BATCHES].reshape(BATCHES, -1).mean(1)
    return float(draws.mean()), float(means.std(ddof=1) / BATCHES**0.5)
