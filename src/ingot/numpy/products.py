"""Products of vectors, matrices and tensors: dot, matmul, tensordot, einsum, outer, kron, cross."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.api.eager import trace_cached
from ingot.core.static import known
from ingot.numpy import primitives as lax
from ingot.numpy.arithmetic import multiply, subtract
from ingot.numpy.creation import broadcast_to
from ingot.numpy.families import kind_of
from ingot.numpy.indexing import getitem
from ingot.numpy.joining import stack
from ingot.numpy.manipulation import moveaxis, ravel
from ingot.numpy.promotion import (
    as_array,
    common_shape,
    convert,
    promote_dtypes,
    unsupported,
    user_dtype,
)
from ingot.numpy.reductions import axes_of, sum as sum_
from ingot.numpy.rounding import conjugate
from ingot.primitives.out_sharding import check_contracted, divided, own_parts


def _contract(name: str, a: Any, b: Any, contracted: Any, batch: Any, precision: Any,
              preferred: Any, out_sharding: Any = None) -> Any:
    weak = a.aval.weak_type and preferred is None
    out = lax.dot_general(a, b, (contracted, batch), precision=precision,
                          preferred_element_type=preferred or a.aval.dtype,
                          out_sharding=out_sharding)
    return convert(out, out.aval.dtype, weak)


def _operands(name: str, a: Any, b: Any, preferred: Any) -> tuple[Any, Any, Any]:
    a, b = promote_dtypes(name, a, b)
    return a, b, user_dtype(name, preferred)


@trace_cached
def dot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None,
        out_sharding: Any = None) -> Any:
    """Multiply and sum over the last axis of `a` and the last but one (or only) axis of `b`.

    a, b: [..., n] and [..., n, m] or [n]; a number multiplies; precision: checked, else without
    effect; preferred_element_type: dtype of sums and result; out_sharding: how Explicit axes divide
    the result -> the other axes of `a`, then those of `b`, of the dtype they promote to. Raises
    TypeError if the lengths differ.

    >>> jnp.dot(np.array([[1, 2], [3, 4]]), np.array([5, 6]))
    Array([17, 39], dtype=int64)
    """
    a, b, preferred = _operands("dot", a, b, preferred_element_type)
    if not a.aval.ndim or not b.aval.ndim:
        out = divided("dot", multiply, out_sharding, a, b)
        return out if preferred is None else convert(out, preferred)
    axis = max(b.aval.ndim - 2, 0)
    _check_lengths("dot", a, a.aval.ndim - 1, b, axis)
    return _contract("dot", a, b, ((a.aval.ndim - 1,), (axis,)), ((), ()), precision, preferred,
                     out_sharding)


def _check_ranks(name: str, a: Any, n: int, b: Any, m: int) -> None:
    if a.aval.ndim < n or b.aval.ndim < m:
        raise ValueError(f"{name}: ranks of at least {n} and {m} are needed, got {a.aval} and"
                         f" {b.aval}")


def _check_lengths(name: str, a: Any, i: int, b: Any, j: int) -> None:
    n, m = a.aval.shape[i], b.aval.shape[j]
    if n != m:
        raise TypeError(f"{name}: contracted axes must have one length: axis {i} of {a.aval} has"
                        f" {n}, axis {j} of {b.aval} has {m}; transpose one of them, or choose axes"
                        " with tensordot or einsum")


@trace_cached
def matmul(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None,
           out_sharding: Any = None) -> Any:
    """Multiply matrices, in the last two axes; the others broadcast.

    a, b: [..., l, n] and [..., n, m]; a vector is a row on the left and a column on the right;
    precision: checked, else without effect; preferred_element_type: dtype of sums and result;
    out_sharding: how Explicit axes divide the result -> [..., l, m] of the dtype they promote to.
    By BLAS. Raises TypeError if the lengths n differ, ValueError for scalars and axes that do not
    broadcast.

    >>> jnp.matmul(np.array([[1, 2], [3, 4]]), np.array([[0, 1], [1, 0]]))
    Array([[2, 1],
           [4, 3]], dtype=int64)
    """
    a, b, preferred = _operands("matmul", a, b, preferred_element_type)
    if not a.aval.ndim or not b.aval.ndim:
        raise ValueError(f"matmul: scalars have no axes to contract, got {a.aval} and {b.aval};"
                         " use *")
    i, j = a.aval.ndim - 1, max(b.aval.ndim - 2, 0)
    _check_lengths("matmul", a, i, b, j)
    if out_sharding is not None:
        check_contracted("matmul", out_sharding, (a, (i,)), (b, (j,)))
        return divided("matmul", matmul, out_sharding, *own_parts([a, b], out_sharding),
                       precision=precision, preferred_element_type=preferred)
    lead_a, lead_b = a.aval.shape[:-2], b.aval.shape[:-2]
    if not lead_b:
        return _contract("matmul", a, b, ((i,), (j,)), ((), ()), precision, preferred)
    if not lead_a:  # the result has b's leading axes first, then the free axes of a and b
        out = _contract("matmul", a, b, ((i,), (j,)), ((), ()), precision, preferred)
        return moveaxis(out, 0, -2) if a.aval.ndim == 2 else out
    lead = common_shape("matmul", (a, b), (lead_a, lead_b))
    a = broadcast_to(a, lead + a.aval.shape[len(lead_a):])
    b = broadcast_to(b, lead + b.aval.shape[len(lead_b):])
    axes = tuple(range(len(lead)))
    return _contract("matmul", a, b, ((a.aval.ndim - 1,), (b.aval.ndim - 2,)), (axes, axes),
                     precision, preferred)


def matvec(x1: Any, x2: Any, /) -> Any:
    """Multiply matrices and vectors; leading axes broadcast.

    x1: [..., m, n]; x2: [..., n] -> [..., m] of the dtype they promote to. Raises ValueError for
    fewer axes and those that do not broadcast, TypeError if the lengths n differ.

    >>> jnp.matvec(np.array([[1, 2], [3, 4]]), np.array([5, 6]))
    Array([17, 39], dtype=int64)
    """
    x1, x2 = as_array("matvec", x1), as_array("matvec", x2)
    _check_ranks("matvec", x1, 2, x2, 1)
    out = matmul(x1, lax.reshape(x2, (*x2.aval.shape, 1)))
    return lax.squeeze(out, (out.aval.ndim - 1,))


def vecmat(x1: Any, x2: Any, /) -> Any:
    """Multiply conjugated vectors and matrices; leading axes broadcast.

    x1: [..., n]; x2: [..., n, m] -> [..., m] of the dtype they promote to. Raises ValueError for
    fewer axes and those that do not broadcast, TypeError if the lengths n differ.

    >>> jnp.vecmat(np.array([5, 6]), np.array([[1, 2], [3, 4]]))
    Array([23, 34], dtype=int64)
    """
    x1, x2 = conjugate(as_array("vecmat", x1)), as_array("vecmat", x2)
    _check_ranks("vecmat", x1, 1, x2, 2)
    out = matmul(lax.reshape(x1, (*x1.aval.shape[:-1], 1, x1.aval.shape[-1])), x2)
    return lax.squeeze(out, (out.aval.ndim - 2,))


@trace_cached
def vdot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sum conj(a) * b over all elements.

    a, b: of one size; precision, preferred_element_type: as for `dot` -> a number [] of the dtype
    they promote to. Raises TypeError if the sizes differ.

    >>> jnp.vdot(np.array([1j, 2]), np.array([1j, 3]))
    Array(7.+0.j, dtype=complex128)
    """
    a, b = as_array("vdot", a), as_array("vdot", b)
    return dot(ravel(conjugate(a)), ravel(b), precision=precision,
               preferred_element_type=preferred_element_type)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, precision: Any = None,
           preferred_element_type: Any = None) -> Any:
    """Sum conj(x1) * x2 over an axis; the others broadcast.

    x1, x2: [..., n]; axis: the axis of length n, counted in each; precision,
    preferred_element_type: as for `dot` -> [...] of the dtype they promote to. Raises TypeError if
    the lengths n differ, ValueError for scalars and axes that do not broadcast.

    >>> jnp.vecdot(np.array([[1, 2], [3, 4]]), np.array([5, 6]))
    Array([17, 39], dtype=int64)
    """
    a, b, preferred = _operands("vecdot", x1, x2, preferred_element_type)
    _check_ranks("vecdot", a, 1, b, 1)
    a, b = moveaxis(conjugate(a), axis, -1), moveaxis(b, axis, -1)
    _check_lengths("vecdot", a, a.aval.ndim - 1, b, b.aval.ndim - 1)
    lead = common_shape("vecdot", (a, b), (a.aval.shape[:-1], b.aval.shape[:-1]))
    n = a.aval.shape[-1]
    axes = tuple(range(len(lead)))
    last = (len(lead),)
    return _contract("vecdot", broadcast_to(a, (*lead, n)), broadcast_to(b, (*lead, n)),
                     (last, last), (axes, axes), precision, preferred)


