"""Files and text: save, load, printing options."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot.core.array import from_numpy
from ingot.dtypes import bfloat16

save = np.save
savez = np.savez
get_printoptions = np.get_printoptions
set_printoptions = np.set_printoptions
printoptions = np.printoptions


def load(file: Any, *args: Any, **kwargs: Any) -> Any:
    """An array from a .npy file, or a dictionary-like of NumPy arrays from a .npz file."""
    out = np.load(file, *args, **kwargs)
    if isinstance(out, np.ndarray) and out.dtype == np.dtype("V2"):
        out = out.view(bfloat16)  # NumPy's files do not know its name
    return from_numpy(out) if isinstance(out, np.ndarray) else out


def array_repr(arr: Any, max_line_width: int | None = None, precision: int | None = None,
               suppress_small: bool | None = None) -> str:
    """How `repr` prints an array.

    >>> jnp.array_repr(jnp.ones(1))
    'Array([1.], dtype=float64)'
    """
    options = {"linewidth": max_line_width, "precision": precision, "suppress": suppress_small}
    with np.printoptions(**{k: v for k, v in options.items() if v is not None}):  # type: ignore[arg-type]
        return repr(arr)


def array_str(a: Any, max_line_width: int | None = None, precision: int | None = None,
              suppress_small: bool | None = None) -> str:
    """How `str` prints an array.

    >>> jnp.array_str(jnp.ones(1))
    '[1.]'
    """
    options = {"linewidth": max_line_width, "precision": precision, "suppress": suppress_small}
    with np.printoptions(**{k: v for k, v in options.items() if v is not None}):  # type: ignore[arg-type]
        return str(a)
