"""Rows of random_gamma. Its derivative is the implicit one, at a fixed quantile, while differences
at a fixed key would give that of the rejection method: so it is checked in test_random.py."""

import mpmath
import numpy as np

from examples import Bad, Example
from examples.arithmetic import slope
from ingot import random
from ingot.random.gamma import random_gamma_p

KEY = np.array([3, 4], np.uint32)
ALPHA = np.array([0.3, 1.0, 2.5])


def gammas(key, alpha, log_space=False):
    """Gamma numbers, from a key's words."""
    return (random.loggamma if log_space else random.gamma)(random.wrap_key_data(key), alpha)


def implicit(key, alpha, log_space=False):
    """Numbers and their derivatives with respect to `alpha`."""
    draw = lambda a: gammas(key, a, log_space)
    return draw(alpha), slope(draw, alpha)


def quantiles(key, alpha, log_space=False):
    """JAX's numbers for key (3, 7); derivatives at a fixed quantile, from the distribution."""
    sample = np.exp(LOGS) if log_space else NUMBERS
    slopes = [-mpmath.diff(lambda v, x=x: mpmath.gammainc(v, 0, x, regularized=True), a)
              / (mpmath.exp(-x) * mpmath.mpf(x) ** (a - 1) / mpmath.gamma(a))
              for a, x in zip(alpha.tolist(), sample.tolist(), strict=True)]
    slopes = np.array(slopes, float)
    return [LOGS, slopes / sample] if log_space else [NUMBERS, slopes]


ORDERS = np.array([0.5, 1.5, 4.0])
NUMBERS = np.array([1.3056286652791202, 0.2336980284440599, 1.763891082693534])
LOGS = np.array([0.2666846606232651, -1.4537254737413747, 0.5675222111735299])

EXAMPLES = [
    *(Example(implicit, (np.array([3, 7], np.uint32), ORDERS), {"log_space": log}, ref=quantiles,
              diff=(), maps=(), ulps=1e5, name="random_gamma_implicit", jax=False)
      for log in (False, True)),
    Example(gammas, (KEY, ALPHA), diff=(), name="random_gamma", jax=False),
    Example(gammas, (KEY, ALPHA), {"log_space": True}, diff=(), name="random_gamma", jax=False),
    Example(gammas, (KEY, np.float64(1.5)), diff=(), name="random_gamma", jax=False),
]

BAD = [
    Bad(lambda: random_gamma_p.bind(random.key(0), np.arange(3), log_space=False,
                                    impl=random.key_dtype()), (), error="random_gamma: .*i64"),
    Bad(lambda: random_gamma_p.bind(random.split(random.key(0)), ALPHA, log_space=False,
                                    impl=random.key_dtype()), (), error="random_gamma: keys must"),
]
