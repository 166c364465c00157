"""The protocol of back ends and their registry, so that a program is run without importing one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ingot.config import config
from ingot.core.jaxpr import Jaxpr
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
        return jaxpr.memo(key, lambda: _backends[name](jaxpr, given))
