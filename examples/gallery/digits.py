"""Handwritten digits, classified by a network from scratch

A network is a list of matrices, and learning is `grad` and a few lines of arithmetic on lists.
Ninety-seven of a hundred digits that the network has not seen are told right after some seconds
of learning.

The digits (Alpaydin and Kaynak 1998; UCI, CC BY 4.0) are 1,797 images of 8 by 8 brightnesses;
every fourth is kept for the test. The network has one hidden layer,

    p = softmax(W2 relu(W1 x + b1) + b2)

and the loss is the mean of -log p at the right digit. Parameters are a pytree, that is any
nesting of lists and dicts of arrays; `tree.map` does to each array what one would do to a single
one. Steps are those of stochastic gradient descent with momentum, on batches that each epoch
draws anew, the whole learning in one program.
"""

from functools import partial
from pathlib import Path

import numpy as np

import ingot
import ingot.numpy as jnp
from ingot import lax, nn, random, tree

HERE = Path(__file__).resolve().parent
HIDDEN, BATCH = 64, 32
SPEED, MOMENTUM = 0.05, 0.9


def load():
    """Images [n, 64] with values from 0 to 1, and labels [n], to learn from and for the test."""
    with np.load(HERE.parent / "data" / "digits.npz") as data:
        images, labels = data["images"] / np.float32(16), data["labels"].astype(np.int32)
    test = np.arange(len(labels)) % 4 == 0
    return (images[~test], labels[~test]), (images[test], labels[test])


def initial(key):
    """Weights with the variance 2 / inputs (He et al. 2015), and no biases, in single precision."""
    keys, sizes = random.split(key), (64, HIDDEN, 10)
    return [{"weights": random.normal(k, (m, n), jnp.float32) * np.float32(np.sqrt(2 / m)),
             "bias": jnp.zeros(n, jnp.float32)}
            for k, m, n in zip(keys, sizes[:-1], sizes[1:], strict=True)]


def logits(parameters, images):
    """Logarithms of probabilities, but for a constant, of each digit [n, 10]."""
    *hidden, last = parameters
    for layer in hidden:
        images = nn.relu(images @ layer["weights"] + layer["bias"])
    return images @ last["weights"] + last["bias"]


def loss(parameters, images, labels):
    """The mean of minus the log probability of the right digit."""
    log_probabilities = nn.log_softmax(logits(parameters, images))
    return -jnp.mean(jnp.take_along_axis(log_probabilities, labels[:, None], axis=1))


@partial(ingot.jit, static_argnums=3)
def train(key, images, labels, epochs):
    """Parameters, and for each epoch the mean loss of its batches."""
    key_start, key_order = random.split(key)
    batches = len(images) // BATCH

    def step(state, chosen):
        parameters, velocity = state
        value, slope = ingot.value_and_grad(loss)(parameters, images[chosen], labels[chosen])
        velocity = tree.map(lambda v, g: MOMENTUM * v - SPEED * g, velocity, slope)
        return (tree.map(jnp.add, parameters, velocity), velocity), value

    def epoch(state, key):
        order = random.permutation(key, len(images))[:batches * BATCH].reshape(batches, BATCH)
        state, values = lax.scan(step, state, order)
        return state, jnp.mean(values)

    parameters = initial(key_start)
    start = parameters, tree.map(jnp.zeros_like, parameters)
    (parameters, _), losses = lax.scan(epoch, start, random.split(key_order, epochs))
    return parameters, losses


def run(epochs=40):
    """Losses, and how often each digit of the test is taken for each other."""
    (images, labels), (test_images, test_labels) = load()
    parameters, losses = train(random.key(1998), jnp.asarray(images), jnp.asarray(labels), epochs)
    guesses = np.argmax(logits(parameters, test_images), axis=1)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (test_labels, guesses), 1)
    return {"losses": np.asarray(losses), "confusion": confusion, "parameters": parameters,
            "accuracy": float(np.mean(guesses == test_labels)), "guesses": guesses}


def draw(found):
    """Losses, confusion, and digits that are taken for others."""
    import matplotlib.pyplot as plt

    plt.style.use(HERE / "gallery.mplstyle")
    figure, axes = plt.subplot_mosaic([["loss", "table", "a", "b"], ["loss", "table", "c", "d"]],
                                      width_ratios=(3, 3.4, 1, 1))
    axes["loss"].semilogy(np.arange(1, len(found["losses"]) + 1), found["losses"])
    axes["loss"].set(xlabel="epoch", ylabel="loss (nats per digit)", title="Learning")
    table, confusion = axes["table"], found["confusion"]
    table.imshow(np.sqrt(confusion), cmap="Blues")
    for (row, column), count in np.ndenumerate(confusion):
        if count:
            table.text(column, row, count, ha="center", va="center", fontsize=7,
                       color="white" if count > 20 else "black")
    table.set(xlabel="taken for", ylabel="digit", xticks=range(10), yticks=range(10),
              title=f"The test: {100 * found['accuracy']:.1f} % right")
    images, labels = load()[1]
    wrong = np.flatnonzero(found["guesses"] != labels)
    for name, k in zip("abcd", wrong, strict=False):
        axes[name].imshow(images[k].reshape(8, 8), cmap="gray_r")
        axes[name].set_title(f"{labels[k]}, not {found['guesses'][k]}")
    for name in "abcd":
        axes[name].set_axis_off()
    return figure


if __name__ == "__main__":
    found = run()
    print(f"{100 * found['accuracy']:.1f} % of the digits of the test are told right")
    draw(found).savefig("digits.png")
