"""Faults planted in each pass of the compiler: what programmers of passes get wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from ingot.backends.llvm import emit
from ingot.compiler import (
    array_contraction,
    buffer_assignment,
    dce,
    dot_transposes,
    in_place,
    lane_compaction,
    load_forwarding,
    loop_fusion,
    loop_split,
    masked_scatter,
    outlining,
    pipeline,
    residual_layout,
    simplify,
    strip_mining,
)
from ingot.kernel import ir
from ingot.kernel.builder import Builder
from ingot.kernel.visit import walk, walk_paths
from ingot.primitives import dot_loops

Fault = Callable[[], Any]
FAULTS: dict[str, tuple[Fault, str]] = {}
"""By name: a fault, and the program that it is planted for."""


def fault(program: str) -> Callable[[Callable[[], Iterator[None]]], Callable[[], Any]]:
    """Enter a fault in the table."""
    def enter(make: Callable[[], Iterator[None]]) -> Callable[[], Any]:
        FAULTS[make.__name__] = contextlib.contextmanager(make), program
        return make

    return enter


def after(name: str, change: Callable[[ir.Function], None]) -> Any:
    """A pass of the pipeline that does something more."""
    run = getattr(pipeline, name)

    def faulty(function: ir.Function, **options: Any) -> Any:
        out = run(function, **options)
        change(function)
        return out

    return mock.patch.object(pipeline, name, faulty)


def first(function: ir.Function, kind: type, test: Callable[[Any], bool] = lambda node: True
          ) -> Any:
    return next(n for n in walk(function.body) if type(n) is kind and test(n))


# ---- programs ------------------------------------------------------------------------------------
@fault("functions")
def common_subexpressions_whatever_their_operands():
    def key(eqn: Any) -> Any:
        return None if eqn.primitive.higher_order else (eqn.primitive, eqn.outvars[0].aval)

    with mock.patch.object(simplify, "_key", key):
        yield


@fault("shifted")
def common_subexpressions_whatever_their_parameters():
    def key(eqn: Any) -> Any:
        found = before(eqn)
        return found and (*found[:2], eqn.outvars[0].aval)

    before = simplify._key
    with mock.patch.object(simplify, "_key", key):
        yield


@fault("pieces")
def updates_that_are_forgotten():
    with mock.patch.object(in_place._Parts, "updated", lambda self, x, updates: x):
        yield


@fault("recurrent")
def any_transpose_taken_for_an_exchange():
    with mock.patch.object(dot_transposes, "_through", lambda permutation, axes: axes):
        yield


@fault("recurrent")
def products_that_overwrite_what_they_are_added_to():
    before = dot_loops._blas

    def blas(*args: Any, accumulate: bool) -> None:
        before(*args, accumulate=False)

    with mock.patch.object(dot_loops, "_blas", blas):
        yield


@fault("masked")
def a_mask_inverted():
    guarded = masked_scatter._mask_indices

    def inverted(eqn: Any, indices: Any, mask: Any, guard: Any) -> Any:
        return guarded(eqn, indices, mask, _Flipped(guard))

    with mock.patch.object(masked_scatter, "_mask_indices", inverted):
        yield


class _Flipped:
    def __init__(self, guard: Any):
        self.lanes, self.inverse = guard.lanes, not guard.inverse


# ---- outlining -----------------------------------------------------------------------------------
@fault("functions")
def functions_for_other_constants():
    with mock.patch.object(outlining, "_same", lambda x, y: True):
        yield


@fault("functions")
def arguments_of_calls_exchanged():
    def exchanged(function: ir.Function) -> None:
        for node in walk(function.body):
            if type(node) is ir.Call:
                node.results.reverse()
                node.arguments = [(m, 1) for m, _ in node.arguments]

    with after("eliminate_dead_code", exchanged):
        yield


# ---- dead code -----------------------------------------------------------------------------------
@fault("rows")
def a_store_dropped():
    def drop(function: ir.Function) -> None:
        node, block, _ = next(x for x in walk_paths(function.body) if type(x[0]) is ir.Store)
        block.nodes.remove(node)

    with after("eliminate_dead_code", drop):
        yield


@fault("branches")
def a_carried_value_dropped():
    def drop(function: ir.Function) -> None:
        first(function, ir.For, lambda n: n.pointers).pointers.pop()

    with after("eliminate_dead_code", drop):
        yield


@fault("exchanged")
def stores_through_pointers_forgotten():
    with mock.patch.object(dce, "_reachable", lambda pointer: []), \
            mock.patch.object(dce, "roots", lambda memory: [memory]):
        yield


@fault("gradient of a scan")
def carries_exchanged():
    def exchange(function: ir.Function) -> None:
        a, b = first(function, ir.For, lambda n: len(n.phis) > 1).phis[:2]
        a.next, b.next = b.next, a.next

    with after("eliminate_dead_code", exchange):
        yield


@fault("branches")
def branches_exchanged():
    def exchange(function: ir.Function) -> None:
        node = first(function, ir.Switch)
        node.branches.reverse()
        node.outs.reverse()

    with after("eliminate_dead_code", exchange):
        yield


@fault("calls")
def host_calls_in_another_order():
    def reorder(function: ir.Function) -> None:
        nodes = function.body.nodes
        a, b = (k for k, n in enumerate(nodes) if type(n) is ir.PythonCall)
        nodes.insert(a, nodes.pop(b))

    with after("eliminate_dead_code", reorder):
        yield


# ---- fusion --------------------------------------------------------------------------------------
@fault("shifted")
def loops_fused_despite_a_dependence():
    with mock.patch.object(loop_fusion, "_same_element", lambda *args: True):
        yield


@fault("chain")
def an_index_not_renamed():
    with mock.patch.object(loop_fusion, "rename", lambda block, names: None):
        yield


@fault("patched")
def what_stands_between_moved_away():
    def around(self: Any, k: int, effects: Any) -> Any:
        return [], self.nodes[k + 1 :]

    with mock.patch.object(loop_fusion._Level, "around", around):
        yield


@fault("chain")
def an_operand_replaced_wrongly():
    def replace(function: ir.Function) -> None:
        x = first(function, ir.Value, lambda n: n.op == "sub")
        x.args = (x.args[1], x.args[0])

    with after("fuse_loops", replace):
        yield


@fault("chain")
def loads_forwarded_from_any_element():
    def of(self: Any, x: Any) -> Any:
        return (0, ())

    with mock.patch.object(load_forwarding.AffineExprs, "of", of):
        yield


@fault("sums")
def a_split_loop_without_its_rest():
    split = loop_split.split_like

    with mock.patch.object(loop_fusion, "split_like", lambda *args: split(*args)[:1]):
        yield


# ---- memory --------------------------------------------------------------------------------------
@fault("rows")
def temporaries_in_one_place():
    def place(function: ir.Function) -> None:
        for memory in function.temporaries:
            memory.offset = 0

    with after("assign_buffers", place):
        yield


@fault("rows")
def lifetimes_too_short():
    def used(self: Any, node: Any) -> Any:
        """What a loop reads is forgotten."""
        return self.effects.of(node).writes if type(node) is ir.For else before(self, node)

    before = buffer_assignment._BufferAssigner.used
    with mock.patch.object(buffer_assignment._BufferAssigner, "used", used):
        yield


@fault("rows")
def an_arena_too_small():
    def shrink(function: ir.Function) -> None:
        function.arena_bytes -= 64

    with after("assign_buffers", shrink):
        yield


@fault("softmax")
def temporaries_shrunk_too_far():
    ends = array_contraction._ends

    def shorter(*args: Any) -> Any:
        found = ends(*args)
        return found and (found[0], found[1] - 1)

    with mock.patch.object(array_contraction, "_ends", shorter):
        yield


@fault("softmax")
def a_stride_forgotten():
    def place(self: Any, memory: Any, position: Any) -> Any:
        return self.forms.of(position)[0] - self.first[memory]

    with mock.patch.object(array_contraction._Rewriting, "place", place):
        yield


# ---- residuals -----------------------------------------------------------------------------------
@fault("gradient of a scan")
def residuals_at_a_wrong_stride():
    width = residual_layout._Record.width.fget

    with mock.patch.object(residual_layout._Record, "width",
                           property(lambda self: width(self) + 1)):
        yield


@fault("gradient of a scan")
def residuals_at_a_wrong_offset():
    record = residual_layout._row

    def exchanged(function: ir.Function, members: Any) -> Any:
        found = record(function, members)
        if found is not None:
            found.slots.update(zip(found.slots, [0] * len(found.slots), strict=True))
        return found

    with mock.patch.object(residual_layout, "_row", exchanged):
        yield


# ---- loops for the processor ---------------------------------------------------------------------
@fault("batch of loops")
def a_last_block_that_begins_late():
    with mock.patch.object(lane_compaction._Lanes, "iclamp", lambda self, a, high: a):
        yield


@fault("batch of loops")
def entries_written_back_to_other_places():
    def keep(self: Any, x: Any, value: Any, lane: Any) -> None:
        before(self, x, value, 0)

    before = lane_compaction._Lanes.keep
    with mock.patch.object(lane_compaction._Lanes, "keep", keep):
        yield


@fault("chain")
def parts_copied_from_the_second_element():
    def shift(function: ir.Function) -> None:
        copy = first(function, ir.Copy)
        copy.source_index, copy.nbytes = 1, copy.nbytes - 8

    with after("store_past_caches", shift):
        yield


@fault("heavy")
def a_last_strip_that_begins_late():
    class Unclamped(Builder):
        def iclamp(self, a: Any, high: int) -> Any:
            return a

    with mock.patch.object(strip_mining, "Builder", Unclamped):
        yield


@fault("heavy")
def a_strip_too_few():
    mine = strip_mining.strip_mine

    def short(node: ir.For, length: Any = None) -> ir.For:
        out = mine(node, length)
        out.trip_count -= 1
        return out

    with mock.patch.object(strip_mining, "strip_mine", short):
        yield


@fault("gradient of a scan")
def a_parallel_loop_with_a_dependence():
    def share(function: ir.Function) -> None:
        first(function, ir.For, lambda n: n.phis).parallel = ir.ParallelRegion([])

    with after("parallelize_loops", share):
        yield


@fault("threads")
def a_temporary_that_threads_share():
    def share(function: ir.Function) -> None:
        node = first(function, ir.For, lambda n: n.parallel and n.parallel.private)
        node.parallel.private.clear()

    with after("parallelize_loops", share):
        yield


@fault("shifted")
def vectors_despite_a_dependence():
    def mark(function: ir.Function) -> None:
        """A loop reads behind what it writes, and is said to be made of independent iterations."""
        node = first(function, ir.For, lambda n: n.vector)
        store = first(ir.Function(node.body, [], [], [], [], 0), ir.Store)
        behind = ir.Value("load", (store.memory, 0), store.value.dtype)
        node.body.nodes.insert(0, behind)

    with after("strip_mine_loops", mark):
        yield


# ---- text ----------------------------------------------------------------------------------------
@fault("scalars")
def results_of_a_vector_exchanged():
    together = emit.Emitter.together

    def exchanged(self: Any, node: Any) -> None:
        together(self, node)
        names = [call.name for call in node.calls]
        for call, name in zip(node.calls, reversed(names), strict=True):
            call.name = name

    with mock.patch.object(emit.Emitter, "together", exchanged):
        yield
