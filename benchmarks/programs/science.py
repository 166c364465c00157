"""Programs as scientists write them: integrators, partial differential equations, kernels of
Gaussian processes, samplers, clustering, and large arrays computed once."""

import numpy as np

from harness import Program


def lorenz(state, jnp):
    x, y, z = state
    return jnp.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])


def runge_kutta(derivative, steps, dt):
    """A function of a state that takes steps of fourth order."""

    def make(lax):
        def step(y, _):
            k1 = derivative(y)
            k2 = derivative(y + 0.5 * dt * k1)
            k3 = derivative(y + 0.5 * dt * k2)
            k4 = derivative(y + dt * k3)
            return y + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), None

        return lambda y: lax.scan(step, y, None, steps)[0]

    return make


def systems(count, steps=500, gradient=False):
    """`count` Lorenz systems, mapped, each a vector of three; short, as they are chaotic."""

    def build(jax, jnp, lax):
        run = runge_kutta(lambda y: lorenz(y, jnp), steps, 0.002)(lax)
        if gradient:
            run = jax.grad(lambda y, run=run: jnp.sum(run(y) ** 2))
        start = np.random.default_rng(0).normal(size=(count, 3)) + np.array([1.0, 1.0, 20.0])
        return jax.jit(jax.vmap(run)), (jnp.asarray(start),)

    return build


def kepler(count, steps=500):
    """Orbits by leapfrog, mapped: position and velocity of two numbers each."""

    def build(jax, jnp, lax):
        def acceleration(q):
            return -q / jnp.sum(q * q) ** 1.5

        def step(state, _):
            q, p = state
            p = p + 0.005 * acceleration(q)
            q = q + 0.01 * p
            return (q, p + 0.005 * acceleration(q)), None

        run = jax.vmap(lambda q, p: lax.scan(step, (q, p), None, steps)[0])
        rng = np.random.default_rng(1)
        angle = rng.uniform(0, 6, count)
        q = np.stack([np.cos(angle), np.sin(angle)], 1)
        p = np.stack([-np.sin(angle), np.cos(angle)], 1) * rng.uniform(0.8, 1.2, (count, 1))
        return jax.jit(run), (jnp.asarray(q), jnp.asarray(p))

    return build


def n_body(count=64, steps=20):
    """All pairs of bodies, leapfrog."""

    def build(jax, jnp, lax):
        def acceleration(q):
            d = q[None] - q[:, None]
            r2 = jnp.sum(d * d, -1) + 0.01
            return jnp.sum(d * (r2**-1.5)[..., None], 1) / count

        def step(state, _):
            q, p = state
            p = p + 0.01 * acceleration(q)
            return (q + 0.01 * p, p), None

        rng = np.random.default_rng(2)
        run = lambda q, p: lax.scan(step, (q, p), None, steps)[0]
        return jax.jit(run), tuple(jnp.asarray(rng.normal(size=(count, 3))) for _ in range(2))

    return build


def poisson(n, real):
    """Poisson's equation on a torus by Fourier transforms in two dimensions."""

    def build(jax, jnp, lax):
        k = np.fft.fftfreq(n, 1 / n)
        last = np.fft.rfftfreq(n, 1 / n) if real else k
        squares = k[:, None] ** 2 + last[None] ** 2
        squares[0, 0] = 1

        def complex_(f):
            return jnp.fft.ifft2(-jnp.fft.fft2(f) / squares).real

        def halved(f):
            return jnp.fft.irfft2(-jnp.fft.rfft2(f) / squares, (n, n))

        f = np.random.default_rng(3).normal(size=(n, n))
        return jax.jit(halved if real else complex_), (jnp.asarray(f - f.mean()),)

    return build


def heat(n=128, steps=100):
    """The heat equation on a square, explicit steps."""

    def build(jax, jnp, lax):
        def step(u, _):
            inner = (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1])
            return u.at[1:-1, 1:-1].add(0.2 * inner), None

        u = np.random.default_rng(4).normal(size=(n, n))
        return jax.jit(lambda u: lax.scan(step, u, None, steps)[0]), (jnp.asarray(u),)

    return build


def squares_between(jnp, x, y):
    return jnp.sum((x[:, None] - y[None]) ** 2, -1)


