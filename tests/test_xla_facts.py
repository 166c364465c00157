"""Facts about JAX's shardings, asked of ingot with XLA as the chosen back end and 8 devices."""

import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

from test_shardings import DIFFERENT, FILES

pytestmark = pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")

XLA_HAS_ONE_MESH = "a program is told to XLA by one mesh, whose axes keep their names"
CHOSEN_BY_XLA = {
    "(a @ a.T).sharding, (a.T @ a).sharding, a[0].sharding, a[:4].sharding, a[0, 0].sharding":
        "XLA divides a slice as it likes, and JAX's is a gather",
    "jit(lambda: (jnp.zeros(8), jnp.ones(8)), out_shardings=(None, s))()[0].sharding.is_fully_rep":
        "a result of which nothing is said stays on the first device",
    "with use_abstract_mesh(explicit.abstract_mesh.update(axis_sizes=(4, 2)": XLA_HAS_ONE_MESH,
    "u.sharding.spec, u.sharding.mesh.axis_names": XLA_HAS_ONE_MESH,
    "shards(top), reshard(top, P()).tolist()":
        "before 0.12, jaxlib has no words for parts of which the largest counts",
}
"""Outcomes that are JAX's on LLVM alone, by how the lines begin, and why."""


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_outcomes_are_those_of_jax(name):
    script = ("import ingot, ingot.numpy, facts\n"
              "names = facts.namespace(ingot, ingot.sharding, ingot.numpy)\n"
              f"for line, expected in facts.read({name!r}):\n"
              f"    if facts.is_asked(line) and line not in {[*DIFFERENT]!r} and (\n"
              f"            not line.startswith({(*CHOSEN_BY_XLA,)!r})):\n"
              "        found = facts.outcome(line, names)\n"
              "        if found != expected:\n"
              "            print('WRONG', line, found, expected, sep='\\n    ')\n")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True,
        check=False, env={**os.environ, "INGOT_BACKEND": "xla", "INGOT_NUM_CPU_DEVICES": "8"})
    assert done.returncode == 0, done.stderr
    assert "WRONG" not in done.stdout, done.stdout


@pytest.mark.slow
def test_devices_hold_parts_of_unreduced_arrays_which_combine_to_the_values():
    script = """
        import ingot, ingot.numpy as np, numpy
        P = ingot.P
        ingot.set_mesh(ingot.make_mesh((2, 2), ("x", "y")))
        w = numpy.arange(16.0).reshape(4, 4)
        a, b = ingot.device_put(w, P(None, "x")), ingot.device_put(w, P("x", None))
        dot = lambda a, b: np.dot(a, b, out_sharding=P(unreduced={"x"}))
        for found, want in [(dot(a, b), w @ w), (ingot.jit(dot)(a, b), w @ w),
                            (ingot.device_put(w, P(None, "y", unreduced={"x"})), w)]:
            halves = [numpy.asarray(s.data) for s in found.addressable_shards[::2]]
            print(found.sharding.spec.unreduced, (numpy.asarray(found) == want).all(),
                  (ingot.reshard(found, P()) == want).all(),
                  (ingot.jit(lambda x: ingot.reshard(x, P()))(found) == want).all(),
                  (halves[0] + halves[1] == want[found.addressable_shards[0].index]).all())
        # The cotangent of a reduced array is unreduced: it is there once.
        r = ingot.device_put(w[0], P(reduced={"x"}))
        square = ingot.shard_map(lambda x: x * x, out_specs=P(reduced={"x"}))
        found = ingot.jit(ingot.grad(lambda x: square(x).sum()))(r)
        print(found.sharding.spec.unreduced, (ingot.reshard(found, P()) == 2 * w[0]).all())"""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True,
        check=True, env={**os.environ, "INGOT_BACKEND": "xla", "INGOT_NUM_CPU_DEVICES": "4"})
    assert done.stdout.splitlines() == ["frozenset({'x'}) True True True True"] * 3 + [
        "frozenset({'x'}) True"]
