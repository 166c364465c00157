"""jit: compile a function once for each type of its arguments, and run the compiled program."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

from ingot.api.arguments import (
    FlatFunction,
    Statics,
    check_callable,
    function_name,
    to_arrays,
)
from ingot.api.cache_misses import explain
from ingot.api.leaks import leaks_checked
from ingot.api.shapes import abstractify, struct_of
from ingot.api.stages import Lowered, Traced
from ingot.backends.llvm.buffers import alone
from ingot.backends.llvm.host import raise_error
from ingot.backends.llvm.native.runtime import runtime
from ingot.backends.llvm.native.signatures import NativeCallable, Unknown, signature_of_call
from ingot.config import config
from ingot.control.call import jit_p
from ingot.core.array import Array, compact, delete
from ingot.core.avals import ShapedArray
from ingot.core.axes import axis_sizes
from ingot.core.backend import check_results, compile_jaxpr
from ingot.core.interpreter import EVAL, Tracer, current
from ingot.core.jaxpr import Jaxpr, eval_jaxpr
from ingot.core.logs import tracing
from ingot.core.tracebacks import hide_frames
from ingot.transforms.stage import hoist_traced_constants, stage
from ingot.tree import (
    PyTreeDef,
    tree_flatten,
    tree_structure,
    tree_unflatten,
    treedef_is_strict_leaf,
)
from ingot.util import register_cache, update_wrapper, warn


@dataclass
class Program:
    """A traced function: its jaxpr, the tracers it closes over (its leading arguments), and the
    structures of arguments and result."""

    jaxpr: Jaxpr
    consts: list[Any]
    in_tree: PyTreeDef
    out_tree: PyTreeDef

    @property
    def usable(self) -> bool:
        """Whether the tracers that the function closes over are still alive."""
        return all(c._interpreter.alive for c in self.consts)


def trace(transform: str, fun: Callable[..., Any], in_tree: PyTreeDef,
          avals: Sequence[ShapedArray], static: tuple[Any, ...] = ()) -> Program:
    """Stage a user function for arguments of these types."""
    flat = FlatFunction(transform, fun, in_tree, static)
    with leaks_checked(transform, fun):
        jaxpr = stage(flat, avals, function_name(fun))
    jaxpr, consts = hoist_traced_constants(jaxpr)
    return Program(jaxpr, consts, in_tree, flat.out_tree)


class _Programs(weakref.WeakKeyDictionary[Any, dict[Any, Program]]):
    """Programs traced from each function, for as long as it lives."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def clear(self) -> None:
        """Forget the programs, but not which table is whose."""
        for table in list(self.values()):
            table.clear()


_programs = _Programs()
register_cache(_programs)


def _programs_of(fun: Any) -> dict[Any, Program]:
    """Programs traced from a function, shared by all `jit(fun)`.

    A callable that may equal another one, or that cannot be referred to weakly, gets its own.
    """
    if type(fun).__eq__ is not object.__eq__:
        return {}
    try:
        return _programs.setdefault(fun, {})
    except TypeError:
        return {}


MAX_FORMS = 8
"""Forms of call of one program that the native entry is told."""


class _Entry:
    """What a repeated eager call needs: the executable and the types of its results."""

    __slots__ = ("donated", "executable", "forms", "jaxpr", "out_avals", "out_tree", "single")

    def __init__(self, program: Program, donated: Sequence[int]):
        self.donated = _usable(donated, program.jaxpr)
        _warn_of_unused(donated, self.donated, program.jaxpr)
        self.jaxpr, self.out_tree = program.jaxpr, program.out_tree
        self.executable = compile_jaxpr(program.jaxpr, donated=self.donated)
        self.out_avals = program.jaxpr.out_avals
        self.single = treedef_is_strict_leaf(program.out_tree)
        self.forms = MAX_FORMS if hasattr(self.executable, "record") else 0

    def __call__(self, arrays: Sequence[Array]) -> Any:
        debugging = config.debug_nans or config.debug_infs
        if self.donated and not debugging:
            outs = self._overwriting(arrays)
        else:
            outs = self.executable(*[x._data if x._data.flags.c_contiguous else compact(x)
                                     for x in arrays])
            if debugging:
                check_results(self.jaxpr, [x._data for x in arrays], outs)
        results = [Array(o, a) for o, a in zip(outs, self.out_avals, strict=True)]
        for k in self.donated:
            delete(arrays[k])
        return results[0] if self.single else tree_unflatten(self.out_tree, results)

    def _overwriting(self, arrays: Sequence[Array]) -> Any:
        """The results, some in the memory of donated arguments; these are gone after an error."""
        own = [k for k in getattr(self.executable, "overwritten", ())
               if alone(arrays[k]) and sum([x is arrays[k] for x in arrays]) == 1]
        args = [x._data if x._data.flags.c_contiguous else compact(x) for x in arrays]
        if not own:
            return self.executable(*args)
        try:
            return self.executable.overwriting(tuple(args), own)
        except BaseException:
            for k in own:
                delete(arrays[k])
            raise


