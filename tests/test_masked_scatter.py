"""Writes in mapped loops and branches stay in place: which programs are rewritten, and that the
results stay the same."""

import numpy as np
import pytest

import ingot
from ingot import lax, numpy as jnp
from ingot.compiler.masked_scatter import mask_scatters
from ingot.compiler.simplify import remove_identities
from ingot.core.jaxpr import subjaxprs

SIZE = 40
WRITES = {
    "set": lambda x, i: x.at[i].set(2.0 + i),
    "drop": lambda x, i: x.at[i + SIZE - 3].set(2.0 + i, mode="drop"),
    "clip": lambda x, i: x.at[i + SIZE - 3].set(2.0 + i, mode="clip"),
    "promise": lambda x, i: x.at[i].set(2.0 + i, mode="promise_in_bounds"),
    "add": lambda x, i: x.at[i % 3].add(2.0),
    "subtract": lambda x, i: x.at[i % 3].subtract(2.0),
    "multiply": lambda x, i: x.at[i].multiply(3.0),
    "min": lambda x, i: x.at[i].min(0.5),
    "max": lambda x, i: x.at[jnp.array([i, i + 1])].max(jnp.array([4.0, 5.0])),
    "window": lambda x, i: lax.dynamic_update_slice(x, jnp.array([1.0, -1.0, 7.0]), (i * 9,)),
    "twice": lambda x, i: x.at[i].set(1.0).at[2 * i].add(5.0),
}


def selects(jaxpr, size):
    """Choices between arrays of this many elements, in all nested programs, after the pass."""
    jaxpr = mask_scatters(remove_identities(jaxpr))
    own = sum(e.primitive.name == "select_n" and e.outvars[0].aval.size >= size
              for e in jaxpr.eqns)
    return own + sum(selects(inner, size) for e in jaxpr.eqns for inner in subjaxprs(e))


def loop(write):
    def run(stop, x):
        return lax.while_loop(lambda c: c[0] < stop, lambda c: (c[0] + 1, write(c[1], c[0])),
                              (0, x))[1]

    return run


def branch(write):
    def run(i, x):
        return lax.cond(i > 1, lambda x: write(x, i), lambda x: x, x)

    return run


def other_branch(write):
    def run(i, x):
        return lax.cond(i > 1, lambda x: x, lambda x: write(x, i), x)

    return run


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("make", [loop, branch, other_branch])
def test_the_same_results_without_a_choice_of_arrays(make, name):
    run = make(WRITES[name])
    stops = np.array([0, 5, 2, 4])
    xs = np.linspace(0.0, 3.0, 4 * SIZE).reshape(4, SIZE)
    mapped = ingot.jit(ingot.vmap(run))
    assert selects(mapped.trace(stops, xs).jaxpr, 4 * SIZE) == 0
    one = ingot.jit(run)
    np.testing.assert_array_equal(mapped(stops, xs),
                                  np.stack([one(n, x) for n, x in zip(stops, xs, strict=True)]))


def test_nested_maps():
    run = branch(WRITES["set"])
    stops = np.arange(6).reshape(2, 3)
    xs = np.linspace(0.0, 1.0, 6 * SIZE).reshape(2, 3, SIZE)
    mapped = ingot.jit(ingot.vmap(ingot.vmap(run)))
    assert selects(mapped.trace(stops, xs).jaxpr, 6 * SIZE) == 0
    np.testing.assert_array_equal(mapped(stops, xs), ingot.vmap(ingot.vmap(run))(stops, xs))


@pytest.mark.parametrize("body", [
    lambda x, i: 2.0 * x.at[i].set(1.0),  # more than a write
    lambda x, i: (lambda y: y.at[0].set(y.sum()))(x.at[i].set(1.0)),  # read in between
], ids=["computed", "read"])
def test_what_is_more_than_writing_is_left_alone(body):
    run = branch(body)
    stops, xs = np.array([1, 3]), np.ones((2, SIZE))
    mapped = ingot.jit(ingot.vmap(run))
    assert selects(mapped.trace(stops, xs).jaxpr, 2 * SIZE) == 1
    np.testing.assert_array_equal(mapped(stops, xs),
                                  np.stack([run(n, x) for n, x in zip(stops, xs, strict=True)]))
