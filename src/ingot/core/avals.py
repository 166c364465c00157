"""Abstract values: shape, dtype and weak type of an array, printed as f32[3,4]."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.util import size_of

_known: dict[Any, ShapedArray] = {}
_MANY = 1 << 16


class ShapedArray:
    """The type of an array: `f32[3,4]`. Immutable; equal types are usually the same object."""

    __slots__ = ("_hash", "dtype", "shape", "storage", "weak_type")

    shape: tuple[int, ...]
    dtype: Any
    weak_type: bool
    storage: np.dtype
    """The NumPy dtype that holds the elements (differs from `dtype` for PRNG keys only)."""

    def __new__(cls, shape: Any, dtype: Any, weak_type: bool = False, *, sharding: Any = None,
                vma: Any = None, memory_space: Any = None) -> ShapedArray:
        # sharding, vma and memory_space are accepted for JAX's sake and ignored.
        if type(shape) is not tuple:
            shape = tuple(shape)
        key = (shape, dtype, weak_type)
        return _known.get(key) or cls._new(key)

    @classmethod
    def _new(cls, key: tuple[Any, ...]) -> ShapedArray:
        shape, dtype, weak_type = key
        if not isinstance(dtype, (np.dtype, dtypes.KeyDType)):
            dtype = np.dtype(dtype)
        # A type seen first with NumPy's integers in its shape serves all later arrays.
        shape = tuple([n if type(n) is int else operator.index(n) for n in shape])
        self = object.__new__(cls)
        self.shape, self.dtype, self.weak_type = shape, dtype, bool(weak_type)
        self.storage = dtype if isinstance(dtype, np.dtype) else dtype.storage
        self._hash = hash((shape, dtype, weak_type))
        if len(_known) >= _MANY:  # types compare by value: those made before stay valid
            _known.clear()
        self = _known.setdefault((shape, dtype, self.weak_type), self)
        _known[key] = self
        return self

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return size_of(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.storage.itemsize

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is ShapedArray
            and self._hash == other._hash
            and self.shape == other.shape
            and self.dtype == other.dtype
            and self.weak_type == other.weak_type
        )

    def __hash__(self) -> int:
        return self._hash

    def update(self, **changes: Any) -> ShapedArray:
        """A copy with some fields replaced."""
        return ShapedArray(
            changes.get("shape", self.shape),
            changes.get("dtype", self.dtype),
            changes.get("weak_type", self.weak_type),
        )

    def strip_weak_type(self) -> ShapedArray:
        return self.update(weak_type=False) if self.weak_type else self

    def same_type(self, other: ShapedArray) -> bool:
        """Equal up to weak type."""
        return self.shape == other.shape and self.dtype == other.dtype

    def to_tangent_aval(self) -> ShapedArray:
        """The type of tangents and cotangents: the same for inexact dtypes, float0 otherwise."""
        if dtypes.issubdtype(self.dtype, np.inexact):
            return self
        return ShapedArray(self.shape, dtypes.float0)

    def str_short(self, short_dtypes: bool = True) -> str:
        name = dtypes.short_name(self.dtype) if short_dtypes else str(self.dtype)
        return f"{name}[{','.join(map(str, self.shape))}]"

    def __str__(self) -> str:
        return self.str_short()

    def __repr__(self) -> str:
        weak = ", weak_type=True" if self.weak_type else ""
        name = self.dtype.name
        return f"ShapedArray({name}[{','.join(map(str, self.shape))}]{weak})"

    def __reduce__(self) -> Any:
        return ShapedArray, (self.shape, self.dtype, self.weak_type)


def is_inexact(aval: ShapedArray) -> bool:
    """Whether values of this type carry derivatives."""
    return dtypes.issubdtype(aval.dtype, np.inexact)


def short(avals: Any) -> str:
    """Several types in jaxpr notation, separated by commas."""
    return ", ".join(a.str_short() for a in avals)
