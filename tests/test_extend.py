"""What packages are given to extend ingot as they extend JAX: primitives, types, devices."""

import functools
from importlib.util import find_spec

import numpy as np
import pytest

import ingot
from ingot import errors, export, lax, numpy as jnp, sharding as sharding_module
from ingot.compat import lowering, mlir, mlir_rules, partial_eval, privates, tables
from ingot.config import config
from ingot.control.custom_jvp import custom_jvp_call_p
from ingot.extend import core
from ingot.sharding import PartitionSpec as P

needs_jaxlib = pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")


def primitive(name):
    p = core.Primitive(name)
    p.def_impl(lambda x, **params: x)
    p.def_abstract_eval(lambda x, *rest, **params: x)
    return p


def test_primitives_of_packages_get_eager_values_as_they_are():
    p = primitive("same")
    marker = object()
    assert p.bind(marker) is marker
    assert type(p.bind(2)) is int
    assert isinstance(ingot.jit(p.bind)(2), ingot.Array)


@pytest.mark.parametrize("backend", ["llvm", "reference", "xla"])
def test_programs_evaluate_a_primitive_that_returns_what_numpy_does(backend):
    p = primitive("madd")
    p.def_impl(lambda x, y: np.add(np.multiply(x, y), 1))
    x = np.arange(3.0)
    f = ingot.jit(lambda x: p.bind(x, 2 * x).sum() + p.bind(x[2], x[1]), backend=backend)
    assert float(f(x)) == 16


@pytest.mark.parametrize("backend", ["llvm", "xla"])
def test_functions_are_compiled_in_a_primitives_place(backend):
    p = primitive("sin_plus")
    p.def_impl(lambda x, y: 1 / 0)
    tables.register_lowering(p, lowering.lower_fun(lambda x, y: jnp.sin(x) + y, False))
    f = ingot.jit(lambda x: p.bind(x, 2 * x), backend=backend)
    np.testing.assert_allclose(f(np.arange(3.0)), np.sin(np.arange(3)) + 2 * np.arange(3))


@pytest.mark.llvm("rules of lowering")
def test_lowering_rules_may_call_python_and_those_that_fail_leave_it_to_impl():
    calls, seen = [], []

    def lower(ctx, x, *, by):
        calls.append([a.shape for a in ctx.avals_in])
        out, token, keepalive = lowering.emit_python_callback(
            ctx, lambda x: [by * x], None, [x], ctx.avals_in, ctx.avals_out, has_side_effect=False)
        ctx.module_context.add_keepalive(keepalive)
        return out

    p = primitive("scaled")
    p.def_impl(lambda x, by: seen.append("impl") or x * by)
    tables.register_lowering(p, lower)
    f = ingot.jit(lambda x: p.bind(x + 1, by=3))
    for _ in range(2):
        np.testing.assert_array_equal(f(np.arange(3.0)), [3, 6, 9])
    assert calls == [[(3,)]] and seen == []

    kept = []
    p = primitive("kept")
    p.def_impl(lambda x: kept.append(x) or x)
    tables.register_lowering(p, lambda ctx, x: ctx.module_context.context.operation(x))
    f = ingot.jit(lambda x: p.bind(x + 1) * 2)
    np.testing.assert_array_equal(f(np.arange(100.0)), 2 * np.arange(1.0, 101))
    f(np.zeros(100))
    np.testing.assert_array_equal(kept[0], np.arange(1.0, 101))  # not memory of the program


def built(name, rule, platform=None):
    """A primitive of one array, of which a rule that builds MLIR is all that is known."""
    p = core.Primitive(name)
    p.def_abstract_eval(lambda x, **_: x)
    tables.register_lowering(p, rule, platform)
    return p


def tripled(ctx, x, *, times=3):
    assert [a.shape for a in ctx.avals_in] == [a.shape for a in ctx.avals_out]
    factor = mlir.ir_constant(np.full(ctx.avals_in[0].shape, times, ctx.avals_in[0].dtype))
    return [mlir.hlo.multiply(x, factor)]


