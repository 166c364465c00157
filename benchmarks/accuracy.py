"""How exact sums are: the worst error of each function, in units of eps log2(n) sum|x|.

    python benchmarks/accuracy.py [--jax PYTHON] [--quick]

Prints a Markdown table: functions and dtypes by system, the worst over inputs that are hard to sum,
over axes and layouts in memory and over the sizes; then a table of sizes up to 10^7 for vectors in
float32 and float64. `--jax` names an interpreter that has JAX, which then is measured too. The
reference is computed in NumPy's longdouble, which adds vectors in pairs.
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

SIZES = (1, 2, 63, 64, 65, 127, 1000, 4097, 65539)
QUICK = (65, 1000, 65539)
LONG = (10**3, 10**4, 10**5, 10**6, 10**7)
LONG_INPUTS = ("constant 0.1", "offset", "one large", "random")
LONG_FLOATS = ("float32", "float64")
CONVOLVED = 5000
"""The longest vector that is convolved."""

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


def _added(jnp: Any, x: Any, axis: int) -> Any:
    place, out = np.zeros(x.shape[0], int), jnp.zeros(1, x.dtype)
    if jnp is np:
        np.add.at(out, place, x)
        return out[0]
    return out.at[place].add(x)[0]


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
FURTHER: dict[str, tuple[Callable[..., Any], Reference]] = {
    "add at one place": (_added, FUNCTIONS["sum"][1]),
    "convolve": (lambda jnp, x, axis: jnp.convolve(x, jnp.ones(x.shape, x.dtype), "valid")[0],
                 FUNCTIONS["sum"][1]),
    "norm": (lambda jnp, x, axis: jnp.linalg.norm(x),
             lambda x, axis: (np.sqrt((np.abs(wide(x)) ** 2).sum()),) * 2),
    "trapezoid": (lambda jnp, x, axis: jnp.trapezoid(x),
                  lambda x, axis: (np.trapezoid(wide(x)), np.abs(wide(x)).sum())),
    "matrix product": (lambda jnp, x, axis: jnp.matmul(
                           jnp.stack([x] * 4), jnp.ones((x.shape[0], 4), x.dtype))[3, 3],
                       FUNCTIONS["sum"][1]),
}
"""Functions that are measured on vectors alone."""


def worst(got: Any, want: np.ndarray, scale: np.ndarray, dtype: np.dtype, n: int) -> float:
    """The largest error in units of the bound."""
    unit = float(np.finfo(dtype).eps) * max(1.0, math.log2(n))
    error = np.abs(wide(np.asarray(got)) - want)
    least = float(np.finfo(dtype).smallest_subnormal)
    return float(np.max(error / np.maximum(scale * unit, least), initial=0.0))


def measured(jit: Callable[..., Any], jnp: Any, quick: bool) -> dict[str, float]:
    """The worst errors of one system: by function and dtype, and by function, dtype and size."""
    out: dict[str, float] = {}

    def add(key: str, name: str, vector: np.ndarray, x: np.ndarray, axis: int) -> None:
        function, reference = {**FUNCTIONS, **FURTHER}[name]
        call = jit(lambda x, axis=axis: function(jnp, x, axis))
        want, scale = reference(x, axis)
        out[key] = max(out.get(key, 0.0), worst(call(x), want, scale, x.dtype, vector.size))

    for dtype in map(np.dtype, FLOATS):
        for n in QUICK if quick else SIZES:
            for _, vector in inputs(n, dtype):
                for name in FUNCTIONS:
                    for x, axis in layouts(vector):
                        add(f"{name} {dtype.name}", name, vector, x, axis)
                for name in FURTHER:
                    if name != "convolve" or n <= CONVOLVED:
                        add(f"{name} {dtype.name}", name, vector, vector, 0)
    for dtype in map(np.dtype, LONG_FLOATS):
        for n in () if quick else LONG:
            for vector in (x for kind, x in inputs(n, dtype) if kind in LONG_INPUTS):
                for name in FUNCTIONS:
                    add(f"{name} {dtype.name} {n:.0e}", name, vector, vector, 0)
    return out


def system(name: str, quick: bool) -> dict[str, float]:
    """The worst errors of one system, by its name."""
    if name == "NumPy":
        return measured(lambda f: f, np, quick)
    package = importlib.import_module("jax" if name == "JAX" else "ingot")
    if name == "JAX":
        package.config.update("jax_enable_x64", True)
    jnp = importlib.import_module(package.__name__ + ".numpy")
    if name == "ingot eager":
        return measured(lambda f: lambda x: f(jnp.asarray(x)), jnp, quick)
    return measured(Kept(package.jit), jnp, quick)


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
    if given.system:
        json.dump(system(given.system, given.quick), sys.stdout)
        return
    found = {name: system(name, given.quick) for name in SYSTEMS}
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
