"""Faults to plant in the slots of a primitive: small factors, signs, places, types, lost terms.

A fault is a wrapper of the rule in a slot. `test_bite.py` plants each and asks the laws to object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import is_inexact
from ingot.core.interpreter import typeof
from ingot.core.primitive import LINEAR, REGISTRY, ZERO, NoRule, Primitive, PythonFallback
from ingot.kernel.rules import LazyArray
from ingot.primitives.arithmetic import mul, neg
from ingot.primitives.movement import full_like

EPS = 1e-6


@dataclass(frozen=True)
class Fault:
    """Replaces the rule in a slot of a primitive."""

    primitive: Primitive
    slot: str
    what: str
    rule: Any

    def __str__(self) -> str:
        return f"{self.primitive.name}.{self.slot}: {self.what}"


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The fault is there meanwhile."""
    before = getattr(fault.primitive, fault.slot)
    fault.primitive._types.clear()
    setattr(fault.primitive, fault.slot, fault.rule)
    try:
        yield
    finally:
        setattr(fault.primitive, fault.slot, before)
        fault.primitive._types.clear()


# ---- wrong arrays --------------------------------------------------------------------------------
def numpy_scaled(x: Any) -> Any:
    x = np.asarray(x)
    if x.dtype == bool:
        return ~x
    if x.dtype.kind in "fc" and x.dtype.itemsize >= 4:
        return x * x.dtype.type(1 + EPS)
    if x.dtype in dtypes.INEXACT:
        return (x.astype(np.float32) * 2).astype(x.dtype)
    return x + np.ones((), x.dtype) if x.dtype in dtypes.INT else x


def numpy_negated(x: Any) -> Any:
    x = np.asarray(x)
    return -x if x.dtype in dtypes.NUMBER else np.ones_like(x)


def numpy_flipped(x: Any) -> Any:
    x = np.asarray(x)
    return np.flip(x, -1) if x.ndim else x + np.ones((), x.dtype)


def numpy_zeroed(x: Any) -> Any:
    return np.zeros_like(np.asarray(x))


ARRAYS: dict[str, Callable[[Any], Any]] = {
    "scaled or off by one": numpy_scaled, "negated": numpy_negated, "flipped": numpy_flipped,
    "zeroed": numpy_zeroed}


# ---- wrong values of ingot -----------------------------------------------------------------------
def scaled(x: Any) -> Any:
    return x if x is None or not is_inexact(typeof(x)) else mul(x, full_like(x, 1 + EPS))


def finely_scaled(x: Any) -> Any:
    return x if x is None or not is_inexact(typeof(x)) else mul(x, full_like(x, 1 + 1e-9))


def negated(x: Any) -> Any:
    return x if x is None or not is_inexact(typeof(x)) else neg(x)


def lost(x: Any) -> Any:
    return x if x is None or not is_inexact(typeof(x)) else full_like(x, 0)


VALUES: dict[str, Callable[[Any], Any]] = {
    "scaled": scaled, "negated": negated, "lost": lost}


def on_all(fault: Callable[[Any], Any], out: Any) -> Any:
    return [fault(o) for o in out] if isinstance(out, (list, tuple)) else fault(out)


def on_last(fault: Callable[[Any], Any], out: Any) -> Any:
    return [*out[:-1], fault(out[-1])] if isinstance(out, (list, tuple)) and out else fault(out)


# ---- the faults of each slot ---------------------------------------------------------------------
def eval_faults(p: Primitive) -> Iterator[tuple[str, Any]]:
    rule = p.eval
    if p.higher_order or p.axes_of is not None or isinstance(rule, NoRule):
        return  # collectives are never evaluated: vmap replaces them
    for name, fault in ARRAYS.items():
        yield name, lambda *a, fault=fault, **k: on_all(fault, rule(*a, **k))
    if p.multiple_results:
        yield "last scaled", lambda *a, **k: on_last(numpy_scaled, rule(*a, **k))
        yield "swapped", lambda *a, **k: list(rule(*a, **k))[::-1]


def wrong_dtype(aval: Any) -> Any:
    other = {"f": np.float32 if aval.dtype != np.float32 else np.float64, "c": np.complex64,
             "i": np.int16, "u": np.uint16, "b": np.int8, "K": np.uint32, "V": np.float32}
    return aval.update(dtype=np.dtype(other[dtypes.kind(aval.dtype)]))


def type_faults(p: Primitive) -> Iterator[tuple[str, Any]]:
    rule = p.type
    wrong = {"dtype": wrong_dtype, "weak type": lambda a: a.update(weak_type=not a.weak_type),
             "an axis too many": lambda a: a.update(shape=(*a.shape, 2)),
             "a longer axis": lambda a: a.update(shape=[n + 1 for n in a.shape] or [3])}
    for name, fault in wrong.items():
        yield name, lambda *a, fault=fault, **k: on_all(fault, rule(*a, **k))
        if p.multiple_results:
            yield f"{name}, last", lambda *a, fault=fault, **k: on_last(fault, list(rule(*a, **k)))


