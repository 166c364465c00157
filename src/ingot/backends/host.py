"""Memory of the host: what back ends share whose buffers are NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.config import config
from ingot.core.array import OWNERS, Array, fetch, to_host
from ingot.core.avals import ShapedArray
from ingot.core.backend import CompileOptions, Executable
from ingot.core.devices import Device, cpu_devices
from ingot.core.executable_bytes import from_bytes, to_bytes
from ingot.core.interpreter import EVAL, check_eval_result, interpreting, without_fp_warnings
from ingot.core.jaxpr import Eqn, Jaxpr
from ingot.core.native_calls import NativeCalls
from ingot.core.placement import PlacedBuffer
from ingot.core.sharding import ON_CPU, Sharding
from ingot.errors import JaxRuntimeError


class HostMemory:
    """Base class of back ends on the CPU; a buffer is an ndarray, complete when a program returns.

    All devices are names of the one CPU and its memory. A buffer that lies elsewhere than on the
    first of them, or has to stay there, is a `PlacedBuffer`: the ndarray with the sharding.
    """

    name = "host"
    platform = "cpu"
    buffer_type = np.ndarray
    interprets = False
    native_calls: NativeCalls | None = None

    def devices(self) -> list[Device]:
        """Return the names of the CPU."""
        return cpu_devices()

    def prepare(self) -> None:
        """Do nothing: there is nothing to initialize."""

    def put(self, data: Any, sharding: Sharding | None = None, committed: bool = True
            ) -> np.ndarray | PlacedBuffer:
        """Return the elements as a contiguous ndarray, the argument if it is one; with a sharding,
        as a buffer that lies there."""
        data = to_host(data)
        data = data if data.flags.c_contiguous else np.array(data, order="C")
        return data if sharding is None else PlacedBuffer(data, sharding, committed)

    def fetch(self, buffer: np.ndarray | PlacedBuffer) -> np.ndarray:
        """Return the elements, in the memory of the buffer."""
        return buffer.data if type(buffer) is PlacedBuffer else buffer  # type: ignore[return-value]

    def copy(self, buffer: np.ndarray | PlacedBuffer) -> np.ndarray | PlacedBuffer:
        """Return a contiguous copy at the same place."""
        copy = np.array(self.fetch(buffer), order="C")
        if type(buffer) is PlacedBuffer:
            return PlacedBuffer(copy, buffer.sharding, buffer.committed, buffer.parts)
        return copy

    def delete(self, buffer: Any) -> None:
        """Do nothing: memory without references is freed."""

    def ready(self, buffer: Any) -> bool:
        """Return True: programs are complete when they return."""
        return True

    def wait(self, buffers: Sequence[Any]) -> None:
        """Do nothing: programs are complete when they return."""

    def sharding_of(self, buffer: np.ndarray | PlacedBuffer) -> Sharding:
        """Return where the buffer lies: if nothing is said, on the first device."""
        return buffer.sharding if type(buffer) is PlacedBuffer else ON_CPU

    def is_committed(self, buffer: np.ndarray | PlacedBuffer) -> bool:
        """Return whether operations have to follow the buffer."""
        return type(buffer) is PlacedBuffer and buffer.committed

    def evaluate(self, primitive: Any, arrays: Sequence[Array], params: dict[str, Any]) -> Any:
        """Return the result of one operation, by its `eval` slot."""
        return EVAL.process(primitive, arrays, params)

    def compile(self, jaxpr: Jaxpr, options: CompileOptions) -> Executable:
        """Raise NotImplementedError: memory alone compiles nothing."""
        raise NotImplementedError("compile: a back end must say how")

    def deserialize(self, data: bytes, devices: Sequence[Device] | None = None) -> Executable:
        """Return a program that was written as its jaxpr: machine code is in the cache on disk."""
        jaxpr, options = from_bytes(self.name, data, {d.id: d for d in devices or self.devices()})
        return self.compile(jaxpr, options)

    def lowered(self, jaxpr: Jaxpr, options: CompileOptions, dialect: str, located: bool = False
                ) -> Any:
        """Return None: programs are compiled from jaxprs."""
        return None

    def wait_for_effects(self) -> None:
        """Do nothing: host functions have returned when a program returns."""


OWNERS[PlacedBuffer] = HostMemory()


def check_compiler_options(options: CompileOptions) -> None:
    """Raise JaxRuntimeError for compiler options; those of XLA have no effect on the CPU."""
    unknown = [name for name, _ in options.compiler_options if not name.startswith("xla_")]
    if unknown:
        raise JaxRuntimeError(f"compile: No such compile option: {unknown[0]!r}; set flags of"
                              " ingot with config.update")


def serialized(name: str, executable: Executable) -> bytes:
    """Return what `HostMemory.deserialize` of the back end of this name takes: the jaxpr."""
    return to_bytes(name, (executable.jaxpr, executable.options))


def evaluate_equation(eqn: Eqn, inputs: Sequence[np.ndarray], in_avals: Sequence[ShapedArray],
                      out_avals: Sequence[ShapedArray]) -> list[np.ndarray]:
    """Return what an equation gives that compiled code leaves to Python, by its `eval` slot."""
    primitive = eqn.primitive
    with interpreting(EVAL):
        if primitive.higher_order or config.debug_nans or config.debug_infs:
            arrays = [Array(x, a) for x, a in zip(inputs, in_avals, strict=True)]
            outs = primitive.bind(*arrays, **eqn.params)
            outs = outs if primitive.multiple_results else [outs]
            outs = [fetch(o) if isinstance(o, Array) else o for o in outs]
            return [check_eval_result(o, a, primitive.name)
                    for o, a in zip(outs, out_avals, strict=True)]
        out = without_fp_warnings(primitive.rule("eval"), inputs, eqn.params)
        outs = out if primitive.multiple_results else [out]
        return [check_eval_result(o, a, primitive.name)
                for o, a in zip(outs, out_avals, strict=True)]
