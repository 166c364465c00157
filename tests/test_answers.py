"""Calls that once failed, or gave other numbers, where NumPy and JAX agree: methods of ufuncs,
indices too narrow for the axis, `disable_jit`, sorts of many equal numbers."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from harness import data
from ingot import lax, nn, random

INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
NUMBERS = np.array([[3, 5, 1], [7, 0, 6], [2, 7, 7]])
UFUNCS = ["add", "multiply", "maximum", "minimum", "subtract", "bitwise_and", "bitwise_or",
          "bitwise_xor", "logical_and", "logical_or", "logical_xor", "logaddexp", "logaddexp2"]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", [*INTEGERS, "bool", "float32"])
@pytest.mark.parametrize("name", UFUNCS)
def test_methods_of_ufuncs(name, dtype):
    if (name, dtype) == ("subtract", "bool") or (name[:3] == "bit" and dtype == "float32"):
        pytest.skip("not a function of this dtype")
    ours, numpys = getattr(jnp, name), getattr(np, name)
    x = NUMBERS.astype(dtype)
    for axis in (0, 1):
        for method in ("reduce", "accumulate"):
            want = getattr(numpys, method)(x, axis)
            for call in (getattr(ours, method), ingot.jit(getattr(ours, method), static_argnums=1)):
                got = data(call(jnp.asarray(x), axis))
                assert (got.dtype == np.bool_) == (want.dtype == np.bool_) or dtype == "bool"
                kept = want.astype(got.dtype) if got.dtype.kind in "iu" else want
                np.testing.assert_allclose(got.astype(float), kept.astype(float), rtol=1e-3)
        if numpys.identity is not None:
            mask = NUMBERS > 2
            want = numpys.reduce(x, axis, where=mask)
            got = data(ours.reduce(jnp.asarray(x), axis, where=mask))
            np.testing.assert_allclose(got.astype(float), want.astype(got.dtype).astype(float),
                                       rtol=1e-3)


N = 70_000
PLACES = np.array([0, 5, -1, 100, 127, -128, 3])


def indexing(mode):
    """What takes indices into arrays of 129 and of 70,000 elements, as NumPy has it."""
    return {
        "take": (lambda lib, x, i: lib.take(x, i, mode=mode), None),
        "put": (lambda lib, x, i: jnp.put(x, i, 7, mode=mode, inplace=False), _put(mode)),
        "choose": (lambda lib, x, i: lib.choose(i, list(range(31)), mode=mode), None),
        "ravel_multi_index": (lambda lib, x, i: lib.ravel_multi_index(
            (i, i), (300, 400), mode=mode), None),
    }


def _put(mode):
    def put(lib, x, i):
        out = x.copy()
        np.put(out, i, 7, mode=mode)
        return out

    return put


@pytest.mark.sampled(3)
@pytest.mark.parametrize("mode", ["clip", "wrap"])
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["take", "put", "choose", "ravel_multi_index"])
def test_indices_in_dtypes_that_do_not_hold_the_length(name, dtype, mode):
    limits = np.iinfo(dtype)
    places = PLACES[(PLACES >= limits.min) & (PLACES <= limits.max)]
    ours, numpys = indexing(mode)[name]
    for n in (129, N):
        x = np.arange(float(n))
        want = (numpys or ours)(np, x, places)
        fun = lambda x, i: ours(jnp, x, i)  # noqa: E731
        for call in (fun, ingot.jit(fun)):
            np.testing.assert_array_equal(
                data(call(jnp.asarray(x), jnp.asarray(places.astype(dtype)))), want)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_narrow_indices_elsewhere(dtype):
    i = jnp.asarray(np.array([100, 3], dtype))
    x = jnp.arange(float(N))
    for got, want in [
            (jnp.unravel_index(i, (300, 400))[1], [100, 3]),
            (nn.one_hot(i, 300)[:, [3, 100, 259, 356 % 300]], [[0, 1, 0, 0], [1, 0, 0, 0]]),
            (jnp.take_along_axis(x, i, 0), [100, 3]), (x[i], [100, 3]),
            (x.at[i].set(9)[jnp.array([3, 100, 356])], [9, 9, 356]),
            (x.at[i].get(mode="clip"), [100, 3]), (x.at[i].get(mode="fill"), [100, 3]),
            (lax.dynamic_slice(x, (i[0],), (2,)), [100, 101]),
            (lax.dynamic_update_slice(x, jnp.ones(1), (i[0],))[99:102], [99, 1, 101]),
            (lax.dynamic_index_in_dim(x, i[0], 0, False), 100), (jnp.roll(x, i[0])[100], 0),
            (jnp.repeat(jnp.arange(2), i, total_repeat_length=300)[jnp.array([99, 100])], [0, 1]),
            (jnp.bincount(i, length=300)[jnp.array([3, 100, 259])], [1, 1, 0]),
            (jnp.searchsorted(x, i), [100, 3])]:
        np.testing.assert_array_equal(np.asarray(got), want)


# ---- disable_jit ---------------------------------------------------------------------------------
def test_loops_hand_on_arrays_without_jit():
    with ingot.disable_jit():
        for condition in (lambda s: s[0] < 3, lambda s: False):
            out = lax.while_loop(condition, lambda s: (s[0] + 1, s[1] * 2), (0, 1.5))
            assert [x.shape for x in out] == [(), ()]
            assert out[1].astype("float32").dtype == np.float32


def test_loops_whose_conditions_are_mapped_run_without_jit():
    with ingot.disable_jit():
        out = ingot.vmap(lambda n: lax.while_loop(lambda i: i < n, lambda i: i + 1, 0))(
            np.array([1, 5]))
    np.testing.assert_array_equal(np.asarray(out), [1, 5])


SAMPLERS = {
    "poisson": lambda key: random.poisson(key, np.array([0.5, 5.0, 30.0, 200.0])),
    "binomial": lambda key: random.binomial(
        key, np.array([1.0, 50, 300]), np.array([0.1, 0.5, 0.3])),
    "gamma": lambda key: random.gamma(key, np.array([0.3, 2.0])),
    "mapped": lambda key: ingot.vmap(lambda r: random.poisson(key, r))(np.array([1.0, 5.0])),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_without_jit_draw_the_same(name):
    key = random.key(0)
    want = SAMPLERS[name](key)
    with ingot.disable_jit():
        got = SAMPLERS[name](key)
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-12)


# ---- sorts ---------------------------------------------------------------------------------------
DTYPES = [*INTEGERS, "bool", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float32",
          "float64", "complex64"]


def many_ties(dtype, n):
    dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
    rng = np.random.default_rng(n)
    x = rng.integers(0 if dtype.kind in "u" else -9, 10, n) / (1 if dtype.kind in "iu" else 2)
    if dtype.kind not in "iub":
        special = np.array([np.nan, -0.0, 0.0, 200.0, -200.0])
        x = np.where(rng.random(n) < 0.1, rng.choice(special, n), x)
    return x.astype(dtype)


def ordered(x):
    """The stable order, NaN last."""
    if x.dtype.kind == "c":
        return np.lexsort((x.imag, x.real))
    return np.argsort(x if x.dtype.kind in "iub" else x.astype(float), kind="stable")


def check_sorts(x):
    """Sorted, eagerly and compiled, in the stable order."""
    order = ordered(x)
    bits = f"u{x.dtype.itemsize}" if x.dtype.kind != "c" else "u8"
    for run in (lambda f: f, ingot.jit):
        got = data(run(lambda x: jnp.sort(x))(jnp.asarray(x)))
        same = got.view(bits) == x[order].view(bits)
        # Which NaN is which may change; nothing else, the signs of zeros included.
        assert (same | (np.isnan(got) & np.isnan(x[order]))).all(), (x.dtype, x.size)
        np.testing.assert_array_equal(data(run(lambda x: jnp.argsort(x))(jnp.asarray(x))), order)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sorts_of_many_equal_numbers(dtype):
    for n in (1, 100, 3000, 100_000):
        ties = many_ties(dtype, n)
        for x in (ties, ties[ties != 0]):  # zeros of both signs are sorted in another way
            check_sorts(x)
    few = jnp.asarray(many_ties(dtype, 5000))
    if few.dtype.kind != "c":
        wide = data(few).astype(float)
        np.testing.assert_array_equal(
            data(jnp.partition(few, 2500))[2500].astype(float), np.partition(wide, 2500)[2500])
        np.testing.assert_array_equal(
            data(jnp.unique(few)).astype(float), np.unique(wide))
        np.testing.assert_array_equal(
            data(jnp.searchsorted(jnp.sort(few), few[:50])),
            np.searchsorted(np.sort(wide), wide[:50]))
