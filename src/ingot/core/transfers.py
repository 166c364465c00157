"""Transfer guards: what moves between the host and devices is let through, logged or refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.logs import say
from ingot.errors import JaxRuntimeError

GUARDS = [f"transfer_guard_{d}" for d in ("host_to_device", "device_to_device", "device_to_host")]
"""The flags of all directions, which are set together."""

_REMEDY = {"host_to_device": "move it with device_put", "device_to_host": "read it with device_get",
           "device_to_device": "move it with device_put"}


def guard(direction: str, aval: ShapedArray, where: Any = None, explicit: bool = False) -> None:
    """Let an array of this type move, to where it is to lie, as the flag of this direction says.

    direction: 'host_to_device', 'device_to_device' or 'device_to_host'; explicit: whether the
    program asks for it, by `device_put` or `device_get`. Raises JaxRuntimeError where it is
    refused.
    """
    level = getattr(config, f"transfer_guard_{direction}")
    if level in (None, "allow") or (explicit and not level.endswith("explicit")):
        return
    place = "" if where is None else f", dst_sharding={where}"
    text = f"{direction.replace('_', '-')} transfer: aval={aval!r}{place}"
    if level.startswith("log"):
        say("transfers", text)
        return
    remedy = f"transfer_guard_{direction} is {level!r}" if explicit else _REMEDY[direction]
    raise JaxRuntimeError(f"INVALID_ARGUMENT: Disallowed {text}; {remedy}")


@contextmanager
def transfer_guard(new_val: str | None) -> Iterator[None]:
    """Let arrays move between the host and devices, in all directions, as this value says.

    new_val: 'allow', 'log', 'disallow', 'log_explicit' or 'disallow_explicit' -> a context manager:
    the three flags `transfer_guard_...` have this value within it, in this thread.

    >>> with ingot.transfer_guard("disallow"):
    ...     ingot.config.transfer_guard_device_to_host
    'disallow'
    """
    with ExitStack() as stack:
        for name in GUARDS:
            stack.enter_context(config.override(name, new_val))
        yield
