"""The passes of the compiler in order: what each does, in which tier, and what cannot do without.

The flag `passes` switches some off, for debugging; `debug.passes` shows what each did to a program.
Sub-programs that are called are lowered while the program that calls them is; each goes through the
same passes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from ingot.compiler.buffer_assignment import assign_buffers
from ingot.compiler.dce import eliminate_dead_code
from ingot.compiler.interrupts import place_polls
from ingot.compiler.lane_compaction import compact_while_loops
from ingot.compiler.loop_fusion import fuse_loops
from ingot.compiler.nontemporal_stores import store_past_caches
from ingot.compiler.parallel import parallelize_loops
from ingot.compiler.passes import PassRunner, switched_off
from ingot.compiler.residual_layout import interleave_residuals
from ingot.compiler.strip_mining import strip_mine_loops
from ingot.config import config
from ingot.kernel import ir
from ingot.kernel.visit import callees

TOLERATED_BYTES = 1 << 16
"""Growth of the arena that does not matter."""

FAST, FULL = "fast", "full"


@dataclass(frozen=True)
class Pass:
    """A step from a program to machine code."""

    name: str
    sentence: str
    required: str = ""  # why it cannot be switched off
    tiers: tuple[str, ...] = (FAST, FULL)


PASSES = (
    # Programs (jaxprs): `simplify.py`, and for each sub-program `in_place.py`.
    Pass("common-subexpressions", "Each distinct pure computation is done once."),
    Pass("fold-transposes", "Contractions read and write transposed arrays as they lie."),
    Pass("multiply-after-loops", "Sums of products of few terms are one product after the loop."),
    Pass("dead-equations", "What no result and no effect needs is left out."),
    Pass("identities", "stop_gradient and choices between equal arrays are left out."),
    Pass("mask-scatters", "A choice between an array and its update is an update of some places."),
    Pass("accumulate-in-place", "Sums of updates of zeros are one array that all add to."),
    Pass("add-products-in-place", "BLAS adds products to sums, and to each other."),
    Pass("reads-first", "What reads an array comes before what overwrites it."),
    # From programs to kernels.
    Pass("outline", "Sub-programs that occur several times are functions that are called."),
    Pass("lower", "Equations become scalar instructions, loops, branches and calls.",
         required="only kernels can be compiled"),
    # Kernels of one function.
    Pass("eliminate-dead-code", "Instructions, carried values and stores nobody needs go."),
    Pass("fuse-loops", "Loops over the same range and the same memory are one.", tiers=(FULL,)),
    Pass("assign-buffers", "Temporaries get their places in the arena again.",
         required="temporaries of fused loops live longer than before", tiers=(FULL,)),
    Pass("interleave-residuals", "What loops keep of each iteration lies side by side."),
    # Loops, for the processor.
    Pass("compact-while-loops", "Batches of while loops step together, in lanes of vectors."),
    Pass("nontemporal-stores", "Results larger than the caches are written past them."),
    Pass("strip-mine", "Long loops run over strips of one length."),
    Pass("parallelize", "Loops with much work are shared among threads."),
    Pass("place-polls", "Long loops look for Ctrl-C.", required="else it could not stop them"),
    Pass("check-memory", "Accesses to memory are verified; only with the flag `check_memory`.",
         required="the flag `check_memory` asks for it"),
    # LLVM's text.
    Pass("pack-math-calls", "Equal functions of several scalars are one call for a vector.",
         tiers=(FULL,)),
)
"""All passes. Dead code is eliminated once more after loops were fused."""


def check_switches() -> None:
    """Raise ValueError if the flag `passes` names what cannot be switched off."""
    known = {p.name: p for p in PASSES}
    for name in switched_off(config.passes):
        if name not in known:
            optional = ", ".join(p.name for p in PASSES if not p.required)
            raise ValueError(f"passes: there is no pass {name!r}; those that can be switched off"
                             f" are {optional}")
        if known[name].required:
            raise ValueError(f"passes: {name} cannot be switched off: {known[name].required}")


def run_function_passes(lower: Callable[[], ir.Function], full: bool, run: PassRunner
                        ) -> ir.Function:
    """A function with its loops fused in the full tier: only neighbors, where else it would take
    more memory, as programs do that recompute what they do not want to keep. Then it is lowered
    again. Fusing takes as long as lowering, so it is left out where code is wanted at once."""
    for neighbors in (False, True):
        function = run.lowered(lower)
        run.on_kernel("eliminate-dead-code", eliminate_dead_code, function)
        before = function.arena_bytes
        if not full or not run.on_kernel("fuse-loops", functools.partial(
                fuse_loops, neighbors=neighbors), function, placed=False):
            break
        run.on_kernel("eliminate-dead-code", eliminate_dead_code, function, placed=False)
        run.on_kernel("assign-buffers", assign_buffers, function)
        if function.arena_bytes <= before + before // 8 + TOLERATED_BYTES:
            break
    run.on_kernel("interleave-residuals", interleave_residuals, function)
    return function


def run_loop_passes(program: ir.Function, threads: bool, run: PassRunner
                    ) -> tuple[list[ir.For], bool]:
    """Loops of a program and of what it calls, for the processor; those that became lanes or
    strips, and whether the program must let Python's lock go."""
    straight: list[ir.For] = []
    releases = False
    for function in (*callees(program.body), program):
        straight += run.on_kernel("compact-while-loops", compact_while_loops, function) or []
        if function is program:
            run.on_kernel("nontemporal-stores", store_past_caches, function)
        straight += run.on_kernel("strip-mine", strip_mine_loops, function) or []
        if threads:
            releases |= bool(run.on_kernel("parallelize", parallelize_loops, function))
        releases |= bool(run.on_kernel("place-polls", lambda f: place_polls(f.body), function))
    return straight, releases
