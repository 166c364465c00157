"""LLVM through llvmlite: text to object code; as a script, it compiles what standard input asks.

Imports nothing of ingot, so that a worker process starts quickly; see `worker.py`. Code is made by
direct calls of llvmlite's library, since importing its Python half takes longer than compiling a
small program; that half serves where the library is not found, and who looks inside.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

REQUEST, REPLY = struct.Struct("<QBB"), struct.Struct("<QB")
MAX_UNROLLED = 2000
"""Lines of a module above which LLVM may not unroll loops: a large body copied many times costs
seconds to minutes of compilation and gains nothing."""

LINUX = sys.platform.startswith("linux")
SLP_GAIN = 12
"""What LLVM must save, in instructions, before it makes vectors of scalars in straight-line code: a
few are soon lost again to moves between registers, which loops wait for."""

NEEDED = "llvmlite>=0.44,<0.51"
"""The versions that can be used, as pip writes them; `pyproject.toml` says the same."""

LLVM_OF: dict[tuple[int, ...], int] = {
    (0, 44): 15, (0, 45): 20, (0, 46): 20, (0, 47): 20, (0, 48): 22, (0, 49): 22,
    (0, 50): 22}
"""The LLVM that is in each version of llvmlite."""

_lock, _loading = threading.Lock(), threading.Lock()
_public = False
PUBLIC = "public"
"""The argument by which a worker is told so."""


def use_public_interface() -> None:
    """From now on reach LLVM through llvmlite's Python half alone, for code that may be anywhere in
    memory and was made for no processor in particular."""
    global _public
    _public = True


def uses_public_interface() -> bool:
    """Whether the portable mode is in force; it has to be said to a worker."""
    return _public


# ---- llvmlite ------------------------------------------------------------------------------------
@functools.cache
def places() -> tuple[str, ...]:
    """The folders of llvmlite."""
    spec = find_spec("llvmlite")
    return tuple(spec.submodule_search_locations or ()) if spec else ()


@functools.cache
def version() -> str:
    """The version of llvmlite, read from its file since importing it takes long; '' without it."""
    for place in places():
        with suppress(OSError), open(os.path.join(place, "_version.py"), encoding="utf-8") as file:
            for line in file:
                name, _, value = line.partition("=")
                if name.strip() in ("version_version", "__version__"):
                    return value.strip().strip("'\"")
    return ""


def _release(version: str) -> tuple[int, ...]:
    """The first two numbers of a version; those that it does not begin with are left out."""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def check_version() -> None:
    """Raise ImportError unless llvmlite is there, in a version whose library we know."""
    found = version()
    if _release(found) not in LLVM_OF:
        what = f"llvmlite {found} is installed" if found else "llvmlite is not installed"
        raise ImportError(
            f"ingot needs {NEEDED}, but {what}; run: {sys.executable or 'python'} -m pip install"
            f' "{NEEDED}"', name="llvmlite")


@functools.cache
def dialect() -> int:
    """The version of LLVM whose text is written."""
    return LLVM_OF.get(_release(version()), max(LLVM_OF.values()))


def without_copyable_elements() -> list[str]:
    """The option by which LLVM's vectorizer of straight-line code leaves out a way of its own that
    ends the process in some programs, where it has that way."""
    return ["-slp-copyable-elements=0"] if dialect() >= 22 else []


@functools.cache
def llvm() -> Any:
    """The llvmlite binding, ready for this machine."""
    import llvmlite.binding as binding

    if _public:  # else it is set in the same library already
        for option in without_copyable_elements():
            binding.set_option("ingot", option)
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


def parsed(text: str) -> Any:
    """A module of llvmlite's Python half, from text, in a context that is its alone."""
    binding = llvm()
    if _release(version()) > (0, 44):
        return binding.parse_assembly(text, binding.create_context())
    # Pointers are opaque in this context only: who else uses llvmlite may write them with types.
    handle = binding.ffi.lib.LLVMPY_ContextCreate(True)
    return binding.parse_assembly(text, binding.context.ContextRef(handle))


def model(far: bool = False) -> tuple[str, str]:
    """Relocation and code model: `elf.py` lets calls reach far, which makes for shorter code."""
    near = not far and LINUX and not _public and platform.machine() in ("x86_64", "aarch64")
    return ("pic", "small") if near else ("default", "jitdefault")


def new_target_machine(codegen_opt_level: int, far: bool = False) -> Any:
    """A code generator, of code that may lie anywhere if `far`; every execution engine takes one of
    its own."""
    cpu, features, triple = processor()
    reloc, code_model = model(far)
    return llvm().Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=codegen_opt_level, reloc=reloc, codemodel=code_model)


