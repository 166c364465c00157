"""Checks: derivatives against differences, values against each other with tolerances."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.arguments import argument_names
from ingot.api.grad import jvp, vjp
from ingot.core.interpreter import typeof
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.tree import tree_flatten, tree_leaves, tree_map, tree_unflatten

Tolerance = float | Mapping[Any, float] | None
"""One number for all, or numbers by dtype; what a table does not name has its default."""

# By the dtype of real numbers; narrower ones have 0.1, integers none.
_TOLERANCE = {dtypes.bfloat16: 1e-2, dtypes.float16: 1e-3, dtypes.float32: 1e-6,
              dtypes.float64: 1e-15}
_GRADIENT_TOLERANCE = {dtypes.bfloat16: 1e-1, dtypes.float16: 1e-2, dtypes.float32: 2e-3,
                       dtypes.float64: 1e-5}

_STEP, _LONG_STEP = 1e-4, 1e-2
"""JAX's step of differences, and one for dtypes in which rounding decides over that: a derivative
has to agree with one of both, as branches may be nearer than the long one reaches."""


def _tolerance(x: np.ndarray, given: Tolerance, defaults: Mapping[Any, float]) -> float:
    """What one array gets: that of its dtype, times the number of elements, as JAX has it."""
    if isinstance(given, (int, float)):
        return given * x.size
    dtype: Any = x.dtype if x.dtype == dtypes.float0 else dtypes.canonicalize_dtype(x.dtype)
    table = {np.dtype(k): v for k, v in (given or {}).items()}
    if dtype not in table and not dtypes.issubdtype(dtype, np.inexact):
        return 0.0
    real = np.empty(0, dtype).real.dtype
    return table.get(dtype, defaults.get(real, 1e-1)) * x.size


def _comparable(x: np.ndarray) -> np.ndarray:
    """The same numbers in a dtype that NumPy can compare with tolerances."""
    if x.dtype == dtypes.float0:
        return np.zeros(x.shape)
    added_to_numpy = x.dtype.isbuiltin == 2
    return x.astype(np.float32) if added_to_numpy else x


def check_close(xs: Any, ys: Any, atol: Tolerance = None, rtol: Tolerance = None,
                err_msg: str = "") -> None:
    """Raise AssertionError unless two trees agree, by default to what their dtypes hold.

    A tolerance is a number or a table by dtype, and is multiplied by an array's size.
    """
    _check_close(xs, ys, atol, rtol, err_msg, _TOLERANCE)


def _check_close(xs: Any, ys: Any, atol: Tolerance, rtol: Tolerance, err_msg: str,
                 defaults: Mapping[Any, float]) -> None:
    def check(x: Any, y: Any) -> None:
        x, y = np.asarray(x), np.asarray(y)
        assert x.shape == y.shape, f"{err_msg}: shapes {x.shape} and {y.shape}"
        # NumPy's own defaults stand where ours are zero.
        options: dict[str, Any] = {"err_msg": err_msg}
        for name, given in (("atol", atol), ("rtol", rtol)):
            tolerance = max(_tolerance(v, given, defaults) for v in (x, y))
            options |= {name: tolerance} if tolerance else {}
        np.testing.assert_allclose(_comparable(x), _comparable(y), **options)

    tree_map(check, xs, ys)


_ENTRIES = 500
"""How many entries of an argument are tried to find the one whose derivative is wrong."""


def _directions() -> np.random.RandomState:
    """Draws the directions in which JAX compares: programs near a branch depend on them."""
    return np.random.RandomState(0)


def _random_like(rng: np.random.RandomState, x: Any) -> Any:
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

    def slope(a: Any, b: Any) -> Any:
        a, b = np.asarray(a), np.asarray(b)
        return a if a.dtype == dtypes.float0 else (a - b) / (2 * eps)

    return tree_map(slope, at(eps), at(-eps))


def _inner(xs: Any, ys: Any) -> Any:
    return sum((np.vdot(np.conj(np.asarray(x, np.complex128)), np.asarray(y, np.complex128)).real
                for x, y in zip(tree_leaves(xs), tree_leaves(ys), strict=True)
                if np.asarray(x).dtype != dtypes.float0), 0.0)


def _against_differences(check: Callable[[float], None], f: Callable[..., Any], args: Any,
                         slope: Callable[[Any, Any], Any], eps: float | None) -> None:
    """Run a check of derivatives with the first step size that it passes with; if there is none,
    say for which entry of which argument slope(tangents, weights) is wrong."""
    wide = all(np.finfo(x.dtype).bits >= 64 for x in map(np.asarray, tree_leaves(args))
               if x.dtype.kind in "fc")
    if not (eps or wide):
        try:
            return check(_STEP)
        except AssertionError:
            eps = _LONG_STEP
    try:
        return check(eps or _STEP)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{_culprit(f, args, slope, eps or _STEP)}") from None


def _culprit(f: Callable[..., Any], args: Any, slope: Callable[[Any, Any], Any], eps: float
             ) -> str:
    """The entry of an argument whose derivative is farthest from differences, in words."""
    rng, out = _directions(), f(*args)
    alone = sum(np.size(x) for x in tree_leaves(out)) == 1
    weights = tree_map(lambda x: np.ones_like(x) if alone else _random_like(rng, x), out)
    leaves, tree = tree_flatten(args)
    found = []
    for i, (name, x) in enumerate(zip(argument_names(f, args, {}), leaves, strict=True)):
        zeros = [np.zeros_like(_random_like(rng, x)) for x in leaves]
        for index in itertools.islice(np.ndindex(zeros[i].shape), _ENTRIES):
            if zeros[i].dtype == dtypes.float0:
                break
            tangents = [z.copy() for z in zeros]
            tangents[i][index] = 1
            told = float(slope(tree_unflatten(tree, tangents), weights))
            measured = float(_inner(_differences(f, args, tree_unflatten(tree, tangents), eps),
                                    weights))
            off = abs(told - measured) if math.isfinite(told - measured) else math.inf
            found.append((off, f"argument {name}{list(index) if index else ''}", told, measured))
    if not found:
        return "no argument has a derivative"
    _, place, told, measured = max(found, key=lambda row: row[0])
    return (f"The derivative with respect to {place} is the farthest off: {told:.6g}, where"
            f" differences give {measured:.6g}"
            + ("" if alone else " (of a weighted sum of the result's entries)"))


def check_jvp(f: Callable[..., Any], f_jvp: Callable[..., Any], args: Sequence[Any],
              atol: Tolerance = None, rtol: Tolerance = None, eps: float | None = None,
              err_msg: str = "") -> None:
    """Raise AssertionError unless f_jvp(args, tangents) agrees with central differences of f."""
    rng = _directions()
    tangents = tree_map(lambda x: _random_like(rng, x), tuple(args))
    out, found = f_jvp(tuple(args), tangents)
    _check_close(out, f(*args), atol, rtol, err_msg or "values of the jvp", _GRADIENT_TOLERANCE)
    _against_differences(
        lambda step: _check_close(found, _differences(f, tuple(args), tangents, step), atol, rtol,
                                  err_msg or "tangents against differences", _GRADIENT_TOLERANCE),
        f, tuple(args), lambda ts, weights: _inner(f_jvp(tuple(args), ts)[1], weights), eps)


def check_vjp(f: Callable[..., Any], f_vjp: Callable[..., Any], args: Sequence[Any],
              atol: Tolerance = None, rtol: Tolerance = None, eps: float | None = None,
              err_msg: str = "") -> None:
    """The same for f_vjp(*args) -> (values, pullback)."""
    rng = _directions()
    out, pullback = f_vjp(*args)
    tangents = tree_map(lambda x: _random_like(rng, x), tuple(args))
    cotangents = tree_map(lambda x: _random_like(rng, x), out)
    dtype = np.result_type(*(x.dtype for x in map(np.asarray, tree_leaves(out))
                             if x.dtype != dtypes.float0))
    found = np.asarray(_inner(pullback(cotangents), tangents)).astype(dtype)

    def check(step: float) -> None:
        forward = _differences(f, tuple(args), tangents, step)
        _check_close(found, np.asarray(_inner(forward, cotangents)).astype(dtype), atol, rtol,
                     err_msg or "cotangents against differences", _GRADIENT_TOLERANCE)

    _against_differences(check, f, tuple(args),
                         lambda ts, weights: _inner(f_vjp(*args)[1](weights), ts), eps)


def check_grads(f: Callable[..., Any], args: Sequence[Any], order: int,
                modes: Sequence[str] = ("fwd", "rev"), atol: Tolerance = None,
                rtol: Tolerance = None, eps: float | None = None) -> None:
    """Check derivatives of f up to an order, forwards and backwards, against differences.

    Raises AssertionError, which names the argument and the entry that is the farthest off.
    """
    if not isinstance(args, (tuple, list)):
        raise TypeError("check_grads: args must be a tuple with an entry for each argument, got"
                        f" {type(args).__name__}; write (x,)")
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if not {*modes} <= {"fwd", "rev"}:
        raise ValueError(f"check_grads: modes are 'fwd' and 'rev', got {modes}")
    args = tuple(args)
    if "fwd" in modes:
        check_jvp(f, lambda xs, ts: jvp(f, xs, ts), args, atol, rtol, eps)
    if "rev" in modes:
        check_vjp(f, lambda *xs: vjp(f, *xs), args, atol, rtol, eps)
    if order > 1:
        rng = np.random.RandomState(1)
        tangents = tree_map(lambda x: _random_like(rng, x), args)
        if "fwd" in modes:
            check_grads(functools.wraps(f)(lambda *xs: jvp(f, xs, tangents)[1]), args, order - 1,
                        modes, atol, rtol, eps)
        if "rev" in modes:
            cotangents = tree_map(lambda x: _random_like(rng, x), f(*args))
            check_grads(functools.wraps(f)(lambda *xs: vjp(f, *xs)[1](cotangents)), args,
                        order - 1, modes, atol, rtol, eps)


__all__ = ["check_close", "check_grads", "check_jvp", "check_vjp"]

_hide_frames_of(__name__)
