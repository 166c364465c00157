"""`python -m ingot script.py`: run a program written for JAX, with ingot as its `jax`."""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
from types import ModuleType, TracebackType

from ingot.compat.doctor import doctor
from ingot.compat.environment import environment
from ingot.compat.hook import install
from ingot.util import HERE
from ingot.version import __version__

USAGE = """\
python -m ingot script.py [arguments]      run a script, with ingot as its jax
python -m ingot -m module [arguments]      run a module
python -m ingot -c "code" [arguments]      run code
python -m ingot doctor                     print the versions of packages, and the mode of ingot
python -m ingot doctor PACKAGE [--deep]    say which names of JAX a package misses;
                                           --deep imports all its modules
python -m ingot --version                  print the version
"""


def _run_code(code: object, name: str, file: str | None) -> None:
    """Run code as the program: a new `__main__`, as multiprocessing and pickle need it."""
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    if file is not None:
        main.__dict__["__file__"] = file
    sys.modules["__main__"] = main
    exec(code, main.__dict__)  # type: ignore[arg-type]


def _script(path: str) -> None:
    if os.path.isdir(path):
        runpy.run_path(path, run_name="__main__")
        return
    with open(path, "rb") as source:
        code = compile(source.read(), path, "exec")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    _run_code(code, path, os.path.abspath(path))


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # of a package that is none
        return False


def _print_error(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """Print an error that ends the program as Python does of a script: from its first line on."""
    while at is not None and at.tb_frame.f_code.co_filename.startswith((HERE, "<frozen runpy")):
        at = at.tb_next
    sys.__excepthook__(kind, error.with_traceback(at), at)


def _complain(text: str) -> int:
    sys.stderr.write(f"ingot: {text}; `python -m ingot --help` lists the commands\n")
    return 2


def main(arguments: list[str]) -> int:
    """The command line; returns the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0 if arguments else 2
    first, rest = arguments[0], arguments[1:]
    if first == "--version":
        sys.stdout.write(f"ingot {__version__}\n")
        return 0
    if first == "doctor" and not os.path.isfile(first):  # a folder of that name is no script
        names = [a for a in rest if not a.startswith("-")]
        if not rest:
            sys.stdout.write(environment())
            return 0
        if len(names) != 1:
            sys.stderr.write(USAGE)
            return 2
        install()
        return doctor(names[0], sys.stdout, "--deep" in rest)
    if first in ("-m", "-c") and not rest:
        sys.stderr.write(USAGE)
        return 2
    return _run(first, rest)


def _run(first: str, rest: list[str]) -> int:
    """Run a script, a module or code, with ingot as its jax."""
    install()
    sys.excepthook = _print_error
    # Python has put the folder of `-m ingot` first on the path: the current one.
    if first == "-m":
        if not _is_module(rest[0]):
            return _complain(f"there is no module {rest[0]!r}")
        sys.argv = [rest[0], *rest[1:]]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        _run_code(compile(rest[0], "<string>", "exec"), "-c", None)
    else:
        if not os.path.exists(first):
            return _complain(f"there is no file {first!r}")
        sys.argv = [first, *rest]
        sys.path.pop(0)
        _script(first)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
