"""Spectral decompositions: svd, eigh, eig, schur, hessenberg, tridiagonal."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.division import along_leading_axes
from ingot.core.interpreter import typeof
from ingot.core.primitive import NOT_LINEAR, NoRule, Primitive, PythonFallback
from ingot.errors import UndefinedRuleError
from ingot.primitives.arithmetic import add, div, mul, neg, sub
from ingot.primitives.compare import eq
from ingot.primitives.complex import complex, conj, imag, real
from ingot.primitives.convert import convert_element_type
from ingot.primitives.matrices import (
    adjoint,
    batched,
    check_matrix,
    columns,
    diagonal,
    divide_by_gap,
    each_matrix,
    from_triangle,
    halved,
    hermitian_part,
    lapack,
    matmul,
    on_diagonal,
    rows,
)
from ingot.primitives.movement import full_like, reduce_sum
from ingot.primitives.reduce import argmax
from ingot.primitives.select import select
from ingot.primitives.shape import broadcasted_iota
from ingot.primitives.slicing import concatenate, slice_in_dim
from ingot.primitives.solve import solve
from ingot.primitives.spectrum import apart, lost_at_ties, turn_by, untied, value_tangents

Aval = ShapedArray


def _avals(x: np.ndarray) -> Aval:
    return Aval(x.shape, x.dtype)


def _no_subset(name: str, subset_by_index: Any, size: int) -> None:
    if subset_by_index not in (None, (0, size)):
        raise ValueError(f"{name}: subset_by_index must be None, got {subset_by_index}; LAPACK"
                         " computes them all, slice the result instead")


def is_double(x: np.ndarray) -> bool:
    """Whether NumPy computes in the array's own precision: it calls LAPACK for doubles only."""
    return dtypes.real_of(x.dtype) == dtypes.float64


def _safe(call: Any, outs: list[Aval], x: np.ndarray) -> list[np.ndarray]:
    """All at once where NumPy can; matrix by matrix in single precision and where one fails."""
    try:
        if is_double(x) and np.isfinite(x).all():
            return list(call(x))
    except np.linalg.LinAlgError:
        pass
    return each_matrix(call, outs, x, finite=True)


def first_columns(x: Any, k: int) -> Any:
    """The first k columns of each matrix."""
    return slice_in_dim(x, 0, k, axis=typeof(x).ndim - 1)


# ---- svd -----------------------------------------------------------------------------------------
class SvdAlgorithm(enum.Enum):
    """Named for JAX's sake: LAPACK's divide and conquer is used whatever is asked."""

    DEFAULT = "default"
    QR = "QR"
    JACOBI = "Jacobi"
    POLAR = "polar"
    DIVIDE_AND_CONQUER = "divide_and_conquer"


# With `order`, the vectors come a second time, as those of eigh do.
def _svd_type(x: Aval, *, full_matrices: bool, compute_uv: bool, subset_by_index: Any,
              order: int = 0, **params: Any) -> list[Aval]:
    check_matrix("svd", x)
    *lead, m, n = x.shape
    k = min(m, n)
    _no_subset("svd", subset_by_index, k)
    values = Aval((*lead, k), dtypes.real_of(x.dtype))
    if not compute_uv:
        return [values]
    left, right = (m, n) if full_matrices else (k, k)
    vectors = [Aval((*lead, m, left), x.dtype), Aval((*lead, right, n), x.dtype)]
    return [values, *vectors * (2 if order else 1)]


def _svd_eval(x: np.ndarray, *, full_matrices: bool, compute_uv: bool, order: int = 0,
              **params: Any) -> list[np.ndarray]:
    from scipy import linalg as library

    def call(a: np.ndarray) -> list[np.ndarray]:
        svd: Any = np.linalg.svd if is_double(a) else library.svd
        if not compute_uv:
            return [svd(a, compute_uv=False)]
        u, s, vt = svd(a, full_matrices=full_matrices)
        return [s, *[u, vt] * (2 if order else 1)]

    outs = _svd_type(_avals(x), full_matrices=full_matrices, compute_uv=compute_uv, order=order,
                     **params)
    return _safe(call, outs, x)


def _svd_jvp(primals: Any, tangents: Any, *, compute_uv: bool, **params: Any) -> Any:
    order = params.get("order", 0)
    params |= {"order": order + 1, "compute_uv": True}
    values, left, right, left_again, right_again = svd_p.bind(primals[0], **params)
    change, k = tangents[0], typeof(values).shape[-1]
    out = values if order else untied(values, mirrored=True)
    d_values = value_tangents(first_columns(left_again, k), change,
                              first_columns(adjoint(right_again), k), values, mirrored=True)
    if not compute_uv:
        return [out], [d_values]
    turned = _turned_vectors(left, right, values, change)
    if not order:
        return [out, left, right], [d_values, *turned]
    moved = (_turned_vectors(left, right, apart(values, True), change) if order == 1 else
             _turned_vectors(left, right, values, change, last=True))
    return [out, left, right, left_again, right_again], [d_values, *turned, *moved]


