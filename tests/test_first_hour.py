"""What a newcomer meets in the first hour: flags that do what they say, digits that stay."""

import importlib
import logging
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.config import config
from ingot.scipy.optimize import minimize

x3 = jnp.arange(3.0)


# ---- debug_nans and debug_infs -------------------------------------------------------------------
def logarithm(x):
    y = 2 * x
    return jnp.log(y - 5)  # LINE log


def in_scan(x):
    def body(c, t):
        return jnp.log(c - 5) - t, c  # LINE scan

    return lax.scan(body, x, x3)[0]


def root(x):
    return jnp.sqrt(x) * 0  # LINE sqrt


def norms(w):
    def body(c, x):
        return c + jnp.sqrt(jnp.sum((w * x) ** 2)), None  # LINE norm

    return lax.scan(body, 0.0, jnp.zeros((3, 2)))[0]


def loops(x):
    x = lax.fori_loop(0, 3, lambda i, c: c + i, x)
    return lax.while_loop(lambda c: c[0] < 3,
                          lambda c: (c[0] + 1, jnp.log(c[1] - 50)),  # LINE while
                          (0, x))[1]


with open(__file__, encoding="utf-8") as _file:
    _lines = _file.read().splitlines()
LINES = {line.partition("# LINE ")[2]: k for k, line in enumerate(_lines, 1) if "# LINE " in line}

NANS = {
    "eager": (lambda: logarithm(1.0), "log", "log"),
    "jit": (lambda: ingot.jit(logarithm)(1.0), "log", "log"),
    "nested jit": (lambda: ingot.jit(lambda x: ingot.jit(logarithm)(x) + 1)(1.0), "log", "log"),
    "vmap": (lambda: ingot.jit(ingot.vmap(logarithm))(x3), "log", "log"),
    "pmap": (lambda: ingot.pmap(logarithm)(x3[:2]), "log", "log"),
    "map": (lambda: ingot.jit(lambda x: lax.map(logarithm, x))(x3), "log", "log"),
    "donated": (lambda: ingot.jit(logarithm, donate_argnums=0)(jnp.ones(3)), "log", "log"),
    "ahead of time": (lambda: ingot.jit(logarithm).lower(1.0).compile()(1.0), "log", "log"),
    "eager scan": (lambda: in_scan(1.0), "log", "scan"),
    "scan": (lambda: ingot.jit(in_scan)(1.0), "log", "scan"),
    "scan, gradient": (lambda: ingot.jit(ingot.value_and_grad(in_scan))(1.0), "log", "scan"),
    "while": (lambda: ingot.jit(loops)(1.0), "log", "while"),
    "cond": (lambda: ingot.jit(lambda x: lax.cond(x > 0, logarithm, lambda x: x, x))(1.0), "log",
             "log"),
    "gradient": (lambda: ingot.grad(root)(0.0), "the derivative of sqrt", "sqrt"),
    "compiled gradient": (lambda: ingot.jit(ingot.grad(root))(0.0), "the derivative of sqrt",
                          "sqrt"),
    "pullback": (lambda: ingot.vjp(root, 0.0)[1](1.0), "the derivative of sqrt", "sqrt"),
    "gradient of norms": (lambda: ingot.jit(ingot.grad(norms))(jnp.ones(2)),
                          "the last infinity was made by the derivative of sqrt", "norm"),
}


@pytest.mark.parametrize("name", NANS)
def test_debug_nans_names_the_operation_and_its_line(name):
    fun, what, line = NANS[name]
    with ingot.debug_nans(), pytest.raises(FloatingPointError) as info:
        fun()
    message = str(info.value)
    assert message.startswith("invalid value (nan) encountered in ") and what in message
    assert f"{__file__}:{LINES[line]} (" in message and "f64[" in message
    assert "jnp.where" in message


def test_debug_infs():
    with ingot.debug_infs():
        with pytest.raises(FloatingPointError, match=r"inf\) encountered in log at .*given 0"):
            ingot.jit(lambda x: jnp.log(x))(0.0)
    with ingot.debug_nans():
        assert ingot.jit(jnp.log)(0.0) == -np.inf


