"""Records that native code reads, made in Python."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import partial
from typing import Any

from ingot.backends.llvm.buffers import is_pooled, pool
from ingot.core.avals import ShapedArray


class Words:
    """A record that native code reads: words at an address, and what they refer to."""

    def __init__(self, words: Sequence[int], *kept: Any):
        self.words = (ctypes.c_int64 * max(len(words), 1))(*words)
        self.address = ctypes.addressof(self.words)
        self.kept = kept

    def __getitem__(self, offset: int) -> int:
        return self.words[offset // 8]

    def __setitem__(self, offset: int, value: int) -> None:
        self.words[offset // 8] = value


UNLIMITED = 1 << 62


def result_records(avals: Sequence[ShapedArray], taken: Sequence[int]) -> Words:
    """How native code makes arrays of these types, unless one takes an argument's memory."""
    words: list[int] = []
    kept: list[Any] = []
    for aval, source in zip(avals, taken or [-1] * len(avals), strict=True):
        lengths = Words(aval.shape)
        make = partial(pool.empty, aval.shape, aval.storage) if is_pooled(aval.nbytes) else None
        words += [aval.ndim, lengths.address, id(aval.storage), id(aval), id(make) if make else 0,
                  source + 1]
        kept += [lengths, aval, make]
    return Words(words, kept)


def program_record(kernel: Words, inputs: int, outs: Sequence[ShapedArray], others_may_run: bool,
                   overwritten: Sequence[int] = (), taken: Sequence[int] = ()) -> Words:
    """A program, see `fields`; other threads may run while large results are made, too.

    Arguments that are `overwritten` must belong to nobody else; results with a number that is not
    negative in `taken` are these arguments.
    """
    results, written = result_records(outs, taken), Words([len(overwritten), *overwritten])
    hold = others_may_run or any(is_pooled(a.nbytes) for a in outs)
    return Words([kernel.address, inputs, len(outs), results.address, hold, UNLIMITED,
                  written.address if overwritten else 0], kernel, results, written)
