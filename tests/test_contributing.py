"""What CONTRIBUTING.md shows as changes can be applied, and does what the guide says."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^```diff\n(.*?)^```\n\n```sh\n(.*?)\n```$", re.M | re.S)
SECTIONS = [part for part in GUIDE.split("\n## ") if EXAMPLE.search(part)]


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git to apply changes")


@pytest.fixture
def copy(tmp_path):
    """A copy of what the examples change and run."""
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name,
                        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_there_are_examples():
    assert [part.partition("\n")[0] for part in SECTIONS] == [
        "Add an operation", "Add a pass", "Add a back end"]


@needs_git
def test_the_changes_apply(copy):
    """The quick part of the next test, for those who change what the page shows."""
    for section in SECTIONS:
        change = EXAMPLE.findall(section)[0][0]
        subprocess.run(["git", "apply", "--check", "-"], input=change, text=True, cwd=copy,
                       check=True)


@pytest.mark.slow
@pytest.mark.llvm("one example is a pass of LLVM's compiler")
@needs_git
@pytest.mark.parametrize("section", SECTIONS, ids=lambda part: part.partition("\n")[0])
def test_an_example(section, copy):
    (change, command), = EXAMPLE.findall(section)
    subprocess.run(["git", "apply", "-"], input=change, text=True, cwd=copy, check=True)
    words = shlex.split(command)
    flags = dict(word.split("=") for word in words if re.match(r"\w+=", word))
    _, *arguments = words[len(flags):]
    environment = {**os.environ, **flags, "PYTHONPATH": str(copy / "src")}
    done = subprocess.run([sys.executable, *arguments, "-q", "-p", "no:cacheprovider"], cwd=copy,
                          env=environment, capture_output=True, text=True)
    assert not done.returncode and " passed" in done.stdout, done.stdout[-2000:] + done.stderr
