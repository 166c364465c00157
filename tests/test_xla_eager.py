"""Operations outside of programs on XLA's devices, and by what its devices are chosen."""

from importlib.util import find_spec

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.backends import xla
from ingot.backends.xla.arrays import Memory
from ingot.compat.privates import is_libtpu_at_least, xla_primitive_callable
from ingot.config import config
from ingot.core import backend
from ingot.sharding import Mesh, NamedSharding, PartitionSpec as P

needs_jaxlib = pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")
X = np.arange(32.0).reshape(8, 4) / 7


def devices():
    return ingot.devices("xla")


def divided(*spec):
    return NamedSharding(Mesh(np.array(devices()[:4]).reshape(2, 2), ("x", "y")), P(*spec))


OPERATIONS = {
    "operators": lambda x: -x * 2 + x @ x.T @ x / 3 > x,
    "functions": lambda x: jnp.tanh(x).sum(0) + jnp.linalg.norm(x),
    "indices": lambda x: x[1:, ::2] + x[-1, 0] + x[jnp.array([3]), 1],
    "updates": lambda x: x.at[0].set(5.0).at[:, 1].add(x[0, 0]),
    "sorts": lambda x: (jnp.sort(x, axis=0)[::-1], jnp.argmax(x), jnp.cumsum(x, axis=1)),
    "random": lambda x: ingot.random.normal(ingot.random.key(3), x.shape) + x,
    "scan": lambda x: lax.scan(lambda c, row: (c + row, c.sum()), x[0], x),
    "while": lambda x: lax.while_loop(lambda y: y.sum() < 1000, lambda y: y * 2, x),
    "cond": lambda x: lax.cond(x[0, 0] > 0, jnp.sin, jnp.cos, x),
    "grad": ingot.grad(lambda x: (jnp.sin(x) @ x.T).sum()),
    "vmap": lambda x: ingot.vmap(lambda r: r / r.sum())(x + 1),
    "jit": lambda x: ingot.jit(lambda x, y: (x + y, y))(x, 3),
    "callback": lambda x: ingot.pure_callback(np.sin, x, x),
    "custom": lambda x: ingot.nn.relu(x) + ingot.nn.logsumexp(x),
}


