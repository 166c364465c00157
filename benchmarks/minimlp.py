"""The Mini-MLP benchmark: 10,000 updates of a small network by full-batch gradient descent.

python benchmarks/run.py minimlp                   both batches, 500 updates
python benchmarks/minimlp.py                       both batches, 10,000 updates
python benchmarks/minimlp.py --updates 1000 --batch 1024

As published (R. Sunder, MLPDialects, 2020): inputs (batch, 128), weights (128, 128) and (128, 1),
tanh and sigmoid, binary cross-entropy, rate 0.01, float32, the loss looked at every 100 updates;
seconds include compilation. `faithful` compiles the gradient and updates eagerly, `whole` compiles
the loop. Autograd and PyTorch take part if they are installed. `products alone` are the two large
products of each update by NumPy's BLAS, which all but JAX and PyTorch wait for.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time

import numpy as np

RATE = 1e-2
EVERY = 100
BATCHES = [1024, 4096]
SHORT = 500  # updates that show the ratios


def data(batch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, 128)).astype(np.float32)
    targets = rng.integers(0, 2, (batch, 1)).astype(np.float32)
    weights = [(1e-2 * rng.normal(size=s)).astype(np.float32) for s in ((128, 128), (128, 1))]
    return x, targets, weights


def loss_in(np):
    """The loss written with some NumPy."""

    def loss(weights, x, targets):
        hidden = np.tanh(np.matmul(x, weights[0]))
        y = 1 / (1 + np.exp(-np.matmul(hidden, weights[1])))
        return -np.mean(targets * np.log(y) + (1 - targets) * np.log(1 - y))

    return loss


# ---- systems: (batch, updates) -> the last loss looked at ----
def faithful(system):
    def run(batch, updates):
        package, numpy = (importlib.import_module(name) for name in (system, f"{system}.numpy"))
        loss = loss_in(numpy)
        value, gradient = package.jit(loss), package.jit(package.grad(loss))
        x, targets, weights = (package.tree_util.tree_map(numpy.asarray, d) for d in data(batch))
        last = None
        for k in range(updates):
            slopes = gradient(weights, x, targets)
            weights = [w - RATE * s for w, s in zip(weights, slopes, strict=True)]
            if k % EVERY == 0:
                last = float(value(weights, x, targets))
        package.block_until_ready(weights)
        return last

    return run


def whole(system):
    def run(batch, updates):
        package, numpy, lax = (importlib.import_module(name)
                               for name in (system, f"{system}.numpy", f"{system}.lax"))
        loss = loss_in(numpy)

        @package.jit
        def descend(weights, x, targets):
            def some(weights, _):
                def update(_, weights):
                    slopes = package.grad(loss)(weights, x, targets)
                    return [w - RATE * s for w, s in zip(weights, slopes, strict=True)]

                weights = update(0, weights)
                value = loss(weights, x, targets)
                return lax.fori_loop(1, EVERY, update, weights), value

            return lax.scan(some, weights, None, length=updates // EVERY)[1]

        x, targets, weights = (package.tree_util.tree_map(numpy.asarray, d) for d in data(batch))
        return float(descend(weights, x, targets)[-1])

    return run


def autograd(batch, updates):
    import autograd
    import autograd.numpy

    loss = loss_in(autograd.numpy)
    gradient = autograd.grad(loss)
    x, targets, weights = data(batch)
    last = None
    for k in range(updates):
        slopes = gradient(weights, x, targets)
        weights = [w - RATE * s for w, s in zip(weights, slopes, strict=True)]
        if k % EVERY == 0:
            last = float(loss(weights, x, targets))
    return last


def pytorch(batch, updates):
    import torch

    x, targets, weights = data(batch)
    x, targets = torch.from_numpy(x), torch.from_numpy(targets)
    weights = [torch.from_numpy(w).requires_grad_() for w in weights]
    last = None
    for k in range(updates):
        y = torch.sigmoid(torch.tanh(x @ weights[0]) @ weights[1])
        loss = -torch.mean(targets * torch.log(y) + (1 - targets) * torch.log(1 - y))
        slopes = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            weights = [w - RATE * s for w, s in zip(weights, slopes, strict=True)]
        for w in weights:
            w.requires_grad_()
        if k % EVERY == 0:
            last = loss_after(torch, weights, x, targets)
    return last


def loss_after(torch, weights, x, targets):
    with torch.no_grad():
        y = torch.sigmoid(torch.tanh(x @ weights[0]) @ weights[1])
        return float(-torch.mean(targets * torch.log(y) + (1 - targets) * torch.log(1 - y)))


def products(batch, updates):
    """What no system is faster than that leaves products of matrices to this BLAS: they alone."""
    x, _, (weights, _) = data(batch)
    hidden, slopes, back = np.empty((batch, 128), np.float32), np.empty_like(weights), x.T
    for _ in range(updates):
        np.matmul(x, weights, out=hidden)
        np.matmul(back, hidden, out=slopes)


SYSTEMS = {
    "ingot, whole": whole("ingot"),
    "ingot, faithful": faithful("ingot"),
    "jax, whole": whole("jax"),
    "jax, faithful": faithful("jax"),
    "pytorch": pytorch,
    "autograd": autograd,
    "products alone": products,
}


def measured(name, batch, updates):
    """Seconds and the last loss in a fresh process; None if the package is not installed."""
    command = [sys.executable, __file__, "--system", name, "--batch", str(batch),
               "--updates", str(updates)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"  {name}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def compare(batches, updates):
    """Run every system and print its seconds, and those over ingot's; lines of a summary."""
    lines = []
    for batch in batches:
        print(f"batch {batch}, {updates} updates")
        found = {name: measured(name, batch, updates) for name in SYSTEMS}
        done = {name: result for name, result in found.items() if result is not None}
        losses = [loss for _, loss in done.values() if loss is not None]
        np.testing.assert_allclose(losses, losses[0], rtol=1e-3)
        best = done["ingot, whole"][0]
        for name, (seconds, _) in done.items():
            print(f"  {name:16} {seconds:8.2f} s  {seconds / best:6.2f}", flush=True)
        rivals = ", ".join(f"{done[name][0] / best:.2f} {name}" for name in done
                           if not name.startswith("ingot"))
        lines.append(f"minimlp, batch {batch}: seconds over ingot's, {rivals}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--system", help=argparse.SUPPRESS)
    options = parser.parse_args()
    batches = options.batch or BATCHES
    if options.system:
        run = SYSTEMS[options.system]
        begin = time.perf_counter()
        last = run(batches[0], options.updates)
        print(json.dumps([time.perf_counter() - begin, last]))
        return
    compare(batches, options.updates)


if __name__ == "__main__":
    main()
