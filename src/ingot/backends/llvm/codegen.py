"""LLVM through llvmlite: text to object code; as a script, it compiles what standard input asks.

Imports nothing of ingot, so that a worker process starts quickly; see `worker.py`.
"""

from __future__ import annotations

import functools
import struct
import sys
import threading
from typing import Any

REQUEST, REPLY = struct.Struct("<QBB"), struct.Struct("<QB")
MAX_UNROLLED = 2000
"""Lines of a module above which LLVM may not unroll loops: a large body copied many times costs
seconds to minutes of compilation and gains nothing."""

_lock = threading.Lock()


@functools.cache
def llvm() -> Any:
    """The llvmlite binding, ready for this machine."""
    import llvmlite.binding as binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@functools.cache
def processor() -> tuple[str, str]:
    """Name and features of this machine's processor."""
    binding = llvm()
    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


def new_target_machine(selection: int) -> Any:
    """A code generator; every execution engine takes one of its own."""
    cpu, features = processor()
    return llvm().Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=selection)


def run_passes(module: Any, machine: Any, passes: int, lines: int) -> None:
    """LLVM's pipeline of a level, on a module in place."""
    if not passes:
        return
    binding = llvm()
    options = binding.create_pipeline_tuning_options(speed_level=passes)
    options.loop_vectorization = options.slp_vectorization = options.loop_interleaving = True
    options.loop_unrolling = lines <= MAX_UNROLLED
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


def object_code(text: str, passes: int, selection: int) -> bytes:
    """The object file of a module."""
    with _lock:
        module = llvm().parse_assembly(text)
        machine = new_target_machine(selection)
        run_passes(module, machine, passes, text.count("\n"))
        return machine.emit_object(module)


def _serve() -> None:
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while True:
        head = source.read(REQUEST.size)
        if len(head) < REQUEST.size:
            return  # whoever asked is gone
        length, passes, selection = REQUEST.unpack(head)
        text = source.read(length).decode()
        try:
            answer, good = object_code(text, passes, selection), 1
        except Exception as error:
            answer, good = str(error).encode(), 0
        target.write(REPLY.pack(len(answer), good))
        target.write(answer)
        target.flush()


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    _serve()
