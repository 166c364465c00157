"""Arrays divided over the devices of XLA's CPU client, and programs that are compiled for them."""

from importlib.util import find_spec

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.config import config
from ingot.core import backend
from ingot.core.backend import CompileOptions
from ingot.sharding import (
    AxisType,
    Mesh,
    NamedSharding,
    PartitionSpec as P,
    PositionalSharding,
    UnreducedKind,
    reshard,
    set_mesh,
    shard_map,
)

if find_spec("jax") is not None:
    import jax  # noqa: F401 - it gives jaxlib's shardings another equality

pytestmark = pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")

SPECS = [P(), P("x"), P(None, "y"), P("x", "y"), P("y", "x"), P(("x", "y")), P(("y", "x")),
         P(None, ("y", "x"))]
X = np.arange(32.0).reshape(8, 4) / 7


def mesh(order=(0, 1, 2, 3)):
    devices = ingot.devices("xla")
    return Mesh(np.array([devices[k] for k in order]).reshape(2, 2), ("x", "y"))


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1)], ids=["in order", "permuted"])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_arrays_come_back_as_they_were_put(spec, order):
    sharding = NamedSharding(mesh(order), spec)
    x = ingot.device_put(X, sharding)
    assert x.sharding == sharding
    np.testing.assert_array_equal(x, X)
    y = ingot.jit(lambda x: x + 1, backend="xla")(x)
    assert y.sharding.is_equivalent_to(sharding, 2)
    np.testing.assert_array_equal(y, X + 1)


@pytest.mark.parametrize("many", [False, True])
def test_reading_what_a_program_failed_to_compute_raises(many):
    place = NamedSharding(mesh(), P()) if many else ingot.devices("xla")[0]
    too_large = ingot.jit(lambda x: jnp.sort(x[0] + lax.iota("float32", 1 << 50))[:4])
    for read in (np.asarray, lambda x: np.asarray(x + 1), lambda x: float(x[0])):
        with pytest.raises(RuntimeError, match="[Oo]ut of memory"):
            read(too_large(ingot.device_put(np.ones(4, "float32"), place)))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_programs_on_divided_arguments(spec):
    def fun(x, w):
        scores = ingot.nn.softmax(x @ w)
        return jnp.sort(scores, axis=0).sum(), jnp.linalg.norm(x), scores.T

    w = np.random.default_rng(0).normal(size=(4, 4))
    x = ingot.device_put(X, NamedSharding(mesh(), spec))
    outs, wanted = ingot.jit(fun, backend="xla")(x, w), fun(X, w)
    for out, want in zip(outs, wanted, strict=True):
        assert out.sharding.device_set == set(ingot.devices("xla")[:4])
        np.testing.assert_allclose(out, want, rtol=1e-12)
    grad = ingot.jit(ingot.grad(lambda x: fun(x, w)[0] * fun(x, w)[1]), backend="xla")(x)
    np.testing.assert_allclose(grad, ingot.grad(lambda x: fun(x, w)[0] * fun(x, w)[1])(X),
                               rtol=1e-9, atol=1e-12)


def test_options_say_where_arguments_and_results_lie():
    jaxpr = ingot.make_jaxpr(lambda x, y: x.T @ y)(X, X)
    over_x, over_y = (NamedSharding(mesh(), P(name)) for name in "xy")
    executable = backend.compile_jaxpr(jaxpr, "xla", CompileOptions(
        in_shardings=(over_x, over_x), out_shardings=(over_y,)))
    assert "sdy.sharding" in executable.as_text("stablehlo")
    assert "all-reduce" in executable.as_text("hlo")  # the contracted axis is divided
    client = backend.get_backend("xla")
    (out,) = executable(X, X)
    assert client.sharding_of(out) == over_y
    np.testing.assert_allclose(client.fetch(out), X.T @ X)


def test_arrays_move_between_meshes_and_devices():
    x = ingot.device_put(X, NamedSharding(mesh(), P("x")))
    there = ingot.device_put(x, NamedSharding(mesh((3, 2, 1, 0)), P(None, "y")))
    np.testing.assert_array_equal(there, X)
    alone = ingot.device_put(there, ingot.devices("xla")[2])
    assert alone.device == ingot.devices("xla")[2]
    both = ingot.jit(lambda x, y: x - y, backend="xla")(alone, x)
    assert not both.any() and both.sharding.device_set == x.sharding.device_set


