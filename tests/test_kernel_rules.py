"""Kernel rules decide whether they can before they build anything: every row, of several sizes."""

from __future__ import annotations

import numpy as np
import pytest

from examples import table
from harness import array
from ingot import dtypes, lax
from ingot.compiler.lower import Lowering
from ingot.compiler.simplify import simplify
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import Primitive
from ingot.errors import InternalError
from ingot.kernel.values import Unsupported
from ingot.transforms.stage import stage
from rows import import_all

TABLE = 10
"""Elements of a table that operands are looked up in: few enough for scalars, which are spilled."""

MOST = 1 << 20
"""Elements of any array of a program."""

LONGEST = 1000
"""Results of the equations of a program."""

SIZES = [(1, 0), (20, 1), (300, 2), (4200, 3)]
"""Factors, and the length that an axis is longer than if it is multiplied."""

DTYPES = {"f": "float16", "c": "complex64", "i": "int8", "u": "uint64", "b": "bool"}


def looked_up(small, index):
    """Elements of a small table, computed once more where they may be."""
    found = small[index]
    return lax.sin(found) if found.dtype in dtypes.INEXACT else found


def lowered(fun, avals):
    """Lower a program; False if there is none for these types."""
    try:
        jaxpr = stage(fun, avals)
    except Exception:  # not a size or dtype of this operation
        return False
    made = [v for eqn in jaxpr.eqns for v in eqn.outvars]
    if len(made) > LONGEST or any(v.aval.size > MOST for v in (*jaxpr.invars, *made)):
        return False
    Lowering(routines=lambda symbol: True).function(simplify(jaxpr))
    return True


def lower_computed(row, avals):
    """The same program of operands that are looked up in small tables."""
    if any(a.dtype.kind == "V" and a.dtype not in dtypes.INEXACT for a in avals):
        return
    index = [ShapedArray(a.shape, np.int32) for a in avals]
    small = [ShapedArray((TABLE,), a.dtype) for a in avals]
    n = len(avals)
    lowered(lambda *xs: row.fun(*map(looked_up, xs[:n], xs[n:])), [*small, *index])


@pytest.mark.sampled(2)
@pytest.mark.parametrize("factor, least", SIZES)
def test_rules_build_nothing_before_they_refuse(factor, least):
    import_all()
    count = 0
    for row in table()[0]:
        avals = [typeof(array(x)) for x in row.args]
        avals = [ShapedArray([n * factor if n > least else n for n in a.shape], a.dtype)
                 for a in avals]
        if lowered(row.fun, avals):
            count += 1
            lower_computed(row, avals)
        for kind, name in DTYPES.items():
            if row.accepts and kind in row.accepts:
                changed = [a.update(dtype=np.dtype(name)) if a.dtype == avals[0].dtype else a
                           for a in avals]
                lowered(row.fun, changed)
    assert count > 100


def test_a_rule_that_refuses_late_is_a_bug():
    def kernel(build, x, *, out):
        build.spill(build.scalars(x))
        raise Unsupported("too late")

    late_p = Primitive("late", type=lambda x: x, eval=lambda x: x, jvp=None, transpose=None,
                       batch=None, kernel=kernel)
    jaxpr = stage(lambda x: [late_p.bind(x)], [ShapedArray((3,), np.float32)])
    with pytest.raises(InternalError, match="late: its kernel rule raises Unsupported after"):
        Lowering(routines=lambda symbol: True).function(jaxpr)
