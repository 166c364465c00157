"""What debugging writes: pictures of shardings, lines from programs, records of logging."""

import logging
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest

import ingot
from ingot import P, debug
from ingot.config import config

X = np.array([1.2345, 2.3456, 1e-7])


@dataclass(frozen=True)
class Chip:
    """Stands for a device."""

    id: int
    platform: str = "tpu"
    device_kind: str = "TPU v4"


def boxes(shape, grid, spec, **options):
    """The lines of a picture for a mesh of so many chips along x and y."""
    chips = np.array([Chip(k) for k in range(np.prod(grid))]).reshape(grid)
    mesh = ingot.sharding.Mesh(chips, ("x", "y")[:len(grid)])
    debug.visualize_sharding(shape, ingot.NamedSharding(mesh, spec), **options)


# ---- pictures ------------------------------------------------------------------------------------
@pytest.mark.parametrize(("case", "picture"), [
    (((5,), (1,), P("x")), "┌───────┐\n│ TPU 0 │\n└───────┘\n"),
    (((6,), (3,), P("x")), "┌───────┬───────┬───────┐\n│ TPU 0 │ TPU 1 │ TPU 2 │\n"
                           "└───────┴───────┴───────┘\n"),
    (((4, 4), (4, 2), P("x")), "┌───────────────────────┐\n│        TPU 0,1        │\n"
                               "├───────────────────────┤\n│        TPU 2,3        │\n"
                               "├───────────────────────┤\n│        TPU 4,5        │\n"
                               "├───────────────────────┤\n│        TPU 6,7        │\n"
                               "└───────────────────────┘\n"),
])
def test_pictures_of_shardings(case, picture, capsys):
    boxes(*case)
    assert capsys.readouterr().out == picture


def test_pictures_have_a_box_for_each_part(capsys):
    boxes((8, 16), (4, 2), P("y", "x"))
    lines = capsys.readouterr().out.splitlines()
    labels = [line.replace("│", " ").split() for line in lines if "TPU" in line]
    assert labels == [["TPU", "0", "TPU", "2", "TPU", "4", "TPU", "6"],
                      ["TPU", "1", "TPU", "3", "TPU", "5", "TPU", "7"]]
    assert len({len(line) for line in lines}) == 1
    boxes((128, 10000), (4, 2), P("x"))
    assert {len(line) for line in capsys.readouterr().out.splitlines()} == {80}
    boxes((0, 3), (4, 2), P("x"), scale=2.0)
    assert "TPU 0,1,2,3,4,5,6,7" in capsys.readouterr().out
    with pytest.raises(ValueError, match="1 or 2 axes"):
        boxes((2, 2, 2), (4, 2), P("x"))


def test_pictures_of_arrays(capsys):
    with config.override("num_cpu_devices", 4):
        mesh = ingot.make_mesh((2,), ("x",))
        debug.visualize_array_sharding(ingot.device_put(np.ones(4), ingot.NamedSharding(
            mesh, P("x"))))
    out = capsys.readouterr().out
    assert "CPU 0" in out and "CPU 1" in out
    ingot.jit(lambda x: debug.visualize_array_sharding(x))(np.ones(3))
    assert "CPU 0" in capsys.readouterr().out


def test_traced_arrays_show_what_their_type_says():
    seen = []
    with config.override("num_cpu_devices", 4), ingot.set_mesh(ingot.make_mesh((2,), ("x",))):
        ingot.jit(lambda x: debug.inspect_array_sharding(x, callback=seen.append))(
            ingot.device_put(np.ones(4), P("x")))
        (found,) = seen
        assert found.spec == P("x") and len(found.device_set) == 2


# ---- lines ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("apply", [lambda f: f, ingot.jit], ids=["eager", "jit"])
def test_lines_look_as_numpys_options_say_where_they_are_asked_for(apply, capsys):
    def f(x):
        with np.printoptions(precision=2, suppress=True):
            debug.print("{}", x, ordered=True)
        debug.print("{}", x, ordered=True)
        return x

    apply(f)(X)
    with np.printoptions(precision=2, suppress=True):
        short = str(X)
    assert capsys.readouterr().out == f"{short}\n{X}\n"


