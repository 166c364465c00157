"""The one current interpreter, tracers, and what eager evaluation does."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ingot import dtypes
from ingot.config import config, fast_path_guard
from ingot.core.array import Array, ArrayBase, from_numpy, to_host
from ingot.core.avals import ShapedArray
from ingot.core.nan_check import debug_check
from ingot.core.placement import PlacedBuffer, evaluator, follow
from ingot.core.source_info import Source, describe, here, user_source
from ingot.core.transfers import guard
from ingot.errors import UnexpectedTracerError


class Interpreter:
    """Gives primitives a meaning. `parent` is the interpreter in force when this one began."""

    parent: Interpreter | None = None
    alive = True
    keeps_references = False
    references: dict[Any, Any] | None = None  # what a program holds of them: core/references.py

    def process(self, primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        raise TypeError("abstract")  # pragma: no cover - every interpreter overrides this

    def name(self) -> str:
        return type(self).__name__.removesuffix("Interpreter").lower()


class Tracer(ArrayBase):
    """A traced value: an aval, plus whatever the interpreter's subclass stores.

    >>> from ingot.extend import core
    >>> ingot.jit(lambda x: isinstance(x, core.Tracer))(1.0)
    Array(True, dtype=bool)
    """

    __slots__ = ("_interpreter", "_source", "aval")

    aval: ShapedArray
    _interpreter: Interpreter
    _source: Source | None

    def __init__(self, interpreter: Interpreter, aval: ShapedArray):
        self._interpreter = interpreter
        self.aval = aval
        self._source = None

    def _contents(self) -> str:
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.aval.str_short(True)}{self._contents()}>"

    __str__ = __repr__

    mat = manual_axis_type = property(
        lambda self: self.aval.mat, doc="What its type says of the Manual axes of a mesh.")

    def concrete(self) -> Any:
        """The value where it is known now (below jvp or vmap of eager code), else None."""
        return None

    def computed(self) -> Any:
        """The value where it is known or can be computed now, as Python needs it; else None."""
        return self.concrete()

    def differentiated(self) -> bool:
        """Whether a derivative follows it, which would end at a copy of its value."""
        return False


def leaked_tracer_error(tracer: Tracer) -> UnexpectedTracerError:
    """The error for a tracer whose transformation is over, or that belongs to another one."""
    made = f"\nIt was made at {describe(tracer._source)}." if tracer._source else ""
    error = UnexpectedTracerError(
        f"a tracer of type {tracer.aval} escaped from its transformation"
        f" ({tracer._interpreter.name()}) and was used at {here()}.{made}\n"
        "Return values from the transformed function instead of storing them in globals,"
        " attributes, lists or closures."
    )
    error.tracer = tracer
    return error


class EvalInterpreter(Interpreter):
    """Eager evaluation: the `eval` slot on NumPy arrays, where nothing is compiled; operations on
    arrays elsewhere are run by the back end that holds them."""

    def process(self, primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        arrays: list[Any] = []
        avals: list[ShapedArray] = []
        elsewhere = config.elsewhere or config.mesh is not None
        placed = elsewhere or primitive.divides is not None
        for x in args:
            if type(x) is not Array:
                if isinstance(x, Tracer):
                    raise leaked_tracer_error(x)
                x = to_array(x)
            data = x._data
            if type(data) is not ndarray:
                placed = True
                elsewhere = elsewhere or type(data) is not PlacedBuffer
            arrays.append(data)
            avals.append(x.aval)
        if elsewhere and (owner := evaluator(primitive.name, args)) is not None:
            outs = owner.evaluate(primitive, list(map(to_array, args)), params)
            return primitive.places(outs, **params) if primitive.places else outs
        if placed:
            arrays = list(map(to_host, arrays))
        if primitive.higher_order:
            # Arrays stay the objects they are: a function may return its argument.
            given = [x if type(x) is Array and x._data is d else Array(d, a)
                     for x, d, a in zip(args, arrays, avals, strict=True)]
            return _placed_results(primitive, args, placed, params,
                                   list(primitive.rule("eval")(*given, **params)))
        out_avals = primitive.out_avals(avals, params)
        out = without_fp_warnings(primitive.rule("eval"), arrays, params)
        if primitive.multiple_results:
            outs = [Array(check_eval_result(o, a, primitive.name), a)
                    for o, a in zip(out, out_avals, strict=True)]
            if config.debug_nans or config.debug_infs:
                debug_check(primitive.name, outs, arrays)
            return follow(primitive, list(map(to_array, args)), params, outs) if placed else outs
        result = Array(check_eval_result(out, out_avals[0], primitive.name), out_avals[0])
        if config.debug_nans or config.debug_infs:
            debug_check(primitive.name, [result], arrays)
        return _placed_results(primitive, args, True, params, [result])[0] if placed else result


def _placed_results(primitive: Any, args: Sequence[Any], placed: bool, params: dict[str, Any],
                    outs: list[Any]) -> list[Any]:
    """Results of an operation where its arguments lie, or where it says itself."""
    if placed:
        outs = follow(primitive, list(map(to_array, args)), params, outs)
    return primitive.places(outs, **params) if primitive.places else outs


def without_fp_warnings(rule: Any, arrays: Sequence[Any], params: dict[str, Any]) -> Any:
    """Apply an `eval` slot with NumPy's floating-point warnings off."""
    thread = _state.thread
    if thread.evaluating:  # an eval that evaluates: a context cannot be entered twice
        return rule(*arrays, **params)
    thread.evaluating = True
    try:
        return thread.quiet.run(rule, *arrays, **params)
    finally:
        thread.evaluating = False


