"""Random numbers from explicit keys, with the streams of jax.random."""

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.random.continuous import (
    cauchy,
    double_sided_maxwell,
    exponential,
    laplace,
    logistic,
    lognormal,
    maxwell,
    multivariate_normal,
    normal,
    orthogonal,
    pareto,
    rayleigh,
    triangular,
    truncated_normal,
    wald,
    weibull_min,
)
from ingot.random.discrete import (
    binomial,
    categorical,
    geometric,
    multinomial,
    poisson,
)
from ingot.random.gamma import (
    ball,
    beta,
    chisquare,
    dirichlet,
    f,
    gamma,
    generalized_normal,
    loggamma,
    t,
)
from ingot.random.keys import (
    PRNGKey,
    clone,
    fold_in,
    key,
    key_data,
    key_dtype,
    key_impl,
    split,
    wrap_key_data,
)
from ingot.random.uniform import (
    bernoulli,
    bits,
    choice,
    gumbel,
    permutation,
    rademacher,
    randint,
    uniform,
)

__all__ = ["PRNGKey", "ball", "bernoulli", "beta", "binomial", "bits", "categorical", "cauchy",
           "chisquare", "choice", "clone", "dirichlet", "double_sided_maxwell", "exponential", "f",
           "fold_in", "gamma", "generalized_normal", "geometric", "gumbel", "key", "key_data",
           "key_dtype", "key_impl", "laplace", "loggamma", "logistic", "lognormal", "maxwell",
           "multinomial", "multivariate_normal", "normal", "orthogonal", "pareto", "permutation",
           "poisson", "rademacher", "randint", "rayleigh", "split", "t", "triangular",
           "truncated_normal", "uniform", "wald", "weibull_min", "wrap_key_data"]

_hide_frames_of(__name__)
