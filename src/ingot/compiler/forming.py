"""What is done to each function that was lowered: dead code goes, loops are merged and packed.

Merging takes as long as lowering, so it is left out where code is wanted at once.
"""

from __future__ import annotations

from collections.abc import Callable

from ingot.compiler.dead import remove_dead
from ingot.compiler.lifetimes import place_temporaries
from ingot.compiler.merge import merge_loops
from ingot.compiler.packing import pack
from ingot.kernel import ir

MORE_BYTES = 1 << 16
"""Temporary memory that matters to nobody."""


def formed(lower: Callable[[], ir.Function], merging: bool) -> ir.Function:
    """A function, its loops merged: only neighbors, where else it would take more memory, as
    programs do that compute anew what they do not want to keep. Then it is lowered again."""
    for neighbors in (False, True):
        function = remove_dead(lower())
        if not merging:
            break
        before = function.arena_bytes
        if not merge_loops(function, neighbors):
            break
        place_temporaries(remove_dead(function))
        if function.arena_bytes <= before + before // 8 + MORE_BYTES:
            break
    pack(function)
    return function
