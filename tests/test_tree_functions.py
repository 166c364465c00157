"""Functions over pytrees: leaf predicates, paths, reductions, and errors that name the place."""

import collections
import dataclasses
import pickle

import pytest

import ingot.tree as tr

try:
    import jax.tree_util as jtu
except ImportError:
    jtu = None

needs_jax = pytest.mark.skipif(jtu is None, reason="jax is the oracle of this test")

DD, OD = collections.defaultdict, collections.OrderedDict


class Keyed:
    def __init__(self, x, y):
        self.x, self.y = x, y


tr.register_pytree_with_keys(
    Keyed,
    lambda p: (((tr.GetAttrKey("x"), p.x), ("why", p.y)), None),
    lambda _, c: Keyed(*c),
)


@tr.register_dataclass
@dataclasses.dataclass
class Config:
    a: object
    b: object = tr.static(default=0)
    c: object = 3


@tr.register_static
@dataclasses.dataclass(frozen=True)
class Static:
    value: object


# ---- is_leaf and paths --------------------------------------------------------------------------
def test_is_leaf():
    tree = (None, [1, None], {"a": ()})
    assert tr.leaves(tree, is_leaf=lambda x: x is None) == [None, 1, None]
    assert tr.leaves(tree, is_leaf=lambda x: isinstance(x, list)) == [[1, None]]
    assert tr.leaves(tree, is_leaf=lambda _: None) == [1]
    assert tr.map(lambda x, y: (x, y), [None, 1], [5, 2], is_leaf=lambda x: x is None) == [
        (None, 5),
        (1, 2),
    ]
    for answer in (1, "x", [], 0):
        with pytest.raises(ValueError, match="is_leaf must return a bool"):
            tr.leaves(tree, is_leaf=lambda _: answer)  # noqa: B023
    assert not tr.all_leaves([None]) and tr.all_leaves([None], is_leaf=lambda x: x is None)
    assert not tr.all_leaves([(1,)], is_leaf=lambda x: x is None)


def test_is_leaf_takes_path():
    seen = []
    tr.leaves_with_path(
        (None, (1,)), is_leaf=lambda p, x: seen.append((p, x)), is_leaf_takes_path=True
    )
    one = tr.SequenceKey(1)
    zero = tr.SequenceKey(0)
    assert seen == [((), (None, (1,))), ((zero,), None), ((one,), (1,)), ((one, zero), 1)]
    pairs = tr.leaves_with_path({"a": [1]}, is_leaf=lambda x: isinstance(x, list))
    assert pairs == [((tr.DictKey("a"),), [1])]


def test_map_with_path():
    result = tr.map_with_path(lambda p, x, y: (tr.keystr(p), x, y), {"a": [1]}, {"a": [(2,)]})
    assert result == {"a": [("['a'][0]", 1, (2,))]}
    with pytest.raises(ValueError, match=r"tree_map_with_path: .*rest\[0\]\['a'\]"):
        tr.map_with_path(lambda *_: 0, {"a": [1]}, {"a": (1,)})


def test_keys():
    keys = [tr.DictKey("a"), tr.SequenceKey(1), tr.GetAttrKey("x"), tr.FlattenedIndexKey(3)]
    assert pickle.loads(pickle.dumps(keys)) == keys
    assert len(set(keys + [tr.SequenceKey(idx=1), tr.DictKey(1)])) == 5
    with pytest.raises(AttributeError):
        keys[0].key = 1
    assert tr.keystr([*keys, "foo", 5], simple=True, separator="/") == "a/1/x/3/foo/5"
    assert tr.keystr(()) == ""


# ---- reduce, transpose --------------------------------------------------------------------------
def test_reduce():
    assert tr.reduce(lambda x, y: x + y, (1, 2, (3,))) == 6
    assert tr.reduce(lambda x, y: (x, y), (1,), None) == (None, 1)
    assert tr.reduce(lambda x, y: x + y, (), 5) == 5
    with pytest.raises(TypeError, match="tree_reduce: .* initializer"):
        tr.reduce(lambda x, y: x, ())
    with pytest.raises(TypeError, match="tree_reduce_associative: .* needs `identity`"):
        tr.reduce_associative(lambda x, y: x, ())
    assert tr.reduce_associative(lambda x, y: x, (), identity=7) == 7
    assert tr.all((1, None)) and not tr.all((1, 0)) and tr.all(())


@needs_jax
@pytest.mark.parametrize("count", range(1, 12))
def test_reduce_associative_shape(count):
    leaves = [str(i) for i in range(count)]
    ours = tr.reduce_associative(lambda x, y: f"({x}{y})", leaves)
    assert ours == jtu.tree_reduce_associative(lambda x, y: f"({x}{y})", leaves)


