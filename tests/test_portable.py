"""Versions of llvmlite that serve, probes of binary interfaces, and the mode without them."""

import ctypes
import importlib
import os
import re
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot.backends.llvm import codegen, engine, relocations, threads
from ingot.backends.llvm.native import abi
from ingot.config import config

pytestmark = pytest.mark.llvm("binary interfaces")

ROOT = Path(__file__).resolve().parents[1]
ordinary = pytest.mark.native("nothing is assumed")


def python(program, *options, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment}
    return subprocess.run([sys.executable, *options, "-c", program], capture_output=True,
                          text=True, env=environment)


# ---- llvmlite ----
def test_the_versions_are_those_of_the_package():
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert codegen.NEEDED in tomllib.load(file)["project"]["dependencies"]
    import llvmlite

    assert codegen.version() == llvmlite.__version__
    assert codegen.dialect() == codegen.llvm().llvm_version_info[0]


@pytest.mark.parametrize("found, what", [
    ("0.43.0", "llvmlite 0.43.0 is installed"), ("0.51.0", "llvmlite 0.51.0 is installed"),
    ("1.0", "llvmlite 1.0 is installed"), ("", "llvmlite is not installed")])
def test_other_versions_are_refused(monkeypatch, found, what):
    monkeypatch.setattr(codegen, "version", lambda: found)
    with pytest.raises(ImportError, match=what) as error:
        codegen.check_version()
    assert f'{sys.executable} -m pip install "{codegen.NEEDED}"' in str(error.value)


def test_an_old_llvmlite_is_an_error_of_the_import(tmp_path):
    package = tmp_path / "llvmlite"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('loaded')")
    (package / "_version.py").write_text("version_version = '0.43.0'\n")
    done = python("import ingot", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT / 'src'}")
    assert "ImportError: ingot needs llvmlite" in done.stderr and "0.43.0" in done.stderr


@pytest.mark.parametrize("name", codegen.FUNCTIONS)
def test_private_functions_take_what_llvmlite_gives_them(name):
    codegen.llvm()
    known = getattr(importlib.import_module("llvmlite.binding.ffi").lib, "LLVMPY_" + name)
    result, arguments = codegen.signature(name)
    sizes = [list(map(ctypes.sizeof, kinds)) for kinds in (arguments, known.argtypes or arguments)]
    assert sizes[0] == sizes[1]
    if result is not None and known.restype is not None:
        assert ctypes.sizeof(result) == ctypes.sizeof(known.restype)


@pytest.mark.parametrize("tier", engine.TIERS.values(), ids=engine.TIERS)
def test_what_every_llvm_reads(tier):
    """Vectors of equal elements, functions without memory, opaque pointers."""
    with config.override("cache", False), config.override("optimize", tier.name):
        x = np.linspace(0.1, 3, 1001)
        f = ingot.jit(lambda x: (jnp.exp(x) * jnp.sin(x) + jnp.log(x)).sum())
        np.testing.assert_allclose(f(x), (np.exp(x) * np.sin(x) + np.log(x)).sum(), rtol=1e-13)
        assert "@run" in f.lower(x).compile().as_text("optimized")


def test_the_words_of_older_versions(monkeypatch):
    monkeypatch.setattr(codegen, "dialect", lambda: 15)
    text = "  %v3 = fmul <4 x double> %v1, splat (double 0x3FF0000000000000)\nf() memory(none)"
    assert codegen.in_dialect(text) == (
        "  %v3 = fmul <4 x double> %v1, <" + ", ".join(["double 0x3FF0000000000000"] * 4)
        + ">\nf() readnone")


# ---- probes ----
FACTS = [name for name, value in vars(abi).items()
         if name.isupper() and type(value) is int and name not in abi.STABLE]
SUMS_OF_FLAGS = {"CARRAY", "PLAIN"}


@ordinary
@pytest.mark.parametrize("name", [name for name in FACTS if name not in SUMS_OF_FLAGS])
def test_each_fact_has_a_probe(monkeypatch, name):
    before = getattr(abi, name)
    flag = name in ("CONTIGUOUS", "OWNS_DATA", "ALIGNED", "WRITABLE", "HAVE_VECTORCALL")
    step = -8 if name == "MEMBER_OF_DESCRIPTOR" else 8  # behind a descriptor may be anything
    monkeypatch.setattr(abi, name, before << 1 if flag else before + step)
    assert abi.unexpected() is not None


def test_sums_of_flags():
    assert abi.CARRAY == abi.CONTIGUOUS + abi.ALIGNED
    assert abi.PLAIN == abi.CARRAY + abi.OWNS_DATA + abi.WRITABLE


def test_what_has_no_probe_is_there():
    assert vars(abi).keys() >= abi.STABLE


@ordinary
def test_facts_are_in_one_file():
    """What looks into objects by their addresses is there, or takes its offsets from there."""
    llvm = ROOT / "src/ingot/backends/llvm"
    for path in (ROOT / "src/ingot").rglob("*.py"):
        text = path.read_text()
        if path != llvm / "native/abi.py" and re.search(r"from_address\(id\(|word\(id\(", text):
            assert "native.abi import" in text, path


