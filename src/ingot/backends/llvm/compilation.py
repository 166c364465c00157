"""From a program to machine code: lowered, emitted and compiled, or read from the disk.

An entry on disk is found by the fingerprint of the program as it was traced, so that a second
process neither lowers nor emits, nor loads LLVM. It holds the object file and what the executable
needs besides; constants and host functions are found again in the program.
"""

from __future__ import annotations

import dataclasses
import functools
import marshal
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.backends import cache
from ingot.backends.llvm import codegen, engine, symbols, threads, tile_products
from ingot.backends.llvm.emit import emit
from ingot.compiler.fingerprint import Fingerprint, NotFingerprintable, source_digest
from ingot.compiler.lower import HostFunction, Lowering
from ingot.compiler.memory_checks import Checks, add_checks
from ingot.compiler.origins import TracingLowering
from ingot.compiler.passes import PassReport, PassRunner
from ingot.compiler.pipeline import check_switches, run_function_passes, run_loop_passes
from ingot.compiler.simplify import simplify
from ingot.config import config
from ingot.core.array import Array
from ingot.core.jaxpr import Eqn, Jaxpr
from ingot.core.source_info import describe
from ingot.core.spans import span
from ingot.kernel import cost, ir
from ingot.util import available_cpus
from ingot.version import __version__

MARSHAL = 2
"""The format of heads of entries, which all versions of Python read; JSON takes time to import."""

LONG_WORK = 20_000
"""Instructions in one call above which other Python threads may run meanwhile."""

COMPILE_SECONDS = 80e-6
"""What optimizing costs for each line of LLVM's text, at least."""

SAVED_SECONDS = 0.5e-9
"""What optimized code saves for each instruction executed."""


STRAIGHT_PASSES, MOST_REST = 1, 0.1
"""LLVM's level for programs that do nearly all their work in lanes and blocks, and how much may be
elsewhere: their long straight bodies take a sixth longer at the next level, and run no faster."""


@dataclass
class ExecutableInfo:
    """What runs a program besides its machine code, whatever the tier."""

    symbols: list[str]
    arena_bytes: int
    constants: list[np.ndarray]
    host_functions: list[HostFunction]
    work: int
    compile_seconds: float
    releases_gil: bool
    """Whether Python's lock is let go meanwhile."""

    overwritten: list[int]
    """The donated arguments whose memory is written to."""

    result_aliases: list[int]
    """For each result the argument whose memory it is, or -1."""

    checks: Checks | None = None
    """What its checks of memory say in reports, if it has any."""

    worth_optimizing: bool = False
    """Whether one call gains by optimization what that costs; not known of code from the disk."""

    @property
    def temporary_bytes(self) -> int:
        """Bytes of the program's temporaries, without what checks need."""
        return self.arena_bytes if self.checks is None else self.checks.temporary_bytes


@dataclass
class LoweredProgram:
    """A program before and after it is lowered."""

    simplified: Jaxpr
    function: ir.Function
    lowering: Lowering
    straight: list[ir.For]  # lanes and strips
    releases: bool  # Python's lock, for a loop looks for Ctrl-C or threads share it


@dataclass
class Module:
    """A program as LLVM's text; what it was made from is large, and not kept."""

    text: str
    info: ExecutableInfo
    sources: dict[int, Array]  # what constant k is the memory of
    opt_level: int  # of LLVM's levels, the one that serves


def prepare() -> None:
    """Begin to load LLVM where the first program will need it, and Python can go on meanwhile."""
    if available_cpus() > 1 and cache.is_empty():
        start_llvm()


def start_llvm() -> None:
    """Load LLVM in a thread, and where that runs beside this one, make what divided loops need."""
    flags = config.snapshot()

    def ahead() -> None:
        config.adopt(flags)
        threads.prepare()

    codegen.start(ahead if threads.supported() and available_cpus() > 1 else None)


def _call_of(eqn: Eqn) -> tuple[Any, ...]:
    """What an equation has a host function do, however often it was staged again since."""
    return (eqn.primitive, *((name, id(value)) for name, value in eqn.params.items()),
            *(v.aval for v in (*eqn.invars, *eqn.outvars)))


