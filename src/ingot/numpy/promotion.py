"""Array-likes to arrays of one dtype and shape, by plans remembered per combination of types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.config import config
from ingot.core.array import Array, ArrayBase
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import EVAL, array_remedy, current, from_host, to_array, typeof
from ingot.core.static import items
from ingot.core.symbolic import length
from ingot.dtypes.types import CANONICAL
from ingot.errors import ShapeError, TypePromotionError
from ingot.numpy import primitives as lax
from ingot.primitives.out_sharding import divided_like
from ingot.util import memoize, warn

_NUMBERS = (bool, int, float, complex)
_NUMPY = (np.ndarray, np.generic)


def is_arraylike(x: Any) -> bool:
    """Whether functions take this as an array: arrays, numbers, what has `__jax_array__`."""
    return isinstance(x, (ArrayBase, *_NUMPY, *_NUMBERS)) or hasattr(x, "__jax_array__")


def check_arraylike(name: str, *args: Any) -> None:
    """Raise TypeError unless all arguments are arrays or numbers (lists are not)."""
    for i, x in enumerate(args):
        if not isinstance(x, ArrayBase) and not is_arraylike(x):
            raise TypeError(
                f"{name} requires ndarray or scalar arguments, got {type(x)} at position {i}; "
                f"{array_remedy(x)}")


def aval_of(name: str, x: Any, position: int = 0) -> ShapedArray:
    """The type of an array-like; TypeError names the function for anything else."""
    if isinstance(x, ArrayBase):
        return x.aval  # type: ignore[attr-defined]
    if type(x) not in _NUMBERS and not is_arraylike(x):
        raise TypeError(
            f"{name} requires ndarray or scalar arguments, got {type(x)} at position {position}; "
            f"{array_remedy(x)}")
    return typeof(x)


def as_array(name: str, x: Any) -> Any:
    """An array-like as an Array or tracer."""
    if isinstance(x, ArrayBase):
        return x
    check_arraylike(name, x)
    return to_array(x)


def shape_of(x: Any) -> tuple[int, ...]:
    """Shape of an array-like."""
    return typeof(x).shape


# ---- conversion ----

MAX_FULL = 64
"""Elements of a remembered constant that are stored one by one: native code wants them so."""

_constants: dict[Any, Array] = {}


def constant(value: Any, dtype: Any, weak: bool = False, shape: tuple[int, ...] = ()) -> Any:
    """A Python number as an array of a type; eager ones are immutable, and remembered."""
    eager = not shape or (current() is EVAL and not config.elsewhere)
    # Equal keys must mean equal bits: True == 1 == 1.0, and 0.0 == -0.0.
    key = (type(value), value or str(value), dtype, weak, shape if eager else ())
    found = _constants.get(key)
    if found is None:
        wraps = config.match_jax and _wraps(value, dtype)
        data = (np.asarray(bool(value)) if dtype == dtypes.bool_ else
                np.asarray(value).astype(dtype) if wraps else
                dtypes.coerce_python_scalar(value, dtype))
        if eager and shape:
            small = math.prod(shape) <= MAX_FULL
            data = np.full(shape, data) if small else np.broadcast_to(data, shape)
        found = Array(data, ShapedArray(data.shape, dtype, weak))
        if value == value and not wraps:  # nan never finds itself
            if len(_constants) > 10_000:
                _constants.clear()
            _constants[key] = found
    if eager:
        return from_host(Array(found._data, found.aval))  # users may delete what they are given
    return lax.broadcast_in_dim(found, shape, ())


def _wraps(value: Any, dtype: Any) -> bool:
    """Whether JAX takes a Python integer modulo the dtype's size: if it fits the default one."""
    if not isinstance(value, int) or dtypes.kind(dtype) not in "iu":
        return False
    own, default = dtypes.iinfo(dtype), dtypes.iinfo(dtypes.default_int())
    return not own.min <= value <= own.max and default.min <= value <= default.max