@pytest.mark.llvm("op by op, the first NaN is seen although where drops it")
def test_debug_nans_gives_no_false_alarm():
    with ingot.debug_nans():
        # What the result does not depend on may be anything.
        assert ingot.jit(lambda x: jnp.where(x > 0, jnp.log(x), 0.0))(-1.0) == 0
        assert ingot.jit(ingot.grad(lambda x: jnp.log(jnp.where(x > 0, x, 1.0))))(-1.0) == 0
        assert ingot.jit(lambda i: i // 2)(3) == 1


# ---- log_compiles and explain_cache_misses -------------------------------------------------------
def messages(caplog, fun):
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="ingot"):
        fun()
    return [r.getMessage() for r in caplog.records if r.name == "ingot"]


@pytest.mark.llvm("what the log says of LLVM")
def test_log_compiles(caplog):
    f = ingot.jit(lambda x: 3 * x + 1)
    with ingot.log_compiles():
        traced, begun, finished = messages(caplog, lambda: f(x3))
        assert messages(caplog, lambda: f(x3)) == []
    assert messages(caplog, lambda: f(1.0)) == []
    assert traced.startswith("Finished tracing <lambda> for jit in ") and __file__ in traced
    assert begun.startswith("Compiling <lambda> for f64[3], called at ") and __file__ in begun
    assert finished.startswith("Finished compilation of <lambda> in ")
    assert "LLVM" in finished or "from the cache" in finished


def test_explain_cache_misses(caplog):
    def f(x, n=1, **kwargs):
        return x * n

    g = ingot.jit(f, static_argnames="n")
    calls = [
        (lambda: g(x3), "never traced before"),
        (lambda: g(jnp.ones(4)), "x: f64[4], it was f64[3] (shape)"),
        (lambda: g(jnp.ones(4, "float32")), "x: f32[4], it was f64[4] (dtype)"),
        (lambda: g(x3[0]), "x: f64[], it was f64[4] (shape)"),
        (lambda: g(1.0), "x: f64[] (weakly typed), it was f64[] (weak type)"),
        (lambda: g(x3, n=2), "static argument 'n': 2, it was None"),
        (lambda: g(x3, n=2, more=1), "unexpected ['more']"),
        (lambda: ingot.jit(lambda x: x)(1.0), "never traced before"),
    ]
    with ingot.explain_cache_misses():
        for call, why in calls:
            (told,) = messages(caplog, call)
            assert told.startswith(f"TRACING CACHE MISS at {__file__}:") and why in told
            assert messages(caplog, call) == [] or "lambda" in told
        with config.override("enable_x64", False):
            assert "the flag enable_x64 is False" in messages(caplog, lambda: g(x3))[0]

        def fresh():
            return ingot.jit(lambda x: x + 1)(1.0)

        assert "never traced" in messages(caplog, fresh)[0]
        assert "this function object is new" in messages(caplog, fresh)[0]


def test_logs_have_names_of_jax_under_the_hook():
    code = """
import jax, logging
logging.basicConfig(format="%(name)s: %(message)s")
jax.config.update("jax_log_compiles", True)
jax.config.update("jax_explain_cache_misses", True)
jax.jit(lambda x: 2 * x)(1.0)
"""
    done = subprocess.run([sys.executable, "-m", "ingot", "-c", code], capture_output=True,
                          text=True, check=True)
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()] == [
        "jax._src.pjit:", "jax._src.dispatch:", "jax._src.interpreters.pxla:",
        "jax._src.dispatch:"]


