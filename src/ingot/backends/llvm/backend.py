"""The LLVM back end as an object: compiles in this process, and shares memory with NumPy."""

from __future__ import annotations

from ingot.backends.host import HostMemory, check_compiler_options
from ingot.backends.llvm.compilation import prepare
from ingot.backends.llvm.executable import LLVMExecutable
from ingot.backends.llvm.native.abi import PORTABLE
from ingot.backends.llvm.native.calls import LLVMNativeCalls
from ingot.core.backend import CompileOptions, register_backend
from ingot.core.jaxpr import Jaxpr
from ingot.core.native_calls import NativeCalls


class LLVMBackend(HostMemory):
    """Compiles jaxprs to machine code for the CPU.

    Shardings and devices change nothing: all devices are names of one memory. There are no compiler
    options: flags of `config` say how to compile.
    """

    name = "llvm"
    native_calls: NativeCalls | None = LLVMNativeCalls()

    def prepare(self) -> None:
        """Start to load LLVM, if nothing is cached on disk."""
        prepare()

    def compile(self, jaxpr: Jaxpr, options: CompileOptions) -> LLVMExecutable:
        """Compile, or load machine code from the cache on disk."""
        check_compiler_options(options)
        return LLVMExecutable(jaxpr, options, self.native_calls if PORTABLE is None else None)


register_backend(LLVMBackend())
