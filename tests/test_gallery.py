"""The gallery: each example's numbers against the truth, a closed form, or SciPy.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.integrate
import scipy.ndimage
import scipy.optimize
import scipy.special
import scipy.stats
from gallery import (
    deblurring,
    digits,
    eight_schools,
    kalman_filter,
    kepler_orbits,
    lorenz,
    molecular_dynamics,
    neural_ode,
    normal_from_uniforms,
    power_spectrum,
    qpo,
    sir_epidemic,
    transit,
)

import ingot
import ingot.numpy as jnp
from ingot import random

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted((ROOT / "examples" / "gallery").glob("*.py"))


# ---- all of them ----
@pytest.fixture(scope="module")
def site():
    """docs/make_gallery.py, which makes the pages."""
    spec = importlib.util.spec_from_file_location("make_gallery", ROOT / "docs/make_gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_scripts_are_short_and_shown(script, site):
    """Below 150 lines; on the site, with a title, two sentences, and a small picture."""
    assert len(script.read_text("utf-8").splitlines()) < 150
    title, sentences, rest, _ = site.parts(script.stem)
    assert not title.endswith(".")
    assert len(re.findall(r"[.?](?= |$)", sentences)) == 2
    assert rest.strip()
    assert script.stem in site.NAMES
    picture = ROOT / "docs" / site.PICTURES / f"{script.stem}.png"
    assert picture.stat().st_size < 60 * 1024


# ---- the Nile ----
def test_kalman_filter_is_the_dense_normal_distribution():
    """The walk and the noise have a covariance matrix, in which the whole is one density."""
    flow, (r, q), n = np.array([3.0, 5.0, 4.0, 6.5, 7.0, 5.5]), (1.3, 0.7), 6
    later = np.minimum.outer(np.arange(n), np.arange(n))
    walk = kalman_filter.DIFFUSE + q * later
    dense = scipy.stats.multivariate_normal.logpdf(flow, np.zeros(n), walk + r * np.eye(n))
    first = scipy.stats.norm.logpdf(flow[0], 0, np.sqrt(walk[0, 0] + r))
    log_likelihood, level, spread = kalman_filter.estimate(jnp.array([r, q]), jnp.asarray(flow))
    assert float(log_likelihood) == pytest.approx(dense - first, abs=1e-5)
    gain = np.linalg.solve(walk + r * np.eye(n), walk).T
    np.testing.assert_allclose(level, gain @ flow, rtol=1e-6)
    np.testing.assert_allclose(spread, np.diag(walk - gain @ walk), rtol=1e-5)


def test_kalman_filter_finds_the_variances_of_the_nile():
    found = kalman_filter.run()
    assert found["r"] == pytest.approx(15099, rel=2e-3)  # Durbin and Koopman, table 2.1
    assert found["q"] == pytest.approx(1469.1, rel=2e-3)
    assert found["log_likelihood"] == pytest.approx(-632.54, abs=0.02)


# ---- influenza ----
def test_sir_epidemic_is_that_of_scipy():
    def rates(_, y):
        caught = 1.8 * y[0] * y[1] / sir_epidemic.BOYS
        return [-caught, caught - 0.5 * y[1]]

    exact = scipy.integrate.solve_ivp(rates, (0, 13), [sir_epidemic.BOYS - 2, 2], rtol=1e-10,
                                      atol=1e-10, t_eval=np.arange(14))
    got = ingot.jit(sir_epidemic.epidemic, static_argnums=1)(jnp.log(jnp.array([1.8, 0.5, 2, 1])),
                                                             14)
    np.testing.assert_allclose(got, exact.y[1], rtol=1e-5)  # the error of its steps


def test_sir_epidemic_finds_the_maximum():
    found = sir_epidemic.run()
    phi = found["phi"]
    mine = sir_epidemic.log_likelihood(jnp.asarray(found["best"]), found["in_bed"])
    infected = np.asarray(sir_epidemic.epidemic(jnp.asarray(found["best"]), 14))
    expected = scipy.stats.nbinom.logpmf(found["in_bed"], phi, phi / (phi + infected))
    assert float(mine) == pytest.approx(expected.sum(), abs=1e-9)
    log_likelihood = ingot.jit(sir_epidemic.log_likelihood)
    other = scipy.optimize.minimize(lambda x: -float(log_likelihood(jnp.asarray(x),
                                                                    found["in_bed"])),
                                    sir_epidemic.START + 0.3, method="Nelder-Mead",
                                    options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 4000})
    np.testing.assert_allclose(found["best"], other.x, atol=1e-4)
    assert found["reproduction"].mean() == pytest.approx(found["beta"] / found["gamma"], rel=0.03)


# ---- Lorenz ----
def test_lorenz_sensitivities_are_the_variational_equations():
    def rates(_, y):
        (s, r, b), (x, v, z), tangents = lorenz.PARAMETERS, y[:3], y[3:].reshape(3, 3)
        jacobian = np.array([[-s, s, 0], [r - z, -1, -x], [v, x, -b]])
        forced = np.diag([v - x, x, -z])
        return np.concatenate([[s * (v - x), x * (r - z) - v, x * v - b * z],
                               (jacobian @ tangents + forced).ravel()])

    path, by_parameter = map(np.asarray, lorenz.sensitivities(lorenz.PARAMETERS, 200))
    exact = scipy.integrate.solve_ivp(rates, (0, 1), [*lorenz.START, *np.zeros(9)], rtol=1e-11,
                                      atol=1e-12, t_eval=[0.5, 1.0])
    np.testing.assert_allclose(path[[99, 199]], exact.y[:3].T, rtol=1e-4)
    np.testing.assert_allclose(by_parameter[[99, 199]], exact.y[3:].T.reshape(2, 3, 3), rtol=2e-3,
                               atol=1e-4)


def test_lorenz_exponent():
    assert lorenz.run(steps=200, long=200_000)["exponent"] == pytest.approx(0.9056, abs=0.01)


# ---- Kepler ----
def test_kepler_equation_and_its_derivatives():
    mean = jnp.array([-3.1, -1e-3, 0.0, 0.5, 1.0, 3.1])[:, None]
    e = jnp.array([0.0, 0.3, 0.9, 0.99])
    anomalies = ingot.vmap(ingot.vmap(kepler_orbits.eccentric_anomaly, (None, 0)), (0, None))
    E = np.asarray(anomalies(mean[:, 0], e))
    np.testing.assert_allclose(E - e * np.sin(E), np.broadcast_to(mean, E.shape), atol=4e-15)
    e_minus, e_plus = np.array([0.6 - 1e-6, 0.6 + 1e-6])
    by_mean, by_e = ingot.grad(kepler_orbits.eccentric_anomaly, (0, 1))(1.0, 0.6)
    solve = kepler_orbits.eccentric_anomaly
    assert float(by_mean) == pytest.approx(1 / (1 - 0.6 * np.cos(solve(1.0, 0.6))), rel=1e-14)
    difference = float(solve(1.0, e_plus) - solve(1.0, e_minus)) / (e_plus - e_minus)
    assert float(by_e) == pytest.approx(difference, rel=1e-8)


def test_kepler_orbits_obey_vis_viva():
    found = kepler_orbits.run(count=10_000)
    assert found["error"] < 1e-13
    a, e, *_ = found["orbits"]
    (x, y), (u, v) = found["places"].T, found["velocities"].T
    momentum = x * v - y * u  # Kepler's second law
    np.testing.assert_allclose(momentum, 2 * np.pi * np.sqrt(a * (1 - e**2)), rtol=1e-12)


# ---- normal numbers ----
def test_normal_from_uniforms_recovers_its_target():
    found = normal_from_uniforms.run(count=50_000)
    n, covariance = 50_000, found["covariance"]
    variances = np.diag(covariance)
    deviations = (found["sample_mean"] - found["mean"]) / np.sqrt(variances / n)
    assert np.abs(deviations).max() < 3.5
    # The variance of an entry of a sample covariance (Wishart's distribution).
    errors = np.sqrt((covariance**2 + np.outer(variances, variances)) / n)
    assert np.abs((found["sample_covariance"] - covariance) / errors).max() < 3.5
    assert scipy.stats.kstest(found["squared_distances"], scipy.stats.chi2(10).cdf).pvalue > 0.01
    z = np.asarray(normal_from_uniforms.normal(random.key(3), 50_000, 3))
    assert z.shape == (50_000, 3)
    assert scipy.stats.kstest(z.ravel(), scipy.stats.norm.cdf).pvalue > 0.01


# ---- eight schools ----
def test_eight_schools_are_the_exact_posterior():
    """Given tau all is normal: integrals over tau give the exact moments."""
    y, s, width = eight_schools.EFFECTS, eight_schools.ERRORS, eight_schools.WIDTH
    taus = (np.arange(4000) + 0.5) / 20
    weights, mus, thetas = [], [], []
    for tau in taus:
        scatter = np.diag(s**2 + tau**2) + width**2
        weights.append(scipy.stats.multivariate_normal.logpdf(y, np.zeros(8), scatter)
                       + scipy.stats.halfcauchy.logpdf(tau, 0, width))
        solved = np.linalg.solve(scatter, y)
        mus.append(width**2 * solved.sum())
        thetas.append((width**2 + tau**2 * np.eye(8)) @ solved)
    weights = np.exp(weights - np.max(weights))
    found = eight_schools.run(draws=5000)
    assert found["rhat"] < 1.01
    assert found["mu"].mean() == pytest.approx(np.average(mus, weights=weights), abs=0.15)
    assert found["tau"].mean() == pytest.approx(np.average(taus, weights=weights), abs=0.15)
    np.testing.assert_allclose(found["theta"].mean(axis=0), np.average(thetas, 0, weights),
                               atol=0.25)
    density = eight_schools.tau_density(jnp.asarray(taus))
    np.testing.assert_allclose(density, weights / np.trapezoid(weights, taus), rtol=1e-9)


# ---- the power spectrum ----
def test_power_spectrum_is_found_from_many_starts():
    found = power_spectrum.run(count=20)
    assert found["agreeing"] > 3
    pulls = (found["theta"] - np.log(power_spectrum.TRUTH)) / found["errors"]
    assert np.abs(pulls).max() < 3
    loss = ingot.jit(ingot.value_and_grad(power_spectrum.loss))
    other = scipy.optimize.minimize(lambda x: loss(jnp.asarray(x), found["powers"]),
                                    np.log(power_spectrum.TRUTH), jac=True, method="BFGS")
    assert found["loss"] == pytest.approx(other.fun, abs=1e-8)
    np.testing.assert_allclose(found["theta"], other.x, atol=1e-3)


# ---- molecular dynamics ----
def test_molecular_dynamics_forces_and_energy():
    rng = np.random.default_rng(0)
    crystal = (np.mgrid[:12, :12].reshape(2, -1).T + 0.5) * molecular_dynamics.BOX / 12
    places = crystal + 0.1 * rng.normal(size=crystal.shape)
    difference = places[:, None] - places
    difference -= molecular_dynamics.BOX * np.round(difference / molecular_dynamics.BOX)
    squared = np.sum(difference**2, axis=-1) + np.eye(144)
    strength = np.where((squared < molecular_dynamics.CUTOFF**2) & ~np.eye(144, dtype=bool),
                        24 * (2 / squared**6 - 1 / squared**3) / squared, 0)
    forces = -ingot.jit(ingot.grad(molecular_dynamics.potential))(jnp.asarray(places))
    np.testing.assert_allclose(forces, np.sum(strength[..., None] * difference, axis=1), atol=1e-9)
    found = molecular_dynamics.run(frames=40)
    assert found["drift"] < 5e-3
    assert found["density"][found["r"] < 0.8].max() == 0  # nothing gets that near
    assert 1.0 < found["r"][np.argmax(found["density"])] < 1.25  # the potential is least at 1.12


# ---- the neural differential equation ----
def test_neural_ode_derivative():
    pieces = ingot.jit(neural_ode.measure)(random.key(1))
    exact = scipy.integrate.solve_ivp(lambda _, y: [y[1], -np.sin(y[0]) - 0.2 * y[1]], (0, 2),
                                      [2.0, 1.0], t_eval=0.25 * np.arange(9), rtol=1e-10)
    swing = ingot.jit(lambda y: neural_ode.motion(neural_ode.pendulum, y, 9))
    np.testing.assert_allclose(swing(jnp.array([2.0, 1.0])), exact.y.T, atol=2e-5)
    parameters = neural_ode.initial(random.key(2))
    loss = ingot.jit(neural_ode.loss)
    slope = ingot.jit(ingot.grad(neural_ode.loss))(parameters, pieces[:4])
    w, b = parameters[1]
    ends = [loss([parameters[0], (w.at[3, 5].add(h), b), parameters[2]], pieces[:4])
            for h in (1e-5, -1e-5)]
    assert float(slope[1][0][3, 5]) == pytest.approx(float(ends[0] - ends[1]) / 2e-5, rel=1e-6)


@pytest.mark.long
def test_neural_ode_swings_as_the_pendulum():
    found = neural_ode.run()
    assert found["losses"][-1] < 2.5 * neural_ode.ERROR**2
    assert found["worst"] < 0.15


# ---- deblurring ----
def test_deblurring_reaches_the_minimum():
    """SciPy's minimizer finds nothing lower, and the blur is SciPy's convolution."""
    rng = np.random.default_rng(0)
    picture = scipy.ndimage.gaussian_filter(rng.normal(size=(16, 24)), 2, mode="wrap")
    exact = scipy.ndimage.gaussian_filter(picture, deblurring.BLUR, mode="wrap", truncate=6)
    blurred = deblurring.blur(jnp.asarray(picture))
    np.testing.assert_allclose(blurred, exact, atol=1e-5)
    objective = ingot.jit(ingot.value_and_grad(deblurring.objective))

    def flat(x):
        value, slope = objective(jnp.asarray(x.reshape(16, 24)), blurred)
        return float(value), np.ravel(slope)

    other = scipy.optimize.minimize(flat, np.ravel(blurred), jac=True, method="L-BFGS-B",
                                    options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000})
    x, values = deblurring.sharpen(blurred, 1000)
    assert float(values[-1]) == pytest.approx(other.fun, rel=1e-6)
    np.testing.assert_allclose(np.ravel(x), other.x, atol=1e-3)


def test_deblurring_is_better_than_the_linear_filter():
    pytest.importorskip("matplotlib")
    quality = list(deblurring.run(steps=200)["quality"].values())
    assert quality[0] + 3 < quality[1] < quality[2] - 0.5


# ---- the transit ----
def test_transit_is_the_integral_over_the_star():
    def exact(z, k):
        def lost(r):
            m = np.sqrt(1 - r * r)
            cosine = np.clip((r * r + z * z - k * k) / (2 * r * z), -1, 1)
            return (1 - transit.LIMB[0] * (1 - m) - transit.LIMB[1] * (1 - m) ** 2) * 2 * r * (
                np.arccos(cosine))

        star = np.pi * (1 - transit.LIMB[0] / 3 - transit.LIMB[1] / 6)
        return scipy.integrate.quad(lost, z - k, min(1, z + k), epsabs=1e-12, limit=400)[0] / star

    z = np.array([0.2, 0.5, 0.85, 0.93, 0.99, 1.05, 1.0999])
    got = ingot.vmap(transit.transit, (0, None))(jnp.asarray(z), 0.1)
    np.testing.assert_allclose(got, [exact(x, 0.1) for x in z], rtol=1e-12, atol=1e-14)
    slope = ingot.vmap(ingot.grad(transit.transit), (0, None))(jnp.array([0.0, 0.5, 3.0]) + 0.2,
                                                               0.1)
    assert np.all(np.isfinite(slope))


def test_transit_likelihood_is_that_of_the_dense_process():
    lag = np.sqrt(3) / transit.TRUTH[5] * np.abs(transit.HOURS[:, None] - transit.HOURS)
    covariance = transit.TRUTH[4] ** 2 * (1 + lag) * np.exp(-lag)
    covariance += transit.TRUTH[6] ** 2 * np.eye(len(lag))
    flux = transit.simulate(random.key(5))
    got, _ = ingot.jit(transit.filter_star)(jnp.asarray(transit.TRUTH), flux)
    expected = scipy.stats.multivariate_normal.logpdf(flux, np.zeros(len(lag)), covariance)
    assert float(got) == pytest.approx(expected, abs=1e-7)


def test_transit_finds_the_planet():
    found = transit.run()
    assert np.all(np.abs(found["theta"] - transit.TRUTH) < 3 * found["errors"])
    assert found["errors"][1] < 0.005


# ---- digits ----
def test_digits_are_told():
    (images, labels), _ = digits.load()
    parameters = digits.initial(random.key(0))
    probabilities = scipy.special.log_softmax(np.asarray(digits.logits(parameters, images)), axis=1)
    expected = -np.mean(probabilities[np.arange(len(labels)), labels])
    assert float(digits.loss(parameters, images, labels)) == pytest.approx(expected, rel=1e-5)
    found = digits.run(epochs=15)
    assert found["accuracy"] > 0.95
    assert found["confusion"].sum() == 450
    assert found["losses"].dtype == np.float32


# ---- the quasi-periodic oscillation ----
def test_qpo_likelihood_is_that_of_the_dense_process():
    a, c, b, d, f = np.exp(qpo.TRUTH)
    lag = np.abs(qpo.TIMES[:, None] - qpo.TIMES)
    kernel = a * np.exp(-c * lag) + b * np.exp(-d * lag) * np.cos(2 * np.pi * f * lag)
    flux = qpo.simulate(random.key(1))
    expected = scipy.stats.multivariate_normal.logpdf(flux, np.zeros(256),
                                                      kernel + qpo.ERROR**2 * np.eye(256))
    got = ingot.jit(qpo.log_likelihood)(jnp.asarray(qpo.TRUTH), flux)
    assert float(got) == pytest.approx(expected, abs=1e-8)


def test_nested_sampling_of_a_known_evidence():
    """A normal density in the unit cube, a thousandth wide in volume: its integral is 1."""
    def density(u):
        return -0.5 * jnp.sum(((u - 0.4) / 0.04) ** 2) - 3 * jnp.log(0.04 * jnp.sqrt(2 * jnp.pi))

    log_evidence, points, weights, alive = qpo.nested_sampling(random.key(2), density, 3, 250)
    assert float(log_evidence) == pytest.approx(0, abs=0.4)  # three times sqrt(information / LIVE)
    np.testing.assert_allclose(np.exp(weights) @ points, 0.4, atol=0.01)
    assert float(alive) < -5


@pytest.mark.long
def test_qpo_is_preferred_and_found():
    found = qpo.run()
    assert found["log_bayes"] > 5
    assert found["mean"] == pytest.approx(np.log(20), abs=0.1)
    assert found["alive"] < -5


# ---- packages written for JAX, each example in a process where `import jax` gives ingot ----
def run_alone(name, arguments, numbers):
    """What expressions about `found`, the result of an example, are in a process of its own."""
    code = (f"import ingot.as_jax, json, gallery.{name} as example, numpy as np\n"
            f"found = example.run({arguments})\nprint(json.dumps([{', '.join(numbers)}]))")
    paths = [str(ROOT / "examples"), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_digits_in_packages():
    pytest.importorskip("optax")
    present = [p for p in ("flax", "haiku", "equinox") if importlib.util.find_spec(p)]
    if not present:
        pytest.skip("none of flax, dm-haiku and equinox is installed")
    names, worst, losses = run_alone("digits_packages", "epochs=10", [
        "list(found)", "min(x['accuracy'] for x in found.values())",
        "[float(x['losses'][-1]) for x in found.values()]"])
    assert names == present
    assert worst > 0.95
    assert max(losses) < 0.12


@pytest.mark.long
def test_hierarchical_numpyro_lies_between_the_firms_and_their_mean():
    """Conditional on spreads and scatter the posterior is normal: its mean, by linear algebra."""
    pytest.importorskip("numpyro")
    rhat, logs, tau, scatter, got = run_alone("hierarchical_numpyro", "warmup=300, draws=300", [
        "found['rhat']", "example.load()[1].tolist()",
        "[found['samples']['tau_' + n].tolist() for n in ('value', 'capital')]",
        "found['samples']['scatter'].tolist()",
        "[found['samples']['slope_' + n].mean(0).tolist() for n in ('value', 'capital')]"])
    assert rhat < 1.03
    logs, means = np.array(logs), []
    for spread, s in list(zip(np.array(tau).T, scatter, strict=True))[::10]:
        # Unknowns: 11 levels, which the demeaned data keep apart, 11 slopes to each, 2 means.
        precision, shift = np.zeros((24, 24)), np.zeros(24)
        for firm, rows in enumerate(logs):
            place = [firm, 11 + firm]
            precision[np.ix_(place, place)] += rows[:, 1:].T @ rows[:, 1:] / s**2
            shift[place] += rows[:, 1:].T @ rows[:, 0] / s**2
        for k in range(2):
            for firm in range(11):
                pair = [11 * k + firm, 22 + k]
                precision[np.ix_(pair, pair)] += np.array([[1, -1], [-1, 1]]) / spread[k] ** 2
            precision[22 + k, 22 + k] += 1
        means.append(np.linalg.solve(precision, shift)[:22])
    np.testing.assert_allclose(np.ravel(got), np.mean(means, axis=0), atol=0.06)


@pytest.mark.slow
def test_regression_blackjax_is_that_of_least_squares():
    pytest.importorskip("blackjax")
    rhat, divergences, income, food, slope, error, scatter = run_alone("regression_blackjax", "", [
        "found['rhat']", "found['divergences']", "found['income'].tolist()",
        "found['food'].tolist()", "float(found['b'].mean())", "float(found['b'].std())",
        "float(found['s'].mean())"])
    exact = scipy.stats.linregress(np.log(income), np.log(food))
    assert divergences == 0
    assert rhat < 1.01
    assert slope == pytest.approx(exact.slope, abs=0.003)
    assert error == pytest.approx(exact.stderr, rel=0.1)
    residuals = np.log(food) - exact.intercept - exact.slope * np.log(income)
    assert scatter == pytest.approx(np.sqrt(np.sum(residuals**2) / (len(food) - 2)), rel=0.02)
