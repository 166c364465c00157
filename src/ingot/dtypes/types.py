"""The dtypes that exist, their kinds, names and groups, and the 64-bit switch.

A dtype is a `np.dtype`, or a `KeyDType` for arrays of PRNG keys. bfloat16, the small floats and
the small integers come from ml_dtypes; NumPy does not know of what kind they are, so kinds are
asked of `kind` and `issubdtype` here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np

from ingot.config import config
from ingot.util import memoize, warn

finfo = ml_dtypes.finfo
iinfo = ml_dtypes.iinfo

# ---- the dtypes ----

bool_ = np.dtype(bool)
int2, int4 = np.dtype(ml_dtypes.int2), np.dtype(ml_dtypes.int4)
uint2, uint4 = np.dtype(ml_dtypes.uint2), np.dtype(ml_dtypes.uint4)
int8, int16, int32, int64 = (np.dtype(f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
float4_e2m1fn = np.dtype(ml_dtypes.float4_e2m1fn)
float6_e2m3fn = np.dtype(ml_dtypes.float6_e2m3fn)
float6_e3m2fn = np.dtype(ml_dtypes.float6_e3m2fn)
float8_e3m4 = np.dtype(ml_dtypes.float8_e3m4)
float8_e4m3 = np.dtype(ml_dtypes.float8_e4m3)
float8_e4m3b11fnuz = np.dtype(ml_dtypes.float8_e4m3b11fnuz)
float8_e4m3fn = np.dtype(ml_dtypes.float8_e4m3fn)
float8_e4m3fnuz = np.dtype(ml_dtypes.float8_e4m3fnuz)
float8_e5m2 = np.dtype(ml_dtypes.float8_e5m2)
float8_e5m2fnuz = np.dtype(ml_dtypes.float8_e5m2fnuz)
float8_e8m0fnu = np.dtype(ml_dtypes.float8_e8m0fnu)
bfloat16 = np.dtype(ml_dtypes.bfloat16)
float16, float32, float64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")
float0 = np.dtype([("float0", np.void, 0)])

# One-bit integers exist from ml_dtypes 0.6 on.
_ONE_BIT = [np.dtype(getattr(ml_dtypes, n)) for n in ("int1", "uint1") if hasattr(ml_dtypes, n)]
SMALL_INTS = [int2, uint2, int4, uint4, *_ONE_BIT]
SMALL_FLOATS = [
    float4_e2m1fn, float6_e2m3fn, float6_e3m2fn, float8_e3m4, float8_e4m3, float8_e4m3b11fnuz,
    float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu,
]  # fmt: skip

# ---- groups, for primitives to say what they accept ----

BOOL = frozenset([bool_])
SIGNED = frozenset([int2, int4, int8, int16, int32, int64, *_ONE_BIT[:1]])
UNSIGNED = frozenset([uint2, uint4, uint8, uint16, uint32, uint64, *_ONE_BIT[1:]])
INT = SIGNED | UNSIGNED
FLOAT = frozenset([*SMALL_FLOATS, bfloat16, float16, float32, float64])
COMPLEX = frozenset([complex64, complex128])
INEXACT = FLOAT | COMPLEX
REAL = INT | FLOAT
NUMBER = INT | INEXACT
ANY = BOOL | NUMBER

_KINDS = {d: k for k, group in
          [("b", BOOL), ("i", SIGNED), ("u", UNSIGNED), ("f", FLOAT), ("c", COMPLEX),
           ("V", [float0])] for d in group}  # fmt: skip
_NARROWED = {int64: int32, uint64: uint32, float64: float32, complex128: complex64}
# By x64 flag: every supported dtype to the one object that stands for it.
CANONICAL: dict[bool, dict[np.dtype[Any], np.dtype[Any]]] = {
    True: {d: d for d in _KINDS},
    False: {d: _NARROWED.get(d, d) for d in _KINDS},
}

# ---- keys ----


class extended(np.generic):  # noqa: N801 (a scalar type, named as NumPy names them)
    """Scalar type above all dtypes that NumPy does not have, for `issubdtype`."""


class prng_key(extended):  # noqa: N801
    """Scalar type of PRNG keys, for `issubdtype`."""


@dataclass(frozen=True)
class KeyDType:
    """The dtype of an array whose elements are PRNG keys of one generator.

    `impl` names the generator, `tag` is its short name in types, and a key consists of 32-bit
    words of shape `key_shape`. One key is one element of `storage`, so whatever moves elements
    about (reshape, gather, concatenate) moves keys.
    >>> KeyDType("threefry2x32", "fry", (2,)).storage
    dtype('uint64')
    """

    impl: str
    tag: str
    key_shape: tuple[int, ...]
    name: str = field(init=False, compare=False)
    storage: np.dtype[Any] = field(init=False, compare=False)

    kind = "K"
    type = prng_key

    def __post_init__(self) -> None:
        nbytes = 4 * math.prod(self.key_shape)
        if nbytes <= 0:
            raise ValueError(f"KeyDType: a key needs at least one word, got shape {self.key_shape}")
        integers = {4: uint32, 8: uint64}
        object.__setattr__(self, "name", f"key<{self.tag}>")
        object.__setattr__(self, "storage", integers.get(nbytes) or np.dtype((np.void, nbytes)))

    @property
    def itemsize(self) -> int:
        """Size of one key in bytes."""
        return self.storage.itemsize

    def __repr__(self) -> str:
        return self.name


DType: TypeAlias = "np.dtype[Any] | KeyDType"

KEY_DTYPES = {
    "threefry2x32": KeyDType("threefry2x32", "fry", (2,)),
    "rbg": KeyDType("rbg", "rbg", (4,)),
    "unsafe_rbg": KeyDType("unsafe_rbg", "urbg", (4,)),
}


def is_key_dtype(dtype: Any) -> bool:
    """Whether this is the dtype of an array of PRNG keys."""
    return isinstance(dtype, KeyDType)


# ---- kinds and names ----


def kind(dtype: DType) -> str:
    """One letter for the kind of a supported dtype: b, i, u, f, c, K for keys, V for float0.

    >>> kind(bfloat16)
    'f'
    """
    return "K" if isinstance(dtype, KeyDType) else _KINDS[dtype]


# What a small dtype's scalar type would inherit from if NumPy knew its kind.
_ABOVE = {
    "i": (np.signedinteger, np.integer, np.number, np.generic),
    "u": (np.unsignedinteger, np.integer, np.number, np.generic),
    "f": (np.floating, np.inexact, np.number, np.generic),
}
_SCALAR_TYPES = {
    d.type: frozenset([d.type, *_ABOVE[_KINDS[d]]])
    for d in [*SMALL_INTS, *SMALL_FLOATS, bfloat16]
}


def issubdtype(a: Any, b: Any) -> bool:
    """Whether dtype or scalar type `a` is `b` or of the kind `b`, as `np.issubdtype`.

    Knows that bfloat16 and the small floats are floating, the small integers integers, and that
    key dtypes are `prng_key` and `extended`.
    >>> issubdtype(bfloat16, np.floating), issubdtype(KEY_DTYPES["rbg"], prng_key)
    (True, True)
    """
    return _issubdtype(
        a if isinstance(a, type | np.dtype | KeyDType) else np.dtype(a),
        b if isinstance(b, type | np.dtype | KeyDType) else np.dtype(b),
    )


@memoize()
def _issubdtype(a: Any, b: Any) -> bool:
    if isinstance(b, KeyDType):
        return a == b
    above = _scalar_type(b)
    scalar = _scalar_type(a)
    return above in _SCALAR_TYPES.get(scalar, scalar.__mro__)


def _scalar_type(dtype: Any) -> type:
    if isinstance(dtype, KeyDType):
        return dtype.type
    if isinstance(dtype, type) and issubclass(dtype, np.generic):
        return dtype
    return np.dtype(dtype).type


_NAMED_KINDS = {
    "bool": BOOL,
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": INT,
    "real floating": FLOAT,
    "complex floating": COMPLEX,
    "numeric": NUMBER,
}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype equals, or belongs to the named kind, or any of a tuple of these.

    Names: 'bool', 'signed integer', 'unsigned integer', 'integral', 'real floating',
    'complex floating', 'numeric'. Raises ValueError for other names, TypeError for non-dtypes.
    >>> isdtype(bfloat16, "real floating"), isdtype(int8, ("bool", "int16"))
    (True, False)
    """
    dtype = dtype if isinstance(dtype, KeyDType) else np.dtype(dtype)
    return any(dtype in _members(k) for k in (kind if isinstance(kind, tuple) else (kind,)))


