"""Values beside NumPy's and SciPy's where ordinary examples do not reach."""

import itertools
import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.ndimage
from scipy.integrate import solve_ivp

import ingot
from ingot import numpy as jnp
from ingot.experimental.ode import odeint
from ingot.scipy import ndimage

NAN, INF = np.nan, np.inf


def close(ours, theirs, rtol=1e-12, atol=0.0):
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=rtol, atol=atol)


# ---- searching -----------------------------------------------------------------------------------
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("bins", [
    [1, 2, 3], [3, 2, 1], [1, 1, 3], [3, 3, 1], [2, 2], [2], [3.0, 2.5, -INF], [INF, 2, 1], []])
def test_digitize_at_edges(bins, right):
    x = np.array([2, 3, 1, 0, 4, 2.5, NAN, INF, -INF])
    want = np.digitize(x, np.asarray(bins, float), right)
    np.testing.assert_array_equal(jnp.digitize(x, np.asarray(bins, float), right), want)
    np.testing.assert_array_equal(ingot.jit(jnp.digitize, static_argnums=2)(
        x, np.asarray(bins, float), right), want)


@pytest.mark.parametrize("method", ["scan", "sort", "compare_all"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_with_nan_sorter_and_mixed_dtypes(side, method):
    a = np.array([3.0, NAN, -INF, 1, 1, -0.0, INF])
    order = np.argsort(a)
    for v in (np.array([NAN, 0.0, 1.0, INF, -INF, 2.5]), np.array([[1, 3]]), np.float32(1),
              np.array([True, False])):
        want = np.searchsorted(a, v, side, order)
        np.testing.assert_array_equal(jnp.searchsorted(a, v, side, order, method=method), want)
    np.testing.assert_array_equal(
        jnp.searchsorted(np.array([1, 5, 300]), np.array([4.5, 1e9]), side, method=method), [1, 3])


# ---- interpolation -------------------------------------------------------------------------------
ENDS = [-INF, INF, 0.0, 1.0, -3e38, 3e38, NAN]


def test_interp_beside_infinite_values():
    x = np.array([-1, 0, 0.25, 1, 1.5, 2, 3, NAN, INF, -INF])
    with np.errstate(all="ignore"):
        for fp in itertools.product(ENDS, ENDS, ENDS[:4]):
            want = np.interp(x, [0.0, 1, 2], fp)
            close(jnp.interp(x, np.array([0.0, 1, 2]), np.array(fp)), want)
            single = jnp.interp(x.astype("f"), np.array([0, 1, 2], "f"), np.array(fp, "f"))
            close(single, want, 1e-6)
        for xp in ([-INF, 0, 1], [-INF, 0, INF], [0, 1, INF], [0, 0, 1], [0, 1e-40, 1]):
            close(jnp.interp(x, np.array(xp), np.array([1.0, 2, 4])),
                  np.interp(x, xp, [1.0, 2, 4]))
    gradient = ingot.grad(lambda fp: jnp.interp(0.5, np.array([0.0, 1, 2]), fp))
    close(gradient(np.array([1.0, 2, INF])), [0.5, 0.5, 0])


def test_interp_of_close_points():
    xp = np.array([0, 1e-15, 2e-15], "f")
    close(jnp.interp(np.float32(0.5e-15), xp, np.array([0, 1, 2], "f")), 0.5, 1e-6)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("mode", ["constant", "grid-constant", "nearest", "wrap", "grid-wrap",
                                  "mirror", "reflect", "grid-mirror"])
def test_map_coordinates_beyond_the_edges(mode, order):
    x = np.array([[1.0, 2, 4], [8, 16, 32]])
    places = np.array([-1.2, -0.6, -0.25, 0, 0.3, 0.5, 1, 1.2, 1.7, 2, 2.25, 2.5, 2.6, 3.1, 4.2])
    rows, columns = np.meshgrid(places, places, indexing="ij")
    want = scipy.ndimage.map_coordinates(x, [rows, columns], order=order, mode=mode, cval=9.0)
    close(ndimage.map_coordinates(x, [rows, columns], order, mode, 9.0), want)
    close(ingot.jit(lambda x: ndimage.map_coordinates(x, [rows, columns], order, mode, 9.0))(x),
          want)


def test_map_coordinates_at_samples_beside_infinite_ones():
    x = np.array([1.0, 2, INF, NAN])
    close(ndimage.map_coordinates(x, [np.array([0.0, 1, 1.5])], 1), [1, 2, INF])


# ---- differential equations ----------------------------------------------------------------------
TIMES = [[1.0, 0.5, -1], [0.0, 1, 0.5, 2, -1], [0.0, 0, 1, 1, 0], [1.0, 1], [3.0], [2.0, 2, 1],
         [-1.0, -2], [0.0, 1e-12, -1e-12]]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("ts", TIMES, ids=str)
def test_odeint_in_any_direction(ts):
    def decay(y, t):
        return -0.7 * y + 0.1 * jnp.sin(t)

    def exact(y0, ts):
        ends = [solve_ivp(lambda t, y: -0.7 * y + 0.1 * np.sin(t), (ts[0], t), [y0], rtol=1e-11,
                          atol=1e-13).y[0, -1] for t in ts]
        return np.array(ends)

    ts = np.array(ts)
    close(odeint(decay, 1.5, ts), exact(1.5, ts), 1e-6)
    close(ingot.jit(lambda y: odeint(decay, y, ts))(1.5), exact(1.5, ts), 1e-6)
    weights = np.cos(np.arange(len(ts)))

    def total(y, ts):
        return (odeint(decay, y, ts) * weights).sum()

    h = 1e-4
    slope = ((exact(1.5 + h, ts) - exact(1.5 - h, ts)) / (2 * h) * weights).sum()
    close(ingot.grad(total)(1.5, ts), slope, 1e-5)
    close(ingot.jacfwd(total)(1.5, ts), slope, 1e-5)
    by_time = [((exact(1.5, ts + h * e) - exact(1.5, ts - h * e)) / (2 * h) * weights).sum()
               for e in np.eye(len(ts))]
    close(ingot.grad(total, 1)(1.5, ts), by_time, 1e-4, 1e-7)
    close(ingot.jacfwd(total, 1)(1.5, ts), by_time, 1e-4, 1e-7)


MODES = {"fr": (ingot.jacfwd, ingot.jacrev), "rf": (ingot.jacrev, ingot.jacfwd),
         "ff": (ingot.jacfwd, ingot.jacfwd), "rr": (ingot.jacrev, ingot.jacrev)}


@pytest.mark.parametrize("modes", MODES)
def test_second_derivatives_of_odeint(modes):
    outer, inner = MODES[modes]

    def last(p):  # y0 exp(-rate t), and an argument of whole numbers
        return odeint(lambda y, t, c, k: -c["rate"] * y * k, p[0], jnp.stack([0.0, p[1]]),
                      {"rate": p[2]}, 1)[1]

    p = np.array([1.5, 0.8, 1.2])
    y, t, c = p
    want = np.array([[0, -c, -t], [-c, c * c * y, y * (c * t - 1)], [-t, y * (c * t - 1),
                                                                     t * t * y]]) * np.exp(-c * t)
    close(outer(inner(last))(p), want, 1e-5, 1e-7)
    close(ingot.vmap(ingot.jit(outer(inner(last))))(p[None])[0], want, 1e-5, 1e-7)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_tangents_of_odeint_of_any_size_at_rest(size):
    end = lambda y: odeint(lambda y, t: -y, y, np.array([0.0, 1]))[1]  # noqa: E731
    close(ingot.jvp(end, (0.0,), (size,))[1], size * np.exp(-1), 1e-7)


def test_odeint_of_nothing():
    ts = np.array([0.0, 1, 2])
    solve = lambda y: odeint(lambda y, t: y, y, ts)  # noqa: E731
    assert solve(np.zeros((2, 0))).shape == (3, 2, 0) and solve(()) == ()
    assert ingot.jacrev(solve)(np.zeros(0)).shape == (3, 0, 0)
    slope = ingot.grad(lambda c: odeint(lambda y, t, c: c * y, np.zeros(0), ts, c).sum())
    assert slope(2.0) == 0


def test_odeint_gives_nan_where_it_does_not_arrive():
    out = odeint(lambda y, t: -y, 1.0, np.array([0, 1, NAN, INF, 2]))
    close(out, [1, np.exp(-1), NAN, NAN, np.exp(-2)], 1e-6)
    close(odeint(lambda y, t: y * y, 1.0, np.array([0, 0.5, 2.0]), mxstep=500), [1, 2, NAN], 1e-6)
    assert np.isnan(odeint(lambda y, t: -y, 1.0, np.array([0, -5.0]), mxstep=2)[1])


# ---- others --------------------------------------------------------------------------------------
def test_unwrap_of_integers():
    x = np.array([6, 0, 8, 11, 2, 7, 3, -4, 9])
    for period in (3, 4, 5, 6, 7):
        np.testing.assert_array_equal(jnp.unwrap(x, period=period), np.unwrap(x, period=period))
    np.testing.assert_array_equal(jnp.unwrap(x, 2, period=5), np.unwrap(x, 2, period=5))


def test_ramps_of_integers():
    x = np.array([[5, -4, -3], [-2, 3, 7]])
    np.testing.assert_array_equal(jnp.pad(x, 3, "linear_ramp"), np.pad(x, 3, "linear_ramp"))
    np.testing.assert_array_equal(jnp.pad(x, ((1, 2), (4, 3)), "linear_ramp", end_values=-9),
                                  np.pad(x, ((1, 2), (4, 3)), "linear_ramp", end_values=-9))


@pytest.mark.parametrize("p", [[1.0, -3, 2], [0.0, 0, 1, -3, 2], [1.0, -3, 2, 0, 0], [0.0, 0],
                               [0.0, 1, -3, 2, 0], [0.0, 0, 0, 2], [0.0, 2, -1j]], ids=str)
def test_roots_with_zeros_at_the_ends(p):
    p = np.array(p)
    want = np.sort_complex(np.roots(p))
    close(np.sort_complex(jnp.roots(p)), want)
    for roots in (jnp.roots(p, strip_zeros=False),
                  ingot.jit(lambda p: jnp.roots(p, strip_zeros=False))(p),
                  ingot.vmap(lambda p: jnp.roots(p, strip_zeros=False))(p[None])[0]):
        assert roots.shape == (p.size - 1,)
        close(np.sort_complex(roots[: want.size]), want, atol=1e-14)
        assert np.isnan(roots[want.size :]).all()


def test_rank_of_an_empty_matrix():
    assert jnp.linalg.matrix_rank(np.zeros((0, 3))) == 0


def test_linspace_of_integers():
    for start, stop, num in ((-9, -3, 3), (-9, -3, 6), (0, 10, 5), (7, -7, 14), (0, 49, 49)):
        for end in (True, False):
            pieces = num - 1 if end else num
            want = [start + (i * (stop - start)) // pieces for i in range(num)]
            np.testing.assert_array_equal(jnp.linspace(start, stop, num, end, dtype=int), want)


METHODS = ["linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "hazen", "weibull",
           "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf",
           "median_unbiased", "normal_unbiased"]


@pytest.mark.parametrize("method", METHODS)
def test_ranks_of_quantiles_are_exact(method):
    r = np.random.RandomState(0)
    for x in (r.randn(101), r.randn(30_001).astype("f"), r.randint(0, 9, 50)):
        for q in (0.0, 0.1, 0.333, 0.5, 0.9, 0.99999, 1.0):
            want = np.quantile(x.astype(float), q, method=method)
            close(jnp.quantile(x, q, method=method), want, 1e-5, 1e-6)
    half = jnp.asarray([1.0, 1.25, 1.28125, 1.3125, 0.5, 0.75, -3, 2, 9, 4], "bfloat16")
    want = np.quantile(np.asarray(half).astype(float), 0.9, method=method)
    got = ingot.jit(lambda x: jnp.quantile(x, 0.9, method=method))(half)
    assert got.dtype == "bfloat16" and got == jnp.asarray(want, "bfloat16")
    assert jnp.percentile(half, 90, method=method) == got


@pytest.mark.parametrize("arguments", [
    (0, 3, 0.5), (3, 0, -0.5), (0.5, 3), (-1.5, 3), (3.7,), (0.5, 5.5, 1.5), (1, 10, 2.5),
    (0, 5, np.float32(1.5)), (np.float32(0.1), 1), (10, 0, -3), (0, 0), (2,), (1, 3)])
@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8", "bool", "float64"])
def test_arange_has_numpys_steps(arguments, dtype):
    """The step of integers is that of the first two numbers, as integers."""
    try:
        want = np.arange(*arguments, dtype=dtype)
    except (TypeError, OverflowError) as error:  # too many booleans, -1 as uint8
        with pytest.raises(type(error)):
            jnp.arange(*arguments, dtype=dtype)
        return
    got = jnp.arange(*arguments, dtype=dtype)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


# ---- beside NumPy at special arguments -----------------------------------------------------------
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -1.5, 2.5, 1e16, 5e-324, NAN, INF, -INF])


def equal(ours, theirs):
    """The same numbers, and zeros of the same signs."""
    ours = np.asarray(ours)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(np.signbit(ours.real), np.signbit(np.real(theirs)))


def test_parts_and_neighbors_of_special_numbers():
    with np.errstate(all="ignore"):
        for ours, theirs in zip(jnp.modf(SPECIAL), np.modf(SPECIAL), strict=True):
            equal(ours, theirs)
        equal(jnp.spacing(SPECIAL), np.spacing(SPECIAL))
    assert ingot.grad(lambda x: jnp.modf(x)[0])(-2.0) == 1


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_logarithms_of_powers_are_whole(dtype):
    info = np.finfo(dtype)
    twos = np.arange(info.minexp, info.maxexp)
    tens = np.arange(-37, 39) if dtype == "f4" else np.arange(-307, 309)
    for log, base, powers in ((jnp.log2, 2.0, twos), (jnp.log10, 10.0, tens)):
        x = [float(f"1e{n}") for n in powers] if base == 10 else base**powers
        x = np.array(x).astype(dtype)
        np.testing.assert_array_equal(log(x), powers)
        np.testing.assert_array_equal(ingot.jit(log)(x), powers)
    close(ingot.grad(jnp.log10)(1000.0), 1 / (1000 * np.log(10)))
    close(ingot.grad(ingot.grad(jnp.log2))(8.0), -1 / (64 * np.log(2)))


def test_logarithms_of_complex_zeros():
    z = [0j, -0j, complex(-0.0, 0.0), complex(INF, 1), complex(-INF, -0.0), complex(0, INF)]
    z = np.array(z)
    with np.errstate(all="ignore"):
        for ours, theirs in ((jnp.log10, np.log10), (jnp.log2, np.log2)):
            for part in (np.real, np.imag):
                close(part(ours(z)), part(theirs(z)))


def test_integers_of_64_bits_of_both_signs():
    x = np.array([2**63 - 1, -1, 0, 1, -(2**63)])[:, None]
    y = np.array([2**63, 2**64 - 1, 0, 1, 2**63 - 1], "u8")
    for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
        ours, theirs = getattr(jnp, name), getattr(np, name)
        np.testing.assert_array_equal(ours(jnp.asarray(x), y), theirs(x, y))
        np.testing.assert_array_equal(ours(jnp.asarray(y), x), theirs(y, x))
        np.testing.assert_array_equal(ingot.jit(ours)(x, y), theirs(x, y))
    np.testing.assert_array_equal(jnp.power(x, np.array([0, 2], "u8")), np.power(x, np.array(
        [0, 2], "u8")))
    small = np.array([1, 100, -128], "i1")
    np.testing.assert_array_equal(jnp.clip(small, -300, 50), np.clip(small, -128, 50))
    np.testing.assert_array_equal(jnp.clip(small, 0, 300), np.clip(small, 0, 127))


def test_powers_in_double_precision():
    x = np.array([1e30, 2, -3], "f4")
    equal(jnp.float_power(x, 2), np.float_power(x, 2))
    equal(jnp.float_power(np.array([3, -2], "i1"), np.float16(3)), np.float_power(
        np.array([3, -2], "i1"), np.float16(3)))
    with ingot.config.override("match_jax", True):
        assert jnp.float_power(x, 2).dtype == np.float32


@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "u4", "i8", "u8"])
def test_rounding_of_integers_is_exact(dtype):
    limits = np.iinfo(dtype)
    x = [0, 4, 5, 6, 14, 15, 25, 35, 45, 50, 100, 105]
    x += [] if limits.min == 0 else [-n for n in x]
    x += [] if limits.bits < 64 else [2**53 + 1, 9_007_199_254_740_995, 9_223_372_036_854_775_795]
    for decimals in (0, -1, -2, -3, -30):
        unit = 10**-decimals
        want = [n if unit == 1 else unit * round(Fraction(n, unit)) for n in x]
        fits = [limits.min <= n <= limits.max for n in want]
        got = np.asarray(jnp.round(np.array(x, dtype), decimals))[fits]
        np.testing.assert_array_equal(got, [n for n, ok in zip(want, fits, strict=True) if ok])


