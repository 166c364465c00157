"""Programs that several processes run together, for `test_processes.py`; they are JAX's as well.

python -m ingot process_programs.py NAME ADDRESS COUNT INDEX; a program fails by an error.
"""

import importlib
import os
import signal
import sys
import time

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P


def join(address, count, index, **times):
    """Join the other processes, with times that suit a test."""
    jax.distributed.initialize(address, num_processes=count, process_id=index, **{
        "initialization_timeout": 60, "heartbeat_timeout_seconds": 10,
        "shutdown_timeout_seconds": 10, **times})


def counts(address, count, index):
    """Processes and devices are numbered and counted."""
    assert not jax.distributed.is_initialized()
    join(address, count, index)
    assert jax.distributed.is_initialized()
    assert (jax.process_index(), jax.process_count()) == (index, count)
    mine, everyone = jax.local_devices(), jax.devices()
    assert len(everyone) == jax.device_count() == count * len(mine)
    assert [d.process_index for d in everyone] == sorted(d.process_index for d in everyone)
    assert {d.process_index for d in mine} == {index}
    assert mine == [d for d in everyone if d.process_index == index]
    assert mine == jax.local_devices(process_index=index)
    assert len({d.id for d in everyone}) == len(everyone)
    jax.distributed.shutdown()
    assert not jax.distributed.is_initialized()


def twice(address, count, index):
    """Who has joined cannot join again, nor who has computed before."""
    join(address, count, index)
    try:
        join(address, count, index)
    except RuntimeError as error:
        assert "once" in str(error), error
    else:
        raise AssertionError("no error")


def late(address, count, index):
    """Who has computed before cannot join."""
    jax.jit(lambda x: x + 1, backend="xla")(1.0)
    join(address, count, index)


def waits_long(address, count, index):
    """Join what does not fit, with time for all to come."""
    join(address, count, index, initialization_timeout=60)


def waits_briefly(address, count, index):
    """Join what is not complete."""
    join(address, count, index, initialization_timeout=8)


# ---- arrays and programs of all processes -------------------------------------------------------
def raises(kind, text, fun, *args, **kwargs):
    """Check that a call raises an error of a kind, with a text in it."""
    try:
        fun(*args, **kwargs)
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"no error that says {text!r}")


def everything(x):
    """All elements of an array, whichever process has them."""
    return multihost_utils.process_allgather(x, tiled=True)


def arrays(address, count, index):
    """Arrays of which each process has a part: made, looked at, moved, gathered."""
    join(address, count, index)
    devices, local = jax.devices(), len(jax.local_devices())
    mesh = Mesh(np.array(devices).reshape(count, local), ("p", "d"))
    whole = np.arange(4.0 * len(devices), dtype="float32").reshape(2 * len(devices), 2)
    share = 2 * local
    mine = whole[index * share:(index + 1) * share]
    by_rows = NamedSharding(mesh, P(("p", "d")))
    x = jax.make_array_from_process_local_data(by_rows, mine)
    check_parts(x, whole, local)
    check_texts(x)
    check_made(mesh, by_rows, whole, mine)
    check_moved(mesh, x, whole)
    check_told(count, index)
    y = multihost_utils.host_local_array_to_global_array(mine, mesh, P("p"))
    assert y.shape == whole.shape and y.sharding.is_equivalent_to(NamedSharding(mesh, P("p")), 2)
    back = multihost_utils.global_array_to_host_local_array(y, mesh, P("p"))
    assert back.is_fully_addressable and np.array_equal(back, mine)


def check_parts(x, whole, local):
    """What is known of the parts, here and elsewhere."""
    assert x.shape == whole.shape and not x.is_fully_addressable and not x.is_fully_replicated
    assert x.sharding.device_set == set(jax.devices())
    assert x.sharding.addressable_devices == set(jax.local_devices())
    assert [s.device for s in x.addressable_shards] == jax.local_devices()
    for s in x.addressable_shards:
        assert s.replica_id == 0 and np.array_equal(s.data, whole[s.index])
        assert s.data.devices() == {s.device}
    assert len(x.global_shards) == jax.device_count()
    assert sum(s.data is not None for s in x.global_shards) == local
    assert np.array_equal(everything(x), whole)


