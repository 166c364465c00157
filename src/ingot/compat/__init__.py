"""JAX's names for ingot: the import hook, the table of names, and what lets packages extend us."""
