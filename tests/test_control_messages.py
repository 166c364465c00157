"""What is said where control flow and custom rules are misused; and the names of lax."""

import re

import jax
import numpy as np
import pytest

import ingot
import ingot.numpy as np_
from ingot import lax
from ingot.custom_batching import custom_vmap
from ingot.custom_derivatives import linear_call
from ingot.errors import UnexpectedTracerError
from ingot.lax.missing import MISSING, MISSING_LINALG

ONES = np.ones(3)
F32 = np.ones(3, np.float32)


def scan(body, init, xs=ONES, **options):
    return lambda: lax.scan(body, init, xs, **options)


def while_loop(cond, body, init):
    return lambda: lax.while_loop(cond, body, init)


def cond(pred, a, b, *args):
    return lambda: lax.cond(pred, a, b, *args)


CASES = {
    "carry type": (
        scan(lambda c, x: ({"a": c["a"] + 1.5, "b": c["b"]}, c), {"a": np.int32(1), "b": ONES}),
        TypeError,
        r"scan: the body <lambda> \(.*\.py:\d+\) must return a carry of the types of init"
        r" \(carry input and carry output must have equal types\):\n"
        r"  carry\['a'\]: init has type i32\[\], the body returns f64\[\]\nConvert init first"),
    "carry shape": (scan(lambda c, x: (c + F32, x), np.float32(0)), TypeError,
                    r"carry: init has type f32\[\], the body returns f32\[3\]"),
    "carry structure": (scan(lambda c, x: ((c, x), 1), 0.0), TypeError,
                        r"structure of init:\n  at carry expected a leaf, got a tuple of length 2"),
    "no pair": (scan(lambda c, x: (c, x, 1), 0.0), TypeError, r"must return a pair \(carry, y\)"),
    "a list is no pair": (scan(lambda c, x: [c, x], 0.0), TypeError, "must return a pair"),
    "lengths": (scan(lambda c, x: (c, x), 0.0, {"p": ONES, "q": np.ones(2)}), ValueError,
                r"must have one length, got\n  xs\['p'\]: f64\[3\]\n  xs\['q'\]: f64\[2\]"),
    "length": (scan(lambda c, x: (c, x), 0.0, length=4), ValueError, r"one length, length=4, got"),
    "no length": (scan(lambda c, x: (c, x), 0.0, None), ValueError, "given as length"),
    "bad length": (scan(lambda c, x: (c, x), 0.0, None, length=1.5), TypeError,
                   "integer known now"),
    "negative": (scan(lambda c, x: (c, x), 0.0, None, length=-1), ValueError, "not be negative"),
    "no axis": (scan(lambda c, x: (c, x), 0.0, {"a": 1.0}), ValueError, r"f64\[\] at xs\['a'\]"),
    "no function": (scan(3, 0.0), TypeError, "f must be a function, or callable, got 3"),
    "no array": (scan(lambda c, x: (c, x), {"a": "text"}), TypeError,
                 r"leaf of init must be an array .* 'text' of type str at init\['a'\]"),
    "no array back": (scan(lambda c, x: (c, "text"), 0.0), TypeError,
                      r"'text'.*at its result\[1\]"),
    "unroll": (scan(lambda c, x: (c, x), 0.0, unroll=1.5), ValueError, "unroll"),
    "condition type": (while_loop(lambda c: c, lambda c: c, 0.0), TypeError,
                       r"must return a boolean scalar, bool\[\], got f64\[\]"),
    "condition shape": (while_loop(lambda c: c > 0, lambda c: c, ONES), TypeError,
                        r"got bool\[3\]; compare, or reduce with \.any"),
    "condition tree": (while_loop(lambda c: (c > 0, 1), lambda c: c, 1.0), TypeError, "got PyTree"),
    "while structure": (while_loop(lambda c: True, lambda c: (c, 1), 0.0), TypeError,
                        "while_loop: the body .* structure of init_val"),
    "while type": (while_loop(lambda c: True, lambda c: c + 1.5, np.int32(0)), TypeError,
                   r"carry: init_val has type i32\[\], the body returns f64\[\]"),
    "predicate shape": (cond(ONES, lambda: 1, lambda: 2), TypeError,
                        r"cond: pred must be a scalar, got f64\[3\].*any"),
    "predicate": (cond("a", lambda: 1, lambda: 2), TypeError, "got 'a' of type str"),
    "branch structure": (cond(True, lambda x: {"a": x}, lambda x: x, 1.0), TypeError,
                         r"same structure, but false_fun, .* differ:\n  at result expected"),
    "branch type": (
        cond(True, lambda x: {"a": x}, lambda x: {"a": F32}, 1.0), TypeError,
        r"result\['a'\]: false_fun returns f32\[3\], true_fun returns f64\[\]"),
    "branch": (cond(True, 1, lambda: 2), TypeError, "true_fun must be a function"),
    "two operands": (lambda: lax.cond(True, lambda x: x, lambda x: x, 1, operand=2), TypeError,
                     "not both"),
    "index": (lambda: lax.switch(1.0, [lambda: 1, lambda: 2]), TypeError, r"integer, got f64\[\]"),
    "index shape": (lambda: lax.switch(np.ones(2, int), [lambda: 1, lambda: 2]), TypeError,
                    r"scalar, got i64\[2\]"),
    "no branches": (lambda: lax.switch(0, []), ValueError, "at least one branch"),
    "fori bound": (lambda: lax.fori_loop(0, np.ones(2), lambda i, x: x, 1), TypeError,
                   r"upper must be a real scalar, got f64\[2\]"),
    "fori mixed": (lambda: lax.fori_loop(0, 1.5, lambda i, x: x, 1), TypeError,
                   r"one type, got i64\*?\[\] and f64\*?\[\]"),
    "fori bounds": (lambda: lax.fori_loop(np.int32(0), np.int64(3), lambda i, x: x, 1), TypeError,
                    r"one type, got i32\[\] and i64\[\]"),
    "fori type": (lambda: lax.fori_loop(0, 3, lambda i, x: x * 1.5, np.int32(1)), TypeError,
                  r"fori_loop: the body .*\n  carry: init_val has type i32\[\]"),
    "associative length": (lambda: lax.associative_scan(np_.add, [ONES, np.ones(2)]), ValueError,
                           r"elems\[0\]: f64\[3\]\n  elems\[1\]: f64\[2\]"),
    "associative structure": (lambda: lax.associative_scan(lambda a, b: a[0], [ONES, ONES]),
                              TypeError, "must return the structure of elems"),
    "batch size": (lambda: lax.map(np_.sin, ONES, batch_size=-1), ValueError, "positive integer"),
    "matvec": (lambda: lax.custom_linear_solve(lambda x: F32, 1.0, lambda m, b: b), TypeError,
               r"result of matvec .*\n  b: b is f64\[\], matvec gives f32\[3\]"),
    "solve": (lambda: lax.custom_linear_solve(lambda x: x, 1.0, lambda m, b: (b, b)), TypeError,
              "result of solve must have the structure"),
    "root": (lambda: lax.custom_root(lambda x: (x, x), 1.0, lambda f, x: x, lambda g, y: y),
             TypeError, "f must return what has the structure"),
    "root solve": (lambda: lax.custom_root(lambda x: x, 1.0, lambda f, x: F32, lambda g, y: y),
                   TypeError, r"solve gives f32\[3\]"),
    "linear_call": (lambda: linear_call(lambda r, x: x, lambda r, ct: F32, 1.0, 1.0), TypeError,
                    r"fun_transpose returns f32\[3\]"),
    "closure_convert": (lambda: ingot.closure_convert(lambda x: x, 1.0)[0](ONES), TypeError,
                        r"the example is f64\[\], got f64\[3\]"),
}


