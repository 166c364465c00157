"""What is said when memory runs out: the largest arrays, and what to do about them."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from typing import Any

from ingot.core.array import is_deleted, live_arrays
from ingot.core.jaxpr import Jaxpr, subjaxprs
from ingot.core.source_info import describe

MOST = 5
"""How many arrays are listed."""

REMEDY = ("Compute in parts, by lax.map with batch_size or a scan; use float32; let go of arrays by"
          " del, or donate them (donate_argnums); keep less for derivatives, by checkpoint.")


def in_words(nbytes: float) -> str:
    """A size in bytes, KiB and so on."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if nbytes < 1024:
            return f"{nbytes:.4g} {unit}"
        nbytes /= 1024
    return f"{nbytes:.4g} TiB"


def _values(jaxpr: Jaxpr) -> Iterator[tuple[int, str]]:
    """Size and description of what each operation of a program makes, and of its arguments."""
    for k, v in enumerate(jaxpr.invars):
        yield v.aval.nbytes, f"{v.aval} of argument {k}"
    for eqn in jaxpr.eqns:
        for v in eqn.outvars:
            yield v.aval.nbytes, f"{v.aval} of {eqn.primitive.name} at {describe(eqn.source)}"
        for inner in subjaxprs(eqn):
            yield from _values(inner)


def _held(x: Any) -> int:
    """Bytes of an array; those that repeat elements, as broadcast ones, have each once."""
    strides = getattr(x._data, "strides", None)
    if not strides:
        return x.aval.nbytes
    return x.aval.storage.itemsize * math.prod(
        n for n, s in zip(x.aval.shape, strides, strict=True) if s)


def _listed(found: Any) -> str:
    return "".join(f"\n  {in_words(size)}: {what}"
                   for size, what in heapq.nlargest(MOST, found, key=lambda row: row[0]))


def explain_memory(error: MemoryError, jaxpr: Jaxpr | None = None) -> None:
    """Add a note to an error, unless it has one: the largest arrays, and what to do.

    NumPy's errors of this kind make their text themselves, which cannot be completed.
    """
    if any(REMEDY in note for note in getattr(error, "__notes__", ())):
        return
    text = ""
    if jaxpr is not None:
        text = f"The largest arrays of the program {jaxpr.debug_name}:{_listed(_values(jaxpr))}\n"
    kept = [(_held(x), str(x.aval)) for x in live_arrays() if not is_deleted(x)]
    if kept:
        text += (f"The largest of {len(kept)} arrays that are kept,"
                 f" {in_words(sum(n for n, _ in kept))} in all:{_listed(kept)}\n")
    error.add_note(text + REMEDY)
