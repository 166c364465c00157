"""A program written twice, for ingot and for JAX: values, derivatives and batches must agree."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

import ingot

jax.config.update("jax_enable_x64", True)


def close(got: Any, want: Any, tol: float = 1e-10) -> None:
    """Equal trees of numbers."""
    mine, theirs = ingot.tree.leaves(got), jax.tree.leaves(want)
    assert len(mine) == len(theirs)
    for x, y in zip(mine, theirs, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert x.shape == y.shape and x.dtype == y.dtype, (x.dtype, y.dtype, x.shape, y.shape)
        np.testing.assert_allclose(x, y, rtol=tol, atol=tol)


def batches(args: Sequence[np.ndarray]) -> list[tuple[tuple[Any, ...], list[Any]]]:
    """in_axes and arguments for every nonempty choice of mapped arguments, three entries each."""
    found = []
    for mapped in itertools.product([False, True], repeat=len(args)):
        if any(mapped):
            axes = tuple(0 if m else None for m in mapped)
            rows = [np.stack([x, 0.8 * x + 0.1, 1.1 * x]) if m else x
                    for x, m in zip(args, mapped, strict=True)]
            found.append((axes, rows))
    return found


def rows_of(axes: Sequence[Any], args: Sequence[Any]) -> list[list[Any]]:
    return [[x if a is None else x[i] for x, a in zip(args, axes, strict=True)] for i in range(3)]


def agree(fun: Callable[..., Any], reference: Callable[..., Any], *args: Any, second: bool = True,
          forward: bool = True, tol: float = 1e-9) -> None:
    """All transformations of a scalar function of float arrays against those of its reference."""
    args = tuple(np.asarray(x, float) for x in args)
    nums = tuple(range(len(args)))
    gradient = jax.grad(reference, nums)
    want = jax.jit(lambda *xs: (reference(*xs), gradient(*xs)))
    value, slopes = want(*args)
    for f in (fun, ingot.jit(fun)):
        close(f(*args), value, tol)
        close(ingot.grad(f, nums)(*args), slopes, tol)
        close(ingot.jit(ingot.grad(f, nums))(*args), slopes, tol)
        if forward:
            _, tangent = ingot.jvp(f, args, args)
            close(tangent, sum(np.sum(s * x) for s, x in zip(slopes, args, strict=True)), tol)
    if second:
        curvature = jax.jit(jax.grad(lambda *xs: sum((g * x).sum() for g, x in zip(
            gradient(*xs), args, strict=True)), nums))(*args)
        for f in (fun, ingot.jit(fun)):
            def slope(*xs: Any, f: Any = f) -> Any:
                return sum((g * x).sum() for g, x in zip(ingot.grad(f, nums)(*xs), args,
                                                         strict=True))
            close(ingot.grad(slope, nums)(*args), curvature, tol)
            close(ingot.jit(ingot.grad(slope, nums))(*args), curvature, tol)
    for axes, rows in batches(args):
        entries = [want(*row) for row in rows_of(axes, rows)]
        values = np.stack([v for v, _ in entries])
        each = [np.stack(column) for column in zip(*(g for _, g in entries), strict=True)]
        totals = [g if a == 0 else g.sum(0) for g, a in zip(each, axes, strict=True)]
        for f in (fun, ingot.jit(fun)):
            close(ingot.vmap(f, axes)(*rows), values, tol)
            close(ingot.vmap(ingot.grad(f, nums), axes)(*rows), each, tol)
            close(ingot.jit(ingot.vmap(ingot.grad(f, nums), axes))(*rows), each, tol)
            close(ingot.grad(lambda *xs, f=f: ingot.vmap(f, axes)(*xs).sum(), nums)(*rows),  # noqa: B023
                  totals, tol)
