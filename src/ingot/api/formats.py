"""Formats: how an array lies in memory, by a layout, and where, by a sharding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.core.avals import ShapedArray
from ingot.core.interpreter import to_array
from ingot.core.sharding import Sharding
from ingot.core.specs import PartitionSpec
from ingot.primitives.constraint import layout_constraint_p
from ingot.tree import broadcast_prefix, tree_flatten, tree_unflatten


class Layout:
    """In which order the axes of an array lie in memory, from the slowest to the fastest.

    major_to_minor: numbers of the axes; tiling: tiles of accelerators. Arrays of the host lie row
    by row whatever is asked for; `AUTO` leaves it to the compiler.

    >>> Layout((0, 1))
    Layout(major_to_minor=(0, 1), tiling=None, sub_byte_element_size_in_bits=0)
    """

    AUTO: Any

    def __init__(self, major_to_minor: Sequence[int], tiling: Any = None,
                 sub_byte_element_size_in_bits: int = 0):
        self.major_to_minor = tuple(major_to_minor)
        self.tiling = None if tiling is None else tuple(map(tuple, tiling))
        self.sub_byte_element_size_in_bits = sub_byte_element_size_in_bits

    def check_rank(self, title: str, aval: ShapedArray) -> None:
        """Raise ValueError where arrays of this type have another number of axes."""
        if len(self.major_to_minor) != aval.ndim:
            raise ValueError(f"{title}: Length of major_to_minor and the rank of the value should"
                             f" match. Got major_to_minor={self.major_to_minor} and {aval!r}")

    def _key(self) -> Any:
        return self.major_to_minor, self.tiling, self.sub_byte_element_size_in_bits

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return (f"Layout(major_to_minor={self.major_to_minor}, tiling={self.tiling},"
                f" sub_byte_element_size_in_bits={self.sub_byte_element_size_in_bits})")


class AutoLayout:
    """The layout that the compiler is to choose."""

    def __repr__(self) -> str:
        return "AUTO"

    def __reduce__(self) -> Any:
        return _auto_layout, ()


Layout.AUTO = AutoLayout()


def _auto_layout() -> Any:
    return Layout.AUTO


class Format:
    """How an array lies in memory, and where: a layout and a sharding, either None if not said.

    Raises TypeError for other layouts, ValueError for other shardings and for a layout of which no
    sharding says where.

    >>> Format(Layout((0,)), ingot.sharding.make_single_device_sharding()).layout.major_to_minor
    (0,)
    """

    def __init__(self, layout: Any = None, sharding: Any = None):
        if layout is not None and not isinstance(layout, (Layout, AutoLayout)):
            raise TypeError("Invalid value received for the layout argument: expected a Layout,"
                            f" Layout.AUTO or None, got {layout!r:.80}")
        if isinstance(layout, Layout) and sharding is None:
            raise ValueError("Sharding has to be concrete when layout is of type"
                             f" {type(layout)}; got None")
        if not (sharding is None or isinstance(sharding, (Sharding, PartitionSpec))):
            raise ValueError("Invalid value received for the sharding argument: expected a"
                             f" Sharding, a PartitionSpec or None, got {sharding!r:.80}")
        self.layout, self.sharding = layout, sharding

    def concrete(self, title: str, aval: ShapedArray) -> Any:
        """Return the sharding, for arrays of this type.

        Raises ValueError for a layout that is left to the compiler, and for one of another rank.
        """
        if self.layout is Layout.AUTO:
            raise ValueError(f"{title}: sharding and layout should be concrete, got {self}; outside"
                             " of compiled functions nothing chooses a layout")
        self.check_rank(title, aval)
        return self.sharding

    def check_rank(self, title: str, aval: ShapedArray) -> None:
        """Raise ValueError where arrays of this type have not as many axes as the layout."""
        if isinstance(self.layout, Layout):
            self.layout.check_rank(title, aval)

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Format) and self.layout == other.layout
                and self.sharding == other.sharding)

    def __hash__(self) -> int:
        return hash((self.layout, self.sharding))

    def __repr__(self) -> str:
        return f"Format(layout={self.layout}, sharding={self.sharding})"


def format_of(aval: ShapedArray, sharding: Any) -> Format:
    """Return how an array of this type lies there: row by row."""
    return Format(Layout(tuple(range(aval.ndim))), sharding)


def with_layout_constraint(x: Any, layouts: Any) -> Any:
    """Return the same pytree of arrays, which lie in memory as is said inside of programs of XLA.

    x: arrays -> the same; layouts: a Layout, or a pytree of them that is a prefix of x. On other
    back ends arrays lie row by row all the same. Raises ValueError for other layouts than a Layout,
    and for one of another rank.

    >>> from ingot.api.formats import Layout, with_layout_constraint
    >>> with_layout_constraint(jnp.ones((1, 2)), Layout((1, 0)))
    Array([[1., 1.]], dtype=float64)
    """
    leaves, tree = tree_flatten(x)
    found = broadcast_prefix(layouts, x, is_leaf=lambda s: s is None)
    arrays = [to_array(leaf) for leaf in leaves]
    for layout, array in zip(found, arrays, strict=True):
        if not isinstance(layout, Layout):
            raise ValueError("layouts passed to `with_layout_constraint` must be of type `Layout`,"
                             f" got {layout!r:.80}")
        layout.check_rank("with_layout_constraint", array.aval)
    return tree_unflatten(tree, [
        layout_constraint_p.bind(array, major_to_minor=layout.major_to_minor)
        for layout, array in zip(found, arrays, strict=True)])
