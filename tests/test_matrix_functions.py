"""Functions of matrices beside SciPy's, their derivatives beside differences, and equations."""

import numpy as np
import pytest
import scipy.linalg

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.scipy import linalg

R = np.random.RandomState(0)
A = R.randn(4, 4) / 2 + 2 * np.eye(4)
DEFECTIVE = np.array([[2.0, 1, 0], [0, 2, 1], [0, 0, 2]])
ROTATION = np.array([[0.3, -1.2], [1.1, 0.3]])
COMPLEX = A + 0.3j * R.randn(4, 4)
E, CT = R.randn(2, 4, 4)
NAMES = ["sqrtm", "logm", "signm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm"]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("a", [A, DEFECTIVE, ROTATION, COMPLEX, np.diag([1e-3, 1.0, 5.0]),
                               np.eye(2)],
                         ids=["general", "defective", "rotation", "complex", "diagonal", "one"])
def test_values(name, a):
    fun, want = getattr(linalg, name), getattr(scipy.linalg, name)(a)
    scale = 1e-12 * abs(want).max()
    for out in (fun(a), ingot.jit(fun)(a), ingot.vmap(fun)(a[None])[0], fun(a[None])[0]):
        np.testing.assert_allclose(out, want, rtol=1e-11, atol=scale)


@pytest.mark.parametrize("name", NAMES)
def test_values_in_single_precision(name):
    single = getattr(linalg, name)(np.float32(A))
    assert single.dtype.itemsize == (8 if name in ("sqrtm", "logm") else 4)
    np.testing.assert_allclose(single, getattr(scipy.linalg, name)(A), rtol=2e-4, atol=2e-4)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("a", [A, DEFECTIVE, COMPLEX], ids=["general", "defective", "complex"])
def test_derivatives(name, a):
    fun, n, step = getattr(linalg, name), a.shape[0], 1e-6
    e, ct = E[:n, :n].astype(a.dtype), CT[:n, :n]
    want = (np.asarray(fun(a + step * e)) - np.asarray(fun(a - step * e))) / (2 * step)
    _, out = ingot.jvp(fun, (a,), (e,))
    np.testing.assert_allclose(out, want, rtol=2e-6, atol=2e-7 * max(1, abs(want).max()))
    y, pull = ingot.vjp(fun, a)
    (back,) = pull(ct.astype(y.dtype))
    np.testing.assert_allclose((np.asarray(back) * e).sum().real, (ct * want).sum().real, rtol=2e-5,
                               atol=1e-6)


def test_second_derivatives_and_powers():
    def value(s):
        return ingot.numpy.real(linalg.sqrtm(A + s * E)).sum()

    step = 1e-4
    second = ingot.grad(ingot.grad(value))(0.0)
    np.testing.assert_allclose(second, (value(step) - 2 * value(0.0) + value(-step)) / step**2,
                               rtol=1e-5, atol=1e-5)
    for t in (0.3, -1.7, 2, -1):
        np.testing.assert_allclose(linalg.fractional_matrix_power(A, t),
                                   scipy.linalg.fractional_matrix_power(A, t), rtol=1e-11)
    assert linalg.fractional_matrix_power(A, 3).dtype == np.float64
    slope = ingot.grad(lambda t: ingot.numpy.real(linalg.fractional_matrix_power(A, t)).sum())(0.5)
    a, b = (scipy.linalg.fractional_matrix_power(A, 0.5 + s).real.sum() for s in (1e-6, -1e-6))
    np.testing.assert_allclose(slope, (a - b) / 2e-6, rtol=1e-7)


def test_equations():
    close = np.testing.assert_allclose
    close(linalg.solve_continuous_lyapunov(A, E), scipy.linalg.solve_continuous_lyapunov(A, E),
          rtol=1e-11)
    for method in ("direct", "bilinear", None):
        for a in (A / 4, COMPLEX / 4):
            close(linalg.solve_discrete_lyapunov(a, E, method),
                  scipy.linalg.solve_discrete_lyapunov(a, E, method), rtol=1e-11)
    with pytest.raises(ValueError, match="method must be"):
        linalg.solve_discrete_lyapunov(A, E, "other")
    for i in range(3):
        args, step = [A, A.T + CT / 9, E], 1e-6
        up, down = ([x + s * CT * (i == j) for j, x in enumerate(args)] for s in (step, -step))
        want = (scipy.linalg.solve_sylvester(*up) - scipy.linalg.solve_sylvester(*down)) / 2 / step
        grads = ingot.grad(lambda *xs: (linalg.solve_sylvester(*xs) * E).sum(), i)(*args)
        close((grads * CT).sum(), (want * E).sum(), rtol=1e-6)
    second = ingot.hessian(lambda s: linalg.solve_sylvester(A + s * E, A, E).sum())(0.1)
    f, h = (lambda s: scipy.linalg.solve_sylvester(A + s * E, A, E).sum()), 1e-4
    close(second, (f(0.1 + h) - 2 * f(0.1) + f(0.1 - h)) / h**2, rtol=1e-5)


@pytest.mark.parametrize("rule", "auto fd doane scott stone rice sturges sqrt".split())
def test_rules_for_bins(rule):
    x = R.randn(300)
    for given in ({}, {"range": (-1.0, 2.0)}):
        counts, edges = ingot.numpy.histogram(x, bins=rule, **given)
        want = np.histogram(x, bins=rule, **given)
        np.testing.assert_allclose(edges, want[1], rtol=1e-12)
        np.testing.assert_array_equal(counts, want[0])


