"""What the laws are written with: comparison up to ulps, and the transformations on flat lists."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core import backend
from ingot.core.array import Array, fetch
from ingot.core.avals import is_inexact
from ingot.core.interpreter import to_array, typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import UndefinedPrimal
from ingot.transforms.jvp import jvp as flat_jvp
from ingot.transforms.linearize import linearize
from ingot.transforms.stage import stage
from ingot.transforms.transpose import transpose

if importlib.util.find_spec("ingot.backends.llvm") is not None:
    importlib.import_module("ingot.backends.llvm")

Fun = Callable[..., list[Any]]


# ---- values and their comparison -----------------------------------------------------------------
def array(x: Any) -> Any:
    """An Array whose data cannot be written to, so that no rule changes its operands."""
    x = to_array(x)
    if type(x) is Array:
        fetch(x).flags.writeable = False
    return x


def data(x: Any) -> np.ndarray:
    """The NumPy data of a result; complains about results that are not arrays."""
    assert type(x) is Array, f"not a concrete array: {x!r}"
    found = fetch(x)
    assert isinstance(found, np.ndarray), f"data of type {type(found)}"
    assert found.shape == x.aval.shape and found.dtype == x.aval.storage, (
        f"data {found.dtype}{found.shape} under the type {x.aval}")
    return found


def wide(x: np.ndarray) -> np.ndarray:
    """The same numbers in float64 or complex128 (integers, booleans and keys as they are)."""
    kind = dtypes.kind(x.dtype) if x.dtype.names is None and x.dtype.kind != "V" else (
        "f" if np.dtype(x.dtype) in dtypes.FLOAT else "V")
    return x.astype({"f": np.float64, "c": np.complex128}[kind]) if kind in "fc" else x


def same(got: np.ndarray, want: np.ndarray, ulps: float, what: str = "") -> None:
    """Same type and the same numbers up to `ulps`; nan, inf and -0 in the same places."""
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    assert got.dtype == want.dtype, f"{what}: dtype {got.dtype}, expected {want.dtype}"
    if got.dtype not in dtypes.INEXACT:
        np.testing.assert_array_equal(got, want, err_msg=what)
        return
    eps = float(dtypes.finfo(got.dtype).eps)
    least = float(dtypes.finfo(got.dtype).smallest_subnormal)
    got, want = wide(got), wide(want)
    finite = np.isfinite(want)
    np.testing.assert_array_equal(np.isfinite(got), finite, err_msg=what)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=what)
    if got.dtype.kind == "f":
        rest = ~finite & ~np.isnan(want)
        np.testing.assert_array_equal(got[rest], want[rest], err_msg=what)
        zero = (want == 0) & (got == 0)
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]),
                                      err_msg=f"{what}: sign of zero")
    with np.errstate(all="ignore"):
        error = np.abs(got[finite] - want[finite])
        bound = ulps * (eps * np.abs(want[finite]) + least)
    worst = np.argmax(error - bound) if error.size else 0
    assert (error <= bound).all(), (
        f"{what}: {got[finite][worst]!r} differs from {want[finite][worst]!r} by"
        f" {error[worst] / (eps * np.abs(want[finite][worst]) + least):.3g} ulps, allowed {ulps}")


def close_to(got: Any, want: Any, tol: float, what: str = "") -> None:
    """Absolute and relative agreement, nan where nan is."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    np.testing.assert_allclose(wide(got), wide(want), rtol=tol, atol=tol, err_msg=what)


def random_like(x: Any, seed: int = 0) -> np.ndarray:
    """Random numbers of the shape and dtype of `x`."""
    key = zlib.crc32(repr((x.shape, str(x.dtype), seed)).encode())
    rng = np.random.default_rng(key)
    out = np.asarray(rng.normal(size=x.shape))
    if dtypes.kind(x.dtype) == "c":
        out = out + 1j * rng.normal(size=x.shape)
    return np.asarray(out).astype(x.dtype)