@pytest.mark.parametrize("name", CASES)
def test_messages(name):
    fun, error, text = CASES[name]
    with pytest.raises(error, match=text):
        fun()


# ---- custom rules -------------------------------------------------------------------------------
def with_jvp(rule):
    return lambda: ingot.grad(with_jvp_of(rule))(2.0)


def with_jvp_of(rule):
    f = ingot.custom_jvp(lambda x: {"a": x, "b": x})
    f.defjvp(rule)
    return lambda x: f(x)["a"]


def with_vjp(fwd, bwd):
    f = ingot.custom_vjp(lambda x, y: x["q"])
    f.defvjp(fwd, bwd)
    return lambda: ingot.grad(lambda x: f({"q": x, "r": (1.0, x)}, x))(2.0)


def keep(x, y):
    return x["q"], None


def with_vmap(rule):
    f = custom_vmap(lambda x: x)
    f.def_vmap(rule)
    return lambda: ingot.vmap(f)(ONES)


def pair(p):
    return {"a": p, "b": p}


RULES = {
    "no rule": (lambda: ingot.custom_jvp(lambda x: x)(1.0), AttributeError, "defjvp"),
    "no rules": (lambda: ingot.custom_vjp(lambda x: x)(1.0), AttributeError, "defvjp"),
    "no batching rule": (lambda: custom_vmap(lambda x: x)(1.0), AttributeError, "def_vmap"),
    "jvp pair": (with_jvp(lambda p, t: 3), TypeError, "must return a pair"),
    "jvp primal": (lambda: ingot.grad(ingot.jit(with_jvp_of(lambda p, t: (p[0], t[0]))))(2.0),
                   TypeError, "primal result of the structure that"),
    "jvp tangent": (with_jvp(lambda p, t: (pair(p[0]), t[0])), TypeError,
                    "at tangent expected a dict"),
    "jvp type": (with_jvp(lambda p, t: (pair(p[0]), {"a": ONES, "b": t[0]})), TypeError,
                 r"at tangent\['a'\] expected f64\[\], got f64\[3\]"),
    "fwd pair": (with_vjp(lambda x, y: x, lambda r, ct: None), TypeError, r"pair \(result, resid"),
    "bwd count": (with_vjp(keep, lambda r, ct: (ct,)), TypeError, "tuple of 2 cotangents.*got 1"),
    "bwd no tuple": (with_vjp(keep, lambda r, ct: {"x": ct}), TypeError, "got a dict"),
    "bwd structure": (with_vjp(keep, lambda r, ct: ({"q": ct}, ct)), TypeError,
                      r"cotangents\[0\] expected a dict with the keys \['q', 'r'\]"),
    "bwd type": (with_vjp(keep, lambda r, ct: (None, ONES)), TypeError,
                 r"cotangents\[1\] expected f64\[\], got f64\[3\]"),
    "vmap pair": (with_vmap(lambda n, b, x: 3), TypeError, "must return a pair"),
    "vmap flags": (with_vmap(lambda n, b, x: (x, [True, True])), TypeError, "structure of the res"),
    "vmap size": (with_vmap(lambda n, b, x: (x[:2], True)), ValueError,
                  r"leading axis of length 3, got f64\[2\]"),
    "keyword-only": (lambda: ingot.custom_jvp(lambda *, x: x).defjvps()
                     or _called_with_keyword(), TypeError, "keyword-only"),
    "positions": (lambda: _position(7), ValueError, "positions of its 1 arguments"),
}


