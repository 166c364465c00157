"""Pictures of how arrays are divided over devices: a box for each part, with its devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

ROWS = 10
"""How many lines a matrix takes at scale 1."""
SLENDERNESS = 2.5
"""How much higher than wide a character is, so that pictures of square matrices are square."""


class _Part(NamedTuple):
    """The boxes of one length of an axis: where it begins and ends, as a share of the axis."""

    start: int
    share: float


def picture(shape: Sequence[int], sharding: Any, scale: float, min_width: int, max_width: int
            ) -> str:
    """Return the picture of an array of one or two axes as text.

    scale: of both directions; min_width, max_width: of a box, with its borders, in characters.
    """
    sizes = (1, *shape) if len(shape) == 1 else tuple(shape)
    held: dict[tuple[_Part, _Part], list[int]] = {}
    for device, index in sharding.devices_indices_map(tuple(shape)).items():
        slices = (slice(None), *index) if len(shape) == 1 else index
        first, second = (_part(i, n) for i, n in zip(slices, sizes, strict=True))
        held.setdefault((first, second), []).append(device.id)
    platform = next(iter(sharding.device_set)).platform.upper()
    rows, columns = (sorted({where[axis] for where in held}) for axis in (0, 1))
    labels = [[f"{platform} {','.join(map(str, sorted(held.get((r, c), ()))))}" for c in columns]
              for r in rows]
    lines = int(ROWS * scale)
    across = shape[1] if len(shape) == 2 else 1
    width = int(lines * across / shape[0]) * SLENDERNESS if shape[0] else 0
    widths = [max(_within(int(c.share * width), min_width, max_width // len(columns)) - 2,
                  *(len(row[i]) for row in labels)) for i, c in enumerate(columns)]
    heights = [1 if len(shape) == 1 else max(int(r.share * lines) - 1, 1) for r in rows]
    return _drawn(labels, widths, heights)


def _part(index: slice, size: int) -> _Part:
    start, stop, _ = index.indices(size)
    return _Part(start, (stop - start) / size if size else 1.0)


def _within(n: int, least: int, most: int) -> int:
    return min(max(n, least), max(most, least))


def _drawn(labels: Sequence[Sequence[str]], widths: Sequence[int], heights: Sequence[int]) -> str:
    edges = ["─" * w for w in widths]
    bodies = []
    for row, height in zip(labels, heights, strict=True):
        empty = "│" + "│".join(" " * w for w in widths) + "│"
        text = "│" + "│".join(f"{t:^{w}}" for t, w in zip(row, widths, strict=True)) + "│"
        above = (height - 1) // 2
        bodies.append("\n".join([empty] * above + [text] + [empty] * (height - 1 - above)))
    between = f"\n├{'┼'.join(edges)}┤\n"
    return f"┌{'┬'.join(edges)}┐\n{between.join(bodies)}\n└{'┴'.join(edges)}┘\n"


__all__ = ["picture"]
