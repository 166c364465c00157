"""Derivatives at special points are true where they exist; elsewhere nan, inf or JAX's value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np
import pytest

import ingot
from examples import extreme_points, special_points as points
from numpy_oracle import INGOT, JAX, environment

NAMES = {"inf": math.inf, "nan": math.nan, "mpf": mpmath.mpf, "mp": mpmath, "np": np,
         "array": np.array, "zeros": np.zeros, "ones": np.ones,
         "full": np.full, "outer": np.outer, "e": math.e,
         "diag": lambda *d: np.diag(np.array(d, float)),
         "inverse": lambda *d: np.diag(1 / np.array(d, float))}
UNDEFINED, CONVENTION = "?", "="


def lines(text: str) -> list[tuple[str, ...]]:
    """The fields of each line of a table; indented lines go on with the one before."""
    joined = text.replace("\n    ", " ").splitlines()
    return [tuple(f.strip() for f in line.split("|")) for line in joined if line.strip()]


def function(system: dict[str, Any], expression: str, dtype: str) -> Any:
    """The expression as a function of x, y and z, in a system's names."""
    names = environment(system, {}, "")

    def fun(*args: Any) -> Any:
        return eval(expression, {**names, **dict(zip("xyz", args, strict=False))})

    return fun


def derivative(system: dict[str, Any], expression: str, args: Sequence[Any], modes: str,
               jitted: bool = False, dtype: str = "f8", which: Sequence[int] | None = None
               ) -> list[np.ndarray]:
    """Derivatives in each argument; modes f and r for each order, the last one taken first."""
    jax = system["jax"]
    fun = function(system, expression, dtype)
    values = [np.asarray(a, dtype) for a in args]
    out = []
    for i in range(len(args)) if which is None else which:
        step = fun
        for mode in reversed(modes):
            step = (jax.jacfwd if mode == "f" else jax.jacrev)(step, i)
        out.append(np.asarray((jax.jit(step) if jitted else step)(*values)))
    return out


def agree(got: Any, want: Any, what: str, tol: float, convention: Any) -> None:
    """`want` may be UNDEFINED or CONVENTION; `convention()` is JAX's value.

    Where there is no gradient, derivatives along some directions may exist: forward mode gives
    them.
    """
    if isinstance(want, str):
        finite = np.isfinite(got)
        if want == UNDEFINED and not (finite.all() if what[0] == "f" else finite.any()):
            return
        want = np.asarray(convention())
    np.testing.assert_allclose(np.asarray(got, float), want, rtol=tol, atol=0, err_msg=what)


def check_point(expression: str, args: Sequence[Any], first: Sequence[Any], second: Any = None,
                tol: float = 1e-9, dtype: str = "f8") -> None:
    """Forward and reverse, evaluated and compiled; second derivatives in x in each order."""
    def jax(modes: str, i: int) -> Any:
        return lambda: derivative(JAX, expression, args, modes, dtype=dtype, which=[i])[0]

    for modes, jitted in (("f", False), ("r", False), ("r", True)):
        found = derivative(INGOT, expression, args, modes, jitted, dtype)
        for i, (got, want) in enumerate(zip(found, first, strict=True)):
            agree(got, want, f"{modes} of argument {i}", tol, jax(modes, i))
    if second is None:
        return
    for modes in ("fr", "rr", "ff"):
        (got,) = derivative(INGOT, expression, args, modes, dtype=dtype, which=[0])
        agree(got, second, modes, tol, jax("fr", 0))


def value(text: str) -> Any:
    return text if text in (UNDEFINED, CONVENTION) else eval(text, dict(NAMES))


@pytest.mark.sampled(2)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize(("expression", "exact", "places"), lines(points.SMOOTH),
                         ids=lambda f: f if "|" not in f else None)
def test_smooth(expression, exact, places, dtype):
    tol = 1e-9 if dtype == "f8" else 1e-3
    limit = float(np.finfo(dtype).tiny) / tol
    for place in places.split():
        x = np.asarray(float(place), dtype)
        with mpmath.workdps(60):
            at = mpmath.mpf(float(x))
            want = [float(mpmath.diff(lambda x: eval(exact, {**NAMES, "x": x}), at, n, h="1e-15"))
                    for n in (1, 2)]
        if dtype == "f4" and not all(limit < abs(w) < 1e37 or w == 0 for w in want):
            continue
        for modes, w in (("f", want[0]), ("r", want[0]), ("fr", want[1]), ("rr", want[1])):
            (got,) = derivative(INGOT, expression, [x], modes, dtype=dtype)
            assert np.isclose(got, w, tol, 1e-25), (
                f"{place} {modes}: {got} for {w}")


