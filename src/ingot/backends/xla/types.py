"""Types and constants as the text of StableHLO: tensor<3x4xf32>, dense<0.0>."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray

Shape = tuple[int, ...]
GPUS = ("gpu", "cuda", "rocm")
"""What clients of XLA call their platform on GPUs."""
_LONG_KEY = dtypes.KEY_DTYPES["rbg"].storage

_SMALL_FLOATS = ("float4_e2m1fn", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz",
                 "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
                 "float8_e8m0fnu")
ELEMENTS: dict[Any, str] = {
    dtypes.bool_: "i1", dtypes.bfloat16: "bf16", dtypes.float16: "f16", dtypes.float32: "f32",
    dtypes.float64: "f64", dtypes.complex64: "complex<f32>", dtypes.complex128: "complex<f64>",
    **{np.dtype(f"int{n}"): f"i{n}" for n in (8, 16, 32, 64)},
    **{np.dtype(f"uint{n}"): f"ui{n}" for n in (8, 16, 32, 64)},
    dtypes.int2: "i2", dtypes.int4: "i4", dtypes.uint2: "ui2", dtypes.uint4: "ui4",
    **{getattr(dtypes, name): "f" + name.removeprefix("float").replace("_e", "E").replace(
        "m", "M").replace("fn", "FN").replace("uz", "UZ").replace("u", "U").replace("b", "B")
       for name in _SMALL_FLOATS},
}  # fmt: skip
"""The name of each dtype that XLA has."""


def device_dtype(dtype: Any) -> np.dtype:
    """Return the dtype of elements on a device.

    A PRNG key of 64 bits is an unsigned integer there, one of 128 bits a complex number that is
    only moved, a float0 a boolean. Raises TypeError for dtypes that XLA does not have.
    """
    if dtype == dtypes.float0:
        return dtypes.bool_
    stored = dtype.storage if isinstance(dtype, dtypes.KeyDType) else dtype
    if stored == _LONG_KEY:
        return dtypes.complex128
    if stored not in ELEMENTS:
        raise TypeError(f"the XLA back end has no arrays of dtype {dtypes.short_name(dtype)};"
                        " convert them first, or use the back end 'llvm'")
    return stored


def tensor(shape: Shape, dtype: np.dtype) -> str:
    """Return the type of an array."""
    lengths = [f"{n}x" if type(n) is int else "?x" for n in shape]
    return f"tensor<{''.join(lengths)}{ELEMENTS[dtype]}>"


def tensor_of(aval: ShapedArray) -> str:
    """Return the type of the arrays that an aval describes."""
    return tensor(aval.shape, device_dtype(aval.dtype))


def _scalar(x: np.ndarray) -> str:
    kind = dtypes.kind(x.dtype)
    if kind == "b":
        return "true" if x else "false"
    if kind == "c":
        return f"({_scalar(np.real(x))}, {_scalar(np.imag(x))})"
    if kind in "iu":
        return str(int(x))
    # Floats by their bits: every NaN, infinity and subnormal number stays what it is.
    bits = int(x.view(f"u{x.dtype.itemsize}"))
    digits = max(1, dtypes.itemsize_bits(x.dtype) // 4)
    return f"0x{bits:0{digits}X}"


def _nest(x: np.ndarray) -> str:
    return _scalar(x) if x.ndim == 0 else f"[{', '.join(map(_nest, x))}]"


def dense(x: np.ndarray) -> str:
    """Return the constant with these elements; a scalar stands for arrays of any shape."""
    if x.size == 0:
        return "dense<>"
    if x.size == 1:
        return f"dense<{_scalar(x.reshape(()))}>"
    flat = np.ascontiguousarray(x).reshape(-1)
    raw = flat.view(np.uint8).reshape(flat.size, -1)
    if (raw == raw[0]).all():
        return f"dense<{_scalar(flat[0].reshape(()))}>"
    if dtypes.itemsize_bits(x.dtype) < 8 or x.dtype == np.bool_:
        return f"dense<{_nest(x)}>"
    return f'dense<"0x{raw.tobytes().hex().upper()}">'


def i64_array(xs: Any) -> str:
    """Return an attribute of integers: array<i64: 0, 1>."""
    text = ", ".join(map(str, xs))
    return f"array<i64: {text}>" if text else "array<i64>"


def integers(xs: Any) -> str:
    """Return integers in brackets, as the attributes of dimension numbers have them."""
    return f"[{', '.join(map(str, xs))}]"
