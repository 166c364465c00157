"""The gradient of a chain of steps that Python has unrolled: does compilation stay linear?"""

from harness import Program


def chain(steps):
    """Each step is a few operations on a number."""

    def build(jax, jnp, lax):
        def iterate(x):
            for _ in range(steps):
                x = jnp.sin(x) * 1.01 + 0.1 * x**2 / (1 + x * x)
            return x

        return jax.jit(jax.grad(iterate)), (jnp.array(0.3),)

    return build


PROGRAMS = [Program(f"{n} steps", chain(n)) for n in (100, 400, 1600)]