def slopes(exact: str, at: float) -> list[float]:
    """First and second derivative by differences of mpmath; at infinity that of a large number."""
    at = math.copysign(1e30, at) if math.isinf(at) else at
    size = abs(math.log10(abs(at))) if at else 0
    with mpmath.workdps(int(200 + 2.5 * size + 900 * (5 < abs(at) < 800))):
        x = mpmath.mpf(at)
        h = abs(x or 1) * mpmath.mpf(10) ** -25
        low, middle, high = (mpmath.mpf(eval(exact, {**NAMES, "x": v})) for v in (x - h, x, x + h))
        return [float((high - low) / (2 * h)), float((low - 2 * middle + high) / (h * h))]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize(("expression", "exact", "places"), lines(extreme_points.EXTREME),
                         ids=lambda f: f if "|" not in f else None)
def test_extreme(expression, exact, places, dtype):
    """Differences are allowed that are nothing beside the function's own digits."""
    tol = 1e-6 if dtype == "f8" else 2e-3
    with np.errstate(over="ignore", under="ignore"):
        at = np.array(places.split(), dtype)
    given = np.array(places.split(), float)
    kept = (np.isinf(given) == np.isinf(at)) & ((at != 0) == (given != 0))
    at = at[kept]
    want = np.array([slopes(exact, float(x)) for x in at]).T
    with np.errstate(over="ignore"):
        want = want.astype(dtype)
    fun = function(INGOT, expression, dtype)
    jax = INGOT["jax"]

    def forward(f: Any) -> Any:
        return lambda x: jax.jvp(f, (x,), (np.ones_like(at),))[1]

    def reverse(f: Any) -> Any:
        return jax.grad(lambda x: f(x).sum())

    for modes, got, w in (("f", forward(fun), want[0]), ("r", jax.jit(reverse(fun)), want[0]),
                          ("fr", forward(reverse(fun)), want[1]),
                          ("rr", reverse(reverse(fun)), want[1]),
                          ("ff", forward(forward(fun)), want[1])):
        np.testing.assert_allclose(got(at), w, tol, tol * 1e-5, err_msg=f"{modes} at {at}")


@pytest.mark.parametrize(("expression", "at", "first", "second"), lines(points.SCALARS))
def test_scalar(expression, at, first, second):
    check_point(expression, [value(at)], [value(first)], value(second))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("row", lines(points.SEVERAL + points.SUPPORTS),
                         ids=lambda r: f"{r[0]} at {r[1]}")
def test_several(row):
    expression, at, first, *second = row
    check_point(expression, [value(a) for a in at.split(",")],
                [value(f.strip()) for f in first.split(";")], *map(value, second))


@pytest.mark.parametrize(("expression", "exact", "places"), lines(points.TAILS))
def test_tail(expression, exact, places):
    fun = function(INGOT, expression, "f8")
    for place in places.split():
        with mpmath.workdps(120):
            at = mpmath.mpf(float(place))
            value = lambda x: eval(exact, {**NAMES, "x": x})  # noqa: B023
            want, slope = value(at), mpmath.diff(value, at, h=(at or 1) * mpmath.mpf(10) ** -40)
        assert np.isclose(float(fun(np.float64(place))), float(want), 1e-10, 1e-300), place
        for mode in "fr":
            (got,) = derivative(INGOT, expression, [float(place)], mode)
            assert np.isclose(got, float(slope), 1e-8, 1e-300), f"{place} {mode}"


@pytest.mark.parametrize(("expression", "exact", "places"), lines(points.HYPERGEOMETRIC))
def test_derivatives_in_parameters(expression, exact, places):
    def value(*args: Any) -> Any:
        return eval(exact, {**NAMES, **dict(zip("xyz", args, strict=True))})

    for place in places.split():
        args = [float(v) for v in place.split(",")]
        with mpmath.workdps(50):
            at = [mpmath.mpf(v) for v in args]
            want = [[float(mpmath.diff(value, at, n, h=mpmath.mpf(10) ** -15))
                     for n in ((1, 0, 0), (0, 1, 0), (0, 0, 1))],
                    [float(mpmath.diff(value, at, n, h=mpmath.mpf(10) ** -15))
                     for n in ((2, 0, 0), (0, 2, 0), (0, 0, 2))]]
        for modes, w in (("f", want[0]), ("r", want[0]), ("fr", want[1]), ("rr", want[1])):
            got = derivative(INGOT, expression, args, modes)
            np.testing.assert_allclose(got, w, 1e-9, 1e-15, err_msg=f"{place} {modes}")


