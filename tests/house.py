"""Rules that every module of the house keeps to."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

Rule = Callable[[Any], None]


def rule_of(modules: Sequence[Any]) -> Callable[[Rule], Callable[..., None]]:
    """Make a rule of one module a test of them all, that says of each what is wrong."""
    return partial(_test, modules)


def _test(modules: Sequence[Any], rule: Rule) -> Callable[..., None]:
    def test(module: Any = None) -> None:
        faults = []
        for given in modules if module is None else [module]:
            try:
                rule(given)
            except AssertionError as error:
                faults.append(str(error))
        assert not faults, "\n".join(faults)

    test.__doc__ = rule.__doc__
    return test