def test_transpose():
    outer, inner = tr.structure((0, 0)), tr.structure({"a": 0, "b": 0})
    tree = ({"a": 1, "b": 2}, {"a": 3, "b": 4})
    assert tr.transpose(outer, inner, tree) == {"a": (1, 3), "b": (2, 4)}
    assert tr.transpose(outer, None, tree) == {"a": (1, 3), "b": (2, 4)}
    assert tr.transpose(tr.structure([0, 0]), None, [1, 2]) == [1, 2]
    assert tr.transpose(tr.structure(()), inner, ()) == {"a": (), "b": ()}
    assert tr.transpose(outer, tr.structure(()), ((), ())) == ()
    with pytest.raises(TypeError, match=r"tree_transpose: the tree must have the structure"):
        tr.transpose(outer, inner, ({"a": 1}, {"a": 2}))
    with pytest.raises(ValueError, match="give inner_treedef"):
        tr.transpose(tr.structure(()), None, ())


# ---- errors name the place ----------------------------------------------------------------------
def test_mismatch_messages():
    def message(left, right):
        with pytest.raises(ValueError) as info:
            tr.map(lambda x, y: 0, left, right)
        with pytest.raises(ValueError, match="flatten_up_to: the treedef must be a prefix"):
            tr.structure(left).flatten_up_to(right)
        return str(info.value).partition("; ")[2]

    assert message([1, {"a": (1, 2)}], [1, {"a": (1,)}]) == (
        "at rest[0][1]['a'] expected a tuple of length 2, got a tuple of length 1 "
        "(the lengths differ)"
    )
    assert message({"a": 1}, {"b": 1}) == (
        "at rest[0] expected a dict with the keys ['a'], got a dict with the keys ['b'] "
        "(Dict key mismatch: missing ['a'], unexpected ['b'])"
    )
    assert "got a leaf of type int (the types differ)" in message((1,), 3)
    assert "None has no leaves, pass is_leaf" in message((None,), (1,))
    assert "rest[0].a expected" in message(Config([1]), Config((1,)))
    assert "static data (2,), got a " in message(Config(1, 2), Config(1, 3))
    assert "a dict with 20 keys" in message(dict.fromkeys(range(20)), 1)
    assert "rest[0]why expected" in message(Keyed(1, [2]), Keyed(1, (2,)))
    with pytest.raises(ValueError, match=r"at rest\[1\]\[0\] expected"):
        tr.map(lambda *_: 0, [[1]], [[1]], [(1,)])
    with pytest.raises(ValueError, match=r"tree_broadcast: .* at full_tree\[1\] expected"):
        tr.broadcast((1, [2]), (1, 2))
    [make_error] = tr.prefix_errors((1, [2]), (1, (2,)))
    assert "at in_axes[1] expected a list of length 1" in str(make_error("in_axes"))
    # what stands below a leaf of the prefix is not looked at
    assert len(tr.prefix_errors((1, [2]), ({1: 0, "a": 0}, 2))) == 1


def test_strange_keyed_types_do_not_break_messages():
    class Strict:
        def __init__(self, x):
            if not isinstance(x, (int, list)):
                raise TypeError("an int or a list")
            self.x = x

    tr.register_pytree_with_keys(Strict, lambda s: ((("x", s.x),), None), lambda _, c: Strict(*c))
    first, second = tr.structure(Strict([1])), tr.structure(Strict([1, 2]))
    [(path, *_)] = tr.equality_errors_pytreedef(first, second)
    assert path == (tr.FlattenedIndexKey(0),)


def test_unflatten_errors():
    treedef = tr.structure((1, 2))
    with pytest.raises(ValueError, match=r"tree_unflatten: the number of leaves must be 2, got 1"):
        tr.unflatten(treedef, [1])
    with pytest.raises(ValueError, match=r"got 3 for PyTreeDef\(\(\*, \*\)\)"):
        treedef.unflatten(range(3))
    with pytest.raises(ValueError, match="walk: the number of leaves"):
        treedef.walk(lambda children, _: 0, None, [1])
    with pytest.raises(TypeError, match="expected a PyTreeDef first"):
        tr.unflatten((1,), treedef)
    with pytest.raises(TypeError, match="treedef_tuple: expected PyTreeDefs"):
        tr.treedef_tuple([1])
    with pytest.raises(TypeError, match="compose: expected a PyTreeDef"):
        treedef.compose(1)


def test_unsortable_keys():
    for tree in ({1: 0, "a": 0}, [{1j: 0, 2j: 0}], DD(int, {1: 0, "a": 0})):
        with pytest.raises(ValueError, match="dict keys must be sortable"):
            tr.leaves(tree)
        with pytest.raises(ValueError, match="dict keys must be sortable"):
            tr.leaves_with_path(tree)
    assert tr.leaves(OD([(1, 5), ("a", 6)])) == [5, 6]


def test_incomparable_static_data_is_explained():
    class Array:
        def __eq__(self, other):
            class Elementwise:
                def __bool__(self):
                    raise ValueError("ambiguous")

            return Elementwise()

        __hash__ = None

    with pytest.raises(ValueError, match="make array-valued fields children"):
        assert tr.structure(Static(Array())) == tr.structure(Static(Array()))
