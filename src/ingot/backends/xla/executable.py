"""Programs compiled by XLA: dispatch, donation, and what the compiler says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.xla.arrays import Memory, stored
from ingot.backends.xla.rules import lowered
from ingot.core.array import Array, to_host
from ingot.core.backend import CompileOptions
from ingot.core.jaxpr import Eqn, Jaxpr
from ingot.core.native_calls import NativeCalls
from ingot.core.printing import pretty

DONATED = "{jax.buffer_donor = true}"


class XLAExecutable:
    """A jaxpr compiled for one device; for another one it is compiled when arguments are there."""

    native_calls: NativeCalls | None = None

    def __init__(self, client: Any, xc: Any, memory: Memory, jaxpr: Jaxpr,
                 options: CompileOptions):
        self.jaxpr, self.options = jaxpr, options
        self._client, self._xc, self._memory = client, xc, memory
        self.module = lowered(jaxpr, client.platform, [
            DONATED if k in options.donated else "" for k in range(len(jaxpr.invars))])
        self.text = self.module.text()
        self._type: type = xc.ArrayImpl
        self._avals = [stored(a) for a in jaxpr.out_avals]
        self._programs: dict[int, Any] = {}
        self._home = options.devices[0].id if options.devices else 0
        self.loaded, self._run, self._handlers = self._program(self._home)
        self._here = memory.shardings[self._home]

    def _program(self, number: int) -> tuple[Any, Any, list[Any]]:
        """The program loaded on a device, how it is run, and what makes arrays of its results."""
        if number not in self._programs:
            xc, memory = self._xc, self._memory
            loaded = self._client.compile_and_load(
                self.text, [memory.devices[number]], compile_options(xc, self.options, number))
            handlers = memory.handlers(self._avals, [memory.shardings[number]] * len(self._avals))
            self._programs[number] = loaded, loaded.execute_sharded, handlers
        return self._programs[number]

    # ---- running ---------------------------------------------------------------------------------
    def __call__(self, *buffers: Any) -> Sequence[Any]:
        """Run on buffers, or ndarrays, none of which is given up."""
        return self._execute(self._kept(list(buffers)))

    def run(self, arrays: Sequence[Array], consume: bool = False) -> Sequence[Any]:
        """Run on arrays; with `consume` the memory of donated ones is taken for results."""
        buffers = [x._data for x in arrays]
        if self.options.donated:
            buffers = self._copy_shared(buffers) if consume else self._kept(buffers)
        return self._execute(buffers)

    def _execute(self, buffers: list[Any]) -> Sequence[Any]:
        run, handlers = self._run, self._handlers
        for x in buffers:
            if type(x) is not self._type or x._sharding is not self._here:
                run, handlers, buffers = self._at_one_place(buffers)
                break
        return run(buffers, False).consume_with_handlers(handlers)

    def _at_one_place(self, buffers: list[Any]) -> tuple[Any, list[Any], list[Any]]:
        """How to run where the arguments are, and these, all on one device."""
        memory, number = self._memory, self._home
        if not self.options.devices:
            places = [memory.number(x) for x in buffers if type(x) is self._type]
            number = next((k for k in places if k is not None), number)
        _, run, handlers = self._program(number)
        return run, handlers, [self._moved(x, number) for x in buffers]

    def _moved(self, x: Any, number: int) -> Any:
        memory = self._memory
        if type(x) is not self._type:
            return memory.put(to_host(x), number)
        place = memory.number(x)
        if place is None:
            return memory.put(memory.fetch(x), number)
        return x if place == number else memory.move(x, number)

    def _kept(self, buffers: list[Any]) -> list[Any]:
        """The arguments, with copies of those that the program would take for itself."""
        for k in self.options.donated:
            if type(buffers[k]) is self._type:
                buffers[k] = self._memory.move(buffers[k], self._memory.number(buffers[k]) or 0)
        return buffers

    def _copy_shared(self, buffers: list[Any]) -> list[Any]:
        """The arguments, with copies of donated ones that are passed more than once."""
        for k in self.options.donated:
            if sum(x is buffers[k] for x in buffers) > 1 and type(buffers[k]) is self._type:
                buffers[k] = self._memory.move(buffers[k], self._memory.number(buffers[k]) or 0)
        return buffers

    # ---- looking inside --------------------------------------------------------------------------
    def as_text(self, stage: str | None = None) -> str:
        """Return the program at a stage: jaxpr, stablehlo, or hlo, which XLA has optimized."""
        texts = {"jaxpr": lambda: pretty(self.jaxpr), "stablehlo": lambda: self.text,
                 "hlo": lambda: "\n\n".join(m.to_string() for m in self.loaded.hlo_modules())}
        name = stage or "hlo"
        if name not in texts:
            raise ValueError(f"stage must be one of {list(texts)}, got {name!r}")
        return texts[name]()

    def cost_analysis(self) -> dict[str, float]:
        """Return XLA's estimates by name: flops, bytes accessed, transcendentals."""
        return dict(self.loaded.cost_analysis())

    def memory_analysis(self) -> dict[str, int]:
        """Return bytes of arguments, results, temporaries, code and of results in arguments."""
        found = self.loaded.get_compiled_memory_stats()
        names = ("argument", "output", "temp", "alias", "generated_code")
        return {f"{n}_size_in_bytes": getattr(found, f"{n}_size_in_bytes") for n in names}

    def serialize(self) -> bytes:
        """Return the compiled program for `deserialize` on a machine of the same kind."""
        return self.loaded.serialize()

    @property
    def host_functions(self) -> Sequence[Eqn]:
        """The equations that run in Python."""
        return []


def compile_options(xc: Any, options: CompileOptions, number: int) -> Any:
    """Return XLA's options for a program on one device."""
    found = xc.CompileOptions()
    built = found.executable_build_options
    found.num_replicas = found.num_partitions = built.num_replicas = built.num_partitions = 1
    assignment = xc.DeviceAssignment.create(np.array([[number]], np.int32))
    found.device_assignment = built.device_assignment = assignment
    found.env_option_overrides = [(name, value) for name, value in options.compiler_options]
    return found


