"""Documents that are laid out on lines: groups stay on one line where they fit, else they break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Document = Any
"""A string, a list of documents one after another, or one of the following."""


@dataclass(frozen=True)
class Break:
    """The end of a line, or the text in its place where the group around it fits on one."""

    flat: str = " "


@dataclass(frozen=True)
class Nest:
    """A document whose further lines begin so many columns further to the right."""

    columns: int
    content: Document


@dataclass(frozen=True)
class Group:
    """A document whose breaks are all ends of lines, or none."""

    content: Document


def joined(separator: Document, documents: Iterable[Document]) -> Document:
    """Return documents with a separator between them."""
    found: list[Document] = []
    for document in documents:
        found += [separator, document] if found else [document]
    return found


def _pieces(document: Document) -> Iterator[str]:
    """Yield the strings of a document on one line."""
    stack = [document]
    while stack:
        d = stack.pop()
        if isinstance(d, list):
            stack += reversed(d)
        elif isinstance(d, (Nest, Group)):
            stack.append(d.content)
        else:
            yield d if isinstance(d, str) else d.flat


def _fits(document: Document, room: int) -> bool:
    """Whether a document fits into so many columns; it is read only as far as that."""
    for piece in _pieces(document):
        room -= len(piece)
        if room < 0:
            return False
    return True


def laid_out(document: Document, width: int = 80) -> str:
    """Return a document as text whose lines have so many columns, where groups can be broken."""
    out, column = list[str](), 0
    stack: list[tuple[int, bool, Document]] = [(0, False, document)]
    while stack:
        indent, flat, d = stack.pop()
        if isinstance(d, list):
            stack += [(indent, flat, part) for part in reversed(d)]
        elif isinstance(d, Nest):
            stack.append((indent + d.columns, flat, d.content))
        elif isinstance(d, Group):
            stack.append((indent, flat or _fits(d.content, width - column), d.content))
        elif isinstance(d, Break) and not flat:
            out.append("\n" + " " * indent)
            column = indent
        else:
            out.append(d if isinstance(d, str) else d.flat)
            column += len(out[-1])
    return "".join(line.rstrip() if not line.strip() else line
                   for line in "".join(out).splitlines(keepends=True))
