"""Pytrees and signatures around transformations: what users call."""
