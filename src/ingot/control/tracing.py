"""User functions of control flow as programs, and errors that say which leaf is wrong."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.calls import called, function_name, function_place
from ingot.config import config
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import axis_sizes
from ingot.core.backend import run
from ingot.core.effects import NamedAxisEffect
from ingot.core.interpreter import Tracer, is_number, to_array, typeof, unconverted
from ingot.core.jaxpr import Eqn, Jaxpr, Literal, Var, eval_jaxpr, subjaxprs
from ingot.core.placement import place, places_of_results
from ingot.core.primitive import Primitive
from ingot.core.program_division import divide_program, own_sharding
from ingot.core.references import ReferencePassed
from ingot.core.source_info import describe, here
from ingot.primitives.casts import in_mesh_order
from ingot.primitives.convert import convert_element_type_p
from ingot.transforms.stage import constants_to_arguments, effects_of, stage
from ingot.tree import (
    PyTreeDef,
    equality_errors_pytreedef,
    keystr,
    tree_flatten,
    tree_flatten_with_path,
    tree_unflatten,
)
from ingot.util import partition_list, split_list


def check_callable(what: str, name: str, fun: Any) -> None:
    """Raise TypeError unless an argument is a function."""
    if not callable(fun):
        raise TypeError(f"{what}: {name} must be a function, or callable, got {fun!r:.60} of type"
                        f" {type(fun).__name__}")


def flatten_arrays(what: str, name: str, tree: Any, numbers: bool = False
                   ) -> tuple[list[Any], PyTreeDef]:
    """The leaves of a tree as arrays, and its structure; TypeError names a leaf that is none.

    With `numbers`, Python numbers stay what they are.
    """
    leaves, treedef = tree_flatten(tree)
    try:
        return [x if numbers and is_number(x) else to_array(x) for x in leaves], treedef
    except ReferencePassed:
        raise
    except TypeError:
        for path, leaf in tree_flatten_with_path(tree)[0]:
            try:
                to_array(leaf)
            except TypeError:
                got = unconverted(leaf, f"at {name}{keystr(path)}",
                                  "close over what is not an array")
                raise TypeError(f"{what}: every leaf of {name} must be an array or a number,"
                                f" got {got}") from None
        raise


# ---- programs of user functions -----------------------------------------------------------------
@dataclass(frozen=True)
class TracedFunction:
    """A user function as a program whose constants are its leading arguments."""

    jaxpr: Jaxpr
    consts: list[Any]
    out_tree: PyTreeDef

    @property
    def out_avals(self) -> list[ShapedArray]:
        """Types of the results."""
        return self.jaxpr.out_avals


_traces: weakref.WeakKeyDictionary[Any, dict[Any, TracedFunction]] = weakref.WeakKeyDictionary()


def _cache_of(fun: Any) -> dict[Any, TracedFunction] | None:
    """Programs of a function made so far; None where a function cannot be told from its equals."""
    if type(fun).__eq__ is not object.__eq__:
        return None
    try:
        return _traces.setdefault(fun, {})
    except TypeError:
        return None


def trace(what: str, fun: Callable[..., Any], in_tree: PyTreeDef, avals: Sequence[ShapedArray],
          given: str = "") -> TracedFunction:
    """The program of a function for positional arguments of this structure and these types, which
    `given` describes in the message of `what` if the function does not take so many.

    Remembered for as long as the function lives, unless it closes over traced values.
    """
    cache = _cache_of(fun)
    key = (in_tree, tuple(avals), config.trace_key(), tuple(axis_sizes().items()))
    try:
        found = None if cache is None else cache.get(key)
    except TypeError:  # static data in the tree that cannot be hashed
        cache = found = None
    if found is None:
        found = _trace(what, fun, in_tree, avals, given)
        if cache is not None and not any(isinstance(c, Tracer) for c in found.consts):
            cache[key] = found
    return found


def _trace(what: str, fun: Callable[..., Any], in_tree: PyTreeDef, avals: Sequence[ShapedArray],
           given: str) -> TracedFunction:
    trees: list[PyTreeDef] = []
    name = function_name(fun)

    def flat(*leaves: Any) -> list[Any]:
        result = called(what, fun, tree_unflatten(in_tree, leaves), given=given)
        outs, tree = flatten_arrays(name, "its result", result)
        trees.append(tree)
        return outs

    jaxpr = stage(flat, avals, name)
    return TracedFunction(constants_to_arguments(jaxpr), list(jaxpr.consts), trees[0])


# ---- comparisons of types -----------------------------------------------------------------------
def leaf_paths(tree: PyTreeDef) -> list[str]:
    """Where each leaf stands, as text."""
    pairs, _ = tree_flatten_with_path(tree_unflatten(tree, [0] * tree.num_leaves))
    return [keystr(path) for path, _ in pairs]


def tree_differences(left: PyTreeDef, right: PyTreeDef, name: str) -> str:
    """The places where two structures differ, a line each."""
    differences: Any = equality_errors_pytreedef(left, right)
    found = [d.text(name) for d in differences]
    return "\n".join(f"  {line}" for line in found) or f"  {left} and {right}"


def type_differences(left: Sequence[ShapedArray], right: Sequence[ShapedArray],
                     paths: Sequence[str], said_left: str, said_right: str, name: str) -> str:
    """A line for each pair of types that differ by more than weakness; '' if there is none.

    Types inside `shard_map` must vary over the same axes, too, and Explicit axes divide both."""
    return "\n".join(
        f"  {name}{path}: {said_left} {a}, {said_right} {b}"
        for a, b, path in zip(left, right, paths, strict=True)
        if not (a.same_type(b) and a.mat == b.mat and a._sharding == b._sharding))


def pcast_hints(pairs: Sequence[tuple[str, ShapedArray, ShapedArray]]) -> str:
    """How values get the types that are wanted, if these only vary over more axes; '' if there is
    no such value. pairs: what a value is called, its type, the type that it should have."""
    hints = []
    for name, given, wanted in pairs:
        missing = wanted.vma - given.vma
        if missing and given.same_type(wanted):
            axes = ", ".join(f"{n!r}," if len(missing) == 1 else repr(n)
                             for n in in_mesh_order(missing))
            hints.append(f"applying `jax.lax.pcast(..., ({axes}), to='varying')` to {name}")
    if len(hints) == 1:
        return f"\nThis might be fixed by {hints[0]}"
    lines = "".join(f"\n  * {hint}" for hint in hints)
    return f"\nThis might be fixed by:{lines}" if hints else ""


def check_carry(what: str, argument: str, in_tree: PyTreeDef, in_avals: Sequence[ShapedArray],
                out_tree: PyTreeDef, out_avals: Sequence[ShapedArray], body: Any) -> None:
    """Raise TypeError unless what a loop body returns can be passed to it again."""
    if in_tree != out_tree:
        raise TypeError(
            f"{what}: the body {function_place(body)} must return a carry of the structure of"
            f" {argument}:\n{tree_differences(in_tree, out_tree, 'carry')}")
    paths = leaf_paths(in_tree)
    wrong = type_differences(in_avals, out_avals, paths, f"{argument} has type",
                             "the body returns", "carry")
    if wrong:
        hints = pcast_hints([(f"the initial carry value {argument}{path}", a, b)
                             for path, a, b in zip(paths, in_avals, out_avals, strict=True)])
        raise TypeError(
            f"{what}: the body {function_place(body)} must return a carry of the types of"
            f" {argument} (carry input and carry output must have equal types):"
            f"\n{wrong}\nConvert {argument} first, or the result in the body, e.g."
            " with x.astype(dtype) or, where types vary over axes {V:...}, with lax.pcast; reshard"
            " what Explicit axes divide in another way" + hints)


def promote_weak_carry(values: Sequence[Any], avals: Sequence[ShapedArray],
                       outs: Sequence[ShapedArray]
                       ) -> list[Any] | None:
    """Weakly typed values converted where the body gives another dtype; None if none has to be."""
    changed = False
    converted = []
    for x, a, out in zip(values, avals, outs, strict=True):
        if a.weak_type and a.dtype != out.dtype and not isinstance(out.dtype, dtypes.KeyDType):
            dtype, _ = dtypes.lattice_promote([a.dtype, out.dtype], [True, out.weak_type])
            if dtype != a.dtype:
                changed = True
                x = convert_element_type_p.bind(x, new_dtype=dtype, weak_type=False, sharding=None)
        converted.append(x)
    return converted if changed else None


# ---- programs -----------------------------------------------------------------------------------
def permuted(jaxpr: Jaxpr, ins: Iterable[Var], outs: Iterable[Any], name: str | None = None
             ) -> Jaxpr:
    """The same equations with arguments and results in another order (or fewer, or more)."""
    return Jaxpr(jaxpr.constvars, list(ins), list(outs), jaxpr.eqns, jaxpr.consts, jaxpr.effects,
                 name or jaxpr.debug_name)


def forwarded_carry(jaxpr: Jaxpr, num_consts: int, num_carry: int) -> list[bool]:
    """Which parts of a loop's carry its body hands on as they came."""
    carry = jaxpr.invars[num_consts : num_consts + num_carry]
    return [v is out for v, out in zip(carry, jaxpr.outvars[:num_carry], strict=True)]


