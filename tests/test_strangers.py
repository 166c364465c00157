"""What strangers' programs ask for: any sequence as a shape, known arrays as static values, names,
and programs of packages that hold traced values. Each case stopped a public program once."""

import functools
import inspect
import re
from importlib.util import find_spec

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax, random, sharding
from ingot.compat import extension, literals, pallas, shown, vmappable
from ingot.compat.hook import resolve
from ingot.compat.linear_util import infer_argnums_and_argnames
from ingot.compat.missing_names import why_no_module
from ingot.compat.names import MODULES, NAMES
from ingot.config import config, context
from ingot.control.custom_common import SymbolicZero, zero_from_primal
from ingot.core.interpreter import Interpreter, Tracer, current
from ingot.core.printing import pretty
from ingot.extend import core as extend_core

KEY = random.key(0)


class Dim:
    """An integer in disguise, as TensorFlow's Dimension."""

    def __init__(self, n):
        self.n = n

    def __index__(self):
        return self.n


class Shape:
    """No Sequence, but one can iterate over it, as TensorFlow's TensorShape."""

    def __init__(self, *lengths):
        self.dims = [Dim(n) for n in lengths]

    def __len__(self):
        return len(self.dims)

    def __iter__(self):
        return iter(self.dims)

    def __getitem__(self, i):
        return self.dims[i]


SHAPES = {"shape": Shape(2, 3), "numpy": np.array([2, 3]), "array": jnp.array([2, 3]),
          "scalars": [np.int64(2), np.uint8(3)], "disguised": (Dim(2), 3)}
SHAPED = {
    "random.normal": lambda s: random.normal(KEY, s),
    "random.randint": lambda s: random.randint(KEY, s, 0, 5),
    "random.gamma": lambda s: random.gamma(KEY, 2.0, s),
    "random.choice": lambda s: random.choice(KEY, 5, s),
    "random.split": lambda s: random.split(KEY, s),
    "zeros": jnp.zeros, "full": lambda s: jnp.full(s, 1.0),
    "zeros_like": lambda s: jnp.zeros_like(1.0, shape=s),
    "reshape": lambda s: jnp.reshape(jnp.arange(6), s),
    "x.reshape": lambda s: jnp.arange(6).reshape(s),
    "broadcast_to": lambda s: jnp.broadcast_to(1.0, s),
    "tile": lambda s: jnp.tile(jnp.ones((1, 1)), s),
    "resize": lambda s: jnp.resize(jnp.ones(3), s),
    "indices": lambda s: jnp.indices(s)[0],
    "broadcast_shapes": lambda s: jnp.ones(jnp.broadcast_shapes(s, (1, 3))),
    "lax.broadcast_shapes": lambda s: jnp.ones(lax.broadcast_shapes(s, (1, 3))),
    "lax.full": lambda s: lax.full(s, 1.0), "lax.reshape": lambda s: lax.reshape(jnp.arange(6), s),
    "lax.broadcast": lambda s: lax.broadcast(1.0, s),
    "lax.broadcast_in_dim": lambda s: lax.broadcast_in_dim(1.0, s, ()),
    "lax.slice": lambda s: lax.slice(jnp.ones((4, 4)), (0, 0), s),
    "lax.dynamic_slice": lambda s: lax.dynamic_slice(jnp.ones((4, 4)), (0, 0), s),
    "image.resize": lambda s: ingot.image.resize(jnp.ones((4, 4)), s, "linear"),
    "initializers": lambda s: ingot.nn.initializers.lecun_normal()(KEY, s),
}


@pytest.mark.parametrize("function", SHAPED)
def test_any_sequence_of_integers_is_a_shape(function):
    for name, shape in SHAPES.items():
        assert SHAPED[function](shape).shape == (2, 3), name
    with pytest.raises((TypeError, ValueError)):
        SHAPED[function]([2.5, 3])


def test_none_has_the_shape_of_a_scalar():
    assert jnp.shape(None) == () and jnp.ndim(None) == 0 and jnp.size(None) == 1


