"""The language: types, primitives, the current interpreter, programs. Knows no operation."""
