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
}
"""Outcomes that are JAX's on LLVM alone, by how the lines begin, and why."""

UNREDUCED = (
    "t(g1(k, v), jit(g1)(k, v), jnp.matmul(k, v", "reshard(lax.dot_general(k, v,", "s1 = ",
    "t(s1,", "jnp.sin(s1)", "s1 * s1", "s1 + k.sum()", "t(s1 * r1,",
    "t(grad(lambda a: (jnp.sin(a) * 2).sum())(r1),",
    "under(explicit, lambda: sorted(grad(lambda w: shard_map(lambda u, k: lax.psum((u * k).sum(),")
"""How the lines begin that make unreduced arrays outside of programs, which XLA refuses."""


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_outcomes_are_those_of_jax(name):
    script = ("import ingot, ingot.numpy, facts\n"
              "names = facts.namespace(ingot, ingot.sharding, ingot.numpy)\n"
              f"for line, expected in facts.read({name!r}):\n"
              f"    if facts.is_asked(line) and line not in {[*DIFFERENT]!r} and (\n"
              f"            not line.startswith({(*CHOSEN_BY_XLA, *UNREDUCED)!r})):\n"
              "        found = facts.outcome(line, names)\n"
              "        if found != expected:\n"
              "            print('WRONG', line, found, expected, sep='\\n    ')\n")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True,
        check=False, env={**os.environ, "INGOT_BACKEND": "xla", "INGOT_NUM_CPU_DEVICES": "8"})
    assert done.returncode == 0, done.stderr
    assert "WRONG" not in done.stdout, done.stdout


@pytest.mark.slow
def test_unreduced_arrays_are_refused_and_unreduced_values_in_programs_are_right():
    script = """
        import ingot, ingot.numpy as np
        from ingot.errors import UndefinedRuleError
        ingot.set_mesh(ingot.make_mesh((2, 2), ("x", "y")))
        w = np.arange(16.0).reshape(4, 4)
        a, b = ingot.device_put(w, ingot.P(None, "x")), ingot.device_put(w, ingot.P("x", None))
        dot = lambda a, b: np.dot(a, b, out_sharding=ingot.P(unreduced={"x"}))
        for refused in (dot, ingot.jit(dot), lambda a, b: ingot.device_put(
                w, ingot.P(unreduced={"x"}))):
            try:
                refused(a, b)
            except UndefinedRuleError as error:
                print("unreduced" in str(error))
        found = ingot.jit(lambda a, b: ingot.reshard(dot(a, b), ingot.P()))(a, b)
        print(bool((found == np.dot(a, b, out_sharding=ingot.P())).all()))"""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True,
        check=True, env={**os.environ, "INGOT_BACKEND": "xla", "INGOT_NUM_CPU_DEVICES": "4"})
    assert done.stdout.split() == ["True"] * 4
