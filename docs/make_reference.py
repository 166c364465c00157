"""The API reference: a page per public module, made from signatures and docstrings at build time.

mkdocs calls this file as a hook. Names are asked of the modules themselves, because many are made
by tables or found lazily, which readers of source code do not see.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingot.config import TABLE

DOCS = Path(__file__).resolve().parent
DISTRIBUTIONS = """bernoulli beta betabinom binom cauchy chi2 dirichlet expon gamma gennorm geom
    gumbel_l gumbel_r laplace logistic multinomial multivariate_normal nbinom norm pareto poisson t
    truncnorm uniform vonmises wrapcauchy""".split()
GROUPS: dict[str, list[str]] = {
    "Transformations": [
        "ingot", "ingot.ad_checkpoint", "ingot.custom_batching", "ingot.custom_derivatives",
        "ingot.ref", "ingot.stages"],
    "Arrays and functions": [
        "ingot.numpy", "ingot.numpy.fft", "ingot.numpy.linalg", "ingot.lax", "ingot.lax.linalg",
        "ingot.random", "ingot.nn", "ingot.nn.initializers", "ingot.image", "ingot.ops",
        "ingot.dtypes", "ingot.dlpack", "ingot.typing"],
    "SciPy": [
        "ingot.scipy.cluster.vq", "ingot.scipy.fft", "ingot.scipy.integrate",
        "ingot.scipy.interpolate", "ingot.scipy.linalg", "ingot.scipy.ndimage",
        "ingot.scipy.optimize", "ingot.scipy.signal", "ingot.scipy.sparse.linalg",
        "ingot.scipy.spatial.transform", "ingot.scipy.special", "ingot.scipy.stats"],
    "Distributions": [f"ingot.scipy.stats.{name}" for name in DISTRIBUTIONS],
    "Pytrees": ["ingot.tree", "ingot.tree_util", "ingot.flatten_util"],
    "Devices": ["ingot.sharding", "ingot.memory", "ingot.distributed",
                "ingot.experimental.multihost_utils"],
    "Tools": ["ingot.debug", "ingot.profiler", "ingot.cache", "ingot.monitoring", "ingot.test_util",
              "ingot.errors", "ingot.export", "ingot.extend.core",
              "ingot.extend.linear_util", "ingot.extend.source_info_util"],
    "Experimental": [
        "ingot.experimental", "ingot.experimental.checkify", "ingot.experimental.jet",
        "ingot.experimental.ode", "ingot.experimental.sparse", "ingot.example_libraries.optimizers",
        "ingot.example_libraries.stax"],
}
MODULES = [module for modules in GROUPS.values() for module in modules]
SHORT = {"jnp": "ingot.numpy", "lax": "ingot.lax", "random": "ingot.random", "nn": "ingot.nn"}


# ---- what is public ----
def public(module: str) -> dict[str, Any]:
    """The names that a module offers: those of `__all__` and those found lazily; no modules."""
    space = importlib.import_module(module)
    names = {*getattr(space, "__all__", ()), *(dir(space) if lists_itself(space) else ())}
    values = {name: getattr(space, name) for name in sorted(names, key=str.lower)
              if not name.startswith("_")}
    return {name: value for name, value in values.items()
            if not isinstance(value, types.ModuleType) and is_ours(space, value)}


def lists_itself(space: types.ModuleType) -> bool:
    """Whether `dir` says what is public: where it was made to, or where nothing else says it."""
    return "__dir__" in vars(space) or "__all__" not in vars(space)


def is_ours(space: types.ModuleType, value: Any) -> bool:
    """Whether a value is offered, and not an import that a module without `__all__` needs."""
    home = getattr(value, "__module__", None) or type(value).__module__
    return "__all__" in vars(space) or home not in ("typing", "__future__", "functools")


# ---- Markdown ----
def escaped(text: str, module: str) -> str:
    """Prose of a docstring as Markdown: code stays, and leads to what it names."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(linked(part, module) if part.startswith("`") and part.endswith("`")
                   else re.sub(r"([*_<\[\]|#])", r"\\\1", part) for part in parts)


def linked(code: str, module: str) -> str:
    """A name in backticks, as a link where it is a public name."""
    found = re.fullmatch(r"`(?:([\w.]+)\.)?([A-Za-z]\w*)(?:\(\))?`", code)
    if found is None:
        return code
    where = SHORT.get(found[1], found[1]) if found[1] else module
    if where not in MODULES and f"ingot.{where}" in MODULES:
        where = f"ingot.{where}"
    if where not in MODULES or found[2] not in public(where):
        return code
    return f"[{code}]({'' if where == module else where + '.md'}#{where}.{found[2]})"


def body(doc: str, module: str) -> Iterator[str]:
    """The paragraphs of a docstring: prose, examples, and what is laid out by hand."""
    for paragraph in re.split(r"\n\s*\n", doc):
        if paragraph.lstrip().startswith(">>>"):
            yield f"```pycon\n{inspect.cleandoc(paragraph)}\n```"
        elif re.search(r"^ {2,}\S| {3,}", paragraph, re.M):
            yield f"```text\n{paragraph}\n```"
        else:
            yield escaped(paragraph, module)


def signature(name: str, value: Any) -> str | None:
    """The call of a function or class, with defaults, and without annotations that say nothing."""
    if inspect.isclass(value) and issubclass(value, (enum.Enum, BaseException)):
        return None
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    kept = [p.replace(annotation=p.empty) for p in found.parameters.values()
            if not p.name.startswith("_")]
    text = f"{name}{found.replace(parameters=kept, return_annotation=found.empty)}"
    return re.sub(r"<(?:function|class) '?([\w.]+)[^>]*>|<[^>]*object at 0x\w+>", r"\1", text)


