"""custom_vjp: functions that bring their own reverse derivative."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ingot import dtypes
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
    leaf_paths,
    leaves_and_statics,
    nondiff_positions,
    positional,
    split_arguments,
    staged,
)
from ingot.control.tracing import check_callable, flatten_arrays, function_name
from ingot.core.avals import ShapedArray, is_inexact
from ingot.core.axis_env import Axis
from ingot.core.interpreter import EVAL, Tracer, current, to_array, typeof
from ingot.core.primitive import Primitive, is_linear
from ingot.core.references import hide_references
from ingot.core.tracebacks import api_boundary
from ingot.errors import UndefinedRuleError, UnexpectedTracerError
from ingot.primitives.convert import convert_element_type
from ingot.primitives.movement import reduce_sum, zeros
from ingot.transforms.batch import batch, matchaxis
from ingot.tree import PyTreeDef, tree_flatten, tree_leaves, tree_unflatten, treedef_children
from ingot.util import update_wrapper

Backward = Callable[[Sequence[Any], Sequence[Any]], list[Any]]
"""(residuals, cotangents of results) -> cotangents of arguments; None stands for zero."""


# ---- custom_lin ---------------------------------------------------------------------------------
# The tangents of a call as a function of (residuals, tangents of arguments): nothing is known of it
# but its transpose, the backward rule.
class _NoForward(UndefinedRuleError, TypeError):
    """Also a TypeError, as JAX's."""


def _no_forward(name: str) -> UndefinedRuleError:
    return _NoForward(
        f"custom_vjp: {name} has a rule for reverse mode alone, so forward-mode autodiff (jvp,"
        " jacfwd, linearize, hessian) cannot go through it; use custom_jvp, from which both follow")


def _lin_eval(*args: Any, bwd: Any, **params: Any) -> Any:
    raise _no_forward(bwd.__name__)


def _lin_transpose(cts: Sequence[Any], *args: Any, bwd: Backward, num_res: int,
                   out_places: Sequence[int], num_outs: int, nonzero: Sequence[bool],
                   **params: Any) -> list[Any]:
    if any(is_linear(x) for x in args[:num_res]):
        raise _no_forward(bwd.__name__)  # type: ignore[attr-defined]
    full: list[Any] = [None] * num_outs
    for place, ct in zip(out_places, cts, strict=True):
        full[place] = ct
    found = bwd(args[:num_res], full)
    return [None] * num_res + [ct for ct, nz in zip(found, nonzero, strict=True) if nz]


def _lin_batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, bwd: Backward, num_res: int,
               out_avals: Sequence[ShapedArray], nonzero: Sequence[bool], **params: Any) -> Any:
    placed = [matchaxis(x, d, 0, axis) for x, d in zip(args, dims, strict=True)]
    avals = [a.with_axis(0, axis.size, axis.division) for a in out_avals]
    backward = _batched_backward(bwd, axis, [0] * num_res, [0] * len(nonzero))
    outs = custom_lin_p.bind(*placed, bwd=backward, num_res=num_res, out_avals=tuple(avals),
                             nonzero=nonzero, **params)
    return outs, [0] * len(outs)


custom_lin_p = Primitive(
    "custom_lin", multiple_results=True, higher_order=True,
    type=lambda *avals, out_avals, **params: list(out_avals), eval=_lin_eval,
    jvp=lambda primals, tangents, *, bwd, **params: _lin_eval(bwd=bwd), transpose=_lin_transpose,
    batch=_lin_batch,
    kernel=lambda build, *args, out, bwd, **params: _lin_eval(bwd=bwd))
custom_lin_p.transposes_zeros = True


# ---- custom_vjp_call ----------------------------------------------------------------------------
def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, call_jaxpr: Any, fwd_jaxpr_thunk: Any,
         num_consts: int, **params: Any) -> Any:
    check_no_tangents("custom_vjp", fwd_jaxpr_thunk.__name__, tangents[:num_consts])
    primals, tangents = primals[num_consts:], tangents[num_consts:]
    nonzero = tuple(t is not None for t in tangents)
    outs, residuals, bwd = fwd_jaxpr_thunk(nonzero, *primals)
    places = tuple(i for i, x in enumerate(outs) if is_inexact(typeof(x)))
    out_tangents: list[Any] = [None] * len(outs)
    if places:
        found = custom_lin_p.bind(
            *residuals, *(t for t in tangents if t is not None), bwd=bwd, num_res=len(residuals),
            out_avals=tuple(typeof(outs[i]) for i in places), out_places=places,
            num_outs=len(outs), nonzero=nonzero)
        for i, t in zip(places, found, strict=True):
            out_tangents[i] = t
    return outs, out_tangents


