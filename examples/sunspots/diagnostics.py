"""Convergence of Markov chains: split r-hat and bulk effective sample size.

Definitions of Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), Bayesian Analysis 16, 667:
every chain is cut in two halves, and the draws are replaced by normal scores of their ranks.
"""

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata


def _split(draws):
    """Halves of the chains [samples, chains] side by side: [samples // 2, 2 chains]."""
    half = len(draws) // 2
    return np.concatenate([draws[:half], draws[len(draws) - half :]], axis=1)


def _normal_scores(draws):
    ranks = rankdata(draws, axis=None).reshape(draws.shape)
    return ndtri((ranks - 0.375) / (draws.size + 0.25))


def _variances(draws):
    """Mean variance within the chains, and the estimate that adds the variance between them."""
    count = len(draws)
    within = draws.var(axis=0, ddof=1).mean()
    return within, within * (count - 1) / count + draws.mean(axis=0).var(ddof=1)


def _autocovariance(draws):
    """Biased autocovariance of each column at every lag, by the Fourier transform."""
    count = len(draws)
    spectrum = np.fft.rfft(draws - draws.mean(axis=0), 2 * count, axis=0)
    return np.fft.irfft(np.abs(spectrum) ** 2, 2 * count, axis=0)[:count] / count


def split_rhat(draws):
    """Rank-normalized split r-hat of draws [samples, chains]; 1 when the chains agree."""
    within, total = _variances(_normal_scores(_split(draws)))
    return float(np.sqrt(total / within))


def effective_size(draws):
    """Bulk effective sample size of draws [samples, chains].

    The autocorrelations are summed in pairs up to the first negative pair, made to fall
    monotonically on the way (Geyer's initial monotone sequence).
    """
    scores = _normal_scores(_split(draws))
    count = len(scores)
    within, total = _variances(scores)
    covariance = _autocovariance(scores).mean(axis=1) * count / (count - 1)
    correlation = 1 - (within - covariance) / total
    correlation[0] = 1.0
    pairs = correlation[: count // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0)
    kept = pairs[: negative[0]] if negative.size else pairs
    length = 2 * np.minimum.accumulate(kept).sum() - 1
    # Antithetic chains may beat independent draws, but no estimate is trusted beyond this bound.
    return float(scores.size / max(length, 1 / np.log10(scores.size)))
