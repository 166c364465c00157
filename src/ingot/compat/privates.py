"""Names below `jax._src` that packages read: mostly ours by another name, some without effect."""

from __future__ import annotations

import os
from collections import namedtuple
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ingot import dtypes
from ingot.api.devices import resharded
from ingot.backends.operations import Operations
from ingot.compat.facades import ArrayImpl
from ingot.compat.literals import TypedNdArray
from ingot.compat.tables import evaluated_as_lowered, zeros_like_aval
from ingot.core.array import Array, from_numpy
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import to_array, typeof
from ingot.core.symbolic import is_symbolic, max_dim, min_dim
from ingot.errors import UndefinedRuleError
from ingot.primitives.convert import convert_element_type_p
from ingot.primitives.movement import zeros
from ingot.tree import DictKey, FlattenedIndexKey, GetAttrKey, SequenceKey, is_tree_node
from ingot.typing import SupportsDType
from ingot.util import caches

_CacheInfo = namedtuple("_CacheInfo", ["hits", "misses", "maxsize", "currsize"])
python_scalar_types_to_dtypes = {
    bool: dtypes.bool_, int: dtypes.int64, float: dtypes.float64, complex: dtypes.complex128}
F = TypeVar("F", bound=Callable[..., Any])
_exclude_paths: list[str] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]


# ---- traceback_util ------------------------------------------------------------------------------
class UnfilteredStackTrace(Exception):
    """What JAX chains to errors; ours keep their traceback."""


class SimplifiedTraceback(Exception):
    """What JAX chains to errors; ours keep their traceback."""


def register_exclusion(path: str) -> None:
    """Say that a file's frames are not the user's."""
    _exclude_paths.append(path)


def include_frame(frame: Any) -> bool:
    """Whether a frame is the user's."""
    file = frame.f_code.co_filename
    return not file.startswith(tuple(_exclude_paths))


def api_boundary(fun: Any, **_: Any) -> Any:
    """The function itself: frames are hidden where they are made."""
    return fun


# ---- lax ----------------------------------------------------------------------------------------
def _convert_element_type(operand: Any, new_dtype: Any = None, weak_type: bool = False,
                          sharding: Any = None) -> Array:
    """An array of another dtype, weak or not, and in another place; the same array if it is all
    of this already."""
    x: Any = to_array(operand)
    aval = x.aval
    dtype = aval.dtype if new_dtype is None else dtypes.canonicalize_dtype(new_dtype)
    if (dtype, weak_type) != (aval.dtype, aval.weak_type):
        x = convert_element_type_p.bind(x, new_dtype=dtype, weak_type=weak_type, sharding=None)
    return x if sharding is None else resharded("convert_element_type", x, sharding)


# ---- dispatch ------------------------------------------------------------------------------------
def wait_for_tokens() -> None:
    """Wait until all effects have happened: they have, when a call returns."""


def apply_primitive(primitive: Any, *args: Any, **params: Any) -> Any:
    """Run one operation; one whose `impl` is just this as it is lowered.

    Raises UndefinedRuleError if no lowering rule is registered for it, as nothing else says its
    meaning.
    """
    if getattr(getattr(primitive, "impl", None), "func", None) is not apply_primitive:
        return primitive.bind(*args, **params)
    if not primitive.lowerings:
        raise UndefinedRuleError(
            f"{primitive.name}: its impl is apply_primitive, and no lowering rule is registered for"
            " it: give def_impl a function of arrays, or register mlir.lower_fun(f)")
    found = evaluated_as_lowered(primitive, args, params)
    return found if primitive.multiple_results else found[0]


class _SingleOperations:
    """The cache of compiled single operations."""

    def cache_info(self) -> Any:
        """How many were compiled, as `functools.lru_cache` says it; single ones of the host are
        not."""
        misses = sum(len(c) for c in caches() if isinstance(c, Operations))
        return _CacheInfo(0, misses, None, misses)


xla_primitive_callable = _SingleOperations()


