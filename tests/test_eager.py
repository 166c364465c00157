"""Functions outside of jit: replayed from their third call on, with the same results."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from faults import Fault, planted
from ingot.api import eager
from ingot.api.eager import trace_cached
from ingot.config import config
from ingot.core.primitive import REGISTRY

X = jnp.asarray([[1.0, -0.0, np.nan], [np.inf, 2.5, -3.0]])
Y = X.astype("float32")
CALLS = {
    "matmul": lambda: X @ X.T, "vectors": lambda: X[1] @ X[1], "mixed": lambda: Y @ X.T,
    "float": lambda: jnp.clip(X, -1.0, 2.0), "other float": lambda: jnp.clip(X, -0.0, 2.0),
    "axis": lambda: X.sum(axis=0), "axes": lambda: X.sum((0, 1)), "none": lambda: X.sum(),
    "keyword": lambda: jnp.sum(X, keepdims=True), "mask": lambda: jnp.sum(X, where=X > 0),
    "list": lambda: jnp.stack([X, X], 1), "where": lambda: jnp.where(X > 1, X, 0.0),
    "number": lambda: jnp.where(True, 1, 2.0), "narrow": lambda: Y.std(0),
    "broadcast": lambda: X + X[0], "argmax": lambda: X.argmax(1),
    "nonzero": lambda: jnp.where(X)[0],
    "dtype": lambda: jnp.sum(Y, dtype=jnp.float64), "norm": lambda: jnp.linalg.norm(Y, axis=1),
    "empty": lambda: jnp.zeros((0, 3)).sum(0), "bool": lambda: (X > 0).all(),
    "view": lambda: X.T.max(),
}


@pytest.mark.parametrize("name", CALLS)
def test_later_calls_give_what_the_first_gave(name):
    first, *later = [CALLS[name]() for _ in range(5)]
    for x in later:
        assert x.aval is first.aval
        np.testing.assert_array_equal(np.signbit(np.asarray(x, float)),
                                      np.signbit(np.asarray(first, float)))
        assert np.asarray(x).tobytes() == np.asarray(first).tobytes()


def counting():
    calls = []

    @trace_cached
    def function(x, k=1, *, scale=1.0):
        """Doc."""
        calls.append(x)
        return jnp.sin(x) * k * scale

    return function, calls


def test_a_form_of_call_is_traced_when_it_is_met_again():
    function, calls = counting()
    x = jnp.ones(3)
    results = [function(x, 2, scale=float(i)) for i in range(6)]
    assert len(calls) == 3  # once by itself, once traced and once by itself
    assert [float(r[0]) for r in results] == [2 * i * float(jnp.sin(1.0)) for i in range(6)]
    function(x, 3)
    function(jnp.ones(4), 2)
    function(x, True)
    assert len(calls) == 6
    assert function.__doc__ == "Doc."


def test_transformations_and_flags_see_the_function():
    function, calls = counting()
    for _ in range(4):
        function(2.0)
    before = len(calls)
    assert float(ingot.grad(function)(2.0)) == float(jnp.cos(2.0))
    assert ingot.vmap(function)(jnp.arange(3.0)).shape == (3,)
    assert str(ingot.jit(function)(2.0).dtype) == "float64"
    assert len(calls) == before + 3
    with config.override("enable_x64", False):
        assert str(function(2.0).dtype) == "float32"
    with config.override("debug_nans", True), pytest.raises(FloatingPointError):
        function(np.inf)


def test_mistakes_are_told_each_time():
    for _ in range(4):
        with pytest.raises(TypeError, match="one length"):
            jnp.matmul(X, X)
    y = jnp.ones(3) + 1
    for _ in range(3):
        y.sum()
    y.delete()
    with pytest.raises(RuntimeError, match="deleted"):
        y.sum()


def test_rules_that_contradict_each_other_are_told():
    fault = Fault(REGISTRY["sign"], "eval", "shorter", lambda x: x[:1])
    told = r"sign: the eval rule.*\(1, 3\).*f64\[2,3\]"
    with planted(fault), pytest.raises(TypeError, match=told):
        ingot.lax.sign(X)


def test_few_forms_are_remembered(monkeypatch):
    monkeypatch.setattr(eager, "MAX_TRACES", 4)
    function, calls = counting()
    for k in range(12):
        function(1.0, k)
    assert float(function(1.0, 3)) == 3 * float(jnp.sin(1.0))
