"""Derivatives with pytrees and signatures: grad, value_and_grad, jvp, vjp, linearize and kin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.arguments import (
    argument_name,
    check_callable,
    flatten_result,
    function_name,
)
from ingot.api.jit import jit
from ingot.api.leaks import leaks_checked
from ingot.api.linear import LinearSpec, Pullback, Pushforward, match_tangents, zero_tangent
from ingot.api.shapes import abstractify
from ingot.calls import called
from ingot.core.avals import ShapedArray, is_inexact
from ingot.core.interpreter import is_number, to_array, typeof, unconverted
from ingot.core.tracebacks import api_boundary
from ingot.primitives.movement import full_like
from ingot.transforms.jvp import jvp as push
from ingot.transforms.linearize import linearize as split
from ingot.transforms.stage import constants_to_arguments, stage
from ingot.tree import (
    PyTreeDef,
    SequenceKey,
    tree_flatten,
    tree_flatten_with_path,
    tree_unflatten,
)
from ingot.util import wraps


class DifferentiableArgs:
    """A function of some of its positional arguments, as flat lists: those to differentiate.

    After a call: `out_tree`, and with has_aux the auxiliary leaves `aux` (of structure `aux_tree`),
    which follow the results. With `numbers`, Python numbers stay what they are.
    """

    out_tree: PyTreeDef
    aux_tree: PyTreeDef
    numbers = False

    def __init__(self, transform: str, fun: Callable[..., Any], argnums: Any, has_aux: bool,
                 args: tuple[Any, ...], kwargs: dict[str, Any], numbers: bool = False):
        self.transform, self.fun, self.has_aux = transform, fun, has_aux
        self.args, self.kwargs, self.numbers = args, kwargs, numbers
        self.nums = _positions(transform, fun, argnums, len(args))
        chosen = tuple(args[i] for i in self.nums)
        tree = chosen if isinstance(argnums, (tuple, list)) else chosen[0]
        leaves, self.in_tree = tree_flatten(tree)
        self.several = isinstance(argnums, (tuple, list))
        self.leaves = [self._array(i, x) for i, x in enumerate(leaves)]

    def name(self, i: int) -> str:
        """What to call leaf `i` in messages."""
        tree = tree_unflatten(self.in_tree, range(self.in_tree.num_leaves))
        path = tree_flatten_with_path(tree if self.several else (tree,))[0][i][0]
        num = self.nums[path[0].idx]
        return argument_name(self.fun, (SequenceKey(0), SequenceKey(num), *path[1:]))

    def _array(self, i: int, x: Any) -> Any:
        if self.numbers and is_number(x):
            return x
        try:
            return to_array(x)
        except TypeError:
            place = f"for {self.name(i)} of {function_name(self.fun)}"
            got = unconverted(x, place, "choose others by argnums")
            raise TypeError(f"{self.transform}: arguments to differentiate must be arrays, numbers"
                            f" or pytrees of them, got {got}") from None

    def __call__(self, *leaves: Any) -> list[Any]:
        """Leaves of the result and of the auxiliary data."""
        tree = tree_unflatten(self.in_tree, leaves)
        args = list(self.args)
        for i, x in zip(self.nums, tree if self.several else (tree,), strict=True):
            args[i] = x
        out = called(self.transform, self.fun, args, self.kwargs)
        aux: list[Any] = []
        if self.has_aux:
            out, rest = _pair(self.transform, self.fun, out)
            aux, self.aux_tree = tree_flatten(rest)
        outs, self.out_tree = flatten_result(self.transform, self.fun, out, self.numbers)
        return [*outs, *aux]

    def results(self, outs: Sequence[Any]) -> tuple[Any, Any]:
        """Result and auxiliary result (None without) from what a call gave."""
        n = self.out_tree.num_leaves
        aux = tree_unflatten(self.aux_tree, outs[n:]) if self.has_aux else None
        return tree_unflatten(self.out_tree, outs[:n]), aux


def _pair(transform: str, fun: Any, out: Any) -> tuple[Any, Any]:
    if not isinstance(out, (tuple, list)) or len(out) != 2:
        size = f" of length {len(out)}" if isinstance(out, (tuple, list)) else ""
        got = getattr(out, "aval", f"a {type(out).__name__}{size}")
        raise TypeError(f"{transform}: with has_aux=True {function_name(fun)} must return a pair"
                        f" (result, auxiliary data), got {got}")
    return out[0], out[1]


def _positions(transform: str, fun: Any, argnums: Any, n: int) -> list[int]:
    nums = list(argnums) if isinstance(argnums, (tuple, list)) else [argnums]
    if not nums or not all(hasattr(i, "__index__") for i in nums):
        raise TypeError(f"{transform}: argnums must be an int or a tuple of ints, got {argnums!r}")
    bad = [i for i in nums if not -n <= i < n]
    if bad:
        raise TypeError(
            f"{transform}: argnums={argnums} names argument {bad[0]}, but {function_name(fun)} was"
            f" called with {n} positional arguments; pass it by position")
    return [i.__index__() % n for i in nums]


# ---- checks -------------------------------------------------------------------------------------
def check_inputs(chosen: DifferentiableArgs, holomorphic: bool, allow_int: bool,
                 real: bool = False) -> None:
    """Raise TypeError for arguments whose dtype has no such derivative.

    Real functions of complex arguments have gradients, but (`real`) no forward Jacobian.
    """
    for i, x in enumerate(chosen.leaves):
        aval = x.aval
        inexact = is_inexact(aval)
        is_complex = dtypes.issubdtype(aval.dtype, np.complexfloating)
        if holomorphic and not is_complex:
            rule = "with holomorphic=True, arguments must be complex"
            remedy = "convert it, or leave holomorphic out"
        elif real and is_complex and not holomorphic:
            rule = "arguments must be real"
            remedy = ("pass holomorphic=True if the function is, else use jacrev or vjp, or take"
                      " derivatives by real and imaginary parts")
        elif not inexact and not allow_int:
            rule = "arguments must be of floating dtype"
            remedy = "convert it, e.g. 1.0 for 1, or choose others by argnums, or allow_int=True"
        else:
            continue
        raise TypeError(f"{chosen.transform}: {rule}, got {aval} for {chosen.name(i)} of"
                        f" {function_name(chosen.fun)}; {remedy}")


class _Text(str):
    """A text that stands in containers without quotes."""

    __repr__ = str.__str__


def check_scalar(chosen: DifferentiableArgs, outs: Sequence[Any], holomorphic: bool) -> None:
    """Raise TypeError unless the result is one number of the right dtype."""
    name, title = function_name(chosen.fun), chosen.transform
    if chosen.out_tree.num_leaves != 1 or chosen.out_tree.num_nodes != 1:
        types = [_Text(typeof(o)) for o in outs[: chosen.out_tree.num_leaves]]
        got = f"{tree_unflatten(chosen.out_tree, types)!r:.160}"
        remedy = "return auxiliary data with has_aux=True, or use jacrev or vjp" if types else (
            "it has no `return`, or returns no array")
        raise TypeError(f"{title}: {name} must return a scalar, got {got}; {remedy}")
    aval = typeof(outs[0])
    if aval.shape:
        raise TypeError(f"{title}: {name} must return a scalar, got {aval}; reduce it, e.g. by"
                        " sum, or use jacrev or vjp")
    check_output_dtype(title, name, aval, holomorphic)


def check_output_dtype(title: str, name: str, aval: ShapedArray, holomorphic: bool) -> None:
    """Raise TypeError unless the result is real, or complex if holomorphic."""
    is_complex = dtypes.issubdtype(aval.dtype, np.complexfloating)
    if holomorphic and not is_complex:
        raise TypeError(f"{title}: with holomorphic=True {name} must return complex numbers, got"
                        f" {aval}; convert the result, or leave holomorphic out")
    if not holomorphic and is_complex:
        raise TypeError(f"{title}: {name} must return real numbers, got {aval}; pass"
                        " holomorphic=True if it is holomorphic, else take real or imaginary part")
    if not is_inexact(aval):
        raise TypeError(f"{title}: {name} must return a floating dtype, got {aval}; integers and"
                        " booleans have no derivatives")


def linearized(chosen: DifferentiableArgs) -> tuple[list[Any], LinearSpec, list[Any]]:
    """Results, and the linear program of the derivative with its residuals."""
    with leaks_checked(chosen.transform, chosen.fun):
        outs, linear = split(chosen, chosen.leaves)
    n = chosen.out_tree.num_leaves
    results = outs[:n]
    jaxpr = linear.jaxpr
    if any(linear.has[n:]):  # auxiliary results need no tangents
        jaxpr = jaxpr.replace(outvars=jaxpr.outvars[: sum(linear.has[:n])])
    shape = LinearSpec(constants_to_arguments(jaxpr), tuple(linear.has[:n]),
                       tuple(x.aval for x in chosen.leaves), tuple(typeof(o) for o in results),
                       chosen.in_tree, chosen.out_tree, function_name(chosen.fun))
    return outs, shape, jaxpr.consts


# ---- grad ---------------------------------------------------------------------------------------
def _value_and_grad(transform: str, fun: Callable[..., Any], argnums: Any, has_aux: bool,
                    holomorphic: bool, allow_int: bool, args: Any, kwargs: Any) -> Any:
    chosen = DifferentiableArgs(transform, fun, argnums, has_aux, args, kwargs)
    check_inputs(chosen, holomorphic, allow_int)
    outs, shape, residuals = linearized(chosen)
    check_scalar(chosen, outs, holomorphic)
    cts = Pullback(shape, residuals).flat([full_like(outs[0], 1)])
    return *chosen.results(outs), tree_unflatten(chosen.in_tree, cts)


def value_and_grad(fun: Callable[..., Any], argnums: int | Sequence[int] = 0,
                   has_aux: bool = False, holomorphic: bool = False, allow_int: bool = False,
                   reduce_axes: Sequence[Any] = ()) -> Callable[..., Any]:
    """Make a function that returns the value of `fun` and its gradient, in reverse.

    fun: arrays or pytrees -> a floating scalar, or (scalar, auxiliary data) with has_aux. argnums:
    which positional arguments to differentiate; a sequence gives a tuple of gradients. holomorphic:
    whether arguments and result are complex. allow_int: whether integer arguments are allowed, with
    gradients of dtype float0. reduce_axes: without effect. -> a function of the same arguments that
    returns (value, gradient), the gradient in the types of the arguments. It raises TypeError for
    integer or complex arguments unless they are allowed, and for results that are no scalars.

    >>> ingot.value_and_grad(lambda x: x * x)(3.0)
    (Array(9., dtype=float64, weak_type=True), Array(6., dtype=float64, weak_type=True))
    """
    check_callable("value_and_grad", fun)

    @wraps(fun)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        value, aux, gradient = _value_and_grad("value_and_grad", fun, argnums, has_aux,
                                               holomorphic, allow_int, args, kwargs)
        return ((value, aux), gradient) if has_aux else (value, gradient)

    return api_boundary(differentiated)


def grad(fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
         holomorphic: bool = False, allow_int: bool = False, reduce_axes: Sequence[Any] = ()
         ) -> Callable[..., Any]:
    """Make a function that returns the gradient of `fun`, in reverse.

    fun, argnums, has_aux, holomorphic, allow_int, reduce_axes, errors: those of `value_and_grad` ->
    a function of the same arguments that returns the gradient, with has_aux (gradient, auxiliary
    data).

    >>> ingot.grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (Array(3., dtype=float64, weak_type=True), Array(2., dtype=float64, weak_type=True))
    """
    check_callable("grad", fun)

    @wraps(fun)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        _, aux, gradient = _value_and_grad("grad", fun, argnums, has_aux, holomorphic, allow_int,
                                           args, kwargs)
        return (gradient, aux) if has_aux else gradient

    return api_boundary(differentiated)


# ---- jvp ----------------------------------------------------------------------------------------
@api_boundary
def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any],
        has_aux: bool = False) -> tuple[Any, ...]:
    """Value and directional derivative of a function at `primals` along `tangents`.

    fun: arrays or pytrees -> the same, or (result, auxiliary data) with has_aux. primals, tangents:
    tuples with an entry for each argument; tangents have the primals' types (float0 for integers);
    Python numbers stay numbers. -> (result, tangent), and auxiliary data with has_aux. Raises
    TypeError or ValueError if they do not fit.

    >>> ingot.jvp(lambda x: x * x, (3.0,), (1.0,))
    (Array(9., dtype=float64, weak_type=True), Array(6., dtype=float64, weak_type=True))
    """
    check_callable("jvp", fun)
    for name, x in (("primals", primals), ("tangents", tangents)):
        if not isinstance(x, (tuple, list)):
            raise TypeError(f"jvp: {name} must be a tuple with an entry for each argument, got"
                            f" {type(x).__name__}; write ({name[:-1]},)")
    chosen = _all_arguments("jvp", fun, has_aux, tuple(primals), numbers=True)
    avals = [typeof(x) for x in chosen.leaves]
    ts = match_tangents("jvp", tuple(tangents), chosen.in_tree, avals, "tangent", "primal",
                        numbers=True)
    with leaks_checked("jvp", fun):
        outs, out_ts = push(chosen, chosen.leaves, ts)
    n = chosen.out_tree.num_leaves
    full = [zero_tangent(typeof(o)) if t is None else t
            for o, t in zip(outs[:n], out_ts[:n], strict=True)]
    value, aux = chosen.results(outs)
    tangent = tree_unflatten(chosen.out_tree, full)
    return (value, tangent, aux) if has_aux else (value, tangent)


class _NoArguments(DifferentiableArgs):
    """A function without arguments to differentiate."""

    def __init__(self, transform: str, fun: Callable[..., Any], has_aux: bool):
        self.transform, self.fun, self.has_aux = transform, fun, has_aux
        self.args, self.kwargs, self.nums, self.several = (), {}, [], True
        self.leaves, self.in_tree = tree_flatten(())


def _all_arguments(transform: str, fun: Callable[..., Any], has_aux: bool, primals: Any,
                   numbers: bool = False) -> DifferentiableArgs:
    if not primals:
        return _NoArguments(transform, fun, has_aux)
    return DifferentiableArgs(transform, fun, tuple(range(len(primals))), has_aux, primals, {},
                              numbers)


# ---- vjp and linearize --------------------------------------------------------------------------
@api_boundary
def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False,
        reduce_axes: Sequence[Any] = ()) -> tuple[Any, ...]:
    """Value of a function, and the function from cotangents of its result to those of arguments.

    fun: arrays or pytrees -> the same, or (result, auxiliary data) with has_aux. primals: its
    arguments. reduce_axes: without effect. -> (result, pullback), and auxiliary data with has_aux.
    The pullback takes a cotangent of the result's structure and types, and returns a tuple; it is a
    pytree. Raises TypeError or ValueError if the cotangent does not fit.

    >>> ingot.vjp(lambda x: x * x, 3.0)[1](1.0)
    (Array(6., dtype=float64, weak_type=True),)
    """
    check_callable("vjp", fun)
    chosen = _all_arguments("vjp", fun, has_aux, primals)
    outs, shape, residuals = linearized(chosen)
    value, aux = chosen.results(outs)
    pullback = Pullback(shape, residuals)
    return (value, pullback, aux) if has_aux else (value, pullback)


@api_boundary
def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Value of a function, and its derivative there as a linear function of tangents.

    fun: arrays or pytrees -> the same, or (result, auxiliary data) with has_aux. primals: its
    arguments. -> (result, pushforward), and auxiliary data with has_aux; pushforward(*tangents) ->
    a tangent of the result. What does not depend on the tangents is computed once.

    >>> ingot.linearize(lambda x: x * x, 3.0)[1](1.0)
    Array(6., dtype=float64, weak_type=True)
    """
    check_callable("linearize", fun)
    chosen = _all_arguments("linearize", fun, has_aux, primals)
    outs, shape, residuals = linearized(chosen)
    value, aux = chosen.results(outs)
    pushforward = Pushforward(shape, residuals)
    return (value, pushforward, aux) if has_aux else (value, pushforward)


