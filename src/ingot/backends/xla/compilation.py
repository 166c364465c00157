"""From jaxprs to XLA's executables: the text of the module, options, and the cache on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.backends import cache
from ingot.backends.xla.client import parsed, processor, register_lapack, version
from ingot.backends.xla.rules import lowered
from ingot.backends.xla.sharding_text import mesh_text, sharding_text
from ingot.backends.xla.spmd import (
    as_typed,
    mesh_of,
    mesh_of_program,
    named,
    of_type,
    on_devices,
    on_mesh,
    one_device_mesh,
)
from ingot.backends.xla.stablehlo import Module
from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.backend import DEFAULTS, CompileOptions
from ingot.core.jaxpr import Jaxpr
from ingot.core.mesh import BaseMesh, Mesh
from ingot.core.placement import in_words_of, place_of_result
from ingot.core.program_division import divide_program, made_of_arguments, on_told_meshes
from ingot.core.sharding import ON_CPU, NamedSharding, Sharding
from ingot.core.specs import UNCONSTRAINED
from ingot.version import __version__

DONATED = "jax.buffer_donor = true"


class Compiler:
    """Compiles for the devices of one client."""

    def __init__(self, xc: Any, client: Any, devices: Sequence[Any] | None = None):
        self._xc, self._client = xc, client
        self._devices = {d.id: d for d in (client.devices() if devices is None else devices)}
        self.platform = f"{client.platform} {version()}"
        self._versions = f"{__version__} {version()} {client.platform_version} {processor()}"

    def module(self, jaxpr: Jaxpr, options: CompileOptions, shardings: Sequence[Sharding],
               home: Sharding | None = None, mesh: BaseMesh | None = None, located: bool = False
               ) -> Module:
        """Return a jaxpr in StableHLO, with arguments that lie as told.

        home: where it runs if they do not say. mesh: that of the types in the program, if it is not
        to be compiled for devices. located: whether operations know the user's lines.
        """
        outs = options.out_shardings or (None,) * len(jaxpr.outvars)
        ndims = [a.ndim for a in (*jaxpr.in_avals, *jaxpr.out_avals)]
        mesh = mesh_of_program([*shardings, *outs], ndims, home) or mesh
        notes = [[DONATED] * (k in options.donated) for k in range(len(jaxpr.invars))]
        results = ["" for _ in jaxpr.outvars]
        if mesh is not None:
            for note, s, aval in zip(notes, shardings, jaxpr.in_avals, strict=True):
                if isinstance(s, NamedSharding) and s.mesh.axis_names != mesh.axis_names and (
                        isinstance(mesh, Mesh)):
                    s = on_mesh(mesh, s, aval.ndim)
                note.append(sharding_text(s, aval.ndim))
            results = [sharding_text(_wanted(mesh, s, a), a.ndim, by_type=s is None)
                       for s, a in zip(outs, jaxpr.out_avals, strict=True)]
        found = lowered(jaxpr, self._client.platform, [_attributes(n) for n in notes],
                        [_attributes([r]) for r in results],
                        [] if mesh is None else [mesh_text(mesh)], shardings, outs, located)
        _refuse(found)
        if found.calls_lapack:
            register_lapack(self._xc)
        return found

    def load(self, jaxpr: Jaxpr, options: CompileOptions, shardings: Sequence[Sharding],
             home: Sharding, module: Module) -> tuple[Any, list[Sharding]]:
        """Compile, or read from the cache, a jaxpr for arguments that lie as told; return the
        program on its devices, and how its results lie.

        home: where it runs if it has no arguments. module: the jaxpr as it was first lowered, whose
        functions of the host are used again.
        """
        outs = options.out_shardings or (None,) * len(jaxpr.outvars)
        ndims = [a.ndim for a in (*jaxpr.in_avals, *jaxpr.out_avals)]
        mesh = mesh_of_program([*shardings, *outs], ndims, home)
        if mesh is None:
            place = shardings[0] if shardings else home
            device = self._devices[place._device_assignment[0].id]
            loaded = self._loaded(module, [device], self._options(options, [device], False))
            return loaded, _on_one_device(jaxpr, [*shardings, home], outs)
        devices = [self._devices[d.id] for d in mesh.devices.flat]
        divided = self.module(jaxpr, options, shardings, home)
        divided.callbacks, divided.raised = module.callbacks, module.raised
        loaded = self._loaded(divided, devices, self._options(options, devices, True))
        # XLA says of a program without results how the empty tuple lies.
        found = loaded.get_output_shardings() if jaxpr.outvars else []
        given = [(s, a.ndim) for s, a in zip(shardings, jaxpr.in_avals, strict=True)
                 if isinstance(s, NamedSharding) and s.mesh == mesh]
        places: list[Sharding] = [
            _lies(mesh, _wanted(mesh, s, a), a, self._xc.HloSharding.from_proto(p),
                  given if made else [])
            for s, a, p, made in zip(outs, jaxpr.out_avals, found, made_of_arguments(jaxpr),
                                     strict=True)]
        told = on_told_meshes(jaxpr, shardings, places)
        return loaded, [p if s is not None else t
                        for s, p, t in zip(outs, places, told, strict=True)]

    def read(self, data: bytes, jaxpr: Jaxpr, options: CompileOptions,
             shardings: Sequence[Sharding], results: Sequence[Sharding], home: Sharding) -> Any:
        """Load what a program's `serialize` wrote, for arguments and results that lie as told."""
        ndims = [a.ndim for a in (*jaxpr.in_avals, *jaxpr.out_avals)]
        mesh = mesh_of_program([*shardings, *results], ndims, home)
        places = (shardings[0] if shardings else home)._device_assignment[:1] if mesh is None else (
            mesh.devices.flat)
        devices = [self._devices[d.id] for d in places]
        return self._client.deserialize_executable(
            data, devices, self._options(options, devices, mesh is not None))

    def for_absent(self, jaxpr: Jaxpr, options: CompileOptions = DEFAULTS) -> Any:
        """Compile a jaxpr for devices that are not there; return what XLA says of the result."""
        shardings = [s or ON_CPU for s in options.in_shardings or (None,) * len(jaxpr.invars)]
        mesh = mesh_of([*shardings, *(options.out_shardings or ())])
        devices = list(self._devices.values())[:1] if mesh is None else [
            self._devices[d.id] for d in mesh.devices.flat]
        module = self.module(jaxpr, options, shardings)
        return self._client.compile(
            parsed(module.text()), self._xc.DeviceList(tuple(devices)),
            self._options(options, devices, mesh is not None))

    def load_artifact(self, data: bytes, devices: Sequence[Any]) -> Any:
        """Compile a portable artifact for some devices, over which it is divided."""
        return self._client.compile_and_load(
            data, list(devices), self._options(DEFAULTS, devices, len(devices) > 1))

    def _options(self, options: CompileOptions, devices: Sequence[Any], divided: bool) -> Any:
        """XLA's options for one program over these devices."""
        found = on_devices(self._xc, devices, divided)
        found.env_option_overrides = list(options.compiler_options)
        return found

    def _loaded(self, module: Module, devices: Sequence[Any], options: Any) -> Any:
        text, client = module.text(), self._client
        if module.callbacks:
            return client.compile_and_load(parsed(text), self._xc.DeviceList(tuple(devices)),
                                           options, host_callbacks=module.callbacks)
        if not config.cache:
            return client.compile_and_load(text, list(devices), options)
        name = cache.digest("xla", self._versions, text, options.SerializeAsString().hex())
        data = cache.load(name)
        if data is not None:
            return client.deserialize_executable(data, list(devices), options)
        loaded = client.compile_and_load(text, list(devices), options)
        cache.store(name, loaded.serialize())
        return loaded


