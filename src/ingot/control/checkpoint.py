"""checkpoint (remat): recompute in the backward pass what a policy does not save."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ingot.control.custom_common import nondiff_positions, split_arguments
from ingot.control.custom_jvp import inlined
from ingot.control.program_primitive import ProgramPrimitive, close_jaxpr
from ingot.control.tracing import (
    axes_of_programs,
    check_callable,
    evaluate,
    flatten_arrays,
    function_name,
    trace,
)
from ingot.core.axis_env import Axis
from ingot.core.interpreter import to_array, typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import Primitive, is_linear
from ingot.core.references import (
    ReferencesUsed,
    bind_references,
    hide_references,
    read_all,
    write_all,
)
from ingot.core.rewrite import is_var
from ingot.core.tracebacks import api_boundary
from ingot.transforms.batch import batch_jaxpr
from ingot.transforms.jvp import jvp_jaxpr
from ingot.transforms.linearize import linearize_jaxpr
from ingot.transforms.partial_eval import PartialEvalResult, partial_eval_jaxpr
from ingot.transforms.stage import stage
from ingot.transforms.transpose import transpose_jaxpr
from ingot.tree import tree_map, tree_unflatten, treedef_tuple
from ingot.util import renamed, wraps


# ---- what a policy answers -----------------------------------------------------------------------
class RecomputeType:
    """The value is computed again in the backward pass; false, so that False says the same."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "Recompute"


class SaveableType:
    """The value is kept for the backward pass; True says the same."""

    def __repr__(self) -> str:
        return "Saveable"


class Offloadable(NamedTuple):
    """The value is kept for the backward pass in another memory, `dst`, than it is made in, `src`.

    The compiler places the values of a program, so that this is the same as `Saveable`.

    >>> from ingot.ad_checkpoint import Offloadable
    >>> Offloadable(src="device", dst="pinned_host").dst
    'pinned_host'
    """

    src: str
    dst: str


Recompute, Saveable = RecomputeType(), SaveableType()
Answer = bool | RecomputeType | SaveableType | Offloadable
Policy = Callable[..., Answer]


def _checked(policy: Policy) -> Callable[..., bool]:
    """A policy whose answer is a bool; TypeError for what is no answer."""

    def saved(prim: Any, *avals: Any, **params: Any) -> bool:
        answer = policy(prim, *avals, **params)
        if not isinstance(answer, Answer | np.bool_):
            raise TypeError(f"checkpoint: the policy returned {answer!r} for {prim.name}; it must"
                            " return a bool, or `ad_checkpoint.Recompute`, `Saveable` or an"
                            " instance `Offloadable(src, dst)`")
        return bool(answer)

    return saved


# ---- name ---------------------------------------------------------------------------------------
name_p = Primitive(
    "name", type=lambda x, *, name: x, eval=lambda x, *, name: x, jvp=[
        lambda t, out, x, *, name: t],
    transpose=lambda ct, x, *, name: [ct],
    batch=lambda args, dims, *, name: (name_p.bind(*args, name=name), dims[0]),
    kernel=lambda build, x, *, out, name: x)


def checkpoint_name(x: Any, name: str) -> Any:
    """The same values, known to policies such as `save_only_these_names` by a name.

    x: pytree of arrays -> the same.

    >>> from ingot.ad_checkpoint import checkpoint_name
    >>> checkpoint_name(1.0, "x")
    Array(1., dtype=float64, weak_type=True)
    """
    return tree_map(lambda leaf: name_p.bind(to_array(leaf), name=name), x)


# ---- policies -----------------------------------------------------------------------------------
def everything_saveable(*_: Any, **__: Any) -> bool:
    """Policy: save every intermediate value, as without checkpoint."""
    return True


def nothing_saveable(*_: Any, **__: Any) -> bool:
    """Policy: save the arguments alone; the default."""
    return False


