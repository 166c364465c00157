"""Exported programs: what is known of them, and how they are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.jit import jit
from ingot.control.custom_vjp import custom_vjp
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import to_array, typeof
from ingot.core.mesh import BaseMesh
from ingot.core.sharding import NamedSharding
from ingot.core.tracebacks import api_boundary
from ingot.export.checks import DisabledSafetyCheck, portable
from ingot.export.paths import path_name
from ingot.export.places import devices_of, over, placed
from ingot.export.primitive import call_exported_p
from ingot.export.writing import serialize
from ingot.tree import (
    PyTreeDef,
    equality_errors,
    tree_flatten,
    tree_unflatten,
)


@dataclass(frozen=True, eq=False)
class Exported:
    """A function lowered to StableHLO for certain types of arguments and certain platforms.

    fun_name; in_tree, out_tree: structures of (args, kwargs) and of the result; in_avals,
    out_avals: flat types; nr_devices, platforms: what it was lowered for; disabled_safety_checks;
    mlir_module_serialized: the program; module_kept_var_idx: the arguments that it takes;
    uses_global_constants: whether it takes lengths or the platform when it is compiled.

    >>> exported = export.export(ingot.jit(lambda x: x + 1))(np.ones(2, "float32"))
    >>> exported.in_avals, exported.call(np.ones(2, "float32"))
    ((ShapedArray(float32[2]),), Array([2., 2.], dtype=float32))
    """

    fun_name: str
    in_tree: PyTreeDef
    in_avals: tuple[ShapedArray, ...]
    out_tree: PyTreeDef
    out_avals: tuple[ShapedArray, ...]
    _in_named_shardings: tuple[NamedSharding | None, ...]
    _out_named_shardings: tuple[NamedSharding | None, ...]
    in_shardings_hlo: tuple[None, ...]
    out_shardings_hlo: tuple[None, ...]
    nr_devices: int
    platforms: tuple[str, ...]
    ordered_effects: tuple[Any, ...]
    unordered_effects: tuple[Any, ...]
    disabled_safety_checks: Sequence[DisabledSafetyCheck]
    mlir_module_serialized: bytes
    calling_convention_version: int
    module_kept_var_idx: tuple[int, ...]
    uses_global_constants: bool
    _get_vjp: Callable[[Exported], Exported] | None
    _memo: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"Exported(fun_name={self.fun_name}, ...)"

    def mlir_module(self, serialized: bool = True) -> Any:
        """The program as text, or as MLIR's object."""
        data = self.mlir_module_serialized
        return portable().text(data) if serialized else portable().module(data)

    def platform_index(self, platform: str) -> int:
        """The number of a platform among those that it was exported for, 0 if that is not checked.

        Raises ValueError if it was not exported for the platform.
        """
        if platform in self.platforms:
            return self.platforms.index(platform)
        if DisabledSafetyCheck.platform() in self.disabled_safety_checks:
            return 0
        raise ValueError(
            f"Function '{self.fun_name}' was exported for platforms '{self.platforms}' but it is"
            f" used on '{platform}'; export it with platforms=[..., {platform!r}]")

    def has_vjp(self) -> bool:
        """Whether there is a program of the derivative."""
        return self._get_vjp is not None

    def vjp(self) -> Exported:
        """The derivative as an exported program: flat arguments and cotangents of the results to
        cotangents of the arguments. Raises ValueError if there is none."""
        if self._get_vjp is None:
            raise ValueError(f"No VJP is available: {self.fun_name} was serialized without this"
                             " order of its derivative; serialize(vjp_order=...) says how many")
        if "vjp" not in self._memo:
            self._memo["vjp"] = self._get_vjp(self)
        return self._memo["vjp"]

    def in_shardings_jax(self, mesh: BaseMesh | None = None) -> tuple[NamedSharding | None, ...]:
        """How the arguments are divided, over a mesh of the same axes if it is given."""
        return tuple(over(s, mesh) for s in self._in_named_shardings)

    def out_shardings_jax(self, mesh: BaseMesh | None = None) -> tuple[NamedSharding | None, ...]:
        """How the results are divided, over a mesh of the same axes if it is given."""
        return tuple(over(s, mesh) for s in self._out_named_shardings)

    def serialize(self, vjp_order: int = 0) -> bytearray:
        """The program as bytes, with so many orders of its derivative; `deserialize` reads them.

        Raises ValueError for structures with types that are not registered, and for more orders
        than there are.
        """
        return serialize(self, vjp_order)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the function to arguments of the structure and types it was exported for."""
        return call(self)(*args, **kwargs)


# ---- calls ---------------------------------------------------------------------------------------
def call(exported: Exported) -> Callable[..., Any]:
    """Make an exported program a function: of arrays or pytrees, under jit, grad and vmap.

    exported: an Exported -> the function. It raises ValueError for arguments of another structure,
    rank, dtype or length than it was exported for, for platforms and numbers of devices that it was
    not exported for, and under grad if it was serialized without derivative.
    """
    if not isinstance(exported, Exported):
        raise ValueError(f"The exported argument must be an export.Exported, got {exported!r:.60}")

    @api_boundary
    def imported(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = tree_flatten((args, kwargs))
        if tree != exported.in_tree:
            _refuse_structure(exported, tree)
        arrays = [to_array(x) for x in leaves]
        _check_devices(exported, arrays)
        arrays = placed(arrays, exported._in_named_shardings, arrays)
        results = _flat(exported)(*arrays)
        return tree_unflatten(exported.out_tree, placed(
            results, exported._out_named_shardings, arrays))

    return imported


def _flat(exported: Exported) -> Callable[..., Any]:
    """The program as a function of flat arguments, with its derivative."""
    if "flat" in exported._memo:
        return exported._memo["flat"]

    def bound(*args: Any) -> list[Any]:
        return call_exported_p.bind(*args, exported=exported)

    bound.__name__ = exported.fun_name
    compiled = jit(bound)

    @custom_vjp
    def flat(*args: Any) -> list[Any]:
        return compiled(*args)

    def backward(args: Any, cotangents: Any) -> Any:
        derivative = exported.vjp()
        wanted = derivative.in_avals[len(args):]
        return tuple(_flat(derivative)(*args, *map(_cotangent, cotangents, wanted)))

    flat.defvjp(lambda *args: (flat(*args), args), backward)
    exported._memo["flat"] = flat
    return flat


def _cotangent(ct: Any, aval: ShapedArray) -> Any:
    if aval.dtype == dtypes.float0 and typeof(ct).dtype != dtypes.float0:
        return np.zeros(typeof(ct).shape, dtypes.float0)
    return ct


def _refuse_structure(exported: Exported, tree: PyTreeDef) -> None:
    given = tree_unflatten(tree, [0] * tree.num_leaves)
    wanted = tree_unflatten(exported.in_tree, [0] * exported.in_tree.num_leaves)
    differences = "\n".join(
        f"   - {path_name(path)} is {ours} in the invocation and {theirs} when exported, so {why}"
        for path, ours, theirs, why in equality_errors(given, wanted))
    raise ValueError(f"The invocation args and kwargs must have the same pytree structure as when"
                     f" {exported.fun_name} was exported, but they differ:\n{differences}")


def _check_devices(exported: Exported, arrays: Sequence[Any]) -> None:
    """Raise ValueError where the arguments are on another number of devices than it is for."""
    devices = devices_of(arrays)
    if devices is not None and exported.nr_devices not in (1, len(devices)):
        raise ValueError(
            f"Function {exported.fun_name} was exported for {exported.nr_devices} devices and is"
            f" called in a context with {len(devices)} devices; place its arguments by"
            " in_shardings_jax(mesh) first")


__all__ = ["Exported", "call"]
