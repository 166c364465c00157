"""References: arrays in variables that can be assigned to, under the names of jax.ref."""

from __future__ import annotations

from typing import Any

import ingot.numpy as jnp
from ingot.core.references import (
    AbstractRef as AbstractRef,
    Ref as Ref,
    Slice as Slice,
    TransformedRef as TransformedRef,
)
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of

__all__ = ["AbstractRef", "Ref", "addupdate", "empty_ref", "free_ref", "freeze", "get", "new_ref",
           "set", "swap"]


def new_ref(init_val: Any, *, memory_space: Any = None, kind: Any = None) -> Ref:
    """Make a variable that holds an array and can be assigned to, also inside programs.

    init_val: an array or a number, the first value, whose shape and dtype stay. memory_space, kind:
    without effect -> a Ref. `ref[...]` reads it, `ref[...] = x`, `ref[i] = x` and `ref[i] += x`
    write. Functions under `jit`, `vmap` (mapped), loops and branches may close over it or be given
    it; they cannot return it.

    >>> ref = ingot.new_ref(np.zeros(2))
    >>> ref[0] += 3.0
    >>> ref[...]
    Array([3., 0.], dtype=float64)
    """
    return Ref(jnp.asarray(init_val))


def empty_ref(ty: Any, *, memory_space: Any = None) -> Ref:
    """Make a variable for an array of some type.

    ty: has a shape and a dtype. memory_space: without effect -> a Ref, which holds zeros.

    >>> ingot.ref.empty_ref(ingot.ShapeDtypeStruct((2,), "float32"))
    Ref([0., 0.], dtype=float32)
    """
    return Ref(jnp.zeros(ty.shape, ty.dtype))


def freeze(ref: Ref) -> Any:
    """Take the array out of a variable that is not needed any more.

    ref: a Ref -> its value.

    >>> ingot.freeze(ingot.new_ref(3.0))
    Array(3., dtype=float64)
    """
    return ref[...]


def free_ref(ref: Ref) -> tuple[()]:
    """Give up a variable, whose memory goes with its last reader.

    ref: a Ref -> ().

    >>> ingot.ref.free_ref(ingot.new_ref(3.0))
    ()
    """
    return ()


def get(ref: Ref, idx: Any = Ellipsis) -> Any:
    """Read a variable, or a part of it.

    ref: a Ref. idx: an index of arrays -> an array.

    >>> ingot.ref.get(ingot.new_ref(np.arange(3.0)), 1)
    Array(1., dtype=float64)
    """
    return ref[idx]


def set(ref: Ref, idx: Any, value: Any) -> None:  # noqa: A001 - JAX's name
    """Write a variable, or a part of it.

    ref: a Ref. idx: an index of arrays. value: of its dtype -> None. Raises ValueError for another
    dtype.

    >>> ref = ingot.new_ref(np.zeros(2))
    >>> ingot.ref.set(ref, 0, 3.0)
    >>> ref
    Ref([3., 0.], dtype=float64)
    """
    ref[idx] = value


def swap(ref: Ref, idx: Any, value: Any) -> Any:
    """Write a variable, or a part of it, and return what was there.

    ref: a Ref. idx: an index of arrays. value: of its dtype -> the old value.

    >>> ingot.ref.swap(ingot.new_ref(np.zeros(2)), 0, 3.0)
    Array(0., dtype=float64)
    """
    old = ref[idx]
    ref[idx] = value
    return old


def addupdate(ref: Ref, idx: Any, x: Any) -> None:
    """Add to a variable, or to a part of it.

    ref: a Ref. idx: an index of arrays; where places repeat, all is added. x: of its dtype -> None.

    >>> ref = ingot.new_ref(np.zeros(2))
    >>> ingot.ref.addupdate(ref, np.array([0, 0]), 1.0)
    >>> ref
    Ref([2., 0.], dtype=float64)
    """
    ref.addupdate(x, idx)


_hide_frames_of(__name__)