def _turned_vectors(left: Any, right: Any, values: Any, change: Any, last: bool = False
                    ) -> tuple[Any, Any]:
    """Tangents of singular vectors; those on the right are rows, conjugated.

    U^H dA V = dS + (U^H dU) S - S (V^H dV), where the brackets are skew-Hermitian: a turn common to
    both by (E + E^H) / 2 over differences of singular values, where E is the left side, and an
    opposite one by (E - E^H) / 2 over their sums.
    """
    k = typeof(values).shape[-1]
    u, v = first_columns(left, k), first_columns(adjoint(right), k)
    inner = matmul(adjoint(u), change, v)
    s = convert_element_type(values, typeof(inner).dtype)
    across, down = rows(s, inner), columns(s, inner)
    common = turn_by(hermitian_part(inner), s)
    if last:
        common = add(common, lost_at_ties(inner, values, mirrored=True))
    skew = halved(sub(inner, adjoint(inner)))
    opposite = divide_by_gap(select(on_diagonal(skew), full_like(skew, 0), skew),
                             add(across, down))
    turn_left, turn_right = add(common, opposite), sub(common, opposite)
    if dtypes.kind(typeof(inner).dtype) == "c":  # the phases, of which only the difference is fixed
        phase = select(on_diagonal(skew), skew, full_like(skew, 0))
        turn_left = add(turn_left, divide_by_gap(phase, across))
    d_left = _basis_tangent(left, u, turn_left, matmul(change, v), s)
    d_right = _basis_tangent(adjoint(right), v, turn_right, matmul(adjoint(change), u), s)
    return d_left, adjoint(d_right)


def _basis_tangent(basis: Any, first: Any, turn: Any, moved: Any, s: Any) -> Any:
    """Tangent of singular vectors: `first` turn among themselves and, where the basis has more
    rows, out of their span by `moved` over s; the others of a full basis follow, and may turn
    among themselves, which is undefined."""
    m, size = typeof(basis).shape[-2:]
    k = typeof(first).shape[-1]
    out = matmul(first, turn)
    if m == k:
        return out
    rest = sub(moved, matmul(first, matmul(adjoint(first), moved)))
    rest = divide_by_gap(rest, rows(s, rest))
    out = add(out, rest)
    if size == k:
        return out
    others = slice_in_dim(basis, k, size, axis=typeof(basis).ndim - 1)
    return concatenate([out, neg(matmul(first, matmul(adjoint(rest), others)))],
                       typeof(basis).ndim - 1)


svd_p = Primitive("svd", type=_svd_type, eval=_svd_eval, jvp=_svd_jvp, transpose=NOT_LINEAR,
                  batch=batched(lambda: svd_p), kernel=PythonFallback("LAPACK"),
                  multiple_results=True)
svd_p.division = along_leading_axes(2)


def svd(x: Any, *, full_matrices: bool = True, compute_uv: bool = True,
        subset_by_index: Any = None, algorithm: Any = None) -> Any:
    """Singular value decomposition x = u @ diag(s) @ vh, s in descending order.

    x: [..., m, n]; subset_by_index: must be None; algorithm: without effect -> (u [..., m, m], s
    [..., k], vh [..., n, n]) with k = min(m, n), or k columns of u and rows of vh unless
    `full_matrices`; only s unless `compute_uv`. NaN where it fails. Derivatives of vectors of equal
    singular values are nan; of those beyond k they leave out the turn among these. Raises
    TypeError.

    >>> lax.linalg.svd(np.array([[3., 0.], [0., 4.]]), compute_uv=False)
    Array([4., 3.], dtype=float64)
    """
    subset = None if subset_by_index is None else tuple(subset_by_index)
    out = svd_p.bind(x, full_matrices=bool(full_matrices), compute_uv=bool(compute_uv),
                     subset_by_index=subset, algorithm=algorithm)
    return (out[1], out[0], out[2]) if compute_uv else out[0]


# ---- eigh ----------------------------------------------------------------------------------------
class EighImplementation(enum.Enum):
    """Named for JAX's sake: LAPACK is used whatever is asked."""

    QR = "qr"
    JACOBI = "jacobi"
    QDWH = "qdwh"


