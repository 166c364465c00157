"""What a benchmark is, and how one program is timed under several systems side by side.

A program is written once, as `make(jax, jnp, lax) -> (function, arguments)`; each system is given
its own modules. The first call (trace, compile, run) is timed in a fresh process per system. Later
calls are timed in one process, system after system, round by round, so that a busy machine slows
all alike. Results of the systems are compared: a fast wrong answer is an error, not a row.
"""

import contextlib
import functools
import importlib
import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROUNDS = 15
ROUND_SECONDS = 0.02  # a round repeats the call until this much time is spent
WARM_SECONDS = 0.25  # calls before that, at least three
LONGEST_WAIT = 20  # seconds for a background compiler to end
PROCESS_PROGRAMS = 20  # programs whose later calls one process times
THREADS_REST = {"OPENBLAS_THREAD_TIMEOUT": "20"}
"""Idle threads of BLAS give up their processors after 2^20 of its ticks, half a millisecond, not a
tenth of a second: else those of one system would hold them through the next one's round."""


@dataclass(frozen=True)
class Program:
    """One row of a table: how to build it, and rivals by hand, name -> () -> call().

    `per` divides all later times, for loops that are best read per iteration. `differing` is the
    part of the elements that need not agree, for decisions that hang on the last bit. Without
    `wait`, later calls are timed as a loop in Python pays them: until they return. `asked` are
    largest ratios over systems and rivals, besides those of the group's ASKED.
    """

    name: str
    make: Callable[..., tuple[Callable, tuple]]
    rivals: dict[str, Callable[[], Callable[[], Any]]] = field(default_factory=dict)
    per: int = 1
    differing: float = 0.0
    wait: bool = True
    asked: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """Seconds of one program: first[system], later[system or rival] as a list of rounds, and
    compiled[system] where the group asks for it."""

    name: str
    first: dict[str, float]
    later: dict[str, list[float]]
    compiled: dict[str, float] = field(default_factory=dict)


# ---- systems ----


def modules(system):
    """The modules a program is written against: system, system.numpy, system.lax, 64-bit."""
    package = importlib.import_module(system)
    if system == "jax":
        package.config.update("jax_enable_x64", True)
    return package, *(importlib.import_module(f"{system}.{name}") for name in ("numpy", "lax"))


def group_module(group):
    """The file of a group."""
    return importlib.import_module(f"programs.{group}")


def programs(group):
    """The list PROGRAMS of the file of a group."""
    return group_module(group).PROGRAMS


def asked(group):
    """The group's ASKED: system or rival -> (mean, largest) ratio asked, None where nothing is."""
    return getattr(group_module(group), "ASKED", {})


def compile_seconds(group):
    """The group's COMPILE_SECONDS: how long a program may be compiled, None where it is not
    measured."""
    return getattr(importlib.import_module(f"programs.{group}"), "COMPILE_SECONDS", None)


def limits(group):
    """The largest ratios asked of each program, by system or rival."""
    common = {name: most for name, (_, most) in asked(group).items() if most}
    return {p.name: {**common, **p.asked} for p in programs(group)}


# ---- the first call ----


def first_call(system, group, name):
    """Seconds of tracing, compiling and running a program in this process, and whether that
    started LLVM as a package."""
    package, *rest = modules(system)
    program = next(p for p in programs(group) if p.name == name)
    function, arguments = program.make(package, *rest)
    package.block_until_ready(arguments)
    begin = time.perf_counter()
    package.block_until_ready(function(*arguments))
    return time.perf_counter() - begin, llvm_is_loaded()


def compile_time(system, group, name):
    """Seconds of tracing and compiling a program in this process, which has done nothing else."""
    package, *rest = modules(system)
    program = next(p for p in programs(group) if p.name == name)
    function, arguments = program.make(package, *rest)
    begin = time.perf_counter()
    function.lower(*arguments).compile()
    return time.perf_counter() - begin


def llvm_is_loaded():
    """Whether this process has loaded LLVM as a package's library, or its Python half."""
    maps = Path("/proc/self/maps")
    return "llvmlite" in sys.modules or (maps.exists() and "llvmlite" in maps.read_text())


def first_call_in_fresh_process(system, group, name):
    """Seconds of the first call in a new process without caches on disk; nan if it failed."""
    with tempfile.TemporaryDirectory() as cache:
        done = child("--first", system, group, name, XDG_CACHE_HOME=cache)
    return json.loads(done)[0] if done else float("nan")


