"""What a program must give, by the reference back end, and how far from it rounding may lead.

A result is right if it is within a few units in the last place of the largest one. If not, the
program is evaluated again with everything that is rounded off by a few units: what changes with
that may differ, element by element. An index of the least of equal numbers changes, too; more and
more such evaluations find all that do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot.config import config
from ingot.errors import UndefinedRuleError, UnexpectedTracerError

REFUSALS = (TypeError, ValueError, IndexError, UndefinedRuleError, UnexpectedTracerError)
UNITS = 64
"""What a result may differ by in any case, in units of the largest element's last place."""
FACTOR = 30
"""How much more than disturbed evaluations a right one may differ: it rounds at more places."""
TRIES = (6, 40)
"""Numbers of disturbed evaluations, the last of which decides."""


class Rejected(Exception):
    """The reference back end refuses the program, too: for instance, it has no derivative."""


def leaves(results: Any) -> list[Any]:
    """The arrays among results, in order."""
    return ingot.tree_util.tree_leaves(results)


def units(x: np.ndarray, rng: np.random.Generator, most: int) -> np.ndarray:
    """Factors that are a few units in the last place from one."""
    steps = rng.integers(-most, most + 1, x.shape) * float(jnp.finfo(x.dtype).eps)
    return (1 + steps).astype(x.dtype)


def noise(rng: np.random.Generator, most: int) -> Callable[..., Any]:
    """A function that puts the floating numbers in a tree off by a few units: each by its own, or
    those that are zero but for rounding by units of the largest, if they may be sums of what has
    `cancelled`."""
    def one(x: Any, cancelled: bool) -> Any:
        if not jnp.issubdtype(getattr(x, "dtype", int), jnp.inexact):
            return x
        factors = units(x, rng, most)
        if not cancelled or not x.size:
            return x * factors
        largest = jnp.max(jnp.abs(x))
        rest = jnp.abs(x) <= UNITS * float(jnp.finfo(x.dtype).eps) * largest
        return jnp.where(rest, x + largest * (factors - 1), x * factors)

    return lambda tree, cancelled=False: ingot.tree_util.tree_map(
        lambda x: one(x, cancelled), tree)


class Reference:
    """A program's right results for one set of arguments; `make(noisy)` makes the function."""

    def __init__(self, make: Callable[[Callable[..., Any] | None], Callable[..., Any]],
                 arguments: list[np.ndarray]):
        self.make, self.arguments = make, arguments
        self.rng = np.random.default_rng(0)
        self.right = self._evaluated(None, arguments)
        self.disturbed: list[list[np.ndarray]] = []

    def _evaluated(self, noisy: Callable[..., Any] | None,
                   arguments: list[np.ndarray]) -> list[np.ndarray]:
        fun = self.make(noisy)
        try:
            with config.override("backend", "reference"):
                return [np.asarray(x) for x in leaves(ingot.jit(lambda *xs: fun(*xs))(*arguments))]
        except REFUSALS as e:
            raise Rejected(str(e)) from e

    def disturb(self, tries: int) -> None:
        """Evaluate with noise, until there are as many evaluations, with more and more of it."""
        while len(self.disturbed) < tries:
            noisy = noise(self.rng, 2 << len(self.disturbed) % 3)
            self.disturbed.append(self._evaluated(noisy, [
                x * units(x, self.rng, 2) if jnp.issubdtype(x.dtype, jnp.floating) else x
                for x in self.arguments]))

    def mismatch(self, k: int, got: Any) -> str | None:
        """In which way the k-th result is not what it must be, if it is not."""
        got, want = np.asarray(got), self.right[k]
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"{got.dtype}{list(got.shape)} in the place of {want.dtype}{list(want.shape)}"
        wrong = differing(got, want)
        for tries in TRIES:
            if not np.any(wrong):
                return None
            self.disturb(tries)
            wrong &= ~allowed(got, want, [o[k] for o in self.disturbed])
        if not np.any(wrong):
            return None
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        return (f"{int(np.sum(wrong))} of {want.size} elements differ, the first at {list(at)}:"
                f" {got[at]}, right is {want[at]}")


def differing(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Which elements differ by more than a few units of the largest, and a subnormal step."""
    if want.dtype.kind in "iub":
        return np.asarray(got != want)
    x, y = got.astype("complex128"), want.astype("complex128")
    info = jnp.finfo(want.dtype)
    largest = np.max(np.abs(y), initial=1e-30, where=np.isfinite(y))
    least = UNITS * float(info.eps) * largest + float(info.smallest_subnormal)
    with np.errstate(invalid="ignore"):
        return ~((np.abs(x - y) <= least) | (np.isnan(x) & np.isnan(y)) | (x == y))


def allowed(got: np.ndarray, want: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    """Which elements may be what they are, since evaluations with noise differ as much."""
    if want.dtype.kind in "iub":
        return np.any([o != want for o in others], axis=0)
    x, y = got.astype("complex128"), want.astype("complex128")
    with np.errstate(invalid="ignore"):
        spread = np.max([np.nan_to_num(np.abs(o.astype("complex128") - y), nan=np.inf)
                         for o in others], axis=0)
        same = np.max([np.isnan(o) & np.isnan(y) for o in others], axis=0)
        return ~same & ((np.abs(x - y) <= FACTOR * spread) | np.isinf(spread))