def test_rules_for_bins_need_the_data():
    with pytest.raises(ingot.errors.ConcretizationTypeError, match="bins='auto' the data must be"):
        ingot.jit(lambda x: ingot.numpy.histogram(x, bins="auto"))(A)
    with pytest.raises(TypeError, match="does not support weights"):
        ingot.numpy.histogram(A, bins="auto", weights=A)
    with pytest.raises(ValueError, match="not a valid estimator"):
        ingot.numpy.histogram(A, bins="other")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rank_one_updates_of_cholesky_factors(dtype):
    rng = np.random.default_rng(0)
    r = np.triu(3 * np.eye(5) + rng.normal(size=(5, 5))).astype(dtype)
    w = np.arange(5, dtype=dtype)
    direct = lambda r, w: jnp.linalg.cholesky(  # noqa: E731
        jnp.triu(r).T @ jnp.triu(r) + jnp.outer(w, w)).T
    tol = 50 * float(np.finfo(dtype).eps)
    for scale in (1, -1, dtype(float(np.finfo(dtype).max) ** 0.9)):
        got = np.asarray(ingot.jit(lax.linalg.cholesky_update)(r * scale, w * scale))
        np.testing.assert_allclose(got / abs(scale), direct(r, w), atol=tol, rtol=tol)
    for got, want in zip(*(ingot.grad(lambda r, w, f=f: jnp.sin(f(r, w)).sum(), (0, 1))(r, w)
                           for f in (lax.linalg.cholesky_update, direct)), strict=True):
        np.testing.assert_allclose(got, want, atol=tol, rtol=tol)
    assert not np.any(lax.linalg.cholesky_update(np.zeros((2, 2), dtype), np.zeros(2, dtype)))
    with pytest.raises(ValueError, match="cholesky_update: .*f64\\[2,3\\]"):
        lax.linalg.cholesky_update(np.ones((2, 3)), np.ones(2))


@pytest.mark.long
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_polar_decomposition_by_iteration(dtype):
    """Also of matrices whose singular values are far apart, and of padded ones."""
    rng = np.random.default_rng(0)
    eps = float(np.finfo(dtype).eps)
    for shape in ((1, 1), (5, 1), (4, 3), (6, 6)):
        for condition in (1, 100, 0.01 / eps):
            given = rng.normal(size=(2, *shape))
            given = given[0] + 1j * given[1] if np.dtype(dtype).kind == "c" else given[0]
            u, _, vh = np.linalg.svd(given, full_matrices=False)
            sizes = np.geomspace(1, 1 / condition, shape[1])
            x, want = ((u * sizes) @ vh).astype(dtype), (vh.conj().T * sizes) @ vh
            for fun in (lax.linalg.qdwh, ingot.jit(lax.linalg.qdwh)):
                unitary, h, steps, done = fun(x)
                assert done and steps <= 7
                np.testing.assert_allclose(unitary @ h, x, atol=20 * eps)
                np.testing.assert_allclose(h, want, atol=20 * eps)
                np.testing.assert_allclose(unitary.conj().T @ unitary, np.eye(shape[1]),
                                           atol=20 * eps)
    padded = np.pad(x, ((0, 2), (0, 1)), constant_values=9)
    cut = ingot.jit(lambda x, m, n: lax.linalg.qdwh(x, dynamic_shape=(m, n)))(padded, 6, 6)
    np.testing.assert_allclose(cut[0] @ cut[1], np.pad(x, ((0, 2), (0, 1))), atol=20 * eps)
    assert not lax.linalg.qdwh(x, max_iterations=2)[3]
    with pytest.raises(ValueError, match=r"qdwh: .*got f64\[2,3\]"):
        lax.linalg.qdwh(np.ones((2, 3)))


@pytest.mark.parametrize(("m", "n", "rank"), [
    (4, 4, 4), (6, 3, 3), (3, 6, 3), (5, 4, 2), (4, 5, 2), (3, 3, 1), (4, 3, 0)])
def test_least_squares_slopes_of_any_rank(m, n, rank):
    """Along changes that keep the rank, against differences; the solution is linear in b."""
    rng = np.random.default_rng(1)
    a = rng.normal(size=(m, rank)) @ rng.normal(size=(rank, n))
    b, c = rng.normal(size=m), rng.normal(size=n)
    left, right = rng.normal(size=(m, m)), rng.normal(size=(n, n))

    def moved(h):
        a_h = (np.eye(m) + h * left) @ a @ (np.eye(n) + h * right)
        return np.linalg.pinv(a_h, rcond=1e-9) @ b @ c

    h = 1e-4
    want = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h)
    change = left @ a + a @ right
    fun = lambda a, b: jnp.linalg.lstsq(a, b)[0] @ c  # noqa: E731
    for grad in (ingot.grad(fun, (0, 1)), ingot.jit(ingot.grad(fun, (0, 1)))):
        of_a, of_b = grad(a, b)
        np.testing.assert_allclose((of_a * change).sum(), want, 1e-8, 1e-8)
        np.testing.assert_allclose(of_b, np.linalg.pinv(a, rcond=1e-9).T @ c, 1e-9, 1e-9)
    np.testing.assert_allclose(ingot.jvp(lambda a: fun(a, b), (a,), (change,))[1], want, 1e-8, 1e-8)
