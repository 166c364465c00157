"""A second process that optimizes while this one goes on running.

LLVM in a thread of this process would hold llvmlite's lock, so that a foreground compilation
waits, and could be torn down in the middle at exit. The worker starts with the first program that
needs it and ends with this process: it reads until its standard input is closed.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from importlib.util import find_spec
from typing import Any

from ingot.backends.llvm import codegen

_lock = threading.Lock()
_process: Any = None
_closed = False


class WorkerError(Exception):
    """The worker ended before it answered, as it does when this process is about to end."""


class NoWorker(WorkerError):
    """A worker cannot be started here."""


def object_code(text: str, opt_level: int, codegen_opt_level: int) -> bytes:
    """`codegen.object_code` in the worker; WorkerError if there is none.

    Waiting can be interrupted by a signal, unlike LLVM itself.
    """
    with _lock:
        process = _start()
        data = text.encode()
        try:
            _write(process.stdin,
                   codegen.REQUEST.pack(len(data), opt_level, codegen_opt_level) + data)
            length, good = codegen.REPLY.unpack(_read(process.stdout, codegen.REPLY.size))
            answer = _read(process.stdout, length)
        except OSError as error:
            stop()
            raise WorkerError(str(error)) from error
        except BaseException:  # an interrupt leaves half an answer behind
            stop()
            raise
    if not good:
        raise RuntimeError(answer.decode())
    return answer


def _write(pipe: Any, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[pipe.write(rest) :]


def _read(pipe: Any, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = pipe.read(count)
        if not part:
            raise OSError("the worker has ended")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _start() -> Any:
    import subprocess  # costs start-up time

    global _process
    if _closed:
        raise WorkerError("this process is about to end")
    if _process is None or _process.poll() is not None:
        spec = find_spec("llvmlite")
        if spec is None or not spec.submodule_search_locations or not sys.executable \
                or getattr(sys, "frozen", False):
            raise NoWorker("no interpreter to start")
        place = os.path.dirname(next(iter(spec.submodule_search_locations)))
        mode = [codegen.PUBLIC] if codegen.uses_public_interface() else []
        try:
            _process = subprocess.Popen(
                [sys.executable, "-I", "-S", codegen.__file__, place, *mode],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True, bufsize=0)
        except OSError as error:
            raise NoWorker(str(error)) from error
    return _process


def stop() -> None:
    """End the worker; the next request starts another."""
    global _process
    process, _process = _process, None
    if process is not None:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _forget() -> None:
    """In a forked child, which must neither use nor keep open its parent's pipes."""
    global _process, _lock
    process, _process, _lock = _process, None, threading.Lock()
    if process is not None:
        process.stdin.close()
        process.stdout.close()
        process.returncode = 0  # the worker is not this process's child


def _close() -> None:
    """At exit; whoever waits for an answer must not start another worker."""
    global _closed
    _closed = True
    stop()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
