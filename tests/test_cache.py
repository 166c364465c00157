"""The cache of machine code on disk: shared, bounded, never trusted."""

import os
import py_compile
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.backends import cache
from ingot.backends.llvm import codegen, elf, engine, worker
from ingot.compiler import fingerprint
from ingot.compiler.fingerprint import Fingerprint, NotFingerprintable
from ingot.config import config
from ingot.core.backend import compile_jaxpr
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, ZERO, Primitive
from ingot.kernel.rules import elementwise
from ingot.primitives.exponential import exp
from ingot.primitives.trig import sin
from ingot.transforms.stage import stage
from ingot.util import available_cpus

pytestmark = pytest.mark.llvm("the cache on disk")


@pytest.fixture(autouse=True)
def folder(tmp_path):
    with config.override("cache_dir", str(tmp_path)), config.override("cache", True):
        yield tmp_path


def executable():
    """A new compilation of the same program."""
    return compile_jaxpr(stage(lambda x: [exp(x)], [typeof(1.0)]), "llvm")


def test_a_second_compilation_is_read(folder):
    first, second = executable(), executable()
    assert not first.code.cached and second.code.cached
    assert first(np.asarray(1.0))[0] == second(np.asarray(1.0))[0] == np.exp(1.0)
    assert len(list(folder.iterdir())) == 1


def test_a_damaged_entry_is_dropped_with_a_warning(folder):
    executable()
    (entry,) = folder.iterdir()
    entry.write_bytes(entry.read_bytes()[:-5] + b"wrong")
    with pytest.warns(UserWarning, match="dropped the damaged cache entry"):
        again = executable()
    assert not again.code.cached and again(np.asarray(0.0))[0] == 1.0


def test_old_entries_go_when_the_folder_is_full(folder):
    with config.override("cache_bytes", 2000):
        for k in range(10):
            cache.store(f"entry{k}", bytes(500))
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 2000


def test_a_folder_that_cannot_be_written_is_no_error(folder):
    blocked = folder / "file"
    blocked.write_text("not a folder")
    with config.override("cache_dir", str(blocked)):
        with pytest.warns(UserWarning, match="not cached"):
            assert executable()(np.asarray(0.0))[0] == 1.0


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_what_another_user_could_have_written_is_not_read(folder, mode):
    cache.store("entry", b"code")
    assert cache.load("entry") == b"code"
    (folder / "entry").chmod(mode)
    assert cache.load("entry") is None
    (folder / "entry").chmod(0o644)
    assert cache.load("entry") == b"code"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_another_user_has_written_is_not_read(folder):
    cache.store("entry", b"code")
    os.chown(folder / "entry", 12345, -1)
    assert cache.load("entry") is None


def test_entries_are_private_and_bound_to_their_names(folder, recwarn):
    old = os.umask(0)
    try:
        cache.store("entry", b"code")
        with config.override("cache_dir", str(folder / "made")):
            cache.store("entry", b"code")
    finally:
        os.umask(old)
    assert (folder / "entry").stat().st_mode & 0o777 == 0o600
    assert (folder / "made").stat().st_mode & 0o777 == 0o700
    os.rename(folder / "entry", folder / "another")
    assert cache.load("another") is None


def test_without_a_home_there_is_no_cache(monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "nowhere in particular")  # the answer is remembered for each home
    with config.override("cache_dir", None):
        assert cache.folder() is None and cache.is_empty()
        cache.store("entry", b"code")
        assert cache.load("entry") is None


FULL = """
import resource, ingot, ingot.numpy as jnp
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
print(float(ingot.jit(jnp.exp)(0.0)), float(ingot.jit(jnp.cos)(0.0)))
"""


def test_a_full_disk_is_one_warning_also_where_warnings_are_errors(folder):
    for options, said in (["-W", "error"], 0), (["-W", "always"], 1):
        done = subprocess.run(
            [sys.executable, "-B", *options, "-c", FULL], capture_output=True, text=True,
            env={"PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src"),
                 "INGOT_CACHE_DIR": str(folder), "PATH": "", "INGOT_OPTIMIZE": "fast"})
        assert done.returncode == 0 and done.stdout == "1.0 1.0\n"
        assert done.stderr.count("is not cached") == said
    assert not list(folder.iterdir())