def rbf(n, dims, dtype):
    """The matrix of a kernel between all pairs of points."""

    def build(jax, jnp, lax):
        x = np.random.default_rng(5).normal(size=(n, dims)).astype(dtype)
        return jax.jit(lambda x: jnp.exp(-0.5 * squares_between(jnp, x, x))), (jnp.asarray(x),)

    return build


def dense_gp(n, gradient):
    """The likelihood of a Gaussian process by a factorization of its whole matrix."""

    def build(jax, jnp, lax):
        rng = np.random.default_rng(6)
        x, y = np.sort(rng.uniform(0, 10, n)), rng.normal(size=n)

        def likelihood(theta):
            k = jnp.exp(theta[0] - 0.5 * ((x[:, None] - x[None]) / jnp.exp(theta[1])) ** 2)
            k = k + jnp.exp(theta[2]) * jnp.eye(n)
            factor = jnp.linalg.cholesky(k)
            z = jax.scipy.linalg.solve_triangular(factor, jnp.asarray(y), lower=True)
            return 0.5 * z @ z + jnp.sum(jnp.log(jnp.diag(factor)))

        run = jax.value_and_grad(likelihood) if gradient else likelihood
        return jax.jit(run), (jnp.asarray([0.1, 0.2, -1.0]),)

    return build


def eigenvalues(n):
    """The eigenvalues of a symmetric matrix, and a sum over its vectors that has no signs."""

    def build(jax, jnp, lax):
        def run(a):
            w, v = jnp.linalg.eigh(a)
            return w, jnp.sum(v**4, 0)

        a = np.random.default_rng(7).normal(size=(n, n))
        return jax.jit(run), (jnp.asarray(a + a.T),)

    return build


def large(function, size, dtype):
    """A function of jax and a vector."""

    def build(jax, jnp, lax):
        x = np.random.default_rng(8).normal(size=size).astype(dtype)
        return jax.jit(lambda x: function(jax, x)), (jnp.asarray(x),)

    return build


def chain(length, gradient, count=0):
    """Operations on a number, or on `count` of them, one after the other, each a call in Python."""

    def build(jax, jnp, lax):
        kinds = [lambda x, c: x * c, lambda x, c: x + c, lambda x, c: jnp.sin(x) + c,
                 lambda x, c: x / (1.0 + c * x * x), lambda x, c: jnp.exp(-c * x)]

        def run(x):
            for k in range(length):
                x = kinds[k % 5](x, 0.5 + 0.001 * k)
            return jnp.sum(x)

        return jax.jit(jax.grad(run) if gradient else run), (
            jnp.asarray(np.linspace(0.1, 1, count) if count else 0.3),)

    return build


def k_means(n=10_000, dims=8, clusters=16, steps=10):
    """Lloyd's steps: the nearest center of each point, and the mean of each center's."""

    def build(jax, jnp, lax):
        x = np.random.default_rng(9).normal(size=(n, dims))

        def step(centers, _):
            nearest = jnp.argmin(squares_between(jnp, x, centers), 1)
            mine = jax.nn.one_hot(nearest, clusters)
            return mine.T @ x / jnp.maximum(jnp.sum(mine, 0), 1)[:, None], None

        return jax.jit(lambda c: lax.scan(step, c, None, steps)[0]), (jnp.asarray(x[:clusters]),)

    return build


def k_means_segments(n=10_000, dims=8, clusters=16, steps=10):
    """The same, sums by scattered additions."""

    def build(jax, jnp, lax):
        x = np.random.default_rng(9).normal(size=(n, dims))

        def step(centers, _):
            nearest = jnp.argmin(squares_between(jnp, x, centers), 1)
            total = jnp.zeros((clusters, dims)).at[nearest].add(x)
            count = jnp.zeros(clusters).at[nearest].add(1.0)
            return total / jnp.maximum(count, 1)[:, None], None

        return jax.jit(lambda c: lax.scan(step, c, None, steps)[0]), (jnp.asarray(x[:clusters]),)

    return build


