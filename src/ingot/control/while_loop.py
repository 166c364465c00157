"""while_loop and fori_loop: a body repeated while a condition holds, or a number of times."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from ingot import dtypes
from ingot.calls import called
from ingot.config import config
from ingot.control import control_flow_kernels
from ingot.control.program_primitive import Equation, ProgramPrimitive
from ingot.control.references import fori_using, while_using, with_references
from ingot.control.scan import bind_scan, scan_p, unroll_count
from ingot.control.scan_bodies import carry_fixpoint
from ingot.control.tracing import (
    TracedFunction,
    add_unused_inputs,
    axes_of_programs,
    carry_to_consts,
    check_callable,
    check_carry,
    evaluate,
    flatten_arrays,
    forwarded_carry,
    function_place,
    permuted,
    promote_weak_carry,
    run_whole,
    trace,
)
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis
from ingot.core.backend import get_backend
from ingot.core.effects import ORDERED_IO
from ingot.core.interpreter import Tracer, to_array, typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.nan_check import note_iteration
from ingot.core.source_info import describe, user_source
from ingot.errors import ReverseModeError, UndefinedRuleError
from ingot.primitives.arithmetic import add
from ingot.primitives.compare import lt
from ingot.primitives.convert import convert_element_type_p
from ingot.primitives.movement import broadcast_in_dim, scalar, zeros
from ingot.primitives.reduce import reduce_or
from ingot.primitives.select import select_n
from ingot.transforms.batch import batch_jaxpr, mapped_aval, matchaxis
from ingot.transforms.jvp import jvp_jaxpr
from ingot.transforms.stage import hoist_traced_constants, known_array, stage
from ingot.tree import tree_structure, tree_unflatten, treedef_tuple
from ingot.util import merge_lists, partition_list, split_list


# ---- while_p ------------------------------------------------------------------------------------
def _while_type(*avals: ShapedArray, body_jaxpr: Jaxpr, **params: Any) -> list[ShapedArray]:
    return body_jaxpr.out_avals


def _while_eval(*args: Array, **params: Any) -> list[Array]:
    if not get_backend().interprets:
        return run_whole(while_p, params["body_jaxpr"], args, params)
    return _loop(args, **params)


def _loop(args: Sequence[Array], *, cond_nconsts: int, cond_jaxpr: Jaxpr, body_nconsts: int,
          body_jaxpr: Jaxpr) -> list[Array]:
    """The meaning of while: its body, for as long as the condition holds."""
    cond_consts, body_consts, carry = split_list(args, [cond_nconsts, body_nconsts])
    for i in itertools.count():
        try:
            if not bool(fetch(evaluate(cond_jaxpr, *cond_consts, *carry)[0])):
                break
            carry = evaluate(body_jaxpr, *body_consts, *carry)
        except FloatingPointError as error:
            note_iteration(error, i)
            raise
    return [Array(x._data, a) for x, a in zip(carry, body_jaxpr.out_avals, strict=True)]


# ---- while_p: derivatives -----------------------------------------------------------------------
def _jvp_programs(cond_jaxpr: Jaxpr, body_jaxpr: Jaxpr, consts: Sequence[bool], init: Sequence[bool]
                  ) -> tuple[Jaxpr, Jaxpr, list[bool]]:
    """Condition and body over (carry, tangents of the carry), and which of these there are."""
    def step(now: list[bool]) -> list[bool]:
        return jvp_jaxpr(body_jaxpr, [*consts, *now], now)[1]

    carry = carry_fixpoint(init, step)
    program, _ = jvp_jaxpr(body_jaxpr, [*consts, *carry], carry)
    n, n_in, n_const = len(carry), len(body_jaxpr.invars), sum(consts)
    primals, tangents = program.invars[:n_in], program.invars[n_in:]
    body = permuted(program, [*primals[: n_in - n], *tangents[:n_const], *primals[n_in - n :],
                              *tangents[n_const:]], program.outvars)
    copy_source(body_jaxpr, body)
    extra = [v.aval for v in tangents[n_const:]]
    return add_unused_inputs(cond_jaxpr, extra), body, carry


def _bind_jvp(primals: Sequence[Any], tangents: Sequence[Any], nonzero: Sequence[bool],
              params: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Run the derivative loop; results and their tangents (None where there is none)."""
    n_cond, n_body = params["cond_nconsts"], params["body_nconsts"]
    cond_consts, body_consts, init = split_list(primals, [n_cond, n_body])
    _, const_ts, init_ts = split_list(tangents, [n_cond, n_body])
    _, const_nz, init_nz = split_list(list(nonzero), [n_cond, n_body])
    cond, body, carry = params["body_jaxpr"].memo(
        ("while_jvp", params["cond_jaxpr"], tuple(const_nz), tuple(init_nz)),
        lambda: _jvp_programs(params["cond_jaxpr"], params["body_jaxpr"], const_nz, init_nz))
    init_ts = [zeros(typeof(x).to_tangent_aval()) if t is None else t
               for t, x, nz in zip(init_ts, init, carry, strict=True) if nz]
    const_ts = [t for t in const_ts if t is not None]
    outs = while_p.bind(
        *cond_consts, *body_consts, *const_ts, *init, *init_ts, cond_nconsts=n_cond,
        cond_jaxpr=cond, body_nconsts=n_body + len(const_ts), body_jaxpr=body)
    rest = iter(outs[len(carry) :])
    return outs[: len(carry)], [next(rest) if nz else None for nz in carry]


