"""Functions with rules of their own that close over traced values, wherever that has a meaning."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from control_laws import close
from ingot import lax
from ingot.custom_batching import custom_vmap
from ingot.custom_derivatives import linear_call
from ingot.errors import UnexpectedTracerError


def with_jvp(f):
    g = ingot.custom_jvp(f)
    g.defjvp(lambda primals, tangents: ingot.jvp(f, primals, tangents))
    return g


def with_vjp(f):
    g = ingot.custom_vjp(f)
    g.defvjp(lambda *xs: (f(*xs), xs), lambda xs, ct: ingot.vjp(f, *xs)[1](ct))
    return g


def backwards(f):
    """The rule that closes over the value is the backward one."""
    g = ingot.custom_vjp(lambda x: f(x))
    g.defvjp(lambda x: (f(x), x), lambda x, ct: (ct * ingot.jvp(f, (x,), (1.0,))[1],))
    return g


RULES = [with_jvp, with_vjp, backwards]
XS = np.array([0.5, 0.7, -0.3])


def _scan(body):
    return lambda c: lax.scan(lambda c, _: (body(c), None), c, None, length=3)[0]


# Of a wrapper w and a value y that is closed over: what is differentiated, in another value x.
PROGRAMS = {
    "call": lambda w, y: w(lambda x: jnp.sin(x) * y),
    "jit": lambda w, y: ingot.jit(w(lambda x: jnp.sin(x) * y)),
    "of jit": lambda w, y: w(ingot.jit(lambda x: jnp.sin(x) * y)),
    "checkpoint": lambda w, y: ingot.checkpoint(lambda x: w(lambda x: jnp.sin(x) * y)(x)),
    "scan": lambda w, y: _scan(w(lambda x: jnp.sin(x) * y)),
    "scan of jit": lambda w, y: _scan(ingot.jit(w(lambda x: jnp.sin(x) * y))),
    "scan in scan": lambda w, y: _scan(_scan(w(lambda x: jnp.sin(x) * y))),
    "scan over rows": lambda w, y: lambda x: lax.scan(
        lambda c, r: (w(lambda x: jnp.sin(x) * y)(c) + r, c * r), x, XS)[0],
    "map": lambda w, y: lambda x: jnp.sum(lax.map(w(lambda x: jnp.sin(x) * y), x * XS)),
    "fori_loop": lambda w, y: lambda x: lax.fori_loop(
        0, 3, lambda i, c: w(lambda x: jnp.sin(x) * y)(c) + i, x),
    "cond": lambda w, y: lambda x: lax.cond(
        x > 0, w(lambda x: jnp.sin(x) * y), w(lambda x: x * y * y), x),
    "vmap": lambda w, y: lambda x: jnp.sum(ingot.vmap(w(lambda x: jnp.sin(x) * y))(x * XS)),
}
# Of the derivative in x as a function of y: how y is traced.
OUTER = {
    "jit": lambda g: ingot.jit(g)(1.5),
    "vmap": lambda g: ingot.vmap(g)(XS + 2),
    "jit of vmap": lambda g: ingot.jit(ingot.vmap(g))(XS + 2),
    "scan": lambda g: lax.scan(lambda c, y: (c + g(y), c), 0.0, XS + 2)[0],
    "jvp": lambda g: ingot.jvp(g, (1.5,), (1.0,)),
    "grad": lambda g: ingot.grad(g)(1.5),
    "grad of jit": lambda g: ingot.grad(ingot.jit(g))(1.5),
    "jit of grad": lambda g: ingot.jit(ingot.grad(g))(1.5),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_derivatives_of_functions_that_close_over_a_value_of_an_outer_transformation(
        name, rule, outer):
    """The rule gives the true derivative, so the function without it is what to compare with."""
    def derivative(w):
        return OUTER[outer](lambda y: ingot.grad(PROGRAMS[name](w, y))(0.8))

    close(derivative(rule), derivative(lambda f: f))


@pytest.mark.parametrize("loop", [
    lambda body: lambda x: lax.while_loop(lambda c: c < 9, body, x),
    lambda body: lambda x: lax.fori_loop(0, jnp.asarray(3), lambda i, c: body(c), x)])
@pytest.mark.parametrize("outer", OUTER)
def test_tangents_of_loops_of_unknown_length(loop, outer):
    def derivative(w):
        return OUTER[outer](lambda y: ingot.jacfwd(loop(w(lambda x: x * 1.5 + y)))(0.8))

    if "grad" not in outer:  # a loop of unknown length has none in reverse mode
        close(derivative(with_jvp), derivative(lambda f: f))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_value_in_which_the_call_is_differentiated_is_refused(name, rule):
    with pytest.raises(UnexpectedTracerError, match="closes over|escaped"):
        ingot.grad(lambda y: PROGRAMS[name](rule, y)(y))(0.8)


def with_vmap(f):
    g = custom_vmap(f)
    g.def_vmap(lambda size, in_batched, x: (ingot.vmap(lambda x: f(x))(x), True))
    return g


LINEAR = {
    "solve": lambda w, y: lambda x: lax.custom_linear_solve(
        w(lambda v: v * y), x, lambda _, b: b / y, symmetric=True),
    "solver": lambda w, y: lambda x: lax.custom_linear_solve(
        lambda v: v * y, x, lambda _, b: w(lambda b: b / y)(b), symmetric=True),
    "linear_call": lambda w, y: lambda x: linear_call(
        lambda r, v: w(lambda v: v * y)(v), lambda r, ct: w(lambda ct: ct * y)(ct), 1.0, x),
}


@pytest.mark.parametrize("outer", ["jit", "scan"])
@pytest.mark.parametrize("name", [  # cond maps all that its branches close over
    *(name for name in PROGRAMS if name != "cond"), *LINEAR])
def test_mapped_functions_whose_rule_closes_over_a_value_of_an_outer_transformation(name, outer):
    def mapped(w):
        f = {**PROGRAMS, **LINEAR}[name]
        return OUTER[outer](lambda y: jnp.sum(ingot.vmap(f(w, y))(XS + 0.1)))

    close(mapped(with_vmap), mapped(lambda f: f))


# ---- containers that are no pytrees -------------------------------------------------------------
class Closed:
    """A node that cannot be taken apart."""


ingot.tree.register_pytree_node(Closed, lambda _: 1 / 0, lambda _, __: Closed())


@pytest.mark.parametrize("kind", ["globals", "list of itself", "keys without order", "closed"])
@pytest.mark.parametrize("transform", [
    ingot.jit, ingot.grad, ingot.vmap, lambda f: lambda x: ingot.make_jaxpr(f)(x)(x)])
def test_a_container_that_a_function_closes_over_need_not_be_a_pytree(kind, transform):
    space = {"two": jnp.array(2.0), "closed": Closed()}
    if kind == "globals":
        exec("def f(x): return space['two'] * x", space)
        space["space"] = space
        f = space["f"]
    elif kind == "list of itself":
        held = [jnp.array(2.0)]
        held.append(held)
        f = lambda x: held[0] * x
    else:
        other = {0: jnp.array(2.0), "a": 0} if kind == "keys without order" else space
        f = lambda x: other.get(0, 2.0) * x
    x = jnp.array([3.0, 1.0]) if transform is ingot.vmap else jnp.array(1.0)
    np.testing.assert_array_equal(transform(f)(x), 2 * x if transform is ingot.vmap else 2.0)
