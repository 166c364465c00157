"""LAPACK's factorizations on CPUs: calls of the functions that jaxlib wraps, without Python.

Each matrix lies by columns, as LAPACK wants it. Where the host computes NaN, as for matrices that
are not finite, and where LAPACK says that it failed, so do these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.backends.xla.host import evaluated_on_host
from ingot.backends.xla.rules import RULES, rule
from ingot.backends.xla.stablehlo import Builder, Type, Value
from ingot.core.primitive import REGISTRY
from ingot.core.symbolic import is_symbolic

KINDS = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}
STATUS = np.dtype(np.int32)
Rule = Callable[..., Any]


def takes(b: Builder, args: Sequence[Value]) -> bool:
    """Return whether LAPACK is there for these arguments, and programs are for a CPU alone."""
    sizes = [n for x in args for n in x.shape]
    return (b.module.platforms == ("cpu",) and args[0].dtype.name in KINDS
            and all(is_symbolic(n) or n for n in sizes))


def divides(b: Builder, args: Sequence[Value]) -> bool:
    """Return whether LAPACK is to do what XLA also does by itself, but on all matrices at once, as
    its partitioner knows no division of them. Exported programs are for readers, who know XLA's."""
    return takes(b, args) and not b.module.for_export


def call(b: Builder, name: str, args: Sequence[Value], outs: Sequence[Type], **options: Any
         ) -> list[Value]:
    """Append a call of a function of LAPACK; options are letters, booleans and integers."""
    b.module.calls_lapack = True
    rank = max(len(x.shape) for x in args)
    texts = ", ".join(f"{k} = {_attribute(v)}" for k, v in options.items())
    lengths, noted = list[Value](), ""
    if any(is_symbolic(n) for shape, _ in outs for n in shape):  # which refinement reads there
        lengths = [b.vector(shape) for shape, _ in outs]
        places = list(range(len(args), len(args) + len(outs)))
        noted = f", indices_of_shape_operands = dense<{places}> : tensor<{len(places)}xi64>"
    operands = [*args, *lengths]
    layouts = [", ".join(_by_columns(len(shape), rank) for shape, *_ in values)
               for values in ([(x.shape,) for x in operands], outs)]
    return b.ops("stablehlo.custom_call", operands, outs,
                 f'call_target_name = "lapack_{KINDS[args[0].dtype.name]}{name}_ffi", api_version ='
                 f" 4 : i32, backend_config = {{{texts}}}, operand_layouts = [{layouts[0]}],"
                 f" result_layouts = [{layouts[1]}]{noted or _matrix_by_matrix(args, outs)}")


def _matrix_by_matrix(args: Sequence[Value], outs: Sequence[Type]) -> str:
    """The attributes by which XLA lets each device compute on the matrices that it has: arguments
    and results share their leading axes; no other axis may be divided."""
    shapes = [x.shape for x in args], [shape for shape, _ in outs]
    lead = max(len(shape) for shape in shapes[0]) - 2
    sizes = list(args[0].shape[:lead])

    def factors(shape: Sequence[int]) -> str:
        first, end = len(sizes), len(sizes) + len(shape) - lead
        sizes.extend(shape[lead:])
        return f"[{', '.join(map(_factor, (*range(lead), *range(first, end))))}]"

    sides = ["(" + ", ".join(map(factors, side)) + ")" for side in shapes]
    lengths = ", ".join(f"{_factor(k)}={n}" for k, n in enumerate(sizes))
    return (f', mhlo.frontend_attributes = {{num_batch_dims = "{lead}"}}, sdy.sharding_rule ='
            f" #sdy.op_sharding_rule<{'->'.join(sides)} {{{lengths}}}, custom>")


def _factor(number: int) -> str:
    """A name of Shardy's: i to z, then z_1 and so on."""
    return chr(ord("i") + number) if number < 18 else f"z_{number - 17}"


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{ord(value)} : ui8" if isinstance(value, str) else f"{value} : i32"


def _by_columns(rank: int, of_matrices: int) -> str:
    """The axes from the fastest on: columns of matrices are contiguous."""
    order = list(reversed(range(rank)))
    if rank == of_matrices:
        order[:2] = order[1::-1]
    return f"dense<{order if rank else ''}> : tensor<{rank}xindex>"


# ---- what is not finite, and what fails ----------------------------------------------------------
def finite(b: Builder, x: Value) -> tuple[Value, Value]:
    """Append matrices with zeros in place of those that are not finite, and which are."""
    rank = len(x.shape)
    size = b.op("stablehlo.abs", [x], x.shape, dtypes.real_of(x.dtype))
    good = b.op("stablehlo.is_finite", [size], x.shape, dtypes.bool_)
    (good,) = b.reduce([good], [b.full((), True, dtypes.bool_)], [rank - 2, rank - 1],
                       lambda inner, p, q: [inner.same("and", p, q)])
    return b.select(_over(b, good, x), x, b.full_like(x, 0)), good


