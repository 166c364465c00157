"""The list of passes: what it says is what runs, and each can be switched off without a change of
results."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from fuzz.check import case
from fuzz.limits import lowered
from ingot import debug
from ingot.backends.llvm import engine, threads
from ingot.backends.llvm.compilation import Compilation
from ingot.compiler import pipeline
from ingot.compiler.passes import PassReport
from ingot.config import config
from ingot.errors import InternalError
from ingot.transforms.stage import stage
from pass_programs import PROGRAMS, agree, busy_passes, compiled, expected, leaves

OPTIONAL = [p.name for p in pipeline.PASSES if not p.required]
BY_NAME = {p.name: p for p in pipeline.PASSES}
SEEDS = (2, 3, 8)


@pytest.fixture(autouse=True, scope="module")
def busy():
    with busy_passes():
        yield
    ingot.clear_caches()


def reports(fun, *args, tier=None):
    found: list[PassReport] = []
    jaxpr = ingot.make_jaxpr(fun)(*args)
    Compilation(stage(jaxpr, jaxpr.in_avals)).kernels(tier or engine.FULL, found)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_results_with_all_passes(name):
    assert agree(compiled(name), expected(name))


@pytest.mark.sampled(2)
@pytest.mark.parametrize("off", OPTIONAL)
def test_any_optional_pass_can_be_left_out(off):
    with config.override("passes", f"-{off}"):
        wrong = [name for name in PROGRAMS if not agree(compiled(name), expected(name))]
    assert not wrong


def test_all_optional_passes_can_be_left_out():
    with config.override("passes", ",".join(f"-{name}" for name in OPTIONAL)):
        wrong = [name for name in PROGRAMS if not agree(compiled(name), expected(name))]
    assert not wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs_without_passes(seed):
    """Each pass by itself, of programs of the fuzzer and with its lowered constants."""
    one = case(seed)
    fun, args = one.function(), one.arguments(0)

    def results(passes):
        with config.override("passes", passes):
            return leaves(ingot.jit(lambda *xs: fun(*xs))(*[jnp.array(x) for x in args]))

    right = one.references[0]
    with lowered(seed):
        ingot.clear_caches()
        for off in ("", *(f"-{name}" for name in OPTIONAL)):
            for k, got in enumerate(results(off)):
                assert not (wrong := right.mismatch(k, got)), f"{off}: {wrong}"


def test_each_pass_runs_as_often_as_the_list_says():
    """And each has something to do in one of the sample programs."""
    ran, acted = set(), set()
    for fun, args in PROGRAMS.values():
        for report in reports(lambda *xs, fun=fun: fun(*xs), *args):
            ran.add(report.name)
            if report.before != report.after:
                acted.add(report.name)
    elsewhere = {"outline", "check-memory", "pack-math-calls"}  # in lowering, by a flag, in text
    if not threads.supported():
        elsewhere.add("parallelize")
    assert ran == {*BY_NAME} - elsewhere
    quiet = {"parallelize", "place-polls", "reads-first", "mask-scatters", "fold-transposes"}
    # These mark, or move.
    assert ran - quiet <= acted | {"identities", "dead-equations"}


def test_the_fast_tier_leaves_out_what_the_list_says():
    ran = {r.name for fun, args in PROGRAMS.values()
           for r in reports(lambda *xs, fun=fun: fun(*xs), *args, tier=engine.FAST)}
    assert all(pipeline.FAST in BY_NAME[name].tiers for name in ran)


def test_flags_that_name_no_optional_pass():
    x = np.ones(3)
    for passes, problem in (("-fusion", "there is no pass 'fusion'"), ("outline", "a minus"),
                            ("-lower", "cannot be switched off: only kernels"),
                            ("-assign-buffers", "cannot be switched off: temporaries of fused")):
        with config.override("passes", passes), pytest.raises(ValueError, match=problem):
            ingot.jit(lambda x: x + 1)(x)


def test_switches_are_part_of_the_key():
    @ingot.jit
    def f(x):
        return jnp.sin(x) * x, jnp.cos(x) + x

    def loops():
        return f.lower(np.ones(300)).compile().as_text("kernels").count("for ")

    assert loops() == 1
    with config.override("passes", "-fuse-loops"):
        assert loops() == 2
    assert loops() == 1


def test_what_is_printed(capsys):
    debug.passes(lambda x: (jnp.sin(x) * x, jnp.cos(x) + x), np.ones(3000))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["pass", "runs", "ms", "what", "it", "changed"]
    (fused,) = [line for line in lines if line.startswith("fuse-loops")]
    assert "2 -> 1 loops" in fused
    assert {line.split()[0] for line in lines[1:]} <= {*BY_NAME}


def test_sentences():
    for p in pipeline.PASSES:
        assert p.sentence.endswith(".") and p.sentence[0] in "ABCDEFGHIJKLMNOPQRSTUVWXYZs"


def test_a_pass_that_makes_nonsense_is_named(monkeypatch):
    def emptied(function):
        function.body.nodes.clear()

    monkeypatch.setattr(pipeline, "eliminate_dead_code", emptied)
    with pytest.raises(InternalError, match=r"dead-code: the function of \(float64 x 1400\)"):
        compiled("rows")
