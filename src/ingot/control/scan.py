"""scan: a loop of known length over the leading axis of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot.calls import called
from ingot.config import config
from ingot.control import control_flow_kernels
from ingot.control.loop_residuals import ClassifiedResiduals
from ingot.control.program_primitive import Equation, ProgramPrimitive
from ingot.control.references import scan_passed, scan_using, with_references
from ingot.control.scan_bodies import (
    carry_fixpoint,
    groups,
    jvp_body,
    linearize_body,
    partial_eval_body,
    transpose_body,
)
from ingot.control.tracing import (
    TracedFunction,
    axes_of_programs,
    carry_to_consts,
    check_callable,
    check_carry,
    evaluate,
    flatten_arrays,
    forwarded_carry,
    function_place,
    leaf_paths,
    promote_weak_carry,
    run_whole,
    trace,
)
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis
from ingot.core.backend import get_backend
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.nan_check import note_iteration
from ingot.core.primitive import is_linear
from ingot.primitives.movement import zeros
from ingot.primitives.slicing import index_in_dim, stack
from ingot.transforms.batch import batch_jaxpr, matchaxis
from ingot.transforms.stage import hoist_traced_constants
from ingot.tree import tree_unflatten, treedef_tuple
from ingot.util import merge_lists, partition_list, split_list


# ---- scan_p -------------------------------------------------------------------------------------
def _scan_type(*avals: ShapedArray, jaxpr: Jaxpr, length: int, num_carry: int, **params: Any
               ) -> list[ShapedArray]:
    carry, ys = split_list(jaxpr.out_avals, [num_carry])
    return [*carry, *(a.with_axis(0, length) for a in ys)]


def element_type(aval: ShapedArray) -> ShapedArray:
    """The type of one entry along the leading axis."""
    return aval.without_axis(0)


def _scan_eval(*args: Array, jaxpr: Jaxpr, **params: Any) -> list[Array]:
    params["jaxpr"] = jaxpr
    if not get_backend().interprets:
        return run_whole(scan_p, jaxpr, args, params)
    return _loop(args, **params)


def _loop(args: Sequence[Array], *, jaxpr: Jaxpr, length: int, reverse: bool, num_consts: int,
          num_carry: int, **params: Any) -> list[Array]:
    """The meaning of scan: its body, again and again."""
    consts, carry, xs = split_list(args, [num_consts, num_carry])
    avals = jaxpr.out_avals[num_carry:]
    stacked = [np.empty((length, *a.shape), a.storage) for a in avals]
    types, stacks = [element_type(x.aval) for x in xs], [fetch(x) for x in xs]
    for i in reversed(range(length)) if reverse else range(length):
        elements = [Array(x[i : i + 1].reshape(t.shape), t)
                    for x, t in zip(stacks, types, strict=True)]
        try:
            outs = evaluate(jaxpr, *consts, *carry, *elements)
        except FloatingPointError as error:
            note_iteration(error, i)
            raise
        carry, ys = split_list(outs, [num_carry])
        for target, y in zip(stacked, ys, strict=True):
            target[i] = fetch(y)
    results = _scan_type(jaxpr=jaxpr, length=length, num_carry=num_carry)
    data = [*(c._data for c in carry), *stacked]
    return [Array(x, a) for x, a in zip(data, results, strict=True)]


# ---- scan_p: forward derivative -----------------------------------------------------------------
def _scan_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: Jaxpr, num_consts: int,
              num_carry: int, linear: Sequence[bool], **params: Any) -> Any:
    nonzero = tuple(t is not None for t in tangents)
    body, flags, has = jaxpr.memo(
        ("scan_jvp", nonzero, num_consts, num_carry),
        lambda: jvp_body(jaxpr, nonzero, num_consts, num_carry))
    tangents = [_tangent(t, x) if nz else None
                for t, x, nz in zip(tangents, primals, flags, strict=True)]
    args: list[Any] = []
    for p, t in zip(groups(primals, num_consts, num_carry),
                    groups(tangents, num_consts, num_carry), strict=True):
        args += [*p, *(x for x in t if x is not None)]
    n_consts = num_consts + sum(flags[:num_consts])
    n_carry = num_carry + sum(has[:num_carry])
    outs = scan_p.bind(*args, jaxpr=body, num_consts=n_consts, num_carry=n_carry,
                       linear=(False,) * len(args), **params)
    carry, rest = outs[:n_carry], outs[n_carry:]
    num_ys = len(jaxpr.outvars) - num_carry
    out_ts = iter([*carry[num_carry:], *rest[num_ys:]])
    return [*carry[:num_carry], *rest[:num_ys]], [next(out_ts) if h else None for h in has]


def _tangent(t: Any, x: Any) -> Any:
    return zeros(typeof(x).to_tangent_aval()) if t is None else t


# ---- scan_p: linearization ----------------------------------------------------------------------
def _scan_linearize(nonzero: Sequence[bool], *primals: Any, jaxpr: Jaxpr, num_consts: int,
                    num_carry: int, linear: Sequence[bool], **params: Any) -> Any:
    key = ("scan_linearize", tuple(nonzero), num_consts, num_carry)
    split = jaxpr.memo(key, lambda: linearize_body(jaxpr, nonzero, num_consts, num_carry))
    outs = scan_p.bind(*primals, jaxpr=split.known.body, num_consts=num_consts, num_carry=num_carry,
                       linear=tuple(linear), **params)
    num_outs = len(jaxpr.outvars)
    consts, init, xs = groups(primals, num_consts, num_carry)
    residuals = split.known.values(consts, xs, outs[num_outs:])
    stacked, fixed = partition_list(split.known.constant, residuals)
    linear_consts, linear_carry, _ = groups(split.nonzero, num_consts, num_carry)

    def apply(*tangents: Any) -> list[Any]:
        rest = iter(tangents)
        full = [_tangent(next(rest) if given else None, x) if nz else None
                for nz, given, x in zip(split.nonzero, nonzero, primals, strict=True)]
        ct, it, xt = ([t for t in g if t is not None] for g in groups(full, num_consts, num_carry))
        args = [*fixed, *ct, *it, *stacked, *xt]
        flags = [*[False] * len(fixed), *[True] * (len(ct) + len(it)), *[False] * len(stacked),
                 *[True] * len(xt)]
        return scan_p.bind(*args, jaxpr=split.linear, num_consts=len(fixed) + sum(linear_consts),
                           num_carry=sum(linear_carry), linear=tuple(flags), **params)

    return outs[:num_outs], split.has, apply


# ---- scan_p: transposition ----------------------------------------------------------------------
def _scan_transpose(cts: Sequence[Any], *args: Any, jaxpr: Jaxpr, num_consts: int, num_carry: int,
                    reverse: bool, linear: Sequence[bool], **params: Any) -> list[Any]:
    wanted = tuple(is_linear(x) for x in args)
    parts = jaxpr.memo(("scan_separate", wanted, num_consts, num_carry),
                       lambda: partial_eval_body(jaxpr, wanted, num_consts, num_carry))
    flags = groups(parts.linear, num_consts, num_carry)
    (fixed, lin_consts), (init, lin_init), (known_xs, lin_xs) = (
        partition_list(own, xs)
        for own, xs in zip(flags, groups(args, num_consts, num_carry), strict=True))
    residuals: list[Any] = []
    if parts.known.kinds:
        residuals = _run_known(parts.known, fixed, init, known_xs,
                               len(parts.out_linear) - sum(parts.out_linear),
                               {**params, "reverse": reverse})
    stacked, constant = partition_list(parts.known.constant, residuals)
    _, out_cts = partition_list(parts.out_linear, cts)
    found = _transpose_scan(parts.unknown, constant, lin_consts, lin_init, stacked, lin_xs, out_cts,
                            {**params, "reverse": not reverse})
    ct_consts, ct_init, ct_xs = found
    full = []
    for own, got in zip(flags, (ct_consts, ct_init, ct_xs), strict=True):
        full += merge_lists(own, [None] * (len(own) - sum(own)), got)
    return [ct if want else None for ct, want in zip(full, wanted, strict=True)]


def _run_known(known: ClassifiedResiduals, consts: Sequence[Any], init: Sequence[Any],
               xs: Sequence[Any],
               num_outs: int, params: dict[str, Any]) -> list[Any]:
    """Run the part of a scan that needs no linear argument; all residuals."""
    stacked: Sequence[Any] = []
    if known.num_stacked:
        outs = scan_p.bind(*consts, *init, *xs, jaxpr=known.body, num_consts=len(consts),
                           num_carry=len(init), **params,
                           linear=(False,) * (len(consts) + len(init) + len(xs)))
        stacked = outs[num_outs:]
    return known.values(consts, xs, stacked)


def _transpose_scan(body: Jaxpr, fixed: Sequence[Any], lin_consts: Sequence[Any],
                    lin_init: Sequence[Any], stacked: Sequence[Any], lin_xs: Sequence[Any],
                    cts: Sequence[Any], params: dict[str, Any]
                    ) -> tuple[list[Any], list[Any], list[Any]]:
    """Cotangents of the constants, the initial carry and the xs of a scan with a linear carry."""
    ct_carry, ct_ys = split_list(cts, [len(lin_init)])
    have = tuple(ct is not None for ct in cts)
    sizes = ((len(fixed), len(stacked)), (len(lin_consts), len(lin_xs)))
    back = body.memo(("scan_transpose", have, sizes), lambda: transpose_body(
        body, *sizes, have[: len(ct_carry)], have[len(ct_carry) :]))
    const_avals = body.in_avals[len(fixed) : len(fixed) + len(lin_consts)]
    sums = [zeros(a) for a, h in zip(const_avals, back.consts, strict=True) if h]
    start = [zeros(a) if ct is None else ct for ct, a, nz in
             zip(ct_carry, body.out_avals, back.carry, strict=False) if nz]
    given = [ct for ct in ct_ys if ct is not None]
    args = [*fixed, *sums, *start, *stacked, *given]
    flags = (False,) * len(fixed) + (True,) * (len(sums) + len(start)) + (False,) * len(stacked) \
        + (True,) * len(given)
    outs = scan_p.bind(*args, jaxpr=back.jaxpr, num_consts=len(fixed),
                       num_carry=len(sums) + len(start), linear=flags, **params)
    found = split_list(outs, [len(sums), len(start)])
    return tuple(  # type: ignore[return-value]
        merge_lists(flags, [None] * (len(flags) - sum(flags)), got)
        for flags, got in zip((back.consts, back.carry, back.xs), found, strict=True))


# ---- scan_p: batching ---------------------------------------------------------------------------
def _scan_batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, jaxpr: Jaxpr,
                num_consts: int, num_carry: int, **params: Any) -> Any:
    consts, carry, xs = groups([d is not None for d in dims], num_consts, num_carry)
    rest = [False] * (len(jaxpr.outvars) - num_carry)

    def mapped(now: Sequence[bool]) -> tuple[Jaxpr, list[Any]]:
        flags = [0 if b else None for b in (*consts, *now, *xs)]
        return batch_jaxpr(jaxpr, axis, flags, [*now, *rest])

    carry = carry_fixpoint(carry, lambda now: [d is not None for d in mapped(now)[1][:num_carry]])
    body, out_dims = mapped(carry)
    split = num_consts + num_carry
    placed = [matchaxis(x, d, 0 if b else None, axis) for x, d, b in
              zip(args[:split], dims[:split], [*consts, *carry], strict=True)]
    placed += [matchaxis(x, d, None if d is None else 1, axis)
               for x, d in zip(args[split:], dims[split:], strict=True)]
    outs = scan_p.bind(*placed, jaxpr=body, num_consts=num_consts, num_carry=num_carry, **params)
    shifted = [d if d is None or i < num_carry else 1 for i, d in enumerate(out_dims)]
    return outs, shifted


def _scan_close(args: Sequence[Any], params: dict[str, Any]) -> Equation:
    jaxpr, traced = hoist_traced_constants(params["jaxpr"])
    if not traced:
        return args, params
    return [*traced, *args], {**params, "jaxpr": jaxpr,
                              "num_consts": len(traced) + params["num_consts"],
                              "linear": (*[False] * len(traced), *params["linear"])}


scan_p = ProgramPrimitive(
    "scan", close=_scan_close, type=_scan_type, eval=_scan_eval,
    jvp=_scan_jvp, linearize=_scan_linearize, transpose=_scan_transpose, batch=_scan_batch,
    kernel=control_flow_kernels.scan_kernel, axes_of=axes_of_programs)


# ---- scan ---------------------------------------------------------------------------------------
@with_references(scan_using, scan_passed)
def scan(f: Callable[..., Any], init: Any, xs: Any = None, length: int | None = None,
         reverse: bool = False, unroll: int | bool = 1, _split_transpose: bool = False,
         _at_once: bool = False) -> Any:
    """Run `carry, y = f(carry, x)` over the entries of `xs`, stacking the `y`.

    init: pytree of the carry; xs: pytree of arrays [length, ...], or None with a `length`;
    reverse: from the last entry to the first; unroll: entries per turn, a hint.
    -> (final carry, ys: pytree of arrays [length, ...]). Raises TypeError if the carry changes its
    structure or types, ValueError if lengths disagree.

    >>> lax.scan(lambda total, x: (total + x, total), 0., np.arange(3.))
    (Array(3., dtype=float64), Array([0., 0., 1.], dtype=float64, weak_type=True))
    """
    check_callable("scan", "f", f)
    init_leaves, init_tree = flatten_arrays("scan", "init", init)
    xs_leaves, xs_tree = flatten_arrays("scan", "xs", xs)
    length = leading_length("scan", xs_leaves, leaf_paths(xs_tree), length)
    _check_whole(xs_leaves)
    if config.disable_jit:
        return _scan_in_python(f, init, xs_leaves, xs_tree, length, reverse)
    in_tree = treedef_tuple([init_tree, xs_tree])
    elements = [element_type(typeof(x)) for x in xs_leaves]
    traced, init_leaves = _trace_body(f, in_tree, init_tree, init_leaves, elements)
    outs = bind_scan(
        traced.jaxpr, traced.consts, init_leaves, xs_leaves, reverse=bool(reverse), length=length,
        unroll=unroll_count(unroll, length), _split_transpose=bool(_split_transpose),
        # Said to the back end alone, of entries without a carry: their callbacks may overlap.
        **({"at_once": True} if _at_once else {}))
    return tree_unflatten(traced.out_tree, outs)


def bind_scan(jaxpr: Jaxpr, consts: Sequence[Any], init: Sequence[Any], xs: Sequence[Any],
              **params: Any) -> list[Any]:
    """The loop of a body (constants, carry, entries) -> (carry, results).

    What the body hands on as it came is no carry, but a constant.
    """
    fixed = forwarded_carry(jaxpr, len(consts), len(init))
    moving, still = partition_list(fixed, init)
    body = carry_to_consts(jaxpr, fixed, len(consts), False) if still else jaxpr
    args = [*consts, *still, *moving, *xs]
    outs = scan_p.bind(*args, jaxpr=body, num_consts=len(consts) + len(still),
                       num_carry=len(moving), linear=(False,) * len(args), **params)
    carry, ys = split_list(outs, [len(moving)])
    return [*merge_lists(fixed, carry, still), *ys]


def _trace_body(f: Any, in_tree: Any, init_tree: Any, init: list[Any], elements: list[ShapedArray]
                ) -> tuple[TracedFunction, list[Any]]:
    """The program of the body, and the initial carry in the types that the body gives it."""
    while True:
        avals = [typeof(x) for x in init]
        traced = trace("scan", f, in_tree, [*avals, *elements], "(carry, x)")
        parts = _carry_tree(f, traced)
        if parts != init_tree:
            break
        converted = promote_weak_carry(init, avals, traced.out_avals[: len(init)])
        if converted is None:
            break
        init = converted
    check_carry("scan", "init", init_tree, avals, parts, traced.out_avals[: parts.num_leaves], f)
    return traced, init


def _carry_tree(f: Any, traced: TracedFunction) -> Any:
    """Structure of the carry that the body returns; TypeError unless it returns a pair."""
    children = traced.out_tree.children()
    example = tree_unflatten(traced.out_tree, [0] * traced.out_tree.num_leaves)
    if not isinstance(example, tuple) or len(children) != 2:
        raise TypeError(
            f"scan: the body {function_place(f)} must return a pair (carry, y), got"
            f" {traced.out_tree}; return (carry, None) if there is nothing to stack")
    return children[0]


def _check_whole(xs: Sequence[Any]) -> None:
    """Raise ValueError if Explicit axes divide a leading axis, along which a loop goes."""
    for x in xs:
        sharding = typeof(x)._sharding
        if sharding is not None and sharding.spec[0] is not None:
            raise ValueError("scan: 0th dimension of all xs should be replicated, got"
                             f" {typeof(x)}; reshard it first")


def leading_length(what: str, xs: Sequence[Any], paths: Sequence[str], length: Any) -> int:
    """The number of iterations; an error names the leaves that disagree."""
    for x, path in zip(xs, paths, strict=True):
        if not typeof(x).shape:
            raise ValueError(
                f"{what}: every leaf of xs needs a leading axis, got {typeof(x)} at xs{path}; a"
                " number of iterations is given as length=n")
    if length is not None:
        try:
            length = length.__index__()
        except (TypeError, AttributeError):
            raise TypeError(f"{what}: length must be an integer known now, got {length!r:.60}"
                            ) from None
        if length < 0:
            raise ValueError(f"{what}: length must not be negative, got {length}")
    sizes = {typeof(x).shape[0] for x in xs}
    if len(sizes) > 1 or (length is not None and sizes - {length}):
        listed = "\n".join(f"  xs{path}: {typeof(x)}" for x, path in zip(xs, paths, strict=True))
        given = "" if length is None else f", length={length}"
        raise ValueError(
            f"{what}: leading axes of all leaves of xs must have one length{given}, got\n{listed}")
    if length is None and not sizes:
        raise ValueError(f"{what}: xs has no arrays, so the number of iterations must be given as"
                         " length")
    return sizes.pop() if length is None else length


def unroll_count(unroll: Any, length: int) -> int:
    """Entries per turn as a number."""
    if unroll is True or unroll is False:
        return max(length, 1) if unroll else 1
    if not hasattr(unroll, "__index__") or unroll.__index__() < 0:
        raise ValueError(f"unroll must be a boolean or a positive integer, got {unroll!r:.60}")
    return max(unroll.__index__(), 1)


def _scan_in_python(f: Any, carry: Any, xs: Sequence[Any], xs_tree: Any, length: int, reverse: bool
                    ) -> Any:
    """The loop in Python, for `disable_jit`."""
    if length == 0:
        raise ValueError("scan: a loop of length 0 needs jit to know its types; unset disable_jit")
    ys = []
    for i in reversed(range(length)) if reverse else range(length):
        element = [index_in_dim(x, i, 0, keepdims=False) for x in xs]
        carry, y = called("scan", f, (carry, tree_unflatten(xs_tree, element)),
                          given="(carry, x)")
        ys.append(y)
    ys = ys[::-1] if reverse else ys
    stacked = [stack(leaves, 0) for leaves in zip(
        *(flatten_arrays("scan", "y", y)[0] for y in ys), strict=True)]
    return carry, tree_unflatten(flatten_arrays("scan", "y", ys[0])[1], stacked)
