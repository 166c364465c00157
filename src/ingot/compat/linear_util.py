"""Functions with transformations around them: `WrappedFun` of `linear_util` and `api_util`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ingot.api.shapes import abstractify as shaped_abstractify
from ingot.compat.attributes import DebugInfo
from ingot.tree import (
    PyTreeDef,
    broadcast_prefix,
    tree_flatten,
    tree_structure,
    tree_unflatten,
)
from ingot.util import safe_map


class StoreException(Exception):
    """A result that is kept aside was read before it was there, or set twice."""


class Store:
    """A place for one auxiliary result.

    >>> from ingot.extend import linear_util
    >>> store = linear_util.Store()
    >>> store.store(3)
    >>> store.val
    3
    """

    _EMPTY = object()

    def __init__(self) -> None:
        self._value: Any = self._EMPTY

    def store(self, value: Any) -> None:
        """Put the result there."""
        self._value = value

    @property
    def val(self) -> Any:
        """The result; StoreException if there is none yet."""
        if self._value is self._EMPTY:
            raise StoreException("the function has not been called yet")
        return self._value

    def __bool__(self) -> bool:
        return self._value is not self._EMPTY


class WrappedFun:
    """A function to be called by `call_wrapped`, with what is known of its names.

    f: the function. params: parameters of its call. debug_info: names.

    >>> from ingot.extend import linear_util
    >>> linear_util.wrap_init(lambda x: x + 1).call_wrapped(2)
    3
    """

    def __init__(self, f: Callable[..., Any], params: dict[str, Any] | None = None,
                 debug_info: Any = None):
        self.f, self.params = f, dict(params or {})
        self.debug_info = debug_info or DebugInfo("wrap_init", getattr(f, "__name__", "fun"))
        self.__name__ = getattr(f, "__name__", "fun")

    def call_wrapped(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return self.f(*args, **{**self.params, **kwargs})

    def with_unknown_names(self) -> WrappedFun:
        """The same function."""
        return self

    def __repr__(self) -> str:
        return f"<wrapped {self.f!r}>"

    def __hash__(self) -> int:
        return hash(self.f)

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, WrappedFun) and self.f == other.f
                and self.params == other.params)


def wrap_init(f: Callable[..., Any], params: dict[str, Any] | None = None, *,
              debug_info: Any = None) -> WrappedFun:
    """Make a function ready to be transformed.

    f: the function. params: parameters of its call. debug_info: names -> a WrappedFun.

    >>> from ingot.extend import linear_util
    >>> linear_util.wrap_init(lambda x: x + 1).call_wrapped(2)
    3
    """
    return WrappedFun(f, params, debug_info)


def _run(generator: Any, inner: WrappedFun) -> Any:
    """Let a generator see the arguments on the way in and the results on the way out."""
    args, kwargs = next(generator)
    return generator.send(inner.call_wrapped(*args, **kwargs))


def transformation(gen: Callable[..., Any]) -> Callable[..., WrappedFun]:
    """Decorate a generator that yields (args, kwargs), gets the results and yields new ones.

    gen: the generator function -> a function from a WrappedFun to another.

    >>> from ingot.extend import linear_util
    >>> @linear_util.transformation
    ... def negated(*args):
    ...     result = yield args, {}
    ...     yield -result
    >>> negated(linear_util.wrap_init(abs)).call_wrapped(-2)
    -2
    """

    @functools.wraps(gen)
    def apply(fun: WrappedFun, *static: Any) -> WrappedFun:
        return WrappedFun(lambda *args, **kwargs: _run(gen(*static, *args, **kwargs), fun),
                          debug_info=fun.debug_info)

    return apply


def transformation_with_aux(gen: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a generator that yields (args, kwargs), gets the results, yields (new ones, aux).

    gen: the generator function -> a function from a WrappedFun to (another, a thunk of aux).

    >>> from ingot.extend import linear_util
    >>> @linear_util.transformation_with_aux
    ... def counted(*args):
    ...     result = yield args, {}
    ...     yield result, len(args)
    >>> fun, count = counted(linear_util.wrap_init(abs))
    >>> fun.call_wrapped(-2), count()
    (2, 1)
    """

    @functools.wraps(gen)
    def apply(fun: WrappedFun, *static: Any) -> tuple[WrappedFun, Callable[[], Any]]:
        store = Store()

        def call(*args: Any, **kwargs: Any) -> Any:
            out, aux = _run(gen(*static, *args, **kwargs), fun)
            store.store(aux)
            return out

        return WrappedFun(call, debug_info=fun.debug_info), lambda: store.val

    return apply


def transformation2(f: Callable[..., Any]) -> Callable[..., WrappedFun]:
    """Decorate a function that gets the inner function first.

    f: f(inner, *args) -> results -> a function from a WrappedFun to another.

    >>> from ingot.extend import linear_util
    >>> @linear_util.transformation2
    ... def negated(inner, *args):
    ...     return -inner(*args)
    >>> negated(linear_util.wrap_init(abs)).call_wrapped(-2)
    -2
    """

    @functools.wraps(f)
    def apply(fun: WrappedFun, *static: Any) -> WrappedFun:
        return WrappedFun(functools.partial(f, fun.call_wrapped, *static),
                          debug_info=fun.debug_info)

    return apply