def _while_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    return _bind_jvp(primals, tangents, [t is not None for t in tangents], params)


def _while_linearize(nonzero: Sequence[bool], *primals: Any, **params: Any) -> Any:
    """The tangents are those of the derivative loop, which computes the primals once more."""
    n_cond, n_body = params["cond_nconsts"], params["body_nconsts"]
    body = params["body_jaxpr"]
    outs = while_p.bind(*primals, **params)
    consts, init = list(nonzero[n_cond : n_cond + n_body]), list(nonzero[n_cond + n_body :])
    has = carry_fixpoint(init, lambda now: jvp_jaxpr(body, [*consts, *now], now)[1])

    def apply(*tangents: Any) -> list[Any]:
        rest = iter(tangents)
        full = [next(rest) if nz else None for nz in nonzero]
        _, out_ts = _bind_jvp(primals, full, nonzero, params)
        return [t for t in out_ts if t is not None]

    return outs, has, apply


def _while_transpose(cts: Sequence[Any], *args: Any, body_jaxpr: Jaxpr, **params: Any) -> Any:
    where = _source_of(body_jaxpr)
    raise ReverseModeError(
        f"while_loop: no reverse-mode derivative, since the number of iterations is not known in"
        f" advance and so neither is the memory for their values; the loop is at {where}.\nUse"
        " fori_loop with bounds that are Python integers, or scan, or define the derivative with"
        " custom_vjp (or custom_root, if the loop solves an equation). Forward mode works: jvp,"
        " jacfwd.")


def _source_of(body: Jaxpr) -> str:
    """Where the loop was written."""
    return describe(body.memo("source", lambda: None))


def copy_source(old: Jaxpr, new: Jaxpr) -> Jaxpr:
    """Let a program that was made from a loop body know where the loop was written."""
    new.memo("source", lambda: old.memo("source", lambda: None))
    return new


# ---- while_p: batching --------------------------------------------------------------------------
def _check_unordered(cond_jaxpr: Jaxpr, body_jaxpr: Jaxpr) -> None:
    if ORDERED_IO in cond_jaxpr.effects | body_jaxpr.effects:
        raise UndefinedRuleError(
            "while_loop: a loop with an ordered io_callback cannot be mapped over a batched"
            " condition, since the order of its calls is not defined; use ordered=False, or"
            " lax.map")


def _while_batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, cond_nconsts: int,
                 cond_jaxpr: Jaxpr, body_nconsts: int, body_jaxpr: Jaxpr) -> Any:
    """One loop over batches; if the condition is mapped, one loop for each entry.

    Only where entries talk to each other along the axis do all run until the last one is done.
    """
    flags = [d is not None for d in dims]
    cond_flags, body_flags, carry = split_list(flags, [cond_nconsts, body_nconsts])

    def mapped(jaxpr: Jaxpr, consts: Sequence[bool], now: Sequence[bool], force: Any) -> Any:
        return batch_jaxpr(jaxpr, axis, [0 if b else None for b in (*consts, *now)], force)

    def step(now: list[bool]) -> list[bool]:
        if mapped(cond_jaxpr, cond_flags, now, False)[1][0] is not None:
            return [True] * len(now)
        return [d is not None for d in mapped(body_jaxpr, body_flags, now, now)[1]]

    carry = carry_fixpoint(carry, step)
    cond, (cond_dim,) = mapped(cond_jaxpr, cond_flags, carry, False)
    if cond_dim is not None:
        programs = {"cond_jaxpr": cond_jaxpr, "body_jaxpr": body_jaxpr}
        _check_unordered(cond_jaxpr, body_jaxpr)
        if axis.name not in axes_of_programs(**programs):
            params = dict(programs, cond_nconsts=cond_nconsts, body_nconsts=body_nconsts)
            return _one_by_one(axis, args, dims, params), [0] * len(carry)
    body, _ = mapped(body_jaxpr, body_flags, carry, carry)
    placed = [matchaxis(x, d, 0 if b else None, axis)
              for x, d, b in zip(args, dims, [*cond_flags, *body_flags, *carry], strict=True)]
    if cond_dim is not None:
        cond_consts = placed[:cond_nconsts]
        cond, body = body.memo(("while_select", cond, cond_nconsts, body_nconsts),
                               lambda: _select_active(cond, body, cond_nconsts, body_nconsts))
        placed = [*cond_consts, *cond_consts, *placed[cond_nconsts:]]
        body_nconsts += cond_nconsts
    copy_source(body_jaxpr, body)
    outs = while_p.bind(*placed, cond_nconsts=cond_nconsts, cond_jaxpr=cond,
                        body_nconsts=body_nconsts, body_jaxpr=body)
    return outs, [0 if b else None for b in carry]


