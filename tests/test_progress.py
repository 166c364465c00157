"""ingot.progress: loops give the same with a bar, which is told seldom and ends at the total."""

import io
import sys
import threading

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.api import progress_bars
from ingot.api.progress_bars import BARS, Bars, Lines
from ingot.config import config

x5 = np.linspace(0.1, 1.0, 5)


def body(c, x):
    return jnp.sin(c) + x, c * x


LOOPS = {
    "scan": (lax.scan, lambda loop: lambda x: loop(body, x, np.arange(700.0)), 700),
    "scan reverse": (lax.scan, lambda loop: lambda x: loop(
        body, x, np.arange(700.0), reverse=True, unroll=7), 700),
    "scan length": (lax.scan, lambda loop: lambda x: loop(
        lambda c, _: (jnp.sin(c), None), x, length=300), 300),
    "fori_loop": (lax.fori_loop, lambda loop: lambda x: loop(
        3, 400, lambda i, c: jnp.sin(c) + i, x), 397),
    "fori_loop traced": (lax.fori_loop, lambda loop: lambda x: loop(
        0, (100 * jnp.ceil(x)).astype(int), lambda i, c: jnp.sin(c) + i, x), 100),
    "while_loop": (lax.while_loop, lambda loop: lambda x: loop(
        lambda c: c[1] < 250, lambda c: (jnp.sin(c[0]), c[1] + 1), (x, 0)), -1),
    "map": (lax.map, lambda loop: lambda x: loop(
        lambda y: (jnp.sin(y) * x, y), np.arange(1003.0)), 1003),
    "map batches": (lax.map, lambda loop: lambda x: loop(
        lambda y: jnp.sin(y) * x, np.arange(1003.0), batch_size=7), 1003),
}
TRANSFORMS = {
    "plain": lambda f: f(x5[0]), "jit": lambda f: ingot.jit(f)(x5[0]),
    "vmap": lambda f: ingot.jit(ingot.vmap(f))(x5),
    "jvp": lambda f: ingot.jvp(f, (x5[0],), (1.0,)),
    "vmap jvp": lambda f: ingot.vmap(lambda x: ingot.jvp(f, (x,), (1.0,)))(x5),
    "vjp": lambda f: ingot.vjp(f, x5[0])[1](ingot.tree.map(jnp.ones_like, f(x5[0]))),
}
NO_REVERSE = {"while_loop", "fori_loop traced"}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("loop", LOOPS)
def test_loops_with_a_bar_give_the_same(loop, transform):
    if transform == "vjp" and loop in NO_REVERSE:
        pytest.skip("while loops have no derivative in reverse mode")
    fun, use, total = LOOPS[loop]
    said = []
    act = TRANSFORMS[transform]
    got = act(use(ingot.progress(fun, loop, show=lambda *now: said.append(now))))
    want = act(use(fun))
    ingot.effects_barrier()
    assert ingot.tree.structure(got) == ingot.tree.structure(want)
    for a, b in zip(ingot.tree.leaves(got), ingot.tree.leaves(want), strict=True):
        assert ingot.typeof(a) == ingot.typeof(b)
        if a.dtype != ingot.float0:
            np.testing.assert_allclose(a, b, rtol=1e-15, atol=0)
    assert said and said[-1] == (250 if total < 0 else total, total)
    assert not BARS._open


@pytest.mark.parametrize("n", [0, 1, 2, 199, 200, 201])
def test_map_of_few(n):
    x = np.arange(float(n))
    got = ingot.jit(lambda x: ingot.progress(lax.map, show=lambda *_: None)(jnp.sin, x))(x)
    np.testing.assert_allclose(got, np.sin(x), rtol=1e-15)


def test_a_program_runs_again_with_a_new_bar():
    said = []
    f = ingot.jit(lambda n: ingot.progress(lax.fori_loop, show=lambda *now: said.append(now))(
        0, n, lambda i, x: x + i, 0))
    assert [int(f(n)) for n in (3, 0, 10)] == [3, 0, 45]
    assert said == [(3, 3), (0, 0), (10, 10)]


