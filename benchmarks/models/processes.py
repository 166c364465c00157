"""Gaussian processes and hidden Markov models: likelihoods, their gradients, posteriors."""

import numpy as np
from programs.statespace import observations


def oscillators(terms, count=1000):
    """A builder of value_and_grad(log-likelihood) of a sum of `terms` damped oscillators.

    A Kalman filter in `lax.scan` with 2 * terms states, as a user writes it.
    """

    def build(jax, jnp, lax):
        times, values = map(jnp.asarray, observations(count))

        def sho(parameters):
            sigma, omega, quality = jnp.exp(parameters)
            root = jnp.sqrt(4 * quality**2 - 1)
            rate, angular = omega / (2 * quality), omega * root / (2 * quality)

            def transition(dt):
                cos, sin = jnp.cos(angular * dt), jnp.sin(angular * dt) / root
                rows = [
                    [cos + sin, 2 * quality * sin / omega],
                    [-2 * quality * omega * sin, cos - sin],
                ]
                return jnp.exp(-rate * dt) * jnp.array(rows)

            return sigma**2 * jnp.diag(jnp.array([1.0, omega**2])), transition

        def log_likelihood(parameters, log_noise):
            parts = [sho(row) for row in parameters]
            stationary = jax.scipy.linalg.block_diag(*[s for s, _ in parts])
            observation = jnp.tile(jnp.array([1.0, 0.0]), terms)

            def step(state, inputs):
                mean, covariance = state
                dt, value = inputs
                move = jax.scipy.linalg.block_diag(*[transition(dt) for _, transition in parts])
                mean = move @ mean
                covariance = stationary + move @ (covariance - stationary) @ move.T
                innovation = value - observation @ mean
                variance = observation @ covariance @ observation + jnp.exp(2 * log_noise)
                gain = covariance @ observation / variance
                state = mean + gain * innovation, covariance - variance * jnp.outer(gain, gain)
                return state, jnp.log(2 * jnp.pi * variance) + innovation**2 / variance

            steps = jnp.diff(times, prepend=times[:1])
            first = jnp.zeros(2 * terms), stationary
            return -0.5 * jnp.sum(lax.scan(step, first, (steps, values))[1])

        truth = [[-0.5, 0.3 + 0.5 * k, 1.2] for k in range(terms)]
        function = jax.jit(jax.value_and_grad(log_likelihood, (0, 1)))
        return function, (jnp.array(truth), jnp.array(-1.5))

    return build


def dense(jax, jnp, lax, count=200, inputs=3):
    """Value and gradient of the log-likelihood of a dense Gaussian process by Cholesky."""
    rng = np.random.default_rng(4)
    x = jnp.asarray(rng.normal(size=(count, inputs)))
    y = jnp.asarray(np.sin(np.asarray(x).sum(1)) + 0.1 * rng.normal(size=count))

    def log_likelihood(parameters):
        amplitude, noise = jnp.exp(parameters["amplitude"]), jnp.exp(parameters["noise"])
        scaled = x / jnp.exp(parameters["scales"])
        squared = jnp.sum((scaled[:, None] - scaled[None]) ** 2, -1)
        covariance = amplitude**2 * jnp.exp(-0.5 * squared) + noise**2 * jnp.eye(count)
        factor = jnp.linalg.cholesky(covariance)
        whitened = jax.scipy.linalg.solve_triangular(factor, y, lower=True)
        return -0.5 * whitened @ whitened - jnp.sum(jnp.log(jnp.diag(factor)))

    parameters = {
        "amplitude": jnp.array(0.1),
        "noise": jnp.array(-1.0),
        "scales": jnp.zeros(inputs),
    }
    return jax.jit(jax.value_and_grad(log_likelihood)), (parameters,)


def hidden_markov(jax, jnp, lax, states=16, length=500, sequences=4):
    """Posterior marginals of a hidden Markov model, forward-backward in logs, and evidence."""
    rng = np.random.default_rng(5)
    transition = jnp.asarray(np.log(rng.dirichlet(np.ones(states), states)))
    means = jnp.linspace(-3.0, 3.0, states)
    data = jnp.asarray(rng.normal(size=(sequences, length)))

    def posterior(transition, means, values):
        emission = -0.5 * (values[:, None] - means) ** 2

        def forward(alpha, e):
            alpha = jax.scipy.special.logsumexp(alpha[:, None] + transition, axis=0) + e
            return alpha, alpha

        def backward(beta, e):
            before = jax.scipy.special.logsumexp(transition + e + beta, axis=1)
            return before, beta

        first = emission[0] - jnp.log(states)
        _, alphas = lax.scan(forward, first, emission[1:])
        alphas = jnp.concatenate([first[None], alphas])
        last, betas = lax.scan(backward, jnp.zeros(states), emission[1:], reverse=True)
        betas = jnp.concatenate([last[None], betas])
        return jax.nn.softmax(alphas + betas), jax.scipy.special.logsumexp(alphas[-1])

    return jax.jit(jax.vmap(posterior, (None, None, 0))), (transition, means, data)
