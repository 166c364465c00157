"""Small libraries of optimizers and layers, for the programs that were written with JAX's."""
