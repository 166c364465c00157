"""Investment of eleven firms, by a hierarchical regression in NumPyro

What does a firm invest when its value rises? Eleven firms have each their own answer, and a
hierarchical model, in NumPyro on ingot, finds how far the answers differ and lets firms with
little to say learn from the others.

The data are investment I, market value V and capital stock K of eleven firms in twenty years
(Grunfeld 1950). With logarithms less their means of each firm, firm f has its own slopes, drawn
from a common distribution:

    log I = a[f] + b[f] log V + c[f] log K + s e,    b[f] = mu_b + tau_b z_b[f],    c[f] likewise
    a ~ N(0, 1),    mu ~ N(0, 1),    tau, s ~ half-normal(1),    z, e ~ N(0, 1)

The slopes of each firm by least squares alone stand beside them.

This example needs NumPyro (`pip install numpyro`); `import ingot.as_jax` serves it in place of
JAX.
"""

from pathlib import Path

import numpy as np

import ingot.as_jax  # noqa: F401  # isort: skip  # From here on `import jax` gives ingot.

import jax
import jax.numpy as jnp
import numpyro
from numpyro import distributions as dist
from numpyro.diagnostics import summary
from numpyro.infer import MCMC, NUTS

HERE = Path(__file__).resolve().parent


def load():
    """Names [11] of the firms, and logarithms [11, 20, 3] of investment, value and capital."""
    path = HERE.parent / "data" / "grunfeld.csv"
    names = np.loadtxt(path, str, delimiter=",", skiprows=1, usecols=0)[::20]
    numbers = np.loadtxt(path, delimiter=",", skiprows=1, usecols=(2, 3, 4))
    logs = np.log(numbers.reshape(11, 20, 3))
    return names, logs - logs.mean(axis=1, keepdims=True)


def model(logs):
    """The regression of the first column on the others."""
    invest, value, capital = jnp.moveaxis(logs, -1, 0)
    slopes = []
    for name in ("value", "capital"):
        mean = numpyro.sample(f"mu_{name}", dist.Normal(0, 1))
        spread = numpyro.sample(f"tau_{name}", dist.HalfNormal(1))
        with numpyro.plate(f"firms_{name}", len(logs)):
            z = numpyro.sample(f"z_{name}", dist.Normal(0, 1))
        slopes.append(numpyro.deterministic(f"slope_{name}", mean + spread * z))
    level = numpyro.sample("level", dist.Normal(0, 1).expand([len(logs)]))
    scatter = numpyro.sample("scatter", dist.HalfNormal(1))
    expected = level[:, None] + slopes[0][:, None] * value + slopes[1][:, None] * capital
    numpyro.sample("invest", dist.Normal(expected, scatter), obs=invest)


def least_squares(logs):
    """Slopes [11, 2] of each firm alone, and their errors."""
    slopes, errors = [], []
    for firm in logs:
        design, y = firm[:, 1:], firm[:, 0]
        slope, (rest,), *_ = np.linalg.lstsq(design, y)
        slopes.append(slope)
        errors.append(np.sqrt(rest / (len(y) - 3) * np.diag(np.linalg.inv(design.T @ design))))
    return np.array(slopes), np.array(errors)


def run(chains=2, warmup=500, draws=1000):
    """Slopes of each firm, pooled and alone, and how far the chains agree."""
    names, logs = load()
    numpyro.enable_x64()
    mcmc = MCMC(NUTS(model), num_warmup=warmup, num_samples=draws, num_chains=chains,
                chain_method="vectorized", progress_bar=False)
    mcmc.run(jax.random.key(1950), logs)
    samples = {k: np.asarray(v) for k, v in mcmc.get_samples().items()}
    stats = summary(mcmc.get_samples(group_by_chain=True))
    slopes, errors = least_squares(logs)
    return {"names": names, "samples": samples, "slopes": slopes, "errors": errors,
            "rhat": max(float(np.max(stats[k]["r_hat"])) for k in ("mu_value", "tau_value",
                                                                   "scatter")),
            "mu": float(samples["mu_value"].mean()), "tau": float(samples["tau_value"].mean())}


def draw(found):
    """Slopes of the firms, pooled and alone, for value and for capital."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, row = plt.subplots(1, 2, sharey=True)
    place = np.arange(len(found["names"]))
    for k, (axes, name) in enumerate(zip(row, ("value", "capital"), strict=True)):
        pooled, mu = found["samples"][f"slope_{name}"], found["samples"][f"mu_{name}"]
        axes.errorbar(found["slopes"][:, k], place + 0.15, xerr=found["errors"][:, k], fmt="o",
                      ms=3,
                      color="C5", label="each firm alone")
        axes.errorbar(pooled.mean(axis=0), place - 0.15, xerr=pooled.std(axis=0), fmt="o", ms=3,
                      label="hierarchical model")
        axes.axvspan(*np.percentile(mu, [16, 84]), color="C1", alpha=0.3, lw=0,
                     label="mean of firms")
        axes.set(xlabel=f"elasticity of investment to {name}", title=f"To {name}")
        axes.set_ylim(-0.7, 14.9)
        axes.set_yticks(place, found["names"])
    row[0].legend(loc="upper left")
    return figure


if __name__ == "__main__":
    found = run()
    print(f"elasticity to value {found['mu']:.3f}, between firms {found['tau']:.3f},"
          f" r-hat {found['rhat']:.4f}")
    draw(found).savefig("hierarchical_numpyro.png")
