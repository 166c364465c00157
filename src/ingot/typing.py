"""Types for annotations: ArrayLike and DTypeLike."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ingot.core.array import Array


class SupportsDType(Protocol):
    """Something with a dtype."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype."""
        ...


ArrayLike = Array | np.ndarray | np.bool_ | np.number | bool | int | float | complex
"""What functions take where they need an array."""

DTypeLike = str | type[Any] | np.dtype[Any] | SupportsDType
"""What functions take where they need a dtype."""

__all__ = ["ArrayLike", "DTypeLike"]
