"""Shardings as XLA describes them, beside our own and beside jaxlib's."""

import itertools
import pickle
from importlib.util import find_spec

import numpy as np
import pytest

import ingot
from ingot.compat import meshes, prng, states
from ingot.compat.hlo_sharding import HloSharding, OpSharding, Type
from ingot.compat.op_shardings import (
    GSPMDSharding,
    are_hlo_shardings_equal,
    parse_flatten_op_sharding,
    to_hlo,
    to_sdy,
)
from ingot.config import config
from ingot.errors import JaxRuntimeError
from ingot.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec as P, make_mesh

SHAPE = (16, 24, 32)
SPECS = [P(), P("x"), P("y"), P(None, "x"), P("y", "x"), P(("x", "y")), P(("y", "x"), "z"),
         P("z", None, ("x", "y")), P(None, ("z", "x"), "y"), P(("z", "y", "x")), P("x", "y", "z")]
SIZES = [(2, 2, 2), (1, 2, 4), (4, 1, 2), (8, 1, 1), (1, 1, 1)]
MESSAGES = [
    OpSharding(Type.REPLICATED), OpSharding(Type.MANUAL),
    OpSharding(Type.MAXIMAL, [1], [3]),
    OpSharding(Type.OTHER, [2, 4], [0, 2, 4, 6, 1, 3, 5, 7]),
    OpSharding(Type.OTHER, [2, 4], iota_reshape_dims=[4, 2], iota_transpose_perm=[1, 0]),
    OpSharding(Type.OTHER, [2, 1, 4], [*range(8)], replicate_on_last_tile_dim=True),
    OpSharding(Type.OTHER, [2, 2, 2], [*range(8)], last_tile_dims=[Type.REPLICATED, Type.MANUAL]),
    OpSharding(Type.OTHER, [1, 1, 8], [*range(8)], last_tile_dims=[Type.REPLICATED]),
    OpSharding(Type.OTHER, [1, 4, 2], [*range(8)], last_tile_dims=[Type.MANUAL, Type.REPLICATED]),
]


@pytest.fixture(params=itertools.product(SIZES, SPECS), ids=str)
def sharding(request):
    sizes, spec = request.param
    with config.override("num_cpu_devices", 8):
        mesh = make_mesh(sizes, ("x", "y", "z"), axis_types=(AxisType.Auto,) * 3)
        yield NamedSharding(mesh, spec)


def test_xla_puts_the_same_parts_on_the_same_devices(sharding):
    hlo = to_hlo(sharding, 3)
    again = GSPMDSharding(sharding._device_assignment, hlo)
    assert again.devices_indices_map(SHAPE) == sharding.devices_indices_map(SHAPE)
    assert again.is_equivalent_to(sharding, 3) and sharding.is_equivalent_to(again, 3)
    assert again.is_fully_replicated == sharding.is_fully_replicated
    assert pickle.loads(pickle.dumps(again)) == again


def test_results_of_described_arrays_are_described_by_xla():
    with config.override("num_cpu_devices", 8):
        halves = GSPMDSharding(ingot.devices()[:2], OpSharding(Type.OTHER, [2, 1], [0, 1]))
        x = ingot.device_put(np.arange(8).reshape(8, 1), halves)
        results = x * 2, ingot.jit(lambda x: x * 2)(x), ingot.jit(lambda x: x[:, 0])(x)
    whole = GSPMDSharding.get_replicated(ingot.devices()[:2])
    assert [y.sharding for y in results] == [whole] * 3


def test_a_description_is_named_again_by_axes_of_the_mesh(sharding):
    spec, = parse_flatten_op_sharding(to_hlo(sharding, 3), sharding.mesh)
    assert NamedSharding(sharding.mesh, spec).is_equivalent_to(sharding, 3)
    named = to_sdy(GSPMDSharding(sharding._device_assignment, to_hlo(sharding, 3)), 3)
    sizes = dict(named.mesh_shape)
    counts = tuple(int(np.prod([sizes[n] for n in d.axes], dtype=int)) for d in named.dim_shardings)
    assert counts == sharding._grid(3)[0]


