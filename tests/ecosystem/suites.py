"""The packages whose tests are run: where the tests are, what they need, what differs and why."""

import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

PACKAGES = Path(__file__).resolve().parent / "packages"


@dataclass(frozen=True)
class Difference:
    """Tests that pass on JAX and not on ingot; `*` in a pattern stands for anything."""

    tests: tuple[str, ...]
    reason: str

    @cached_property
    def _pattern(self):
        parts = (".*".join(map(re.escape, t.split("*"))) for t in self.tests)
        return re.compile("|".join(f"(?:{p})" for p in parts), re.DOTALL)

    def covers(self, test):
        return self._pattern.fullmatch(test) is not None


@dataclass(frozen=True)
class Suite:
    """A package's tests.

    `source` is `wheel` (the tests are in the installed package), `sdist`, or `URL@REVISION` of a
    repository; `tests` are what pytest is given there. `requires` is what the tests need besides
    the package, `timeout` the seconds that one test may take, `folders` are for Python's path.
    """

    package: str
    version: str
    source: str
    tests: tuple[str, ...]
    requires: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    timeout: float = 300.0
    folders: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def requirements(self):
        return (f"{self.package}=={self.version}", *self.requires)


def known():
    """The names of all packages that there is a file of."""
    return sorted(path.stem for path in PACKAGES.glob("*.toml"))


def load(package, folder=PACKAGES):
    """What the file of a package says; `PACKAGE==VERSION` replaces the version."""
    name, _, version = package.partition("==")
    path = folder / f"{name}.toml"
    if not path.exists():
        raise SystemExit(f"ecosystem: there is no {path}; known packages: {', '.join(known())}")
    table = tomllib.loads(path.read_text("utf-8"))
    differences = tuple(Difference(tuple(d["tests"]), d["reason"])
                        for d in table.pop("differences", ()))
    if version:
        table["version"] = version
    lists = {k: tuple(v) for k, v in table.items() if isinstance(v, list)}
    return Suite(package=name, differences=differences, **{**table, **lists})


def fetch(suite, folder):
    """The folder with the suite's tests, downloaded below `folder` if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    # An empty file here keeps pytest from reading the settings of the repository around it.
    (folder / "pytest.ini").write_text("[pytest]\n")
    if suite.source == "wheel":
        return folder
    target = folder / f"{suite.package}-{suite.version}"
    if target.exists():
        return target
    if suite.source == "sdist":
        _download(suite, folder)
    else:
        url, _, revision = suite.source.rpartition("@")
        partial = folder / f"{target.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        _run("git", "init", "--quiet", str(partial))
        _run("git", "-C", str(partial), "fetch", "--quiet", "--depth", "1", url,
             revision.format(version=suite.version))
        _run("git", "-C", str(partial), "checkout", "--quiet", "FETCH_HEAD")
        partial.rename(target)
    return target


def _download(suite, folder):
    archives = folder / "archives"
    _run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
         "--dest", str(archives), f"{suite.package}=={suite.version}")
    (archive,) = archives.glob(f"{suite.package}-{suite.version}.*")
    shutil.unpack_archive(archive, folder, **({"filter": "data"} if ".tar" in archive.name else {}))


def _run(*command):
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise SystemExit(f"ecosystem: {' '.join(command)} failed")
