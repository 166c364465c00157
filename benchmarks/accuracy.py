"""How exact sums are: the worst error of each function, in units of eps log2(n) sum|x|.

    python benchmarks/accuracy.py [--jax PYTHON] [--quick]

Prints a Markdown table: functions and dtypes by system, the worst over inputs that are hard to sum,
over axes and layouts in memory and over the sizes. `--jax` names an interpreter that has JAX, which
then is measured too. The reference is computed in NumPy's longdouble, or exactly by `math.fsum`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

SIZES = (1, 2, 63, 64, 65, 127, 1000, 4097, 65539, 1_000_000)
QUICK = (65, 1000, 65539)
FLOATS = ("float16", "float32", "float64", "complex64")
SYSTEMS = ("ingot eager", "ingot compiled", "NumPy")


def inputs(n: int, dtype: np.dtype) -> Iterator[tuple[str, np.ndarray]]:
    """Vectors that are hard to sum."""
    rng, half = np.random.default_rng(n), dtype == np.float16
    eps = float(np.finfo(dtype).eps)
    offset = 10.0 if half else 1e6
    kinds = {
        "constant 0.1": np.full(n, 0.1), "constant 1e-3": np.full(n, 1e-3),
        "offset": offset + rng.normal(size=n),
        "alternating": rng.uniform(0.5, 1, n) * np.where(np.arange(n) % 2, -1, 1),
        "ascending": np.sort(rng.exponential(size=n)),
        "descending": np.sort(rng.exponential(size=n))[::-1],
        "one large": np.where(np.arange(n) == 0, 1, 0.45 * eps), "random": rng.normal(size=n)}
    for kind, x in kinds.items():
        x = x / n if half else x  # or sums overflow
        yield kind, np.ascontiguousarray(x).astype(dtype)


def layouts(x: np.ndarray) -> Iterator[tuple[np.ndarray, Any]]:
    """A vector in memory as it is, as columns, as rows, with gaps, backwards; and what axes to sum.
    """
    yield x, 0
    columns = np.stack([x, x[::-1], x], 1)
    yield columns, 0
    yield np.asfortranarray(columns), 0
    yield columns.T, 1
    yield np.repeat(x, 2)[::2], 0
    yield x[::-1], 0
    yield np.broadcast_to(x[:1], x.shape), 0


def wide(x: np.ndarray) -> np.ndarray:
    """The numbers in the longest type."""
    return x.astype(np.clongdouble if x.dtype.kind == "c" else np.longdouble)


def _mean(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    n = x.shape[axis]
    return wide(x).sum(axis) / n, np.abs(wide(x)).sum(axis) / n


def _var(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    value = wide(x).var(axis)
    # an error of the mean adds its square, and is of the order of the unit that this multiplies
    unit = float(np.finfo(x.dtype).eps) * max(1.0, math.log2(x.shape[axis]))
    return value, value + unit * np.abs(wide(x)).max(axis) ** 2


Reference = Callable[..., tuple[np.ndarray, np.ndarray]]
FUNCTIONS: dict[str, tuple[Callable[..., Any], Reference]] = {
    "sum": (lambda jnp, x, axis: jnp.sum(x, axis),
            lambda x, axis: (wide(x).sum(axis), np.abs(wide(x)).sum(axis))),
    "mean": (lambda jnp, x, axis: jnp.mean(x, axis), _mean),
    "var": (lambda jnp, x, axis: jnp.var(x, axis), _var),
    "cumsum": (lambda jnp, x, axis: jnp.cumsum(x, axis),
               lambda x, axis: (np.cumsum(wide(x), axis), np.cumsum(np.abs(wide(x)), axis))),
    "dot": (lambda jnp, x, axis: jnp.tensordot(
                x, jnp.ones(x.shape[axis], x.dtype), ((axis,), (0,))),
            lambda x, axis: (wide(x).sum(axis), np.abs(wide(x)).sum(axis))),
}


def worst(got: Any, want: np.ndarray, scale: np.ndarray, dtype: np.dtype, n: int) -> float:
    """The largest error in units of the bound."""
    unit = float(np.finfo(dtype).eps) * max(1.0, math.log2(n))
    error = np.abs(wide(np.asarray(got)) - want)
    least = float(np.finfo(dtype).smallest_subnormal)
    return float(np.max(error / np.maximum(scale * unit, least), initial=0.0))


def measured(jit: Callable[..., Any], jnp: Any, sizes: tuple[int, ...]) -> dict[str, float]:
    """The worst errors of one system."""
    out: dict[str, float] = {}
    for name, (function, reference) in FUNCTIONS.items():
        for dtype in map(np.dtype, FLOATS):
            for n in sizes:
                for _, vector in inputs(n, dtype):
                    for x, axis in layouts(vector):
                        call = jit(lambda x, axis=axis: function(jnp, x, axis))  # noqa: B023
                        want, scale = reference(x, axis)
                        key = f"{name} {dtype.name}"
                        out[key] = max(out.get(key, 0.0), worst(call(x), want, scale, dtype, n))
    return out


def system(name: str, sizes: tuple[int, ...]) -> dict[str, float]:
    """The worst errors of one system, by its name."""
    if name == "NumPy":
        return measured(lambda f: f, np, sizes)
    package = importlib.import_module("jax" if name == "JAX" else "ingot")
    if name == "JAX":
        package.config.update("jax_enable_x64", True)
    jnp = importlib.import_module(package.__name__ + ".numpy")
    if name == "ingot eager":
        return measured(lambda f: lambda x: f(jnp.asarray(x)), jnp, sizes)
    return measured(Kept(package.jit), jnp, sizes)


class Kept:
    """jit, with one compiled function for each that does the same."""

    def __init__(self, jit: Callable[..., Any]):
        self.jit, self.known = jit, {}

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        key = f.__code__, f.__defaults__, tuple(
            c.cell_contents for c in f.__closure__ or ())
        return self.known.setdefault(key, self.jit(f))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jax", help="an interpreter with JAX")
    parser.add_argument("--quick", action="store_true", help="few sizes")
    parser.add_argument("--system", help=argparse.SUPPRESS)
    given = parser.parse_args()
    np.seterr(all="ignore")
    sizes = QUICK if given.quick else SIZES
    if given.system:
        json.dump(system(given.system, sizes), sys.stdout)
        return
    found = {name: system(name, sizes) for name in SYSTEMS}
    if given.jax:
        asked = [given.jax, __file__, "--system", "JAX", *(["--quick"] if given.quick else [])]
        found["JAX"] = json.loads(subprocess.run(
            asked, check=True, capture_output=True, text=True).stdout)
    print("| function, dtype |", " | ".join(found), "|")
    print("|---" * (len(found) + 1) + "|")
    for key in found["NumPy"]:
        print(f"| {key} |", " | ".join(f"{found[name][key]:.2g}" for name in found), "|")


if __name__ == "__main__":
    main()