def _one_by_one(axis: Axis, args: Sequence[Any], dims: Sequence[Any], params: dict[str, Any]
                ) -> list[Any]:
    """A scan over the entries of the axis, each of which loops to its own end."""
    mapped = [d is not None for d in dims]
    order = [*(k for k, m in enumerate(mapped) if not m), *(k for k, m in enumerate(mapped) if m)]
    shared = len(args) - sum(mapped)

    def entry(*values: Any) -> list[Any]:
        return while_p.bind(*(values[k] for k in inverse), **params)

    def program() -> Jaxpr:
        avals = [typeof(x) if d is None else mapped_aval(typeof(x), d)
                 for x, d in zip(args, dims, strict=True)]
        return stage(entry, [avals[k] for k in order], params["body_jaxpr"].debug_name)

    inverse = sorted(range(len(order)), key=order.__getitem__)
    jaxpr = params["body_jaxpr"].memo(("each", params["cond_jaxpr"], tuple(mapped)), program)
    placed = [args[k] if dims[k] is None else matchaxis(args[k], dims[k], 0, axis)
              for k in order]
    return scan_p.bind(
        *placed, reverse=False, length=axis.size, jaxpr=jaxpr, num_consts=shared, num_carry=0,
        linear=(False,) * len(args), unroll=1, _split_transpose=False)


def _select_active(cond: Jaxpr, body: Jaxpr, cond_nconsts: int, body_nconsts: int
                   ) -> tuple[Jaxpr, Jaxpr]:
    """A loop until all are done whose body leaves alone what belongs to those that are."""
    def any_left(*args: Any) -> list[Any]:
        return [reduce_or(evaluate(cond, *args)[0], (0,))]

    def guarded(*args: Any) -> list[Any]:
        cond_consts, body_consts, carry = split_list(args, [cond_nconsts, body_nconsts])
        (going,) = evaluate(cond, *cond_consts, *carry)
        after = evaluate(body, *body_consts, *carry)
        return [select_n(broadcast_in_dim(going, typeof(old).shape, (0,)), old, new)
                for old, new in zip(carry, after, strict=True)]

    avals = [*cond.in_avals[:cond_nconsts], *body.in_avals]
    return (stage(any_left, cond.in_avals, cond.debug_name),
            stage(guarded, avals, body.debug_name))


def _while_close(args: Sequence[Any], params: dict[str, Any]) -> Equation:
    cond, of_cond = hoist_traced_constants(params["cond_jaxpr"])
    body, of_body = hoist_traced_constants(params["body_jaxpr"])
    if not of_cond and not of_body:
        return args, params
    copy_source(params["body_jaxpr"], body)
    n = params["cond_nconsts"]
    return [*of_cond, *args[:n], *of_body, *args[n:]], {
        "cond_jaxpr": cond, "cond_nconsts": len(of_cond) + n,
        "body_jaxpr": body, "body_nconsts": len(of_body) + params["body_nconsts"]}


while_p = ProgramPrimitive(
    "while", close=_while_close, type=_while_type, eval=_while_eval,
    jvp=_while_jvp, linearize=_while_linearize, transpose=_while_transpose, batch=_while_batch,
    kernel=control_flow_kernels.while_kernel, axes_of=axes_of_programs)