# ---- digits --------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "int32", "uint32", "int64"])
def test_integers_become_doubles(dtype):
    """As in NumPy, but for square roots and the like of 8 and 16 bits, which NumPy computes in
    halves and singles."""
    x = np.array([1, 1, 0, 1], dtype)
    for name in ("true_divide", "mean", "std", "var", "median", "sqrt", "exp", "arctan2", "log1p"):
        arguments = (x, x) if name in ("true_divide", "arctan2") else (x,)
        for fun in (getattr(jnp, name), ingot.jit(getattr(jnp, name))):
            got = fun(*arguments)
            assert got.dtype == np.float64, name
            with np.errstate(all="ignore"):
                want = getattr(np, name)(*[a.astype(float) for a in arguments])
            np.testing.assert_allclose(got, want, rtol=1e-15)
    assert jnp.fft.fft(x).dtype == np.complex128 and jnp.linalg.norm(x).dtype == np.float64
    with config.override("match_jax", True):
        assert jnp.mean(x).dtype == (np.float64 if dtype == "int64" else np.float32)
    with config.override("enable_x64", False):
        assert jnp.mean(x.astype("int8")).dtype == np.float32


def test_digits_of_large_integers_stay():
    assert jnp.mean(np.int32([16777217, 16777219])) == 16777218
    assert jnp.int32(16777217) / 1 - 16777216 == 1
    assert jnp.sqrt(jnp.int32(16777217**1)) ** 2 == pytest.approx(16777217, abs=1e-8)


@pytest.mark.parametrize("number", [-(2**70), -1, 0, 255, 300, 2**40, 2**70])
def test_comparisons_with_integers_out_of_range(number):
    x = np.array([0, 7, 255], "uint8")
    for symbol in ("<", "<=", "==", "!=", ">=", ">"):
        for pair in (f"x {symbol} number", f"number {symbol} x"):
            want = eval(pair, {"x": x, "number": number})
            got = eval(pair, {"x": jnp.asarray(x), "number": number})
            jitted = ingot.jit(lambda x, pair=pair: eval(pair, {"x": x, "number": number}))(x)
            assert got.tolist() == jitted.tolist() == np.broadcast_to(want, 3).tolist(), pair


# ---- warnings of loss ----------------------------------------------------------------------------
i3, u3, c3 = jnp.arange(3), jnp.arange(3, dtype="uint8"), x3 + 1j
LOSS = {
    "float in integers": (lambda: i3.at[0].set(1.5), FutureWarning),
    "float32 in integers": (lambda: i3.at[0].set(jnp.float32(1.5)), FutureWarning),
    "floats added": (lambda: i3.at[0].add(1.5), FutureWarning),
    "floats multiplied": (lambda: i3.at[0].multiply(1.5), FutureWarning),
    "maximum": (lambda: i3.at[0].max(1.5), FutureWarning),
    "power": (lambda: i3.at[0].power(1.5), FutureWarning),
    "complex in floats": (lambda: x3.at[0].set(1j), FutureWarning),
    "complex array": (lambda: x3.at[:].set(c3), FutureWarning),
    "integers in booleans": (lambda: (x3 > 1).at[0].set(2), FutureWarning),
    "wider integers": (lambda: u3.at[0].set(i3[0]), FutureWarning),
    "wider floats": (lambda: x3.astype("float32").at[0].set(x3[0]), FutureWarning),
    "out of range": (lambda: u3.at[0].set(300), FutureWarning),
    "negative in unsigned": (lambda: u3.at[0].set(-1), FutureWarning),
    "put": (lambda: jnp.put(i3, 0, 1.5, inplace=False), FutureWarning),
    "place": (lambda: jnp.place(i3, i3 > 0, jnp.array([1.5]), inplace=False), FutureWarning),
    "fill_diagonal": (lambda: jnp.fill_diagonal(jnp.eye(2, dtype=int), 1.5, inplace=False),
                      FutureWarning),
    "astype": (lambda: c3.astype(float), jnp.ComplexWarning),
    "astype to integers": (lambda: c3.astype(int), jnp.ComplexWarning),
    "array": (lambda: jnp.array(c3, dtype=float), jnp.ComplexWarning),
    "sum": (lambda: jnp.sum(c3, dtype=float), jnp.ComplexWarning),
}
NO_LOSS = [lambda: u3.at[0].set(3), lambda: x3.at[0].set(1), lambda: x3.at[0].set(i3[1]),
           lambda: c3.at[0].set(x3[1]), lambda: i3.at[0].set(u3[0]), lambda: i3.at[0].set(True),
           lambda: x3.astype("float32").at[0].set(1.5), lambda: c3.astype(bool),
           lambda: x3.astype(int), lambda: jnp.full(3, 1.5, int)]
