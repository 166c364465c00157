"""Buffers that loops exchange live as long as the loop, however late they were made."""

from __future__ import annotations

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.config import config
from ingot.kernel import ir


def leapfrog(a, b):
    """Two time levels: the update cannot be done in place, as the old level is handed on."""
    def step(i, levels):
        x, previous = levels
        return x.at[i].set(previous[i + 1] + x[i - 1]), x

    return lax.fori_loop(1, 20, step, (a, b))


def three_levels(a, b):
    def step(levels, i):
        x, y, z = levels
        return (x.at[i].add(z[i + 1]), x, y), y[i]

    (x, y, z), out = lax.scan(step, (a, b, a + b), jnp.arange(20))
    return x, y, z, out


def rotated(a, b):
    def step(i, levels):
        x, y = levels
        return y.at[i].set(x[i] * 2), x.at[i + 1].set(y[i] + 1)

    return lax.fori_loop(0, 21, step, (a, b))


def while_two_levels(a, b):
    def step(state):
        i, x, y = state
        return i + 1, lax.dynamic_update_slice(x, y[3:6] + i, (i,)), x

    return lax.while_loop(lambda s: s[0] < 13, step, (0, a, b))


def nested(a, b):
    def inner(i, levels):
        x, y = levels
        return x.at[i].set(y[i + 1] + x[i + 2]), x

    def outer(k, levels):
        x, y = lax.fori_loop(0, 7, inner, levels)
        return y.at[k].add(jnp.sum(x)), x

    return lax.fori_loop(0, 4, outer, (a, b))


def branch(a, b):
    def step(i, levels):
        x, y = levels
        x = lax.cond(i % 3 == 0, lambda x: x.at[i].set(y[i + 1]), lambda x: x * 1.5, x)
        return x.at[i + 1].set(y[i]), x

    return lax.fori_loop(0, 11, step, (a, b))


def mapped(a, b):
    return ingot.vmap(leapfrog)(jnp.stack([a, b, a]), jnp.stack([b, b, a]))


def derivative(a, b):
    return ingot.grad(lambda a, b: jnp.sum(leapfrog(a, b)[0] ** 2), (0, 1))(a, b)


PROGRAMS = [leapfrog, three_levels, rotated, while_two_levels, nested, branch, mapped, derivative]


def around(loop):
    """Work behind a loop that takes memory which is not in use."""
    def fun(a, b):
        found = loop(a, b)
        h = jnp.cumsum(b) * 2
        s = jnp.sort(b) + h
        t = jnp.cumsum(s[::-1]) * h
        return found, s, t, jnp.sum(h * s)

    return fun


@pytest.mark.parametrize("n", [65, 1001])
@pytest.mark.parametrize("loop", PROGRAMS, ids=lambda f: f.__name__)
def test_loops_that_hand_on_an_updated_array_and_the_old_one(loop, n):
    fun = around(loop)
    args = [jnp.arange(float(n)), jnp.cos(jnp.arange(float(n)))]
    with ingot.disable_jit():
        want = fun(*args)
    for tier in ("fast", "full"):
        with config.override("optimize", tier), config.override("cache", False):
            got = ingot.jit(lambda a, b: fun(a, b))(*args)
        # Running sums are accurate to the sum of magnitudes, not to an element that cancels.
        ingot.tree.map(lambda g, w: np.testing.assert_allclose(
            np.asarray(g), np.asarray(w), rtol=1e-12, atol=1e-14 * float(np.max(np.abs(w)))),
            got, want)


def test_what_a_pointer_may_stand_for_follows_from_its_loop():
    first, second, third = (ir.Memory("temporary", 8, np.dtype(float)) for _ in range(3))
    inside, result, inner, outer = (
        ir.Memory("pointer", 8, np.dtype(float)) for _ in range(4))
    loop = ir.PointerPhi(inside, first, None, result)
    within = ir.PointerPhi(inner, inside, inner, outer)
    assert inside.roots == {first} and outer.roots == {inside, inner, first}
    other = ir.PointerPhi(ir.Memory("pointer", 8, np.dtype(float)), second, inside,
                          ir.Memory("pointer", 8, np.dtype(float)))
    loop.next = other.inside
    assert result.roots == inside.roots == {first, second, inside, other.inside}
    assert {first, second} < within.result.roots and third not in within.result.roots
