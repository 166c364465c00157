"""Arrays divided over the devices of XLA's CPU client, and programs that are compiled for them."""

from importlib.util import find_spec

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot.core import backend
from ingot.core.backend import CompileOptions
from ingot.sharding import Mesh, NamedSharding, PartitionSpec as P, shard_map

pytestmark = pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")

SPECS = [P(), P("x"), P(None, "y"), P("x", "y"), P("y", "x"), P(("x", "y")), P(("y", "x")),
         P(None, ("y", "x"))]
X = np.arange(32.0).reshape(8, 4) / 7


def mesh(order=(0, 1, 2, 3)):
    devices = ingot.devices("xla")
    return Mesh(np.array([devices[k] for k in order]).reshape(2, 2), ("x", "y"))


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1)], ids=["in order", "permuted"])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_arrays_come_back_as_they_were_put(spec, order):
    sharding = NamedSharding(mesh(order), spec)
    x = ingot.device_put(X, sharding)
    assert x.sharding == sharding
    np.testing.assert_array_equal(x, X)
    y = ingot.jit(lambda x: x + 1, backend="xla")(x)
    assert y.sharding.is_equivalent_to(sharding, 2)
    np.testing.assert_array_equal(y, X + 1)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_programs_on_divided_arguments(spec):
    def fun(x, w):
        scores = ingot.nn.softmax(x @ w)
        return jnp.sort(scores, axis=0).sum(), jnp.linalg.norm(x), scores.T

    w = np.random.default_rng(0).normal(size=(4, 4))
    x = ingot.device_put(X, NamedSharding(mesh(), spec))
    outs, wanted = ingot.jit(fun, backend="xla")(x, w), fun(X, w)
    for out, want in zip(outs, wanted, strict=True):
        assert out.sharding.device_set == set(ingot.devices("xla")[:4])
        np.testing.assert_allclose(out, want, rtol=1e-12)
    grad = ingot.jit(ingot.grad(lambda x: fun(x, w)[0] * fun(x, w)[1]), backend="xla")(x)
    np.testing.assert_allclose(grad, ingot.grad(lambda x: fun(x, w)[0] * fun(x, w)[1])(X),
                               rtol=1e-9, atol=1e-12)


def test_options_say_where_arguments_and_results_lie():
    jaxpr = ingot.make_jaxpr(lambda x, y: x.T @ y)(X, X)
    over_x, over_y = (NamedSharding(mesh(), P(name)) for name in "xy")
    executable = backend.compile_jaxpr(jaxpr, "xla", CompileOptions(
        in_shardings=(over_x, over_x), out_shardings=(over_y,)))
    assert "sdy.sharding" in executable.as_text("stablehlo")
    assert "all-reduce" in executable.as_text("hlo")  # the contracted axis is divided
    client = backend.get_backend("xla")
    (out,) = executable(X, X)
    assert client.sharding_of(out) == over_y
    np.testing.assert_allclose(client.fetch(out), X.T @ X)


def test_arrays_move_between_meshes_and_devices():
    x = ingot.device_put(X, NamedSharding(mesh(), P("x")))
    there = ingot.device_put(x, NamedSharding(mesh((3, 2, 1, 0)), P(None, "y")))
    np.testing.assert_array_equal(there, X)
    alone = ingot.device_put(there, ingot.devices("xla")[2])
    assert alone.device == ingot.devices("xla")[2]
    both = ingot.jit(lambda x, y: x - y, backend="xla")(alone, x)
    assert not both.any() and both.sharding.device_set == x.sharding.device_set


def test_keys_and_donated_memory():
    keys = ingot.device_put(ingot.random.split(ingot.random.key(0), 8),
                            NamedSharding(mesh(), P(("x", "y"))))
    draw = ingot.jit(ingot.vmap(lambda k: ingot.random.normal(k, (2,))), backend="xla")
    np.testing.assert_allclose(draw(keys), ingot.vmap(lambda k: ingot.random.normal(k, (2,)))(
        ingot.random.split(ingot.random.key(0), 8)), rtol=1e-12)
    f = ingot.jit(lambda x: x + 1, donate_argnums=0, backend="xla")
    x = ingot.device_put(X, NamedSharding(mesh(), P("x")))
    np.testing.assert_array_equal(f(x), X + 1)
    assert x.is_deleted()


def test_constraints_and_manual_parts():
    over = NamedSharding(mesh(), P("y"))
    f = ingot.jit(lambda x: ingot.lax.with_sharding_constraint(x * 2, over), backend="xla")
    x = ingot.device_put(X, NamedSharding(mesh(), P("x")))
    assert f(x).sharding.is_equivalent_to(over, 2)
    np.testing.assert_array_equal(f(x), 2 * X)
    total = shard_map(lambda x: ingot.lax.psum(x, "x"), mesh=mesh(), in_specs=P("x"),
                      out_specs=P())
    np.testing.assert_allclose(ingot.jit(total, backend="xla")(x), X[:4] + X[4:])


def test_many_calls_under_way_do_not_keep_devices_from_meeting():
    """Parts of later programs, which wait in a collective, took the threads of the first one."""
    step = ingot.jit(lambda x: x - x.mean(), backend="xla")
    x = ingot.device_put(X, NamedSharding(mesh(), P(("x", "y"))))
    for _ in range(300):
        x = step(x)
    np.testing.assert_allclose(x, X - X.mean(), atol=1e-15)
