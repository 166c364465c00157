"""Functions that say how they are divided over a mesh: on LLVM's names of devices, and XLA's."""

import functools
from importlib.util import find_spec

import numpy as np
import pytest

import ingot
from ingot import lax
from ingot.core.sharding_rules import parse_rule, propagate
from ingot.experimental.custom_partitioning import (
    BATCHING,
    ArrayMapping,
    CompoundFactor,
    SdyShardingRule,
    custom_partitioning,
)
from ingot.sharding import AxisType, Mesh, NamedSharding, PartitionSpec as P

BACKENDS = ["llvm", pytest.param("xla", marks=pytest.mark.skipif(
    find_spec("jaxlib") is None, reason="needs jaxlib"))]
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(8, 4)), RNG.normal(size=(4, 6))


def mesh_of(backend):
    return Mesh(np.array(ingot.devices(backend)[:4]).reshape(2, 2), ("x", "y"),
                axis_types=(AxisType.Auto,) * 2)


def divided_product(parts):
    """A product of matrices whose parts are summed over the axes that divide the inner one."""
    @custom_partitioning
    def product(a, b):
        return a @ b

    def partition(mesh, args, result):
        inner = args[0].sharding.spec[1]

        def of_parts(a, b):
            parts.append((a.shape, b.shape))
            return a @ b if inner is None else lax.psum(a @ b, inner)

        return mesh, of_parts, result.sharding, tuple(a.sharding for a in args)

    product.def_partition(partition, sharding_rule="i k, k j -> i j", reduction_factors=("k",))
    return product


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("spec_a, spec_b, shapes, out", [
    (P("x", "y"), P("y"), ((4, 2), (2, 6)), P("x")),
    (P(None, "y"), P(), ((8, 2), (2, 6)), P()),
    (P(("x", "y")), P(None, "x"), ((2, 4), (4, 6)), P(("x", "y"))),
    (P(), P("x", "y"), ((8, 2), (2, 3)), P(None, "y")),
], ids=str)
def test_parts_are_what_the_rule_says_and_the_value_is_that_of_the_whole(
        backend, spec_a, spec_b, shapes, out):
    parts, mesh = [], mesh_of(backend)
    product = divided_product(parts)
    a, b = (ingot.device_put(x, NamedSharding(mesh, s)) for x, s in ((A, spec_a), (B, spec_b)))
    for fun in (product, lambda a, b: ingot.jit(product)(a, b)):
        found = ingot.jit(lambda a, b: 2 * fun(a + 0, b))(a, b)  # noqa: B023
        np.testing.assert_allclose(found, 2 * A @ B, rtol=1e-12)
        assert found.sharding.is_equivalent_to(NamedSharding(mesh, out), 2)
    assert set(parts) == {shapes}


def test_without_several_devices_it_is_the_function_itself():
    parts = []
    product = divided_product(parts)
    for fun in (product, ingot.jit(product)):
        np.testing.assert_allclose(fun(A, B), A @ B, rtol=1e-12)
    mesh = mesh_of(None)
    inside = ingot.shard_map(product, mesh=mesh, in_specs=(P("x"), P()), out_specs=P("x"),
                             check_vma=False)
    np.testing.assert_allclose(ingot.jit(inside)(A, B), A @ B, rtol=1e-12)
    assert not parts


def test_static_arguments_trees_and_rules_that_are_functions():
    @functools.partial(custom_partitioning, static_argnums=(1,))
    def scaled(xs, factor):
        return {"sum": factor * (xs[0] + xs[1])}

    def rule(factor, mesh, args, result):
        assert (factor, dict(mesh.shape), args[0][0].shape) == (3, {"x": 2, "y": 2}, (8, 4))
        return SdyShardingRule((("i", "j"), ("i", "j")), (("i", "j"),))

    def partition(factor, mesh, args, result):
        spec = args[0][0].sharding
        return mesh, lambda xs: {"sum": factor * (xs[0] + xs[1])}, {"sum": spec}, ((spec, spec),)

    scaled.def_partition(partition, sharding_rule=rule)
    x = ingot.device_put(A, NamedSharding(mesh_of(None), P("x", "y")))
    found = ingot.jit(lambda x: scaled((x, x), 3))(x)["sum"]
    np.testing.assert_allclose(found, 6 * A, rtol=1e-15)
    assert found.sharding.spec == P("x", "y")