def test_rounding_of_large_and_complex_numbers():
    equal(jnp.round(np.array([1e300, -1e300, 2.567, INF, NAN]), 10),
          np.array([1e300, -1e300, 2.567, INF, NAN]))
    equal(jnp.round(np.array([complex(INF, 1.26), complex(0.25, NAN)]), 1),
          np.array([complex(INF, 1.3), complex(0.2, NAN)]))


def test_complex_nan_are_nan_whichever_part_is():
    z = np.array([1 + 2j, complex(0, NAN), complex(-5, NAN), 3j, complex(NAN, 1), INF])
    assert np.isnan(jnp.maximum(z[0], z)).tolist() == np.isnan(z).tolist()
    assert np.isnan(jnp.minimum(z[0], z)).tolist() == np.isnan(z).tolist()
    assert np.isnan(jnp.max(z)) and np.isnan(jnp.min(z))
    assert np.isnan(np.asarray(jnp.max(z.reshape(2, 3), 0))).tolist() == [False, True, True]
    np.testing.assert_array_equal(jnp.sort(z)[:3], np.sort(z)[:3])
    np.testing.assert_array_equal(jnp.argsort(z)[:3], np.argsort(z)[:3])


@pytest.mark.parametrize("unique", [False, True])
def test_sets_with_nan(unique):
    sets = [[1, NAN, 2, NAN, 1], [NAN, 3, 1, 0.0], [2, 3, 3], [], [NAN], [INF, -INF, NAN]]
    for a, b in itertools.product(sets, repeat=2):
        a, b = np.array(a, float), np.array(b, float)
        a, b = (np.unique(a), np.unique(b)) if unique else (a, b)
        for name in ("setxor1d", "intersect1d", "setdiff1d"):
            np.testing.assert_array_equal(getattr(jnp, name)(a, b, unique),
                                          getattr(np, name)(a, b, unique))
        np.testing.assert_array_equal(jnp.union1d(a, b), np.union1d(a, b))
    a, b = np.array([1, NAN, NAN]), np.array([NAN, 2])
    np.testing.assert_array_equal(
        ingot.jit(lambda a, b: jnp.setxor1d(a, b, size=6, fill_value=9))(a, b),
        [1, 2, NAN, NAN, 9, 9])


