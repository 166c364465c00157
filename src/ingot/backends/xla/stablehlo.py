"""Programs in StableHLO as text: a module, its functions, and the builder that appends operations.

Operations are written in MLIR's generic form, which is the same for all of them:
`%3 = "stablehlo.add"(%1, %2) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ingot import dtypes
from ingot.backends.xla.types import Shape, dense, i64_array, tensor
from ingot.core.symbolic import evaluate, is_symbolic, max_dim

TOKEN = "!stablehlo.token"  # noqa: S105 (a type)
PLATFORM = "_platform_index"  # the variable that numbers the platform
LENGTH = np.dtype(np.int32)
"""The dtype of lengths that are known when a program is compiled."""


class Value(NamedTuple):
    """An array in the program: its name, and its type on the device."""

    name: str
    shape: Shape
    dtype: np.dtype

    @property
    def type(self) -> str:
        """The type as text."""
        return tensor(self.shape, self.dtype)


class Token(NamedTuple):
    """What orders side effects: an operation that takes a token runs after the one that made it."""

    name: str
    type: str = TOKEN


Type = tuple[Shape, np.dtype]


class Module:
    """A program: functions, each written once however often it is called, and what they call."""

    def __init__(self, name: str, platform: str, variables: Sequence[str] = ()):
        self.name, self.platform, self.variables = name, platform, tuple(variables)
        self.attributes = ""  # of the module
        self.platforms: tuple[str, ...] = (platform,)  # among which programs choose
        self.for_export = False  # whether it is written to be called by others
        self.calls_lapack = False
        self.located = False  # whether operations know the user's lines that they come from
        self.refined = False  # whether lengths are to be inferred before it is compiled
        self.functions: list[str] = []
        self.header: list[str] = []
        self.callbacks: list[Any] = []
        self.raised: list[BaseException] = []  # by callbacks, while the program runs
        self._names: dict[Any, Any] = {}
        self._count = 0

    def fresh(self) -> int:
        """Return a number that no name has yet."""
        self._count += 1
        return self._count

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what `make` returned when it was called for this key for the first time."""
        if key not in self._names:
            self._names[key] = make()
        return self._names[key]

    def function(self, name: str, inputs: Sequence[str], body: Callable[..., Sequence[Any]],
                 *, public: bool = False, attributes: Sequence[str] = (),
                 results: Sequence[str] = (), symbol: str = "", visibility: str = ""
                 ) -> tuple[str, list[str]]:
        """Write a function; return its name and the types of its results.

        inputs: types. body(builder, *names) returns the results. attributes, results: what is
        noted at arguments and results. All but a public one take the variables of the module first.
        symbol, visibility: where another one is wanted.
        """
        symbol = symbol or (name if public else f"{_identifier(name)}_{self.fresh()}")
        builder = Builder(self)
        # The main function computes lengths, or takes the number of the platform alone.
        known = () if public else self.variables
        names = [f"%arg{k}" for k in range(len(known) + len(inputs))]
        builder.lengths = {v: Value(n, (), LENGTH) for v, n in zip(known, names, strict=False)}
        inputs = [tensor((), LENGTH)] * len(known) + list(inputs)
        if known:
            given = [f'{{jax.global_constant = "{v}"}}' for v in known]
            attributes = [*given, *(attributes or [""] * (len(inputs) - len(known)))]
        outs = body(builder, *names[len(known):])
        types = [o.type for o in outs]
        given, noted = attributes or [""] * len(inputs), results or [""] * len(outs)
        head = ", ".join(f"{n}: {t}{note and f' {note}'}"
                         for n, t, note in zip(names, inputs, given, strict=True))
        tail = ", ".join(f"{t}{note and f' {note}'}" for t, note in zip(types, noted, strict=True))
        kind = visibility or ("public" if public else "private")
        returned = f" {', '.join(o.name for o in outs)} : {', '.join(types)}" if outs else ""
        self.functions.append("\n".join([
            f"  func.func {kind} @{symbol}({head}) -> ({tail}) {{", *builder.lines,
            f"    func.return{returned}", "  }"]))
        return symbol, types

    def text(self) -> str:
        """Return the module as text."""
        noted = f" attributes {{{self.attributes}}}" if self.attributes else ""
        return "\n".join([f"module @{_identifier(self.name)}{noted} {{", *self.header,
                          *self.functions, "}", ""])


def _identifier(name: str) -> str:
    text = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)
    return text if text[:1].isalpha() else f"f_{text}"