def check_eval_result(data: Any, aval: ShapedArray, name: str = "an operation") -> np.ndarray:
    """What an `eval` slot returned, as an ndarray of exactly the type promised."""
    if type(data) is not ndarray:
        data = np.asarray(data)
    storage = aval.storage
    if data.shape != aval.shape:  # native code relies on it
        raise TypeError(f"{name}: the eval rule returned an array of shape {data.shape}, where the"
                        f" type rule says {aval}; one of the two is wrong")
    if data.dtype != storage:
        data = data.astype(storage)
    return data


class _Thread:
    """The state of one thread: a plain object, as attributes of a threading.local cost more."""

    __slots__ = ("evaluating", "interpreter", "quiet")

    def __init__(self) -> None:
        self.interpreter: Interpreter = EVAL
        # NumPy keeps its error state in a context variable; running in a context of our own is
        # ten times cheaper than entering and leaving np.errstate for each operation.
        self.quiet = contextvars.Context()
        self.quiet.run(np.seterr, all="ignore")
        self.evaluating = False


class _State(threading.local):
    def __init__(self) -> None:
        self.thread = _Thread()


EVAL = EvalInterpreter()
_state = _State()


def current() -> Interpreter:
    """The interpreter that gives primitives their meaning now, in this thread."""
    return _state.thread.interpreter


class interpreting:  # noqa: N801 (a class, as this is entered for each operation)
    """Make an interpreter the current one in a context.

    interpreter: that which operations go to -> a context manager.

    >>> from ingot.extend import core
    >>> with core.take_current_trace() as interpreter, core.set_current_trace(interpreter):
    ...     float(lax.add(1.0, 2.0))
    3.0
    """

    __slots__ = ("_before", "_interpreter")

    def __init__(self, interpreter: Interpreter):
        self._interpreter = interpreter

    def __enter__(self) -> None:
        thread = _state.thread
        self._before = thread.interpreter
        fast_path_guard.append(None)
        thread.interpreter = self._interpreter

    def __exit__(self, *_: Any) -> None:
        _state.thread.interpreter = self._before
        fast_path_guard.pop()


def trace_state_clean() -> bool:
    """Tell whether no transformation is under way.

    -> a bool.

    >>> from ingot.extend import core
    >>> core.trace_state_clean()
    True
    """
    return _state.thread.interpreter is EVAL


def mark(tracer: Tracer) -> Tracer:
    """Record where the user's code made this tracer, for the error message about leaks."""
    tracer._source = user_source()
    return tracer


_PYTHON_SCALARS = (bool, int, float, complex)  # bool before int, of which it is a subclass


def is_number(x: Any) -> bool:
    """Whether a value is a Python number, just so."""
    return type(x) in _PYTHON_SCALARS


def from_host(x: Any) -> Any:
    """Return an array made of what the host has, unless the guard of such transfers refuses it;
    inside programs it is a constant."""
    if config.transfer_guard_host_to_device is not None and trace_state_clean():
        guard("host_to_device", x.aval)
    return x


def unconverted(x: Any, place: str, remedy: str) -> str:
    """What is no array, where it was found, and what to do: arrays and tables of other libraries
    are to be converted, and not shown, as their text has many lines; of others it is `remedy`."""
    kind = type(x).__name__
    if hasattr(x, "__array__") or hasattr(x, "__dlpack__"):
        return f"a {kind} {place}; convert it with jnp.asarray first"
    return f"{x!r:.60} of type {kind} {place}; {remedy}"


def to_array(x: Any) -> Any:
    """Any array-like scalar or array as an `Array` (tracers pass through)."""
    if type(x) is Array or isinstance(x, Tracer):
        return x
    if type(x) in _PYTHON_SCALARS:
        data = dtypes.coerce_python_scalar(x)
        return from_host(Array(data, ShapedArray((), data.dtype, type(x) is not bool)))
    if isinstance(x, (np.ndarray, np.generic)):
        return from_host(from_numpy(x))
    convert = getattr(x, "__jax_array__", None)
    if convert is not None:
        return to_array(convert())
    if isinstance(x, _PYTHON_SCALARS):  # subclasses: enums, numpy.float64 is caught above
        base: Any = next(t for t in _PYTHON_SCALARS if isinstance(x, t))
        return to_array(base(x))
    shown = "an object" if hasattr(x, "__array__") else f"{x!r:.80}"  # tables have many lines
    raise TypeError(
        f"expected an array or a number, got {shown} of type {type(x).__name__};"
        f" {array_remedy(x)} (at {here()})"
    )


def array_remedy(x: Any) -> str:
    """What to do with something that is given for an array and is none."""
    if x is None:
        return "a function without return gives None, and what is missing is nan"
    if isinstance(x, (str, bytes)):
        return "arrays hold numbers, which float(text) makes; words are static arguments"
    if isinstance(x, dict):
        return "give one of its entries, or go through all with tree.map"
    return "convert it with ingot.numpy.asarray first"


def typeof(x: Any) -> ShapedArray:
    """Return the type of an array, a tracer or a number.

    x: one of these -> a ShapedArray, which prints as f32[3,4]. Raises TypeError for anything else.

    >>> ingot.typeof(np.ones((2, 3), "float32"))
    ShapedArray(float32[2,3])
    """
    aval = getattr(x, "aval", None)
    if type(aval) is ShapedArray:
        return aval
    if type(x) in _PYTHON_SCALARS:
        return ShapedArray((), dtypes.dtype_of(x), type(x) is not bool)
    if hasattr(aval, "inner_aval"):
        return aval  # type: ignore[return-value] # that of a reference
    return to_array(x).aval