def _usable(donated: Sequence[int], jaxpr: Jaxpr) -> tuple[int, ...]:
    """The donated arguments whose memory a result could take: one of its type for each."""
    results = [(a.shape, a.dtype) for a in jaxpr.out_avals]
    usable = []
    for k in donated:
        aval = jaxpr.in_avals[k]
        if (aval.shape, aval.dtype) in results:
            results.remove((aval.shape, aval.dtype))
            usable.append(k)
    return tuple(usable)


def _warn_of_unused(donated: Sequence[int], usable: Sequence[int], jaxpr: Jaxpr) -> None:
    unused = [str(jaxpr.in_avals[k]) for k in donated if k not in usable]
    if unused:
        warn(f"Some donated buffers were not usable: {', '.join(unused)} of"
                      f" {jaxpr.debug_name}, as no result has that type; do not donate them",
                      UserWarning)


class _Signature:
    """The signature of a function under jit, found when it is asked for; the class has none."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return None if instance is None else inspect.signature(instance._fun)


class PjitFunction(NativeCallable):
    """A compiled function: call it as the original; see `jit`."""

    __signature__ = _Signature()

    def __init__(self, fun: Callable[..., Any], statics: Statics, inline: bool, donate: Statics):
        update_wrapper(self, fun)
        self._known = ()
        self._fun, self._statics, self._inline, self._donate = fun, statics, inline, donate
        self._programs = _programs_of(fun)
        self._tables: dict[Any, dict[Any, _Entry]] = {}
        self._current: tuple[Any, dict[Any, _Entry]] = (None, {})
        register_cache(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled function; inside a transformation, record a call of it.

        Calls of a form that the native entry knows do not come here.
        """
        __tracebackhide__ = True
        try:
            if config.disable_jit:
                return self._fun(*args, **kwargs)
            if current() is EVAL:
                return self._run(args, kwargs)
            return self._bind(args, kwargs)
        except Exception as error:
            hide_frames(error)
            raise

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return PjitFunction, (self._fun, self._statics, self._inline, self._donate)

    def __repr__(self) -> str:
        return f"<jit of {self._fun!r}>"

    # ---- the eager call ----
    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key, table = self._current
        now = config.trace_key()
        if key is not now:
            table = self._tables.setdefault(now, {})
            self._current = now, table
        if not kwargs:  # positional arrays are found by their types alone
            entry = table.get(tuple([x.aval if type(x) is Array else None for x in args]))
            if entry is not None:
                if entry.forms:
                    self._teach(entry, args, kwargs)
                return entry(args)
        dynamic, named, static = self._statics.split(args, kwargs)
        leaves, tree = tree_flatten((dynamic, named))
        for x in leaves:
            if type(x) is not Array:
                leaves = to_arrays("jit", self._fun, dynamic, named, leaves)
                break
        signature = (tree, static, *[x.aval for x in leaves])
        entry = self._found(table, signature, static)
        if entry is None:
            self._refuse_leaked(leaves)
            program = self._program(tree, static, [x.aval for x in leaves])
            entry = table[signature] = _Entry(program, self._donated(len(args), static, tree))
        elif entry.forms:
            self._teach(entry, args, kwargs)
        if not static and len(leaves) == len(args) and all(type(x) is Array for x in args):
            table[signature[2:]] = entry
        return entry(leaves)

    def _teach(self, entry: _Entry, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Let the native entry serve such calls, if it can tell them apart."""
        if not runtime.ready(cost=100) or entry.executable.looked_for:
            return
        entry.forms -= 1
        dynamic, named, static = self._statics.split(args, kwargs)
        try:
            if config.debug_nans or config.debug_infs:
                raise Unknown
            self._learn(signature_of_call(
                entry.executable, self._current[0], args, kwargs, {where for where, *_ in static},
                tree_structure((dynamic, named)), entry.jaxpr.in_avals, entry.out_tree,
                entry.donated))
        except Unknown:
            pass

    def _donated(self, count: int, static: tuple[Any, ...], tree: PyTreeDef) -> list[int]:
        """Which leaves of the arguments are donated."""
        if not self._donate.some:
            return []
        positional, named = tree.children()
        fixed = {where for where, *_ in static}
        nums = {i + count if i < 0 else i for i in self._donate.nums}
        places = [(i in nums, child) for i, child in zip(
            [i for i in range(count) if i not in fixed], positional.children(), strict=True)]
        places += [(name in self._donate.names, child) for name, child in zip(
            named.node_data()[1], named.children(), strict=True)]  # type: ignore[index]
        flags = [given for given, child in places for _ in range(child.num_leaves)]
        return [k for k, given in enumerate(flags) if given]

    def _found(self, table: dict[Any, Any], key: Any, static: tuple[Any, ...]) -> Any:
        """What a table has under a key; ValueError if a static argument cannot be a key."""
        try:
            return table.get(key)
        except TypeError:
            self._statics.check_hashable(static)
            raise

    def _refuse_leaked(self, leaves: Sequence[Any]) -> None:
        for x in leaves:
            if isinstance(x, Tracer) and type(x) is not Array:
                EVAL.process(jit_p, [x], {})

    # ---- the call inside a transformation ----
    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        dynamic, named, static = self._statics.split(args, kwargs)
        leaves, tree = tree_flatten((dynamic, named))
        leaves = to_arrays("jit", self._fun, dynamic, named, leaves)
        program = self._program(tree, static, [x.aval for x in leaves])
        operands = [*program.consts, *leaves]
        if self._inline:
            outs = eval_jaxpr(program.jaxpr, program.jaxpr.consts, *operands)
        else:
            outs = jit_p.bind(*operands, jaxpr=program.jaxpr, name=function_name(self._fun),
                              inline=self._inline)
        return tree_unflatten(program.out_tree, outs)

    def _program(self, tree: PyTreeDef, static: tuple[Any, ...], avals: Sequence[ShapedArray]
                 ) -> Program:
        key = (tree, static, tuple(avals), config.trace_key(), tuple(axis_sizes().items()))
        program = self._found(self._programs, key, static)
        if program is None or not program.usable:
            if config.explain_cache_misses:
                explain(self._fun, key, list(self._programs))
            program = tracing(function_name(self._fun),
                              lambda: trace("jit", self._fun, tree, avals, static),
                              lambda program: len(program.jaxpr.eqns))
            self._programs[key] = program
        return program

    # ---- ahead of time ----
    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """The traced program for arguments of these types (arrays or ShapeDtypeStructs)."""
        dynamic, named, static = self._statics.split(args, kwargs)
        self._statics.check_hashable(static)
        leaves, tree = tree_flatten((dynamic, named))
        program = self._program(tree, static, [abstractify(x) for x in leaves])
        return Traced(program.jaxpr, program.consts, tree, program.out_tree, self._fun)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The program for arguments of these types, ready to be compiled."""
        return self.trace(*args, **kwargs).lower()

    def eval_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The result's shapes and dtypes as ShapeDtypeStructs; nothing is computed."""
        traced = self.trace(*args, **kwargs)
        return tree_unflatten(traced.out_tree, [struct_of(a) for a in traced.out_avals])

    def clear_cache(self) -> None:
        """Forget all programs traced and compiled for this function."""
        self._forget()
        self._programs.clear()
        self._tables.clear()
        self._current = (None, {})

    clear = clear_cache

    def _cache_size(self) -> int:
        return len({id(e) for table in self._tables.values() for e in table.values()})


def _raise_host_error() -> None:
    """Raise what a host function raised while a native call ran."""
    try:
        raise_error()
    except Exception as error:
        if config.traceback_filtering != "off":
            hide_frames(error)
        raise


runtime.raises_by(_raise_host_error)


def jit(fun: Callable[..., Any] | None = None, /, *, in_shardings: Any = None,
        out_shardings: Any = None, static_argnums: int | Iterable[int] | None = None,
        static_argnames: str | Iterable[str] | None = None,
        donate_argnums: int | Iterable[int] | None = None,
        donate_argnames: str | Iterable[str] | None = None, keep_unused: bool = False,
        device: Any = None, backend: str | None = None, inline: bool = False,
        abstracted_axes: Any = None, compiler_options: dict[str, Any] | None = None) -> Any:
    """Compile a function; each new type of arguments is traced and compiled once.

    fun: arrays or pytrees of them -> the same. Static arguments are ordinary hashable Python
    values, a program for each. Donated arrays cannot be used again if a result has their type: its
    memory is recycled; else there is a warning. Options that concern accelerators change nothing.
    Without `fun`, a decorator. Raises TypeError where an argument or result is no array,
    ValueError for unhashable static arguments.

    >>> ingot.jit(lambda x: 2 * x)(3.0)
    Array(6., dtype=float64, weak_type=True)
    """
    if fun is None:
        return functools.partial(
            jit, static_argnums=static_argnums, static_argnames=static_argnames,
            donate_argnums=donate_argnums, donate_argnames=donate_argnames, inline=inline)
    check_callable("jit", fun)
    statics = Statics("jit", fun, static_argnums, static_argnames)
    donate = Statics("jit", fun, donate_argnums, donate_argnames)
    both = set(statics.nums) & set(donate.nums) or statics.names & donate.names
    if both:
        raise ValueError(f"jit of {function_name(fun)}: static arguments have no memory to donate,"
                         f" got {sorted(both)} for both; name each once")
    return PjitFunction(fun, statics, inline, donate)