def slp_choices(opt_level: int) -> tuple[bool, ...]:
    """Whether straight-line code is vectorized, and what is tried where LLVM's verifier refuses
    what came of it: its SLP vectorizer writes uses before definitions in rare programs."""
    return (True, False) if opt_level > 1 else (False,)


def optimized(text: str, machine: Any, opt_level: int, lines: int) -> Any:
    """The module of a text after LLVM's pipeline of a level."""
    if not opt_level:
        return parsed(text)
    for slp in slp_choices(opt_level):
        module = parsed(text)
        run_passes(module, machine, opt_level, lines, slp)
        with suppress(RuntimeError):
            module.verify()
            return module
    return parsed(text)


def run_passes(module: Any, machine: Any, opt_level: int, lines: int, slp: bool) -> None:
    """LLVM's pipeline of a level, on a module in place."""
    binding = llvm()
    options = binding.create_pipeline_tuning_options(speed_level=opt_level)
    options.loop_vectorization = True
    options.slp_vectorization, options.loop_interleaving = slp, opt_level > 1
    options.loop_unrolling = opt_level > 1 and lines <= MAX_UNROLLED
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


# ---- its library alone ---------------------------------------------------------------------------
P, S, I, B = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_bool  # noqa: E741
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "InitializeNativeTarget": (None, []), "InitializeNativeAsmPrinter": (None, []),
    "SetCommandLine": (None, [S, S]),
    "GetHostCPUName": (None, [P]), "GetHostCPUFeatures": (I, [P]),
    "GetDefaultTargetTriple": (None, [P]), "DisposeString": (None, [P]),
    "ContextCreate": (P, []), "ContextDispose": (None, [P]),
    "ParseAssembly": (P, [P, S, P]), "DisposeModule": (None, [P]),
    "GetTargetFromTriple": (P, [S, P]),
    "CreateTargetMachine": (P, [P, S, S, S, I, S, S, I, I, S]),
    "DisposeTargetMachine": (None, [P]), "TargetMachineEmitToMemory": (P, [P, P, I, P]),
    "GetBufferStart": (P, [P]), "GetBufferSize": (ctypes.c_size_t, [P]),
    "DisposeMemoryBuffer": (None, [P]),
    "CreatePipelineTuningOptions": (P, []), "DisposePipelineTuningOptions": (None, [P]),
    "PTOSetLoopVectorization": (None, [P, B]), "PTOSetSLPVectorization": (None, [P, B]),
    "PTOSetLoopInterleaving": (None, [P, B]), "PTOSetLoopUnrolling": (None, [P, B]),
    "CreatePassBuilder": (P, [P, P]), "DisposePassBuilder": (None, [P]),
    "buildPerModuleDefaultPipeline": (P, [P, I]), "DisposeNewModulePassManger": (None, [P]),
    "RunNewModulePassManager": (None, [P, P, P]), "VerifyModule": (B, [P, P])}

MORE: dict[str, tuple[tuple[int, int], Any, Any]] = {
    "ContextCreate": ((0, 44), B, True),  # whether pointers are opaque
    "buildPerModuleDefaultPipeline": ((0, 47), I, 0)}  # the level of optimization for size
"""Functions that take an argument more, the last, up to a version: its type, and what is given."""


def signature(name: str) -> tuple[Any, list[Any]]:
    """The type of the result of a function, and those of its arguments, in this llvmlite."""
    result, arguments = FUNCTIONS[name]
    until, kind, _ = MORE.get(name, ((0, 0), None, None))
    return result, [*arguments, kind] if _release(version()) <= until else arguments


LONG = ("ParseAssembly", "TargetMachineEmitToMemory", "RunNewModulePassManager")
"""What other Python threads run beside; to wait for their lock takes longer than the rest does."""


def _with_last(function: Any, value: Any) -> Callable[..., Any]:
    return lambda *arguments: function(*arguments, value)


