"""jit: when it traces, what its cache tells apart, static arguments, stages, leaks, tracebacks."""

import functools
import gc
import os
import traceback
import weakref

import numpy as np
import pytest

import ingot
from ingot import errors, lax
from ingot.config import config
from ingot.core.array import Array
from ingot.core.interpreter import EVAL, current
from ingot.core.jaxpr import eval_jaxpr


class Counted:
    """A function that counts how often it is traced."""

    def __init__(self, fun):
        self.fun, self.traces = fun, 0
        self.__name__ = "counted"

    def __call__(self, *args, **kwargs):
        self.traces += 1
        return self.fun(*args, **kwargs)


def doubled():
    return Counted(lambda x: lax.add(x, x))


# ---- cache --------------------------------------------------------------------------------------
def test_a_type_is_traced_once():
    fun = doubled()
    f = ingot.jit(fun)
    for x in (1.0, 2.0, np.float64(3)):
        f(x)
    assert fun.traces == 2  # weakly and strongly typed
    f(np.ones(3)), f(np.ones(3)), f(ingot.device_put(np.ones(3)))
    assert fun.traces == 3 and f._cache_size() == 3
    f(np.ones(3, "float32")), f(np.ones((3, 1)))
    assert fun.traces == 5


def test_structures_are_told_apart():
    fun = Counted(lambda x: x)
    f = ingot.jit(fun)
    assert f((1, 2)) == (1, 2) and type(f([1, 2])) is list
    assert f({"a": 1}).keys() == {"a"} and f(None) is None
    assert fun.traces == 4


def test_flags_are_part_of_the_key():
    fun = doubled()
    f = ingot.jit(fun)
    assert f(1.0).dtype == np.float64
    with ingot.enable_x64(False):
        assert f(1.0).dtype == np.float32
        assert f(1.0).dtype == np.float32
    assert f(1.0).dtype == np.float64
    assert fun.traces == 2


def test_programs_are_shared_by_all_jits_of_a_function():
    traces = []

    def f(x):
        traces.append(x)
        return x

    ingot.jit(f)(1.0), ingot.jit(f)(1.0)
    assert len(traces) == 1
    ingot.jit(f).clear_cache()
    ingot.jit(f)(1.0)
    assert len(traces) == 2
    ingot.clear_caches()
    ingot.jit(f)(1.0)
    assert len(traces) == 3


def test_functions_are_not_kept_alive():
    class Big:
        def __call__(self, x):
            return x

    fun = Big()
    alive = weakref.ref(fun)
    ingot.jit(fun)(1.0)
    del fun
    gc.collect()
    assert alive() is None


def test_equal_callables_are_not_confused():
    class Scale:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, x):
            return lax.mul(x, self.factor)

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 0

    a, b = Scale(2.0), Scale(3.0)
    assert float(ingot.jit(a)(1.0)) == 2 and float(ingot.jit(b)(1.0)) == 3


def test_unhashable_callables_work():
    class Callable(list):
        def __call__(self, x):
            return lax.mul(x, float(len(self)))

    assert float(ingot.jit(Callable([1, 2]))(3.0)) == 6


def test_methods_and_partials():
    class Model:
        def __init__(self, w):
            self.w = w

        @functools.partial(ingot.jit, static_argnums=0)
        def static(self, x):
            return lax.mul(self.w, x)

        def plain(self, x):
            return lax.mul(self.w, x)

    model, other = Model(2.0), Model(3.0)
    assert float(model.static(3.0)) == 6 and float(other.static(3.0)) == 9
    assert float(ingot.jit(model.plain)(3.0)) == 6
    assert float(ingot.jit(functools.partial(lax.mul, 2.0))(3.0)) == 6


def test_wraps():
    @ingot.jit
    def f(x):
        """Doc."""
        return x

    assert f.__name__ == "f" and f.__doc__ == "Doc." and f.__wrapped__(1) == 1


# ---- values -------------------------------------------------------------------------------------
def test_results_do_not_alias_numpy_arguments():
    x = np.ones(3)
    y = ingot.jit(lambda x: x)(x)
    x[0] = 5
    assert np.asarray(y)[0] == 1


def test_keywords_and_defaults():
    f = ingot.jit(lambda x, y=2.0, *, z=3.0: lax.mul(lax.mul(x, y), z))
    assert float(f(1.0)) == 6 and float(f(1.0, z=1.0)) == 2 and float(f(x=1.0, y=1.0)) == 3