# With `order`, how often it has been differentiated, the vectors come a second time: the derivative
# of these is for changes of values, see `apart`; that of the others has no value at ties.
def _eigh_type(x: Aval, *, subset_by_index: Any, order: int = 0, **params: Any) -> list[Aval]:
    check_matrix("eigh", x, square=True)
    _no_subset("eigh", subset_by_index, x.shape[-1])
    return [x, Aval(x.shape[:-1], dtypes.real_of(x.dtype)), *[x] * bool(order)]


def _eigh_eval(x: np.ndarray, *, lower: bool, order: int = 0, **params: Any) -> list[np.ndarray]:
    from scipy import linalg as library

    def call(a: np.ndarray) -> list[np.ndarray]:
        if is_double(a):
            values, vectors = np.linalg.eigh(a, UPLO="L" if lower else "U")
        else:
            values, vectors = library.eigh(a, lower=lower, driver="evd")
        return [vectors, values, *[vectors] * bool(order)]

    return _safe(call, _eigh_type(_avals(x), subset_by_index=None, order=order), x)


def _eigh_jvp(primals: Any, tangents: Any, **params: Any) -> Any:
    order = params.get("order", 0)
    vectors, values, again = eigh_p.bind(*primals, **params | {"order": order + 1})
    change = from_triangle(tangents[0], params["lower"])
    inner = matmul(adjoint(vectors), change, vectors)

    def turn(w: Any) -> Any:
        return turn_by(inner, convert_element_type(w, typeof(inner).dtype))

    tangents = [matmul(vectors, turn(values)), value_tangents(again, change, again, values)]
    if not order:
        return [vectors, untied(values)], tangents
    moved = turn(apart(values)) if order == 1 else add(turn(values), lost_at_ties(inner, values))
    return [vectors, values, again], [*tangents, matmul(vectors, moved)]


eigh_p = Primitive("eigh", type=_eigh_type, eval=_eigh_eval, jvp=_eigh_jvp, transpose=NOT_LINEAR,
                   batch=batched(lambda: eigh_p), kernel=PythonFallback("LAPACK"),
                   multiple_results=True)
eigh_p.division = along_leading_axes(2)


def eigh(x: Any, *, lower: bool = True, symmetrize_input: bool = True,
         sort_eigenvalues: bool = True, subset_by_index: Any = None, implementation: Any = None
         ) -> tuple[Any, Any]:
    """Eigenvectors and eigenvalues of Hermitian matrices, in ascending order.

    x: [..., n, n], of which one triangle is read; with `symmetrize_input` the mean of x and its
    adjoint is taken first; lower: which triangle; sort_eigenvalues: without effect, as they are
    sorted; subset_by_index: must be None; implementation: without effect -> (vectors as columns
    [..., n, n], values [..., n]). NaN where it fails. Derivatives of vectors of equal values are
    nan. Raises TypeError, ValueError.

    >>> lax.linalg.eigh(np.array([[2., 0.], [0., 1.]]))[1]
    Array([1., 2.], dtype=float64)
    """
    check_matrix("eigh", typeof(x), square=True)
    subset = None if subset_by_index is None else tuple(subset_by_index)
    vectors, values = eigh_p.bind(
        hermitian_part(x) if symmetrize_input else x, lower=bool(lower),
        sort_eigenvalues=bool(sort_eigenvalues), subset_by_index=subset, algorithm=implementation)
    return vectors, values


# ---- eig -----------------------------------------------------------------------------------------
class EigImplementation(enum.Enum):
    """Named for JAX's sake: LAPACK is used whatever is asked."""

    CUSOLVER = "cusolver"
    LAPACK = "lapack"
    MAGMA = "magma"


def _eig_type(x: Aval, *, compute_left_eigenvectors: bool, compute_right_eigenvectors: bool,
              **params: Any) -> list[Aval]:
    check_matrix("eig", x, square=True)
    dtype = dtypes.to_complex(x.dtype)
    vectors = compute_left_eigenvectors + compute_right_eigenvectors
    return [Aval(x.shape[:-1], dtype)] + [Aval(x.shape, dtype)] * vectors


def _eig_eval(x: np.ndarray, *, compute_left_eigenvectors: bool, compute_right_eigenvectors: bool,
              **params: Any) -> list[np.ndarray]:
    from scipy import linalg as library

    left, right = compute_left_eigenvectors, compute_right_eigenvectors

    def call(a: np.ndarray) -> list[np.ndarray]:
        if not a.size:
            return [a[0] if len(a) else np.zeros(0)] + [a] * (left + right)
        out: Any = library.eig(a, left=left, right=right)
        return list(out) if left or right else [out]

    outs = _eig_type(_avals(x), compute_left_eigenvectors=left, compute_right_eigenvectors=right)
    return each_matrix(call, outs, x, finite=True)


