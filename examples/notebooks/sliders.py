"""Figures that follow sliders in a notebook: axes are drawn once, and then only what moves."""

import io
import time

import ipywidgets as widgets
import numpy as np
from PIL import Image


class Panel:
    """A figure beside its sliders. `update(**values)` sets the data of the artists that move.

    What `update` returns is the caption: words under the figure cost less than words drawn in it.
    `show` is the widget to display, `seconds` the time that the last drawing took.
    """

    def __init__(self, figure, moving, update, sliders):
        self.figure, self.moving, self.update, self.sliders = figure, moving, update, sliders
        for artist in moving:
            artist.set_animated(True)  # not drawn with the axes
        figure.canvas.draw()
        self.background = figure.canvas.copy_from_bbox(figure.bbox)
        self.image, self.caption = widgets.Image(format="jpeg"), widgets.Label()
        for slider in sliders.values():
            slider.observe(self.draw, "value")
        self.show = widgets.HBox([widgets.VBox(list(sliders.values())),
                                  widgets.VBox([self.image, self.caption])])
        self.draw()

    def draw(self, _=None):
        """Draw what moves over the axes, and show it."""
        begin, canvas, jpeg = time.perf_counter(), self.figure.canvas, io.BytesIO()
        caption = self.update(**{name: slider.value for name, slider in self.sliders.items()})
        canvas.restore_region(self.background)
        for artist in self.moving:
            self.figure.draw_artist(artist)
        pixels = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
        # Written in a fifth of a PNG's time; without subsampling thin lines stay sharp.
        Image.fromarray(pixels).save(jpeg, "jpeg", quality=90, subsampling=0)
        self.image.value = jpeg.getvalue()
        self.caption.value = caption or ""
        self.seconds = time.perf_counter() - begin


def slider(label, low, high, value, step=0.05):
    """A slider of a number, which tells of each movement."""
    return widgets.FloatSlider(value, min=low, max=high, step=step, description=label)
