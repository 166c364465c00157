"""An embedded DSL: functions over machine words in Python's syntax, translated to LLVM IR.

Every value is a 64-bit word. There are assignments, if, while, for over range, return, arithmetic,
signed comparisons, `and`, `or`, `not`, calls of other such functions and of C functions
(`c.name(...)`), and the operations below. Integers of the defining module are constants.
"""

from __future__ import annotations

import ast
import ctypes
import inspect
import itertools
import textwrap
from collections.abc import Callable, Sequence
from typing import Any


# ---- operations: known to the compiler, never called --------------------------------------------
def load(address: int, offset: int = 0) -> int:
    """The word at an address."""
    raise NotImplementedError


def load_int(address: int, offset: int = 0) -> int:
    """The C int at an address."""
    raise NotImplementedError


def store(address: int, offset: int, value: int) -> None:
    """Write a word."""
    raise NotImplementedError


def store_int(address: int, offset: int, value: int) -> None:
    """Write a C int."""
    raise NotImplementedError


def stack(nbytes: int) -> int:
    """Address of fresh memory that lasts until the function returns."""
    raise NotImplementedError


def call(function: int, *args: int) -> int:
    """Call the function at an address."""
    raise NotImplementedError


def context() -> int:
    """The one global word."""
    raise NotImplementedError


def to_double(value: int) -> int:
    """Bits of the double nearest to an integer."""
    raise NotImplementedError


def from_single(bits: int) -> int:
    """Bits of the double that is a single, given by its bits."""
    raise NotImplementedError


def to_single(bits: int) -> int:
    """Bits of the single nearest to a double, given by its bits."""
    raise NotImplementedError


c: Any = None
"""C functions by name."""

_ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and",
               ast.BitOr: "or", ast.LShift: "shl", ast.RShift: "ashr"}
_COMPARISONS = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "slt", ast.LtE: "sle", ast.Gt: "sgt",
                ast.GtE: "sge"}


class NativeModule:
    """Functions compiled together, and the C functions they may call: name -> result type."""

    def __init__(self, c_functions: dict[str, str]):
        self.c_functions = c_functions
        self.functions: dict[str, Callable[..., Any]] = {}
        self.exports: list[str] = []
        self._bound: list[str] = []

    def word_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Add a function (a decorator)."""
        self.functions[function.__name__] = function
        return function

    def exported(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Add a function that Python asks for by name (a decorator)."""
        self.exports.append(function.__name__)
        return self.word_function(function)

    def bind(self, name: str, function: Callable[..., Any], first: int) -> None:
        """Export a function with its first argument fixed."""
        rest = [f"i64 %{p}" for p in list(inspect.signature(function).parameters)[1:]]
        self.exports.append(name)
        self._bound.append(
            f"define internal i64 @{name}({', '.join(rest)}) {{\n"
            f"  %out = call i64 @{function.__name__}({', '.join([f'i64 {first}', *rest])})\n"
            "  ret i64 %out\n}")

    def text(self) -> str:
        """The module. Its function `run(table)` takes the global word from the table, and leaves
        there the addresses of the exported functions."""
        declared: dict[str, str] = {}
        bodies = [_Function(self, f, declared).text() for f in self.functions.values()]
        run = ["define i64 @run(ptr %table) {", "  %word = load i64, ptr %table",
               "  store i64 %word, ptr @context"]
        for k, name in enumerate(self.exports):
            run += [f"  %place{k} = getelementptr i64, ptr %table, i64 {k}",
                    f"  store ptr @{name}, ptr %place{k}"]
        return "\n".join(["@context = internal global i64 1", *declared.values(), *bodies,
                          *self._bound, *run, "  ret i64 0", "}", ""])

    def start(self, run: int, word: int) -> dict[str, int]:
        """Call the compiled `run`: addresses of the exported functions by name."""
        table = (ctypes.c_int64 * max(len(self.exports), 1))(word)
        ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(run)(ctypes.addressof(table))
        return dict(zip(self.exports, table, strict=False))

    def symbols(self) -> list[str]:
        """C functions that the module needs."""
        return list(self.c_functions)


