"""From LLVM's text to code that can be called, in tiers; how LLVM is reached, and what links."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ingot.backends import cache
from ingot.backends.llvm import builtins, codegen, elf, host, worker
from ingot.backends.llvm.module_splitting import split_module
from ingot.backends.llvm.native.abi import PORTABLE
from ingot.backends.llvm.object_symbols import undefined
from ingot.backends.llvm.symbols import address_of
from ingot.errors import InternalError
from ingot.util import available_cpus

INTERRUPTIBLE_LINES = 5000
"""Lines of a module whose optimization takes long enough to be left to the worker, for which one
can wait and be interrupted."""


@dataclass(frozen=True)
class Tier:
    """How much LLVM does: `opt_level` is the level of the pass pipeline, `codegen_opt_level` that
    of instruction selection and register allocation."""

    name: str
    opt_level: int
    codegen_opt_level: int


FAST = Tier("fast", 0, 0)
FULL = Tier("full", 2, 2)
TIERS = {tier.name: tier for tier in (FAST, FULL)}


@dataclass
class Code:
    """Machine code that runs; `owner` keeps it alive, `cached` says that it came from the disk."""

    address: int
    tier: Tier
    owner: Any
    cached: bool


# ---- compiling -----------------------------------------------------------------------------------
def object_code(text: str, tier: Tier, background: bool = False, opt_level: int = 2) -> bytes:
    """Return the object file of a module, or of its two parts, with at most these passes.

    The worker makes it if it is for later, or takes long. Raises WorkerError if the worker ended,
    as it does at exit: LLVM must not run in a thread then.
    """
    opt_level = min(opt_level, tier.opt_level)
    if background or (opt_level and text.count("\n") > INTERRUPTIBLE_LINES):
        try:
            return worker.object_code(text, opt_level, tier.codegen_opt_level)
        except worker.NoWorker:
            pass
    parts = split_module(text) if elf.available() and available_cpus() > 1 else [text]
    lines = text.count("\n")
    return b"".join(codegen.object_codes(parts, opt_level, tier.codegen_opt_level, lines))


def optimized_text(text: str, tier: Tier = FULL, opt_level: int = 2) -> str:
    """The module after LLVM's passes, at most at this level."""
    opt_level = min(opt_level, tier.opt_level)
    machine = codegen.new_target_machine(tier.codegen_opt_level)
    return str(codegen.optimized(codegen.in_dialect(text), machine, opt_level, text.count("\n")))


def assembly_text(text: str, tier: Tier, opt_level: int = 2) -> str:
    """The machine code of a module as assembly."""
    module = codegen.parsed(optimized_text(text, tier, opt_level))
    return codegen.new_target_machine(tier.codegen_opt_level).emit_assembly(module)


@functools.cache
def llvm_identity() -> str:
    """What tells builds of LLVM apart, found without loading it."""
    for place in codegen.places():
        status = os.stat(os.path.join(place, "_version.py"))
        return f"{place} {status.st_size} {status.st_mtime_ns}"
    return "none"


@functools.cache
def processor_identity() -> str:
    """What machine code depends on, found without loading LLVM where the system says it."""
    telling = [line for line in codegen.first_processor().splitlines() if line.startswith(
        ("vendor_id", "cpu family", "model", "stepping", "flags", "CPU", "Features"))]
    telling = telling or list(codegen.processor())
    return "\n".join([*telling, f"wide vectors with {codegen.WIDE}", f"portable {bool(PORTABLE)}"])


# ---- linking -------------------------------------------------------------------------------------
def link(code: bytes, symbols: list[str], tier: Tier, cached: bool,
         text: Callable[[], str]) -> Code:
    """Make an object file that defines `run` callable; `text` is the module it was made of.

    LLVM's linker puts sections where there is room, which may be too far for code made for our
    loader; what that refuses is compiled again, to reach anything.
    """
    if elf.available():
        try:
            image = elf.Image(code, resolve)
            return Code(image.address("run"), tier, image, cached)
        except elf.Unsupported:
            code = _far_reaching(text(), tier)
    return _linked_by_llvm(code, symbols, tier, cached)


def _far_reaching(text: str, tier: Tier) -> bytes:
    """An object file whose sections may lie anywhere in memory."""
    machine = codegen.new_target_machine(tier.codegen_opt_level, far=True)
    return machine.emit_object(codegen.optimized(
        codegen.in_dialect(text), machine, tier.opt_level, text.count("\n")))


def _linked_by_llvm(code: bytes, symbols: list[str], tier: Tier, cached: bool) -> Code:
    binding = codegen.llvm()
    parts = elf.objects(code) if elf.available() else [code]
    needed = None if PORTABLE else undefined(parts)
    for symbol in [*symbols, *builtins.NAMES] if needed is None else needed:
        binding.add_symbol(symbol, resolve(symbol))  # LLVM takes what it does not find for 0
    engine = _loaded_by_llvm(parts, tier)
    return Code(engine.get_function_address("run"), tier, engine, cached)


def _loaded_by_llvm(parts: list[bytes], tier: Tier) -> Any:
    binding = codegen.llvm()
    # In the context that stays: an engine gives up its module's context before itself.
    module = binding.parse_assembly("")
    machine = codegen.new_target_machine(tier.codegen_opt_level, far=True)
    engine = binding.create_mcjit_compiler(module, machine)
    for part in parts:
        engine.add_object_file(binding.ObjectFileRef.from_data(part))
    engine.finalize_object()
    return engine


@functools.cache
def _libraries() -> list[Any]:
    """Where C functions are looked up: this process, then the libraries of mathematics and of
    compilers by themselves."""
    found: list[Any] = []
    for name in (None, "libm.so.6", "libgcc_s.so.1",
                 ctypes.util.find_library("m") if PORTABLE else None):
        with suppress(OSError, TypeError):  # a process is no library on Windows
            found.append(ctypes.CDLL(name))
    return found


@functools.cache
def _builtins() -> tuple[dict[str, int], Any]:
    """The addresses of `builtins`, compiled when the first is needed, and what owns the code."""
    code = codegen.object_code(builtins.TEXT, FAST.opt_level, FAST.codegen_opt_level)
    return functions(code, sorted(builtins.NAMES), FAST)


def functions(code: bytes, names: Sequence[str], tier: Tier) -> tuple[dict[str, int], Any]:
    """The addresses of functions that an object file defines, and what owns the code."""
    if elf.available():
        image = elf.Image(code, resolve)
        return {name: image.address(name) for name in names}, image
    engine = _loaded_by_llvm([code], tier)
    return {name: engine.get_function_address(name) for name in names}, engine


def kept_object_code(text: str, tier: Tier, opt_level: int = 2) -> bytes:
    """The object file of a module that many programs share, made once for a machine and kept on
    disk."""
    name = cache.digest(text, tier.name, str(opt_level), llvm_identity(), processor_identity())
    code = cache.load(name)
    if code is None:
        code = object_code(text, tier, opt_level=opt_level)
        cache.store(name, code)
    return code


def resolve(symbol: str) -> int:
    """The address of what native code calls; InternalError if it is nowhere."""
    if symbol in host.NAMES:
        return host.address(symbol)
    if ":" in symbol:
        return address_of(symbol)
    if symbol in builtins.NAMES:
        return _builtins()[0][symbol]
    for library in _libraries():
        function: Callable[..., Any] | None = getattr(library, symbol, None)
        if function is not None:
            return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]
    raise InternalError(f"compiled code calls {symbol}, which no library of this system has; please"
                        " report the program and the processor")
