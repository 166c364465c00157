"""Interpolation on grids and between samples beside SciPy's."""

import numpy as np
import pytest
import scipy.interpolate
import scipy.ndimage

import ingot
from ingot.scipy import interpolate, ndimage
from ingot.scipy.interpolate import RegularGridInterpolator

R = np.random.RandomState(0)
GRID = [np.sort(R.rand(7)), np.sort(R.rand(8)) * 3]
VALUES = R.randn(7, 8, 2)
AT = np.stack([R.uniform(g[0], g[-1], 20) for g in GRID], -1)


@pytest.mark.parametrize("method", ["linear", "nearest", "slinear", "cubic", "quintic"])
def test_grid_methods(method):
    # SciPy's splines under their own names are solved for to 1e-6 only.
    exact = method + "_legacy" if method in ("slinear", "cubic", "quintic") else method
    theirs = scipy.interpolate.RegularGridInterpolator(GRID, VALUES, exact, False)
    ours = RegularGridInterpolator(GRID, VALUES, method)
    for fun in (ours, ingot.jit(ours)):
        np.testing.assert_allclose(fun(AT), theirs(AT), rtol=1e-9, atol=1e-10)
    outside = np.array([[-1.0, 0.5], [0.5, 9.0]])
    assert np.isnan(np.asarray(ours(outside))).all()
    if method != "nearest":
        slope = ingot.grad(lambda x: ours(x)[0, 0])(AT[:1])
        for i in range(2):
            step = np.eye(2)[i] * 1e-6
            want = (theirs(AT[:1] + step) - theirs(AT[:1] - step))[0, 0] / 2e-6
            np.testing.assert_allclose(slope[0, i], want, rtol=1e-5, atol=1e-5)
        _, pull = ingot.vjp(lambda v: RegularGridInterpolator(GRID, v, method)(AT), VALUES)
        ct = R.randn(20, 2)
        np.testing.assert_allclose((pull(ct)[0] * VALUES).sum(), (ct * ours(AT)).sum(), rtol=1e-9)
        wide = RegularGridInterpolator(GRID, VALUES, method, fill_value=None)
        beyond = scipy.interpolate.RegularGridInterpolator(GRID, VALUES, exact, False, None)
        near = np.array([[GRID[0][0] - 0.01, 0.5], [0.5, GRID[1][-1] + 0.01]])
        np.testing.assert_allclose(wide(near), beyond(near), rtol=1e-7, atol=1e-8)


def test_an_axis_of_one_point_and_too_few_points():
    x, v = [np.array([2.0]), np.arange(3.0)], R.randn(1, 3)
    at = np.array([[2.0, 0.5], [2.0, 2.0], [2.5, 1.0]])
    for method in ("linear", "nearest"):
        theirs = scipy.interpolate.RegularGridInterpolator(x, v, method, False)
        np.testing.assert_allclose(RegularGridInterpolator(x, v, method)(at), theirs(at))
    np.testing.assert_allclose(RegularGridInterpolator(x, v, fill_value=None)(at)[2], v[0, 1])
    with pytest.raises(ValueError, match="degree 3 needs more than 3 points an axis, got 1"):
        RegularGridInterpolator(x, v, "cubic")(at)
    with pytest.raises(ValueError, match="method must be one of"):
        RegularGridInterpolator(x, v, "other")


MODES = ["constant", "grid-constant", "nearest", "wrap", "grid-wrap", "mirror", "reflect",
         "grid-mirror"]
