"""Loop splitting: a loop becomes a nest like another of as many elements, to be fused with it."""

from __future__ import annotations

from ingot.kernel import ir
from ingot.kernel.rules import INT, Builder
from ingot.kernel.visit import clone


def matching_extents(nest: ir.For, loop: ir.For) -> list[int]:
    """The lengths of the outer loops of a nest that pass as many elements as a loop, or nearly as
    many; empty if there are none such."""
    lengths: list[int] = []
    count = loop.trip_count if isinstance(loop.trip_count, int) else 0
    product, node = 1, nest
    while node is not None and isinstance(node.trip_count, int) \
            and product * node.trip_count <= count:
        product *= node.trip_count
        lengths.append(node.trip_count)
        node = next((n for n in node.body.nodes if type(n) is ir.For), None)
    return lengths if len(lengths) > 1 and 2 * product > count else []


def split_like(loop: ir.For, lengths: list[int]) -> list[ir.For]:
    """A copy of a loop as a nest of loops of these lengths, and one for the elements left."""
    nest = [ir.For(ir.Value("index", (), INT), n, [], ir.Block(), independent=True)
            for n in lengths]
    for outer, inner in zip(nest, nest[1:], strict=False):
        outer.body.nodes.append(inner)
    nest[-1].vector, count = loop.vector, 1
    flat: ir.Index = 0
    build = Builder()
    with build.inside(nest[-1].body):
        for level in nest:
            flat = build.index_add(build.index_mul(flat, level.trip_count), level.index)
            count *= int(level.trip_count)  # type: ignore[arg-type]
        nest[-1].body.nodes += clone(loop.body, {id(loop.index): flat}).nodes
    left = int(loop.trip_count) - count  # type: ignore[arg-type]
    if not left:
        return nest[:1]
    rest = ir.For(ir.Value("index", (), INT), left, [], ir.Block(), vector=loop.vector,
                  independent=True)
    with build.inside(rest.body):
        flat = build.index_add(rest.index, count)
        rest.body.nodes += clone(loop.body, {id(loop.index): flat}).nodes
    return [nest[0], rest]
