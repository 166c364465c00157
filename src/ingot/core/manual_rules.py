"""What types of results say of the Manual axes of a mesh, given those of the arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.division import Marks, Operands, mark
from ingot.core.manual import EVERYWHERE_EQUAL, NOWHERE, ManualAxisType


def manual_type(primitive: Any, avals: Sequence[ShapedArray], outs: Sequence[ShapedArray],
                params: Mapping[str, Any]) -> ManualAxisType:
    """Return what types of results say: they vary where an argument does, and are unreduced or
    reduced as the rule of the operation for such marks says.

    A value that is equal along an axis may meet a sum, a scalar also a reduced array. Raises the
    errors of that rule.
    """
    mats = [a.mat for a in avals]
    varying = NOWHERE.union(*(m.varying for m in mats))
    if varying and not config.auto_pcast:
        _require_same(primitive, avals, varying)
    if not any([m.unreduced or m.reduced for m in mats]):
        return ManualAxisType(varying=varying) if varying else EVERYWHERE_EQUAL
    marked = NOWHERE.union(*(m.unreduced | m.reduced for m in mats)) - varying
    summed = NOWHERE.union(*(m.unreduced for m in mats)) - varying
    marks = [_marks(m, varying, summed if a.ndim else marked)
             for m, a in zip(mats, avals, strict=True)]
    found = mark(primitive, Operands(
        primitive.name, params, avals, [(tuple(varying),)] * len(avals), outs,
        dict.fromkeys(varying, 1), True, marks))
    return ManualAxisType(varying=varying, unreduced=found.unreduced, reduced=found.reduced,
                          unreduced_kind=found.kind)


def _require_same(primitive: Any, avals: Sequence[ShapedArray], varying: frozenset[Any]) -> None:
    """Raise ValueError unless all arguments, but for scalars, vary over the same axes."""
    if any(a.ndim and a.mat.varying != varying for a in avals):
        raise ValueError(f"{primitive.name} of {', '.join(map(str, avals))} requires varying manual"
                         " axes to match, as auto_pcast is off; lax.pcast(x, axes, to='varying')"
                         f" makes a value vary over {sorted(varying, key=str)}")


def _marks(mat: ManualAxisType, varying: frozenset[Any], marked: frozenset[Any]) -> Marks:
    """Return the marks of an argument in such company: reduced values may be used as varying ones,
    equal values as reduced ones."""
    equal = marked - mat.vur
    return Marks(mat.unreduced, (mat.reduced - varying) | equal, mat.unreduced_kind)
