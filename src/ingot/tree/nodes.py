"""Nodes built on the registry: dataclasses, static objects, Partial."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Self, TypeVar

from ingot.tree.keys import GetAttrKey
from ingot.tree.registry import NodeType, add_node_type, register_pytree_node
from ingot.util import update_wrapper

T = TypeVar("T", bound=type)


# ---- register_dataclass -------------------------------------------------------------------------
def register_dataclass(
    nodetype: T,
    data_fields: Sequence[str] | None = None,
    meta_fields: Sequence[str] | None = None,
    drop_fields: Sequence[str] = (),
) -> T:
    """Make a dataclass a pytree node: data fields are children, meta fields are static data.

    nodetype: the dataclass; usable as a decorator. data_fields, meta_fields: names, which go
    together; without them, the fields marked `static()` are meta and the others data. drop_fields:
    names that are left out; the constructor gives them their defaults -> the class. Raises
    ValueError if the fields are not those of the constructor, TypeError if they have to be given
    and are not.

    >>> import dataclasses
    >>> @ingot.tree.register_dataclass
    ... @dataclasses.dataclass
    ... class Point: x: float; name: str = ingot.tree.static(default="p")
    >>> ingot.tree.map(lambda x: 2 * x, Point(1.0))
    Point(x=2.0, name='p')
    """
    if not isinstance(nodetype, type):
        raise TypeError(f"register_dataclass: expected a class, got {nodetype!r}")
    if data_fields is None and meta_fields is None:
        data_fields, meta_fields = _infer_fields(nodetype)
    if data_fields is None or meta_fields is None:
        raise TypeError("register_dataclass: data_fields and meta_fields must be given together, "
                        f"got {data_fields=} and {meta_fields=}")
    data, meta = tuple(data_fields), tuple(meta_fields)
    _check_fields(nodetype, data, meta, tuple(drop_fields))
    add_node_type(_dataclass_type(nodetype, data, meta))
    return nodetype


def _dataclass_type(nodetype: Any, data: tuple[str, ...], meta: tuple[str, ...]) -> NodeType:
    """The node type of a dataclass with these fields."""
    get_data, get_meta = _getter(data), _getter(meta)
    keys = [GetAttrKey(name) for name in data]
    return NodeType(
        nodetype,
        lambda node: (get_data(node), get_meta(node)),
        lambda values, xs: nodetype(
            **dict(zip(meta, values, strict=True)), **dict(zip(data, xs, strict=True))),
        keys=lambda _, __: keys)


def static(**options: Any) -> Any:
    """Make a dataclass field that `register_dataclass` takes as static data.

    options: those of Python's `dataclasses.field` -> a field.

    >>> ingot.tree.static(default=1).metadata["static"]
    True
    """
    metadata = {"static": True, **(options.pop("metadata", None) or {})}
    return dataclasses.field(**options, metadata=metadata)


def _infer_fields(nodetype: type) -> tuple[list[str], list[str]]:
    if not dataclasses.is_dataclass(nodetype):
        raise TypeError(
            "register_dataclass: data_fields and meta_fields must be given for a class that is "
            f"not a dataclass, got {nodetype}"
        )
    fields = dataclasses.fields(nodetype)
    meta = [field.name for field in fields if field.metadata.get("static", False)]
    return [field.name for field in fields if field.name not in meta], meta


def _check_fields(nodetype: type, data: Sequence[str], meta: Sequence[str], drop: Any) -> None:
    twice = [name for name, count in Counter([*data, *meta]).items() if count > 1]
    if twice:
        raise ValueError(f"register_dataclass: each field must be named once, got {twice} again")
    if not dataclasses.is_dataclass(nodetype):
        return
    given = {*data, *meta}
    wanted = {field.name for field in dataclasses.fields(nodetype) if field.init} - set(drop)
    if given != wanted:
        raise ValueError(
            "register_dataclass: data_fields and meta_fields must be the fields of the constructor "
            f"of {nodetype.__name__}, missing {sorted(wanted - given)}, unexpected "
            f"{sorted(given - wanted)}; name those to be left out in drop_fields"
        )


def _getter(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda node: tuple([getattr(node, name) for name in names])


# ---- register_static ----------------------------------------------------------------------------
def register_static(cls: T) -> T:
    """Make the instances of a class nodes without leaves: each is its own static data.

    cls: a class whose instances are hashable and comparable by ==; usable as a decorator -> the
    class. Raises ValueError if it is registered already.

    >>> @ingot.tree.register_static
    ... class Name(str): pass
    >>> ingot.tree.leaves((Name("weights"), 1.0))
    [1.0]
    """
    register_pytree_node(cls, lambda node: ((), node), lambda node, _: node)
    return cls


# ---- Partial ------------------------------------------------------------------------------------
class Partial(functools.partial):
    """A `functools.partial` that is a pytree node: the function is static, the arguments children.

    A Partial of a Partial keeps the inner one, with its arguments, as its static function.

    >>> add_two = ingot.tree_util.Partial(lambda x, y: x + y, 2)
    >>> add_two(3)
    5
    """

    def __new__(cls, func: Callable[..., Any], /, *args: Any, **keywords: Any) -> Self:
        """A Partial of func with these arguments; another partial is kept whole, not merged."""
        # functools.partial would merge the inner arguments, static so far, into the children.
        if isinstance(func, functools.partial):
            func = _StaticFunction(func)
        return super().__new__(cls, func, *args, **keywords)


class _StaticFunction:
    """A callable equal to the one it holds, but not a functools.partial."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        update_wrapper(self, function)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self.function(*args, **keywords)

    def __eq__(self, other: object) -> bool:
        return self.function == (other.function if isinstance(other, _StaticFunction) else other)

    def __hash__(self) -> int:
        return hash(self.function)

    def __repr__(self) -> str:
        return f"_StaticFunction({self.function!r})"


register_pytree_node(
    Partial,
    lambda partial: ((partial.args, partial.keywords), partial.func),
    lambda func, xs: Partial(func, *xs[0], **xs[1]),
)
