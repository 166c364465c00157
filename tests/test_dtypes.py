"""Dtypes: the whole promotion table and the kinds against JAX, then what JAX does not say."""

import contextlib
import copy
import itertools
import pickle
import warnings

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, strategies as st

from ingot import dtypes, numpy as jnp
from ingot.config import config
from ingot.errors import TypePromotionError

jax = pytest.importorskip("jax")
jax_dtypes = pytest.importorskip("jax._src.dtypes")

ALL = sorted(dtypes.ANY, key=str)
KEY = dtypes.KEY_DTYPES["threefry2x32"]
FLAGS = [(x64, mode) for x64 in (True, False) for mode in ("standard", "strict")]


class Value:
    """An abstract value as both libraries see it."""

    def __init__(self, dtype, weak):
        self.dtype, self.weak_type, self.aval = dtype, weak, self


def values():
    for dtype in ALL:
        yield dtype, False
        if dtype in (dtypes.int32, dtypes.int64, dtypes.uint8, dtypes.uint32, dtypes.float32,
                     dtypes.float64, dtypes.bfloat16, dtypes.complex64, dtypes.complex128):
            yield dtype, True


@contextlib.contextmanager
def flags(x64, mode):
    """The same flags in both libraries."""
    with (
        jax.enable_x64(x64),
        jax.numpy_dtype_promotion(mode),
        config.override("enable_x64", x64),
        config.override("numpy_dtype_promotion", mode),
    ):
        yield


def outcome(fun, *args):
    try:
        return fun(*args)
    except ValueError:
        return "no promotion"


