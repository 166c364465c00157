"""Runs a batch of random programs in this process, in one mode, and prints what is wrong.

Run as `python -m fuzz.batch MODE START COUNT`. Each seed is named on stderr before its program
runs, so that the last one named is the one that a crash or a time limit belongs to; each finding is
a line of JSON on stdout.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import ingot
from fuzz.check import case, look, mismatch
from fuzz.limits import lowered
from ingot.backends.llvm import executable
from ingot.config import config

BATCH = 20
"""Seeds that share a process, and the constants if these are lowered."""
SECONDS = 120
"""What one program may take, before the process is ended."""


@dataclass(frozen=True)
class Mode:
    """How programs are compiled and run: `full`, or with more words as in `fast-1-lowered`.

    The first word is the tier, `auto` switches during the calls. A number is that of the threads,
    two without it. `lowered`: the compiler's constants are; `memory`: what the compiled code does
    with memory is checked.
    """

    name: str

    @property
    def words(self) -> list[str]:
        return self.name.split("-")

    @property
    def threads(self) -> int:
        return next((int(w) for w in self.words if w.isdigit()), 2)

    @contextlib.contextmanager
    def entered(self, seed: int) -> Iterator[None]:
        """Programs of this seed's batch are run in this mode meanwhile."""
        before, hot = ingot.get_num_threads(), executable.HOT_SECONDS
        constants = lowered(seed // BATCH) if "lowered" in self.words else contextlib.nullcontext()
        with (constants, config.override("optimize", self.words[0]),
              config.override("cache", False),
              config.override("check_memory", "memory" in self.words)):
            try:
                ingot.set_num_threads(self.threads)
                executable.HOT_SECONDS = -1e9  # in mode auto, the first call asks for the other
                yield
            finally:
                executable.HOT_SECONDS = hot
                ingot.set_num_threads(before)


def findings(mode: Mode, start: int, count: int) -> Iterator[tuple[int, str]]:
    """Seeds of wrong programs, and what is wrong; results are looked at in the end once more."""
    kept: list = []
    with mode.entered(start):
        for seed in range(start, start + count):
            print(f"seed {seed}", file=sys.stderr, flush=True)
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            message = look(case(seed), kept)
            if message:
                yield seed, message
        for seed, got, want, allowed in kept:
            if mismatch(got, want, allowed):
                yield seed, f"after the batch: {mismatch(got, want, allowed)}"
    faulthandler.cancel_dump_traceback_later()


def main(mode: str, start: str, count: str) -> None:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    for finding in findings(Mode(mode), int(start), int(count)):
        print(json.dumps(finding), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
