"""Functions of complex numbers are compiled, to a few eps in each part."""

import mpmath
import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax

DTYPES = (np.complex64, np.complex128)
COMPILED = {
    **{name: getattr(jnp, name) for name in (
        "abs", "sqrt", "log", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sign", "exp",
        "expm1", "exp2", "log1p", "log2", "arcsin", "arccos", "arctan", "arcsinh", "arccosh",
        "arctanh", "reciprocal", "angle", "square")},
    "to a power": lambda z: z**z, "large power": lambda z: z**40,
    "quotient": lambda z: (z + 1) / z, "rsqrt": lax.rsqrt, "logistic": lax.logistic,
    "power": lambda z: z**-3, "real quotient": lambda z: z / 3.0,
}  # fmt: skip
EXACT = {name: name for name in ("sqrt", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")}
EXACT |= {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
EXACT["log1p"] = "log1p"
AT_ANY_SIZE = {"sqrt", "log", *(name for name in EXACT if name.startswith("arc"))}


def points(dtype, far=True):
    """Numbers of ordinary size, close to the unit circle and to multiples of pi/2, and of any size.
    """
    rng, most = np.random.default_rng(0), np.finfo(dtype).maxexp * 0.95
    plane = 3 * rng.normal(size=(80, 2)) @ [1, 1j]
    circle = (1 + rng.normal(size=80) * 10.0 ** rng.uniform(-8, -1, 80)) * np.exp(
        1j * rng.uniform(-np.pi, np.pi, 80))
    multiples = np.pi / 2 * np.arange(-10, 11)
    near = rng.normal(size=21) * 1e-3
    parts = [plane, circle, 1j * multiples + near, multiples + 1j * near]
    if far:
        parts.append((rng.normal(size=(80, 2)) * 2.0 ** rng.uniform(-most, most, (80, 2)))
                     @ [1, 1j])
    return np.concatenate(parts).astype(dtype)


@pytest.mark.llvm("host calls")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", COMPILED)
def test_no_host_calls(name, dtype):
    z = jnp.asarray(points(dtype))
    found = ingot.jit(COMPILED[name]).lower(z).compile().cost_analysis()
    assert found["host calls"] == 0


def errors(got, exact, dtype):
    """The error of a part in units of its eps, or of the smallest numbers."""
    info = np.finfo(dtype)
    for value, want in zip(got, exact, strict=True):
        unit = float(info.eps) * abs(want) + 4 * float(info.smallest_subnormal)
        yield float(abs(mpmath.mpf(float(value)) - want) / unit)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_parts_are_right(name, dtype):
    z = points(dtype, far=name in AT_ANY_SIZE)
    got = np.asarray(ingot.jit(getattr(jnp, name))(z))
    with mpmath.workprec(2300 if dtype == np.complex128 and name[:6] == "arctan" else 320):
        exact = [getattr(mpmath, EXACT[name])(mpmath.mpc(complex(x))) for x in z]
        for part in ("real", "imag"):
            wanted = [getattr(x, part) for x in exact]
            assert max(errors(getattr(got, part), wanted, dtype)) <= 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_moduli_are_right(dtype):
    z = points(dtype)
    got = np.asarray(ingot.jit(jnp.abs)(z))
    with mpmath.workdps(60):
        assert max(errors(got, [abs(mpmath.mpc(complex(x))) for x in z], dtype)) <= 1
