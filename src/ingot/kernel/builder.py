"""The builder: appends instructions, loops and branches to the kernel under construction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ingot.kernel import ir
from ingot.kernel.complex_functions import complex_op
from ingot.kernel.ir import Index, Value
from ingot.kernel.schedule import SCHEDULE, Schedule
from ingot.kernel.tiles import contiguous_axis, write_tiled
from ingot.kernel.values import (
    BOOL,
    INT,
    ArrayValue,
    Buffer,
    Complex,
    RegisterArray,
    flatten_scalars,
    indices,
    real_dtype,
)
from ingot.util import size_of

Mark = tuple[list[int], int]
"""How many nodes the open blocks had, and how many small arrays were in memory."""


class Builder:
    """Appends instructions to the current block."""

    schedule: Schedule = SCHEDULE
    vectors = True  # whether LLVM's passes follow, which make vectors of loops
    vector_bytes = 16  # of these vectors, at least

    def __init__(self) -> None:
        self.root = self.block = ir.Block()
        self._open = [self.root]  # the current block last, around it those that it came from
        self._numbered: list[dict[Any, Value]] = [{}]
        self._constants: dict[Any, Value] = {}
        self._spilled: list[RegisterArray] = []

    def has_routine(self, symbol: str) -> bool:
        """Whether `call_routine` may call this."""
        return False

    def call_routine(self, symbol: str, args: list[Any], work: int, **details: Any) -> None:
        """Call a C or Fortran routine; see `ir.ExternCall`."""
        self.block.nodes.append(ir.ExternCall(symbol, args, work, **details))

    # ---- scalars ---------------------------------------------------------------------------------
    def const(self, value: Any, dtype: Any) -> Any:
        """A scalar constant."""
        dtype = np.dtype(dtype)
        if dtype.kind == "c":
            part = real_dtype(dtype)
            value = complex(value)
            return Complex(self.const(value.real, part), self.const(value.imag, part), dtype)
        key = (dtype, np.asarray(value).astype(dtype).tobytes())
        found = self._constants.get(key)
        if found is None:
            found = self._constants[key] = Value("const", (), dtype, np.asarray(value, dtype)[()])
        return found

    def op(self, name: str, *args: Any, dtype: Any = None, attr: Any = None) -> Any:
        """One scalar operation; the result has `dtype`, by default that of the first argument.

        `attr="reassociate"` lets a back end regroup a reduction.
        """
        if name in ir.COMPARE:
            dtype = BOOL
        elif dtype is None:
            dtype = args[1].dtype if name == "select" else args[0].dtype
        else:
            dtype = np.dtype(dtype)
        if name == "select":
            return self.select(*args)
        if Complex in map(type, args):
            return complex_op(self, name, *args)
        if name == "convert":
            if args[0].dtype == dtype:
                return args[0]
            if args[0].op == "const" and args[0].dtype == BOOL:
                return self.const(bool(args[0].attr), dtype)
        if name in FOLDED and args[0].op == args[-1].op == "const" \
                and args[0].dtype in FOLDED_TYPES:
            with np.errstate(all="ignore"):
                return self.const(FOLDED[name](*(x.attr for x in args)), dtype)
        known = simplified(name, args, attr)
        return known if known is not None else self._number(name, args, dtype, attr)

    def _number(self, name: str, args: Sequence[Value], dtype: np.dtype, attr: Any) -> Value:
        """Append an instruction, or find the same one in this block or an enclosing one."""
        key = (name, *map(id, args), dtype, attr)
        for table in reversed(self._numbered):
            found = table.get(key)
            if found is not None:
                return found
        result = Value(name, args, dtype, attr)
        self._numbered[-1][key] = result
        self.block.nodes.append(result)
        return result

    def mark(self) -> Mark:
        """What has been built up to here, for `roll_back`."""
        return [len(block.nodes) for block in self._open], len(self._spilled)

    def roll_back(self, mark: Mark) -> bool:
        """Forget what was built after `mark`, in whichever block; whether there was anything."""
        lengths, spilled = mark
        changed = mark != self.mark()
        for block, length in zip(self._open, lengths, strict=True):
            del block.nodes[length:]
        for x in self._spilled[spilled:]:
            x.spilled = None
        del self._spilled[spilled:]
        self._numbered[-1].clear()
        return changed

    def external(self, symbol: str, *args: Value, dtype: Any = None) -> Value:
        """Call a pure C function on scalars, e.g. 'scipy.special.cython_special:psi'."""
        return self._number("external", args, np.dtype(dtype or args[0].dtype), symbol)

    def converted(self, scalar: Any, dtype: np.dtype) -> Any:
        """A scalar in another dtype; real numbers become complex ones."""
        if scalar.dtype == dtype:
            return scalar
        if dtype.kind != "c":
            return self.op("convert", scalar, dtype=dtype)
        part = real_dtype(dtype)
        parts = (scalar.real, scalar.imag) if type(scalar) is Complex else (
            scalar, self.const(0, part))
        real, imag = (self.op("convert", p, dtype=part) for p in parts)
        return Complex(real, imag, dtype)

    def select(self, pred: Value, on_true: Any, on_false: Any) -> Any:
        """`on_true` where `pred` holds, else `on_false`; both are computed."""
        if type(on_true) is Complex:
            return Complex(self.select(pred, on_true.real, on_false.real),
                           self.select(pred, on_true.imag, on_false.imag), on_true.dtype)
        if pred.op == "const":
            return on_true if pred.attr else on_false
        if on_true is on_false:
            return on_true
        return self._number("select", (pred, on_true, on_false), on_true.dtype, None)

    # ---- index arithmetic: Python integers are folded --------------------------------------------
    def index(self, i: Index) -> Value:
        """An index as an int64 scalar."""
        return self.const(i, INT) if isinstance(i, int) else i

    def index_add(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if isinstance(a, int) and a == 0:
            return b
        if isinstance(b, int) and b == 0:
            return a
        return self.op("add", self.index(a), self.index(b))

    def index_sub(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        if isinstance(b, int) and b == 0:
            return a
        return self.op("sub", self.index(a), self.index(b))

    def index_mul(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        for x, y in ((a, b), (b, a)):
            if isinstance(x, int) and x in (0, 1):
                return y if x == 1 else 0
        return self.op("mul", self.index(a), self.index(b))

    def index_div(self, a: Index, b: int) -> Index:
        """Floor quotient of a nonnegative index."""
        if isinstance(a, int):
            return a // b
        return a if b == 1 else self.op("div", a, self.index(b))

    def index_rem(self, a: Index, b: int) -> Index:
        """Remainder of a nonnegative index."""
        if isinstance(a, int):
            return a % b
        return 0 if b == 1 else self.op("rem", a, self.index(b))

    def iclamp(self, a: Index, high: int) -> Index:
        """The index moved into [0, high]."""
        if isinstance(a, int):
            return min(max(a, 0), high)
        low = self.op("max", a, self.index(0))
        return self.op("min", low, self.index(high))

    def imin(self, a: Index, b: Index) -> Index:
        """The smaller of two indices."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return self.op("min", self.index(a), self.index(b))

    def as_index(self, x: Value) -> Index:
        """An integer scalar of any dtype as an index."""
        if x.op == "const":
            return int(x.attr)
        return self.op("convert", x, dtype=INT)

    # ---- memory ----------------------------------------------------------------------------------
    def load(self, memory: Any, position: Index, dtype: np.dtype) -> Any:
        """The element at a position counted in elements."""
        if not dtype.itemsize:  # float0 has no bits: any value stands for its elements
            return self.const(False, BOOL)
        if dtype.kind == "c":
            part = real_dtype(dtype)
            two = self.index_mul(position, 2)
            return Complex(self.load(memory, two, part),
                           self.load(memory, self.index_add(two, 1), part), dtype)
        result = Value("load", (memory, position), dtype)
        self.block.nodes.append(result)
        return result

    def store(self, target: Buffer, index: Sequence[Index], value: Any) -> None:
        """Write one element."""
        if not target.dtype.itemsize:
            return
        position = target.position(self, index)
        if type(value) is Complex:
            two = self.index_mul(position, 2)
            self.block.nodes.append(ir.Store(target.memory, two, value.real))
            self.block.nodes.append(ir.Store(target.memory, self.index_add(two, 1), value.imag))
        else:
            self.block.nodes.append(ir.Store(target.memory, position, value))

    def allocate(self, shape: Sequence[int], dtype: np.dtype, lasting: bool = False) -> Buffer:
        """Temporary memory; the compiler's builder says where."""
        raise TypeError("abstract")  # pragma: no cover

    def table(self, data: np.ndarray) -> Buffer:
        """Constants in memory; the compiler's builder says where."""
        raise TypeError("abstract")  # pragma: no cover

    # ---- control ---------------------------------------------------------------------------------
    @contextmanager
    def inside(self, block: ir.Block) -> Iterator[ir.Block]:
        """Append to another block meanwhile."""
        self.block = block
        self._open.append(block)
        self._numbered.append({})
        try:
            yield block
        finally:
            self._numbered.pop()
            self._open.pop()
            self.block = self._open[-1]

    @contextmanager
    def loop(self, stop: Index, vector: bool = False, independent: bool = False
             ) -> Iterator[Index]:
        """`with build.loop(n) as i:` the body sees i = 0..n-1; see `ir.For` for the flags."""
        if stop == 1:
            yield 0
            return
        if stop == 0:
            with self.inside(ir.Block()):  # built, for its types, and thrown away
                yield 0
            return
        node = ir.For(Value("index", (), INT), stop, [], ir.Block(), vector,
                      vector or independent)
        with self.inside(node.body):
            yield node.index
        self.block.nodes.append(node)

    def accumulate(self, stop: Index, init: Sequence[Any],
                   body: Callable[[Index, list[Any]], Sequence[Any]]) -> list[Any]:
        """A loop that carries scalars: `body(i, carry) -> carry`; the last carry is the result."""
        flat, rebuild = flatten_scalars(init)
        phis = [ir.Phi(Value("phi", (), s.dtype), s, None, Value("result", (), s.dtype))
                for s in flat]
        node = ir.For(Value("index", (), INT), stop, phis, ir.Block())
        with self.inside(node.body):
            out = body(node.index, rebuild([p.scalar for p in phis]))
            for phi, value in zip(phis, flatten_scalars(out)[0], strict=True):
                phi.next = value
        self.block.nodes.append(node)
        return rebuild([p.result for p in phis])

    def when(self, pred: Value, body: Callable[[], Sequence[Any]], otherwise: list[Any]
             ) -> list[Any]:
        """The scalars that `body` computes if `pred` holds, else those given."""
        flat, rebuild = flatten_scalars(otherwise)
        with self.inside(ir.Block()) as block:
            computed = flatten_scalars(body())[0]
        results = [Value("result", (), s.dtype) for s in flat]
        which = self.op("convert", pred, dtype=INT)
        self.block.nodes.append(ir.Switch(which, [ir.Block(), block], [flat, computed], results))
        return rebuild(results)

    def branch(self, pred: Value, on_true: Callable[[], None], on_false: Callable[[], None]
               ) -> None:
        """One of two pieces of code, which write to memory."""
        blocks = []
        for body in (on_false, on_true):
            with self.inside(ir.Block()) as block:
                body()
            blocks.append(block)
        which = self.op("convert", pred, dtype=INT)
        self.block.nodes.append(ir.Switch(which, blocks, [[], []], []))

    # ---- arrays ----------------------------------------------------------------------------------
    def spill(self, x: RegisterArray) -> Buffer:
        """A small array's elements in memory, for indexing at run time.

        The stores go where the elements were computed, an enclosing block whose loop node is not
        yet appended: so they are done once, before the loop.
        """
        if x.spilled is None:
            buffer = self.allocate(x.shape, x.dtype, lasting=True)
            with self.inside(x.block or self.root):
                for index, element in zip(indices(x.shape), x.elements, strict=True):
                    self.store(buffer, index, element)
            x.spilled = buffer
            self._spilled.append(x)
        return x.spilled

    def scalars(self, x: ArrayValue) -> RegisterArray:
        """A small array with every element computed now."""
        if isinstance(x, RegisterArray):
            return x
        return self.pin_scalars(
            RegisterArray(x.shape, x.dtype, [x.at(self, i) for i in indices(x.shape)]))

    def pin_scalars(self, x: RegisterArray) -> RegisterArray:
        """Remember that the elements are available from here on."""
        x.block = self.block
        return x

    def materialize(self, x: ArrayValue) -> ArrayValue:
        """The value computed now: scalars if it is small, memory if not."""
        if isinstance(x, (RegisterArray, Buffer)):
            return x
        limits = self.schedule
        most = limits.max_unrolled_loaded_work if x.memories else limits.max_unrolled_work
        if x.size <= limits.max_scalars and (x.size <= 1 or x.cost * x.size <= most):
            return self.scalars(x)
        target = self.allocate(x.shape, x.dtype)
        self.write(target, x)
        return target

    def contiguous(self, x: ArrayValue) -> Buffer:
        """The value in row-major memory, as libraries want it."""
        if isinstance(x, Buffer) and x.contiguous:
            return x
        if isinstance(x, RegisterArray):
            return self.spill(x)
        target = self.allocate(x.shape, x.dtype)
        self.write(target, x)
        return target

    def detached(self, x: ArrayValue, target: ArrayValue) -> ArrayValue:
        """`x` in memory that writing into `target` leaves alone."""
        if isinstance(x, RegisterArray) or not x.memories & target.memories:
            return x
        copy = self.allocate(x.shape, x.dtype)
        self.write(copy, x)
        return copy

    def write(self, target: Buffer, x: ArrayValue) -> None:
        """Store every element of `x` into `target`."""
        is_large = x.size > self.schedule.max_scalars
        axis = contiguous_axis(self, x) if x.is_transposed and is_large else None
        if axis is not None:
            write_tiled(self, target, x, axis)
            return
        self.nest(target.shape, lambda index: self.store(target, index, x.at(self, index)),
                  vector=True, cost=x.cost)

    def nest(self, shape: Sequence[int], body: Callable[[tuple[Index, ...]], None],
             vector: bool = False, cost: int = 1) -> None:
        """A loop nest over all indices; short ones are unrolled."""
        if size_of(shape) == 0:
            return
        count, limits = size_of(shape), self.schedule
        if count <= limits.max_scalars // 4 and cost * count <= limits.max_unrolled_work:
            for index in indices(shape):
                body(index)
            return

        def level(depth: int, index: tuple[Index, ...]) -> None:
            if depth == len(shape):
                body(index)
                return
            innermost = all(n == 1 for n in shape[depth + 1 :])
            with self.loop(shape[depth], vector and innermost, vector) as i:
                level(depth + 1, (*index, i))

        level(0, ())

    def lines(self, shape: Sequence[int], body: Callable[[tuple[Index, ...]], None]) -> None:
        """A loop nest over independent lines, each of which is a loop itself."""
        def level(index: tuple[Index, ...]) -> None:
            if len(index) == len(shape):
                body(index)
                return
            with self.loop(shape[len(index)], independent=True) as i:
                level((*index, i))

        if size_of(shape):
            level(())

    def fold(self, shape: Sequence[int], init: Any,
             combine: Callable[[Any, tuple[Index, ...]], Any]) -> Any:
        """Fold over all indices of `shape`: `carry = combine(carry, index)`."""
        if size_of(shape) == 0:
            return init
        if size_of(shape) <= self.schedule.max_scalars:
            for index in indices(shape):
                init = combine(init, index)
            return init

        def level(depth: int, index: tuple[Index, ...], carry: Any) -> Any:
            if depth == len(shape):
                return combine(carry, index)
            if shape[depth] == 1:
                return level(depth + 1, (*index, 0), carry)
            return self.accumulate(
                shape[depth], [carry], lambda i, c: [level(depth + 1, (*index, i), c[0])])[0]

        return level(0, (), init)


