"""`jax._src.lib` and `jaxlib._jax`: the compiled parts of JAX, as far as packages name them."""

from __future__ import annotations

from ingot.api.jit import PjitFunction
from ingot.compat.facades import ArrayImpl
from ingot.compat.version import __version__, __version_info__
from ingot.errors import JaxRuntimeError as XlaRuntimeError
from ingot.tree import PyTreeDef, PyTreeRegistry, default_registry

version_str, version = __version__, __version_info__
jaxlib_extension_version, ifrt_version = 0, 60
cuda_versions = cuda_path = None

__all__ = ["ArrayImpl", "PjitFunction", "PyTreeDef", "PyTreeRegistry", "XlaRuntimeError",
           "cuda_path", "cuda_versions", "default_registry", "ifrt_version",
           "jaxlib_extension_version", "version", "version_str"]
