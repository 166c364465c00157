"""Abstract values: shape, dtype and weak type of an array, printed as f32[3,4]."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.manual import EVERYWHERE_EQUAL, ManualAxisType
from ingot.core.mesh import abstract_mesh
from ingot.core.sharding import NamedSharding, abstract
from ingot.core.specs import PartitionSpec, UnreducedKind, names_of
from ingot.core.symbolic import is_symbolic
from ingot.errors import IndivisibleError
from ingot.util import size_of

_known: dict[Any, ShapedArray] = {}
_MANY = 1 << 16


class ShapedArray:
    """The type of an array: `f32[3,4]`. Immutable; equal types are usually the same object.

    >>> from ingot.extend import core
    >>> core.ShapedArray((3, 4), "float32").str_short()
    'float32[3,4]'
    """

    __slots__ = ("_hash", "_sharding", "dtype", "mat", "shape", "storage", "weak_type")

    shape: tuple[int, ...]
    dtype: Any
    weak_type: bool
    storage: np.dtype
    """The NumPy dtype that holds the elements (differs from `dtype` for PRNG keys only)."""
    mat: ManualAxisType
    """Along which Manual axes of the mesh parts differ, as far as `shard_map` checks it."""

    def __new__(cls, shape: Any, dtype: Any, weak_type: bool = False, *, sharding: Any = None,
                manual_axis_type: Any = None, memory_space: Any = None) -> ShapedArray:
        # memory_space is accepted for JAX's sake and ignored.
        if type(shape) is not tuple:
            shape = tuple(shape)
        if sharding is None and not manual_axis_type:
            key: tuple[Any, ...] = (shape, dtype, weak_type)
        else:
            key = (shape, dtype, weak_type, _in_type(sharding, shape),
                   manual_axis_type or EVERYWHERE_EQUAL)
        return _known.get(key) or cls._new(*key)

    @classmethod
    def _new(cls, shape: Any, dtype: Any, weak_type: bool, sharding: Any = None,
             mat: ManualAxisType = EVERYWHERE_EQUAL) -> ShapedArray:
        key = (shape, dtype, weak_type) if sharding is None and not mat else (
            shape, dtype, weak_type, sharding, mat)
        if not isinstance(dtype, (np.dtype, dtypes.KeyDType)):
            dtype = np.dtype(dtype)
        # A type seen first with NumPy's integers in its shape serves all later arrays.
        shape = tuple([n if type(n) is int or is_symbolic(n) else operator.index(n)
                       for n in shape])
        self = object.__new__(cls)
        self.shape, self.dtype, self.weak_type = shape, dtype, bool(weak_type)
        self.storage = dtype if isinstance(dtype, np.dtype) else dtype.storage
        self._sharding, self.mat = sharding, mat
        self._hash = hash((shape, dtype, weak_type, sharding, mat))
        if len(_known) >= _MANY:  # types compare by value: those made before stay valid
            _known.clear()
        self = _known.setdefault((shape, dtype, self.weak_type, *key[3:]), self)
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
            and self._sharding == other._sharding
            and self.mat == other.mat
        )

    def __hash__(self) -> int:
        return self._hash

    def update(self, **changes: Any) -> ShapedArray:
        """A copy with some fields replaced; another shape is divided only if it says how."""
        shape = changes.get("shape", self.shape)
        return ShapedArray(
            shape,
            changes.get("dtype", self.dtype),
            changes.get("weak_type", self.weak_type),
            sharding=changes.get("sharding", self._sharding if shape == self.shape else None),
            manual_axis_type=changes.get("manual_axis_type", self.mat),
        )

    @property
    def sharding(self) -> NamedSharding:
        """How Explicit axes of a mesh divide the array; entries are None where they do not."""
        if self._sharding is not None:
            return self._sharding
        return NamedSharding(abstract_mesh(), PartitionSpec(*[None] * self.ndim))

    @property
    def vma(self) -> frozenset[Any]:
        """The Manual axes of the mesh over which values vary."""
        return self.mat.varying

    manual_axis_type = property(lambda self: self.mat)

    def without_axis(self, dim: int) -> ShapedArray:
        """The type of one element along an axis; others stay divided as they are."""
        shape, sharding = self.shape[:dim] + self.shape[dim + 1:], self._sharding
        if sharding is not None:
            spec = sharding.spec
            sharding = sharding.update(spec=spec.update(
                partitions=spec.partitions[:dim] + spec.partitions[dim + 1:]))
        return self.update(shape=shape, sharding=sharding)

    def with_axis(self, dim: int, size: int, explicit: tuple[Any, Any] | None = None
                  ) -> ShapedArray:
        """The type with an axis more; explicit: the mesh and the names that divide it, if any."""
        shape, sharding = (*self.shape[:dim], size, *self.shape[dim:]), self._sharding
        if sharding is not None or explicit is not None:
            mesh, entry = (sharding.mesh, None) if explicit is None else explicit  # type: ignore[union-attr]
            spec = PartitionSpec(*[None] * self.ndim) if sharding is None else sharding.spec
            sharding = NamedSharding(mesh, spec.update(
                partitions=(*spec.partitions[:dim], entry, *spec.partitions[dim:])))
        return self.update(shape=shape, sharding=sharding)

    @property
    def is_placed(self) -> bool:
        """Whether the type says more than shape, dtype and weak type."""
        return self._sharding is not None or bool(self.mat)

    def unplaced(self) -> ShapedArray:
        """The type without sharding and Manual axes."""
        return ShapedArray(self.shape, self.dtype, self.weak_type) if self.is_placed else self

    def strip_weak_type(self) -> ShapedArray:
        return self.update(weak_type=False) if self.weak_type else self

    def same_type(self, other: ShapedArray) -> bool:
        """Equal up to weak type."""
        return self.shape == other.shape and self.dtype == other.dtype

    def to_tangent_aval(self) -> ShapedArray:
        """The type of tangents and cotangents: the same for inexact dtypes, float0 otherwise."""
        if _is_inexact(self.dtype):
            return self
        return self.update(dtype=np.dtype(dtypes.float0), weak_type=False)

    def to_ct_aval(self) -> ShapedArray:
        """The type of cotangents: what is reduced in one is unreduced in the other."""
        aval = self.to_tangent_aval()
        spec = None if aval._sharding is None else aval._sharding.spec
        if not (aval.mat.unreduced or aval.mat.reduced) and (
                spec is None or not (spec.unreduced or spec.reduced)):
            return aval
        sharding = None if spec is None else aval._sharding.update(spec=spec.to_ct_spec())
        return aval.update(sharding=sharding, manual_axis_type=aval.mat.to_ct_mat())

    def str_short(self, short_dtypes: bool = False) -> str:
        name = dtypes.short_name(self.dtype) if short_dtypes else str(self.dtype)
        return f"{name}{self._dimensions()}"

    def _dimensions(self) -> str:
        """Lengths with the mesh axes that divide them, then the axes over which values vary."""
        if not self.is_placed:
            return f"[{','.join(map(str, self.shape))}]"
        spec = self.sharding.spec
        text = ",".join(map(_divide, self.shape, spec))
        unreduced, reduced = self.mat.unreduced | spec.unreduced, self.mat.reduced | spec.reduced
        marks = [f"V:{_set(self.vma)}"] if self.vma else []
        marks += [f"U{_kind(self.mat.unreduced_kind or spec.unreduced_kind)}:{_set(unreduced)}"
                  ] if unreduced else []
        marks += [f"R:{_set(reduced)}"] if reduced else []
        return f"[{text}]{{{', '.join(marks)}}}" if marks else f"[{text}]"

    def __str__(self) -> str:
        return self.str_short(not config.match_jax)  # JAX's types say `float32[3]` beside jaxprs

    def __repr__(self) -> str:
        weak = ", weak_type=True" if self.weak_type else ""
        return f"ShapedArray({self.dtype.name}{self._dimensions()}{weak})"

    def __reduce__(self) -> Any:
        return _rebuild, (self.shape, self.dtype, self.weak_type, self._sharding, self.mat)


def _rebuild(shape: Any, dtype: Any, weak_type: bool, sharding: Any, mat: Any) -> ShapedArray:
    return ShapedArray(shape, dtype, weak_type, sharding=sharding, manual_axis_type=mat)


def _in_type(sharding: Any, shape: tuple[int, ...]) -> NamedSharding | None:
    """Return the part of a sharding that belongs to a type: what Explicit axes divide."""
    if not isinstance(sharding, NamedSharding):
        return None
    shown, spec = shown_axes(sharding.mesh), sharding.spec
    if not shown.intersection([*spec.names(), *spec.unreduced, *spec.reduced]):
        return None
    sharding.check_compatible_aval(shape)
    spec = restricted(spec.padded(len(shape)), shown)
    for n, entry in zip(shape, spec, strict=True):
        count = math.prod(sharding.mesh.shape[name] for name in names_of(entry))
        if count > 1 and not is_symbolic(n) and n % count:
            raise IndivisibleError(f"a type of shape {shape} and sharding {sharding.spec!r}: its"
                                   f" number of parts, {count}, does not evenly divide the"
                                   f" dimension size {n}; pad the array, or leave that axis whole")
    return abstract(sharding.update(spec=spec))


def shown_axes(mesh: Any) -> frozenset[Any]:
    """Return the axes of a mesh that types show: Explicit ones, those of length 1 if wanted."""
    explicit = frozenset(mesh.explicit_axes)
    if config.remove_size_one_mesh_axis_from_type:
        return frozenset(n for n in explicit if mesh.shape[n] > 1)
    return explicit


def restricted(spec: PartitionSpec, names: frozenset[Any]) -> PartitionSpec:
    """Return what a spec says of division by some mesh axes alone, marks as they are."""
    return spec.update(partitions=tuple(
        tuple(n for n in names_of(e) if n in names) for e in spec.partitions))


def _divide(length: int, entry: Any) -> str:
    names = names_of(entry)
    if not names:
        return str(length)
    return f"{length}@{names[0]}" if len(names) == 1 else f"{length}@({','.join(names)})"


def _kind(kind: UnreducedKind | None) -> str:
    return "" if kind in (None, UnreducedKind.sum) else f"_{kind.name}"


def _set(names: frozenset[Any]) -> str:
    known = list(abstract_mesh().axis_names)
    places = {n: known.index(n) if n in known else len(known) for n in names}
    text = ",".join(map(str, sorted(names, key=lambda n: (places[n], str(n)))))
    return f"({text})" if len(names) > 1 else text


@functools.cache
def _is_inexact(dtype: Any) -> bool:
    return dtypes.issubdtype(dtype, np.inexact)


def is_inexact(aval: ShapedArray) -> bool:
    """Whether values of this type carry derivatives."""
    return _is_inexact(aval.dtype)


def short(avals: Any) -> str:
    """Several types in jaxpr notation, separated by commas."""
    return ", ".join(a.str_short(True) for a in avals)
