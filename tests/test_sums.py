"""Every sum of the system is within c eps log2(n) sum|x|, on inputs that are hard to sum."""

import math

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax, nn
from ingot.config import config
from ingot.ops import segment_sum
from ingot.primitives import scatter_places, scatter_sums

C = 4
SIZES = (1, 2, 63, 64, 65, 127, 1000, 4097, 65539)
COMPILED = (65, 1000, 65539)
DTYPES = (np.float16, np.float32, np.float64, np.complex64, np.complex128)
MODES = ("eager", "fast", "full")


def inputs(n, dtype, kinds=None):
    """Vectors that are hard to sum, without overflow in float16."""
    rng, eps = np.random.default_rng(n), float(np.finfo(dtype).eps)
    made = {
        "constant": np.full(n, 0.1), "small": np.full(n, 1e-3),
        "offset": (10 if dtype == np.float16 else 1e6) + rng.normal(size=n),
        "alternating": rng.uniform(0.5, 1, n) * np.where(np.arange(n) % 2, -1, 1),
        "ascending": np.sort(rng.exponential(size=n)),
        "descending": np.sort(rng.exponential(size=n))[::-1],
        "one large": np.where(np.arange(n) == 0, 1, 0.45 * eps), "random": rng.normal(size=n)}
    for kind in kinds or made:
        x = made[kind] / (n if dtype == np.float16 else 1)
        yield np.ascontiguousarray(x).astype(dtype)


def layouts(x):
    """A vector as it is, as columns, as rows, with gaps, backwards, without strides; and the axis.
    """
    columns = np.stack([x, x[::-1], x], 1)
    return [(x, 0), (columns, 0), (np.asfortranarray(columns), 0), (columns.T, 1),
            (np.repeat(x, 2)[::2], 0), (x[::-1], 0), (np.broadcast_to(x[:1], x.shape), 0)]


def wide(x):
    x = np.asarray(x)
    return x.astype(np.clongdouble if x.dtype.kind == "c" else np.longdouble)


def check(got, want, scale, dtype, n, c=C):
    """|got - want| <= c eps log2(n) scale, elementwise."""
    unit = float(np.finfo(dtype).eps) * max(1.0, math.log2(n))
    allowed = np.maximum(c * unit * scale, float(np.finfo(dtype).smallest_subnormal))
    error = np.abs(wide(got) - want)
    assert np.all(error <= allowed), float(np.max(error / allowed)) * c


def running(function, mode):
    """A function evaluated eagerly, or compiled by a tier."""
    if mode == "eager":
        return lambda *xs: function(*map(jnp.asarray, xs))
    compiled = ingot.jit(function)

    def call(*xs):
        with config.override("optimize", mode):
            return compiled(*xs)

    return call


def total(x, axis):
    return wide(x).sum(axis), np.abs(wide(x)).sum(axis)


def average(x, axis):
    return tuple(v / x.shape[axis] for v in total(x, axis))


def variance(x, axis):
    """An error of the mean adds its square."""
    unit = float(np.finfo(x.dtype).eps) * max(1.0, math.log2(x.shape[axis]))
    value = wide(x).var(axis)
    return value, value + unit * np.abs(wide(x)).max(axis) ** 2


def so_far(x, axis):
    return np.cumsum(wide(x), axis), np.cumsum(np.abs(wide(x)), axis)


def so_far_backwards(x, axis):
    return tuple(np.flip(v, axis) for v in so_far(np.flip(x, axis), axis))