def transformation_with_aux2(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function that gets the inner function first, and a `Store` of aux second.

    f: f(inner, store, *args) -> results -> a function from a WrappedFun to (another, a thunk of
    aux).

    >>> from ingot.extend import linear_util
    >>> @linear_util.transformation_with_aux2
    ... def counted(inner, store, *args):
    ...     store.store(len(args))
    ...     return inner(*args)
    >>> fun, count = counted(linear_util.wrap_init(abs))
    >>> fun.call_wrapped(-2), count()
    (2, 1)
    """

    @functools.wraps(f)
    def apply(fun: WrappedFun, *static: Any) -> tuple[WrappedFun, Callable[[], Any]]:
        store = Store()
        wrapped = WrappedFun(functools.partial(f, fun.call_wrapped, store, *static),
                             debug_info=fun.debug_info)
        return wrapped, lambda: store.val

    return apply


def merge_linear_aux(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[bool, Any]:
    """Return whichever of two auxiliary results is there.

    first, second: thunks, as transformations with aux return them -> (whether it is the first, the
    result). Raises StoreException if neither is there, or both.

    >>> from ingot.extend import linear_util
    >>> one, two = linear_util.Store(), linear_util.Store()
    >>> two.store(3)
    >>> linear_util.merge_linear_aux(lambda: one.val, lambda: two.val)
    (False, 3)
    """
    try:
        return True, first()
    except StoreException:
        return False, second()


def cache(call: Callable[..., Any], **_: Any) -> Callable[..., Any]:
    """Return the function itself: what is expensive to repeat is remembered elsewhere.

    call: a function -> the same.

    >>> from ingot.extend import linear_util
    >>> linear_util.cache(abs)(-1)
    1
    """
    return call


# ---- api_util ------------------------------------------------------------------------------------
@transformation_with_aux2
def flatten_fun(f: Any, store: Store, in_tree: PyTreeDef, *flat: Any) -> list[Any]:
    """A function of (args, kwargs) as one of their leaves; the thunk has the result's structure."""
    args, kwargs = tree_unflatten(in_tree, flat)
    leaves, tree = tree_flatten(f(*args, **kwargs))
    store.store(tree)
    return leaves


@transformation_with_aux2
def flatten_fun_nokwargs(f: Any, store: Store, in_tree: PyTreeDef, *flat: Any) -> list[Any]:
    """The same for a function of positional arguments."""
    leaves, tree = tree_flatten(f(*tree_unflatten(in_tree, flat)))
    store.store(tree)
    return leaves


def debug_info(traced_for: str, fun: Any, args: Sequence[Any] = (), kwargs: Any = None,
               **_: Any) -> DebugInfo:
    """What a function is called."""
    return DebugInfo(traced_for, getattr(fun, "__name__", str(fun)))


def flatten_axes(name: str, treedef: PyTreeDef, axis_tree: Any, **_: Any) -> list[Any]:
    """Axes given for a prefix of a tree, one for each leaf."""
    full = tree_unflatten(treedef, [0] * treedef.num_leaves)
    return broadcast_prefix(axis_tree, full, is_leaf=lambda x: x is None)


def infer_argnums_and_argnames(sig: inspect.Signature, argnums: Any, argnames: Any
                               ) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Positions and names of the same parameters, where only one of both is given."""
    nums = None if argnums is None else (
        (argnums,) if isinstance(argnums, int) else tuple(argnums))
    names = None if argnames is None else (
        (argnames,) if isinstance(argnames, str) else tuple(argnames))
    by_position = [p.name for p in sig.parameters.values()
                   if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if nums is None:
        nums = tuple(i for i, name in enumerate(by_position) if name in (names or ())
                     and sig.parameters[name].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)
    elif names is None:
        places = {n % len(by_position) for n in nums if -len(by_position) <= n < len(by_position)}
        names = tuple(name for i, name in enumerate(by_position) if i in places
                      and sig.parameters[name].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return nums, names or ()


def argnums_partial(f: WrappedFun, argnums: int | Sequence[int], args: Sequence[Any],
                    require_static_args_hashable: bool = True) -> tuple[WrappedFun, list[Any]]:
    """A function of some of its arguments, the others fixed, and those arguments."""
    nums = [argnums] if isinstance(argnums, int) else list(argnums)
    places = [n % len(args) for n in nums]

    def call(*some: Any, **kwargs: Any) -> Any:
        full = list(args)
        for place, x in zip(places, some, strict=True):
            full[place] = x
        return f.call_wrapped(*full, **kwargs)

    return WrappedFun(call, debug_info=f.debug_info), [args[p] for p in places]


__all__ = ["Store", "StoreException", "WrappedFun", "argnums_partial", "cache", "debug_info",
           "flatten_axes", "flatten_fun", "flatten_fun_nokwargs", "infer_argnums_and_argnames",
           "merge_linear_aux", "safe_map",
           "shaped_abstractify", "transformation", "transformation2", "transformation_with_aux",
           "transformation_with_aux2", "tree_structure", "wrap_init"]
