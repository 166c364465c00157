"""Calls of users' functions in StableHLO, with and without side effects, and checks."""

from __future__ import annotations

from typing import Any

from ingot.backends.xla.host import call_host
from ingot.backends.xla.rules import RULES, rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.core.primitive import REGISTRY, PythonFallback

RULES["pure_callback"] = PythonFallback("runs a Python function")


@rule("io_callback")
def _io_callback(b: Builder, *args: Value, out: Any, ordered: bool, **params: Any) -> list[Value]:
    return call_host(b, REGISTRY["io_callback"], args, b.avals, out,
                     {"ordered": ordered, **params}, effect=True, ordered=ordered)


@rule("dce_sink")
def _dce_sink(b: Builder, x: Value, out: Any, prevent_mlir_dce: bool) -> list[Value]:
    if not prevent_mlir_dce:
        return []
    return call_host(b, REGISTRY["dce_sink"], [x], b.avals, out,
                     dict(prevent_mlir_dce=True), effect=True)


@rule("inspect_sharding")
def _inspect_sharding(b: Builder, x: Value, out: Any, callback: Any) -> list[Value]:
    """Told by who compiles the program, if it is divided."""
    return []


@rule("debug_callback")
def _debug_callback(b: Builder, *args: Value, out: Any, effect: Any, **params: Any
                    ) -> list[Value]:
    return call_host(b, REGISTRY["debug_callback"], args, b.avals, out,
                     {"effect": effect, **params}, effect=True, ordered=effect.ordered)


@rule("check")
def _check(b: Builder, holds: Value, *payload: Value, out: Any, check: Any) -> list[Value]:
    if check.only_as_value:
        return []
    avals = b.avals

    def failed(inner: Builder) -> list[Any]:
        args = [inner.full((), False, holds.dtype), *payload]
        call_host(inner, REGISTRY["check"], args, avals, [], {"check": check}, effect=True)
        return []

    b.when(holds, [], lambda inner: [], failed)
    return []
