"""The laws on XLA's CPU client with 4 devices: values and derivatives of rows, beside `eval`.

A sample of the rows runs by default; `make xla` runs all of them (INGOT_XLA_LAWS=all), and `make
gpu` on a GPU (INGOT_LAWS_BACKEND=cuda).
"""

import os
import re
import zlib
from importlib.util import find_spec

import numpy as np
import pytest

import ingot
from examples import identifiers, table
from harness import array, close_to, data, evaluate, program, same
from ingot import dtypes
from ingot.backends.xla import backend as xla_backend  # noqa: F401 (fills the table of rules)
from ingot.backends.xla.rules import RULES
from ingot.core import backend
from ingot.core.array import Array
from ingot.core.primitive import REGISTRY, NoRule, PythonFallback
from laws import KINDS, backward, forward, with_dtype
from rows import import_all

pytestmark = pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")
import_all()

ROWS = table()[0]
BACKEND = os.environ.get("INGOT_LAWS_BACKEND", "xla")
ALL = os.environ.get("INGOT_XLA_LAWS") == "all"
SAMPLE = ROWS if ALL else [r for r in ROWS if zlib.crc32(repr((r.name, r.args)).encode()) % 40 == 0]

# What XLA on the CPU does differently: operation, what is compared, and why.
FLUSHED = "numbers too small to be normal are zero, in every operation"
TIES = "of -0 and 0 either one may be the larger"
DIFFERENCES = {
    ("lgamma_edges", "value"): FLUSHED,
    ("max", "value"): TIES, ("min", "value"): TIES,
    ("digamma", "float32"): "its series in single precision is off by 22 ulp near the root",
}  # fmt: skip
ULPS = 4
"""Error of elementary functions that is allowed where a row asks for less."""


def run(jaxpr, args):
    """Results of a program, computed on the last of the devices."""
    device = ingot.devices(BACKEND)[-1]
    placed = [ingot.device_put(array(x), device)._data for x in args]
    outs = backend.compile_jaxpr(jaxpr, BACKEND)(*placed)
    client = backend.get_backend(BACKEND)
    return [data(Array(client.fetch(o), v.aval)) for o, v in zip(outs, jaxpr.outvars, strict=True)]


def compared(row, what, fun, args, tolerance=None):
    if (row.name, what) in DIFFERENCES:
        pytest.skip(DIFFERENCES[row.name, what])
    found, wanted = run(program(fun, args), args), evaluate(fun, args)
    for got, want in zip(found, wanted, strict=True):
        if tolerance is None:
            exact = dtypes.kind(want.dtype) not in "fc"
            same(got, want, 0 if exact else max(row.ulps, ULPS), what)
        else:
            close_to(got, want, tolerance, what)


each_row = pytest.mark.parametrize("row", SAMPLE, ids=identifiers(SAMPLE))


@each_row
def test_value(row):
    compared(row, "value", row.fun, row.args)


@each_row
def test_derivatives(row):
    if row.differentiable:
        compared(row, "jvp", *forward(row), tolerance=1e-10)
        compared(row, "vjp", *backward(row), tolerance=1e-10)


@each_row
def test_dtypes(row):
    if not row.accepts or not row.args:
        return
    for kind, members in KINDS.items():
        for dtype in members:
            full = dtype in (np.float32, np.float64)
            if kind in row.accepts or (full and "F" in row.accepts):
                compared(row, str(np.dtype(dtype)), row.fun, with_dtype(row, dtype))


# ---- nothing is left out -------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_primitive_has_a_rule(name):
    assert name in RULES, f"{name}: enter a rule, a PythonFallback(why) or an NoRule(why)"
    rule = RULES[name]
    assert callable(rule) or (isinstance(rule, (PythonFallback, NoRule)) and len(rule.reason) > 5)


def test_every_rule_has_a_primitive():
    assert set(RULES) <= set(REGISTRY)


def test_differences_are_of_rows():
    names = {row.name for row in ROWS}
    assert {name for name, _ in DIFFERENCES} <= names
    assert all(re.fullmatch(r"[a-z].{15,}", why) for why in DIFFERENCES.values())
