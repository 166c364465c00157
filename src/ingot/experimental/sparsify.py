"""Functions of dense arrays, run and differentiated on sparse ones."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import ingot.numpy as jnp
from ingot.api.grad import value_and_grad as _value_and_grad
from ingot.api.jacobian import jacfwd as _jacfwd, jacrev as _jacrev
from ingot.api.jit import jit
from ingot.control.cond import switch
from ingot.control.scan import scan
from ingot.control.while_loop import while_loop
from ingot.core.jaxpr import Jaxpr
from ingot.core.rewrite import bind_equation, interpret_jaxpr
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.experimental.bcoo import BCOO, once
from ingot.experimental.bcoo_axes import (
    bcoo_broadcast_in_dim,
    bcoo_concatenate,
    bcoo_reduce_sum,
    bcoo_reshape,
    bcoo_rev,
    bcoo_slice,
    bcoo_squeeze,
    bcoo_transpose,
)
from ingot.experimental.bcoo_products import bcoo_dot_general
from ingot.experimental.coordinates import JAXSparse
from ingot.transforms.stage import stage
from ingot.tree import tree_flatten, tree_unflatten


def _is_sparse(x: Any) -> bool:
    return isinstance(x, JAXSparse)


@jit
def _dense(x: Any) -> Any:
    return x


def todense(arr: Any) -> Any:
    """Make an array dense, whichever form it has.

    arr: a BCOO, BCSR or dense array -> a dense array.

    >>> from ingot.experimental import sparse
    >>> sparse.todense(sparse.eye(1))
    Array([[1.]], dtype=float64)
    """
    return arr.todense() if _is_sparse(arr) else _dense(arr) if hasattr(arr, "aval") else arr


# ---- sparsify ----
class _Broadcast:
    """A dense array along some axes of a shape, not written out."""

    def __init__(self, x: Any, shape: Sequence[int], dims: Sequence[int]):
        self.x, self.shape, self.dims = x, tuple(shape), tuple(dims)

    def narrow(self) -> Any:
        """With axes of length 1 in place of those along which it is repeated."""
        lengths = [1] * len(self.shape)
        for axis, n in zip(self.dims, jnp.shape(self.x), strict=True):
            lengths[axis] = n
        return jnp.reshape(self.x, lengths)

    def todense(self) -> Any:
        """Written out."""
        return jnp.broadcast_to(self.narrow(), self.shape)


def _mul(x: Any, y: Any) -> Any:
    x, y = (y, x) if isinstance(y, BCOO) and not isinstance(x, BCOO) else (x, y)
    return x * (y.narrow() if isinstance(y, _Broadcast) else y)


def _div(x: Any, y: Any) -> Any:
    if isinstance(y, BCOO) or not isinstance(y, _Broadcast) or jnp.size(y.x) != 1:
        return NotImplemented
    return x / jnp.reshape(y.x, ())


def _sum(x: Any, y: Any) -> Any:
    return x + y if isinstance(x, BCOO) and isinstance(y, BCOO) else NotImplemented


def _reduce(x: Any, axes: Sequence[int]) -> Any:
    return x.sum() if len(axes) == x.ndim else bcoo_reduce_sum(x, axes=axes)


_RULES: dict[str, Callable[..., Any]] = {
    "mul": _mul, "div": _div, "add": _sum, "add_any": _sum, "sub": lambda x, y: _sum(x, -y),
    "reduce_sum": lambda x, *, axes, **_: _reduce(x, axes),
    "transpose": lambda x, *, permutation: bcoo_transpose(x, permutation=permutation),
    "reshape": lambda x, *, new_sizes, **_: bcoo_reshape(x, new_sizes=new_sizes),
    "squeeze": lambda x, *, dimensions: bcoo_squeeze(x, dimensions=dimensions),
    "rev": lambda x, *, dimensions: bcoo_rev(x, dimensions),
    "slice": lambda x, **bounds: bcoo_slice(x, **bounds),
    "concatenate": lambda *xs, dimension: bcoo_concatenate(xs, dimension=dimension)
    if all(isinstance(x, BCOO) for x in xs) else NotImplemented,
    "broadcast_in_dim": lambda x, **places: bcoo_broadcast_in_dim(x, **places),
    "dot_general": lambda x, y, *, dimension_numbers, **_: bcoo_dot_general(
        *(a.todense() if isinstance(a, _Broadcast) else a for a in (x, y)),
        dimension_numbers=dimension_numbers)}
# Functions of each element that are 0 at 0, applied once each coordinate is there once.
_ZERO_AT_ZERO = ("abs asin asinh atan atanh cbrt ceil expm1 floor imag integer_pow log1p real round"
                 " sign sin sinh sqrt square tan tanh conj").split()
_LINEAR = ("neg convert_element_type copy reduce_precision stop_gradient").split()


# ---- loops and branches ----
# Their operands and carries are trees, of which a BCOO is one: its structure has to stay.
def _cond(index: Any, *args: Any, branches: Sequence[Jaxpr], **_: Any) -> list[Any]:
    def branch(jaxpr: Jaxpr) -> Callable[..., Any]:
        return lambda *xs: _run(jaxpr, xs)

    return switch(index, [branch(b) for b in branches], *args)


def _while(*args: Any, cond_jaxpr: Jaxpr, body_jaxpr: Jaxpr, cond_nconsts: int, body_nconsts: int,
           **_: Any) -> list[Any]:
    ask, step = args[:cond_nconsts], args[cond_nconsts : cond_nconsts + body_nconsts]
    return while_loop(lambda c: _run(cond_jaxpr, [*ask, *c])[0],
                      lambda c: _run(body_jaxpr, [*step, *c]), list(args[len(ask) + len(step):]))


def _scan(*args: Any, jaxpr: Jaxpr, num_consts: int, num_carry: int, length: int, reverse: bool,
          unroll: Any, **_: Any) -> Any:
    fixed, carry, xs = (args[:num_consts], list(args[num_consts : num_consts + num_carry]),
                        list(args[num_consts + num_carry :]))
    if any(isinstance(x, BCOO) for x in xs):
        return NotImplemented

    def step(carry: list[Any], xs: list[Any]) -> tuple[list[Any], list[Any]]:
        outs = _run(jaxpr, [*fixed, *carry, *xs])
        return outs[:num_carry], [todense(y) for y in outs[num_carry:]]

    carry, ys = scan(step, carry, xs, length, reverse, unroll)
    return [*carry, *ys]


_SEVERAL: dict[str, Callable[..., Any]] = {
    "cond": _cond, "while": _while, "scan": _scan,
    "remat2": lambda *args, jaxpr, **_: _run(jaxpr, args)}
"""Rules of equations with several results."""


def _equation(eqn: Any, args: list[Any]) -> list[Any]:
    """The results of an equation with a sparse argument."""
    name = eqn.primitive.name
    if name in _ZERO_AT_ZERO or name in _LINEAR:
        x = args[0] if name in _LINEAR else once(args[0])
        if name != "integer_pow" or eqn.params["y"] > 0:
            return [x._with(eqn.primitive.bind(x.data, **eqn.params))]
    if name == "jit":
        inner = eqn.params["jaxpr"]
        if eqn.params["name"] == "_dense":
            return [x.todense() for x in args]
        return _run(inner, args)
    if name in _SEVERAL:
        out = _SEVERAL[name](*_densify(args), **eqn.params)
    else:
        out = _RULES[name](*args, **eqn.params) if name in _RULES else NotImplemented
    if out is NotImplemented:
        raise NotImplementedError(
            f"sparsify: there is no rule for {name} of sparse arguments, as its result is dense or"
            " would be; use sparse.todense() on the arguments if that is meant")
    return out if name in _SEVERAL else [out]


def _run(jaxpr: Jaxpr, args: Sequence[Any]) -> list[Any]:
    """A program whose arguments may be sparse, equation by equation."""
    def rule(eqn: Any, values: list[Any]) -> Sequence[Any]:
        if any(isinstance(x, BCOO) for x in values):
            return _equation(eqn, values)
        if eqn.primitive.name == "broadcast_in_dim" and not isinstance(values[0], _Broadcast):
            params = eqn.params
            return [_Broadcast(values[0], params["shape"], params["broadcast_dimensions"])]
        return bind_equation(eqn, _densify(values))

    return _densify(interpret_jaxpr(jaxpr, args, rule))


def _densify(values: Sequence[Any]) -> list[Any]:
    return [x.todense() if isinstance(x, _Broadcast) else x for x in values]


def sparsify(f: Callable[..., Any], use_tracer: bool = False) -> Callable[..., Any]:
    """Make a function of dense arrays one of sparse arrays, which stay sparse where they can.

    f: a function of dense arrays. use_tracer: without effect -> a function of BCOOs, BCSRs and
    dense arrays. Arithmetic, sums, products, slices, movement, functions that are 0 at 0, loops and
    branches have rules; others raise NotImplementedError. Functions that use the operators of BCOO
    are run as well.

    >>> from ingot.experimental import sparse
    >>> sparse.sparsify(jnp.sin)(sparse.eye(2))
    BCOO(float64[2, 2], nse=2)
    """
    def sparse(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = tree_flatten((args, kwargs), is_leaf=_is_sparse)
        leaves = [x.to_bcoo() if hasattr(x, "to_bcoo") else x for x in leaves]
        places = [i for i, x in enumerate(leaves) if isinstance(x, BCOO) or hasattr(x, "dtype")]
        avals = [jnp.zeros((), x.dtype).aval.update(shape=x.shape) for x in (
            leaves[i] for i in places)]
        trees: list[Any] = []

        def flat(*xs: Any) -> list[Any]:
            whole = list(leaves)
            for i, x in zip(places, xs, strict=True):
                whole[i] = x
            given, named = tree_unflatten(tree, whole)
            outs, out_tree = tree_flatten(f(*given, **named))
            trees.append(out_tree)
            return [jnp.asarray(x) for x in outs]

        jaxpr = stage(flat, avals, getattr(f, "__name__", "sparsified"))
        return tree_unflatten(trees[0], _run(jaxpr, [leaves[i] for i in places]))

    return sparse


# ---- derivatives in the values of sparse arguments ----
def _of_values(transform: Callable[..., Any], fun: Callable[..., Any], argnums: Any,
               **options: Any) -> Callable[..., Any]:
    """A derivative with respect to arguments of which sparse ones count with their values."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def derivative(*args: Any, **kwargs: Any) -> tuple[Any, Callable[[Any], Any]]:
        places = [operator.index(n) % len(args) for n in numbers]
        trees = [tree_flatten(args[i], is_leaf=_is_sparse) for i in places]
        values = [[x.data if _is_sparse(x) else x for x in leaves] for leaves, _ in trees]

        def of_values(values: Any) -> Any:
            whole = list(args)
            for i, given, (leaves, tree) in zip(places, values, trees, strict=True):
                whole[i] = tree_unflatten(tree, [
                    x._with(v) if _is_sparse(x) else v for x, v in zip(leaves, given, strict=True)])
            return fun(*whole, **kwargs)

        def rebuilt(grads: Any) -> Any:
            made = [tree_unflatten(tree, [
                x._with(g) if _is_sparse(x) and g.shape == x.data.shape else g
                for x, g in zip(leaves, given, strict=True)])
                for given, (leaves, tree) in zip(grads, trees, strict=True)]
            return made[0] if isinstance(argnums, int) else tuple(made)

        return transform(of_values, **options)(values), rebuilt

    return derivative