def _members(kind: Any) -> Iterable[Any]:
    if isinstance(kind, KeyDType):
        return (kind,)
    if isinstance(kind, str) and kind in _NAMED_KINDS:
        return _NAMED_KINDS[kind]
    try:
        return (np.dtype(kind),)
    except TypeError as error:
        if isinstance(kind, str):
            names = ", ".join(map(repr, _NAMED_KINDS))
            raise ValueError(f"isdtype: no kind {kind!r}; use a dtype or one of {names}") from error
        raise TypeError(f"isdtype: kind must be a dtype, string or tuple, got {kind!r}") from error


def itemsize_bits(dtype: DType) -> int:
    """Bits of information in one element: 4 for int4, 8 for bool."""
    if not isinstance(dtype, (np.dtype, KeyDType)):
        dtype = supported(dtype, "itemsize_bits")
    if kind(dtype) in "iu":
        return iinfo(dtype).bits
    return finfo(dtype).bits if kind(dtype) == "f" else 8 * dtype.itemsize


def _short(name: str) -> str:
    for long, short in (("float", "f"), ("uint", "u"), ("int", "i"), ("complex", "c")):
        name = name.replace(long, short)
    return name


_SHORT_NAMES: dict[Any, str] = {d: _short(d.name) for d in ANY} | {float0: "float0"}
_FROM_SHORT: dict[str, Any] = {s: d for d, s in _SHORT_NAMES.items()}
_FROM_SHORT |= {d.name: d for d in KEY_DTYPES.values()}


