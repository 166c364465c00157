"""The native call path of the LLVM back end, as `core.native_calls` asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ingot.backends.llvm.native.operators import Elementwise, set_operators
from ingot.backends.llvm.native.runtime import runtime
from ingot.backends.llvm.native.signatures import (
    NativeCallable,
    UnsupportedCall,
    signature_of_call,
)
from ingot.core.native_calls import CallSignature, NativeCalls

PYTHON_CALL = 100
"""Microseconds, about, that a call of a compiled function takes in Python."""


class LLVMNativeCalls(NativeCalls):
    """Calls and operators as machine code, which is loaded once calls are frequent."""

    callable_base = NativeCallable

    def ready(self, executable: Any) -> bool:
        """Return whether the machine code is loaded, and this call was not sent here for timing."""
        return runtime.ready(PYTHON_CALL) and not executable.sampling_due

    def record(self, function: Any, executable: Any, call: CallSignature) -> None:
        """Add a signature to those of the function, unless calls cannot be told apart."""
        try:
            function._add_signature(signature_of_call(executable, call))
        except UnsupportedCall:
            pass

    def elementwise(self, function: Callable[..., Any], loop: np.ufunc) -> Callable[..., Any]:
        """Return a callable that calls NumPy's loop natively for types it has met often."""
        return Elementwise(function, loop)

    def set_operators(self, functions: Mapping[str, Any]) -> None:
        """Put the functions behind the operators in the type's tables, once loaded."""
        set_operators(functions)
