"""Operations outside of programs: each a small program on devices, compiled once for its types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.config import config
from ingot.core.array import Array, fetch
from ingot.core.backend import ELSEWHERE, compile_jaxpr
from ingot.core.nan_check import checking, debug_check
from ingot.core.placement import divided, is_committed, place, settled, sharding_of
from ingot.core.primitive import Primitive
from ingot.transforms.stage import stage
from ingot.util import register_cache

MAX_OPERATIONS = 4096
"""Operations, with parameters and types of arguments, whose programs are kept."""


class Operations(dict[Any, Any]):
    """The programs of operations that were run on the devices of one back end."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, backend: str):
        super().__init__()
        self._backend = backend
        register_cache(self)

    def __call__(self, primitive: Primitive, arrays: Sequence[Array], params: dict[str, Any]
                 ) -> Any:
        """Run an operation; its result, or the list of them, lies where the arguments do."""
        if primitive.higher_order:  # it runs programs, and these follow their arguments
            outs = primitive.rule("eval")(*arrays, **params)
            return [_beside(arrays, x) for x in outs]
        try:
            key = (primitive, config.trace_key(), *[x.aval for x in arrays], *params.items())
            run = self.get(key)
        except TypeError:  # a parameter that cannot be hashed
            key = run = None
        if run is None:
            run = self._program(primitive, arrays, params)
            if key is not None:
                if len(self) >= MAX_OPERATIONS:
                    self.clear()
                self[key] = run
        outs = run(arrays)
        if checking():
            results = outs if primitive.multiple_results else [outs]
            debug_check(primitive.name, results, [fetch(x) for x in arrays])
        if primitive.divides:
            common = next((sharding_of(x) for x in arrays if is_committed(x)), None)
            return divided(primitive, arrays[0], params, outs, common)
        return outs

    def _program(self, primitive: Primitive, arrays: Sequence[Array], params: dict[str, Any]
                 ) -> Callable[[Sequence[Array]], Any]:
        """A function that runs the operation, compiled, on arrays of these types."""
        def operation(*args: Any) -> list[Any]:
            outs = primitive.bind(*args, **params)
            return list(outs) if primitive.multiple_results else [outs]

        jaxpr = stage(operation, [x.aval for x in arrays], primitive.name)
        executable = compile_jaxpr(jaxpr, self._backend)
        rebuild: Callable[[Any], Any] = list if primitive.multiple_results else next
        direct, out_avals = executable.caller(jaxpr.out_avals, rebuild), jaxpr.out_avals

        def run(arrays: Sequence[Array]) -> Any:
            found = ELSEWHERE if direct is None else direct(arrays)
            if found is ELSEWHERE:
                outs = executable.run(arrays)
                found = rebuild(map(Array, outs, out_avals))
            return found

        return run


def _beside(arrays: Sequence[Array], x: Any) -> Any:
    """A result that was computed by the host where the arguments have to be; others as they are."""
    if type(x) is not Array or type(x._data) is not np.ndarray:
        return x
    for given in arrays:
        if is_committed(given):
            return place(x, sharding_of(given).replicated())
    return settled(x)
