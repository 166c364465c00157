"""jit: compile a function once for each type of its arguments, and run the compiled program."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from types import MethodType
from typing import Any

from ingot.api.ahead_shardings import AheadShardings
from ingot.api.arguments import (
    ArgumentSelector,
    argument_names,
    check_callable,
    function_name,
    to_arrays,
)
from ingot.api.devices import block_until_ready
from ingot.api.divided_calls import DividedCalls
from ingot.api.donations import usable_donations
from ingot.api.recompiles import note_trace
from ingot.api.reference_calls import ReferenceCalls
from ingot.api.shapes import abstractify
from ingot.api.shardings import CallShardings, ResultPlaces, any_placed, check_leaves
from ingot.api.stages import Lowered, Traced
from ingot.api.traces import TracedFunction, trace, traces_of
from ingot.config import config, fast_path_guard
from ingot.control.call import jit_p
from ingot.control.custom_partitioning import is_partitioned
from ingot.control.inspection import uninspected
from ingot.control.unreduced import compile_apart, keep_parts, run_apart
from ingot.core.array import OWNERS, Array, delete
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import axis_sizes
from ingot.core.backend import (
    DEFAULTS,
    ELSEWHERE,
    CompileOptions,
    Executable,
    check_results,
    compile_jaxpr,
)
from ingot.core.devices import Device
from ingot.core.interpreter import EVAL, Tracer, current
from ingot.core.jaxpr import eval_jaxpr
from ingot.core.logs import tracing
from ingot.core.memory_errors import explain_memory
from ingot.core.native_calls import CallSignature, native_calls
from ingot.core.references import ReferencePassed, ReferencesUsed
from ingot.core.sharding import SingleDeviceSharding
from ingot.core.source_info import here
from ingot.core.spans import RECORDINGS, span
from ingot.core.tracebacks import filter_traceback
from ingot.tree import (
    PyTreeDef,
    tree_flatten,
    tree_structure,
    tree_unflatten,
    treedef_is_strict_leaf,
)
from ingot.tree.treedef import unflattener
from ingot.util import register_cache, update_wrapper

MAX_SIGNATURES = 8
"""Call signatures of one compiled function that are recorded for native calls."""


class _CompiledCall:
    """What a repeated eager call needs: the executable and the types of its results."""

    __slots__ = ("apart", "backend", "direct", "divided", "donated", "executable", "fixed",
                 "jaxpr", "options", "out_avals", "out_tree", "places", "shardings",
                 "signatures_left", "single")

    def __init__(self, traced: TracedFunction, options: CompileOptions, backend: str | None,
                 shardings: CallShardings, names: Sequence[str], arrays: Sequence[Array]):
        if options.donated:
            shardings.check_donated(arrays)
        self.shardings, self.places = shardings, ResultPlaces(traced.jaxpr, names, shardings)
        self.donated = usable_donations(options.donated, traced.jaxpr)
        self.jaxpr, self.out_tree = uninspected(traced.jaxpr), traced.out_tree
        self.fixed = backend is not None
        self.options = replace(options, donated=self.donated, committed=self.fixed)
        self.backend = backend or self.places.backend(arrays).name
        self.options = shardings.compiled(self.options, self.backend, traced.out_tree, traced.jaxpr)
        self.executable, self.apart = compile_apart(self.jaxpr, self.backend, self.options)
        self.out_avals = traced.jaxpr.out_avals
        self.single = treedef_is_strict_leaf(traced.out_tree)
        self.divided = DividedCalls(self.places, lambda jaxpr: _CompiledCall(
            replace(traced, jaxpr=jaxpr), options, backend, shardings, names, arrays
        )) if is_partitioned(traced.jaxpr) else None
        plain = not (shardings.given or self.places.own or self.divided or self.apart)
        natively = (self.executable.native_calls is not None and plain
                    and (self.fixed or not config.elsewhere))
        self.signatures_left = MAX_SIGNATURES if natively else 0
        debugging = config.debug_nans or config.debug_infs
        self.direct = None if debugging or not plain else self.executable.caller(
            self.out_avals, unflattener(traced.out_tree))

    def __call__(self, arrays: Sequence[Array]) -> Any:
        if self.direct is not None:
            found = self.direct(arrays)
            if found is not ELSEWHERE:
                return found
        if self.divided is not None and (call := self.divided(arrays)) is not None:
            return call(arrays)
        try:
            return self._run(arrays)
        except MemoryError as error:
            explain_memory(error, self.jaxpr)
            raise

    def _run(self, arrays: Sequence[Array]) -> Any:
        debugging = config.debug_nans or config.debug_infs
        placed = self.places.own is not None or config.elsewhere or any_placed(arrays)
        executable = self._executable(arrays) if placed else self.executable
        outs, parts = run_apart(executable, self.jaxpr, arrays,
                                self.apart and executable is self.executable,
                                bool(self.donated) and not debugging)
        results = [Array(o, a) for o, a in zip(outs, self.out_avals, strict=True)]
        if debugging:
            check_results(self.jaxpr, arrays, results)
        if placed and not any(type(o) in OWNERS for o in outs):  # others say where results are
            results = self.places(arrays, results)
        keep_parts(results, parts)
        if self.shardings.outs is not None:
            results = self.shardings.results(self.out_tree, results)
        for k in self.donated:
            delete(arrays[k])
        return results[0] if self.single else tree_unflatten(self.out_tree, results)

    def _executable(self, arrays: Sequence[Array]) -> Executable:
        """The program for the back end on whose devices the arguments have to be."""
        if self.fixed:
            return self.executable
        backend = self.places.backend(arrays).name
        if backend == self.backend:
            return self.executable
        return compile_jaxpr(self.jaxpr, backend, self.options)


_aval = attrgetter("aval")


def _recent_call(key: Any, avals: list[ShapedArray], direct: Callable[..., Any]
                 ) -> Callable[..., Any]:
    """Return the last call of a function by a shorter way: one with arguments of the same types is
    made without a table, in the ordinary state of all threads; for others it is ELSEWHERE."""
    guard = fast_path_guard

    def call(args: tuple[Any, ...]) -> Any:
        try:
            if len(guard) != 1 or guard[0] is not key or list(map(_aval, args)) != avals:
                return ELSEWHERE
        except AttributeError:  # an argument that has no type
            return ELSEWHERE
        return direct(args)

    return call


class _Signature:
    """The Python signature of a function under jit, computed when read; the class has none."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return None if instance is None else inspect.signature(instance._fun)


