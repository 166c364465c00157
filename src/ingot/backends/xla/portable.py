"""Programs that outlive the process: jaxprs to portable artifacts of StableHLO, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot.backends.xla import reading_operations  # noqa: F401 (it fills the table of operations)
from ingot.backends.xla.arrays import Memory, stored
from ingot.backends.xla.client import (
    bytecode,
    context,
    deserialized,
    parsed,
    register_lapack,
    targets,
)
from ingot.backends.xla.compilation import Compiler
from ingot.backends.xla.installed import module
from ingot.backends.xla.polymorphic import lower_for_export, main_of, refine, types_of
from ingot.backends.xla.reading import Reader
from ingot.backends.xla.sharding_text import devices_of, meshes_of
from ingot.backends.xla.types import tensor_of
from ingot.core.avals import ShapedArray
from ingot.core.jaxpr import Jaxpr
from ingot.core.mesh import Mesh
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import PartitionSpec


class Portable:
    """Writes, reads and runs the modules of exported programs."""

    def __init__(self, xc: Any, compiler: Compiler, memory: Memory):
        self._xc, self._compiler, self._memory = xc, compiler, memory
        self._loaded: dict[bytes, tuple[Any, Sharding]] = {}

    def serialize(self, text: str) -> bytes:
        """Return a module in the form that a jaxlib of four weeks ago reads, too."""
        hlo = module("jaxlib.mlir.dialects.stablehlo")
        version = hlo.get_version_from_compatibility_requirement(
            hlo.StablehloCompatibilityRequirement.WEEK_4)
        return module("jaxlib._jax").mlir.serialize_portable_artifact(parsed(text), version, True)

    def text(self, data: bytes) -> str:
        """Return a module as text."""
        return deserialized(data).operation.get_asm(enable_debug_info=True)

    def custom_calls(self, data: bytes) -> dict[str, str]:
        """Return the targets of custom calls, each with a call of it."""
        return targets(deserialized(data))

    def module(self, data: bytes) -> Any:
        """Return a module as MLIR's object."""
        return deserialized(data)

    def lower(self, jaxpr: Jaxpr, platforms: Sequence[str], solution: Any, ins: Sequence[Any],
              outs: Sequence[Any]) -> tuple[bytes, bool, int]:
        """Return a jaxpr as a module for these platforms, whether lengths are inferred or the
        platform is chosen when it is compiled, and the number of devices.

        solution: how dimension variables follow from the arguments. ins, outs: shardings of
        arguments and results. Raises NotImplementedError if it calls Python.
        """
        module = lower_for_export(jaxpr, platforms, solution, ins, outs)
        if module.callbacks:
            names = ", ".join(sorted({f.eqn.primitive.name for f in module.callbacks}))
            raise NotImplementedError(
                f"export: {jaxpr.debug_name} calls Python for {names}, and serialization of host"
                " callbacks is not there; leave it out of the exported function")
        return (self.serialize(module.text()), module.refined,
                devices_of(meshes_of(jaxpr, [*ins, *outs])))

    def known(self, data: bytes, avals: Sequence[ShapedArray], outs: Sequence[ShapedArray],
              refined: bool, index: int | None) -> Any:
        """Return a module for arguments and results of these types.

        refined: whether lengths are to be inferred from the types. index: the number of the
        platform, if the module takes one. Raises ValueError if its types are others.
        """
        module = deserialized(data)
        ins, results = list(map(tensor_of, avals)), list(map(tensor_of, outs))
        if refined:
            module = refine(module, ins, results, index)
        if (found := types_of(main_of(module))) != (ins, results):
            raise ValueError(f"an exported program is said to have the type {(ins, results)}, and"
                             f" its module has {found}; the bytes are damaged")
        return module

    def jaxpr(self, module: Any) -> Jaxpr:
        """Return the function `main` of a module with known lengths as a jaxpr.

        Raises NotImplementedError if it has operations that have no counterpart.
        """
        return Reader(module).program("main")

    # ---- programs that are not read but run ------------------------------------------------------
    def whole(self, module: Any) -> bytes:
        """Return a module with known lengths for `run`: each device has all of the arguments and
        results, though the program may be divided."""
        main, ir = main_of(module).operation, context().ir
        meshes = [op for op in module.body.operations if op.operation.name == "sdy.mesh"]
        mesh = str(meshes[0].attributes["sym_name"]).strip('"') if meshes else ""
        for name, types in zip(("arg_attrs", "res_attrs"), types_of(main), strict=True):
            main.attributes[name] = ir.Attribute.parse(
                f"[{', '.join(_replicated(t, mesh) for t in types)}]", context().mlir)
        return bytecode(module)

    def run(self, data: bytes, arrays: Sequence[np.ndarray], outs: Sequence[ShapedArray],
            devices: int) -> list[np.ndarray]:
        """Return the results of `main`, run by XLA on the first devices of this back end."""
        if data not in self._loaded:
            self._loaded[data] = self._load(data, devices)
        loaded, place = self._loaded[data]
        buffers = [self._memory.put(x, place) for x in arrays]
        places = [self._memory.place(place, a.ndim) for a in outs]
        found = loaded.execute_sharded(buffers, False).consume_with_handlers(
            self._memory.handlers(list(map(stored, outs)), places))
        return [np.array(self._memory.fetch(x)) for x in found]

    def _load(self, data: bytes, devices: int) -> tuple[Any, Sharding]:
        if any(target.startswith("lapack_") for target in targets(parsed(data))):
            register_lapack(self._xc)
        here = self._memory.devices[:devices]
        if len(here) < devices:
            raise ValueError(f"an exported program is for {devices} devices, of which the back end"
                             f" xla has {len(here)}; the flag num_cpu_devices says how many")
        place = self._memory.first if devices == 1 else NamedSharding(
            Mesh(np.array(here), ("devices",)), PartitionSpec())
        return self._compiler.load_artifact(data, self._memory.theirs(place)), place


def _replicated(mlir_type: str, mesh: str) -> str:
    """The attributes of an argument or result that all devices of a mesh have; without a mesh, in
    the words of Shardy's predecessor."""
    if not mesh:
        return '{mhlo.sharding = "{replicated}"}'
    ir = context().ir
    rank = ir.RankedTensorType(ir.Type.parse(mlir_type, context().mlir)).rank
    return f"{{sdy.sharding = #sdy.sharding<@{mesh}, [{', '.join(['{}'] * rank)}]>}}"


__all__ = ["Portable"]
