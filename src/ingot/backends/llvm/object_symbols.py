"""Which functions object files call and do not define: ELF and Mach-O, of 64 bits."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

ELF_SYMBOL, ELF_SYMBOLS = struct.Struct("<IBBHQQ"), 2
MACHO, MACHO_SYMBOL, MACHO_SYMBOLS = 0xFEEDFACF, struct.Struct("<IBBHQ"), 2
MACHO_EXTERNAL, MACHO_KIND = 0x01, 0x0E


def undefined(parts: Sequence[bytes]) -> list[str] | None:
    """The names, as C spells them, of what none of some files defines; None if they are of another
    kind."""
    needed: dict[str, None] = {}
    defined: set[str] = set()
    for code in parts:
        if code[:5] == b"\x7fELF\x02":
            symbols = _of_elf(code)
        elif code[:4] == MACHO.to_bytes(4, "little"):
            symbols = _of_macho(code)
        else:
            return None
        for name, here in symbols:
            if here:
                defined.add(name)
            else:
                needed[name] = None
    return [name for name in needed if name not in defined]


def _text(code: bytes, start: int) -> str:
    return code[start : code.index(b"\0", start)].decode()


def _of_elf(code: bytes) -> Iterator[tuple[str, bool]]:
    """Names, and whether they are defined."""
    table, = struct.unpack_from("<Q", code, 40)
    count, = struct.unpack_from("<H", code, 60)
    rows = [struct.unpack_from("<IIQQQQIIQQ", code, table + 64 * k) for k in range(count)]
    for row in rows:
        if row[1] == ELF_SYMBOLS:
            strings = rows[row[6]][4]
            for place in range(row[4], row[4] + row[5], ELF_SYMBOL.size):
                name, _, _, section, _, _ = ELF_SYMBOL.unpack_from(code, place)
                if name:
                    yield _text(code, strings + name), section != 0


def _of_macho(code: bytes) -> Iterator[tuple[str, bool]]:
    count, = struct.unpack_from("<I", code, 16)
    place = 32
    for _ in range(count):
        kind, size = struct.unpack_from("<II", code, place)
        if kind == MACHO_SYMBOLS:
            first, number, strings, _ = struct.unpack_from("<IIII", code, place + 8)
            for k in range(number):
                row = MACHO_SYMBOL.unpack_from(code, first + k * MACHO_SYMBOL.size)
                if row[1] & MACHO_EXTERNAL:
                    name = _text(code, strings + row[0]).removeprefix("_")
                    yield name, row[1] & MACHO_KIND != 0
        place += size