def test_iterables():
    said = []
    assert list(ingot.progress(range(4), show=lambda *now: said.append(now))) == [0, 1, 2, 3]
    assert list(ingot.progress(iter("ab"), total=2, show=lambda *now: said.append(now))) == [*"ab"]
    assert said == [(4, 4), (2, 2)]
    bar = ingot.progress((i for i in range(9)), show=lambda *now: said.append(now))
    assert next(bar) == 0
    bar.close()
    assert said[-1] == (0, -1) and not BARS._open


def test_threads_have_bars_of_their_own():
    said = {}
    f = ingot.jit(lambda x, name: ingot.progress(
        lax.scan, name, show=lambda *now: said.setdefault(name, []).append(now))(
            body, x, np.arange(2000.0))[0], static_argnames="name")
    threads = [threading.Thread(target=f, args=(1.0, name)) for name in "abc"]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert {name: now[-1] for name, now in said.items()} == dict.fromkeys("abc", (2000, 2000))


def test_errors_are_those_of_the_loop():
    loop = ingot.progress(lax.scan)
    with pytest.raises(TypeError, match=r"carry: init has type f64\[\], the body returns i64"):
        ingot.jit(lambda x: loop(lambda c, x: (c.astype(int), x), x, x5))(1.0)
    with pytest.raises(TypeError, match=r"progress\(lax.scan\)\(body, init, xs\)"):
        ingot.progress(body)
    with pytest.raises(TypeError, match="got 3"):
        ingot.progress(3)


# ---- how often, and how bars are drawn -----------------------------------------------------------
class Clock:
    """Time that passes only when told; drawing may take some."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(progress_bars.time, "perf_counter", lambda: self.now)


@pytest.mark.parametrize("per_iteration", [1e-7, 1e-4, 0.03, 2.0])
@pytest.mark.parametrize("drawing", [0.0, 0.002])
def test_python_is_called_seldom(monkeypatch, per_iteration, drawing):
    """Some ten times a second, less where drawing is slow, and after each iteration of a second."""
    clock, bars, drawn = Clock(monkeypatch), Bars(), []

    def show(done, total):
        drawn.append(done)
        clock.now += drawing

    number, last, due, calls = bars.open("", -1, show), 0, 1, 0
    while clock.now < 130.0:
        clock.now += per_iteration * (due - last)
        last, due = due, bars.tell(number, due)
        calls += 1
    growing = 15  # calls until the count is right
    assert calls <= 30 / max(0.1, per_iteration) * 1.1 + growing
    assert calls * drawing <= 0.0055 * 30 + 0.1
    if per_iteration == 2.0:
        assert calls >= 14


def test_lines(monkeypatch, capsys):
    line = Lines("fit", 50, 7.0)
    for done in range(1, 51):
        line.draw(done)
    line.close(50)
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 12 and shown[5].startswith("fit:  50 %, ")
    assert shown[-1].startswith("fit: 100 %, 7.")  # seconds since the loop began, not the bar


@pytest.mark.parametrize("kind", ["rich", "tqdm", "plain", "off"])
def test_bars_are_drawn(monkeypatch, kind):
    if kind in ("rich", "tqdm"):
        pytest.importorskip(kind)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(progress_bars, "DELAY", 0.0)
    with config.override("progress", kind):
        outer = BARS.open("outer", 3)
        BARS.tell(outer, 1)
        for _ in range(2):
            inner = BARS.open("inner", -1)
            BARS.tell(inner, 4)
            BARS.close(inner, 7)
        BARS.close(outer, 3)
    shown = sys.stderr.getvalue()
    assert ("outer" in shown and "3" in shown and "7" in shown) == (kind != "off")
    assert progress_bars.Rich._display is None and not BARS._open


def test_bars_of_interrupted_loops_are_closed(monkeypatch):
    clock, bars, said = Clock(monkeypatch), Bars(), []
    bars.open("stopped", 10, lambda *now: said.append(now))
    clock.now += 60.0
    bars.open("next", 10)
    assert said == [(0, 10)] and len(bars._open) == 1
    bars.close_all()
    assert bars.tell(1, 5) == 10 and not bars._open
