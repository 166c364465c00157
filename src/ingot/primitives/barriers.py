"""What holds back compilers: values computed before others, or though nothing uses them."""

from __future__ import annotations

from typing import Any

from ingot.core.avals import is_inexact
from ingot.core.division import like_each
from ingot.core.effects import Effect
from ingot.core.interpreter import typeof
from ingot.core.primitive import NoRule, Primitive
from ingot.kernel.rules import Lowering, Unsupported
from ingot.tree import tree_flatten, tree_unflatten


# ---- optimization_barrier ------------------------------------------------------------------------
def _barrier_jvp(primals: Any, tangents: Any) -> Any:
    # Tangents of integers are no arrays that a program could compute.
    kept = iter(optimization_barrier_p.bind(
        *(t for x, t in zip(primals, tangents, strict=True) if is_inexact(typeof(x)))))
    return optimization_barrier_p.bind(*primals), [
        next(kept) if is_inexact(typeof(x)) else None for x in primals]


optimization_barrier_p = Primitive(
    "optimization_barrier", multiple_results=True, type=lambda *xs: list(xs),
    eval=lambda *xs: list(xs), jvp=_barrier_jvp, transpose=lambda cts, *xs: list(cts),
    batch=lambda args, dims: (optimization_barrier_p.bind(*args), dims),
    kernel=lambda build, *xs, out: [build.materialize(x) for x in xs])
optimization_barrier_p.division = like_each


def optimization_barrier(operand: Any, /) -> Any:
    """The same values, computed before anything that uses the results.

    operand: a pytree of arrays -> the same pytree.

    >>> lax.optimization_barrier((1.5,))
    (Array(1.5, dtype=float64, weak_type=True),)
    """
    leaves, treedef = tree_flatten(operand)
    return tree_unflatten(treedef, optimization_barrier_p.bind(*leaves))


# ---- dce_sink ------------------------------------------------------------------------------------
KEPT = Effect("NoDCE")


def _sink_jvp(primals: Any, tangents: Any, **params: Any) -> Any:
    return dce_sink_p.bind(*primals, **params), []


def _sink_batch(args: Any, dims: Any, **params: Any) -> Any:
    return dce_sink_p.bind(*args, **params), []


def _sink_kernel(build: Lowering, x: Any, *, out: Any, prevent_mlir_dce: bool) -> list[Any]:
    if prevent_mlir_dce:
        raise Unsupported("what no compiler may drop is handed to the host")
    build.materialize(x)
    return []


dce_sink_p = Primitive(
    "dce_sink", multiple_results=True, type=lambda x, **params: [], eval=lambda x, **params: [],
    jvp=_sink_jvp, transpose=NoRule("it has no results"), batch=_sink_batch, kernel=_sink_kernel,
    effects=lambda **params: frozenset([KEPT]))


def dce_sink(val: Any, *, prevent_mlir_dce: bool = False) -> None:
    """Keep values in programs although nothing uses them.

    val: a pytree of arrays. prevent_mlir_dce: whether compilers of machine code must compute them
    as well: they are handed to the host then, where nothing happens -> None.

    >>> ingot.make_jaxpr(lambda x: lax.dce_sink(-x))(1.5)
    { lambda ; a:f64[]. let
      b:f64[] = neg a
      dce_sink[prevent_mlir_dce=False] b
    in () }
    """
    for x in tree_flatten(val)[0]:
        dce_sink_p.bind(x, prevent_mlir_dce=bool(prevent_mlir_dce))


__all__ = ["dce_sink", "dce_sink_p", "optimization_barrier", "optimization_barrier_p"]
