"""Kernel rules of control flow: how scan, while_loop and cond are built from loops and branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.core.jaxpr import Jaxpr, Literal
from ingot.core.rewrite import definitions
from ingot.kernel import ir
from ingot.kernel.rules import (
    BOOL,
    INT,
    ArrayValue,
    Buffer,
    Index,
    LazyArray,
    RegisterArray,
    flatten_scalars,
)


class Carry:
    """The values a loop carries: scalars as phis, larger arrays as memory.

    An array that the body updates in place stays where it is; others are pairs of buffers,
    exchanged from one iteration to the next. Arrays that take each other's places exchange theirs.
    """

    def __init__(self, build: Any, init: Sequence[ArrayValue], body: Jaxpr, num_consts: int,
                 trips: int | None = None):
        self.build, self.trips = build, trips
        self.phis: list[ir.Phi] = []
        self.pointers: list[ir.PointerPhi] = []
        self.inside: list[ArrayValue] = []
        self._small: dict[int, tuple[list[ir.Phi], RegisterArray, Any]] = {}
        self._large: dict[int, _Large] = {}
        origins = sources(body, num_consts, len(init))
        for k, (value, origin) in enumerate(zip(init, origins, strict=True)):
            if value.size <= build.schedule.max_scalars:
                self.inside.append(self._scalars(k, value))
            else:
                self._large[k] = _Large(build, value, exchanged=origin is None)
                self.inside.append(value)
        for group in _groups(self._large, origins):
            for x in group:
                x.enter(group, self.pointers)
        for k, x in self._large.items():
            self.inside[k] = x.at(x.front.inside)

    def _scalars(self, k: int, value: ArrayValue) -> RegisterArray:
        first = self.build.scalars(value)
        flat, rebuild = flatten_scalars(first.elements)
        phis = [ir.Phi(ir.Value("phi", (), s.dtype), s, None, ir.Value("result", (), s.dtype))
                for s in flat]
        self.phis.extend(phis)
        self._small[k] = phis, first, rebuild
        return RegisterArray(value.shape, value.dtype, rebuild([p.scalar for p in phis]))

    def update(self, values: Sequence[ArrayValue]) -> None:
        """Set what the next iteration sees; called once, at the end of the body.

        Values that still have to be computed are computed before any buffer is overwritten.
        """
        for k, (phis, *_) in self._small.items():
            elements, _ = flatten_scalars(self.build.scalars(values[k]).elements)
            for phi, element in zip(phis, elements, strict=True):
                phi.next = element
        fronts = {x.front.inside: x for x in self._large.values()}
        taken: dict[int, ir.Memory] = {}  # the next place of a carry
        for k, x in self._large.items():
            new = values[k]
            if isinstance(new, Buffer) and new.memory in fronts and new.offset == 0 \
                    and new.contiguous and fronts[new.memory].group is x.group \
                    and new.memory not in taken.values():
                taken[k] = new.memory
        for k, x in self._large.items():
            if k not in taken:
                taken[k] = x.written(values[k], self.pointers)
            x.front.next = taken[k]
        for x in self._large.values():  # a buffer nobody took is what the next iteration fills
            if x.back is not None:
                free = [p.inside for y in (x, *self._large.values()) if y.group is x.group
                        for p in (y.front, y.back) if p is not None]
                x.back.next = next(m for m in free if m not in taken.values())
                taken[-1 - len(taken)] = x.back.next

    def results(self) -> list[ArrayValue]:
        """The values after the loop."""
        return [self._large[k].result(self.trips) if k in self._large else self._last(k)
                for k in range(len(self.inside))]

    def _last(self, k: int) -> RegisterArray:
        phis, first, rebuild = self._small[k]
        return self.build.pin_scalars(
            RegisterArray(first.shape, first.dtype, rebuild([p.result for p in phis])))


class _Large:
    """An array that a loop carries in memory."""

    def __init__(self, build: Any, value: ArrayValue, exchanged: bool):
        self.build, self.shape, self.dtype = build, value.shape, value.dtype
        self.first = build.copy_of(value)[0].memory
        build.retain([self.first])
        self.second: ir.Memory | None = None
        self.back: ir.PointerPhi | None = None
        if exchanged:
            self.second = build.allocate(value.shape, value.dtype).memory
            build.retain([self.second])

    def at(self, memory: ir.Memory) -> Buffer:
        return Buffer(memory, self.shape, self.dtype)

    def enter(self, group: list[_Large], pointers: list[ir.PointerPhi]) -> None:
        """The pointers that stand for the memory inside the loop, which a group may exchange."""
        self.group = group
        self.front = self._pointer(self.first)
        pointers.append(self.front)
        if self.second is not None:
            self.back = self._pointer(self.second)
            pointers.append(self.back)

    def _pointer(self, memory: ir.Memory) -> ir.PointerPhi:
        inside, result = (ir.Memory("pointer", memory.nbytes, self.dtype) for _ in range(2))
        return ir.PointerPhi(inside, memory, None, result)

    def written(self, value: ArrayValue, pointers: list[ir.PointerPhi]) -> ir.Memory:
        """The other buffer, with the next value."""
        if self.back is None:  # the update was not done in place after all
            second = self.second = self.build.allocate(self.shape, self.dtype, lasting=True).memory
            self.back = self._pointer(second)
            pointers.append(self.back)
        self.build.write(self.at(self.back.inside), value)
        return self.back.inside

    def result(self, trips: int | None) -> Buffer:
        """The value after the loop; where it lies is known if only the loop's length decides."""
        held = [m for m in (self.first, self.second) if m is not None]
        self.build.release(held, free=False)
        self.build._unowned.extend(self.front.result.roots)
        alone = len(self.group) == 1
        if alone and self.front.next is self.front.inside:
            return self.at(self.first)
        if alone and trips is not None and self.second is not None:
            return self.at(self.second if trips % 2 else self.first)
        return self.at(self.front.result)


