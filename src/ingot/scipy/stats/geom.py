"""The distribution of the number of tosses until the first success."""

from __future__ import annotations

from typing import Any

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.elementary import log
from ingot.numpy.logic import where
from ingot.scipy.special import xlog1py
from ingot.scipy.stats.common import INF, exp, real


def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Logarithm of the probability of each value."""
    k, p, loc = real("geom.logpmf", k, p, loc)
    x = k - loc
    return where(x <= 0, -INF, xlog1py(where(x <= 0, 1, x) - 1, -p) + log(p))


def pmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """Probability of each value."""
    return exp(logpmf(k, p, loc))

_hide_frames_of(__name__)
