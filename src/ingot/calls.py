"""Calls of users' functions: their names in messages, and how many arguments they take."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def function_name(fun: Any) -> str:
    """What to call a function in messages and programs."""
    name = getattr(fun, "__name__", None)
    if name is None and hasattr(fun, "func"):
        return function_name(fun.func)
    return name if isinstance(name, str) else type(fun).__name__


def function_place(fun: Any) -> str:
    """`name (file.py:12)`, so that a message can point at a function."""
    code = getattr(getattr(fun, "__wrapped__", fun), "__code__", None)
    name = function_name(fun)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def called(what: str, fun: Callable[..., Any], args: Sequence[Any],
           kwargs: Mapping[str, Any] | None = None, given: str = "") -> Any:
    """The result of a user's function. If it does not take so many arguments, the TypeError names
    the function in use, `what`, and both numbers; `given` says what the arguments are."""
    try:
        return fun(*args, **(kwargs or {}))
    except TypeError as error:
        within = error.__traceback__.tb_next if error.__traceback__ else None
        if within is not None or getattr(error, "of_call", False):
            raise
        message = mismatch(what, fun, args, kwargs or {}, given)
        if message is None:
            raise
        told: Any = TypeError(f"{message}: {error}")
        told.of_call = True  # calls around this one leave it as it is
        raise told from None


def check_call(what: str, fun: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
               ) -> None:
    """Raise TypeError if a function that is called later does not take such arguments."""
    message = mismatch(what, fun, args, kwargs)
    if message is not None:
        raise TypeError(message)


def mismatch(what: str, fun: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any],
             given: str = "") -> str | None:
    """How arguments differ from those that a function takes; None if they do not, or Python cannot
    tell."""
    try:
        signature = inspect.signature(fun)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        got = f"{len(args)} argument{'s' * (len(args) != 1)}"
        if given:
            got += f", {given},"
        if kwargs:
            got += f" and {', '.join(kwargs)} by name"
        return (f"{what}: {function_place(fun)} is called with {got.removesuffix(',')}, but takes"
                f" {_number_taken(signature)}")
    return None


def _number_taken(signature: inspect.Signature) -> str:
    """How many positional arguments a function takes."""
    parameters = signature.parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    least = sum(p.default is p.empty for p in positional)
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        return f"at least {least}"
    return str(least) if least == len(positional) else f"{least} to {len(positional)}"