def documentation(value: Any) -> str:
    """The docstring of a value of ingot; of others, which have their own pages, its sentence."""
    doc = inspect.getdoc(value) or ""
    home = getattr(value, "__module__", None) or type(value).__module__
    if home.partition(".")[0] == "ingot":
        return doc
    if isinstance(value, (bool, int, float, str, type(None))):
        return f"The constant `{value!r}`."
    return f"From {home.partition('.')[0]}: `{value!r}`." if not callable(value) else (
        f"{doc.partition(chr(10) * 2)[0]} That of {home.partition('.')[0]}.")


def entry(module: str, name: str, value: Any, level: int = 2) -> Iterator[str]:
    """The part of a page about one name, and about the methods of a class below it."""
    yield f"{'#' * level} {name} {{#{module}.{name}}}".replace("__", r"\_\_")
    call = signature(name, value)
    if call is not None:
        yield f"```python\n{call}\n```"
    yield from body(documentation(value), module)
    if inspect.isclass(value) and value.__module__.startswith("ingot"):
        if issubclass(value, enum.Enum):
            yield "Members: " + ", ".join(f"`{member}`" for member in value.__members__) + "."
        for method, function in methods(value):
            yield from entry(module, f"{name}.{method}", function, level + 1)


def methods(value: type) -> list[tuple[str, Any]]:
    """Public methods and properties of a class that have docstrings, but not those of its base."""
    found = [(name, inspect.getattr_static(value, name)) for name in dir(value)
             if not name.startswith("_")]
    base = value.__mro__[1]
    return [(name, getattr(f, "__func__", f)) for name, f in found
            if inspect.getdoc(f) and (callable(f) or isinstance(f, (property, classmethod)))
            and not (base is not object and hasattr(base, name))]


def page(module: str) -> str:
    """The page of a module."""
    space, names = importlib.import_module(module), public(module)
    primitives = [name for name in names if name.endswith("_p")]
    parts = [f"# {module}", escaped((space.__doc__ or "").strip(), module)]
    parts += ["<div class=\"names\" markdown>", " ".join(
        f"[`{name}`](#{module}.{name})" for name in names if name not in primitives), "</div>"]
    for name, value in names.items():
        if name not in primitives:
            parts += entry(module, name, value)
    if primitives:
        parts += ["## Primitives", "What programs are made of; functions call them.",
                  " ".join(f'<code id="{module}.{name}">{name}</code>' for name in primitives)]
    return "\n\n".join(part for part in parts if part) + "\n"


def overview() -> str:
    """The first page: each module in a sentence."""
    parts = ["# Reference", "Each public name, with its arguments, its result, what it raises and "
             "an example. `x: [...]` reads: an array of any shape; `[n, *rest]`: its first axis "
             "has length n; what stands after `->` is the result. In examples `np` is NumPy, `jnp` "
             "is `ingot.numpy`, and `lax`, `random` and the like are modules of `ingot`."]
    for group, modules in GROUPS.items():
        parts += [f"## {group}", "\n".join(
            f"- [`{module}`]({module}.md): {first_line(module)}" for module in modules)]
    return "\n\n".join(parts) + "\n"


def flags() -> str:
    """The page of flags and environment variables: their names, defaults, uses and values."""
    parts = ["# Flags and environment variables", "Set a flag for all threads by "
             "`ingot.config.update(name, value)`, in a context by `with ingot.config."
             "override(name, value):`, and for a whole process by its environment variable. "
             "`print(ingot.config)` lists them. Under the import hook the names of JAX hold "
             "as well, as `JAX_ENABLE_X64`.",
             "| flag | default | what it does |", "|---|---|---|"]
    rows = [f"| <a id=\"{f.name}\"></a>`{f.name}`<br>`{f.variable}` | `{f.default!r}` |"
            f" {escaped(f.sentence, '')}{choices(f)} |" for f in TABLE]
    return "\n\n".join(parts[:2]) + "\n\n" + "\n".join([*parts[2:], *rows]) + "\n"


def choices(flag: Any) -> str:
    """The values that a flag may have, where they are a list."""
    if flag.choices is None:
        return " Read when ingot is imported." if flag.fixed else ""
    return " One of " + ", ".join(f"`{value!r}`" for value in flag.choices) + "."


def first_line(module: str) -> str:
    """What a module is, by the first line of its docstring."""
    return escaped((importlib.import_module(module).__doc__ or "").strip().partition("\n")[0], "")


def pages() -> dict[str, str]:
    """The text of each page, by its path."""
    return {"reference/index.md": overview(), "reference/flags.md": flags(),
            **{f"reference/{module}.md": page(module) for module in MODULES}}


# ---- hooks of mkdocs ----
def on_config(config: Any) -> Any:
    """Fill in the navigation: a folder stands for the pages in it."""
    config.nav = [expanded(item) for item in config.nav]
    return config


def expanded(item: Any) -> Any:
    """An item of the navigation; a folder, whose name ends in a slash, is the list of its pages."""
    (title, value), = item.items()
    if value == "reference/":
        return {title: ["reference/index.md", {"Flags": "reference/flags.md"}, *(
            {group: [{module.removeprefix("ingot."): f"reference/{module}.md"}
                     for module in modules]} for group, modules in GROUPS.items())]}
    if isinstance(value, list):
        return {title: [expanded(v) if isinstance(v, dict) else v for v in value]}
    if value.endswith("/"):
        found = sorted((DOCS / value).glob("*.md"), key=lambda p: (p.stem != "README", p.stem))
        return {title: [p.relative_to(DOCS).as_posix() for p in found]}
    return item


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the reference to those on disk."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files
