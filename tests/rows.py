"""Which rows of the table of examples exercise which primitives."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import Any

import ingot.control
import ingot.primitives
from examples import Example, table
from harness import array, jvp, random_like, tangents_of, vjp
from ingot.core.avals import is_inexact
from ingot.core.interpreter import EvalInterpreter, interpreting, typeof
from ingot.core.jaxpr import Eqn, Jaxpr, subjaxprs


def import_all() -> None:
    """Import every module that defines primitives, so that the registry is complete."""
    for package in (ingot.primitives, ingot.control):
        for info in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{info.name}")
    for name in ("random.gamma", "scipy.log_tails", "scipy.special_primitives"):
        importlib.import_module(f"ingot.{name}")


class Recorder(EvalInterpreter):
    """Evaluates, and notes the primitives: those of programs that are run as well."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def process(self, primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        self.names.append(primitive.name)
        for inner in subjaxprs(Eqn(primitive, [], [], params)):
            self.names += primitives_in(inner)
        return super().process(primitive, args, params)


def primitives_in(jaxpr: Jaxpr) -> list[str]:
    """Names of all primitives of a program and of those it runs."""
    inner = [n for eqn in jaxpr.eqns for j in subjaxprs(eqn) for n in primitives_in(j)]
    return [eqn.primitive.name for eqn in jaxpr.eqns] + inner


def recorded(run: Callable[[], Any]) -> list[str]:
    """Names of the primitives that a call evaluates."""
    recorder = Recorder()
    with interpreting(recorder):
        run()
    return recorder.names


def pulled(row: Example) -> None:
    """Run the reverse derivative of a row."""
    outs, back = vjp(row.fun, row.args, row.differentiable)
    back([array(random_like(typeof(o))) for o in outs if is_inexact(typeof(o))])


@functools.cache
def rows_by_primitive() -> dict[str, list[Example]]:
    """The rows that run a primitive; then those whose derivatives do.

    Rows of few equations come first.
    """
    import_all()
    direct: dict[str, list[tuple[int, int, Example]]] = {}
    derived: dict[str, list[tuple[int, int, Example]]] = {}
    for i, row in enumerate(table()[0]):
        try:
            names = recorded(lambda: row.fun(*map(array, row.args)))  # noqa: B023
            names += row.runs
            ts = tangents_of(row.args, row.differentiable)
            more = recorded(lambda: (jvp(row.fun, row.args, ts), pulled(row))) if (  # noqa: B023
                row.differentiable) else []
        except Exception:  # the laws tell what is wrong with this row
            continue
        _enter(direct, set(names), len(names), i, row)
        _enter(derived, {*more} - {*names}, len(more), i, row)
    by_size = lambda rows: [r for _, _, r in sorted(rows, key=lambda t: t[:2])]
    return {n: by_size(direct.get(n, [])) + by_size(derived.get(n, []))
            for n in sorted({*direct, *derived})}


def _enter(found: dict[str, list[tuple[int, int, Example]]], names: set[str], size: int, i: int,
           row: Example) -> None:
    for name in names:
        found.setdefault(name, []).append((size, i, row))
