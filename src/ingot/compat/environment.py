"""What runs here: versions of packages, the mode of native code, the machine."""

from __future__ import annotations

import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from ingot.api.devices import default_backend, device_count
from ingot.backends.llvm.native.abi import PORTABLE
from ingot.compat.version import __version__ as jax_version
from ingot.version import __version__

PACKAGES = "numpy", "scipy", "llvmlite", "ml_dtypes", "opt_einsum"
OPTIONAL = "jaxlib", "jax-cuda12-pjrt", "jax-cuda13-pjrt", "libtpu"
"""What the XLA back end runs with."""


def environment() -> str:
    """Lines for a report of a fault, in the form of JAX's own."""
    mode = "ordinary" if PORTABLE is None else f"portable, as {PORTABLE}"
    lines = {"ingot": __version__, "jax": f"{jax_version} (names served by ingot)",
             **{name: version(name) for name in PACKAGES}, **_installed(),
             "python": sys.version, "mode": mode,
             "device info": f"{default_backend()}-1, {device_count()} local devices",
             "platform": platform.uname()}
    return "".join(f"{name}: {value}\n" for name, value in lines.items())


def _installed() -> dict[str, str]:
    """The versions of optional packages that are installed."""
    found = {}
    for name in OPTIONAL:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def print_environment_info(return_string: bool = False) -> str | None:
    """Print the versions of ingot and of what it runs with, Python's, and the machine.

    return_string: whether it is returned instead -> a string then, else None.

    >>> ingot.print_environment_info(return_string=True).startswith("ingot: ")
    True
    """
    text = environment()
    if return_string:
        return text
    sys.stdout.write(text)
    return None
