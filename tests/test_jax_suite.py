"""The plugin that runs JAX's own tests on ingot, on a small file of tests like JAX's."""

import textwrap
from pathlib import Path

import pytest

from ecosystem import running
from jax_suite.__main__ import suite

pytest.importorskip("absl", reason="JAX's modules for tests need it")
jax = pytest.importorskip("jax")

TOY = """
import jax
import jax.numpy as jnp
import numpy as np
from jax._src import core, nowhere, test_util as jtu
from jax._src.nowhere import Base
from jax._src.util import curry
from absl.testing import parameterized

config = jax.config
config.parse_flags_with_absl()
jtu.request_cpu_devices(8)

class ToyTest(jtu.JaxTestCase):
    def test_runs_on_ingot(self):
        import ingot
        assert jax.numpy.sin is ingot.numpy.sin and core.Jaxpr is jax.extend.core.Jaxpr
        self.assertLen(jax.devices(), 8)
        self.assertAllClose(jnp.sin(jnp.float32(0.0)), jnp.float32(0.0))

    @jtu.sample_product(n=[1, 2, 3])
    def test_sampled(self, n):
        with jtu.count_primitive_compiles():
            self._CompileAndCheck(lambda x: x + 1, lambda: [jnp.zeros(n)])

    @jtu.skip_on_devices("cpu")
    def test_skipped(self): pass

    def test_calls_what_is_not_there(self):
        nowhere.function(1)

    def test_public_names_are_strict(self):
        jax.numpy.nowhere

    @curry(lambda value, method: lambda self: method(self, value))(3)
    def test_decorated_by_a_curried_function(self, value):
        assert value == 3

    def test_counts(self):
        f, x = jax.jit(lambda x: jnp.sin(x) + 2), np.ones(3, np.float32)
        on_second = jax.device_put(x, jax.devices()[1])

        def counts(x):
            with (jtu.count_jit_tracing_cache_miss() as tracing,
                  jtu.count_jit_and_pmap_lowerings() as lowering,
                  jtu.count_jit_compilation_cache_miss() as compilation,
                  jtu.count_pjit_cpp_cache_miss() as call):
                f(x)
            return call(), tracing() > 0, lowering() > 0, compilation() > 0

        assert counts(x) == (1, True, True, True) and counts(x) == (0, False, False, False)
        assert counts(on_second)[0] == 1 and counts(on_second) == (0, False, False, False)

    def test_classes_of_what_is_not_there(self):
        class Derived(Base): pass
        assert not isinstance(3, Base)
"""


def test_outcomes(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "tests" / "toy_test.py").write_text(textwrap.dedent(TOY))
    tests = suite("toy_test", jax.__version__, str(Path(jax.__file__).parent), "",
                  tmp_path / "pytest.ini")
    found = running.run("ingot", tests, tmp_path, tmp_path / "log.jsonl")
    outcomes = {test.rpartition("::")[2]: line["outcome"] for test, line in found.items()}
    messages = {test.rpartition("::")[2]: line["message"] for test, line in found.items()}
    assert outcomes == {
        "test_runs_on_ingot": "passed", "test_sampled0": "passed", "test_skipped": "skipped",
        "test_counts": "passed", "test_decorated_by_a_curried_function": "passed",
        "test_calls_what_is_not_there": "failed", "test_public_names_are_strict": "failed",
        "test_classes_of_what_is_not_there": "passed"}, messages
    assert "ingot has no jax._src.nowhere.function" in messages["test_calls_what_is_not_there"]
    assert "served by ingot" in messages["test_public_names_are_strict"]