def jvp_faults(p: Primitive) -> Iterator[tuple[str, Any]]:
    rule = p.jvp
    if rule is LINEAR:
        yield "lost", ZERO
    elif isinstance(rule, (list, tuple)):
        for i, partial in enumerate(rule):
            if partial is None:
                continue
            for name, fault in VALUES.items():
                wrong = list(rule)
                wrong[i] = lambda *a, partial=partial, fault=fault, **k: on_all(
                    fault, partial(*a, **k))
                yield f"partial {i} {name}", wrong
            wrong = list(rule)
            wrong[i] = None
            yield f"partial {i} missing", wrong
        if len(rule) == 2 and None not in rule:
            yield "partials swapped", list(rule)[::-1]
    elif rule is not ZERO and not isinstance(rule, NoRule):
        for name, fault in VALUES.items():
            def wrong_rule(*a: Any, fault: Any = fault, **k: Any) -> Any:
                out, t = rule(*a, **k)
                return out, on_all(fault, t)
            yield f"tangent {name}", wrong_rule


def transpose_faults(p: Primitive) -> Iterator[tuple[str, Any]]:
    rule = p.transpose
    if isinstance(rule, NoRule):
        return
    for name, fault in (VALUES | {"finely scaled": finely_scaled}).items():
        yield f"cotangents {name}", lambda *a, fault=fault, **k: [
            fault(ct) for ct in rule(*a, **k)]

    def last_missing(*a: Any, **k: Any) -> Any:
        found = list(rule(*a, **k))
        places = [i for i, ct in enumerate(found) if ct is not None]
        if places:
            found[places[-1]] = None
        return found

    yield "last cotangent missing", last_missing


def batch_faults(p: Primitive) -> Iterator[tuple[str, Any]]:
    rule = p.batch
    if isinstance(rule, NoRule):
        return

    def with_outs(fault: Callable[[Any, Any], Any]) -> Any:
        def wrong(*a: Any, **k: Any) -> Any:
            out, dim = rule(*a, **k)
            if isinstance(out, (list, tuple)):
                pairs = [fault(o, d) for o, d in zip(out, dim, strict=True)]
                return [o for o, _ in pairs], [d for _, d in pairs]
            return fault(out, dim)
        return wrong

    def other_place(x: Any, d: Any) -> Any:
        if d is None:
            return x, d
        return x, (d + 1) % typeof(x).ndim if typeof(x).ndim > 1 else None

    def turned(x: Any, d: Any) -> Any:
        return (x, d) if d is None else (flip(x, d), d)

    yield "axis said to be elsewhere", with_outs(other_place)
    yield "axis reversed", with_outs(turned)
    yield "axis said to be missing", with_outs(lambda x, d: (x, None))


def flip(x: Any, dim: int) -> Any:
    """The array reversed along an axis."""
    return REGISTRY["rev"].bind(x, dimensions=(dim,))


def kernel_faults(p: Primitive) -> Iterator[tuple[str, Any]]:
    rule = p.kernel
    if isinstance(rule, (PythonFallback, NoRule)) or p.higher_order:
        return

    def lazily(value: Any, change: Callable[[Any, Any], Any], place: bool = False) -> Any:
        def at(build: Any, index: Any) -> Any:
            if place and index:
                index = [*index[:-1], build.index_sub(value.shape[-1] - 1, index[-1])]
            return change(build, value.at(build, index))
        return LazyArray(value.shape, value.dtype, at, [value], 1)

    def scaled_scalar(build: Any, s: Any) -> Any:
        kind = dtypes.kind(s.dtype)
        if kind == "b":
            return build.op("not", s)
        if kind in "fc":
            factor = 1 + EPS if s.dtype.itemsize >= 4 else 2
            return build.op("mul", s, build.const(factor, s.dtype))
        return build.op("add", s, build.const(1, s.dtype))

    wrong = {"scaled or off by one": lambda v: lazily(v, scaled_scalar),
             "flipped": lambda v: lazily(v, lambda build, s: s, place=True)}
    for name, fault in wrong.items():
        yield name, lambda *a, fault=fault, **k: on_all(fault, rule(*a, **k))
    if p.multiple_results:
        yield "last scaled", lambda *a, **k: on_last(wrong["scaled or off by one"],
                                                     list(rule(*a, **k)))


def linearize_faults(p: Primitive) -> Iterator[tuple[str, Any]]:
    rule = p.linearize
    if rule is None:
        return
    for name, fault in VALUES.items():
        def wrong(*a: Any, fault: Any = fault, **k: Any) -> Any:
            outs, has, apply = rule(*a, **k)
            return outs, has, lambda *ts: [fault(t) for t in apply(*ts)]
        yield f"tangents {name}", wrong


SLOTS = {"eval": eval_faults, "type": type_faults, "jvp": jvp_faults,
         "transpose": transpose_faults, "batch": batch_faults, "kernel": kernel_faults,
         "linearize": linearize_faults}


def faults_of(p: Primitive) -> list[Fault]:
    """Every fault that can be planted in a primitive."""
    return [Fault(p, slot, what, rule) for slot, make in SLOTS.items() for what, rule in make(p)]