def test_quantiles_of_any_shape_and_with_weights():
    x = np.array([[4.0, 1, 3], [2, 7, 5]])
    q = np.array([[0.1, 0.5], [0.75, 1.0]])
    for kwargs in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"method": "weibull"}):
        close(jnp.quantile(x, q, **kwargs), np.quantile(x, q, **kwargs))
    x = np.array([4.0, NAN, 3, 2, NAN])
    for w in ([1, 5, 2, 1, 1], [0, 3, 1, 2, 0], [1, 0, 0, 0, 0]):
        for level in (0, 0.25, 0.5, 0.8, 1):
            kwargs = {"weights": np.array(w, float), "method": "inverted_cdf"}
            want = np.nanquantile(x, level, **kwargs)
            assert jnp.nanquantile(x, level, **kwargs) == want


def test_bins_that_are_none():
    x = np.array([1.0, 2, 3])
    for kwargs in ({"bins": np.array([2.0, 1])}, {"range": (3, 1)}, {"range": (NAN, 1)}):
        with pytest.raises(ValueError, match="histogram"):
            jnp.histogram(x, **kwargs)
    for data in ([1, NAN], [1, INF]):
        with pytest.raises(ValueError, match="finite"):
            jnp.histogram(np.array(data))
        assert jnp.histogram(np.array(data), 2, (0, 2))[0].tolist() == [0, 1]
    with pytest.raises(ValueError, match="minlength"):
        jnp.bincount(np.array([1]), minlength=-1)


