"""Calls of functions under `jit` and `vmap` that use references: their values are arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.calls import function_name
from ingot.core.references import (
    Ref,
    ReferencesUsed,
    bind_references,
    hide_references,
    is_reference,
    read_all,
    write_all,
)
from ingot.tree import tree_leaves, tree_map


@dataclass(frozen=True)
class Passed:
    """Stands for a reference among the arguments, by its number."""

    number: int


def references_in(tree: Any, name: str) -> list[Any]:
    """References among the leaves of arguments; ValueError if one is there twice."""
    refs = [x for x in tree_leaves(tree) if is_reference(x)]
    if len({id(x) for x in refs}) < len(refs):
        raise ValueError("only one reference to a mutable array may be passed as an argument to a"
                         f" function, but {name} got one twice, of type"
                         f" {next(x.aval for x in refs if sum(x is y for y in refs) > 1)}")
    return refs


class ReferenceCalls:
    """Calls of a function that is given references, or closes over them.

    make: compiles a function of (values, *args), given how many arguments precede the user's.
    """

    def __init__(self, fun: Any, make: Callable[[Any], Any]):
        self.fun, self.make = fun, make
        self.closed: list[Ref] = []
        self.compiled: Any = None

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result; references have their new values."""
        while True:
            try:
                return self._call(args, kwargs)
            except ReferencesUsed as error:
                new = [r for r in error.references if r not in self.closed]
                if not new:
                    raise
                self.closed, self.compiled = [*self.closed, *new], None

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = function_name(self.fun)
        given = references_in((args, kwargs), name)
        both = next((r for r in given if r in self.closed), None)
        if both is not None:
            raise ValueError(f"{name} closes over a reference of type {both.aval} that is an"
                             " argument as well")
        places = {id(r): i for i, r in enumerate(given)}
        args, kwargs = hide_references((args, kwargs), lambda r: Passed(places[id(r)]))
        if self.compiled is None:
            self.compiled = self.make(self._flat())
        values = [r[...] for r in given], read_all(self.closed)
        out, (finals, closed) = self.compiled(values, *args, **kwargs)
        for ref, value in zip(given, finals, strict=True):
            ref[...] = value
        write_all(self.closed, closed)
        return out

    def _flat(self) -> Any:
        closed = tuple(self.closed)

        def run(values: Any, *args: Any, **kwargs: Any) -> Any:
            made = [Ref(x) for x in values[0]]
            args, kwargs = filled((args, kwargs), made)
            finals = bind_references(closed, values[1]) if closed else list
            out = self.fun(*args, **kwargs)
            check_result(self.fun, out)
            return out, ([r[...] for r in made], finals())

        run.__name__ = function_name(self.fun)
        return run


def filled(tree: Any, refs: Sequence[Ref]) -> Any:
    """A tree with references in the places of their numbers."""
    return tree_map(lambda x: refs[x.number] if type(x) is Passed else x, tree)


def check_result(fun: Any, out: Any) -> None:
    """Raise ValueError if a function returns a reference."""
    for x in tree_leaves(out):
        if is_reference(x):
            raise ValueError(f"function {function_name(fun)} traced for jit returned a mutable"
                             f" array reference of type {x.aval}, but mutable array references"
                             " cannot be returned; return its value, ref[...]")


def with_local_references(flat: Callable[..., Any], leaves: Sequence[Any],
                          closed: Sequence[Ref] = ()) -> Callable[..., Any]:
    """A function of arrays in place of the references among its arguments; what it writes to them,
    and to those that it closes over, is seen by itself alone."""
    places = [i for i, x in enumerate(leaves) if is_reference(x)]
    if not places and not closed:
        return flat

    def run(*xs: Any) -> Any:
        bind_references(closed, read_all(closed))
        return flat(*(Ref(x) if i in places else x for i, x in enumerate(xs)))

    return run