ONE, TWO = jnp.array(1), jnp.array(2)
STATIC = {
    "pad": lambda x: jnp.pad(x, jnp.array([[1, 1], [2, 2]])),
    "pad of arrays": lambda x: jnp.pad(x, [(ONE, TWO), (ONE, ONE)]),
    "pad, one pair": lambda x: jnp.pad(x, jnp.array([1, 2])),
    "roll": lambda x: jnp.roll(x, jnp.array([0, 1]), axis=jnp.array([0, 1])),
    "repeat": lambda x: jnp.repeat(x, jnp.array([1, 2, 3]), axis=0),
    "reshape": lambda x: jnp.reshape(x, jnp.array([2, 6])),
    "slices": lambda x: x[ONE:TWO, :TWO],
    "lax.slice": lambda x: lax.slice(x, jnp.array([0, 0]), jnp.array([2, 2])),
    "split": lambda x: jnp.split(x, jnp.array([1, 3]), axis=1)[1],
    "tile": lambda x: jnp.tile(x, jnp.array([1, 2])),
    "broadcast_to": lambda x: jnp.broadcast_to(x, jnp.array([2, 3, 4])),
    "transpose": lambda x: jnp.transpose(x, jnp.array([1, 0])),
    "expand_dims": lambda x: jnp.expand_dims(x, ONE),
    "rot90": lambda x: jnp.rot90(x, ONE), "diff": lambda x: jnp.diff(x, TWO),
    "tensordot": lambda x: jnp.tensordot(x, x.T, ONE), "round": lambda x: jnp.round(x, ONE),
    "sum": lambda x: jnp.sum(x, axis=jnp.array([0, 1])), "cumsum": lambda x: jnp.cumsum(x, ONE),
    "linspace": lambda x: jnp.linspace(0.0, 1.0, TWO), "arange": lambda x: jnp.arange(TWO),
    "eye": lambda x: jnp.eye(TWO), "triu_indices": lambda x: jnp.triu_indices(TWO)[0],
    "lax.concatenate": lambda x: lax.concatenate([x, x], ONE),
    "ravel_multi_index": lambda x: jnp.ravel_multi_index((jnp.array([0, 1]),) * 2, (TWO, TWO)),
    "segment_sum": lambda x: resolve("jax.ops", "segment_sum")(x, jnp.array([0, 1, 1]), TWO),
}


@pytest.mark.parametrize("function", STATIC)
def test_arrays_with_known_values_are_static_in_traced_code(function):
    x = jnp.arange(12.0).reshape(3, 4)
    expected = STATIC[function](x)
    np.testing.assert_array_equal(ingot.jit(STATIC[function])(x), expected)


def test_traced_values_are_still_refused():
    for f in (lambda n: jnp.pad(jnp.ones(2), n), lambda n: jnp.zeros(n),
              lambda n: jnp.round(1.5, n), lambda n: jnp.diff(jnp.ones(3), n)):
        with pytest.raises((ingot.errors.ConcretizationTypeError,
                            ingot.errors.TracerIntegerConversionError)):
            ingot.jit(f)(1)


@pytest.mark.parametrize("method", ["set", "add", "subtract", "multiply", "divide", "power", "min",
                                    "max"])
def test_updates_take_lists(method):
    x, at = jnp.arange(4.0), np.array([0, 2])
    found = getattr(x.at[at], method)([3.0, 5.0])
    np.testing.assert_array_equal(found, getattr(x.at[at], method)(jnp.array([3.0, 5.0])))


def test_functions_have_the_names_they_are_called_by():
    names = ("abs acos acosh amax amin around asin asinh atan atan2 atanh bitwise_invert conj"
             " bitwise_left_shift deg2rad mod pow rad2deg true_divide").split()
    for name in names:
        function = getattr(jnp, name)
        assert function.__name__ == name and "alias" not in repr(function), name
    assert ingot.tree.map.__name__ == "map" and ingot.tree_util.tree_map.__name__ == "tree_map"
    assert ingot.remat.__name__ == "remat" and ingot.jacobian.__name__ == "jacobian"
    np.testing.assert_array_equal(jnp.pow(jnp.arange(3), 2), [0, 1, 4])


def test_zeros_of_pytrees():
    tree = {"a": 1.0, "b": (jnp.arange(3), None)}
    zeros = zero_from_primal(tree)
    assert zeros["a"] == 0 and zeros["b"][0].dtype == ingot.dtypes.float0 and zeros["b"][1] is None
    kept = zero_from_primal(tree, symbolic_zeros=True)
    assert type(kept["a"]) is SymbolicZero and kept["b"][0].shape == (3,)


