"""custom_jvp: functions that bring their own forward derivative."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ingot.calls import called
from ingot.control.custom_common import (
    FlatCall,
    PartitionedArgs,
    SymbolicZero,
    axes_of_call,
    call_kernel,
    call_transpose,
    call_type,
    call_user,
    check_no_tangents,
    check_same_structure,
    check_tangents,
    nondiff_positions,
    positional,
    split_arguments,
    staged,
)
from ingot.control.tracing import check_callable, evaluate, flatten_arrays, function_name
from ingot.core.axis_env import Axis
from ingot.core.interpreter import EVAL, Tracer, current, interpreting, typeof
from ingot.core.primitive import Primitive
from ingot.core.references import hide_references
from ingot.core.rewrite import bind_equation, interpret_jaxpr
from ingot.core.tracebacks import api_boundary
from ingot.errors import UnexpectedTracerError
from ingot.primitives.movement import zeros
from ingot.transforms.batch import batch, matchaxis
from ingot.transforms.jvp import add_tangents, instantiate
from ingot.transforms.partial_eval import partial_eval_jaxpr
from ingot.transforms.stage import StagingInterpreter, stage
from ingot.tree import PyTreeDef, tree_flatten, tree_leaves, tree_map, tree_unflatten
from ingot.util import merge_lists, update_wrapper


# ---- custom_jvp_call ----------------------------------------------------------------------------
def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, call_jaxpr: Any, jvp_jaxpr_fun: Any,
         num_consts: int, symbolic_zeros: bool) -> Any:
    check_no_tangents("custom_jvp", jvp_jaxpr_fun.__name__, tangents[:num_consts])
    primals, tangents = primals[num_consts:], tangents[num_consts:]
    outs, out_tangents = jvp_jaxpr_fun(primals, tangents)
    linear = current()
    if isinstance(linear,
                  StagingInterpreter) and linear.only_traced and any(map(linear.owns, outs)):
        return _jvp_split(primals, tangents, jvp_jaxpr_fun, linear)
    return outs, out_tangents


def _jvp_split(primals: Sequence[Any], tangents: Sequence[Any], rule: Any,
               linear: StagingInterpreter) -> Any:
    """Where the rule computes results and tangents in one call: take it apart as a program."""
    n = len(primals)
    has: list[bool] = []

    def fun(*args: Any) -> list[Any]:
        rest = iter(args[n:])
        outs, ts = rule(args[:n], [None if t is None else next(rest) for t in tangents])
        has[:] = [t is not None for t in ts]
        return [*outs, *(t for t in ts if t is not None)]

    given = [t for t in tangents if t is not None]
    program = inlined(stage(fun, [typeof(x) for x in (*primals, *given)], rule.__name__))
    split = partial_eval_jaxpr(program, [*[False] * n, *[True] * len(given)],
                               [*[False] * len(has), *[True] * sum(has)])
    if any(split.out_unknown[: len(has)]):
        raise TypeError(f"custom_jvp: the rule of {rule.__name__} computes its primal results"
                        " from tangents; compute them from the primals alone")
    with interpreting(linear.parent or current()):
        known = evaluate(split.known, *primals)
    rest = iter(evaluate(split.unknown, *known[len(has) :], *given))
    return known[: len(has)], [next(rest) if h else None for h in has]


def inlined(jaxpr: Any) -> Any:
    """The program with calls of other programs written out."""
    def fun(*args: Any) -> list[Any]:
        return interpret_jaxpr(jaxpr, args, _inlined_call)

    if not any(e.primitive.name == "jit" for e in jaxpr.eqns):
        return jaxpr
    return stage(fun, jaxpr.in_avals, jaxpr.debug_name)


def _inlined_call(eqn: Any, args: list[Any]) -> Sequence[Any]:
    if eqn.primitive.name == "jit":
        return interpret_jaxpr(eqn.params["jaxpr"], args, _inlined_call)
    return bind_equation(eqn, args)


def _batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, call_jaxpr: Any,
           jvp_jaxpr_fun: Any, num_consts: int, symbolic_zeros: bool) -> Any:
    rest_dims = list(dims[num_consts:])

    def to_front(fun: Any, values: Sequence[Any], where: Sequence[Any]) -> list[Any]:
        outs, found = batch(fun, axis, values, where)
        return [None if o is None else matchaxis(o, d, 0, axis)
                for o, d in zip(outs, found, strict=True)]

    def call(*values: Any) -> list[Any]:
        return to_front(call_jaxpr, values, dims)

    @functools.wraps(jvp_jaxpr_fun, assigned=("__name__",), updated=())
    def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        given = [t for t in tangents if t is not None]
        where = [d for d, t in zip(rest_dims, tangents, strict=True) if t is not None]

        def both(*values: Any) -> list[Any]:
            rest = iter(values[len(primals) :])
            outs, ts = jvp_jaxpr_fun(values[: len(primals)],
                                     [None if t is None else next(rest) for t in tangents])
            return [*outs, *ts]

        found = to_front(both, [*primals, *given], [*rest_dims, *where])
        return found[: len(found) // 2], found[len(found) // 2 :]

    call.__name__ = rule.__name__
    outs = custom_jvp_call_p.bind(*args, call_jaxpr=call, jvp_jaxpr_fun=rule,
                                  num_consts=num_consts, symbolic_zeros=symbolic_zeros)
    return outs, [0] * len(outs)


custom_jvp_call_p = Primitive(
    "custom_jvp_call", multiple_results=True, higher_order=True, type=call_type,
    eval=lambda *args, call_jaxpr, **params: call_jaxpr(*args), jvp=_jvp, batch=_batch,
    transpose=call_transpose, kernel=call_kernel, stage=staged,
    axes_of=axes_of_call)
custom_jvp_call_p.takes_numbers = True


# ---- custom_jvp ---------------------------------------------------------------------------------
def _flat_rule(fun: Any, rule: Any, split: PartitionedArgs, in_tree: PyTreeDef,
               symbolic_zeros: bool,
               trees: list[PyTreeDef]) -> Any:
    """The user's rule on flat lists; None stands for a tangent that is zero."""
    name = function_name(fun)

    def flat(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        absent = (lambda x: SymbolicZero(typeof(x).to_tangent_aval())) if symbolic_zeros \
            else (lambda x: instantiate(None, x))
        full = [absent(x) if t is None else t for x, t in zip(primals, tangents, strict=True)]
        pair = call_user(f"custom_jvp: the rule of {name}", rule, *split.fixed,
                         tuple(tree_unflatten(in_tree, primals)),
                         tuple(tree_unflatten(in_tree, full)),
                         given="(" + "nondiff, " * len(split.fixed) + "primals, tangents)")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"custom_jvp: the rule of {name} must return a pair (primal result,"
                            f" tangent result), got {pair!r:.80}")
        outs, tree = flatten_arrays(f"custom_jvp of {name}", "the primal result", pair[0],
                                    numbers=True)
        _check_primal(name, trees, tree)
        trees.append(tree)
        return outs, _tangents(name, tree, outs, pair[1])

    flat.__name__ = name
    return flat


