"""Where the arrays that a program is given have their data: loads from tuples, from tables."""

from __future__ import annotations

# Where CPython and NumPy keep things (both layouts are part of their binary interfaces).
TUPLE_ITEMS = tuple.__basicsize__
ARRAY_DATA = object.__basicsize__
ARRAY_FLAGS = object.__basicsize__ + 48
CARRAY = 0x101  # C-contiguous and aligned


def data_of_item(table: str, k: int) -> list[str]:
    """Load the data pointer of array k of a tuple."""
    return [f"  %place.{table}{k} = getelementptr i8, ptr %{table}, i64 {TUPLE_ITEMS + 8 * k}",
            f"  %item.{table}{k} = load ptr, ptr %place.{table}{k}",
            f"  %field.{table}{k} = getelementptr i8, ptr %item.{table}{k}, i64 {ARRAY_DATA}",
            f"  %data.{table}{k} = load ptr, ptr %field.{table}{k}"]


def data_of_constant(table: str, k: int) -> list[str]:
    """Load pointer k of a table."""
    return [f"  %place.{table}{k} = getelementptr ptr, ptr %{table}, i64 {k}",
            f"  %data.{table}{k} = load ptr, ptr %place.{table}{k}"]


def check_layouts(count: int) -> list[str]:
    """Leave with status 3 unless all arguments are contiguous and aligned."""
    lines: list[str] = []
    all_set = str(CARRAY)
    for k in range(count):
        lines += [
            f"  %flagged.{k} = getelementptr i8, ptr %item.arguments{k}, i64 {ARRAY_FLAGS}",
            f"  %flags.{k} = load i32, ptr %flagged.{k}",
            f"  %all.{k} = and i32 %flags.{k}, {all_set}"]
        all_set = f"%all.{k}"
    return [*lines, f"  %fit = icmp eq i32 {all_set}, {CARRAY}",
            "  br i1 %fit, label %go, label %unfit", "unfit:", "  ret i32 3", "go:"]
