"""Every law on every row of the table of examples."""

import re

import pytest

from examples import Bad, Example, identifiers, table
from laws import LAWS, Law, in_axes, law_refused, mapped_at_size

EXAMPLES, BAD = table()


@pytest.mark.parametrize("row", EXAMPLES, ids=identifiers(EXAMPLES))
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, row: Example) -> None:
    law(row)


# Their eager forms take seconds for so many matrices, or calls of Python.
COSTLY = r"callback|lu|qr|eig|svd|schur|hess|ormqr|tridiag|solve|householder|cholesky|pinv|expm|log"
LARGE = [row for i, row in enumerate(EXAMPLES) if i % 5 == 2 and not re.search(COSTLY, row.name)
         and any(x.size for x in row.args) and any(True for _ in in_axes(row))]


@pytest.mark.slow
@pytest.mark.parametrize("row", LARGE, ids=identifiers(LARGE))
def test_large(row: Example) -> None:
    """Compiled programs give the eager results above the sizes of caches, on several threads."""
    size = 300_007 // max(x.size for x in row.args)
    mapped_at_size(row, next(iter(in_axes(row))), size)


@pytest.mark.parametrize("row", BAD, ids=identifiers(BAD))
def test_refused(row: Bad) -> None:
    law_refused(row)