def _batched_backward(bwd: Backward, axis: Axis, res_dims: Sequence[Any], arg_dims: Sequence[Any]
                      ) -> Backward:
    """The backward rule over a batch: cotangents of arguments without the axis are summed, but for
    those that have no axis either, and so follow from no cotangent."""
    @functools.wraps(bwd, assigned=("__name__",), updated=())
    def backward(residuals: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        given = [ct for ct in cts if ct is not None]

        def inner(*values: Any) -> list[Any]:
            rest = iter(values[len(residuals) :])
            return bwd(values[: len(residuals)], [None if ct is None else next(rest) for ct in cts])

        outs, dims = batch(inner, axis, [*residuals, *given], [*res_dims, *[0] * len(given)])
        return [None if ct is None else _cotangent(ct, d, want, axis.size)
                for ct, d, want in zip(outs, dims, arg_dims, strict=True)]

    return backward


def _cotangent(ct: Any, dim: int | None, want: int | None, size: int) -> Any:
    if want is not None:
        return matchaxis(ct, dim, want, size)
    if dim is None:
        return ct
    return reduce_sum(matchaxis(ct, dim, 0, size), (0,))


def _batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, call_jaxpr: Any,
           fwd_jaxpr_thunk: Any, num_consts: int, **params: Any) -> Any:
    arg_dims = list(dims[num_consts:])

    def to_front(outs: Sequence[Any], found: Sequence[Any]) -> list[Any]:
        return [matchaxis(o, d, 0, axis) for o, d in zip(outs, found, strict=True)]

    def call(*values: Any) -> list[Any]:
        return to_front(*batch(call_jaxpr, axis, values, dims))

    @functools.wraps(fwd_jaxpr_thunk, assigned=("__name__",), updated=())
    def fwd(nonzero: Sequence[bool], *values: Any) -> Any:
        parts: list[Any] = []

        def inner(*xs: Any) -> list[Any]:
            outs, residuals, bwd = fwd_jaxpr_thunk(nonzero, *xs)
            parts.extend([len(outs), bwd])
            return [*outs, *residuals]

        outs, found = batch(inner, axis, values, arg_dims)
        n, bwd = parts
        residuals, res_dims = outs[n:], found[n:]
        return (to_front(outs[:n], found[:n]), residuals,
                _batched_backward(bwd, axis, res_dims, arg_dims))

    call.__name__ = fwd.__name__
    outs = custom_vjp_call_p.bind(*args, call_jaxpr=call, fwd_jaxpr_thunk=fwd,
                                  num_consts=num_consts, **params)
    return outs, [0] * len(outs)


custom_vjp_call_p = Primitive(
    "custom_vjp_call", multiple_results=True, higher_order=True, type=call_type,
    eval=lambda *args, call_jaxpr, **params: call_jaxpr(*args), jvp=_jvp, batch=_batch,
    transpose=call_transpose, kernel=call_kernel, stage=staged, axes_of=axes_of_call)


# ---- custom_vjp ---------------------------------------------------------------------------------
class CustomVJPPrimal:
    """An argument as a forward rule with `symbolic_zeros=True` sees it.

    value: the argument. perturbed: whether its cotangent is asked for.

    >>> from ingot.custom_derivatives import CustomVJPPrimal
    >>> CustomVJPPrimal(1.0, True).perturbed
    True
    """

    def __init__(self, value: Any, perturbed: bool):
        self.value, self.perturbed = value, perturbed

    def __repr__(self) -> str:
        return f"CustomVJPPrimal(value={self.value}, perturbed={self.perturbed})"


def custom_vjp_primal_tree_values(tree: Any) -> Any:
    """Return the values in a tree of CustomVJPPrimals.

    tree: a pytree -> one of the same structure.

    >>> from ingot.custom_derivatives import CustomVJPPrimal, custom_vjp_primal_tree_values
    >>> custom_vjp_primal_tree_values((CustomVJPPrimal(1.0, True), CustomVJPPrimal(2.0, False)))
    (1.0, 2.0)
    """
    leaves, treedef = tree_flatten(tree)
    return tree_unflatten(
        treedef, [x.value if isinstance(x, CustomVJPPrimal) else x for x in leaves])