def test_nested_jit_is_one_equation():
    inner = ingot.jit(lambda x: lax.sin(lax.sin(x)))
    jaxpr = ingot.make_jaxpr(lambda x: inner(inner(x)))(1.0)
    assert [e.primitive.name for e in jaxpr.eqns] == ["jit", "jit"]
    assert jaxpr.eqns[0].params["jaxpr"] is jaxpr.eqns[1].params["jaxpr"]
    inlined = ingot.jit(lambda x: lax.sin(x), inline=True)
    jaxpr = ingot.make_jaxpr(inlined)(1.0)
    assert [e.primitive.name for e in jaxpr.eqns] == ["sin"]


def test_closed_over_tracers():
    def f(x):
        y = lax.sin(x)
        g = ingot.jit(lambda z: lax.mul(y, z))
        return lax.add(g(x), g(y))

    x = 0.7
    expected = np.sin(x) * x + np.sin(x) ** 2
    assert float(ingot.jit(f)(x)) == pytest.approx(expected)
    slope = np.cos(x) * x + np.sin(x) + 2 * np.sin(x) * np.cos(x)
    assert float(ingot.grad(f)(x)) == pytest.approx(slope)


def test_closed_over_tracers_are_not_reused():
    box = {}
    inner = ingot.jit(lambda z: lax.mul(box["y"], z))

    def f(x):
        box["y"] = x
        return inner(2.0)

    assert float(ingot.jit(f)(3.0)) == 6
    assert float(ingot.grad(f)(3.0)) == 2
    assert float(ingot.jit(lambda x: f(x))(5.0)) == 10


def test_disable_jit():
    seen = []

    def f(x):
        seen.append(type(x))
        return lax.mul(x, 2.0)

    with ingot.disable_jit():
        assert float(ingot.jit(f)(ingot.device_put(3.0))) == 6
    assert seen == [Array]


def test_ensure_compile_time_eval():
    def f(x):
        with ingot.ensure_compile_time_eval():
            n = lax.add(1, 2)
            assert type(n) is Array
            y = lax.add(x, 3.0)  # traced values stay with the transformation
        return lax.mul(y, float(n))

    assert float(ingot.jit(f)(2.0)) == 15
    assert float(ingot.grad(f)(2.0)) == 3


def test_errors_leave_no_interpreter_behind():
    def f(x):
        raise KeyError("mine")

    for transform in (ingot.jit, ingot.grad, ingot.vmap):
        with pytest.raises(KeyError, match="mine"):
            transform(f)(np.ones(3))
        assert current() is EVAL


# ---- static arguments ---------------------------------------------------------------------------
def test_static_arguments_by_number_or_name():
    def f(x, n, *, mode="a"):
        assert type(n) is int and type(mode) is str
        return lax.mul(x, float(n if mode == "a" else -n))

    for options in ({"static_argnums": 1, "static_argnames": ("n", "mode")},
                    {"static_argnames": ["n", "mode"]}):
        g = ingot.jit(f, **options)
        assert float(g(2.0, 3)) == 6
        assert float(g(2.0, n=3)) == 6
        assert float(g(2.0, 3, mode="b")) == -6


def test_static_values_are_told_apart_by_type():
    kinds = []
    f = ingot.jit(lambda x, n: kinds.append(type(n)) or x, static_argnums=1)
    f(1.0, 1), f(1.0, True), f(1.0, 1.0)
    assert kinds == [int, bool, float]


def test_static_of_variadic():
    f = ingot.jit(lambda *args: lax.mul(args[0], float(args[2])), static_argnums=(2,))
    assert float(f(2.0, None, 3)) == 6


@pytest.mark.parametrize(("options", "error"), [
    ({"static_argnums": 5}, r"argument numbers \[5\] are out of range; .* 1 positional"),
    ({"static_argnames": "nope"}, r"no argument is called 'nope'; it has \['x'\]"),
])  # fmt: skip
def test_static_arguments_must_exist(options, error):
    with pytest.raises(ValueError, match=error):
        ingot.jit(lambda x: x, **options)


# ---- stages -------------------------------------------------------------------------------------
def test_stages():
    struct = ingot.ShapeDtypeStruct((3,), "float32")
    traced = ingot.jit(lambda k, x: (x, x)[k], static_argnames="k").trace(0, struct)
    assert [str(a) for a in traced.jaxpr.in_avals] == ["f32[3]"]
    lowered = ingot.jit(lambda x: {"y": lax.add(x, x)}).lower(struct)
    assert "add" in lowered.as_text()
    assert lowered.out_info == {"y": struct}
    compiled = lowered.compile()
    out = compiled(np.ones(3, "float32"))["y"]
    assert out.dtype == np.float32 and np.asarray(out).tolist() == [2, 2, 2]
    assert compiled.cost_analysis() is not None and compiled.memory_analysis() is not None
    assert isinstance(compiled.as_text(), str)
    assert compiled.in_avals == ((lowered.in_avals[0][0],), {})
    with pytest.raises(TypeError, match=r"'x' compiled with float32\[3\] and called with float64"):
        compiled(np.ones(3))
    with pytest.raises(TypeError, match="does not match the input pytree"):
        compiled(np.ones(3, "float32"), 1)


