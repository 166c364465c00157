"""A pytest plugin that writes what happens to each test, as it happens, one JSON object a line.

It runs in the process under test, beside packages of any kind, so it uses the standard library
alone. A test that already has a line is left out: after a crash the same command goes on with the
rest.
"""

import json
import os
import re
import time

import pytest

LOG = os.environ["ECOSYSTEM_LOG"]
ONLY = os.environ.get("ECOSYSTEM_ONLY")
BUT = os.environ.get("ECOSYSTEM_BUT")
EVERY = int(os.environ.get("ECOSYSTEM_EVERY", "1"))
_names, _failed, _skipped, _started = {}, {}, set(), {}


def _write(**line):
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def _lines(path):
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            yield from map(json.loads, file)


def _listed(path):
    with open(path, encoding="utf-8") as file:
        return set(file.read().splitlines())


def _steady(name):
    """A test's name without addresses, which differ from one process to the next."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x", name)


def pytest_collection_modifyitems(config, items):
    seen = {}
    for item in items:  # equal names are told apart by their place
        name = _steady(item.nodeid)
        seen[name] = count = seen.get(name, 0) + 1
        _names[item.nodeid] = name if count == 1 else f"{name}#{count}"
    done = {line["id"] for line in _lines(LOG) if "id" in line}
    if BUT:
        done |= _listed(BUT)
    wanted = _listed(ONLY) if ONLY else set(list(_names.values())[::EVERY])
    chosen = {i for i, name in _names.items() if name in wanted - done}
    keep = [item for item in items if item.nodeid in chosen]
    config.hook.pytest_deselected(items=[i for i in items if i.nodeid not in chosen])
    items[:] = keep
    _write(collected=len(keep))


@pytest.hookimpl(tryfirst=True)
def pytest_collectreport(report):
    if report.failed:
        _write(id=_steady(report.nodeid), outcome="uncollected", message=_message(report))


def pytest_runtest_logstart(nodeid, location):
    _started[nodeid] = time.time()
    _write(id=_names[nodeid], outcome="started")


def pytest_runtest_logreport(report):
    if report.failed:
        _failed.setdefault(report.nodeid, _message(report))
    elif report.skipped:
        _skipped.add(report.nodeid)


def pytest_runtest_logfinish(nodeid, location):
    outcome = ("failed" if nodeid in _failed else "skipped" if nodeid in _skipped else "passed")
    _write(id=_names[nodeid], outcome=outcome, seconds=round(time.time() - _started[nodeid], 3),
           message=_failed.get(nodeid, ""))


def pytest_sessionfinish(session, exitstatus):
    _write(finished=int(exitstatus))


def _message(report):
    """The error's first line, and where it was raised."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return f"{crash.message.strip()[:400]}  ({crash.path}:{crash.lineno})"
    return str(report.longrepr).strip()[-400:]
