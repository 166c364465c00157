"""Complex numbers near overflow and underflow, and with infinite parts: compiled functions give
what eager ones do, and powers are right."""

from fractions import Fraction

import mpmath
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
OF_INFINITIES = ("sinc",)
"""Quotients of what has overflowed, which may be nan or infinite in either part."""

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
        compiled = np.asarray(ingot.jit(UNARY[name])(z))
    undetermined = name in OF_INFINITIES and ~np.repeat(np.isfinite(eager), 2)
    assert np.all(same(compiled, eager) | undetermined)
    np.testing.assert_array_equal(np.isfinite(compiled), np.isfinite(eager))


CUTS = {"log": -2, "log1p": -3, "log2": -2, "sqrt": -2, "arcsin": 2, "arccos": 2, "arctan": 2j,
        "arcsinh": 2j, "arccosh": 0.5, "arctanh": 2}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CUTS)
def test_sides_of_cuts(name, dtype):
    """A signed zero says from which side a cut is seen: the value is that of a point close by."""
    place = complex(CUTS[name])
    for sign in (1, -1):
        if place.real:
            near = complex(place.real, sign * 1e-30)
            on_cut = complex(place.real, sign * 0.0)
        else:
            near, on_cut = complex(sign * 1e-30, place.imag), complex(sign * 0.0, place.imag)
        for f in (getattr(jnp, name), ingot.jit(getattr(jnp, name))):
            got, beside = (np.asarray(f(np.full(2, z, dtype)))[0] for z in (on_cut, near))
            np.testing.assert_allclose(got, beside, rtol=4 * np.finfo(dtype).eps, atol=1e-29)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_operations_compiled_and_eager(name, dtype):
    z, w = (x.ravel() for x in np.meshgrid(corners(dtype)[::2], corners(dtype)[1::2]))
    with np.errstate(all="ignore"):
        eager = np.asarray(BINARY[name](jnp.asarray(z), jnp.asarray(w)))
        compiled = np.asarray(ingot.jit(BINARY[name])(z, w))
        noise = name == "to" and np.abs(w * np.log(z)) > 1e12  # an angle without digits
    assert np.all(same(compiled, eager) | ~np.repeat(np.isfinite(eager) & ~noise, 2))
    np.testing.assert_array_equal((np.isfinite(compiled) | noise), np.isfinite(eager) | noise)


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


# ---- against exact values ------------------------------------------------------------------------
POWERS = (0.5, -0.5, 1.25, -2.5, 3.0, 17.0, 0.25 + 0.75j, -1.5j)
EXACT = {
    "reciprocal": (jnp.reciprocal, lambda z: 1 / z),
    "sign": (jnp.sign, lambda z: z / abs(z)),
    "exp2": (jnp.exp2, lambda z: mpmath.mpf(2) ** z),
    "logistic": (lax.logistic, lambda z: 1 / (1 + mpmath.exp(-z))),
    "large power": (lambda z: jnp.power(z, 4000.0), lambda z: z ** 4000),
    **{f"power {p}": (lambda z, p=p: jnp.power(z, p), lambda z, p=p: z ** mpmath.mpmathify(p))
       for p in POWERS},
}


def all_sizes(dtype):
    """Corners, and numbers whose parts have any size."""
    info, rng = np.finfo(dtype), np.random.default_rng(0)
    sizes = rng.uniform(np.log2(float(info.smallest_subnormal)) + 1,
                        np.log2(float(info.max)) - 1, (2, 60))
    angles = rng.uniform(-np.pi, np.pi, 60)
    apart = np.exp2(sizes) * rng.choice([-1.0, 1.0], (2, 60))
    near = np.exp2(sizes[0])
    z = [apart[0] + 1j * apart[1], near * np.cos(angles) + 1j * near * np.sin(angles)]
    return np.concatenate([corners(dtype, finite=True), *(x.astype(dtype) for x in z)])


def check_values(got, want, dtype, eps):
    """Within so many eps of the size, or two of the smallest numbers."""
    info = np.finfo(dtype)
    for value, exact in zip(got, want, strict=True):
        if abs(exact) <= info.max:
            error = abs(mpmath.mpmathify(complex(value)) - exact)
            slack = eps * float(info.eps) * abs(exact) + 2 * float(info.smallest_subnormal)
            assert error <= slack, (value, exact)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_values_at_all_sizes(name, dtype):
    fun, exact = EXACT[name]
    z = all_sizes(dtype)
    z = z[(z != 0) & ~((z.imag == 0) & np.signbit(z.imag))]  # mpmath has one zero
    if name == "large power":  # at the ends of what r^c has room for
        z = np.exp(np.linspace(-0.2, 0.2, 300) + 1j * np.linspace(0, 3, 300)).astype(dtype)
    if name in ("exp2", "logistic"):  # whose values are 0 or infinite elsewhere
        z = z[np.maximum(np.abs(z.real), np.abs(z.imag)) < 1000]
    with mpmath.workprec(1200):
        want = [exact(mpmath.mpmathify(complex(x))) for x in z]
        for f in (fun, ingot.jit(fun)):
            eps = 2e4 if name == "large power" else 8  # whose angle has lost digits
            check_values(np.asarray(f(jnp.asarray(z))), want, dtype, eps)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
def test_quotients_at_all_sizes(dtype):
    z, rng = all_sizes(dtype), np.random.default_rng(1)
    x, y = (rng.permutation(np.tile(z, 3)) for _ in range(2))
    x, y = x[y != 0], y[y != 0]
    with mpmath.workprec(1200):
        want = [mpmath.mpmathify(complex(a)) / complex(b) for a, b in zip(x, y, strict=True)]
        for f in (jnp.divide, ingot.jit(jnp.divide)):
            check_values(np.asarray(f(x, y)), want, dtype, 4)