def test_compiled_inside_a_transformation():
    compiled = ingot.jit(lambda x: lax.mul(x, x)).lower(1.0).compile()
    assert float(ingot.grad(lambda x: compiled(x))(3.0)) == 6


def test_eval_shape():
    out = ingot.jit(lambda x: (x, lax.sin(x))).eval_shape(ingot.ShapeDtypeStruct((2,), "float32"))
    assert out == (ingot.ShapeDtypeStruct((2,), "float32"),) * 2


# ---- debugging ----------------------------------------------------------------------------------
def test_leaks_are_found():
    kept = []
    f = ingot.jit(lambda x: kept.append(x) or x)
    with ingot.checking_leaks(), pytest.raises(errors.LeakChecked, match="test_api_jit.py"):
        f(1.0)
    kept.clear()
    with ingot.checking_leaks():
        assert float(ingot.jit(lambda x: lax.mul(x, 2.0))(1.0)) == 2
        assert float(ingot.grad(ingot.jit(lambda x: lax.mul(x, 2.0)))(1.0)) == 2


def test_debug_nans_names_the_operation():
    f = ingot.jit(lambda x: lax.log(x))
    with ingot.debug_nans(), pytest.raises(FloatingPointError, match="in log"):
        f(-1.0)


def test_tracebacks_hide_our_frames():
    def user(x):
        return lax.add(x, np.ones(4))

    def frames():
        try:
            ingot.jit(ingot.grad(lambda x: ingot.vmap(user)(x)))(np.ones((2, 3)))
        except TypeError as error:
            return [f.filename for f in traceback.extract_tb(error.__traceback__)]
        raise AssertionError("no error")

    package = os.path.dirname(ingot.__file__) + os.sep  # the clone may be in any folder
    assert not [name for name in frames() if name.startswith(package)]
    with config.override("traceback_filtering", "off"):
        assert [name for name in frames() if name.startswith(package)]


X8, W8 = np.ones((8, 5), "float32"), np.ones((5, 3), "float32")
IMAGE, FILTER = np.ones((2, 3, 9, 9), "float32"), np.ones((4, 3, 3, 3), "float32")
COUNTED = {
    "nothing": (lambda x: x, (X8,), 0), "moved": (lambda x: x.T[::2] * 1, (X8,), 24),
    "layer": (lambda x, w: x @ w + 1.0, (X8, W8), 2 * 8 * 5 * 3 + 24),
    "sum": (lambda x: x.sum(0), (X8,), 7 * 5), "integers": (lambda n: n * n, (np.arange(3),), 0),
    "convolution": (lambda x, w: lax.conv(x, w, (1, 1), "VALID"), (IMAGE, FILTER),
                    2 * 2 * 4 * 7 * 7 * 27),
    "scan": (lambda x: lax.scan(lambda c, v: (c + v, None), x[0], x)[0], (X8,), 8 * 5),
    "cond": (lambda x: lax.cond(x[0, 0] > 0, lambda x: x + x * x, lambda x: x * 2, x), (X8,), 80),
    "calls": (lambda x: ingot.jit(lambda y: y * y)(x) + 1, (X8,), 80),
}


@pytest.mark.parametrize("name", COUNTED)
def test_floating_point_operations_are_counted_as_by_hand(name):
    fun, args, expected = COUNTED[name]
    lowered = ingot.jit(fun).lower(*args)
    assert lowered.cost_analysis()["flops"] == expected
    assert lowered.compile().cost_analysis()["flops"] == expected


@pytest.mark.parametrize("wrap", [lambda f: f, ingot.jit, ingot.grad], ids=["eager", "jit", "grad"])
@pytest.mark.parametrize("x", [np.ones(2), np.ones((4, 4)), np.ones(4, "float32")])
def test_programs_refuse_arguments_of_other_types(wrap, x):
    program = ingot.make_jaxpr(lambda x: ingot.jit(lambda x: x * 2 + 1)(x))(np.ones(4))
    with pytest.raises(TypeError, match=r"of types \(f64\[4\]\), got"):
        wrap(lambda x: eval_jaxpr(program, program.consts, x)[0].sum())(x)