def compile_in_fresh_processes(system, group, name, rounds):
    """Median of `compile_time` in new processes without caches on disk; nan if one failed."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            found.append(child("--compile", system, group, name, XDG_CACHE_HOME=cache))
    return statistics.median(json.loads(done) if done else float("nan") for done in found)


def child(*arguments, **environment):
    """Last line that `run.py` prints with these arguments; '' and a message if it failed."""
    return (children_lines(*arguments, **environment) or [""])[-1]


def children_lines(*arguments, **environment):
    """The lines that `run.py` prints with these arguments, and a message if it failed."""
    environment = {**THREADS_REST, **os.environ, **environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages have their bytecode
    done = subprocess.run(
        [sys.executable, str(HERE / "run.py"), *arguments],
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        what = " ".join(arguments).replace("\n", " | ")
        print(f"  failed: {what}: {lines[-1]}", file=sys.stderr)
    return done.stdout.strip().splitlines()


# ---- later calls ----


def later_in_fresh_processes(systems, group, names, rounds):
    """Rounds of later calls, name -> `later_calls`; a process does many programs, until one fails.

    A program that fails is reported and left out, and the next process goes on behind it.
    """
    answers = {}
    while names:
        batch = names[:PROCESS_PROGRAMS]
        lines = children_lines(
            "--later", ",".join(systems), group, "\n".join(batch), "--rounds", str(rounds)
        )
        answers.update(zip(batch, map(json.loads, lines), strict=False))
        names = names[len(lines) + (len(lines) < len(batch)) :]
    return answers


def later_calls(program, systems, rounds=ROUNDS):
    """Seconds per call, a list of `rounds` for each system and rival, taken in turns."""
    calls, results = {}, {}
    for system in systems:
        package, *rest = modules(system)
        calls[system] = bound(package, *program.make(package, *rest), program.wait)
        leaves = package.tree_util.tree_leaves(calls[system]())
        results[system] = [np.asarray(leaf) for leaf in leaves]
    _require_agreement(program, results)
    for name, make in program.rivals.items():
        with contextlib.suppress(ModuleNotFoundError):  # rivals need packages that may be absent
            calls[name] = make()
    repeats = {name: fitting(call) for name, call in calls.items()}
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(timed(call, repeats[name]) / repeats[name] / program.per)
    return times


def _require_agreement(program, results):
    reference, *others = results.values()
    for other in others:
        for mine, theirs in zip(reference, other, strict=True):
            narrow = mine.dtype.itemsize // (2 if mine.dtype.kind == "c" else 1) < 8
            rtol, atol = (1e-4, 1e-4) if narrow else (1e-6, 1e-9)
            if mine.dtype.kind in "fc" and narrow:  # sums cancel
                atol *= max(1.0, float(np.max(np.abs(mine), initial=0.0)))
            agree = np.isclose(theirs, mine, rtol=rtol, atol=atol, equal_nan=True)
            if np.mean(~agree) > program.differing:
                np.testing.assert_allclose(theirs, mine, rtol=rtol, atol=atol, err_msg=program.name)


def bound(package, function, arguments, until_ready=True):
    if not until_ready:
        return functools.partial(function, *arguments)
    wait = package.block_until_ready
    return lambda: wait(function(*arguments))


def timed(call, repeats):
    begin = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - begin


def upgrading():
    """Whether ingot, if it is in this process, compiles a better version of some program."""
    module = sys.modules.get("ingot.backends.llvm.executable")
    return module is not None and any(e.upgrading for e in module.executables())


def fitting(call):
    """How often to call in a round; warms up too, and waits for what is compiled in the
    background: rounds measure the code that stays."""
    seconds, begin = float("inf"), time.perf_counter()
    while seconds == float("inf") or time.perf_counter() - begin < WARM_SECONDS:
        seconds = min(timed(call, 1) for _ in range(3))
    time.sleep(0.2)
    while time.perf_counter() - begin < LONGEST_WAIT and upgrading():
        time.sleep(0.05)
    seconds = min(seconds, timed(call, 1))
    return max(1, min(10_000, int(ROUND_SECONDS / max(seconds, 1e-9))))


# ---- summary ----


class Summary:
    """The ratios of a group: their means and largest, the rows above what is asked, and those where
    a rival is faster."""

    def __init__(self, group):
        self.group = group
        self.ratios = {}  # rival -> row -> ratio
        self.above = []

    def add(self, row, ratios, limits):
        """The ratios of a row over rivals, by name, and the largest that is asked of some."""
        for rival, ratio in ratios.items():
            if ratio == ratio:
                self.ratios.setdefault(rival, {})[row] = ratio
                if ratio > limits.get(rival, math.inf):
                    self.above.append(f"{row}: {ratio:.3g} of {rival} (asked {limits[rival]})")

    def add_seconds(self, row, what, seconds, most):
        """Seconds of something that a row takes, and how many are asked at most."""
        if seconds > most:
            self.above.append(f"{row}: {what} {pretty(seconds)} (asked {pretty(most)})")

    def not_fastest(self):
        """Row, ratio and rival wherever a rival needs less, the worst first; the fastest rival."""
        worst = {}
        for rival, ratios in self.ratios.items():
            for row, ratio in ratios.items():
                worst[row] = max(worst.get(row, (1.0, "")), (ratio, rival))
        return sorted(((row, *w) for row, w in worst.items() if w[0] > 1), key=lambda w: -w[1])

    def lines(self, asked_means):
        """A line for each rival, then one for each row that is above its limit or not the first."""
        for rival, ratios in self.ratios.items():
            mean, most = geometric_mean(ratios.values()), max(ratios, key=ratios.__getitem__)
            asked = asked_means.get(rival)
            yield (f"{self.group}: {len(ratios)} rows, mean {mean:.3g} of {rival}"
                   f"{f' (asked {asked})' if asked else ''}, largest {ratios[most]:.3g}: {most}")
        for row in self.above:
            yield f"    above: {row}"
        for row, ratio, rival in self.not_fastest():
            yield f"    not the fastest: {row}: {ratio:.3g} of {rival}"


PACKAGES = ("ingot", "jax", "torch", "numba", "numpy", "scipy", "llvmlite")


def machine():
    """What figures depend on: the processor and its cores, the date, versions of all packages."""
    processor = ""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
        processor = " and ".join(sorted(names))
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{package} {importlib.metadata.version(package)}")
    return (f"{os.cpu_count()} cores of {processor or platform.machine()}, "
            f"{time.strftime('%d %B %Y')}: {', '.join(versions)}")


# ---- tables ----


def pretty(seconds):
    """Seconds with three digits and a unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return "-" if seconds != seconds else f"{seconds / 1e-9:.3g} ns"