# ---- while_loop ---------------------------------------------------------------------------------
@with_references(while_using)
def while_loop(cond_fun: Callable[..., Any], body_fun: Callable[..., Any], init_val: Any) -> Any:
    """`body_fun` applied to `init_val` again and again, for as long as `cond_fun` is true of it.

    cond_fun: carry -> boolean []; body_fun: carry -> carry of the same structure and types.
    -> the last carry. Raises TypeError if the types do not fit. Differentiable in forward mode.

    >>> lax.while_loop(lambda x: x < 100, lambda x: 2 * x, 3)
    Array(192, dtype=int64, weak_type=True)
    """
    check_callable("while_loop", "cond_fun", cond_fun)
    check_callable("while_loop", "body_fun", body_fun)
    init, tree = flatten_arrays("while_loop", "init_val", init_val)
    if config.disable_jit and not any(isinstance(x, Tracer) for x in init):
        carry = tree_unflatten(tree, init)
        while True:
            going = to_array(called("while_loop", cond_fun, (carry,), given="the carry"))
            if isinstance(going, Tracer):
                break
            if not bool(fetch(going)):
                return carry
            carry = called("while_loop", body_fun, (carry,), given="the carry")
        # The condition closes over what is traced, as under vmap: Python cannot run the loop.
    in_tree = treedef_tuple([tree])
    while True:
        avals = [typeof(x) for x in init]
        body = trace("while_loop", body_fun, in_tree, avals, "the carry")
        converted = promote_weak_carry(init, avals,
                                       body.out_avals) if body.out_tree == tree else None
        if converted is None:
            break
        init = converted
    check_carry("while_loop", "init_val", tree, avals, body.out_tree, body.out_avals, body_fun)
    body.jaxpr.memo("source", user_source)
    cond = trace("while_loop", cond_fun, in_tree, avals, "the carry")
    _check_condition(cond_fun, cond.out_tree, cond.out_avals)
    outs = bind_while(cond.jaxpr, cond.consts, body.jaxpr, body.consts, init)
    return tree_unflatten(tree, outs)


def bind_while(cond: Jaxpr, cond_consts: Sequence[Any], body: Jaxpr, body_consts: Sequence[Any],
               init: Sequence[Any]) -> list[Any]:
    """The loop of two programs; what the body hands on as it came is a constant of both."""
    fixed = forwarded_carry(body, len(body_consts), len(init))
    moving, still = partition_list(fixed, init)
    if still:
        tested = carry_to_consts(cond, fixed, len(cond_consts), True)
        turn = carry_to_consts(body, fixed, len(body_consts), False)
        copy_source(body, turn)
        cond, body = tested, turn
    outs = while_p.bind(
        *cond_consts, *still, *body_consts, *still, *moving, cond_jaxpr=cond, body_jaxpr=body,
        cond_nconsts=len(cond_consts) + len(still), body_nconsts=len(body_consts) + len(still))
    return merge_lists(fixed, outs, still)


def _check_condition(cond_fun: Any, tree: Any, avals: Sequence[ShapedArray]) -> None:
    good = len(avals) == 1 and avals[0].shape == () and dtypes.kind(avals[0].dtype) == "b" \
        and not tree.children()
    if not good:
        got = ", ".join(map(str, avals)) if not tree.children() and avals else str(tree)
        raise TypeError(f"while_loop: the condition {function_place(cond_fun)} must return a"
                        f" boolean scalar, bool[], got {got}; compare, or reduce with .any() or"
                        " .all()")


# ---- fori_loop ----------------------------------------------------------------------------------
@with_references(fori_using)
def fori_loop(lower: Any, upper: Any, body_fun: Callable[..., Any], init_val: Any, *,
              unroll: int | bool | None = None) -> Any:
    """Repeat a function for each integer of a range.

    lower, upper: scalars of one dtype, rounded to integers where both are known: the loop is a scan
    then, which has derivatives in reverse mode and may be unrolled; else it is a while_loop.
    body_fun: (i, x) -> x of the same structure and types, else TypeError. init_val: the first x.
    unroll: how many steps are written out, True for all. -> the x after the step for `upper - 1`.

    >>> lax.fori_loop(0, 4, lambda i, x: x + i, 10)
    Array(16, dtype=int64, weak_type=True)
    """
    check_callable("fori_loop", "body_fun", body_fun)
    start, stop = _bounds(lower, upper)
    init, tree = flatten_arrays("fori_loop", "init_val", init_val)
    first, last = known_array(start), known_array(stop)
    if config.disable_jit and first is not None and last is not None:
        x = init_val
        for i in range(int(first), int(last)):
            x = called("fori_loop", body_fun, (scalar(i, start.dtype, start.weak_type), x),
                       given="(i, carry)")
        return x
    body, init = _trace_counted(body_fun, start, init, tree)
    if first is None or last is None:
        if unroll:
            raise ValueError("fori_loop: unroll needs bounds that are known, not traced values")
        outs = _bind_while(body, start, stop, init)
    else:
        start = scalar(int(first), start.dtype, start.weak_type)
        outs = _bind_scan(body, start, max(int(last) - int(first), 0), unroll or 1, init)
    return tree_unflatten(tree, outs)


