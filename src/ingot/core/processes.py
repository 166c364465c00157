"""Processes that run programs together: which one this is, how many there are, how they meet."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Meeting:
    """Where and how processes meet.

    address: host and port of process 0; bind_address: where it listens; index, count: of this
    process among all; local_device_ids: devices that it uses, None for all; partition: which
    devices are near each other. Times are in seconds: init_timeout for all to come,
    heartbeat_timeout after which a process is dead that does not answer, shutdown_timeout for all
    to end.
    """

    address: str
    bind_address: str
    index: int
    count: int
    local_device_ids: Sequence[int] | None = None
    init_timeout: int = 300
    heartbeat_timeout: int = 100
    shutdown_timeout: int = 300
    partition: int | None = None


@dataclass
class Processes:
    """This process among those that run programs together; alone until `join`.

    module: which one has `join(meeting)` and `leave(client, service)`; client, service: what it
    returns, through which processes talk to each other. service is None but in process 0.
    """

    module: str = ""
    meeting: Meeting | None = None
    client: Any = None
    service: Any = None
    lost: dict[int, str] = field(default_factory=dict)

    @property
    def index(self) -> int:
        """The number of this process."""
        return self.meeting.index if self.meeting else 0

    @property
    def count(self) -> int:
        """How many processes there are."""
        return self.meeting.count if self.meeting else 1

    def join(self, meeting: Meeting) -> None:
        """Meet the other processes; raise RuntimeError if they do not come or do not agree."""
        self.lost.clear()
        self.client, self.service = importlib.import_module(self.module).join(meeting, self.lost)
        self.meeting = meeting

    def leave(self) -> None:
        """Part from the other processes, once all of them do; at once if one was lost."""
        if self.meeting is not None:
            client, service = self.client, self.service
            self.meeting = self.client = self.service = None
            importlib.import_module(self.module).leave(client, service)


PROCESSES = Processes()
"""The processes that this one belongs to."""