def short_name(dtype: DType) -> str:
    """The name used in types: f32, i8, u64, bool, bf16, c128, f8_e4m3fn, key<fry>, float0."""
    return dtype.name if isinstance(dtype, KeyDType) else _SHORT_NAMES.get(dtype) or str(dtype)


def from_short_name(name: str) -> DType:
    """Undo `short_name`; ValueError for names of no dtype."""
    if name not in _FROM_SHORT:
        raise ValueError(f"from_short_name: no dtype is called {name!r}")
    return _FROM_SHORT[name]


# ---- the 64-bit switch ----


def default_int() -> np.dtype[Any]:
    """The dtype of a Python int: int64, or int32 when 64-bit types are off."""
    return int64 if config.enable_x64 else int32


def default_uint() -> np.dtype[Any]:
    """The default unsigned dtype: uint64, or uint32 when 64-bit types are off."""
    return uint64 if config.enable_x64 else uint32


def default_float() -> np.dtype[Any]:
    """The dtype of a Python float: float64, or float32 when 64-bit types are off."""
    return float64 if config.enable_x64 else float32


def default_complex() -> np.dtype[Any]:
    """The dtype of a Python complex: complex128, or complex64 when 64-bit types are off."""
    return complex128 if config.enable_x64 else complex64


def default_like(dtype: DType) -> DType:
    """The default dtype of the same kind: what a weak type decays to on its own."""
    widest = {"i": int64, "u": uint64, "f": float64, "c": complex128}.get(kind(dtype))
    return dtype if widest is None else CANONICAL[config.enable_x64][widest]


