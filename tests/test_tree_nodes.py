"""Node types of pytrees: registration, dataclasses, Partial."""

import collections
import dataclasses
import functools
import pickle

import pytest

import ingot.tree as tr

try:
    import jax.tree_util as jtu
except ImportError:
    jtu = None

needs_jax = pytest.mark.skipif(jtu is None, reason="jax is the oracle of this test")

Point = collections.namedtuple("Point", "x y")


@tr.register_dataclass
@dataclasses.dataclass
class Config:
    a: object


def double(*args, **kwargs):
    return args, kwargs


# ---- registration -------------------------------------------------------------------------------
def test_registration_errors():
    for cls in (Config, tuple, tr.Partial):
        with pytest.raises(ValueError, match="already registered"):
            tr.register_pytree_node(cls, lambda x: ((), None), lambda _, c: None)
    with pytest.raises(TypeError, match="expected a class"):
        tr.register_pytree_node(3, lambda x: ((), None), lambda _, c: None)
    with pytest.raises(AttributeError):
        tr.register_pytree_node_class(type("Bare", (), {}))


@pytest.mark.parametrize("result", [[(1, 2)], None, ([1], None, 3), (5, None)])
def test_bad_flatten_functions(result):
    cls = type("Bad", (), {})
    tr.register_pytree_node(cls, lambda _: result, lambda _, c: None)
    with pytest.raises(ValueError, match=r"flatten_func of Bad must return"):
        tr.leaves(cls())


def test_bad_keyed_flatten_function():
    cls = type("Bad", (), {})
    tr.register_pytree_with_keys(cls, lambda _: ([1, 2], None), lambda _, c: None)
    with pytest.raises(ValueError, match=r"in place of a \(key, child\)"):
        tr.leaves_with_path(cls())


def test_registration_after_use():
    cls = type("Late", (), {})
    assert tr.leaves(cls()) != []
    tr.register_pytree_node(cls, lambda _: ([], None), lambda _, c: cls())
    assert tr.leaves([cls(), cls()]) == []
    pair = collections.namedtuple("LatePair", "x y")
    assert tr.leaves(pair(1, 2)) == [1, 2]
    tr.register_pytree_node(pair, lambda p: ([p.x], p.y), lambda y, c: pair(c[0], y))
    assert tr.leaves(pair(1, 2)) == [1]


def test_children_reach_unflatten_as_a_tuple():
    seen = []
    cls = type("Lazy", (), {})
    tr.register_pytree_node(cls, lambda _: (iter([1, 2]), None), lambda _, c: seen.append(c))
    tr.map(lambda x: x, cls())
    tr.map(lambda x: x, cls(), is_leaf=lambda _: False)
    assert seen == [(1, 2), (1, 2)]


def test_class_decorators():
    @tr.register_pytree_node_class
    class Simple:
        def __init__(self, x):
            self.x = x

        def tree_flatten(self):
            return (self.x,), None

        @classmethod
        def tree_unflatten(cls, _, children):
            return cls(*children)

    @tr.register_pytree_with_keys_class
    class WithKeys(Simple):
        def tree_flatten_with_keys(self):
            return ((tr.GetAttrKey("x"), self.x),), None

    assert tr.map(lambda x: x + 1, Simple(1)).x == 2
    assert tr.leaves_with_path(Simple(1)) == [((tr.FlattenedIndexKey(0),), 1)]
    assert tr.map(lambda x: x + 1, WithKeys(1)).x == 2
    assert tr.leaves_with_path(WithKeys(1)) == [((tr.GetAttrKey("x"),), 1)]


def test_fake_namedtuples():
    cls = type("Fake", (tuple,), {"_fields": ("a",)})
    assert tr.leaves(cls((1, 2))) == [1, 2]
    with pytest.raises(ValueError, match="one value per field"):
        tr.leaves_with_path(cls((1, 2)))


def test_one_level():
    numbers = [1, 2]
    children, data = tr.flatten_one_level(numbers)
    assert children == numbers and children is not numbers and data is None
    keyed = (((tr.GetAttrKey("x"), 1), (tr.GetAttrKey("y"), 2)), Point)
    assert tr.flatten_one_level_with_keys(Point(1, 2)) == keyed
    registry = tr.default_registry
    assert registry.flatten_one_level(1) is None
    assert registry.flatten_one_level_with_keys(1) is None
    everything = registry.flatten((1, None), lambda x: x is None)
    assert everything == ([1, None], tr.structure((1, 2)))
    assert registry.is_node([]) and not registry.is_node(1)
    for function in (tr.flatten_one_level, tr.flatten_one_level_with_keys):
        with pytest.raises(ValueError, match="expected a pytree node, got a leaf"):
            function(1)


def test_recursion_is_an_error_not_a_crash():
    loop = []
    loop.append(loop)
    with pytest.raises(RecursionError):
        tr.leaves(loop)


# ---- dataclasses --------------------------------------------------------------------------------
def new_dataclass(**defaults):
    fields = [(name, int, dataclasses.field(default=value)) for name, value in defaults.items()]
    return dataclasses.make_dataclass("New", fields)


