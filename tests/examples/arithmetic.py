"""Rows of arithmetic, rounding, comparison, bits, complex parts and conversion."""

import ml_dtypes
import numpy as np

from examples import (
    EDGES,
    INT_EDGES,
    Bad,
    Example,
    booleans,
    complex_normal,
    elementwise,
    integers,
    normal,
)
from ingot.primitives import arithmetic, bits, compare, complex as parts, convert, rounding
from ingot.primitives.arithmetic import add_any_p
from ingot.primitives.movement import full_like
from ingot.transforms.jvp import jvp

X, Y = normal(3, 2), normal(3, 2, seed=1)
Z, W = complex_normal(3, 2), complex_normal(3, 2, seed=1)
I, J = integers(-9, 9, 3, 2), integers(1, 5, 3, 2, seed=1)
B, C = booleans(3, 2), booleans(3, 2, seed=1)
TIES = np.array([1.0, 2.0, 2.0, -1.0])
TIED = np.array([1.0, 1.0, 2.0, 3.0])
BIG = normal(7, 40), normal(7, 40, seed=1)


def truncated(x, y):
    """Quotient of integers rounded towards zero, -1 for zero divisors, in exact arithmetic."""
    def one(a, b):
        if b == 0:
            return -1
        q = abs(int(a)) // abs(int(b)) * (1 if (a < 0) == (b < 0) else -1)
        return (q + 2**63) % 2**64 - 2**63

    return np.array([one(a, b) for a, b in zip(x.flat, y.flat, strict=True)], x.dtype).reshape(
        x.shape)


def remainder(x, y):
    """Remainder with the sign of the dividend, the dividend for zero divisors."""
    out = [a if b == 0 else (abs(int(a)) % abs(int(b))) * (-1 if a < 0 else 1)
           for a, b in zip(x.flat, y.flat, strict=True)]
    return np.array(out, x.dtype).reshape(x.shape)


def sign_of(x):
    return np.where(x == 0, x, np.sign(x))


def away(x):
    return np.copysign(np.where(np.abs(x) < 2**52, np.floor(np.abs(x) + 0.5), np.abs(x)), x)


def add_any(x, y):
    return add_any_p.bind(x, y)


def sign_complex(z):
    return z / np.hypot(z.real, z.imag)


def _arithmetic():
    a = arithmetic
    return [
        *elementwise(a.neg, X, ref=lambda x: x * -1, accepts="iufc", ulps=0),
        *elementwise(a.add, X, Y, ref=lambda x, y: x + y, accepts="iufc", ulps=0),
        *elementwise(a.add, I, J, ref=np.add, ulps=0),
        *elementwise(add_any, X, Y, ref=lambda x, y: x + y, accepts="biufc", ulps=0, jax=False),
        *elementwise(a.sub, X, Y, ref=lambda x, y: x + -y, accepts="iufc", ulps=0),
        *elementwise(a.mul, X, Y, ref=lambda x, y: x * y, accepts="iufc", ulps=2),
        *elementwise(a.mul, Z, W, ref=lambda x, y: x * y, accepts="iufc", ulps=2),
        *elementwise(a.mul, I, J, ref=np.multiply, ulps=0),
        *elementwise(a.div, X, Y, ref=lambda x, y: x / y, accepts="iufc", ulps=4),
        *elementwise(a.div, Z, W, ref=lambda x, y: x * np.conj(y) / np.abs(y) ** 2, accepts="iufc"),
        *elementwise(a.div, I, J, ref=truncated),
        *elementwise(a.rem, X * 5, np.sign(Y) * (np.abs(Y) + 1.5), ref=np.fmod, accepts="iuf",
                     ulps=0),
        *elementwise(a.rem, I, J, ref=remainder, ulps=0),
        *elementwise(a.abs, X, ref=lambda x: np.copysign(x, 1.0), accepts="ifc", ulps=2),
        *elementwise(a.abs, Z, ref=lambda z: np.sqrt(z.real**2 + z.imag**2), accepts="ifc"),
        *elementwise(a.abs, I, ref=lambda x: np.where(x < 0, -x, x)),
        *elementwise(a.sign, X, ref=sign_of, accepts="iufc", ulps=2),
        *elementwise(a.sign, Z, ref=sign_complex, accepts="iufc"),
        *elementwise(a.sign, I, ref=lambda x: (x > 0).astype(x.dtype) - (x < 0), ulps=2),
        *elementwise(a.max, X, Y, ref=np.maximum, accepts="biufc", ulps=0),
        *elementwise(a.min, X, Y, ref=np.minimum, accepts="biufc", ulps=0),
        *elementwise(a.max, I, J, ref=lambda x, y: np.where(x > y, x, y), ulps=0),
        *elementwise(a.min, I, J, ref=lambda x, y: np.where(x < y, x, y), ulps=0),
        Example(a.max, (Z, W), ref=lambda x, y: np.where(x.real > y.real, x, y), ulps=0),
        Example(a.min, (Z, W), ref=lambda x, y: np.where(x.real < y.real, x, y), ulps=0),
        Example(a.max, (B, C), ref=np.logical_or),
        Example(a.min, (B, C), ref=np.logical_and),
        *elementwise(a.nextafter, X, Y, ref=np.nextafter, accepts="f", ulps=0, diff=()),
        Example(a.mul, BIG, ref=np.multiply, maps=(), diff=()),
        Example(a.add, BIG, ref=np.add, maps=(), diff=()),
        Example(a.div, BIG, ref=np.divide, maps=(), diff=()),
        # Ties: each argument gets half the derivative.
        Example(lambda x, y: half_each(a.max, x, y), (TIES, TIED), diff=(), maps=(),
                ref=lambda x, y: np.where(x > y, 1, np.where(x == y, 0.5, 0)), name="max_tie",
                jax=False),
        Example(lambda x, y: half_each(a.min, x, y), (TIES, TIED), diff=(), maps=(),
                ref=lambda x, y: np.where(x < y, 1, np.where(x == y, 0.5, 0)), name="min_tie",
                jax=False),
        Example(lambda x: slope(a.abs, x), (np.array([0.0, -0.0, 2.0, -3.0]),), diff=(), maps=(),
                ref=lambda x: np.array([1.0, 1.0, 1.0, -1.0]), name="abs_kink", jax=False),
        Example(lambda x: slope(a.sign, x), (np.array([0.0, 2.0]),), diff=(), maps=(),
                ref=lambda x: np.zeros(2), name="sign_kink", jax=False),
        Example(lambda x: slope(lambda v: a.nextafter(v, v), x), (X,), diff=(), maps=(),
                ref=np.ones_like, name="nextafter_slope", jax=False),
    ]


