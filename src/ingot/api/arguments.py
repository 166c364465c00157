"""Arguments of user functions: which are static, how they are flattened, what they are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.calls import called
from ingot.control.tracing import function_name
from ingot.core.interpreter import Tracer, is_number, to_array, unconverted
from ingot.core.references import ReferencePassed
from ingot.tree import (
    PyTreeDef,
    SequenceKey,
    keystr,
    tree_flatten,
    tree_flatten_with_path,
    tree_unflatten,
)


def check_callable(transform: str, fun: Any) -> None:
    """Raise TypeError unless the first argument of a transformation is a function."""
    if not callable(fun):
        raise TypeError(
            f"{transform}: expected a callable, got {fun!r:.60} of type {type(fun).__name__};"
            f" write {transform}(f)(x), not {transform}(f(x))"
        )
    if isinstance(fun, (staticmethod, classmethod)) or inspect.isgeneratorfunction(fun):
        raise TypeError(f"{transform}: expected a function that returns its results, got"
                        f" {fun!r:.60}; a decorator of methods goes outside, and generators must"
                        " be collected")


def signature_of(fun: Any) -> inspect.Signature | None:
    """The signature of a function, None where Python cannot tell."""
    try:
        return inspect.signature(fun)
    except (ValueError, TypeError):
        return None


def argument_name(fun: Any, path: Sequence[Any]) -> str:
    """How a message names a place in `(args, kwargs)`: `x['a'][0]`."""
    which, *rest = path
    if not rest:
        return "the arguments"
    signature = signature_of(fun)
    if which.idx == 1:
        return f"{rest[0].key}{keystr(rest[1:])}"
    parameters = list(signature.parameters.values()) if signature else []
    i = rest[0].idx
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if i < len(positional):
        return f"{positional[i].name}{keystr(rest[1:])}"
    variadic = next((p for p in parameters if p.kind == p.VAR_POSITIONAL), None)
    if variadic is not None:
        return f"{variadic.name}[{i - len(positional)}]{keystr(rest[1:])}"
    return f"args[{i}]{keystr(rest[1:])}"


def argument_names(fun: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> list[str]:
    """A name for each leaf of the arguments."""
    pairs, _ = tree_flatten_with_path((tuple(args), kwargs))
    return [argument_name(fun, path) for path, _ in pairs]


def to_arrays(transform: str, fun: Any, args: Sequence[Any], kwargs: dict[str, Any],
              leaves: Sequence[Any], which: Sequence[bool] | None = None) -> list[Any]:
    """The leaves of the arguments as arrays, those marked in `which` if it is given; TypeError
    names the one that is none."""
    out = []
    for i, leaf in enumerate(leaves):
        if which is not None and not which[i]:
            out.append(leaf)
            continue
        try:
            out.append(to_array(leaf))
        except ReferencePassed:
            raise
        except TypeError:
            name = argument_names(fun, args, kwargs)[i]
            if isinstance(leaf, np.ndarray):
                dtypes.supported(leaf.dtype, f"{transform} of {function_name(fun)}, {name}")
            if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
                shape = f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"
                raise TypeError(f"Argument '{name}' of shape {shape} of type {type(leaf)} is not a"
                                f" valid JAX type. {transform} of {function_name(fun)} needs a"
                                " value: pass an array, or call eval_shape") from None
            remedy = "mark it as static (static_argnames), or close over it"
            if is_dataclass(leaf):
                remedy += ", or make its class a pytree with tree_util.register_dataclass"
            got = unconverted(leaf, f"for {name}", remedy)
            raise TypeError(f"{transform}: arguments of {function_name(fun)} must be arrays,"
                            f" numbers or pytrees of them, got {got}") from None
    return out


# ---- static arguments ---------------------------------------------------------------------------
def as_tuple(x: Any, kind: type) -> tuple[Any, ...]:
    """One thing or several as a tuple."""
    if x is None:
        return ()
    if isinstance(x, kind):
        return (x,)
    if kind is int and hasattr(x, "__index__"):
        return (x.__index__(),)
    if isinstance(x, (int, float, str)) or not isinstance(x, Iterable):
        name, other = ("argnums", "argnames") if kind is int else ("argnames", "argnums")
        raise TypeError(f"{name} must be of type {kind.__name__} or several of them, got {x!r:.60};"
                        f" {other} is the other way to name arguments")
    return tuple(x)


class ArgumentSelector:
    """Which arguments are static: positions and names, each completed from the other through the
    signature. Splits calls into static values and the rest, and joins them again."""

    def __init__(self, transform: str, fun: Any, argnums: int | Iterable[int] | None,
                 argnames: str | Iterable[str] | None):
        self.fun, self.transform = fun, transform
        nums, names = as_tuple(argnums, int), as_tuple(argnames, str)
        signature = signature_of(fun) if nums or names else None
        if signature is not None:
            nums, names = _resolve(transform, fun, signature, nums, names,
                                   both=argnums is not None and argnames is not None)
        self.nums, self.names = nums, frozenset(names)
        self.some = bool(nums or names)

    def split(self, args: tuple[Any, ...], kwargs: dict[str, Any]
              ) -> tuple[tuple[Any, ...], dict[str, Any], tuple[Any, ...]]:
        """Dynamic positional and keyword arguments, and the static ones as a key."""
        if not self.some:
            return args, kwargs, ()
        n = len(args)
        nums = {i + n if i < 0 else i for i in self.nums}
        static = [(i, args[i]) for i in sorted(nums) if i < n]
        static += [(k, kwargs[k]) for k in sorted(self.names & kwargs.keys())]
        dynamic = tuple(x for i, x in enumerate(args) if i not in nums)
        rest = {k: v for k, v in kwargs.items() if k not in self.names}
        return dynamic, rest, tuple((where, type(v), v) for where, v in static)

    @staticmethod
    def join(args: Sequence[Any], kwargs: dict[str, Any], static: tuple[Any, ...]
             ) -> tuple[list[Any], dict[str, Any]]:
        """Undo `split`."""
        args, kwargs = list(args), dict(kwargs)
        for where, _, value in static:
            if isinstance(where, str):
                kwargs[where] = value
            else:
                args.insert(where, value)
        return args, kwargs

    def check_hashable(self, static: tuple[Any, ...]) -> None:
        """Raise ValueError that names a static argument that cannot be a key of the cache."""
        for where, cls, value in static:
            try:
                hash(value)
            except TypeError:
                name = where if isinstance(where, str) else argument_name(
                    self.fun, (SequenceKey(0), SequenceKey(where)))
                remedy = ("make the argument that it comes from static in the outer function, too"
                          if isinstance(value, Tracer) else
                          "use a tuple" if cls in (list, set, dict) else
                          "pass arrays as ordinary arguments" if hasattr(value, "dtype") else
                          "give its class __hash__ and __eq__")
                raise ValueError(
                    f"{self.transform}: Non-hashable static arguments are not supported, got"
                    f" {value!r:.60} of type {cls.__name__} for {name} of"
                    f" {function_name(self.fun)}; {remedy}"
                ) from None


def _resolve(transform: str, fun: Any, signature: inspect.Signature, nums: tuple[int, ...],
             names: tuple[str, ...], both: bool) -> tuple[tuple[int, ...], tuple[str, ...]]:
    parameters = list(signature.parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    variadic = any(p.kind == p.VAR_POSITIONAL for p in parameters)
    n, title = len(positional), f"{transform} of {function_name(fun)}{signature}"
    if not variadic:
        bad = [i for i in nums if not -n <= i < n]
        if bad:
            raise ValueError(f"{title}: argument numbers {bad} are out of range; the function takes"
                             f" {n} positional arguments")
        nums = tuple(i + n if i < 0 else i for i in nums)
    known = {p.name for p in parameters}
    unnamed = {p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)}
    if unnamed & set(names):
        raise ValueError(f"{title}: {sorted(unnamed & set(names))} cannot be passed by name; give"
                         " their numbers")
    unknown = [s for s in names if s not in known]
    if unknown and not any(p.kind == p.VAR_KEYWORD for p in parameters):
        raise ValueError(f"{title}: no argument is called {', '.join(map(repr, unknown))};"
                         f" it has {sorted(known)}")
    if not both:
        by_name = {p.name: i for i, p in enumerate(positional) if p.kind == p.POSITIONAL_OR_KEYWORD}
        nums = (*nums, *(by_name[s] for s in names if s in by_name and by_name[s] not in nums))
        names = (*names, *(s for s, i in by_name.items() if i in nums and s not in names))
    return nums, names


# ---- flat functions -----------------------------------------------------------------------------
class FlatFunction:
    """A user function on flat lists of leaves; knows the structure of its result after a call."""

    out_tree: PyTreeDef

    def __init__(self, transform: str, fun: Callable[..., Any], in_tree: PyTreeDef,
                 static: tuple[Any, ...] = ()):
        self.transform, self.fun = transform, fun
        self.in_tree, self.static = in_tree, static

    def __call__(self, *leaves: Any) -> list[Any]:
        """Leaves of the result, for leaves of (args, kwargs)."""
        args, kwargs = tree_unflatten(self.in_tree, leaves)
        if self.static:
            args, kwargs = ArgumentSelector.join(args, kwargs, self.static)
        result = called(self.transform, self.fun, args, kwargs)
        out, self.out_tree = flatten_result(self.transform, self.fun, result)
        return out


def flatten_result(transform: str, fun: Any, result: Any, numbers: bool = False
                   ) -> tuple[list[Any], PyTreeDef]:
    """Leaves of a result as arrays, and its structure; TypeError names a leaf that is no array.

    With `numbers`, Python numbers stay what they are.
    """
    leaves, tree = tree_flatten(result)
    out = []
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Tracer) or (numbers and is_number(leaf)):
            out.append(leaf)
            continue
        try:
            out.append(to_array(leaf))
        except ReferencePassed:
            raise
        except TypeError:
            path = tree_flatten_with_path(result)[0][i][0]
            at = f" at result{keystr(path)}" if path else ""
            why = (f". A {type(leaf).__name__} does not have a value and cannot be used as a"
                   " constant" if hasattr(leaf, "shape") and hasattr(leaf, "dtype") else "")
            raise TypeError(
                f"{transform}: {function_name(fun)} must return arrays, numbers or pytrees of them,"
                f" got {leaf!r:.60} of type {type(leaf).__name__}{at}; return it from outside the"
                f" transformed function{why}"
            ) from None
    return out, tree
