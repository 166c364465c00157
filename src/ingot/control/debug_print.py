"""Lines that programs write when they run: debug.print, debug.log."""

from __future__ import annotations

import functools
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.control.callback import check_options_alone, debug_callback
from ingot.core.array import from_numpy
from ingot.core.logs import logged_from_here
from ingot.core.tracebacks import api_boundary
from ingot.tree import tree_map


class _Checker(string.Formatter):
    """Refuses arguments that the format does not use."""

    def check_unused_args(self, used_args: Any, args: Any, kwargs: Any) -> None:
        positional = [i for i in range(len(args)) if i not in used_args]
        named = [k for k in kwargs if k not in used_args]
        for kind, unused in (("positional", positional), ("keyword", named)):
            if unused:
                raise ValueError(
                    f"debug.print: Unused {kind} arguments to `jax.debug.print`: {unused}; write"
                    " {} or {name} for each in the format. You may be passing an f-string, whose"
                    " values are put in before it is seen here: leave out the f")


@api_boundary
def debug_print(fmt: str | None = None, *args: Any, ordered: bool = False,
                partitioned: bool = False, skip_format_check: bool = False, **kwargs: Any) -> Any:
    """Print values when the program runs: `fmt.format(*args, **kwargs)`.

    fmt: a format; without it, `debug.print(ordered=True)(fmt, ...)` names the options first. args,
    kwargs: arrays and other values. ordered: whether lines keep the order of the program.
    partitioned: whether, in programs over a mesh, each device prints its parts. skip_format_check:
    whether arguments that the format does not use, e.g. when it is an f-string, are let pass; else
    ValueError -> None.

    >>> debug.print("x = {x}", x=3)
    x = 3
    """
    options = {"ordered": ordered, "partitioned": partitioned}
    if fmt is None:
        check_options_alone("debug_print", args, kwargs)
        return functools.partial(_show, _print_line, skip_format_check, options)
    _show(_print_line, skip_format_check, options, fmt, *args, **kwargs)
    return None


@api_boundary
def debug_log(fmt: str, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """As `debug.print`, but through Python's logging, at the level INFO, with the user's line.

    fmt: a format. args, kwargs: arrays and other values. ordered: whether records keep the order of
    the program.

    >>> debug.log("x = {x}", x=3)
    """
    options = {"ordered": ordered, "partitioned": False}
    _show(logged_from_here("debug"), False, options, fmt, *args, **kwargs)


def _print_line(text: str) -> None:
    print(text)


def _show(write: Callable[[str], None], skip_format_check: bool, options: dict[str, bool],
          fmt: str, /, *args: Any, **kwargs: Any) -> None:
    """Let the program write a line; arrays in it look as NumPy's options say now."""
    if not isinstance(fmt, str):
        raise TypeError(f"debug.print: the format must be a string, got {fmt!r:.60}")
    if not skip_format_check:
        _check_format(fmt, args, kwargs)
    looks: Any = np.get_printoptions()

    def show(values: Any, named: Any) -> None:
        with np.printoptions(**looks):
            write(fmt.format(*map(_print_text, values),
                             **{k: _print_text(v) for k, v in named.items()}))

    debug_callback(show, args, kwargs, **options)


def _check_format(fmt: str, args: Any, kwargs: Any) -> None:
    try:
        _Checker().vformat(fmt, [_Anything() for _ in args], {k: _Anything() for k in kwargs})
    except (KeyError, IndexError) as error:
        raise type(error)(f"debug.print: the format {fmt!r:.60} asks for more than the"
                          f" {len(args)} values by position and the names {sorted(kwargs)}; write"
                          " debug.print('{}', x) or debug.print('{x}', x=x)") from None


def _print_text(x: Any) -> Any:
    """A value as it is printed: Arrays format their elements, which NumPy's do not."""
    if isinstance(x, np.ndarray):
        return from_numpy(x) if x.ndim else x
    return tree_map(lambda leaf: from_numpy(leaf) if isinstance(leaf, np.ndarray) else leaf, x)


class _Anything:
    """Stands for a value while a format is checked."""

    def __format__(self, spec: str) -> str:
        return ""

    def __getattr__(self, name: str) -> Any:
        return self

    def __getitem__(self, key: Any) -> Any:
        return self


__all__ = ["debug_log", "debug_print"]
