"""Every law on every row of the table of examples."""

import pytest

from examples import Bad, Example, identifiers, table
from laws import LAWS, Law, law_refused

EXAMPLES, BAD = table()


@pytest.mark.parametrize("row", EXAMPLES, ids=identifiers(EXAMPLES))
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, row: Example) -> None:
    law(row)


@pytest.mark.parametrize("row", BAD, ids=identifiers(BAD))
def test_refused(row: Bad) -> None:
    law_refused(row)