def test_keys_and_donated_memory():
    keys = ingot.device_put(ingot.random.split(ingot.random.key(0), 8),
                            NamedSharding(mesh(), P(("x", "y"))))
    draw = ingot.jit(ingot.vmap(lambda k: ingot.random.normal(k, (2,))), backend="xla")
    np.testing.assert_allclose(draw(keys), ingot.vmap(lambda k: ingot.random.normal(k, (2,)))(
        ingot.random.split(ingot.random.key(0), 8)), rtol=1e-12)
    f = ingot.jit(lambda x: x + 1, donate_argnums=0, backend="xla")
    x = ingot.device_put(X, NamedSharding(mesh(), P("x")))
    np.testing.assert_array_equal(f(x), X + 1)
    assert x.is_deleted()


def test_constraints_and_manual_parts():
    over = NamedSharding(mesh(), P("y"))
    f = ingot.jit(lambda x: ingot.lax.with_sharding_constraint(x * 2, over), backend="xla")
    x = ingot.device_put(X, NamedSharding(mesh(), P("x")))
    assert f(x).sharding.is_equivalent_to(over, 2)
    np.testing.assert_array_equal(f(x), 2 * X)
    total = shard_map(lambda x: ingot.lax.psum(x, "x"), mesh=mesh(), in_specs=P("x"),
                      out_specs=P())
    np.testing.assert_allclose(ingot.jit(total, backend="xla")(x), X[:4] + X[4:])


def test_many_calls_under_way_do_not_keep_devices_from_meeting():
    """Parts of later programs, which wait in a collective, took the threads of the first one."""
    step = ingot.jit(lambda x: x - x.mean(), backend="xla")
    x = ingot.device_put(X, NamedSharding(mesh(), P(("x", "y"))))
    for _ in range(300):
        x = step(x)
    np.testing.assert_allclose(x, X - X.mean(), atol=1e-15)


def test_meshes_with_other_axes_meet_on_the_same_devices():
    devices = ingot.devices("xla")[:4]
    places = [NamedSharding(mesh(), P("x", "y")),
              NamedSharding(Mesh(np.array(devices), "q"), P("q")),
              PositionalSharding(np.array(devices, dtype=object).reshape(2, 2, 1))]
    xs = [ingot.device_put(X, place) for place in places]
    for x in xs:
        for y in xs:
            np.testing.assert_array_equal(x + y, 2 * X)
            assert (x + y).sharding.device_set == set(devices)
    assert (xs[2] * 2).sharding.is_equivalent_to(places[0], 2)


# ---- shard_map -----------------------------------------------------------------------------------
WHOLE = P("x", "y")


def _summed_rows(a):
    start = lax.pcast(jnp.zeros(2), ("x", "y"), to="varying")
    return lax.scan(lambda c, r: (c + r, lax.pcast(lax.psum(c, "y"), "y", to="varying")),
                    start, a)[1]


PARTS = {
    "psum": (lambda a: lax.psum(a, "x"), P(None, "y"), "all_reduce"),
    "psum over two axes": (lambda a: lax.psum(a, ("x", "y")), P(), "all_reduce"),
    "pmax": (lambda a: lax.pmax(a, "y"), P("x"), "maximum"),
    "pmean": (lambda a: a - lax.pmean(a, "x"), WHOLE, "all_reduce"),
    "all_gather": (lambda a: lax.all_gather(a, "y"), P("y", "x"), "all_gather"),
    "all_gather, tiled": (lambda a: lax.all_gather(a, "y", axis=1, tiled=True), WHOLE,
                          "all_gather"),
    "psum_scatter": (lambda a: lax.psum_scatter(a, "x", tiled=True), WHOLE, "reduce_scatter"),
    "all_to_all": (lambda a: lax.all_to_all(a, "x", 0, 1, tiled=True), P(None, ("y", "x")),
                   "all_to_all"),
    "ppermute": (lambda a: lax.ppermute(a, "x", [(0, 1)]), WHOLE, "collective_permute"),
    "pbroadcast": (lambda a: lax.pbroadcast(a, "x", 1), WHOLE, "all_reduce"),
    "axis_index": (lambda a: a + lax.axis_index("x") * 10 + lax.axis_index("y"), WHOLE,
                   "manual_computation"),
    "scan": (_summed_rows, WHOLE, "while"),
    "jit": (lambda a: ingot.jit(lambda b: b * lax.axis_index("x"))(a), WHOLE, "multiply"),
    "grad": (ingot.grad(lambda a: lax.psum(jnp.sin(a).sum(), ("x", "y"))), WHOLE, "cosine"),
    "cond": (lambda a: lax.cond(lax.axis_index("x") > 0, jnp.sin, jnp.cos, a), WHOLE, "case"),
    "callback": (lambda a: ingot.pure_callback(lambda b: 2 * b, a, a), WHOLE, "python_cpu"),
    "two reductions": (lambda a: (lax.psum(a, "y").sum(1), lax.pmin(a[0], "x")),
                       (P("x"), P("y")), "minimum"),
}


