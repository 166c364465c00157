"""Clients of XLA through jaxlib: found, started once, and asked for devices; never through jax."""

from __future__ import annotations

import functools
import io
import os
import platform
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from ingot.backends.xla.installed import is_installed, module

INSTALL = {"xla": "pip install 'ingot-arrays[xla]'", "cuda": "pip install 'ingot-arrays[cuda13]'",
           "tpu": "pip install 'ingot-arrays[tpu]'"}
OLDEST, BEYOND = (0, 10), (0, 13)
"""The versions of jaxlib that are known to work: from the first on, below the second."""


def jaxlib() -> Any:
    """Return the module `jaxlib.xla_client`, which takes 0.15 s the first time.

    Raises ImportError if jaxlib is not installed, or of a version that is not known to work; the
    message says which command installs one that is.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # no lines about what CPU it finds
    if not is_installed():
        raise ImportError("the XLA back end needs jaxlib (not jax), which is not installed; install"
                          f" it with: {INSTALL['xla']}")
    if not OLDEST <= tuple(map(int, version().split(".")[:2])) < BEYOND:
        raise ImportError("the XLA back end needs jaxlib from 0.10 on and below 0.13, got"
                          f" {version()}; install one with: {INSTALL['xla']}")
    return module("jaxlib.xla_client")


def version() -> str:
    """Return the version of jaxlib."""
    return module("jaxlib.version").__version__


@functools.cache
def processor() -> str:
    """Return what this machine's processor is and can do, as far as the system tells."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        found = {x for x in lines if x.startswith(("model name", "flags", "Features"))}
        return f"{platform.machine()} {sorted(found)}"
    return f"{platform.machine()} {platform.processor()}"


class _WithoutJax(threading.local):
    """A finder that refuses to import jax in a thread while `refusing` is set.

    Where jaxlib's C++ makes arrays by itself, it looks for classes of jax: 50 us each time where
    there is none, and 0.8 s and a second array library in the process where there is one.
    """

    refusing = 0

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise ModuleNotFoundError for jax; None, as other finders are to look, for others."""
        if self.refusing and name.partition(".")[0] == "jax":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def __enter__(self) -> None:
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)  # type: ignore[arg-type]
        self.refusing += 1

    def __exit__(self, *_: Any) -> None:
        self.refusing -= 1


without_jax = _WithoutJax()
"""A context in which this thread cannot import jax."""


@functools.cache
def register_lapack(xc: Any) -> None:
    """Let XLA find LAPACK's functions, which jaxlib wraps."""
    lapack = module("jaxlib.lapack")
    for name, capsule, version in lapack.registrations()["cpu"]:
        xc.register_custom_call_target(name, capsule, platform="cpu", api_version=version)
    for name in lapack.batch_partitionable_targets():  # which devices run on their own matrices
        xc.register_custom_call_as_batch_partitionable(name)
    lapack._lapack.initialize()


class Context:
    """MLIR's context with the dialects that programs are written in."""

    def __init__(self) -> None:
        self.ir: Any = module("jaxlib.mlir.ir")
        self.mlir, dialects = self.ir.Context(), self.ir.DialectRegistry()
        module("jaxlib.mlir._mlir_libs._jax_mlir_ext").register_dialects(dialects)
        self.mlir.append_dialect_registry(dialects)
        self.mlir.load_all_available_dialects()
        for name in ("stablehlo", "chlo", "sdy"):
            module(f"jaxlib.mlir.dialects.{name}").register_dialect(self.mlir)
        for name in ("builtin", "func"):  # which C++ would import when it first meets them
            module(f"jaxlib.mlir.dialects.{name}")


@functools.cache
def context() -> Context:
    """Return the context in which all modules of MLIR are made."""
    return Context()


def parsed(text: str | bytes) -> Any:
    """Return a program as a module of MLIR, which calls of the host need."""
    here = context()
    return here.ir.Module.parse(text, here.mlir)


def deserialized(data: bytes) -> Any:
    """Return a portable artifact as a module of MLIR.

    Raises RuntimeError if it is none, or is newer than this jaxlib reads.
    """
    with context().mlir:
        return module("jaxlib._jax").mlir.deserialize_portable_artifact(bytes(data))


def bytecode(module: Any) -> bytes:
    """Return a module of MLIR as bytes that this jaxlib reads."""
    buffer = io.BytesIO()
    module.operation.write_bytecode(buffer)
    return buffer.getvalue()


def in_dialect(text: str, partitions: int, dialect: str, located: bool = False) -> Any:
    """Return a program for so many devices as a module of MLIR, or for 'hlo' as XLA's computation;
    the latter keeps where operations come from if `located`."""
    ir, found = module("jaxlib.mlir.ir"), parsed(text)
    with found.context:
        i32 = ir.IntegerType.get_signless(32)
        for name, count in (("num_partitions", partitions), ("num_replicas", 1)):
            found.operation.attributes[f"mhlo.{name}"] = ir.IntegerAttr.get(i32, count)
    return found if dialect == "stablehlo" else module(
        "jaxlib._jax").mlir.mlir_module_to_xla_computation(
            found.operation.get_asm(enable_debug_info=located), use_tuple_args=False,
            return_tuple=False)


def targets(module: Any) -> dict[str, str]:
    """Return the targets of custom calls in a module, each with a call of it."""
    found: dict[str, str] = {}

    def visit(op: Any) -> None:
        if op.name == "stablehlo.custom_call":
            found.setdefault(str(op.attributes["call_target_name"]).strip('"'), str(op))
        for region in op.regions:
            for block in region:
                for inner in block.operations:
                    visit(inner.operation)

    visit(module.operation)
    return found
