"""A suite in a process of its own, watched: a crash or a hang is an outcome, the rest is run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent / "src"
COLLECTING = 600.0  # seconds that may pass outside of tests
ATTEMPTS = 40  # each crash or hang costs one


def command(side, suite, root, python=sys.executable):
    """How pytest is started on one side, `jax` or `ingot`."""
    hook = ["-m", "ingot"] if side == "ingot" else []
    where = ["--pyargs"] if suite.source == "wheel" else ["--confcutdir", str(root)]
    return [python, *hook, "-m", "pytest", "-q", "-p", "outcomes", "-p", "no:cacheprovider",
            "--continue-on-collection-errors", "--rootdir", str(root), *where,
            *suite.arguments, *suite.tests]


def environment(side, suite, log, only=None, but=None, x64=False, every=1):
    """The variables of one side's process; JAX's must not see ingot.

    `only` and `but` are files that list tests to run and tests to leave out; of the others, one in
    `every` is run. NumPyro's tests turn 64 bit on if its variable is there at all.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "ECOSYSTEM_"))}
    paths = [str(HERE / "plugin"), *suite.folders, *([str(SOURCE)] if side == "ingot" else [])]
    return {**kept, **suite.environment, "PYTHONPATH": os.pathsep.join(paths),
            "JAX_PLATFORMS": "cpu", **({"JAX_ENABLE_X64": "1"} if x64 else {}),
            "ECOSYSTEM_LOG": str(log), "ECOSYSTEM_EVERY": str(every),
            **({"ECOSYSTEM_ONLY": str(only)} if only else {}),
            **({"ECOSYSTEM_BUT": str(but)} if but else {})}


def read(log):
    """Outcome lines of a log by test, the last one of each."""
    if not Path(log).exists():
        return {}
    lines = [json.loads(line) for line in Path(log).read_text("utf-8").splitlines()]
    return {line["id"]: line for line in lines if "id" in line}


def run(side, suite, root, log, *, python=sys.executable, only=None, but=None, x64=False,
        every=1):
    """Run a suite on one side until each of its tests has an outcome; they are in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    output = log.with_suffix(".txt")
    output.write_text("")
    for _ in range(ATTEMPTS):
        with output.open("a") as out:
            process = subprocess.Popen(
                command(side, suite, root, python), cwd=root, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, env=environment(side, suite, log, only, but, x64, every),
                start_new_session=True)
            try:
                hung = _watch(process, log, suite.timeout)
            finally:
                _kill(process)
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        if any("finished" in line for line in lines):
            return read(log)
        test = next((line["id"] for line in reversed(lines) if line.get("outcome") == "started"
                     and read(log)[line["id"]]["outcome"] == "started"), None)
        if test is None:
            raise SystemExit(f"ecosystem: pytest ended before the first test, see {output}")
        why = "hang" if hung else "crash"
        with log.open("a") as file:
            file.write(json.dumps({"id": test, "outcome": why, "message":
                                   f"after {suite.timeout:g} s" if hung
                                   else f"exit status {process.returncode}"}) + "\n")
    raise SystemExit(f"ecosystem: {ATTEMPTS} crashes and hangs, see {output}")


def _watch(process, log, timeout):
    """Wait for the end; True if a test took too long."""
    size, since = -1, time.monotonic()
    while process.poll() is None:
        time.sleep(0.1)
        now = log.stat().st_size
        if now != size:
            size, since = now, time.monotonic()
            inside = b'"started"' in log.read_bytes().rstrip().rpartition(b"\n")[2]
        if time.monotonic() - since > (timeout if inside else max(timeout, COLLECTING)):
            # pytest's faulthandler prints where each thread is.
            process.send_signal(signal.SIGABRT)
            time.sleep(1)
            return True
    return False


def _kill(process):
    """End the process and those that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
