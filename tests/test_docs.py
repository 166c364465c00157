"""Pages of the documentation: their code runs and prints what they show; the reference is whole.

The blocks of a page run one after the other with the same names. What a block of Python prints is
the block of text right after it; sessions at Python's prompt are checked as doctests.
"""

import contextlib
import doctest
import importlib.util
import io
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ingot
from ingot.backends.llvm.native.abi import PORTABLE
from ingot.config import TABLE, config

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md")
               if p.parent.name != "decisions" and p.name != "map.md")
BLOCK = re.compile(r"^```(pycon|python)\n(.*?)^```\n(?:\s*```text\n(.*?)^```\n)?", re.M | re.S)
SHOWN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
DEVICES = "INGOT_NUM_CPU_DEVICES=8"  # what a page tells to start Python with
NOT_RUN = re.compile(r"<!-- not run: .+ -->\s*\Z")  # before a block, with the reason
NEEDS = re.compile(r"\A---\nneeds: (.*)\n---\n")  # packages without which a page cannot run


def text_of(page):
    return page.read_text(encoding="utf-8")


def blocks(page):
    """(language, code, output, line) of the blocks of a page."""
    text = text_of(page)
    return [(found[1], found[2], found[3] or "", text.count("\n", 0, found.start()) + 1)
            for found in BLOCK.finditer(text) if not NOT_RUN.search(text, 0, found.start())]


def run_session(page, code, line, names):
    """Faults of a session at Python's prompt, in words."""
    runner, output = doctest.DocTestRunner(optionflags=SHOWN), []
    examples = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), line)
    examples.globs = names  # which the next block goes on with
    runner.run(examples, out=output.append, clear_globs=False)
    return "".join(output) if runner.failures else ""


def run_program(page, code, shown, line, names):
    """Faults of a block of Python: what it raises, or prints and the page does not show."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile("\n" * line + code, str(page), "exec"), names)
    if doctest.OutputChecker().check_output(shown, printed.getvalue(), SHOWN):
        return ""
    return f"{page}:{line}: the page shows\n{shown}\nand the program prints\n{printed.getvalue()}"


def run(page):
    """Run the blocks of a page one after the other; return what is wrong, in words."""
    names, faults = {"__name__": "__main__"}, []
    for language, code, shown, line in blocks(page):
        faults.append(run_session(page, code, line, names) if language == "pycon" else
                      run_program(page, code, shown, line, names))
    return "".join(faults)


def is_alone(page):
    """Whether a page wants a process of its own: other packages, or settings of the environment."""
    return bool(NEEDS.match(text_of(page))) or DEVICES in text_of(page)


def run_alone(page, **environment):
    done = subprocess.run([sys.executable, __file__, page], capture_output=True, text=True,
                          check=False, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr


def name_of(page):
    return page.relative_to(DOCS).with_suffix("").as_posix()


@pytest.mark.llvm("pages show its stages")
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p) and not is_alone(p)], ids=name_of)
def test_pages(page):
    if PORTABLE is not None and page.stem in ("how_it_works", "limit_threads"):
        pytest.skip(f"calls go through Python, on one thread: {PORTABLE}")
    flags = config.snapshot()
    ingot.clear_caches()  # a reader's process has traced nothing but what the page shows
    config.update("check_memory", False)  # which `make memcheck` sets, and pages do not show
    faults = run(page)
    for flag, value in flags.items():
        if getattr(config, flag) != value:
            config.update(flag, value)
    assert not faults, faults


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["llvm", "xla"])
@pytest.mark.parametrize("page", [p for p in PAGES if DEVICES in text_of(p)], ids=name_of)
def test_pages_on_eight_devices(page, backend):
    if backend == "xla":
        pytest.importorskip("jaxlib")
    name, _, number = DEVICES.partition("=")
    run_alone(page, **{name: number, "INGOT_BACKEND": backend})


@pytest.mark.slow
@pytest.mark.llvm("pages show its stages")
@pytest.mark.parametrize("page", [p for p in PAGES if NEEDS.match(text_of(p))], ids=name_of)
def test_pages_with_other_packages(page):
    for package in NEEDS.match(text_of(page))[1].split():
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    run_alone(page)


# ---- the reference ----
@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_public_name_is_in_the_reference(reference):
    pages = reference.pages()
    missing = [f"{module}.{name}" for module in reference.MODULES
               for name in reference.public(module)
               if not re.search(rf'(?:{{#|id="){re.escape(f"{module}.{name}")}["}}]',
                                pages[f"reference/{module}.md"])]
    assert not missing


def test_each_public_module_is_in_the_reference(reference):
    """What `ingot` and its public modules list is there, down to the last module that lists."""
    found, new = set(), ["ingot"]
    while new:
        space = importlib.import_module(new.pop())
        named = [*getattr(space, "__all__", ()), *(dir(space) if "__dir__" in vars(space) else ())]
        inner = {f"{space.__name__}.{name}" for name in named
                 if getattr(getattr(space, name), "__name__", "") == f"{space.__name__}.{name}"}
        modules = {name for name in inner if name in sys.modules} - found
        found |= modules
        new += modules
    empty = {name for name in found if not reference.public(name)}
    assert not found - empty - set(reference.MODULES)


def test_each_flag_is_on_its_page(reference):
    page = reference.pages()["reference/flags.md"]
    for flag in TABLE:
        assert f"`{flag.name}`<br>`{flag.variable}`" in page
    assert page.count("\n| <a") == len(TABLE)


def test_names_in_docstrings_lead_to_their_entries(reference):
    pages = reference.pages()
    assert "`fftn`](#ingot.numpy.fft.fftn)" in pages["reference/ingot.numpy.fft.md"]
    links = [(page, target, anchor) for page, text in pages.items()
             for target, anchor in re.findall(r"\]\(([\w./]*)#([\w.]+)\)", text)]
    assert not [(page, target, anchor) for page, target, anchor in links
                if f"#{anchor}}}" not in pages[f"reference/{target}" if target else page]
                and f'"{anchor}"' not in pages[f"reference/{target}" if target else page]]


if __name__ == "__main__":
    FAULTS = run(Path(sys.argv[1]))
    print(FAULTS)
    sys.exit(bool(FAULTS))


def test_what_is_installed_has_the_name_and_the_extras_of_the_project():
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    sources = [*DOCS.rglob("*.md"), *Path(ingot.__file__).parent.rglob("*.py"),
               DOCS.parent / "README.md"]
    named = {found for path in sources for found in re.findall(
        r"\b(ingot[-\w]*)\[(\w+)\]'", path.read_text("utf-8")) if found[1] != "all"}
    extras = {(project["name"], extra) for extra in project["optional-dependencies"]}
    assert ("ingot-arrays", "xla") in named <= extras, named - extras