@trace_cached
def inner(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Multiply and sum over the last axes of both.

    a, b: [..., n]; a number multiplies; precision, preferred_element_type: as for `dot` -> the
    other axes of `a`, then those of `b`, of the dtype they promote to. Raises TypeError if the
    lengths n differ.

    >>> jnp.inner(np.array([[1, 2], [3, 4]]), np.array([5, 6]))
    Array([17, 39], dtype=int64)
    """
    a, b, preferred = _operands("inner", a, b, preferred_element_type)
    if not a.aval.ndim or not b.aval.ndim:
        return dot(a, b, precision=precision, preferred_element_type=preferred)
    i, j = a.aval.ndim - 1, b.aval.ndim - 1
    _check_lengths("inner", a, i, b, j)
    return _contract("inner", a, b, ((i,), (j,)), ((), ()), precision, preferred)


@trace_cached
def outer(a: Any, b: Any, out: None = None) -> Any:
    """Multiply all pairs of elements.

    a, b: flattened to [m] and [n]; out: must be None -> [m, n] of the dtype they promote to.

    >>> jnp.outer(np.array([1, 2]), np.array([3, 4]))
    Array([[3, 4],
           [6, 8]], dtype=int64)
    """
    unsupported("outer", out=out)
    a, b = ravel(a), ravel(b)
    return multiply(lax.reshape(a, (a.aval.size, 1)), lax.reshape(b, (1, b.aval.size)))


def tensordot(a: Any, b: Any, axes: Any = 2, *, precision: Any = None,
              preferred_element_type: Any = None, out_sharding: Any = None) -> Any:
    """Multiply and sum over several axes.

    a, b: arrays; axes: how many, the last of `a` and the first of `b`, or a pair of axes of each;
    precision, preferred_element_type, out_sharding: as for `dot` -> the other axes of `a`, then
    those of `b`, of the dtype they promote to. Raises TypeError if numbers or lengths of axes
    differ.

    >>> jnp.tensordot(np.ones((2, 3)), np.ones((3, 4, 2)), ([0, 1], [2, 0]))
    Array([6., 6., 6., 6.], dtype=float64)
    """
    a, b, preferred = _operands("tensordot", a, b, preferred_element_type)
    n, m = a.aval.ndim, b.aval.ndim
    axes = known(axes)
    if np.ndim(axes) == 0:
        axes = operator.index(axes)
        if axes > min(n, m) or axes < 0:
            raise TypeError(f"tensordot: {axes} axes cannot be contracted in {a.aval}, {b.aval}")
        left, right = tuple(range(n - axes, n)), tuple(range(axes))
    else:
        if len(axes) != 2:
            raise TypeError(f"tensordot: axes must be a number or a pair, got {axes!r}")
        left, right = (axes_of("tensordot", x, r) for x, r in zip(axes, (n, m), strict=True))
    if len(left) != len(right):
        raise TypeError(f"tensordot: as many axes of both, got {left} and {right}")
    for i, j in zip(left, right, strict=True):
        _check_lengths("tensordot", a, i, b, j)
    return _contract("tensordot", a, b, (left, right), ((), ()), precision, preferred, out_sharding)


def kron(a: Any, b: Any) -> Any:
    """Multiply each element of `a` by the whole of `b`: the Kronecker product.

    a: [m, n]; b: [p, q]; of any equal rank, the smaller one with axes of length 1 in front -> [m p,
    n q] of the dtype they promote to.

    >>> jnp.kron(np.eye(2, dtype=int), np.array([[1, 2]]))
    Array([[1, 2, 0, 0],
           [0, 0, 1, 2]], dtype=int64)
    """
    a, b = promote_dtypes("kron", a, b)
    rank = max(a.aval.ndim, b.aval.ndim)
    sa, sb = ((1,) * (rank - x.aval.ndim) + x.aval.shape for x in (a, b))
    left = lax.reshape(a, [n for s in sa for n in (s, 1)])
    right = lax.reshape(b, [n for s in sb for n in (1, s)])
    return lax.reshape(multiply(left, right), [n * m for n, m in zip(sa, sb, strict=True)])


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1,
          axis: int | None = None) -> Any:
    """Compute the vector product over axes of length 3, or 2, where the third component is 0.

    a, b: vectors in the axes axisa, axisb, other axes broadcast; axisc: where the axis is in the
    result; axis: in place of all three -> the vectors, or where both have length 2 the third
    component, of the dtype they promote to. Raises ValueError for other lengths and axes that do
    not broadcast.

    >>> jnp.cross(np.array([1, 0, 0]), np.array([0, 1, 0]))
    Array([0, 0, 1], dtype=int64)
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = promote_dtypes("cross", a, b)
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    n, m = a.aval.shape[-1], b.aval.shape[-1]
    if n not in (2, 3) or m not in (2, 3):
        raise ValueError(f"cross: vectors must have length 2 or 3, got {a.aval} and {b.aval}")
    x = [getitem(a, (Ellipsis, i)) for i in range(n)]
    y = [getitem(b, (Ellipsis, i)) for i in range(m)]
    third = subtract(multiply(x[0], y[1]), multiply(x[1], y[0]))
    if n == m == 2:
        return third
    zero = convert(0, a.aval.dtype)
    x, y = (v + [zero] if len(v) == 2 else v for v in (x, y))
    parts = [subtract(multiply(x[1], y[2]), multiply(x[2], y[1])),
             subtract(multiply(x[2], y[0]), multiply(x[0], y[2])), third]
    return moveaxis(stack([broadcast_to(p, third.aval.shape) for p in parts], -1), -1, axisc)


# ---- einsum ----


def einsum_path(subscripts: Any, /, *operands: Any, optimize: Any = "auto") -> Any:
    """Return the order of contractions that `einsum` follows, by opt_einsum.

    subscripts, operands, optimize: as for `einsum` -> the list of pairs (or more) of operands to
    contract, and an object that prints the cost. Raises ValueError for subscripts that do not fit.

    >>> shapes = (2, 9), (9, 9), (9, 1)
    >>> jnp.einsum_path("ij,jk,kl->il", *map(np.ones, shapes))[0]
    [(1, 2), (0, 1)]
    """
    import opt_einsum

    if optimize is True:
        optimize = "optimal"
    return opt_einsum.contract_path(subscripts, *operands, optimize=optimize)


def einsum(subscripts: Any, /, *operands: Any, out: None = None, optimize: Any = "auto",
           precision: Any = None, preferred_element_type: Any = None,
           _dot_general: Any = None, out_sharding: Any = None) -> Any:
    """Multiply arrays and sum, in Einstein's notation.

    subscripts: a letter for each axis, as in "ij,jk->ik", with "..." for others; without an arrow
    those that occur once are kept, in order; or operands and lists of axes in turn; optimize: how
    the order of contractions is found: "auto", "optimal", "greedy", a path, or False; precision,
    preferred_element_type, out_sharding: as for `dot`; out: must be None -> the axes after the
    arrow, of the dtype the operands promote to. Raises ValueError if letters, axes and lengths do
    not fit.

    >>> jnp.einsum("ij,kj->ik", np.array([[1, 2]]), np.array([[3, 4], [5, 6]]))
    Array([[11, 17]], dtype=int64)
    """
    unsupported("einsum", out=out)
    preferred = user_dtype("einsum", preferred_element_type)
    inputs, output, arrays = _parse(subscripts, operands)
    weak = all(a.aval.weak_type for a in arrays)
    arrays = promote_dtypes("einsum", *arrays)
    if not weak:
        arrays = [convert(a, a.aval.dtype) for a in arrays]
    if len(arrays) == 2:
        summed = [c for c in inputs[0] if c in inputs[1] and c not in output]
        check_contracted("einsum", out_sharding, *(
            (a, [t.index(c) for c in summed]) for a, t in zip(arrays, inputs, strict=True)))
    array = divided("einsum", lambda *arrays: _evaluate(
        inputs, output, arrays, optimize, precision, preferred), out_sharding,
                    *own_parts(arrays, out_sharding))
    return array if preferred is None else convert(array, preferred)


def _evaluate(inputs: Sequence[str], output: str, arrays: Sequence[Any], optimize: Any,
              precision: Any, preferred: Any) -> Any:
    """The sum of products, contracted pair by pair."""
    dtype = arrays[0].aval.dtype
    terms = [_trace_term(a, t, _needed(output, inputs, i), dtype)
             for i, (a, t) in enumerate(zip(arrays, inputs, strict=True))]
    for pair in _order(terms, output, optimize):
        group = [terms.pop(i) for i in sorted(pair, reverse=True)][::-1]
        while len(group) > 1:
            first, second, *rest = group
            keep = set(output).union(*(t for _, t in [*terms, *rest]))
            group = [_pair(first, second, keep, precision, preferred), *rest]
        terms += group
    (array, term), = terms
    array, term = _summed(array, term, set(output))
    return lax.transpose(array, [term.index(c) for c in output])


def _order(terms: Sequence[tuple[Any, list[str]]], output: str, optimize: Any) -> Any:
    """The operands to contract in each step, by their places among those that are left."""
    if len(terms) < 3 or not optimize:
        return [(0, 1)] * (len(terms) - 1)
    import opt_einsum

    shapes = [a.aval.shape for a, _ in terms]
    equation = ",".join("".join(t) for _, t in terms) + "->" + output
    return opt_einsum.contract_path(equation, *shapes, shapes=True,
                                    optimize="optimal" if optimize is True else optimize)[0]


def _parse(subscripts: Any, operands: Sequence[Any]) -> tuple[list[str], str, list[Any]]:
    """Index letters of operands and result, ellipses and the alternative form resolved."""
    plain = _plain(subscripts)
    if plain is not None and len(plain[0]) == len(operands):
        arrays = [as_array("einsum", x) for x in operands]
        _check_terms(*plain, arrays)
        return *plain, arrays
    from opt_einsum.parser import parse_einsum_input  # costs start-up time

    if isinstance(subscripts, str):
        arrays = [as_array("einsum", x) for x in operands]
        parts: list[Any] = [subscripts, *map(_stand_in, arrays)]
    else:  # operand, list of indices, operand, ... and perhaps the indices of the result
        given = [subscripts, *operands]
        if any(isinstance(x, str) for x in given):
            raise TypeError("einsum: the text of subscripts is the first argument")
        pairs, parts = len(given) // 2 * 2, [*given]
        arrays = [as_array("einsum", x) for x in given[:pairs:2]]
        parts[:pairs:2] = map(_stand_in, arrays)
    try:
        inputs, output, _ = parse_einsum_input(parts)
    except ValueError as error:
        raise ValueError(f"einsum: {error} (in {subscripts!r:.60}); name every axis of each operand"
                         " by a letter, and after -> those of the result") from None
    names = inputs.split(",")
    _check_terms(names, output, arrays)
    return names, output, arrays


def _plain(subscripts: Any) -> tuple[list[str], str] | None:
    """Terms of a text like 'ij,jk->ik', None for other forms and for what may be a mistake."""
    if not isinstance(subscripts, str):
        return None
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    names = left.split(",")
    letters = "".join(names)
    right = arrow and len(set(output)) == len(output) and set(output) <= set(letters)
    return (names, output) if right and letters.isalpha() and letters.isascii() else None


def _stand_in(x: Any) -> np.ndarray[Any, Any]:
    return np.broadcast_to(np.zeros(()), x.aval.shape)


def _check_terms(names: Sequence[str], output: str, arrays: Sequence[Any]) -> None:
    if len(names) != len(arrays):
        raise ValueError(f"einsum: {len(names)} terms for {len(arrays)} operands")
    lengths: dict[str, int] = {}
    for term, a in zip(names, arrays, strict=True):
        if len(term) != a.aval.ndim:
            raise ValueError(f"einsum: each axis needs a letter, {term!r} is not for {a.aval}")
        for letter, n in zip(term, a.aval.shape, strict=True):
            if lengths.setdefault(letter, n) not in (n, 1) and n != 1:
                raise ValueError(f"einsum: index {letter!r} has lengths {lengths[letter]} and {n}")
            lengths[letter] = max(n, lengths[letter]) if n else 0
    if any(c not in lengths for c in output) or len(set(output)) != len(output):
        raise ValueError(f"einsum: indices of the result occur once, {output!r}, and in a term")


def _needed(output: str, inputs: Sequence[str], i: int) -> set[str]:
    return set(output).union(*(t for j, t in enumerate(inputs) if j != i), "")


def _trace_term(a: Any, term: str, needed: set[str], dtype: Any) -> tuple[Any, list[str]]:
    """An operand with repeated indices on their diagonal, summed over those nobody else needs."""
    letters = list(term)
    for letter in sorted({c for c in letters if letters.count(c) > 1}):
        while letters.count(letter) > 1:
            i = letters.index(letter)
            j = letters.index(letter, i + 1)
            n = a.aval.shape[i]
            at = np.arange(n)
            a = moveaxis(a, (i, j), (0, 1))
            a = getitem(a, (at, at))
            letters = [letter, *(c for k, c in enumerate(letters) if k not in (i, j))]
    return _summed(a, letters, needed)


def _summed(a: Any, letters: list[str], needed: set[str]) -> tuple[Any, list[str]]:
    gone = tuple(i for i, c in enumerate(letters) if c not in needed)
    if not gone:
        return a, letters
    weak = a.aval.weak_type
    out = sum_(a, gone, promote_integers=False, dtype=a.aval.dtype if kind_of(a) != "b" else None)
    return (convert(out, a.aval.dtype, weak),
            [c for i, c in enumerate(letters) if i not in gone])


def _pair(first: Any, second: Any, keep: set[str], precision: Any, preferred: Any) -> Any:
    """The product of two terms, summed over the indices that are not kept."""
    (a, s), (b, t) = first, second
    a, s = _summed(a, s, keep | set(t))
    b, t = _summed(b, t, keep | set(s))
    a, s = _drop_ones(a, s, b, t)
    b, t = _drop_ones(b, t, a, s)
    both = [c for c in s if c in t]
    batch = [c for c in both if c in keep]
    contracted = [c for c in both if c not in keep]
    free = [c for c in s if c not in both], [c for c in t if c not in both]
    summed = tuple(map(s.index, contracted)), tuple(map(t.index, contracted))
    shared = tuple(map(s.index, batch)), tuple(map(t.index, batch))
    out = _contract("einsum", a, b, summed, shared, precision, preferred)
    if preferred is not None and out.aval.dtype != a.aval.dtype:
        out = convert(out, dtypes.promote_types(a.aval.dtype, preferred))
    return out, [*batch, *itertools.chain(*free)]


def _drop_ones(a: Any, s: list[str], b: Any, t: list[str]) -> Any:
    """`a` without axes of length 1 whose partner in `b` is longer: they broadcast."""
    gone = [i for i, c in enumerate(s) if c in t and a.aval.shape[i] == 1
            and b.aval.shape[t.index(c)] != 1]
    return (lax.squeeze(a, gone), [c for i, c in enumerate(s) if i not in gone]) if gone else (a, s)
