"""Factorizations: by LAPACK on CPUs, on TPUs by what XLA itself expands, else by the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingot.backends.xla import lapack_calls
from ingot.backends.xla.host import evaluated_on_host
from ingot.backends.xla.rules import RULES, program, rule
from ingot.backends.xla.stablehlo import Builder, Value
from ingot.control.while_loop import fori_loop
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.primitive import REGISTRY
from ingot.primitives.compare import eq
from ingot.primitives.dynamic_slice import dynamic_index_in_dim
from ingot.primitives.movement import broadcast_in_dim
from ingot.primitives.select import select
from ingot.primitives.shape import broadcasted_iota
from ingot.primitives.sort import take_along

PLACE = np.dtype(np.int32)


# ---- what derivatives of factorizations are made of ----------------------------------------------
@rule("untied")
def _untied(b: Builder, x: Value, out: Any, mirrored: bool) -> Value:
    return x


@rule("basis_product")
def _basis_product(b: Builder, u: Value, x: Value, w: Value, out: Any, **_: Any) -> Value:
    return b.same("multiply", u, x)


# ---- row exchanges -------------------------------------------------------------------------------
def _permutation(pivots: Any, *, permutation_size: int) -> Any:
    """The order of rows after the exchanges i <-> pivots[i], one after the other."""
    *lead, count = typeof(pivots).shape
    shape, axis = (*lead, permutation_size), len(lead)
    rows = broadcasted_iota(PLACE, shape, axis)

    def exchange(i: Any, order: Any) -> Any:
        other = dynamic_index_in_dim(pivots, i, axis)
        mine = dynamic_index_in_dim(order, i, axis)
        theirs = take_along(order, other, axis)
        full = range(len(shape))
        here = eq(rows, broadcast_in_dim(i, shape, ()))
        there = eq(rows, broadcast_in_dim(other, shape, full))
        order = select(there, broadcast_in_dim(mine, shape, full), order)
        return select(here, broadcast_in_dim(theirs, shape, full), order)

    return fori_loop(np.int32(0), np.int32(count), exchange, rows) if permutation_size else rows


RULES["lu_pivots_to_permutation"] = program(_permutation)


# ---- what XLA expands on TPUs --------------------------------------------------------------------
def _target(b: Builder, name: str, args: Any, types: Any, config: str = "") -> list[Value]:
    return b.ops("stablehlo.custom_call", args, types,
                 f'call_target_name = "{name}", backend_config = "{config}"')


def _lu(b: Builder, x: Value, out: Any) -> list[Value]:
    return _target(b, "LuDecomposition", [x], [(x.shape, x.dtype), *(
        (a.shape, PLACE) for a in out[1:])])


def _geqrf(b: Builder, x: Value, out: Any) -> list[Value]:
    return _target(b, "Qr", [x], [(a.shape, x.dtype) for a in out])


def _product(b: Builder, x: Value, taus: Value, out: Any) -> Value:
    return _target(b, "ProductOfElementaryHouseholderReflectors", [x, taus], [
        (x.shape, x.dtype)])[0]


def _qr(b: Builder, x: Value, out: Any, pivoting: bool, full_matrices: bool, **_: Any
        ) -> list[Value]:
    if pivoting:
        return evaluated_on_host(REGISTRY["qr"], b, [x], out, {
            "pivoting": True, "full_matrices": full_matrices, "use_magma": None})
    packed, taus = _geqrf(b, x, [x, _taus(x)])
    return _from_reflectors(b, packed, taus, out, _product)


def _qr_by_lapack(b: Builder, x: Value, out: Any, pivoting: bool, **_: Any) -> list[Value]:
    if not pivoting:
        packed, taus = lapack_calls.geqrf(b, x, out)
        return _from_reflectors(b, packed, taus, out, lapack_calls.product)
    packed, taus, order = lapack_calls.pivoted(b, x)
    return [*_from_reflectors(b, packed, taus, out, lapack_calls.product), order]


def _taus(x: Value) -> ShapedArray:
    return ShapedArray((*x.shape[:-2], min(x.shape[-2:])), x.dtype)


def _from_reflectors(b: Builder, packed: Value, taus: Value, out: Any, product: Any
                     ) -> list[Value]:
    """Append Q and R of what `geqrf` gives."""
    rank, n, columns = len(packed.shape), packed.shape[-1], out[0].shape[-1]
    wide = b.slice_axis(packed, rank - 1, 0, min(columns, n))
    low, high = [0] * rank, [0] * rank
    high[-1] = columns - min(columns, n)
    wide = b.pad(wide, b.full((), 0, packed.dtype), low, high, [0] * rank)
    r = b.slice_axis(packed, rank - 2, 0, out[1].shape[-2])
    upper = b.compare("LE", b.iota(r.shape, PLACE, rank - 2), b.iota(r.shape, PLACE, rank - 1))
    return [product(b, wide, taus, None), b.select(upper, r, b.full_like(r, 0))]


def _eigh(b: Builder, x: Value, out: Any, lower: bool, order: int = 0, **_: Any) -> list[Value]:
    vectors, values = _target(b, "Eigh", [x], [(x.shape, x.dtype), (out[1].shape, out[1].dtype)],
                              f"{int(lower)},1,100,1e-6")
    return [vectors, values, *[vectors] * bool(order)]


for _name, _lapack, _expand in (
        ("lu", lapack_calls.lu, _lu), ("geqrf", lapack_calls.geqrf, _geqrf),
        ("householder_product", lapack_calls.product, _product), ("qr", _qr_by_lapack, _qr),
        ("eigh", lapack_calls.eigh, _eigh)):
    lapack_calls.by_lapack(_name, _lapack, _expand)
