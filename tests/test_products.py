"""Contractions as the compiler makes them: beside transposes, of parts of arrays, added to sums."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.compiler.in_place import rewrite_for_in_place
from ingot.compiler.passes import PassRunner
from ingot.compiler.simplify import simplify
from ingot.config import config
from ingot.core.jaxpr import subjaxprs
from ingot.kernel.schedule import SCHEDULE
from pass_programs import busy_passes

DTYPES = ("float32", "float64", "complex64", "complex128")
TIERS = {"fast": lambda: config.override("optimize", "fast"), "full": busy_passes}
TOLERANCE = {"float32": 2e-5, "complex64": 2e-5, "float64": 1e-12, "complex128": 1e-12}


def drawn(dtype, *shape, seed=0):
    rng = np.random.default_rng((seed, *shape))
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if dtype.startswith("c") else x).astype(dtype)


def primitives(jaxpr):
    """Names of operations in all nested programs, as they are compiled."""
    jaxpr = rewrite_for_in_place(simplify(jaxpr), PassRunner())
    found = [e.primitive.name for e in jaxpr.eqns]
    return found + [name for e in jaxpr.eqns for inner in subjaxprs(e)
                    for name in primitives(inner)]


def agree(got, want, dtype):
    want = np.asarray(want)
    np.testing.assert_allclose(got, want, rtol=TOLERANCE[dtype],
                               atol=TOLERANCE[dtype] * (1 + np.max(np.abs(want), initial=0)))


# Where one operand or the result is transposed, reversed or cut: (function, shapes).
BESIDE = {
    "x.T": (lambda np, x, y: x.T @ y, [(7, 5), (7, 6)]),
    "y.T": (lambda np, x, y: x @ y.T, [(5, 7), (6, 7)]),
    "(x y).T": (lambda np, x, y: (x @ y).T, [(5, 7), (7, 6)]),
    "all transposed": (lambda np, x, y: (x.T @ y.T).T, [(7, 5), (6, 7)]),
    "twice": (lambda np, x, y: (lambda z: (z.T, z + 1))(x @ y)[0] + (x @ y + 1).T,
              [(5, 7), (7, 6)]),
    "with itself": (lambda np, x: x.T @ x, [(9, 8)]),
    "batched": (lambda np, x, y: np.einsum("bij,bkj->bki", x, y), [(3, 5, 7), (3, 6, 7)]),
    "batched, in the middle": (lambda np, x, y: np.einsum("ibj,kbj->bki", x, y),
                               [(5, 3, 7), (6, 3, 7)]),
    "two batches": (lambda np, q, k: np.einsum("bqhd,bkhd->bhqk", q, k),
                    [(2, 5, 3, 4), (2, 6, 3, 4)]),
    "two batches, mixed": (lambda np, s, v: np.einsum("bhqk,bkhd->bqhd", s, v),
                           [(2, 3, 5, 6), (2, 6, 3, 4)]),
    "free axes in another order": (lambda np, x, y: np.einsum("iajb,jk->aibk", x, y),
                                   [(3, 4, 5, 2), (5, 6)]),
    "two contracted": (lambda np, x, y: np.einsum("ijk,jil->kl", x, y), [(4, 3, 5), (3, 4, 6)]),
    "columns of a matrix": (lambda np, x, y: x[:, 2:9] @ y, [(6, 12), (7, 5)]),
    "rows of a matrix": (lambda np, x, y: x[2:9].T @ y[:, 3:], [(12, 5), (7, 9)]),
    "each second column": (lambda np, x, y: x[:, ::2] @ y, [(6, 14), (7, 5)]),
    "each second row": (lambda np, x, y: x[::2] @ y, [(12, 7), (7, 5)]),
    "reversed": (lambda np, x, y: x[::-1] @ y[:, ::-1], [(6, 7), (7, 5)]),
    "cut and reshaped": (lambda np, x, y: np.einsum(
        "ihd,jhd->hij", x[:, 4:12].reshape(6, 2, 4), y.reshape(5, 2, 4)), [(6, 14), (5, 8)]),
    "a vector": (lambda np, x, y: x[1:7, 3] @ y, [(8, 5), (6, 9)]),
    "broadcast": (lambda np, x, y: np.broadcast_to(x, (6, 7)) @ y, [(7,), (7, 5)]),
    "nothing": (lambda np, x, y: (x.T @ y).T, [(0, 5), (0, 6)]),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("work", [50, 1_000_000])
def test_beside_what_moves_elements(work, dtype, tier):
    args = {name: [drawn(dtype, *s, seed=k) for k, s in enumerate(shapes)]
            for name, (_, shapes) in BESIDE.items()}
    stacks = {name: [np.stack([x, 2 * x[::-1]]) for x in xs] for name, xs in args.items()}

    def all_of(args):
        return {name: BESIDE[name][0](jnp, *xs) for name, xs in args.items()}

    with TIERS[tier](), config.override("cache", False), \
            SCHEDULE.override(blas_work=work):
        ingot.clear_caches()
        got, mapped = ingot.jit(all_of)(args), ingot.jit(ingot.vmap(all_of))(stacks)
    for name, (fun, _) in BESIDE.items():
        agree(got[name], fun(np, *args[name]), dtype)
        rows = [fun(np, *xs) for xs in zip(*stacks[name], strict=True)]
        agree(mapped[name], np.stack(rows), dtype)


def test_no_transposes_are_left():
    for name in ("x.T", "y.T", "(x y).T", "all transposed", "with itself", "batched"):
        fun, shapes = BESIDE[name]
        jaxpr = ingot.make_jaxpr(lambda *xs, fun=fun: fun(jnp, *xs))(*map(np.ones, shapes))
        assert "transpose" not in primitives(jaxpr), name


# ---- sums ----------------------------------------------------------------------------------------
def added(total, xs, ys):
    """A sum of products, made in a loop, which also tells what it was."""
    def step(total, xy):
        x, y = xy
        return total + x.T @ y, total[0]

    return lax.scan(step, total, (xs, ys))


def twice_read(total, xs, ys):
    def step(total, xy):
        x, y = xy
        after = total + x.T @ y
        return after, after[0] * 2

    return lax.scan(step, total, (xs, ys))


def two_products(total, xs, ys):
    return total, xs[0].T @ ys[0] + xs[1].T @ ys[1]


def one_of_itself(total, xs, ys):
    def step(total, y):
        return total + total @ y[:6], None

    return lax.scan(step, total, ys)[0], total


def plus_an_argument(total, xs, ys):
    return total + xs[0].T @ ys[0], total


def to_columns(total, xs, ys):
    """Shapes that BLAS leaves to loops."""
    def step(total, xy):
        x, y = xy
        return total + x.T @ y[:, :1], None

    return lax.scan(step, total[:, :1], (xs, ys))


SUMS = {f.__name__: f for f in (
    added, twice_read, two_products, one_of_itself, plus_an_argument, to_columns)}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("terms", [2, 40])
def test_sums_of_products(terms, tier):
    for dtype in DTYPES:
        total, xs = drawn(dtype, 6, 6) / 6, drawn(dtype, 4, terms, 6)
        ys = drawn(dtype, 4, max(terms, 6), 6)

        def all_of(total, xs, ys):
            return {name: fun(total, xs, ys if name == "one_of_itself" else ys[:, : xs.shape[1]])
                    for name, fun in SUMS.items()}

        with config.override("backend", "reference"):
            want = ingot.jit(all_of)(total, xs, ys)
        with TIERS[tier](), config.override("cache", False), \
                SCHEDULE.override(blas_work=50, max_scalars=8):
            ingot.clear_caches()
            got = ingot.jit(all_of)(total, xs, ys)
        for name in SUMS:
            for a, b in zip(*map(ingot.tree.leaves, (got[name], want[name])), strict=True):
                agree(a, b, dtype)


@pytest.mark.parametrize("terms", [300, 20_000])
def test_long_sums_are_added_in_parts_to_what_is_there(terms):
    """As those of threads are, and those of many terms."""
    x, y, total = drawn("float32", terms, 40), drawn("float32", terms, 30), drawn("float32", 40, 30)
    fun = ingot.jit(lambda total, x, y: lax.fori_loop(0, 3, lambda k, c: c + x.T @ y, total))
    agree(fun(total, x, y), total + 3 * (x.T.astype(float) @ y), "float32")


def test_products_are_added_in_place():
    def program(fun):
        jaxpr = ingot.make_jaxpr(fun)(np.ones((40, 40)), np.ones((4, 30, 40)),
                                      np.ones((4, 30, 40)))
        return primitives(jaxpr)

    assert program(added).count("dot_general") == 1  # the carry is read otherwise, too
    for fun in (twice_read, two_products, plus_an_argument):
        assert "add_dot" in program(fun) or fun is plus_an_argument
    assert "add_dot" not in program(plus_an_argument)


def test_gradients_of_weights_are_added_in_place():
    def loss(w, xs):
        return jnp.sum(lax.scan(lambda h, x: (jnp.tanh(h @ w + x), None), jnp.zeros((30, 40)),
                                xs)[0])

    names = primitives(ingot.make_jaxpr(ingot.grad(loss))(np.ones((40, 40)), np.ones((5, 30, 40))))
    assert names.count("add_dot") == 1 and "transpose" not in names


# ---- after loops ---------------------------------------------------------------------------------
def recurrent(weights, xs):
    """The last state of a network of vectors, or of rows."""
    def step(h, x):
        return jnp.tanh(h @ weights["state"] + x @ weights["input"] + weights["bias"]), h

    h, hs = lax.scan(step, jnp.zeros((*xs.shape[1:-1], 12), xs.dtype), xs)
    return jnp.sum(h**2) + jnp.sum(hs) / 9


def backwards(weights, xs):
    def step(h, x):
        return weights["state"].T @ jnp.sin(h) + (x @ weights["input"]).reshape(-1, 12)[0], None

    return jnp.sum(lax.scan(step, jnp.ones(12, xs.dtype), xs, reverse=True)[0])


def from_something(weights, xs):
    """A sum of outer products that does not begin with zero."""
    def step(c, x):
        total, h = c
        return (total + lax.dot_general(x[:, None], h[None], (((1,), (0,)), ((), ()))),
                jnp.cos(h)), None

    total, rows = jnp.sin(weights["input"]), xs[:, 0] if xs.ndim == 3 else xs
    return jnp.sum(lax.scan(step, (total, weights["bias"]), rows)[0][0] ** 2)


LOOPS = {f.__name__: f for f in (recurrent, backwards, from_something)}


def weights_of(dtype):
    return {"input": drawn(dtype, 9, 12) / 4, "state": drawn(dtype, 12, 12) / 4,
            "bias": drawn(dtype, 12)}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("shape", [(7, 9), (7, 3, 9), (4, 20, 9), (0, 2, 9)])
def test_gradients_of_loops(shape, tier):
    """Rows below and above the number from which products stay in loops; few and no steps."""
    weights, xs = weights_of("float64"), drawn("float64", *shape)

    def all_of(weights, xs):
        return {name: ingot.value_and_grad(fun, (0, 1))(weights, xs) for name, fun in LOOPS.items()}

    stacks = ingot.tree.map(lambda x: np.stack([x, x / 2]), (weights, xs))
    with config.override("backend", "reference"):
        want = ingot.jit(all_of)(weights, xs), ingot.jit(ingot.vmap(all_of))(*stacks)
    with TIERS[tier](), config.override("cache", False), SCHEDULE.override(max_scalars=8):
        ingot.clear_caches()
        got = ingot.jit(all_of)(weights, xs), ingot.jit(ingot.vmap(all_of))(*stacks)
    for a, b in zip(*map(ingot.tree.leaves, (got, want)), strict=True):
        agree(a, b, "float64")


def carries(fun, *args):
    """What the loops of a program carry."""
    jaxpr = simplify(ingot.make_jaxpr(fun)(*args))
    return [sorted(v.aval.shape for v in e.outvars[: e.params["num_carry"]])
            for e in jaxpr.eqns if e.primitive.name == "scan"]


def test_which_sums_leave_loops():
    state = (40, 12)
    weights = {"state": np.ones((12, 12)), "input": np.ones((40, 12)), "bias": np.ones(12)}
    grad = ingot.grad(recurrent)

    def has_sum(rows):
        (_, back) = carries(grad, weights, np.ones((6, rows, 40)))
        return state in back

    assert not has_sum(1) and not has_sum(15) and has_sum(16)
    (_, back) = carries(grad, weights, np.ones((3, 1, 40)))
    assert state in back  # too few steps


def test_what_is_read_in_the_loop_stays_there():
    def read(total, xs):
        return lax.scan(lambda c, x: (c + jnp.outer(x, x) @ c, None), total, xs)[0]

    assert carries(read, np.ones((20, 20)), np.ones((6, 20))) == [[(20, 20)]]


def test_no_more_is_kept_than_is_there_already():
    """Sums of squares of many states that are not kept otherwise."""
    def squares(h, steps):
        return lax.scan(lambda c, _: ((c[0] + lax.dot_general(c[1], c[1], (((0,), (0,)), ((), ()))),
                                       jnp.cos(c[1])), None),
                        (jnp.zeros((20, 20)), h), None, length=steps)[0][0]

    (inside,) = carries(lambda h: squares(h, 50), np.ones((2, 20)))
    assert (20, 20) in inside
