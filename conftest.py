"""Examples in docstrings: `np` is NumPy without an import, 64-bit types are on."""

import numpy as np
import pytest

# Importing these takes JAX's place, its 32-bit default included.
collect_ignore = ["src/ingot/as_jax.py", "src/ingot/compat/served"]


@pytest.fixture(autouse=True)
def example_names(doctest_namespace):
    """Put np in reach of every example."""
    doctest_namespace.setdefault("np", np)
