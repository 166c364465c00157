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
    """An elementwise function of `nin` arguments and `nout` results, with methods as in `np.ufunc`.

    func: the function; identity: what `reduce` starts from -> called with arrays that broadcast, an
    array. Its methods return new arrays. Raises NotImplementedError for `out` and `where`.

    >>> jnp.add.nin, jnp.add.identity, jnp.add(1, 2)
    (2, 0, Array(3, dtype=int64, weak_type=True))
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
        """Apply the function to arrays that broadcast -> an array, or several.

        Raises NotImplementedError for `out` and `where`.
        """
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
        """Combine the elements along axes, from the first to the last.

        a: [...]; axis: an axis, several for some functions, None for all; dtype: that to compute
        in; out: must be None; keepdims: whether reduced axes stay, with length 1; initial: where to
        start; where: booleans, which elements count -> [other axes]. Raises ValueError unless the
        function has two arguments and one result, for no elements without an identity, and for
        `where` without one.

        >>> jnp.multiply.reduce(np.array([[1, 2], [3, 4]]), axis=1)
        Array([ 2, 12], dtype=int64)
        """
        unsupported(f"{self.__name__}.reduce", out=out)
        return self._method("reduce")(a, axis=axis, dtype=dtype, keepdims=keepdims,
                                      initial=initial, where=where)

    @api_boundary
    def accumulate(self, a: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
        """Return all partial results of combining the elements along an axis.

        a: [..., n, ...]; axis: the axis; dtype: that to compute in; out: must be None -> [..., n,
        ...]. Raises ValueError unless the function has two arguments and one result.

        >>> jnp.maximum.accumulate(np.array([1, 3, 2, 5]))
        Array([1, 3, 3, 5], dtype=int64)
        """
        unsupported(f"{self.__name__}.accumulate", out=out)
        return self._method("accumulate")(a, axis=axis, dtype=dtype)

    @api_boundary
    def outer(self, A: Any, B: Any, /) -> Any:
        """Apply the function to all pairs of elements.

        A, B: arrays -> [*A.shape, *B.shape]. Raises ValueError unless the function has two
        arguments and one result.

        >>> jnp.subtract.outer(np.array([1, 2]), np.array([10, 20]))
        Array([[ -9, -19],
               [ -8, -18]], dtype=int64)
        """
        return self._method("outer")(A, B)

    @api_boundary
    def at(self, a: Any, indices: Any, b: Any = None, /, *, inplace: bool = True) -> Any:
        """Return a copy of `a` with the function applied at elements, as often as each is named.

        a: [...]; indices: as for `a[indices]`; b: second argument, broadcast; inplace: must be
        False -> the shape and dtype of `a`. Raises NotImplementedError for the default `inplace`.

        >>> jnp.add.at(np.array([1, 2]), np.array([0, 0]), 10, inplace=False)
        Array([21,  2], dtype=int64)
        """
        if inplace:
            raise NotImplementedError(f"{self.__name__}.at: arrays are immutable; pass"
                                      " inplace=False and use the result")
        if self.nin == 1:
            return _GENERIC["at"](self, a, indices, None)
        return self._method("at")(a, indices, b)

    @api_boundary
    def reduceat(self, a: Any, indices: Any, axis: int = 0, dtype: Any = None,
                 out: None = None) -> Any:
        """Reduce the slices between consecutive indices along an axis.

        a: [..., n, ...]; indices: [m]: part i goes from indices[i] to indices[i + 1], or is one
        element where that is not larger; dtype: that to compute in; out: must be None -> [..., m,
        ...]. Raises ValueError unless the function has two arguments and one result.

        >>> jnp.add.reduceat(np.arange(5), np.array([0, 3]))
        Array([3, 7], dtype=int64)
        """
        unsupported(f"{self.__name__}.reduceat", out=out)
        return self._method("reduceat")(a, indices, axis=axis, dtype=dtype)


_GENERIC: dict[str, Callable[..., Any]] = {}


def generic(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the general implementation of a method."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _GENERIC[name] = function
        return function

    return register
