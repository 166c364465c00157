"""The bars that are open in this process, how often they are told, and what draws them."""

from __future__ import annotations

import atexit
import importlib.util
import itertools
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from ingot.config import config

Show = Callable[[int, int], Any]
"""What is called instead of drawing: show(done, total)."""

INTERVAL, SHARE, DELAY = 0.1, 1 / 200, 0.2
"""Seconds between two looks at a bar, the greatest share of the time that drawing takes, and
seconds after which a bar is drawn at all."""
GROWTH = 4
"""By how much more iterations pass from one look to the next than before: the first are no
measure of the others."""
STALE = 5.0
"""Seconds without news after which a bar is closed when its thread opens another one: its loop was
interrupted."""


class Painter(Protocol):
    """Draws one bar; `waited` is for how many seconds the loop has run when it begins to."""

    def draw(self, done: int) -> None:
        """Show how far the loop is."""

    def close(self, done: int) -> None:
        """Show that it is over, and how far it came."""


# ---- painters ------------------------------------------------------------------------------------
class Lines:
    """A line for each tenth, or every ten seconds where the total is not known."""

    def __init__(self, label: str, total: int, waited: float):
        self.label, self.total, self.next = label, total, 0.0
        self.start = time.monotonic() - waited

    def draw(self, done: int) -> None:
        """Show how far the loop is."""
        seconds = time.monotonic() - self.start
        reached = 10 * done / self.total if self.total > 0 else seconds / 10
        if reached >= self.next:
            self.next = int(reached) + 1
            self._write(done, seconds)

    def close(self, done: int) -> None:
        """Show how far it came."""
        self._write(done, time.monotonic() - self.start)

    def _write(self, done: int, seconds: float) -> None:
        share = f"{100 * done // self.total:3d} %" if self.total > 0 else str(done)
        sys.stderr.write(f"{self.label or 'progress'}: {share}, {seconds:.1f} s\n")


class Tqdm:
    """A bar of tqdm, in terminals and notebooks."""

    def __init__(self, label: str, total: int, waited: float):
        from tqdm.auto import tqdm

        self._bar = tqdm(total=total if total >= 0 else None, desc=label or None)
        self._bar.start_t -= waited

    def draw(self, done: int) -> None:
        """Show how far the loop is."""
        self._bar.n = done
        self._bar.refresh()

    def close(self, done: int) -> None:
        """Show how far it came."""
        self.draw(done)
        self._bar.close()


class Rich:
    """A row in one display of rich, which all bars that are open share."""

    _display: Any = None
    _rows = 0  # that are open

    def __init__(self, label: str, total: int, waited: float):
        cls = type(self)
        if cls._display is None:
            cls._display = _rich_display()
            cls._display.start()
        cls._rows += 1
        for task in cls._display.tasks:  # an inner loop has one row for all its runs
            if task.finished and task.description == label:
                cls._display.remove_task(task.id)
        self._task = cls._display.add_task(label, total=total if total >= 0 else None)
        cls._display.tasks[-1].start_time -= waited

    def draw(self, done: int) -> None:
        """Show how far the loop is."""
        self._display.update(self._task, completed=done)
        self._display.refresh()

    def close(self, done: int) -> None:
        """Show how far it came."""
        cls = type(self)
        self._display.update(self._task, completed=done, total=done)
        self._display.refresh()
        cls._rows -= 1
        if not cls._rows:
            cls._display.stop()
            cls._display = None


def _rich_display() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                    TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True),
                    auto_refresh=False)


class Shown:
    """Calls a user's function."""

    def __init__(self, show: Show, total: int):
        self._show, self._total = show, total

    def draw(self, done: int) -> None:
        """Show how far the loop is."""
        self._show(done, self._total)

    def close(self, done: int) -> None:
        """Show how far it came."""
        self._show(done, self._total)


class Nothing:
    """Draws nothing."""

    def draw(self, done: int) -> None:
        """Show how far the loop is."""

    def close(self, done: int) -> None:
        """Show how far it came."""


KINDS: dict[str, Any] = {"rich": Rich, "tqdm": Tqdm, "plain": Lines}


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None else None
    return type(found).__name__ == "ZMQInteractiveShell"


def _chosen() -> str:
    """What draws bars: what the flag says, else what is installed and fits where we are."""
    if config.progress != "auto":
        return config.progress
    notebook = _in_notebook()
    if not notebook and not sys.stderr.isatty():
        return "plain"
    for name in ("tqdm", "rich") if notebook else ("rich", "tqdm"):
        if importlib.util.find_spec(name) is not None:
            return name
    return "plain"


# ---- bars ----------------------------------------------------------------------------------------
class _Open:
    """A bar that is open: how far it is, and what draws it as soon as it has lasted a while."""

    def __init__(self, label: str, total: int, show: Show | None):
        self.label, self.total, self.show = label, total, show
        self.thread = threading.get_ident()
        self.done, self.step, self.interval = 0, 1, INTERVAL
        self.start = self.time = time.perf_counter()
        self.painter: Painter | None = None

    def tell(self, done: int) -> int:
        """Draw if it is time, and return at which count to be told again."""
        now = time.perf_counter()
        rate = (done - self.done) / max(now - self.time, 1e-9)
        self.done, self.time = max(done, self.done), now
        if self.painter is not None or now - self.start >= DELAY:
            self._draw()
            self.interval = max(INTERVAL, (time.perf_counter() - now) / SHARE)
            self.time = time.perf_counter()
        self.step = max(1, min(int(rate * self.interval), GROWTH * self.step))
        return done + self.step

    def _draw(self) -> None:
        if self.painter is None:
            self.painter = self._new_painter()
        self.painter.draw(self.done)

    def _new_painter(self) -> Painter:
        if self.show is not None:
            return Shown(self.show, self.total)
        if config.progress == "off":
            return Nothing()
        return KINDS[_chosen()](self.label, self.total, time.perf_counter() - self.start)

    def close(self) -> None:
        """Leave it as it is at the end; loops that were over at once show nothing by themselves."""
        if self.painter is None and self.show is not None:
            self.painter = self._new_painter()
        if self.painter is not None:
            self.painter.close(self.done)


class Bars:
    """All bars that are open, by number; threads take turns."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    def open(self, label: str, total: int, show: Show | None = None) -> int:
        """The number of a new bar."""
        with self._lock:
            self._close_stale()
            number = next(self._numbers)
            self._open[number] = _Open(label, total, show)
            return number

    def tell(self, number: int, done: int) -> int:
        """How far a loop is -> the count at which to be told again."""
        with self._lock:
            bar = self._open.get(number)
            return bar.tell(done) if bar is not None else 2 * done

    def close(self, number: int, done: int) -> int:
        """The loop is over, after so many iterations."""
        with self._lock:
            bar = self._open.pop(number, None)
            if bar is not None:
                bar.done = max(done, bar.done)
                bar.close()
        return done

    def close_all(self) -> None:
        """Leave all bars as they are."""
        for number, bar in list(self._open.items()):
            self.close(number, bar.done)

    def _close_stale(self) -> None:
        now = time.perf_counter()
        for number, bar in list(self._open.items()):
            if bar.thread == threading.get_ident() and now - bar.time > STALE + 20 * bar.interval:
                self.close(number, bar.done)


BARS = Bars()
atexit.register(BARS.close_all)  # what draws a bar may have hidden the cursor