def test_forward_mode_through_custom_vjp_is_a_type_error():
    @ingot.custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (2 * x * ct,))
    wrapped = [f, ingot.jit(f), ingot.checkpoint(f), lambda x: lax.cond(x > 0, f, f, x),
               lambda x: lax.fori_loop(0, 2, lambda _, y: f(y), x),
               lambda x: ingot.vmap(f)(jnp.full(3, x)).sum()]
    for g in wrapped:
        for derivative in (lambda g: ingot.jvp(g, (2.0,), (1.0,)), lambda g: ingot.hessian(g)(2.0)):
            with pytest.raises(TypeError, match="reverse mode alone"):
                derivative(g)


def test_programs_with_functions_as_parameters_are_printed():
    y = jnp.arange(3.0)

    def f(x):
        return lax.custom_linear_solve(lambda v: v * y, x, lambda _, b: b / y)

    for program in (ingot.make_jaxpr(f)(y), ingot.make_jaxpr(ingot.jit(f))(y)):
        assert "custom_linear_solve" in str(program)


def test_equations_shared_by_programs_keep_the_results_that_each_reads():
    # Checkpoint around cond, linearized: known and linear programs share equations, of which they
    # read different results.
    @ingot.checkpoint
    def step(x):
        return lax.cond(x[0] > 0, lambda x: jnp.sin(x) * jnp.cos(x[::-1]) + x * x,
                        lambda x: jnp.cos(x) * x - jnp.exp(-x), x)

    def f(x):
        y = step(step(step(x)))
        return (y * jnp.roll(step(y), 1)).sum()

    x = jnp.linspace(0.1, 1.0, 40)
    out, linear = ingot.jit(lambda x: ingot.linearize(f, x)[0])(x), ingot.linearize(f, x)[1]
    np.testing.assert_allclose(out, f(x), rtol=1e-12)
    np.testing.assert_allclose(
        ingot.jit(lambda x, t: ingot.linearize(f, x)[1](t))(x, x), linear(x), rtol=1e-10)
    np.testing.assert_allclose(ingot.jit(ingot.grad(f))(x), ingot.grad(f)(x), rtol=1e-10)


# ---- names ---------------------------------------------------------------------------------------
ASKED = """
jax.stages:ArgInfo jaxlib.xla_client:XlaRuntimeError jaxlib._jax:PjitFunction
jax._src.lib:xla_client jax._src.lib:jaxlib jax._src.lib:pytree jax._src.lib:version
jax._src.literals:TypedInt jax._src.literals:TypedNdArray jax._src.array:TypedNdArray
jax._src.api_util:infer_argnums_and_argnames jax.extend.backend:backends
jax.extend.backend:get_backend jax.interpreters.batching:register_vmappable
jax.interpreters.batching:is_vmappable jax.experimental.sparse.linalg:spsolve
jax.experimental.pallas:pallas_call jax.experimental.pallas.tpu:BlockSpec
jax.experimental.pallas.triton:CompilerParams jax.ad_checkpoint:print_saved_residuals
jax.debug:visualize_array_sharding jax.debug:inspect_array_sharding
jax.scipy.spatial.transform:Rotation jax.scipy.spatial.transform:Slerp
""".split()


@pytest.mark.parametrize("name", ASKED)
def test_names_that_packages_ask_for(name):
    module, _, attribute = name.partition(":")
    assert module in MODULES
    assert f"{module}.{attribute}" in MODULES or (
        NAMES.get(f"{module}.{attribute}") in MODULES) or resolve(module, attribute) is not None


