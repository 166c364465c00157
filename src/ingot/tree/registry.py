"""Which Python types are pytree nodes, and how each is taken apart and put together."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ingot.tree.keys import DictKey, FlattenedIndexKey, GetAttrKey, KeyEntry, SequenceKey

Children = Sequence[Any]
T = TypeVar("T", bound=type)


class NodeType:
    """How one registered type is flattened, rebuilt, keyed and printed.

    flatten(node) -> (children, data); unflatten(data, children) -> node;
    keys(data, count) -> the keys of the children;
    keyed(node) -> (keys, children, data), only where the keys depend on more than `data`;
    label(data) -> the text in front of the children in a treedef's repr.
    """

    __slots__ = ("cls", "flatten", "inferred", "keyed", "keys", "label", "unflatten")

    def __init__(
        self,
        cls: type,
        flatten: Callable[[Any], tuple[Children, Any]],
        unflatten: Callable[[Any, Children], Any],
        *,
        keys: Callable[[Any, int], Sequence[KeyEntry]] | None = None,
        keyed: Callable[[Any], tuple[Children, Children, Any]] | None = None,
        label: Callable[[Any], str] | None = None,
        inferred: bool = False,
    ):
        self.cls = cls
        self.flatten = flatten
        self.unflatten = unflatten
        self.keys = keys or _index_keys
        self.keyed = keyed
        self.label = label or (lambda data: f"{cls.__name__}[{data}]")
        self.inferred = inferred  # found to be a namedtuple, not registered: may be registered yet

    def flatten_with_keys(self, node: Any) -> tuple[Sequence[KeyEntry], Children, Any]:
        """The keys, the children and the data of a node."""
        if self.keyed is not None:
            return self.keyed(node)
        children, data = self.flatten(node)
        return self.keys(data, len(children)), children, data

    def keys_from_data(self, data: Any, count: int) -> Sequence[KeyEntry]:
        """The keys of the children of a node known by its data alone."""
        if self.keyed is None:
            return self.keys(data, count)
        # A type that computes its keys can only be asked through an instance. Messages must not
        # fail because such a type refuses strange children, so then the indices have to do.
        try:
            keys = self.keyed(self.unflatten(data, tuple(object() for _ in range(count))))[0]
        except Exception:
            return _index_keys(data, count)
        return keys if len(keys) == count else _index_keys(data, count)


def _index_keys(_: Any, count: int) -> Sequence[KeyEntry]:
    return [FlattenedIndexKey(i) for i in range(count)]


def _sequence_keys(_: Any, count: int) -> Sequence[KeyEntry]:
    return [SequenceKey(i) for i in range(count)]


def _dict_keys(data: Any, _: int) -> Sequence[KeyEntry]:
    return [DictKey(key) for key in data]


def _flatten_dict(node: dict[Any, Any]) -> tuple[Children, tuple[Any, ...]]:
    try:
        keys = tuple(sorted(node))
    except Exception:
        types = ", ".join(sorted({type(key).__name__ for key in node}))
        raise ValueError(
            f"tree_flatten: dict keys must be sortable, got keys of type {types}: {list(node)}; "
            "use keys of one ordered type, or an OrderedDict, which keeps its own order"
        ) from None
    return tuple(map(node.__getitem__, keys)), keys


def _flatten_defaultdict(node: defaultdict[Any, Any]) -> tuple[Children, Any]:
    children, keys = _flatten_dict(node)
    return children, (node.default_factory, keys)


TUPLE = NodeType(tuple, lambda node: (node, None), lambda _, xs: tuple(xs), keys=_sequence_keys)
LIST = NodeType(list, lambda node: (node, None), lambda _, xs: list(xs), keys=_sequence_keys)
DICT = NodeType(
    dict, _flatten_dict, lambda keys, xs: dict(zip(keys, xs, strict=True)), keys=_dict_keys
)
NONE = NodeType(type(None), lambda _: ((), None), lambda _, __: None)

_ORDERED = NodeType(
    OrderedDict,
    lambda node: (tuple(node.values()), tuple(node)),
    lambda keys, xs: OrderedDict(zip(keys, xs, strict=True)),
    keys=_dict_keys,
)
_DEFAULT = NodeType(
    defaultdict,
    _flatten_defaultdict,
    lambda data, xs: defaultdict(data[0], zip(data[1], xs, strict=True)),
    keys=lambda data, count: _dict_keys(data[1], count),
)

# NODES is the registry. LEAF_TYPES remembers types already found not to be nodes, so that a
# container of leaves is recognized by one set operation; it is only a cache and may be emptied.
NODES: dict[type, NodeType] = {
    kind.cls: kind for kind in (TUPLE, LIST, DICT, NONE, _ORDERED, _DEFAULT)
}
LEAF_TYPES: set[type] = set()
_LEAF_TYPES_LIMIT = 4096


def node_type(cls: type) -> NodeType | None:
    """The NodeType of a Python type, or None when its instances are leaves."""
    found = NODES.get(cls)
    return found if found is not None or cls in LEAF_TYPES else _classify(cls)


def _classify(cls: type) -> NodeType | None:
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return NODES.setdefault(cls, _namedtuple(cls))
    if len(LEAF_TYPES) >= _LEAF_TYPES_LIMIT:
        LEAF_TYPES.clear()
    LEAF_TYPES.add(cls)
    if cls in NODES:  # another thread registered it meanwhile
        LEAF_TYPES.discard(cls)
    return NODES.get(cls)


def _namedtuple(cls: Any) -> NodeType:
    def keys(_: Any, count: int) -> Sequence[KeyEntry]:
        if len(cls._fields) != count:
            raise ValueError(
                f"tree_flatten_with_path: a namedtuple must have one value per field, "
                f"got {count} values for {cls.__name__}{cls._fields}"
            )
        return [GetAttrKey(name) for name in cls._fields]

    return NodeType(
        cls,
        lambda node: (tuple(node), None),
        lambda _, xs: cls(*xs),
        keys=keys,
        label=lambda _: f"namedtuple[{cls.__name__}]",
        inferred=True,
    )


# ---- registration -------------------------------------------------------------------------------
def add_node_type(kind: NodeType) -> None:
    """Enter a NodeType into the registry; raises ValueError if its class is already there."""
    if not isinstance(kind.cls, type):
        raise TypeError(f"register_pytree_node: expected a class, got {kind.cls!r}")
    old = NODES.get(kind.cls)
    if old is not None and not old.inferred:
        raise ValueError(f"register_pytree_node: {kind.cls} is already registered as a pytree node")
    NODES[kind.cls] = kind
    LEAF_TYPES.discard(kind.cls)


def _pair(result: Any, cls: type, function: str) -> tuple[tuple[Any, ...], Any]:
    if type(result) is not tuple or len(result) != 2:
        raise ValueError(
            f"tree_flatten: {function} of {cls.__name__} must return a tuple of two, "
            f"(children, data), got {result!r}"
        )
    children, data = result
    try:
        return tuple(children), data
    except TypeError as error:
        raise ValueError(
            f"tree_flatten: {function} of {cls.__name__} must return (children, data) with "
            f"iterable children, got {result!r}"
        ) from error


def _checked_flatten(cls: type, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def flatten(node: Any) -> tuple[Children, Any]:
        result = function(node)
        if type(result) is tuple and len(result) == 2 and type(result[0]) is tuple:
            return result
        return _pair(result, cls, "flatten_func")

    return flatten


def _checked_keyed(cls: type, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def keyed(node: Any) -> tuple[Children, Children, Any]:
        pairs, data = _pair(function(node), cls, "flatten_with_keys")
        for pair in pairs:
            if type(pair) is not tuple or len(pair) != 2:
                raise ValueError(
                    f"tree_flatten: flatten_with_keys of {cls.__name__} must return "
                    f"((key, child), ...) and data, got {pair!r} in place of a (key, child)"
                )
        return tuple(key for key, _ in pairs), tuple(child for _, child in pairs), data

    return keyed


def register_pytree_node(
    nodetype: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_with_keys_func: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Make the instances of a class nodes of pytrees; subclasses are not included.

    nodetype: the class. flatten_func: flatten_func(node) -> (children, data), where `data` is
    hashable and compared by ==. unflatten_func: unflatten_func(data, children) -> node, with
    `children` a tuple of any objects. flatten_with_keys_func: flatten_with_keys_func(node) ->
    (((key, child), ...), data), for the keys of paths. Raises ValueError if the class is registered
    already.

    >>> class Pair:
    ...     def __init__(self, a, b): self.a, self.b = a, b
    >>> ingot.tree.register_pytree_node(
    ...     Pair, lambda p: ((p.a, p.b), None), lambda _, xs: Pair(*xs))
    >>> ingot.tree.leaves(Pair(1, 2))
    [1, 2]
    """
    keyed = flatten_with_keys_func and _checked_keyed(nodetype, flatten_with_keys_func)
    flatten = _checked_flatten(nodetype, flatten_func)
    add_node_type(NodeType(nodetype, flatten, unflatten_func, keyed=keyed))


