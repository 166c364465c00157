"""References: variables that hold arrays, read and written in programs, loops, branches and maps.

Each program beside what it is without references.
"""

import numpy as np
import pytest

import ingot
from ingot import lax, numpy as jnp

X = np.arange(1.0, 5.0)


def ref(value=0.0):
    return ingot.new_ref(value)


def squared(x):
    r = ref(x)
    r[...] = r[...] ** 2
    r[0] += 1
    return ingot.freeze(r).sum()


def scanned(x):
    r = ref(jnp.zeros(()))

    def body(c, y):
        r[...] += y * c
        return c + 1, r[...]

    return lax.scan(body, 1.0, x)[1].sum() + r[...]


def counted(x):
    r = ref(x)

    def body(i, c):
        r[i] = lax.cond(r[i] > 2, lambda: r[i] - 2, lambda: r[i] * 1.5)
        return c + r[i]

    return lax.fori_loop(0, 4, body, 0.0) * r[...].sum()


def switched(x):
    r = ref(x.sum())

    def double(r):
        r[...] *= 2
        return 1.0

    return lax.switch(1, [lambda r: 0.0, double], r) * r[...]


def nested(x):
    r = ref(x)

    @ingot.jit
    def inner():
        r[1] = r[0] * 3
        return r[...] * 2

    return (inner() * r[...]).sum()


def kept(x):
    r = ref(x[0])

    @ingot.checkpoint
    def inner(y):
        r[...] *= jnp.sin(y)
        return r[...]

    return inner(x[1]) + r[...] * x[2]


def parts(x):
    r = ref(x)
    r.at[1:].at[0][...] = x[0] * 2
    ingot.ref.addupdate(r, np.array([0, 0]), x[3])
    old = ingot.ref.swap(r, 2, x[1])
    return (r[...] * X).sum() + old * ingot.ref.get(r, -1) + r[ingot.ref.Slice(1, 2)].sum()


def by_hand_counted(x):
    total = 0
    for i in range(4):
        x = x.at[i].set(jnp.where(x[i] > 2, x[i] - 2, x[i] * 1.5))
        total = total + x[i]
    return total * x.sum()


def by_hand_parts(x):
    first, second = x[0] + 2 * x[3], 2 * x[0]
    y = jnp.stack([first, second, x[1], x[3]])
    return (y * X).sum() + x[2] * x[3] + second + x[1]


PROGRAMS = {
    "squared": (squared, lambda x: (x ** 2).sum() + 1),
    "scan": (scanned, lambda x: jnp.cumsum(x * X).sum() + (x * X).sum()),
    "fori_loop and cond": (counted, by_hand_counted), "parts": (parts, by_hand_parts),
    "switch": (switched, lambda x: 2 * x.sum()),
    "jit": (nested, lambda x: 2 * (x.at[1].set(3 * x[0]) ** 2).sum()),
    "checkpoint": (kept, lambda x: x[0] * jnp.sin(x[1]) * (1 + x[2]))}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_beside_what_they_are_without(name):
    program, plain = PROGRAMS[name]
    transforms = [lambda f: f, ingot.jit, ingot.grad, lambda f: ingot.jit(ingot.grad(f)),
                  lambda f: ingot.jvp(f, (jnp.asarray(X),), (X,))[1]]
    for transform in transforms[:4]:
        np.testing.assert_allclose(transform(program)(jnp.asarray(X)),
                                   transform(plain)(jnp.asarray(X)), rtol=1e-12)
    np.testing.assert_allclose(transforms[4](program), transforms[4](plain), rtol=1e-12)
    many = np.stack([X, X[::-1] / 2])
    np.testing.assert_allclose(ingot.vmap(ingot.grad(program))(many),
                               ingot.vmap(ingot.grad(plain))(many), rtol=1e-12)


def test_what_functions_close_over_and_are_given():
    n, total = ref(0), {"a": ref(np.zeros(2)), "b": ref(1.0)}

    @ingot.jit
    def step(refs, x, power):
        n[...] += 1
        refs["a"][0] += x ** power
        refs["b"][...] = refs["a"][...].sum()
        return refs["b"][...] * 2

    step = ingot.jit(step, static_argnums=2)
    for i in range(4):
        assert float(step(total, i, 2)) == 2 * sum(j * j for j in range(i + 1))
    assert int(n[...]) == 4 and total["a"][...].tolist() == [14, 0]
    i = ref(0)

    def count(c):
        i[...] += 2
        return c + 1

    assert int(lax.while_loop(lambda c: i[...] < 7, count, 0)) == 4 and int(i[...]) == 8
    mapped = ref(np.zeros(3))

    def entry(r, x):
        r[...] += x
        return r[...] * 2

    assert ingot.vmap(entry)(mapped, np.arange(3.0)).tolist() == [0, 2, 4]
    carry, ys = lax.scan(lambda c, rx: (c + rx[1], entry(*rx)), 0.0, (mapped, np.ones(3)))
    assert mapped[...].tolist() == [1, 2, 3] and ys.tolist() == [2, 4, 6] and float(carry) == 3
    assert ingot.eval_shape(lambda r: (mapped[...], r.set(7), r[...]), n)[0].shape == (3,)
    assert "add" in str(ingot.make_jaxpr(step, static_argnums=2)(total, 1.0, 2))
    with ingot.disable_jit():
        step(total, 1, 2)
    assert int(n[...]) == 5


