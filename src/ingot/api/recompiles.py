"""Which functions were traced more than once, and why: `explain_recompiles`, and what is logged."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from ingot.api.cache_misses import REMEDIES, Change, Key, changes_of
from ingot.config import config
from ingot.control.tracing import function_name
from ingot.core.array import ArrayBase
from ingot.core.logs import say, types_of
from ingot.core.source_info import Source, describe, user_source
from ingot.util import HERE, register_cache

MOST_FUNCTIONS, MOST_CAUSES = 2000, 100
"""What is remembered: functions, of which the oldest go first, and kinds of change for each."""


@dataclass
class Cause:
    """One kind of change that made a function be traced again: the first, and how often."""

    change: Change
    source: Source | None
    count: int = 0


@dataclass
class _History:
    """What became of the function objects with one code, so that new ones are recognized."""

    name: str
    code: CodeType
    closed: dict[str, str]
    traces: int = 0
    causes: dict[tuple[str, str], Cause] = field(default_factory=dict)


class _Histories(dict[tuple[CodeType, ...], _History]):
    """Histories by code, as a cache that `clear_caches` may refer to and empties."""

    __hash__ = object.__hash__  # type: ignore[assignment]


_histories = _Histories()
register_cache(_histories)


def note_trace(fun: Callable[..., Any], key: Key, earlier: Sequence[Key]) -> None:
    """Remember that a function is traced, and why if it is not for the first time; the flag
    `explain_cache_misses` logs it."""
    codes = tuple(_codes(fun))
    if not codes or codes[-1].co_filename.startswith(HERE):
        return
    closed, source = _closed_over(fun), user_source()
    history = _histories.get(codes)
    changes: tuple[Change, ...] = ()
    if earlier:
        changes = changes_of(fun, key, earlier)
    elif history is not None:
        changes = (_new_object(closed, history.closed),)
    if history is None:
        while len(_histories) >= MOST_FUNCTIONS:
            _histories.pop(next(iter(_histories)), None)
        history = _histories.setdefault(codes, _History(function_name(fun), codes[-1], closed))
    history.traces += 1
    history.closed = closed
    for change in changes:
        if len(history.causes) < MOST_CAUSES:
            cause = history.causes.setdefault(change[:2], Cause(change, source))
            cause.count += 1
    if config.explain_cache_misses:
        _log(history, key, changes, bool(earlier), source)


def _log(history: _History, key: Key, changes: Sequence[Change], differs: bool,
         source: Source | None) -> None:
    told = "it was never traced before"
    if changes:
        told = "\n  ".join(c.text for c in changes)
    if differs:
        told = f"it differs from the nearest earlier call:\n  {told}"
    say("miss", f"TRACING CACHE MISS at {describe(source)}: {_place(history)} is traced for"
                f" {types_of(key[2])} because {told}")


def _codes(fun: Any) -> Iterator[CodeType]:
    """The code of a function and of those that it wraps, the user's last."""
    while fun is not None:
        called = fun if hasattr(fun, "__code__") else type(fun).__call__
        code = getattr(called, "__code__", None)
        if code is not None:
            yield code
        fun = getattr(fun, "__wrapped__", None) or getattr(fun, "func", None)


def _closed_over(fun: Any) -> dict[str, str]:
    """What the user's function closes over, in words that tell values from one another."""
    while (inner := getattr(fun, "__wrapped__", None) or getattr(fun, "func", None)) is not None:
        fun = inner
    cells = getattr(fun, "__closure__", None) or ()
    names = getattr(getattr(fun, "__code__", None), "co_freevars", ())
    return {name: _in_words(cell) for name, cell in zip(names, cells, strict=False)}


def _in_words(cell: Any) -> str:
    try:
        value = cell.cell_contents
    except ValueError:  # not yet assigned
        return "nothing"
    if isinstance(value, ArrayBase):
        return str(value.aval)
    if isinstance(value, (bool, int, float, complex, str)):
        return f"{value!r:.60}"
    return f"a {type(value).__name__}"


def _new_object(now: dict[str, str], before: dict[str, str]) -> Change:
    """The change of functions that are made anew, and what differs in what they close over."""
    told = [f"{name} is {value}, it was {before[name]}" for name, value in now.items()
            if name in before and before[name] != value]
    closed = f", which closes over other values: {', '.join(told)}" if told else ""
    return Change("function", "", "this function object is new, though one of the same code was"
                  f" traced before{closed}")


def _place(history: _History) -> str:
    return f"{history.name} ({history.code.co_filename}:{history.code.co_firstlineno})"


# ---- the report ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class RecompiledFunction:
    """A function that was traced more than once: its name and place, how often, and why."""

    name: str
    place: str
    traces: int
    causes: tuple[Cause, ...]

    def rows(self) -> list[tuple[str, str, str]]:
        """What changed and how often, the line that called, and what to do, a row for each kind."""
        return [(f"{c.count} x  {c.change.text}", describe(c.source), REMEDIES[c.change.kind])
                for c in self.causes]


class Recompiles(tuple[RecompiledFunction, ...]):
    """What `explain_recompiles` returns: functions, the most often traced first; prints as text,
    and as a table in notebooks."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self:
            return "No function under jit was traced more than once."
        lines = []
        for f in self:
            lines.append(f"{f.name} ({f.place}) was traced {f.traces} times")
            for change, line, remedy in f.rows():
                lines += [f"  {change}", f"       first at {line}", f"       remedy: {remedy}"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The same as a table."""
        if not self:
            return f"<p>{self!r}</p>"
        head = "".join(f"<th>{name}</th>" for name in ("function", "traced", "what changed",
                                                       "first at", "remedy"))
        body = "".join(_html_row(f, row, first=i == 0)
                       for f in self for i, row in enumerate(f.rows()))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _html_row(f: RecompiledFunction, row: Sequence[str], first: bool) -> str:
    cells = [f"{f.name} ({f.place})" if first else "", str(f.traces) if first else "", *row]
    return "<tr>" + "".join(f'<td style="text-align:left;white-space:pre-wrap">{html.escape(c)}'
                            "</td>" for c in cells) + "</tr>"


def explain_recompiles() -> Recompiles:
    """List the functions under `jit` that were traced, and so compiled, more than once, and why.

    -> a tuple of one entry per function, the most often traced first, with `name`, `place`,
    `traces` and `causes`; it prints what changed between calls (shape, dtype, weak type, static
    argument, structure, flag, a new function object and what it closes over), at which line, and
    what to do. `clear_caches` starts anew. The flag `explain_cache_misses` logs the same at once.

    >>> @ingot.jit
    ... def f(x):
    ...     return 2 * x
    >>> y = f(np.ones(3)), f(np.ones(4))
    >>> [(g.traces, g.causes[0].change.text) for g in ingot.explain_recompiles() if g.name == "f"]
    [(2, 'x: f64[4], it was f64[3] (shape)')]
    """
    found = [RecompiledFunction(h.name, f"{h.code.co_filename}:{h.code.co_firstlineno}", h.traces,
                                tuple(h.causes.values()))
             for h in list(_histories.values()) if h.traces > 1]
    return Recompiles(sorted(found, key=lambda f: -f.traces))


__all__ = ["Cause", "RecompiledFunction", "Recompiles", "explain_recompiles"]
