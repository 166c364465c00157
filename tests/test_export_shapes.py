"""Symbolic dimensions: arithmetic, comparisons, constraints, and programs of unknown lengths."""

import itertools
import pathlib

import numpy as np
import pytest
from tests.test_export import assert_close, exported, in_jax, needs_jax, pytestmark  # noqa: F401

import ingot
import ingot.numpy as jnp
from ingot import export, lax
from ingot.core.symbolic import evaluate, max_dim, min_dim
from ingot.errors import InconclusiveDimensionOperation

A, B, C = export.symbolic_shape("a, b, c")
VALUES = [dict(zip("abc", v, strict=True)) for v in itertools.product((1, 2, 3, 7), repeat=3)]


# ---- arithmetic: an expression is what Python's integers are -------------------------------------
EXPRESSIONS = {
    "sum": lambda a, b, c: a + 2 * b - c + 3, "product": lambda a, b, c: (a - b) * (a + b) * c,
    "power": lambda a, b, c: (a + 1)**3 - b**2, "exact": lambda a, b, c: (a * b * c) // b,
    "constant divisor": lambda a, b, c: ((a * 6 + 4) // 3, (a * 6 + 4) % 3),
    "divisor": lambda a, b, c: ((a + 13) // b, (a + 13) % b, divmod(a * b + 1, b)),
    "negative": lambda a, b, c: ((-a) // 2, (-a) % 2, (b - a) // -3, (b - a) % -3),
    "reversed": lambda a, b, c: (13 // a, 13 % b, 5 - c, 5 * c, divmod(0, a)),
    "halves": lambda a, b, c: (a // 2 + a % 2, (a // 2) * 2 + a % 2, a // b // c),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_arithmetic(name):
    fun = EXPRESSIONS[name]
    for values in VALUES:
        found = ingot.tree.leaves(fun(A, B, C))
        wanted = ingot.tree.leaves(fun(**values))
        assert [evaluate(n, values) for n in found] == wanted


def test_extremes():
    for values in VALUES:
        for x, y in [(A, B), (A - 3, 0), (A, 1), (2 * A, A), (5, B)]:
            p, q = evaluate(x, values), evaluate(y, values)
            assert evaluate(max_dim(x, y), values) == max(p, q)
            assert evaluate(min_dim(x, y), values) == min(p, q)
    assert (max_dim(A, 1), min_dim(2 * A, A), max_dim(A, 0)) == (A, A, A)


INF = float("inf")
BOUNDS = [
    ("c - max(c - 2, 0)", 1, 2), ("b - max(b - a, 0)", 1, INF), ("max(15 - a, 0)", 0, 14),
    ("max(a, b) - a - max(b - a, 0)", 0, 0), ("15 - max(min(a, b + 10), b) + b", 5, 15),
    ("min(15 - a, 20)", -INF, 14), ("floordiv(b - max(0, b - a), 2)", 0, INF),
    ("max(c - 2, 0) - max(c - 2*b - 2, 0)", 0, INF), ("b - mod(a, b) - 1", 0, INF),
    ("c - max(0, min(b, c) - min(2, c)) - min(2, c)", 0, INF), ("b - mod(- 2, b)", 1, INF),
    ("max(a, b) + max(c, a) - max(a + max(c, a), b + max(c, a))", 0, 0),
    ("min(a, b) - max(a, b)", -INF, 0), ("2*max(a, 3) - min(a, 3)", 3, INF),
    ("c + b - 1 - b*floordiv(c + b - 1, b)", 0, INF),
]


@pytest.mark.parametrize(("text", "low", "high"), BOUNDS)
def test_bounds_of_extremes(text, low, high):
    (n,) = export.symbolic_shape(text, scope=A.scope)
    assert export.symbolic_dim_bounds(n) == (low, high)
    assert all(low <= evaluate(n, values) <= high for values in VALUES)


TEXTS = ["2*b + a", "c + b + a", "a*b", "b + a - 4", "a^2 + 1", "floordiv(a, 2)", "mod(a + b, 3)",
         "max(a - 5, 0)", "- a + 8", "2*a*b - 3", "7"]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_read_as_they_are_printed(text):
    (n,) = export.symbolic_shape(text, scope=getattr(A, "scope"))  # noqa: B009
    (again,) = export.symbolic_shape(str(n), scope=A.scope)
    assert str(again) == str(n) and again == n
    for values in VALUES:
        assert evaluate(n, values) == evaluate(again, values)


@needs_jax
def test_expressions_are_printed_as_jax_prints_them():
    code = f"from jax import export; print(*export.symbolic_shape({', '.join(TEXTS)!r}), sep=';')"
    assert in_jax(code).strip().split(";") == [str(n) for n in export.symbolic_shape(
        ", ".join(TEXTS))]


@pytest.mark.parametrize(("spec", "like", "shape"), [
    ("a, 3", None, "(a, 3)"), ("(a, _)", (2, 5), "(a, 5)"), ("a, ...", (1, 2, 3), "(a, 2, 3)"),
    (None, (4, 5), "(4, 5)"), ("", None, "()"), ("3,", None, "(3,)"), ("...", (), "()")])
def test_placeholders(spec, like, shape):
    assert str(export.symbolic_shape(spec, like=like)) == shape


@pytest.mark.parametrize(("make", "message"), [
    (lambda: export.symbolic_shape("a +"), "syntax error"),
    (lambda: export.symbolic_shape("f(a)"), r"unexpected 'f\(a\)'"),
    (lambda: export.symbolic_shape("a.real"), "unexpected"),
    (lambda: export.symbolic_shape("_"), "unexpected placeholder"),
    (lambda: export.symbolic_shape("..., a", like=(1, 2)), "last"),
    (lambda: export.symbolic_shape("a, 3", like=(1, 4)), "different size"),
    (lambda: export.symbolic_shape("a", like=(1, 4)), "1 dimensions"),
    (lambda: export.symbolic_shape(5), "None or a string"),
    (lambda: export.symbolic_shape("a", constraints=["a > 3"]), "'==' or '>=' or '<='"),
    (lambda: export.symbolic_shape("a", constraints=["1 >= 2"]), "Unsatisfiable"),
    (lambda: export.symbolic_shape("a", constraints=["a + 1 == 4"]), "left-hand-side"),
    (lambda: export.SymbolicScope("a >= 3"), "sequence of strings"),
    (lambda: A + export.symbolic_shape("a")[0], "mixing of symbolic scopes"),
])
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- comparisons ---------------------------------------------------------------------------------
SURE = [(lambda a, b: a >= 1, True), (lambda a, b: a + b >= 2, True), (lambda a, b: a > 0, True),
        (lambda a, b: a < a + b, True), (lambda a, b: a == a + 1, False),
        (lambda a, b: a * b >= 1, True), (lambda a, b: a // 2 <= a, True),
        (lambda a, b: a % 3 <= 2, True), (lambda a, b: (a // 2) * 2 <= a, True),
        (lambda a, b: max_dim(a, b) >= b, True), (lambda a, b: min_dim(a, 3) <= 3, True),
        (lambda a, b: a != 0, True), (lambda a, b: 2 * a == a + a, True)]


@pytest.mark.parametrize(("compare", "answer"), SURE)
def test_comparisons_that_all_values_answer(compare, answer):
    assert compare(A, B) is answer
    assert all(compare(v["a"], v["b"]) is answer for v in VALUES)


@pytest.mark.parametrize("compare", [
    lambda: A >= 2, lambda: A >= B, lambda: A < 5, lambda: 3 <= A, lambda: A % 2 >= 1,
    lambda: int(A), lambda: range(A), lambda: [0][A], lambda: A**B])
def test_what_depends_on_values_is_inconclusive(compare):
    with pytest.raises(InconclusiveDimensionOperation):
        compare()


CONSTRAINTS = [
    (["a >= 4"], lambda a, b: a >= 4), (["a >= b"], lambda a, b: a - b >= 0),
    (["a <= 8"], lambda a, b: a < 9), (["a >= b", "b >= 3"], lambda a, b: a >= 3),
    (["a >= b + 2"], lambda a, b: a > b), (["mod(a, 2) == 0"], lambda a, b: a % 2 == 0),
    (["a == 3*b"], lambda a, b: a % 3 == 0 and a // b == 3),
    (["max(a, b) == a"], lambda a, b: max_dim(a, b) == a)]


@pytest.mark.parametrize(("constraints", "follows"), CONSTRAINTS)
def test_what_follows_from_constraints(constraints, follows):
    assert follows(*export.symbolic_shape("a, b", constraints=constraints))


# ---- programs ------------------------------------------------------------------------------------
X = np.linspace(-1.5, 2.0, 15).reshape(5, 3)
PROGRAMS = {
    "reshape": lambda x: (x.reshape(-1), x.reshape(3, -1), x[None]),
    "reductions": lambda x: (x.sum(0), x.mean(), x.var(0), jnp.argmax(x, 0), x.prod(1)),
    "creation": lambda x: (jnp.ones((x.shape[0] + 1, 2 * x.shape[0])), jnp.zeros_like(x),
                           jnp.eye(x.shape[0])),
    "arange": lambda x: (x + jnp.arange(x.shape[0])[:, None], jnp.arange(2, 2 * x.shape[0], 3)),
    "lengths as numbers": lambda x: (x * x.shape[0], x / (x.shape[0] // 2), x.size - x),
    "slices": lambda x: (x[1:], x[::2], x[:-1, 0], x[::-1], x[-1], x[1:x.shape[0] - 1]),
    "indices": lambda x: (x[jnp.array([0, -1])], x.at[0].set(1), x.at[jnp.array([1])].add(2)),
    "dynamic slices": lambda x: lax.dynamic_slice(x, (0, 1), (x.shape[0] - 1, 2)),
    "joins": lambda x: (jnp.concatenate([x, x[1:]]), jnp.stack([x, x], 1), jnp.pad(x, 1),
                        jnp.tile(x, (2, 1)), jnp.repeat(x, 2, 0)),
    "contractions": lambda x: (x @ x.T, jnp.einsum("ij,ij->i", x, x)),
    "sorting": lambda x: (jnp.sort(x, 0), lax.top_k(x, 2), jnp.argsort(x, 0)),
    "cumulative": lambda x: (jnp.cumsum(x, 0), lax.cummax(x, 0, reverse=True)),
    "loops": lambda x: (lax.scan(lambda c, r: (c + r, c), x[0], x),
                        lax.fori_loop(0, x.shape[0], lambda i, c: c + x[i], x[0])),
    "branches": lambda x: lax.cond(x.sum() > 0, lambda: 2 * x, lambda: x),
    "factorizations": lambda x: tuple(jnp.abs(f) for name in (
        "svd", "eigh", "lu", "qr", "schur", "geqrf") for f in getattr(lax.linalg, name)(
            x[:, None] * x[:, :, None] + jnp.eye(3))),
    "random numbers": lambda x: x + ingot.random.uniform(ingot.random.key(0), x.shape),
    "maps": ingot.vmap(lambda row: row.sum() * row),
    "derivatives": ingot.grad(lambda x: jnp.sum(jnp.tanh(x @ x.T))),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_unknown_lengths(name):
    fun = PROGRAMS[name]
    spec = export.symbolic_args_specs(X, "n, _", constraints=["n >= 3"])
    found = exported(fun, spec)
    assert found.uses_global_constants and str(found.in_avals[0]) == "f64[n,3]"
    for x in (X, X[:4], np.concatenate([X, X])):
        assert_close(found.call(x), ingot.jit(fun)(x), 1e-9)
        shapes = [a.shape for a in ingot.tree.leaves(ingot.eval_shape(fun, x))]
        assert [tuple(evaluate(n, {"n": len(x)}) for n in a.shape)
                for a in found.out_avals] == shapes
    assert_close(ingot.jit(lambda x: found.call(x), backend="xla")(X), ingot.jit(fun)(X), 1e-9)


STARTS = [None, 1, -2, "b", "-b", "2*b"]
STEPS = [1, 2, -1, -2, "b", "-b"]


def _length(text, b):
    """An integer, or what a text says of b."""
    return text if not isinstance(text, str) else {"b": b, "-b": -b, "2*b": 2 * b}[text]


@pytest.mark.parametrize("step", STEPS)
def test_slices_that_may_be_empty(step):
    """Whether they are depends on lengths; what they take is what NumPy's slices do."""
    scope = export.SymbolicScope()
    spec = [ingot.ShapeDtypeStruct(export.symbolic_shape(s, scope=scope), "float64")
            for s in ("c", "b")]
    bounds = list(itertools.product(STARTS, STARTS))

    def fun(x, y):
        b = y.shape[0]
        return [x[slice(_length(p, b), _length(q, b), _length(step, b))] for p, q in bounds]

    found = exported(fun, *spec)
    for c, b in [(1, 1), (1, 3), (4, 1), (5, 2), (7, 3), (3, 8)]:
        x, y = np.arange(c) + 1.0, np.zeros(b)
        for out, wanted, a in zip(found.call(x, y), fun(x, y), found.out_avals, strict=True):
            np.testing.assert_array_equal(out, wanted)
            assert evaluate(a.shape[0], {"b": b, "c": c}) == len(wanted)


@needs_jax
def test_jax_calls_programs_of_unknown_lengths(tmp_path):
    spec = export.symbolic_args_specs(X, "n, _", constraints=["n >= 3"])
    for k, fun in enumerate(PROGRAMS.values()):
        data = export.export(ingot.jit(fun))(spec).serialize()
        outs = [np.asarray(x) for x in ingot.tree.leaves(ingot.jit(fun)(X))]
        np.savez(tmp_path / f"{k}.npz", np.frombuffer(data, np.uint8), *outs)
    np.save(tmp_path / "x.npy", X)
    in_jax("""
        import pathlib, sys, numpy as np, jax
        from jax import export
        jax.config.update("jax_enable_x64", True)
        folder = pathlib.Path(sys.argv[1])
        x = np.load(folder / "x.npy")
        for path in sorted(folder.glob("*.npz")):
            data, *wanted = np.load(path).values()
            found = export.deserialize(bytearray(data.tobytes()))
            for out, want in zip(jax.tree.leaves(found.call(x)), wanted, strict=True):
                np.testing.assert_allclose(out, want, 1e-9, 1e-9)
        """, tmp_path)


@needs_jax
def test_ingot_calls_programs_of_unknown_lengths_from_jax(tmp_path):
    in_jax("""
        import pathlib, sys, numpy as np, jax, jax.numpy as jnp
        from jax import export
        jax.config.update("jax_enable_x64", True)
        fun = lambda x, y: (jnp.concatenate([x, y]), x.reshape(-1)[1:], y * y.shape[0], x @ y.T,
                            jnp.arange(x.shape[0]))
        specs = export.symbolic_args_specs((np.ones((4, 3)), np.ones((2, 3))), ("2*n, m", "n, m"))
        data = export.export(jax.jit(fun))(*specs).serialize(vjp_order=1)
        pathlib.Path(sys.argv[1]).write_bytes(data)
        """, tmp_path / "data")
    found = export.deserialize((tmp_path / "data").read_bytes())
    assert [str(a) for a in found.out_avals] == [
        "f64[3*n,m]", "f64[2*m*n - 1]", "f64[n,m]", "f64[2*n,n]", "i64[2*n]"]
    x, y = X[:4], X[2:4]
    wanted = (np.concatenate([x, y]), x.reshape(-1)[1:], y * 2, x @ y.T, np.arange(4))
    for backend in ("llvm", "xla"):
        assert_close(ingot.jit(lambda x, y: found.call(x, y), backend=backend)(x, y), wanted, 1e-9)
    assert_close(ingot.grad(lambda x: found.call(x, y)[3].sum())(x), np.tile(y.sum(0), (4, 1)))


# ---- lengths that do not fit ---------------------------------------------------------------------
MISFITS = [
    ("3, 4, a + 1", (3, 4, 1), "Expected value >= 1 for dimension variable 'a'.*'a' = 0"),
    ("3, 4, 6*a", (3, 4, 13), "Division had remainder 1 when computing the value of 'a'"),
    ("3, a, a + 8", (3, 4, 13), r"Found inconsistency between dimension size args\[0\].shape\[2\] "
                                r"\(= 13\) and the specification 'a \+ 8' \(= 12\)"),
    ("3, a, a", (3, 4), r"Rank mismatch for args\[0\]"),
    ("3, a, 2", (3, 1, 3), r"Shape mismatch for args\[0\].shape\[2\]"),
]


@pytest.mark.parametrize(("spec", "shape", "message"), MISFITS)
def test_lengths_that_do_not_fit(spec, shape, message):
    spec = ingot.ShapeDtypeStruct(export.symbolic_shape(spec), "float32")
    call = exported(lambda x: 2 * x, spec).call
    with pytest.raises(ValueError, match=message):
        call(np.ones(shape, "float32"))


@pytest.mark.parametrize(("specs", "message"), [
    (["a*a"], "Cannot solve for values of dimension variables {'a'}"),
    (["a + b"], "Cannot solve for values"),
    (["a", "floordiv(b, 2)"], "Cannot solve for values")])
def test_variables_that_cannot_be_solved(specs, message):
    scope = export.SymbolicScope()
    args = [ingot.ShapeDtypeStruct(export.symbolic_shape(s, scope=scope), "float32") for s in specs]
    with pytest.raises(ValueError, match=message):
        export.export(ingot.jit(lambda *xs: xs))(*args)


def test_constraints_are_checked_when_the_program_is_called():
    spec = ingot.ShapeDtypeStruct(export.symbolic_shape("a", constraints=["a >= 4"]), "float32")
    found = export.export(ingot.jit(lambda x: x[3]))(spec)
    assert found.call(np.arange(5, dtype="float32")) == 3
    with pytest.raises(ValueError, match="symbolic shape constraint a >= 4"):
        found.call(np.arange(3, dtype="float32"))
    with pytest.raises(ValueError, match="symbolic shape constraint a >= 4|cannot be inferred"):
        export.deserialize(found.serialize()).call(np.arange(3, dtype="float32"))


def test_scopes_do_not_mix():
    specs = [ingot.ShapeDtypeStruct(export.symbolic_shape("a"), "float32") for _ in range(2)]
    with pytest.raises(ValueError, match=r"when exporting add.*from args\[0\](.|\n)*args\[1\]"):
        export.export(ingot.jit(jnp.add))(*specs)


@pytest.mark.parametrize(("inner", "outer", "ok"), [
    ("3, a, a + b", "3, 4, 12", True), ("3, a, b", "3, 4, c", True),
    ("3, 4, 3*a", "3, 4, 6*c", True), ("3, a, a + 8", "3, c + 2, c + 10", True),
    ("3, a, a", "3, 4, c", False), ("3, 4, 5*a", "3, 4, c", False)])
def test_programs_of_unknown_lengths_call_others(inner, outer, ok):
    def spec(text):
        return ingot.ShapeDtypeStruct(export.symbolic_shape(text), "float32")

    def fun(x):
        return x.reshape(-1, x.shape[1])

    called = exported(fun, spec(inner))
    if not ok:
        with pytest.raises(ValueError, match="do not match the polymorphic shapes"):
            exported(lambda x: called.call(x), spec(outer))
        return
    whole = exported(lambda x: called.call(x) + fun(x), spec(outer))
    x = np.arange(144, dtype="float32").reshape(3, 4, 12)
    assert_close(whole.call(x), 2 * fun(x))


def test_bounds():
    assert export.symbolic_dim_bounds(A) == (1, np.inf)
    assert export.symbolic_dim_bounds(2 * A + B - 1) == (2, np.inf)
    assert export.symbolic_dim_bounds(A % 5) == (0, 4)
    assert export.symbolic_dim_bounds(7) == (7, 7)
    assert export.is_symbolic_dim(A) and not export.is_symbolic_dim(3)


# ---- an artifact of an earlier day ---------------------------------------------------------------
def test_an_artifact_that_was_kept_is_read():
    """facts/exported.hex: f(x, *, w) = {"y": tanh(x @ w["k"]), "n": x.shape[0]} for x f32[n,3],
    w {"k": f32[3,2]}, for cpu and tpu, with one derivative, as it was first written."""
    text = pathlib.Path(__file__).with_name("facts").joinpath("exported.hex").read_text("ascii")
    found = export.deserialize(bytes.fromhex(text))
    assert found.platforms == ("cpu", "tpu") and found.calling_convention_version == 10
    assert [str(a) for a in found.in_avals] == ["f32[n,3]", "f32[3,2]"]
    x, k = X.astype("float32"), np.arange(6, dtype="float32").reshape(3, 2) / 5
    out = found.call(x, w={"k": k})
    assert_close(out, {"y": np.tanh(x @ k), "n": 5}, 1e-6)
    slope = ingot.grad(lambda x: found.call(x, w={"k": k})["y"].sum())(x)
    assert_close(slope, (1 - np.tanh(x @ k)**2) @ k.T, 1e-5)