def dots_saveable(prim: Any, *_: Any, **__: Any) -> bool:
    """Policy: save the results of contractions and convolutions."""
    return prim.name in ("dot_general", "conv_general_dilated")


def dots_with_no_batch_dims_saveable(prim: Any, *_: Any, **params: Any) -> bool:
    """Policy: save the results of contractions without batch axes."""
    if prim.name != "dot_general":
        return False
    (_, _), (lhs_batch, rhs_batch) = params["dimension_numbers"]
    return not lhs_batch and not rhs_batch


def save_only_these_names(*names_which_can_be_saved: str) -> Policy:
    """Policy: save the values that `checkpoint_name` gave one of these names."""
    names = frozenset(names_which_can_be_saved)
    return lambda prim, *_, **params: prim is name_p and params["name"] in names


def save_any_names_but_these(*names_not_to_save: str) -> Policy:
    """Policy: save the values that have a name, except these."""
    names = frozenset(names_not_to_save)
    return lambda prim, *_, **params: prim is name_p and params["name"] not in names


def save_anything_except_these_names(*names_not_to_save: str) -> Policy:
    """Policy: save every value except those with one of these names."""
    names = frozenset(names_not_to_save)
    return lambda prim, *_, **params: prim is not name_p or params["name"] not in names


def save_from_both_policies(policy_1: Policy, policy_2: Policy) -> Policy:
    """Policy: save what either of two policies saves."""
    return lambda prim, *avals, **params: bool(
        policy_1(prim, *avals, **params) or policy_2(prim, *avals, **params))


def offload_dot_with_no_batch_dims(offload_src: str, offload_dst: str) -> Policy:
    """Policy: save the results of contractions without batch axes in another memory."""
    place = Offloadable(offload_src, offload_dst)
    return lambda prim, *avals, **params: (
        place if dots_with_no_batch_dims_saveable(prim, *avals, **params) else Recompute)


def save_and_offload_only_these_names(
        *, names_which_can_be_saved: Iterable[str], names_which_can_be_offloaded: Iterable[str],
        offload_src: str, offload_dst: str) -> Policy:
    """Policy: save the values that `checkpoint_name` gave one of the first names, and those with
    one of the second names in another memory; ValueError for a name that is in both."""
    saved, moved = frozenset(names_which_can_be_saved), frozenset(names_which_can_be_offloaded)
    if saved & moved:
        raise ValueError("save_and_offload_only_these_names: the names should be exclusive and"
                         f" should not intersect, got {sorted(saved & moved)} in both"
                         " names_which_can_be_saved and names_which_can_be_offloaded")
    answers = {**dict.fromkeys(saved, Saveable),
               **dict.fromkeys(moved, Offloadable(offload_src, offload_dst))}
    return lambda prim, *_, **params: (
        answers.get(params["name"], Recompute) if prim is name_p else Recompute)


class checkpoint_policies:  # noqa: N801 - a namespace
    """The policies that `checkpoint` takes: which intermediate values are saved.

    >>> policy = ingot.checkpoint_policies.dots_saveable
    >>> ingot.grad(ingot.checkpoint(lambda x: x * x, policy=policy))(3.0)
    Array(6., dtype=float64, weak_type=True)
    """

    everything_saveable = staticmethod(everything_saveable)
    nothing_saveable = staticmethod(nothing_saveable)
    dots_saveable = checkpoint_dots = staticmethod(dots_saveable)
    dots_with_no_batch_dims_saveable = staticmethod(dots_with_no_batch_dims_saveable)
    checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable
    save_only_these_names = staticmethod(save_only_these_names)
    save_any_names_but_these = staticmethod(save_any_names_but_these)
    save_anything_except_these_names = staticmethod(save_anything_except_these_names)
    save_from_both_policies = staticmethod(save_from_both_policies)
    offload_dot_with_no_batch_dims = staticmethod(offload_dot_with_no_batch_dims)
    save_and_offload_only_these_names = staticmethod(save_and_offload_only_these_names)


