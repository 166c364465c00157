"""Pytrees: nested containers of arrays, taken apart into leaves and a structure and put together.

`ingot.tree.map(f, tree)` and the like are the short names; `tree_map` and the like are the same
functions under their long names, those of `ingot.tree_util`.
"""

from ingot.tree.flattening import (
    tree_flatten,
    tree_flatten_with_path,
    tree_leaves,
    tree_structure,
)
from ingot.tree.functions import (
    PyTreeRegistry,
    all_leaves,
    broadcast_flattened_prefix,
    broadcast_prefix,
    default_registry,
    equality_errors,
    equality_errors_pytreedef,
    generate_key_paths,
    prefix_errors,
    tree_all,
    tree_broadcast,
    tree_leaves_with_path,
    tree_map,
    tree_map_with_path,
    tree_reduce,
    tree_reduce_associative,
    tree_transpose,
)
from ingot.tree.keys import (
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    KeyEntry,
    KeyPath,
    SequenceKey,
    keystr,
)
from ingot.tree.nodes import (
    Partial,
    register_dataclass,
    register_static,
    static,
)
from ingot.tree.registry import (
    flatten_one_level,
    flatten_one_level_with_keys,
    is_tree_node,
    register_pytree_node,
    register_pytree_node_class,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
)
from ingot.tree.treedef import (
    PyTreeDef,
    tree_unflatten,
    treedef_children,
    treedef_is_leaf,
    treedef_is_strict_leaf,
    treedef_tuple,
)
from ingot.util import renamed

all = renamed(tree_all, "all", __name__)
broadcast = renamed(tree_broadcast, "broadcast", __name__)
flatten = renamed(tree_flatten, "flatten", __name__)
flatten_with_path = renamed(tree_flatten_with_path, "flatten_with_path", __name__)
leaves = renamed(tree_leaves, "leaves", __name__)
leaves_with_path = renamed(tree_leaves_with_path, "leaves_with_path", __name__)
map = renamed(tree_map, "map", __name__)
map_with_path = renamed(tree_map_with_path, "map_with_path", __name__)
reduce = renamed(tree_reduce, "reduce", __name__)
reduce_associative = renamed(tree_reduce_associative, "reduce_associative", __name__)
structure = renamed(tree_structure, "structure", __name__)
transpose = renamed(tree_transpose, "transpose", __name__)
unflatten = renamed(tree_unflatten, "unflatten", __name__)

__all__ = [
    "DictKey",
    "FlattenedIndexKey",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "Partial",
    "PyTreeDef",
    "PyTreeRegistry",
    "SequenceKey",
    "all",
    "all_leaves",
    "broadcast",
    "broadcast_flattened_prefix",
    "broadcast_prefix",
    "default_registry",
    "equality_errors",
    "equality_errors_pytreedef",
    "flatten",
    "flatten_one_level",
    "flatten_one_level_with_keys",
    "flatten_with_path",
    "generate_key_paths",
    "is_tree_node",
    "keystr",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "prefix_errors",
    "reduce",
    "reduce_associative",
    "register_dataclass",
    "register_pytree_node",
    "register_pytree_node_class",
    "register_pytree_with_keys",
    "register_pytree_with_keys_class",
    "register_static",
    "static",
    "structure",
    "transpose",
    "tree_all",
    "tree_broadcast",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_with_path",
    "tree_reduce",
    "tree_reduce_associative",
    "tree_structure",
    "tree_transpose",
    "tree_unflatten",
    "treedef_children",
    "treedef_is_leaf",
    "treedef_is_strict_leaf",
    "treedef_tuple",
    "unflatten",
]