@pytest.mark.parametrize("name", PARTS)
def test_programs_of_parts_are_manual_computations(name):
    fun, out_specs, operation = PARTS[name]
    host = Mesh(np.array(ingot.devices("llvm")[:4]).reshape(2, 2), ("x", "y"))
    want = shard_map(fun, mesh=host, in_specs=WHOLE, out_specs=out_specs)(jnp.asarray(X))
    mapped = shard_map(fun, mesh=mesh(), in_specs=WHOLE, out_specs=out_specs)
    x = ingot.device_put(X, NamedSharding(mesh(), P("y")))
    text = ingot.jit(mapped, backend="xla").lower(x).as_text()
    assert "sdy.manual_computation" in text and operation in text
    specs = out_specs if type(out_specs) is tuple else (out_specs,)
    for got in mapped(x), ingot.jit(mapped)(x), ingot.jit(mapped)(X):
        for a, w, spec in zip(ingot.tree.leaves(got), ingot.tree.leaves(want), specs, strict=True):
            np.testing.assert_allclose(a, w, rtol=1e-14, atol=1e-14)
            assert a.sharding.is_equivalent_to(NamedSharding(mesh(), spec), a.ndim)


def test_some_axes_are_manual():
    def fun(a, w):
        return lax.psum(a * lax.axis_index("x"), "x") @ w

    w = np.arange(12.0).reshape(4, 3)
    x = ingot.device_put(X, NamedSharding(mesh(), P("x", "y")))
    part = ingot.jit(shard_map(fun, mesh=mesh(), in_specs=(P("x"), P()), out_specs=P(),
                               axis_names={"x"}))
    np.testing.assert_allclose(part(x, w), X[4:] @ w)
    outer = shard_map(lambda a: shard_map(lambda b: lax.psum(b, ("x", "y")), in_specs=P(None, "y"),
                                          out_specs=P(), axis_names={"y"})(a),
                      mesh=mesh(), in_specs=P("x"), out_specs=P(), axis_names={"x"})
    np.testing.assert_allclose(ingot.jit(outer)(x), X[:4, :2] + X[:4, 2:] + X[4:, :2] + X[4:, 2:])


# ---- Explicit axes -------------------------------------------------------------------------------
EXPLICIT = {
    "elementwise": (lambda x: jnp.sin(x) * 2 + x, P("x", "y")),
    "transposed": (lambda x: x.T, P("y", "x")),
    "reduced": (lambda x: x.sum(0), P("y")),
    "resharded": (lambda x: reshard(x, P("y")), P("y", None)),
    "resharded whole": (lambda x: reshard(x + 1, P()), P(None, None)),
    "contracted": (lambda x: jnp.dot(x, x.T, out_sharding=P("x")), P("x", None)),
    "reshaped": (lambda x: jnp.reshape(x, 32, out_sharding=P("x")), P("x")),
}


@pytest.mark.parametrize("name", EXPLICIT)
def test_types_say_where_results_lie(name):
    fun, spec = EXPLICIT[name]
    explicit = Mesh(np.array(ingot.devices("xla")[:4]).reshape(2, 2), ("x", "y"),
                    axis_types=(AxisType.Explicit,) * 2)
    with set_mesh(explicit):
        x = ingot.device_put(X, P("x", "y"))
        for out in fun(x), ingot.jit(fun)(x):
            assert ingot.typeof(out).sharding.spec == spec
            assert out.sharding.is_equivalent_to(NamedSharding(explicit, spec), out.ndim)
            assert out.sharding.device_set == set(ingot.devices("xla")[:4])