def _eig_jvp(primals: Any, tangents: Any, **params: Any) -> Any:
    """Perturbation theory of first order; vectors keep norm 1 and a real largest component."""
    outs = eig_p.bind(*primals, **params)
    values, vectors = outs[0], outs[1:]
    change = convert_element_type(tangents[0], typeof(values).dtype)
    if not vectors:
        params |= {"compute_right_eigenvectors": True}
        return outs, [_perturb(*eig_p.bind(*primals, **params), change=change)[0]]
    if not params["enable_eigvec_derivs"]:
        raise UndefinedRuleError(
            "eig: derivatives of eigenvectors depend on how they are normalized; ask for them with"
            " enable_eigvec_derivs=True, or compute eigenvalues only")
    found = []
    for i, v in enumerate(vectors):
        if params["compute_left_eigenvectors"] and i == 0:
            d_values, d_v = _perturb(conj(values), v, adjoint(change))
            d_values = conj(d_values)
        else:
            d_values, d_v = _perturb(values, v, change)
        found.append(d_v)
    return outs, [d_values, *found]


def _perturb(w: Any, v: Any, change: Any) -> tuple[Any, Any]:
    """First-order changes of eigenvalues w and eigenvectors v of a matrix that changes."""
    inner = matmul(solve(v, change), v)
    turn = matmul(v, turn_by(inner, w))
    size = real(mul(v, conj(v)))
    largest = argmax(size, typeof(v).ndim - 2, np.int32)
    places = broadcasted_iota(dtypes.int32, typeof(v).shape, typeof(v).ndim - 2)
    chosen = eq(places, rows(largest, v))

    def total(x: Any) -> Any:
        return reduce_sum(x, (typeof(x).ndim - 2,))

    def at_largest(x: Any) -> Any:
        return total(select(chosen, x, full_like(x, 0)))

    along = neg(real(total(mul(conj(v), turn))))
    phase = neg(div(imag(at_largest(turn)), real(at_largest(v))))
    return diagonal(inner), add(turn, mul(v, rows(complex(along, phase), v)))


eig_p = Primitive("eig", type=_eig_type, eval=_eig_eval, jvp=_eig_jvp, transpose=NOT_LINEAR,
                  batch=batched(lambda: eig_p), kernel=PythonFallback("LAPACK"),
                  multiple_results=True)
eig_p.division = along_leading_axes(2)


def eig(x: Any, *, compute_left_eigenvectors: bool = True, compute_right_eigenvectors: bool = True,
        enable_eigvec_derivs: bool = False, implementation: Any = None, use_magma: Any = None
        ) -> list[Any]:
    """Eigenvalues and eigenvectors of square matrices, complex and in no particular order.

    x: [..., n, n]; compute_left_eigenvectors, compute_right_eigenvectors: what is asked;
    implementation, use_magma: without effect -> [values [..., n], left and right vectors as columns
    [..., n, n], as asked]. NaN where it fails. Derivatives of vectors only with
    `enable_eigvec_derivs`. Raises TypeError, ValueError.

    >>> lax.linalg.eig(np.array([[0., 1.], [-1., 0.]]), compute_left_eigenvectors=False)[0]
    Array([0.+1.j, 0.-1.j], dtype=complex128)
    """
    return eig_p.bind(
        x, compute_left_eigenvectors=bool(compute_left_eigenvectors),
        compute_right_eigenvectors=bool(compute_right_eigenvectors),
        enable_eigvec_derivs=bool(enable_eigvec_derivs), implementation=implementation)


# ---- schur ---------------------------------------------------------------------------------------
def _schur_type(x: Aval, *, compute_schur_vectors: bool, sort_eig_vals: bool, select_callable: Any
                ) -> list[Aval]:
    check_matrix("schur", x, square=True)
    if sort_eig_vals or select_callable is not None:
        raise ValueError("schur: eigenvalues cannot be sorted; use sort_eig_vals=False")
    return [x, x] if compute_schur_vectors else [x]


def _schur_eval(x: np.ndarray, *, compute_schur_vectors: bool, **params: Any) -> list[np.ndarray]:
    from scipy import linalg as library

    def call(a: np.ndarray) -> list[np.ndarray]:
        factors: Any = library.schur(a) if a.size else (a, a)
        return list(factors[: 1 + compute_schur_vectors])

    outs = [_avals(x)] * (1 + compute_schur_vectors)
    return each_matrix(call, outs, x, finite=True)


