"""`jax.extend.ifrt_programs`: programs for a proxy of several machines, of which there are none."""

from __future__ import annotations

from typing import Any


class IfrtPrograms:
    """Stands for the module of jaxlib in which such programs are made; each name says why not."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"jax.extend.ifrt_programs has no {name!r}: programs go to XLA in this"
                             " process, and to no proxy")


ifrt_programs = IfrtPrograms()

__all__ = ["ifrt_programs"]
