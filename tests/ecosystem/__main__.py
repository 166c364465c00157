"""`python -m ecosystem PACKAGE`: a package's own tests on ingot and on JAX, outcome by outcome."""

import argparse
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from ecosystem import comparing, running, suites

BUILD = Path(__file__).resolve().parent.parent.parent / "build" / "ecosystem"


def arguments(argv):
    parser = argparse.ArgumentParser(prog="python -m ecosystem", description=__doc__)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE[==VERSION]",
                        help=f"default: all of {', '.join(suites.known())}")
    parser.add_argument("--source", type=Path, help="a checkout, instead of downloading one")
    parser.add_argument("--tests", nargs="+", help="files, folders or tests of the suite")
    parser.add_argument("--x64", action="store_true", help="with 64-bit types on")
    parser.add_argument("--keep-jax", action="store_true",
                        help="take JAX's outcomes from the last run")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each Nth test only")
    parser.add_argument("--ingot-first", action="store_true",
                        help="run on JAX only what does not pass on ingot; the rest counts as "
                             "passing there, which is much faster")
    parser.add_argument("--failing", action="store_true",
                        help="run only what passed on JAX and not on ingot in the last run")
    parser.add_argument("--python", default=sys.executable, help="the interpreter for both sides")
    parser.add_argument("--build", type=Path, default=BUILD, help="where suites and outcomes go")
    parser.add_argument("--requirements", action="store_true",
                        help="print what pip must install for the packages, and stop")
    return parser.parse_args(argv)


def examine(suite, options):
    """Run one suite on both sides, print the comparison; whether all is as it should be."""
    found = subprocess.run(
        [options.python, "-c", f"import importlib.metadata as m; print(m.version("
         f"{suite.package!r}))"], capture_output=True, text=True).stdout.strip()
    if found != suite.version:
        raise SystemExit(f"ecosystem: {suite.package} {suite.version} is asked for, but "
                         f"{options.python} has {found or 'none'}; pip install "
                         f"{' '.join(suite.requirements)}")
    root = (options.source or suites.fetch(suite, options.build)).resolve()
    root.mkdir(parents=True, exist_ok=True)
    logs = options.build.resolve() / "outcomes" / (
        f"{suite.package}-{suite.version}{'-x64' if options.x64 else ''}")
    jax, ingot = _outcomes(suite, root, logs, options)
    result = comparing.compare(jax, ingot, suite.differences,
                               partial=bool(options.tests or options.every > 1))
    print(comparing.report(suite, result, comparing.slow(jax, ingot)), flush=True)
    return result.good


def _outcomes(suite, root, logs, options):
    """Outcomes on JAX and on ingot; what is not run again is taken from the last run."""
    shared = {"python": options.python, "x64": options.x64, "every": options.every}
    kept = logs / "jax.jsonl"
    if options.ingot_first:
        return run_ingot_first(suite, root, logs / "ingot.jsonl", kept, **shared)
    if not (options.keep_jax or options.failing) or not kept.exists():
        running.run("jax", suite, root, kept, **shared)
    jax = running.read(kept)
    if not options.failing:
        return jax, running.run("ingot", suite, root, logs / "ingot.jsonl", **shared)
    return jax, run_failing(suite, root, logs / "ingot.jsonl", jax, **shared)


def run_failing(suite, root, log, jax, **shared):
    """Outcomes on ingot, where only what passes on JAX and did not on ingot is run again."""
    before = running.read(log)
    failing = [test for test, line in jax.items() if line["outcome"] == comparing.PASSED
               and before.get(test, {}).get("outcome") != comparing.PASSED]
    only = log.with_name("only.txt")
    only.write_text("\n".join(failing), "utf-8")
    again = running.run("ingot", suite, root, log.with_name("again.jsonl"), only=only, **shared)
    ingot = {**{t: o for t, o in before.items() if o["outcome"] != "uncollected"}, **again}
    _write(log, ingot)
    return ingot


def run_ingot_first(suite, root, ours, theirs, **shared):
    """Outcomes where JAX runs only what does not pass on ingot, and what is not collected there."""
    ingot = running.run("ingot", suite, root, ours, **shared)
    assumed = comparing.assume(ingot)
    but = theirs.with_name("but.txt")
    but.write_text("\n".join(assumed), "utf-8")
    jax = running.run("jax", suite, root, theirs, but=but, **shared)
    _write(theirs, {**assumed, **jax})
    return {**assumed, **jax}, ingot


def _write(log, outcomes):
    log.write_text("".join(json.dumps(line) + "\n" for line in outcomes.values()), "utf-8")


def main(argv):
    """The command line; returns the exit status."""
    options = arguments(argv)
    chosen = [suites.load(name) for name in options.packages or suites.known()]
    if options.requirements:
        print("\n".join(r for suite in chosen for r in suite.requirements))
        return 0
    if options.tests:
        chosen = [dataclasses.replace(s, tests=tuple(options.tests)) for s in chosen]
    return 0 if all([examine(suite, options) for suite in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
