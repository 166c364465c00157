"""Random numbers from explicit keys, with the streams of jax.random."""

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.random.continuous import (
    cauchy as cauchy,
    double_sided_maxwell as double_sided_maxwell,
    exponential as exponential,
    laplace as laplace,
    logistic as logistic,
    lognormal as lognormal,
    maxwell as maxwell,
    multivariate_normal as multivariate_normal,
    normal as normal,
    orthogonal as orthogonal,
    pareto as pareto,
    rayleigh as rayleigh,
    triangular as triangular,
    truncated_normal as truncated_normal,
    wald as wald,
    weibull_min as weibull_min,
)
from ingot.random.discrete import (
    binomial as binomial,
    categorical as categorical,
    geometric as geometric,
    multinomial as multinomial,
    poisson as poisson,
)
from ingot.random.gamma import (
    ball as ball,
    beta as beta,
    chisquare as chisquare,
    dirichlet as dirichlet,
    f as f,
    gamma as gamma,
    generalized_normal as generalized_normal,
    loggamma as loggamma,
    t as t,
)
from ingot.random.keys import (
    PRNGKey as PRNGKey,
    clone as clone,
    fold_in as fold_in,
    key as key,
    key_data as key_data,
    key_dtype as key_dtype,
    key_impl as key_impl,
    split as split,
    wrap_key_data as wrap_key_data,
)
from ingot.random.uniform import (
    bernoulli as bernoulli,
    bits as bits,
    choice as choice,
    gumbel as gumbel,
    permutation as permutation,
    rademacher as rademacher,
    randint as randint,
    uniform as uniform,
)

_hide_frames_of(__name__)
