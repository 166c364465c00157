"""A blurred photograph made sharp

A blur is a convolution, which noise forbids to divide out. The picture that explains the blurred
one and has few edges is the minimum of a convex function of sixteen thousand pixels, whose
gradient `grad` gives.

With K the convolution with a Gaussian of two pixels (by Fourier transforms), y the blurred
picture, and D the differences of neighbours (Rudin, Osher and Fatemi 1992, with the corner of |x|
rounded):

    minimize over x:    |K x - y|^2 / 2 + strength * sum sqrt(|D x|^2 + eps^2)

Nesterov's method needs one gradient a step; the largest curvature, 1 + 8 strength / eps, sets the
step. It is compared with Wiener's filter, the best linear one for noise and pictures of a known
size. The photograph, of Rear Admiral Grace Hopper, is by the US Navy, in the public domain; it
comes with matplotlib.
"""

from functools import partial
from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax, random

HERE = Path(__file__).resolve().parent
SIZE, BLUR, NOISE = 128, 2.0, 0.01
SIGNAL = 1e-3  # the power of a picture, times the square of the frequency
STRENGTH, EPS = 2e-4, 0.03


def load():
    """The face, [128, 128] brightnesses from 0 to 1, from the photograph that matplotlib has."""
    from matplotlib.cbook import get_sample_data
    from PIL import Image

    with get_sample_data("grace_hopper.jpg") as file, Image.open(file) as picture:
        face = picture.convert("L").crop((100, 20, 420, 340)).resize((SIZE, SIZE))
    return np.asarray(face) / 255.0


def transfer(shape):
    """What the blur does to each frequency: a Gaussian again."""
    frequencies = jnp.fft.fftfreq(shape[0])[:, None], jnp.fft.rfftfreq(shape[1])
    return jnp.exp(-2 * (jnp.pi * BLUR) ** 2 * (frequencies[0] ** 2 + frequencies[1] ** 2))


def blur(x):
    """The convolution, as a product of Fourier transforms; the picture goes on periodically."""
    return jnp.fft.irfft2(transfer(x.shape) * jnp.fft.rfft2(x), x.shape)


def objective(x, blurred):
    """What is made small: misfit and edges."""
    edges = (x - jnp.roll(x, 1, axis) for axis in (0, 1))
    variation = jnp.sqrt(sum(d**2 for d in edges) + EPS**2)
    return 0.5 * jnp.sum((blur(x) - blurred) ** 2) + STRENGTH * jnp.sum(variation)


@partial(ingot.jit, static_argnums=1)
def sharpen(blurred, steps):
    """The picture after `steps` of Nesterov's method, and the objective on the way."""
    rate = 1 / (1 + 8 * STRENGTH / EPS)

    def step(state, count):
        x, ahead = state
        value, slope = ingot.value_and_grad(objective)(ahead, blurred)
        new = ahead - rate * slope
        return (new, new + count / (count + 3) * (new - x)), value

    (x, _), values = lax.scan(step, (blurred, blurred), jnp.arange(steps))
    return x, values


@ingot.jit
def wiener(blurred):
    """The linear filter for pictures whose power falls as frequency^-2, and white noise."""
    K = transfer(blurred.shape)
    frequencies = jnp.fft.fftfreq(SIZE)[:, None] ** 2 + jnp.fft.rfftfreq(SIZE) ** 2
    noise_to_signal = NOISE**2 * frequencies / SIGNAL
    return jnp.fft.irfft2(jnp.fft.rfft2(blurred) * K / (K**2 + noise_to_signal), blurred.shape)


def quality(x, truth):
    """The peak ratio of signal to noise, in decibels."""
    return float(-10 * jnp.log10(jnp.mean((x - truth) ** 2)))


def run(steps=400):
    """The pictures, and how near each is to the truth."""
    truth = jnp.asarray(load())
    blurred = blur(truth) + NOISE * random.normal(random.key(1992), truth.shape)
    sharp, values = sharpen(blurred, steps)
    pictures = {"photograph": truth, "blurred, with noise": blurred,
                "Wiener's filter": wiener(blurred), "least variation": sharp}
    return {"pictures": {name: np.asarray(x) for name, x in pictures.items()},
            "quality": {name: quality(x, truth) for name, x in list(pictures.items())[1:]},
            "values": np.asarray(values)}


def draw(found):
    """The four pictures side by side."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, row = plt.subplots(1, 4, figsize=(8, 2.4))
    for axes, (name, picture) in zip(row, found["pictures"].items(), strict=True):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        ratio = found["quality"].get(name)
        axes.set_title(name if ratio is None else f"{name}\n{ratio:.1f} dB")
    return figure


if __name__ == "__main__":
    found = run()
    for name, ratio in found["quality"].items():
        print(f"{name:20} {ratio:.2f} dB")
    draw(found).savefig("deblurring.png")
