"""Conversions among all dtypes, in both tiers and at sizes of all kinds of loops; what LLVM calls
for them is there, and what is nowhere is an error."""

from __future__ import annotations

import ctypes

import llvmlite.binding as binding
import ml_dtypes
import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from harness import data, same
from ingot import lax
from ingot.backends.llvm import builtins, codegen, elf, engine
from ingot.backends.llvm.native.abi import PORTABLE
from ingot.backends.llvm.object_symbols import undefined
from ingot.config import config
from ingot.errors import InternalError

pytestmark = pytest.mark.llvm("machine code")

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
          "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
SIZES = [1, 65, 500, 5000]

LIBRARY_CALLS = """
acos acosf acosh acoshf asin asinf asinh asinhf atan atan2 atan2f atanf atanh atanhf bcmp cbrt cbrtf
ceil ceilf copysign copysignf cos cosf cosh coshf erf erfc erfcf erff exp exp2 exp2f expf expm1
expm1f fabs fabsf floor floorf fma fmaf fmax fmaxf fmin fminf fmod fmodf frexp frexpf ldexp ldexpf
lgamma lgammaf log log10 log10f log1p log1pf log2 log2f logf memcmp memcpy memmove memset nearbyint
nearbyintf nextafter nextafterf pow powf rint rintf round roundf sin sinf sinh sinhf sqrt sqrtf tan
tanf tanh tanhf trunc truncf
""".split()
"""What LLVM's back ends and its passes may call for instructions on floats and doubles, on integers
of up to 64 bits, and for loops that copy or fill memory."""


def numbers(dtype, n):
    """Numbers of a dtype, those first at which conversions to others are in doubt."""
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(n)
    if dtype == np.bool_:
        return rng.random(n) < 0.5
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        edges = np.array([0, 1, limits.min, limits.max, limits.max - 1, limits.min + 1], dtype)
        x = rng.integers(limits.min, limits.max, n, dtype, endpoint=True)
        x[: len(edges)] = edges[:n]
        return x
    if dtype.kind == "c":
        real = np.float32 if dtype == np.complex64 else np.float64
        x = np.empty(n, dtype)
        x.real, x.imag = numbers(real, n), numbers(real, n)[::-1]
        return x
    ties = np.array([1 + 2.0**-11, 1 + 2.0**-8, 3 + 3 * 2.0**-11, 2.0**-25, 3 * 2.0**-25, 65520.0,
                     2.0**-14 - 2.0**-25, 65504.0, 1 + 2.0**-24])
    near = [ties, *(np.nextafter(ties, to) for to in (0, np.inf)), ties * (1 + 2.0**-40)]
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e30, -300.5, 2.0**31, 2.0**63, 1e-310])
    edges = np.concatenate([*near, *(-x for x in near), special])
    scale = 2.0 ** rng.integers(-30, 20, n)
    x = rng.normal(size=n) * scale
    x[: len(edges)] = edges[:n]
    with np.errstate(all="ignore"):
        return x.astype(dtype)


def converted(x):
    return [x.astype(dtype) for dtype in DTYPES]


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("tier", ["fast", "full"])
@pytest.mark.parametrize("source", DTYPES)
def test_every_conversion(source, tier):
    source = ml_dtypes.bfloat16 if source == "bfloat16" else source
    for n in SIZES:
        x = jnp.asarray(numbers(source, n))
        want = converted(x)
        with config.override("optimize", tier), config.override("cache", False):
            got = ingot.jit(lambda x: converted(x))(x)
        for g, w in zip(got, want, strict=True):
            same(data(g), data(w), 0, f"{source} to {w.dtype}, n = {n}")


HALVES = [jnp.tanh, jnp.cbrt, jnp.sinh, jnp.arctan, jnp.arcsin, jnp.arcsinh, jnp.arctanh, jnp.abs,
          jnp.sign, jnp.exp, lambda x: jnp.copysign(x, x), lambda x: x % 3, lambda x: -x]


@pytest.mark.parametrize("n", [65, 500])
@pytest.mark.parametrize("number", range(len(HALVES)))
def test_functions_of_halves_made_of_doubles(number, n):
    """LLVM may take the sign from the double, which it then converts by a call."""
    fun = HALVES[number]
    x = jnp.linspace(-0.9, 0.9, n)
    with config.override("optimize", "full"), config.override("cache", False):
        got = ingot.jit(lambda x: fun(x.astype("float16")))(x)
    np.testing.assert_allclose(
        data(got).astype(float), data(fun(x.astype("float16"))).astype(float), rtol=2e-3)


