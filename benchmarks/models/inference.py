"""Samplers and optimizers written in operations: HMC, NUTS without recursion, L-BFGS."""

import numpy as np

INPUTS = 8


def regression(jax, jnp):
    """The log-density of a logistic regression's posterior, of a vector [INPUTS]."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(200, INPUTS))
    y = rng.random(200) < 1 / (1 + np.exp(-x @ np.linspace(-1, 1, INPUTS)))
    x, y = jnp.asarray(x), jnp.asarray(y.astype(float))

    def log_density(beta):
        logits = x @ beta
        return jnp.sum(y * logits - jax.nn.softplus(logits)) - 0.5 * jnp.sum(beta**2)

    return log_density


def leapfrog(gradient, step, q, p, g):
    p = p + 0.5 * step * g
    q = q + step * p
    g = gradient(q)
    return q, p + 0.5 * step * g, g


def hmc(jax, jnp, lax, samples=50, steps=10, step=0.05):
    """A chain of Hamiltonian Monte Carlo."""
    log_density = regression(jax, jnp)
    gradient = jax.grad(log_density)

    def transition(q, key):
        momentum, accept = jax.random.split(key)
        p = jax.random.normal(momentum, q.shape)
        first = log_density(q) - 0.5 * p @ p
        body = lambda _, s: leapfrog(gradient, step, *s)  # noqa: E731
        new, end, _ = lax.fori_loop(0, steps, body, (q, p, gradient(q)))
        change = log_density(new) - 0.5 * end @ end - first
        taken = jnp.log(jax.random.uniform(accept)) < change
        q = jnp.where(taken, new, q)
        return q, (q, jnp.minimum(1.0, jnp.exp(change)))

    def chain(key, q):
        return lax.scan(transition, q, jax.random.split(key, samples))[1]

    return jax.jit(chain), (jax.random.PRNGKey(0), jnp.zeros(INPUTS))


def nuts(jax, jnp, lax, depth=8, step=0.1):
    """One transition of the no-U-turn sampler, its tree grown leaf by leaf in a while loop.

    A subtree keeps the even leaves that later ones have to be compared with, as many as its depth.
    """
    log_density = regression(jax, jnp)
    gradient = jax.grad(log_density)

    def energy(q, p):
        return 0.5 * p @ p - log_density(q)

    def turning(left, right, total):
        middle = total - 0.5 * (left + right)
        return (left @ middle <= 0) | (right @ middle <= 0)

    def checkpoints(n):
        """For leaf n: the last place to compare with, and how many places."""
        bits = lax.population_count(n >> 1).astype(n.dtype)
        odd, halve = lambda s: (s[0] & 1) == 1, lambda s: (s[0] >> 1, s[1] + 1)
        return bits - lax.while_loop(odd, halve, (n, n * 0))[1] + 1, bits

    def subtree(key, q, p, g, size, direction, first):
        """Grow `size` leaves from an end; stops early at a U-turn or a divergence."""

        def grow(state):
            q, p, g, n, pick, weight, total, stack_p, stack_sum, _, key = state
            q, p, g = leapfrog(gradient, direction * step, q, p, g)
            key, draw = jax.random.split(key)
            delta = first - energy(q, p)
            delta = jnp.where(jnp.isnan(delta), -jnp.inf, delta)
            both = jnp.logaddexp(weight, delta)
            take = jnp.log(jax.random.uniform(draw)) < delta - both
            pick = jnp.where(take, q, pick)
            total = total + p
            low, high = checkpoints(n)
            even = n % 2 == 0
            stack_p = jnp.where(even, stack_p.at[high].set(p), stack_p)
            stack_sum = jnp.where(even, stack_sum.at[high].set(total), stack_sum)

            def compare(s):
                k, _ = s
                inner = total - stack_sum[k] + stack_p[k]
                return k - 1, turning(stack_p[k], p, inner)

            last = jnp.where(even, low - 1, high)
            _, turned = lax.while_loop(
                lambda s: (s[0] >= low) & ~s[1], compare, (last, even & False)
            )
            stop = turned | (delta < -1000.0)
            return q, p, g, n + 1, pick, both, total, stack_p, stack_sum, stop, key

        stacks = jnp.zeros((depth, INPUTS))
        state = q, p, g, jnp.array(0), q, jnp.array(-jnp.inf), p * 0, stacks, stacks, False, key
        return lax.while_loop(lambda s: (s[3] < size) & ~s[9], grow, state)

    def transition(key, q):
        momentum, key = jax.random.split(key)
        p, g = jax.random.normal(momentum, q.shape), gradient(q)
        first = energy(q, p)

        def double(state):
            left, right, level, pick, weight, total, _, key = state
            key, side, inner, draw = jax.random.split(key, 4)
            forward = jax.random.bernoulli(side)
            start = [jnp.where(forward, b, a) for a, b in zip(left, right, strict=True)]
            size, direction = 1 << level, jnp.where(forward, 1.0, -1.0)
            q, p, g, _, new, heavier, added, _, _, stop, _ = subtree(
                inner, *start, size, direction, first
            )
            take = ~stop & (jnp.log(jax.random.uniform(draw)) < heavier - weight)
            ends = q, p, g
            left = [jnp.where(forward, a, b) for a, b in zip(left, ends, strict=True)]
            right = [jnp.where(forward, b, a) for a, b in zip(right, ends, strict=True)]
            total = total + added
            stop = stop | turning(left[1], right[1], total)
            pick = jnp.where(take, new, pick)
            return left, right, level + 1, pick, jnp.logaddexp(weight, heavier), total, stop, key

        ends = [q, p, g]
        state = ends, ends, jnp.array(0), q, jnp.array(0.0), p, False, key
        state = lax.while_loop(lambda s: (s[2] < depth) & ~s[6], double, state)
        return state[3], state[2]

    return jax.jit(transition), (jax.random.PRNGKey(1), jnp.zeros(INPUTS))


def lbfgs(jax, jnp, lax, memory=10, size=20):
    """Minimize Rosenbrock's function by L-BFGS with a backtracking line search."""

    def cost(x):
        return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    value_and_grad = jax.value_and_grad(cost)

    def direction(g, s, y, rho):
        def down(q, k):
            a = rho[k] * (s[k] @ q)
            return q - a * y[k], a

        def up(r, inputs):
            k, a = inputs
            return r + (a - rho[k] * (y[k] @ r)) * s[k], None

        order = jnp.arange(memory)
        q, a = lax.scan(down, g, order)
        last = y[0] @ y[0]
        scale = jnp.where(last > 0, s[0] @ y[0] / jnp.where(last > 0, last, 1.0), 1.0)
        r, _ = lax.scan(up, scale * q, (order[::-1], a[::-1]))
        return -r

    def search(x, f, g, d):
        slope = g @ d

        def longer(state):
            t, value = state
            return (value > f + 1e-4 * t * slope) & (t > 1e-12)

        def shorter(state):
            t = 0.5 * state[0]
            return t, cost(x + t * d)

        t, _ = lax.while_loop(longer, shorter, (jnp.array(1.0), cost(x + d)))
        return t

    def push(stack, new):
        return jnp.concatenate([new[None], stack[:-1]])

    def iterate(state):
        x, f, g, s, y, rho, n = state
        d = direction(g, s, y, rho)
        new = x + search(x, f, g, d) * d
        value, gradient = value_and_grad(new)
        ds, dy = new - x, gradient - g
        curvature = ds @ dy
        good = curvature > 1e-10
        pair = push(s, ds), push(y, dy), push(rho, 1.0 / jnp.where(good, curvature, 1.0))
        s, y, rho = (jnp.where(good, a, b) for a, b in zip(pair, (s, y, rho), strict=True))
        return new, value, gradient, s, y, rho, n + 1

    def minimize(x):
        f, g = value_and_grad(x)
        stacks = jnp.zeros((memory, size))
        state = x, f, g, stacks, stacks, jnp.zeros(memory), 0
        unfinished = lambda s: (jnp.max(jnp.abs(s[2])) > 1e-6) & (s[6] < 500)  # noqa: E731
        x, f, _, _, _, _, n = lax.while_loop(unfinished, iterate, state)
        return x, f

    return jax.jit(minimize), (jnp.full(size, -1.0),)