def test_processes_write_the_same_entries_at_once(folder):
    with ThreadPoolExecutor() as pool:
        lines = list(pool.map(lambda _: run(SECOND, folder)[:-1], range(3)))
    assert lines[0] == lines[1] == lines[2]
    names = [p.name for p in folder.iterdir()]
    assert names and all(cache.load(name) is not None for name in names)


SECOND = """
import sys, numpy as np, ingot, ingot.numpy as jnp
from ingot import lax
from ingot.api.jit import jit
rng = np.random.default_rng(0)
data = jnp.asarray(rng.normal(size=200))
def report(x):
    print("host", x.shape, float(x.sum()))
    return x.sum()
@jit
def f(x):
    y = jnp.exp(x) * data
    ingot.debug.callback(report, y[:3])
    total = ingot.pure_callback(report, ingot.ShapeDtypeStruct((), y.dtype), y)
    carry, _ = lax.scan(lambda c, t: (c @ c / jnp.trace(c) + t, None), jnp.eye(3), y)
    return total + (jnp.outer(y, y) @ y).sum() + ingot.nn.relu(carry).sum()
print("result", float(f(jnp.ones(200))).hex())
print("LLVM", "llvmlite" in open("/proc/self/maps").read())
"""


def run(program, folder, **environment):
    """The lines that a program prints in a process of its own."""
    root = Path(__file__).resolve().parents[1] / "src"
    environment = {"PYTHONPATH": str(root), "INGOT_CACHE_DIR": str(folder), "PATH": "",
                   "INGOT_OPTIMIZE": "fast", **environment}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True,
                          capture_output=True, text=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(not elf.available(), reason="LLVM links the code on this platform")
def test_a_second_process_compiles_nothing_and_does_not_load_llvm(folder):
    first, second = run(SECOND, folder), run(SECOND, folder)
    assert first[:-1] == second[:-1] and len(first) == 4
    assert (first[-1], second[-1]) == ("LLVM True", "LLVM False")
    assert run(SECOND, folder, PYTHONHASHSEED="7")[-1] == "LLVM False"


def test_constants_without_bytes_are_read(folder):
    """Cotangents of booleans have the dtype float0, whose elements have none."""
    program = """
import ingot, ingot.numpy as jnp
f = lambda x, m: ingot.vjp(lambda x, m: jnp.where(m, x, 0.0).sum(), x, m)[1](jnp.asarray(7.25))
ct, none = ingot.jit(f)(jnp.ones(3), jnp.array([True, False, True]))
print(ct, none.shape, none.dtype == ingot.dtypes.float0)
"""
    assert run(program, folder) == run(program, folder) == ["[7.25 0.   7.25] (3,) True"]


def test_host_functions_of_rewritten_programs_are_found_again(folder):
    """Sums of updates are staged anew, and with them the equations that call Python."""
    def f(x):
        values = jnp.linalg.eigh(jnp.outer(x[:20], x[:20]) + jnp.eye(20))[0]
        return (x[2:102] * jnp.sin(x[50:150])).sum() * lax.stop_gradient(values).sum()

    jaxpr = ingot.make_jaxpr(ingot.grad(f))(jnp.arange(200.0))
    first, second = (compile_jaxpr(stage(jaxpr, jaxpr.in_avals)) for _ in range(2))
    names = [h.eqn.primitive.name for h in first.native.host_functions]
    assert names == [h.eqn.primitive.name for h in second.native.host_functions] and "eigh" in names
    assert second.code.cached
    x = np.linspace(0.0, 1.0, 200)
    np.testing.assert_array_equal(first(x)[0], second(x)[0])


