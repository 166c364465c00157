"""jit with shardings, and pjit: what None and specs say on a mesh, and what errors say."""

from importlib.util import find_spec

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax, monitoring as observation
from ingot.api.pjit import pjit
from ingot.config import config
from ingot.sharding import Mesh, NamedSharding, PartitionSpec as P


@pytest.fixture
def mesh():
    with config.override("num_cpu_devices", 8):
        yield Mesh(np.array(ingot.devices()).reshape(2, 4), ("x", "y"))


@pytest.mark.parametrize("wrap", [lambda f: f, ingot.jit], ids=["eager", "within jit"])
def test_none_is_the_whole_array_for_pjit_and_nothing_for_jit(mesh, wrap):
    x, add = np.ones((8, 4)), lambda x, y: x + y
    with mesh:
        told = pjit(add, in_shardings=(P("x"), P("x")), out_shardings=None)
        assert wrap(told)(x, x).sharding == NamedSharding(mesh, P())
        free = pjit(add, in_shardings=(P("x"), P("x")))
        assert wrap(free)(x, x).sharding == NamedSharding(mesh, P("x"))
    spread = NamedSharding(mesh, P("x"))
    assert wrap(ingot.jit(add, in_shardings=spread, out_shardings=None))(x, x).sharding == spread
    assert pjit(add, in_shardings=None, out_shardings=None)(x, x).sharding.num_devices == 1


def told(fun, **shardings):
    """A call of jit with these shardings."""
    return lambda mesh: ingot.jit(fun, **shardings)(np.ones(8), np.ones(8))


def within(outer, spec):
    """A call of pjit within a program of another mesh."""
    def call(mesh):
        def inner(x):
            with Mesh(mesh.devices[:1, 0], ("x",)):
                return pjit(lambda x: x, in_shardings=spec)(x)

        with mesh:
            return outer(inner)(np.ones(8))

    return call


BAD = [
    (told(lambda x, y: x, in_shardings=(None,)), ValueError,
     "wrong length: got a tuple or list of length 1 for an args tuple of length 2"),
    (told(lambda x, y: x, in_shardings={"a": None}), ValueError,
     "in_shardings is not a tuple.*might need to be wrapped in a singleton tuple"),
    (told(lambda x, y: {"a": x, "b": y}, out_shardings={"a": [None], "b": (None,)}), ValueError,
     r"Mismatch details \(2 found\):(.|\n)*out_shardings\['a'\](.|\n)*out_shardings\['b'\]"),
    (told(lambda x, y: [x, y], out_shardings=[None]), ValueError,
     "different lengths of list at key path\n    pjit out_shardings\n"),
    (told(lambda x, y: x, in_shardings=P("x", "x")), ingot.errors.DuplicateSpecError,
     r"A single in_shardings .* P\('x', 'x'\) has duplicate entries for `x`"),
    (within(pjit, P("x")), ValueError, "cannot change the size of the mesh"),
    (lambda mesh: NamedSharding(mesh, None), TypeError, "Unexpected None"),
    (lambda mesh: ingot.jit(lambda x: x)({"a": {"b": ingot.ShapeDtypeStruct((4, 2), "int32")}}),
     TypeError, r"Argument 'x\['a'\]\['b'\]' of shape int32\[4,2\] of type .*ShapeDtypeStruct"),
    (lambda mesh: ingot.jit(lambda x: (x, ingot.ShapeDtypeStruct((4,), "int32")))(1.0), TypeError,
     "A ShapeDtypeStruct does not have a value"),
    (lambda mesh: ingot.vmap(lambda x: lax.with_sharding_constraint(x, NamedSharding(mesh, P("x"))),
                             spmd_axis_name="x")(np.ones((2, 8))),
     ValueError, r"spmd_axis_name \('x',\) cannot appear in with_sharding_constraint spec"),
]


@pytest.mark.parametrize("call, kind, text", BAD, ids=[str(i) for i in range(len(BAD))])
def test_errors(mesh, call, kind, text):
    with pytest.raises(kind, match=text):
        call(mesh)


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("draw", [
    lambda: ingot.random.bits(ingot.random.key(7), (5,), "uint8"),
    lambda: ingot.random.key_data(ingot.random.split(ingot.random.key(7), 3)),
    lambda: ingot.random.randint(ingot.random.key(72), (4,), 0, 1000),
], ids=["bits", "split", "randint"])
def test_programs_draw_as_the_flag_said_while_they_were_traced(draw, outer):
    def within(_):
        with config.override("threefry_partitionable", not outer):
            return draw()

    with config.override("threefry_partitionable", outer):
        expected = within(0)
        assert not np.array_equal(expected, draw())
        np.testing.assert_array_equal(ingot.jit(within)(0), expected)
        np.testing.assert_array_equal(ingot.vmap(within)(jnp.ones(1))[0], expected)


def test_listeners_are_told_of_each_tracing_and_compilation():
    found, double = [], ingot.jit(lambda x: x * 2)
    listen = lambda event, seconds, **more: found.append((event, more["fun_name"]))  # noqa: E731
    observation.register_event_duration_secs_listener(listen)
    try:
        for n in (3, 3, 4):
            double(np.ones(n))
    finally:
        observation.unregister_event_duration_listener(listen)
    double(np.ones(5))
    told = [e for e in found if not e[0].endswith("optimization_duration")]
    assert told == [("/jax/core/compile/jaxpr_trace_duration", "<lambda>"),
                    ("/jax/core/compile/backend_compile_duration", "jit(<lambda>)")] * 2


@pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")
def test_the_compilers_program_is_stablehlo_under_the_hook():
    lowered = ingot.jit(lambda x: x + x).lower(np.ones(3))
    assert lowered.compiler_ir() is lowered._jaxpr
    with config.override("match_jax", True):
        assert "stablehlo.add" in str(lowered.compiler_ir())
