"""The import hook, in processes of its own: the ways to start a program, what `jax` is then, and
what the doctor says of a package."""

import importlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from ingot.compat import names

SOURCE = Path(__file__).resolve().parent.parent / "src"


def python(*arguments, cwd=None, **variables):
    """Run Python with ingot on its path; the finished process."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "INGOT_", "XLA_"))}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, text=True, capture_output=True,
                          env={**kept, "PYTHONPATH": str(SOURCE), **variables}, timeout=120)


def prints(expected, *arguments, **rest):
    done = python(*arguments, **rest)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == expected.split()


def test_ways_to_start_a_program(tmp_path):
    code = "import sys, jax; print(jax.jit(lambda x: x + 1)(1), *sys.argv[1:], __name__)"
    (tmp_path / "script.py").write_text(code)
    (tmp_path / "beside.py").write_text("")
    prints("2 a b __main__", "-m", "ingot", "script.py", "a", "b", cwd=tmp_path)
    prints("2 a b __main__", "-m", "ingot", "-m", "script", "a", "b", cwd=tmp_path)
    prints("2 a b __main__", "-m", "ingot", "-c", code, "a", "b", cwd=tmp_path)
    prints("2 __main__", "-c", f"import ingot.as_jax; {code}")


@pytest.mark.parametrize("arguments, says", [
    (["nowhere.py"], "there is no file 'nowhere.py'; "), (["-m", "nowhere"], "there is no module"),
    (["info"], "--help")])
def test_what_is_not_there(arguments, says, tmp_path):
    done = python("-m", "ingot", *arguments, cwd=tmp_path)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr


def test_errors_begin_with_the_script(tmp_path):
    (tmp_path / "script.py").write_text("import jax\n1 / 0\n")
    done = python("-m", "ingot", "script.py", cwd=tmp_path)
    first, second, *_, last = done.stderr.splitlines()
    assert done.returncode == 1 and first.startswith("Traceback")
    assert second.strip().startswith('File "script.py", line 2')
    assert last == "ZeroDivisionError: division by zero"


def test_ipython_loads_an_extension():
    pytest.importorskip("IPython")
    prints("2 float32", "-c", textwrap.dedent("""
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell()
        for cell in ("%load_ext ingot.as_jax", "import jax",
                     "print(jax.jit(lambda x: x + 1)(1), jax.numpy.zeros(1).dtype)"):
            shell.run_cell(cell).raise_error()
    """))


def test_defaults_and_variables_are_those_of_jax():
    code = "import jax.numpy as jnp; print(jnp.zeros(1).dtype)"
    prints("float32", "-m", "ingot", "-c", code)
    prints("float64", "-m", "ingot", "-c", code, JAX_ENABLE_X64="1")
    prints("2.0 1.0", "-m", "ingot", "-c", "import jax; x = jax.numpy.arange(3.0);"
           " print(x[7], x.at[7].set(5.0)[1])")


def test_versions_patches_pickles_and_children():
    prints("0.10.2 0.10.2 5 True float32", "-m", "ingot", "-c", textwrap.dedent("""
        import importlib.metadata, pickle, subprocess, sys
        from unittest import mock
        import jax, jax.numpy as jnp
        print(importlib.metadata.version("jaxlib"), jax.__version__)
        with mock.patch("jax.numpy.sin", lambda x: 5):
            print(jnp.sin(0))
        print(pickle.loads(pickle.dumps(jnp.sin)) is jnp.sin and
              pickle.loads(pickle.dumps(jax.numpy)) is jnp, flush=True)
        subprocess.run([sys.executable, "-c",
                        "import jax; print(jax.numpy.ones(1).dtype)"])
    """))


def test_served_modules_have_files():
    code = """
        import ingot.as_jax, inspect, os
        import jax, jax.numpy, jax.scipy.special, jaxlib
        for module in (jax, jax.numpy, jax.scipy.special, jaxlib):
            assert os.path.isfile(module.__file__), module
            assert inspect.getsourcefile(module) == module.__file__
        assert os.path.basename(os.path.dirname(jax.__file__)) == "jax"
        assert list(jax.__path__) == [os.path.dirname(jax.__file__)]
        assert jax.numpy.__file__.endswith(os.path.join("ingot", "numpy", "__init__.py"))
        assert not list(jax.numpy.__path__) and jax.scipy.special.erfcinv(1.0) == 0
        try:
            import jax.nothing
        except ModuleNotFoundError:
            print("none")
    """
    prints("none", "-c", textwrap.dedent(code))


def test_jax_itself_must_not_be_there_already():
    pytest.importorskip("jax")
    done = python("-c", "import jax\nimport ingot.as_jax")
    assert done.returncode == 1
    assert "already imported" in done.stderr and "python -m ingot" in done.stderr


def test_types_of_hijax_can_be_defined_and_not_used():
    """Flax's modules define such types, and use them only where they are told to."""
    expected = "mine Mine NotImplementedError pytree TypeError"
    prints(expected, "-m", "ingot", "-c", textwrap.dedent("""
        import jax
        from jax.experimental import hijax
        from jax.extend.core import Effect
        class Mine(Effect): ...
        class Value: ...
        class Type(hijax.MutableHiType):
            get = hijax.aval_method(lambda self: 1)
            size = hijax.aval_property(fget=lambda self: 1)
        class Get(hijax.HiPrimitive):
            def abstract_eval(self, x): return x
        hijax.control_flow_allowed_effects.add_type(Mine)
        hijax.register_hitype(Value, lambda value: Type())
        get = Get("mine")
        print(get.name, Mine())
        try:
            get.bind(1)
        except NotImplementedError as error:
            print(type(error).__name__, *(w for w in ("pytree",) if w in str(error)))
        try:
            jax.jit(lambda x: x)(Value())
        except TypeError as error:
            print(type(error).__name__)
    """))


