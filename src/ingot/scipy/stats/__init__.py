"""Distributions and statistics under the names of scipy.stats: the table of contents."""

from ingot.scipy.stats.functions import mode as mode, rankdata as rankdata, sem as sem
from ingot.scipy.stats.kde import gaussian_kde as gaussian_kde
from ingot.util import lazily

__getattr__, __dir__ = lazily(__name__, (
    "bernoulli", "beta", "betabinom", "binom", "cauchy", "chi2", "dirichlet", "expon",
    "gamma", "gennorm", "geom", "gumbel_l", "gumbel_r", "laplace", "logistic", "multinomial",
    "multivariate_normal", "nbinom", "norm", "pareto", "poisson", "t", "truncnorm", "uniform",
    "vonmises", "wrapcauchy"))
