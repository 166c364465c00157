"""A pytest plugin by which JAX's own test files import ingot's modules as `jax`.

It does nothing where the hook is not installed, so both sides are started alike. JAX's modules for
tests are read from an installed JAX at the path in JAX_SUITE_JAX. What ingot lacks of JAX's private
and experimental names is a `Placeholder`: it may be imported, subclassed and used while files are
read; a test that calls it fails.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from contextlib import nullcontext
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

PRIVATE = ("jax._src", "jaxlib", "jax.interpreters", "jax.extend", "jax.experimental")
TEST_MODULES = ("test_util", "public_test_util", "test_loader", "test_warning_util",
                "internal_test_util", "internal_test_util.lax_test_util",
                "internal_test_util.test_harnesses")
# Where a name that has moved out of a private module is looked for.
PUBLIC = ("ingot", "ingot.sharding", "ingot.stages", "ingot.extend.core", "ingot.errors",
          "ingot.lax", "ingot.export", "ingot.compat.privates", "ml_dtypes")
DEVICES = 8
_inside_a_test = False


class Placeholder:
    """Stands for a private name of JAX that ingot does not have."""

    def __init__(self, name):
        self.__name__ = self.__qualname__ = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = self.__dict__[name] = _found(self.__name__, name)
        return value

    def __call__(self, *args, **kwargs):
        if _inside_a_test:
            raise AttributeError(f"ingot has no {self.__name__}")
        return self

    def __mro_entries__(self, bases):
        return ()

    def __instancecheck__(self, value):
        return False

    def __iter__(self):
        return iter(())

    def __le__(self, other):
        return False

    __lt__ = __ge__ = __gt__ = __le__

    def __or__(self, other):
        return other

    __ror__ = __or__

    def __repr__(self):
        return f"<{self.__name__}, which ingot does not have>"


class Absent(ModuleType):
    """A private module of JAX that ingot does not serve: all its names are placeholders."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = self.__dict__[name] = _found(self.__name__, name)
        return value


class PrivateModules(MetaPathFinder):
    """Finds JAX's modules for tests in an installed JAX, and stand-ins for what ingot lacks."""

    def __init__(self, served, folder):
        self._served, self._folder = served, folder

    def find_spec(self, fullname, path=None, target=None):
        name = fullname.removeprefix("jax._src.")
        if name in TEST_MODULES and name != fullname:
            place = self._folder / "_src" / name.replace(".", "/")
            package = place.is_dir()
            return spec_from_file_location(
                fullname, place / "__init__.py" if package else place.with_suffix(".py"),
                submodule_search_locations=[] if package else None)
        if fullname in self._served or not _is_private(fullname):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        return Absent(spec.name)

    def exec_module(self, module):
        """An absent module has nothing to run."""


def _is_private(name):
    return any(name == p or name.startswith(f"{p}.") for p in PRIVATE)


def _found(module, name):
    """A name of a private module: a helper of this plugin, a module, ours in public, or nothing."""
    full = f"{module}.{name}"
    if full in HELPERS:
        return HELPERS[full]
    if full.removeprefix("jax._src.") in TEST_MODULES:
        return importlib.import_module(full)
    for source in PUBLIC if not name.startswith("_") else ():
        value = getattr(importlib.import_module(source), name, None)
        if value is not None and not isinstance(value, ModuleType):
            return value
    return Placeholder(full)


def _resolving(resolve, finder):
    """The hook's `resolve`, with placeholders for the private names that it does not find."""

    def found(module, name):
        full = f"{module}.{name}"
        if full in HELPERS or full.removeprefix("jax._src.") in TEST_MODULES:
            return _found(module, name)
        try:
            return resolve(module, name)
        except AttributeError:
            if not _is_private(module):
                raise
        finder.misses.pop()
        return _found(module, name)

    return found