@needs_jaxlib
@pytest.mark.parametrize("place", ["one device", "a mesh"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_follow_their_arguments(name, place):
    where = devices()[1] if place == "one device" else divided("x", "y")
    x = ingot.device_put(X, where)
    outs = ingot.tree.leaves(OPERATIONS[name](x))
    wants = ingot.tree.leaves(OPERATIONS[name](jnp.asarray(X)))
    for out, want in zip(outs, wants, strict=True):
        assert out.sharding.device_set == x.sharding.device_set and out.committed
        assert out.aval.same_type(ingot.typeof(want))
        np.testing.assert_allclose(out, want, rtol=1e-12, atol=1e-12)


@needs_jaxlib
def test_nothing_is_fetched(monkeypatch):
    x, y = (ingot.device_put(X, divided(*spec)) for spec in (("x",), (None, "y")))
    monkeypatch.setattr(Memory, "fetch", lambda *_: pytest.fail("an array was fetched"))
    z = jnp.where(x > 1, (x + y).T.reshape(8, 4), 2.0)[2:].at[0].mul(3.0)
    assert ingot.jit(jnp.sum)(z).committed


@needs_jaxlib
def test_programs_of_an_operation_are_kept(caplog):
    x = ingot.device_put(X, devices()[0])
    with config.override("log_compiles", True):
        for _ in range(3):
            lax.sinh(x)
    assert sum("ompiling" in r.getMessage() for r in caplog.records) <= 1


@needs_jaxlib
def test_chosen_back_end_takes_what_nothing_places():
    first, second = devices()[:2]
    with config.override("backend", "xla"):
        made = [jnp.ones(3), jnp.array([1.0]), jnp.arange(3), ingot.jit(jnp.sin)(0.5),
                lax.add(1, 2), ingot.random.key(0), ingot.device_put(1.5),
                jnp.asarray(X), jnp.zeros((90, 90))]
        assert {x.device for x in made} == {first} and not any(x.committed for x in made)
        x = ingot.device_put(2.0, second)
        assert (x + made[0]).device == second and (x + made[0]).committed
        assert ingot.jit(lambda a, b: a + b)(made[0], x).device == second
        with config.override("default_device", second):
            assert jnp.ones(3).device == second and (made[0] + 1).device == second
            assert ingot.jit(lambda: jnp.ones(2))().device == second
        host = ingot.device_put(X, ingot.devices("llvm")[1])
        assert (host + 1).device == ingot.devices("llvm")[1]
        assert ingot.jit(jnp.sin)(host).device == ingot.devices("llvm")[1]
    assert (made[0] + 1).device == ingot.devices()[0]  # of what is not committed, nothing follows
    assert ingot.jit(jnp.sin)(made[0]).device == ingot.devices()[0]


@needs_jaxlib
def test_jit_follows_committed_arguments():
    f = ingot.jit(lambda x, y: x * 2 + y)
    here, there = (ingot.device_put(1.0, d) for d in (ingot.devices("llvm")[0], devices()[2]))
    for _ in range(30):
        assert f(here, 1.0).device == ingot.devices("llvm")[0]
        assert f(there, 1.0).device == devices()[2] and f(1.0, there).device == devices()[2]
        assert not f(1.0, 1.0).committed
    assert ingot.jit(lambda x: x + 1, backend="xla")(1.0).committed


@needs_jaxlib
def test_arrays_on_different_devices_are_refused():
    x, y = (ingot.device_put(1.0, d) for d in devices()[:2])
    host = ingot.device_put(1.0, ingot.devices("llvm")[0])
    for f in (jnp.add, lambda x, y: x + y, ingot.jit(lambda x, y: x + y),
              lambda x, y: lax.cond(True, jnp.add, jnp.subtract, x, y)):
        with pytest.raises(ValueError, match=r"incompatible devices.*ids \[0\].*device_put"):
            f(x, y)
        with pytest.raises(ValueError, match=r"incompatible devices"):
            f(host, y)
    assert ingot.jit(lambda x, y: y)(x, y).device == devices()[1]  # x is not used


@needs_jaxlib
def test_not_a_number_is_found():
    x = ingot.device_put(-1.0, devices()[1])
    with config.override("debug_nans", True), pytest.raises(FloatingPointError, match="log at"):
        jnp.log(x)


# ---- which back end is chosen --------------------------------------------------------------------
@pytest.mark.parametrize(("package", "file", "found"), [
    ("numpy", "there", "cuda"), ("no_such_package", "there", None), ("numpy", "not", None)])
def test_an_accelerator_with_its_plugin_is_found(monkeypatch, tmp_path, package, file, found):
    (tmp_path / "there").touch()
    monkeypatch.setattr(xla, "ACCELERATORS", {"cuda": ((str(tmp_path / file),), (package,))})
    assert xla.found_accelerator() == found


def test_an_accelerator_that_nobody_asked_for_may_be_missing(monkeypatch):
    monkeypatch.setattr(type(config), "chosen", lambda self, name: False)
    before = config.backend
    backend.prefer("cuda")
    try:
        assert config.backend == "cuda"
        with pytest.warns(RuntimeWarning, match="does not start.*Programs run on the CPU"):
            assert ingot.default_backend() == "cpu"
        assert config.backend == "llvm" and ingot.jit(jnp.sin)(0.0) == 0
    finally:
        config.set_default("backend", before)


@needs_jaxlib
def test_single_operations_are_compiled_once():
    def compiled():
        return xla_primitive_callable.cache_info().misses

    x = ingot.device_put(X[:, :3], devices()[0])
    before = compiled()
    jnp.arctan2(x, x)
    after = compiled()
    jnp.arctan2(x, x)
    assert before < after == compiled() and is_libtpu_at_least("1.0")
