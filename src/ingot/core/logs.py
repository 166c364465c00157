"""What `log_compiles` and `explain_cache_misses` say, through Python's logging."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ingot.config import config
from ingot.core.source_info import here

T = TypeVar("T")
LOGGERS = {"tracing": "ingot", "compiling": "ingot", "finished": "ingot", "miss": "ingot",
           "processes": "ingot", "transfers": "ingot"}
"""The names of loggers, by what they are told; the import hook gives them those of JAX."""


def say(what: str, message: str) -> None:
    """Give a message to the logger for such messages, as a warning: it is seen without set-up."""
    import logging  # costs start-up time

    logging.getLogger(LOGGERS[what]).warning(message)


def types_of(avals: Sequence[Any], most: int = 12) -> str:
    """Types of arguments, as programs print them."""
    shown = [str(a) for a in avals[:most]]
    if len(avals) > most:
        shown.append(f"{len(avals) - most} more")
    return ", ".join(shown) or "no arguments"


def tracing(name: str, trace: Callable[[], T], size: Callable[[T], int]) -> T:
    """The result of tracing a function; `log_compiles` says how long it took."""
    if not config.log_compiles:
        return trace()
    start = time.perf_counter()
    result = trace()
    say("tracing", f"Finished tracing {name} for jit in {time.perf_counter() - start:.6f} sec:"
                   f" {size(result)} equations, called at {here()}")
    return result


def compiling(name: str, avals: Sequence[Any], compile: Callable[[], T],
              in_background: bool = False) -> T:
    """The result of compiling a program; `log_compiles` says for which types, and how long it took.

    The result may have a method `how_compiled`, which tells more.
    """
    if not config.log_compiles:
        return compile()
    where = " in the background" if in_background else f", called at {here()}"
    say("compiling", f"Compiling {name} for {types_of(avals)}{where}")
    start = time.perf_counter()
    result = compile()
    seconds = time.perf_counter() - start
    details = getattr(result, "how_compiled", lambda: "")()
    say("finished", f"Finished compilation of {name} in {seconds:.6f} sec{details}")
    return result
