"""Exported programs: both ways with real JAX, derivatives, structures, and what is refused."""

import collections
import dataclasses
import os
import re
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import P, export, lax, sharding
from ingot.config import config
from ingot.export import flatbuffer
from ingot.export.schema import SCHEMA

pytestmark = pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")
needs_jax = pytest.mark.skipif(find_spec("jax") is None or find_spec("flatbuffers") is None,
                               reason="needs JAX and flatbuffers")
X = np.linspace(-1.5, 2.0, 12).reshape(4, 3)
V = np.linspace(0.1, 1.4, 4)
EYE = np.eye(3)


def turns(x):
    return lax.scan(lambda c, row: (c + row, jnp.sin(c)), x[0], x)


def window(x):
    return lax.reduce_window(x, -np.inf, lax.max, (2, 2), (1, 1), "SAME")


# Programs, and their arguments: what each kind of operation becomes and is read from.
PROGRAMS = {
    "elementwise": (lambda x: jnp.tanh(x) * jnp.sqrt(jnp.abs(x)) + x**3 - jnp.exp2(x), X),
    "special functions": (lambda x: lax.erf(x) + lax.lgamma(x) + lax.asinh(x), X),
    "comparisons": (lambda x: jnp.where((x > 0) & ~(x == 1), x, jnp.maximum(x, -1)), X),
    "conversions": (lambda x: (x.astype("int8"), x > 0, x.astype("bfloat16"),
                               lax.bitcast_convert_type(x, "int64")), X),
    "complex numbers": (lambda x: jnp.exp(1j * x).conj().imag, X),
    "reductions": (lambda x: (x.sum(0), x.max(1), x.prod(), jnp.argmin(x, 1), x.std(),
                              (x > 0).any(0)), X),
    "sorting": (lambda x: (jnp.sort(x, 0), jnp.argsort(x, 1), lax.top_k(x, 2), jnp.median(x)), X),
    "movement": (lambda x: (x.T[::-1], jnp.pad(x, 1), jnp.concatenate([x, x], 1)[1:, ::2],
                            jnp.tile(x, 2), jnp.roll(x, 1)), X),
    "indexing": (lambda x: (x[jnp.array([2, 0]), 1], x.at[1].add(2), x.at[jnp.array([0, 9])].set(0),
                            lax.dynamic_slice(x, (1, 1), (2, 2)), x.at[0].max(1)), X),
    "contractions": (lambda x: (x @ x.T, jnp.einsum("ij,kj->jik", x, x)), X),
    "windows": (lambda x: (window(x), jnp.cumsum(x, 0), lax.conv_general_dilated(
        x[None, None], jnp.ones((1, 1, 2, 2)), (1, 1), "SAME")), X),
    "loops": (turns, X),
    "conditions": (lambda x: (lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x), lax.while_loop(
        lambda c: c.sum() < 50, lambda c: 2 * c, jnp.abs(x))), X),
    "linear algebra": (lambda x: (jnp.linalg.cholesky(x @ x.T + jnp.eye(4)),
                                  jnp.fft.rfft(x).real), X),
    "factorizations": (lambda x: (*jnp.linalg.svd(x), *jnp.linalg.qr(x), *jnp.linalg.eigh(x.T @ x),
                                  jnp.linalg.inv(x.T @ x), jnp.linalg.eigvals(x[:3])), X**2),
    "random numbers": (lambda x: x + ingot.random.normal(ingot.random.key(3), x.shape), X),
    "derivatives": (ingot.grad(lambda x: jnp.sum(jnp.sin(x @ x.T)) + turns(x)[1].sum()), X),
}


def flat(tree):
    return [np.asarray(x).astype(complex if np.iscomplexobj(x) else float)
            for x in ingot.tree.leaves(tree)]


def assert_close(found, wanted, rtol=1e-12):
    for x, y in zip(flat(found), flat(wanted), strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)


def exported(fun, *args, vjp_order=0, platforms=None, disabled_checks=(), **kwargs):
    """A function exported, written and read."""
    found = export.export(ingot.jit(fun), platforms=platforms, disabled_checks=disabled_checks)(
        *args, **kwargs)
    return export.deserialize(found.serialize(vjp_order=vjp_order))


