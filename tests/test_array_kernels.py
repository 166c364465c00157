"""Kernels of large arrays, which examples of the laws are too small for: compiled against eager."""

import io

import mpmath
import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax

RNG = np.random.default_rng(5)


def same_as_eager(function, x, rtol=0.0, atol=0.0):
    """Compiled and eager results agree, leaf by leaf; `atol` where sums cancel."""
    compiled, eager = ingot.jit(function)(x), function(x)
    for a, b in zip(ingot.tree.leaves(compiled), ingot.tree.leaves(eager), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=atol)


# ---- the few largest elements ----
WILD = np.array([np.nan, -np.inf, np.inf, -0.0, 0.0, 1.0, 1.0, 2.0, -3.0])


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "bool"])
@pytest.mark.parametrize(
    ("shape", "k", "axis"),
    [((3, 300), 10, 1), ((77,), 1, 0), ((77,), 9, 0), ((16,), 16, 0), ((3, 199, 2), 7, 1)],
)
def test_few_largest(dtype, shape, k, axis):
    x = RNG.choice(WILD, shape) if dtype[0] == "f" else RNG.integers(0, 9, shape)
    same_as_eager(lambda x: lax.top_k(x, k, axis=axis), x.astype(dtype))


def test_few_largest_in_ascending_order():
    same_as_eager(lambda x: lax.top_k(x, 5), np.arange(500.0))


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize("n", [40, 400])  # vectors sort short lines by minima and maxima
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_sort_keeps_zeros_of_both_signs_as_they_came(dtype, n, jit):
    x = RNG.choice(WILD, n).astype(dtype)
    out = np.asarray((ingot.jit(jnp.sort) if jit else jnp.sort)(x))
    zeros = np.signbit(out[out == 0])
    assert (zeros == np.signbit(x[x == 0])).all()
    assert zeros.any() and not zeros.all()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u8", "bool"])
@pytest.mark.parametrize(("shape", "axis"), [((2, 3000), 1), ((70, 3, 70), 0), ((70, 3, 70), 1),
                                             ((20_000,), 0), ((1, 90), 0)])
def test_lines_in_order(shape, axis, dtype):
    """By NumPy's routines, called natively, and by digits; equal elements stay in order."""
    x = RNG.choice(WILD, shape) if dtype[0] == "f" else RNG.integers(0, 90, shape)
    x = x.astype(dtype)
    same_as_eager(lambda x: jnp.sort(x, axis), x)
    same_as_eager(lambda x: lax.sort((x, -x.astype("f8")), axis), x)
    order = np.argsort(x, axis, kind="stable")
    np.testing.assert_array_equal(ingot.jit(lambda x: jnp.argsort(x, axis))(x), order)


# ---- factorizations and systems ----
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("shape", [(40, 40), (2, 3, 33, 33)])
def test_factors_of_large_matrices(shape, dtype):
    rng = np.random.default_rng(7)
    x = rng.normal(size=shape) + (1j * rng.normal(size=shape) if dtype[0] == "c" else 0)
    x = x.astype(dtype)
    positive = x @ x.conj().swapaxes(-1, -2) + 40 * np.eye(shape[-1], dtype=dtype)
    positive.reshape(-1, *shape[-2:])[0, 5, 5] = -1  # one has no factor
    epsilon = float(np.finfo(dtype).eps)
    same_as_eager(jnp.linalg.cholesky, positive, 1e2 * epsilon, 1e2 * epsilon)
    for matrix in (x, x[..., :20], x[..., :20, :]):
        lu, pivots, order = ingot.jit(lax.linalg.lu)(matrix)
        same_as_eager(lambda x: lax.linalg.lu(x)[1:], matrix)
        m, n = matrix.shape[-2:]
        lower = np.tril(lu, -1)[..., : min(m, n)] + np.eye(m, min(m, n))
        np.testing.assert_allclose(lower @ np.triu(lu)[..., : min(m, n), :],
                                   np.take_along_axis(matrix, order[..., None], -2),
                                   atol=1e2 * epsilon)


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("left_side", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "c16"])
def test_large_triangular_systems(dtype, left_side, lower, transpose_a):
    rng, epsilon = np.random.default_rng(7), float(np.finfo(dtype).eps)
    a = (rng.normal(size=(3, 30, 30)) + 30 * np.eye(30)).astype(dtype)
    b = rng.normal(size=(3, 30, 7)).astype(dtype)
    a, b = (a + 1j * a.swapaxes(1, 2), b + 1j) if dtype[0] == "c" else (a, b)
    for conjugate in (False, True):
        for right in (b, b[..., :1]):
            same_as_eager(lambda a, b=right, c=conjugate: lax.linalg.triangular_solve(
                a, b if left_side else b.swapaxes(1, 2), left_side=left_side, lower=lower,
                transpose_a=transpose_a, conjugate_a=c), a, 1e2 * epsilon, epsilon)