def _wanted(mesh: BaseMesh, told: Sharding | None, aval: ShapedArray) -> Sharding | None:
    """How a result is divided over the mesh of a program: as told, else as its type says."""
    if told is not None:
        return on_mesh(mesh, told, aval.ndim) if isinstance(mesh, Mesh) else told
    return of_type(aval, mesh)


def _on_one_device(jaxpr: Jaxpr, given: Sequence[Sharding], told: Sequence[Sharding | None]
                   ) -> list[Sharding]:
    """How the results of a program for one device lie: over its mesh, if it is one, as follows from
    how the arguments do."""
    mesh = one_device_mesh(given)
    if mesh is None:
        return [t or given[0] for t in told]
    specs = [on_mesh(mesh, s, a.ndim).spec.padded(a.ndim).partitions
             for s, a in zip(given, jaxpr.in_avals, strict=False)]
    divided = divide_program(jaxpr, specs, mesh.shape)
    return [t or place_of_result(mesh, s, a)
            for t, s, a in zip(told, divided, jaxpr.out_avals, strict=True)]


def _lies(mesh: Mesh, wanted: Any, aval: ShapedArray, found: Any,
          given: Sequence[tuple[NamedSharding, int]]) -> NamedSharding:
    """How a result lies: as was wanted, else as XLA has chosen, in the words of an argument that
    lies so."""
    if wanted is None or UNCONSTRAINED in wanted.spec.partitions or (
            wanted.mesh.auto_axes and not wanted.spec.unreduced):
        return in_words_of(given, as_typed(named(mesh, found, aval.ndim), aval), aval.ndim)
    return NamedSharding(mesh.update(axis_types=wanted.mesh.axis_types), wanted.spec)


def _refuse(module: Module) -> None:
    """Raise TypeError for what would end the process inside XLA."""
    if module.platform == "tpu" and "complex<f64>" in module.text():
        raise TypeError(f"{module.name}: TPUs have no complex numbers of double precision (c128);"
                        " convert them to c64 first")


def _attributes(notes: Sequence[str]) -> str:
    text = ", ".join(n for n in notes if n)
    return text and f"{{{text}}}"
