"""Fourier transforms in compiled programs: the same bits as outside, for all forms of lines."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot.kernel import numpy_fft
from ingot.kernel.schedule import SCHEDULE
from ingot.primitives import fft

SHAPES = [(1,), (2,), (5,), (64,), (1000,), (9, 100), (3, 4, 5), (7, 65, 8), (37, 1), (5, 997),
          (256, 131), (4, 64, 130)]


def draw(shape, dtype):
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(2, *shape))
    return (parts[0] + 1j * parts[1] if np.dtype(dtype).kind == "c" else parts[0]).astype(dtype)


def cases(x):
    """Kinds and lengths of all transforms of an array."""
    for rank in range(1, min(x.ndim, 3) + 1):
        *others, n = x.shape[x.ndim - rank :]
        if x.dtype.kind == "f":
            yield from (("FFT", (*others, n)), ("RFFT", (*others, n)))
        else:
            yield from (("FFT", (*others, n)), ("IFFT", (*others, n)))
            yield from (("IRFFT", (*others, m)) for m in (2 * n - 2, 2 * n - 1) if m)


def same_bits(x, y):
    x, y = np.asarray(x), np.asarray(y)
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


@pytest.fixture(params=[SCHEDULE.fft_column_span, 0], ids=["", "tiles"])
def columns(request):
    """From where on columns are copied to be rows."""
    ingot.clear_caches()
    with SCHEDULE.override(fft_column_span=request.param):
        yield
    ingot.clear_caches()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_compiled_transforms_give_the_bits_of_eager_ones(dtype, columns):
    for shape in SHAPES:
        x = draw(shape, dtype)
        for kind, lengths in cases(x):
            def f(v, kind=kind, lengths=lengths):
                return fft.fft(v, kind, lengths)

            assert same_bits(ingot.jit(f)(x), f(x)), (shape, kind, lengths)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_transforms_have_the_precision_of_their_dtype(dtype):
    x = draw((3, 1009), dtype)
    got = np.asarray(ingot.jit(lambda v: jnp.fft.fft(v))(x))
    want = np.fft.fft(x.astype(np.complex128))
    assert got.dtype == dtype
    assert np.abs(got - want).max() < 20 * np.finfo(dtype).eps * np.abs(want).max()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_axes_that_are_not_the_last_one(axis):
    x = draw((6, 10, 14), np.float64)
    got = ingot.jit(lambda v: jnp.fft.fft(v.transpose(2, 0, 1), axis=axis))(x)
    np.testing.assert_allclose(got, np.fft.fft(x.transpose(2, 0, 1), axis=axis), atol=1e-13)


def test_results_do_not_depend_on_the_number_of_threads():
    x = draw((300, 1024), np.complex64)
    f = ingot.jit(lambda v: jnp.fft.ifft(jnp.fft.fft(v), axis=0))
    threads = ingot.get_num_threads()
    try:
        results = []
        for n in (1, 2, 3):
            ingot.set_num_threads(n)
            results += [np.asarray(f(x)) for _ in range(3)]
    finally:
        ingot.set_num_threads(threads)
    assert all(same_bits(results[0], other) for other in results)


@pytest.mark.native("NumPy's loops are found by their place in an object")
def test_transforms_in_loops_call_no_python():
    x = draw((5, 32), np.float64)

    def filtered(v):
        return jnp.fft.irfft(jnp.fft.rfft(v) * 0.5, 32)

    f = ingot.jit(lambda xs: ingot.lax.scan(lambda c, v: (c + filtered(v), c), xs[0], xs))
    carry, _ = f(x)
    np.testing.assert_allclose(carry, x[0] + 0.5 * x.sum(0), atol=1e-14)
    assert f.lower(x).compile().cost_analysis()["host calls"] == 0


def test_spectra_of_real_numbers_have_no_negative_zeros_by_symmetry():
    for f in (lambda v: jnp.fft.fft(v), ingot.jit(lambda v: jnp.fft.fft(v))):
        assert not np.signbit(np.asarray(f(np.ones(9))).imag[5:]).any()


def test_without_numpys_loops_python_is_called(monkeypatch):
    monkeypatch.setattr(numpy_fft, "available", lambda build, dtype: False)
    x = draw((4, 6), np.float64)
    f = ingot.jit(lambda v: jnp.fft.fft2(v) * 3)
    np.testing.assert_allclose(f(x), np.fft.fft2(x) * 3, atol=1e-13)
    assert f.lower(x).compile().cost_analysis()["host calls"] == 1
