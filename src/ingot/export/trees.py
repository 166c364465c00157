"""Structures of arguments and results in serialized programs, and types that users register."""

from __future__ import annotations

import collections
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from ingot.export.schema import TREE_KINDS
from ingot.tree import PyTreeDef, tree_structure
from ingot.tree.registry import NODES

T = TypeVar("T", bound=type)


class _Registered(NamedTuple):
    """How nodes of a type are written and read."""

    nodetype: type
    name: str
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]
    build: Callable[[Any, Sequence[Any]], Any]


_by_type: dict[type, _Registered] = {}
_by_name: dict[str, _Registered] = {}


def register_pytree_node_serialization(
        nodetype: T, *, serialized_name: str, serialize_auxdata: Callable[[Any], bytes],
        deserialize_auxdata: Callable[[bytes], Any],
        from_children: Callable[[Any, Sequence[Any]], Any] | None = None) -> T:
    """Say how nodes of a registered type are written into and read from serialized programs.

    nodetype: the class. serialized_name: what stands for it there. serialize_auxdata,
    deserialize_auxdata: its static data as bytes, and back. from_children: builds a node from its
    data and children, by default as registered -> the class. Raises ValueError if the class or the
    name has been registered before, or if the class is no registered node.

    >>> class Pair: pass
    >>> _ = ingot.tree.register_pytree_node(Pair, lambda p: ((), None), lambda data, xs: Pair())
    >>> export.register_pytree_node_serialization(
    ...     Pair, serialized_name="Pair", serialize_auxdata=lambda data: b"",
    ...     deserialize_auxdata=lambda data: None).__name__
    'Pair'
    """
    if nodetype in _by_type:
        raise ValueError(f"Duplicate serialization registration for type `{nodetype}`, which is"
                         f" written as `{_by_type[nodetype].name}`")
    if serialized_name in _by_name:
        raise ValueError("Duplicate serialization registration for serialized_name"
                         f" `{serialized_name}`, which stands for"
                         f" `{_by_name[serialized_name].nodetype}`")
    if from_children is None:
        kind = NODES.get(nodetype)
        if kind is None or kind.inferred:
            raise ValueError("If `from_children` is not present, you must call"
                             f" `register_pytree_node` for `{nodetype}` first")
        from_children = kind.unflatten
    entry = _Registered(nodetype, serialized_name, serialize_auxdata, deserialize_auxdata,
                        from_children)
    _by_type[nodetype] = _by_name[serialized_name] = entry
    return nodetype


def register_namedtuple_serialization(nodetype: Any, *, serialized_name: str) -> Any:
    """Say by which name a namedtuple stands in serialized programs.

    nodetype: the class. serialized_name: what stands for it; where it is read, the class of this
    name must have the same fields -> the class. Raises ValueError if it is no namedtuple, or if it
    or the name has been registered before.

    >>> import collections
    >>> Point = collections.namedtuple("Point", "x y")
    >>> export.register_namedtuple_serialization(Point, serialized_name="Point").__name__
    'Point'
    """
    fields = getattr(nodetype, "_fields", None)
    if not issubclass(nodetype, tuple) or fields is None:
        raise ValueError("Use `register_pytree_node_serialization` for types that are no"
                         f" namedtuples, as {nodetype}")
    return register_pytree_node_serialization(
        nodetype, serialized_name=serialized_name,
        serialize_auxdata=lambda _: json.dumps(fields).encode(),
        deserialize_auxdata=lambda data: json.loads(data.decode()),
        from_children=lambda keys, xs: nodetype(**dict(zip(keys, xs, strict=True))))


def _write_keys(keys: Sequence[Any]) -> bytes:
    if not all(isinstance(k, str) for k in keys):
        raise NotImplementedError("a collections.OrderedDict is serialized only if its keys are"
                                  f" strings, got {keys}")
    return json.dumps(keys).encode()


register_pytree_node_serialization(
    collections.OrderedDict, serialized_name="collections.OrderedDict",
    serialize_auxdata=_write_keys, deserialize_auxdata=lambda data: json.loads(data.decode()))


# ---- trees ---------------------------------------------------------------------------------------
def write_tree(tree: PyTreeDef) -> dict[str, Any]:
    """Return a structure as a table. Raises TypeError for keys that are no strings, ValueError for
    types that are not registered."""
    data, children = tree.node_data(), [write_tree(c) for c in tree.children()]
    table: dict[str, Any] = {"children": children or None}
    if data is None:
        return {"kind": TREE_KINDS["leaf"]}
    kind, static = data
    if kind is dict:
        for key in static:
            if not isinstance(key, str):
                raise TypeError("Serialization is supported only for dictionaries with string keys,"
                                f" got {key!r} of type {type(key).__name__}")
        table |= {"kind": TREE_KINDS["dict"], "children_names": list(static) or None}
    elif kind in (tuple, list, type(None)):
        table["kind"] = TREE_KINDS["none" if kind is type(None) else kind.__name__]
    elif kind in _by_type:
        entry = _by_type[kind]
        written = entry.write(static)
        if not isinstance(written, (bytes, bytearray)):
            raise ValueError(f"serialize_auxdata of {kind} must return bytes, got"
                             f" {type(written).__name__}")
        table |= {"kind": TREE_KINDS["custom"], "custom_name": entry.name,
                  "custom_auxdata": bytes(written)}
    else:
        raise ValueError(f"Cannot serialize a structure that contains the unregistered type"
                         f" `{kind}`; register it by `register_pytree_node_serialization` or"
                         " `register_namedtuple_serialization`")
    return table


def read_tree(table: dict[str, Any], leaves: Sequence[Any]) -> PyTreeDef:
    """Return the structure of a table; nodes of users' types are built of these leaves.

    Raises ValueError for types that are not registered, and unless there are as many leaves.
    """
    rest = iter(leaves)
    found = tree_structure(_node(table, rest))
    if found.num_leaves != len(leaves):
        raise ValueError(f"the structure {found} is not that of {len(leaves)} arrays")
    return found


def _node(table: dict[str, Any], leaves: Iterator[Any]) -> Any:
    kind = table["kind"] or 0
    children = [_node(c, leaves) for c in table["children"] or ()]
    if kind == TREE_KINDS["leaf"]:
        try:
            return next(leaves)
        except StopIteration:
            raise ValueError("a structure has more leaves than there are arrays") from None
    if kind == TREE_KINDS["none"]:
        return None
    if kind in (TREE_KINDS["tuple"], TREE_KINDS["list"]):
        return tuple(children) if kind == TREE_KINDS["tuple"] else children
    if kind == TREE_KINDS["dict"]:
        return dict(zip(table["children_names"] or (), children, strict=True))
    entry = _by_name.get(table["custom_name"])
    if kind != TREE_KINDS["custom"] or entry is None:
        raise ValueError("Cannot deserialize a structure that contains the unregistered type"
                         f" `{table['custom_name']}` (kind {kind}); register it by"
                         " `register_pytree_node_serialization` or"
                         " `register_namedtuple_serialization`")
    return entry.build(entry.read(table["custom_auxdata"] or b""), children)


__all__ = ["read_tree", "register_namedtuple_serialization", "register_pytree_node_serialization",
           "write_tree"]