IMAGE = R.randn(9, 6)
PLACES = [np.r_[R.uniform(-7, 16, 40), 0, 8, 3, -30], np.r_[R.uniform(-5, 11, 40), 5, 0, 2, 30]]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_splines_between_samples(order, mode):
    theirs, ours = scipy.ndimage.map_coordinates, ndimage.map_coordinates
    want = theirs(IMAGE, PLACES, order=order, mode=mode, cval=0.7)
    if mode == "nearest":  # far outside SciPy is off by what its padding of 12 samples leaves
        want[-1] = IMAGE[0, -1]
    np.testing.assert_allclose(ours(IMAGE, PLACES, order, mode, 0.7), want, rtol=1e-11, atol=1e-12)
    if order == 3 or mode == "mirror":  # each order and each mode is compiled once
        compiled = ingot.jit(lambda x, *c: ours(x, c, order, mode, 0.7))
        np.testing.assert_allclose(compiled(IMAGE, *PLACES), want, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(ndimage.spline_filter(IMAGE, order, mode=mode),
                               scipy.ndimage.spline_filter(IMAGE, order, mode=mode), rtol=1e-11)
    single = ours(np.float32(IMAGE), PLACES, order, mode, 0.7)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, want, rtol=1e-3, atol=1e-4)


def test_derivatives_of_splines_and_errors():
    at = [np.array([2.3, 4.9]), np.array([1.2, 3.6])]
    _, pull = ingot.vjp(lambda x, a, b: ndimage.map_coordinates(x, [a, b], 3), IMAGE, *at)
    ct, step = np.array([0.7, -1.1]), 1e-6
    grads = pull(ct)
    for i in range(2):
        up, down = ([a + s * (i == j) for j, a in enumerate(at)] for s in (step, -step))
        want = [scipy.ndimage.map_coordinates(IMAGE, p, order=3) for p in (up, down)]
        np.testing.assert_allclose(grads[i + 1], ct * (want[0] - want[1]) / 2 / step, rtol=1e-7)
    np.testing.assert_allclose((grads[0] * IMAGE).sum(), (
        ct * scipy.ndimage.map_coordinates(IMAGE, at, order=3)).sum(), rtol=1e-11)
    whole = np.arange(20).reshape(4, 5)
    np.testing.assert_array_equal(ndimage.map_coordinates(whole, at, 3), np.round(
        scipy.ndimage.map_coordinates(whole.astype(float), at, order=3)))
    with pytest.raises(NotImplementedError, match="order must be from 0 to 5, got 6"):
        ndimage.map_coordinates(IMAGE, at, 6)
    with pytest.raises(ValueError, match="order must be from 0 to 5"):
        ndimage.spline_filter1d(IMAGE, 6)


def test_monotone_cubics_beside_scipy():
    x = np.array([0.0, 1, 2.5, 3, 7])
    y = np.array([[0.0, 3], [1, 2], [1, -1], [4, 0], [3.0, 9]])
    at = np.append(np.linspace(-1, 8, 23), np.nan).reshape(4, 6)
    for given in ((x, y), (x[:2], y[:2]), (x[:3], y[:3]), (x, y.T, 1), (x, y.T, -1, False)):
        ours, theirs = interpolate.PchipInterpolator(*given), scipy.interpolate.PchipInterpolator(
            *given)
        np.testing.assert_allclose(ours(at), theirs(at), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ingot.jit(ours)(at), theirs(at), rtol=1e-12, atol=1e-12)
    curve = scipy.interpolate.PchipInterpolator(x, y[:, 0])
    slope = ingot.grad(lambda q: interpolate.pchip_interpolate(x, y[:, 0], q))
    for q in (0.3, 2.7, 6.5, 7.5):
        np.testing.assert_allclose(slope(q), curve.derivative()(q), rtol=1e-12)
    values = np.random.default_rng(0).normal(size=(5, 4, 2))
    points = np.random.default_rng(1).uniform(0, 3, (9, 2))
    grid = [x, np.arange(4.0)]
    ours = interpolate.RegularGridInterpolator(grid, values, "pchip")(points)
    theirs = scipy.interpolate.RegularGridInterpolator(grid, values, "pchip")(points)
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)
    with pytest.raises(ValueError, match="ascending"):
        interpolate.PchipInterpolator(x[::-1], y)
    with pytest.raises(ValueError, match="as many"):
        interpolate.PchipInterpolator(x, y[:3])
