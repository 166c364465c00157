"""Elementary functions of the LLVM back end against mpmath, and against C at special values."""

import ctypes
import functools
import math

import mpmath
import numpy as np
import pytest
import scipy.special

from ingot.backends.llvm import engine, functions
from ingot.primitives.special import lgamma_p

pytestmark = pytest.mark.llvm("machine code")

if not functions.available("exp", "double"):
    pytest.skip("without fused multiply-add the C library is called", allow_module_level=True)

KINDS = {np.float64: "double", np.float32: "float"}
INF, NAN = math.inf, math.nan
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, INF, -INF, NAN]

# Largest error in units in the last place, and the ranges in which arguments are drawn.
FUNCTIONS = {
    "exp": (1, [(-1, 1), (-745, 710), (-104, 89), (-0.36, -0.34)]),
    "exp2": (1.5, [(-1, 1), (-1075, 1025), (-150, 129)]),
    "expm1": (2, [(-1, 1), (-40, 710), (-0.4, 0.8), (-1e-8, 1e-8)]),
    "log": (1, [(0, 2), (0.7, 1.42), (0, 1e300), (0.999, 1.001)]),
    "log1p": (1.5, [(-1, 1), (-0.3, 0.42), (-1e-3, 1e-3), (0, 1e17), (0, 1e38)]),
    "log2": (1.5, [(0, 2), (0.7, 1.42), (0, 1e300), (0.999, 1.001)]),
    "cbrt": (1, [(-10, 10), (-1e300, 1e300), (1, 8)]),
    "sin": (1, [(-4, 4), (-1e3, 1e3), (-65000, 65000), (-1e9, 1e9), (-1e22, 1e22)]),
    "cos": (1, [(-4, 4), (-1e3, 1e3), (-65000, 65000), (-1e9, 1e9), (-1e22, 1e22)]),
    "tan": (1.5, [(-4, 4), (-1e3, 1e3), (-65000, 65000), (-1e9, 1e9), (-1e22, 1e22)]),
    "asin": (2, [(-1, 1), (0.49, 0.51), (0.999, 1)]),
    "acos": (2, [(-1, 1), (0.49, 0.51), (0.999, 1), (-1, -0.999)]),
    "atan": (2, [(-1, 1), (0.9, 1.1), (-100, 100)]),
    "sinh": (2, [(-2, 2), (-711, 711), (-90, 90), (0.9, 1.1)]),
    "cosh": (2, [(-2, 2), (-711, 711), (-90, 90)]),
    "tanh": (2, [(-1, 1), (-20, 20), (0.5, 0.6)]),
    "asinh": (2, [(-1, 1), (-100, 100), (-1e9, 1e9)]),
    "acosh": (2, [(1, 2), (1, 1.001), (1, 1e9)]),
    "atanh": (2, [(-1, 1), (-0.1, 0.1), (0.99, 1)]),
    "erf": (2, [(-1.2, 1.2), (-6, 6), (0.9, 1.1)]),
    "erfc": (4, [(-1, 1), (0, 27.3), (0.7, 0.8), (0, 10), (-6, 0)]),
    "erf_inv": (4, [(-1, 1), (0.99, 1), (0.9999, 1), (-0.1, 0.1)]),
    "lgamma": (3, [(0, 3), (0.9, 1.1), (1.9, 2.1), (2.9, 8.1), (0, 100), (0, 1e30)]),
    "digamma": (4, [(0, 3), (1.4, 1.5), (1.9, 2.1), (2.9, 8.1), (0, 100), (0, 1e30)]),
}
OF_FLOATS = {"lgamma": 2, "digamma": 2}
"""Smaller limits where floats are computed in double precision."""

