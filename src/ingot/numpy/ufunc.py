"""Universal functions as objects, with reduce, accumulate, outer, at and reduceat."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from ingot.core.tracebacks import api_boundary
from ingot.numpy.promotion import unsupported


def _by_name(name: str) -> Any:
    """The function of `ingot.numpy` with a name, for pickles."""
    return getattr(sys.modules[__package__ or ""], name)


class ufunc:  # noqa: N801 (NumPy's name)
    """An elementwise function of `nin` arguments and `nout` results.

    Its methods follow `np.ufunc`; `at` and friends return new arrays.
    """

    __name__: str
    nin: int
    nout: int
    nargs: int
    identity: Any
    _func: Callable[..., Any]
    _call: Callable[..., Any]
    _methods: dict[str, Callable[..., Any]]

    def __init__(self, func: Callable[..., Any], nin: int, nout: int, *, identity: Any = None,
                 call: Callable[..., Any] | None = None, methods: Any = None):
        vars(self).update(
            _func=func, _call=call or func, _methods=methods or {}, nin=nin, nout=nout, nargs=nin,
            identity=identity, __name__=getattr(func, "__name__", "frompyfunc"),
            __doc__=func.__doc__)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self.__name__}.{name}: the attributes of a ufunc cannot be set")

    @api_boundary
    def __call__(self, *args: Any, out: None = None, where: None = None) -> Any:
        """The function of the broadcast arguments; TypeError for `out` and `where`."""
        if out is not None or where is not None:
            unsupported(self.__name__, out=out, where=where)
        return self._call(*args)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if getattr(sys.modules[__package__ or ""], self.__name__, None) is self:
            return _by_name, (self.__name__,)
        return super().__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return f"<jnp.ufunc '{self.__name__}'>"

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ufunc) and self._key == other._key

    @property
    def _key(self) -> tuple[Any, ...]:
        return self._func, self.nin, self.nout, self.identity

    def _method(self, name: str) -> Callable[..., Any]:
        if self.nin != 2 or self.nout != 1:
            raise ValueError(f"{self.__name__}.{name}: only functions of two arguments and one"
                             f" result have it, this has {self.nin} and {self.nout}")
        return self._methods.get(name) or functools.partial(_GENERIC[name], self)

    @api_boundary
    def reduce(self, a: Any, axis: int | None = 0, dtype: Any = None, out: None = None,
               keepdims: bool = False, initial: Any = None, where: Any = None) -> Any:
        """Combine the elements along an axis from the first to the last."""
        unsupported(f"{self.__name__}.reduce", out=out)
        return self._method("reduce")(a, axis=axis, dtype=dtype, keepdims=keepdims,
                                      initial=initial, where=where)

    @api_boundary
    def accumulate(self, a: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        """All partial results of combining the elements along an axis."""
        unsupported(f"{self.__name__}.accumulate", out=out)
        return self._method("accumulate")(a, axis=axis, dtype=dtype)

    @api_boundary
    def outer(self, A: Any, B: Any, /) -> Any:
        """The function of all pairs of elements: shape A.shape + B.shape."""
        return self._method("outer")(A, B)

    @api_boundary
    def at(self, a: Any, indices: Any, b: Any = None, /, *, inplace: bool = True) -> Any:
        """A copy of `a` with the function applied at some elements; `inplace` must be False."""
        if inplace:
            raise NotImplementedError(f"{self.__name__}.at: arrays are immutable; pass"
                                      " inplace=False and use the result")
        if self.nin == 1:
            return _GENERIC["at"](self, a, indices, None)
        return self._method("at")(a, indices, b)

    @api_boundary
    def reduceat(self, a: Any, indices: Any, axis: int = 0, dtype: Any = None,
                 out: None = None) -> Any:
        """Reductions over the slices between consecutive indices."""
        unsupported(f"{self.__name__}.reduceat", out=out)
        return self._method("reduceat")(a, indices, axis=axis, dtype=dtype)


_GENERIC: dict[str, Callable[..., Any]] = {}


def generic(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the general implementation of a method."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _GENERIC[name] = function
        return function

    return register