@pytest.mark.parametrize("dtype", ["float16", "float8_e4m3fn", "float8_e5m2"])
def test_doubles_are_rounded_once(dtype):
    """A little more than half way between two numbers of the dtype, by less than a float shows."""
    step = float(ingot.dtypes.finfo(dtype).eps)
    x = np.array([1 + step / 2 + 2.0**-40, -1 - step / 2 - 2.0**-40, 1 + step / 2,
                  1 + 3 * step / 2 - 2.0**-40] * 20)
    want = np.array([1 + step, -1 - step, 1, 1 + step] * 20)
    for convert in (lambda x: lax.convert_element_type(x, dtype),
                    ingot.jit(lambda x: lax.convert_element_type(x, dtype))):
        np.testing.assert_array_equal(data(convert(jnp.asarray(x))).astype(float), want)


# ---- what native code calls ----------------------------------------------------------------------
def function(text, result, *types):
    """A function `run` of a module of LLVM's text, and what keeps it."""
    code = engine.object_code(text, engine.FAST)
    linked = engine.link(code, [], engine.FAST, False, lambda: text)
    return ctypes.CFUNCTYPE(result, *types)(linked.address), linked


LOADERS = pytest.mark.parametrize("loader", ["ours", "LLVM's"])


@LOADERS
def test_builtins_convert_as_numpy_does(loader, monkeypatch):
    if loader != "ours":
        monkeypatch.setattr(elf, "available", lambda: False)
    assert builtins.NAMES <= {line.split("@")[1].split("(")[0] for line in
                              builtins.TEXT.splitlines() if line.startswith("define")}
    narrow, keep = function("""
declare half @__truncdfhf2(double)
define i16 @run(double %x) {
  %h = call half @__truncdfhf2(double %x)
  %bits = bitcast half %h to i16
  ret i16 %bits
}""", ctypes.c_uint16, ctypes.c_double)
    widen, also = function("""
declare double @__extendhfdf2(half)
define double @run(i16 %bits) {
  %h = bitcast i16 %bits to half
  %x = call double @__extendhfdf2(half %h)
  ret double %x
}""", ctypes.c_double, ctypes.c_uint16)
    doubles = numbers("float64", 3000)
    with np.errstate(all="ignore"):
        want = doubles.astype(np.float16)
    got = np.array([narrow(x) for x in doubles], np.uint16).view(np.float16)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))
    halves = np.arange(1 << 16, dtype=np.uint16)
    np.testing.assert_array_equal([widen(int(b)) for b in halves],
                                  halves.view(np.float16).astype(float))
    del keep, also


@pytest.mark.parametrize("symbol", [*LIBRARY_CALLS, *sorted(builtins.NAMES)])
def test_what_llvm_may_call_is_there(symbol):
    assert engine.resolve(symbol)


@pytest.mark.skipif(PORTABLE is not None, reason="object files are not read in the portable mode")
@LOADERS
def test_a_function_that_is_nowhere_is_an_error(loader, monkeypatch):
    if loader != "ours":
        monkeypatch.setattr(elf, "available", lambda: False)
    with pytest.raises(InternalError, match="compiled code calls nowhere_at_all, which no library"):
        function("""
declare double @nowhere_at_all(double)
define double @run(double %x) {
  %y = call double @nowhere_at_all(double %x)
  ret double %y
}""", ctypes.c_double, ctypes.c_double)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [9, 17, 40])
def test_comparisons_of_places_become_numbers(n, dtype):
    """LLVM ended the process where vectors of places are compared, and masks are registers."""
    def fun(x):
        return jnp.trace(x @ x.T / n + jnp.eye(n, dtype=dtype))

    x = jnp.asarray(np.random.default_rng(n).uniform(size=(n, n)).astype(dtype))
    for tier in ("fast", "full"):
        with config.override("optimize", tier), config.override("cache", False):
            np.testing.assert_allclose(ingot.jit(lambda x: fun(x))(x), fun(x), rtol=1e-5)


@pytest.mark.parametrize("triple", ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu",
                                    "arm64-apple-darwin", "x86_64-apple-darwin"])
def test_what_object_files_leave_undefined(triple):
    codegen.llvm()
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    module = binding.parse_assembly(f"""
target triple = "{triple}"
declare double @elsewhere(double)
declare double @never_called(double)
define internal double @here(double %x) noinline {{
  %y = frem double %x, 3.0
  ret double %y
}}
define double @run(double %x) {{
  %y = call double @elsewhere(double %x)
  %z = call double @here(double %y)
  ret double %z
}}""")
    machine = binding.Target.from_triple(triple).create_target_machine()
    code = machine.emit_object(module)
    assert sorted(undefined([code])) == ["elsewhere", "fmod"]
    other = machine.emit_object(binding.parse_assembly(f"""
target triple = "{triple}"
define double @elsewhere(double %x) {{
  ret double %x
}}"""))
    assert undefined([code, other]) == ["fmod"]
    assert undefined([b"MZ"]) is None
