"""A multivariate normal sampler from uniform numbers alone

Uniform numbers become normal ones by a logarithm and an angle, and Cholesky's factor gives them
any covariance. Mean, covariance and the law of the distance are recovered in ten dimensions, and
the ellipses in two.

Box and Muller (1958): for u, v uniform on (0, 1), these two are independent standard normal
numbers:

    sqrt(-2 log u) cos(2 pi v),    sqrt(-2 log u) sin(2 pi v)

With z standard normal and C = L L^T, x = m + L z is normal with mean m and covariance C, and (x -
m)^T C^-1 (x - m) = |z|^2 has the chi-square distribution with as many degrees as dimensions.
"""

from functools import partial
from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import random
from ingot.scipy.linalg import solve_triangular
from ingot.scipy.stats import chi2

HERE = Path(__file__).resolve().parent
DIMENSIONS, COUNT = 10, 200_000


def target(key, dimensions):
    """A mean, and a covariance with correlations of all sizes."""
    key_mean, key_factor = random.split(key)
    mean = 5 * random.uniform(key_mean, (dimensions,)) - 2.5
    mixing = 2 * random.uniform(key_factor, (dimensions, dimensions)) - 1
    return mean, mixing @ mixing.T + 0.2 * jnp.eye(dimensions)


def normal(key, count, dimensions):
    """Standard normal numbers [count, dimensions], made of uniform ones."""
    half = -(-dimensions // 2)
    # `uniform` gives numbers in [0, 1): one minus them is never 0, so the logarithm is finite.
    u, v = random.uniform(key, (2, count, half))
    radius, angle = jnp.sqrt(-2 * jnp.log1p(-u)), 2 * jnp.pi * v
    pairs = jnp.concatenate([radius * jnp.cos(angle), radius * jnp.sin(angle)], axis=1)
    return pairs[:, :dimensions]


@partial(ingot.jit, static_argnums=3)
def multivariate_normal(key, mean, covariance, count):
    """Draws [count, dimensions]."""
    factor = jnp.linalg.cholesky(covariance)
    return mean + normal(key, count, len(mean)) @ factor.T


@ingot.jit
def squared_distances(draws, mean, covariance):
    """Mahalanobis' squared distance of each draw from the mean."""
    factor = jnp.linalg.cholesky(covariance)
    return jnp.sum(solve_triangular(factor, (draws - mean).T, lower=True) ** 2, axis=0)


def ellipse(mean, covariance, sigmas):
    """Points [100, 2] of the curve at a distance of `sigmas`: the factor turns a circle into it."""
    angle = jnp.linspace(0, 2 * jnp.pi, 100)
    circle = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    return mean + sigmas * circle @ jnp.linalg.cholesky(covariance).T


def run(count=COUNT):
    """Draws, what they were asked to be, and what they are."""
    key_target, key_draws = random.split(random.key(1958))
    mean, covariance = target(key_target, DIMENSIONS)
    draws = multivariate_normal(key_draws, mean, covariance, count)
    return {"mean": np.asarray(mean), "covariance": np.asarray(covariance),
            "draws": np.asarray(draws),
            "sample_mean": np.mean(draws, axis=0), "sample_covariance": np.cov(np.asarray(draws).T),
            "squared_distances": np.asarray(squared_distances(draws, mean, covariance))}


def draw(found):
    """Two of the dimensions with ellipses; covariances; the distances."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, middle, right) = plt.subplots(1, 3)
    pair = [0, 1]
    left.plot(*found["draws"][:3000, pair].T, ".", ms=1, color="C5", label="3,000 draws")
    for sigmas, color in ((1, "C0"), (2, "C1"), (3, "C3")):
        curve = ellipse(found["mean"][pair], found["covariance"][np.ix_(pair, pair)], sigmas)
        left.plot(*curve.T, color=color, label=rf"{sigmas}$\sigma$")
    left.set(xlabel="$x_1$", ylabel="$x_2$", title="Two of ten dimensions")
    left.margins(y=0.28)
    left.legend(ncols=2, loc="upper left", markerscale=6)
    upper = np.triu_indices(DIMENSIONS)
    wanted, got = found["covariance"][upper], found["sample_covariance"][upper]
    middle.axline((0, 0), slope=1, color="C1", lw=1)
    middle.plot(wanted, got, "o", ms=3)
    middle.set(xlabel="covariance asked for", ylabel="covariance of the draws",
               title=f"55 covariances of {len(found['draws']):,} draws")
    right.hist(found["squared_distances"], bins=100, range=(0, 35), density=True, alpha=0.6,
               label="draws")
    x = np.linspace(0.01, 35, 200)
    right.plot(x, chi2.pdf(x, DIMENSIONS), color="C1", label=r"$\chi^2$ with 10 degrees")
    right.set(xlabel="squared distance", ylabel="density", ylim=(0, 0.125),
              title="Mahalanobis' distance")
    right.legend()
    return figure


if __name__ == "__main__":
    found = run()
    print(f"largest error of a mean {np.abs(found['sample_mean'] - found['mean']).max():.4f},"
          f" of a covariance {np.abs(found['sample_covariance'] - found['covariance']).max():.4f}")
    draw(found).savefig("normal_from_uniforms.png")
