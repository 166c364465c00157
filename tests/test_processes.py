"""Several processes on this machine: they join, compute together, part, and notice who ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [pytest.mark.skipif(find_spec("jaxlib") is None, reason="needs jaxlib")]
PROGRAMS = Path(__file__).with_name("process_programs.py")


def free_port():
    """A port of this machine that nobody uses."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Group:
    """Processes that run the same program; all are ended with the context."""

    def __init__(self, name, count, indices=None, counts=None, devices=1, address=None, env=None):
        self.address = address or f"127.0.0.1:{free_port()}"
        indices = range(count) if indices is None else indices
        env = {**os.environ, **(env or {}), "INGOT_NUM_CPU_DEVICES": str(devices),
               "INGOT_NUM_THREADS": "1"}
        self.processes = [
            subprocess.Popen([sys.executable, "-m", "ingot", str(PROGRAMS), name, self.address,
                              str(n), str(index)], env=env, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
            for index, n in zip(indices, counts or [count] * len(indices), strict=True)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
            p.communicate()

    def results(self, seconds=180):
        """(exit status, what was printed) of each."""
        end = time.monotonic() + seconds
        found = [p.communicate(timeout=max(end - time.monotonic(), 0.1)) for p in self.processes]
        return [(p.returncode, out + err)
                for p, (out, err) in zip(self.processes, found, strict=True)]


def succeed(name, count, **options):
    with Group(name, count, **options) as group:
        for status, text in group.results():
            assert status == 0, text


# ---- joining and parting -------------------------------------------------------------------------
@pytest.mark.parametrize(("count", "devices"), [(1, 2), (2, 2), (4, 1)])
def test_processes_and_devices_are_counted(count, devices):
    succeed("counts", count, devices=devices)


def test_a_second_initialize_is_an_error():
    succeed("twice", 1)


FAULTS = {
    "counts differ": ("waits_long", dict(indices=[0, 1], counts=[2, 3]), [
        "process 1 was told that there are 3 processes, process 0 that there are 2; give all"] * 2),
    "two with one number": ("waits_long", dict(indices=[0, 1, 1], counts=[3, 3, 3]), [
        "two processes say that they are process 1: pid .*; give each its own process_id"] * 3),
    "one does not come": ("waits_briefly", dict(indices=[0, 1], counts=[3, 3]), [
        "2 of 3 processes came within 8 s; missing: 2. Start all 3"] * 2),
    "no coordinator": ("waits_briefly", dict(indices=[1], counts=[2]), [
        "process 1 found no process 0 at .* within 8 s: .*; start a process with process_id=0"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_does_not_fit_is_an_error_in_all(name):
    program, options, messages = FAULTS[name]
    with Group(program, 0, **options) as group:
        for (status, text), message in zip(group.results(), messages, strict=True):
            assert status == 1 and re.search("RuntimeError: .*" + message, text), text


def test_a_port_in_use_is_an_error():
    with ExitStack() as stack:
        s = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = f"127.0.0.1:{s.getsockname()[1]}"
        group = stack.enter_context(Group("waits_briefly", 0, [0], [2], address=address))
        (status, text), = group.results()
        assert status == 1
        assert re.search(f"process 0 cannot listen at {address}: Address already in use; .*"
                         "choose another one", text), text


def test_initialize_comes_before_computations():
    with Group("late", 0, [0], [1]) as group:
        (status, text), = group.results()
        assert status == 1 and "must be called before any JAX calls" in text, text


# ---- arrays and programs -------------------------------------------------------------------------
@pytest.mark.parametrize(("count", "devices"), [(2, 2), (4, 1)])
def test_arrays_of_which_each_process_has_a_part(count, devices):
    succeed("arrays", count, devices=devices)


def test_programs_on_devices_of_two_processes():
    succeed("compute", 2, devices=2)


@pytest.mark.skipif(find_spec("orbax") is None, reason="needs orbax-checkpoint, which is large")
def test_a_checkpoint_of_four_processes(tmp_path):
    succeed("checkpoint", 4, env={"CHECKPOINTS": str(tmp_path)})


EXAMPLE = Path(__file__).parents[1] / "examples" / "data_parallel.py"


def test_the_example_prints_the_same_on_one_process_and_on_four():
    address, env = f"127.0.0.1:{free_port()}", {**os.environ, "INGOT_NUM_THREADS": "1"}

    def start(devices, *options):
        return subprocess.Popen(
            [sys.executable, str(EXAMPLE), "--steps", "101", *options], text=True,
            env={**env, "INGOT_NUM_CPU_DEVICES": str(devices)}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

    def printed(process):
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        return re.sub(r"\[Gloo\].*\n", "", out)  # what XLA's collectives say when they connect

    alone = printed(start(4))
    assert re.search(r"step 100: mean squared error 0\.\d{9}\n", alone)
    four = [start(1, "--coordinator", address, "--processes", "4", "--index", str(k))
            for k in range(4)]
    assert [printed(p) for p in four] == [alone, "", "", ""]


# ---- one process is lost -------------------------------------------------------------------------
def test_a_killed_process_is_an_error_in_the_others():
    with Group("killed", 3) as group:
        group.processes[2].wait(60)
        start = time.monotonic()
        (busy, other), (computes, text), (gone, _) = group.results()
        # XLA looks after twice the heartbeat's 5 seconds at most; without it they would sleep 60.
        assert time.monotonic() - start < 30
    assert gone == -signal.SIGKILL
    assert computes == 1 and re.search(
        "JaxRuntimeError: a computation of 3 processes failed: process 2 of 3 ended without"
        r".*\(pid \d+ on .*\); look at that process's output for the first error, then start all"
        " processes again, from the last checkpoint", text), text
    assert busy == -signal.SIGABRT and "process 2 of 3 ended without" in other, other


def test_a_process_that_fails_ends_at_once_and_tells_the_others():
    with Group("failing", 2) as group:
        (fails, text), (other, message) = group.results()
    assert fails == 1 and "ValueError: the first one fails" in text
    assert other != 0 and "process 0 of 2 failed with ValueError: the first one" in message