def in_jax(code, *paths):
    """What a program of real JAX prints, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), *map(str, paths)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("backend", ["llvm", "xla"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_was_read_computes_the_same(name, backend):
    fun, x = PROGRAMS[name]
    call = exported(fun, x).call
    assert_close(ingot.jit(lambda x: call(x), backend=backend)(x), ingot.jit(fun)(x), 1e-6)


@needs_jax
def test_jax_calls_what_ingot_exports(tmp_path):
    for k, (fun, x) in enumerate(PROGRAMS.values()):
        data = export.export(ingot.jit(fun))(x).serialize()
        np.savez(tmp_path / f"{k}.npz", x, np.frombuffer(data, np.uint8),
                 *flat(ingot.jit(fun)(x)))
    in_jax("""
        import pathlib, sys, numpy as np, jax
        from jax import export
        jax.config.update("jax_enable_x64", True)
        for path in sorted(pathlib.Path(sys.argv[1]).glob("*.npz")):
            x, data, *wanted = np.load(path).values()
            outs = jax.tree.leaves(export.deserialize(bytearray(data.tobytes())).call(x))
            for out, want in zip(outs, wanted, strict=True):
                np.testing.assert_allclose(np.asarray(out).astype(want.dtype), want, 1e-6, 1e-6)
        """, tmp_path)


THEIRS = """
    import pathlib, sys, numpy as np, jax, jax.numpy as jnp
    from jax import export, lax
    jax.config.update("jax_enable_x64", True)
    X, V = np.linspace(-1.5, 2.0, 12).reshape(4, 3), np.linspace(0.1, 1.4, 4)
    PROGRAMS = [
        lambda x: (jnp.tanh(x @ x.T), jax.nn.softmax(x), jnp.sort(x, 0)[::-1], jnp.argmax(x, 1)),
        lambda x: (jax.scipy.special.erf(x), jnp.median(x)),
        lambda x: x + jax.random.normal(jax.random.key(0), x.shape),
        lambda x: lax.scan(lambda c, row: (c + row, jnp.where(c > 0, c, 0)), x[0], x),
        lambda x: (lax.top_k(x, 2), x.at[jnp.array([1, 2]), 0].add(2), jnp.cumsum(x, 1), x[1:]),
        lambda x: (jnp.linalg.svd(x)[1], jnp.linalg.solve(x.T @ x, x[0])),
        jax.grad(lambda x: jnp.sum(jnp.sin(x) @ x.T)),
    ]
    for k, fun in enumerate(PROGRAMS):
        found = export.export(jax.jit(fun))(X)
        np.savez(pathlib.Path(sys.argv[1]) / f"{k}.npz", np.frombuffer(found.serialize(), np.uint8),
                 *[np.asarray(x) for x in jax.tree.leaves(jax.jit(fun)(X))])
    both = export.export(jax.jit(lambda x, *, y: {"a": x * y["b"]}))(V, y={"b": V})
    (pathlib.Path(sys.argv[1]) / "vjp").write_bytes(both.serialize(vjp_order=2))
    print(len(PROGRAMS))
