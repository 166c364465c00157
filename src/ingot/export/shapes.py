"""Types of an exported program's arguments and results, checked against those of a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.export.paths import argument_paths


def parse_shape(texts: Sequence[str]) -> tuple[Any, ...]:
    """Return a shape from the texts of its lengths. Raises ValueError for what is none."""
    return tuple(int(t) for t in texts)


def refine_types(exported: Any, avals: Sequence[ShapedArray]) -> list[ShapedArray]:
    """Return the types of the results for arguments of certain types.

    Raises ValueError for arguments of another rank, dtype or length than it was exported for.
    """
    names = argument_paths(exported.in_tree)
    for name, want, got in zip(names, exported.in_avals, avals, strict=True):
        if want.ndim != got.ndim:
            raise ValueError(f"Rank mismatch for {name}: expected {want.shape} and called with"
                             f" {got.shape}")
        if want.dtype != got.dtype:
            raise ValueError(
                f"Dtype mismatch for {name}: expected {dtypes.short_name(want.dtype)} and called"
                f" with {dtypes.short_name(got.dtype)}; convert it first")
        for k, (n, m) in enumerate(zip(want.shape, got.shape, strict=True)):
            if n != m:
                raise ValueError(f"Shape mismatch for {name}.shape[{k}] (expected same constant):"
                                 f" expected {want.shape} and called with {got.shape}")
    return list(exported.out_avals)