def test_gradients_go_to_references():
    seen = ref(0.0)

    @ingot.custom_vjp
    def stash(r, x):
        return x

    def backward(r, ct):
        r[...] = ct
        return None, ct

    stash.defvjp(lambda r, x: (x, r), backward)
    for transform in (lambda f: f, ingot.jit):
        transform(ingot.grad(lambda x: jnp.sin(stash(seen, x)) ** 2))(1.0)
        np.testing.assert_allclose(seen[...], np.sin(2.0))
        seen[...] = 0
    _, pull = ingot.vjp(lambda w, x: (jnp.sin(w["a"]) * x).sum(), {"a": X}, X)
    sums = ref(np.zeros(4))
    out = pull.with_refs({"a": sums}, None)(1.0)
    pull.with_refs({"a": sums}, None)(1.0)
    np.testing.assert_allclose(sums[...], 2 * np.cos(X) * X)
    assert [type(x).__name__ for x in (out[0]["a"], out[1])] == ["GradRef", "DidntWant"]

    @ingot.jit
    def batches(w, xs):
        total = ref(jnp.zeros_like(w))

        def one(c, x):
            loss, pull = ingot.vjp(lambda w: (w * x).sum() ** 2, w)
            pull.with_refs(total)(1.0)
            return c, loss

        return lax.scan(one, (), xs)[1], total[...]

    xs = np.stack([X, X * 2])
    np.testing.assert_allclose(batches(X, xs)[1], ingot.grad(
        lambda w: ((w * xs).sum(1) ** 2).sum())(X))


def escaping(x):
    made.append(ref(x))
    return x


def doubly(a, b):
    return a[...] + b[...]


made: list = []
ERRORS = {
    "tangent": (lambda r: ingot.grad(lambda x: (r.set(x), x)[1])(1.0), ValueError,
                "derivative.*stop_gradient"),
    "mapped": (lambda r: ingot.vmap(lambda x: (r.set(x), x)[1])(X), ValueError, "vmap.*argument"),
    "dtype": (lambda r: r.set(np.ones((), np.int32)), ValueError, "holds float64.*astype"),
    "weak": (lambda r: ref(1).set(1.0), ValueError, "holds int64"),
    "shape": (lambda r: r.set(np.ones(3)), ValueError, "do not broadcast"),
    "an array": (jnp.sin, TypeError, r"read its value with ref\[\.\.\.\]"),
    "returned": (ingot.jit(lambda r: r), ValueError, "cannot be returned"),
    "twice": (lambda r: ingot.jit(doubly)(r, r), ValueError, "only one reference"),
    "carry": (lambda r: lax.scan(lambda c, x: (c, x), r, X), TypeError, "part of the carry"),
    "differentiated": (ingot.grad(lambda r: r[...]), TypeError, "choose others by argnums"),
    "shown": (lambda r: ingot.jit(lambda: r[...]).lower(), NotImplementedError, "made outside"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, error, text = ERRORS[name]
    with pytest.raises(error, match=text):
        call(ref())


def test_a_reference_is_not_kept_after_its_transformation():
    ingot.jit(escaping)(1.0)
    with pytest.raises(ingot.errors.UnexpectedTracerError, match="escaped"):
        made[0][...] + 1


def test_types_and_text():
    r = ref(np.float32([1, 2]))
    assert repr(r) == "Ref([1., 2.], dtype=float32)" and len(r) == 2 and r.size == 2
    assert repr(ingot.typeof(r)) == "Ref{float32[2]}" == repr(r.aval)
    assert isinstance(r, ingot.Ref) and not isinstance(r, ingot.Array)
    assert r.dtype == np.float32 and r.shape == (2,)
    given = np.ones(2)
    held = ref(jnp.asarray(given))
    held[0] = 7.0
    assert given.tolist() == [1, 1]
    assert repr(ingot.ref.empty_ref(ingot.ShapeDtypeStruct((1,), "int32"))) == (
        "Ref([0], dtype=int32)")
