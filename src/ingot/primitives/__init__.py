"""First-order primitives, one family a file; each op and all its rules in one place."""