def test_large_constants_are_not_part_of_the_entry(folder):
    """Programs over other data of the same type share one entry, and each has its own data."""
    for k in range(3):
        data = ingot.numpy.arange(1000.0) + k
        out = ingot.jit(lambda x, data=data: x * data)(2.0)
        np.testing.assert_array_equal(out, 2 * (np.arange(1000.0) + k))
    assert len(list(folder.iterdir())) == 1


def test_small_and_uniform_constants_are_part_of_the_program(folder):
    for k in range(3):
        small = ingot.numpy.array([1.0, k])
        uniform = ingot.numpy.broadcast_to(ingot.numpy.asarray(float(k)), (1000,))
        assert ingot.jit(lambda x, c=small: x * c)(1.0)[1] == k
        assert ingot.jit(lambda x, c=uniform: x * c)(1.0)[7] == k


def test_numpy_constants_are_taken_by_their_contents(folder):
    for k in range(2):
        data = np.arange(1000.0) + k
        out = ingot.jit(lambda x, data=data: x * data)(2.0)
        np.testing.assert_array_equal(out, 2 * data)


def test_rules_from_elsewhere_are_found_by_their_text(folder):
    """What such a kernel does is not in the fingerprint, so two of a name must not be confused."""
    for k in (1.0, 2.0):
        primitive = Primitive(
            "elsewhere", type=lambda x: x, eval=lambda x, k=k: x + k, jvp=ZERO,
            transpose=NOT_LINEAR, batch=NOT_LINEAR, register=False,
            kernel=elementwise(lambda build, x, out_dtype, k=k: build.op(
                "add", x, build.const(k, out_dtype))))
        jaxpr = stage(lambda x, p=primitive: [p.bind(x)], [typeof(1.0)])
        with pytest.raises(NotFingerprintable):
            Fingerprint(jaxpr)
        for cached in (False, True):
            executable = compile_jaxpr(jaxpr.replace(), "llvm")
            assert executable.code.cached is cached
            assert executable(np.asarray(5.0))[0] == 5.0 + k


def test_what_is_in_a_fingerprint():
    def mark(fun, *args):
        return Fingerprint(stage(fun, [typeof(a) for a in args])).digest

    same = {mark(lambda x: [exp(x)], 1.0), mark(lambda other: [exp(other)], 2.0)}
    assert len(same) == 1
    others = {mark(lambda x: [exp(exp(x))], 1.0), mark(lambda x: [exp(x), x], 1.0),
              mark(lambda x: [exp(x)], np.float32(1)), mark(lambda x: [exp(x)], np.ones(2)),
              mark(lambda x: [x + 1.0], 1.0), mark(lambda x: [x + 2.0], 1.0),
              mark(lambda x, y: [exp(x)], 1.0, 1.0), mark(lambda x, y: [exp(y)], 1.0, 1.0)}
    assert len(others) == 8 and not same & others


def test_code_that_the_loader_refuses_is_linked_by_llvm(folder, monkeypatch):
    def refuse(code, resolve):
        raise elf.Unsupported("for the test")

    monkeypatch.setattr(elf, "Image", refuse)
    for cached in (False, True):
        again = executable()
        assert again.code.cached is cached
        assert again(np.asarray(1.0))[0] == np.exp(1.0)


def test_the_worker_compiles_what_this_process_would(folder):
    text = executable().as_text("llvm")
    try:
        assert worker.object_code(text, 2, 2) == engine.object_code(text, engine.FULL)
        with pytest.raises(RuntimeError, match="expected"):
            worker.object_code("nonsense", 2, 2)
        assert worker.object_code(text, 0, 0) == engine.object_code(text, engine.FAST)
    finally:
        worker.stop()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_has_a_worker_of_its_own(folder):
    program = """
import os
from ingot.backends.llvm import worker
text = "define i32 @run() {\\n ret i32 0\\n}"
mine = worker.object_code(text, 0, 0)
first = worker._process.pid
child = os.fork()
if not child:
    assert worker._process is None
    assert worker.object_code(text, 0, 0) == mine and worker._process.pid != first
    worker.stop()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert worker.object_code(text, 0, 0) == mine and worker._process.pid == first
print("good")
"""
    assert run(program, folder) == ["good"]