def oracle(fun, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return outcome(fun, *args)


# ---- promotion ----


@pytest.mark.parametrize(("x64", "mode"), FLAGS)
def test_pairs_promote_as_in_jax(x64, mode):
    rows = [(d, w) for d, w in values() if x64 or d.itemsize < 8 or d == dtypes.complex64]
    with flags(x64, mode):
        for (a, weak_a), (b, weak_b) in itertools.product(rows, rows):
            ours = outcome(dtypes.lattice_promote, (a, b), (weak_a, weak_b))
            jaxs = oracle(jax_dtypes.lattice_result_type, Value(a, weak_a), Value(b, weak_b))
            assert ours == jaxs, (a, weak_a, b, weak_b)


@given(st.lists(st.sampled_from(list(values())), min_size=1, max_size=5), st.sampled_from(FLAGS))
def test_any_number_promotes_as_in_jax(operands, settings):
    x64, mode = settings
    if not x64:
        with config.override("enable_x64", False):
            operands = [(dtypes.canonicalize_dtype(d), w) for d, w in operands]
    args = [Value(*operand) for operand in operands]
    with flags(x64, mode):
        ours = outcome(lambda: dtypes.result_type(*args, return_weak_type_flag=True))
        jaxs = oracle(lambda: jax_dtypes.result_type(*args, return_weak_type_flag=True))
    assert ours == jaxs


@pytest.mark.parametrize(("x64", "mode"), FLAGS)
def test_promote_types_as_in_jax(x64, mode):
    with flags(x64, mode):
        for a, b in itertools.product([*ALL, int, float, complex], repeat=2):
            assert outcome(dtypes.promote_types, a, b) == oracle(jax_dtypes.promote_types, a, b)


@pytest.mark.parametrize("x64", [True, False])
@pytest.mark.parametrize("args", [
    (1,), (1.0,), (1j,), (True,), (True, 1), (1, 2.0), (np.float32(1), 1), (np.int8(1), 2.5),
    (np.zeros(2, "uint8"), -1), (None,), (int,), (bool, int), ("int8", float), (np.float16, 1j),
    (ml_dtypes.bfloat16, 1), (np.zeros(3), np.float32(2)), (np.uint64(1), np.int64(1)),
])  # fmt: skip
def test_result_type_of_values_as_in_jax(args, x64):
    with flags(x64, "standard"):
        ours = dtypes.result_type(*args, return_weak_type_flag=True)
        assert ours == oracle(lambda: jax_dtypes.result_type(*args, return_weak_type_flag=True))


def test_pairs_stand_for_values():
    assert dtypes.result_type(("int8", False), (dtypes.int64, True)) == dtypes.int8


def test_same_dtype_needs_no_promotion():
    assert dtypes.lattice_promote((KEY, KEY), (False, False)) == (KEY, False)
    assert dtypes.lattice_promote((dtypes.float0,) * 2, (False,) * 2) == (dtypes.float0, False)


@pytest.mark.parametrize(("args", "text"), [
    ((dtypes.float8_e4m3fn, dtypes.float32), "f8_e4m3fn, f32"),
    ((dtypes.int4, dtypes.int8), "i4, i8"),
])  # fmt: skip
def test_refusals_name_both_types(args, text):
    with pytest.raises(TypePromotionError, match=text):
        dtypes.result_type(*args)


def test_keys_take_no_part_in_promotion():
    with pytest.raises(TypeError, match=r"key<fry>, f32: float0 and PRNG keys.*random\.bits"):
        dtypes.result_type(KEY, dtypes.float32)


def test_strict_refusal_names_the_flag():
    with config.override("numpy_dtype_promotion", "strict"):
        with pytest.raises(TypePromotionError, match="f32, i8, because numpy_dtype_promotion"):
            dtypes.result_type(dtypes.float32, dtypes.int8)
        assert dtypes.result_type(dtypes.float32, 1) == dtypes.float32


def test_promotion_of_nothing():
    with pytest.raises(ValueError, match="at least one"):
        dtypes.result_type()


def test_safe_to_cast():
    assert dtypes.safe_to_cast("int16", dtypes.float32)
    assert not dtypes.safe_to_cast("float32", dtypes.int16)
    assert not dtypes.safe_to_cast(1.5, dtypes.int16)
    assert dtypes.safe_to_cast(KEY, KEY)


# ---- kinds and names ----

SCALAR_TYPES = [np.generic, np.number, np.integer, np.signedinteger, np.unsignedinteger,
                np.inexact, np.floating, np.complexfloating, np.bool_, np.void, np.character,
                np.float32, np.int8, ml_dtypes.bfloat16, ml_dtypes.int4]  # fmt: skip


def test_issubdtype_as_in_jax():
    for a, b in itertools.product([*ALL, dtypes.float0, int, "f4", None, *SCALAR_TYPES],
                                  [*SCALAR_TYPES, *ALL]):
        assert dtypes.issubdtype(a, b) == jax_dtypes.issubdtype(a, b), (a, b)
    assert not any(dtypes.issubdtype(a, dtypes.prng_key) for a in ALL)


def test_issubdtype_of_keys():
    assert dtypes.issubdtype(KEY, dtypes.prng_key) and dtypes.issubdtype(KEY, dtypes.extended)
    assert dtypes.issubdtype(KEY, KEY) and dtypes.issubdtype(KEY, np.generic)
    assert not dtypes.issubdtype(KEY, np.number) and not dtypes.issubdtype(np.float32, KEY)
    assert not dtypes.issubdtype(KEY, dtypes.KEY_DTYPES["rbg"])


def test_isdtype_as_in_jax():
    kinds = ["bool", "signed integer", "unsigned integer", "integral", "real floating",
             "complex floating", "numeric", "int8", np.float32, ("bool", "numeric"),
             ("int8", "complex floating")]  # fmt: skip
    for dtype, kind in itertools.product(ALL, kinds):
        assert dtypes.isdtype(dtype, kind) == jax.numpy.isdtype(dtype, kind)
    assert dtypes.isdtype(KEY, KEY) and not dtypes.isdtype(KEY, "numeric")


def test_isdtype_refuses_unknown_kinds():
    with pytest.raises(ValueError, match="no kind 'real'"):
        dtypes.isdtype(dtypes.int8, "real")
    with pytest.raises(TypeError, match="kind must be"):
        dtypes.isdtype(dtypes.int8, object())


@pytest.mark.parametrize("dtype", [*ALL, dtypes.float0, *dtypes.KEY_DTYPES.values()], ids=str)
def test_short_names(dtype):
    name = dtypes.short_name(dtype)
    assert dtypes.from_short_name(name) == dtype
    if dtype in dtypes.ANY:
        assert name == jax_dtypes.short_dtype_name(dtype)
        assert dtypes.itemsize_bits(dtype) == jax_dtypes.itemsize_bits(dtype)
        assert dtypes.itemsize_bits(dtype.name) == dtypes.itemsize_bits(dtype)
        assert dtypes.scalar_type_of(dtype) is oracle(jax_dtypes.scalar_type_of, dtype)


def test_no_dtype_by_that_name():
    with pytest.raises(ValueError, match="'f33'"):
        dtypes.from_short_name("f33")


# ---- keys ----


def test_key_dtypes():
    rbg = dtypes.KEY_DTYPES["rbg"]
    assert (KEY.name, KEY.kind, KEY.itemsize, KEY.storage) == ("key<fry>", "K", 8, dtypes.uint64)
    assert (rbg.name, rbg.itemsize, rbg.storage) == ("key<rbg>", 16, np.dtype("V16"))
    assert rbg != dtypes.KEY_DTYPES["unsafe_rbg"] and KEY != dtypes.uint64
    assert dtypes.uint64 != KEY and repr(KEY) == "key<fry>"
    assert dtypes.is_key_dtype(KEY) and not dtypes.is_key_dtype(dtypes.uint64)
    assert dtypes.KeyDType("mine", "mine", (3, 2)).storage == np.dtype("V24")
    with pytest.raises(ValueError, match="at least one word"):
        dtypes.KeyDType("none", "none", (0,))


def test_key_dtypes_survive_copies():
    for other in (copy.deepcopy(KEY), pickle.loads(pickle.dumps(KEY))):
        assert other == KEY and hash(other) == hash(KEY) and other.storage == KEY.storage


# ---- the 64-bit switch ----


def test_defaults():
    assert dtypes.default_float() == dtypes.float64 and dtypes.default_uint() == dtypes.uint64
    assert dtypes.default_int() == dtypes.int64 and dtypes.default_complex() == dtypes.complex128
    assert dtypes.default_like(dtypes.bfloat16) == dtypes.float64
    assert dtypes.default_like(KEY) is KEY and dtypes.default_like(dtypes.bool_) == dtypes.bool_


def test_defaults_without_64_bits(x32):
    assert dtypes.default_float() == dtypes.float32 and dtypes.default_uint() == dtypes.uint32
    assert dtypes.default_int() == dtypes.int32 and dtypes.default_complex() == dtypes.complex64
    assert dtypes.default_like(dtypes.float64) == dtypes.float32


@pytest.mark.parametrize("x64", [True, False])
def test_canonical_as_in_jax(x64):
    with jax.enable_x64(x64), config.override("enable_x64", x64):
        for dtype in [*ALL, dtypes.float0, int, float, complex, bool, None, "f4", np.int16]:
            expected = jax_dtypes.canonicalize_dtype(dtype)
            assert dtypes.canonicalize_dtype(dtype) is dtypes.canonicalize_dtype(expected)
            assert dtypes.canonicalize_dtype(dtype) == expected


def test_canonical_is_native_and_unique():
    big = np.dtype(">f8")
    assert dtypes.canonicalize_dtype(big) is dtypes.float64
    assert dtypes.canonicalize_dtype(np.dtype(np.longlong)) is dtypes.int64
    assert dtypes.dtype_of(np.zeros(2, ">i4")) is dtypes.int32
    assert dtypes.canonicalize_dtype(KEY) is KEY


NO_DTYPES = [object, "U3", "S2", "M8[s]", "V8", [("a", "f4")], "nope", object(), np.longdouble,
             np.dtypes.StringDType()]  # fmt: skip


@pytest.mark.parametrize("bad", NO_DTYPES, ids=range(len(NO_DTYPES)))
def test_unsupported_dtypes(bad):
    for fun in (dtypes.canonicalize_dtype, dtypes.as_user_dtype):
        with pytest.raises(TypeError, match=r"dtype: .*(is not a dtype|is not supported)"):
            fun(bad)


def test_user_dtypes():
    assert dtypes.as_user_dtype("f4", "zeros") is dtypes.float32
    assert dtypes.as_user_dtype(float, "zeros") is dtypes.float64
    for bad in (None, np.zeros(2), Value(dtypes.float32, False)):
        with pytest.raises(ValueError, match="^zeros: "):
            dtypes.as_user_dtype(bad, "zeros")


def test_user_dtypes_without_64_bits(x32):
    with pytest.warns(UserWarning, match="dtype float64 in zeros is not available") as caught:
        assert dtypes.as_user_dtype(np.float64, "zeros") is dtypes.float32
    assert caught[0].filename == __file__
    assert dtypes.as_user_dtype(float) is dtypes.float32
    assert dtypes.as_user_dtype(int) is dtypes.int32


def test_scalar_types_ask_for_no_64_bits(x32):
    assert dtypes.result_type(jnp.float64) == jnp.result_type(jnp.float64) == np.float32
    assert jnp.result_type(jnp.uint64, jnp.int8) == np.int32
    for like, bits in ((jnp.float64, 64), (float, 64), ("float64", 64), (jnp.zeros(2), 32)):
        assert jnp.finfo(like).bits == bits
    assert jnp.iinfo(int).bits == 64


# ---- values ----


def test_dtype_of_values():
    assert dtypes.dtype_of(Value(KEY, False)) is KEY
    assert dtypes.dtype_of(dtypes.float0) is dtypes.float0
    assert dtypes.dtype_of(type("Mine", (int,), {})(3)) is dtypes.int64
    for bad in ([1, 2], object(), (1, 2), {}):
        with pytest.raises(TypeError, match="dtype_of: "):
            dtypes.dtype_of(bad)
    with pytest.raises(TypeError, match="not supported"):
        dtypes.dtype_of(np.array(["a"]))


def test_our_values_keep_64_bits(x32):
    assert dtypes.dtype_of(Value(dtypes.float64, False)) is dtypes.float64
    assert dtypes.dtype_of(np.zeros(2)) is dtypes.float32
    assert dtypes.dtype_of(1) is dtypes.int32


def test_weakness():
    weak = [1, 1.0, 1j, int, float, complex, Value(dtypes.int8, True)]
    strong = [True, bool, np.float64(1), np.int32, "f4", np.zeros(1), Value(dtypes.int8, False)]
    assert all(map(dtypes.is_weak, weak)) and not any(map(dtypes.is_weak, strong))
    assert dtypes.is_python_scalar(True) and not dtypes.is_python_scalar(np.float64(1))


def test_keys_have_no_python_scalars():
    with pytest.raises(TypeError, match="key<fry>"):
        dtypes.scalar_type_of(KEY)


@given(st.one_of(st.integers(), st.booleans()), st.sampled_from(ALL))
def test_coerced_ints_are_exact_or_refused(value, dtype):
    kind = dtypes.kind(dtype)
    if kind in "iu":
        limits = dtypes.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            with pytest.raises(OverflowError, match=dtypes.short_name(dtype)):
                dtypes.coerce_python_scalar(value, dtype)
            return
    array = dtypes.coerce_python_scalar(value, dtype)
    assert array.shape == () and array.dtype == dtype
    if kind in "iu":
        assert int(array) == value
    if kind == "b":
        assert bool(array) == bool(value)


@given(st.floats(), st.sampled_from(sorted(dtypes.INEXACT, key=str)))
def test_coerced_floats_are_rounded(value, dtype):
    array = dtypes.coerce_python_scalar(value, dtype)
    with np.errstate(all="ignore"):
        expected = np.asarray(np.float64(value)).astype(dtype)
    assert array.dtype == dtype and array.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("value", "dtype", "error"), [
    (2**70, None, OverflowError), (-1, dtypes.uint8, OverflowError),
    (8, dtypes.int4, OverflowError), (-3, dtypes.int2, OverflowError),
    (1e10, dtypes.int32, OverflowError), (float("inf"), dtypes.int8, OverflowError),
    (float("inf"), dtypes.int4, OverflowError), (float("nan"), dtypes.int32, ValueError),
    (float("nan"), dtypes.int4, ValueError), (1j, dtypes.float32, TypeError),
    (1j, dtypes.int8, TypeError), (10**400, dtypes.float32, OverflowError),
    (10**400, dtypes.bfloat16, OverflowError), (10**400, dtypes.complex64, OverflowError),
])  # fmt: skip
def test_scalars_that_do_not_fit(value, dtype, error):
    with pytest.raises(error):
        dtypes.coerce_python_scalar(value, dtype)


