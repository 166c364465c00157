"""Programs compiled for accelerators that are not there: H100 and TPU v5e (`make accelerators`).

For each primitive a row of the table of examples that runs it, in single precision and in the
row's dtype; then programs over a mesh of 2 x 2 devices. Prints what compiles, what is refused and
why, and what XLA does not compile; the exit status is 1 if anything is among the last.
"""

import argparse
import collections
import sys

import numpy as np

import ingot
import ingot.numpy as jnp
from harness import program
from ingot.backends.xla import backend as rules  # noqa: F401 (fills the table of rules)
from ingot.backends.xla.client import jaxlib
from ingot.backends.xla.compilation import Compiler
from ingot.backends.xla.plugins import absent_devices, installed
from ingot.core.backend import CompileOptions
from ingot.errors import UndefinedRuleError
from ingot.sharding import Mesh, NamedSharding, PartitionSpec as P
from laws import with_dtype
from rows import import_all, rows_by_primitive

COMPILED, REFUSED, FAILED = "compiles", "refused", "does not compile"


def jobs():
    """Names and programs: a row for each primitive, in two dtypes."""
    for name, rows in rows_by_primitive().items():
        row = rows[0]
        yield f"{name}", lambda row=row: program(row.fun, row.args)
        if row.args and row.accepts and row.args[0].dtype == np.float64:
            yield f"{name} in f32", lambda row=row: program(row.fun, with_dtype(row, np.float32))


def training_step(params, tokens):
    """One step of gradient descent of a small transformer."""

    def block(x, p):
        q, k, v = (jnp.einsum("bsd,dhk->bhsk", x, p[name]) for name in "qkv")
        scores = ingot.nn.softmax(jnp.einsum("bhsk,bhtk->bhst", q, k) / q.shape[-1] ** 0.5)
        x = x + jnp.einsum("bhst,bhtk,hkd->bsd", scores, v, p["o"])
        return x + ingot.nn.gelu(x @ p["up"]) @ p["down"]

    def loss(params):
        x = params["embedding"][tokens[:, :-1]]
        for p in params["blocks"]:
            x = block(x, p)
        logs = ingot.nn.log_softmax(x @ params["embedding"].T)
        return -jnp.take_along_axis(logs, tokens[:, 1:, None], -1).mean()

    value, grads = ingot.value_and_grad(loss)(params)
    return value, ingot.tree.map(lambda p, g: p - 0.1 * g, params, grads)


def transformer(mesh):
    """The step over a mesh: batches along x, heads and hidden units along y."""
    d, heads, size, words = 64, 4, 16, 128
    specs = {"q": P(None, "y"), "k": P(None, "y"), "v": P(None, "y"), "o": P("y"),
             "up": P(None, "y"), "down": P("y")}
    shapes = {"q": (d, heads, size), "k": (d, heads, size), "v": (d, heads, size),
              "o": (heads, size, d), "up": (d, 4 * d), "down": (4 * d, d)}
    block = {n: np.zeros(s, np.float32) for n, s in shapes.items()}
    params = {"blocks": [block, block], "embedding": np.zeros((words, d), np.float32)}
    where = {"blocks": [specs, specs], "embedding": P(None, None)}
    tokens = np.zeros((8, 17), np.int32)
    jaxpr = ingot.make_jaxpr(training_step)(params, tokens)
    leaves = ingot.tree.leaves(where, is_leaf=lambda x: isinstance(x, P))
    ins = [NamedSharding(mesh, s) for s in [*leaves, P("x")]]
    return jaxpr, CompileOptions(in_shardings=tuple(ins))


def attempted(compiler, make):
    """The outcome of one compilation, and what is said of it."""
    try:
        jaxpr, *options = made if isinstance(made := make(), tuple) else (made,)
        compiler.for_absent(jaxpr, *options)
    except (UndefinedRuleError, TypeError) as error:
        return REFUSED, str(error)
    except Exception as error:
        return FAILED, " ".join(str(error).split())
    return COMPILED, ""


def main():
    """Compile for the platforms whose plugins are installed."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--only", default="", help="programs whose names have this in them")
    only = arguments.parse_args().only
    import_all()
    failed = 0
    for platform in ("cuda", "tpu"):
        if not installed(platform):
            print(f"{platform}: its plugin is not installed")
            continue
        devices = absent_devices(platform)
        compiler = Compiler(jaxlib(), devices[0].client, devices)
        mesh = Mesh(np.array(ingot.devices("xla")[:4]).reshape(2, 2), ("x", "y"))
        outcomes = collections.defaultdict(list)
        for name, make in [*jobs(), ("transformer over 2 x 2", lambda m=mesh: transformer(m))]:
            if only in name:
                outcome, why = attempted(compiler, make)
                outcomes[outcome].append((name, why))
        print(f"{platform} ({devices[0].device_kind}): " + ", ".join(
            f"{len(found)} {outcome}" for outcome, found in sorted(outcomes.items())))
        for outcome in (REFUSED, FAILED):
            for name, why in outcomes[outcome]:
                print(f"  {outcome}: {name}: {why:.160}")
        failed += len(outcomes[FAILED])
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