def check_texts(x):
    """An array that is not all here prints its type, and its values are refused."""
    assert repr(x) == str(x) == f"Array(shape={x.shape}, dtype=float32)", repr(x)
    for fun in (np.asarray, float, lambda a: a.tolist(), jax.device_get):
        raises((RuntimeError, TypeError), "", fun, x)
    raises(RuntimeError, "spans non-addressable (non process local) devices", np.asarray, x)
    raises(RuntimeError, "process_allgather", np.asarray, x)


def check_made(mesh, by_rows, whole, mine):
    """Arrays from a function of indices, from parts, and from local data of given shapes."""
    made = [
        jax.make_array_from_callback(whole.shape, by_rows, lambda index: whole[index]),
        jax.make_array_from_single_device_arrays(whole.shape, by_rows, [
            jax.device_put(whole[index], d)
            for d, index in by_rows.addressable_devices_indices_map(whole.shape).items()]),
        jax.make_array_from_process_local_data(by_rows, mine, whole.shape),
        jax.make_array_from_process_local_data(by_rows, whole, whole.shape),
        jax.device_put(whole, by_rows)]
    for x in made:
        assert x.sharding == by_rows and np.array_equal(everything(x), whole)
    same = jax.make_array_from_process_local_data(NamedSharding(mesh, P()), whole)
    assert same.is_fully_replicated and not same.is_fully_addressable
    assert np.array_equal(same, whole)  # all of it is here
    assert str(same) == str(whole)
    raises(ValueError, "", jax.make_array_from_process_local_data, by_rows, mine,
           (len(whole) + 2, 2))


def check_moved(mesh, x, whole):
    """Arrays divided anew by device_put, with parts that go to other processes."""
    for spec in (P(), P("p"), P("d"), P(("d", "p")), P("p", "d") if mesh.shape["d"] < 3 else P()):
        sharding = NamedSharding(mesh, spec)
        y = jax.device_put(x, sharding)
        assert y.sharding.is_equivalent_to(sharding, 2)
        for s in y.addressable_shards:
            assert np.array_equal(s.data, whole[s.index])


def check_told(count, index):
    """What processes tell each other."""
    row = np.arange(2) + 10 * index
    gathered = multihost_utils.process_allgather({"a": row, "b": np.float32(index)})
    assert gathered["a"].tolist() == [[10 * k, 10 * k + 1] for k in range(count)]
    assert gathered["b"].tolist() == list(range(count)) and gathered["b"].dtype == np.float32
    assert multihost_utils.process_allgather(row, tiled=True).tolist() == np.concatenate(
        gathered["a"]).tolist()
    first = multihost_utils.broadcast_one_to_all({"a": row, "b": np.array([np.nan, index])})
    assert first["a"].tolist() == [0, 1] and np.isnan(first["b"][0]) and first["b"][1] == 0
    last = multihost_utils.broadcast_one_to_all(row, is_source=index == count - 1)
    assert last.tolist() == [10 * (count - 1), 10 * (count - 1) + 1]
    multihost_utils.assert_equal(np.arange(3), "equal")
    raises(AssertionError, "differ", multihost_utils.assert_equal, row, "differ")
    multihost_utils.sync_global_devices("all are here")