PAIRS = {
    "pow": (1.5, [((0, 4), (-300, 300)), ((0, 1e30), (-20, 20)), ((0.99, 1.01), (-1e4, 1e4)),
                  ((-9, 9), (-5, 5)), ((0, 1e-300), (-2, 2))]),
    "atan2": (2, [((-1, 1), (-1, 1)), ((-1e30, 1e30), (-1, 1)), ((-1, 1), (-1e30, 1e30))]),
}
EXACT = {"log2": lambda x: mpmath.log(x, 2),
         "exp2": lambda x: mpmath.mpf(2) ** x, "erf_inv": mpmath.erfinv, "pow": mpmath.power,
         "lgamma": lambda x: mpmath.re(mpmath.loggamma(x)),
         "erfc": lambda x: mpmath.erfc(min(x, 1000)),
         "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x))}
NUMPY = {"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
         "acosh": np.arccosh, "atanh": np.arctanh, "atan2": np.arctan2, "pow": np.power,
         "erf": scipy.special.erf, "erfc": scipy.special.erfc, "erf_inv": scipy.special.erfinv,
         "lgamma": lgamma_p.eval,
         "digamma": scipy.special.psi}


@functools.cache
def native(op, kind, count=1, tier=engine.FAST):
    """The function as a loop over arrays in machine code."""
    loads = "\n".join(f"  %p{k} = getelementptr {kind}, ptr %a{k}, i64 %i\n"
                      f"  %x{k} = load {kind}, ptr %p{k}" for k in range(count))
    given = ", ".join(f"{kind} %x{k}" for k in range(count))
    text = "\n".join(functions.definitions(op, kind).values()) + f"""
define i32 @run(ptr noalias %a0, ptr noalias %a1, ptr noalias %out, i64 %n) {{
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
{loads}
  %y = call {kind} @{functions.function_name(op, kind)}({given})
  %p = getelementptr {kind}, ptr %out, i64 %i
  store {kind} %y, ptr %p
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret i32 0
}}
"""
    code = engine.link(engine.object_code(text, tier), [], tier, False, lambda: text)
    run = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3, ctypes.c_int64)(code.address)

    def call(*xs):
        out = np.empty_like(xs[0])
        run(xs[0].ctypes.data, xs[-1].ctypes.data, out.ctypes.data, len(out))
        return out

    call.code, call.text = code, text
    return call


# Where results overflow, underflow or begin to be subnormal.
EDGES = {"exp": [709.782712893384, -708.4, -745.1332191019411, 88.72284, -87.34, -103.97],
         "exp2": [1024, -1022, -1074, -1075, 128, -126, -149, -150],
         "expm1": [709.782712893384, 88.72284, -37.5, -17.4],
         "sinh": [710.4758600739439, 89.41599], "cosh": [710.4758600739439, 89.41599],
         "erfc": [26.54, 27.226, 9.19, 10.05], "erf": [5.9, 3.9], "tanh": [19.06, 9.01]}


