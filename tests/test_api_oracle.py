"""Transformations on small programs, compared with JAX: values, dtypes, weak types, structures."""

import numpy as np
import pytest

import ingot
import ingot.lax
from ingot import dtypes

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.oracle


@pytest.fixture(autouse=True)
def same_defaults():
    with jax.enable_x64(True):
        yield


def described(x):
    """A leaf as comparable data: dtype, weak type, values."""
    if getattr(x, "dtype", None) == np.dtype([("float0", np.void, 0)]):
        return "float0", False, np.shape(x), None
    weak = bool(getattr(x, "weak_type", type(x) in (int, float, complex)))
    return str(np.asarray(x).dtype), weak, np.shape(x), np.asarray(x)


def assert_same(ours, theirs, weak=True):
    left, tree = ingot.tree.flatten(ours)
    right, jax_tree = jax.tree.flatten(theirs)
    assert str(tree) == str(jax_tree)
    for x, y in zip(left, right, strict=True):
        (*kind_x, values_x), (*kind_y, values_y) = described(x), described(y)
        if not weak:
            kind_x[1] = kind_y[1] = None
        assert kind_x == kind_y
        if values_x is not None:
            rtol = 1e-5 if values_x.dtype in (np.float32, np.complex64) else 1e-13
            np.testing.assert_allclose(values_x, values_y, rtol=rtol)


def f(lax, x):
    return lax.mul(lax.sin(x), x)


def g(lax, x, y):
    return lax.add(lax.mul(x, x), lax.mul(y, lax.cos(x)))


def total(lax, x):
    return lax.reduce_sum(x, tuple(range(len(x.shape))))


def params_loss(lax, p):
    return lax.mul(total(lax, lax.mul(p["w"], p["w"])), p["b"])


V = np.array([0.5, -1.5, 2.0])
P = {"w": V, "b": 3.0}
Z = 0.5 + 1.5j

