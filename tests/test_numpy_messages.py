"""What users see when NumPy's ways do not fit traced or immutable arrays; Python's protocols."""

import copy
import ctypes
import pickle
from collections.abc import Hashable

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import errors
from ingot.numpy.missing import MISSING

X = jnp.arange(3.0)


@pytest.mark.parametrize("fun, error, words", [
    (lambda x: 1 if x[0] > 0 else 2, errors.TracerBoolConversionError, ["jnp.where", "lax.cond"]),
    (lambda x: int(x[0]), errors.ConcretizationTypeError, ["static_argnums", "astype"]),
    (lambda x: float(x[0]), errors.ConcretizationTypeError, ["static_argnums"]),
    (lambda x: x[0].item(), errors.ConcretizationTypeError, ["static_argnums"]),
    (lambda x: range(x.astype(int)[0]), errors.TracerIntegerConversionError, ["fori_loop"]),
    (lambda x: np.sin(x), errors.TracerArrayConversionError, ["ingot.numpy"]),
    (lambda x: x.tolist(), errors.TracerArrayConversionError, ["ingot.numpy"]),
    (lambda x: x[x > 0], errors.NonConcreteBooleanIndexError, ["jnp.where", "size=n"]),
    (lambda x: jnp.arange(x[0]), errors.ConcretizationTypeError, ["static"]),
    (lambda x: jnp.zeros(x[0].astype(int)), errors.ConcretizationTypeError, ["static"]),
    (lambda x: jnp.unique(x), errors.ConcretizationTypeError, ["give size=n"]),
    (lambda x: jnp.nonzero(x), errors.ConcretizationTypeError, ["give size=n"]),
    (lambda x: jnp.where(x > 1), errors.ConcretizationTypeError, ["give size=n"]),
    (lambda x: jnp.repeat(X, x.astype(int)), errors.ConcretizationTypeError,
     ["total_repeat_length=n"]),
    (lambda x: jnp.bincount(x.astype(int)), errors.ConcretizationTypeError, ["length=n"]),
    (lambda x: jnp.roots(x), errors.ConcretizationTypeError, ["strip_zeros=False"]),
    (lambda x: pickle.dumps(x), TypeError, ["pickled"]),
])
def test_tracers_say_what_to_do(fun, error, words):
    with pytest.raises(error) as info:
        ingot.jit(fun)(X)
    text = str(info.value)
    assert len(text.splitlines()) <= 25
    assert all(word in text for word in words), text
    if error is not TypeError:
        assert "test_numpy_messages.py" in text and "f64" in text or "i64" in text or "bool" in text


def test_values_below_grad_are_concrete():
    assert ingot.grad(lambda x: x.sum() if x[0] > -1 else 0.0)(X).tolist() == [1, 1, 1]


