"""cond with a batched predicate: all branches run, and a mask selects among their results."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingot.control.tracing import axes_of_programs, evaluate
from ingot.core.avals import ShapedArray, is_inexact
from ingot.core.axis_env import Axis
from ingot.core.effects import IO, ORDERED_IO
from ingot.core.interpreter import Tracer, typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import Primitive, is_linear
from ingot.errors import UndefinedRuleError
from ingot.primitives.compare import eq, ne
from ingot.primitives.movement import broadcast_in_dim, scalar
from ingot.primitives.select import clamp, select_n
from ingot.primitives.shape import stop_gradient
from ingot.transforms.batch import batch_jaxpr
from ingot.transforms.jvp import jvp_jaxpr
from ingot.transforms.linearize import linearize_jaxpr
from ingot.transforms.stage import stage
from ingot.transforms.transpose import transpose_jaxpr

Branches = tuple[Jaxpr, ...]
MOST_COPIED = 1024
"""Elements, in all copies, of an operand that is copied although it may never be differentiated."""


def union(flags: Sequence[Sequence[bool]]) -> list[bool]:
    """Which columns of a table of flags have one that is set."""
    return [any(column) for column in zip(*flags, strict=True)]


# ---- select_branches_p --------------------------------------------------------------------------
@dataclass(frozen=True)
class BatchedCond:
    """The program of a mapped cond, (index, operands) -> results, made when it is known which
    operands are differentiated: those among `large` are copied for each entry only then."""

    axis: Axis
    dims: tuple[int | None, ...]
    branches: Branches
    avals: tuple[ShapedArray, ...]
    large: tuple[bool, ...]
    outer: tuple[tuple[Axis, tuple[int | None, ...]], ...] = ()

    def program(self, differentiated: Sequence[bool]) -> Jaxpr:
        """The program, mapped over the outer axes as well."""
        copied = tuple(d or not large
                       for d, large in zip(differentiated, self.large, strict=True))
        jaxpr = self.branches[0].memo(("select_branches", self, copied), lambda: stage(
            functools.partial(self._chosen, copied), self.avals, "select_branches"))
        for axis, dims in self.outer:
            jaxpr, _ = batch_jaxpr(jaxpr, axis, dims, True)
        return jaxpr

    def _chosen(self, copied: Sequence[bool], index: Any, *operands: Any) -> list[Any]:
        return _all_branches(self.axis, index, operands, self.dims, self.branches, copied)


def _type(*avals: ShapedArray, jaxpr: Jaxpr, choice: BatchedCond) -> list[ShapedArray]:
    return jaxpr.out_avals


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: Jaxpr,
         choice: BatchedCond) -> Any:
    nonzero = [t is not None for t in tangents]
    program, has = jvp_jaxpr(choice.program(nonzero[1:]), nonzero)
    outs = evaluate(program, *primals, *(t for t in tangents if t is not None))
    rest = iter(outs[len(has) :])
    return outs[: len(has)], [next(rest) if h else None for h in has]


def _linearize(nonzero: Sequence[bool], *primals: Any, jaxpr: Jaxpr, choice: BatchedCond) -> Any:
    split = linearize_jaxpr(choice.program(nonzero[1:]), nonzero)
    outs = evaluate(split.known, *primals)
    n = len(split.has)
    residuals = split.residuals(primals, outs[n:])
    return outs[:n], split.has, lambda *tangents: evaluate(split.linear, *residuals, *tangents)


def _transpose(cts: Sequence[Any], *args: Any, jaxpr: Jaxpr, choice: BatchedCond) -> list[Any]:
    linear = [is_linear(x) for x in args]
    program, has = transpose_jaxpr(jaxpr, linear, [ct is not None for ct in cts])
    outs = iter(evaluate(program, *(x for x in args if not is_linear(x)),
                         *(ct for ct in cts if ct is not None)))
    found = iter([next(outs) if h else None for h in has])
    return [next(found) if lin else None for lin in linear]


def _batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, jaxpr: Jaxpr,
           choice: BatchedCond
           ) -> Any:
    program, out_dims = batch_jaxpr(jaxpr, axis, dims, True)
    mapped = dataclasses.replace(choice, outer=(*choice.outer, (axis, tuple(dims))))
    return select_branches_p.bind(*args, jaxpr=program, choice=mapped), out_dims


select_branches_p = Primitive(
    "select_branches", multiple_results=True, higher_order=True, type=_type,
    eval=lambda *args, jaxpr, choice: evaluate(jaxpr, *args), jvp=_jvp, linearize=_linearize,
    transpose=_transpose, batch=_batch, axes_of=axes_of_programs,
    kernel=lambda build, *args, out, jaxpr, choice: build.inline(jaxpr, args))


# ---- the choice ---------------------------------------------------------------------------------
def select_branches(axis: Axis, index: Any, operands: Sequence[Any], dims: Sequence[Any],
                    branches: Branches) -> Any:
    """All branches for all entries, then the result of the right one for each, and the axes."""
    if any({IO, ORDERED_IO} & b.effects for b in branches):
        raise UndefinedRuleError(
            "cond: a branch with an io_callback cannot be mapped over a batched predicate, since"
            " all branches run then; move the effect out of the branches, or use lax.map")
    out_dims = [0] * len(branches[0].outvars)
    if len(branches) == 1:
        return evaluate(batch_jaxpr(branches[0], axis, dims, True)[0], *operands), out_dims
    large = tuple(d is None and _derivable(x) and axis.size * math.prod(typeof(x).shape)
                  > MOST_COPIED for x, d in zip(operands, dims, strict=True))
    if not any(large):
        every = [True] * len(operands)
        return _all_branches(axis, index, operands, dims, branches, every), out_dims
    avals = tuple(typeof(x) for x in (index, *operands))
    choice = BatchedCond(axis, tuple(dims), branches, avals, large)
    program = choice.program([False] * len(operands))
    return select_branches_p.bind(index, *operands, jaxpr=program, choice=choice), out_dims


def _all_branches(axis: Axis, index: Any, operands: Sequence[Any], dims: Sequence[int | None],
                  branches: Branches, copied: Sequence[bool]) -> list[Any]:
    # The mask comes first: the compiler guards writes in the branches with it.
    which = clamp(scalar(0, index.dtype), index, scalar(len(branches) - 1, index.dtype))
    which = ne(which, broadcast_in_dim(scalar(0, index.dtype), which.shape, ())) \
        if len(branches) == 2 else which
    outs = []
    for i, branch in enumerate(branches):
        mine = which if len(branches) == 2 else eq(
            which, broadcast_in_dim(scalar(i, index.dtype), which.shape, ()))
        shielded = [_mask_gradient(x, d, mine, i == 0 and len(branches) == 2)
                    if c and _derivable(x) else (x, d)
                    for x, d, c in zip(operands, dims, copied, strict=True)]
        flags = [d for _, d in shielded]
        outs.append(evaluate(batch_jaxpr(branch, axis, flags, True)[0],
                             *(x for x, _ in shielded)))
    return [select_n(broadcast_in_dim(which, typeof(cases[0]).shape, (0,)), *cases)
            for cases in zip(*outs, strict=True)]


def _derivable(x: Any) -> bool:
    """Whether a value may be, or come to be, differentiated."""
    return isinstance(x, Tracer) and is_inexact(typeof(x))


def _mask_gradient(x: Any, dim: int | None, mask: Any, inverse: bool) -> tuple[Any, int]:
    """An operand that derivatives pass only where its branch is taken, and its mapped axis.

    Where it is not, the derivative of the branch may be infinite or NaN, and zero times that is
    NaN. Operands without the axis become a copy for each entry."""
    if dim is None:
        shape = typeof(mask).shape + typeof(x).shape
        x = broadcast_in_dim(x, shape, tuple(range(1, len(shape))))
    cases = (stop_gradient(x), x)
    mask = broadcast_in_dim(mask, typeof(x).shape, (0,))
    return select_n(mask, *(cases[::-1] if inverse else cases)), 0