def _called_with_keyword():
    f = ingot.custom_jvp(lambda *, x: x)
    f.defjvps()
    return f(x=1.0)


def _position(i):
    f = ingot.custom_jvp(lambda x: x, nondiff_argnums=(i,))
    f.defjvp(lambda *args: None)
    return f(1.0)


@pytest.mark.parametrize("name", RULES)
def test_messages_of_rules(name):
    fun, error, text = RULES[name]
    with pytest.raises(error, match=text):
        fun()


def test_none_stands_for_whole_cotangents():
    assert float(with_vjp(keep, lambda r, ct: ({"q": ct, "r": None}, None))()) == 1.0
    assert float(with_vjp(keep, lambda r, ct: (None, None))()) == 0.0


def test_closing_over_transformed_values():
    def f(x):
        inner = ingot.custom_jvp(lambda y: x * y)
        inner.defjvps(lambda t, out, y: t)
        return inner(2.0)

    for call in (lambda: ingot.grad(f)(1.0), lambda: ingot.grad(ingot.jit(f))(1.0)):
        with pytest.raises(UnexpectedTracerError, match="closes over.*pass (the value|it)"):
            call()
    assert float(ingot.jit(f)(3.0)) == 6.0


# ---- lax ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("module, oracle, table", [(lax, jax.lax, MISSING),
                                                   (lax.linalg, jax.lax.linalg, MISSING_LINALG)])
def test_every_name_is_there_or_explained(module, oracle, table):
    names = {n for n in dir(oracle) if not n.startswith("_")}
    absent = {n for n in names if not hasattr(module, n)}
    assert absent == set(table)
    for name in absent:
        with pytest.raises(AttributeError, match=re.escape(table[name])):
            getattr(module, name)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'$"):
        _ = module.no_such_name
