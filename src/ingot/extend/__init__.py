"""What packages need to extend ingot as they extend JAX: primitives, rules, wrapped functions."""

from ingot.extend import core, linear_util, source_info_util

__all__ = ["core", "linear_util", "source_info_util"]