def slope(fun, x):
    """Derivative along a tangent of ones."""
    t = jvp(lambda v: [fun(v)], [x], [full_like(x, 1)])[1][0]
    return full_like(x, 0) if t is None else t


def half_each(fun, x, y):
    """Derivative with respect to the first argument."""
    return slope(lambda v: fun(v, y), x)


def _rounding():
    r = rounding
    even = dict(rounding_method=r.RoundingMethod.TO_NEAREST_EVEN)
    x = normal(3, 2) * 3
    halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994, 2.0**52 + 1, -0.2])
    return [
        *elementwise(r.floor, x, ref=np.floor, accepts="f", ulps=0),
        *elementwise(r.ceil, x, ref=np.ceil, accepts="f", ulps=0),
        Example(r.round, (x,), ref=lambda x: away(x), accepts="f", ulps=0),
        Example(r.round, (halves,), diff=(), ulps=0, ref=lambda x: np.array(
            [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 0.0, 2.0**52 + 1, -0.0])),
        Example(r.round, (EDGES,), diff=(), ref=away, ulps=0),
        Example(r.round, (halves,), even, diff=(), ulps=0, ref=lambda x, **_: np.array(
            [-2.0, -2.0, -0.0, 0.0, 2.0, 2.0, 0.0, 2.0**52 + 1, -0.0])),
        Example(r.round, (x,), even, ref=lambda x, **_: np.rint(x), accepts="f", ulps=0),
        *elementwise(r.is_finite, np.where(B, x, 1.75e308), ref=lambda x: np.abs(x) < np.inf,
                     accepts="f"),
    ]


