"""The roll call: processes find each other and agree, and learn later which of them have ended.

It comes before XLA's own services, which end a process where something does not fit.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ingot.core.processes import Meeting
from ingot.errors import JaxRuntimeError

LONGEST = 1 << 16
"""Bytes of a message; who sends longer ones is none of us."""


def endpoint(address: str) -> tuple[str, int]:
    """Return host and port of an address as `10.0.0.1:1234` or `[::1]:1234`.

    Raises ValueError if it is none.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) >= 1 << 16:
        raise ValueError("distributed.initialize: coordinator_address must be a host and a port, as"
                         f" '10.0.0.1:1234', got {address!r}")
    return host.strip("[]"), int(port)


class Line:
    """A connection that carries messages, one JSON object a line."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.hello: dict[str, Any] = {}
        self._buffer = b""
        self.said_bye = False

    def send(self, **message: Any) -> None:
        """Send a message; nothing happens if the other side is gone."""
        with suppress(OSError):
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> list[dict[str, Any]] | None:
        """Return the messages that have come, after waiting for some bytes; None at the end."""
        try:
            data = self.connection.recv(LONGEST)
        except TimeoutError:
            return []
        except OSError:
            return None
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if not data or len(self._buffer) > LONGEST:
            return None
        try:
            found = [json.loads(line) for line in lines]
        except ValueError:
            return None
        return found if all(isinstance(m, dict) for m in found) else None

    def close(self) -> None:
        """End the connection."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