def test_progressions_over_the_whole_range():
    close(jnp.geomspace(1e-300, 1e300, 7), np.geomspace(1e-300, 1e300, 7), 1e-12)
    close(jnp.geomspace(-1e200, -1e-200, 5), np.geomspace(-1e200, -1e-200, 5), 1e-12)
    assert jnp.tri(2).dtype == np.float64


def test_covariance_of_too_few_observations():
    x = np.array([[1.0, 2, 4], [3, 1, 2]])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for ddof in (2, 3, 4):
            close(jnp.cov(x, ddof=ddof), np.cov(x, ddof=ddof))


def test_gradients_with_parabolas_at_the_ends():
    x, at = np.array([[1.0, 2, 4, 7], [3, 1, 2, 8]]), np.array([0, 1, 3, 3.5])
    close(jnp.gradient(x, 0.5, axis=1, edge_order=2), np.gradient(x, 0.5, axis=1, edge_order=2))
    close(jnp.gradient(x, at, axis=1, edge_order=2), np.gradient(x, at, axis=1, edge_order=2))
    with pytest.raises(ValueError, match="3 elements"):
        jnp.gradient(x[:, :2], axis=1, edge_order=2)


def test_insertion_out_of_bounds():
    with pytest.raises(IndexError, match="out of bounds"):
        jnp.insert(np.arange(3), 4, 1)
    with ingot.config.override("match_jax", True):
        assert jnp.insert(np.arange(3), 4, 9).tolist() == [0, 1, 2, 9]


