"""Programs that several processes run together, for `test_processes.py`; they are JAX's as well.

python -m ingot process_programs.py NAME ADDRESS COUNT INDEX; a program fails by an error.
"""

import sys

import jax


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


def quick(address, count, index):
    """Join, for at most a few seconds."""
    join(address, count, index, initialization_timeout=3)


if __name__ == "__main__":
    name, address, count, index = sys.argv[1:]
    globals()[name](address, int(count), int(index))
