"""The protocol of back ends and their registry, so that a program is run without importing one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ingot.config import config
from ingot.core.array import Array
from ingot.core.interpreter import EVAL, interpreting
from ingot.core.jaxpr import Jaxpr, eval_jaxpr
from ingot.core.logs import compiling
from ingot.core.nan_check import checking, found_in
from ingot.core.source import describe, user_source
from ingot.util import collection_paused


class Executable(Protocol):
    """A compiled program: NumPy arrays in, NumPy arrays out."""

    def __call__(self, *args: np.ndarray) -> Sequence[np.ndarray]: ...

    def as_text(self, stage: str | None = None) -> str:
        """The program at a stage of compilation, by default the last one with a text."""
        ...

    def cost_analysis(self) -> dict[str, float]: ...

    def memory_analysis(self) -> dict[str, int]: ...


Compiler = Callable[[Jaxpr, tuple[int, ...]], Any]
_backends: dict[str, Compiler] = {}
_preparations: dict[str, Callable[[], None]] = {}


def register_backend(name: str, compiler: Compiler, prepare: Callable[[], None] | None = None
                     ) -> None:
    """Make a compiler of a program and the numbers of its donated arguments available under a name;
    `config.backend` chooses.

    `prepare` is called once, after ingot is imported.
    """
    _backends[name] = compiler
    if prepare is not None:
        _preparations[name] = prepare


def prepare() -> None:
    """Let the back end begin what it can do before there is a program."""
    begin = _preparations.pop(config.backend, None)
    if begin is not None:
        begin()


def compile_jaxpr(jaxpr: Jaxpr, backend: str | None = None, donated: Sequence[int] = ()) -> Any:
    """An executable for a program whose constants are concrete; remembered with the program.

    Arguments that are `donated` are not used again by whoever calls it.
    """
    name, given = backend or config.backend, tuple(donated)
    key = ("executable", name, config.trace_key(), given)
    with collection_paused():
        return jaxpr.memo(key, lambda: compiling(
            jaxpr.debug_name, jaxpr.in_avals, lambda: _backends[name](jaxpr, given)))


def run(jaxpr: Jaxpr, args: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Compile a program (once) and run it; `debug_nans` and `debug_infs` look at the results."""
    outs = compile_jaxpr(jaxpr)(*args)
    if checking():
        check_results(jaxpr, args, outs)
    return outs


def check_results(jaxpr: Jaxpr, args: Sequence[np.ndarray], outs: Sequence[np.ndarray]) -> None:
    """Raise FloatingPointError if results of a program have what `debug_nans` or `debug_infs`
    forbid. Which operation made it is found by running the program again, op by op."""
    found = found_in(outs)
    if found is None:
        return
    arrays = [Array(x, v.aval) for x, v in zip(args, jaxpr.invars, strict=True)]
    with config.override("backend", "reference"), interpreting(EVAL):
        eval_jaxpr(jaxpr, jaxpr.consts, *arrays)
    raise FloatingPointError(
        f"invalid value ({found}) encountered in the compiled function {jaxpr.debug_name}, called"
        f" at {describe(user_source())}; run op by op, no operation makes one of other numbers: it"
        " is among the arguments or constants, or comes from a function of Python that is called")
