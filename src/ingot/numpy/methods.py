"""The one place that gives arrays and tracers NumPy's operators, methods and properties."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, Literal

import numpy as np
from numpy import ndarray

from ingot import dtypes
from ingot.api.devices import CPU, Device, block_until_ready, device_put
from ingot.core.array import (
    DELETED_BUFFER,
    OWNERS,
    Array,
    ArrayBase,
    delete,
    fetch,
    make_contiguous,
    to_host,
)
from ingot.core.interpreter import Tracer
from ingot.core.native_calls import native_calls
from ingot.core.placement import is_committed, sharding_of
from ingot.core.sharding import ON_CPU
from ingot.core.shards import local_shards, shards
from ingot.core.source_info import here
from ingot.core.tracebacks import api_boundary
from ingot.errors import TracerArrayConversionError
from ingot.numpy import (
    arithmetic,
    creation,
    indexing,
    integers,
    logic,
    manipulation,
    nanreductions,
    nonzero,
    products,
    rearranging,
    reductions,
    rounding,
    sorting,
)
from ingot.numpy.at import IndexUpdateHelper
from ingot.numpy.concrete import concrete_array, scalar_of
from ingot.numpy.standard import VERSIONS as STANDARDS
from ingot.numpy.views import byteswap, view
from ingot.primitives.random_keys import words_of

# ---- operators ----

_ACCEPTED = (int, float, complex, np.generic, np.ndarray, ArrayBase)
_REJECTED = (list, tuple, set, dict)


def _operator(function: Callable[[Any, Any], Any], symbol: str, swap: bool) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, _ACCEPTED):
            if hasattr(other, "__jax_array__"):
                other = other.__jax_array__()
            elif type(other) in _REJECTED:  # subclasses may know arrays themselves
                left, right = (other, self) if swap else (self, other)
                raise TypeError(f"unsupported operand type(s) for {symbol}: "
                                f"{type(left).__name__!r} and {type(right).__name__!r}; convert"
                                " sequences with jnp.asarray first")
            else:
                return NotImplemented
        return function(other, self) if swap else function(self, other)

    return method


_BINARY = [
    ("add", "+", arithmetic.add), ("sub", "-", arithmetic.subtract),
    ("mul", "*", arithmetic.multiply), ("truediv", "/", arithmetic.divide),
    ("floordiv", "//", arithmetic.floor_divide), ("mod", "%", arithmetic.remainder),
    ("divmod", "divmod", arithmetic.divmod), ("pow", "**", arithmetic.power),
    ("matmul", "@", products.matmul), ("and", "&", integers.bitwise_and),
    ("or", "|", integers.bitwise_or), ("xor", "^", integers.bitwise_xor),
    ("lshift", "<<", integers.left_shift), ("rshift", ">>", integers.right_shift),
]
_COMPARISONS = [
    ("eq", "==", logic.equal), ("ne", "!=", logic.not_equal), ("lt", "<", logic.less),
    ("le", "<=", logic.less_equal), ("gt", ">", logic.greater), ("ge", ">=", logic.greater_equal),
]


def _operators() -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, symbol, function in _BINARY:
        table[f"__{name}__"] = _operator(function, symbol, swap=False)
        table[f"__r{name}__"] = _operator(function, symbol, swap=True)
    for name, symbol, function in _COMPARISONS:
        table[f"__{name}__"] = _operator(function, symbol, swap=False)
    return table | {
        "__neg__": arithmetic.negative, "__pos__": arithmetic.positive,
        "__abs__": arithmetic.absolute, "__invert__": integers.bitwise_not,
        "__round__": lambda self, ndigits=None: rounding.round(self, ndigits or 0),
    }


# ---- Python's protocols ----


def _len(self: Any) -> int:
    if not self.aval.shape:
        raise TypeError("len() of unsized object: the array has rank 0")
    return self.aval.shape[0]


def _iter(self: Any) -> Iterator[Any]:
    if not self.aval.shape:
        raise TypeError("iteration over a 0-d array")
    return (indexing.getitem(self, i) for i in range(self.aval.shape[0]))


def _reverse_operands(self: Any) -> Iterator[Any]:
    if not self.aval.shape:
        raise TypeError("iteration over a 0-d array")
    return (indexing.getitem(self, i) for i in reversed(range(self.aval.shape[0])))


def _setitem(self: Any, index: Any, value: Any) -> None:
    raise TypeError(f"{type(self).__name__} of type {self.aval} does not support item assignment:"
                    " arrays are immutable. Instead of x[i] = y write x = x.at[i].set(y), instead"
                    " of x[i] += y write x = x.at[i].add(y)")


def _contains(self: Any, item: Any) -> Any:
    if self.aval.ndim != 1:
        raise ValueError(f"in: the array must be a vector, got {self.aval}; use (x == item).any()")
    return reductions.any(logic.equal(self, item))


def _bool(self: Any) -> bool:
    if self.aval.size != 1:
        raise ValueError(f"the truth value of {self.aval} is ambiguous, as it has {self.aval.size}"
                         " elements; use a.any() or a.all()")
    return builtins.bool(fetch(concrete_array(self, "bool")))


def _index(self: Any) -> int:
    if self.aval.ndim or dtypes.kind(self.aval.dtype) not in "iu":
        raise TypeError(f"only integer scalar arrays can be converted to an index, got {self.aval}")
    return operator.index(fetch(concrete_array(self, "index")).item())


def _array(self: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    data = concrete_array(self, "array")._data
    if type(data) is not ndarray:
        data = to_host(data)
    if dtypes.is_key_dtype(self.aval.dtype):
        raise TypeError(f"{self.aval}: PRNG keys have no NumPy form; use random.key_data")
    if dtype is not None and np.dtype(dtype) != data.dtype:
        return data.astype(dtype)
    if copy:
        return data.copy()
    data = data.view()
    data.flags.writeable = False
    return data


def _format(self: Any, spec: str) -> str:
    if isinstance(self, Tracer) and self.concrete() is None:
        if not spec:
            return repr(self)
        raise TracerArrayConversionError(
            f"format: a value of type {self.aval} is traced by {self._interpreter.name()} at"
            f" {here()}, so there is no number yet that {spec!r} could format; print it when the"
            f" program runs, with debug.print('{{:{spec}}}', x)")
    if self.aval.ndim == 0 and not dtypes.is_key_dtype(self.aval.dtype):
        return format(fetch(concrete_array(self, "array"))[()], spec)
    if not spec or dtypes.is_key_dtype(self.aval.dtype):
        return format(str(self), spec)
    return np.array2string(fetch(concrete_array(self, "array")),
                           formatter={"all": lambda x: format(x, spec)})


def _repr(self: Array) -> str:
    aval = self.aval
    if dtypes.is_key_dtype(aval.dtype):
        words = words_of(fetch(self), aval.dtype)
        return f"Array({aval.shape}, dtype={aval.dtype.name}) overlaying:\n{words}"
    weak = ", weak_type=True" if aval.weak_type else ""
    name = aval.dtype.name if aval.dtype != dtypes.float0 else str(aval.dtype)
    suffix = f"dtype={name}{weak})"
    if 0 in aval.shape:
        return f"Array([], shape={aval.shape}, {suffix}"
    body = np.array2string(fetch(self), prefix="Array(", suffix=",", separator=", ")
    last = body[body.rfind("\n") + 1:] if "\n" in body else "Array(" + body
    width = np.get_printoptions()["linewidth"]
    glue = " " if len(last) + len(suffix) + 2 <= width else "\n" + " " * 6
    return f"Array({body},{glue}{suffix}"


def _str(self: Array) -> str:
    if dtypes.is_key_dtype(self.aval.dtype):
        return repr(self)
    return str(fetch(self)[...])  # of a deleted array this is an error


def _deepcopy(self: Any, memo: Any) -> Any:
    return _copy(self)


def _copy(self: Any) -> Any:
    return Array(self._data, self.aval) if type(self) is Array else self


def _tracer_reduce(self: Tracer) -> Any:
    raise TypeError(f"{self!r}: a traced value cannot be pickled")


# ---- methods ----


def _reshape(self: Any, *args: Any, order: str = "C", out_sharding: Any = None) -> Any:
    shape = args[0] if len(args) == 1 else args
    return manipulation.reshape(self, shape, order)


def _transpose(self: Any, *args: Any) -> Any:
    axes = args[0] if len(args) == 1 and not isinstance(args[0], (int, np.integer)) else args
    return manipulation.transpose(self, axes or None)


def _tobytes(self: Any, order: Literal["K", "A", "C", "F"] | None = "C") -> bytes:
    return _array(self).tobytes(order)


def _item(self: Any, *args: int) -> Any:
    data = fetch(concrete_array(self, "item"))
    if not args and data.size != 1:
        raise ValueError(
            f"item: only arrays of one element become a Python scalar, got {self.aval}")
    return data.item(*args)


def _argsort(self: Any, axis: int | None = -1, **kwargs: Any) -> Any:
    return sorting.argsort(self, axis, **kwargs)


def _sort(self: Any, axis: int | None = -1, **kwargs: Any) -> Any:
    return sorting.sort(self, axis, **kwargs)


def _astype(self: Any, dtype: Any = None, copy: bool = False, device: Any = None) -> Any:
    return creation.astype(self, dtype)


def _clip(self: Any, min: Any = None, max: Any = None) -> Any:  # noqa: A002
    return logic.clip(self, min, max)


def _squeeze(self: Any, axis: Any = None) -> Any:
    return manipulation.squeeze(self, axis)


def _flatten(self: Any, order: str = "C", *, out_sharding: Any = None) -> Any:
    return manipulation.ravel(self, order)


def _to_device(self: Any, device: Any, *, stream: Any = None) -> Any:
    if not (isinstance(device, Device) or hasattr(device, "device_set")):
        raise ValueError(f"to_device: expected one of ingot.devices(), got {device!r}")
    return device_put(self, device)


def _same(self: Any) -> Any:
    return self


def _owner(self: Any) -> Any:
    """The back end that owns an array's memory; None for traced values, and for ndarrays."""
    return OWNERS.get(type(self._data)) if type(self) is Array else None


