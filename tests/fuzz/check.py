"""One random program against the reference back end: two inputs in turn, results kept alive."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import ingot
import ingot.numpy as jnp
from fuzz.blocks import PRELUDE, Function
from fuzz.generator import NAMESPACE, inputs, write
from fuzz.schemes import vocabulary
from ingot.backends.llvm.executable import executables
from ingot.config import config
from ingot.errors import MemoryCheckError, UndefinedRuleError, UnexpectedTracerError

LARGE_FROM = 9  # of ten programs, the last has large arrays
TRIES = 3
"""Evaluations at slightly different arguments, which say how far a result may be off."""


REFUSALS = (TypeError, ValueError, IndexError, UndefinedRuleError, UnexpectedTracerError)


class Rejected(Exception):
    """The reference back end refuses the program, too: for instance, it has no derivative."""


@dataclass
class Case:
    """A program, how it is transformed, its arguments and which of them are donated."""

    seed: int
    main: Function
    types: list[tuple[tuple[int, ...], str]]
    transform: str
    donated: tuple[int, ...]

    def function(self, noise: bool = False) -> Callable[..., Any]:
        """The program as a function; `noise`: what is rounded is off by a few units more."""
        space = {**NAMESPACE, "noisy": noisy}
        exec(self.main.text(noise), space)
        return TRANSFORMS[self.transform](space["main"])

    def arguments(self, which: int) -> list[np.ndarray]:
        """The first or second set of arguments; mapped programs have three of each."""
        sets = [inputs(self.seed * 16 + which + 4 * k, self.types) for k in range(3)]
        return [np.stack(xs) for xs in zip(*sets, strict=True)] if self.transform == "vmap" \
            else sets[0]

    def eps(self) -> float:
        """The relative rounding error of the coarsest dtype that the program computes in."""
        names = {name for s in self.main.every() for _, name in s.types}
        names |= {name for _, name in self.types}
        coarse = [float(jnp.finfo(name).eps) for name in names
                  if jnp.issubdtype(jnp.dtype(name), jnp.inexact)]
        return max(coarse, default=2.0**-52)

    def text(self) -> str:
        """A test that one can run by itself."""
        return (f"{PRELUDE}\n{self.main.text()}\n# transform {self.transform}, donated"
                f" {self.donated}, arguments {self.types}")


def _differentiated(main: Callable[..., Any]) -> Callable[..., Any]:
    def total(*xs: Any) -> Any:
        outs = [x for x in main(*xs) if jnp.issubdtype(x.dtype, jnp.floating)]
        return sum((jnp.sum(jnp.sin(x).astype("float64")) for x in outs), jnp.asarray(0.0))

    def gradient(*xs: Any) -> Any:
        real = tuple(i for i, x in enumerate(xs) if jnp.issubdtype(x.dtype, jnp.floating))
        return ingot.grad(total, real)(*xs)

    return gradient


def _pushed(main: Callable[..., Any]) -> Callable[..., Any]:
    def pushed(*xs: Any) -> Any:
        ts = [jnp.ones_like(x) if jnp.issubdtype(x.dtype, jnp.floating)
              else np.zeros(x.shape, ingot.dtypes.float0) for x in xs]
        outs, tangents = ingot.jvp(lambda *ys: main(*ys), tuple(xs), tuple(ts))
        return outs, [t for t in tangents if t.dtype != ingot.dtypes.float0]

    return pushed


TRANSFORMS: dict[str, Callable[..., Any]] = {
    "plain": lambda main: main, "vmap": ingot.vmap, "grad": _differentiated, "jvp": _pushed}


def case(seed: int) -> Case:
    """The program of a seed."""
    rng = np.random.default_rng([seed, 5])
    transform = rng.choice(list(TRANSFORMS), p=[0.6, 0.15, 0.15, 0.1])
    large = seed % 10 >= LARGE_FROM and transform == "plain"
    main, types = write(seed, vocabulary, reversible=transform == "grad", large=large)
    donated = tuple(i for i in range(len(types)) if rng.random() < 0.5) \
        if rng.random() < 0.4 else ()
    return Case(seed, main, types, str(transform), donated)


def leaves(results: Any) -> list[Any]:
    """The arrays among results, in order."""
    return ingot.tree_util.tree_leaves(results)


def arrays(results: Any) -> list[np.ndarray]:
    """The same as NumPy's arrays."""
    return [np.asarray(x) for x in leaves(results)]


