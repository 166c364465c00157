"""Errors show the user's own lines, and warnings point at them, wherever ingot lies."""

import os
import pickle
import subprocess
import sys
import textwrap
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
import ingot.scipy.linalg
import ingot.scipy.special
import ingot.scipy.stats.norm  # noqa: F401
from ingot import lax, random
from ingot.config import config

PACKAGE = os.path.dirname(ingot.__file__) + os.sep
x = jnp.arange(5.0)
y = jnp.ones(3)
key = random.key(0)


@ingot.custom_jvp
def with_jvp(x):
    return x + y


with_jvp.defjvp(lambda primals, tangents: (with_jvp(*primals), tangents[0]))


@ingot.custom_vjp
def with_vjp(x):
    return 2 * x


with_vjp.defvjp(lambda x: (2 * x, x), lambda r, ct: (ct, ct))


def calls_back(x):
    return ingot.pure_callback(lambda x: 1 / 0, ingot.ShapeDtypeStruct((), float), x)


WRONG = {
    "index": lambda: x[10],
    "indices": lambda: x[0, 1],
    "operator": lambda: x + y,
    "reflected operator": lambda: np.ones(3) + x,
    "matmul": lambda: x @ jnp.ones((3, 3)),
    "bits": lambda: ~x,
    "setitem": lambda: x.__setitem__(0, 1.0),
    "at": lambda: x.at[10].set(1.0),
    "at shape": lambda: x.at[:3].set(jnp.ones(4)),
    "method": lambda: x.reshape(3, 3),
    "property": lambda: x.mT,
    "conversion": lambda: float(x),
    "bool": lambda: bool(x),
    "numpy function": lambda: jnp.sum(x, axis=3),
    "numpy elementwise": lambda: jnp.arctan2(x, y),
    "ufunc": lambda: jnp.add.reduce(x, axis=4),
    "concatenate": lambda: jnp.concatenate([x, jnp.ones((2, 2))]),
    "einsum": lambda: jnp.einsum("ij,jk", jnp.ones((2, 3)), jnp.ones((2, 3))),
    "scalar type": lambda: jnp.uint8(300),
    "vectorize": lambda: jnp.vectorize(lambda a: a + y, signature="(n)->(n)")(x),
    "lax": lambda: lax.add(x, y),
    "missing name": lambda: lax.no_such_function,
    "random": lambda: random.normal(0.5, (1,)),
    "linalg": lambda: jnp.linalg.inv(jnp.ones((2, 3))),
    "scipy.linalg": lambda: ingot.scipy.linalg.cho_solve((jnp.eye(2), True), y),
    "special": lambda: ingot.scipy.special.gammaln("a"),
    "special of a further module": lambda: ingot.scipy.special.jv("a", 1),
    "special of two results": lambda: ingot.scipy.special.airy("a"),
    "special, of no such number of arguments": lambda: ingot.scipy.special.jv(1),
    "stats": lambda: ingot.scipy.stats.norm.logpdf("a"),
    "fft": lambda: jnp.fft.fft(x, axis=3),
    "nn": lambda: ingot.nn.one_hot(x, -1),
    "scan": lambda: lax.scan(lambda c, x: (c,), 0.0, x),
    "cond": lambda: lax.cond(x, lambda: 1, lambda: 1),
    "grad": lambda: ingot.grad(lambda x: x)(x),
    "vmap": lambda: ingot.vmap(lambda a, b: a + b)(x, y),
    "pmap": lambda: ingot.pmap(lambda a: a + y)(jnp.ones((2, 5))),
    "jit": lambda: ingot.jit(lambda x: x + y)(x),
    "jit of no function": lambda: ingot.jit(3),
    "checkpoint": lambda: ingot.checkpoint(lambda x: x + y)(x),
    "custom_jvp": lambda: with_jvp(x),
    "custom_vjp": lambda: ingot.grad(with_vjp)(1.0),
    "callback": lambda: calls_back(1.0),
    "callback in jit": lambda: ingot.jit(calls_back)(1.0),
    "tree": lambda: ingot.tree.map(lambda a, b: a, [1, 2], [1]),
    "vjp": lambda: ingot.vjp(lambda x: x, x)[1](y),
    "debug.print": lambda: ingot.debug.print("{} {}", x),
    "config": lambda: config.update("no_such_flag", 1),
}


