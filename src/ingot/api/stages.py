"""Stages of compilation as objects: Traced, Lowered, Compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from ingot.api.ahead_shardings import AheadShardings
from ingot.api.arguments import argument_names, function_name, to_arrays
from ingot.api.formats import format_of
from ingot.api.shapes import struct_of
from ingot.api.shardings import CallShardings
from ingot.config import config
from ingot.control.call import jit_p
from ingot.control.unreduced import compile_apart, keep_parts, keeps_parts, run_apart
from ingot.core import program_text as _text  # noqa: F401  (programs have pretty_print)
from ingot.core.array import OWNERS, Array
from ingot.core.avals import ShapedArray
from ingot.core.backend import (
    DEFAULTS,
    CompileOptions,
    Executable,
    check_results,
    compile_jaxpr,
    get_backend,
)
from ingot.core.costs import count_flops
from ingot.core.devices import Device
from ingot.core.interpreter import trace_state_clean
from ingot.core.jaxpr import Jaxpr
from ingot.core.nan_check import checking
from ingot.core.printing import pretty
from ingot.core.sharding import Sharding
from ingot.core.tracebacks import api_boundary
from ingot.tree import PyTreeDef, tree_flatten, tree_unflatten


@dataclass(frozen=True)
class ArgInfo:
    """The type of an argument of a program, and whether its memory may be reused.

    donated: whether it may; shape, dtype: its type.

    >>> lowered = ingot.jit(lambda x: x).lower(np.ones(2, "float32"))
    >>> lowered.args_info[0][0].shape
    (2,)
    """

    _aval: ShapedArray
    donated: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The argument's shape."""
        return self._aval.shape

    @property
    def dtype(self) -> Any:
        """The argument's dtype."""
        return self._aval.dtype


@runtime_checkable
class Wrapped(Protocol):
    """What `jit` returns: a callable with `trace` and `lower`.

    >>> isinstance(ingot.jit(lambda x: x), ingot.stages.Wrapped)
    True
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function."""
        ...

    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """The program for arguments of these types."""
        ...

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The program for arguments of these types, ready to be compiled."""
        ...


class Stage:
    """What all stages know: types and structures of arguments and result."""

    def __init__(self, jaxpr: Jaxpr, consts: Sequence[Any], in_tree: PyTreeDef,
                 out_tree: PyTreeDef, fun: Any, backend: str | None = None,
                 options: CompileOptions = DEFAULTS, shardings: AheadShardings | None = None):
        self._jaxpr, self._consts = jaxpr, list(consts)
        self.in_tree, self.out_tree, self._fun = in_tree, out_tree, fun
        self._backend, self._options = backend, options
        self._shardings = shardings or AheadShardings(CallShardings(fun))
        self._mesh = config.abstract_mesh  # that for which it is staged

    @property
    def fun_name(self) -> str:
        """The function's name."""
        return function_name(self._fun)

    @property
    def in_avals(self) -> Any:
        """Types of the arguments, in the structure of (args, kwargs)."""
        return tree_unflatten(self.in_tree, self._jaxpr.in_avals[len(self._consts):])

    @property
    def args_info(self) -> Any:
        """What is known of each argument, in the structure of (args, kwargs)."""
        donated, avals = set(self._options.donated), self._jaxpr.in_avals[len(self._consts):]
        return tree_unflatten(self.in_tree, [ArgInfo(a, k in donated)
                                             for k, a in enumerate(avals)])

    @property
    def out_avals(self) -> list[ShapedArray]:
        """Types of the results, flat."""
        return self._jaxpr.out_avals

    @property
    def out_info(self) -> Any:
        """Shapes and dtypes of the result in its structure, with shardings that were told."""
        told = self._shardings.call.of_results(self.out_tree, self.out_avals)
        return tree_unflatten(self.out_tree, [
            struct_of(a) if s is None else struct_of(a).update(sharding=s)
            for a, s in zip(self.out_avals, told, strict=True)])

    @property
    def donate_argnums(self) -> tuple[int, ...]:
        """Leaves of the arguments whose memory results may take."""
        return self._options.donated

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.fun_name}>"

    def _names(self) -> list[str]:
        args, kwargs = tree_unflatten(self.in_tree, self._jaxpr.in_avals[len(self._consts):])
        return argument_names(self._fun, args, kwargs)

    def _parts(self) -> tuple[Any, ...]:
        return (self._jaxpr, self._consts, self.in_tree, self.out_tree, self._fun, self._backend,
                self._options, self._shardings)


