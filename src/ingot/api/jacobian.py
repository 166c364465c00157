"""Jacobians and Hessians: one row or column for each element of a basis, all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.api.arguments import check_callable, function_name
from ingot.api.grad import (
    DifferentiableArgs,
    check_inputs,
    check_output_dtype,
    linearized,
)
from ingot.api.linear import Pullback, zero_tangent
from ingot.core.array import Array
from ingot.core.avals import ShapedArray, is_inexact
from ingot.core.axis_env import Axis
from ingot.core.interpreter import typeof
from ingot.core.tracebacks import api_boundary
from ingot.primitives.dynamic_slice import slice_in_dim
from ingot.primitives.movement import reshape, zeros
from ingot.transforms.batch import batch, matchaxis
from ingot.transforms.jvp import jvp
from ingot.tree import tree_unflatten
from ingot.util import renamed, wraps


def _basis(avals: Sequence[ShapedArray]) -> list[Any]:
    """For each type, an array of its elements one at a time along a new first axis, as long as all
    types have elements together."""
    total, start, out = sum(a.size for a in avals), 0, []
    for aval in avals:
        block = np.zeros((total, aval.size), aval.dtype)
        block[range(start, start + aval.size), range(aval.size)] = 1
        shape = (total, *aval.shape)
        out.append(Array(block.reshape(shape), aval.update(shape=shape)))
        start += aval.size
    return out


def _blocks(x: Any, avals: Sequence[ShapedArray], dim: int) -> list[Any]:
    """Split an axis along which all elements of the types follow each other into their shapes."""
    shape, start, out = typeof(x).shape, 0, []
    for aval in avals:
        part = x if len(avals) == 1 else slice_in_dim(x, start, start + aval.size, axis=dim)
        out.append(reshape(part, (*shape[:dim], *aval.shape, *shape[dim + 1:])))
        start += aval.size
    return out


def jacfwd(fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
           holomorphic: bool = False) -> Callable[..., Any]:
    """Make a function that returns the Jacobian of `fun`, by forward differentiation.

    fun, argnums, has_aux, holomorphic: those of `value_and_grad`, but `fun` may return any arrays.
    -> a function of the same arguments whose result has the structure of fun's result, with that of
    the arguments inside; shapes are shape_out + shape_in. Best for few inputs and many outputs. It
    raises TypeError as `grad` does.

    >>> ingot.jacfwd(lambda x: x * x)(np.array([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float64)
    """
    check_callable("jacfwd", fun)

    @wraps(fun)
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        chosen = DifferentiableArgs("jacfwd", fun, argnums, has_aux, args, kwargs)
        check_inputs(chosen, holomorphic, allow_int=False, real=True)
        avals = [x.aval for x in chosen.leaves]
        total = sum(a.size for a in avals)
        outs, dims = batch(lambda *ts: _push(chosen, ts), Axis(None, total), _basis(avals),
                           [0] * len(avals))
        n = chosen.out_tree.num_leaves
        primals, outs, dims = outs[: len(outs) - n], outs[len(outs) - n:], dims[len(dims) - n:]
        for x in primals[:n] if holomorphic else ():
            check_output_dtype("jacfwd", function_name(fun), typeof(x), holomorphic)
        rows = [_blocks(matchaxis(t, d, typeof(x).ndim, total), avals, typeof(x).ndim)
                for t, d, x in zip(outs, dims, primals, strict=False)]
        jacobian = _assemble(rows, chosen)
        return (jacobian, chosen.results(primals)[1]) if has_aux else jacobian

    return api_boundary(jacobian_of)


def _push(chosen: DifferentiableArgs, tangents: Sequence[Any]) -> list[Any]:
    """Results of a function, then their tangents."""
    outs, ts = jvp(chosen, chosen.leaves, tangents)
    n = chosen.out_tree.num_leaves
    return [*outs, *(zeros(typeof(o)) if t is None else t
                     for o, t in zip(outs[:n], ts[:n], strict=True))]


def _assemble(rows: Sequence[Sequence[Any]], chosen: DifferentiableArgs) -> Any:
    """A tree of results that holds trees of arguments."""
    return tree_unflatten(chosen.out_tree, [tree_unflatten(chosen.in_tree, r) for r in rows])


def jacrev(fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
           holomorphic: bool = False, allow_int: bool = False) -> Callable[..., Any]:
    """Make a function that returns the Jacobian of `fun`, by reverse differentiation.

    fun, argnums, has_aux, holomorphic, allow_int: those of `value_and_grad`, but `fun` may return
    any arrays -> a function as that of `jacfwd`. Best for many inputs and few outputs.

    >>> ingot.jacrev(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (Array(3., dtype=float64, weak_type=True), Array(2., dtype=float64, weak_type=True))
    """
    check_callable("jacrev", fun)

    @wraps(fun)
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        chosen = DifferentiableArgs("jacrev", fun, argnums, has_aux, args, kwargs)
        check_inputs(chosen, holomorphic, allow_int)
        outs, shape, residuals = linearized(chosen)
        for aval in shape.out_avals:
            check_output_dtype("jacrev", function_name(fun), aval, holomorphic)
        total = sum(a.size for a in shape.out_avals)
        found, dims = batch(lambda *cts: Pullback(shape, residuals).flat(cts), Axis(None, total),
                            _basis(shape.out_avals), [0] * len(shape.out_avals))
        columns = [_column(x, d, aval, shape.out_avals, total)
                   for x, d, aval in zip(found, dims, shape.in_avals, strict=True)]
        rows = [[column[i] for column in columns] for i in range(len(shape.out_avals))]
        jacobian = _assemble(rows, chosen)
        return (jacobian, chosen.results(outs)[1]) if has_aux else jacobian

    return api_boundary(jacobian_of)


def _column(ct: Any, dim: int | None, aval: ShapedArray, out_avals: Sequence[ShapedArray],
            total: int) -> list[Any]:
    """Derivatives of all results with respect to one argument, float0 for integers."""
    if not is_inexact(aval):
        return [zero_tangent(aval.update(shape=(*out.shape, *aval.shape))) for out in out_avals]
    return _blocks(matchaxis(ct, dim, 0, total), out_avals, 0)


jacobian = renamed(jacrev, "jacobian")


def hessian(fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
            holomorphic: bool = False) -> Callable[..., Any]:
    """Make a function that returns the second derivatives of `fun`: forward over reverse.

    fun, argnums, has_aux, holomorphic: those of `value_and_grad`, but `fun` may return any arrays
    -> a function as `jacfwd` of `jacrev`: shapes are shape_out + shape_in + shape_in.

    >>> ingot.hessian(lambda x: x * x * x)(2.0)
    Array(12., dtype=float64, weak_type=True)
    """
    first = jacrev(fun, argnums, has_aux=has_aux, holomorphic=holomorphic)
    return jacfwd(first, argnums, has_aux=has_aux, holomorphic=holomorphic)
