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
from ingot.numpy.manipulation import moveaxis, ravel, stack
from ingot.numpy.promotion import (
    as_array,
    broadcast_shapes,
    convert,
    promote_dtypes,
    unsupported,
    user_dtype,
)
from ingot.numpy.reductions import axes_of, sum as sum_
from ingot.numpy.rounding import conjugate


def _contract(name: str, a: Any, b: Any, contracted: Any, batch: Any, precision: Any,
              preferred: Any) -> Any:
    weak = a.aval.weak_type and preferred is None
    out = lax.dot_general(a, b, (contracted, batch), precision=precision,
                          preferred_element_type=preferred or a.aval.dtype)
    return convert(out, out.aval.dtype, weak)


def _operands(name: str, a: Any, b: Any, preferred: Any) -> tuple[Any, Any, Any]:
    a, b = promote_dtypes(name, a, b)
    return a, b, user_dtype(name, preferred)


@trace_cached
def dot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None,
        out_sharding: Any = None) -> Any:
    """Sum of products over the last axis of `a` and the last but one (or only) axis of `b`.

    >>> jnp.dot(np.array([1, 2]), np.array([3, 4]))
    Array(11, dtype=int64)
    """
    a, b, preferred = _operands("dot", a, b, preferred_element_type)
    if not a.aval.ndim or not b.aval.ndim:
        out = multiply(a, b)
        return out if preferred is None else convert(out, preferred)
    axis = max(b.aval.ndim - 2, 0)
    _check_lengths("dot", a, a.aval.ndim - 1, b, axis)
    return _contract("dot", a, b, ((a.aval.ndim - 1,), (axis,)), ((), ()), precision, preferred)


def _check_lengths(name: str, a: Any, i: int, b: Any, j: int) -> None:
    n, m = a.aval.shape[i], b.aval.shape[j]
    if n != m:
        raise TypeError(f"{name}: contracted axes must have one length: axis {i} of {a.aval} has"
                        f" {n}, axis {j} of {b.aval} has {m}; transpose one of them, or choose axes"
                        " with tensordot or einsum")


@trace_cached
def matmul(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Matrix product over the last two axes, the others broadcast; vectors count as matrices.

    >>> jnp.matmul(np.eye(2), np.ones(2))
    Array([1., 1.], dtype=float64)
    """
    a, b, preferred = _operands("matmul", a, b, preferred_element_type)
    if not a.aval.ndim or not b.aval.ndim:
        raise ValueError(f"matmul: scalars have no axes to contract, got {a.aval} and {b.aval};"
                         " use *")
    i, j = a.aval.ndim - 1, max(b.aval.ndim - 2, 0)
    _check_lengths("matmul", a, i, b, j)
    lead_a, lead_b = a.aval.shape[:-2], b.aval.shape[:-2]
    if not lead_b:
        return _contract("matmul", a, b, ((i,), (j,)), ((), ()), precision, preferred)
    if not lead_a:  # the result has b's leading axes first, then the free axes of a and b
        out = _contract("matmul", a, b, ((i,), (j,)), ((), ()), precision, preferred)
        return moveaxis(out, 0, -2) if a.aval.ndim == 2 else out
    lead = broadcast_shapes(lead_a, lead_b)
    a = broadcast_to(a, lead + a.aval.shape[len(lead_a):])
    b = broadcast_to(b, lead + b.aval.shape[len(lead_b):])
    axes = tuple(range(len(lead)))
    return _contract("matmul", a, b, ((a.aval.ndim - 1,), (b.aval.ndim - 2,)), (axes, axes),
                     precision, preferred)


def matvec(x1: Any, x2: Any, /) -> Any:
    """Products of matrices and vectors, leading axes broadcast.

    >>> jnp.matvec(np.eye(2), np.ones(2))
    Array([1., 1.], dtype=float64)
    """
    x2 = as_array("matvec", x2)
    out = matmul(x1, lax.reshape(x2, (*x2.aval.shape, 1)))
    return lax.squeeze(out, (out.aval.ndim - 1,))


def vecmat(x1: Any, x2: Any, /) -> Any:
    """Products of conjugated vectors and matrices, leading axes broadcast.

    >>> jnp.vecmat(np.ones(2), np.eye(2))
    Array([1., 1.], dtype=float64)
    """
    x1 = conjugate(as_array("vecmat", x1))
    out = matmul(lax.reshape(x1, (*x1.aval.shape[:-1], 1, x1.aval.shape[-1])), x2)
    return lax.squeeze(out, (out.aval.ndim - 2,))


@trace_cached
def vdot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sum of conj(a) * b over all elements.

    >>> jnp.vdot(np.array([1, 2]), np.array([3, 4]))
    Array(11, dtype=int64)
    """
    a, b = as_array("vdot", a), as_array("vdot", b)
    return dot(ravel(conjugate(a)), ravel(b), precision=precision,
               preferred_element_type=preferred_element_type)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, precision: Any = None,
           preferred_element_type: Any = None) -> Any:
    """Sum of conj(x1) * x2 over an axis, the others broadcast.

    >>> jnp.vecdot(np.array([1, 2]), np.array([3, 4]))
    Array(11, dtype=int64)
    """
    a, b, preferred = _operands("vecdot", x1, x2, preferred_element_type)
    a, b = moveaxis(conjugate(a), axis, -1), moveaxis(b, axis, -1)
    _check_lengths("vecdot", a, a.aval.ndim - 1, b, b.aval.ndim - 1)
    lead = broadcast_shapes(a.aval.shape[:-1], b.aval.shape[:-1])
    n = a.aval.shape[-1]
    axes = tuple(range(len(lead)))
    last = (len(lead),)
    return _contract("vecdot", broadcast_to(a, (*lead, n)), broadcast_to(b, (*lead, n)),
                     (last, last), (axes, axes), precision, preferred)