def _compare():
    orders = [("eq", "biufc"), ("ne", "biufc"), ("lt", "biuf"), ("le", "biuf"), ("gt", "biuf"),
              ("ge", "biuf")]
    refs = {"eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "lt": lambda x, y: x < y,
            "le": lambda x, y: x <= y, "gt": lambda x, y: x > y, "ge": lambda x, y: x >= y}
    mixed = np.where(B, X, Y)
    rows = [row for name, kinds in orders
            for row in elementwise(getattr(compare, name), mixed, Y, ref=refs[name], accepts=kinds)]
    rows += [Example(getattr(compare, n), (I, np.where(B, I, J)), ref=refs[n]) for n in refs]
    rows += [Example(compare.eq, (Z, np.where(B, Z, W)), ref=refs["eq"]),
             Example(compare.ne, (Z, np.where(B, Z, W)), ref=refs["ne"])]
    ladder = np.array([np.copysign(np.nan, -1), -np.inf, -1, -0.0, 0.0, 1e-310, 1, np.inf, np.nan])
    x, y = (g.reshape(-1) for g in np.meshgrid(ladder, ladder))
    i, j = (g.reshape(-1) for g in np.meshgrid(np.arange(9), np.arange(9)))
    totals = {"eq_to": lambda x, y: i == j, "lt_to": lambda x, y: i < j,
              "le_to": lambda x, y: i <= j}
    # jax.lax has these orders as primitives alone.
    rows += [Example(getattr(compare, n), (x, y), ref=ref, diff=(), maps=(), jax=False)
             for n, ref in totals.items()]
    rows += [Example(getattr(compare, n), (mixed, Y), ref=refs[n[:2]], accepts="biuf", jax=False)
             for n in totals]
    return rows