def register_pytree_with_keys(
    nodetype: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]] | None = None,
) -> None:
    """Make the instances of a class nodes of pytrees whose children have keys.

    nodetype: the class. flatten_with_keys: flatten_with_keys(node) -> (((key, child), ...), data).
    unflatten_func: unflatten_func(data, children) -> node. flatten_func: flatten_func(node) ->
    (children, data), a faster way to the same children, if there is one. Raises ValueError if the
    class is registered already.

    >>> class Box:
    ...     def __init__(self, item): self.item = item
    >>> ingot.tree.register_pytree_with_keys(
    ...     Box, lambda b: (((ingot.tree.GetAttrKey("item"), b.item),), None),
    ...     lambda _, xs: Box(*xs))
    >>> ingot.tree.keystr(ingot.tree.leaves_with_path(Box(1))[0][0])
    '.item'
    """
    if flatten_func is not None:
        register_pytree_node(nodetype, flatten_func, unflatten_func, flatten_with_keys)
        return
    keyed = _checked_keyed(nodetype, flatten_with_keys)
    add_node_type(NodeType(nodetype, lambda node: keyed(node)[1:], unflatten_func, keyed=keyed))


def register_pytree_node_class(cls: T) -> T:
    """Make the instances of a class nodes of pytrees by its own methods.

    cls: a class with a method tree_flatten(self) -> (children, data) and a classmethod
    tree_unflatten(cls, data, children); usable as a decorator -> the class. Raises AttributeError
    if it lacks one of them, ValueError if it is registered already.

    >>> @ingot.tree.register_pytree_node_class
    ... class Wrapped:
    ...     def __init__(self, x): self.x = x
    ...     def tree_flatten(self): return (self.x,), None
    ...     @classmethod
    ...     def tree_unflatten(cls, data, children): return cls(*children)
    >>> ingot.tree.leaves(Wrapped(1))
    [1]
    """
    register_pytree_node(cls, cls.tree_flatten, cls.tree_unflatten)
    return cls


