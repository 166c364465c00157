"""`jax.experimental.array_serialization`: the base class of what manages checkpoints."""

from __future__ import annotations


class GlobalAsyncCheckpointManagerBase:
    """What writes arrays while a program goes on; packages for checkpoints bring their own."""


__all__ = ["GlobalAsyncCheckpointManagerBase"]
