"""The one place that gives arrays and tracers NumPy's operators, methods and properties."""

from __future__ import annotations

import builtins
import functools
import operator
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.array import (
    Array,
    ArrayBase,
    fetch,
)
from ingot.core.interpreter import Tracer
from ingot.core.native_calls import native_calls
from ingot.core.placement import copied, sharding_of
from ingot.core.source_info import here
from ingot.core.tracebacks import api_boundary
from ingot.errors import TracerArrayConversionError
from ingot.numpy import (
    arithmetic,
    array_methods,
    indexing,
    integers,
    logic,
    products,
    reductions,
    rounding,
)
from ingot.numpy.concrete import concrete_array, scalar_of
from ingot.numpy.standard import VERSIONS as STANDARDS
from ingot.primitives.random_keys import words_of

# ---- operators ----

_ACCEPTED = (int, float, complex, np.generic, np.ndarray, ArrayBase)
_SEQUENCES = "convert sequences with jnp.asarray first"
_REJECTED = {list: _SEQUENCES, tuple: _SEQUENCES, set: "make it a sequence with sorted first",
             dict: "take an entry, or go through all with tree.map"}
"""Types that operators refuse, and what to do instead."""


def _operator(function: Callable[[Any, Any], Any], symbol: str, swap: bool) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, _ACCEPTED):
            if hasattr(other, "__jax_array__"):
                other = other.__jax_array__()
            elif type(other) in _REJECTED:  # subclasses may know arrays themselves
                left, right = (other, self) if swap else (self, other)
                raise TypeError(f"unsupported operand type(s) for {symbol}: "
                                f"{type(left).__name__!r} and {type(right).__name__!r};"
                                f" {_REJECTED[type(other)]}")
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


_NOT_ITERABLE = ("iteration over a 0-d array: {} has no axis to iterate over; jnp.atleast_1d gives"
                 " it one")


_element = api_boundary(indexing.getitem)  # loops call it themselves, with no frame of ours above


def _iter(self: Any) -> Iterator[Any]:
    if not self.aval.shape:
        raise TypeError(_NOT_ITERABLE.format(self.aval))
    return map(functools.partial(_element, self), range(self.aval.shape[0]))


def _reverse_operands(self: Any) -> Iterator[Any]:
    if not self.aval.shape:
        raise TypeError(_NOT_ITERABLE.format(self.aval))
    return (indexing.getitem(self, i) for i in reversed(range(self.aval.shape[0])))


def _setitem(self: Any, index: Any, value: Any) -> None:
    raise TypeError(f"{type(self).__name__} of type {self.aval} does not support item assignment:"
                    " arrays are immutable. Instead of x[i] = y write x = x.at[i].set(y), instead"
                    " of x[i] += y write x = x.at[i].add(y)")


def _delitem(self: Any, index: Any) -> None:
    raise TypeError(f"{type(self).__name__} of type {self.aval} does not support item deletion:"
                    " arrays are immutable. Instead of del x[i] write x = jnp.delete(x, i)")


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


def _format(self: Any, spec: str) -> str:
    if isinstance(self, Tracer) and self.concrete() is None:
        if not spec:
            return repr(self)
        raise TracerArrayConversionError(
            f"format: a value of type {self.aval} is traced by {self._interpreter.name()} at"
            f" {here()}, so there is no number yet that {spec!r} could format; print it when the"
            f" program runs, with debug.print('{{:{spec}}}', x)")
    if self.aval.ndim == 0 and not dtypes.is_key_dtype(self.aval.dtype):
        return format(fetch(concrete_array(self, "text"))[()], spec)
    if not spec or dtypes.is_key_dtype(self.aval.dtype):
        return format(str(self), spec)
    return np.array2string(fetch(concrete_array(self, "text")),
                           formatter={"all": lambda x: format(x, spec)})


def _repr(self: Array) -> str:
    aval = self.aval
    if dtypes.is_key_dtype(aval.dtype) and is_at_hand(self):
        words = words_of(fetch(self), aval.dtype)
        return f"Array({aval.shape}, dtype={aval.dtype.name}) overlaying:\n{words}"
    weak = ", weak_type=True" if aval.weak_type else ""
    name = aval.dtype.name if aval.dtype != dtypes.float0 else str(aval.dtype)
    suffix = f"dtype={name}{weak})"
    if 0 in aval.shape:
        return f"Array([], shape={aval.shape}, {suffix}"
    if aval._sharding is not None and aval._sharding.spec.unreduced:
        return f"Array(shape={aval.shape}, dtype={name}{weak}, sharding={sharding_of(self)})"
    if not is_at_hand(self):
        return f"Array(shape={aval.shape}, {suffix}"
    body = np.array2string(fetch(self), prefix="Array(", suffix=",", separator=", ")
    last = body[body.rfind("\n") + 1:] if "\n" in body else "Array(" + body
    width = np.get_printoptions()["linewidth"]
    glue = " " if len(last) + len(suffix) + 2 <= width else "\n" + " " * 6
    return f"Array({body},{glue}{suffix}"


