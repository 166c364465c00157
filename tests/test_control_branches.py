"""cond and switch against JAX: derivatives, batches over the predicate, effects."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ingot
import ingot.numpy as np_
from control_laws import agree, close
from ingot import lax
from ingot.control.callback import io_callback
from ingot.errors import UndefinedRuleError


def choosing(lax, np):
    """Branches with different residuals, one of them constant, closed-over values."""
    def f(p, x, y):
        z = lax.cond(p > 0, lambda x, y: np.sin(x) * np.exp(y), lambda x, y: x + p * x, x, y)
        return lax.switch(2, [lambda z: z, np.sin, lambda z: z * z * x, lambda z: 0 * z + 1.0], z)
    return f


def switching(lax, np):
    def f(i, x):
        a, b = lax.switch(np.floor(i).astype(int), [
            lambda x: (x, np.sin(x)), lambda x: (x * i, x), lambda x: (np.exp(x), 0.0 * x)], x)
        return a * b
    return f


def closing_over(lax, np):
    """Branches that close over the same values, of other types and read in another order."""
    def f(p, n, x):
        return lax.cond(p > 0, lambda: (n, x + n), lambda: (n + 1, x * n))

    def g(p, x):
        n = np.floor(x).astype(int)
        y = np.sin(x)
        return lax.cond(p > 0, lambda: y * n - x, lambda: x + y - n) + f(p, n, x)[1]
    return g


def updating(lax, np):
    """Branches that update, exchange, repeat or pass on what only they still need."""
    def f(p, x):
        x, y = np.sin(x) * np.ones(100), x + np.arange(100.0)

        def step(i, s):
            a, b = s
            a, b = lax.cond(i < p, lambda a, b: (a.at[3 * i].set(b[i]), b),
                            lambda a, b: (a, b.at[i].add(a[0])), a, b)
            a, b = lax.cond(i > p, lambda a, b: (b, a), lambda a, b: (a, 1.5 * b), a, b)
            a, b = lax.cond(i > 2, lambda a, c, b: (a, c), lambda a, c, b: (b, a * c), a, a, b)
            a = lax.cond(i > 3, lambda a, c: a.at[1].mul(b[2]), lambda a, c: c, a, a)
            a, b = lax.cond(i > 1, lambda a, b: (a.at[0].set(2.0), a), lambda a, b: (b, a[::-1]),
                            a, b)
            return a, b

        a, b = lax.fori_loop(0, 6, step, (x, y))
        return np.sum(a * np.cos(b)) + a[3] + b[9]
    return f


@pytest.mark.sampled(3)
@pytest.mark.parametrize("program, args", [
    (updating, (3.0, 0.5)), (updating, (0.5, 0.5)), (updating, (9.0, 0.5)),
    (closing_over, (0.5, 1.3)), (closing_over, (-0.5, 1.3)),
    (choosing, (0.5, 0.3, 0.4)), (choosing, (-0.5, 0.3, 0.4)), (switching, (0.5, 0.3)),
    (switching, (1.5, 0.3)), (switching, (7.5, 0.3)), (switching, (-3.0, 0.3)),
])
def test_against_jax(program, args):
    agree(program(lax, np_), program(jax.lax, jnp), *args)


def mapped_choices(lax, np, jax):
    """Sums over mapped branches whose derivatives are infinite where they are not taken."""
    def root(x):
        return lax.cond(x < 1e-3, lambda: 1e-3, lambda: np.sqrt(x))

    def among(x):
        n = (x > 0).astype(int) + (x > 2).astype(int)
        return lax.switch(n, [lambda: 1.0, lambda: np.log(x), lambda: np.sqrt(x)])

    def quotient(w):
        return lambda x: lax.cond(x < 1e-3, lambda: 0.0, lambda: np.sum(w / x))

    def f(w, v, x):
        return sum(jax.vmap(g)(x).sum() for g in (root, among, quotient(w), quotient(v)))
    return f


def test_derivatives_of_branches_not_taken_do_not_count():
    args = 0.5, np.array([0.3, 0.0]), np.array([0.0, 4.0, 1.0, 0.0])
    want = jax.grad(mapped_choices(jax.lax, jnp, jax), (0, 1, 2))(*args)
    f = mapped_choices(lax, np_, ingot)
    for gradient in (ingot.grad(f, (0, 1, 2)), ingot.grad(ingot.jit(f), (0, 1, 2)),
                     ingot.jit(ingot.grad(f, (0, 1, 2)))):
        for a, b in zip(gradient(*args), want, strict=True):
            close(a, b)


def test_only_one_branch_runs():
    ran = []

    def branch(name):
        def f(x):
            ingot.debug.callback(lambda: ran.append(name))
            return x
        return f

    f = ingot.jit(lambda p, x: lax.cond(p, branch("true"), branch("false"), x))
    f(True, 1.0)
    lax.cond(False, branch("true"), branch("false"), 1.0)
    assert ran == ["true", "false"]
    io = lambda x: io_callback(lambda: ran.append("io"), None) or x
    with pytest.raises(UndefinedRuleError, match="io_callback"):
        ingot.vmap(lambda p: lax.cond(p, io, lambda x: x, 1.0))(np.array([True, False]))
    assert ran == ["true", "false"]
    close(ingot.vmap(f, (0, None))(np.array([True, False]), 1.0), np.ones(2))
    assert sorted(set(ran[2:])) == ["false", "true"]  # all lanes take all branches
    close(ingot.vmap(f, (None, 0))(True, np.ones(2)), np.ones(2))


def test_branches_of_mapped_index_are_selected():
    xs = np.linspace(0.1, 0.9, 4)
    index = np.array([-1, 0, 1, 9])
    branches = [lambda x: (x, x > 0.5), lambda x: (x * x, x < 0.5), lambda x: (1.0, True)]

    def f(lax):
        return lambda i, x: lax.switch(i, branches, x)

    for dtype in (np.int8, np.uint64, np.int64):
        i = index.clip(0).astype(dtype) if dtype == np.uint64 else index.astype(dtype)
        want = jax.vmap(f(jax.lax))(i, xs)
        close(ingot.vmap(f(lax))(i, xs), want)
        close(ingot.jit(ingot.vmap(f(lax)))(i, xs), want)


def test_predicates():
    for pred in (True, np.bool_(False), 2, 0, 0.5, 0.0, np.float32(0), np.nan):
        f = lambda lax, p=pred: lax.cond(p, lambda x: x + 1, lambda x: x - 1, 5)  # noqa: E731
        close(f(lax), f(jax.lax))
    assert lax.cond(True, lambda x: x + 1, lambda x: x - 1, operand=5) == 6
    assert lax.cond(True, 5, lambda x: x + 1, 6, lambda x: x - 1) == 6


def test_nothing_and_nested_structures():
    assert lax.cond(True, lambda: None, lambda: None) is None
    out = lax.cond(False, lambda x: {"a": (x, 1)}, lambda x: {"a": (2 * x, 2)}, np.zeros((0, 3)))
    assert out["a"][0].shape == (0, 3) and int(out["a"][1]) == 2


def test_residuals_share_slots():
    def f(p, x):
        return lax.cond(p, lambda x: np_.sin(x).sum(), lambda x: np_.exp(x).sum(), x)

    program = ingot.make_jaxpr(ingot.grad(f, 1))(True, np.ones(3))
    forward = next(e for e in program.eqns if e.primitive.name == "cond")
    assert len(forward.outvars) == 2  # the result, and one slot that either branch fills
