# pyright: strict
"""A program of a user with types, which pyright checks strictly, and what is declared for it."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import ingot
import ingot.numpy as jnp
from ingot import Array, lax, random
from ingot.core.array_members import ArrayMembers
from ingot.numpy import array_methods


def loss(w: Array, x: Array, y: Array) -> Array:
    r = x @ w - y
    return (r**2).mean() + 1e-3 * jnp.sum(w * w)


@ingot.jit
def step(w: Array, x: Array, y: Array) -> Array:
    return w - 0.1 * ingot.grad(loss)(w, x, y)


def running(total: Array, x: Array) -> tuple[Array, Array]:
    return total + x, total * x


def length(v: Array) -> Array:
    return abs(v @ v) ** 0.5


def test_program() -> None:
    a, b = random.split(random.key(0))
    x = random.normal(a, (40, 3))
    y = x @ jnp.array([1.0, 2.0, 3.0]) + 0.1 * random.normal(b, (40,))
    w: Array = jnp.zeros(3)
    for _ in range(30):
        w = step(w, x, y)
    value, slope = ingot.value_and_grad(loss)(w, x, y)
    assert float(value) < 0.5 and slope.shape == (3,)
    total, products = lax.scan(running, jnp.zeros(()), jnp.arange(5.0))
    lengths: Array = ingot.vmap(length)(x)
    part = -lengths[1:].at[0].set(2.0) / 3 + total * products[0]
    inside = (part > -1) & (part < 0) | ~(part == 0)
    sine: Callable[[Array], Array] = ingot.jit(jnp.sin)
    assert inside.any() and sine(part).T.astype("float32").dtype == "float32"
    assert lengths.reshape(2, -1).sum(axis=1).tolist() and len(lengths) == 40


def declared() -> dict[str, Any]:
    return {name: member for name, member in vars(ArrayMembers).items()
            if callable(member) or isinstance(member, property)}


@pytest.mark.parametrize("name", sorted(declared()))
def test_what_is_declared_is_there(name: str) -> None:
    """Arrays have each member, and methods take what is said."""
    there = inspect.getattr_static(Array, name)
    stated = declared()[name]
    assert isinstance(there, property) == isinstance(stated, property)
    if name.startswith("__") or isinstance(there, property):
        return
    want = list(inspect.signature(there).parameters.values())[1:]
    found = list(inspect.signature(stated).parameters.values())[1:]
    assert [(p.name, p.kind, p.default) for p in found] == [
        (p.name, p.kind, p.default) for p in want]


def test_what_is_there_is_declared() -> None:
    made = {**array_methods.METHODS, **array_methods.PROPERTIES}
    assert set(made) <= set(declared())
