"""Several processes over jaxlib's coordination service: how they meet, part, and share devices."""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import time
from typing import Any

from ingot.backends.xla import installed
from ingot.backends.xla.client import jaxlib, version
from ingot.backends.xla.roll_call import Lifeline, Line, Registrar, answer
from ingot.core.devices import cpu_count_asked_for, cpu_devices
from ingot.core.logs import say
from ingot.core.processes import PROCESSES, Meeting
from ingot.errors import JaxRuntimeError
from ingot.version import __version__

REMEDY = ("look at that process's output for the first error, then start all processes again, from"
          " the last checkpoint")


class _Membership:
    """What ends when this process leaves the others."""

    lifeline: Lifeline | None = None
    registrar: Registrar | None = None


_membership = _Membership()


def join(meeting: Meeting, lost: dict[int, str]) -> tuple[Any, Any]:
    """Meet the other processes; return jaxlib's client for them, and its service in process 0.

    lost: where processes are entered that end too early. Raises JaxRuntimeError if processes do not
    come in time, do not agree, or cannot listen where they should.
    """
    jaxlib()
    jax = installed.module("jaxlib._jax")
    start = time.monotonic()
    if meeting.index == 0:
        _membership.registrar = Registrar(meeting)
        _membership.registrar.start()
    line = _answered(meeting, _membership.registrar)

    def tell(index: int, why: str) -> None:
        say("processes", f"process {index} of {meeting.count} {why}. Computations with its devices"
                         f" raise errors, and this process ends within"
                         f" {meeting.heartbeat_timeout} s; {REMEDY}")

    _membership.lifeline = Lifeline(line, lost, tell)
    _membership.lifeline.start()
    left = max(int(meeting.init_timeout - (time.monotonic() - start)), 10)
    service = None if meeting.index else jax.get_distributed_runtime_service(
        meeting.bind_address, meeting.count, heartbeat_timeout=meeting.heartbeat_timeout,
        cluster_register_timeout=left, shutdown_timeout=meeting.shutdown_timeout)
    client = jax.get_distributed_runtime_client(
        meeting.address, meeting.index, init_timeout=left,
        heartbeat_timeout=meeting.heartbeat_timeout, shutdown_timeout=meeting.shutdown_timeout,
        use_compression=True, shutdown_on_destruction=False)
    client.connect()
    atexit.register(PROCESSES.leave)
    return client, service


def _answered(meeting: Meeting, registrar: Registrar | None) -> Line:
    try:
        return answer(meeting, f"ingot {__version__} with jaxlib {version()}", registrar)
    except JaxRuntimeError:
        if registrar is not None:
            registrar.join(5)  # it tells the others why
        raise


def leave(client: Any, service: Any) -> None:
    """Part from the others, when all of them do; at once if this process fails, or if another one
    is lost, as nobody is to wait for it."""
    atexit.unregister(PROCESSES.leave)
    lifeline, registrar = _membership.lifeline, _membership.registrar
    _membership.lifeline = _membership.registrar = None
    error = getattr(sys, "last_value", None)
    failed = "" if error is None else f"{type(error).__name__}: {error}"[:500]
    if failed or PROCESSES.lost:
        why = failed or "an error, as others are lost"
        if registrar:
            registrar.last_words(why)
        if lifeline:
            lifeline.end(why)
        for x in (client, service):  # whose ends in C++ would wait for the others
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(x))
        return
    if lifeline:
        lifeline.end()
    client.shutdown()
    if service is not None:
        service.shutdown()
    if lifeline:
        lifeline.close()
    if registrar:
        registrar.join(5)


# ---- clients -------------------------------------------------------------------------------------
def cpu_client(xc: Any) -> Any:
    """Return a client for the CPU with as many devices as `devices` names; with several processes,
    for the CPUs of all, with one device in this one unless flags ask for more."""
    meeting, lifeline = PROCESSES.meeting, _membership.lifeline
    if meeting is None or lifeline is None:
        return xc.make_cpu_client(num_devices=len(cpu_devices()))
    minutes = max(1, -(-meeting.init_timeout // 60))
    collectives = installed.module("jaxlib._jax").make_gloo_tcp_collectives(
        PROCESSES.client, hostname=lifeline.own_address)
    return xc.make_cpu_client(
        distributed_client=PROCESSES.client, node_id=PROCESSES.index, num_nodes=PROCESSES.count,
        collectives=collectives, num_devices=cpu_count_asked_for() or 1,
        get_local_topology_timeout_minutes=minutes, get_global_topology_timeout_minutes=minutes)


def await_all(name: str) -> None:
    """Wait until all processes have started a back end: one that ended before would take with it
    what the others still ask of it."""
    meeting = PROCESSES.meeting
    if meeting is not None and meeting.count > 1:
        PROCESSES.client.wait_at_barrier(f"ingot_{name}_started", 1000 * meeting.init_timeout)


def plugin_options() -> dict[str, Any]:
    """Return what the plugin of an accelerator is told of this process."""
    meeting = PROCESSES.meeting
    if meeting is None:
        return {}
    found: dict[str, Any] = {"node_id": meeting.index, "num_nodes": meeting.count}
    if meeting.local_device_ids is not None:
        found["visible_devices"] = list(meeting.local_device_ids)
    if meeting.partition is not None:
        found["partition_index"] = meeting.partition
    return found


# ---- errors --------------------------------------------------------------------------------------
def explained(error: RuntimeError) -> RuntimeError:
    """Return what jaxlib raised, as an error that says which process was lost if one was."""
    text = str(error)
    if PROCESSES.count == 1 or not (PROCESSES.lost or "Gloo" in text or "coordination" in text):
        return error
    for _ in range(20):  # the connection that broke tells it sooner than process 0
        if PROCESSES.lost:
            break
        time.sleep(0.05)
    who = "; ".join(f"process {k} of {PROCESSES.count} {why}"
                    for k, why in PROCESSES.lost.items()) or "a process cannot be reached"
    return JaxRuntimeError(f"a computation of {PROCESSES.count} processes failed: {who}; {REMEDY}."
                           f" This is process {PROCESSES.index}, pid {os.getpid()}; XLA says:"
                           f" {text}")