def _sharding(self: Any) -> Any:
    """Where the parts of the array are; of traced values, how their types say they are divided."""
    return sharding_of(self) if type(self) is Array else self.aval.sharding


def _device(self: Any) -> Any:
    """The device of the elements, or their sharding if there are several."""
    sharding = ON_CPU if isinstance(self, Tracer) else sharding_of(self)
    return sharding._device_assignment[0] if sharding.num_devices == 1 else sharding


def _block_until_ready(self: Any) -> Any:
    if type(self) is Array and type(self._data) is not np.ndarray:
        block_until_ready(self)
    return self


def _is_ready(self: Any) -> bool:
    owner = _owner(self)
    return owner is None or owner.ready(self._data)


def _of_array(function: Any, traced: Any) -> Any:
    """The function of an array, or what it is for traced values, of which nothing is known."""
    return lambda self: function(self) if type(self) is Array else traced


def _addressable_data(self: Any, index: int) -> Any:
    """The part on one of the devices of this process, as an array there."""
    return local_shards(self)[index].data


def _nothing(self: Any) -> None:
    return None


def _delete(self: Any) -> None:
    """Free the memory now, unless other arrays share it; the array cannot be used any more."""
    if type(self) is Array:
        delete(self)


def _is_deleted(self: Any) -> bool:
    return type(self) is Array and self._data is DELETED_BUFFER