# ---- cloud_tpu_init ------------------------------------------------------------------------------
running_in_cloud_tpu_vm = False


def is_libtpu_at_least(version_str: str) -> bool:
    """Whether a library for TPUs is not too old, as it is where there is none."""
    return True


# ---- compiler ----------------------------------------------------------------------------------
def backend_compile_and_load(backend: Any, *args: Any, **kwargs: Any) -> Any:
    """JAX's entry to its compiler; ours does not pass here."""
    raise RuntimeError("jax._src.compiler: programs are compiled by ingot's own back end")


# ---- dtypes --------------------------------------------------------------------------------------
class ExtendedDType:
    """Base of dtypes that packages define; only PRNG keys have one here."""


DType = np.dtype
extended = dtypes.extended
_jax_types = [np.dtype(d) for d in (
    bool, "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", dtypes.uint2,
    dtypes.uint4, dtypes.int2, dtypes.int4, dtypes.float4_e2m1fn, dtypes.float8_e3m4,
    dtypes.float8_e4m3, dtypes.float8_e8m0fnu, dtypes.float8_e4m3b11fnuz, dtypes.float8_e4m3fn,
    dtypes.float8_e4m3fnuz, dtypes.float8_e5m2, dtypes.float8_e5m2fnuz, dtypes.bfloat16, "float16",
    "float32", "float64", "complex64", "complex128")]


def to_complex_dtype(dtype: Any) -> np.dtype[Any]:
    """The complex dtype of a real one."""
    return dtypes.to_complex(dtype)


def supports_inf(dtype: Any) -> bool:
    """Whether a dtype has an infinity."""
    return bool(np.isinf(np.array(np.inf).astype(dtype).astype(np.float32)))


# ---- arrays --------------------------------------------------------------------------------------
def _reconstruct_array(fun: Any, args: Any, arr_state: Any, aval_state: dict[str, Any]) -> Array:
    """An array from what JAX has pickled."""
    data = fun(*args)
    data.__setstate__(arr_state)
    array = from_numpy(data)
    return Array(array._data, array.aval.update(weak_type=aval_state.get("weak_type", False)))


# ---- core, custom derivatives --------------------------------------------------------------------
is_symbolic_dim = is_symbolic


def is_constant_dim(d: Any) -> bool:
    """Whether a length is an integer."""
    return not is_symbolic(d)


def is_constant_shape(shape: Any) -> bool:
    """Whether all lengths are integers."""
    return not any(map(is_symbolic, shape))


def physical_aval(aval: ShapedArray) -> ShapedArray:
    """The type of what is in memory."""
    return aval


def get_aval(x: Any) -> ShapedArray:
    """The type of a value."""
    return typeof(x)


def zeros_like_jaxval(x: Any) -> Any:
    """Zeros of a value's type."""
    return zeros(typeof(x))


UNSPECIFIED = None
"""What stands for a sharding that is not given: here as everywhere None."""

UnspecifiedValue = type(None)


def canonicalize_sharding(sharding: Any, *_: Any, **__: Any) -> None:
    """Where an array must go: nowhere, as there is one device."""


class AbstractRef:
    """The type of mutable arrays; there are none, so that nothing is an instance."""


pytype_aval_mappings: dict[type, Callable[[Any], Any]] = {
    np.ndarray: typeof, Array: typeof, int: typeof, float: typeof, complex: typeof, bool: typeof}
canonicalize_dtype_handlers: dict[type, Callable[[Any], Any]] = {
    np.ndarray: to_array, Array: to_array}


class _Registry:
    """`type in _registry`: whether values of a type are nodes of pytrees."""

    def __contains__(self, cls: Any) -> bool:
        return is_tree_node(cls)


_registry = _Registry()
BuiltInKeyEntry = SequenceKey | DictKey | GetAttrKey | FlattenedIndexKey


class EArray:
    """Arrays of dtypes that packages define; there are none, so that nothing is an instance."""


__all__ = ["ArrayImpl", "SupportsDType", "TypedNdArray", "max_dim", "min_dim", "zeros_like_aval"]