class LLVMBinding:
    """The functions of llvmlite's library that are called directly; each module gets a context of
    its own, so that no lock is shared with llvmlite."""

    def __init__(self, path: str):
        dlopen = ctypes.CDLL(None).dlopen  # other threads run meanwhile, unlike within CDLL
        dlopen.restype, dlopen.argtypes = P, [S, I]
        dlopen(os.fsencode(path), os.RTLD_NOW)
        unlocked, locked = ctypes.CDLL(path), ctypes.PyDLL(path)
        for name, (_, arguments) in FUNCTIONS.items():
            function = getattr(unlocked if name in LONG else locked, "LLVMPY_" + name)
            function.restype, function.argtypes = signature(name)
            if len(function.argtypes) > len(arguments):
                function = _with_last(function, MORE[name][2])
            setattr(self, name, function)
        self.InitializeNativeTarget()
        self.InitializeNativeAsmPrinter()
        for option in (f"-slp-threshold={SLP_GAIN}", *without_copyable_elements()):
            self.SetCommandLine(b"ingot", option.encode())
        self._machines: dict[int, list[Any]] = {}  # that are idle: each serves one thread

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def string(self, function: Any) -> str:
        """What a function writes to the string it is given a pointer to."""
        out = ctypes.c_char_p()
        function(ctypes.byref(out))
        text = (out.value or b"").decode()
        self.DisposeString(out)
        return text

    def pointer(self, function: Any, *arguments: Any) -> Any:
        """A result that is null, and a message given last, if the function failed."""
        message = ctypes.c_char_p()
        out = function(*arguments, ctypes.byref(message))
        if not out:
            raise RuntimeError((message.value or b"LLVM failed").decode())
        return out

    @contextmanager
    def machine(self, codegen_opt_level: int) -> Iterator[Any]:
        """A code generator, kept: making it costs more than compiling a small function."""
        idle = self._machines.setdefault(codegen_opt_level, [])
        with _lock:  # who waits may find one
            machine = idle.pop() if idle else self._new_machine(codegen_opt_level)
        try:
            yield machine
        finally:
            idle.append(machine)

    def _new_machine(self, codegen_opt_level: int) -> Any:
        cpu, features, triple = (part.encode() for part in processor())
        target = self.pointer(self.GetTargetFromTriple, triple)
        reloc, code_model = (part.encode() for part in model())
        return self.CreateTargetMachine(
            target, triple, cpu, features, codegen_opt_level, reloc, code_model, 0, 0, b"")

    def object_code(self, text: str, opt_level: int, codegen_opt_level: int, lines: int) -> bytes:
        """The object file of a module."""
        with self.machine(codegen_opt_level) as machine:
            for slp in slp_choices(opt_level) if opt_level else ():
                with self.module(text) as module:
                    self.run_passes(module, machine, opt_level, lines, slp)
                    if self.is_valid(module):
                        return self.emitted(module, machine)
            with self.module(text) as module:
                return self.emitted(module, machine)

    @contextmanager
    def module(self, text: str) -> Iterator[Any]:
        """Parse a module in a new context; both are freed at the end."""
        context = self.ContextCreate()
        try:
            module = self.pointer(self.ParseAssembly, context, text.encode())
            try:
                yield module
            finally:
                self.DisposeModule(module)
        finally:
            self.ContextDispose(context)

    def emitted(self, module: Any, machine: Any) -> bytes:
        """The object file of a module as it is."""
        buffer = self.pointer(self.TargetMachineEmitToMemory, machine, module, 1)
        code = ctypes.string_at(self.GetBufferStart(buffer), self.GetBufferSize(buffer))
        self.DisposeMemoryBuffer(buffer)
        return code

    def is_valid(self, module: Any) -> bool:
        """Whether LLVM's verifier accepts a module."""
        message = ctypes.c_char_p()
        refused = self.VerifyModule(module, ctypes.byref(message))
        if message:
            self.DisposeString(message)
        return not refused

    def run_passes(self, module: Any, machine: Any, opt_level: int, lines: int, slp: bool) -> None:
        """What the function `run_passes` does."""
        options = self.CreatePipelineTuningOptions()
        self.PTOSetLoopVectorization(options, True)
        self.PTOSetSLPVectorization(options, slp)
        self.PTOSetLoopInterleaving(options, opt_level > 1)
        self.PTOSetLoopUnrolling(options, opt_level > 1 and lines <= MAX_UNROLLED)
        builder = self.CreatePassBuilder(machine, options)
        manager = self.buildPerModuleDefaultPipeline(builder, opt_level)
        self.RunNewModulePassManager(manager, module, builder)
        self.DisposeNewModulePassManger(manager)
        self.DisposePassBuilder(builder)
        self.DisposePipelineTuningOptions(options)


def library() -> LLVMBinding | None:
    """The library, if it is where it is known to be and has the functions."""
    if threading.current_thread() is not _start:
        _awaited.set()
    with _loading:
        return _library()


@functools.cache
def _library() -> LLVMBinding | None:
    for place in places() if LINUX and not _public else ():
        try:
            return LLVMBinding(os.path.join(place, "binding", "libllvmlite.so"))
        except (OSError, AttributeError):
            continue
    return None


# ---- ahead of need -------------------------------------------------------------------------------
_start: threading.Thread | None = None
_awaited = threading.Event()
"""Set by the first program that needs LLVM: what was not begun by then, it does not wait for."""