def nudged(arguments: list[np.ndarray], eps: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Arguments that differ by a few units in the last place, zeros and ties not."""
    out = []
    for x in arguments:
        if jnp.issubdtype(x.dtype, jnp.floating):
            step = 1 + 2 * eps * rng.integers(-1, 2, x.shape)
            x = (x.astype("float64") * step).astype(x.dtype)
        out.append(x)
    return out


def noisy(x: Any) -> Any:
    """Floating numbers that are off by a few units in the last place."""
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        return x
    steps = np.random.default_rng(x.size).integers(-2, 3, x.shape) * float(jnp.finfo(x.dtype).eps)
    return x * (1 + steps).astype(x.dtype)


def expected(c: Case, arguments: list[np.ndarray], tries: int) -> list[tuple[np.ndarray, Any]]:
    """What the reference back end gives, and how much each element may differ."""
    rng, eps = np.random.default_rng(0), c.eps()
    with config.override("backend", "reference"):
        fun, noise = c.function(), c.function(noise=True)
        evaluate, disturbed = ingot.jit(lambda *xs: fun(*xs)), ingot.jit(lambda *xs: noise(*xs))
        try:
            wanted = arrays(evaluate(*arguments))
        except REFUSALS as e:
            raise Rejected(str(e)) from e
        others = [arrays(run(*nudged(arguments, eps, rng)))
                  for run in (disturbed, *[evaluate] * (tries - 1))]
    return [(x, allowance(x, [o[i] for o in others], eps)) for i, x in enumerate(wanted)]


def allowance(x: np.ndarray, others: list[np.ndarray], eps: float) -> Any:
    """For each element: what rounding may change, by how much it changes with the arguments."""
    if x.dtype.kind in "iub":
        return np.where(np.any([o != x for o in others], axis=0), np.inf, 0.0) if others else 0.0
    wide = x.astype("complex128")
    spread = np.max([np.abs(o.astype("complex128") - wide) for o in others], axis=0, initial=0.0)
    scale = np.max(np.abs(wide), initial=1e-3, where=np.isfinite(wide))
    # What one element of many sums differs by is that of the most sensitive one.
    return 100 * np.max(spread, initial=0.0) + 1000 * eps * scale


def mismatch(got: Any, want: np.ndarray, allowed: Any) -> str | None:
    """In which way a result is not what is wanted, if it is not."""
    got = np.asarray(got)
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)} in the place of {want.dtype}{list(want.shape)}"
    if want.dtype.kind in "iub":
        wrong = (got != want) & (np.asarray(allowed) == 0)
    else:
        x, y = got.astype("complex128"), want.astype("complex128")
        with np.errstate(invalid="ignore"):
            wrong = ~((np.abs(x - y) <= allowed) | (np.isnan(x) & np.isnan(y)) | (x == y))
    if not np.any(wrong):
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (f"{int(np.sum(wrong))} of {want.size} elements differ, the first at {list(at)}:"
            f" {got[at]}, right is {want[at]}")


def upgraded() -> None:
    """Wait until the optimized code of all programs is there."""
    end = time.monotonic() + 60
    while any(e.upgrading for e in executables()) and time.monotonic() < end:
        time.sleep(0.005)


def findings(c: Case, kept: list[Any], tries: int = TRIES) -> Iterator[str]:
    """What is wrong with a program's compiled form.

    Called with A, B and A, and once more after a switch of tiers; results are looked at after all
    calls, and appended to `kept` with what they must be, to be looked at once more later.
    """
    fun = c.function()
    compiled = ingot.jit(lambda *xs: fun(*xs), donate_argnums=c.donated)
    sets = [c.arguments(which) for which in range(2)]
    wants = [expected(c, args, tries) for args in sets]
    results = []
    for call, which in enumerate((0, 1, 0, 1, 0) if config.optimize == "auto" else (0, 1, 0)):
        if call == 3:
            upgraded()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append((which, leaves(compiled(*[jnp.array(x) for x in sets[which]]))))
    for call, (which, outs) in enumerate(results):
        for k, (got, (want, allowed)) in enumerate(zip(outs, wants[which], strict=True)):
            wrong = mismatch(got, want, allowed)
            if wrong:
                yield f"call {call + 1}, result {k}: {wrong}"
            else:
                kept.append((c.seed, got, want, allowed))


def look(c: Case, kept: list[Any], tries: int = TRIES) -> str | None:
    """The first finding of a program; errors other than those of wrong programs are one too."""
    try:
        return next(findings(c, kept, tries), None)
    except Rejected:
        return None
    except MemoryCheckError as e:
        return f"MemoryCheckError: {e}"
    except Exception as e:
        return f"{type(e).__name__}: {' '.join(str(e).split())[:400]}"
