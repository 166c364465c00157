"""`jax._src.literals`: numbers and NumPy arrays that know the dtype they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot.core.array import Array, from_numpy


class _Typed:
    """A Python number with a dtype, as which operations take it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    ndim, size = 0, 1

    def __new__(cls, value: Any, dtype: Any) -> Any:
        self = super().__new__(cls, value)  # type: ignore[call-arg]
        self.dtype = np.dtype(dtype)
        return self

    def __jax_array__(self) -> Array:
        return from_numpy(np.asarray(self.number(), self.dtype))

    def number(self) -> Any:
        """The plain Python number."""
        return type(self).__mro__[2](self)  # type: ignore[call-arg]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.number()}, dtype={self.dtype.name})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.number(), self.dtype


class TypedInt(_Typed, int):
    """An integer with a dtype."""


class TypedFloat(_Typed, float):
    """A float with a dtype."""


class TypedComplex(_Typed, complex):
    """A complex number with a dtype."""


class TypedNdArray:
    """JAX's constants inside programs; ours are `Array`s, so that nothing is an instance."""


typed_scalar_types = {TypedInt, TypedFloat, TypedComplex}