def test_what_the_names_do(capsys):
    signature = inspect.signature(lambda a, b, *, c=1: None)
    assert infer_argnums_and_argnames(signature, None, "b") == ((1,), ("b",))
    assert infer_argnums_and_argnames(signature, -1, None) == ((-1,), ("b",))
    assert infer_argnums_and_argnames(signature, None, "c") == ((), ("c",))
    assert infer_argnums_and_argnames(signature, None, None) == ((), ())
    typed = literals.TypedInt(3, np.int8)
    assert typed + 1 == 4 and jnp.add(typed, jnp.int8(1)).dtype == np.int8
    assert isinstance(ingot.jit(jnp.sin), extension.PjitFunction)
    lowered = ingot.jit(lambda x, y: x).lower(jnp.ones(3), 2.0)
    (first, second), _ = lowered.args_info
    assert first.shape == (3,) and not first.donated and second.dtype == np.float64
    assert pallas.cdiv(7, 2) == 4 and pallas.BlockSpec((8, 8)).args == ((8, 8),)
    with pytest.raises(NotImplementedError, match="array programs"):
        pallas.pallas_call(lambda: None)
    assert ingot.core.avals.ShapedArray((), np.dtype("int32")).at_least_vspace().dtype \
        == ingot.dtypes.float0
    ingot.ad_checkpoint.print_saved_residuals(lambda x, y: jnp.sin(x) * y, 1.0, 2.0)
    assert "from the argument y" in capsys.readouterr().out
    ingot.debug.visualize_array_sharding(jnp.ones((2, 2)))
    assert "CPU 0" in capsys.readouterr().out


def test_types_that_are_mapped_as_a_whole():
    vmappable.register_vmappable(Shape, int, Dim, lambda *a: a, lambda *a: a, None)
    assert vmappable.is_vmappable(Shape(1)) and not vmappable.is_vmappable(1)
    vmappable.unregister_vmappable(Shape)
    assert not vmappable.is_vmappable(Shape(1))


def test_the_extension_of_old_is_not_there():
    assert "jaxlib.xla_extension" not in MODULES  # packages probe for it


def test_tracers_and_traces_of_packages_set_their_own_attributes():
    class Trace(Interpreter):
        def __init__(self, tag):
            self.tag = tag

    class Own(Tracer):
        def __init__(self, trace):
            self._trace = trace

    trace = Trace("mine")
    assert Own(trace)._trace is trace and trace.tag == "mine" and trace.main is trace


def test_sparse_systems():
    import scipy.sparse
    a = scipy.sparse.random(8, 8, 0.4, random_state=0) + 3 * scipy.sparse.eye(8)
    a, b = a.tocsr(), np.arange(1.0, 9.0)
    from ingot.experimental.sparse_linalg import spsolve as solve

    def f(data, b):
        return solve(data, a.indices, a.indptr, b)

    np.testing.assert_allclose(f(a.data, b), scipy.sparse.linalg.spsolve(a, b), rtol=1e-12)
    np.testing.assert_allclose(ingot.jit(f)(a.data, b), f(a.data, b), rtol=1e-12)
    np.testing.assert_allclose(ingot.vmap(f, (None, 0))(a.data, np.stack([b, 2 * b]))[1],
                               2 * f(a.data, b), rtol=1e-12)
    rng = np.random.default_rng(0)
    for place, x in enumerate((a.data, b)):
        direction, weight, step = rng.normal(size=x.shape), rng.normal(size=8), 1e-6
        low, high = [a.data, b], [a.data, b]
        low[place], high[place] = x - step * direction, x + step * direction
        slope = (f(*high) - f(*low)) / (2 * step)
        gradient = ingot.vjp(f, a.data, b)[1](weight)[place]
        np.testing.assert_allclose(gradient @ direction, weight @ slope, rtol=1e-6)


def test_scalars_that_a_function_closes_over_are_constants():
    c = jnp.array(2)

    def f(x):
        return x * c - c

    assert len(ingot.make_jaxpr(f)(1).consts) == 1
    assert len(ingot.make_jaxpr(lambda x: x * jnp.array(2) * 3.0)(1).consts) == 0
    jitted = ingot.make_jaxpr(lambda y: ingot.make_jaxpr(lambda x: x * y - y)(1).consts[0])
    assert len(jitted(2).eqns) == 0  # of a traced value too: programs of both have one form
    np.testing.assert_array_equal(ingot.make_jaxpr(f)(1)(5)[0], 8)


def test_programs_of_packages_may_hold_traced_constants():
    # lineax keeps the program of a linear operator as a parameter of its own primitive.
    from ingot.compiler.outlining import equations
    from ingot.core.jaxpr import Eqn
    from ingot.core.primitive import REGISTRY

    def outer(y):
        held = ingot.make_jaxpr(lambda x: x * y + y * y)(1.0)
        assert equations(Eqn(REGISTRY["cond"], [], [], {"static": (held,)})) == 0
        return y

    ingot.jit(outer)(2.0)