def _over(b: Builder, which: Value, x: Value) -> Value:
    return b.broadcast(which, x.shape, range(len(which.shape)))


def known(b: Builder, good: Value, status: Value, outs: Sequence[Value]) -> list[Value]:
    """Append results with NaN for the matrices that are not good, or whose status is not 0."""
    done = b.same("and", good, _is_zero(b, status))
    return [b.select(_over(b, done, x), x, b.full_like(x, np.nan)) for x in outs]


def _is_zero(b: Builder, status: Value) -> Value:
    return b.compare("EQ", status, b.full_like(status, 0))


def _where_done(b: Builder, status: Value, x: Value) -> Value:
    return b.select(_over(b, _is_zero(b, status), x), x, b.full_like(x, np.nan))


def _shapes(x: Value) -> tuple[tuple[Any, ...], Any, Any, int]:
    *lead, m, n = x.shape
    return tuple(lead), m, n, min(m, n)


# ---- eigenvalues and singular values -------------------------------------------------------------
def _svd(b: Builder, x: Value, out: Any, full_matrices: bool, compute_uv: bool, order: int = 0,
         **others: Any) -> list[Value]:
    lead, m, n, k = _shapes(x)
    left, right = (m, n) if full_matrices else (k, k)
    x, good = finite(b, x)
    mode = ("A" if full_matrices else "S") if compute_uv else "N"
    _, values, u, vt, status = call(b, "gesdd", [x], [
        (x.shape, x.dtype), ((*lead, k), dtypes.real_of(x.dtype)), ((*lead, m, left), x.dtype),
        ((*lead, right, n), x.dtype), (lead, STATUS)], mode=mode)
    if not compute_uv:
        return known(b, good, status, [values])
    values, u, vt = known(b, good, status, [values, u, vt])
    return [values, *[u, vt] * (2 if order else 1)]


def _eigh(b: Builder, x: Value, out: Any, lower: bool, order: int = 0, **others: Any
          ) -> list[Value]:
    lead, n, _, _ = _shapes(x)
    x, good = finite(b, x)
    name = "heevd" if x.dtype.kind == "c" else "syevd"
    vectors, values, status = call(
        b, name, [x], [(x.shape, x.dtype), ((*lead, n), dtypes.real_of(x.dtype)), (lead, STATUS)],
        mode="V", uplo="L" if lower else "U")
    vectors, values = known(b, good, status, [vectors, values])
    return [vectors, values, *[vectors] * bool(order)]


def _split(dtype: np.dtype, lead: tuple[Any, ...], n: int) -> list[Type]:
    """The types of eigenvalues: their real and imaginary parts, or complex numbers."""
    return [((*lead, n), dtype)] * (1 if dtype.kind == "c" else 2)


def _eig(b: Builder, x: Value, out: Any, compute_left_eigenvectors: bool,
         compute_right_eigenvectors: bool, **others: Any) -> list[Value]:
    lead, n, _, _ = _shapes(x)
    x, good = finite(b, x)
    wide = dtypes.to_complex(x.dtype)
    wanted = (compute_left_eigenvectors, compute_right_eigenvectors)
    left, right = ("V" if w else "N" for w in wanted)
    *values, vl, vr, status = call(
        b, "geev", [x], [*_split(x.dtype, lead, n), *[(x.shape, wide)] * 2, (lead, STATUS)],
        compute_left=left, compute_right=right)
    if len(values) == 2:
        values = [b.op("stablehlo.complex", values, values[0].shape, wide)]
    kept = [v for v, w in zip((vl, vr), wanted, strict=True) if w]
    return known(b, good, status, [*values, *kept])


def _schur(b: Builder, x: Value, out: Any, compute_schur_vectors: bool, **others: Any
           ) -> list[Value]:
    lead, n, _, _ = _shapes(x)
    x, good = finite(b, x)
    found = call(b, "gees", [x], [*[(x.shape, x.dtype)] * 2, *_split(x.dtype, lead, n),
                                  *[(lead, STATUS)] * 2],
                 mode="V" if compute_schur_vectors else "N", sort="N")
    return known(b, good, found[-1], found[:1 + compute_schur_vectors])


def _hessenberg(b: Builder, x: Value, out: Any) -> list[Value]:
    lead, n, _, _ = _shapes(x)
    x, good = finite(b, x)
    form, taus, status = call(b, "gehrd", [x], [
        (x.shape, x.dtype), ((*lead, n - 1), x.dtype), (lead, STATUS)], low=1, high=n)
    return known(b, good, status, [form, taus])


def _tridiagonal(b: Builder, x: Value, out: Any, lower: bool) -> list[Value]:
    lead, n, _, _ = _shapes(x)
    x, good = finite(b, x)
    part = dtypes.real_of(x.dtype)
    *found, status = call(
        b, "hetrd" if x.dtype.kind == "c" else "sytrd", [x],
        [(x.shape, x.dtype), ((*lead, n), part), ((*lead, n - 1), part), ((*lead, n - 1), x.dtype),
         (lead, STATUS)], uplo="L" if lower else "U")
    return known(b, good, status, found)


