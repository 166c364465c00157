"""Grids of devices for meshes: axes of a mesh follow the links between chips of TPUs.

The axes of a mesh's shape are in order of increasing traffic. The last one is assigned first: it is
given whole axes of the grid of chips, several if possible, since each axis has separate links.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

TPU_V4, TPU_7, TPU_7X = "TPU v4", "TPU7", "TPU7x"
_TWO_CORES = ("TPU v2", "TPU v3")
_FLAT = ("TPU v5 lite", "TPU v5e", "TPU v6 lite")
_SMALL = ("TPU v4 lite", "TPU8i")
_CUBES = ("TPU v5", "TPU v5p")
_WITH_CORES = (TPU_7, TPU_7X)

# Orders of neighboring devices in which each is linked to the next, and the last to the first.
_RING_OF_4 = (0, 1, 3, 2)
_RING_OF_CORES = (0, 1, 2, 3, 6, 7, 4, 5)
_RINGS: dict[tuple[int, int, int], tuple[int, ...]] = {
    (2, 2, 1): _RING_OF_4, (4, 2, 1): (0, 1, 2, 3, 7, 6, 5, 4),
    (4, 4, 1): (0, 1, 2, 3, 7, 6, 5, 9, 10, 11, 15, 14, 13, 12, 8, 4),
    (2, 2, 2): (0, 4, 2, 6, 1, 5, 3, 7)}
_RING_OF_A_CUBE = (0, 1, 3, 2, 6, 7, 5, 4)

CONTIGUOUS: dict[tuple[int, ...], dict[tuple[int, ...], tuple[int, ...]]] = {
    (2, 2, 1): {(2, 2): (0, 1, 2)}, (2, 2, 4): {(4, 4): (0, 1, 2)},
    (4, 4, 4): {(16, 4): (0, 2, 1)}, (4, 8, 8): {(64, 4): (0, 2, 1), (4, 64): (0, 2, 1)},
    (8, 8, 8): {(64, 8): (0, 2, 1)}, (8, 16, 16): {(256, 8): (0, 2, 1), (8, 256): (0, 2, 1)}}
"""How to transpose a grid of chips so that those of each process are a block of a mesh, by the
shapes of both."""


def device_grid(devices: Sequence[Any], shape: tuple[int, ...], *,
                contiguous_submeshes: bool = False, allow_split_physical_axes: bool = True
                ) -> np.ndarray:
    """Return as many devices as a mesh of this shape has in an array [*shape]."""
    ring, platform = in_ring(devices, shape), devices[-1].platform
    if ring is not None:
        return ring
    if platform == "tpu":
        grid = physical_grid(devices)
        if contiguous_submeshes:
            grid = contiguous(grid, shape)
        return over_grid(grid, shape, allow_split_physical_axes=allow_split_physical_axes)[0]
    if platform in ("gpu", "cuda", "rocm"):  # in the order in which XLA links them
        devices = sorted(devices, key=lambda d: d.id)
    return _array(devices).reshape(shape)


# ---- rings ---------------------------------------------------------------------------------------
def in_ring(devices: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray | None:
    """Return devices of a few machines in an order in which neighbors are linked; None if none is
    known for their kind and number."""
    kind, count, array = devices[-1].device_kind, len(devices), _array(devices)
    if kind in _TWO_CORES:
        if count == 8:
            return array[[*_RING_OF_CORES]].reshape(shape)
        grid = array.reshape(shape)
        return grid[..., [*_RING_OF_CORES]] if shape[-1] == 8 else grid
    if kind in _SMALL:
        return array[[*_RING_OF_4]].reshape(shape) if count == 4 else None
    if kind in _WITH_CORES:
        if count % 8 or count > 32 or max(physical_grid(devices).shape[:2]) > 2:
            return None
        return array.reshape(-1, 8)[:, [*_RING_OF_CORES]].reshape(shape)
    order = _order_of_chips(kind, devices, shape)
    by_place = sorted(devices, key=lambda d: tuple(reversed(d.coords))) if order else []
    return _array(by_place)[[*order]].reshape(shape) if order else None


def _order_of_chips(kind: str, devices: Sequence[Any], shape: tuple[int, ...]
                    ) -> tuple[int, ...] | None:
    if kind not in (*_FLAT, *_CUBES):
        return None
    bounds = tuple(n + 1 for n in max(d.coords for d in devices))
    if kind in _CUBES:
        return _RING_OF_A_CUBE if bounds == (2, 2, 2) and len(devices) == 8 else None
    if len(devices) == 8:
        return _RINGS[2, 2, 2] if bounds == (2, 2, 2) else _RINGS[4, 2, 1]
    if len(devices) == 16 and max(shape) < 16:  # the ring helps an axis that has all of it
        return None
    found = _RINGS.get(bounds)
    return found if found is not None and len(found) == len(devices) else None


# ---- grids of chips ------------------------------------------------------------------------------
def physical_grid(devices: Sequence[Any]) -> np.ndarray:
    """Return TPUs in a grid by their coordinates: [x, y, z], [x, y, core] or [x, y, z, core].

    Raises AssertionError unless they are all devices of a block of chips.
    """
    kind = devices[0].device_kind
    cores = {d.core_on_chip for d in devices}
    several = kind in (*_WITH_CORES, "TPU8i") or (kind in _CUBES and len(cores) == 2)
    places = []
    for d in devices:
        x, y, z = d.coords
        if kind not in _TWO_CORES and not several and d.core_on_chip:
            raise AssertionError("Creating meshes for TPU >v3 requires one device per chip"
                                 f' ("megacore" mode). Got device id {d.core_on_chip} for a device'
                                 f" of kind {kind}: {d}.")
        places.append((x, y, d.core_on_chip) if kind in _TWO_CORES
                      else (x, y, z, d.core_on_chip) if several else (x, y, z))
    where = np.array(places)
    where -= where.min(0)
    out = np.full(where.max(0) + 1, None, dtype=object)
    for place, d in zip(where, devices, strict=True):
        out[tuple(place)] = d
    if len(devices) != out.size or any(d is None for d in out.flat):
        raise AssertionError('Constructed mesh contains a "hole"; probable cause: coordinates of'
                             f" devices are not a contiguous cuboid: {list(devices)}")
    return out


def contiguous(grid: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a grid of chips transposed so that those of each process are a block of a mesh."""
    if grid.shape not in CONTIGUOUS:
        raise ValueError("create_device_mesh cannot create contiguous submeshes for physical mesh"
                         f" topology {grid.shape}")
    known = CONTIGUOUS[grid.shape]
    wanted = tuple(n for n in shape if n != 1)
    if wanted not in known:
        raise ValueError("create_device_mesh cannot create contiguous submeshes for mesh_shape"
                         f" {shape} and physical mesh topology {grid.shape}. Available"
                         f" mesh_shapes: {[*known]}")
    return grid.transpose(known[wanted])


