"""Where the time of a function goes: a table by the user's lines, beside the machine's limits."""

from __future__ import annotations

import functools
import html
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.api.arguments import check_callable
from ingot.api.devices import block_until_ready
from ingot.api.jit import PjitFunction, jit
from ingot.core.costs import count_flops
from ingot.core.interpreter import to_array
from ingot.core.jaxpr import Eqn, Jaxpr, Literal, Var, eval_jaxpr
from ingot.core.source_info import describe
from ingot.tree import tree_leaves

COPIED, SIDE = 2**23, 768
"""Numbers that are copied, and rows of the matrices that are multiplied, to find the limits."""
LEAST, MOST = 5, 0.05
"""How often an operation is timed at least, and for how many seconds more if it is short."""


def _seconds(run: Callable[[], Any]) -> float:
    """The shortest of some runs."""
    best, spent = float("inf"), 0.0
    for k in range(1000):
        if k >= LEAST and spent > MOST:
            break
        start = time.perf_counter()
        run()
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return best


@functools.cache
def _limits() -> tuple[float, float]:
    """Bytes that a copy moves and operations that a product of matrices does, in a second."""
    source = np.ones(COPIED)
    target = np.empty_like(source)
    a = np.ones((SIDE, SIDE))
    return (2 * source.nbytes / _seconds(lambda: np.copyto(target, source)),
            2 * SIDE**3 / _seconds(lambda: a @ a))


@dataclass
class Row:
    """What one line of the user's code does: seconds of its operations, each compiled by itself,
    bytes that they read and write, floating-point operations, and their names."""

    line: str
    seconds: float = 0.0
    nbytes: float = 0.0
    flops: float = 0.0
    names: tuple[str, ...] = ()

    def add(self, eqn: Eqn, seconds: float, times: float) -> None:
        """Count one operation, which runs so often."""
        self.seconds += seconds
        self.nbytes += times * sum(v.aval.nbytes for v in {*eqn.invars, *eqn.outvars}
                                   if hasattr(v, "aval"))
        self.flops += times * count_flops(Jaxpr([], [], [], [eqn]))
        if eqn.primitive.name not in self.names:
            self.names += (eqn.primitive.name,)


@dataclass
class Report:
    """Seconds of one call of a function as it is compiled, and rows by the user's lines; prints as
    a table, in notebooks too. `report` makes it.

    >>> ingot.profiler.report(jnp.sin, np.ones(3)).seconds > 0
    True
    """

    name: str
    seconds: float
    rows: list[Row]
    bandwidth: float
    peak: float

    def table(self) -> list[list[str]]:
        """The cells of the table, a heading first."""
        whole = sum(row.seconds for row in self.rows) or 1.0
        cells = [["line", "share", "alone", "MB", "Mflop", "of copy", "of peak", "operations"]]
        for row in sorted(self.rows, key=lambda row: -row.seconds):
            t = row.seconds or float("inf")
            cells.append([
                row.line, f"{100 * row.seconds / whole:.0f} %", f"{1e6 * row.seconds:.1f} us",
                f"{row.nbytes / 1e6:.3g}", f"{row.flops / 1e6:.3g}",
                f"{100 * row.nbytes / t / self.bandwidth:.0f} %",
                f"{100 * row.flops / t / self.peak:.0f} %", ", ".join(row.names[:6])])
        return cells

    def _notes(self) -> list[str]:
        alone = sum(row.seconds for row in self.rows)
        return [f"{self.name}: {1e6 * self.seconds:.1f} us a call, as one compiled program; its"
                f" operations one by one take {1e6 * alone:.1f} us",
                f"limits measured here: a copy moves {self.bandwidth / 1e9:.1f} GB/s, a product of"
                f" matrices does {self.peak / 1e9:.1f} Gflop/s"]

    def __repr__(self) -> str:
        cells = self.table()
        widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
        lines = ["  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(
            row[1:-1], widths[1:-1], strict=True)), row[-1]]) for row in cells]
        first, last = self._notes()
        return "\n".join([first, *lines, last])

    def _repr_html_(self) -> str:
        """The same as a table of HTML."""
        rows = ["".join(f"<td>{html.escape(c)}</td>" for c in row) for row in self.table()]
        first, last = map(html.escape, self._notes())
        return (f"<p>{first}</p><table>" + "".join(f"<tr>{row}</tr>" for row in rows)
                + f"</table><p>{last}</p>")


