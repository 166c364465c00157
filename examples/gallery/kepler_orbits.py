"""Kepler orbits of 10,000 planets

Where ten thousand minor planets are at a given time is Kepler's equation, solved ten thousand
times at once. Its derivative follows from the equation itself, so that velocities come from
positions by `jvp`.

Kepler's equation ties the mean anomaly M = 2 pi (t - t0) / P, which grows evenly with time, to
the eccentric anomaly E, from which positions follow:

    E - e sin E = M,    x = a (cos E - e),    y = a sqrt(1 - e^2) sin E,    P^2 = a^3

(years and astronomical units). Newton's iteration solves it; differentiating the equation gives
dE = (dM + sin E de) / (1 - e cos E) without going through the iteration. The speeds are held
against the vis-viva law, v^2 = G M (2 / r - 1 / a) with G M = 4 pi^2, which they were not made
from.
"""

from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax, random

HERE = Path(__file__).resolve().parent
COUNT = 10_000
GM = 4 * jnp.pi**2  # of the Sun, in cubic astronomical units per square year


@ingot.custom_jvp
def eccentric_anomaly(mean, e):
    """E in E - e sin E = M, for M in [-pi, pi] and 0 <= e < 1."""
    def unsolved(state):
        _, correction, count = state
        return (jnp.abs(correction) > 1e-15) & (count < 30)

    def newton(state):
        E, _, count = state
        correction = (E - e * jnp.sin(E) - mean) / (1 - e * jnp.cos(E))
        return E - correction, correction, count + 1

    # From M + e sign(M) the iteration reaches the root from one side, whatever the eccentricity.
    return lax.while_loop(unsolved, newton, (mean + e * jnp.sign(mean), jnp.inf, 0))[0]


@eccentric_anomaly.defjvp
def _(primals, tangents):
    (_, e), (d_mean, d_e) = primals, tangents
    E = eccentric_anomaly(*primals)
    return E, (d_mean + jnp.sin(E) * d_e) / (1 - e * jnp.cos(E))


def position(time, orbit):
    """Where one planet is in the plane of all orbits, in astronomical units."""
    a, e, node, phase = orbit
    mean = 2 * jnp.pi * time / a**1.5 + phase
    E = eccentric_anomaly(jnp.remainder(mean + jnp.pi, 2 * jnp.pi) - jnp.pi, e)
    x, y = a * (jnp.cos(E) - e), a * jnp.sqrt(1 - e**2) * jnp.sin(E)
    cos, sin = jnp.cos(node), jnp.sin(node)
    return jnp.stack([cos * x - sin * y, sin * x + cos * y])


def belt(key, count):
    """Orbits as in the asteroid belt: semi-major axis, eccentricity, and two angles of each."""
    keys = random.split(key, 4)
    a = random.uniform(keys[0], (count,), minval=2.1, maxval=3.3)
    e = jnp.minimum(random.rayleigh(keys[1], 0.12, (count,)), 0.9)
    angles = [random.uniform(k, (count,), minval=-jnp.pi, maxval=jnp.pi) for k in keys[2:]]
    return a, e, *angles


@ingot.jit
def places_and_velocities(time, orbits):
    """Positions [count, 2] and velocities [count, 2], in astronomical units and years."""
    def one(orbit):
        return ingot.jvp(lambda t: position(t, orbit), (time,), (1.0,))

    # The loops of all planets run as one, until the last of them is solved.
    return ingot.vmap(one)(orbits)


def run(time=10.0, count=COUNT):
    """Positions, speeds, and the relative errors of the speeds by the vis-viva law."""
    orbits = belt(random.key(1609), count)
    places, velocities = places_and_velocities(time, orbits)
    distance, speed = jnp.linalg.norm(places, axis=1), jnp.linalg.norm(velocities, axis=1)
    expected = jnp.sqrt(GM * (2 / distance - 1 / orbits[0]))
    return {"orbits": [np.asarray(x) for x in orbits], "places": np.asarray(places),
            "velocities": np.asarray(velocities), "distance": np.asarray(distance),
            "speed": np.asarray(speed), "error": float(jnp.max(jnp.abs(speed / expected - 1)))}


def draw(found):
    """The belt from above, and speed against distance."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, right) = plt.subplots(1, 2)
    kilometres = 4.74047  # per second, in one astronomical unit per year
    speed = kilometres * found["speed"]
    dots = left.scatter(*found["places"].T, c=speed, s=0.6, lw=0, vmin=14, vmax=24)
    left.plot(0, 0, "*", color="C1", ms=10, label="the Sun")
    left.set(xlabel="x (au)", ylabel="y (au)", aspect="equal", xlim=(-4.5, 4.5), ylim=(-4.5, 4.5),
             title="10,000 minor planets after 10 years")
    left.legend(loc="upper right")
    figure.colorbar(dots, ax=left, label="speed (km/s)", extend="both")
    right.plot(found["distance"], speed, ".", ms=0.8, label="minor planets")
    r = np.linspace(1.5, 4.5, 100)
    right.plot(r, kilometres * np.sqrt(GM / r), color="C1", label="a circular orbit")
    right.set(xlabel="distance from the Sun (au)", ylabel="speed (km/s)", xlim=(1.5, 4.5),
              ylim=(10, 30),
              title=f"Speeds; vis-viva holds to {found['error']:.0e}")
    right.legend(markerscale=8)
    return figure


if __name__ == "__main__":
    found = run()
    print(f"{COUNT} planets; the vis-viva law holds to {found['error']:.1e}")
    draw(found).savefig("kepler_orbits.png")
