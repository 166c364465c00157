"""Native loops and branches: how scan, while_loop and cond are built from kernel nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.core.jaxpr import Jaxpr
from ingot.kernel import ir
from ingot.kernel.build import (
    BOOL,
    INT,
    MAX_SCALARS,
    ArrayValue,
    Buffer,
    Index,
    Lazy,
    Scalars,
    flatten_scalars,
)
from ingot.ops.indexing import detached


class Carry:
    """The values a loop carries: scalars as phis, larger arrays as a pair of buffers exchanged
    from one iteration to the next, or one updated in place."""

    def __init__(self, build: Any, init: Sequence[ArrayValue]):
        self.build = build
        self.phis: list[ir.Phi] = []
        self.pointers: list[ir.PointerPhi] = []
        self.inside: list[ArrayValue] = []
        self._updates: list[Callable[[ArrayValue], None]] = []
        self._results: list[Callable[[], ArrayValue]] = []
        for value in init:
            (self._scalars if value.size <= MAX_SCALARS else self._buffer)(value)

    def _scalars(self, value: ArrayValue) -> None:
        build = self.build
        first = build.scalars(value)
        flat, rebuild = flatten_scalars(first.elements)
        phis = [ir.Phi(ir.Scalar("phi", (), s.dtype), s, None, ir.Scalar("result", (), s.dtype))
                for s in flat]
        self.phis.extend(phis)
        self.inside.append(Scalars(value.shape, value.dtype, rebuild([p.scalar for p in phis])))

        def update(new: ArrayValue) -> None:
            elements, _ = flatten_scalars(build.scalars(new).elements)
            for phi, element in zip(phis, elements, strict=True):
                phi.next = element

        def result() -> ArrayValue:
            return build.hold_scalars(
                Scalars(value.shape, value.dtype, rebuild([p.result for p in phis])))

        self._updates.append(update)
        self._results.append(result)

    def _buffer(self, value: ArrayValue) -> None:
        build = self.build
        first = build.copy_of(value).memory
        second = build.allocate(value.shape, value.dtype).memory
        build.hold([first, second])
        roots = frozenset([first, second]) | first.roots

        def pointer() -> ir.Memory:
            return ir.Memory("pointer", first.nbytes, value.dtype, roots=roots)

        front = ir.PointerPhi(pointer(), first, None, pointer())
        back = ir.PointerPhi(pointer(), second, None, pointer())
        self.pointers += [front, back]
        self.inside.append(Buffer(front.inside, value.shape, value.dtype))

        def update(new: ArrayValue) -> None:
            if isinstance(new, Buffer) and new.memory is front.inside and new.offset == 0 \
                    and new.contiguous:
                front.next, back.next = front.inside, back.inside
                return
            build.write(Buffer(back.inside, value.shape, value.dtype), new)
            front.next, back.next = back.inside, front.inside

        def result() -> ArrayValue:
            build.release([first, second], free=False)
            build._fresh.extend(roots)
            return Buffer(front.result, value.shape, value.dtype)

        self._updates.append(update)
        self._results.append(result)

    def update(self, values: Sequence[ArrayValue]) -> None:
        """Set what the next iteration sees; called once, at the end of the body.

        Values that still have to be computed are computed before any buffer is overwritten.
        """
        for update, value in zip(self._updates, values, strict=True):
            update(value)

    def results(self) -> list[ArrayValue]:
        """The values after the loop."""
        return [result() for result in self._results]


def element(build: Any, xs: ArrayValue, i: Index) -> ArrayValue:
    """Entry i along the first axis."""
    if isinstance(xs, Scalars):
        if isinstance(i, int):
            n = xs.size // xs.shape[0]
            return Scalars(xs.shape[1:], xs.dtype, xs.elements[i * n : (i + 1) * n])
        xs = build.spill(xs)
    if isinstance(xs, Buffer):
        offset = build.iadd(xs.offset, build.imul(i, xs.strides[0]))
        view: ArrayValue = Buffer(xs.memory, xs.shape[1:], xs.dtype, offset, xs.strides[1:])
    else:
        view = Lazy(xs.shape[1:], xs.dtype, lambda b, index: xs.at(b, (i, *index)), [xs])
    return build.settle(view)


def scan_kernel(build: Any, *args: ArrayValue, out: Sequence[Any], jaxpr: Jaxpr, length: int,
                reverse: bool, num_consts: int, num_carry: int, at_once: bool = False,
                **params: Any) -> list[ArrayValue]:
    """One native loop; results of each iteration go to their place in the stacked arrays."""
    consts = build.settled(args[:num_consts])
    init = list(args[num_consts : num_consts + num_carry])
    xs = build.settled(args[num_consts + num_carry :])
    stacked = [build.allocate(a.shape, a.storage) for a in out[num_carry:]]
    if length == 0:
        return [*init, *stacked]
    with build.holding(*consts, *xs, *stacked):
        carry = Carry(build, init)
        node = ir.For(ir.Scalar("index", (), INT), length, carry.phis, ir.Block(),
                      independent=num_carry == 0, at_once=at_once and num_carry == 0,
                      pointers=carry.pointers)
        with build.inside(node.body):
            i = build.isub(length - 1, node.index) if reverse else node.index
            outs = build.inline(jaxpr, [*consts, *carry.inside,
                                        *(element(build, x, i) for x in xs)])
            for target, value in zip(stacked, outs[num_carry:], strict=True):
                offset = build.imul(i, target.strides[0])
                build.write(Buffer(target.memory, target.shape[1:], target.dtype, offset,
                                   target.strides[1:]), value)
            carry.update(outs[:num_carry])
        build.block.nodes.append(node)
        return [*carry.results(), *stacked]


def while_kernel(build: Any, *args: ArrayValue, out: Sequence[Any], cond_jaxpr: Jaxpr,
                 cond_nconsts: int, body_jaxpr: Jaxpr, body_nconsts: int, **params: Any
                 ) -> list[ArrayValue]:
    """One native loop with its condition at the head."""
    split = cond_nconsts + body_nconsts
    consts = build.settled(args[:split])
    with build.holding(*consts):
        carry = Carry(build, args[split:])
        node = ir.While(carry.phis, ir.Block(), None, ir.Block(), pointers=carry.pointers)
        with build.inside(node.cond), build.holding(*carry.inside):
            (predicate,) = build.inline(cond_jaxpr, [*consts[:cond_nconsts], *carry.inside])
            node.predicate = build.scalars(predicate).elements[0]
        with build.inside(node.body):
            carry.update(build.inline(body_jaxpr, [*consts[cond_nconsts:], *carry.inside]))
        build.block.nodes.append(node)
        return carry.results()


def cond_kernel(build: Any, index: ArrayValue, *args: ArrayValue, out: Sequence[Any],
                branches: Sequence[Jaxpr], **params: Any) -> list[ArrayValue]:
    """A native branch; small results are merged as scalars, larger ones share memory."""
    (which,) = build.scalars(index).elements
    if which.dtype == BOOL:
        which = build.op("convert", which, dtype=INT)
    which = build.index(build.iclamp(build.as_index(which), len(branches) - 1))
    args = tuple(build.settled(args))
    mine = [build.owned(x) for x in args]  # they die here: each branch may update them in place
    own = [x for x, m in zip(args, mine, strict=True) if m]
    rest = [x for x, m in zip(args, mine, strict=True) if not m]
    with build.holding(*rest), build.pinning(*own):
        blocks, values = [], []
        for jaxpr in branches:
            with build.inside(ir.Block()) as block:
                values.append(build.inline(jaxpr, args))
            blocks.append(block)
        targets = _targets(build, out, own, values)
        merged: list[list[ir.Scalar]] = []
        rebuilds: list[tuple[int, Callable[..., Any]]] = []
        for block, found in zip(blocks, values, strict=True):
            with build.inside(block):
                flat, rebuilds = _put(build, targets, found)
            merged.append(flat)
        results = [ir.Scalar("result", (), s.dtype) for s in merged[0]]
        build.block.nodes.append(ir.Switch(which, blocks, merged, results))
    return _merged_outputs(build, out, targets, results, rebuilds)


def _targets(build: Any, out: Sequence[Any], own: Sequence[Any],
             values: Sequence[Sequence[ArrayValue]]) -> list[Buffer | None]:
    """Where the large results of branches go: to an operand's memory if a branch has it there."""
    free = {x.memory: x for x in own}  # one place for one result
    targets: list[Buffer | None] = []
    for aval, column in zip(out, zip(*values, strict=True), strict=True):
        if aval.size <= MAX_SCALARS:
            targets.append(None)
            continue
        found = next((m for m, x in free.items() if any(_same_place(v, x) for v in column)), None)
        if found is None:
            targets.append(build.allocate(aval.shape, aval.storage))
        else:
            del free[found]
            targets.append(Buffer(found, aval.shape, aval.storage))
    return targets