# ---- in process 0 --------------------------------------------------------------------------------
class Registrar(threading.Thread):
    """Waits in process 0 until all processes have come and agree; then watches who ends."""

    def __init__(self, meeting: Meeting):
        super().__init__(name="ingot-registrar", daemon=True)
        self._meeting, self._deadline = meeting, time.monotonic() + meeting.init_timeout
        self.why = ""
        self._lines: dict[int, Line] = {}
        self._waiting = selectors.DefaultSelector()
        host, port = endpoint(meeting.bind_address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # of both kinds, as XLA's service
            self._listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            self._listener.bind((host, port))
            self._listener.listen(meeting.count + 16)
        except OSError as error:
            self._listener.close()
            raise JaxRuntimeError(
                f"distributed.initialize: process 0 cannot listen at {meeting.bind_address}:"
                f" {error.strerror}; another program may use the port: choose another one in"
                " coordinator_address, the same in all processes") from None
        self._waiting.register(self._listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Call the roll, then watch."""
        why = self.why = self._call_roll()
        if why:
            self._turn_away(why)
        self._waiting.unregister(self._listener)
        self._listener.close()  # XLA's service takes the port
        for line in () if why else self._lines.values():
            line.send(welcome=True)
        if not why:
            self._watch()
        for line in self._lines.values():
            line.close()

    def _call_roll(self) -> str:
        """Wait until all have come; return why not, or nothing."""
        count = self._meeting.count
        while len(self._lines) < count:
            left = self._deadline - time.monotonic()
            if left <= 0:
                missing = sorted(set(range(count)) - set(self._lines))
                return (f"{len(self._lines)} of {count} processes came within"
                        f" {self._meeting.init_timeout} s; missing: {_listed(missing)}. Start all"
                        f" {count}, with process_id 0 to {count - 1}, or change num_processes; if"
                        " they need longer to start, raise initialization_timeout")
            for key, _ in self._waiting.select(left):
                if key.fileobj is self._listener:
                    self._accept()
                    continue
                why = self._listen(key.data)
                if why:
                    return why
        return ""

    def _turn_away(self, why: str, seconds: float = 1.0) -> None:
        """Tell all who have come, and who come about now, what does not fit."""
        for line in self._lines.values():
            line.send(error=why)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in self._waiting.select(left):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.data.receive() is None:
                    self._waiting.unregister(key.fileobj)
                    key.data.close()
                else:
                    key.data.send(error=why)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(5)
        self._waiting.register(connection, selectors.EVENT_READ, Line(connection))

    def _listen(self, line: Line) -> str:
        """Enter a process that says who it is; return what does not fit, or nothing."""
        messages = line.receive()
        if messages is None:
            self._waiting.unregister(line.connection)
            line.close()
            gone = line.hello.get("index", -1)
            if self._lines.get(gone) is line:
                del self._lines[gone]
            return ""
        for hello in messages:
            index, line.hello = hello.get("index", -1), hello
            why = self._misfit(hello)
            if why:
                self._lines.setdefault(-1, line)  # it is told with the others
                return why
            self._lines[index] = line
        return ""

    def _misfit(self, hello: dict[str, Any]) -> str:
        index, count = hello.get("index", -1), self._meeting.count
        if hello.get("count") != count:
            return (f"process {index} was told that there are {hello.get('count')} processes,"
                    f" process 0 that there are {count}; give all the same num_processes")
        if index in self._lines:
            return (f"two processes say that they are process {index}: {_who(hello)} and"
                    f" {_who(self._lines[index].hello)}; give each its own process_id, from 0 to"
                    f" {count - 1}")
        first = self._lines.get(0)
        if first is not None and hello.get("versions") != first.hello.get("versions"):
            return (f"process {index} runs {hello.get('versions')}, process 0"
                    f" {first.hello.get('versions')}; install the same versions everywhere")
        return ""

    def last_words(self, why: str) -> None:
        """Tell the others why process 0 ends, with which this thread does."""
        for index, line in self._lines.items():
            if index:
                line.send(lost=0, why=f"failed with {why} ({_who(self._lines[0].hello)})")

    def _watch(self) -> None:
        """Tell all when one of them ends without a farewell, until all have ended."""
        left = dict(self._lines)
        while left:
            for key, _ in self._waiting.select():
                index = key.data.hello["index"]
                why = _farewell(key.data)
                if why is None:
                    continue
                self._waiting.unregister(key.fileobj)
                del left[index]
                for line in left.values() if why else ():
                    line.send(lost=index, why=f"{why} ({_who(key.data.hello)})")


def _farewell(line: Line) -> str | None:
    """Return why a process is gone, nothing if it said goodbye; None if it is still there."""
    messages = line.receive()
    for message in messages or ():
        line.said_bye |= "bye" in message
        if "failed" in message:
            return f"failed with {message['failed']}"
    if messages is None:
        return "" if line.said_bye else "ended without distributed.shutdown()"
    return None


def _who(hello: dict[str, Any]) -> str:
    return f"pid {hello.get('pid')} on {hello.get('host')}"


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:12]))
    return shown if len(numbers) <= 12 else f"{shown} and {len(numbers) - 12} more"


# ---- in all processes ----------------------------------------------------------------------------
def answer(meeting: Meeting, versions: str, registrar: Registrar | None) -> Line:
    """Find process 0, and say who this one is; return the connection when all have come.

    registrar: in process 0, its registrar. Raises JaxRuntimeError if nobody is there, or if the
    processes do not agree.
    """
    deadline = time.monotonic() + meeting.init_timeout
    line = _connected(meeting, deadline, registrar)
    line.send(index=meeting.index, count=meeting.count, versions=versions, pid=os.getpid(),
              host=socket.gethostname())
    while True:
        left = deadline + 5 - time.monotonic()  # process 0 knows better what is missing
        line.connection.settimeout(max(left, 0.01))
        messages = line.receive()
        if messages is None and registrar is not None and registrar.why:
            why = registrar.why
        elif messages is None:
            why = f"process 0 at {meeting.address} ended before all had come; see its output"
        elif left <= 0:
            why = (f"not all {meeting.count} processes came to {meeting.address} within"
                   f" {meeting.init_timeout} s; if they need longer to start, raise"
                   " initialization_timeout")
        elif messages and "error" in messages[0]:
            why = messages[0]["error"]
        elif messages:
            line.connection.settimeout(None)
            return line
        else:
            continue
        line.close()
        raise JaxRuntimeError(f"distributed.initialize: {why}")


def _connected(meeting: Meeting, deadline: float, registrar: Registrar | None) -> Line:
    pause = 0.02
    while True:
        try:
            return Line(socket.create_connection(endpoint(meeting.address), timeout=5))
        except OSError as error:
            if registrar is not None and registrar.why:
                raise JaxRuntimeError(f"distributed.initialize: {registrar.why}") from None
            if time.monotonic() + pause > deadline:
                raise JaxRuntimeError(
                    f"distributed.initialize: process {meeting.index} found no process 0 at"
                    f" {meeting.address} within {meeting.init_timeout} s: {error}; start a process"
                    " with process_id=0 there, and see that coordinator_address is its address and"
                    " the port is open") from None
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


class Lifeline(threading.Thread):
    """Hears in each process which others have ended without a farewell.

    lost: where it enters them, with the reason; tell: what is told of it.
    """

    def __init__(self, line: Line, lost: dict[int, str], tell: Callable[[int, str], None]):
        super().__init__(name="ingot-lifeline", daemon=True)
        self._line, self._lost, self._tell, self._ending = line, lost, tell, False

    def run(self) -> None:
        """Listen until the connection ends."""
        while True:
            messages = self._line.receive()
            if self._ending:
                return
            if messages is None:
                messages = [{"lost": 0, "why": "ended without distributed.shutdown()"}]
                self._ending = True
            for message in messages:
                if "lost" in message and message["lost"] not in self._lost:
                    self._lost[message["lost"]] = message["why"]
                    self._tell(message["lost"], message["why"])

    def end(self, failed: str = "") -> None:
        """Say goodbye, or why this process fails."""
        self._ending = True
        self._line.send(**{"failed": failed} if failed else {"bye": True})

    def close(self) -> None:
        """End the connection."""
        self._line.close()

    @property
    def own_address(self) -> str:
        """The address by which this process reaches process 0."""
        return self._line.connection.getsockname()[0]