def carry_to_consts(jaxpr: Jaxpr, fixed: Sequence[bool], num_consts: int, keep_outs: bool) -> Jaxpr:
    """The program of a loop with the parts of its carry that are fixed as further constants.

    Unless all results are kept, those at the places of these parts are left out.
    """
    def make() -> Jaxpr:
        consts, carry, rest = split_list(jaxpr.invars, [num_consts, len(fixed)])
        moving, still = partition_list(fixed, carry)
        outs, more = split_list(jaxpr.outvars, [0 if keep_outs else len(fixed)])
        outs = partition_list(fixed, outs)[0] if outs else []
        return permuted(jaxpr, [*consts, *still, *moving, *rest], [*outs, *more])

    return jaxpr.memo(("carry_to_consts", tuple(fixed), num_consts, keep_outs), make)


def add_unused_inputs(jaxpr: Jaxpr, avals: Sequence[ShapedArray]) -> Jaxpr:
    """The program with further arguments that it does not read."""
    return permuted(jaxpr, [*jaxpr.invars, *(Var(a) for a in avals)], jaxpr.outvars)


def single_equation(primitive: Primitive, avals: Sequence[ShapedArray], params: dict[str, Any]
                    ) -> Jaxpr:
    """The program that consists of one operation."""
    invars = [Var(a) for a in avals]
    outvars = [Var(a) for a in primitive.out_avals(avals, params)]
    eqn = Eqn(primitive, invars, outvars, params, effects_of(primitive, params))
    return Jaxpr([], invars, outvars, [eqn], debug_name=primitive.name)


