"""Tiles of arrays as XLA describes them: `OpSharding` and `HloSharding`, grids of devices."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.errors import JaxRuntimeError


class Type(enum.IntEnum):
    """How the devices of a tile, or of a trailing axis of the grid, hold an array."""

    REPLICATED = 0
    MAXIMAL = 1
    TUPLE = 2
    OTHER = 3
    MANUAL = 4
    UNKNOWN = 5
    UNREDUCED = 6


@dataclass
class OpSharding:
    """A sharding in the fields of XLA's message of this name."""

    type: Type = Type.REPLICATED
    tile_assignment_dimensions: Sequence[int] = ()
    tile_assignment_devices: Sequence[int] = ()
    iota_reshape_dims: Sequence[int] = ()
    iota_transpose_perm: Sequence[int] = ()
    last_tile_dims: Sequence[Type] = ()
    replicate_on_last_tile_dim: bool = False
    tuple_shardings: Sequence[OpSharding] = ()

    Type = Type

    def clone(self) -> OpSharding:
        """A copy."""
        return OpSharding(**vars(self))


def _iota(dims: Sequence[int], reshape: Sequence[int], perm: Sequence[int]) -> np.ndarray:
    """The grid of devices that stand in the order of their numbers, along the axes `reshape` that
    are then permuted."""
    devices = np.arange(math.prod(dims)).reshape(tuple(reshape))
    return devices.transpose(tuple(perm)).reshape(tuple(dims))


_MISMATCH = "INVALID_ARGUMENT: "


