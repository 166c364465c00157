"""Next year's sunspot number from the last 22 years: a small network, trained on many devices.

Each device has a part of every batch, and all have the same parameters. One process with four
devices prints the same as four processes with one device each:

    INGOT_NUM_CPU_DEVICES=4 python examples/data_parallel.py
    for i in 0 1 2 3; do
        python examples/data_parallel.py --coordinator 127.0.0.1:1234 --processes 4 --index $i &
    done; wait
"""

import argparse

import numpy as np
from sunspots import data

import ingot
import ingot.numpy as jnp
from ingot import NamedSharding, P, random
from ingot.sharding import AxisType

PAST = 22  # years that the network sees: two cycles
TRAINED = 256  # of the 287 years with a past; the last 31 are kept for the test
HIDDEN = 16


def windows():
    """The years before each year [N, PAST], and its own value [N]."""
    values = data.load().values
    rows = np.lib.stride_tricks.sliding_window_view(values, PAST + 1)
    return rows[:, :PAST], rows[:, PAST]


def initial(key):
    """Parameters of a network with one hidden layer."""
    first, second = random.split(key)
    return {"w": random.normal(first, (PAST, HIDDEN)) / PAST**0.5, "b": jnp.zeros(HIDDEN),
            "out": random.normal(second, (HIDDEN,)) / HIDDEN**0.5}


def predict(params, past):
    """Values [N] of the years after `past` [N, PAST]: what persists, and what the network adds."""
    hidden = jnp.tanh(past @ params["w"] + params["b"])
    return past[:, -1] + hidden @ params["out"]


def loss(params, past, value):
    """The mean squared error over all rows, wherever they are."""
    return jnp.mean((predict(params, past) - value) ** 2)


@ingot.jit
def train(params, speed, past, value):
    """A step of gradient descent with momentum; XLA sums the gradient over the devices."""
    error, gradient = ingot.value_and_grad(loss)(params, past, value)
    speed = ingot.tree.map(lambda v, g: 0.9 * v - 0.01 * g, speed, gradient)
    return ingot.tree.map(jnp.add, params, speed), speed, error


def mine(x):
    """The rows of this process: equal shares, in the order of processes."""
    share = len(x) // ingot.process_count()
    return x[ingot.process_index() * share:][:share]


def say(*words):
    """Print in one of the processes."""
    if ingot.process_index() == 0:
        print(*words, flush=True)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--coordinator", help="host:port of process 0; without it, one process")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--index", type=int, default=0, help="number of this process")
    parser.add_argument("--steps", type=int, default=400)
    return parser.parse_args()


def main():
    options = parsed()
    if options.coordinator:
        ingot.distributed.initialize(options.coordinator, options.processes, options.index)
    ingot.config.update("backend", "xla")
    mesh = ingot.make_mesh((ingot.device_count(),), "batch", axis_types=AxisType.Auto)
    divided, same = NamedSharding(mesh, P("batch")), NamedSharding(mesh, P())

    past, value = windows()
    batch = [ingot.make_array_from_process_local_data(divided, mine(x[:TRAINED]))
             for x in (past, value)]
    params = ingot.device_put(initial(random.key(0)), same)
    speed = ingot.device_put(ingot.tree.map(np.zeros_like, params), same)
    for step in range(options.steps):
        params, speed, error = train(params, speed, *batch)
        if step % 100 == 0:
            say(f"step {step:3}: mean squared error {float(error):.9f}")

    learned = ingot.tree.map(np.asarray, params)  # each process has all of it
    for name, found in (("last year's value", past[TRAINED:, -1]),
                        ("network", np.asarray(predict(learned, past[TRAINED:])))):
        error = np.sqrt(np.mean((found - value[TRAINED:]) ** 2))
        say(f"{name:18}: error {error:.9f} in {len(found)} years after those trained on")


if __name__ == "__main__":
    main()