def fwd_and_bwd(fun: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool = False,
                jitted: bool = True) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Split reverse differentiation into two functions.

    fun: arrays or pytrees -> the same, or (result, auxiliary data) with has_aux. argnums: which
    positional arguments to differentiate. jitted: whether both functions are compiled. -> (forward,
    backward): forward(*args) -> (result, residuals), and auxiliary data with has_aux;
    backward(residuals, cotangent) -> cotangents of the arguments that argnums names.

    >>> forward, backward = ingot.fwd_and_bwd(lambda x: x * x, 0, jitted=False)
    >>> backward(forward(3.0)[1], 1.0)
    Array(6., dtype=float64, weak_type=True)
    """
    check_callable("fwd_and_bwd", fun)

    def forward(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        chosen = DifferentiableArgs("fwd_and_bwd", fun, argnums, has_aux, args, kwargs)
        outs, shape, residuals = linearized(chosen)
        value, aux = chosen.results(outs)
        pullback = Pullback(shape, residuals)
        return (value, pullback, aux) if has_aux else (value, pullback)

    def backward(residuals: Pullback, cotangent: Any) -> Any:
        return residuals(cotangent)

    if jitted:
        return jit(forward), jit(backward)
    return api_boundary(forward), api_boundary(backward)


@api_boundary
def linear_transpose(fun: Callable[..., Any], *primals: Any, reduce_axes: Sequence[Any] = ()
                     ) -> Callable[[Any], tuple[Any, ...]]:
    """Transpose a function that is linear, from the types of its arguments alone.

    fun: arrays or pytrees -> the same, linear. primals: arrays or ShapeDtypeStructs, one an
    argument. reduce_axes: without effect. -> a function from a cotangent of the result to a tuple
    of cotangents of the arguments. Raises TypeError for dtypes without derivatives.

    >>> ingot.linear_transpose(lambda x: 2.0 * x, 1.0)(3.0)
    (Array(6., dtype=float64, weak_type=True),)
    """
    check_callable("linear_transpose", fun)
    leaves, in_tree = tree_flatten(primals)
    avals = tuple(abstractify(x) for x in leaves)
    out_trees: list[PyTreeDef] = []

    def flat(*xs: Any) -> list[Any]:
        outs, tree = flatten_result("linear_transpose", fun,
                                    called("linear_transpose", fun, tree_unflatten(in_tree, xs)))
        out_trees.append(tree)
        return outs

    jaxpr = stage(flat, avals, function_name(fun))
    for aval in (*avals, *jaxpr.out_avals):
        if not is_inexact(aval):
            raise TypeError("linear_transpose: arguments and results must be of floating or complex"
                            f" dtype, got {aval}; convert it")
    inlined = constants_to_arguments(jaxpr)
    shape = LinearSpec(inlined, (True,) * len(jaxpr.outvars), avals, tuple(jaxpr.out_avals),
                       in_tree,
                       out_trees[0], function_name(fun))
    return Pullback(shape, jaxpr.consts)