def _bounds(lower: Any, upper: Any) -> tuple[Any, Any]:
    """Both bounds in one type."""
    bounds = []
    for name, x in (("lower", lower), ("upper", upper)):
        try:
            x = to_array(x)
        except TypeError:
            raise TypeError(f"fori_loop: {name} must be an integer, got {x!r:.60}") from None
        if x.shape or dtypes.kind(x.dtype) not in "iuf":
            raise TypeError(f"fori_loop: {name} must be a real scalar, got {typeof(x)}")
        bounds.append(x)
    start, stop = bounds
    mixed = (dtypes.kind(start.dtype) == "f") != (dtypes.kind(stop.dtype) == "f")
    if mixed or (start.dtype != stop.dtype and not (start.weak_type or stop.weak_type)):
        raise TypeError(f"fori_loop: lower and upper must have one type, got {typeof(start)} and"
                        f" {typeof(stop)}; convert one of them")
    if start.dtype == stop.dtype:
        return start, stop
    dtype, weak = dtypes.lattice_promote([x.dtype for x in bounds], [x.weak_type for x in bounds])
    first, second = (convert_element_type_p.bind(x, new_dtype=dtype, weak_type=weak, sharding=None)
                     if (x.dtype, x.weak_type) != (dtype, weak) else x for x in bounds)
    return first, second


def _trace_counted(body_fun: Any, start: Any, init: list[Any], tree: Any
                   ) -> tuple[TracedFunction, list[Any]]:
    """The program of a body of (counter, x), and x in the types that the body gives it."""
    in_tree = treedef_tuple([tree_structure(0), tree])
    while True:
        avals = [typeof(x) for x in init]
        body = trace("fori_loop", body_fun, in_tree, [typeof(start), *avals], "(i, carry)")
        converted = promote_weak_carry(init, avals,
                                       body.out_avals) if body.out_tree == tree else None
        if converted is None:
            break
        init = converted
    check_carry("fori_loop", "init_val", tree, avals, body.out_tree, body.out_avals, body_fun)
    body.jaxpr.memo("source", user_source)
    return body, init


def _count_steps(body: TracedFunction, counter: ShapedArray,
                 bounds: Sequence[ShapedArray]) -> Jaxpr:
    """The body as a program of (counter, its bound if there is a type for it, x)."""
    n = len(body.consts)

    def fun(*args: Any) -> list[Any]:
        consts, (i, *rest) = args[:n], args[n:]
        bound, x = split_list(rest, [len(bounds)])
        after = add(i, scalar(1, counter.dtype, counter.weak_type))
        return [after, *bound, *evaluate(body.jaxpr, *consts, i, *x)]

    avals = body.jaxpr.in_avals
    return stage(fun, [*avals[:n], counter, *bounds, *avals[n + 1 :]], body.jaxpr.debug_name)


def _bind_scan(body: TracedFunction, start: Any, length: int, unroll: int | bool, init: list[Any]
               ) -> list[Any]:
    jaxpr = body.jaxpr.memo("counted_scan", lambda: _count_steps(body, typeof(start), ()))
    outs = bind_scan(jaxpr, body.consts, [start, *init], [], reverse=False, length=length,
                     unroll=unroll_count(unroll, length), _split_transpose=False)
    return outs[1:]


def _bind_while(body: TracedFunction, start: Any, stop: Any, init: list[Any]) -> list[Any]:
    avals = [typeof(x) for x in (start, stop, *init)]
    jaxpr = body.jaxpr.memo(("counted_while", avals[1]),
                            lambda: _count_steps(body, avals[0], avals[1:2]))
    cond = body.jaxpr.memo(("below", avals[1]), lambda: stage(
        lambda i, bound, *x: [lt(i, bound)], avals, "below"))
    copy_source(body.jaxpr, jaxpr)
    return bind_while(cond, [], jaxpr, body.consts, [start, stop, *init])[2:]
