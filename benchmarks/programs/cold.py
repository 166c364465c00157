"""The first call in a fresh process with empty caches: trace, compile, run."""

from models import equations, inference, networks, processes

from harness import Program
from programs import mlp


def tiny(jax, jnp, lax):
    """A line of arithmetic on three numbers."""
    return jax.jit(lambda x, y: jnp.sin(x) * y + 1), (jnp.ones(3), jnp.arange(3.0))


ASKED = {"jax": (0.12, 0.35)}

PROGRAMS = [
    Program("elementwise, 3 numbers", tiny),
    Program("MLP step", mlp.make(*mlp.SHAPES["64-256-256-10, batch 128"])),
    Program("LSTM step", networks.lstm),
    Program("conv net step", networks.convolutional),
    Program("transformer step", networks.transformer),
    Program("state-space GP, 1 term", processes.oscillators(1)),
    Program("state-space GP, 2 terms", processes.oscillators(2)),
    Program("state-space GP, 5 terms", processes.oscillators(5)),
    Program("dense GP", processes.dense),
    Program("HMM forward-backward", processes.hidden_markov),
    Program("ODE, fixed steps, gradient", equations.fixed),
    Program("ODE, adaptive, jacobian", equations.adaptive),
    Program("ODE, adaptive, gradient", equations.bounded),
    Program("HMC chain", inference.hmc),
    Program("NUTS transition", inference.nuts),
    Program("L-BFGS", inference.lbfgs),
]
