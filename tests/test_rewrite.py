"""Rewriting of jaxprs: sub-jaxprs are type-checked and simplified as well."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.compiler.simplify import simplify
from ingot.core.jaxpr import subjaxprs
from ingot.core.rewrite import (
    Renaming,
    bind_equation,
    definitions,
    interpret_jaxpr,
    map_subjaxprs,
    use_counts,
)
from ingot.core.typecheck import check_jaxpr
from ingot.errors import InternalError


def scanned(x):
    def body(carry, y):
        return jnp.sin(carry) * y + jnp.sin(carry), jnp.sin(carry)

    return lax.scan(body, x, jnp.arange(5.0))


def branched(x):
    return lax.cond(x[0] > 0, lambda x: jnp.exp(x) + jnp.exp(x), lambda x: -x, x)


def repeated(x):
    return lax.while_loop(lambda c: (jnp.sum(c) + jnp.sum(c)) < 9.0, lambda c: c + c * c + c * c, x)


PROGRAMS = [scanned, branched, repeated, ingot.jit(scanned), ingot.vmap(branched)]
X = np.array([0.5, 1.5])


def jaxpr_of(fun):
    return ingot.make_jaxpr(fun)(X if fun is not PROGRAMS[4] else X[None])


def size(jaxpr):
    return sum(1 + sum(map(size, subjaxprs(e))) for e in jaxpr.eqns)


def spoiled(jaxpr):
    """The jaxpr with one equation of its innermost sub-jaxpr reading a variable of another one."""
    inner = [e for e in jaxpr.eqns if subjaxprs(e)]
    if not inner:
        first, *rest = jaxpr.eqns or [None]
        return jaxpr.replace(eqns=[*rest, first] if rest else jaxpr.eqns)
    done = map_subjaxprs(lambda j: spoiled(j), inner[0])
    return jaxpr.replace(eqns=[done if e is inner[0] else e for e in jaxpr.eqns])


@pytest.mark.parametrize("fun", PROGRAMS)
def test_check_descends(fun):
    jaxpr = jaxpr_of(fun)
    check_jaxpr(jaxpr)
    with pytest.raises(InternalError, match="not bound|bound twice"):
        check_jaxpr(spoiled(jaxpr))


@pytest.mark.parametrize("fun", PROGRAMS)
def test_simplify_descends(fun):
    jaxpr = jaxpr_of(fun)
    simple = simplify(jaxpr)
    assert size(simple) < size(jaxpr)
    assert simplify(jaxpr) is simple
    args = [X if fun is not PROGRAMS[4] else X[None]]
    for a, b in zip(jaxpr(*args), simple(*args), strict=True):
        np.testing.assert_array_equal(a, b)


def test_interpret():
    jaxpr = jaxpr_of(scanned)
    names = []

    def rule(eqn, args):
        names.append(eqn.primitive.name)
        return bind_equation(eqn, args)

    for a, b in zip(interpret_jaxpr(jaxpr, [X], rule), jaxpr(X), strict=True):
        np.testing.assert_array_equal(a, b)
    assert names == [e.primitive.name for e in jaxpr.eqns]


def test_renaming_and_uses():
    jaxpr = ingot.make_jaxpr(lambda x: (x * x, x + 1.0))(X)
    (x,) = jaxpr.invars
    assert use_counts(jaxpr)[x] == 3
    assert {d.primitive.name for d in definitions(jaxpr.eqns).values()} >= {"mul", "add"}
    assert all(Renaming().eqn(e) is e for e in jaxpr.eqns)
    other = jaxpr_of(branched).invars[0]
    renaming = Renaming()
    renaming.replace([x], [other])
    renamed = jaxpr.replace(invars=[other], eqns=[renaming.eqn(e) for e in jaxpr.eqns])
    check_jaxpr(renamed)
    assert use_counts(renamed)[other] == 3
