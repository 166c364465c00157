"""Pytrees: laws of the structures, texts of the errors, and agreement with JAX's tree_util."""

import collections
import copy
import dataclasses
import gc
import pickle
import weakref
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import ingot.tree as tr
from ingot.tree import treedef as structures

try:
    import jax.tree_util as jtu
    from jax._src import tree_util as jtu_private
except ImportError:
    jtu = None

needs_jax = pytest.mark.skipif(jtu is None, reason="jax is the oracle of this test")

Point = collections.namedtuple("Point", "x y")
SamePoint = collections.namedtuple("Point", "x y")


class Typed(NamedTuple):
    left: object
    right: object = 2


class Plain:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return type(other) is type(self) and (self.x, self.y) == (other.x, other.y)

    __hash__ = None

    def __repr__(self):
        return f"{type(self).__name__}({self.x}, {self.y})"


class Keyed(Plain):
    pass


class Unhashable(Plain):
    """Its static data is a list."""


@dataclasses.dataclass
class Config:
    a: object
    b: object = dataclasses.field(default=0, metadata={"static": True})
    c: object = 3


@dataclasses.dataclass(frozen=True)
class Static:
    value: object


class SubTuple(tuple):
    pass


class SubList(list):
    pass


class SubDict(dict):
    pass


class SubOrdered(collections.OrderedDict):
    pass


@dataclasses.dataclass
class Unregistered:
    a: int


def _register(api):
    api.register_pytree_node(Plain, lambda p: ((p.x, p.y), "aux"), lambda _, c: Plain(*c))
    api.register_pytree_with_keys(
        Keyed,
        lambda p: (((api.GetAttrKey("x"), p.x), ("why", p.y)), None),
        lambda _, c: Keyed(*c),
    )
    api.register_pytree_node(
        Unhashable, lambda p: ([p.x], [p.y]), lambda aux, c: Unhashable(c[0], aux[0])
    )
    api.register_dataclass(Config)
    api.register_static(Static)


_register(tr)
if jtu is not None:
    _register(jtu)


def double(*args, **kwargs):
    return args, kwargs


def to_jax(tree):
    """The same tree with JAX's Partial in place of ours; other types are registered with both."""
    if isinstance(tree, tr.Partial):
        return jtu.Partial(tree.func, *map(to_jax, tree.args), **tree.keywords)
    return tree


OD, DD = collections.OrderedDict, collections.defaultdict
TREES = [
    1,
    None,
    (),
    [],
    {},
    (1,),
    (1, 2, 3),
    [1, [2]],
    [None, (None,), []],
    {"b": 1, "a": (2, None)},
    {2: 1, 1: 2},
    {True: 1},
    {1.0: 1},
    {(1, 2): 1, (0, 3): 2},
    OD([("b", 1), ("a", 2)]),
    OD(),
    DD(list, {"b": 1, "a": [2]}),
    DD(None, {"b": 1}),
    Point(1, [2]),
    Typed(1),
    Plain(1, (2, None)),
    Keyed([1, 2], {"k": 3}),
    Unhashable(1, 2),
    Config(1, 2, {"z": 3}),
    Static(4),
    tr.Partial(double, 1, (2, 3), key=3),
    tr.Partial(max),
    (SubTuple((1, 2)), SubList([1]), SubDict(a=1), SubOrdered(a=1), Unregistered(1)),
    {"w": [Point(1, None), {"q": (Plain(1, Static(2)), Config((), "s"))}], "v": OD(a=[[]])},
]
ids = [str(i) for i in range(len(TREES))]


# ---- one tree -----------------------------------------------------------------------------------
@pytest.mark.parametrize("tree", TREES, ids=ids)
def test_roundtrip(tree):
    leaves, treedef = tr.flatten(tree)
    again = tr.unflatten(treedef, iter(leaves))
    assert tr.flatten(again) == (leaves, treedef)
    assert type(again) is type(tree)
    if not isinstance(tree, tr.Partial):
        assert again == tree
    assert tr.leaves(tree) == leaves and tr.structure(tree) == treedef
    assert treedef.num_leaves == len(leaves)
    assert treedef.flatten_up_to(tree) == leaves
    assert hash(treedef) == hash(tr.structure(tree))
    mapped = tr.map(lambda x, y: (x, y), tree, tree, is_leaf=lambda _: False)
    assert treedef.flatten_up_to(mapped) == [(leaf, leaf) for leaf in leaves]