def _flat_forward(rules: custom_vjp, split: PartitionedArgs, in_tree: PyTreeDef,
                  trees: list[PyTreeDef]
                  ) -> Any:
    """The forward rule on flat lists: (which arguments have tangents, arguments) -> (results,
    residuals, backward rule)."""
    name = function_name(rules.fun)

    def flat(nonzero: Sequence[bool], *leaves: Any) -> Any:
        given: Sequence[Any] = leaves
        if rules.symbolic_zeros:
            given = [CustomVJPPrimal(x, nz) for x, nz in zip(leaves, nonzero, strict=True)]
        args = split.join(tree_unflatten(in_tree, given))
        pair = call_user(f"custom_vjp: the forward rule of {name}", rules.fwd, *args,
                         given=f"those of {name}")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"custom_vjp: the forward rule of {name} must return a pair (result,"
                            f" residuals), got {pair!r:.80}")
        outs, tree = flatten_arrays(f"custom_vjp of {name}", "the result of its forward rule",
                                    pair[0])
        if trees:
            check_same_structure(f"custom_vjp: the forward rule of {name} must return a result of"
                                 f" the structure that {name} returns", trees[-1], tree, "result")
        trees.append(tree)
        # Python's numbers stay what they are, so that the backward rule may branch on them.
        residuals, rebuild = leaves_and_statics(pair[1], numbers=False)
        residuals = [to_array(x) for x in residuals]
        bwd = _flat_backward(rules, split, in_tree, [typeof(x) for x in leaves], tree,
                             [typeof(x) for x in outs], rebuild)
        return outs, residuals, bwd

    flat.__name__ = name
    return flat


