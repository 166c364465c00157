"""Extern calls: how C and Fortran routines get their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot.backends.llvm import blas
from ingot.backends.llvm.scalar import literal, llvm_type, quoted
from ingot.kernel import ir


def call(emitter: Any, node: ir.ExternCall) -> None:
    """Call a routine; BLAS by one thread where more do not pay."""
    given = [_argument(emitter, a) for a in node.args]
    types = ["i64" if a[0] == "size" else "ptr" for a in node.args]
    if node.dimensions:
        pointers, sizes = ([g for g, t in zip(given, types, strict=True) if t == kind]
                           for kind in ("ptr", "i64"))
        given = [emitter.table("ptr", pointers[:-1]), emitter.table("i64", sizes[:node.dimensions]),
                 emitter.table("i64", sizes[node.dimensions:]), pointers[-1]]
        types = ["ptr"] * 4
    emitter.declare(node.symbol, f"declare void @{quoted(node.symbol)}({', '.join(types)})")
    values = ", ".join(f"{t} {g}" for t, g in zip(types, given, strict=True))
    call = f"call void @{quoted(node.symbol)}({values})"
    if blas.is_routine(node) and emitter.own is None and blas.SMALL <= node.work < blas.LARGE:
        before = blas.enter(emitter)
        emitter.do(call)
        blas.leave(emitter, before)
    else:
        emitter.do(call)


def _argument(emitter: Any, arg: Any) -> str:
    """A pointer to the argument, as Fortran wants it, or a size."""
    if arg[0] == "pointer":
        return emitter.address_of_item(arg[1], arg[2], arg[1].dtype)
    if arg[0] == "size":
        return emitter.name(arg[1])
    kind, value = {
        "int": lambda: ("i32", _short(emitter, arg[1])),
        "char": lambda: ("i8", str(ord(arg[1]))),
        "float": lambda: _number(arg[1]),
    }[arg[0]]()
    slot = emitter.fresh("slot")
    emitter.head.append(f"  {slot} = alloca {kind}")
    for k, part in enumerate(value if isinstance(value, list) else [value]):
        place = slot
        if k:
            place = emitter.new(f"getelementptr {kind[5:-1]}, ptr {slot}, i64 {k}")
        inner = kind[5:-1] if kind.startswith("[") else kind
        emitter.do(f"store {inner} {part}, ptr {place}")
    return slot


def _short(emitter: Any, i: Any) -> str:
    """An index as an i32."""
    return str(i) if isinstance(i, int) else emitter.new(f"trunc i64 {emitter.name(i)} to i32")


def _number(value: np.generic) -> tuple[str, Any]:
    dtype = value.dtype
    if dtype.kind != "c":
        return llvm_type(dtype), literal(value, dtype)
    part = np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)
    parts = [literal(complex(value).real, part), literal(complex(value).imag, part)]
    return f"[2 x {llvm_type(part)}]", parts
