"""Rematerialization: `checkpoint`, names of intermediate values, and policies that use them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ingot.api.arguments import argument_names
from ingot.api.make_jaxpr import make_jaxpr
from ingot.control.checkpoint import (
    Offloadable,
    Recompute,
    Saveable,
    checkpoint,
    checkpoint_name,
    checkpoint_policies,
    remat,
)
from ingot.core.avals import is_inexact
from ingot.core.source_info import describe
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.transforms.linearize import linearize_jaxpr


def saved_residuals(f: Callable[..., Any], *args: Any, **kwargs: Any) -> list[tuple[Any, str]]:
    """List what the derivative of a function at these arguments keeps.

    f: a function. args, kwargs: its arguments -> [(type, where it is from), ...].

    >>> from ingot.ad_checkpoint import saved_residuals
    >>> [aval for aval, origin in saved_residuals(jnp.sin, 1.0)]
    [ShapedArray(float64[], weak_type=True)]
    """
    jaxpr = make_jaxpr(f)(*args, **kwargs)
    split = linearize_jaxpr(jaxpr, [is_inexact(a) for a in jaxpr.in_avals])
    made = {v: e for e in split.known.eqns for v in e.outvars}
    names = argument_names(f, args, kwargs)
    arguments = dict(zip(split.known.invars, names, strict=True))
    found: list[tuple[Any, str]] = [(split.known.in_avals[i], f"from the argument {names[i]}")
                                    for i in split.forwarded if i is not None]
    for var in split.known.outvars[len(jaxpr.outvars):]:
        if var in made:
            eqn = made[var]
            origin = f"output of {eqn.primitive.name}" + (
                f" from {describe(eqn.source)}" if eqn.source else "")
        else:
            origin = f"from the argument {arguments[var]}" if var in arguments else "a constant"
        found.append((var.aval, origin))
    return found


def print_saved_residuals(f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Print what the derivative of a function at these arguments keeps, a line each.

    f: a function. args, kwargs: its arguments.

    >>> from ingot.ad_checkpoint import print_saved_residuals
    >>> print_saved_residuals(jnp.sin, np.ones(2))  # doctest: +ELLIPSIS
    f64[2] output of cos from ...
    """
    for aval, origin in saved_residuals(f, *args, **kwargs):
        sys.stdout.write(f"{aval.str_short(True)} {origin}\n")


__all__ = ["Offloadable", "Recompute", "Saveable", "checkpoint", "checkpoint_name",
           "checkpoint_policies", "print_saved_residuals", "remat", "saved_residuals"]

_hide_frames_of(__name__)