def test_containers_show_arrays_as_arrays(capsys):
    ingot.jit(lambda x: debug.print("{} {t}", {"a": x}, t=(x, "s")))(np.float64(2))
    x = ingot.numpy.array(np.float64(2))
    assert capsys.readouterr().out == f"{ {'a': x} } {(x, 's')}\n"


def test_options_can_be_named_first(capsys):
    seen = []

    def f(x):
        debug.print(ordered=True)("{x} {ordered} {partitioned}", x=x, ordered=x, partitioned=2)
        debug.callback(ordered=True)(seen.append, x)
        return x

    ingot.jit(f)(3)
    assert capsys.readouterr().out == "3 3 2\n"
    assert seen == [3]
    for call in (lambda: debug.print(ordered=True, a=1), lambda: debug.print(None, 1),
                 lambda: debug.callback(a=1), lambda: debug.callback(None, 1)):
        with pytest.raises(TypeError, match="unexpected arguments in the two-call form"):
            call()


@pytest.mark.parametrize(("given", "message"), [
    (lambda: debug.print("x", 1), "Unused positional arguments to .*: .0."),
    (lambda: debug.print("{x}", x=1, y=2), "Unused keyword arguments to .*: .'y'.*f-string"),
])
def test_values_that_a_format_does_not_use_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        given()


# ---- programs over a mesh ------------------------------------------------------------------------
BACKENDS = ["llvm", pytest.param("xla", marks=pytest.mark.skipif(
    find_spec("jaxlib") is None, reason="needs jaxlib"))]


def divided(backend, shape, *spec):
    """An array over a mesh of two devices of a back end."""
    mesh = ingot.sharding.Mesh(np.array(ingot.devices(backend)[:2]), ("x",),
                               axis_types=(ingot.sharding.AxisType.Auto,))
    return ingot.device_put(np.arange(np.prod(shape)).reshape(shape),
                            ingot.NamedSharding(mesh, P(*spec)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_shardings_inside_programs_are_those_that_follow(backend):
    seen = []

    @ingot.jit
    def f(x):
        debug.inspect_array_sharding(x.T, callback=seen.append)
        return ingot.jit(lambda y: debug.inspect_array_sharding(y[0], callback=seen.append))(x)

    for spec in [("x",), (None, "x"), ("x",)]:
        f(divided(backend, (2, 4), *spec))
    assert [s.spec for s in seen] == [P(None, "x"), P(), P("x"), P("x")]
    f(np.ones((2, 4))), f(np.ones((2, 4)))
    assert len(seen) == 6 and seen[5].num_devices == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_devices_print_their_parts_if_asked_to(backend, capsys):
    @ingot.jit
    def f(x):
        debug.print("{}", x, partitioned=True)
        ingot.vmap(lambda row: debug.print("{}", row, partitioned=True))(x)
        debug.print("{}", x)

    f(divided(backend, (2, 2), None, "x"))
    ingot.effects_barrier()
    lines = " ".join(capsys.readouterr().out.split())
    for text in ("[[0] [2]]", "[[1] [3]]", "[0] [2]", "[1] [3]", "[[0 1] [2 3]]"):
        assert text in lines


# ---- logging -------------------------------------------------------------------------------------
def test_records_of_logging(caplog):
    def f(x):
        debug.log("x = {}", x)
        return x

    with caplog.at_level(logging.INFO):
        ingot.jit(f)(3)
    (record,) = caplog.records
    assert record.getMessage() == "x = 3" and record.levelname == "INFO"
    assert record.pathname == __file__ and record.lineno == f.__code__.co_firstlineno + 1


def test_records_have_jaxs_logger_under_the_hook():
    code = ("import logging, jax; logging.basicConfig(level='INFO', format='%(name)s %(message)s');"
            "jax.jit(lambda x: jax.debug.log('{}', x))(1); jax.effects_barrier()")
    done = subprocess.run([sys.executable, "-m", "ingot", "-c", code], capture_output=True,
                          text=True, timeout=120)
    assert "jax._src.debugging 1" in done.stderr, done
