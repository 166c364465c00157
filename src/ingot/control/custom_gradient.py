"""custom_gradient, closure_convert and linear_call: further ways to state derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.control.custom_vjp import custom_vjp
from ingot.control.program_primitive import Equation, ProgramPrimitive
from ingot.control.tracing import (
    axes_of_programs,
    check_callable,
    evaluate,
    flatten_arrays,
    function_name,
    leaf_paths,
    permuted,
    trace,
    tree_differences,
    type_differences,
)
from ingot.core.avals import is_inexact
from ingot.core.axis_env import Axis
from ingot.core.interpreter import Tracer, typeof
from ingot.core.jaxpr import Jaxpr, Var, eval_jaxpr
from ingot.core.primitive import is_linear
from ingot.errors import UndefinedRuleError
from ingot.primitives.movement import zeros
from ingot.transforms.batch import batch_jaxpr, matchaxis
from ingot.transforms.jvp import add_tangents, instantiate, jvp
from ingot.transforms.stage import hoist_traced_constants
from ingot.tree import tree_flatten, tree_unflatten, treedef_tuple
from ingot.util import wraps


# ---- custom_gradient ----------------------------------------------------------------------------
def custom_gradient(fun: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose reverse derivative comes with its value.

    fun(*args) -> (result, rule), where rule(cotangent of the result) -> cotangents of the
    arguments (a tuple, or the one there is).

    >>> @ingot.custom_gradient
    ... def square(x):
    ...     return x * x, lambda ct: 2 * x * ct
    """
    check_callable("custom_gradient", "fun", fun)

    @custom_vjp
    @wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return fun(*args, **kwargs)[0]

    def fwd(*args: Any, **kwargs: Any) -> Any:
        out, rule = fun(*args, **kwargs)
        leaves, tree = flatten_arrays("custom_gradient", "the result", out)
        traced = trace("custom_gradient", rule, treedef_tuple([tree]),
                       [typeof(x).to_tangent_aval() for x in leaves])
        return out, (traced.consts, _Static((traced.jaxpr, traced.out_tree)))

    def bwd(residuals: Any, ct: Any) -> Any:
        consts, program = residuals
        jaxpr, out_tree = program.value
        outs = tree_unflatten(out_tree, evaluate(jaxpr, *consts, *tree_flatten(ct)[0]))
        return outs if isinstance(outs, tuple) else (outs,)

    wrapped.defvjp(fwd, bwd)
    return wrapped


class _Static:
    """A leaf that is no array."""

    def __init__(self, value: Any):
        self.value = value


# ---- closure_convert ----------------------------------------------------------------------------
def closure_convert(fun: Callable[..., Any], *example_args: Any
                    ) -> tuple[Callable[..., Any], list[Any]]:
    """Make the traced values that a function closes over explicit arguments.

    fun, example_args: the function and arguments of the types it will get -> (g, consts) with
    g(*args, *consts) = fun(*args). Only values that can have derivatives are taken out.

    >>> converted, consts = ingot.closure_convert(lambda x: x + 1, 2)
    >>> converted(2), consts
    (Array(3, dtype=int64, weak_type=True), [])
    """
    check_callable("closure_convert", "fun", fun)
    leaves, in_tree = flatten_arrays("closure_convert", "example_args", tuple(example_args))
    avals = [typeof(x) for x in leaves]
    traced = trace("closure_convert", fun, in_tree, avals)
    taken = [isinstance(c, Tracer) and is_inexact(typeof(c)) for c in traced.consts]

    def converted(*args: Any) -> Any:
        n = len(args) - sum(taken)
        given, hoisted = args[:n], iter(args[n:])
        consts = [next(hoisted) if t else c for c, t in zip(traced.consts, taken, strict=True)]
        values, tree = flatten_arrays("closure_convert", "the arguments", tuple(given))
        wrong = type_differences(avals, [typeof(x) for x in values], leaf_paths(tree),
                                 "the example is", "got", "args") if tree == in_tree else \
            tree_differences(in_tree, tree, "args")
        if wrong:
            raise TypeError(f"closure_convert: {function_name(fun)} was converted for other"
                            f" arguments:\n{wrong}")
        return tree_unflatten(traced.out_tree, evaluate(traced.jaxpr, *consts, *values))

    return converted, [c for c, t in zip(traced.consts, taken, strict=True) if t]


# ---- linear_call --------------------------------------------------------------------------------
def _linear_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, num_res: int, **params: Any
                ) -> Any:
    """The same call of the linear tangents; in residuals, the derivative of the function itself."""
    outs = linear_call_p.bind(*primals, num_res=num_res, **params)
    residuals, linear = primals[:num_res], primals[num_res:]
    moved: list[Any] = [None] * len(outs)
    if any(t is not None for t in tangents[num_res:]):
        given = [instantiate(t, x) for t, x in zip(tangents[num_res:], linear, strict=True)]
        moved = linear_call_p.bind(*residuals, *given, num_res=num_res, **params)
    if any(t is not None for t in tangents[:num_res]):
        callee = params["callee"]
        turned = jvp(lambda *rs: eval_jaxpr(callee, callee.consts, *rs, *linear), residuals,
                     tangents[:num_res])[1]
        moved = [add_tangents(a, b) for a, b in zip(moved, turned, strict=True)]
    return outs, moved


