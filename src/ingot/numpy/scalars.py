"""Scalar types that make arrays when called, and functions on dtypes."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.array import ArrayBase
from ingot.core.interpreter import typeof
from ingot.core.tracebacks import api_boundary
from ingot.numpy.creation import asarray


class ScalarMeta(type):
    """Makes `jnp.float32(x)` an array, and `jnp.float32` stand for its dtype."""

    dtype: np.dtype[Any]

    @api_boundary
    def __call__(cls, x: Any) -> Any:
        """x as an array of this dtype."""
        return asarray(x, dtype=cls.dtype)

    def __hash__(cls) -> int:
        return hash(cls.dtype.type)

    def __eq__(cls, other: object) -> bool:
        return cls is other or cls.dtype.type == other

    def __ne__(cls, other: object) -> bool:
        return not cls == other

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.dtype.type)


def _scalar_type(name: str, scalar: Any) -> Any:
    made = ScalarMeta(name, (), {"dtype": np.dtype(scalar), "__module__": "ingot.numpy"})
    number = -1 if name == "int1" else 1  # which has no 1
    shown = _ONE.get(made.dtype.char, number) if made.dtype.isbuiltin == 1 else number
    made.__doc__ = f"""{_described(made.dtype)}: a dtype, and a function that makes arrays of it.

    x: anything array-like -> [...] of this dtype. Raises TypeError, ValueError and OverflowError as
    `jnp.asarray(x, dtype)`.

    >>> jnp.{name}({number})
    Array({shown}, dtype={name})
    """
    return made


# How 1 is shown in dtypes of NumPy's own that are no integers.
_ONE = {"?": "True", "F": "1.+0.j", "D": "1.+0.j", "e": "1.", "f": "1.", "d": "1."}


def _described(dtype: np.dtype) -> str:
    kind = dtypes.kind(dtype)
    if kind == "b":
        return "Truth values"
    if kind == "c":
        return f"Complex numbers of two {dtypes.real_of(dtype).name}"
    if kind in "iu":
        limits = dtypes.iinfo(dtype)
        return f"Integers of {limits.bits} bits, from {limits.min} to {limits.max}"
    limits = dtypes.finfo(dtype)
    return (f"Floats of {limits.bits} bits, {limits.nexp} of exponent and {limits.nmant} of"
            " mantissa")


bool_ = _scalar_type("bool", np.bool_)
int2, int4 = _scalar_type("int2", ml_dtypes.int2), _scalar_type("int4", ml_dtypes.int4)
int8, int16 = _scalar_type("int8", np.int8), _scalar_type("int16", np.int16)
int32, int64 = _scalar_type("int32", np.int32), _scalar_type("int64", np.int64)
uint2, uint4 = _scalar_type("uint2", ml_dtypes.uint2), _scalar_type("uint4", ml_dtypes.uint4)
# Those of one bit, from ml_dtypes 0.6 on.
ONE_BIT = {name: _scalar_type(name, getattr(ml_dtypes, name)) for name in ("int1", "uint1")
           if hasattr(ml_dtypes, name)}
uint8, uint16 = _scalar_type("uint8", np.uint8), _scalar_type("uint16", np.uint16)
uint32, uint64 = _scalar_type("uint32", np.uint32), _scalar_type("uint64", np.uint64)
float4_e2m1fn = _scalar_type("float4_e2m1fn", ml_dtypes.float4_e2m1fn)
float6_e2m3fn = _scalar_type("float6_e2m3fn", ml_dtypes.float6_e2m3fn)
float6_e3m2fn = _scalar_type("float6_e3m2fn", ml_dtypes.float6_e3m2fn)
float8_e3m4 = _scalar_type("float8_e3m4", ml_dtypes.float8_e3m4)
float8_e4m3 = _scalar_type("float8_e4m3", ml_dtypes.float8_e4m3)
float8_e4m3b11fnuz = _scalar_type("float8_e4m3b11fnuz", ml_dtypes.float8_e4m3b11fnuz)
float8_e4m3fn = _scalar_type("float8_e4m3fn", ml_dtypes.float8_e4m3fn)
float8_e4m3fnuz = _scalar_type("float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz)
float8_e5m2 = _scalar_type("float8_e5m2", ml_dtypes.float8_e5m2)
float8_e5m2fnuz = _scalar_type("float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz)
float8_e8m0fnu = _scalar_type("float8_e8m0fnu", ml_dtypes.float8_e8m0fnu)
bfloat16 = _scalar_type("bfloat16", ml_dtypes.bfloat16)
float16, float32 = _scalar_type("float16", np.float16), _scalar_type("float32", np.float32)
float64 = _scalar_type("float64", np.float64)
complex64 = _scalar_type("complex64", np.complex64)
complex128 = _scalar_type("complex128", np.complex128)
single, double, csingle, cdouble = float32, float64, complex64, complex128
int_, uint, float_, complex_ = int64, uint64, float64, complex128


# ---- functions on dtypes ----


def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """Return whether a dtype can be cast to another under NumPy's rules.

    from_, to: dtypes; casting: "no", "equiv", "safe", "same_kind" or "unsafe" -> a bool. Raises
    TypeError for a Python number, ValueError for other rules.

    >>> jnp.can_cast("int32", "float64"), jnp.can_cast("float64", "int32")
    (True, False)
    """
    return np.can_cast(from_, to, casting=casting)  # type: ignore[arg-type]


def result_type(*args: Any) -> Any:
    """Return the dtype that an operation on these arrays, numbers and dtypes has.

    args: one at least; Python numbers are weak -> a dtype. Raises ValueError for none,
    TypePromotionError where promotion is strict.

    >>> jnp.result_type("float32", 1.0), jnp.result_type("int8", "uint8")
    (dtype('float32'), dtype('int16'))
    """
    if not args:
        raise ValueError("result_type: at least one array or dtype is required")
    return dtypes.result_type(*args)


def promote_types(a: Any, b: Any) -> Any:
    """Return the dtype that two dtypes promote to, on JAX's lattice.

    a, b: dtypes -> a dtype. Raises TypePromotionError where promotion is strict.

    >>> jnp.promote_types("int64", "float32")
    dtype('float32')
    """
    return dtypes.promote_types(a, b)


def issubdtype(arg1: Any, arg2: Any) -> bool:
    """Return whether a dtype is another, or of its kind.

    arg1: a dtype; arg2: a dtype or an abstract type, as `jnp.floating` -> a bool.

    >>> jnp.issubdtype("bfloat16", jnp.floating)
    True
    """
    return dtypes.issubdtype(arg1, arg2)


def isdtype(dtype: Any, kind: Any) -> bool:
    """Return whether a dtype equals another or belongs to a kind (array API standard).

    dtype: a dtype; kind: a dtype, "bool", "signed integer", "unsigned integer", "integral", "real
    floating", "complex floating", "numeric", or a tuple of these -> a bool. Raises ValueError for
    other kinds.

    >>> jnp.isdtype("int8", ("integral", "bool"))
    True
    """
    return dtypes.isdtype(dtype, kind)


def iscomplexobj(x: Any) -> bool:
    """Return whether the dtype is complex.

    x: an array, number or sequence; None has none -> a bool, whatever the imaginary parts.

    >>> jnp.iscomplexobj(1 + 0j)
    True
    """
    if x is None:
        return False
    dtype = getattr(x, "dtype", None)
    dtype = np.asarray(x).dtype if dtype is None else dtype
    return dtypes.issubdtype(dtype, np.complexfloating)


def isrealobj(x: Any) -> bool:
    """Return whether the dtype is not complex.

    x: an array, number or sequence -> a bool, whatever the imaginary parts.

    >>> jnp.isrealobj(1 + 0j)
    False
    """
    return not iscomplexobj(x)


def isscalar(element: Any) -> bool:
    """Return whether this is a number or an array of rank 0.

    element: anything -> a bool.

    >>> jnp.isscalar(3.0), jnp.isscalar(jnp.array(3.0)), jnp.isscalar([3.0])
    (True, True, False)
    """
    if isinstance(element, ArrayBase) or hasattr(element, "__jax_array__"):
        return typeof(element).ndim == 0
    return np.isscalar(element) or isinstance(element, np.ndarray) and element.ndim == 0


class _Limits:
    """Limits of a floating dtype, with Python's numbers: next to arrays these keep their dtype."""

    def __init__(self, limits: Any):
        self._limits = limits

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # copies and pickles ask before there are limits
            raise AttributeError(name)
        value = getattr(self._limits, name)
        return float(value) if isinstance(value, np.generic) else value

    def __repr__(self) -> str:
        return repr(self._limits)


def finfo(dtype: Any) -> Any:
    """Return the limits of a floating dtype: eps, max, min, smallest_normal, bits, dtype and more.

    dtype: a floating or complex dtype, or an array of it -> an object as `np.finfo` gives, whose
    limits are Python's floats, as in the array API standard; under the name `jax.numpy` they are
    scalars of the dtype. Raises ValueError for other dtypes.

    >>> jnp.finfo("float32").eps
    1.1920928955078125e-07
    """
    limits = dtypes.finfo(_dtype(dtype))
    return limits if config.match_jax else _Limits(limits)


def iinfo(int_type: Any) -> Any:
    """Return the limits of an integer dtype: min, max, bits and dtype.

    int_type: an integer dtype, or an array of it -> an object as `np.iinfo` gives. Raises
    ValueError for other dtypes.

    >>> jnp.iinfo("int8").max
    127
    """
    return dtypes.iinfo(_dtype(int_type))


def _dtype(dtype: Any) -> Any:
    """The dtype whose limits are asked for: that of 64 bits too where these are off."""
    if isinstance(dtype, ScalarMeta) or not isinstance(dtype, type):
        dtype = getattr(dtype, "dtype", dtype)
    return np.dtype(dtype)
