"""Tracebacks without our frames: what a user sees is the user's own code."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, TracebackType
from typing import Any, TypeVar

import numpy as np

from ingot.config import Config, config
from ingot.core.memory_errors import explain_memory
from ingot.errors import TracerError
from ingot.names import explain_missing
from ingot.util import HERE, call_of

F = TypeVar("F", bound=Callable[..., Any])

# Libraries whose frames are of no use below ours: we called them. Below a user's they stay.
_NUMPY, _STANDARD = (os.path.dirname(f) + os.sep for f in (np.__file__, os.__file__))
_SCIPY, _INSTALLED = f"{os.sep}scipy{os.sep}", "-packages" + os.sep
_UNHASHABLE = re.compile(r"unhashable type: '(\w*Tracer)'(\)|$)")
_ARGUMENTS = re.compile(r"\(\) (got (an unexpected|multiple)|missing \d|takes )")
_TOO_LARGE = ("iterator is too large", "Maximum allowed dimension exceeded", "array is too big")
_STORED = "setting an array element with a sequence."
NOTE = ("The frames of ingot are left out of this traceback; traceback_filtering='off' shows them.")


class UnfilteredStackTrace(Exception):
    """The whole traceback, with ingot's frames: what `traceback_filtering='remove_frames'` adds."""


def filter_traceback(error: BaseException, fun: Callable[..., Any] | None = None) -> None:
    """Take ingot's frames out of the traceback of an error and of those behind it, in the way that
    the flag `traceback_filtering` says; and say what Python's and NumPy's own errors mean.

    fun: our function that was called.
    """
    _explain(error, fun)
    how = config.traceback_filtering
    if how == "off":
        return
    whole = error.__traceback__
    for this in _chain(error):
        if how == "tracebackhide":
            _mark(this.__traceback__)
            continue
        this.__traceback__ = _filter(this.__traceback__)
        inner = this.__context__
        if inner is not None and this.__cause__ is None and not _seen(inner.__traceback__):
            this.__suppress_context__ = True  # one error of ours, handled by another one
    if how == "quiet_remove_frames" and NOTE not in getattr(error, "__notes__", ()):
        error.add_note(NOTE)
    elif how == "remove_frames" and whole is not error.__traceback__ and error.__cause__ is None:
        import traceback  # costs start-up time

        lines = "".join(traceback.format_tb(whole))
        error.__cause__ = UnfilteredStackTrace(f"the whole traceback is\n{lines}")


def _explain(error: BaseException, fun: Callable[..., Any] | None) -> None:
    """Complete the texts of errors that Python and NumPy raise without asking a tracer."""
    text = str(error)
    if isinstance(error, MemoryError):
        explain_memory(error)
    elif type(error) is ValueError and text.startswith(_TOO_LARGE):
        error.args = (f"{text}: no memory holds an array of 2**63 bytes or more; check its shape,"
                      " or compute in parts, by lax.map with batch_size or a scan",)
    elif type(error) is TypeError and _ARGUMENTS.match(text.removeprefix(_name(fun))):
        _name_arguments(error, fun)
    elif type(error) is TypeError and _UNHASHABLE.search(text):
        error.args = (f"{text}: a traced value has no value yet, so that it cannot be a key of a"
                      " dict, an element of a set, or an argument of a cached function. Choose"
                      " between values by jnp.where(c, a, b), between functions by"
                      " lax.switch(index, functions, x), look numbers up in an array, or mark the"
                      " argument static (static_argnums, static_argnames)",)
    elif type(error) is ValueError and text == _STORED and isinstance(error.__cause__, TracerError):
        error.args = (f"{text} A traced value cannot be stored into a NumPy array: use a jnp array"
                      f" and write o = o.at[i].set(x) instead of o[i] = x.\n{error.__cause__}",)
        error.__cause__, error.__suppress_context__ = None, True  # it is in the text


def _name_arguments(error: TypeError, fun: Any) -> None:
    """Say what a function of ours takes, if it is the call of it that failed."""
    frames, last = error.__traceback__, None
    while frames is not None:
        last, frames = frames.tb_frame.f_code.co_filename, frames.tb_next
    if last is not None and last.startswith(HERE):
        error.args = (f"{error}; the arguments are {call_of(fun)}",)


