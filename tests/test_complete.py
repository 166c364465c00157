"""Nothing is left out: every primitive has rows for every kind of dtype, every slot is filled."""

from pathlib import Path

import pytest

from examples import Example
from harness import program
from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import LINEAR, REGISTRY, SLOTS, ZERO, NoRule, PythonFallback
from rows import import_all, rows_by_primitive

import_all()
KINDS = {"b": "bool", "i": "int64", "u": "uint32", "f": "float64", "c": "complex128"}


# What has no value before an exported program is called: tests that export programs run it.
EXPORTED = {"dim_as_value": "test_export_shapes.py", "platform_index": "test_export.py"}
# What runs whole programs that it is given, or has no result.
PROGRAMS = {"call_exported": "test_export.py", "run_by_xla": "test_extend.py",
            "inspect_sharding": "test_debug_output.py"}


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_has_rows(name: str) -> None:
    if name in EXPORTED:
        assert isinstance(REGISTRY[name].eval, NoRule)
    if name in EXPORTED | PROGRAMS:
        assert Path(__file__).with_name((EXPORTED | PROGRAMS)[name]).exists()
    elif not rows_by_primitive().get(name):
        pytest.fail(f"{name}: no row in tests/examples/ runs this primitive")


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_slot_is_filled(name: str, slot: str) -> None:
    rule = getattr(REGISTRY[name], slot)
    if isinstance(rule, (NoRule, PythonFallback)):
        assert len(rule.reason) > 5, f"{name}.{slot} does not say why it is empty"
        assert not isinstance(rule, PythonFallback) or slot == "kernel"
    elif slot == "jvp":
        rules = rule if isinstance(rule, (list, tuple)) else [rule]
        assert all(r in (LINEAR, ZERO, None) or callable(r) for r in rules)
        if rule is LINEAR:
            assert callable(REGISTRY[name].transpose), f"{name} is linear, without transpose"
    else:
        assert callable(rule), f"{name}.{slot} is {rule!r}"


def kinds_tried(row: Example) -> set[str]:
    return {dtypes.kind(row.args[0].dtype), *(row.accepts or "").lower()} if row.args else set()


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_rows_of_every_kind(name: str) -> None:
    """If the type rule takes numbers of some kind, there is a row of that kind."""
    primitive = REGISTRY[name]
    tried: set[str] = set()
    accepted: set[str] = set()
    for row in rows_by_primitive().get(name, []):
        tried |= kinds_tried(row)
        jaxpr = program(row.fun, row.args)
        if (not row.args or primitive.higher_order
                or [e.primitive.name for e in jaxpr.eqns] != [name]):
            continue
        (eqn,) = jaxpr.eqns
        avals = [v.aval for v in eqn.invars]
        principal = typeof(row.args[0]).dtype
        for kind, dtype in KINDS.items():
            changed = [ShapedArray(a.shape, dtype) if a.dtype == principal else a for a in avals]
            try:
                primitive.out_avals(changed, eqn.params)
            except (TypeError, ValueError):
                continue
            accepted.add(kind)
    assert accepted <= tried, f"{name}: no row of kinds {sorted(accepted - tried)}"
