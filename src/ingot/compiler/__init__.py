"""From programs to kernels."""
