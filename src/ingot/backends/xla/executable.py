"""Programs compiled by XLA: dispatch, donation, and what the compiler says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from ingot.backends.xla.arrays import Memory, stored
from ingot.backends.xla.compilation import Compiler
from ingot.backends.xla.host import raise_first
from ingot.backends.xla.processes import explained
from ingot.backends.xla.spmd import in_default_memory, mesh_of, on_mesh, one_device_mesh
from ingot.config import config
from ingot.core.array import Array, to_host
from ingot.core.avals import ShapedArray
from ingot.core.backend import ELSEWHERE, CompileOptions
from ingot.core.executable_bytes import to_bytes
from ingot.core.jaxpr import Eqn, Jaxpr
from ingot.core.native_calls import NativeCalls
from ingot.core.printing import pretty
from ingot.core.program_division import on_told_meshes, own_sharding
from ingot.core.rewrite import used_arguments
from ingot.core.sharding import Sharding, SingleDeviceSharding

Rebuild = Callable[[Iterator[Array]], Any]
Caller = Callable[[Sequence[Array]], Any]
_data, _place = attrgetter("_data"), attrgetter("_sharding")


class Program(NamedTuple):
    """A program loaded on devices: how it is run, what makes arrays of its results, and where its
    arguments must be."""

    loaded: Any
    run: Callable[..., Any]
    handlers: list[Any]
    shardings: Sequence[Sharding]


class Way(NamedTuple):
    """How the program is run on arguments that lie in some places: those that must be moved first
    have a sharding.

    Places are compared by their identity, `which`: once JAX is imported, it makes those equal that
    divide arrays in the same way, of whichever mesh, and whether operations must follow or not.
    """

    which: tuple[int, ...]
    places: list[Any]
    run: Callable[..., Any]
    handlers: list[Any]
    moves: list[Sharding | None]


class XLAExecutable:
    """A jaxpr compiled for some devices; for others it is compiled when arguments are there."""

    native_calls: NativeCalls | None = None

    def __init__(self, compiler: Compiler, memory: Memory, jaxpr: Jaxpr, options: CompileOptions):
        self.jaxpr, self.options = jaxpr, options
        self._compiler, self._memory = compiler, memory
        self._type: type = memory.xc.ArrayImpl
        self._loaded: dict[Any, tuple[Any, list[Sharding]]] = {}
        self._programs: dict[Any, Program] = {}
        self._ways: dict[Any, Way] = {}
        self._home = (SingleDeviceSharding(options.devices[0]) if options.devices
                      else memory.home(own_sharding(jaxpr)))
        self._recent = Way((), [], self._nothing, [], [])
        chosen = options.in_shardings or (None,) * len(jaxpr.invars)
        mesh = mesh_of([*chosen, *(options.out_shardings or ()), self._home])
        self.shardings = [on_mesh(mesh, s, a.ndim) if mesh else s or self._home
                          for s, a in zip(chosen, jaxpr.in_avals, strict=True)]
        self.module = compiler.module(jaxpr, options, self.shardings, self._home)
        self._read: tuple[bytes, list[Sharding]] | None = None
        self._used = used_arguments(jaxpr)
        self._has_host = bool(self.module.callbacks)

    @staticmethod
    def _nothing(*_: Any) -> Any:
        raise RuntimeError("no call has been made yet")  # pragma: no cover - never the way

    @property
    def in_avals(self) -> list[ShapedArray]:
        """The types of the arguments."""
        return self.jaxpr.in_avals

    @property
    def program(self) -> Program:
        """The program for arguments that lie as the options say, or by default."""
        return self._program(self.shardings, self._stays)

    @property
    def _stays(self) -> bool:
        """Whether results are committed though no argument is."""
        options = self.options
        return bool(options.committed or options.devices or options.in_shardings)

    def _program(self, shardings: Sequence[Sharding], committed: bool) -> Program:
        """The program for arguments that lie as told."""
        key = tuple(shardings)
        if key not in self._loaded:
            self._loaded[key] = self._compiler.load(
                self.jaxpr, self.options, shardings, self._home, self.module)
        loaded, results = self._loaded[key]
        mesh = mesh_of([*shardings, *results])
        committed = committed or mesh is not None
        if (key, committed) not in self._programs:
            avals, memory = self.jaxpr.out_avals, self._memory
            outs = [memory.place(s, a.ndim, committed) for s, a in zip(results, avals, strict=True)]
            self._programs[key, committed] = Program(
                loaded, memory.execute(loaded, 1 if mesh is None else mesh.size),
                memory.handlers(list(map(stored, avals)), outs), shardings)
        return self._programs[key, committed]

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
        avals = list(out_avals)

        def call(arrays: Sequence[Array]) -> Any:
            which, _, run, handlers, _ = self._recent
            try:
                buffers = list(map(_data, arrays))
                if tuple(map(id, map(_place, buffers))) != which or not handlers:
                    return ELSEWHERE
            except AttributeError:  # a traced value, or an array of another back end
                return ELSEWHERE
            try:
                outs = run(buffers, False).consume_with_handlers(handlers)
            except RuntimeError as error:
                raise explained(error) from None
            return rebuild(map(Array, outs, avals))

        return call

    def _execute(self, buffers: list[Any]) -> Sequence[Any]:
        way = self._way(buffers)
        if any(way.moves):
            buffers = [x if to is None else self._moved(x, to)
                       for x, to in zip(buffers, way.moves, strict=True)]
        else:
            self._recent = way
        if self._has_host:
            return self._with_host(way, buffers)
        try:
            return way.run(buffers, False).consume_with_handlers(way.handlers)
        except RuntimeError as error:
            raise explained(error) from None

    def _with_host(self, way: Way, buffers: list[Any]) -> Sequence[Any]:
        """Run a program that calls the host, to its end; raise what the host raised."""
        raised = self.module.raised
        try:
            found = way.run(buffers, True)
            token = found.consume_token()
            outs = found.consume_with_handlers(way.handlers)
            self._memory.xc.batched_block_until_ready(outs)
            token.block_until_ready()
        except RuntimeError:
            if not raised:
                raise
        if raised:
            raise_first(raised)
        return outs

    # ---- where arguments are ---------------------------------------------------------------------
    def _way(self, buffers: list[Any]) -> Way:
        """How the program runs on arguments that are where these are."""
        places = [x._sharding if type(x) is self._type else None for x in buffers]
        which = tuple(map(id, places))
        way = self._ways.get(which)
        if way is None:
            given = [self._memory.sharding(x) if type(x) is self._type else None for x in buffers]
            fixed = [s for x, s, used in zip(buffers, given, self._used, strict=True)
                     if used and s is not None and self._memory.is_committed(x)]
            wanted = list(map(in_default_memory, self._following(given, fixed)))
            program = self._program(wanted, bool(fixed) or self._stays)
            handlers = self._handlers(program, given, self._loaded[tuple(wanted)][1])
            moves = [None if have is not None and have.is_equivalent_to(want, a.ndim) else want
                     for have, want, a in zip(given, program.shardings, self.jaxpr.in_avals,
                                              strict=True)]
            way = self._ways[which] = Way(which, places, program.run, handlers, moves)
        return way

    def _handlers(self, program: Program, given: Sequence[Sharding | None],
                  results: Sequence[Sharding]) -> list[Any]:
        """What makes arrays of the results, for arguments that lie so: those that are returned stay
        over a mesh whose axes are of other types than the program's."""
        told = results if self.options.out_shardings else on_told_meshes(
            self.jaxpr, given, results)
        if list(told) == list(results):
            return program.handlers
        avals = self.jaxpr.out_avals
        return self._memory.handlers(list(map(stored, avals)), [
            self._memory.place(s, a.ndim) for s, a in zip(told, avals, strict=True)])

    def _following(self, given: Sequence[Sharding | None], fixed: Sequence[Sharding]
                   ) -> Sequence[Sharding]:
        """Where the arguments go: to the mesh that divides one of them or a result, else to the
        device of a committed one, else to the default device, unless the options say where."""
        if self.options.in_shardings or self.options.devices:
            return self.shardings
        outs = self.options.out_shardings or ()
        mesh = mesh_of(fixed) or mesh_of([*outs, *given, *([] if fixed else [self._home])])
        if mesh is not None:
            return [on_mesh(mesh, s, a.ndim)
                    for s, a in zip(given, self.jaxpr.in_avals, strict=True)]
        home = SingleDeviceSharding(fixed[0]._device_assignment[0]) if fixed else self._home
        mesh = one_device_mesh([*fixed, *([] if fixed else [*given, self._home])])
        if mesh is None or home._device_assignment != tuple(mesh.devices.flat):
            return [home] * len(given)
        return [on_mesh(mesh, s, a.ndim) for s, a in zip(given, self.jaxpr.in_avals, strict=True)]

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
        """Return the compiled program for `deserialize` on a machine of the same kind.

        Raises NotImplementedError if it calls the host.
        """
        if self._has_host:
            names = sorted({e.primitive.name for e in self.host_functions})
            raise NotImplementedError("serialize: a program with functions of Python has no"
                                      f" serialized form, and this one calls it for {names}")
        data, results = self._read or self._written()
        return to_bytes(self._compiler.platform, (
            self.jaxpr, self.options, list(self.shardings), results, data))

    def _written(self) -> tuple[bytes, list[Sharding]]:
        """The program as XLA writes it, compiled now: what was read lacks a part of its code."""
        with config.override("cache", False):
            loaded, results = self._compiler.load(
                self.jaxpr, self.options, self.shardings, self._home, self.module)
        return loaded.serialize(), results

    def load(self, data: bytes, shardings: Sequence[Sharding], results: list[Sharding]) -> None:
        """Take a program from what XLA wrote, for arguments and results that lie as told."""
        self._read = data, results
        self._loaded[tuple(shardings)] = self._compiler.read(
            data, self.jaxpr, self.options, shardings, results, self._home), results

    @property
    def host_functions(self) -> Sequence[Eqn]:
        """The equations that run in Python."""
        return [f.eqn for f in self.module.callbacks]
