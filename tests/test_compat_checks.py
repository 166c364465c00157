"""jax.test_util: values against each other with tolerances, derivatives against differences."""

import numpy as np
import pytest

import ingot
from ingot import dtypes
from ingot.test_util import check_close, check_grads


@pytest.mark.parametrize("dtype, close, far", [
    (np.float64, 5e-16, 5e-15), (np.float32, 5e-7, 5e-6), (np.float16, 5e-4, 1e-2),
    (dtypes.bfloat16, 5e-3, 5e-2), (np.complex64, 5e-7, 5e-6)])
def test_check_close_knows_each_dtype(dtype, close, far):
    one = np.ones((), dtype)
    check_close(one, (one + np.asarray(close, dtype)).astype(dtype))
    with pytest.raises(AssertionError):
        check_close(one, (one + np.asarray(far, dtype)).astype(dtype))


def test_check_close_takes_tolerances_by_dtype_and_scales_them_with_size():
    table = {"float32": 1e-2, np.float64: 1e-4}
    x = np.ones(10)
    check_close({"a": x}, {"a": x + 15e-4}, atol=table, rtol=table)
    check_close(x, np.float32(x + 5e-2), atol=table, rtol=table)
    check_close(x, x + 1e-3, atol=1e-3)
    with pytest.raises(AssertionError):
        check_close(x, x + 5e-2, atol=table, rtol=table)
    with pytest.raises(AssertionError):
        check_close(np.arange(3), np.arange(3) + 1, atol={"float64": 9.0})
    with pytest.raises(AssertionError, match="shapes"):
        check_close(x, np.ones(9))
    with pytest.raises(ValueError):
        check_close({"a": x}, {"b": x})


def test_check_grads_finds_wrong_derivatives():
    @ingot.custom_jvp
    def f(x):
        return ingot.numpy.sin(x)

    f.defjvps(lambda t, out, x: t * ingot.numpy.cos(x) * factor)
    factor = 1.0
    check_grads(f, (0.5,), 2, atol=1e-6)
    check_grads(f, (np.float32(0.5),), 1)
    factor = 1.1
    for modes in (("fwd",), ("rev",)):
        with pytest.raises(AssertionError):
            check_grads(f, (0.5,), 1, modes)


@pytest.mark.parametrize("mode", ["fwd", "rev"])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_check_grads_names_the_argument_and_the_entry(mode, shape):
    @ingot.custom_jvp
    def f(scale, p):
        return scale * ingot.numpy.sum(p["w"] ** 2) * np.ones(shape)

    f.defjvp(lambda primals, tangents: (f(*primals), f(tangents[0], primals[1]) + ingot.numpy.sum(
        2 * primals[0] * primals[1]["w"] * tangents[1]["w"] * wrong) * np.ones(shape)))
    wrong = np.ones((2, 3))
    check_grads(f, (2.0, {"n": 3, "w": np.ones((2, 3))}), 2, (mode,))
    wrong[1, 2] = 1.25
    with pytest.raises(AssertionError, match=r"argument p\['w'\]\[1, 2\] is the farthest off"):
        check_grads(f, (2.0, {"n": 3, "w": np.ones((2, 3))}), 1, (mode,))


def test_check_grads_looks_near_by_and_where_rounding_allows():
    jnp = ingot.numpy
    steep = lambda x: jnp.where(x > 3.0, 100 * x, x)
    flat = lambda x: jnp.sum(1.0 - 2.0 * x + 100.0)
    check_grads(steep, (np.float32(2.995),), 1)  # a long step would reach the branch
    check_grads(flat, (np.linspace(0, 1, 15, dtype=np.float32),), 1)  # a short one is all rounding
    with pytest.raises(AssertionError):
        check_grads(lambda x: flat(x) - ingot.lax.stop_gradient(x).sum(),
                    (np.linspace(0, 1, 15, dtype=np.float32),), 1)
