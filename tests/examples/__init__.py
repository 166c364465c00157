"""The one table of examples: `tests/examples/<family>.py` holds rows, every law runs on every row.

A row is an operation on small arrays (2 to 4 elements an axis, generic values, float64 where the
operation takes floats). Rows are kept in a module's lists `EXAMPLES` and `BAD`:

    EXAMPLES = [
        *elementwise(ops.sin, normal(3, 2), ref=mp(mpmath.sin), accepts="fc"),
        Example(ops.reduce_max, (normal(3, 4),), dict(axes=(1,)), ref=lambda x, axes: x.max(axes)),
        Example(ops.max, (ties, ties), diff=(), ref=np.maximum),            # a kink: values only
        Example(lambda *xs: ops.concatenate(xs, 0), (X, Y), name="concatenate"),
    ]
    BAD = [Bad(ops.add, (normal(3), normal(4)), error=r"add: shapes must match, got f64\\[3\\]")]
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingot import dtypes


@dataclass(frozen=True)
class Example:
    """`op(*args, **params)`: what every law is tried on.

    op       public function of an ops module (or any function of arrays; then say `name`)
    args     NumPy arrays; integer and boolean arrays carry no derivative
    ref      independent value: ref(*numpy arrays, **params) -> array or list (NumPy, SciPy, mpmath)
    ulps     of the result's dtype that value and jit may differ by; 0 for integers and movement
    accepts  kinds ("biufc"; F: float32 and float64 alone) that the dtype of args[0] (and of all
             arguments of that dtype) may be changed to; every other kind must be refused.
             None: not tried
    diff     arguments to differentiate; None: all inexact ones; (): none (ties, kinks, edges)
    maps     arguments that vmap may map; None: all
    jax      function of jax.lax for `oracle/`: None: the one of the same name; False: there is none
    tol      of the derivative against differences
    once     whether derivatives of its derivatives are refused
    runs     primitives that the row exercises although transformations replace them
    """

    op: Callable[..., Any]
    args: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)
    ref: Callable[..., Any] | None = None
    ulps: float = 4
    accepts: str | None = None
    diff: tuple[int, ...] | None = None
    maps: tuple[int, ...] | None = None
    jax: Any = None
    tol: float = 1e-8
    once: bool = False
    runs: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "args", tuple(np.asarray(x) for x in self.args))
        if not self.name:
            object.__setattr__(self, "name", getattr(self.op, "__name__", str(self.op)))

    def fun(self, *args: Any) -> list[Any]:
        """The operation on its arrays alone, with a flat list of results."""
        out = self.op(*args, **self.params)
        return list(out) if isinstance(out, (list, tuple)) else [out]

    @property
    def differentiable(self) -> tuple[int, ...]:
        """Numbers of the arguments that have derivatives."""
        if self.diff is not None:
            return self.diff
        return tuple(i for i, x in enumerate(self.args) if dtypes.kind(x.dtype) in "fc")

    @property
    def mapped(self) -> tuple[int, ...]:
        """Numbers of the arguments that vmap may map."""
        return tuple(range(len(self.args))) if self.maps is None else self.maps


@dataclass(frozen=True)
class Bad:
    """`op(*args, **params)` raises `kind` with a text that matches `error`."""

    op: Callable[..., Any]
    args: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    kind: type[Exception] | tuple[type[Exception], ...] = (TypeError, ValueError)
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", getattr(self.op, "__name__", str(self.op)))


# ---- values --------------------------------------------------------------------------------------
EDGES = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e300, 1e-300, 3.0])
INT_EDGES = np.array([0, 1, -1, 2, 7, -7, np.iinfo(np.int64).max, np.iinfo(np.int64).min])


def _rng(shape: Sequence[int], seed: int) -> np.random.Generator:
    return np.random.default_rng([len(shape), *shape, seed])


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal float64 values, always the same for a shape and seed."""
    return np.asarray(_rng(shape, seed).normal(size=shape))


