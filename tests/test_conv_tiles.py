"""Convolutions in tiles of registers, at sizes around those of tiles, vectors, blocks and parts."""

import itertools

import numpy as np
import pytest

from ingot import jit, lax, num_threads, vjp
from ingot.config import config
from ingot.kernel.schedule import SCHEDULE
from ingot.primitives.conv_tiles import Convolution

pytestmark = pytest.mark.llvm("tiles of machine code")

LAYOUTS = (
    ("NC", "OI", "NC"), ("NCW", "OIW", "NCW"), ("NWC", "WIO", "NWC"), ("WNC", "WIO", "CNW"),
    ("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC"), ("NHWC", "OIHW", "NCHW"),
    ("NCHW", "HWIO", "NHWC"), ("CNHW", "IOHW", "CNHW"), ("NCDHW", "OIDHW", "NCDHW"),
    ("NDHWC", "DHWIO", "NDHWC"))
TOLERANCE = {"float32": 1e-5, "float64": 1e-13, "float16": 2e-3, "bfloat16": 2e-2}
ALWAYS = {"conv_tile_work": 0, "conv_loop_terms": 0, "conv_sliding_taps": 1 << 30}
"""All convolutions of floats in tiles."""


def drawn(rng, layout, groups, dtype):
    """Operands and parameters of a convolution; one in three has holes in the operand."""
    features, batches = groups
    spatial = [c for c in layout[0] if c not in "NC"]
    rank = len(spatial)
    ins = int(rng.integers(1, 6))
    outs = int(rng.choice([1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 33])) * features * batches
    sizes = {"N": int(rng.integers(1, 4)) * batches, "C": ins * features}
    window = {"O": outs, "I": ins}
    for c in spatial:
        sizes[c] = int(rng.integers(3, 20))
        window[c] = int(rng.integers(1, 5) if rng.random() < 0.8 else rng.integers(4, 12))
    x = rng.normal(size=[sizes[c] for c in layout[0]]).astype(dtype)
    w = rng.normal(size=[window[c] for c in layout[1]]).astype(dtype)
    ints = lambda low, high: [int(v) for v in rng.integers(low, high, rank)]
    return x, w, dict(
        window_strides=ints(1, 4), rhs_dilation=ints(1, 3), dimension_numbers=layout,
        padding=list(zip(ints(-2, 4), ints(-2, 4), strict=True)),
        lhs_dilation=ints(1, 4) if rng.random() < 0.4 else [1] * rank,
        feature_group_count=features, batch_group_count=batches)


def agrees(got, want, dtype):
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == dtype and got.shape == want.shape
    scale = max(np.abs(want).max(initial=0), 1)
    np.testing.assert_allclose(got.astype(np.float64), want, rtol=0,
                               atol=TOLERANCE[str(got.dtype)] * scale)


@pytest.mark.parametrize("block", [1, 20], ids="blocks of {}".format)
@pytest.mark.parametrize("layout", LAYOUTS, ids=",".join)
def test_tiles_compute_what_evaluation_does(monkeypatch, layout, block):
    """Padding, cropping, strides, holes in both operands, groups of both kinds, sums in parts."""
    rng = np.random.default_rng(block)
    built = []
    run = Convolution.run
    monkeypatch.setattr(Convolution, "run", lambda self: built.append(self) or run(self))
    dtypes = itertools.cycle(["float32", "float64", "float16", "bfloat16"])
    for groups, dtype in zip(4 * [(1, 1), (2, 1), (1, 3)], dtypes, strict=False):
        x, w, params = drawn(rng, layout, groups, dtype)
        try:
            want = lax.conv_general_dilated(x.astype(np.float64), w.astype(np.float64), **params)
        except ValueError:  # more cropped than there is
            continue
        fun = lambda x, w, params=params: lax.conv_general_dilated(x, w, **params)
        with SCHEDULE.override(**ALWAYS, conv_block_terms=block), config.override("cache", False):
            agrees(jit(fun)(x, w), want, dtype)
    assert built


