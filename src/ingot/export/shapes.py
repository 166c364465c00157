"""Types of an exported program's arguments and results, checked against those of a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot import dtypes
from ingot.api.shapes import ShapeDtypeStruct, abstractify
from ingot.core.avals import ShapedArray
from ingot.core.symbolic import evaluate, is_symbolic
from ingot.core.symbolic_parse import SymbolicScope, symbolic_shape
from ingot.export.paths import argument_paths, path_name
from ingot.export.solving import Solution, solve
from ingot.tree import (
    broadcast_prefix,
    tree_flatten,
    tree_flatten_with_path,
    tree_unflatten,
)


def parse_shape(texts: Sequence[str], scope: SymbolicScope) -> tuple[Any, ...]:
    """Return a shape from the texts of its lengths. Raises ValueError for what is none."""
    return symbolic_shape(",".join(texts), scope=scope)


def is_symbolic_dim(d: Any) -> bool:
    """Return whether a length is symbolic.

    >>> export.is_symbolic_dim(export.symbolic_shape("b")[0]), export.is_symbolic_dim(3)
    (True, False)
    """
    return is_symbolic(d)


def symbolic_dim_bounds(d: Any) -> tuple[float, float]:
    """Return the least and the largest value that a length may have.

    >>> export.symbolic_dim_bounds(export.symbolic_shape("b + 2")[0])
    (3, inf)
    """
    return d.scope.bounds(d) if is_symbolic(d) else (int(d), int(d))


def symbolic_args_specs(args: Any, shapes_specs: Any, constraints: Sequence[str] = (),
                        scope: SymbolicScope | None = None) -> Any:
    """Make ShapeDtypeStructs with symbolic shapes for the arguments of a function.

    args: arrays or pytrees of them, which say dtypes and what placeholders stand for. shapes_specs:
    the text of a shape, as for `symbolic_shape`, or a prefix of `args` with them. constraints,
    scope: as there -> the structure of `args`. Raises ValueError where texts do not fit.

    >>> export.symbolic_args_specs([np.ones((2, 3))], "b, _")
    [ShapeDtypeStruct(shape=(b, 3), dtype=float64)]
    """
    leaves, tree = tree_flatten(args)
    given = tuple(shapes_specs) if isinstance(shapes_specs, list) and isinstance(args, tuple) else (
        shapes_specs)
    specs = broadcast_prefix(given, args, is_leaf=lambda x: x is None)
    if scope is not None and constraints:
        raise ValueError("Cannot use both `scope` and `constraints`")
    scope = SymbolicScope(constraints) if scope is None else scope
    avals = [abstractify(x) for x in leaves]
    return tree_unflatten(tree, [
        ShapeDtypeStruct(symbolic_shape(spec, like=a.shape, scope=scope), a.dtype)
        for spec, a in zip(specs, avals, strict=True)])


def check_scopes(fun_name: str, args: Any, kwargs: Any) -> None:
    """Raise ValueError if shapes of arguments are of different scopes."""
    first: tuple[Any, str] | None = None
    for path, leaf in tree_flatten_with_path((args, kwargs))[0]:
        name = path_name(path)
        for n in filter(is_symbolic, getattr(leaf, "shape", ())):
            first = first or (n.scope, name)
            if n.scope is not first[0]:
                raise ValueError(
                    f"Invalid mixing of symbolic scopes when exporting {fun_name}. Expected current"
                    f" (from {first[1]}) scope {first[0]}\nand found for '{n}' ({name}) scope"
                    f" {n.scope}; make all shapes with one: symbolic_shape(..., scope=scope)")


def _solution(exported: Any) -> Solution:
    if "solution" not in exported._memo:
        exported._memo["solution"] = solve(exported.in_avals, argument_paths(exported.in_tree))
    return exported._memo["solution"]


def refine_types(exported: Any, avals: Sequence[ShapedArray]) -> list[ShapedArray]:
    """Return the types of the results for arguments of certain types.

    Raises ValueError for arguments of another rank, dtype or length than it was exported for.
    """
    names = argument_paths(exported.in_tree)
    for name, want, got in zip(names, exported.in_avals, avals, strict=True):
        if want.ndim != got.ndim:
            raise ValueError(f"Rank mismatch for {name}: expected {want.shape} and called with"
                             f" {got.shape}")
        if want.dtype != got.dtype:
            raise ValueError(
                f"Dtype mismatch for {name}: expected {dtypes.short_name(want.dtype)} and called"
                f" with {dtypes.short_name(got.dtype)}; convert it first")
        for k, (n, m) in enumerate(zip(want.shape, got.shape, strict=True)):
            if not is_symbolic(n) and (is_symbolic(m) or n != m):
                raise ValueError(f"Shape mismatch for {name}.shape[{k}] (expected same constant):"
                                 f" expected {want.shape} and called with {got.shape}")
    solution = _solution(exported)
    lengths = {name: avals[i].shape[k] for name, i, k in solution.lengths}
    for condition in solution.conditions:
        condition.check(lengths)
    values = {v: evaluate(x, lengths) for v, x in solution.variables.items()}
    return [a.update(shape=tuple(evaluate(n, values) for n in a.shape), sharding=a._sharding)
            for a in exported.out_avals]


__all__ = ["check_scopes", "is_symbolic_dim", "parse_shape", "refine_types", "symbolic_args_specs",
           "symbolic_dim_bounds"]