def _buffer_pointer(self: Any) -> int:
    """The address of the elements, row by row; it is good for as long as the array."""
    x = concrete_array(self, "array")
    data = fetch(x)
    return (data if data.flags.c_contiguous else make_contiguous(x)).ctypes.data


def _dlpack(self: Any, *, stream: Any = None, max_version: tuple[int, int] | None = None,
            dl_device: tuple[int, int] | None = None, copy: bool | None = None) -> Any:
    """A capsule for another library; a copy, unless copy=False asks for the memory itself.

    That is read-only, which only capsules of version 1 can say: BufferError for older ones, and for
    devices other than the CPU.
    """
    data = fetch(concrete_array(self, "array")).view()
    data.flags.writeable = False
    if dl_device not in (None, _DLPACK_DEVICE):
        raise BufferError(f"__dlpack__: the array is on the CPU, {_DLPACK_DEVICE}, got {dl_device}")
    if copy is not False:
        return np.array(data).__dlpack__()
    if max_version is None or max_version < (1, 0):
        raise BufferError("__dlpack__: arrays are immutable, so that other libraries get copies,"
                          " unless they know version 1 of the protocol; leave copy=False out")
    return data.__dlpack__(max_version=max_version, copy=False)


def _array_namespace(self: Any, /, *, api_version: str | None = None) -> Any:
    if api_version not in (None, *STANDARDS):
        raise ValueError(f"__array_namespace__: the array API standard {api_version!r} is"
                         f" not served; the versions are {', '.join(STANDARDS)}")
    return _namespace[0]


_DLPACK_DEVICE = (1, 0)  # the CPU