def _check_primal(name: str, trees: list[PyTreeDef], tree: PyTreeDef) -> None:
    if trees:
        check_same_structure(f"custom_jvp: the rule of {name} must return a primal result of the"
                             f" structure that {name} returns", trees[-1], tree, "result")


def _tangents(name: str, tree: PyTreeDef, outs: Sequence[Any], tangent: Any) -> list[Any]:
    leaves, found = tree_flatten(tangent, is_leaf=lambda x: isinstance(x, SymbolicZero))
    check_same_structure(f"custom_jvp: the rule of {name} must return a tangent of the structure of"
                         " the primal result", tree, found, "tangent")
    return check_tangents(f"custom_jvp: the rule of {name} must return tangents of the types of the"
                          " primal results", tree, outs, leaves, "tangent")


def _made(t: Any) -> Any:
    """A tangent as an array."""
    return zeros(t.aval) if type(t) is SymbolicZero else t


class custom_jvp:  # noqa: N801 - a decorator
    """A function whose forward derivative is given by a rule, from which reverse mode follows too.

    nondiff_argnums: positions of arguments that are passed to the rule first, as they are.
    After `f.defjvp(rule)`, rule(*nondiff, primals, tangents) -> (result, tangent of the result).

    >>> @ingot.custom_jvp
    ... def square(x):
    ...     return x * x
    >>> @square.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return square(x), 2 * x * t
    """

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: Sequence[int] = (),
                 nondiff_argnames: Sequence[str] = ()):
        check_callable("custom_jvp", "fun", fun)
        update_wrapper(self, fun)
        self.fun = fun
        self.nondiff_argnums = nondiff_positions(fun, nondiff_argnums, nondiff_argnames)
        self.jvp: Callable[..., Any] | None = None
        self.symbolic_zeros = False

    def __getattr__(self, name: str) -> Any:
        if name == "fun":
            raise AttributeError(name)
        return getattr(self.fun, name)

    def defjvp(self, jvp: Callable[..., Any], symbolic_zeros: bool = False) -> Callable[..., Any]:
        """Set the rule: jvp(*nondiff, primals, tangents) -> (result, tangent); returns it.

        With `symbolic_zeros`, tangents that are zero come as SymbolicZero and may be returned so.
        """
        check_callable("custom_jvp", "jvp", jvp)
        self.jvp, self.symbolic_zeros = jvp, symbolic_zeros
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Set a rule for each argument: jvp(t, result, *args) -> tangent, or None for zero."""
        if self.nondiff_argnums:
            raise TypeError("custom_jvp: defjvps does not go with nondiff_argnums; use defjvp")

        def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
            if len(jvps) != len(primals):
                raise TypeError(f"custom_jvp: defjvps of {function_name(self.fun)} got {len(jvps)}"
                                f" rules for {len(primals)} arguments")
            out = self(*primals)
            what = f"custom_jvp: a rule of {function_name(self.fun)}"
            given = "(tangent, result, *arguments)"
            # An argument that does not change adds nothing, where its derivative is infinite too.
            terms = [called(what, rule, (tree_map(_made, t), out, *primals), given=given)
                     for rule, t in zip(jvps, tangents, strict=True) if rule is not None
                     and not all(type(x) is SymbolicZero for x in tree_leaves(t))]
            if not terms:
                return out, tree_map(lambda x: zeros(typeof(x).to_tangent_aval()), out)
            return out, functools.reduce(functools.partial(tree_map, add_tangents), terms)

        self.defjvp(jvp, symbolic_zeros=True)

    @api_boundary
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value of the function."""
        name = function_name(self.fun)
        if self.jvp is None:
            raise AttributeError(f"custom_jvp: no rule is defined for {name}; give one with"
                                 f" {name}.defjvp or {name}.defjvps")
        args = positional("custom_jvp", self.fun, args, kwargs)
        split, rest = split_arguments(self.fun, args, self.nondiff_argnums)
        if current() is EVAL:  # no rule is needed, and the function may work on numbers
            return self.fun(*args)
        if any(isinstance(x, Tracer) for x in tree_leaves(split.fixed)):
            return self._with_traced(split)(*_traced(split.fixed), *rest)
        leaves, in_tree = flatten_arrays(name, "its arguments", hide_references(rest))
        call = FlatCall(self.fun, split, in_tree, "custom_jvp")
        rule = _flat_rule(self.fun, self.jvp, split, in_tree, self.symbolic_zeros, call.trees)
        outs = custom_jvp_call_p.bind(*leaves, call_jaxpr=call, jvp_jaxpr_fun=rule, num_consts=0,
                                      symbolic_zeros=self.symbolic_zeros)
        return tree_unflatten(call.trees[-1], outs)

    def _with_traced(self, split: PartitionedArgs) -> custom_jvp:
        """The function with the traced values among its fixed arguments as arguments before the
        others: a program may be differentiated when its variables are gone."""
        leaves, tree = tree_flatten(split.fixed)
        traced = [isinstance(x, Tracer) for x in leaves]
        name, n = function_name(self.fun), sum(traced)

        def fixed(values: Sequence[Any]) -> Any:
            return tree_unflatten(tree, merge_lists(traced, [
                x for x, t in zip(leaves, traced, strict=True) if not t], values))

        def fun(*args: Any) -> Any:
            return self.fun(*replace(split, fixed=fixed(args[:n])).join(args[n:]))

        def rule(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
            if not all(isinstance(t, SymbolicZero) for t in tangents[:n]):
                raise UnexpectedTracerError(
                    f"custom_jvp: an argument of {name} in nondiff_argnums is differentiated; make"
                    " it an ordinary argument")
            given = tangents[n:] if self.symbolic_zeros else tree_map(_made, tangents[n:])
            return self.jvp(*fixed(primals[:n]), primals[n:], given)  # type: ignore[misc]

        fun.__name__ = name
        made = custom_jvp(fun)
        made.defjvp(rule, symbolic_zeros=True)
        return made


def _traced(fixed: Any) -> list[Any]:
    return [x for x in tree_leaves(fixed) if isinstance(x, Tracer)]
