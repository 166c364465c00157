"""checkify: checks in compiled code whose failures are values that a function returns."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import ingot.numpy as jnp
from ingot import dtypes
from ingot.core.array import from_numpy
from ingot.core.interpreter import Tracer, typeof
from ingot.core.tracebacks import api_boundary, hide_frames_of as _hide_frames_of
from ingot.experimental.checked_programs import (
    Check,
    Checker,
    CheckError,
    CheckFailed as JaxRuntimeError,
    DivisionByZeroError,
    FailedCheckError,
    NaNError,
    OOBError,
    check_p,
)
from ingot.primitives.random_keys import random_unwrap
from ingot.transforms.stage import stage
from ingot.tree import register_pytree_node, tree_flatten, tree_unflatten

ErrorCategory = type[CheckError]

user_checks = frozenset({FailedCheckError})
nan_checks = frozenset({NaNError})
index_checks = frozenset({OOBError})
div_checks = frozenset({DivisionByZeroError})
float_checks = nan_checks | div_checks
automatic_checks = float_checks | index_checks
all_checks = automatic_checks | user_checks


class Error:
    """What a checked function found: nothing, or the first check that failed.

    Under vmap it has one entry for each call. A pytree, so that it can leave compiled functions:
    code, payload and checks are its parts.

    >>> from ingot.experimental import checkify
    >>> error, y = checkify.checkify(lambda x: 1 / x, errors=checkify.float_checks)(2.0)
    >>> error.get() is None
    True
    """

    def __init__(self, code: Any, payload: tuple[Any, ...], checks: tuple[Check, ...]):
        self._code, self._payload, self._checks = code, payload, checks

    def get(self) -> str | None:
        """The text of the error, a line for each entry that has one; None if all is well."""
        texts = list(self._texts())
        if len(texts) == 1 and not texts[0][0]:
            return texts[0][1]
        return "\n".join(f"at mapped index {', '.join(map(str, i))}: {t}" for i, t in texts) or None

    def throw(self) -> None:
        """Raise JaxRuntimeError if a check failed."""
        text = self.get()
        if text is not None:
            raise JaxRuntimeError(text)

    def get_exception(self) -> CheckError | None:
        """The error as an exception of its kind; None if all is well."""
        codes = np.ravel(np.asarray(self._code))
        text = self.get()
        return None if text is None else self._checks[codes[codes > 0][0] - 1].kind(text)

    def _texts(self) -> Iterator[tuple[tuple[int, ...], str]]:
        code = np.asarray(self._code)
        starts = np.cumsum([0, *(len(c.payload) for c in self._checks)])
        for index in zip(*np.nonzero(np.atleast_1d(code)), strict=True):
            where = tuple(int(i) for i in index) if code.ndim else ()
            number = int(code[where]) - 1
            values = self._payload[starts[number] : starts[number + 1]]
            yield where, self._checks[number].message(*(np.asarray(v)[where] for v in values))

    def __repr__(self) -> str:
        traced = isinstance(self._code, Tracer)
        return f"Error({'traced' if traced else self.get()})"


register_pytree_node(Error, lambda e: ((e._code, e._payload), e._checks),
                     lambda checks, children: Error(children[0], children[1], checks))


def _numbers(x: Any) -> Any:
    """What a message shows of a value: of keys their words."""
    return random_unwrap(x) if dtypes.is_key_dtype(x.dtype) else x


def check(pred: Any, msg: str, *fmt_args: Any, debug: bool = False, **fmt_kwargs: Any) -> None:
    """Assert `pred`; under `checkify` a failure becomes an Error value.

    pred: boolean scalar. msg: a format for the arrays in fmt_args and fmt_kwargs. debug: whether it
    is ignored without `checkify` around it; else a failure raises JaxRuntimeError when the program
    runs. Raises TypeError for a pred that is no boolean scalar.

    >>> from ingot.experimental.checkify import check
    >>> check(1 < 2, "{} is not less than 2", 1)
    """
    aval = typeof(pred)
    if aval.shape or aval.dtype != np.bool_:
        raise TypeError(f"check: pred must be a boolean scalar, got {aval}; reduce it with"
                        " jnp.all or jnp.any")
    leaves, tree = tree_flatten((fmt_args, fmt_kwargs))
    values = [_numbers(jnp.asarray(v)) for v in leaves]

    def message(*payload: Any) -> str:
        args, kwargs = tree_unflatten(tree, [from_numpy(x) for x in payload])
        return msg.format(*args, **kwargs) + " (`check` failed)"

    message(*(np.zeros(v.shape, v.dtype) for v in values))  # errors of the format come now
    types = tuple(typeof(v).update(weak_type=False) for v in values)
    check_p.bind(pred, *values, check=Check(FailedCheckError, message, types, bool(debug)))


def debug_check(pred: Any, msg: str, *fmt_args: Any, **fmt_kwargs: Any) -> None:
    """Assert `pred` only where there is `checkify` around it.

    pred, msg, fmt_args, fmt_kwargs: those of `check`.

    >>> from ingot.experimental.checkify import debug_check
    >>> debug_check(1 > 2, "is ignored")
    """
    check(pred, msg, *fmt_args, debug=True, **fmt_kwargs)


def check_error(error: Error) -> None:
    """Raise JaxRuntimeError if a check failed; inside `checkify`, state that again.

    error: an Error.

    >>> from ingot.experimental.checkify import check, check_error, checkify
    >>> error, _ = checkify(lambda x: check(x > 0, "not positive"))(1.0)
    >>> check_error(error)
    """
    start = 0
    for number, found in enumerate(error._checks, 1):
        end = start + len(found.payload)
        here = jnp.ravel(jnp.asarray(error._code) == number)
        first = jnp.argmax(here)
        values = [jnp.reshape(v, (-1, *a.shape))[first]
                  for v, a in zip(error._payload[start:end], found.payload, strict=True)]
        check_p.bind(~jnp.any(here), *values, check=found)
        start = end


def checkify(f: Callable[..., Any], errors: frozenset[ErrorCategory] = user_checks
             ) -> Callable[..., tuple[Error, Any]]:
    """Make a function that returns (error, result), where `f` would raise from compiled code.

    f: a function of arrays. errors: which checks: `user_checks` (calls of `check`), `nan_checks`,
    `div_checks`, `index_checks`, or unions of them -> a function of the same arguments, which may
    be compiled, mapped and differentiated. Automatic checks see calls of functions with derivative
    rules of their own from outside.

    >>> from ingot.experimental.checkify import checkify, float_checks
    >>> error, y = checkify(lambda x: 1 / x, errors=float_checks)(0.0)
    >>> error.get()
    'division by zero'
    """
    @api_boundary
    @functools.wraps(f)
    def checked(*args: Any, **kwargs: Any) -> tuple[Error, Any]:
        leaves, tree = tree_flatten((args, kwargs))
        trees = []

        def flat(*xs: Any) -> list[Any]:
            positional, named = tree_unflatten(tree, xs)
            outs, out_tree = tree_flatten(f(*positional, **named))
            trees.append(out_tree)
            return outs

        jaxpr = stage(flat, [typeof(x) for x in leaves], getattr(f, "__name__", "fun"))
        checker = Checker(frozenset(errors))
        checker.count(jaxpr)
        (code, *payload), outs = checker.run(jaxpr, checker.initial(), leaves)
        return Error(code, tuple(payload), tuple(checker.checks)), tree_unflatten(trees[0], outs)

    return checked


__all__ = ["CheckError", "Error", "ErrorCategory", "JaxRuntimeError", "all_checks",
           "automatic_checks", "check", "check_error", "checkify", "debug_check", "div_checks",
           "float_checks", "index_checks", "nan_checks", "user_checks"]

_hide_frames_of(__name__)