def subsets(items: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All nonempty subsets."""
    return itertools.chain.from_iterable(
        itertools.combinations(items, n) for n in range(1, len(items) + 1))


# ---- the transformations, on flat lists ----------------------------------------------------------
def evaluate(fun: Fun, args: Sequence[Any]) -> list[np.ndarray]:
    """Results of eager evaluation."""
    return [data(o) for o in fun(*map(array, args))]


def program(fun: Fun, args: Sequence[Any]) -> Jaxpr:
    """The staged program for arguments of these types."""
    return stage(fun, [typeof(x) for x in args])


def compiled(jaxpr: Jaxpr, args: Sequence[Any]) -> list[np.ndarray]:
    """Results of the program in the chosen back end."""
    outs = backend.compile_jaxpr(jaxpr, config.backend)(*[array(x)._data for x in args])
    return [data(Array(o, v.aval)) for o, v in zip(outs, jaxpr.outvars, strict=True)]


def memory_checked(jaxpr: Jaxpr, args: Sequence[Any], tiers: Sequence[str] = ("fast", "full")
                   ) -> list[list[np.ndarray]]:
    """Results of the program in each tier while its memory is checked; MemoryCheckError if it
    touches what it may not."""
    found = []
    for tier in tiers:
        with config.override("check_memory", True), config.override("optimize", tier):
            found.append(compiled(jaxpr, args))
    return found


def tangents_of(args: Sequence[Any], subset: Sequence[int], seed: int = 1) -> list[Any]:
    """Random tangents for some arguments, None for the others."""
    return [random_like(x, seed + i) if i in subset else None for i, x in enumerate(args)]


def jvp(fun: Fun, args: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """Tangents of the inexact results; the type of each is checked."""
    ts = [None if t is None else array(t) for t in tangents]
    outs, out_ts = flat_jvp(fun, [array(x) for x in args], ts)
    result = []
    for o, t in zip(outs, out_ts, strict=True):
        aval = typeof(o)
        if not is_inexact(aval):
            assert t is None, f"tangent {t} of a result of type {aval}"
            continue
        if t is None:
            t = array(np.zeros(aval.shape, aval.dtype))
        assert typeof(t).same_type(aval), f"tangent of type {typeof(t)} for a result {aval}"
        result.append(t)
    return result


def vjp(fun: Fun, args: Sequence[Any], subset: Sequence[int]) -> tuple[list[Any], Any]:
    """Results, and the function from cotangents of the inexact ones to cotangents of a subset."""
    args = [array(x) for x in args]
    outs, linear = linearize(fun, args, [i in subset for i in range(len(args))])
    avals = [typeof(args[i]) for i in subset]

    def back(cts: Sequence[Any]) -> list[Any]:
        given = iter(cts)
        each = [next(given) if is_inexact(typeof(o)) else None for o in outs]
        kept = [ct for ct, has in zip(each, linear.has, strict=True) if has]
        j = linear.jaxpr
        found = transpose(j, j.consts, [UndefinedPrimal(v.aval) for v in j.invars], kept)
        for ct, aval in zip(found, avals, strict=True):
            assert ct is None or typeof(ct).same_type(aval), (
                f"cotangent of type {typeof(ct)} for an argument {aval}")
        return [array(np.zeros(a.shape, a.dtype)) if ct is None else ct
                for ct, a in zip(found, avals, strict=True)]

    return outs, back


def inner(xs: Sequence[Any], ys: Sequence[Any]) -> float:
    """Sum of products; the real part, without conjugation, as JAX pairs complex numbers."""
    return float(sum(np.sum(wide(data(array(x))) * wide(data(array(y)))).real
                     for x, y in zip(xs, ys, strict=True)))


def differences(fun: Callable[[float], list[np.ndarray]], h: float = 3e-3) -> list[np.ndarray]:
    """Derivative at 0 by three-level Richardson extrapolation of central differences."""
    def central(h: float) -> list[np.ndarray]:
        return [(a - b) / (2 * h) for a, b in zip(fun(h), fun(-h), strict=True)]

    d1, d2, d4 = central(h), central(h / 2), central(h / 4)
    out = []
    for a, b, c in zip(d1, d2, d4, strict=True):
        ab, bc = (4 * b - a) / 3, (4 * c - b) / 3
        out.append((16 * bc - ab) / 15)
    return out


def moved(args: Sequence[np.ndarray], tangents: Sequence[Any], h: float) -> list[np.ndarray]:
    """Arguments displaced along tangents."""
    return [x if t is None else np.asarray(x + h * t) for x, t in zip(args, tangents, strict=True)]


def inexact(outs: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [o for o in outs if o.dtype in dtypes.INEXACT]
