"""Module splitting: two modules instead of one, so that two threads can compile them.

Functions of the program (its loops that are divided, its sub-programs, variants for vectors) go to
one of the halves, which declares those of the other. What is inlined everywhere is in both. Which
instructions are made does not change: none of these functions would be inlined.
"""

from __future__ import annotations

import functools
import re
from collections import Counter

LEAST, UNEQUAL = 500, 4
"""Lines of a module from which on a thread is worth its while, and how many times longer than the
other half one may be."""

COPIED = ("ingot.", "blas.")
"""How functions begin, internal or defined as often as one likes, that each half has to itself."""

@functools.cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Definitions, variables, what is used (also as the variant of a call), what is called; made
    when they are first needed, which takes as long as importing a module."""
    return tuple(map(re.compile, (
        r"define (?P<kind>internal |linkonce_odr hidden )?(?P<result>.*?) "
        r"@(?P<name>[\w.]+)\((?P<given>.*?)\) ?(?P<how>[^{]*)\{",
        r"@([\w.]+) = internal (constant|global) ",
        r"@([\w.]+)|\(([\w.]+x\d+)\)", r"call [^@]*@([\w.]+)\(")))


class _Function:
    """A function, the lines of its definition, and what these refer to."""

    def __init__(self, head: re.Match[str], line: str):
        self.name, self.head, self.lines = head["name"], head, [line]

    @functools.cached_property
    def text(self) -> str:
        return "\n".join(self.lines)

    @functools.cached_property
    def used(self) -> set[str]:
        """What it refers to: variables, functions, variants of these."""
        return {a or b for a, b in _patterns()[2].findall(self.text)} - {self.name}

    @functools.cached_property
    def called(self) -> Counter[str]:
        """The functions that it calls, and how often."""
        return Counter(_patterns()[3].findall(self.text))

    @property
    def copied(self) -> bool:
        return bool(self.head["kind"]) and self.name.startswith(COPIED)

    def declaration(self) -> str:
        """As seen by the other half; names of parameters and what is said of memory are left out,
        as calls say it."""
        given = ", ".join(re.match(r"[^%]*?(<.*>|\w+)", part.strip())[0]  # type: ignore[index]
                          for part in self.head["given"].split(", ") if part)
        return f"declare {self.head['result']} @{self.name}({given}) {self.head['how']}"


class _Unknown(Exception):
    """A line of a form that is not written by `emit.py`."""


class _Module:
    """A module taken apart."""

    def __init__(self, text: str):
        self.functions: dict[str, _Function] = {}
        self.variables: dict[str, str] = {}
        self.rest: list[str] = []
        defined, variable, *_ = _patterns()
        inside: _Function | None = None
        for line in text.split("\n"):
            if inside is not None:
                inside.lines.append(line)
                if line == "}":
                    inside = None
            elif line.startswith("define "):
                head = defined.match(line)
                if head is None:
                    raise _Unknown(line)
                inside = self.functions[head["name"]] = _Function(head, line)
            elif found := variable.match(line):
                self.variables[found[1]] = line
            else:
                self.rest.append(line)

    @property
    def is_one(self) -> bool:
        """Whether one function is much longer than all the rest."""
        lengths = [len(f.lines) for f in self.functions.values()]
        return UNEQUAL * (sum(lengths) - max(lengths)) < max(lengths)

    def with_copies(self, names: set[str]) -> set[str]:
        """Functions with all those that are copied to where they are used."""
        found, new = set(names), list(names)
        while new:
            for name in self.functions[new.pop()].used - found:
                if name in self.functions and self.functions[name].copied:
                    found.add(name)
                    new.append(name)
        return found

    def groups(self) -> list[tuple[int, set[str]]]:
        """Functions that are dealt out, each with those that it alone calls; largest first."""
        callers: dict[str, set[str]] = {}
        for function in self.functions.values():
            for name in function.called:
                callers.setdefault(name, set()).add(function.name)
        group: dict[str, set[str]] = {f.name: {f.name} for f in self.functions.values()
                                      if not f.copied}
        for name in list(group):
            by = callers.get(name, set())
            if len(by) == 1 and "noinline" not in self.functions[name].head["how"]:
                (caller,) = by
                if caller in group and group[caller] is not group[name]:
                    group[caller] |= group[name]
                    for member in group[name]:
                        group[member] = group[caller]
        different = {id(g): g for g in group.values()}.values()
        return sorted(((sum(map(self.weight, g)), g) for g in different),
                      key=lambda pair: -pair[0])

    def weight(self, name: str) -> int:
        """Lines to be compiled for a function, those that calls stand for included."""
        function = self.functions[name]
        inlined = ((f, count) for f, count in function.called.items()
                   if f in self.functions and "alwaysinline" in self.functions[f].head["how"])
        return len(function.lines) + sum(count * self.weight(f) for f, count in inlined)

    def part(self, names: set[str], others: set[str]) -> str:
        """A module of functions that may refer to others, and be referred to by them."""
        here = self.with_copies(names)
        used = set().union(*(self.functions[name].used for name in here))
        wanted = set().union(*(self.functions[name].used for name in self.with_copies(others)))
        lines = [*self.rest, *(self.variables[v] for v in self.variables if v in used)]
        for name in sorted(here):
            text = self.functions[name].text
            if name in names and name in wanted:
                text = text.replace("define internal ", "define ", 1)
            lines.append(text)
        far = sorted(used & others)
        lines += [self.functions[name].declaration() for name in far]
        if far:  # what only vectorized loops will call must not go before
            kept = ", ".join(f"ptr @{name}" for name in far)
            lines.append(f"@llvm.compiler.used = appending global [{len(far)} x ptr] [{kept}],"
                         ' section "llvm.metadata"')
        return "\n".join([*lines, ""])

    def shared(self, one: set[str], two: set[str]) -> bool:
        """Whether both refer to a variable that is written to."""
        used = [set().union(*(self.functions[n].used for n in self.with_copies(names)))
                for names in (one, two)]
        return any(" constant " not in self.variables[v] for v in used[0] & used[1]
                   if v in self.variables)


def split_module(text: str) -> list[str]:
    """Two modules for one; or the one, if it is short, or has no parts of about the same length."""
    if text.count("\n") < LEAST:
        return [text]
    try:
        module = _Module(text)
    except _Unknown:
        return [text]
    if module.is_one:
        return [text]
    sizes, parts = [0, 0], (set(), set())
    for size, group in module.groups():
        k = sizes[0] > sizes[1]
        sizes[k] += size
        parts[k].update(group)
    if UNEQUAL * min(sizes) < max(sizes) or module.shared(*parts):
        return [text]
    return [module.part(*parts), module.part(*reversed(parts))]
