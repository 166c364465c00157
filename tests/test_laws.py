"""Every law on every row of the table of examples."""

import re

import pytest

from examples import Bad, Example, identifiers, is_further, table
from laws import (
    LAWS,
    Law,
    in_axes,
    law_loops,
    law_nested,
    law_refused,
    law_second,
    law_sizes,
    law_vmap,
    mapped_at_size,
)

EXAMPLES, BAD = table()
COSTLY = (law_loops, law_nested, law_second, law_sizes, law_vmap)  # several programs of each row


def cases():
    """Each law with each row; those that take long, with the first rows of each operation."""
    for law in LAWS:
        for row, name in zip(EXAMPLES, identifiers(EXAMPLES), strict=True):
            long = law in COSTLY and is_further(name)
            yield pytest.param(law, row, id=f"{law.__name__}-{name}",
                               marks=[pytest.mark.long] if long else [])


@pytest.mark.parametrize("law,row", list(cases()))
def test_law(law: Law, row: Example) -> None:
    law(row)


# Their eager forms take seconds for so many matrices, or calls of Python.
SLOW = r"callback|lu|qr|eig|svd|schur|hess|ormqr|tridiag|solve|householder|cholesky|pinv|expm|log"
LARGE = [row for i, row in enumerate(EXAMPLES) if i % 5 == 2 and not re.search(SLOW, row.name)
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