# ---- factors -------------------------------------------------------------------------------------
def _lu(b: Builder, x: Value, out: Any) -> list[Value]:
    lead, m, _, k = _shapes(x)
    factors, pivots, _ = call(b, "getrf", [x], [
        (x.shape, x.dtype), ((*lead, k), STATUS), (lead, STATUS)])
    pivots = b.same("subtract", pivots, b.full_like(pivots, 1))
    permuted: Any = RULES["lu_pivots_to_permutation"]
    return [factors, pivots, permuted(b, pivots, out=out[2], permutation_size=m)]


def geqrf(b: Builder, x: Value, out: Any) -> list[Value]:
    """Append R with the reflectors of Q below it, and their factors."""
    lead, _, _, k = _shapes(x)
    return call(b, "geqrf", [x], [(x.shape, x.dtype), ((*lead, k), x.dtype)])


def product(b: Builder, x: Value, taus: Value, out: Any) -> Value:
    """Append the columns of Q that reflectors make."""
    name = "ungqr" if x.dtype.kind == "c" else "orgqr"
    return call(b, name, [x, taus], [(x.shape, x.dtype)])[0]


def pivoted(b: Builder, x: Value) -> list[Value]:
    """Append what `geqrf` does for columns in another order, and this order."""
    lead, _, n, k = _shapes(x)
    free = b.full((*lead, n), 0, STATUS)
    packed, order, taus = call(b, "geqp3", [x, free], [
        (x.shape, x.dtype), ((*lead, n), STATUS), ((*lead, k), x.dtype)])
    return [packed, taus, b.same("subtract", order, b.full_like(order, 1))]


def _ormqr(b: Builder, a: Value, taus: Value, c: Value, out: Any, left: bool, transpose: bool
           ) -> Value:
    a = b.slice_axis(a, len(a.shape) - 1, 0, taus.shape[-1])
    return call(b, "unmqr" if a.dtype.kind == "c" else "ormqr", [a, taus, c],
                [(c.shape, c.dtype)], left=left, transpose=transpose)[0]


def cholesky(b: Builder, x: Value) -> Value:
    """Append the factors of matrices, below their diagonals; NaN where there is none."""
    factor, status = call(b, "potrf", [x], [(x.shape, x.dtype), (x.shape[:-2], STATUS)], uplo="L")
    return _where_done(b, status, factor)


def triangular_solve(b: Builder, a: Value, right: Value, left_side: bool, lower: bool,
                     transpose_a: bool, conjugate_a: bool, unit_diagonal: bool) -> Value:
    """Append the solutions of triangular systems."""
    form = ("C" if conjugate_a else "T") if transpose_a else "N"
    return call(b, "trsm", [a, right], [(right.shape, right.dtype)], side="RL"[left_side],
                uplo="UL"[lower], trans_x=form, diag="NU"[unit_diagonal])[0]


def _tridiagonal_solve(b: Builder, dl: Value, d: Value, du: Value, right: Value, out: Any,
                       perturb_singular: bool) -> Value:
    args = [dl, d, du, right]
    if perturb_singular:
        return evaluated_on_host(REGISTRY["tridiagonal_solve"], b, args, out,
                                 {"perturb_singular": True})
    if d.shape[-1] == 1:
        return b.same("divide", right, b.broadcast(d, right.shape, range(len(d.shape))))
    *_, x, status = call(b, "gtsv", args, [*[(v.shape, v.dtype) for v in args],
                                           (d.shape[:-1], STATUS)])
    return _where_done(b, status, x)


# ---- rules ---------------------------------------------------------------------------------------
def by_lapack(name: str, expand: Rule, on_tpus: Rule | None = None) -> None:
    """Enter a rule: LAPACK's function on CPUs, what XLA expands on TPUs, else the host."""

    @rule(name)
    def _(b: Builder, *args: Value, out: Any, **params: Any) -> Any:
        if on_tpus is not None and b.module.platform == "tpu":
            return on_tpus(b, *args, out=out, **params)
        if takes(b, args):
            return expand(b, *args, out=out, **params)
        return evaluated_on_host(REGISTRY[name], b, args, out, params)


for _name, _expand in (("svd", _svd), ("eig", _eig), ("schur", _schur), ("ormqr", _ormqr),
                       ("hessenberg", _hessenberg), ("tridiagonal", _tridiagonal),
                       ("tridiagonal_solve", _tridiagonal_solve)):
    by_lapack(_name, _expand)

eigh, lu = _eigh, _lu
__all__ = ["by_lapack", "cholesky", "divides", "eigh", "geqrf", "lu", "pivoted", "product", "takes",
           "triangular_solve"]