def holding(indices: Any, n: int) -> Any:
    """Integers in a dtype that holds `n` as well: their own, or the default integer."""
    if dtypes.iinfo(indices.aval.dtype).max >= n:
        return indices
    return convert(indices, dtypes.default_int())


def convert(x: Any, dtype: Any, weak: bool = False) -> Any:
    """An array-like in another dtype; nothing happens if it has it already."""
    if type(x) in _NUMBERS:
        return constant(x, dtype, weak)
    x = to_array(x)
    aval = x.aval
    if aval.dtype == dtype and aval.weak_type == weak:
        return x
    # Only the label changes; in traced code the array itself must reach the program.
    if aval.dtype == dtype and type(x) is Array and current() is EVAL:
        return Array(x._data, ShapedArray(aval.shape, dtype, weak))
    if not weak:
        return lax.convert_element_type(x, dtype)
    return lax.convert_element_type_p.bind(x, new_dtype=dtype, weak_type=True, sharding=None)


def strong(x: Any) -> Any:
    """An array without weak type."""
    return convert(x, x.aval.dtype)


def broadcast(x: Any, shape: tuple[int, ...]) -> Any:
    """An array broadcast to a shape by NumPy's rules, which the caller has checked."""
    have = x.aval.shape
    if have == shape:
        return x
    return lax.broadcast_in_dim(x, shape, range(len(shape) - len(have), len(shape)))


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """Return the shape that arrays of these shapes broadcast to.

    shapes: lengths, or tuples of them -> a tuple of ints. Raises ValueError if an axis has several
    lengths other than 1.

    >>> jnp.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    return _broadcast_shapes(tuple(tuple(map(length, items(s))) for s in shapes))


@memoize()
def _broadcast_shapes(shapes: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    rank = max((len(s) for s in shapes), default=0)
    out = []
    for sizes in zip(*((1,) * (rank - len(s)) + s for s in shapes), strict=True):
        longest = {n for n in sizes if n != 1}
        if len(longest) > 1:
            raise ValueError(
                f"broadcast: incompatible shapes {', '.join(map(str, shapes))}: an axis must have"
                " one length, or 1; align them with reshape, expand_dims or None in an index")
        out.append(longest.pop() if longest else 1)
    return tuple(out)


# ---- promotion ----


def _check_rank(name: str, avals: Sequence[ShapedArray]) -> None:
    ranks = {a.ndim for a in avals if a.ndim}
    if len(ranks) < 2:
        return
    message = (f"{name}: operands of ranks {sorted(ranks)} could not be broadcast together, or not"
               f" in silence, as numpy_rank_promotion is {config.numpy_rank_promotion!r}:"
               f" {', '.join(map(str, avals))}")
    if config.numpy_rank_promotion == "raise":
        raise ValueError(message)
    warn(message)


def _inexact(dtype: Any, weak: bool) -> Any:
    return dtypes.to_inexact_dtype(dtype)


def _numeric(dtype: Any, weak: bool) -> Any:
    return dtypes.to_numeric(dtype)


_KINDS = {"same": None, "inexact": _inexact, "numeric": _numeric}


@memoize()
def _plan(avals: tuple[ShapedArray, ...], kind: str, x64: bool, strict: bool,
          jax: bool) -> tuple[Any, bool, tuple[int, ...]]:
    dtype, weak = dtypes.lattice_promote([a.dtype for a in avals], [a.weak_type for a in avals])
    change = _KINDS[kind]
    if change is not None:
        dtype = change(dtype, weak)
    return dtype, weak, _broadcast_shapes(tuple(a.shape for a in avals))


_SCALAR_AVALS = {x64: {kind: ShapedArray((), CANONICAL[x64][np.dtype(kind)], kind is not bool)
                       for kind in _NUMBERS} for x64 in (True, False)}


def _make_plan(name: str, args: Sequence[Any], kind: str) -> tuple[Any, bool, tuple[int, ...]]:
    numbers = _SCALAR_AVALS[config.enable_x64]
    avals = tuple([x.aval if isinstance(x, ArrayBase) else numbers.get(type(x)) or
                   aval_of(name, x, i) for i, x in enumerate(args)])
    if config.numpy_rank_promotion != "allow":
        _check_rank(name, avals)
    try:
        return _plan(avals, kind, config.enable_x64, config.numpy_dtype_promotion == "strict",
                     config.match_jax)
    except TypePromotionError:
        raise
    except ValueError:
        raise _mismatch(name, avals) from None


def promote(name: str, *args: Any, kind: str = "same") -> list[Any]:
    """Array-likes as arrays of one dtype and shape.

    kind: 'same', 'inexact' (integers become floats) or 'numeric' (bool becomes int32).
    Raises TypeError for what is no array, ValueError for shapes that do not broadcast.
    """
    dtype, weak, shape = _make_plan(name, args, kind)
    out = []
    for x in args:
        if type(x) in _NUMBERS:
            out.append(constant(x, dtype, weak, shape))
            continue
        if not isinstance(x, ArrayBase) or x.aval.dtype != dtype or x.aval.weak_type != weak:
            x = convert(x, dtype, weak)
        out.append(x if x.aval.shape == shape else broadcast(x, shape))
    return scalars_divided(args, out)


def scalars_divided(args: Sequence[Any], out: list[Any]) -> list[Any]:
    """Arrays of one shape, those made of scalars divided as another one that types say is."""
    like = next((x.aval for x in out if x.aval._sharding is not None), None)
    if like is None:
        return out
    return [divided_like(x, like) if x.aval._sharding is None and not typeof(given).ndim else x
            for given, x in zip(args, out, strict=True)]


def promote_dtypes(name: str, *args: Any, kind: str = "same") -> list[Any]:
    """Array-likes as arrays of one dtype, of whatever shapes."""
    avals = [aval_of(name, x, i) for i, x in enumerate(args)]
    dtype, weak = dtypes.lattice_promote([a.dtype for a in avals], [a.weak_type for a in avals])
    change = _KINDS[kind]
    if change is not None:
        dtype = change(dtype, weak)
    return [convert(x, dtype, weak) for x in args]


def promote_shapes(name: str, *args: Any) -> list[Any]:
    """Array-likes as arrays of one shape, of whatever dtypes."""
    arrays = [as_array(name, x) for x in args]
    shape = common_shape(name, arrays, [x.aval.shape for x in arrays])
    return [broadcast(x, shape) for x in arrays]


def common_shape(name: str, arrays: Sequence[Any], shapes: Sequence[Sequence[int]]
                 ) -> tuple[int, ...]:
    """The shape that parts of the arrays' shapes broadcast to; ShapeError shows whole types."""
    try:
        return broadcast_shapes(*shapes)
    except ValueError:
        raise _mismatch(name, [x.aval for x in arrays]) from None


def _mismatch(name: str, avals: Sequence[ShapedArray]) -> ShapeError:
    return ShapeError(
        f"{name}: shapes must broadcast, got {' and '.join(map(str, avals))}; lengths of an axis"
        " must be equal or 1: align axes with reshape, expand_dims or None in an index")


def inexact(name: str, x: Any) -> Any:
    """An array-like as an array of inexact dtype."""
    aval = aval_of(name, x)
    if aval.dtype in dtypes.INEXACT:
        return to_array(x)
    return convert(x, dtypes.to_inexact_dtype(aval.dtype), aval.weak_type)


def user_dtype(name: str, dtype: Any) -> Any:
    """A dtype given by the user, canonical; None stays None."""
    return None if dtype is None else dtypes.as_user_dtype(dtype, name)


def unsupported(name: str, **arguments: Any) -> None:
    """Raise for arguments that NumPy has and that are not served: `out` cannot be."""
    for key, value in arguments.items():
        if value is not None:
            remedy = ("as arrays are immutable; assign the result instead" if key == "out" else
                      "leave it out")
            raise NotImplementedError(f"{name}: the argument {key!r} is not supported, {remedy}")