@pytest.mark.parametrize("jit", [False, True], ids=["outside of jit", "in jit"])
def test_effects_in_programs_for_several_devices_happen_once_for_each(jit, capfd):
    def fun(x):
        ingot.debug.print("part {}: {}", lax.axis_index("x"), x)
        return x + 1

    mapped = shard_map(fun, mesh=mesh(), in_specs=P("x"), out_specs=P("x"))
    x = ingot.device_put(np.arange(4), NamedSharding(mesh(), P("x")))
    assert (ingot.jit(mapped) if jit else mapped)(x).tolist() == [1, 2, 3, 4]
    ingot.effects_barrier()
    assert sorted(capfd.readouterr().out.splitlines()) == (
        ["part 0: [0 1]"] * 2 + ["part 1: [2 3]"] * 2)  # the axis y has two devices
    ingot.jit(lambda x: ingot.debug.print("all: {}", x))(x)
    ingot.effects_barrier()
    assert capfd.readouterr().out == "all: [0 1 2 3]\n"


def test_copies_stay_when_the_array_is_donated_or_deleted():
    x = ingot.device_put(X, NamedSharding(mesh(), P("x")))
    copies = [x.copy(), jnp.array(x), jnp.copy(x)]
    ingot.jit(lambda x: 2 * x, donate_argnums=0)(x)
    assert x.is_deleted()
    for found in copies:
        np.testing.assert_array_equal(found, X)
        assert found.sharding == NamedSharding(mesh(), P("x"))


def test_programs_compiled_ahead_are_for_the_devices_of_their_arguments():
    x = ingot.device_put(X, NamedSharding(mesh(), P("x")))
    compiled = ingot.jit(lambda x: jnp.sin(x) + 1, backend="xla").lower(x).compile()
    assert "num_partitions=4" in compiled.as_text() and "[8,4]" not in compiled.as_text()
    np.testing.assert_allclose(compiled(x), np.sin(X) + 1, rtol=1e-15)


def test_unreduced_arrays_are_shown_by_where_they_lie():
    with set_mesh(ingot.make_mesh((2,), ("x",), devices=ingot.devices("xla")[:2])):
        x = ingot.device_put(np.float32(2), P(unreduced={"x"}))
        assert str(x).startswith("Array(shape=(), dtype=float32, sharding=NamedSharding")


def test_types_of_manual_axes_do_not_change():
    mat = ingot.sharding.ManualAxisType(varying={"x"})
    with pytest.raises(AttributeError, match="update"):
        mat.varying = {"y"}


def test_gamma_numbers_inside_shard_map_are_those_of_the_same_keys_outside():
    key, part = ingot.random.key(0), np.linspace(0.5, 4, 8)
    mapped = shard_map(lambda a: ingot.random.gamma(key, a), mesh=mesh(), in_specs=P("x"),
                       out_specs=P("x"))
    x = ingot.device_put(np.concatenate([part, part]), NamedSharding(mesh(), P("x")))
    want = np.tile(ingot.random.gamma(key, part), 2)
    for fun in (mapped, ingot.jit(mapped)):
        np.testing.assert_allclose(fun(x), want, rtol=1e-12)


UNREDUCED = [P(unreduced={"x"}), P(unreduced={"x", "y"}), P("y", unreduced={"x"}),
             P(None, "x", unreduced={"y"})]


