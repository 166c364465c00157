"""Packages written for JAX, and their own tests, on ingot and on JAX, outcome by outcome."""
