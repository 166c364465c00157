"""Kernel IR to LLVM's text: structured loops and branches become blocks and phis.

The program is one function `i32 run(ptr arguments, ptr results, ptr constants, ptr arena,
i64 context)`: two Python tuples of NumPy arrays (tables of pointers in the portable mode), a table
of pointers, temporary memory, and the number by which host calls name the program. It returns 1
when a host call failed, 2 when a signal handler raised, 3 when an argument is not contiguous. It is
called with Python's lock held, and lets it go if the work is long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ingot.backends.llvm import calls, checks, extern_calls, host_calls, nontemporal_copy
from ingot.backends.llvm.aliasing import Scopes
from ingot.backends.llvm.argument_unpacking import check_layouts, data_of_array, data_of_constant
from ingot.backends.llvm.functions.slow_path import VARIANT
from ingot.backends.llvm.loops import LoopMarks
from ingot.backends.llvm.outline import emit_parallel_for
from ingot.backends.llvm.scalar import (
    ScalarEmitter,
    is_narrow,
    literal,
    llvm_type,
    memory_type,
)
from ingot.backends.llvm.slp import CallBundle, pack_math_calls
from ingot.compiler.passes import is_on
from ingot.kernel import ir
from ingot.kernel.visit import contains

MOST_INLINED = 256
"""Elementary functions in the body of a loop that LLVM may inline: for more it takes long, and the
time of the calls matters less."""

LONGEST = 2000
"""Lines of a basic block. LLVM's instruction selection takes longer than in proportion to it."""

def few_functions(*blocks: ir.Block) -> bool:
    """Whether the elementary functions in a loop are so few that LLVM may inline them."""
    return sum([type(x) is ir.Value and x.op in ir.TRANSCENDENTAL
                for block in blocks for x in block.nodes]) <= MOST_INLINED


def branch_weights(branches: Sequence[ir.Block]) -> str:
    """Metadata by which branches that call Python are rare, if others do not: what is computed in
    a loop stays in registers where nothing is called."""
    rare = [contains(b, ir.PythonCall) for b in branches]
    if all(rare) or not any(rare):
        return ""
    weights = [1 if r else 1000 for r in (rare[-1], *rare[:-1])]  # the default first
    return f', !prof !{{!"branch_weights", {", ".join(f"i32 {w}" for w in weights)}}}'