@pytest.mark.parametrize("spec", UNREDUCED, ids=str)
def test_parts_of_unreduced_arrays_add_up(spec):
    explicit = mesh().update(axis_types=(AxisType.Explicit,) * 2)
    sharding = NamedSharding(explicit, spec)
    whole = ingot.device_put(X, NamedSharding(explicit, P()))
    with set_mesh(explicit):
        for x in (ingot.device_put(X, sharding), ingot.device_put(whole, sharding),
                  ingot.jit(lambda x: x, out_shardings=sharding)(whole),
                  ingot.jit(lambda x: reshard(x, spec))(whole)):
            assert x.sharding.spec.unreduced == spec.unreduced
            parts, sums = x.addressable_shards, np.zeros(X.shape)
            for part in parts:
                if sharding.is_first(part.device, sharding.replicated_axes):
                    sums[part.index] += np.asarray(part.data)
            np.testing.assert_array_equal(sums, X)
            np.testing.assert_array_equal(x, X)
            np.testing.assert_array_equal(reshard(x, P()), X)
            np.testing.assert_array_equal(ingot.jit(lambda x: reshard(x, P()))(x), X)
            out = ingot.jit(lambda x: lax.broadcast(x, (2,)))(x)
            np.testing.assert_array_equal(out, np.broadcast_to(X, (2, 8, 4)))
            assert out.sharding.spec.unreduced == spec.unreduced


@pytest.mark.parametrize("spec", UNREDUCED[:3], ids=str)
def test_programs_of_parts_take_and_give_unreduced_arrays(spec):
    explicit = mesh().update(axis_types=(AxisType.Explicit,) * 2)
    axes = tuple(n for n in ("x", "y") if n in spec.unreduced)
    plain = P(*spec.partitions)
    with set_mesh(explicit):
        x = ingot.device_put(X, NamedSharding(explicit, spec))
        total = shard_map(lambda x: lax.psum(x, axes), in_specs=spec, out_specs=plain)
        for f in (total, ingot.jit(total)):
            np.testing.assert_array_equal(f(x), X)
        divided = P(axes, *spec.partitions[1:])
        if not spec.partitions:
            given = ingot.device_put(X, NamedSharding(explicit, divided))
            marked = ingot.jit(shard_map(lambda x: lax.pcast(x, axes, to="unreduced"),
                                         in_specs=divided, out_specs=spec))
            count = 4 if len(axes) == 2 else 2
            np.testing.assert_allclose(marked(given), X.reshape(count, -1, 4).sum(0), rtol=1e-15)


def test_results_are_where_jit_was_told_and_the_others_on_the_same_devices():
    where, x = NamedSharding(mesh(), P("x")), np.arange(8.0)
    for fun, args in ((lambda: (jnp.zeros(8), jnp.ones(8)), ()), (lambda x: (x, x + 1), (x,)),
                      (lambda x: (x, x + 1), (ingot.device_put(x, NamedSharding(mesh(), P())),))):
        for outs in ((None, where), (where, None)):
            f = ingot.jit(fun, out_shardings=outs, backend=None)
            with config.override("default_device", ingot.devices("xla")[0]):
                for out, told in zip(f(*args), outs, strict=True):
                    assert out.sharding.device_set == where.device_set
                    assert told is None or out.sharding == told
                    np.testing.assert_array_equal(out, fun(*args)[outs.index(told)])
    one = ingot.device_put(x, ingot.devices("xla")[0])
    with pytest.raises(ValueError, match="incompatible devices"):
        ingot.jit(lambda x: x + 1, out_shardings=where)(one)
    with pytest.raises(ValueError, match="incompatible devices"):
        ingot.jit(lambda x: lax.with_sharding_constraint(x, where), device=one.device)(x)


@pytest.mark.parametrize("spec", [P("x", "y"), P(("x", "y"), None), P(None, ("x", "y"))], ids=str)
def test_results_that_lie_as_an_argument_lie_in_its_words(spec):
    narrow = Mesh(np.array(ingot.devices("xla")[:2]).reshape(1, 2), ("x", "y"))
    for over in (narrow, mesh()):
        x = ingot.device_put(X, NamedSharding(over, spec))
        for out in (x + 1, ingot.jit(jnp.sin)(x)):
            assert out.sharding == x.sharding


@pytest.mark.parametrize("sums", [
    lambda x: jnp.dot(x, x.T, out_sharding=P(unreduced={"x"})),
    lambda x: lax.reduce_sum(x, (1,), out_sharding=P(unreduced={"x"}))], ids=["dot", "sum"])
