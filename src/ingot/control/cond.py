"""cond and switch: one of several programs, chosen by a scalar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.calls import called
from ingot.config import config
from ingot.control import control_flow_kernels
from ingot.control.batched_cond import Branches, select_branches, union
from ingot.control.program_primitive import Equation, ProgramPrimitive, closes_over_traced
from ingot.control.references import (
    cond_passed,
    cond_using,
    switch_passed,
    switch_using,
    with_references,
)
from ingot.control.tracing import (
    TracedFunction,
    axes_of_programs,
    check_callable,
    evaluate,
    flatten_arrays,
    function_place,
    leaf_paths,
    pcast_hints,
    permuted,
    trace,
    tree_differences,
    type_differences,
)
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis
from ingot.core.backend import run
from ingot.core.interpreter import Tracer, to_array, typeof
from ingot.core.jaxpr import Jaxpr, Literal, Var
from ingot.core.primitive import is_linear
from ingot.primitives.compare import ne
from ingot.primitives.convert import convert_element_type
from ingot.primitives.movement import move_axis, scalar, zeros
from ingot.primitives.select import clamp
from ingot.transforms.batch import batch_jaxpr, matchaxis
from ingot.transforms.jvp import jvp_jaxpr
from ingot.transforms.linearize import LinearizedJaxpr, linearize_jaxpr
from ingot.transforms.stage import hoist_traced_constants, stage
from ingot.transforms.transpose import transpose_jaxpr
from ingot.tree import tree_unflatten
from ingot.util import merge_lists, partition_list, split_list


# ---- cond_p -------------------------------------------------------------------------------------
def _cond_type(index: ShapedArray, *operands: ShapedArray, branches: Branches, **params: Any
               ) -> list[ShapedArray]:
    return branches[0].out_avals  # the others may differ in weak types, which the first decides


def _cond_eval(index: Array, *operands: Array, branches: Branches, **params: Any) -> list[Array]:
    which = min(max(int(fetch(index)), 0), len(branches) - 1)
    avals = _cond_type(index.aval, branches=branches)
    outs = run(branches[which], operands)
    return [Array(o._data, a) for o, a in zip(outs, avals, strict=True)]


def _cond_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, branches: Branches, **params: Any
              ) -> Any:
    (index, *operands), (_, *given) = primals, tangents
    nonzero = [t is not None for t in given]
    has = union([jvp_jaxpr(b, nonzero)[1] for b in branches])
    programs = tuple(jvp_jaxpr(b, nonzero, has)[0] for b in branches)
    outs = cond_p.bind(index, *operands, *(t for t in given if t is not None), branches=programs,
                       **params)
    n = len(has)
    rest = iter(outs[n:])
    return outs[:n], [next(rest) if h else None for h in has]


# ---- cond_p: linearization ----------------------------------------------------------------------
@dataclass
class _Linearized:
    """`known` branches: operands -> results and `slots`, arrays that hold the residuals of the one
    that runs; `linear` branches: slots, operands, tangents -> tangents."""

    known: Branches
    linear: Branches
    has: list[bool]


def _linearize_branches(branches: Branches, nonzero: Sequence[bool]) -> _Linearized:
    has = union([linearize_jaxpr(b, nonzero).has for b in branches])
    splits = [linearize_jaxpr(b, nonzero, has) for b in branches]
    n = len(has)
    slots: list[ShapedArray] = []
    places = []
    for split in splits:
        places.append(_assign(slots, [v.aval for v in split.known.outvars[n:]]))
    known = tuple(_fill_slots(s.known, n, place, slots)
                  for s, place in zip(splits, places, strict=True))
    linear = tuple(_read_slots(s, place, slots) for s, place in zip(splits, places, strict=True))
    return _Linearized(known, linear, has)


def _assign(slots: list[ShapedArray], avals: Sequence[ShapedArray]) -> list[int]:
    """A slot of the right type for each residual of a branch; adds slots where they lack."""
    free = list(range(len(slots)))
    places = []
    for aval in avals:
        found = next((i for i in free if slots[i].same_type(aval)), None)
        if found is None:
            found = len(slots)
            slots.append(aval)
        else:
            free.remove(found)
        places.append(found)
    return places


def _fill_slots(known: Jaxpr, num_outs: int, places: Sequence[int], slots: Sequence[ShapedArray]
                ) -> Jaxpr:
    """The branch with one result for each slot, zeros where it has no residual for it."""
    def fun(*args: Any) -> list[Any]:
        outs = evaluate(known, *args)
        held = dict(zip(places, outs[num_outs:], strict=True))
        return [*outs[:num_outs],
                *(held[i] if i in held else zeros(a) for i, a in enumerate(slots))]

    return stage(fun, known.in_avals, known.debug_name)


def _read_slots(split: LinearizedJaxpr, places: Sequence[int], slots: Sequence[ShapedArray]
                ) -> Jaxpr:
    """The linear branch as a program of (slots, operands, tangents)."""
    operands = split.known.in_avals
    tangents = [v.aval for v in split.linear.invars[len(split.forwarded) :]]

    def fun(*args: Any) -> list[Any]:
        held, given, ts = split_list(args, [len(slots), len(operands)])
        return evaluate(split.linear, *split.residuals(given, [held[i] for i in places]), *ts)

    return stage(fun, [*slots, *operands, *tangents], split.linear.debug_name)


def _cond_linearize(nonzero: Sequence[bool], index: Any, *operands: Any, branches: Branches,
                    **params: Any) -> Any:
    flags = tuple(nonzero[1:])
    split = branches[0].memo(("cond_linearize", flags, branches[1:]),
                             lambda: _linearize_branches(branches, flags))
    outs = cond_p.bind(index, *operands, branches=split.known, **params)
    n = len(split.has)
    held = outs[n:]

    def apply(*tangents: Any) -> list[Any]:
        return cond_p.bind(index, *held, *operands, *tangents, branches=split.linear, **params)

    return outs[:n], split.has, apply


# ---- cond_p: transposition ----------------------------------------------------------------------
def _transpose_branches(branches: Branches, linear: Sequence[bool], have: Sequence[bool]
                        ) -> tuple[Branches, list[bool]]:
    has = union([transpose_jaxpr(b, linear, have)[1] for b in branches])
    avals = [a for a, lin in zip(branches[0].in_avals, linear, strict=True) if lin]

    def padded(branch: Jaxpr) -> Jaxpr:
        program, own = transpose_jaxpr(branch, linear, have)

        def fun(*args: Any) -> list[Any]:
            rest = iter(evaluate(program, *args))
            found = [next(rest) if h else None for h in own]
            return [zeros(a) if ct is None else ct
                    for ct, a, h in zip(found, avals, has, strict=True) if h]

        return stage(fun, program.in_avals, program.debug_name)

    return tuple(padded(b) for b in branches), has


def _cond_transpose(cts: Sequence[Any], index: Any, *operands: Any, branches: Branches,
                    **params: Any) -> list[Any]:
    linear = tuple(is_linear(x) for x in operands)
    have = tuple(ct is not None for ct in cts)
    programs, has = branches[0].memo(
        ("cond_transpose", linear, have, branches[1:]),
        lambda: _transpose_branches(branches, linear, have))
    known = [x for x in operands if not is_linear(x)]
    outs = iter(cond_p.bind(index, *known, *(ct for ct in cts if ct is not None),
                            branches=programs, **params))
    found = iter([next(outs) if h else None for h in has])
    return [None, *(next(found) if lin else None for lin in linear)]


# ---- cond_p: batching ---------------------------------------------------------------------------
def _cond_batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, branches: Branches,
                **params: Any) -> Any:
    (index, *operands), (index_dim, *operand_dims) = args, dims
    placed = [matchaxis(x, d, None if d is None else 0, axis)
              for x, d in zip(operands, operand_dims, strict=True)]
    flags = [None if d is None else 0 for d in operand_dims]
    forced = union([[d is not None for d in batch_jaxpr(b, axis, flags)[1]] for b in branches])
    if index_dim is None:
        programs = tuple(batch_jaxpr(b, axis, flags, forced)[0] for b in branches)
        outs = cond_p.bind(index, *placed, branches=programs, **params)
        return outs, [0 if f else None for f in forced]
    return select_branches(axis, move_axis(index, index_dim, 0), placed, flags, branches)


def _cond_close(args: Sequence[Any], params: dict[str, Any]) -> Equation:
    if not closes_over_traced(params["branches"]):
        return args, params
    branches, traced = _shared([hoist_traced_constants(b) for b in params["branches"]])
    return [args[0], *traced, *args[1:]], {**params, "branches": branches}


cond_p = ProgramPrimitive(
    "cond", close=_cond_close, type=_cond_type, eval=_cond_eval,
    jvp=_cond_jvp, linearize=_cond_linearize, transpose=_cond_transpose, batch=_cond_batch,
    kernel=control_flow_kernels.cond_kernel, axes_of=axes_of_programs)


# ---- cond and switch ----------------------------------------------------------------------------
_MISSING: Any = object()


def _trace_branches(what: str, funs: Sequence[Any], operands: tuple[Any, ...]
                    ) -> tuple[Branches, list[Any], Any]:
    """Programs of functions of the same operands, over the constants of all of them."""
    leaves, in_tree = flatten_arrays(what, "operands", operands)
    avals = [typeof(x) for x in leaves]
    traced = [trace(what, f, in_tree, avals, "the operands") for f in funs]
    _check_outputs(what, funs, traced)
    branches, consts = _shared([(t.jaxpr, t.consts) for t in traced])
    return branches, [*consts, *leaves], traced[0].out_tree


def _shared(branches: Sequence[tuple[Jaxpr, list[Any]]]) -> tuple[Branches, list[Any]]:
    """Branches whose leading arguments are their own constants, over the constants of all."""
    consts: dict[int, Any] = {id(c): c for _, own in branches for c in own}
    avals = tuple(typeof(c) for c in consts.values())
    names = list(consts)
    return tuple(_with_constants(jaxpr, tuple(names.index(id(c)) for c in own), avals)
                 for jaxpr, own in branches), list(consts.values())


def _with_constants(jaxpr: Jaxpr, places: tuple[int, ...], avals: tuple[ShapedArray, ...]) -> Jaxpr:
    """A branch with constants of these types as leading arguments; its own are at `places`."""
    if places == tuple(range(len(avals))):
        return jaxpr

    def make() -> Jaxpr:
        shared = [Var(a) for a in avals]
        for place, var in zip(places, jaxpr.invars, strict=False):
            shared[place] = var
        return permuted(jaxpr, [*shared, *jaxpr.invars[len(places) :]], jaxpr.outvars)

    return jaxpr.memo(("shared_constants", places, avals), make)


def _check_outputs(what: str, funs: Sequence[Any], traced: Sequence[TracedFunction]) -> None:
    first = traced[0]
    for k, (f, other) in enumerate(zip(funs[1:], traced[1:], strict=True), 1):
        roles = ("false_fun", "true_fun") if what == "cond" else ("branch 0", f"branch {k}")
        names = f"{roles[0]}, {function_place(funs[0])}, and {roles[1]}, {function_place(f)},"
        if first.out_tree != other.out_tree:
            raise TypeError(
                f"{what}: branches must return the same structure, but {names} differ:\n"
                f"{tree_differences(first.out_tree, other.out_tree, 'result')}")
        wrong = type_differences(
            first.out_avals, other.out_avals, leaf_paths(first.out_tree),
            f"{roles[0]} returns", f"{roles[1]} returns", "result")
        if wrong:
            hints = pcast_hints([
                (f"the output of {role}", a, b)
                for x, y in zip(first.out_avals, other.out_avals, strict=True)
                for role, a, b in zip(roles, (x, y), (y, x), strict=True)])
            raise TypeError(f"{what}: branches must return the same types, but {names} differ:\n"
                            f"{wrong}\nConvert one of them, e.g. with x.astype(dtype){hints}")


def _run(index: Any, funs: Sequence[Any], operands: tuple[Any, ...], what: str) -> Any:
    branches, args, out_tree = _trace_branches(what, funs, operands)
    returned = _forwarded_operands(branches)
    mask = [place is not None for place in returned]
    given = [args[place] for place in returned if place is not None]
    if given:
        branches = tuple(b.memo(("computed", tuple(mask)), lambda b=b: permuted(
            b, b.invars, partition_list(mask, b.outvars)[0])) for b in branches)
    outs = cond_p.bind(index, *args, branches=branches)
    return tree_unflatten(out_tree, merge_lists(mask, outs, given))


def _forwarded_operands(branches: Branches) -> list[int | None]:
    """For each result the operand that all branches return there as it is."""
    places = [{v: i for i, v in enumerate(b.invars)} for b in branches]
    found = [[None if type(v) is Literal else own.get(v) for v in b.outvars]  # type: ignore[arg-type]
             for b, own in zip(branches, places, strict=True)]
    return [column[0] if len(set(column)) == 1 else None
            for column in zip(*found, strict=True)]


@with_references(cond_using, cond_passed)
def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any,
         operand: Any = _MISSING) -> Any:
    """Apply one of two functions, chosen at run time; only that one runs.

    pred: boolean or number []. true_fun, false_fun: of `operands`, with results of the same
    structure and types, else TypeError. operands: pytrees of arrays; operand: a single one, by
    keyword -> `true_fun(*operands)` if pred, else `false_fun(*operands)`. Under vmap over pred,
    both run and the result is selected.

    >>> lax.cond(True, lambda x: x + 1, lambda x: x - 1, 5)
    Array(6, dtype=int64, weak_type=True)
    """
    operands = _operands("cond", operands, operand)
    if not callable(true_fun) and len(operands) == 2 and callable(operands[1]):
        return _cond_per_branch(pred, true_fun, false_fun, *operands)
    check_callable("cond", "true_fun", true_fun)
    check_callable("cond", "false_fun", false_fun)
    pred = _scalar("cond", "pred", pred, "a boolean or a number")
    if dtypes.kind(pred.dtype) != "b":
        pred = ne(pred, scalar(0, pred.dtype, pred.weak_type))
    if config.disable_jit and not isinstance(pred, Tracer):
        return (true_fun if bool(fetch(pred)) else false_fun)(*operands)
    return _run(convert_element_type(pred, np.int32), [false_fun, true_fun], operands, "cond")


def _operands(what: str, operands: tuple[Any, ...], operand: Any) -> tuple[Any, ...]:
    if operand is _MISSING:
        return operands
    if operands:
        raise TypeError(f"{what}: give operands by position, or one with operand=, not both")
    return (operand,)


def _cond_per_branch(pred: Any, true_operand: Any, true_fun: Any, false_operand: Any,
                     false_fun: Any) -> Any:
    """The older form of cond, with an operand for each branch."""
    return cond(pred, lambda x, y: true_fun(x), lambda x, y: false_fun(y), true_operand,
                false_operand)


@with_references(switch_using, switch_passed)
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any,
           operand: Any = _MISSING) -> Any:
    """Apply one of several functions, chosen at run time; only that one runs.

    index: integer [], clamped to the valid range. branches: functions of `operands`, with results
    of the same structure and types, else TypeError. operands: pytrees of arrays; operand: a single
    one, by keyword -> `branches[index](*operands)`. Raises ValueError without branches.

    >>> lax.switch(1, [lambda x: x, lambda x: 2 * x, lambda x: 3 * x], 5)
    Array(10, dtype=int64, weak_type=True)
    """
    operands = _operands("switch", operands, operand)
    if not isinstance(branches, Iterable):
        raise TypeError(f"switch: branches must be a list of functions, got {branches!r:.60} of"
                        f" type {type(branches).__name__}; operands come after it")
    branches = list(branches)
    if not branches:
        raise ValueError("switch: at least one branch is needed, got none")
    for i, f in enumerate(branches):
        check_callable("switch", f"branches[{i}]", f)
    index = _scalar("switch", "index", index, "an integer")
    if dtypes.kind(index.dtype) not in "iu":
        raise TypeError(f"switch: index must be an integer, got {typeof(index)}; convert it first")
    if len(branches) == 1:
        return called("switch", branches[0], operands, given="the operands")
    last = len(branches) - 1
    if config.disable_jit and not isinstance(index, Tracer):
        chosen = branches[min(max(int(fetch(index)), 0), last)]
        return called("switch", chosen, operands, given="the operands")
    index = convert_element_type(_clamp_index(index, last), np.int32)
    return _run(index, branches, operands, "switch")


def _clamp_index(index: Any, last: int) -> Any:
    """The index clamped to [0, last] in its own dtype."""
    limit = min(last, dtypes.iinfo(index.dtype).max)
    return clamp(scalar(0, index.dtype), index, scalar(limit, index.dtype))


def _scalar(what: str, name: str, x: Any, kind: str) -> Any:
    try:
        x = to_array(x)
        aval = x.aval
    except TypeError:
        raise TypeError(f"{what}: {name} must be {kind}, got {x!r:.60} of type {type(x).__name__}"
                        ) from None
    if aval.shape:
        raise TypeError(f"{what}: {name} must be a scalar, got {aval}; reduce it first, e.g. with"
                        f" {name}.all() or {name}.any(), or choose elementwise with where")
    if dtypes.kind(aval.dtype) not in "biufc":
        raise TypeError(f"{what}: {name} must be {kind}, got {aval}")
    return x