@ordinary
@pytest.mark.parametrize("name", abi.NUMBERS)
def test_probes_notice_other_tables_of_operators(monkeypatch, name):
    place, *rest = abi.NUMBERS[name]
    monkeypatch.setitem(abi.NUMBERS, name, (place + 8, *rest))
    assert abi.unexpected() == "types are not laid out as expected"


@ordinary
def test_a_failed_probe_is_told_once_and_chooses_the_mode(monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert abi.unexpected() is None
    monkeypatch.setattr(abi, "NDARRAY_DIMS", abi.NDARRAY_NDIM)
    with pytest.warns(RuntimeWarning, match="portable mode.*arrays are not laid out as expected"):
        assert "arrays" in abi._portable()


CHANGES = {
    "objects": "FLOAT_VALUE += 8", "arrays": "NDARRAY_DIMS = NDARRAY_NDIM",
    "flags of arrays": "WRITABLE <<= 1", "types": "TYPE_DEALLOC += 8",
    "functions of CPython": "C_FUNCTIONS['Py_Missing'] = 'i64'",
    "slots": "MEMBER_OF_DESCRIPTOR -= 8", "NumPy's tables": "_ABI_VERSION = 211",
    "universal functions": "UFUNC_TYPES += 8"}
"""Changes of facts by the probes that notice them; 211 is the version of NumPy's features."""

CHANGED = """
import importlib.machinery, sys

class Finder:
    def find_spec(self, name, path, target=None):
        if name == "ingot.backends.llvm.native.abi":
            spec = importlib.machinery.PathFinder.find_spec(name, path)
            text = spec.loader.get_source(name)
            text = text.replace("\\nPORTABLE = ", "\\n" + {change!r} + "\\nPORTABLE = ")
            spec.loader.get_code = lambda name: compile(text, spec.origin, "exec")
            return spec

sys.meta_path.insert(0, Finder())
"""


@ordinary
@pytest.mark.parametrize("probe", abi._PROBES)
def test_each_probe_that_fails_chooses_the_mode_with_one_warning(probe):
    done = python(CHANGED.format(change=CHANGES[probe]) + PROGRAM, INGOT_PORTABLE="0",
                  INGOT_CACHE="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{probe} are not laid out as expected 0 False None False 1\n")
    assert done.stderr.count("Warning: ") == 1
    assert f"portable mode, where short calls take many times longer: {probe} are" in done.stderr


@ordinary
def test_sorts_that_are_not_where_they_should_be_are_not_called(monkeypatch):
    dtype = np.dtype(np.float64)
    assert all(abi.numpy_sort(name, dtype) for name in abi.SORTS)
    monkeypatch.setattr(abi, "_OTHERS", abi._OTHERS + 3)  # sorts of orders stand there
    abi.numpy_sort.cache_clear()
    assert not abi.numpy_sort("argsort", dtype)
    abi.numpy_sort.cache_clear()


@pytest.mark.parametrize("pretended", [
    "sys.implementation.name = 'another'", "sys.platform = 'plan9'",
    "platform.machine = lambda: 'riscv64'",
    "get = sysconfig.get_config_var\n"
    "sysconfig.get_config_var = lambda name: name == 'Py_GIL_DISABLED' or get(name)"])
def test_unknown_platforms_are_portable_without_a_word(pretended):
    done = python("import platform, sys, sysconfig\nimport numpy, ctypes.util\n"
                  f"sysconfig.get_config_vars()\n{pretended}\n"
                  "import ingot, ingot.backends.llvm.native.abi as abi\n"
                  "print(ingot.jit(lambda x: x + 1)(1.0), abi.PORTABLE)", "-W", "error",
                  INGOT_PORTABLE="0")
    assert done.stdout.startswith("2.0 ") and "None" not in done.stdout, done.stderr


# ---- the mode ----
PROGRAM = """
import numpy as np, ingot, ingot.numpy as jnp
from ingot.backends.llvm import codegen, elf, threads
from ingot.backends.llvm.native import abi
from ingot.backends.llvm.native.runtime import runtime
f = ingot.jit(lambda x: {"a": jnp.sort(x)[::-1], "b": jnp.fft.rfft(x).real.sum(),
                         "c": jnp.linalg.solve(jnp.eye(4) * 2, x[:4])})
x = np.random.default_rng(0).permutation(1000.0 * np.arange(1000))
for _ in range(100):
    out = f(x[::-1])
    y = jnp.asarray(x) * 2 + 1
runtime.load()
print(abi.PORTABLE, runtime.fast_path, elf.available(), codegen.library(), threads.supported(),
      ingot.get_num_threads())
np.testing.assert_array_equal(out["a"], np.sort(x)[::-1])
np.testing.assert_allclose(out["b"], np.fft.rfft(x[::-1]).real.sum())
np.testing.assert_allclose(out["c"], x[::-1][:4] / 2)
try:
    ingot.config.update("portable", False)
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("options", [(), ("-O",)])
def test_nothing_but_public_interfaces(options):
    done = python(PROGRAM, *options, INGOT_PORTABLE="1", INGOT_CACHE="0", INGOT_OPTIMIZE="full")
    first, second = done.stdout.splitlines() or (done.stderr, "")
    assert first == "INGOT_PORTABLE is set 0 False None False 1", done.stderr
    assert "INGOT_PORTABLE before that" in second


@ordinary
def test_python_without_asserts():
    program = PROGRAM.replace("import numpy", "assert False, 'asserts run'\nimport numpy")
    done = python(program, "-O", INGOT_CACHE="0", INGOT_PORTABLE="0")
    assert done.stdout.startswith("None ") and "None 0 " not in done.stdout, done.stderr


def test_one_mode_does_not_read_what_the_other_has_cached(tmp_path):
    program = ("import ingot, numpy as np\n"
               "print(ingot.jit(lambda x: (x * 2).sum())(np.arange(5.0)))")
    for _ in range(2):
        for portable in "01":
            done = python(program, INGOT_PORTABLE=portable, INGOT_CACHE_DIR=str(tmp_path))
            assert done.stdout == "20.0\n", done.stderr


def test_threads_may_be_asked_for_in_either_mode():
    before = ingot.get_num_threads()
    with ingot.num_threads(1):
        assert ingot.get_num_threads() == 1
    assert ingot.get_num_threads() == before
    assert threads.supported() or before == 1


# ---- relocations ----
BASE = 0x7000_0000_1000
INSTRUCTIONS = {  # kind, instruction, address referred to, instruction that refers to it
    "bl": (283, 0x94000000, BASE + 8, 0x94000002),
    "bl back": (283, 0x94000000, BASE - 4, 0x97FFFFFF),
    "b": (282, 0x14000000, BASE + 0x100, 0x14000040),
    "b.eq": (280, 0x54000000, BASE + 16, 0x54000080),
    "tbz": (279, 0x36000000, BASE + 16, 0x36000080),
    "adr": (274, 0x10000000, BASE + 5, 0x30000020),
    "adrp": (275, 0x90000000, BASE + 0x1FFF, 0xB0000000),
    "adrp back": (275, 0x90000000, BASE - 0x1000, 0xF0FFFFE0),
    "adrp of a table": (311, 0x90000000, BASE + 0x4008, 0x90000020),
    "add": (277, 0x91000000, BASE + 0x123, 0x91048C00),
    "ldrb": (278, 0x39400000, BASE + 0x123, 0x39448C00),
    "ldrh": (284, 0x79400000, BASE + 0x122, 0x79424400),
    "ldr w": (285, 0xB9400000, BASE + 0x124, 0xB9412400),
    "ldr x": (286, 0xF9400000, BASE + 0x128, 0xF9409400),
    "ldr q": (299, 0x3DC00000, BASE + 0x120, 0x3DC04800),
    "ldr of a table": (312, 0xF9400000, BASE + 0x18, 0xF9400C00)}


def applied(kind, instruction, value):
    memory = np.frombuffer(bytearray(instruction.to_bytes(8, "little")), np.uint8)
    relocations.apply(relocations.ARM[kind], memory, BASE, np.array([BASE]), np.array([value]))
    return int.from_bytes(memory.tobytes(), "little")


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_fields_of_instructions(name):
    kind, instruction, value, expected = INSTRUCTIONS[name]
    assert applied(kind, instruction, value) == expected
    assert applied(kind, expected, value) == expected  # what was there does not matter


@pytest.mark.parametrize("kind, value", [
    (283, BASE + 2**27), (283, BASE + 2), (275, BASE + 2**32), (279, BASE + 2**15),
    (286, BASE + 4), (261, BASE + 2**31)])
def test_what_is_out_of_reach_is_refused(kind, value):
    with pytest.raises(relocations.Unsupported):
        applied(kind, 0, value)


def test_data():
    assert applied(257, 0, BASE + 2**40) == BASE + 2**40
    assert applied(261, 0, BASE - 2) == 2**32 - 2


@ordinary
def test_probes_touch_no_memory_that_is_free():
    """Python's debugging allocator overwrites it."""
    program = ("from ingot.backends.llvm.native import abi; print(abi.PORTABLE);"
               " import ingot; print(ingot.jit(lambda x: x + 1)(1.0))")
    done = python(program, PYTHONMALLOC="debug", PYTHONWARNINGS="error")
    assert done.stdout.split() == ["None", "2.0"], done.stderr


@pytest.mark.parametrize("llvm, options", [(15, []), (20, []), (22, ["-slp-copyable-elements=0"])])
def test_options_are_those_that_this_llvm_has(llvm, options, monkeypatch):
    """Other versions end the process where they meet one that they do not know."""
    monkeypatch.setattr(codegen, "dialect", lambda: llvm)
    assert codegen.without_copyable_elements() == options