def test_disable_jit_takes_its_value_by_name():
    with ingot.disable_jit(disable=True):
        assert ingot.config.disable_jit
    with ingot.disable_jit(False):
        assert not ingot.config.disable_jit


def test_what_checks_raise_is_a_value_error():
    from ingot.experimental import checkify

    with pytest.raises(ValueError, match="no key"):
        checkify.check(False, "no key: {k}", k=random.key(0))


def test_cotangents_of_integers_count_for_nothing():
    f = lambda x: (x * 2.0, jnp.arange(3))  # noqa: E731
    _, pullback = ingot.vjp(f, 2.0)
    for ct in (jnp.arange(3), np.zeros(3, ingot.dtypes.float0), jnp.ones(3)):
        assert pullback((1.0, ct))[0] == 2.0
    with pytest.raises(ValueError, match="float0"):
        pullback((1.0, jnp.arange(2)))


def test_keys_are_close_if_they_are_equal():
    assert jnp.allclose(KEY, KEY) and not jnp.isclose(KEY, random.key(1))


@pytest.mark.parametrize("dialect", [None, *(["hlo"] if find_spec("jaxlib") else [])])
def test_operations_and_their_precision_are_found_in_the_text_of_programs(dialect):
    def f(x):
        return jnp.dot(x, x, precision="highest") + lax.cond(x[0, 0] > 0, jnp.sin, jnp.cos, x)

    text = ingot.jit(f).lower(jnp.ones((2, 2))).compiler_ir(dialect).as_hlo_text()
    (line,) = [line for line in text.splitlines() if "dot(" in line]
    assert re.search(r"= f64\[2,2\](\{1,0\})? dot\(", line)
    assert line.endswith("operand_precision={highest,highest}")
    assert re.search(r"sine?\(", text) and re.search(r"cos(ine)?\(", text)


# ---- interpreters of packages, and integers that wrap ----
class Counted(Tracer):
    """A value in the interpreter below."""

    def __init__(self, trace, value):
        super().__init__(trace, ingot.typeof(value))
        self.value = value


class Counter(extend_core.Trace):
    """Counts operations, as Haiku's interpreter draws them."""

    def __init__(self, parent):
        super().__init__()
        self.parent_trace, self.names = parent, []

    def value(self, x):
        return x.value if isinstance(x, Counted) else x

    def process_primitive(self, primitive, tracers, params):
        self.names.append(primitive.name)
        values = [self.value(x) for x in tracers]
        out = primitive.bind_with_trace(
            self.parent_trace, values, [ingot.typeof(x) for x in values], params)
        return ingot.tree.map(lambda x: Counted(self, x), out)

    def process_custom_jvp_call(self, primitive, fun, jvp, tracers, *, symbolic_zeros):
        self.names.append(f"{primitive}, {symbolic_zeros}")
        with extend_core.set_current_trace(self.parent_trace):
            outs = fun.call_wrapped(*map(self.value, tracers))
        return [Counted(self, x) for x in outs]


@ingot.custom_jvp
def doubled(x):
    return x * 2


doubled.defjvp(lambda primals, tangents: (doubled(primals[0]), 2 * tangents[0]))


@pytest.mark.parametrize("wrap", [lambda f: f, ingot.jit], ids=["eager", "jit"])
def test_interpreters_of_packages_see_operations_and_custom_derivatives(wrap):
    seen = []

    def run(x):
        with extend_core.take_current_trace() as parent:
            trace = Counter(parent)
            with extend_core.set_current_trace(trace):
                out = jnp.sin(Counted(trace, x)) + doubled(Counted(trace, x))
        seen[:] = trace.names
        return out.value

    np.testing.assert_allclose(wrap(run)(np.float64(0.5)), np.sin(0.5) + 1.0)
    assert seen == ["sin", "custom_jvp_call, False", "add"]
    assert isinstance(current(), extend_core.Trace)  # ours are interpreters as well