@pytest.mark.parametrize("tree", TREES, ids=ids)
def test_paths_lead_to_leaves(tree):
    pairs, treedef = tr.flatten_with_path(tree)
    assert [leaf for _, leaf in pairs] == tr.leaves(tree)
    assert treedef == tr.structure(tree)
    assert len({path for path, _ in pairs}) == len(pairs)
    assert tr.leaves_with_path(tree) == tr.generate_key_paths(tree) == pairs


@pytest.mark.parametrize("tree", TREES, ids=ids)
def test_structure_methods(tree):
    treedef = tr.structure(tree)
    children = treedef.children()
    assert tr.treedef_children(treedef) == children
    assert treedef.num_nodes == 1 + sum(child.num_nodes for child in children)
    assert tr.treedef_is_leaf(treedef) == (treedef.num_nodes == 1)
    assert tr.treedef_is_strict_leaf(treedef) == (treedef.node_data() is None)
    assert treedef.compose(tr.structure(0)) == treedef
    assert tr.structure(0).compose(treedef) == treedef
    assert treedef.compose(tr.structure((0, [0]))).num_leaves == 2 * treedef.num_leaves
    count = treedef.walk(lambda children, _: 1 + sum(children), lambda _: 1, tr.leaves(tree))
    assert count == treedef.num_nodes
    assert tr.treedef_tuple([treedef, treedef]) == tr.structure((tree, tree))
    assert copy.copy(treedef) == copy.deepcopy(treedef) == treedef
    assert pickle.loads(pickle.dumps(treedef)) == treedef


@needs_jax
@pytest.mark.parametrize("tree", TREES, ids=ids)
def test_agrees_with_jax(tree):
    theirs = to_jax(tree)
    leaves, treedef = tr.flatten(tree)
    expected_leaves, expected = jtu.tree_flatten(theirs)
    assert leaves == expected_leaves
    assert repr(treedef) == str(treedef) == repr(expected)
    assert (treedef.num_leaves, treedef.num_nodes) == (expected.num_leaves, expected.num_nodes)
    assert repr(treedef.children()) == repr(expected.children())
    assert tr.treedef_is_leaf(treedef) == jtu.treedef_is_leaf(expected)
    data, expected_data = treedef.node_data(), expected.node_data()
    assert (data and data[1]) == (expected_data and expected_data[1])
    if not isinstance(tree, tr.Partial):
        assert data == expected_data
    pairs, expected_pairs = tr.leaves_with_path(tree), jtu.tree_leaves_with_path(theirs)
    assert [repr(path) for path, _ in pairs] == [repr(path) for path, _ in expected_pairs]
    for simple, separator in [(False, ""), (True, ""), (True, "/"), (False, ".")]:
        assert [tr.keystr(p, simple=simple, separator=separator) for p, _ in pairs] == [
            jtu.keystr(p, simple=simple, separator=separator) for p, _ in expected_pairs
        ]
    assert tr.is_tree_node(type(tree)) == jtu.is_tree_node(type(theirs))
    assert tr.all_leaves([tree]) == jtu.all_leaves([theirs])
    if tr.is_tree_node(type(tree)):
        children, data = tr.flatten_one_level(tree)
        expected_children, expected_data = jtu.flatten_one_level(theirs)
        assert (list(children), data) == (list(expected_children), expected_data)


@needs_jax
def test_exports_every_name_of_jax():
    import jax.tree

    have = set(dir(tr))
    assert {n for n in dir(jtu) if not n.startswith("_")} <= have
    assert {n for n in dir(jax.tree) if not n.startswith("_")} <= have


# ---- two trees ----------------------------------------------------------------------------------
PAIRS = [
    ((1, 2), (1, 2, 3)),
    ((1, 2), [1, 2]),
    ([1], [1, 2]),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": 1, "b": 2}),
    ([1, {"a": (1, 2)}], [1, {"a": (1,)}]),
    (None, 1),
    (1, None),
    ((), None),
    ([None], [()]),
    ((1, 2), 3),
    ((1,), (None,)),
    ((1, 2), (None, (3, 4))),
    (Point(1, 2), (1, 2)),
    (Point(1, 2), SamePoint(1, 2)),
    ((1, 2), Point(1, 2)),
    (OD(a=1), {"a": 1}),
    (OD(a=1, b=2), OD(b=2, a=1)),
    (DD(int, a=1), DD(list, a=1)),
    (DD(int, a=1), {"a": 1}),
    (Plain(1, 2), Keyed(1, 2)),
    (Keyed(1, [2]), Keyed(1, [2, 3])),
    (Unhashable(1, 2), Unhashable(1, 2)),
    (Unhashable(1, 2), Unhashable(1, 3)),
    (Config(1, 2), Config(1, 3)),
    (Config(1, 2, [3]), Config(1, 2, (3,))),
    (Config(1), 4),
    (Static(1), Static(2)),
    (Static(1), Static(1)),
    (1, Static(2)),
    ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"d": 2}}),
    (((1, 2), [1], {"a": 1}), ((1,), [1, 2], {"b": 1})),
    ((1, (2, 3)), ((1, 2), 3)),
    (tr.Partial(max, 1), tr.Partial(min, 1)),
    ({1: 1}, {True: 1}),
]