def near(dtype, ranges, n, rng):
    """Uniform and logarithmic samples of ranges, and random bit patterns."""
    info = np.finfo(dtype)
    parts = []
    for low, high in ranges:
        low, high = max(low, float(info.min) / 4), min(high, float(info.max) / 4)
        parts.append(rng.uniform(low, high, n))
        parts.append(low + (high - low) * np.exp2(-rng.uniform(0, 60, n // 2)))
    bits = rng.integers(0, 2**info.bits, n, dtype=np.uint64).astype(f"u{info.bits // 8}")
    return np.concatenate([*(p.astype(dtype) for p in parts), bits.view(dtype)])


def exact(op, *xs):
    """The value in high precision; None where it is not a real number, or a pole."""
    f = EXACT.get(op) or getattr(mpmath, op)
    try:
        out = f(*(mpmath.mpf(float(x)) for x in xs))
    except (ValueError, ZeroDivisionError):
        return None
    return None if isinstance(out, mpmath.mpc) else out


def error(got, want, dtype, least=0):
    """Distance in units in the last place of the exact value, if that is not the least size."""
    info = np.finfo(dtype)
    largest = mpmath.mpf(float(info.max))
    if math.isnan(got):
        return INF
    if math.isinf(got):
        return 0.0 if abs(want) > largest * (1 - mpmath.mpf(2) ** -info.nmant) else INF
    size = max(abs(want), least)
    exponent = mpmath.frexp(size)[1] - 1 if size else info.minexp
    unit = mpmath.mpf(2) ** (max(exponent, int(info.minexp)) - info.nmant)
    return float(abs(mpmath.mpf(float(got)) - want) / unit)


def worst(op, dtype, xs):
    """The largest error over arguments and where it is."""
    finite = np.logical_and.reduce([np.isfinite(x) for x in xs])
    xs = [x[finite] for x in xs]
    got = native(op, KINDS[dtype], len(xs))(*xs)
    worst_error, place = 0.0, None
    with mpmath.workprec(400 if op in ("sin", "cos", "tan") else 220):
        for *args, y in zip(*xs, got, strict=True):
            want = exact(op, *args)
            if want is None or mpmath.isinf(want):
                assert not np.isfinite(y), (op, args, y)
                continue
            negative_roots = op == "digamma" and args[0] < 0
            e = error(float(y), want, dtype, 1 if negative_roots else 0)
            if not e <= worst_error:
                worst_error, place = e, args
    return worst_error, place


def check(op, dtype, n, seed=0):
    rng = np.random.default_rng(seed)
    if op in PAIRS:
        limit, ranges = PAIRS[op]
        xs = [near(dtype, [r[k] for r in ranges], n, rng) for k in (0, 1)]
    else:
        limit, ranges = FUNCTIONS[op]
        limit = OF_FLOATS.get(op, limit) if dtype is np.float32 else limit
        xs = [near(dtype, ranges, n, rng)]
    found, place = worst(op, dtype, xs)
    assert found <= limit, f"{op}{place}: {found} units in the last place"
    return found


each_type = pytest.mark.parametrize("dtype", list(KINDS), ids=["f64", "f32"])


def each_function(test):
    """Of each type that there is a formula for."""
    @functools.wraps(test)
    def checked(op, dtype):
        if not functions.available(op, KINDS[dtype]):
            pytest.skip("the C library is called")
        test(op, dtype)

    return pytest.mark.parametrize("op", [*FUNCTIONS, *PAIRS])(checked)


@each_type
@each_function
def test_accuracy(op, dtype):
    check(op, dtype, 60)


@each_type
@pytest.mark.parametrize("op", list(EDGES))
def test_accuracy_at_edges(op, dtype):
    parts = [np.array(EDGES[op]).astype(dtype)]
    for _ in range(40):
        parts += [np.nextafter(parts[-1], dtype(INF))]
    x = np.concatenate([*parts, *(np.nextafter(p, dtype(-INF)) for p in parts)])
    found, place = worst(op, dtype, [np.concatenate([x, x * dtype(0.99999), x * dtype(1.00001)])])
    assert found <= FUNCTIONS[op][0], place


@each_type
@pytest.mark.parametrize("op", ["sin", "cos", "tan"])
def test_accuracy_near_multiples_of_a_quarter_turn(op, dtype):
    largest = 2.0**16 if dtype is np.float32 else 2.0**30
    k = np.random.default_rng(3).integers(1, int(largest / (np.pi / 2)), 300)
    x = (k * (np.pi / 2)).astype(dtype)
    x = np.concatenate([x, np.nextafter(x, dtype(0)), np.nextafter(x, dtype(INF))])
    found, place = worst(op, dtype, [x])
    assert found <= FUNCTIONS[op][0], place


@pytest.mark.long
@each_type
@each_function
def test_accuracy_more(op, dtype):
    check(op, dtype, 4000, seed=1)


@each_type
@each_function
def test_special_values(op, dtype):
    info = np.finfo(dtype)
    x = np.array([*SPECIAL, info.tiny, -info.tiny, info.smallest_subnormal,
                  -info.smallest_subnormal, info.max, info.min], dtype)
    xs = [a.ravel() for a in np.meshgrid(x, x)] if op in PAIRS else [x]
    got = native(op, KINDS[dtype], len(xs))(*xs)
    with np.errstate(all="ignore"):
        want = (NUMPY.get(op) or getattr(np, op))(*xs)
    if op == "erf_inv":
        want = np.copysign(want, x)  # SciPy drops the sign of zero
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want), str(xs))
    np.testing.assert_allclose(got, want, rtol=8 * info.eps, atol=0)
    np.testing.assert_array_equal(np.signbit(got[~np.isnan(got)]),
                                  np.signbit(want[~np.isnan(want)]))


@each_type
@each_function
def test_tiers_agree_and_loops_are_vectorized(op, dtype):
    kind, count = KINDS[dtype], 2 if op in PAIRS else 1
    fast, full = native(op, kind, count), native(op, kind, count, engine.FULL)
    rng = np.random.default_rng(2)
    xs = [near(dtype, [(-4, 4), (-1e3, 1e3), (0, 1e12)], 100, rng) for _ in range(count)]
    np.testing.assert_array_equal(fast(*xs), full(*xs))
    assert any(f"<{n} x {kind}>" in engine.optimized_text(full.text).split("@run")[1]
               for n in (2, 4, 8, 16))
