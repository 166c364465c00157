"""`jax.experimental.pallas`: kernels for accelerators can be described here, not run.

Packages import it beside code that does without. What describes a kernel is kept as it was given;
what would run one, or is used inside of one, raises NotImplementedError.
"""

from __future__ import annotations

from typing import Any

_WHY = ("kernels for accelerators are not compiled here; write array programs, which are compiled"
        " whole")


class Description:
    """A part of a kernel's description: it holds what it was given."""

    def __init__(self, *args: Any, **kwargs: Any):
        self.args = args
        self.__dict__.update(kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.args))})"


class BlockSpec(Description):
    """Which block of an array an instance of a kernel sees."""


class GridSpec(Description):
    """The grid of instances of a kernel, with the blocks that they see."""


class CostEstimate(Description):
    """How much work a kernel does."""


class CompilerParams(Description):
    """What a kernel's compiler is told."""


TPUCompilerParams = TritonCompilerParams = GPUCompilerParams = CompilerParams
PrefetchScalarGridSpec = GridSpec


class MemorySpace(Description):
    """Where a kernel's array is."""


class Unavailable:
    """A function of Pallas: every use is an error that says why."""

    def __init__(self, name: str):
        self.__name__ = self.__qualname__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"pallas.{self.__name__}: {_WHY}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unavailable(f"{self.__name__}.{name}")

    def __repr__(self) -> str:
        return f"<pallas.{self.__name__}, unavailable>"


def cdiv(a: int, b: int) -> int:
    """The quotient, rounded up."""
    return -(-a // b)


def __getattr__(name: str) -> Any:
    if name.startswith(("__", "pytest")):  # pytest asks modules for its own names
        raise AttributeError(name)
    return Unavailable(name)
