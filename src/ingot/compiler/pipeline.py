"""What is done to each function that was lowered: dead code goes, loops are merged and packed.

Merging takes as long as lowering, so it is left out where code is wanted at once.
"""

from __future__ import annotations

from collections.abc import Callable

from ingot.compiler.buffer_assignment import assign_buffers
from ingot.compiler.dce import eliminate_dead_code
from ingot.compiler.loop_fusion import fuse_loops
from ingot.compiler.residual_layout import interleave_residuals
from ingot.kernel import ir

MORE_BYTES = 1 << 16
"""Temporary memory that matters to nobody."""


def formed(lower: Callable[[], ir.Function], merging: bool) -> ir.Function:
    """A function, its loops merged: only neighbors, where else it would take more memory, as
    programs do that compute anew what they do not want to keep. Then it is lowered again."""
    for neighbors in (False, True):
        function = eliminate_dead_code(lower())
        if not merging:
            break
        before = function.arena_bytes
        if not fuse_loops(function, neighbors):
            break
        assign_buffers(eliminate_dead_code(function))
        if function.arena_bytes <= before + before // 8 + MORE_BYTES:
            break
    interleave_residuals(function)
    return function
