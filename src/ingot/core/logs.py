"""What `log_compiles` and `explain_cache_misses` say, through Python's logging."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ingot.config import config
from ingot.core.source_info import here
from ingot.core.spans import span
from ingot.util import user_frame

T = TypeVar("T")
LOGGERS = {"tracing": "ingot", "compiling": "ingot", "finished": "ingot", "miss": "ingot",
           "processes": "ingot", "transfers": "ingot", "debug": "ingot"}
"""The names of loggers, by what they are told; the import hook gives them those of JAX."""


LISTENERS: list[Callable[..., Any]] = []
"""Functions that are told how long stages of compilation took: event, seconds, fun_name="""


def say(what: str, message: str) -> None:
    """Give a message to the logger for such messages, as a warning: it is seen without set-up."""
    import logging  # costs start-up time

    logging.getLogger(LOGGERS[what]).warning(message)


def logged_from_here(what: str) -> Callable[[str], None]:
    """A function that gives messages to the logger for such messages, at the level INFO, as if they
    came from the user's present line."""
    import logging  # costs start-up time

    logger, frame = logging.getLogger(LOGGERS[what]), user_frame()
    place = ("unknown", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
    return lambda message: logger.handle(
        logger.makeRecord(logger.name, logging.INFO, *place, message, (), None))


def types_of(avals: Sequence[Any], most: int = 12) -> str:
    """Types of arguments, as programs print them."""
    shown = [str(a) for a in avals[:most]]
    if len(avals) > most:
        shown.append(f"{len(avals) - most} more")
    return ", ".join(shown) or "no arguments"


def _timed(event: str, name: str, act: Callable[[], T]) -> tuple[T, float]:
    """The result of a stage of compilation and how long it took, of which listeners are told."""
    start = time.perf_counter()
    result = act()
    seconds = time.perf_counter() - start
    for listener in list(LISTENERS):
        listener(f"/jax/core/compile/{event}", seconds, fun_name=name)
    return result, seconds


def tracing(name: str, trace: Callable[[], T], size: Callable[[T], int]) -> T:
    """The result of tracing a function; `log_compiles` says how long it took."""
    with span("tracing", f"trace {name}"):
        if not (config.log_compiles or LISTENERS):
            return trace()
        result, seconds = _timed("jaxpr_trace_duration", name, trace)
    if config.log_compiles:
        say("tracing", f"Finished tracing {name} for jit in {seconds:.6f} sec: {size(result)}"
                       f" equations, called at {here()}")
    return result


def compiling(name: str, avals: Sequence[Any], compile: Callable[[], T],
              in_background: bool = False) -> T:
    """The result of compiling a program; `log_compiles` says for which types, and how long it took.

    The result may have a method `how_compiled`, which tells more.
    """
    with span("compiling", f"compile {name}", types=types_of(avals)):
        return _compiled(name, avals, compile, in_background)


def _compiled(name: str, avals: Sequence[Any], compile: Callable[[], T], in_background: bool) -> T:
    if not (config.log_compiles or LISTENERS):
        return compile()
    if config.log_compiles:
        where = " in the background" if in_background else f", called at {here()}"
        say("compiling", f"Compiling {name} for {types_of(avals)}{where}")
    event = "optimization_duration" if in_background else "backend_compile_duration"
    result, seconds = _timed(event, f"jit({name})", compile)
    if config.log_compiles:
        details = getattr(result, "how_compiled", lambda: "")()
        say("finished", f"Finished compilation of {name} in {seconds:.6f} sec{details}")
    return result
