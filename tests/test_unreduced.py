"""Unreduced arrays: each device of a mesh axis holds a part, of which the array is the sum."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import P, lax
from ingot.config import config
from ingot.sharding import UnreducedKind

A = np.arange(32.0).reshape(4, 8)
B = np.arange(24.0).reshape(8, 3) - 7
SUM, LARGEST = P(unreduced={"x"}), P(unreduced={"x"}, unreduced_kind=UnreducedKind.max)


@pytest.fixture(autouse=True)
def mesh():
    with config.override("num_cpu_devices", 4), ingot.set_mesh(
            ingot.make_mesh((2, 2), ("x", "y"))):
        yield


def parts(x):
    """What the first device along y has for each device along x."""
    return np.stack([np.asarray(s.data) for s in x.addressable_shards[::2]])


def halves(axis):
    """The two halves of A along an axis, each of the shape of A with zeros elsewhere."""
    first = np.arange(A.shape[axis]) < A.shape[axis] // 2
    mask = first[:, None] if axis == 0 else first
    return np.stack([A * mask, A * ~mask])


COLUMNS, ROWS = P(None, "x"), P("x", None)
IDS = np.array([0, 2, 2, 1])
CASES = {
    "dot": (lambda a, b: jnp.dot(a, b, out_sharding=SUM), [(A, COLUMNS), (B, ROWS)],
            halves(1) @ B),
    "matmul": (lambda a, b: jnp.matmul(a[None], b, out_sharding=SUM)[0],
               [(A, COLUMNS), (B, ROWS)], None),
    "einsum of three": (lambda a, b, c: jnp.einsum("ij,jk,j->ik", a, b, c, out_sharding=SUM),
                        [(A, COLUMNS), (B, ROWS), (B[:, 0], P("x"))],
                        (halves(1) * B[:, 0]) @ B),
    "dot_general": (lambda a: lax.dot_general(a, a, (((1,), (1,)), ((), ())), out_sharding=SUM),
                    [(A, COLUMNS)], halves(1) @ A.T),
    "sum": (lambda a: lax.reduce_sum(a, (0,), out_sharding=SUM), [(A, ROWS)], halves(0).sum(1)),
    "of all": (lambda a: lax.reduce_sum(a, (0, 1), out_sharding=SUM), [(A, ROWS)],
               halves(0).sum((1, 2))),
    "max": (lambda a: lax.reduce_max(a, (0,), out_sharding=LARGEST), [(A, ROWS)],
            np.stack([A[:2].max(0), A[2:].max(0)])),
    "segments": (lambda a, i: ingot.ops.segment_sum(a, i, 3, out_sharding=SUM),
                 [(A, ROWS), (IDS, P("x"))],
                 np.stack([np.stack([h[IDS == k].sum(0) for k in range(3)]) for h in halves(0)])),
    "counts": (lambda i: jnp.bincount(i, length=3, out_sharding=SUM), [(IDS, P("x"))],
               np.array([[1, 0, 1], [0, 1, 1]])),
    "reshard": (lambda a: ingot.reshard(a, SUM), [(A, ROWS)], halves(0)),
    "whole": (lambda a: ingot.reshard(a, SUM), [(A, P())], np.stack([A, 0 * A])),
    "called": (lambda a: -ingot.jit(lambda a: ingot.reshard(a, SUM))(a).T, [(A, ROWS)],
               -halves(0).transpose(0, 2, 1)),
    "added": (lambda a, b: jnp.dot(a, b, out_sharding=SUM) + jnp.dot(a, b, out_sharding=SUM),
              [(A, COLUMNS), (B, ROWS)], 2 * halves(1) @ B),
    "in a loop": (lambda a, b: lax.scan(
        lambda c, _: (c + jnp.dot(a, b, out_sharding=SUM), None),
        ingot.reshard(jnp.zeros((4, 3)), SUM), None, length=3)[0], [(A, COLUMNS), (B, ROWS)], None),
    "in branches": (lambda a: lax.cond(True, lambda a: ingot.reshard(a, SUM),
                                       lambda a: ingot.reshard(2 * a, SUM), a), [(A, ROWS)], None),
}


@pytest.mark.parametrize("name", CASES)
def test_parts_are_what_devices_have_and_combine_to_the_whole(name):
    fun, given, wanted = CASES[name]
    args = [ingot.device_put(x, spec) for x, spec in given]
    kind = LARGEST if name == "max" else SUM
    whole = ingot.jit(lambda *xs: ingot.reshard(fun(*xs), P()))(*args)
    combine = np.max if name == "max" else np.sum
    for f in (ingot.jit(fun), lambda *xs: ingot.jit(fun).lower(*xs).compile()(*xs)):
        out = f(*args)
        assert out.sharding.spec.unreduced == kind.unreduced
        if wanted is not None:
            np.testing.assert_array_equal(parts(out), wanted)
        np.testing.assert_allclose(combine(parts(out), 0), whole)
        np.testing.assert_allclose(ingot.reshard(out, P()), whole)
        again = ingot.jit(lambda x: x)(out)
        np.testing.assert_array_equal(parts(again), parts(out))
        if np.ndim(whole) and len(whole) % 2 == 0:
            np.testing.assert_allclose(ingot.jit(lambda x: ingot.reshard(x, P("x")))(out), whole)
    np.testing.assert_allclose(ingot.reshard(fun(*args), P()), whole)  # outside of programs too


def test_cotangents_of_reduced_arguments_keep_their_parts():
    x = ingot.device_put(A, P(None, None, reduced={"x"}))
    found = ingot.jit(ingot.grad(lambda x: (ingot.reshard(x, P("x")) * A).sum()))(x)
    np.testing.assert_array_equal(parts(found), halves(0))


@pytest.mark.parametrize("before", [P("x"), P(("y", "x")), P(None, "x"), P("y")])
def test_arrays_become_unreduced_where_they_lie(before):
    x = ingot.device_put(A, before)
    for out in (ingot.device_put(x, SUM), ingot.reshard(x, SUM),
                ingot.jit(lambda x: x, out_shardings=SUM)(x),
                ingot.jit(lambda x: ingot.reshard(x, SUM))(x)):
        found = np.stack([np.asarray(s.data) for s in out.addressable_shards])
        np.testing.assert_array_equal(found[::2].sum(0), A)
        np.testing.assert_array_equal(found[1::2].sum(0), A)
        mine = [] if "x" not in before.names() else x.addressable_shards
        for shard, data in zip(mine, found, strict=False):
            np.testing.assert_array_equal(data[shard.index], A[shard.index])
        np.testing.assert_array_equal(out + ingot.device_put(x, SUM), 2 * A)


def test_only_whole_or_unreduced_counts():
    x = ingot.device_put(IDS, P("x"))
    with pytest.raises(ingot.errors.ShardingTypeError, match="fully replicated or fully unreduced"):
        jnp.bincount(x, length=4, out_sharding=P("x"))


def test_parts_of_an_extreme_are_combined_inside_shard_map():
    x = ingot.jit(CASES["max"][0])(ingot.device_put(A, ROWS))
    f = ingot.jit(ingot.shard_map(lambda x: lax.pmax(x, "x"), out_specs=P()))
    np.testing.assert_array_equal(f(x), A.max(0))
    with pytest.raises(ValueError, match="unreduced_psum cannot accept args with unreduced_kind"):
        ingot.jit(ingot.shard_map(lambda x: lax.psum(x, "x"), out_specs=P()))(x)


SHARES = np.arange(8.0).reshape(2, 4)  # what the devices along x have of a vector


@pytest.mark.parametrize("check_vma", [True, False])
def test_shard_map_gives_and_takes_parts(check_vma):
    x = ingot.device_put(SHARES.ravel(), P("x"))

    def shard_map(f, in_specs, out_specs):
        return ingot.jit(ingot.shard_map(f, in_specs=in_specs, out_specs=out_specs,
                                         check_vma=check_vma))

    def marked(x):
        return lax.pcast(x, "x", to="unreduced") if check_vma else x

    out = shard_map(marked, P("x"), SUM)(x)
    assert out.shape == (4,)
    np.testing.assert_array_equal(parts(out), SHARES)
    np.testing.assert_array_equal(ingot.reshard(out, P()), SHARES.sum(0))
    doubled = shard_map(lambda x: 2 * x, SUM, SUM)(out)
    np.testing.assert_array_equal(parts(doubled), 2 * SHARES)
    summed = shard_map(lambda x: lax.psum(x, "x"), SUM, P())
    np.testing.assert_array_equal(summed(out), SHARES.sum(0))
    # Of a whole array that becomes unreduced on the way, the first device has it all.
    again = ingot.jit(lambda x: summed(ingot.reshard(x, SUM)))(ingot.device_put(SHARES[0], P()))
    np.testing.assert_array_equal(again, SHARES[0])
    if not check_vma:
        back = shard_map(lambda x: x, SUM, P("x"))(out)
        np.testing.assert_array_equal(back, SHARES.ravel())


def test_a_product_in_shard_map_keeps_parts_of_rows():
    a, b = (ingot.device_put(v, s) for v, s in [(A, P("y", "x")), (B, P("x"))])
    f = ingot.jit(ingot.shard_map(lambda a, b: lax.pcast(a @ b, "x", to="unreduced"),
                                  out_specs=P("y", unreduced={"x"})))
    out = f(a, b)
    for shard, x, y in zip(out.addressable_shards, (0, 0, 1, 1), (0, 1, 0, 1), strict=True):
        rows, terms = slice(2 * y, 2 * y + 2), slice(4 * x, 4 * x + 4)
        np.testing.assert_array_equal(shard.data, A[rows, terms] @ B[terms])
    np.testing.assert_array_equal(ingot.reshard(out, P()), A @ B)
