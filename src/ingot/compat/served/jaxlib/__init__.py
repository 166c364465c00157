"""Stands for `jaxlib` on the path of child processes: importing it installs ingot's hook."""

import importlib
import sys

import ingot.as_jax

# The hook has replaced this module; its place in sys.modules is what the import returns.
sys.modules[__name__] = importlib.import_module(__name__)