def register_pytree_with_keys_class(cls: T) -> T:
    """Make the instances of a class keyed nodes of pytrees by its own methods.

    cls: a class with a method tree_flatten_with_keys(self) -> (((key, child), ...), data) and a
    classmethod tree_unflatten(cls, data, children); its method tree_flatten is used too where there
    is one. Usable as a decorator -> the class. Raises AttributeError if it lacks a required method,
    ValueError if it is registered already.

    >>> @ingot.tree.register_pytree_with_keys_class
    ... class Keyed:
    ...     def __init__(self, x): self.x = x
    ...     def tree_flatten_with_keys(self): return (("x", self.x),), None
    ...     @classmethod
    ...     def tree_unflatten(cls, data, children): return cls(*children)
    >>> ingot.tree.leaves_with_path(Keyed(1))
    [(('x',), 1)]
    """
    flatten = getattr(cls, "tree_flatten", None)
    register_pytree_with_keys(cls, cls.tree_flatten_with_keys, cls.tree_unflatten, flatten)
    return cls


# ---- one level ----------------------------------------------------------------------------------
def is_tree_node(cls: Any) -> bool:
    """Tell whether instances of a class are nodes of pytrees.

    cls: a class -> a bool.

    >>> ingot.tree.is_tree_node(dict), ingot.tree.is_tree_node(int)
    (True, False)
    """
    return isinstance(cls, type) and node_type(cls) is not None


def _require_node(tree: Any, operation: str) -> NodeType:
    kind = node_type(type(tree))
    if kind is None:
        raise ValueError(f"{operation}: expected a pytree node, got a leaf of type {type(tree)}")
    return kind


def _public_data(kind: NodeType, data: Any) -> Any:
    return kind.cls if kind.inferred else data


def flatten_one_level(tree: Any) -> tuple[Children, Any]:
    """Take a node apart into its children and its data.

    tree: a pytree that is no leaf -> (children, data). Raises ValueError if it is a leaf.

    >>> ingot.tree.flatten_one_level({"b": 1, "a": (2, 3)})
    (((2, 3), 1), ('a', 'b'))
    """
    kind = _require_node(tree, "flatten_one_level")
    children, data = kind.flatten(tree)
    return children[:], _public_data(kind, data)


def flatten_one_level_with_keys(tree: Any) -> tuple[Children, Any]:
    """Take a node apart into its children with their keys, and its data.

    tree: a pytree that is no leaf -> (((key, child), ...), data). Raises ValueError if it is a
    leaf.

    >>> ingot.tree.flatten_one_level_with_keys([5])
    (((SequenceKey(idx=0), 5),), None)
    """
    kind = _require_node(tree, "flatten_one_level_with_keys")
    keys, children, data = kind.flatten_with_keys(tree)
    return tuple(zip(keys, children, strict=True)), _public_data(kind, data)
