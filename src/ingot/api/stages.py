"""Stages of compilation as objects: Traced, Lowered, Compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from ingot.api.arguments import argument_names, function_name, to_arrays
from ingot.api.shapes import struct_of
from ingot.control.call import jit_p
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.backend import (
    DEFAULTS,
    CompileOptions,
    check_results,
    compile_jaxpr,
    get_backend,
)
from ingot.core.costs import count_flops
from ingot.core.interpreter import trace_state_clean
from ingot.core.jaxpr import Jaxpr
from ingot.core.nan_check import checking
from ingot.core.placement import settled
from ingot.core.printing import pretty
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
                 options: CompileOptions = DEFAULTS):
        self._jaxpr, self._consts = jaxpr, list(consts)
        self.in_tree, self.out_tree, self._fun = in_tree, out_tree, fun
        self._backend, self._options = backend, options

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
        infos = [ArgInfo(a) for a in self._jaxpr.in_avals[len(self._consts):]]
        return tree_unflatten(self.in_tree, infos)

    @property
    def out_avals(self) -> list[ShapedArray]:
        """Types of the results, flat."""
        return self._jaxpr.out_avals

    @property
    def out_info(self) -> Any:
        """Shapes and dtypes of the result in its structure."""
        return tree_unflatten(self.out_tree, [struct_of(a) for a in self.out_avals])

    @property
    def donate_argnums(self) -> tuple[int, ...]:
        """Arguments whose buffers may be reused: none, compiled ahead of time."""
        return ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.fun_name}>"

    def _parts(self) -> tuple[Any, ...]:
        return (self._jaxpr, self._consts, self.in_tree, self.out_tree, self._fun, self._backend,
                self._options)


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
        """The next stage."""
        return Lowered(*self._parts())


class Lowered(Stage):
    """A program ready to be compiled; `jit(f).lower(*args)` returns it.

    >>> type(ingot.jit(lambda x: 2 * x).lower(1.0)).__name__
    'Lowered'
    """

    def as_text(self, dialect: str | None = None, *, debug_info: bool = False) -> str:
        """The program as text: as the compiler takes it, else, or for the dialect 'jaxpr', as a
        jaxpr; with `debug_info`, each equation of this with the user's line."""
        text = None if dialect == "jaxpr" else get_backend(self._backend).lowered_text(
            self._jaxpr, self._options)
        return pretty(self._jaxpr, debug_info) if text is None else text

    def compiler_ir(self, dialect: str | None = None) -> Jaxpr:
        """The program itself."""
        return self._jaxpr

    def cost_analysis(self) -> dict[str, float]:
        """The floating-point operations that the program asks for (`flops`), and the bytes of its
        arguments and results."""
        nbytes = sum(a.nbytes for a in (*self._jaxpr.in_avals, *self._jaxpr.out_avals))
        return {"flops": float(count_flops(self._jaxpr)), "bytes accessed": float(nbytes)}

    def compile(self, compiler_options: dict[str, Any] | None = None, **_: Any) -> Compiled:
        """Compile for the back end that `jit` was given, by default the one chosen now.

        compiler_options: in addition to those of `jit`. Raises JaxRuntimeError for options that the
        back end does not have; on the CPU those of XLA (`xla_...`) have no effect.
        """
        merged = {**dict(self._options.compiler_options), **(compiler_options or {})}
        return Compiled(*self._parts()[:-1],
                        replace(self._options, compiler_options=tuple(merged.items())))


class Compiled(Stage):
    """A compiled program: a function of arguments of exactly the types it was compiled for.

    >>> compiled = ingot.jit(lambda x: 2 * x).lower(1.0).compile()
    >>> compiled(3.0)
    Array(6., dtype=float64, weak_type=True)
    """

    def __init__(self, *parts: Any):
        super().__init__(*parts)
        self._executable = compile_jaxpr(self._jaxpr, self._backend, self._options)

    def as_text(self, stage: str | None = None) -> str:
        """The program at a stage of compilation, by default the last that has a text."""
        return self._executable.as_text(stage)

    def cost_analysis(self) -> dict[str, float]:
        """What `Lowered.cost_analysis` says, and estimates of the compiler by name."""
        return {"flops": float(count_flops(self._jaxpr)), **self._executable.cost_analysis()}

    def memory_analysis(self) -> dict[str, int]:
        """Sizes of the program's memory in bytes, by name."""
        return self._executable.memory_analysis()

    def runtime_executable(self) -> Any:
        """The back end's own object."""
        return self._executable

    @api_boundary
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; TypeError unless types and structure are those it was compiled for."""
        leaves, tree = tree_flatten((args, kwargs))
        if tree != self.in_tree:
            raise TypeError(
                f"{self.fun_name}: a compiled function takes arguments of the structure it was"
                f" compiled for, {self.in_tree}, got {tree}; lower it again for this one")
        arrays = to_arrays("a compiled function", self._fun, args, kwargs, leaves)
        expected = self._jaxpr.in_avals[len(self._consts):]
        for i, (x, want) in enumerate(zip(arrays, expected, strict=True)):
            if not x.aval.same_type(want):
                raise TypeError(
                    f"{self.fun_name}: a compiled function takes arguments of the types it was"
                    f" compiled for, got {x.aval} in place of {want} for"
                    f" {argument_names(self._fun, args, kwargs)[i]}; lower it again for this type")
        operands = [*self._consts, *arrays]
        if trace_state_clean():
            outs = self._executable.run(operands)
            outs = [settled(Array(o, a)) for o, a in zip(outs, self.out_avals, strict=True)]
            if checking():
                check_results(self._jaxpr, operands, outs)
        else:
            params: dict[str, Any] = {"backend": self._backend} if self._backend else {}
            outs = jit_p.bind(*operands, jaxpr=self._jaxpr, name=self.fun_name, inline=False,
                              **params)
        return tree_unflatten(self.out_tree, outs)
