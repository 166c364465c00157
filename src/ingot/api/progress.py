"""Progress bars around loops, compiled ones too: they count natively, and seldom call Python."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ingot.api.progress_bars import BARS, Show
from ingot.config import config
from ingot.control.callback import io_callback
from ingot.control.cond import cond
from ingot.control.custom_vmap import custom_vmap
from ingot.control.mapping import map as lax_map
from ingot.control.scan import leading_length, scan
from ingot.control.tracing import function_name
from ingot.control.while_loop import fori_loop, while_loop
from ingot.core.interpreter import typeof
from ingot.core.tracebacks import api_boundary, within
from ingot.primitives.arithmetic import max_p
from ingot.primitives.movement import reshape
from ingot.primitives.reduce import reduce_max
from ingot.primitives.slicing import concatenate, slice_in_dim
from ingot.tree import tree_flatten_with_path, tree_map
from ingot.tree.keys import keystr
from ingot.util import available_cpus, wraps

PARTS = 100
"""Into how many parts a `map` is cut, each of which is one compiled loop without a bar."""


# ---- the counter in the loop ---------------------------------------------------------------------
class _Counter(NamedTuple):
    """What a loop carries: the number of its bar, how far it is, and when Python is told next."""

    bar: Any
    done: Any
    due: Any


def _one_of_all(fun: Callable[..., Any]) -> Any:
    """A function of integers that is called once for all entries of a batch, with the greatest."""
    mapped = custom_vmap(fun)

    def rule(size: int, batched: Any, *args: Any) -> Any:
        return mapped(*(reduce_max(x, (0,)) if b else x
                        for x, b in zip(args, batched, strict=True))), False

    mapped.def_vmap(rule)
    return mapped


def _integer(x: Any) -> Any:
    return np.asarray(x, np.int64 if config.enable_x64 else np.int32)


def _call(fun: Callable[..., int], *args: Any) -> Any:
    """What a function of integers returns, called while the program runs."""
    return io_callback(lambda *xs: _integer(fun(*map(int, xs))), _integer(0), *args)


class _Bar:
    """The bar of one loop in a program: each run of the loop opens one of its own."""

    def __init__(self, label: str, show: Show | None):
        self._open = _one_of_all(functools.partial(
            _call, lambda total: BARS.open(label, total, show)))
        self._tell = _one_of_all(lambda bar, done, due: cond(
            done >= due, lambda: _call(BARS.tell, bar, done), lambda: due))
        self._close = _one_of_all(functools.partial(_call, BARS.close))

    def start(self, total: Any) -> _Counter:
        """The counter before the first iteration; a total below zero is not known."""
        return _Counter(self._open(total), _integer(0), _integer(1))

    def step(self, counter: _Counter, by: int = 1) -> _Counter:
        """The counter after so many more iterations."""
        done = counter.done + _integer(by)
        return _Counter(counter.bar, done, self._tell(counter.bar, done, counter.due))

    def end(self, counter: _Counter) -> None:
        """The loop is over."""
        self._close(counter.bar, counter.done)


# ---- loops ---------------------------------------------------------------------------------------
def _scan(bar: _Bar, f: Callable[..., Any], init: Any, xs: Any = None, length: int | None = None,
          **options: Any) -> Any:
    @wraps(f)
    def counted(carry: Any, x: Any) -> Any:
        inner, counter = carry
        inner, y = f(inner, x)
        return (inner, bar.step(counter)), y

    start = bar.start(_integer(_length("scan", xs, length)))
    (carry, counter), ys = scan(counted, (init, start), xs, length, **options)
    bar.end(counter)
    return carry, ys


def _length(what: str, xs: Any, length: Any = None) -> int:
    pairs, _ = tree_flatten_with_path(xs)
    return leading_length(what, [x for _, x in pairs], [keystr(path) for path, _ in pairs], length)


def _fori_loop(bar: _Bar, lower: Any, upper: Any, body_fun: Callable[..., Any], init_val: Any,
               **options: Any) -> Any:
    @wraps(body_fun)
    def counted(i: Any, carry: Any) -> Any:
        inner, counter = carry
        return body_fun(i, inner), bar.step(counter)

    total = max_p.bind(_integer(0), _as_count(upper) - _as_count(lower))
    out, counter = fori_loop(lower, upper, counted, (init_val, bar.start(total)), **options)
    bar.end(counter)
    return out


def _as_count(x: Any) -> Any:
    return x.astype(_integer(0).dtype) if hasattr(x, "astype") else _integer(x)


def _while_loop(bar: _Bar, cond_fun: Callable[..., Any], body_fun: Callable[..., Any],
                init_val: Any) -> Any:
    @wraps(cond_fun)
    def goes_on(carry: Any) -> Any:
        return cond_fun(carry[0])

    @wraps(body_fun)
    def counted(carry: Any) -> Any:
        inner, counter = carry
        return body_fun(inner), bar.step(counter)

    out, counter = while_loop(goes_on, counted, (init_val, bar.start(_integer(-1))))
    bar.end(counter)
    return out


def _map(bar: _Bar, f: Callable[..., Any], xs: Any, *, batch_size: int | None = None) -> Any:
    length = _length("map", xs)
    size = -(-max(length // PARTS, available_cpus()) // (batch_size or 1)) * (batch_size or 1)
    whole, left = divmod(length, size)
    run = functools.partial(lax_map, f, batch_size=batch_size)

    def part(counter: _Counter, rows: Any) -> Any:
        ys = run(rows)
        return bar.step(counter, size), ys

    if whole < 2:
        return run(xs)
    rows = tree_map(lambda x: _cut(x, whole, size), xs)
    counter, ys = scan(part, bar.start(_integer(length)), rows)
    ys = tree_map(lambda y: reshape(y, (whole * size, *y.shape[2:])), ys)
    if left:
        rest = run(tree_map(lambda x: slice_in_dim(x, whole * size, length), xs))
        counter = bar.step(counter, left)
        ys = tree_map(lambda a, b: concatenate([a, b], 0), ys, rest)
    bar.end(counter)
    return ys


def _cut(x: Any, whole: int, size: int) -> Any:
    return reshape(slice_in_dim(x, 0, whole * size), (whole, size, *typeof(x).shape[1:]))


_LOOPS: dict[Any, Callable[..., Any]] = {
    within(scan): _scan, within(fori_loop): _fori_loop, within(while_loop): _while_loop,
    within(lax_map): _map}


def _around(loop: Any, label: str, show: Show | None) -> Any:
    counted = _LOOPS[within(loop)]

    @wraps(loop)
    def with_bar(*args: Any, **kwargs: Any) -> Any:
        try:
            return counted(_Bar(label, show), *args, **kwargs)
        except (TypeError, ValueError):
            loop(*args, **kwargs)  # if the loop is at fault, it says so better without our counter
            raise

    return api_boundary(with_bar)


# ---- iterables -----------------------------------------------------------------------------------
def _each(iterable: Any, label: str, total: int | None, show: Show | None) -> Iterator[Any]:
    hint = operator.length_hint(iterable, -1) if total is None else total
    bar, done, due = BARS.open(label, hint, show), 0, 1
    try:
        for x in iterable:
            yield x
            done += 1
            if done >= due:
                due = BARS.tell(bar, done)
    finally:
        BARS.close(bar, done)


@api_boundary
def progress(loop: Any, label: str = "", *, total: int | None = None, show: Show | None = None
             ) -> Any:
    """Show how far a loop is, inside compiled functions too, at most some ten times a second.

    loop: `lax.scan`, `lax.fori_loop`, `lax.while_loop`, `lax.map`, or an iterable. label: what the
    bar is called. total: how many entries an iterable has that does not say so. show: called as
    show(done, total) instead of drawing; total is -1 where nobody knows it. -> the same loop with
    a bar, or an iterator over the entries. Bars of loops that run at once stand side by side; a
    loop under vmap has one. How often Python is called is
    chosen by the speed of the loop so far. Drawn by rich or tqdm if installed, else as lines; the
    flag `progress` chooses. Raises TypeError for anything else, and for `show` that is no function.

    >>> def body(i, x):
    ...     return x + i
    >>> ingot.progress(lax.fori_loop, "adding")(0, 10, body, 0.0)
    Array(45., dtype=float64, weak_type=True)
    >>> list(ingot.progress([1, 2], show=lambda done, total: print(done, "of", total)))
    2 of 2
    [1, 2]
    """
    if show is not None and not callable(show):
        raise TypeError(f"progress: show must be a function of two integers, show(done, total), got"
                        f" {show!r:.60}")
    if callable(loop) and within(loop) in _LOOPS:
        return _around(loop, label, show)
    if not hasattr(loop, "__iter__"):
        what = function_name(loop) if callable(loop) else f"{loop!r:.60}"
        raise TypeError(f"progress: expected lax.scan, lax.fori_loop, lax.while_loop, lax.map or an"
                        f" iterable, got {what}; a bar is put around the loop, as in"
                        " progress(lax.scan)(body, init, xs)")
    return _each(loop, label, total, show)


__all__ = ["progress"]
