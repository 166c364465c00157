"""Relocations of object files for x86-64 and AArch64, as LLVM emits them, and calls that reach far.

What each kind means is from the processors' ELF supplements. A relocation writes bytes of data, or
a field of an instruction; many of one kind are applied at once.
"""

from __future__ import annotations

import ctypes
import platform
from dataclasses import dataclass

import numpy as np

VALUES, CALLABLE, ENTRIES = range(3)


class Unsupported(Exception):
    """The object file has something that the loader does not know."""


@dataclass(frozen=True)
class Relocation:
    """What a kind refers to (the symbol, a stub if it is far, its entry in the table of addresses),
    whether that is counted from the place of the relocation, and how it is written."""

    target: int
    relative: bool
    nbytes: int = 0
    """Bytes of data; 0 if it is a field of an instruction of 32 bits."""

    bits: int = 0
    place: int = 0
    """How long the field is, and its lowest bit."""

    shift: int = 0
    """Low bits that the field leaves out, as they are zeros."""

    whole: bool = True
    """Whether all higher bits must be in the field; else it has the low 12 bits of an address."""

    pages: bool = False
    """Whether pages of 4096 bytes are counted."""

    split: bool = False
    """Whether the lowest two bits stand apart, in front, as `adr` and `adrp` have them."""


def _data(target: int, relative: bool, nbytes: int, *kinds: int) -> dict[int, Relocation]:
    return dict.fromkeys(kinds, Relocation(target, relative, nbytes))


def _jump(bits: int, place: int, *kinds: int) -> dict[int, Relocation]:
    """A branch, or a load, counted in words from its place."""
    return dict.fromkeys(kinds, Relocation(CALLABLE, True, 0, bits, place, 2))


def _low(target: int, shift: int, *kinds: int) -> dict[int, Relocation]:
    """The low 12 bits of an address, in units of what is loaded or stored."""
    return dict.fromkeys(
        kinds, Relocation(target, False, 0, 12 - shift, 10, shift, whole=False))


def _page(target: int, pages: bool, *kinds: int) -> dict[int, Relocation]:
    return dict.fromkeys(kinds, Relocation(target, True, 0, 21, 5, pages=pages, split=True))


X86 = {**_data(VALUES, False, 8, 1),  # 64
       **_data(VALUES, True, 8, 24),  # PC64
       **_data(VALUES, True, 4, 2),  # PC32
       **_data(CALLABLE, True, 4, 4),  # PLT32
       **_data(ENTRIES, True, 4, 9, 41, 42)}  # GOTPCREL in three forms

ARM = {**_data(VALUES, False, 8, 257),  # ABS64
       **_data(VALUES, True, 8, 260), **_data(VALUES, True, 4, 261),  # PREL64, PREL32
       **_data(CALLABLE, True, 4, 314),  # PLT32
       **_jump(26, 0, 282, 283),  # JUMP26, CALL26
       **_jump(19, 5, 280, 273),  # CONDBR19, LD_PREL_LO19
       **_jump(14, 5, 279),  # TSTBR14
       **_page(VALUES, False, 274), **_page(VALUES, True, 275),  # ADR_PREL_LO21, ADR_PREL_PG_HI21
       **_page(ENTRIES, True, 311),  # ADR_GOT_PAGE
       **_low(ENTRIES, 3, 312),  # LD64_GOT_LO12_NC
       **_low(VALUES, 0, 277, 278),  # ADD_ABS_LO12_NC, LDST8_ABS_LO12_NC; then for longer items
       **_low(VALUES, 1, 284), **_low(VALUES, 2, 285), **_low(VALUES, 3, 286),
       **_low(VALUES, 4, 299)}


@dataclass(frozen=True)
class Machine:
    """What the loader has to know of a processor: its number in object files, what it relocates,
    and the code that jumps to the address which follows it."""

    number: int
    kinds: dict[int, Relocation]
    jump: bytes


MACHINES = {
    "x86_64": Machine(62, X86, b"\xff\x25\x00\x00\x00\x00"),  # jmp *0(%rip)
    "aarch64": Machine(183, ARM, b"\x50\x00\x00\x58\x00\x02\x1f\xd6")}  # ldr x16, 8; br x16

HERE = MACHINES.get(platform.machine())

JUMP_BYTES = 16
"""Bytes of such a jump, with the address."""


def apply(how: Relocation, memory: np.ndarray, base: int, places: np.ndarray, values: np.ndarray
          ) -> None:
    """Write values (addresses with their addends) at places in memory that begins at `base`;
    Unsupported if one does not fit."""
    if how.pages:
        values, counted = values >> 12, places >> 12
    else:
        counted = places
    if how.relative:
        values = values - counted
    bits = 8 * how.nbytes or how.bits
    if not how.whole:
        values = values & 4095
    if np.any(values & (1 << how.shift) - 1):
        raise Unsupported("a relocation to a place between those that can be reached")
    values = values >> how.shift
    if how.whole and bits < 64 and np.any(values << 64 - bits >> 64 - bits != values):
        raise Unsupported("a relocation out of range")
    offsets = (places - base)[:, None] + np.arange(how.nbytes or 4)
    if how.nbytes:
        memory[offsets] = values.astype("<i8").view(np.uint8).reshape(-1, 8)[:, : how.nbytes]
        return
    words = memory[offsets].view("<u4")[:, 0].astype(np.int64)
    for low, count, place in _parts(how):
        mask = (1 << count) - 1
        words = words & ~(mask << place) | (values >> low & mask) << place
    memory[offsets] = words.astype("<u4").view(np.uint8).reshape(-1, 4)


def _parts(how: Relocation) -> list[tuple[int, int, int]]:
    """The pieces of a field: from which bit of the value on, how many, and where they go."""
    if how.split:
        return [(0, 2, 29), (2, how.bits - 2, how.place)]
    return [(0, how.bits, how.place)]


def renew_instructions(address: int, nbytes: int) -> None:
    """Let all processors see new code: those of ARM keep instructions apart from data."""
    if HERE is not MACHINES["aarch64"]:
        return
    try:
        clear = getattr(ctypes.CDLL("libgcc_s.so.1"), "__clear_cache")  # noqa: B009
    except (OSError, AttributeError) as error:
        raise Unsupported("no function to renew the instructions of this processor") from error
    clear.restype, clear.argtypes = None, [ctypes.c_void_p, ctypes.c_void_p]
    clear(address, address + nbytes)
