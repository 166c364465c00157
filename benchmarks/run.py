"""Runs groups of benchmarks under JAX and ingot in turns and prints the times and their ratios.

python benchmarks/run.py                      all groups
python benchmarks/run.py statespace loops     some
python benchmarks/run.py --quick              all groups, roughly, in a quarter of the time
python benchmarks/run.py --systems jax        one system alone
"""

import argparse
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bandwidth  # noqa: E402
import coldstart  # noqa: E402
import importtime  # noqa: E402
import memory  # noqa: E402
import minimlp  # noqa: E402

import harness  # noqa: E402

GROUPS = ("importtime", "memory", "minimlp",
          *sorted(p.stem for p in (HERE / "programs").glob("[a-z]*.py")))

MANY = 50
"""Programs of a group from which on `--quick` leaves out the first calls."""

FIRST_CALLS = ("cold", "warm", "unrolled")
"""Groups of which only the first call is measured, `--first-rounds` times."""


def run_group(group, options):
    """Measure every program of a group and print its table; lines of a summary."""
    print(f"---- {group} ----")
    if group == "importtime":
        importtime.main(options.systems, options.rounds)
        return []
    if group == "memory":
        return memory.main(options.systems).lines({})
    if group == "bandwidth":
        return bandwidth.main(options.systems, options.rounds, options.only).lines({})
    if group == "minimlp":
        return minimlp.compare(minimlp.BATCHES, minimlp.SHORT)
    summary = harness.Summary(group)
    if group in FIRST_CALLS:
        coldstart.main(group, options, summary)
    else:
        steady(group, options, summary)
    return summary.lines({name: mean for name, (mean, _) in harness.asked(group).items()})


def steady(group, options, summary):
    """The table of a group of which first and later calls are measured."""
    names = [p.name for p in harness.programs(group) if re.search(options.only, p.name)]
    without_first = options.no_first or (options.quick and len(names) > MANY)
    first = {
        name: {
            system: harness.first_call_in_fresh_process(system, group, name)
            for system in options.systems
            if not without_first
        }
        for name in names
    }
    later = harness.later_in_fresh_processes(options.systems, group, names, options.rounds)
    most = harness.compile_seconds(group)
    compiled = {
        name: {
            system: harness.compile_in_fresh_processes(system, group, name, options.first_rounds)
            for system in options.systems
            if most and not without_first
        }
        for name in names
    }
    for name, seconds in compiled.items():
        if options.systems[-1] in seconds:
            summary.add_seconds(name, "compiled in", seconds[options.systems[-1]], most)
    rows = [harness.Row(name, first[name], later.get(name, {}), compiled[name]) for name in names]
    harness.print_rows(rows, options.systems, summary, harness.limits(group))


def in_this_process(system, group, names, options):
    """What a child process is asked for: measurements, each printed as a line of JSON."""
    if options.first:
        print(json.dumps(harness.first_call(system, group, names)))
        return
    by_name = {p.name: p for p in harness.programs(group)}
    if options.compile:
        print(json.dumps(harness.compile_time(system, group, names)))
        return
    for name in names.split("\n"):
        later = harness.later_calls(by_name[name], system.split(","), options.rounds)
        print(json.dumps(later), flush=True)


def parse():
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("groups", nargs="*", metavar="group", help=", ".join(GROUPS))
    parser.add_argument("--systems", default="jax,ingot", help="in the order of the columns")
    parser.add_argument("--rounds", type=int, default=harness.ROUNDS)
    parser.add_argument("--first-rounds", type=int, default=3, help="of the groups of first calls")
    parser.add_argument("--only", default="", help="programs whose name matches this expression")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no long first calls")
    parser.add_argument("--no-first", action="store_true", help="leave out the first calls")
    parser.add_argument("--first", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--compile", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--later", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.systems = options.systems.split(",")
    if options.quick:
        options.rounds, options.first_rounds = min(options.rounds, 3), 1
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    return options


def main():
    options = parse()
    child = options.first or options.compile or options.later
    if child:
        system, group, names = child
        return in_this_process(system, group, names, options)
    print(f"{harness.machine()}; float64; median (minimum) per call, and ratios of medians\n")
    lines = [line for group in options.groups or GROUPS for line in run_group(group, options)]
    print("\n".join(["---- summary ----", *lines]))


if __name__ == "__main__":
    main()