class Emitter:
    """Writes one function."""

    def __init__(self, function: ir.Function, long: bool, checked: bool, optimized: bool):
        self.function, self.long, self.checked = function, long, checked
        self.optimized = optimized
        self.lines: list[str] = []
        self.head: list[str] = []
        self.declarations: dict[str, str] = {}
        self.count = 0
        self.label, self.begun = "entry", 0
        self.scalar = ScalarEmitter(self.new, self.declarations)
        self.scopes = Scopes(function)
        self.may_fail = self.may_stop = False
        self.own: set[ir.Memory] | None = None  # in a divided loop: temporaries of each thread
        self.stop = False  # whether there is a word by which others say that one should stop
        self.functions: list[str] = []
        self.called: dict[ir.Function, calls.EmittedFunction] = {}
        self.groups: tuple[str, ...] = ()  # of the loops around whose iterations are apart
        self.access = ""  # what says so of loads and stores
        self.marks = LoopMarks()
        self.uses_blas = self.copies_nontemporally = False

    # ---- writing -----------------------------------------------------------------------------
    def fresh(self, prefix: str = "v") -> str:
        self.count += 1
        return f"%{prefix}{self.count}"

    def new(self, text: str) -> str:
        """Append an instruction with a result."""
        self.count += 1
        name = f"%v{self.count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Append an instruction without a result."""
        self.lines.append("  " + text)

    def declare(self, name: str, text: str) -> None:
        self.declarations[name] = text

    def leave_if(self, condition: str, label: str) -> None:
        """Go to one of the exits if a condition holds, else on."""
        after = self.new_label("on")
        self.do(f"br i1 {condition}, label %{label}, label %{after}")
        self.start(after)

    def start(self, label: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{label}:")
        self.label, self.begun = label, len(self.lines)

    def new_label(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    # ---- names -------------------------------------------------------------------------------
    def name(self, x: Any) -> str:
        """A scalar or static index as an operand."""
        if isinstance(x, int):
            return str(x)
        if x.op == "const":
            return literal(x.attr, x.dtype)
        return x.name

    def pointer(self, memory: ir.Memory) -> str:
        if memory.name is None:
            if memory.kind != "temporary":
                raise ValueError(f"memory of kind {memory.kind} has no pointer")
            memory.name = f"%t{memory.offset}_{self.count}"
            self.count += 1
            arena = "%arena" if self.own is None or memory in self.own else "%shared"
            self.head.append(f"  {memory.name} = getelementptr i8, ptr {arena},"
                             f" i64 {memory.offset}")
        return memory.name

    def address(self, memory: ir.Memory, index: Any, dtype: np.dtype) -> str:
        """Pointer to element `index`, counted in elements of the given dtype."""
        base = self.pointer(memory)
        if isinstance(index, int) and index == 0:
            return base
        return self.new(f"getelementptr inbounds {memory_type(dtype)}, ptr {base},"
                        f" i64 {self.name(index)}")

    # ---- nodes -------------------------------------------------------------------------------
    def block(self, block: ir.Block) -> None:
        vectorizes = self.scalar.hashes != "called"
        packs = self.optimized and not vectorizes and is_on("pack-math-calls")
        for node in pack_math_calls(block.nodes) if packs else block.nodes:
            if type(node) is ir.Value:
                self.instruction(node)
            elif type(node) is CallBundle:
                self.together(node)
            else:
                getattr(self, "node_" + type(node).__name__.lower())(node)
            if not vectorizes and len(self.lines) > self.begun + LONGEST:
                following = self.new_label("then")
                self.do(f"br label %{following}")
                self.start(following)

    def instruction(self, node: ir.Value) -> None:
        if node.op == "load":
            place = self.address(*node.args, dtype=node.dtype)
            kind = memory_type(node.dtype)
            value = self.new(
                f"load {kind}, ptr {place}{self.scopes.mark(node.args[0])}{self.access}")
            if node.dtype.kind == "b":
                value = self.new(f"trunc i8 {value} to i1")
            elif is_narrow(node.dtype):
                value = self.scalar.from_bits(value, node.dtype)
            node.name = value
        elif node.op == "external":
            node.name = self.external(node)
        else:
            node.name = self.scalar.operation(node, [a.name or self.name(a) for a in node.args])

    def together(self, node: CallBundle) -> None:
        """One call for several scalars."""
        args = [[self.name(a) for a in call.args] for call in node.calls]
        op, kind = node.calls[0].op, llvm_type(node.calls[0].dtype)
        outs = self.scalar.together(op, kind, node.lanes, args)
        for call, out in zip(node.calls, outs, strict=True):
            call.name = out

    def external(self, node: ir.Value) -> str:
        args = [self.scalar.convert(self.name(a), a.dtype, np.dtype(np.float64))
                for a in node.args]
        out = self.scalar.external(node.attr, args, "double")
        return self.scalar.convert(out, np.dtype(np.float64), node.dtype)

    def node_store(self, node: ir.Store) -> None:
        value, dtype = self.name(node.value), node.value.dtype
        place = self.address(node.memory, node.index, dtype)
        if dtype.kind == "b":
            value = self.new(f"zext i1 {value} to i8")
        elif is_narrow(dtype):
            value = self.scalar.to_bits(value, dtype)
        self.do(f"store {memory_type(dtype)} {value}, ptr {place}{self.scopes.mark(node.memory)}"
                + self.access)

    def node_copy(self, node: ir.Copy) -> None:
        target = self.address_of_item(node.target, node.target_index, node.dtype)
        source = self.address_of_item(node.source, node.source_index, node.dtype)
        if node.streamed:
            self.copies_nontemporally = True
            self.do(f"call void @{nontemporal_copy.STREAM}(ptr {target}, ptr {source},"
                    f" i64 {node.nbytes})")
            return
        self.declare("llvm.memmove.p0.p0.i64",
                     "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)")
        self.do(f"call void @llvm.memmove.p0.p0.i64(ptr {target}, ptr {source},"
                f" i64 {node.nbytes}, i1 false)")

    def address_of_item(self, memory: ir.Memory, index: Any, dtype: np.dtype) -> str:
        """Pointer to element `index` of any dtype, complex ones included."""
        base = self.pointer(memory)
        if isinstance(index, int):
            if index == 0:
                return base
            return self.new(f"getelementptr inbounds i8, ptr {base}, i64 {index * dtype.itemsize}")
        offset = self.new(f"mul i64 {self.name(index)}, {dtype.itemsize}")
        return self.new(f"getelementptr inbounds i8, ptr {base}, i64 {offset}")

    def node_for(self, node: ir.For) -> None:
        if node.parallel is not None and self.own is None:
            emit_parallel_for(self, node)
        elif node.start == 0:
            self.counted(node, "0", self.name(node.trip_count))
        else:  # compared for equality, so that LLVM sees how many iterations there are
            first = self.name(node.start)
            last = self.new(f"add nuw nsw i64 {first}, {self.name(node.trip_count)}")
            self.counted(node, first, last, "ne")

    def counted(self, node: ir.For, first: str, stop: str, goes_on: str = "slt") -> None:
        """The test is at the end: loops run at least once."""
        before, body, after = self.label, self.new_label("loop"), self.new_label("done")
        self.do(f"br label %{body}")
        self.start(body)
        node.index.name = self.fresh("i")
        self.scalar.ranges.enter_loop(node)
        place = len(self.lines)
        self.name_phis(node)
        mark, group = self.marks.of(node)
        outer, self.scalar.hashes = self.scalar.hashes, self.hashes(node)
        groups, access = self.groups, self.access
        if group:
            self.groups = (*groups, group)
            self.access = self.marks.access(self.groups)
        with self.inlining(node.vector or few_functions(node.body)):
            self.block(node.body)
        self.groups, self.access = groups, access
        self.scalar.hashes = outer
        poll = self.poll(node, before)
        following = self.new(f"add nuw nsw i64 {node.index.name}, 1")
        again = self.new(f"icmp {goes_on} i64 {following}, {stop}")
        phis = [f"  {node.index.name} = phi i64 [{first}, %{before}], [{following}, %{self.label}]"]
        self.lines[place:place] = phis + poll + self.phi_lines(node, before, self.label)
        self.do(f"br i1 {again}, label %{body}, label %{after}{mark}")
        self.start(after)
        for phi in node.phis:
            phi.result.name = self.name(phi.next)
        for pointer in node.pointers:
            pointer.result.name = self.pointer(pointer.next)  # type: ignore[arg-type]

    @contextmanager
    def inlining(self, inlined: bool) -> Iterator[None]:
        """Let LLVM inline elementary functions meanwhile, or not."""
        outer, self.scalar.inlining = self.scalar.inlining, inlined
        yield
        self.scalar.inlining = outer

    def hashes(self, node: ir.For) -> str:
        """What becomes of hashes and elementary functions in the body of a loop: those of lanes are
        called, for LLVM takes long for their long bodies."""
        if not (node.vector and self.optimized):
            return "called"
        return "of lanes" if node.parallel_accesses and node.start == 0 else "written out"

    def poll(self, node: ir.For | ir.While, before: str) -> list[str]:
        """At the end of an iteration, count down to the next look for an interrupt.

        Returns the phi of the counter, which belongs at the head of the loop.
        """
        if not node.poll_every:
            return []
        self.may_stop = True
        counter, look, go_on = self.fresh("n"), self.new_label("look"), self.new_label("on")
        less = self.new(f"sub i64 {counter}, 1")
        due = self.new(f"icmp eq i64 {less}, 0")
        end = self.label
        self.do(f"br i1 {due}, label %{look}, label %{go_on}, !prof !0")
        self.start(look)
        status = self.check_signals()
        if self.stop:  # signals are for the main thread, which stops the others
            others = self.new("load atomic i32, ptr %stop monotonic, align 4")
            status = self.new(f"or i32 {status}, {others}")
        stop = self.new(f"icmp ne i32 {status}, 0")
        reset = self.new_label("reset")
        self.do(f"br i1 {stop}, label %interrupted, label %{reset}")
        self.start(reset)
        self.do(f"br label %{go_on}")
        self.start(go_on)
        count = self.new(f"phi i64 [{less}, %{end}], [{node.poll_every}, %{reset}]")
        return [(f"  {counter} = phi i64 [{node.poll_every}, %{before}],"
                 f" [{count}, %{go_on}]")]

    def check_signals(self) -> str:
        """Run pending signal handlers; the status is not 0 if one raised."""
        host_calls.declare(self)
        lock = self.new("call i32 @PyGILState_Ensure()")
        status = self.new("call i32 @PyErr_CheckSignals()")
        self.do(f"call void @PyGILState_Release(i32 {lock})")
        return status

    def name_phis(self, node: ir.For | ir.While) -> None:
        for phi in node.phis:
            phi.scalar.name = self.fresh("c")
        for pointer in node.pointers:
            pointer.inside.name = self.fresh("p")

    def phi_lines(self, node: ir.For | ir.While, before: str, end: str) -> list[str]:
        lines = [f"  {p.scalar.name} = phi {llvm_type(p.scalar.dtype)}"
                 f" [{self.name(p.init)}, %{before}], [{self.name(p.next)}, %{end}]"
                 for p in node.phis]
        return lines + [
            f"  {p.inside.name} = phi ptr [{self.pointer(p.init)}, %{before}],"
            f" [{self.pointer(p.next)}, %{end}]"  # type: ignore[arg-type]
            for p in node.pointers]

    def node_while(self, node: ir.While) -> None:
        before, head = self.label, self.new_label("while")
        body, after = self.new_label("body"), self.new_label("done")
        self.do(f"br label %{head}")
        self.start(head)
        place = len(self.lines)
        self.name_phis(node)
        with self.inlining(few_functions(node.cond, node.body)):
            self.block(node.cond)
            self.do(f"br i1 {self.name(node.predicate)}, label %{body}, label %{after}")
            self.start(body)
            self.block(node.body)
        poll = self.poll(node, before)
        self.lines[place:place] = poll + self.phi_lines(node, before, self.label)
        self.do(f"br label %{head}")
        self.start(after)
        for phi in node.phis:
            phi.result.name = phi.scalar.name
        for pointer in node.pointers:
            pointer.result.name = pointer.inside.name

    def node_switch(self, node: ir.Switch) -> None:
        labels = [self.new_label("case") for _ in node.branches]
        after = self.new_label("join")
        kind = llvm_type(node.index.dtype)
        cases = " ".join(f"{kind} {i}, label %{label}" for i, label in enumerate(labels[:-1]))
        self.do(f"switch {kind} {self.name(node.index)}, label %{labels[-1]} [{cases}]"
                f"{branch_weights(node.branches)}")
        ends: list[str] = []
        for label, branch in zip(labels, node.branches, strict=True):
            self.start(label)
            self.block(branch)
            ends.append(self.label)
            self.do(f"br label %{after}")
        self.start(after)
        for k, result in enumerate(node.results):
            values = ", ".join(f"[{self.name(outs[k])}, %{end}]"
                               for outs, end in zip(node.outs, ends, strict=True))
            result.name = self.new(f"phi {llvm_type(result.dtype)} {values}")

    def node_externcall(self, node: ir.ExternCall) -> None:
        extern_calls.call(self, node)

    def node_check(self, node: ir.Check) -> None:
        checks.check(self, node)

    def table(self, kind: str, values: Sequence[str]) -> str:
        """A pointer to values that lie together."""
        table = self.fresh("table")
        self.head.append(f"  {table} = alloca [{max(len(values), 1)} x {kind}]")
        for k, value in enumerate(values):
            slot = self.new(f"getelementptr {kind}, ptr {table}, i64 {k}")
            self.do(f"store {kind} {value}, ptr {slot}")
        return table

    def node_pythoncall(self, node: ir.PythonCall) -> None:
        self.may_fail = self.may_stop = True
        table = self.table("ptr", [self.address_of_item(memory, index, memory.dtype)
                                   for memory, index in node.places])
        status = host_calls.call(self, node.number, table)
        self.leave_if(self.new(f"icmp eq i32 {status}, 1"), "failed")
        self.leave_if(self.new(f"icmp ne i32 {status}, 0"), "interrupted")

    def node_call(self, node: ir.Call) -> None:
        calls.call(self, node)

    # ---- the function ------------------------------------------------------------------------
    @contextmanager
    def nested_function(self) -> Iterator[calls.FunctionBody]:
        """Write another function meanwhile; its lines are there in the end."""
        kept, hashes = {name: getattr(self, name) for name in calls.STATE}, self.scalar.hashes
        self.scalar.hashes = "called"
        inlining, self.scalar.inlining = self.scalar.inlining, False
        self.lines, self.head, self.label, self.begun = [], [], "entry", 0
        self.groups, self.access = (), ""
        self.may_stop = self.may_fail = False
        written = calls.FunctionBody()
        yield written
        self.succeed()
        written.lines = [*self.head, *self.lines, *self.exits()]
        written.may_stop, written.may_fail = self.may_stop, self.may_fail
        self.scalar.hashes, self.scalar.inlining = hashes, inlining
        for name, value in kept.items():
            setattr(self, name, value)

    def kernel_interface(self) -> tuple[list[str], list[str], list[str]]:
        """Return the parameters of the kernel, and how `run` loads them and passes them on."""
        tables = [("arguments", self.function.arguments), ("results", self.function.results),
                  ("constants", self.function.constants)]
        parameters, loads, given = [], [], []
        for table, memories in tables:
            for k, memory in enumerate(memories):
                if table == "results" and memory.kind == "donated":
                    continue  # it is the argument
                memory.name = f"%{table}.{k}"
                written = table == "results" or memory.kind == "donated"
                qualifier = "noalias" if written else "noalias readonly"
                parameters.append(f"ptr {qualifier} {memory.name}")
                loads += (data_of_constant if table == "constants" else data_of_array)(table, k)
                given.append(f"ptr %data.{table}{k}")
        loads += check_layouts(len(self.function.arguments))
        parameters += ["ptr noalias %arena", "i64 %context"]
        given += ["ptr %arena", "i64 %context"]
        return parameters, loads, given

    def text(self) -> str:
        """The module."""
        parameters, loads, given = self.kernel_interface()
        self.block(self.function.body)
        self.succeed()
        call = [f"  %status = call i32 @kernel({', '.join(given)})"]
        if self.long:
            call = self.without_lock(call)
        if self.checked:
            self.declare(host_calls.HOST_CALL, host_calls.HOST_CALL_TYPE)
            call = [*checks.before_run(self.function), *call]
        variants = [text for name, text in self.declarations.items()
                    if self.optimized and name.startswith(VARIANT)
                    and name.removeprefix(VARIANT) not in self.declarations]
        return "\n".join([
            *[text for name, text in self.declarations.items() if not name.startswith(VARIANT)],
            *(nontemporal_copy.DEFINITION if self.copies_nontemporally else ()),
            *(checks.definitions() if self.checked else ()), *self.functions,
            f"define internal i32 @kernel({', '.join(parameters)}) {{",
            "entry:", *self.head, *self.lines, *self.exits(), "}",
            "define i32 @run(ptr %arguments, ptr %results, ptr %constants, ptr %arena,"
            " i64 %context) {",
            *loads, *call,
            "  ret i32 %status", "}",
            '!0 = !{!"branch_weights", i32 1, i32 1000000}', *self.scopes.metadata(),
            *self.marks.lines, *(nontemporal_copy.METADATA if self.copies_nontemporally else ()),
            *variants, ""])

    def succeed(self) -> None:
        """Return, after a fence that makes non-temporal stores visible."""
        if self.copies_nontemporally:
            self.do("fence seq_cst")
        self.do("ret i32 0")

    def exits(self) -> list[str]:
        """The blocks at the end by which a function is left early, with its status."""
        return [f"{label}:\n  ret i32 {status}" for label, status, there in
                (("failed", 1, self.may_fail), ("interrupted", 2, self.may_stop)) if there]

    def without_lock(self, call: list[str]) -> list[str]:
        """A call during which other Python threads run."""
        self.declare("PyEval_SaveThread", "declare ptr @PyEval_SaveThread()")
        self.declare("PyEval_RestoreThread", "declare void @PyEval_RestoreThread(ptr)")
        return ["  %thread = call ptr @PyEval_SaveThread()", *call,
                "  call void @PyEval_RestoreThread(ptr %thread)"]


def emit(function: ir.Function, long: bool = True, checked: bool = False, optimized: bool = True
         ) -> tuple[str, list[str]]:
    """The LLVM module of a function, and the external symbols it needs.

    `long` work is done without Python's lock; a `checked` function has checks of memory in it.
    What is to be `optimized` by LLVM's passes has vectors of elementary functions in it, which
    instruction selection alone would take long for.
    """
    emitter = Emitter(function, long, checked, optimized)
    text = emitter.text()
    symbols = [name for name, text in emitter.declarations.items()
               if text.startswith("declare ") and not name.startswith(("llvm.", VARIANT))]
    return text, symbols