def test_coerced_to_default(x32):
    for value, dtype in [(1, "int32"), (1.5, "float32"), (True, "bool"), (1j, "complex64")]:
        assert dtypes.coerce_python_scalar(value) == value
        assert dtypes.coerce_python_scalar(value).dtype == dtype
    with pytest.raises(OverflowError):
        dtypes.coerce_python_scalar(2**40)
    assert dtypes.coerce_python_scalar(1.9, dtypes.int8) == 1
    assert dtypes.coerce_python_scalar(1j, dtypes.bool_)


# ---- from kind to kind ----


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_conversions_as_in_jax(dtype):
    with config.override("match_jax", True):
        assert dtypes.to_numeric(dtype) == jax_dtypes.to_numeric_dtype(dtype)
        assert dtypes.to_complex(dtype) == jax_dtypes.to_complex_dtype(dtype)
        # JAX leaves integers of one and two bits as they are, for which no function is defined.
        small = dtype in dtypes.INT and dtypes.itemsize_bits(dtype) < 4
        expected = dtypes.float32 if small else jax_dtypes.to_inexact_dtype(dtype)
        assert dtypes.to_inexact_dtype(dtype) == expected


def test_parts_of_complex():
    assert dtypes.real_of(dtypes.complex64) == dtypes.float32
    assert dtypes.real_of(dtypes.complex128) == dtypes.float64
    assert dtypes.real_of(dtypes.int8) == dtypes.int8
    assert dtypes.complex_of(dtypes.float64) == dtypes.complex128
