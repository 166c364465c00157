"""What library routines read and write, by their arguments: the places of their operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.kernel import ir, numpy_fft, numpy_sort, tile_product
from ingot.kernel.ir import Index


@dataclass(frozen=True)
class Operand:
    """Columns of `length` elements from a pointer on, `rows` of them (and again), so many bytes
    apart."""

    memory: ir.Memory
    index: Index
    length: Index
    rows: Sequence[tuple[Index, Index]] = ()
    reads: bool = True
    writes: bool = False


Arguments = Sequence[Any]


class Unlisted(Exception):
    """A routine of which nothing is known here."""


def operands(node: ir.ExternCall, times: Callable[[Index, int], Index]) -> list[Operand]:
    """The operands of a call; `times` multiplies an index."""
    library, _, name = node.symbol.partition(":")
    found = ROUTINES.get((library, name.rpartition(" ")[0] or name[1:]))  # without the dtype
    if found is None:
        raise Unlisted(f"{node.symbol} is not in kernel/operands.py")
    return found([_value(a) for a in node.args], times)


def _value(arg: Any) -> Any:
    """A pointer as memory and index, else the value."""
    return arg[1:] if arg[0] == "pointer" else arg[1]


def _line(pointer: Any, length: Index, rows: Sequence[tuple[Index, Index]] = (), **access: bool
          ) -> Operand:
    """So many elements, and more of such rows."""
    memory, index = pointer
    return Operand(memory, index, length, rows, **access)


def _matrix(pointer: Any, rows: Index, columns: Index, lead: Index,
            times: Callable[[Index, int], Index], **access: bool) -> Operand:
    """A matrix in columns."""
    return _line(pointer, rows, [(columns, times(lead, pointer[0].dtype.itemsize))], **access)


# ---- BLAS and LAPACK -----------------------------------------------------------------------------
def _gemm(args: Arguments, times: Any) -> list[Operand]:
    first, second, m, n, k, _, a, lda, b, ldb, before, c, ldc = args
    return [_matrix(a, *((m, k) if first == "N" else (k, m)), lda, times),
            _matrix(b, *((k, n) if second == "N" else (n, k)), ldb, times),
            _matrix(c, m, n, ldc, times, reads=bool(before), writes=True)]


def _gemv(args: Arguments, times: Any) -> list[Operand]:
    form, m, n, _, a, lda, x, _, _, y, _ = args
    before, after = (n, m) if form == "N" else (m, n)
    return [_matrix(a, m, n, lda, times), _line(x, before),
            _line(y, after, reads=False, writes=True)]


def _trsm(args: Arguments, times: Any) -> list[Operand]:
    side, _, _, _, m, n, _, a, lda, b, ldb = args
    k = m if side == "L" else n
    return [_matrix(a, k, k, lda, times), _matrix(b, m, n, ldb, times, writes=True)]


def _potrf(args: Arguments, times: Any) -> list[Operand]:
    _, n, a, lda, info = args
    return [_matrix(a, n, n, lda, times, writes=True), _line(info, 1, reads=False, writes=True)]


def _getrf(args: Arguments, times: Any) -> list[Operand]:
    m, n, a, lda, pivots, info = args
    return [_matrix(a, m, n, lda, times, writes=True),
            _line(pivots, min(m, n), reads=False, writes=True),
            _line(info, 1, reads=False, writes=True)]


# ---- ours ----------------------------------------------------------------------------------------
def _tile_product(args: Arguments, times: Any) -> list[Operand]:
    """Of a and b what the first term reads: where the others lie is in the table alone. Whether
    sums are added to what is there is not known before, so this counts as writing."""
    (out, a, b, table, outer, inner, a_outer, a_inner, out_outer, out_inner, columns, *_) = args
    apart = [times(step, out[0].dtype.itemsize) for step in (a_outer, a_inner, out_outer,
                                                             out_inner)]
    return [_line(a, 1, ((inner, apart[1]), (outer, apart[0]))), _line(b, 1), _line(table, 2),
            _line(out, columns, ((inner, apart[3]), (outer, apart[2])), reads=False, writes=True)]


# ---- NumPy ---------------------------------------------------------------------------------------
def _sort(args: Arguments, times: Any) -> list[Operand]:
    lines, n, _ = args
    return [_line(lines, n, writes=True)]


def _argsort(args: Arguments, times: Any) -> list[Operand]:
    keys, places, n, _ = args
    return [_line(keys, n), _line(places, n, writes=True)]


def _transform(args: Arguments, times: Any) -> list[Operand]:
    x, _, out, _, lines, before, after, step, _, step_out, inner, inner_out = args
    same = x[0] is out[0]  # a routine works in place where it is told to
    return [_line(x, 1, ((before, inner), (lines, step)), writes=same),
            _line(out, 1, ((after, inner_out), (lines, step_out)), reads=same, writes=True)]


BLAS, LAPACK = "scipy.linalg.cython_blas", "scipy.linalg.cython_lapack"
ROUTINES: dict[tuple[str, str], Callable[[Arguments, Any], list[Operand]]] = {
    (BLAS, "gemm"): _gemm, (BLAS, "gemv"): _gemv, (BLAS, "trsm"): _trsm,
    (tile_product.PREFIX[:-1], tile_product.NAME): _tile_product,
    (LAPACK, "potrf"): _potrf, (LAPACK, "getrf"): _getrf,
    **{(numpy_sort.PREFIX[:-1], name): _sort for name in (numpy_sort.FAST, numpy_sort.STABLE)},
    **{(numpy_sort.PREFIX[:-1], name): _argsort
       for name in (numpy_sort.FAST_ORDER, numpy_sort.STABLE_ORDER)},
    **{(numpy_fft.PREFIX[:-1], name): _transform for name in numpy_fft._TYPES}}
