"""Where temporaries lie: offsets in one arena, given out and taken back while code is built."""

from __future__ import annotations

import bisect

ALIGNMENT = 64


def rounded(nbytes: int) -> int:
    """Size of the block that holds this many bytes."""
    return max(-(-nbytes // ALIGNMENT) * ALIGNMENT, ALIGNMENT)


class Arena:
    """Best-fit allocation of byte ranges; neighbors are joined when freed."""

    def __init__(self) -> None:
        self.size = 0
        self._free: list[tuple[int, int]] = []  # (offset, length), by offset

    def allocate(self, nbytes: int, fresh: bool = False) -> int:
        """Offset of a free range; with `fresh`, one that nothing has ever used."""
        need = rounded(nbytes)
        if fresh:
            offset, self.size = self.size, self.size + need
            return offset
        fits = [(length, offset) for offset, length in self._free if length >= need]
        if fits:
            length, offset = min(fits)
            self._free.remove((offset, length))
            if length > need:
                bisect.insort(self._free, (offset + need, length - need))
            return offset
        if self._free and sum(self._free[-1]) == self.size:  # grow the last hole
            offset, _ = self._free.pop()
            self.size = offset + need
            return offset
        offset, self.size = self.size, self.size + need
        return offset

    def free(self, offset: int, nbytes: int) -> None:
        """Give a range back."""
        start, length = offset, rounded(nbytes)
        place = bisect.bisect(self._free, (start, 0))
        if place < len(self._free) and self._free[place][0] == start + length:
            length += self._free.pop(place)[1]
        if place and sum(self._free[place - 1]) == start:
            place -= 1
            previous = self._free.pop(place)
            start, length = previous[0], previous[1] + length
        self._free.insert(place, (start, length))