def value_and_grad(fun: Callable[..., Any], argnums: int | Sequence[int] = 0,
                   has_aux: bool = False, **kwargs: Any) -> Callable[..., Any]:
    """Make a function that returns the value of one of sparse arrays, and its gradient.

    fun, argnums, has_aux, kwargs: those of `ingot.value_and_grad` -> a function of the same
    arguments; gradients of sparse ones have the same coordinates.

    >>> from ingot.experimental import sparse
    >>> sparse.value_and_grad(lambda m: m.sum())(sparse.eye(2))[1]
    BCOO(float64[2, 2], nse=2)
    """
    def differentiated(*args: Any, **named: Any) -> Any:
        (value, grads), rebuilt = _of_values(
            _value_and_grad, fun, argnums, has_aux=has_aux, **kwargs)(*args, **named)
        return value, rebuilt(grads)

    return differentiated


def grad(fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
         **kwargs: Any) -> Callable[..., Any]:
    """Make a function that returns the gradient of one of sparse arrays.

    fun, argnums, has_aux, kwargs: those of `ingot.grad` -> a function of the same arguments;
    gradients of sparse ones have the same coordinates.

    >>> from ingot.experimental import sparse
    >>> sparse.grad(lambda m: (m @ np.ones(2)).sum())(sparse.eye(2)).data
    Array([1., 1.], dtype=float64)
    """
    whole = value_and_grad(fun, argnums, has_aux, **kwargs)

    def differentiated(*args: Any, **named: Any) -> Any:
        value, grads = whole(*args, **named)
        return (grads, value[1]) if has_aux else grads

    return differentiated