DATACLASS_ARGUMENTS = [
    dict(data_fields=["a"], meta_fields=["b"]),
    dict(data_fields=["b", "a"], meta_fields=[]),
    dict(data_fields=["a"], meta_fields=[], drop_fields=["b"]),
    dict(),
    dict(data_fields=["a"], meta_fields=[]),
    dict(data_fields=["a", "c"], meta_fields=["b"]),
    dict(data_fields=["a", "b"]),
    dict(meta_fields=["b"]),
    dict(data_fields=["a", "b"], meta_fields=["b"]),
    dict(drop_fields=["b"]),
]


@needs_jax
@pytest.mark.parametrize("arguments", DATACLASS_ARGUMENTS, ids=str)
def test_register_dataclass_agrees_with_jax(arguments):
    def run(api):
        cls = new_dataclass(a=1, b=2)
        try:
            assert api.register_dataclass(cls, **arguments) is cls
        except (TypeError, ValueError) as error:
            return type(error)
        leaves, treedef = api.tree_flatten(cls(5, 7))
        paths = [repr(path) for path, _ in api.tree_leaves_with_path(cls(5, 7))]
        return leaves, repr(treedef), paths, repr(api.tree_map(lambda x: x, cls(5, 7)))

    assert run(tr) == run(jtu)


def test_register_dataclass_errors():
    with pytest.raises(ValueError, match=r"missing \['b'\], unexpected \['c'\]"):
        tr.register_dataclass(new_dataclass(a=1, b=2), ["a", "c"], [])
    with pytest.raises(ValueError, match=r"named once, got \['b'\]"):
        tr.register_dataclass(new_dataclass(a=1, b=2), ["a", "b"], ["b"])
    with pytest.raises(TypeError, match="given together"):
        tr.register_dataclass(new_dataclass(a=1, b=2), ["a"])
    with pytest.raises(TypeError, match="not a dataclass"):
        tr.register_dataclass(type("Bare", (), {}))
    with pytest.raises(TypeError, match="expected a class"):
        tr.register_dataclass(new_dataclass(a=1)())


def test_register_dataclass_forms():
    @tr.register_dataclass
    @dataclasses.dataclass
    class Bare:
        x: int
        name: str = tr.static(default="p", metadata={"more": 1})
        y: int = dataclasses.field(default=0, kw_only=True)

    assert tr.map(lambda x: x + 1, Bare(1, "q", y=5)) == Bare(2, "q", y=6)
    assert repr(tr.structure(Bare(1))) == "PyTreeDef(CustomNode(Bare[('p',)], [*, *]))"

    @functools.partial(tr.register_dataclass, data_fields=["a"], meta_fields=["b"])
    class NotDataclass:
        def __init__(self, a, b):
            self.a, self.b = a, b

    moved = tr.map(lambda x: x + 1, NotDataclass(1, 2))
    assert (moved.a, moved.b) == (2, 2)


def test_static_fields_helper():
    field = tr.static(default=1, metadata={"unit": "m"})
    assert dict(field.metadata) == {"unit": "m", "static": True} and field.default == 1


# ---- Partial ------------------------------------------------------------------------------------
def test_partial():
    partial = tr.Partial(double, 1, x=2)
    assert (partial.func, partial.args, partial.keywords) == (double, (1,), {"x": 2})
    assert partial(3, y=4) == ((1, 3), {"x": 2, "y": 4})
    moved = tr.map(lambda x: x + 1, partial)
    assert type(moved) is tr.Partial and moved() == ((2,), {"x": 3})
    assert pickle.loads(pickle.dumps(partial))(3) == partial(3)
    assert tr.structure(partial) == tr.structure(tr.Partial(double, 5, x=6))
    assert tr.structure(partial) != tr.structure(tr.Partial(max, 5, x=6))
    with pytest.raises(TypeError):
        tr.Partial(3)
    keyword_named_func = tr.Partial(double, func=3)
    assert keyword_named_func() == ((), {"func": 3})


def test_partial_of_partial_keeps_the_inner_arguments_static():
    inner = functools.partial(double, 1)
    for base in (inner, tr.Partial(double, 1)):
        outer = tr.Partial(base, 2)
        assert tr.leaves(outer) == [2] and outer(3) == ((1, 2, 3), {})
        assert outer.func == base and hash(outer.func) == hash(base)
        assert tr.structure(outer) == tr.structure(tr.Partial(base, 9))
        assert tr.map(lambda x: x, outer).func is outer.func
        assert tr.leaves(pickle.loads(pickle.dumps(outer))) == [2]
    assert tr.structure(tr.Partial(inner)) != tr.structure(tr.Partial(functools.partial(double, 1)))
    assert isinstance(functools.partial(tr.Partial(double, 1), 2), functools.partial)


def test_subclasses_of_partial_are_leaves():
    cls = type("Sub", (tr.Partial,), {})
    assert tr.treedef_is_strict_leaf(tr.structure(cls(max, 1)))
