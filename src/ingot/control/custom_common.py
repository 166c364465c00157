"""What functions with rules of their own share: their calls, and checks of what rules return."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingot import dtypes
from ingot.calls import called, mismatch
from ingot.control.tracing import (
    axes_of_programs,
    evaluate,
    flatten_arrays,
    function_name,
    leaf_paths,
    tree_differences,
)
from ingot.core.array import Array
from ingot.core.avals import ShapedArray, is_inexact
from ingot.core.axis_env import axis_sizes
from ingot.core.interpreter import Tracer, typeof
from ingot.core.jaxpr import Jaxpr
from ingot.core.primitive import is_linear
from ingot.core.references import is_reference
from ingot.errors import ShapeError, UnexpectedTracerError
from ingot.primitives.movement import zeros
from ingot.transforms.stage import constants_to_arguments, stage
from ingot.transforms.transpose import transpose_jaxpr
from ingot.tree import PyTreeDef, tree_flatten, tree_map, tree_unflatten


class SymbolicZero:
    """A tangent or cotangent that is zero, as rules with `symbolic_zeros=True` see it.

    aval: its type.

    >>> from ingot.custom_derivatives import SymbolicZero
    >>> SymbolicZero(ingot.typeof(1.0)).aval
    ShapedArray(float64[], weak_type=True)
    """

    def __init__(self, aval: ShapedArray):
        self.aval = aval

    def __getattr__(self, name: str) -> Any:  # shape, dtype, ndim, size
        return getattr(object.__getattribute__(self, "aval"), name)

    def __repr__(self) -> str:
        return f"SymbolicZero({self.aval})"

    @staticmethod
    def from_primal_value(x: Any) -> SymbolicZero:
        """The zero tangent of a value."""
        return SymbolicZero(typeof(x).to_tangent_aval())


def zero_from_primal(x: Any, symbolic_zeros: bool = False) -> Any:
    """Make a zero tangent for a value, or for each leaf of a pytree of values.

    x: a pytree of arrays. symbolic_zeros: whether leaves are `SymbolicZero`s, as rules take them,
    or arrays of zeros -> a pytree of the same structure, float0 for integers.

    >>> ingot.custom_derivatives.zero_from_primal(np.ones(2))
    Array([0., 0.], dtype=float64)
    """
    make = SymbolicZero.from_primal_value if symbolic_zeros else _zeros_for
    return tree_map(make, x)


def _zeros_for(x: Any) -> Any:
    return zeros(typeof(x).to_tangent_aval())


# ---- calls --------------------------------------------------------------------------------------
def positional(kind: str, fun: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
               ) -> tuple[Any, ...]:
    """All arguments of a call by position, defaults filled in; TypeError where that cannot be."""
    try:
        signature = inspect.signature(fun)
    except (TypeError, ValueError):
        if kwargs:
            raise TypeError(f"{function_name(fun)}: functions with custom derivatives take keyword"
                            " arguments only if Python knows their signature") from None
        return args
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{mismatch(kind, fun, args, kwargs)}: {error}") from None
    bound.apply_defaults()
    given = bound.kwargs.keys() & kwargs.keys()
    if given:
        raise TypeError(
            f"{function_name(fun)}: functions with custom derivatives have no keyword-only"
            f" arguments, got {sorted(given)}; make them positional")
    return bound.args


@dataclass
class PartitionedArgs:
    """How arguments are divided into those without derivatives (at `nums`) and the rest, which are
    not kept: rules live as long as programs do."""

    nums: tuple[int, ...]
    fixed: tuple[Any, ...]
    count: int

    def join(self, rest: Iterable[Any]) -> list[Any]:
        """All arguments, given the others."""
        given, fixed = iter(rest), dict(zip(self.nums, self.fixed, strict=True))
        return [fixed[i] if i in fixed else next(given) for i in range(self.count)]


def split_arguments(fun: Any, args: tuple[Any, ...], nums: Sequence[int]
                    ) -> tuple[PartitionedArgs, tuple[Any, ...]]:
    """Divide the arguments of a call -> (how, the rest); ValueError if a place does not exist."""
    n = len(args)
    bad = [i for i in nums if not -n <= i < n]
    if bad:
        raise ValueError(f"{function_name(fun)}: nondiff_argnums {tuple(nums)} must be positions of"
                         f" its {n} arguments, got {bad[0]}")
    places = tuple(sorted({i % n for i in nums}))
    return (PartitionedArgs(places, tuple(args[i] for i in places), n),
            tuple(x for i, x in enumerate(args) if i not in places))


def nondiff_positions(fun: Any, nums: Any, names: Any) -> tuple[int, ...]:
    """Positions from `nondiff_argnums` and `nondiff_argnames`."""
    places = (nums,) if isinstance(nums, int) else tuple(nums or ())
    names = (names,) if isinstance(names, str) else tuple(names or ())
    if not names:
        return places
    parameters = list(inspect.signature(fun).parameters)
    missing = [name for name in names if name not in parameters]
    if missing:
        raise ValueError(f"{function_name(fun)} has no argument {missing[0]!r} for"
                         f" nondiff_argnames; it has {parameters}")
    return tuple(sorted({*places, *(parameters.index(name) for name in names)}))


@dataclass
class FlatCall:
    """A user function on flat lists of arrays; remembers the structure of its result."""

    fun: Callable[..., Any]
    split: PartitionedArgs
    in_tree: PyTreeDef
    kind: str
    trees: list[PyTreeDef] = field(default_factory=list)

    def __call__(self, *leaves: Any) -> list[Any]:
        """The leaves of the function's result."""
        args = self.split.join(tree_unflatten(self.in_tree, leaves))
        outs, tree = flatten_arrays(function_name(self.fun), "its result",
                                    call_user(self.kind, self.fun, *args))
        self.trees.append(tree)
        return outs

    @property
    def __name__(self) -> str:
        """The name of the user's function."""
        return function_name(self.fun)


