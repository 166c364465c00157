"""scan, while_loop, fori_loop, map and associative_scan against JAX, alone and nested."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ingot
import ingot.numpy as np_
from control_laws import agree, close
from ingot import lax
from ingot.control.scan import scan_p
from ingot.errors import UndefinedRuleError

X = np.linspace(0.1, 1.0, 5)


# ---- programs, for both libraries ---------------------------------------------------------------
def plain(lax, np):
    def f(w, c0, xs):
        def body(c, x):
            c = np.sin(c * w + x * w)
            return c, (c * x, {"sum": c + w})
        c, (ys, more) = lax.scan(body, c0, xs)
        c2, none = lax.scan(lambda c, x: (c * (x + w), None), c, ys, reverse=True)
        assert none is None
        return c2 + c + more["sum"].sum()
    return f


def counting(lax, np):
    """Integer carry, xs=None, unroll, invariants of the body that become residuals."""
    def f(w, x):
        def body(carry, _):
            i, c = carry
            return (i + 1, c * np.sin(w) + np.exp(w) * i), c * c
        (_, c), ys = lax.scan(body, (0, x), None, length=4, unroll=2)
        return c + ys.sum()
    return f


def nested(lax, np):
    def f(w, xs):
        def outer(c, x):
            def inner(d, i):
                return np.sin(d * x) + w * i, d
            d, ys = lax.scan(inner, c, np.arange(3.0))
            d = lax.cond(d > 0.2, lambda d: d * w, lambda d: np.cos(d + x), d)
            return d, ys.sum()
        c, ys = lax.scan(outer, w, xs)
        return c * ys.sum()
    return f


def fori(lax, np):
    def f(w, x):
        return lax.fori_loop(1, 4, lambda i, z: np.sin(z) * w + i, x)
    return f


def mapped(lax, np):
    def f(w, xs):
        whole = lax.map(lambda x: np.sin(x * w), xs)
        return (whole * lax.map(lambda x: x * w, xs, batch_size=2)).sum()
    return f


def prefixes(lax, np):
    def f(w, xs):
        def combine(a, b):
            return a[0] * b[0], a[1] * b[0] + b[1]
        p, q = lax.associative_scan(combine, (xs * w, xs), reverse=True)
        return (p * q).sum()
    return f


@pytest.mark.sampled(2)
@pytest.mark.parametrize("program, args", [
    (plain, (0.7, 0.3, X)), (counting, (0.4, 0.6)), (nested, (0.7, X[:3])), (fori, (0.7, 0.3)),
    (mapped, (0.7, X)), (prefixes, (0.9, X)),
], ids=lambda x: getattr(x, "__name__", ""))
def test_against_jax(program, args):
    agree(program(lax, np_), program(jax.lax, jnp), *args)


# ---- scan ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("length", [0, 1, 3])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan_of_any_length(length, reverse):
    xs = np.arange(length * 2.0).reshape(length, 2)

    def f(lax):
        return lambda c, xs: lax.scan(lambda c, x: (c + x, c * x), c, xs, reverse=reverse)

    close(f(lax)(np.ones(2), xs), f(jax.lax)(np.ones(2), xs))
    close(ingot.jit(f(lax))(np.ones(2), xs), f(jax.lax)(np.ones(2), xs))

    def total(lax):
        return lambda c, xs: f(lax)(c, xs)[1].sum() + f(lax)(c, xs)[0].sum()

    close(ingot.grad(total(lax), (0, 1))(np.ones(2), xs),
          jax.grad(total(jax.lax), (0, 1))(np.ones(2), xs))


def test_scan_empty_arrays():
    c, ys = lax.scan(lambda c, x: (c + x.sum(), x * c), 1.0, np.zeros((3, 0)))
    assert ys.shape == (3, 0) and float(c) == 1.0


@pytest.mark.parametrize("init, dtype", [(0, np.float32), (0.0, np.float32), (0, np.int8),
                                         (0.0, np.complex64), (True, np.bool_)])
def test_weak_carries_take_the_type_of_the_body(init, dtype):
    def f(lax):
        return lax.scan(lambda c, x: (c * x, c), init, np.ones(3, dtype))

    close(f(lax), f(jax.lax))


def test_weak_carries_are_traced_once_and_results_are_as_the_body_gives_them():
    def f(lax):
        traces = []

        def body(c, x):
            traces.append(None)
            return c * lax.full_like(x, 2.0), c

        outs = [lax.scan(body, 1.0, np.ones(3)),
                lax.fori_loop(0, 3, lambda i, c: body(c, X[0])[0], 1.0),
                lax.while_loop(lambda c: c < 3, lambda c: body(c, X[0])[0], 1.0),
                lax.scan(lambda c, x: (c * 1.5, c), 1, np.ones(3)),
                lax.scan(lambda c, x: (1.5, c), X[0], np.ones(3)),
                lax.while_loop(lambda c: c > 3, lambda c: 1.5, X[0]),
                lax.cond(True, lambda x: x, lambda x: X[0], 1.0),
                lax.cond(True, lambda x: X[0], lambda x: x, 1.0),
                lax.switch(1, [lambda x: x, lambda x: X[0]], 1.0)]
        assert len(traces) == 3
        return [(str(x.dtype), x.weak_type) for x in ingot.tree.leaves(outs)]

    assert f(lax) == f(jax.lax)


def test_bounds_may_be_floats():
    def f(lax):
        total = lambda low, high: lax.fori_loop(low, high, lambda i, c: c + i, 0.0)
        return [total(0.5, 3.2), total(2.0, 1.0)]

    close(f(lax), f(jax.lax))
    close(ingot.jit(lambda n: lax.fori_loop(0.0, n, lambda i, c: c + i, 0.0))(3.0), 3.0)


def test_residuals_are_stacked_only_where_they_vary():
    def f(w, xs):
        return lax.scan(lambda c, x: (c * np_.sin(w) * x, None), 1.0, xs)[0]

    program = ingot.make_jaxpr(ingot.grad(f))(0.3, X)
    forward, backward = (e for e in program.eqns if e.primitive is scan_p)
    assert len(forward.outvars) == 2  # the carry, and the one residual that varies: c
    assert forward.params["num_carry"] == 1 and backward.params["reverse"]


def test_transpose_of_a_linear_scan_with_a_counter():
    def f(x):
        (_, y), _ = lax.scan(lambda c, _: ((c[0] + 1, c[1] * c[0]), None), (1.0, x), None, length=4)
        return y

    transposed = ingot.linear_transpose(f, 2.0)
    assert float(transposed(1.0)[0]) == 24.0


def test_bodies_are_traced_once():
    traced = []

    def body(c, x):
        traced.append(c)
        return c + x, None

    for _ in range(3):
        lax.scan(body, np.float64(0), X)
    assert len(traced) == 1


def test_scan_over_dtypes():
    for dtype in (np.bool_, np.uint8, np.int64, np.float16, ingot.dtypes.bfloat16, np.complex128):
        xs = np.ones((3, 2), dtype)
        last, ys = ingot.jit(lambda xs: lax.scan(lambda c, x: (x, c), xs[0], xs))(xs)
        assert last.dtype == ys.dtype == dtype


def test_scan_carries_keys():
    def draw(key, _):
        key, sub = ingot.random.split(key)
        return key, ingot.random.normal(sub)

    def draw_jax(key, _):
        key, sub = jax.random.split(key)
        return key, jax.random.normal(sub)

    close(lax.scan(draw, ingot.random.key(0), None, length=3)[1],
          jax.lax.scan(draw_jax, jax.random.key(0), None, length=3)[1], 1e-7)


# ---- while_loop ---------------------------------------------------------------------------------
def growing(lax, np):
    def f(x, w, n):
        i, y = lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, np.sin(s[1]) * w), (0, x))
        return y * i
    return f


def test_while_forward():
    f, j = growing(lax, np_), growing(jax.lax, jnp)
    close(f(0.7, 0.3, 4), j(0.7, 0.3, 4))

    def tangents(f, jvp):
        return jvp(lambda x, w: f(x, w, 4), (0.7, 0.3), (0.1, 0.2))

    close(tangents(f, ingot.jvp), tangents(j, jax.jvp))
    close(tangents(ingot.jit(f), ingot.jvp), tangents(j, jax.jvp))
    y, linear = ingot.linearize(lambda x, w: f(x, w, 4), 0.7, 0.3)
    close((y, linear(0.1, 0.2)), tangents(j, jax.jvp))
    close(ingot.jacfwd(ingot.jacfwd(lambda x: f(x, 0.3, 2)))(0.7),
          jax.jacfwd(jax.jacfwd(lambda x: j(x, 0.3, 2)))(0.7))


@pytest.mark.parametrize("axes", [(0, None, None), (None, 0, None), (None, None, 0), (0, 0, 0)])
def test_while_batched(axes):
    args = (np.linspace(0.2, 0.9, 3), np.linspace(0.2, 0.9, 3), np.array([3, 0, 5]))
    args = tuple(x if a == 0 else x[0] for x, a in zip(args, axes, strict=True))
    f, j = growing(lax, np_), growing(jax.lax, jnp)
    close(ingot.vmap(f, axes)(*args), jax.vmap(j, axes)(*args))
    close(ingot.jit(ingot.vmap(ingot.jit(f), axes))(*args), jax.vmap(j, axes)(*args))


def test_while_batched_twice():
    def f(lax):
        return lambda n, m: lax.while_loop(lambda s: (s[0] < n) & (s[1] < 20),
                                           lambda s: (s[0] + 1, s[1] + m), (0, 0))

    n, m = np.arange(4), np.arange(1, 4)
    close(ingot.vmap(ingot.vmap(f(lax), (None, 0)), (0, None))(n, m),
          jax.vmap(jax.vmap(f(jax.lax), (None, 0)), (0, None))(n, m))


def test_while_runs_each_entry_to_its_own_end():
    """What an entry costs is its own iterations; those that exchange values stay in step."""
    calls = []

    def seen(x):
        calls.append(int(x))
        return x

    def halve(x):
        def body(n):
            return ingot.pure_callback(seen, ingot.ShapeDtypeStruct((), np.dtype("int64")), n) // 2
        return lax.while_loop(lambda n: n > 0, body, x)

    np.testing.assert_array_equal(ingot.vmap(halve)(np_.array([1, 0, 8])), [0, 0, 0])
    assert calls == [1, 8, 4, 2, 1]

    def together(x):
        return lax.while_loop(lambda n: lax.psum(n, "i") > 4 + n, lambda n: n - 1, x)

    jaxpr = ingot.make_jaxpr(ingot.vmap(together, axis_name="i"))(np_.array([1, 5, 9]))
    assert [e.primitive.name for e in jaxpr.eqns] == ["while"]


def test_while_says_where_it_is_and_what_to_do():
    def f(x):
        return lax.while_loop(lambda c: c < 3, lambda c: c * 2, x)

    with pytest.raises(UndefinedRuleError, match=r"control_loops.py:\d+ \(f\)(.|\n)*fori_loop"):
        ingot.grad(f)(1.0)
    with pytest.raises(UndefinedRuleError, match="custom_vjp"):
        ingot.jit(ingot.grad(lambda x, n: lax.fori_loop(
                0, n, lambda i, c: c * x, x)))(1.0, 3)


# ---- fori_loop ----------------------------------------------------------------------------------
@pytest.mark.parametrize("bounds", [(0, 5), (3, 3), (5, 0), (-2, 1), (np.int32(1), np.int32(4)),
                                    (np.int8(1), 4)])
def test_fori_bounds(bounds):
    def f(lax):
        return lambda lo, hi: lax.fori_loop(lo, hi, lambda i, x: x + i * 2, 1)

    want = f(jax.lax)(*bounds)
    assert int(f(lax)(*bounds)) == int(want)
    assert int(ingot.jit(f(lax))(*bounds)) == int(want)


def test_fori_with_known_bounds_has_reverse_mode_and_unrolls():
    def f(x):
        return lax.fori_loop(0, 3, lambda i, c: c * x, x, unroll=True)

    assert float(ingot.grad(f)(2.0)) == 32.0
    (eqn,) = ingot.make_jaxpr(f)(2.0).eqns
    assert eqn.primitive.name == "scan" and eqn.params["unroll"] == 3


# ---- map, associative_scan ----------------------------------------------------------------------
@pytest.mark.parametrize("n", range(7))
@pytest.mark.parametrize("batch_size", [None, 1, 2, 20])
def test_map(n, batch_size):
    xs = {"a": np.arange(n * 2.0).reshape(n, 2), "b": np.arange(n)}
    got = lax.map(lambda x: (x["a"] * 2, x["b"] + 1), xs, batch_size=batch_size)
    close(got, (xs["a"] * 2, xs["b"] + 1))


@pytest.mark.parametrize("n", range(9))
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(n, axis, reverse):
    x = np.moveaxis(np.random.default_rng(n).normal(size=(n, 2)), 0, axis)
    got = lax.associative_scan(lambda a, b: a + b, x, reverse=reverse, axis=axis)
    want = np.flip(np.cumsum(np.flip(x, axis), axis), axis) if reverse else np.cumsum(x, axis)
    close(got, want)


# ---- disable_jit --------------------------------------------------------------------------------
def test_loops_in_python():
    seen = []

    def body(c, x):
        seen.append(float(c))
        return c + x, c

    with ingot.disable_jit():
        close(lax.scan(body, 0.0, np.arange(3.0), reverse=True), (3.0, np.array([3.0, 2.0, 0.0])))
        assert seen == [0.0, 2.0, 3.0]
        assert int(lax.fori_loop(0, 3, lambda i, c: c + i, 0)) == 3
        assert int(lax.while_loop(lambda c: int(c) < 5, lambda c: c + 2, 0)) == 6
        assert lax.cond(True, lambda: "any object", lambda: None) == "any object"
