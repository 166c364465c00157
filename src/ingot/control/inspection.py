"""The primitive that tells how an array is divided, once a program knows: when it is compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.control.call import jit_p
from ingot.core.devices import CPU
from ingot.core.effects import DEBUG
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import NoRule, Primitive
from ingot.core.rewrite import primitives_of
from ingot.core.sharding import Sharding, SingleDeviceSharding

Callback = Callable[[Sharding], Any]


def _tell(callback: Callback) -> list[Any]:
    """Where nothing is divided, arrays lie on the first device."""
    callback(SingleDeviceSharding(CPU))
    return []


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, callback: Callback) -> Any:
    return inspect_sharding_p.bind(*primals, callback=callback), []


def _batch(args: Sequence[Any], dims: Sequence[Any], *, callback: Callback) -> Any:
    return inspect_sharding_p.bind(*args, callback=callback), []


inspect_sharding_p = Primitive(
    "inspect_sharding", multiple_results=True, type=lambda x, **_: [],
    eval=lambda x, *, callback: _tell(callback), jvp=_jvp, batch=_batch,
    transpose=NoRule("it has no result; inspect the function that is transposed"),
    kernel=lambda build, x, *, out, callback: _tell(callback),
    effects=lambda **_: frozenset([DEBUG]))


def is_inspected(jaxpr: Jaxpr) -> bool:
    """Return whether a program, or one that it calls, tells how arrays are divided."""
    return jaxpr.memo("inspected", lambda: inspect_sharding_p in primitives_of(jaxpr) or any(
        is_inspected(e.params["jaxpr"]) for e in jaxpr.eqns if e.primitive is jit_p))


def uninspected(jaxpr: Jaxpr, tell: Callable[[Callback], Any] | None = None) -> Jaxpr:
    """Return the program that tells nothing; `tell` is called with each callback in it."""
    if not is_inspected(jaxpr):
        return jaxpr
    eqns = []
    for eqn in jaxpr.eqns:
        if eqn.primitive is inspect_sharding_p:
            if tell is not None:
                tell(eqn.params["callback"])
            continue
        if eqn.primitive is jit_p:
            inner = uninspected(eqn.params["jaxpr"], tell)
            eqn = eqn.replace(params={**eqn.params, "jaxpr": inner}, effects=inner.effects)
        eqns.append(eqn)
    return Jaxpr(jaxpr.constvars, jaxpr.invars, jaxpr.outvars, eqns, jaxpr.consts,
                 debug_name=jaxpr.debug_name)


__all__ = ["inspect_sharding_p", "is_inspected", "uninspected"]
