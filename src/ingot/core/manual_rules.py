"""What types of results say of the Manual axes of a mesh, given those of the arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingot.core.avals import ShapedArray
from ingot.core.division import Marks, Operands, mark
from ingot.core.manual import EVERYWHERE_EQUAL, NOWHERE, ManualAxisType


def manual_type(primitive: Any, avals: Sequence[ShapedArray], outs: Sequence[ShapedArray],
                params: Mapping[str, Any]) -> ManualAxisType:
    """Return what types of results say: they vary where an argument does, and are unreduced or
    reduced as the rule of the operation for such marks says.

    A value that is equal along an axis may meet one that is reduced. Raises the errors of that
    rule.
    """
    mats = [a.mat for a in avals]
    varying = NOWHERE.union(*(m.varying for m in mats))
    if not any([m.unreduced or m.reduced for m in mats]):
        return ManualAxisType(varying=varying) if varying else EVERYWHERE_EQUAL
    marked = NOWHERE.union(*(m.unreduced | m.reduced for m in mats)) - varying
    marks = [_marks(m, varying, marked) for m in mats]
    found = mark(primitive, Operands(
        primitive.name, params, avals, [(tuple(varying),)] * len(avals), outs,
        dict.fromkeys(varying, 1), True, marks))
    return ManualAxisType(varying=varying, unreduced=found.unreduced, reduced=found.reduced,
                          unreduced_kind=found.kind)


def _marks(mat: ManualAxisType, varying: frozenset[Any], marked: frozenset[Any]) -> Marks:
    """Return the marks of an argument in such company: reduced values may be used as varying ones,
    equal values as reduced ones."""
    equal = marked - mat.vur
    return Marks(mat.unreduced, (mat.reduced - varying) | equal, mat.unreduced_kind)