def hmc(n=500, dims=5, samples=50, leaps=10):
    """A logistic regression by Hamiltonian Monte Carlo, with steps that are always accepted."""

    def build(jax, jnp, lax):
        rng = np.random.default_rng(10)
        x, y = rng.normal(size=(n, dims)), (rng.uniform(size=n) < 0.5) * 1.0

        def energy(b):
            z = x @ b
            return jnp.sum(jnp.logaddexp(0.0, z) - y * z) + 0.5 * b @ b

        slope = jax.grad(energy)

        def leap(_, state):
            b, p = state
            p = p - 0.005 * slope(b)
            b = b + 0.01 * p
            return b, p - 0.005 * slope(b)

        def sample(b, key):
            b, _ = lax.fori_loop(0, leaps, leap, (b, jax.random.normal(key, (dims,))))
            return b, b

        def run(seed):
            keys = jax.random.split(jax.random.key(seed), samples)
            return lax.scan(sample, jnp.zeros(dims), keys)[1]

        return jax.jit(run), (3,)

    return build


def small_solves(size, gradient, steps=300):
    """A loop whose state is a matrix: a product, a factorization and a solve of each step."""

    def build(jax, jnp, lax):
        def total(a, xs):
            def step(p, x):
                s = p @ p.T + (1.0 + x * x) * jnp.eye(size)
                factor = jnp.linalg.cholesky(s)
                p = 0.5 * jax.scipy.linalg.solve_triangular(factor, a @ p, lower=True)
                return p, jnp.sum(jnp.log(jnp.diagonal(factor)))

            return jnp.sum(lax.scan(step, a, xs)[1])

        a = np.random.default_rng(11).normal(size=(size, size)) / size
        return jax.jit(jax.grad(total) if gradient else total), (
            jnp.asarray(a), jnp.linspace(0.0, 1.0, steps))

    return build


def added(count, size, dtype):
    """Updates at random places, as compiled code adds them up."""

    def build(jax, jnp, lax):
        rng = np.random.default_rng(12)
        x, i = rng.normal(size=count).astype(dtype), rng.integers(0, size, count)
        return jax.jit(lambda x, i: jnp.zeros(size, dtype).at[i].add(x)), tuple(
            map(jnp.asarray, (x, i)))

    return build


PROGRAMS = [
    Program("Lorenz, 256 systems", systems(256)),
    Program("Lorenz, 10 systems", systems(10)),
    Program("Lorenz, 256 systems, gradient", systems(256, gradient=True)),
    Program("Kepler, 256 orbits", kepler(256)),
    Program("n-body, 64", n_body()),
    Program("Poisson, 256 x 256, complex", poisson(256, False)),
    Program("Poisson, 256 x 256, real", poisson(256, True)),
    Program("Poisson, 1024 x 1024, complex", poisson(1024, False)),
    Program("heat, 128 x 128", heat()),
    *(Program(f"RBF matrix, {n} points of {d}, {dtype}", rbf(n, d, dtype))
      for n, d in ((1000, 3), (4000, 3), (4000, 1)) for dtype in ("float32", "float64")),
    *(Program(f"dense GP, {n}{', gradient' * g}", dense_gp(n, g))
      for n in (100, 500) for g in (False, True)),
    *(Program(f"eigh, {n}", eigenvalues(n)) for n in (50, 300)),
    *(Program(f"{name}, {size}, {dtype}", large(function, size, dtype))
      for name, function in {
          "softmax": lambda jax, x: jax.nn.softmax(x), "sum": lambda jax, x: x.sum(),
          "sin(exp(x))": lambda jax, x: jax.numpy.sin(jax.numpy.exp(x))}.items()
      for size in (1_000_000, 10_000_000) for dtype in ("float32", "float64")),
    *(Program(f"chain of {n}{', gradient' * g}{f', {c} numbers' if c else ''}", chain(n, g, c))
      for n in (25, 100) for g in (False, True) for c in (0, 8)),
    Program("k-means, one-hot", k_means()),
    Program("k-means, segments", k_means_segments()),
    Program("HMC, logistic regression", hmc()),
    *(Program(f"solves of {n} x {n}{', gradient' * g}", small_solves(n, g))
      for n in (3, 8, 16) for g in (False, True)),
    *(Program(f"add at places, {n} to {size}, {dtype}", added(n, size, dtype))
      for n, size in ((1000, 1000), (100_000, 1_000_000), (100_000, 100_000), (100_000, 10_000),
                      (1000, 1_000_000), (1_000_000, 1000))
      for dtype in ("float32", "float64")),
]