"""


@needs_jax
def test_ingot_calls_what_jax_exports(tmp_path):
    count = int(in_jax(THEIRS, tmp_path))
    for k in range(count):
        data, *wanted = np.load(tmp_path / f"{k}.npz").values()
        found = export.deserialize(data.tobytes())
        for backend in ("llvm", "xla"):
            outs = ingot.jit(lambda x, call=found.call: call(x), backend=backend)(X)
            assert_close(outs, wanted, 1e-6)
    both = export.deserialize((tmp_path / "vjp").read_bytes())
    assert both.in_tree == ingot.tree.structure(((V,), {"y": {"b": V}}))

    def total(x):
        return both.call(x, y={"b": x})["a"].sum()

    assert_close(ingot.grad(total)(V), 2 * V)
    assert_close(ingot.grad(lambda x: ingot.grad(total)(x).sum())(V), np.full(4, 2.0))


# ---- derivatives ---------------------------------------------------------------------------------
@pytest.mark.parametrize("order", [0, 1, 2])
def test_as_many_derivatives_as_were_written(order):
    call = exported(lambda x: jnp.sin(x) * x, V, vjp_order=order).call

    def derivative(fun, n):
        return fun if n == 0 else ingot.grad(lambda x: derivative(fun, n - 1)(x).sum())

    for n in range(order + 1):
        wanted = derivative(lambda x: jnp.sin(x) * x, n)(V)
        assert_close(derivative(call, n)(V), wanted)
    with pytest.raises(ValueError, match="No VJP is available"):
        derivative(call, order + 1)(V)


def test_the_derivative_is_an_exported_program_of_arguments_and_cotangents():
    found = export.export(ingot.jit(lambda i, x: (i + 1, i * x)))(np.arange(3), np.ones(3))
    derivative = found.vjp()
    assert [str(a) for a in derivative.in_avals] == ["i64[3]", "f64[3]", "float0[3]", "f64[3]"]
    assert [str(a) for a in derivative.out_avals] == ["float0[3]", "f64[3]"]
    assert found.vjp() is derivative
    call = export.deserialize(found.serialize(vjp_order=1)).call
    assert_close(ingot.grad(lambda x: call(np.arange(3), x)[1].sum())(np.ones(3)), np.arange(3))


def test_calls_compose_with_vmap_jit_and_other_exports():
    call = exported(lambda x: jnp.sin(x) @ x, V).call
    rows = np.stack([V, 2 * V, V - 1])
    assert_close(ingot.vmap(call)(rows), np.array([np.sin(r) @ r for r in rows]))
    twice = exported(lambda x: call(x) + call(2 * x), V).call
    assert_close(twice(V), np.sin(V) @ V + np.sin(2 * V) @ (2 * V))
    with pytest.raises(ingot.errors.UndefinedRuleError, match=r"jvp|forward"):
        ingot.jvp(call, (V,), (V,))


# ---- types and structures ------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [
    "bool", "int8", "uint16", "int32", "uint64", "float16", "bfloat16", "float32", "complex64",
    "complex128", "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"])
def test_dtypes(dtype):
    x = jnp.asarray(np.array([0, 1, 2])).astype(dtype)
    found = exported(lambda x: x[::-1], x)
    assert found.in_avals == found.out_avals == (ingot.typeof(x).strip_weak_type(),)
    assert_close(found.call(x), x[::-1])


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_keys(impl):
    key = ingot.random.key(7, impl=impl)
    found = exported(lambda k: ingot.random.clone(k), key)
    assert found.in_avals[0].dtype == key.dtype
    assert (ingot.random.key_data(found.call(key)) == ingot.random.key_data(key)).all()


def test_arguments_that_are_not_used_are_left_out():
    found = exported(lambda x, y, z: z, V, X, EYE)
    assert found.module_kept_var_idx == (2,)
    assert_close(found.call(V, X, EYE), EYE)


Point = collections.namedtuple("Point", "x y")
export.register_namedtuple_serialization(Point, serialized_name="test_export.Point")


@ingot.tree_util.register_pytree_node_class
class Named:
    def __init__(self, value, name):
        self.value, self.name = value, name

    def tree_flatten(self):
        return (self.value,), self.name

    @classmethod
    def tree_unflatten(cls, name, children):
        return cls(*children, name)


export.register_pytree_node_serialization(
    Named, serialized_name="test_export.Named", serialize_auxdata=str.encode,
    deserialize_auxdata=bytes.decode)


@pytest.mark.parametrize("tree", [
    (), [], {}, None, (V, [V, None, {"b": V, "a": (V,)}]), Point(V, {"k": V}),
    collections.OrderedDict(z=V, a=V), Named(V, "name"), {"n": Named(Point(V, V), "")}],
    ids=lambda t: type(t).__name__)
def test_structures(tree):
    found = exported(lambda t, *, k: (t, k), tree, k=tree)
    assert found.in_tree == ingot.tree.structure(((tree,), {"k": tree}))
    assert ingot.tree.structure(found.call(tree, k=tree)) == ingot.tree.structure((tree, tree))


class Foreign(collections.namedtuple("Foreign", "x")):
    pass


REFUSED_REGISTRATIONS = [
    (lambda: export.register_namedtuple_serialization(Point, serialized_name="other"),
     "Duplicate.*type"),
    (lambda: export.register_namedtuple_serialization(Foreign, serialized_name="test_export.Point"),
     "Duplicate.*serialized_name"),
    (lambda: export.register_namedtuple_serialization(str, serialized_name="str"),
     "register_pytree_node_serialization"),
    (lambda: export.register_pytree_node_serialization(
        Foreign, serialized_name="f", serialize_auxdata=str, deserialize_auxdata=str),
     "register_pytree_node"),
]


@pytest.mark.parametrize(("register", "message"), REFUSED_REGISTRATIONS)
def test_registrations_that_are_refused(register, message):
    with pytest.raises(ValueError, match=message):
        register()


@pytest.mark.parametrize(("tree", "error", "message"), [
    ({(0, 1): V}, TypeError, r"string keys.*\(0, 1\)"),
    (Foreign(V), ValueError, "unregistered type.*Foreign")])
def test_structures_that_cannot_be_written(tree, error, message):
    found = export.export(ingot.jit(lambda t: t))(tree)
    with pytest.raises(error, match=message):
        found.serialize()


# ---- what is refused -----------------------------------------------------------------------------
CALLS = [
    ((V, V), {}, r"same pytree structure(.|\n)*args(.|\n)*tuple of length 2"),
    ((np.ones(5),), {"b": V}, r"Shape mismatch for args\[0\].shape\[0\]"),
    ((V,), {"b": np.ones(3)}, r"Shape mismatch for kwargs\['b'\].shape\[0\]"),
    ((X,), {"b": V}, r"Rank mismatch for args\[0\]"),
    ((V.astype("float32"),), {"b": V}, r"Dtype mismatch for args\[0\].*f64.*f32"),
]


@pytest.mark.parametrize(("args", "kwargs", "message"), CALLS)
def test_calls_that_do_not_fit(args, kwargs, message):
    found = exported(lambda a, *, b: a + b, V, b=V)
    with pytest.raises(ValueError, match=message):
        found.call(*args, **kwargs)


def test_platforms():
    assert export.default_export_platform() == "cpu"
    found = exported(jnp.sin, V, platforms=["tpu"])
    assert found.platforms == ("tpu",)
    with pytest.raises(ValueError, match=r"exported for platforms.*tpu.*used on 'cpu'"):
        found.call(V)
    free = exported(jnp.sin, V, platforms=["tpu"],
                    disabled_checks=[export.DisabledSafetyCheck.platform()])
    assert free.disabled_safety_checks == (export.DisabledSafetyCheck.platform(),)
    assert_close(free.call(V), np.sin(V))


def callback(x):
    return ingot.pure_callback(np.sin, x, x)


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: export.export(lambda x: x), ValueError, "must be the result of `jit`"),
    (lambda: export.export(ingot.jit(callback))(V), NotImplementedError,
     "callback calls Python for pure_callback"),
    (lambda: export.call("text"), ValueError, "must be an export.Exported"),
    (lambda: export.deserialize("text"), TypeError, "expected bytes, got str"),
    (lambda: export.export(ingot.jit(jnp.sin))(V).vjp().serialize and exported(
        jnp.sin, V).serialize(vjp_order=1), ValueError, "fewer orders"),
])
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("version", [8, 11])
def test_versions_of_the_calling_convention(version):
    with (ingot.config.override("export_calling_convention_version", version),
          pytest.raises(ValueError, match=rf"version {version} is outside the range.*\[9..10\]")):
        export.export(ingot.jit(jnp.sin))(V)
    with ingot.config.override("export_calling_convention_version", 9):
        assert exported(jnp.sin, V).calling_convention_version == 9


# ---- platforms -----------------------------------------------------------------------------------
def by_platform(x):
    return lax.platform_dependent(x, cpu=lambda x: x + 1, cuda=lambda x: x + 2, tpu=lambda x: x + 3)


@pytest.mark.parametrize(("platforms", "added"), [
    (("cpu",), 1), (("tpu", "cpu"), 1), (("cuda", "tpu", "cpu"), 1)])
def test_one_program_for_several_platforms(platforms, added):
    found = exported(by_platform, V, platforms=platforms)
    assert found.platforms == platforms and found.uses_global_constants == (len(platforms) > 1)
    assert ('jax.global_constant = "_platform_index"' in found.mlir_module()) == (
        len(platforms) > 1)
    for backend in ("llvm", "xla"):
        assert_close(ingot.jit(lambda x: found.call(x), backend=backend)(V), V + added)
    nested = exported(lambda x: found.call(2 * x), V, platforms=platforms[::-1])
    assert_close(nested.call(V), 2 * V + added)


@needs_jax
def test_jax_chooses_the_platform(tmp_path):
    found = export.export(ingot.jit(by_platform), platforms=("tpu", "cuda", "cpu"))(V)
    (tmp_path / "data").write_bytes(found.serialize())
    assert in_jax("""
        import pathlib, sys, numpy as np, jax
        from jax import export
        jax.config.update("jax_enable_x64", True)
        found = export.deserialize(bytearray(pathlib.Path(sys.argv[1]).read_bytes()))
        print(found.platforms, float(found.call(np.zeros(4))[0]))
        """, tmp_path / "data") == "('tpu', 'cuda', 'cpu') 1.0\n"


def test_functions_are_traced_for_their_platforms():
    seen = []
    fun = ingot.jit(lambda x: seen.append(ingot.config.export_platforms) or x)
    for platforms in (["cpu"], ["tpu"], ["cpu", "cuda"]):
        export.export(fun, platforms=platforms)(V)
    assert seen == [None, ("tpu",), ("cpu", "cuda")]
    assert ingot.config.export_platforms is None


def test_programs_that_differ_by_platform_are_not_one():
    square = np.eye(3)
    assert "LuDecomposition" in export.export(ingot.jit(lax.linalg.lu), platforms=["tpu"])(
        square).mlir_module()
    with pytest.raises(NotImplementedError, match="each of the platforms"):
        export.export(ingot.jit(lax.linalg.lu), platforms=["cuda", "tpu"])(square)


def test_memory_is_given_up_on_all_platforms_or_on_none():
    f = ingot.jit(jnp.sin, donate_argnums=0)
    assert export.export(f, platforms=["cpu", "tpu"])(V).platforms == ("cpu", "tpu")
    with pytest.raises(NotImplementedError, match="either all or no .* only .'cpu',. support"):
        export.export(f, platforms=["cpu", "other"])(V)


# ---- shardings -----------------------------------------------------------------------------------
def in_new_process(code, *paths):
    """What a program prints that has four devices."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, paths)], capture_output=True,
        text=True, check=False, env={**os.environ, "INGOT_NUM_CPU_DEVICES": "4",
                                     "XLA_FLAGS": "--xla_force_host_platform_device_count=4"})
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