def test_what_does_not_fit_is_refused():
    mesh = mesh_of(None)
    x = ingot.device_put(A, NamedSharding(mesh, P("x")))
    wrong = custom_partitioning(lambda x: x)
    with pytest.raises(ValueError, match="call def_partition"):
        wrong(x)
    wrong.def_partition(lambda mesh, args, result: (
        mesh, lambda x: x, NamedSharding(mesh, P()), (args[0].sharding,)), sharding_rule="i j->i j")
    with pytest.raises(ValueError, match="Mismatch in result shapes"):
        ingot.jit(wrong)(x)
    with pytest.raises(NotImplementedError, match="custom_vjp"):
        ingot.grad(lambda x: wrong(x).sum())(x)
    with pytest.raises(NotImplementedError, match="custom_vmap"):
        ingot.vmap(wrong)(x)
    wrong.def_partition(lambda *_: None, infer_sharding_from_operands=lambda *_: None)
    with pytest.raises(NotImplementedError, match="provide sharding_rule"):
        wrong(x)


# ---- rules, as JAX reads them --------------------------------------------------------------------
@pytest.mark.parametrize("text, options, shown", [
    ("(i k) j, (i k j) -> (i k j)", {"i": 2, "k": 2, "need_replication_factors": ("k",)},
     "SdyShardingRule(((('i', 'k'), 'j'), (('i', 'k', 'j'),)), ((('i', 'k', 'j'),),),"
     " {'i': 2, 'k': 2} need_replication_factors=('k',))"),
    ("i j -> ", {}, "SdyShardingRule((('i', 'j'),), ((),), {})"),
    ("... i j, ... j k -> ... i k", {},
     "SdyShardingRule((('…0', 'i', 'j'), ('…0', 'j', 'k')), (('…0', 'i', 'k'),), {})"),
    ("i j -> i", {"reduction_factors": ("j",)},
     "SdyShardingRule((('i', 'j'),), (('i',),), {} reduction_factors=('j',))"),
])
def test_texts_are_rules(text, options, shown):
    assert str(parse_rule(text, **options)) == shown


@pytest.mark.parametrize("make, error", [
    (lambda: parse_rule("i"), "There is no -> in rule"),
    (lambda: parse_rule("(i) -> i"), "Brackets should contain at least two factors"),
    (lambda: parse_rule("i ...1 -> i"), "Ellipsis can only be used at the beginning"),
    (lambda: parse_rule("i 1 -> i"), "Factor names have to start with a letter, but got '1'"),
    (lambda: parse_rule("i j -> i", k=2), "Factor k is not used in the rule"),
    (lambda: parse_rule("i -> i", i=2), "represents a whole dimension"),
    (lambda: parse_rule("i -> i", reduction_factors=("z",)), "Factor z in reduction_factors"),
    (lambda: CompoundFactor("i"), "at least two factors"),
    (lambda: ArrayMapping(3), "must be a str or CompoundFactor"),
    (lambda: parse_rule("i j -> i", reduction_factors=("j",), need_replication_factors=("j",)),
     "can only be in one"),
])
def test_rules_of_another_form_are_refused(make, error):
    with pytest.raises(ValueError, match=error):
        make()


@pytest.mark.parametrize("rule, specs, shapes, outs, want", [
    (parse_rule("(i k) j, (i k j) -> (i k j)", i=2, k=2, need_replication_factors=("k",)),
     [P("x"), P("x")], [(4, 2), (8,)], [(8,)], ([P("x", None), P("x")], [P("x")])),
    (parse_rule("(i j) -> i j"), [P(("x", "y"))], [(8,)], [(2, 4)],
     ([P(("x", "y"))], [P("x", "y")])),
    (parse_rule("(i j) -> i j"), [P(("x", "y"))], [(8,)], [(4, 2)],
     ([P(("x", "y"))], [P(("x", "y"), None)])),
    (parse_rule("i j, j i -> i"), [P("x"), P("x", "y")], [(4, 4), (4, 4)], [(4,)],
     ([P("x", None), P(None, "x")], [P("x")])),
    (SdyShardingRule(((BATCHING, "i"),), ((BATCHING, "i"),)), [P("x", None, "y")], [(2, 3, 4)],
     [(2, 3, 4)], ([P("x", None, "y")], [P("x", None, "y")])),
], ids=str)
def test_axes_of_the_mesh_follow_factors(rule, specs, shapes, outs, want):
    assert propagate(rule, specs, shapes, outs, {"x": 2, "y": 2}) == want
