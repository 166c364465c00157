"""Runs random programs in several modes, a group of them in a process that may die of it.

A group's process is a fork: importing takes longer than most programs. It says what it begins and
what came out, a line of JSON for each program and mode, so that a crash or a time limit belongs to
the last one begun.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import ingot
from fuzz.check import Kept, case, look
from fuzz.limits import lowered
from ingot.backends.llvm import engine, executable
from ingot.config import config

GROUP = 20
"""Seeds that share a process, and the constants if these are lowered."""
SECONDS = 120
"""What one program may take in one mode, before the process is ended."""


@dataclass(frozen=True)
class Mode:
    """How programs are compiled and run: `full`, or with more words as in `fast-1-lowered`.

    The first word is the tier, `auto` switches during the calls. A number is that of the threads,
    two without it. `lowered`: the compiler's constants are; `memory`: what the compiled code does
    with memory is checked; `plain`: LLVM does not optimize what the tier's other passes have made,
    which takes a quarter of the time.
    """

    name: str

    @property
    def words(self) -> list[str]:
        return self.name.split("-")

    @property
    def threads(self) -> int:
        return next((int(w) for w in self.words if w.isdigit()), 2)

    @property
    def lowered(self) -> bool:
        return "lowered" in self.words

    @contextlib.contextmanager
    def entered(self, seed: int) -> Iterator[None]:
        """Programs of this seed's group are run in this mode meanwhile."""
        before = ingot.get_num_threads()
        full = replace(engine.FULL, opt_level=0,
                       codegen_opt_level=0) if "plain" in self.words else engine.FULL
        constants = lowered(seed // GROUP) if self.lowered else contextlib.nullcontext()
        with (constants, config.override("optimize", self.words[0]),
              config.override("cache", False),
              config.override("check_memory", "memory" in self.words),
              mock.patch.object(engine, "FULL", full),
              # In mode auto, the first call asks for the other tier.
              mock.patch.object(executable, "HOT_SECONDS", -1e9),
              # No second process optimizes what is needed at once.
              mock.patch.object(engine, "INTERRUPTIBLE_LINES", 10**9)):
            try:
                ingot.set_num_threads(self.threads)
                yield
            finally:
                ingot.set_num_threads(before)


@dataclass(frozen=True)
class Outcome:
    """What came of a program in a mode: None if it is right."""

    mode: str
    seed: int
    message: str | None


def outcomes(jobs: Sequence[tuple[int, str]]) -> Iterator[tuple[str, Outcome]]:
    """`begin` and `end` of each seed and mode, run in this process; seeds' modes follow each other.

    In the end results that were kept alive are looked at once more.
    """
    kept, c = Kept(), None
    for seed, mode in jobs:
        yield "begin", Outcome(mode, seed, None)
        if c is None or c.seed != seed:
            c = case(seed)
        with Mode(mode).entered(seed):
            message = look(c, kept)
        yield "end", Outcome(mode, seed, message)
    for message in kept.changed():
        seed = int(message.split()[1].strip(","))
        yield "end", Outcome(jobs[-1][1], seed, f"after the group: {message}")


def _child(jobs: Sequence[tuple[int, str]], write: int, errors: int, fault: Any) -> None:
    """Run jobs with a fault, and end the process."""
    os.dup2(errors, 2)
    faulthandler.enable(errors)
    warnings.simplefilter("ignore")
    with fault:
        for word, outcome in outcomes(jobs):
            faulthandler.dump_traceback_later(SECONDS, exit=True, file=errors)
            line = json.dumps([word, outcome.mode, outcome.seed, outcome.message])
            os.write(write, line.encode() + b"\n")
    os._exit(0)


def forked(jobs: Sequence[tuple[int, str]],
           fault: Callable[[], Any] = contextlib.nullcontext) -> Iterator[Outcome]:
    """Outcomes of jobs in a process, while it has a fault that is entered as a context; where it
    dies, another one goes on with the next job."""
    while jobs:
        read, write = os.pipe()
        with tempfile.TemporaryFile() as errors:
            child = os.fork()
            if child == 0:
                try:
                    _child(jobs, write, errors.fileno(), fault())
                except BaseException:  # an error of the fuzzer itself
                    traceback.print_exc()
                    os._exit(1)
            os.close(write)
            begun = 0
            with open(read) as lines:
                for line in lines:
                    word, *rest = json.loads(line)
                    if word == "end":
                        yield Outcome(*rest)
                    else:
                        begun += 1
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status == 0:
                return
            errors.seek(0)
            text = errors.read().decode(errors="replace")[-3000:]
        seed, mode = jobs[max(begun - 1, 0)]
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        yield Outcome(mode, seed, f"the process ended with {name}: {text}")
        jobs = jobs[max(begun, 1):]


def run(modes: Sequence[str], seeds: range,
        fault: Callable[[], Any] = contextlib.nullcontext) -> Iterator[Outcome]:
    """Outcomes of seeds in modes, in groups; modes whose constants are lowered have their own."""
    kinds = [[m for m in modes if Mode(m).lowered == low] for low in (False, True)]
    for k in sorted({seed // GROUP for seed in seeds}):
        group = [seed for seed in range(k * GROUP, (k + 1) * GROUP) if seed in seeds]
        for some in filter(None, kinds):
            yield from forked([(seed, mode) for seed in group for mode in some], fault)