@needs_jaxlib
@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "complex128", "bfloat16"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_rules_that_build_mlir_are_programs_of_our_operations(dtype, shape):
    p, x = built("tripled", tripled), jnp.asarray(np.ones(shape), dtype)
    for run in (p.bind, *(ingot.jit(p.bind, backend=b) for b in ("llvm", "xla"))):
        out = run(x)
        assert out.dtype == x.dtype
        np.testing.assert_array_equal(np.asarray(out), np.full(shape, 3, x.dtype))
    assert ingot.jit(lambda x: p.bind(x, times=5))(x).shape == shape


@needs_jaxlib
@pytest.mark.parametrize("backend", ["llvm", "xla"])
def test_rules_that_build_mlir_call_functions_and_what_xla_alone_has(backend):
    def rule(ctx, x):
        (y,) = lowering.lower_fun(lambda x: jnp.sin(x) + 1, multiple_results=False)(ctx, x)
        (z,) = lowering.lower_fun(lambda x: [2 * x])(ctx, y)
        return mlir.hlo.add(z, y)

    x = np.arange(4.0)
    found = ingot.jit(lambda x: built("composed", rule).bind(x + 1), backend=backend)(x)
    np.testing.assert_allclose(found, 3 * np.sin(x + 1) + 3, rtol=1e-15)
    squared = lambda ctx, x: [mlir.hlo.einsum(x.type, x, x, "i,i->i")]
    f = ingot.jit(built("squared", squared).bind, backend=backend)
    np.testing.assert_array_equal(f(x), x * x)
    assert "run_by_xla" in str(mlir_rules.program_of(built("squared", squared), [f(x).aval], {}))
    opaque = lambda ctx, x: mlir.custom_call("annotate_nothing", result_types=[x.type],
                                             operands=[x]).results
    p = built("opaque", opaque)
    with pytest.raises(ValueError, match="custom calls whose targets .*annotate_nothing"):
        export.export(ingot.jit(lambda x: p.bind(x) + 1))(x)
    kept = export.export(ingot.jit(lambda x: p.bind(x) + 1), disabled_checks=[
        export.DisabledSafetyCheck.custom_call("annotate_nothing")])(x)
    assert "annotate_nothing" in kept.mlir_module()


@needs_jaxlib
def test_rules_for_platforms_are_those_of_the_programs_for_them():
    twice, thrice = (built(f"times_{n}", lambda ctx, x, n=n: tripled(ctx, x, times=n), platform)
                     for n, platform in ((2, "cpu"), (3, "cuda")))
    p = core.Primitive("times_2_or_3")
    p.def_abstract_eval(lambda x: x)
    for platform, inner in (("cpu", twice), ("cuda", thrice)):
        tables.register_lowering(p, lowering.lower_fun(inner.bind, False), platform)
    f, x = ingot.jit(p.bind), np.arange(3.0)
    np.testing.assert_array_equal(f(x), 2 * x)
    both = export.export(f, platforms=["cpu", "cuda"])(x)
    np.testing.assert_array_equal(both.call(x), 2 * x)
    assert "dense<3.0" in both.mlir_module()
    with pytest.raises(errors.UndefinedRuleError, match="no lowering rule .* for tpu, only"):
        export.export(f, platforms=["tpu"])(x)


@needs_jaxlib
def test_rules_are_told_what_programs_are_for_and_their_mistakes():
    told = []

    def rule(ctx, x):
        around = ctx.module_context
        told.append((around.lowering_parameters.for_export, around.platforms))
        return [mlir.hlo.add(x, x)]

    p, x = built("told", rule), np.arange(3.0)
    p.bind(x)
    export.export(ingot.jit(p.bind), platforms=["tpu"])(x)
    assert told[0] == (False, ("cpu",)) and told[-1] == (True, ("tpu",))
    wrong = built("wrong", lambda ctx, x: [mlir.ir_constant(np.ones(2))])
    with pytest.raises(TypeError, match=r"wrong: its lowering rule returned .*tensor<2xf64>.*says"):
        wrong.bind(x)
    tables.register_lowering(wrong, None)
    with pytest.raises(errors.UndefinedRuleError):
        wrong.bind(x)


def test_types_are_of_one_class():
    aval = core.ShapedArray((2,), np.float32, sharding=None, memory_space=None)
    assert type(aval) is core.ShapedArray is type(jnp.ones(2, np.float32).aval)
    assert isinstance(aval, core.AbstractValue) and issubclass(core.ShapedArray, core.AbstractValue)


