"""Mistakes that users make, and the messages they get."""
