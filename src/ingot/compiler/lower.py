"""Programs to kernels: each equation by its `kernel` slot, values computed where they are used.

Small arrays become scalars at once. Larger ones stay functions of an index until somebody needs
them in memory, so that a chain of elementwise operations is one loop. Memory is freed when the
last value that refers to it is dead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ingot.compiler.arena import Arena
from ingot.compiler.in_place import rewrite_for_in_place
from ingot.compiler.outlining import OutlineCandidates, call
from ingot.compiler.passes import PassRunner, is_on
from ingot.config import config
from ingot.core.array import Array, fetch
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import Tracer, leaked_tracer_error, to_array
from ingot.core.jaxpr import DropVar, Eqn, Jaxpr, Literal, Var, last_uses
from ingot.core.primitive import PythonFallback
from ingot.core.rewrite import use_counts
from ingot.errors import InternalError
from ingot.kernel import ir
from ingot.kernel.rules import (
    NATIVE_DTYPES,
    ArrayValue,
    Buffer,
    Builder,
    Index,
    LazyArray,
    RegisterArray,
    Unsupported,
    indices,
    row_major,
)
from ingot.kernel.schedule import SCHEDULE
from ingot.util import size_of


class HostFunction:
    """The `eval` of an equation, called from native code."""

    def __init__(self, eqn: Eqn, in_avals: list[ShapedArray], out_avals: list[ShapedArray]):
        self.eqn, self.in_avals, self.out_avals = eqn, in_avals, out_avals

    def __repr__(self) -> str:
        return self.eqn.primitive.name


class Lowering(Builder):
    """Builds the native function of one program, or one that a program calls."""

    def __init__(self, caller: Lowering | None = None, full: bool = True,
                 routines: Callable[[str], bool] | None = None,
                 run: PassRunner | None = None) -> None:
        """`full`: for the full tier. `routines` says whether there is a routine of this name, see
        `has_routine`."""
        super().__init__()
        self.run = caller.run if caller else run or PassRunner()
        self.routines = caller.routines if caller else routines
        self.full = self.vectors = caller.full if caller else full
        if caller:
            self.vector_bytes = caller.vector_bytes
        self.arena = Arena()
        self.temporaries: list[ir.Memory] = []
        self.constants: list[ir.Memory] = caller.constants if caller else []
        self.constant_sources: dict[int, Array] = caller.constant_sources if caller else {}
        self.host_functions: list[HostFunction] = caller.host_functions if caller else []
        self.repeated: OutlineCandidates | None = caller.repeated if caller else None
        self.is_called = caller is not None
        self.extra_copies = 0  # elements that would not be copied if it were not called
        self.has_expanded_result = False  # whether a result is large, and would not be stored then
        self._constant_of: dict[int, tuple[Any, ArrayValue]] = {}
        self._tables: dict[Any, Buffer] = caller._tables if caller else {}
        self._unowned: list[ir.Memory] = []
        self._pinned: set[ir.Memory] = set()
        self.overwritten: set[int] = set()  # donated arguments
        self._reusable_donations: list[ir.Memory] = []  # small ones that no result has taken
        self._given: dict[ir.Memory, ShapedArray] = {}  # donated arguments and their types

    def has_routine(self, symbol: str) -> bool:
        return self.routines is not None and self.routines(symbol)

    # ---- the whole program -----------------------------------------------------------------
    def function(self, jaxpr: Jaxpr, donated: Collection[int] = ()) -> ir.Function:
        """The kernel of a program over its arguments, of which some are donated, and results."""
        if self.repeated is None:
            self.repeated = OutlineCandidates(self.updating(jaxpr), self.updating)
        arguments = [ir.Memory("donated" if i in donated else "argument", v.aval.nbytes,
                               v.aval.storage, i) for i, v in enumerate(jaxpr.invars)]
        self._given = {m: v.aval for m, v in zip(arguments, jaxpr.invars, strict=True)
                       if m.kind == "donated"}
        if len(donated) <= MAX_REUSED_DONATIONS:
            self._reusable_donations = [m for m, aval in self._given.items()
                            if aval.size <= self.schedule.max_scalars]
        values = [self.argument(m, v.aval)
                  for m, v in zip(arguments, jaxpr.invars, strict=True)]
        outs = self.inline(jaxpr, values)
        for out in outs:
            self.retain(out.memories)
        results = [self.result(i, value, v.aval)
                   for i, (value, v) in enumerate(zip(outs, jaxpr.outvars, strict=True))]
        return ir.Function(self.root, arguments, results, self.constants,
                           [m for m in self.temporaries if m.kind == "temporary"],
                           self.arena.size)

    def argument(self, memory: ir.Memory, aval: ShapedArray) -> ArrayValue:
        """An argument of the program; small ones are read at once."""
        buffer = Buffer(memory, aval.shape, aval.storage)
        return self.scalars(buffer) if aval.size <= self.schedule.max_scalars else buffer

    def result(self, position: int, value: ArrayValue, aval: ShapedArray) -> ir.Memory:
        """Memory of a result; a temporary or a donated argument that holds just this value
        becomes it. A donated argument brings its array, which has a shape and a dtype."""
        if (isinstance(value, Buffer) and value.memory.kind in ("temporary", "donated")
                and value.contiguous and value.memory.refs == 1 and value.offset == 0
                and value.memory.nbytes == aval.nbytes
                and (value.memory.kind == "temporary" or self._fits(value.memory, aval))):
            memory = value.memory
            if memory.kind == "donated":
                self.overwritten.add(memory.position)
            else:
                memory.kind, memory.position = "result", position
            return memory
        self.extra_copies += value.size
        self.has_expanded_result |= isinstance(value, LazyArray) and value.expanded
        memory = None
        if isinstance(value, RegisterArray):  # small arguments have been read by now
            memory = next((m for m in self._reusable_donations if self._fits(m, aval)), None)
        if memory is not None:
            self._reusable_donations.remove(memory)
            self.overwritten.add(memory.position)
        else:
            memory = ir.Memory("result", aval.nbytes, aval.storage, position)
        self.write(Buffer(memory, aval.shape, aval.storage), value)
        return memory

    def _fits(self, donated: ir.Memory, aval: ShapedArray) -> bool:
        """Whether the array of a donated argument may be that of a result."""
        given = self._given[donated]
        return given.shape == aval.shape and given.storage == aval.storage

    # ---- equations ---------------------------------------------------------------------------
    def inline(self, jaxpr: Jaxpr, args: Sequence[ArrayValue]) -> list[ArrayValue]:
        """Results of a program, its equations appended to the current block."""
        jaxpr = self.updating(jaxpr)
        env: dict[Var, ArrayValue] = {}
        uses = weighted_uses(jaxpr)
        last = last_uses(jaxpr)
        for var, const in zip(jaxpr.constvars, jaxpr.consts, strict=True):
            self._bind(env, var, self.constant(const))
        for var, arg in zip(jaxpr.invars, args, strict=True):
            if not uses.get(var, 0):
                continue  # what is not read must not keep another argument from being updated
            if uses.get(var, 0) > 1 and kept(arg):
                arg = self.materialize(arg)
            if isinstance(arg, RegisterArray) and arg.block is None:
                self.pin_scalars(arg)
            self._bind(env, var, arg)
        for eqn, dying in zip(jaxpr.eqns, last, strict=True):
            self._equation(env, eqn, dying, uses)
        outs = [self._read(env, atom) for atom in jaxpr.outvars]
        for out in outs:
            self.retain(out.memories)
        for value in env.values():
            self.release(value.memories)
        for out in outs:
            self.release(out.memories, free=False)
        self._unowned.extend(m for out in outs for m in out.memories)
        return outs

    def updating(self, jaxpr: Jaxpr) -> Jaxpr:
        """A program in the form in which it is compiled."""
        return rewrite_for_in_place(jaxpr, self.run)

    def _equation(self, env: dict[Var, ArrayValue], eqn: Eqn, dying: Sequence[Var],
                  uses: dict[Var, int]) -> None:
        args = [self._read(env, a) for a in eqn.invars]
        unowned, self._unowned = self._unowned, []
        for var in dying:  # operands that die here may be updated in place
            if var in env:
                value = env.pop(var)
                self.release(value.memories, free=False)
                self._unowned.extend(value.memories)
        if eqn.primitive.in_place:
            self._detach(env, args[0])
        outs = self._run(eqn, args)
        for var, out in zip(eqn.outvars, outs, strict=True):
            if not isinstance(var, DropVar) and uses.get(var, 0):
                self._bind(env, var, self.materialize_if_reused(out, uses.get(var, 0)))
        for memory in self._unowned:
            self.free_if_dead(memory)
        self._unowned = unowned

    def _detach(self, env: dict[Var, ArrayValue], x: ArrayValue) -> None:
        """Compute small values that still read an array which could be updated in place."""
        if not isinstance(x, Buffer) or not x.memory.writable or not x.memory.refs:
            return
        readers = [(v, y) for v, y in env.items() if x.memory in y.memories]
        nbytes = sum(v.aval.nbytes for v, _ in readers)
        if len(readers) != x.memory.refs or 2 * nbytes > x.memory.nbytes:
            return
        for var, y in readers:
            copy = self.allocate(y.shape, y.dtype)
            self.write(copy, y)
            self.release(y.memories, free=False)
            self._bind(env, var, copy)

    def _run(self, eqn: Eqn, args: Sequence[ArrayValue]) -> list[ArrayValue]:
        primitive, out_avals = eqn.primitive, [v.aval for v in eqn.outvars]
        if isinstance(primitive.kernel, PythonFallback):
            return self.host_call(eqn, args)
        if self.repeated is not None and id(eqn) in self.repeated.groups and is_on("outline"):
            called = call(self, self.repeated.groups[id(eqn)], eqn, args)
            if called is not None:
                return called
        mark, temporaries = self.mark(), len(self.temporaries)
        try:
            if primitive.multiple_results:
                return list(primitive.rule("kernel")(self, *args, out=out_avals, **eqn.params))
            return [primitive.rule("kernel")(self, *args, out=out_avals[0], **eqn.params)]
        except Unsupported as error:
            changed = self.roll_back(mark) or temporaries != len(self.temporaries)
            if changed and config.enable_checks:
                raise InternalError(f"{primitive.name}: its kernel rule raises Unsupported after it"
                                    " has built something; it must decide before") from error
            return self.host_call(eqn, args)

    def _bind(self, env: dict[Var, ArrayValue], var: Var, value: ArrayValue) -> None:
        env[var] = value
        self.retain(value.memories)

    def _read(self, env: dict[Var, ArrayValue], atom: Any) -> ArrayValue:
        return self.constant(atom.val) if type(atom) is Literal else env[atom]

    def materialize_if_reused(self, x: ArrayValue, uses: int = 1) -> ArrayValue:
        """Compute now what is small or used repeatedly at a cost; leave the rest for its user."""
        if isinstance(x, RegisterArray):
            return x if x.block is not None else self.pin_scalars(x)
        if x.size <= self.schedule.max_scalars or (uses > 1 and kept(x)) or (
                uses >= REPEATED and isinstance(x, LazyArray)
                and x.cost > self.schedule.inline_max_cost):
            x = self.materialize(x)
            if x.size <= self.schedule.max_scalars and isinstance(x, Buffer):
                x = self.scalars(x)
        return x

    def materialize_reused(self, xs: Iterable[ArrayValue]) -> list[ArrayValue]:
        """Values fit to be read repeatedly, from inside a loop or a branch."""
        small = self.schedule.max_scalars
        return [self.materialize_if_reused(x, uses=REPEATED) if x.size <= small or x.cost else x
                for x in xs]

    # ---- constants ---------------------------------------------------------------------------
    def constant(self, value: Any) -> ArrayValue:
        """A concrete array as a value of the program."""
        array = to_array(value)
        if isinstance(array, Tracer):  # a rule inside of checkpoint that closes over it
            raise leaked_tracer_error(array)
        found = self._constant_of.get(id(array))
        if found is None:
            found = self._constant_of[id(array)] = (array, self._constant(fetch(array)))
            if isinstance(found[1], Buffer):
                self.constant_sources[found[1].memory.position] = array
        return found[1]

    def _constant(self, data: np.ndarray) -> ArrayValue:
        if data.size <= self.schedule.max_scalars and data.dtype in NATIVE_DTYPES:
            elements = [self.const(data[i], data.dtype) for i in indices(data.shape)]
            scalars = RegisterArray(data.shape, data.dtype, elements)
            scalars.block = self.root
            return scalars
        if data.size > 1 and not any(data.strides[a] for a, n in enumerate(data.shape) if n > 1):
            inner = self._constant(np.ascontiguousarray(data[(0,) * data.ndim]).reshape(()))
            return LazyArray(data.shape, data.dtype, lambda build, index: inner.at(build, ()),
                             [inner])
        return self._in_memory(np.ascontiguousarray(data).reshape(data.shape))  # keeps rank 0

    def _in_memory(self, data: np.ndarray) -> Buffer:
        memory = ir.Memory("constant", data.nbytes, data.dtype, len(self.constants), data=data)
        memory.refs = 1
        self.constants.append(memory)
        return Buffer(memory, data.shape, data.dtype)

    def table(self, data: np.ndarray) -> Buffer:
        """Constants in memory, however few; equal ones are there once."""
        key = data.dtype, data.shape, data.tobytes()
        found = self._tables.get(key)
        if found is None:
            found = self._tables[key] = self._in_memory(data)
        return found

    # ---- memory ------------------------------------------------------------------------------
    def allocate(self, shape: Sequence[int], dtype: np.dtype, lasting: bool = False) -> Buffer:
        """Temporary memory, freed when no value refers to it.

        What is `lasting` is never freed, nor shared with what was freed before: it may be written
        in an enclosing block, before a loop whose body has used that memory already.
        """
        nbytes = size_of(shape) * dtype.itemsize
        memory = ir.Memory("temporary", nbytes, dtype,
                           offset=self.arena.allocate(nbytes, fresh=lasting))
        self.temporaries.append(memory)
        if lasting:
            memory.refs = 1
        else:
            self._unowned.append(memory)
        return Buffer(memory, shape, dtype)

    def retain(self, memories: Iterable[ir.Memory]) -> None:
        """Keep memories from being freed or updated in place."""
        for memory in memories:
            memory.refs += 1

    def release(self, memories: Iterable[ir.Memory], free: bool = True) -> None:
        """Undo `retain`."""
        for memory in memories:
            memory.refs -= 1
            if free:
                self.free_if_dead(memory)

    def free_if_dead(self, memory: ir.Memory) -> None:
        """Give a temporary's block back if no live value refers to it."""
        if memory.kind == "temporary" and memory.refs == 0 and memory.offset >= 0 \
                and memory.position != FREED and memory not in self._pinned:
            memory.position = FREED
            self.arena.free(memory.offset, memory.nbytes)

    @contextmanager
    def holding(self, *values: ArrayValue) -> Iterator[None]:
        """Keep the memory of values for the duration: loops read it again and again."""
        memories = [m for v in values for m in v.memories]
        self.retain(memories)
        try:
            yield
        finally:
            self.release(memories, free=False)
            self._unowned.extend(memories)

    @contextmanager
    def pinning(self, *values: ArrayValue) -> Iterator[None]:
        """Keep the memory of owned values, so that several branches may each update it in place."""
        memories = {m for v in values for m in v.memories} - self._pinned
        self._pinned |= memories
        try:
            yield
        finally:
            self._pinned -= memories
            self._unowned.extend(memories)

    def owned(self, x: ArrayValue) -> bool:
        """Whether `x` is all of some memory that nobody else reads: who asks may write there."""
        owned = (isinstance(x, Buffer) and x.memory.writable and x.memory.refs == 0
                 and x.memory.position != FREED and x.contiguous and x.offset == 0
                 and x.memory.nbytes == x.size * x.dtype.itemsize)
        if owned and x.memory.kind == "donated":  # type: ignore[attr-defined]
            self.overwritten.add(x.memory.position)  # type: ignore[attr-defined]
        return owned

    def copy_of(self, x: ArrayValue, *others: ArrayValue) -> list[Any]:
        """An owned contiguous buffer with the elements of `x`, its own memory if that is dying; and
        the other operands, which writing to it leaves alone."""
        if self.owned(x):
            return [x, *(self.detached(y, x) for y in others)]
        if isinstance(x, Buffer) and x.memory.kind == "argument":
            self.extra_copies += x.size
        target = self.allocate(x.shape, x.dtype)
        self.write(target, x)
        return [target, *others]

    def write(self, target: Buffer, x: ArrayValue) -> None:
        """Store every element; contiguous memory is copied at once."""
        if isinstance(x, Buffer) and x.contiguous and target.contiguous and x.size > 1 \
                and x.memory is not target.memory:
            self._copy(target, x)
            return
        super().write(target, x)

    def _copy(self, target: Buffer, x: Buffer) -> None:
        """Copy contiguous memory, in parts that threads share if there is much."""
        part = COPIED // max(x.dtype.itemsize, 1)
        count = x.size // part if x.size >= 4 * part else 0

        def move(first: Index, size: int) -> None:
            self.block.nodes.append(ir.Copy(
                target.memory, self.index_add(target.offset, first), x.memory,
                self.index_add(x.offset, first), size * x.dtype.itemsize, x.dtype))

        if count:
            with self.loop(count, independent=True) as k:
                move(self.index_mul(k, part), part)
        if x.size > count * part:
            move(count * part, x.size - count * part)

    # ---- host calls --------------------------------------------------------------------------
    def host_call(self, eqn: Eqn, args: Sequence[ArrayValue]) -> list[ArrayValue]:
        """Run an equation by its `eval`, in Python."""
        in_avals = [a.aval for a in eqn.invars]
        out_avals = [v.aval for v in eqn.outvars]
        inputs = [self.contiguous(x) for x in args]
        outs = [self.allocate(a.shape, a.storage) for a in out_avals]
        number = len(self.host_functions)
        self.host_functions.append(HostFunction(eqn, in_avals, out_avals))
        places = [(b.memory, b.offset) for b in (*inputs, *outs)]
        self.block.nodes.append(ir.PythonCall(number, places))
        return list(outs)


FREED = -2

COPIED = 1 << 17
"""Bytes that one thread copies at a time."""

MAX_REUSED_DONATIONS = 4
"""Donated arguments up to which small results take their memory; a new one costs less than to make
sure that each of many belongs to nobody else."""

REPEATED = 1000
"""Uses of a value that a loop reads in each iteration."""

def kept(x: ArrayValue) -> bool:
    """Whether a value with several uses is stored, rather than computed for each of them."""
    return isinstance(x, LazyArray) and x.cost > SCHEDULE.inline_max_cost and not x.expanded


def weighted_uses(jaxpr: Jaxpr) -> dict[Var, int]:
    """How often each variable is read; programs inside an equation read repeatedly."""
    def weight(eqn: Eqn) -> int:
        return 2 if eqn.primitive.higher_order and eqn.primitive.name != "jit" else 1

    return jaxpr.memo("weighted_uses", lambda: use_counts(jaxpr, weight))


__all__ = ["HostFunction", "Lowering", "row_major"]