WRAPPED = {
    "mul": (lambda u: u * -1, [255, 254]), "rem": (lambda u: u % -3, [1, 2]),
    "or": (lambda u: u | 256, [1, 2]), "where": (lambda u: jnp.where(u > 1, u, -1), [255, 2]),
    "full": (lambda u: jnp.full(2, 300, u.dtype), [44, 44]),
    "full_like": (lambda u: jnp.full_like(u, -1), [255, 255]),
    "maximum": (lambda u: jnp.maximum(u, -1), [255, 255]),
    "pad": (lambda u: jnp.pad(u, 1, constant_values=-1), [255, 1, 2, 255]),
    "int8": (lambda u: u.astype("int8") + 200, [-55, -54]),
}


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("wrap", [lambda f: f, ingot.jit], ids=["eager", "jit"])
def test_numbers_that_do_not_fit_wrap_as_in_jax_under_its_flag_only(name, wrap):
    fun, expected = WRAPPED[name]
    u = jnp.array([1, 2], "uint8")
    with config.override("match_jax", True):
        np.testing.assert_array_equal(wrap(fun)(u), expected)
    with pytest.raises(OverflowError, match="out of bounds"):
        wrap(lambda u: fun(u))(u)


def test_numbers_beyond_the_default_integer_and_arrays_of_a_dtype_do_not_wrap_in_jax_either():
    with config.override("match_jax", True), config.override("enable_x64", False):
        for fun in (lambda: jnp.arange(2, dtype="int32") + 2**31, lambda: jnp.asarray(-1, "uint8"),
                    lambda: jnp.array(300, "uint8")):
            with pytest.raises(OverflowError, match="out of bounds"):
                fun()


def test_a_mesh_that_is_set_is_seen_by_shard_map_and_programs_follow_another_one():
    spec = sharding.PartitionSpec("x")
    auto = (sharding.AxisType.Auto,)  # Explicit axes must fit the arguments' types
    one, two = (sharding.make_mesh((n,), ("x",), auto) for n in (1, 2))

    @ingot.jit
    def part(x):
        return sharding.shard_map(lambda x: x - x[0], in_specs=spec, out_specs=spec)(x)

    divided = sharding.shard_map(lambda x: x - x[0], in_specs=spec, out_specs=spec)
    whole, halves = np.arange(4), [0, 1, 0, 1]
    for f in (part, divided):
        with sharding.set_mesh(one):
            assert sharding.get_abstract_mesh().shape == {"x": 1}
            for _ in range(30):  # beyond what native calls need
                np.testing.assert_array_equal(f(whole), whole)
            with sharding.set_mesh(two):
                np.testing.assert_array_equal(f(whole), halves)
            with pytest.raises(ValueError, match="cannot change the size of the mesh"):
                sharding.use_abstract_mesh(two.abstract_mesh)
            assert sharding.get_mesh() is one
            np.testing.assert_array_equal(f(whole), whole)
        assert sharding.get_abstract_mesh().empty
        with pytest.raises(ValueError, match="set_mesh"):
            f(whole)
    sharding.set_mesh(two)  # without a context, from now on
    assert sharding.get_mesh() is two
    sharding.set_mesh(None)
    assert sharding.get_mesh().empty
    with pytest.raises(ValueError, match="Expected mesh of type"):
        sharding.set_mesh("x")


NUMBERED = {
    "mul": (lambda x: 2.0 * x, ["mul 2.0:f32[] a"]),
    "div": (lambda x: x / 2, ["div a 2.0:f32[]"]),
    "pow": (lambda x: x**2.5, ["pow a 2.5:f32[]"]),
    "gt": (lambda x: x > 1, ["gt a 1.0:f32[]"]),
    "max": (lambda x: jnp.maximum(0, x), ["max 0.0:f32[] a"]),
    "two": (lambda x: jnp.sin(x * 3) + 1, ["mul a 3.0:f32[]", "sin b", "add c 1.0:f32[]"]),
    "where": (lambda x: jnp.where(x > 0, x, 0.0), [
        "gt a 0.0:f32[]", "broadcast_in_dim[broadcast_dimensions=() shape=(4,)] 0.0:f32[]",
        "select_n b c a"]),
    "both": (lambda x: x * (jnp.zeros(4, "float32") + 1), [
        "broadcast_in_dim[broadcast_dimensions=() shape=(4,)] 0.0:f32[]",
        "broadcast_in_dim[broadcast_dimensions=() shape=(4,)] 1.0:f32[]", "add b c", "mul a d"]),
    "variable": (lambda x: x - x.sum(), [
        "reduce_sum[axes=(0,)] a", "sub a b"]),
}


