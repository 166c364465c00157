"""Programs under this tree and under an earlier commit, in turns: has any become slower?

python benchmarks/guard.py                      ten kernels, against the commit before this one
python benchmarks/guard.py v0.1                 against another
python benchmarks/guard.py v0.1 --group sums    all programs of a group, as a Markdown table
python benchmarks/guard.py v0.1 --group sums --only 'eager: dot'

Each tree runs in a process of its own, which is asked for one round of one program at a time, so
that a busy machine slows both alike; rivals run in the process of this tree. What is compared is
the fastest round of each, for other work on the machine only ever adds time. What seems slower is
measured again with more rounds. Exits with 1 if a program takes more than 1.1 times as long as
before.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import harness  # noqa: E402

KERNELS = [
    ("dispatch", "jit(x + 1)"),
    ("dispatch", "x + y"),
    ("loops", "scan, 8 scalars"),
    ("loops", "scan, 3x3, gradient"),
    ("loops", "while, 64 entries of which one is long"),
    ("statespace", "sho, 300 points"),
    ("elementwise", "exp(-x * x), 1000000"),
    ("arrays", "sum, axis 0, float64, L2"),
    ("random", "normal"),
    ("compile", ""),
]
ALLOWED = 1.1
ROUNDS = 15


def compiling():
    """Trace and compile a program that no cache knows."""
    import ingot
    import ingot.numpy as jnp
    from ingot import lax

    count = 0

    def call():
        nonlocal count
        count += 1

        def step(carry, x):
            a, b = carry
            return (jnp.sin(a) + 1e-9 * count * b, a @ b * x), a.sum()

        def loss(a, xs):
            return lax.scan(step, (a, a), xs)[1].sum()

        ingot.jit(ingot.grad(loss))(jnp.eye(3), jnp.ones(4))

    return call


def program(group, name):
    """The program of a name."""
    (found,) = [p for p in harness.programs(group) if p.name == name]
    return found


def call_of(group, name, rival):
    """A call to be timed: ingot's, or that of a rival by its name."""
    if group == "compile":
        return compiling()
    if rival:
        return program(group, name).rivals[rival]()
    package, *rest = harness.modules("ingot")
    return harness.bound(package, *program(group, name).make(package, *rest))


def serve():
    """A child: for every line [group, name, rival] the seconds of one call, taken over one round.

    Of all programs only the last one is kept, and its rivals: operands take memory.
    """
    known, last = {}, None
    for line in sys.stdin:
        group, name, rival = json.loads(line)
        if (group, name) != last:
            known, last = {}, (group, name)
        if rival not in known:
            call = call_of(group, name, rival)
            known[rival] = call, harness.fitting(call)
        call, repeats = known[rival]
        print(json.dumps(harness.timed(call, repeats) / repeats), flush=True)


class Tree:
    """A process that runs programs on the sources of one tree."""

    def __init__(self, source, cache):
        environment = {**harness.THREADS_REST, **os.environ, "PYTHONPATH": str(source),
                       "XDG_CACHE_HOME": cache}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "guard.py"), "--serve"], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def seconds(self, group, name, rival=None):
        print(json.dumps([group, name, rival]), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"the process of {self.process.args} ended at {group}: {name}")
        return json.loads(answer)


def ratios(now, before, group, name, rivals):
    """This tree's time over the earlier one's, and over those of rivals; they take turns at being
    first, and are measured again if this tree seems slower."""
    askers = {None: now, "base": before, **dict.fromkeys(rivals, now)}
    least = dict.fromkeys(askers, float("inf"))
    for rounds in (ROUNDS, 3 * ROUNDS):
        for number in range(rounds):
            order = list(askers)[:: -1 if number % 2 else 1]
            for who in order:
                asked = who if who in rivals else None
                least[who] = min(least[who], askers[who].seconds(group, name, asked))
        if least[None] <= ALLOWED * least["base"]:
            break
    return {who: least[None] / seconds for who, seconds in least.items() if who}, least[None]


def report(now, before, options):
    """Print a line for each program; the names of those that have become slower."""
    slower = []
    if options.group:
        programs = harness.programs(options.group)
        kernels = [(options.group, p.name) for p in programs if re.search(options.only, p.name)]
        print(f"| {options.group} | now | / {options.base} | / NumPy |\n|---|---|---|---|")
    else:
        kernels = KERNELS
    for group, name in kernels:
        rivals = list(program(group, name).rivals) if options.group else []
        found, seconds = ratios(now, before, group, name, rivals)
        if options.group:
            cells = [name, harness.pretty(seconds), *(f"{r:.2f}" for r in found.values())]
            print("|", " | ".join(cells), "|", flush=True)
        else:
            print(f"{group + ': ' + name:45} {found['base']:.2f}", flush=True)
        slower += [(group, name)] * (found["base"] > ALLOWED)
    return slower


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", nargs="?", default="HEAD~1", help="the commit to compare with")
    parser.add_argument("--group", help="a group of programs, with NumPy beside")
    parser.add_argument("--only", default="", help="a pattern that names of programs contain")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve()
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder, "tree")
        subprocess.run(["git", "worktree", "add", "--detach", "--quiet", old, options.base],
                       cwd=HERE, check=True)
        try:
            slower = report(Tree(HERE.parent / "src", f"{folder}/now"),
                            Tree(old / "src", f"{folder}/before"), options)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", old], cwd=HERE, check=True)
    if slower:
        raise SystemExit(f"slower by more than a tenth: {slower}")


if __name__ == "__main__":
    main()
