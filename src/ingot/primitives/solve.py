"""Linear systems by LU factorization, written in the operations of `linalg.py`."""

from __future__ import annotations

from typing import Any

from ingot.primitives.linalg import lu, triangular_solve
from ingot.primitives.matrices import permuted_rows


def solve(a: Any, b: Any) -> Any:
    """Solve a x = b for square matrices: a [..., n, n], b [..., n, m] -> x [..., n, m]."""
    factors, _, permutation = lu(a)
    y = triangular_solve(factors, permuted_rows(b, permutation), left_side=True, lower=True,
                         unit_diagonal=True)
    return triangular_solve(factors, y, left_side=True)