@pytest.fixture
def xla():
    return pytest.importorskip("jaxlib.xla_client")


def of_jaxlib(xla, op):
    """A message of ours as jaxlib's sharding."""
    proto = xla.OpSharding()
    for name, value in vars(op).items():
        if name in ("type", "last_tile_dims"):
            kinds = xla.OpSharding.Type
            value = [getattr(kinds, t.name) for t in value] if name != "type" else getattr(
                kinds, value.name)
        if name == "replicate_on_last_tile_dim" or (value and name != "tuple_shardings"
                                                    ) or name == "type":
            setattr(proto, name, value)
    return xla.HloSharding.from_proto(proto)


def test_descriptions_read_as_those_of_jaxlib(xla, sharding):
    hlo = to_hlo(sharding, 3)
    theirs = of_jaxlib(xla, hlo.to_proto())
    if sharding.num_devices == 1:  # which jaxlib calls a tile, or maximal, by its version
        assert theirs.num_devices() == 1 or theirs.is_replicated()
        return
    assert repr(hlo) == repr(theirs)
    assert hlo.tile_assignment_devices() == list(theirs.tile_assignment_devices())


@pytest.mark.parametrize("op", MESSAGES, ids=lambda op: repr(HloSharding.from_proto(op)))
def test_messages_mean_what_they_mean_to_jaxlib(xla, op):
    ours, theirs = HloSharding.from_proto(op), of_jaxlib(xla, op)
    assert repr(ours) == repr(theirs)
    for name in ("is_replicated", "is_manual", "is_tiled", "num_devices",
                 "replicate_on_last_tile_dim", "tile_assignment_dimensions"):
        assert getattr(ours, name)() == getattr(theirs, name)(), name
    kinds = [t.name for t in ours.subgroup_types()]
    assert kinds == [t.name for t in theirs.subgroup_types()]
    for other in MESSAGES:
        same = ours == HloSharding.from_proto(other)
        assert same == (theirs == of_jaxlib(xla, other))


def test_axis_sizes_cut_the_grid_where_tiles_end():
    assert HloSharding.iota_tile((6, 35), (7, 10, 3), (2, 1, 0)).get_axis_sizes() == [7, 2, 5, 3]
    assert HloSharding.iota_tile((4, 2)).get_axis_sizes() == [4, 2]


def test_copies_have_no_order_and_one_device_holds_all():
    one, two = (HloSharding.from_proto(OpSharding(Type.OTHER, [2, 2], devices,
                                                  replicate_on_last_tile_dim=True))
                for devices in ([0, 1, 2, 3], [1, 0, 3, 2]))
    assert one == two and hash(one) == hash(two)
    single = HloSharding.from_proto(OpSharding(Type.OTHER, [1], [0]))
    assert are_hlo_shardings_equal(single, HloSharding.replicate())


@pytest.mark.parametrize("args", [((),), ((2, 2), (2, 4), (1, 0)), ((2, 2), (), (1, 0)),
                                  ((2,), (), (), (Type.MANUAL,) * 2)], ids=str)
def test_grids_that_are_none_are_refused(args):
    with pytest.raises(JaxRuntimeError, match="INVALID_ARGUMENT"):
        HloSharding.iota_tile(*args)


def test_devices_that_stand_along_no_mesh_have_no_form_in_shardy():
    odd = OpSharding(Type.OTHER, [4], [0, 3, 1, 2])
    with config.override("num_cpu_devices", 8), pytest.raises(TypeError, match="Cannot convert"):
        to_sdy(GSPMDSharding(ingot.devices()[:4], odd), 1)