def _jacobian(transform: Callable[..., Any], fun: Callable[..., Any], argnums: Any, has_aux: bool,
              options: dict[str, Any]) -> Callable[..., Any]:
    """Derivatives of dense results in values, as BCOOs with the axes of results as batches."""
    def differentiated(*args: Any, **named: Any) -> Any:
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        given = [args[i] for i in numbers]

        def of_values(*values: Any) -> Any:
            whole = list(args)
            for i, x, v in zip(numbers, given, values, strict=True):
                whole[i] = x._with(v) if _is_sparse(x) else v
            return fun(*whole, **named)

        out = transform(of_values, tuple(range(len(numbers))), has_aux=has_aux, **options)(
            *(x.data if _is_sparse(x) else x for x in given))
        found, aux = out if has_aux else (out, None)
        made = [_derivative(x, d) if _is_sparse(x) else d for x, d in zip(
            given, found, strict=True)]
        result = made[0] if isinstance(argnums, int) else tuple(made)
        return (result, aux) if has_aux else result

    return differentiated


def _derivative(x: Any, values: Any) -> Any:
    """Derivatives of a result of any shape in the values of a BCOO: its axes are batches."""
    if not isinstance(x, BCOO) or not hasattr(values, "shape"):
        return values
    lead = values.shape[:values.ndim - x.data.ndim]
    indices = x.indices.reshape(*[1] * len(lead), *x.indices.shape)
    return BCOO((values, indices), shape=(*lead, *x.shape))