LARGE = {  # shapes of operand and weights, stride, and the layout
    "vectors along positions": ((2, 20, 21, 23), (14, 20, 3, 3), 1, ("NCHW", "OIHW", "NCHW")),
    "vectors are lines": ((2, 40, 7, 7), (50, 40, 3, 3), 1, ("NCHW", "OIHW", "NCHW")),
    "whole lines": ((2, 40, 8, 8), (50, 40, 3, 3), 1, ("NCHW", "OIHW", "NCHW")),
    "a stride along positions": ((2, 9, 31, 40), (20, 9, 3, 5), 2, ("NCHW", "OIHW", "NCHW")),
    "vectors along features": ((2, 21, 23, 20), (3, 3, 20, 35), 1, ("NHWC", "HWIO", "NHWC")),
    "many terms": ((1, 9, 9, 300), (3, 3, 300, 16), 2, ("NHWC", "HWIO", "NHWC")),
    "one line": ((3, 4000, 3), (9, 3, 17), 3, ("NWC", "WIO", "NWC")),
    "a batch of many": ((130, 6, 5, 4), (3, 3, 4, 8), 1, ("NHWC", "HWIO", "NHWC")),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("case", LARGE)
def test_gradients_of_large_convolutions(case, dtype):
    """With the transposed convolutions, as they are compiled; threads do not change a bit."""
    shape, weights, stride, layout = LARGE[case]
    rng = np.random.default_rng(3)
    strides = (stride,) * (len(shape) - 2)
    fun = lambda x, w: lax.conv_general_dilated(x, w, strides, "SAME", dimension_numbers=layout)
    x, w = (rng.normal(size=s).astype(dtype) for s in (shape, weights))

    def all_three(x, w, ct):
        out, back = vjp(fun, x, w)
        return out, *back(ct)

    wide = [a.astype(np.float64) for a in (x, w)]
    ct = rng.normal(size=fun(*wide).shape).astype(dtype)
    wants = all_three(*wide, ct.astype(np.float64))
    with config.override("cache", False):
        compiled = jit(all_three)
        with num_threads(1):
            first = [np.asarray(a) for a in compiled(x, w, ct)]
        with num_threads(2):
            second = [np.asarray(a) for a in compiled(x, w, ct)]
    for one, two, want in zip(first, second, wants, strict=True):
        agrees(one, want, dtype)
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("multiple, stride, spread", [(1, 1, 1), (1, 2, 1), (1, 1, 2), (2, 1, 1)])
@pytest.mark.parametrize("layout", [("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC")], ids=str)
def test_gradients_of_depthwise_convolutions(layout, multiple, stride, spread):
    """Each feature by itself: in loops, rows, and with vectors of a single column."""
    rng = np.random.default_rng(7)
    shape = {"N": 3, "C": 33, "H": 17, "W": 19, "O": 33 * multiple, "I": 1}
    x = rng.normal(size=[shape[c] for c in layout[0]])
    w = rng.normal(size=[{**shape, "H": 3, "W": 4}[c] for c in layout[1]])
    fun = lambda x, w: lax.conv_general_dilated(
        x, w, (stride, stride), "SAME", rhs_dilation=(spread, spread), dimension_numbers=layout,
        feature_group_count=33)
    ct = rng.normal(size=fun(x, w).shape)

    def all_three(x, w, ct):
        out, back = vjp(fun, x, w)
        return out, *back(ct)

    with config.override("cache", False):
        for got, want in zip(jit(all_three)(x, w, ct), all_three(x, w, ct), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("layout", [("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC")], ids=str)
def test_sums_of_many_terms_keep_their_digits(layout):
    """Products of numbers near 1, forward and in the weights' gradient: 2304 and 25088 terms."""
    rng = np.random.default_rng(4)
    channels = layout[0].index("C")
    x = 1 + rng.random((32, 28, 28, 256) if channels == 3 else (32, 256, 28, 28)) / 8
    w = 1 + rng.random((3, 3, 256, 9) if channels == 3 else (9, 256, 3, 3)) / 8
    fun = lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=layout)
    out = np.asarray(fun(x[:2], w))
    got = np.asarray(jit(fun)(x[:2].astype(np.float32), w.astype(np.float32)))
    assert np.abs(got / out - 1).max() < 16 * np.finfo(np.float32).eps

    def gradient(x, w):
        out, back = vjp(lambda w: fun(x, w), w)
        return back(out)[0]

    got = np.asarray(jit(gradient)(x.astype(np.float32), w.astype(np.float32)))
    assert np.abs(got / np.asarray(jit(gradient)(x, w)) - 1).max() < 16 * np.finfo(np.float32).eps


def test_what_is_not_there_stays_out_of_sums():
    """NaN reaches the windows that it is in, and nothing behind the ends of rows and columns."""
    rng = np.random.default_rng(5)
    for layout in (("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC")):
        shape = {"N": 2, "C": 3, "H": 9, "W": 11, "O": 10, "I": 3}
        x = rng.normal(size=[shape[c] for c in layout[0]])
        w = rng.normal(size=[{**shape, "H": 3, "W": 2}[c] for c in layout[1]])
        x.flat[[0, 100, -1]] = np.nan
        x.flat[200] = np.inf
        fun = lambda x, w, layout=layout: lax.conv_general_dilated(
            x, w, (1, 2), [(1, 1), (0, 2)], dimension_numbers=layout)
        with SCHEDULE.override(**ALWAYS), config.override("cache", False):
            got, want = np.asarray(jit(fun)(x, w)), np.asarray(fun(x, w))
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_accesses_are_checked():
    """What the routine reads and writes is known to the verifier of memory."""
    rng = np.random.default_rng(6)
    x, w = rng.normal(size=(2, 5, 13, 14)), rng.normal(size=(6, 5, 3, 3))
    fun = lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME")
    with SCHEDULE.override(**ALWAYS), config.override("check_memory", True), \
            config.override("cache", False):
        np.testing.assert_allclose(jit(fun)(x, w), fun(x, w), rtol=1e-12, atol=1e-12)
