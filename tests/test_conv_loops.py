"""Convolutions by BLAS and by loops over padded operands, at sizes where small ones do not go."""

import numpy as np
import pytest

from ingot import jit, lax
from ingot.config import config
from ingot.kernel.schedule import SCHEDULE
from ingot.primitives import conv_loops

pytestmark = pytest.mark.llvm("loops of machine code")

LAYOUTS = (None, ("NWC", "WIO", "NWC"), ("NCW", "OIW", "CWN"), ("NHWC", "HWIO", "NHWC"),
           ("NCHW", "OIHW", "CHNW"))


def drawn(rng, layout, groups):
    """Operands and parameters of a convolution, with padding, cropping, strides and holes."""
    rank = int(rng.integers(1, 3)) if layout is None else len(layout[0]) - 2
    features, outs = int(rng.integers(1, 4)) * groups, int(rng.integers(1, 5)) * groups
    x = rng.normal(size=(2, features, *rng.integers(6, 12, rank)))
    w = rng.normal(size=(outs, features // groups, *rng.integers(1, 4, rank)))
    if layout is not None and layout[0][-1] == "C":
        x, w = np.moveaxis(x, 1, -1), np.moveaxis(w, (0, 1), (-1, -2))
    ints = lambda low, high: [int(v) for v in rng.integers(low, high, rank)]
    return x, w, dict(
        window_strides=ints(1, 3), padding=list(zip(ints(-2, 3), ints(-2, 3), strict=True)),
        lhs_dilation=ints(1, 4), rhs_dilation=ints(1, 3), dimension_numbers=layout,
        feature_group_count=groups)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("short", [0, 64], ids=["blas", "loops"])
@pytest.mark.parametrize("nbytes", [200, 1 << 19], ids=["few rows", "all rows"])
def test_large_convolutions_are_native_and_right(monkeypatch, layout, short, nbytes):
    monkeypatch.setattr(SCHEDULE, "conv_blas_work", 0)
    monkeypatch.setattr(SCHEDULE, "conv_loop_terms", short)
    monkeypatch.setattr(conv_loops, "WINDOW_BYTES", nbytes)
    rng = np.random.default_rng(0)
    for dtype in ("float64", "complex128", "float32"):
        x, w, params = drawn(rng, layout, 2 if short and dtype == "float64" else 1)
        x, w = x.astype(dtype), w.astype(dtype)
        fun = lambda x, w, params=params: lax.conv_general_dilated(x, w, **params)
        compiled = jit(fun).lower(x, w).compile()
        assert compiled.cost_analysis()["host calls"] == 0
        tolerance = 1e-4 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(compiled(x, w), fun(x, w), rtol=tolerance, atol=tolerance)


SLIDING = [  # shapes of operand and weights, and the parameters in their order
    ((2, 1, 700), (1, 1, 65), (1,), [(32, 32)], (1,), (1,), ("NCH", "OIH", "NCH")),
    ((2, 700, 1), (65, 1, 1), (1,), [(3, -2)], (2,), (3,), ("NHC", "HIO", "NHC")),
    ((1, 1, 90, 1030), (1, 1, 7, 9), (2, 1), [(3, 3), (4, 4)], (1, 1), (1, 2), None),
    ((3, 40, 60, 1), (6, 7, 1, 1), (1, 1), "SAME", (1, 1), (2, 1), ("NHWC", "HWIO", "CNHW")),
    ((1, 1, 30, 30, 30), (1, 1, 4, 5, 3), (1, 2, 1), "VALID", (1, 1, 1), (1, 1, 1), None),
    ((1, 1, 600), (1, 1, 601), (1,), [(600, 600)], (1,), (1,), None),
]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "complex64"])
@pytest.mark.parametrize("case", SLIDING, ids=lambda case: f"{case[0]}")
def test_long_windows_of_one_feature(monkeypatch, case, dtype):
    """Pieces of 512 and what is left of a line, groups of four taps and what is left of these."""
    called = []
    sliding = conv_loops._slide
    monkeypatch.setattr(conv_loops, "_slide", lambda *a: called.append(1) or sliding(*a))
    shape, weights, strides, padding, holes, spread, layout = case
    rng = np.random.default_rng(1)
    x, w = (10 * rng.normal(size=s) for s in (shape, weights))
    x, w = x.astype(dtype), w.astype(dtype)
    fun = lambda x, w: lax.conv_general_dilated(x, w, strides, padding, holes, spread, layout)
    with config.override("cache", False):
        got, want = jit(fun)(x, w), fun(x, w)
    assert called
    tolerance = {"float64": 1e-12, "int32": 0}.get(dtype, 1e-4)
    scale = np.abs(np.asarray(want)).max()
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale)