def _name(fun: Any) -> str:
    return getattr(fun, "__name__", "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, the one it was raised from, and so on."""
    seen: set[int] = set()
    this: BaseException | None = error
    while this is not None and id(this) not in seen:
        seen.add(id(this))
        yield this
        this = this.__cause__ or (None if this.__suppress_context__ else this.__context__)


def _seen(traceback: TracebackType | None) -> bool:
    """Whether any frame of a traceback is a user's."""
    return next(_kept(traceback), None) is not None


def _kept(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """The parts of a traceback that are not ours, nor of libraries that we called."""
    below = False
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        ours = name.startswith(HERE)
        below = ours or (below and _is_library(name))
        if not below:
            yield traceback
        traceback = traceback.tb_next


def _is_library(name: str) -> bool:
    """Whether a file is one of NumPy, SciPy or Python's own library."""
    if name.startswith((_NUMPY, "<frozen")) or _SCIPY in name:
        return True
    return name.startswith(_STANDARD) and _INSTALLED not in name


def _filter(traceback: TracebackType | None) -> TracebackType | None:
    kept: TracebackType | None = None
    for tb in reversed(list(_kept(traceback))):
        kept = TracebackType(kept, tb.tb_frame, tb.tb_lasti, tb.tb_lineno)
    return kept


def _mark(traceback: TracebackType | None) -> None:
    """Mark our frames as pytest and IPython ask it of frames that they shall not show."""
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename.startswith(HERE):
            traceback.tb_frame.f_locals["__tracebackhide__"] = True
        traceback = traceback.tb_next


def api_boundary(fun: F) -> F:
    """Decorate an entry point: errors leave it without our frames."""
    hide = filter_traceback  # the wrapper's globals are those of the function: doctest looks there

    def entry(*args: Any, **kwargs: Any) -> Any:
        try:
            return fun(*args, **kwargs)
        except Exception as error:
            hide(error, fun)
            raise

    wrapper = FunctionType(entry.__code__, getattr(fun, "__globals__", globals()),
                           closure=entry.__closure__)
    return functools.update_wrapper(wrapper, fun)  # type: ignore[return-value]


def within(fun: Any) -> Any:
    """The function that such an entry point calls; any other is itself. What recognizes a function
    by its identity, as reductions do `lax.add`, asks this first."""
    return fun.__wrapped__ if getattr(fun, "__code__", None) is _ENTRY else fun


_hidden: dict[Any, Any] = {}


def hide_frames_of(module: str, but: Sequence[str] = ()) -> None:
    """Make the functions of a public module such entry points, explain names it has not, and let
    `dir` list its `__all__`; `but` names functions that raise nothing, and are called too often.

    Those that a package, or a module that is a table of contents, has from others count as its own.
    A function that several modules offer stays one function, with the name of the first of them.
    """
    names = vars(sys.modules[module])
    explain_missing(module)
    if "__all__" in names:
        names.setdefault("__dir__", lambda: sorted(names["__all__"]))
    if "__getattr__" in names:
        names["__getattr__"] = _set_name(api_boundary(names["__getattr__"]), module, "__getattr__")
    functions = {name: f for name, f in names.items()
                 if type(f) is FunctionType and f.__code__.co_filename.startswith(HERE)
                 and not name.startswith("_") and name not in but and f.__code__ is not _ENTRY}
    own = {name: f for name, f in functions.items()  # some are made by decorators and tables
           if f.__globals__ is names or f.__module__ == module}
    contents = functions if "__path__" in names or not own else own
    for name, f in contents.items():
        if f not in _hidden and (name == f.__name__ or name in own):
            _hidden[f] = api_boundary(f)
            if name not in own:
                _set_name(_hidden[f], module, name)
    for name, f in functions.items():
        if name in contents or name == f.__name__:
            names[name] = _hidden.get(f, f)


def _set_name(function: Any, module: str, name: str) -> Any:
    """The function with the name by which pickles find it."""
    function.__module__, function.__name__, function.__qualname__ = module, name, name
    return function


_ENTRY = api_boundary(filter_traceback).__code__
Config.update = api_boundary(Config.update)  # `config` comes before this module
Config.__getattr__ = api_boundary(Config.__getattr__)