FOLDED: dict[str, Callable[..., Any]] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "add": np.add, "sub": np.subtract, "mul": np.multiply,
    "neg": np.negative}
"""Operations on constants that are done when a program is compiled, with the bits of later."""

FOLDED_TYPES = (np.dtype(np.float32), np.dtype(np.float64))


def simplified(name: str, args: Sequence[Value], attr: Any) -> Value | None:
    """An operand that equals the result, for identities that hold exactly (NaN, -0 included)."""
    if name == "mul":
        for x, y in ((args[0], args[1]), (args[1], args[0])):
            if y.op == "const" and y.attr == 1:
                return x
    elif name == "add":
        for x, y in ((args[0], args[1]), (args[1], args[0])):
            if y.op == "const" and y.attr == 0 and (attr or x.dtype.kind != "f"
                                                    or np.signbit(y.attr)):
                return x
    elif name in ("and", "or") and args[0].dtype == BOOL:
        for x, y in ((args[0], args[1]), (args[1], args[0])):
            if y.op == "const":
                return y if bool(y.attr) is (name == "or") else x
    elif name in ("sub", "div") and args[1].op == "const":
        neutral = 0 if name == "sub" else 1
        if args[1].attr == neutral and not (name == "sub" and np.signbit(args[1].attr)):
            return args[0]
    return None