@pytest.mark.parametrize("fun, error, words", [
    (lambda: X[5], IndexError, ["5", "(3,)"]),
    (lambda: X[-4], IndexError, ["-4", "(3,)"]),
    (lambda: X.at[7].set(1), IndexError, ["7", "(3,)"]),
    (lambda: jnp.ones((2, 3))[1, 3], IndexError, ["axis 1", "(2, 3)"]),
    (lambda: X[0, 0], IndexError, ["too many", "(3,)"]),
    (lambda: X[[0, 1]], TypeError, ["jnp.array"]),
    (lambda: X[1.5], TypeError, ["integers"]),
    (lambda: X["a"], TypeError, ["strings"]),
    (lambda: X.__setitem__(0, 1), TypeError, [".at[i].set"]),
    (lambda: hash(X), TypeError, ["unhashable"]),
    (lambda: X + [1], TypeError, ["jnp.asarray"]),
    (lambda: jnp.sum([1, 2]), TypeError, ["sum", "list"]),
    (lambda: jnp.add(1, "a"), TypeError, ["add", "str"]),
    (lambda: bool(X), ValueError, ["any()"]),
    (lambda: int(X), TypeError, ["scalar"]),
    (lambda: jnp.concatenate([X, jnp.ones((2, 2))]), TypeError, ["f64[3]", "f64[2,2]"]),
    (lambda: X @ jnp.ones(4), TypeError, ["f64[3]", "f64[4]"]),
    (lambda: jnp.ones((2, 3)) + jnp.ones(4), ValueError, ["3", "4"]),
    (lambda: jnp.arange(3, dtype="uint8") + 300, OverflowError, ["300", "u8"]),
    (lambda: X.reshape(5), TypeError, ["3 elements", "5 elements"]),
    (lambda: jnp.sum(X, axis=1), ValueError, ["axis 1"]),
    (lambda: jnp.max(jnp.zeros(0)), ValueError, ["initial"]),
    (lambda: jnp.array([[1, 2], [3]]), ValueError, ["array: all elements", "[[1, 2], [3]]"]),
    (lambda: jnp.cov(X, ddof=0.5), TypeError, ["cov: ddof", "0.5"]),
    (lambda: jnp.linalg.matrix_power(jnp.eye(2), 0.5), TypeError, ["matrix_power: n", "0.5"]),
    (lambda: jnp.linalg.solve(jnp.ones((2, 1, 1)), jnp.ones((3, 1, 1))), ValueError,
     ["solve: shapes", "f64[2,1,1]"]),
    (lambda: jnp.matmul(jnp.ones((2, 1, 1)), jnp.ones((3, 1, 1))), ValueError,
     ["matmul: shapes", "f64[2,1,1]"]),
    (lambda: jnp.matvec(X, X), ValueError, ["matvec: ranks", "f64[3]"]),
    (lambda: jnp.vecmat(1.0, jnp.eye(2)), ValueError, ["vecmat: ranks", "f64[]"]),
    (lambda: jnp.partition(X, 3), ValueError, ["partition: kth", "f64[3]"]),
    (lambda: jnp.sort(X, kind="stable"), NotImplementedError, ["sort", "'kind'", "leave it out"]),
    (lambda: jnp.trim_zeros(X, "x"), ValueError, ["trim_zeros: trim", "'x'"]),
    (lambda: jnp.append([1], 2), TypeError, ["append", "list"]),
    (lambda: jnp.broadcast_arrays(X, np.arange(4)), ValueError, ["broadcast_arrays", "f64[3]"]),
    (lambda: jnp.dsplit(jnp.ones((1, 1, 3)), 2), ValueError, ["dsplit", "axis 2", "f64[1,1,3]"]),
    (lambda: jnp.repeat(X, np.array([1, -1, 1])), ValueError, ["repeat", "negative", "-1"]),
    (lambda: jnp.roll(X, 1.5), TypeError, ["roll: shift", "1.5"]),
    (lambda: jnp.tril_indices(2.5), TypeError, ["tril_indices: n", "2.5"]),
    (lambda: jnp.triu_indices_from(X), ValueError, ["triu_indices_from", "f64[3]"]),
    (lambda: jnp.fill_diagonal(jnp.eye(2), 1, wrap=True, inplace=False), NotImplementedError,
     ["fill_diagonal: wrap"]),
    (lambda: jnp.array("a"), TypeError, ["string"]),
    (lambda: jnp.asarray(None), ValueError, ["None"]),
    (lambda: jnp.sum(X, out=1), NotImplementedError, ["out"]),
    *[(lambda name=name: getattr(jnp, name)(X, out=X), NotImplementedError, [name, "'out'"])
      for name in ("isneginf", "isposinf", "modf")],
    (lambda: jnp.round(X, 1, out=X), NotImplementedError, ["round", "'out'"]),
    (lambda: jnp.stack([X], out=X), NotImplementedError, ["stack", "'out'"]),
    *[(lambda name=name: getattr(jnp, name)(X * 1j), TypeError, [f"{name}: complex", "c128[3]"])
      for name in ("ceil", "floor", "modf", "spacing", "trunc")],
    *[(lambda name=name: getattr(jnp, name)(X * 1j, X), TypeError, [f"{name}: complex", "c128[3]"])
      for name in ("copysign", "divmod", "floor_divide", "fmod", "heaviside", "nextafter",
                   "remainder")],
    *[(lambda name=name: getattr(jnp, name)(X, np.arange(4)), ValueError,
       [f"{name}: shapes must broadcast", "[3] and", "[4]"]) for name in ("ldexp", "logical_and")],
    (lambda: jnp.arange(3) ** -1, TypeError, ["negative powers"]),
    (lambda: jnp.quantile(X, 0.5, method="what"), ValueError, ["linear"]),
    (lambda: jnp.einsum("ij,jk", X, X), ValueError, ["ij"]),
])
def test_bad_input_is_refused(fun, error, words):
    with pytest.raises(error) as info:
        fun()
    assert all(word in str(info.value) for word in words), str(info.value)


def test_arrays_print_as_jax_prints_them():
    assert repr(jnp.asarray(1.0)) == "Array(1., dtype=float64, weak_type=True)"
    assert repr(X) == "Array([0., 1., 2.], dtype=float64)"
    for shape in ((0,), (0, 3), (3, 0)):
        assert repr(jnp.zeros(shape)) == f"Array([], shape={shape}, dtype=float64)"
    assert repr(jnp.zeros(2000)) == "Array([0., 0., 0., ..., 0., 0., 0.], dtype=float64)"
    key = ingot.random.key(3)
    assert repr(key) == str(key) == "Array((), dtype=key<fry>) overlaying:\n[0 3]"
    assert repr(jnp.ones(2, jnp.bfloat16)) == "Array([1, 1], dtype=bfloat16)"
    assert str(X) == "[0. 1. 2.]" and f"{X[1]:.2f}" == "1.00"


