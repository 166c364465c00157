"""explain_recompiles: what makes a function be traced again is named, with its remedy."""

from functools import partial

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot.api.cache_misses import REMEDIES
from ingot.config import config

x3 = np.arange(3.0)


@pytest.fixture(autouse=True)
def fresh():
    ingot.clear_caches()


def add(x, n=1, **more):
    return x + n


def with_flag():
    f = ingot.jit(add)
    f(x3)
    with config.override("numpy_rank_promotion", "warn"):
        f(x3)


def within_vmap():
    f = ingot.jit(add)
    f(np.float64(1))
    ingot.vmap(f, axis_name="i")(x3)


def call(f, *arguments):
    for a in arguments:
        f(a)


def anew(values):
    for k in values:
        ingot.jit(lambda x, k=k: k * x)(1.0)


def closing(values):
    for k in values:
        ingot.jit(lambda x: k * x)(1.0)  # noqa: B023


def wrapped(transform):
    for _ in range(3):
        ingot.jit(transform(add))(1.0 if transform is ingot.grad else x3)


static = partial(ingot.jit, static_argnames="n")
CHANGES = [
    ("shape", 3, "x: f64[4], it was f64[3] (shape)",
     lambda: call(ingot.jit(add), x3, np.ones(4), np.ones(5), x3)),
    ("dtype", 2, "x: f32[3], it was f64[3] (dtype)",
     lambda: call(ingot.jit(add), x3, x3.astype("float32"))),
    ("weak type", 2, "x: f64[], it was f64[] (weakly typed) (weak type)",
     lambda: call(ingot.jit(add), 1.0, np.float64(1))),
    ("static argument", 3, "static argument 'n': 2, it was 1",
     lambda: call(lambda n: static(add)(x3, n=n), 1, 2, 3)),
    ("structure", 2, "kwargs", lambda: (ingot.jit(add)(x3), ingot.jit(add)(x3, more=1))),
    ("flag", 2, "the flag numpy_rank_promotion is 'warn', it was 'allow'", with_flag),
    ("named axes", 2, "the named axes in scope are {'i': 3}, they were {}", within_vmap),
    ("function", 4, "this function object is new", lambda: anew(range(4))),
    ("function", 3, "other values: k is f64[3], it was f64[2]",
     lambda: closing([jnp.ones(2), jnp.ones(3), jnp.ones(3)])),
    ("function", 3, "this function object is new", lambda: wrapped(ingot.vmap)),
    ("function", 3, "this function object is new", lambda: wrapped(ingot.grad)),
]


@pytest.mark.parametrize(("kind", "traces", "text", "act"), CHANGES,
                         ids=[f"{i}-{c[0]}" for i, c in enumerate(CHANGES)])
def test_each_change_is_named(kind, traces, text, act):
    act()
    (found,) = ingot.explain_recompiles()
    assert found.traces == traces and __file__ in found.place
    (cause,) = found.causes
    assert cause.change.kind == kind and text in cause.change.text
    assert cause.count == traces - 1
    shown = repr(ingot.explain_recompiles())
    assert REMEDIES[kind] in shown and shown.count(__file__) == 2
    table = ingot.explain_recompiles()._repr_html_()
    assert table.count("<tr>") == 2 and f"{found.traces}</td>" in table


def test_every_kind_is_in_this_table():
    """An array's sharding is part of its type on meshes alone; closures are below."""
    assert {c[0] for c in CHANGES} | {"sharding", "closure"} == set(REMEDIES)


def test_what_a_function_closes_over():
    made = []

    def outer(x):
        made[:] = made or [ingot.jit(lambda y: x * y)]
        return made[0](2.0)

    ingot.jit(outer)(1.0)
    with pytest.raises(ingot.errors.UnexpectedTracerError):
        made[0](2.0)
    (inner,) = [f for f in ingot.explain_recompiles() if f.name == "<lambda>"]
    assert inner.causes[0].change.kind == "closure"


def test_functions_that_are_traced_once_are_not_listed():
    f = ingot.jit(lambda x: x + 1)
    call(f, x3, x3)
    ingot.jit(ingot.vmap(f))(x3)
    ingot.jit(ingot.vmap(jnp.sin))(x3)
    ingot.jit(ingot.vmap(jnp.cos))(x3)
    assert [g.name for g in ingot.explain_recompiles()] == ["<lambda>"]  # for f64[3] and for f64[]
    ingot.clear_caches()
    assert not ingot.explain_recompiles()
    assert repr(ingot.explain_recompiles()) == "No function under jit was traced more than once."
    assert "No function" in ingot.explain_recompiles()._repr_html_()


def test_html_is_escaped():
    call(ingot.jit(lambda x: x), 1.0, x3)
    assert "&lt;lambda&gt;" in ingot.explain_recompiles()._repr_html_()
