"""Programs compiled for accelerators that are not there: H100 and TPU v5e (`make accelerators`).

For each primitive a row of the table of examples that runs it, in every dtype that the row
accepts; then the programs of `accelerator_programs`, some over a mesh of 2 x 2 devices. Prints how
many compile by dtype, what is refused and why, and what XLA does not compile; the exit status is 1
if anything is among the last.
"""

import argparse
import collections
import sys

import numpy as np

import accelerator_programs
import ingot
from harness import program
from ingot.backends.xla import backend as rules  # noqa: F401 (fills the table of rules)
from ingot.backends.xla.client import jaxlib
from ingot.backends.xla.compilation import Compiler
from ingot.backends.xla.plugins import absent_devices, installed
from ingot.errors import UndefinedRuleError
from ingot.sharding import Mesh
from laws import KINDS, with_dtype
from rows import import_all, rows_by_primitive

COMPILED, REFUSED, FAILED = "compiles", "refused", "does not compile"


def jobs():
    """(primitive, dtype, program): the row of each primitive that accepts most kinds of dtypes."""
    for name, rows in rows_by_primitive().items():
        row = max(rows[:8], key=lambda r: len(r.accepts or ""))
        own = str(row.args[0].dtype) if row.args else "none"
        if not (row.accepts and row.args):
            yield name, own, lambda row=row: program(row.fun, row.args)
            continue
        for kind, members in KINDS.items():
            for dtype in members:
                full = np.dtype(dtype) in (np.dtype(np.float32), np.dtype(np.float64))
                if kind in row.accepts or (full and "F" in row.accepts):
                    yield name, str(np.dtype(dtype)), lambda row=row, dtype=dtype: program(
                        row.fun, with_dtype(row, dtype))


def attempted(compiler, make):
    """The outcome of one compilation, and what is said of it."""
    try:
        jaxpr, *options = made if isinstance(made := make(), tuple) else (made,)
        compiler.for_absent(jaxpr, *options)
    except (UndefinedRuleError, TypeError) as error:
        return REFUSED, str(error)
    except Exception as error:
        return FAILED, " ".join(str(error).split())
    return COMPILED, ""


def report(platform, kind, outcomes):
    """Print what became of each program, counted by dtype."""
    count = collections.Counter((o, dtype) for o, _, dtype, _ in outcomes)
    total = collections.Counter(o for o, *_ in outcomes)
    print(f"{platform} ({kind}): " + ", ".join(f"{n} {o}" for o, n in sorted(total.items())))
    for dtype in dict.fromkeys(dtype for _, _, dtype, _ in outcomes):
        print(f"  {dtype}: " + ", ".join(
            f"{count[o, dtype]} {o}" for o in (COMPILED, REFUSED, FAILED) if count[o, dtype]))
    reasons = collections.defaultdict(list)
    for outcome, name, dtype, why in outcomes:
        if outcome != COMPILED:
            reasons[outcome, f"{why:.160}"].append(f"{name} {dtype}")
    for (outcome, why), names in sorted(reasons.items()):
        print(f"  {outcome}: {', '.join(names)}: {why}")
    sys.stdout.flush()


def main():
    """Compile for the platforms whose plugins are installed."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--only", default="", help="programs whose names have this in them")
    arguments.add_argument("--platform", choices=["cuda", "tpu"], help="by default both")
    chosen = arguments.parse_args()
    import_all()
    failed = 0
    for platform in [chosen.platform] if chosen.platform else ["cuda", "tpu"]:
        if not installed(platform):
            print(f"{platform}: its plugin is not installed")
            continue
        devices = absent_devices(platform)
        compiler = Compiler(jaxlib(), devices[0].client, devices)
        mesh = Mesh(np.array(ingot.devices("xla")[:4]).reshape(2, 2), ("x", "y"))
        outcomes = []
        for name, dtype, make in [*jobs(), *accelerator_programs.programs(mesh)]:
            if chosen.only in f"{name} {dtype}":
                outcome, why = attempted(compiler, make)
                outcomes.append((outcome, name, dtype, why))
        report(platform, devices[0].device_kind, outcomes)
        failed += sum(outcome == FAILED for outcome, *_ in outcomes)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
