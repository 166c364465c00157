"""Pullback and Pushforward: the pytree callables that vjp and linearize return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.gradient_places import put_gradients
from ingot.control.tracing import tree_differences
from ingot.core.avals import ShapedArray, is_inexact
from ingot.core.interpreter import is_number, to_array, typeof
from ingot.core.jaxpr import Jaxpr, eval_jaxpr
from ingot.core.primitive import UndefinedPrimal
from ingot.core.symbolic import is_symbolic
from ingot.core.tracebacks import api_boundary
from ingot.errors import ShapeError
from ingot.primitives.movement import zeros
from ingot.transforms.transpose import transpose
from ingot.tree import (
    PyTreeDef,
    keystr,
    register_pytree_node,
    tree_flatten,
    tree_flatten_with_path,
    tree_unflatten,
)


def zero_tangent(aval: ShapedArray) -> Any:
    """Zeros of the tangent type; a NumPy array of float0 for types without derivatives."""
    if is_inexact(aval):
        return zeros(aval)
    return zeros(aval) if any(map(is_symbolic, aval.shape)) else np.zeros(
        aval.shape, dtypes.float0)


@dataclass(frozen=True, eq=False)
class LinearSpec:
    """What is static about a linear program at a point: `jaxpr` takes residuals first, then the
    tangents of arguments with derivatives, and returns those of results for which `has` holds."""

    jaxpr: Jaxpr
    has: tuple[bool, ...]
    in_avals: tuple[ShapedArray, ...]
    out_avals: tuple[ShapedArray, ...]
    in_tree: PyTreeDef
    out_tree: PyTreeDef
    name: str


class _LinearFunction:
    """A linear function that can leave jit: a pytree whose leaves are the residuals."""

    def __init__(self, shape: LinearSpec, residuals: Sequence[Any]):
        self.shape, self.residuals = shape, list(residuals)

    def __repr__(self) -> str:
        kind = type(self).__name__.lower()
        return f"<{kind} of {self.shape.name} with {len(self.residuals)} residuals>"


class Pushforward(_LinearFunction):
    """Tangents of arguments -> tangents of results; what `linearize` returns."""

    @api_boundary
    def __call__(self, *tangents: Any) -> Any:
        """Tangents, in the structure of the arguments, to tangents of the result."""
        s = self.shape
        leaves = match_tangents(f"the linear function of {s.name}", tangents, s.in_tree, s.in_avals,
                                "tangent", "argument")
        for x, aval in zip(leaves, s.in_avals, strict=True):
            check_parts(f"the linear function of {s.name}: tangent", x, aval.mat, "argument"
                        " of linearize")
        given = [t for t, a in zip(leaves, s.in_avals, strict=True) if is_inexact(a)]
        outs = iter(eval_jaxpr(s.jaxpr, (), *self.residuals, *given))
        full = [next(outs) if h else zero_tangent(a)
                for h, a in zip(s.has, s.out_avals, strict=True)]
        return tree_unflatten(s.out_tree, full)


class Pullback(_LinearFunction):
    """Cotangents of results -> cotangents of arguments; what `vjp` returns."""

    @api_boundary
    def __call__(self, *cotangents: Any) -> Any:
        """A cotangent, in the structure of the result, to a tuple of cotangents of arguments."""
        s = self.shape
        if len(cotangents) != 1:
            raise TypeError(f"the vjp function of {s.name} takes one argument, a cotangent in the"
                            f" structure of the result, got {len(cotangents)}; of several results"
                            " give a tuple, as they were returned")
        cotangent, = cotangents
        cts = match_tangents(f"the vjp function of {s.name}", cotangent, s.out_tree, s.out_avals,
                             "cotangent", "result")
        for x, aval in zip(cts, s.out_avals, strict=True):
            check_parts(f"the vjp function of {s.name}: cotangent", x, aval.mat.to_ct_mat(),
                        "result of the function")
        return tree_unflatten(s.in_tree, self.flat(cts))

    def with_refs(self, *places: Any) -> Callable[[Any], tuple[Any, ...]]:
        """The same, where cotangents of arguments are added to references.

        places: for each argument a reference, or a tree of them; GradValue() to return the
        cotangent, DontWant() to leave it out -> a function of the cotangent of the result.
        """
        return lambda cotangent: put_gradients(self(cotangent), places)

    def flat(self, cts: Sequence[Any]) -> list[Any]:
        """The same on flat lists; None stands for an absent cotangent."""
        s = self.shape
        found = self.sparse(cts)
        return [zero_tangent(a.to_ct_aval()) if ct is None else ct
                for ct, a in zip(found, s.in_avals, strict=True)]

    def sparse(self, cts: Sequence[Any]) -> list[Any]:
        """As `flat`, but None where the cotangent is zero."""
        s = self.shape
        given = [ct for ct, h in zip(cts, s.has, strict=True) if h]
        n = len(self.residuals)
        args = [*self.residuals, *(UndefinedPrimal(v.aval) for v in s.jaxpr.invars[n:])]
        found = iter(transpose(s.jaxpr, (), args, given)[n:])
        return [next(found) if is_inexact(a) else None for a in s.in_avals]


for _cls in (Pushforward, Pullback):
    register_pytree_node(_cls, lambda f: (tuple(f.residuals), f.shape),
                         lambda shape, residuals, _cls=_cls: _cls(shape, residuals))


def check_parts(title: str, x: Any, expected: Any, of: str) -> None:
    """Raise ValueError for a value that varies over other axes inside shard_map than expected of
    its type: derivatives of parts would be those of something else."""
    found = None if x is None else typeof(x).mat
    if found is None or found == expected:
        return
    missing = tuple(sorted(found.varying - expected.varying, key=str))
    other = tuple(sorted(expected.varying - found.varying, key=str))
    remedy = (f"This might be fixed by applying `jax.lax.pcast(..., {missing or other},"
              f" to='varying')` to the {'primal' if missing else 'tangent or cotangent'} value"
              f" passed, or lax.psum over {missing or other}")
    raise ValueError(f"{title} values inconsistent with the original primal values, the {of}: got"
                     f" {typeof(x)}, expected one that varies over"
                     f" {sorted(expected.varying, key=str)}. {remedy}")


def match_tangents(title: str, tree: Any, treedef: PyTreeDef, avals: Sequence[ShapedArray],
                   kind: str, of: str, numbers: bool = False) -> list[Any]:
    """Leaves of a tree of tangents; None for float0. Raises if structure or types do not fit.

    With `numbers`, Python numbers stay what they are.
    """
    leaves, got = tree_flatten(tree)
    if got != treedef:
        raise ShapeError(f"{title}: the {kind} must have the structure of the {of}; it differs\n"
                         + tree_differences(treedef, got, kind))
    out: list[Any] = []
    for i, (x, aval) in enumerate(zip(leaves, avals, strict=True)):
        want = aval.to_tangent_aval()
        if want.dtype == dtypes.float0 and getattr(x, "dtype", None) == dtypes.float0:
            out.append(None)
            continue
        got_aval = typeof(x)
        if want.dtype == dtypes.float0 and kind == "cotangent" and got_aval.shape == want.shape:
            out.append(None)  # nothing depends on it, so that JAX takes any, the result itself too
            continue
        if not got_aval.same_type(want):
            path = tree_flatten_with_path(tree)[0][i][0]
            remedy = ("use np.zeros(shape, ingot.dtypes.float0), as integers have no derivatives"
                      if want.dtype == dtypes.float0 else "convert or reshape it")
            raise ShapeError(f"{title}: the {kind} of {of}{keystr(path)}, which is {aval}, must be"
                            f" {want}, got {got_aval}; {remedy}")
        out.append(x if numbers and is_number(x) else to_array(x))
    return out
