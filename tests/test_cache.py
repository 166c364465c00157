"""The cache of machine code on disk: shared, bounded, never trusted."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ingot  # noqa: F401 (registers the back ends)
from ingot.backends.llvm import cache
from ingot.config import config
from ingot.core.backend import compile_jaxpr
from ingot.core.interpreter import typeof
from ingot.ops.exponential import exp
from ingot.transforms.stage import stage


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


def test_another_process_reads_the_entry(folder):
    program = (
        "import numpy as np, ingot\n"
        "from ingot.api.jit import jit\n"
        "f = jit(lambda x: ingot.numpy.exp(x) * 3)\n"
        "f(1.0)\n"
        "from ingot.backends.llvm import engine\n"
    )
    root = Path(__file__).resolve().parents[1] / "src"
    environment = {"PYTHONPATH": str(root), "INGOT_CACHE_DIR": str(folder), "PATH": ""}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program], env=environment, check=True)
        entries = sorted(p.name for p in folder.iterdir())
    assert len(entries) == 1


def test_the_cache_can_be_turned_off(folder):
    with config.override("cache", False):
        assert not executable().code.cached
    assert not list(folder.iterdir())
