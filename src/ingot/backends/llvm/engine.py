"""LLVM through llvmlite: text to machine code, in tiers."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingot.backends.llvm import cache
from ingot.backends.llvm.symbols import address_of
from ingot.version import __version__

_lock = threading.Lock()


@dataclass(frozen=True)
class Tier:
    """How much LLVM does: `passes` is the level of the pass pipeline, `selection` that of
    instruction selection and register allocation."""

    name: str
    passes: int
    selection: int


FAST = Tier("fast", 0, 0)
FULL = Tier("full", 2, 2)


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


def new_target_machine(tier: Tier) -> Any:
    """A code generator; every execution engine takes one of its own."""
    cpu, features = processor()
    return llvm().Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=tier.selection)


@dataclass
class Code:
    """Machine code; `keep` owns it."""

    address: int
    tier: Tier
    keep: Any
    cached: bool


def compile_text(text: str, symbols: Sequence[str], extra: dict[str, int], tier: Tier) -> Code:
    """Machine code of a module that defines `run`, from the cache if it is there.

    In place of fast code that has been optimized before, the optimized code is taken.
    """
    binding = llvm()
    for symbol in symbols:
        if symbol in extra:
            binding.add_symbol(symbol, extra[symbol])
        elif ":" in symbol:
            binding.add_symbol(symbol, address_of(symbol))
    for candidate in dict.fromkeys((FULL, tier)):
        if candidate.passes >= tier.passes:
            found = cache.load(entry_name(text, candidate))
            if found is not None:
                return _linked(found, candidate, cached=True)
    code = _object(text, tier)
    cache.store(entry_name(text, tier), code)
    return _linked(code, tier, cached=False)


def entry_name(text: str, tier: Tier) -> str:
    """What makes machine code reusable: program, processor, tier, versions."""
    versions = f"{llvmlite_version()} {__version__}"
    return cache.digest(text, *processor(), str(tier), versions)


@functools.cache
def llvmlite_version() -> str:
    """Version of llvmlite, which brings LLVM."""
    import llvmlite

    return llvmlite.__version__


def _object(text: str, tier: Tier) -> bytes:
    binding = llvm()
    with _lock:
        module = binding.parse_assembly(text)
        machine = new_target_machine(tier)
        _run_passes(module, machine, tier, text.count("\n"))
        return machine.emit_object(module)


def _linked(code: bytes, tier: Tier, cached: bool) -> Code:
    binding = llvm()
    with _lock:
        module = binding.parse_assembly("")
        engine = binding.create_mcjit_compiler(module, new_target_machine(tier))
        engine.add_object_file(binding.ObjectFileRef.from_data(code))
        engine.finalize_object()
        return Code(engine.get_function_address("run"), tier, engine, cached)


MAX_UNROLLED = 2000
"""Lines of a module above which LLVM may not unroll loops: a large body copied many times costs
seconds to minutes of compilation and gains nothing."""


def _run_passes(module: Any, machine: Any, tier: Tier, lines: int) -> None:
    if not tier.passes:
        return
    binding = llvm()
    options = binding.create_pipeline_tuning_options(speed_level=tier.passes)
    options.loop_vectorization = options.slp_vectorization = options.loop_interleaving = True
    options.loop_unrolling = lines <= MAX_UNROLLED
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


def optimized_text(text: str, tier: Tier = FULL) -> str:
    """The module after LLVM's passes."""
    module = llvm().parse_assembly(text)
    _run_passes(module, new_target_machine(tier), tier, text.count("\n"))
    return str(module)


def assembly_text(text: str, tier: Tier) -> str:
    """The machine code of a module as assembly."""
    module = llvm().parse_assembly(optimized_text(text, tier))
    return new_target_machine(tier).emit_assembly(module)