@trace_cached
def inner(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sum of products over the last axes.

    >>> jnp.inner(np.array([1, 2]), np.array([3, 4]))
    Array(11, dtype=int64)
    """
    a, b, preferred = _operands("inner", a, b, preferred_element_type)
    if not a.aval.ndim or not b.aval.ndim:
        return dot(a, b, precision=precision, preferred_element_type=preferred)
    i, j = a.aval.ndim - 1, b.aval.ndim - 1
    _check_lengths("inner", a, i, b, j)
    return _contract("inner", a, b, ((i,), (j,)), ((), ()), precision, preferred)


@trace_cached
def outer(a: Any, b: Any, out: None = None) -> Any:
    """Products of all pairs of elements.

    >>> jnp.outer(np.array([1, 2]), np.array([3]))
    Array([[3],
           [6]], dtype=int64)
    """
    unsupported("outer", out=out)
    a, b = ravel(a), ravel(b)
    return multiply(lax.reshape(a, (a.aval.size, 1)), lax.reshape(b, (1, b.aval.size)))


def tensordot(a: Any, b: Any, axes: Any = 2, *, precision: Any = None,
              preferred_element_type: Any = None, out_sharding: Any = None) -> Any:
    """Sum of products over several axes: the last and first `axes`, or a pair of lists.

    >>> jnp.tensordot(np.ones((2, 3)), np.ones((2, 3)))
    Array(6., dtype=float64)
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
    return _contract("tensordot", a, b, (left, right), ((), ()), precision, preferred)


def kron(a: Any, b: Any) -> Any:
    """Kronecker product: each element of `a` times the whole of `b`.

    >>> jnp.kron(np.array([1, 2]), np.array([1, 1]))
    Array([1, 1, 2, 2], dtype=int64)
    """
    a, b = promote_dtypes("kron", a, b)
    rank = max(a.aval.ndim, b.aval.ndim)
    sa, sb = ((1,) * (rank - x.aval.ndim) + x.aval.shape for x in (a, b))
    left = lax.reshape(a, [n for s in sa for n in (s, 1)])
    right = lax.reshape(b, [n for s in sb for n in (1, s)])
    return lax.reshape(multiply(left, right), [n * m for n, m in zip(sa, sb, strict=True)])


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1,
          axis: int | None = None) -> Any:
    """Vector product along axes of length 3; with length 2 the third component counts as 0.

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
    """The order of contractions that `einsum` follows, and its cost as a text object.

    >>> jnp.einsum_path("ij,jk", np.ones((2, 2)), np.ones((2, 2)))[0]
    [(0, 1)]
    """
    import opt_einsum

    if optimize is True:
        optimize = "optimal"
    return opt_einsum.contract_path(subscripts, *operands, optimize=optimize)


def _contraction_order(terms: Sequence[Any], output: str, optimize: Any) -> list[Any]:
    """The positions of the terms to contract with each other, step by step."""
    if len(terms) < 3:
        return [(0, 1)] * (len(terms) - 1)
    import opt_einsum

    shapes = [a.aval.shape for a, _ in terms]
    equation = ",".join("".join(t) for _, t in terms) + "->" + output
    path = opt_einsum.contract_path(equation, *shapes, shapes=True,
                                    optimize="optimal" if optimize is True else
                                    optimize or [tuple(range(len(terms)))])[0]
    return [(0, 1)] * (len(terms) - 1) if not optimize else path


def einsum(subscripts: Any, /, *operands: Any, out: None = None, optimize: Any = "auto",
           precision: Any = None, preferred_element_type: Any = None,
           _dot_general: Any = None, out_sharding: Any = None) -> Any:
    """Sums of products in Einstein's notation, e.g. 'ij,jk->ik'.

    optimize: how the order of contractions is found ('auto', 'optimal', 'greedy', a path).

    >>> jnp.einsum("ij,j", np.eye(2), np.ones(2))
    Array([1., 1.], dtype=float64)
    """
    unsupported("einsum", out=out)
    preferred = user_dtype("einsum", preferred_element_type)
    inputs, output, arrays = _parse(subscripts, operands)
    weak = all(a.aval.weak_type for a in arrays)
    arrays = promote_dtypes("einsum", *arrays)
    if not weak:
        arrays = [convert(a, a.aval.dtype) for a in arrays]
    dtype = arrays[0].aval.dtype
    terms = [_trace_term(a, t, _needed_axes(output, inputs, i), dtype)
             for i, (a, t) in enumerate(zip(arrays, inputs, strict=True))]
    for pair in _contraction_order(terms, output, optimize):
        group = [terms.pop(i) for i in sorted(pair, reverse=True)][::-1]
        while len(group) > 1:
            first, second, *rest = group
            keep = set(output).union(*(t for _, t in [*terms, *rest]))
            group = [_pair(first, second, keep, precision, preferred), *rest]
        terms += group
    (array, term), = terms
    array, term = _sum_out(array, term, set(output))
    array = lax.transpose(array, [term.index(c) for c in output])
    return array if preferred is None else convert(array, preferred)


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
        pairs = len(given) // 2 * 2
        arrays = [as_array("einsum", x) for x in given[:pairs:2]]
        parts = [*given]
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
            raise ValueError(f"einsum: term {term!r} names {len(term)} axes of {a.aval}")
        for letter, n in zip(term, a.aval.shape, strict=True):
            if lengths.setdefault(letter, n) not in (n, 1) and n != 1:
                raise ValueError(f"einsum: index {letter!r} has lengths {lengths[letter]} and {n}")
            lengths[letter] = max(n, lengths[letter]) if n else 0
    if any(c not in lengths for c in output) or len(set(output)) != len(output):
        raise ValueError(f"einsum: each index of the result {output!r} must occur once there and"
                         " in an operand")


def _needed_axes(output: str, inputs: Sequence[str], i: int) -> set[str]:
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
    return _sum_out(a, letters, needed)


def _sum_out(a: Any, letters: list[str], needed: set[str]) -> tuple[Any, list[str]]:
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
    a, s = _sum_out(a, s, keep | set(t))
    b, t = _sum_out(b, t, keep | set(s))
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
