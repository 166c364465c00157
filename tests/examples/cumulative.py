"""Rows of cumulative operations."""

import numpy as np

from examples import Bad, Example, booleans, complex_normal, distinct, integers, normal
from ingot.primitives import cumulative as c

A, B = distinct(3, 4), distinct(2, 3, 4)
I = integers(-9, 9, 3, 4)


def running(ufunc):
    def ref(x, axis=0, reverse=False):
        x = np.flip(x, axis) if reverse else x
        parts, total = [], None
        for i in range(x.shape[axis]):
            part = np.take(x, i, axis)
            total = part if total is None else ufunc(total, part)
            parts.append(total)
        out = np.stack(parts, axis).astype(x.dtype) if parts else x
        return np.flip(out, axis) if reverse else out
    return ref


def _rows(op, ufunc, accepts, ulps=16, scale=1.0, complex_row=True):
    row = lambda x, ulps=ulps, **more: Example(
        op, (x,), {k: more.pop(k) for k in ("axis", "reverse") if k in more}, ref=running(ufunc),
        ulps=ulps, **more)
    rows = [row(A * scale, accepts=accepts), row(A * scale, axis=1, reverse=True),
            row(B * scale, axis=1), row(normal(0, 3)), row(normal(40, 3) * 0.9, maps=(), diff=(),
                                                          ulps=1e5)]
    if "i" in accepts:
        rows += [row(I, ulps=0), row(I, axis=1, reverse=True, ulps=0)]
    if "c" in accepts and complex_row:
        rows.append(row(complex_normal(3, 2), ulps=64))
    return rows


EXAMPLES = [
    *_rows(c.cumsum, np.add, "iufc"), *_rows(c.cumprod, np.multiply, "iufc", scale=0.7),
    *_rows(c.cummax, np.maximum, "iufc", ulps=0, complex_row=False),
    *_rows(c.cummin, np.minimum, "iufc", ulps=0, complex_row=False),
    *_rows(c.cumlogsumexp, np.logaddexp, "fc", complex_row=False),
    Example(c.cumlogsumexp, (complex_normal(3, 2),), ulps=64,
            ref=lambda x: np.log(np.cumsum(np.exp(x), 0))),
    Example(c.cumprod, (np.array([2.0, 0.0, 3.0, 0.0]),), ref=running(np.multiply)),
    Example(c.cumlogsumexp, (np.array([-np.inf, -np.inf, 0.0, np.inf, 1.0]),), diff=(), maps=(),
            ref=running(np.logaddexp)),
]

BAD = [
    Bad(c.cumsum, (A, 2), error="axis 2"), Bad(c.cumsum, (booleans(3),), error=r"cumsum: .*bool"),
    Bad(c.cumlogsumexp, (I,), error="cumlogsumexp: .*i64"),
]