@dataclass(frozen=True, eq=False)
class HloSharding:
    """Which tile of an array each device holds: a grid of devices, whose trailing axes of the
    `subgroup` types hold the same tile."""

    kind: Type = Type.REPLICATED
    grid: np.ndarray | None = None
    subgroup: tuple[Type, ...] = ()
    iota: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    tuple_shardings: tuple[HloSharding, ...] = ()

    # ---- made ------------------------------------------------------------------------------------
    @staticmethod
    def from_proto(op: OpSharding) -> HloSharding:
        """The sharding that a message describes."""
        if op.type is Type.TUPLE:
            return HloSharding(Type.TUPLE, tuple_shardings=tuple(
                map(HloSharding.from_proto, op.tuple_shardings)))
        if op.type is not Type.OTHER:
            grid = np.array(op.tile_assignment_devices) if op.type is Type.MAXIMAL else None
            return HloSharding(op.type, grid)
        dims, iota = tuple(op.tile_assignment_dimensions), None
        if op.iota_reshape_dims:
            iota = tuple(op.iota_reshape_dims), tuple(op.iota_transpose_perm)
            grid = _iota(dims, *iota)
        else:
            grid = np.array(op.tile_assignment_devices).reshape(dims)
        last = tuple(op.last_tile_dims) or (Type.REPLICATED,) * op.replicate_on_last_tile_dim
        return _canonical(grid, last, iota)

    @staticmethod
    def iota_tile(dims: Sequence[int], reshape_dims: Sequence[int] = (),
                  transpose_perm: Sequence[int] = (), subgroup_types: Sequence[Type] = ()
                  ) -> HloSharding:
        """A grid of devices in the order of their numbers; JaxRuntimeError where sizes differ."""
        dims, total = tuple(dims), math.prod(dims)
        if not dims:
            raise JaxRuntimeError(_MISMATCH + "`dims` should not be empty.")
        if len(reshape_dims) != len(transpose_perm):
            raise JaxRuntimeError(_MISMATCH + "`reshape_dims` and `transpose_perm` should have the"
                                  f" same size, got {len(reshape_dims)} and {len(transpose_perm)}")
        if reshape_dims and math.prod(reshape_dims) != total:
            raise JaxRuntimeError(_MISMATCH + f"Cannot reshape from {list(dims)} to"
                                  f" {list(reshape_dims)}")
        if len(subgroup_types) > len(dims):
            raise JaxRuntimeError(_MISMATCH + f"`subgroup_types`({len(subgroup_types)}) should not"
                                  f" have more dimensions than `dims`({len(dims)}).")
        iota = (tuple(reshape_dims) or (total,), tuple(transpose_perm) or (0,))
        return _canonical(_iota(dims, *iota), tuple(subgroup_types), iota)

    @staticmethod
    def subgroup_with_device_ordering(devices: np.ndarray, subgroup_types: Sequence[Type] = ()
                                      ) -> HloSharding:
        """A grid of devices by their numbers, whose trailing axes are of these types."""
        return _canonical(np.asarray(devices), tuple(subgroup_types), None)

    @staticmethod
    def replicate() -> HloSharding:
        """Each device holds all."""
        return HloSharding()

    @staticmethod
    def manual() -> HloSharding:
        """The program says itself what devices hold."""
        return HloSharding(Type.MANUAL)

    @staticmethod
    def unknown() -> HloSharding:
        """Nothing is said."""
        return HloSharding(Type.UNKNOWN)

    @staticmethod
    def v3_to_v2_sharding(sharding: HloSharding) -> HloSharding:
        """The same: there is one version here."""
        return sharding

    # ---- asked -----------------------------------------------------------------------------------
    def to_proto(self) -> OpSharding:
        """The message that describes it."""
        if self.grid is None or self.kind is not Type.OTHER:
            return OpSharding(self.kind, tuple_shardings=[
                s.to_proto() for s in self.tuple_shardings],
                tile_assignment_devices=self.tile_assignment_devices())
        partial = self.subgroup == (Type.REPLICATED,)
        reshape, perm = ((), ()) if self.iota is None else self.iota
        devices = self.tile_assignment_devices() if self.iota is None else ()
        return OpSharding(Type.OTHER, self.grid.shape, devices, reshape, perm,
                          () if partial else self.subgroup, partial)

    def is_replicated(self) -> bool:
        """Whether each device holds all."""
        return self.kind is Type.REPLICATED

    def is_manual(self) -> bool:
        """Whether the program says itself what devices hold."""
        return self.kind is Type.MANUAL

    def is_unknown(self) -> bool:
        """Whether nothing is said."""
        return self.kind is Type.UNKNOWN

    def is_unreduced(self) -> bool:
        """Whether devices hold terms of a sum."""
        return self.kind is Type.UNREDUCED

    def is_maximal(self) -> bool:
        """Whether one device holds all."""
        return self.kind is Type.MAXIMAL

    def is_tiled(self) -> bool:
        """Whether there is a grid of devices."""
        return self.kind is Type.OTHER

    def is_tile_assignment_iota(self) -> bool:
        """Whether the grid is said by numbers in order, not by a list."""
        return self.iota is not None

    def replicate_on_last_tile_dim(self) -> bool:
        """Whether devices along the last axis of the grid hold the same tile."""
        return self.subgroup == (Type.REPLICATED,)

    def subgroup_types(self) -> list[Type]:
        """The types of trailing axes of the grid, where they are not just replicated."""
        return [] if self.replicate_on_last_tile_dim() else list(self.subgroup)

    def num_devices(self) -> int:
        """How many devices the grid has; 0 where there is none."""
        return 0 if self.grid is None else self.grid.size

    def num_dimensions(self) -> int:
        """How many axes the grid has."""
        return 0 if self.grid is None else self.grid.ndim

    def tile_assignment_dimensions(self) -> list[int]:
        """The shape of the grid."""
        return [0] if self.grid is None else list(self.grid.shape)

    def tile_assignment_devices(self) -> list[int]:
        """The numbers of the devices in the grid, row by row."""
        return [] if self.grid is None else self.grid.ravel().tolist()

    def tuple_elements(self) -> list[HloSharding]:
        """The shardings of a tuple's elements."""
        return list(self.tuple_shardings)

    def get_axis_sizes(self) -> list[int]:
        """The sizes of the axes of a mesh along which the grid can be named, in the mesh's order.
        """
        if self.grid is None or self.iota is None:
            raise JaxRuntimeError(_MISMATCH + f"{self} is not said by numbers in order")
        reshape, perm = self.iota
        cuts = {int(n) for n in np.cumprod(self.grid.shape)}
        pieces: dict[int, list[int]] = {}
        done = 1
        for axis in perm:
            end = done * reshape[axis]
            steps = [done, *sorted(c for c in cuts if done < c < end), end]
            pieces[axis] = [b // a for a, b in zip(steps, steps[1:], strict=False) if b != a]
            done = end
        return [n for axis in range(len(reshape)) for n in pieces[axis]]

    def _key(self) -> Any:
        """Equal for shardings that hold the same tiles: copies have no order among them."""
        grid = self.grid
        if grid is not None and self.replicate_on_last_tile_dim():
            grid = np.sort(grid, axis=-1)
        held = None if grid is None else (grid.shape, tuple(grid.ravel().tolist()))
        return self.kind, held, self.subgroup, self.tuple_shardings

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HloSharding) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        if self.kind is Type.TUPLE:
            return f"{{{', '.join(map(repr, self.tuple_shardings))}}}"
        if self.grid is None:
            return f"{{{self.kind.name.lower()}}}"
        devices = ",".join(map(str, self.tile_assignment_devices()))
        if self.kind is Type.MAXIMAL:
            return f"{{maximal device={devices}}}"
        if self.iota is not None:
            reshape, perm = self.iota
            turned = "" if len(perm) == 1 else f"T({','.join(map(str, perm))})"
            devices = f"<=[{','.join(map(str, reshape))}]{turned}"
        shape = ",".join(map(str, self.grid.shape))
        last = ""
        if self.replicate_on_last_tile_dim():
            last = " last_tile_dim_replicate"
        elif self.subgroup:
            last = f" last_tile_dims={{{', '.join(t.name.lower() for t in self.subgroup)}}}"
        return f"{{devices=[{shape}]{devices}{last}}}"

    to_string = __str__ = __repr__