# ---- elements that are selected ------------------------------------------------------------------
@pytest.mark.parametrize("n", [7, 513, 3000])
def test_quantiles_of_long_rows_are_selected(n):
    x = np.random.default_rng(n).normal(size=(3, n)).round(2)
    gaps = x.copy()
    gaps[1, 3] = NAN
    for q, method in ((0.5, "linear"), (np.array([0, 0.1, 0.999, 1]), "linear"), (0.3, "weibull"),
                      (np.array([0.25, 0.6]), "closest_observation"), (0.01, "nearest")):
        for a, axis in itertools.product((x, gaps), (None, 0, 1)):
            for ours, theirs in ((jnp.quantile, np.quantile), (jnp.nanquantile, np.nanquantile)):
                want = theirs(a, q, axis=axis, method=method)
                close(ours(a, q, axis=axis, method=method), want, atol=1e-15)
    close(ingot.jit(lambda a: jnp.percentile(a, np.array([10, 75]), 1))(gaps),
          np.percentile(gaps, [10, 75], 1))
    close(jnp.nanmedian(gaps[1]), np.nanmedian(gaps[1]))
    for k in (0, n // 2, n - 1):
        places = np.asarray(ingot.jit(jnp.argpartition, static_argnums=1)(gaps, k))
        assert (np.sort(places) == np.arange(n)).all()
        for row in (np.take_along_axis(gaps, places, 1), np.asarray(jnp.partition(gaps, k))):
            np.testing.assert_array_equal(row[:, k], np.sort(gaps)[:, k])
            np.testing.assert_array_equal(np.sort(row), np.sort(gaps))
    slope = ingot.grad(lambda a: jnp.quantile(a, 0.5) ** 2)
    middle = np.sort(x[0])[n // 2 - (n + 1) % 2: n // 2 + 1]
    np.testing.assert_allclose(np.asarray(slope(x[0])).sum(), 2 * middle.mean())
    assert set(x[0][np.asarray(slope(x[0])) != 0]) <= set(middle)


def test_elements_of_sets_at_hand_and_traced():
    x = np.array([[3, 1, 2, 3], [-5, 1, 9, 2]], "i2")
    for found in (jnp.unique(x, True, True, True),
                  ingot.jit(lambda x: jnp.unique(x, True, True, True, size=5))(x)):
        for a, b in zip(found, np.unique(x, True, True, True), strict=True):
            np.testing.assert_array_equal(a, b.reshape(np.shape(a)))
    for a, b in ((x, [1, 9]), (x, np.arange(40)), (x + 0.5, [1.5]), (x, [])):
        b = np.asarray(b, np.asarray(a).dtype)
        np.testing.assert_array_equal(jnp.isin(a, b), np.isin(a, b))
        np.testing.assert_array_equal(ingot.jit(jnp.isin)(a, b), np.isin(a, b))
    counts = np.array([0, 2, 2, -3, 9, 200])
    for dtype in ("i8", "i2", "u8"):
        for length in (3, 10, 300):
            ours = jnp.bincount(counts.astype(dtype), length=length)
            traced = ingot.jit(lambda c, n: jnp.bincount(c, length=n), static_argnums=1)
            np.testing.assert_array_equal(ours, traced(counts.astype(dtype), length))