DIVIDED = """
    import pathlib, sys, numpy as np, ingot, ingot.numpy as jnp
    from ingot import export
    from ingot.sharding import AxisType, Mesh, NamedSharding, PartitionSpec as P
    path = pathlib.Path(sys.argv[1])
    mesh = Mesh(np.array(ingot.devices()[:2]), ("d",), axis_types=(AxisType.Auto,))
    rows, columns = NamedSharding(mesh, P("d", None)), NamedSharding(mesh, P(None, "d"))
    x = np.arange(8.0).reshape(4, 2)
    found = export.export(ingot.jit(lambda x: 2 * x.T, in_shardings=rows, out_shardings=columns))(x)
    path.write_bytes(found.serialize(vjp_order=1))
    found = export.deserialize(path.read_bytes())
    assert found.nr_devices == 2 and "sdy.sharding" in found.mlir_module()
    (place,) = found.in_shardings_jax()
    assert (place.spec, place.mesh) == (P("d", None), mesh.abstract_mesh)
    other = Mesh(np.array(ingot.devices()[2:]), ("d",), axis_types=(AxisType.Auto,))
    assert found.in_shardings_jax(other)[0].mesh is other
    out = found.call(ingot.device_put(x, found.in_shardings_jax(other)[0]))
    assert (out == 2 * x.T).all()
    assert [s.device.id for s in out.addressable_shards] == [2, 3]
    assert [s.index[1] for s in out.addressable_shards] == [slice(0, 2), slice(2, 4)]
    for bad in (x, ingot.device_put(x, NamedSharding(Mesh(np.array(ingot.devices()), ("d",)),
                                                     P("d")))):
        try:
            found.call(bad)
        except ValueError as error:
            print(error)
    try:
        found.in_shardings_jax(Mesh(np.array(ingot.devices()[:2]), ("e",)))
    except ValueError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "divided"
    return path, in_new_process(DIVIDED, path)


def test_programs_say_how_their_arguments_are_divided(divided):
    first, second, third = divided[1].splitlines()
    assert "exported for 2 devices and is called in a context with 1 devices" in first
    assert "context with 4 devices" in second
    assert "does not match the one of the export" in third


@pytest.mark.parametrize("backend", ["llvm", "xla"])
def test_arguments_of_exported_programs_are_divided_as_they_were_for_it(backend):
    with config.override("num_cpu_devices", 4):
        devices = np.array(ingot.devices(backend)[:2])
        mesh = sharding.Mesh(devices, ("x",), axis_types=(sharding.AxisType.Auto,))
        x, rows = np.arange(8.0).reshape(4, 2), sharding.NamedSharding(mesh, P("x", None))
        whole = ingot.device_put(x, sharding.NamedSharding(mesh, P()))
        found = export.export(ingot.jit(lambda x: x + 1))(ingot.device_put(x, rows))
        with ingot.set_mesh(mesh):
            for out in (found.call(x), found.call(whole), ingot.jit(found.call)(x)):
                assert out.sharding.is_equivalent_to(rows, 2)
                np.testing.assert_array_equal(out, x + 1)


@needs_jax
def test_jax_divides_what_ingot_exports(divided):
    assert in_new_process("""
        import pathlib, sys, numpy as np, jax
        from jax import export
        from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
        jax.config.update("jax_enable_x64", True)
        found = export.deserialize(bytearray(pathlib.Path(sys.argv[1]).read_bytes()))
        mesh = Mesh(np.array(jax.devices()[1:3]), ("d",))
        x = jax.device_put(np.arange(8.0).reshape(4, 2), NamedSharding(mesh, P("d")))
        out, pullback = jax.vjp(found.call, x)
        assert (np.asarray(out) == 2 * np.arange(8.0).reshape(4, 2).T).all()
        (ct,) = pullback(out)
        assert (np.asarray(ct) == 4 * np.arange(8.0).reshape(4, 2)).all()
        print(found.nr_devices, tuple(out.sharding.spec))
        """, divided[0]).strip() == "2 (None, 'd')"


@pytest.mark.parametrize("shape", ["4, 2", "2 * b, 2"])
def test_programs_of_parts_run_as_a_whole_with_known_lengths(shape):
    assert in_new_process(f"""
        import ingot, numpy as np
        from ingot import export, lax
        from ingot.sharding import Mesh, NamedSharding, PartitionSpec as P
        mesh = Mesh(np.array(ingot.devices()[:2]), ("d",))
        rows, everywhere = NamedSharding(mesh, P("d")), NamedSharding(mesh, P())
        turned = ingot.shard_map(lambda x: lax.ppermute(x, "d", [(0, 1), (1, 0)]), mesh=mesh,
                                 in_specs=P("d"), out_specs=P("d"))
        x = np.arange(8.0).reshape(4, 2)
        found = export.export(ingot.jit(turned, in_shardings=rows, out_shardings=rows))(
            *export.symbolic_args_specs((x,), "{shape}"))
        print(found.call(ingot.device_put(x, everywhere)).tolist())
        """).strip() == "[[4.0, 5.0], [6.0, 7.0], [0.0, 1.0], [2.0, 3.0]]"


def test_a_module_of_other_types_than_said_is_refused():
    said, other = (export.export(ingot.jit(jnp.sin))(ingot.ShapeDtypeStruct(shape, "float32"))
                   for shape in [(3,), export.symbolic_shape("b")])
    damaged = dataclasses.replace(other, in_avals=said.in_avals, out_avals=said.out_avals,
                                  uses_global_constants=False, _memo={})
    with pytest.raises(ValueError, match="damaged"):
        damaged.call(np.ones(3, "float32"))


@needs_jax
def test_ingot_divides_what_jax_exports(tmp_path):
    in_new_process("""
        import pathlib, sys, numpy as np, jax
        from jax import export
        from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
        jax.config.update("jax_enable_x64", True)
        rows = NamedSharding(Mesh(np.array(jax.devices()[:2]), ("d",)), P("d"))
        found = export.export(jax.jit(lambda x: (x * 2).sum(1), in_shardings=rows,
                                      out_shardings=rows))(np.ones((4, 2)))
        pathlib.Path(sys.argv[1]).write_bytes(found.serialize())
        """, tmp_path / "theirs")
    assert in_new_process("""
        import pathlib, sys, numpy as np, ingot
        from ingot import export
        from ingot.sharding import AxisType, Mesh
        found = export.deserialize(pathlib.Path(sys.argv[1]).read_bytes())
        mesh = Mesh(np.array(ingot.devices()[1:3]), ("d",), axis_types=(AxisType.Auto,))
        out = found.call(ingot.device_put(np.ones((4, 2)), found.in_shardings_jax(mesh)[0]))
        print(found.nr_devices, out.tolist(), [s.device.id for s in out.addressable_shards])
        """, tmp_path / "theirs").strip() == "2 [4.0, 4.0, 4.0, 4.0] [1, 2]"


ROTATED = """
    import numpy as np, ingot
    from ingot import export, lax
    from ingot.sharding import AxisType, Mesh, NamedSharding, PartitionSpec as P
    ingot.config.update("backend", BACKEND)
    def program(devices, name):
        mesh = Mesh(np.array(devices), (name,), axis_types=(AxisType.Auto,))
        rows = NamedSharding(mesh, P(name, None))
        n = len(devices)
        f = ingot.shard_map(lambda x: lax.ppermute(lax.sort(x, dimension=0), name, [
            (k, (k + 1) % n) for k in range(n)]), mesh=mesh, in_specs=rows.spec,
            out_specs=rows.spec)
        f = ingot.jit(f, in_shardings=rows, out_shardings=rows)
        return f, rows, NamedSharding(mesh, P())
    devices, x = ingot.devices(), np.arange(8.0)[::-1].reshape(4, 2).copy()
    f, rows, whole = program(devices[:2], "d")
    g, other, _ = program(devices[1::-1], "e")
    for shapes in (None, "2*b, 2"):
        f_args, g_args = ((ingot.ShapeDtypeStruct(x.shape, x.dtype, sharding=s) if shapes is None
                           else export.symbolic_args_specs((x,), shapes)[0],)
                          for s in (rows, other))
        found = export.export(f)(*f_args)
        second = export.export(g)(*g_args)
        given = ingot.device_put(x, whole)
        out = found.call(given)
        print(out.tolist(), [s.data.tolist() for s in out.addressable_shards])
        both = ingot.jit(lambda x: (found.call(x) + 1, found.call(2 * x), second.call(x)))(given)
        print([y.tolist() for y in both])
