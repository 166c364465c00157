"""Distributions and statistics under the names of scipy.stats: the table of contents."""

from ingot.scipy.stats.functions import mode, rankdata, sem
from ingot.scipy.stats.kde import gaussian_kde
from ingot.util import lazily

__all__ = ["gaussian_kde", "mode", "rankdata", "sem"]

__getattr__, __dir__ = lazily(__name__, (
    "bernoulli", "beta", "betabinom", "binom", "cauchy", "chi2", "dirichlet", "expon",
    "gamma", "gennorm", "geom", "gumbel_l", "gumbel_r", "laplace", "logistic", "multinomial",
    "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "t", "truncnorm", "uniform",
    "vonmises", "wrapcauchy"))