# Each program takes the system (for its transformations) and its lax.
PROGRAMS = {
    "jit of a scalar": lambda s, lax: s.jit(lambda x: f(lax, x))(2.0),
    "jit of NumPy": lambda s, lax: s.jit(lambda x: f(lax, x))(V),
    "jit keeps the structure": lambda s, lax: s.jit(lambda t: {"a": (t[0], None), "b": [t[1]]})(
        (V, 1)),
    "jit of constants": lambda s, lax: s.jit(lambda: (1, 2.0, True, 3j, np.float32(4), V))(),
    "jit with keywords": lambda s, lax: s.jit(lambda x, *, k: lax.mul(x, k))(2.0, k=V[0]),
    "jit, static number": lambda s, lax: s.jit(
        lambda x, n: lax.mul(x, float(n)), static_argnums=1)(V[0], 3),
    "jit, static name": lambda s, lax: s.jit(
        lambda x, n: lax.mul(x, float(n)), static_argnames="n")(V[0], 3),
    "jit, static from the end": lambda s, lax: s.jit(
        lambda n, x: lax.mul(x, float(n)), static_argnums=(-2,))(3, V[0]),
    "jit in jit": lambda s, lax: s.jit(lambda x: lax.mul(s.jit(lambda y: f(lax, y))(x), x))(V),
    "jit, closure over a tracer": lambda s, lax: s.jit(
        lambda x: s.jit(lambda y: lax.mul(x, y))(lax.sin(x)))(V),
    "grad": lambda s, lax: s.grad(lambda x: f(lax, x))(2.0),
    "grad, float32": lambda s, lax: s.grad(lambda x: f(lax, x))(np.float32(2)),
    "grad of grad": lambda s, lax: s.grad(s.grad(lambda x: f(lax, x)))(2.0),
    "grad, argnums": lambda s, lax: s.grad(lambda x, y: g(lax, x, y), (1, 0))(2.0, 3.0),
    "grad, last argument": lambda s, lax: s.grad(lambda x, y: g(lax, x, y), -1)(2.0, 3.0),
    "grad, aux": lambda s, lax: s.grad(lambda x: (f(lax, x), {"aux": lax.sin(x)}), has_aux=True)(
        2.0),
    "grad, tree": lambda s, lax: s.grad(lambda p: params_loss(lax, p))(P),
    "grad, unused": lambda s, lax: s.grad(lambda x, y: f(lax, x), (0, 1))(2.0, V),
    "grad, constant": lambda s, lax: s.grad(lambda x: 3.0)(V),
    "grad, allow_int": lambda s, lax: s.grad(lambda x, y: f(lax, x), (0, 1), allow_int=True)(
        2.0, 3),
    "grad, holomorphic": lambda s, lax: s.grad(lambda z: lax.mul(z, lax.exp(z)),
                                               holomorphic=True)(Z),
    "value_and_grad": lambda s, lax: s.value_and_grad(lambda x: f(lax, x))(2.0),
    "value_and_grad, aux": lambda s, lax: s.value_and_grad(
        lambda x: (f(lax, x), lax.sin(x)), has_aux=True)(2.0),
    "jit of grad of jit": lambda s, lax: s.jit(s.grad(s.jit(lambda x: f(lax, x))))(2.0),
    "jvp": lambda s, lax: s.jvp(lambda x, y: g(lax, x, y), (2.0, 3.0), (1.0, 0.5)),
    "jvp, constant result": lambda s, lax: s.jvp(lambda x: (x, 3, 4.0), (2.0,), (1.0,)),
    "jvp, integer argument": lambda s, lax: s.jvp(
        lambda x, n: lax.mul(x, 2.0), (2.0, 3), (1.0, np.zeros((), dtypes.float0))),
    "jvp, aux": lambda s, lax: s.jvp(lambda x: (f(lax, x), x), (2.0,), (1.0,), has_aux=True),
    "vjp": lambda s, lax: s.vjp(lambda x, y: g(lax, x, y), V, V)[1](V),
    "vjp, tree": lambda s, lax: s.vjp(lambda p: {"out": params_loss(lax, p)}, P)[1]({"out": 2.0}),
    "vjp, complex": lambda s, lax: s.vjp(lambda z: lax.mul(z, z), Z)[1](1.0 + 0j),
    "vjp leaves jit": lambda s, lax: s.jit(lambda x: s.vjp(lambda y: f(lax, y), x))(2.0)[1](1.0),
    "linearize": lambda s, lax: s.linearize(lambda x: f(lax, x), V)[1](V),
    "linear_transpose": lambda s, lax: s.linear_transpose(
        lambda x: lax.mul(x, V), s.ShapeDtypeStruct((3,), "float64"))(V),
    "jacfwd": lambda s, lax: s.jacfwd(lambda x: f(lax, x))(V),
    "jacrev": lambda s, lax: s.jacrev(lambda x: f(lax, x))(V),
    "jacfwd, scalar": lambda s, lax: s.jacfwd(lambda x: f(lax, x))(2.0),
    "vmap": lambda s, lax: s.vmap(lambda x: f(lax, x))(V),
    "vmap, None": lambda s, lax: s.vmap(lambda x, y: g(lax, x, y), (0, None))(V, 2.0),
    "vmap, axes": lambda s, lax: s.vmap(lambda x: lax.sin(x), 1, -1)(np.ones((2, 3, 4))),
    "vmap, tree": lambda s, lax: s.vmap(
        lambda p: params_loss(lax, p), ({"w": 0, "b": None},))({"w": np.ones((4, 3)), "b": 2.0}),
    "vmap, keyword": lambda s, lax: s.vmap(lambda x, k: lax.mul(x, k))(V, k=V),
    "vmap, constant": lambda s, lax: s.vmap(lambda x: (1.0, np.float32(2)))(V),
    "vmap, out None": lambda s, lax: s.vmap(lambda x: (x, 2.0), out_axes=(0, None))(V),
    "vmap, axis_size": lambda s, lax: s.vmap(lambda: 2.0, axis_size=3)(),
    "vmap of vmap": lambda s, lax: s.vmap(s.vmap(lambda x, y: lax.mul(x, y), (None, 0)), (0, None))(
        V, V),
    "vmap of grad": lambda s, lax: s.vmap(s.grad(lambda x: f(lax, x)))(V),
    "grad of vmap": lambda s, lax: s.grad(lambda x: total(lax, s.vmap(lambda y: f(lax, y))(x)))(V),
    "vmap of jit": lambda s, lax: s.vmap(s.jit(lambda x: f(lax, x)))(V),
    "eval_shape": lambda s, lax: s.tree.map(
        lambda a: np.zeros(a.shape, a.dtype),
        s.eval_shape(lambda x: {"y": lax.sin(x)}, s.ShapeDtypeStruct((2, 3), "float32"))),
    "jacfwd, several": lambda s, lax: s.jacfwd(
        lambda x, y: {"a": g(lax, x, y), "b": total(lax, x)}, (0, 1))(V, V),
    "jacrev, several": lambda s, lax: s.jacrev(
        lambda x, y: {"a": g(lax, x, y), "b": total(lax, x)}, (0, 1))(V, V),
    "hessian, tree": lambda s, lax: s.hessian(lambda p: params_loss(lax, p))(P),
    "hessian, aux": lambda s, lax: s.hessian(
        lambda x: (total(lax, f(lax, x)), x), has_aux=True)(V),
    "jacrev, holomorphic": lambda s, lax: s.jacrev(lambda z: lax.mul(z, z), holomorphic=True)(Z),
    "jacfwd, holomorphic": lambda s, lax: s.jacfwd(lambda z: lax.mul(z, z), holomorphic=True)(Z),
}
# The blocks of a Jacobian are cut from one array, so that they are weakly typed together.
WEAK_DIFFERS = {"hessian, tree"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_jax(name):
    program = PROGRAMS[name]
    assert_same(program(ingot, ingot.lax), program(jax, jax.lax), weak=name not in WEAK_DIFFERS)


def test_make_jaxpr_has_jaxs_types_and_primitives():
    def program(s, lax):
        return s.make_jaxpr(s.grad(s.jit(lambda x: f(lax, x))))(2.0)

    ours, theirs = program(ingot, ingot.lax), program(jax, jax.lax)
    assert [str(v.aval) for v in ours.jaxpr.invars] == ["f64[]"]
    assert {e.primitive.name for e in ours.jaxpr.eqns} == {"jit"}
    assert {e.primitive.name for e in theirs.jaxpr.eqns} >= {"jit"}
    assert [repr(a) for a in ours.out_avals] == [repr(a) for a in theirs.out_avals]
