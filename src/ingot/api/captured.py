"""Which arrays a function closes over: in its cells, defaults, globals, and what it is bound to.

JAX makes all of them constants of the function's program, numbers among them, so that packages can
compare such programs: two of one function differ in the values of their constants alone.
"""

from __future__ import annotations

import functools
from types import CodeType, FunctionType, MethodType
from typing import Any

from ingot.core.array import Array
from ingot.tree.registry import node_type


def captured(fun: Any) -> dict[int, Array]:
    """The scalar arrays that a function can reach without being called, by their identities."""
    found: dict[int, Array] = {}
    todo, seen = [fun], {}
    while todo:
        x = todo.pop()
        if id(x) in seen:
            continue
        seen[id(x)] = x
        if type(x) is Array:
            if not x.aval.shape:
                found[id(x)] = x
        elif isinstance(x, FunctionType):
            todo += _of_function(x)
        elif isinstance(x, MethodType):
            todo += [x.__func__, x.__self__]
        elif isinstance(x, functools.partial):
            todo += [x.func, *x.args, *x.keywords.values()]
        else:
            todo += _parts(x)
            todo += [w for w in (getattr(x, "__wrapped__", None),) if callable(w)]
    return found


def _parts(x: Any) -> list[Any]:
    """What a container holds: one level, for it may hold itself, as the globals of a module do."""
    if isinstance(x, dict):
        return list(x.values())  # of keys in any order
    if isinstance(x, (list, tuple)):
        return list(x)
    kind = node_type(type(x))
    if kind is None:
        return []
    try:
        return list(kind.flatten(x)[0])
    except Exception:  # the function itself may never take it apart
        return []


def _of_function(fun: FunctionType) -> list[Any]:
    values = [*(fun.__defaults__ or ()), *(fun.__kwdefaults__ or {}).values()]
    for cell in fun.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    codes = [fun.__code__]
    while codes:  # functions inside of the function read its globals too
        code = codes.pop()
        values += [v for name in code.co_names if type(v := fun.__globals__.get(name)) is Array]
        codes += [c for c in code.co_consts if isinstance(c, CodeType)]
    return values


__all__ = ["captured"]
