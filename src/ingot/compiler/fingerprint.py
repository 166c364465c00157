"""Fingerprints of programs: equal for programs that compile to the same code, in any process.

Names of variables, sources and derivative rules do not count; types, parameters, the wiring and
small constants do. Of large constants only the types count, since code gets them by pointer.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import os
import sys
from types import FunctionType
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import to_array
from ingot.core.jaxpr import DropVar, Eqn, Jaxpr, Literal, Var
from ingot.core.primitive import REGISTRY, Primitive, PythonFallback
from ingot.kernel.schedule import SCHEDULE
from ingot.util import blake2b

FOLDERS = (".", "api", "backends", "backends/llvm", "backends/llvm/functions",
           "backends/llvm/native", "backends/reference", "compiler", "control", "core", "dtypes",
           "kernel", "lax", "nn", "numpy", "numpy/linalg", "primitives", "random", "scipy",
           "scipy/cluster", "scipy/sparse", "transforms")
"""The folders of source files that decide what a traced program becomes."""

FRONTEND_FOLDERS = ("backends/xla", "compat", "example_libraries", "experimental", "export",
                    "extend", "scipy/spatial", "scipy/stats", "tree")
"""Those in which nothing does."""

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class NotFingerprintable(Exception):
    """Something of which equality across processes cannot be told."""


class Fingerprint:
    """A program's digest, and in the order in which they were met, its constants and equations."""

    def __init__(self, jaxpr: Jaxpr):
        self.constants: list[np.ndarray] = []
        self.eqns: list[Eqn] = []
        self._constant_number: dict[int, int] = {}
        self._program_number: dict[int, int] = {}
        self._types: dict[ShapedArray, str] = {}
        self._kept: list[Any] = []  # ids stay unique while their objects live
        self._parts: list[str] = []
        self._program(jaxpr)
        self.digest = _digest("\n".join(self._parts).encode())

    def _program(self, jaxpr: Jaxpr) -> None:
        number = self._program_number.get(id(jaxpr))
        if number is not None:
            self._parts.append(f"program {number}")
            return
        self._program_number[id(jaxpr)] = len(self._program_number)
        self._kept.append(jaxpr)
        names: dict[Any, int] = {}
        for var, const in zip(jaxpr.constvars, jaxpr.consts, strict=True):
            names[var] = len(names)
            self._parts.append(f"{self._type(var.aval)}={self._constant(const)}")
        for var in jaxpr.invars:
            names[var] = len(names)
            self._parts.append(self._type(var.aval))
        for eqn in jaxpr.eqns:
            self._equation(eqn, names)
        self._parts.append("in " + " ".join([self._atom(a, names) for a in jaxpr.outvars]))

    def _equation(self, eqn: Eqn, names: dict[Any, int]) -> None:
        primitive = eqn.primitive
        self.eqns.append(eqn)
        head = [primitive.name, *[self._atom(a, names) for a in eqn.invars], "->"]
        for var in eqn.outvars:
            head.append(self._type(var.aval))
            if type(var) is not DropVar:
                names[var] = len(names)
            else:
                head.append("_")
        self._parts.append(" ".join(head))
        if isinstance(primitive.kernel, PythonFallback) or not known(primitive):
            self._foreign(eqn)
            return
        for name, value in eqn.params.items():
            self._parts.append(name)
            if not (primitive.higher_order and callable(value) and not isinstance(value, Jaxpr)):
                self._value(value)

    def _foreign(self, eqn: Eqn) -> None:
        """An equation that is more than ingot's code for its parameters."""
        if not isinstance(eqn.primitive.kernel, PythonFallback):  # which code calls by number
            raise NotFingerprintable(eqn.primitive.name)

    def _atom(self, atom: Var | Literal, names: dict[Any, int]) -> str:
        if type(atom) is Literal:
            return f"{fetch(atom.val).tobytes().hex()}:{self._type(atom.aval)}"
        return f"%{names[atom]}"

    def _type(self, aval: ShapedArray) -> str:
        text = self._types.get(aval)
        if text is None:
            text = self._types[aval] = f"{aval.dtype}{aval.shape}{'w' if aval.weak_type else ''}"
        return text

    def _constant(self, value: Any) -> str:
        """A number for each object, with its contents where the code may depend on them."""
        if type(value) is not Array:
            array = to_array(value)
            if type(array) is not Array:
                raise NotFingerprintable("a tracer")
            return constant_key(fetch(array), always=True)
        array = value
        number = self._constant_number.get(id(array))
        if number is None:
            number = self._constant_number[id(array)] = len(self.constants)
            self._kept.append(array)
            self.constants.append(fetch(array))
        return f"constant {number} {constant_key(fetch(array))}"

    def number_of(self, array: Array | None) -> int | None:
        """The place of an array in `constants`, if it is one of the program's own."""
        return None if array is None else self._constant_number.get(id(array))

    def _value(self, value: Any) -> None:
        kind = type(value)
        if kind in _PLAIN:
            self._parts.append(f"{kind.__name__} {value!r}")
        elif isinstance(value, Jaxpr):
            self._program(value)
        elif isinstance(value, (tuple, list)):
            self._parts.append(f"{kind.__name__} {len(value)}")
            for item in value:
                self._value(item)
        elif isinstance(value, dict):
            self._value(tuple(value.items()))
        elif isinstance(value, (np.dtype, dtypes.KeyDType, enum.Enum, type)):
            self._parts.append(repr(value))
        elif isinstance(value, ShapedArray):
            self._parts.append(self._type(value))
        elif isinstance(value, Primitive) and known(value):
            self._parts.append(value.name)
        elif isinstance(value, (np.ndarray, np.generic)):
            self._parts.append(constant_key(np.asarray(value), always=True))
        elif isinstance(value, frozenset):
            self._value(sorted(value, key=repr))
        elif dataclasses.is_dataclass(value):
            self._parts.append(kind.__qualname__)
            for field in dataclasses.fields(value):
                self._value(getattr(value, field.name))
        else:
            raise NotFingerprintable(kind.__name__)