def between(lo: float, hi: float, *shape: int, seed: int = 0) -> np.ndarray:
    """Uniform float64 values."""
    return np.asarray(_rng(shape, seed).uniform(lo, hi, size=shape))


def complex_normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Complex128 values with standard normal parts."""
    return normal(*shape, seed=seed) + 1j * normal(*shape, seed=seed + 100)


def integers(lo: int, hi: int, *shape: int, seed: int = 0, dtype: Any = np.int64) -> np.ndarray:
    """Integers in [lo, hi)."""
    return np.asarray(_rng(shape, seed).integers(lo, hi, size=shape, dtype=np.int64)).astype(dtype)


def booleans(*shape: int, seed: int = 0) -> np.ndarray:
    """Random truth values."""
    return normal(*shape, seed=seed) > 0


def distinct(*shape: int, seed: int = 0) -> np.ndarray:
    """Float64 values without ties, at least 0.1 apart: for sorts, maxima and medians."""
    n = int(np.prod(shape))
    return (_rng(shape, seed).permutation(n) * 0.37 - 0.15 * n).reshape(shape) + 0.05


# ---- makers of rows ------------------------------------------------------------------------------
def elementwise(op: Callable[..., Any], *args: Any, ref: Callable[..., Any] | None = None,
                accepts: str | None = None, edges: bool = True, **more: Any) -> list[Example]:
    """Rows of an elementwise operation: the arguments given, nan, inf and -0, 0-d and empty.

    `accepts` is "fc" where nothing is said and the first argument is a float or complex.
    """
    args = tuple(np.asarray(x) for x in args)
    if accepts is None and args[0].dtype.kind in "fc":
        accepts = "fc"
    rows = [Example(op, args, ref=ref, accepts=accepts, **more)]
    values = EDGES if args[0].dtype.kind == "f" else INT_EDGES
    if edges and args[0].dtype.kind in "fi":
        grid = [np.ascontiguousarray(g.reshape(-1)) for g in np.meshgrid(*[values] * len(args))]
        rows.append(Example(op, tuple(g.astype(x.dtype) for g, x in zip(grid, args, strict=True)),
                            ref=ref, **{**more, "diff": (), "maps": ()}))
    rows.append(Example(op, tuple(x.reshape(-1)[0] for x in args), ref=ref, **more))
    rows.append(Example(op, tuple(x.reshape(-1)[:0].reshape(0, 3) for x in args), ref=ref, **more))
    return rows


def mp(fun: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """An elementwise reference from a function of mpmath; nan and inf fall back on its limits."""
    import mpmath

    def number(x: Any) -> Any:
        return mpmath.mpc(complex(x)) if isinstance(x, (complex, np.complexfloating)) else (
            mpmath.mpf(float(x)))

    def one(*xs: Any) -> Any:
        with mpmath.workdps(40):
            out = fun(*map(number, xs))
        return complex(out) if any(isinstance(x, np.complexfloating) for x in xs) else float(out)

    def ref(*xs: np.ndarray) -> np.ndarray:
        flat = [one(*vs) for vs in zip(*(x.reshape(-1) for x in xs), strict=True)]
        return np.array(flat, xs[0].dtype).reshape(xs[0].shape)

    return ref


def table() -> tuple[list[Example], list[Bad]]:
    """All rows of all modules of this package."""
    examples: list[Example] = []
    bad: list[Bad] = []
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        examples += getattr(module, "EXAMPLES", [])
        bad += getattr(module, "BAD", [])
    return examples, bad


def identifiers(rows: Sequence[Any]) -> list[str]:
    """A name for each row, numbered within an operation."""
    seen: dict[str, int] = {}
    names = []
    for row in rows:
        seen[row.name] = seen.get(row.name, -1) + 1
        names.append(f"{row.name}-{seen[row.name]}")
    return names


FIRST_ROWS = 2


def is_further(name: str) -> bool:
    """Whether a row has others of its operation before it that stand for it in costly tests."""
    return int(name.rpartition("-")[2]) >= FIRST_ROWS
