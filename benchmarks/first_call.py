"""What Python does in the first call of a compiled function: calls counted, and stages timed.

python benchmarks/first_call.py                        a gradient: calls by module and function
python benchmarks/first_call.py scan vmap --most 40    other programs, the 40 most frequent calls
python benchmarks/first_call.py --check 6000           fail if the gradient takes more calls
"""

import argparse
import collections
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

_caches = tempfile.TemporaryDirectory()
os.environ["XDG_CACHE_HOME"] = _caches.name  # nothing on disk from earlier runs

import ingot  # noqa: E402
import ingot.numpy as jnp  # noqa: E402
from ingot import lax  # noqa: E402
from programs import statespace  # noqa: E402

LOADING_SECONDS = 0.5
"""In which a thread loads LLVM: stages are timed without it."""

HOME = str(Path(ingot.__file__).parent) + os.sep


def dozen(x):
    """A dozen operations on three numbers."""
    return jnp.sum(jnp.sin(x) * x + jnp.exp(-(x**2)) / (1.0 + x * x))


def gradient():
    """The gradient of a dozen operations."""
    return ingot.jit(ingot.grad(dozen)), (jnp.arange(1.0, 4.0),)


def scan():
    """Value and gradient of a Kalman filter in a scan."""
    return statespace.make("sho", 300)(ingot, jnp, lax)


def vmap():
    """Gradients of a dozen operations, at several places."""
    return ingot.jit(ingot.vmap(ingot.grad(dozen))), (jnp.arange(1.0, 7.0).reshape(2, 3),)


PROGRAMS = {"grad": gradient, "scan": scan, "vmap": vmap}


def place(code):
    """The module of a function of ingot, and its name; for others the file alone."""
    if code.co_filename.startswith(HOME):
        return code.co_filename[len(HOME):], code.co_qualname
    return "(elsewhere)", os.path.basename(code.co_filename)


def counted(call):
    """How often each function of Python is called meanwhile, by its module and name."""
    calls = collections.Counter()

    def note(frame, event, _):
        if event == "call":
            calls[frame.f_code] += 1

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    found = collections.Counter()
    for code, n in calls.items():
        found[place(code)] += n
    return found


def timed(function, arguments):
    """Seconds of each stage of a first call, and of the second call."""
    ticks = [("", time.perf_counter())]

    def done(stage, value):
        ticks.append((stage, time.perf_counter()))
        return value

    traced = done("trace", function.trace(*arguments))
    compiled = done("compile", traced.lower().compile())
    done("run", ingot.block_until_ready(compiled(*arguments)))
    done("call by jit", ingot.block_until_ready(function(*arguments)))
    done("again", ingot.block_until_ready(function(*arguments)))
    return {name: end - start for (_, start), (name, end) in zip(ticks, ticks[1:], strict=False)}


def show_times(name):
    """Print how long the stages of a program take in this process, which has run nothing yet."""
    time.sleep(LOADING_SECONDS)
    seconds = timed(*PROGRAMS[name]())
    print(", ".join(f"{stage} {1e3 * s:.2f} ms" for stage, s in seconds.items()) + "\n")


def report(name, most):
    """Print what one program takes; the calls of ingot's functions."""
    function, arguments = PROGRAMS[name]()
    found = counted(lambda: ingot.block_until_ready(function(*arguments)))
    ours = {key: n for key, n in found.items() if key[0] != "(elsewhere)"}
    total = sum(ours.values())
    print(f"---- {name}: {total} calls of {len(ours)} functions in"
          f" {len({module for module, _ in ours})} modules, {found.total() - total} elsewhere")
    modules = collections.Counter()
    for (module, _), n in ours.items():
        modules[module] += n
    for module, n in modules.most_common(most):
        print(f"{n:7} {module}")
    print()
    for (module, function), n in collections.Counter(ours).most_common(most):
        print(f"{n:7} {module} {function}")
    print(flush=True)
    subprocess.run([sys.executable, __file__, "--time", name], check=True)
    return total


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("programs", nargs="*", default=["grad"], metavar="program",
                        help=", ".join(PROGRAMS))
    parser.add_argument("--most", type=int, help="rows of each table, by default all")
    parser.add_argument("--check", type=int, help="calls from which on this fails")
    parser.add_argument("--time", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.time:
        return show_times(options.time)
    totals = [report(name, options.most) for name in options.programs]
    if options.check is not None and max(totals) >= options.check:
        sys.exit(f"{max(totals)} calls, where fewer than {options.check} were asked for")


if __name__ == "__main__":
    main()