def test_derivative_of_a_large_system():
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(20, 20)) + 20 * np.eye(20), rng.normal(size=(20, 2))
    slope = ingot.jit(ingot.grad(lambda a: jnp.linalg.solve(a, b).sum()))(a)
    ones = np.linalg.solve(a.T, np.ones((20, 2)))
    np.testing.assert_allclose(slope, -ones @ np.linalg.solve(a, b).T, rtol=1e-9)


# ---- reductions ----
@pytest.mark.parametrize("name", ["sum", "max", "prod", "any"])
@pytest.mark.parametrize("shape", [(600_001,), (3, 400_000), (1500, 700), (524_288, 1, 2)])
def test_reductions_in_parts(shape, name):
    x = np.random.default_rng(3).normal(1, 1e-3, shape)
    same_as_eager(getattr(jnp, name), x, rtol=1e-12)
    x.reshape(-1)[[5, -5]] = np.nan, np.inf
    same_as_eager(getattr(jnp, name), x)


def test_copies_in_parts():
    x = np.random.default_rng(3).normal(size=300_001)
    same_as_eager(jnp.copy, x)
    same_as_eager(lambda x: jnp.concatenate([x, x[5:]]), x)


# ---- cumulative operations ----
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((40_001,), 0), ((2, 33_000), 1), ((900, 3), 0), ((7, 90), 1), ((3, 30, 1_100), 1),
     ((5, 20, 3, 4), 1), ((0, 5), 1)],
)  # fmt: skip
def test_cumulative(name, shape, axis, reverse):
    x = np.random.default_rng(5).normal(size=shape)
    x = 1 + 1e-3 * x if name == "cumprod" else x
    function = getattr(lax, name)
    same_as_eager(lambda x: function(x, axis=axis, reverse=reverse), x, rtol=1e-9)


def test_cumulative_sum_of_negative_zeros():
    assert np.signbit(ingot.jit(jnp.cumsum)(-np.zeros(40_000))).all()


def test_running_maximum_keeps_nan():
    x = RNG.normal(size=40_000)
    x[20_000] = np.nan
    out = np.asarray(ingot.jit(lax.cummax)(x))
    assert np.isnan(out[20_000:]).all() and not np.isnan(out[:20_000]).any()


# ---- transposes ----
@pytest.mark.parametrize("dtype", ["f4", "c16", "i1", "bool"])
@pytest.mark.parametrize("shape", [(100, 70), (64, 64), (3, 65, 129), (9, 1_000)])
def test_transpose(dtype, shape):
    x = (9 * RNG.normal(size=shape)).astype(dtype)
    same_as_eager(lambda x: jnp.swapaxes(x, -1, -2), x)
    same_as_eager(lambda x: x.T, x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + x.T,
        lambda x: x.T.reshape(-1) * 2,
        lambda x: x[::2].T,
        lambda x: jnp.concatenate([x.T, x]).T,
        lambda x: lax.fori_loop(0, 3, lambda i, c: c.T * 0.5 + 1, x),
        lambda x: lax.map(lambda row: jnp.outer(row, row).T + x.T, x[:3]),
    ],
)
def test_transpose_among_others(function):
    same_as_eager(function, RNG.normal(size=(130, 130)), rtol=1e-14)


# ---- temporaries ----
def test_temporaries_that_share_memory():
    def function(x):
        shifted = jnp.exp(x - x.max(1, keepdims=True))
        weights = shifted / shifted.sum(1, keepdims=True)
        return jnp.cumsum(weights, 0).T, weights.sum(0), jnp.sort(weights)

    same_as_eager(function, RNG.normal(size=(90, 110)), rtol=1e-12)


# ---- accuracy ----
@pytest.mark.parametrize(
    ("function", "exact"),
    [(jnp.tanh, mpmath.tanh), (lax.erf, mpmath.erf)],
    ids=["tanh", "erf"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_at_most_two_ulps(function, exact, dtype):
    x = np.concatenate([RNG.uniform(-6, 6, 500), RNG.uniform(-1.5, 1.5, 1_000)]).astype(dtype)
    got = np.asarray(ingot.jit(function)(x))
    with mpmath.workprec(120):
        errors = [
            abs(float((mpmath.mpf(float(y)) - exact(float(v))) / float(np.spacing(abs(y)))))
            for v, y in zip(x, got, strict=True)
        ]
    assert max(errors) <= 2


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tan", "arcsin", "arccos",
                                  "arctan", "cosh", "cbrt", "arctan2"])  # fmt: skip
