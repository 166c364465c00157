"""Draw the pictures of the tutorial on devices: which device holds which part of an array."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

import ingot

PICTURES = Path(__file__).parent / "pictures"
SHAPE = (8, 4)
# Each picture: its name, and the specs over the mesh of `data` 4 by `model` 2 that it shows.
DRAWN = {
    "divided": [ingot.P("data", "model"), ingot.P("data", None), ingot.P(None, "model"),
                ingot.P(("data", "model"), None)],
    "training": [ingot.P("data", None), ingot.P(), ingot.P(None, "model"),
                 ingot.P("data", "model")],
}
TITLES = {"training": ["batch", "copied weights", "tensor parallel", "fully divided"]}


def draw(axes: Axes, sharding: ingot.NamedSharding, title: str) -> None:
    """Draw an array as a grid, each part in a color of its own with the devices that hold it."""
    holders: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for device, index in sharding.devices_indices_map(SHAPE).items():
        part = tuple((s.start or 0, n if s.stop is None else s.stop)
                     for s, n in zip(index, SHAPE, strict=True))
        holders.setdefault(part, []).append(device.id)
    colors = plt.get_cmap("tab20")
    for k, (((top, bottom), (left, right)), ids) in enumerate(holders.items()):
        axes.add_patch(Rectangle((left, top), right - left, bottom - top,
                                 facecolor=(*colors(2 * k % 20)[:3], 0.45), edgecolor="black"))
        label = "all" if len(ids) == 8 else ", ".join(map(str, ids))
        axes.text((left + right) / 2, (top + bottom) / 2, label, ha="center", va="center")
    for row in range(1, SHAPE[0]):
        axes.plot((0, SHAPE[1]), (row, row), color="black", linewidth=0.2)
    for column in range(1, SHAPE[1]):
        axes.plot((column, column), (0, SHAPE[0]), color="black", linewidth=0.2)
    axes.set(xlim=(0, SHAPE[1]), ylim=(SHAPE[0], 0), aspect="equal", xticks=[], yticks=[])
    axes.set_title(title, fontsize=8)


def main() -> None:
    """Write the pictures; the same bytes each time, with the same version of matplotlib."""
    mpl.rcParams.update({"svg.hashsalt": "ingot", "svg.fonttype": "none", "font.size": 8})
    mesh = ingot.make_mesh((4, 2), ("data", "model"))
    for name, specs in DRAWN.items():
        figure, row = plt.subplots(1, len(specs), figsize=(2 * len(specs), 3))
        for axes, spec, title in zip(row, specs, TITLES.get(name, [""] * len(specs)), strict=True):
            draw(axes, ingot.NamedSharding(mesh, spec), f"{title}\n{spec}".strip())
        figure.tight_layout()
        figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    ingot.config.update("num_cpu_devices", 8)
    main()
