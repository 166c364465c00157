"""The same digits in Flax, Haiku and Equinox

Three packages for networks, written for JAX, run on ingot as they are: the same network is built
with each, and learns the same digits with Optax. Their losses fall along the same curve, from
different starts.

What differs is where parameters live: in Flax's nnx and in Equinox in objects, which are taken
apart into a pytree of arrays and the rest; in Haiku in a dict beside a function. After that,
learning is one loop for all.

    p = softmax(W2 relu(W1 x + b1) + b2)

Data, size and epochs are those of `digits.py`, which needs no package. This example needs Optax
and any of the three (`pip install optax flax dm-haiku equinox`), and leaves out what is not
installed; `import ingot.as_jax` serves all of them in place of JAX.
"""

from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import ingot.as_jax  # noqa: F401  # isort: skip  # From here on `import jax` gives ingot.

import jax
import jax.numpy as jnp
import optax

HERE = Path(__file__).resolve().parent
HIDDEN, BATCH, SPEED, MOMENTUM = 64, 32, 0.05, 0.9


# ---- a network: its parameters, and the function from them and images [n, 64] to [n, 10] ----
def with_flax(seed):
    """Modules of nnx are objects, which `split` takes apart and `merge` puts together."""
    from flax import nnx

    class Network(nnx.Module):
        def __init__(self, rngs):
            self.hidden = nnx.Linear(64, HIDDEN, rngs=rngs)
            self.last = nnx.Linear(HIDDEN, 10, rngs=rngs)

        def __call__(self, x):
            return self.last(jax.nn.relu(self.hidden(x)))

    rest, parameters = nnx.split(Network(nnx.Rngs(seed)))
    return parameters, lambda parameters, x: nnx.merge(rest, parameters)(x)


def with_haiku(seed):
    """`transform` makes two functions of one: parameters come out of one and go into the other."""
    import haiku

    network = haiku.transform(lambda x: haiku.nets.MLP([HIDDEN, 10])(x))
    network = haiku.without_apply_rng(network)
    return network.init(jax.random.key(seed), jnp.zeros((1, 64))), network.apply


def with_equinox(seed):
    """A model is a pytree that is called on one image; `partition` takes out its arrays."""
    import equinox

    model = equinox.nn.MLP(64, 10, HIDDEN, depth=1, key=jax.random.key(seed))
    parameters, rest = equinox.partition(model, equinox.is_array)
    return parameters, lambda parameters, x: jax.vmap(equinox.combine(parameters, rest))(x)


PACKAGES = {"flax": with_flax, "haiku": with_haiku, "equinox": with_equinox}


# ---- learning, the same for all ----
def load():
    """Images [n, 64] with values from 0 to 1, and labels [n], to learn from and for the test."""
    with np.load(HERE.parent / "data" / "digits.npz") as data:
        images, labels = data["images"] / np.float32(16), data["labels"].astype(np.int32)
    test = np.arange(len(labels)) % 4 == 0
    return (images[~test], labels[~test]), (images[test], labels[test])


@partial(jax.jit, static_argnums=(0, 5))
def train(logits, parameters, key, images, labels, epochs):
    """Parameters after the epochs, and for each the mean loss of its batches."""
    optimizer = optax.sgd(SPEED, MOMENTUM)
    batches = len(images) // BATCH

    def loss(parameters, x, y):
        scores = logits(parameters, x)
        return optax.softmax_cross_entropy_with_integer_labels(scores, y).mean()

    def step(state, chosen):
        parameters, memory = state
        value, slope = jax.value_and_grad(loss)(parameters, images[chosen], labels[chosen])
        updates, memory = optimizer.update(slope, memory)
        return (optax.apply_updates(parameters, updates), memory), value

    def epoch(state, key):
        order = jax.random.permutation(key, len(images))[:batches * BATCH].reshape(batches, BATCH)
        state, values = jax.lax.scan(step, state, order)
        return state, values.mean()

    start = parameters, optimizer.init(parameters)
    (parameters, _), losses = jax.lax.scan(epoch, start, jax.random.split(key, epochs))
    return parameters, losses


def run(epochs=40):
    """For each package that is installed: losses, and accuracy on the test."""
    (images, labels), (test_images, test_labels) = load()
    found = {}
    for name, build in PACKAGES.items():
        if find_spec(name) is None:
            continue
        parameters, logits = build(seed=0)
        parameters, losses = train(logits, parameters, jax.random.key(1), images, labels, epochs)
        guesses = np.argmax(logits(parameters, test_images), axis=1)
        found[name] = {"losses": np.asarray(losses),
                       "accuracy": float(np.mean(guesses == test_labels))}
    return found


def draw(found):
    """Losses, and mistakes on the test."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, (left, right) = plt.subplots(1, 2, width_ratios=(1.6, 1))
    for name, facts in found.items():
        left.semilogy(np.arange(1, len(facts["losses"]) + 1), facts["losses"], label=name)
    left.set(xlabel="epoch", ylabel="loss (nats per digit)", title="Learning 1,347 digits")
    left.legend()
    mistakes = [100 * (1 - facts["accuracy"]) for facts in found.values()]
    bars = right.bar(list(found), mistakes, color=[f"C{k}" for k in range(len(found))])
    right.bar_label(bars, fmt="%.1f %%")
    right.set(ylabel="mistakes on the test (%)", title="450 digits not seen before", ylim=(0, 5))
    return figure


if __name__ == "__main__":
    found = run()
    for name, facts in found.items():
        print(f"{name}: {100 * facts['accuracy']:.1f} % right")
    draw(found).savefig("digits_packages.png")
