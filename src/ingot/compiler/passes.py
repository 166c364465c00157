"""How passes run: switched by the flag `passes`, verified in tests, timed for `debug.passes`."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ingot.config import config
from ingot.core.jaxpr import Jaxpr
from ingot.core.spans import span
from ingot.kernel import ir
from ingot.kernel.check import check_function
from ingot.kernel.visit import walk

T = TypeVar("T")
Sizes = dict[str, int]


@functools.cache
def switched_off(passes: str) -> frozenset[str]:
    """The passes that a value of the flag names: `-` and a name each, with commas between."""
    names = [word.strip() for word in passes.split(",") if word.strip()]
    wrong = [name for name in names if not name.startswith("-")]
    if wrong:
        raise ValueError(f"passes: expected names with a minus in front, as '-fuse-loops,-outline',"
                         f" got {', '.join(map(repr, wrong))}")
    return frozenset(name[1:] for name in names)


def is_on(name: str) -> bool:
    """Whether a pass is to run."""
    return not config.passes or name not in switched_off(config.passes)


@dataclass
class PassReport:
    """One run of a pass: how long it took, and the size of the program before and after."""

    name: str
    seconds: float
    before: Sizes
    after: Sizes


class PassRunner:
    """Runs the passes of one compilation; reports go into a list if there is one."""

    def __init__(self, reports: list[PassReport] | None = None):
        self.reports = reports

    def memo_key(self, name: str) -> tuple[Any, ...]:
        """The key of what passes made of a program; reports are about what is done once more."""
        return name, config.passes, None if self.reports is None else self

    def on_program(self, name: str, run: Callable[[Jaxpr], Jaxpr], jaxpr: Jaxpr) -> Jaxpr:
        """A program after a pass."""
        if not is_on(name):
            return jaxpr
        start = time.perf_counter()
        with span("pass", name):
            out = run(jaxpr)
        if self.reports is not None:
            self.reports.append(PassReport(
                name, time.perf_counter() - start, {"equations": len(jaxpr.eqns)},
                {"equations": len(out.eqns)}))
        return out

    def on_kernel(self, name: str, run: Callable[[ir.Function], T], function: ir.Function,
                  placed: bool = True) -> T | None:
        """What a pass that changes a function in place answers; None if it is switched off.

        `placed`: whether temporaries have places afterwards that last for as long as they live.
        """
        if not is_on(name):
            return None
        before = {} if self.reports is None else _sizes(function)
        start = time.perf_counter()
        with span("pass", name):
            out = run(function)
        self._ran(name, start, before, function, placed)
        return out

    def lowered(self, lower: Callable[[], ir.Function]) -> ir.Function:
        """The function that a program becomes."""
        start = time.perf_counter()
        with span("pass", "lower"):
            function = lower()
        self._ran("lower", start, {}, function)
        return function

    def _ran(self, name: str, start: float, before: Sizes, function: ir.Function,
             placed: bool = True) -> None:
        if self.reports is not None:
            self.reports.append(
                PassReport(name, time.perf_counter() - start, before, _sizes(function)))
        if config.enable_checks:
            check_function(function, name, placed)


def _sizes(function: ir.Function) -> Sizes:
    nodes = walk(function.body)
    return {"nodes": len(nodes), "loops": sum(type(n) in (ir.For, ir.While) for n in nodes),
            "temporaries": len(function.temporaries), "bytes": function.arena_bytes}


def table(reports: list[PassReport]) -> str:
    """Reports as text: a line for each pass, in the order in which passes first ran."""
    rows = [("pass", "runs", "ms", "what it changed")]
    for name in dict.fromkeys(r.name for r in reports):
        runs = [r for r in reports if r.name == name]
        sizes = {key: (sum(r.before.get(key, 0) for r in runs), sum(r.after[key] for r in runs))
                 for key in runs[0].after}
        changes = [f"{before} -> {after} {key}" for key, (before, after) in sizes.items()
                   if before != after]
        rows.append((name, str(len(runs)), f"{1000 * sum(r.seconds for r in runs):.2f}",
                     ", ".join(changes) or "-"))
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    return "\n".join(f"{a:{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d}"
                     for a, b, c, d in rows)
