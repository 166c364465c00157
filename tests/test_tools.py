"""Tools that answer: the cache on disk, profiles, names of JAX, flags, listeners."""

import glob
import gzip
import json
import os
import threading

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax, profiler
from ingot.config import TABLE, config, fast_path_guard
from ingot.core.spans import RECORDINGS

HERE = os.path.basename(__file__)


# ---- names ---------------------------------------------------------------------------------------
def test_each_name_of_jax_exists_or_explains_itself():
    jax = pytest.importorskip("jax")
    silent = []
    for name in [n for n in dir(jax) if not n.startswith("_")]:
        try:
            getattr(ingot, name)
        except AttributeError as error:
            silent += [] if "; " in str(error) else [name]
    assert not silent


@pytest.mark.parametrize("module", ["cache", "profiler", "monitoring", "test_util"])
def test_public_modules_list_public_names_alone(module):
    space = getattr(ingot, module)
    assert module in dir(ingot) and set(dir(space)) == set(space.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = space.nonsense


def test_dir_and_help_show_the_public_api_alone():
    assert not [n for n in dir(ingot) if n.startswith("_")]
    for name in dir(ingot):
        getattr(ingot, name)
    assert "compat" not in dir(ingot) and "core" not in dir(ingot)


def test_the_configuration_prints_each_flag_with_a_sentence():
    lines = repr(config).splitlines()[1:]
    assert len(lines) == len(TABLE)
    for line, flag in zip(lines, TABLE, strict=True):
        assert line.startswith(f"{flag.name} = ") and line.endswith(flag.sentence)


def test_flags_of_jax_as_contexts():
    with ingot.default_device(ingot.devices()[0]):
        assert config.default_device is ingot.devices()[0]
    with ingot.transfer_guard("log"):
        assert config.transfer_guard_host_to_device == "log" == config.transfer_guard_device_to_host
    assert config.transfer_guard_device_to_device is None


# ---- the cache -----------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path):
    with config.override("cache_dir", str(tmp_path / "cache")), config.override("cache", True):
        yield tmp_path / "cache"


@pytest.mark.llvm("programs are kept as machine code")
def test_the_cache_says_what_it_has_and_is_emptied(folder):
    assert ingot.cache.info().entries == 0 == ingot.cache.clear()
    assert not folder.exists() and ingot.cache.info().writable
    f = ingot.jit(lambda x: jnp.sin(x) * 17.5 + 1)
    f(1.0)
    info = ingot.cache.info()
    assert info.folder == folder and info.entries >= 1
    assert info.nbytes == sum(p.stat().st_size for p in folder.iterdir())
    assert str(info).startswith(f"{info.entries} programs, ") and str(folder) in str(info)
    (folder / "notes.txt").write_text("mine")
    (folder / ("0" * 40)).mkdir()  # no file
    assert ingot.cache.clear() == info.entries
    assert sorted(p.name for p in folder.iterdir()) == ["0" * 40, "notes.txt"]
    np.testing.assert_allclose(f(1.0), np.sin(1.0) * 17.5 + 1)


@pytest.mark.llvm("programs are kept as machine code")
def test_a_cache_that_can_only_be_read_serves_and_stays(folder, monkeypatch):
    ingot.jit(lambda x: jnp.cos(x) * 18.5)(1.0)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def refuse(*args, **kwargs):
        raise PermissionError("read-only")

    for name in ("unlink", "utime", "replace", "open"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(os, "access", lambda *args: False)
    assert ingot.cache.clear() == 0
    info = ingot.cache.info()
    assert not info.writable and "can only be read" in str(info) and info.entries == len(before)
    ingot.clear_caches()
    np.testing.assert_allclose(ingot.jit(lambda x: jnp.cos(x) * 18.5)(1.0), np.cos(1.0) * 18.5)
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_without_a_cache():
    with config.override("cache", False):
        assert ingot.cache.info().folder is None and ingot.cache.clear() == 0
        assert str(ingot.cache.info()) == "no cache on disk: the flag cache is False"


# ---- traces --------------------------------------------------------------------------------------
def events_of(folder):
    (path,) = glob.glob(str(folder / "plugins" / "profile" / "*" / "*.trace.json.gz"))
    with gzip.open(path, "rt") as file:
        return [e for e in json.load(file)["traceEvents"] if e["ph"] == "X"]


@pytest.mark.llvm("passes and LLVM are stages of its")
def test_a_trace_has_each_stage(tmp_path):
    def f(x):
        return jnp.sum(jnp.sin(x) * 19.5)

    g = ingot.jit(f)
    with config.override("cache", False), profiler.trace(tmp_path):
        for step in range(3):
            with profiler.StepTraceAnnotation("train", step_num=step):
                g(np.ones(5))
        thread = threading.Thread(target=g, args=(np.ones(5),), name="other")
        thread.start()
        thread.join()
        profiler.annotate_function(f, name="mine")(np.ones(5))
    assert not RECORDINGS and None not in fast_path_guard[1:]
    events = events_of(tmp_path)
    kinds = {k: [e for e in events if e["cat"] == k] for k in (
        "call", "tracing", "compiling", "pass", "LLVM", "loading", "run", "step", "annotation")}
    assert all(kinds.values()), kinds
    assert len(kinds["call"]) == 4 and {e["name"] for e in kinds["call"]} == {"f"}
    assert HERE in kinds["call"][0]["args"]["line"]
    assert [e["args"]["step_num"] for e in kinds["step"]] == ["0", "1", "2"]
    assert {"lower", "emit", "eliminate-dead-code"} <= {e["name"] for e in kinds["pass"]}
    assert len({e["tid"] for e in kinds["call"]}) == 2
    first = kinds["call"][0]
    for kind in ("tracing", "LLVM"):  # other threads may compile what was called before
        assert any(first["ts"] <= e["ts"] and e["ts"] + e["dur"] <= first["ts"] + first["dur"]
                   for e in kinds[kind])


def test_nothing_is_recorded_without_a_profile(tmp_path):
    with pytest.raises(RuntimeError, match="call start_trace first"):
        profiler.stop_trace()
    profiler.start_trace(tmp_path, profiler_options=profiler.ProfileOptions(host_tracer_level=0))
    with pytest.raises(RuntimeError, match="call stop_trace first"):
        profiler.start_trace(tmp_path)
    ingot.jit(lambda x: x)(1.0)
    profiler.stop_trace()
    assert events_of(tmp_path) == []
    with profiler.TraceAnnotation("nobody looks"):
        pass


# ---- reports -------------------------------------------------------------------------------------
def test_a_report_has_the_lines():
    def f(x, n=2):
        y = jnp.exp(x) @ x  # line 2 of f

        def body(c, row):
            return jnp.tanh(c) * row, None  # line 5 of f

        return jnp.sum(lax.scan(body, y[0], y)[0]) * n

    x = np.full((20, 20), 0.01)
    for fun in (f, ingot.jit(f), ingot.value_and_grad(f)):
        report = profiler.report(fun, x)
        lines = [row.line.rpartition(":")[2] for row in report.rows]
        start = f.__code__.co_firstlineno
        assert {f"{start + 1} (f)", f"{start + 4} (body)"} <= set(lines)
        assert all(HERE in row.line and row.seconds > 0 for row in report.rows)
        text = repr(report)
        assert "us a call, as one compiled program" in text and "GB/s" in text
        assert report._repr_html_().count("<tr>") == len(report.rows) + 1
    report = profiler.report(ingot.jit(f, static_argnames="n"), x, n=3)
    (first,) = [r for r in report.rows if r.line.endswith(f":{start + 1} (f)")]
    assert first.flops == 20 * 20 + 2 * 20**3 and first.nbytes == 5 * 8 * 400


def test_the_memory_profile_lists_arrays(tmp_path):
    x = jnp.ones((123, 7), "float32")
    profiler.save_device_memory_profile(tmp_path / "memory")
    text = (tmp_path / "memory").read_text()
    assert f" x {ingot.typeof(x)}" in text and text.splitlines()[-1].endswith("arrays")


def test_listeners_are_told_of_compilations():
    told = []

    def listen(event, seconds, **details):
        told.append(event)

    ingot.monitoring.register_event_duration_secs_listener(listen)
    ingot.jit(lambda x: x + 20.5)(1.0)
    ingot.monitoring.unregister_event_duration_listener(listen)
    assert "/jax/core/compile/jaxpr_trace_duration" in told