class _Function:
    """The translation of one function."""

    def __init__(self, library: NativeModule, function: Callable[..., Any],
                 declared: dict[str, str]):
        self.library, self.declared = library, declared
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        self.tree = tree
        self.constants = function.__globals__
        self.numbers = itertools.count()
        self.head: list[str] = []
        self.lines: list[str] = []
        self.locals: set[str] = set()

    def text(self) -> str:
        """The definition."""
        parameters = [a.arg for a in self.tree.args.args]
        for name in parameters:
            self.assign(name, f"%{name}")
        self.body(self.tree.body)
        self.lines.append("  ret i64 0")
        given = ", ".join(f"i64 %{name}" for name in parameters)
        return "\n".join([f"define internal i64 @{self.tree.name}({given}) {{", "entry:",
                          *self.head, *self.lines, "}"])

    def new(self, text: str) -> str:
        name = f"%v{next(self.numbers)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def label(self) -> str:
        return f"at{next(self.numbers)}"

    def start(self, label: str) -> None:
        """Begin a block; the one before falls through unless it has ended."""
        if not self.lines or not self.lines[-1].startswith(("  br", "  ret")):
            self.lines.append(f"  br label %{label}")
        self.lines.append(f"{label}:")

    def branch(self, condition: str, yes: str, no: str) -> None:
        flag = self.new(f"icmp ne i64 {condition}, 0")
        self.lines.append(f"  br i1 {flag}, label %{yes}, label %{no}")

    def pointer(self, address: str, offset: str = "0") -> str:
        base = self.new(f"inttoptr i64 {address} to ptr")
        return base if offset == "0" else self.new(f"getelementptr i8, ptr {base}, i64 {offset}")

    # ---- statements --------------------------------------------------------------------------
    def body(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            getattr(self, "on_" + type(statement).__name__.lower())(statement)

    def assign(self, name: str, value: str) -> None:
        if name not in self.locals:
            self.locals.add(name)
            self.head.append(f"  %local.{name} = alloca i64")
        self.lines.append(f"  store i64 {value}, ptr %local.{name}")

    def on_assign(self, node: ast.Assign) -> None:
        (target,) = node.targets
        if isinstance(target, ast.Tuple):
            assert isinstance(node.value, ast.Tuple)
            names, values = target.elts, [self.value(v) for v in node.value.elts]
        else:
            names, values = [target], [self.value(node.value)]
        for name, value in zip(names, values, strict=True):
            assert isinstance(name, ast.Name)
            self.assign(name.id, value)

    def on_augassign(self, node: ast.AugAssign) -> None:
        assert isinstance(node.target, ast.Name)
        old = ast.Name(node.target.id)
        self.assign(node.target.id, self.value(ast.BinOp(old, node.op, node.value)))

    def on_expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.value(node.value)

    def on_return(self, node: ast.Return) -> None:
        value = "0" if node.value is None else self.value(node.value)
        self.lines.append(f"  ret i64 {value}")
        self.start(self.label())  # what follows is dead

    def on_if(self, node: ast.If) -> None:
        yes, no, after = self.label(), self.label(), self.label()
        self.branch(self.value(node.test), yes, no)
        self.start(yes)
        self.body(node.body)
        self.lines.append(f"  br label %{after}")
        self.start(no)
        self.body(node.orelse)
        self.start(after)

    def on_while(self, node: ast.While) -> None:
        self.loop(lambda: self.value(node.test), lambda: self.body(node.body))

    def on_for(self, node: ast.For) -> None:
        assert isinstance(node.target, ast.Name) and isinstance(node.iter, ast.Call)
        name = node.target.id
        stop = self.value(node.iter.args[0])
        self.assign(name, "0")

        def test() -> str:
            return self.truth(f"slt i64 {self.local(name)}, {stop}")

        def body() -> None:
            self.body(node.body)
            self.assign(name, self.new(f"add i64 {self.local(name)}, 1"))

        self.loop(test, body)

    def loop(self, test: Callable[[], str], body: Callable[[], None]) -> None:
        head, inside, after = self.label(), self.label(), self.label()
        self.start(head)
        self.branch(test(), inside, after)
        self.start(inside)
        body()
        self.lines.append(f"  br label %{head}")
        self.start(after)

    # ---- expressions -------------------------------------------------------------------------
    def value(self, node: ast.expr) -> str:
        return getattr(self, "of_" + type(node).__name__.lower())(node)

    def local(self, name: str) -> str:
        return self.new(f"load i64, ptr %local.{name}")

    def of_constant(self, node: ast.Constant) -> str:
        return str(int(node.value))  # type: ignore[arg-type]

    def of_name(self, node: ast.Name) -> str:
        return self.local(node.id) if node.id in self.locals else str(int(self.constants[node.id]))

    def of_binop(self, node: ast.BinOp) -> str:
        left, right = self.value(node.left), self.value(node.right)
        return self.new(f"{_ARITHMETIC[type(node.op)]} i64 {left}, {right}")

    def of_compare(self, node: ast.Compare) -> str:
        left, right = self.value(node.left), self.value(node.comparators[0])
        return self.truth(f"{_COMPARISONS[type(node.ops[0])]} i64 {left}, {right}")

    def truth(self, comparison: str) -> str:
        """A comparison as a word."""
        return self.new(f"zext i1 {self.new('icmp ' + comparison)} to i64")

    def of_unaryop(self, node: ast.UnaryOp) -> str:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return self.truth(f"eq i64 {value}, 0")
        return self.new(f"sub i64 0, {value}")

    def of_boolop(self, node: ast.BoolOp) -> str:
        name, end = f"and.or{next(self.numbers)}", self.label()
        for operand in node.values:
            value, further = self.value(operand), self.label()
            self.assign(name, value)
            ends = (further, end) if isinstance(node.op, ast.And) else (end, further)
            self.branch(value, *ends)
            self.start(further)
        self.start(end)
        return self.local(name)

    def of_call(self, node: ast.Call) -> str:
        args = [self.value(a) for a in node.args]
        if isinstance(node.func, ast.Attribute):
            return self.c_call(node.func.attr, args)
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name in self.library.functions:
            return self.new(f"call i64 @{name}({_words(args)})")
        return getattr(self, "op_" + name)(*args)

    def c_call(self, name: str, args: Sequence[str]) -> str:
        kind = self.library.c_functions[name]
        types = ", ".join("i64" for _ in args)
        self.declared[name] = f"declare {kind} @{name}({types})"
        if kind == "void":
            self.lines.append(f"  call void @{name}({_words(args)})")
            return "0"
        out = self.new(f"call {kind} @{name}({_words(args)})")
        return out if kind == "i64" else self.new(f"sext {kind} {out} to i64")

    # ---- operations --------------------------------------------------------------------------
    def op_load(self, address: str, offset: str = "0") -> str:
        return self.new(f"load i64, ptr {self.pointer(address, offset)}")

    def op_load_int(self, address: str, offset: str = "0") -> str:
        value = self.new(f"load i32, ptr {self.pointer(address, offset)}")
        return self.new(f"sext i32 {value} to i64")

    def op_store(self, address: str, offset: str, value: str) -> str:
        self.lines.append(f"  store i64 {value}, ptr {self.pointer(address, offset)}")
        return "0"

    def op_store_int(self, address: str, offset: str, value: str) -> str:
        low = self.new(f"trunc i64 {value} to i32")
        self.lines.append(f"  store i32 {low}, ptr {self.pointer(address, offset)}")
        return "0"

    def op_stack(self, nbytes: str) -> str:
        return self.new(f"ptrtoint ptr {self.new(f'alloca i8, i64 {nbytes}, align 16')} to i64")

    def op_call(self, function: str, *args: str) -> str:
        return self.new(f"call i64 {self.pointer(function)}({_words(args)})")

    def op_context(self) -> str:
        return self.new("load i64, ptr @context")

    def op_to_double(self, value: str) -> str:
        return self.new(f"bitcast double {self.new(f'sitofp i64 {value} to double')} to i64")

    def op_from_single(self, bits: str) -> str:
        single = self.new(f"bitcast i32 {self.new(f'trunc i64 {bits} to i32')} to float")
        return self.new(f"bitcast double {self.new(f'fpext float {single} to double')} to i64")

    def op_to_single(self, bits: str) -> str:
        double = self.new(f"bitcast i64 {bits} to double")
        single = self.new(f"fptrunc double {double} to float")
        return self.new(f"zext i32 {self.new(f'bitcast float {single} to i32')} to i64")


def _words(args: Sequence[str]) -> str:
    return ", ".join(f"i64 {a}" for a in args)