class Compilation:
    """The ways of one program, some arguments of which are donated, to machine code."""

    def __init__(self, jaxpr: Jaxpr, donated: tuple[int, ...] = ()):
        check_switches()
        self.jaxpr, self.donated = jaxpr, donated
        self.checked = config.check_memory
        self._modules: dict[engine.Tier, Module] = {}
        self.lowering_seconds = self.llvm_seconds = 0.0

    def module(self, tier: engine.Tier) -> Module:
        """The program as LLVM's text for a tier, made when it is first asked for."""
        found = self._modules.get(tier)
        if found is None:
            start = time.perf_counter()
            found = self._modules[tier] = self._lower(tier)
            self.lowering_seconds += time.perf_counter() - start
        return found

    def kernels(self, tier: engine.Tier = engine.FULL, reports: list[PassReport] | None = None
                ) -> LoweredProgram:
        """The program lowered once more, by all passes of the tier; what they do is reported."""
        run, full = PassRunner(reports), tier is engine.FULL
        simplified = simplify(self.jaxpr, run)
        lowerings: list[Lowering] = []
        lowering = TracingLowering if self.checked else Lowering

        def lowered() -> ir.Function:
            made = lowering(full=full, routines=symbols.exists, run=run)
            if full:
                made.vector_bytes = codegen.vector_bytes()
            lowerings.append(made)
            return made.function(simplified, self.donated)

        function = run_function_passes(lowered, full, run)
        straight, releases = run_loop_passes(function, threads.supported(), run)
        return LoweredProgram(simplified, function, lowerings[-1], straight, releases)

    def _lower(self, tier: engine.Tier) -> Module:
        kernels = self.kernels(tier)
        function, lowering = kernels.function, kernels.lowering
        work = cost.work(function.body)
        long = kernels.releases or work > LONG_WORK
        taken = [m.position if m.kind == "donated" else -1 for m in function.results]
        checks = self._checks(taken, function.arena_bytes) if self.checked else None
        if checks is not None and isinstance(lowering, TracingLowering):
            add_checks(function, lowering.host_functions, lowering.origins, checks)
        with span("pass", "emit"):
            text, symbols = emit(function, long, self.checked, tier is engine.FULL)
        tile_products.prepare(symbols)
        seconds = COMPILE_SECONDS * text.count("\n")
        info = ExecutableInfo(symbols, function.arena_bytes,
                              [c.data for c in function.constants if c.data is not None],
                              lowering.host_functions, work, seconds, long,
                              sorted(lowering.overwritten), taken, checks,
                              SAVED_SECONDS * cost.work(function.body, libraries=False) > seconds)
        rest = cost.work(function.body, without=kernels.straight)
        opt_level = engine.FULL.opt_level if rest > MOST_REST * work else STRAIGHT_PASSES
        return Module(text, info, lowering.constant_sources, opt_level)

    def _checks(self, taken: list[int], temporary_bytes: int) -> Checks:
        """What checks know of the program as it was traced."""
        jaxpr = self.jaxpr
        types = ", ".join(map(str, jaxpr.in_avals))
        return Checks(f"{jaxpr.debug_name}({types})", temporary_bytes,
                      arguments=[a.nbytes for a in jaxpr.in_avals],
                      results=[(a.storage.name, tuple(a.shape), k)
                               for a, k in zip(jaxpr.out_avals, taken, strict=True)])

    # ---- code --------------------------------------------------------------------------------
    def first(self) -> tuple[engine.Code, ExecutableInfo]:
        """The code to begin with: optimized if that is there or pays at once."""
        for tier in (engine.FULL, engine.FAST):
            if tier is engine.FULL or config.optimize != "full":
                with span("loading", "look on disk"):
                    found = self._load_cached(tier)
                if found is not None:
                    return found
        start_llvm()
        full = config.optimize == "full" or (
            config.optimize == "auto" and self.module(engine.FAST).info.worth_optimizing)
        return self.compiled(engine.FULL if full else engine.FAST)

    def compiled(self, tier: engine.Tier, background: bool = False
                 ) -> tuple[engine.Code, ExecutableInfo]:
        """New code, kept on disk."""
        module = self.module(tier)
        start = time.perf_counter()
        with span("LLVM", f"LLVM, tier {tier.name}", lines=module.text.count("\n")):
            code = engine.object_code(module.text, tier, background, module.opt_level)
        with span("loading", "link"):
            linked = engine.link(code, module.info.symbols, tier, False, lambda: module.text)
        self.llvm_seconds += time.perf_counter() - start
        if config.cache:
            entry = self._encode(module, code)
            if entry is not None:
                cache.store(self._name(tier), entry)
        return linked, module.info

    # ---- entries on disk ---------------------------------------------------------------------
    @functools.cached_property
    def _fingerprint(self) -> Fingerprint | None:
        try:
            return Fingerprint(self.jaxpr)
        except NotFingerprintable:
            return None

    def _name(self, tier: engine.Tier) -> str:
        mark = self._fingerprint
        begun = engine.FULL if config.optimize == "full" else engine.FAST  # lowered in any case
        lines = [describe(e.source) for e in mark.eqns] if self.checked and mark else []
        return cache.digest(
            mark.digest if mark is not None else self.module(begun).text, tier.name,
            repr(self.donated), repr(lines), repr(config.trace_key()), source_digest(), __version__,
            np.__version__, engine.llvm_identity(), engine.processor_identity())

    def _encode(self, module: Module, code: bytes) -> bytes | None:
        """An entry: the length of a head, the head, embedded constants, the object file.

        None if something in it could not be found again in another process.
        """
        info, mark = module.info, self._fingerprint
        head: dict[str, Any] = {"symbols": info.symbols, "arena": info.arena_bytes,
                                "work": info.work, "seconds": info.compile_seconds,
                                "long": info.releases_gil, "overwritten": info.overwritten,
                                "taken": info.result_aliases, "checks": info.checks
                                and dataclasses.astuple(info.checks)}
        blobs: list[bytes] = []
        if mark is not None:
            hosts = info.host_functions
            place = {_call_of(e): k for k, e in enumerate(mark.eqns)} if hosts else {}
            numbers = [place.get(_call_of(h.eqn)) for h in hosts]
            if None in numbers:
                return None
            head["hosts"], head["constants"] = numbers, []
            for k, data in enumerate(info.constants):
                source = mark.number_of(module.sources.get(k))
                head["constants"].append(
                    [source, data.dtype.name, data.shape, data.nbytes if source is None else 0])
                if source is None:
                    blobs.append(data.tobytes())
        text = marshal.dumps(head, MARSHAL)
        return b"".join([len(text).to_bytes(8, "little"), text, *blobs, code])

    def _load_cached(self, tier: engine.Tier) -> tuple[engine.Code, ExecutableInfo] | None:
        entry = cache.load(self._name(tier)) if config.cache else None
        if entry is None:
            return None
        start = 8 + int.from_bytes(entry[:8], "little")
        head, mark = marshal.loads(entry[8:start]), self._fingerprint
        if mark is None:
            info = self.module(tier).info
        else:
            constants: list[np.ndarray] = []
            for source, name, shape, nbytes in head["constants"]:
                if source is not None:
                    data = mark.constants[source]
                elif nbytes:
                    data = np.frombuffer(entry, np.uint8, nbytes, start).copy().view(name)
                else:  # without elements, or of float0, whose elements have no bytes
                    data = np.zeros(shape, np.bool_)
                start += nbytes
                constants.append(np.ascontiguousarray(data).reshape(shape))
            hosts = [HostFunction(e, [a.aval for a in e.invars], [v.aval for v in e.outvars])
                     for e in (mark.eqns[k] for k in head["hosts"])]
            info = ExecutableInfo(head["symbols"], head["arena"], constants, hosts, head["work"],
                                  head["seconds"], head["long"], head["overwritten"], head["taken"],
                                  head["checks"] and Checks(*head["checks"]))
        linked = engine.link(entry[start:], info.symbols, tier, True,
                             lambda: self.module(tier).text)
        return linked, info