class Traced(Stage):
    """A function traced for certain types; `jit(f).trace(*args)` returns it.

    >>> ingot.jit(lambda x: x).trace(1.0).jaxpr
    { lambda ; a:f64[]. let
    in (a,) }
    """

    @property
    def jaxpr(self) -> Jaxpr:
        """The program."""
        return self._jaxpr

    def lower(self, *, lowering_platforms: Any = None) -> Lowered:
        """The next stage. ValueError where no devices are known, and no platforms are given."""
        lowered = Lowered(*self._parts())
        lowered._shardings.check_platforms(lowered._devices(), lowering_platforms)
        return lowered


class Lowered(Stage):
    """A program ready to be compiled; `jit(f).lower(*args)` returns it.

    >>> type(ingot.jit(lambda x: 2 * x).lower(1.0)).__name__
    'Lowered'
    """

    def as_text(self, dialect: str | None = None, *, debug_info: bool = False) -> str:
        """The program as text, by default in StableHLO where jaxlib is installed, else, and for the
        dialect 'jaxpr', as a jaxpr; with `debug_info`, each operation with the user's line.

        Raises ValueError for other dialects than these and 'hlo', and where these need jaxlib.
        """
        self._check_dialect("as_text", dialect)
        try:
            found = None if dialect == "jaxpr" else self._in_dialect(dialect, debug_info)
        except (RuntimeError, NotImplementedError) as error:
            if dialect is not None:
                raise ValueError(f"as_text: {self.fun_name} has no text in {dialect}: {error}"
                                 ) from None
            found = None
        if found is None:
            return pretty(self._jaxpr, debug_info)
        if dialect == "hlo":
            return found.get_hlo_module().to_string() if debug_info else found.as_hlo_text()
        return found.operation.get_asm(enable_debug_info=debug_info)

    def _in_dialect(self, dialect: str | None, located: bool = False) -> Any:
        """The program by the back end that compiles it, else by XLA's, with the user's lines if
        `located`; RuntimeError or NotImplementedError if they cannot say it."""
        asked = (*[None] * len(self._consts), *self._shardings.asked)
        told = self._shardings.call.of_results(self.out_tree, self.out_avals)
        options = replace(self._options, in_shardings=asked, out_shardings=tuple(told))
        wanted = dialect or "stablehlo"
        with config.override("abstract_mesh", self._mesh):
            found = get_backend(self._backend).lowered(self._jaxpr, options, wanted, located)
            return found or get_backend("xla").lowered(
                self._jaxpr, options, wanted, located)

    def compiler_ir(self, dialect: str | None = None) -> Any:
        """The program: the jaxpr itself, for the dialect 'stablehlo' a module of MLIR, for 'hlo' an
        object of XLA with `as_hlo_text`; where XLA has none, as without jaxlib, the jaxpr.

        Raises ValueError for other dialects.
        """
        self._check_dialect("compiler_ir", dialect)
        if dialect is None:
            dialect = "stablehlo" if config.match_jax else "jaxpr"
        if dialect == "jaxpr":
            return self._jaxpr
        try:
            return self._in_dialect(dialect)
        except (RuntimeError, NotImplementedError):
            return self._jaxpr

    @staticmethod
    def _check_dialect(title: str, dialect: str | None) -> None:
        if dialect not in (None, "stablehlo", "hlo", "jaxpr"):
            raise ValueError(f"{title}: the dialects are 'stablehlo', 'hlo', 'jaxpr', got"
                             f" {dialect!r}")

    def cost_analysis(self) -> dict[str, float]:
        """The floating-point operations that the program asks for (`flops`), and the bytes of its
        arguments and results."""
        nbytes = sum(a.nbytes for a in (*self._jaxpr.in_avals, *self._jaxpr.out_avals))
        return {"flops": float(count_flops(self._jaxpr)), "bytes accessed": float(nbytes)}

    def compile(self, compiler_options: dict[str, Any] | None = None,
                device_assignment: Sequence[Device] | None = None, **_: Any) -> Compiled:
        """Compile for the back end that `jit` was given, by default that of the devices where its
        arguments lie, else the one chosen now.

        compiler_options: in addition to those of `jit`; device_assignment: the devices, where only
        meshes without devices are known. Raises JaxRuntimeError for options that the back end does
        not have; on the CPU those of XLA (`xla_...`) have no effect. RuntimeError where devices are
        needed and not given, or in another number; ValueError for others than those that are known.
        """
        merged = {**dict(self._options.compiler_options), **(compiler_options or {})}
        options = replace(self._options, compiler_options=tuple(merged.items()))
        shardings = self._shardings.on_devices(self._devices(), device_assignment)
        return Compiled(*self._parts()[:-2], options, shardings)

    def _devices(self) -> tuple[Device, ...] | None:
        return self._shardings.devices(self._jaxpr, self._consts, self._names())