def test_calls_with_custom_rules_are_bound_again():
    f = ingot.custom_jvp(lambda x: 3 * x)
    f.defjvp(lambda primals, tangents: (f(*primals), 5 * tangents[0]))
    (eqn,) = ingot.make_jaxpr(f)(1.0).eqns
    assert eqn.primitive is custom_jvp_call_p
    params = eqn.primitive.get_bind_params(eqn.params)
    assert params["subfuns"][0].call_wrapped(2.0)[0] == 6
    again = lambda x: eqn.primitive.bind(x, **params)[0]
    assert again(2.0) == 6 and ingot.grad(again)(2.0) == 5


@pytest.mark.parametrize("kind", [ingot.custom_jvp, ingot.custom_vjp])
def test_eager_functions_with_rules_work_on_what_they_are_given(kind):
    f = kind(lambda x, y=1: x + y)
    if kind is ingot.custom_jvp:
        f.defjvp(lambda primals, tangents: (f(*primals), tangents[0]))
    else:
        f.defvjp(lambda x, y: (f(x, y), None), lambda _, ct: (ct, None))
    assert type(f(1)) is int and type(f(np.float32(1), y=np.float32(2))) is np.float32


def test_frames_of_the_user_and_of_others():
    class Frame:
        class f_code:
            co_filename = __file__

    assert privates.include_frame(Frame)
    Frame.f_code.co_filename = core.__file__
    assert not privates.include_frame(Frame)
    Frame.f_code.co_filename = "/somewhere/package/of/others.py"
    assert privates.include_frame(Frame)
    privates.register_exclusion("/somewhere/package")
    assert not privates.include_frame(Frame)


def test_the_cpu_has_as_many_names_as_are_asked_for(monkeypatch):
    assert len(ingot.devices()) == ingot.local_device_count() == ingot.device_count() >= 4
    with config.override("num_cpu_devices", 3):
        first, *rest = ingot.devices()
        assert [d.id for d in rest] == [1, 2] and ingot.local_device_count() == 3
        assert ingot.devices() == [first, *rest]
        mesh = sharding_module.make_mesh((2,), ("x",))
        assert mesh.shape == {"x": 2} and list(mesh.devices) == [first, rest[0]]
        assert list(mesh.device_ids) == [0, 1]
        assert list(ingot.pmap(lambda x: 2 * x, devices=[first])(np.arange(1) + 3)) == [6]
        with pytest.raises(ValueError, match=r"devices 3 must be >= the product"):
            sharding_module.make_mesh((4,), ("x",))
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    assert ingot.device_count() == len(ingot.devices()) == 2


# ---- shard_map ----
@pytest.fixture
def mesh():
    with config.override("num_cpu_devices", 6):
        auto = sharding_module.AxisType.Auto
        yield sharding_module.make_mesh((2, 3), ("a", "b"), axis_types=(auto, auto))


def divided(f, mesh, in_specs, out_specs):
    return sharding_module.shard_map(f, mesh=mesh, in_specs=in_specs, out_specs=out_specs)


def test_parts_of_arrays_and_collectives(mesh):
    x = np.arange(48.0).reshape(4, 12)

    def f(x, y):
        where = 10 * lax.axis_index("a") + lax.axis_index("b")
        return x + where, lax.psum(x.sum(), ("a", "b")), lax.psum(x, "a") + y

    g = divided(f, mesh, (P("a", "b"), P()), (P("a", "b"), P(), P(None, "b")))
    places = 10 * np.repeat([0, 1], 2)[:, None] + np.repeat([0, 1, 2], 4)
    for call in (g, g, ingot.jit(g)):
        whole, total, sums = call(x, 5.0)
        np.testing.assert_array_equal(whole, x + places)
        assert float(total) == x.sum()
        np.testing.assert_array_equal(sums, x[:2] + x[2:] + 5)


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_one_axis_divided_by_two_in_their_order(mesh, names):
    g = divided(lambda t: {"n": t["x"].sum(keepdims=True) * t["y"]}, mesh,
                ({"x": P(names), "y": P(None)},), P(("a", "b")))
    x = np.arange(12.0)
    sums = x.reshape(6, 2).sum(1)
    place = [names.index("a"), names.index("b")]
    shape = [(2, 3)["ab".index(n)] for n in names]
    np.testing.assert_array_equal(g({"x": x, "y": 2.0 * np.ones(1)})["n"],
                                  2 * sums.reshape(shape).transpose(place).ravel())
    jacobian = ingot.jacobian(lambda x: g({"x": x, "y": np.ones(1)})["n"])(x)
    assert jacobian.sum() == 12 and np.asarray(jacobian).max() == 1
    np.testing.assert_array_equal(
        divided(lambda x: x + 0 * x.sum(), mesh, P(names), P(names))(x), x)


