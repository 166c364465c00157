"""First calls in fresh processes: with empty caches (cold), with those of a first run (warm)."""

import json
import math
import re
import statistics
import tempfile

import harness


def seconds(system, group, name, warm):
    """Seconds of the first call in a new process, and whether that started a compiler."""
    with tempfile.TemporaryDirectory() as cache:
        folders = {"XDG_CACHE_HOME": cache, "JAX_COMPILATION_CACHE_DIR": f"{cache}/jax"}
        for _ in range(1 + warm):
            done = harness.child("--first", system, group, name, **folders)
            if not done:
                return math.nan, True
    return json.loads(done)


def main(group, options, summary):
    """Print a table of medians and of ratios, last system over first, which the summary gets."""
    first, last = options.systems[0], options.systems[-1]
    rows, medians, limits = [], {}, harness.limits(group)
    for program in harness.programs(group):
        if not re.search(options.only, program.name) or (options.quick and "1600" in program.name):
            continue
        found = {system: [] for system in options.systems}
        for _ in range(options.first_rounds):
            for system, times in found.items():
                times.append(seconds(system, group, program.name, group == "warm"))
        medians[program.name] = {s: statistics.median(t for t, _ in f) for s, f in found.items()}
        here = medians[program.name]
        ratio = here[last] / here[first]
        if first != last:
            summary.add(program.name, {first: ratio}, limits[program.name])
        started = "yes" if any(compiler for _, compiler in found[last]) else "no"
        rows.append(
            (program.name, *map(harness.pretty, here.values()), f"{ratio:.3f}", started)
        )
    head = ("program", *options.systems, f"{last}/{first}", f"{last} starts LLVM")
    harness.print_table(head, rows)
    if group == "unrolled" and not options.only and not options.quick:
        shorter, longer = list(medians.values())[-2:]
        for system in options.systems:
            growth = longer[system] / shorter[system]
            print(f"{system}: four times the steps take {growth:.2f} times as long")
    print(flush=True)
