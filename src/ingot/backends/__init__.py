"""Back ends: what runs a program."""