_METHODS: dict[str, Any] = {
    "all": reductions.all, "any": reductions.any, "argmax": reductions.argmax,
    "argmin": reductions.argmin, "argpartition": sorting.argpartition, "argsort": _argsort,
    "astype": _astype, "choose": sorting.choose, "clip": _clip,
    "compress": lambda self, condition, axis=None, **kwargs: sorting.compress(
        condition, self, axis, **kwargs),
    "conj": rounding.conj, "conjugate": rounding.conjugate,
    "copy": lambda self: creation.array(self), "cumprod": nanreductions.cumprod,
    "cumsum": nanreductions.cumsum, "diagonal": rearranging.diagonal, "dot": products.dot,
    "flatten": _flatten, "item": _item, "max": reductions.max, "mean": reductions.mean,
    "min": reductions.min, "nonzero": nonzero.nonzero, "prod": reductions.prod,
    "ptp": reductions.ptp, "ravel": manipulation.ravel, "repeat": rearranging.repeat,
    "reshape": _reshape, "round": rounding.round, "searchsorted": sorting.searchsorted,
    "sort": _sort, "squeeze": _squeeze, "std": reductions.std, "sum": reductions.sum,
    "swapaxes": manipulation.swapaxes, "take": sorting.take,
    "tobytes": _tobytes,
    "tolist": lambda self: fetch(concrete_array(self, "array")).tolist(),
    "trace": rearranging.trace, "transpose": _transpose, "var": reductions.var, "view": view,
    "byteswap": byteswap,
    "clone": _same, "block_until_ready": _block_until_ready, "copy_to_host_async": _nothing,
    "to_device": _to_device, "delete": _delete, "is_deleted": _is_deleted,
    "is_ready": _is_ready, "devices": _of_array(lambda x: sharding_of(x).device_set, {CPU}),
    "on_device_size_in_bytes": lambda self: self.aval.nbytes,
    "addressable_data": _addressable_data, "unsafe_buffer_pointer": _buffer_pointer,
}

_PROPERTIES: dict[str, Any] = {
    "T": lambda self: manipulation.transpose(self), "mT": manipulation.matrix_transpose,
    "real": rounding.real, "imag": rounding.imag, "at": IndexUpdateHelper,
    "flat": lambda self: manipulation.ravel(self), "nbytes": lambda self: self.aval.nbytes,
    "itemsize": lambda self: self.aval.storage.itemsize, "device": _device,
    "sharding": _sharding, "committed": _of_array(is_committed, False),
    "_committed": _of_array(is_committed, False),
    "is_fully_addressable": _of_array(lambda x: sharding_of(x).is_fully_addressable, True),
    "is_fully_replicated": _of_array(lambda x: sharding_of(x).is_fully_replicated, True),
    "addressable_shards": local_shards, "global_shards": shards,
}

_PROTOCOLS: dict[str, Any] = {
    "__hash__": None,  # not a function that raises: programs ask isinstance(x, Hashable)
    "__len__": _len, "__iter__": _iter, "__reversed__": _reverse_operands,
    "__getitem__": indexing.getitem, "__setitem__": _setitem, "__contains__": _contains,
    "__bool__": _bool, "__index__": _index, "__array__": _array, "__format__": _format,
    "__int__": lambda self: scalar_of(self, int), "__float__": lambda self: scalar_of(self, float),
    "__complex__": lambda self: scalar_of(self, complex), "__copy__": _copy,
    "__deepcopy__": _deepcopy, "__dlpack__": _dlpack,
    "__dlpack_device__": lambda self: _DLPACK_DEVICE,
    "__array_namespace__": _array_namespace,
}

_namespace: list[Any] = [None]


def _entry(function: Any) -> Any:
    """Errors leave a function of the tables above without our frames."""
    return api_boundary(function) if isinstance(function, FunctionType) else function


def install(namespace: Any) -> None:
    """Give arrays and tracers everything above; `namespace` answers `__array_namespace__`."""
    _namespace[0] = namespace
    for name, function in (_operators() | _PROTOCOLS | _METHODS).items():
        setattr(ArrayBase, name, _entry(function))
    for name, function in _PROPERTIES.items():
        # The example in its docstring names a function of another module: the sentence suffices.
        doc = (function.__doc__ or "").partition("\n")[0]
        setattr(ArrayBase, name, property(_entry(function), doc=doc))
    native_calls().set_operators({name: function for name, _, function in (*_BINARY, *_COMPARISONS)}
                  | {"neg": arithmetic.negative, "abs": arithmetic.absolute,
                     "invert": integers.bitwise_not})
    Array.__repr__, Array.__str__ = _repr, _str  # type: ignore[method-assign]
    Tracer.__reduce__ = _tracer_reduce  # type: ignore[method-assign]
