"""Comparison with JAX itself."""