def test_devices_exchange_nothing_before_unreduced_sums_are_used(sums):
    explicit = mesh().update(axis_types=(AxisType.Explicit,) * 2)
    with set_mesh(explicit):
        x = ingot.device_put(X, P(None, "x"))
        assert "all-reduce" not in ingot.jit(sums).lower(x).compile().as_text("hlo")
        whole = ingot.jit(lambda x: reshard(sums(x), P()))
        assert whole.lower(x).compile().as_text("hlo").count(" all-reduce(") == 1
        np.testing.assert_allclose(whole(x), X @ X.T if whole(x).ndim == 2 else X.sum(1))


SQUARE, WIDE = np.random.RandomState(0).randn(8, 4, 4), np.random.RandomState(1).randn(8, 6, 4)
POSITIVE = SQUARE @ SQUARE.swapaxes(1, 2) + 4 * np.eye(4)
BANDS = [SQUARE[:, 0], 9 + SQUARE[:, 1], SQUARE[:, 2], SQUARE]
OF_MATRICES = {
    "cholesky": [POSITIVE], "eig": [SQUARE], "eigh": [POSITIVE], "hessenberg": [SQUARE],
    "lu": [WIDE], "qr": [WIDE], "schur": [SQUARE], "svd": [WIDE], "tridiagonal": [POSITIVE],
    "triangular_solve": [POSITIVE, WIDE], "tridiagonal_solve": BANDS}


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("divided", [slice(None), slice(-1, None)], ids=["all", "last"])
@pytest.mark.parametrize("name", OF_MATRICES)
def test_devices_compute_on_their_own_matrices(name, divided, dtype):
    operation, args = getattr(lax.linalg, name), [x.astype(dtype) for x in OF_MATRICES[name]]
    place = NamedSharding(mesh(), P("x"))
    placed = [*args]
    placed[divided] = ingot.device_put(placed[divided], place)
    compiled = ingot.jit(operation).lower(*placed).compile()
    exchanged = [line for line in compiled.as_text("hlo").splitlines()
                 if "all-" in line and "metadata" not in line]
    assert not exchanged
    for out, whole in zip(ingot.tree.leaves(compiled(*placed)),
                          ingot.tree.leaves(ingot.jit(operation, backend="xla")(*args)),
                          strict=True):
        assert out.sharding.is_equivalent_to(place, out.ndim)
        np.testing.assert_allclose(out, whole, rtol=1e-5)


@pytest.mark.parametrize("name", ["eigh", "svd"])
def test_derivatives_of_values_need_no_host(name):
    values = {"eigh": lambda x: lax.linalg.eigh(x)[1],
              "svd": lambda x: lax.linalg.svd(x, compute_uv=False)}[name]
    slope = ingot.jit(ingot.grad(lambda x: jnp.sum(values(x) ** 3)), backend="xla")
    assert "callback" not in slope.lower(POSITIVE).as_text()


OF_SUMS = {
    "stretched": lambda v: jnp.broadcast_to(v[:, :1], (2, 8, 3)),
    "stretched beside": lambda v: v[:, :1] + v,
    "repeated": lambda v: jnp.tile(v[:1], (3, 2)),
    "scan of carries": lambda v: lax.scan(lambda c, _: (c + v, None), v, None, length=2)[0],
    "scan of entries": lambda v: lax.scan(lambda c, x: (c + x, x + x), v[0], v)[1],
    "scan to a sum": lambda v: lax.scan(lambda c, x: (c + x, None), v[0], v, reverse=True)[0],
    "scan that stacks": lambda v: lax.scan(lambda c, _: (c, c + c), v, None, length=3)[1],
    "while": lambda v: lax.fori_loop(0, 3, lambda _, c: c + v, v),
}


@pytest.mark.parametrize("name", OF_SUMS)
def test_programs_of_unreduced_arrays_give_what_those_of_their_sums_do(name):
    explicit = mesh().update(axis_types=(AxisType.Explicit,) * 2)
    fun = OF_SUMS[name]
    with set_mesh(explicit):
        x, y = (ingot.device_put(a, s) for a, s in ((X, P(None, "x")), (X.T, P("x"))))
        out = ingot.jit(lambda x, y: fun(jnp.dot(x, y, out_sharding=P(unreduced={"x"}))))(x, y)
        assert out.sharding.spec.unreduced == {"x"}
        np.testing.assert_allclose(reshard(out, P()), fun(jnp.dot(X, X.T)), rtol=1e-13)


