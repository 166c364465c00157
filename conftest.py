"""Examples in docstrings: `np` is NumPy without an import, 64-bit types are on."""

import inspect
import sys

import numpy as np
import pytest

# Importing these takes JAX's place, its 32-bit default included.
collect_ignore = ["src/ingot/as_jax.py", "src/ingot/compat/served"]


@pytest.fixture(autouse=True)
def example_names(doctest_namespace):
    """Put np in reach of every example."""
    doctest_namespace.setdefault("np", np)


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
