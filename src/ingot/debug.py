"""What happens inside: each stage of compilation as text, printing from compiled programs."""

from __future__ import annotations

import code
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TextIO

from ingot.api.jit import PjitFunction, jit
from ingot.backends.llvm.executable import executables
from ingot.control.callback import debug_callback, debug_print
from ingot.core.array import ArrayBase
from ingot.core.devices import CPU
from ingot.core.sharding import SingleDeviceSharding
from ingot.core.source_info import here
from ingot.core.tracebacks import api_boundary, hide_frames_of as _hide_frames_of
from ingot.util import user_frame, wraps

STAGES = ("jaxpr", "simplified", "kernels", "llvm", "optimized", "assembly")
"""What `stages` can show, in the order of compilation."""


def stages(fun: Callable[..., Any], show: str | Sequence[str] = STAGES, file: TextIO | None = None,
           **jit_options: Any) -> Callable[..., None]:
    """Make a function that prints what `jit(fun)` becomes for its arguments, stage by stage.

    fun: a function. show: names of stages, of `STAGES`. file: where to, by default standard output.
    jit_options: options of `jit` -> a function of the same arguments that returns None. Nothing is
    run. Raises ValueError for other names.

    >>> debug.stages(lambda x: x, show="jaxpr")(1.0)
    ======== jaxpr
    { lambda ; a:f64[]. let
    in (a,) }
    """
    names = (show,) if isinstance(show, str) else tuple(show)
    unknown = [n for n in names if n not in STAGES]
    if unknown:
        raise ValueError(f"stages: show must name some of {STAGES}, got {unknown}")
    jitted = fun if isinstance(fun, PjitFunction) else jit(fun, **jit_options)

    @api_boundary
    @wraps(fun)
    def display(*args: Any, **kwargs: Any) -> None:
        compiled = jitted.lower(*args, **kwargs).compile()
        out = file or sys.stdout
        for name in names:
            out.write(f"======== {name}\n{compiled.as_text(name).rstrip()}\n")

    return display


def passes(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Print what each pass of the compiler does to `jit(fun)` for these arguments.

    fun: a function. args, kwargs: its arguments. A line has the name of a pass
    (`compiler/pipeline.py` says what it is for), how often it ran, for how many milliseconds, and
    what it changed: numbers of equations, then of nodes, loops and temporaries of kernels, and
    bytes of temporary memory. Nothing is run. The flag `passes` switches passes off.

    >>> debug.passes(lambda x: x + 1, 1.0)  # doctest: +ELLIPSIS
    pass  runs  ms  what it changed
    common-subexpressions  1 ...
    """
    jitted = fun if isinstance(fun, PjitFunction) else jit(fun)
    sys.stdout.write(jitted.lower(*args, **kwargs).compile().as_text("passes") + "\n")


class ProgramReport(NamedTuple):
    """What runs for one compiled program; `programs` returns them.

    name: of the function. tier: 'fast' (compiled at once) or 'full' (optimized). from_disk: whether
    it was found in the cache. upgrading: whether optimized code is on its way. host_calls:
    operations that run in Python. work: instructions of one call, estimated.

    >>> f = ingot.jit(lambda x: x + 1)
    >>> y = f(1.0)
    >>> all(report.work >= 0 for report in debug.programs())
    True
    """

    name: str
    tier: str
    from_disk: bool
    upgrading: bool
    host_calls: int
    work: int


def programs() -> list[ProgramReport]:
    """List what runs for each compiled program that is in use, by name.

    -> a list of ProgramReports.

    >>> f = ingot.jit(lambda x: x + 1)
    >>> y = f(1.0)
    >>> {report.tier for report in debug.programs()} <= {"fast", "full"}
    True
    """
    return sorted(
        ProgramReport(e.jaxpr.debug_name, e.code.tier.name, e.code.cached, e.upgrading,
                      len(e.native.host_functions), e.native.info.work) for e in executables())


def breakpoint(*, num_frames: int | None = None, ordered: bool = False, **_: Any) -> None:
    """Open a Python console when the program gets here, with the caller's variables.

    num_frames: how many callers are shown, by default all. ordered: whether it keeps the order of
    callbacks. Arrays among the variables (traced ones too) have the values of that moment, as NumPy
    arrays. The console reads standard input until its end.

    >>> debug.breakpoint()  # doctest: +SKIP
    """
    frame = user_frame()
    variables = dict(frame.f_locals) if frame is not None else {}
    arrays = {k: v for k, v in variables.items() if isinstance(v, ArrayBase)}
    others = {k: v for k, v in variables.items() if k not in arrays}
    banner = f"breakpoint at {here()}; variables: {', '.join(variables)}"

    def interact(values: dict[str, Any]) -> None:
        code.interact(banner, local={**others, **values}, exitmsg="")

    debug_callback(interact, arrays, ordered=ordered)


def inspect_array_sharding(value: Any, *, callback: Callable[[Any], None]) -> None:
    """Call a function with how an array is divided over devices.

    value: an array, traced ones too. callback: gets a sharding.

    >>> debug.inspect_array_sharding(np.ones(2), callback=lambda s: print(type(s).__name__))
    SingleDeviceSharding
    """
    callback(getattr(value, "sharding", SingleDeviceSharding(CPU)))


def visualize_sharding(shape: Sequence[int], sharding: Any, **_: Any) -> None:
    """Draw where the parts of an array are: one box, since arrays stay whole.

    shape: of the array. sharding: how it is divided.

    >>> debug.visualize_sharding((3,), None)
    ┌────────────────────────┐
    │         CPU 0          │
    └────────────────────────┘
    """
    width = 12 if len(shape) > 1 else 24
    label = f"CPU {CPU.id}".center(width)
    rows = ["", label, ""] if len(shape) > 1 else [label]
    lines = [f"│{row:{width}}│" for row in rows]
    edge = "─" * width
    sys.stdout.write("\n".join([f"┌{edge}┐", *lines, f"└{edge}┘", ""]))


def visualize_array_sharding(arr: Any, **kwargs: Any) -> None:
    """Draw where the parts of an array are.

    arr: an array. kwargs: those of `visualize_sharding`, without effect.

    >>> debug.visualize_array_sharding(1.0)
    ┌────────────────────────┐
    │         CPU 0          │
    └────────────────────────┘
    """
    visualize_sharding(getattr(arr, "shape", ()), SingleDeviceSharding(CPU), **kwargs)


callback = debug_callback
print = debug_print

__all__ = ["STAGES", "ProgramReport", "breakpoint", "callback", "inspect_array_sharding", "passes",
           "print", "programs", "stages", "visualize_array_sharding", "visualize_sharding"]

_hide_frames_of(__name__)