def jacrev(fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
           **kwargs: Any) -> Callable[..., Any]:
    """Make a function that returns the Jacobian of one of sparse arrays, by reverse mode.

    fun, argnums, has_aux, kwargs: those of `ingot.jacrev`; the result of fun is a dense array -> a
    function of the same arguments; derivatives in a BCOO are BCOOs.

    >>> from ingot.experimental import sparse
    >>> sparse.jacrev(lambda m: m @ np.ones(2))(sparse.eye(2))
    BCOO(float64[2, 2, 2], nse=2, n_batch=1)
    """
    return _jacobian(_jacrev, fun, argnums, has_aux, kwargs)


def jacfwd(fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
           **kwargs: Any) -> Callable[..., Any]:
    """Make a function that returns the Jacobian of one of sparse arrays, by forward mode.

    fun, argnums, has_aux, kwargs: those of `ingot.jacfwd`; the result of fun is a dense array -> a
    function of the same arguments; derivatives in a BCOO are BCOOs.

    >>> from ingot.experimental import sparse
    >>> sparse.jacfwd(lambda m: m @ np.ones(2))(sparse.eye(2))
    BCOO(float64[2, 2, 2], nse=2, n_batch=1)
    """
    return _jacobian(_jacfwd, fun, argnums, has_aux, kwargs)


jacobian = jacrev


_hide_frames_of(__name__)
