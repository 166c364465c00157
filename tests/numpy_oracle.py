"""Expressions evaluated by JAX and by ingot: same types, same values, errors in the same places."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.experimental.jet
import jax.experimental.ode
import jax.image
import jax.nn.initializers
import jax.numpy
import jax.scipy.cluster.vq
import jax.scipy.fft
import jax.scipy.interpolate
import jax.scipy.linalg
import jax.scipy.ndimage
import jax.scipy.signal
import jax.scipy.sparse.linalg
import jax.scipy.special
import jax.scipy.stats
import numpy as np

import ingot
import ingot.experimental.jet
import ingot.experimental.ode
import ingot.image
import ingot.lax
import ingot.nn
import ingot.numpy
import ingot.scipy.cluster.vq
import ingot.scipy.fft
import ingot.scipy.interpolate
import ingot.scipy.linalg
import ingot.scipy.ndimage
import ingot.scipy.signal
import ingot.scipy.sparse.linalg
import ingot.scipy.special
import ingot.scipy.stats
from ingot.config import config

jax.config.update("jax_enable_x64", True)

SINCE = {f"jnp.log2({x})" for x in ("w", "wi", "3", "2.5", "1j")}  # weakly typed, as log is
UNTIL = {"jnp.cross(R[:,:2],R)", "jnp.cross(R[:,:2],R[::-1,:2])"}  # refused since, as by NumPy 2.5
OTHERWISE = UNTIL if jax.__version_info__ >= (0, 11) else SINCE
"""What this JAX does otherwise than ingot: what it does since 0.11, what it did until then."""

JAX = {"jnp": jax.numpy, "nn": jax.nn, "S": jax.scipy.special, "L": jax.scipy.linalg,
       "T": jax.scipy.stats, "np": np, "lax": jax.lax, "jax": jax,
       "F": jax.scipy.fft, "image": jax.image, "signal": jax.scipy.signal,
       "krylov": jax.scipy.sparse.linalg, "vq": jax.scipy.cluster.vq.vq,
       "at": jax.scipy.ndimage.map_coordinates, "jet": jax.experimental.jet.jet,
       "Grid": jax.scipy.interpolate.RegularGridInterpolator,
       "odeint": jax.experimental.ode.odeint}
INGOT = {"jnp": ingot.numpy, "nn": ingot.nn, "S": ingot.scipy.special, "L": ingot.scipy.linalg,
         "T": ingot.scipy.stats, "np": np, "lax": ingot.lax, "jax": ingot,
         "F": ingot.scipy.fft, "image": ingot.image, "signal": ingot.scipy.signal,
         "krylov": ingot.scipy.sparse.linalg, "vq": ingot.scipy.cluster.vq.vq,
         "at": ingot.scipy.ndimage.map_coordinates, "jet": ingot.experimental.jet.jet,
         "Grid": ingot.scipy.interpolate.RegularGridInterpolator,
         "odeint": ingot.experimental.ode.odeint}


def table(text: str) -> list[str]:
    """Expressions separated by semicolons or line ends."""
    return [e.strip() for e in text.replace("\n", ";").split(";") if e.strip()]


def arguments(seed: int = 0) -> dict[str, Any]:
    """NumPy arrays of many dtypes under short names."""
    r = np.random.RandomState(seed)
    a = r.randn(4, 4)
    return {
        "x": r.randn(3, 4), "y": r.randn(3, 4), "v": r.randn(5), "u": r.rand(5),
        "p": r.rand(3, 4) + 0.1, "i": r.randint(-5, 9, (3, 4)), "k": r.randint(0, 3, (2, 2)),
        "f": r.randn(3, 4).astype("f4"), "i8": r.randint(-5, 9, (3, 4)).astype("i1"),
        "u8": r.randint(0, 9, (3, 4)).astype("u1"), "b": r.rand(3, 4) > 0.5,
        "z": r.randn(3, 4) + 1j * r.randn(3, 4), "t3": r.randn(2, 3, 4),
        "h": r.randn(3, 4).astype("f2"), "e": np.zeros((0, 3)), "iv": np.array([2, 0, 1]),
        "nan": np.where(r.rand(3, 4) > 0.6, np.nan, r.randn(3, 4)), "A": a,
        "P": a @ a.T + 4 * np.eye(4), "B": r.randn(4, 2), "bv": r.randn(4), "R": r.randn(5, 3),
        "Z": r.randn(3, 3) + 1j * r.randn(3, 3), "H": a + a.T, "SA": r.randn(2, 3, 4, 4),
        "SB": r.randn(3, 4, 2), "T4": r.randn(2, 3, 4, 5), "s6": r.randn(6),
    }


def environment(modules: dict[str, Any], values: dict[str, Any], expression: str
                ) -> dict[str, Any]:
    """Names for one system: its modules, and the arguments in the expression as its arrays."""
    jnp, used = modules["jnp"], set(re.findall(r"\w+", expression))
    made = {name: jnp.asarray(value) for name, value in values.items() if name in used}
    if "bf" in used:
        made["bf"] = jnp.asarray(values["x"]).astype(jnp.bfloat16)
    return {**modules, **made, "w": jnp.asarray(2.5), "wi": jnp.asarray(3)}


def leaves(result: Any) -> Iterator[Any]:
    """The arrays and other values in nested lists and tuples."""
    if isinstance(result, (list, tuple)):
        for element in result:
            yield from leaves(element)
    else:
        yield result


def kind_of(x: Any) -> Any:
    """Shape, dtype and weak type; JAX's booleans may be weak, which means nothing."""
    if not hasattr(x, "weak_type"):
        return type(x).__name__ if not hasattr(x, "aval") else None
    return tuple(x.shape), str(x.dtype), bool(x.weak_type) and str(x.dtype) != "bool"


