"""Memories of devices: where arrays are to lie, whatever the devices are."""

from __future__ import annotations

from ingot.core.devices import Space
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of

__all__ = ["Space"]

_hide_frames_of(__name__)