"""


@pytest.mark.parametrize("backend", ["llvm", "xla"])
def test_programs_that_xla_alone_can_run_are_parts_of_those_that_call_them(backend):
    printed = in_new_process(ROTATED.replace("BACKEND", repr(backend))).splitlines()
    parts = [[[1.0, 0.0], [3.0, 2.0]], [[5.0, 4.0], [7.0, 6.0]]]  # each sorted, and exchanged
    turned = np.concatenate(parts)
    assert printed == [f"{turned.tolist()} {parts}",
                       str([y.tolist() for y in (turned + 1, 2 * turned, turned)])] * 2


# ---- bytes ---------------------------------------------------------------------------------------
def artifact():
    found = export.export(ingot.jit(lambda t, *, k: (t["a"] * k, [k])))({"a": V}, k=V)
    return bytes(found.serialize(vjp_order=1))


def test_bytes_that_end_early_are_refused():
    data = artifact()
    for end in [*range(0, 600, 7), *range(600, len(data) - 1, 211)]:
        with pytest.raises(ValueError, match=f"these {end} bytes are no exported program"):
            export.deserialize(data[:end])


def test_bytes_that_were_changed_give_an_error_or_a_program():
    data, rng = artifact(), np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(data), 1500):
        changed = bytearray(data)
        changed[place] ^= int(rng.integers(1, 256))
        try:
            assert isinstance(export.deserialize(changed), export.Exported)
        except ValueError as error:
            refused += 1
            assert re.search("are no exported program", str(error))
    assert 50 < refused < 1450


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"\x04\0\0\0" * 40, bytes(range(256)),
                                  b"ML\xefR" + b"0" * 100, b"PK\x03\x04" + b"a" * 400])
def test_foreign_bytes_are_refused(data):
    with pytest.raises(ValueError, match="no exported program"):
        export.deserialize(data)


@needs_jax
def test_flatbuffers_reads_our_tables():
    from jax._src.export.serialization_generated import Exported

    table = Exported.GetRootAsExported(artifact())
    assert table.FunctionName() == b"_lambda_" or table.FunctionName() == b"<lambda>"
    assert table.InAvalsLength() == 2 and table.CallingConventionVersion() == 10
    assert table.Vjp().InAvalsLength() == 4
    assert table.InTree().ChildrenLength() == 2


TABLES = [
    {"kind": 3, "children": [{"kind": 0}, {"kind": 4, "children_names": ["\u00e4", ""]}]},
    {"kind": -1, "custom_name": "n" * 300, "custom_auxdata": bytes(range(128))},
    {},
]


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_read_as_they_were_written(table):
    def same(found, given):
        for name, value in found.items():
            wanted = given.get(name)
            if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
                for x, y in zip(value, wanted, strict=True):
                    same(x, y)
            else:
                assert value == wanted or (wanted == [] and not value)

    same(flatbuffer.read(SCHEMA, "PyTreeDef", flatbuffer.write(SCHEMA, "PyTreeDef", table)), table)


def test_derivatives_say_how_their_arguments_are_divided():
    assert in_new_process("""
        import ingot, ingot.numpy as jnp, numpy as np
        from ingot import export
        from ingot.sharding import Mesh, NamedSharding, PartitionSpec as P
        mesh = Mesh(np.array(ingot.devices()[:2]), ("d",))
        rows, columns = NamedSharding(mesh, P("d")), NamedSharding(mesh, P(None, "d"))
        found = export.export(ingot.jit(lambda x: jnp.sin(x.T), in_shardings=rows,
                                        out_shardings=columns))(np.ones((4, 2)))
        for _ in range(2):
            found = found.vjp()
            print([s.spec for s in (*found.in_shardings_jax(), *found.out_shardings_jax())])
        """).splitlines() == ["[P('d',), P(None, 'd'), P('d',)]",
                              "[P('d',), P(None, 'd'), P('d',), P('d',), P(None, 'd')]"]


@pytest.mark.parametrize("backend", ["llvm", "xla"])
def test_results_lie_as_constraints_in_the_program_say(backend):
    assert in_new_process("""
        import sys, ingot, numpy as np
        from ingot import export, lax
        from ingot.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec as P
        ingot.config.update("backend", sys.argv[1])
        abstract = AbstractMesh((2,), "x", (AxisType.Auto,))
        rows, columns = NamedSharding(abstract, P("x")), NamedSharding(abstract, P(None, "x"))
        exported = export.export(ingot.jit(
            lambda x: lax.with_sharding_constraint(x @ x.T, columns)))(
                ingot.ShapeDtypeStruct((4, 4), "float32", sharding=rows))
        x = np.arange(16, dtype="float32").reshape(4, 4)
        for axis in "xy":
            mesh = Mesh(np.array(ingot.devices()[:2]), axis)
            out = exported.call(ingot.device_put(x, NamedSharding(mesh, P(axis))))
            assert (out == x @ x.T).all() and len(out.addressable_shards) == 2
            if axis == "x":
                print([s.index[1] for s in out.addressable_shards])
        """, backend).strip() == "[slice(0, 2, None), slice(2, 4, None)]"