def compute(address, count, index):
    """Programs on arrays of all processes: shardings told, found, and parts with collectives."""
    join(address, count, index)
    devices = jax.devices()
    mesh = Mesh(np.array(devices).reshape(2, -1), ("x", "y"))
    rows, columns, same = (NamedSharding(mesh, s) for s in (P("x"), P(None, "y"), P()))
    a = np.arange(32.0, dtype="float32").reshape(8, 4)
    x, w = jax.device_put(a, rows), jax.device_put(a.T.copy(), columns)
    assert np.array_equal(everything(jax.jit(lambda x, w: x @ w)(x, w)), a @ a.T)
    out = jax.jit(lambda x: 2 * x, in_shardings=rows, out_shardings=columns)(x)
    assert out.sharding.is_equivalent_to(columns, 2) and np.array_equal(everything(out), 2 * a)
    total = jax.jit(jax.grad(lambda x: (x ** 2).sum()), out_shardings=same)(x)
    assert np.array_equal(total, 2 * a)  # all of it is here
    check_parts_that_communicate(mesh, x, a)
    check_eager(mesh, x, a)
    alone = jax.jit(lambda x: x + 1)(np.ones(3, "float32"))  # each process for itself
    assert alone.is_fully_addressable and alone.devices() == {jax.local_devices()[0]}


def check_parts_that_communicate(mesh, x, a):
    """shard_map with collectives across processes, outside of jit and inside."""
    def part(x):
        total = jax.lax.psum(x, "x")
        right = jax.lax.ppermute(x, "x", [(0, 1), (1, 0)])
        return total, right + jax.lax.axis_index("x"), jax.lax.all_gather(x, "x", tiled=True)

    fun = jax.shard_map(part, mesh=mesh, in_specs=P("x"), out_specs=(P(), P("x"), P()),
                        check_vma=False)
    for f in (fun, jax.jit(fun)):
        total, right, whole = f(x)
        assert np.array_equal(everything(total), a[:4] + a[4:])
        assert np.array_equal(everything(right), np.concatenate([a[4:], a[:4] + 1]))
        assert np.array_equal(everything(whole), a)


def check_eager(mesh, x, a):
    """Operations outside of jit that all processes do alike."""
    y = (x + x).T
    assert not y.is_fully_addressable and np.array_equal(everything(y), (2 * a).T)
    assert float(x.sum()) == a.sum()  # a scalar that each process has
    assert np.array_equal(everything(jax.numpy.where(x > 3, x, -x)), np.where(a > 3, a, -a))
    assert np.array_equal(everything(x[1:3]), a[1:3])


def checkpoint(address, count, index):
    """A checkpoint that all processes write, and read divided in two ways."""
    folder = os.environ["CHECKPOINTS"]
    join(address, count, index)
    ocp = importlib.import_module("orbax.checkpoint")
    mesh = Mesh(np.array(jax.devices()), ("x",))
    rows, same = NamedSharding(mesh, P("x")), NamedSharding(mesh, P())
    whole = np.arange(4.0 * count, dtype="float32").reshape(2 * count, 2)
    tree = {"w": jax.device_put(whole, rows), "b": jax.device_put(whole[0], same), "step": 7}
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(f"{folder}/first", tree)
        checkpointer.wait_until_finished()
        for sharding in (rows, same):
            like = {"w": jax.ShapeDtypeStruct(whole.shape, "float32", sharding=sharding),
                    "b": jax.ShapeDtypeStruct((2,), "float32", sharding=same), "step": 0}
            found = checkpointer.restore(f"{folder}/first", like)
            assert found["step"] == 7 and np.array_equal(found["b"], whole[0])
            assert found["w"].sharding.is_equivalent_to(sharding, 2)
            assert np.array_equal(everything(found["w"]), whole)


# ---- one process is lost -------------------------------------------------------------------------
def killed(address, count, index):
    """The last process is killed, the second one computes with it, the first one is busy alone."""
    join(address, count, index, heartbeat_timeout_seconds=5)
    multihost_utils.sync_global_devices("all compute")
    if index == count - 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if index == 1:
        multihost_utils.sync_global_devices("one is gone")
    time.sleep(60)


def failing(address, count, index):
    """The first process raises an error while the others wait for it."""
    join(address, count, index)
    multihost_utils.sync_global_devices("all compute")
    if index == 0:
        raise ValueError("the first one fails")
    multihost_utils.sync_global_devices("one is gone")


if __name__ == "__main__":
    name, address, count, index = sys.argv[1:]
    globals()[name](address, int(count), int(index))
