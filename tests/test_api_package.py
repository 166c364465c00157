"""The package: what importing it costs, its names, devices, exchange of arrays, stages as text."""

import ast
import io
import subprocess
import sys
from pathlib import Path

import jax
import jax.flatten_util
import numpy as np
import pytest

import ingot
from ingot import debug, dlpack, lax
from ingot.config import config
from ingot.flatten_util import ravel_pytree

jax.config.update("jax_enable_x64", True)


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_import_loads_little():
    out = run("import sys, threading, ingot\n"
              "late = 'scipy', 'llvmlite', 'opt_einsum', 'jaxlib', 'jax'\n"
              "print([m for m in late if m in sys.modules], threading.active_count())")
    assert out.split() == ["[]", "1"]


def test_lazy_modules_are_found():
    for name in ("debug", "experimental", "flatten_util", "stages"):
        assert name in dir(ingot) and getattr(ingot, name).__name__ == f"ingot.{name}"
    assert run("import ingot; print(ingot.debug.stages.__name__)").strip() == "stages"
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        ingot.nope  # noqa: B018


@pytest.mark.parametrize("name", [
    "NamedSharding", "P", "Shard", "get_abstract_mesh", "get_mesh", "make_array_from_callback",
    "make_array_from_process_local_data", "make_array_from_single_device_arrays", "make_mesh",
    "reshard", "set_mesh", "shard_map", "use_abstract_mesh"])
def test_names_of_meshes_are_at_the_top(name):
    assert name in dir(ingot)
    value = getattr(ingot, name)
    assert value.__name__ in (name, "PartitionSpec") and value is getattr(ingot, name)


def test_flags_under_jaxs_names():
    with config.override("jax_enable_x64", False):
        assert not ingot.config.jax_enable_x64 and not ingot.config.enable_x64
    assert ingot.config.enable_x64
    ingot.config.update("jax_debug_nans", True)
    assert ingot.config.debug_nans
    ingot.config.update("debug_nans", False)


def test_devices():
    cpu, *others = ingot.devices()
    assert (cpu.platform, cpu.id, str(cpu), repr(cpu)) == ("cpu", 0, "cpu:0", "CpuDevice(id=0)")
    assert ingot.local_devices() == [cpu, *others] and ingot.device_count() == 1 + len(others)
    assert ingot.process_index() == 0 and ingot.default_backend() == "cpu"
    x = ingot.device_put({"a": np.ones(3), "b": 1}, cpu)
    assert isinstance(x["a"], ingot.Array) and x["b"].weak_type
    back = ingot.device_get(x)
    assert type(back["a"]) is np.ndarray and back["b"] == 1
    given = [1, 2.5, "text", np.arange(2)]
    assert all(a is b for a, b in zip(ingot.device_get(given), given, strict=True))
    key = ingot.random.key(0)
    assert ingot.device_get({"a": key})["a"] is key
    assert float(ingot.jit(lambda x: ingot.device_get(x) + 1)(1.0)) == 2.0
    assert ingot.block_until_ready(x) is x
    assert any(y is x["a"] for y in ingot.live_arrays())


def test_vmap_hands_on_what_is_not_mapped():
    given = []
    for y in (2, 2.0, True, "text", np.arange(3)):
        ingot.vmap(lambda x, y: (given.append(y), x)[1], in_axes=(0, None))(np.arange(3.0), y)
        assert given.pop() is y


def test_pmap():
    x = np.arange(3.0)
    f = ingot.pmap(lambda x, n: lax.mul(x, float(n)), static_broadcasted_argnums=1)
    np.testing.assert_array_equal(f(x, 2), 2 * x)
    g = ingot.pmap(lambda x, y: lax.mul(x, y), in_axes=(0, None), axis_name="i")
    np.testing.assert_array_equal(g(x, 3.0), 3 * x)
    def walk(x, n):  # a loop of its own length in each slice
        return lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, 1.5 * s[1] + x), (0, x))
    i, y = ingot.pmap(walk)(x, np.arange(3) + 2)
    np.testing.assert_array_equal(i, [2, 3, 4])
    np.testing.assert_array_equal(y, [0.0, 8.125, 26.375])
    h = ingot.grad(lambda x: ingot.pmap(walk, in_axes=(0, None), out_axes=(0, 0))(x, 2)[1].sum())
    with pytest.raises(Exception, match="while_loop"):
        h(x)
    k = ingot.pmap(lambda x, y: (x * y, y), in_axes=(1, None), out_axes=(1, None))
    np.testing.assert_array_equal(k(np.ones((2, 3)), 2.0)[0], np.full((2, 3), 2.0))
    total = ingot.pmap(lambda x: lax.psum(x, "i"), "i")
    np.testing.assert_array_equal(total(x), [3.0, 3.0, 3.0])