# ---- checkpoint_p -------------------------------------------------------------------------------
def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: Jaxpr, **params: Any) -> Any:
    program, has = jvp_jaxpr(jaxpr, [t is not None for t in tangents])
    outs = checkpoint_p.bind(*primals, *(t for t in tangents if t is not None), jaxpr=program,
                             **params)
    n = len(jaxpr.outvars)
    rest = iter(outs[n:])
    return outs[:n], [next(rest) if h else None for h in has]


def _split(jaxpr: Jaxpr, nonzero: Sequence[bool], policy: Policy | None
           ) -> tuple[PartialEvalResult, list[bool]]:
    """The program of results and tangents, split so that only what the policy saves is kept."""
    parts = linearize_jaxpr(inlined(jaxpr), nonzero)
    n_in, n_out = len(jaxpr.invars), len(jaxpr.outvars)

    def fun(*args: Any) -> list[Any]:
        primals, tangents = args[:n_in], args[n_in:]
        outs = evaluate(parts.known, *primals)
        residuals = parts.residuals(primals, outs[n_out:])
        return [*outs[:n_out], *evaluate(parts.linear, *residuals, *tangents)]

    tangents = [a.to_tangent_aval() for a, nz in zip(jaxpr.in_avals, nonzero, strict=True) if nz]
    both = stage(fun, [*jaxpr.in_avals, *tangents], jaxpr.debug_name)
    split = partial_eval_jaxpr(both, [*[False] * n_in, *[True] * len(tangents)],
                               [*[False] * n_out, *[True] * sum(parts.has)],
                               _checked(policy or nothing_saveable))
    return split, parts.has


def _lean(known: Jaxpr, n: int) -> tuple[Jaxpr, list[tuple[str, int]]]:
    """The known program without residuals that are arguments or among its n results, and where each
    residual is: ("argument", i) or ("out", i)."""
    outvars, sources = list(known.outvars[:n]), list[tuple[str, int]]()
    given = {v: ("out", i) for i, v in enumerate(outvars) if is_var(v)}
    given |= {v: ("argument", i) for i, v in enumerate(known.invars)}
    for v in known.outvars[n:]:
        if not (is_var(v) and v in given):
            outvars.append(v)
        sources.append(given[v] if is_var(v) and v in given else ("out", len(outvars) - 1))
    return known.replace(outvars=outvars), sources


def _linearize(nonzero: Sequence[bool], *primals: Any, jaxpr: Jaxpr, policy: Policy | None,
               **params: Any) -> Any:
    split, has = jaxpr.memo(("checkpoint", tuple(nonzero), policy),
                            lambda: _split(jaxpr, nonzero, policy))
    n = len(has)
    known, sources = jaxpr.memo(("lean", tuple(nonzero), policy), lambda: _lean(split.known, n))
    outs = checkpoint_p.bind(*primals, jaxpr=known, policy=policy, **params)
    residuals = [(primals if kind == "argument" else outs)[i] for kind, i in sources]

    def apply(*tangents: Any) -> list[Any]:
        return checkpoint_p.bind(*residuals, *tangents, jaxpr=split.unknown, policy=policy,
                                 **{**params, "differentiated": True})

    return outs[:n], has, apply


def _transpose(cts: Sequence[Any], *args: Any, jaxpr: Jaxpr, **params: Any) -> list[Any]:
    linear = [is_linear(x) for x in args]
    program, has = transpose_jaxpr(jaxpr, linear, [ct is not None for ct in cts])
    known = [x for x in args if not is_linear(x)]
    outs = iter(checkpoint_p.bind(*known, *(ct for ct in cts if ct is not None), jaxpr=program,
                                  **params))
    found = iter([next(outs) if h else None for h in has])
    return [next(found) if lin else None for lin in linear]


def _batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, jaxpr: Jaxpr, **params: Any
           ) -> Any:
    program, out_dims = batch_jaxpr(jaxpr, axis, dims)
    return checkpoint_p.bind(*args, jaxpr=program, **params), out_dims