@pytest.mark.sampled(4)
@pytest.mark.parametrize("row", lines(points.MATRICES), ids=lambda r: f"{r[0]} at {r[1]}")
def test_matrix(row):
    expression, at, first, *second = row
    x = value(at)
    check_point(expression, [x], [value(first)])
    if not second:
        return
    if second[0].startswith("of "):
        want, tol = derivative(JAX, second[0][3:], [x], "ff")[0], 1e-6
    else:
        want, tol = value(second[0]), 1e-9
    for modes in ("fr", "rr", "ff"):
        (got,) = derivative(INGOT, expression, [x], modes)
        if isinstance(want, str):
            agree(got, want, modes, tol, lambda: derivative(JAX, expression, [x], "fr")[0])
            continue
        got = got.reshape(np.shape(want))
        if second[0].startswith("of ") and modes == "ff":  # at ties the limit is lost
            want = np.where(np.isnan(got), np.nan, want)
        np.testing.assert_allclose(got, want, tol, tol, err_msg=modes)


@pytest.mark.parametrize("expression", points.TIED)
@pytest.mark.parametrize("at", [np.diag([2.0, 2, 5]), np.diag([1.0, 0, 0])],
                         ids=["tied", "rank 1"])
def test_higher_derivatives_at_ties_are_right_or_nan(expression, at):
    """Never a finite number from values that were moved apart: 1 / gap is 1e8, 1e16."""
    for modes in ("fr", "ff", "rf", "ffr"):
        (got,) = derivative(INGOT, expression, [at], modes)
        finite = np.isfinite(got)
        assert not finite.all(), modes
        assert (np.abs(got[finite]) < 10).all(), modes


def test_third_derivatives_at_ties_are_right_or_nan():
    for at in (np.diag([2.0, 2, 5]), np.eye(3)):
        (want,) = derivative(JAX, "jnp.linalg.slogdet((x+x.T)/2)[1]", [at], "fff")
        for modes in ("ffr", "fff"):
            (got,) = derivative(INGOT, "jnp.log(jnp.linalg.eigvalsh(x)).sum()", [at], modes)
            np.testing.assert_allclose(got, np.where(np.isnan(got), np.nan, want), 1e-6, 1e-6,
                                       err_msg=modes)


def minors(a: np.ndarray) -> np.ndarray:
    """The matrix of cofactors, the exact gradient of a determinant."""
    out = np.ones_like(a)
    for i, j in np.ndindex(a.shape):
        rest = np.delete(np.delete(a, i, 0), j, 1)
        out[i, j] = (-1) ** (i + j) * (np.linalg.det(rest) if rest.size else 1)
    return out


@pytest.mark.parametrize(("n", "q"), points.RANKS)
@pytest.mark.parametrize("kind", ["real", "complex", "diagonal"])
def test_gradients_of_determinants_are_cofactors(n, q, kind):
    r = np.random.default_rng(n)
    a = r.normal(size=(n, n - q)) @ r.normal(size=(n - q, n))
    if kind == "complex":
        a = a * 1j + a @ r.normal(size=(n, n))
    if kind == "diagonal":
        a = np.diag([0.0] * q + [*np.arange(1.0, n - q + 1)])
    det = ingot.numpy.linalg.det
    got = np.asarray(ingot.grad(det, holomorphic=kind == "complex")(a))
    np.testing.assert_allclose(got, minors(a), 1e-9, 1e-9)
    if n not in (2, 4) or kind == "complex":
        return
    hessian = np.asarray(ingot.hessian(det)(a))
    for k, l in np.ndindex(n, n):  # a determinant is linear in each element
        step = np.zeros((n, n))
        step[k, l] = 1
        np.testing.assert_allclose(hessian[:, :, k, l], (minors(a + step) - minors(a - step)) / 2,
                                   1e-8, 1e-8)


def test_gradients_of_stacks_of_determinants():
    a = np.stack([np.arange(16.0).reshape(4, 4), np.diag([0.0, 1, 2, 3]), np.eye(4)])
    want = np.stack([minors(x) for x in a])
    det = ingot.numpy.linalg.det
    got = ingot.jit(ingot.grad(lambda a: det(a).sum()))(a)
    np.testing.assert_allclose(got, want, 1e-9, 1e-9)
    np.testing.assert_allclose(ingot.vmap(ingot.grad(det))(a), want, 1e-9, 1e-9)
