"""Several processes that run one program together, each with some of the devices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ingot.config import config
from ingot.core.backend import backends
from ingot.core.processes import PROCESSES, Meeting
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of


def _integer(name: str, x: Any) -> int:
    if not isinstance(x, int) or isinstance(x, bool):
        raise TypeError(f"distributed.initialize: {name} must be an int, got {x!r} of type"
                        f" {type(x).__name__}")
    return x


def _check_first() -> None:
    """Raise RuntimeError unless nothing has begun that processes would have to share."""
    if is_initialized():
        raise RuntimeError("distributed.initialize should only be called once; call"
                           " distributed.shutdown() before")
    started = [name for name in ("xla", "cuda", "tpu") if name in backends()]
    if started:
        raise RuntimeError(
            "distributed.initialize() must be called before any JAX calls that might initialise the"
            f" XLA backend: {started[0]!r} has started, with the devices of this process alone;"
            " call initialize first in the program, before devices(), device_put and jit")


def initialize(coordinator_address: str | None = None, num_processes: int | None = None,
               process_id: int | None = None,
               local_device_ids: int | Sequence[int] | None = None,
               cluster_detection_method: str | None = None, initialization_timeout: int = 300,
               heartbeat_timeout_seconds: int = 100, shutdown_timeout_seconds: int = 300,
               coordinator_bind_address: str | None = None, slice_index: int | None = None,
               partition_index: int | None = None) -> None:
    """Join the other processes; `devices()` then has those of all, and programs run on XLA.

    coordinator_address: host and port of process 0, by default JAX_COORDINATOR_ADDRESS;
    num_processes, process_id: how many there are, and which is this one; local_device_ids: its
    GPUs; times in seconds: until all must have come, and after which one that does not answer is
    dead; cluster_detection_method: no effect. Raises RuntimeError where processes are missing or
    differ, the port is in use, nobody is there, or computations have begun; ValueError, TypeError.

    >>> ingot.distributed.initialize("127.0.0.1:1234", num_processes=2, process_id=2)
    Traceback (most recent call last):
    ValueError: distributed.initialize: process_id must be from 0 to num_processes - 1 = 1, got 2
    """
    address = coordinator_address or os.environ.get("JAX_COORDINATOR_ADDRESS")
    for name, value in (("coordinator_address", address), ("num_processes", num_processes),
                        ("process_id", process_id)):
        if value is None:
            raise ValueError(f"distributed.initialize: {name} should be defined; pass it, as this"
                             " is not found out from the environment")
    count, index = _integer("num_processes", num_processes), _integer("process_id", process_id)
    if not 0 <= index < count:
        raise ValueError("distributed.initialize: process_id must be from 0 to num_processes - 1 ="
                         f" {count - 1}, got {index}")
    _check_first()
    assert address is not None
    bind = (coordinator_bind_address or os.environ.get("JAX_COORDINATOR_BIND_ADDRESS")
            or _where_to_listen(address))
    PROCESSES.join(Meeting(
        address, bind, index, count, _device_ids(local_device_ids), initialization_timeout,
        heartbeat_timeout_seconds, shutdown_timeout_seconds,
        slice_index if partition_index is None else partition_index))
    if config.backend == "llvm":  # whose devices are in one process
        config.update("backend", "xla")


def _device_ids(given: int | Sequence[int] | None) -> Sequence[int] | None:
    """The devices that are chosen for this process; None for all."""
    ids = os.environ.get("JAX_LOCAL_DEVICE_IDS")
    if given is None and ids:
        return list(map(int, ids.split(",")))
    return [given] if isinstance(given, int) else given


def _where_to_listen(address: str) -> str:
    """Where process 0 listens: at all its addresses, unless processes are on one machine alone."""
    host, _, port = address.rpartition(":")
    return address if host in ("localhost", "127.0.0.1", "[::1]") else f"[::]:{port}"


def is_initialized() -> bool:
    """Return whether this process has joined others.

    >>> ingot.distributed.is_initialized()
    False
    """
    return PROCESSES.meeting is not None


def shutdown() -> None:
    """Part from the other processes, once all of them do; happens by itself at a program's end.

    If this process fails, or another one was lost, it does not wait for anybody.

    >>> ingot.distributed.shutdown()
    """
    PROCESSES.leave()


__all__ = ["initialize", "is_initialized", "shutdown"]

_hide_frames_of(__name__)
