"""Writes docs/map.md: every module by layer, with the first sentence of its docstring."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "ingot"
PAGE = ROOT / "docs" / "map.md"
HEAD = """# The map

Every module and what it is. A module imports only from its own layer and from those before it.
Written by `make map` from the first sentences of docstrings; a test checks that it is up to date.
"""

# From the ground up: a module imports only from its own layer and from those before it. What is
# not named here are the public functions, the last but two.
LAYERS = [
    ("calls", "errors", "config", "names", "util", "version"),
    ("dtypes", "tree"),
    ("core", "kernel"),
    ("primitives",),
    ("transforms",),
    ("control",),
    ("compiler",),
    ("backends",),
    ("api",),
    (),
    ("cache", "compat", "debug", "extend", "as_jax"),
    ("__init__", "__main__"),
]
PUBLIC = LAYERS.index(())


def modules() -> list[Path]:
    """All modules, as paths relative to the package."""
    return sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def layer(module: Path) -> int:
    """Index into LAYERS of the module at this path relative to the package."""
    top = module.with_suffix("").parts[0]
    return next((i for i, names in enumerate(LAYERS) if top in names), PUBLIC)


def docstring(module: Path) -> str:
    """The docstring of a module, empty if it has none."""
    return ast.get_docstring(ast.parse((PACKAGE / module).read_text("utf-8"))) or ""


def map_text() -> str:
    """The map: a heading for each layer, a table row for each module."""
    lines: list[str] = []
    for i, names in enumerate(LAYERS):
        rows = [m for m in modules() if layer(m) == i]
        if rows:
            title = ", ".join(names).replace("__", "\\_\\_") or "public functions"
            lines += [f"## L{i}: {title}", "", "| module | what it is |", "|---|---|"]
        for module in rows:
            sentence = docstring(module).partition("\n")[0].replace("|", "\\|")
            lines.append(f"| `{module.as_posix()}` | {sentence} |")
        lines += [""] if rows else []
    return "\n".join(lines).rstrip() + "\n"


def page() -> str:
    """The text of docs/map.md."""
    return f"{HEAD}\n{map_text()}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
