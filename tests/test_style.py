"""How functions are written: their length, their names, and what docstrings say of errors."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import ingot
from house import rule_of

PACKAGE = Path(ingot.__file__).resolve().parent
MODULES = sorted(p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py"))
MAX_LINES = 40
# Functions that are longer; none may be added.
LONGER = {"api/jit.py": {"jit"}}  # thirteen options, each with a sentence
# Modules with docstrings that name an exception without its condition; none may be added.
NO_CONDITION = {
    "primitives/arithmetic.py", "primitives/conv.py", "primitives/decompositions.py",
    "primitives/dynamic_slice.py", "primitives/linalg.py", "primitives/movement.py",
    "primitives/powers.py", "primitives/qr.py", "primitives/select.py",
    "primitives/shape.py", "primitives/slicing.py", "primitives/tridiagonal.py",
    "random/continuous.py", "random/discrete.py",
}

each_module = rule_of(MODULES)


@cache
def nodes(module):
    return list(ast.walk(ast.parse((PACKAGE / module).read_text("utf-8"))))


def functions(module):
    return [n for n in nodes(module) if isinstance(n, ast.FunctionDef)]


def docstrings(module):
    """(line, text) of the docstrings of a module and of what is defined in it."""
    for node in nodes(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def texts(module):
    """Docstrings and other strings, which may be messages."""
    return [(n.lineno, n.value) for n in nodes(module)
            if isinstance(n, ast.Constant) and isinstance(n.value, str)]


# ---- rules ----
@each_module
def test_functions_are_short(module):
    long = {n.name: n.end_lineno - n.lineno + 1 for n in functions(module)
            if n.end_lineno - n.lineno >= MAX_LINES and n.name not in LONGER.get(module, ())}
    assert not long, f"{module}: more than {MAX_LINES} lines, split by meaning: {long}"


@each_module
def test_raises_names_a_class_and_a_condition(module):
    """`Raises ValueError if ...`: a class alone does not say when it is raised."""
    for line, text in docstrings(module):
        found = re.search(r"\bRaises (\w+)(\.\s|\.?$)", " ".join(text.split()))
        assert not found or module in NO_CONDITION, (
            f"{module}:{line}: 'Raises {found[1]}' must be followed by a condition")


@each_module
def test_each_is_per(module):
    """'Per axis', 'one per leaf': 'an axis' is one axis, not each."""
    for line, text in texts(module):
        found = re.search(r"\bone (?:\w+ )?an? (?:axis|leaf|array|operand|element|core)\b", text)
        assert not found, f"{module}:{line}: {found[0]!r}; write 'per'"


# ---- tests of these tests ----
FAULTS = [
    (test_functions_are_short, "def f():\n" + "    x = 1\n" * 40),
    (test_raises_names_a_class_and_a_condition, '"""A module. Raises ValueError."""'),
    (test_raises_names_a_class_and_a_condition, 'def f():\n    """F.\n\n    Raises\n    TypeError.'
                                                '"""'),
    (test_each_is_per, 'raise ValueError("one start an axis is needed")'),
]


@pytest.mark.parametrize(("test", "source"), FAULTS)
def test_faults_are_found(test, source, tmp_path, monkeypatch):
    (tmp_path / "planted.py").write_text(source, "utf-8")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    nodes.cache_clear()
    with pytest.raises(AssertionError):
        test("planted.py")
    nodes.cache_clear()


def test_no_exception_is_left_over():
    """What has been split is taken off the list."""
    long = {module: {n.name for n in functions(module) if n.end_lineno - n.lineno >= MAX_LINES}
            for module in LONGER}
    assert long == LONGER
