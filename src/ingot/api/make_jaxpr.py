"""make_jaxpr, eval_shape and names of scopes: functions as programs, without running them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ingot.api.arguments import ArgumentSelector, FlatFunction, check_callable, function_name
from ingot.api.captured import captured
from ingot.api.jit import PjitFunction
from ingot.api.leaks import leaks_checked
from ingot.api.reference_calls import with_local_references
from ingot.api.shapes import ShapeDtypeStruct, abstractify, struct_of
from ingot.calls import called
from ingot.core.array import Array
from ingot.core.axis_env import Axis, named_axis
from ingot.core.interpreter import EVAL, Interpreter, Tracer, current, interpreting
from ingot.core.jaxpr import Jaxpr
from ingot.core.references import ReferencesUsed
from ingot.core.tracebacks import api_boundary
from ingot.primitives.movement import zeros
from ingot.transforms.stage import stage
from ingot.tree import tree_flatten, tree_map, tree_unflatten
from ingot.util import wraps


def _stage(transform: str, fun: Callable[..., Any], statics: ArgumentSelector, args: Any,
           kwargs: Any,
           kept: dict[int, Array] | None = None) -> tuple[Jaxpr, Any]:
    dynamic, named, static = statics.split(args, kwargs)
    leaves, tree = tree_flatten((dynamic, named))
    flat = FlatFunction(transform, fun, tree, static)
    avals = [abstractify(x) for x in leaves]
    with leaks_checked(transform, fun):
        try:
            jaxpr = stage(with_local_references(flat, leaves), avals, function_name(fun), kept)
        except ReferencesUsed as used:
            jaxpr = stage(with_local_references(flat, leaves, used.references), avals,
                          function_name(fun), kept)
    return jaxpr, tree_unflatten(flat.out_tree, [struct_of(a) for a in jaxpr.out_avals])


def make_jaxpr(fun: Callable[..., Any], static_argnums: int | Sequence[int] = (),
               axis_env: Sequence[tuple[Any, int]] | None = None, return_shape: bool = False,
               abstracted_axes: Any = None) -> Callable[..., Any]:
    """Make a function that returns the program of `fun` for arguments of given types.

    fun: arrays or pytrees -> the same. static_argnums: arguments that are ordinary Python values.
    axis_env: (name, size) of mapped axes to assume. return_shape: whether also the result's
    ShapeDtypeStructs are returned. abstracted_axes: without effect. -> a function of arrays,
    numbers or ShapeDtypeStructs that returns a program. It raises what tracing `fun` raises.

    >>> ingot.make_jaxpr(lambda x: x + 1)(1.0)
    { lambda ; a:f64[]. let
      b:f64[] = add a 1.0:f64[]
    in (b,) }
    """
    check_callable("make_jaxpr", fun)
    statics = ArgumentSelector("make_jaxpr", fun, static_argnums, None)

    @wraps(fun)
    def make(*args: Any, **kwargs: Any) -> Any:
        with ExitStack() as scopes:
            for name, size in axis_env or ():
                scopes.enter_context(named_axis(Axis(name, size)))
            jaxpr, shape = _stage("make_jaxpr", fun, statics, args, kwargs, captured(fun))
        return (jaxpr, shape) if return_shape else jaxpr

    return api_boundary(make)


@api_boundary
def eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The shapes and dtypes of fun(*args, **kwargs), by tracing it.

    The arguments, and what fun returns, may be arrays, numbers or ShapeDtypeStructs -> a pytree of
    ShapeDtypeStructs, which know where `jit(out_shardings=...)` was told that results lie.

    >>> ingot.eval_shape(lambda x: {"a": x}, 1)
    {'a': ShapeDtypeStruct(shape=(), dtype=int64, weak_type=True)}
    """
    check_callable("eval_shape", fun)
    if isinstance(fun, PjitFunction) and not fun.uses_references:
        return fun.eval_shape(*args, **kwargs)

    @wraps(fun)
    def arrays(*args: Any, **kwargs: Any) -> Any:
        return tree_map(lambda x: zeros(x.aval) if isinstance(x, ShapeDtypeStruct) else x,
                        called("eval_shape", fun, args, kwargs))

    return _stage("eval_shape", arrays, ArgumentSelector("eval_shape", fun, None, None), args,
                  kwargs)[1]


@contextmanager
def named_scope(name: str) -> Iterator[None]:
    """Name a part of a program.

    name: a string -> a context manager. Equations know their line of the user's code, so that the
    name is only checked: TypeError unless it is a string.

    >>> with ingot.named_scope("layer"): pass
    """
    if not isinstance(name, str):
        raise TypeError(f"named_scope: the name must be a string, got {name!r:.60}")
    yield


class CompileTime(Interpreter):
    """Evaluates operations on known values at once; the parent sees those on traced ones."""

    def __init__(self, parent: Interpreter):
        self.parent: Interpreter = parent

    def name(self) -> str:
        """What error messages call it: the transformation around it."""
        return self.parent.name()

    def process(self, primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Apply a primitive at once, or as the parent does."""
        traced = any(isinstance(x, Tracer) for x in args)
        with interpreting(self.parent if traced else EVAL):
            return primitive.bind(*args, **params)


@contextmanager
def ensure_compile_time_eval() -> Iterator[None]:
    """Evaluate operations on concrete values eagerly in a context, even under jit.

    -> a context manager. Operations on traced values are recorded as ever.

    >>> @ingot.jit
    ... def doubled(x):
    ...     with ingot.ensure_compile_time_eval():
    ...         two = int(jnp.sqrt(4.0))  # a number while tracing
    ...     return two * x
    >>> doubled(3.0)
    Array(6., dtype=float64, weak_type=True)
    """
    before = current()
    with interpreting(EVAL if before is EVAL else CompileTime(before)):
        yield


def named_call(fun: Callable[..., Any], *, name: str | None = None) -> Callable[..., Any]:
    """Name a function in programs and messages.

    fun: any function. name: by default its own -> a function of the same values.

    >>> ingot.named_call(lambda x: x, name="layer").__name__
    'layer'
    """
    check_callable("named_call", fun)

    @api_boundary
    @wraps(fun)
    def call(*args: Any, **kwargs: Any) -> Any:
        with named_scope(call.__name__):
            return fun(*args, **kwargs)

    call.__name__ = function_name(fun) if name is None else name
    return call