def outcome(function, *args):
    try:
        return function(*args)
    except ValueError:
        return "ValueError"


def collect(*args):
    return args[-2:]


def ours_up_to(left, right):
    return tr.structure(left).flatten_up_to(right)


def theirs_up_to(left, right):
    return jtu.tree_structure(left).flatten_up_to(right)


@needs_jax
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_pairs_agree_with_jax(pair):
    for left, right in [pair, pair[::-1], (pair[0], pair[0])]:
        jleft, jright = to_jax(left), to_jax(right)
        ours, theirs = tr.structure(left), jtu.tree_structure(jleft)
        other, jother = tr.structure(right), jtu.tree_structure(jright)
        assert (ours == other) == (theirs == jother)
        if ours == other:
            assert hash(ours) == hash(other)
        if not isinstance(left, tr.Partial):
            for f, g in [
                (tr.map, jtu.tree_map),
                (tr.map_with_path, jtu.tree_map_with_path),
            ]:
                assert outcome(f, collect, left, right) == outcome(g, collect, jleft, jright)
            for f, g in [
                (tr.broadcast, jtu.tree_broadcast),
                (tr.broadcast_prefix, jtu_private.broadcast_prefix),
                (ours_up_to, theirs_up_to),
            ]:
                assert outcome(f, left, right) == outcome(g, jleft, jright)
        assert len(tr.prefix_errors(left, right)) == len(jtu_private.prefix_errors(jleft, jright))
        for errors, jerrors in [
            (tr.equality_errors(left, right), jtu_private.equality_errors(jleft, jright)),
            (
                tr.equality_errors_pytreedef(ours, other),
                jtu_private.equality_errors_pytreedef(theirs, jother),
            ),
        ]:
            assert [repr(e[0]) for e in errors] == [repr(e[0]) for e in jerrors]


# ---- random trees -------------------------------------------------------------------------------
KEYS = st.text("abc", max_size=2)
trees = st.recursive(
    st.integers(0, 3) | st.none() | st.builds(Static, st.integers(0, 1)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3).map(OD)
        | st.dictionaries(KEYS, inner, max_size=3).map(lambda d: DD(int, d))
        | st.builds(Point, inner, inner)
        | st.builds(Keyed, inner, inner)
        | st.builds(Config, inner, st.integers(0, 1), inner)
    ),
    max_leaves=12,
)


@given(trees, trees)
@settings(max_examples=150, deadline=None)
def test_random_trees(first, second):
    leaves, treedef = tr.flatten(first)
    assert tr.unflatten(treedef, leaves) == first
    assert tr.flatten(first, is_leaf=lambda _: False) == (leaves, treedef)
    assert tr.structure(first) is treedef or "Static" in repr(treedef)
    assert tr.flatten_with_path(first)[1] == treedef
    same = treedef == tr.structure(second)
    assert same == (not list(tr.equality_errors(first, second)))
    assert same == (not list(tr.equality_errors_pytreedef(treedef, tr.structure(second))))
    assert bool(tr.prefix_errors(first, second)) == (
        outcome(treedef.flatten_up_to, second) == "ValueError"
    )
    if jtu is not None:
        assert (leaves, repr(treedef)) == (jtu.tree_leaves(first), repr(jtu.tree_structure(first)))
        pairs = zip(tr.leaves_with_path(first), jtu.tree_leaves_with_path(first), strict=True)
        for (path, leaf), (jpath, jleaf) in pairs:
            assert (repr(path), leaf) == (repr(jpath), jleaf)


