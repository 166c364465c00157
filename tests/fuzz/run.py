"""Runs random programs in all modes, batches in processes of their own, until the time is up.

    PYTHONPATH=tests python -m fuzz.run --minutes 10 --seed 0
    PYTHONPATH=tests python -m fuzz.run --modes full-lowered --seed 1010 --count 1

Prints each finding: mode, seed, what is wrong, the command that shows it again, and the program,
cut down to what is needed. The exit status is 1 if there were findings.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fuzz.batch import BATCH, SECONDS, Mode

TESTS = Path(__file__).resolve().parents[1]
MODES = ["fast", "full", "fast-lowered", "full-lowered", "auto", "fast-memory", "full-memory",
         "full-1", "fast-lowered-memory", "full-lowered-memory", "auto-1-lowered", "fast-1"]
SEED_RANGE = 10**8


def python(module: str, *args: object) -> subprocess.CompletedProcess[str]:
    """A module of the fuzzer, run in a process that may die."""
    paths = [str(TESTS), str(TESTS.parent / "src")]
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, args)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "INGOT_TRACEBACK_FILTERING": "off"},
        timeout=SECONDS * (BATCH + 1) + 600)


def batch(mode: str, start: int, count: int) -> Iterator[tuple[int, str]]:
    """Findings of consecutive seeds; where a process dies, another one goes on after the seed."""
    while count > 0:
        done = python("fuzz.batch", mode, start, count)
        for line in done.stdout.splitlines():
            if line.startswith("["):
                seed, message = json.loads(line)
                yield seed, message
        if done.returncode == 0:
            return
        begun = re.findall(r"^seed (\d+)$", done.stderr, re.M)
        last = int(begun[-1]) if begun else start
        why = done.stderr.rpartition(f"seed {last}\n")[2].strip()[:3000]
        yield last, f"the process ended with status {done.returncode}: {why}"
        start, count = last + 1, count - (last + 1 - start)


def report(mode: str, seed: int, message: str, shrink: bool) -> None:
    """Print a finding."""
    command = f"PYTHONPATH=tests python -m fuzz.run --modes {mode} --seed {seed} --count 1"
    print(f"\n== mode {mode}, seed {seed}: {message}\n   {command}", flush=True)
    if shrink:
        print(python("fuzz.run", "--show", mode, "--seed", seed).stdout, flush=True)


def show(mode: str, seed: int) -> None:
    """Print the program of a seed, cut down, if it fails when it is run by itself."""
    from fuzz.shrink import shrunken  # what it imports starts no threads before it forks

    c, message = shrunken(Mode(mode), seed)
    print(f"{c.text()}\n# {message or 'does not fail outside of its batch'}")


def batches(modes: list[str], seed: int, count: int | None) -> Iterator[tuple[str, int, int]]:
    """Mode, first seed and number of seeds: `count` in each mode, or the modes in turn for ever."""
    if count is not None:
        for start in range(seed, seed + count, BATCH):
            yield from ((mode, start, min(BATCH, seed + count - start)) for mode in modes)
        return
    for i in itertools.count():
        yield modes[i % len(modes)], (seed // BATCH + i) * BATCH, BATCH


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--modes", default=",".join(MODES), help="names with commas in between")
    parser.add_argument("--seed", type=int, help="the first; without it, a random one")
    parser.add_argument("--count", type=int, help="seeds in each mode, in the place of minutes")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--no-shrink", action="store_true", help="do not cut programs down")
    parser.add_argument("--show", metavar="MODE", help="print the program of the seed, cut down")
    options = parser.parse_args()
    seed = random.randrange(SEED_RANGE) if options.seed is None else options.seed
    if options.show:
        show(options.show, seed)
        return 0
    end = time.monotonic() + 60 * options.minutes
    done: Counter[str] = Counter()
    found: Counter[str] = Counter()
    print(f"seed {seed}", flush=True)
    for mode, start, number in batches(options.modes.split(","), seed, options.count):
        if options.count is None and time.monotonic() > end:
            break
        begun = time.monotonic()
        for where, message in batch(mode, start, number):
            found[mode] += 1
            report(mode, where, message, not options.no_shrink)
        done[mode] += number
        print(f"{mode}, seeds {start} to {start + number - 1}: {time.monotonic() - begun:.0f} s",
              flush=True)
    for mode, number in done.items():
        print(f"{mode}: {number} programs, {found[mode]} findings")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