def report(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Report:
    """Measure a function, and where in it the time goes: a table by lines of the user's code.

    fun: a function, under `jit` or not. args, kwargs: its arguments, for which it is run many
    times -> a Report: seconds of one call of the compiled function, and for each line the seconds
    of its operations when each is compiled by itself (loops that are fused take less together), the
    bytes they read and write, floating-point operations, and which shares these are of the
    bandwidth of a copy and of the speed of a product of matrices, measured on this machine. Of a
    `scan` the lines of its body share the time of the loop.

    >>> def f(x):
    ...     return jnp.sum(jnp.exp(x) @ x)
    >>> r = ingot.profiler.report(f, np.ones((50, 50)))
    >>> [row.names for row in r.rows]
    [('exp', 'dot_general', 'reduce_sum')]
    """
    check_callable("report", fun)
    jitted = fun if isinstance(fun, PjitFunction) else jit(fun)
    traced = jitted.trace(*args, **kwargs)
    block_until_ready(jitted(*args, **kwargs))
    seconds = _seconds(lambda: block_until_ready(jitted(*args, **kwargs)))
    rows: dict[str, Row] = {}
    dynamic, named, _ = jitted._statics.split(args, kwargs)
    _measure(traced.jaxpr, [to_array(x) for x in tree_leaves((dynamic, named))], rows, 1.0, None)
    return Report(traced.jaxpr.debug_name, seconds, list(rows.values()), *_limits())


def _measure(jaxpr: Jaxpr, args: Sequence[Any], rows: dict[str, Row], times: float,
             budget: float | None) -> list[Any]:
    """Run a program operation by operation, and add to the rows how long each takes.

    times: how often it runs in all; budget: seconds that it takes in all, if that was measured.
    """
    env: dict[Var, Any] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*jaxpr.consts, *args],
                                   strict=True))
    found: list[tuple[Eqn, float]] = []
    for eqn in jaxpr.eqns:
        ins = [_read(env, a) for a in eqn.invars]
        outs, seconds = _timed(eqn, ins)
        env.update(zip(eqn.outvars, outs, strict=True))
        found.append((eqn, seconds))
        _inner(eqn, ins, rows, times, seconds)
    whole = sum(seconds for _, seconds in found) or 1.0
    scale = times if budget is None else budget / whole
    for eqn, seconds in found:
        if _body(eqn) is None:
            line = describe(eqn.source)
            rows.setdefault(line, Row(line)).add(eqn, scale * seconds, times)
    return [_read(env, a) for a in jaxpr.outvars]


def _read(env: dict[Any, Any], atom: Any) -> Any:
    return atom.val if type(atom) is Literal else env[atom]


def _timed(eqn: Eqn, ins: Sequence[Any]) -> tuple[list[Any], float]:
    """The results of one operation and how long it takes, compiled by itself."""
    variables = [Var(a.aval) for a in eqn.invars]
    program = Jaxpr([], variables, eqn.outvars, [eqn.replace(invars=variables)])
    run = jit(lambda *xs: eval_jaxpr(program, [], *xs))
    outs = block_until_ready(run(*ins))
    return outs, _seconds(lambda: block_until_ready(run(*ins)))


def _body(eqn: Eqn) -> Jaxpr | None:
    """The program inside of a call or a scan, whose lines are of interest."""
    return eqn.params.get("jaxpr") if eqn.primitive.name in ("jit", "scan") else None


def _inner(eqn: Eqn, ins: Sequence[Any], rows: dict[str, Row], times: float, seconds: float
           ) -> None:
    """The same for the program inside of an operation, for its first iteration if it is a scan."""
    body = _body(eqn)
    if body is None:
        return
    if eqn.primitive.name == "scan":
        fixed = eqn.params["num_consts"] + eqn.params["num_carry"]
        ins = [*ins[:fixed], *(x[0] for x in ins[fixed:])] if eqn.params["length"] else []
        if not ins and body.invars:
            return
        times *= eqn.params["length"]
    _measure(body, ins, rows, times, seconds)


__all__ = ["Report", "Row", "report"]
