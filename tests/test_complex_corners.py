"""Complex numbers near overflow and underflow, and with infinite parts: compiled functions give
what eager ones do, and powers are right."""

from fractions import Fraction

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax

DTYPES = (np.complex64, np.complex128)
UNARY = {
    **{name: getattr(jnp, name) for name in (
        "square", "reciprocal", "sqrt", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10",
        "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "arcsinh",
        "arccosh", "arctanh", "abs", "sign", "angle", "sinc")},
    "rsqrt": lax.rsqrt, "logistic": lax.logistic, "product": lambda z: z * z,
    "size": lambda z: jnp.real(z * jnp.conj(z)), "power": lambda z: z**0.5,
    **{f"power {n}": lambda z, n=n: z**n for n in (2, 3, 7, -1, -2, -3)},
}  # fmt: skip
BINARY = {"times": jnp.multiply, "by": jnp.divide, "plus": jnp.add, "to": jnp.power}


def parts(dtype, finite=False):
    info = np.finfo(dtype)
    large = float(info.max) ** 0.52
    numbers = [0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 4 * float(info.tiny),
               3 * float(info.smallest_subnormal), 1 / large, large, -large, 0.6 * float(info.max)]
    return numbers if finite else [*numbers, np.inf, -np.inf, np.nan]


def corners(dtype, finite=False):
    real, imag = np.meshgrid(parts(dtype, finite), parts(dtype, finite))
    z = np.empty(real.size, dtype)
    z.real, z.imag = real.ravel(), imag.ravel()
    return z


def same(got, want):
    """Equal but for rounding, part by part: infinities and nan are where they are."""
    views = [np.asarray(x).view(np.finfo(x.dtype).dtype) for x in (got, want)]
    eps = float(np.finfo(got.dtype).eps)
    size = np.repeat(np.abs(want), 2) if np.iscomplexobj(want) else np.abs(want)
    size = np.where(np.isfinite(size), size, np.nan_to_num(np.abs(views[1]), posinf=0))
    with np.errstate(all="ignore"):
        close = np.abs(views[0] - views[1]) <= 64 * eps * size + 1e3 * float(
            np.finfo(got.dtype).smallest_subnormal)
    return close | (views[0] == views[1]) | (np.isnan(views[0]) & np.isnan(views[1]))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_functions_compiled_and_eager(name, dtype):
    z = corners(dtype)
    with np.errstate(all="ignore"):
        eager = np.asarray(UNARY[name](jnp.asarray(z)))
        assert np.all(same(np.asarray(ingot.jit(UNARY[name])(z)), eager))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_operations_compiled_and_eager(name, dtype):
    z, w = (x.ravel() for x in np.meshgrid(corners(dtype)[::2], corners(dtype)[1::2]))
    with np.errstate(all="ignore"):
        eager = np.asarray(BINARY[name](jnp.asarray(z), jnp.asarray(w)))
        compiled = np.asarray(ingot.jit(BINARY[name])(z, w))
    assert np.all(same(compiled, eager) | ~np.repeat(np.isfinite(eager), 2))
    np.testing.assert_array_equal(np.isfinite(compiled), np.isfinite(eager))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, -2])
def test_squares_are_right_where_their_terms_overflow(n, dtype):
    info = np.finfo(dtype)
    z = corners(dtype, finite=True)
    z = z[np.abs(z) >= info.tiny]
    with np.errstate(all="ignore"):
        got = np.asarray(jnp.asarray(z) ** n)
        for value, out in zip(z, got, strict=True):
            a, b = Fraction(float(value.real)), Fraction(float(value.imag))
            real, imag = a * a - b * b, 2 * a * b
            if n < 0:
                real, imag = (x / (a * a + b * b) ** 2 for x in (real, -imag))
            for part, want in ((out.real, real), (out.imag, imag)):
                if abs(want) > info.max:
                    assert part == np.copysign(np.inf, float(np.sign(want)))
                else:
                    slack = 16 * Fraction(float(info.eps)) * max(abs(real), abs(imag))
                    assert abs(Fraction(float(part)) - want) <= slack + Fraction(float(info.tiny))
