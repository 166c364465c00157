"""The call of a compiled function: `jit_p`, one equation however deep the function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot.control.program_primitive import ProgramPrimitive, close_jaxpr
from ingot.control.tracing import axes_of_programs, run_placed
from ingot.core.avals import ShapedArray, short
from ingot.core.axis_env import Axis
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import is_linear
from ingot.transforms.batch import batch_jaxpr
from ingot.transforms.jvp import jvp_jaxpr
from ingot.transforms.linearize import linearize_jaxpr
from ingot.transforms.residuals import prune_residuals
from ingot.transforms.transpose import transpose_jaxpr


# ---- jit -----------------------------------------------------------------------------------------
def _check(jaxpr: Jaxpr, avals: Sequence[ShapedArray]) -> None:
    """Raise TypeError for arguments of other types than the program was made for: compiled code
    would read beyond them."""
    if not (len(avals) == len(jaxpr.invars) and all(
            a.shape == v.aval.shape and a.dtype == v.aval.dtype
            for a, v in zip(avals, jaxpr.invars, strict=True))):
        raise TypeError(f"jit: the program of {jaxpr.debug_name} is for arguments of types"
                        f" ({short(jaxpr.in_avals)}), got ({short(avals)}); trace the function for"
                        " these")


def _jit_type(*avals: ShapedArray, jaxpr: Jaxpr, **params: Any) -> list[ShapedArray]:
    _check(jaxpr, avals)
    return jaxpr.out_avals


def _jit_eval(*args: Any, jaxpr: Jaxpr, backend: Any = None, **params: Any) -> Any:
    _check(jaxpr, [typeof(x) for x in args])
    return run_placed(jaxpr, args, backend)


def _jit_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: Jaxpr, **params: Any
             ) -> Any:
    program, has = jvp_jaxpr(jaxpr, [t is not None for t in tangents])
    given = [t for t in tangents if t is not None]
    outs = jit_p.bind(*primals, *given, **{**params, "jaxpr": program})
    n = len(jaxpr.outvars)
    rest = iter(outs[n:])
    return outs[:n], [next(rest) if h else None for h in has]


def _jit_linearize(nonzero: Sequence[bool], *primals: Any, jaxpr: Jaxpr, **params: Any) -> Any:
    split, n = linearize_jaxpr(jaxpr, nonzero), len(jaxpr.outvars)
    kept = jaxpr.memo(("lean", tuple(nonzero)), lambda: prune_residuals(split, n))
    outs = jit_p.bind(*primals, **{**params, "jaxpr": kept.known})
    residuals = kept.residuals(primals, outs[:n], outs[n:])

    def apply(*tangents: Any) -> list[Any]:
        return jit_p.bind(*residuals, *tangents, **{**params, "jaxpr": kept.linear})

    return outs[:n], split.has, apply


def _jit_transpose(cts: Sequence[Any], *args: Any, jaxpr: Jaxpr, **params: Any) -> list[Any]:
    linear = [is_linear(x) for x in args]
    program, has = transpose_jaxpr(jaxpr, linear, [ct is not None for ct in cts])
    known = [x for x in args if not is_linear(x)]
    outs = iter(jit_p.bind(*known, *(ct for ct in cts if ct is not None),
                           **{**params, "jaxpr": program}))
    found = iter([next(outs) if h else None for h in has])
    return [next(found) if lin else None for lin in linear]


def _jit_batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, jaxpr: Jaxpr,
               **params: Any) -> Any:
    program, out_dims = batch_jaxpr(jaxpr, axis, dims)
    return jit_p.bind(*args, **{**params, "jaxpr": program}), out_dims


def _jit_kernel(build: Any, *args: Any, out: Any, jaxpr: Jaxpr, **params: Any) -> Any:
    return build.inline(jaxpr, args)


jit_p = ProgramPrimitive(
    "jit", close=close_jaxpr, type=_jit_type, eval=_jit_eval, jvp=_jit_jvp,
    transpose=_jit_transpose, batch=_jit_batch, kernel=_jit_kernel,
    linearize=_jit_linearize, axes_of=axes_of_programs)


def call_jaxpr(jaxpr: Jaxpr, *args: Any, name: str = "fun", inline: bool = False) -> list[Any]:
    """Bind a call of a program (whose constants are concrete)."""
    return jit_p.bind(*args, jaxpr=jaxpr, name=name, inline=inline)
