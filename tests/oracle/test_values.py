"""Every row of the table against the function of the same name in jax.lax, in one process.

Compared: shape, dtype, weak type and value, for every accepted dtype and for Python scalars.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from examples import Example, identifiers, is_further, table
from harness import array, close_to, data, wide
from ingot import dtypes
from laws import KINDS, with_dtype

pytestmark = pytest.mark.oracle
RELATIVE = {"float64": 1e-9, "complex128": 1e-9, "float32": 1e-4, "complex64": 1e-4,
            "float16": 0.01, "bfloat16": 0.05, "float8_e4m3fn": 0.5}


def oracle(row: Example) -> Callable[..., Any] | None:
    """The function of jax.lax, or None."""
    if row.jax is False:
        return None
    if callable(row.jax):
        return row.jax
    return getattr(jax.lax, row.jax or row.name, None)


ROWS = [(name, row) for row, name in zip(table()[0], identifiers(table()[0]), strict=True)
        if oracle(row)]


@pytest.fixture(autouse=True)
def x64():
    """64-bit types on both sides."""
    with jax.enable_x64(True):
        yield


def translated(x: Any) -> Any:
    """A parameter as JAX's: its enumerations by the name of the member."""
    if isinstance(x, enum.Enum):
        return getattr(getattr(jax.lax, type(x).__name__), x.name)
    return x


def compare(row: Example, args: list[Any]) -> None:
    params = {k: translated(v) for k, v in row.params.items()}
    given = args
    if row.name == "convert_element_type":  # of NumPy's arrays, JAX 0.12 has NumPy's results
        given = [jax.numpy.asarray(x) if isinstance(x, np.ndarray) else x for x in args]
    try:
        theirs = oracle(row)(*given, **params)
    except jax.errors.JaxRuntimeError:  # XLA on CPUs lacks some operations on narrow floats
        return
    theirs = list(theirs) if isinstance(theirs, (list, tuple)) else [theirs]
    ours = row.fun(*args)
    assert len(ours) == len(theirs)
    for got, want in zip(ours, theirs, strict=True):
        assert got.shape == want.shape, f"shape {got.shape}, jax {want.shape}"
        assert str(got.dtype) == str(want.dtype), f"dtype {got.dtype}, jax {want.dtype}"
        if got.dtype != bool:  # comparisons of Python scalars are weak booleans there, bool here
            assert got.weak_type == want.weak_type, f"{got.aval!r}, jax {want.aval!r}"
        values(data(got), np.asarray(want))


def values(got: np.ndarray, want: np.ndarray) -> None:
    if got.dtype not in dtypes.INEXACT:
        np.testing.assert_array_equal(got, want)
        return
    got, want, tol = wide(got), wide(want), RELATIVE[str(got.dtype)]
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg="nan")
    want = np.where((got == 0) & (np.abs(want) < 1e-15), 0, want)  # JAX's rounding: lgamma(2)
    keep = ~np.isnan(want)
    scale = np.max(np.abs(want[np.isfinite(want)]), initial=1e-300)
    close_to(got[keep] / scale, want[keep] / scale, tol)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name,row", ROWS, ids=[n for n, _ in ROWS])
def test_value(name: str, row: Example) -> None:
    compare(row, [array(x)._data for x in row.args])


# JAX starts from an infinity that the dtype lacks, and gets nan.
NAN_THERE = {("cumlogsumexp", "float8_e4m3fn")}


@pytest.mark.sampled(3)
@pytest.mark.slow
@pytest.mark.parametrize("name,row", [
    pytest.param(n, r, id=n, marks=[pytest.mark.long] if is_further(n) else [])
    for n, r in ROWS if r.accepts])
def test_dtypes(name: str, row: Example) -> None:
    for kind in row.accepts:
        for dtype in KINDS.get(kind, []):
            if (row.name, np.dtype(dtype).name) in NAN_THERE:
                continue
            compare(row, with_dtype(row, dtype))


# jax.lax.random_gamma_grad takes no Python scalars.
SCALARS = [(n, r) for n, r in ROWS if r.args and not any(x.ndim for x in r.args)
           and r.name != "random_gamma_grad"]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name,row", SCALARS, ids=[n for n, _ in SCALARS])
def test_python_scalars(name: str, row: Example) -> None:
    compare(row, [x.item() for x in row.args])
    if len(row.args) > 1:
        compare(row, [row.args[0], *(x.item() for x in row.args[1:])])
