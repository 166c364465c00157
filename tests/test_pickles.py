"""Public functions are pickled by their names, and come back as the same objects."""

import pickle
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from types import FunctionType

import pytest

import ingot
from ingot import lax, nn, numpy as jnp, random
from ingot.experimental.serialize_executable import deserialize_and_load, serialize
from ingot.numpy.ufunc import ufunc
from ingot.scipy import linalg, special


@pytest.mark.parametrize("module", [jnp, jnp.linalg, jnp.fft, lax, nn, random, linalg, special],
                         ids=lambda module: module.__name__)
def test_functions_come_back_as_themselves(module):
    functions = [f for name, f in vars(module).items()
                 if isinstance(f, FunctionType | ufunc) and not name.startswith("__")]
    assert len(functions) > 10
    for f in functions:
        assert pickle.loads(pickle.dumps(f)) is f


# ---- compiled functions --------------------------------------------------------------------------
BACKENDS = ["llvm", "reference", *(["xla"] if find_spec("jaxlib") else [])]
STORED = """
    import pickle, sys, numpy as np, ingot, ingot.numpy as jnp
    from ingot import lax
    from ingot.sharding import Mesh, NamedSharding, PartitionSpec as P
    from ingot.experimental.serialize_executable import deserialize_and_load, serialize
    ingot.config.update("backend", sys.argv[1])
    rows = NamedSharding(Mesh(np.array(ingot.devices()[:2]), ("d",)), P("d"))
    x = np.arange(8.0).reshape(4, 2)
    programs = {
        "structures": (lambda x, y: {"sum": x + y["a"], "sine": jnp.sin(x) @ x.T},
                       (x, {"a": 2}), {}),
        "loops": (lambda x: lax.scan(lambda c, r: (c + r, c * 2), x[0], x), (x,), {}),
        "derivatives": (ingot.grad(lambda x: ingot.nn.relu(jnp.sort(x)).sum()), (x,), {}),
        "constants": (lambda key: ingot.random.normal(key, (3,)) + x[0, 1],
                      (ingot.random.key(3),), {}),
        "divided": (lambda x: 2 * x.T, (x,), {"in_shardings": rows}),
    }
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_functions_are_loaded_by_another_process(tmp_path, backend):
    def in_new_process(code):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(STORED) + textwrap.dedent(code), backend,
             str(tmp_path / "stored")], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]

    in_new_process("""
        found = {}
        for name, (fun, args, places) in programs.items():
            compiled = ingot.jit(fun, **places).lower(*args).compile()
            found[name] = serialize(compiled), ingot.device_get(compiled(*args))
        pickle.dump(found, open(sys.argv[2], "wb"))
        """)
    in_new_process("""
        for name, (parts, wanted) in pickle.load(open(sys.argv[2], "rb")).items():
            fun, args, places = programs[name]
            loaded = deserialize_and_load(*parts)
            loaded = deserialize_and_load(*serialize(loaded))
            out = loaded(*args)
            ingot.tree.map(np.testing.assert_array_equal, out, wanted)
            assert name != "divided" or out.sharding.spec == P(None, "d"), out.sharding
            assert loaded.fun_name == getattr(fun, "__name__", "fun")
            try:
                loaded(*args, 1)
            except TypeError as error:
                assert "pytree" in str(error)
        """)


def test_what_has_no_serialized_form():
    for backend in ["llvm", *(["xla"] if find_spec("jaxlib") else [])]:
        fun = ingot.jit(lambda x: ingot.pure_callback(lambda x: x, x, x), backend=backend)
        with pytest.raises(NotImplementedError, match="functions of Python"):
            serialize(fun.lower(1.0).compile())
    data, ins, outs = serialize(ingot.jit(jnp.sin).lower(1.0).compile())
    with pytest.raises(ValueError, match="got b'else"):
        deserialize_and_load(b"else", ins, outs)
    with pytest.raises(ValueError, match="for reference, got"):
        deserialize_and_load(data, ins, outs, backend="reference")
