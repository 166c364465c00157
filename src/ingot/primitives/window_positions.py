"""Windows of an array: which elements each has, in NumPy and in kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot.core.avals import ShapedArray
from ingot.kernel.rules import ArrayValue, Index, Lowering, RegisterArray
from ingot.primitives.slicing import pad_p
from ingot.util import size_of

Shape = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Windows:
    """Windows over an array: sizes, steps between windows, padding, and spread of both."""

    window_dimensions: Shape
    window_strides: Shape
    padding: Pads
    base_dilation: Shape
    window_dilation: Shape

    @property
    def params(self) -> dict[str, Any]:
        """The fields, as parameters of an equation."""
        return dict(self.__dict__)

    @property
    def spans(self) -> Shape:
        """Lengths that windows cover."""
        return tuple((w - 1) * d + 1
                     for w, d in zip(self.window_dimensions, self.window_dilation, strict=True))

    def spread(self, shape: Shape) -> Shape:
        """Shape after the elements are moved apart, before padding."""
        return tuple((n - 1) * b + 1 if n else 0
                     for n, b in zip(shape, self.base_dilation, strict=True))

    def padded(self, shape: Shape) -> Shape:
        """Shape after padding."""
        return tuple(n + low + high for n, (low, high) in
                     zip(self.spread(shape), self.padding, strict=True))

    def out(self, shape: Shape) -> Shape:
        """How many windows there are along each axis."""
        return tuple(0 if n < w else (n - w) // s + 1 for n, w, s in
                     zip(self.padded(shape), self.spans, self.window_strides, strict=True))

    @property
    def config(self) -> tuple[tuple[int, int, int], ...]:
        """The padding and spreading of the operand, as `pad` takes it."""
        return tuple((low, high, b - 1) for (low, high), b in
                     zip(self.padding, self.base_dilation, strict=True))

    @property
    def undo(self) -> tuple[tuple[int, int, int], ...]:
        """What `pad` takes to remove the padding."""
        return tuple((-low, -high, 0) for low, high in self.padding)

    def check(self, name: str, x: ShapedArray) -> None:
        """TypeError unless all have the operand's rank and positive entries."""
        for what, values in self.params.items():
            if len(values) != x.ndim:
                raise TypeError(f"{name}: {what} needs one entry for each axis of {x}, got"
                                f" {values}")
            if what != "padding" and any(v <= 0 for v in values):
                raise TypeError(f"{name}: {what} must be positive, got {values}")
        if any(n < 0 for n in self.padded(x.shape)):
            raise TypeError(f"{name}: negative padding {self.padding} removes more than all of {x}")

    def mapped(self) -> Windows:
        """The same windows over arrays with a new first axis."""
        one = (1,)
        return Windows(one + self.window_dimensions, one + self.window_strides,
                       ((0, 0), *self.padding), one + self.base_dilation,
                       one + self.window_dilation)

    # ---- in NumPy --------------------------------------------------------------------------------
    def view(self, x: np.ndarray) -> np.ndarray:
        """All windows of a padded array, as a view with the axes within windows last."""
        out = tuple(0 if n < w else (n - w) // s + 1 for n, w, s in
                    zip(x.shape, self.spans, self.window_strides, strict=True))
        steps = [*(k * s for k, s in zip(x.strides, self.window_strides, strict=True)),
                 *(k * d for k, d in zip(x.strides, self.window_dilation, strict=True))]
        return np.lib.stride_tricks.as_strided(x, out + self.window_dimensions, steps,
                                               writeable=False)

    def lines(self, x: np.ndarray, fill: Any) -> np.ndarray:
        """All windows of an array, each as a line: [*out, elements of a window]."""
        value = np.asarray(fill).astype(x.dtype)
        view = self.view(pad_p.rule("eval")(x, value, padding_config=self.config))
        return view.reshape(*view.shape[:x.ndim], size_of(self.window_dimensions))

    # ---- in a kernel -----------------------------------------------------------------------------
    def pad(self, build: Lowering, x: ArrayValue, fill: Any) -> ArrayValue:
        """The padded operand."""
        if any(any(c) for c in self.config):
            value = RegisterArray((), x.dtype, [build.const(fill, x.dtype)])
            aval = ShapedArray(self.padded(x.shape), x.dtype)
            x = pad_p.rule("kernel")(build, x, value, out=aval, padding_config=self.config)
        return build.materialize(x) if x.cost else x

    def place(self, build: Lowering, window: Sequence[Any], inner: Sequence[Any]) -> list[Index]:
        """Where an element of a window lies in the padded operand."""
        return [build.index_add(build.index_mul(i, s), build.index_mul(k, d)) for i, s, k, d in
                zip(window, self.window_strides, inner, self.window_dilation, strict=True)]


def windows(params: dict[str, Any]) -> Windows:
    """The windows of an equation."""
    return Windows(*(params[name] for name in Windows.__dataclass_fields__))
