"""A loader of object files: ELF of 64 bits, as LLVM writes it, made runnable without LLVM.

Sections are laid out in one block of memory, symbols bound, relocations applied (by NumPy, all of a
kind at once), and the block is made executable. Several files may refer to each other. What is
outside of the subset that LLVM emits here raises `Unsupported`, and LLVM's own linker takes over.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable

import numpy as np

from ingot.backends.llvm.native.abi import PORTABLE
from ingot.backends.llvm.relocations import (
    HERE,
    JUMP_BYTES,
    Unsupported,
    apply,
    renew_instructions,
)

WRITABLE, ALLOCATED, NO_BITS, RELOCATIONS, SYMBOLS = 0x1, 0x2, 8, 4, 2
RESERVED, ABSOLUTE, LOCAL = 0xFF00, 0xFFF1, 0
HEADER, SECTION, SYMBOL = (struct.Struct(f) for f in (
    "<16sHHIQQQIHHHHHH", "<IIQQQQIIQQ", "<IBBHQQ"))
RELOCATION = np.dtype([("offset", "<u8"), ("kind", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])


class Section:
    """A row of the table of sections."""

    def __init__(self, row: tuple[int, ...]):
        (_, self.kind, self.flags, _, self.offset, self.size, self.link, self.info, self.alignment,
         _) = row


def objects(code: bytes) -> list[bytes]:
    """Object files that stand one after the other: each ends with the table of its sections."""
    found = []
    while code:
        identity, kind, machine, *_ = HEADER.unpack_from(code)
        if identity[:5] != b"\x7fELF\x02" or (kind, machine) != (1, HERE and HERE.number):
            raise Unsupported("not a relocatable ELF file for this machine")
        sections, count = _table_of_sections(code)
        end = sections + count * SECTION.size
        found.append(code[:end])
        code = code[end:]
    return found


def _table_of_sections(code: bytes) -> tuple[int, int]:
    """Where the table begins, and how many sections there are."""
    header = HEADER.unpack_from(code)
    return header[6], header[12]


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
        self._code = code
        start, count = _table_of_sections(code)
        self._sections = [Section(SECTION.unpack_from(code, start + k * SECTION.size))
                          for k in range(count)]
        self._read_symbols()
        self._lay_out()

    def defined(self) -> list[tuple[str, int]]:
        """Names and addresses of what others may refer to."""
        return [(name, value) for name, value, section, info in zip(
            self._names, self._values, self._section_indices, self._st_info, strict=True)
            if section and info >> 4 != LOCAL]

    def link(self, resolve: Callable[[str], int]) -> None:
        """Make it executable."""
        self._bind(resolve)
        for section in self._sections:
            if section.kind == RELOCATIONS and self._sections[section.info].flags & ALLOCATED:
                self._relocate(section)
        _make_executable(self._base, self._writable)
        del self._code, self._sections, self._names  # the memory is what matters
        del self._values, self._callable, self._load_addresses, self._section_indices, self._st_info

    def _bytes(self, section: Section) -> bytes:
        return self._code[section.offset : section.offset + section.size]

    def _read_symbols(self) -> None:
        (table,) = (s for s in self._sections if s.kind == SYMBOLS)
        strings = self._bytes(self._sections[table.link])
        rows = list(SYMBOL.iter_unpack(self._bytes(table)))
        self._names = [strings[row[0] : strings.index(b"\0", row[0])].decode() for row in rows]
        self._st_info, self._section_indices = [row[1] for row in rows], [row[3] for row in rows]
        self._values = [row[4] for row in rows]

    def _lay_out(self) -> None:
        """Copy what is to be in memory, with room for stubs and for a table of addresses; what
        may be written to has pages of its own, at the end."""
        allocated = [n for n, s in enumerate(self._sections) if s.flags & ALLOCATED and s.size]
        writable = [n for n in allocated if self._sections[n].flags & WRITABLE]
        places, end = self._places(0, [n for n in allocated if n not in writable])
        self._stubs = -(-end // 16) * 16
        self._got = self._stubs + JUMP_BYTES * self._section_indices.count(0)
        self._writable = -(-(self._got + 8 * len(self._names)) // mmap.PAGESIZE) * mmap.PAGESIZE
        more, end = self._places(self._writable, writable)
        places |= more
        self._memory = mmap.mmap(-1, max(end, 1))
        anchor = ctypes.c_char.from_buffer(self._memory)
        self._base = ctypes.addressof(anchor)
        del anchor
        self._load_addresses = {number: self._base + start for number, start in places.items()}
        for number, start in places.items():
            section = self._sections[number]
            if section.kind != NO_BITS:
                self._memory[start : start + section.size] = self._bytes(section)
        for k, home in enumerate(self._section_indices):
            if 0 < home < RESERVED:
                self._values[k] += self._load_addresses.get(home, 0)
            elif home not in (0, ABSOLUTE):
                raise Unsupported("common symbols")

    def _places(self, place: int, numbers: list[int]) -> tuple[dict[int, int], int]:
        """Where sections begin that follow each other from a place, and where the last one ends."""
        places: dict[int, int] = {}
        for number in numbers:
            section = self._sections[number]
            alignment = max(section.alignment, 1)
            places[number] = place = -(-place // alignment) * alignment
            place += section.size
        return places, place

    def _bind(self, resolve: Callable[[str], int]) -> None:
        """Addresses of all symbols, of the entries of the table, and of stubs for functions far
        away: a call reaches no farther than 2 GiB."""
        self._callable = list(self._values)
        stub = self._stubs
        for k, home in enumerate(self._section_indices):
            if not home and self._names[k]:
                self._values[k] = resolve(self._names[k])
                self._callable[k] = self._base + stub
                jump = HERE.jump + self._values[k].to_bytes(8, "little")  # type: ignore[union-attr]
                self._memory[stub : stub + len(jump)] = jump
                stub += JUMP_BYTES
        count = len(self._values)
        self._memory[self._got : self._got + 8 * count] = struct.pack(f"<{count}Q", *self._values)

    def _relocate(self, section: Section) -> None:
        table = np.frombuffer(self._code, RELOCATION, section.size // RELOCATION.itemsize,
                              section.offset)
        kinds, symbols, addends = table["kind"], table["symbol"], table["addend"]
        places = self._load_addresses[section.info] + table["offset"].astype(np.int64)
        entries = range(self._base + self._got, self._base + self._got + 8 * len(self._values), 8)
        for kind in set(kinds.tolist()):
            how = HERE.kinds.get(kind)  # type: ignore[union-attr]
            if how is None:
                raise Unsupported(f"relocations of kind {kind}")
            targets = np.asarray((self._values, self._callable, entries)[how.target], np.int64)
            here = kinds == kind
            apply(how, np.frombuffer(self._memory, np.uint8), self._base, places[here],
                  targets[symbols[here]] + addends[here])


def _make_executable(address: int, nbytes: int) -> None:
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if protect(address, nbytes, mmap.PROT_READ | mmap.PROT_EXEC):
        raise Unsupported(f"mprotect failed with error {ctypes.get_errno()}")
    renew_instructions(address, nbytes)


def available() -> bool:
    """Whether this platform's object files are of the kind that is understood here."""
    return PORTABLE is None and HERE is not None