def test_dlpack():
    x = np.arange(3.0)
    y = dlpack.from_dlpack(x)
    x[0] = 7
    np.testing.assert_array_equal(y, [0.0, 1.0, 2.0])
    with pytest.raises(TypeError, match="__dlpack__"):
        dlpack.from_dlpack([1.0])


def test_shape_dtype_struct():
    s = ingot.ShapeDtypeStruct((2, 3), "float32")
    assert (s.ndim, s.size, len(s), str(s.aval)) == (2, 6, 2, "f32[2,3]")
    assert s.update(shape=(3,)) == ingot.ShapeDtypeStruct((3,), np.float32)
    assert {s: 1}[ingot.ShapeDtypeStruct((2, 3), "f4")] == 1
    assert ingot.eval_shape(lambda x: x, s) == s


@pytest.mark.llvm("the stages of LLVM")
def test_debug_stages():
    out = io.StringIO()
    debug.stages(lambda x: lax.sin(x), file=out)(1.0)
    text = out.getvalue()
    assert all(f"======== {name}\n" in text for name in debug.STAGES)
    assert "sin" in text and "define" in text
    with pytest.raises(ValueError, match="nope"):
        debug.stages(lambda x: x, show="nope")


def test_debug_print_and_callback(capsys):
    seen = []

    @ingot.jit
    def f(x):
        debug.print("x = {x}", x=x)
        debug.callback(lambda y: seen.append(float(y)), lax.mul(x, 2.0))
        return x

    f(1.5)
    ingot.effects_barrier()
    assert capsys.readouterr().out == "x = 1.5\n" and seen == [3.0]


def test_breakpoint(monkeypatch):
    seen = []
    monkeypatch.setattr(debug.code, "interact",
                        lambda banner, local, exitmsg: seen.append((banner, local)))

    @ingot.jit
    def f(x):
        y, _name = lax.mul(x, 2.0), "text"
        debug.breakpoint()
        return y

    f(1.5)
    ((banner, local),) = seen
    assert "test_api_package.py" in banner and "y" in banner
    assert float(local["x"]) == 1.5 and float(local["y"]) == 3 and local["_name"] == "text"


def test_make_jaxpr():
    jaxpr, shape = ingot.make_jaxpr(lambda x, n: (lax.mul(x, float(n)), x), static_argnums=1,
                                    return_shape=True)(1.0, 2)
    assert [e.primitive.name for e in jaxpr.eqns] == ["mul"] and len(jaxpr.in_avals) == 1
    assert shape == (ingot.ShapeDtypeStruct((), "float64", weak_type=True),) * 2
    jaxpr = ingot.make_jaxpr(lambda x: lax.psum(x, "i"), axis_env=[("i", 4)])(1.0)
    assert "psum" in str(jaxpr)


def test_named_call():
    f = ingot.named_call(lambda x: lax.sin(x), name="layer")
    assert f.__name__ == "layer" and ingot.jit(f).lower(1.0).fun_name == "layer"
    with ingot.named_scope("part"):
        assert float(f(0.0)) == 0


def test_fwd_and_bwd():
    forward, backward = ingot.fwd_and_bwd(lambda x, y: lax.mul(x, y), (0, 1))
    value, residuals = forward(2.0, 3.0)
    assert float(value) == 6
    x, y = backward(residuals, 1.0)
    assert (float(x), float(y)) == (3, 2)


def test_ravel_pytree_keeps_weak_types_and_gives_equal_functions():
    trees = [{"a": 1.0, "b": np.ones((2, 3))}, {"a": 2.0, "b": np.zeros((2, 3))},
             {"a": 1.0, "b": np.ones((2, 3), np.float16)}, [1.0, 2.0], {}, (None, [])]
    for tree in trees:
        mine, theirs = ravel_pytree(tree), jax.flatten_util.ravel_pytree(tree)
        for x, y in ((mine[0], theirs[0]), *zip(
                ingot.tree.leaves(mine[1](mine[0] * 2)), jax.tree.leaves(theirs[1](theirs[0] * 2)),
                strict=True)):
            assert (x.dtype, x.weak_type) == (y.dtype, y.weak_type)
            np.testing.assert_array_equal(x, y)
        assert ingot.tree.structure(mine[1](mine[0])) == ingot.tree.structure(tree)
    back = [ravel_pytree(tree)[1] for tree in trees]
    assert back[0] == back[1] != back[2] and hash(back[0]) == hash(back[1])


def test_readers_of_types_know_the_lazy_names():
    tree = ast.parse(Path(ingot.__file__).read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n))
    told = {alias.asname for node in block.body for alias in node.names}
    assert told == set(dir(ingot)) - set(ingot.__all__)