@pytest.mark.parametrize("name", NUMBERED)
def test_equations_hold_numbers_beside_arrays_under_the_hook_and_can_be_run(name):
    fun, equations = NUMBERED[name]
    x = jnp.linspace(0.5, 2, 4, dtype="float32")
    with config.override("match_jax", True), config.override("enable_x64", False):
        program = ingot.make_jaxpr(fun)(x)
        lines = [line.split(" = ")[1] for line in pretty(program.jaxpr).splitlines()[1:-1]]
        assert [line.replace("[accuracy=None]", "") for line in lines] == equations
        run = lambda x: extend_core.jaxpr_as_fun(program.jaxpr)(x)[0]
        total = lambda f: lambda x: f(x).astype("float32").sum()
        for wrap in (lambda f: f, ingot.jit, lambda f: ingot.grad(total(f)),
                     lambda f: ingot.jit(ingot.grad(total(f)))):
            np.testing.assert_allclose(wrap(run)(x), wrap(fun)(x), rtol=1e-6)
        many = jnp.stack([x, x + 1, -x, x * x])
        np.testing.assert_allclose(ingot.vmap(run)(many), ingot.vmap(fun)(many), rtol=1e-6)
    assert program.jaxpr is program


@pytest.mark.parametrize("shapes, given", [
    (((3,), ()), True), (((1,), (3,)), True), (((2, 1), (2, 3)), True), (((3,), (2, 3)), False),
    (((2, 1), (1, 3)), True), (((1, 1), (1, 1)), True), (((0,), (1,)), True)])
def test_programs_are_shown_with_operands_that_fit_as_they_are(shapes, given):
    xs = [np.arange(1.0, 1 + np.prod(s)).reshape(s) for s in shapes]
    f = lambda x, y: jnp.subtract(x, y) * 2
    jaxpr = ingot.make_jaxpr(f)(*xs)
    seen = shown.shown(jaxpr)
    names = [e.primitive.name for e in seen.eqns]
    assert ("broadcast_in_dim" not in names) == given and names[-2:] == ["sub", "mul"]
    run = extend_core.jaxpr_as_fun(seen)
    for g in (run, ingot.jit(run)):
        np.testing.assert_array_equal(g(*xs)[0], f(*xs))
    for x, y in zip(ingot.grad(lambda *xs: run(*xs)[0].sum(), (0, 1))(*xs),
                    ingot.grad(lambda *xs: f(*xs).sum(), (0, 1))(*xs), strict=True):
        np.testing.assert_array_equal(x, y)
    rows = [np.stack([x, 2 * x]) for x in xs]
    np.testing.assert_array_equal(ingot.vmap(run)(*rows)[0], ingot.vmap(f)(*rows))


def test_elementwise_operations_take_numbers_beside_arrays():
    x = jnp.array([1.0, 2.0])
    for f in (lambda x: shown.bind(lax.div_p, x, 2.0), lambda x: lax.mul_p.bind(0.5, x)):
        np.testing.assert_array_equal(f(x), [0.5, 1.0])
        np.testing.assert_array_equal(ingot.jit(f)(x), [0.5, 1.0])
        np.testing.assert_array_equal(ingot.grad(lambda x, f=f: f(x).sum())(x), [0.5, 0.5])
    for op in (lax.add_p, lax.sub_p, lax.mul_p, lax.max_p):
        for wrap in (lambda f: f, ingot.jit):  # a tangent has the shape of the result
            out, t = wrap(lambda s, op=op: ingot.jvp(lambda s: op.bind(s, x), (s,), (s,)))(3.0)
            assert out.shape == t.shape == (2,)
            np.testing.assert_allclose(t, 3 * x if op is lax.mul_p else [3, 3])
        both = ingot.vmap(lambda s, op=op: op.bind(x, s))(jnp.array([3.0, 4.0]))
        np.testing.assert_array_equal(both, [op.bind(x, 3.0), op.bind(x, 4.0)])
    with pytest.raises(TypeError, match="shapes must match"):
        lax.mul_p.bind(x, jnp.ones(3))
    with pytest.raises(TypeError, match="dtypes must match"):
        lax.mul_p.bind(x, jnp.float32(2))


# ---- threads of JAX's issues ----
def _conditional_rule(flag, x):
    """A rule that reads a traced argument without derivative, when its branch is gone."""
    @functools.partial(ingot.custom_jvp, nondiff_argnums=(0,))
    def scaled(factor, y):
        return factor * y

    @scaled.defjvp
    def rule(factor, primals, tangents):
        return scaled(factor, *primals), factor * 10 * tangents[0]

    return lax.cond(flag > 0, scaled, lambda f, y: y, flag, x)


