"""Lowering: what kernel rules are written against; meaning, apart from how loops are scheduled.

A rule in the `kernel` slot of an operation says which element is computed from which, where values
are needed in memory, and which library routine does the work. How large a tile is, which loops are
vectorized or shared by threads, and what is kept in registers is up to the implementation:
`Builder` is the one whose loops LLVM compiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from ingot.kernel import ir
from ingot.kernel.ir import Index, Value
from ingot.kernel.schedule import Schedule
from ingot.kernel.values import ArrayValue, Buffer, RegisterArray


class Lowering(Protocol):
    """Builds the kernel of a jaxpr; rules get it as their first argument, `build`."""

    block: ir.Block
    """Where nodes are appended that no method below makes."""

    schedule: Schedule
    """The limits by which loops are cut, unrolled, shared and stored."""

    vectors: bool
    """Whether loops will be vectorized, so that partial sums side by side cost nothing."""

    vector_bytes: int
    """Bytes of the vectors that loops get then."""

    # ---- scalars ---------------------------------------------------------------------------------
    def const(self, value: Any, dtype: Any) -> Any:
        """Return a scalar constant."""
        ...

    def op(self, name: str, *args: Any, dtype: Any = None, attr: Any = None) -> Any:
        """Apply one of `ir.SCALAR_OPS`; the result has `dtype`, by default that of the operand.

        `attr="reassociate"` allows a reduction to be regrouped. Raises Unsupported for complex
        operands, unless the operation is in `COMPLEX`.
        """
        ...

    def external(self, symbol: str, *args: Value, dtype: Any = None) -> Value:
        """Call a pure C function on scalars, e.g. 'scipy.special.cython_special:psi'."""
        ...

    def converted(self, scalar: Any, dtype: np.dtype) -> Any:
        """Return a scalar in another dtype; real numbers become complex ones."""
        ...

    def select(self, pred: Value, on_true: Any, on_false: Any) -> Any:
        """Return `on_true` where `pred` holds, else `on_false`; both are computed."""
        ...

    # ---- index arithmetic: Python integers are folded --------------------------------------------
    def index(self, i: Index) -> Value:
        """Return an index as an int64 scalar."""
        ...

    def as_index(self, x: Value) -> Index:
        """Return an integer scalar of any dtype as an index."""
        ...

    def index_add(self, a: Index, b: Index) -> Index:
        """Return the sum of two indices."""
        ...

    def index_sub(self, a: Index, b: Index) -> Index:
        """Return the difference of two indices."""
        ...

    def index_mul(self, a: Index, b: Index) -> Index:
        """Return the product of two indices."""
        ...

    def index_div(self, a: Index, b: int) -> Index:
        """Return the floor quotient of a nonnegative index."""
        ...

    def index_rem(self, a: Index, b: int) -> Index:
        """Return the remainder of a nonnegative index."""
        ...

    def iclamp(self, a: Index, high: int) -> Index:
        """Return the index moved into [0, high]."""
        ...

    def imin(self, a: Index, b: Index) -> Index:
        """Return the smaller of two indices."""
        ...

    # ---- memory ----------------------------------------------------------------------------------
    def load(self, memory: Any, position: Index, dtype: np.dtype) -> Any:
        """Return the element at a position counted in elements."""
        ...

    def store(self, target: Buffer, index: Sequence[Index], value: Any) -> None:
        """Write one element."""
        ...

    def allocate(self, shape: Sequence[int], dtype: np.dtype, lasting: bool = False) -> Buffer:
        """Return temporary memory; `lasting` memory is never shared with other temporaries."""
        ...

    def table(self, data: np.ndarray) -> Buffer:
        """Return memory with constants that a library routine reads, the same for equal ones."""
        ...

    def write(self, target: Buffer, x: ArrayValue) -> None:
        """Store every element of `x` into `target`."""
        ...

    def materialize(self, x: ArrayValue) -> ArrayValue:
        """Return the value computed now: scalars if it is small, memory otherwise."""
        ...

    def contiguous(self, x: ArrayValue) -> Buffer:
        """Return the value in row-major memory, as library routines need it."""
        ...

    def scalars(self, x: ArrayValue) -> RegisterArray:
        """Return a small array with every element computed now."""
        ...

    def pin_scalars(self, x: RegisterArray) -> RegisterArray:
        """Record that the elements are available from here on, and return the array."""
        ...

    def spill(self, x: RegisterArray) -> Buffer:
        """Return memory with a small array's elements, for indexing at run time."""
        ...

    def detached(self, x: ArrayValue, target: ArrayValue) -> ArrayValue:
        """Return `x` in memory that writing into `target` does not change."""
        ...

    def copy_of(self, x: ArrayValue, *others: ArrayValue) -> list[Any]:
        """Return an unshared contiguous buffer with the elements of `x` (its own memory if that has
        no other references), and the other operands, which writing to it does not change."""
        ...

    def materialize_reused(self, xs: Iterable[ArrayValue]) -> list[ArrayValue]:
        """Return values fit to be read repeatedly, from inside a loop or a branch."""
        ...

    def holding(self, *values: ArrayValue) -> AbstractContextManager[None]:
        """Keep the memory of values inside the context, since a loop reads it repeatedly."""
        ...

    # ---- loops and reductions --------------------------------------------------------------------
    def inside(self, block: ir.Block) -> AbstractContextManager[ir.Block]:
        """Append to another block inside the context."""
        ...

    def loop(self, stop: Index, vector: bool = False, independent: bool = False
             ) -> AbstractContextManager[Index]:
        """`with build.loop(n) as i:` the body sees i = 0..n-1; see `ir.For` for the flags."""
        ...

    def nest(self, shape: Sequence[int], body: Callable[[tuple[Index, ...]], None],
             vector: bool = False, cost: int = 1) -> None:
        """Run `body(index)` for all indices of `shape`."""
        ...

    def lines(self, shape: Sequence[int], body: Callable[[tuple[Index, ...]], None]) -> None:
        """Run `body(index)` for all indices; the bodies are independent loops themselves."""
        ...

    def accumulate(self, stop: Index, init: Sequence[Any],
                   body: Callable[[Index, list[Any]], Sequence[Any]]) -> list[Any]:
        """Run a loop that carries scalars: `body(i, carry) -> carry`; return the last carry."""
        ...

    def fold(self, shape: Sequence[int], init: Any,
             combine: Callable[[Any, tuple[Index, ...]], Any]) -> Any:
        """Fold over all indices of `shape`: `carry = combine(carry, index)`."""
        ...

    def when(self, pred: Value, body: Callable[[], Sequence[Any]], otherwise: list[Any]
             ) -> list[Any]:
        """Return the scalars that `body` computes if `pred` holds, else those given."""
        ...

    def branch(self, pred: Value, on_true: Callable[[], None], on_false: Callable[[], None]
               ) -> None:
        """Build one of two pieces of code, which write to memory."""
        ...

    # ---- library calls ---------------------------------------------------------------------------
    def has_routine(self, symbol: str) -> bool:
        """Return whether `call_routine` may call this."""
        ...

    def call_routine(self, symbol: str, args: list[Any], work: int, **details: Any) -> None:
        """Call a C or Fortran routine; see `ir.ExternCall` for the arguments. `work` is an estimate
        in simple instructions."""
        ...
