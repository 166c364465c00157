"""The reference back end: the `eval` slots, equation by equation; the oracle of tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingot.core.array import Array
from ingot.core.backend import register_backend
from ingot.core.interpreter import EVAL, interpreting
from ingot.core.jaxpr import Jaxpr, eval_jaxpr
from ingot.core.printing import pretty


class ReferenceExecutable:
    """Runs a program by evaluating it; nothing is compiled."""

    def __init__(self, jaxpr: Jaxpr, donated: tuple[int, ...] = ()):
        self.jaxpr = jaxpr

    def __call__(self, *args: np.ndarray) -> Sequence[np.ndarray]:
        arrays = [Array(x, v.aval) for x, v in zip(args, self.jaxpr.invars, strict=True)]
        with interpreting(EVAL):
            outs = eval_jaxpr(self.jaxpr, self.jaxpr.consts, *arrays)
        return [o._data for o in outs]

    def as_text(self, stage: str | None = None) -> str:
        return pretty(self.jaxpr)

    def cost_analysis(self) -> dict[str, float]:
        return {}

    def memory_analysis(self) -> dict[str, int]:
        return {}


register_backend("reference", ReferenceExecutable)
