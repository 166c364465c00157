"""Writes the map of the house, made of the first sentences of modules, into CONTRIBUTING.md."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "ingot"
PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- map: written by docs/make_map.py -->\n", "<!-- end of map -->"

# From the ground up: a module imports only from its own layer and from those before it. What is
# not named here are the public functions, the last but two.
LAYERS = [
    ("errors", "config", "names", "util", "version"),
    ("dtypes", "tree"),
    ("core", "kernel"),
    ("ops",),
    ("transforms",),
    ("control",),
    ("compiler",),
    ("backends",),
    ("api",),
    (),
    ("compat", "debug", "extend", "as_jax"),
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
            lines += [f"### L{i}: {title}", "", "| module | what it is |", "|---|---|"]
        for module in rows:
            sentence = docstring(module).partition("\n")[0].replace("|", "\\|")
            lines.append(f"| `{module.as_posix()}` | {sentence} |")
        lines += [""] if rows else []
    return "\n".join(lines)


def page_with_map(page: str) -> str:
    """The page with the map between its two marks replaced."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{map_text()}\n{END}{after}"


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    if BEGIN not in text or END not in text:
        sys.exit(f"{PAGE.name} lacks the marks {BEGIN.strip()} and {END}")
    PAGE.write_text(page_with_map(text), "utf-8")
