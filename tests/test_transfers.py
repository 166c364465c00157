"""Transfer guards: what is refused on the CPU by JAX is refused, in each direction and level."""

import logging

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot.compat import top
from ingot.config import config
from ingot.errors import JaxRuntimeError
from ingot.sharding import NamedSharding, PartitionSpec as P, SingleDeviceSharding, make_mesh

N = np.ones(4, "float32")
GUARDS = {"host_to_device": ingot.transfer_guard_host_to_device,
          "device_to_device": ingot.transfer_guard_device_to_device,
          "device_to_host": ingot.transfer_guard_device_to_host}


@pytest.fixture(autouse=True)
def several_devices():
    with config.override("num_cpu_devices", 8):
        yield


def halves():
    return NamedSharding(make_mesh((2,), ("x",), axis_types=(ingot.sharding.AxisType.Auto,)),
                         P("x"))


def plain(x):
    return x + x


# An action, from what it needs, with the direction of what it moves and whether it asks for that.
ACTIONS = {
    "device_put": (lambda: (N,), ingot.device_put, "host_to_device", True),
    "device_put elsewhere": (lambda: (N, halves()), ingot.device_put, "host_to_device", True),
    "device_put of a number": (lambda: (1.5,), ingot.device_put, "host_to_device", True),
    "array": (lambda: (N,), jnp.array, "host_to_device", False),
    "array of a list": (lambda: ([1.0, 2.0],), jnp.asarray, "host_to_device", False),
    "jit": (lambda: (N,), ingot.jit(plain), "host_to_device", False),
    "jit of a number": (lambda: (1.5,), ingot.jit(plain), "host_to_device", False),
    "operation": (lambda: (N,), jnp.sin, "host_to_device", False),
    "operator": (lambda: (jnp.ones(4), 1), lambda x, n: x + n, "host_to_device", False),
    "ones": (lambda: (3,), jnp.ones, "host_to_device", False),
    "another device": (lambda: (jnp.ones(4), ingot.devices()[1]), ingot.device_put,
                       "device_to_device", True),
    "more devices": (lambda: (jnp.ones(4), halves()), ingot.device_put, "device_to_device", True),
    "told by jit": (lambda: (jnp.ones(4),), lambda x: ingot.jit(plain, in_shardings=halves())(x),
                    "device_to_device", False),
    "meeting in jit": (lambda: (jnp.ones(4), ingot.device_put(N, halves())),
                       ingot.jit(lambda x, y: x + y), "device_to_device", False),
    # Nothing moves:
    "jit of an array": (lambda: (jnp.ones(4),), ingot.jit(plain), None, False),
    "constant in jit": (lambda: (jnp.ones(4),), lambda x: ingot.jit(lambda x: x * N + 1)(x), None,
                        False),
    "the same device": (lambda: (jnp.ones(4), ingot.devices()[0]), ingot.device_put, None, True),
    "to the host": (lambda: (jnp.ones(4),), np.asarray, None, False),
    "got by the host": (lambda: (jnp.ones(4),), ingot.device_get, None, True),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_what_moves_is_refused_as_the_guard_of_its_direction_says(name):
    given, act, moves, explicit = ACTIONS[name]
    for direction, guard in GUARDS.items():
        for level in ("allow", "log", "log_explicit", "disallow", "disallow_explicit"):
            args = given()
            act(*args)  # short cuts of later calls have to see the guard too
            refused = direction == moves and level.startswith("disallow") and (
                level == "disallow_explicit" or not explicit)
            with guard(level):
                if not refused:
                    act(*args)
                    continue
                for _ in range(3):
                    with pytest.raises(JaxRuntimeError, match=direction.replace("_", "-")):
                        act(*args)


def test_what_is_logged_is_done(caplog):
    double = ingot.jit(plain)
    with caplog.at_level(logging.WARNING), GUARDS["host_to_device"]("log"):
        results = double(N), ingot.device_put(N)
    assert [x.tolist() for x in results] == [[2.0] * 4, [1.0] * 4]
    assert [r.message for r in caplog.records] == [
        "host-to-device transfer: aval=ShapedArray(float32[4])"]


def test_the_guard_of_all_directions_under_the_hook():
    double, place = ingot.jit(plain), SingleDeviceSharding(ingot.devices()[1])
    for _ in range(20):
        double(N)
    with top.transfer_guard("disallow"):
        with pytest.raises(JaxRuntimeError, match=r"Disallowed host-to-device transfer: aval=.*4"):
            double(N)
        x = ingot.device_put(N, place)
        assert double(x).sharding == place
        with top.transfer_guard("allow"):
            double(N)
    top.config.update("jax_transfer_guard", "disallow_explicit")
    try:
        with pytest.raises(JaxRuntimeError, match="dst_sharding=SingleDevice"):
            ingot.device_put(N, place)
        with pytest.raises(JaxRuntimeError, match="Disallowed"):
            double(N)
    finally:
        top.config.update("jax_transfer_guard", None)
    double(N)
