"""ShapeDtypeStruct, and the types of whatever has a shape and a dtype."""

from __future__ import annotations

import operator
from typing import Any

from ingot import dtypes
from ingot.api.formats import Format, Layout
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.manual import EVERYWHERE_EQUAL, ManualAxisType
from ingot.core.mesh import abstract_mesh, concrete_mesh
from ingot.core.placement import is_committed, sharding_of
from ingot.core.sharding import NamedSharding, Sharding
from ingot.core.specs import PartitionSpec
from ingot.core.symbolic import is_symbolic


class ShapeDtypeStruct:
    """The shape and dtype of an array without its elements, and where it lies; a leaf of pytrees.

    shape: ints; dtype: whatever stands for one, 64 bits wide also while these are off; sharding: a
    sharding, a spec for the mesh that is set when it is read, or a Format; manual_axis_type: what
    inside of `shard_map` types say of the Manual axes. Raises ValueError for other shardings, and
    for those that do not divide arrays with so many axes, TypeError for an open layout.

    >>> ingot.ShapeDtypeStruct((2, 3), "float32")
    ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """

    __slots__ = ("_layout", "_sharding", "dtype", "manual_axis_type", "shape", "weak_type")

    def __init__(self, shape: Any, dtype: Any, *, sharding: Any = None, weak_type: bool = False,
                 manual_axis_type: ManualAxisType | None = None, is_ref: bool = False):
        if dtype is None:
            raise ValueError("ShapeDtypeStruct: dtype must be given, got None")
        self.shape: tuple[Any, ...] = tuple(n if is_symbolic(n) else int(n) for n in shape)
        self.dtype = dtype if isinstance(dtype, dtypes.KeyDType) else dtypes.supported(
            dtype, "ShapeDtypeStruct")
        self.weak_type, self._layout, self._sharding = weak_type, None, sharding
        if isinstance(sharding, Format):
            if sharding.layout is Layout.AUTO:
                raise TypeError("`Layout.AUTO` cannot be used in place of a device-local layout in"
                                f" a `ShapeDtypeStruct`. Got {sharding}")
            self._layout, self._sharding = sharding.layout, sharding.sharding
        if not isinstance(manual_axis_type, ManualAxisType | None):
            raise TypeError("`manual_axis_type` argument passed to ShapeDtypeStruct should be of"
                            " type `jax.sharding.ManualAxisType`. Got type"
                            f" {type(manual_axis_type)}")
        self.manual_axis_type = manual_axis_type
        self._check()

    def _check(self) -> None:
        place = self._sharding
        if isinstance(place, Sharding):
            place.check_compatible_aval(self.shape)
        elif isinstance(place, PartitionSpec):
            if len(place) > len(self.shape):
                raise ValueError(f"ShapeDtypeStruct: {place!r} is only valid for values of rank at"
                                 f" least {len(place)}, but was applied to a value of rank"
                                 f" {len(self.shape)}")
        elif place is not None:
            raise ValueError("ShapeDtypeStruct: sharding should be an instance of"
                             " `jax.sharding.Sharding`, `jax.sharding.PartitionSpec` or"
                             f" `jax.experimental.layout.Format`. Got {place!r:.80}")

    @property
    def sharding(self) -> Any:
        """Where the array lies; TypeError for a spec while no mesh is set."""
        if not isinstance(self._sharding, PartitionSpec):
            return self._sharding
        mesh = abstract_mesh() if concrete_mesh().empty else concrete_mesh()
        if mesh.empty:
            raise TypeError("When specifying PartitionSpec to `ShapeDtypeStruct`, the context mesh"
                            " cannot be empty; use set_mesh, or a NamedSharding")
        return NamedSharding(mesh, self._sharding)

    @property
    def format(self) -> Format:
        """In which layout and where the array lies."""
        return Format(self._layout, self.sharding)

    @classmethod
    def like(cls, x: Any) -> ShapeDtypeStruct:
        """Shape, dtype and weak type of a value, and where it lies if it has to stay there."""
        aval = abstractify(x)
        if type(x) is Array:
            sharding = sharding_of(x) if is_committed(x) else None
        else:
            sharding = aval._sharding
        return cls(aval.shape, aval.dtype, weak_type=aval.weak_type, sharding=sharding,
                   manual_axis_type=aval.mat or None)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.aval.size

    @property
    def aval(self) -> ShapedArray:
        """The same as the type of a program's variable: narrowed while 64-bit types are off."""
        return ShapedArray(self.shape, dtypes.canonicalize_dtype(self.dtype), self.weak_type,
                           sharding=self.sharding,
                           manual_axis_type=self.manual_axis_type or EVERYWHERE_EQUAL)

    def update(self, **changes: Any) -> ShapeDtypeStruct:
        """A copy with some fields replaced; ValueError for another sharding where a layout is said,
        which needs a Format."""
        fields = {n: changes.pop(n, getattr(self, n)) for n in (
            "shape", "dtype", "weak_type", "manual_axis_type")}
        place = changes.pop("sharding", self._sharding)
        if self._layout is not None and not isinstance(place, Format):
            if place is not self._sharding:
                raise ValueError(f"updating ShapeDtypeStruct with sharding {place!r} while it has"
                                 f" the layout {self._layout}: pass a Format")
            place = Format(self._layout, place)
        if changes:
            raise ValueError(f"ShapeDtypeStruct.update: no fields named {sorted(changes)}")
        return ShapeDtypeStruct(fields.pop("shape"), fields.pop("dtype"), sharding=place, **fields)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a ShapeDtypeStruct of rank 0")
        return operator.index(self.shape[0])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ShapeDtypeStruct) and all(
            getattr(self, n) == getattr(other, n) for n in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.weak_type))

    def __repr__(self) -> str:
        weak = ", weak_type=True" if self.weak_type else ""
        place = self._sharding
        sharding = f", sharding={place}" if place is not None else ""
        mat = f", manual_axis_type={self.manual_axis_type}" if self.manual_axis_type else ""
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name}{weak}{sharding}{mat})"


def struct_of(aval: ShapedArray) -> ShapeDtypeStruct:
    """A type as a ShapeDtypeStruct."""
    return ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type,
                            sharding=aval._sharding, manual_axis_type=aval.mat or None)


def abstractify(x: Any) -> ShapedArray:
    """The type of an array, a number, or anything that says its shape and dtype."""
    if type(x) is ShapedArray:
        return x
    if not hasattr(x, "aval") and hasattr(x, "shape") and hasattr(x, "dtype"):
        return ShapedArray(x.shape, dtypes.canonicalize_dtype(x.dtype))
    return typeof(x)
