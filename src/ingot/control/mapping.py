"""map: a function of each entry along an axis; associative_scan: combinations of all prefixes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.calls import called
from ingot.control.scan import element_type, leading_length, scan_p
from ingot.control.tracing import (
    TracedFunction,
    check_callable,
    evaluate,
    flatten_arrays,
    function_place,
    leaf_paths,
    trace,
    tree_differences,
)
from ingot.core.axis_env import Axis
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr
from ingot.primitives.movement import reshape
from ingot.primitives.shape import rev
from ingot.primitives.slicing import concatenate, slice_in_dim, stack
from ingot.transforms.batch import batch_jaxpr
from ingot.tree import PyTreeDef, tree_unflatten, treedef_tuple
from ingot.util import canonicalize_axis


# ---- map ----------------------------------------------------------------------------------------
def _scan_entries(jaxpr: Jaxpr, consts: Sequence[Any], xs: Sequence[Any], length: int) -> list[Any]:
    args = [*consts, *xs]
    return scan_p.bind(
        *args, reverse=False, length=length, jaxpr=jaxpr, num_consts=len(consts), num_carry=0,
        linear=(False,) * len(args), unroll=1, _split_transpose=False)


def map(f: Callable[..., Any], xs: Any, *, batch_size: int | None = None) -> Any:
    """`f` of each entry of `xs` along its leading axis, one after another, results stacked.

    xs: pytree of arrays [n, ...] -> pytree of arrays [n, ...]. With `batch_size`, that many
    entries are computed at once, as by vmap. Raises ValueError if leading axes differ.

    >>> import numpy as np
    >>> lax.map(lambda x: x * x, np.arange(4))
    Array([0, 1, 4, 9], dtype=int64)
    """
    check_callable("map", "f", f)
    leaves, tree = flatten_arrays("map", "xs", xs)
    length = leading_length("map", leaves, leaf_paths(tree), None)
    traced = trace("map", f, treedef_tuple([tree]), [element_type(typeof(x)) for x in leaves],
                   "an entry of xs")
    if batch_size is None or (isinstance(batch_size, int) and batch_size == 0):
        outs = _scan_entries(traced.jaxpr, traced.consts, leaves, length)
    else:
        if not hasattr(batch_size, "__index__") or batch_size < 1:
            raise ValueError(f"map: batch_size must be a positive integer, got {batch_size!r:.60}")
        outs = _map_batches(traced, leaves, length, batch_size.__index__())
    return tree_unflatten(traced.out_tree, outs)


def _map_batches(traced: TracedFunction, xs: Sequence[Any], length: int, size: int) -> list[Any]:
    """Whole batches in a loop, then what is left."""
    whole, left = divmod(length, size)
    dims = [*[None] * len(traced.consts), *[0] * len(xs)]

    def mapped(n: int) -> Jaxpr:
        return batch_jaxpr(traced.jaxpr, Axis(None, n), dims, True)[0]

    parts = []
    if whole or not left:
        rows = [reshape(slice_in_dim(x, 0, whole * size), (whole, size, *typeof(x).shape[1:]))
                for x in xs]
        outs = _scan_entries(mapped(size), traced.consts, rows, whole)
        parts.append([reshape(y, (whole * size, *typeof(y).shape[2:])) for y in outs])
    if left:
        parts.append(evaluate(mapped(left), *traced.consts,
                              *(slice_in_dim(x, whole * size, length) for x in xs)))
    return [column[0] if len(column) == 1 else concatenate(column, 0)
            for column in zip(*parts, strict=True)]


# ---- associative_scan ---------------------------------------------------------------------------
def associative_scan(fn: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0
                     ) -> Any:
    """All prefixes combined by an associative function, in a logarithmic number of steps.

    fn(a, b): of two pytrees like `elems`, elementwise along `axis`; elems: pytree of arrays of one
    length n along `axis`; reverse: from the last entry to the first. -> pytree like `elems`: entry
    i combines the entries 0 to i. Raises ValueError if lengths differ, TypeError if `fn` changes
    the structure.

    >>> import numpy as np
    >>> lax.associative_scan(lambda a, b: a + b, np.arange(4))
    Array([0, 1, 3, 6], dtype=int64)
    """
    check_callable("associative_scan", "fn", fn)
    leaves, tree = flatten_arrays("associative_scan", "elems", elems)
    if not leaves:
        raise ValueError("associative_scan: elems must contain at least one array")
    axes = [canonicalize_axis(axis, typeof(x).ndim, "associative_scan: axis") for x in leaves]
    lengths = {typeof(x).shape[a] for x, a in zip(leaves, axes, strict=True)}
    if len(lengths) > 1:
        listed = "\n".join(f"  elems{path}: {typeof(x)}"
                           for x, path in zip(leaves, leaf_paths(tree), strict=True))
        raise ValueError(f"associative_scan: all leaves must have one length along axis {axis}, got"
                         f"\n{listed}")
    if reverse:
        leaves = [rev(x, (a,)) for x, a in zip(leaves, axes, strict=True)]
    outs = _Prefixes(fn, tree, axes).scan(leaves)
    if reverse:
        outs = [rev(x, (a,)) for x, a in zip(outs, axes, strict=True)]
    return tree_unflatten(tree, outs)


class _Prefixes:
    """The recursion: combine neighbors, scan the half as many results, fill in the others."""

    def __init__(self, fn: Callable[..., Any], tree: PyTreeDef, axes: Sequence[int]):
        self.fn, self.tree, self.axes = fn, tree, axes

    def combine(self, a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
        out = called("associative_scan", self.fn, [tree_unflatten(self.tree, x) for x in (a, b)],
                     given="(left, right)")
        leaves, tree = flatten_arrays("associative_scan", "the result of fn", out)
        if tree != self.tree:
            raise TypeError(
                f"associative_scan: {function_place(self.fn)} must return the structure of elems:\n"
                f"{tree_differences(self.tree, tree, 'result')}")
        return leaves

    def part(self, xs: Sequence[Any], start: int, stop: int | None, step: int = 1) -> list[Any]:
        return [slice_in_dim(x, start, stop, step, axis=a)
                for x, a in zip(xs, self.axes, strict=True)]

    def scan(self, xs: list[Any]) -> list[Any]:
        n = typeof(xs[0]).shape[self.axes[0]]
        if n < 2:
            return xs
        odd = self.scan(self.combine(self.part(xs, 0, n - n % 2, 2), self.part(xs, 1, None, 2)))
        even = self.part(xs, 0, 1)
        if n > 2:
            later = self.combine(self.part(odd, 0, (n - 1) // 2), self.part(xs, 2, None, 2))
            even = [concatenate([a, b], axis)
                    for a, b, axis in zip(even, later, self.axes, strict=True)]
        return [_interleave(a, b, axis) for a, b, axis in zip(even, odd, self.axes, strict=True)]


def _interleave(even: Any, odd: Any, axis: int) -> Any:
    """Entries of two arrays in turns; the first may have one more."""
    shape = typeof(odd).shape
    n, m = typeof(even).shape[axis], shape[axis]
    pairs = stack([slice_in_dim(even, 0, m, axis=axis), odd], axis + 1)
    joined = reshape(pairs, (*shape[:axis], 2 * m, *shape[axis + 1 :]))
    return joined if n == m else concatenate([joined, slice_in_dim(even, m, n, axis=axis)], axis)