class Compiled(Stage):
    """A compiled program: a function of arguments of exactly the types it was compiled for.

    >>> compiled = ingot.jit(lambda x: 2 * x).lower(1.0).compile()
    >>> compiled(3.0)
    Array(6., dtype=float64, weak_type=True)
    """

    def __init__(self, *parts: Any, executable: Executable | None = None):
        super().__init__(*parts)
        backend = self._backend or self._shardings.backend(
            self._jaxpr, self._consts, self._names())
        self._apart = keeps_parts(self._jaxpr, backend)
        self._executable = executable or compile_apart(self._jaxpr, backend, replace(
            self._options, donated=(), in_shardings=self._divided()))[0]
        self._places = self._shardings.places(self._jaxpr, self._names())

    def as_text(self, stage: str | None = None) -> str:
        """The program at a stage of compilation, by default the last that has a text.

        The stage 'hlo' is XLA's program for the devices over which arrays are divided. On llvm it
        says what devices of their own would exchange, not what runs: its devices share the host's
        memory, and the program that runs is that of the stages 'kernels', 'llvm' and 'assembly'.
        Programs written for JAX get 'hlo' where arrays are divided and they name no stage.
        """
        if stage == "hlo" or (stage is None and config.match_jax and self._on_several_devices()):
            text = self._text_by_xla()
            if text is not None:
                return text
        return self._executable.as_text(stage)

    def _text_by_xla(self) -> str | None:
        """What XLA makes of the program; None if it is not there, or cannot take it."""
        options = replace(self._options, donated=(), in_shardings=tuple(self._in_shardings()),
                          out_shardings=tuple(self._out_shardings()))
        try:
            return compile_jaxpr(self._jaxpr, "xla", options).as_text("hlo")
        except (RuntimeError, NotImplementedError):
            return None

    def cost_analysis(self) -> dict[str, float]:
        """What `Lowered.cost_analysis` says, and estimates of the compiler by name."""
        return {"flops": float(count_flops(self._jaxpr)), **self._executable.cost_analysis()}

    def memory_analysis(self) -> dict[str, int]:
        """Sizes of the program's memory in bytes, by name."""
        return self._executable.memory_analysis()

    def runtime_executable(self) -> Any:
        """The back end's own object."""
        return self._executable

    # ---- where arguments and results lie ---------------------------------------------------------
    def _divided(self) -> tuple[Sharding | None, ...]:
        """Where arguments were said to lie, with closed-over ones, if several devices hold some."""
        asked = (*[None] * len(self._consts), *self._shardings.asked)
        return asked if any(s is not None and s.num_devices > 1 for s in asked) else ()

    def _on_several_devices(self) -> bool:
        return any(s.num_devices > 1 for s in (*self._in_shardings(), *self._out_shardings()))

    def _in_shardings(self) -> list[Sharding]:
        return self._shardings.of_arguments(self._jaxpr, self._consts, self._names())

    def _out_shardings(self) -> list[Sharding]:
        return self._shardings.of_results(self._jaxpr, self._consts, self._names(), self.out_tree)

    @property
    def input_shardings(self) -> Any:
        """Where the arguments lie, in the structure of (args, kwargs)."""
        return tree_unflatten(self.in_tree, self._in_shardings())

    @property
    def output_shardings(self) -> Any:
        """Where the results lie, in the structure of the result."""
        return tree_unflatten(self.out_tree, self._out_shardings())

    @property
    def input_formats(self) -> Any:
        """How and where the arguments lie, in the structure of (args, kwargs)."""
        avals = self._jaxpr.in_avals[len(self._consts):]
        return tree_unflatten(self.in_tree, list(map(format_of, avals, self._in_shardings())))

    @property
    def output_formats(self) -> Any:
        """How and where the results lie, in the structure of the result."""
        return tree_unflatten(self.out_tree, list(map(format_of, self.out_avals,
                                                      self._out_shardings())))

    @property
    def out_info(self) -> Any:
        """Shapes, dtypes and shardings of the result in its structure."""
        infos = [struct_of(a).update(sharding=s)
                 for a, s in zip(self.out_avals, self._out_shardings(), strict=True)]
        return tree_unflatten(self.out_tree, infos)

    # ---- calls -----------------------------------------------------------------------------------
    @api_boundary
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; TypeError unless types and structure are those it was compiled for,
        ValueError for arrays that lie elsewhere than it was compiled for."""
        leaves, tree = tree_flatten((args, kwargs))
        if tree != self.in_tree:
            raise TypeError(
                "Function compiled with input pytree does not match the input pytree it was called"
                f" with: {self.fun_name} was compiled for {self.in_tree}, got {tree}; lower it"
                " again for this one")
        arrays = to_arrays("a compiled function", self._fun, args, kwargs, leaves)
        self._check_types(arrays, args, kwargs)
        self._shardings.check(arrays, self._names)
        operands = [*self._consts, *self._shardings.placed(arrays)]
        if trace_state_clean():
            outs = self._run(operands)
        else:
            params: dict[str, Any] = {"backend": self._backend} if self._backend else {}
            outs = jit_p.bind(*operands, jaxpr=self._jaxpr, name=self.fun_name, inline=False,
                              **params)
        outs = self._shardings.call.results(self.out_tree, outs)
        return tree_unflatten(self.out_tree, outs)

    def _check_types(self, arrays: Sequence[Any], args: Any, kwargs: Any) -> None:
        expected = self._jaxpr.in_avals[len(self._consts):]
        wrong = [(k, x.aval, want) for k, (x, want) in enumerate(zip(arrays, expected, strict=True))
                 if not x.aval.same_type(want)]
        if wrong:
            names = argument_names(self._fun, args, kwargs)
            lines = "\n".join(f"Argument {names[k]!r} compiled with {_typed(want)} and called with"
                              f" {_typed(got)}" for k, got, want in wrong)
            raise TypeError(
                "Argument types differ from the types for which this computation was compiled;"
                f" lower {self.fun_name} again for these. The mismatches are:\n{lines}")

    def _run(self, operands: Sequence[Any]) -> list[Any]:
        outs, parts = run_apart(self._executable, self._jaxpr, operands, self._apart)
        found = [Array(o, a) for o, a in zip(outs, self.out_avals, strict=True)]
        if checking():
            check_results(self._jaxpr, operands, found)
        if not any(type(o) in OWNERS for o in outs):  # others say where their results are
            found = self._places(operands, found)
        keep_parts(found, parts)
        return found


def _typed(aval: ShapedArray) -> str:
    """A type with the whole name of its dtype, as NumPy's users know it."""
    return f"{aval.dtype}[{','.join(map(str, aval.shape))}]"