_Base: Any = native_calls().callable_base


class PjitFunction(_Base):
    """A function under `jit`; the type of what `jit` returns.

    >>> isinstance(ingot.jit(lambda x: x), ingot.stages.Wrapped)
    True
    """

    __signature__ = _Signature()

    def __init__(self, fun: Callable[..., Any], statics: ArgumentSelector, inline: bool,
                 donate: ArgumentSelector,
                 backend: str | None = None, options: CompileOptions = DEFAULTS,
                 shardings: CallShardings | None = None):
        update_wrapper(self, fun)  # takes over what a function under jit knows: first of all
        self._shardings = shardings or CallShardings(fun)
        self._fun, self._statics, self._inline, self._donate = fun, statics, inline, donate
        self._backend, self._options = backend, options
        self._traces = traces_of(fun)
        self._tables: dict[Any, dict[Any, _CompiledCall]] = {}
        self._current: tuple[Any, dict[Any, _CompiledCall]] = (None, {})
        self._recent: Callable[..., Any] | None = None
        self._references: ReferenceCalls | None = None
        self._own_references = True
        register_cache(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled function; inside a transformation, record a call of it.

        Calls whose signature was recorded for native calls do not come here.
        """
        __tracebackhide__ = True
        try:
            if self._recent is not None and not kwargs:
                found = self._recent(args)
                if found is not ELSEWHERE:
                    return found
            if config.disable_jit:
                return self._fun(*args, **kwargs)
            if self._references is not None:
                return self._references(args, kwargs)
            if current() is EVAL:
                return self._recorded(args, kwargs) if RECORDINGS else self._run(args, kwargs)
            return self._bind(args, kwargs)
        except (ReferencePassed, ReferencesUsed):
            if self._references is not None or not self._own_references:
                raise
            return self._with_references(args, kwargs)
        except Exception as error:
            filter_traceback(error)
            raise

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return PjitFunction, (self._fun, self._statics, self._inline, self._donate, self._backend,
                              self._options, self._shardings)

    def __repr__(self) -> str:
        return f"<jit of {self._fun!r}>"

    def _recorded(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run it as a span of the profile that is taken, until its results are there."""
        with span("call", function_name(self._fun), line=here()):
            return block_until_ready(self._run(args, kwargs))

    def _with_references(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a function that is given references, or closes over them."""
        def make(run: Any) -> PjitFunction:
            made = PjitFunction(
                run, ArgumentSelector("jit", run, [i + (i >= 0) for i in self._statics.nums],
                                      self._statics.names),
                self._inline, ArgumentSelector("jit", run, None, None), self._backend,
                self._options)
            made._own_references = False
            return made

        calls = ReferenceCalls(self._fun, make)
        out = calls(args, kwargs)
        self._references = calls
        return out

    @property
    def uses_references(self) -> bool:
        """Whether a call was given references, or closed over them."""
        return self._references is not None

    # ---- the eager call ----
    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key, table = self._current
        now = config.trace_key()
        if key is not now:
            table = self._tables.setdefault(now, {})
            self._current = now, table
        # Positional arrays are found by their types alone.
        if not kwargs and not self._shardings.moves_arguments:
            call = table.get(tuple([x.aval if type(x) is Array else None for x in args]))
            if call is not None:
                if call.signatures_left:
                    self._record_signature(call, args, kwargs)
                if call.direct is not None:
                    self._recent = _recent_call(now, [x.aval for x in args], call.direct)
                return call(args)
        dynamic, named, static = self._statics.split(args, kwargs)
        passed, tree = tree_flatten((dynamic, named))
        leaves = passed if {*map(type, passed)} <= {Array} else to_arrays(
            "jit", self._fun, dynamic, named, passed)
        given, leaves = leaves, self._shardings.arguments(tree, leaves)
        signature = (tree, static, *[x.aval for x in leaves])
        call = self._lookup(table, signature, static)
        if call is None:
            self._refuse_leaked(leaves)
            traced = self._traced(tree, static, [x.aval for x in leaves])
            donated = tuple(self._donated_leaves(len(args), static, tree))
            call = table[signature] = _CompiledCall(
                traced, replace(self._options, donated=donated), self._backend, self._shardings,
                argument_names(self._fun, dynamic, named), leaves)
        elif call.signatures_left:
            self._record_signature(call, args, kwargs)
        if config.transfer_guard_device_to_device is not None:
            call.places.guard_moves(passed, leaves)
        elif not static and len(leaves) == len(args) and all(type(x) is Array for x in args):
            table[signature[2:]] = call
        outs = call(leaves)
        for k in call.donated:
            delete(given[k])  # `leaves` has it where it was told to be
        return outs

    def _record_signature(self, call: _CompiledCall, args: tuple[Any, ...], kwargs: dict[str, Any]
                          ) -> None:
        """Let the native call path serve such calls, once it is ready."""
        native = call.executable.native_calls
        if not native.ready(call.executable):
            return
        call.signatures_left -= 1
        if config.debug_nans or config.debug_infs:
            return
        dynamic, named, static = self._statics.split(args, kwargs)
        native.record(self, call.executable, CallSignature(
            self._current[0], args, kwargs, {where for where, *_ in static},
            tree_structure((dynamic, named)), call.jaxpr.in_avals, call.out_tree, call.donated))

    def _donated_leaves(self, count: int, static: tuple[Any, ...], tree: PyTreeDef) -> list[int]:
        """Return which leaves of the arguments are donated."""
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

    def _lookup(self, table: dict[Any, Any], key: Any, static: tuple[Any, ...]) -> Any:
        """Return `table.get(key)`; ValueError if a static argument is not hashable."""
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
        leaves = self._shardings.arguments(tree, leaves)
        if self._options.compiler_options:
            raise ValueError("`compiler_options` can only be passed to top-level `jax.jit`, got"
                             f" {dict(self._options.compiler_options)} for"
                             f" {function_name(self._fun)}")
        traced = self._traced(tree, static, [x.aval for x in leaves])
        operands = [*traced.consts, *leaves]
        if self._inline:
            outs = eval_jaxpr(traced.jaxpr, traced.jaxpr.consts, *operands)
        else:
            params: dict[str, Any] = {"backend": self._backend} if self._backend else {}
            outs = jit_p.bind(*operands, jaxpr=traced.jaxpr, name=function_name(self._fun),
                              inline=self._inline, **params)
        return tree_unflatten(traced.out_tree, self._shardings.results(traced.out_tree, outs))

    def _traced(self, tree: PyTreeDef, static: tuple[Any, ...], avals: Sequence[ShapedArray]
                ) -> TracedFunction:
        key = (tree, static, tuple(avals), config.trace_key(), tuple(axis_sizes().items()))
        traced = self._lookup(self._traces, key, static)
        if traced is None or not traced.is_usable:
            note_trace(self._fun, key, list(self._traces))
            traced = tracing(function_name(self._fun),
                             lambda: trace("jit", self._fun, tree, avals, static),
                             lambda traced: len(traced.jaxpr.eqns))
            self._traces[key] = traced
        return traced

    # ---- ahead of time ----
    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """The traced program for arguments of these types (arrays or ShapeDtypeStructs)."""
        dynamic, named, static = self._statics.split(args, kwargs)
        self._statics.check_hashable(static)
        leaves, tree = tree_flatten((dynamic, named))
        avals = [abstractify(x) for x in leaves]
        shardings = AheadShardings.of(self._shardings, tree, leaves, avals)
        avals = shardings.types(avals)
        traced = self._traced(tree, static, avals)
        options = replace(self._options, donated=tuple(
            self._donated_leaves(len(args), static, tree)))
        return Traced(traced.jaxpr, traced.consts, tree, traced.out_tree, self._fun, self._backend,
                      options, shardings)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The program for arguments of these types, ready to be compiled."""
        return self.trace(*args, **kwargs).lower()

    def eval_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The result's shapes and dtypes as ShapeDtypeStructs; nothing is computed."""
        return self.trace(*args, **kwargs).out_info

    def clear_cache(self) -> None:
        """Forget everything traced and compiled for this function."""
        self._forget_signatures()
        self._traces.clear()
        self._tables.clear()
        self._current, self._recent = (None, {}), None

    clear = clear_cache

    def _cache_size(self) -> int:
        return len({id(e) for table in self._tables.values() for e in table.values()})


def _check_places(device: Any, backend: Any, ins: Any, outs: Any) -> None:
    """Raise ValueError unless one of `jit`'s arguments says where a function runs."""
    if device is not None and backend is not None:
        raise ValueError(f"can't specify both a device and a backend for jit, got {device} and"
                         f" {backend!r}")
    for name, shardings in (("in_shardings", ins), ("out_shardings", outs)):
        if shardings is not None and not (device is None and backend is None):
            raise ValueError(f"If backend or device is specified on jit, then {name} should not be"
                             " specified.")


def jit(fun: Callable[..., Any] | None = None, /, *, in_shardings: Any = None,
        out_shardings: Any = None, static_argnums: int | Iterable[int] | None = None,
        static_argnames: str | Iterable[str] | None = None,
        donate_argnums: int | Iterable[int] | None = None,
        donate_argnames: str | Iterable[str] | None = None, keep_unused: bool = False,
        device: Any = None, backend: str | None = None, inline: bool = False,
        abstracted_axes: Any = None, compiler_options: dict[str, Any] | None = None) -> Any:
    """Compile a function; each new type of arguments is traced and compiled once.

    fun: arrays or pytrees of them -> the same; without it, a decorator. static_argnums,
    static_argnames: arguments that are ordinary hashable Python values, a program for each.
    donate_argnums, donate_argnames: arrays that cannot be used again if a result has their size, as
    its memory is recycled; else there is a warning. inline: whether callers are compiled with it as
    one function. backend, device: where it runs. in_shardings, out_shardings: where arguments and
    results lie, as prefixes of their trees; otherwise programs run where their arguments lie.
    compiler_options: flags of the compiler by name. keep_unused, abstracted_axes change nothing. ->
    a function of the same values. It raises TypeError for non-array arguments and results,
    ValueError for unhashable static arguments and shardings that do not fit, RuntimeError for an
    unknown back end.

    >>> ingot.jit(lambda x: 2 * x)(3.0)
    Array(6., dtype=float64, weak_type=True)
    """
    if fun is None:
        return functools.partial(
            jit, in_shardings=in_shardings, out_shardings=out_shardings,
            static_argnums=static_argnums, static_argnames=static_argnames,
            donate_argnums=donate_argnums, donate_argnames=donate_argnames, device=device,
            backend=backend, inline=inline, compiler_options=compiler_options)
    check_callable("jit", fun)
    statics = ArgumentSelector("jit", fun, static_argnums, static_argnames)
    donate = ArgumentSelector("jit", fun, donate_argnums, donate_argnames)
    both = set(statics.nums) & set(donate.nums) or statics.names & donate.names
    if both:
        raise ValueError(f"jit of {function_name(fun)}: static arguments have no memory to donate,"
                         f" got {sorted(both)} for both; name each once")
    _check_places(device, backend, in_shardings, out_shardings)
    if backend is None and device is not None:
        backend = getattr(device.client, "name", None)
    check_leaves("in_shardings", in_shardings)
    check_leaves("out_shardings", out_shardings)
    place = None
    if isinstance(device, Device) and isinstance(device.client, Device):  # others compile for it
        place = SingleDeviceSharding(device)
    options = CompileOptions(devices=() if device is None else (device,),
                             compiler_options=tuple((compiler_options or {}).items()))
    return PjitFunction(fun, statics, inline, donate, backend, options,
                        CallShardings(fun, in_shardings, out_shardings, place))