def call_user(kind: str, fun: Callable[..., Any], *args: Any, given: str = "") -> Any:
    """Call a function that must not close over traced values; explain it where one does. The
    arguments are what `given` says."""
    try:
        return called(kind, fun, args, given=given)
    except UnexpectedTracerError as e:
        error = UnexpectedTracerError(
            f"{kind}: {function_name(fun)} closes over a value that is being transformed, so its"
            " rules cannot tell its derivative; pass the value as an argument"
            f" (closure_convert finds such values).\n{e}")
        error.tracer = e.tracer
        raise error from e


# ---- programs -----------------------------------------------------------------------------------
def stage_call(call: Any, args: Sequence[Any]) -> tuple[Jaxpr, list[Any]]:
    """A flat function as a program whose constants are leading arguments, and their values."""
    jaxpr = stage(call, [typeof(x) for x in args], getattr(call, "__name__", "fun"))
    return constants_to_arguments(jaxpr), list(jaxpr.consts)


def staged(args: Sequence[Any], params: dict[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """The `stage` slot of calls with custom rules: the Python function becomes a program."""
    call = params["call_jaxpr"]
    if isinstance(call, Jaxpr):
        return args, params
    jaxpr, consts = stage_call(call, args)
    return [*consts, *args], {**params, "call_jaxpr": jaxpr,
                              "num_consts": len(consts) + params["num_consts"]}


def axes_of_call(*, call_jaxpr: Any, **params: Any) -> Any:
    """The `axes_of` slot: a Python function may refer to any axis in scope."""
    if isinstance(call_jaxpr, Jaxpr):
        return axes_of_programs(call_jaxpr=call_jaxpr)
    return axis_sizes().keys()


def call_type(*avals: ShapedArray, call_jaxpr: Any, **params: Any) -> list[ShapedArray]:
    """The `type` slot of calls with custom rules."""
    return call_jaxpr.out_avals


def call_kernel(build: Any, *args: Any, out: Any, call_jaxpr: Jaxpr, **params: Any) -> Any:
    """The `kernel` slot of calls with custom rules."""
    return build.inline(call_jaxpr, args)


def call_transpose(cts: Sequence[Any], *args: Any, call_jaxpr: Jaxpr, **params: Any) -> list[Any]:
    """The `transpose` slot: a linear function with custom rules is transposed like any other."""
    linear = [is_linear(x) for x in args]
    program, has = transpose_jaxpr(call_jaxpr, linear, [ct is not None for ct in cts])
    outs = iter(evaluate(program, *(x for x in args if not is_linear(x)),
                         *(ct for ct in cts if ct is not None)))
    found = iter([next(outs) if h else None for h in has])
    return [next(found) if lin else None for lin in linear]


def check_no_tangents(kind: str, name: str, tangents: Sequence[Any]) -> None:
    """Raise where a value that the function closes over has a tangent."""
    if any(t is not None for t in tangents):
        raise UnexpectedTracerError(
            f"{kind}: {name} closes over a value that is being differentiated, and its rule says"
            " nothing about that derivative; pass the value as an argument")


# ---- checks of results --------------------------------------------------------------------------
def zero_or_array(x: Any) -> Any:
    """None for symbolic zeros, the value itself otherwise."""
    return None if isinstance(x, SymbolicZero) else x


def check_same_structure(rule: str, tree: PyTreeDef, other: PyTreeDef, name: str) -> None:
    """TypeError naming the places where the result of a rule has another structure."""
    if tree != other:
        raise TypeError(f"{rule}:\n{tree_differences(tree, other, name)}")


def check_tangents(rule: str, tree: PyTreeDef, primals: Sequence[Any], tangents: Sequence[Any],
                   name: str) -> list[Any]:
    """Tangents (or cotangents) as arrays of the types that go with the primals.

    None for those of values without derivatives; TypeError names the place and both types.
    """
    checked: list[Any] = []
    for i, (x, t) in enumerate(zip(primals, tangents, strict=True)):
        aval = x if isinstance(x, ShapedArray) else typeof(x)
        t = zero_or_array(t)
        if t is None or not is_inexact(aval):
            checked.append(None)
            continue
        if not typeof(t).same_type(aval):
            raise ShapeError(
                f"{rule}: at {name}{leaf_paths(tree)[i]} expected {aval}, got {typeof(t)}")
        checked.append(t)
    return checked


def leaves_and_statics(tree: Any, numbers: bool = True
                       ) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The arrays of a tree (and its Python numbers), and the function that puts it together again
    from them."""
    leaves, treedef = tree_flatten(tree)
    dynamic = [_is_value(x) and (numbers or type(x) not in _NUMBERS) for x in leaves]

    def rebuild(values: Sequence[Any]) -> Any:
        rest = iter(values)
        return tree_unflatten(treedef, [next(rest) if d else x
                                        for x, d in zip(leaves, dynamic, strict=True)])

    return [x for x, d in zip(leaves, dynamic, strict=True) if d], rebuild


_NUMBERS = (bool, int, float, complex)


def _is_value(x: Any) -> bool:
    return not is_reference(x) and (
        isinstance(x, (Array, Tracer)) or hasattr(x, "dtype") or type(x) in _NUMBERS)


def float0_of(x: Any) -> ShapedArray:
    """The type of the tangent of a value without derivatives."""
    return ShapedArray(typeof(x).shape, dtypes.float0)
