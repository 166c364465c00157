"""custom_linear_solve, custom_root and checkpoint: derivatives without the iterations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ingot
import ingot.numpy as np_
from control_laws import agree, close
from ingot import lax
from ingot.ad_checkpoint import (
    Offloadable,
    Recompute,
    Saveable,
    checkpoint_name,
    checkpoint_policies,
)
from ingot.errors import UndefinedRuleError


# ---- custom_linear_solve ------------------------------------------------------------------------
def triangular(x, y):
    """A solve by hand of u sin x = x, u x + v y = y^2."""
    def matvec(z):
        return {"u": z["u"] * np_.sin(x), "v": z["v"] * y + z["u"] * x}

    def solve(_, b):
        u = b["u"] / np_.sin(x)
        return {"u": u, "v": (b["v"] - u * x) / y}

    def transpose_solve(_, b):
        v = b["v"] / y
        return {"u": (b["u"] - v * x) / np_.sin(x), "v": v}

    r = lax.custom_linear_solve(matvec, {"u": x, "v": y * y}, solve, transpose_solve)
    return r["u"] + r["v"] ** 2


def test_linear_solve():
    agree(triangular, lambda x, y: x / jnp.sin(x) + ((y * y - x * x / jnp.sin(x)) / y) ** 2,
          0.4, 0.7)


def conjugate_gradients(matvec, b):
    def body(state):
        x, r, p, k = state
        q = matvec(p)
        a = (r @ r) / (p @ q)
        after = r - a * q
        return x + a * p, after, after + (after @ after) / (r @ r) * p, k + 1

    start = (np_.zeros_like(b), b, b, 0)
    return lax.while_loop(lambda s: (s[1] @ s[1] > 1e-28) & (s[3] < 10), body, start)[0]


def test_iterative_solvers_have_reverse_mode():
    matrix = np.array([[2.0, 0.3], [0.3, 1.0]])

    def f(w, b):
        x = lax.custom_linear_solve(lambda x: (matrix * w) @ x + x, b, conjugate_gradients,
                                    symmetric=True)
        return (x * x).sum()

    def reference(w, b):
        return (jnp.linalg.solve(matrix * w + jnp.eye(2), b) ** 2).sum()

    agree(f, reference, 0.7, np.array([0.5, 2.0]), tol=1e-8)


def test_auxiliary_results_and_missing_transpose():
    def f(b):
        x, steps = lax.custom_linear_solve(lambda x: 2 * x, b, lambda m, b: (b / 2, 7),
                                           has_aux=True)
        return x * steps

    assert float(f(4.0)) == 14.0
    close(ingot.jvp(f, (4.0,), (1.0,)), (14.0, 3.5))
    with pytest.raises(UndefinedRuleError, match="transpose_solve"):
        ingot.grad(f)(4.0)


# ---- custom_root --------------------------------------------------------------------------------
def cube_root(x, y):
    def newton(f, z):
        return lax.while_loop(lambda z: abs(f(z)) > 1e-14, lambda z: z - f(z) / (3 * z * z), z)

    root = lax.custom_root(lambda z: z ** 3 - x * y, 1.0, newton, lambda g, b: b / g(1.0))
    return y * root


def test_root():
    agree(cube_root, lambda x, y: y * jnp.cbrt(x * y), 0.4, 0.7)


def test_root_with_auxiliary_results():
    def f(a):
        x, info = lax.custom_root(lambda x: {"x": x["x"] ** 2 - a}, {"x": 1.0},
                                  lambda f, x: ({"x": np_.sqrt(a)}, {"steps": 3}),
                                  lambda g, y: {"x": y["x"] / g({"x": 1.0})["x"]}, has_aux=True)
        return x["x"] * info["steps"]

    close(ingot.value_and_grad(f)(4.0), (6.0, 0.75))


# ---- checkpoint ---------------------------------------------------------------------------------
def remembered(lib, np, lax, name, policy):
    @lib.jit
    def inner(z, y):
        return lax.scan(lambda c, _: (np.sin(c * y), c), z, None, length=3)[0]

    @lambda f: lib.checkpoint(f, policy=policy)
    def block(x, y):
        z = name(np.sin(x * y), "z")
        return inner(z, y) * z

    return lambda x, y: np.sin(block(x * y, y))


OFFLOADED = checkpoint_policies.save_and_offload_only_these_names(
    names_which_can_be_saved=["x"], names_which_can_be_offloaded=["y", "z"], offload_src="device",
    offload_dst="pinned_host")
POLICIES = [
    None, checkpoint_policies.everything_saveable, checkpoint_policies.nothing_saveable,
    checkpoint_policies.dots_saveable, checkpoint_policies.save_only_these_names("z"),
    checkpoint_policies.save_any_names_but_these("z"),
    checkpoint_policies.save_anything_except_these_names("z"),
    checkpoint_policies.save_from_both_policies(checkpoint_policies.dots_saveable,
                                                checkpoint_policies.save_only_these_names("z")),
    checkpoint_policies.offload_dot_with_no_batch_dims("device", "pinned_host"), OFFLOADED,
    lambda prim, *_, **__: Saveable if prim.name == "sin" else Recompute,
]


@pytest.mark.parametrize("policy", POLICIES[:1] + POLICIES[4:5])
def test_checkpoint(policy):
    agree(remembered(ingot, np_, lax, checkpoint_name, policy),
          remembered(jax, jnp, jax.lax, lambda x, _: x, None), 0.4, 0.7)


@pytest.mark.parametrize("policy", POLICIES)
def test_policies_leave_values_alone(policy):
    f = remembered(ingot, np_, lax, checkpoint_name, policy)
    want = jax.grad(remembered(jax, jnp, jax.lax, lambda x, _: x, None), (0, 1))(0.4, 0.7)
    close(ingot.grad(f, (0, 1))(0.4, 0.7), want)
    close(ingot.jit(ingot.grad(f, (0, 1)))(0.4, 0.7), want)


def residuals(fun, policy):
    """Shapes of what is kept between the forward and the backward pass."""
    x = np.ones((4, 4))
    program = ingot.make_jaxpr(lambda x: ingot.vjp(ingot.checkpoint(fun, policy=policy), x)[1])(x)
    return sum(v.aval.size for v in program.outvars)


def test_policies_decide_what_is_kept():
    def f(x):
        y = checkpoint_name(np_.sin(x @ x), "y")
        return np_.cos(np_.exp(y)).sum()

    nothing = residuals(f, None)
    assert nothing <= 16
    assert residuals(f, checkpoint_policies.dots_saveable) == nothing + 16
    assert residuals(f, checkpoint_policies.save_only_these_names("y")) == nothing + 16
    assert residuals(f, checkpoint_policies.save_only_these_names("other")) == nothing
    assert residuals(f, checkpoint_policies.offload_dot_with_no_batch_dims(
        "device", "pinned_host")) == nothing + 16
    assert residuals(f, OFFLOADED) == nothing + 16
    assert residuals(f, lambda *_, **__: Recompute) == nothing
    assert residuals(f, lambda prim, *_, **__: Saveable if prim.name == "exp" else Recompute
                     ) == nothing + 16


def test_answers_of_policies_that_are_none():
    with pytest.raises(TypeError, match="returned .*Offloadable.* for cos"):
        ingot.grad(ingot.checkpoint(np_.sin, policy=lambda *_, **__: Offloadable))(1.0)
    with pytest.raises(ValueError, match=r"\['y'\] in both"):
        checkpoint_policies.save_and_offload_only_these_names(
            names_which_can_be_saved=["x", "y"], names_which_can_be_offloaded=["y"],
            offload_src="device", offload_dst="pinned_host")


def test_checkpoint_of_static_and_named_arguments():
    f = ingot.checkpoint(lambda mode, x, *, scale, power: x ** power * scale if mode == "up" else x,
                         static_argnums=0, static_argnames="power")
    assert float(ingot.grad(lambda x: f("up", x, scale=2.0, power=3))(2.0)) == 24.0
    assert float(ingot.checkpoint(policy=None)(lambda x: x)(3.0)) == 3.0
