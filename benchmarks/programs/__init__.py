"""The programs that are measured, one group a file, each with a list PROGRAMS."""
