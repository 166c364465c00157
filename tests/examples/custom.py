"""Rows of functions with rules of their own: custom_jvp, custom_vjp, custom_vmap, checkpoint, ...

Each rule is the true derivative written differently, so that every law holds.
"""

import numpy as np

from examples import Bad, Example, normal
from examples.control import total
from examples.linalg import stable
from ingot.control.checkpoint import checkpoint, checkpoint_name, checkpoint_policies
from ingot.control.custom_gradient import custom_gradient, linear_call
from ingot.control.custom_jvp import custom_jvp
from ingot.control.custom_vjp import custom_vjp
from ingot.control.custom_vmap import custom_vmap
from ingot.control.linear_solve import custom_linear_solve
from ingot.core.primitive import UndefinedPrimal
from ingot.primitives.arithmetic import add, mul, neg, sub
from ingot.primitives.dot import dot_general
from ingot.primitives.exponential import exp
from ingot.primitives.movement import transpose
from ingot.primitives.shape import broadcast, rev
from ingot.primitives.solve import solve
from ingot.primitives.trig import cos, sin
from ingot.transforms.linearize import linearize
from ingot.transforms.transpose import transpose as back

X, Y = normal(3), normal(3, seed=1)
MATRIX = stable(3, 3)


@custom_jvp
def sine(x, y):
    """sin(x) * y and x + y, with its own forward rule."""
    return mul(sin(x), y), add(x, y)


@sine.defjvp
def _sine_rule(primals, tangents):
    (x, y), (tx, ty) = primals, tangents
    first = add(mul(mul(cos(x), y), tx), mul(sin(x), ty))
    return sine(x, y), (first, add(tx, ty))


@custom_vjp
def product(x, y):
    """exp(x) * y, with its own reverse rule: no forward derivative."""
    return mul(exp(x), y)


product.defvjp(lambda x, y: (product(x, y), (exp(x), y)),
               lambda kept, ct: (mul(ct, mul(*kept)), mul(ct, kept[0])))


def pulled_product(x, y, ct):
    """Cotangents of `product`."""
    outs, linear = linearize(lambda a, b: [product(a, b)], [x, y])
    j = linear.jaxpr
    return back(j, j.consts, [UndefinedPrimal(v.aval) for v in j.invars], [ct])


@custom_vmap
def double(x, y):
    return sub(add(x, x), neg(y))


@double.def_vmap
def _double_rule(size, batched, x, y):
    x, y = (v if b else broadcast(v, (size,)) for v, b in zip((x, y), batched, strict=True))
    return sub(add(x, x), neg(y)), True


@custom_gradient
def square(x):
    return mul(x, x), lambda ct: (mul(ct, add(x, x)),)


def linear(w, x):
    """A linear call: x reversed and scaled by w."""
    return linear_call(lambda r, v: rev(mul(r, v), (0,)), lambda r, ct: mul(r, rev(ct, (0,))), w, x)


def remat(x, y, policy=None):
    return checkpoint(lambda a, b: mul(sin(checkpoint_name(mul(a, b), "kept")), exp(b)),
                      policy=policy)(x, y)


def apply(a, v):
    return dot_general(a, v, (((1,), (0,)), ((), ())))


def solved(a, b):
    matrix = lambda v: apply(a, v)
    return custom_linear_solve(matrix, b, lambda _, c: solve(a, c),
                               lambda _, c: solve(transpose(a, (1, 0)), c))


EXAMPLES = [
    Example(sine, (X, Y), ref=lambda x, y: [np.sin(x) * y, x + y], name="custom_jvp", jax=False),
    Example(lambda x, y: sine(sin(x), y)[0], (X, Y), ref=lambda x, y: np.sin(np.sin(x)) * y,
            name="custom_jvp_inside", jax=False),
    # A reverse rule has no forward derivative: law_jvp would be refused.
    Example(product, (X, Y), ref=lambda x, y: np.exp(x) * y, diff=(), name="custom_vjp", jax=False),
    Example(pulled_product, (X, Y, X + 1), diff=(), name="custom_vjp_pulled", jax=False,
            ref=lambda x, y, ct: [ct * np.exp(x) * y, ct * np.exp(x)], ulps=8,
            runs=("custom_lin",)),
    Example(double, (X, Y), ref=lambda x, y: 2 * x + y, name="custom_vmap", jax=False),
    Example(square, (X,), ref=lambda x: x * x, diff=(), name="custom_gradient", jax=False),
    Example(linear, (X, Y), ref=lambda w, x: (w * x)[::-1], diff=(1,), name="linear_call",
            jax=False),
    Example(lambda x: checkpoint_name(x, "kept"), (X,), ref=lambda x: x, name="checkpoint_name",
            accepts="biufc", jax=False),
    Example(remat, (X, Y), ref=lambda x, y: np.sin(x * y) * np.exp(y), name="checkpoint",
            jax=False),
    Example(remat, (X, Y), dict(policy=checkpoint_policies.everything_saveable), ulps=8,
            name="checkpoint", jax=False),
    Example(remat, (X, Y), dict(policy=checkpoint_policies.save_only_these_names("kept")), ulps=8,
            name="checkpoint", jax=False),
    Example(solved, (MATRIX, normal(3, 2)), ref=np.linalg.solve, ulps=1e4,
            name="custom_linear_solve", jax=False),
]

BAD = [
    Bad(lambda x: custom_jvp(sin)(x), (X,), error="custom_jvp: no rule", kind=AttributeError),
    Bad(lambda x: custom_vjp(sin)(x), (X,), error="custom_vjp: no rules", kind=AttributeError),
    Bad(lambda x: custom_vmap(sin)(x), (X,), error="custom_vmap: no rule", kind=AttributeError),
    Bad(lambda x: linear_call(lambda r, v: v, lambda r, ct: total(ct), x, x), (X,),
        error="linear_call: "),
    Bad(lambda b: custom_linear_solve(total, b, lambda m, c: c), (X,),
        error="custom_linear_solve: "),
]