_PLAIN = frozenset([type(None), bool, int, float, complex, str, bytes, type(...), slice, range])


def constant_key(data: np.ndarray, always: bool = False) -> str:
    """What code may depend on: the type, and the elements of what is small or all the same."""
    uniform = not any(data.strides[a] for a, n in enumerate(data.shape) if n > 1)
    text = f"{data.dtype} {data.shape}"
    if always or uniform or data.size <= SCHEDULE.max_scalars:
        elements = data[(slice(1),) * data.ndim] if uniform and not always else data
        text += _digest(elements.tobytes())
    return text


@functools.cache
def known(primitive: Primitive) -> bool:
    """Whether the `kernel` rule is all ingot's own code, which the key of an entry stands for."""
    return REGISTRY.get(primitive.name) is primitive and _is_ours(primitive.kernel)


def _is_ours(rule: Any) -> bool:
    if isinstance(rule, functools.partial):
        return _is_ours(rule.func)
    if not isinstance(rule, FunctionType):
        return not callable(rule)
    inner = [cell.cell_contents for cell in rule.__closure__ or ()]
    return rule.__code__.co_filename.startswith(PACKAGE + os.sep) and all(
        _is_ours(value) for value in inner if callable(value) and not isinstance(value, type))


@functools.cache
def source_digest() -> str:
    """A digest of what tells of changes in ingot's source files.

    Python writes bytecode anew for a file that changed when it imports that, and the folder of the
    bytecode gets a new time. Where it does not, the times and sizes of all files are looked at,
    which takes a millisecond.
    """
    marks = None
    if not sys.dont_write_bytecode and sys.pycache_prefix is None:
        marks = _bytecode_marks()
    return _digest("\n".join(_file_marks() if marks is None else marks).encode())


def _bytecode_marks() -> list[str] | None:
    """The times of the folders of bytecode; None unless Python can write to all of them."""
    marks = []
    for folder in FOLDERS:
        place = f"{PACKAGE}/{folder}/__pycache__"
        try:
            marks.append(f"{folder} {os.stat(place).st_mtime_ns}")
        except OSError:  # nothing of it was imported yet
            place = f"{PACKAGE}/{folder}"
        if not os.access(place, os.W_OK):
            return None
    return marks


def _file_marks() -> list[str]:
    """The sizes and times of the source files."""
    found: list[str] = []
    for folder in FOLDERS:
        place = f"{PACKAGE}/{folder}"
        for name in os.listdir(place) if os.path.isdir(place) else ():  # not in a zip file
            if name.endswith(".py"):
                status = os.stat(f"{place}/{name}")
                found.append(f"{folder}/{name} {status.st_size} {status.st_mtime_ns}")
    return sorted(found)


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=20).hexdigest()