def print_table(head, rows):
    """Columns as wide as their widest entry, the first one flush left."""
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())
    print(flush=True)


def print_rows(rows, systems, summary, limits):
    """Tables of first calls, of medians and minima of later ones, and of ratios, last system first.

    The last lines are the geometric means of the ratios and the largest ones. The ratios of later
    calls are added to the summary, with the limits of each row by rival.
    """
    rivals = list(dict.fromkeys(name for row in rows for name in row.later if name not in systems))
    over = [name for name in (systems[0], *rivals) if name != systems[-1]]
    compiled = [s for s in systems if any(s in row.compiled for row in rows)]
    head = ["program", *(f"{s} compile" for s in compiled)]
    head += [*(f"{s} first" for s in systems), f"{systems[-1]}/{systems[0]}"]
    head += [f"{name} later (min)" for name in (*systems, *rivals)]
    head += [f"{systems[-1]}/{name}" for name in over]
    ratios = [_ratios(row, systems, over) for row in rows]
    for row, (first, *later) in zip(rows, ratios, strict=True):
        summary.add(f"{row.name}, first call", {f"{systems[0]}'s first call": first}, {})
        summary.add(row.name, dict(zip(over, later, strict=True)), limits[row.name])
    blank = [""] * (len(systems) + len(rivals))
    ends = [
        [name, *[""] * len(compiled + systems), _ratio(first), *blank, *map(_ratio, later)]
        for name, summary in (("geometric mean", geometric_mean), ("largest", largest))
        for first, *later in [[summary(column) for column in zip(*ratios, strict=True)]]
    ]
    cells = [_cells(row, compiled, systems, rivals, r) for row, r in zip(rows, ratios, strict=True)]
    print_table(head, cells + ends if len(rows) > 1 else cells)


def geometric_mean(ratios):
    """Of those that are numbers."""
    known = [r for r in ratios if r == r]
    return statistics.geometric_mean(known) if known else float("nan")


def largest(ratios):
    """Of those that are numbers."""
    return max((r for r in ratios if r == r), default=float("nan"))


def _ratios(row, systems, over):
    """The last system's first call and median of later calls, over the others'."""
    nan = float("nan")
    median = {name: statistics.median(times) for name, times in row.later.items()}
    mine = systems[-1]
    return [
        row.first.get(mine, nan) / row.first.get(systems[0], nan),
        *(median.get(mine, nan) / median.get(name, nan) for name in over),
    ]


def _cells(row, compiled, systems, rivals, ratios):
    compiled = [row.compiled[s] for s in compiled]
    first = [row.first.get(s, float("nan")) for s in systems]
    later = [
        f"{pretty(statistics.median(row.later[n]))} ({pretty(min(row.later[n]))})"
        if n in row.later
        else "-"
        for n in (*systems, *rivals)
    ]
    return [row.name, *map(pretty, (*compiled, *first)), _ratio(ratios[0]), *later,
            *map(_ratio, ratios[1:])]


def _ratio(ratio):
    return "-" if ratio != ratio else f"{ratio:.3g}"
