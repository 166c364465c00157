"""The LLVM back end: kernels to machine code, in this process."""

from ingot.backends.llvm.executable import LLVMExecutable as LLVMExecutable
