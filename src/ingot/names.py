"""Names that a module does not have: where they are, which are near, what NumPy and SciPy have."""

from __future__ import annotations

import difflib
import importlib
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType

PUBLIC = ("ingot", "ingot.numpy", "ingot.numpy.linalg", "ingot.numpy.fft", "ingot.lax", "ingot.nn",
          "ingot.random", "ingot.scipy", "ingot.scipy.special", "ingot.scipy.linalg",
          "ingot.scipy.signal",
          "ingot.scipy.optimize", "ingot.scipy.integrate", "ingot.scipy.interpolate",
          "ingot.scipy.ndimage", "ingot.scipy.fft", "ingot.scipy.stats", "ingot.tree",
          "ingot.debug")
"""Where a name is looked for, the likely places first."""

_KEYS = ("random numbers come from a key, not from a hidden state, as in"
         " ingot.random.normal(ingot.random.key(0), shape)")
_CALLED_HERE = {
    "trapz": "trapezoid", "in1d": "isin", "row_stack": "vstack", "product": "prod",
    "cumproduct": "cumprod", "sometrue": "any", "alltrue": "all", "msort": "sort",
    "cat": "concatenate", "clamp": "clip", "unsqueeze": "expand_dims", "mm": "matmul",
    "bmm": "matmul", "tensor": "array", "from_numpy": "asarray", "shuffle": "permutation",
    "randn": "normal", "rand": "uniform", "random_sample": "uniform"}
"""Functions under the names of older NumPy, its generators and PyTorch, and our names."""
_FILES = ("loadtxt", "genfromtxt", "savetxt", "savez_compressed", "fromregex", "memmap")
_FUNCTIONS = (FunctionType, BuiltinFunctionType)


class MissingNameError(AttributeError):
    """A module of ingot was asked for a name that it does not have.

    The text is only made when it is read, since programs ask for names to see whether they exist.
    """

    def __init__(self, module: str, name: str, why: str = ""):
        super().__init__(module, name)
        self.module, self.missing, self.why = module, name, why
        self.name = name  # and no `obj`, so that Python adds no guess of its own to ours

    def __str__(self) -> str:
        """The name, and the most helpful that can be said about it."""
        text = f"module {self.module!r} has no attribute {self.missing!r}"
        if self.missing.startswith("_"):
            return text
        hint = (self.why or _elsewhere(self.missing) or _under_the_hook(self.module, self.missing)
                or _near(self.module, self.missing))
        theirs = "" if self.why else _of_numpy(self.module, self.missing)
        return "; ".join(part for part in (text, hint, theirs) if part)


def _public_names(module: str) -> dict[str, object]:
    """What a module offers by names without an underscore, modules aside."""
    value = importlib.import_module(module)
    found = {name: getattr(value, name, None) for name in dir(value) if not name.startswith("_")}
    return {name: v for name, v in found.items() if not isinstance(v, ModuleType)}


def _elsewhere(name: str) -> str:
    places = [f"{module}.{name}" for module in PUBLIC
              if name in _public_names(module) or f"{module}.{name}" in PUBLIC]
    return f"there is {' and '.join(places[:3])}" if places else ""


def _under_the_hook(module: str, name: str) -> str:
    """Why there is no such name of JAX, or that the import hook serves it, which knows all."""
    tables = importlib.import_module("ingot.compat.names")
    full = f"jax{module.removeprefix('ingot')}.{name}"
    target = tables.NAMES.get(full)
    if isinstance(target, tables.Missing):
        return f"JAX has it: {target.why}"
    served = target is not None or full in tables.MODULES
    return f"it is {full} after `import ingot.as_jax`" if served else ""


def _near(module: str, name: str) -> str:
    names = _public_names(module)
    close = difflib.get_close_matches(name, names, 3, 0.8)
    if _CALLED_HERE.get(name) in names:
        close = [_CALLED_HERE[name]]
    return f"did you mean {' or '.join(close)}?" if close else ""


def _of_numpy(module: str, name: str) -> str:
    """Whether NumPy or SciPy has the name, and how what it has is called from traced code."""
    theirs = module.removeprefix("ingot.")
    if name == "rvs" or module == "ingot.random" and name in _generator_names():
        return _KEYS
    if name in _FILES:
        return f"numpy.{name} reads and writes files; its arrays go into every function"
    if theirs.partition(".")[0] not in ("numpy", "scipy"):
        return ""
    try:
        value = getattr(importlib.import_module(theirs), name, None)
    except ImportError:
        return ""
    if isinstance(value, ModuleType) or value is None:
        return ""
    text = f"{theirs}.{name} can be called with ingot's arrays outside of jit, grad and vmap"
    if not (isinstance(value, _FUNCTIONS) or type(value).__name__ == "ufunc"):
        return text
    return text + (f", and inside by pure_callback({theirs}.{name},"
                   " ingot.ShapeDtypeStruct(shape, dtype), *args)")


def _generator_names() -> list[str]:
    return dir(importlib.import_module("numpy.random"))


def explain_missing(module: str) -> None:
    """Let a public module that is imported completely explain the names that it does not have."""
    names = vars(sys.modules[module])
    if "__getattr__" not in names:
        names["__getattr__"] = lambda name: _raise(module, name)


def _raise(module: str, name: str) -> None:
    raise MissingNameError(module, name)
