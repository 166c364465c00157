"""Functions that take another number of arguments than they are called with: the messages name the
function in use, the user's, and both numbers."""

import re

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.custom_batching import custom_vmap

x3 = jnp.arange(3.0)


def one(a):
    return a


def two(a, b):
    return a + b


def with_rules(kind, define):
    """The identity with custom rules."""
    fun = kind(lambda x: x)
    define(fun)
    return fun


def vjp_with(fwd, bwd, **options):
    return with_rules(lambda f: ingot.custom_vjp(f, **options), lambda f: f.defvjp(fwd, bwd))


# The call, what the message starts with, how many arguments there are and how many are taken.
CALLS = {
    "associative_scan": (lambda: lax.associative_scan(one, x3), "associative_scan: one", 2, 1),
    "vmap": (lambda: ingot.vmap(two)(x3), "vmap: two", 1, 2),
    "vmap, many": (lambda: ingot.vmap(one)(x3, x3), "vmap: one", 2, 1),
    "pmap": (lambda: ingot.pmap(two)(x3), "pmap: two", 1, 2),
    "jit": (lambda: ingot.jit(two)(1.0), "jit: two", 1, 2),
    "static": (lambda: ingot.jit(one, static_argnums=0)(1.0, 2.0), "jit: one", 2, 1),
    "nested": (lambda: ingot.jit(ingot.vmap(two))(x3), "vmap: two", 1, 2),
    "of jit": (lambda: ingot.vmap(ingot.jit(two))(x3), "jit: two", 1, 2),
    "grad": (lambda: ingot.grad(two)(1.0), "grad: two", 1, 2),
    "value_and_grad": (lambda: ingot.value_and_grad(one)(1.0, 2.0), "value_and_grad: one", 2, 1),
    "hessian": (lambda: ingot.hessian(two)(1.0), "jacrev: two", 1, 2),
    "jacfwd": (lambda: ingot.jacfwd(two)(1.0), "jacfwd: two", 1, 2),
    "jvp": (lambda: ingot.jvp(two, (1.0,), (1.0,)), "jvp: two", 1, 2),
    "vjp": (lambda: ingot.vjp(two, 1.0), "vjp: two", 1, 2),
    "linearize": (lambda: ingot.linearize(two, 1.0), "linearize: two", 1, 2),
    "linear_transpose": (lambda: ingot.linear_transpose(two, 1.0), "linear_transpose: two", 1, 2),
    "checkpoint": (lambda: ingot.checkpoint(two)(1.0), "checkpoint: two", 1, 2),
    "make_jaxpr": (lambda: ingot.make_jaxpr(two)(1.0), "make_jaxpr: two", 1, 2),
    "eval_shape": (lambda: ingot.eval_shape(two, 1.0), "eval_shape: two", 1, 2),
    "scan": (lambda: lax.scan(one, 0.0, x3), "scan: one", 2, 1),
    "while_loop": (lambda: lax.while_loop(two, one, 0.0), "while_loop: two", 1, 2),
    "while_loop, body": (lambda: lax.while_loop(jnp.isnan, two, 0.0), "while_loop: two", 1, 2),
    "fori_loop": (lambda: lax.fori_loop(0, 3, one, 0.0), "fori_loop: one", 2, 1),
    "map": (lambda: lax.map(two, x3), "map: two", 1, 2),
    "cond": (lambda: lax.cond(True, two, two, 1.0), "cond: two", 1, 2),
    "switch": (lambda: lax.switch(1, [one, two], 1.0), "switch: two", 1, 2),
    "custom_root": (lambda: lax.custom_root(two, 1.0, one, two), "custom_root: two", 1, 2),
    "custom_linear_solve": (lambda: lax.custom_linear_solve(two, 1.0, two),
                            "custom_linear_solve: two", 1, 2),
    "forward rule": (lambda: ingot.grad(vjp_with(two, two))(1.0),
                     "custom_vjp: the forward rule of <lambda>: two", 1, 2),
    "backward rule": (lambda: ingot.grad(vjp_with(lambda x: (x, x), one))(1.0),
                      "custom_vjp: the backward rule of <lambda>: one", 2, 1),
    "rule": (lambda: ingot.grad(with_rules(ingot.custom_jvp, lambda f: f.defjvp(one)))(1.0),
             "custom_jvp: the rule of <lambda>: one", 2, 1),
    "rules": (lambda: ingot.grad(with_rules(ingot.custom_jvp, lambda f: f.defjvps(two)))(1.0),
              "custom_jvp: a rule of <lambda>: two", 3, 2),
    "rule of a batch": (lambda: ingot.vmap(with_rules(custom_vmap, lambda f: f.def_vmap(one)))(x3),
                        "custom_vmap: the rule of <lambda>: one", 3, 1),
    "custom_jvp": (lambda: with_rules(ingot.custom_jvp, lambda f: f.defjvp(two))(1.0, 2.0),
                   "custom_jvp: <lambda>", 2, 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_number_of_arguments(name):
    fun, start, got, taken = CALLS[name]
    with pytest.raises(TypeError) as info:
        fun()
    assert re.match(rf"{re.escape(start)} \(.*test_calls.py:\d+\) is called with {got} argument"
                    rf".* but takes {taken}: ", str(info.value)), str(info.value)
    assert str(info.value).count("is called with") == 1


def test_how_many_are_taken():
    def some(a, b=1, c=2):
        return a

    def many(a, *rest):
        return a

    for fun, args, named, taken in [(some, (), {}, "1 to 3"), (many, (), {}, "at least 1"),
                                    (some, (1.0,), {"d": 1}, "1 to 3")]:
        with pytest.raises(TypeError, match=f"but takes {taken}: {fun.__qualname__}"
                           .replace(".<locals>", "").replace("test_how_many_are_taken.", ".*")):
            ingot.jit(fun)(*args, **named)


def test_errors_inside_stay_as_they_are():
    def inner(x):
        return one(x, x)

    for call in (lambda: ingot.jit(inner)(1.0), lambda: ingot.grad(inner)(1.0),
                 lambda: lax.scan(lambda c, x: (inner(c), x), 0.0, x3),
                 lambda: lax.associative_scan(lambda a, b: inner(a), x3)):
        with pytest.raises(TypeError, match=r"^one\(\) takes 1 positional argument but 2"):
            call()
    with pytest.raises(TypeError, match="^sin"):
        ingot.vmap(lambda x: np.sin(x, x, x, x))(x3)
