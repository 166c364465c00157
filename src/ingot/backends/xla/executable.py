"""Programs compiled by XLA: dispatch, donation, and what the compiler says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from ingot.backends.xla.arrays import Memory, stored
from ingot.backends.xla.compilation import Compiler
from ingot.backends.xla.host import raise_first
from ingot.backends.xla.spmd import mesh_of, on_mesh
from ingot.core.array import Array, to_host
from ingot.core.avals import ShapedArray
from ingot.core.backend import CompileOptions
from ingot.core.jaxpr import Eqn, Jaxpr
from ingot.core.native_calls import NativeCalls
from ingot.core.printing import pretty
from ingot.core.sharding import Sharding

Rebuild = Callable[[list[Array]], Any]
Caller = Callable[[Sequence[Array]], Any]
_data, _place = attrgetter("_data"), attrgetter("_sharding")


class Program(NamedTuple):
    """A program loaded on devices: how it is run, what makes arrays of its results, and where its
    arguments must be."""

    loaded: Any
    run: Callable[..., Any]
    handlers: list[Any]
    places: list[Any]
    shardings: Sequence[Sharding]


class XLAExecutable:
    """A jaxpr compiled for some devices; for others it is compiled when arguments are there."""

    native_calls: NativeCalls | None = None

    def __init__(self, compiler: Compiler, memory: Memory, jaxpr: Jaxpr, options: CompileOptions):
        self.jaxpr, self.options = jaxpr, options
        self._compiler, self._memory = compiler, memory
        self._type: type = memory.xc.ArrayImpl
        self._programs: dict[Any, Program] = {}
        self._by_places: dict[Any, Program] = {}
        self._home = home = memory.singles[options.devices[0].id if options.devices else 0]
        chosen = options.in_shardings or (None,) * len(jaxpr.invars)
        mesh = mesh_of([*chosen, *(options.out_shardings or ())])
        self.shardings = [on_mesh(mesh, s) if mesh else s or home for s in chosen]
        self.module = compiler.module(jaxpr, options, self.shardings)
        self.program = self._program(self.shardings)
        self._has_host = bool(self.module.callbacks)

    def _program(self, shardings: Sequence[Sharding]) -> Program:
        """The program for arguments that lie as told."""
        key = tuple(shardings)
        if key not in self._programs:
            jaxpr, memory = self.jaxpr, self._memory
            loaded, results = self._compiler.load(jaxpr, self.options, shardings, self._home,
                                                  self.module)
            places = [memory.place(s, a.ndim)
                      for s, a in zip(shardings, jaxpr.in_avals, strict=True)]
            outs = [memory.place(s, a.ndim)
                    for s, a in zip(results, jaxpr.out_avals, strict=True)]
            handlers = memory.handlers(list(map(stored, jaxpr.out_avals)), outs)
            self._programs[key] = Program(loaded, loaded.execute_sharded, handlers, places,
                                          shardings)
        return self._programs[key]

    # ---- running ---------------------------------------------------------------------------------
    def __call__(self, *buffers: Any) -> Sequence[Any]:
        """Run on buffers, or ndarrays, none of which is given up."""
        return self._execute(self._kept(list(buffers)))

    def run(self, arrays: Sequence[Array], consume: bool = False) -> Sequence[Any]:
        """Run on arrays; with `consume` the memory of donated ones is taken for results."""
        buffers: list[Any] = [x._data for x in arrays]
        if self.options.donated:
            buffers = self._copy_shared(buffers) if consume else self._kept(buffers)
        return self._execute(buffers)

    def caller(self, out_avals: Sequence[ShapedArray], rebuild: Rebuild) -> Caller | None:
        """Return a shorter way from arrays to what `rebuild` makes of the results, for programs
        that neither take over memory nor call the host; None for others."""
        if self.options.donated or self._has_host:
            return None
        avals, execute = list(out_avals), self._execute
        _, run, handlers, places, _ = self.program

        def call(arrays: Sequence[Array]) -> Any:
            buffers = list(map(_data, arrays))
            try:
                here = list(map(_place, buffers)) == places
            except AttributeError:  # an array of another back end
                here = False
            outs = (run(buffers, False).consume_with_handlers(handlers) if here
                    else execute(buffers))
            return rebuild(list(map(Array, outs, avals)))

        return call

    def _execute(self, buffers: list[Any]) -> Sequence[Any]:
        program = self.program
        for x, place in zip(buffers, program.places, strict=True):
            if type(x) is not self._type or x._sharding is not place:
                program, buffers = self._at_one_place(buffers)
                break
        if self._has_host:
            return self._with_host(program, buffers)
        return program.run(buffers, False).consume_with_handlers(program.handlers)

    def _with_host(self, program: Program, buffers: list[Any]) -> Sequence[Any]:
        """Run a program that calls the host, to its end; raise what the host raised."""
        raised = self.module.raised
        try:
            found = program.run(buffers, True)
            token = found.consume_token()
            outs = found.consume_with_handlers(program.handlers)
            self._memory.xc.batched_block_until_ready(outs)
            token.block_until_ready()
        except RuntimeError:
            if not raised:
                raise
        if raised:
            raise_first(raised)
        return outs

    # ---- where arguments are ---------------------------------------------------------------------
    def _at_one_place(self, buffers: list[Any]) -> tuple[Program, list[Any]]:
        """The program for where the arguments are, and these, all on its devices."""
        places = tuple([id(x._sharding) if type(x) is self._type else None for x in buffers])
        program = self._by_places.get(places)
        if program is None:
            program = self._by_places[places] = self._program(self._following(buffers))
        return program, [self._moved(x, s)
                         for x, s in zip(buffers, program.shardings, strict=True)]

    def _following(self, buffers: list[Any]) -> Sequence[Sharding]:
        """Where the arguments go: to the mesh that divides one of them, else to the first device
        that has one, unless the options say where."""
        if self.options.in_shardings or self.options.devices:
            return self.shardings
        given = [self._memory.sharding(x) if type(x) is self._type else None for x in buffers]
        mesh = mesh_of(given)
        if mesh is not None:
            return [on_mesh(mesh, s) for s in given]
        first = next((s for s in given if s is not None), self._memory.singles[0])
        return [self._memory.singles[first._device_assignment[0].id]] * len(buffers)

    def _moved(self, x: Any, sharding: Sharding) -> Any:
        if type(x) is self._type:
            return self._memory.moved(x, sharding)
        return self._memory.put(to_host(x), sharding)

    # ---- donation --------------------------------------------------------------------------------
    def _kept(self, buffers: list[Any]) -> list[Any]:
        """The arguments, with copies of those that the program would take for itself."""
        for k in self.options.donated:
            if type(buffers[k]) is self._type:
                buffers[k] = self._memory.copy(buffers[k])
        return buffers

    def _copy_shared(self, buffers: list[Any]) -> list[Any]:
        """The arguments, with copies of donated ones that are passed more than once."""
        for k in self.options.donated:
            if sum(x is buffers[k] for x in buffers) > 1 and type(buffers[k]) is self._type:
                buffers[k] = self._memory.copy(buffers[k])
        return buffers

    # ---- looking inside --------------------------------------------------------------------------
    def as_text(self, stage: str | None = None) -> str:
        """Return the program at a stage: jaxpr, stablehlo, or hlo, which XLA has optimized."""
        texts = {"jaxpr": lambda: pretty(self.jaxpr), "stablehlo": self.module.text,
                 "hlo": lambda: "\n\n".join(
                     m.to_string() for m in self.program.loaded.hlo_modules())}
        name = stage or "hlo"
        if name not in texts:
            raise ValueError(f"stage must be one of {list(texts)}, got {name!r}")
        return texts[name]()

    def cost_analysis(self) -> dict[str, float]:
        """Return XLA's estimates by name: flops, bytes accessed, transcendentals."""
        return dict(self.program.loaded.cost_analysis())

    def memory_analysis(self) -> dict[str, int]:
        """Return bytes of arguments, results, temporaries, code and of results in arguments."""
        found = self.program.loaded.get_compiled_memory_stats()
        names = ("argument", "output", "temp", "alias", "generated_code")
        return {f"{n}_size_in_bytes": getattr(found, f"{n}_size_in_bytes") for n in names}

    def serialize(self) -> bytes:
        """Return the compiled program for `deserialize` on a machine of the same kind."""
        return self.program.loaded.serialize()

    @property
    def host_functions(self) -> Sequence[Eqn]:
        """The equations that run in Python."""
        return [f.eqn for f in self.module.callbacks]
