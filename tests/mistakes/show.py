"""Print what is said of each mistake: `python show.py [jax|ingot] [words of names]`."""

import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from table import MISTAKES


def outcome(mistake, names):
    """The exception that a program raises, or None, and its traceback as it is printed."""
    file = f"{mistake.name.replace(' ', '_')}.py"
    code = compile(mistake.code, file, "exec")
    try:
        exec(code, dict(names))
    except Exception as error:
        error.__traceback__ = error.__traceback__.tb_next  # this file's frame
        return error, "".join(traceback.format_exception(error))
    return None, ""


def main(which, words):
    if which == "jax":
        import jax
        import jax.numpy as jnp
        from jax import lax
        jax.config.update("jax_enable_x64", True)
    else:
        import ingot as jax
        import ingot.numpy as jnp
        from ingot import lax
    import numpy as np
    names = {"jax": jax, "jnp": jnp, "lax": lax, "np": np}
    for mistake in MISTAKES:
        if all(word in mistake.name for word in words):
            error, text = outcome(mistake, names)
            print(f"======== {mistake.name}: {type(error).__name__}")
            print(text if text else "nothing is raised")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ingot", sys.argv[2:])
