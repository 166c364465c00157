"""Callbacks: values, batches, order, and that they run exactly as often as they should."""

import jax
import numpy as np
import pytest

import ingot
from control_laws import close
from ingot import lax
from ingot.control.callback import VMAP_METHODS, io_callback
from ingot.core.backend import get_backend
from ingot.errors import HostCallError, UndefinedRuleError

F64 = ingot.ShapeDtypeStruct((), np.float64)


def sine(x, y, method=None):
    return ingot.pure_callback(lambda x, y: {"a": np.sin(x) * y}, {"a": F64}, x, y,
                               vmap_method=method)["a"]


# ---- pure_callback ------------------------------------------------------------------------------
def test_pure_callback():
    close(sine(1.0, 2.0), 2 * np.sin(1.0))
    close(ingot.jit(sine)(1.0, 2.0), 2 * np.sin(1.0))
    close(ingot.jit(lambda x: lax.scan(lambda c, _: (sine(c, 2.0), None), x, None, length=3)[0])(
        0.3), 2 * np.sin(2 * np.sin(2 * np.sin(0.3))))


@pytest.mark.parametrize("method", VMAP_METHODS)
def test_vmap_methods(method):
    xs = np.linspace(0, 1, 3)
    for f in (lambda x, y: sine(x, y, method), ingot.jit(lambda x, y: sine(x, y, method))):
        close(ingot.vmap(f, (0, None))(xs, 2.0), 2 * np.sin(xs))
        close(ingot.vmap(ingot.vmap(f, (0, None)), (None, 0))(xs, xs),
              np.sin(xs) * xs[:, None])


def test_vmap_methods_say_what_the_callback_sees():
    def shapes(method):
        seen = []

        def look(x, y):
            seen.append((x.shape, y.shape))
            return np.broadcast_to(x, (3, 2) if x.ndim > 1 else (2,))

        ingot.vmap(lambda x, y: ingot.pure_callback(
            look, ingot.ShapeDtypeStruct((2,), np.float64), x, y, vmap_method=method), (0, None))(
                np.ones((3, 2)), 1.0)
        return seen

    assert shapes("expand_dims") == [((3, 2), (1,))]
    assert shapes("broadcast_all") == [((3, 2), (3,))]
    assert shapes("sequential") == [((2,), ())] * 3
    assert shapes("sequential_unrolled") == [((2,), ())] * 3


def test_callbacks_inside_custom_rules():
    @ingot.custom_jvp
    def f(x):
        return ingot.pure_callback(np.sin, F64, x, vmap_method="sequential")

    f.defjvps(lambda t, out, x: t * ingot.pure_callback(np.cos, F64, x, vmap_method="sequential"))
    close(ingot.grad(f)(0.3), np.cos(0.3))
    close(ingot.jit(ingot.vmap(ingot.grad(f)))(np.array([0.1, 0.2])), np.cos([0.1, 0.2]))


def test_arguments_are_read_only():
    def spoil(x):
        x[...] = 0
        return x

    with pytest.raises(HostCallError, match="spoil raised ValueError.*read-only"):
        ingot.pure_callback(spoil, ingot.ShapeDtypeStruct((2,), np.float64), np.ones(2))


@pytest.mark.parametrize("fun, error, text", [
    (lambda: ingot.vmap(sine, (0, None))(np.ones(2), 1.0), UndefinedRuleError, "vmap_method"),
    (lambda: ingot.grad(sine)(1.0, 2.0), UndefinedRuleError, "custom_jvp"),
    (lambda: ingot.pure_callback(lambda x: (x, x), {"a": F64}, 1.0), TypeError, "structure"),
    (lambda: ingot.pure_callback(lambda x: {"a": np.ones(2)}, {"a": F64}, 1.0), TypeError,
     r"result\['a'\] expected f64\[\], got f64\[2\]"),
    (lambda: ingot.pure_callback(lambda x: x, "no type", 1.0), TypeError, "shape and a dtype"),
    (lambda: ingot.pure_callback(lambda x: x, F64, 1.0, vmap_method="all"), ValueError, "one of"),
    (lambda: ingot.pure_callback(3, F64, 1.0), TypeError, "must be a function"),
    (lambda: ingot.pure_callback(lambda x: x, F64, "text"), TypeError, r"\[0\]\[0\]"),
])
def test_messages(fun, error, text):
    with pytest.raises(error, match=text):
        fun()


