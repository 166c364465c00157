"""Functions with rules of their own, under all transformations, against JAX where it can."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ingot
import ingot.numpy as np_
from control_laws import agree, close
from ingot import lax
from ingot.custom_batching import custom_vmap, sequential_vmap
from ingot.custom_derivatives import SymbolicZero, closure_convert, linear_call
from ingot.errors import UndefinedRuleError, UnexpectedTracerError


# ---- custom_jvp ---------------------------------------------------------------------------------
def steep(lib, np, lax):
    """A rule that is not the true derivative, so that its use shows."""
    @lib.custom_jvp
    def f(x, y):
        return {"a": np.sin(x) * y, "n": 3}

    @f.defjvp
    def rule(primals, tangents):
        (x, y), (t, u) = primals, tangents
        out = f(x, y)
        slope = np.cos(x) * y * 3.0 * t + u * np.sin(x)
        return out, {"a": slope, "n": np_zero(out["n"], lib)}

    return lambda x, y: f(x, y=y)["a"] * x


def np_zero(x, lib):
    return np.zeros((), lib.dtypes.float0)


def through_jit(lib, np, lax):
    """Rules that call jvp of compiled and looping functions."""
    @lib.custom_jvp
    def f(x, y):
        return np.sin(x) * y

    @lib.jit
    def inner(x, y):
        return lax.scan(lambda c, _: (np.sin(c * y), None), x, None, length=2)[0]

    @f.defjvp
    @lib.jit
    def rule(primals, tangents):
        out, tangent = lib.jvp(inner, primals, tangents)
        return f(*primals), tangent

    return f


def in_scan(lib, np, lax):
    f = steep(lib, np, lax)
    if lib is jax:  # whose scan forgets the rule in second derivatives
        return lambda x, y: f(f(f(x, y), y), y)
    return lambda x, y: lax.scan(lambda c, _: (f(c, y), None), x, None, length=3)[0]


def in_cond(lib, np, lax):
    f = steep(lib, np, lax)
    return lambda x, y: lax.cond(x > 0, f, lambda x, y: x * y, x, y)


def per_argument(lib, np, lax):
    @functools.partial(lib.custom_jvp, nondiff_argnums=())
    def f(x, y):
        return x * y

    f.defjvps(lambda t, out, x, y: t * out, None)
    return f


def not_differentiated(lib, np, lax):
    @functools.partial(lib.custom_jvp, nondiff_argnums=(0,))
    def f(fun, x, y):
        return fun(x) * y

    @f.defjvp
    def rule(fun, primals, tangents):
        (x, y), (t, u) = primals, tangents
        return f(fun, x, y), fun(x) * 2 * t + u

    return lambda x, y: f(np.sin, x, y)


@pytest.mark.parametrize("program", [steep, through_jit, in_scan, in_cond, per_argument,
                                     not_differentiated])
def test_custom_jvp(program):
    agree(program(ingot, np_, lax), program(jax, jnp, jax.lax), 0.4, 0.7)


def test_python_control_flow_on_values():
    @ingot.custom_jvp
    def f(x):
        return x if x > 0 else -x

    @f.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), t if x > 0 else -10 * t

    assert float(f(-2.0)) == 2.0
    assert float(ingot.grad(f)(-2.0)) == -10.0


def test_jvp_leaves_python_numbers_to_custom_rules():
    f = ingot.custom_jvp(lambda x, y: x**2 + y)
    seen = []

    @f.defjvp
    def rule(primals, tangents):
        seen[:] = map(type, (*primals, *tangents))
        return f(*primals), tangents[0] ** 2 + tangents[1]

    assert ingot.jvp(f, (2.0, 1.5), (3.0, 4.0)) == (5.5, 13.0)
    assert seen == [float] * 4
    assert all(type(x) is float for x in ingot.jvp(f, (2.0, 1.5), (3.0, 4.0)))
    assert ingot.jvp(lambda x: x, (2.0,), (3.0,)) == (2.0, 3.0)
    assert ingot.jvp(lambda x: (f(x, x + 1), np_.sin(x)), (0.0,), (1.0,))[1] == (2.0, 1.0)
    for twice in (lambda x: ingot.jvp(f, (x, 1.5), (3.0, 4.0))[0],
                  lambda x: ingot.jvp(lambda y: f(x, y), (1.5,), (1.0,))[0]):
        assert ingot.jit(twice)(2.0) == 5.5 == ingot.jvp(twice, (2.0,), (1.0,))[0]


def test_custom_jvp_symbolic_zeros():
    seen = []

    @ingot.custom_jvp
    def f(x, y):
        return x * y, y

    def rule(primals, tangents):
        seen.append([type(t) is SymbolicZero for t in tangents])
        (x, y), (t, _) = primals, tangents
        return f(x, y), (t * y, SymbolicZero.from_primal_value(y))

    f.defjvp(rule, symbolic_zeros=True)
    assert float(ingot.grad(lambda x: f(x, 3.0)[0])(2.0)) == 3.0
    assert seen == [[False, True]]


def test_a_custom_rule_beside_a_constant_in_a_mapped_loop():
    """The function closes over an array, and is traced, mapped and traced again."""
    def program(lib, np, lax):
        y = np.arange(1.0, 4.0)
        by_jvp = lib.custom_jvp(lambda x: 3 * x * np.sum(y))
        by_jvp.defjvp(lambda primals, tangents: (by_jvp(*primals), 2 * tangents[0]))
        by_vjp = lib.custom_vjp(lambda x: 3 * x * np.sum(y))
        by_vjp.defvjp(lambda x: (by_vjp(x), x), lambda x, ct: (5 * ct * x,))

        def loop(x):
            return lax.scan(lambda c, _: (by_jvp(by_vjp(c)), None), x, None, length=2)[0]
        return lambda x: lib.jit(lib.vmap(loop))(x).sum() + lib.vmap(lib.jit(loop))(x).sum()

    x = np.array([0.3, 0.7])
    close(ingot.grad(program(ingot, np_, lax))(x), jax.grad(program(jax, jnp, jax.lax))(x))


def test_arguments_that_a_partial_function_has_bound():
    f = ingot.custom_jvp(functools.partial(lambda x, a: x * a, a=0.5))
    f.defjvp(lambda primals, tangents: (f(*primals), 7 * tangents[0]))
    assert float(ingot.grad(f)(2.0)) == 7.0


def test_jaxpr_of_custom_jvp():
    f = ingot.custom_jvp(np_.sin)
    f.defjvps(lambda t, out, x: t)
    (eqn,) = ingot.make_jaxpr(lambda x: f(x))(1.0).eqns
    assert eqn.primitive.name == "custom_jvp_call"
    assert {"call_jaxpr", "jvp_jaxpr_fun", "num_consts", "symbolic_zeros"} <= set(eqn.params)


# ---- custom_vjp ---------------------------------------------------------------------------------
def pulled(lib, np, lax):
    @lib.custom_vjp
    def f(d):
        return {"a": np.sin(d["x"]) * d["y"], "n": 3}

    def fwd(d):
        x, y = d["x"], d["y"]
        return {"a": np.sin(x) * y, "n": 3}, (x, y, None)

    def bwd(residuals, ct):
        x, y, _ = residuals
        return ({"x": np.cos(x) * y * 3.0 * ct["a"], "y": np.sin(x) * ct["a"]},)

    f.defvjp(fwd, bwd)
    return lambda x, y: f({"x": x, "y": y})["a"] * x


def pulled_in_scan(lib, np, lax):
    f = pulled(lib, np, lax)
    return lambda x, y: lax.scan(lambda c, _: (f(c, y), None), x, None, length=3)[0]


def pulled_in_cond(lib, np, lax):
    f = pulled(lib, np, lax)
    return lambda x, y: lax.cond(x > 0, f, lambda x, y: x * y, x, y)


def with_gradient(lib, np, lax):
    @lib.custom_gradient
    def f(x, y):
        return np.sin(x) * y, lambda ct: (ct * y * 10.0, ct * np.sin(x))
    return f


@pytest.mark.parametrize("program", [pulled, pulled_in_scan, pulled_in_cond, with_gradient])
def test_custom_vjp(program):
    agree(program(ingot, np_, lax), program(jax, jnp, jax.lax), 0.4, 0.7, forward=False)


def test_forward_over_reverse():
    f, j = pulled(ingot, np_, lax), pulled(jax, jnp, jax.lax)
    args = (0.4, 0.7)
    for g in (f, ingot.jit(f)):
        close(ingot.jvp(ingot.grad(g, (0, 1)), args, args),
              jax.jvp(jax.grad(j, (0, 1)), args, args))
        with pytest.raises(UndefinedRuleError, match="custom_jvp"):
            ingot.jvp(g, args, args)


def test_custom_vjp_symbolic_zeros():
    seen = []

    @ingot.custom_vjp
    def f(x, y):
        return x * y, x

    def fwd(x, y):
        seen.append((x.perturbed, y.perturbed))
        return (x.value * y.value, x.value), (x.value, y.value)

    def bwd(residuals, ct):
        seen.append(tuple(type(c) is SymbolicZero for c in ct))
        x, y = residuals
        return ct[0] * y, None

    f.defvjp(fwd, bwd, symbolic_zeros=True, optimize_remat=True)
    assert float(ingot.grad(lambda x: f(x, 3.0)[0])(2.0)) == 3.0
    assert seen == [(True, False), (False, True)]


def overwriting(lib, np, lax):
    """Programs in which no cotangent reaches a rule that gives one, as Flax's rules of float8 do
    whose statistics replace their arguments."""
    @lib.custom_vjp
    def kept(x, s):
        return x * 1.0, s * 2

    @lib.custom_vjp
    def blocked(x, y):
        return x + y

    kept.defvjp(lambda x, s: (kept(x, s), s), lambda s, ct: (ct[0], s + 7.0))
    blocked.defvjp(lambda x, y: (x + y, None), lambda _, ct: (ct, None))
    loop = lambda out: lambda x, s: lax.scan(lambda c, _: out(c * x, kept(x, s)[0]), x, None, 3)[0]
    inner = lambda x, s: blocked(x * x, kept(x, s)[0])
    half = lambda x: x.astype(np.float8_e4m3fn).astype(x.dtype)
    return {
        "blocked": inner, "half": lambda x, s: blocked(x * x, half(kept(x, s)[0])),
        "constant": lambda x, s: blocked(1.0, kept(x, s)[0]),
        "scan": loop(lambda c, y: (blocked(c, y), None)),
        "scan, not used": loop(lambda c, y: (c, y)),
        "cond": lambda x, s: lax.cond(x > 0, inner, lambda x, s: x, x, s),
        "checkpoint": lambda x, s: lib.checkpoint(inner)(x, s),
        "vmap": lambda x, s: lib.vmap(inner, (0, None))(np.stack([x, x]), s).sum(),
        "jit": lambda x, s: blocked(x * x, lib.jit(lambda x, s: kept(x, s)[0])(x, s)),
        "not used": lambda x, s: x * x + 0 * kept(x, s)[0].astype(int),
        "stopped": lambda x, s: x * x + lax.stop_gradient(kept(x, s)[0])}


@pytest.mark.parametrize("name", overwriting(ingot, np_, lax))
def test_backward_rules_run_where_their_results_are_asked_for_though_cotangents_are_zero(name):
    f, j = overwriting(ingot, np_, lax)[name], overwriting(jax, jnp, jax.lax)[name]
    expected = jax.grad(j, (0, 1))(3.0, 2.0)
    for gradient in (ingot.grad(f, (0, 1)), ingot.jit(ingot.grad(f, (0, 1))),
                     ingot.grad(ingot.jit(f), (0, 1))):
        close(gradient(3.0, 2.0), expected)


def test_custom_vjp_nondiff_and_static_residuals():
    @functools.partial(ingot.custom_vjp, nondiff_argnums=(0,))
    def f(name, x):
        return x

    f.defvjp(lambda name, x: (x, "a string"), lambda name, res, ct: (ct * len(name + res),))
    assert float(ingot.grad(lambda x: f("abc", x))(1.0)) == 11.0


def test_integer_arguments_of_custom_rules():
    @ingot.custom_vjp
    def f(x, n):
        return x * n

    f.defvjp(lambda x, n: (x * n, n), lambda n, ct: (ct * n, None))
    assert float(ingot.grad(f)(2.0, 3)) == 3.0
    close(ingot.vmap(ingot.grad(f), (0, 0))(np.ones(2), np.arange(2)), np.arange(2.0))


# ---- custom_vmap --------------------------------------------------------------------------------
@custom_vmap
def product(x, y):
    return {"r": np_.sin(x) * y}


@product.def_vmap
def _(size, in_batched, x, y):
    axes = tuple(0 if b else None for b in in_batched)
    return {"r": ingot.vmap(lambda x, y: np_.sin(x) * y, axes)(x, y)}, {"r": True}


def test_custom_vmap():
    agree(lambda x, y: product(x, y)["r"], lambda x, y: jnp.sin(x) * y, 0.4, 0.7)


def test_the_rule_of_custom_vmap_is_used():
    f = custom_vmap(lambda x: x)
    f.def_vmap(lambda size, in_batched, x: (x * 2, in_batched[0]))
    for g in (f, ingot.jit(lambda x: f(x))):
        close(g(1.0), 1.0)
        close(ingot.vmap(g)(np.ones(3)), 2 * np.ones(3))
        close(ingot.jvp(ingot.vmap(g), (np.ones(3),), (np.ones(3),)), (2 * np.ones(3),) * 2)


def test_sequential_vmap():
    f = sequential_vmap(lambda x, y: (x * y["a"], y["a"]))
    xs = np.arange(3.0)
    close(ingot.vmap(f, (0, None))(xs, {"a": 2.0}), (2 * xs, np.full(3, 2.0)))
    close(ingot.vmap(ingot.vmap(f), (None, 0))(xs, {"a": np.ones((2, 3))}),
          (np.stack([xs, xs]), np.ones((2, 3))))


# ---- closure_convert, linear_call, stop_gradient ------------------------------------------------
def test_closure_convert():
    def solve(a, x):
        converted, consts = closure_convert(lambda z: z * a * x, 1.0)
        assert len(consts) == 2
        return opaque(converted, 2.0, *consts)

    @functools.partial(ingot.custom_vjp, nondiff_argnums=(0,))
    def opaque(f, z, *consts):
        return f(z, *consts)

    def fwd(f, z, *consts):
        return f(z, *consts), (z, consts)

    def bwd(f, residuals, ct):
        z, consts = residuals
        return ingot.vjp(lambda z, *c: f(z, *c), z, *consts)[1](ct)

    opaque.defvjp(fwd, bwd)
    close(ingot.grad(solve, (0, 1))(3.0, 5.0), (10.0, 6.0))


def scaled(linear_call):
    return lambda x, y: y * linear_call(
        lambda r, z: z / r, lambda r, ct: 3.0 * (ct / r), 2.0, x * y)


def test_linear_call():
    f, j = scaled(linear_call), scaled(jax.custom_derivatives.linear_call)
    for g in (f, ingot.jit(f)):
        close(g(0.4, 0.7), j(0.4, 0.7))
        close(ingot.grad(g, (0, 1))(0.4, 0.7), jax.grad(j, (0, 1))(0.4, 0.7))
        want = [jax.grad(j, (0, 1))(x, 0.7) for x in (0.1, 0.2)]
        close(ingot.vmap(ingot.grad(g, (0, 1)), (0, None))(np.array([0.1, 0.2]), 0.7),
              tuple(np.array(w) for w in zip(*want, strict=True)))
        xs = np.array([0.1, 0.2])
        close(ingot.grad(lambda x, g=g: ingot.vmap(g, (0, None))(x, 0.7).sum())(xs),
              np.array([w[0] for w in want]))


def test_stop_gradient():
    f = lambda lax: lambda x: x * lax.stop_gradient({"a": x * x, "n": 3})["a"]  # noqa: E731
    agree(f(lax), f(jax.lax), 0.7)


# ---- rules that close over mapped values ----
def scaled_sine(kind, c):
    """sin(x) * c with rules that refer to c."""
    if kind == "jvp":
        f = ingot.custom_jvp(lambda x: np_.sin(x) * c)
        f.defjvp(lambda primals, tangents: (f(*primals), np_.cos(primals[0]) * c * tangents[0]))
    else:
        f = ingot.custom_vjp(lambda x: np_.sin(x) * c)
        f.defvjp(lambda x: (f(x), x), lambda x, ct: (ct * np_.cos(x) * c,))
    return f


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_rules_may_close_over_mapped_values(kind, compiled):
    cs, x = np_.arange(3.0) + 1, 2.0
    run = ingot.jit if compiled else lambda f: f
    value, slope = np.sin(x) * np.asarray(cs), np.cos(x) * np.asarray(cs)
    cases = {
        "value": (lambda c: scaled_sine(kind, c)(x), value),
        "value, mapped too": (lambda c: scaled_sine(kind, c)(x + 0 * c), value),
        "gradient": (lambda c: ingot.grad(scaled_sine(kind, c))(x), slope),
        "two maps": (lambda c: ingot.vmap(lambda d: scaled_sine(kind, c * d)(x))(cs),
                     np.multiply.outer(value, cs)),
        "two maps, gradient": (
            lambda c: ingot.vmap(lambda d: ingot.grad(scaled_sine(kind, c * d))(x))(cs),
            np.multiply.outer(slope, cs)),
        "checkpoint": (lambda c: ingot.grad(ingot.checkpoint(scaled_sine(kind, c)))(x), slope),
    }
    if kind == "jvp":
        cases["second"] = lambda c: ingot.grad(ingot.grad(scaled_sine(kind, c)))(x), -value
    for name, (fun, want) in cases.items():
        np.testing.assert_allclose(run(ingot.vmap(fun))(cs), want, rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_gradients_around_maps_of_such_rules(kind):
    cs = np_.arange(3.0)
    total = lambda x: ingot.vmap(lambda c: scaled_sine(kind, c)(x))(cs).sum()
    np.testing.assert_allclose(ingot.grad(total)(2.0), 3 * np.cos(2.0))


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_rules_may_not_close_over_values_that_are_differentiated(kind):
    with pytest.raises(UnexpectedTracerError, match="closes over"):
        ingot.grad(lambda c: scaled_sine(kind, c)(2.0))(3.0)
    inner = lambda c: ingot.vmap(lambda d: scaled_sine(kind, c * d)(2.0))(np_.ones(2)).sum()
    with pytest.raises(UnexpectedTracerError, match="closes over"):
        ingot.grad(inner)(3.0)


def test_values_of_another_map_are_refused():
    kept = []
    ingot.vmap(lambda c: kept.append(c) or c)(np_.ones(3))
    with pytest.raises(UnexpectedTracerError, match="escaped"):
        ingot.vmap(lambda c: c + kept[0])(np_.ones(3))
    with pytest.raises(UnexpectedTracerError):
        ingot.vmap(lambda c: scaled_sine("jvp", kept[0])(c))(np_.ones(3))


@pytest.mark.parametrize("wide, narrow", [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_cotangents_of_another_precision_are_converted(wide, narrow):
    @ingot.custom_vjp
    def double(x):
        return 2 * x

    double.defvjp(lambda x: (2 * x, None), lambda _, ct: (2 * ct.astype(narrow),))
    x = np_.ones(3, wide)
    for f in (lambda x: double(x).sum(), lambda x: double(3 * x).sum()):
        g = ingot.jit(ingot.grad(f))(x)
        assert g.dtype == x.dtype and (g == ingot.grad(f)(x)).all() and g[0] in (2, 6)


def test_cotangents_of_another_shape_or_kind_are_refused():
    for wrong in (lambda ct: ct[:1], lambda ct: ct + 0j):
        @ingot.custom_vjp
        def double(x):
            return 2 * x

        double.defvjp(lambda x: (2 * x, None), lambda _, ct: (wrong(ct),))  # noqa: B023
        with pytest.raises(ValueError, match="cotangents of the types of the arguments"):
            ingot.grad(lambda x: double(x).sum())(np.ones(3))


def test_a_rule_sees_what_is_mapped_together_with_its_tangent():
    def trial(lib, np):
        seen = []

        @lib.custom_batching.custom_vmap
        def f(x):
            return np.sin(x)

        @f.def_vmap
        def rule(size, in_batched, x):
            seen.append(list(in_batched))
            return np.sin(x) * np.cos(0.0), in_batched[0]

        x = np.arange(3.0)
        found = [lib.jacfwd(f)(x), lib.vmap(lambda x: lib.jvp(f, (x,), (1.0,))[1])(x),
                 lib.vmap(lambda x, t: lib.jvp(f, (x,), (t,))[1])(x, x)]
        return found, seen[:1]

    mine, theirs = trial(ingot, np_), trial(jax, jnp)
    assert mine[1] == theirs[1]
    for a, b in zip(mine[0], theirs[0], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_a_rule_whose_results_are_always_mapped():
    @custom_vmap
    def f(x):
        return 3 * x

    @f.def_vmap
    def rule(size, in_batched, x):
        return 3 * (x if in_batched[0] else np_.stack([x] * size)), True

    for jac in (ingot.jacfwd, ingot.jacrev):
        np.testing.assert_array_equal(jac(f)(np.arange(2.0)), 3 * np.eye(2))


def test_programs_do_not_keep_the_arguments_of_functions_with_rules():
    f = ingot.custom_jvp(lambda x: x * 2)
    f.defjvp(lambda xs, ts: (f(*xs), 2 * ts[0]))
    g = ingot.custom_vjp(lambda x: x * 2)
    g.defvjp(lambda x: (g(x), None), lambda _, ct: (2 * ct,))
    h = ingot.custom_batching.custom_vmap(lambda x: x * 2)
    h.def_vmap(lambda size, batched, x: (h(x), batched[0]))
    with ingot.check_tracer_leaks():
        for fun in (f, g, h, ingot.checkpoint(lambda x: x * 2)):
            assert ingot.eval_shape(lambda x, fun=fun: fun(x + 1), np.ones(3)).shape == (3,)


def test_functions_with_rules_return_their_argument_under_vmap_as_well():
    f = ingot.custom_jvp(lambda x: x)
    f.defjvp(lambda xs, ts: (xs[0], ts[0]))
    x = np_.ones(3)
    assert f(x) is x
    assert ingot.vmap(f)(x) is x


def test_one_cotangent_stands_for_all_leaves_of_an_argument():
    @ingot.custom_vjp
    def product(pair):
        return pair["a"] * pair["b"]

    product.defvjp(lambda pair: (product(pair), None), lambda _, ct: (2 * ct,))
    pair = {"a": 3.0, "b": 5.0}
    for grad in (ingot.grad(product), ingot.jit(ingot.grad(product))):
        assert grad(pair) == {"a": 2.0, "b": 2.0}
    # Shapes are still compared, leaf by leaf.
    with pytest.raises(TypeError, match=r"types of the arguments"):
        ingot.grad(product)({"a": 3.0, "b": 5.0, "unused": np.ones(2)})
