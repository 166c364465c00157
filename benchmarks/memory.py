"""Memory: how far the resident pages of a process rise, in a fresh process for each row."""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import harness

MEGA = 1 << 20


def resident():
    """Bytes resident now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def peak():
    """Bytes resident at most so far."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def rise(package, function, *args):
    """Bytes by which the peak rises when a function, compiled before, runs."""
    compiled = package.jit(function).lower(*args).compile()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = resident()
    package.block_until_ready(compiled(*args))
    return max(peak() - before, 0)


# ---- what is done --------------------------------------------------------------------------------
def first_jit(system):
    """Import, and compile one small function: the whole process.

    NumPy and llvmlite beside each other compile one, too: much of LLVM is paged in by that.
    """
    if system == "numpy + llvmlite":
        import llvmlite.binding as llvm
        import numpy  # noqa: F401

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        module = llvm.parse_assembly("define i32 @f(i32 %x) {\n  ret i32 %x\n}")
        llvm.Target.from_default_triple().create_target_machine().emit_object(module)
        return peak()
    package, jnp, _ = harness.modules(system)
    package.jit(lambda x: x + 1)(jnp.ones(3)).block_until_ready()
    return peak()


def outer_product(count):
    """Gradient of the sum of an RBF kernel of `count` points: what it adds to the process."""

    def measure(system):
        package, jnp, _ = harness.modules(system)

        def total(x, scale):
            return jnp.sum(jnp.exp(-0.5 * ((x[:, None] - x[None, :]) / scale) ** 2))

        gradient = package.grad(total, argnums=(0, 1))
        return rise(package, gradient, jnp.linspace(0.0, 1.0, count), 0.5)

    return measure


def carried(count):
    """A million numbers updated in a loop of 1,000 steps, and its gradient."""

    def measure(system):
        package, jnp, lax = harness.modules(system)

        def total(x):
            def step(i, x):
                return x.at[i].set(jnp.sin(x[i + 1]))

            return jnp.sum(lax.fori_loop(0, 1_000, step, x))

        return rise(package, package.grad(total), jnp.linspace(0.0, 1.0, count))

    return measure


ROWS = {
    "import and one jit": first_jit,
    "gradient of an RBF sum, N = 20,000": outer_product(20_000),
    "gradient of 1,000 updates of 1e6 numbers": carried(1_000_000),
}
BESIDE = {"import and one jit": ("numpy + llvmlite",)}
LIMITS = {"import and one jit": ("numpy + llvmlite", 1.3)}


# ---- table ---------------------------------------------------------------------------------------
def in_fresh_process(system, row):
    """What a row says of a system, nan if it failed; nothing is in ingot's cache on disk."""
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run([sys.executable, __file__, system, row], capture_output=True,
                              text=True, env={**os.environ, "XDG_CACHE_HOME": cache})
    return json.loads(done.stdout) if done.returncode == 0 else float("nan")


def main(systems):
    """Print megabytes for each system, and the last system's over the others'; the summary."""
    cells, summary = [], harness.Summary("memory")
    others = ("numpy + llvmlite", *(s for s in systems if s != systems[-1]))
    for row in ROWS:
        found = {s: in_fresh_process(s, row) for s in (*systems, *BESIDE.get(row, ()))}
        mine = found[systems[-1]]
        ratios = {s: mine / found[s] for s in others if s in found}
        summary.add(row, ratios, dict([LIMITS[row]] if row in LIMITS else []))
        cells.append((row, *(f"{found[s] / MEGA:.1f} MB" if s in found else "-"
                             for s in (*systems, "numpy + llvmlite")),
                      *(f"{ratios[s]:.3g}" if s in ratios else "-" for s in others)))
    harness.print_table(("resident at most", *systems, "numpy + llvmlite",
                         *(f"{systems[-1]}/{s}" for s in others)), cells)
    return summary


if __name__ == "__main__":
    print(json.dumps(ROWS[sys.argv[2]](sys.argv[1])))