def error_of(fun):
    with pytest.raises(Exception) as info:
        fun()
    return info.value


def files(error):
    return [f.filename for f in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("name", WRONG)
def test_only_the_users_frames(name):
    error = error_of(WRONG[name])
    shown = traceback.TracebackException.from_exception(error)
    text = "".join(shown.format())
    assert PACKAGE not in text and os.path.dirname(np.__file__) not in text
    assert files(error)[-1] == __file__
    if "callback" not in name:
        assert "During handling" not in text and "direct cause" not in text


def test_what_the_user_handles_stays():
    def handled():
        try:
            raise KeyError("user's")
        except KeyError:
            return x.reshape(3, 3)

    text = "".join(traceback.format_exception(error_of(handled)))
    assert "During handling" in text and "user's" in text


@pytest.mark.parametrize("how", ["auto", "off", "tracebackhide", "remove_frames",
                                 "quiet_remove_frames"])
def test_each_way_of_filtering(how):
    with config.override("traceback_filtering", how):
        error = error_of(lambda: x + y)
    ours = [t for t, _ in traceback.walk_tb(error.__traceback__)
            if t.f_code.co_filename.startswith(PACKAGE)]
    assert bool(ours) == (how in ("off", "tracebackhide"))
    assert all(("__tracebackhide__" in f.f_locals) == (how == "tracebackhide") for f in ours)
    assert ("UnfilteredStackTrace" in repr(error.__cause__)) == (how == "remove_frames")
    assert bool(getattr(error, "__notes__", [])) == (how == "quiet_remove_frames")


def test_frames_of_others_stay(tmp_path):
    """Also those of a library below ours, in a folder with our name, among installed packages."""
    folder = tmp_path / "ingot" / "site-packages"
    folder.mkdir(parents=True)
    (folder / "layers.py").write_text("def layer(x):\n    return x + x[:2]\n")
    sys.path.insert(0, str(folder))
    try:
        import layers  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(folder))
    names = files(error_of(lambda: ingot.jit(ingot.vmap(layers.layer))(jnp.ones((2, 3)))))
    assert names == [__file__] * (len(names) - 1) + [str(folder / "layers.py")]


def test_public_functions_are_one_object():
    assert jnp.linalg.matmul is jnp.matmul and ingot.nn.logsumexp is ingot.scipy.special.logsumexp
    for function in (jnp.sum, jnp.linalg.inv, lax.scan, ingot.grad, ingot.tree.map):
        assert pickle.loads(pickle.dumps(function)) is function


def test_warnings_point_at_the_users_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with config.override("numpy_rank_promotion", "warn"):
            _ = x + jnp.ones((5, 5))
            jnp.hypot(x, jnp.ones((5, 5)))
        ingot.jit(lambda x: x.sum(), donate_argnums=0)(jnp.ones(3))
        jnp.arange(3).at[0].set(jnp.float32(1.5))
        jnp.ones(2, "complex64").astype("float32")
        with config.override("enable_x64", False):
            jnp.zeros(2, "float64")
    assert len(caught) == 6
    assert {w.filename for w in caught} == {__file__}


@pytest.mark.llvm("the cache on disk")
def test_a_script_in_a_folder_of_any_name(tmp_path):
    """The clone, the cache and the script lie in folders called ingot, with blanks and quotes."""
    folder = tmp_path / "my ingot's \"ü\""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "ingot").symlink_to(PACKAGE)
    script = folder / "ingot_script.py"
    script.write_text(textwrap.dedent("""
        import ingot, ingot.numpy as jnp
        print(float(ingot.jit(ingot.grad(lambda x: jnp.sin(x) ** 2))(1.0)))
        def outer():
            return jnp.ones(3) + jnp.ones(4)
        outer()
    """))
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"),
                   "INGOT_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run([sys.executable, "-OO", "-W", "error", str(script)], text=True,
                          capture_output=True, env=environment, timeout=120)
    assert done.stdout.startswith("0.909297")
    shown = [line for line in done.stderr.splitlines() if line.startswith("  File")]
    assert len(shown) == 2 and all("ingot_script.py" in line for line in shown)
    assert done.stderr.splitlines()[-1].startswith("ingot.errors.ShapeError: add: shapes must")
    assert list(Path(folder / "cache").iterdir())
