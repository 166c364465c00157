"""The LLVM back end: kernels to machine code, in this process."""

from ingot.backends.llvm.backend import LLVMBackend as LLVMBackend
from ingot.backends.llvm.executable import LLVMExecutable as LLVMExecutable
