"""Derivatives of solutions by the implicit function theorem: custom_linear_solve, custom_root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ingot.control.custom_jvp import custom_jvp
from ingot.control.program_primitive import Equation, ProgramPrimitive, closes_over_traced
from ingot.control.tracing import (
    TracedFunction,
    axes_of_programs,
    check_callable,
    evaluate,
    flatten_arrays,
    function_name,
    leaf_paths,
    trace,
    tree_differences,
    type_differences,
)
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis
from ingot.core.interpreter import to_array, typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import is_linear
from ingot.errors import UndefinedRuleError
from ingot.primitives.arithmetic import neg
from ingot.primitives.casts import varied
from ingot.primitives.movement import zeros
from ingot.transforms.batch import batch_jaxpr, matchaxis
from ingot.transforms.jvp import add_tangents, instantiate, jvp
from ingot.transforms.linearize import linearize
from ingot.transforms.stage import hoist_traced_constants
from ingot.transforms.transpose import transpose_jaxpr
from ingot.tree import PyTreeDef, tree_flatten, tree_structure, tree_unflatten, treedef_tuple
from ingot.util import split_list


class Parts(NamedTuple):
    """One thing for each of the functions of a linear solve."""

    matvec: Any
    vecmat: Any
    solve: Any
    transpose_solve: Any


# ---- custom_linear_solve_p ----------------------------------------------------------------------
# Operands: constants of each function, then b. The results of `solve` are x and auxiliary ones.
def _split(args: Sequence[Any], const_lengths: Parts) -> tuple[Parts, list[Any]]:
    *consts, b = split_list(args, const_lengths)
    return Parts(*consts), b


def _type(*avals: ShapedArray, jaxprs: Parts, **params: Any) -> list[ShapedArray]:
    return jaxprs.solve.out_avals


def _eval(*args: Any, const_lengths: Parts, jaxprs: Parts) -> list[Any]:
    consts, b = _split(args, const_lengths)
    return evaluate(jaxprs.solve, *consts.solve, *b)


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, const_lengths: Parts, jaxprs: Parts
         ) -> Any:
    """A x = b gives A dx = db - dA x."""
    kwargs = {"const_lengths": const_lengths, "jaxprs": jaxprs}
    outs = linear_solve_p.bind(*primals, **kwargs)
    consts, b = _split(primals, const_lengths)
    const_ts, b_ts = _split(tangents, const_lengths)
    x = outs[: len(b)]
    right = list(b_ts)
    if any(t is not None for t in const_ts.matvec):
        _, moved = jvp(lambda *args: evaluate(jaxprs.matvec, *args),
                       [*consts.matvec, *x], [*const_ts.matvec, *[None] * len(x)])
        right = [add_tangents(t, None if m is None else neg(m))
                 for t, m in zip(right, moved, strict=True)]
    if all(t is None for t in right):
        return outs, [None] * len(outs)
    right = [instantiate(t, v) for t, v in zip(right, b, strict=True)]
    flat_consts = [c for group in consts for c in group]
    found = linear_solve_p.bind(*flat_consts, *right, **kwargs)
    return outs, [*found[: len(b)], *[None] * (len(outs) - len(b))]


def _transpose(cts: Sequence[Any], *args: Any, const_lengths: Parts, jaxprs: Parts) -> list[Any]:
    """The transposed system, solved by the transposed solver."""
    if jaxprs.transpose_solve is None:
        raise UndefinedRuleError("custom_linear_solve: reverse mode needs transpose_solve (or"
                                 " symmetric=True)")
    consts, b = _split(args, const_lengths)
    num_consts = sum(const_lengths)
    if any(map(is_linear, args[:num_consts])):
        raise UndefinedRuleError("custom_linear_solve: it is linear in b alone")
    ct = [zeros(v.aval if is_linear(v) else typeof(v)) if c is None else c
          for c, v in zip(cts, b, strict=False)]
    back = Parts(jaxprs.vecmat, jaxprs.matvec, jaxprs.transpose_solve, jaxprs.solve)
    swapped = Parts(consts.vecmat, consts.matvec, consts.transpose_solve, consts.solve)
    outs = linear_solve_p.bind(*(c for group in swapped for c in group), *ct, jaxprs=back,
                               const_lengths=Parts(*map(len, swapped)))
    return [None] * num_consts + [
        c if is_linear(v) else None for c, v in zip(outs, b, strict=False)]


def _batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, const_lengths: Parts,
           jaxprs: Parts) -> Any:
    placed = [matchaxis(x, d, None if d is None else 0, axis)
              for x, d in zip(args, dims, strict=True)]
    consts, b = _split([None if d is None else 0 for d in dims], const_lengths)
    n = len(b)

    def mapped(name: str, x_dims: Sequence[Any]) -> tuple[Jaxpr, list[Any]]:
        jaxpr = getattr(jaxprs, name)
        num_aux = len(jaxpr.outvars) - n
        force = [d is not None for d in x_dims] + [False] * num_aux
        return batch_jaxpr(jaxpr, axis, [*getattr(consts, name), *x_dims], force)

    now = b
    while True:  # b gets the axis wherever some function gives it to x
        found = [mapped(name, now)[1][:n] for name in Parts._fields
                 if getattr(jaxprs, name) is not None]
        after = [0 if any(f[i] is not None for f in found) else None for i in range(n)]
        if after == now:
            break
        now = after
    programs = Parts(*(None if getattr(jaxprs, name) is None else mapped(name, now)[0]
                       for name in Parts._fields))
    first = sum(const_lengths)
    placed[first:] = [matchaxis(x, d, w, axis) for x, d, w in
                      zip(args[first:], dims[first:], now, strict=True)]
    outs = linear_solve_p.bind(*placed, const_lengths=const_lengths, jaxprs=programs)
    return outs, [*now, *mapped("solve", now)[1][n:]]


def _kernel(build: Any, *args: Any, out: Any, const_lengths: Parts, jaxprs: Parts) -> Any:
    consts, b = _split(args, const_lengths)
    return build.inline(jaxprs.solve, [*consts.solve, *b])


def _close(args: Sequence[Any], params: dict[str, Any]) -> Equation:
    programs = params["jaxprs"]
    if not closes_over_traced(p for p in programs if p is not None):
        return args, params
    consts, b = _split(args, params["const_lengths"])
    closed = [(None, []) if p is None else hoist_traced_constants(p) for p in programs]
    given = [[*traced, *own] for (_, traced), own in zip(closed, consts, strict=True)]
    return [*(c for group in given for c in group), *b], {
        "const_lengths": Parts(*map(len, given)), "jaxprs": Parts(*(p for p, _ in closed))}


linear_solve_p = ProgramPrimitive(
    "custom_linear_solve", close=_close, type=_type, eval=_eval,
    jvp=_jvp, transpose=_transpose, batch=_batch, kernel=_kernel, axes_of=axes_of_programs)


# ---- custom_linear_solve ------------------------------------------------------------------------
def _check_fit(what: str, tree: PyTreeDef, avals: Sequence[ShapedArray], out_tree: PyTreeDef,
               outs: Sequence[ShapedArray]) -> None:
    wrong = tree_differences(tree, out_tree, "b") if tree != out_tree else type_differences(
        avals, outs, leaf_paths(tree), "b is", f"{what} gives", "b")
    if wrong:
        raise TypeError(f"custom_linear_solve: the result of {what} must have the structure and"
                        f" types of b:\n{wrong}")


def custom_linear_solve(matvec: Callable[..., Any], b: Any, solve: Callable[..., Any],
                        transpose_solve: Callable[..., Any] | None = None, symmetric: bool = False,
                        has_aux: bool = False) -> Any:
    """The x with `matvec(x) = b`, found by `solve(matvec, b)`; derivatives are solves as well.

    matvec: a linear function; b: pytree of arrays; transpose_solve(vecmat, b): solves the
    transposed system, needed for reverse mode unless `symmetric`; has_aux: the solvers return
    (x, aux). -> x, or (x, aux). Raises TypeError if x, b and matvec(x) do not fit each other.

    >>> lax.custom_linear_solve(lambda x: 2 * x, 3.0, lambda f, b: b / 2, symmetric=True)
    Array(1.5, dtype=float64, weak_type=True)
    """
    for name, f in (("matvec", matvec), ("solve", solve)):
        check_callable("custom_linear_solve", name, f)
    if transpose_solve is None and symmetric:
        transpose_solve = solve
    leaves, tree = flatten_arrays("custom_linear_solve", "b", b)
    in_tree = treedef_tuple([tree])
    leaves, matrix = _varied_as_results("custom_linear_solve", matvec, in_tree, leaves)
    avals = [typeof(x) for x in leaves]
    _check_fit("matvec", tree, avals, matrix.out_tree, matrix.out_avals)

    def solver(function: Any, operator: Any) -> Any:
        return trace("custom_linear_solve", lambda y: function(operator, y), in_tree, avals)

    forward = solver(solve, matvec)
    _check_solution(tree, avals, forward, has_aux)
    vecmat: Any = None
    back: Any = None
    if transpose_solve is not None:
        flipped = matvec if symmetric else _transposed(matvec, tree, avals)
        vecmat = matrix if symmetric else trace("custom_linear_solve", flipped, in_tree, avals)
        back = solver(transpose_solve, flipped)
        _check_solution(tree, avals, back, has_aux)
    outs = _bind_solve(Parts(matrix, vecmat, forward, back), leaves)
    return tree_unflatten(forward.out_tree, outs)


def _varied_as_results(what: str, fun: Callable[..., Any], in_tree: PyTreeDef,
                       leaves: Sequence[Any]) -> tuple[list[Any], TracedFunction]:
    """The arguments of a function, and the function traced for them: inside `shard_map` they vary
    over the axes over which its results do, since solutions will."""
    leaves = list(leaves)
    while True:
        avals = [typeof(x) for x in leaves]
        traced = trace(what, fun, in_tree, avals)
        if len(traced.out_avals) == len(avals):
            leaves = [varied(x, out.vma) for x, out in zip(leaves, traced.out_avals, strict=True)]
        if [typeof(x) for x in leaves] == avals:
            return leaves, traced


def _bind_solve(parts: Parts, b: list[Any]) -> list[Any]:
    """Bind the primitive to the traced functions and the right-hand side."""
    consts = [[] if t is None else t.consts for t in parts]
    return linear_solve_p.bind(
        *(c for group in consts for c in group), *b, const_lengths=Parts(*map(len, consts)),
        jaxprs=Parts(*(None if t is None else t.jaxpr for t in parts)))


def _check_solution(tree: PyTreeDef, avals: Sequence[ShapedArray], solved: Any, has_aux: bool
                    ) -> None:
    out_tree = solved.out_tree
    if has_aux:
        children = out_tree.children()
        if len(children) != 2:
            raise TypeError("custom_linear_solve: with has_aux, solvers must return (x, aux), got"
                            f" {out_tree}")
        out_tree = children[0]
    _check_fit("solve", tree, avals, out_tree, solved.out_avals[: out_tree.num_leaves])


def _transposed(fun: Callable[..., Any], tree: PyTreeDef, avals: Sequence[ShapedArray]
                ) -> Callable[..., Any]:
    """The transpose of a linear function."""
    def transposed(y: Any) -> Any:
        traced = trace("custom_linear_solve", fun, treedef_tuple([tree]), avals)
        n = len(traced.consts)
        program, _ = transpose_jaxpr(traced.jaxpr, [*[False] * n, *[True] * len(avals)],
                                     [True] * len(avals), True)
        return tree_unflatten(tree, evaluate(program, *traced.consts, *tree_flatten(y)[0]))

    transposed.__name__ = f"transpose_of_{function_name(fun)}"
    return transposed


# ---- custom_root --------------------------------------------------------------------------------
def custom_root(f: Callable[..., Any], initial_guess: Any, solve: Callable[..., Any],
                tangent_solve: Callable[..., Any], has_aux: bool = False) -> Any:
    """Find the x with f(x) = 0 by a function of one's own; differentiable in what f closes over.

    f: pytree -> pytree of the same structure. initial_guess: where to start. solve: solve(f,
    initial_guess) -> x, or (x, aux) with has_aux. tangent_solve: tangent_solve(g, y) solves g(x) =
    y for a linear g, e.g. with custom_linear_solve -> x, or (x, aux). Derivatives go by the
    implicit function theorem, not through `solve`, nor to the guess.

    >>> def root(a):
    ...     newton = lambda f, x: lax.fori_loop(0, 9, lambda _, x: x - f(x) / (2 * x), x)
    ...     return lax.custom_root(lambda x: x * x - a, 1.0, newton, lambda g, y: y / g(1.0))
    >>> ingot.grad(root)(4.0)
    Array(0.25, dtype=float64, weak_type=True)
    """
    for name, g in (("f", f), ("solve", solve), ("tangent_solve", tangent_solve)):
        check_callable("custom_root", name, g)
    guess, tree = flatten_arrays("custom_root", "initial_guess", initial_guess)
    in_tree = treedef_tuple([tree])
    guess, traced = _varied_as_results("custom_root", f, in_tree, guess)
    avals = [typeof(x) for x in guess]
    _check_root(tree, avals, traced)
    solver = trace("custom_root", lambda x: solve(f, x), in_tree, avals)
    _check_solver(tree, avals, solver, has_aux)
    # Whatever tangent_solve closes over, derivatives included, is among the constants.
    many = treedef_tuple([tree_structure([0] * len(traced.consts)), tree, tree])
    tangent = trace("custom_root",
                    lambda c, x, y: _tangent(tangent_solve, traced, tree, c, x, y), many,
                    [*map(typeof, traced.consts), *avals, *avals])
    root = _differentiable_root(traced, solver, tangent)
    outs = root(list(traced.consts), (list(solver.consts), list(tangent.consts)),
                [to_array(x) for x in guess])
    return tree_unflatten(solver.out_tree, outs)


def _differentiable_root(traced: TracedFunction, solver: TracedFunction, tangent: TracedFunction
                         ) -> Any:
    """The solver as a function of all constants and the guess, with its derivative in those of f:
    `tangent` solves for the change of x that undoes the change of f."""
    @custom_jvp
    def root(f_consts: Any, solve_consts: Any, start: Any) -> Any:
        return evaluate(solver.jaxpr, *solve_consts[0], *start)

    @root.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (f_consts, (_, held), start), (f_ts, _, _) = primals, tangents
        outs = root(*primals)
        x = outs[: len(start)]
        _, moved = jvp(lambda *c: evaluate(traced.jaxpr, *c, *x), list(f_consts),
                       _some(f_ts, f_consts))
        moved = [instantiate(t, v) for t, v in zip(moved, x, strict=True)]
        found = evaluate(tangent.jaxpr, *held, *f_consts, *x, *moved)
        dx = [neg(t) for t in found]
        return outs, [*dx, *(zeros(typeof(o).to_tangent_aval()) for o in outs[len(x) :])]

    return root


def _tangent(tangent_solve: Any, traced: Any, tree: PyTreeDef, consts: Any, x: Any, y: Any) -> Any:
    """The solution of the equation linearized at x."""
    at = tree_flatten(x)[0]
    _, linear = linearize(lambda *v: evaluate(traced.jaxpr, *consts, *v), at)

    def slope(y: Any) -> Any:
        ts = iter(evaluate(linear.jaxpr, *tree_flatten(y)[0]))
        return tree_unflatten(tree, [next(ts) if h else zeros(typeof(v))
                                     for h, v in zip(linear.has, at, strict=True)])

    return tangent_solve(slope, y)


def _some(tangents: Sequence[Any], primals: Sequence[Any]) -> list[Any]:
    """Tangents of inexact values, None for the others."""
    return [t if typeof(t).same_type(typeof(x)) else None
            for t, x in zip(tangents, primals, strict=True)]


def _check_solver(tree: PyTreeDef, avals: Sequence[ShapedArray], solver: Any, has_aux: bool
                  ) -> None:
    out_tree = solver.out_tree
    if has_aux:
        children = out_tree.children()
        if len(children) != 2:
            raise TypeError("custom_root: with has_aux, solve must return (x, aux), got"
                            f" {out_tree}")
        out_tree = children[0]
    wrong = tree_differences(tree, out_tree, "x") if tree != out_tree else type_differences(
        avals, solver.out_avals[: len(avals)], leaf_paths(tree), "x is", "solve gives", "x")
    if wrong:
        raise TypeError("custom_root: solve must return what has the structure and types of the"
                        f" guess:\n{wrong}")


def _check_root(tree: PyTreeDef, avals: Sequence[ShapedArray], traced: Any) -> None:
    wrong = tree_differences(tree, traced.out_tree, "x") if tree != traced.out_tree else \
        type_differences(avals, traced.out_avals, leaf_paths(tree), "x is", "f gives", "x")
    if wrong:
        raise TypeError("custom_root: f must return what has the structure and types of the"
                        f" guess:\n{wrong}")