def _linear_transpose(cts: Sequence[Any], *args: Any, callee: Jaxpr, transpose: Jaxpr, num_res: int
                      ) -> list[Any]:
    if any(map(is_linear, args[:num_res])):
        raise UndefinedRuleError("linear_call: it is not linear in residual_args")
    full = [zeros(a) if ct is None else ct for ct, a in zip(cts, callee.out_avals, strict=True)]
    outs = linear_call_p.bind(*args[:num_res], *full, callee=transpose, transpose=callee,
                              num_res=num_res)
    return [None] * num_res + outs


def _linear_batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, callee: Jaxpr,
                  transpose: Jaxpr, num_res: int) -> Any:
    """All linear arguments and results get the axis, so that the transpose fits."""
    flags = [*(None if d is None else 0 for d in dims[:num_res]), *[0] * (len(dims) - num_res)]
    placed = [matchaxis(x, d, f, axis) for x, d, f in zip(args, dims, flags, strict=True)]
    program, _ = batch_jaxpr(callee, axis, flags, True)
    back, _ = batch_jaxpr(transpose, axis, [*flags[:num_res], *[0] * len(callee.outvars)], True)
    outs = linear_call_p.bind(*placed, callee=program, transpose=back, num_res=num_res)
    return outs, [0] * len(outs)


def _linear_close(args: Sequence[Any], params: dict[str, Any]) -> Equation:
    callee, of_callee = hoist_traced_constants(params["callee"])
    back, of_back = hoist_traced_constants(params["transpose"])
    if not of_callee and not of_back:
        return args, params
    return [*of_callee, *of_back, *args], {
        "callee": _with_unread(callee, len(of_callee), of_back),
        "transpose": _with_unread(back, 0, of_callee),
        "num_res": len(of_callee) + len(of_back) + params["num_res"]}


linear_call_p = ProgramPrimitive(
    "linear_call", close=_linear_close,
    type=lambda *avals, callee, **params: callee.out_avals,
    eval=lambda *args, callee, **params: evaluate(callee, *args), jvp=_linear_jvp,
    transpose=_linear_transpose, batch=_linear_batch,
    kernel=lambda build, *args, out, callee, **params: build.inline(callee, args),
    axes_of=axes_of_programs)


def _with_unread(jaxpr: Jaxpr, place: int, values: Sequence[Any]) -> Jaxpr:
    """The program with further arguments at a place, which it does not read."""
    avals = tuple(typeof(x) for x in values)
    return jaxpr.memo(("unread", place, avals), lambda: permuted(
        jaxpr, [*jaxpr.invars[:place], *map(Var, avals), *jaxpr.invars[place:]], jaxpr.outvars))


def linear_call(fun: Callable[..., Any], fun_transpose: Callable[..., Any], residual_args: Any,
                linear_args: Any) -> Any:
    """`fun(residual_args, linear_args)`, linear in the second, with a given transpose.

    fun_transpose(residual_args, cotangent) -> cotangent of linear_args. Raises TypeError if the
    structures or types of the two functions do not fit each other.

    >>> from ingot.custom_derivatives import linear_call
    >>> linear_call(lambda r, x: x / r, lambda r, ct: ct / r, 2.0, 3.0)
    Array(1.5, dtype=float64, weak_type=True)
    """
    check_callable("linear_call", "fun", fun)
    check_callable("linear_call", "fun_transpose", fun_transpose)
    residuals, res_tree = flatten_arrays("linear_call", "residual_args", residual_args)
    linear, lin_tree = flatten_arrays("linear_call", "linear_args", linear_args)
    res_avals, lin_avals = [typeof(x) for x in residuals], [typeof(x) for x in linear]
    forward = trace("linear_call", fun, treedef_tuple([res_tree, lin_tree]),
                    [*res_avals, *lin_avals], "(residuals, linear arguments)")
    back = trace("linear_call", fun_transpose, treedef_tuple([res_tree, forward.out_tree]),
                 [*res_avals, *forward.out_avals], "(residuals, cotangents)")
    wrong = tree_differences(lin_tree, back.out_tree, "linear_args") \
        if back.out_tree != lin_tree else type_differences(
            lin_avals, back.out_avals, leaf_paths(lin_tree), "argument of type",
            "fun_transpose returns", "linear_args")
    if wrong:
        raise TypeError("linear_call: fun_transpose must return what fits linear_args:\n" + wrong)
    m, n = len(forward.consts), len(back.consts)
    callee = _with_unread(forward.jaxpr, m, back.consts)
    transpose = _with_unread(back.jaxpr, 0, forward.consts)
    outs = linear_call_p.bind(*forward.consts, *back.consts, *residuals, *linear, callee=callee,
                              transpose=transpose, num_res=m + n + len(residuals))
    return tree_unflatten(forward.out_tree, outs)
