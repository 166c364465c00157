"""What the array API standard promises beyond NumPy: special values, inspection, exchange."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy

import ingot
import ingot.numpy as jnp
from ingot.config import config

INF, NAN = np.inf, np.nan
VALUES = [0.0, -0.0, 1.0, -1.0, 0.3, 2.5, -2.5, INF, -INF, NAN]
PAIRS = [np.array(p) for p in zip(*[(x, y) for x in VALUES for y in VALUES], strict=True)]


def same(x, y):
    """Equal with the signs of zeros, or both nan."""
    x, y = np.asarray(x), np.asarray(y)
    return (x == y) & (np.signbit(x) == np.signbit(y)) | (np.isnan(x) & np.isnan(y))


def ways(function):
    return pytest.mark.parametrize("way", [function, ingot.jit(function)], ids=["eager", "jit"])


@ways(jnp.floor_divide)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floor_divide_is_the_floor_of_the_quotient(way, dtype):
    x, y = (p.astype(dtype) for p in PAIRS)
    with np.errstate(all="ignore"):
        special = ~(np.isfinite(x) & np.isfinite(y)) | (x == 0)
        want = np.where(special, np.floor(x / y), np.floor_divide(x, y))
        # NumPy's -1.0 // -2.5 is 0.0, and so is ours.
        assert same(way(x, y), want).all()


@ways(jnp.remainder)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_zero_remainders_have_the_sign_of_the_divisor(way, dtype):
    x, y = (p.astype(dtype) for p in PAIRS)
    with np.errstate(all="ignore"):
        assert same(way(x, y), np.remainder(x, y)).all()


def test_remainder_has_a_derivative_at_multiples():
    for y in (2.0, -2.0):
        for x in (4.0, -4.0, 3.0, -1.0):
            dx, dy = ingot.grad(jnp.remainder, (0, 1))(x, y)
            assert dx == 1 and dy == -np.floor(x / y)


@ways(jnp.expm1)
def test_complex_expm1_at_infinities_and_zeros(way):
    cases = {complex(INF, 0): complex(INF, 0), complex(-INF, INF): -1, complex(-INF, NAN): -1,
             complex(INF, INF): complex(INF, NAN), complex(INF, NAN): complex(INF, NAN),
             complex(NAN, 0): complex(NAN, 0), complex(-0.0, 0): 0, complex(0, 0): 0}
    got = np.asarray(way(jnp.array(list(cases))))
    want = np.array(list(cases.values()), complex)
    assert same(got.real, want.real).all()
    assert same(np.abs(got.imag), np.abs(want.imag)).all()


@ways(jnp.expm1)
def test_complex_expm1_keeps_its_digits_near_zero(way):
    import mpmath

    z = np.array([1e-9 + 1e-9j, 1e-3 - 2e-5j, -1e-20 + 3e-10j, 2 + 3j, -40 + 1j])
    for got, at in zip(np.asarray(way(z)), z, strict=True):
        with mpmath.workdps(60):
            want = mpmath.exp(mpmath.mpc(at)) - 1
        assert abs(complex(got) - complex(want)) <= 4e-16 * abs(complex(want))


@ways(jnp.tanh)
def test_complex_tanh_at_infinities(way):
    z = np.array([complex(s * INF, y) for s in (1, -1) for y in (2.0, -2.0, 5.9e16, 0.0, -0.0)])
    got = np.asarray(way(z))
    assert same(got.real, np.sign(z.real)).all() and same(got.imag, np.copysign(0, z.imag)).all()


def test_often_called_functions_keep_these_values():
    """The loops of NumPy that take over after a few calls give other ones for complex numbers."""
    z = jnp.array([1 + 2j])
    cases = [(jnp.expm1, complex(-INF, NAN), -1), (jnp.tanh, complex(INF, -2), 1)]
    for function, at, want in cases:
        for _ in range(8):
            function(z)
        assert np.asarray(function(jnp.array([at]))).real[0] == want


def test_sign_of_minus_zero_is_zero():
    for way in (jnp.sign, ingot.jit(jnp.sign)):
        assert same(way(np.array([-0.0, 0.0, -3.0, NAN])), [0.0, 0.0, -1.0, NAN]).all()


def test_inspection():
    info = jnp.__array_namespace_info__()
    assert jnp.__array_api_version__ == "2024.12"
    assert info.default_dtypes()["real floating"] == np.float64
    names = list(info.dtypes(kind=("bool", "complex floating")))
    assert names == ["bool", "complex64", "complex128"]
    assert info.default_device() in info.devices()
    with config.override("enable_x64", False):
        assert "int64" not in info.dtypes() and info.default_dtypes()["indexing"] == np.int32
    with pytest.raises(ValueError, match="unknown kind 'floats'; the kinds are bool"):
        info.dtypes(kind="floats")
    x = jnp.ones(2)
    assert x.__array_namespace__(api_version="2023.12") is jnp
    with pytest.raises(ValueError, match="1999.01"):
        x.__array_namespace__(api_version="1999.01")


def test_dtypes_of_the_standard():
    assert jnp.searchsorted(jnp.arange(3.0), 1.0).dtype == np.int64
    assert jnp.digitize(jnp.arange(3.0), jnp.arange(3.0)).dtype == np.int64
    assert jnp.cumulative_prod(jnp.arange(3, dtype="uint8")).dtype == np.uint64
    with config.override("match_jax", True):
        assert jnp.searchsorted(jnp.arange(3.0), 1.0).dtype == np.int32
        assert isinstance(jnp.finfo("float32").eps, np.float32)
    for dtype in ("float32", "complex64", "bfloat16", "float64"):
        limits = jnp.finfo(dtype)
        assert type(limits.eps) is float and type(limits.max) is float


def test_exchange_of_memory():
    x = jnp.arange(3.0)
    view = np.from_dlpack(x, copy=False) if np.__version__ >= "2.1" else np.asarray(x)
    assert not view.flags.writeable and np.shares_memory(view, np.asarray(x))
    assert not np.shares_memory(np.from_dlpack(x), np.asarray(x))
    assert jnp.from_dlpack(x, copy=False) is x
    with pytest.raises(BufferError, match="on the CPU"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="immutable"):
        x.__dlpack__(copy=False)
    with pytest.raises(ValueError, match="one of ingot.devices"):
        x.to_device("gpu")
    assert x.to_device(x.device) is x


def test_ranges_and_diagonals_at_their_limits():
    assert jnp.arange(0, step=2.0).shape == (0,)
    assert jnp.arange(-5, None, 2).shape == (0,)
    assert jnp.arange(5, step=2).tolist() == jnp.arange(stop=5, step=2).tolist() == [0, 2, 4]
    assert not jnp.eye(3, 2, k=2**40).any() and not jnp.eye(3, 2, k=-(2**40)).any()


@pytest.mark.parametrize("lead", [(0,), (2, 0), (0, 0)])
def test_empty_stacks_of_systems(lead):
    for n in (0, 2):
        a = jnp.zeros((*lead, n, n), "float32")
        assert jnp.linalg.inv(a).shape == np.linalg.inv(np.asarray(a)).shape
        assert jnp.linalg.solve(a, a).dtype == np.float32


PROGRAM = """
import ingot.as_jax
import jax, jax.numpy as jnp, numpy as np
import scipy.special, scipy.stats, scipy.fft, scipy.signal, scipy.ndimage, scipy.linalg
x = jnp.linspace(0.1, 1.0, 12)
a = jnp.eye(4) + 0.1
for value in [scipy.special.logsumexp(x), scipy.special.softmax(x), scipy.special.betainc(x, x, x),
              scipy.stats.zscore(x), scipy.stats.skew(x), scipy.fft.rfft(x),
              scipy.signal.fftconvolve(x, x), scipy.ndimage.gaussian_filter(a, 1.0),
              scipy.stats.pearsonr(x, x**2)[0]]:
    assert isinstance(value, jax.Array), type(value)
"""


@pytest.mark.skipif(tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 17),
                    reason="earlier versions of SciPy know few functions for JAX's arrays")
def test_scipy_works_on_arrays_under_the_hook():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, env={
        **os.environ, "SCIPY_ARRAY_API": "1", "JAX_ENABLE_X64": "1"})


def test_scipy_takes_native_arrays():
    import scipy.special
    import scipy.stats

    x = jnp.linspace(0.1, 1.0, 12)
    assert np.allclose(scipy.special.logsumexp(x), jnp.log(jnp.exp(x).sum()))
    assert np.allclose(scipy.stats.zscore(x), (x - x.mean()) / x.std())