def _bits():
    word = 2**64
    signed = lambda n: (int(n) + word // 2) % word - word // 2
    every = lambda fun: lambda *xs: np.array(
        [signed(fun(*map(int, v))) for v in zip(*(x.flat for x in xs), strict=True)],
        np.int64).reshape(xs[0].shape)
    x, y = integers(-1000, 1000, 3, 2), integers(0, 9, 3, 2)
    amounts = np.array([0, 1, 5, 63, 64, 65, -1, 200])
    values = np.array([-5, 7, 2**40, -1, -1, 3, 9, -9])
    inside = lambda fun, other: every(lambda a, b: fun(a, b) if 0 <= b < 64 else other(a))
    zero = lambda a: 0
    refs = {
        "shift_left": inside(lambda a, b: a << b, zero),
        "shift_right_logical": inside(lambda a, b: (a % word) >> b, zero),
        "shift_right_arithmetic": inside(lambda a, b: a >> b, lambda a: -1 if a < 0 else 0),
    }
    rows = []
    for name, ref in refs.items():
        op = getattr(bits, name)
        rows += elementwise(op, x, y, ref=ref, accepts="iu", edges=False)
        rows.append(Example(op, (values, amounts), ref=ref))
    rows += [row for name, fun in (("bitwise_and", lambda a, b: a & b),
                                   ("bitwise_or", lambda a, b: a | b),
                                   ("bitwise_xor", lambda a, b: a ^ b))
             for row in elementwise(getattr(bits, name), x, y, ref=every(fun), accepts="biu")]
    rows += [Example(bits.bitwise_and, (B, C), ref=np.logical_and),
             Example(bits.bitwise_or, (B, C), ref=np.logical_or),
             Example(bits.bitwise_xor, (B, C), ref=lambda x, y: x != y),
             Example(bits.bitwise_not, (B,), ref=np.logical_not)]
    rows += elementwise(bits.bitwise_not, x, ref=every(lambda a: ~a), accepts="biu")
    rows += elementwise(bits.population_count, x, accepts="iu",
                        ref=every(lambda a: bin(a % word).count("1")))
    rows += elementwise(bits.clz, x, ref=every(lambda a: 64 - (a % word).bit_length()),
                        accepts="iu")
    huge = integers(-2**62, 2**62, 3, 2), integers(-2**62, 2**62, 3, 2, seed=1)
    rows += elementwise(bits.mulhi, *huge, ref=every(lambda a, b: (a * b) >> 64), accepts="iu",
                        jax=False)
    return rows


def _complex():
    p = parts
    only = lambda op, *args, **more: elementwise(op, *args, edges=False, **more)
    return [
        *only(p.complex, X, Y, ref=lambda x, y: x + 1j * y, accepts="F"),
        *only(p.real, Z, ref=lambda z: z.real, accepts="c"),
        *only(p.imag, Z, ref=lambda z: z.imag, accepts="c"),
        *only(p.conj, Z, ref=lambda z: z.real - 1j * z.imag, accepts="Fc"),
    ]


def _convert():
    v = convert
    to = lambda x, dtype, **more: Example(
        v.convert_element_type, (x,), dict(new_dtype=np.dtype(dtype)), **more)
    wild = np.array([np.nan, np.inf, -np.inf, 300.7, -300.7, 1e30, -1e30, 0.9, -0.9, -0.0])
    targets = ["bool", "int8", "uint8", "int32", "uint64", "float16", "float32", "float64",
               "complex64", "complex128", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn]
    limits = lambda x, new_dtype: np.array(
        [0 if np.isnan(a) else int(np.clip(a, float(np.iinfo(new_dtype).min),
                                           float(np.iinfo(new_dtype).max))) for a in x], new_dtype)
    bytes_ = integers(0, 255, 2, 8, dtype=np.uint8)
    return [
        *(to(X * 4, d, ulps=0, diff=None if d in ("float64", "complex128") else ())
          for d in targets),
        *(to(I, d, ulps=0) for d in targets),
        *(to(I.astype(np.uint32), d, ulps=0) for d in targets),
        *(to(B, d, ulps=0) for d in targets),
        to(X, np.float32, ref=lambda x, new_dtype: x.astype(np.float32), diff=()),
        Example(lambda x: slope(lambda t: v.convert_element_type(t, np.float32), x), (X,), diff=(),
                ref=lambda x: np.ones(x.shape, np.float32), name="convert_slope", jax=False),
        to(Z, np.complex64, ref=lambda x, new_dtype: x.astype(np.complex64), diff=()),
        to(wild, np.int8, ref=limits, diff=()), to(wild, np.uint8, ref=limits, diff=()),
        to(wild, np.int32, ref=limits, diff=()), to(wild, np.uint32, ref=limits, diff=()),
        to(INT_EDGES, np.int8, ref=lambda x, new_dtype: np.array(
            [(int(a) + 128) % 256 - 128 for a in x], np.int8)),
        to(X, np.bool_, ref=lambda x, new_dtype: x != 0),
        Example(v.bitcast_convert_type, (X,), dict(new_dtype=np.dtype(np.int64)),
                ref=lambda x, new_dtype: np.frombuffer(x.tobytes(), np.int64).reshape(x.shape)),
        Example(v.bitcast_convert_type, (X,), dict(new_dtype=np.dtype(np.uint16)),
                ref=lambda x, new_dtype: np.frombuffer(x.tobytes(), np.uint16).reshape(3, 2, 4)),
        Example(v.bitcast_convert_type, (I,), dict(new_dtype=np.dtype(np.float64)), diff=(),
                ref=lambda x, new_dtype: np.frombuffer(x.tobytes(), np.float64).reshape(x.shape)),
        Example(v.bitcast_convert_type, (bytes_,), dict(new_dtype=np.dtype(np.uint64)),
                ref=lambda x, new_dtype: np.frombuffer(x.tobytes(), np.uint64)),
        Example(v.reduce_precision, (EDGES,), dict(exponent_bits=8, mantissa_bits=7), diff=(),
                ref=lambda x, **_: np.where(np.abs(x) < 1e-30, np.copysign(0, x),
                                            x.astype(ml_dtypes.bfloat16).astype(float))),
        Example(v.reduce_precision, (X,), dict(exponent_bits=5, mantissa_bits=10), diff=(),
                ref=lambda x, **_: x.astype(np.float16).astype(float), accepts="f"),
        Example(v.reduce_precision, (X,), dict(exponent_bits=11, mantissa_bits=52),
                ref=lambda x, **_: x),
    ]


EXAMPLES = [*_arithmetic(), *_rounding(), *_compare(), *_bits(), *_complex(), *_convert()]

BAD = [
    Bad(arithmetic.add, (normal(3), normal(4)), error=r"add: .*f64\[3\].*f64\[4\]"),
    Bad(arithmetic.mul, (normal(3), integers(0, 3, 3)), error=r"mul: .*f64\[3\].*i64\[3\]"),
    Bad(arithmetic.neg, (B,), error=r"neg: .*bool\[3,2\]"),
    Bad(arithmetic.add, ("a", 1.0), error="expected an array"),
    Bad(compare.lt, (Z, W), error=r"lt: .*c128\[3,2\]"),
    Bad(bits.shift_left, (X, Y), error=r"shift_left: .*f64"),
    Bad(convert.bitcast_convert_type, (B,), dict(new_dtype=np.dtype(np.int8)), error="bitcast"),
    Bad(convert.bitcast_convert_type, (np.zeros((2, 3), np.uint8),),
        dict(new_dtype=np.dtype(np.int32)), error="bitcast_convert_type: u8"),
    Bad(convert.reduce_precision, (X,), dict(exponent_bits=0, mantissa_bits=3), error="exponent"),
    Bad(convert.reduce_precision, (X,), dict(exponent_bits=3, mantissa_bits=-1), error="mantissa"),
    Bad(rounding.round, (X,), dict(rounding_method=7), error="7"),
]
