"""Examples in the docstrings of public functions run where a user pastes them."""

import ast
import builtins
import doctest
import importlib
import types

import pytest

# What the page on documentation tells to import, and Python's and NumPy's own.
GIVEN = {"np", "jnp", "ingot", "debug", "lax", "nn", "random", "fft", "integrate", "interpolate",
         "linalg", "ndimage", "optimize", "signal", "special", "stats", *dir(builtins)}
MODULES = ["ingot", "ingot.numpy", "ingot.numpy.linalg", "ingot.numpy.fft", "ingot.lax",
           "ingot.lax.linalg", "ingot.nn", "ingot.random", "ingot.scipy.special",
           "ingot.scipy.linalg", "ingot.scipy.signal", "ingot.scipy.fft", "ingot.scipy.ndimage",
           "ingot.scipy.interpolate"]


def free_names(text):
    """The names that an example uses and does not define."""
    examples = doctest.DocTestParser().get_examples(text)
    tree = ast.parse("".join(e.source for e in examples))
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    bound = {n.id for n in names if not isinstance(n.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {(a.asname or a.name).partition(".")[0] for a in node.names}
    return {n.id for n in names if isinstance(n.ctx, ast.Load)} - bound


@pytest.mark.parametrize("module", MODULES)
def test_examples_can_be_pasted(module):
    space = importlib.import_module(module)
    lacking = {}
    for name in dir(space):
        value = getattr(space, name, None)
        doc = getattr(value, "__doc__", None)
        ours = (getattr(value, "__module__", None) or "").startswith("ingot")
        if name.startswith("_") or isinstance(value, types.ModuleType) or not doc or not ours:
            continue
        free = free_names(doc) - GIVEN
        if free:
            lacking[name] = sorted(free)
    assert not lacking


def test_the_example_of_sum_runs_after_one_import():
    names = {"jnp": importlib.import_module("ingot.numpy")}
    examples = doctest.DocTestParser().get_doctest(names["jnp"].sum.__doc__, names, "sum", None, 0)
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(examples)
    assert runner.tries and not runner.failures
