"""`jax._src.distributed`: what packages for checkpoints ask of this process and the others."""

from __future__ import annotations

import functools
from typing import Any

from ingot.core.processes import PROCESSES, Meeting
from ingot.distributed import initialize, is_initialized, shutdown
from ingot.errors import JaxRuntimeError


class Client:
    """jaxlib's client, which raises JAX's errors by their name here."""

    def __init__(self, client: Any):
        self._client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except RuntimeError as error:
                raise JaxRuntimeError(str(error)) from None

        return call


class State:
    """What is known of this process among others; `client` is jaxlib's, through which they talk."""

    client = property(lambda self: PROCESSES.client and Client(PROCESSES.client))
    service = property(lambda self: PROCESSES.service)
    process_id = property(lambda self: PROCESSES.index)
    num_processes = property(lambda self: PROCESSES.count)
    coordinator_address = property(lambda self: self._meeting and self._meeting.address)
    partition_index = property(lambda self: self._meeting and self._meeting.partition)
    preemption_sync_manager = None

    @property
    def _meeting(self) -> Meeting | None:
        return PROCESSES.meeting


global_state = State()

__all__ = ["State", "global_state", "initialize", "is_initialized", "shutdown"]