def run_placed(jaxpr: Jaxpr, args: Sequence[Array], backend: str | None = None) -> list[Array]:
    """Compile a program and run it; results of the host lie where its own mesh, if it has one,
    divides them."""
    outs, inside = run(jaxpr, args, backend), own_sharding(jaxpr)
    if inside is None:
        return outs
    places = places_of_results(inside[0], args, jaxpr.out_avals, lambda specs: divide_program(
        jaxpr, specs, inside[0].mesh.shape))  # type: ignore[attr-defined] # asked for named ones
    return [place(x, s) if type(x._data) is np.ndarray else x
            for x, s in zip(outs, places, strict=True)]


def run_whole(primitive: Primitive, owner: Jaxpr, args: Sequence[Array], params: dict[str, Any]
              ) -> list[Array]:
    """Compile an operation as a program of its own, remembered with `owner`, and run it."""
    key = ("whole", primitive.name, tuple(sorted(params.items(), key=lambda kv: kv[0])),
           tuple(x.aval for x in args))
    program = owner.memo(key, lambda: single_equation(primitive, [x.aval for x in args], params))
    return run_placed(program, args)


def axes_of_programs(**params: Any) -> frozenset[Any]:
    """Named axes that the programs among the parameters refer to."""
    eqn = Eqn(None, [], [], params)
    return frozenset(e.name for j in subjaxprs(eqn) for e in j.effects
                     if isinstance(e, NamedAxisEffect))


def invariants(jaxpr: Jaxpr, num_consts: int) -> set[Any]:
    """Variables that depend on the first `num_consts` arguments and constants alone."""
    fixed: set[Any] = {*jaxpr.constvars, *jaxpr.invars[:num_consts]}
    for eqn in jaxpr.eqns:
        if eqn.outvars and not eqn.effects and all(
                type(v) is Literal or v in fixed for v in eqn.invars):
            fixed.update(eqn.outvars)
    return fixed


def evaluate(jaxpr: Jaxpr, *args: Any) -> list[Any]:
    """Run a program in the current interpreter."""
    return eval_jaxpr(jaxpr, jaxpr.consts, *args)


__all__ = ["TracedFunction", "axes_of_programs", "check_callable", "check_carry", "describe",
           "evaluate", "carry_to_consts", "flatten_arrays", "function_name", "function_place",
           "here", "invariants", "leaf_paths", "forwarded_carry", "permuted", "run_placed",
           "run_whole", "single_equation", "promote_weak_carry", "trace", "tree_differences",
           "type_differences", "typeof", "add_unused_inputs"]
