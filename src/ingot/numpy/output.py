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
    """Read an array from a .npy file, or several from a .npz file.

    file, args, kwargs: as for `np.load` -> [...] of the dtype in the file, or a dictionary-like
    object of NumPy arrays. Raises FileNotFoundError and ValueError as `np.load`.

    >>> import io
    >>> file = io.BytesIO()
    >>> jnp.save(file, jnp.arange(3))
    >>> jnp.load(io.BytesIO(file.getvalue()))
    Array([0, 1, 2], dtype=int64)
    """
    out = np.load(file, *args, **kwargs)
    if isinstance(out, np.ndarray) and out.dtype == np.dtype("V2"):
        out = out.view(bfloat16)  # NumPy's files do not know its name
    return from_numpy(out) if isinstance(out, np.ndarray) else out


def array_repr(arr: Any, max_line_width: int | None = None, precision: int | None = None,
               suppress_small: bool | None = None) -> str:
    """Return the text by which `repr` shows an array.

    arr: an array; max_line_width, precision, suppress_small: in place of NumPy's printing options
    -> a str.

    >>> jnp.array_repr(jnp.array([1 / 3]), precision=2)
    'Array([0.33], dtype=float64)'
    """
    options = {"linewidth": max_line_width, "precision": precision, "suppress": suppress_small}
    with np.printoptions(**{k: v for k, v in options.items() if v is not None}):  # type: ignore[arg-type]
        return repr(arr)


def array_str(a: Any, max_line_width: int | None = None, precision: int | None = None,
              suppress_small: bool | None = None) -> str:
    """Return the text by which `str` shows an array.

    a: an array; max_line_width, precision, suppress_small: in place of NumPy's printing options ->
    a str.

    >>> jnp.array_str(jnp.array([1 / 3]), precision=2)
    '[0.33]'
    """
    options = {"linewidth": max_line_width, "precision": precision, "suppress": suppress_small}
    with np.printoptions(**{k: v for k, v in options.items() if v is not None}):  # type: ignore[arg-type]
        return str(a)