FUNCTIONS = {
    "sum": (jnp.sum, total), "nansum": (jnp.nansum, total), "mean": (jnp.mean, average),
    "nanmean": (jnp.nanmean, average), "average": (jnp.average, average),
    "var": (jnp.var, variance),
    "cumsum": (jnp.cumsum, so_far),
    "reverse cumsum": (lambda x, axis: lax.cumsum(x, axis, reverse=True), so_far_backwards),
    "dot with ones": (lambda x, axis: jnp.tensordot(
        x, jnp.ones(x.shape[axis], x.dtype), ((axis,), (0,))), total),
    "weighted": (lambda x, axis: jnp.average(x, axis, jnp.ones(x.shape[axis], x.dtype)), average),
}  # fmt: skip


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_eager_sums_keep_their_digits(name, dtype):
    function, reference = FUNCTIONS[name]
    for n in SIZES[: -1 if name == "weighted" and dtype == np.float16 else None]:  # 65539 is inf
        for vector in inputs(n, dtype):
            for x, axis in layouts(vector):
                check(function(jnp.asarray(x), axis), *reference(x, axis), dtype, n)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("dtype", DTYPES[:4], ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", ["sum", "var", "cumsum", "reverse cumsum", "dot with ones"])
def test_compiled_sums_keep_their_digits(name, dtype, mode):
    function, reference = FUNCTIONS[name]
    for n in COMPILED:
        known = {}
        for vector in inputs(n, dtype):
            for x, axis in layouts(vector)[:4]:
                call = known.setdefault((x.shape, axis), running(
                    lambda x, axis=axis: function(x, axis), mode))
                check(call(x), *reference(x, axis), dtype, n)


SHAPES = {(2000, 3): (0, 1), (40, 50, 30): (0, 2), (7, 90, 11): (0, 1), (300, 200): (0, 1)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_over_several_axes(shape, mode):
    for axes in (SHAPES[shape], 0, -1, None):
        call = running(lambda x, axes=axes: jnp.sum(x, axes), mode)
        for flat in inputs(math.prod(shape), np.float32):
            x = flat.reshape(shape)
            n = math.prod(shape[a] for a in ([axes] if isinstance(axes, int) else
                                             range(len(shape)) if axes is None else axes))
            check(call(x), *total(x, axes), np.float32, n)


@pytest.mark.parametrize("mode", MODES)
def test_elements_that_are_costly_to_compute(mode):
    x = np.full(100_000, 0.1, np.float32)
    want = wide(np.sin(x.astype(np.float64))).sum()
    check(running(lambda x: jnp.sum(jnp.sin(x)), mode)(x), want, want, np.float32, x.size)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_additions_at_repeated_places(dtype, mode):
    place = np.arange(100_000) % 3 // 2  # 0 twice as often as 1
    for x in inputs(place.size, dtype):
        want = [(wide(x)[place == k].sum(), np.abs(wide(x))[place == k].sum()) for k in (0, 1)]
        for function in (lambda x, place: jnp.zeros(2, x.dtype).at[place].add(x),
                         lambda x, place: segment_sum(x, place, 2),
                         lambda x, place: jnp.bincount(place, x, length=2)):
            check(running(function, mode)(x, place), *map(np.array, zip(*want, strict=True)),
                  dtype, x.size)


PATTERNS = {
    "in turns": lambda n: (np.arange(n) % 64, 64), "sorted": lambda n: (np.arange(n) * 9 // n, 9),
    "all at one of many": lambda n: (np.zeros(n, int), 10 * n),
    "some often": lambda n: (np.arange(n) % 5 * (np.arange(n) % 999), 4000),
    "blocks in turns": lambda n: (np.arange(n) // 13 % 13, 13),
    "256 times at some": lambda n: (
        np.arange(n) // np.where(np.arange(n) < n - n % 256, 256, 1), 10 * n),
    "twice, far apart": lambda n: (np.arange(n) // 2 * 32, 16 * n + 16),
}  # fmt: skip


@pytest.mark.sampled(3)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_additions_at_places_in_any_pattern(pattern, dtype, mode):
    for n in (41, 1000, 20_000):
        place, size = PATTERNS[pattern](n)
        nothing = jnp.zeros(size, dtype)
        fun = running(lambda x, i, nothing=nothing: (
            nothing.at[i].add(x), -nothing.at[i].subtract(x)), mode)
        for x in inputs(n, dtype, ["constant", "one large", "random"]):
            want, scale = (np.zeros(size, wide(v).dtype) for v in (x, np.abs(x)))
            np.add.at(want, place, wide(x))
            np.add.at(scale, place, np.abs(wide(x)))
            for got in fun(x, place):
                check(got, want, scale, dtype, n)


@pytest.fixture
def counting(monkeypatch):
    """Updates are counted for arrays of any size, and by few counts."""
    monkeypatch.setattr(scatter_sums, "CACHED", 0)
    monkeypatch.setattr(scatter_places, "BUCKETS", 64)
    with config.override("cache", False):
        yield


@pytest.mark.sampled(3)
@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_additions_at_places_that_are_counted(pattern, mode, counting):
    for n in (41, 1000, 20_000):
        place, size = PATTERNS[pattern](n)
        padded = np.append(place, np.full(n // 7, size))
        zeros = {dtype: jnp.zeros(size, dtype) for dtype in (np.float32, np.float64, np.complex128)}
        for dtype, start in zeros.items():
            x = next(inputs(n, dtype, ["one large"]))
            want, scale = (np.zeros(size, wide(v).dtype) for v in (x, np.abs(x)))
            np.add.at(want, place, wide(x))
            np.add.at(scale, place, np.abs(wide(x)))
            fun = running(lambda x, i, start=start: start.at[i].add(x, mode="drop"), mode)
            check(fun(np.append(x, np.ones(n // 7, dtype)), padded), want, scale, dtype, n)


@pytest.mark.llvm("scatters as they are compiled")
@pytest.mark.parametrize("fault", ["all are few", "counts that begin anew"])
def test_counts_that_are_wrong_are_found(fault, counting, monkeypatch):
    """The patterns object to both."""
    if fault == "all are few":
        monkeypatch.setattr(scatter_places, "LEAF", 255)
    else:
        monkeypatch.setattr(scatter_places, "all_counted",
                            lambda build, counted, updates: build.const(True, bool))
    pattern = {"all are few": "some often", "counts that begin anew": "256 times at some"}[fault]
    with pytest.raises(AssertionError):
        test_additions_at_places_that_are_counted(pattern, "full", None)


SLICES = {
    "rows": lambda y, i, x: y.at[i].add(x, mode="drop"),
    "columns": lambda y, i, x: y.T.at[:, i].add(x.T, mode="drop").T,
    "one at a time": lambda y, i, x: ingot.vmap(
        lambda y, x: y.at[i].add(x, mode="drop"), (1, 1), 1)(y, x),
    "overlapping windows": lambda y, i, x: lax.scatter_add(
        y.ravel(), 3 * i[:, None], x, lax.ScatterDimensionNumbers((1,), (), (0,))).reshape(y.shape),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", SLICES)
def test_slices_added_at_few_places_of_a_large_array(name, dtype, mode):
    place = np.where(np.arange(999) % 7, 3, np.arange(999) % 40 + 8980)  # and outside
    x, y = np.full((999, 3), 0.1, dtype), np.ones((9000, 3), dtype)
    want = wide(y)
    np.add.at(want, place[place < 9000], wide(x)[place < 9000])
    check(running(SLICES[name], mode)(y, place, x), want, np.abs(want), dtype, 999)


def test_negative_zeros_stay_where_but_such_are_added():
    got = jnp.full(3, -0.0).at[np.arange(200) % 2].add(jnp.full(200, -0.0).at[1].set(0))
    np.testing.assert_array_equal(np.signbit(got), [True, False, True])


# ---- whatever else adds up numbers ---------------------------------------------------------------
def ones(x):
    return jnp.ones(x.shape, x.dtype)


def nowhere(x):
    return jnp.zeros(x.shape[0], int)


def beside(x, count=7):
    return jnp.stack([x] * count, 1)


def sums(x):
    return total(x, 0)


def sizes(x):
    return (np.abs(wide(x)).sum(),) * 2


def lengths(x):
    return (np.sqrt((np.abs(wide(x)) ** 2).sum()),) * 2


OTHERS = {
    "at.subtract": (lambda x: -jnp.zeros(1, x.dtype).at[nowhere(x)].subtract(x)[0], sums),
    "at.add, an entry of a matrix": (
        lambda x: jnp.zeros((3, 4), x.dtype).at[nowhere(x), 1].add(x)[0, 1], sums),
    "at.add, rows": (
        lambda x: jnp.zeros((3, 4), x.dtype).at[nowhere(x)].add(beside(x, 4))[0, 1], sums),
    "add.at": (lambda x: jnp.add.at(jnp.zeros(2, x.dtype), nowhere(x), x, inplace=False)[0], sums),
    "add.reduce": (lambda x: jnp.add.reduce(x), sums),
    "add.accumulate": (lambda x: jnp.add.accumulate(x)[-1], sums),
    "add.reduceat": (lambda x: jnp.add.reduceat(x, np.array([0]))[0], sums),
    "reduce": (lambda x: lax.reduce(x, np.zeros((), x.dtype), lax.add, (0,)), sums),
    "associative_scan": (lambda x: lax.associative_scan(jnp.add, x)[-1], sums),
    "psum": (lambda x: ingot.vmap(lambda y: lax.psum(y, "i"), axis_name="i")(x)[0], sums),
    "pmean": (lambda x: ingot.vmap(lambda y: lax.pmean(y, "i"), axis_name="i")(x)[0],
              lambda x: average(x, 0)),
    "batched dot": (lambda x: ingot.vmap(jnp.dot, 1)(beside(x), beside(ones(x)))[1], sums),
    "vecdot": (lambda x: jnp.vecdot(ones(x), x), sums),
    "matrix and vector": (lambda x: (beside(x).T @ ones(x))[3], sums),
    "vector and matrix": (lambda x: (ones(x) @ beside(x))[3], sums),
    "einsum of three": (lambda x: jnp.einsum("i,i,i->", x, ones(x), ones(x)), sums),
    "einsum of columns": (lambda x: jnp.einsum("ij->j", beside(x))[1], sums),
    "correlate": (lambda x: jnp.correlate(x, ones(x), "valid")[0], sums),
    "cumulative_sum": (lambda x: jnp.cumulative_sum(x)[-1], sums),
    "nancumsum": (lambda x: jnp.nancumsum(x)[-1], sums),
    "sum where": (lambda x: jnp.sum(x, where=jnp.ones(x.shape, bool)), sums),
    "trapezoid": (jnp.trapezoid, lambda x: (np.trapezoid(wide(x)), np.abs(wide(x)).sum())),
    "norm, 1": (lambda x: jnp.linalg.norm(x, 1), sizes),
    "norm, 2": (jnp.linalg.norm, lengths),
    "norm of a matrix": (lambda x: jnp.linalg.norm(x[:, None]), lengths),
    "norm of a matrix, 1": (lambda x: jnp.linalg.norm(beside(x), 1), sizes),
    "gradient of broadcasting": (lambda x: ingot.vjp(
        lambda c: jnp.broadcast_to(c, x.shape), jnp.ones((), x.dtype))[1](x)[0], sums),
    "gradient of indexing": (lambda x: ingot.vjp(
        lambda c: c[nowhere(x)], jnp.ones(2, x.dtype))[1](x)[0][0], sums),
    "gradient of vmap": (lambda x: ingot.vjp(lambda c: ingot.vmap(
        lambda y: c * y)(ones(x)), jnp.ones((), x.dtype))[1](x)[0], sums),
}  # fmt: skip


@pytest.mark.sampled(3)
@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("name", OTHERS)
def test_other_sums_keep_their_digits(name, mode):
    function, reference = OTHERS[name]
    for dtype in (np.float16, np.float32, np.float64, np.complex64):
        for n in (129, 20011) if dtype != np.float16 else (70001,):  # too large for float16
            call = running(function, mode)
            for x in inputs(n, dtype, ["constant", "one large", "random"]):
                check(call(x), *reference(x), dtype, n)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64])
def test_eager_products_keep_the_digits_of_their_factors(dtype):
    x = np.full((20_000, 2), 1 + np.finfo(dtype).eps, dtype)
    x[:10_000] = 1 - np.finfo(dtype).eps
    want = np.prod(x.astype(np.complex128), 0)
    for got in (jnp.prod(x, 0), jnp.cumprod(x, 0)[-1], jnp.multiply.reduce(x, 0)):
        assert got.dtype == dtype
        np.testing.assert_allclose(np.asarray(got), want, rtol=2 * np.finfo(dtype).eps)


def test_histograms_count_further_than_float32_can_by_ones():
    n = (1 << 24) + 4
    counts = jnp.histogram(jnp.zeros(n, np.float32), 2, range=(-1, 0))[0]
    assert counts.dtype == np.float32 and float(counts[1]) == n


@pytest.mark.sampled(2)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_matrices_and_vectors(dtype, mode):
    n = 3000
    for x in inputs(n, dtype):
        ones = np.ones((n, 5), dtype)
        want, scale = total(x, 0)
        for function in (lambda x, m: x @ m, lambda x, m: m.T @ x, lambda x, m: jnp.einsum(
                "i,ij->j", x, m), lambda x, m: jnp.vdot(x, m[:, 0]), lambda x, m: jnp.inner(
                x, m[:, 1])):
            check(running(function, mode)(x, ones), want, scale, dtype, n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eager_products_where_blas_adds_in_order(dtype):
    """The sizes at which a product is cut into pieces, by rows that BLAS takes together."""
    for n in (50, 54, 60, 120, 121, 240, 241, 300, 480, 481, 1023, 1152, 5000):
        for place in (0, 1, n // 2, n - 1):
            x = np.full(n, 0.45 * np.finfo(dtype).eps, dtype)
            x[place] = 1
            (want, scale), ones = total(x, 0), np.ones(n, dtype)
            for m in (1, 2, 3, 4, 7, 300):
                rows = np.ascontiguousarray(np.broadcast_to(x, (m, n)))
                for matrix in (rows, np.asfortranarray(rows)):
                    check(jnp.asarray(matrix) @ ones, want, scale, dtype, n)
                    check(ones @ jnp.asarray(matrix).T, want, scale, dtype, n)


def test_products_of_long_stacks_and_of_none():
    for m, n in ((1, 1), (1, 3), (3, 1), (3, 2), (0, 1)):
        for k in (50, 300, 2000):
            x, y = np.ones((2, m, k)), np.ones((2, k, n))
            np.testing.assert_array_equal(jnp.matmul(x, y), np.full((2, m, n), k))


@pytest.mark.parametrize("mode", MODES)
def test_products_of_long_matrices(mode):
    """BLAS adds up some hundred terms in order, and what they sum up to."""
    x = np.full((4, 200_000), 0.1, np.float32)
    want = 200_000 * wide(np.float32(0.1)) ** 2
    check(running(lambda x: x @ x.T, mode)(x), want, want, np.float32, 200_000)


@pytest.mark.parametrize("mode", MODES)
def test_convolutions_and_windows(mode):
    for x in inputs(2000, np.float32, ["constant", "one large", "random"]):
        want, scale = total(x, 0)
        padded = np.concatenate([x, np.zeros(500, np.float32)])
        ones = np.ones(x.size, np.float32)
        check(running(lambda a, b: jnp.convolve(a, b, "valid"), mode)(padded, ones)[0],
              want, scale, np.float32, 2000)
        check(running(lambda a: lax.reduce_window(a, 0.0, lax.add, (2000,)), mode)(padded)[0],
              want, scale, np.float32, 2000)


@pytest.mark.parametrize("mode", MODES)
def test_halves_do_not_stop_growing(mode):
    for dtype in (jnp.float16, jnp.bfloat16):
        x = jnp.full(8192, 0.25, dtype)
        assert float(running(jnp.cumsum, mode)(x)[-1]) == 2048
        assert float(running(jnp.sum, mode)(x)) == 2048


@pytest.mark.parametrize("mode", MODES)
def test_logarithms_of_sums(mode):
    for dtype in (np.float32, np.float64):
        eps = float(np.finfo(dtype).eps)
        x = np.concatenate([np.linspace(-3, 3, 30_000), np.full(30_000, -1.0)]).astype(dtype)
        want = np.log(np.cumsum(np.exp(wide(x))))
        got = running(lambda x: lax.cumlogsumexp(x, 0), mode)(x)
        assert np.abs(wide(got) - want).max() <= C * eps * 16 * np.abs(want).max()
        whole = running(nn.logsumexp, mode)(x)
        assert abs(wide(whole) - want[-1]) <= C * eps * 16 * abs(want[-1])
        shares = wide(running(nn.softmax, mode)(x)).sum()
        assert abs(shares - 1) <= C * eps * 16


@pytest.mark.parametrize("mode", MODES)
def test_infinities_and_nan_among_blocks(mode):
    call = running(lambda x: (jnp.sum(x), jnp.cumsum(x), jnp.sum(x.reshape(-1, 2), 0)), mode)
    for place in (0, 700, 1999):
        for value in (np.inf, -np.inf, np.nan):
            x = np.ones(2000, np.float32)
            x[place] = value
            whole, parts, columns = map(np.asarray, call(x))
            np.testing.assert_array_equal(whole, np.float32(value))
            np.testing.assert_array_equal(parts, np.cumsum(x))
            np.testing.assert_array_equal(columns, x.reshape(-1, 2).sum(0))


def test_running_sums_of_many_elements_pass_infinities_and_negative_zeros():
    x = jnp.zeros((100_000, 2)).at[40_000, 0].set(np.inf).at[:, 1].set(-0.0)
    got = np.asarray(jnp.cumsum(x, 0))
    np.testing.assert_array_equal(got[:, 0], np.where(np.arange(100_000) < 40_000, 0, np.inf))
    assert np.signbit(got[:, 1]).all()
    assert jnp.cumsum(jnp.zeros((0, 70)), 1).shape == (0, 70)


def test_derivatives_and_loops_and_maps():
    x = np.full(100_000, 0.1, np.float32)
    want, scale = total(x, 0)
    spread = ingot.grad(lambda c: jnp.vdot(x, jnp.broadcast_to(c, x.shape)))  # a sum, transposed
    check(spread(np.float32(1)), want, scale, np.float32, x.size)
    check(ingot.jit(spread)(np.float32(1)), want, scale, np.float32, x.size)
    gathered = ingot.jit(ingot.grad(lambda c: jnp.vdot(x, c[np.zeros(x.size, int)])))
    check(gathered(np.ones(1, np.float32))[0], want, scale, np.float32, x.size)
    rows = ingot.jit(lambda x: lax.scan(lambda c, y: (c, jnp.sum(x * y)), 0, jnp.ones(3, x.dtype)))
    check(rows(x)[1], want, scale, np.float32, x.size)
    check(ingot.jit(ingot.vmap(jnp.sum, 1))(np.stack([x, x], 1)), want, scale, np.float32, x.size)


def test_means_and_variances_beside_an_offset():
    for n in (10_000, 1_000_000):
        x = (1e6 + np.random.default_rng(0).normal(size=n)).astype(np.float32)
        for mode in MODES:
            assert abs(float(running(jnp.mean, mode)(x)) - x.mean(dtype=np.float64)) < 0.07
            assert abs(float(running(jnp.var, mode)(x)) - x.var(dtype=np.float64)) < 0.02


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("offset", [1e4, 1e6, 1e7])
def test_variances_do_not_depend_on_the_rounding_of_the_mean(offset, mode):
    x = (offset + np.arange(1000) % 2).astype(np.float32)
    for function, want in [(jnp.var, 0.25), (jnp.std, 0.5), (jnp.nanvar, 0.25),
                           (lambda x: jnp.var(jnp.stack([x, x]), 1)[1], 0.25),
                           (lambda x: jnp.var(x, where=x > 0), 0.25), (lambda x: x.var(), 0.25),
                           (lambda x: jnp.var(x + 1j * x), 0.5),
                           (lambda x: jnp.cov(x, bias=True), 0.25),
                           (lambda x: jnp.cov(jnp.stack([x, -x]), bias=True)[0, 1], -0.25)]:
        np.testing.assert_allclose(running(function, mode)(x), want, rtol=1e-5)
    assert running(jnp.var, mode)(np.full(1000, offset + 1, np.float32)) == 0
    assert running(jnp.var, mode)(np.float32([3e38, -3e38])) == np.inf


@pytest.mark.parametrize("mode", MODES)
def test_roundings_of_alternating_numbers_do_not_add_up(mode):
    """Sums of blocks that are rounded the same way each."""
    for n in (100, 1000, 10_000, 100_000, 1_000_000):
        x = (1e6 + np.arange(n) % 2).astype(np.float32)
        for function, most in [(jnp.mean, 2), (lambda x: jnp.mean(x + 1j * x).imag, 8),
                               (lambda x: jnp.mean(jnp.stack([x, x], 1), 0)[1], 8)]:
            error = abs(float(running(function, mode)(x)) - 1_000_000.5)
            assert error <= most / 16  # which is the distance between such numbers


@pytest.mark.parametrize("mode", MODES[:2])
def test_standardized_numbers_beside_an_offset(mode):
    x = (1e6 + np.arange(1000) % 2).astype(np.float32)
    np.testing.assert_allclose(running(nn.standardize, mode)(x)[:2], [-1, 1], rtol=1e-4)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_quotients_of_long_sums_of_halves(dtype, mode):
    ones = jnp.ones(70000, dtype)
    for function, want in [
            (lambda x: jnp.average(x, weights=x), 1), (lambda x: nn.softmax(x)[0], 1 / 70000),
            (lambda x: nn.logsumexp(x), 1 + math.log(70000)),
            (lambda x: nn.logsumexp(x, b=x), 1 + math.log(70000)),
            (lambda x: nn.log_softmax(x)[0], -math.log(70000)),
            (lambda x: jnp.cov(10 * x * (-1) ** jnp.arange(70000)), 100)]:
        got = running(function, mode)(ones)
        assert got.dtype == dtype
        np.testing.assert_allclose(np.float64(got), want, rtol=5e-3)


def test_reductions_know_the_functions_of_lax():
    x = jnp.ones(7, np.float32)
    for op, start, name in [(lax.add, 0.0, "sum"), (lax.max, -np.inf, "max"),
                            (lax.min, np.inf, "min")]:
        windows = ingot.make_jaxpr(
            lambda x: lax.reduce_window(x, start, op, (3,), (1,), "SAME"))(x)  # noqa: B023
        assert f"reduce_window_{name}" in str(windows)
        assert f"reduce_{name}" in str(ingot.make_jaxpr(
            lambda x: lax.reduce(x, start, op, (0,)))(x))  # noqa: B023


@pytest.mark.parametrize("mode", MODES[:2])
def test_long_windows_of_any_function_and_sums_between_indices(mode):
    x = np.full(3000, 0.1, np.float32)
    got = running(lambda x: lax.reduce_window(x, 0.0, jnp.add, (1000,), (1000,), "VALID"), mode)(x)
    check(got, wide(x).reshape(3, -1).sum(1), 100, np.float32, 1000)
    for dtype in (np.float16, np.float32):
        n = 30000 if dtype == np.float16 else 10**6
        x = np.full(n, 0.1, dtype)
        got = running(lambda x: jnp.add.reduceat(x, np.array([0, 10, 20])), mode)(x)
        check(got, np.add.reduceat(wide(x), [0, 10, 20]), n / 10, dtype, n)
    got = running(lambda x: jnp.add.reduceat(x, np.array([0, 2])), mode)(
        np.array([1, np.inf, 2, 3]))
    np.testing.assert_array_equal(got, [np.inf, 5])


@pytest.mark.parametrize("name", ["sum", "mean", "cumsum", "dot with ones"])
def test_sums_that_threads_share(name):
    """The bound, and the same bits in each call with so many threads."""
    function, reference = FUNCTIONS[name]
    x = (0.1 + np.arange(1_000_000) % 7).astype(np.float32)
    for threads in (1, 2):
        with ingot.num_threads(threads):
            call = running(lambda x: function(x, 0), "full")
            got = call(x)
            check(got, *reference(x, 0), np.float32, x.size)
            for _ in range(3):
                np.testing.assert_array_equal(call(x), got)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["sum", "cumsum", "dot with ones"])
def test_ten_million(name, mode):
    function, reference = FUNCTIONS[name]
    x = np.full(10_000_000, 0.1, np.float32)
    check(running(lambda x: function(x, 0), mode)(x), *reference(x, 0), np.float32, x.size)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("jitted", [False, True])
def test_gradients_of_products_of_halves_stay_in_range(dtype, jitted):
    x = jnp.array([6e4, 6e4, 1, 1e-7], dtype)
    grad = ingot.grad(jnp.prod)
    got = (ingot.jit(grad) if jitted else grad)(x).astype("float32")
    exact = np.asarray(x, float)
    want = [np.prod(np.delete(exact, i)) for i in range(4)]
    want[3] = np.inf if dtype == "float16" else want[3]
    np.testing.assert_allclose(got, want, rtol=1e-2)