def _groups(large: dict[int, _Large], origins: Sequence[int | None]) -> list[list[_Large]]:
    """Arrays of one type that take each other's places."""
    group = {k: [k] for k in large}
    for k, j in enumerate(origins):
        if j is None or k not in large or j not in large or group[j] is group[k]:
            continue
        if (large[j].shape, large[j].dtype) == (large[k].shape, large[k].dtype):
            group[k] += group[j]
            for member in group[j]:
                group[member] = group[k]
    return [[large[k] for k in members] for members in {id(g): g for g in group.values()}.values()]


def sources(jaxpr: Jaxpr, first: int, count: int) -> list[int | None]:
    """For each of the first `count` results, which of so many arguments from `first` on it is made
    of by updates alone."""
    maker = definitions(jaxpr.eqns)
    carried = {v: k for k, v in enumerate(jaxpr.invars[first : first + count])}

    def source(atom: Any) -> int | None:
        while type(atom) is not Literal and atom not in carried:
            eqn = maker.get(atom)  # type: ignore[arg-type]
            if eqn is None:
                return None
            if eqn.primitive.higher_order:
                like = [v for v in eqn.invars if v.aval == atom.aval]
                atom = next((v for v in like if v in carried), like[0] if like else None)
            elif eqn.primitive.in_place:
                atom = eqn.invars[0]
            else:
                return None
        return carried.get(atom)  # type: ignore[arg-type]

    return [source(a) for a in jaxpr.outvars[:count]]


def element(build: Any, xs: ArrayValue, i: Index) -> ArrayValue:
    """Entry i along the first axis."""
    if isinstance(xs, RegisterArray):
        if isinstance(i, int):
            n = xs.size // xs.shape[0]
            return RegisterArray(xs.shape[1:], xs.dtype, xs.elements[i * n : (i + 1) * n])
        xs = build.spill(xs)
    if isinstance(xs, Buffer):
        offset = build.index_add(xs.offset, build.index_mul(i, xs.strides[0]))
        view: ArrayValue = Buffer(xs.memory, xs.shape[1:], xs.dtype, offset, xs.strides[1:])
    else:
        view = LazyArray(xs.shape[1:], xs.dtype, lambda b, index: xs.at(b, (i, *index)), [xs])
    return build.materialize_if_reused(view)


