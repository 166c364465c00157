"""Rematerialization: `checkpoint`, names of intermediate values, and policies that use them."""

from ingot.control.checkpoint import (
    checkpoint,
    checkpoint_name,
    checkpoint_policies,
    remat,
)

__all__ = ["checkpoint", "checkpoint_name", "checkpoint_policies", "remat"]
