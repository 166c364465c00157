"""Collectives under vmap with axis names, against JAX: values, derivatives, nesting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ingot
import ingot.numpy as np_
from control_laws import close
from ingot import lax

X = np.arange(3.0) + 1
XX = np.arange(9.0).reshape(3, 3) ** 2
XXX = np.arange(27.0).reshape(3, 3, 3) ** 2
PROGRAMS = {
    "psum": lambda L, x: L.psum(x * x, "i"), "pmean": lambda L, x: L.pmean(x, "i"),
    "pmax": lambda L, x: L.pmax(x, "i"), "pmin": lambda L, x: L.pmin(-x, "i"),
    "tree": lambda L, x: L.psum({"a": x, "b": (2 * x,)}, "i"),
    "axis_index": lambda L, x: x * L.axis_index("i"),
    "axis_size": lambda L, x: x * L.axis_size("i"),
    "constant": lambda L, x: x * L.psum(1, "i"),
    "all_gather": lambda L, x: L.all_gather(2 * x, "i"),
    "pbroadcast": lambda L, x: L.pbroadcast(x, "i", 1),
    "pshuffle": lambda L, x: L.ppermute(x, "i", [(0, 2), (1, 0), (2, 1)]),
}
WIDE = {
    "psum_scatter": lambda L, x: L.psum_scatter(x, "i"),
    "psum_scatter_tiled": lambda L, x: L.psum_scatter(x, "i", tiled=True),
    "all_to_all": lambda L, x: L.all_to_all(x, "i", 0, 0),
    "all_to_all_tiled": lambda L, x: L.all_to_all(x, "i", 0, 0, tiled=True),
    "pswapaxes": lambda L, x: L.pswapaxes(x, "i", 0),
    "all_gather_tiled": lambda L, x: L.all_gather(x, "i", tiled=True),
    "positional": lambda L, x: L.psum(x, (0, "i")),
}
CUBES = {
    "all_to_all_01": lambda L, x: L.all_to_all(x, "i", 0, 1),
    "all_to_all_10": lambda L, x: L.all_to_all(x, "i", 1, 0),
    "all_to_all_tiled_10": lambda L, x: L.all_to_all(x, "i", 1, 0, tiled=True),
    "psum_scatter_1": lambda L, x: L.psum_scatter(x, "i", scatter_dimension=1),
    "all_gather_1": lambda L, x: L.all_gather(x, "i", axis=1),
    "all_gather_last": lambda L, x: L.all_gather(x, "i", axis=-1),
    "all_gather_tiled_1": lambda L, x: L.all_gather(x, "i", axis=1, tiled=True),
}
CASES = [(n, f, x) for n, f in PROGRAMS.items() for x in (X, XX)] \
    + [(n, f, x) for n, f in WIDE.items() for x in (XX, XXX)] \
    + [(n, f, XXX) for n, f in CUBES.items()]


@pytest.mark.parametrize("name, program, x", CASES)
def test_values(name, program, x):
    want = jax.vmap(lambda x: program(jax.lax, x), axis_name="i")(x)

    def f(x):
        return program(lax, x)

    close(ingot.vmap(f, axis_name="i")(x), want)
    close(ingot.jit(ingot.vmap(f, axis_name="i"))(x), want)
    close(ingot.vmap(ingot.jit(f), axis_name="i")(x), want)
    xs = np.stack([x, 2 * x])
    both = [program_of(program, row) for row in xs]
    close(ingot.vmap(ingot.vmap(f, axis_name="i"), axis_name="j")(xs),
          jax.tree.map(lambda *ys: np.stack(ys), *both))
    close(ingot.vmap(ingot.vmap(f), in_axes=1, axis_name="i")(xs),
          jax.vmap(jax.vmap(lambda x: program(jax.lax, x)), in_axes=1, axis_name="i")(xs))


def program_of(program, x):
    return jax.vmap(lambda x: program(jax.lax, x), axis_name="i")(x)


@pytest.mark.parametrize("name, program, x", [
    ("psum", lambda L, np, x: L.psum(x * x, "i"), X),
    ("pmean", lambda L, np, x: x * L.pmean(x * x, "i"), X),
    ("all_gather", lambda L, np, x: (L.all_gather(x * x, "i") * np.arange(3.0)).sum(), X),
    ("tiled", lambda L, np, x: (L.all_gather(x * x, "i", tiled=True) * np.arange(9.0)).sum(), XX),
    ("scatter", lambda L, np, x: (3 * L.psum_scatter(x * x, "i", tiled=True)).sum(), XX),
    ("ppermute", lambda L, np, x: x * L.ppermute(x * x, "i", [(0, 1), (1, 2), (2, 0)]), X),
])
def test_derivatives(name, program, x):
    want = jax.vmap(jax.grad(lambda x: program(jax.lax, jnp, x)), axis_name="i")(x)

    def f(x):
        return program(lax, np_, x)

    for g in (ingot.grad(f), ingot.jit(ingot.grad(f)), ingot.grad(ingot.jit(f))):
        close(ingot.vmap(g, axis_name="i")(x), want)


def test_derivatives_of_the_whole():
    """What JAX has no rule for: the gradient of the sum of all entries."""
    w = np.arange(1.0, 4)

    def total(f, x):
        return ingot.grad(lambda x: ingot.vmap(f, axis_name="i")(x).sum())(x)

    close(total(lambda x: lax.pmax(x * x, "i"), X), np.array([0.0, 0.0, 18.0]))
    close(total(lambda x: lax.pmax(0 * x + 1, "i") * x, X), np.ones(3))
    close(total(lambda x: lax.pbroadcast(x * x, "i", 1), X), np.array([0.0, 12.0, 0.0]))
    close(total(lambda x: (lax.all_to_all(x * x, "i", 0, 0) * w).sum(), XX),
          2 * w[:, None] * XX)
    close(total(lambda x: lax.psum_scatter(x, "i") * (1 + lax.axis_index("i")), XX),
          np.broadcast_to(w, (3, 3)))


def test_in_control_flow_and_over_two_axes():
    def f(L):
        def g(x):
            def body(c, _):
                return L.psum(c * x, "i"), L.pmax(c, ("i", "j"))
            c, ys = L.scan(body, x, None, length=2)
            n = L.while_loop(lambda n: L.psum(n, "j") < 40, lambda n: n + L.axis_index("j") + 1, 0)
            return L.cond(True, lambda c: L.pmean(c, "j"), lambda c: c, c), ys, n, \
                L.axis_index(("i", "j"))
        return g

    want = jax.vmap(jax.vmap(f(jax.lax), axis_name="j"), axis_name="i")(XX)
    for g in (f(lax), ingot.jit(f(lax))):
        close(ingot.vmap(ingot.vmap(g, axis_name="j"), axis_name="i")(XX), want)
        close(ingot.jit(ingot.vmap(ingot.vmap(g, axis_name="j"), axis_name="i"))(XX), want)


def test_values_without_the_axis():
    def f(L):
        return lambda x: (L.psum(np.ones(2), "i"), L.all_gather(np.ones(2), "i"), x)

    close(ingot.vmap(f(lax), axis_name="i")(X), jax.vmap(f(jax.lax), axis_name="i")(X))


GROUPS = [[0, 3], [2, 1]]


def test_reductions_within_groups():
    x = np.arange(8.0).reshape(4, 2) ** 2 - 9

    def grouped(f):
        return ingot.vmap(f, axis_name="i")(x)

    sums = x + x[[3, 2, 1, 0]]
    close(grouped(lambda x: lax.psum(x, "i", axis_index_groups=GROUPS)), sums)
    close(grouped(lambda x: lax.pmean(x, "i", axis_index_groups=GROUPS)), sums / 2)
    close(grouped(lambda x: lax.pmax(x, "i", axis_index_groups=GROUPS)),
          np.maximum(x, x[[3, 2, 1, 0]]))
    close(grouped(lambda x: lax.pmin(x.astype(int), "i", axis_index_groups=GROUPS)),
          np.minimum(x, x[[3, 2, 1, 0]]).astype(int))
    uneven = [[0], [1, 2, 3]]
    close(grouped(lambda x: lax.pmean(x, "i", axis_index_groups=uneven)),
          np.stack([x[0], *[x[1:].mean(0)] * 3]))
    counts = grouped(lambda x: lax.psum(1, "i", axis_index_groups=uneven))
    np.testing.assert_array_equal(counts, [1, 3, 3, 3])
    nan = x.copy()
    nan[0] = np.nan  # stays in its group
    found = ingot.vmap(lambda x: lax.psum(x, "i", axis_index_groups=GROUPS), axis_name="i")(nan)
    close(np.asarray(found)[1:3], sums[1:3])

    def loss(x):
        return (ingot.vmap(lambda x: lax.psum(x, "i", axis_index_groups=GROUPS),
                           axis_name="i")(x) ** 2).sum()

    close(ingot.grad(loss)(x), 4 * sums)


def test_exchanges_within_groups():
    x = np.arange(16.0).reshape(4, 2, 2)
    members, places = [[0, 3], [2, 1], [2, 1], [0, 3]], [0, 1, 0, 1]
    stacked = np.stack([x[m] for m in members])

    def grouped(f):
        return ingot.vmap(f, axis_name="i")(x)

    close(grouped(lambda x: lax.all_gather(x, "i", axis_index_groups=GROUPS)), stacked)
    close(grouped(lambda x: lax.all_gather(x, "i", axis_index_groups=GROUPS, axis=1, tiled=True)),
          np.stack([np.concatenate(list(s), 1) for s in stacked]))
    close(grouped(lambda x: lax.psum_scatter(x, "i", axis_index_groups=GROUPS)),
          np.stack([s.sum(0)[p] for s, p in zip(stacked, places, strict=True)]))
    close(grouped(lambda x: lax.all_to_all(x, "i", 0, 1, axis_index_groups=GROUPS)),
          np.stack([s[:, p].T for s, p in zip(stacked, places, strict=True)]))
    close(grouped(lambda x: lax.all_to_all(x, "i", 1, 0, axis_index_groups=GROUPS, tiled=True)),
          np.stack([np.concatenate(list(s[:, :, p : p + 1]), 0)
                    for s, p in zip(stacked, places, strict=True)]))


def test_partial_permutations():
    close(ingot.vmap(lambda x: lax.ppermute(x, "i", [(0, 1), (1, 2)]), axis_name="i")(XX),
          np.stack([0 * XX[0], XX[0], XX[1]]))
    close(ingot.vmap(lambda x: lax.pshuffle(x, "i", [2, 0, 1]), axis_name="i")(X), X[[2, 0, 1]])


@pytest.mark.parametrize("fun, error, text", [
    (lambda x: lax.psum(x, "k"), NameError, r"unbound axis name: k.*axes in scope: \['i'\]"),
    (lambda x: lax.axis_index("k"), NameError, "unbound"),
    (lambda x: lax.ppermute(x, "i", [(0, 1), (0, 2)]), ValueError, "distinct"),
    (lambda x: lax.ppermute(x, "i", [(0, 3)]), ValueError, r"\[0, 3\)"),
    (lambda x: lax.pshuffle(x, "i", [0, 0, 1]), ValueError, "permutation"),
    (lambda x: lax.pbroadcast(x, "i", 3), ValueError, "source"),
    (lambda x: lax.all_to_all(np.ones(4), "i", 0, 0), ValueError, r"f64\[4\].*tiled"),
    (lambda x: lax.psum_scatter(np.ones(4), "i", tiled=True), ValueError, "multiple"),
    (lambda x: lax.psum(x, "i", axis_index_groups=[[0, 1]]), ValueError, "each position"),
    (lambda x: lax.all_gather(x, "i", axis_index_groups=[[0, 1], [2]]), ValueError, "one size"),
    (lambda x: lax.psum(x, (0, "i"), axis_index_groups=[[0, 1, 2]]), ValueError, "named axes"),
])
def test_messages(fun, error, text):
    with pytest.raises(error, match=text):
        ingot.vmap(fun, axis_name="i")(X)


def test_outside_of_any_map():
    for f in (lambda: lax.psum(X, "i"), lambda: ingot.jit(lambda x: lax.psum(x, "i"))(X)):
        with pytest.raises(NameError, match="axes in scope: none"):
            f()


def test_programs_that_refer_to_an_axis_without_mapped_arguments():
    def constant(x):
        return lax.axis_index("i")

    f = ingot.custom_jvp(lambda y: y * lax.axis_index("i"))
    f.defjvps(lambda t, out, y: t)
    for call, want in [
        (lambda x: ingot.jit(lambda: constant(x))(), [0, 1, 2]),
        (lambda x: ingot.jit(lambda: lax.psum(np.ones(()), "i"))(), [3, 3, 3]),
        (lambda x: lax.scan(lambda c, _: (c + constant(x), None), 0, None, length=2)[0], [0, 2, 4]),
        (lambda x: lax.cond(True, lambda: constant(x), lambda: np.int32(0)), [0, 1, 2]),
        (lambda x: lax.while_loop(lambda c: c < 2, lambda c: c + 1 + constant(x), 0), [2, 2, 3]),
        (lambda x: ingot.checkpoint(lambda: constant(x))(), [0, 1, 2]),
        (lambda x: f(2.0), [0, 2, 4]), (lambda x: ingot.jit(f)(2.0), [0, 2, 4]),
    ]:
        got = ingot.vmap(call, axis_name="i")(X)
        assert np.asarray(got).tolist() == want


# ---- ragged_all_to_all, which XLA on CPUs does not run -------------------------------------------
def exchanged(x, out, begin, length, place):
    """The same as loops over pairs of devices."""
    out = out.copy()
    for i, j in np.ndindex(*length.shape):
        target = j // (length.shape[1] // len(x))
        out[target, place[i, j]:place[i, j] + length[i, j]] = (
            x[i, begin[i, j]:begin[i, j] + length[i, j]])
    return out


@pytest.mark.parametrize("each", [1, 2])
def test_rows_of_ragged_exchanges_are_where_they_were_sent(each):
    draw, n = np.random.default_rng(each), 3
    length = draw.integers(0, 3, (n, n * each))
    begin = np.cumsum(length, 1) - length
    received = length.reshape(n, n, each).transpose(1, 0, 2).reshape(n, -1)
    place = (np.cumsum(received, 1) - received).reshape(n, n, each).transpose(1, 0, 2).reshape(
        n, -1)
    x, out = draw.normal(size=(n, 14, 2)), draw.normal(size=(n, 15, 2))

    def f(x, out):
        return ingot.vmap(lambda *xs: lax.ragged_all_to_all(*xs, axis_name="i"), axis_name="i")(
            x, out, begin, length, place, received)

    want = exchanged(x, out, begin, length, place)
    np.testing.assert_array_equal(f(x, out), want)
    np.testing.assert_array_equal(ingot.jit(f)(x, out), want)
    # It is linear, so that its transpose has the same inner products.
    ct = draw.normal(size=want.shape)
    cts = ingot.vjp(f, x, out)[1](ct)
    np.testing.assert_allclose(np.vdot(ct, want), np.vdot(cts[0], x) + np.vdot(cts[1], out))


def test_ragged_exchanges_refuse_other_tables():
    n, x = np.zeros((2, 2), int), np.ones((2, 3))
    call = lambda *xs, **kw: ingot.vmap(  # noqa: E731
        lambda *xs: lax.ragged_all_to_all(*xs, axis_name="i", **kw), axis_name="i")(*xs)
    for args, message in [((x, x, n * 1.0, n, n, n), "input_offsets must be integer"),
                          ((x, x, n, n[:, :1], n, n), "send_sizes must be a vector"),
                          ((x, x[..., None], n, n, n, n), "rows of its shape")]:
        with pytest.raises(ValueError, match=message):
            call(*args)
    with pytest.raises(NotImplementedError, match="axis_index_groups must be None"):
        call(x, x, n, n, n, n, axis_index_groups=[[0], [1]])
