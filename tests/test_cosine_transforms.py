"""Discrete cosine and sine transforms of every type and norm beside SciPy's."""

import numpy as np
import pytest
import scipy.fft

import ingot
from ingot.scipy import fft

X = np.random.RandomState(0).randn(3, 7)


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["dct", "idct", "dst", "idst"])
def test_beside_scipy(name, kind, norm):
    fun, theirs = getattr(fft, name), getattr(scipy.fft, name)
    for n, axis in ((None, -1), (4, 1), (10, 1), (2, 0), (3, 0)):
        want = theirs(X, kind, n, axis, norm)
        np.testing.assert_allclose(fun(X, kind, n, axis, norm), want, rtol=1e-13, atol=1e-13)
    out = ingot.jit(fun, static_argnums=1)(np.float32(X), kind)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, theirs(X, kind), rtol=1e-5, atol=1e-5)
    several, whole = getattr(fft, name + "n"), getattr(scipy.fft, name + "n")
    np.testing.assert_allclose(several(X, kind, norm=norm), whole(X, kind, norm=norm), rtol=1e-13,
                               atol=1e-13)
    back = getattr(fft, name.removeprefix("i") if name[0] == "i" else "i" + name)
    np.testing.assert_allclose(back(fun(X, kind, norm=norm), kind, norm=norm), X, atol=1e-13)
    # A linear map: the transform of the tangent, and a transpose that agrees with it.
    ct = np.random.RandomState(1).randn(3, 7)
    y, pull = ingot.vjp(lambda x: fun(x, kind, norm=norm), X)
    (back_ct,) = pull(ct)
    np.testing.assert_allclose((back_ct * X).sum(), (ct * y).sum(), rtol=1e-12)


def test_long_and_short_lengths_and_errors():
    for n in (1, 2, 97, 256, 1000):
        x = np.random.RandomState(n).randn(n)
        for kind in (2, 3, 4) if n == 1 else (1, 2, 3, 4):
            for name in ("dct", "dst"):
                want = getattr(scipy.fft, name)(x, kind)
                np.testing.assert_allclose(getattr(fft, name)(x, kind), want, rtol=1e-12,
                                           atol=1e-12 * n)
    with pytest.raises(ValueError, match="dst: type must be 1, 2, 3 or 4, got 5"):
        fft.dst(X, 5)
    with pytest.raises(ValueError, match="type 1 needs a length of at least 2"):
        fft.dct(X, 1, 1)
    with pytest.raises(ValueError, match="norm must be one of"):
        fft.dct(X, norm="other")
