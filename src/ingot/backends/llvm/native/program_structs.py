"""The structs by which the fast path knows a program and its results."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ingot.backends.llvm.buffers import is_pooled, pool, size_class
from ingot.backends.llvm.native.fields import CALLS
from ingot.backends.llvm.native.free_list import free_lists
from ingot.backends.llvm.native.structs import NativeStruct
from ingot.core.avals import ShapedArray

UNLIMITED = 1 << 62


def result_records(avals: Sequence[ShapedArray], taken: Sequence[int]) -> NativeStruct:
    """How native code makes arrays of these types, unless one takes an argument's memory."""
    words: list[int] = []
    kept: list[Any] = []
    for aval, source in zip(avals, taken or [-1] * len(avals), strict=True):
        lengths = NativeStruct(aval.shape)
        make = partial(pool.acquire, aval.shape, aval.storage, size_class(aval.nbytes)
                       ) if is_pooled(aval.nbytes) else None
        words += [aval.ndim, lengths.address, id(aval.storage), id(aval), id(make) if make else 0,
                  source + 1, free_lists.address(aval) if source < 0 else 0]
        kept += [lengths, aval, make]
    return NativeStruct(words, kept)


def program_record(kernel: NativeStruct, inputs: int, outs: Sequence[ShapedArray],
                   others_may_run: bool,
                   overwritten: Sequence[int] = (), taken: Sequence[int] = ()) -> NativeStruct:
    """A program, see `fields`; other threads may run while large results are made, too.

    Arguments that are `overwritten` must belong to nobody else; results with a number that is not
    negative in `taken` are these arguments.
    """
    results, written = result_records(outs, taken), NativeStruct([len(overwritten), *overwritten])
    hold = others_may_run or any(is_pooled(a.nbytes) for a in outs)
    return NativeStruct([kernel.address, inputs, len(outs), results.address, hold, UNLIMITED,
                         written.address if overwritten else 0], kernel, results, written)


def replace_program(record: NativeStruct, new: NativeStruct) -> None:
    """Put another program of the same types in the place of one, at once: a call that is under way
    in another thread must not find the code of one and the results of the other."""
    keep = record[CALLS]
    record.kept += new.kept  # a call may still be running what is replaced
    record.words[:] = [*new.words[: CALLS // 8], keep, *new.words[CALLS // 8 + 1 :]]