def test_the_cache_can_be_turned_off(folder):
    with config.override("cache", False):
        assert not executable().code.cached
    assert not list(folder.iterdir())


@pytest.mark.skipif(codegen.library() is None, reason="llvmlite's library is not where it is known")
def test_direct_calls_of_llvm_give_what_llvmlite_gives(monkeypatch):
    text = executable().as_text("llvm")
    levels = (0, 0), (2, 2)
    direct = [codegen.object_code(text, *level) for level in levels]
    features = codegen.processor()[1].split(",")
    with pytest.raises(RuntimeError, match="expected top-level entity"):
        codegen.object_code("nonsense", 0, 0)
    monkeypatch.setattr(codegen, "library", lambda: None)
    assert [codegen.object_code(text, *level) for level in levels] == direct
    codegen.processor.cache_clear()
    assert set(codegen.processor()[1].split(",")) == set(features)
    codegen.processor.cache_clear()


@pytest.mark.skipif(codegen.library() is None, reason="llvmlite's library is not where it is known")
def test_fast_code_is_without_what_only_vectorized_loops_call():
    """And without what many scalars would be computed by, together."""
    avals = [typeof(jnp.ones(n)) for n in (3, 1000)]
    jaxpr = stage(lambda x, y: [sin(x), sin(y)], avals)
    compilation = compile_jaxpr(jaxpr, "llvm").compilation
    texts = {tier: compilation.module(tier).text for tier in (engine.FAST, engine.FULL)}
    for name in ("define <4 x double> @ingot.sin.rare.f64x4(", "@ingot.sin.f64.x4("):
        assert name in texts[engine.FULL] and name not in texts[engine.FAST]


def test_llvm_starts_in_a_thread_once_ingot_is_imported_if_nothing_is_cached(folder):
    program = """
import os, threading, ingot.numpy as jnp, ingot as jax
from ingot.backends.llvm import codegen
print(codegen._start is not None)
y = jax.jit(jnp.sin)(jnp.ones(3))
child = os.fork()
if not child:
    os._exit(int(jax.jit(lambda x: jnp.sin(x) + 1)(jnp.ones(4)).shape != (4,)))
print(os.waitpid(child, 0)[1], codegen._start.is_alive())
"""
    assert run(program, folder) == [str(available_cpus() > 1), "0 False"]
    again = program.replace("child = os.fork()",
                            "print(codegen._start, threading.active_count())\nraise SystemExit")
    assert run(again, folder) == ["False", "None 1"]


# ---- changes of sources --------------------------------------------------------------------------
def test_all_folders_of_sources_are_known():
    package = Path(fingerprint.PACKAGE)
    folders = {str(p.parent.relative_to(package)) for p in package.rglob("*.py")}
    front = {f for f in folders if f.startswith(fingerprint.FRONTEND_FOLDERS)}
    assert folders - front == set(fingerprint.FOLDERS)


@pytest.mark.parametrize("bytecode", [True, False])
def test_a_change_of_a_source_file_is_seen(tmp_path, monkeypatch, bytecode):
    monkeypatch.setattr(fingerprint, "PACKAGE", str(tmp_path))
    monkeypatch.setattr(fingerprint, "FOLDERS", (".", "inner"))
    monkeypatch.setattr(sys, "dont_write_bytecode", not bytecode)
    file = tmp_path / "inner" / "module.py"

    def digest(text):
        file.write_text(text)
        for place in (file, tmp_path / "other.py"):
            if bytecode:  # as an import does
                py_compile.compile(str(place))
        time.sleep(0.02)  # times of files are not finer than that
        return fingerprint.source_digest.__wrapped__()

    file.parent.mkdir()
    (tmp_path / "other.py").write_text("")
    first = digest("x = 1")
    assert fingerprint.source_digest.__wrapped__() == first
    assert digest("x = 22") != first
