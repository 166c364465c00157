"""A fluid of 144 particles, melted from a crystal

Particles that attract and repel each other move by Newton's law, with forces that are the
derivative of one sum. The energy stays, the crystal melts, and the distances between neighbours
show the structure of a fluid.

Lennard-Jones' potential between particles at a distance r, in units of its depth and its length:

    u(r) = 4 (r^-12 - r^-6),    U = sum of u over all pairs,    force = -grad U

The box is square and periodic; a pair interacts through its nearest images, and not beyond r =
2.5 (the potential is shifted to be 0 there). Verlet's integrator in its velocity form keeps the
energy without drift.
"""

from functools import partial
from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax, random

HERE = Path(__file__).resolve().parent
SIDE = 12  # particles along each side of the crystal
BOX = SIDE / np.sqrt(0.6)  # so that 0.6 particles are in a unit of area
CUTOFF = 2.5
STEP = 0.005
EVERY = 20  # steps between two frames that are kept
PAIRS = np.triu_indices(SIDE**2, 1)


def distances(places):
    """Squared distances of all pairs, each to the nearest image."""
    difference = places[PAIRS[0]] - places[PAIRS[1]]
    return jnp.sum((difference - BOX * jnp.round(difference / BOX)) ** 2, axis=1)


def potential(places):
    """The energy of all pairs within the cutoff."""
    inverse = 1 / distances(places) ** 3
    shift = 4 * (CUTOFF**-12 - CUTOFF**-6)
    return jnp.sum(jnp.where(inverse > CUTOFF**-6, 4 * (inverse**2 - inverse) - shift, 0.0))


def step(_, state):
    """One step of velocity Verlet: half a kick, a drift, half a kick."""
    places, velocities, forces = state
    velocities = velocities + 0.5 * STEP * forces
    places = jnp.remainder(places + STEP * velocities, BOX)
    forces = -ingot.grad(potential)(places)
    return places, velocities + 0.5 * STEP * forces, forces


@partial(ingot.jit, static_argnums=1)
def simulate(key, frames, temperature=1.0):
    """Places [frames, N, 2], and potential and kinetic energy of each frame."""
    row = (jnp.arange(SIDE) + 0.5) * BOX / SIDE
    places = jnp.stack(jnp.meshgrid(row, row), axis=-1).reshape(-1, 2)
    velocities = jnp.sqrt(temperature) * random.normal(key, places.shape)
    velocities -= velocities.mean(axis=0)  # the whole stays where it is

    def frame(state, _):
        state = lax.fori_loop(0, EVERY, step, state)
        return state, (state[0], potential(state[0]), 0.5 * jnp.sum(state[1] ** 2))

    start = places, velocities, -ingot.grad(potential)(places)
    return lax.scan(frame, start, length=frames)[1]


@ingot.jit
def radial(places):
    """The radial distribution function of frames [M, N, 2]: density at a distance over the mean."""
    edges = jnp.linspace(0.0, 5.0, 101)
    r = jnp.sqrt(ingot.vmap(distances)(places)).ravel()
    counts = jnp.histogram(r, edges)[0]
    areas = jnp.pi * (edges[1:] ** 2 - edges[:-1] ** 2)
    expected = len(r) * areas / BOX**2  # of as many pairs at random places
    return 0.5 * (edges[1:] + edges[:-1]), counts / expected


def run(frames=400):
    """Frames, energies in units of the potential's depth, and the radial distribution."""
    places, stored, kinetic = simulate(random.key(1957), frames)
    total = np.asarray(stored + kinetic)
    r, density = radial(places[frames // 2:])
    return {"places": np.asarray(places), "potential": np.asarray(stored),
            "kinetic": np.asarray(kinetic), "drift": float(np.ptp(total) / kinetic.mean()),
            "temperature": float(kinetic[frames // 2:].mean() / SIDE**2),
            "r": np.asarray(r), "density": np.asarray(density)}


def draw(found):
    """The last frame, the energies, the radial distribution."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, middle, right) = plt.subplots(1, 3)
    left.plot(*found["places"][-1].T, "o", ms=6, mec="white", mew=0.5)
    left.set(xlabel="x (length of the potential)", ylabel="y", aspect="equal", xlim=(0, BOX),
             ylim=(0, BOX), title="The last frame")
    times = STEP * EVERY * np.arange(1, len(found["places"]) + 1)
    energies = {"kinetic": found["kinetic"], "potential": found["potential"],
                "total": found["kinetic"] + found["potential"]}
    for name, energy in energies.items():
        middle.plot(times, energy / SIDE**2, label=name)
    middle.set(xlabel="time (natural units)", ylabel="energy per particle (depth)", ylim=(-2.4,
                                                                                          2.4),
               title=f"Energies; temperature {found['temperature']:.2f}")
    middle.legend(ncols=3, columnspacing=1, handlelength=1)
    right.plot(found["r"], found["density"])
    right.axhline(1, color="C5", ls=":", label="no structure")
    right.set(xlabel="distance r (potential's length)", ylabel="density at r over the mean",
              xlim=(0, 5), title="Radial distribution")
    right.legend()
    return figure


if __name__ == "__main__":
    found = run()
    print(f"temperature {found['temperature']:.3f}; the total energy stays within"
          f" {100 * found['drift']:.2f} % of the kinetic energy")
    draw(found).savefig("molecular_dynamics.png")
