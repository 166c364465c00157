"""What happens inside: each stage of compilation as text, printing from compiled programs."""

from __future__ import annotations

import code
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TextIO

import numpy as np

from ingot.api.jit import PjitFunction, jit
from ingot.api.sharding_pictures import picture
from ingot.backends.llvm.executable import executables
from ingot.control.callback import debug_callback
from ingot.control.debug_print import debug_log, debug_print
from ingot.control.inspection import inspect_sharding_p
from ingot.core.array import ArrayBase
from ingot.core.devices import CPU
from ingot.core.interpreter import Tracer
from ingot.core.mesh import Mesh, concrete_mesh
from ingot.core.sharding import NamedSharding, Sharding, SingleDeviceSharding
from ingot.core.source_info import here
from ingot.core.specs import PartitionSpec
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

    value: an array, traced ones too. callback: gets a sharding; of a traced array once it is known
    how the program's arguments lie: when it is compiled for them.

    >>> debug.inspect_array_sharding(np.ones(2), callback=lambda s: print(type(s).__name__))
    SingleDeviceSharding
    """
    if isinstance(value, Tracer) and value.concrete() is None:
        inspect_sharding_p.bind(value, callback=callback)
    else:
        callback(_sharding_of(value))


def _sharding_of(value: Any) -> Sharding:
    sharding = getattr(value, "sharding", None)
    if not isinstance(sharding, NamedSharding) or isinstance(sharding.mesh, Mesh):
        return sharding or SingleDeviceSharding(CPU)
    mesh = concrete_mesh()
    if mesh.empty:
        return SingleDeviceSharding(CPU)
    return NamedSharding(mesh, sharding.spec if not sharding.mesh.empty else PartitionSpec())


def visualize_sharding(shape: Sequence[int], sharding: Sharding, *, use_color: bool = True,
                       scale: float = 1.0, min_width: int = 9, max_width: int = 80,
                       color_map: Any = None) -> None:
    """Draw which devices have which part of an array of one or two axes.

    shape: of the array. sharding: how it is divided. scale: of the picture. min_width, max_width:
    how many characters wide a box may be. use_color, color_map: without effect. Raises ValueError
    for other numbers of axes.

    >>> mesh = ingot.make_mesh((2, 2), ("x", "y"))
    >>> debug.visualize_sharding((4, 4), ingot.NamedSharding(mesh, ingot.P("x", "y")))
    ┌──────────┬──────────┐
    │          │          │
    │  CPU 0   │  CPU 1   │
    │          │          │
    │          │          │
    ├──────────┼──────────┤
    │          │          │
    │  CPU 2   │  CPU 3   │
    │          │          │
    │          │          │
    └──────────┴──────────┘
    """
    if len(shape) not in (1, 2):
        raise ValueError("debug.visualize_sharding: only arrays with 1 or 2 axes can be drawn, got"
                         f" the shape {tuple(shape)}; reshape it, or print its sharding")
    sys.stdout.write(picture(shape, sharding, scale, min_width, max_width))


def visualize_array_sharding(arr: Any, **kwargs: Any) -> None:
    """Draw which devices have which part of an array of one or two axes.

    arr: an array; of a traced one, what `inspect_array_sharding` knows. kwargs: those of
    `visualize_sharding`.

    >>> debug.visualize_array_sharding(np.ones(3))
    ┌───────┐
    │ CPU 0 │
    └───────┘
    """
    inspect_array_sharding(arr, callback=lambda sharding: visualize_sharding(
        np.shape(arr), sharding, **kwargs))


callback = debug_callback
log = debug_log
print = debug_print

__all__ = ["STAGES", "ProgramReport", "breakpoint", "callback", "inspect_array_sharding", "log",
           "passes", "print", "programs", "stages", "visualize_array_sharding",
           "visualize_sharding"]

_hide_frames_of(__name__)