def _helpers():
    """What JAX's modules for tests need of private modules: flags, counts, kinds of builds."""
    from ingot.compat.flag_tables import REFUSED
    from ingot.compat.flags import config
    from ingot.compat.states import State
    from ingot.export import symbolic_dim_bounds
    from ingot.lax import reduce_window_shape_tuple
    from ingot.numpy import zeros

    class States(dict):
        def __missing__(self, name):
            return nullcontext if name in REFUSED else State(name)

    def flag(name, default, *args, **kwargs):
        defined[name] = default
        return SimpleNamespace(value=default, name=name)

    defined = {}
    nothing = SimpleNamespace(clear=lambda: None, block_until_ready=lambda: None)
    false = lambda *args: False
    settings = {"int_flag": flag, "string_flag": flag, "bool_flag": flag, "update": config.update,
                "bool_env": lambda name, default: os.environ.get(name, str(default)) == "True",
                "config_states": States(),
                "_read": lambda name: defined[name] if name in defined else config.read(name),
                "parse_flags_with_absl": config.parse_flags_with_absl}
    builds = ("is_optimized_build", "is_asan", "is_msan", "is_tsan", "is_sanitized")
    others = {
        "cloud_tpu_init.running_in_cloud_tpu_vm": False, "compilation_cache._cache": None,
        "compilation_cache.is_persistent_cache_enabled": lambda: False,
        "core.definitely_equal": lambda x, y: x is y or x == y,
        "export.shape_poly._bounds_decision": lambda e, precision: symbolic_dim_bounds(e),
        "core.reset_trace_state": lambda: True, "deprecations.is_accelerated": false,
        "dispatch.runtime_tokens": nothing,
        "dispatch.xla_primitive_callable": functools.cache(lambda: None),
        "interpreters.mlir._platforms_with_donation": ["cpu", "cuda", "rocm", "tpu"],
        # A list of cases is made with the shape of its result.
        "lax.windowed_reductions._select_and_gather_add":
            lambda x, y, select, *window: zeros(reduce_window_shape_tuple(x.shape, *window)),
        "lib.version": (0, 12, 0), "lib.jaxlib_extension_version": 10**6,
        "lib.ifrt_version": 10**6, "lib.cuda_versions": None,
        # By it tests are decorated, and those that a placeholder decorates vanish.
        "util.curry": lambda fun: functools.partial(functools.partial, fun),
        "util.install_failure_signal_handler": lambda: None,
        "xla_bridge.num_cpu_devices": SimpleNamespace(value=DEVICES)}
    return {**{f"jax._src.config.{name}": value for name, value in settings.items()},
            **{f"jaxlib._jax.{name}": false for name in builds},
            **{f"jax._src.{name}": value for name, value in others.items()}}


def _counting():
    """Tell JAX's counters, by the names that they listen for, what ingot traces and compiles, and
    which calls of compiled functions find no program or no places of results made before."""
    from ingot.api import jit, shardings
    from ingot.backends.xla.executable import XLAExecutable
    from ingot.backends.xla.stablehlo import Module
    from ingot.compiler import simplify
    from ingot.core.logs import LISTENERS

    stages = {"jaxpr_trace_duration": ["trace_to_jaxpr"],
              "backend_compile_duration": ["lower_jaxpr_to_module", "pxla_cached_compilation"]}

    def tell(name, *details):
        test_util = sys.modules.get("jax._src.test_util")
        if test_util is not None:
            test_util.event_listener(name, *details)

    def listener(event, seconds, **details):
        for name in stages.get(event.rpartition("/")[2], ()):
            tell(name)

    def counted(cls, name, made):
        """Note in `found` the calls of a method after which `made` says what was not there yet."""
        method = getattr(cls, name)

        @functools.wraps(method)
        def run(self, *args, **kwargs):
            result = method(self, *args, **kwargs)
            new = set(made(self, *args, **kwargs)) - seen
            seen.update(new)
            found.extend(new)
            return result

        setattr(cls, name, run)

    def loaded(self, *_):
        if len(self._loaded) > 1 and (self, len(self._loaded)) not in seen:
            tell("pxla_cached_compilation")  # the first one was told of as a whole
        return [(self, n + 1) for n in range(len(self._loaded))]

    @functools.wraps(jit.PjitFunction._run)
    def run(self, *args, _run=jit.PjitFunction._run):
        before = len(found)
        result = _run(self, *args)
        if len(found) != before:
            tell("jit_cpp_cache_miss")
        return result

    found, seen = [], set()
    counted(jit._CompiledCall, "__init__", lambda self, *_: [self.executable])
    counted(shardings.ResultPlaces, "_divided", lambda self, common, arrays: [
        (self.jaxpr, common, *map(shardings.sharding_of, arrays))])
    counted(XLAExecutable, "_program", loaded)
    jit.PjitFunction._run = run

    def evaluated(*args, jaxpr, _evaluate=jit.jit_p.eval, **params):
        """A call among the equations of a program that is evaluated."""
        if jaxpr not in seen:
            seen.add(jaxpr)
            tell("jit_cpp_cache_miss")
        return _evaluate(*args, jaxpr=jaxpr, **params)

    jit.jit_p.eval = evaluated

    @functools.wraps(simplify._simplify)
    def simplified(jaxpr, passes, _simplify=simplify._simplify):
        tell("lower_jaxpr_to_fun", jaxpr.debug_name)
        return _simplify(jaxpr, passes)

    simplify._simplify = simplified

    @functools.wraps(Module.function)
    def function(self, name, *args, _function=Module.function, **kwargs):
        tell("lower_jaxpr_to_fun", name)
        return _function(self, name, *args, **kwargs)

    if os.environ.get("INGOT_BACKEND") == "xla":  # which writes programs as they are
        Module.function = function
    LISTENERS.append(listener)


def _install():
    from ingot.compat import hook, names
    from ingot.core.symbolic import DimExpr, evaluate

    global HELPERS
    DimExpr._evaluate, DimExpr._get_vars = evaluate, DimExpr.variables
    HELPERS = _helpers()
    _counting()
    finder = hook.installed()
    hook.resolve = _resolving(hook.resolve, finder)
    sys.meta_path.insert(0, PrivateModules(names.MODULES, Path(os.environ["JAX_SUITE_JAX"])))


HELPERS = {}
if "ingot" in sys.modules:
    _install()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    global _inside_a_test
    _inside_a_test = True
    try:
        return (yield)
    finally:
        _inside_a_test = False
