"""What public docstrings say: the example, every argument, the result; and that examples run."""

import ast
import builtins
import doctest
import enum
import importlib
import inspect
import re
import sys
import types

import pytest

from ingot.core.primitive import Primitive
from ingot.numpy import ufunc

# What the page on documentation tells to import, and Python's and NumPy's own.
GIVEN = {"np", "jnp", "ingot", "debug", "lax", "nn", "random", "fft", "integrate", "interpolate",
         "linalg", "ndimage", "optimize", "signal", "special", "stats", *dir(builtins)}
DISTRIBUTIONS = """bernoulli beta betabinom binom cauchy chi2 dirichlet expon gamma gennorm geom
    gumbel_l gumbel_r laplace logistic multinomial multivariate_normal nbinom norm pareto poisson t
    truncnorm uniform vonmises wrapcauchy""".split()
# Public modules all of whose names are described by the rule below.
DESCRIBED = [
    "ingot", "ingot.numpy", "ingot.numpy.fft", "ingot.numpy.linalg", "ingot.tree",
    "ingot.tree_util", "ingot.lax", "ingot.lax.linalg", "ingot.nn",
    "ingot.nn.initializers", "ingot.random", "ingot.image", "ingot.scipy.cluster.vq",
    "ingot.scipy.fft", "ingot.scipy.integrate", "ingot.scipy.interpolate", "ingot.scipy.linalg",
    "ingot.scipy.ndimage", "ingot.scipy.optimize", "ingot.scipy.signal",
    "ingot.scipy.sparse.linalg", "ingot.scipy.spatial.transform", "ingot.scipy.special",
    "ingot.scipy.stats", "ingot.ad_checkpoint", "ingot.cache", "ingot.profiler",
    "ingot.custom_batching",
    "ingot.custom_derivatives", "ingot.debug", "ingot.dlpack", "ingot.experimental",
    "ingot.experimental.checkify", "ingot.experimental.jet", "ingot.experimental.ode",
    "ingot.experimental.sparse", "ingot.extend.core", "ingot.extend.linear_util",
    "ingot.extend.source_info_util", "ingot.flatten_util", "ingot.ops", "ingot.stages",
    *(f"ingot.scipy.stats.{name}" for name in DISTRIBUTIONS)]
# Names that are Python's types for annotations.
ALIASES = {"Atom", "ConvGeneralDilatedDimensionNumbers", "DotDimensionNumbers", "Effects",
           "ErrorCategory", "KeyEntry", "KeyPath", "ParamDict", "PrecisionLike", "TraceTag",
           "Value"}


def space_of(module):
    return importlib.import_module(module)


def public(module):
    """(name, value) of what a public module lists, without its modules."""
    space = space_of(module)
    named = ((name, getattr(space, name)) for name in dir(space) if not name.startswith("_"))
    return [(name, value) for name, value in named if not isinstance(value, types.ModuleType)]


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


def own_doc(value):
    """The docstring of a function, an object or a class, but not that of its type or base."""
    return value.__dict__.get("__doc__") if inspect.isclass(value) else inspect.getdoc(value)


def prose(module, value):
    """A docstring up to its example, with those of the functions whose arguments it says it has."""
    text, told = (own_doc(value) or "").partition(">>>")[0], ""
    for other in re.findall(r"(?:those|that|as) of\s+`(\w+)`", text):
        told += (own_doc(getattr(space_of(module), other, None)) or "").partition(">>>")[0]
    return text, told


def parameters(value):
    """Names of parameters; none where a signature says nothing of them, as those of ufuncs."""
    try:
        names = inspect.signature(value).parameters
    except (TypeError, ValueError):
        return []
    if list(names)[:2] == ["args", "kwargs"] or isinstance(value, ufunc):
        return []
    return [name for name in names if not name.startswith("_")]


