"""Meshes, specs, shardings, and arrays divided by them, against facts about JAX.

The facts are kept in `tests/facts/`; where JAX is installed, a process of its own asks it again.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from facts import is_asked, namespace, outcome, read
from ingot import lax, sharding
from ingot.api.formats import Format, Layout, with_layout_constraint
from ingot.compat.meshes import top_level_all_gather
from ingot.compat.top import device_put_replicated, device_put_sharded
from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.experimental.compute_on import compute_on

P = ingot.P
FILES = ("shardings", "arrays", "jit", "ahead", "shard_map", "explicit")

DIFFERENT = {
    'P("x") + 3': "JAX raises NotImplementedError, Python's own sequences a TypeError",
    **dict.fromkeys((line for line, expected in read("shard_map")
                     if expected == "! AssertionError"),
        "an assertion of JAX fails, which is no answer"),
    "jit(lambda: jnp.zeros((8, 4), device=s))().sharding":
        "JAX makes a constant on the first device",
    'reshard(np.ones(3), E("x"))': "IndivisibleError, which is a ValueError",
}


@pytest.mark.parametrize("name", FILES)
def test_outcomes_are_those_of_jax(name):
    wrong = []
    with config.override("num_cpu_devices", 8):
        names = namespace(ingot, sharding, jnp)
        for line, expected in read(name):
            if is_asked(line) and line not in DIFFERENT:
                found = outcome(line, names)
                if found != expected:
                    wrong.append(f"{line}\n  ingot: {found}\n  JAX:   {expected}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.oracle
@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.parametrize("name", FILES)
def test_facts_are_still_true(name):
    """What JAX of the version of the facts says is what is written down."""
    script = ("import facts, sys\n"
              "names = facts.of_jax()\n"
              "if names['jax'].__version_info__ < (0, 12): sys.exit(77)\n"
              f"for line, expected in facts.read({name!r}):\n"
              "    if facts.is_asked(line) and facts.outcome(line, names) != expected:\n"
              "        print('CHANGED', line)\n")
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parent,
                          capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("the facts are those of JAX 0.12")
    assert done.returncode == 0, done.stderr
    assert "CHANGED" not in done.stdout, done.stdout  # JAX prints as well


@pytest.fixture
def place():
    with config.override("num_cpu_devices", 8):
        mesh = sharding.make_mesh((2, 4), ("x", "y"), axis_types=(sharding.AxisType.Auto,) * 2)
        yield lambda *spec: sharding.NamedSharding(mesh, sharding.PartitionSpec(*spec))


def test_native_calls_do_not_serve_arrays_that_lie_elsewhere(place):
    """Calls that were recorded for plain arrays of a type leave others of this type to Python."""
    double, x = ingot.jit(lambda x: 2 * x), jnp.ones((8, 4))
    placed = ingot.device_put(x, place("x"))
    for _ in range(50):
        assert double(x).committed is False
        assert double(placed).sharding == place("x")
        assert (placed + 1).sharding == place("x") and (x + 1).committed is False


def test_shards_are_views_and_parts_make_the_whole(place):
    x = ingot.device_put(np.arange(32.0).reshape(8, 4), place("y", "x"))
    whole = np.empty((8, 4))
    for shard in x.addressable_shards:
        assert np.shares_memory(np.asarray(shard.data), np.asarray(x))
        assert shard.data.devices() == {shard.device}
        whole[shard.index] = shard.data
    np.testing.assert_array_equal(whole, x)


@pytest.mark.parametrize("shape", [(), (0, 4), (8, 0)], ids=str)
@pytest.mark.parametrize("dtype", ["bool", "int8", "float32", "complex128", "bfloat16"])
def test_empty_and_scalar_arrays_of_all_dtypes_lie_where_they_are_put(place, shape, dtype):
    x = ingot.device_put(jnp.ones(shape, dtype), place(*["x", "y"][:len(shape)]))
    assert len(x.addressable_shards) == 8 and (x == x).devices() == x.devices()
    assert ingot.jit(lambda x: x)(x).dtype == x.dtype


def test_donated_arrays_that_lie_elsewhere_are_deleted(place):
    x = ingot.device_put(np.ones((8, 4)), place("x"))
    out = ingot.jit(lambda x: x + 1, donate_argnums=0)(x)
    assert x.is_deleted() and out.sharding == place("x") and float(out.sum()) == 64


A_PART = np.stack([np.eye(3) * 2 + 0.1, np.eye(3) * 4 - 0.1])


@pytest.mark.parametrize("fun", [
    jnp.linalg.inv,
    lambda a: jnp.linalg.solve(a, jnp.ones((1, 3, 1))),
    lambda a: lax.custom_root(lambda x: x - a.sum(), 0.0, lambda f, x: x - f(x),
                              lambda g, y: y / g(1.0))[None],
    lambda a: ingot.random.poisson(ingot.random.key(0), a),
    lambda a: ingot.random.binomial(ingot.random.key(0), 5.0, a / 8),
    lambda a: ingot.random.gamma(ingot.random.key(0), a + 1),
], ids=["inv", "solve", "custom_root", "poisson", "binomial", "gamma"])
def test_solvers_and_samplers_inside_shard_map_start_as_they_vary(fun):
    mesh = sharding.make_mesh((2,), "x", (sharding.AxisType.Auto,))
    mapped = ingot.shard_map(fun, mesh=mesh, in_specs=ingot.P("x"), out_specs=ingot.P("x"))
    wanted = np.concatenate([fun(A_PART[:1]), fun(A_PART[1:])])
    for f in (mapped, ingot.jit(mapped)):
        np.testing.assert_allclose(f(A_PART), wanted, rtol=1e-12)


# ---- memories and layouts ------------------------------------------------------------------------
@pytest.fixture(params=["llvm", *(["xla"] if find_spec("jaxlib") else [])])
def backend(request):
    with config.override("backend", request.param):
        yield request.param


def test_arrays_lie_in_the_memory_that_is_asked_for(backend):
    devices, space = ingot.devices(), ingot.memory.Space
    mesh = sharding.Mesh(np.array(devices[:2]), ("x",))
    for place in (sharding.make_single_device_sharding(devices[1]),
                  sharding.NamedSharding(mesh, sharding.PartitionSpec("x")),
                  sharding.PositionalSharding(devices[:2])):
        host = place.with_memory_kind("pinned_host")
        x = ingot.device_put(np.arange(4.0), host)
        assert x.sharding == host
        assert ingot.device_put(x, space.Device).sharding == place
        assert ingot.device_put(ingot.device_put(x, place), space.Host).sharding == host
        assert ingot.device_put(x, space.Any).sharding == host
        for told in (host, place):
            y = ingot.jit(lambda x: 2 * x, in_shardings=host, out_shardings=told)(x)
            assert y.sharding.is_equivalent_to(told, 1)
            np.testing.assert_array_equal(y + x, 3 * np.arange(4.0))
    assert not ingot.device_put(jnp.ones(2), space.Host)._committed


def test_parts_that_are_computed_elsewhere(backend):
    space = ingot.memory.Space

    @compute_on(compute_type="device_host", out_memory_spaces=(space.Host, space.Device))
    def part(x, y):
        return x * y, {"sum": x + y}

    product, rest = part(jnp.ones(2), 3.0)
    assert (product.sharding.memory_kind, rest["sum"].sharding.memory_kind) == (
        "pinned_host", "device")
    assert ingot.grad(ingot.jit(lambda x: part(x, x)[0]))(2.0) == 4
    assert (ingot.vmap(part)(np.ones(3), np.ones(3))[1]["sum"] == 2).all()
    with pytest.raises(ValueError, match="Invalid compute type 'gpu'"):
        compute_on(jnp.sin, compute_type="gpu", out_memory_spaces=space.Device)
    with pytest.raises(ValueError, match="got 'host'"):
        compute_on(jnp.sin, compute_type="device", out_memory_spaces="host")


def test_layouts_are_asked_for_in_programs(backend):
    def fun(x):
        return 2 * with_layout_constraint(x.T, Layout((1, 0)))

    x = np.arange(6.0).reshape(2, 3)
    for f in (fun, ingot.jit(fun), lambda x: ingot.vmap(fun)(x[None])[0]):
        np.testing.assert_array_equal(f(x), 2 * x.T)
    text = ingot.jit(ingot.vmap(fun, 2)).lower(np.ones((2, 3, 4))).as_text("stablehlo")
    assert text.count("LayoutConstraint") == text.count("dense<[1, 2, 0]>") // 2 == 1


@pytest.mark.parametrize(("error", "message", "call"), [
    (ValueError, "Length of major_to_minor", lambda x, at: with_layout_constraint(x, at.layout)),
    (ValueError, "must be of type `Layout`", lambda x, at: with_layout_constraint(x, at)),
    (ValueError, "Length of major_to_minor", ingot.device_put),
    (ValueError, "Length of major_to_minor", lambda x, at: ingot.jit(jnp.sin, in_shardings=at)(x)),
    (ValueError, "Length of major_to_minor", lambda x, at: ingot.jit(jnp.sin, out_shardings=at)(x)),
    (ValueError, "sharding and layout should be concrete",
     lambda x, at: ingot.device_put(x, Format(Layout.AUTO, at.sharding))),
    (ValueError, "does not accept device-local layouts",
     lambda x, at: ingot.jit(jnp.sin, in_shardings=at.layout)),
    (TypeError, "cannot be used in place", lambda x, at: ingot.make_array_from_callback(
        (3,), Format(Layout.AUTO, at.sharding), lambda _: x))])
def test_layouts_that_do_not_fit(error, message, call):
    with pytest.raises(error, match=message):
        call(jnp.ones(3), Format(Layout((0, 1)), sharding.make_single_device_sharding()))


def test_types_are_divided_into_equal_parts():
    mesh = sharding.AbstractMesh((2,), ("x",), axis_types=(sharding.AxisType.Explicit,))
    place = sharding.NamedSharding(mesh, ingot.P("x"))
    assert ShapedArray((8, 2), np.float32, sharding=place).str_short() == "float32[8@x,2]"
    with pytest.raises(ValueError, match="2, does not evenly divide the dimension size 5"):
        ShapedArray((5, 2), np.float32, sharding=place)


@pytest.mark.parametrize(("have", "want", "multi_dim", "message"), [
    (P("x", "y"), P(None, None, reduced={"x", "y"}), True, None),
    (P(("x", "y")), P("x", reduced={"y"}), False, None),
    (P(None, "y"), P("x", "y"), False, "the input to be unsharded"),
    (P("x", "y"), P(), False, "multiple dimensions"),
    (P(("x", "y")), P("y"), False, "prefix of in_spec"),
])
def test_parts_are_gathered_outside_of_shard_map(have, want, multi_dim, message):
    with config.override("num_cpu_devices", 4), ingot.set_mesh(ingot.make_mesh((2, 2), ("x", "y"))):
        x = ingot.device_put(np.arange(16.0).reshape(8, 2), have)
        gather = ingot.jit(lambda x: top_level_all_gather(x, want, multi_dim=multi_dim))
        if message is not None:
            with pytest.raises(ValueError, match=message):
                gather(x)
            return
        assert ingot.typeof(gather(x)).sharding.spec == want.padded(2)
        np.testing.assert_array_equal(gather(x), x)


def test_one_system_is_solved_for_a_divided_axis():
    a = np.random.default_rng(0).normal(size=(3, 3))
    with config.override("num_cpu_devices", 2), ingot.set_mesh(ingot.make_mesh((2,), "x")):
        b = ingot.device_put(np.ones((4, 3)), P("x"))
        for f in (ingot.vmap(jnp.linalg.solve, (None, 0)),
                  ingot.jit(ingot.vmap(jnp.linalg.solve, (None, 0)))):
            np.testing.assert_allclose(f(a, b), np.linalg.solve(a, np.ones((3, 4))).T)


def test_constraints_by_specs_hold_for_any_devices_of_a_mesh():
    with config.override("num_cpu_devices", 2):
        mesh = ingot.make_mesh((2,), "x", axis_types=sharding.AxisType.Auto)
        with ingot.set_mesh(mesh):
            f = ingot.jit(lambda x: lax.with_sharding_constraint(x, P("x")))
            (eqn,) = f.trace(np.ones(4)).jaxpr.eqns
            assert eqn.params["sharding"].mesh == mesh.abstract_mesh
            assert f(np.ones(4)).sharding == sharding.NamedSharding(mesh, P("x"))


@pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")
def test_the_text_of_a_divided_program_shows_what_devices_exchange():
    with config.override("num_cpu_devices", 4), ingot.set_mesh(ingot.make_mesh((2, 2), ("x", "y"))):
        x = ingot.device_put(np.ones((8, 4)), P("x", "y"))
        compiled = ingot.jit(lambda x: x.sum(0)).lower(x).compile()
        assert "all-reduce" in compiled.as_text("hlo")
        assert "all-reduce" not in compiled.as_text()
        with config.override("match_jax", True):
            assert compiled.as_text() == compiled.as_text("hlo")
    with config.override("match_jax", True):
        one = ingot.jit(lambda x: x.sum(0)).lower(np.ones((8, 4))).compile()
        assert "HloModule" not in one.as_text()


@pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")
def test_texts_have_the_constraints_of_programs_whose_arguments_lie_anywhere():
    with config.override("num_cpu_devices", 2):
        mesh = ingot.make_mesh((2,), "x", axis_types=sharding.AxisType.Auto)
        f = ingot.jit(lambda x: lax.with_sharding_constraint(
            x + 1, sharding.NamedSharding(mesh, P("x"))))
        lowered = f.lower(np.ones(4))
        assert '<@mesh, [{"x"}]>' in lowered.as_text("stablehlo")
        assert "sharding={devices=[2]<=[2]}" in lowered.as_text("hlo")
        with config.override("match_jax", True):
            assert "num_partitions=2" in lowered.compile().as_text()


@pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")
def test_programs_are_staged_for_the_mesh_in_force():
    mesh = sharding.AbstractMesh((2,), ("x",), (sharding.AxisType.Explicit,))
    with sharding.use_abstract_mesh(mesh):
        lowered = ingot.jit(lambda x: 2 * x).trace(np.ones((8, 2))).lower()
    assert "mhlo.num_partitions = 2" in lowered.as_text()


def test_types_of_results_know_where_jit_was_told_that_they_lie():
    with config.override("num_cpu_devices", 2):
        mesh = ingot.make_mesh((2,), "x", axis_types=sharding.AxisType.Auto)
        where = sharding.NamedSharding(mesh, P("x"))
        f = ingot.jit(lambda x: {"a": x + 1, "b": x.sum()}, out_shardings={"a": where, "b": None})
        x = np.ones(4)
        for found in (ingot.eval_shape(f, x), f.eval_shape(x), f.trace(x).out_info,
                      f.lower(x).out_info, ingot.eval_shape(f, ingot.ShapeDtypeStruct((4,), "f8"))):
            assert found["a"].sharding == where and found["b"].sharding is None
            assert found["a"].shape == (4,) and found["b"].shape == ()


def test_constraints_over_another_arrangement_of_the_devices_leave_values_as_they_are():
    auto = (sharding.AxisType.Auto,) * 2
    with config.override("num_cpu_devices", 4), ingot.set_mesh(
            ingot.make_mesh((2, 2), ("x", "y"), axis_types=auto)):
        mesh = sharding.get_mesh()
        other = mesh.abstract_mesh.update(axis_sizes=(4, 1), axis_names=("a", "b"))

        def f(x):
            with sharding.use_abstract_mesh(other):
                return lax.with_sharding_constraint(jnp.sin(x), P(("a", "b"), None)) * 2

        x = np.arange(16.0).reshape(8, 2)
        out = ingot.jit(f)(ingot.device_put(x, P("x", "y")))
        np.testing.assert_allclose(out, 2 * np.sin(x), rtol=1e-15)
        assert out.sharding.device_set == set(mesh.devices.flat)


def test_parts_that_explicit_axes_divide_further_are_joined():
    with config.override("num_cpu_devices", 4), ingot.set_mesh(ingot.make_mesh((2, 2), ("x", "y"))):
        x = np.arange(16.0).reshape(8, 2)
        given = ingot.device_put(x, P(("x", "y"), None))
        f = ingot.shard_map(lambda x: jnp.sin(x) * 2, out_specs=P("x"), axis_names={"x"})
        total = lambda x: ingot.reshard(f(x), P()).sum()
        for run in (f, ingot.jit(f)):
            out = run(given)
            assert out.sharding.spec == P(("x", "y"), None)
            np.testing.assert_allclose(out, 2 * np.sin(x), rtol=1e-15)
        np.testing.assert_allclose(ingot.grad(total)(given), 2 * np.cos(x), rtol=1e-15)


def test_errors_say_what_the_user_wrote_that_needs_other_devices():
    with config.override("num_cpu_devices", 4):
        first = ingot.device_put(np.ones((4, 4)), ingot.devices()[0])
        where = sharding.NamedSharding(sharding.Mesh(np.array(ingot.devices()[:2]), "x"), P("x"))
        for inner, said in ((ingot.jit(lambda x: x, in_shardings=where), "jit"),
                            (ingot.jit(lambda x: x, out_shardings=where), "jit"),
                            (lambda x: lax.with_sharding_constraint(x, where),
                             "sharding_constraint")):
            for fun in (inner, ingot.vmap(inner)):
                with pytest.raises(ValueError, match=rf"and {said} inside jit with device ids"):
                    ingot.jit(lambda x, fun=fun: fun(x))(first)


def test_what_keeps_parts_apart_exchanges_nothing():
    with config.override("num_cpu_devices", 2), ingot.set_mesh(ingot.make_mesh((2,), "x")):
        x = ingot.device_put(np.ones((8, 4)), P("x"))
        f = ingot.jit(lambda x: lax.reduce_sum(x, (0,), out_sharding=P(unreduced={"x"})))
        with config.override("match_jax", True):
            assert "all-reduce" not in f.lower(x).compile().as_text()


def test_keys_are_put_on_devices_side_by_side():
    keys = ingot.random.split(ingot.random.key(0), 2)
    with config.override("num_cpu_devices", 2):
        out = device_put_sharded(list(keys), ingot.devices())
        assert out.shape == (2,) and out.sharding.device_set == set(ingot.devices())
        assert (out == keys).all() and (device_put_replicated(keys[1], ingot.devices())
                                        == keys[1]).all()
