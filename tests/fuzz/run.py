"""Runs random programs in all modes, groups in processes of their own, until the time is up.

    PYTHONPATH=tests python -m fuzz.run --minutes 10 --seed 0
    PYTHONPATH=tests python -m fuzz.run --modes full-lowered --seed 1010 --count 1

Prints each finding: mode, seed, what is wrong, the command that shows it again, and the program,
cut down to what is needed; in the end how many programs ran in each mode, how many were refused by
the reference back end, too, and how many findings there were. Exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator

from fuzz.batch import GROUP, Mode, Outcome, run
from fuzz.check import REJECTED
from fuzz.shrink import shrunken

SETS = [["fast", "full", "full-plain-memory"],
        ["fast-lowered", "full-lowered", "full-plain-lowered-memory"],
        ["auto", "full-1", "fast-memory"],
        ["full-memory", "fast-1"], ["auto-1-lowered", "fast-lowered-memory"]]
"""Modes in which the same programs run; the next set gets others."""
MODES = [mode for modes in SETS for mode in modes]
SEED_RANGE = 10**8


def report(outcome: Outcome, shrink: bool) -> None:
    """Print a finding."""
    print(f"\n== mode {outcome.mode}, seed {outcome.seed}: {outcome.message}\n   PYTHONPATH=tests"
          f" python -m fuzz.run --modes {outcome.mode} --seed {outcome.seed} --count 1", flush=True)
    if shrink:
        show(outcome.mode, outcome.seed)


def show(mode: str, seed: int) -> None:
    """Print the program of a seed, cut down, if it fails when it is run by itself."""
    child = os.fork()  # for the generator may die of it, too
    if child == 0:
        c, message = shrunken(Mode(mode), seed)
        print(f"{c.text()}\n# {message or 'does not fail outside of its group'}", flush=True)
        os._exit(0)
    os.waitpid(child, 0)


def groups(modes: list[str] | None, seed: int, count: int | None
           ) -> Iterator[tuple[list[str], range]]:
    """Modes and seeds: `count` of them in each mode, or sets of modes in turn for ever."""
    if count is not None:
        for start in range(seed - seed % GROUP, seed + count, GROUP):
            yield modes or MODES, range(max(start, seed), min(start + GROUP, seed + count))
        return
    sets = [modes] if modes else SETS
    for i in itertools.count():
        start = (seed // GROUP + i) * GROUP
        yield sets[i % len(sets)], range(start, start + GROUP)


class Tally:
    """How many programs ran in each mode."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.found: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        self.ran[outcome.mode] += 1
        self.refused[outcome.mode] += outcome.message == REJECTED
        self.found[outcome.mode] += outcome.message not in (None, REJECTED)

    def text(self) -> str:
        return "\n".join(f"{mode}: {number} programs, {self.refused[mode]} of them refused, "
                         f"{self.found[mode]} findings" for mode, number in self.ran.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--modes", help="names with commas in between")
    parser.add_argument("--seed", type=int, help="the first; without it, a random one")
    parser.add_argument("--count", type=int, help="seeds in each mode, in the place of minutes")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--no-shrink", action="store_true", help="do not cut programs down")
    options = parser.parse_args()
    seed = random.randrange(SEED_RANGE) if options.seed is None else options.seed
    modes = options.modes.split(",") if options.modes else None
    end, tally = time.monotonic() + 60 * options.minutes, Tally()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"ended:\n{tally.text()}"))
    print(f"seed {seed}", flush=True)
    for some, seeds in groups(modes, seed, options.count):
        if options.count is None and time.monotonic() > end:
            break
        begun = time.monotonic()
        for outcome in run(some, seeds):
            tally.add(outcome)
            if outcome.message not in (None, REJECTED):
                report(outcome, not options.no_shrink)
        print(f"{', '.join(some)}, seeds {seeds[0]} to {seeds[-1]}:"
              f" {time.monotonic() - begun:.0f} s", flush=True)
    print(tally.text())
    return int(any(tally.found.values()))


if __name__ == "__main__":
    sys.exit(main())