def lacks(module, value):
    """What the docstring of a public value does not say, in words."""
    text, told = prose(module, value)
    missing = [] if ">>>" in (own_doc(value) or "") else ["an example"]
    if inspect.isclass(value):
        return missing
    missing += [f"`{p}`" for p in parameters(value)
                if not re.search(rf"\b{p}\b", text + told)]
    returned = getattr(value, "__annotations__", {}).get("return", "something")
    if "->" not in text + told and returned not in (None, "None"):
        missing.append("->")
    return missing


def to_describe(module):
    """Functions and classes of ingot that a module lists; primitives are told by functions."""
    for name, value in public(module):
        home = getattr(value, "__module__", None) or ""
        elsewhere = home.startswith("ingot.numpy") and not module.startswith("ingot.numpy")
        if not home.startswith("ingot") or elsewhere or name in ALIASES:
            continue
        if not callable(value) or isinstance(value, Primitive):
            continue
        if inspect.isclass(value) and issubclass(value, (enum.Enum, BaseException)):
            continue
        yield name, value


@pytest.mark.parametrize("module", DESCRIBED)
def test_docstrings_say_what_arguments_and_results_are(module):
    lacking = {name: ", ".join(lacks(module, value)) for name, value in to_describe(module)}
    assert not {name: what for name, what in lacking.items() if what}


def described_names(text):
    """What is described as parameters: words with a colon, at the start of a sentence."""
    word = r"[A-Za-z_][A-Za-z_0-9]*"
    groups = re.findall(rf"(?:^|[.;] |\n)((?:{word}, )*{word}): ", text, re.M)
    return {name for group in groups for name in group.split(", ")}


@pytest.mark.parametrize("module", DESCRIBED)
def test_docstrings_describe_no_parameters_that_are_not_there(module):
    strange = {name: described_names(prose(module, value)[0].partition("\n\n")[2])
               - {*parameters(value), "None", "Source", "errors"}
               for name, value in to_describe(module)
               if not inspect.isclass(value) and parameters(value)}
    assert not {name: words for name, words in strange.items() if words}


@pytest.mark.parametrize("module", DESCRIBED)
def test_public_modules_list_no_imports_of_theirs(module):
    homes = {name: getattr(value, "__module__", "ingot") for name, value in public(module)}
    assert not {name: home for name, home in homes.items() if name not in ALIASES
                and home.partition(".")[0] in sys.stdlib_module_names}


@pytest.mark.parametrize("module", DESCRIBED)
def test_examples_can_be_pasted(module):
    lacking = {name: sorted(free_names(own_doc(value) or "") - GIVEN)
               for name, value in to_describe(module)}
    assert not {name: names for name, names in lacking.items() if names}


def is_found(value):
    """Whether pytest finds an example by itself: that of a function where it is written."""
    function = inspect.unwrap(value)
    home = sys.modules.get(getattr(function, "__globals__", {}).get("__name__"))
    there = getattr(home, getattr(function, "__name__", ""), None)
    return home is None or inspect.getdoc(there) == inspect.getdoc(function)


@pytest.mark.parametrize("module", DESCRIBED)
def test_examples_of_functions_made_by_tables_run(module, capsys):
    names = {"np": space_of("numpy"), "jnp": space_of("ingot.numpy"), "ingot": space_of("ingot"),
             **{n: space_of(f"ingot.{n}") for n in ("lax", "nn", "random")},
             **{n: space_of(f"ingot.scipy.{n}") for n in ("special", "stats")}}
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    for name, value in to_describe(module):
        if not is_found(value):
            runner.run(doctest.DocTestParser().get_doctest(
                own_doc(value), dict(names), name, None, None))
    assert not runner.summarize(verbose=False).failed, capsys.readouterr().out


def test_the_example_of_sum_runs_after_one_import():
    names = {"jnp": importlib.import_module("ingot.numpy")}
    examples = doctest.DocTestParser().get_doctest(names["jnp"].sum.__doc__, names, "sum", None, 0)
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(examples)
    assert runner.tries and not runner.failures
