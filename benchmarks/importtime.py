"""Import: seconds that each package adds to a fresh interpreter, and how many threads it starts."""

import statistics
import subprocess
import sys
import time

import harness

STATUS = "import re; print(re.search(r'Threads:\\s+(\\d+)', open('/proc/self/status').read())[1])"


def measure(statement):
    """Seconds of `python -c statement`, and how many threads the process has after it."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}; {STATUS}"], capture_output=True, text=True
    )
    seconds = time.perf_counter() - begin
    return (seconds, int(done.stdout)) if done.returncode == 0 else (float("nan"), 0)


def main(systems, rounds):
    """Print a table; the packages take turns, and the empty interpreter's time is taken off."""
    statements = {"nothing": "pass", "numpy": "import numpy"}
    statements |= {system: f"import {system}, {system}.numpy" for system in systems}
    results = {name: [] for name in statements}
    for statement in statements.values():
        measure(statement)  # fills the caches of bytecode and disk
    for _ in range(rounds):
        for name, statement in statements.items():
            results[name].append(measure(statement))
    seconds = {name: statistics.median(s for s, _ in r) for name, r in results.items()}
    rows = []
    for name, rounds_of in results.items():
        own = seconds[name] - seconds["nothing"]
        lowest = min(s for s, _ in rounds_of) - seconds["nothing"]
        ratio = own / (seconds["numpy"] - seconds["nothing"])
        cells = harness.pretty(max(own, 0.0)), harness.pretty(max(lowest, 0.0)), f"{ratio:.2f}"
        rows.append((f"import {name}", *cells, str(rounds_of[-1][1])))
    harness.print_table(("", "median", "min", "over numpy", "threads"), rows[1:])
