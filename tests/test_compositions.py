"""Random programs under random compositions of jit, vmap, jvp and vjp, compared with each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from harness import array, data
from ingot.api.grad import grad, jvp, vjp
from ingot.api.jit import jit
from ingot.api.vmap import vmap
from ingot.primitives.arithmetic import mul
from ingot.primitives.movement import broadcast_in_dim, reduce_sum
from programs import BINARY, UNARY, Program, points, programs, total

SEEDS = st.integers(0, 2**16)


def numbers(out: Any) -> list[np.ndarray]:
    return [data(o) for o in (out if isinstance(out, (list, tuple)) else [out])]


def same(a: Any, b: Any, tol: float = 1e-10) -> None:
    """Equal numbers; relative to the largest, for sums cancel."""
    for x, y in zip(numbers(a), numbers(b), strict=True):
        assert x.shape == y.shape and x.dtype == y.dtype
        scale = 1 + np.max(np.abs(y), initial=0)
        np.testing.assert_allclose(x / scale, y / scale, rtol=0, atol=tol)


@given(programs(8), SEEDS)
def test_jit_is_eager(f: Program, seed: int) -> None:
    x, y = points(seed), points(seed + 1)
    same(jit(f)(x, y), f(array(x), array(y)))


@given(programs(), SEEDS)
def test_vmap_is_a_loop(f: Program, seed: int) -> None:
    xs, y = points(seed, 3), points(seed + 1)
    want = np.stack([data(f(array(x), array(y))) for x in xs])
    same(vmap(f, (0, None))(xs, y), array(want))
    same(vmap(jit(f), (0, None), 1)(xs, y), array(np.moveaxis(want, 0, 1)))
    same(jit(vmap(f, (None, 0)))(y, xs), vmap(f, (None, 0))(y, xs))


@given(programs(), SEEDS)
def test_forward_is_backward(f: Program, seed: int) -> None:
    x, y, u, v, ct = (points(seed + i) for i in range(5))
    out, tangent = jvp(f, (x, y), (u, v))
    also, back = vjp(f, x, y)
    same(out, also)
    cx, cy = back(array(ct))
    left = float(np.sum(ct * data(tangent)))
    right = float(np.sum(data(cx) * u) + np.sum(data(cy) * v))
    assert abs(left - right) <= 1e-10 * (1 + abs(left))
    same(jit(lambda *xs: jvp(f, xs, (u, v)))(x, y), [out, tangent])
    same(jvp(jit(f), (x, y), (u, v)), [out, tangent])


@given(programs(4), SEEDS)
def test_grad_of_vmap_is_vmap_of_grad(f: Program, seed: int) -> None:
    xs, y = points(seed, 3), points(seed + 1)
    loss = lambda x, y: total(f(x, y))
    each = vmap(grad(loss), (0, None))(xs, y)
    whole = grad(lambda xs: reduce_sum(vmap(loss, (0, None))(xs, y), (0,)))(xs)
    same(each, whole)
    same(jit(vmap(grad(jit(loss)), (0, None)))(xs, y), each)


@given(programs(4), SEEDS)
def test_second_derivatives_are_symmetric(f: Program, seed: int) -> None:
    x, y, u, v = (points(seed + i) for i in range(4))
    gradient = grad(lambda a: total(f(a, y)))
    hu, hv = (jvp(gradient, (x,), (t,))[1] for t in (u, v))
    left, right = float(np.sum(data(hu) * v)), float(np.sum(data(hv) * u))
    assert abs(left - right) <= 1e-8 * (1 + abs(left) + np.sum(np.abs(data(hu))))
    reverse = grad(lambda a: total(mul(gradient(a), u)))(x)
    same(reverse, hu, 1e-8)


# ---- any order of transformations ----------------------------------------------------------------
Unary = Callable[[Any], Any]


def mapped(f: Unary) -> Unary:
    """vmap over a stack of scaled copies, summed again, so that shapes stay."""
    def g(x: Any) -> Any:
        weights = np.array([1.0, 0.5]).reshape(2, 1, 1) * np.ones((2, 3, 2))
        return reduce_sum(vmap(f)(mul(broadcast_in_dim(x, (2, 3, 2), (1, 2)), weights)), (0,))
    return g


def pushed(f: Unary) -> Unary:
    return lambda x: jvp(f, (x,), (np.linspace(-1, 1, 6).reshape(3, 2),))[1]


def pulled(f: Unary) -> Unary:
    return lambda x: vjp(f, x)[1](array(np.linspace(1, 2, 6).reshape(3, 2)))[0]


TRANSFORMS = {"vmap": mapped, "jvp": pushed, "vjp": pulled, "jit": jit}


@given(programs(3), st.lists(st.sampled_from([*TRANSFORMS]), max_size=4), SEEDS)
def test_jit_anywhere(f: Program, names: list[str], seed: int) -> None:
    """Leaving the jits out of a tower of transformations changes nothing."""
    x, y = points(seed), points(seed + 1)
    plain = jitted = lambda v: f(v, y)
    for name in names:
        jitted = TRANSFORMS[name](jitted)
        plain = plain if name == "jit" else TRANSFORMS[name](plain)
    same(jitted(array(x)), plain(array(x)), 1e-8)
    same(jit(plain)(x), plain(array(x)), 1e-8)


def test_every_step() -> None:
    """Each step of random programs, alone, under each pair of transformations."""
    for name in [*UNARY, *BINARY]:
        f = Program(((name, 0, 1),))
        x, y = points(1), points(2)
        for pair in itertools.product(["vmap", "jvp", "vjp"], repeat=2):
            g: Unary = lambda v, f=f, y=y: f(v, y)
            for t in pair:
                g = TRANSFORMS[t](g)
            same(jit(g)(x), g(array(x)), 1e-9)
