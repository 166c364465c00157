"""Meshes over the chips of TPUs: which device stands where, as JAX 0.12 has it."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

import ingot
from ingot.api.device_grids import over_split_grid, physical_grid
from ingot.api.process_local import local_to_global_shape
from ingot.experimental.mesh_utils import create_device_mesh, create_hybrid_device_mesh
from ingot.sharding import Mesh, NamedSharding, PartitionSpec as P


@dataclass(frozen=True)
class Chip:
    """A device, or a core of one, with its place."""

    id: int
    device_kind: str
    coords: tuple
    core_on_chip: int = 0
    slice_index: int = 0
    platform: str = "tpu"


def chips(kind, bounds, cores=1, slices=1):
    places = itertools.product(range(slices), *(range(n) for n in reversed(bounds)), range(cores))
    return [Chip(k, kind, (x, y, z), core, part)
            for k, (part, z, y, x, core) in enumerate(places)]


def summary(mesh):
    """The shape, the first devices, and a number that tells orders of all of them apart."""
    ids = np.array([d.id for d in mesh.flat])
    return mesh.shape, ids[:8].tolist(), int(ids @ np.arange(ids.size))


CASES = [
    ("TPU v2", (2, 2, 1), 2, (8,), {}), ("TPU v3", (4, 4, 1), 2, (4, 8), {}),
    ("TPU v3", (4, 4, 1), 2, (2, 16), {}), ("TPU v4 lite", (2, 2, 1), 1, (4,), {}),
    ("TPU v4", (2, 2, 4), 1, (1, 4, 4), {}), ("TPU v4", (4, 4, 4), 1, (1, 16, 4), {}),
    ("TPU v4", (4, 4, 8), 1, (16, 8, 1), {}), ("TPU v4", (4, 8, 8), 1, (1, 32, 8), {}),
    ("TPU v4", (4, 8, 8), 1, (64, 4), {"contiguous_submeshes": True}),
    ("TPU v4", (4, 4, 4), 1, (2, 1, 32), {"allow_split_physical_axes": True}),
    ("TPU v4", (4, 4, 8), 1, (2, 4, 1, 16), {"allow_split_physical_axes": True}),
    ("TPU v5 lite", (2, 2, 1), 1, (2, 2), {}), ("TPU v5 lite", (4, 2, 1), 1, (8,), {}),
    ("TPU v5 lite", (2, 2, 2), 1, (8,), {}), ("TPU v5e", (4, 4, 1), 1, (1, 16), {}),
    ("TPU v5e", (4, 4, 1), 1, (4, 4), {}), ("TPU v6 lite", (4, 8, 1), 1, (8, 4), {}),
    ("TPU v5p", (2, 2, 2), 1, (2, 4), {}), ("TPU v5", (2, 2, 4), 2, (4, 8), {}),
    ("TPU7x", (2, 2, 2), 2, (4, 2, 2), {}), ("TPU7x", (4, 4, 2), 2, (8, 8), {}),
    ("TPU7", (4, 4, 2), 2, (16, 2, 2), {}),
]
WANTED = [
    ((8,), [0, 1, 2, 3, 6, 7, 4, 5], 132),
    ((4, 8), [0, 1, 2, 3, 6, 7, 4, 5], 10384),
    ((2, 16), [0, 1, 2, 3, 4, 5, 6, 7], 10416),
    ((4,), [0, 1, 3, 2], 13),
    ((1, 4, 4), [0, 2, 1, 3, 4, 6, 5, 7], 1236),
    ((1, 16, 4), [0, 1, 2, 3, 16, 17, 18, 19], 73824),
    ((16, 8, 1), [0, 16, 32, 48, 64, 80, 96, 112], 537120),
    ((1, 32, 8), [0, 4, 8, 12, 16, 20, 24, 28], 4531520),
    ((64, 4), [0, 1, 2, 3, 4, 5, 6, 7], 5559680),
    ((2, 1, 32), [0, 16, 4, 20, 8, 24, 12, 28], 81424),
    ((2, 4, 1, 16), [0, 4, 8, 12, 1, 5, 9, 13], 689440),
    ((2, 2), [0, 1, 3, 2], 13),
    ((8,), [0, 1, 2, 3, 7, 6, 5, 4], 130),
    ((8,), [0, 4, 2, 6, 1, 5, 3, 7], 122),
    ((1, 16), [0, 1, 2, 3, 7, 6, 5, 9], 1132),
    ((4, 4), [0, 1, 2, 3, 4, 5, 6, 7], 1240),
    ((8, 4), [0, 1, 2, 3, 4, 5, 6, 7], 10416),
    ((2, 4), [0, 1, 3, 2, 6, 7, 5, 4], 130),
    ((4, 8), [0, 1, 4, 5, 2, 3, 6, 7], 10384),
    ((4, 2, 2), [0, 1, 2, 3, 6, 7, 4, 5], 1224),
    ((8, 8), [0, 1, 2, 3, 4, 5, 6, 7], 78176),
    ((16, 2, 2), [0, 1, 32, 33, 8, 9, 40, 41], 69664),
]


@pytest.mark.parametrize("case, want", [*zip(CASES, WANTED, strict=True)], ids=str)
def test_devices_stand_where_jax_puts_them(case, want):
    kind, bounds, cores, shape, options = case
    assert summary(create_device_mesh(shape, chips(kind, bounds, cores), **options)) == want


@pytest.mark.parametrize("shape, outer, want", [
    ((1, 16, 4), (2, 1, 1), ((2, 16, 4), [0, 1, 2, 3, 16, 17, 18, 19], 667840)),
    ((1, 4, 16), (1, 2, 1), ((1, 8, 16), [0, 4, 8, 12, 1, 5, 9, 13], 689440)),
])
def test_slices_are_the_outer_part_of_each_axis(shape, outer, want):
    devices = chips("TPU v4", (4, 4, 4), slices=2)
    assert summary(create_hybrid_device_mesh(shape, outer, devices)) == want
    mixed = [*devices[64:], *devices[:64]]
    assert summary(create_hybrid_device_mesh(shape, outer, mixed)) == want
    reversed_slices = create_hybrid_device_mesh(shape, outer, mixed,
                                                should_sort_granules_by_key=False)
    assert reversed_slices.flat[0].slice_index == 1
    with pytest.raises(ValueError, match="Number of slices 2 must equal the product"):
        create_hybrid_device_mesh(shape, (1, 1, 1), devices)


def test_split_axes_multiply_to_those_of_both():
    grid = physical_grid(chips("TPU v4", (4, 4, 8)))
    for shape in [(2, 64), (16, 4, 2), (1, 2, 2, 32), (8, 16)]:
        mesh, assignment = over_split_grid(grid, shape)
        assert mesh.shape == shape and len({d.id for d in mesh.flat}) == 128
        assert assignment.prod(0).tolist() == [*shape]
        assert assignment.prod(1).tolist() == [4, 4, 8]


@pytest.mark.parametrize("make, error, message", [
    (lambda: create_device_mesh(((4,), 4)), ValueError, "should be a sequence of ints"),
    (lambda: create_device_mesh((3,), ingot.devices()[:2]), ValueError, "Number of devices 2 must"),
    (lambda: create_device_mesh((2, 32), chips("TPU v4", (4, 4, 4))), NotImplementedError,
     "allow_split_physical_axes"),
    (lambda: create_device_mesh((7,), chips("TPU v4", (2, 2, 2))[:7]), AssertionError,
     "not a contiguous cuboid"),
    (lambda: create_device_mesh((8,), chips("TPU v4", (2, 2, 1), 2)), AssertionError, "megacore"),
    (lambda: create_device_mesh((1, 16, 8), chips("TPU v4", (4, 4, 8)), contiguous_submeshes=True),
     ValueError, "for physical mesh topology"),
    (lambda: create_device_mesh((1, 128, 2), chips("TPU v4", (4, 8, 8)), contiguous_submeshes=True),
     ValueError, "Available mesh_shapes"),
    (lambda: create_hybrid_device_mesh((1,), (1,), ingot.devices()[:1]), ValueError,
     "process_is_granule"),
])
def test_what_makes_no_mesh_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_meshes_of_chips_that_are_not_here():
    """A mesh can be planned for a machine, and shapes of parts asked for, without the machine."""
    mesh = ingot.sharding.Mesh(create_device_mesh((4, 4), chips("TPU v4", (2, 2, 4))), ("x", "y"))
    sharding = ingot.NamedSharding(mesh, ingot.P("x", ("y",)))
    assert sharding.shard_shape((8, 12)) == (2, 3)
    assert len(sharding.devices_indices_map((8, 12))) == 16
    assert mesh.abstract_mesh.abstract_device.device_kind == "TPU v4"
    assert mesh.local_mesh is mesh
    with pytest.raises(ValueError, match="id and platform"):
        ingot.sharding.Mesh([0, 1], ("x",))


def spread(processes):
    """A mesh of 2 x 4 devices of these processes."""
    return Mesh(np.array([At1(k, p) for k, p in enumerate(processes)]).reshape(2, 4), ("x", "y"))


class At1:
    """A device of some process, seen from process 1."""

    def __init__(self, k, process):
        self.id, self.process_index, self.device_kind, self.platform = k, process, "TPU v4", "tpu"
        self.client = self.Client()

    class Client:
        def process_index(self):
            return 1


@pytest.mark.parametrize("processes, spec, want", [
    ([0, 0, 1, 1] * 2, P(), (4, 6)), ([0, 0, 1, 1] * 2, P("x", "y"), (4, 12)),
    ([0, 0, 1, 1] * 2, P("y", "x"), (8, 6)), ([0, 0, 1, 1] * 2, P(("x", "y")), (8, 6)),
    ([0] * 4 + [1] * 4, P("x", "y"), (8, 6)), ([0, 1, 1, 0, 1, 0, 0, 1], P("x", "y"), (4, 6)),
    ([0, 1, 1, 1, 0, 0, 0, 1], P("y", "x"), (None, 6))])
def test_whole_shapes_follow_from_those_of_one_process(processes, spec, want):
    assert local_to_global_shape(NamedSharding(spread(processes), spec), (4, 6)) == want


def test_blocks_of_a_mesh_belong_to_processes():
    mesh = spread([0, 0, 1, 1] * 2)
    ids = [[d.id for d in mesh._local_mesh(k).devices.flat] for k in (0, 1)]
    assert ids == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert mesh.local_mesh == mesh._local_mesh(1)
    with pytest.raises(ValueError, match="devices of process 1 are not a block"):
        spread([0, 1, 1, 0, 0, 1, 0, 1])._local_mesh(1)
