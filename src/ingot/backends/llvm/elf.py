"""A loader of object files: ELF for x86-64, as LLVM writes it, made runnable without LLVM.

Sections are laid out in one block of memory, symbols bound, relocations applied (by NumPy, all of a
kind at once), and the block is made executable. Several files may refer to each other. What is
outside of the subset that LLVM emits here raises `Unsupported`, and LLVM's own linker takes over.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

WRITABLE, ALLOCATED, NO_BITS, RELOCATIONS, SYMBOLS = 0x1, 0x2, 8, 4, 2
ABS64, PC32, PLT32, PC64 = 1, 2, 4, 24
GOT_KINDS = (9, 41, 42)  # GOTPCREL, GOTPCRELX, REX_GOTPCRELX
ABSOLUTE, LOCAL = 0xFFF1, 0
STUB_BYTES = 16
STUB = b"\xff\x25\x00\x00\x00\x00"  # jmp *0(%rip), followed by the address

HEADER = np.dtype([("ident", "S16"), ("kind", "<u2"), ("machine", "<u2"), ("version", "<u4"),
                   ("entry", "<u8"), ("programs", "<u8"), ("sections", "<u8"), ("flags", "<u4"),
                   ("size", "<u2"), ("program_size", "<u2"), ("program_count", "<u2"),
                   ("section_size", "<u2"), ("section_count", "<u2"), ("names", "<u2")])
SECTION = np.dtype([("name", "<u4"), ("kind", "<u4"), ("flags", "<u8"), ("address", "<u8"),
                    ("offset", "<u8"), ("size", "<u8"), ("link", "<u4"), ("info", "<u4"),
                    ("alignment", "<u8"), ("entry_size", "<u8")])
SYMBOL = np.dtype([("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"),
                   ("value", "<u8"), ("size", "<u8")])
RELOCATION = np.dtype([("offset", "<u8"), ("kind", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])


class Unsupported(Exception):
    """The object file has something that this loader does not know."""


def objects(code: bytes) -> list[bytes]:
    """Object files that stand one after the other: each ends with the table of its sections."""
    found = []
    while code:
        header = np.frombuffer(code, HEADER, 1)[0]
        if header["ident"][:5] != b"\x7fELF\x02" or (header["kind"], header["machine"]) != (1, 62):
            raise Unsupported("not a relocatable ELF file for x86-64")
        end = int(header["sections"]) + int(header["section_count"]) * SECTION.itemsize
        found.append(code[:end])
        code = code[end:]
    return found


class Image:
    """Machine code in memory, for as long as this object lives."""

    def __init__(self, code: bytes, resolve: Callable[[str], int]):
        """Load object files, which may refer to each other; `resolve` gives the addresses of the
        symbols that none of them defines."""
        self._objects = [_Object(part) for part in objects(code)]
        self._defined = {name: place for o in self._objects for name, place in o.defined()}
        for part in self._objects:
            part.link(lambda name: self._defined.get(name) or resolve(name))

    def address(self, name: str) -> int:
        """Where a symbol that the files define lies."""
        return self._defined[name]


class _Object:
    """One object file in memory."""

    def __init__(self, code: bytes):
        header = np.frombuffer(code, HEADER, 1)[0]
        self._code = code
        self._sections = np.frombuffer(code, SECTION, header["section_count"], header["sections"])
        self._read_symbols()
        self._lay_out()

    def defined(self) -> list[tuple[str, int]]:
        """Names and addresses of what others may refer to."""
        there = (self._symbols["info"] >> 4 != LOCAL) & (self._symbols["section"] != 0)
        return [(self._names[k], int(self._values[k])) for k in np.flatnonzero(there).tolist()]

    def link(self, resolve: Callable[[str], int]) -> None:
        """Make it executable."""
        self._bind(resolve)
        for section in self._sections[self._sections["kind"] == RELOCATIONS]:
            if self._sections[section["info"]]["flags"] & ALLOCATED:
                self._relocate(section)
        _make_executable(self._base, self._writable)
        del self._code, self._sections, self._symbols, self._names  # the memory is what matters
        del self._values, self._callable, self._entries, self._starts

    def _bytes(self, section: Any) -> bytes:
        start = int(section["offset"])
        return self._code[start : start + int(section["size"])]

    def _read_symbols(self) -> None:
        (table,) = self._sections[self._sections["kind"] == SYMBOLS]
        self._symbols = np.frombuffer(self._bytes(table), SYMBOL)
        strings = self._bytes(self._sections[table["link"]])
        self._names = [strings[n : strings.index(b"\0", n)].decode()
                       for n in self._symbols["name"].tolist()]

    def _lay_out(self) -> None:
        """Copy what is to be in memory, with room for stubs and for a table of addresses; what
        may be written to has pages of its own, at the end."""
        allocated = np.flatnonzero((self._sections["flags"] & ALLOCATED).astype(bool)
                                   & (self._sections["size"] > 0)).tolist()
        writable = [n for n in allocated if self._sections[n]["flags"] & WRITABLE]
        places, end = self._places(0, [n for n in allocated if n not in writable])
        self._stubs = -(-end // 16) * 16
        undefined = int(np.count_nonzero(self._symbols["section"] == 0))
        self._got = self._stubs + STUB_BYTES * undefined
        self._writable = -(-(self._got + 8 * len(self._symbols)) // mmap.PAGESIZE) * mmap.PAGESIZE
        more, end = self._places(self._writable, writable)
        places |= more
        self._memory = mmap.mmap(-1, max(end, 1))
        anchor = ctypes.c_char.from_buffer(self._memory)
        self._base = ctypes.addressof(anchor)
        del anchor
        self._starts = np.zeros(len(self._sections), np.int64)
        for number, start in places.items():
            section = self._sections[number]
            self._starts[number] = self._base + start
            if section["kind"] != NO_BITS:
                self._memory[start : start + int(section["size"])] = self._bytes(section)
        sections = self._symbols["section"].astype(np.int64)
        if np.any((sections >= 0xFF00) & (sections != ABSOLUTE)):
            raise Unsupported("common symbols")
        self._values = self._symbols["value"].astype(np.int64)
        here = (sections > 0) & (sections < 0xFF00)
        self._values[here] += self._starts[sections[here]]

    def _places(self, place: int, numbers: list[int]) -> tuple[dict[int, int], int]:
        """Where sections begin that follow each other from a place, and where the last one ends."""
        places: dict[int, int] = {}
        for number in numbers:
            section = self._sections[number]
            alignment = max(int(section["alignment"]), 1)
            places[number] = place = -(-place // alignment) * alignment
            place += int(section["size"])
        return places, place

    def _bind(self, resolve: Callable[[str], int]) -> None:
        """Addresses of all symbols, of the entries of the table, and of stubs for functions far
        away: a call reaches no farther than 2 GiB."""
        count = len(self._symbols)
        self._callable = self._values.copy()
        stub = self._stubs
        for k in np.flatnonzero(self._symbols["section"] == 0).tolist():
            if self._names[k]:
                self._values[k] = resolve(self._names[k])
                self._callable[k] = self._base + stub
                self._memory[stub : stub + 14] = STUB + int(self._values[k]).to_bytes(8, "little")
                stub += STUB_BYTES
        self._entries = self._base + self._got + 8 * np.arange(count, dtype=np.int64)
        self._memory[self._got : self._got + 8 * count] = self._values.tobytes()

    def _relocate(self, section: Any) -> None:
        table = np.frombuffer(self._bytes(section), RELOCATION)
        kinds, symbols = table["kind"], table["symbol"]
        places = self._starts[section["info"]] + table["offset"].astype(np.int64)
        known = np.zeros(len(table), bool)
        for which, targets, relative, width in (
                (kinds == ABS64, self._values, False, 8), (kinds == PC64, self._values, True, 8),
                (kinds == PC32, self._values, True, 4), (kinds == PLT32, self._callable, True, 4),
                (np.isin(kinds, GOT_KINDS), self._entries, True, 4)):
            known |= which
            self._patch(places[which], targets[symbols[which]] + table["addend"][which],
                        relative, width)
        if not known.all():
            raise Unsupported(f"relocations of kind {set(kinds[~known].tolist())}")

    def _patch(self, places: np.ndarray, values: np.ndarray, relative: bool, width: int) -> None:
        if not len(places):
            return
        if relative:
            values = values - places
        if width == 4 and np.any(values != values.astype(np.int32)):
            raise Unsupported("a relocation out of range")
        target = np.frombuffer(self._memory, np.uint8)
        digits = values.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width]
        target[(places - self._base)[:, None] + np.arange(width)] = digits


def _make_executable(address: int, nbytes: int) -> None:
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if protect(address, nbytes, mmap.PROT_READ | mmap.PROT_EXEC):
        raise Unsupported(f"mprotect failed with error {ctypes.get_errno()}")


def available() -> bool:
    """Whether this platform's object files are of the kind that is understood here."""
    return sys.platform.startswith("linux") and platform.machine() == "x86_64"