def scan_kernel(build: Any, *args: ArrayValue, out: Sequence[Any], jaxpr: Jaxpr, length: int,
                reverse: bool, num_consts: int, num_carry: int, at_once: bool = False,
                **params: Any) -> list[ArrayValue]:
    """One native loop; results of each iteration go to their place in the stacked arrays."""
    consts = build.materialize_reused(args[:num_consts])
    init = list(args[num_consts : num_consts + num_carry])
    jaxpr = build.updating(jaxpr)
    xs = build.materialize_reused(args[num_consts + num_carry :])
    stacked = [build.allocate(a.shape, a.storage) for a in out[num_carry:]]
    if length == 0:
        return [*init, *stacked]
    with build.holding(*consts, *xs, *stacked):
        carry = Carry(build, init, jaxpr, num_consts, length)
        node = ir.For(ir.Value("index", (), INT), length, carry.phis, ir.Block(),
                      independent=num_carry == 0,
                      reentrant_callbacks=at_once and num_carry == 0,
                      pointers=carry.pointers)
        with build.inside(node.body):
            i = build.index_sub(length - 1, node.index) if reverse else node.index
            outs = build.inline(jaxpr, [*consts, *carry.inside,
                                        *(element(build, x, i) for x in xs)])
            for target, value in zip(stacked, outs[num_carry:], strict=True):
                offset = build.index_mul(i, target.strides[0])
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
    consts = build.materialize_reused(args[:split])
    with build.holding(*consts):
        body_jaxpr = build.updating(body_jaxpr)
        carry = Carry(build, args[split:], body_jaxpr, body_nconsts)
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
    args = tuple(build.materialize_reused(args))
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
        merged: list[list[ir.Value]] = []
        rebuilds: list[tuple[int, Callable[..., Any]]] = []
        for block, found in zip(blocks, values, strict=True):
            with build.inside(block):
                flat, rebuilds = _put(build, targets, found)
            merged.append(flat)
        results = [ir.Value("result", (), s.dtype) for s in merged[0]]
        build.block.nodes.append(ir.Switch(which, blocks, merged, results))
    return _merged_outputs(build, out, targets, results, rebuilds)


def _targets(build: Any, out: Sequence[Any], own: Sequence[Any],
             values: Sequence[Sequence[ArrayValue]]) -> list[Buffer | None]:
    """Where the large results of branches go: to an operand's memory if a branch has it there."""
    free = {x.memory: x for x in own}  # one place for one result
    targets: list[Buffer | None] = []
    for aval, column in zip(out, zip(*values, strict=True), strict=True):
        if aval.size <= build.schedule.max_scalars:
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
         ) -> tuple[list[ir.Value], list[tuple[int, Callable[..., Any]]]]:
    """Large results of a branch to their places; the small ones as scalars, and how to rebuild."""
    flat: list[ir.Value] = []
    rebuilds: list[tuple[int, Callable[..., Any]]] = []
    writes: list[tuple[Buffer, ArrayValue]] = []
    for value, target in zip(values, targets, strict=True):
        if target is None:
            parts, rebuild = flatten_scalars(build.scalars(value).elements)
            flat.extend(parts)
            rebuilds.append((len(parts), rebuild))
        elif not _same_place(value, target):
            for other in targets:  # what is still to be read there is read before any is written
                value = value if other is None else build.detached(value, other)
            writes.append((target, value))
    for target, value in writes:
        build.write(target, value)
    return flat, rebuilds


def _merged_outputs(build: Any, out: Sequence[Any], targets: Sequence[Any],
                    results: Sequence[ir.Value], rebuilds: Sequence[Any]) -> list[ArrayValue]:
    outs: list[ArrayValue] = []
    parts, rest = iter(results), iter(rebuilds)
    for aval, target in zip(out, targets, strict=True):
        if target is not None:
            outs.append(target)
            continue
        count, rebuild = next(rest)
        elements = rebuild([next(parts) for _ in range(count)])
        outs.append(build.pin_scalars(RegisterArray(aval.shape, aval.storage, elements)))
    return outs