def start(ahead: Callable[[], None] | None = None) -> None:
    """Load LLVM in a thread, while a program is traced and lowered; who needs it waits for that.

    The first compilation takes several times longer than others, so one may be made there too.
    """
    global _start
    if _start is None and LINUX and not _public:
        places()  # the thread then gives up Python's lock at once, by loading
        _start = threading.Thread(target=_start_up, args=(ahead,), name="ingot-llvm")
        _start.start()
        os.register_at_fork(before=_start.join)  # no child inherits a lock that is held


def _start_up(ahead: Callable[[], None] | None) -> None:
    direct = library()
    if direct is not None:
        processor()
        with suppress(RuntimeError):  # which whoever needs LLVM will see
            with direct.machine(0):
                pass
            if ahead is not None and not _awaited.is_set():
                ahead()


# ---- either --------------------------------------------------------------------------------------
WIDE = "avx512vbmi2"
"""Processors that have this run vectors of 512 bits at full speed, which LLVM avoids by default."""


@functools.cache
def processor() -> tuple[str, str, str]:
    """Name and features of this machine's processor, and the target triple."""
    direct = library()
    if direct is not None:
        return (direct.string(direct.GetHostCPUName),
                widened(direct.string(direct.GetHostCPUFeatures)),
                direct.string(direct.GetDefaultTargetTriple))
    binding = llvm()
    return (binding.get_host_cpu_name(), widened(binding.get_host_cpu_features().flatten()),
            binding.get_default_triple())


@functools.cache
def vector_bytes() -> int:
    """Bytes of the vectors that LLVM makes of loops on this machine's processor."""
    features = processor()[1].split(",")
    if "-prefer-256-bit" in features:
        return 64
    return 32 if "+avx" in features else 16


@functools.cache
def first_processor() -> str:
    """What the system says of the first processor; it writes down no more than is read. Nothing in
    the portable mode, where LLVM is asked."""
    data = b""
    if _public:
        return ""
    with suppress(OSError), open("/proc/cpuinfo", "rb", buffering=0) as file:
        while b"\n\n" not in data and (part := file.read(2048)):
            data += part
    return data.partition(b"\n\n")[0].decode(errors="replace")


def widened(features: str) -> str:
    """The features, with vectors of 512 bits where they are as good as shorter ones."""
    wide = not _public and f"+{WIDE}" in features.split(",")
    return f"{features},-prefer-256-bit" if wide else features


def in_dialect(text: str) -> str:
    """A module as the LLVM that is here reads it: 15 has no word for vectors of equal elements."""
    if dialect() >= 19:
        return text
    lines = text.replace(" memory(none)", " readnone").split("\n")
    for k, line in enumerate(lines):
        first, *others = line.split("splat (")
        if others:
            lanes = int(line.partition("<")[2].partition(" x ")[0])
            parts = [part.partition(")") for part in others]
            lines[k] = first + "".join(
                f"<{', '.join([element] * lanes)}>{rest}" for element, _, rest in parts)
    return "\n".join(lines)


def object_code(text: str, opt_level: int, codegen_opt_level: int, lines: int = 0) -> bytes:
    """The object file of a module, which may be a part of one with so many lines."""
    direct, text = library(), in_dialect(text)
    lines = lines or text.count("\n")
    if direct is not None:
        return direct.object_code(text, opt_level, codegen_opt_level, lines)
    with _lock:
        machine = new_target_machine(codegen_opt_level)
        return machine.emit_object(optimized(text, machine, opt_level, lines))


def object_codes(texts: Sequence[str], opt_level: int, codegen_opt_level: int,
                 lines: int) -> list[bytes]:
    """The object files of the parts of a module, compiled at once, each by a thread."""
    found: list[Any] = [None] * len(texts)

    def compile_part(k: int) -> None:
        try:
            found[k] = object_code(texts[k], opt_level, codegen_opt_level, lines)
        except BaseException as error:
            found[k] = error

    threads = [threading.Thread(target=compile_part, args=(k,)) for k in range(1, len(texts))]
    for thread in threads:
        thread.start()
    compile_part(0)
    for thread in threads:
        thread.join()
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return found


def _serve() -> None:
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while True:
        head = source.read(REQUEST.size)
        if len(head) < REQUEST.size:
            return  # whoever asked is gone
        length, opt_level, codegen_opt_level = REQUEST.unpack(head)
        text = source.read(length).decode()
        try:
            answer, good = object_code(text, opt_level, codegen_opt_level), 1
        except Exception as error:
            answer, good = str(error).encode(), 0
        target.write(REPLY.pack(len(answer), good))
        target.write(answer)
        target.flush()


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    if PUBLIC in sys.argv[2:]:
        use_public_interface()
    _serve()
