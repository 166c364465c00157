"""Results written past the caches are those of plain stores, at any place and length."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot.kernel.schedule import SCHEDULE

pytestmark = pytest.mark.llvm("stores of machine code")


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch):
    monkeypatch.setattr(SCHEDULE, "nontemporal_bytes", 8)
    with ingot.config.override("cache", False):
        ingot.clear_caches()
        yield
    ingot.clear_caches()


def text(fun, *args, stage="kernels"):
    return ingot.jit(fun).lower(*args).compile().as_text(stage)


PROGRAMS = {
    "one result": (lambda x: x * 2 + 1, "x"),
    "two results": (lambda x: (x * 2 + 1, x * x), "x"),
    "dtypes of several sizes": (lambda x: ((x * 3).astype("float32"), x > 0, x + 1), "x"),
    "functions": (lambda x: jnp.tanh(x) * jnp.exp(x) + jnp.cos(x), "x"),
    "rows": (lambda m: m - m.mean(-1, keepdims=True), "m"),
    "softmax": (ingot.nn.softmax, "m"),
    "stacks": (lambda m: m.reshape(-1, 2, m.shape[1]) * 2, "m"),
    "updates": (lambda x: x.at[5].set(1.0) * 2, "x"),
    "shifts": (lambda x: x[1:] - x[:-1], "x"),
    "complex numbers": (lambda x: x + 1j, "x"),
    "narrow floats": (lambda x: x.astype("bfloat16") * 3, "x"),
    "columns": (lambda m: m.T + 1, "m"),
}


@pytest.mark.parametrize("optimize", ["fast", "full"])
@pytest.mark.parametrize("n", [2048, 5003, 100_001])
@pytest.mark.parametrize("name", PROGRAMS)
def test_results(name, n, optimize, monkeypatch):
    fun, kind = PROGRAMS[name]
    x = np.random.default_rng(n).normal(size=n)
    x = x if kind == "x" else x[: n // 256 * 256 if n % 2 else n // 130 * 130].reshape(
        -1, 256 if n % 2 else 130)[: n // 512 * 2]
    with ingot.config.override("optimize", optimize):
        got = ingot.jit(fun)(x)
        monkeypatch.setattr(SCHEDULE, "nontemporal_bytes", 1 << 60)
        ingot.clear_caches()
        plain = ingot.jit(fun)(x)
    for mine, expected in zip(ingot.tree.leaves(got), ingot.tree.leaves(plain), strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(expected))


def test_what_is_streamed(monkeypatch):
    x, m = np.ones(5000), np.ones((40, 256))
    assert text(lambda x: (x * 2, x + 1), x).count("copy 1024 bytes to result") == 2
    assert "!nontemporal" in text(lambda x: x * 2, x, stage="llvm")
    assert text(ingot.nn.softmax, m).count("copy 2048 bytes to result") == 1
    assert "copy" not in text(lambda x: x.at[3].set(1.0), np.ones(5))
    for fun, arg in ((lambda m: m.T * 2, np.ones((40, 2))), (lambda x: jnp.cumsum(x), x),
                     (lambda x: x + 1j, x), (lambda x: x[::-1] * 2, x[:60])):
        assert "copy" not in text(fun, arg)  # short rows, sums, pairs
    monkeypatch.undo()
    ingot.clear_caches()
    assert "copy" not in text(lambda x: x * 2, x)


@pytest.mark.native("loops are not divided among threads")
def test_threads_have_parts_of_their_own():
    x = np.random.default_rng(0).normal(size=3_000_001)
    assert "parallel for" in text(lambda x: (x * 2, jnp.sin(x)), x)
    twice, sines = ingot.jit(lambda x: (x * 2, jnp.sin(x)))(x)
    np.testing.assert_array_equal(twice, x * 2)
    np.testing.assert_allclose(sines, np.sin(x), rtol=1e-14, atol=1e-15)
