"""Engel's law by Bayesian regression with BlackJAX

The more a household earns, the smaller the part that it spends on food. BlackJAX, a package of
samplers for JAX, runs on ingot as it is, and draws slope, exponent and scatter, and from them the
band in which expenditures lie.

The data are 235 Belgian working-class households (Engel 1857). For logarithms of income x, less
their mean, and of expenditure y, the model and its priors are

    y = a + b x + s e,    e ~ N(0, 1),    a, b ~ N(0, 10),    log s ~ N(0, 10)

b is the elasticity: Engel's law says that it is below 1. With priors as wide as these the
posterior of b is nearly Student's, about the estimate of least squares.

This example needs BlackJAX (`pip install blackjax`), and not JAX itself: `import ingot.as_jax`
serves it.
"""

from functools import partial
from pathlib import Path

import numpy as np

import ingot.as_jax  # noqa: F401  # isort: skip  # From here on `import jax` gives ingot.

import blackjax
import jax
import jax.numpy as jnp
from jax.scipy.stats import norm

HERE = Path(__file__).resolve().parent


def load():
    """Incomes and expenditures on food in francs of 1857, per household and year."""
    return np.loadtxt(HERE.parent / "data" / "engel.csv", delimiter=",", skiprows=1).T


def log_density(parameters, x, y):
    """Log posterior density of a, b and log s, but for a constant."""
    a, b, log_s = parameters
    prior = norm.logpdf(jnp.stack(parameters), 0, 10).sum()
    return prior + norm.logpdf(y, a + b * x, jnp.exp(log_s)).sum()


@partial(jax.jit, static_argnums=(3, 4, 5))
def sample(key, x, y, chains, warmup, draws):
    """Draws [chains, draws] of a, b and log s by NUTS, after a warm-up of each chain."""
    density = partial(log_density, x=x, y=y)

    def chain(key):
        key_warmup, key_run = jax.random.split(key)
        tuning = blackjax.window_adaptation(blackjax.nuts, density)
        start = jnp.mean(y), jnp.array(0.5), jnp.array(-1.0)
        (state, tuned), _ = tuning.run(key_warmup, start, num_steps=warmup)
        step = blackjax.nuts(density, **tuned).step

        def draw(state, key):
            state, info = step(key, state)
            return state, (state.position, info.is_divergent)

        return jax.lax.scan(draw, state, jax.random.split(key_run, draws))[1]

    return jax.vmap(chain)(jax.random.split(key, chains))


def run(chains=4, warmup=500, draws=1000):
    """Draws of a, b and s, and expenditures [draws, 50] drawn for 50 incomes."""
    income, food = load()
    x, y = np.log(income), np.log(food)
    key_run, key_predict = jax.random.split(jax.random.key(1857))
    (a, b, log_s), divergent = sample(key_run, x - x.mean(), y, chains, warmup, draws)
    between = np.var(np.mean(b, axis=1), ddof=1) / np.mean(np.var(b, axis=1, ddof=1))
    a, b, s = (np.ravel(v)[:, None] for v in (a, b, np.exp(log_s)))
    grid = np.linspace(x.min(), x.max(), 50)
    means = a + b * (grid - x.mean())
    predicted = np.exp(means + s * np.asarray(jax.random.normal(key_predict, means.shape)))
    return {"income": income, "food": food, "a": a[:, 0], "b": b[:, 0], "s": s[:, 0],
            "grid": np.exp(grid), "means": np.exp(means), "predicted": predicted,
            "rhat": float(np.sqrt(1 + between)), "divergences": int(np.sum(divergent))}


def draw(found):
    """The households with the predictive band; the elasticity."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, right) = plt.subplots(1, 2, width_ratios=(1.6, 1))
    left.plot(found["income"], found["food"], "o", ms=2.5, color="C5", label="households")
    for name, values, alpha in (("expenditure", "predicted", 0.2), ("mean", "means", 0.6)):
        low, high = np.percentile(found[values], [2.5, 97.5], axis=0)
        left.fill_between(found["grid"], low, high, alpha=alpha, lw=0, color="C0",
                          label=f"95 % of the {name}")
    left.set(xscale="log", yscale="log", xlabel="income (francs per year)",
             ylabel="expenditure on food (francs per year)", title="235 Belgian households, 1857")
    ticks = [500, 1000, 2000, 4000]
    left.set_xticks(ticks, [str(t) for t in ticks])
    left.set_yticks([250, *ticks[:-1]], ["250", "500", "1000", "2000"])
    left.minorticks_off()
    left.legend(loc="upper left")
    right.hist(found["b"], bins=50, density=True)
    right.axvline(1, color="C1", label="food grows as income")
    right.set(xlabel="elasticity b", ylabel="posterior density", xlim=(0.75, 1.05),
              title=f"b = {found['b'].mean():.3f} ± {found['b'].std():.3f}")
    right.legend(loc="upper left")
    right.set_ylim(0, 24)
    return figure


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)  # of the names of JAX, 32 bits are the default
    found = run()
    print(f"elasticity {found['b'].mean():.3f} ± {found['b'].std():.3f}, r-hat {found['rhat']:.4f}")
    draw(found).savefig("regression_blackjax.png")