def is_at_hand(x: Array) -> bool:
    """Return whether devices of this process have all elements of an array."""
    if type(x._data) is np.ndarray:
        return True
    sharding = sharding_of(x)
    return sharding.is_fully_addressable or sharding.is_fully_replicated


def _str(self: Array) -> str:
    said = self.aval._sharding
    if dtypes.is_key_dtype(self.aval.dtype) or not is_at_hand(self) or (
            said is not None and said.spec.unreduced):
        return repr(self)
    return str(fetch(self)[...])  # of a deleted array this is an error


def _deepcopy(self: Any, memo: Any) -> Any:
    return _copy(self)


def _copy(self: Any) -> Any:
    return copied(self) if type(self) is Array else self


def _tracer_reduce(self: Tracer) -> Any:
    raise TypeError(f"{self!r}: a traced value cannot be pickled")


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

_PROTOCOLS: dict[str, Any] = {
    "__hash__": None,  # not a function that raises: programs ask isinstance(x, Hashable)
    "__len__": _len, "__iter__": _iter, "__reversed__": _reverse_operands,
    "__getitem__": indexing.getitem, "__setitem__": _setitem, "__delitem__": _delitem,
    "__contains__": _contains,
    "__bool__": _bool, "__index__": _index, "__array__": array_methods.to_numpy,
    "__format__": _format,
    "__int__": lambda self: scalar_of(self, int), "__float__": lambda self: scalar_of(self, float),
    "__complex__": lambda self: scalar_of(self, complex), "__copy__": _copy,
    "__deepcopy__": _deepcopy, "__dlpack__": _dlpack,
    "__dlpack_device__": lambda self: _DLPACK_DEVICE,
    "__array_namespace__": _array_namespace,
}

class _Absent:
    """A name that arrays of other libraries have: that ours have not is said with the remedy."""

    def __init__(self, name: str, remedy: str):
        self._name, self._remedy = name, remedy

    @api_boundary
    def __get__(self, obj: Any, kind: type) -> Any:
        owner = kind.__name__ if obj is None else type(obj).__name__
        raise AttributeError(f"{owner!r} object has no attribute {self._name!r}; {self._remedy}")


_IMMUTABLE = "arrays are immutable: "
_ABSENT = {
    "append": "jnp.append(x, values) or jnp.concatenate([x, y]) is a new array",
    "extend": "jnp.concatenate([x, y]) is a new array",
    "fill": f"{_IMMUTABLE}jnp.full_like(x, value) is a new array",
    "put": f"{_IMMUTABLE}x.at[indices].set(values) is a new array",
    "itemset": f"{_IMMUTABLE}x.at[index].set(value) is a new array",
    "resize": f"{_IMMUTABLE}jnp.resize(x, shape) is a new array",
    "partition": f"{_IMMUTABLE}jnp.partition(x, kth) is a new array",
    "setflags": f"{_IMMUTABLE}np.array(x) is a copy of NumPy's that can be written",
    "tofile": "np.asarray(x) has it",
    "numpy": "np.asarray(x) is an array of NumPy",
    "values": "it is an array already; np.asarray(x) is one of NumPy",
    "detach": "lax.stop_gradient(x) is constant in derivatives",
    "backward": "ingot.grad(f)(x) is the gradient of a function",
    "cpu": "np.asarray(x) is an array of NumPy",
}


def _dir(self: Any) -> list[str]:
    return sorted(set(object.__dir__(self)) - _ABSENT.keys())


_namespace: list[Any] = [None]


def _entry(function: Any) -> Any:
    """Errors leave a function of the tables above without our frames."""
    return api_boundary(function) if isinstance(function, FunctionType) else function


def install(namespace: Any) -> None:
    """Give arrays and tracers everything above; `namespace` answers `__array_namespace__`."""
    _namespace[0] = namespace
    for name, function in (_operators() | _PROTOCOLS | array_methods.METHODS).items():
        setattr(ArrayBase, name, _entry(function))
    for name, function in array_methods.PROPERTIES.items():
        # The example in its docstring names a function of another module: the sentence suffices.
        doc = (function.__doc__ or "").partition("\n")[0]
        setattr(ArrayBase, name, property(_entry(function), doc=doc))
    for name, remedy in _ABSENT.items():
        setattr(ArrayBase, name, _Absent(name, remedy))
    ArrayBase.__dir__ = _dir  # type: ignore[method-assign]
    native_calls().set_operators({name: function for name, _, function in (*_BINARY, *_COMPARISONS)}
                  | {"neg": arithmetic.negative, "abs": arithmetic.absolute,
                     "invert": integers.bitwise_not})
    Array.__repr__ = api_boundary(_repr)  # type: ignore[method-assign]
    Array.__str__ = api_boundary(_str)  # type: ignore[method-assign]
    Tracer.__reduce__ = _tracer_reduce  # type: ignore[method-assign]
