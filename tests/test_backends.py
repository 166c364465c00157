"""A back end that is none of ingot's: 100 lines with which programs run through the public API.

It interprets jaxprs, has two devices, and keeps elements in a class of its own.
"""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.backends.operations import Operations
from ingot.config import BACKENDS, config
from ingot.core import backend
from ingot.core.array import OWNERS, Array, fetch
from ingot.core.devices import Device
from ingot.core.jaxpr import eval_jaxpr
from ingot.core.printing import pretty
from ingot.core.sharding import SingleDeviceSharding


class Elements:
    """A buffer: numbers on one device, which NumPy cannot read."""

    def __init__(self, data, device):
        self.data, self.device = np.array(data), device


class ToyExecutable:
    """Evaluates a jaxpr on the device of its arguments."""

    native_calls = None

    def __init__(self, client, jaxpr, options):
        self.client, self.jaxpr, self.options = client, jaxpr, options

    def __call__(self, *buffers):
        return self.run([Array(b, a) for b, a in zip(buffers, self.jaxpr.in_avals, strict=True)])

    def run(self, arrays, consume=False):
        used = [x._data.device for x in arrays if type(x._data) is Elements]
        device = (*self.options.devices, *used, *self.client.devices())[0]
        with backend.evaluating():
            here = [Array(fetch(x), x.aval) for x in arrays]
            outs = eval_jaxpr(self.jaxpr, self.jaxpr.consts, *here)
        self.client.runs += 1
        return [Elements(fetch(o), device) for o in outs]

    def caller(self, out_avals, rebuild):
        return None

    def as_text(self, stage=None):
        return pretty(self.jaxpr)

    def cost_analysis(self):
        return {"equations": float(len(self.jaxpr.eqns))}

    memory_analysis = cost_analysis


class Toy:
    name, platform, buffer_type, interprets, native_calls = "toy", "toy", Elements, False, None

    def __init__(self):
        self.all, self.runs, self.deleted = [Device(k, "toy", "toy", 0, self) for k in (0, 1)], 0, 0
        self.evaluate = Operations("toy")

    def devices(self):
        return self.all

    def put(self, data, sharding=None, committed=True):
        device = self.all[0] if sharding is None else next(iter(sharding.device_set))
        return Elements(self.fetch(data) if type(data) is Elements else data, device)

    def fetch(self, buffer):
        return buffer.data

    def copy(self, buffer):
        return Elements(buffer.data, buffer.device)

    def delete(self, buffer):
        self.deleted += 1

    def ready(self, buffer):
        return True

    def wait(self, buffers):
        self.waited = len(buffers)

    def sharding_of(self, buffer):
        return SingleDeviceSharding(buffer.device)

    def is_committed(self, buffer):
        return True

    def compile(self, jaxpr, options):
        return ToyExecutable(self, jaxpr, options)

    def lowered(self, jaxpr, options, dialect, located=False):
        return None

    def wait_for_effects(self):
        self.waited = 0


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(backend, "_backends", dict(backend._backends))
    client = Toy()
    backend.register_backend(client)
    yield client
    OWNERS.pop(Elements)
    BACKENDS.remove("toy")


def loss(w, x):
    def step(carry, row):
        return jnp.tanh(carry @ w + row), carry.sum()

    last, sums = lax.scan(step, jnp.zeros(3), x)
    return lax.cond(last[0] > 0, jnp.sum, jnp.prod, last) + sums.mean()


PROGRAMS = {
    "jit": lambda w, x: ingot.jit(loss)(w, x),
    "grad": lambda w, x: ingot.grad(ingot.jit(loss))(w, x),
    "jit of grad": lambda w, x: ingot.jit(ingot.value_and_grad(loss))(w, x),
    "vmap": lambda w, x: ingot.jit(ingot.vmap(loss, (None, 0)))(w, jnp.stack([x, 2 * x])),
    "hessian": lambda w, x: ingot.jit(ingot.hessian(lambda s: loss(s * w, x)))(0.5),
    "while": lambda w, x: ingot.jit(lambda y: lax.while_loop(
        lambda s: s.sum() < 100, lambda s: 2 * s + 1, y))(jnp.abs(x)),
    "eager": lambda w, x: jnp.linalg.norm(loss(w, x) * w, axis=0)[1:],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(toy, name):
    w, x = np.random.default_rng(0).normal(size=(3, 3)), np.arange(12.0).reshape(4, 3) / 9
    want = ingot.tree.leaves(PROGRAMS[name](w, x))
    with config.override("backend", "toy"):
        got = PROGRAMS[name](w, x)
    assert toy.runs
    for a, b in zip(ingot.tree.leaves(got), want, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_results_stay_on_their_device_until_they_are_read(toy):
    x = ingot.device_put(jnp.arange(3.0), ingot.devices("toy")[1])
    y = ingot.jit(lambda a: a + 1, backend="toy")(x)
    assert type(y._data) is Elements and y.device is toy.all[1] and y.devices() == {toy.all[1]}
    assert y.sharding == x.sharding and y.is_ready() and y.block_until_ready() is y
    assert repr(y) == "Array([1., 2., 3.], dtype=float64)" and float(y[1]) == 2
    assert ingot.device_put(y, ingot.devices("cpu")[0]).device is ingot.devices("cpu")[0]
    assert toy.waited == 1 and ingot.block_until_ready([y, y])[1] is y


def test_memory_of_other_back_ends_is_read_by_compiled_code(toy):
    f = ingot.jit(lambda a, b: (a * 2 + b).sum())
    x = ingot.device_put(jnp.arange(4.0), toy.all[0])
    for _ in range(50):  # also by native calls, which know ndarrays alone
        assert f(x, jnp.ones(4)) == 16 and f(jnp.arange(4.0), x) == 18
        assert (x + x).sum() == 12 and x.at[0].set(3)[0] == 3


def test_donated_memory_is_given_back(toy):
    f = ingot.jit(lambda a: a + 1, donate_argnums=0, backend="toy")
    x = f(jnp.zeros(2))
    y = f(x)
    assert x.is_deleted() and toy.deleted == 1 and y[0] == 2
    y.delete()
    assert toy.deleted == 2


def test_stages(toy):
    args = np.eye(3), np.ones((2, 3))
    compiled = ingot.jit(loss, backend="toy").lower(*args).compile()
    assert "scan" in compiled.as_text() and compiled.cost_analysis()["equations"] > 3
    np.testing.assert_allclose(compiled(*args), loss(*args))


def test_the_chosen_back_end_answers(toy):
    with config.override("backend", "toy"):
        assert ingot.default_backend() == "toy" and ingot.devices() == toy.all
        assert str(ingot.devices()[1]) == "toy:1" and ingot.device_count() == 2
        assert backend.get_backend("cpu").name == "llvm"


def test_unknown_back_ends_are_named():
    with pytest.raises(RuntimeError, match="Unknown backend 'rocm'.*'llvm', 'reference'.*'cpu'"):
        ingot.jit(lambda x: x, backend="rocm")(1.0)
    with pytest.raises(RuntimeError, match="Unknown backend 'nonsense'"):
        ingot.devices("nonsense")


def test_platforms_are_tried_in_their_order():
    with config.override("platforms", "nonsense, reference,cpu"):
        assert backend.get_backend().name == "reference"
        assert backend.get_backend("cpu").name == "llvm"
    with config.override("platforms", "nonsense,another"), pytest.raises(
            RuntimeError, match="none of the platforms.*'nonsense'.*'another'"):
        backend.get_backend()