def test_eager_functions_in_32_bits_are_rounded_once(name):
    """NumPy's own loops for float32 err by up to 3 ulp."""
    x = [RNG.uniform(0.01, 1, 2_000).astype("float32") for _ in range(1 + (name == "arctan2"))]
    got = np.asarray(getattr(jnp, name)(*x))
    exact = getattr(np, name)(*(v.astype("float64") for v in x))
    assert got.dtype == np.float32
    assert np.max(np.abs(got - exact) / np.spacing(np.abs(got))) <= 0.501


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128", "int32"])
@pytest.mark.parametrize("method", ["add", "subtract"])
def test_updates_that_are_dropped_leave_signs_of_zeros(dtype, method):
    zero = complex(-0.0, 0.0) if dtype.startswith("c") else -0.0
    x = np.tile(np.array([zero, -zero, 1], dtype), 40)
    places = np.arange(200) * 7 - 300
    values = (np.arange(200) - 3).astype(dtype)

    def f(x, places, values):
        return getattr(x.at[places], method)(values, mode="drop")

    want = np.asarray(f(jnp.asarray(x), places, values))
    assert np.asarray(ingot.jit(f)(x, places, values)).tobytes() == want.tobytes()
    far = np.asarray(ingot.jit(f)(x, places + 1000, values))
    assert far.tobytes() == x.tobytes()


@pytest.mark.parametrize("shape, padding", [
    ((100, 100), [(0, 0, 1), (0, 0, 0)]), ((100, 100), [(1, 2, 1), (3, 4, 2)]),
    ((64, 64), [(-3, -2, 3), (-5, 4, 1)]), ((40, 30, 20), [(2, -5, 2), (-4, 0, 2), (1, 1, 1)]),
    ((1, 20000), [(3, 3, 4), (0, 0, 0)]), ((10, 4000), [(-9, 0, 2), (1, 1, 0)]),
    ((10, 4000), [(-40, 60, 2), (1, 1, 0)])])
@pytest.mark.parametrize("dtype", ["float64", "int8", "complex64"])
def test_padding_between_rows_of_large_arrays(shape, padding, dtype):
    x = (np.random.default_rng(0).random(shape) * 100).astype(dtype)
    f = lambda x: lax.pad(x, np.ones((), dtype) * 7, padding)
    np.testing.assert_array_equal(ingot.jit(f)(x), f(x))
    np.testing.assert_array_equal(ingot.jit(lambda x: f(x * 2) + 1)(x), np.asarray(f(x * 2)) + 1)


# ---- additions at places ----
def test_costly_updates_are_computed_in_a_loop_of_their_own():
    """Where places are looked up, LLVM makes no vectors."""
    def loss(table, places):
        return jnp.sum(jnp.tanh(table[places]) ** 2)

    table, places = RNG.normal(size=(50, 40)), RNG.integers(0, 50, 70)
    gradient = ingot.jit(ingot.grad(loss))
    text = gradient.lower(table, places).compile().as_text("kernels")
    loops = [loop for loop in text.split("for ") if " = exp " in loop]
    assert loops and not any(" = sub " in loop for loop in loops)  # as sums of errors need
    want = np.zeros_like(table)
    np.add.at(want, places, 2 * np.tanh(table[places]) / np.cosh(table[places]) ** 2)
    np.testing.assert_allclose(gradient(table, places), want, rtol=1e-12, atol=1e-14)


def test_functions_of_a_number_that_stands_for_an_array_are_computed_once():
    out = io.StringIO()
    ingot.debug.stages(lambda x, a: x + lax.lgamma(jnp.full(1000, a)), "kernels", file=out)(
        np.arange(1000.0), 2.5)
    text = out.getvalue()
    assert text.index("lgamma") < text.index("for ")


def test_quantiles_of_nothing_are_nan_in_every_dtype():
    for dtype in ("f2", "f4", "f8"):
        for fun in (jnp.median, jnp.nanmedian, lambda x: jnp.quantile(x, 0.5)):
            out = fun(np.zeros(0, dtype))
            assert out.dtype == dtype and np.isnan(out)