# ---- axes of a mesh over axes of a grid ----------------------------------------------------------
def over_grid(grid: np.ndarray, shape: Sequence[int], *, allow_split_physical_axes: bool = False
              ) -> tuple[np.ndarray, np.ndarray]:
    """Return a grid of chips in the shape of a mesh, and how much of each axis of the grid each
    axis of the mesh has: [axes of the grid, axes of the mesh].

    Raises NotImplementedError if axes of the grid must be split, and may not.
    """
    left, taken = dict(enumerate(grid.shape)), dict[int, tuple[int, ...]]()
    for axis, size in reversed([*enumerate(shape)]):
        found = next((c for c in _subsets(grid, left) if math.prod(grid.shape[k] for k in c)
                      == size), None)
        if found is None and size > 1:
            if allow_split_physical_axes:
                return over_split_grid(grid, shape)
            raise NotImplementedError(
                f"Failed to find assignment for logical_axis_index {axis} of size {size} with"
                f" remaining assignable mesh {[left.get(k, 0) for k in range(grid.ndim)]}. The size"
                " of each axis in your logical mesh must be equal to the product of some subset of"
                " the physical mesh axis sizes; to split physical axes, set"
                " allow_split_physical_axes to True.")
        taken[axis] = found or ()
        for k in taken[axis]:
            del left[k]
    assignment = np.ones((grid.ndim, len(shape)), np.int64)
    for axis, found in taken.items():
        for k in found:
            assignment[k, axis] = grid.shape[k]
    order = [k for axis in range(len(shape)) for k in taken[axis]]
    return grid.transpose([*order, *left]).reshape(shape), assignment


def _subsets(grid: np.ndarray, left: dict[int, int]) -> Iterator[tuple[int, ...]]:
    """Sets of axes that are left, the larger ones first; where links between the cores of a chip
    are faster, those with their axis first."""
    fast = grid.ndim - 1 if grid.ndim == 4 and getattr(
        grid.flat[0], "device_kind", None) in _WITH_CORES else None
    for count in range(len(left), 0, -1):
        found = [*itertools.combinations(left, count)]
        yield from sorted(found, key=lambda c: fast not in c) if fast is not None else found


def over_split_grid(grid: np.ndarray, shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return what `over_grid` does, with axes of the grid split between axes of the mesh.

    Raises ValueError unless both have as many devices.
    """
    if grid.size != math.prod(shape):
        raise ValueError(f"The number of devices in physical mesh {grid.shape} does not match the"
                         f" number of devices in logical mesh {tuple(shape)}.")
    assignment = np.ones((grid.ndim, len(shape)), np.int64)
    for axis, size in reversed([*enumerate(shape)]):
        used = assignment.prod(1)

        def worth(part: tuple[int, ...], used: np.ndarray = used) -> Any:
            """Whole axes, then more of them, then what shares links, then earlier axes."""
            whole = [p for p, n in zip(part, grid.shape, strict=True) if p == n]
            shared = [p for p, u in zip(part, used, strict=True) if u > 1]
            return math.prod(whole), sum(p > 1 for p in whole), math.prod(shared), part

        free = [n // int(u) for n, u in zip(grid.shape, used, strict=True)]
        assignment[:, axis] = max(_parts(size, free), key=worth)
    return transposed(grid, shape, assignment), assignment


def _parts(size: int, free: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Divisors of the free lengths whose product is the size."""
    if not free:
        yield from [()] if size == 1 else []
        return
    for n in range(1, math.gcd(size, free[0]) + 1):
        if size % n == 0 and free[0] % n == 0:
            yield from ((n, *rest) for rest in _parts(size // n, free[1:]))


def transposed(grid: np.ndarray, shape: Sequence[int], assignment: np.ndarray) -> np.ndarray:
    """The grid, each of whose axes is split between axes of the mesh, which are then together."""
    order = np.arange(assignment.size).reshape(assignment.shape).T.ravel()
    return grid.reshape(assignment.ravel()).transpose(order).reshape(shape)


def _array(devices: Sequence[Any]) -> np.ndarray:
    found = np.empty(len(devices), dtype=object)
    found[:] = devices
    return found