def test_generators_by_their_objects_make_the_keys_of_random():
    bits = prng.threefry_random_bits(np.array([0, 7], np.uint32), 32, (5,))
    np.testing.assert_array_equal(bits, ingot.random.bits(ingot.random.key(7), (5,), "uint32"))
    keys = prng.random_seed(np.arange(3), impl=prng.threefry_prng_impl)
    assert keys.shape == (3,) and keys.dtype == ingot.random.key(0).dtype
    np.testing.assert_array_equal(ingot.random.key_data(keys)[1],
                                  ingot.random.key_data(ingot.random.key(1)))


def test_a_mesh_that_is_entered_is_that_of_pjit_and_of_thread_resources():
    with config.override("num_cpu_devices", 8):
        mesh = make_mesh((2, 4), ("x", "y"), axis_types=(AxisType.Auto,) * 2)
        double = meshes.pjit(lambda x: 2 * x)
        with mesh:
            assert meshes.thread_resources.env.physical_mesh is mesh
            assert double(np.ones(8)).sharding == NamedSharding(mesh, P())
            lowered = meshes.pjit(lambda x: x, P("x"), P("y")).lower(np.ones(8))
            spread = meshes.pjit(lambda x: x, in_shardings=P("x"))(np.ones(8))
            assert spread.sharding.is_equivalent_to(NamedSharding(mesh, P("x")), 1)
            with pytest.raises(RuntimeError, match="requires a non-empty mesh"):
                ingot.jit(lambda x: x, in_shardings=P("x"))(np.ones(8))
        assert double(np.ones(8)).sharding.num_devices == 1
        assert lowered.compile()(np.ones(8)).sharding == NamedSharding(mesh, P("y"))


def test_grids_of_devices_by_their_numbers_are_those_in_order():
    grid = np.arange(8).reshape(2, 2, 2)
    of_numbers = HloSharding.subgroup_with_device_ordering(grid, subgroup_types=[Type.REPLICATED])
    assert of_numbers == HloSharding.iota_tile((2, 2, 2), subgroup_types=[Type.REPLICATED])
    swapped = HloSharding.subgroup_with_device_ordering(grid[::-1], [Type.REPLICATED])
    assert swapped != of_numbers and swapped.tile_assignment_devices() == [4, 5, 6, 7, 0, 1, 2, 3]


def test_the_mesh_that_is_set_is_an_option_of_jax():
    mesh = make_mesh((1,), "x")
    states.device_context.set_local(mesh)
    try:
        assert states.device_context.value is mesh and ingot.sharding.get_mesh() is mesh
    finally:
        states.device_context.set_local(None)
    states.abstract_mesh_context_manager.set_local(AbstractMesh((), ()))
    assert states.abstract_mesh_context_manager.value is None


@pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")
@pytest.mark.parametrize("op", [
    OpSharding(Type.OTHER, [2, 2], [*range(4)]), OpSharding(Type.OTHER, [2, 2], [0, 2, 1, 3]),
    OpSharding(Type.OTHER, [4, 1], [3, 1, 0, 2]), OpSharding(Type.REPLICATED),
    OpSharding(Type.OTHER, [1, 2, 2], [*range(4)], replicate_on_last_tile_dim=True)],
    ids=lambda op: str(HloSharding.from_proto(op)))
def test_programs_of_xla_keep_what_descriptions_divide(op):
    devices = ingot.devices("xla")[:4]
    x, where = np.arange(32.0).reshape(8, 4), GSPMDSharding(devices, op)
    whole = GSPMDSharding.get_replicated(devices)
    for args in ((where,), (where, whole), (whole, where)):
        xs = [ingot.device_put(x, s) for s in args]
        out = ingot.jit(lambda *xs: sum(xs))(*xs)
        np.testing.assert_array_equal(out, len(args) * x)
        if not where.is_fully_replicated:
            assert out.sharding.devices_indices_map(x.shape) == where.devices_indices_map(x.shape)
    out = ingot.jit(lambda x: x + 1, out_shardings=where)(x)
    assert out.sharding == where
    np.testing.assert_array_equal(out, x + 1)