checkpoint_p = ProgramPrimitive(
    "remat2", close=close_jaxpr,
    type=lambda *avals, jaxpr, **params: jaxpr.out_avals,
    eval=lambda *args, jaxpr, **params: evaluate(jaxpr, *args),
    jvp=_jvp, linearize=_linearize, transpose=_transpose, batch=_batch,
    kernel=lambda build, *args, out, jaxpr, **params: build.inline(jaxpr, args),
    axes_of=axes_of_programs)


# ---- checkpoint ---------------------------------------------------------------------------------
def checkpoint(fun: Callable[..., Any] | None = None, *, prevent_cse: bool = True,
               policy: Policy | None = None, static_argnums: int | Iterable[int] = (),
               static_argnames: str | Iterable[str] = ()) -> Any:
    """Make a function whose intermediate values are computed again when derivatives need them.

    fun: from pytrees of arrays to the same; without it, a decorator. policy: policy(primitive,
    *avals, **params) -> bool says which values to save all the same; see `checkpoint_policies`.
    static_argnums, static_argnames: arguments passed to `fun` as they are. prevent_cse: recorded in
    the program, without effect on its values. -> a function of the same values, which saves memory
    at the price of a second forward computation.

    >>> ingot.grad(ingot.checkpoint(lambda x: x * x))(3.0)
    Array(6., dtype=float64, weak_type=True)
    """
    if fun is None:
        return functools.partial(checkpoint, prevent_cse=prevent_cse, policy=policy,
                                 static_argnums=static_argnums, static_argnames=static_argnames)
    check_callable("checkpoint", "fun", fun)
    nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)

    @api_boundary
    @wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        fixed = {k: v for k, v in kwargs.items() if k in names}
        given = {k: v for k, v in kwargs.items() if k not in names}
        places = {*nums, *(nondiff_positions(fun, (), names) if names else ())}
        split, rest = split_arguments(
            fun, args, [i for i in places if -len(args) <= i < len(args)])
        call = fun
        if split.nums or fixed:
            def call(*dynamic: Any, **named: Any) -> Any:
                return fun(*split.join(dynamic), **named, **fixed)
        return _checkpoint(fun, call, rest, given, prevent_cse, policy)

    return checkpointed


def _checkpoint(fun: Any, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
                prevent_cse: bool, policy: Policy | None) -> Any:
    args, kwargs = hide_references((args, kwargs))
    try:
        return _checkpoint_of_arrays(fun, call, args, kwargs, prevent_cse, policy)
    except ReferencesUsed as used:
        refs = used.references

    def run(values: Any, *dynamic: Any, **named: Any) -> Any:
        finals = bind_references(refs, values)
        return call(*dynamic, **named), finals()

    out, finals = _checkpoint(fun, run, (read_all(refs), *args), kwargs, prevent_cse, policy)
    write_all(refs, finals)
    return out


def _checkpoint_of_arrays(fun: Any, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
                          prevent_cse: bool, policy: Policy | None) -> Any:
    leaves, tree = flatten_arrays(f"checkpoint of {function_name(fun)}", "the arguments",
                                  (args, kwargs))
    target = call
    if kwargs:
        def target(positional: Any, named: Any) -> Any:  # type: ignore[misc]
            return call(*positional, **named)
        in_tree = tree
    else:
        in_tree = treedef_tuple(tree.children()[0].children())
    traced = trace("checkpoint", target, in_tree, [typeof(x) for x in leaves])
    outs = checkpoint_p.bind(*traced.consts, *leaves, jaxpr=traced.jaxpr, prevent_cse=prevent_cse,
                             differentiated=False, policy=policy)
    return tree_unflatten(traced.out_tree, outs)


remat = renamed(checkpoint, "remat")
__all__ = ["Offloadable", "Recompute", "Saveable", "checkpoint", "checkpoint_name", "checkpoint_p",
           "checkpoint_policies", "name_p", "remat"]
