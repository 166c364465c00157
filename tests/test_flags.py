"""Every flag that is accepted has its effect, or none that a program could see, or is refused."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

import ingot
import ingot.numpy as jnp
from ingot import random, sharding
from ingot.api import progress_bars
from ingot.backends import cache
from ingot.backends.llvm.native.abi import PORTABLE
from ingot.compat.flag_tables import REFUSED, WITHOUT_MEANING
from ingot.compat.flags import ACCEPTED, MAPPED, PLATFORMS, Config, apply_environment, context
from ingot.config import TABLE, config
from ingot.core import backend
from ingot.core.jaxpr import Jaxpr, Var
from ingot.core.typecheck import checked
from ingot.primitives.dot import canonicalize_precision

x3 = jnp.arange(3.0)


# ---- ours ----------------------------------------------------------------------------------------
def outcome(fun):
    """What a function returns, or which error it raises."""
    try:
        return repr(fun())
    except Exception as error:
        return type(error).__name__


def logged(fun):
    """The messages of the logger `ingot` while a function runs."""
    found, handler = [], logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage().split()[0])
    logging.getLogger("ingot").addHandler(handler)
    try:
        fun()
    finally:
        logging.getLogger("ingot").removeHandler(handler)
    return found


def frames():
    """How many frames the traceback of an error has."""
    try:
        ingot.jit(lambda x: x @ x)(1.0)
    except Exception as error:
        count, tb = 0, error.__traceback__
        while tb is not None:
            count, tb = count + 1, tb.tb_next
        return count


# A value that is not the default, and what then differs.
EFFECTS = {
    "enable_x64": (False, lambda: jnp.ones(1).dtype),
    "numpy_dtype_promotion": ("strict", lambda: jnp.float32(1) + jnp.arange(3)),
    "numpy_rank_promotion": ("raise", lambda: x3 + jnp.ones((2, 3))),
    "default_matmul_precision": ("highest", lambda: ingot.make_jaxpr(jnp.dot)(x3, x3)),
    "default_prng_impl": ("rbg", lambda: random.key(0).dtype),
    "threefry_partitionable": (False, lambda: random.bits(random.key(0), (3,))),
    "enable_custom_prng": (True, lambda: random.PRNGKey(0).dtype),
    "disable_jit": (True, lambda: ingot.jit(lambda x: float(x))(1.0)),
    "debug_nans": (True, lambda: jnp.log(-1.0)),
    "debug_infs": (True, lambda: jnp.log(0.0)),
    "check_static_indices": (False, lambda: x3[10]),
    "match_jax": (True, lambda: jnp.mean(jnp.int32([1, 2])).dtype),
    "mesh": (sharding.make_mesh((1,), "x"), sharding.get_mesh),
    "abstract_mesh": (sharding.AbstractMesh((1,), "x"), sharding.get_abstract_mesh),
    "auto_pcast": (False, lambda: ingot.shard_map(
        lambda x, y: x * y, mesh=sharding.make_mesh((1,), "x", sharding.AxisType.Auto),
        in_specs=(ingot.P("x"), ingot.P()), out_specs=ingot.P("x"))(x3, x3)),
    "remove_size_one_mesh_axis_from_type": (True, lambda: str(ingot.typeof(ingot.device_put(
        jnp.ones(2), sharding.NamedSharding(
            sharding.make_mesh((1,), "x"), sharding.PartitionSpec("x")))))),
    "num_cpu_devices": (3, lambda: len(ingot.devices())),
    "log_compiles": (True, lambda: logged(lambda: ingot.jit(lambda x: x + 1)(x3))),
    "explain_cache_misses": (True, lambda: logged(lambda: ingot.jit(lambda x: x + 1)(x3))),
    "traceback_filtering": ("off", frames),
    "check_tracer_leaks": (True, lambda: ingot.jit(lambda x: LEAKED.append(x) or x)(1.0)),
    "backend": ("reference" if config.backend == "llvm" else "llvm",
                lambda: ingot.jit(lambda x: x + 1).lower(x3).compile().as_text()),
    "platforms": ("nonsense,reference", lambda: backend.get_backend().name),
    "default_device": (ingot.devices("cpu")[1], lambda: jnp.ones(3).device),
    "enable_checks": (False, lambda: checked(ILL_TYPED, "a test").debug_name),
    "progress": ("off", lambda: progress_bars._chosen()),
    "cache": (False, cache.folder),
    "cache_dir": ("/nowhere", cache.folder),
}
LEAKED = []
ILL_TYPED = Jaxpr([Var(x3.aval)], [], [], [], [jnp.ones(2)])
# Tests of their own: what they do takes a process, or a look into its memory.
ELSEWHERE = {
    "check_memory": "test_check_memory.py", "cache_bytes": "test_cache.py",
    "passes": "test_pipeline.py", "export_calling_convention_version": "test_export.py",
    "export_platforms": "test_export.py",
    "buffer_bytes": "test_dispatch.py",
    "optimize": "test_compiler.py", "portable": "test_portable.py",
    **{f"transfer_guard_{d}": "test_transfers.py"
       for d in ("host_to_device", "device_to_device", "device_to_host")}}


@pytest.mark.parametrize("name", [f.name for f in TABLE if f.name not in ELSEWHERE])
def test_each_flag_has_an_effect(name):
    if name == "traceback_filtering" and PORTABLE is not None:
        pytest.skip("tracebacks stay whole")
    value, probe = EFFECTS[name]
    assert getattr(config, name) != value
    before = outcome(probe)
    with config.override(name, value):
        assert outcome(probe) != before
    assert outcome(probe) == before


@pytest.mark.parametrize("name", ELSEWHERE)
def test_flags_of_other_tests(name):
    assert name in Path(__file__).with_name(ELSEWHERE[name]).read_text()
    assert config.flag(name).sentence


def test_choices_of_precision_are_those_of_contractions():
    for choice in config.flag("default_matmul_precision").choices:
        with ingot.default_matmul_precision(choice):
            assert canonicalize_precision(None) is None or choice is not None
    with pytest.raises(ValueError, match="default_matmul_precision: expected one of"):
        ingot.default_matmul_precision("fast").__enter__()


# ---- JAX's ---------------------------------------------------------------------------------------
NUMBERED = {"jax_explicit_x64_dtypes"}  # in JAX a number, here the word
CHANGED = {"jax_disable_most_optimizations"}  # by conftest.py, for all tests
OTHER = {bool: lambda v: not v, int: lambda v: v + 1, float: lambda v: v + 1,
         str: lambda v: v + "x", type(None): lambda v: "disallow"}


def test_all_flags_of_jax_are_known():
    jax = pytest.importorskip("jax")
    ours = Config().values
    assert set(jax.config.values) <= set(ours)
    for name in {**ACCEPTED, **REFUSED, **MAPPED, **PLATFORMS}:
        if name in jax.config.values:
            theirs = jax.config.values[name]
            assert ours[name] == getattr(theirs, "value", theirs) or (
                name in NUMBERED | CHANGED)


@pytest.mark.parametrize("name", REFUSED)
def test_promises_are_refused(name):
    flags, (only, remedy) = Config(), REFUSED[name]
    flags.update(name, only)
    with pytest.raises(ValueError, match=f"{name} is always {only!r} under ingot") as info:
        flags.update(name, OTHER[type(only)](only))
    assert remedy in str(info.value) and flags.read(name) == only
    with pytest.raises(ValueError, match=name), context(name)(OTHER[type(only)](only)):
        pass
    with pytest.raises(ValueError, match=name):
        apply_environment({name.upper(): str(OTHER[type(only)](only)), **KEEP})


# apply_environment turns to JAX's defaults what was not chosen.
KEEP = {"JAX_CHECK_STATIC_INDICES": "1", "JAX_ENABLE_X64": "1", "JAX_MATCH_JAX": "0"}


def test_flags_without_meaning():
    docs = Path(__file__).parents[1].joinpath("docs", "running_jax_code.md").read_text()
    for kind, names in WITHOUT_MEANING.items():
        assert f"| {kind} |" in docs
        for name, default in names.items():
            flags = Config()
            flags.update(name, OTHER[type(default)](default))
            assert flags.read(name) == OTHER[type(default)](default)


def test_the_cache_of_jax_is_ours():
    flags = Config()
    before = {name: getattr(config, name) for name in ("cache", "cache_dir", "cache_bytes")}
    try:
        flags.update("jax_compilation_cache_dir", Path("/nowhere"))
        flags.update("jax_compilation_cache_max_size", 1000)
        flags.update("jax_enable_compilation_cache", False)
        assert (config.cache, config.cache_dir, config.cache_bytes) == (False, "/nowhere", 1000)
        flags.update("jax_compilation_cache_max_size", -1)
        assert config.cache_bytes > 2**60
    finally:
        for name, value in before.items():
            config.update(name, value)


def test_level_of_the_log_and_default_device():
    flags = Config()
    flags.update("jax_logging_level", "ERROR")
    assert logging.getLogger("jax").level == logging.ERROR
    flags.update("jax_logging_level", "NOTSET")
    assert logging.getLogger("jax").level == logging.NOTSET
    for name, value in {"jax_logging_level": "LOUD", "jax_default_device": 1.5,
                        "jax_compilation_cache_max_size": "much"}.items():
        with pytest.raises(ValueError):
            flags.update(name, value)
    with pytest.raises(RuntimeError, match="Unknown backend 'abacus'.*'cpu', 'gpu'"):
        flags.update("jax_platforms", "abacus,cpu")


def test_arrays_are_made_on_the_default_device():
    first, second = ingot.devices()[:2]
    with context("jax_default_device")(second):
        made = [jnp.array([1.0]), jnp.ones(3), jnp.arange(3), x3 + 1, ingot.device_put(1.5),
                ingot.jit(lambda x: x + 1)(x3), ingot.jit(lambda: jnp.ones(2))()]
        assert {x.device for x in made} == {second} and not any(x.committed for x in made)
        assert ingot.device_put(1.5, first).device == first
        assert (ingot.device_put(1.5, first) + 1).device == first
    assert jnp.ones(3).device == first
    with context("jax_default_device")("cpu"):
        assert jnp.ones(3).device == first


def test_contexts_under_the_hook():
    code = """
import jax
for name in ("thread_guard", "array_garbage_collection_guard", "debug_key_reuse",
             "legacy_prng_key", "default_device"):
    with getattr(jax, name)(jax.config.read("jax_" + name)):
        pass
    try:
        with getattr(jax, name)("log"):
            print(name)
    except ValueError:
        pass
print(jax.config.jax_compilation_cache_dir, jax.config.jax_enable_compilation_cache)
"""
    done = subprocess.run([sys.executable, "-m", "ingot", "-c", code], capture_output=True,
                          text=True, check=True, env={
                              "PYTHONPATH": str(Path(ingot.__file__).parents[1]),
                              "JAX_COMPILATION_CACHE_DIR": "/tmp/some",
                              "JAX_ENABLE_COMPILATION_CACHE": "0"})
    assert done.stdout == "/tmp/some False\n"
