"""One random program against the reference back end: two inputs in turn, results kept alive."""

from __future__ import annotations

import functools
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
from fuzz.reference import Reference, Rejected, leaves
from fuzz.schemes import vocabulary
from ingot.backends.llvm.executable import executables
from ingot.config import config
from ingot.errors import MemoryCheckError

LARGE_EVERY = 20
"""One program of as many has large arrays."""
REJECTED = "rejected"
"""The outcome of a program that the reference back end refuses, too."""


@dataclass(eq=False)
class Case:
    """A program, how it is transformed, its arguments and which of them are donated."""

    seed: int
    main: Function
    types: list[tuple[tuple[int, ...], str]]
    transform: str
    donated: tuple[int, ...]

    def function(self, noisy: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """The program as a function; `noisy` puts what is rounded off by a few units more."""
        space = {**NAMESPACE, "noisy": noisy}
        exec(self.main.text(noisy is not None), space)
        return TRANSFORMS[self.transform](space["main"], noisy or (lambda x: x))

    def arguments(self, which: int) -> list[np.ndarray]:
        """The first or second set of arguments; mapped programs have three of each."""
        sets = [inputs(self.seed * 16 + which + 4 * k, self.types) for k in range(3)]
        return [np.stack(xs) for xs in zip(*sets, strict=True)] if self.transform == "vmap" \
            else sets[0]

    @functools.cached_property
    def references(self) -> list[Reference]:
        """What the program must give for each set of arguments."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [Reference(self.function, self.arguments(which)) for which in range(2)]

    def text(self) -> str:
        """A test that one can run by itself."""
        return (f"{PRELUDE}\n{self.main.text()}\n# transform {self.transform}, donated"
                f" {self.donated}, arguments {self.types}")


def _differentiated(main: Callable[..., Any], noisy: Any) -> Callable[..., Any]:
    def total(*xs: Any) -> Any:
        outs = [x for x in main(*xs) if jnp.issubdtype(x.dtype, jnp.floating)]
        return sum((jnp.sum(jnp.sin(x).astype("float64")) for x in outs), jnp.asarray(0.0))

    def gradient(*xs: Any) -> Any:
        real = tuple(i for i, x in enumerate(xs) if jnp.issubdtype(x.dtype, jnp.floating))
        return ingot.grad(total, real)(*xs)

    return gradient


def _pushed(main: Callable[..., Any], noisy: Any) -> Callable[..., Any]:
    def pushed(*xs: Any) -> Any:
        ts = [noisy(jnp.ones_like(x)) if jnp.issubdtype(x.dtype, jnp.floating)
              else np.zeros(x.shape, ingot.dtypes.float0) for x in xs]
        outs, tangents = ingot.jvp(lambda *ys: main(*ys), tuple(xs), tuple(ts))
        return outs, [t for t in tangents if t.dtype != ingot.dtypes.float0]

    return pushed


TRANSFORMS: dict[str, Callable[..., Any]] = {
    "plain": lambda main, noisy: main, "vmap": lambda main, noisy: ingot.vmap(main),
    "grad": _differentiated, "jvp": _pushed}
"""Of a program and what puts numbers off by a few units, which tangents are, too."""


def case(seed: int) -> Case:
    """The program of a seed."""
    rng = np.random.default_rng([seed, 5])
    transform = rng.choice(list(TRANSFORMS), p=[0.6, 0.15, 0.15, 0.1])
    large = seed % LARGE_EVERY == LARGE_EVERY - 1 and transform == "plain"
    main, types = write(seed, vocabulary, reversible=transform == "grad", large=large)
    donated = tuple(i for i in range(len(types)) if rng.random() < 0.5) \
        if rng.random() < 0.4 else ()
    return Case(seed, main, types, str(transform), donated)


def upgraded() -> None:
    """Wait until the optimized code of all programs is there."""
    end = time.monotonic() + 60
    while any(e.upgrading for e in executables()) and time.monotonic() < end:
        time.sleep(0.005)


class Kept:
    """Results that are kept alive, and what was in them when they were new."""

    def __init__(self) -> None:
        self.results: list[tuple[str, Any, bytes]] = []

    def add(self, whose: str, x: Any) -> None:
        self.results.append((whose, x, np.asarray(x).tobytes()))

    def changed(self) -> Iterator[str]:
        """Whose results are no longer what they were."""
        for whose, x, before in self.results:
            if np.asarray(x).tobytes() != before:
                yield f"{whose}: a result has changed since"


def findings(c: Case, kept: Kept) -> Iterator[str]:
    """What is wrong with a program's compiled form.

    Called with A, B and A, and once more after a switch of tiers; results are looked at after all
    calls, and once more later, if they are kept.
    """
    fun, references = c.function(), c.references
    compiled = ingot.jit(lambda *xs: fun(*xs), donate_argnums=c.donated)
    results, own = [], Kept()
    for call, which in enumerate((0, 1, 0, 1, 0) if config.optimize == "auto" else (0, 1, 0)):
        if call == 3:
            upgraded()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            arguments = [jnp.array(x) for x in references[which].arguments]
            results.append((which, leaves(compiled(*arguments))))
        for x in results[-1][1]:
            own.add(f"call {call + 1}", x)
    yield from own.changed()
    for call, (which, outs) in enumerate(results):
        for k, got in enumerate(outs):
            wrong = references[which].mismatch(k, got)
            if wrong:
                yield f"call {call + 1}, result {k}: {wrong}"
    kept.results += [(f"seed {c.seed}, {whose}", *rest) for whose, *rest in own.results]


def look(c: Case, kept: Kept | None = None) -> str | None:
    """The first finding of a program; errors other than those of wrong programs are one too."""
    try:
        return next(findings(c, kept or Kept()), None)
    except Rejected:
        return REJECTED
    except MemoryCheckError as e:
        return f"MemoryCheckError: {e}"
    except Exception as e:
        return f"{type(e).__name__}: {' '.join(str(e).split())[:400]}"
