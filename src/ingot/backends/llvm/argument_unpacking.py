"""Argument unpacking: data pointers of arrays are loaded from tuples, or from tables."""

from __future__ import annotations

import ctypes

from ingot.backends.llvm.native.abi import (
    CARRAY,
    NDARRAY_DATA,
    NDARRAY_FLAGS,
    PORTABLE,
    TUPLE_ITEMS,
)


def data_of_array(table: str, k: int) -> list[str]:
    """Load the data pointer of array k of a tuple; of a table in the portable mode."""
    if PORTABLE is not None:
        return data_of_constant(table, k)
    return [f"  %place.{table}{k} = getelementptr i8, ptr %{table}, i64 {TUPLE_ITEMS + 8 * k}",
            f"  %item.{table}{k} = load ptr, ptr %place.{table}{k}",
            f"  %field.{table}{k} = getelementptr i8, ptr %item.{table}{k}, i64 {NDARRAY_DATA}",
            f"  %data.{table}{k} = load ptr, ptr %field.{table}{k}"]


def data_in(table: int, k: int) -> int:
    """Where array k at the address of such a tuple, or table, has its data."""
    word = ctypes.c_uint64.from_address
    if PORTABLE is not None:
        return word(table + 8 * k).value
    return word(word(table + TUPLE_ITEMS + 8 * k).value + NDARRAY_DATA).value


def data_of_constant(table: str, k: int) -> list[str]:
    """Load pointer k of a table."""
    return [f"  %place.{table}{k} = getelementptr ptr, ptr %{table}, i64 {k}",
            f"  %data.{table}{k} = load ptr, ptr %place.{table}{k}"]


def check_layouts(count: int) -> list[str]:
    """Leave with status 3 unless all arguments are contiguous and aligned; in the portable mode the
    caller has seen to that."""
    if PORTABLE is not None:
        return []
    lines: list[str] = []
    all_set = str(CARRAY)
    for k in range(count):
        lines += [
            f"  %flagged.{k} = getelementptr i8, ptr %item.arguments{k}, i64 {NDARRAY_FLAGS}",
            f"  %flags.{k} = load i32, ptr %flagged.{k}",
            f"  %all.{k} = and i32 %flags.{k}, {all_set}"]
        all_set = f"%all.{k}"
    return [*lines, f"  %fit = icmp eq i32 {all_set}, {CARRAY}",
            "  br i1 %fit, label %go, label %unfit", "unfit:", "  ret i32 3", "go:"]