def _canonical(grid: np.ndarray, last: tuple[Type, ...], iota: Any) -> HloSharding:
    """The one form of a sharding: axes of a type side by side, replicated ones last, none of size
    1; devices that all hold the same have no grid."""
    ndim = grid.ndim - len(last)
    kept = [(t, ndim + k) for k, t in enumerate(last) if grid.shape[ndim + k] > 1]
    order = sorted(kept, key=lambda pair: (pair[0] is Type.REPLICATED, pair[0]))
    types = list(dict.fromkeys(t for t, _ in order))
    sizes = [math.prod(grid.shape[k] for t, k in order if t is wanted) for wanted in types]
    dropped = [k for k in range(ndim, grid.ndim) if grid.shape[k] == 1]
    same = [k for _, k in order] == sorted(k for _, k in order) and len(types) == len(order)
    moved = grid.transpose([*range(ndim), *[k for _, k in order], *dropped])
    moved = moved.reshape((*grid.shape[:ndim], *sizes))
    if types == [Type.REPLICATED] and math.prod(grid.shape[:ndim]) == 1:
        return HloSharding()
    return HloSharding(Type.OTHER, moved, tuple(types), iota if same else None)


def is_hlo_sharding_replicated(sharding: HloSharding) -> bool:
    """Whether each device holds all."""
    return sharding.num_devices() == 1 or sharding.is_replicated()


def are_hlo_shardings_equal(one: HloSharding, two: HloSharding) -> bool:
    """Whether devices hold the same tiles by both."""
    both = is_hlo_sharding_replicated(one) and is_hlo_sharding_replicated(two)
    return both or one == two


def get_num_ways_dim_sharded(sharding: HloSharding) -> tuple[list[int], int]:
    """Into how many tiles each axis is divided, and how many devices hold the same."""
    if sharding.grid is None or sharding.kind is not Type.OTHER:
        return [], 1
    ndim = sharding.grid.ndim - len(sharding.subgroup)
    copies = [n for n, t in zip(sharding.grid.shape[ndim:], sharding.subgroup, strict=True)
              if t is Type.REPLICATED]
    return list(sharding.grid.shape[:ndim]), math.prod(copies)
