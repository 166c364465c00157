"""The reference back end: the `eval` slots, equation by equation; the oracle of tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.host import HostMemory, check_compiler_options, serialized
from ingot.core.array import Array, fetch
from ingot.core.backend import REFERENCE, CompileOptions, evaluating, register_backend
from ingot.core.interpreter import to_array
from ingot.core.jaxpr import Eqn, Jaxpr, eval_jaxpr
from ingot.core.native_calls import NativeCalls
from ingot.core.printing import pretty


class ReferenceExecutable:
    """Runs a jaxpr by evaluating it; nothing is compiled, and no memory is taken over."""

    native_calls: NativeCalls | None = None

    def __init__(self, jaxpr: Jaxpr, options: CompileOptions):
        self.jaxpr, self.options = jaxpr, options
        # Arrays of their own: a constant stays when the array that it was is donated.
        self._consts = [Array(fetch(c), c.aval) for c in map(to_array, jaxpr.consts)]

    def __call__(self, *buffers: np.ndarray) -> Sequence[np.ndarray]:
        """Evaluate the jaxpr on ndarrays."""
        return self.run([Array(x, v.aval)
                         for x, v in zip(buffers, self.jaxpr.invars, strict=True)])

    def run(self, arrays: Sequence[Array], consume: bool = False) -> Sequence[np.ndarray]:
        """Evaluate the jaxpr on arrays; donated ones are not written to."""
        with evaluating():
            outs = eval_jaxpr(self.jaxpr, self._consts, *arrays)
        return [fetch(to_array(o)) for o in outs]  # packages' primitives may return NumPy's

    def caller(self, out_avals: Any, rebuild: Any) -> None:
        """Return None: no way is short here."""

    def as_text(self, stage: str | None = None) -> str:
        """Return the jaxpr, the only stage; ValueError for another one."""
        if stage not in (None, "jaxpr"):
            raise ValueError(f"stage must be 'jaxpr', got {stage!r}: the reference back end does"
                             " not compile")
        return pretty(self.jaxpr)

    def cost_analysis(self) -> dict[str, float]:
        """Return bytes of arguments and results, and the number of equations."""
        nbytes = sum(a.nbytes for a in (*self.jaxpr.in_avals, *self.jaxpr.out_avals))
        return {"bytes accessed": float(nbytes), "equations": float(len(self.jaxpr.eqns))}

    def memory_analysis(self) -> dict[str, int]:
        """Return bytes of arguments and results."""
        return {"argument_size_in_bytes": sum(a.nbytes for a in self.jaxpr.in_avals),
                "output_size_in_bytes": sum(a.nbytes for a in self.jaxpr.out_avals)}

    def serialize(self) -> bytes:
        """Return the program for `deserialize`: its machine code is in the cache on disk."""
        return serialized("reference", self)

    @property
    def host_functions(self) -> Sequence[Eqn]:
        """All equations: everything runs in Python."""
        return self.jaxpr.eqns


class ReferenceBackend(HostMemory):
    """The `eval` slots of operations, which say what they mean."""

    name = REFERENCE
    interprets = True

    def compile(self, jaxpr: Jaxpr, options: CompileOptions) -> ReferenceExecutable:
        """Return the jaxpr as something that can be run."""
        check_compiler_options(options)
        return ReferenceExecutable(jaxpr, options)


register_backend(ReferenceBackend())
