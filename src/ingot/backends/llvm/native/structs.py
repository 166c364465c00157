"""Structs that native code reads, made in Python."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any


class NativeStruct:
    """A record that native code reads: words at an address, and what they refer to."""

    def __init__(self, words: Sequence[int], *kept: Any):
        self.words = (ctypes.c_int64 * max(len(words), 1))(*words)
        self.address = ctypes.addressof(self.words)
        self.kept = kept

    def __getitem__(self, offset: int) -> int:
        return self.words[offset // 8]

    def __setitem__(self, offset: int, value: int) -> None:
        self.words[offset // 8] = value
