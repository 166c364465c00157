"""ShapeDtypeStruct, and the types of whatever has a shape and a dtype."""

from __future__ import annotations

from typing import Any

from ingot import dtypes
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.placement import is_committed, sharding_of


class ShapeDtypeStruct:
    """The shape and dtype of an array without its elements; a leaf of pytrees.

    shape: ints; dtype: whatever stands for one, 64 bits wide also while these are off; sharding is
    kept and ignored.

    >>> ingot.ShapeDtypeStruct((2, 3), "float32")
    ShapeDtypeStruct(shape=(2, 3), dtype=float32)
    """

    __slots__ = ("dtype", "shape", "sharding", "weak_type")

    def __init__(self, shape: Any, dtype: Any, *, sharding: Any = None, weak_type: bool = False,
                 vma: Any = None, is_ref: bool = False):
        if dtype is None:
            raise ValueError("ShapeDtypeStruct: dtype must be given, got None")
        self.shape = tuple(int(n) for n in shape)
        self.dtype = dtype if isinstance(dtype, dtypes.KeyDType) else dtypes.supported(
            dtype, "ShapeDtypeStruct")
        self.sharding, self.weak_type = sharding, weak_type

    @classmethod
    def like(cls, x: Any) -> ShapeDtypeStruct:
        """Shape, dtype and weak type of a value, and where it lies if it has to stay there."""
        aval = abstractify(x)
        if type(x) is Array:
            sharding = sharding_of(x) if is_committed(x) else None
        else:
            sharding = aval._sharding
        return cls(aval.shape, aval.dtype, weak_type=aval.weak_type, sharding=sharding)

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
        return ShapedArray(self.shape, dtypes.canonicalize_dtype(self.dtype), self.weak_type)

    def update(self, **changes: Any) -> ShapeDtypeStruct:
        """A copy with some fields replaced."""
        fields = {n: changes.pop(n, getattr(self, n)) for n in self.__slots__}
        if changes:
            raise ValueError(f"ShapeDtypeStruct.update: no fields named {sorted(changes)}")
        return ShapeDtypeStruct(fields.pop("shape"), fields.pop("dtype"), **fields)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a ShapeDtypeStruct of rank 0")
        return self.shape[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ShapeDtypeStruct) and all(
            getattr(self, n) == getattr(other, n) for n in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.weak_type))

    def __repr__(self) -> str:
        weak = ", weak_type=True" if self.weak_type else ""
        sharding = f", sharding={self.sharding}" if self.sharding is not None else ""
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name}{weak}{sharding})"


def struct_of(aval: ShapedArray) -> ShapeDtypeStruct:
    """A type as a ShapeDtypeStruct."""
    return ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)


def abstractify(x: Any) -> ShapedArray:
    """The type of an array, a number, or anything that says its shape and dtype."""
    if type(x) is ShapedArray:
        return x
    if not hasattr(x, "aval") and hasattr(x, "shape") and hasattr(x, "dtype"):
        return ShapedArray(x.shape, dtypes.canonicalize_dtype(x.dtype))
    return typeof(x)
