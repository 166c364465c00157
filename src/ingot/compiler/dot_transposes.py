"""Transposes beside contractions become dimension numbers.

Nothing is moved that BLAS can read as it lies, or write where it belongs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.core.jaxpr import Eqn, Jaxpr, Literal, Var
from ingot.core.rewrite import definitions, primitives_of, use_counts
from ingot.primitives.dot import dot_general_p
from ingot.primitives.dot_types import Axes, DimensionNumbers, free_axes
from ingot.primitives.movement import transpose_p


def fold_transposes(jaxpr: Jaxpr) -> Jaxpr:
    """The program in which contractions read what was transposed before it was, and those whose
    result is transposed have their operands exchanged."""
    if not primitives_of(jaxpr) >= {dot_general_p, transpose_p}:
        return jaxpr
    maker, uses = definitions(jaxpr.eqns), use_counts(jaxpr)
    eqns = list(jaxpr.eqns)
    for k, eqn in enumerate(eqns):
        if eqn.primitive is transpose_p:
            inner = maker.get(eqn.invars[0])  # type: ignore[arg-type]
            if inner is not None and inner.primitive is dot_general_p \
                    and uses[inner.outvars[0]] == 1 and _exchanges(eqn, inner):
                eqns[k] = maker[eqn.outvars[0]] = _exchanged(eqn, inner)
        elif eqn.primitive is dot_general_p:
            eqns[k] = maker[eqn.outvars[0]] = _untransposed(eqn, maker)
    return jaxpr.replace(eqns=eqns)


def _exchanges(transposed: Eqn, dot: Eqn) -> bool:
    """Whether a transpose only puts the free axes of the second operand before the first's."""
    (x_contract, _), (x_batch, _) = dot.params["dimension_numbers"]
    batch, ndim = len(x_batch), dot.outvars[0].aval.ndim
    columns = dot.invars[0].aval.ndim - len(x_contract)
    return tuple(transposed.params["permutation"]) == (
        *range(batch), *range(columns, ndim), *range(batch, columns))


def _exchanged(transposed: Eqn, dot: Eqn) -> Eqn:
    (x_contract, y_contract), (x_batch, y_batch) = dot.params["dimension_numbers"]
    precision = dot.params["precision"]
    params = {**dot.params, "dimension_numbers": ((y_contract, x_contract), (y_batch, x_batch)),
              "precision": None if precision is None else precision[::-1]}
    return dot.replace(invars=dot.invars[::-1], outvars=transposed.outvars, params=params)


def _untransposed(dot: Eqn, maker: dict[Var, Eqn]) -> Eqn:
    """A contraction of what its operands are transposes of, where the order of the result's axes
    allows it."""
    invars = list(dot.invars)
    numbers: DimensionNumbers = dot.params["dimension_numbers"]
    for side, atom in enumerate(dot.invars):
        eqn = None if type(atom) is Literal else maker.get(atom)  # type: ignore[arg-type]
        if eqn is None or eqn.primitive is not transpose_p:
            continue
        permutation = eqn.params["permutation"]
        contract, batch = (pair[side] for pair in numbers)
        free = _through(permutation, free_axes(len(permutation), contract, batch))
        if list(free) == sorted(free):
            invars[side] = eqn.invars[0]
            numbers = _with(numbers, side, _through(permutation, contract),
                            _through(permutation, batch))
    if invars == dot.invars:
        return dot
    return dot.replace(invars=invars, params={**dot.params, "dimension_numbers": numbers})


def _through(permutation: Sequence[int], axes: Axes) -> Axes:
    return tuple(permutation[a] for a in axes)


def _with(numbers: DimensionNumbers, side: int, *mine: Axes) -> Any:
    """Dimension numbers with the contracting and the batch axes of one operand replaced."""
    return tuple((axes, pair[1]) if side == 0 else (pair[0], axes)
                 for pair, axes in zip(numbers, mine, strict=True))


__all__ = ["fold_transposes"]