NO_DERIVATIVE = NoRule("its result is not unique; differentiate what is computed from it")

schur_p = Primitive("schur", type=_schur_type, eval=_schur_eval, jvp=NO_DERIVATIVE,
                    transpose=NOT_LINEAR, batch=batched(lambda: schur_p),
                    kernel=PythonFallback("LAPACK"),
                    multiple_results=True)
schur_p.division = along_leading_axes(2)


def schur(x: Any, *, compute_schur_vectors: bool = True, sort_eig_vals: bool = False,
          select_callable: Any = None) -> list[Any]:
    """Schur form x = z t z^H; t is upper triangular, with 2 x 2 blocks for real x.

    x: [..., n, n]; compute_schur_vectors: whether z is wanted; sort_eig_vals, select_callable: must
    be False and None -> [t, z] of the same type, or [t]. NaN where it fails. Raises TypeError,
    ValueError.

    >>> lax.linalg.schur(np.array([[1., 2.], [0., 3.]]))[0]
    Array([[1., 2.],
           [0., 3.]], dtype=float64)
    """
    return schur_p.bind(x, compute_schur_vectors=bool(compute_schur_vectors),
                        sort_eig_vals=bool(sort_eig_vals), select_callable=select_callable)


# ---- hessenberg ----------------------------------------------------------------------------------
def _hessenberg_type(x: Aval) -> list[Aval]:
    check_matrix("hessenberg", x, square=True)
    if x.shape[-1] == 0:
        raise ValueError(f"hessenberg: matrices must not be empty, got {x}")
    return [x, Aval((*x.shape[:-2], x.shape[-1] - 1), x.dtype)]


def _hessenberg_eval(x: np.ndarray) -> list[np.ndarray]:
    routine = lapack("gehrd", x.dtype)
    return each_matrix(lambda a: list(routine(a)[:2]), _hessenberg_type(_avals(x)), x, finite=True)


hessenberg_p = Primitive("hessenberg", type=_hessenberg_type, eval=_hessenberg_eval,
                         jvp=NO_DERIVATIVE, transpose=NOT_LINEAR, batch=batched(
                             lambda: hessenberg_p), kernel=PythonFallback("LAPACK"),
                             multiple_results=True)
hessenberg_p.division = along_leading_axes(2)


def hessenberg(a: Any) -> list[Any]:
    """Hessenberg form as LAPACK's gehrd stores it, and the factors of its reflectors.

    a: [..., n, n] -> [the form, with reflectors below its subdiagonal, taus [..., n - 1]].
    >>> lax.linalg.hessenberg(np.array([[1., 2.], [3., 4.]]))[1]
    Array([0.], dtype=float64)
    """
    return hessenberg_p.bind(a)


# ---- tridiagonal ---------------------------------------------------------------------------------
def _tridiagonal_type(x: Aval, *, lower: bool) -> list[Aval]:
    check_matrix("tridiagonal", x, square=True)
    *lead, n, _ = x.shape
    if n == 0:
        raise ValueError(f"tridiagonal: matrices must not be empty, got {x}")
    part = dtypes.real_of(x.dtype)
    return [x, Aval((*lead, n), part), Aval((*lead, n - 1), part), Aval((*lead, n - 1), x.dtype)]


def _tridiagonal_eval(x: np.ndarray, *, lower: bool) -> list[np.ndarray]:
    routine = lapack("hetrd" if x.dtype.kind == "c" else "sytrd", x.dtype)
    outs = _tridiagonal_type(_avals(x), lower=lower)
    return each_matrix(lambda a: list(routine(a, lower=lower)[:4]), outs, x, finite=True)


tridiagonal_p = Primitive("tridiagonal", type=_tridiagonal_type, eval=_tridiagonal_eval,
                          jvp=NO_DERIVATIVE, transpose=NOT_LINEAR, batch=batched(
                              lambda: tridiagonal_p), kernel=PythonFallback("LAPACK"),
                              multiple_results=True)
tridiagonal_p.division = along_leading_axes(2)


def tridiagonal(a: Any, *, lower: bool = True) -> list[Any]:
    """Tridiagonal form of Hermitian matrices as LAPACK's sytrd and hetrd give it.

    a: [..., n, n]; lower: which triangle is read -> [reflectors and form, diagonal [..., n],
    off-diagonal [..., n - 1], taus].

    >>> lax.linalg.tridiagonal(np.array([[1., 2.], [2., 3.]]))[1]
    Array([1., 3.], dtype=float64)
    """
    return tridiagonal_p.bind(a, lower=bool(lower))

