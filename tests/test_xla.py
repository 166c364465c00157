"""The XLA back end: where it starts, memory and devices, donation, what it refuses and how."""

import collections
import re
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.backends.xla import client, contraction, plugins
from ingot.backends.xla.rules import RULES, lowered
from ingot.config import config
from ingot.core import backend
from ingot.errors import UndefinedRuleError

Pair = collections.namedtuple("Pair", "first second")  # noqa: PYI024 - a pytree
needs_jaxlib = pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")


def in_new_process(code):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def on_xla(fun, **options):
    return ingot.jit(fun, backend="xla", **options)


@pytest.mark.parametrize("chosen", ["llvm", "xla"])
def test_importing_ingot_imports_nothing_of_it(chosen):
    code = f"""
        import os, sys
        os.environ["INGOT_BACKEND"] = {chosen!r}
        import ingot
        print([m for m in sys.modules if m.startswith(("jaxlib", "ingot.backends.xla."))])"""
    assert in_new_process(code) == ["[]"]


@needs_jaxlib
def test_jax_is_never_imported():
    code = """
        import sys, ingot, numpy as np
        xs = [ingot.device_put(np.arange(3.0), d) for d in ingot.devices("xla")[:2]]
        y = ingot.jit(lambda x: (2 * x).astype("bfloat16"), backend="xla")(xs[1])
        print(y.astype("float32").sum(), np.asarray(y).dtype, "jaxlib" in sys.modules,
              "jax" in sys.modules)"""
    assert in_new_process(code) == ["6.0", "bfloat16", "True", "False"]


@needs_jaxlib
def test_the_environment_chooses_it():
    code = """
        import os
        os.environ["INGOT_BACKEND"] = "xla"
        import ingot, ingot.numpy as jnp
        x = ingot.jit(jnp.sin)(0.5)
        print(type(x._data).__module__, x.device.platform)"""
    assert in_new_process(code) == ["jaxlib._jax", "cpu"]


def test_without_jaxlib_the_error_says_what_to_install(monkeypatch):
    backends = {k: v for k, v in backend._backends.items() if k != "xla"}
    monkeypatch.setattr(backend, "_backends", backends)
    monkeypatch.setattr(client, "is_installed", lambda: False)
    with pytest.raises(RuntimeError, match=r"needs jaxlib.*pip install 'ingot-arrays\[xla\]'"):
        on_xla(jnp.sin)(1.0)
    assert ingot.jit(jnp.sin)(0.0) == 0


@needs_jaxlib
def test_platforms_name_it():
    with config.override("platforms", "xla_cpu,cpu"):
        assert ingot.devices()[0].client is backend.get_backend("xla")
        assert ingot.jit(jnp.sin)(0.5).device == ingot.devices("xla")[0]


@needs_jaxlib
@pytest.mark.parametrize(("name", "extra"), [("gpu", "cuda13"), ("cuda", "cuda13"), ("tpu", "tpu")])
def test_accelerators_that_are_not_there(name, extra):
    if any(plugins.installed(platform) for platform in plugins.FINDERS):
        pytest.skip("a plugin is installed")
    remedy = rf"Unknown backend.*pip install 'ingot-arrays\[{extra}\]'"
    with pytest.raises(RuntimeError, match=remedy):
        ingot.devices(name)


@needs_jaxlib
def test_derivatives_and_flags():
    w, x = np.random.default_rng(0).normal(size=(3, 3)), np.arange(6.0).reshape(2, 3)
    with config.override("backend", "xla"):
        value, grads = ingot.jit(ingot.value_and_grad(lambda w: jnp.tanh(x @ w).sum()))(w)
    want = ingot.value_and_grad(lambda w: jnp.tanh(x @ w).sum())(w)
    np.testing.assert_allclose(value, want[0], rtol=1e-14)
    np.testing.assert_allclose(grads, want[1], rtol=1e-14)


@needs_jaxlib
def test_computation_follows_data():
    devices = ingot.devices("xla")
    f = on_xla(lambda x, y: x + y)
    x = ingot.device_put(jnp.arange(3), devices[1])
    assert x.device == devices[1] and f(x, 1).device == devices[1]
    assert f(1, 2).device == devices[0]
    y = ingot.device_put(x, devices[2])
    assert y.device == devices[2] and y.block_until_ready() is y and y.is_ready()
    assert ingot.device_put(y, ingot.devices("cpu")[0]).device is ingot.devices("cpu")[0]
    pinned = ingot.jit(lambda x: x + 1, device=devices[3])
    assert pinned(x).device == devices[3] and pinned(x)[2] == 3


@needs_jaxlib
@pytest.mark.parametrize("dtype", ["bool", "int4", "int8", "uint64", "float8_e4m3fn", "bfloat16",
                                   "float16", "float64", "complex64"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2)])