def test_arrays_pickle_copy_and_convert():
    for other in (pickle.loads(pickle.dumps(X)), copy.copy(X), copy.deepcopy(X)):
        assert type(other) is type(X) and other.tolist() == [0, 1, 2]
    view = np.asarray(X)
    with pytest.raises(ValueError):
        view[0] = 1
    assert np.array(X, copy=True).flags.writeable
    assert np.from_dlpack(X).tolist() == [0, 1, 2]
    assert isinstance(np.ones(3) + X, type(X)) and isinstance(np.float64(2) * X, type(X))
    assert not isinstance(X, Hashable)
    assert complex(X[1]) == 1 and int(X[2]) == 2 and [10, 20][jnp.asarray(1)] == 20
    columns = jnp.arange(6).reshape(2, 3).T
    assert ctypes.string_at(columns.unsafe_buffer_pointer(), 48) == columns.tobytes()
    assert X.devices() and X.sharding.device_set and not X.is_deleted()


def test_rank_promotion_flag():
    with ingot.config.override("numpy_rank_promotion", "raise") if hasattr(
            ingot.config, "override") else ingot.numpy_rank_promotion("raise"):
        with pytest.raises(ValueError, match="rank"):
            jnp.ones((2, 3)) + jnp.ones(3)
        assert (jnp.ones((2, 3)) + 1).shape == (2, 3)


def test_ufunc_objects():
    assert repr(jnp.add) == "<jnp.ufunc 'add'>" and jnp.add.nin == 2
    with pytest.raises(NotImplementedError):
        jnp.add.at(X, 0, 1.0)
    with pytest.raises(ValueError):
        jnp.negative.reduce(X)


def test_scalar_types_are_dtypes():
    assert jnp.float32(3).dtype == np.float32 and np.dtype(jnp.bfloat16).name == "bfloat16"
    assert jnp.float32 == np.float32 and isinstance(np.float32(1), jnp.float32)
    assert jnp.issubdtype(jnp.bfloat16, jnp.floating)


def test_integers_stay_32_bits_without_x64(x32):
    assert jnp.arange(3).dtype == np.int32 and jnp.ones(2).dtype == np.float32
    assert jnp.sum(jnp.ones(3, "int8")).dtype == np.int32
    assert jnp.linspace(0, 1, 3).dtype == np.float32 and jnp.argmax(jnp.ones(3)).dtype == np.int32
    assert jnp.unique(jnp.array([2, 1, 2])).tolist() == [1, 2]
    assert jnp.nonzero(jnp.array([0, 3]), size=2)[0].dtype == np.int32


def test_initializers():
    key = ingot.random.key(0)
    init = ingot.nn.initializers
    w = init.he_normal()(key, (64, 128))
    assert w.shape == (64, 128) and abs(float(w.std()) - (2 / 64) ** 0.5) < 0.01
    q = init.orthogonal()(key, (5, 5))
    np.testing.assert_allclose(np.asarray(q @ q.T), np.eye(5), atol=1e-12)
    assert init.zeros(key, (2,)).tolist() == [0, 0] and init.constant(3.0)(key, (1,)).tolist() == [
        3
    ]
    assert init.glorot_uniform()(key, (3, 4), "float32").dtype == np.float32
    assert init.delta_orthogonal()(key, (3, 3, 2, 4)).shape == (3, 3, 2, 4)
    assert init.lecun_normal(dtype="complex64")(key, (3, 4)).dtype == np.complex64


def test_every_name_of_jax_is_there_or_missing_for_a_reason():
    import jax.numpy

    for theirs, ours in (
        (jax.numpy, jnp),
        (jax.numpy.linalg, jnp.linalg),
        (jax.numpy.fft, jnp.fft),
    ):
        names = {n for n in dir(theirs) if not n.startswith("_")} - {"fix", "minmax"}  # 0.12 has it
        absent = {n for n in names if not hasattr(ours, n)}
        assert absent <= set(MISSING), absent - set(MISSING)
    assert all(not hasattr(jnp, name) for name in MISSING)


def test_minimize_finds_minima():
    def rosenbrock(x):
        return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    from ingot.scipy.optimize import minimize

    out = minimize(rosenbrock, jnp.array([-1.2, 1.0]), method="BFGS", tol=1e-8)
    assert out.success and np.allclose(np.asarray(out.x), 1, atol=1e-6)
    starts = jnp.array([[-1.2, 1.0], [2.0, 2.0]])
    many = ingot.vmap(lambda x: minimize(rosenbrock, x, method="BFGS").x)(starts)
    assert np.allclose(np.asarray(many), 1, atol=1e-3)
    with pytest.raises(TypeError):
        minimize(rosenbrock, jnp.array(1.0), method="BFGS")