def test_arguments_without_derivative_may_be_traced():
    for transform in (lambda f: f, ingot.jit):
        assert float(transform(ingot.grad(_conditional_rule, 1))(2.0, 3.0)) == 20
        assert float(transform(ingot.grad(_conditional_rule, 1))(-2.0, 3.0)) == 1
    mapped = ingot.vmap(ingot.grad(_conditional_rule, 1))(np.array([2.0, 5.0, -1.0]), np.ones(3))
    assert mapped.tolist() == [20, 50, 1]
    with pytest.raises(ingot.errors.UnexpectedTracerError, match="nondiff_argnums is differ"):
        ingot.grad(_conditional_rule, 0)(2.0, 3.0)


def test_algorithms_of_contractions_are_accepted():
    x = jnp.arange(4.0).reshape(2, 2)
    for precision in (*lax.DotAlgorithmPreset, "TF32_TF32_F32",
                      lax.DotAlgorithm("float32", "float32", "float32")):
        assert (lax.dot(x, x, precision=precision) == x @ x).all()
    with ingot.default_matmul_precision("BF16_BF16_F32"):
        assert (jnp.einsum("ij,jk", x, x) == x @ x).all()
    with pytest.raises(ValueError, match="precision: expected"):
        lax.dot(x, x, precision="BF15")


def test_what_jax_means_by_functions_of_scipy():
    """Under the flag match_jax samples beyond the ends stand for themselves, in JAX's rounding."""
    x, places = jnp.arange(6.0), [np.array([-0.5, 2.5, 5.5, -5.5])]
    coordinates = ingot.scipy.ndimage.map_coordinates
    skew = jnp.arange(9.0).reshape(3, 3)
    with context("match_jax")(True):
        assert coordinates(x, places, 1, cval=9.0).tolist() == [4.5, 2.5, 7.0, 9.0]
        assert coordinates(x, places, 0, "wrap").tolist() == [5, 3, 0, 0]
        np.testing.assert_allclose(ingot.scipy.linalg.eigh(skew)[0],
                                   np.linalg.eigvalsh((skew + skew.T) / 2), atol=1e-12)
        assert int(jnp.linalg.matrix_rank(np.diag([3.0, 2.1, 0.9]), 2.0)) == 2
    assert int(jnp.linalg.matrix_rank(np.diag([3.0, 2.1, 0.9]), 0.5)) == 2


def test_results_of_the_same_kind_as_in_jax():
    assert type(lax.top_k(jnp.arange(3), 2)) is list and type(jnp.atleast_1d(1, 2)) is tuple
    assert type(jnp.broadcast_arrays(1, 2)) is type(jnp.meshgrid(1, 2)) is tuple
    assert jnp.polyadd(1.0, np.ones(2)).tolist() == [1, 2] and jnp.poly(2.0).tolist() == [1, -2]
    with ingot.enable_x64(False):
        assert jnp.frombuffer(np.arange(3.0)).tolist() == [0, 1, 2]
    assert ingot.nn.relu6(3).dtype.kind == "f"
    bad = jnp.full((2, 2), jnp.nan)
    assert np.isnan(np.asarray(jnp.linalg.eig(bad)[0]).imag).all()
    assert jnp.array([0, 1], jnp.uint1).astype(int).tolist() == [0, 1]


def test_names_that_are_told_where_they_are_are_there():
    for full, target in NAMES.items():
        if isinstance(target, str) and not full.startswith(("jax.interpreters.mlir", "jax.extend.",
                                                            "jax._src.")):
            assert resolve(*full.rsplit(".", 1)) is not None
    for full, word in (("jax.experimental.rnn", "CUDA"), ("jax.extend.xla.register", "XLA's"),
                       ("jax.lax.psum_scatter_start", "ahead"), ("jax.nn.scaled_matmul", "GPUs"),
                       ("jax.lax.after_all", "tokens")):
        module, name = full.rsplit(".", 1)
        if module in MODULES:
            with pytest.raises(AttributeError, match=word):
                resolve(module, name)
        else:
            assert word in why_no_module(full)
