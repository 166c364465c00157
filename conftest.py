"""Examples in docstrings: 64-bit types are on, and a few names are there without an import.

These are `np`, which is NumPy; `ingot`; `jnp`, which is `ingot.numpy`; the modules of `ingot` that
are called by their own names, as `lax`, and those of `ingot.scipy`, as `special`."""

import importlib
import inspect
import sys

import numpy as np
import pytest

import ingot

MODULES = {
    "ingot": ("debug", "export", "lax", "nn", "random"),
    "ingot.scipy": ("fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal",
                    "special", "stats")}

# Importing these takes JAX's place, its 32-bit default included.
collect_ignore = ["src/ingot/as_jax.py", "src/ingot/compat/served",
                  "src/ingot/compat/pallas.py"]  # has any name, that of pytest's plugins too


@pytest.fixture(autouse=True)
def example_names(doctest_namespace):
    """Put these names in reach of every example."""
    doctest_namespace.update(np=np, ingot=ingot, jnp=ingot.numpy)
    for package, names in MODULES.items():
        for name in names:
            doctest_namespace[name] = importlib.import_module(f"{package}.{name}")


def pytest_collection_modifyitems(items):
    """The examples of a function run where it is written, not where it is offered as well."""
    items[:] = [item for item in items
                if not isinstance(item, pytest.DoctestItem) or written_in_its_module(item)]


def written_in_its_module(item):
    """Whether the object that an example belongs to is defined in the module it was found in."""
    module = item.dtest.globs["__name__"]
    value = sys.modules.get(module)
    for name in item.dtest.name.removeprefix(module).split(".")[1:]:
        value = getattr(value, name, None)
    written = inspect.unwrap(value) if inspect.isfunction(value) else value
    return getattr(written, "__module__", module) == module