def canonicalize_dtype(dtype: Any, allow_extended_dtype: bool = True) -> DType:
    """The supported dtype that arrays of the given dtype get: native byte order, 64-bit if allowed.

    Raises TypeError for what is no dtype or not supported (objects, strings, dates), and for the
    dtype of keys unless allow_extended_dtype.
    >>> canonicalize_dtype(">f4")
    dtype('float32')
    """
    if isinstance(dtype, KeyDType):
        if not allow_extended_dtype:
            raise TypeError(f"canonicalize_dtype: {dtype} is an extended dtype, which arrays of"
                            " numbers do not have; pass allow_extended_dtype=True")
        return dtype
    return CANONICAL[config.enable_x64][supported(dtype, "dtype")]


def as_user_dtype(dtype: Any, fun_name: str = "dtype") -> DType:
    """The canonical form of a dtype given by the user to `fun_name`.

    Raises TypeError if it is not supported, ValueError for None and for arrays. Warns when it
    asks for 64 bits while these are off.
    """
    if isinstance(dtype, KeyDType):
        return dtype
    if dtype is None:
        raise ValueError(f"{fun_name}: a dtype must be given, got None")
    if hasattr(dtype, "aval") or isinstance(dtype, np.ndarray):
        raise ValueError(f"{fun_name}: dtype must not be an array; give its .dtype")
    asked = supported(dtype, fun_name)
    canonical = CANONICAL[config.enable_x64][asked]
    if canonical is not asked and not any(dtype is python for python in (int, float, complex)):
        warn(f"Explicitly requested dtype {asked} in {fun_name} is not available while 64-bit "
              f"types are off; the result is {canonical}. Turn them on with "
              "config.update('enable_x64', True) (jax_enable_x64 under the name of JAX).")
    return canonical


def supported(dtype: Any, fun_name: str) -> np.dtype[Any]:
    """The one object that stands for this dtype, of 64 bits if that was asked for."""
    try:
        found = dtype if isinstance(dtype, np.dtype) else np.dtype(dtype)
    except (TypeError, ValueError):
        shape = ("; a shape with several axes is one tuple, as in (2, 3)"
                 if isinstance(dtype, int) else "")
        raise TypeError(f"{fun_name}: {dtype!r} is not a dtype{shape}") from None
    known = CANONICAL[True].get(found if found.isnative else found.newbyteorder("="))
    if known is None:
        raise TypeError(f"{fun_name}: dtype {found} is not supported; arrays hold booleans, "
                        f"numbers or PRNG keys{instead_of(found)}")
    return known


def instead_of(dtype: np.dtype[Any]) -> str:
    """How data of a dtype that NumPy has and we have not become numbers."""
    if dtype.kind in "mM":
        return "; divide times by a unit first, as in (t - t[0]) / np.timedelta64(1, 's')"
    if dtype.names:
        return f"; take one field at a time, as in x[{dtype.names[0]!r}]"
    if dtype.kind in "fcO":
        return f"; convert it first, with x.astype({'complex' if dtype.kind == 'c' else 'float'})"
    return ""


# ---- from kind to kind ----


def to_numeric(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """int32 for bool, other dtypes unchanged."""
    return int32 if dtype == bool_ else dtype


def to_inexact_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The float dtype in which functions of analysis treat integers and bool; others unchanged.

    >>> to_inexact_dtype(int8), to_inexact_dtype(int64), to_inexact_dtype(complex64)
    (dtype('float64'), dtype('float64'), dtype('complex64'))
    """
    if dtype in INEXACT:
        return dtype
    wide = dtype.itemsize == 8 if config.match_jax else config.enable_x64
    return float64 if wide else float32


def to_complex(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The complex dtype for a number: complex128 for 64-bit numbers, else complex64."""
    return complex128 if to_inexact_dtype(dtype) in (float64, complex128) else complex64


complex_of = to_complex


def real_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex dtype; others unchanged."""
    return {complex64: float32, complex128: float64}.get(dtype, dtype)