@pytest.mark.parametrize("specs, text", [
    (P("a"), "length 3 cannot be divided into 2"), (P("c"), "an axis marked as manual"),
    (P("a", None), "has length 2, but x is .*, which has rank 1"),
    (P(("a", "a")), "duplicate entries")])
def test_divisions_that_cannot_be(mesh, specs, text):
    with pytest.raises((ValueError, errors.DuplicateSpecError), match=text):
        divided(lambda x: x, mesh, specs, specs)(np.ones(3))
    with pytest.raises(ValueError, match="must be said, by mesh= or by set_mesh"):
        divided(lambda x: x, None, specs, specs)(np.ones(3))


def test_options_of_other_compilers():
    lowered = ingot.jit(lambda x: x + 1).lower(1.0)
    assert lowered.compile(compiler_options={"xla_gpu_autotune_level": "0"})(1.0) == 2
    with pytest.raises(errors.JaxRuntimeError, match="No such compile option: 'wrong'"):
        lowered.compile(compiler_options={"wrong": 1})


def test_debug_callbacks_in_mapped_branches_and_loops():
    seen = []

    def branch(x):
        ingot.debug.callback(seen.append, x)
        return x + 1

    def f(go, x):
        x = lax.cond(go, branch, lambda x: x, x)
        return lax.while_loop(lambda x: x < 3, branch, x)

    out = ingot.vmap(f)(np.array([True, False]), np.array([0.0, 2.0]))
    assert list(out) == [3, 3] and len(seen) >= 3


# ---- float0 --------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(), (3,), (40,), (0,)], ids=str)
@pytest.mark.parametrize("f", [
    lambda x: (x, x),
    lambda x: lax.scan(lambda c, _: (c, c), x, None, length=2),
    lambda x: lax.cond(jnp.sin(1.0) > 0, lambda x: x, lambda x: x, x),
    lambda x: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1]), (0, x))[1],
], ids=["result", "scan", "cond", "while"])
def test_float0_in_compiled_programs(f, shape):
    x = np.zeros(shape, ingot.dtypes.float0)
    for out in ingot.tree.leaves(ingot.jit(f)(x)):
        assert out.dtype == ingot.dtypes.float0
        assert bool((out == out).all()) and not bool((out != out).any())


def test_structs_keep_64_bits():
    with config.override("enable_x64", False):
        struct = ingot.ShapeDtypeStruct((), np.int64)
        assert struct.dtype == np.int64
        assert ingot.eval_shape(lambda x: x, struct).dtype == np.int32


def test_saved_bfloat16_is_loaded(tmp_path):
    x = jnp.array([1, 2.5], "bfloat16")
    jnp.save(tmp_path / "x.npy", x)
    back = jnp.load(tmp_path / "x.npy")
    assert back.dtype == x.dtype and (back == x).all()


# ---- names and semantics that packages rely on ---------------------------------------------------
def test_types_say_how_arrays_are_divided():
    sharding = ingot.typeof(jnp.ones((2, 3))).sharding
    assert sharding.spec == sharding_module.PartitionSpec(None, None) and sharding.mesh.empty


def test_gradients_of_real_functions_of_complex_numbers():
    z = np.array([1 + 2j, 0.5 - 1j])
    f = lambda z: jnp.sum(jnp.abs(z) ** 2 + jnp.real(z ** 3))
    want = 2 * z.conj() + 3 * z ** 2  # df/dx - i df/dy
    np.testing.assert_allclose(ingot.grad(f)(z), want)
    np.testing.assert_allclose(ingot.jit(ingot.value_and_grad(f))(z)[1], want)
    np.testing.assert_allclose(ingot.jacrev(lambda z: f(z)[None])(z), want[None])