@pytest.fixture
def package(tmp_path):
    """A package that asks for some names that JAX has and ingot has not."""
    folder = tmp_path / "patient"
    folder.mkdir()
    (folder / "__init__.py").write_text(textwrap.dedent("""
        import jax
        from jax import numpy as jnp
        from jax.core import ShapedArray
        ours = getattr(jax.lax, "no_such_operation", None)
        try:
            from jax.experimental import mosaic
        except ImportError:
            mosaic = None
    """))
    (folder / "inner.py").write_text("from jax.numpy import no_such_function\n")
    (folder / "inner_test.py").write_text("from jax.numpy import no_such_thing_in_tests\n")
    return tmp_path


def test_the_doctor_names_what_a_package_misses(package):
    done = python("-m", "ingot", "doctor", "patient", PYTHONPATH=f"{SOURCE}{os.pathsep}{package}")
    assert done.returncode == 0, done.stderr
    assert "patient asked for 2 names that are not here" in done.stdout
    assert "jax.lax.no_such_operation" in done.stdout
    assert "jax.experimental.mosaic" in done.stdout and "accelerators" in done.stdout
    assert "patient can be imported" in done.stdout and "no_such_function" not in done.stdout


def test_the_doctor_looks_into_all_modules(package):
    done = python("-m", "ingot", "doctor", "patient", "--deep",
                  PYTHONPATH=f"{SOURCE}{os.pathsep}{package}")
    assert done.returncode == 1
    assert "import patient.inner failed" in done.stdout
    assert "jax.numpy.no_such_function" in done.stdout
    assert "in_tests" not in done.stdout


def test_the_doctor_in_a_folder_that_holds_one_of_its_name(package):
    (package / "doctor").mkdir()
    done = python("-m", "ingot", "doctor", "patient", cwd=package)
    assert done.returncode == 0 and "patient can be imported" in done.stdout


def test_the_doctor_on_what_is_not_installed():
    done = python("-m", "ingot", "doctor", "no_such_package")
    assert done.returncode == 1 and "No module named 'no_such_package'" in done.stdout
    assert python("-m", "ingot", "doctor", "--deep").returncode == 2


@pytest.mark.parametrize("portable", ["0", "1"])
def test_the_doctor_says_in_which_mode_ingot_is(portable):
    """As print_environment_info does, of JAX's names."""
    mode = "portable, as INGOT_PORTABLE is set" if portable == "1" else "ordinary"
    doctor = python("-m", "ingot", "doctor", INGOT_PORTABLE=portable)
    jax = python("-m", "ingot", "-c", "import jax\njax.print_environment_info()\n"
                 "assert 'numpy: ' in jax.print_environment_info(return_string=True)",
                 INGOT_PORTABLE=portable)
    for done in (doctor, jax):
        assert f"\nmode: {mode}\n" in done.stdout, done.stderr
        assert f"\nnumpy: {np.__version__}\n" in done.stdout


def test_options_are_contexts_that_have_a_value():
    prints("9 True 10", "-m", "ingot", "-c", (
        "from jax._src import config\n"
        "version = config.jax_export_calling_convention_version\n"
        "with version(9), config.jax_debug_nans(True):\n"
        "    print(version.value, config.jax_debug_nans.value, end=' ')\n"
        "print(version.value)"))


def test_every_name_leads_to_something():
    """What JAX's modules and names are taken from is there."""
    lost = []
    for name, sources in names.MODULES.items():
        for source in [sources] if isinstance(sources, str) else sources:
            try:
                importlib.import_module(source)
            except ImportError as error:
                lost.append(f"{name}: {error}")
    for name, source in names.NAMES.items():
        if isinstance(source, str) and ":" in source:
            module, _, attribute = source.partition(":")
            if not hasattr(importlib.import_module(module), attribute):
                lost.append(f"{name}: {source}")
    assert not lost


def test_back_ends_are_known_once_devices_were_asked_for():
    prints("[] 6 ['cpu']", "-W", "ignore", "-c", textwrap.dedent("""
        import os, ingot.as_jax, jax
        from jax._src import xla_bridge
        print(list(xla_bridge._backends))
        os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=6"
        print(len(jax.devices("cpu")), list(xla_bridge._backends))
        """))
