"""Solvers of linear systems that only see products: the table of contents."""

from ingot.util import lazily

__getattr__, __dir__ = lazily(__name__, ("linalg",))
