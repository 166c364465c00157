"""Memory that compiled programs take for temporaries, where it is promised to be small."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import grad, jit, value_and_grad


def kernel_sum(x, y):
    return jnp.sum(jnp.exp(-((x[:, None] - y[None, :]) ** 2) / 2))


def kernel_product(x, y):
    return jnp.sum((jnp.exp(-((x[:, None] - y[None, :]) ** 2) / 2) @ y) ** 2)


def temporaries(fun, *args):
    return jit(fun).lower(*args).compile().memory_analysis()["temp_size_in_bytes"]


@pytest.mark.parametrize("fun", [kernel_sum, kernel_product])
def test_gradient_of_all_pairs_takes_memory_of_the_order_of_the_points(fun):
    points = ingot.ShapeDtypeStruct((20_000,), np.float64)
    assert temporaries(grad(fun, (0, 1)), points, points) < 10_000_000
    assert temporaries(value_and_grad(fun, 0), points, points) < 10_000_000


@pytest.mark.parametrize("fun", [kernel_sum, kernel_product])
def test_gradient_of_all_pairs_is_right(fun):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=700), rng.normal(size=500)  # large enough not to be stored
    assert temporaries(grad(fun, (0, 1)), x, y) < 8 * 700 * 500 / 10
    d = x[:, None] - y[None, :]
    k = np.exp(-(d**2) / 2)
    if fun is kernel_sum:
        expected = (-d * k).sum(1), (d * k).sum(0)
    else:
        p = k @ y
        weights = 2 * p[:, None] * y[None, :]
        expected = (-d * k * weights).sum(1), (d * k * weights).sum(0) + 2 * k.T @ p
    for got, want in zip(jit(grad(fun, (0, 1)))(x, y), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11 * np.abs(want).max())


def test_loops_read_what_they_use_repeatedly_from_memory():
    def program(x, y):
        k = jnp.exp(-((x[:, None] - y[None, :]) ** 2))
        return ingot.lax.fori_loop(0, 50, lambda i, v: v + jnp.sum(k[i]), 0.0)

    x = jnp.linspace(0.0, 1.0, 400)
    assert temporaries(program, x, x) >= 8 * 400 * 400
