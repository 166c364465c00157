"""The rules of the house: layers, imports, docstrings, length of files, and the map of it all."""

import ast
import importlib.util
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from house import rule_of

_spec = importlib.util.spec_from_file_location(
    "make_map", Path(__file__).resolve().parent.parent / "docs" / "make_map.py"
)
assert _spec is not None and _spec.loader is not None
make_map = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_map)

MODULES = make_map.modules()
BY_NAME = {".".join(m.with_suffix("").parts).removesuffix(".__init__"): m for m in MODULES}
BY_NAME[""] = BY_NAME.pop("__init__", Path("__init__.py"))
# What may be imported when ingot starts; the other dependencies cost too much time.
EARLY = {"numpy", "ml_dtypes", "ingot", *sys.stdlib_module_names}
LATE = {"scipy", "llvmlite", "opt_einsum", "jaxlib", "rich", "tqdm"}  # the last if installed
MAX_LINES = 500

each_module = rule_of(MODULES)


@cache
def tree_of(module):
    return ast.parse((make_map.PACKAGE / module).read_text("utf-8"))


def imported(node, module):
    """Full names that an import statement may bind, for `from a import b` both a.b and a."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = ["ingot", *module.parent.parts]
        base = package[: len(package) - node.level + 1] if node.level else []
        source = ".".join([*base, *([node.module] if node.module else [])])
        return [f"{source}.{alias.name}" for alias in node.names]
    return []


@cache
def imports(module):
    """(node, name, whether inside a function) for all imports of a module."""
    found, left = [], [(tree_of(module), False)]
    while left:
        node, inside = left.pop()
        found += [(node, name, inside) for name in imported(node, module)]
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.stmt | ast.mod | ast.ExceptHandler | ast.match_case):
            left += [(child, inside) for child in ast.iter_child_nodes(node)]
    return found


def own_module(name):
    """The module of ingot that an imported name lies in, None for those of others."""
    head, _, rest = name.partition(".")
    if head != "ingot":
        return None
    if rest in BY_NAME:
        return BY_NAME[rest]
    return BY_NAME.get(rest.rpartition(".")[0])


def own_imports(module):
    pairs = ((node, own_module(name)) for node, name, _ in imports(module))
    return [(node, other) for node, other in pairs if other is not None and other != module]


@each_module
def test_imports_only_from_lower_layers(module):
    for node, other in own_imports(module):
        assert make_map.layer(other) <= make_map.layer(module), (
            f"{module}:{node.lineno} (L{make_map.layer(module)}) imports {other} "
            f"(L{make_map.layer(other)}); move what is shared to a lower layer"
        )


def imports_a_back_end(module):
    """Whether a module may import a back end: back ends, the package itself, tools, compat."""
    return module.parts[0] in ("backends", "__init__.py", "cache.py", "debug.py", "compat")


@each_module
def test_only_the_ends_of_the_house_import_a_back_end(module):
    if not imports_a_back_end(module):
        for node, other in own_imports(module):
            assert other.parts[0] != "backends", (
                f"{module}:{node.lineno} imports {other}; ask core.backend.get_backend() instead")


def test_back_ends_import_no_other():
    for module in MODULES:
        if module.parts[0] == "backends" and len(module.parts) > 2:
            for node, other in own_imports(module):
                assert other.parts[:2] == module.parts[:2] or other.parts[0] != "backends" or (
                    len(other.parts) == 2), f"{module}:{node.lineno} imports {other}"


@each_module
def test_no_own_import_inside_a_function(module):
    late = [f"{module}:{n.lineno} imports {name}" for n, name, inside in imports(module)
            if inside and name.partition(".")[0] == "ingot"]
    assert not late, "; ".join(late)


@each_module
def test_start_up_imports_little(module):
    for node, name, inside in imports(module):
        top = name.partition(".")[0]
        assert top in (EARLY | LATE if inside else EARLY), (
            f"{module}:{node.lineno} imports {top}"
            + (" outside of a function" if top in LATE else ", which ingot does not depend on")
        )


def test_no_import_cycles():
    graph = {m: {other for _, other in own_imports(m) if other.name != "__init__.py"}
             for m in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("import cycle: " + " -> ".join(map(str, error.args[1])))


@each_module
def test_first_line_is_a_sentence(module):
    first = make_map.docstring(module).partition("\n")[0]
    assert first.endswith("."), f"{module}: the first line of its docstring must be one sentence"


@each_module
def test_length(module):
    lines = len((make_map.PACKAGE / module).read_text("utf-8").splitlines())
    reasons = [x for x in make_map.docstring(module).splitlines() if x.startswith("Length:")]
    assert lines <= MAX_LINES or reasons, (
        f"{module} has {lines} lines; split it, or say why not in a line 'Length: ...' of its "
        "docstring"
    )


def test_map_is_up_to_date():
    text = make_map.PAGE.read_text("utf-8")
    assert make_map.page() == text, "the map is out of date; run `make map`"


# ---- tests of these tests ----


def forget():
    tree_of.cache_clear()
    imports.cache_clear()


def planted(tmp_path, monkeypatch, source, name="core/planted.py"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, "utf-8")
    monkeypatch.setattr(make_map, "PACKAGE", tmp_path)
    forget()
    return Path(name)


@pytest.mark.parametrize(("test", "source"), [
    (test_imports_only_from_lower_layers, "from ingot import primitives"),
    (test_imports_only_from_lower_layers, "import ingot.primitives"),
    (test_imports_only_from_lower_layers, "from ..primitives import families"),
    (test_imports_only_from_lower_layers,
     "if True:\n    from ingot.primitives.families import unary"),
    (test_only_the_ends_of_the_house_import_a_back_end, "import ingot.backends.llvm"),
    (test_only_the_ends_of_the_house_import_a_back_end, "from ingot.backends import reference"),
    (test_no_own_import_inside_a_function, "def f():\n    if 1:\n        import ingot.util"),
    (test_start_up_imports_little, "import scipy.linalg"),
    (test_start_up_imports_little, "def f():\n    import jax"),
    (test_first_line_is_a_sentence, '"""Two\nlines."""'),
    (test_length, "\n" * 501),
])  # fmt: skip
def test_faults_are_found(test, source, tmp_path, monkeypatch):
    module = planted(tmp_path, monkeypatch, source)
    with pytest.raises(AssertionError):
        test(module)
    forget()


def test_reasons_are_accepted(tmp_path, monkeypatch):
    source = '"""One table.\n\nLength: the table is one thing."""' + "\n" * 600
    test_length(planted(tmp_path, monkeypatch, source))
    source = "import math\nimport numpy\nimport ingot.util\ndef f():\n    import scipy"
    module = planted(tmp_path, monkeypatch, source)
    test_start_up_imports_little(module)
    test_imports_only_from_lower_layers(module)
    forget()