def attempt(expression: str, names: dict[str, Any]) -> tuple[Any, Exception | None]:
    """The value, or the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return eval(expression, dict(names)), None
        except Exception as error:
            return None, error


def check(expression: str, values: Callable[[], dict[str, Any]] = arguments,
          tolerance: float = 1e-12) -> None:
    """Assert that both systems agree on an expression."""
    if expression in OTHERWISE:
        return
    given = values()
    want, their_error = attempt(expression, environment(JAX, given, expression))
    with config.override("match_jax", True):
        got, our_error = attempt(expression, environment(INGOT, given, expression))
    if their_error is not None:
        assert our_error is not None, f"JAX raises {their_error!r}, ingot gives {got!r}"
        return
    if our_error is not None:
        raise AssertionError(f"ingot raises {our_error!r}, JAX gives {want!r}") from our_error
    theirs, ours = list(leaves(want)), list(leaves(got))
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours, strict=True):
        if hasattr(a, "weak_type"):
            assert kind_of(a) == kind_of(b)
            close(np.asarray(a), np.asarray(b), tolerance)


def check_error(expression: str, values: Callable[[], dict[str, Any]] = arguments) -> None:
    """Assert that ingot raises an error that whoever catches JAX's catches too."""
    given = values()
    _, theirs = attempt(expression, environment(JAX, given, expression))
    got, ours = attempt(expression, environment(INGOT, given, expression))
    assert theirs is not None, "no error in JAX"
    assert ours is not None, f"JAX raises {theirs!r}, ingot gives {got!r}"
    kind = next(c for c in type(theirs).__mro__ if c.__module__ == "builtins")
    assert isinstance(ours, kind), f"JAX raises {theirs!r}, ingot {ours!r}"


def close(want: np.ndarray, got: np.ndarray, tolerance: float) -> None:
    """Equal within a tolerance that grows as the dtype narrows."""
    if want.dtype.kind not in "biufc":
        want, got = want.astype(np.float32), got.astype(np.float32)
        tolerance = 2e-2
    elif want.dtype.itemsize < 4 and want.dtype.kind == "f":
        tolerance = 1e-2
    elif want.dtype.name in ("float32", "complex64"):
        tolerance = max(tolerance, 5e-6)
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance, equal_nan=True)
