"""`jax.test_util`: derivatives against differences, values against each other with tolerances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.grad import jvp, vjp
from ingot.core.interpreter import typeof
from ingot.tree import tree_leaves, tree_map

_TOLERANCE = {2: 1e-2, 4: 1e-5, 8: 1e-10}
_GRADIENT_TOLERANCE = {2: 1e-1, 4: 2e-2, 8: 1e-5}


def _tolerance(x: Any, table: dict[int, float]) -> float:
    dtype = np.dtype(np.asarray(x).dtype)
    size = dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize
    return 0.0 if dtype.kind in "biu" else table.get(size, 1e-1)


def check_close(xs: Any, ys: Any, atol: float | None = None, rtol: float | None = None,
                err_msg: str = "") -> None:
    """Raise AssertionError unless two trees agree, by default to what their dtypes hold."""
    for x, y in zip(tree_leaves(xs), tree_leaves(ys), strict=True):
        default = max(_tolerance(x, _TOLERANCE), _tolerance(y, _TOLERANCE))
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), err_msg=err_msg,
                                   atol=default if atol is None else atol,
                                   rtol=default if rtol is None else rtol)


def _random_like(rng: np.random.Generator, x: Any) -> Any:
    aval = typeof(x)
    if not dtypes.issubdtype(aval.dtype, np.inexact):
        return np.zeros(aval.shape, dtypes.float0)
    draw = rng.standard_normal(aval.shape)
    if dtypes.issubdtype(aval.dtype, np.complexfloating):
        draw = draw + 1j * rng.standard_normal(aval.shape)
    return np.asarray(draw).astype(aval.dtype)


def _step(x: Any, t: Any, eps: float) -> Any:
    return x if np.asarray(t).dtype == dtypes.float0 else x + np.asarray(eps * t, typeof(x).dtype)


def _differences(f: Callable[..., Any], args: Any, tangents: Any, eps: float) -> Any:
    def at(h: float) -> Any:
        return f(*tree_map(lambda x, t: _step(x, t, h), args, tangents))

    return tree_map(lambda a, b: (np.asarray(a) - np.asarray(b)) / (2 * eps), at(eps), at(-eps))


def _inner(xs: Any, ys: Any) -> Any:
    return sum((np.vdot(np.conj(np.asarray(x, np.complex128)), np.asarray(y, np.complex128)).real
                for x, y in zip(tree_leaves(xs), tree_leaves(ys), strict=True)
                if np.asarray(x).dtype != dtypes.float0), 0.0)


def _settings(args: Any, atol: float | None, rtol: float | None, eps: float | None
              ) -> tuple[float, float, float]:
    worst = max([_tolerance(x, _GRADIENT_TOLERANCE) for x in tree_leaves(args)] or [1e-5])
    return (worst if atol is None else atol, worst if rtol is None else rtol,
            eps or (1e-4 if worst <= 1e-5 else 1e-2))


def check_jvp(f: Callable[..., Any], f_jvp: Callable[..., Any], args: Sequence[Any],
              atol: float | None = None, rtol: float | None = None, eps: float | None = None,
              err_msg: str = "") -> None:
    """Raise AssertionError unless f_jvp(args, tangents) agrees with central differences of f."""
    atol, rtol, eps = _settings(args, atol, rtol, eps)
    rng = np.random.default_rng(0)
    tangents = tree_map(lambda x: _random_like(rng, x), tuple(args))
    out, found = f_jvp(tuple(args), tangents)
    check_close(out, f(*args), atol, rtol, err_msg or "values of the jvp")
    check_close(found, _differences(f, tuple(args), tangents, eps), atol, rtol,
                err_msg or "tangents against differences")


def check_vjp(f: Callable[..., Any], f_vjp: Callable[..., Any], args: Sequence[Any],
              atol: float | None = None, rtol: float | None = None, eps: float | None = None,
              err_msg: str = "") -> None:
    """The same for f_vjp(*args) -> (values, pullback)."""
    atol, rtol, eps = _settings(args, atol, rtol, eps)
    rng = np.random.default_rng(0)
    out, pullback = f_vjp(*args)
    tangents = tree_map(lambda x: _random_like(rng, x), tuple(args))
    cotangents = tree_map(lambda x: _random_like(rng, x), out)
    forward = _differences(f, tuple(args), tangents, eps)
    check_close(np.float64(_inner(forward, cotangents)),
                np.float64(_inner(pullback(cotangents), tangents)), atol, rtol,
                err_msg or "cotangents against differences")


def check_grads(f: Callable[..., Any], args: Sequence[Any], order: int,
                modes: Sequence[str] = ("fwd", "rev"), atol: float | None = None,
                rtol: float | None = None, eps: float | None = None) -> None:
    """Check derivatives of f up to an order, forwards and backwards, against differences."""
    args = tuple(args)
    if "fwd" in modes:
        check_jvp(f, lambda xs, ts: jvp(f, xs, ts), args, atol, rtol, eps)
    if "rev" in modes:
        check_vjp(f, lambda *xs: vjp(f, *xs), args, atol, rtol, eps)
    if order > 1:
        rng = np.random.default_rng(1)
        tangents = tree_map(lambda x: _random_like(rng, x), args)
        if "fwd" in modes:
            check_grads(lambda *xs: jvp(f, xs, tangents)[1], args, order - 1, modes, atol, rtol,
                        eps)
        if "rev" in modes:
            cotangents = tree_map(lambda x: _random_like(rng, x), f(*args))
            check_grads(lambda *xs: vjp(f, *xs)[1](cotangents), args, order - 1, modes, atol, rtol,
                        eps)


__all__ = ["check_close", "check_grads", "check_jvp", "check_vjp"]
