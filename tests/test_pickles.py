"""Public functions are pickled by their names, and come back as the same objects."""

import pickle
from types import FunctionType

import pytest

from ingot import lax, nn, numpy as jnp, random
from ingot.numpy.ufunc import ufunc
from ingot.scipy import linalg, special


@pytest.mark.parametrize("module", [jnp, jnp.linalg, jnp.fft, lax, nn, random, linalg, special],
                         ids=lambda module: module.__name__)
def test_functions_come_back_as_themselves(module):
    functions = [f for name, f in vars(module).items()
                 if isinstance(f, FunctionType | ufunc) and not name.startswith("__")]
    assert len(functions) > 10
    for f in functions:
        assert pickle.loads(pickle.dumps(f)) is f
