"""Dtypes of values, weak types, and the lattice by which mixed dtypes are promoted."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ingot.config import config
from ingot.dtypes.types import (
    CANONICAL,
    COMPLEX,
    FLOAT,
    INT,
    SMALL_FLOATS,
    SMALL_INTS,
    DType,
    KeyDType,
    as_user_dtype,
    bool_,
    canonicalize_dtype,
    complex128,
    default_float,
    default_like,
    float64,
    iinfo,
    int64,
    kind,
    short_name,
    supported,
)
from ingot.errors import TypePromotionError
from ingot.util import memoize

# ---- dtypes of values ----

_SCALAR_KINDS: dict[Any, np.dtype[Any]] = {
    bool: bool_, int: int64, float: float64, complex: complex128,
}  # fmt: skip
_PYTHON_TYPES = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


def is_python_scalar(x: Any) -> bool:
    """Whether the value is exactly a Python bool, int, float or complex."""
    return type(x) in _SCALAR_KINDS


def dtype_of(x: Any) -> DType:
    """The dtype that a value has as an array, or that a dtype-like stands for.

    Values of other libraries and Python scalars get their canonical dtype; ours keep theirs.
    Raises TypeError for what is no array, scalar nor dtype.
    >>> dtype_of(1.5), dtype_of(np.zeros(3, "int8"))
    (dtype('float64'), dtype('int8'))
    """
    scalar = _SCALAR_KINDS.get(type(x))
    if scalar is not None:
        return CANONICAL[config.enable_x64][scalar]
    if isinstance(x, KeyDType | np.dtype | type | str):
        stands_for = getattr(x, "dtype", None)  # of `ingot.numpy.float64`: asks for no 64 bits
        return as_user_dtype(x) if not isinstance(stands_for, np.dtype) else canonicalize_dtype(
            stands_for)
    aval = getattr(x, "aval", x)
    dtype = getattr(aval, "dtype", None)
    if hasattr(aval, "weak_type"):
        return aval.dtype
    if isinstance(dtype, np.dtype | KeyDType):
        return canonicalize_dtype(dtype)
    for scalar_type in (bool, int, float, complex):
        if isinstance(x, scalar_type):
            return canonicalize_dtype(scalar_type)
    raise TypeError(f"dtype_of: {type(x).__name__} is not an array, a number or a dtype: {x!r}")


def is_weak(x: Any) -> bool:
    """Whether a value, aval or scalar type gives way to other dtypes in promotion."""
    if type(x) in _SCALAR_KINDS:
        return type(x) is not bool
    if isinstance(x, type):
        return x is int or x is float or x is complex
    return bool(getattr(getattr(x, "aval", x), "weak_type", False))


def scalar_type_of(x: Any) -> type:
    """The Python scalar type of the kind of a value or dtype: bool, int, float or complex."""
    dtype = dtype_of(x)
    if kind(dtype) not in _PYTHON_TYPES:
        raise TypeError(f"scalar_type_of: {short_name(dtype)} has no Python scalars")
    return _PYTHON_TYPES[kind(dtype)]


def coerce_python_scalar(value: Any, dtype: np.dtype[Any] | None = None) -> np.ndarray[Any, Any]:
    """A Python scalar as a 0-d array, of its default dtype if none is given.

    Raises OverflowError for an int that the dtype cannot hold, TypeError for complex to real,
    ValueError for nan to an integer.
    >>> coerce_python_scalar(300, np.dtype("int8"))
    Traceback (most recent call last):
    OverflowError: Python int 300 is out of bounds for i8, which holds -128 to 127
    """
    if dtype is None:
        dtype = CANONICAL[config.enable_x64][_SCALAR_KINDS[scalar_type_of(value)]]
    into = kind(dtype)
    if isinstance(value, complex):
        if into in "bc":
            return np.asarray(value, dtype)
        raise TypeError(f"cannot convert the complex number {value} to {short_name(dtype)}; "
                        "take its real part first")
    if into in "iu" and (isinstance(value, int) or math.isfinite(value)):
        value = int(value)
        limits = iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise OverflowError(f"Python int {value} is out of bounds for {short_name(dtype)}, "
                                f"which holds {limits.min} to {limits.max}")
    elif into == "f":
        value = float(value)
    with np.errstate(over="ignore"):
        return np.asarray(value, dtype)


# ---- promotion ----
# Each line is a chain in which every type can become the next. int, float and complex are the
# weak types. Small integers and floats hang off the weak type of their kind and lead nowhere.

_CHAINS = """
bool int
int uint8 uint16 uint32 uint64 float
int int8 int16 int32 int64 float
uint8 int16
uint16 int32
float bfloat16 float32
float float16 float32 float64 complex128
float complex complex64 complex128
float32 complex64
"""
_RANKS = {"i": 0, "u": 0, "f": 1, "c": 2}
_WEAK = {"int": int, "float": float, "complex": complex}


def _chains(x64: bool, strict: bool) -> Iterable[Sequence[str]]:
    if strict:
        groups = {"int": INT, "float": FLOAT, "complex": COMPLEX}
        leaves = [[weak, d.name] for weak, group in groups.items() for d in group]
        return [["int", "float", "complex"], ["bool"], *leaves]
    # With 64-bit types off, nothing of 32 bits may lead to them.
    mixed = ["uint32", "int64" if x64 else "int32"]
    leaves = [["int", d.name] for d in SMALL_INTS] + [["float", d.name] for d in SMALL_FLOATS]
    return [mixed, *leaves, *(line.split() for line in _CHAINS.strip().splitlines())]


@functools.cache
def _lattice(x64: bool, strict: bool) -> tuple[dict[Any, int], dict[int, Any]]:
    """Each type to the set of types it can become, as bits; and these sets back to the types.

    Types have a least upper bound exactly if the intersection of their sets is a type's set.
    """
    chains = list(_chains(x64, strict))
    nexts: dict[str, set[str]] = {name: set() for chain in chains for name in chain}
    for chain in chains:
        for low, high in zip(chain, chain[1:], strict=False):
            nexts[low].add(high)
    bit = {name: 1 << i for i, name in enumerate(nexts)}

    @functools.cache
    def reach(name: str) -> int:
        return functools.reduce(operator.or_, map(reach, nexts[name]), bit[name])

    masks = {_WEAK.get(name) or np.dtype(name): reach(name) for name in nexts}
    return masks, {mask: node for node, mask in masks.items()}


def _join(nodes: Sequence[Any], x64: bool, strict: bool) -> Any:
    """Least upper bound of dtypes and weak types."""
    masks, types = _lattice(x64, strict)
    common = functools.reduce(operator.and_, (masks.get(node, 0) for node in nodes))
    if common in types:
        return types[common]
    names = ", ".join(n.__name__ if isinstance(n, type) else short_name(n) for n in nodes)
    if any(node not in masks for node in nodes):
        raise TypeError(f"promotion: no arithmetic on {names}: float0 and PRNG keys take no part in"
                        " it; draw numbers from a key with random.bits, or see its bits with"
                        " random.key_data")
    if strict:
        why = "numpy_dtype_promotion is 'strict'"
    else:
        why = "floats and integers below 8 bits, and 8-bit floats, are not promoted implicitly"
    raise TypePromotionError(f"promotion: no common dtype for {names}, because {why}; "
                             "convert one of them first, as in x.astype('float32')")


def promote_types(a: Any, b: Any) -> np.dtype[Any]:
    """The dtype that two dtypes, or Python scalar types (weak), promote to.

    Raises TypePromotionError if there is none.
    >>> promote_types("int32", "float16"), promote_types("int8", int)
    (dtype('float16'), dtype('int8'))
    """
    nodes = [_as_node(x) for x in (a, b)]
    return np.dtype(_join(nodes, config.enable_x64, config.numpy_dtype_promotion == "strict"))


def at_least(dtype: Any, least: Any) -> np.dtype[Any]:
    """What two dtypes promote to by the standard rules, also where users' promotion is strict.

    >>> at_least("bfloat16", "float32"), at_least("complex128", "float32")
    (dtype('float32'), dtype('complex128'))
    """
    return np.dtype(_join([_as_node(x) for x in (dtype, least)], config.enable_x64, False))


def _as_node(dtype: Any) -> Any:
    # By identity: np.dtype("int64") == int.
    if isinstance(dtype, KeyDType) or any(dtype is weak for weak in _WEAK.values()):
        return dtype
    return supported(dtype, "promote_types")


def lattice_promote(dtypes: Sequence[DType], weak: Sequence[bool]) -> tuple[DType, bool]:
    """The dtype and weakness that values of these dtypes and weaknesses promote to.

    Raises TypePromotionError if there is none, ValueError for no dtypes.
    >>> lattice_promote([np.dtype("int32"), float64], [False, True])
    (dtype('float64'), True)
    """
    dtypes, weak = tuple(dtypes), tuple(weak)
    if not dtypes:
        raise ValueError("promotion: at least one array or dtype is needed, got none")
    first = dtypes[0]
    if dtypes.count(first) == len(dtypes) and not all(weak):
        return first, False
    firm = {d for d, w in zip(dtypes, weak, strict=True) if not w}
    if len(firm) == 1:  # what most programs ask, without the lattice, which takes time to make
        (only,) = firm
        if all(_RANKS.get(kind(d), 3) <= _RANKS.get(kind(only), -1)
               for d, w in zip(dtypes, weak, strict=True) if w):
            return only, False
    return _promote(dtypes, weak, config.enable_x64, config.numpy_dtype_promotion == "strict")


@memoize()
def _promote(
    dtypes: tuple[DType, ...], weak: tuple[bool, ...], x64: bool, strict: bool
) -> tuple[DType, bool]:
    if len(dtypes) == 1:
        return dtypes[0], weak[0] and dtypes[0] != bool_
    all_weak = all(weak)
    if all_weak and not strict:
        # A weak type may have any width, so the widths decide.
        node = _join(dtypes, x64, strict)
    else:
        pairs = zip(dtypes, weak, strict=True)
        node = _join([_weak_node(d) if w else d for d, w in pairs], x64, strict)
        all_weak = isinstance(node, type)
    dtype = CANONICAL[x64][np.dtype(node)]
    return dtype, all_weak and dtype != bool_


def _weak_node(dtype: DType) -> Any:
    return dtype if kind(dtype) not in "iufc" else _PYTHON_TYPES[kind(dtype)]


def result_type(*args: Any, return_weak_type_flag: bool = False) -> Any:
    """The dtype of an operation on these values, dtypes, avals or (dtype, weak) pairs.

    None stands for the default float. With `return_weak_type_flag`, a pair (dtype, weak).
    >>> result_type(np.zeros(2, "int16"), 3), result_type("int8", float)
    (dtype('int16'), dtype('float64'))
    """
    pairs = [_dtype_and_weak(x) for x in args]
    dtype, weak = lattice_promote([d for d, _ in pairs], [w for _, w in pairs])
    dtype = default_like(dtype) if weak else dtype
    return (dtype, weak) if return_weak_type_flag else dtype


def _dtype_and_weak(x: Any) -> tuple[DType, bool]:
    if x is None:
        return default_float(), False
    if isinstance(x, tuple) and len(x) == 2 and isinstance(x[1], bool):
        return canonicalize_dtype(x[0]), x[1]
    return dtype_of(x), is_weak(x)


def safe_to_cast(source: Any, target: DType) -> bool:
    """Whether promotion of a value or dtype with `target` gives `target`."""
    return dtype_of(source) == target or result_type(source, target) == target
