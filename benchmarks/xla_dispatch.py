"""Calls through the XLA back end beside `jax.jit` on the same jaxlib: microseconds each.

Run it where JAX is installed: `python benchmarks/xla_dispatch.py`, or with `cuda` on a GPU. The
least of many rounds, in which both sides take turns; the programs are so small that they run in the
calling thread.
"""

import sys
import time

import jax
import numpy as np

import ingot

jax.config.update("jax_enable_x64", True)
CALLS, ROUNDS = 300, 40
BACKEND = sys.argv[1] if len(sys.argv) > 1 else "xla"


def chain(*xs):
    """As many results as arguments."""
    return tuple(x + 1 for x in xs)


def seconds(fun, args):
    """The time of one call."""
    start = time.perf_counter()
    for _ in range(CALLS):
        fun(*args)
    return (time.perf_counter() - start) / CALLS


def main():
    """Print a table: arguments, ours, JAX's, their ratio."""
    print(f"{'arguments':>10} {'ingot us':>9} {'jax us':>9} {'ratio':>6}")
    for count in (1, 10, 100):
        ours, theirs = ingot.jit(chain, backend=BACKEND), jax.jit(chain)
        mine = [ingot.device_put(np.ones(4), ingot.devices(BACKEND)[0]) for _ in range(count)]
        other = [jax.device_put(np.ones(4)) for _ in range(count)]
        best = [float("inf")] * 2
        for _ in range(ROUNDS):
            for k, (fun, args) in enumerate(((ours, mine), (theirs, other))):
                best[k] = min(best[k], seconds(fun, args))
        a, b = (1e6 * t for t in best)
        print(f"{count:10} {a:9.2f} {b:9.2f} {a / b:6.2f}")


if __name__ == "__main__":
    main()