@pytest.mark.parametrize("shape, index", [
    ((0, 0), (np.zeros(0, int), np.zeros(0, int))), ((0, 0), (np.array([0, 1]),)),
    ((0, 3), (np.zeros(0, int), slice(1, None))),
    ((4, 0, 3), (slice(1, None), np.zeros((2, 0), int))),
], ids=str)
def test_nothing_is_taken_from_empty_arrays(shape, index):
    x = np.zeros(shape)
    want = (2, 0) if shape == (0, 0) and len(index) == 1 else x[index].shape
    for take in (lambda x: x[index], ingot.jit(lambda x: x[index]),
                 ingot.grad(lambda x: x[index].sum())):
        assert take(jnp.asarray(x)).shape in (want, shape)


def two(x, y, z):
    return jnp.sin(x), jnp.tan(y) * 2, jnp.cos(z)


@pytest.mark.parametrize("used", [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 0)])
@pytest.mark.parametrize("calls", [
    ingot.jit, ingot.checkpoint, lambda f: ingot.jit(ingot.checkpoint(f)),
    lambda f: ingot.shard_map(f, in_specs=P("x"), out_specs=P("x"), mesh=sharding_module.make_mesh(
        (1,), "x", axis_types=(sharding_module.AxisType.Auto,)))])
def test_calls_keep_what_is_used_of_their_programs(calls, used):
    args = [np.arange(1.0, 4.0) + k for k in range(3)]
    program = ingot.make_jaxpr(calls(two))(*args)
    kept, read = partial_eval.dce_jaxpr(program, list(map(bool, used)))
    assert read == list(map(bool, used))
    assert [v.aval for v in kept.invars] == [ingot.typeof(args[0])] * sum(used)
    equations, left = 0, [kept]
    while left:
        inner = left.pop()
        equations += sum(e.primitive.name in ("sin", "tan", "mul", "cos") for e in inner.eqns)
        left += core.subjaxprs(inner)
    assert equations == used[0] + 2 * used[1] + used[2]
    found = core.jaxpr_as_fun(kept)(*(x for x, u in zip(args, used, strict=True) if u))
    wanted = [y for y, u in zip(two(*args), used, strict=True) if u]
    assert len(found) == len(wanted)
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-15)
    everything, read = partial_eval.dce_jaxpr(program, [True, False, False], instantiate=True)
    assert read == [True] * 3 and len(everything.invars) == 3 and len(everything.outvars) == 1


@pytest.mark.parametrize("several", [False, True])
def test_primitives_whose_impl_is_their_lowering(several):
    p = primitive("shifted")
    p.multiple_results = several
    p.def_abstract_eval(lambda x, *, by: [x] if several else x)
    p.def_impl(functools.partial(privates.apply_primitive, p))
    for run in (p.bind, ingot.jit(p.bind, static_argnames="by")):
        with pytest.raises((errors.UndefinedRuleError, errors.HostCallError),
                           match="register mlir.lower_fun"):
            run(np.ones(3), by=2)
    tables.register_lowering(p, lowering.lower_fun(
        lambda x, by: [x + by] if several else x + by, several))
    for run in (p.bind, ingot.jit(p.bind, static_argnames="by"),
                lambda x, by: privates.apply_primitive(p, x, by=by)):
        out = run(np.ones(3), by=2)
        assert (np.asarray(out[0] if several else out) == 3).all()


def test_private_conversions_are_those_of_jax():
    x = jnp.arange(8.0).reshape(4, 2)
    assert privates._convert_element_type(x, x.dtype) is x
    assert ingot.typeof(privates._convert_element_type(x, "float32", True)).weak_type
    with config.override("num_cpu_devices", 8):
        mesh = sharding_module.make_mesh((2, 2), ("x", "y"))
        place = sharding_module.NamedSharding(mesh, P("y"))
        out = privates._convert_element_type(x, sharding=sharding_module.NamedSharding(mesh, P()))
        assert out.sharding.mesh == mesh and out.dtype == x.dtype
        given = ingot.device_put(x, sharding_module.NamedSharding(mesh, P("x")))
        for inside in (lambda r: privates._convert_element_type(r, "bfloat16", sharding=place),
                       lambda r: ingot.device_put(r, place)):
            out = ingot.jit(ingot.vmap(inside))(given)
            assert out.sharding.spec == P("x", "y")
            assert (out == x.astype(out.dtype)).all()