def test_errors_of_callbacks_are_host_call_errors():
    def bad(x):
        raise KeyError("mine")

    def debugging(x):
        ingot.debug.callback(bad, x)
        return x

    calls = [lambda x: ingot.pure_callback(bad, F64, x), lambda x: io_callback(bad, F64, x)]
    compiled = [] if get_backend().interprets else [ingot.jit(debugging)]
    for call in (*map(ingot.jit, calls), *compiled, *calls):
        with pytest.raises(HostCallError, match="callback.*raised KeyError: 'mine'") as info:
            call(1.0)
        assert isinstance(info.value.__cause__, KeyError)
    with pytest.raises(KeyError):  # debugging op by op shows the error itself
        debugging(1.0)


# ---- io_callback --------------------------------------------------------------------------------
def counter():
    count = [0]

    def tick():
        count[0] += 1
        return np.int64(count[0])

    return tick, count


def test_io_callback_keeps_its_order():
    tick, count = counter()
    int64 = ingot.ShapeDtypeStruct((), np.int64)

    def body(c, _):
        return c, io_callback(tick, int64, ordered=True)

    close(ingot.jit(lambda x: lax.scan(body, x, None, length=3)[1])(1.0), np.array([1, 2, 3]))

    def unused(x):
        io_callback(tick, int64)
        return x

    ingot.jit(unused)(1.0)
    assert count == [4]
    ingot.vmap(lambda x: (io_callback(lambda x: tick(), int64, x), x)[1])(np.ones(3))
    assert count == [7]
    with pytest.raises(UndefinedRuleError, match="ordered"):
        ingot.vmap(lambda x: io_callback(lambda x: tick(), int64, x, ordered=True))(np.ones(3))


# ---- debug --------------------------------------------------------------------------------------
def test_debug_callback_sees_everything_once():
    seen = []

    def f(x):
        ingot.debug.callback(lambda x, tag: seen.append((tag, float(x))), x, tag="x")
        return x * x

    for g, args, want in [
        (f, (2.0,), [2.0]), (ingot.jit(f), (2.0,), [2.0]), (ingot.grad(f), (2.0,), [2.0]),
        (ingot.jit(ingot.grad(ingot.jit(f))), (2.0,), [2.0]),
        (ingot.vmap(f), (np.arange(3.0),), [0.0, 1.0, 2.0]),
        (ingot.jit(ingot.vmap(ingot.grad(f))), (np.arange(3.0),), [0.0, 1.0, 2.0]),
        (lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2), (3.0,), [3.0, 9.0]),
        (ingot.grad(lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0]), (3.0,),
         [3.0, 9.0]),
        (lambda x: lax.while_loop(lambda c: c < 10, f, x), (2.0,), [2.0, 4.0]),
        (lambda x: lax.cond(True, f, lambda x: x, x), (5.0,), [5.0]),
        (lambda x: lax.fori_loop(0, x, lambda i, c: f(c), 2.0), (2,), [2.0, 4.0]),
    ]:
        seen.clear()
        g(*args)
        assert sorted(seen) == [("x", w) for w in want]


def test_debug_print(capsys):
    def f(x):
        ingot.debug.print("x = {} and {y:.2f}", x, y=2 * x, ordered=True)
        ingot.debug.print("{s} {{}} {0[1]}", np.arange(3), s="a string", ordered=True)
        return x

    ingot.jit(f)(1.5)
    assert capsys.readouterr().out == "x = 1.5 and 3.00\na string {} 1\n"
    with pytest.raises(ValueError, match="f-string"):
        ingot.debug.print(f"{3}", 3)
    with pytest.raises((KeyError, IndexError)):
        ingot.debug.print("{a}", 3)
    ingot.debug.print("{}", 1, 2, skip_format_check=True)


def test_jax_agrees_on_effects_of_dropped_values():
    runs = []
    jax.jit(lambda x: (jax.debug.callback(lambda: runs.append("jax")), x)[1])(1.0)
    ingot.jit(lambda x: (ingot.debug.callback(lambda: runs.append("ingot")), x)[1])(1.0)
    jax.effects_barrier()
    assert sorted(runs) == ["ingot", "jax"]
