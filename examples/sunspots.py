"""Is the Sun's activity quasi-periodic? Two Gaussian-process models of the yearly sunspot numbers.

Red noise alone (A) is weighed against red noise plus a damped oscillation (B): maximum of the
posterior, evidence by Laplace's approximation checked by importance sampling, and Hamiltonian Monte
Carlo for B. Prints tables, writes pictures to examples/output, and exits with 1 if the chains
disagree or if the 11-year cycle is not found. `--help` lists the options.
"""

import argparse
import math
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from sunspots import data, diagnostics, evidence, hmc, model, optimize

import ingot
import ingot.numpy as jnp
from ingot import lax, random

HERE = Path(__file__).resolve().parent
FORECAST_END = 2035
REPLICATES = 20  # predictions drawn from each draw of the posterior
PREDICTED = 400  # draws of the posterior that are used for the pictures
LABELS = "A red noise", "B quasi-periodic"
WORST_RHAT = 1.05
CYCLE = 11.0


class Clock:
    """Compiles and runs functions, and keeps the seconds of each."""

    def __init__(self):
        self.rows = []

    def run(self, label, function, *args):
        begin = time.perf_counter()
        compiled = ingot.jit(function).lower(*args).compile()
        middle = time.perf_counter()
        result = ingot.block_until_ready(compiled(*args))
        self.rows.append((label, middle - begin, time.perf_counter() - middle))
        return result


# ---- steps ----


def fit(clock, name, log_density, key, size, count):
    """Laplace approximation at the highest of the maxima found from `count` starts."""

    def search(starts):
        found = ingot.vmap(partial(optimize.minimize, lambda theta: -log_density(theta)))(starts)
        best = jnp.argmin(jnp.where(jnp.isnan(found.value), jnp.inf, found.value))
        return found.position[best], jnp.sum(found.value < found.value[best] + 0.01)

    mode, agreeing = clock.run(f"{name}: maximum", search, model.starts(key, count, size))
    result = clock.run(f"{name}: Hessian", partial(evidence.laplace, log_density), mode)
    if not math.isfinite(float(result.log_evidence)):
        raise SystemExit(f"model {name}: no maximum with a finite evidence was found")
    print(f"model {name}: {int(agreeing)} of {count} starts reach the maximum")
    return result


def sample(clock, log_density, approximation, key, options):
    """Draws of theta [samples, chains, D] from model B, and the raw output of the sampler."""
    key_start, key_run = random.split(key)
    starts = 1.5 * random.normal(key_start, (options.chains, model.SIZE_B))

    def theta(z):
        return approximation.mode + approximation.factor @ z

    def run(key, starts):
        return hmc.sample(
            lambda z: log_density(theta(z)),
            key,
            starts,
            options.warmup,
            options.samples,
            loop=ingot.progress(lax.scan, "sampling"),
        )

    chains = clock.run("B: sampling", run, key_run, starts)
    return ingot.vmap(ingot.vmap(theta))(chains.position), chains


def forecast(clock, record, thetas, key):
    """Predicted yearly counts [draws, N] over the record and on to the end of the forecast."""
    years = np.arange(record.years[0], FORECAST_END + 1)
    observed = years <= record.years[-1]
    values = np.concatenate([record.values, np.zeros(np.sum(~observed))])

    def predict(thetas, key):
        known = jnp.asarray(years), jnp.asarray(values), jnp.asarray(observed)
        mean, variance, noise = ingot.vmap(lambda theta: model.predict(theta, *known))(thetas)
        spread = jnp.sqrt(jnp.maximum(variance, 0.0) + noise[:, None])
        draws = mean + spread * random.normal(key, (REPLICATES, *mean.shape))
        return draws.reshape(-1, mean.shape[-1])

    return years, record.to_counts(np.asarray(clock.run("B: forecast", predict, thetas, key)))


# ---- results ----


def parameter_table(draws):
    """Rows of the posterior table, and the worst r-hat; draws [samples, chains, D] in own units."""
    rows, rhats = [], []
    for index, (name, unit) in enumerate(zip(model.NAMES, model.UNITS, strict=True)):
        chain = draws[..., index]
        low, median, high = np.percentile(chain, [16, 50, 84])
        rhats.append(diagnostics.split_rhat(chain))
        size = f"{diagnostics.effective_size(chain):.0f}"
        interval = f"{low:.3g} .. {high:.3g}"
        rows.append((name, f"{median:.3g}", interval, unit, size, f"{rhats[-1]:.3f}"))
    return rows, np.max(rhats)


def print_table(head, rows):
    """Columns as wide as their widest entry, the first one flush left."""
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())
    print()


def print_evidence(models):
    """Log evidence of both models both ways, and the log Bayes factors."""
    rows = [
        (label, *(f"{float(x):.2f}" for x in (fit.log_evidence, check)), f"{float(size):.0f}")
        for label, (fit, (check, size)) in zip(LABELS, models.values(), strict=True)
    ]
    (a, (check_a, _)), (b, (check_b, _)) = models.values()
    factors = (b.log_evidence - a.log_evidence, check_b - check_a)
    rows.append(("ln Bayes factor B/A", *(f"{float(x):.2f}" for x in factors), ""))
    print_table(("ln evidence", "Laplace", "importance", "eff. draws"), rows)


