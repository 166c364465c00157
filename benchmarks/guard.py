"""Ten kernels under this tree and under an earlier commit, in turns: has any become slower?

python benchmarks/guard.py          against the commit before this one
python benchmarks/guard.py v0.1     against another

Each tree runs in a process of its own, which is asked for one round of one kernel at a time, so
that a busy machine slows both alike. What seems slower is measured again with more rounds. Exits
with 1 if a kernel takes more than 1.1 times as long as before.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
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


def kernel(group, name):
    """A call to be timed."""
    if group == "compile":
        return compiling()
    (program,) = [p for p in harness.programs(group) if p.name == name]
    package, *rest = harness.modules("ingot")
    return harness.bound(package, *program.make(package, *rest))


def serve():
    """A child: for every line 'index', the seconds of one call, taken over one round."""
    calls, repeats = {}, {}
    for line in sys.stdin:
        k = int(line)
        if k not in calls:
            calls[k] = kernel(*KERNELS[k])
            repeats[k] = harness.fitting(calls[k])
        print(json.dumps(harness.timed(calls[k], repeats[k]) / repeats[k]), flush=True)


class Tree:
    """A process that runs kernels on the sources of one tree."""

    def __init__(self, source, cache):
        environment = {**os.environ, "PYTHONPATH": str(source), "XDG_CACHE_HOME": cache}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "guard.py"), "--serve"], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def seconds(self, k):
        print(k, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"the process of {self.process.args} ended")
        return json.loads(answer)


def ratio(now, before, k, rounds):
    """Median over rounds of this tree's time over the earlier one's; they take turns at being
    first."""
    ratios = []
    for number in range(rounds):
        if number % 2:
            ratios.append(now.seconds(k) / before.seconds(k))
        else:
            ratios.append(1 / (before.seconds(k) / now.seconds(k)))
    return statistics.median(ratios)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", nargs="?", default="HEAD~1", help="the commit to compare with")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve()
    slower = []
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder, "tree")
        subprocess.run(["git", "worktree", "add", "--detach", "--quiet", old, options.base],
                       cwd=HERE, check=True)
        try:
            now = Tree(HERE.parent / "src", f"{folder}/now")
            before = Tree(old / "src", f"{folder}/before")
            for k, names in enumerate(KERNELS):
                found = ratio(now, before, k, ROUNDS)
                if found > ALLOWED:
                    time.sleep(1)
                    found = min(found, ratio(now, before, k, 4 * ROUNDS))
                print(f"{': '.join(names):45} {found:.2f}", flush=True)
                slower += [names] * (found > ALLOWED)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", old], cwd=HERE, check=True)
    if slower:
        raise SystemExit(f"slower by more than a tenth: {slower}")


if __name__ == "__main__":
    main()