def _flat_backward(rules: custom_vjp, split: PartitionedArgs, in_tree: PyTreeDef,
                   in_avals: list[ShapedArray],
                   out_tree: PyTreeDef, out_avals: list[ShapedArray], rebuild: Any) -> Backward:
    name = function_name(rules.fun)

    def backward(residuals: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        absent = SymbolicZero if rules.symbolic_zeros else zeros
        full = [absent(a.to_tangent_aval()) if ct is None else ct
                for ct, a in zip(cts, out_avals, strict=True)]
        found = call_user(f"custom_vjp: the backward rule of {name}", rules.bwd, *split.fixed,
                          rebuild(residuals), tree_unflatten(out_tree, full),
                          given="(" + "nondiff, " * len(split.fixed) + "residuals, cotangent)")
        return _cotangents(name, in_tree, in_avals, found)

    backward.__name__ = name
    return backward


def _cotangents(name: str, in_tree: PyTreeDef, in_avals: Sequence[ShapedArray], found: Any
                ) -> list[Any]:
    """What a backward rule returned, as a flat list; None stands for zeros of a whole subtree."""
    rule = f"custom_vjp: the backward rule of {name} must return"
    count = len(treedef_children(in_tree))
    if isinstance(found, list):
        found = tuple(found)
    if not isinstance(found, tuple) or len(found) != count:
        got = f"{len(found)}" if isinstance(found, tuple) else f"a {type(found).__name__}"
        raise TypeError(f"{rule} a tuple of {count} cotangents, one for each argument with a"
                        f" derivative, got {got}; return None for zeros")
    leaves = []
    for i, (ct, tree) in enumerate(zip(found, treedef_children(in_tree), strict=True)):
        leaves += _with_zeros(rule, ct, tree, f"cotangents[{i}]")
    leaves = [_round_cotangent(ct, a) for ct, a in zip(leaves, in_avals, strict=True)]
    found = check_tangents(f"{rule} cotangents of the types of the arguments", in_tree, in_avals,
                           leaves, "cotangents")
    for i, (ct, aval) in enumerate(zip(found, in_avals, strict=True)):
        if ct is not None and typeof(ct).mat != aval.mat.to_ct_mat():
            raise ValueError(
                f"custom_vjp: Custom VJP bwd rule attached to {name} must produce an output with"
                f" the same type as the arguments, but at cotangents{leaf_paths(in_tree)[i]} it"
                f" produced {typeof(ct)} for an argument of type {aval}, so that they vary over"
                " other axes of the mesh; lax.psum makes a value equal along an axis,"
                " lax.pcast(..., to='varying') varying")
    return found


def _round_cotangent(ct: Any, aval: ShapedArray) -> Any:
    """A cotangent in the precision of its argument, as rules of mixed precision forget to give."""
    if ct is None or isinstance(ct, SymbolicZero):
        return ct
    have = typeof(ct)
    if have.dtype != aval.dtype and dtypes.kind(have.dtype) == dtypes.kind(aval.dtype) == "f":
        return convert_element_type(ct, aval.dtype)
    return ct


def _with_zeros(rule: str, ct: Any, tree: PyTreeDef, name: str) -> list[Any]:
    if ct is None:
        return [None] * tree.num_leaves
    leaves, found = tree_flatten(ct, is_leaf=lambda x: x is None or isinstance(x, SymbolicZero))
    example = tree_unflatten(tree, range(tree.num_leaves))
    try:
        below = found.flatten_up_to(example)
    except ValueError:
        _, whole = tree_flatten(ct, is_leaf=lambda x: isinstance(x, SymbolicZero))
        check_same_structure(f"{rule} cotangents of the structure of the arguments", tree, whole,
                             name)
        raise
    # As in JAX, one cotangent may stand for all leaves of a subtree; their types are checked later.
    return [leaf for leaf, subtree in zip(leaves, below, strict=True)
            for _ in tree_leaves(subtree)]


class custom_vjp:  # noqa: N801 - a decorator
    """A function whose reverse derivative is given by a pair of rules.

    nondiff_argnums: positions of arguments that are passed to the backward rule first, as they
    are. After `f.defvjp(fwd, bwd)`: fwd(*args) -> (result, residuals);
    bwd(*nondiff, residuals, cotangent) -> tuple of cotangents, None for zeros.

    >>> @ingot.custom_vjp
    ... def steep(x):
    ...     return x
    >>> steep.defvjp(lambda x: (x, None), lambda _, ct: (10 * ct,))
    """

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: Sequence[int] = (),
                 nondiff_argnames: Sequence[str] = ()):
        check_callable("custom_vjp", "fun", fun)
        update_wrapper(self, fun)
        self.fun = fun
        self.nondiff_argnums = nondiff_positions(fun, nondiff_argnums, nondiff_argnames)
        self.fwd: Callable[..., Any] = self._undefined
        self.bwd: Callable[..., Any] = self._undefined
        self.symbolic_zeros = self.optimize_remat = False

    def _undefined(self, *args: Any) -> Any:
        name = function_name(self.fun)
        raise AttributeError(f"custom_vjp: no rules are defined for {name}; give them with"
                             f" {name}.defvjp(fwd, bwd)")

    def __getattr__(self, name: str) -> Any:
        if name == "fun":
            raise AttributeError(name)
        return getattr(self.fun, name)

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any], symbolic_zeros: bool = False,
               optimize_remat: bool = False) -> None:
        """Set the rules.

        With `symbolic_zeros`, fwd gets CustomVJPPrimal for each array and bwd SymbolicZero for
        cotangents that are zero. `optimize_remat` is accepted; programs here are always optimized.
        """
        check_callable("custom_vjp", "fwd", fwd)
        check_callable("custom_vjp", "bwd", bwd)
        self.fwd, self.bwd = fwd, bwd
        self.symbolic_zeros, self.optimize_remat = symbolic_zeros, optimize_remat

    @api_boundary
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value of the function."""
        name = function_name(self.fun)
        if self.fwd == self._undefined:
            self._undefined()
        args = positional("custom_vjp", self.fun, args, kwargs)
        split, rest = split_arguments(self.fun, args, self.nondiff_argnums)
        if current() is EVAL:  # no rule is needed, and the function may work on numbers
            return self.fun(*args)
        _check_fixed(name, split)
        leaves, in_tree = flatten_arrays(name, "its arguments", hide_references(rest))
        call = FlatCall(self.fun, split, in_tree, "custom_vjp")
        forward = _flat_forward(self, split, in_tree, call.trees)
        outs = custom_vjp_call_p.bind(
            *leaves, call_jaxpr=call, fwd_jaxpr_thunk=forward, bwd=self.bwd, num_consts=0,
            out_trees=call.trees, symbolic_zeros=self.symbolic_zeros)
        return tree_unflatten(call.trees[-1], outs)


def _check_fixed(name: str, split: PartitionedArgs) -> None:
    for place, value in zip(split.nums, split.fixed, strict=True):
        if any(isinstance(x, Tracer) for x in tree_leaves(value)):
            raise UnexpectedTracerError(
                f"custom_vjp: argument {place} of {name} is in nondiff_argnums but is a traced"
                " value; pass it as an ordinary argument and return None for its cotangent")


__all__ = ["CustomVJPPrimal", "custom_lin_p", "custom_vjp", "custom_vjp_call_p",
           "custom_vjp_primal_tree_values"]
