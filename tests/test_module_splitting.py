"""Modules cut in two: what they compute is the same, and where they are not cut."""

import os
import subprocess
import sys

import numpy as np
import pytest

import ingot
from ingot import lax, numpy as inp, random
from ingot.backends.llvm import codegen, elf, engine, module_splitting, threads
from ingot.config import config

pytestmark = [
    pytest.mark.llvm("modules of machine code"),
    pytest.mark.skipif(not elf.available() or codegen.library() is None,
    reason="modules are not cut on this platform")]

N = 200_000
PROGRAMS = {
    "lanes": lambda key: random.gamma(key, 2.5, (N,)),
    "two samplers": lambda key: random.beta(key, 2.0, 3.0, (N,)),
    "rare arguments": lambda key: [inp.sin(1e9 * x) + lax.lgamma(x.astype("float32"))
                                   for x in (random.uniform(key, (N,)), random.normal(key, (N,)))],
    "inlined": lambda key: [inp.cumsum(f(random.normal(key, (N,))))
                            for f in (inp.exp, inp.tanh, inp.expm1, inp.cosh)],
}


@pytest.fixture
def cut(monkeypatch):
    """What the modules of programs were cut into, if there were two processors."""
    found = []
    threads.prepare()  # whose module need not be compiled then

    def remember(text):
        found.append(module_splitting.split_module(text))
        return found[-1]

    monkeypatch.setattr(engine, "split_module", remember)
    monkeypatch.setattr(engine, "available_cpus", lambda: 2)
    monkeypatch.setattr(module_splitting, "LEAST", 100)
    monkeypatch.setattr(module_splitting, "UNEQUAL", 100)
    with config.override("cache", False):
        yield found


@pytest.mark.parametrize("optimize", ["fast", "full"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_halves_compute_what_the_whole_does(name, optimize, cut, monkeypatch):
    with config.override("optimize", optimize):
        here = ingot.jit(PROGRAMS[name])(random.key(1))
        assert [2] == [len(parts) for parts in cut]
        monkeypatch.setattr(engine, "split_module", lambda text: [text])
        whole = ingot.jit(lambda key: PROGRAMS[name](key))(random.key(1))
    for x, y in zip(ingot.tree.leaves(here), ingot.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(x, y)


def test_llvm_links_halves_too(cut, monkeypatch):
    def refuse(code, resolve):
        raise elf.Unsupported("for the test")

    expected = np.asarray(ingot.jit(lambda key: PROGRAMS["lanes"](key))(random.key(1)))
    monkeypatch.setattr(elf, "Image", refuse)
    again = ingot.jit(lambda key: PROGRAMS["lanes"](key))(random.key(1))
    np.testing.assert_array_equal(again, expected)
    assert [2, 2] == [len(parts) for parts in cut]


FAR_APART = """
import ctypes
import mmap
import numpy as np
import ingot
import ingot.numpy as jnp
from ingot.backends.llvm import elf

def refuse(code, resolve):
    raise elf.Unsupported("for the test")

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, *[ctypes.c_size_t] * 5]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
reserved = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE

def taken(size):
    return libc.mmap(None, size, 0, reserved, 2**64 - 1, 0)

ingot.jit(lambda x: x + 1)(np.ones(3))
elf.Image = refuse
small = [taken(2**16) for _ in range(3000)]  # the free places that are there
holes = [(taken(2**31 + 2**20), taken(mmap.PAGESIZE))[1] for _ in range(400)]
for hole in holes:
    libc.munmap(hole, mmap.PAGESIZE)
x = np.linspace(0, 1, 64)
for k in range(20):
    got = ingot.jit(lambda x: jnp.sin(x) * (k + 0.5) + jnp.exp(x) / 3.7 + jnp.tanh(x))(x)
    want = np.sin(x) * (k + 0.5) + np.exp(x) / 3.7 + np.tanh(x)
    np.testing.assert_allclose(got, want, rtol=1e-14)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="how Linux finds free memory")
def test_llvm_links_where_free_memory_lies_apart():
    environment = {**os.environ, "INGOT_CACHE": "0"}
    subprocess.run([sys.executable, "-c", FAR_APART], env=environment, check=True)


def test_entries_of_halves_are_read(cut, tmp_path):
    with config.override("cache", True), config.override("cache_dir", str(tmp_path)):
        first = ingot.jit(PROGRAMS["lanes"]).lower(random.key(1)).compile()
        ingot.clear_caches()
        again = ingot.jit(PROGRAMS["lanes"]).lower(random.key(1)).compile()
    np.testing.assert_array_equal(first(random.key(1)), again(random.key(1)))
    assert len(cut) == 1


def test_errors_of_a_half_are_raised():
    good = "define i32 @run() {\n ret i32 0\n}\n"
    for parts in ([good, "nonsense"], ["nonsense", good]):
        with pytest.raises(RuntimeError, match="expected top-level entity"):
            codegen.object_codes(parts, 0, 0, 3)


def test_short_modules_and_those_of_one_function_stay_whole(cut):
    ingot.jit(lambda x: inp.sin(x) + 1)(np.ones(3))
    ingot.jit(lambda x: lax.fori_loop(0, 9, lambda i, x: [
        x := inp.sin(x) * y for y in range(300)][-1], x))(1.0)
    assert [1, 1] == [len(parts) for parts in cut]
