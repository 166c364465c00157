"""Bandwidth: gigabytes that elementwise chains read and write in a second, by number of threads."""

import os
import re
import statistics
from contextlib import contextmanager

import harness

GIGA = 1e9


@contextmanager
def processors(count):
    """This process, and those that it starts, on so many processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def main(systems, rounds, only=""):
    """A table for one thread, and one for as many as there are processors; their summary."""
    group = harness.programs("bandwidth")
    names = [p.name for p in group if re.search(only, p.name)]
    limits, summary = harness.limits("bandwidth"), harness.Summary("bandwidth")
    nbytes = harness.group_module("bandwidth").BYTES
    for count in sorted({1, len(os.sched_getaffinity(0))}):
        with processors(count):
            later = harness.later_in_fresh_processes(systems, "bandwidth", names, rounds)
        threads = f"{count} thread{'s' if count > 1 else ''}"
        table = []
        for name, times in later.items():
            median = {what: statistics.median(found) for what, found in times.items()}
            ratios = {what: median[systems[-1]] / median[what]
                      for what in median if what != systems[-1]}
            summary.add(f"{name}, {threads}", ratios, limits[name])
            table.append([name, *(f"{nbytes[name] / seconds / GIGA:.1f} GB/s"
                                  for seconds in median.values()), f"{1 / ratios['copy']:.2f}"])
        harness.print_table([threads, *systems, "copy", f"{systems[-1]} of copy"], table)
    return summary