class Builder:
    """Appends operations to a function or to a region of it."""

    def __init__(self, module: Module, depth: int = 2):
        self.module = module
        self.lines: list[str] = []
        self.token: Token | None = None  # of the last ordered side effect
        self.manual: Any = None  # inside a program of parts, which devices run it
        self.avals: list[Any] = []  # types of the arguments of the equation that is lowered
        self.equation: tuple[Any, Any] = (None, None)  # that is lowered, behind its program
        self.location = ""  # of the user's line, behind operations
        self.lengths: dict[Any, Value] = {}  # of dimension variables, and of what was computed
        self._indent = "  " * depth
        self._depth = depth

    # ---- any operation ---------------------------------------------------------------------------
    def raw(self, name: str, operands: Sequence[Any], types: Sequence[str], attributes: str = "",
            regions: Sequence[str] = ()) -> list[str]:
        """Append an operation with results of these types; return their names."""
        result = f"%{self.module.fresh()}"
        names = ([result] if len(types) == 1 else
                 [f"{result}#{k}" for k in range(len(types))])
        left = f"{result} = " if len(types) == 1 else f"{result}:{len(types)} = " if types else ""
        inside = f" ({', '.join(regions)})" if regions else ""
        noted = f" {{{attributes}}}" if attributes else ""
        arguments = ", ".join([x.name for x in operands])
        self.lines.append(
            f'{self._indent}{left}"{name}"({arguments}){inside}{noted} :'
            f" ({', '.join([x.type for x in operands])}) -> ({', '.join(types)})"
            f"{self.location}")
        return names

    def ops(self, name: str, operands: Sequence[Any], types: Sequence[Type], attributes: str = "",
            regions: Sequence[str] = ()) -> list[Value]:
        """Append an operation with several results."""
        names = self.raw(name, operands, [tensor(*t) for t in types], attributes, regions)
        return [Value(n, *t) for n, t in zip(names, types, strict=True)]

    def op(self, name: str, operands: Sequence[Any], shape: Shape, dtype: np.dtype,
           attributes: str = "", regions: Sequence[str] = ()) -> Value:
        """Append an operation with one result."""
        (out,) = self.ops(name, operands, [(shape, dtype)], attributes, regions)
        return out

    def region(self, types: Sequence[Any], body: Callable[..., Sequence[Any]],
               returns: str = "stablehlo.return") -> str:
        """Return a region: body(builder, *arguments) -> results; types as of values or as text."""
        inner = Builder(self.module, self._depth + 1)
        inner.lengths = dict(self.lengths)
        inner.manual, inner.location = self.manual, self.location
        arguments: list[Any] = []
        for t in types:
            name = f"%a{self.module.fresh()}"
            arguments.append(Token(name, t) if isinstance(t, str) else Value(name, *t))
        outs = body(inner, *arguments)
        head = ", ".join(f"{a.name}: {a.type}" for a in arguments)
        inner.raw(returns, outs, [])
        block = f"{self._indent}^bb0({head}):\n" if types else ""
        lines = "\n".join(inner.lines)
        return f"{{\n{block}{lines}\n{self._indent}}}"

    def call(self, function: tuple[str, list[str]], operands: Sequence[Any]) -> list[str]:
        """Call a function of the module; return the names of the results."""
        symbol, types = function
        known = [self.lengths[v] for v in self.module.variables]
        return self.raw("func.call", [*known, *operands], types, f"callee = @{symbol}")

    def ordering_token(self) -> Token:
        """Return the token of the last ordered side effect, a new one if there was none."""
        if self.token is None:
            self.token = Token(self.raw("stablehlo.create_token", [], [TOKEN])[0])
        return self.token

    # ---- lengths ---------------------------------------------------------------------------------
    def length(self, n: Any) -> Value:
        """Append a length as an integer of 32 bits."""
        if n not in self.lengths:
            self.lengths[n] = self.full((), n, LENGTH) if not is_symbolic(n) else evaluate(
                n, {v: _Length(self, x) for v, x in self.lengths.items() if isinstance(v, str)},
                operations=_OPERATIONS).value
        return self.lengths[n]

    def vector(self, shape: Sequence[Any]) -> Value:
        """Append lengths as a vector."""
        if not any(map(is_symbolic, shape)):
            return self.constant(np.array(shape, LENGTH))
        return self.concatenate([self.reshape(self.length(n), (1,)) for n in shape], 0)

    # ---- what rules are made of ------------------------------------------------------------------
    def constant(self, x: np.ndarray) -> Value:
        """Append a constant array."""
        return self.op("stablehlo.constant", [], x.shape, x.dtype,
                       f"value = {dense(x)} : {tensor(x.shape, x.dtype)}")

    def full(self, shape: Shape, value: Any, dtype: Any) -> Value:
        """Append an array of equal elements."""
        if any(map(is_symbolic, shape)):
            return self.broadcast(self.full((), value, dtype), shape)
        element = np.asarray(value).astype(dtype)
        return self.op("stablehlo.constant", [], shape, element.dtype,
                       f"value = {dense(element) if _size(shape) else 'dense<>'} :"
                       f" {tensor(shape, element.dtype)}")

    def full_like(self, x: Value, value: Any) -> Value:
        """Append an array of equal elements of the type of another."""
        return self.full(x.shape, value, x.dtype)

    def same(self, name: str, *operands: Value, attributes: str = "") -> Value:
        """Append an operation whose result has the type of its first operand."""
        x = operands[0]
        return self.op(name if "." in name else f"stablehlo.{name}", operands, x.shape, x.dtype,
                       attributes)

    def compare(self, direction: str, x: Value, y: Value, total: bool = False) -> Value:
        """Append a comparison: EQ, NE, LT, LE, GT, GE."""
        kind = {"f": "TOTALORDER" if total else "FLOAT", "c": "FLOAT", "i": "SIGNED"}.get(
            dtypes.kind(x.dtype), "UNSIGNED")
        return self.op("stablehlo.compare", [x, y], x.shape, dtypes.bool_,
                       f"comparison_direction = #stablehlo<comparison_direction {direction}>,"
                       f" compare_type = #stablehlo<comparison_type {kind}>")

    def select(self, which: Value, on_true: Value, on_false: Value) -> Value:
        """Append a choice, element by element or by a scalar."""
        return self.op("stablehlo.select", [which, on_true, on_false], on_true.shape,
                       on_true.dtype)

    def convert(self, x: Value, dtype: np.dtype) -> Value:
        """Append a conversion, unless the dtype is the same."""
        return x if x.dtype == dtype else self.op("stablehlo.convert", [x], x.shape, dtype)

    def bitcast(self, x: Value, shape: Shape, dtype: np.dtype) -> Value:
        """Append the bits of an array read as another dtype."""
        return self.op("stablehlo.bitcast_convert", [x], shape, dtype)

    def reshape(self, x: Value, shape: Shape) -> Value:
        """Append a reshape, unless the shape is the same."""
        if any(map(is_symbolic, shape)) and x.shape != shape:
            return self.op("stablehlo.dynamic_reshape", [x, self.vector(shape)], shape, x.dtype)
        return x if x.shape == shape else self.op("stablehlo.reshape", [x], shape, x.dtype)

    def broadcast(self, x: Value, shape: Shape, axes: Sequence[int] = ()) -> Value:
        """Append an array whose axes `axes` are those of `x`, which is repeated along the others.
        """
        if x.shape == shape:
            return x
        if any(map(is_symbolic, shape)):
            return self.op("stablehlo.dynamic_broadcast_in_dim", [x, self.vector(shape)], shape,
                           x.dtype, f"broadcast_dimensions = {i64_array(axes)}")
        return self.op("stablehlo.broadcast_in_dim", [x], shape, x.dtype,
                       f"broadcast_dimensions = {i64_array(axes)}")

    def transpose(self, x: Value, order: Sequence[int]) -> Value:
        """Append a transposition, unless the order is that of the axes."""
        if list(order) == list(range(len(x.shape))):
            return x
        return self.op("stablehlo.transpose", [x], tuple(x.shape[a] for a in order), x.dtype,
                       f"permutation = {i64_array(order)}")

    def slice(self, x: Value, starts: Sequence[int], limits: Sequence[int],
              strides: Sequence[int] | None = None) -> Value:
        """Append a slice at places known beforehand."""
        steps = strides or (1,) * len(x.shape)
        shape = tuple(max_dim(0, -(-(b - a) // s)) for a, b, s in zip(
            starts, limits, steps, strict=True))
        if shape == x.shape:
            return x
        if any(map(is_symbolic, (*starts, *limits, *steps))):
            return self.op("stablehlo.real_dynamic_slice", [x, *map(self.vector, (
                starts, limits, steps))], shape, x.dtype)
        return self.op("stablehlo.slice", [x], shape, x.dtype,
                       f"start_indices = {i64_array(starts)}, limit_indices = {i64_array(limits)},"
                       f" strides = {i64_array(steps)}")

    def slice_axis(self, x: Value, axis: int, start: int, limit: int) -> Value:
        """Append a slice along one axis."""
        starts, limits = [0] * len(x.shape), list(x.shape)
        starts[axis], limits[axis] = start, limit
        return self.slice(x, starts, limits)

    def concatenate(self, xs: Sequence[Value], axis: int) -> Value:
        """Append arrays joined along an axis."""
        first = xs[0]
        if len(xs) == 1:
            return first
        shape = (*first.shape[:axis], sum(x.shape[axis] for x in xs), *first.shape[axis + 1:])
        return self.op("stablehlo.concatenate", xs, shape, first.dtype,
                       f"dimension = {axis} : i64")

    def pad(self, x: Value, value: Value, low: Sequence[int], high: Sequence[int],
            interior: Sequence[int]) -> Value:
        """Append an array with padding around and between its elements."""
        shape = tuple(n + a + b + max_dim(n - 1, 0) * i for n, a, b, i in zip(
            x.shape, low, high, interior, strict=True))
        if any(map(is_symbolic, (*low, *high, *interior))):
            return self.op("stablehlo.dynamic_pad", [x, value, *map(self.vector, (
                low, high, interior))], shape, x.dtype)
        return self.op("stablehlo.pad", [x, value], shape, x.dtype,
                       f"edge_padding_low = {i64_array(low)}, edge_padding_high ="
                       f" {i64_array(high)}, interior_padding = {i64_array(interior)}")

    def iota(self, shape: Shape, dtype: np.dtype, axis: int) -> Value:
        """Append the places along an axis."""
        if any(map(is_symbolic, shape)):
            return self.op("stablehlo.dynamic_iota", [self.vector(shape)], shape, dtype,
                           f"iota_dimension = {axis} : i64")
        return self.op("stablehlo.iota", [], shape, dtype, f"iota_dimension = {axis} : i64")

    def reduce(self, xs: Sequence[Value], inits: Sequence[Value], axes: Sequence[int],
               body: Callable[..., Sequence[Value]]) -> list[Value]:
        """Append a reduction of several arrays together; body(builder, *scalars) -> scalars."""
        shape = tuple(n for a, n in enumerate(xs[0].shape) if a not in axes)
        scalars: list[Type] = [((), x.dtype) for x in xs]
        return self.ops("stablehlo.reduce", [*xs, *inits], [(shape, x.dtype) for x in xs],
                        f"dimensions = {i64_array(axes)}", [self.region(scalars * 2, body)])

    def reduce_by(self, name: str, x: Value, init: Any, axes: Sequence[int]) -> Value:
        """Append a reduction by an operation of two scalars: `add`, `maximum`, `and`."""
        (out,) = self.reduce([x], [self.full((), init, x.dtype)], axes,
                             lambda b, p, q: [b.same(name, p, q)])
        return out

    def when(self, condition: Value, types: Sequence[Any], on_true: Callable[..., Any],
             on_false: Callable[..., Any]) -> list[str]:
        """Append a choice between two computations; return the names of the results."""
        return self.raw("stablehlo.if", [condition], types,
                        regions=[self.region([], on_true), self.region([], on_false)])


class _Length:
    """A length in the program, with the arithmetic of integers."""

    def __init__(self, b: Builder, value: Value):
        self.b, self.value = b, value

    def _with(self, name: str, other: Any) -> _Length:
        y = other.value if isinstance(other, _Length) else self.b.full((), other, LENGTH)
        return _Length(self.b, self.b.same(name, self.value, y))

    def __add__(self, other: Any) -> _Length:
        return self._with("add", other)

    def __mul__(self, other: Any) -> _Length:
        return self._with("multiply", other)

    __radd__, __rmul__ = __add__, __mul__

    def divided(self, other: Any) -> tuple[_Length, _Length]:
        """Return quotient and remainder, rounded down as Python does."""
        b = self.b
        y = other if isinstance(other, _Length) else _Length(b, b.full((), other, LENGTH))
        quotient, rest = self._with("divide", y), self._with("remainder", y)
        zero = b.full((), 0, LENGTH)
        # Of what refinement evaluates; exclusive or is not among it.
        signs = b.compare("NE", b.compare("LT", rest.value, zero), b.compare("LT", y.value, zero))
        down = b.same("and", b.compare("NE", rest.value, zero), signs)
        return (_Length(b, b.select(down, (quotient + -1).value, quotient.value)),
                _Length(b, b.select(down, (rest + y).value, rest.value)))

    def extreme(self, other: Any, name: str) -> _Length:
        """Return the larger or smaller of two."""
        return self._with(name, other)


def _lifted(x: Any, y: Any) -> tuple[_Length, Any]:
    """The first operand as a length; one of both is."""
    return (x, y) if isinstance(x, _Length) else (_Length(y.b, y.b.full((), x, LENGTH)), y)


def _apply(name: str) -> Callable[[Any, Any], Any]:
    def apply(x: Any, y: Any) -> Any:
        if not isinstance(x, _Length) and not isinstance(y, _Length):
            return {"floordiv": x // y, "mod": x % y, "max": max(x, y), "min": min(x, y)}[name]
        x, y = _lifted(x, y)
        if name in ("floordiv", "mod"):
            return x.divided(y)[name == "mod"]
        return x.extreme(y, f"{name}imum")

    return apply


_OPERATIONS = {name: _apply(name) for name in ("floordiv", "mod", "max", "min")}


def _size(shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64))
