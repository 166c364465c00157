"""The compiler's constants, lowered, so that every pass has something to do in small programs."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from ingot.kernel.schedule import SCHEDULE

# The schedule, or a module, and values of its constants that go together: what is computed twice at
# the end of a divided loop, for instance, must be shorter than the loop. Modules that imported a
# name get the value as well.
LOWERED: list[tuple[str, dict[str, int]]] = [
    # A reduction over axes of one element is a scalar.
    *[("schedule", {"max_scalars": n}) for n in (1, 2, 8)],
    *[("schedule", {"max_unrolled_work": n}) for n in (0, 100)],
    *[("schedule", {"recompute_expansion": n}) for n in (0, 1)],
    *[("schedule", {"recompute_max_cost": n}) for n in (0, 10)],
    *[("schedule", {"out_of_cache_bytes": n}) for n in (64, 1024)],
    *[("schedule", {"reduction_block": n}) for n in (8, 64)],
    *[("schedule", {"row_tile": n}) for n in (8, 32)],
    *[("schedule", {"register_row": n}) for n in (2, 8)],
    ("schedule", {"parallel_reduction_work": 64}),
    *[("schedule", {"tile_side": n}) for n in (8, 16)],
    ("schedule", {"radix_partition": 64}),
    *[("schedule", {"parallel_work": n}) for n in (0, 100)],
    ("ingot.compiler.outlining", {"MIN_EQUATIONS": 2, "MIN_INSTRUCTIONS": 1}),
    ("schedule", {"strip": 64, "strip_unit": 8, "min_strip_mined": 128}),
    ("schedule", {"min_strip_mined_work": 1}),
    ("schedule", {"min_compacted": 32, "lane_block": 32}),
    ("schedule", {"min_compacted_work": 1}),
    *[("ingot.compiler.loop_fusion", {"COMPUTE_BOUND_INSTRUCTIONS": n}) for n in (1, 10_000)],
    *[("ingot.compiler.loop_fusion", {"MIN_WORK_RATIO": n}) for n in (0, 1000)],
    ("ingot.compiler.loop_fusion", {"MIN_COMMON_BYTES": 0}),
    ("ingot.compiler.residual_layout", {"MIN_TRIP_COUNT": 1}),
    ("schedule", {"nontemporal_bytes": 0, "nontemporal_part_bytes": 64,
                  "min_nontemporal_row_bytes": 64, "max_nontemporal_row_bytes": 128}),
    *[("ingot.compiler.lower", {"REPEATED": n}) for n in (0, 10)],
    ("ingot.compiler.lower", {"COPIED": 64}),
    ("schedule", {"max_sort_keys": 16}),
    ("schedule", {"max_top_k": 2}),
    ("schedule", {"conv_blas_work": 16, "conv_loop_terms": 2, "conv_sliding_taps": 2}),
    *[("schedule", {"blas_work": n}) for n in (0, 10_000_000)],
    ("schedule", {"blas_block_work": 64, "blas_block_side": 8}),
    ("schedule", {"parallel_cumulative_elements": 64}),  # a line has at least one element a segment
    *[("schedule", {"cumulative_row_tile": n}) for n in (4, 64)],
    *[("schedule", {"max_unrolled_cumulative": n}) for n in (0, 8)],
    *[("ingot.kernel.summation", {"LEAF": n}) for n in (8, 16)],
    ("ingot.kernel.summation", {"VECTORS_AT_ONCE": 1}),
    ("ingot.primitives.scatter_sums", {"CACHED": 0}),
    ("ingot.control.batched_cond", {"MOST_COPIED": 0}),
    ("schedule", {"max_unrolled_rows": 1}),
    ("schedule", {"max_unrolled_order": 2}),
    ("ingot.backends.llvm.emit", {"LONGEST": 20}),
    ("ingot.backends.llvm.threads", {"WAKE_NANOSECONDS": 0, "AWAKE_NANOSECONDS": 0}),
    ("ingot.backends.llvm.executable", {"HOT_SECONDS": 0}),
]


@functools.cache
def _holders(module: str, name: str) -> tuple[object, ...]:
    """The schedule, or the module of a constant and those that imported it, from there or from one
    another."""
    if module == "schedule":
        return (SCHEDULE,)
    holders: list[Any] = [importlib.import_module(module)]
    others = [m for m in list(sys.modules.values())
              if m.__name__.startswith("ingot.") and name in vars(m) and m is not holders[0]]
    for holder in holders:  # grows as long as modules import the name from one that is in it
        line = re.compile(rf"from {holder.__name__} import (\([^)]*|[^\n]*)\b{name}\b")
        holders += [m for m in others if m not in holders and line.search(inspect.getsource(m))]
    return tuple(holders)


@contextmanager
def constant(module: str, name: str, value: int) -> Iterator[None]:
    """A constant of the compiler with another value, wherever it was imported."""
    holders = _holders(module, name)
    before = [getattr(h, name) for h in holders]
    try:
        for holder in holders:
            setattr(holder, name, value)
        yield
    finally:
        for holder, old in zip(holders, before, strict=True):
            setattr(holder, name, old)


@contextmanager
def lowered(seed: int, share: float = 0.3) -> Iterator[list[str]]:
    """Some of the constants lowered, chosen by the seed; yields which, as text."""
    rng = np.random.default_rng([seed, 9])
    chosen = [entry for entry in LOWERED if rng.random() < share]
    rng.shuffle(chosen)
    with ExitStack() as stack:
        for module, values in chosen:
            for name, value in values.items():
                stack.enter_context(constant(module, name, value))
        yield [f"{module}: {values}" for module, values in chosen]