def test_elements_survive(dtype, shape):
    x = np.asarray(np.random.default_rng(1).normal(size=shape) * 3).astype(ingot.numpy.dtype(dtype))
    y = ingot.device_put(x, ingot.devices("xla")[1])
    got = on_xla(lambda a: (a, a[None]))(y)[0]
    assert got.dtype == x.dtype and np.asarray(got).tobytes() == x.tobytes()


@needs_jaxlib
def test_donated_memory():
    f = on_xla(lambda x, y: (x + y, x * 2), donate_argnums=0)
    x = on_xla(lambda: jnp.ones((64, 64)))()
    place = x._data.unsafe_buffer_pointer()
    out, _ = f(x, jnp.ones((64, 64)))
    assert x.is_deleted() and out[0, 0] == 2
    assert place in {o._data.unsafe_buffer_pointer() for o in (out, _)}
    with pytest.raises(RuntimeError, match="deleted"):
        f(x, out)
    z = f(out, out)  # the same array, given away and kept
    assert z[0][0, 0] == 4 and out.is_deleted()


@needs_jaxlib
@pytest.mark.parametrize("name", ["svd", "eigh", "eig", "schur", "hessenberg", "tridiagonal", "lu",
                                  "geqrf", "qr"])
def test_factorizations_run_without_python(name):
    fun = ingot.jit(getattr(lax.linalg, name), backend="xla")
    x = np.random.default_rng(0).normal(size=(3, 4, 4))
    assert not fun.lower(x).compile().runtime_executable().host_functions
    x[1, 2, 2] = np.nan
    for found, wanted in zip(fun(x), getattr(lax.linalg, name)(x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)
    empty = np.zeros((2, 0, 3)) if name in ("svd", "lu", "geqrf", "qr") else np.zeros((0, 2, 2))
    for found, wanted in zip(fun(empty), getattr(lax.linalg, name)(empty), strict=True):
        np.testing.assert_array_equal(found, wanted)


@needs_jaxlib
@pytest.mark.parametrize("tree", [lambda x: x, lambda x: (x,), lambda x: [x, x], lambda x: {"a": x},
                                  lambda x: (x, [x]), lambda x: Pair(x, x)])
def test_repeated_calls_with_other_arguments(tree):
    fun = ingot.jit(lambda x: tree(2 * x), backend="xla")
    x = ingot.device_put(np.ones(3), ingot.devices("xla")[0])
    for _ in range(3):
        assert ingot.tree.structure(fun(x)) == ingot.tree.structure(tree(0))
        for out in ingot.tree.leaves(fun(x)):
            np.testing.assert_array_equal(out, 2)
    for other in (np.ones(3), jnp.ones(3), np.ones(2), 1.0, jnp.ones(3, "int8"),
                  ingot.device_put(x, ingot.devices("xla")[1])):
        for out in ingot.tree.leaves(fun(other)):
            assert out.shape == np.shape(other)
            np.testing.assert_array_equal(out, 2)
    for mapped in (ingot.vmap(fun), ingot.jit(fun), lambda x: ingot.jvp(fun, (x,), (x,))[1]):
        assert all((out == 2).all() for out in ingot.tree.leaves(mapped(x)))


@needs_jaxlib
@pytest.mark.parametrize("backend", ["llvm", "xla"])
def test_programs_in_the_dialects_of_xla(backend):
    lowered = ingot.jit(jnp.sin, backend=backend).lower(1.0)
    assert "stablehlo.sine" in str(lowered.compiler_ir("stablehlo"))
    assert lowered.compiler_ir("hlo").as_hlo_text() == lowered.as_text("hlo")
    assert "sine(" in lowered.as_text("hlo")
    with pytest.raises(ValueError, match="dialects are"):
        lowered.compiler_ir("mhlo")


@needs_jaxlib
@pytest.mark.parametrize("backend", ["llvm", "xla"])
@pytest.mark.parametrize("fun", [
    jnp.sin, lambda x: lax.cond(x > 0, jnp.sin, jnp.cos, x), ingot.grad(lambda x: jnp.cos(x)),
    lambda x: lax.scan(lambda c, _: (jnp.sin(c), c), x, None, length=3)])
def test_operations_know_the_users_lines_where_it_is_asked_for(backend, fun):
    lowered = ingot.jit(lambda x: fun(x), backend=backend).lower(1.0)
    line = lowered.as_text(debug_info=True)
    assert "test_xla.py" in line and re.search(r'loc\("sin"\(', line)
    assert "test_xla.py" not in lowered.as_text() and "loc(" not in lowered.as_text()
    assert re.search(r"sine\(.*metadata=", lowered.as_text("hlo", debug_info=True))
    assert "metadata=" not in lowered.as_text("hlo") and "sine(" in lowered.as_text("hlo")


@needs_jaxlib
def test_programs_say_that_they_are_for_the_devices_of_their_back_end():
    assert in_new_process("""
        import os
        os.environ["INGOT_BACKEND"] = "xla"
        import numpy as np, ingot
        compiled = ingot.jit(lambda x: x + 1).lower(np.ones(3)).compile()
        ((place,), _), first = compiled.input_shardings, ingot.devices()[0]
        print(place.device is first, compiled.output_shardings.device is first)
        """) == ["True", "True"]


@needs_jaxlib
def test_stages():
    lowered = on_xla(lambda x: jnp.sin(x) @ x).lower(np.ones(3))
    assert "stablehlo.sine" in lowered.as_text() and "sin" in lowered.as_text("jaxpr")
    compiled = lowered.compile()
    assert "sine" in compiled.as_text() and compiled(np.zeros(3)) == 0
    executable = backend.compile_jaxpr(ingot.make_jaxpr(jnp.sin)(np.ones(3)), "xla")
    assert "stablehlo.sine" in executable.as_text("stablehlo")
    assert executable.cost_analysis() and executable.memory_analysis()["output_size_in_bytes"] > 0
    with pytest.raises(ValueError, match="stage must be one of .*stablehlo"):
        executable.as_text("llvm")


@needs_jaxlib
def test_an_operation_without_a_rule_is_refused(monkeypatch):
    monkeypatch.delitem(RULES, "sin")
    with pytest.raises(UndefinedRuleError, match="sin: no rule for XLA.*backend='llvm'"):
        on_xla(lambda x: lax.sin(x))(1.0)


@needs_jaxlib
def test_convolutions_on_gpus(monkeypatch):
    monkeypatch.setattr(contraction, "GPUS", ("cpu",))
    draw = np.random.default_rng(0).normal
    x, kernel = (draw(size=s) + 1j * draw(size=s) for s in [(2, 3, 8, 8), (4, 3, 3, 3)])
    conv = lambda x, k: lax.conv(x, k, (1, 2), "SAME")  # noqa: E731
    np.testing.assert_allclose(on_xla(conv)(x, kernel), conv(x, kernel), rtol=1e-12, atol=1e-12)
    with pytest.raises(UndefinedRuleError, match="conv_general_dilated: .* for i32; convert"):
        on_xla(conv)(np.ones((1, 1, 4, 4), np.int32), np.ones((1, 1, 2, 2), np.int32))


@needs_jaxlib
def test_what_tpus_do_not_multiply_is_refused_before_xla_fails():
    for fun, shape in ((jnp.dot, (2, 2)), (lambda x, k: lax.conv(x, k, (1, 1), "SAME"), (1,) * 4)):
        wide = np.ones(shape, np.int64)
        program = ingot.make_jaxpr(fun)(wide, wide)
        with pytest.raises(UndefinedRuleError, match="no rule for XLA on tpu for i64; convert"):
            lowered(program, "tpu", [""] * 2, [""], ())


@needs_jaxlib
def test_random_bits_are_the_same_and_say_nothing_without_64_bit_types():
    with ingot.enable_x64(False):  # warnings are errors
        key = ingot.random.key(3)
        for fun in (lambda k: ingot.random.bits(k, (5,)), lambda k: ingot.random.bits(
                ingot.random.split(ingot.random.fold_in(k, 7))[1], (3,), "uint8")):
            np.testing.assert_array_equal(on_xla(fun)(key), fun(key))


@needs_jaxlib
def test_booleans_are_clamped():
    low, x, high = np.zeros(3, bool), np.array([True, False, True]), np.array([True, True, False])
    np.testing.assert_array_equal(on_xla(lax.clamp)(low, x, high), [True, False, False])


@needs_jaxlib
def test_under_the_hook_xla_is_the_installed_jaxlib_and_programs_get_the_served_one():
    code = """
        import ingot.as_jax, jax, jax.numpy as jnp
        y = jax.jit(lambda x: x + 1, backend="xla")(jnp.arange(2))
        import jaxlib.xla_client, jaxlib._jax
        from ingot.compat.hook import Served
        print(y[1], type(jaxlib.xla_client) is Served, type(jaxlib._jax) is Served)"""
    assert in_new_process(code) == ["2", "True", "True"]


@needs_jaxlib
def test_the_hook_after_xla_has_started():
    code = """
        import ingot
        f = ingot.jit(lambda x: x + 1, backend="xla")
        before = f(ingot.numpy.arange(2))
        import ingot.as_jax, jax, jax.numpy as jnp, jaxlib.xla_client
        from ingot.compat.hook import Served
        after = jax.jit(lambda x: jnp.sin(x), backend="xla")(f(before))
        device = jax.devices("xla")[0]
        print(before[1], after.shape, type(jaxlib.xla_client) is Served,
              device.client.runtime_type == "ingot", jax.devices("llvm")[0].client.runtime_type)"""
    assert in_new_process(code) == ["2", "(2,)", "True", "False", "ingot"]
