"""`python -m jax_suite FAMILY`: JAX's own tests of a family, on ingot and on JAX, counted."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from ecosystem import comparing, running
from ecosystem.__main__ import run_failing, run_ingot_first
from ecosystem.suites import Suite

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "jax_suite"
# Each family: a file of JAX's tests, and which of its classes.
FAMILIES = {
    "array": ("array_test", ""),
    "pmap": ("pmap_test", ""),
    "shard_map": ("shard_map_test", ""),
    "pjit_explicit": ("pjit_test", "ShardingInTypesTest"),
    "pjit": ("pjit_test", "not ShardingInTypesTest"),
    "export": ("export_test", ""),
    "aot": ("aot_test", ""),
    "layout": ("layout_test", ""),
    "mesh_utils": ("mesh_utils_test", ""),
    "linalg_sharding": ("linalg_sharding_test", ""),
    "debugging": ("debugging_primitives_test", ""),
    "shape_poly": ("shape_poly_test", ""),
}
DEVICES = "--xla_force_host_platform_device_count=8"


def arguments(argv):
    parser = argparse.ArgumentParser(prog="python -m jax_suite", description=__doc__)
    parser.add_argument("families", nargs="*", metavar="FAMILY",
                        help=f"default: all of {', '.join(FAMILIES)}; or the name of a test file")
    parser.add_argument("--source", type=Path, required=True,
                        help="a checkout of JAX, of which only tests/ is read")
    parser.add_argument("--python", default=sys.executable,
                        help="an interpreter with JAX, pytest and what ingot needs")
    parser.add_argument("--failing", action="store_true",
                        help="run only what passed on JAX and not on ingot in the last run")
    parser.add_argument("--again", action="store_true",
                        help="run JAX as well; else its outcomes of the last run are taken")
    parser.add_argument("--ingot-first", action="store_true",
                        help="run on JAX only what does not pass on ingot; the rest counts as "
                             "passing there, which is much faster")
    parser.add_argument("--only", default="", help="an expression of pytest's -k")
    parser.add_argument("--build", type=Path, default=BUILD, help="where outcomes go")
    return parser.parse_args(argv)


def installed(python):
    """The version and the folder of the JAX that an interpreter has."""
    found = subprocess.run([python, "-c", "import jax; print(jax.__version__, jax.__path__[0])"],
                           capture_output=True, text=True, check=True)
    return found.stdout.split()


def suite(family, version, folder, only, settings):
    """A family's tests as a suite of `ecosystem`."""
    file, chosen = FAMILIES.get(family, (family, ""))
    terms = " and ".join(f"({term})" for term in (chosen, only) if term)
    return Suite(
        package=f"jax-{family}", version=version, source="wheel", tests=(f"tests/{file}.py",),
        arguments=("-p", "jax_on_ingot", "-c", str(settings), "--noconftest", "-k", terms),
        environment={"XLA_FLAGS": DEVICES, "JAX_NUM_GENERATED_CASES": "1", "JAX_SUITE_JAX": folder,
                     "PYTHONSAFEPATH": "1"},  # the checkout has a folder `jax` as well
        folders=(str(HERE / "plugin"),), timeout=240.0)


def examine(tests, options, logs, backend):
    """Run what is asked for; outcomes on both sides beside each other."""
    root, theirs, ours = options.source.resolve(), logs / "jax.jsonl", logs / f"{backend}.jsonl"
    shared = {"python": options.python}
    jax = running.read(theirs)
    if options.only:
        return comparing.compare(jax, running.run("ingot", tests, root, logs / "part.jsonl",
                                                  **shared), (), partial=True)
    if options.ingot_first and not jax:
        return comparing.compare(*run_ingot_first(tests, root, ours, theirs, **shared), ())
    if options.again or not jax:
        jax = running.run("jax", tests, root, theirs, **shared)
    if options.failing:
        return comparing.compare(jax, run_failing(tests, root, ours, jax, **shared), ())
    return comparing.compare(jax, running.run("ingot", tests, root, ours, **shared), ())


def main(argv):
    """The command line; returns the exit status."""
    options = arguments(argv)
    version, folder = installed(options.python)
    options.build.mkdir(parents=True, exist_ok=True)
    settings = options.build.resolve() / "pytest.ini"
    settings.write_text("[pytest]\n")
    backend = os.environ.get("INGOT_BACKEND", "llvm")
    for family in options.families or FAMILIES:
        tests = suite(family, version, folder, options.only, settings)
        result = examine(tests, options, options.build.resolve() / family, backend)
        print(f"{backend}: {comparing.report(tests, result)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