def _same_place(x: ArrayValue, y: Buffer) -> bool:
    return (isinstance(x, Buffer) and x.memory is y.memory and x.offset == 0 and x.contiguous
            and x.size == y.size and x.dtype == y.dtype)


def _put(build: Any, targets: Sequence[Buffer | None], values: Sequence[ArrayValue]
         ) -> tuple[list[ir.Scalar], list[tuple[int, Callable[..., Any]]]]:
    """Large results of a branch to their places; the small ones as scalars, and how to rebuild."""
    flat: list[ir.Scalar] = []
    rebuilds: list[tuple[int, Callable[..., Any]]] = []
    writes: list[tuple[Buffer, ArrayValue]] = []
    for value, target in zip(values, targets, strict=True):
        if target is None:
            parts, rebuild = flatten_scalars(build.scalars(value).elements)
            flat.extend(parts)
            rebuilds.append((len(parts), rebuild))
        elif not _same_place(value, target):
            for other in targets:  # what is still to be read there is read before any is written
                value = value if other is None else detached(build, value, other)
            writes.append((target, value))
    for target, value in writes:
        build.write(target, value)
    return flat, rebuilds


def _merged_outputs(build: Any, out: Sequence[Any], targets: Sequence[Any],
                    results: Sequence[ir.Scalar], rebuilds: Sequence[Any]) -> list[ArrayValue]:
    outs: list[ArrayValue] = []
    parts, rest = iter(results), iter(rebuilds)
    for aval, target in zip(out, targets, strict=True):
        if target is not None:
            outs.append(target)
            continue
        count, rebuild = next(rest)
        elements = rebuild([next(parts) for _ in range(count)])
        outs.append(build.hold_scalars(Scalars(aval.shape, aval.storage, elements)))
    return outs
