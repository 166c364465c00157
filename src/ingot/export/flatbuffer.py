"""FlatBuffers, as much as artifacts need: tables of numbers, texts, vectors and other tables.

A table type is a list of (name, kind), in the order of the fields' numbers. Kinds: a scalar by its
code ("u2"), `STRING`, `Vector(kind)`, or another table type by its name. Values are dictionaries.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

STRING = "string"
SCALARS = {"u1": "<B", "i1": "<b", "u2": "<H", "i2": "<h", "u4": "<I"}
MAX_TABLES, MAX_DEPTH = 1_000_000, 256


class Vector(NamedTuple):
    """A field that holds several values of one kind."""

    of: str


Schema = dict[str, Sequence[tuple[str, "str | Vector"]]]


def _width(kind: str | Vector) -> int:
    """The bytes of a field of a table: of a scalar, or of the offset of anything else."""
    code = SCALARS.get(kind) if isinstance(kind, str) else None
    return 4 if code is None else struct.calcsize(code)


# ---- writing -------------------------------------------------------------------------------------
class _Writer:
    """Appends tables to a buffer, each before what it refers to: offsets point forwards."""

    def __init__(self, schema: Schema):
        self._schema, self.data = schema, bytearray(4)

    def _align(self, size: int) -> None:
        self.data.extend(bytes(-len(self.data) % size))

    def _point(self, where: int) -> None:
        """Let the offset at a place refer to what is appended next."""
        struct.pack_into("<I", self.data, where, len(self.data) - where)

    def table(self, kind: str, values: dict[str, Any], where: int) -> None:
        """Append a table, to which the offset at a place refers."""
        fields, offsets, size = self._schema[kind], [], 4
        present = [values.get(name) is not None for name, _ in fields]
        for (_, of), here in zip(fields, present, strict=True):
            width = _width(of)
            if here:
                size += -size % width
                offsets.append(size)
                size += width
            else:
                offsets.append(0)
        self._align(2)
        vtable = len(self.data)
        self.data += struct.pack(f"<HH{len(offsets)}H", 4 + 2 * len(offsets), size, *offsets)
        self._align(4)
        start = len(self.data)
        self._point(where)
        self.data += struct.pack("<i", start - vtable) + bytes(size - 4)
        for (name, of), offset, here in zip(fields, offsets, present, strict=True):
            if here:
                self._field(of, values[name], start + offset)

    def _field(self, of: str | Vector, value: Any, where: int) -> None:
        if isinstance(of, Vector):
            self._vector(of.of, value, where)
        elif of in SCALARS:
            struct.pack_into(SCALARS[of], self.data, where, int(value))
        elif of == STRING:
            self._string(value, where)
        else:
            self.table(of, value, where)

    def _string(self, value: str, where: int) -> None:
        text = value.encode()
        self._align(4)
        self._point(where)
        self.data += struct.pack("<I", len(text)) + text + b"\0"

    def _vector(self, of: str, values: Sequence[Any], where: int) -> None:
        self._align(4)
        self._point(where)
        self.data += struct.pack("<I", len(values))
        if isinstance(values, (bytes, bytearray)):
            self.data += values
        elif of in SCALARS:
            self.data += b"".join(struct.pack(SCALARS[of], int(v)) for v in values)
        else:
            first = len(self.data)
            self.data += bytes(4 * len(values))
            for k, value in enumerate(values):
                self._field(of, value, first + 4 * k)


def write(schema: Schema, kind: str, values: dict[str, Any]) -> bytearray:
    """Return a buffer whose root is a table; fields that are None or absent are left out."""
    writer = _Writer(schema)
    writer.table(kind, values, 0)
    return writer.data


# ---- reading -------------------------------------------------------------------------------------
class _Reader:
    """Reads tables; every offset is checked, so that foreign bytes give an error, not nonsense."""

    def __init__(self, schema: Schema, data: bytes):
        self._schema, self._data, self._tables = schema, data, 0

    def unpack(self, code: str, where: int) -> Any:
        """Return the number at a place."""
        try:
            return struct.unpack_from(code, self._data, where)[0]
        except struct.error:
            raise ValueError(f"it ends at byte {len(self._data)}, where more is expected at"
                             f" {where}") from None

    def follow(self, where: int) -> int:
        """Return the place to which the offset at a place refers."""
        offset = self.unpack("<I", where)
        if not 0 < offset < len(self._data) - where:
            raise ValueError(f"the offset {offset} at byte {where} leaves its {len(self._data)}"
                             " bytes")
        return where + offset

    def table(self, kind: str, start: int, depth: int = 0) -> dict[str, Any]:
        """Return the table at a place; absent fields are None."""
        self._tables += 1
        if self._tables > MAX_TABLES or depth > MAX_DEPTH:
            raise ValueError("its tables are nested too deeply")
        vtable = start - self.unpack("<i", start)
        if vtable < 0:
            raise ValueError(f"the table at byte {start} has no description")
        count = (self.unpack("<H", vtable) - 4) // 2
        found: dict[str, Any] = {}
        for k, (name, of) in enumerate(self._schema[kind]):
            offset = self.unpack("<H", vtable + 4 + 2 * k) if k < count else 0
            found[name] = self._field(of, start + offset, depth) if offset else None
        return found

    def _field(self, of: str | Vector, where: int, depth: int) -> Any:
        if isinstance(of, Vector):
            return self._vector(of.of, self.follow(where), depth)
        if of in SCALARS:
            return self.unpack(SCALARS[of], where)
        if of == STRING:
            return self._bytes(self.follow(where), 1).decode()
        return self.table(of, self.follow(where), depth + 1)

    def _bytes(self, where: int, width: int) -> bytes:
        """The elements of a vector at a place."""
        size, first = self.unpack("<I", where) * width, where + 4
        if size > len(self._data) - first:
            raise ValueError(f"the vector at byte {where} leaves its {len(self._data)} bytes")
        return self._data[first:first + size]

    def _vector(self, of: str, where: int, depth: int) -> Any:
        if of in SCALARS:
            data = self._bytes(where, struct.calcsize(SCALARS[of]))
            return data if of in ("u1", "i1") else [
                n for n, in struct.iter_unpack(SCALARS[of], data)]
        count = len(self._bytes(where, 4)) // 4
        return [self._field(of, where + 4 + 4 * k, depth) for k in range(count)]


def read(schema: Schema, kind: str, data: bytes) -> dict[str, Any]:
    """Return the root table of a buffer. Raises ValueError if it is not such a table."""
    reader = _Reader(schema, bytes(data))
    return reader.table(kind, reader.follow(0))
