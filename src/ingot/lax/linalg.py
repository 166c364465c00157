"""Matrix decompositions and solves, under the names of `jax.lax.linalg`."""

from typing import Any

from ingot.lax.missing import MISSING_LINALG, absent
from ingot.ops.decompositions import (
    EighImplementation as EighImplementation,
    EigImplementation as EigImplementation,
    SvdAlgorithm as SvdAlgorithm,
    eig as eig,
    eig_p as eig_p,
    eigh as eigh,
    eigh_p as eigh_p,
    hessenberg as hessenberg,
    hessenberg_p as hessenberg_p,
    schur as schur,
    schur_p as schur_p,
    svd as svd,
    svd_p as svd_p,
    tridiagonal as tridiagonal,
    tridiagonal_p as tridiagonal_p,
)
from ingot.ops.linalg import (
    cholesky as cholesky,
    cholesky_p as cholesky_p,
    lu as lu,
    lu_p as lu_p,
    lu_pivots_to_permutation as lu_pivots_to_permutation,
    lu_pivots_to_permutation_p as lu_pivots_to_permutation_p,
    triangular_solve as triangular_solve,
    triangular_solve_p as triangular_solve_p,
)
from ingot.ops.qr import (
    geqrf as geqrf,
    geqrf_p as geqrf_p,
    householder_product as householder_product,
    householder_product_p as householder_product_p,
    ormqr as ormqr,
    ormqr_p as ormqr_p,
    qr as qr,
    qr_p as qr_p,
)
from ingot.ops.tridiagonal import (
    tridiagonal_solve as tridiagonal_solve,
    tridiagonal_solve_p as tridiagonal_solve_p,
)


def __getattr__(name: str) -> Any:
    raise absent("ingot.lax.linalg", MISSING_LINALG, name)