@pytest.mark.parametrize("kind", ["max", "min"])
def test_unreduced_extremes(kind):
    explicit = mesh().update(axis_types=(AxisType.Explicit,) * 2)
    spec = P(None, unreduced={"x"}, unreduced_kind=getattr(UnreducedKind, kind))
    reduce = getattr(lax, f"reduce_{kind}")
    of_parts = {"max": lax.pmax, "min": lax.pmin}[kind]
    x = np.where(X > 2, X, -X)
    want = getattr(x, kind)(0)
    with set_mesh(explicit):
        given = ingot.device_put(x, P("x"))
        total = ingot.jit(lambda x: reduce(x, axes=(0,), out_sharding=spec))(given)
        kept = shard_map(lambda x: reduce(x, axes=(0,)), in_specs=P("x"), out_specs=spec,
                         check_vma=False)
        for out in (total, ingot.jit(kept)(given)):
            assert out.sharding.spec.unreduced == {"x"}
            np.testing.assert_array_equal(out, want)
            np.testing.assert_array_equal(reshard(out, P()), want)
            np.testing.assert_array_equal(ingot.jit(lambda x: reshard(x, P()))(out), want)
            both = shard_map(lambda x: of_parts(x, "x"), in_specs=spec, out_specs=P())
            np.testing.assert_array_equal(ingot.jit(both)(out), want)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_arrays_are_made_of_parts_in_any_order(spec):
    sharding = NamedSharding(mesh((2, 0, 3, 1)), spec)
    indices = sharding.addressable_devices_indices_map(X.shape)
    devices = ingot.devices("xla")[:4]
    for order in (devices, devices[::-1], [devices[k] for k in (1, 3, 0, 2)]):
        parts = [ingot.device_put(X[indices[d]], d) for d in order]
        out = ingot.sharding.make_array_from_single_device_arrays(X.shape, sharding, parts)
        np.testing.assert_array_equal(out, X)
        np.testing.assert_array_equal(ingot.jit(lambda x: x + 1)(out), X + 1)
        for part in out.addressable_shards:
            np.testing.assert_array_equal(part.data, X[indices[part.device]])


def test_places_that_jaxlib_takes_for_equal_are_places_of_their_own(monkeypatch):
    """As after an import of jax, which gives jaxlib's shardings an equality."""
    place = ingot.core.backend.get_backend("xla")._memory.xc.GSPMDSharding
    monkeypatch.setattr(place, "__eq__", lambda a, b: a._hlo_sharding == b._hlo_sharding)
    f = ingot.jit(lambda x: x + 1)
    for names in (("x",), ("y",), ("x",)):
        where = NamedSharding(Mesh(np.array(ingot.devices("xla")[:2]), names), P(names))
        x = ingot.device_put(np.arange(4.0), where)
        for out in (x, f(x), f(x), x + 1, ingot.device_put(f(x), where)):
            assert out.sharding.mesh == where.mesh
    once = ingot.device_put(ingot.device_put(np.arange(4.0), NamedSharding(
        Mesh(np.array(ingot.devices("xla")[:2]), ("z",)), P("z"))), where)
    assert once.sharding == where


@pytest.mark.parametrize("shape, names", [((1,), ("x",)), ((1, 1), ("x", "y"))])
@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
@pytest.mark.parametrize("device", [0, 2])
def test_a_mesh_of_one_device_is_a_mesh(shape, names, kind, device):
    one = Mesh(np.array(ingot.devices("xla")[device:device + 1]).reshape(shape), names,
               axis_types=(kind,) * len(names))
    x = ingot.device_put(X, NamedSharding(one, P("x")))
    for f, spec in ((lambda x: x, P("x")), (lambda x: jnp.sin(x) + 1, P("x")),
                    (lambda x: x.sum(0), P()), (lambda x: x.T, P(None, "x"))):
        for out in (f(x), ingot.jit(f)(x), ingot.jit(f, backend="xla").lower(x).compile()(x)):
            assert out.sharding.mesh == one
            assert out.sharding.spec.padded(out.ndim) == spec.padded(out.ndim)
            np.testing.assert_allclose(out, f(X), rtol=1e-15)
    both = x + ingot.device_put(X, one.devices.flat[0])
    assert both.sharding.mesh == one
