"""Complex numbers and their parts: complex, real, imag, conj."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import LINEAR, Primitive
from ingot.kernel import rules as kernel
from ingot.kernel.rules import Lowering, elementwise
from ingot.primitives.families import COMPLEX, binary, check_kind, is_linear, unary
from ingot.primitives.movement import full_like
from ingot.primitives.numerics import same_shape

PARTS = (np.float32, np.float64)


# ---- complex -------------------------------------------------------------------------------------
def _complex_eval(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = np.empty(x.shape, dtypes.complex_of(x.dtype))
    out.real, out.imag = x, y
    return out


def _complex_scalar(build: Lowering, x: Any, y: Any, *, out_dtype: Any) -> Any:
    return kernel.Complex(x, y, out_dtype)


# A cotangent `ct` pairs with a tangent `t` as Re(ct t): the imaginary part's one is -imag(ct).
complex_p = binary("complex", PARTS, eval=_complex_eval, jvp=LINEAR, result=dtypes.complex_of,
                   kernel=elementwise(_complex_scalar, cost=0),
                   transpose=lambda ct, x, y: [real(ct) if is_linear(x) else None,
                                               imag(conj(ct)) if is_linear(y) else None])


def complex(x: Any, y: Any) -> Any:
    """Complex numbers from real and imaginary parts.

    x, y: float32 or float64 [...] of one shape, or one a scalar -> complex64 or complex128 [...].
    Raises TypeError for other dtypes.

    >>> lax.complex(1.0, 2.0)
    Array(1.+2.j, dtype=complex128, weak_type=True)
    """
    return complex_p.bind(*same_shape("complex", x, y))


# ---- real, imag ----------------------------------------------------------------------------------
def _real_scalar(build: Lowering, z: Any, *, out_dtype: Any) -> Any:
    return z.real


def _imag_scalar(build: Lowering, z: Any, *, out_dtype: Any) -> Any:
    return z.imag


real_p = unary("real", COMPLEX, eval=np.real, jvp=LINEAR, result=dtypes.real_of,
               kernel=elementwise(_real_scalar, cost=0),
               transpose=lambda ct, z: [complex(ct, full_like(ct, 0))])
imag_p = unary("imag", COMPLEX, eval=np.imag, jvp=LINEAR, result=dtypes.real_of,
               kernel=elementwise(_imag_scalar, cost=0),
               transpose=lambda ct, z: [conj(complex(full_like(ct, 0), ct))])


def real(x: Any) -> Any:
    """The real part of each element.

    x: complex [...] -> float [...] of half the width. Raises TypeError for real dtypes.

    >>> lax.real(1 + 2j)
    Array(1., dtype=float64, weak_type=True)
    """
    return real_p.bind(x)


def imag(x: Any) -> Any:
    """The imaginary part of each element.

    x: complex [...] -> float [...] of half the width. Raises TypeError for real dtypes.

    >>> lax.imag(1 + 2j)
    Array(2., dtype=float64, weak_type=True)
    """
    return imag_p.bind(x)


# ---- conj ----------------------------------------------------------------------------------------
def _conj_type(x: ShapedArray, *, input_dtype: Any) -> ShapedArray:
    check_kind("conj", (*COMPLEX, *PARTS), x)
    return x.update(dtype=dtypes.complex_of(x.dtype))


def _conj_transpose(ct: Any, x: Any, *, input_dtype: Any) -> list[Any]:
    return [conj(ct) if x.dtype in dtypes.COMPLEX else real(ct)]


def _conj_scalar(build: Lowering, x: Any, *, out_dtype: Any, input_dtype: Any) -> Any:
    if type(x) is not kernel.Complex:
        return kernel.Complex(x, build.const(0, x.dtype), out_dtype)
    return kernel.Complex(x.real, build.op("neg", x.imag), out_dtype)


def _conj_batch(args: Sequence[Any], dims: Sequence[Any], *, input_dtype: Any) -> Any:
    return conj_p.bind(*args, input_dtype=input_dtype), dims[0]


def _conj_eval(x: np.ndarray, *, input_dtype: Any) -> Any:
    return np.conj(x).astype(dtypes.complex_of(x.dtype), copy=False)


conj_p = Primitive("conj", type=_conj_type, eval=_conj_eval, jvp=LINEAR,
                   transpose=_conj_transpose, batch=_conj_batch,
                   kernel=elementwise(_conj_scalar, cost=1))


def conj(x: Any) -> Any:
    """The complex conjugate of each element.

    x: complex, float32 or float64 [...] -> complex [...]. Raises TypeError for other dtypes.

    >>> lax.conj(1 + 2j)
    Array(1.-2.j, dtype=complex128, weak_type=True)
    """
    return conj_p.bind(x, input_dtype=typeof(x).dtype)


__all__ = ["complex", "complex_p", "conj", "conj_p", "imag", "imag_p", "real", "real_p"]
