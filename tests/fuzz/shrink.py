"""Cuts a program that fails down to the statements, results and donations that it fails with."""

from __future__ import annotations

import os
import re
import select
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fuzz.batch import Mode
from fuzz.blocks import Function
from fuzz.check import REJECTED, Case, case, look

SECONDS = 60
"""What one attempt may take; more is a failure like a crash."""


def outcome(mode: Mode, c: Case) -> str | None:
    """What is wrong with a program, found in a process of its own, which may die of it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        warnings.simplefilter("ignore")
        with mode.entered(c.seed):
            os.write(write, (look(c) or "").encode()[:4000])
        os._exit(0)
    os.close(write)
    ready, _, _ = select.select([read], [], [], SECONDS)
    if not ready:
        os.kill(child, signal.SIGKILL)
    message = os.read(read, 5000).decode(errors="replace")
    os.close(read)
    status = os.waitpid(child, 0)[1]
    if not ready:
        return f"time: not done within {SECONDS} s"
    if message == REJECTED:
        return None
    return message or (f"signal: {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else None)


def kind(message: str | None) -> str:
    """What failures of one cause have in common: the error's class, or that numbers differ."""
    return re.split(r"[:\s]", message or "")[0]


@contextmanager
def attempt(owner: object, **values: object) -> Iterator[Callable[[], None]]:
    """Attributes set meanwhile, for good if what is yielded is called."""
    before = {name: getattr(owner, name) for name in values}
    keep: list[bool] = []
    for name, value in values.items():
        setattr(owner, name, value)
    yield lambda: keep.append(True)
    if not keep:
        for name, value in before.items():
            setattr(owner, name, value)


def results(function: Function) -> list[str]:
    """The names that `main` returns."""
    return [name for name in function.returns.strip("(), ").split(", ") if name]


def shrunken(mode: Mode, seed: int, seconds: float = 300) -> tuple[Case, str | None]:
    """The program of a seed without what is not needed to fail, and how it fails."""
    c = case(seed)
    end = time.monotonic() + seconds
    first = outcome(mode, c)

    def tried(owner: object, **values: object) -> bool:
        with attempt(owner, **values) as keep:
            same = time.monotonic() < end and kind(outcome(mode, c)) == kind(first)
            if same:
                keep()
            return same

    if first is None:
        return c, None
    tried(c, donated=())
    names = results(c.main)
    if not any(tried(c.main, returns=f"({name},)") for name in names):
        for name in names:
            rest = [n for n in results(c.main) if n != name]
            if rest:
                tried(c.main, returns=f"({', '.join(rest)},)")
    without_unused(c.main)
    for statement in reversed(list(c.main.every())):
        if statement.types and not statement.filler:
            tried(statement, filler=True)
            without_unused(c.main)
    return c, outcome(mode, c)


def without_unused(function: Function) -> None:
    """Drop statements that define what nothing reads."""
    for statement in reversed(list(function.statements)):
        defined = [t.strip(", ") for t in statement.targets]
        rest = Function("", [], [s for s in function.statements if s is not statement],
                        function.returns)
        text = rest.text()
        if not any(re.search(rf"\b{name}\b", text) for name in defined):
            function.statements.remove(statement)
        elif not statement.filler:
            for inner in statement.functions:
                without_unused(inner)