@given(trees, trees, trees)
@settings(max_examples=60, deadline=None)
def test_random_composition(outer, inner, extra):
    composed = tr.map(lambda _: inner, outer)
    treedef = tr.structure(outer).compose(tr.structure(inner))
    assert tr.structure(composed) == treedef
    assert tr.structure(outer).flatten_up_to(composed) == [inner] * tr.structure(outer).num_leaves
    full = tr.broadcast(outer, composed)
    assert tr.structure(full) == treedef
    assert tr.leaves(full) == tr.broadcast_prefix(outer, composed)
    flat = tr.broadcast_flattened_prefix(tr.leaves(outer), tr.structure(outer), treedef)
    assert flat == tr.leaves(full)
    if tr.leaves(outer) and tr.leaves(inner):
        swapped = tr.transpose(tr.structure(outer), tr.structure(inner), composed)
        assert tr.structure(swapped) == tr.structure(inner).compose(tr.structure(outer))
        assert tr.transpose(tr.structure(inner), tr.structure(outer), swapped) == composed


# ---- identity of structures ---------------------------------------------------------------------
def test_equal_structures_are_one_object():
    for make in (
        lambda: (1, [2, None], {"a": 1, "b": ()}),
        lambda: Point(1, Config(1, "s")),
        lambda: [Config(1, (2, "x", None)), Config(1, True)],
        lambda: {i: i for i in range(100)},
    ):
        assert tr.structure(make()) is tr.structure(make())
    assert tr.structure((1, 2), is_leaf=lambda x: False) is tr.structure((1, 2))
    assert tr.treedef_tuple([tr.structure(0)] * 2) is tr.structure((1, 2))
    assert pickle.loads(pickle.dumps(tr.structure([1, (2,)]))) is tr.structure([1, (2,)])


def test_equal_keys_of_other_types_are_kept_apart():
    for keys in ([True], [1], [1.0], [0, True], [False, 1], ["a"]):
        rebuilt = tr.unflatten(tr.structure(dict.fromkeys(keys, 0)), keys)
        assert [type(key) for key in rebuilt] == [type(key) for key in keys]
    for value in (1, True, 1.0, 0.0, -0.0, "1", (1, ("a", 0)), (1, ("a", False)), (True, ("a", 0))):
        rebuilt = tr.map(lambda x: x, Config(0, value))
        assert repr(rebuilt.b) == repr(value)
    assert tr.structure(Config(0, ((1,),))) is tr.structure(Config(0, ((1,),)))
    assert tr.structure(Config(0, 1)) == tr.structure(Config(0, True))
    assert hash(tr.structure({1: 0})) == hash(tr.structure({True: 0}))


def test_structures_do_not_keep_static_objects_alive():
    def closure():
        pass

    tr.structure([tr.Partial(closure, 1)])
    ref = weakref.ref(closure)
    del closure
    gc.collect()
    assert ref() is None


def test_structures_in_use_are_found_again_by_their_data():
    def closure():
        pass

    shared, count = Plain(1, 2), len(structures._LIVING)
    kept = [tr.structure([Config(0, shared, closure)]), tr.structure(Config(0, shared))]
    assert tr.structure([Config(0, shared, closure)]) is kept[0]
    assert tr.structure(Config(0, shared)) is kept[1]
    other = Plain(1, 2)
    assert tr.structure([Config(0, other, closure)]) is not kept[0]
    assert tr.structure([Config(0, other, closure)]) == kept[0]
    assert tr.structure([Config(0, 3)]) != kept[0]
    rebuilt = tr.unflatten(tr.structure(Config(0, other)), [0, 0])
    assert rebuilt.b is other
    assert len(structures._LIVING) > count
    del kept, rebuilt
    gc.collect()
    assert len(structures._LIVING) <= count


def test_emptied_table_keeps_equality(monkeypatch):
    before = tr.structure({"x": (1, [2])})
    monkeypatch.setattr(structures, "_TABLE", {})
    after = tr.structure({"x": (1, [2])})
    assert before is not after and before == after and hash(before) == hash(after)
    monkeypatch.setattr(structures, "_TABLE_LIMIT", 3)
    for size in range(20):
        assert tr.structure([[0] * size]) == tr.structure([[0] * size])


def test_structure_is_immutable():
    treedef = tr.structure((1, 2))
    for name in ("num_leaves", "_data", "new"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(treedef, name, 1)
    with pytest.raises(AttributeError, match="immutable"):
        del treedef.num_leaves
    with pytest.raises(TypeError, match="no constructor"):
        tr.PyTreeDef()
    assert treedef != 3 and treedef is not None
    assert weakref.ref(treedef)() is treedef