def print_times(clock):
    """Seconds of compilation and of running, step by step and in all."""
    total = "all steps", *(sum(row[i] for row in clock.rows) for i in (1, 2))
    rows = [(label, f"{a:.2f}", f"{b:.2f}") for label, a, b in [*clock.rows, total]]
    print_table(("seconds", "compile", "run"), rows)


def draw_pictures(folder, record, prediction, draws, thetas, noise):
    """Write the four pictures; says so and goes on when matplotlib is missing."""
    try:
        from sunspots import plots
    except ImportError:
        print("no pictures: matplotlib is not installed")
        return
    folder.mkdir(parents=True, exist_ok=True)
    flat = draws.reshape(-1, draws.shape[-1])
    frequencies = np.geomspace(1 / 300, 0.5, 400)
    spectra = ingot.jit(ingot.vmap(model.spectrum, (0, None)))
    cycle, red = spectra(thetas, frequencies), spectra(noise[None], frequencies)[0]
    paths = (
        plots.forecast(folder / "forecast.png", record, *prediction),
        plots.period(folder / "period.png", flat[:, -1]),
        plots.spectrum(
            folder / "spectrum.png", record, frequencies, np.asarray(cycle), np.asarray(red)
        ),
        plots.pairs(folder / "parameters.png", flat, model.NAMES, model.UNITS),
    )
    print("pictures:", *(path.name for path in paths), "in", folder)


def verdict(period, worst):
    """Say whether the run can be trusted and shows the cycle; the exit status."""
    low, high = np.percentile(period, [2.5, 97.5])
    agree, found = worst <= WORST_RHAT, low <= CYCLE <= high
    print(f"the chains {'agree' if agree else 'DISAGREE'}: worst r-hat {worst:.3f}")
    covers = "covers" if found else "MISSES"
    print(f"the period, {low:.2f} .. {high:.2f} yr (95 %), {covers} {CYCLE:g} yr")
    return 0 if agree and found else 1


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--warmup", type=int, default=500, help="iterations that tune the step size"
    )
    parser.add_argument("--samples", type=int, default=1000, help="iterations kept, per chain")
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--starts", type=int, default=8, help="starting points of each fit")
    parser.add_argument("--draws", type=int, default=2000, help="draws of the importance sampling")
    parser.add_argument("--seed", type=int, default=1700)
    parser.add_argument(
        "--output", type=Path, default=HERE / "output", help="folder of the pictures"
    )
    parser.add_argument("--no-pictures", action="store_true")
    options = parser.parse_args(arguments)
    if options.chains < 2 or options.samples < 50 or options.warmup < 50:
        parser.error("at least 2 chains, 50 warm-up iterations and 50 samples are needed")
    return options


def compare(clock, density, key, options):
    """Fit both models and weigh them: name -> (Laplace approximation, (log evidence, size))."""
    models = {}
    for name, size in (("A", model.SIZE_A), ("B", model.SIZE_B)):
        key, key_fit, key_weigh = random.split(key, 3)
        approximation = fit(clock, name, density, key_fit, size, options.starts)
        weigh = partial(evidence.importance, density, approximation, draws=options.draws)
        models[name] = approximation, clock.run(f"{name}: importance", weigh, key_weigh)
    return models


def main(arguments=None):
    options = parse(arguments)
    begin, clock, record = time.perf_counter(), Clock(), data.load()
    keys = random.split(random.key(options.seed), 3)
    known = {"years": jnp.asarray(record.years), "values": jnp.asarray(record.values)}
    density = partial(model.log_posterior, **known)
    models = compare(clock, density, keys[0], options)
    thetas, chains = sample(clock, density, models["B"][0], keys[1], options)
    flat = thetas.reshape(-1, model.SIZE_B)
    draws = np.stack(ingot.vmap(model.constrain)(flat), axis=-1).reshape(thetas.shape)
    some = flat[:: max(len(flat) // PREDICTED, 1)]
    prediction = forecast(clock, record, some, keys[2])
    rows, worst = parameter_table(draws)
    print()
    print_table(("parameter", "median", "68 % interval", "unit", "ESS", "r-hat"), rows)
    print_evidence(models)
    print_times(clock)
    print(f"{int(np.sum(chains.divergent))} divergences,", end=" ")
    print(f"acceptance {np.mean(chains.acceptance):.2f}, step {float(chains.step_size):.2f}")
    if not options.no_pictures:
        draw_pictures(options.output, record, prediction, draws, some, models["A"][0].mode)
    status = verdict(draws[..., -1], worst)
    print(f"{time.perf_counter() - begin:.1f} s after imports")
    return status


if __name__ == "__main__":
    sys.exit(main())