ERRORS = [(lambda: jnp.uint8(300), OverflowError), (lambda: u3 + 300, OverflowError),
          (lambda: jnp.full_like(x3, 1j), TypeError), (lambda: jnp.full(3, 1j, float), TypeError),
          (lambda: jnp.array([1j], dtype=int), TypeError), (lambda: float(c3[0]), TypeError),
          (lambda: jnp.array(np.nan, dtype=int), ValueError)]


@pytest.mark.parametrize("name", LOSS)
def test_loss_is_a_warning_at_the_users_line(name):
    fun, category = LOSS[name]
    for call in (fun, ingot.jit(fun)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert [w.category for w in caught] == [category] and caught[0].filename == __file__


def test_no_loss_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fun in NO_LOSS:
            ingot.jit(fun)()
            fun()


@pytest.mark.parametrize(("fun", "error"), ERRORS)
def test_values_that_a_dtype_cannot_hold(fun, error):
    with pytest.raises(error):
        fun()


# ---- remedies ------------------------------------------------------------------------------------
class Table:
    """Like a table of pandas."""

    def __array__(self, dtype=None, copy=None):
        return np.ones(3)

    def __repr__(self):
        return "0  1.5\n1  2.5"


def donated(x):
    ingot.jit(lambda x: x + 1, donate_argnums=0)(x)
    return str(x)


REMEDIES = {
    "format in jit": (lambda: ingot.jit(lambda x: f"{x:.3f}")(1.0),
                      r"f64\[\] is traced by .* at .*test_first_hour.*debug.print\('{:.3f}', x\)"),
    "at called": (lambda: x3.at(0), "x.at is indexed, not called: write x.at"),
    "at assigned": (lambda: x3.at.__setitem__(0, 1.0), r"write x = x.at\[i\].set\(y\)"),
    "where": (lambda: jnp.where(x3 > 0, jnp.ones(2), 0), r"where: .* bool\[3\] .* f64\[2\]"),
    "minus of truth": (lambda: -(x3 > 0), "write ~x"),
    "bits of floats": (lambda: x3 & 1, r"x.astype\(int\)"),
    "table into jit": (lambda: ingot.jit(jnp.sum)(Table()), "a Table for a; convert it with jnp"),
    "table into grad": (lambda: ingot.grad(jnp.sum)(Table()), "a Table for a of sum; convert it"),
    "table into vmap": (lambda: ingot.vmap(jnp.sum)(Table()), "a Table for a; convert it with jnp"),
    "table into scan": (lambda: lax.scan(lambda c, x: (c, x), 0.0, Table()),
                        "a Table at xs; convert it"),
    "table into a carry": (lambda: lax.fori_loop(0, 1, lambda i, c: c, {"a": Table()}),
                           r"a Table at .*\['a'\]; convert it"),
    "table into jnp": (lambda: jnp.sum(Table()), "convert it with ingot.numpy.asarray first"),
    "table into lax": (lambda: lax.add(Table(), 1.0), "object of type Table; convert it"),
    "deleted": (lambda: donated(jnp.ones(3)), "Array has been deleted"),
    "NumPy in jit": (lambda: ingot.jit(lambda x: np.sin(x))(1.0), "or pure_callback for code"),
    "scan of one": (lambda: lax.scan(lambda c: c, 0.0, x3), r"with 2 arguments, \(carry, x\)"),
    "fori_loop of one": (lambda: lax.fori_loop(0, 3, lambda c: c, 1.0), r"\(i, carry\)"),
    "map of two": (lambda: lax.map(lambda a, b: a, x3), "1 argument, an entry of xs, but"),
    "cond of none": (lambda: lax.cond(True, lambda: 1, lambda: 2, 3.0), "the operands, but"),
    "while": (lambda: ingot.grad(lambda x: lax.while_loop(lambda c: c < 3, lambda c: c * 2, x))(
        1.0), "no reverse-mode derivative"),
}


# Of what NumPy and Python say themselves, the text comes with the error's way out of jit.
def stored(x, dtype=float):
    out = np.zeros(3, dtype)
    out[0] = x
    return out


KEYED = "Tracer'.*: .*jnp.where.*lax.switch.*static_argnums"
for _name, _use in {"key": lambda x: {1: 2}[x], "element": lambda x: {x}, "in": lambda x: x in {1},
                    "new key": lambda x: {}.setdefault(x, 1), "hash": hash}.items():
    REMEDIES[f"{_name} of jit"] = (lambda use=_use: ingot.jit(lambda x: use(x))(1.0), KEYED)
    REMEDIES[f"{_name} of grad"] = (lambda use=_use: ingot.grad(lambda x: use(x))(1.0), KEYED)
    REMEDIES[f"{_name} of vmap"] = (lambda use=_use: ingot.vmap(lambda x: use(x))(x3), KEYED)
for _dtype in (float, complex, int, bool, "float32"):
    REMEDIES[f"stored as {_dtype}"] = (
        lambda dtype=_dtype: ingot.jit(lambda x: stored(x, dtype))(1.0),
        r"(?s)(store|NumPy array).*o = o.at\[i\].set\(x\)")
REMEDIES["row stored"] = (lambda: ingot.jit(lambda x: stored(x, (float, 2)))(x3[:2]),
                          r"o.at\[i\].set\(x\) for o\[i\] = x")


@pytest.mark.parametrize("name", REMEDIES)
def test_messages_have_remedies(name):
    fun, pattern = REMEDIES[name]
    with pytest.raises(Exception, match=pattern) as info:
        fun()
    assert "jax." not in str(info.value) and "\n1  2.5" not in str(info.value)
    assert not type(info.value).__name__.startswith("_")


NAMES = {
    "numpy.arrange": "; did you mean arange[?]$", "nn.reluu": "did you mean relu or",
    "numpy.linalg.sqrtm": "; there is ingot.scipy.linalg.sqrtm$",
    "numpy.random": "; there is ingot.random$", "numpy.__wrapped__": "'__wrapped__'$",
    "numpy.gamma": "there is .*ingot.scipy.special.gamma", "scipy.foo": "'foo'$",
    "numpy.loadtxt": "; numpy.loadtxt reads and writes files",
    "random.seed": "come from a key", "scipy.stats.norm.rvs": "come from a key",
    "optimize": "there is ingot.scipy.optimize$",
    "scipy.optimize.curve_fit": r"pure_callback\(scipy.optimize.curve_fit, ",
    "scipy.interpolate.CubicSpline": "scipy.interpolate.CubicSpline can be called.* vmap$",
    "lax.dot_generall": "did you mean dot_general", "jitt": "did you mean jit"}


@pytest.mark.parametrize("name", NAMES)
def test_missing_names_have_hints(name):
    module, _, last = f"ingot.{name}".rpartition(".")
    with pytest.raises(AttributeError, match=f"^module '{module}' has no.*'{last}'") as info:
        getattr(importlib.import_module(module), last)
    assert re.search(NAMES[name], str(info.value)), str(info.value)


def test_leaks_out_of_derivatives_say_where_they_were_made():
    leaked = []
    ingot.grad(lambda x: leaked.append(jnp.sin(x)) or x)(1.0)  # LINE leak
    with pytest.raises(ingot.errors.UnexpectedTracerError,
                       match=rf"made at .*test_first_hour.py:{LINES['leak']} "):
        leaked[0] + 1


def test_errors_within_a_body_are_the_bodys():
    def body(c, x):
        return c.no_such_method(1, 2), x

    with pytest.raises(AttributeError, match="no_such_method"):
        lax.scan(body, 0.0, x3)
    with pytest.raises(TypeError, match="^test_errors.*two.. takes 1"):
        def two(a):
            return a

        lax.scan(lambda c, x: two(c, x), 0.0, x3)


def test_formats_of_elements(capsys):
    assert f"{x3:.2f}" == "[0.00 1.00 2.00]" and f"{x3[1]:.1f}" == "1.0" and f"{x3}" == str(x3)
    ingot.jit(lambda x: ingot.debug.print("{:.1f} {x}", x, x=x))(x3)
    assert capsys.readouterr().out == "[0.0 1.0 2.0] [0. 1. 2.]\n"


@pytest.mark.llvm("kernels as text")
def test_host_calls_have_names():
    compiled = ingot.jit(lambda x: jnp.linalg.svd(x)[1]).lower(jnp.eye(3)).compile()
    assert "host call 0 of svd(" in compiled.as_text("kernels")
    assert compiled.cost_analysis()["host calls of svd"] == 1


def test_flags_tell_what_they_do():
    for flag in config_table():
        assert f"{flag.name} = " in repr(config) and flag.sentence in repr(config)


def config_table():
    return [config.flag(name) for name in config.snapshot()]


AS_JAX = """
import ingot, warnings
{}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import ingot.as_jax
print(ingot.numpy.ones(1).dtype, [w.filename for w in caught])
"""


@pytest.mark.parametrize(("said", "want"), [
    ("", "float32 ['<string>']"), ("ingot.config.update('enable_x64', True)", "float64 []"),
    ("ingot.config.update('enable_x64', False)", "float32 []"), ("del ingot", None)])
def test_as_jax_tells_native_programs_that_64_bits_go(said, want):
    code = AS_JAX.format(said).replace("print(ingot", "import ingot; print(ingot")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (want or "float32 []")


# ---- functions that are called with other arguments than they take -------------------------------
def _later(*args):
    return ingot.pure_callback(lambda: 1.0, ingot.ShapeDtypeStruct((), float), *args)


CALLS = {
    "reduce": lambda x: lax.reduce(x, 0.0, lambda a: a, (0,)),
    "reduce_window": lambda x: lax.reduce_window(x, 0.0, lambda a: a, (2,), (1,), "VALID"),
    "vectorize": lambda x: jnp.vectorize(lambda a: a)(x, x),
    "apply_along_axis": lambda x: jnp.apply_along_axis(lambda: 1, 0, x),
    "apply_over_axes": lambda x: jnp.apply_over_axes(lambda a: a, x, [0]),
    "piecewise": lambda x: jnp.piecewise(x, [x < 1], [lambda a, b: a, 0.0]),
    "fromfunction": lambda x: jnp.fromfunction(lambda i: i, (2, 3)),
    "tree_map": lambda x: ingot.tree.map(lambda a: a, [x], [x]),
    "minimize": lambda x: minimize(lambda: 0.0, x, method="BFGS"),
    "debug.callback": lambda x: ingot.debug.callback(lambda: None, x),
    "pure_callback": _later,
    "switch": lambda x: lax.switch(0, [lambda: 1], x),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_with_other_arguments_name_the_function_and_its_line(name):
    for fun in (CALLS[name], ingot.jit(CALLS[name])):
        with pytest.raises(TypeError, match=rf"^{name}: <lambda> .*test_first_hour.py:\d+\) is"
                                            r" called with \d arguments?, .*takes \d"):
            fun(np.arange(4.0))


def test_errors_within_such_functions_are_theirs():
    def wrong(a, b=None):
        raise TypeError("takes one from another")

    for call in (lambda: ingot.tree.map(wrong, [1], [2]), lambda: jnp.vectorize(wrong)(1.0),
                 lambda: lax.reduce(np.ones(2), 0.0, wrong, (0,))):
        with pytest.raises(TypeError, match="^takes one from another"):
            call()
    with pytest.raises(TypeError, match=r"reduce: .* must return what it combines, f64\[2\], got"):
        lax.reduce(np.ones(4), 0.0, lambda a, b: (a, b), (0,))
